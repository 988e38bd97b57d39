"""The ledger of a bank: content, keys, parameters and framework each with a digest of its own, to be compared between versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from competency_dx.arrays import value
from competency_dx.bank.item_bank import ItemBank
from competency_dx.errors import BankError, checked
from competency_dx.provenance import digest_document
from competency_dx.result import DataFrame, frame
from competency_dx.wording import toml_content

SHOWN, KEPT = 12, 256


@value
class Ledger:
    """What a version of a bank consists of.

    Attributes
    ----------
    bank, framework : str
        Id and version.
    epoch : str
        Name of the scale: `ItemBank.epoch`.
    items : mapping of str to mapping
        By item the digest of each part: content, key, competencies, parameters, notes.
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
    def changes(self, since: Ledger) -> DataFrame:
        """Return what changed since another ledger, a row each: item ("" for the whole bank), part, before, after."""
        return frame(**dict(zip(("item", "part", "before", "after"), zip(*self._changes(since), strict=True), strict=False)))

    def _changes(self, since: Ledger) -> Iterator[tuple[str, str, str, str]]:
        for name in ("bank", "framework", "epoch"):
            if (before := getattr(since, name)) != (after := getattr(self, name)):
                yield "", name, before, after
        for item in dict.fromkeys([*since.items, *self.items]):
            old, new = since.items.get(item, {}), self.items.get(item, {})
            for part in new or old:
                if old.get(part) != new.get(part):
                    yield item, part, old.get(part, ""), new.get(part, "")


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
