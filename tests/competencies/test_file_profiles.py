"""Diagnosis of files: the conclusions of memory, whatever the executor; a failure leaves the old target."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.competencies import STATES, file_profiles

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def bank() -> cdx.ItemBank:
    return cdx.load_bank("mathematics")


@pytest.fixture(scope="module")
def data(bank: cdx.ItemBank) -> cdx.Responses:
    return cdx.simulate(bank, 50, rng=np.random.default_rng(5))


@pytest.fixture(scope="module")
def expected(data: cdx.Responses, bank: cdx.ItemBank) -> pd.DataFrame:
    return cdx.diagnose(data, bank).to_frame()


@pytest.fixture
def source(data: cdx.Responses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(file_profiles, "BLOCK", 18)  # three blocks, the last one short
    table = pd.DataFrame(data.scores, columns=list(data.items))
    table.insert(0, "person", data.persons)
    table.to_parquet(tmp_path / "answers.parquet")
    return tmp_path / "answers.parquet"


@contextmanager
def dask() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed", reason="the package distributed (Dask) is not installed")
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


EXECUTORS: dict[str, Callable[[], AbstractContextManager[Executor]]] = {
    "threads": lambda: ThreadPoolExecutor(2),
    "processes": lambda: ProcessPoolExecutor(1, mp_context=get_context("spawn")),  # each imports everything anew
    "dask": dask,
}


@pytest.mark.parametrize("kind", ["none", *EXECUTORS])
def test_a_file_has_the_conclusions_of_memory(kind: str, source: Path, bank: cdx.ItemBank, expected: pd.DataFrame) -> None:
    target = source.with_name("profiles.parquet")
    if kind == "none":
        out = cdx.diagnose_file(source, target, bank)
    else:
        with EXECUTORS[kind]() as executor:
            out = cdx.diagnose_file(source, target, bank, executor=executor)
    pd.testing.assert_frame_equal(pd.read_parquet(target), expected, check_exact=True, check_dtype=False)
    assert (out.persons, out.blocks) == (50, 3)
    states = expected["state"].to_numpy()[expected["competency"].to_numpy() == "MAT"]
    assert out.states[0].tolist() == [int((states == name).sum()) for name in STATES]


def test_a_population_of_a_cohort_is_told_and_not_estimated_in_passing(source: Path, data: cdx.Responses, bank: cdx.ItemBank) -> None:
    target = source.with_name("profiles.parquet")
    target.write_text("what was there before")
    with pytest.raises(cdx.CompetencyDxError, match=r"population=diagnose\(sample"):
        cdx.diagnose_file(source, target, bank, population=cdx.Cohort())
    assert target.read_text() == "what was there before"
    profiles = cdx.diagnose(data, bank, population=cdx.Cohort(min_persons=50))
    cdx.diagnose_file(source, target, bank, population=profiles.population)
    np.testing.assert_array_equal(pd.read_parquet(target)["p_deficit"], profiles.to_frame()["p_deficit"])


def test_a_failure_leaves_the_old_target(source: Path, bank: cdx.ItemBank) -> None:
    target = source.with_name("profiles.parquet")
    target.write_text("what was there before")
    table = pd.read_parquet(source)
    table["person"] = np.where(np.arange(len(table)) == 41, table["person"].iloc[40], table["person"])
    table.to_parquet(source)
    with pytest.raises(cdx.CompetencyDxError):
        cdx.diagnose_file(source, target, bank)
    assert target.read_text() == "what was there before"
    assert sorted(p.name for p in source.parent.iterdir()) == ["answers.parquet", "profiles.parquet"]


@pytest.mark.parametrize("kind", ["none", "threads"])
def test_lines_are_the_profiles_of_memory(kind: str, source: Path, bank: cdx.ItemBank, data: cdx.Responses) -> None:
    target = source.with_name("profiles.jsonl")
    if kind == "none":
        out = cdx.diagnose_file(source, target, bank)
    else:
        with ThreadPoolExecutor(2) as executor:
            out = cdx.diagnose_file(source, target, bank, executor=executor)
    lines = target.read_text(encoding="utf-8").splitlines()
    assert len(lines) == out.persons == 50
    frame, wanted = pd.read_parquet(source), cdx.diagnose(data, bank)
    found = list(cdx.Profile.from_jsonl(target))
    assert [p.person for p in found] == frame["person"].tolist()
    assert [p["MAT"].state for p in found] == [p["MAT"].state for p in wanted]


def test_findings_name_the_persons_of_every_block(source: Path, bank: cdx.ItemBank) -> None:
    table = pd.read_parquet(source)
    easy = sorted(bank.parameters, key=lambda p: p.b[0])
    for person in (3, 20, 45):  # one a block: the hard half right, the easy half wrong
        for k, known in enumerate(easy):
            table.loc[person, known.item] = int(k >= len(easy) / 2)
    table.loc[[5, 30], [easy[0].item, easy[1].item]] = None
    table.to_parquet(source)
    wanted = cdx.diagnose(cdx.load_responses(table, bank=bank), bank)
    done = cdx.diagnose_file(source, source.with_name("profiles.parquet"), bank)
    by_code = {f.code: f for f in done.findings}
    [misfit] = [f for f in wanted.findings if f.code == "competencies.misfit"]
    assert set(by_code["competencies.misfit"].scope) == set(misfit.scope) >= set(table["person"].iloc[[3, 20, 45]])
    assert by_code["responses.blanks"].facts["cells"] == 4
    assert "4" in by_code["responses.blanks"].en
    scored = cdx.scoring.score_file(source, source.with_name("scores.parquet"), bank, block=18)
    assert {f.code: f.facts for f in scored.findings}["responses.blanks"]["cells"] == 4


@pytest.mark.recovery
def test_spark_gives_the_bytes_of_one_process(source: Path, bank: cdx.ItemBank, expected: pd.DataFrame, tmp_path: Path) -> None:
    """A cluster maps `diagnose` over record batches; three partitions here, in local mode."""
    sql = pytest.importorskip("pyspark.sql", reason="the package pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    place = str(Path(cdx.__file__).parents[1])
    session = sql.SparkSession.builder.master("local[2]").config("spark.executorEnv.PYTHONPATH", place)
    spark = session.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "3").getOrCreate()

    def diagnosed(batches: Iterator[Any]) -> Iterator[Any]:
        from importlib import import_module

        pa: Any = import_module("pyarrow")
        competency_dx: Any = import_module("competency_dx")
        for batch in batches:
            read = competency_dx.load_responses(batch.to_pandas(), bank=competency_dx.load_bank("mathematics"))
            frame = competency_dx.diagnose(read, competency_dx.load_bank("mathematics")).to_frame()
            yield from pa.Table.from_pandas(frame, preserve_index=False).to_batches()

    kinds = {"O": "string", "i": "bigint", "f": "double"}
    schema = ", ".join(f"`{name}` {kinds.get(kind.kind, 'string')}" for name, kind in expected.dtypes.items())
    try:
        table = spark.read.parquet(str(source)).repartition(3)
        found = table.mapInArrow(diagnosed, schema).toPandas()
    finally:
        spark.stop()
    order = {person: k for k, person in enumerate(expected["person"].unique())}
    found = found.sort_values("person", key=lambda c: c.map(order), kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
