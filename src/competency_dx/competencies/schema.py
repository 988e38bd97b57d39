"""The published JSON Schema of deficit profiles, version 1; `document.py` writes what it describes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from competency_dx.bank import Document, Text

Share = float | None


class _Closed(Document):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LevelDocument(_Closed):
    """One level of the standards."""

    code: str
    title: Text
    route: Text


class StandardsDocument(_Closed):
    """Cuts on the percent scale and the levels between them."""

    id: str
    cuts: list[float]
    levels: list[LevelDocument]
    boundaries: list[Literal["upper", "lower"]]
    source: Text


class MissingDocument(_Closed):
    """What was done with missing answers."""

    omitted: Literal["ignore", "incorrect"]
    not_reached: Literal["ignore", "incorrect"]
    invalid: Literal["ignore", "incorrect"]
    not_administered: Literal["ignore", "incorrect"]


class RuleDocument(_Closed):
    """Thresholds of the states and of what may be reported."""

    confirmed: float
    likely: float
    indeterminate: float
    reliability: float
    min_items: int
    added_value: float
    min_cohort: int
    interval: float
    missing: MissingDocument


class CompetencyDocument(_Closed):
    """A reporting unit."""

    code: str
    title: Text
    kind: Literal["category", "cluster", "domain", "topic"]
    parent: str | None
    n_items: int
    reference_points: int


class ItemDocument(_Closed):
    """An item as a report may show it: never its key."""

    item: str
    title: Text
    topics: list[str]
    competencies: list[str]
    max_score: int
    difficulty: float | None = Field(description="θ at which half the points are expected")
    status: str


class ConclusionDocument(_Closed):
    """What is concluded about one competency of one person."""

    competency: str
    state: Literal["confirmed", "likely", "indeterminate", "not_found", "insufficient_data"]
    strength: Literal["confirmed", "likely", "indeterminate", "not_found", "insufficient_data"]
    level: str | None = Field(description="code of the level; null where nothing may be reported")
    p_deficit: Share = Field(description="P(percent below the lowest cut)")
    p_strength: Share = Field(description="P(percent above the highest cut)")
    percent: Share = Field(description="expected percent of the reference set")
    percent_low: Share
    percent_high: Share
    theta: Share
    se: Share
    reliability: Share
    prmse: Share = Field(description="PRMSE of the own score; null where the cohort is too small to tell")
    n_items: int
    reported_at: str | None = Field(description="competency whose conclusion is to be read; null when there is none")
    status: Literal["reported", "no_items", "too_few_items", "low_reliability", "no_added_value"]


class AnswersDocument(_Closed):
    """Points by item in the order of `items`, and 0 answered, 1 no evidence, 2 omitted, 3 not reached, 4 invalid."""

    points: list[int]
    reasons: list[int]


class ProfileDocument(_Closed):
    """One person."""

    person: str
    background: dict[str, str]
    conclusions: list[ConclusionDocument]
    answers: AnswersDocument


class CurvesDocument(_Closed):
    """Expected points (items, points of θ) at `theta`."""

    theta: list[float]
    expected: list[list[float]]


class FindingDocument(_Closed):
    """Something to know about the result."""

    code: str
    severity: Literal["info", "warning", "error"]
    ru: str
    en: str
    scope: list[str]
    facts: dict[str, Any] | None = None


class ProvenanceDocument(_Closed):
    """How the result was made."""

    verb: str
    library: str
    inputs: dict[str, str]
    settings: dict[str, str]


class ProfilesDocument(_Closed):
    """Deficit profiles of a cohort, schema version 1."""

    kind: Literal["deficit_profiles"]
    schema_version: Literal[1]
    bank: Text
    language: Literal["ru", "en"]
    standards: StandardsDocument
    rule: RuleDocument
    competencies: list[CompetencyDocument]
    items: list[ItemDocument]
    findings: list[FindingDocument]
    provenance: ProvenanceDocument
    curves: CurvesDocument
    profiles: list[ProfileDocument]


def profiles_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every document of deficit profiles satisfies."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "competency_dx deficit profiles 1"}
    return ProfilesDocument.model_json_schema() | head
