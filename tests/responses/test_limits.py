"""What is too large, too deep or made to take long is refused at once, in one sentence, before it is parsed."""

from __future__ import annotations

import gzip
import io
import pickle
import resource
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.bank import Item
from competency_dx.errors import CompetencyDxError, LimitError, ResponsesError, StorageError

SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'


@pytest.fixture(autouse=True)
def _in_bounds() -> Iterator[None]:
    """Refusing takes 200 MB at most and, under a second on an idle core, less than five of processor time on any."""
    cdx.load_bank("physics")
    cdx.load_responses([{"person": "a", "x": 1}, {"person": "b", "x": 0}])
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def workbook(path: Path, cells: str, blanks: int = 0) -> Path:
    """Write a workbook of one sheet with this XML for its rows, and so many million blanks before it."""
    pd.DataFrame({"person": ["a", "b"], "x": [1, 0]}).to_excel(path, index=False, engine="xlsxwriter")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if "sheet1" not in name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        with archive.open("xl/worksheets/sheet1.xml", "w") as file:
            for _ in range(blanks):
                file.write(b" " * 1_000_000)
            file.write(SHEET.format(cells).encode())
    return path


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
HIDDEN = '<row r="1"><c r="A1"><v>1</v></c><c  r="XFD1048576"><v>1</v></c></row>'


@pytest.mark.parametrize("cells", [FAR, HIDDEN, FAR.replace("<", "<x:").replace("<x:/", "</x:")])
def test_a_cell_far_away(tmp_path: Path, cells: str) -> None:
    with pytest.raises(CompetencyDxError, match=r"more than 200000000 cells"):
        cdx.load_responses(workbook(tmp_path / "a.xlsx", cells))


def test_a_sheet_that_decompresses_to_much(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", "", blanks=100)
    with pytest.raises(LimitError, match="when decompressed"):
        cdx.load_responses(path)


def test_a_gzip_file_that_decompresses_to_much(tmp_path: Path) -> None:
    path, out = tmp_path / "a.csv.gz", io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as file:
        for _ in range(80):
            file.write(b"1,0\n" * 250_000)
    path.write_bytes(out.getvalue())
    with pytest.raises(LimitError, match="when decompressed"):
        cdx.load_responses(path)


BOMB = "".join(f"{c}: &{c} [{', '.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("schema_version: 1\nid: " + "a" * 3_000_000 + "\n", "signs in one text"),
        ("schema_version: 1\nid: |\n" + "  a\n" * 1_000_000, "signs in one text"),
        ("a: " + "[" * 500 + "]" * 500, "cannot be read|levels"),
        (f"a: &a [x, x]\n{BOMB}", "references"),
        ("a: &a [*a]", "levels|cannot be read"),
    ],
)  # fmt: skip
def test_yaml(tmp_path: Path, text: str, match: str) -> None:
    cdx.save_bank(cdx.load_bank("physics"), tmp_path / "b")
    (tmp_path / "b" / "bank.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CompetencyDxError, match=match):
        cdx.load_bank(tmp_path / "b")


@pytest.mark.parametrize("text", ["[" * 100_000 + "]" * 100_000, '[{"a": ' + "[" * 90 + "]" * 90 + "}]", '{"a":' * 5000])
def test_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CompetencyDxError):
        cdx.load_responses(path)
    for kind in (cdx.Scores, cdx.DeficitProfiles, cdx.ItemBank):
        with pytest.raises(CompetencyDxError):
            kind.from_json(text)


def test_tables(tmp_path: Path) -> None:
    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv"
    wide.write_text(",".join(f"x{k}" for k in range(30_000)) + "\n", encoding="utf-8")
    long.write_text("person,x\na," + "б" * 300_000 + "\nb,1\n", encoding="utf-8")
    with pytest.raises(LimitError, match="columns"):
        cdx.load_responses(wide)
    with pytest.raises(LimitError, match="signs in one text"):
        cdx.load_responses(long)
    with pytest.raises(LimitError, match="signs in one text"):
        cdx.load_responses([{"person": "a", "x": "б" * 300_000}])
    with pytest.raises(LimitError, match="cells"):
        cdx.load_responses(np.broadcast_to(np.int8(1), (1_000_000, 1000)))


PATTERNS = ["(a+)+b", "(a|a)*b", "(a?){30}a{30}", "a*a*a*b", r"(a)\1", "(?=a)a", "(?:a|a)" * 30, "a?" * 30, "([a-z]+)*", "(?i:a)"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_that_could_take_long_are_refused(make_item: Callable[..., Item], pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        make_item("X", "text", key=["b"], scoring={"rule": "synonyms", "pattern": pattern})


@pytest.mark.parametrize("pattern", [r"уран[ -]?23[48]", r"(?:от )?\d+ до \d+", "один|два|три", r"[а-я]+ый", r"\(x\)(?:кг|г)?"])
def test_other_patterns_are_matched(make_item: Callable[..., Item], pattern: str) -> None:
    assert make_item("X", "text", key=["b"], scoring={"rule": "synonyms", "pattern": pattern}).max_score == 1


def test_scores_and_items_without_bound(make_item: Callable[..., Item], make_bank: Callable[..., cdx.ItemBank]) -> None:
    with pytest.raises(LimitError, match="scores of one item"):
        make_bank([make_item("X", "number", key="1", scoring={"rule": "tolerance", "points": 10**8})])
    with cdx.Limits(items=5), pytest.raises(LimitError, match="5 items"):
        make_bank([make_item(f"X{k}", "number", key="1") for k in range(6)])


def test_limits_hold_in_their_block_and_can_be_widened(tmp_path: Path) -> None:
    table = {"person": ["a", "b", "c"], "x": [1, 0, 1]}
    with cdx.Limits(rows=2), pytest.raises(LimitError, match="more than 2 rows"):
        cdx.load_responses(table)
    with cdx.Limits(rows=2), cdx.Limits(rows=3):
        assert len(cdx.load_responses(table).persons) == 3
    with pytest.raises(LimitError, match="positive"):
        cdx.Limits(rows=-1)
    with cdx.Limits(columns=1), pytest.raises(LimitError) as refused:
        cdx.load_responses(table)
    assert "предела" in pickle.loads(pickle.dumps(refused.value)).text("ru")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.json", "a.parquet", "a.csv.gz"])
def test_what_is_no_file_or_cannot_be_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    for place in (tmp_path / name, "a\0.csv", f"{'я' * 300}.csv"):
        with pytest.raises((StorageError, ResponsesError)):
            cdx.load_responses(place)


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.json", "a.jsonl", "a.parquet", "a.csv.gz", "a.xls", "a.ods"])
def test_damaged_files_are_one_sentence(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    whole = {"x.xlsx": workbook(tmp_path / "x.xlsx", '<row r="1"><c r="A1"><v>1</v></c></row>').read_bytes()}
    heads = [b"", b"PK\x03\x04", b"\xff\xfe", b"PAR1", b"\x1f\x8b", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", whole["x.xlsx"][:700]]
    for head in heads:
        for size in (0, 3, 500):
            (tmp_path / name).write_bytes(head + rng.bytes(size))
            with pytest.raises(CompetencyDxError) as refused:
                cdx.load_responses(tmp_path / name)
            assert "\n" not in refused.value.text("ru").strip()


def test_a_damaged_column_of_parquet_is_one_sentence(tmp_path: Path) -> None:
    """A column that is said to have no blanks but counts them: asking what it holds ended the process."""
    path = tmp_path / "a.parquet"
    pd.DataFrame({"person": ["a", "b", "c"], "x": [1.0, 0.0, 1.0], "y": [1.0, 1.0, 0.0]}).to_parquet(path)
    path.write_bytes(path.read_bytes().replace(b"%\x02\x18\x01x", b"%\x00\x18\x01x"))  # from optional to required
    with pytest.raises(CompetencyDxError) as refused:
        cdx.load_responses(path)
    assert "parquet" in refused.value.text("en")
