"""The commands of the workbook in which a bank is written: template, out of it, into it. Declared for typer, as in `app`."""

from pathlib import Path
from typing import Annotated

import typer

from competency_dx.cli import arguments
from competency_dx.cli.arguments import Language
from competency_dx.cli.terminal import Terminal
from competency_dx.errors import BankError

BAD_INPUT = 2  # exit code
NewBook = Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="Workbook to write: .xlsx", show_default=False)]


def add_workbook_commands(app: typer.Typer) -> None:
    """Give the commands of banks those of their workbooks."""
    app.command(short_help="Empty workbook for a new bank")(template)
    app.command("from-xlsx", short_help="Bank out of a workbook")(from_xlsx)
    app.command("to-xlsx", short_help="Bank as a workbook")(to_xlsx)


def template(
    file: NewBook,
    *,
    subject: Annotated[
        str,
        typer.Option(
            "--subject", metavar="CODE", help="Code of the subject, such as MAT [default: competencies of all]"
        ),
    ] = "",
    language: arguments.LanguageOption = Language.ru,
) -> None:
    """Write an empty workbook for a new bank: sheets, lists to choose from, an example of each type."""
    from competency_dx.bank import save_bank_template

    Terminal(language=language.code).result(save_bank_template(file, subject=subject, language=language.code))


def from_xlsx(
    file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="Workbook of a bank", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write into", show_default=False)],
    *,
    language: arguments.LanguageOption = Language.ru,
) -> None:
    """Read the bank of a workbook and write its folder; with faults they are listed by cell and nothing is written."""
    from competency_dx.bank import load_bank_workbook, save_bank

    terminal = Terminal(language=language.code)
    try:
        bank = load_bank_workbook(file)
    except BankError as fault:  # a line for each cell
        terminal.lines(fault.text(language.code).splitlines())
        raise typer.Exit(BAD_INPUT) from None
    terminal.findings(bank.findings())
    terminal.result(save_bank(bank, folder))


def to_xlsx(
    bank: Annotated[str, typer.Argument(metavar="BANK", help="Shipped bank by name, or folder", show_default=False)],
    file: NewBook,
    *,
    language: arguments.LanguageOption = Language.ru,
) -> None:
    """Write a bank as a workbook, from which from-xlsx reads the same bank."""
    from competency_dx.bank import load_bank, save_bank_workbook

    Terminal(language=language.code).result(save_bank_workbook(load_bank(bank), file, language=language.code))
