"""Domain-referenced percent: D(θ) = 100 Σ E[X_j | θ] / Σ max_j over a frozen reference set, with its uncertainty.

The percent of a person is the posterior distribution of D(θ). Given θ, D is normal: the reference items' parameters may be
uncertain, and θ is any value in the cell of a support point. The distribution is the mixture of these normals over θ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Floats
from competency_dx.competencies.leaf_tables import LeafTables
from competency_dx.kernels.blocks import even_product

SHARPEST = 1e-6
LONGEST = 10.0  # step, in percent
LEAST_DENSITY = 1e-4  # per percent
LEAST = 1e-12


class PercentAt(NamedTuple):
    """Mean and SD of the percent D of each leaf by θ, (D, p, Q) or (D, 1, Q), and the tables they are from."""

    mean: Floats
    sd: Floats
    tables: LeafTables

    def below(self, cut: float) -> Floats:
        """Return P(D below the cut | θ), where items are certain the share of the cell around θ in which it is."""
        out, certain = ndtr((cut - self.mean) / self.sd), self.tables.certain
        if certain.any():
            ends = self.tables.percent[certain]
            half = np.maximum(0.5 * np.abs(np.gradient(ends, axis=1)), SHARPEST)
            out[certain] = np.clip(0.5 + 0.5 * (cut - ends) / half, 0.0, 1.0)[:, None]
        return np.asarray(out)


def percent_at(tables: LeafTables, chosen: Floats) -> PercentAt:
    """Return what answers (D, p, M) say of the percents at each θ.

    Where items are uncertain, the variance of D within the cell of a support point, a twelfth of the squared step, is part of it.
    """
    mean, variance = tables.percent[:, None], tables.variance[:, None]
    if tables.added is not None:
        mean = mean + even_product(chosen, tables.added[0])
        variance = np.maximum(variance + even_product(chosen, tables.added[1]), 0.0)
        variance += np.gradient(mean, axis=2) ** 2 * (~tables.certain[:, None, None] / 12)
    return PercentAt(mean, np.sqrt(variance + SHARPEST**2), tables)


def averaged(weight: Floats, at: PercentAt) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance (D, p) of the percents under weights (D, p, Q) of θ, and the part of the variance given θ."""
    within = (weight * at.sd**2).sum(axis=2)
    shape = weight * at.mean
    average = shape.sum(axis=2)
    return average, (shape * at.mean).sum(axis=2) - average**2 + within, within


def quantiles(weight: Floats, at: PercentAt, moments: tuple[Floats, Floats, Floats], levels: Floats) -> Floats:
    """Return the quantiles (N, D, p) of percents at N levels, from the weights of θ and what `averaged` says.

    D at the quantile of θ; where items are uncertain, spread out by the variance given θ, then one step of Halley (off by .07 RMS
    in percent).
    """
    average, variance, within = moments
    cumulative, last = np.cumsum(weight, axis=2), weight.shape[2] - 1
    side = np.stack([np.clip((cumulative < level).sum(axis=2), 1, last) for level in levels], axis=2)
    left, right = (np.take_along_axis(cumulative, x, axis=2) for x in (side - 1, side))
    share = np.clip((levels - left) / np.maximum(right - left, LEAST), 0.0, 1.0)
    ends = at.mean + 0.5 * np.diff(at.mean, axis=2, append=at.mean[:, :, -1:])  # of cells
    low, high = (np.take_along_axis(np.broadcast_to(ends, weight.shape), x, axis=2) for x in (side - 1, side))
    wider = np.sqrt(variance / np.maximum(variance - within, LEAST))[:, :, None]
    start = average[:, :, None] + (low + share * (high - low) - average[:, :, None]) * wider
    x = np.clip(np.moveaxis(start, 2, 0), 0.0, 100.0)
    if at.tables.added is None:
        return x
    out = []
    for level, value in zip(levels, x, strict=True):
        z = (value[:, :, None] - at.mean) / at.sd
        off = (weight * ndtr(z)).sum(axis=2) - level
        density = weight * np.exp(-0.5 * z**2) / at.sd
        slope = np.maximum(density.sum(axis=2) / np.sqrt(2 * np.pi), LEAST_DENSITY)
        bend = -(density * z / at.sd).sum(axis=2) / np.sqrt(2 * np.pi)
        newton = off / slope
        step = newton / np.maximum(1 - 0.5 * newton * bend / slope, 0.5)
        step = np.where(at.tables.certain[:, None], 0.0, np.clip(step, -LONGEST, LONGEST))
        out.append(np.clip(value - step, 0.0, 100.0))
    return np.stack(out)
