"""Routes of persons: what each step closes and instead of what, what stays open and why, who may lead whom."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import field, replace
from datetime import date
from functools import partial
from itertools import chain
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, Ids, Ints, Names, NotNegative, Probability, held_to, names, value
from competency_dx.competencies import Competency, DeficitProfiles, Standards
from competency_dx.display import Chart, point_chart, result_words
from competency_dx.errors import RouteError, checked
from competency_dx.findings import Template
from competency_dx.kernels.suppression import shown_groups
from competency_dx.result import DataFrame, Outcome, digest_arrays, frame, refuse_others
from competency_dx.routes.catalogue import Programme, day_text
from competency_dx.routes.mentors import LED, NOT_OFFERED, ROLES, Consent, offered, room_of
from competency_dx.routes.reasons import ASK_AGAIN, CONFIRMED, NO_CONCLUSION, WHY, Why

NOBODY: Any = partial(np.zeros, 0, dtype=np.int64)
NOTHING: Any = partial(np.zeros, (0, 0))


@value
class Routes(Outcome):
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
    `mentored` (P, D) says in which competencies; `other` (P,) who else could help most, -1 for nobody, and `not_offered` (P,) why it
    is not them, a place in `NOT_OFFERED`. Of those who lead: `p_strength` (P, D), NaN where no strength is confirmed, `room` (P,),
    how many they take, 0 without consent, and whether they are a `methodist` (P,); `near` are the columns of `background` in which
    a mentor should be the same, the territory first. All of this is empty before `with_mentors`.
    """

    schema_version: ClassVar[int] = 6
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
    background: Mapping[str, Annotated[Names, held_to("persons")]] = field(default_factory=dict)
    budget_by: str = field(default_factory=str)
    budgets: Mapping[str, NotNegative] = field(default_factory=dict)
    mentor: Annotated[Ints, held_to("persons?", minimum=-1, placeIn="persons")] = field(default_factory=NOBODY)
    mentored: Annotated[Bools, held_to("mentor", "competencies")] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    other: Annotated[Ints, held_to("persons?", minimum=-1, placeIn="persons")] = field(default_factory=NOBODY)
    not_offered: Annotated[Ints, held_to("other", minimum=0, maximum=len(NOT_OFFERED) - 1)] = field(default_factory=NOBODY)
    p_strength: Annotated[Floats, held_to("other", "competencies", minimum=0, maximum=1)] = field(default_factory=NOTHING)
    room: Annotated[Ints, held_to("other", minimum=0)] = field(default_factory=NOBODY)
    methodist: Annotated[Bools, held_to("other")] = field(default_factory=lambda: np.zeros(0, np.bool_))
    near: Annotated[Ids, held_to(among="background")] = field(default_factory=tuple)

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

    def to_table(self, language: str = "en") -> DataFrame:
        """Return the table with the titles of programmes in a language."""
        return replace(self, language=language).to_frame()

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
        """Return one row per place with a budget of its own: persons, steps, budget, spent, left, how many wait for a programme.

        It has small places too and is for whoever pays; page and workbook show those alone whose `demand` they show.
        """
        names, place = [*self.budgets], self.background.get(self.budget_by, np.full(len(self), ""))
        member, budget = np.array([place == name for name in names]).reshape(-1, len(self)), np.array([*self.budgets.values()])
        prices = np.array([*(one.price for one in self.programmes), 0.0])[self.steps].sum(axis=1)
        waits, spent = 1 * np.isin(self.persons, [*chain(*self.waiting.values())]), member @ prices
        counts = {"persons": member @ (1 * (self.answered > 0)), "steps": member @ (self.steps >= 0).sum(axis=1)}
        return frame(group=names, **counts, budget=budget, spent=spent, left=budget - spent, waiting=member @ waits)

    def mentors_frame(self) -> DataFrame:
        """Return one row per pair and competency, and one per person with a deficit whom nobody is offered to, for the methodist.

        A row says how sure the strength and the deficit are, in what both are `near`, who else of those who agreed could help most
        (`other`) and why it is not them; of who has no mentor what keeps one from it (`not_offered`).
        """
        P, D = self.p_deficit.shape
        (mentor, other), why = (_filled(x, (P,), -1) for x in (self.mentor, self.other)), _filled(self.not_offered, (P,), 0)
        p, d = np.nonzero(np.column_stack([_filled(self.mentored, (P, D), 0), (mentor < 0) & (why > 0)]))  # D of who has nobody
        m, ids = mentor[p], np.append(self.persons, "")
        same = [(name, (column := self.background[name])[p] == np.append(column, "")[m]) for name in self.near]
        sure = {name: _filled(getattr(self, name), (P + 1, D + 1), np.nan) for name in ("p_strength", "p_deficit", "shortfall")}
        return frame(
            person=self.persons[p],
            mentor=ids[m],
            role=np.array(ROLES)[(m >= 0) * (1 + _filled(self.methodist, (P,), 0)[m])],
            competency=np.array([*(c.code for c in self.competencies), ""], dtype=object)[d],
            **{name: x[m if name == "p_strength" else p, d] for name, x in sure.items()},
            near=[", ".join(name for name, x in same if x[k] and self.background[name][p[k]]) for k in range(len(p))],
            other=ids[other[p]],
            not_offered=np.array(NOT_OFFERED)[why[p]],
        )

    def candidates_frame(self) -> DataFrame:
        """Return one row per person and competency of confirmed strength: the role, how many they take and have, who needs it.

        Who did not agree has no role and room for nobody; `needed` counts the persons with a deficit in it.
        """
        strength = _filled(self.p_strength, self.p_deficit.shape, np.nan)
        p, d = np.nonzero(~np.isnan(strength))
        return frame(
            person=self.persons[p],
            role=np.array(ROLES)[(self.room[p] > 0) * (1 + self.methodist[p])],
            territory=[", ".join(self.background[name][k] for name in self.near) for k in p],
            room=self.room[p],
            load=np.bincount(self.mentor[self.mentor >= 0], minlength=len(self))[p],
            competency=[self.competencies[k].code for k in d],
            p_strength=strength[p, d],
            needed=self._deficits().sum(axis=0)[d],
        )

    @checked(RouteError)
    def with_mentors(
        self, profiles: DeficitProfiles, agreed: Consent, *, mentees: int = 2, near: Sequence[str] = (), methodists: Consent = ()
    ) -> Self:
        """Return the routes with mentors offered: other persons who agreed to it and are sure to be strong where one has a deficit.

        A strength is sure where the rule of the profiles calls it confirmed. Each person is offered one mentor at most, so that all
        together can help with as many points of shortfall as possible. It is an offer, which closes nothing in the numbers.
        Raises `RouteError` when the profiles are of others, a column or a person is not there, what is said of consent cannot be read,
        methodists have no territory, or the id of a mentor is a name: a teacher's page would show it to another.

        Parameters
        ----------
        profiles : Those that the routes were made of.
        agreed : str, mapping of str to int or iterable of str. Who agreed to be a mentor: ids, ids with the number of mentees each
            takes, or a background column with such numbers or yes and no. Nobody else is offered.
        mentees : How many mentees one takes at most where no number is said.
        near : Background columns, a mentor with the same value is preferred: ``["municipality", "school"]``; page and workbook tell
            demand by them too.
        methodists : Who leads as a methodist, said like `agreed`: ten persons where no number is said, of the own territory only, which
            is the first column of `near`. Whoever is both is a methodist.
        """
        self._refuse_others(profiles, {*near, *(column for column in (agreed, methodists) if isinstance(column, str))})
        room, led, needed = room_of(profiles, agreed, mentees), room_of(profiles, methodists, LED), self._deficits()
        if led.any() and not near:
            raise RouteError("routes.no_territory")
        at, shared = [profiles.index(c.code) for c in self.competencies], {name: profiles.background[name] for name in near}
        strong, room = profiles.strength[:, at] == CONFIRMED, np.where(led > 0, led, room)
        points = np.where(needed, self.shortfall, 0.0)
        mentor, other, why = offered(points, strong, room, self.persons, near=[*shared.values()], methodist=led > 0)
        n_agreed, n_strong, n_offered = (int(x.sum()) for x in (room > 0, strong.any(axis=1) & (room > 0), mentor >= 0))
        told = Template("routes.mentors").of(agreed=n_agreed, strong=n_strong, persons=n_offered)
        inputs = {**self.provenance.inputs, "agreed": digest_arrays(room)}
        settings = {**self.provenance.settings, "mentees": f"{mentees}", "near": ", ".join(near) or "none"}
        return replace(
            self,
            mentor=mentor,
            mentored=needed & strong[mentor] & (mentor >= 0)[:, None],
            other=other,
            not_offered=why,
            p_strength=np.where(strong, profiles.p_strength[:, at], np.nan),
            room=room,
            methodist=led > 0,
            near=tuple(near),
            background={**self.background, **{name: names(column) for name, column in shared.items()}},
            findings=(*(f for f in self.findings if f.code != told.code), told),
            provenance=replace(self.provenance, inputs=inputs, settings=settings),
        )

    def _refuse_others(self, profiles: "DeficitProfiles | Routes", columns: Set[str]) -> None:
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
    def peers(self, profiles: "DeficitProfiles | Routes", by: str) -> DataFrame:
        """Return who could learn together: by place in a background column, competency: n persons, two or more, with a deficit in it.

        It names persons and is for the methodist. Raises `RouteError` as `demand` does.
        """
        self._refuse_others(profiles, {by})
        place, short, rows = profiles.background[by].astype(str), self._deficits() & (self.answered > 0)[:, None], []
        for group in np.unique(place[place != ""]):
            for d in np.flatnonzero(short[place == group].sum(axis=0) > 1):
                persons = self.persons[short[:, d] & (place == group)]
                rows.append((group, self.competencies[d].code, len(persons), ", ".join(persons)))
        return frame(**dict(zip(("group", "competency", "n", "persons"), zip(*rows, strict=True) if rows else [()] * 4, strict=True)))

    @checked(RouteError)
    def demand(self, profiles: "DeficitProfiles | Routes", by: str, *, smallest: int = 10, beside: Sequence[str] = ()) -> DataFrame:
        """Return a row for all, group "", and each group of a background column: persons, their steps, and the hours of these.

        Who answered nothing counts nowhere, in no size of a group either. A step is needed where one of the deficits it is for is
        there. `hours_expected` takes these as independent; `hours_low` and `hours_high` hold however they depend, from the largest
        of their probabilities to the sum (Fréchet's bounds), and 1.96 standard deviations beyond: those of independent persons
        whose steps are needed together. Groups of fewer than `smallest` persons are not shown, nor others, the smallest first, that
        would tell of so few persons with the tables of the columns `beside`; a sum or a difference of shown rows holds so many.
        Raises `RouteError` when the profiles are not those of the routes or have no such column; routes with the column are as good.
        """
        self._refuse_others(profiles, {by, *beside})
        hours = np.array([one.hours for one in self.programmes])
        p = np.where(self.chosen[:, None] == np.arange(len(hours))[:, None], self.p_deficit[:, None], 0.0)  # (P, K, D)
        least, steps = p.max(axis=2, initial=0.0), p.any(axis=2)
        each = [steps, least, 1 - (1 - p).prod(axis=2), np.minimum(p.sum(axis=2), 1.0), np.sqrt(least * (1 - least))]
        here = self.answered > 0
        of_person = np.column_stack([steps.sum(axis=1), *(x @ hours for x in each)])[here]
        of_person[:, 5] **= 2
        columns = {name: profiles.background[name].astype(str)[here] for name in {by, *beside}}
        groups, at, shown = shown_groups(columns, by, smallest, nowhere="")
        rows = {"": np.ones(len(of_person), dtype=np.bool_)} if len(of_person) >= smallest else {}
        rows |= {str(g): at == k for k, g in enumerate(groups) if g and shown[k]}
        sums = np.array([of_person[x].sum(axis=0) for x in rows.values()]).reshape(-1, 6).T
        low, high = sums[2] - 1.96 * np.sqrt(sums[5]), sums[4] + 1.96 * np.sqrt(sums[5])
        told = {"steps": sums[0].astype(np.int64), "hours": sums[1], "hours_expected": sums[3]}
        told |= {"hours_low": np.maximum(low, 0), "hours_high": np.minimum(high, sums[1])}
        return frame(group=[*rows], persons=[int(x.sum()) for x in rows.values()], **told)

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


def _filled(told: NDArray[Any], shape: tuple[int, ...], blank: float) -> NDArray[Any]:
    """Return an array in a larger one, blank where an earlier document does not tell it and beyond the last place."""
    out = np.full(shape, blank, dtype=told.dtype)
    if told.size:
        out[tuple(map(slice, told.shape))] = told
    return out
