"""The rules by which a raw answer earns points, as documents; `responses.rules` applies them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from competency_dx.bank.document import Document


class Exact(Document):
    """All or nothing: the answer equals the key."""

    rule: Literal["exact"] = "exact"
    points: int = Field(default=1, ge=1)


class PerElement(Document):
    """One point per right element; in a set, each wrong extra choice costs one point; never below 0."""

    rule: Literal["per_element"]


class OneError(Document):
    """Full points less one per error (a missing, extra, wrong or swapped element), not below 0: the 2/1/0 of exams."""

    rule: Literal["one_error"]
    points: int = Field(default=2, ge=1)


class Tolerance(Document):
    """A number within an absolute or a relative distance of the key (decimals as text, so that nothing is rounded)."""

    rule: Literal["tolerance"] = "tolerance"
    points: int = Field(default=1, ge=1)
    absolute: str = "0"
    relative: str = "0"


class Synonyms(Document):
    """A normalised text equal to one of the key's synonyms or matching the regular expression `pattern` as a whole."""

    rule: Literal["synonyms"] = "synonyms"
    points: int = Field(default=1, ge=1)
    pattern: str | None = None


class CodeMap(Document):
    """Listed answer codes earn the points given; a code listed in none of the two tables is unknown, not wrong.

    `scores` gives points by code; `zero` names further codes that earn nothing.
    """

    rule: Literal["map"]
    scores: dict[str, int]
    zero: tuple[str, ...] = Field(default=())


class Rubric(Document):
    """The sum of the points given by a rater for each criterion."""

    rule: Literal["rubric"] = "rubric"


class Given(Document):
    """The answer is the score itself, an integer from 0 to `points` (questionnaires, tables scored elsewhere)."""

    rule: Literal["given"] = "given"
    points: int = Field(default=1, ge=1)


ScoringRule = Annotated[
    Exact | PerElement | OneError | Tolerance | Synonyms | CodeMap | Rubric | Given, Field(discriminator="rule")
]
