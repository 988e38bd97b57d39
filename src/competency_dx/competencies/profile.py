"""Deficit profiles: for every person and competency, what can be concluded, how surely, and from what."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints, Names, value
from competency_dx.bank import Text
from competency_dx.competencies import conclusion, profile_document
from competency_dx.competencies.conclusion import Competency, Conclusion, DeficitRule, Evidence, ItemFact, Standards
from competency_dx.competencies.person_profile import HeldMisconception, Profile
from competency_dx.competencies.population import LeafPopulations
from competency_dx.competencies.profile_document import Misconception, ProfilesRecord, carriers_of, concluded, digest_of
from competency_dx.display import Chart, code_word, interval_chart, result_words
from competency_dx.errors import DiagnosisError, checked
from competency_dx.findings import Template
from competency_dx.responses import Reason, Responses
from competency_dx.result import MAX_LINES, DataFrame, Outcome, crossed, digest_arrays, digest_document, refuse_others
from competency_dx.storage import whole_file

if TYPE_CHECKING:
    from competency_dx.misconceptions import MisconceptionEvidence


SHOWN = (  # columns of the public contract, after person, competency and title
    "state", "level", "p_deficit", "percent", "percent_low", "percent_high", "theta", "se", "n_items", "reliability", "prmse",
    "reported_at", "status", "level_probability", "own_share", "leans_on",
)  # fmt: skip
TREATED = {0: "answered", 2: "omitted", 3: "not_reached", 4: "invalid"}  # by missing reason; the rest is no evidence


@lru_cache(maxsize=8)
def _placed(items: tuple[ItemFact, ...], competencies: tuple[Competency, ...]) -> tuple[tuple[list[int], dict[str, Any]], ...]:
    """Return for each item the places of its competencies, and what evidence says of the item."""
    place, names = {competency.code: c for c, competency in enumerate(competencies)}, ("item", "title", "topics", "max_score")
    at = ([place[code] for code in fact.competencies if code in place] for fact in items)
    return tuple((places, {name: getattr(fact, name) for name in names}) for places, fact in zip(at, items, strict=True))


class AskedNext(Protocol):
    """What profiles take of `NextItems`, of a room above."""

    @property
    def persons(self) -> Names:
        """Return the ids of the persons (P,)."""

    @property
    def questions(self) -> Sequence[Any]:
        """Return all questions, each with the id of its `item`."""

    @property
    def chosen(self) -> Ints:
        """Return the places of the questions of each person (P, n), -1 for none."""


@value
class DeficitProfiles(Outcome):
    """The profiles of a cohort: look one up by ``profiles["person-id"]``, iterate, or take the whole as a frame.

    Arrays have one row per person (P), one column per competency (C) in the order of `competencies`, and one column per item (I) in
    the order of `items`. `state`, `strength` and `level` are indices into `STATES` and the levels of the standards; `reported_at`
    and `leans_on` are indices into `competencies`, -1 for none; `status` indexes `STATUSES`. `level` is -1, "" in the frame, where
    no conclusion is drawn. `influence` is by how much an answer moves P(deficit) of the leaf its item belongs to. `population` is
    where the persons were taken to come from; later persons are diagnosed as from the same by ``population=profiles.population``.
    `p_misconception` (P, M) are the probabilities of `misconceptions`, NaN where there is no estimate; see `with_misconceptions`.
    `ask_next` (P, n) are the places in `items` of what to ask each person next, -1 for none; see `with_next_items`. `carriers` (P, C,
    3) are the places of the items that carry the conclusion on a competency of several leaves, -1 for none, and `carried` by how
    much each moves its P(deficit); of others, which have -2, `influence` tells.
    """

    schema_version: ClassVar[int] = 6
    oldest: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("competencies", "states")
    persons: Names
    background: Mapping[str, Names]
    competencies: tuple[Competency, ...]
    items: tuple[ItemFact, ...]
    standards: Standards
    rule: DeficitRule
    language: str
    state: NDArray[np.int8]
    strength: NDArray[np.int8]
    level: NDArray[np.int8]
    p_deficit: Floats
    p_strength: Floats
    percent: Floats
    percent_low: Floats
    percent_high: Floats
    theta: Floats
    se: Floats
    n_items: Ints
    level_probability: Floats
    own_share: Floats
    leans_on: NDArray[np.int16]
    reliability: Floats
    prmse_total: Floats
    prmse: Floats
    reported_at: NDArray[np.int16]
    status: NDArray[np.int8]
    points: NDArray[np.int8]
    reasons: NDArray[np.uint8]
    influence: Floats
    grid: Floats
    curves: Floats
    bank: Text
    population: LeafPopulations
    misconceptions: tuple[Misconception, ...] = ()
    p_misconception: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    ask_next: Ints = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    carriers: NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.int16))
    carried: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))

    def _refuse_contradictions(self) -> None:
        own = [not {*self.population.leaves}.isdisjoint(fact.competencies) for fact in self.items]
        refuse_others(f"{self.kind}.items", own, "population.leaves")

    def __len__(self) -> int:
        return len(self.persons)

    def __iter__(self) -> Iterator[Profile]:
        return (self._profile(p) for p in range(len(self)))

    def __getitem__(self, person: object) -> Profile:
        found = np.flatnonzero(self.persons == str(person))
        if not found.size:
            raise DiagnosisError("competencies.no_person", person=str(person), n_self=len(self))
        return self._profile(int(found[0]))

    @checked(DiagnosisError)
    def select(self, persons: Iterable[str]) -> Self:
        """Return the profiles of chosen persons in the order given; raises `DiagnosisError` when one of them is not there."""
        place = {str(person): p for p, person in enumerate(self.persons)}
        chosen = list(persons)
        if absent := [str(person) for person in chosen if person not in place]:
            raise DiagnosisError("competencies.no_person", person=absent[0], n_self=len(self))
        rows = np.array([place[person] for person in chosen], dtype=np.int64)
        held = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"grid", "curves"}}
        kept: dict[str, Any] = {k: x[rows] for k, x in held.items() if isinstance(x, np.ndarray) and len(x) == len(self)}
        return replace(self, background={name: column[rows] for name, column in self.background.items()}, **kept)

    def to_jsonl(self, file: str | Path) -> Path:
        """Write one document of a `Profile` a line, for `Profile.from_jsonl` to read; memory does not grow with the persons."""
        with whole_file(file) as draft, draft.open("w", encoding="utf-8", newline="\n") as lines:
            lines.writelines(f"{profile.to_json()}\n" for profile in self)
        return Path(file)

    @property
    def inputs(self) -> dict[str, str]:
        """Return what a result made of the profiles stands on: their own inputs, and the digest of what was estimated."""
        return {**self.provenance.inputs, "profiles": digest_arrays(self.theta, self.se, self.own_share)}

    def answers(self) -> Responses:
        """Return the points that the profiles keep, to be diagnosed anew."""
        return Responses(
            persons=self.persons,
            items=tuple(fact.item for fact in self.items),
            scores=self.points,
            reasons=self.reasons,
            max_scores=np.array([fact.max_score for fact in self.items]),
            provenance=self.provenance,
            background=self.background,
        )

    def index(self, code: str) -> int:
        """Return the column of a competency."""
        codes = [c.code for c in self.competencies]
        if code not in codes:
            raise DiagnosisError("competencies.no_competency", name=code, competencies=codes)
        return codes.index(code)

    def _profile(self, p: int) -> Profile:
        unread = np.flatnonzero((self.reasons[p] == Reason.INVALID) & (self.rule.missing.invalid == "ignore"))
        held = zip(self.misconceptions, self.p_misconception[p] if self.misconceptions else (), strict=True)
        left_out = (self.reasons[p] == Reason.OMITTED) & (self.rule.missing.omitted == "ignore")
        missed, given = conclusion.counted_as_wrong(self.reasons[p][~left_out])
        much = missed > conclusion.OMITTED_BY_ONE * given and self.rule.missing.omitted != "modelled"
        omitted = [Template("competencies.omitted").of(omitted=int(missed), given=int(given))] if much else []
        shown = np.flatnonzero(self.reasons[p] != Reason.NOT_ADMINISTERED).tolist()
        answers = {self.items[i].item: [int(self.points[p, i]), int(self.reasons[p, i])] for i in shown}  # this person's alone
        digests = {"rule": digest_of(self.rule), "standards": digest_of(self.standards), "responses": digest_document(answers)}
        return Profile(
            person=str(self.persons[p]),
            background={name: str(column[p]) for name, column in self.background.items()},
            conclusions=tuple(self._conclusions(p)),
            misconceptions=tuple(HeldMisconception(misconception=m, probability=float(x)) for m, x in held if not np.isnan(x)),
            ask_next=tuple(self.items[k] for k in (self.ask_next[p] if len(self.ask_next) else ()) if k >= 0),
            language=self.language,
            provenance=replace(self.provenance, inputs={**self.provenance.inputs, **digests}, settings={}),
            status="scored" if (self.n_items[p] > 0).any() else "no_responses",
            findings=(*Template("competencies.unreadable").about(self.items[i].item for i in unread.tolist()), *omitted),
        )

    def _conclusions(self, p: int) -> Iterator[Conclusion]:
        """Yield what is concluded of one person by competency."""
        columns, unit = concluded(self, "", p), {c.code: c for c in self.competencies}
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        for competency, evidence, row, by in zip(self.competencies, self._evidence(p), rows, carriers_of(self, p), strict=True):
            at: dict[str, Any] = dict(zip(columns, row, strict=True))
            why = conclusion.reason(at["status"], self.rule, unit.get(at["reported_at"]))
            most = conclusion.strongest(evidence, at["p_deficit"]) if by is None else tuple(by.items())
            yield Conclusion(competency=competency, reason=why, evidence=tuple(evidence), carriers=most, **at)

    def _evidence(self, p: int) -> list[list[Evidence]]:
        """Return the evidence of one person by competency."""
        out: list[list[Evidence]] = [[] for _ in self.competencies]
        answers = zip(self.points[p].tolist(), self.reasons[p].tolist(), self.influence[p].tolist(), strict=True)
        missing, theta = self.rule.missing, np.clip(self.theta[p], self.grid[0], self.grid[-1])
        cell = np.clip(np.searchsorted(self.grid, theta, side="right") - 1, 0, len(self.grid) - 2)
        slope = (self.curves[:, cell + 1] - self.curves[:, cell]) / (self.grid[cell + 1] - self.grid[cell])
        expected = (slope * (theta - self.grid[cell]) + self.curves[:, cell]).tolist()
        placed = _placed(self.items, self.competencies)
        for i, (points, why, influence) in enumerate(answers):
            treated = TREATED.get(why)
            if treated is None or getattr(missing, treated, "") == "ignore":
                continue
            at, fact = placed[i]
            for c in at:
                out[c].append(Evidence(points=points, expected=expected[i][c], treated_as=treated, influence=influence, **fact))
        return out

    @property
    def expected_false_share(self) -> float:
        """Return the expected share of false ones among all confirmed deficits, NaN where there is none."""
        return float(np.mean(1 - confirmed)) if (confirmed := self.p_deficit[self.state == 0]).size else float("nan")

    @checked(DiagnosisError)
    def with_misconceptions(self, found: "MisconceptionEvidence") -> Self:
        """Return the profiles with the probabilities that `find_misconceptions` gives these persons.

        They are estimated from all persons together, and so depend on the others as conclusions do not.
        Raises `DiagnosisError` when the result has none of these persons.
        """
        place = {str(person): k for k, person in enumerate(found.persons)}
        rows = np.array([place.get(str(person), -1) for person in self.persons])
        if (rows < 0).all():
            raise DiagnosisError("competencies.misconceptions_of_others", persons=found.persons)
        probability = np.where((rows >= 0)[:, None], found.probability[rows], np.nan)
        titles = tuple(Misconception(code=code, title=found.titles[code]) for code in found.misconceptions)
        return replace(self, misconceptions=titles, p_misconception=probability)

    @checked(DiagnosisError)
    def with_next_items(self, found: AskedNext) -> Self:
        """Return the profiles with the items of `next_items`; raises `DiagnosisError` when persons or bank are others."""
        place = {fact.item: k for k, fact in enumerate(self.items)}
        if found.persons.tolist() != self.persons.tolist() or any(q.item not in place for q in found.questions):
            raise DiagnosisError("competencies.other_next_items", persons=found.persons)
        return replace(self, ask_next=np.array([*(place[q.item] for q in found.questions), -1], dtype=np.int64)[found.chosen])

    def to_frame(self) -> DataFrame:
        """Return one row per person and competency, persons in input order; the columns of the public contract."""
        return self._frame(SHOWN)

    def strengths_frame(self) -> DataFrame:
        """Return one row per person and competency: person, competency, title, strength, p_strength, percent."""
        return self._frame(("strength", "p_strength", "percent"))

    def _frame(self, columns: Sequence[str]) -> DataFrame:
        units = {"competency": [c.code for c in self.competencies], "title": [c.title.text(self.language) for c in self.competencies]}
        cells = concluded(self, "")
        return crossed({"person": self.persons}, units, {name: cells[name] for name in columns})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the size of the cohort and, for each reporting unit, how many persons are in each state."""
        scale = code_word("standards", self.standards.id, language)
        facts = {"persons": len(self), "bank": self.bank.text(language), "standards": scale}
        counts = (self.state[:, :, None] == np.arange(len(conclusion.STATES))).sum(axis=0)
        head = result_words("competencies", language)("head", **facts)
        return [head, *conclusion.state_lines([c.code for c in self.competencies], counts, MAX_LINES - 1, language)]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the cohort's mean percent with the middle 90 %, or the share of confirmed and likely deficits."""
        say = result_words("competencies", language)
        labels = [f"{c.code} {c.title.text(language)}" for c in self.competencies]
        if kind == "states":
            return conclusion.deficit_chart(labels, 100 * np.isin(self.state, (0, 1)).sum(axis=0) / max(len(self), 1), language)
        of, nothing = self.percent[:, ::-1], [np.full(len(labels), np.nan)] * 3
        spread = (np.nanmean(of, axis=0), *np.nanquantile(of, [0.05, 0.95], axis=0)) if len(self) else nothing
        titles = {"title": say("percent", persons=len(self)), "x_label": say("percent_axis")}
        return interval_chart(labels[::-1], spread, x_lines=self.standards.cuts, **titles)

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:
        of = document.get("population")
        return document | ({"population": {"epoch": ""} | of} if version < 4 and isinstance(of, dict) else {})

    @classmethod
    def _document_type(cls) -> type:
        return ProfilesRecord

    def _document(self) -> dict[str, Any]:
        return profile_document.document_of(self)

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**profile_document.fields_of(document))
