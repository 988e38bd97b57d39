"""The verbs of this room: load and save banks and frameworks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

from competency_dx.bank.bank_file import BankDocument, ItemsDocument, locate, read_text, read_yaml, shipped_banks, shipped_frameworks
from competency_dx.bank.document import parse
from competency_dx.bank.framework import CompetencyFramework
from competency_dx.bank.item_bank import ItemBank
from competency_dx.bank.parameter_record import read_parameters
from competency_dx.bank.registry import BankRegistry
from competency_dx.errors import BankError
from competency_dx.limits import reading

ATTEMPTS = 20


def load_framework(name_or_path: str | Path) -> CompetencyFramework:
    """Load a framework: a shipped one (``"teacher"``) or a YAML file; raises `BankError`, naming the place, for none or a bad one."""
    path = locate(name_or_path, within="frameworks/{}.yaml", shipped=shipped_frameworks(), what="bank.what_framework")
    with reading(path, BankError):
        return _framework(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _framework(path: Path, modified: int) -> CompetencyFramework:  # noqa: ARG001 - part of the cache key
    return parse(CompetencyFramework, read_yaml(path), str(path))


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
    stated = bool(version) and name in shipped_banks()
    bank = _read(locate(name if stated else name_or_path, within="{}", shipped=shipped_banks(), what="bank.what_bank"))
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
    header = parse(BankDocument, read_yaml(folder / "bank.yaml"), str(folder / "bank.yaml"))
    items = parse(ItemsDocument, read_yaml(folder / "items.yaml"), str(folder / "items.yaml"))
    own, table = folder / "framework.yaml", folder / "parameters.csv"
    if own.exists():
        framework = load_framework(own)
    elif (name := header.framework.id) in (shipped := shipped_frameworks()):
        framework = load_framework(name)
    else:  # an id is never taken for a path
        raise BankError("bank.no_framework", folder=folder, name=name, shipped=shipped)
    records = read_parameters(read_text(table), str(table)) if table.exists() else ()
    return ItemBank(header=header, items=items.items, framework=framework, parameters=records)
