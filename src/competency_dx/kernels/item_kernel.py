"""What a family's kernel file offers, and what follows from it for every family alike.

Parameters `beta` (n, K) of n items are (a, e_1 … e_{K-1}); `allowed` (n, K) marks the categories the model admits; tables are
n items by K categories by Q points; F = K.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from competency_dx.arrays import Bools, Floats

FLOOR = -700.0  # log-probability of a category that cannot occur: finite, so that 0 times it is 0


class ItemKernel(Protocol):
    """The functions of a kernel file."""

    def log_probabilities(self, beta: Floats, theta: Floats, allowed: Bools) -> Floats:
        """Return log P(X = k | θ) (n, K, Q)."""
        ...

    def derivatives(self, beta: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
        """Return ∂ log P(X = k | θ) / ∂ beta_f (n, F, K, Q)."""
        ...

    def information(self, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
        """Return -∂² Σ counts log P / ∂ beta² (n, F, F) for expected counts (n, K, Q)."""
        ...

    def person_curves(self, beta: Floats, theta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
        """Return P, ∂P/∂θ and ∂²P/∂θ² (P, n, K) at one θ (P,) per person."""
        ...


def gradient(counts: Floats, derivatives: Floats) -> Floats:
    """Return the gradient (n, F) of Σ counts log P."""
    return np.asarray(np.einsum("nkq,nfkq->nf", counts, derivatives))


def expected_information(totals: Floats, prob: Floats, derivatives: Floats) -> Floats:
    """Return the Fisher information (n, F, F) for expected totals (n, Q)."""
    n, F = derivatives.shape[:2]
    weighted = (derivatives * (totals[:, None, :] * prob)[:, None]).reshape(n, F, -1)
    return np.asarray(weighted @ derivatives.reshape(n, F, -1).transpose(0, 2, 1))
