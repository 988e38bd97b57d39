"""The profile of one person: what is concluded, and a document of its own that refers to bank, rule and framework by digest."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, NotRequired, Self, TypedDict

from competency_dx.arrays import Count, Finite, FrozenDict, Ids, NotNegative, Probability, held_to, value
from competency_dx.bank import Text
from competency_dx.competencies import conclusion
from competency_dx.competencies.conclusion import Competency, Conclusion, Evidence, ItemFact, State, Status, UnitKind
from competency_dx.competencies.profile_document import CARRIED_BY, JudgedRecord, Misconception, by_size
from competency_dx.display import result_words
from competency_dx.errors import DiagnosisError, DocumentError
from competency_dx.findings import Finding, worth_a_line
from competency_dx.result import JsonDocument, Provenance, decode, digest_text, encode

Standing = Literal["draft", "final", "amended", "withdrawn"]
AS_THEY_ARE = ("person", "background", "language", "status", "standing", "issued", "supersedes")
DECIMALS = FrozenDict(percent=1, percent_low=1, percent_high=1, theta=2, se=2, own_share=3)
OF_THE_PERSON = ("p_deficit", "p_strength", *DECIMALS, "level_probability")
CONCLUDED = ("state", "strength", "level", *OF_THE_PERSON, "n_items", "leans_on", "reported_at", "status")
USUAL: Mapping[str, Any] = FrozenDict(
    {"kind": "domain", "strength": "insufficient_data", "status": "reported", "evidence": {}}
    | dict.fromkeys(("level", "level_probability", "leans_on"))
)
EVIDENCE = "by item, at the narrowest competency: points, of how many, expected, added to P(deficit), how treated if not answered"
EvidenceRow = tuple[Count, Count, NotNegative, Finite, Literal["answered", "omitted", "not_reached", "invalid"]]
Unit = Annotated[str | None, held_to(among="conclusions")]


class PersonConclusionRecord(JudgedRecord):
    """What is concluded about one competency; why it is reported where it is, `reasons` say in words.

    What is as its `default` says is left out; `reported_at` is then the competency itself, `parent` the code up to its last point.
    """

    title: str
    kind: NotRequired[Annotated[UnitKind, held_to(default=USUAL["kind"])]]
    parent: NotRequired[str | None]
    strength: NotRequired[Annotated[State, held_to(default=USUAL["strength"])]]
    level: NotRequired[Annotated[str | None, held_to(default=None)]]
    level_probability: NotRequired[Annotated[Probability, held_to(default=None)]]
    leans_on: NotRequired[Annotated[Unit, held_to(default=None)]]
    reported_at: NotRequired[Unit]
    status: NotRequired[Annotated[Status, held_to(default=USUAL["status"])]]
    evidence: NotRequired[Annotated[Mapping[str, Annotated[EvidenceRow, held_to(minItems=4)]], EVIDENCE]]
    evidence_text: Annotated[str, "the evidence of the competency and of all below it in a sentence"]
    carriers: NotRequired[Annotated[Mapping[str, Finite], CARRIED_BY]]


@value
class HeldMisconception:
    """How probable it is that a person holds a misconception."""

    misconception: Misconception
    probability: float


class HeldRecord(TypedDict):
    """How probable it is that the person holds a misconception."""

    misconception: str
    title: str
    probability: Probability


class PersonRecord(TypedDict):
    """The profile of one person; sentences are in `language`, per cents have one decimal, θ and points two, others three or four."""

    person: str
    background: Mapping[str, str]
    language: Literal["ru", "en"]
    status: Literal["scored", "no_responses"]
    standing: Annotated[Standing, "draft until it is issued"]
    issued: Annotated[str | None, "ISO 8601 date or time; null while it is a draft"]
    supersedes: Annotated[str | None, "digest of the profile that this one takes the place of"]
    conclusions: Annotated[Mapping[str, PersonConclusionRecord], "by competency"]
    reasons: Annotated[Mapping[Status, str], "why nothing is concluded at a competency of this status, in words"]
    misconceptions: Annotated[tuple[HeldRecord, ...], held_to(key="misconception")]
    ask_next: Annotated[Ids, "items to ask next, the most useful first"]
    findings: tuple[Finding, ...]
    provenance: Annotated[Provenance, "bank, framework, rule, standards, population and own answers by digest"]


@value
class Profile(JsonDocument):
    """Everything concluded about one person; `findings` are what is to be known of this person's answers.

    `to_json` writes it without the others, in at most 12 KB for a form: bank, framework, rule and standards by digest, reasons
    and evidence as codes and as sentences of `language`. What stands in the bank alone (titles and topics of items, titles in the
    other language) does not come back from the document. `standing` is ``"draft"`` until `issue` gives it a date.
    """

    schema_version: ClassVar[int] = 4
    person: str
    background: Mapping[str, str]
    conclusions: tuple[Conclusion, ...]
    misconceptions: tuple[HeldMisconception, ...]
    ask_next: tuple[ItemFact, ...]
    language: str
    status: str
    findings: tuple[Finding, ...]
    provenance: Provenance
    standing: Standing = "draft"
    issued: str | None = None
    supersedes: str | None = None

    def __getitem__(self, code: str) -> Conclusion:
        codes = [c.competency.code for c in self.conclusions]
        if code not in codes:
            raise DiagnosisError("competencies.profile_no_competency", person=self.person, name=code, conclusions=codes)
        return self.conclusions[codes.index(code)]

    @property
    def deficits(self) -> tuple[Conclusion, ...]:
        """Return confirmed and likely deficits, the surest first."""
        return tuple(sorted((c for c in self.conclusions if c.state in {"confirmed", "likely"}), key=lambda c: -c.p_deficit))

    @property
    def strengths(self) -> tuple[Conclusion, ...]:
        """Return confirmed and likely strengths, the surest first."""
        return tuple(sorted((c for c in self.conclusions if c.strength in {"confirmed", "likely"}), key=lambda c: -c.p_strength))

    @property
    def expected_false_share(self) -> float:
        """Return the expected share of false ones among the confirmed deficits, NaN where there is none."""
        confirmed = [1 - c.p_deficit for c in self.conclusions if c.state == "confirmed"]
        return sum(confirmed) / len(confirmed) if confirmed else float("nan")

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the document, which `supersedes` of a later one names."""
        return digest_text(self.to_json())

    def issue(self, on: date | str, *, standing: Standing = "final", supersedes: "Profile | None" = None) -> Self:
        """Return the profile as issued on a day, or at a time, and in the place of which earlier one.

        Raises `DiagnosisError` when that is no ISO 8601 date or time, or the earlier profile is another person's.
        """
        day = on.isoformat() if isinstance(on, date) else str(on)
        try:
            datetime.fromisoformat(day)
        except ValueError:
            raise DiagnosisError("competencies.issued", given=day) from None
        if supersedes is not None and supersedes.person != self.person:
            raise DiagnosisError("competencies.supersedes_another", person=self.person, other=supersedes.person)
        return replace(self, issued=day, standing=standing, supersedes=supersedes.digest if supersedes else None)

    def __str__(self) -> str:
        rows = [
            f"{c.competency.code:<12} {c.state:<18} P(deficit) {c.p_deficit:.2f}  "
            f"{c.percent:3.0f} % [{c.percent_low:.0f}; {c.percent_high:.0f}]"
            for c in self.conclusions
        ]
        return "\n".join([f"Profile of {self.person}", *rows, *worth_a_line(self.findings)])

    @classmethod
    def _document_type(cls) -> type:
        return PersonRecord

    def _document(self) -> dict[str, Any]:
        held = [(x.misconception.code, x.misconception.title.text(self.language), _short(x.probability)) for x in self.misconceptions]
        return {name: getattr(self, name) for name in AS_THEY_ARE} | {
            "background": dict(self.background),
            "conclusions": dict(self._conclusions()),
            "reasons": {c.status: c.reason.text(self.language).split(conclusion.SEE)[0] for c in self.conclusions if c.reason.ru},
            "misconceptions": [dict(zip(HeldRecord.__annotations__, row, strict=True)) for row in held],
            "ask_next": [fact.item for fact in self.ask_next],
            "findings": encode(self.findings),
            "provenance": encode(self.provenance),
        }

    def _conclusions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        below: dict[str | None, set[str]] = {}
        for c in self.conclusions:
            below.setdefault(c.competency.parent, set()).update(e.item for e in c.evidence)
        for c in self.conclusions:
            unit, deeper = c.competency, below.get(c.competency.code, set())
            earned = {"points": sum(e.points for e in c.evidence), "most": sum(e.max_score for e in c.evidence)}
            row: dict[str, Any] = {"title": unit.title.text(self.language), "kind": unit.kind, "parent": unit.parent}
            row |= {name: None if (x := getattr(c, name)) == "" else x for name in CONCLUDED}
            row |= {name: _short(row[name], DECIMALS.get(name, 4)) for name in OF_THE_PERSON}
            own = [e for e in c.evidence if e.item not in deeper]
            given = {e.item: [e.points, e.max_score, _short(e.expected, 2), _short(e.influence, 3), e.treated_as] for e in own}
            row["evidence"] = {item: told[:-1] if told[-1] == "answered" else told for item, told in given.items()}
            if len(own) < len(c.evidence):
                row["carriers"] = {item: _short(moved, 3) for item, moved in c.carriers}
            row["evidence_text"] = _earned(self.language, **earned)
            usual = _usual(unit.code)
            yield unit.code, {name: x for name, x in row.items() if x != usual.get(name, ...)}

    @classmethod
    def _from_document(cls, document: Mapping[str, Any]) -> Self:
        language, rows = document["language"], {code: _usual(code) | row for code, row in document["conclusions"].items()}
        evidence: dict[str, dict[str, Evidence]] = {code: {} for code in rows}
        for code, row in rows.items():
            answers = {item: _evidence(item, e) for item, e in row["evidence"].items()}
            for above in _lineage(code, rows):
                evidence[above] |= {i: e for i, e in answers.items() if i not in evidence[above]}
        held = ((m, Misconception(code=m["misconception"], title=_text(m["title"], language))) for m in document["misconceptions"])
        blank: dict[str, Any] = {"topics": (), "competencies": (), "max_score": 0, "difficulty": math.nan, "status": ""}
        return cls(
            **{name: document[name] for name in AS_THEY_ARE},
            conclusions=tuple(_conclusion(code, {**document, "conclusions": rows}, tuple(evidence[code].values())) for code in rows),
            misconceptions=tuple(HeldMisconception(misconception=x, probability=_number(m["probability"])) for m, x in held),
            ask_next=tuple(ItemFact(item=item, title=Text(ru=item), **blank) for item in document["ask_next"]),
            findings=decode(tuple[Finding, ...], document["findings"], "profile.findings"),
            provenance=decode(Provenance, document["provenance"], "profile.provenance"),
        )


@lru_cache(maxsize=4096)
def _earned(language: str, **earned: float) -> str:
    """Return the sentence of what a person earned; few are different, and each takes its time."""
    return result_words("competencies", language)("evidence", **earned)


def _usual(code: str) -> dict[str, Any]:
    """Return what a conclusion about a competency has where its document does not say."""
    return {**USUAL, "reported_at": code, "parent": code.rpartition(".")[0] or None}


def _short(number: float, decimals: int = 4) -> float | None:
    return round(number, decimals) + 0.0 if math.isfinite(number) else None


def _number(number: float | None) -> float:
    return math.nan if number is None else float(number)


def _text(text: str, language: str) -> Text:
    return Text(ru=text, en=text if language == "en" else None)


def _evidence(item: str, row: Sequence[Any]) -> Evidence:
    points, most, expected, influence, *treated = row
    given = {"points": points, "max_score": most, "expected": _number(expected), "influence": float(influence)}
    return Evidence(item=item, title=Text(ru=item), topics=(), treated_as=treated[0] if treated else "answered", **given)


def _lineage(code: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a competency and those above it."""
    out = [code]
    while (parent := rows[out[-1]]["parent"]) in rows:
        if parent in out:
            raise DocumentError("competencies.circle", where=f"profile.conclusions[{parent}].parent", circle=out)
        out.append(parent)
    return out


def _conclusion(code: str, document: Mapping[str, Any], evidence: tuple[Evidence, ...]) -> Conclusion:
    language, row = document["language"], document["conclusions"][code]
    title, why = _text(row["title"], language), _text(document["reasons"].get(row["status"], ""), language)
    unit = Competency(code=code, title=title, kind=row["kind"], parent=row["parent"], n_items=0, reference_points=0)
    kept: dict[str, Any] = {name: "" if row[name] is None else row[name] for name in CONCLUDED}
    kept |= {name: _number(row.get(name)) for name in conclusion.NUMBERS}
    by = by_size(row["carriers"]) if "carriers" in row else conclusion.strongest(evidence, row["p_deficit"])
    return Conclusion(competency=unit, reason=why, evidence=evidence, carriers=by, **kept)
