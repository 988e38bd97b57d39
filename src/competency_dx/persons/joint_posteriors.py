"""The posterior of several competencies by expectation propagation or, of a general and specific ones, by dimension reduction.

Propagation is for items that measure one competency each, reduction (kernels/grid/bifactor.py) for those that measure the general one.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

import numpy as np
from scipy.special import ndtr, ndtri

from competency_dx.arrays import Bools, Codes, Floats, Ints, T, blocks, value
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid import Design, by_dimension, prepare
from competency_dx.kernels.grid.bifactor import Axes, BifactorTerms, IndependentNormals, Reduced, bifactor_terms, reduced
from competency_dx.kernels.grid.product import block_size
from competency_dx.kernels.persons import sum_score_likelihood
from competency_dx.kernels.propagation import Block, Settled, Sites, SweepControl, lowest_precision, settle, settled_persons
from competency_dx.kernels.propagation.settled_persons import EvenModel, Mixture
from competency_dx.models import ItemParameters, NormalPopulation, averaged_log_probabilities
from competency_dx.persons.draws import NOTHING, MarginalDensity, Posterior, PosteriorMoments, as_it_is, inverse_cdf
from competency_dx.persons.grids import EAP, ItemUncertainty, Trial, axis, normal_tables, passing, uncertain_items
from competency_dx.persons.matching import Matched

LEAST_ON_AXIS, MOST_ON_AXIS = 31, 201
MOST_POINTS = 801
SETTLED = 1e-2  # of a posterior SD: the sweep after would move by a tenth of it, and populations differ by a hundred times that


@value
class ReducedPosterior(Posterior):
    """Posterior of the general competency on one axis and of each specific one given it on another."""

    design: Design
    terms: BifactorTerms
    populations: IndependentNormals

    def moments(self) -> PosteriorMoments:
        """Return means, covariances and evidence."""
        return PosteriorMoments.of_blocks((found for _, found in self._mapped(_reduced_moments)), self.design.persons)

    def marginals(self, dimension: int, function: Callable[[slice, MarginalDensity], None]) -> None:
        """Call ``function(block, marginal)`` with the marginals of a competency."""
        theta = self.terms.axes.specific if dimension else self.terms.axes.general
        for block, found in self._mapped(as_it_is):
            weight = found.general if not dimension else np.einsum("pq,pqa->pa", found.general, found.given[dimension - 1])
            function(block, MarginalDensity.of(theta, weight[: block.stop - block.start]))

    def transformed(self, uniform: Floats) -> Floats:
        """Return points (P, n, D): the general competency, then the specific ones given it."""
        out, at = np.empty_like(uniform), self.terms.axes
        for block, found in self._mapped(as_it_is):
            n = block.stop - block.start
            rows = np.arange(n)
            general = np.log(np.maximum(found.general[:n], NOTHING))
            given = [np.log(np.maximum(g[:n], NOTHING)) for g in found.given]
            for m in range(uniform.shape[1]):
                theta = inverse_cdf(general, at.general, uniform[block, m, 0])
                place = np.clip((theta - at.general[0]) / (at.general[1] - at.general[0]), 0, len(at.general) - 1.001)
                left = place.astype(np.int64)
                share = (place - left)[:, None]
                out[block, m, 0] = theta
                for s, table in enumerate(given):
                    between = (1 - share) * table[rows, left] + share * table[rows, left + 1]
                    out[block, m, s + 1] = inverse_cdf(between, at.specific, uniform[block, m, s + 1])
        return out

    def _mapped(self, function: Callable[[BifactorTerms, Reduced], T]) -> Iterator[tuple[slice, T]]:
        """Yield blocks of persons with a function of their posteriors; the last block is filled up by its last person."""
        P, size = self.design.persons, block_size(len(self.terms.axes.points) * max(1, len(self.terms.testlets) // 2))
        rows = (np.minimum(np.arange(at, at + size), P - 1) for at in range(0, P, size))
        one = partial(_block, self.terms, self.populations, function)
        return zip(blocks(P, size), map_pieces(one, map(self.design.take, rows), executor=self.executor), strict=True)


def _block(terms: BifactorTerms, populations: IndependentNormals, function: Callable[[BifactorTerms, Reduced], T], design: Design) -> T:
    return function(terms, reduced(terms, design, populations))


def _reduced_moments(terms: BifactorTerms, found: Reduced) -> tuple[Floats, Floats, Floats]:
    """Return means (p, D), covariances (p, D, D) and log evidence of a block: specific ones are independent given the general."""
    eta = terms.axes.specific
    first = np.stack([np.broadcast_to(terms.axes.general, found.general.shape), *(g @ eta for g in found.given)], axis=2)
    within = np.stack([np.zeros(found.general.shape), *(g @ eta**2 - (g @ eta) ** 2 for g in found.given)], axis=2)
    mean = np.einsum("pq,pqd->pd", found.general, first)
    off = first - mean[:, None]
    covariance = np.einsum("pq,pqd,pqe->pde", found.general, off, off)
    d = np.arange(mean.shape[1])
    covariance[:, d, d] += np.einsum("pq,pqd->pd", found.general, within)
    return mean, covariance, found.evidence


def reduces(known: ItemParameters) -> bool:
    """Return whether all items measure the first of independent competencies, and at most one of the others."""
    V = known.population.covariance
    independent = not (V - np.diag(np.diag(V))).any()
    return independent and bool(known.loads[:, 0].all()) and bool((known.loads[:, 1:].sum(axis=1) <= 1).all())


def reduced_posterior(matched: Matched, known: ItemParameters, method: EAP) -> ReducedPosterior:
    """Return the posterior given answers to items of a general and at most one specific competency."""
    at, log_prob, specific = _plane(known, method.points, method.item_uncertainty)
    answers, populations = prepare(matched.codes, matched.observed, known.n_categories), _populations(known)
    design = by_dimension(answers, specific, parts=len(known.dimensions))
    terms, D, executor = bifactor_terms(design, at, log_prob, populations), known.dimensions, method.executor
    return ReducedPosterior(
        persons=matched.persons, dimensions=D, design=design, terms=terms, populations=populations, executor=executor
    )


def _populations(known: ItemParameters) -> IndependentNormals:
    return IndependentNormals(known.population.mean[:1], np.diag(known.population.covariance)[None], np.zeros(1, dtype=np.int64))


@lru_cache(maxsize=8)
def _plane(known: ItemParameters, points: int, choice: ItemUncertainty) -> tuple[Axes, Floats, Ints]:
    """Return axes that pass the check, log P (I, K, Q A), and the specific competency of items, S for those without one."""
    S, rest = len(known.dimensions) - 1, known.loads[:, 1:]
    specific = np.where(rest.any(axis=1), rest.argmax(axis=1), S)
    columns = np.stack([np.zeros(len(specific), dtype=np.int64), np.where(specific < S, specific + 1, 1)], axis=1)
    plane = known.seen_along(columns, NormalPopulation(dimensions=known.dimensions[:2], mean=np.zeros(2), covariance=np.eye(2)))
    populations = _populations(known)
    uncertain, sd = uncertain_items(plane, choice), np.sqrt(populations.variance[0])
    mean, wide = float(populations.mean[0]), float(sd[1:].max())

    def build(within: int, reach: float) -> Trial[tuple[Axes, Floats, Ints]]:
        general = axis(mean - reach * sd[0], mean + reach * sd[0], float(sd[0]), within, MOST_ON_AXIS)
        special = axis(-reach * wide, reach * wide, float(sd[1:].min()), within, MOST_ON_AXIS)
        at = Axes(general, special, (float(sd[0]), float(sd[1:].min())))
        log_prob = averaged_log_probabilities(plane, at.points, uncertain)
        table = log_prob.reshape(*log_prob.shape[:2], len(general), len(special))
        middles = [table[specific == s][:, :, len(general) // 2] for s in range(S)]
        tried = [normal_tables(general / sd[0], mean / sd[0], 1.0, table[:, :, :, len(special) // 2])]
        tried += [normal_tables(special / sd[s + 1], 0.0, 1.0, middle) for s, middle in enumerate(middles)]
        return Trial((at, log_prob, specific), at.spacing, len(general) < MOST_ON_AXIS, 1.0, tried)

    return passing(build, min(points, LEAST_ON_AXIS))


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
