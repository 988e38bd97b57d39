"""Item parameters as a table, every estimate with its standard error; and what a bank keeps of the estimated population."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.bank import BankPopulation, CorrelationMatrix, LeafPopulation
from competency_dx.engine import ParameterTable
from competency_dx.errors import CalibrationError
from competency_dx.models import FAMILIES, ItemParameters, NormalPopulation
from competency_dx.result import DataFrame, frame

HIGHEST = 0.99  # of a correlation in a bank


def parameter_frame(p: ItemParameters) -> DataFrame:
    """Return item, family, dimension, slopes, difficulties, step intercepts, asymptotes, and se_ of what is estimated."""
    out = frame(item=p.items, **group_column(p), family=p.families, dimension=dimension_names(p))
    D = p.slopes.shape[1]
    names = ["a"] if p.between else [f"a_{d}" for d in p.dimensions]
    se = np.sqrt(np.einsum("iff->if", p.covariance)[:, :D])
    se = np.take_along_axis(se, p.dimension_index[:, None], axis=1) if p.between else se
    out[names] = p.slope[:, None] if p.between else np.where(p.loads, p.slopes, np.nan)
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
    """Return item, location (mean of the b_k), se_location, tau1 …, se_tau1 …; b_k = location + tau_k, errors by the delta method."""
    width, D = p.intercepts.shape[1] - 1, p.slopes.shape[1]
    out = frame(item=p.items, **group_column(p), location=np.nan, se_location=np.nan)
    tau, se = np.full((2, len(p.items), width), np.nan)
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
    if not (nominal := np.array([FAMILIES[name].slope_in_extras for name in p.families])).any():
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


def population_for_bank(population: NormalPopulation, table: ParameterTable, covariance: Floats, n: int, group: str) -> BankPopulation:
    """Return the population of the reference group, with the errors of drawing `n` persons, or those estimated where larger."""
    mean, V = population.mean, population.covariance
    sd = np.sqrt(np.diag(V))
    if not (sd > 0).all():
        raise CalibrationError("calibration.bank_spread")
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    of_group = table.group <= 0
    of_means = errors[table.is_kind("mean") & of_group]
    variances = np.flatnonzero(table.is_kind("variance") & of_group)
    of_sds = errors[variances] / (2 * sd[table.dimension[variances]] ** 2)
    stated: dict[str, Any] = {"mean_se": float(max(sd.max() / np.sqrt(n), of_means.max(initial=0.0))), "group": group, "n": n}
    stated["sd_se"] = float(max(1 / np.sqrt(2 * n), of_sds.max(initial=0.0)))
    if len(mean) == 1:
        return BankPopulation(mean=float(mean[0]), variance=float(V[0, 0]), status="scale", **stated)
    r, lower = np.clip(V / np.outer(sd, sd), -HIGHEST, HIGHEST), np.tril_indices(len(mean), -1)
    return BankPopulation(
        mean=float(mean.mean()),
        variance=float(np.diag(V).mean()),
        leaves={code: LeafPopulation(mean=float(m), sd=float(s)) for code, m, s in zip(population.dimensions, mean, sd, strict=True)},
        correlations=CorrelationMatrix(
            leaves=population.dimensions,
            values=tuple(r[lower].tolist()),
            se=tuple(_fisher_errors(r, V, table, covariance)[lower].tolist()),
        ),
        status="estimated",
        **stated,
    )


def _fisher_errors(r: Floats, V: Floats, table: ParameterTable, covariance: Floats) -> Floats:
    """Return standard errors (D, D) of Fisher's z = artanh r, r = V_ab / √(V_aa V_bb), by the delta method."""
    D, free = len(r), np.flatnonzero(table.is_kind("correlation", "covariance", "variance") & (table.group <= 0))
    gradient = np.zeros((D, D, len(free)))
    for j, f in enumerate(free):
        a, b = table.dimension[f], table.other[f]
        if b >= 0:
            gradient[a, b, j] = gradient[b, a, j] = 1 / np.sqrt(V[a, a] * V[b, b])
        else:
            gradient[a, :, j] -= r[a] / (2 * V[a, a])
            gradient[:, a, j] -= r[:, a] / (2 * V[a, a])
    spread = np.einsum("abf,fg,abg->ab", gradient, covariance[np.ix_(free, free)], gradient, optimize=True)
    np.fill_diagonal(spread, 0.0)
    return np.asarray(np.sqrt(np.maximum(spread, 0.0)) / np.where(np.eye(D) > 0, 1.0, 1 - r**2))
