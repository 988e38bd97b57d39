"""Banks by id and version: a folder in which a published version stays as it is, and aliases that move between versions.

Each bank has a folder of its id with ``index.json`` and its versions as bank folders; what the index does not list is not
published.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from competency_dx.arrays import choice
from competency_dx.bank.bank_file import read_text
from competency_dx.bank.document import Document, parse
from competency_dx.bank.item_bank import ItemBank, save_bank
from competency_dx.errors import BankError, checked
from competency_dx.storage import only_writer, write_whole

LATEST = "latest"
NAME = re.compile(r"[^\W_][\w.+-]{0,99}")
"""What ids, versions and aliases of a registry look like: they are names of folders, never paths."""

RegistryName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]


class BankIndex(Document):
    """The published versions of one bank with their digests, oldest first, and where each alias has pointed, newest last."""

    model_config = ConfigDict(regex_engine="python-re")  # the usual one takes a tenth of a second for so long a pattern

    schema_version: Literal[1] = 1
    id: RegistryName
    versions: dict[RegistryName, str] = Field(default_factory=dict)
    aliases: dict[RegistryName, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)

    def aliases_of(self, version: str) -> tuple[str, ...]:
        """Return the aliases that point to a version."""
        return tuple(alias for alias, places in self.aliases.items() if places[-1] == version)

    def version(self, name: str) -> str:
        """Return the version that a version or an alias means; raises `BankError` when there is neither."""
        version = self.aliases[name][-1] if name in self.aliases else name
        if version not in self.versions:
            raise BankError("bank.no_version", id=self.id, name=name, versions=self.versions, aliases=self.aliases)
        return version


@choice(BankError)
class BankRegistry:
    """A folder of published banks, read by ``load_bank("mathematics@1.2.0", registry=folder)``.

    A version never changes once it is published; what moves are aliases. ``latest`` is the alias that is meant where a reference
    names none. Writers wait for one another, readers see an operation whole or not at all.

    The folder is made when the first bank is published.
    """

    folder: str | Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @checked(BankError)
    def publish(self, bank: ItemBank, *, alias: str = LATEST) -> str:
        """Add a version of a bank, let the alias point to it and return its reference, ``mathematics@1.2.0``.

        The same content may be published again: nothing but the alias moves.

        Raises `BankError` when this version is published with other content, or an id, version or alias is no name of a folder.
        Raises `StorageError` when the folder cannot be written.
        """
        place = self._place(bank.id)
        _checked(bank.version)
        with only_writer(place):
            index = self._index(bank.id)
            if bank.version in index.aliases:
                raise BankError("bank.alias_is_version", id=bank.id, name=bank.version)
            if index.versions.get(bank.version, bank.digest) != bank.digest:
                raise BankError("bank.version_published", id=bank.id, version=bank.version)
            versions = index.versions | {bank.version: bank.digest}
            new = _moved(index.model_copy(update={"versions": versions}), alias, bank.version)
            if bank.version not in index.versions:
                save_bank(bank, place / bank.version)
            self._write(new)
        return f"{bank.id}@{bank.version}"

    def move_alias(self, alias: str, reference: str) -> str:
        """Let an alias point to a published version and return the reference of that version."""
        bank_id, name = _parts(reference)
        with only_writer(self._published(bank_id)):
            index = self._index(bank_id)
            version = index.version(name)
            self._write(_moved(index, alias, version))
        return f"{bank_id}@{version}"

    def roll_back(self, bank_id: str, *, alias: str = LATEST) -> str:
        """Let an alias point to where it pointed before and return the reference of that version.

        Raises `BankError` when there is no such bank or alias, or the alias has pointed nowhere else.
        """
        with only_writer(self._published(bank_id)):
            index = self._index(bank_id)
            if not (before := index.aliases.get(alias, ())[:-1]):
                raise BankError("bank.no_roll_back", id=bank_id, alias=alias, aliases=index.aliases)
            self._write(index.model_copy(update={"aliases": index.aliases | {alias: before}}))
        return f"{bank_id}@{before[-1]}"

    def banks(self) -> tuple[BankIndex, ...]:
        """Return the index of every published bank, by id."""
        return tuple(self._index(path.parent.name) for path in sorted(Path(self.folder).glob("*/index.json")))

    @checked(BankError)
    def find(self, reference: str) -> tuple[str, Path, str]:
        """Return the version that a reference means, its folder, and the digest that its content has."""
        bank_id, name = _parts(reference)
        place, index = self._published(bank_id), self._index(bank_id)
        version = index.version(name)
        return version, place / version, index.versions[version]

    def _place(self, bank_id: str) -> Path:
        return Path(self.folder) / _checked(bank_id)

    def _published(self, bank_id: str) -> Path:
        place = self._place(bank_id)
        if not (place / "index.json").is_file():
            raise BankError("bank.not_published", id=bank_id, folder=self.folder, banks=[b.id for b in self.banks()])
        return place

    def _index(self, bank_id: str) -> BankIndex:
        path = self._place(bank_id) / "index.json"
        if not path.is_file():
            return BankIndex(id=bank_id)
        try:
            document = json.loads(read_text(path))
        except (ValueError, RecursionError) as fault:
            raise BankError("bank.not_json", path=path, fault=fault) from None
        return parse(BankIndex, document, str(path))

    def _write(self, index: BankIndex) -> None:
        text = json.dumps(index.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"
        write_whole(self._place(index.id) / "index.json", text.encode())


def _parts(reference: str) -> tuple[str, str]:
    """Return id and version or alias of a reference."""
    bank_id, _, name = reference.partition("@")
    return bank_id, name or LATEST


def _checked(name: str) -> str:
    if not NAME.fullmatch(name) or name == "index.json":
        raise BankError("bank.no_name", name=name)
    return name


def _moved(index: BankIndex, alias: str, version: str) -> BankIndex:
    """Return the index with an alias that points to this version; where it points already it stays."""
    if alias in index.versions:
        raise BankError("bank.alias_is_version", id=index.id, name=alias)
    before = index.aliases.get(_checked(alias), ())
    places = before if before[-1:] == (version,) else (*before, version)
    return index.model_copy(update={"aliases": index.aliases | {alias: places}})
