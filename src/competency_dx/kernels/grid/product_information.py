"""What persons' posteriors on a product grid say of the complete-data scores: their means, and their covariances.

I = Σ_p { E[-∂² ℓ_c | x_p] - Cov[S_p(θ) | x_p] }     (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x)

A posterior in several dimensions lives on a small part of the grid; the sums run over the points that carry it, one by one, and
are exact there. Scores of populations follow `ep_information`: with y = Σ_g⁻¹(θ - μ_p), w_r y_d by γ_rd and y_a y_b (half of it
for a = b) by Σ_ab, constants being of no account to a covariance.
"""

from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, taken
from competency_dx.kernels.grid import Answers
from competency_dx.kernels.grid.louis import Depth, by_pattern
from competency_dx.kernels.grid.product import Grid, GridTerms, Normals, features, grid_terms, posterior_covariance, posterior_of
from competency_dx.kernels.normal_population import expected_scores, halves, pairs, size

Singles = NDArray[np.float32]

BLOCK = 64
NEGLIGIBLE = 1e-9  # share of the largest mass below which a point does not count


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
    F = len(tables.owner) + size(normals.regressors.shape[1], frame.groups, grid.theta.shape[1])
    out = np.zeros((F, F))
    chosen = taken(order, BLOCK, answers, normals, prior)
    for place, part in map_pieces(partial(_block_information, frame), chosen, executor=executor):
        out[np.ix_(place, place)] += part
    return np.asarray(out * (len(answers.codes) / len(order)))


def grid_person_scores(
    answers: Answers, grid: Grid, tables: ItemTables, normals: Normals, *, executor: Executor | None = None
) -> Floats:
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
