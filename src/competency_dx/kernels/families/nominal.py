"""Nominal response family, all items at once.

log P(X = k | η) = z_k - log Σ_j exp z_j,  z_k = α_k η + e_k,  α_0 = e_0 = 0      (Bock 1972, doi:10.1007/BF02291411)

The table `shape` (n, S) holds e_1 … e_{K-1}, then the extras α_1 … α_{K-1}; columns beyond these are not used. The linear
predictor η is θ itself (slope fixed at 1). With α_k = k a it is the generalized partial credit model.
"""

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families import FLOOR


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for shape parameters (n, S) at linear predictors (n, Q), FLOOR for categories not allowed."""
    slopes, intercepts = _lines(shape, allowed)
    logits = slopes[:, :, None] * eta[:, None, :]
    logits += np.where(allowed, intercepts, -np.inf)[:, :, None]
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return np.maximum(logits, FLOOR, out=logits)


def _lines(shape: Floats, allowed: Bools) -> tuple[Floats, Floats]:
    """Return α_0 … α_{K-1} and e_0 … e_{K-1} (n, K)."""
    K = allowed.shape[1]
    slopes, intercepts = (np.pad(shape[:, at : at + K - 1], ((0, 0), (1, 0))) for at in (K - 1, 0))
    return slopes, intercepts


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P_k / ∂ (η, e, α) (n, 1 + S, K, Q): α_k - E α, 1[k = j] - P_j and η times the latter."""
    prob = np.exp(log_prob)
    n, K, Q = prob.shape
    slopes, _ = _lines(shape, allowed)
    out = np.zeros((n, 1 + shape.shape[1], K, Q))
    out[:, 0] = slopes[:, :, None] - slopes[:, None, :] @ prob
    out[:, 1:K] = np.eye(K)[1:, :, None] - prob[:, 1:, None, :]
    np.multiply(out[:, 1:K], eta[:, None, None, :], out=out[:, K : 2 * K - 1])
    return blank(out, allowed)


def blank(derivatives: Floats, allowed: Bools) -> Floats:
    """Set the derivatives (n, F, K, Q) of categories that are not allowed to zero, in place."""
    if not allowed.all():
        derivatives *= allowed[:, None, :, None]
    return derivatives


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return -Σ_k counts_k ∂² log P_k / ∂ (η, e, α)² (n, 1 + S, 1 + S, Q) for expected counts (n, K, Q).

    It is N times the covariance of the derivatives of z, less (counts_k - N P_k) ∂² z_k, where only ∂² z_k / ∂η ∂α_k = 1.
    """
    prob, totals = np.exp(log_prob), counts.sum(axis=1)
    n, K, Q = prob.shape
    F, e, a = 1 + shape.shape[1], slice(1, K), slice(K, 2 * K - 1)
    out = np.zeros((n, F, F, Q))
    (slopes, _), at, j = _lines(shape, allowed), eta[:, None, :], np.arange(K - 1)
    off = slopes[:, :, None] - slopes[:, None, :] @ prob
    weighted = totals[:, None] * prob
    out[:, 0, 0] = (weighted * off**2).sum(axis=1)
    out[:, 0, e] = out[:, e, 0] = (weighted * off)[:, 1:]
    out[:, 0, a] = out[:, a, 0] = at * out[:, 0, e] - (counts - weighted)[:, 1:]
    inner = prob[:, 1:, None] * prob[:, None, 1:]
    inner *= -totals[:, None, None]
    inner[:, j, j] += weighted[:, 1:]
    out[:, e, e] = inner
    np.multiply(inner, at[:, None], out=out[:, e, a])
    out[:, a, e] = out[:, e, a]
    np.multiply(out[:, e, a], at[:, None], out=out[:, a, a])
    return out


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, P' = P (α - E α) and P'' = P ((α - E α)² - Var α) (P, n, K) at linear predictors (P, n)."""
    slopes, intercepts = _lines(shape, allowed)
    prob = eta[:, :, None] * slopes
    prob += np.where(allowed, intercepts, -np.inf)
    prob -= prob.max(axis=2, keepdims=True)
    np.exp(prob, out=prob)
    prob /= prob.sum(axis=2, keepdims=True)
    off = slopes - (prob * slopes).sum(axis=2, keepdims=True)
    first = prob * off
    return prob, first, prob * (off**2 - (first * off).sum(axis=2, keepdims=True))
