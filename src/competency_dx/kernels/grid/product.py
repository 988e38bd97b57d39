"""Several dimensions on a product grid: support points, E-step, scores of persons, and information by Louis' identity.

Points θ = c + B u stand on a uniform product grid of u, with B the symmetric root of the population's covariance (the mean one
of several groups): however correlated the dimensions are, the population is as wide as the grid in every direction, and points
more than 6 SD away from every population are left out. The rectangle rule on this lattice errs by about
2 exp(-2 π² kᵀWk / h²) for the least wide direction k of its dual, small whole numbers, where W is the covariance of u in the
posterior and h the spacing (Trefethen & Weideman 2014, doi:10.1137/130932132): √(kᵀWk) is what `narrowest` reports.

Information is by Louis' identity, as in louis.py. A posterior in several dimensions lives on a small part of the grid; sums over
complete-data scores run over the points that carry it, one by one, and are exact there. Scores of populations are as for
`ep_likelihood`: with y = Σ_g⁻¹(θ - μ_p), w_r y_d by γ_rd and y_a y_b (half of it for a = b) by Σ_ab, up to constants.
"""

from concurrent.futures import Executor
from functools import lru_cache, partial
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, taken
from competency_dx.kernels.grid import REACH, Answers, Expected, JointTerms, Tables, added, indicators, joined, joint_terms, normalise
from competency_dx.kernels.grid.louis import Depth, by_pattern, expected_scores, halves, pairs, size

MOST_PERSONS, LEAST_PERSONS = 256, 16  # of a block
MOST_NUMBERS = 4_000_000  # of a block's posteriors
SLACK = 1e-9
CHEQUERED = 4
Singles = NDArray[np.float32]
BLOCK = 64
NEGLIGIBLE = 1e-9  # share of the largest mass below which a point does not count


class Grid(NamedTuple):
    """Points θ (Q, D) = c + B u with B (D, D), the spacing of u, and the SD of the narrowest population along an axis of u.

    In four dimensions every other point of the product grid is left out, as on a chequerboard: the nearest directions of the dual
    are as far as before (it is the lattice D₄; Conway & Sloane 1999, doi:10.1007/978-1-4757-6568-7, ch. 4).
    """

    theta: Floats
    root: Floats
    spacing: float
    unit: float

    @property
    def log_cell(self) -> float:
        """Return the log volume of a cell."""
        D = len(self.root)
        return float(np.linalg.slogdet(self.root)[1] + D * np.log(self.spacing) + np.log(2.0 if D == CHEQUERED else 1.0))


class Normals(NamedTuple):
    """Populations of persons: `group` (P,), `regressors` (P, R), `mean` (P, D), one row for everybody, `covariance` (G, D, D)."""

    group: Ints
    regressors: Floats
    mean: Floats
    covariance: Floats

    @property
    def shared(self) -> bool:
        """Return whether all persons come from one population."""
        return len(self.mean) == 1

    def take(self, persons: Ints | slice) -> "Normals":
        """Return the populations of some of the persons."""
        return self if self.shared else Normals(self.group[persons], self.regressors[persons], self.mean[persons], self.covariance)


def product_grid(points: int, means: tuple[Floats, Floats], covariance: Floats) -> Grid:
    """Return a grid with `points` to ±6 SD of the narrowest population along the axes of u; points far from all are left out.

    `means` are the lowest and the highest of each population (G, D), `covariance` is (G, D, D).
    """
    (lowest, highest), (values, vectors) = means, np.linalg.eigh(covariance.mean(axis=0))
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse = (vectors / np.sqrt(values)) @ vectors.T
    centre = (lowest.min(axis=0) + highest.max(axis=0)) / 2
    middle = ((lowest + highest) / 2 - centre) @ inverse
    half = (highest - lowest) / 2 @ np.abs(inverse)
    low, high = middle - half, middle + half
    own = inverse @ covariance @ inverse
    sd = np.sqrt(np.diagonal(own, axis1=1, axis2=2))
    unit = float(sd.min())
    spacing = 2 * REACH * unit / (points - 1)
    reach = np.stack([(low - REACH * sd).min(axis=0), (high + REACH * sd).max(axis=0)])
    steps = np.ceil((reach[1] - reach[0]) / spacing - SLACK).astype(np.int64)  # of axes symmetric about the middle of a range
    axes = [(a + b) / 2 + spacing * (np.arange(n + 1) - n / 2) for a, b, n in zip(*reach, steps.tolist(), strict=True)]
    u = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    if len(axes) == CHEQUERED:
        u = u[np.indices([len(axis) for axis in axes]).sum(axis=0).ravel() % 2 == 0]
    near = np.zeros(len(u), dtype=np.bool_)
    for at, to, precision in zip(low, high, np.linalg.inv(own), strict=True):
        off = u - np.clip(u, at, to)
        near |= np.einsum("qa,qa->q", off @ precision, off) <= REACH**2 * (1 + SLACK)
    return Grid(centre + u[near] @ root, root, spacing, unit)


@lru_cache(maxsize=8)
def dual_directions(D: int) -> Floats:
    """Return the nearest directions of the dual lattice, one of each opposite pair (N, D)."""
    steps = [k for k in product((-1.0, 0.0, 1.0), repeat=D) if any(k)]
    if D == CHEQUERED:
        steps += list(product((-0.5, 0.5), repeat=D))
    return np.array([k for k in steps if next(x for x in k if x) > 0])


def features(theta: Floats) -> Floats:
    """Return 1, θ_d and θ_a θ_b for a <= b (1 + D + T, Q) at points θ (Q, D)."""
    a, b = pairs(theta.shape[1])
    return np.concatenate([np.ones((1, len(theta))), theta.T, theta.T[a] * theta.T[b]])


def prior_coefficients(normals: Normals, log_cell: float) -> Floats:
    """Return the coefficients (P, 1 + D + T) of `features` in the log weights of the points under each population."""
    inverse = np.linalg.inv(normals.covariance)
    D = inverse.shape[1]
    a, b = pairs(D)
    constant = log_cell - 0.5 * np.linalg.slogdet(normals.covariance)[1] - 0.5 * D * np.log(2 * np.pi)
    linear = (inverse[normals.group] @ normals.mean[:, :, None])[:, :, 0]
    first = constant[normals.group] - 0.5 * (linear * normals.mean).sum(axis=1)
    square = -inverse[:, a, b] * np.where(a == b, 0.5, 1.0)
    return np.concatenate([first[:, None], linear, square[normals.group]], axis=1)


class GridTerms(NamedTuple):
    """Terms of the log joint: those of marginal.py, `features` of the points, and coefficients of priors (None where shared)."""

    joint: JointTerms
    features: Floats
    prior: Floats | None


def grid_terms(answers: Answers, theta: Floats, log_prob: Floats, *, log_cell: float, normals: Normals) -> GridTerms:
    """Return the terms of the log joint for item tables (I, K, Q) at points θ (Q, D), in the precision of the tables."""
    kind, powers = log_prob.dtype, features(theta)
    prior = prior_coefficients(normals, log_cell)
    weight = np.zeros(len(theta))
    if normals.shared:
        weight = prior[0] @ powers
        weight -= np.log(np.exp(weight).sum())
    joint = joint_terms(answers, Tables(theta.astype(kind), weight.astype(kind), log_prob))
    return GridTerms(joint, powers.astype(kind), None if normals.shared else prior.astype(kind))


def posterior_of(terms: GridTerms, answers: Answers, prior: Floats | None) -> tuple[Floats, Floats, Floats, Floats | None]:
    """Return log evidence (p,), posteriors (p, Q), indicators Z and the mask of missing answers of a block."""
    Z, absent = indicators(answers, slice(None), terms.features.dtype)
    joint = joined(Z, absent, terms.joint)
    if prior is not None:
        joint += prior @ terms.features
    return (*normalise(joint), Z, absent)


def block_size(points: int) -> int:
    """Return the persons of a block for a number of points: memory stays flat as grids grow."""
    return int(np.clip(MOST_NUMBERS // points, LEAST_PERSONS, MOST_PERSONS))


def grid_e_step(answers: Answers, grid: Grid, log_prob: Floats, normals: Normals, *, executor: Executor | None = None) -> Expected:
    """Return log-likelihood, counts, moments in the precision of the tables (I, K, Q); blocks add up in double, in order."""
    terms = grid_terms(answers, grid.theta, log_prob, log_cell=grid.log_cell, normals=normals)
    dual = dual_directions(len(grid.root)) @ np.linalg.inv(grid.root)
    parts = taken(len(answers.codes), block_size(len(grid.theta)), answers, terms.prior)
    return added(map_pieces(partial(_block_statistics, terms._replace(prior=None), dual), parts, executor=executor))


def _block_statistics(terms: GridTerms, dual: Floats, piece: tuple[Answers, Floats | None]) -> Expected:
    """Return the statistics of one block of persons, its `narrowest` a variance."""
    answers, prior = piece
    evidence, posterior, Z, absent = posterior_of(terms, answers, prior)
    moments = (posterior @ terms.features[1:].T).astype(np.float64)
    D = dual.shape[1]
    mean, second = moments[:, :D], moments[:, D:]
    narrowest = float(np.einsum("pnd,nd->pn", dual @ posterior_covariance(mean, second), dual).min(initial=np.inf))
    if answers.weight is not None:
        evidence = evidence * answers.weight
        posterior *= answers.weight.astype(posterior.dtype)[:, None]
    nodes = posterior.sum(axis=0, dtype=np.float64)
    totals = np.broadcast_to(nodes, (answers.codes.shape[1], len(nodes))) if absent is None else nodes - absent.T @ posterior
    upper = (Z.T @ posterior).astype(np.float64)
    return Expected(float(evidence.sum(dtype=np.float64)), upper, totals, nodes, mean, second, narrowest)


def posterior_covariance(mean: Floats, second: Floats) -> Floats:
    """Return covariances (P, D, D) of means (P, D) and second moments (P, T)."""
    D = mean.shape[1]
    a, b = pairs(D)
    out = np.empty((len(mean), D, D))
    out[:, a, b] = out[:, b, a] = second - mean[:, a] * mean[:, b]
    return out


class ItemTables(NamedTuple):
    """Item parameters at the points: log P (I, K, Q), derivatives of log P by N of the parameters (K, N, Q), their items (N,)."""

    log_prob: Floats
    derivatives: Floats
    owner: Ints

    def by_answer(self, chosen: Ints | slice = slice(None)) -> Floats:
        """Return the derivatives by chosen parameters (n (K + 1), Q), with a category K for no answer, where they are 0."""
        padded = np.pad(self.derivatives[:, chosen], ((0, 1), (0, 0), (0, 0)))
        return padded.transpose(1, 0, 2).reshape(-1, padded.shape[2])


class _Frame(NamedTuple):
    """What blocks share: derivatives (N (K + 1), Q), category K for no answer; `population` (H, Q), scores of one that all share."""

    theta: Floats
    terms: GridTerms
    derivatives: Floats
    single: Singles
    owner: Ints
    width: int
    groups: int
    population: Singles | None


_Piece = tuple[Answers, Normals, Floats | None]  # of a block of persons, with the coefficients of priors


def grid_missing_information(
    answers: Answers, grid: Grid, tables: ItemTables, normals: Normals, *, depth: Depth = "exact", executor: Executor | None = None
) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (N + H, N + H) of N item and H population parameters; a ``"guide"`` is of a few thousand persons."""
    order = by_pattern((answers,), depth)
    frame, prior = _frame(answers, grid, tables, normals)
    out = np.zeros((len(tables.owner) + size(normals.regressors.shape[1], frame.groups, grid.theta.shape[1]),) * 2)
    for place, part in map_pieces(partial(_block_information, frame), taken(order, BLOCK, answers, normals, prior), executor=executor):
        out[np.ix_(place, place)] += part
    return np.asarray(out * (len(answers.codes) / len(order)))


def grid_person_scores(answers: Answers, grid: Grid, tables: ItemTables, normals: Normals, *, executor: Executor | None) -> Floats:
    """Return the gradient of each person's log-likelihood (P, N + H), case weights left aside."""
    frame, prior = _frame(answers, grid, tables, normals)
    chosen = taken(np.arange(len(answers.codes)), BLOCK, answers, normals, prior)
    return np.concatenate(list(map_pieces(partial(_block_scores, frame), chosen, executor=executor)))


def _frame(answers: Answers, grid: Grid, tables: ItemTables, normals: Normals) -> tuple[_Frame, Floats | None]:
    """Return what blocks share, and the coefficients of priors (P, 1 + D + T)."""
    terms = grid_terms(answers, grid.theta, tables.log_prob, log_cell=grid.log_cell, normals=normals)
    rows, population = tables.by_answer(), None
    if normals.shared:
        inverse = np.asarray(np.linalg.inv(normals.covariance), dtype=np.float64)
        population = _population_scores(grid.theta - normals.mean, inverse, 0, normals.regressors[0]).astype(np.float32)
    bare, width, G = terms._replace(prior=None), len(tables.derivatives) + 1, len(normals.covariance)
    return _Frame(grid.theta, bare, rows, rows.astype(np.float32), tables.owner, width, G, population), terms.prior


def _block_information(frame: _Frame, piece: _Piece) -> tuple[Ints, Floats]:
    """Return Σ_p Cov[S_p | x_p] of a block over the parameters it meets, and these; single precision within a person."""
    (answers, normals, _), (posterior, met, rows, means) = piece, _met(frame, piece)
    weight = np.ones(len(posterior)) if answers.weight is None else answers.weight
    inverse = np.asarray(np.linalg.inv(normals.covariance), dtype=np.float64)
    H = means.shape[1] - len(met)
    out = -(means.T * weight) @ means
    for p, mass in enumerate(posterior):
        at = np.flatnonzero(mass > NEGLIGIBLE * mass.max())
        scores = np.empty((len(met) + H, len(at)), dtype=np.float32)
        np.take(frame.single[rows[p]], at, axis=1, out=scores[: len(met)])
        if frame.population is not None:
            np.take(frame.population, at, axis=1, out=scores[len(met) :])
        else:
            off, g = frame.theta[at] - normals.mean[p], int(normals.group[p])
            scores[len(met) :] = _population_scores(off, inverse, g, normals.regressors[p])
        scores *= np.sqrt(weight[p] * mass[at]).astype(np.float32)
        out += scores @ scores.T
    return np.concatenate([met, len(frame.owner) + np.arange(H)]), out


def _block_scores(frame: _Frame, piece: _Piece) -> Floats:
    """Return E[S_p | x_p] (p, N + H) of a block."""
    _, met, _, means = _met(frame, piece)
    items = np.zeros((len(means), len(frame.owner)))
    items[:, met] = means[:, : len(met)]
    return np.concatenate([items, means[:, len(met) :]], axis=1)


def _met(frame: _Frame, piece: _Piece) -> tuple[Floats, Ints, Ints, Floats]:
    """Return posteriors (p, Q), parameters met (F,), rows of derivatives (p, F), scores of them and the populations (p, F + H)."""
    (answers, (group, w, mean, covariance), prior), none, D = piece, frame.width - 1, frame.theta.shape[1]
    _, posterior, _, _ = posterior_of(frame.terms, answers, prior)
    codes = answers.coded(none)
    met = np.flatnonzero(np.asarray((codes != none).any(axis=0))[frame.owner])
    rows = met * frame.width + codes[:, frame.owner[met]]
    used, place = np.unique(rows, return_inverse=True)
    items = np.take_along_axis(posterior @ frame.derivatives[used].T, place.reshape(rows.shape), axis=1)
    moments = posterior @ features(frame.theta)[1:].T
    spread = posterior_covariance(moments[:, :D], moments[:, D:])
    population = expected_scores(moments[:, :D] - mean, spread, covariance=covariance, group=group, regressors=w)
    return posterior, met, rows, np.concatenate([items, population], axis=1)


def _population_scores(off: Floats, inverse: Floats, g: int, w: Floats) -> Floats:
    """Return the scores (H, n) of the populations for a person of group g with regressors w (R,), at θ - μ (n, D)."""
    D = off.shape[1]
    a, b = pairs(D)
    y, half = (off @ inverse[g]).T, halves(D)[:, None]
    T, first = len(a), len(w) * D
    out = np.zeros((size(len(w), len(inverse), D), len(off)))
    out[:first] = (w[:, None, None] * y).reshape(first, len(off))
    out[first + g * T : first + (g + 1) * T] = (y[a] * y[b] - inverse[g][a, b][:, None]) * half
    return out
