"""Whatever is thrown at the reader, it answers with responses or with one sentence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from competency_dx.bank import ItemBank
from competency_dx.errors import CompetencyDxError, CompetencyDxWarning
from competency_dx.responses import Layout, Responses, load_responses

cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-200, 200),
    st.floats(),
    st.dates(),
    st.text(max_size=6),
    st.sampled_from(["1", "13", "н/я", "-", "ВАБ", "А3Б1", "К1=2; К2=1", "3.0", "2,5", "Итого", "A", "a@b.ru"]),
)
names = st.sampled_from(["person", "M01", "M02", "M03", "M08", "M08.К1", "form", "Код", "item", "answer", "", "x", "М01"])


def read(source: object, **rest: Any) -> Responses | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        try:
            return load_responses(source, **rest)
        except CompetencyDxError as fault:
            one_line(fault)
            return None


def one_line(fault: CompetencyDxError) -> None:
    assert str(fault).count("\n") == 0


def sound(found: Responses | None) -> None:
    if found is not None:
        assert (found.scores[~found.observed] == 0).all()
        assert (found.scores <= found.max_scores).all()
        assert Responses.from_json(found.to_json()).to_json() == found.to_json()


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    table=st.dictionaries(names, st.lists(cells, min_size=4, max_size=4), min_size=1, max_size=6),
    attempts=st.sampled_from(["error", "first", "last", "best"]),
    mode=st.sampled_from(["auto", "raw", "scored"]),
    pii=st.sampled_from(["refuse", "drop"]),
)
def test_any_table(bank: ItemBank, table: dict[str, list[Any]], attempts: Any, mode: Any, pii: Any) -> None:
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    plan = Layout(attempts=attempts, cells=mode, pii=pii)
    sound(read(rows, bank=bank, layout=plan))
    sound(read(rows, layout=plan))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.one_of(st.binary(max_size=60), st.text('person;M01,\n\t"3А|=', max_size=60).map(str.encode)))
def test_any_bytes(tmp_path: Path, bank: ItemBank, content: bytes) -> None:
    for name in ("a.csv", "a.json", "a.xlsx", "a.parquet"):
        (tmp_path / name).write_bytes(content)
        sound(read(tmp_path / name, bank=bank))
        sound(read(tmp_path / name))


@settings(deadline=None)
@given(rows=st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1, max_size=5))
def test_any_numbers(rows: list[list[float]]) -> None:
    sound(read(np.array(rows)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_degenerate_sizes(shape: tuple[int, int]) -> None:
    found = load_responses(np.ones(shape))
    assert found.scores.shape == shape
    assert found.max_scores.tolist() == [1] * shape[1]
