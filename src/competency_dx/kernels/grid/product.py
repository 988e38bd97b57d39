"""Several dimensions on a product grid: support points, E-step, scores of persons, and information by Louis' identity.

Points θ = c + B u stand on a uniform product grid of u, with B the symmetric root of the population's covariance (the mean one
of several groups): however correlated the dimensions are, the population is as wide as the grid in every direction, and points
more than 6 SD away from every population are left out. The rectangle rule on this lattice errs by about
2 exp(-2 π² kᵀWk / h²) for the least wide direction k of its dual, small whole numbers, where W is the covariance of u in the
posterior and h the spacing (Trefethen & Weideman 2014, doi:10.1137/130932132): √(kᵀWk) is what `narrowest` reports.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import lru_cache, partial
from itertools import product
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, taken
from competency_dx.kernels.grid import REACH, Answers, Expected, JointTerms, Tables, added, indicators, joined, joint_terms, normalise
from competency_dx.kernels.normal_population import pairs

MOST_PERSONS, LEAST_PERSONS = 256, 16  # of a block
MOST_NUMBERS = 4_000_000  # of a block's posteriors
SLACK = 1e-9
CHEQUERED = 4


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

    def take(self, persons: Ints | slice) -> Normals:
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
    bare = terms._replace(prior=None)
    parts = taken(len(answers.codes), block_size(len(grid.theta)), answers, terms.prior)
    return added(map_pieces(partial(_block_statistics, bare, dual), parts, executor=executor))


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
