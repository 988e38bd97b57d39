"""Item parameters as a table: one row an item, every estimate with its standard error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.models import FAMILIES, ItemParameters
from competency_dx.result import DataFrame, frame


def parameter_frame(p: ItemParameters) -> DataFrame:
    """Return item, family, dimension, slopes, difficulties, step intercepts, asymptotes, and se_ of what is estimated."""
    out = frame(item=p.items, **group_column(p), family=p.families, dimension=dimension_names(p))
    D, loads = p.slopes.shape[1], p.loads
    names = ["a"] if D == 1 or p.between else [f"a_{d}" for d in p.dimensions]
    slopes = p.slope[:, None] if D == 1 or p.between else np.where(loads, p.slopes, np.nan)
    variances = np.einsum("iff->if", p.covariance)
    se = np.sqrt(variances[:, :D])
    se = np.take_along_axis(se, p.dimension_index[:, None], axis=1) if len(names) == 1 else se
    out[names] = slopes
    binary = p.n_categories == 2
    step_se = _positive(np.sqrt(np.maximum(np.einsum("ikk->ik", p.step_covariance())[:, D:], 0.0)))
    _fill(out, "b", p.difficulties, binary)
    _fill(out, "d", p.steps, binary)
    out[["c", "u"]] = p.asymptotes
    out[[f"se_{name}" for name in names]] = _positive(se)
    _fill(out, "se_b", p.difficulty_se(), binary)
    _fill(out, "se_d", np.where(np.isnan(p.steps), np.nan, step_se), binary)
    for name, column in zip(("se_c", "se_u"), asymptote_errors(p).T, strict=True):
        if np.isfinite(column).any():
            out[name] = column
    return _with_category_slopes(out, p)


def threshold_frame(p: ItemParameters) -> DataFrame:
    """Return location and centred thresholds: item, location, se_location, tau1 …, se_tau1 …; b_k = location + tau_k.

    The location is the mean of the b_k. Standard errors are by the delta method from those of slope and steps.
    """
    width, D = p.intercepts.shape[1] - 1, p.slopes.shape[1]
    out = frame(item=p.items, **group_column(p), location=np.nan, se_location=np.nan)
    tau, se = np.full((len(p.items), width), np.nan), np.full((len(p.items), width), np.nan)
    V, a, b = p.step_covariance(), p.slope, p.difficulties
    for i, m in enumerate(p.n_categories):
        n = int(m) - 1
        if not np.isfinite(b[i, :n]).all():
            continue
        at = np.r_[p.dimension_index[i], D : D + n]
        J = np.column_stack([-b[i, :n] / a[i], -np.eye(n) / a[i]])  # of b by (a, d_1 …)
        centre = np.full(n, 1 / n)
        own = J @ V[i][np.ix_(at, at)] @ J.T
        out.loc[i, ["location", "se_location"]] = b[i, :n] @ centre, np.sqrt(centre @ own @ centre)
        C = np.eye(n) - centre
        tau[i, :n], se[i, :n] = C @ b[i, :n], np.sqrt(np.maximum(np.diag(C @ own @ C.T), 0.0))
    for name, table in (("tau", tau), ("se_tau", se)):
        out[[f"{name}{k + 1}" for k in range(width)]] = table
    return out


def group_column(p: ItemParameters) -> dict[str, tuple[str, ...]]:
    """Return the column of the groups whose parameters rows are, where items have parameters of their own in groups."""
    return {"group": p.item_groups} if p.item_groups else {}


def dimension_names(p: ItemParameters) -> list[str]:
    """Return the dimension of each item, several joined by a plus."""
    return ["+".join(np.array(p.dimensions, dtype=object)[row]) for row in p.loads]


def asymptote_errors(p: ItemParameters) -> Floats:
    """Return standard errors of c and u (I, 2) from those of their logits: c (1 - c) se(logit c)."""
    out = np.full((len(p.items), 2), np.nan)
    for i, _, kind, _, se in _extras(p):
        if kind in {"c", "u"} and se > 0:
            at = int(kind == "u")
            out[i, at] = p.asymptotes[i, at] * (1 - p.asymptotes[i, at]) * se
    return out


def _with_category_slopes(out: DataFrame, p: ItemParameters) -> DataFrame:
    """Return the frame with slope1 … and their standard errors where families have slopes of categories."""
    nominal = np.array([FAMILIES[name].slope_in_extras for name in p.families])
    if not nominal.any():
        return out
    out.loc[nominal, "a"] = np.nan
    slopes, errors = np.full((2, len(p.items), p.intercepts.shape[1] - 1), np.nan)
    for i, j, kind, number, se in _extras(p):
        if kind == "slope":
            k = (number or int(p.n_categories[i]) - 1) - 1
            slopes[i, k], errors[i, k] = p.extras[i, j], se
    for name, table in (("slope", slopes), ("se_slope", _positive(errors))):
        out[[f"{name}{k + 1}" for k in range(table.shape[1])]] = table
    return out


def _extras(p: ItemParameters) -> Iterator[tuple[int, int, str, int, float]]:
    """Yield item, place among its extras, kind, number and standard error of every extra parameter."""
    first = p.slopes.shape[1] + p.intercepts.shape[1] - 1
    for i, (name, m) in enumerate(zip(p.families, p.n_categories, strict=True)):
        for j, extra in enumerate(FAMILIES[name].extras(int(m))):
            yield i, j, extra.kind, extra.number, float(np.sqrt(p.covariance[i, first + j, first + j]))


def _positive(x: Floats) -> Floats:
    return np.where(x > 0, x, np.nan)


def _fill(out: DataFrame, name: str, table: Floats, binary: Bools) -> None:
    """Write a column for dichotomous items and numbered ones for the steps of polytomous items."""
    out[name] = np.where(binary, table[:, 0], np.nan)
    if not binary.all():
        out[[f"{name}{k + 1}" for k in range(table.shape[1])]] = np.where(binary[:, None], np.nan, table)
