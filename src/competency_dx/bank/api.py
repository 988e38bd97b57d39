"""The verbs of this room: load banks and frameworks, publish banks.

Each published bank has a folder of its id with ``index.json`` and its versions as bank folders; what the index does not list is not
published. What a version consists of is told by its ledger: content, keys, parameters and framework each with a digest of its own.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import ConfigDict, Field

from competency_dx.arrays import choice, value
from competency_dx.bank import bank_file
from competency_dx.bank.bank_file import locate
from competency_dx.bank.document import Document, parse
from competency_dx.bank.framework import CompetencyFramework
from competency_dx.bank.item_bank import ItemBank, save_bank
from competency_dx.bank.parameter_record import read_parameters
from competency_dx.errors import BankError, DocumentError, checked
from competency_dx.result import DataFrame, digest_document, frame, parse_json
from competency_dx.storage import check_nesting, only_writer, reading, write_whole
from competency_dx.wording import toml_content

LATEST = "latest"
SHOWN, KEPT = 12, 256  # digits of a digest in a ledger; ledgers that are kept
NAME = re.compile(r"(?!(?i:con|prn|aux|nul|com\d|lpt\d|index\.json)(?:\.|$))[^\W_](?:[\w.+-]{0,98}[\w+-])?")
"""What ids, versions and aliases of a registry look like: they are names of folders in any system, never paths."""
RegistryName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
ATTEMPTS = 20


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
    names none. Writers wait for one another, readers see an operation whole or not at all. The first bank published makes the folder.
    """

    folder: str | Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @checked(BankError)
    def publish(self, bank: ItemBank, *, alias: str = LATEST) -> str:
        """Add a version of a bank, let the alias point to it and return its reference, ``mathematics@1.2.0``.

        The same content may be published again: nothing but the alias moves. Raises `BankError` when this version is published with
        other content, or an id, version or alias is no name of a folder. Raises `StorageError` when the folder cannot be written.
        """
        place = self._place(bank.id)
        _checked(bank.version)
        with only_writer(place):
            index = self._index(bank.id)
            if bank.version in index.aliases:
                raise BankError("bank.alias_is_version", id=bank.id, name=bank.version)
            twin = {v.casefold(): v for v in index.versions}.get(bank.version.casefold(), bank.version)  # one folder in some systems
            if (twin, index.versions.get(twin, bank.digest)) != (bank.version, bank.digest):
                raise BankError("bank.version_published", id=bank.id, version=twin)
            new = _moved(index.model_copy(update={"versions": index.versions | {bank.version: bank.digest}}), alias, bank.version)
            if bank.version not in index.versions:
                save_bank(bank, place / bank.version)
            self._write(new)
        return f"{bank.id}@{bank.version}"

    def move_alias(self, alias: str, reference: str) -> str:
        """Let an alias point to a published version and return the reference of that version."""
        bank_id, _, name = reference.partition("@")
        with only_writer(self._published(bank_id)):
            index = self._index(bank_id)
            version = index.version(name or LATEST)
            self._write(_moved(index, alias, version))
        return f"{bank_id}@{version}"

    def roll_back(self, bank_id: str, *, alias: str = LATEST) -> str:
        """Return the reference that an alias points to again, as before; raises `BankError` without such a bank, alias or past."""
        with only_writer(self._published(bank_id)):
            index = self._index(bank_id)
            if not (before := index.aliases.get(alias, ())[:-1]):
                raise BankError("bank.no_roll_back", id=bank_id, alias=alias, aliases=index.aliases)
            self._write(index.model_copy(update={"aliases": index.aliases | {alias: before}}))
        return f"{bank_id}@{before[-1]}"

    def banks(self, *, broken: list[BankError] | None = None) -> tuple[BankIndex, ...]:
        """Return the index of every published bank, by id; the fault of one that cannot be read goes to `broken`, or is raised."""
        found = []
        for path in sorted(Path(self.folder).glob("[!.]*/index.json")):
            try:
                found.append(self._index(path.parent.name))
            except BankError as fault:
                if broken is None:
                    raise
                broken.append(fault)
        return tuple(found)

    @checked(BankError)
    def find(self, reference: str) -> tuple[str, Path, str]:
        """Return the version that a reference means, its folder, and the digest that its content has."""
        bank_id, _, name = reference.partition("@")
        place, index = self._published(bank_id), self._index(bank_id)
        version = index.version(name or LATEST)
        return version, place / version, index.versions[version]

    def _place(self, bank_id: str) -> Path:
        return Path(self.folder) / _checked(bank_id)

    def _published(self, bank_id: str) -> Path:
        place = self._place(bank_id)
        if not (place / "index.json").is_file():
            raise BankError("bank.not_published", id=bank_id, folder=self.folder, banks=[b.id for b in self.banks(broken=[])])
        return place

    def _index(self, bank_id: str) -> BankIndex:
        path = self._place(bank_id) / "index.json"
        if not path.is_file():
            return BankIndex(id=bank_id)
        try:
            with reading(path, BankError):
                index = parse(BankIndex, parse_json(bank_file.read_text(path)), str(path))
        except DocumentError as fault:
            raise BankError("bank.not_json", path=path, fault=fault) from None
        if index.id != bank_id:  # copied, or found by a name in other letters where a system takes them for the same
            raise BankError("bank.another_index", path=path, id=index.id)
        return index

    def _write(self, index: BankIndex) -> None:
        text = json.dumps(index.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"
        write_whole(self._place(index.id) / "index.json", text.encode())


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise BankError("bank.no_name", name=name)
    return name


def _moved(index: BankIndex, alias: str, version: str) -> BankIndex:
    """Return the index with an alias that points to this version; where it points already it stays."""
    if alias in index.versions:
        raise BankError("bank.alias_is_version", id=index.id, name=alias)
    before = index.aliases.get(_checked(alias), ())
    return index.model_copy(update={"aliases": index.aliases | {alias: before if before[-1:] == (version,) else (*before, version)}})


@value
class Ledger:
    """What a version of a bank consists of.

    `bank` and `framework` are id and version, `epoch` the name of the scale (`ItemBank.epoch`); `items` have by item the digest of each
    part: content, key, competencies, parameters, notes.
    """

    bank: str
    framework: str
    epoch: str
    items: Mapping[str, Mapping[str, str]]

    def __repr__(self) -> str:
        """Return which bank, framework and scale it is of, and how many items."""
        return f"Ledger of {self.bank}: {len(self.items)} items, framework {self.framework}, scale {self.epoch}"

    def digest(self, part: str) -> str:
        """Return one digest of a part of all items, such as ``"key"``."""
        return _short({item: parts[part] for item, parts in self.items.items()})

    @checked(BankError)
    def changes(self, since: "Ledger") -> DataFrame:
        """Return what changed since another ledger, a row each: item ("" for the whole bank), part, before, after."""
        both = {("", name): (getattr(since, name), getattr(self, name)) for name in ("bank", "framework", "epoch")}
        for item in dict.fromkeys([*since.items, *self.items]):
            old, new = since.items.get(item, {}), self.items.get(item, {})
            both |= {(item, part): (old.get(part, ""), new.get(part, "")) for part in new or old}
        rows = [(*at, before, after) for at, (before, after) in both.items() if before != after]
        return frame(**dict(zip(("item", "part", "before", "after"), zip(*rows, strict=True), strict=False)))


@lru_cache(maxsize=KEPT)
def ledger_of(bank: ItemBank) -> Ledger:
    """Return the ledger of a bank."""
    records = {r.item: r for r in bank.parameters}
    out, of, framework = {}, toml_content("bank", "ledger"), f"{bank.framework.id} {bank.framework.version}"
    for item in bank.items:
        whole = item.model_dump(mode="json")
        parts = {part: _short({name: whole.pop(name, None) for name in names}) for part, names in of.items()}
        parts["parameters"] = _short(records[item.id].model_dump(mode="json")) if item.id in records else ""
        out[item.id] = parts | {"notes": _short(whole)}
    return Ledger(bank=f"{bank.id} {bank.version}", framework=framework, epoch=bank.epoch, items=out)


def _short(document: object) -> str:
    return digest_document(document).removeprefix("sha256:")[:SHOWN]


def load_framework(name_or_path: str | Path) -> CompetencyFramework:
    """Load a framework: shipped (``"teacher"``), YAML, or a CASE package (1.0, 1.1); raises `BankError` by place for a bad one."""
    path = locate(name_or_path, within="frameworks/{}.yaml", shipped=bank_file.shipped_frameworks(), what="bank.what_framework")
    with reading(path, BankError):
        return _framework(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _framework(path: Path, modified: int) -> CompetencyFramework:  # noqa: ARG001 - part of the cache key
    if path.suffix.lower() != ".json":
        return parse(CompetencyFramework, bank_file.read_yaml(path), str(path))
    try:
        content = parse_json(bank_file.read_text(path))
        check_nesting(path, content)
        if not isinstance(content, dict) or "CFDocument" not in content:
            return parse(CompetencyFramework, content, str(path))
        from competency_dx.bank.case import from_case

        return from_case(content, str(path))
    except DocumentError as fault:
        code = {"result.fields": "bank.case_missing", "result.value": "bank.case_value"}.get(fault.code, "bank.document")
        raise BankError(code, source=str(path), faults=fault, **fault.facts) from None


@checked(BankError)
def save_framework(framework: CompetencyFramework, path: str | Path, *, creator: str = "", changed: date | None = None) -> Path:
    """Write a framework as YAML, or as a CASE 1.1 package (.json); `load_framework` reads either as the same framework.

    CASE demands to know who is the `creator` and on which day the framework was `changed`; statements are in Russian, English ones
    stand in extensions. Raises `BankError` for another ending, and where CASE is not told both.
    """
    if (ending := Path(path).suffix.lower()) == ".json":
        if not (creator and changed):
            raise BankError("bank.case_facts", path=path)
        from competency_dx.bank.case import to_case

        package = to_case(framework, creator, f"{changed:%Y-%m-%d}T00:00:00Z")
        return write_whole(path, f"{json.dumps(package, ensure_ascii=False, indent=1)}\n".encode())
    if ending not in {".yaml", ".yml"}:
        raise BankError("bank.framework_name", path=path)
    return write_whole(path, bank_file.write_yaml(framework.model_dump(mode="json", exclude_none=True)).encode())


def load_bank(name_or_path: str | Path, *, registry: str | Path | BankRegistry | None = None) -> ItemBank:
    """Load an item bank: a shipped one by name (``"mathematics"``), a folder by path, a published one by its reference.

    The folder holds ``bank.yaml``, ``items.yaml``, ``parameters.csv`` and, when its framework is not a shipped one,
    ``framework.yaml``. Values are frozen, so a bank read twice without a change in between is the same object.

    ``"mathematics@1.0.0"`` is that version and no other, of a shipped bank or, with a `registry` (a folder of published banks), of a
    published one; there ``"mathematics@stable"`` is what the alias points to and ``"mathematics"`` the latest.
    Raises `BankError` with one sentence: file, place in it (``items.yaml: items[3].key …``), remedy; `LimitError` for one too large.
    """
    if registry is not None:
        published = registry if isinstance(registry, BankRegistry) else BankRegistry(folder=registry)
        _, folder, digest = published.find(cast("str", name_or_path))  # it refuses a path by itself
        bank = _read(folder)
        if bank.digest != digest:
            raise BankError("bank.not_as_published", folder=folder)
        return bank
    name, _, version = name_or_path.partition("@") if isinstance(name_or_path, str) else ("", "", "")
    stated = bool(version) and name in bank_file.shipped_banks()
    bank = _read(locate(name if stated else name_or_path, within="{}", shipped=bank_file.shipped_banks(), what="bank.what_bank"))
    if stated and bank.version != version:
        raise BankError("bank.no_version", id=bank.id, name=version, versions=[bank.version], aliases=())
    return bank


def _read(folder: Path) -> ItemBank:
    """Read a folder, again where it changed meanwhile."""
    if not folder.is_dir():
        raise BankError("bank.not_a_folder", folder=folder)
    for _ in range(ATTEMPTS):
        before = _stamps(folder)
        try:
            with reading(folder, BankError):
                bank = _bank(folder, before)
        except BankError:
            if _stamps(folder) == before:
                raise
        else:
            if _stamps(folder) == before:
                return bank
    raise BankError("bank.keeps_changing", folder=folder)


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes with a file of the folder, or with the folder; the time of a change of its entry tells copies apart."""
    try:
        found = [(p.name, p.stat()) for p in sorted(folder.iterdir()) if p.is_file()]
        return ("", folder.stat().st_ino, 0), *((name, s.st_mtime_ns, s.st_ctime_ns) for name, s in found)
    except OSError:
        return ()


@lru_cache(maxsize=128)
def _bank(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> ItemBank:  # noqa: ARG001 - what is remembered is of these
    header = parse(bank_file.BankDocument, bank_file.read_yaml(folder / "bank.yaml"), str(folder / "bank.yaml"))
    items = parse(bank_file.ItemsDocument, bank_file.read_yaml(folder / "items.yaml"), str(folder / "items.yaml"))
    own, table = folder / "framework.yaml", folder / "parameters.csv"
    if own.exists():
        framework = load_framework(own)
    elif (name := header.framework.id) in (shipped := bank_file.shipped_frameworks()):
        framework = load_framework(name)
    else:  # an id is never taken for a path
        raise BankError("bank.no_framework", folder=folder, name=name, shipped=shipped)
    records = read_parameters(bank_file.read_text(table), str(table)) if table.exists() else ()
    return ItemBank(header=header, items=items.items, framework=framework, parameters=records)
