"""Weak priors: stated, mild, and off on request."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.errors import CalibrationError


@value
class Priors:
    """Normal priors on slopes and on step intercepts, the same for every item.

    A normal prior on the slope, unlike a lognormal one, lets a wrong key show itself as a negative slope.

    Attributes
    ----------
    slope_mean, slope_sd : float
        Prior of every free slope a.
    step_sd : float
        Prior of every step intercept d_k, mean 0.
    """

    slope_mean: float = 1.0
    slope_sd: float = 0.75
    step_sd: float = 3.0

    def __post_init__(self) -> None:
        if not (self.slope_sd > 0 and self.step_sd > 0):
            raise CalibrationError(f"Prior SDs must be positive, found {self.slope_sd} and {self.step_sd}")

    def describe(self) -> str:
        """Return the priors in the notation of the field."""
        return f"a ~ N({self.slope_mean:g}, {self.slope_sd:g}²), d_k ~ N(0, {self.step_sd:g}²)"


def penalty(priors: Priors | None, K: int, steps: str) -> tuple[Floats, Floats]:
    """Return precision matrix (K, K) and mean (K,) of the prior of (a, e_1 … e_{K-1}); zeros without priors.

    Independent adjacent steps d_k = e_k - e_{k-1} give the tridiagonal precision DᵀD / sd² for the category intercepts.
    """
    precision, mean = np.zeros((K, K)), np.zeros(K)
    if priors is None:
        return precision, mean
    differences = np.eye(K - 1) - np.eye(K - 1, k=-1) if steps == "adjacent" else np.eye(K - 1)
    precision[0, 0], mean[0] = priors.slope_sd**-2, priors.slope_mean
    precision[1:, 1:] = differences.T @ differences / priors.step_sd**2
    return precision, mean


def resolve(priors: Priors | str | None) -> Priors | None:
    """Return the priors meant by ``"weak"``, None (plain maximum likelihood) or a `Priors` value."""
    if priors is None or isinstance(priors, Priors):
        return priors
    if priors == "weak":
        return Priors()
    raise CalibrationError(f'priors={priors!r} is not known; use "weak", None for maximum likelihood, or Priors(...)')
