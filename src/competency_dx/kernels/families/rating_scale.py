"""Rating scale family: one set of thresholds for all its items, which differ in location only.

log P(X = k | η) = z_k - log Σ_j exp z_j,  z_k = k (η + e_1) + t_k      (Andrich 1978, doi:10.1007/BF02293814)

The table `shape` (n, S) holds the item's location e_1 in column 0 and t_1 … t_{K-2} from column K-1 on; t is 0 for the lowest and
for the item's top category, which sets the scale of e_1. The other columns are not used. The thresholds' equality over
items is the caller's constraint. In thresholds τ_j with sum 0, t_k = -Σ_{j<=k} τ_j and the item's difficulty is -e_1.
It is partial credit whose intercepts are linear in these.

The top category is the last allowed one: every category of the scale is to be allowed, answered or not, for every item.
"""

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families import partial_credit
from competency_dx.kernels.families.nominal import blank


def _linear(shape: Floats, allowed: Bools) -> tuple[Floats, Floats]:
    """Return ∂ (η, intercepts) / ∂ (η, shape) (n, K, 1 + S), and the intercepts of partial credit (n, K - 1)."""
    (n, K), k = allowed.shape, np.arange(1, allowed.shape[1])
    top, inner = K - 1 - allowed[:, ::-1].argmax(axis=1), k[:-1]
    out = np.zeros((n, K, 1 + shape.shape[1]))
    out[:, 0, 0], out[:, 1:, 1] = 1.0, k
    out[:, inner, K - 1 + inner] = inner < top[:, None]
    return out, np.einsum("nks,ns->nk", out[:, 1:, 1:], shape)


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for shape parameters (n, S) at linear predictors (n, Q)."""
    return partial_credit.log_probabilities(_linear(shape, allowed)[1], eta, allowed)


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P_k / ∂ (η, shape) (n, 1 + S, K, Q): k - E X for η and e_1, 1[k = j] - P_j for t_j."""
    by, steps = _linear(shape, allowed)
    return blank(np.einsum("nka,nkcq->nacq", by, partial_credit.derivatives(steps, eta, log_prob, allowed)), allowed)


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:
    """Return -Σ_k counts_k ∂² log P_k / ∂ (η, shape)² (n, 1 + S, 1 + S, Q) for expected counts (n, K, Q)."""
    by, steps = _linear(shape, allowed)
    out = np.einsum("nka,nklq,nlb->nabq", by, partial_credit.curvature(steps, eta, counts, log_prob, allowed), by, optimize=True)
    return np.asarray((out + out.transpose(0, 2, 1, 3)) / 2)


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at linear predictors (P, n)."""
    return partial_credit.person_curves(_linear(shape, allowed)[1], eta, allowed)
