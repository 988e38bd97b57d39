"""The commands of banks: versions in a registry, and workbooks to write a bank in. Declared for typer, as in `app`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from competency_dx.cli.arguments import Language, LanguageOption, declared
from competency_dx.cli.terminal import Terminal
from competency_dx.errors import BankError

if TYPE_CHECKING:
    from competency_dx.bank import BankRegistry

BAD_INPUT = 2  # exit code
Bank = Annotated[str, declared("shipped_or_folder")]
Folder = Annotated[Path, declared("registry")]
Alias = Annotated[str, declared("published_alias")]
NewBook = Annotated[Path, declared("new_workbook")]
RU = Language.ru

bank_app = typer.Typer(short_help="Write and publish banks", help="Banks as workbooks and by version: write, read, publish.")


def _registry(folder: Path) -> "BankRegistry":
    from competency_dx.bank import BankRegistry

    return BankRegistry(folder=folder)


@bank_app.command(short_help="Publish a version of a bank")
def publish(bank: Bank, *, registry: Folder, alias: Alias = "latest", language: LanguageOption = RU) -> None:
    """Publish a version of a bank in a registry: it stays as it is, and the alias points to it."""
    from competency_dx.bank import load_bank
    from competency_dx.cli.listings import refuse_ambiguous

    items = load_bank(bank)
    refuse_ambiguous(items)
    Terminal(language=language.code).findings(items.findings())
    print(_registry(registry).publish(items, alias=alias))


@bank_app.command(short_help="Let an alias point to a version")
def alias(
    name: Annotated[str, declared("alias_name")],
    reference: Annotated[str, declared("reference")],
    *,
    registry: Folder,
    language: LanguageOption = RU,  # noqa: ARG001 - read before commands are
) -> None:
    """Let an alias point to a published version."""
    print(_registry(registry).move_alias(name, reference))


@bank_app.command(short_help="Let an alias point where it pointed before")
def rollback(
    bank: Annotated[str, declared("bank_id")],
    *,
    registry: Folder,
    alias: Alias = "latest",
    language: LanguageOption = RU,  # noqa: ARG001 - as above
) -> None:
    """Let an alias point where it pointed before."""
    print(_registry(registry).roll_back(bank, alias=alias))


@bank_app.command("list", short_help="Published versions")
def published(*, registry: Folder, language: LanguageOption = RU) -> None:  # noqa: ARG001 - as above
    """List the published versions, and the aliases that point to them."""
    for index in _registry(registry).banks():
        for version, digest in index.versions.items():
            print(f"{index.id}@{version}  {digest[:23]}…  {', '.join(index.aliases_of(version))}".rstrip())


@bank_app.command(short_help="Empty workbook for a new bank")
def template(file: NewBook, *, subject: Annotated[str, declared("subject")] = "", language: LanguageOption = RU) -> None:
    """Write an empty workbook for a new bank: sheets, lists to choose from, an example of each type."""
    from competency_dx.bank import save_bank_template

    Terminal(language=language.code).result(save_bank_template(file, subject=subject, language=language.code))


@bank_app.command("from-xlsx", short_help="Bank out of a workbook")
def from_xlsx(
    file: Annotated[Path, declared("bank_workbook")], folder: Annotated[Path, declared("bank_folder")], *, language: LanguageOption = RU
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


@bank_app.command("to-xlsx", short_help="Bank as a workbook")
def to_xlsx(bank: Bank, file: NewBook, *, language: LanguageOption = RU) -> None:
    """Write a bank as a workbook, from which from-xlsx reads the same bank."""
    from competency_dx.bank import load_bank, save_bank_workbook

    Terminal(language=language.code).result(save_bank_workbook(load_bank(bank), file, language=language.code))
