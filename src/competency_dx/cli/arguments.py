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

ResponsesFile = Annotated[
    Path,
    typer.Argument(
        metavar="RESPONSES", help="Table of answers: .csv .tsv .xlsx .parquet .json .jsonl", show_default=False
    ),
]
BankName = Annotated[
    str, typer.Option("--bank", metavar="BANK", help="Shipped bank by name, or folder of a bank", show_default=False)
]
BankIfAny = Annotated[
    str | None,
    typer.Option("--bank", metavar="BANK", help="Bank with the keys [default: the table holds points]"),
]
OutIfNamed = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER_OR_FILE", help="Where to write [default: <table>-items]"),
]
OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write into", show_default=False)]
OutFile = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="File to write: .csv .xlsx .json .html", show_default=False)
]
LanguageOption = Annotated[Language, typer.Option("--language", help="Language of messages and reports")]
Omitted = Annotated[OmittedChoice, typer.Option("--omitted", help="How omitted answers count")]
FromCohort = Annotated[
    bool, typer.Option("--cohort", help="Estimate means, SD and correlations from these persons, not from the bank")
]
AggregatesOnly = Annotated[
    bool,
    typer.Option("--aggregates-only", help="Cohort and groups of ten persons or more; nothing about single persons"),
]
RowNumbers = Annotated[
    bool, typer.Option("--row-numbers", help="The table has no person ids: use the numbers of its rows")
]


def shown(aggregates_only: bool) -> Literal["persons", "aggregates"]:
    """Return what a report shows."""
    return "aggregates" if aggregates_only else "persons"


def _of_table(
    person: Annotated[
        str | None, typer.Option("--person", metavar="COLUMN", help="Column of person ids [default: found by name]")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--form", metavar="COLUMN", help="Column of forms [default: found by name]")
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", metavar="SHEET", help="Sheet of a workbook")] = None,
    drop_personal_data: Annotated[
        bool,
        typer.Option("--drop-personal-data", help="Leave out columns with names, e-mails, phones instead of refusing"),
    ] = False,
    attempts: Annotated[
        AttemptChoice, typer.Option("--attempts", help="Which attempt counts of a person with several")
    ] = AttemptChoice.error,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            "--alias", metavar="NAME=ITEM", help="A heading that stands for an item of the bank; may be repeated"
        ),
    ] = None,
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
    item: Annotated[
        str | None,
        typer.Option("--item", metavar="COLUMN", help="Column of items of a long table [default: found by name]"),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="COLUMN", help="Column of answers of a long table [default: found by name]"),
    ] = None,
    items: Annotated[
        str | None,
        typer.Option("--items", metavar="COLUMNS", help="Columns that are items: Q1,Q2 [default: found by name]"),
    ] = None,
) -> dict[str, Any]:
    """Return what the options of columns say of a layout."""
    columns = tuple(c.strip() for c in items.split(",")) if items else None
    return {"item": item, "answer": answer, "items": columns}


def _of_cells(
    cells: Annotated[CellContent, typer.Option("--cells", help="Cells hold raw answers or points")] = CellContent.auto,
    blank: Annotated[
        BlankIs | None,
        typer.Option("--blank", help="What an empty cell is [default: by the form, without one not_administered]"),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            "--missing", metavar="CODES", help='Codes of missing answers: "9,99", or with what they are: "9=omitted"'
        ),
    ] = None,
    unreadable: Annotated[
        WhereUnreadable, typer.Option("--unreadable", help="Columns in which many cells cannot be read")
    ] = WhereUnreadable.refuse,
) -> dict[str, Any]:
    """Return what the options of cells say of a layout."""
    pairs = (code.strip().partition("=") for code in (missing or "").split(",") if code.strip())
    tokens = {code: reason or "blank" for code, _, reason in pairs} | ({"": blank.value} if blank else {})
    return {"cells": cells.value, "unreadable": unreadable.value, "missing_tokens": tokens or None}


def _of_estimation(
    dimensions: Annotated[
        DimensionsChoice | None,
        typer.Option("--dimensions", help="Calibrate each competency or cluster of the bank [default: one scale]"),
    ] = None,
    anchors: Annotated[
        bool, typer.Option("--anchors", help="Hold the parameters that items of the bank have: the scale stays")
    ] = False,
    points: Annotated[int | None, typer.Option("--points", help="Points of the grid [default: 61]")] = None,
    max_iterations: Annotated[
        int | None, typer.Option("--max-iterations", help="Most steps of the estimation [default: 500]")
    ] = None,
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
        run.__dict__["__signature__"] = signature.replace(
            parameters=parameters
        )  # which typer reads, as it does the next
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


with_table_options = _with_options("layout", _layout, _of_table, _of_columns, _of_cells)
with_estimation_options = _with_options("estimation", Estimation, _of_estimation)
