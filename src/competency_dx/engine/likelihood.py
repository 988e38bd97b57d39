"""What a marginal likelihood offers to the loop that maximises it.

The loop (marginal_ml.py) knows free parameters as one vector φ (F,) and nothing else: items first (their values in the
kernels' metric), then the population. A likelihood evaluates itself at φ, takes an EM step, gives its gradient and its
observed information; one dimension, several competencies and product grids differ in these functions alone.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from competency_dx.arrays import Floats
from competency_dx.engine.items import Items
from competency_dx.engine.parameter_table import Parameter
from competency_dx.kernels.grid.louis import Depth
from competency_dx.models import NormalPopulation

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


class Likelihood(Protocol):
    """A marginal likelihood of items and population."""

    @property
    def items(self) -> Items:
        """Return the items: their free parameters, kernels and priors."""
        ...

    @property
    def start(self) -> Floats:
        """Return starting values φ (F,)."""
        ...

    def evaluate(
        self, phi: Floats, points: int, *, precision: Precision = "double", before: Evaluation | None = None
    ) -> Evaluation:
        """Return the likelihood at φ on a grid of `points` on ±6 SD; an evaluation nearby may serve as a start."""
        ...

    def em_step(self, now: Evaluation) -> Floats:
        """Return φ (F,) after an M-step."""
        ...

    def gradient(self, now: Evaluation) -> Floats:
        """Return the gradient (F,) of the objective."""
        ...

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information of the objective."""
        ...

    def moved(self, phi: Floats, step: Floats) -> Floats:
        """Return φ after a step, kept inside the parameter space."""
        ...

    def feasible(self, phi: Floats) -> bool:
        """Return whether φ lies inside the parameter space."""
        ...

    def populations(self, phi: Floats) -> tuple[NormalPopulation, ...]:
        """Return the population of each group, the reference group first."""
        ...

    @property
    def population_parameters(self) -> tuple[Parameter, ...]:
        """Return the free population parameters, which end φ."""
        ...


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
