"""Divide-by-total item family: Rasch, 2PL, partial credit and generalized partial credit, all items at once.

log P(X = k | η) = k η + e_k - log Σ_j exp(j η + e_j),  e_0 = 0,  η = a θ      (Muraki 1992, doi:10.1177/014662169201600206)

In the (a, b) metric e_k = -a Σ_{j<=k} b_j; with two categories it is the 2PL with d = e_1, and a = 1 gives the partial
credit model (Masters 1982, doi:10.1007/BF02296272) and the Rasch model.
"""

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families import FLOOR


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for intercepts e_1 … in `shape` (n, S) at predictors (n, Q)."""
    logits = np.arange(allowed.shape[1])[:, None] * eta[:, None, :] + _intercepts(shape, allowed)[:, :, None]
    if not allowed.all():
        logits = np.where(allowed[:, :, None], logits, -np.inf)
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return np.maximum(logits, FLOOR, out=logits)


def _intercepts(shape: Floats, allowed: Bools) -> Floats:
    n, K = allowed.shape
    return np.concatenate([np.zeros((n, 1)), shape[:, : K - 1]], axis=1)


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return ∂ log P(X = k) / ∂ (η, e_1 …): k - E X and 1[X = j] - P_j."""
    prob = np.exp(log_prob)
    n, K, Q = prob.shape
    out = np.zeros((n, 1 + shape.shape[1], K, Q))
    out[:, 0] = np.arange(K, dtype=float)[:, None] - _mean(prob)[:, None, :]
    np.subtract(np.eye(K)[1:, :, None], prob[:, 1:, None, :], out=out[:, 1:K])
    return out


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001
    """Return the curvature by (η, e_1 …): the covariance of the sufficient statistics X and 1[X = j], times the total."""
    totals, prob = counts.sum(axis=1), np.exp(log_prob)
    n, K, Q = prob.shape
    off = np.arange(K, dtype=float)[:, None] - _mean(prob)[:, None, :]
    weighted = totals[:, None, :] * prob
    lifted = weighted * off
    out = np.zeros((n, 1 + shape.shape[1], 1 + shape.shape[1], Q))
    out[:, 0, 0] = np.einsum("nkq,nkq->nq", lifted, off)
    out[:, 0, 1:K] = out[:, 1:K, 0] = lifted[:, 1:]
    np.multiply(-weighted[:, 1:, None], prob[:, None, 1:], out=out[:, 1:K, 1:K])
    j = np.arange(1, K)
    out[:, j, j] += weighted[:, 1:]
    return out


def _mean(prob: Floats) -> Floats:
    return np.asarray(np.einsum("k,nkq->nq", np.arange(prob.shape[1], dtype=float), prob))


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, P' = P (k - E) and P'' = P ((k - E)² - V) (P, n, K) by η at predictors (P, n)."""
    k = np.arange(allowed.shape[1], dtype=float)
    logits = eta[:, :, None] * k + np.where(allowed, _intercepts(shape, allowed), -np.inf)
    logits -= logits.max(axis=2, keepdims=True)
    prob = np.exp(logits)
    prob /= prob.sum(axis=2, keepdims=True)
    off = k - (prob @ k)[:, :, None]
    variance = np.einsum("pik,pik,pik->pi", prob, off, off)
    return prob, prob * off, prob * (off**2 - variance[:, :, None])
