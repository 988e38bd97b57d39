"""The studies by name, in the order of the page."""

from __future__ import annotations

from functools import lru_cache

from recovery_study import family_designs, population_designs, survey_designs
from recovery_study.design import Study

MAKERS = (
    family_designs.families,
    family_designs.from_prior,
    family_designs.missing,
    population_designs.correlations,
    population_designs.short_competencies,
    population_designs.regression,
    population_designs.groups,
    survey_designs.survey,
    family_designs.long_tests,
)


@lru_cache(maxsize=4)
def studies(divisor: int = 1) -> dict[str, Study]:
    """Return the studies; their replications are divided by `divisor`."""
    made = [maker(divisor) for maker in MAKERS]
    return {study.name: study for study in made}
