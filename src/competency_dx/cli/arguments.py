"""The arguments and options the commands share. Declared for typer, which reads the annotations at run time."""

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from competency_dx.cli.language import LanguageCode
from competency_dx.errors import CommandError
from competency_dx.wording import toml_content

if TYPE_CHECKING:
    from competency_dx.responses import Layout

Wrapper = Callable[[Callable[..., None]], Callable[..., None]]


class Language(StrEnum):
    """Language of messages and reports."""

    ru = "ru"
    en = "en"

    @property
    def code(self) -> LanguageCode:
        """Return the language as reports take it."""
        return "ru" if self is Language.ru else "en"


ModelName = StrEnum("ModelName", {"Rasch": "Rasch", "TwoPL": "2PL", "PCM": "PCM", "GPCM": "GPCM", "GRM": "GRM"})
PriorsName = StrEnum("PriorsName", {"weak": "weak", "none": "none"})
MethodName = StrEnum("MethodName", {"EAP": "EAP", "MAP": "MAP", "ML": "ML", "WLE": "WLE", "SumScore": "SumScore"})
AttemptChoice = StrEnum("AttemptChoice", {"error": "error", "first": "first", "last": "last", "best": "best"})
BlankIs = StrEnum("BlankIs", ["omitted", "not_reached", "not_administered", "invalid"])
WhereUnreadable = StrEnum("WhereUnreadable", {"refuse": "refuse", "leave_out": "leave_out"})
DimensionsChoice = StrEnum("DimensionsChoice", ["competencies", "clusters"])
OmittedChoice = StrEnum("OmittedChoice", ["incorrect", "ignore", "modelled"])
CellContent = StrEnum("CellContent", {"auto": "auto", "raw": "raw", "scored": "scored"})


def declared(name: str) -> Any:  # noqa: ANN401 - of typer, which reads it from an annotation
    """Return the option or, without a flag, the argument of this name in ``options.toml``."""
    declaration = toml_content("cli", "options")[name]
    facts = {key: fact for key, fact in declaration.items() if key not in {"flag", "ru", "en"}}
    if "flag" in declaration:
        return typer.Option(declaration["flag"], help=declaration["en"], **facts)
    return typer.Argument(help=declaration["en"], **facts)


ResponsesFile = Annotated[Path, declared("responses")]
BankName = Annotated[str, declared("bank")]
BankIfAny = Annotated[str | None, declared("bank_if_any")]
OutIfNamed = Annotated[Path | None, declared("out_if_named")]
OutFolder = Annotated[Path, declared("out_folder")]
OutFile = Annotated[Path, declared("out_file")]
LanguageOption = Annotated[Language, declared("language")]
Omitted = Annotated[OmittedChoice, declared("omitted")]
FromCohort = Annotated[bool, declared("cohort")]
AggregatesOnly = Annotated[bool, declared("aggregates_only")]
RowNumbers = Annotated[bool, declared("row_numbers")]


def _of_table(
    person: Annotated[str | None, declared("person")] = None,
    form: Annotated[str | None, declared("form")] = None,
    sheet: Annotated[str | None, declared("sheet")] = None,
    drop_personal_data: Annotated[bool, declared("drop_personal_data")] = False,
    attempts: Annotated[AttemptChoice, declared("attempts")] = AttemptChoice.error,
    alias: Annotated[list[str] | None, declared("alias")] = None,
) -> dict[str, Any]:
    """Return what the options of a table say of its layout."""
    pairs = [text.rpartition("=") for text in alias or ()]
    if strange := [whole for whole, (name, _, item) in zip(alias or (), pairs, strict=True) if not (name and item)]:
        raise CommandError("cli.alias", alias=strange[0])
    aliases = {name.strip(): item.strip() for name, _, item in pairs} or None
    pii = "drop" if drop_personal_data else "refuse"
    named = {"person": person, "form": form, "sheet": sheet, "aliases": aliases}
    return {**named, "pii": pii, "attempts": attempts.value}


def _of_columns(
    item: Annotated[str | None, declared("item")] = None,
    answer: Annotated[str | None, declared("answer")] = None,
    items: Annotated[str | None, declared("items")] = None,
) -> dict[str, Any]:
    """Return what the options of columns say of a layout."""
    columns = tuple(c.strip() for c in items.split(",")) if items else None
    return {"item": item, "answer": answer, "items": columns}


def _of_cells(
    cells: Annotated[CellContent, declared("cells")] = CellContent.auto,
    blank: Annotated[BlankIs | None, declared("blank")] = None,
    missing: Annotated[str | None, declared("missing")] = None,
    unreadable: Annotated[WhereUnreadable, declared("unreadable")] = WhereUnreadable.refuse,
) -> dict[str, Any]:
    """Return what the options of cells say of a layout."""
    pairs = (code.strip().partition("=") for code in (missing or "").split(",") if code.strip())
    tokens = {code: reason or "blank" for code, _, reason in pairs} | ({"": blank.value} if blank else {})
    return {"cells": cells.value, "unreadable": unreadable.value, "missing_tokens": tokens or None}


def _of_estimation(
    dimensions: Annotated[DimensionsChoice | None, declared("dimensions")] = None,
    anchors: Annotated[bool, declared("anchors")] = False,
    points: Annotated[int | None, declared("points")] = None,
    max_iterations: Annotated[int | None, declared("max_iterations")] = None,
) -> dict[str, Any]:
    """Return what the options of an estimation say."""
    named = {"points": points, "max_iterations": max_iterations}
    limits = {name: n for name, n in named.items() if n is not None}
    return {"dimensions": dimensions and dimensions.value, "anchors": anchors, "limits": limits}


def _layout(**settings: Any) -> "Layout":  # noqa: ANN401 - whatever the options hold
    from competency_dx.responses import Layout

    return Layout(**settings)


class Estimation(NamedTuple):
    """How to calibrate: competencies of the bank, whether its parameters hold, fields of `MarginalML`."""

    dimensions: Literal["competencies", "clusters"] | None = None
    anchors: bool = False
    limits: Mapping[str, int] = MappingProxyType({})


def _with_options(parameter: str, make: Callable[..., object], *parts: Callable[..., dict[str, Any]]) -> Wrapper:
    """Return what gives a command the options of `parts` in place of a parameter, which is made of what they say."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature, groups = inspect.signature(command), [(p, inspect.signature(p).parameters) for p in parts]

        @wraps(command)
        def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options hold
            settings: dict[str, Any] = {}
            for part, options in groups:
                settings |= part(**{name: given.pop(name) for name in options})
            command(**{parameter: make(**settings)}, **given)

        parameters = [p for p in signature.parameters.values() if p.name != parameter]
        parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for _, group in groups for p in group.values()]
        run.__dict__["__signature__"] = signature.replace(parameters=parameters)  # which typer reads, as it does the next
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


with_table_options = _with_options("layout", _layout, _of_table, _of_columns, _of_cells)
with_estimation_options = _with_options("estimation", Estimation, _of_estimation)
