"""One record of answers: what is remembered of cells read before changes no responses, findings or errors."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.responses.api import load_responses
from competency_dx.responses.reading import scoring, table

BANKS = [cdx.load_bank(name) for name in cdx.bank.shipped_banks()]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-99, 200),
    st.floats(allow_infinity=False),
    st.sampled_from(["", " ", "-", "н/я", "нет ответа", "не знаю", "1", "0", "13", "А", "B)", "1/1", "3 / 4", "2 балла", "01.02.2024"]),
    st.sampled_from(["1 2", "1, 3", "А-1 Б-2", "3.0", "-1", "-9", "NA", "*", "abc", "Иванов Иван Иванович"]),
    st.sampled_from(["0,5", "1e3", "x" * 300]),
    st.text("абГA12 .,-/", max_size=6),
    st.lists(st.sampled_from(["1", "2", "3", 4, None, "А"]), max_size=4),
    st.dictionaries(st.sampled_from("АБВГ1"), st.sampled_from(["1", "2", 3, None]), max_size=3),
)
IDS = st.one_of(
    st.sampled_from(["p-17", "T1", "7", "x", "Итого", "ключ", "person", "Иванов И. И.", "a@b.ru", "+7 912 345-67-89", "", " "]),
    st.sampled_from(["9b2e3b0e-8f0e-4b8b-9c55-3f3a5a0f7c11", "123-456-789 00", "user name", "подпись", 17, 3.0, None, True]),
    st.text("абВA12 .-", max_size=5),
)


def right(item: cdx.bank.Item) -> Any:
    """Return an answer with full points as JSON has it."""
    key = item.key
    if item.type in {"multiple", "ordering"}:
        return list(key or ())
    if item.type == "matching":
        return dict(key or {})  # type: ignore[arg-type]
    if item.type == "text":
        return key[0] if isinstance(key, tuple) else key
    return item.max_score if key is None else key


HEADERS = ["person", "ID", "Код участника", "id", "логин", "school", "form", "Сумма", "item"]


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    bank = draw(st.sampled_from(BANKS))
    some = draw(st.lists(st.sampled_from(bank.items), min_size=1, max_size=8, unique_by=lambda item: item.id))
    kind = draw(st.sampled_from(["right", "points", "wrong", "odd", "mixed"]))
    out: dict[str, Any] = {}
    if draw(st.integers(0, 5)):
        out[draw(st.sampled_from(HEADERS))] = draw(IDS)
    for item in some:
        name = item.id if draw(st.integers(0, 20)) else item.id.lower()
        way = kind if kind != "mixed" else draw(st.sampled_from(["right", "points", "wrong", "odd"]))
        if way == "right":
            out[name] = right(item)
        elif way == "points":
            out[name] = draw(st.integers(0, item.max_score))
        elif way == "wrong":
            out[name] = draw(st.sampled_from([*item.options, *item.left, "1", "12", "0", "17", "слово"]))
        else:
            out[name] = draw(ODD)
    return bank.id, out


def outcome(read: Any) -> tuple[str, str]:
    """Return the document of what is read, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "read", read().to_json()
    except cdx.CompetencyDxError as error:
        return error.code, str(error)


def forget() -> None:
    """Let no column of one cell be known."""
    scoring._known.cache_clear()
    table._one_cell.cache_clear()


@settings(max_examples=60, deadline=None)
@given(records())
def test_a_record_reads_the_same_whatever_was_read_before(sample: tuple[str, dict[str, Any]]) -> None:
    bank, record = next(b for b in BANKS if b.id == sample[0]), sample[1]
    known = [outcome(lambda: load_responses([record], bank=bank)) for _ in range(2)]
    forget()
    assert known == [outcome(lambda: load_responses([record], bank=bank))] * 2


def test_limits_hold_for_cells_that_were_read_before() -> None:
    record = {"person": "t-1", "x": 1, "note": "twelve signs"}
    assert load_responses([record]).items == ("x",)
    with cdx.Limits(cell_length=10), pytest.raises(cdx.CompetencyDxError):
        load_responses([record])


@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: bank.id)
@pytest.mark.parametrize("what", ["answers", "points", "some"])
def test_right_answers_as_json_has_them_earn_all_points(bank: cdx.ItemBank, what: str) -> None:
    record = {item.id: item.max_score if what == "points" else right(item) for item in bank.items}
    if what == "some":
        record |= dict.fromkeys(list(record)[::3])
    record = json.loads(json.dumps({"person": "t-1", **record}))
    read = load_responses([record], bank=bank)
    assert read.scores[read.observed].tolist() == read.max_scores[read.observed[0]].tolist()
    assert read.observed.sum() == sum(record[item.id] is not None for item in bank.items)


def test_who_answered_is_not_remembered() -> None:
    bank, who = BANKS[0], "T-417"
    item = next(item for item in bank.items if item.type == "single")
    known = table._one_cell.cache_info().misses
    for person in (who, f"{who}1"):
        load_responses({"persons": [{"person": person, "answers": {item.id: right(item)}}]}, bank=bank)
    assert table._one_cell.cache_info().misses <= known + 1
