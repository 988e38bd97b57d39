"""Nominal response family, all items at once; its softmax also serves the other families with a total to divide by.

log P(X = k | η) = z_k - log Σ_j exp z_j,  z_k = α_k η + e_k,  α_0 = e_0 = 0      (Bock 1972, doi:10.1007/BF02291411)

The table `shape` (n, S) holds e_1 … e_{K-1}, then the extras α_1 … α_{K-1}; columns beyond these are not used. The linear
predictor η is θ itself (slope fixed at 1). With α_k = k a it is the generalized partial credit model.
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families.item_kernel import FLOOR


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for shape parameters (n, S) at linear predictors (n, Q)."""
    K = allowed.shape[1]
    return log_shares(_slopes(shape, K), _intercepts(shape, K), eta, allowed)


def _intercepts(shape: Floats, K: int) -> Floats:
    """Return e_0 … e_{K-1} (n, K)."""
    return np.pad(shape[:, : K - 1], ((0, 0), (1, 0)))


def _slopes(shape: Floats, K: int) -> Floats:
    """Return α_0 … α_{K-1} (n, K)."""
    return np.pad(shape[:, K - 1 : 2 * K - 2], ((0, 0), (1, 0)))


def log_shares(slopes: Floats, intercepts: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log softmax_k(slope_k η + intercept_k) (n, K, Q) over the allowed categories, FLOOR for the others."""
    logits = slopes[:, :, None] * eta[:, None, :]
    logits += np.where(allowed, intercepts, -np.inf)[:, :, None]
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return np.maximum(logits, FLOOR, out=logits)


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P_k / ∂ (η, e, α) (n, 1 + S, K, Q): α_k - E α, 1[k = j] - P_j and η times the latter."""
    prob = np.exp(log_prob)
    n, K, Q = prob.shape
    slopes = _slopes(shape, K)
    out = np.zeros((n, 1 + shape.shape[1], K, Q))
    out[:, 0] = slopes[:, :, None] - expected(slopes, prob)[:, None]
    out[:, 1:K] = np.eye(K)[1:, :, None] - prob[:, 1:, None, :]
    np.multiply(out[:, 1:K], eta[:, None, None, :], out=out[:, K : 2 * K - 1])
    return blank(out, allowed)


def expected(slopes: Floats, prob: Floats) -> Floats:
    """Return Σ_k slope_k P_k (n, Q)."""
    return np.asarray((slopes[:, None, :] @ prob)[:, 0])


def blank(derivatives: Floats, allowed: Bools) -> Floats:
    """Set the derivatives (n, F, K, Q) of categories that are not allowed to zero, in place."""
    if not allowed.all():
        derivatives *= allowed[:, None, :, None]
    return derivatives


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return -Σ_k counts_k ∂² log P_k / ∂ (η, e, α)² (n, 1 + S, 1 + S, Q) for expected counts (n, K, Q).

    It is N times the covariance of the derivatives of z, less (counts_k - N P_k) ∂² z_k, where only ∂² z_k / ∂η ∂α_k = 1.
    """
    prob, totals = np.exp(log_prob), counts.sum(axis=1)
    n, K, Q = prob.shape
    F, e, a = 1 + shape.shape[1], slice(1, K), slice(K, 2 * K - 1)
    out = np.zeros((n, F, F, Q))
    slopes, at = _slopes(shape, K), eta[:, None, :]
    off = slopes[:, :, None] - expected(slopes, prob)[:, None]
    weighted = totals[:, None] * prob
    out[:, 0, 0] = (weighted * off**2).sum(axis=1)
    out[:, 0, e] = out[:, e, 0] = (weighted * off)[:, 1:]
    out[:, 0, a] = out[:, a, 0] = at * out[:, 0, e] - (counts - weighted)[:, 1:]
    out[:, e, e] = indicator_covariance(totals, prob[:, 1:])
    np.multiply(out[:, e, e], at[:, None], out=out[:, e, a])
    out[:, a, e] = out[:, e, a]
    np.multiply(out[:, e, a], at[:, None], out=out[:, a, a])
    return out


def indicator_covariance(totals: Floats, prob: Floats) -> Floats:
    """Return N (P_j 1[j = k] - P_j P_k) (n, J, J, Q) of J categories' probabilities (n, J, Q) and totals N (n, Q)."""
    out = prob[:, :, None] * prob[:, None]
    out *= -totals[:, None, None]
    j = np.arange(prob.shape[1])
    out[:, j, j] += totals[:, None] * prob
    return np.asarray(out)


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at linear predictors (P, n)."""
    K = allowed.shape[1]
    return share_curves(_slopes(shape, K), _intercepts(shape, K), eta, allowed)


def share_curves(slopes: Floats, intercepts: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, P' = P (α - E α) and P'' = P ((α - E α)² - Var α) (P, n, K) of a softmax with slopes α (n, K)."""
    prob = eta[:, :, None] * slopes
    prob += np.where(allowed, intercepts, -np.inf)
    prob -= prob.max(axis=2, keepdims=True)
    np.exp(prob, out=prob)
    prob /= prob.sum(axis=2, keepdims=True)
    off = slopes - (prob * slopes).sum(axis=2, keepdims=True)
    first = prob * off
    return prob, first, prob * (off**2 - (first * off).sum(axis=2, keepdims=True))
