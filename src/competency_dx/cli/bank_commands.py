"""The commands about banks: as workbooks, by version, and what another version would change."""

from datetime import datetime
from pathlib import Path

import typer

from competency_dx.cli import steps
from competency_dx.cli.arguments import command
from competency_dx.cli.terminal import Terminal, heard
from competency_dx.errors import BankError

BAD_INPUT = 2  # exit code
bank_app = typer.Typer(short_help="Write and publish banks", help="Banks as workbooks and by version: write, read, publish.")


@command(bank_app, "Publish a version of a bank", bank="shipped_or_folder", alias="published_alias")
def publish(bank: str, *, registry: Path, alias: str = "latest", terminal: Terminal) -> None:
    """Publish a version of a bank in a registry: it stays as it is, and the alias points to it."""
    items = steps.bank_of(bank)
    steps.refuse_ambiguous(items)
    terminal.findings(items.findings())
    print(steps.registry_of(registry).publish(items, alias=alias))


@command(bank_app, "Let an alias point to a version", name="alias_name", reference="published_version")
def alias(name: str, reference: str, *, registry: Path) -> None:
    """Let an alias point to a published version."""
    print(steps.registry_of(registry).move_alias(name, reference))


@command(bank_app, "Let an alias point where it pointed before", bank="bank_id", alias="published_alias")
def rollback(bank: str, *, registry: Path, alias: str = "latest") -> None:
    """Let an alias point where it pointed before."""
    print(steps.registry_of(registry).roll_back(bank, alias=alias))


@command(bank_app, "Published versions", called="list")
def published(*, registry: Path) -> None:
    """List the published versions, and the aliases that point to them."""
    for index in steps.registry_of(registry).banks():
        for version, digest in index.versions.items():
            print(f"{index.id}@{version}  {digest[:23]}…  {', '.join(index.aliases_of(version))}".rstrip())


@command(bank_app, "Empty workbook for a new bank", file="new_workbook")
def template(file: Path, *, subject: str = "", terminal: Terminal) -> None:
    """Write an empty workbook for a new bank: sheets, lists to choose from, an example of each type."""
    from competency_dx.bank import save_bank_template

    terminal.result(save_bank_template(file, subject=subject, language=terminal.language))


@command(bank_app, "Bank out of a workbook", called="from-xlsx", file="bank_workbook", folder="bank_folder")
def from_xlsx(file: Path, folder: Path, *, terminal: Terminal) -> None:
    """Read the bank of a workbook and write its folder; with faults they are listed by cell and nothing is written."""
    from competency_dx.bank import load_bank_workbook, save_bank

    try:
        bank = load_bank_workbook(file)
    except BankError as fault:  # a line for each cell
        terminal.lines(fault.text(terminal.language).splitlines())
        raise typer.Exit(BAD_INPUT) from None
    terminal.findings(bank.findings())
    terminal.result(save_bank(bank, folder))


@command(bank_app, "Bank as a workbook", called="to-xlsx", bank="shipped_or_folder", file="new_workbook")
def to_xlsx(bank: str, file: Path, *, terminal: Terminal) -> None:
    """Write a bank as a workbook, from which from-xlsx reads the same bank."""
    from competency_dx.bank import save_bank_workbook

    terminal.result(save_bank_workbook(steps.bank_of(bank), file, language=terminal.language))


@command(bank_app, "Framework as YAML or CASE package", called="framework", file="framework_file")
def write_framework(framework: str, file: Path, *, creator: str = "", changed: datetime | None = None, terminal: Terminal) -> None:
    """Write a competency framework as YAML or as a CASE 1.1 package, whichever of them it is read from."""
    from competency_dx.bank import load_framework, save_framework

    day = (changed or datetime.now().astimezone()).date()
    terminal.result(save_framework(load_framework(framework), file, creator=creator, changed=day))


@command(bank_app, "What changed between two versions", bank="shipped_or_folder", other="other_version")
def diff(bank: str, other: str, *, terminal: Terminal) -> None:
    """List what changed between two versions of a bank: content, keys, competencies and parameters apart."""
    from competency_dx.bank import ledger_of

    steps.print_table(ledger_of(steps.bank_of(other)).changes(ledger_of(steps.bank_of(bank))), terminal)


@command(bank_app, "Whose conclusions would change", bank="other_version")
def impact(profiles: Path, bank: str, *, terminal: Terminal) -> None:
    """List whose conclusions another version of the bank would change, from the answers that profiles.json keeps."""
    from competency_dx.competencies import bank_impact

    found = steps.profiles_of(profiles)
    steps.print_table(heard(terminal, lambda: bank_impact(found, steps.bank_of(bank)), known=found.findings), terminal)
