"""What a family's kernel file offers, and what follows from it for every family alike.

An item is a response model of its linear predictor η = Σ_d a_d θ_d and of shape parameters. For n items of one family with
K categories at most, `shape` (n, S) holds the intercepts e_1 … e_{K-1} in columns 0 … K-2 and whatever else the family
needs (asymptotes, category slopes, common thresholds) in the extra columns from K-1 on; a column that a family does not
use has zero derivatives. `eta` is (n, Q), `allowed` (n, K) marks the categories the model admits, tables are (n, K, Q).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from competency_dx.arrays import Bools, Floats

FLOOR = -700.0  # log-probability of a category that cannot occur: finite, so that 0 times it is 0


class ItemKernel(Protocol):
    """The functions of a kernel file."""

    def log_probabilities(self, shape: Floats, eta: Floats, allowed: Bools) -> Floats:
        """Return log P(X = k | η) (n, K, Q)."""
        ...

    def derivatives(self, shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:
        """Return ∂ log P(X = k | η) / ∂ (η, shape) (n, 1 + S, K, Q)."""
        ...

    def curvature(self, shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:
        """Return -∂² Σ_k counts log P_k / ∂ (η, shape)² (n, 1 + S, 1 + S, Q) for expected counts (n, K, Q)."""
        ...

    def person_curves(self, shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
        """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at predictors (P, n)."""
        ...


def gradient(counts: Floats, derivatives: Floats) -> Floats:
    """Return the gradient (n, 1 + S, Q) of Σ_k counts log P_k by (η, shape), point by point."""
    return np.asarray(np.einsum("nkq,nfkq->nfq", counts, derivatives))


def expected_curvature(totals: Floats, prob: Floats, derivatives: Floats) -> Floats:
    """Return the Fisher information (n, 1 + S, 1 + S, Q) by (η, shape) for expected totals (n, Q), point by point."""
    weighted = derivatives * (totals[:, None, :] * prob)[:, None]
    return np.asarray(np.einsum("nfkq,ngkq->nfgq", weighted, derivatives))


def by_parameters(gradient_by_eta: Floats, theta: Floats) -> Floats:
    """Return the gradient (n, D + S) by (slopes, shape) from that by (η, shape) (n, 1 + S, Q) at points θ (Q, D)."""
    slopes = gradient_by_eta[:, 0] @ theta
    return np.concatenate([slopes, gradient_by_eta[:, 1:].sum(axis=2)], axis=1)


def information_by_parameters(curvature: Floats, theta: Floats) -> Floats:
    """Return the information (n, D + S, D + S) by (slopes, shape) from the curvature by (η, shape) at points θ (Q, D)."""
    n, D, S = len(curvature), theta.shape[1], curvature.shape[1] - 1
    out = np.empty((n, D + S, D + S))
    out[:, :D, :D] = (curvature[:, 0, 0, None, :] * theta.T) @ theta
    cross = curvature[:, 0, 1:] @ theta
    out[:, D:, :D], out[:, :D, D:] = cross, cross.transpose(0, 2, 1)
    out[:, D:, D:] = curvature[:, 1:, 1:].sum(axis=3)
    return out
