"""Divide-by-total item family: Rasch, 2PL, partial credit and generalized partial credit, all items at once.

log P(X = k | θ) = k a θ + e_k - log Σ_j exp(j a θ + e_j),  e_0 = 0      (Muraki 1992, doi:10.1177/014662169201600206)

In the (a, b) metric e_k = -a Σ_{j<=k} b_j; with two categories it is the 2PL with d = e_1, and a = 1 gives the partial
credit model (Masters 1982, doi:10.1007/BF02296272) and the Rasch model. Parameters of an item are ordered
(a, e_1 … e_{K-1}); arrays are n items by K categories by Q points.
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Floats

FLOOR = -700.0  # log-probability of a category that cannot occur: finite, so that 0 times it is 0


def log_probabilities(a: Floats, e: Floats, theta: Floats, allowed: Bools | None = None) -> Floats:
    """Return log P (n, K, Q) for slopes `a` (n,), category intercepts `e` (n, K) with e[:, 0] = 0, points (Q,)."""
    k = np.arange(e.shape[1])
    logits = k[:, None] * (a[:, None] * theta)[:, None, :] + e[:, :, None]
    if allowed is not None:
        logits = np.where(allowed[:, :, None], logits, -np.inf)
    top = logits.max(axis=1, keepdims=True)
    logits -= top + np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return np.maximum(logits, FLOOR, out=logits)


def derivatives(prob: Floats, theta: Floats) -> Floats:
    """Return ∂ log P(X = k) / ∂ parameter as (n, F, K, Q) with F = K parameters (a, e_1 …)."""
    n, K, Q = prob.shape
    k = np.arange(K, dtype=float)
    out = np.empty((n, K, K, Q))
    expected = np.einsum("k,nkq->nq", k, prob)
    out[:, 0] = theta * (k[:, None] - expected[:, None, :])
    out[:, 1:] = np.eye(K)[1:, :, None] - prob[:, 1:, None, :]
    return out


def gradient(counts: Floats, prob: Floats, theta: Floats) -> Floats:
    """Return the gradient (n, F) of the complete-data log-likelihood for expected counts (n, K, Q)."""
    residual = counts - counts.sum(axis=1, keepdims=True) * prob
    k = np.arange(prob.shape[1], dtype=float)
    out = residual.sum(axis=2)
    out[:, 0] = np.einsum("k,nkq,q->n", k, residual, theta)
    return out


def information(totals: Floats, prob: Floats, theta: Floats) -> Floats:
    """Return the complete-data information (n, F, F) for expected totals (n, Q): the covariance of the statistics."""
    n, K, _ = prob.shape
    k = np.arange(K, dtype=float)
    mean = np.einsum("k,nkq->nq", k, prob)
    variance = np.einsum("k,nkq->nq", k**2, prob) - mean**2
    weighted = totals[:, None, :] * prob
    out = np.empty((n, K, K))
    out[:, 0, 0] = (totals * variance) @ theta**2
    cross = np.einsum("nkq,nkq,q->nk", weighted, k[:, None] - mean[:, None, :], theta)
    out[:, 0, 1:] = out[:, 1:, 0] = cross[:, 1:]
    block = -np.einsum("njq,nkq->njk", weighted, prob)[:, 1:, 1:]
    block[:, np.arange(K - 1), np.arange(K - 1)] += weighted.sum(axis=2)[:, 1:]
    out[:, 1:, 1:] = block
    return out


def score_information(a: Floats, prob: Floats) -> Floats:
    """Return the Fisher information about θ (n, Q): a² Var(X | θ)."""
    k = np.arange(prob.shape[1], dtype=float)
    mean = np.einsum("k,nkq->nq", k, prob)
    return a[:, None] ** 2 * (np.einsum("k,nkq->nq", k**2, prob) - mean**2)
