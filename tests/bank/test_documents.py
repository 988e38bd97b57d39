"""Every fault of a bank's documents is told by its place; what is written reads back to the same digest."""

from __future__ import annotations

import copy
import json
import re
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import competency_dx as cdx
from competency_dx.bank import BankPopulation, CompetencyFramework, Correlations, Item, ItemBank, ParameterRecord, parse, read_yaml
from competency_dx.bank.bank_file import ItemsDocument
from competency_dx.bank.parameter_record import read_parameters, write_parameters
from competency_dx.errors import BankError, CompetencyDxError, LimitError
from competency_dx.routes import load_catalogue
from competency_dx.storage import reading

MakeBank = Callable[..., ItemBank]
Change = Callable[[dict[str, Any]], object]

HEADER: dict[str, Any] = {
    "schema_version": 1,
    "id": "own",
    "title": {"ru": "Свой банк", "en": "Own bank"},
    "subject": "S",
    "version": "1.0",
    "framework": {"id": "own", "version": "1"},
    "forms": [{"id": "A", "items": ["x", "y"]}],
}
FRAMEWORK: dict[str, Any] = {
    "schema_version": 1,
    "id": "own",
    "version": "1",
    "title": {"ru": "Рамка"},
    "nodes": [
        {"code": "S", "title": {"ru": "Предмет"}, "kind": "category"},
        {"code": "S.1", "title": {"ru": "Область"}, "kind": "domain", "parent": "S"},
        {"code": "S.2", "title": {"ru": "Область 2"}, "kind": "domain", "parent": "S"},
    ],
    "prerequisites": [{"origin": "S.1", "destination": "S.2"}],
}
ITEMS: dict[str, Any] = {
    "schema_version": 1,
    "items": [
        {"id": "x", "type": "single", "options": {"1": "a", "2": "b"}, "key": "1", "competencies": {"S.1": 1.0}},
        {"id": "y", "type": "digits", "key": "013", "competencies": {"S.1": 1.0, "S.2": 0.5}},
        {
            "id": "z",
            "type": "multiple",
            "options": {"1": "a", "2": "b", "3": "c"},
            "key": ["1", "3"],
            "scoring": {"rule": "one_error", "points": 2},
            "competencies": {"S.2": 1.0},
        },
    ],
}
PARAMETERS = """item,model,a,b,b1,b2,se_a,se_b,se_b1,se_b2,status
x,2PL,1.1,-0.5,,,0.3,0.6,,,provisional
y,2PL,0.9,0.25,,,0.3,0.6,,,provisional
z,GPCM,1.0,,-0.5,0.7,0.3,,0.6,0.6,provisional
"""


class Folder:
    """The documents of a bank as plain data, to be changed and written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header, self.items = copy.deepcopy(HEADER), copy.deepcopy(ITEMS)
        self.framework, self.parameters = copy.deepcopy(FRAMEWORK), PARAMETERS

    def load(self) -> ItemBank:
        for name, content in (("bank", self.header), ("items", self.items), ("framework", self.framework)):
            text = json.dumps(content, ensure_ascii=False)  # JSON is YAML 1.2
            (self.path / f"{name}.yaml").write_text(text, encoding="utf-8")
        (self.path / "parameters.csv").write_text(self.parameters, encoding="utf-8")
        return cdx.load_bank(self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_good_folder_loads(folder: Folder) -> None:
    bank = folder.load()
    assert [i.id for i in bank.items] == ["x", "y", "z"]
    assert bank.item("y").key == "013"
    assert bank.item("z").max_score == 2
    assert bank.parameters[2].b == (-0.5, 0.7)


def put(*path: Any, value: Any) -> Change:
    """Make a change that puts a value at a path of keys."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def stated(**fields: Any) -> Change:
    """Make a change that states a population, in schema 2."""

    def change(document: dict[str, Any]) -> None:
        document |= {"schema_version": 2, "population": fields}

    return change


ITEM_FAULTS: list[tuple[Change, str]] = [
    (put("items", 1, "key", value=13), r"items\.yaml: items\[1\]\.key: 13 must stand in quotes"),
    (put("items", 2, "key", value=["1", 3]), r"items\[2\]\.key: 3 must stand in quotes"),
    (put("items", 0, "id", value=7), r"items\[0\]\.id is 7: a number must stand in quotes"),
    (put("items", 0, "stemm", value="?"), r"items\[0\]\.stemm is not a field of the format"),
    (put("items", 0, "scoring", value={"rule": "exact", "point": 1}), r"items\[0\]\.scoring\.exact\.point is not a field"),
    (put("items", 0, "key", value="4"), r"items\[0\]: key names options that do not exist: 4; options are 1, 2"),
    (put("items", 0, "key", value=None), r"items\[0\]: key of a single item must be quoted text, found None"),
    (put("items", 2, "key", value=["1", "1"]), r"items\[2\]: key names an option twice"),
    (put("items", 0, "competencies", value={}), r"items\[0\]\.competencies"),
    (put("items", 1, "competencies", value={"S": 1}), r"items y are coded for the node S, .* below it \(S\.1, S\.2\)"),
    (put("items", 0, "competencies", value={"S.1": 0}), r"items\[0\]: competency weights must be positive: S\.1"),
    (put("items", 0, "competencies", value={"S.9": 1}), r"items\[0\]\.competencies \(x\): unknown codes S\.9"),
    (put("items", 0, "type", value="guess"), r"items\[0\]\.type"),
    (put("items", 0, "scoring", value={"rule": "rubric"}), r"items\[0\]: scoring rule 'rubric' does not suit type 'single'"),
    (put("items", 1, "id", value="x"), r"item ids must be unique, repeated: x"),
    (put("items", 1, "type", value="open"), r"items\[1\]: an open item needs a rubric"),
    (put("items", 0, "misconceptions", value={"9": "?"}), r"items\[0\]: misconceptions name options that do not exist: 9"),
    (put("items", value=[]), r"items\.yaml: items"),
    (put("schema_version", value=3), r"items\.yaml: schema_version"),
]


@pytest.mark.parametrize(("change", "message"), ITEM_FAULTS, ids=[m for _, m in ITEM_FAULTS])
def test_faults_of_items_name_their_place(change: Change, message: str, folder: Folder) -> None:
    change(folder.items)
    with pytest.raises(BankError, match=message):
        folder.load()


HEADER_FAULTS: list[tuple[Change, str]] = [
    (put("version", value=1.0), r"bank\.yaml: version is 1\.0: a number must stand in quotes"),
    (put("titel", value="x"), r"bank\.yaml: titel is not a field of the format"),
    (put("title", value={"en": "x"}), r"bank\.yaml: title\.ru is missing"),
    (put("forms", 0, "items", value=["x", "q"]), r"forms\[0\]\.items: unknown items q"),
    (put("forms", 0, "items", value=["x", "x"]), r"forms\[0\]\.items: items named twice: x"),
    (put("forms", 0, "items", value=[]), r"bank\.yaml: forms\[0\]\.items"),
    (put("reference_set", value=["x", "q"]), r"reference_set: unknown items q"),
    (put("subject", value="T"), r"subject 'T' is no code of framework own"),
    (put("framework", "version", value="2"), r"framework\.version asks for own 2, found own 1"),
    (put("population", value={"variance": 0}), r"bank\.yaml: population\.variance"),
    (put("population", value={"mean_se": 0.2}), r"population\.mean_se needs schema_version: 2"),
    (stated(leaves={"S.1": {"sd": 0}}), r"population\.leaves\.S\.1\.sd"),
    (stated(leaves={"S": {"mean": 1.0}}), r"population\.leaves: S own no items; the leaves of this bank are S\.1, S\.2"),
    (stated(correlations={"within": 1.0}), r"population\.correlations\.Correlations\.within"),
    (stated(correlations={"leaves": ["S.1"], "values": []}), r"population\.correlations\.leaves: S\.2 own items and are"),
    (stated(correlations={"leaves": ["S.1", "S.2"], "values": []}), r"2 leaves need 1 correlations"),
    (stated(correlations={"leaves": ["S.1", "S.3"], "values": [0.5]}), r"correlations\.leaves: S\.3 own no items"),
]


@pytest.mark.parametrize(("change", "message"), HEADER_FAULTS, ids=[m for _, m in HEADER_FAULTS])
def test_faults_of_the_header_name_their_place(change: Change, message: str, folder: Folder) -> None:
    change(folder.header)
    with pytest.raises(BankError, match=message):
        folder.load()


def retired(code: str, replaced_by: list[str]) -> Change:
    """Return the change that retires a code of the framework."""

    def change(framework: dict[str, Any]) -> None:
        framework["schema_version"] = 2
        next(node for node in framework["nodes"] if node["code"] == code)["replaced_by"] = replaced_by

    return change


FRAMEWORK_FAULTS: list[tuple[Change, str]] = [
    (put("nodes", 2, "code", value="S.1"), r"codes must be unique, repeated: S\.1"),
    (put("nodes", 2, "parent", value="T"), r"parents that do not exist or are retired, of: S\.2"),
    (put("nodes", 0, "parent", value="S.2"), r"parents form a cycle through"),
    (put("nodes", 0, "parent", value="S.1"), r"parents form a cycle through: S, S\.1(?!.*S\.2)"),  # what lies below is not on it
    (put("prerequisites", 0, "origin", value="Q"), r"prerequisites between unknown or retired codes: Q -> S\.2"),
    (
        put("prerequisites", value=[{"origin": "S.1", "destination": "S.2"}, {"origin": "S.2", "destination": "S.1"}]),
        r"prerequisites form a cycle through: .*S\.1",
    ),
    (put("prerequisites", 0, "strength", value="firm"), r"prerequisites\[0\]\.strength"),
    (put("nodes", 1, "kind", value="skill"), r"nodes\[1\]\.kind"),
    (put("nodes", 2, "replaced_by", value=["S.1"]), r"nodes\[2\]\.replaced_by needs schema_version: 2"),
    (retired("S.2", ["Q"]), r"replaced_by names codes that do not exist or are retired themselves: S\.2 -> Q"),
    (retired("S.2", ["S.2"]), r"retired themselves: S\.2 -> S\.2"),
    (retired("S", ["S.1"]), r"parents that do not exist or are retired, of: S\.1, S\.2"),
    (retired("S.2", ["S.1"]), r"prerequisites between unknown or retired codes: S\.1 -> S\.2"),
]


@pytest.mark.parametrize(("change", "message"), FRAMEWORK_FAULTS, ids=[m for _, m in FRAMEWORK_FAULTS])
def test_faults_of_the_framework_name_their_place(change: Change, message: str, folder: Folder) -> None:
    change(folder.framework)
    with pytest.raises(BankError, match=message):
        folder.load()


PARAMETER_FAULTS = [
    ("z,GPCM,1.0,,-0.5,0.7,0.3,,0.6,0.6", "z,GPCM,1.0,0.1,,,0.3,0.6,,", r"parameters of z: 1 step difficulties .* score 2"),
    ("y,2PL", "q,2PL", r"parameters of an unknown item q"),
    ("y,2PL", "x,2PL", r"item x has two rows of parameters"),
    ("0.25", "0,25x", r"parameters\.csv"),
    ("0.25", "abc", r"row 3, column b: 'abc' is not a number; use a decimal point"),
    ("0.25", "inf", r"row 3, column b: 'inf' is not finite"),
    ("item,model,a", "item,model,slope", r"columns missing: a"),
    ("provisional\ny", "guessed\ny", r"row 2: status"),
    ("provisional\ny", "provisional,7\ny", r"row 2: \d+ cells, the header has \d+"),
    ("item,model,a,b,", "item,model,a,a,", r"columns a are there twice"),
    ("z,GPCM,1.0,,-0.5,", "z,GPCM,1.0,,,", r"difficulties stand in columns b2; expected b, or b1, b2"),
    ("z,GPCM,1.0,,-0.5,", "z,GPCM,1.0,0.1,-0.5,", r"difficulties stand in columns b, b1, b2; expected"),
    ("y,2PL", ",2PL", r"row 3: item"),
    ("y,2PL,0.9,0.25,,,0.3,0.6,,", "y,2PL,0.9,0.25,,,0.3,0.6,,0.5", r"errors stand in columns se_b, se_b2, difficulties in b;"),
    (
        "z,GPCM,1.0,,-0.5,0.7",
        "z,GRM,1.0,,0.7,-0.5",
        r"parameters of z: GRM with slope a = 1 and step difficulties 0.7, −0.5 out of order",
    ),
    ("z,GPCM,1.0,,-0.5,0.7", "z,GRM,1.0,,0.7,0.7", r"parameters of z: GRM .* out of order"),
    ("z,GPCM,1.0", "z,GRM,-1.0", r"parameters of z: GRM with slope a = −1 and"),
    ("z,GPCM,1.0", "z,4PL,1.0", r"parameters of z: 4PL is for right and wrong answers, and there are 2 steps"),
    (
        "status\nx,2PL,1.1,-0.5,,,0.3,0.6,,,provisional",
        "status,date\nx,2PL,1.1,-0.5,,,0.3,0.6,,,provisional,2026-13-45",
        r"date is '2026-13",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), PARAMETER_FAULTS, ids=[m for *_, m in PARAMETER_FAULTS])
def test_faults_of_parameters_name_row_and_column(old: str, new: str, message: str, folder: Folder) -> None:
    assert old in folder.parameters
    folder.parameters = folder.parameters.replace(old, new, 1)
    with pytest.raises(BankError, match=message):
        folder.load()


def test_many_faults_are_counted(folder: Folder) -> None:
    folder.items["items"][0] |= {f"extra{k}": 1 for k in range(9)}
    with pytest.raises(BankError, match=r"\(and 4 more\)"):
        folder.load()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", "not readable as YAML 1.2"),
        (b"a: 1\na: 2\n", "not readable as YAML 1.2"),
        ("id: банк".encode("cp1251"), "not UTF-8"),
        (b"id: !!python/object:os.system x", "not readable as YAML 1.2"),
    ],
)
def test_files_that_cannot_be_read_say_why(content: bytes, message: str, folder: Folder) -> None:
    folder.load()
    (folder.path / "bank.yaml").write_bytes(content)
    with pytest.raises(BankError, match=message):
        cdx.load_bank(folder.path)


HOSTILE = {
    "date": "2026-13-45",
    "date with a tag": "!!timestamp x",
    "time of another place": "2026-01-01T00:00:00+99:99",
    "integer": "!!int x",
    "integer of nothing": "!!int ''",
    "hexadecimal": "0x" + "f" * 9000,
    "number of thousands of digits": "9" * 5000,
    "number": "!!float x",
    "number beyond all": "1e999",
    "infinite": ".inf",
    "no number": ".nan",
    "truth": "!!bool x",
    "list as number": "!!int [1]",
    "list as mapping": "!!map [a]",
    "unknown tag": "!x y",
    "Python": "!!python/object/apply:os.system ['x']",
    "bytes": "!!binary abc",
    "set": "!!set {a, b}",
    "pairs": "!!omap [a: 1]",
    "circle": "&a [*a]",
    "circle of mappings": "&a {b: {c: *a}}",
    "no anchor": "*b",
    "merged": "{<<: {a: 1}}",
    "merged beyond measure": "[&x0 {k: 1}" + "".join(f", &x{k + 1} {{<<: [*x{k}, *x{k}]}}" for k in range(40)) + "]",
    "twice": "{a: 1, a: 2}",
    "mapping as name": "{? {a: b} : 1}",
    "sign": '"\\UFFFFFFFF"',
    "open": "[1",
    "second document": "1\n---\na: 1",
    "directive": "1\n...\n%YAML 1." + "9" * 5000 + "\n---\n1",
}


@pytest.mark.parametrize("name", ["bank", "items", "framework", "catalogue"])
@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_every_yaml_names_the_line_of_what_it_cannot_hold(words: str, name: str, folder: Folder) -> None:
    folder.load()
    path = folder.path / f"{name}.yaml"
    path.write_text(f"# the second line is damaged\nnote: {words}\n", encoding="utf-8")
    with pytest.raises(BankError) as fault:
        load_catalogue(path) if name == "catalogue" else cdx.load_bank(folder.path)
    assert re.search(rf"{name}\.yaml, line [23456]: not readable as YAML 1\.2: \S", str(fault.value))
    assert len(str(fault.value)) < 900
    assert re.search(rf"{name}\.yaml, строка [23456]: не читается как YAML 1\.2: ", fault.value.text("ru"))


@pytest.mark.filterwarnings("error")
def test_what_yaml_may_say_in_other_ways_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text("a: &x [1, 2.5, true, null, 0x10, 2026-01-02]\nb: *x\nc: &x '1'\nd: !!str 5\n", encoding="utf-8")
    whole = [1, 2.5, True, None, 16, date(2026, 1, 2)]
    assert read_yaml(path) == {"a": whole, "b": whole, "c": "1", "d": "5"}
    path.write_text("items:\n- a\n- b\nmore: |\n  a: b\n  - c\n", encoding="utf-8")
    assert read_yaml(path) == {"items": ["a", "b"], "more": "a: b\n- c\n"}


LARGE = {
    "block of a text": ("a: |\n" + "  a: b\n" * 400_000, "entries of one list"),
    "block with levels": ("a: |\n" + ("  a: b\n" + "   c: d\n" * 19_000) * 100, "seconds of reading"),
    "text in quotes": ('a: "' + "b\\\n" * 400_000 + '"\n', "signs in one text"),
    "remark": ("#" + "a" * 3_000_000, "signs in one text"),
    "blanks": ("a:" + " " * 3_000_000 + "b", "signs in one text"),
    "names": ("".join(f"k{k}: 1\n" for k in range(300_000)), "entries of one list"),
    "items": ("items:\n" + "".join(f"- {{id: A{k}}}\n" for k in range(20_001)), "entries of one list"),
    "brackets": ("[" * 100_000, "levels of lists"),
    "dashes": ("- " * 30_000 + "a", "levels of lists"),
    "steps": ("".join(" " * k + "a:\n" for k in range(3000)), "levels of lists"),
}


@pytest.mark.parametrize(("text", "message"), LARGE.values(), ids=LARGE)
def test_yaml_beyond_the_limits_is_refused_before_it_is_parsed(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text(text, encoding="utf-8")
    tracemalloc.start()
    begun = time.process_time()
    limits = cdx.Limits(seconds=2) if "seconds" in message else cdx.Limits()
    with limits, pytest.raises(LimitError, match=message):
        read_yaml(path)
    spent, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < 8  # traced, on a busy machine; a hundredth of what parsing takes
    assert most < 10 * len(text) + 40_000_000


def test_lists_in_one_line_and_the_time_are_counted_while_parsing(tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text("[" + "a, " * 300 + "]", encoding="utf-8")
    with cdx.Limits(items=200), pytest.raises(LimitError, match="200 items"):
        read_yaml(path)
    path.write_text("a: " + "b" * 300, encoding="utf-8")
    with cdx.Limits(cell_length=200), pytest.raises(LimitError, match="200 signs"):
        read_yaml(path)
    path.write_text("".join(f"k{k}: 1\n" for k in range(3000)), encoding="utf-8")
    with cdx.Limits(seconds=0.01), pytest.raises(LimitError, match=r"0\.01 seconds"), reading(path, BankError):
        read_yaml(path)


def test_a_table_of_parameters_has_as_many_rows_as_a_bank_has_items(folder: Folder) -> None:
    folder.parameters += "x,2PL,1,0,,,0.3,0.6,,,provisional\n" * 300_000
    with pytest.raises(LimitError, match="20000 items"):
        folder.load()


NOT_OF_A_MODEL = (
    {"a": 1e200}, {"a": -101.0}, {"b": (1e200,)}, {"b": (1001.0,)}, {"b": (float("nan"),)}, {"se_a": 1e200}, {"se_b": (1001.0,)},
    {"se_b": (float("inf"),)}, {"se_b": (0.5, 0.5)}, {"model": "XPL"}, {"model": "2pl"}, {"model": "3PL", "c": 1.0},
    {"model": "3PL", "c": -0.1}, {"model": "4PL", "c": 0.6, "u": 0.5},
)  # fmt: skip


@pytest.mark.parametrize("change", NOT_OF_A_MODEL, ids=map(str, NOT_OF_A_MODEL))
def test_parameters_that_no_model_carries_are_refused_wherever_they_come_from(change: dict[str, Any], folder: Folder) -> None:
    bank = folder.load()
    records = (bank.parameters[0].model_copy(update=change), *bank.parameters[1:])
    with pytest.raises(BankError, match="parameters of x"):
        replace(bank, parameters=records)
    if "se_b" not in change or len(change["se_b"]) == 1:  # no table can say more
        folder.parameters = write_parameters(records)
        with pytest.raises(BankError):
            folder.load()
    document = json.loads(bank.to_json())
    document["parameters"][0] |= {k: list(v) if isinstance(v, tuple) else v for k, v in change.items()}
    with pytest.raises(CompetencyDxError):
        ItemBank.from_json(json.dumps(document))


EXTREME = [{"a": a, "b": b, "se": se} for a in (-100, 0, 1e-300, 100) for b in (-1000, 1000) for se in (0, 1000)]
WIDE: list[dict[str, Any]] = [
    {"mean": 100, "mean_se": 10, "sd_se": 1},
    {"variance": 1e4, "sd_se": 1},
    {"variance": 1e-6},
    {"leaves": {"PHY.S.01": {"mean": -100, "sd": 1e-3}}},
    {"correlations": {"within": 0.99, "between": 0, "within_se": 10, "between_se": 10}},
]


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(("numbers", "population"), [*((n, {}) for n in EXTREME[::3]), *(({}, p) for p in WIDE)])
def test_what_is_within_the_limits_gives_numbers(numbers: dict[str, float], population: dict[str, Any]) -> None:
    bank = cdx.load_bank("physics")
    answers, records = cdx.simulate(bank, 3, rng=np.random.default_rng(1)), bank.parameters
    if numbers:
        a, b, se = numbers.values()
        records = tuple(r.model_copy(update={"a": a, "b": (b,) * len(r.b), "se_a": se, "se_b": (se,) * len(r.b)}) for r in records)
    header = bank.header.model_copy(update={"population": parse(BankPopulation, population, "population"), "schema_version": 3})
    changed = ItemBank.from_json(replace(bank, parameters=records, header=header).to_json())
    for method in (cdx.EAP(), cdx.WLE()):
        assert np.isfinite(cdx.score(answers, changed, method=method).theta).all()
    profiles = cdx.diagnose(answers, changed)
    assert np.isfinite([profiles.theta, profiles.percent]).all()
    assert cdx.DeficitProfiles.from_json(profiles.to_json()).percent.shape == profiles.percent.shape


NOT_USABLE: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"key {key[:9]!r}": ({"type": "number", "key": key}, "key of a number item must be")
        for key in ("1/0", "nan", "inf", "1e999", "9" * 99, "five", "1 2 3", "1 5/3", "--1", "1e", "٣")
    },
    **{
        f"{name} {text}": ({"type": "number", "key": "1", "scoring": {"rule": "tolerance", name: text}}, "tolerance")
        for name in ("absolute", "relative")
        for text in ("nan", "inf", "-1", "1e999", "", "1/0", "x")
    },
    **{
        f"pattern {text[:12]!r}": ({"type": "text", "key": ["a"], "scoring": {"rule": "synonyms", "pattern": text}}, "pattern '")
        for text in ("[aaa", "a{99999999999}", "(?P<", "\\", "a**", "(?L)a", "(?<=a+)b", "(?:" * 900 + "a" + ")" * 900, "a" * 2001)
    },
    "digits": ({"type": "digits", "key": "1-2"}, "key of a digits item must be"),
    "wording": ({"type": "text", "key": ["a", " "]}, "without empty texts"),
    "uncertainty": ({"type": "number", "answer_format": "uncertainty", "key": "0.8"}, "a value and its uncertainty"),
    "range": ({"type": "number", "answer_format": "range", "key": "12"}, "the two ends of a range"),
    "points": ({"type": "scored", "scoring": {"rule": "given", "points": 128}}, ""),
    "points below 0": ({"type": "single", "scoring": {"rule": "map", "scores": {"1": 1, "2": -5}}}, "greater than or equal to 0"),
    "weight": ({"type": "digits", "key": "1", "competencies": {"S.1": 1e300}}, "competencies is"),
    "seconds": ({"type": "digits", "key": "1", "time_s": 10**400}, "time_s is"),
    "rule": ({"type": "number", "key": "1", "scoring": {"rule": "exact"}}, "expected one of tolerance, map$"),
}


@pytest.mark.parametrize(("item", "message"), NOT_USABLE.values(), ids=NOT_USABLE)
def test_items_that_no_answer_can_be_judged_by_are_refused(item: dict[str, Any], message: str, folder: Folder) -> None:
    with pytest.raises(CompetencyDxError) as fault:
        replace(folder.load(), items=(parse(Item, {"id": "x", "competencies": {"S.1": 1}} | item, "items[0]"),))
    assert re.search(message, str(fault.value))


def test_missing_files_and_unknown_names_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(BankError, match=r"There is no item bank 'alchemy': .*history, informatics, .*mathematics, .*physics,"):
        cdx.load_bank("alchemy")
    with pytest.raises(BankError, match=r"bank\.yaml: the file is missing"):
        cdx.load_bank(tmp_path)


@pytest.mark.parametrize("name", ["mathematics", "history", "physics"])
def test_a_bank_written_and_read_has_the_same_digest(name: str, tmp_path: Path) -> None:
    bank = cdx.load_bank(name)
    again = cdx.load_bank(cdx.save_bank(bank, tmp_path / name))
    assert again.digest == bank.digest
    assert again is not bank


def test_an_own_framework_travels_with_the_bank(folder: Folder, tmp_path: Path) -> None:
    bank = folder.load()
    again = cdx.load_bank(cdx.save_bank(bank, tmp_path / "copy"))
    assert again.digest == bank.digest
    assert again.framework.node("S.2").title.ru == "Область 2"


def test_the_digest_sees_every_change(folder: Folder) -> None:
    digests = {folder.load().digest}
    folder.items["items"][0]["key"] = "2"
    digests.add(folder.load().digest)
    folder.parameters = folder.parameters.replace("0.25", "0.26")
    digests.add(folder.load().digest)
    folder.framework["nodes"][1]["title"]["ru"] = "Иначе"
    digests.add(folder.load().digest)
    assert len(digests) == 4


class FreshRecords:
    """A calibration as a bank needs it: records and population."""

    def __init__(self, *records: ParameterRecord) -> None:
        self.records = records

    def bank_records(self) -> tuple[ParameterRecord, ...]:
        return self.records

    def bank_population(self) -> BankPopulation:
        return BankPopulation(mean=0.5, variance=2.0)

    def bank_dimensions(self) -> dict[str, str]:
        return {}


Fresh: Any = FreshRecords  # which is no `Calibration`


def test_a_calibrated_bank_is_a_new_one_and_the_old_one_stays(folder: Folder) -> None:
    bank = folder.load()
    before = bank.to_json()
    record = ParameterRecord(item="y", model="2PL", a=1.4, b=(0.8,), se_a=0.1, se_b=(0.1,), status="calibrated", n=900)
    held = bank.parameters[0].model_copy(update={"status": "calibrated", "se_b": (0.0,), "n": 7})
    fresh = bank.with_calibration(Fresh(record, held), date="")
    assert bank.to_json() == before
    assert fresh.version == "1.1"
    assert fresh.digest != bank.digest
    assert fresh.parameters[1] == record
    assert fresh.parameters[0] == bank.parameters[0]
    assert (fresh.header.population.mean, fresh.header.population.variance) == (0.5, 2.0)


def test_headers_of_schema_1_keep_their_digest_and_have_the_pattern_stated_by_default(folder: Folder) -> None:
    """The digests are those that the version before schema 2 gave."""
    bank = folder.load()
    assert bank.digest == "sha256:a0a017cba5dc37ed38d2e33554057f606eb0c5860c908524aabdcf2e53953fd8"
    assert bank.header.population == BankPopulation()
    assert bank.header.population.correlations == Correlations()
    folder.header["population"] = {"mean": 0.5, "variance": 2.0}
    assert folder.load().digest == "sha256:5a5b9945d49fdee6a570546612e8ae26c37f4244bb5588b97604f80541730a7c"


@pytest.mark.parametrize(
    "population",
    [
        {"correlations": {"within": 0.7, "between": 0.5}, "status": "provisional", "source": "judgement"},
        {"leaves": {"S.2": {"mean": -0.4, "sd": 1.2}}, "mean_se": 0.3, "n": 12, "date": "2026-05-01"},
        {"correlations": {"leaves": ["S.1", "S.2"], "values": [0.6], "se": [0.1]}, "status": "estimated"},
    ],
)
def test_populations_of_schema_2_read_back_to_the_same_digest(population: dict[str, Any], folder: Folder, tmp_path: Path) -> None:
    folder.header |= {"schema_version": 2, "population": population}
    bank = folder.load()
    again = cdx.load_bank(cdx.save_bank(bank, tmp_path / "again"))
    assert again.digest == bank.digest
    assert again.header == bank.header
    assert cdx.ItemBank.from_json(bank.to_json()).digest == bank.digest


def test_an_item_counts_for_the_leaf_of_its_greatest_weight(folder: Folder) -> None:
    folder.framework["nodes"].append({"code": "S.2.1", "title": {"ru": "Тема"}, "kind": "topic", "parent": "S.2"})
    folder.items["items"][1]["competencies"] = {"S.1": 0.4, "S.2.1": 0.6}
    assert dict(folder.load().leaves) == {"x": "S.1", "y": "S.2", "z": "S.2"}


def test_a_calibration_of_one_competency_keeps_the_correlations(folder: Folder) -> None:
    stated(correlations={"within": 0.7, "between": 0.5}, source="judgement")(folder.header)
    bank = folder.load()
    fresh = bank.with_calibration(Fresh(bank.parameters[0]))
    assert fresh.header.population.correlations == bank.header.population.correlations
    assert (fresh.header.population.mean, fresh.header.schema_version) == (0.5, 2)


@pytest.mark.parametrize("held", [True, False])
def test_the_spread_of_what_competencies_share_is_not_that_of_each(held: bool, folder: Folder) -> None:
    """One competency for items of several leaves, on the scale of the bank: its leaves keep their population, and this is told."""
    stated(group="teachers", source="judgement", leaves={"S.2": {"mean": -0.4, "sd": 1.2}}, sd_se=0.3)(folder.header)
    bank = folder.load()
    new = [r if held else r.model_copy(update={"b": tuple(b + 1 for b in r.b)}) for r in bank.parameters]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fresh = bank.with_calibration(Fresh(*new)).header.population
    before = bank.header.population
    assert (fresh.mean, fresh.variance, fresh.group, fresh.source) == (0.5, 2.0, "teachers", "judgement")
    assert [str(w.message).endswith("[bank.general_population]") for w in told] == [True] * held
    if held:
        assert {leaf: (p.mean, p.sd) for leaf, p in fresh.leaves.items()} == {"S.1": (0.0, 1.0), "S.2": (-0.4, 1.2)}
        assert (fresh.sd_se, fresh.status, fresh.date) == (before.sd_se, before.status, before.date)
    else:
        assert not fresh.leaves


def test_a_calibration_of_one_leaf_brings_its_population_and_names(folder: Folder) -> None:
    stated(group="teachers", source="judgement", leaves={"S.2": {"mean": -0.4, "sd": 1.2}})(folder.header)
    bank = folder.load()
    fresh = bank.with_calibration(Fresh(*[r for r in bank.parameters if bank.leaves[r.item] == "S.1"]), group="g", source="s")
    population = fresh.header.population
    assert (population.mean, population.group, population.source, population.leaves["S.2"].sd) == (0.5, "g", "s", 1.2)
    assert "S.1" not in population.leaves


def test_items_set_aside_leave_the_scale_its_name(folder: Folder) -> None:
    bank = folder.load()
    less = bank.without(["x"])
    assert less.epoch == bank.epoch
    assert cdx.ItemBank.from_json(less.to_json()).epoch == bank.epoch
    assert less.with_calibration(Fresh(less.parameters[0])).epoch == bank.epoch


def test_a_calibration_of_other_items_is_refused(folder: Folder) -> None:
    record = ParameterRecord(item="q", model="2PL", a=1.4, b=(0.8,))
    with pytest.raises(BankError, match="the calibration has items the bank has not: q"):
        folder.load().with_calibration(Fresh(record))


def test_a_real_calibration_scores_through_the_bank_as_it_does_itself(folder: Folder) -> None:
    """Parameters go through (a, b) records and back: 1e-9."""
    import numpy as np

    bank = folder.load()
    data = cdx.simulate(bank, 500, rng=np.random.default_rng(1))
    calibration = cdx.calibrate(data, model="GPCM")
    through = bank.with_calibration(calibration)
    assert {r.status for r in through.parameters} == {"calibrated"}
    np.testing.assert_allclose(cdx.score(data, through).theta, cdx.score(data, calibration).theta, atol=1e-9)


def test_framework_questions() -> None:
    framework = parse(CompetencyFramework, FRAMEWORK, "test")
    assert [n.code for n in framework.lineage("S.1")] == ["S.1", "S"]
    assert framework.within("S.1", "S")
    assert not framework.within("S", "S.1")
    assert [n.code for n in framework.children("S")] == ["S.1", "S.2"]
    assert "S.9" not in framework
    with pytest.raises(BankError, match=r"'S\.9' is no code of the framework own 1"):
        framework.node("S.9")


def test_items_refuse_change() -> None:
    item = Item(id="x", type="digits", key="013", competencies={"S": 1.0})
    with pytest.raises(ValueError, match="frozen"):
        item.key = "14"  # type: ignore[misc]  # wrong on purpose


def test_a_parameters_file_of_a_russian_spreadsheet_reads_back() -> None:
    bank = cdx.load_bank("physics")
    text = write_parameters(bank.parameters)
    russian = text.replace(",", ";").replace(".", ",")
    assert read_parameters("\ufeff" + russian, "p.csv") == bank.parameters
    assert read_parameters("\ufeffsep=;\r\n" + russian, "p.csv") == bank.parameters


def test_faults_of_parameters_and_other_subjects_are_findings() -> None:
    bank = cdx.load_bank("physics")
    first, second, third, fourth, *rest = bank.parameters
    wrong = [
        first.model_copy(update={"a": -0.5}),
        second.model_copy(update={"b": (-12.0,) * len(second.b)}),
        third.model_copy(update={"model": "Rasch", "a": 1.7}),
        fourth.model_copy(update={"a": 50.0}),
    ]
    faulty = replace(bank, parameters=(*wrong, *rest))
    told = next(f for f in faulty.findings() if f.code == "bank.odd_parameters")
    assert set(told.scope) == {first.item, second.item, third.item, fourth.item}
    assert "a = -0.5" in told.en
    assert not [f for f in bank.findings() if f.code in {"bank.odd_parameters", "bank.same_words", "bank.other_subject"}]
    item = next(i for i in bank.items if i.type == "single")
    same = item.model_copy(update={"options": {code: f" {next(iter(item.options.values()))}" for code in item.options}})
    alike = replace(bank, items=tuple(same if i is item else i for i in bank.items))
    assert next(f for f in alike.findings() if f.code == "bank.same_words").scope == (item.id,)
    other = bank.header.model_copy(update={"subject": "MAT"})
    assert "bank.other_subject" in {f.code for f in replace(bank, header=other).findings()}


def test_provisional_parameters_without_errors_are_named(folder: Folder) -> None:
    assert "bank.no_errors" not in {f.code for f in folder.load().findings()}
    folder.parameters = folder.parameters.replace("0.25,,,0.3,0.6", "0.25,,,0.3,").replace(",,0.6,0.6,", ",,0.6,,")
    told = next(f for f in folder.load().findings() if f.code == "bank.no_errors")
    assert told.scope == ("y", "z")


@pytest.mark.parametrize("errors", [[], [None, 0.5], [0.5], [0.5, 0.5, 0.5]], ids=str)
def test_errors_of_steps_in_a_document_are_as_many_as_the_steps(errors: list[float | None], folder: Folder) -> None:
    document = json.loads(folder.load().to_json())
    document["parameters"][2]["se_b"] = errors
    with pytest.raises(CompetencyDxError) as refused:
        ItemBank.from_json(json.dumps(document))
    assert ("parameters[2].se_b" in str(refused.value)) == (len(errors) not in {0, 2})  # else the digest tells of the change


def test_a_calibration_dates_its_records(folder: Folder) -> None:
    bank = folder.load()
    record = ParameterRecord(item="y", model="2PL", a=1.4, b=(0.8,), se_a=0.1, se_b=(0.1,))
    fresh = Fresh(record, bank.parameters[0])
    today, stated = bank.with_calibration(fresh), bank.with_calibration(fresh, date="2026-09-01")
    assert today.parameters[1].date == date.today().isoformat()
    assert stated.parameters[1].date == "2026-09-01"
    assert today.parameters[0].date == bank.parameters[0].date
    assert today.header.population.date == date.today().isoformat()
    assert stated.header.population.date == "2026-09-01"


def test_of_thousands_of_faults_a_sentence_is_made_of_those_shown() -> None:
    asked: list[object] = []

    def place(path: Sequence[object]) -> str:
        asked.append(path)
        return "here"

    with pytest.raises(BankError, match=r"here .* \(and 11995 more\)"):
        parse(ItemsDocument, {"schema_version": 1, "items": [{}] * 4000}, "x", place)
    assert len(asked) == 5
