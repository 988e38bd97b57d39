"""What a family's kernel file offers.

An item is a response model of its linear predictor η = Σ_d a_d θ_d and of shape parameters. For n items of one family with
K categories at most, `shape` (n, S) holds the intercepts e_1 … e_{K-1} in columns 0 … K-2 and whatever else the family
needs (asymptotes, category slopes, common thresholds) in the extra columns from K-1 on; a column that a family does not
use has zero derivatives. `eta` is (n, Q), `allowed` (n, K) marks the categories the model admits, tables are (n, K, Q).
"""

from typing import Protocol

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
