"""Calibrated items as tables, every estimate with its standard error, their curves as data, and the pictures of a calibration.

Items are shown along the direction of their slopes (Reckase 2009, doi:10.1007/978-0-387-89976-3, eq. 5.7-5.9).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Z95, Bools, Floats, FrozenDict, Ints
from competency_dx.display import number, result_words
from competency_dx.display.charts import Cells, Chart, Mark, Series, WrightColumn, wright_chart
from competency_dx.errors import CalibrationError
from competency_dx.kernels import families
from competency_dx.models import FAMILIES, ItemParameters, NormalPopulation, expected_scores, log_probabilities, score_information
from competency_dx.result import DataFrame, frame

REACH, STEP, FAR = 4.0, 0.1, 8.0  # logits or SD shown on either side; where the place of an item is looked for
FEW_LINES, SMALL_PICTURES, TINY = 8, 12, 1e-12  # lines of a panel that are told apart


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
    for i, j, kind, which, se in _extras(p):
        if kind == "slope":
            k = (which or int(p.n_categories[i]) - 1) - 1
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


class Shown(NamedTuple):
    """What pictures are made from: parameters, populations of the G groups with their names, SE of correlations (D, D)."""

    parameters: ItemParameters
    populations: tuple[NormalPopulation, ...]
    groups: tuple[str, ...]
    errors: Floats
    language: str

    def say(self, key: str, **facts: object) -> str:
        """Return a title or a label in the language."""
        return result_words("calibration", self.language)(key, **facts)


def curve_frame(parameters: ItemParameters, theta: Floats, items: Sequence[str] | None) -> DataFrame:
    """Return the table of `Calibration.curves` at points (Q,) along each item's own direction, in logits."""
    at = np.atleast_1d(theta)
    if at.ndim != 1 or not np.isfinite(at).all():
        raise CalibrationError("calibration.theta")
    if items is not None:
        items = [items] if isinstance(items, str) else items
        if unknown := [item for item in items if item not in parameters.items]:
            raise CalibrationError("calibration.picture_items", unknown=unknown, items=parameters.items)
        parameters = parameters.take([i for item in items for i, name in enumerate(parameters.items) if name == item])
    p = parameters.single()
    prob, score, information = np.exp(log_probabilities(p, at)), expected_scores(p, at), score_information(p, at)
    item, category = np.nonzero(p.allowed)
    return frame(
        **{name: np.repeat(np.array(x, dtype=object)[item], len(at)) for name, x in ({"item": p.items} | group_column(p)).items()},
        category=np.repeat(category, len(at)),
        theta=np.tile(at, len(item)),
        probability=prob[item, category].ravel(),
        expected=score[item].ravel(),
        information=information[item].ravel(),
    )


def scale_of(populations: Sequence[NormalPopulation]) -> Floats:
    """Return points (Q,) on which curves are shown: four logits or SD on either side of the means, whatever is wider."""
    means = np.concatenate([p.mean for p in populations])
    reach = REACH * np.concatenate([np.sqrt(np.diag(p.covariance)) for p in populations])
    low, high = np.floor(min(-REACH, (means - reach).min())), np.ceil(max(REACH, (means + reach).max()))
    return np.asarray(np.linspace(low, high, round((high - low) / STEP) + 1))


def axis_information(p: ItemParameters, dimension: int, theta: Floats) -> Floats:
    """Return the information (I, Q) of the items about one competency, the other competencies at their means."""
    if p.slopes.shape[1] == 1:
        return score_information(p, theta)
    points = np.tile(p.population.mean, (len(theta), 1))
    points[:, dimension] = theta
    prob, first, _ = families.predictor_curves(p.groups, p.beta, points, p.allowed)
    return np.asarray(p.slopes[:, dimension, None] ** 2 * (first**2 / np.maximum(prob, TINY)).sum(axis=2).T)


def locations(p: ItemParameters) -> tuple[Floats, Floats]:
    """Return the place of each item (I,) on its own direction, and its standard error by the delta method.

    The place is the mean of the step difficulties b_k = -d_k / a, a the length of the slopes where there are several; where a family
    has no b_k, the point at which half of the points are expected (no standard error, NaN where there is none within 8 logits).
    """
    a, free = p.slope, np.array([not FAMILIES[f].slope_in_extras for f in p.families])
    seen = np.isfinite(p.steps) & free[:, None]
    n = np.maximum(seen.sum(axis=1), 1)
    d = np.where(seen, p.steps, 0.0).sum(axis=1) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(seen.any(axis=1), -d / a, np.nan)
        direction = np.where(p.loads, p.slopes, 0.0) / a[:, None]
        slope = d[:, None] / a[:, None] ** 2 * direction
        weight = np.concatenate([slope, -1.0 * seen / (n * a)[:, None]], axis=1)
    V = np.where(weight[:, :, None] * weight[:, None, :] == 0, 0.0, p.step_covariance())
    with np.errstate(invalid="ignore"):
        se = np.sqrt(np.maximum(np.einsum("if,ifg,ig->i", weight, V, weight), 0.0))
    return np.where(free, place, _half_way(p.single())), np.where(free & (se > 0), se, np.nan)


def _half_way(p: ItemParameters) -> Floats:
    """Return the first θ (I,) at which the expected share of points passes one half, NaN where it does not."""
    theta = np.linspace(-FAR, FAR, 801)
    over = _shares(p, theta) - 0.5
    first, rows = (passes := over[:, :-1] * over[:, 1:] <= 0).argmax(axis=1), np.arange(len(over))
    left, right = over[rows, first], over[rows, first + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = theta[first] + (theta[1] - theta[0]) * left / (left - right)
    return np.where(passes.any(axis=1), crossing, np.nan)


def _shares(p: ItemParameters, theta: Floats) -> Floats:
    """Return the expected share of the points of each item (I, Q)."""
    return np.asarray(expected_scores(p, theta) / p.points.max(axis=1, where=p.allowed, initial=1)[:, None])


def _strands(p: ItemParameters) -> dict[str, Ints]:
    """Return the places of items that measure the same competencies by their label; a strand that is the only one needs none."""
    names = np.array(dimension_names(p), dtype=object)
    out = {str(label): np.flatnonzero(names == label) for label in dict.fromkeys(names)}
    return out if len(out) > 1 else {"": np.arange(len(names))}


def _difficulty(shown: Shown) -> Chart:
    """Return the places of items with intervals, the items of the first strand on top."""
    p = shown.parameters
    place, se = locations(p)
    series, names = list[Series](), list[str]()
    for style, (label, items) in reversed(list(enumerate(_strands(p).items()))):
        at = items[np.isfinite(place[items])]
        at = at[np.argsort(place[at], kind="stable")]
        rows = len(names) + np.arange(len(at), dtype=float)
        low, high = place[at] - Z95 * se[at], place[at] + Z95 * se[at]
        series.append(Series(name=label, mark="interval", x=place[at], y=rows, low=low, high=high, style=style))
        names += [p.labels[i] for i in at]
    return Chart(
        title=shown.say("difficulty_intervals" if np.isfinite(se).any() else "difficulty"),
        x_label=shown.say("difficulty_axis_steps" if (p.n_categories > 2).any() else "difficulty_axis"),
        series=tuple(reversed(series)),
        y_names=tuple(names),
    )


def _panels(shown: Shown, curves: Callable[[ItemParameters, Floats], Floats], kind: str, axis: str) -> Chart:
    """Return a line per item, curves (I, Q) along its own direction, a panel for each strand."""
    theta, title, y_label = scale_of(shown.populations), shown.say(kind), shown.say(axis)
    table, labels, panels = curves(shown.parameters.single(), theta), shown.parameters.labels, []
    for label, items in _strands(shown.parameters).items():
        few = len(items) <= FEW_LINES
        mark: Mark = "line" if few else "thin"
        lines = tuple(Series(name=labels[i] if few else "", mark=mark, x=theta, y=table[i]) for i in items)
        panels.append(Chart(title=label, x_label=shown.say("theta_axis"), y_label=y_label, series=lines))
    return replace(panels[0], title=title) if len(panels) == 1 else Chart(title=title, panels=tuple(panels), across=2)


def _categories(shown: Shown) -> Chart:
    """Return a panel for each of the first items; of options, the key is starred."""
    total, theta = len(shown.parameters.items), scale_of(shown.populations)
    p = shown.parameters.single().take(range(min(total, SMALL_PICTURES)))
    prob, panels = np.exp(log_probabilities(p, theta)), []
    for i, item in enumerate(p.labels):
        words = [str(k) for k in range(int(p.n_categories[i]))]
        if p.options and p.options[i]:
            words = [*p.options[i][:-1], f"{p.options[i][-1]}*"]
        there = np.flatnonzero(p.allowed[i]).tolist()
        lines = tuple(Series(name=words[k], mark="line", x=theta, y=prob[i, k], style=k) for k in there)
        look: dict[str, Any] = {"x_label": shown.say("theta_axis"), "y_label": shown.say("probability_axis"), "naming": "beside"}
        panels.append(Chart(title=item, series=lines, y_range=(-0.05, 1.05), **look))
    title = shown.say("categories_part" if total > len(panels) else "categories", shown=len(panels), n=total)
    return Chart(title=title, panels=tuple(panels), across=min(3, len(panels)))


def _information(shown: Shown) -> Chart:
    """Return information above and standard errors below, these up to where the test says more than the population."""
    p, theta, D = shown.parameters, scale_of(shown.populations), len(shown.parameters.dimensions)
    totals = np.stack([axis_information(p, d, theta).sum(axis=0) for d in range(D)])
    errors = 1 / np.sqrt(np.maximum(totals, TINY))
    widest = max(float(np.sqrt(np.diag(q.covariance)).max()) for q in shown.populations)
    top = min(float(errors.max()), max(1.2 * widest, 3 * float(errors.min())))
    above = tuple(Series(name=n, mark="line", x=theta, y=y) for n, y in zip(p.dimensions if D > 1 else ("",), totals, strict=True))
    below = tuple(Series(name="", mark="line", x=theta, y=y) for y in errors)
    upper = Chart(title=shown.say("test_information"), y_label=shown.say("information_axis"), series=above)
    title, x_label, y_label = map(shown.say, ("standard_error", "theta_axis", "error_axis"))
    lower = Chart(title=title, x_label=x_label, y_label=y_label, series=below, y_range=(0.0, 1.05 * top))
    return Chart(title=shown.say("precision" if p.between else "precision_at_means"), panels=(upper, lower))


def _correlations(shown: Shown) -> Chart:
    """Return the lower triangle of the correlations in the reference group."""
    V, names = shown.populations[0].covariance, shown.parameters.dimensions
    sd, D, se = np.sqrt(np.diag(V)), len(V), shown.errors
    r = np.where(np.tri(D, k=-1, dtype=bool), V / np.outer(sd, sd), np.nan)

    def text(x: float, error: float) -> str:
        return number(x, ".2f", shown.language) + (f"\n± {number(error, '.2f', shown.language)}" if np.isfinite(error) else "")

    texts = tuple(tuple(text(r[i, j], se[i, j]) if j < i else "" for j in range(D - 1)) for i in range(1, D))
    return Chart(
        title=shown.say("correlations_in" if len(shown.groups) > 1 else "correlations", group=shown.groups[0]),
        y_names=names[1:],
        x_names=names[:-1],
        cells=Cells(values=r[1:, :-1], texts=texts),
        size=(min(1.6 + 1.0 * D, 14.0), min(1.6 + 0.55 * D, 12.0)),
    )


def _wright(shown: Shown) -> Chart:
    p, theta, columns = shown.parameters, scale_of(shown.populations), []
    for label, items in _strands(p).items():
        direction = np.abs(np.where(p.loads[items], p.slopes[items], 0.0)).mean(axis=0)  # the mean one of their slopes (D,)
        direction /= max(float(np.sqrt((direction**2).sum())), TINY)
        means = np.array([[q.mean @ direction] for q in shown.populations])
        variances = np.array([[direction @ q.covariance @ direction] for q in shown.populations])
        densities = np.exp(-0.5 * (theta - means) ** 2 / variances) / np.sqrt(2 * np.pi * variances)
        columns.append(WrightColumn(label, densities, *_steps(p, items)))
    words = ("wright", "wright_sides", "theta_axis", "wright_population", "wright_items")
    return wright_chart(columns, theta, shown.groups, [shown.say(key) for key in words])


def _steps(p: ItemParameters, items: Ints) -> tuple[list[str], Floats]:
    """Return names and places: one for each step of an item, or that of the item where it has none."""
    (whole, _), steps, words, places = locations(p), -p.steps / p.slope[:, None], list[str](), list[float]()
    for i in items:
        there = np.flatnonzero(np.isfinite(steps[i]))
        if p.n_categories[i] > 2 and not FAMILIES[p.families[i]].slope_in_extras:
            words += [f"{p.labels[i]}.{k + 1}" for k in there]
            places += steps[i, there].tolist()
        elif np.isfinite(whole[i]):
            words.append(p.labels[i])
            places.append(float(whole[i]))
    return words, np.array(places)


_KINDS: Mapping[str, Callable[[Shown], Chart]] = FrozenDict(
    difficulty=_difficulty,
    curves=partial(_panels, curves=_shares, kind="curves", axis="curves_axis"),
    categories=_categories,
    information=_information,
    item_information=partial(_panels, curves=score_information, kind="item_information", axis="information_axis"),
    wright=_wright,
    correlations=_correlations,
)


def chart_kinds(p: ItemParameters) -> tuple[str, ...]:
    """Return the kinds of picture for these parameters; correlations where there are several competencies."""
    return tuple(k for k in _KINDS if k != "correlations" or p.slopes.shape[1] > 1)


def chart(kind: str, shown: Shown) -> Chart:
    """Return the picture of a kind."""
    if kind not in (kinds := chart_kinds(shown.parameters)):
        raise CalibrationError("calibration.picture", kind=kind, kinds=kinds)
    return _KINDS[kind](shown)
