"""What a calibration may say of its items, competencies and the way to its maximum, and which items it is said of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.findings import Finding, Template
from competency_dx.models import ItemParameters
from competency_dx.responses import FALSE_ALARM, SuspectedKey

NO_ANSWERS = Template("calibration.no_answers")
CONSTANT_ITEM = Template("calibration.constant_item")
EMPTY_CATEGORY = Template("calibration.empty_category")
PROBABLE_WRONG_KEY = Template("calibration.probable_wrong_key")
OTHER_KEY = Template("calibration.other_key")
LOW_ITEM_REST = Template("calibration.low_item_rest")
NEGATIVE_SLOPE = Template("calibration.negative_slope")
STEEP_SLOPE = Template("calibration.steep_slope")
FLAT_SLOPE = Template("calibration.flat_slope")
LONE_SLOPE = Template("calibration.lone_slope")
FAR_DIFFICULTY = Template("calibration.far_difficulty")
THIN_SAMPLE = Template("calibration.thin_sample")
IMPRECISE = Template("calibration.imprecise_difficulties")
NEAR_DUPLICATE = Template("calibration.near_duplicate")
COARSE_GRID = Template("calibration.coarse_grid")
SECOND_OPINION = Template("calibration.second_opinion")
GIRTH_SHARES = Template("calibration.girth_shares")
GIRTH_AT_BOUND = Template("calibration.girth_at_bound")
GIRTH_UNSETTLED = Template("calibration.girth_unsettled")

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
        *CONSTANT_ITEM.about(ids[constant]),
        *EMPTY_CATEGORY.about(ids[gaps]),
        *PROBABLE_WRONG_KEY.about(wrong),
        *OTHER_KEY.about(other, where=[f"{item}: {answer}" for item, answer in other.items()], answers=other),
        *LOW_ITEM_REST.about(ids[weak]),
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
    within = 1.96 * np.sqrt(variances[few, parameters.slopes.shape[1]])
    if free.any():
        thin = THIN_SAMPLE.about(ids[few], least=least, model=model)
    else:
        thin = IMPRECISE.about(ids[few], least=least, within=float(np.median(within)) if few.any() else 0.0)
    return (
        *NEGATIVE_SLOPE.about(ids[negative]),
        *STEEP_SLOPE.about(ids[free & (a > LARGEST_SLOPE)], limit=LARGEST_SLOPE),
        *FLAT_SLOPE.about(ids[free & (a < SMALLEST_SLOPE) & ~negative], limit=SMALLEST_SLOPE),
        *FAR_DIFFICULTY.about(ids[far], limit=FARTHEST),
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
    return NEAR_DUPLICATE.about([items[k] for k in np.unique(pairs)], pairs=twins, limit=ALIKE)
