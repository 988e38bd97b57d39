"""`link`: the scale of a new calibration put on that of an old one by the items they have in common; `compare_links` by all methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.linalg import block_diag

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration, MarginalML, Population, calibrate
from competency_dx.engine import ItemErrors
from competency_dx.errors import LinkingError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.linking.choices import Constants, Haebara, LinkMethod, MeanMean, MeanSigma, StockingLord, tied
from competency_dx.linking.scale_link import Link
from competency_dx.models import FAMILIES, ItemParameters, NormalPopulation, bank_parameters, expected_scores, moved
from competency_dx.provenance import provenance
from competency_dx.responses import Layout, Responses, load_responses
from competency_dx.result import DataFrame, frame

Without = tuple[str, ...] | Literal["drifted"]
LEAST_ITEMS = 2
FAR, WORTH = 2.7, 0.3
"""An item moved when its robust z and its difference from the median, in θ, are beyond these."""
DEFAULT_METHOD = StockingLord()
METHODS: tuple[LinkMethod, ...] = (StockingLord(), Haebara(), MeanSigma(), MeanMean())
REACH = np.array([-2.0, 2.0])  # population SDs
FEW = 5


class Scale(NamedTuple):
    """Items of one competency and their errors."""

    digest: str
    items: ItemParameters
    errors: ItemErrors


class Step(NamedTuple):
    """From one scale to the next: θ there = `slope` θ here + `intercept`.

    `rows` (2, I) are the places of the common items in both; `used` (I,) those linked by, `moved` those of them that drifted;
    `drift`, `robust_z`, `effect` (I,) as in `Link`; `gradients` (2, I, F) of both constants by the parameters here and there, 0
    where an item is not used.
    """

    slope: float
    intercept: float
    items: tuple[str, ...]
    rows: Ints
    used: Bools
    moved: Bools
    drift: Floats
    robust_z: Floats
    effect: Floats
    gradients: tuple[Floats, ...]


def scale_of(source: ItemBank | Calibration) -> Scale:
    """Return a bank or a calibration as a scale; errors are those of a calibration together, else each item's own."""
    known, errors = bank_parameters(source) if isinstance(source, ItemBank) else source.parameters.in_group(), None
    if len(known.dimensions) > 1:
        raise LinkingError("linking.dimensions", dimensions=known.dimensions)
    if nominal := [i for i, f in zip(known.items, known.families, strict=True) if FAMILIES[f].steps == "category"]:
        raise LinkingError("linking.nominal", nominal=nominal)
    if isinstance(source, Calibration) and not source.parameters.item_groups:
        errors = source.table.item_errors(source.covariance)
    if errors is None:
        each = np.nan_to_num(known.covariance)
        errors = ItemErrors(block_diag(*each), *(x.ravel() for x in np.indices(each.shape[:2])))
    return Scale(source.digest, known, errors)


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


def step(here: ItemParameters, there: ItemParameters, method: LinkMethod, without: Without) -> Step:
    """Link two scales; where drifted items are to go, the one farthest off goes until none is."""
    common = [i for i in here.items if i in there.items]
    rows = np.array([[k.items.index(i) for i in common] for k in (here, there)], dtype=np.int64)
    first, second = here.take(rows[0]), there.take(rows[1])
    if other := [i for i, f, g in zip(common, first.families, second.families, strict=True) if f != g]:
        raise LinkingError("linking.families", other=other)
    used = np.array([without == "drifted" or i not in without for i in common], dtype=np.bool_)
    if used.sum() < LEAST_ITEMS:
        raise LinkingError("linking.common", common=[i for i, u in zip(common, used, strict=True) if u], least=LEAST_ITEMS)

    def constants(some: Bools, near: Constants | None = None) -> Constants:
        at = np.flatnonzero(some)
        return method.constants(first.take(at), second.take(at), near)

    while True:
        A, B = constants(used)
        if not A > 0 or not np.isfinite(A * B):
            raise LinkingError("linking.no_link", slope=A, intercept=B)
        drift = np.nanmean(second.difficulties - (A * first.difficulties + B), axis=1)
        centred = drift - np.median(drift[used])
        z = centred / max(1.4826 * float(np.median(np.abs(centred[used]))), 1e-9)
        moved = used & (np.abs(z) > FAR) & (np.abs(centred) > WORTH)
        if without != "drifted" or not moved.any() or used.sum() == LEAST_ITEMS:
            break
        used[np.where(moved, np.abs(z), 0.0).argmax()] = False
    effect = np.full(len(used), np.nan)
    for k in np.flatnonzero(~used | (used.sum() > LEAST_ITEMS)):
        a, b = constants(used ^ (np.arange(len(used)) == k), (A, B))
        effect[k] = ((a - A) * here.mean + b - B) * (1 if used[k] else -1)
    gradients = tuple(np.zeros((2, *of.beta.shape)) for of in (first, second))
    at = np.flatnonzero(used)
    for whole, part in zip(gradients, method.gradients(first.take(at), second.take(at), (A, B)), strict=True):
        whole[:, at] = part
    return Step(A, B, tuple(common), rows, used, moved, drift, z, effect, gradients)


@checked(LinkingError)
def link(
    new: ItemBank | Calibration,
    old: ItemBank | Calibration,
    *,
    method: LinkMethod = DEFAULT_METHOD,
    without: Without = (),
    through: Sequence[ItemBank | Calibration] = (),
) -> Link:
    """Put a new scale on an old one: θ on the old scale is A θ on the new one + B.

    Items are matched by id; of the same family they have to be. The error of A and B comes from the covariances of the items'
    parameters in all calibrations (delta method; Ogasawara 2001); items of a bank err independently of each other. An item whose
    difficulty moved against the others is named by its robust z, with what it does to the linked scores.

    Parameters
    ----------
    new, old : ItemBank or Calibration
        Of one competency.
    method : StockingLord, Haebara, MeanSigma or MeanMean
    without : tuple of str, or "drifted"
        Common items not to link by; or those that moved, taken out one by one. Either way they are named.
    through : sequence of ItemBank or Calibration
        Forms or years between, from the new to the old: a chain, each linked with the next.

    Raises
    ------
    LinkingError
        When fewer than two items are common, families differ, items are nominal, or a scale has several competencies.
    """
    taken = ("drifted",) if without == "drifted" else without
    scales = alike([scale_of(source) for source in (new, *through, old)])
    steps = [step(a.items, b.items, method, without) for a, b in pairwise(scales)]
    slopes, intercepts = np.array([[s.slope, s.intercept] for s in steps]).T
    later = np.append(np.cumprod(slopes[:0:-1])[::-1], 1.0)  # what a shift after each step is on the old scale
    A, B = float(np.prod(slopes)), float(later @ intercepts)
    parameters, covariance = moved(scales[0].items, A, B), _covariance(scales, steps, later)
    effect = np.concatenate([s.effect * a for s, a in zip(steps, later, strict=True)])
    inputs = {"new": scales[0].digest, "old": scales[-1].digest}
    inputs |= {"through": ", ".join(s.digest for s in scales[1:-1])} if through else {}
    percent = expected_scores(scales[-1].items, parameters.mean + np.append(effect, 0.0)).sum(axis=0)
    percent *= 100 / (scales[-1].items.n_categories - 1).sum()
    out = Link(
        method=type(method).__name__,
        items=tuple(i for s in steps for i in s.items),
        step=np.repeat(np.arange(len(steps)), [len(s.items) for s in steps]),
        slope=A,
        intercept=B,
        covariance=covariance,
        constants=np.stack([slopes, intercepts], axis=1),
        **{name: np.concatenate([getattr(s, name) for s in steps]) for name in ("used", "drift", "robust_z")},
        effect=effect,
        effect_percent=percent[:-1] - percent[-1],
        parameters=parameters,
        findings=(),
        provenance=provenance("link", inputs, {"method": type(method).__name__, "without": ", ".join(taken) or "none"}),
    )
    findings = _findings(out, [i for s in steps for i, far in zip(s.items, s.moved, strict=True) if far], without)
    announce(findings)
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
    """Return which items moved or were taken out, which carry the link more than its error allows, and whether they are few."""
    least = int(np.bincount(out.step[out.used]).min())
    gone = [i for i, used in zip(out.items, out.used, strict=True) if not used]
    heavy = [out.items[k] for k in np.flatnonzero(out.used & (np.abs(out.effect) > out.error))]
    return (
        *Template("linking.drift").about(far),
        *(Template("linking.removed").about(gone) if without == "drifted" else ()),
        *Template("linking.influential").about(i for i in heavy if i not in far),
        *([Template("linking.few").of(items=least)] if least < FEW else []),
    )


@checked(LinkingError)
def compare_links(
    new: Calibration, old: Calibration, *, responses: tuple[Responses, Responses] | None = None, without: tuple[str, ...] = ()
) -> DataFrame:
    """Link by the four methods and, given the answers, by calibrating both samples together and the new one with old parameters.

    Parameters
    ----------
    new, old : Calibration
        Of one competency.
    responses : pair of Responses, optional
        The answers that `new` and `old` were calibrated on.
    without : tuple of str
        Common items not to link by.

    Returns
    -------
    pandas.DataFrame
        One row per method: method, slope, intercept and mean, the linked mean of the new population, each with se_, and apart: how
        far it is from the first method, at most, within two SDs of the new population. The errors of ``fixed`` take the old
        parameters for certain.
    """
    links = [link(new, old, method=m, without=without) for m in METHODS]
    rows = {x.method: (np.array([x.slope, x.intercept]), x.covariance) for x in links}
    if responses is not None:
        rows |= _calibrated(new, old, responses, without)
    constants, covariance = (np.stack(column) for column in zip(*rows.values(), strict=True))
    at = np.array([new.parameters.mean, 1.0])
    ends = constants @ np.stack([at[0] + REACH * np.sqrt(new.parameters.variance), np.ones(2)])
    errors = np.sqrt(np.einsum("mkk->mk", covariance))
    return frame(
        method=list(rows),
        slope=constants[:, 0],
        se_slope=errors[:, 0],
        intercept=constants[:, 1],
        se_intercept=errors[:, 1],
        mean=constants @ at,
        se_mean=np.sqrt(at @ covariance @ at),
        apart=np.abs(ends - ends[0]).max(axis=1),
    )


def _calibrated(
    new: Calibration, old: Calibration, responses: tuple[Responses, Responses], without: tuple[str, ...]
) -> dict[str, tuple[Floats, Floats]]:
    """Return the constants and their covariance by concurrent and by fixed-parameter calibration.

    The new population has mean and SD on both scales: these tell the constants. Items that are not to link get a second name.
    """
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
