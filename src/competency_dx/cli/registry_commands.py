"""The commands of a registry of banks: publish, move an alias, roll it back, list. Declared for typer, as in `app`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from competency_dx.cli import arguments
from competency_dx.cli.arguments import Language, declared
from competency_dx.cli.terminal import Terminal

if TYPE_CHECKING:
    from competency_dx.bank import BankRegistry

Folder = Annotated[Path, declared("registry")]
Alias = Annotated[str, declared("published_alias")]
Spoken = arguments.LanguageOption
RU = Language.ru

registry_app = typer.Typer(
    short_help="Write and publish banks", help="Banks as workbooks and by version: write, read, publish."
)


def _registry(folder: Path) -> "BankRegistry":
    from competency_dx.bank import BankRegistry

    return BankRegistry(folder=folder)


@registry_app.command(short_help="Publish a version of a bank")
def publish(
    bank: Annotated[str, declared("shipped_or_folder")],
    *,
    registry: Folder,
    alias: Alias = "latest",
    language: Spoken = RU,
) -> None:
    """Publish a version of a bank in a registry: it stays as it is, and the alias points to it."""
    from competency_dx.bank import load_bank
    from competency_dx.cli.listings import refuse_ambiguous

    items = load_bank(bank)
    refuse_ambiguous(items)
    Terminal(language=language.code).findings(items.findings())
    print(_registry(registry).publish(items, alias=alias))


@registry_app.command(short_help="Let an alias point to a version")
def alias(
    name: Annotated[str, declared("alias_name")],
    reference: Annotated[str, declared("reference")],
    *,
    registry: Folder,
    language: Spoken = RU,  # noqa: ARG001 - read before commands are
) -> None:
    """Let an alias point to a published version."""
    print(_registry(registry).move_alias(name, reference))


@registry_app.command(short_help="Let an alias point where it pointed before")
def rollback(
    bank: Annotated[str, declared("bank_id")],
    *,
    registry: Folder,
    alias: Alias = "latest",
    language: Spoken = RU,  # noqa: ARG001 - as above
) -> None:
    """Let an alias point where it pointed before."""
    print(_registry(registry).roll_back(bank, alias=alias))


@registry_app.command("list", short_help="Published versions")
def published(*, registry: Folder, language: Spoken = RU) -> None:  # noqa: ARG001 - as above
    """List the published versions, and the aliases that point to them."""
    for index in _registry(registry).banks():
        for version, digest in index.versions.items():
            print(f"{index.id}@{version}  {digest[:23]}…  {', '.join(index.aliases_of(version))}".rstrip())
