"""Rating scale family: one set of thresholds for all its items, which differ in location only.

log P(X = k | η) = z_k - log Σ_j exp z_j,  z_k = k (η + e_1) + t_k      (Andrich 1978, doi:10.1007/BF02293814)

The table `shape` (n, S) holds the item's location e_1 in column 0 and t_1 … t_{K-2} from column K-1 on; t is 0 for the lowest and
for the item's top category, which sets the scale of e_1. The other columns are not used. The thresholds' equality over
items is the caller's constraint. In thresholds τ_j with sum 0, t_k = -Σ_{j<=k} τ_j and the item's difficulty is -e_1.

The top category is the last allowed one: every category of the scale is to be allowed, answered or not, for every item.
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families.nominal import blank, expected, indicator_covariance, log_shares, share_curves


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for shape parameters (n, S) at linear predictors (n, Q)."""
    return log_shares(_scores(allowed), _intercepts(shape, allowed), eta, allowed)


def _scores(allowed: Bools) -> Floats:
    """Return the category scores 0 … K-1 of each item (n, K)."""
    return np.broadcast_to(np.arange(allowed.shape[1], dtype=float), allowed.shape)


def _intercepts(shape: Floats, allowed: Bools) -> Floats:
    """Return k e_1 + t_k (n, K)."""
    K = allowed.shape[1]
    out = shape[:, :1] * np.arange(K)
    out[:, 1:-1] += np.where(_inner(allowed), shape[:, K - 1 : 2 * K - 3], 0.0)
    return out


def _inner(allowed: Bools) -> Bools:
    """Return which categories 1 … K-2 lie below the item's last allowed one (n, K-2)."""
    K = allowed.shape[1]
    top = K - 1 - allowed[:, ::-1].argmax(axis=1)
    return np.asarray(np.arange(1, K - 1) < top[:, None])


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return ∂ log P_k / ∂ (η, shape) (n, 1 + S, K, Q): k - E X for η and e_1, 1[k = j] - P_j for t_j."""
    prob = np.exp(log_prob)
    n, K, Q = prob.shape
    out = np.zeros((n, 1 + shape.shape[1], K, Q))
    out[:, 0] = out[:, 1] = np.arange(K)[:, None] - expected(_scores(allowed), prob)[:, None]
    own = np.eye(K)[1:-1, :, None] - prob[:, 1:-1, None, :]
    out[:, K : 2 * K - 2] = own * _inner(allowed)[:, :, None, None]
    return blank(out, allowed)


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return -Σ_k counts_k ∂² log P_k / ∂ (η, shape)² (n, 1 + S, 1 + S, Q): N times the covariance of (X, X, 1[X = j])."""
    prob, totals = np.exp(log_prob), counts.sum(axis=1)
    n, K, Q = prob.shape
    F, t = 1 + shape.shape[1], slice(K, 2 * K - 2)
    out = np.zeros((n, F, F, Q))
    off = np.arange(K)[:, None] - expected(_scores(allowed), prob)[:, None]
    weighted, inner = totals[:, None] * prob * off, _inner(allowed)
    out[:, :2, :2] = (weighted * off).sum(axis=1)[:, None, None]
    out[:, :2, t] = (weighted[:, 1:-1] * inner[:, :, None])[:, None]
    out[:, t, :2] = out[:, :2, t].transpose(0, 2, 1, 3)
    out[:, t, t] = indicator_covariance(totals, prob[:, 1:-1] * inner[:, :, None])
    return out


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at linear predictors (P, n)."""
    return share_curves(_scores(allowed), _intercepts(shape, allowed), eta, allowed)
