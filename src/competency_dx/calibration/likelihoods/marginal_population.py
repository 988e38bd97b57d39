"""The population of each group over its persons: residual variance plus the variance that covariates explain."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.models import NormalPopulation


def populations_over(
    dimensions: tuple[str, ...],
    residual: tuple[Floats, Floats],
    persons: tuple[Floats, Ints, Floats | None],
    reference: Floats,
) -> tuple[NormalPopulation, ...]:
    """Return the population of each group, which persons without known covariates are scored with.

    Parameters
    ----------
    residual : tuple of ndarray
        Coefficients γ (R, D) and residual covariances (G, D, D).
    persons : tuple
        Regressors (P, R), groups (P,) and case weights (P,) or None.
    reference : ndarray, shape (G, R)
        Regressors that make the mean of a group; covariates are columns of zeros in it.
    """
    (gamma, sigma), (regressors, group, weight) = residual, persons
    means = reference @ gamma
    covariates = (reference == 0).all(axis=0)
    if covariates.any():
        w: Floats = np.ones(len(group)) if weight is None else weight
        explained = [_spread(regressors[group == g] @ gamma, w[group == g]) for g in range(len(sigma))]
        means = np.stack([mean for mean, _ in explained])
        sigma = sigma + np.stack([covariance for _, covariance in explained])
    return tuple(
        NormalPopulation(dimensions=dimensions, mean=m, covariance=v) for m, v in zip(means, sigma, strict=True)
    )


def _spread(expected: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return weighted mean (D,) and covariance (D, D) of persons' expected θ (P, D)."""
    mean = np.average(expected, axis=0, weights=weight)
    off = expected - mean
    return np.asarray(mean), np.asarray((off * weight[:, None]).T @ off / weight.sum())
