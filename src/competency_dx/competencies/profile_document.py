"""The JSON form of deficit profiles: one object per person, codes instead of indices; the schema follows from these types."""

from collections.abc import Hashable, Mapping
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict, get_type_hints

import numpy as np

from competency_dx.arrays import Count, Finite, Floats, Names, NotNegative, Percent, Probability, held_to, names, value
from competency_dx.bank import Text
from competency_dx.competencies import conclusion
from competency_dx.competencies.conclusion import OF_EVIDENCE, STATES, STATUSES, Competency, ItemFact, Standards, State, Status
from competency_dx.competencies.population import LeafPopulations
from competency_dx.findings import Finding
from competency_dx.result import Provenance, decode, digest_document, encode

if TYPE_CHECKING:
    from competency_dx.competencies.profile import DeficitProfiles


ANSWERS = ("points", "reasons", "influence")
CONCLUDED = ("state", "strength", "level", *conclusion.NUMBERS, "n_items", "reported_at", "leans_on", "status")
"""Arrays with a cell for each conclusion, in the order of its record."""
OF_BANK = ("items", "competencies", "population")
KEPT = 128
_encoded = lru_cache(maxsize=KEPT)(encode)  # of what profiles of one bank share: most of one person's document; nobody changes it
Unit = Annotated[str | None, held_to(among="competencies.code")]
LevelCode = Annotated[str | None, held_to(among="standards.levels.code")]
CARRIED_BY = "of a competency of several leaves: items that carry what is concluded on it, and what each adds to P(deficit)"
Held = Annotated[tuple[Probability, ...], held_to("misconceptions?")]


class JudgedRecord(TypedDict):
    """What is concluded about a competency, whatever the document."""

    state: State
    p_deficit: Annotated[Probability, "P(percent below the lowest cut)"]
    p_strength: Annotated[Probability, "P(percent above the highest cut)"]
    percent: Annotated[Percent, "expected percent of the reference set"]
    percent_low: Percent
    percent_high: Annotated[Percent, held_to(notBelow="percent_low")]
    theta: float
    se: NotNegative
    own_share: Annotated[Probability, "share of the variance given the other answers that the own answers take away"]
    n_items: Count


class ConclusionRecord(JudgedRecord):
    """What is concluded about one competency of one person."""

    competency: str
    strength: State
    status: Status
    level_probability: Probability
    level: Annotated[LevelCode, "code of the most probable level that the state allows; null where nothing is concluded"]
    leans_on: Annotated[Unit, "competency whose answers move this one most beside its own"]
    reliability: Annotated[float, "PRMSE of the own sum of points"]
    prmse_total: Annotated[float, "PRMSE of the sum of the whole test"]
    prmse: Annotated[float, "PRMSE of the sums of all leaves together"]
    reported_at: Annotated[Unit, "competency whose conclusion is to be read; null when there is none"]
    carriers: NotRequired[Annotated[Mapping[str, Finite], held_to(among="items.item"), CARRIED_BY]]


class AnswersRecord(TypedDict):
    """By item in the order of `items`: points; 0 answered, 1 no evidence, 2 omitted, 3 not reached, 4 unreadable; influence."""

    points: Annotated[tuple[int, ...], held_to("items", minimum=0, maximum=127)]
    reasons: Annotated[tuple[int, ...], held_to("items", minimum=0, maximum=4)]
    influence: Annotated[tuple[Finite, ...], held_to("items"), "P(deficit) of the item's leaf less what it would be without the answer"]


class ProfileRecord(TypedDict):
    """One person."""

    person: str
    background: Mapping[str, str]
    conclusions: Annotated[tuple[ConclusionRecord, ...], held_to(key="competency", each="competencies.code")]
    answers: AnswersRecord
    p_misconception: Annotated[Held, "by misconception in the order of `misconceptions`; null where not estimated"]
    ask_next: Annotated[tuple[str, ...], held_to(uniqueItems=True, among="items.item"), "items to ask next, the most useful first"]


class CurvesRecord(TypedDict):
    """Expected points (items, points of θ) at `theta`."""

    theta: Annotated[tuple[Finite, ...], held_to("Q", uniqueItems=True)]
    expected: Annotated[tuple[tuple[Finite, ...], ...], held_to("items", "Q", minimum=0)]


@value
class Misconception:
    """A misconception that wrong options of the bank tell of."""

    code: str
    title: Text


class SharedRecord(TypedDict):
    """What all persons have in common."""

    bank: Text
    language: Literal["ru", "en"]
    standards: Standards
    rule: conclusion.DeficitRule
    competencies: Annotated[tuple[Competency, ...], held_to(key="code", each="order.competencies", within="parent")]
    items: Annotated[tuple[ItemFact, ...], held_to(key="item", each="order.items")]
    population: LeafPopulations
    misconceptions: Annotated[tuple[Misconception, ...], held_to(key="code", each="order.misconceptions")]
    findings: tuple[Finding, ...]
    provenance: Provenance


class ProfilesRecord(SharedRecord):
    """Deficit profiles of a cohort."""

    curves: CurvesRecord
    profiles: Annotated[tuple[ProfileRecord, ...], held_to(key="person")]


@lru_cache(maxsize=KEPT)
def meanings(competencies: tuple[Competency, ...], standards: Standards, none: str | None) -> Mapping[str, Names]:
    """Return what the whole numbers of conclusions stand for, by array; the last is for -1."""
    levels, codes = [*(level.code for level in standards.levels), none], [*(c.code for c in competencies), none]
    words = {"state": STATES, "strength": STATES, "level": levels, "reported_at": codes, "leans_on": codes, "status": STATUSES}
    return {name: np.array(of, dtype=object) for name, of in words.items()}


def concluded(profiles: "DeficitProfiles", none: str | None, of: slice | int = slice(None)) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of conclusions (…, C) of some persons, words in place of what stands for them."""
    words = meanings(profiles.competencies, profiles.standards, none)
    cells = {name: getattr(profiles, name)[of] for name in CONCLUDED}
    return {name: words[name][x] if name in words else x for name, x in cells.items()}


def document_of(profiles: "DeficitProfiles") -> dict[str, Any]:
    """Return profiles as plain data."""
    shared = {name: (_encoded if name in OF_BANK else encode)(getattr(profiles, name)) for name in get_type_hints(SharedRecord)}
    shared["curves"] = {"theta": encode(profiles.grid), "expected": encode(profiles.curves)}
    columns = {name: encode(x) for name, x in concluded(profiles, None).items()}
    return shared | {"profiles": [_person(profiles, columns, p) for p in range(len(profiles))]}


@lru_cache(maxsize=KEPT)
def digest_of(choice: Hashable) -> str:
    """Return the digest of a rule or of standards."""
    return digest_document(encode(choice))


def by_size(carriers: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Return the items that carry a conclusion, the strongest first whatever their order in a document."""
    return tuple(sorted(carriers.items(), key=lambda move: -abs(move[1])))


def carriers_of(profiles: "DeficitProfiles", p: int) -> list[dict[str, float] | None]:
    """Return by competency the items that carry the conclusion and what they add to P(deficit), None where `influence` tells."""
    if not profiles.carriers.size:
        return [None] * len(profiles.competencies)
    rows, items = zip(profiles.carriers[p].tolist(), profiles.carried[p].tolist(), strict=True), profiles.items
    return [None if at[0] == OF_EVIDENCE else {items[k].item: x for k, x in zip(at, by, strict=True) if k >= 0} for at, by in rows]


def _person(profiles: "DeficitProfiles", columns: Mapping[str, Any], p: int) -> dict[str, Any]:
    rows = zip(profiles.competencies, *(column[p] for column in columns.values()), strict=True)
    return {
        "person": str(profiles.persons[p]),
        "background": {name: str(column[p]) for name, column in profiles.background.items()},
        "conclusions": [
            {"competency": c.code} | dict(zip(columns, row, strict=True)) | ({} if by is None else {"carriers": by})
            for (c, *row), by in zip(rows, carriers_of(profiles, p), strict=True)
        ],
        "answers": {name: encode(getattr(profiles, name)[p]) for name in ANSWERS},
        "p_misconception": encode(profiles.p_misconception[p]) if profiles.misconceptions else [],
        "ask_next": [profiles.items[k].item for k in (profiles.ask_next[p] if len(profiles.ask_next) else ()) if k >= 0],
    }


def fields_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild the fields of `DeficitProfiles` from plain data."""
    fields = {name: decode(hint, document[name], name) for name, hint in get_type_hints(SharedRecord).items()}
    people, words = document["profiles"], meanings(fields["competencies"], fields["standards"], None)
    by_code = ({row["competency"]: row for row in person["conclusions"]} for person in people)
    rows = [found[c.code] for found in by_code for c in fields["competencies"]]
    for name in CONCLUDED:
        place = {word: k for k, word in enumerate(words[name])} | {None: -1} if name in words else {None: np.nan}
        fields[name] = np.array([place.get(row[name], row[name]) for row in rows]).reshape(len(people), len(fields["competencies"]))
    keys = list(people[0]["background"]) if people else []
    fields["background"] = {k: names([person["background"][k] for person in people]) for k in keys}
    fields["persons"] = names([person["person"] for person in people])
    for name in ANSWERS:
        fields[name] = np.array([person["answers"][name] for person in people]).reshape(len(people), len(fields["items"]))
    held = decode(Floats, [person["p_misconception"] for person in people], "p_misconception")
    fields["p_misconception"] = held.reshape(len(people), len(fields["misconceptions"]))
    place = {fact.item: k for k, fact in enumerate(fields["items"])}
    fields["carriers"] = np.full((len(people), len(fields["competencies"]), conclusion.CARRIERS), -1, dtype=np.int16)
    fields["carried"] = np.zeros(fields["carriers"].shape)
    for at, row in zip(np.ndindex(fields["carriers"].shape[:2]), rows, strict=True):
        for n, (item, moved) in enumerate(by_size(row.get("carriers", {}))[: conclusion.CARRIERS]):
            fields["carriers"][at][n], fields["carried"][at][n] = place[item], moved
        fields["carriers"][at] = fields["carriers"][at] if "carriers" in row else OF_EVIDENCE
    asked = [[place[item] for item in person.get("ask_next", ())] for person in people]
    if any(asked):
        fields["ask_next"] = np.array([*zip_longest(*asked, fillvalue=-1)]).T
    curves = {"grid": "theta", "curves": "expected"}
    return fields | {name: decode(Floats, document["curves"][key], f"curves.{key}") for name, key in curves.items()}
