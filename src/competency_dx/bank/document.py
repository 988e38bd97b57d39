"""The base of every document read from outside: strict, frozen, with faults told by path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from competency_dx.arrays import FrozenDict
from competency_dx.errors import BankError

SHOWN_FAULTS = 5

D = TypeVar("D", bound="Document")


class Document(BaseModel):
    """A frozen document: unknown fields are errors, text is never made out of numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401, ARG002 - signature of pydantic
        """Freeze mappings too: a document is shared by all who load it."""
        for name, item in self.__dict__.items():
            if type(item) is dict:
                self.__dict__[name] = FrozenDict(item)


class Text(Document):
    """A sentence in Russian and, where it exists, English."""

    ru: str
    en: str | None = None

    def text(self, language: str) -> str:
        """Return the text in the language asked for; Russian stands in for a missing translation."""
        return self.en if language == "en" and self.en else self.ru


def _place(location: tuple[int | str, ...]) -> str:
    out = ""
    for part in location:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else str(part)
    return out or "(document)"


def _sentence(fault: Mapping[str, Any]) -> str:
    place, given = _place(tuple(fault["loc"])), fault.get("input")
    if fault["type"] == "string_type":
        remedy = (
            "a number must stand in quotes, or leading zeros and decimal places are lost"
            if isinstance(given, int | float)
            else "expected text"
        )
        return f"{place} is {given!r}: {remedy}"
    if fault["type"] == "extra_forbidden":
        return f"{place} is not a field of the format: correct its name or remove it"
    if fault["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}"


def parse(kind: type[D], data: object, source: str) -> D:
    """Validate plain data as a document; every fault is named by its path, for example ``items[3].key``.

    Raises
    ------
    BankError
        With one sentence per fault, five at most.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        faults = [_sentence(f) for f in error.errors(include_url=False)]
        more = f" (and {len(faults) - SHOWN_FAULTS} more)" if len(faults) > SHOWN_FAULTS else ""
        raise BankError(f"{source}: {'; '.join(faults[:SHOWN_FAULTS])}{more}") from None
