"""`link`: the scale of a new calibration put on that of an old one by the items they have in common; `compare_links` by all methods."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress, pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.special import chdtrc, chdtri

from competency_dx.arrays import Z95, Bools, Floats, Ints
from competency_dx.bank import ItemBank, ledger_of
from competency_dx.calibration import Calibration, MarginalML, Population, calibrate
from competency_dx.engine import ItemErrors
from competency_dx.errors import LinkingError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.linking.choices import SAME, Constants, Haebara, LinkMethod, MeanMean, MeanSigma, StockingLord, of_difficulties, tied
from competency_dx.linking.links import Link, LinkMethods
from competency_dx.models import FAMILIES, ItemParameters, NormalPopulation, bank_parameters, expected_scores, moved
from competency_dx.responses import Layout, Responses, load_responses
from competency_dx.result import provenance

Without = tuple[str, ...] | Literal["drifted"]
LEAST_ITEMS, FEW = 2, 5
FALSE, WORTH = 0.05, 0.3  # an item moved: beyond any in 19 of 20 links in which none did, and by more log odds than this in θ makes
WIDER = {1: 2.0, 2: 1.2}  # by how much / √n the middle of n roots of chi-squares is above its own in one sample of twenty
LEAST_ERROR, ROUNDS, TESTS = 1e-6, 100, ("drift_se", "robust_z", "slope_drift", "p")
DEFAULT_METHOD = StockingLord()
METHODS: tuple[LinkMethod, ...] = (StockingLord(), Haebara(), MeanSigma(), MeanMean())
REACH = np.array([-2.0, 2.0])  # population SDs


class Scale(NamedTuple):
    """Items of one competency and their errors, and of a bank what their keys are called by."""

    digest: str
    items: ItemParameters
    errors: ItemErrors
    keys: Mapping[str, str] = {}


class Step(NamedTuple):
    """From one scale to the next: common items (I,), places in both, who moved, what `Link` says, gradients (2, I, F) of constants."""

    slope: float
    intercept: float
    items: tuple[str, ...]
    rows: Ints
    moved: Bools
    told: dict[str, Any]
    gradients: tuple[Floats, ...]


def scale_of(source: ItemBank | Calibration, competency: str = "") -> Scale:
    """Return a bank or a calibration, or one competency of it, as a scale; errors are those of a calibration, else each item's own."""
    whole, errors = bank_parameters(source) if isinstance(source, ItemBank) else source.parameters.in_group(), None
    leaves = source.leaves if isinstance(source, ItemBank) else {}
    of = np.array([leaves.get(i, whole.dimensions[d]) for i, d in zip(whole.items, whole.dimension_index, strict=True)])
    rows, D = np.flatnonzero(np.isin(of, [competency, "theta"]) | (competency == "")), len(whole.dimensions)  # theta: without a name
    if not whole.between or not len(rows) or not (competency or D == 1):
        raise LinkingError("linking.dimensions", dimensions=sorted({*of.tolist()}))
    known = whole.single(int(whole.dimension_index[rows[0]])).take(rows)
    if nominal := [i for i, f in zip(known.items, known.families, strict=True) if FAMILIES[f].steps == "category"]:
        raise LinkingError("linking.nominal", nominal=nominal)
    if isinstance(source, Calibration) and not source.parameters.item_groups:
        errors = source.table.item_errors(source.covariance)
    if errors is None:
        each = np.nan_to_num(known.covariance)
        errors = ItemErrors(block_diag(*each), *(x.ravel() for x in np.indices(each.shape[:2])))
    else:  # of these items, whose slope stands in the first column
        at = np.flatnonzero(np.isin(errors.item, rows))
        column = np.where(errors.column[at] < D, 0, errors.column[at] - D + 1)
        errors = ItemErrors(errors.covariance[np.ix_(at, at)], np.searchsorted(rows, errors.item[at]), column)
    keys = {i: parts["key"] for i, parts in ledger_of(source).items.items()} if isinstance(source, ItemBank) else {}
    return Scale(source.digest, known, errors, keys)


def alike(scales: Sequence[Scale]) -> list[Scale]:
    """Return scales whose tables have as many columns, those of the item with most categories in any of them."""
    most = {name: max(getattr(s.items, name).shape[1] for s in scales) for name in ("intercepts", "extras")}
    K, width, out = most["intercepts"], sum(most.values()), []
    for scale in scales:
        p = scale.items
        at = np.append(np.arange(p.intercepts.shape[1]), K + np.arange(p.extras.shape[1]))
        covariance = np.zeros((len(p.items), width, width))
        covariance[:, at[:, None], at] = p.covariance
        short = {name: ((0, 0), (0, n - getattr(p, name).shape[1])) for name, n in most.items()}
        wide: dict[str, Any] = {name: np.pad(getattr(p, name), by, constant_values=np.nan) for name, by in short.items()}
        items, column = replace(p, covariance=covariance, **wide), at[scale.errors.column]
        out.append(scale._replace(items=items, errors=scale.errors._replace(column=column)))
    return out


def step(here: Scale, there: Scale, method: LinkMethod, without: Without) -> Step:
    """Link two scales, without what moved where that is to go."""
    new, old = here.items, there.items
    common = [i for i in new.items if i in old.items]
    rows = np.array([[k.items.index(i) for i in common] for k in (new, old)], dtype=np.int64)
    first, second = new.take(rows[0]), old.take(rows[1])
    unlike = np.array([len({of.keys.get(i) for of in (here, there)} - {None}) > 1 for i in common], dtype=np.bool_)
    unlike |= np.not_equal(first.families, second.families) | (first.n_categories != second.n_categories)
    sure = [np.sign(x.slope) * (np.abs(x.slope) > Z95 * np.sqrt(np.nan_to_num(x.covariance[:, 0, 0]))) for x in (first, second)]
    unlike |= sure[0] * sure[1] < 0  # a key turned round
    used = np.array([without == "drifted" or i not in without for i in common], dtype=np.bool_) & ~unlike
    if used.sum() < LEAST_ITEMS:
        some = {"common": list(compress(common, used)), "least": LEAST_ITEMS, "other": list(compress(common, unlike))}
        raise LinkingError("linking.families" if unlike.any() else "linking.common", **some)

    def constants(some: Bools, near: Constants | None = None) -> Constants:
        at = np.flatnonzero(some)
        return method.constants(first.take(at), second.take(at), near)

    same = np.flatnonzero(~unlike)
    tests, moved = np.full((4, len(used)), np.nan), np.zeros(len(used), dtype=np.bool_)
    tests[:, same], moved[same] = moves((here, there), rows[:, same], used[same])
    used &= ~moved | (without != "drifted")
    A, B = constants(used)
    if not A > 0 or not np.isfinite(A * B):
        raise LinkingError("linking.no_link", slope=A, intercept=B)
    gradients, at = tuple(np.zeros((2, *of.beta.shape)) for of in (first, second)), np.flatnonzero(used)
    for whole, part in zip(gradients, method.gradients(first.take(at), second.take(at), (A, B)), strict=True):
        whole[:, at] = part
    drift = np.where(unlike, np.nan, np.nanmean(second.difficulties - (A * first.difficulties + B), axis=1))
    effect = np.full(len(used), np.nan)
    for k in np.flatnonzero(~unlike & (~used | (used.sum() > LEAST_ITEMS))):
        a, b = constants(used ^ (np.arange(len(used)) == k), (A, B))
        effect[k] = ((a - A) * new.mean + b - B) * (1 if used[k] else -1)
    told = {"used": used, "drift": drift, "effect": effect} | dict(zip(TESTS, tests, strict=True))
    return Step(A, B, tuple(common), rows, moved & used, told, gradients)


def _differences(scales: tuple[Scale, Scale], rows: Ints, at: Floats) -> tuple[Floats, Floats, Floats]:
    """Return slope, mean log odds at the old mean and mean difficulty of common items, old less linked new (I, 3), at constants.

    And their derivatives by the constants (I, 3, 2) and covariance (I, 3, I, 3).
    """
    (A, B), I, m = at, len(rows[0]), scales[1].items.mean
    turns = np.array([[[1 / A, 0, 0], [(m - B) / A, 1, 0], [0, 0, A]], [[1, 0, 0], [m, 1, 0], [0, 0, 1]]])
    values, V = np.empty((2, I, 3)), LEAST_ERROR * np.eye(3 * I)
    for scale, row, turn, value in zip(scales, rows, turns, values, strict=True):
        x, wide = scale.items.take(row), np.zeros((I, 3, *scale.items.beta.shape))
        seen = np.isfinite(x.difficulties)
        share, by = (seen / seen.sum(axis=1, keepdims=True))[:, :, None], np.zeros((I, 3, wide.shape[3]))
        by[:, 0, 0], by[:, 1, 1:], by[:, 2] = 1.0, (share * x.step_matrices).sum(axis=1), (share * of_difficulties(x)).sum(axis=1)
        value[:] = np.stack([x.slope, np.nanmean(x.steps, axis=1), np.nanmean(x.difficulties, axis=1)], axis=1)
        wide[np.arange(I), :, row] = turn @ by
        V += scale.errors.variance(wide.reshape(3 * I, *wide.shape[2:]))
    a, _, b = values[0].T
    change = np.array([[a / A**2, a * (m - B) / A**2, -b], [0 * a, a / A, 0 * a - 1]]).T
    return values[1] @ turns[1].T - values[0] @ turns[0].T - [0, 0, B], change, V.reshape(I, 3, I, 3)


def moves(scales: tuple[Scale, Scale], rows: Ints, used: Bools) -> tuple[Floats, Bools]:
    """Return how far common items (I,) moved from what most of those `used` agree on, and which did, never more than half of them.

    The numbers (4, I) are error and robust z of the difficulty, the change of the slope, and p of slope and log odds together. At the
    right A and B both are the same in old and linked new; these are first found with weights that bound what one item does (Huber
    1964), then by least squares of the items that did not move. The Wald statistic of an item has the covariance of all parameters and
    of A and B, and is divided by the middle one over its expectation where items scatter by more than errors.
    """
    new, old = (scale.items.take(row) for scale, row in zip(scales, rows, strict=True))
    A = 1.0 if tied(new) else float(np.median(np.abs(new.slope / old.slope)[used]))
    at, free = np.array([A, np.median(np.nanmean(old.difficulties - A * new.difficulties, axis=1)[used])]), slice(int(tied(new)), 2)
    clean, robust, each, n, df = used, True, np.arange(len(used)), int(used.sum()), 2 - free.start
    for turn in range(ROUNDS):
        off, change, V = _differences(scales, rows, at)
        e, G, weight = off[:, free], change[:, free, free], np.linalg.inv(V[each, :, each][:, free, free])
        bound = np.sqrt(np.maximum(np.einsum("ir,irq,iq->i", e, weight, e), 1.0)) if robust else 1.0
        L = np.einsum("i,irx,irq->xiq", clean / bound, G, weight)
        back = np.linalg.solve(np.einsum("xir,iry->xy", L, G), L.reshape(df, -1)).reshape(L.shape)
        shift = np.tensordot(back, e, 2)
        at[free] -= shift
        at[0] = max(at[0], A / 4)
        if np.abs(shift).max() > SAME and turn % 20 < 19:
            continue
        rest = np.eye(3 * len(used)).reshape(V.shape)
        rest[:, :, :, free] -= np.tensordot(change[:, :, free], back, 1)
        C = np.einsum("iajb,jbkc,iekc->iae", rest, V, rest, optimize=True)
        wald = np.einsum("ir,irq,iq->i", e, np.linalg.pinv(C[:, free, free], hermitian=True), e)
        wider = float(np.median(wald[used]) / chdtri(df, 0.5))
        wider = wider if wider > (1 + float(WIDER[df] / np.sqrt(n))) ** 2 else 1.0
        p = chdtrc(df, wald / wider)
        moved = used & (p < FALSE / n) & (np.hypot(off[:, 1], off[:, 0] * np.sqrt(old.variance)) > WORTH * np.abs(old.slope))
        moved &= np.argsort(np.argsort(np.where(moved, p, 1.0))) < min(n // 2, n - LEAST_ITEMS)
        if not robust and (clean == (used & ~moved)).all():
            break
        clean, robust = used & ~moved, False
    se = np.sqrt(C[:, 2, 2])
    return np.stack([se, off[:, 2] / se / np.sqrt(wider), off[:, 0], p]), moved


def steps_between(scales: Sequence[Scale], method: LinkMethod, without: Without) -> list[Step]:
    """Return the steps from the first scale to the last; refuses what `without` names and no step has."""
    steps = [step(a, b, method, without) for a, b in pairwise(scales)]
    common = dict.fromkeys(i for s in steps for i in s.items)
    if absent := [i for i in without if i not in common and without != "drifted"]:
        raise LinkingError("linking.absent", absent=absent, common=common)
    return steps


@checked(LinkingError)
def link(
    new: ItemBank | Calibration,
    old: ItemBank | Calibration,
    *,
    method: LinkMethod = DEFAULT_METHOD,
    without: Without = (),
    through: Sequence[ItemBank | Calibration] = (),
    competency: str = "",
) -> Link:
    """Put a new scale on an old one: θ on the old scale is A θ on the new one + B.

    Items are matched by id; with another model, number of scores or, in two banks, key it is another item, and not linked by. The
    error of A and B comes from the covariances of the items' parameters in all calibrations (delta method; Ogasawara 2001); items of
    a bank err independently. An item whose difficulty or slope moved by more than errors and the spread of the others explain is named.
    Raises `LinkingError` when fewer than two items are common and alike, `without` names others, items are nominal or measure several
    competencies, or a scale has several and `competency` names none of them.

    Parameters
    ----------
    new, old : Of one competency, or with items of one each.
    method : StockingLord, Haebara, MeanSigma or MeanMean
    without : tuple of str, or "drifted". Common items not to link by; or those that moved. Either way they are named.
    through : Forms or years between, from the new to the old: a chain, each linked with the next.
    competency : Which one to link where there are several: each has a scale, and a link, of its own. Of a bank, its leaf.
    """
    scales = alike([scale_of(source, competency) for source in (new, *through, old)])
    steps = steps_between(scales, method, without)
    slopes, intercepts = np.array([[s.slope, s.intercept] for s in steps]).T
    later = np.append(np.cumprod(slopes[:0:-1])[::-1], 1.0)  # what a shift after each step is on the old scale
    A, B = float(np.prod(slopes)), float(later @ intercepts)
    parameters, covariance = moved(scales[0].items, A, B), _covariance(scales, steps, later)
    of_items: dict[str, Any] = {name: np.concatenate([s.told[name] for s in steps]) for name in steps[0].told}
    of_items["step"] = place = np.repeat(np.arange(len(steps)), [len(s.items) for s in steps])
    of_items["effect"] = effect = of_items["effect"] * later[place]
    taken = "drifted" if without == "drifted" else ", ".join(without) or "none"
    inputs = {"new": scales[0].digest, "old": scales[-1].digest}
    inputs |= {"through": ", ".join(s.digest for s in scales[1:-1])} if through else {}
    percent = expected_scores(scales[-1].items, parameters.mean + np.append(effect, 0.0)).sum(axis=0)
    percent *= 100 / (scales[-1].items.n_categories - 1).sum()
    of_items["effect_percent"] = percent[:-1] - percent[-1]
    whole: dict[str, Any] = {"slope": A, "intercept": B, "covariance": covariance, "constants": np.stack([slopes, intercepts], axis=1)}
    settings = {"method": type(method).__name__, "without": taken} | ({"competency": competency} if competency else {})
    whole |= {"parameters": parameters, "method": settings["method"], "provenance": provenance("link", inputs, settings)}
    out = Link(items=tuple(i for s in steps for i in s.items), findings=(), **of_items, **whole)
    announce(findings := _findings(out, [i for s in steps for i in compress(s.items, s.moved)], without))
    return replace(out, findings=findings)


def _covariance(scales: Sequence[Scale], steps: Sequence[Step], later: Floats) -> Floats:
    """Return the covariance (2, 2) of the constants of a chain; a scale in the middle enters the steps on both of its sides."""
    before, gradients = np.array([1.0, 0.0]), [np.zeros((2, *s.items.beta.shape)) for s in scales]
    for k, (s, a) in enumerate(zip(steps, later, strict=True)):
        change = a * np.array([[before[0], 0.0], [before[1], 1.0]])  # ∂(A, B) of the chain by those of the step
        for side in (0, 1):
            gradients[k + side][:, s.rows[side]] += np.tensordot(change, s.gradients[side], 1)
        before = np.array([s.slope * before[0], s.slope * before[1] + s.intercept])
    return sum((scale.errors.variance(gradient) for scale, gradient in zip(scales, gradients, strict=True)), np.zeros((2, 2)))


def _findings(out: Link, far: Sequence[str], without: Without) -> tuple[Finding, ...]:
    """Return which items moved, were taken out or are not the same, which carry the link more than its error, and if they are few."""
    least = int(np.bincount(out.step[out.used]).min())
    unlike, gone = compress(out.items, np.isnan(out.drift)), compress(out.items, ~(out.used | np.isnan(out.drift)))
    heavy = [out.items[k] for k in np.flatnonzero(out.used & (np.abs(out.effect) > out.error))]
    return (
        *Template("linking.unlike").about(unlike),
        *Template("linking.drift").about(far),
        *(Template("linking.removed").about(gone) if without == "drifted" else ()),
        *Template("linking.influential").about(i for i in heavy if i not in far),
        *([Template("linking.few").of(items=least)] if least < FEW else []),
        *([Template("linking.slopes").of()] if tied(out.parameters) else []),
    )


@checked(LinkingError)
def compare_links(
    new: Calibration, old: Calibration, *, responses: tuple[Responses, Responses] | None = None, without: tuple[str, ...] = ()
) -> LinkMethods:
    """Link by the four methods and, given the answers, by calibrating both samples together and the new one with old parameters.

    Of each method the slope, the intercept and the linked mean of the new population, and how far apart it is from the first one, at
    most, within two SDs of the new population. The errors of ``fixed`` take the old parameters for certain.

    Parameters
    ----------
    new, old : Of one competency.
    responses : The answers that `new` and `old` were calibrated on.
    without : Common items not to link by.
    """
    links = [link(new, old, method=m, without=without) for m in METHODS]
    without = tuple(compress(links[0].items, ~links[0].used))
    rows = {x.method: (np.array([x.slope, x.intercept]), x.covariance) for x in links}
    if responses is not None:
        rows |= _calibrated(new, old, responses, without)
    constants, covariance = (np.stack(column) for column in zip(*rows.values(), strict=True))
    at = np.array([new.parameters.mean, 1.0])
    ends = constants @ np.stack([at[0] + REACH * np.sqrt(new.parameters.variance), np.ones(2)])
    (a, b), (se_a, se_b) = constants.T, np.sqrt(np.einsum("mkk->km", covariance))
    numbers = [a, se_a, b, se_b, constants @ at, np.sqrt(at @ covariance @ at), np.abs(ends - ends[0]).max(axis=1)]
    inputs, settings = {"new": new.digest, "old": old.digest}, {"without": ", ".join(without) or "none"}
    return LinkMethods(methods=tuple(rows), numbers=np.stack(numbers, axis=1), provenance=provenance("compare_links", inputs, settings))


def _calibrated(
    new: Calibration, old: Calibration, responses: tuple[Responses, Responses], without: tuple[str, ...]
) -> dict[str, tuple[Floats, Floats]]:
    """Return constants and covariance by concurrent and fixed-parameter calibration: the new population tells them on both scales."""
    import pandas as pd

    apart = {i: f"{i} *" for i in without}
    model = {apart.get(i, i): f for i, f in zip(new.parameters.items, new.parameters.families, strict=True)}
    model |= dict(zip(old.parameters.items, old.parameters.families, strict=True))
    tables = [r.to_table().rename(columns=names) for r, names in zip(responses, (apart, {}), strict=True)]
    wave = [w for w, table in zip(("new", "old"), tables, strict=True) for _ in table.index]
    table = pd.concat(tables).assign(person=lambda t: [f"{w} {p}" for w, p in zip(wave, t["person"], strict=True)])
    layout = Layout(person="person", items=tuple(model), cells="scored", missing_tokens={"": "not_administered"})
    data = load_responses(table, layout=layout)
    both = MarginalML(population=Population(by=wave, reference="old"))
    alone = data.select([apart.get(i, i) for i in responses[0].items], data.persons[: wave.count("new")])
    priors = "weak" if new.penalised else None
    concurrent = calibrate(data, model=model, priors=priors, method=both)
    fixed = calibrate(alone, model={i: model[i] for i in alone.items}, priors=priors, anchors=old)
    return {"concurrent": _constants(new, concurrent, 1, old.population), "fixed": _constants(new, fixed, 0, fixed.population)}


def _constants(new: Calibration, found: Calibration, group: int, reference: NormalPopulation) -> tuple[Floats, Floats]:
    """Return A and B from the new population in another calibration, whose own one is `reference` on the old scale."""
    start, there = found.population, found.populations[group]
    here, fixed = new.parameters, tied(new.parameters)
    unit = 1.0 if fixed else float(np.sqrt(reference.covariance[0, 0] / start.covariance[0, 0]))
    V = float(there.covariance[0, 0])
    A = 1.0 if fixed else unit * float(np.sqrt(V / here.variance))
    table = found.table
    own = [np.flatnonzero(table.is_kind(kind) & np.isin(table.group, (group, -1)))[0] for kind in ("mean", "variance")]
    change = np.array([[0.0, 0.0 if fixed else A / (2 * V)], [unit, 0.0]])
    change[1] -= here.mean * change[0]
    mean = float(reference.mean[0] + unit * (there.mean[0] - start.mean[0]))
    return np.array([A, mean - A * here.mean]), change @ found.covariance[np.ix_(own, own)] @ change.T
