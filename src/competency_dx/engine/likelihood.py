"""What a marginal likelihood hands to the loop that maximises it: its value at φ (F,), and its information there.

φ are the free parameters: items first (their values in the kernels' metric), then the population.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from competency_dx.arrays import Floats

Precision = Literal["single", "double"]


class Evaluation(NamedTuple):
    """A likelihood at φ: one E-step.

    `objective` is the log-likelihood plus log prior. `spacing` and `narrowest` are the distance of support points and the SD of
    the narrowest posterior, in units of the population's standard deviation. `detail` is what the likelihood itself keeps.
    """

    phi: Floats
    objective: float
    log_likelihood: float
    spacing: float
    narrowest: float
    detail: Any


class Information(NamedTuple):
    """Observed information (F, F) of the free parameters with its inverse; None where it is not positive definite."""

    matrix: Floats
    covariance: Floats | None
    smallest_eigenvalue: float


def inverted(matrix: Floats) -> Information:
    """Return information with its inverse and smallest eigenvalue."""
    matrix = 0.5 * (matrix + matrix.T)
    if not len(matrix):
        return Information(matrix, matrix, np.inf)
    smallest = float(np.linalg.eigvalsh(matrix)[0]) if np.isfinite(matrix).all() else float("nan")
    try:
        factor = cho_factor(matrix, lower=True)
    except (LinAlgError, ValueError):
        return Information(matrix, None, smallest)
    return Information(matrix, cho_solve(factor, np.eye(len(matrix))), smallest)
