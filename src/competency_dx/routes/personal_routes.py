"""Routes of persons, and the verb that makes them: what each step closes and instead of what, what stays open and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import field, replace
from datetime import date
from itertools import chain
from typing import Annotated, Any, ClassVar, Self

import numpy as np

from competency_dx.arrays import Bools, Floats, Ids, Ints, Names, NotNegative, Probability, held_to, names, value
from competency_dx.bank import load_framework
from competency_dx.competencies import Competency, DeficitProfiles, Standards
from competency_dx.display import Chart, point_chart, result_words
from competency_dx.errors import RouteError, checked
from competency_dx.findings import Finding, Template
from competency_dx.responses import Reason
from competency_dx.result import DataFrame, Provenance, Result, digest_arrays, digest_text, frame, provenance, refuse_others
from competency_dx.routes.allocation import RouteProblem, allocate, bar_of, edges_of, ordered, points_of
from competency_dx.routes.catalogue import Catalogue, Programme, day_text
from competency_dx.routes.mentors import matched, room_of
from competency_dx.routes.reasons import ASK_AGAIN, CONFIRMED, LEAST, LIKELY, NO_CONCLUSION, UNDECIDED, UNTOLD, WHY, RouteReasons, Why

Budget = float | Mapping[str, Mapping[str, float]]
PURSES: tuple[Why, Why] = ("budget", "place_budget")  # what is said to bind: the budget of all, that of the place
WISHED = 1.1  # what a programme closes counts for so much where the person asked for it


@value
class Routes(Result):
    """A route for each person (P) through the programmes (K) of a catalogue that close deficits in D competencies.

    `level` (P,) is the place in the levels of the standards, which name the type of route, `answered` (P,) the number of items with
    an answer; `steps` (P, S) are places in `programmes`, in order. By person and competency: `shortfall`, the expected points of
    percent below the lowest cut; `closes`, how many of them the route closes; `chosen`, by which programme; `instead`, the two that
    would close most in its place; `why`, the place in `WHY`; `unseen`, the number of items not given yet. No programme and no level
    are -1; `p_deficit` and `shortfall` are NaN where the profile concludes nothing. `unmet` are the wishes without a step, by person
    and programme; `waiting` who would take a programme with more seats or more money of
    their place, the largest shortfall first. Where places have budgets of their own, `budgets` are these, NaN for no limit, and
    `budget_by` is the column of `background` with the places. No programme begins before `since`, "" for any day. `gap` is the share of
    what can be closed that the routes may miss. `mentor` (P,) is the place in `persons` of who is offered as a mentor, -1 for nobody,
    `mentored` (P, D) says in which competencies; both are empty before `with_mentors`.
    """

    kind: ClassVar[str] = "routes"
    schema_version: ClassVar[int] = 5
    oldest: ClassVar[int] = 4  # earlier ones tell deficits where nothing was concluded, and do not say where that is
    pictures: ClassVar[tuple[str, ...]] = ("competencies",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    competencies: Annotated[tuple[Competency, ...], held_to(key="code", each="order.competencies", within="parent?")]
    programmes: Annotated[tuple[Programme, ...], held_to(key="id", each="order.programmes")]
    standards: Standards
    answered: Annotated[Ints, held_to("persons", minimum=0)]
    level: Annotated[Ints, held_to("persons", minimum=-1, placeIn="standards.levels")]
    steps: Annotated[Ints, held_to("persons", "S", minimum=-1, placeIn="programmes")]
    p_deficit: Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=1)]
    shortfall: Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=100)]
    closes: Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=100)]
    chosen: Annotated[Ints, held_to("persons", "competencies", minimum=-1, placeIn="programmes")]
    instead: Annotated[Ints, held_to("persons", "competencies", 2, minimum=-1, placeIn="programmes")]
    why: Annotated[Ints, held_to("persons", "competencies", minimum=0, maximum=len(WHY) - 1)]
    unseen: Annotated[Ints, held_to("persons", "competencies", minimum=0)]
    unmet: Mapping[Annotated[str, held_to(among="persons")], Mapping[str, Why]]
    waiting: Mapping[str, Annotated[Ids, held_to(among="persons")]]
    gap: Probability
    since: str
    language: str
    findings: tuple[Finding, ...]
    provenance: Provenance
    background: Mapping[str, Annotated[Names, held_to("persons")]] = field(default_factory=dict)
    budget_by: str = field(default_factory=str)
    budgets: Mapping[str, NotNegative] = field(default_factory=dict)
    mentor: Annotated[Ints, held_to("persons?", minimum=-1, placeIn="persons")] = field(default_factory=lambda: np.zeros(0, np.int64))
    mentored: Annotated[Bools, held_to("mentor", "competencies")] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))

    def _refuse_contradictions(self) -> None:
        refuse_others(f"{self.kind}.shortfall", ~self._deficits() | np.isfinite(self.shortfall), "chosen, why")
        taken = (self.chosen[..., None] == self.steps[..., None, :]).any(axis=-1)
        refuse_others(f"{self.kind}.chosen", (self.chosen < 0) | taken, "steps")

    def __len__(self) -> int:
        return len(self.persons)

    def to_frame(self) -> DataFrame:
        """Return one row per person and step, in order; `unseen` counts the items that can check what it has closed."""
        p, s = np.nonzero(self.steps >= 0)
        taken = [self.programmes[k] for k in self.steps[p, s]]
        its = [np.flatnonzero(self.chosen[row] == k) for row, k in zip(p, self.steps[p, s], strict=True)]
        levels = [*(level.code for level in self.standards.levels), ""]
        return frame(
            person=self.persons[p],
            level=[levels[k] for k in self.level[p]],
            place=s + 1,
            programme=[one.id for one in taken],
            title=[one.title.text(self.language) for one in taken],
            **{x: [getattr(one, x) for one in taken] for x in ("kind", "hours", "price", "start", "end")},
            competencies=[", ".join(self.competencies[d].code for d in ds) for ds in its],
            p_deficit=[self.p_deficit[row, ds].max(initial=0.0) for row, ds in zip(p, its, strict=True)],
            closes=[self.closes[row, ds].sum() for row, ds in zip(p, its, strict=True)],
            unseen=[self.unseen[row, ds].sum() for row, ds in zip(p, its, strict=True)],
        )

    def reasons_frame(self) -> DataFrame:
        """Return one row per person and competency with a step or without one: what it closes, instead of what, or why not."""
        p, d = np.nonzero((self.chosen >= 0) | (self.why > 0))
        ids = np.array([*(one.id for one in self.programmes), ""], dtype=object)
        return frame(
            person=self.persons[p],
            competency=[self.competencies[k].code for k in d],
            **{name: getattr(self, name)[p, d] for name in ("p_deficit", "shortfall", "closes", "unseen")},
            programme=ids[self.chosen[p, d]],
            instead=[", ".join(ids[k] for k in two if k >= 0) for two in self.instead[p, d]],
            why=[WHY[k] for k in self.why[p, d]],
        )

    def places_frame(self) -> DataFrame:
        """Return one row per place with a budget of its own: persons, steps, budget, spent, left, how many wait for a programme."""
        names, place = [*self.budgets], self.background.get(self.budget_by, np.full(len(self), ""))
        member, budget = np.array([place == name for name in names]).reshape(-1, len(self)), np.array([*self.budgets.values()])
        prices = np.array([*(one.price for one in self.programmes), 0.0])[self.steps].sum(axis=1)
        waits, spent = 1 * np.isin(self.persons, [*chain(*self.waiting.values())]), member @ prices
        counts = {"persons": member.sum(axis=1), "steps": member @ (self.steps >= 0).sum(axis=1)}
        return frame(group=names, **counts, budget=budget, spent=spent, left=budget - spent, waiting=member @ waits)

    def mentors_frame(self) -> DataFrame:
        """Return one row per person with a mentor: who it is, and in which competencies."""
        p = np.flatnonzero(self.mentor >= 0)
        codes = [", ".join(self.competencies[d].code for d in np.flatnonzero(row)) for row in self.mentored[p]]
        return frame(person=self.persons[p], mentor=self.persons[self.mentor[p]], competencies=codes)

    @checked(RouteError)
    def with_mentors(
        self, profiles: DeficitProfiles, agreed: str | Mapping[str, int] | Iterable[str], *, mentees: int = 2, near: Sequence[str] = ()
    ) -> Self:
        """Return the routes with mentors offered: other persons who agreed to it and are sure to be strong where one has a deficit.

        A strength is sure where the rule of the profiles calls it confirmed. Each person is offered one mentor at most, so that all
        together can help with as many points of shortfall as possible. It is an offer, which closes nothing in the numbers.
        Raises `RouteError` when the profiles are of others, a column or a person is not there, what is said of consent cannot be read,
        or the id of a mentor is a name: a teacher's page would show it to another.

        Parameters
        ----------
        profiles : Those that the routes were made of.
        agreed : str, mapping of str to int or iterable of str. Who agreed to be a mentor: ids, ids with the number of mentees each
            takes, or a background column with such numbers or yes and no. Nobody else is offered.
        mentees : How many mentees one takes at most where no number is said.
        near : Background columns, a mentor with the same value is preferred: ``["municipality", "school"]``.
        """
        self._refuse_others(profiles, {*near, *([agreed] if isinstance(agreed, str) else [])})
        room, shared = room_of(profiles, agreed, mentees), [profiles.background[name] for name in near]
        strength, needed = profiles.strength[:, [profiles.index(c.code) for c in self.competencies]], self._deficits()
        strong = (strength == CONFIRMED) & (room > 0)[:, None]
        mentor = matched(np.where(needed, self.shortfall, 0.0), strong, room, shared, self.persons)
        n_agreed, n_strong, offered = (int(x.sum()) for x in (room > 0, strong.any(axis=1), mentor >= 0))
        told = Template("routes.mentors").of(agreed=n_agreed, strong=n_strong, persons=offered)
        findings = (*(f for f in self.findings if f.code != told.code), told)
        inputs = {**self.provenance.inputs, "agreed": digest_arrays(room)}
        settings = {**self.provenance.settings, "mentees": f"{mentees}", "near": ", ".join(near) or "none"}
        made, mentored = replace(self.provenance, inputs=inputs, settings=settings), needed & strong[mentor] & (mentor >= 0)[:, None]
        return replace(self, mentor=mentor, mentored=mentored, findings=findings, provenance=made)

    def _refuse_others(self, profiles: DeficitProfiles | Routes, columns: Set[str]) -> None:
        if profiles.persons.tolist() != self.persons.tolist():
            raise RouteError("routes.other_profiles", persons=len(profiles), n_self=len(self))
        if absent := columns - profiles.background.keys():
            raise RouteError("routes.no_column", absent=sorted(absent), columns=list(profiles.background))

    def _deficits(self) -> Bools:
        """Return who has a deficit in what (P, D), confirmed or likely."""
        return (self.chosen >= 0) | ((self.why > 0) & ~np.isin(self.why, (ASK_AGAIN, NO_CONCLUSION)))

    @checked(RouteError)
    def with_places(self, profiles: DeficitProfiles, by: str) -> Self:
        """Return the routes with a background column in them, by which page and workbook tell demand and peers; raises as `demand`."""
        self._refuse_others(profiles, {by})
        return replace(self, background={**self.background, by: names(profiles.background[by])})

    @checked(RouteError)
    def peers(self, profiles: DeficitProfiles | Routes, by: str) -> DataFrame:
        """Return who could learn together: by place in a background column, competency: n persons, two or more, with a deficit in it.

        It names persons and is for the methodist. Raises `RouteError` as `demand` does.
        """
        self._refuse_others(profiles, {by})
        place, short, rows = profiles.background[by].astype(str), self._deficits(), []
        for group in np.unique(place[place != ""]):
            for d in np.flatnonzero(short[place == group].sum(axis=0) > 1):
                persons = self.persons[short[:, d] & (place == group)]
                rows.append((group, self.competencies[d].code, len(persons), ", ".join(persons)))
        return frame(**dict(zip(("group", "competency", "n", "persons"), zip(*rows, strict=True) if rows else [()] * 4, strict=True)))

    @checked(RouteError)
    def demand(self, profiles: DeficitProfiles | Routes, by: str, *, smallest: int = 10) -> DataFrame:
        """Return a row for all, group "", and each group of a background column: persons, their steps, and the hours of these.

        A step is needed where one of the deficits it is for is there. `hours_expected` takes these as independent; `hours_low` and
        `hours_high` hold however they depend, from the largest of their probabilities to the sum (Fréchet's bounds), and 1.96 standard
        deviations beyond: those of independent persons whose steps are needed together. Groups of fewer than `smallest` persons
        are not shown, nor as many more, the smallest first, as keep those hidden from being one group or so few persons.
        Raises `RouteError` when the profiles are not those of the routes or have no such column; routes with the column are as good.
        """
        self._refuse_others(profiles, {by})
        groups, hours = profiles.background[by].astype(str), np.array([one.hours for one in self.programmes])
        p = np.where(self.chosen[:, None] == np.arange(len(hours))[:, None], self.p_deficit[:, None], 0.0)  # (P, K, D)
        least, steps = p.max(axis=2, initial=0.0), p.any(axis=2)
        each = [steps, least, 1 - (1 - p).prod(axis=2), np.minimum(p.sum(axis=2), 1.0), np.sqrt(least * (1 - least))]
        of_person = np.column_stack([steps.sum(axis=1), *(x @ hours for x in each)])
        of_person[:, 5] **= 2
        names, n = np.unique(groups, return_counts=True)
        first = np.argsort(n, kind="stable")
        safe = (k for k in range(len(n)) if n[first[k]] >= smallest and (k == 0 or (k > 1 and n[first[:k]].sum() >= smallest)))
        every = {str(names[g]): groups == names[g] for g in sorted(first[next(safe, len(n)) :]) if names[g]}
        rows = {name: x for name, x in {"": np.ones(len(self), dtype=np.bool_), **every}.items() if x.sum() >= smallest}
        sums = np.array([of_person[x].sum(axis=0) for x in rows.values()]).reshape(-1, 6).T
        low, high = sums[2] - 1.96 * np.sqrt(sums[5]), sums[4] + 1.96 * np.sqrt(sums[5])
        columns = {"steps": sums[0].astype(np.int64), "hours": sums[1], "hours_expected": sums[3]}
        columns |= {"hours_low": np.maximum(low, 0), "hours_high": np.minimum(high, sums[1])}
        return frame(group=[*rows], persons=[int(x.sum()) for x in rows.values()], **columns)

    def needs(self) -> Floats:
        """Return by competency (D, 4) of how many persons something is concluded, expected deficits, mean shortfall and closed."""
        n = (~np.isnan(self.p_deficit)).sum(axis=0)
        means = (np.nansum(x, axis=0) / np.where(n, n, np.nan) for x in (self.shortfall, self.closes))
        return np.column_stack([n, np.nansum(self.p_deficit, axis=0), *means])

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return how much the steps close, what they take, and what stays open for which reason."""
        say, taken = result_words("routes", language), [self.programmes[k] for k in self.steps[self.steps >= 0]]
        hours, price = float(sum(one.hours for one in taken)), float(sum(one.price for one in taken))
        counts, asked, absent = np.bincount(self.why.ravel()), self.why == ASK_AGAIN, int((self.answered == 0).sum())
        needed = np.nansum(self.shortfall[((self.chosen >= 0) | (self.why > 0)) & ~asked])
        return [
            say("head", persons=len(self), steps=len(taken), hours=hours, price=price),
            *([say("absent", n=absent)] if absent else []),
            say("closed", closed=float(self.closes.sum()), needed=float(needed)),
            *([say("places", places=len(self.budgets), left=float(self.places_frame()["left"].sum()))] if self.budgets else []),
            *([say("gap", gap=100 * self.gap)] if self.gap >= 0.0005 else []),  # shown with one decimal place
            *([say("since", since=day_text(date.fromisoformat(self.since), language))] if self.since else []),
            *(say(WHY[k], n=int(counts[k])) for k in np.flatnonzero(counts) if k),
            *([say("waiting", programmes=len(self.waiting))] if self.waiting else []),
            *([say("mentors", persons=offered)] if (offered := int((self.mentor >= 0).sum())) else []),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - there is one
        """Return the mean expected shortfall by competency of those of whom something is concluded, without routes and after them."""
        say, (_, _, before, closed) = result_words("routes", language), self.needs().T
        columns = {say("before"): before, say("after"): before - closed}
        names = [f"{c.code} {c.title.text(language)}" for c in self.competencies]
        return point_chart(names, columns, title=say("shortfall"), x_label=say("points"))


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

    The shortfall of a competency is the expected number of points of percent below the lowest cut; of several programmes for it
    the one that closes most counts. Confirmed deficits take any programme, likely ones what can be left at any time; what is
    undecided is asked about again, and where a profile concludes nothing a route says nothing either. Where seats or the budget do
    not suffice, all routes together close as much as possible.
    Raises `RouteError` when there are no persons, a limit or a weight is negative, or weights, wishes, budgets or the catalogue name
    what does not exist.

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
    strange = {*leaves} - {n.code for n in framework.nodes if not n.replaced_by} | {*catalogue.strange(framework)}
    if strange := strange | {*weights} - {*leaves} | {*wishes} - {*persons} | {*chain(*wishes.values())} - {*ids}:
        raise RouteError("routes.unknown", strange=sorted(strange))
    state, shortfall, points = profiles.state[:, at], *points_of(profiles, every, framework, at)
    barred: list[Why] = [bar_of(one, profiles, since) for one in every]
    wish = np.array([[WISHED if k in wishes.get(p, ()) else 1.0 for k in ids] for p in persons])[:, :, None]
    weight = np.array([weights.get(leaf, 1.0) for leaf in leaves])
    counts = (state == CONFIRMED)[:, None] | ((state == LIKELY)[:, None] & np.array([[one.reversible] for one in every]))
    closes = np.where(counts & (points >= LEAST) & (np.array(barred) == "")[:, None], points * wish * weight, 0.0)
    problem = RouteProblem(every, closes, np.isin(state, (CONFIRMED, LIKELY)), *edges_of(framework, leaves), hours, price, money, payer)
    chosen, alone, gap = allocate(problem)
    steps, left = [ordered(problem, row)[0] for row in chosen], problem.left(chosen)
    brings = np.array([[any(framework.within(leaf, e.competency) for e in one.brings) for leaf in leaves] for one in every])
    because = RouteReasons(problem, chosen, steps, left, points, state.astype(np.int64), brings, barred, weight, PURSES[bool(purse)])
    (instead, why), unmet = because.of_deficits(), {}
    why[state == UNDECIDED], why[state == UNTOLD] = ASK_AGAIN, NO_CONCLUSION
    for p, person in ((persons.index(person), person) for person in wishes):
        unmet[person] = {k: because.of_wish(p, i) for k in wishes[person] if (i := ids.index(k)) not in chosen[p]}
    order = sorted(range(len(persons)), key=lambda p: (-shortfall[p] @ problem.open[p], digest_text(persons[p])))
    short = (left[0] < 1)[:, None] | ((left[1][payer] < np.array([[one.price] for one in every])) & bool(purse))  # (K, P)
    waits = [tuple(persons[p] for p in order if short[k, p] and k in alone[p] and k not in chosen[p]) for k in range(len(every))]
    inside = np.array([[leaf in fact.competencies for leaf in leaves] for fact in profiles.items], dtype=np.int64)
    unseen = (profiles.reasons == Reason.NOT_ADMINISTERED) @ inside
    used = np.unique([*chosen[chosen >= 0], *instead[instead >= 0], *(k for k, who in enumerate(waits) if who)]).astype(np.int64)
    place, longest = np.full(len(every) + 1, -1), max(map(len, steps), default=0)
    place[used] = np.arange(len(used))
    told = _findings(catalogue, [every[k] for k in used], np.array(leaves)[((chosen >= 0) & (unseen == 0)).any(axis=0)].tolist())
    root = [c.parent for c in profiles.competencies].index(None)
    digest = digest_arrays(profiles.points, profiles.reasons, profiles.p_deficit)
    digests = {"profiles": digest, "catalogue": f"{catalogue.id} {catalogue.version} {catalogue.digest}"}
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
        findings=(*told, *Template("routes.no_budget").about(name or "—" for name, x in purse.get("budgets", {}).items() if x == 0)),
        provenance=provenance("recommend", digests, settings),
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
