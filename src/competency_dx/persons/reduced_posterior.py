"""The posterior of one general and several specific competencies by dimension reduction (kernels/grid/bifactor.py)."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np

from competency_dx.arrays import Floats, Ints, blocks, value
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid import prepare
from competency_dx.kernels.grid.bifactor import Axes, BifactorTerms, IndependentNormals, Reduced, bifactor_terms, reduced
from competency_dx.kernels.grid.by_dimension import Design, by_dimension
from competency_dx.kernels.grid.product import block_size
from competency_dx.models import ItemParameters, NormalPopulation, averaged_log_probabilities
from competency_dx.persons.choices import EAP, ItemUncertainty
from competency_dx.persons.draws import NOTHING, MarginalDensity, Posterior, PosteriorMoments, as_it_is, inverse_cdf
from competency_dx.persons.grids import Trial, axis, normal_tables, passing, uncertain_items
from competency_dx.persons.matching import Matched

T = TypeVar("T")

LEAST_POINTS, MOST_POINTS = 31, 201


@value
class ReducedPosterior(Posterior):
    """Posterior of the general competency on one axis and of each specific one given it on another."""

    design: Design
    terms: BifactorTerms
    populations: IndependentNormals

    def moments(self) -> PosteriorMoments:
        """Return means, covariances and evidence."""
        return PosteriorMoments.of_blocks((found for _, found in self._mapped(_moments)), self.design.persons)

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


def _moments(terms: BifactorTerms, found: Reduced) -> tuple[Floats, Floats, Floats]:
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
        general = axis(mean - reach * sd[0], mean + reach * sd[0], float(sd[0]), within, MOST_POINTS)
        special = axis(-reach * wide, reach * wide, float(sd[1:].min()), within, MOST_POINTS)
        at = Axes(general, special, (float(sd[0]), float(sd[1:].min())))
        log_prob = averaged_log_probabilities(plane, at.points, uncertain)
        table = log_prob.reshape(*log_prob.shape[:2], len(general), len(special))
        middles = [table[specific == s][:, :, len(general) // 2] for s in range(S)]
        tried = [normal_tables(general / sd[0], mean / sd[0], 1.0, table[:, :, :, len(special) // 2])]
        tried += [normal_tables(special / sd[s + 1], 0.0, 1.0, middle) for s, middle in enumerate(middles)]
        return Trial((at, log_prob, specific), at.spacing, len(general) < MOST_POINTS, 1.0, tried)

    return passing(build, min(points, LEAST_POINTS))
