"""The reporting gate: may a competency be reported on its own, and if not, where is its conclusion found.

Reliability is marginal and model-based: it depends on the items a person answered, never on the cohort. The added value of a
subscore is Haberman's (2008, doi:10.3102/1076998607302636): a subscore deserves a report of its own if it predicts its own
true score better than the total score does. With α the reliability of subscore s within the total x,

    PRMSE_s = α            PRMSE_x = (cov(s, x) - (1 - α) var(s))² / (α var(s) var(x))
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Codes, Floats, Ints

REPORTED, NO_ITEMS, TOO_FEW, LOW_RELIABILITY, NO_ADDED_VALUE = range(5)


def marginal_reliability(information: Floats, theta: Floats, weight: Floats) -> Floats:
    """Return 1 - E[posterior variance] / variance (P,) for test information (P, Q) at points of a population."""
    mean = float(weight @ theta)
    variance = float(weight @ (theta - mean) ** 2)
    return np.asarray(1 - (1 / (1 / variance + information)) @ weight / variance)


def alpha(points: Floats) -> float:
    """Return Cronbach's α of points (P, I); NaN for fewer than two items or a constant sum."""
    I = points.shape[1]
    total = points.sum(axis=1).var(ddof=1) if len(points) > 1 else 0.0
    if I < 2 or total <= 0:
        return float("nan")
    return float(I / (I - 1) * (1 - points.var(axis=0, ddof=1).sum() / total))


def haberman(points: Floats, subscale: Bools) -> tuple[float, float]:
    """Return PRMSE of the subscore and of the total score as predictors of the true subscore.

    Parameters
    ----------
    points : ndarray, shape (P, I)
        Points of persons who took the same items.
    subscale : ndarray of bool, shape (I,)
        Items of the subscore.
    """
    own = alpha(points[:, subscale])
    s, x = points[:, subscale].sum(axis=1), points.sum(axis=1)
    if not np.isfinite(own) or own <= 0:
        return (own, float("nan"))
    if subscale.all():  # the total is the subscore: no gain, and none left to rounding, which differs between machines
        return own, own
    covariance = np.cov(s, x)
    shared = covariance[0, 1] - (1 - own) * covariance[0, 0]
    return own, float(shared**2 / (own * covariance[0, 0] * covariance[1, 1]))


def added_value(points: Codes, administered: Bools, member: Bools, min_cohort: int) -> tuple[Floats, Floats]:
    """Return PRMSE of the own score and of the total (P, C); NaN for persons of small groups.

    Each set of items taken by at least `min_cohort` persons gives values of its own; they are averaged over these sets by
    number of persons, so that one competency is reported to all or to none and chance in one form does not decide.
    """
    patterns, group, sizes = np.unique(administered, axis=0, return_inverse=True, return_counts=True)
    large = np.flatnonzero(sizes >= min_cohort)
    values = np.full((len(large), 2, len(member)), np.nan)
    for row, g in enumerate(large):
        who, items = group.ravel() == g, patterns[g]
        table = points[np.ix_(who, items)].astype(float)
        for c, belongs in enumerate(member[:, items]):
            if belongs.any():
                values[row, :, c] = haberman(table, belongs)
    weight = np.where(np.isfinite(values), sizes[large][:, None, None], 0.0)
    total = weight.sum(axis=0)
    pooled = np.full(values.shape[1:], np.nan)
    np.divide((np.nan_to_num(values) * weight).sum(axis=0), total, out=pooled, where=total > 0)
    inside = np.isin(group.ravel(), large)[:, None]
    return np.where(inside, pooled[0], np.nan), np.where(inside, pooled[1], np.nan)


def statuses(
    n_items: Ints, reliability: Floats, gain: Floats, *, min_items: int, least: float, added: float
) -> NDArray[np.int8]:
    """Return for each person and unit (P, C) whether it may be reported and if not, the first reason why.

    `gain` is PRMSE of the own score less that of the total; NaN where the cohort cannot tell.
    """
    return np.select(
        [n_items == 0, n_items < min_items, ~(reliability >= least), gain <= added],
        [NO_ITEMS, TOO_FEW, LOW_RELIABILITY, NO_ADDED_VALUE],
        REPORTED,
    ).astype(np.int8)


def roll_up(status: NDArray[np.int8], parent: tuple[int, ...]) -> NDArray[np.int16]:
    """Return where each unit's conclusion is reported (P, C): itself, its nearest reportable ancestor, or -1.

    Units come parents first, so one pass suffices.
    """
    out = np.full(status.shape, -1, dtype=np.int16)
    for c, up in enumerate(parent):
        above = out[:, up] if up >= 0 else np.int16(-1)
        out[:, c] = np.where(status[:, c] == REPORTED, c, above)
    return out
