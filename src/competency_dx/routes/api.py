"""Routes of persons for profiles and a catalogue: what there is to close, and what of it programmes close within limits."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any, Literal

import numpy as np
from scipy.special import betainc, ndtri

from competency_dx.arrays import Bools, Floats, Ints, names
from competency_dx.bank import CompetencyFramework, load_framework
from competency_dx.competencies import DeficitProfiles
from competency_dx.errors import RouteError, checked
from competency_dx.findings import Finding, Template
from competency_dx.responses import Reason
from competency_dx.result import digest_arrays, digest_text, provenance
from competency_dx.routes.allocation import RouteProblem, allocate, ordered
from competency_dx.routes.catalogue import Catalogue, Programme
from competency_dx.routes.personal_routes import Routes
from competency_dx.routes.reasons import ASK_AGAIN, CONFIRMED, LEAST, LIKELY, NO_CONCLUSION, UNDECIDED, UNTOLD, RouteReasons, Why

Budget = float | Mapping[str, Mapping[str, float]]
PURSES: tuple[Why, Why] = ("budget", "place_budget")  # what is said to bind: the budget of all, that of the place
WISHED = 1.1  # what a programme closes counts for so much where the person asked for it


@checked(RouteError)
def recommend(
    profiles: DeficitProfiles,
    catalogue: Catalogue,
    *,
    hours: float = 72.0,
    price: float = np.inf,
    budget: Budget = np.inf,
    weights: Mapping[str, float] | None = None,
    wishes: Mapping[str, Sequence[str]] | None = None,
) -> Routes:
    """Choose for each person the programmes that close most of the expected shortfall.

    The shortfall of a competency is the expected number of points of percent below the lowest cut; of several programmes for it the one
    that closes most counts. Confirmed deficits take any programme, likely ones what can be left at any time; what is undecided is asked
    about again, and where a profile concludes nothing a route says nothing either. Where seats or the budget do not suffice, all routes
    together close as much as possible. Raises `RouteError` when there are no persons, a limit or a weight is negative, or weights,
    wishes, budgets or the catalogue name what does not exist.

    Parameters
    ----------
    profiles : DeficitProfiles
    catalogue : Catalogue
    hours, price : What the programmes of one person take and cost at most.
    budget : What those of all persons cost at most; or those of the persons of each place, by the background column that has the
        places: ``{"municipality": {"Тюмень": 300_000, "Ишим": 90_000}}``. A place that is not named has no money.
    weights : What a point of a competency counts, 1 where nothing is said.
    wishes : Programmes that persons ask for; what they close counts a tenth more.
    """
    weights, wishes, every, since = weights or {}, wishes or {}, catalogue.programmes, catalogue.since
    purse, money, payer = _budgets(profiles, budget)
    settings = _settings(profiles, {"hours": hours, "price": price}, money, weights, since)
    codes, framework = [c.code for c in profiles.competencies], load_framework(catalogue.framework)
    at = [codes.index(leaf) for leaf in profiles.population.leaves if leaf in codes]  # a propensity to omit is none
    leaves, ids, persons = [codes[c] for c in at], [one.id for one in every], [str(p) for p in profiles.persons]
    strange = {*leaves} - {n.code for n in framework.nodes if not n.replaced_by}
    strange |= {f"{one}: {code}" for _, one, code in catalogue.strange(framework)}
    if strange := strange | {*weights} - {*leaves} | {*wishes} - {*persons} | {*chain(*wishes.values())} - {*ids}:
        raise RouteError("routes.unknown", strange=sorted(strange))
    state, shortfall, points = profiles.state[:, at], *_points(profiles, every, framework, at)
    barred: list[Why] = [_bar(one, profiles, since) for one in every]
    wish = np.array([[WISHED if k in wishes.get(p, ()) else 1.0 for k in ids] for p in persons])[:, :, None]
    weight = np.array([weights.get(leaf, 1.0) for leaf in leaves])
    counts = (state == CONFIRMED)[:, None] | ((state == LIKELY)[:, None] & np.array([[one.reversible] for one in every]))
    closes = np.where(counts & (points >= LEAST) & (np.array(barred) == "")[:, None], points * wish * weight, 0.0)
    problem = RouteProblem(every, closes, np.isin(state, (CONFIRMED, LIKELY)), *_edges(framework, leaves), hours, price, money, payer)
    order = sorted(range(len(persons)), key=lambda p: (-shortfall[p] @ problem.open[p], digest_text(persons[p])))
    chosen, alone, gap = allocate(problem, order)
    steps, left = [ordered(problem, row) for row in chosen], problem.left(chosen)
    brings = np.array([[any(framework.within(leaf, e.competency) for e in one.brings) for leaf in leaves] for one in every])
    because = RouteReasons(problem, chosen, steps, left, points, state.astype(np.int64), brings, barred, weight, PURSES[bool(purse)])
    (instead, why), unmet = because.of_deficits(), {}
    why[state == UNDECIDED], why[state == UNTOLD] = ASK_AGAIN, NO_CONCLUSION
    for p, person in ((persons.index(person), person) for person in wishes):
        unmet[person] = {k: because.of_wish(p, i) for k in wishes[person] if (i := ids.index(k)) not in chosen[p]}
    short = (left[0] < 1)[:, None] | ((left[1][payer] < np.array([[one.price] for one in every])) & bool(purse))  # (K, P)
    waits = [tuple(persons[p] for p in order if short[k, p] and k in alone[p] and k not in chosen[p]) for k in range(len(every))]
    inside = np.array([[leaf in fact.competencies for leaf in leaves] for fact in profiles.items], dtype=np.int64)
    unseen = (profiles.reasons == Reason.NOT_ADMINISTERED) @ inside
    used = np.unique([*chosen[chosen >= 0], *instead[instead >= 0], *(k for k, who in enumerate(waits) if who)]).astype(np.int64)
    place, longest = np.full(len(every) + 1, -1), max(map(len, steps), default=0)
    place[used] = np.arange(len(used))
    told = _findings(catalogue, [every[k] for k in used], np.array(leaves)[((chosen >= 0) & (unseen == 0)).any(axis=0)].tolist())
    root, given = [c.parent for c in profiles.competencies].index(None), (profiles.points, profiles.reasons, profiles.p_deficit)
    inputs = {"profiles": digest_arrays(*given), "catalogue": f"{catalogue.id} {catalogue.version} {catalogue.digest}"}
    return Routes(
        persons=profiles.persons,
        competencies=tuple(profiles.competencies[c] for c in at),
        language=profiles.language,
        programmes=tuple(every[k] for k in used),
        standards=profiles.standards,
        answered=profiles.n_items[:, root],
        p_deficit=np.where(state == UNTOLD, np.nan, profiles.p_deficit[:, at]),
        level=profiles.level[:, root].astype(np.int64),
        why=why,
        shortfall=np.where(state == UNTOLD, np.nan, shortfall),
        gap=gap,
        since=f"{since or ''}",
        steps=place[np.array([[*step, *[-1] * (longest - len(step))] for step in steps], dtype=np.int64)],
        chosen=place[chosen],
        closes=np.where(chosen >= 0, np.take_along_axis(points, chosen[:, None], 1)[:, 0], 0.0),
        instead=place[instead],
        unseen=unseen,
        unmet=unmet,
        waiting={k: who for k, who in zip(ids, waits, strict=True) if who},
        **purse,
        findings=(*told, *Template("routes.no_budget").about(k or "—" for k, x in purse.get("budgets", {}).items() if x == 0)),
        provenance=provenance("recommend", inputs, settings),
    )


def _budgets(profiles: DeficitProfiles, budget: Budget) -> tuple[dict[str, Any], Floats, Ints]:
    """Return what a document tells of budgets of places, if there are any, the budgets (B,), and which is that of each person (P,)."""
    if not isinstance(budget, Mapping):
        return {}, np.array([budget], dtype=np.float64), np.zeros(len(profiles), dtype=np.int64)
    if len(budget) != 1:
        raise RouteError("routes.one_column", given=list(budget))
    [(by, given)] = budget.items()
    if by not in profiles.background:
        raise RouteError("routes.no_column", absent=[by], columns=list(profiles.background))
    places, payer = np.unique(profiles.background[by].astype(str), return_inverse=True)
    if strange := given.keys() - {*places.tolist()}:
        raise RouteError("routes.unknown", strange=sorted(strange))
    money = np.array([given.get(place, 0.0) for place in places], dtype=np.float64)
    budgets = dict(zip(places.tolist(), np.where(money < np.inf, money, np.nan).tolist(), strict=True))
    return {"background": {by: names(profiles.background[by])}, "budget_by": by, "budgets": budgets}, money, payer.astype(np.int64)


def _settings(
    profiles: DeficitProfiles, limits: Mapping[str, float], budgets: Floats, weights: Mapping[str, float], since: date | None
) -> dict[str, str]:
    """Return the limits, weights and the day as a document tells them; raises `RouteError` for nobody and for what cannot be."""
    if not len(profiles):
        raise RouteError("routes.nobody")
    if wrong := [x for x in (*limits.values(), *budgets.tolist()) if not x >= 0] + [x for x in weights.values() if not 0 <= x < np.inf]:
        raise RouteError("routes.negative", wrong=wrong)
    said = {**limits, "budget": float(budgets.sum()), **weights}
    return {name: f"{x:g}" for name, x in said.items() if x < np.inf} | ({"since": f"{since}"} if since else {})


def _findings(catalogue: Catalogue, used: Sequence[Programme], unseen: Sequence[str]) -> tuple[Finding, ...]:
    assumed = sum(any(effect.status == "assumed" for effect in one.brings) for one in used)
    out = [Template("routes.synthetic").of(title=catalogue.title)] if catalogue.synthetic else []
    out += [Template("routes.assumed").of(programmes=assumed)] if assumed else []
    return (*out, *Template("routes.nothing_unseen").about(unseen))


def _points(
    profiles: DeficitProfiles, every: Sequence[Programme], framework: CompetencyFramework, at: Sequence[int]
) -> tuple[Floats, Floats]:
    """Return expected points below the cut (P, D), and what a programme closes, which brings x to min(target, x + gain) (P, K, D)."""
    mean, width = profiles.percent[:, at], (profiles.percent_high - profiles.percent_low)[:, at]
    sd, cut = width / (2 * ndtri((1 + profiles.rule.interval) / 2)), profiles.standards.deficit_cut
    points = np.zeros((len(mean), len(every), len(at)))
    for k, one in enumerate(every):
        for effect in one.brings if not _bar(one, profiles) else ():
            d = [d for d, c in enumerate(at) if framework.within(profiles.competencies[c].code, effect.competency)]
            top = np.array([min(effect.target, cut), min(effect.target, cut) - effect.gain])[:, None, None]
            upper, lower = expected_below(top, mean[:, d], sd[:, d])
            points[:, k, d] = np.maximum(points[:, k, d], np.nan_to_num(upper - lower))
    return np.nan_to_num(expected_below(np.array(cut), mean, sd)), points


def _bar(one: Programme, profiles: DeficitProfiles, since: date | None = None) -> Literal["", "other_category", "begun"]:
    """Return why a programme is for none of the persons, "" where it is: it is for another category, or begins before a day."""
    if one.categories and not any(c.parent is None and c.code in one.categories for c in profiles.competencies):
        return "other_category"
    return "begun" if since and one.start and one.start < since else ""


def _edges(framework: CompetencyFramework, leaves: Sequence[str]) -> tuple[Bools, Bools]:
    """Return which leaf is learnt before which, and which has to be, each (D, D)."""
    out = np.zeros((2, len(leaves), len(leaves)), dtype=np.bool_)
    for edge in framework.prerequisites:
        origin, destination = ([framework.within(leaf, end) for leaf in leaves] for end in (edge.origin, edge.destination))
        out[: 2 if edge.strength == "hard" else 1] |= np.outer(origin, destination)
    return out[0], out[1]


def expected_below(upper: Floats, percent: Floats, sd: Floats) -> Floats:
    """Return E[max(0, upper − X)] where X has a beta distribution on 0 … 100 with this mean and SD."""
    m, u = np.clip(percent / 100, 0.005, 0.995), np.clip(upper / 100, 0.0, 1.0)
    size = np.maximum(m * (1 - m) / np.maximum(sd / 100, 1e-3) ** 2 - 1, 0.1)
    return np.asarray(100 * (u * betainc(m * size, (1 - m) * size, u) - m * betainc(m * size + 1, (1 - m) * size, u)))
