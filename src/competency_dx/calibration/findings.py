"""What a calibration may say of its items, competencies and the way to its maximum, and which items it is said of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.findings import Finding, Template
from competency_dx.models import ItemParameters
from competency_dx.responses import FALSE_ALARM, SuspectedKey

THIN_RASCH, THIN_2PL = 100, 300
LARGEST_SLOPE, SMALLEST_SLOPE, FARTHEST = 4.0, 0.2, 6.0
ALIKE = 0.95  # correlation of two items among the persons who answered both
LEAST_COMMON = 30
PERSONS = 4_000  # spread over the table; a repetition shows itself in them


def before(
    items: tuple[str, ...], counts: Ints, n_categories: Ints, rest: Floats, suspected: Sequence[SuspectedKey]
) -> tuple[Finding, ...]:
    """Return what the counts of categories (I, K) and the correlations with the rest of the test (I,) say of the items."""
    exists = np.arange(counts.shape[1]) < n_categories[:, None]
    unused = exists & (counts == 0)
    constant = (counts > 0).sum(axis=1) <= 1
    gaps = unused.any(axis=1) & ~constant
    rest = np.nan_to_num(rest, nan=1.0)
    wrong, other = [s.item for s in suspected], {s.item: s.suggestion for s in suspected if s.suggestion}
    weak = (rest < 0) & ~np.isin(items, wrong)
    ids = np.array(items, dtype=object)
    return (
        *Template("calibration.constant_item").about(ids[constant]),
        *Template("calibration.empty_category").about(ids[gaps]),
        *Template("calibration.probable_wrong_key").about(wrong),
        *Template("calibration.other_key").about(other, where=[f"{i}: {answer}" for i, answer in other.items()], answers=other),
        *Template("calibration.low_item_rest").about(ids[weak]),
    )


def after(parameters: ItemParameters, model: str, n_answers: Ints, free: Bools) -> tuple[Finding, ...]:
    """Return what the estimates say of the items; `free` (I,) says whose slopes are estimated."""
    a, b = parameters.slope, parameters.difficulties
    ids = np.array(parameters.items, dtype=object)
    variances = np.diagonal(parameters.covariance, axis1=1, axis2=2)
    se = np.sqrt(np.take_along_axis(variances, parameters.dimension_index[:, None], axis=1)[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        negative = free & (a < 0) & ~(ndtr(a / se) > FALSE_ALARM / max(1, int(free.sum())))
    far = np.nanmax(np.abs(np.where(np.isfinite(b), b, 0.0)), axis=1) > FARTHEST
    least = THIN_2PL if free.any() else THIN_RASCH
    few = n_answers < least
    if free.any():
        thin = Template("calibration.thin_sample").about(ids[few], least=least, model=model)
    else:
        within = np.median(1.96 * np.sqrt(variances[few, parameters.slopes.shape[1]])) if few.any() else 0.0
        thin = Template("calibration.imprecise_difficulties").about(ids[few], least=least, within=float(within))
    return (
        *Template("calibration.negative_slope").about(ids[negative]),
        *Template("calibration.steep_slope").about(ids[free & (a > LARGEST_SLOPE)], limit=LARGEST_SLOPE),
        *Template("calibration.flat_slope").about(ids[free & (a < SMALLEST_SLOPE) & ~negative], limit=SMALLEST_SLOPE),
        *Template("calibration.far_difficulty").about(ids[far], limit=FARTHEST),
        *thin,
    )


def near_duplicates(items: tuple[str, ...], codes: Codes, observed: Bools) -> tuple[Finding, ...]:
    """Return a warning about pairs of items whose answers correlate above .95 among at least 30 of 4,000 persons."""
    some = slice(None, None, max(1, len(codes) // PERSONS))
    x, seen = codes[some].astype(np.float32), observed[some].astype(np.float32)
    x = x * seen
    n = seen.T @ seen
    sum_i, sum_ij, square = x.T @ seen, x.T @ x, (x**2).T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = sum_ij - sum_i * sum_i.T / n
        var = square - sum_i**2 / n
        r = cov / np.sqrt(var * var.T)
    pairs = np.argwhere(np.triu((n >= LEAST_COMMON) & (np.nan_to_num(r) > ALIKE), 1))
    twins = [(items[i], items[j]) for i, j in pairs]
    return Template("calibration.near_duplicate").about([items[k] for k in np.unique(pairs)], pairs=twins, limit=ALIKE)
