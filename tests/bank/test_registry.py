"""Published banks: a version stays as it is, aliases move and roll back, two writers wait for each other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import competency_dx as cdx
from competency_dx.bank import BankRegistry
from competency_dx.errors import BankError

FULL = cdx.load_bank("physics")
BANK = replace(
    FULL,
    header=FULL.header.model_copy(update={"forms": ()}),
    items=tuple(item.model_copy(update={"enemies": ()}) for item in FULL.items[:2]),
    parameters=tuple(r for r in FULL.parameters if r.item in {i.id for i in FULL.items[:2]}),
)


def version(number: str, **header: object) -> cdx.ItemBank:
    return replace(BANK, header=BANK.header.model_copy(update={"version": number, **header}))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> BankRegistry:
    out = BankRegistry(folder=tmp_path_factory.mktemp("published") / "banks")
    assert [out.publish(version(n)) for n in ("1.0.0", "1.1.0")] == ["physics@1.0.0", "physics@1.1.0"]
    return out


@pytest.fixture
def registry(published: BankRegistry, tmp_path: Path) -> BankRegistry:
    return BankRegistry(folder=shutil.copytree(published.folder, tmp_path / "banks"))


def test_references_mean_a_version(registry: BankRegistry) -> None:
    assert cdx.load_bank("physics@1.0.0", registry=registry.folder).digest == version("1.0.0").digest
    assert cdx.load_bank("physics", registry=registry).version == "1.1.0"
    assert registry.publish(version("2.0.0"), alias="trial") == "physics@2.0.0"
    assert cdx.load_bank("physics@latest", registry=registry).version == "1.1.0"
    assert cdx.load_bank("physics@trial", registry=registry).version == "2.0.0"
    assert registry.move_alias("latest", "physics@trial") == "physics@2.0.0"
    assert registry.roll_back("physics") == "physics@1.1.0"
    assert registry.roll_back("physics") == "physics@1.0.0"
    assert cdx.load_bank("physics", registry=registry).version == "1.0.0"
    (index,) = registry.banks()
    assert list(index.versions) == ["1.0.0", "1.1.0", "2.0.0"]
    assert index.aliases == {"latest": ("1.0.0",), "trial": ("2.0.0",)}


def test_a_version_of_a_shipped_bank_is_loaded_or_refused() -> None:
    assert cdx.load_bank(f"physics@{FULL.version}") is cdx.load_bank("physics")
    with pytest.raises(BankError, match=r"no version '0\.0\.1'"):
        cdx.load_bank("physics@0.0.1")


def test_what_is_published_never_changes(registry: BankRegistry) -> None:
    assert registry.publish(version("1.0.0")) == "physics@1.0.0"  # the same content: only the alias moves
    with pytest.raises(BankError, match="other content"):
        registry.publish(version("1.0.0", licence="another"))
    table = Path(registry.folder) / "physics" / "1.0.0" / "parameters.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("provisional", "pilot"), encoding="utf-8")
    with pytest.raises(BankError, match="not as it was published"):
        cdx.load_bank("physics@1.0.0", registry=registry)
    assert cdx.load_bank("physics@1.1.0", registry=registry).version == "1.1.0"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda r: cdx.load_bank("physics@9", registry=r),
        lambda r: cdx.load_bank("history", registry=r),
        lambda r: cdx.load_bank("../banks/physics", registry=r),
        lambda r: cdx.load_bank("", registry=r),
        lambda r: cdx.load_bank(Path("physics"), registry=r),
        lambda _: cdx.load_bank("physics", registry=cast("Any", 3)),
        lambda r: r.publish(version("../../1")),
        lambda r: r.publish(version(" ")),
        lambda r: r.publish(version("latest")),
        lambda r: r.publish(version("3.0"), alias="1.0.0"),
        lambda r: r.publish(version("3.0"), alias="a/b"),
        lambda r: r.publish(version("3.0", id="..")),
        *(lambda r, at=at: r.publish(version(at)) for at in ("index.json", "INDEX.json", "con", "Nul.1", "com1", "3.0.")),
        lambda r: r.publish(3),
        lambda r: r.move_alias("stable", "physics@9"),
        lambda r: r.move_alias("stable", "chemistry@1"),
        lambda r: r.roll_back("physics", alias="stable"),
        lambda r: r.roll_back("chemistry"),
        lambda r: [r.roll_back("physics") for _ in range(2)],
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(registry: BankRegistry, wrong: Callable[[Any], object]) -> None:
    with pytest.raises(BankError) as caught:
        wrong(registry)
    assert caught.value.text("ru") != str(caught.value)
    assert "\n" not in str(caught.value)
    (index,) = registry.banks()
    assert list(index.versions) == ["1.0.0", "1.1.0"]
    assert {p.name for p in Path(registry.folder).parent.iterdir()} == {"banks"}
    assert {p.name for p in Path(registry.folder).glob("*/*")} == {"1.0.0", "1.1.0", "index.json"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100000,
        "[]",
        '{"id": "physics"',
        '{"id": "physics", "versions": {"../../x": "sha256:0"}, "aliases": {"latest": ["../../x"]}}',
        '{"id": "physics", "versions": {}, "aliases": {"latest": ["1.0.0"]}}',
        '{"id": "physics", "versions": {}, "aliases": {"latest": []}}',
        '{"id": "physics", "schema_version": 2}',
        '{"id": "history", "versions": {"1.0.0": "sha256:0"}, "aliases": {"latest": ["1.0.0"]}}',
        '{"id": "physics", "id": "physics"}',
    ],
)
def test_a_broken_index_is_one_sentence(registry: BankRegistry, text: str) -> None:
    (Path(registry.folder) / "physics" / "index.json").write_text(text, encoding="utf-8")
    with pytest.raises(BankError):
        cdx.load_bank("physics", registry=registry)


def test_a_version_is_one_where_a_system_takes_small_letters_for_large_ones(registry: BankRegistry) -> None:
    registry.publish(version("2.0.0-rc"))
    with pytest.raises(BankError, match=r"2\.0\.0-rc is published already"):
        registry.publish(version("2.0.0-RC"))
    shutil.copytree(Path(registry.folder) / "physics", Path(registry.folder) / "Physics")  # as such a system finds it
    with pytest.raises(BankError, match="index of bank physics"):
        cdx.load_bank("Physics", registry=registry)


def test_a_version_that_a_killed_writer_left_is_not_published(registry: BankRegistry) -> None:
    cdx.save_bank(version("3.0", licence="half"), Path(registry.folder) / "physics" / "3.0")
    with pytest.raises(BankError, match="no version"):
        cdx.load_bank("physics@3.0", registry=registry)
    registry.publish(version("3.0"))
    assert cdx.load_bank("physics@3.0", registry=registry).header.licence == BANK.header.licence


def test_two_writers_lose_nothing(registry: BankRegistry) -> None:
    program = (
        "import sys, competency_dx as cdx; from dataclasses import replace\n"
        "registry = cdx.bank.BankRegistry(folder=sys.argv[1]); bank = cdx.load_bank('physics@1.0.0', registry=registry)\n"
        "for k in range(6):\n"
        "    header = bank.header.model_copy(update={'version': f'{sys.argv[2]}.{k}'})\n"
        "    registry.publish(replace(bank, header=header), alias=sys.argv[3])\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(registry.folder), major, alias])
        for major, alias in (("8", "latest"), ("9", "trial"))
    ]
    while any(w.poll() is None for w in writers):
        assert cdx.load_bank("physics", registry=registry).version[:2] in {"1.", "8."}
    assert [w.returncode for w in writers] == [0, 0]
    (index,) = registry.banks()
    assert sorted(index.versions) == ["1.0.0", "1.1.0", *(f"{m}.{k}" for m in "89" for k in range(6))]
    assert index.aliases["trial"] == tuple(f"9.{k}" for k in range(6))
    assert json.loads((Path(registry.folder) / "physics" / "index.json").read_text(encoding="utf-8"))["id"] == "physics"
    for name in index.versions:
        assert cdx.load_bank(f"physics@{name}", registry=registry).version == name


def test_a_framework_that_was_changed_is_published_with_its_bank(registry: BankRegistry) -> None:
    nodes = tuple(n.model_copy(update={"title": n.title.model_copy(update={"en": "Changed"})}) for n in FULL.framework.nodes)
    changed = replace(version("3.0"), framework=FULL.framework.model_copy(update={"nodes": nodes}))
    registry.publish(changed)
    assert cdx.load_bank("physics@3.0", registry=registry).digest == changed.digest != version("3.0").digest
