"""Nothing that is written says where on the machine it was made."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
MARK = "folder-of-this-machine"


def contents(path: Path) -> Iterator[str]:
    """Yield all that stands in a file, the parts of a workbook unpacked, cells of a Parquet file and what describes it."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            yield from (book.read(name).decode() for name in book.namelist())
    elif path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")

        table = parquet.read_table(path)
        yield f"{table.schema.metadata}{parquet.ParquetFile(path).metadata.metadata}{table.to_pydict()}"
    else:
        yield path.read_bytes().decode(errors="replace")


@pytest.fixture(scope="module")
def written() -> Iterator[Path]:
    """Write every kind of file from a bank and tables named by absolute paths, some of which give reason for findings."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / MARK / "out"
        yield _written(out)


def _written(out: Path) -> Path:
    place = out.parent
    cdx.save_bank(cdx.load_bank("physics"), place / "bank")
    bank = cdx.load_bank(str(place / "bank"))
    drawn = cdx.simulate(bank, 150, rng=np.random.default_rng(4))
    drawn = drawn.select(items=drawn.items[:12])
    table = drawn.to_frame()
    table.to_parquet(place / "answers.parquet")
    raw = table.astype(object)
    raw.iloc[3, 2] = "нет"
    raw.to_excel(place / "answers.xlsx", index=False)
    raw.to_csv(place / "answers.csv", index=False)
    scored = cdx.Layout(cells="scored", unreadable="leave_out")
    tables = [cdx.load_responses(place / f"answers.{end}", bank=bank, layout=scored) for end in ("csv", "xlsx", "parquet")]
    calibration = cdx.calibrate(tables[0], model="PCM", bank=bank)
    profiles = cdx.diagnose(tables[0], bank)
    results = {
        **{f"responses{k}": data for k, data in enumerate(tables)},
        "bank": bank,
        "calibration": calibration,
        "scores": cdx.score(tables[0], bank),
        "profiles": profiles,
        "next": cdx.next_items(profiles, bank, n=2),
        "items": cdx.check_items(tables[0], bank),
        "score_file": cdx.scoring.score_file(place / "answers.parquet", out / "scores.parquet", bank),
        "diagnose_file": cdx.diagnose_file(place / "answers.parquet", out / "profiles.parquet", bank),
    }
    for name, result in results.items():
        cdx.report(result, out / name)
        cdx.report(result, out / f"{name}.json")
        (out / f"{name}.txt").write_text(f"{result}\n{result._repr_html_()}", encoding="utf-8")
    cdx.report(profiles, out / "aggregates", show="aggregates")
    profiles.to_jsonl(out / "profiles.jsonl")
    cdx.save_bank(bank, out / "bank2")
    return out


@pytest.mark.filterwarnings("ignore")
def test_no_file_has_a_path_of_the_machine(written: Path) -> None:
    files = [p for p in written.rglob("*") if p.is_file()]
    assert {p.suffix for p in files} >= {".html", ".csv", ".xlsx", ".json", ".jsonl", ".parquet", ".yaml"}
    places = {MARK, str(Path.cwd()), str(Path(cdx.__file__).parent), str(Path.home())} - {"/"}
    places |= {json.dumps(p)[1:-1] for p in places}
    found = [(p.name, place) for p in files for text in contents(p) for place in places if place in text]
    assert not found


@pytest.mark.filterwarnings("ignore")
def test_what_names_a_file_still_opens_it(tmp_path: Path) -> None:
    """In memory the path is whole; the document has the name."""
    bank = cdx.load_bank("physics")
    cdx.simulate(bank, 20, rng=np.random.default_rng(1)).to_frame().to_parquet(tmp_path / "a.parquet")
    made = cdx.scoring.score_file(tmp_path / "a.parquet", tmp_path / "b.parquet", bank)
    assert len(pd.read_parquet(made.path)) == 20 * len(made.dimensions)
    assert json.loads(made.to_json())["target"] == "b.parquet"
    assert type(made).from_json(made.to_json()).to_json() == made.to_json()
