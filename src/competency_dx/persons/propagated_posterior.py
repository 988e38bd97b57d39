"""The posterior of several competencies by expectation propagation, where every item measures one of them."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
from scipy.special import ndtr, ndtri

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, value
from competency_dx.kernels.persons import sum_score_likelihood
from competency_dx.kernels.propagation import Block, Settled, Sites, SweepControl, lowest_precision, settle, settled_persons
from competency_dx.kernels.propagation.settled_persons import EvenModel, Mixture
from competency_dx.models import ItemParameters, averaged_log_probabilities
from competency_dx.persons.choices import EAP, ItemUncertainty
from competency_dx.persons.draws import NOTHING, MarginalDensity, Posterior, PosteriorMoments, inverse_cdf
from competency_dx.persons.grids import Trial, axis, normal_tables, passing, uncertain_items
from competency_dx.persons.matching import Matched

T = TypeVar("T")

MOST_POINTS = 801
SETTLED = 1e-2  # of a posterior SD: the sweep after would move by a tenth of it, and populations differ by a hundred times that


@value
class EPPosterior(Posterior):
    """Posterior of D competencies with one Gaussian site for each person and competency, under one or several populations.

    `given` are the categories and the mask of the answers (P, I). Where the model has several populations, everything is averaged
    by what the person's answers say of each.
    """

    model: EvenModel
    given: tuple[Codes, Bools]

    def moments(self) -> PosteriorMoments:
        """Return means and covariances; those of single competencies are those of the tilted marginals."""
        return PosteriorMoments.of_blocks(self.each(_moments), len(self.persons))

    def marginals(self, dimension: int, function: Callable[[slice, MarginalDensity], None]) -> None:
        """Call ``function(block, marginal)`` with the tilted marginals of a competency."""
        for block, settled in self._blocks():
            function(block, self._marginal(settled, dimension, block))

    def transformed(self, uniform: Floats) -> Floats:
        """Return points (P, n, D): normal with the posterior's correlations (by Cholesky), stretched to the tilted marginals."""
        out = np.empty_like(uniform)
        for block, settled in self._blocks():
            root = np.linalg.cholesky(settled.correlations.transpose(2, 0, 1)[: block.stop - block.start])
            level = ndtr(ndtri(uniform[block]) @ root.transpose(0, 2, 1))
            for d in range(uniform.shape[2]):
                theta, log_density = self._marginal(settled, d, block)
                out[block, :, d] = inverse_cdf(log_density, theta, level[:, :, d])
        return out

    def _blocks(self) -> Iterator[tuple[slice, Settled]]:
        return ((slice(int(rows[0]), int(rows[-1]) + 1), settled) for rows, settled in self.each(lambda m: (m.rows, m.joined())))

    def each(self, function: Callable[[Mixture], T]) -> Iterator[T]:
        """Yield a function of each block of persons, computed where the blocks are."""
        control = settled_persons.EVEN if len(self.model.floor) == 1 else settled_persons.EVEN._replace(tolerance=SETTLED)
        return settled_persons.settled_blocks(self.model, self.given, function, control=control, executor=self.executor)

    def _marginal(self, settled: Settled, d: int, block: slice) -> MarginalDensity:
        return MarginalDensity.of(self.model.theta, np.ascontiguousarray(settled.tilted[d].T[: block.stop - block.start]))


def _moments(mixture: Mixture) -> tuple[Floats, Floats, Floats]:
    found = mixture.joined()
    return found.mean.T, found.covariance.transpose(2, 0, 1), found.evidence


def propagated_posterior(matched: Matched, known: ItemParameters, method: EAP) -> EPPosterior:
    """Return the posterior given answers to items that measure one competency each."""
    population = known.population.mean, known.population.covariance[None], np.zeros(1)
    curves = curves_of(known, method.points, method.item_uncertainty)
    model = settled_persons.even_model((known.n_categories, known.dimension_index), curves, population)
    given, how = (matched.codes, matched.observed), method.executor
    return EPPosterior(persons=matched.persons, dimensions=known.dimensions, executor=how, model=model, given=given)


@lru_cache(maxsize=8)
def curves_of(known: ItemParameters, points: int, choice: ItemUncertainty) -> tuple[Floats, Floats]:
    """Return one grid θ (Q,) for all competencies, fine enough for the sharpest, and log-probabilities (I, K, Q) on it.

    A competency is at its narrowest where the others are certain: its prior precision is then that of Σ⁻¹.
    """
    single, mean, V = known.single(), known.population.mean, known.population.covariance
    sd, uncertain, precision = np.sqrt(np.diag(V)), uncertain_items(single, choice), np.diag(np.linalg.inv(V))
    items = [np.flatnonzero(known.dimension_index == d) for d in range(len(sd))]
    unit = float(sd.min())

    def build(within: int, reach: float) -> Trial[tuple[Floats, Floats]]:
        theta = axis((mean - reach * sd).min(), (mean + reach * sd).max(), unit, within, MOST_POINTS)
        log_prob = averaged_log_probabilities(single, theta, uncertain)
        tried = [
            normal_tables(theta, mean[d], variance, log_prob[of])
            for d, of in enumerate(items)
            for variance in (V[d, d], 1 / precision[d])
        ]
        return Trial((theta, log_prob), (theta[1] - theta[0]) / unit, len(theta) < MOST_POINTS, unit, tried)

    return passing(build, points)


def propagated_given_sums(matched: Matched, known: ItemParameters, points: int, choice: ItemUncertainty) -> tuple[Floats, Floats]:
    """Return means (P, D) and covariances (P, D, D) given the sum of points on each competency."""
    theta, log_prob = curves_of(known, points, choice)
    P, D, population = len(matched.codes), len(known.dimensions), known.population
    tables = [_sum_tables(matched, known, np.exp(log_prob), d) for d in range(D)]
    mean, covariance = np.empty((P, D)), np.empty((P, D, D))
    size, floor = settled_persons.POSTERIOR_BLOCK, lowest_precision(population.covariance[None])
    for block in blocks(P, size):
        n, rows = block.stop - block.start, np.minimum(np.arange(block.start, block.start + size), P - 1)
        log_likelihood = np.stack([table[row[rows]].T for table, row, _ in tables])
        answered = np.stack([anything[rows] for _, _, anything in tables])
        prior = np.repeat(population.mean[:, None], size, axis=1), np.repeat(population.covariance[:, :, None], size, axis=2)
        piece = Block(theta, log_likelihood, *prior, np.repeat(floor, size), answered)
        settled = settle(piece, Sites(np.zeros((D, size)), np.zeros((D, size))), SweepControl())
        mean[block], covariance[block] = settled.mean.T[:n], settled.covariance.transpose(2, 0, 1)[:n]
    return mean, covariance


def _sum_tables(matched: Matched, known: ItemParameters, prob: Floats, dimension: int) -> tuple[Floats, Ints, Bools]:
    """Return log-likelihoods (R, Q) of sums, a table for each set of items answered, the row of persons (P,), who answered any."""
    items = np.flatnonzero(known.dimension_index == dimension)
    observed = matched.observed[:, items]
    patterns, group = np.unique(observed, axis=0, return_inverse=True)
    sums = np.where(observed, matched.codes[:, items], 0).sum(axis=1, dtype=np.int64)
    parts, first = [], [0]
    for pattern in patterns:
        chosen = items[pattern]
        parts.append(np.log(np.maximum(sum_score_likelihood(prob[chosen], known.n_categories[chosen]), NOTHING)))
        first.append(first[-1] + len(parts[-1]))
    row = np.asarray(np.array(first)[group.ravel()] + sums, dtype=np.int64)
    return np.concatenate(parts), row, np.asarray(observed.any(axis=1))
