from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competency_dx.bank import BankDocument, CompetencyFramework, Form, FrameworkReference, Item, ItemBank, Node, Text
from competency_dx.errors import CompetencyDxWarning, ResponsesError
from competency_dx.findings import Finding
from competency_dx.responses import Layout, Reason, Responses, load_responses

A, NA, OM, NR, INV = (int(r) for r in Reason)

RAW: dict[str, list[Any]] = {
    "person": ["a", "b", "c"],
    "M01": [3, 4, None],
    "M02": ["1;3", "1", "12"],
    "M05": [2.5, 2.65, 2.4],
    "M07": ["ёж", "нет", None],
}
SCORES = [[1, 2, 1, 1], [0, 1, 0, 0], [0, 1, 1, 0]]


def codes(responses: Responses) -> list[str]:
    return [f.code.removeprefix("responses.") for f in responses.findings]


def finding(responses: Responses, code: str) -> Finding:
    return next(f for f in responses.findings if f.code == f"responses.{code}")


def same(one: Responses, other: Responses) -> None:
    assert one.persons.tolist() == other.persons.tolist()
    assert one.items == other.items
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.reasons, other.reasons)
    np.testing.assert_array_equal(one.max_scores, other.max_scores)


def test_every_source_gives_the_same(bank: ItemBank) -> None:
    frame = pd.DataFrame(RAW)
    sources: list[object] = [
        frame,
        frame.set_index("person"),
        frame.convert_dtypes(),
        frame.astype({"M07": "category"}),
        pl.DataFrame(RAW, strict=False),
        pl.DataFrame(RAW, strict=False).to_arrow(),
        [dict(zip(RAW, row, strict=True)) for row in zip(*RAW.values(), strict=True)],
        RAW,
        nw.from_native(frame),
    ]
    for source in sources:
        found = load_responses(source, bank=bank)
        assert found.scores.tolist() == SCORES
        assert found.reasons.tolist() == [[A, A, A, A], [A, A, A, A], [NA, A, A, NA]]
        assert found.max_scores.tolist() == [1, 2, 1, 1]
        same(found, load_responses(frame, bank=bank))


def test_scored_sources_without_a_bank_give_the_same() -> None:
    points = np.array([[1, 0, 2], [0, np.nan, 1], [1, 1, 0]])
    first = load_responses(points)
    assert first.persons.tolist() == ["1", "2", "3"]
    assert first.items == ("item1", "item2", "item3")
    assert first.scores.tolist() == [[1, 0, 2], [0, 0, 1], [1, 1, 0]]
    assert first.reasons.tolist() == [[A, A, A], [A, NA, A], [A, A, A]]
    assert first.max_scores.tolist() == [1, 1, 2]
    frame = pd.DataFrame(points, columns=list(first.items), index=["1", "2", "3"])
    coded = np.where(np.isnan(points), -1, points).astype(np.int16)
    for source in (points.astype(np.float32), points.astype(object), frame, pl.from_pandas(frame), coded):
        same(load_responses(source), first)
    assert "missing_tokens" in codes(load_responses(coded))
    assert "missing_tokens" in codes(load_responses(pd.DataFrame(coded, columns=list(first.items))))


def test_small_numbers_in_an_array_are_read_whole(bank: ItemBank) -> None:
    assert load_responses(np.array([[True, False]])).scores.tolist() == [[1, 0]]
    assert load_responses(np.array([[5, 0]], dtype=np.uint8)).max_scores.tolist() == [5, 1]
    for array, sentence in [
        (np.array([[0.5, 1.0], [1.5, 0.0]]), "column item1 holds no points but '0.5', '1.5'"),
        (np.array([[1, 128]]), "column item2 holds 128, more than the highest score"),
        (np.array([[1, -5]]), "column item2 holds negative scores"),
        (np.array([[0.0, -2.0], [1.0, np.nan]]), "column item2 holds negative scores"),
        (np.array([1, 0]), "expected persons × items"),
        (np.zeros((0, 3)), "at least one person"),
    ]:
        with pytest.raises(ResponsesError, match=sentence):
            load_responses(array)
    with pytest.raises(ResponsesError, match="8 items; columns of an array carry no ids"):
        load_responses(np.zeros((2, 3)), bank=bank)


def test_an_array_has_the_items_of_the_bank_in_order(bank: ItemBank) -> None:
    rows = [["3", "13", "31", "ВАБ", "2,5", "013", "ёж", "2;1"], ["4", "1", "А3", "АБВ", "2", "31", "нет", "0"]]
    found = load_responses(np.array(rows, dtype=object), bank=bank)
    assert found.items == tuple(i.id for i in bank.items)
    assert found.scores.tolist() == [[1, 2, 1, 1, 1, 1, 1, 3], [0, 1, 0, 0, 0, 0, 0, 0]]


def test_a_million_rows_are_read_whole() -> None:
    points = np.random.default_rng(1).integers(0, 2, (1_000_000, 60), dtype=np.int8)
    found = load_responses(points)
    assert found.persons[-1] == "1000000"
    assert not np.shares_memory(found.scores, points)
    assert int(found.scores.sum(dtype=np.int64)) == int(points.sum(dtype=np.int64))


def test_responses_are_returned_as_they_are(bank: ItemBank) -> None:
    first = load_responses(RAW, bank=bank)
    assert load_responses(first, bank=bank) is first


def test_what_is_no_source() -> None:
    for source in (3, pl.DataFrame(RAW, strict=False).lazy()):
        with pytest.raises(ResponsesError, match="cannot be read; expected a path"):
            load_responses(source)
    with pytest.raises(ResponsesError, match=r"bank= takes ItemBank . None, got 'mathematics'"):
        load_responses(RAW, bank="mathematics")  # type: ignore[arg-type]
    for records, sentence in (([], "empty"), ([1], "list of objects")):
        with pytest.raises(ResponsesError, match=sentence):
            load_responses(records)


def test_columns_are_matched_by_id_never_by_place(bank: ItemBank) -> None:
    frame = pd.DataFrame(RAW)[["M07", "M05", "M02", "person", "M01"]]
    same(load_responses(frame, bank=bank), load_responses(RAW, bank=bank))


def test_unknown_items_and_background(bank: ItemBank) -> None:
    records = {**RAW, "M99": ["1", "2", "3"], "школа": ["ш1", "ш2", ""], "комментарий": ["x", "y", "z"]}
    with pytest.warns(CompetencyDxWarning, match="were not used: M99"):
        found = load_responses(records, bank=bank)
    assert finding(found, "unknown_items").scope == ("M99",)
    assert {k: v.tolist() for k, v in found.background.items()} == {"школа": ["ш1", "ш2", ""], "комментарий": ["x", "y", "z"]}


def test_look_alike_headers_are_matched_and_said(bank: ItemBank) -> None:
    found = load_responses({"М01": ["3"], "m05": ["2.5"]}, bank=bank)
    assert found.items == ("M01", "M05")
    assert finding(found, "header_matched").scope == ("М01", "m05")
    with pytest.raises(ResponsesError, match="all name item M01"):
        load_responses({"М01": ["3"], "m01": ["2"]}, bank=bank)


def test_criteria_in_columns_of_their_own(bank: ItemBank) -> None:
    records = {"M08.К1": [2, 1, None, 0], "M08.К2": [1, None, None, 3]}
    with pytest.warns(CompetencyDxWarning, match="cannot be an"):
        found = load_responses(records, bank=bank)
    assert found.scores[:, 0].tolist() == [3, 0, 0, 0]
    assert found.reasons[:, 0].tolist() == [A, INV, NA, INV]
    assert [e.points for e in found.explain("1", "M08", bank).elements] == [2, 1]
    absent = {"M08.К1": ["н/я", None, "88", "1"], "M08.К2": [None, "-", "88", "0"]}
    plan = Layout(missing_codes={"M08": {"88": "not_reached"}})
    found = load_responses(absent, bank=bank, layout=plan)
    assert found.reasons[:, 0].tolist() == [NA, OM, NR, A]
    with pytest.raises(ResponsesError, match="no columns for К2"):
        load_responses({"M01": ["3"], "M08.К1": [2]}, bank=bank)


def test_an_option_that_does_not_exist_is_invalid_and_named(bank: ItemBank) -> None:
    with pytest.warns(CompetencyDxWarning, match=r"M01 '7' \(2\), M05 'много' \(1\)"):
        found = load_responses({"M01": ["3", "7", "7"], "M05": ["2.5", "3", "много"]}, bank=bank)
    assert found.reasons.tolist() == [[A, A], [INV, A], [INV, INV]]
    assert finding(found, "invalid").scope == ("M01", "M05")


def test_five_places_are_named_and_the_rest_counted(bank: ItemBank) -> None:
    cells = ["3", "4", "2", "1"] * 5 + ["5", "6", "7", "8", "9", "15", "17"]
    with pytest.warns(CompetencyDxWarning, match=r"M01 '9' \(1\) and 2 more"):
        load_responses({"M01": cells}, bank=bank)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("нет ответа", OM),
        ("-", OM),
        ("—", OM),
        ("omitted", OM),
        ("не дошёл", NR),
        ("Not reached", NR),
        ("NA", NA),
        ("н/д", NA),
        (".", NA),
        ("-99", NA),
        ("-1", NA),
        ("", NA),
        ("н/я", NA),
        ("нету", OM),
        ("88", NR),
        ("5", INV),
    ],
)
def test_tokens_have_their_reasons(bank: ItemBank, token: str, reason: int) -> None:
    plan = Layout(missing_tokens={"Нету": "omitted"}, missing_codes={"*": {"88": "omitted"}, "M01": {"88": "not_reached"}}, cells="raw")
    table = {"person": ["a", "b"], "M01": [token, "3"], "M05": ["2.5", "88"]}
    if reason == INV:
        with pytest.warns(CompetencyDxWarning):
            found = load_responses(table, bank=bank, layout=plan)
    else:
        found = load_responses(table, bank=bank, layout=plan)
        assert ("missing_tokens" in codes(found)) == bool(token) or token == ""
    assert found.reasons.tolist() == [[reason, A], [A, OM]]


def test_a_negative_number_is_an_answer_to_a_question_for_a_number(make_item: Any, make_bank: Any) -> None:
    bank = make_bank([make_item("x", "number", key="-1"), make_item("y", "number", key="-99")])
    found = load_responses({"x": ["-1", "-9", "3"], "y": ["-99", "2", "-999"]}, bank=bank)
    assert found.scores.tolist() == [[1, 1], [0, 0], [0, 0]]
    assert found.reasons.tolist() == [[A, A], [A, A], [A, NA]]


def test_who_did_not_come_was_administered_nothing(bank: ItemBank) -> None:
    table = {"person": ["a", "b", "c"], "M01": ["н/я", "3", "н/я"], "M05": ["", "2.5", "2.5"], "M07": ["-", "ёж", ""]}
    found = load_responses(table, bank=bank)
    assert found.reasons.tolist() == [[NA, NA, NA], [A, A, A], [NA, A, NA]]
    assert finding(found, "absent").scope == ("a",)
    assert finding(found, "empty_persons").scope == ("a",)


COLUMNS = [("Присутствие", "н", "+"), ("Явка", "нет", "да"), ("attendance", "0", "1"), ("Неявка", "да", ""), ("absent", "x", "")]
COLUMNS += [("Статус", "не явился", "сдал"), ("Примечание", "Болел, есть справка", ""), ("State", "Never submitted", "Finished")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("column", "away", "here"), COLUMNS)
@pytest.mark.parametrize("nothing", ["0", "", "-"])
def test_who_did_not_come_by_a_column_beside_is_given_no_zeros(column: str, away: str, here: str, nothing: str) -> None:
    """Whoever earned a point was there, whatever the column says; nobody is without it."""
    rows = {f"I{k}": [str((row * k) % 3 % 2) for row in range(12)] for k in range(1, 6)}
    rows = {name: [nothing if row in {2, 5} else "1" if row == 7 else cell for row, cell in enumerate(of)] for name, of in rows.items()}
    table = {"person": [f"p{k}" for k in range(12)], **rows, column: [away if k in {2, 5, 7} else here for k in range(12)]}
    found = load_responses(table)
    assert found.items == tuple(rows)
    assert np.flatnonzero((found.reasons == NA).all(axis=1)).tolist() == [2, 5]
    assert finding(found, "absent").scope == ("p2", "p5")


@pytest.mark.parametrize(("column", "cell"), [("Категория", "отсутствует"), ("Олимпиады", "не участвовал"), ("Курсы", "не был")])
def test_what_somebody_lacks_is_no_absence(column: str, cell: str) -> None:
    table = {"person": ["a", "b", "c"], **{f"I{k}": [0, 1, k % 2] for k in range(4)}, column: [cell, "есть", "есть"]}
    assert load_responses(table).observed.all()


@pytest.mark.parametrize("owner", ["user", "student", "участник"])
def test_what_records_tell_of_a_person_below_has_columns_of_its_own(bank: ItemBank, owner: str) -> None:
    key = "код" if owner == "участник" else "id"

    def rows(**more: str) -> list[dict[str, Any]]:
        return [{owner: {key: f"p{k}", "city": "A", **more}, "M01": "3", "M03": {"А": "3", "Б": "1"}} for k in range(3)]

    found = load_responses(rows(), bank=bank)
    assert (found.persons.tolist(), found.scores.tolist()) == (["p0", "p1", "p2"], [[1, 1]] * 3)
    assert found.background[f"{owner}.city"].tolist() == ["A"] * 3
    with pytest.raises(ResponsesError, match="personal data"):
        load_responses(rows(name="Иванов Пётр"), bank=bank)


def test_blanks_by_form(bank: ItemBank) -> None:
    table = {
        "person": ["a", "b", "c", "d"],
        "Вариант": ["A", "Вариант 2", "B", "A"],
        "M01": ["3", "", "3", ""],
        "M02": ["", "", "", ""],
        "M03": ["31", "31", "", "13"],
        "M05": ["", "", "", ""],
        "M06": ["", "013", "", ""],
        "M07": ["", "ёж", "", ""],
    }
    found = load_responses(table, bank=bank)
    assert found.items == ("M01", "M02", "M03", "M05", "M06", "M07")
    assert found.reasons.tolist() == [[A, OM, A, NR, NA, NA], [OM, NA, A, NA, A, A], [A, NA, OM, NA, OM, NR], [OM, OM, A, NR, NA, NA]]
    assert found.background["Вариант"].tolist() == ["A", "B", "B", "A"]


def test_answers_outside_the_form_and_unknown_forms(bank: ItemBank) -> None:
    table = {"form": ["A", "Z"], "M01": ["3", ""], "M06": ["013", ""], "M05": ["2.5", "3"]}
    with pytest.warns(CompetencyDxWarning) as caught:
        found = load_responses(table, bank=bank)
    assert len(caught) == 2
    assert found.reasons.tolist() == [[A, A, A], [NA, A, NA]]
    assert finding(found, "outside_form").scope == ("M06",)
    assert finding(found, "unknown_form").scope == ("Z",)


def test_a_form_column_that_is_named_needs_forms(bank: ItemBank, make_bank: Any) -> None:
    with pytest.raises(ResponsesError, match="needs a bank with forms"):
        load_responses({"f": ["A"], "M01": ["3"]}, bank=make_bank(bank.items), layout=Layout(form="f"))
    with pytest.raises(ResponsesError, match="names g, which the table has not"):
        load_responses({"f": ["A"], "M01": ["3"]}, bank=bank, layout=Layout(form="g"))


TWICE: dict[str, list[Any]] = {"person": ["a", "b", "a", "a"], "x": [0, 1, 2, 1], "y": [1, 0, 0, 1]}


@pytest.mark.parametrize(("policy", "row"), [("first", [0, 1]), ("last", [1, 1]), ("best", [2, 0])])
def test_attempts_in_rows(policy: Any, row: list[int]) -> None:
    found = load_responses(TWICE, layout=Layout(attempts=policy))
    assert found.persons.tolist() == ["a", "b"]
    assert found.scores.tolist() == [row, [1, 0]]
    assert finding(found, "attempts").scope == ("a",)


def test_attempts_are_an_error_by_default() -> None:
    with pytest.raises(ResponsesError, match=r"persons a have several rows; .*Layout\(attempts='first'\)"):
        load_responses(TWICE)
    many = {"person": [str(k % 8) for k in range(40)], "x": [0] * 40}
    with pytest.raises(ResponsesError, match="0, 1, 2, 3, 4 and 3 more"):
        load_responses(many)


def long_of(table: dict[str, list[Any]], names: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(table).melt(id_vars="person")
    frame.columns = pd.Index(names)
    return frame.dropna()


@pytest.mark.parametrize("names", [("person", "item", "answer"), ("Участник", "Задание", "Ответ"), ("p", "q", "r")])
def test_long_equals_wide(bank: ItemBank, names: tuple[str, str, str]) -> None:
    plan = Layout(person="p", item="q", answer="r") if names[0] == "p" else None
    wide = load_responses(RAW, bank=bank)
    same(load_responses(long_of(RAW, names), bank=bank, layout=plan), wide)
    shuffled = long_of(RAW, names).iloc[::-1].reset_index(drop=True)
    found = load_responses(shuffled, bank=bank, layout=plan)
    same(found.select(persons=["a", "b", "c"]), wide)


def test_long_without_a_bank() -> None:
    found = load_responses({"person": ["a", "a", "b"], "item": ["x", "y", "x"], "score": [2, 0, 1], "город": ["г"] * 3})
    assert found.items == ("x", "y")
    assert found.scores.tolist() == [[2, 0], [1, 0]]
    assert found.reasons.tolist() == [[A, A], [A, NA]]
    assert found.background["город"].tolist() == ["г", "г"]


LONG_TWICE: dict[str, list[Any]] = {"person": ["a", "b", "a", "a", "a"], "item": ["x", "x", "x", "y", "x"], "score": [1, 0, 2, 1, 0]}


@pytest.mark.parametrize(("policy", "x"), [("first", 1), ("last", 0), ("best", 2)])
def test_attempts_in_a_long_table(policy: Any, x: int) -> None:
    found = load_responses(LONG_TWICE, layout=Layout(attempts=policy))
    assert found.scores.tolist() == [[x, 1], [0, 0]]
    assert found.reasons.tolist() == [[A, A], [A, NA]]


def test_long_tables_that_cannot_be_read(bank: ItemBank) -> None:
    with pytest.raises(ResponsesError, match=r"answers given twice \(person/item\): a/x"):
        load_responses(LONG_TWICE)
    with pytest.raises(ResponsesError, match="a long table needs columns"):
        load_responses(RAW, bank=bank, layout=Layout(kind="long"))
    with pytest.raises(ResponsesError, match="there is no column 'q'"):
        load_responses(LONG_TWICE, layout=Layout(item="q"))
    with pytest.raises(ResponsesError, match="rows 2 have no person or no item"):
        load_responses({"person": ["a", ""], "item": ["x", "x"], "score": [1, 1]})


def test_long_with_unknown_items_and_forms(bank: ItemBank) -> None:
    table = {
        "person": ["a", "a", "b", "b"],
        "item": ["M01", "Z1", "M01", "M05"],
        "answer": ["3", "1", "4", "2.5"],
        "form": ["A", "A", "A", "A"],
    }
    with pytest.warns(CompetencyDxWarning, match="Z1"):
        found = load_responses(table, bank=bank)
    assert found.items == ("M01", "M05")
    assert found.reasons.tolist() == [[A, NR], [A, A]]


def test_points_are_told_from_answers(bank: ItemBank) -> None:
    points = {"person": ["a", "b", "c"], "M01": [1, 0, 1], "M02": [2, 1, 0], "M05": [0, 1, 1], "M08": [3, 0, 2]}
    found = load_responses(points, bank=bank)
    assert found.scores.tolist() == [[1, 2, 0, 3], [0, 1, 1, 0], [1, 0, 1, 2]]
    assert found.max_scores.tolist() == [1, 2, 1, 3]
    assert set(finding(found, "scored_cells").scope) == {"M01", "M02"}
    assert found.answers is None


def test_a_frame_of_points_is_read_back(bank: ItemBank) -> None:
    rows = [["3", "13", "31", "ВАБ", "2,5", "013", "ёж", "2;1"], ["4", "1", "А3", "АБВ", "2", "31", "нет", "0"]]
    found = load_responses(np.array(rows, dtype=object), bank=bank)
    for part in (found, found.select(persons=["1"]), found.select(persons=["2"])):
        again = load_responses(part.to_frame(), bank=bank)
        assert again.answers is None
        assert again.scores.tolist() == part.scores.tolist()


def test_points_among_answers_are_remarked(bank: ItemBank) -> None:
    table = {"M01": ["3", "4", "2", "3", "1", "3"], "M05": [1, 0, 0, 1, 1, 0]}
    with pytest.warns(CompetencyDxWarning, match="look like points .*: M05"):
        assert load_responses(table, bank=bank).scores[:, 0].tolist() == [1, 0, 0, 1, 0, 1]


def test_unclear_cells_are_asked_about(bank: ItemBank) -> None:
    unclear = {"M01": [1, 1], "M05": [1, 1]}
    with pytest.raises(ResponsesError, match=r"say which they are with Layout\(cells='raw'\)"):
        load_responses(unclear, bank=bank)
    assert load_responses(unclear, bank=bank, layout=Layout(cells="raw")).scores.tolist() == [[0, 0], [0, 0]]
    assert load_responses(unclear, bank=bank, layout=Layout(cells="scored")).scores.tolist() == [[1, 1], [1, 1]]


def test_points_above_the_maximum_are_invalid(bank: ItemBank) -> None:
    with pytest.warns(CompetencyDxWarning, match=r"M01 '2' \(1\)"):
        found = load_responses({"M01": [1, 0, 2], "M08": [3, 1, 0]}, bank=bank, layout=Layout(cells="scored"))
    assert found.reasons[:, 0].tolist() == [A, A, INV]


def test_without_a_bank_numeric_columns_are_items() -> None:
    table = {"id": ["a", "b"], "variant": [1, 2], "x": [1, 0], "y": ["2", ""], "примечание": ["да", "нет"]}
    found = load_responses(table)
    assert found.items == ("x", "y")
    assert list(found.background) == ["variant", "примечание"]
    assert load_responses(table, layout=Layout(items=("variant", "x"))).items == ("variant", "x")


def test_tables_without_a_bank_that_cannot_be_read() -> None:
    for table, sentence in [
        ({"id": ["a"], "x": ["A"]}, "no column holds points"),
        ({"id": ["a", "b"], "x": [0.5, 1]}, "no whole points"),
        ({"id": ["a", "b"], "x": [500, 1]}, "more than the highest score of 127"),
    ]:
        with pytest.raises(ResponsesError, match=sentence):
            load_responses(table)
    with pytest.raises(ResponsesError, match="names z, which the table has not"):
        load_responses({"x": [1]}, layout=Layout(items=("z",)))


def test_a_frame_keeps_its_labels_and_its_rows() -> None:
    frame = pd.DataFrame({"x": [1, None, 0], "y": [0, None, None]}, index=["p", "q", "r"])
    found = load_responses(frame)
    assert found.persons.tolist() == ["p", "q", "r"]
    assert found.reasons.tolist() == [[A, A], [NA, NA], [A, NA]]
    part = load_responses(frame.reset_index(drop=True).iloc[[2, 0]])
    assert part.persons.tolist() == ["2", "0"]
    assert load_responses(frame.reset_index(drop=True)).persons.tolist() == ["0", "1", "2"]
    named = frame.set_axis(pd.RangeIndex(3, name="teacher"))
    assert load_responses(named).persons.tolist() == ["0", "1", "2"]


def test_an_item_without_answers_stays() -> None:
    found = load_responses(pd.DataFrame({"x": [1, 0], "y": [np.nan, np.nan]}))
    assert found.items == ("x", "y")
    assert finding(found, "empty_items").scope == ("y",)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "tall"}, "kind= takes 'auto' . 'wide' . 'long', got 'tall'"),
        ({"attempts": "worst"}, "attempts= takes .*got 'worst'"),
        ({"items": "x"}, "items= takes tuple.*got 'x'"),
        ({"missing_tokens": {"x": "lost"}}, "expected one of omitted"),
        ({"missing_codes": {"*": {"9": "lost"}}}, "gives the reason 'lost'"),
    ],
)
def test_layouts_that_make_no_sense(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ResponsesError, match=sentence):
        Layout(**fields)


def small_bank() -> ItemBank:
    fields = {"type": "single", "options": dict.fromkeys("1234", ""), "key": "2", "competencies": {"S": 1}}
    reference = FrameworkReference(id="f", version="1")
    node = Node(code="S", title=Text(ru="С"), kind="category")
    forms = (Form(id="A", items=("I3", "I1", "I0")), Form(id="B", items=("I0", "I2")))
    names = {"id": "b", "title": Text(ru="Б"), "subject": "S", "version": "1"}
    return ItemBank(
        header=BankDocument.model_validate({"schema_version": 1, "framework": reference, "forms": forms, **names}),
        items=tuple(Item.model_validate({"id": f"I{k}", **fields}) for k in range(4)),
        framework=CompetencyFramework(id="f", version="1", title=Text(ru="Ф"), nodes=(node,)),
    )


BANK = small_bank()
tables = st.lists(st.tuples(st.sampled_from("AB"), *[st.sampled_from(["", "1", "2", "3", "4", "-"])] * 4), min_size=1, max_size=8)


@settings(max_examples=50)
@given(rows=tables, seed=st.randoms(use_true_random=False))
def test_permuting_rows_and_columns_permutes_the_result(rows: list[tuple[str, ...]], seed: Any) -> None:
    frame = pd.DataFrame(rows, columns=["form", "I0", "I1", "I2", "I3"])
    frame.insert(0, "person", [f"p{k}" for k in range(len(rows))])
    plan = Layout(cells="raw")
    first = _quiet(frame, plan)
    columns, order = list(frame.columns), list(range(len(rows)))
    seed.shuffle(columns)
    seed.shuffle(order)
    mixed = _quiet(frame.iloc[order][columns].reset_index(drop=True), plan)
    assert mixed.persons.tolist() == [f"p{k}" for k in order]
    same(mixed.select(items=first.items, persons=first.persons.tolist()), first)


def _quiet(frame: pd.DataFrame, plan: Layout) -> Responses:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return load_responses(frame, bank=BANK, layout=plan)


def test_whole_numbers_written_as_floats_are_whole(bank: ItemBank) -> None:
    found = load_responses({"id": ["7.0", "8.0"], "M01": ["3.0", "NA"], "M05": ["2.5", "3.0"]}, bank=bank)
    assert found.persons.tolist() == ["7", "8"]
    assert found.reasons.tolist() == [[A, A], [NA, A]]
    assert found.scores.tolist() == [[1, 1], [0, 0]]


def test_letters_need_a_bank() -> None:
    with pytest.raises(ResponsesError, match="holds no points but 'A', 'B'; give the bank"):
        load_responses(np.array([["A"], ["B"]]))


WHENS = {
    "Дата теста": ("2025-09-12", "2025-10-01"),
    "Отметка времени": ("01.09.2025 10:00:00", "01.10.2025 9:00:00"),
    "Завершено": ("1 сентября 2025  10:00", "1 октября 2025  09:00"),
    "Timestamp": ("2025/09/01 10:00:00 AM GMT+3", "2025/09/01 1:00:00 PM GMT+3"),
    "submitdate": ("9/13/2025 10:00", "10/1/2025 9:00"),
    "Completed": ("1 September 2025 10:00 AM", "1 September 2025 2:00 PM"),
    "Date": ("2025-09-12 10:00:00+03:00", "2025-10-01T09:00:00Z"),
    "Дата": ("12.09.25 10:00", "01.10.25 9:00"),
    "Attempt": (2, 10),
    "Попытка": ("1", "2"),
    "timestamp": (1756720000, 1759312000),
    "EndDate": (pd.Timestamp("2025-09-01 10:00"), pd.Timestamp("2025-10-01 09:00")),
}


@pytest.mark.parametrize("heading", WHENS)
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("long", [False, True])
def test_the_last_attempt_is_the_latest_wherever_it_stands(bank: ItemBank, heading: str, *, newest_first: bool, long: bool) -> None:
    """Several exports put the latest rows first; what counts is when an attempt was, where a column says so."""
    n = 6
    rounds = [
        pd.DataFrame({"person": [f"p{k}" for k in range(n)], "M01": right, heading: [when] * n}).assign(M05="2.5")
        for right, when in zip((["1"] * n, ["3"] * n), WHENS[heading], strict=True)
    ]
    rounds[1] = rounds[1].iloc[: n - 1]  # one came once
    table = pd.concat(rounds[::-1] if newest_first else rounds, ignore_index=True)
    table = table.melt(["person", heading], var_name="item", value_name="answer") if long else table
    for choice, expected in (("last", [1] * (n - 1) + [0]), ("first", [0] * n)):
        found = load_responses(table, bank=bank, layout=Layout(attempts=choice))  # type: ignore[arg-type]
        points = dict(zip(found.persons.tolist(), found.scores[:, found.items.index("M01")].tolist(), strict=True))
        assert [points[f"p{k}"] for k in range(n)] == expected
        assert heading in finding(found, "attempts").en


@pytest.mark.parametrize(
    "dates", [("3/4/2025", "4/3/2025"), ("вчера", "сегодня"), ("10:30", "9:15"), ("2025-09-01", "2025-09-01"), (300, 1200)]
)
def test_attempts_whose_order_no_column_tells_stand_as_the_rows_do(bank: ItemBank, dates: tuple[str, str]) -> None:
    table = {"person": ["a", "b", "a"], "M01": ["1", "3", "3"], "Время": [*dates, dates[0]]}
    for choice, points in (("first", [0, 1]), ("last", [1, 1])):
        found = load_responses(table, bank=bank, layout=Layout(attempts=choice))  # type: ignore[arg-type]
        assert (found.scores[:, 0].tolist(), "in the order of the rows" in finding(found, "attempts").en) == (points, True)


@pytest.mark.parametrize("nothing", ["", "-", "нет ответа"])
@pytest.mark.parametrize("choice", ["first", "last", "best"])
def test_an_attempt_without_answers_takes_the_place_of_none(bank: ItemBank, nothing: str, choice: Any) -> None:
    rows = [("a", "3", "2.5", "Завершено"), ("b", nothing, nothing, "В процессе"), ("a", nothing, nothing, "В процессе")]
    rows += [("b", "3", "1", "Завершено"), ("c", nothing, nothing, "В процессе"), ("c", nothing, nothing, "В процессе")]
    found = load_responses(pd.DataFrame(rows, columns=["person", "M01", "M05", "Состояние"]), bank=bank, layout=Layout(attempts=choice))
    assert found.scores.tolist() == [[1, 1], [1, 0], [0, 0]]
    assert found.observed.tolist() == [[True, True], [True, True], [False, False]]
