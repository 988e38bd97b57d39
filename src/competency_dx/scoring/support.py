"""The support grid of scoring: decided by the parameters alone, so that it is the same for one person and a million."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.support import points_needed, standard_nodes
from competency_dx.models import ItemParameters, averaged_log_probabilities, score_information

SAFETY = 0.8
MOST_POINTS = 1201


class Grid(NamedTuple):
    """Support points (Q,), log weights (Q,) of the population, log-probabilities (I, K, Q) and base and upper rows."""

    theta: Floats
    log_weight: Floats
    log_prob: Floats


def scoring_grid(parameters: ItemParameters, points: int, uncertain: Bools) -> Grid:
    """Return a grid whose spacing stays below the narrowest posterior these items can produce."""
    sd = float(np.sqrt(parameters.variance))
    coarse = parameters.mean + sd * np.linspace(-4, 4, 161)
    information = score_information(parameters, coarse).sum(axis=0)
    narrowest = 1 / np.sqrt(1 + information.max() * sd**2)
    z, log_weight = standard_nodes(min(max(points, points_needed(SAFETY * narrowest)), MOST_POINTS))
    theta = parameters.mean + sd * z
    return Grid(theta, log_weight, averaged_log_probabilities(parameters, theta, uncertain))
