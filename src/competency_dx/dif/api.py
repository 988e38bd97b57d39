"""`check_dif`: which items work differently in groups of equally able persons, and what that does to the conclusions.

Without any model of θ it is told by persons with the same points on the items to match by, and what they answer to one item.
Tables hold the number of persons (S, G, K) by stratum, group and score. A stratum is a form (the matching items that were
given) and the points on it, those of the item included (Holland & Thayer 1988).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.calibration import MarginalML, Population, calibrate
from competency_dx.dif.item_differences import DIF, classes, classes_by_points, crossing
from competency_dx.dif.tied_groups import DELTA, Difference, Free, Maximum, TiedGroups, tied_groups
from competency_dx.errors import DIFError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.residual_fit import adjusted
from competency_dx.kernels.suppression import SMALLEST
from competency_dx.responses import Responses, answers_to_tests, read_number
from competency_dx.result import digest_arrays, provenance

LEAST_IN_FORM, TINY = 20, 1e-12
MODELS = ("Rasch", "1PL", "2PL", "PCM", "RSM", "GPCM", "GRM")
SMALL, MOST_VALUES = 100, 10
LEAST_ANCHORS, WORTH = 0.25, 2.0  # share, percentage points


class Strata(NamedTuple):
    """Persons (S, G, K) of one item, with the form and the points (S,) of each stratum, and the number left out."""

    n: Floats
    form: Ints
    points: Ints
    left_out: int


def strata_of(codes: Codes, observed: Bools, group: Ints, item: int, matching: Bools) -> Strata:
    """Return the strata of an item by answers and mask (P, I), group (P,) and the items to match by (I,), forms of twenty and more."""
    who, use = np.flatnonzero(observed[:, item]), matching | (np.arange(codes.shape[1]) == item)
    seen, own = observed[who][:, use], codes[who, item].astype(np.int64)
    points = np.where(seen, codes[who][:, use], 0).sum(axis=1)
    form = np.unique(np.packbits(seen, axis=1), axis=0, return_inverse=True)[1].ravel()
    kept = np.bincount(form)[form] >= LEAST_IN_FORM
    both, stratum = np.unique(np.stack([form, points], axis=1)[kept], axis=0, return_inverse=True)
    n = np.zeros((len(both), int(group.max()) + 1, int(own.max(initial=1)) + 1))
    np.add.at(n, (stratum.ravel(), group[who][kept], own[kept]), 1.0)
    return Strata(n, both[:, 0], both[:, 1], int((~kept).sum()))


def association(n: Floats) -> tuple[float, int]:
    """Return statistic and degrees of freedom of groups and scores going together within strata (S, G, K).

    The general association of Landis, Heyman & Koch (1978); of two groups and two scores it is the statistic of Mantel &
    Haenszel (1959) without correction for continuity.
    """
    n = n[:, n.any(axis=(0, 2))][:, :, n.any(axis=(0, 1))]
    n = n[n.sum(axis=(1, 2)) > 1]
    total, sides = n.sum(axis=(1, 2))[:, None, None], (n.sum(axis=2), n.sum(axis=1))
    if min(n.shape[1:]) < 2 or not len(n):
        return np.nan, 0
    off = (n - sides[0][:, :, None] * sides[1][:, None] / total)[:, 1:, 1:].sum(axis=0).ravel()
    spread = [(total * x[:, :, None] * np.eye(x.shape[1]) - x[:, :, None] * x[:, None])[:, 1:, 1:] for x in sides]
    V = np.einsum("sgh,skl->gkhl", spread[0] / (total**2 * (total - 1)), spread[1]).reshape(len(off), len(off))
    return float(off @ np.linalg.pinv(V, hermitian=True) @ off), int(np.linalg.matrix_rank(V, hermitian=True))


def log_odds(n: Floats) -> Floats:
    """Return the common log odds of a higher score in each group against those in the first (G,), over all steps of the score.

    Liu & Agresti (1996, doi:10.2307/2533044); of two scores the estimate of Mantel & Haenszel. Above 0: easier for the group.
    """
    above = np.cumsum(n[:, :, ::-1], axis=2)[:, :, -2::-1]
    below, both = n.sum(axis=2, keepdims=True) - above, (n[:, :1] + n).sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.log(np.nansum(above * below[:, :1] / both, axis=(0, 2)) / np.nansum(below * above[:, :1] / both, axis=(0, 2)))
    return np.where(np.isfinite(out), out, np.nan)


def standardised(n: Floats) -> Floats:
    """Return the mean points in each group less those in the first, strata weighted as in the group (G,): Dorans & Kulick (1986)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, size = n @ np.arange(n.shape[2]) / n.sum(axis=2), n.sum(axis=2)
        gap = size * (mean - mean[:, :1])
        return np.asarray(np.nansum(gap, axis=0) / np.where(np.isfinite(gap), size, 0.0).sum(axis=0))


def regressions(of: Strata) -> Floats:
    """Return the log-likelihoods (4,) of an item's regressions on nothing, points, groups too, and their products with points.

    Logistic, with proportional odds where there are several scores (Swaminathan & Rogers 1990,
    doi:10.1111/j.1745-3984.1990.tb00754.x; Zumbo 1999). Each form has an intercept of its own.
    """
    n = of.n[:, of.n.any(axis=(0, 2))][:, :, of.n.any(axis=(0, 1))]
    S, G, K = n.shape
    x = np.repeat((of.points - of.points.mean()) / max(of.points.std(), TINY), G)[:, None]
    form = np.repeat(of.form[:, None] == np.unique(of.form)[1:], G, axis=0)
    group = np.tile(np.eye(G)[:, 1:], (S, 1))
    X, n = np.hstack([x, form, group, group * x]), n.reshape(S * G, K)
    above = n.sum(axis=0)[::-1].cumsum()[-2::-1]
    start = np.concatenate([np.log(above / (n.sum() - above)), np.zeros(X.shape[1])])

    def minus(phi: Floats) -> tuple[float, Floats]:
        """Return minus the log-likelihood (McCullagh 1980) and its gradient for boundaries and as many of the slopes as are given."""
        B = len(phi) - K + 1
        upper = expit(phi[: K - 1] + (X[:, :B] @ phi[K - 1 :])[:, None])
        P = np.maximum(-np.diff(upper, axis=1, prepend=1.0, append=0.0), TINY)
        slope = upper * (1 - upper) * np.diff(n / P, axis=1)
        return -float((n * np.log(P)).sum()), -np.concatenate([slope.sum(axis=0), X[:, :B].T @ slope.sum(axis=1)])

    sizes = K - 1 + np.cumsum([0, 1 + form.shape[1], G - 1, G - 1])
    return np.array([-minimize(minus, start[:size], jac=True, method="BFGS", options={"gtol": 1e-6}).fun for size in sizes])


@checked(DIFError)
def check_dif(
    responses: object,
    by: str | Mapping[Any, object] | Sequence[object],
    *,
    reference: str | None = None,
    model: str = "GPCM",
    dimensions: Mapping[str, str] | None = None,
    cut: float = 60.0,
    explanations: Mapping[str, str] | None = None,
) -> DIF:
    """Test each item for differential functioning: equally able persons of different groups should do equally well on it.

    One calibration of all groups holds items the same. Items that differ, by score tests in this calibration and by size, stop
    being anchors until no more do; each item is then freed beside the others that differ (likelihood ratio, Wald). Persons with
    as many points on the anchors are compared without any model of ability (Mantel and Haenszel, standardisation, logistic
    regression). What an item does to the conclusions is by how much the deficit rate of a group changes when it is freed.
    Raises `DIFError` when groups cannot be told or compared; `CalibrationError` when the model cannot be fitted.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Booklets are fine.
    by : str, mapping or sequence. Groups: a background column, or the group of each person, by id (a mapping or an index of pandas) or
        in order. A column of many numbers, such as years of experience, is cut into thirds. Groups with answers of under ten persons
        are left out.
    reference : The group that others are compared with; the largest without it.
    model : By maximum likelihood. Small groups bear Rasch and PCM.
    dimensions : The competency of each item, one for all without it: persons are then as able in the item's own.
    cut : A deficit is less than this percent of the points.
    explanations : A reviewer's words on items.
    """
    data = answers_to_tests(responses)
    if model not in MODELS or not 0 < cut < 100:
        raise DIFError("dif.settings", model=model, models=MODELS, cut=cut)
    (data, groups, group), notes = _grouped(data, by, reference)
    flat = [item for item, x, at in zip(data.items, *(part.T for part in data.effective()), strict=True) if len(np.unique(x[at])) < 2]
    data, said = data.select(items=[item for item in data.items if item not in flat]), explanations or {}
    if absent := [item for item in said if item not in data.items]:
        raise DIFError("dif.explained", absent=absent, items=data.items)
    codes, observed = data.effective()
    part = np.unique([(dimensions or {}).get(item, "") for item in data.items], return_inverse=True)[1]
    alike, kept = part[:, None] == part, np.arange(len(part))
    method = MarginalML(population=Population(by=np.array(groups)[group].tolist(), reference=groups[0]))
    while True:  # until no item stays the same of which no model tells the difference that shows without one
        of = dimensions and {item: code for item, code in dimensions.items() if item not in np.delete(data.items, kept)}
        common = calibrate(data.select(np.array(data.items)[kept].tolist()), model=model, dimensions=of, priors=None, method=method)
        with one_blas_thread():
            tied = tied_groups(common, codes[:, kept], observed[:, kept], group)
            if (base := tied.maximum((), tied.start, tied.information(tied.start))) is None:
                raise DIFError("dif.no_maximum")
            (free, now), gone = _purified(tied, base), Free()
            while True:
                of_kept = [tied.freed(k, now, free, cut) for k in range(len(kept))]
                p = np.array([chi2.sf(d.lr, max(d.df, 1)) for d in of_kept])
                differs = _differ(of_kept, adjusted(p))
                gone += tuple(k for k in free if not (differs[k] or np.isnan(of_kept[k].lr)))
                order = dict.fromkeys((*free, *np.argsort(p, kind="stable").tolist()))
                changed = _within(tied, tuple(k for k in order if k not in gone and (k in free or differs[k])))
                if changed == free or (further := tied.maximum(changed, now.phi, now.information)) is None:
                    break
                free, now = changed, further  # the likelihood ratio has the last word
            found = dict(zip(kept.tolist(), of_kept, strict=True))
            rates: dict[str, Any] = {"rate": tied.rates(base.phi, cut), "rate_freed": tied.rates(now.phi, cut)}
        anchor = np.isin(np.arange(len(part)), kept[[k for k, one in enumerate(tied.apart) if one.columns.size and k not in free]])
        strata = [strata_of(codes, observed, group, i, anchor & alike[i]) for i in range(len(part))]
        unknown = Difference(np.nan, none := np.full(len(groups), np.nan), none, none, np.nan, 0, none)
        numbers = _numbers([found.get(i, unknown) for i in range(len(part))], strata)
        differ = classes_by_points(numbers["standardised"], numbers["mh_p"]) > "A"
        endless = np.isnan(numbers["delta"] + numbers["delta"][:, :1]) & differ & np.isin(np.arange(len(part)), kept)[:, None]
        if not endless.any():
            break
        size = np.where(endless, np.abs(numbers["standardised"]), 0.0).max(axis=1)  # the farthest first: it may mislead the rest
        kept = kept[kept != size.argmax()]
    by = by if isinstance(by, str) else "given for each person"
    settings = {"model": model, "by": by, "reference": groups[0], "cut": f"{cut:g} %"}
    made = provenance("check_dif", {"responses": digest_arrays(codes, np.packbits(observed), group)}, settings)
    explained = tuple(said.get(item, "") for item in data.items)
    numbers |= {"items": data.items, "anchor": anchor, "explanation": explained, "competencies": common.population.dimensions}
    out = DIF(groups=groups, n=np.bincount(group), cut=cut, findings=(), provenance=made, **numbers, **rates)
    announce(notes := notes + _findings(out, flat, [s.left_out > 0 for s in strata]))
    return replace(out, findings=notes)


def _findings(out: DIF, flat: Sequence[str], rare: Sequence[bool]) -> tuple[Finding, ...]:
    """Return what is to be said of items and groups; `flat` items are not in the result, of `rare` ones not all persons compared."""
    worst, crosses = out.ets.max(axis=1), crossing(out.delta, out.se, out.q, out.gap)
    scopes = {
        "dif.large": compress(out.items, worst == "C"),
        "dif.endless": compress(out.items, np.isnan(out.delta).all(axis=1) & (worst > "A")),
        "dif.crossing": compress(out.items, crosses),
        "dif.few_anchors": compress(out.items, out.anchor & (crosses | (worst > "A"))),
        "dif.untested": [*flat, *compress(out.items, worst == "")],
        "dif.small_groups": compress(out.groups, out.n < SMALL),
        "dif.rates": compress(out.groups, np.abs(out.rate_freed - out.rate).max(axis=1) > WORTH),
        "dif.rare_forms": compress(out.items, rare),
    }
    return tuple(one for code, scope in scopes.items() for one in Template(code).about(scope))


def _grouped(
    data: Responses, by: str | Mapping[Any, object] | Sequence[object], reference: str | None
) -> tuple[tuple[Responses, tuple[str, ...], Ints], tuple[Finding, ...]]:
    """Return the persons of groups that are large enough, the groups, the place of each, and what is to be said of the others."""
    if isinstance(by, str) and by not in data.background:
        raise DIFError("dif.no_column", by=by, columns=list(data.background))
    given = data.background[by] if isinstance(by, str) else data.of_persons(by)
    if len(given) != len(data.persons):
        raise DIFError("dif.labels", labels=len(given), persons=len(data.persons))
    labels = np.array(["" if x is None or x != x else str(x).strip() for x in given], dtype=object)  # noqa: PLR0124 - NaN
    notes: list[Finding] = []
    read = {x: read_number(x) if x else np.nan for x in set(labels)}
    numbers = np.array([] if None in read.values() else [read[x] for x in labels], dtype=np.float64)
    if len(np.unique(numbers[np.isfinite(numbers)])) > MOST_VALUES:
        low, high = np.nanquantile(numbers, [1 / 3, 2 / 3]).tolist()
        bands = np.array([f"< {low:g}", f"{low:g}–{high:g}", f"> {high:g}", ""], dtype=object)
        labels = bands[np.where(np.isnan(numbers), 3, (numbers >= low).astype(int) + (numbers > high))]
        notes.append(Template("dif.thirds").of(low=low, high=high))
    answered, names = data.effective()[1].any(axis=1), np.unique(labels[labels != ""])
    n = np.array([(labels[answered] == name).sum() for name in names], dtype=np.int64)
    large = names[n >= SMALLEST].tolist()
    notes += [Template("dif.suppressed").of(groups=len(n) - len(large), least=SMALLEST)] if len(large) < len(n) else []
    notes += [Template("dif.blanks").of(persons=int((labels == "").sum()))] if (labels == "").any() else []
    reference = str(names[n.argmax()]) if reference is None and len(n) else reference
    if reference not in large or len(large) < 2:
        raise DIFError("dif.groups", reference=reference, groups=large, least=SMALLEST)
    groups = (str(reference), *(g for g in large if g != reference))
    kept = np.isin(labels, large) & answered
    return (data.select(persons=data.persons[kept]), groups, np.array([groups.index(x) for x in labels[kept]])), tuple(notes)


def _differ(found: Sequence[Difference], q: Floats) -> Bools:
    """Return which items differ by size and beyond chance, on average or for the weak and the strong."""
    delta, se, gap = (np.array([getattr(d, name) for d in found]) for name in ("delta", "se", "gap"))
    return np.asarray((classes(delta, se, q) > "A").any(axis=1) | crossing(delta, se, q, gap))


def _within(of: TiedGroups, free: Free) -> Free:
    """Return the first of these items that leave enough anchors in each competency."""
    most = ((1 - LEAST_ANCHORS) * of.known.loads.sum(axis=0))[of.known.dimension].astype(int)
    place = [int(of.known.loads[list(free[: k + 1]), of.known.dimension[i]].sum()) for k, i in enumerate(free)]
    return tuple(i for i, n in zip(free, place, strict=True) if n <= most[i])


def _purified(of: TiedGroups, now: Maximum) -> tuple[Free, Maximum]:
    """Return the items that differ, and the maximum with these freed; the largest go first, as they bend the statistics of the rest."""
    free = Free()
    while tested := [i for i, one in enumerate(of.apart) if one.columns.size and i not in free and i in _within(of, (*free, i))]:
        found = [d if np.isfinite((d := of.difference(i, now, free)).wald) else of.freed(i, now, free, 50.0) for i in tested]
        wald = np.nan_to_num([d.wald for d in found])
        q = adjusted(np.append(chi2.sf(wald, [d.df for d in found]), np.zeros(len(free))))[: len(tested)]
        size = wald * _differ(found, q)
        more = _within(of, (*free, *(i for i, large in zip(tested, (size > 0) & (size >= size.max() / 2), strict=True) if large)))
        further = of.maximum(more, now.phi, now.information) if more != free else None
        if further is None:
            break
        free, now = more, further
    return free, now


def _numbers(found: Sequence[Difference], strata: Sequence[Strata]) -> dict[str, Any]:
    """Return tests and sizes of all items, by the model and without it."""
    out = {name: np.array([getattr(d, name) for d in found]) for name in Difference._fields}
    p = chi2.sf(out["lr"], np.maximum(out["df"], 1))
    mh, df = (np.array(x) for x in zip(*(association(s.n) for s in strata), strict=True))
    fits = np.array([regressions(s) if one else np.full(4, np.nan) for s, one in zip(strata, df, strict=True)])
    chance = chi2.sf(2 * np.diff(fits), strata[0].n.shape[1] - 1)
    unexplained = np.exp(2 * (fits[:, :1] - fits * (np.arange(4) > 0)) / np.maximum([s.n.sum() for s in strata], 1.0)[:, None])
    return out | {
        "p": p,
        "q": adjusted(p),
        "mh": mh,
        "mh_p": chi2.sf(mh, np.maximum(df, 1)),
        "mh_delta": np.stack([DELTA * log_odds(s.n) for s in strata]),
        "standardised": np.stack([standardised(s.n) for s in strata]),
        "p_uniform": chance[:, 1],
        "p_crossing": chance[:, 2],
        "r2": (unexplained[:, 1] - unexplained[:, 3]) / (1 - unexplained[:, 0]),  # of Nagelkerke (1991, doi:10.1093/biomet/78.3.691)
    }
