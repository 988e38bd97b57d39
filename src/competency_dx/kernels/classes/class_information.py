"""Observed information of a restricted latent class model in closed form by Louis' identity.

I = Σ_p { E[-∂² ℓ_c | x_p] - E[s sᵀ | x_p] + S_p S_pᵀ },  S_p = E[s | x_p]    (Louis 1982,
doi:10.1111/j.2517-6161.1982.tb01203.x)

Items and distribution of the classes together. In the probabilities p_g of the latent groups the likelihood of a class is
linear in each, so within an item only S_p S_pᵀ is left, and between items E[s_i s_jᵀ | x_p] is a weighted Gram matrix per
class; both are matrix products.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.classes.item_classes import Patterns, by_group, log_joint
from competency_dx.kernels.grid import normalise

BLOCK, LARGE_BLOCK = 512, 4096
NOBODY = 1e-12


class Point(NamedTuple):
    """Where the information is taken: group probabilities (G,), classes and what is known of them.

    `place` (I, C) is the group of each class on each item, `probability` (C,) of the classes, `scores` (C, S) the
    derivatives of log probability by the S parameters of the distribution.
    """

    p: Floats
    place: Ints
    probability: Floats
    scores: Floats


class Louis(NamedTuple):
    """Gradient (G + S,) and observed information (G + S, G + S) without the curvature of the distribution.

    `right` and `total` (G,) are expected right answers and answers of the groups, `nodes` (C,) expected persons.
    """

    gradient: Floats
    information: Floats
    right: Floats
    total: Floats
    nodes: Floats


def louis(patterns: Patterns, point: Point, executor: Executor | None = None) -> Louis:
    """Return gradient and information by group probabilities and distribution parameters.

    The caller subtracts Σ_c N_c (1 / π_c) ∂²π_c, which is zero for a saturated distribution.
    """
    G, table = len(point.p), point.p[point.place]
    log_weight = np.log(np.maximum(point.probability, 1e-300))
    member = np.zeros((len(point.probability), G))
    for row in point.place:
        member[np.arange(len(row)), row] = 1.0
    item_of = np.zeros(G, dtype=np.int64)
    item_of[point.place] = np.arange(len(point.place))[:, None]
    variance = point.p * (1 - point.p)
    pieces = patterns.pieces(BLOCK if len(patterns.weight) <= LARGE_BLOCK else LARGE_BLOCK)
    parts = map_pieces(partial(_block_sums, point, log_weight, member, item_of), pieces, executor=executor)
    total = next(parts)
    for part in parts:
        for so_far, more in zip(total, part, strict=True):
            np.add(so_far, more, out=so_far)
    information, gram, right, given, nodes, slope = total
    information[:G, :G] -= gram
    residual = (right - given * table) / variance[point.place]
    for row, own in zip(point.place, residual, strict=True):
        member[np.arange(len(row)), row] = own
    information[:G, G:] -= member.T @ point.scores
    information[G:, :G] = information[:G, G:].T
    counts = [by_group(x, point.place, G) for x in (right, given)]
    return Louis(slope, information, counts[0], counts[1], nodes)


def _block_sums(point: Point, log_weight: Floats, member: Floats, item_of: Ints, patterns: Patterns) -> tuple[Floats, ...]:
    """Return what a block of patterns adds: S Sᵀ, Gram matrix between items, right answers, answers, persons, gradient."""
    _, posterior = normalise(log_joint(patterns, point.p[point.place], log_weight))
    right, w, p = patterns.right, patterns.weight, point.p
    given = np.ones_like(right) if patterns.given is None else patterns.given
    S = posterior @ member
    S *= (right[:, item_of] - given[:, item_of] * p) / (p * (1 - p))
    S = np.concatenate([S, posterior @ point.scores], axis=1)
    weighted, mass = S * w[:, None], posterior * w[:, None]
    gram = _between_items(right, given, mass, point)
    return (S.T @ weighted, gram, right.T @ mass, given.T @ mass, mass.sum(axis=0), weighted.sum(axis=0))


def _between_items(right: Floats, given: Floats, mass: Floats, point: Point) -> Floats:
    """Return Σ_p Σ_c w_pc s_pi s_pj at the groups of different items i, j that class c is in (G, G)."""
    out = np.zeros((len(point.p), len(point.p)))
    root = np.sqrt(mass)
    for c in np.flatnonzero(mass.sum(axis=0) > NOBODY):
        at = point.place[:, c]
        p = point.p[at]
        z = (right - given * p) * root[:, c : c + 1]
        gram = (z.T @ z) / np.outer(p * (1 - p), p * (1 - p))
        np.fill_diagonal(gram, 0.0)
        out[np.ix_(at, at)] += gram
    return out
