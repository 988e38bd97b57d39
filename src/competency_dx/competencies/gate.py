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
from competency_dx.responses import Reason, Reasons

CAUTION = 5.0  # standard errors
REPORTED, NO_ITEMS, TOO_FEW, LOW_RELIABILITY, NO_ADDED_VALUE = range(5)


def marginal_reliability(information: Floats, theta: Floats, weight: Floats) -> Floats:
    """Return 1 - E[posterior variance] / variance (P,) for test information (P, Q) at points of a population."""
    mean = float(weight @ theta)
    variance = float(weight @ (theta - mean) ** 2)
    return np.asarray(1 - (1 / (1 / variance + information)) @ weight / variance)


def haberman(covariance: Floats, subscale: Bools) -> tuple[float, float]:
    """Return PRMSE of the subscore and of the total score as predictors of the true subscore.

    Parameters
    ----------
    covariance : ndarray, shape (I, I)
        Covariances of the points of the items of one form.
    subscale : ndarray of bool, shape (I,)
        Items of the subscore.

    Returns
    -------
    tuple of float
        Cronbach's α of the subscore, NaN for fewer than two items or a constant sum, and PRMSE of the total score,
        NaN where α is not positive.
    """
    return _prmse(_sums(covariance, subscale), int(subscale.sum()))


def _sums(covariance: Floats, subscale: Bools) -> Floats:
    """Return the sum of the item variances of subscore s, var(s), cov(s, x) and var(x)."""
    part, total = covariance[subscale], covariance.sum()
    if subscale.all():  # the same sum thrice: in which order it is taken must not decide
        return np.array([np.trace(covariance), total, total, total])
    return np.array([np.trace(part[:, subscale]), part[:, subscale].sum(), part.sum(), total])


def _prmse(sums: Floats, n_items: int) -> tuple[float, float]:
    item_variances, variance, shared, total = (float(x) for x in sums)
    if n_items < 2 or not variance > 0:
        return float("nan"), float("nan")
    alpha = n_items / (n_items - 1) * (1 - item_variances / variance)
    if not alpha > 0:
        return alpha, float("nan")
    if variance == shared == total:  # the total is the subscore: no gain, and none left to rounding
        return alpha, alpha
    return alpha, (shared - (1 - alpha) * variance) ** 2 / (alpha * variance * total)


def added_value(
    points: Codes, observed: Bools, reasons: Reasons, member: Bools, declared: Bools, min_cohort: int
) -> tuple[Floats, Floats]:
    """Return PRMSE of the subscore (C,) and by how much it surely exceeds that of the total (C,).

    Every form that at least `min_cohort` persons were given is judged with all of them, and a competency gets the
    average over these forms by number of persons: it is reported to all or to none, and a blank cell takes nobody out
    of the comparison. Both are NaN where no form was given to so many; the excess is minus infinity where the answers
    cannot tell it.

    Parameters
    ----------
    points, observed, reasons : ndarray, shape (P, I)
        Points, whether they count, and the reasons of the responses.
    member : ndarray of bool, shape (C, I)
        Items of each competency.
    declared : ndarray of bool, shape (N, I)
        Items of the forms that the bank names.
    """
    sets, which, counts = np.unique(reasons != Reason.NOT_ADMINISTERED, axis=0, return_inverse=True, return_counts=True)
    forms = _forms(sets, counts >= min_cohort, declared)
    fits = ~(sets[:, None] & ~forms).any(axis=2)
    smallest = np.bincount(fits.argmax(axis=1), weights=counts, minlength=len(forms))
    values, weights = [], []
    for form, holds, weight in zip(forms, np.transpose(fits), smallest, strict=True):
        takers: Bools = holds[which.ravel()]
        if form.any() and takers.sum() >= min_cohort:
            cells = np.ix_(takers, form)
            answered = reasons[cells] == Reason.ANSWERED
            values.append(_form_values(points[cells], observed[cells], answered, member[:, form]))
            weights.append(weight)
    if not values:
        return np.full(len(member), np.nan), np.full(len(member), np.nan)
    table = np.array(values)
    share = np.where(np.isfinite(table), np.array(weights)[:, None, None], 0.0)
    total = share.sum(axis=0)
    mean = (np.nan_to_num(table, neginf=0.0) * share).sum(axis=0) / np.maximum(total, 1.0)
    excess = np.where(total[1] > 0, mean[1], -np.inf)
    return np.where(total[0] > 0, mean[0], np.nan), np.where(member.sum(axis=1) < 2, np.nan, excess)


def _forms(sets: Bools, common: Bools, declared: Bools) -> Bools:
    """Return the forms (N, I) among the sets of items that persons were given, the shortest first.

    A set is a form when many were given it or the bank names it. All items together are one when some set lies in no other.
    """
    named = (sets[:, None] == declared).all(axis=2).any(axis=1)
    forms = sets[named | common]
    if (sets[:, None] & ~forms).any(axis=2).all(axis=1).any():
        forms = np.unique([*forms, sets.any(axis=0)], axis=0)
    shortest_first: Bools = forms[np.argsort(forms.sum(axis=1), kind="stable")]
    return shortest_first


def _form_values(points: Codes, observed: Bools, answered: Bools, member: Bools) -> Floats:
    """Return PRMSE of each subscore and its sure excess over that of the total (2, C), from one form.

    Cells that do not count are left out of the covariances pair by pair. From the excess five standard errors of what
    the missing answers could change are taken off (delta method on the sums of squares, as for a sample of a finite
    population), so that chance in who left a cell blank does not open the gate.
    """
    seen = observed.astype(float)
    centred = np.where(observed, points - (points * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1.0), 0.0)
    pairs, sums = seen.T @ seen, centred.T @ seen
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = (centred.T @ centred - sums * sums.T / pairs) / (pairs - 1)
    n, complete = len(points), float((answered.astype(float).T @ answered).min())
    spread = np.sqrt(1 / complete - 1 / n) if complete > 0 else np.inf
    out = np.full((2, len(member)), np.nan)
    for c, subscale in enumerate(member):
        if not subscale.any():
            continue
        n_items, at = int(subscale.sum()), _sums(covariance, subscale)
        alpha, of_total = _prmse(at, n_items)
        out[:, c] = alpha, alpha - of_total
        if complete < n:
            step = np.diag(1e-5 * np.abs(at))
            ends = np.array([np.subtract(*_prmse(at + h, n_items)) for h in (*step, *-step)])
            slope = (ends[:4] - ends[4:]) / (2e-5 * np.abs(at))
            s, x = centred[:, subscale].sum(axis=1), centred.sum(axis=1)
            squares = np.column_stack([(centred[:, subscale] ** 2).sum(axis=1), s * s, s * x, x * x])
            out[1, c] -= CAUTION * spread * (squares @ slope).std()
    out[1] = out[1].clip(-1.0, 1.0)
    return out.round(12)


def statuses(
    n_items: Ints, reliability: Floats, gain: Floats, *, min_items: int, least: float, added: float
) -> NDArray[np.int8]:
    """Return for each person and unit (P, C) whether it may be reported and if not, the first reason why.

    `gain` (C,) is by how much PRMSE of the subscore exceeds that of the total; NaN where the cohort is too small to tell.
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
