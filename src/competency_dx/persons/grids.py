"""The support grid of scoring: decided by the parameters alone, so that it is the same for one person and a million."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from competency_dx.arrays import Bools
from competency_dx.kernels.grid.e_step import Tables
from competency_dx.kernels.grid.support import points_needed, standard_nodes
from competency_dx.models import ItemParameters, averaged_log_probabilities, score_information
from competency_dx.persons.choices import ItemUncertainty

SAFETY = 0.8
MOST_POINTS = 1201
KEPT = 32


@lru_cache(maxsize=KEPT)
def scoring_grid(parameters: ItemParameters, points: int, choice: ItemUncertainty) -> Tables:
    """Return a grid whose spacing stays below the narrowest posterior these items can produce."""
    uncertain = uncertain_items(parameters, choice)
    sd = float(np.sqrt(parameters.variance))
    coarse = parameters.mean + sd * np.linspace(-4, 4, 161)
    information = score_information(parameters, coarse).sum(axis=0)
    narrowest = 1 / np.sqrt(1 + information.max() * sd**2)
    z, log_weight = standard_nodes(min(max(points, points_needed(SAFETY * narrowest)), MOST_POINTS))
    theta = parameters.mean + sd * z
    return Tables(theta, log_weight, averaged_log_probabilities(parameters, theta, uncertain))


def uncertain_items(parameters: ItemParameters, choice: ItemUncertainty) -> Bools:
    """Return whose standard errors are carried (I,)."""
    if choice == "all":
        return np.ones(len(parameters.items), dtype=np.bool_)
    provisional = [choice == "provisional" and s == "provisional" for s in parameters.statuses]
    return np.array(provisional, dtype=np.bool_)
