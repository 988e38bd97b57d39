"""Scoring from Parquet into Parquet in blocks: the same bytes as in memory, and memory that does not grow."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.bank import Item, ItemBank, ParameterRecord
from competency_dx.errors import CompetencyDxWarning, MissingDependencyError, ScoringError
from competency_dx.scoring import FileScores, Method, score_file

pa = pytest.importorskip("pyarrow", reason="the package pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

MakeBank = Callable[..., ItemBank]


@pytest.fixture(scope="module")
def bank(make_bank: MakeBank) -> ItemBank:
    rng = np.random.default_rng(2)
    records = [
        ParameterRecord(
            item=f"i{k}",
            model="2PL" if k % 3 else "GPCM",
            a=float(rng.uniform(0.7, 1.6)),
            b=tuple(map(float, rng.normal(size=1 if k % 3 else 2))),
            status="calibrated",
        )
        for k in range(12)
    ]
    items = [
        Item.model_validate(
            {"id": r.item, "type": "scored", "scoring": {"rule": "given", "points": len(r.b)}, "competencies": {"S.1.1": 1}}
        )
        for r in records
    ]
    return make_bank(items, records)


@pytest.fixture(scope="module")
def calibration(bank: ItemBank) -> cdx.Calibration:
    return cdx.calibrate(cdx.simulate(bank, 600, rng=np.random.default_rng(3)), model="GPCM")


@pytest.fixture(scope="module")
def table(bank: ItemBank) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    frame = cdx.simulate(bank, 1500, rng=rng).to_frame()
    items = frame.columns[1:]
    frame[items] = frame[items].mask(rng.random((1500, len(items))) < 0.15)
    frame.iloc[700, 1:] = np.nan
    frame["person"] = ["p" + str(k) for k in rng.permutation(1500)]
    frame["age"] = rng.integers(20, 60, 1500)
    return frame


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("block", [100, 1499, 50_000])
@pytest.mark.parametrize("method", [cdx.EAP(), cdx.WLE(), cdx.SumScore()], ids=lambda m: type(m).__name__)
def test_blocks_have_the_bytes_of_memory(block: int, method: Method, table: pd.DataFrame, bank: ItemBank, tmp_path: Path) -> None:
    table.to_parquet(tmp_path / "in.parquet", row_group_size=333)
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, method=method, block=block)
    expected = cdx.score(table, bank, method=method)
    same(pd.read_parquet(found.path), expected.to_frame())
    assert found.persons == 1500
    np.testing.assert_array_equal(found.statuses, [np.bincount(expected.status[:, 0], minlength=4)])
    np.testing.assert_allclose(found.theta_mean, expected.theta.mean(axis=0))
    np.testing.assert_allclose(found.theta_sd, expected.theta.std(axis=0))
    np.testing.assert_allclose(found.mean_se, expected.se.mean(axis=0))
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("method", [cdx.EAP(), cdx.MAP()], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("D", [1, 2])
def test_counts_have_one_shape_for_any_number_of_competencies(method: Method, D: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    theta = np.repeat(rng.normal(size=(300, 2)) * 1.5, 4, axis=1)[:, [0, 4, 1, 5, 2, 6, 3, 7]]
    right = rng.random((300, 8)) < 1 / (1 + np.exp(-theta))
    frame = pd.DataFrame(right.astype(float), columns=[f"q{k}" for k in range(8)])
    frame.iloc[3, :4] = np.nan
    dimensions = {name: f"c{k % D}" for k, name in enumerate(frame.columns)} if D > 1 else None
    calibration = cdx.calibrate(frame, model="Rasch", dimensions=dimensions)
    frame.insert(0, "person", [f"p{k}" for k in range(300)])
    expected = cdx.score(frame, calibration, method=method)
    assert expected.status.shape == expected.n_items.shape == expected.theta.shape == (300, D)
    frame.to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", calibration, method=method, block=140)
    same(pd.read_parquet(found.path), expected.to_frame())
    np.testing.assert_allclose(found.theta_mean, expected.theta.mean(axis=0))
    assert found.to_frame()["persons"].sum() == 300 * D


def test_a_calibration_takes_its_items_and_leaves_other_columns(
    table: pd.DataFrame, calibration: cdx.Calibration, tmp_path: Path
) -> None:
    table.rename(columns={"person": "who"}).to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", calibration, block=400, person="who")
    same(pd.read_parquet(found.path), cdx.score(table.drop(columns="age"), calibration).to_frame())


@pytest.mark.filterwarnings("ignore:Columns of a table of answers look like points")
def test_raw_answers_are_scored_with_the_keys_of_the_bank(make_bank: MakeBank, tmp_path: Path) -> None:
    """The first block shows that the cells are answers; further blocks hold 0 and 1 alone, which might be points."""
    items = [Item.model_validate({"id": f"q{k}", "type": "number", "key": str(k), "competencies": {"S.1.1": 1}}) for k in range(6)]
    records = [ParameterRecord(item=i.id, model="2PL", a=1.0, b=(0.3 * k,), status="calibrated") for k, i in enumerate(items)]
    bank = make_bank(items, records)
    rng = np.random.default_rng(5)
    answers = np.where(np.arange(300)[:, None] < 70, rng.integers(0, 12, (300, 6)), rng.integers(0, 2, (300, 6)))
    frame = pd.DataFrame(answers, columns=[i.id for i in items])
    frame.insert(0, "person", [f"t{k}" for k in range(300)])
    frame.to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, block=70)
    same(pd.read_parquet(found.path), cdx.score(frame, bank).to_frame())
    assert set(cdx.load_responses(frame, bank=bank).scores[70:, 2:].ravel()) == {0}


def test_a_code_of_missing_answers_has_one_reading_in_all_blocks(make_bank: MakeBank, tmp_path: Path) -> None:
    """The last block is too short to tell that 99 is no answer; the first one has told it."""
    items = [Item.model_validate({"id": f"q{k}", "type": "number", "key": str(k), "competencies": {"S.1.1": 1}}) for k in range(6)]
    bank = make_bank(items, [ParameterRecord(item=i.id, model="2PL", a=1.0, b=(0.0,), status="calibrated") for i in items])
    rng = np.random.default_rng(6)
    answers = np.where(rng.random((205, 6)) < 0.6, np.arange(6), rng.choice([7, 99, 99], (205, 6)))
    answers[200:, 1:] = [7, 2, 3, 4, 5]
    frame = pd.DataFrame(answers, columns=[i.id for i in items])
    frame.insert(0, "person", [f"t{k}" for k in range(205)])
    frame.to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, block=200)
    assert "99" in next(f for f in found.findings if f.code == "responses.missing_tokens").en
    with pytest.warns(cdx.CompetencyDxWarning, match="99"):
        whole = cdx.score(frame, bank)
    same(pd.read_parquet(found.path), whole.to_frame())


def test_row_numbers_run_through_the_file(table: pd.DataFrame, bank: ItemBank, tmp_path: Path) -> None:
    table.drop(columns=["person", "age"]).to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, block=400)
    expected = cdx.score(tmp_path / "in.parquet", bank).to_frame()
    same(pd.read_parquet(found.path), expected)
    assert pd.read_parquet(found.path)["person"].tolist()[-1] == "1500"
    assert "responses.row_numbers" in {f.code for f in found.findings}


def test_labels_of_rows_are_ids(table: pd.DataFrame, bank: ItemBank, tmp_path: Path) -> None:
    table.drop(columns="age").set_index("person").to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, block=400)
    same(pd.read_parquet(found.path), cdx.score(table.drop(columns="age"), bank).to_frame())


def test_document_comes_back(table: pd.DataFrame, bank: ItemBank, tmp_path: Path) -> None:
    table.to_parquet(tmp_path / "in.parquet")
    found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank)
    again = FileScores.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert found.path == tmp_path / "out.parquet"
    assert again.path == Path("out.parquet")  # a document names the file, never its folder
    twice = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank)
    assert twice.to_json() == found.to_json()


def peak(source: Path, bank: ItemBank) -> tuple[int, int]:
    """Return the peaks of Python and of Arrow memory of scoring a file, in bytes."""
    pool = pa.system_memory_pool()
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pool)
    before = pool.bytes_allocated()
    tracemalloc.start()
    try:
        score_file(source, source.with_suffix(".out"), bank, block=400)
        return tracemalloc.get_traced_memory()[1], pool.max_memory() - before
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(usual)


def test_memory_does_not_grow_with_the_file(bank: ItemBank, tmp_path: Path) -> None:
    """Four times the rows in one row group: Python's peak within 15 %, Arrow's far below the growth of the table."""
    persons, files = 2_000, []
    for times in (1, 4):
        frame = cdx.simulate(bank, persons * times, rng=np.random.default_rng(6)).to_frame()
        files.append(tmp_path / f"{times}.parquet")
        frame.to_parquet(files[-1], row_group_size=persons * times)
    peak(files[0], bank)  # caches are filled by the first run
    (python, arrow), (python_4, arrow_4) = (peak(file, bank) for file in files)
    assert python_4 < 1.15 * python
    growth = 3 * parquet.read_table(files[0]).nbytes
    assert arrow_4 - arrow < growth / 3


def test_a_failure_leaves_the_old_target_and_no_half_file(table: pd.DataFrame, bank: ItemBank, tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table.to_parquet(source)
    score_file(source, target, bank, block=400)
    before = target.read_bytes()
    twice = table.copy()
    twice["person"] = [*table["person"][:1450], table["person"][1460], *table["person"][1451:]]
    twice.to_parquet(source)
    with pytest.raises(cdx.CompetencyDxError, match="have several rows"):
        score_file(source, target, bank, block=400)
    assert target.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.parquet", "out.parquet"]


def test_findings_of_every_kind_are_kept_once(table: pd.DataFrame, bank: ItemBank, tmp_path: Path) -> None:
    table.assign(i0=table["i0"].where(np.arange(len(table)) % 50 > 0, 9)).to_parquet(tmp_path / "in.parquet")
    with pytest.warns(CompetencyDxWarning, match="INVALID"):
        found = score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, block=400)
    codes = [f.code for f in found.findings]
    assert codes.count("responses.invalid") == 1
    table.assign(i0=9).to_parquet(tmp_path / "in.parquet")
    with pytest.raises(cdx.CompetencyDxError, match="column i0: 400 of 400 cells cannot be read"):
        score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank, block=400)


def test_faults_are_named(table: pd.DataFrame, bank: ItemBank, calibration: cdx.Calibration, tmp_path: Path) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    with pytest.raises(ScoringError, match="there is no such file"):
        score_file(source, target, bank)
    source.write_bytes(b"no parquet")
    with pytest.raises(ScoringError, match="not readable as Parquet"):
        score_file(source, target, bank)
    table.head(0).to_parquet(source)
    with pytest.raises(ScoringError, match="has no rows"):
        score_file(source, target, bank)
    table[["person", "age"]].to_parquet(source)
    with pytest.raises(ScoringError, match="none of the columns person, age has parameters"):
        score_file(source, target, calibration)
    with pytest.raises(ScoringError, match="the same file"):
        score_file(source, source, bank)
    with pytest.raises(ScoringError, match="block=0 is not a number of rows"):
        score_file(source, target, bank, block=0)
    long = table.melt(id_vars="person", value_vars=["i1", "i2"], var_name="item", value_name="score")
    long.to_parquet(source)
    with pytest.raises(cdx.CompetencyDxError, match="one row per"):
        score_file(source, target, bank)
    assert not target.exists()


def test_without_pyarrow_the_error_says_what_to_install(bank: ItemBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"competency-dx\[io\]"):
        score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", bank)
