"""The base of every document read from outside: strict, frozen, with faults told by path."""

import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from competency_dx.arrays import FrozenDict
from competency_dx.checking import LARGEST
from competency_dx.errors import LANGUAGES, BankError, Verbatim, has_sentence, phrase
from competency_dx.personal_data import hidden_text
from competency_dx.wording import toml_content

SHOWN_FAULTS = 5
D = TypeVar("D", bound="Document")
Place = Callable[[Sequence[object]], str | Mapping[str, str]]


class Document(BaseModel):
    """A frozen document: unknown fields are errors, text is never made out of numbers.

    `later` names the fields that the first schema did not have: where they are empty they are not written, so that the digest
    stays what it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    later: ClassVar[tuple[str, ...]] = ()

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401, ARG002 - signature of pydantic
        """Freeze mappings too: a document is shared by all who load it."""
        for name, item in self.__dict__.items():
            if type(item) is dict:
                self.__dict__[name] = FrozenDict(item)
            parts = item.values() if type(item) is dict else item if type(item) is tuple else (item,)
            if far := [x for x in parts if isinstance(x, int | float) and not abs(x) <= LARGEST]:
                raise BankError("bank.number_far", name=name, far=f"{far[0]}"[:20], largest=LARGEST)

    @model_serializer(mode="wrap")
    def _without_empty_later_fields(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: v for name, v in written(self).items() if name not in self.later or getattr(self, name)}


class Text(Document):
    """A sentence in Russian and, where it exists, English."""

    ru: str
    en: str | None = None

    def text(self, language: str) -> str:
        """Return the text in the language asked for; Russian stands in for a missing translation."""
        return self.en if language == "en" and self.en else self.ru


def fault_sentence(fault: Mapping[str, Any], place: str | Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with a field in both languages, which call it by its place; ``faults.toml`` says what was expected."""
    given, facts = fault.get("input"), dict(fault.get("ctx", {}))
    kind = toml_content("bank", "faults").get(fault["type"], fault["type"])
    if kind == "string_type" and isinstance(given, int | float | date):
        kind, given = ("text_from_date", str(given)) if isinstance(given, date) else ("text_from_number", given)
    if isinstance(given, list | dict):  # of which references may make very much
        given = Verbatim(hidden_text(reprlib.repr(given)))
    if kind == "literal_error":
        facts["expected_ru"] = facts["expected"].replace(" or ", " или ")
    if kind == "union_tag":
        facts["expected_tags"] = re.findall(r"'(\w+)'", str(facts.get("expected_tags", "")))
    code = f"bank.field_{kind}"
    return phrase(code if has_sentence(code) else "bank.field_other", place=place, given=given, **facts)


def parse(kind: type[D], data: object, source: str | Mapping[str, str], place: Place | None = None) -> D:
    """Validate plain data as a document; raises `BankError` with one sentence and path (``items[3].key``) per fault, five at most."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        every = error.errors(include_url=False)
        above = {f["loc"][:n] for f in every for n in range(len(f["loc"]))}
        found = [f for f in every if f["type"] != "too_short" or f["loc"] not in above]  # pydantic counts no entries with faults
        named = ((f, tuple(part for part in f["loc"] if "[" not in str(part))) for f in found[:SHOWN_FAULTS])  # no "tuple[str, ...]"
        faults = [fault_sentence(f, (place or _path)(loc)) for f, loc in named]
        more = phrase("bank.more_faults", n=len(found) - SHOWN_FAULTS) if len(found) > SHOWN_FAULTS else {}
        told = {at: "; ".join(f[at] for f in faults) + more.get(at, "") for at in LANGUAGES}
        raise BankError("bank.document", source=source, faults=told) from None


def _path(loc: Sequence[object]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".") or "(document)"
