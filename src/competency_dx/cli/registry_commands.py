"""The commands of a registry of banks: publish, move an alias, roll it back, list. Declared for typer, as in `app`."""

from pathlib import Path
from typing import Annotated

import typer

from competency_dx.cli import arguments
from competency_dx.cli.arguments import Language
from competency_dx.cli.terminal import Terminal

LATEST = "latest"

Folder = Annotated[
    Path, typer.Option("--registry", metavar="FOLDER", help="Folder of published banks", show_default=False)
]
Alias = Annotated[str, typer.Option("--alias", metavar="NAME", help="Alias that points to the version")]

registry_app = typer.Typer(short_help="Publish banks by id and version", help="Banks by id and version: a registry.")


@registry_app.command(short_help="Publish a version of a bank")
def publish(
    bank: Annotated[str, typer.Argument(metavar="BANK", help="Shipped bank by name, or folder", show_default=False)],
    *,
    registry: Folder,
    alias: Alias = LATEST,
    language: arguments.LanguageOption = Language.ru,
) -> None:
    """Publish a version of a bank in a registry: it stays as it is, and the alias points to it."""
    from competency_dx.bank import BankRegistry, load_bank
    from competency_dx.cli.validation import refuse_ambiguous

    items = load_bank(bank)
    refuse_ambiguous(items)
    Terminal(language=language.code).findings(items.findings())
    print(BankRegistry(folder=registry).publish(items, alias=alias))


@registry_app.command(short_help="Let an alias point to a version")
def alias(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Alias, such as stable", show_default=False)],
    reference: Annotated[str, typer.Argument(metavar="ID@VERSION", help="Published version", show_default=False)],
    *,
    registry: Folder,
    language: arguments.LanguageOption = Language.ru,  # noqa: ARG001 - read before commands are
) -> None:
    """Let an alias point to a published version."""
    from competency_dx.bank import BankRegistry

    print(BankRegistry(folder=registry).move_alias(name, reference))


@registry_app.command(short_help="Let an alias point where it pointed before")
def rollback(
    bank: Annotated[str, typer.Argument(metavar="ID", help="Id of the bank", show_default=False)],
    *,
    registry: Folder,
    alias: Alias = LATEST,
    language: arguments.LanguageOption = Language.ru,  # noqa: ARG001 - as above
) -> None:
    """Let an alias point where it pointed before."""
    from competency_dx.bank import BankRegistry

    print(BankRegistry(folder=registry).roll_back(bank, alias=alias))


@registry_app.command("list", short_help="Published versions")
def published(
    *,
    registry: Folder,
    language: arguments.LanguageOption = Language.ru,  # noqa: ARG001 - as above
) -> None:
    """List the published versions, and the aliases that point to them."""
    from competency_dx.bank import BankRegistry

    for index in BankRegistry(folder=registry).banks():
        for version, digest in index.versions.items():
            aliases = ", ".join(name for name, places in index.aliases.items() if places[-1] == version)
            print(f"{index.id}@{version}  {digest[:23]}…  {aliases}".rstrip())
