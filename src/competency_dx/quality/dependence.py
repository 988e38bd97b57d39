"""Items that hang together more than their competencies say: pairs whose covariance exceeds what the model implies.

The points of two items covary because of what they measure. What is left over is local dependence (Yen 1984,
doi:10.1177/014662168400800201): a shared text, a picture, one item giving away another. Covariances of pairs are compared with
g_i g_j C_ij, C the ones implied by items and population, g factors by least squares: wrong slopes and spreads are no dependence.
A median above or below 0 between two clusters is a wrong level of correlation and no dependence either. Where dependence is, the
upper tail is heavy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints

SWEEPS = 20
HIGH = 2.5  # standard errors
MANY = 3.5  # standard deviations of the number of high pairs
LEAST_COMMON = 50  # persons who answered both
MAD_TO_SD = 1.4826


class Dependence(NamedTuple):
    """Excess of pairs in standard errors (I, I), NaN where few answered both; how many are high, and how many by chance.

    `stretch` is by how much the middle half of the pairs widened the standard errors.
    """

    excess: Floats
    high: int
    by_chance: float
    stretch: float = 1.0

    @property
    def evident(self) -> bool:
        """Return whether there are more high pairs than chance makes."""
        return bool(self.high > self.by_chance + MANY * np.sqrt(self.by_chance + 1))

    def strongest(self, n: int) -> list[tuple[int, int]]:
        """Return the n pairs with the highest excess."""
        first, second = np.triu_indices(len(self.excess), 1)
        order = np.argsort(-np.nan_to_num(self.excess[first, second], nan=-np.inf), kind="stable")[:n]
        return [(int(first[k]), int(second[k])) for k in order]


def local_dependence(codes: Codes, observed: Bools, implied: Floats, cluster: Ints) -> Dependence:
    """Return which pairs of items depend on each other beyond their competencies.

    Parameters
    ----------
    codes, observed : ndarray, shape (P, I)
        Points and whether they count.
    implied : ndarray, shape (I, I)
        Covariances of the points under the model.
    cluster : ndarray of int, shape (I,)
        Clusters of the items' competencies: pairs of one cluster, or of the same two, share the level of correlation.
    """
    seen = observed.astype(np.float64)
    n = seen.T @ seen
    points = np.where(observed, codes, 0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = points.sum(axis=0) / seen.sum(axis=0)
        centred = np.where(observed, points - mean, 0.0)
        covariance = centred.T @ centred / n
        spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        weight = np.where((n >= LEAST_COMMON) & ~np.eye(len(n), dtype=np.bool_) & (spread > 0), n / spread**2, 0.0)
    weight, known = np.nan_to_num(weight), np.nan_to_num(covariance)
    g = np.ones(len(n))
    for _ in range(SWEEPS):
        for i in range(len(n)):
            line = g * implied[i]
            below = float(weight[i] @ line**2)
            g[i] = float(weight[i] @ (line * known[i])) / below if below > 0 else g[i]
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(weight > 0, (covariance - np.outer(g, g) * implied) / spread * np.sqrt(n), np.nan)
    first, second = np.triu_indices(len(n), 1)
    first, second = (x[np.isfinite(excess[first, second])] for x in (first, second))
    if not first.size:
        return Dependence(excess, 0, 0.0)
    low, high = np.minimum(cluster[first], cluster[second]), np.maximum(cluster[first], cluster[second])
    for kind in np.unique(low * (cluster.max() + 1) + high):
        of = low * (cluster.max() + 1) + high == kind
        i, j = first[of], second[of]
        excess[i, j] -= np.median(excess[i, j])
    pairs = excess[first, second]
    scale = max(1.0, MAD_TO_SD * float(np.median(np.abs(pairs))))
    excess[first, second] = excess[second, first] = pairs / scale
    return Dependence(excess, int((pairs / scale > HIGH).sum()), float(pairs.size * ndtr(-HIGH)), scale)
