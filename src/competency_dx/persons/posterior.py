"""The posterior of persons: what their answers, the item parameters and the population say of their competencies.

Every statement about persons is one about this posterior. `posterior_of` chooses how it is integrated: on one grid for one
competency; for several by expectation propagation where each item measures one, by dimension reduction where all measure a
general one, else on a lattice for each person. Grids are decided by items and population, lattices by the answers of the person:
nobody's numbers depend on who else is in the table.

A lattice: points θ = m + L z with z within a ball, m the posterior mean of the person and L Lᵀ its covariance, both
renewed from coarser lattices that start at the mode (Naylor & Smith 1982, doi:10.2307/2347995). In z the posterior has unit
covariance, so that the spacing is a stated share of its SD in every direction and nothing is left outside the ball, however
long and sharp the test is. The rectangle rule on it errs by about 2 exp(-2π²/h²) (kernels/grid). Blocks of persons
have one size, so a person has the same digits in any company.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints, T, blocks, readonly, value
from competency_dx.errors import ScoringError
from competency_dx.kernels import families
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid import REACH, Answers, Tables, prepare
from competency_dx.kernels.persons import BLOCK, filled_table, for_each_posterior, joint_modes, sum_score_likelihood, summarise
from competency_dx.models import ItemParameters, averaged_log_probabilities
from competency_dx.persons.draws import NOTHING, MarginalDensity, Posterior, PosteriorMoments, as_it_is, inverse_cdf
from competency_dx.persons.grids import DEFAULT_METHOD, EAP, scoring_grid, uncertain_items
from competency_dx.persons.joint_posteriors import propagated_posterior, reduced_posterior, reduces
from competency_dx.persons.matching import Matched

Piece = tuple[int, Codes, Bools, Floats, Floats]  # number of persons, answers, modes and spreads of a block
MODES = 64  # persons to a block of modes
POINTS = 8192  # points of all persons of a block
COARSE = {2: (0.9, 4), 3: (1.0, 4)}  # spacing in posterior SD, steps from the middle to the rim of the ball
FINE = {2: (0.75, 8), 3: (1.0, 6)}
DENSE = {2: (0.4, 15), 3: (0.6, 9)}  # for densities and draws, log-linear between the points
OUTSIDE = -700.0  # log density beyond the rim
RIDGE = 1e-12


class Lattice(NamedTuple):
    """Points z (Q, D) within a ball, their places (Q, D) in a box of `width` a side, and the spacing."""

    z: Floats
    place: Ints
    width: int
    spacing: float


class Settings(NamedTuple):
    """What blocks share: item parameters, which items are uncertain (I,), and the passes of lattices."""

    known: ItemParameters
    uncertain: Bools
    precision: Floats
    coarse: Lattice
    fine: Lattice
    dense: Lattice


class Placed(NamedTuple):
    """Centres m (p, D), roots L (p, D, D) of a block, log densities (p, Q) at the points of the lattice, and their log total."""

    centre: Floats
    root: Floats
    log_density: Floats
    log_total: Floats


@lru_cache(maxsize=8)
def lattice(D: int, spacing: float, steps: int) -> Lattice:
    """Return the whole points of a ball, times the spacing."""
    box = np.stack(np.meshgrid(*[np.arange(-steps, steps + 1)] * D, indexing="ij"), axis=-1).reshape(-1, D)
    inside = box[(box**2).sum(axis=1) <= steps**2]
    return Lattice(readonly(spacing * inside), readonly(inside + steps), 2 * steps + 1, spacing)


@value
class LatticePosterior(Posterior):
    """Posterior of persons given codes and mask (P, I), on lattices of their own."""

    codes: Codes
    observed: Bools
    settings: Settings

    def moments(self) -> PosteriorMoments:
        """Return means, covariances and evidence."""
        found = self._mapped(_moments, self.settings.fine, range(len(self.dimensions)))
        return PosteriorMoments.of_blocks((part for _, part in found), len(self.codes))

    def marginals(self, dimension: int, function: Callable[[slice, MarginalDensity], None]) -> None:
        """Call ``function(block, marginal)``: the lattice with this competency's axis first, summed over the others."""
        order = [dimension, *(d for d in range(len(self.dimensions)) if d != dimension)]
        for block, marginal in self._mapped(_first_marginal, self.settings.dense, order):
            function(block, MarginalDensity(*(x[: block.stop - block.start] for x in marginal)))

    def transformed(self, uniform: Floats) -> Floats:
        """Return points (P, n, D): the first competency, then each given those before it (Rosenblatt 1952)."""
        out = np.empty_like(uniform)
        for block, placed in self._mapped(as_it_is, self.settings.dense, range(uniform.shape[2])):
            out[block] = _transformed(Placed(*(x[: block.stop - block.start] for x in placed)), self.settings.dense, uniform[block])
        return out

    def _mapped(self, function: Callable[[Lattice, Placed], T], last: Lattice, order: range | list[int]) -> Iterator[tuple[slice, T]]:
        """Yield blocks of persons with a function of the last lattice placed for them, axes in the given order."""
        P, size = len(self.codes), max(1, POINTS // len(last.z))
        mode, spread = modes(self.settings.known, self.codes, self.observed)
        cuts = list(blocks(P, size))
        pieces = ((b.stop - b.start, *(filled_table(x[b], size) for x in (self.codes, self.observed, mode, spread))) for b in cuts)
        one = partial(_block, self.settings, function, last, list(order))
        return zip(cuts, map_pieces(one, pieces, executor=self.executor), strict=True)


def modes(known: ItemParameters, codes: Codes, observed: Bools) -> tuple[Floats, Floats]:
    """Return joint modes (P, D) with the inverse observed information (P, D, D), block by block of one size."""
    population, curves = known.population, partial(families.predictor_curves, known.groups, known.beta, allowed=known.allowed)
    prior = population.mean, np.asarray(np.linalg.inv(population.covariance), dtype=np.float64)
    reach = REACH * np.sqrt(np.diag(population.covariance))
    P, D = len(codes), known.slopes.shape[1]
    theta, covariance = np.empty((P, D)), np.empty((P, D, D))
    for block in blocks(P, MODES):
        n = block.stop - block.start
        x, V = joint_modes(curves, known.slopes, filled_table(codes[block], MODES), filled_table(observed[block], MODES), prior, reach)
        theta[block], covariance[block] = x[:n], V[:n]
    return theta, covariance


def lattice_posterior(matched: Matched, known: ItemParameters, method: EAP) -> LatticePosterior:
    """Return the posterior given answers to items of up to three competencies each; raises `ScoringError` with more."""
    if (D := len(known.dimensions)) not in FINE:
        raise ScoringError("persons.lattice_too_large", d=D, dimensions=known.dimensions)
    precision = np.asarray(np.linalg.inv(known.population.covariance), dtype=np.float64)
    passes = (lattice(D, *how[D]) for how in (COARSE, FINE, DENSE))
    settings = Settings(known, uncertain_items(known, method.item_uncertainty), precision, *passes)
    codes, observed, how = matched.codes, matched.observed, method.executor
    return LatticePosterior(
        persons=matched.persons, dimensions=known.dimensions, executor=how, codes=codes, observed=observed, settings=settings
    )


def _block(settings: Settings, function: Callable[[Lattice, Placed], T], last: Lattice, order: list[int], piece: Piece) -> T:
    """Return a function of the lattice that has settled on the posterior of each person of a block."""
    n, codes, observed, mode, spread = piece
    D = mode.shape[1]
    spread = spread + np.where(np.arange(len(mode)) < n, 0.0, 1.0)[:, None, None] * np.eye(D)
    centre, covariance = mode, spread
    for _ in range(2):
        centre, covariance = _spread(settings.coarse, _placed(settings, settings.coarse, codes, observed, centre, covariance, range(D)))
    return function(last, _placed(settings, last, codes, observed, centre, covariance, order))


def _placed(
    settings: Settings, lattice_: Lattice, codes: Codes, observed: Bools, centre: Floats, covariance: Floats, order: list[int] | range
) -> Placed:
    """Return the log densities of the posterior at the points of a lattice about given means and covariances."""
    at, back = list(order), np.argsort(list(order))
    root: Floats = np.linalg.cholesky(covariance[:, at][:, :, at] + RIDGE * np.eye(len(at))).astype(np.float64)
    theta = (centre[:, None, at] + np.einsum("pab,qb->pqa", root, lattice_.z))[:, :, back]
    p, Q, D = theta.shape
    table = averaged_log_probabilities(settings.known, theta.reshape(p * Q, D), settings.uncertain)
    table = table.reshape(*table.shape[:2], p, Q)
    own = np.take_along_axis(table, codes.T.astype(np.int64)[:, None, :, None], axis=1)[:, 0]
    off = theta - settings.known.population.mean
    density = np.where(observed.T[:, :, None], own, 0.0).sum(axis=0) - 0.5 * np.einsum("pqd,de,pqe->pq", off, settings.precision, off)
    top = density.max(axis=1)
    log_cell = np.log(np.einsum("paa->pa", root)).sum(axis=1) + D * np.log(lattice_.spacing)
    constant = 0.5 * np.linalg.slogdet(settings.precision)[1] - 0.5 * D * np.log(2 * np.pi)
    total = np.log(np.exp(density - top[:, None]).sum(axis=1)) + top + log_cell + constant
    return Placed(centre[:, at], root, density - top[:, None], total)


def _spread(lattice_: Lattice, placed: Placed) -> tuple[Floats, Floats]:
    """Return posterior means (p, D) and covariances (p, D, D), axes as placed."""
    weight = np.exp(placed.log_density)
    weight /= weight.sum(axis=1)[:, None]
    first = weight @ lattice_.z
    second = np.einsum("pq,qa,qb->pab", weight, lattice_.z, lattice_.z) - first[:, :, None] * first[:, None, :]
    return placed.centre + np.einsum("pab,pb->pa", placed.root, first), placed.root @ second @ placed.root.transpose(0, 2, 1)


def _moments(lattice_: Lattice, placed: Placed) -> tuple[Floats, Floats, Floats]:
    return (*_spread(lattice_, placed), placed.log_total)


def _first_marginal(lattice_: Lattice, placed: Placed) -> MarginalDensity:
    box = _boxed(lattice_, placed.log_density)
    summed = np.log(np.maximum(np.exp(box).reshape(len(box), box.shape[1], -1).sum(axis=2), NOTHING))
    steps = np.arange(lattice_.width) - lattice_.width // 2
    return MarginalDensity(placed.centre[:, :1] + placed.root[:, :1, 0] * lattice_.spacing * steps, summed)


def _boxed(lattice_: Lattice, log_density: Floats) -> Floats:
    """Return log densities in a box (p, width, …), nearly nothing beyond the ball."""
    out = np.full((len(log_density), *[lattice_.width] * lattice_.place.shape[1]), OUTSIDE)
    out[(slice(None), *lattice_.place.T)] = log_density
    return out


def _transformed(placed: Placed, lattice_: Lattice, uniform: Floats) -> Floats:
    """Return points (p, n, D) of a block for uniforms of the same shape."""
    D, half, rows = uniform.shape[2], lattice_.width // 2, np.arange(len(uniform))
    axis: Floats = lattice_.spacing * np.arange(-half, half + 1, dtype=np.float64)
    box = _boxed(lattice_, placed.log_density)
    out = np.empty_like(uniform)
    for m in range(uniform.shape[1]):
        z, rest = np.empty((len(uniform), D)), box
        for d in range(D):
            summed = np.exp(rest).reshape(*rest.shape[:2], -1).sum(axis=2)
            log_density: Floats = np.log(np.maximum(summed, NOTHING)).astype(np.float64)
            z[:, d] = inverse_cdf(log_density, axis, uniform[:, m, d])
            if d < D - 1:  # the densities at this place of the first axis, log-linear between the points, highest 0
                place = z[:, d] / lattice_.spacing + half
                left = np.clip(place.astype(np.int64), 0, rest.shape[1] - 2)
                share = (place - left).reshape(-1, *[1] * (rest.ndim - 2))
                rest = (1 - share) * rest[rows, left] + share * rest[rows, left + 1]
                rest -= rest.reshape(len(rest), -1).max(axis=1).reshape(share.shape)
        out[:, m] = placed.centre + np.einsum("pab,pb->pa", placed.root, z)
    return out


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
