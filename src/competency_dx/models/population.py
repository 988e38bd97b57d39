"""The normal population that item parameters refer to."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, freeze, value
from competency_dx.errors import ModelError


@value
class NormalPopulation:
    """Multivariate normal population of D dimensions.

    Attributes
    ----------
    dimensions : tuple of str
        Names, D of them.
    mean : ndarray, shape (D,)
    covariance : ndarray, shape (D, D)
    """

    dimensions: tuple[str, ...]
    mean: Floats
    covariance: Floats

    def __post_init__(self) -> None:
        freeze(self, mean=np.float64, covariance=np.float64)
        D = len(self.dimensions)
        if self.mean.shape != (D,) or self.covariance.shape != (D, D):
            raise ModelError(
                f"A population of {D} dimensions needs mean ({D},) and covariance ({D}, {D}), found "
                f"{self.mean.shape} and {self.covariance.shape}"
            )

    def named(self, dimensions: tuple[str, ...]) -> NormalPopulation:
        """Return the population under other names of its dimensions."""
        return NormalPopulation(dimensions=dimensions, mean=self.mean, covariance=self.covariance)
