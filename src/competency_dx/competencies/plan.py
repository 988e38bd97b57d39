"""Everything about a bank and its standards that does not depend on the persons; made once and kept while it is used."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.bank import Item, ItemBank, Text
from competency_dx.competencies.conclusion import ItemFact
from competency_dx.competencies.percent import PercentCurve, percent_curve
from competency_dx.competencies.percent_given_answers import Informed, informed_moments
from competency_dx.competencies.standards import Standards
from competency_dx.competencies.units import Units, reporting_units
from competency_dx.kernels.grid.e_step import Tables
from competency_dx.models import (
    ItemParameters,
    bank_parameters,
    curve_information,
    informed_scores,
    uncertain_scores,
)
from competency_dx.scoring import scoring_grid, uncertain_items

POINTS = 241
SMOOTH_POINTS = 121  # enough where every item is uncertain, for then D is no step at any θ
KEPT = 16


class Plan(NamedTuple):
    """Parameters (I items), units (C), grid (Q points), expected scores (I, Q), information (I, Q), percent by unit (C)."""

    parameters: ItemParameters
    units: Units
    grid: Tables
    score: Floats
    information: Floats
    curves: tuple[PercentCurve, ...]
    informed: tuple[Informed | None, ...]
    standards: Standards
    facts: tuple[ItemFact, ...]


@lru_cache(maxsize=KEPT)
def plan(bank: ItemBank, standards: Standards) -> Plan:
    """Return the plan of a bank under standards; both are frozen and compared by identity."""
    parameters = bank_parameters(bank)
    units = reporting_units(bank, parameters)
    uncertain: Bools = uncertain_items(parameters, "provisional")
    grid = scoring_grid(parameters, SMOOTH_POINTS if uncertain.all() else POINTS, "provisional")
    score, variance = uncertain_scores(parameters, grid.theta, uncertain)
    points = parameters.n_categories - 1
    return Plan(
        parameters=parameters,
        units=units,
        grid=grid,
        score=score,
        information=curve_information(grid.log_prob, grid.theta),
        informed=_informed(parameters, units, grid.theta, (score, variance), uncertain),
        standards=standards,
        curves=tuple(percent_curve(score, variance, points, r, standards.cuts) for r in units.reference),
        facts=tuple(
            _fact(bank.item(item), parameters, k, units, score, grid.theta) for k, item in enumerate(parameters.items)
        ),
    )


def _informed(
    parameters: ItemParameters, units: Units, theta: Floats, scores: tuple[Floats, Floats], uncertain: Bools
) -> tuple[Informed | None, ...]:
    """Return for each unit the moments of its reference items given answers, None where all of them are certain."""
    if not uncertain.any():
        return (None,) * len(units.competencies)
    by_answer, points = informed_scores(parameters, theta, uncertain), parameters.n_categories - 1
    return tuple(
        informed_moments(*scores, by_answer, points, reference) if uncertain[reference].any() else None
        for reference in units.reference
    )


def _fact(item: Item, parameters: ItemParameters, k: int, units: Units, score: Floats, theta: Floats) -> ItemFact:
    half = (parameters.n_categories[k] - 1) / 2
    curve = score[k]
    inside = curve[0] <= half <= curve[-1]
    return ItemFact(
        item=item.id,
        title=item.title or Text(ru=item.id, en=item.id),
        topics=tuple(item.competencies),
        competencies=tuple(u.code for u, has in zip(units.competencies, units.member[:, k], strict=True) if has),
        max_score=item.max_score,
        difficulty=float(np.interp(half, curve, theta)) if inside else float("nan"),
        status=parameters.statuses[k],
    )
