"""Item parameters as a table: one row an item, every estimate with its standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.models import FAMILIES, ItemParameters

if TYPE_CHECKING:
    import pandas as pd

Z95 = 1.959963984540054


def parameter_frame(p: ItemParameters) -> pd.DataFrame:
    """Return item, family, dimension, slopes, difficulties, step intercepts, asymptotes, and se_ of what is estimated."""
    import pandas as pd

    frame = pd.DataFrame({"item": p.items} | group_column(p) | {"family": p.families, "dimension": dimension_names(p)})
    D, loads = p.slopes.shape[1], p.loads
    names = ["a"] if D == 1 or p.between else [f"a_{d}" for d in p.dimensions]
    slopes = p.slope[:, None] if D == 1 or p.between else np.where(loads, p.slopes, np.nan)
    variances = np.einsum("iff->if", p.covariance)
    se = np.sqrt(variances[:, :D])
    se = np.take_along_axis(se, p.dimension_index[:, None], axis=1) if len(names) == 1 else se
    for name, column in zip(names, slopes.T, strict=True):
        frame[name] = column
    binary = p.n_categories == 2
    step_se = _positive(np.sqrt(np.maximum(np.einsum("ikk->ik", p.step_covariance())[:, D:], 0.0)))
    step_se = np.where(np.isnan(p.steps), np.nan, step_se)
    for name, table in (("b", p.difficulties), ("d", p.steps)):
        _fill(frame, name, table, binary)
    frame["c"], frame["u"] = p.asymptotes.T
    for name, column in zip(names, _positive(se).T, strict=True):
        frame[f"se_{name}"] = column
    for name, table in (("se_b", p.difficulty_se()), ("se_d", step_se)):
        _fill(frame, name, table, binary)
    errors = asymptote_errors(p)
    for name, column in zip(("se_c", "se_u"), errors.T, strict=True):
        if np.isfinite(column).any():
            frame[name] = column
    return _with_category_slopes(frame, p)


def threshold_frame(p: ItemParameters) -> pd.DataFrame:
    """Return location and centred thresholds: item, location, se_location, tau1 …, se_tau1 …; b_k = location + tau_k.

    The location is the mean of the b_k. Standard errors are by the delta method from those of slope and steps.
    """
    import pandas as pd

    width, D = p.intercepts.shape[1] - 1, p.slopes.shape[1]
    frame = pd.DataFrame({"item": p.items} | group_column(p) | {"location": np.nan, "se_location": np.nan})
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
        frame.loc[i, ["location", "se_location"]] = b[i, :n] @ centre, np.sqrt(centre @ own @ centre)
        C = np.eye(n) - centre
        tau[i, :n], se[i, :n] = C @ b[i, :n], np.sqrt(np.maximum(np.diag(C @ own @ C.T), 0.0))
    for name, table in (("tau", tau), ("se_tau", se)):
        for k in range(width):
            frame[f"{name}{k + 1}"] = table[:, k]
    return frame


def group_column(p: ItemParameters) -> dict[str, tuple[str, ...]]:
    """Return the column of the groups whose parameters rows are, where items have parameters of their own in groups."""
    return {"group": p.item_groups} if p.item_groups else {}


def dimension_names(p: ItemParameters) -> list[str]:
    """Return the dimension of each item, several joined by a plus."""
    return ["+".join(np.array(p.dimensions, dtype=object)[row]) for row in p.loads]


def asymptote_errors(p: ItemParameters) -> Floats:
    """Return standard errors of c and u (I, 2) from those of their logits: c (1 - c) se(logit c)."""
    out = np.full((len(p.items), 2), np.nan)
    first = p.slopes.shape[1] + p.intercepts.shape[1] - 1
    bounds = p.asymptotes
    for i, (name, m) in enumerate(zip(p.families, p.n_categories, strict=True)):
        for j, extra in enumerate(FAMILIES[name].extras(int(m))):
            variance = p.covariance[i, first + j, first + j]
            if extra.kind in {"c", "u"} and variance > 0:
                at = int(extra.kind == "u")
                out[i, at] = bounds[i, at] * (1 - bounds[i, at]) * np.sqrt(variance)
    return out


def _with_category_slopes(frame: pd.DataFrame, p: ItemParameters) -> pd.DataFrame:
    """Return the frame with slope1 … and their standard errors where families have slopes of categories."""
    first = p.slopes.shape[1] + p.intercepts.shape[1] - 1
    width = p.intercepts.shape[1] - 1
    slopes, errors = np.full((len(p.items), width), np.nan), np.full((len(p.items), width), np.nan)
    for i, (name, m) in enumerate(zip(p.families, p.n_categories, strict=True)):
        family = FAMILIES[name]
        if not family.slope_in_extras:
            continue
        frame.loc[i, "a"] = np.nan
        for j, extra in enumerate(family.extras(int(m))):
            if extra.kind == "slope":
                k = extra.number or int(m) - 1
                slopes[i, k - 1] = p.extras[i, j]
                errors[i, k - 1] = np.sqrt(p.covariance[i, first + j, first + j])
    if np.isfinite(slopes).any():
        for k in range(width):
            frame[f"slope{k + 1}"] = slopes[:, k]
        for k in range(width):
            frame[f"se_slope{k + 1}"] = _positive(errors[:, k])
    return frame


def _positive(x: Floats) -> Floats:
    return np.where(x > 0, x, np.nan)


def _fill(frame: pd.DataFrame, name: str, table: Floats, binary: Bools) -> None:
    """Write a column for dichotomous items and numbered ones for the steps of polytomous items."""
    frame[name] = np.where(binary, table[:, 0], np.nan)
    if not binary.all():
        for k in range(table.shape[1]):
            frame[f"{name}{k + 1}"] = np.where(binary, np.nan, table[:, k])
