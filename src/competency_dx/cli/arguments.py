"""The arguments and options the commands share. Declared for typer, which reads the annotations at run time."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from competency_dx.cli.terminal import LanguageCode
from competency_dx.errors import CommandError

if TYPE_CHECKING:
    from competency_dx.responses import Layout


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
OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write into", show_default=False)]
OutFile = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="File to write: .csv .xlsx .json .html", show_default=False)
]
LanguageOption = Annotated[Language, typer.Option("--language", help="Language of messages and reports")]
FromCohort = Annotated[
    bool, typer.Option("--cohort", help="Estimate means, SD and correlations from these persons, not from the bank")
]
RowNumbers = Annotated[
    bool, typer.Option("--row-numbers", help="The table has no person ids: use the numbers of its rows")
]


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
    cells: Annotated[CellContent, typer.Option("--cells", help="Cells hold raw answers or points")] = CellContent.auto,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            "--alias", metavar="NAME=ITEM", help="A heading that stands for an item of the bank; may be repeated"
        ),
    ] = None,
) -> "Layout":
    """Return the layout that the options of a table describe."""
    from competency_dx.responses import Layout

    pairs = [text.rpartition("=") for text in alias or ()]
    if strange := [whole for whole, (name, _, item) in zip(alias or (), pairs, strict=True) if not (name and item)]:
        raise CommandError(f"--alias {strange[0]!r} names no heading and item; write it as --alias 'Вопрос 1=MAT-003'")
    pii: Literal["drop", "refuse"] = "drop" if drop_personal_data else "refuse"
    return Layout(
        person=person,
        form=form,
        sheet=sheet,
        pii=pii,
        attempts=attempts.value,
        cells=cells.value,
        aliases={name.strip(): item.strip() for name, _, item in pairs} or None,
    )


def with_table_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_of_table` in place of its parameter `layout`."""
    signature, options = inspect.signature(command), inspect.signature(_of_table).parameters

    @wraps(command)
    def run(**given: object) -> None:
        table: dict[str, Any] = {name: given.pop(name) for name in options}
        command(layout=_of_table(**table), **given)

    parameters = [p for p in signature.parameters.values() if p.name != "layout"]
    parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in options.values()]
    run.__dict__["__signature__"] = signature.replace(parameters=parameters)  # which typer reads, as it does the next
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
