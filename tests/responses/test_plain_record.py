"""One record of answers is read the short way or as a table, to the same responses, findings and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.responses.api import DEFAULT, load_responses
from competency_dx.responses.from_table import from_table
from competency_dx.responses.plain_record import plain_record
from competency_dx.responses.reading.table import in_memory

BANKS = [cdx.load_bank(name) for name in cdx.shipped_banks()]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-99, 200),
    st.floats(allow_infinity=False),
    st.sampled_from(
        [
            "",
            " ",
            "-",
            "н/я",
            "нет ответа",
            "не знаю",
            "1",
            "0",
            "13",
            "А",
            "B)",
            "1/1",
            "3 / 4",
            "2 балла",
            "01.02.2024",
        ]
    ),
    st.sampled_from(["1 2", "1, 3", "А-1 Б-2", "3.0", "-1", "-9", "NA", "*", "abc", "Иванов Иван Иванович"]),
    st.sampled_from(["0,5", "1e3", "x" * 300]),
    st.text("абГA12 .,-/", max_size=6),
    st.lists(st.sampled_from(["1", "2", "3", 4, None, "А"]), max_size=4),
    st.dictionaries(st.sampled_from("АБВГ1"), st.sampled_from(["1", "2", 3, None]), max_size=3),
)
IDS = st.one_of(
    st.sampled_from(
        ["p-17", "T1", "7", "x", "Итого", "ключ", "person", "Иванов И. И.", "a@b.ru", "+7 912 345-67-89", "", " "]
    ),
    st.sampled_from(
        ["9b2e3b0e-8f0e-4b8b-9c55-3f3a5a0f7c11", "123-456-789 00", "user name", "подпись", 17, 3.0, None, True]
    ),
    st.text("абВA12 .-", max_size=5),
)


def right(item: cdx.Item) -> Any:
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
        return "read", read().to_json()
    except cdx.CompetencyDxError as error:
        return error.code, str(error)


@settings(max_examples=60, deadline=None)
@given(records())
def test_a_record_is_read_as_a_table_of_one_row_is(sample: tuple[str, dict[str, Any]]) -> None:
    bank, record = next(b for b in BANKS if b.id == sample[0]), sample[1]
    short = outcome(lambda: plain_record([record], bank) or from_table(in_memory([record]), bank, DEFAULT))
    assert short == outcome(lambda: from_table(in_memory([record]), bank, DEFAULT))


@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: bank.id)
@pytest.mark.parametrize("what", ["answers", "points", "some"])
def test_answers_as_json_has_them_take_the_short_way(bank: cdx.ItemBank, what: str) -> None:
    record = {item.id: item.max_score if what == "points" else right(item) for item in bank.items}
    if what == "some":
        record |= dict.fromkeys(list(record)[::3])
    record = json.loads(json.dumps({"person": "t-1", **record}))
    read = plain_record([record], bank)
    assert read is not None
    assert read.to_json() == from_table(in_memory([record]), bank, DEFAULT).to_json()
    assert load_responses([record], bank=bank).to_json() == read.to_json()
    answered = read.scores[read.observed]
    assert answered.tolist() == read.max_scores[read.observed[0]].tolist()
