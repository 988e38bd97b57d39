"""Graded response family, all items at once.

P(X >= k | η) = 1 / (1 + exp(-(η + d_k))),  P(X = k) = P(X >= k) - P(X >= k + 1)      (Samejima 1969, doi:10.1007/BF03372160)

Shape parameters are descending d_1 … d_{K-1}; with η = a θ, b_k = -d_k / a. A category that is not admitted shares the
boundary of the next admitted one, so its probability is zero; the lowest admitted category has the boundary 1.
"""

import numpy as np
from scipy.special import expit

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families import FLOOR

TINY = float(np.exp(FLOOR))
Boundaries = tuple[Floats, Floats, Floats]
"""Category probabilities (…, n, K); slopes w = P*(1 - P*) of the boundaries (…, n, K), zero where there is none; P* (…, n, K + 1)."""


def _boundaries(shape: Floats, eta: Floats, allowed: Bools) -> Boundaries:
    """Return boundaries at predictors (…, n)."""
    n, K = allowed.shape
    own = expit(eta[..., None] + np.concatenate([np.zeros((n, 1)), shape[:, : K - 1]], axis=1))
    lowest = allowed.argmax(axis=1)[:, None]
    star = np.zeros((*eta.shape, K + 1))
    for k in range(K - 1, -1, -1):
        star[..., k] = np.where(lowest[:, 0] >= k, 1.0, np.where(allowed[:, k], own[..., k], star[..., k + 1]))
    carries = allowed & (np.arange(K) > lowest)
    prob = np.maximum(star[..., :-1] - star[..., 1:], TINY)
    return prob, np.where(carries, own * (1 - own), 0.0), star


def _at_points(shape: Floats, eta: Floats, allowed: Bools) -> Boundaries:
    """Return boundaries as tables (n, K, Q) at predictors (n, Q)."""
    prob, weight, star = (np.ascontiguousarray(x.transpose(1, 2, 0)) for x in _boundaries(shape, np.ascontiguousarray(eta.T), allowed))
    return prob, weight, star


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for boundaries d_1 … in `shape` (n, S) at predictors (n, Q)."""
    return np.log(_at_points(shape, eta, allowed)[0])


def _above(allowed: Bools) -> Floats:
    """Return U (n, K, K) whose column j is ∂P_k / ∂P*_j: +1 for k = j, -1 for the admitted category right below j."""
    n, K = allowed.shape
    out, below = np.zeros((n, K, K)), np.full((n, K), -1)
    below[:, 1:] = np.maximum.accumulate(np.where(allowed, np.arange(K), -1), axis=1)[:, :-1]
    i, j = np.nonzero(allowed & (below >= 0))
    out[i, j, j], out[i, below[i, j], j] = 1.0, -1.0
    return out


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P(X = k) / ∂ (η, d_1 …) (n, 1 + S, K, Q)."""
    n, K, Q = log_prob.shape
    by_d: Floats = np.einsum("nkj,njq->njkq", _above(allowed), _at_points(shape, eta, allowed)[1]) / np.exp(log_prob)[:, None]
    out = np.zeros((n, 1 + shape.shape[1], K, Q))
    out[:, 0], out[:, 1:K] = by_d.sum(axis=1), by_d[:, 1:]
    return out


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return the curvature by (η, d_1 …): products of the scores less the bend of the boundaries."""
    D = derivatives(shape, eta, log_prob, allowed)
    out = np.einsum("nfkq,ngkq->nfgq", D * counts[:, None], D)
    _, weight, star = _at_points(shape, eta, allowed)
    share = np.einsum("nkj,nkq->njq", _above(allowed), counts / np.exp(log_prob)) * (weight * (1 - 2 * star[:, :-1]))
    j = np.arange(1, allowed.shape[1])
    out[:, j, j] -= share[:, 1:]
    out[:, 0, j] -= share[:, 1:]
    out[:, j, 0] -= share[:, 1:]
    out[:, 0, 0] -= share[:, 1:].sum(axis=1)
    return np.asarray(out)


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at predictors (P, n): w and w (1 - 2 P*) of the boundaries."""
    (prob, weight, star), U = _boundaries(shape, eta, allowed), _above(allowed)
    first = np.einsum("nkj,pnj->pnk", U, weight)
    return prob, first, np.einsum("nkj,pnj->pnk", U, weight * (1 - 2 * star[..., :-1]))
