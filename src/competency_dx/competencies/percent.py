"""Domain-referenced percent: D(θ) = 100 Σ E[X_j | θ] / Σ max_j over a frozen reference set, with its uncertainty.

The percent of a person is the posterior distribution of D(θ). Where the reference items' own parameters are uncertain,
D at a given θ is normal around its mean, and the posterior of the percent is the mixture of these normals over θ. An answer
tells of the item as well as of the person: `informed.py` takes mean and variance of D given the answers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Floats, Ints

RESOLUTION = 0.25  # of a percent point, for quantiles
SHARPEST = 1e-6


class PercentCurve(NamedTuple):
    """Mean and SD of D at the support points (Q,), P(D < cut) per cut (Q, cuts) and P(D <= level) (Q, L) for quantiles."""

    mean: Floats
    sd: Floats
    below: Floats
    levels: Floats
    cumulative: Floats


def percent_curve(
    score: Floats, variance: Floats, points: Ints, reference: Bools, cuts: tuple[float, ...]
) -> PercentCurve:
    """Return the curve of one competency from expected scores (I, Q), their variances (I, Q) and maximum points (I,)."""
    top = float(points[reference].sum())
    mean = 100 * score[reference].sum(axis=0) / top
    sd = 100 * np.sqrt(variance[reference].sum(axis=0)) / top
    levels = np.arange(0, 100 + RESOLUTION / 2, RESOLUTION)
    below = np.stack([_cumulative(mean, sd, cut) for cut in cuts], axis=1)
    distribution = np.stack([_cumulative(mean, sd, float(level)) for level in levels], axis=1)
    return PercentCurve(mean, sd, below, levels, distribution)


def _cumulative(mean: Floats, sd: Floats, level: float) -> Floats:
    """Return P(D < level) at each support point (Q,), averaged over the point's cell with D linear inside it.

    Within its cell [θ - h/2, θ + h/2] D runs uniformly over a range of half-width r; the mean of Φ((level - D) / sd) over
    that range is a difference of g(z) = z Φ(z) + φ(z), the integral of Φ.
    """
    half = 0.5 * np.abs(np.gradient(mean))
    spread = np.maximum(sd, SHARPEST)
    reach = np.maximum(half / spread, SHARPEST)
    z = (level - mean) / spread
    share = (_integral(z + reach) - _integral(z - reach)) / (2 * reach)
    return np.asarray(np.clip(share, 0.0, 1.0))


def _integral(z: Floats) -> Floats:
    return np.asarray(z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))


def quantile(levels: Floats, cumulative: Floats, probability: float) -> Floats:
    """Return the level (P,) at which each cumulative distribution (P, L) reaches a probability, interpolated."""
    at = np.clip((cumulative < probability).sum(axis=1), 1, len(levels) - 1)
    rows = np.arange(len(cumulative))
    left, right = cumulative[rows, at - 1], cumulative[rows, at]
    share = np.clip((probability - left) / np.maximum(right - left, 1e-12), 0.0, 1.0)
    return np.asarray(levels[at - 1] + share * (levels[at] - levels[at - 1]))
