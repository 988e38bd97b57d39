"""Divide-by-total item family: Rasch, 2PL, partial credit and generalized partial credit, all items at once.

log P(X = k | θ) = k a θ + e_k - log Σ_j exp(j a θ + e_j),  e_0 = 0      (Muraki 1992, doi:10.1177/014662169201600206)

In the (a, b) metric e_k = -a Σ_{j<=k} b_j; with two categories it is the 2PL with d = e_1, and a = 1 gives the partial
credit model (Masters 1982, doi:10.1007/BF02296272) and the Rasch model.
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.item_kernel import FLOOR


def log_probabilities(beta: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for parameters (a, e_1 …) (n, K) at points (Q,)."""
    k = np.arange(beta.shape[1])
    logits = k[:, None] * (beta[:, :1] * theta)[:, None, :] + _intercepts(beta)[:, :, None]
    if not allowed.all():
        logits = np.where(allowed[:, :, None], logits, -np.inf)
    top = logits.max(axis=1, keepdims=True)
    logits -= top + np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return np.maximum(logits, FLOOR, out=logits)


def _intercepts(beta: Floats) -> Floats:
    e = beta.copy()
    e[:, 0] = 0.0
    return e


def derivatives(beta: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return ∂ log P(X = k) / ∂ (a, e_1 …): θ (k - E X) and 1[X = j] - P_j."""
    prob = np.exp(log_prob)
    n, K, Q = prob.shape
    k = np.arange(K, dtype=float)
    out = np.empty((n, K, K, Q))
    expected = np.einsum("k,nkq->nq", k, prob)
    out[:, 0] = theta * (k[:, None] - expected[:, None, :])
    out[:, 1:] = np.eye(K)[1:, :, None] - prob[:, 1:, None, :]
    return out


def information(beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:  # noqa: ARG001
    """Return the information (n, F, F): the covariance of the sufficient statistics (X θ, 1[X = j])."""
    totals, prob = counts.sum(axis=1), np.exp(log_prob)
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


def person_curves(beta: Floats, theta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, P' = a P (k - E) and P'' = a² P ((k - E)² - V) (P, n, K) at one θ per person."""
    a, k = beta[:, :1], np.arange(beta.shape[1], dtype=float)
    logits = theta[:, None, None] * (a * k) + np.where(allowed, _intercepts(beta), -np.inf)
    logits -= logits.max(axis=2, keepdims=True)
    prob = np.exp(logits)
    prob /= prob.sum(axis=2, keepdims=True)
    off = k - (prob @ k)[:, :, None]
    variance = np.einsum("pik,pik,pik->pi", prob, off, off)
    return prob, a * prob * off, a**2 * prob * (off**2 - variance[:, :, None])
