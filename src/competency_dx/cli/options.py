"""The options the commands share, and how a table is laid out according to them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from competency_dx.cli.terminal import LanguageCode
from competency_dx.responses import Layout


class Language(StrEnum):
    """Language of messages and reports."""

    ru = "ru"
    en = "en"

    @property
    def code(self) -> LanguageCode:
        """Return the language as reports take it."""
        return "ru" if self is Language.ru else "en"


class Model(StrEnum):
    """Families that `calibrate` offers."""

    Rasch = "Rasch"
    TwoPL = "2PL"
    PCM = "PCM"
    GPCM = "GPCM"
    GRM = "GRM"


class PriorsName(StrEnum):
    """What stands beside the data in a calibration."""

    weak = "weak"
    none = "none"


class MethodName(StrEnum):
    """Ways to score."""

    EAP = "EAP"
    MAP = "MAP"
    ML = "ML"
    WLE = "WLE"
    SumScore = "SumScore"


class Attempts(StrEnum):
    """Which attempt counts where a person has several."""

    error = "error"
    first = "first"
    last = "last"
    best = "best"


class Cells(StrEnum):
    """What the cells of a table hold."""

    auto = "auto"
    raw = "raw"
    scored = "scored"


ResponsesFile = Annotated[
    Path,
    typer.Argument(metavar="RESPONSES", help="Table of answers: .csv .tsv .xlsx .parquet .json", show_default=False),
]
BankName = Annotated[
    str, typer.Option("--bank", metavar="BANK", help="Shipped bank by name, or folder of a bank", show_default=False)
]
OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to write into", show_default=False)]
OutFile = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="File to write: .csv .xlsx .json .html", show_default=False)
]
LanguageOption = Annotated[Language, typer.Option("--language", help="Language of messages and reports")]
PersonColumn = Annotated[
    str | None, typer.Option("--person", metavar="COLUMN", help="Column of person ids [default: found by name]")
]
FormColumn = Annotated[
    str | None, typer.Option("--form", metavar="COLUMN", help="Column of forms [default: found by name]")
]
SheetName = Annotated[str | None, typer.Option("--sheet", metavar="SHEET", help="Sheet of a workbook")]
DropPersonal = Annotated[
    bool, typer.Option("--drop-personal-data", help="Leave out columns with names, e-mails, phones instead of refusing")
]
RowNumbers = Annotated[
    bool, typer.Option("--row-numbers", help="The table has no person ids: use the numbers of its rows")
]


AttemptsOption = Annotated[Attempts, typer.Option("--attempts", help="Which attempt counts of a person with several")]
CellsOption = Annotated[Cells, typer.Option("--cells", help="Cells hold raw answers or points")]


def layout_of(
    person: str | None, form: str | None, sheet: str | None, drop: bool, read_as: tuple[Attempts, Cells]
) -> Layout:
    """Return the layout that the options describe."""
    attempts, cells = read_as
    pii: Literal["drop", "refuse"] = "drop" if drop else "refuse"
    return Layout(person=person, form=form, sheet=sheet, pii=pii, attempts=attempts.value, cells=cells.value)
