"""Posterior means and covariances of the complete-data scores under dimension reduction (see bifactor.py).

Given the general dimension θ the specific ones are independent, so the score S = Σ_s S_s(θ, η_s) of a person has

Cov[S | x] = Σ_s E{Cov[S_s | θ, x] | x} + Cov{Σ_s m_s(θ) | x},   m_s(θ) = E[S_s | θ, x],

which is all Louis' identity needs (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x): parameters of two testlets, and pairs of
general and specific slopes, meet in sums over one and two dimensions.
"""

from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, taken
from competency_dx.kernels.grid.bifactor import Axes, BifactorTerms, IndependentNormals, bifactor_terms, reduced
from competency_dx.kernels.grid.by_dimension import Design
from competency_dx.kernels.grid.louis import Depth, by_pattern
from competency_dx.kernels.grid.product_information import ItemTables
from competency_dx.kernels.normal_population import pairs, size

BLOCK = 32

Singles = NDArray[np.float32]


class _TestletFrame(NamedTuple):
    """Shared by blocks: of each part its parameters (F_s,), and `rows` (F_s (K + 1), Q A) by answer, scores of variances, zeros."""

    terms: BifactorTerms
    place: tuple[Ints, ...]
    owner: tuple[Ints, ...]
    rows: tuple[Singles, ...]
    width: int
    N: int


def bifactor_missing_information(
    design: Design, axes: Axes, tables: ItemTables, populations: IndependentNormals, *, depth: Depth, executor: Executor | None
) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (N + H, N + H) of N item parameters and H of the populations."""
    order = by_pattern(design.answers, depth)
    frame = _frame(design, axes, tables, populations)
    out = np.zeros((frame.N + size(design.regressors.shape[1], *populations.variance.shape),) * 2)
    for parts in map_pieces(partial(_block_information, frame), taken(order, BLOCK, design, populations), executor=executor):
        for place, part in parts:
            out[np.ix_(place, place)] += part
    return np.asarray(out * (design.persons / len(order)))


def bifactor_person_scores(
    design: Design, axes: Axes, tables: ItemTables, populations: IndependentNormals, *, executor: Executor | None = None
) -> Floats:
    """Return the gradient of each person's log-likelihood (P, N + H), case weights left aside."""
    frame = _frame(design, axes, tables, populations)
    chosen = taken(design.persons, BLOCK, design, populations)
    return np.concatenate(list(map_pieces(partial(_block_means, frame), chosen, executor=executor)))


def _frame(design: Design, axes: Axes, tables: ItemTables, populations: IndependentNormals) -> _TestletFrame:
    """Return what blocks share."""
    terms = bifactor_terms(design, axes, tables.log_prob, populations)
    K, N, _ = tables.derivatives.shape
    place, owner = design.parameters(tables.owner)
    rows = []
    for s, at in enumerate(place):
        table = tables.by_answer(at)
        if s < len(terms.testlets):
            v = populations.variance[:, s + 1, None]
            bent = 0.5 * (axes.specific**2 / v**2 - 1 / v)
            table = np.concatenate([table, np.tile(bent, len(axes.general)), np.zeros((1, table.shape[1]))])
        else:
            table = np.ascontiguousarray(table[:, :: len(axes.specific)])
        rows.append(table.astype(np.float32))
    return _TestletFrame(terms, place, owner, tuple(rows), K + 1, N)


def _block_information(frame: _TestletFrame, piece: tuple[Design, IndependentNormals]) -> list[tuple[Ints, Floats]]:
    """Return the parts that Σ_p Cov[S_p | x_p] of a block is the sum of, with the parameters they concern."""
    weight, (general, given, place, within) = piece[0].weight, _scores(frame, *piece)
    mean = np.einsum("pfq,pq->pf", given, general)
    off = (given - mean[:, :, None]) * np.sqrt(general if weight is None else general * weight[:, None])[:, None]
    flat = off.transpose(1, 0, 2).reshape(off.shape[1], -1)
    return [(place, flat @ flat.T), *within]


def _block_means(frame: _TestletFrame, piece: tuple[Design, IndependentNormals]) -> Floats:
    """Return E[S_p | x_p] (p, N + H)."""
    (design, populations), (general, given, place, _) = piece, _scores(frame, *piece)
    out = np.zeros((len(general), frame.N + size(design.regressors.shape[1], *populations.variance.shape)))
    out[:, place] = np.einsum("pfq,pq->pf", given, general)
    return out


def _scores(
    frame: _TestletFrame, design: Design, populations: IndependentNormals
) -> tuple[Floats, Floats, Ints, list[tuple[Ints, Floats]]]:
    """Return general posteriors (p, Q), E[S | θ] (p, F, Q), its place among all, and Σ E Cov[S | θ] of each testlet, of a block."""
    found = reduced(frame.terms, design, populations)
    p, Q = found.general.shape
    root = np.sqrt(found.general if design.weight is None else found.general * design.weight[:, None]).astype(np.float32)
    linear, place = _general_scores(frame, design, populations)
    given, places, within = [linear], [place], []
    for s, posterior in enumerate(found.given):
        tables, place = _testlet_scores(frame, design, populations, s)
        mass = posterior.astype(np.float32)
        tables = tables.reshape(p, -1, Q, mass.shape[2])
        mean = np.einsum("pfqa,pqa->pfq", tables, mass)
        tables -= mean[..., None]
        tables *= (np.sqrt(mass) * root[:, :, None])[:, None]
        flat = tables.reshape(p, len(place), -1)
        within.append((place, np.matmul(flat, flat.transpose(0, 2, 1)).sum(axis=0, dtype=np.float64)))
        given.append(mean.astype(np.float64))
        places.append(place)
    given.append(frame.rows[-1][_rows(frame, design, len(found.given))].astype(np.float64))
    return found.general, np.concatenate(given, axis=1), np.concatenate([*places, frame.place[-1]]), within


def _rows(frame: _TestletFrame, design: Design, s: int) -> Ints:
    """Return the rows of scores (p, F_s) that the answers to one part of the design call for."""
    return np.asarray(np.arange(len(frame.owner[s])) * frame.width + design.answers[s].coded(frame.width - 1)[:, frame.owner[s]])


def _testlet_scores(frame: _TestletFrame, design: Design, populations: IndependentNormals, s: int) -> tuple[Singles, Ints]:
    """Return the scores (p, F_s + G, Q A) of a testlet's items and of its variance in each group, and their place."""
    rows, (G, D), R = _rows(frame, design, s), populations.variance.shape, design.regressors.shape[1]
    first, group = len(frame.owner[s]) * frame.width, np.broadcast_to(populations.group, (len(rows),))
    own = np.where(group[:, None] == np.arange(G), first + np.arange(G), first + G)
    place = np.concatenate([frame.place[s], frame.N + _variance_places(R, G, D)[:, s + 1]])
    return frame.rows[s][np.concatenate([rows, own], axis=1)], place


def _general_scores(frame: _TestletFrame, design: Design, populations: IndependentNormals) -> tuple[Floats, Ints]:
    """Return the scores (p, R + G, Q) of the general dimension's coefficients and variances, and their place."""
    p, R, (G, D) = design.persons, design.regressors.shape[1], populations.variance.shape
    group = np.broadcast_to(populations.group, (p,))
    off = frame.terms.axes.general - np.broadcast_to(populations.mean, (p,))[:, None]
    v = populations.variance[group, 0][:, None]
    bent = (group[:, None] == np.arange(G))[:, :, None] * (0.5 * (off**2 / v**2 - 1 / v))[:, None]
    out = np.concatenate([design.regressors[:, :, None] * (off / v)[:, None], bent], axis=1)
    return out, frame.N + np.concatenate([np.arange(R) * D, _variance_places(R, G, D)[:, 0]])


def _variance_places(R: int, G: int, D: int) -> NDArray[Any]:
    """Return where the variances (G, D) stand among the population parameters."""
    a, b = pairs(D)
    return R * D + np.arange(G)[:, None] * len(a) + np.flatnonzero(a == b)
