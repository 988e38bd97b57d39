"""What an item shows and carries beside its question: a stimulus, its family, sample answers, its review."""

from __future__ import annotations

import re
from typing import Self
from xml.etree.ElementTree import ParseError, fromstring

from pydantic import Field, model_validator

from competency_dx.bank.document import Document, Text
from competency_dx.errors import BankError

_ACTIVE = re.compile(
    r"<[!?]|<\s*(?:script|foreignObject|iframe|image|use|a)\b|\son\w+\s*=|href|url\(\s*['\"]?(?!#)|@import", re.IGNORECASE
)
"""What a picture may not have: declarations, scripts, links, files from elsewhere."""


class Stimulus(Document):
    """What is shown above the question: a text (the lines of a pupil's work), a table by rows, or a picture described."""

    text: str = ""
    table: tuple[tuple[str, ...], ...] = ()
    svg: str = ""
    alt: Text | None = None

    @model_validator(mode="after")
    def _one_that_everybody_can_read(self) -> Self:
        given = [name for name in ("text", "table", "svg") if getattr(self, name)]
        if len(given) != 1:
            raise BankError("bank.stimulus_one", given=given)
        if len(lengths := {len(row) for row in self.table}) > 1:
            raise BankError("bank.stimulus_table", lengths=sorted(lengths))
        if self.svg and (_ACTIVE.search(self.svg) or not _is_svg(self.svg)):
            raise BankError("bank.stimulus_svg")
        if self.svg and self.alt is None:
            raise BankError("bank.stimulus_alt")
        return self


def _is_svg(text: str) -> bool:
    try:
        return fromstring(text).tag.rpartition("}")[2] == "svg"
    except ParseError:
        return False


class FamilyMember(Document):
    """Which family an item was drawn from, and the seed of the draw."""

    name: str = Field(min_length=1, pattern=r"^\S+$")
    seed: int | None = None


class SampleAnswer(Document):
    """An answer to an open item with the level it earns on each criterion."""

    answer: str = Field(min_length=1)
    marks: dict[str, int] = Field(min_length=1)

    @property
    def total(self) -> int:
        """Return the points it earns."""
        return sum(self.marks.values())


class Review(Document):
    """Who solved the item without its key and with what outcome, what the lay solver got right, what was changed."""

    blind: tuple[str, ...] = ()
    lay_right: int | None = Field(default=None, ge=0)
    lay_runs: int | None = Field(default=None, ge=1)
    changes: tuple[str, ...] = ()
