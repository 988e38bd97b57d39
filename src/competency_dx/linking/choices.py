"""Ways of finding the constants of a link, θ on the old scale = A θ on the new one + B."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy.optimize import least_squares

from competency_dx.arrays import Floats, value
from competency_dx.models import ItemParameters, log_probabilities, moved

POINTS = 30


class LinkMethod(Protocol):
    """What the ways have in common."""

    def constants(self, new: ItemParameters, old: ItemParameters) -> tuple[float, float]:
        """Return A and B from the same items on both scales."""


@value
class MeanMean:
    """Means of slopes and of difficulties (Loyd & Hoover 1980)."""

    def constants(self, new: ItemParameters, old: ItemParameters) -> tuple[float, float]:
        """Return A as the ratio of the mean slopes, B from the mean difficulties."""
        A = float(new.slope.mean() / old.slope.mean())
        return A, float(np.nanmean(old.difficulties) - A * np.nanmean(new.difficulties))


@value
class MeanSigma:
    """Means and standard deviations of difficulties (Marco 1977)."""

    def constants(self, new: ItemParameters, old: ItemParameters) -> tuple[float, float]:
        """Return A as the ratio of the standard deviations, B from the means."""
        A = float(np.nanstd(old.difficulties) / np.nanstd(new.difficulties))
        return A, float(np.nanmean(old.difficulties) - A * np.nanmean(new.difficulties))


@value
class StockingLord:
    """Least squares of the test characteristic curves (Stocking & Lord 1983), over a normal population of the old scale."""

    points: int = POINTS

    def constants(self, new: ItemParameters, old: ItemParameters) -> tuple[float, float]:
        """Return A and B at the minimum."""
        return _least(new, old, self.points, lambda gap, score: np.einsum("ik,ikq->q", score, gap))


@value
class Haebara:
    """Least squares of the curves of all categories of every item (Haebara 1980), over a normal population of the old scale."""

    points: int = POINTS

    def constants(self, new: ItemParameters, old: ItemParameters) -> tuple[float, float]:
        """Return A and B at the minimum."""
        return _least(new, old, self.points, lambda gap, _: gap[:, 1:])


def _least(new: ItemParameters, old: ItemParameters, points: int, of: object) -> tuple[float, float]:
    nodes, weight = np.polynomial.hermite_e.hermegauss(points)
    weight = weight / weight.sum()
    theta = nodes * np.sqrt(old.variance) + old.mean
    there = np.exp(log_probabilities(old, theta))

    def gaps(constants: Floats) -> Floats:
        gap = there - np.exp(log_probabilities(moved(new, *constants), theta))
        return np.asarray((of(gap, old.points) * np.sqrt(weight)).ravel())  # type: ignore[operator]

    start = MeanMean().constants(new, old)
    found = least_squares(gaps, start if start[0] > 0 else (1.0, 0.0), xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return float(found.x[0]), float(found.x[1])
