"""The posterior of persons: what their answers, the item parameters and the population say of their competencies.

Every statement about persons is one about this posterior. `posterior_of` chooses how it is integrated: on one grid for one
competency; for several by expectation propagation where each item measures one, by dimension reduction where all measure a
general one, else on a lattice for each person. Grids are decided by items and population, lattices by the answers of the person:
nobody's numbers depend on who else is in the table.
"""

from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.kernels.grid import Answers, Tables, prepare
from competency_dx.kernels.persons import BLOCK, for_each_posterior, sum_score_likelihood, summarise
from competency_dx.models import ItemParameters
from competency_dx.persons.choices import EAP
from competency_dx.persons.draws import MarginalDensity, Posterior, PosteriorMoments, inverse_cdf
from competency_dx.persons.grids import scoring_grid
from competency_dx.persons.lattice_posterior import lattice_posterior
from competency_dx.persons.matching import Matched
from competency_dx.persons.propagated_posterior import propagated_posterior
from competency_dx.persons.reduced_posterior import reduced_posterior, reduces

DEFAULT_METHOD = EAP()


@value
class ExactPosterior(Posterior):
    """Posterior of one competency on the points of `tables`, log weights the population, 0 where `Answers.normal` has persons'."""

    answers: Answers
    tables: Tables

    def moments(self) -> PosteriorMoments:
        """Return mean and variance (Bock & Mislevy 1982), evidence and the mass at the ends."""
        mean, sd, end_mass, log_evidence = summarise(self.answers, self.tables, self.executor)
        return PosteriorMoments(mean[:, None], (sd**2)[:, None, None], log_evidence, end_mass)

    def each(self, function: Callable[[slice, Floats, Floats], None], *, size: int = BLOCK) -> None:
        """Call ``function(block, weight, log_scale)`` with weights (size, Q) up to a factor; see `for_each_posterior`."""
        for_each_posterior(self.answers, self.tables, function, size=size)

    def weights(self) -> Floats:
        """Return the posterior weights of the points (P, Q)."""
        out = np.empty((len(self.answers.codes), len(self.tables.theta)))

        def one(block: slice, weight: Floats, _: Floats) -> None:
            kept = weight[: block.stop - block.start]
            out[block] = kept / kept.sum(axis=1, keepdims=True)

        self.each(one)
        return out

    def marginals(self, dimension: int, function: Callable[[slice, MarginalDensity], None]) -> None:  # noqa: ARG002 - the only one
        """Call ``function(block, marginal)`` for blocks of persons."""
        theta = self.tables.theta
        self.each(lambda block, weight, _: function(block, MarginalDensity.of(theta, weight[: block.stop - block.start])))

    def transformed(self, uniform: Floats) -> Floats:
        """Return points (P, n, 1) of the posterior for uniforms (P, n, 1): quantiles."""
        out = np.empty_like(uniform)

        def one(block: slice, marginal: MarginalDensity) -> None:
            out[block, :, 0] = inverse_cdf(marginal.log_density, self.tables.theta, uniform[block, :, 0])

        self.marginals(0, one)
        return out


def posterior_of(matched: Matched, known: ItemParameters, method: EAP = DEFAULT_METHOD) -> Posterior:
    """Return the posterior of matched persons under the population of the item parameters.

    Raises `ScoringError` when items measure several of more than three competencies and no dimension reduction fits.
    """
    if len(known.dimensions) == 1:
        return posterior_on(matched, known, scoring_grid(known, method.points, method.item_uncertainty), executor=method.executor)
    if known.between:
        return propagated_posterior(matched, known, method)
    return (reduced_posterior if reduces(known) else lattice_posterior)(matched, known, method)


def posterior_on(matched: Matched, known: ItemParameters, grid: Tables, *, executor: Executor | None = None) -> ExactPosterior:
    """Return the posterior of one competency on given tables."""
    answers = prepare(matched.codes, matched.observed, known.n_categories)
    return ExactPosterior(persons=matched.persons, dimensions=known.dimensions, answers=answers, tables=grid, executor=executor)


def given_sums(matched: Matched, known: ItemParameters, grid: Tables) -> tuple[Floats, Floats]:
    """Return EAP and SD given the sum of points (P,) (Thissen et al. 1995), a table for every set of items answered."""
    theta, sd = np.empty(len(matched.codes)), np.empty(len(matched.codes))
    patterns, group = np.unique(matched.observed, axis=0, return_inverse=True)
    sums = matched.codes.sum(axis=1, dtype=np.int64)
    for g, pattern in enumerate(patterns):
        mean, spread, _ = sum_score_table(known, grid, np.flatnonzero(pattern))
        who = group.ravel() == g
        theta[who], sd[who] = mean[sums[who]], spread[sums[who]]
    return theta, sd


def sum_score_table(known: ItemParameters, grid: Tables, items: Ints) -> tuple[Floats, Floats, Floats]:
    """Return EAP, SD and probability (S + 1,) of every sum of points on the items with these positions."""
    weight = sum_score_likelihood(np.exp(grid.log_prob[items]), known.n_categories[items]) * np.exp(grid.log_weight)
    probability = weight.sum(axis=1)
    weight /= probability[:, None]
    mean = weight @ grid.theta
    return mean, np.sqrt(np.maximum(weight @ grid.theta**2 - mean**2, 0.0)), probability / probability.sum()
