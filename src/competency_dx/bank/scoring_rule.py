"""The rules by which a raw answer earns points, as documents; `responses.rules` applies them."""

import re
from math import inf
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank.document import Document
from competency_dx.errors import BankError
from competency_dx.wording import toml_content

MOST_WAYS = 1_000_000
LONGEST_PATTERN = 2000
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?:|\{\d*,?\d*\}|.", re.DOTALL)


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
    """A number within an absolute or a relative distance of the key (decimals as text, so that nothing is rounded).

    A `number` is written as ``12.5``, ``12,5``, ``25/2``, ``1 250`` or ``1e-3`` here and in keys.
    """

    number: ClassVar = re.compile(toml_content("bank", "patterns")["number"])
    rule: Literal["tolerance"] = "tolerance"
    points: int = Field(default=1, ge=1)
    absolute: str = "0"
    relative: str = "0"

    @model_validator(mode="after")
    def _is_of_numbers(self) -> Self:
        if bad := [t for t in (self.absolute, self.relative) if not self.number.fullmatch(t) or t[0] in "-−–"]:
            raise BankError("bank.tolerance_number", words=bad[0])
        return self


class Synonyms(Document):
    """A normalised text equal to one of the key's synonyms or matching the regular expression `pattern` as a whole.

    Answers of more than `longest` signs match no pattern, and a pattern whose matching could take long is refused: no part in
    brackets may be repeated.
    """

    longest: ClassVar[int] = 200
    rule: Literal["synonyms"] = "synonyms"
    points: int = Field(default=1, ge=1)
    pattern: str | None = None

    @model_validator(mode="after")
    def _matched_in_time(self) -> Self:
        if self.pattern and (len(self.pattern) > LONGEST_PATTERN or _ways(self.pattern) > MOST_WAYS):
            raise BankError("bank.pattern", pattern=self.pattern)
        try:
            re.compile((self.pattern or "").replace("ё", "е"), re.IGNORECASE)
        except (re.error, OverflowError, RecursionError, Warning) as fault:
            raise BankError("bank.pattern_syntax", pattern=self.pattern, fault=fault) from None
        return self


def _ways(pattern: str) -> float:
    """Return a bound of the ways in which a pattern can be laid on an answer, which is what matching may have to try."""
    ways, branches, before = 1.0, [1], ""
    for token in _TOKEN.findall(pattern):
        repeated = {"*": (0, Synonyms.longest), "+": (1, Synonyms.longest), "?": (0, 1)}.get(token)
        if token.startswith("{") and token.endswith("}"):
            low, comma, high = token[1:-1].partition(",")
            repeated = (int(low or 0), int(high or Synonyms.longest) if comma else int(low or 0))
        if repeated is not None:
            if before == "(" or (before == ")" and repeated[1] > 1):
                return inf
            ways *= 1 if before in {"*", "+", "?", "}"} else 1 + max(repeated[1] - repeated[0], 0)
        elif token in {"(", "(?:"}:
            branches.append(1)
        elif token == "|":
            branches[-1] += 1
        elif token == ")" and len(branches) > 1:
            ways *= branches.pop()
        elif re.fullmatch(r"\\[1-9]", token):  # a reference to a group
            return inf
        before = "}" if repeated is not None and token.startswith("{") else token
    return ways * branches[0]


class CodeMap(Document):
    """Listed answer codes earn the points given; a code listed in none of the two tables is unknown, not wrong.

    `scores` gives points by code; `zero` names further codes that earn nothing.
    """

    rule: Literal["map"]
    scores: dict[str, Annotated[int, Field(ge=0)]]
    zero: tuple[str, ...] = Field(default=())


class Rubric(Document):
    """The sum of the points given by a rater for each criterion."""

    rule: Literal["rubric"] = "rubric"


class Given(Document):
    """The answer is the score itself, an integer from 0 to `points` (questionnaires, tables scored elsewhere)."""

    rule: Literal["given"] = "given"
    points: int = Field(default=1, ge=1)


ScoringRule = Annotated[Exact | PerElement | OneError | Tolerance | Synonyms | CodeMap | Rubric | Given, Field(discriminator="rule")]
