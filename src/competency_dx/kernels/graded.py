"""Graded response family, all items at once.

P(X >= k | θ) = 1 / (1 + exp(-(a θ + d_k))),  P(X = k) = P(X >= k) - P(X >= k + 1)      (Samejima 1969, doi:10.1007/BF03372160)

Parameters are (a, d_1 … d_{K-1}) with descending d; b_k = -d_k / a. A category that is not admitted shares the boundary of the
next admitted one, so its probability is zero; the lowest admitted category has the boundary 1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.item_kernel import FLOOR

TINY = float(np.exp(FLOOR))


class Boundaries(NamedTuple):
    """Category probabilities (…, n, K); slopes w = P*(1 - P*) of the boundaries (…, n, K), zero where there is none."""

    prob: Floats
    weight: Floats
    star: Floats


def _boundaries(beta: Floats, theta: Floats, allowed: Bools) -> Boundaries:
    """Return boundaries at points `theta` of any shape, items and categories on the last axes."""
    n, K = beta.shape
    points = theta[..., None, None]
    own = expit(beta[:, :1] * points + beta)
    lowest = allowed.argmax(axis=1)[:, None]
    star = np.zeros((*theta.shape, n, K + 1))
    for k in range(K - 1, -1, -1):
        here = np.where(allowed[:, k], own[..., k], star[..., k + 1])
        star[..., k] = np.where(lowest[:, 0] >= k, 1.0, here)
    carries = allowed & (np.arange(K) > lowest)
    prob = np.maximum(star[..., :-1] - star[..., 1:], TINY)
    return Boundaries(prob, np.where(carries, own * (1 - own), 0.0), star)


def log_probabilities(beta: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for parameters (a, d_1 …) (n, K) at points (Q,)."""
    return np.ascontiguousarray(np.log(_boundaries(beta, theta, allowed).prob).transpose(1, 2, 0))


def _above(allowed: Bools) -> Floats:
    """Return U (n, K, K) with U[k, j] = 1 where j is the boundary right above category k, and U[j, j] = -1 turned round.

    Column j of the result is ∂P_k / ∂P*_j: +1 for k = j, -1 for the admitted category right below j.
    """
    n, K = allowed.shape
    out = np.zeros((n, K, K))
    for i, row in enumerate(allowed):
        admitted = np.flatnonzero(row)
        for below, j in pairwise(admitted):
            out[i, j, j], out[i, below, j] = 1.0, -1.0
    return out


def derivatives(beta: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P(X = k) / ∂ (a, d_1 …) (n, F, K, Q)."""
    b = _boundaries(beta, theta, allowed)
    weight = b.weight.transpose(1, 2, 0)
    by_d: Floats = np.einsum("nkj,njq->njkq", _above(allowed), weight) / np.exp(log_prob)[:, None]
    by_d[:, 0] = theta * by_d[:, 1:].sum(axis=1)
    return by_d


def information(beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return -∂² Σ counts log P (n, F, F): outer products of the scores less the curvature of the boundaries."""
    D = derivatives(beta, log_prob, theta, allowed)
    n, F = D.shape[:2]
    out = (D * counts[:, None]).reshape(n, F, -1) @ D.reshape(n, F, -1).transpose(0, 2, 1)
    b = _boundaries(beta, theta, allowed)
    bend = (b.weight * (1 - 2 * b.star[..., :-1])).transpose(1, 2, 0)
    share = np.einsum("nkj,nkq->njq", _above(allowed), counts / np.exp(log_prob)) * bend
    share[:, 0] = 0.0
    j = np.arange(F)
    out[:, j, j] -= share.sum(axis=2)
    cross = share @ theta
    out[:, 0, :] -= cross
    out[:, :, 0] -= cross
    out[:, 0, 0] -= share.sum(axis=1) @ theta**2
    return np.asarray(out)


def person_curves(beta: Floats, theta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂θ and ∂²P/∂θ² (P, n, K) at one θ per person: a w and a² w (1 - 2 P*) of the boundaries."""
    b = _boundaries(beta, theta, allowed)
    a, U = beta[:, :1], _above(allowed)
    first = np.einsum("nkj,pnj->pnk", U, a * b.weight)
    second = np.einsum("nkj,pnj->pnk", U, a**2 * b.weight * (1 - 2 * b.star[..., :-1]))
    return b.prob, first, second
