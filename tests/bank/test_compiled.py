"""Compiled forms beside the YAML files of banks say what the YAML says, and only as long as it is the same text.

``python tests/bank/test_compiled.py`` writes those of the shipped banks and frameworks anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import small_documents as small
from ruamel.yaml import YAML

import competency_dx as cdx
from competency_dx.bank.bank_file import compiled, compiled_path, shipped_folder, write_yaml

SHIPPED = sorted(shipped_folder().rglob("*.yaml"))


def parsed(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))


def write_shipped() -> None:
    for path in SHIPPED:
        text = path.read_text(encoding="utf-8")
        compiled_path(path).write_text(compiled(text, parsed(path)), encoding="utf-8")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_shipped_forms_are_current(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert compiled_path(path).read_text(encoding="utf-8") == compiled(text, parsed(path)), "run: make golden"


def test_a_saved_bank_loads_from_either_form(tmp_path: Path) -> None:
    bank = cdx.load_bank("history")
    cdx.save_bank(bank, tmp_path)
    written = sorted(tmp_path.glob("*.yaml"))
    assert [p.name for p in written] == ["bank.yaml", "items.yaml"]
    for path in written:
        assert json.loads(compiled_path(path).read_text(encoding="utf-8"))["content"] == parsed(path)
    assert cdx.load_bank(tmp_path).digest == bank.digest
    for path in written:
        compiled_path(path).unlink()
    assert cdx.load_bank(tmp_path).digest == bank.digest


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 1}', "\ufeff{", "[" * 100_000])
def test_a_damaged_form_is_not_read(content: str, tmp_path: Path) -> None:
    bank = small.bank()  # a long one is parsed for long
    cdx.save_bank(bank, tmp_path)
    compiled_path(tmp_path / "items.yaml").write_text(content, encoding="utf-8")
    assert cdx.load_bank(tmp_path).digest == bank.digest


def test_an_edited_yaml_file_counts_at_once(tmp_path: Path) -> None:
    cdx.save_bank(cdx.load_bank("history"), tmp_path)
    header = tmp_path / "bank.yaml"
    header.write_text(header.read_text(encoding="utf-8").replace("id: history", "id: edited"), encoding="utf-8")
    assert cdx.load_bank(tmp_path).id == "edited"


def test_the_id_of_a_framework_is_never_a_path(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("user: someone", encoding="utf-8")
    cdx.save_bank(cdx.load_bank("history"), tmp_path / "bank")
    header = tmp_path / "bank" / "bank.yaml"
    text = header.read_text(encoding="utf-8")
    for name in (str(secret), "../secret.yaml", "mathematics"):
        header.write_text(text.replace("id: teacher", f"id: {name}"), encoding="utf-8")
        with pytest.raises(cdx.errors.BankError, match=r"no framework .* beside bank\.yaml"):
            cdx.load_bank(tmp_path / "bank")


if __name__ == "__main__":
    write_shipped()


@pytest.mark.parametrize("sign", ["а", "а б ", "x: y "])
def test_keys_of_any_length_come_back(sign: str, tmp_path: Path) -> None:
    """A long key is written without "?", and a line break inside it would not be read."""
    path = tmp_path / "facts.yaml"
    for n in (80, *range(114, 131, 2), 150):
        facts = {"a": [{"facts": {(sign * n)[:n].strip(): ["источник"]}}]}
        path.write_text(write_yaml(facts), encoding="utf-8")
        assert parsed(path) == facts
