"""A column is never taken for another: which header is which item, and which columns are none."""

from __future__ import annotations

import datetime as dt
import json
import re
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competency_dx.arrays import names
from competency_dx.bank import BankDocument, CompetencyFramework, FrameworkReference, Item, ItemBank, Node, Text
from competency_dx.errors import CompetencyDxError, CompetencyDxWarning, DocumentError, ResponsesError, repeated
from competency_dx.findings import Finding
from competency_dx.responses import Layout, Reason, Responses, load_responses

OPTIONS = {"A": "один", "B": "два", "C": "три"}


def bank_of(ids: Sequence[str]) -> ItemBank:
    framework = CompetencyFramework(
        id="own", version="1", title=Text(ru="Своя"), nodes=(Node(code="S", title=Text(ru="С"), kind="category"),)
    )
    names = {"id": "b", "title": Text(ru="Б"), "subject": "S", "version": "1"}
    header = BankDocument.model_validate({"schema_version": 1, "framework": FrameworkReference(id="own", version="1"), **names})
    fields = {"type": "single", "options": OPTIONS, "key": "A", "competencies": {"S": 1}}
    items = tuple(Item.model_validate({"id": i, **fields}) for i in ids)
    return ItemBank(header=header, items=items, framework=framework)


BANK = bank_of([f"Q{k}" for k in range(1, 13)])


def read(table: object, bank: ItemBank | None = BANK, **layout: Any) -> Responses:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return load_responses(table, bank=bank, layout=Layout(**layout))


def finding(responses: Responses, code: str) -> Finding:
    return next(f for f in responses.findings if f.code == f"responses.{code}")


def columns(*headers: str) -> dict[str, list[str]]:
    return {"person": ["a", "b"], **{h: ["A", "B"] for h in headers}}


@pytest.mark.parametrize("header", ["Q1.1", "Q1_1", "Q1 1", "Q1-1", "Q1:1", "Q1/1", "Q1\n1"])
@pytest.mark.parametrize("beside", [["Q1", "Q2"], ["Q2"], ["Q11", "Q2"]])
def test_separators_between_digits_count(header: str, beside: list[str]) -> None:
    found = read(columns(*beside, header))
    assert found.items == tuple(sorted(beside, key=lambda q: int(q[1:])))
    named = finding(found, "unknown_items")
    assert named.severity == "warning"
    assert f"{' '.join(header.split())} (Q1, Q11?)" in named.en
    assert f"{' '.join(header.split())} (Q1, Q11?)" in named.ru


@pytest.mark.parametrize(
    "header",
    ["Q1 (1 балл)", "Q1\n(2 балла)", "Q1 /1,00", "Q. 1 /1.00", "Q1/1.0", "Q1 [макс. 3]", "q1", "Q 1", "Q_1", "Q1:",
     "Q1 (1 point)", "Q1 (1б)", "Q1 [2 б.]", "Q１", "Q1, 1 балл", "Q1 - Response", "Q1 (из 2)", "Q1 /2 балла"],
)  # fmt: skip
def test_a_maximum_behind_the_id_and_usual_spellings_are_read(header: str) -> None:
    found = read(columns(header, "Q3"))
    assert found.items == ("Q1", "Q3")
    assert found.scores.tolist() == [[1, 1], [0, 0]]
    assert finding(found, "header_matched").scope == (" ".join(header.split()),)


@pytest.mark.parametrize(
    ("header", "meant"),
    [("В. 1 /1,00", "Q1"), ("Q7[A]", "Q7"), ("Q01", "Q1"), ("Q1: Выберите ответ", "Q1"), ("Вопрос 4", "Q4"), ("Q13", ""),
     ("Баллы Q5", "Q5"), ("Q5 (2)", "Q5"), ("QQ4", "Q4"), ("5", "Q5")],
)  # fmt: skip
def test_what_may_be_an_item_stands_in_a_warning(header: str, meant: str) -> None:
    with pytest.warns(CompetencyDxWarning, match="look like items"):
        found = load_responses(columns("Q3", header), bank=BANK)
    assert found.items == ("Q3",)
    named = finding(found, "unknown_items")
    assert named.scope == (header,)
    assert (f"{header} ({meant}" in named.ru) if meant else (header in named.ru)


def test_a_letter_less_is_hinted_and_cells_of_options_are_noticed() -> None:
    bank = bank_of(["Susan_Smith", "Q1"])
    found = read(columns("Q1", "Suzan_Smith"), bank)
    assert "Suzan_Smith (Susan_Smith?)" in finding(found, "unknown_items").en
    assert finding(read(columns("Q1", "Susan_Smith")), "unknown_items").scope == ("Susan_Smith",)
    plain = {**columns("Q1"), "школа": ["№ 1", "№ 2"], "комментарий": ["да", "нет"], "Q1 время": ["10", "12"]}
    assert not [f for f in read(plain).findings if f.severity == "warning"]


def test_two_headers_of_one_item_are_refused_and_the_exact_one_wins() -> None:
    with pytest.raises(ResponsesError, match=r"columns Q1 \(1 балл\), q 1 all name item Q1"):
        read(columns("Q1 (1 балл)", "q 1"))
    table = {"person": ["a", "b"], "q1": ["B", "B"], "Q1": ["A", "A"]}
    found = read(table)
    assert found.scores[:, 0].tolist() == [1, 1]
    assert finding(found, "unknown_items").scope == ("q1",)


@pytest.mark.parametrize("added", [" [Баллы]", " [Score]", " /1,00", " - Балл", " (points)", " [Оценка]"])
def test_points_beside_answers_are_named_and_alone_they_are_the_points(added: str) -> None:
    points = ["0,00", "1,00"] if "/" in added else ["0 / 1", "1 / 1"]
    both = read({"person": ["a", "b"], "Q1": ["A", "B"], f"Q1{added}": points, "Q2": ["A", "A"]})
    assert finding(both, "points_beside").scope == (f"Q1{added}",)
    assert both.scores.tolist() == read({"person": ["a", "b"], "Q1": ["A", "B"], "Q2": ["A", "A"]}).scores.tolist()
    alone = read({"person": ["a", "b"], f"Q1{added}": points})
    assert (alone.items, alone.scores.tolist()) == (("Q1",), [[0], [1]])


@pytest.mark.parametrize(
    "heads",
    [
        "user_id,question_id,is_correct",
        "student,problem_id,correct",
        "userId,questionId,isCorrect",
        "участник,вопрос,верно",
        "user,task,right",
    ],
)
def test_a_long_table_that_says_what_is_right(heads: str) -> None:
    rows = [(p, q, int(p != q[1])) for p in "123" for q in ("Q1", "Q2")]
    frame = pd.DataFrame(rows, columns=heads.split(","))
    for table in (frame, frame.astype({frame.columns[2]: bool}), frame.replace({0: "FALSE", 1: "TRUE"})):
        for bank in (BANK, None):
            assert read(table, bank).scores.tolist() == [[0, 1], [1, 0], [1, 1]]
    answered = frame.assign(answer="A")
    assert read(answered, None).scores.tolist() == [[0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("head", ["status", "Результат", "verdict"])
@pytest.mark.parametrize("words", [("wrong", "correct"), ("неверно", "верно"), ("failed", "passed")])
def test_a_verdict_in_words_says_what_is_right_where_there_are_no_answers(head: str, words: tuple[str, str]) -> None:
    rows = [(p, q, words[p != q[1]]) for p in "123" for q in ("Q1", "Q2")]
    frame = pd.DataFrame(rows, columns=["user_id", "step_id", head])
    for bank in (BANK, None):
        assert read(frame, bank).scores.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert read(frame.assign(answer="A"), BANK).scores.tolist() == [[1, 1]] * 3  # answers are scored by the keys
    assert read(frame.assign(score=[1, 0] * 3), None).scores.tolist() == [[1, 0]] * 3  # and points are more than a verdict
    for other in ({words[0]: "completed"}, {words[0]: "нет", words[1]: "да"}):
        with pytest.raises(ResponsesError):
            read(frame.replace(other), None)


def test_codes_of_an_item_that_is_not_there() -> None:
    table = {"person": ["a", "b"], "x": [1, 9], "y": [1, 0]}
    with pytest.raises(ResponsesError, match=r"missing_codes=…\) names xx"):
        read(table, None, missing_codes={"xx": {"9": "omitted"}})
    assert read(table, None, missing_codes={"x": {"9": "omitted"}, "*": {"8": "omitted"}}).observed.tolist() == [
        [True, True],
        [False, True],
    ]


def test_aliases_name_items() -> None:
    table = columns("Вопрос 1", "В. 2 /1,00")
    with pytest.raises(ResponsesError, match=r"no column is an item .*Layout\(aliases="):
        read(table)
    found = read(table, aliases={"Вопрос 1": "Q1", "В. 2": "Q2"})
    assert found.items == ("Q1", "Q2")
    long = pd.DataFrame({"person": ["a", "a"], "item": ["Вопрос 1", "Q2"], "answer": ["A", "A"]})
    assert read(long, aliases={"Вопрос 1": "Q1"}, item="item").scores.tolist() == [[1, 1]]
    with pytest.raises(ResponsesError, match="names Z1, which bank b has not"):
        read(table, aliases={"Вопрос 1": "Z1"})
    points = read({"person": ["a", "b"], "В. 1": [1, 0]}, None, aliases={"В. 1": "x"})
    assert points.items == ("x",)


ids = st.lists(
    st.from_regex(r"[QМBВ]{1,2}[ _.\-/]?[0-9]{1,2}([._\-][0-9AА]{1,2})?", fullmatch=True), min_size=1, max_size=6, unique=True
).map(lambda names: [n.replace(" ", "_") for n in names])


@st.composite
def written(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Draw ids of a bank and headers made of them: other separators, case, letters, maxima, sub-questions."""
    wanted = draw(ids.filter(lambda names: len(set(names)) == len(names)))
    headers = []
    for item in draw(st.lists(st.sampled_from(wanted), min_size=1, max_size=6)):
        mark = draw(st.sampled_from(["_", ".", "-", " ", "", "\n"]))
        text = item if draw(st.booleans()) else item.replace("_", mark).replace(".", mark).replace("-", mark)
        text = text.lower() if draw(st.booleans()) else text.translate(str.maketrans("ВМА", "BMA"))
        headers.append(text + draw(st.sampled_from(["", "", " /1,00", " (1 балл)", ".1", "_2", "[A]", " - Score", "1"])))
    return wanted, list(dict.fromkeys(" ".join(h.split()) for h in headers))


@settings(max_examples=60, deadline=None)
@given(drawn=written())
def test_never_two_headers_on_one_item_nor_a_header_on_another(drawn: tuple[list[str], list[str]]) -> None:
    """Each header carries answers of its own (row k is its number): what an item holds tells which header it came from."""
    wanted, headers = drawn
    bank = bank_of(wanted)
    rows = {h: ["A" if k == j else "B" for j in range(len(headers))] for k, h in enumerate(headers)}
    try:
        found = read({"person": [f"p{k}" for k in range(len(headers))], **rows}, bank, cells="raw")
    except ResponsesError:
        return  # two spellings of one item, or no item at all
    source = [headers[int(found.scores[:, k].argmax())] for k in range(len(found.items))]
    assert len(set(source)) == len(source)
    for item, header in zip(found.items, source, strict=True):
        assert header == item or header not in wanted
        assert pieces(header) == pieces(item)
    for header in set(headers) & set(wanted):
        assert source[found.items.index(header)] == header
    left = set(headers) - set(source)
    told = {name for f in found.findings if f.code in {"responses.unknown_items", "responses.points_beside"} for name in f.scope}
    assert left == told


def pieces(text: str) -> list[str]:
    """Return the numbers and the words of a name in order, the maximum behind it left out; words beside each other are one."""
    text = text.removesuffix(" /1,00").removesuffix(" (1 балл)").removesuffix(" - Score").upper().translate(str.maketrans("ВМА", "BMA"))
    return re.findall(r"\d+|[^\W\d]+", re.sub(r"(?<=[A-Z])[\W_]+(?=[A-Z])", "", text.replace("_", " ")))


LONG = {"person": ["a", "a", "b", "b", "c"], "item": ["Q1", "q 2", "Q. 1", "Q2", "Z9"], "answer": ["A", "A", "B", "A", "A"]}


def test_a_long_table_merges_spellings_and_loses_nobody() -> None:
    found = read(LONG)
    assert found.items == ("Q1", "Q2")
    assert found.persons.tolist() == ["a", "b", "c"]
    assert found.scores.tolist() == [[1, 1], [0, 1], [0, 0]]
    assert (found.reasons[2] == Reason.NOT_ADMINISTERED).all()
    assert finding(found, "empty_persons").scope == ("c",)
    assert finding(found, "unknown_items").scope == ("Z9",)
    with pytest.raises(ResponsesError, match=r"column item names no item of bank b \(it holds Q01 \(Q1\?\); items"):
        read({"person": ["a", "a"], "item": ["Q01", "z"], "answer": ["A", "B"]})
    with pytest.raises(ResponsesError, match=r"answers given twice \(person/item\): a/Q1"):
        read({"person": ["a", "a"], "item": ["Q1", "q1"], "answer": ["A", "B"]})


def test_ids_of_persons_that_may_be_one_are_named() -> None:
    table = {**LONG, "person": ["Т-1", "T-1", "t-2", "t-2", "x"]}
    assert finding(read(table), "spellings").scope == ("Т-1", "T-1")


def test_letters_that_are_composed_or_not_are_the_same() -> None:
    """One sign may be written by two code points, or have signs of no width beside it: it is one id, group, item and option."""
    composed, parted = "йод-1", "и\u0306од-1"
    cells = {"Q1": list("ABA"), "Q2": list("ABB")}
    with pytest.raises(ResponsesError, match="persons йод-1 have several rows"):
        read({"код": [composed, parted, "x"], **cells})
    with pytest.raises(ResponsesError, match="named twice: й"):
        read({"код": ["1", "2", "x"], "й": list("ABA"), "и\u0306": list("ABA"), **cells})
    found = read({"код": ["a1", "a2", "a3"], "школа": ["й", "и\u0306", "к"], **cells})
    assert len(set(found.background["школа"])) == 2
    assert found.of_persons({"a1": "и\u0306", "a2": "й ", "a3": "к"}) == ["й", "й", "к"]
    assert names([parted]).tolist() == [composed]
    long = {"person": [composed, parted, "x", "x"], "item": ["Q1", "Q2", "Q1", "Q2"], "answer": list("ABAB")}
    assert read(long).persons.tolist() == [composed, "x"]
    for second in (parted, f"{composed}\u200b"):
        document = {"bank": "b", "persons": [{"person": who, "answers": {"Q1": "A"}} for who in (composed, second)]}
        with pytest.raises(DocumentError, match=r"persons\[1\]\.person: ids of persons must not be empty or occur twice"):
            read(document)
    assert repeated([parted, "x", composed, parted]) == [parted]


@pytest.mark.parametrize(
    "pair", [("T1", "t1"), ("Т1", "T1"), ("001", "1"), ("K-7", "K 7"), ("school 3", "School3"), ("K\u00a07", "K 7")]
)
def test_ids_of_a_wide_table_that_may_be_one_are_named(pair: tuple[str, str]) -> None:
    found = read({"код": [*pair, "1.1", "11", "x"], "Q1": list("AABBC")})
    assert len(found.persons) == 5
    assert finding(found, "spellings").scope == pair


@pytest.mark.parametrize("mark", ["{} (пересдача)", "{}*", "{} (2)", "{}_2", "{} retake"])
def test_the_mark_of_a_second_attempt_behind_an_id_is_told_of(mark: str) -> None:
    found = read({"код": ["T1", "T2", "T3", mark.format("T1")], "Q1": list("AABB")})
    shown = finding(found, "spellings").scope
    assert (len(found.persons), len(shown), shown[0]) == (4, 2, "T1")
    alone = read({"код": ["5А (1)", "5А (2)", "5Б (1)", mark.format("T9")], "Q1": list("AABB")})
    assert "responses.spellings" not in {f.code for f in alone.findings}


@pytest.mark.parametrize("tail", [".1", " 2", "_2", " (2)"])
@pytest.mark.parametrize("bank", [None, BANK])
def test_two_persons_in_a_row_are_refused(tail: str, bank: ItemBank | None) -> None:
    cells = list("AB" * 6) if bank else [0, 1] * 6
    one = {"код": [f"T{k}" for k in range(12)], **{f"Q{k}": cells for k in range(1, 5)}}
    other = {f"{name}{tail}": of for name, of in one.items()}
    with pytest.raises(ResponsesError, match=r"a row holds two persons \(код, код"):
        read({**one, **other, f"код{tail}": [f"T{k}" for k in range(12, 24)]}, bank)
    assert read({**one, f"код{tail}": [f"s{k}" for k in range(12)]}, bank).persons.tolist() == one["код"]


@pytest.mark.parametrize("item", ["{}", "Q{}", "{}.", "{:02}", "№{}", "item {}", "1.{}"])
@pytest.mark.parametrize("beside", [{}, {"код1": ["а", "б", "в"] * 4}, {"код.1": ["а", "б", "в"] * 4}])
def test_numbered_items_are_no_items_of_a_second_person(item: str, beside: dict[str, list[str]]) -> None:
    """ "11" is no second "1", with a second code beside the ids or without."""
    items = {item.format(k): [(p + k) % 2 for p in range(12)] for k in range(1, 41)}
    found = read({"код": [f"T{p}" for p in range(12)], **beside, **items}, None)
    assert found.items == tuple(items)
    assert found.persons.tolist() == [f"T{p}" for p in range(12)]


@pytest.mark.parametrize("form", ["Q{} - {}", "Q{}_{}", "Q{} [{}]"])
@pytest.mark.parametrize("no", [0, None])
def test_the_options_of_one_question_are_no_items(form: str, no: int | None) -> None:
    person = {"код": [f"T{k:02}" for k in range(12)]}
    dummies = {form.format(q, o): [1 if (k * q) % 4 == o else no for k in range(12)] for q in (1, 3) for o in range(4)}
    with pytest.raises(ResponsesError, match="are the options of one question"):
        read({**person, **dummies}, None)
    assert len(read({**person, **dummies}, None, items=tuple(dummies)).items) == 8
    points = {form.format(q, o): [int((k + q * o) % 3 > 0) for k in range(12)] for q in (1, 3) for o in range(4)}
    assert len(read({**person, **points}, None).items) == 8


@pytest.mark.parametrize("head", ["Первый вопрос", "20", "Решение задачи"])
def test_a_strange_heading_over_codes_of_options_is_a_warning(head: str) -> None:
    options = {"1": "один", "2": "два", "3": "три", "4": "четыре"}
    fields = {"type": "single", "options": options, "key": "4", "competencies": {"S": 1}}
    bank = ItemBank(
        header=BANK.header, framework=BANK.framework, items=tuple(Item.model_validate({"id": f"N-{k}", **fields}) for k in range(3))
    )
    table = {"person": list("abcdefgh"), "N-0": list("44123344"), "N-1": list("41414412"), "смена": list("12312312")}
    assert finding(read({**table, head: list("12344321")}, bank), "unknown_items").scope == (head,)
    assert not [f for f in read(table, bank).findings if f.severity == "warning"]


@pytest.mark.parametrize("bank", [None, BANK])
@pytest.mark.parametrize("head", ["Задание", "item", "Вопрос"])
def test_items_in_rows_are_refused_in_one_sentence(bank: ItemBank | None, head: str, tmp_path: Path) -> None:
    lines = [f"{head};T1;T2;T3;T4", *(f"Q{k};{'A;B;A;C' if bank else '1;0;1;1'}" for k in range(1, 7))]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ResponsesError, match=rf"items are in rows \(column {head}: Q1, Q2.* turn the table"):
        read(tmp_path / "t.csv", bank)
    with pytest.raises(ResponsesError, match="items are in rows"):
        read(pd.read_csv(tmp_path / "t.csv", sep=";"), bank)
    rows = {"Участник": [f"Задание {k}" for k in range(1, 7)], **{f"T{k}": [1, 0, 1, 1, 0, 1] for k in range(4)}}
    with pytest.raises(ResponsesError, match="items are in rows"):
        read(rows, None)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_row_shorter_than_the_header_is_named_by_its_line(quoted: bool, tmp_path: Path) -> None:
    mark = '"A"' if quoted else "A"
    lines = ["person;Q1;Q2;Q3", f"a;{mark};A;A", "b;A;A", f"c;{mark};A;", "d;A;A;A", "e;A", "Итого;3;3", "Исполнитель Петров"]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    found = read(tmp_path / "t.csv")
    assert finding(found, "short_rows").scope == ("3", "6")
    assert found.persons.tolist() == list("abcde")
    (tmp_path / "t.csv").write_text("\n".join([*lines[:2], lines[3], lines[4]]), encoding="utf-8")
    assert "responses.short_rows" not in {f.code for f in read(tmp_path / "t.csv").findings}


@pytest.mark.parametrize("items", [2, 3, 9])
@pytest.mark.parametrize("mark", [",", ";"])
def test_the_header_of_an_index_without_a_name_is_found(items: int, mark: str, tmp_path: Path) -> None:
    table = pd.DataFrame({f"v{k}": [0, 1, 2, 1, k % 3] for k in range(items)}, index=[f"T{k}" for k in range(5)])
    table.to_csv(tmp_path / "t.csv", sep=mark)
    found = read(tmp_path / "t.csv", None)
    assert found.items == tuple(table.columns)
    assert found.persons.tolist() == list(table.index)


def test_what_tells_two_ratings_apart_is_named() -> None:
    table = {"id": ["a"] * 2, "item": ["x"] * 2, "resp": [1, 0], "rater": ["r1", "r2"]}
    with pytest.raises(ResponsesError, match="column rater tells them apart: read the rows of one rater at a time"):
        read(table, None)


SCORES = {"v1": [1, 1, 0, 1, 0, 1], "v2": [1, 1, 0, 0, 1, 1], "v3": [2, 0, 0, 1, 1, 2]}
TOTAL = [4, 2, 0, 2, 2, 4]


@pytest.mark.parametrize(
    "name", ["Оценка/8,00", "Grade/9.00", "Итог", "Результат", "Общее среднее", "Итоговый балл", "Всего баллов", "Total score"]
)
def test_totals_are_known_by_name(name: str) -> None:
    found = read({"person": list("abcdef"), **SCORES, name: [3, 1, 4, 1, 5, 9]}, None)
    assert found.items == ("v1", "v2", "v3")
    assert name in found.background


@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (TOTAL, "sum"),
        ([100, 50, 0, 50, 50, 100], "percent"),
        ([1.33, 0.67, 0, 0.67, 0.67, 1.33], "mean"),
        ([10, 5, 0, 5, 5, 10], "grade"),
    ],
)
def test_a_column_equal_to_the_sum_of_others_is_no_item(cells: list[float], what: str, place: int) -> None:
    names = list(SCORES)
    names.insert(place, "успех")
    table = {"person": list("abcdef"), **{n: SCORES.get(n, cells) for n in names}}
    found = read(table, None)
    assert found.items == ("v1", "v2", "v3"), what
    assert finding(found, "sums").scope == ("успех",)
    assert finding(found, "sums").severity == "warning"
    if what == "sum":
        assert read(table, None, items=tuple(names)).items == tuple(names)


RNG = np.random.default_rng(7)
POINTS = (RNG.random((30, 8)) < 0.6).astype(int)
ITEMS = {f"z{k}": POINTS[:, k].tolist() for k in range(8)}
SUM = POINTS.sum(axis=1)
FOLLOWS = {
    "wrong": 8 - SUM,
    "weighted": POINTS @ [1, 1, 1, 1, 2, 2, 2, 2],
    "half weights": POINTS @ [1, 1, 1, 1, 1, 1, 3, 3] + 4,
    "one row off": SUM + (np.arange(30) == 3),
    "a grade": np.digitize(SUM, [3, 5, 6]) + 2,
}


def wide(**further: Any) -> dict[str, Any]:
    return {"person": [f"T{k:02d}" for k in range(30)], **ITEMS, **further}


@pytest.mark.parametrize("what", FOLLOWS)
def test_what_follows_from_the_items_is_no_item(what: str) -> None:
    found = read(wide(x=FOLLOWS[what].tolist()), None)
    assert found.items == tuple(ITEMS)
    assert finding(found, "sums").scope == ("x",)


@pytest.mark.parametrize(
    "name", ["Набрано", "Тест: сумма", "Балл за тест", "Кол-во баллов", "Σ", "Ошибок", "Зачёт", "passed", "Уровень"]
)
def test_totals_of_any_content_are_known_by_a_word(name: str) -> None:
    found = read(wide(**{name: RNG.integers(0, 3, 30).tolist()}), None)
    assert found.items == tuple(ITEMS)
    assert finding(found, "not_items").scope == (name,)


@pytest.mark.parametrize("total", ["Итого", "total_score", "x"])
def test_a_total_in_a_long_table_is_no_item(total: str) -> None:
    frame = pd.DataFrame(wide()).melt(id_vars="person", var_name="item", value_name="score")
    sums = pd.DataFrame({"person": wide()["person"], "item": total, "score": SUM})
    found = read(pd.concat([frame, sums]), None)
    assert found.items == tuple(ITEMS)
    assert finding(found, "sums").scope == (total,)
    assert total in read(pd.concat([frame, sums]), None, items=(*ITEMS, total)).items


MEASURES = {
    "rows from 1": range(1, 31),
    "rows from 0": range(30),
    "rows in another order": RNG.permutation(30) + 1,
    "ids": np.sort(RNG.choice(np.arange(1000, 2000), 30, replace=False)),
    "ages": RNG.integers(22, 64, 30),
    "seniority": RNG.integers(0, 41, 30),
    "years": RNG.integers(1985, 2024, 30),
    "minutes and a half": RNG.integers(40, 120, 30) / 2 + 15,
}


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("what", MEASURES)
def test_what_counts_or_measures_is_no_item_whatever_its_name(what: str, place: str) -> None:
    cells = {"hmm": list(MEASURES[what])}
    table = {"person": wide()["person"], **cells, **ITEMS} if place == "first" else wide(**cells)
    found = read(table, None)
    assert found.items == tuple(ITEMS)
    named = finding(found, "not_items")
    assert named.scope == ("hmm",)
    assert "Layout(items=…)" in named.en
    assert "hmm" in found.background


@pytest.mark.parametrize(
    "name",
    ["Возраст (лет)", "Стаж работы", "Педагогический стаж, лет", "Номер школы", "Школа №", "Время, мин", "duration_sec", "Freq",
     "Согласие на обработку", "Пол: м, ж", "Age in years", "Alter", "Âge", "Edad", "durée", "rownames", "z1 time"],
)  # fmt: skip
def test_words_of_background_stand_with_any_others(name: str) -> None:
    found = read(wide(**{name: RNG.integers(1, 3, 30).tolist()}), None)
    assert found.items == tuple(ITEMS)
    assert finding(found, "not_items").scope == (name,)
    assert name in read(wide(**{name: RNG.integers(1, 3, 30).tolist()}), None, items=(*ITEMS, name)).items


@pytest.mark.parametrize("top", [1, 3, 10, 20, 30])
@pytest.mark.parametrize("persons", [5, 12, 30, 300])
def test_honest_points_are_items(top: int, persons: int) -> None:
    rng = np.random.default_rng(top + persons)
    able = rng.normal(size=persons)
    share = 1 / (1 + np.exp(-(able[:, None] - np.linspace(-1, 1, 7))))
    points = np.column_stack([rng.binomial([1, 1, 1, 1, 1, top, top], share)])
    table = pd.DataFrame(points, columns=[f"v{k}" for k in range(7)], index=[f"p{k}" for k in range(persons)])
    found = read(table, None)
    assert found.items == tuple(table.columns)
    assert not [f for f in found.findings if f.code.split(".")[1] in {"sums", "not_items", "summary_rows", "total_rows"}]
    named = table.set_axis(["Время 1", "Время 2", "Школа", "Школа 2", "Возраст и память", "Время 3", "Год"], axis=1)
    assert "Время 1" in read(named, None).items  # what all are about is no remark on the persons


@pytest.mark.parametrize("name", ["Фамилия", "Q9 [Отзыв]", "заметка"])
@pytest.mark.parametrize("cell", ["-", "", "—"])
def test_a_column_of_nothing_is_no_item(name: str, cell: str) -> None:
    found = read(wide(**{name: [cell] * 30}), None)
    assert found.items == tuple(ITEMS)
    assert finding(found, "not_items").scope == (name,)


@pytest.mark.parametrize("persons", [6, 12, 40])
@pytest.mark.parametrize("items", [8, 25, 40])
def test_a_sum_of_some_columns_stands_beside_them_under_any_name(persons: int, items: int) -> None:
    rng = np.random.default_rng(persons * items)
    x = (rng.random((persons, items)) < 0.5).astype(int)
    table = pd.DataFrame(x, columns=[f"v{k}" for k in range(items)])
    table.insert(5, "zz", x[:, :5].sum(axis=1))
    table.insert(6, "s", x[:, 5:].sum(axis=1))
    with pytest.warns(CompetencyDxWarning, match="zz, s"):
        read = load_responses(table)
    assert read.items == tuple(f"v{k}" for k in range(items))


def test_sums_of_parts_and_several_totals_are_seen() -> None:
    table = pd.DataFrame({f"x{k}": [(j >> k) & 1 for j in range(32)] for k in range(5)})
    table["раздел 1"] = table["x0"] + table["x1"] + table["x2"]
    table["раздел 2"] = table["x3"] + table["x4"]
    table.loc[3, "раздел 1"] = None
    table["всё"] = table["раздел 1"].fillna(2) + table["раздел 2"]
    table["снова"] = table["всё"]
    assert read(table, None).items == tuple(f"x{k}" for k in range(5))
    even = pd.DataFrame({"x": [1] * 8, "y": [1] * 8, "z": [2] * 8, "w": [0, 1] * 4})
    assert read(even, None).items == ("x", "y", "z", "w")  # what everybody has is the sum of what everybody has by chance


@pytest.mark.parametrize(("name", "known"), [("Раздел А", True), ("Балл за часть 1", True), ("Section 2", True), ("v5", False)])
def test_a_name_of_a_part_and_its_sum_are_enough_in_a_small_table(name: str, known: bool) -> None:
    table = {"person": list("abcdef"), "v1": [0, 1, 0, 1, 1, 0], "v2": [1, 1, 0, 0, 1, 0], "v3": [0, 0, 1, 1, 0, 1],
             "v4": [1, 0, 0, 1, 1, 1], name: [1, 2, 0, 1, 2, 0]}  # fmt: skip
    assert (name not in read(table, None).items) is known
    assert (name not in read(table | {name: [1, 2, 0, 1, 2, 1]}, None).items) is known


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=6), min_size=3, max_size=30))
def test_binary_items_are_never_sums(rows: list[list[int]]) -> None:
    width = min(map(len, rows))
    found = read(pd.DataFrame([r[:width] for r in rows], columns=[f"x{k}" for k in range(width)]), None)
    assert found.items == tuple(f"x{k}" for k in range(width))


@pytest.mark.parametrize(
    "label",
    ["Общее среднее", "Overall average", "Среднее по группе", "% выполнения", "Процент верных", "Правильные ответы", "Ключ",
     "Key", "Максимум", "Решаемость", "Итого по школе", "Maximum points", "Class average"],
)  # fmt: skip
@pytest.mark.parametrize("at", ["top", "bottom"])
def test_rows_of_averages_percents_and_keys_are_no_persons(label: str, at: str) -> None:
    rows = [["T1", "1", "0"], ["T2", "0", "1"], ["T3", "1", "1"]]
    extra = [label, "0,67", "0,67 (3)"]
    table = pd.DataFrame([extra, *rows] if at == "top" else [*rows, extra], columns=["Логин", "x1", "x2"])
    found = read(table, None)
    assert found.persons.tolist() == ["T1", "T2", "T3"]
    assert found.scores.tolist() == [[1, 0], [0, 1], [1, 1]]


FOOTERS: dict[str, Any] = {
    "counts": POINTS.sum(axis=0),
    "shares": POINTS.mean(axis=0).round(2),
    "percents": (100 * POINTS.mean(axis=0)).round(),
    "deviations": POINTS.std(axis=0).round(3),
    "places": np.arange(1, 9),
    "what was wrong": 30 - POINTS.sum(axis=0),
    "far beyond": np.full(8, 55),
}


@pytest.mark.parametrize("label", ["Итого по школе {}", "S{:02}", "Подытог {}"])
@pytest.mark.parametrize("size", [3, 10])
def test_sums_of_groups_between_the_rows_are_no_persons(label: str, size: int) -> None:
    table = pd.DataFrame(POINTS, columns=[*ITEMS])
    table.insert(0, "person", [f"T{k:02}" for k in range(30)])
    parts = [table[k : k + size] for k in range(0, 30, size)]
    sums = [pd.DataFrame([[label.format(k), *part[[*ITEMS]].sum()]], columns=table.columns) for k, part in enumerate(parts)]
    found = read(pd.concat([frame for pair in zip(parts, sums, strict=True) for frame in pair]), None)
    assert (found.persons.tolist(), found.scores.tolist()) == (table["person"].tolist(), POINTS.tolist())
    assert "responses.total_rows" in {f.code for f in found.findings}


@pytest.mark.parametrize("label", ["Σ", "Справились", "SD", "Zzz", ""])
@pytest.mark.parametrize("what", FOOTERS)
def test_a_row_that_sums_up_the_others_is_no_person(what: str, label: str) -> None:
    last = pd.DataFrame([[label, *FOOTERS[what]]], columns=["person", *ITEMS])
    found = read(pd.concat([pd.DataFrame(wide()), last]).astype(str), None)
    assert found.persons.tolist() == wide()["person"]
    assert found.max_scores.tolist() == [1] * 8
    assert "1 row" in finding(found, "total_rows").en


@pytest.mark.parametrize("person", ["T99", "Т99", "99", "t-99", "Anna"])
def test_the_best_and_the_worst_pupil_are_persons(person: str) -> None:
    for cells in (POINTS.max(axis=0), POINTS.min(axis=0)):
        table = pd.DataFrame(wide())
        table.loc[30] = [person, *cells]
        found = read(table, None)
        assert person in found.persons
        assert "responses.total_rows" not in {f.code for f in found.findings}
    table.loc[30] = ["T99", *np.full(8, 9)]
    assert finding(read(table, None), "summary_rows").scope == ("T99",)


@pytest.mark.parametrize(
    "label", ["Правильные", "Эталоны", "Ответы", "Correct", "Верно", "Решение", "Образец", "*ключ*", "Key2024", "Эксперт", ""]
)
@pytest.mark.parametrize("place", [0, 12])
def test_a_row_of_the_key_is_no_person(label: str, place: int) -> None:
    rows = [[f"T{k}", *("ABC"[(k + j) % 3] for j in range(6))] for k in range(12)]
    rows.insert(place, [label, *"AAAAAA"])
    table = pd.DataFrame(rows, columns=["person", *(f"Q{j}" for j in range(1, 7))])
    assert read(table).persons.tolist() == [f"T{k}" for k in range(12)]
    rows[place][0] = "T77"
    assert "T77" in read(pd.DataFrame(rows, columns=table.columns)).persons


@pytest.mark.parametrize("second", ["texts", "imports", "both"])
def test_a_second_row_of_headings_is_no_person(second: str) -> None:
    texts = ["Response ID", *(f"Which of these statements is true of number {k}?" for k in range(1, 5))]
    imports = [f'{{"ImportId":"QID{k}"}}' for k in range(5)]
    rows = [[f"R_{k}", *("ABC"[(k + j) % 3] for j in range(4))] for k in range(8)]
    above = {"texts": [texts], "imports": [imports], "both": [texts, imports]}[second]
    found = read(pd.DataFrame([*above, *rows], columns=["person", "Q1", "Q2", "Q3", "Q4"]))
    assert found.persons.tolist() == [f"R_{k}" for k in range(8)]
    assert not [f for f in found.findings if f.severity == "warning"]


def test_the_row_of_averages_goes_where_nothing_names_the_persons() -> None:
    rows = [["Петров", "Иван", f"{k % 2},00", f"{k % 3 // 2},00", "1,00"] for k in range(20)]
    table = pd.DataFrame([*rows, ["Общее среднее", "", "0,50", "0,33", "1,00"]], columns=["Фамилия", "Имя", "В. 1", "В. 2", "В. 3"])
    assert len(read(table, None, pii="drop").persons) == 20
    bare = pd.DataFrame([*rows, ["", "", "0,50", "0,33", "0,98"]], columns=table.columns)[["В. 1", "В. 2", "В. 3"]]
    assert len(read(bare, None).persons) == 20


def test_the_label_of_an_average_in_a_dropped_column_of_names_is_seen() -> None:
    rows = [["Иванова Анна", "T1", "1"], ["Петров Иван", "T2", "0"], ["Общее среднее", "", "0,5"]]
    table = pd.DataFrame(rows, columns=["Фамилия", "Идентификационный номер", "x1"])
    found = read(table, None, pii="drop")
    assert found.persons.tolist() == ["T1", "T2"]


@pytest.mark.parametrize(
    "header",
    ["Идентификационный номер", "ID number", "Идентификатор участника", "Номер участника", "Код обучающегося", "Student number",
     "Username", "Логин пользователя", "candidate_id", "Шифр работы", "Табельный номер", "Ваш код", "code", "Участник №", "Студент",
     "Код учителя (анонимный)", "Индивидуальный номер", "Your personal code", "Код респондента (4 цифры)"],
)  # fmt: skip
def test_ids_are_known_by_their_headings(header: str) -> None:
    found = read({"дата": ["1", "2"], header: ["10234", "10235"], "Q1": ["A", "B"]})
    assert found.persons.tolist() == ["10234", "10235"]


IRW = {
    "id": [1, 1, 2, 2, 3],
    "item": ["x", "y", "x", "y", "x"],
    "resp": [1, 0, 2, None, None],
    "rater": ["r1", "r1", "r2", "r2", "r1"],
    "cov_age": [40, 40, 51, 51, 33],
    "itemcov_topic": ["a", "b", "a", "b", "a"],
}


def test_tables_of_the_item_response_warehouse_are_read_and_written(tmp_path: Path) -> None:
    found = read(IRW, None)
    assert found.persons.tolist() == ["1", "2", "3"]
    assert found.scores.tolist() == [[1, 0], [2, 0], [0, 0]]
    assert found.observed.tolist() == [[True, True], [True, False], [False, False]]
    assert found.background["cov_age"].tolist() == ["40", "51", "33"]
    written = found.to_irw()
    assert list(written) == ["id", "item", "resp", "rater", "cov_age", "itemcov_topic"]
    assert written["resp"].tolist() == [1, 0, 2, pd.NA]
    written.to_csv(tmp_path / "irw.csv", index=False)
    again = read(tmp_path / "irw.csv", None)
    assert again.scores.tolist() == found.scores.tolist()
    assert again.observed.tolist() == found.observed.tolist()
    assert again.to_irw().equals(written)


def test_every_person_and_given_item_is_written() -> None:
    bank = bank_of(["Q1", "Q2"])
    table = {"person": ["a", "b"], "Q1": ["A", ""], "Q2": ["-", ""], "Тип школы": ["лицей", "гимназия"]}
    written = read(table, bank).to_irw()
    assert written.values.tolist() == [["a", "Q1", 1, "лицей"], ["a", "Q2", pd.NA, "лицей"], ["b", "Q1", pd.NA, "гимназия"]]
    assert list(written)[3] == "cov_Тип_школы"


SETS = {"person": ["a", "b", "c", "d"], "M02": [["1", "3"], ["3", "1"], ["2"], []], "M01": [["3"], ["4"], ["3"], ["3"]]}


def test_lists_in_cells_are_sets_of_options(bank: ItemBank, tmp_path: Path) -> None:
    records = [dict(zip(SETS, row, strict=True)) for row in zip(*SETS.values(), strict=True)]
    (tmp_path / "a.json").write_text(json.dumps(records), encoding="utf-8")
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    pd.DataFrame(SETS).to_parquet(tmp_path / "a.parquet")
    tuples = {**SETS, "M02": [("1", "3"), {"3", "1"}, np.array(["2"]), None]}
    arrow = pl.DataFrame(SETS).to_arrow()
    sources = [records, SETS, pd.DataFrame(SETS), tuples, pl.DataFrame(SETS), arrow, arrow.to_pandas()]
    for source in (*sources, *(tmp_path / f"a.{kind}" for kind in ("json", "jsonl", "parquet"))):
        found = read(source, bank)
        assert found.items == ("M01", "M02")
        assert found.scores.tolist() == [[1, 2], [0, 2], [1, 0], [1, 0]]
        assert found.reasons[:, 1].tolist() == [0, 0, 0, Reason.NOT_ADMINISTERED]
    words = {"person": ["a", "b"], "M02": [["вариант 1", "вариант 3"], ["вариант 5"]], "M03": [{"А": "3", "Б": "1"}, ["3", "1"]]}
    assert read(words, bank).scores.tolist() == [[2, 1], [0, 1]]


def test_lines_of_json_end_at_ends_of_lines_alone(tmp_path: Path, bank: ItemBank) -> None:
    texts = ["a\u2028b", "c\x85d", "e\x1cf"]
    rows = [json.dumps({"person": f"p{k}", "M01": "3", "note": text}, ensure_ascii=False) for k, text in enumerate(texts)]
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "a.jsonl").write_bytes(end.join([*rows, ""]).encode())
        assert read(tmp_path / "a.jsonl", bank).background["note"].tolist() == texts


def test_a_broken_line_of_json_is_named(tmp_path: Path, bank: ItemBank) -> None:
    (tmp_path / "a.jsonl").write_text('{"person": "a", "M01": "3"}\n{"person": \n', encoding="utf-8")
    with pytest.raises(ResponsesError, match=r"is not JSON .*; expected one object on every line"):
        read(tmp_path / "a.jsonl", bank)


@pytest.mark.parametrize("unit", ["[", "(", "-", " ", "/", "1,", "Q", "балл ", "- ", "№", "(1,0 "])
def test_a_heading_of_any_length_is_looked_at_once(unit: str) -> None:
    """What is 100,000 signs long would take minutes if every sign were a place to begin anew."""
    start = time.process_time()
    with pytest.raises(CompetencyDxError):
        read({"person": ["a"], unit * (100_000 // len(unit)): ["1"]})
    assert time.process_time() - start < 20


INVISIBLE = ["\u200b", "\u200e", "\u200f", "\ufeff", "\u00ad", "\u2060", "\u202b", "\u2069"]


@pytest.mark.parametrize("sign", INVISIBLE)
def test_signs_that_nobody_sees_make_no_person_and_no_item(sign: str) -> None:
    rows = [(f"т-{k}", f"Q{j}", "A" if k > j else "B") for j in range(1, 5) for k in range(8)]
    ids = [(who + sign * (n % 2), item[0] + sign * (n % 3) + item[1:], sign + answer) for n, (who, item, answer) in enumerate(rows)]
    table = pd.DataFrame(ids, columns=["код участника" + sign, "задание", "ответ"])
    found = read(table, BANK)
    plain = read(pd.DataFrame(rows, columns=["код участника", "задание", "ответ"]), BANK)
    assert (found.persons.tolist(), found.items) == (plain.persons.tolist(), plain.items)
    assert (found.scores == plain.scores).all()
    points = table.assign(ответ=[sign + str(n % 2) for n in range(len(rows))])
    assert read(points, None).items == plain.items
    with pytest.raises(ResponsesError, match="have several rows"):
        read({"person": ["a", "b", "a" + sign], "Q1": ["A", "B", "A"]}, BANK)


LABELLED = [("Статус", "верно", "неверно"), ("Группа", "Эталон", "Опыт"), ("Село", "Ключи", "Решение"), ("Отдел", "Всего", "Итого")]


@pytest.mark.parametrize(("column", "one", "other"), LABELLED)
@pytest.mark.parametrize("known", [True, False])
def test_a_label_beside_an_id_takes_no_person(column: str, one: str, other: str, *, known: bool) -> None:
    ids = [f"т-{k}" for k in range(12)]
    answers = {f"Q{k}": ["A", "B", "C"] * 4 for k in range(1, 5)}
    table: dict[str, list[Any]] = {"код": ids, column: [one, other, one] * 4, **answers}
    bank = BANK if known else None
    if not known:
        table |= {name: [0, 1, 1] * 4 for name in answers}
    assert read(table, bank).persons.tolist() == ids
    long = pd.DataFrame(table).melt(id_vars=["код", column], var_name="задание", value_name="ответ").sample(frac=1, random_state=3)
    assert sorted(read(long, bank).persons) == sorted(ids)
    label = {name: [*cells, "A" if known else 1] for name, cells in table.items()} | {
        "код": [*ids, ""],
        column: [*table[column], "Итого"],
    }
    assert read(label, bank).persons.tolist() == ids


@pytest.mark.parametrize(
    "label", ["МАХ", "Верно, %", "Макс. балл", "Первичный балл (макс.)", "Цена задания", "ΣМах", "Уровень сложности", "ТОТАL"]
)
@pytest.mark.parametrize("first", [True, False])
def test_rows_of_maxima_are_no_persons(label: str, *, first: bool) -> None:
    rows = [[f"т-{k}", *(k * j % 3 for j in range(1, 6))] for k in range(12)]
    top = [label, 2, 2, 2, 2, 2]
    found = read(pd.DataFrame([top, *rows] if first else [*rows, top], columns=["код", "a1", "a2", "a3", "a4", "a5"]), None)
    assert found.persons.tolist() == [row[0] for row in rows] or (label[0] == "Σ" and any("summary" in f.code for f in found.findings))


@pytest.mark.parametrize("who", ["Весна", "Баллада", "Модест", "Ценник", "Итогин", "Методист 5", "Директор-2"])
def test_a_pseudonym_that_begins_like_a_label_is_a_person(who: str) -> None:
    rows = [[name, 1, 0, 1] for name in ("Осень", "Зима", "Лето", who)]
    assert read(pd.DataFrame(rows, columns=["код", "a1", "a2", "a3"]), None).persons.tolist() == ["Осень", "Зима", "Лето", who]


@pytest.mark.parametrize(
    ("label", "texts"),
    [
        ("Response ID", "Текст вопроса"),
        ("ResponseID", "Which one?"),
        ("Тема", "Алгебра"),
        ("Тип задания", "выбор"),
        ("Уровень", "базовый"),
    ],
)
def test_a_row_of_words_under_the_header_is_no_person(label: str, texts: str) -> None:
    ids = [f"R_{k}x" for k in range(10)]
    rows = [[label, *[texts] * 4], *([i, *"ABCA"] for i in ids)]
    assert read(pd.DataFrame(rows, columns=["ResponseId", "Q1", "Q2", "Q3", "Q4"]), BANK).persons.tolist() == ids


@pytest.mark.parametrize("note", ["Примечание", "* отсутствовал на работе", "Примечание: часть работы", "Notes"])
def test_a_note_below_is_no_person(note: str) -> None:
    rows = [[f"т-{k}", 1, k % 2, 0] for k in range(8)]
    table = pd.DataFrame([*rows, [note, None, None, None]], columns=["код", "a1", "a2", "a3"])
    assert read(table, None).persons.tolist() == [row[0] for row in rows]


def test_criteria_in_brackets_are_criteria(bank: ItemBank) -> None:
    rows = {"person": ["a", "b", "c"], "M01": ["3", "1", "2"]}
    for form in ("M08 ({})", "M08[{}]", "M08 [{}]", "M08.{}", "m08 ( {} )"):
        found = read({**rows, form.format("К1"): ["2", "0", "1"], form.format("К2"): ["1", "0", "1"]}, bank)
        assert found.items == ("M01", "M08"), form
        assert found.scores[:, 1].tolist() == [3, 0, 2]


@pytest.mark.parametrize("form", ["Ответ {}", "ответ на вопрос {}", "Response {}", "Answer to question {}"])
def test_an_answer_to_an_item_is_the_item(form: str) -> None:
    found = read({"person": ["a", "b"], **{form.format(f"Q{k}"): ["A", "B"] for k in (1, 2, 3)}}, BANK)
    assert found.items == ("Q1", "Q2", "Q3")
    assert found.scores.sum() == 3


@pytest.mark.parametrize("head", ["Вариант №", "код МО", "Кат.", "female", "cluster", "wgt", "Klasse", "uczelnia"])
def test_columns_not_called_like_the_items_are_told_of(head: str) -> None:
    items = {f"I{j}": [k * j % 2 for k in range(12)] for j in range(1, 6)}
    found = read({"person": [f"т-{k}" for k in range(12)], head: [1 + k % 3 for k in range(12)], **items}, None)
    assert [f.scope for f in found.findings if f.code == "responses.unlike_items"] == [(head,)] or head not in found.items
    for like in ({}, {"<b>I8</b>": [0, 1] * 6}, {f"Тема {k}{x}": [0, 1] * 6 for k in (1, 2) for x in "абв"}):
        found = read({"person": [f"т-{k}" for k in range(12)], **items, **like}, None)
        assert "responses.unlike_items" not in {f.code for f in found.findings}


PARTED = {"1": "первый ответ", "2": "второй (и нет)", "3": "третий, он же последний"}
PAIRED = {"А": "Нева", "Б": "Волга (река)"}


@pytest.fixture(scope="module")
def parted(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> ItemBank:
    """Items whose parts may have columns of their own."""
    text = {"stem": "В каком году и где произошло то, о чём говорит автор отрывка?"}
    return make_bank(
        [
            make_item("MAT-7", "multiple", options=PARTED, key=["1", "3"]),
            make_item("MAT-8", "matching", options={"1": "Пётр", "2": "Павел"}, left=PAIRED, key={"А": "2", "Б": "1"}),
            make_item("MAT-9", "single", options=PARTED, key="2", **text),
            make_item("MAT-71", "single", options=PARTED, key="2"),
        ]
    )


CHOSEN = [("1", "3"), ("1",), (), ("2", "3"), ("1", "2", "3"), ("3", "1")]
FORMS = ["{i}.{o}", "{i}_{o}", "{i} {o}", "{i} [{o}]", "{i} ({o})", "{i}[SQ00{o}]", "{i}___{o}", "{i} / {o}", "{i} вариант {o}"]
FORMS += ["{i} [{t}]", "{i}: {t}", "{i} - {t}", "мат-7 {t}"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("yes", "no"),
    [("1", "0"), (1, None), ("x", ""), ("Да", "Нет"), ("TRUE", "FALSE"), (True, False), ("✓", ""), ("+", "-"), (None, "")],
)
def test_a_column_for_each_option_is_the_item(parted: ItemBank, form: str, yes: object, no: object) -> None:
    said = {o: o if yes is None and "t" in form else yes if yes is not None else t for o, t in PARTED.items()}
    named = {form.format(i="MAT-7", o=o, t=t): [said[o] if o in c else no for c in CHOSEN] for o, t in PARTED.items()}
    found = read({"person": list("abcdef"), "MAT-71": ["2", "1"] * 3, **named}, parted)
    assert found.items == ("MAT-7", "MAT-71")
    assert found.scores.T.tolist() == [[1, 0, 0, 0, 0, 1], [1, 0] * 3]
    assert found.reasons[:, 0].tolist() == [0, 0, int(Reason.NOT_ADMINISTERED), 0, 0, 0]
    long = pd.DataFrame({"person": list("abcdef"), **named}).melt("person", var_name="item", value_name="answer")
    assert read(long, parted).scores[:, 0].tolist() == [1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("form", FORMS)
def test_a_column_for_each_option_of_which_one_is_right_is_the_item(parted: ItemBank, form: str) -> None:
    chosen = ["2", "1", "", "23", "2"]
    named = {
        form.replace("мат-7", "мат-71").format(i="MAT-71", o=o, t=t): ["1" if o in c else "0" for c in chosen]
        for o, t in PARTED.items()
    }
    found = read({"person": list("abcde"), "MAT-7": ["13"] * 5, **named}, parted)
    assert (found.items, found.scores[:, 1].tolist()) == (("MAT-7", "MAT-71"), [1, 0, 0, 0, 1])
    assert found.reasons[:, 1].tolist() == [0, 0, int(Reason.NOT_ADMINISTERED), 0, 0]
    assert finding(found, "several_options").scope == ("MAT-71",)


TOPS = {
    "one name a question": [["Respondent ID", "Collector ID", "MAT-71", "MAT-7", "", "", "MAT-8", ""]],
    "a name a column": [["Respondent ID", "Collector ID", "MAT-71", "MAT-7", "MAT-7", "MAT-7", "MAT-8", "MAT-8"]],
    "a title above": [["Итоги", *[""] * 7], [""] * 8, ["Respondent ID", "Collector ID", "MAT-71", "MAT-7", "", "", "MAT-8", ""]],
    "the id below": [["", "", "MAT-71", "MAT-7", "", "", "MAT-8", ""]],
}


@pytest.mark.parametrize("tops", TOPS)
@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
def test_two_rows_of_headings_are_read_together(parted: ItemBank, tops: str, kind: str, tmp_path: Path) -> None:
    """Questions, and below them options, lines to be matched, or "Response": so survey programs write, and who merges cells."""
    ids = ["Respondent ID", "Collector ID"] if tops == "the id below" else ["", ""]
    below = [*ids, "Response", *PARTED.values(), *PAIRED]
    marks = {o: t if kind == "csv" else "x" for o, t in PARTED.items()}
    rows = [[f"T{k}", "7", "2", *(marks[o] if o in c else "" for o in PARTED), "2", "1"] for k, c in enumerate(CHOSEN)]
    cells = pd.DataFrame([*TOPS[tops], below, *rows], dtype=object)
    if kind == "frame":
        last = ""
        names = [last := name or last for name in TOPS[tops][-1]]
        source: Any = pd.DataFrame(rows, columns=pd.MultiIndex.from_arrays([names, below]))
    elif kind == "csv":
        source = tmp_path / "t.csv"
        cells.to_csv(source, index=False, header=False)
    else:
        source = tmp_path / "t.xlsx"
        cells.to_excel(source, index=False, header=False)
    found = read(source, parted)
    assert found.persons.tolist() == [f"T{k}" for k in range(6)]
    assert found.items == ("MAT-7", "MAT-8", "MAT-71")
    assert found.scores.T.tolist() == [[1, 0, 0, 0, 0, 1], [1] * 6, [1] * 6]
    assert not [f for f in found.findings if f.severity == "warning"]


def test_an_unnamed_column_of_ids_in_a_frame_is_the_persons() -> None:
    table = pd.DataFrame({"Unnamed: 0": ["T1", "T2", "T3"], "Q1": list("ABA")})
    assert read(table).persons.tolist() == ["T1", "T2", "T3"]


def test_a_first_person_is_no_row_of_headings(parted: ItemBank, tmp_path: Path) -> None:
    for first in (["T0", "", "1", "x", "y"], ["T0", "2", "1", "x", "y"]):
        pd.DataFrame([["person", "MAT-71", "MAT-7", "", ""], first, ["T1", "2", "1", "y", "z"]]).to_csv(
            tmp_path / "t.csv", index=False, header=False
        )
        assert read(tmp_path / "t.csv", parted).persons.tolist() == ["T0", "T1"]
    pd.DataFrame([["person", "MAT-71", "MAT-7"], ["", "2", "1"], ["T1", "2", "1"]]).to_csv(
        tmp_path / "t.csv", index=False, header=False
    )
    with pytest.raises(ResponsesError, match="rows 1 have no id"):
        read(tmp_path / "t.csv", parted)


def test_columns_of_some_options_and_of_other_contents_are_no_item(parted: ItemBank) -> None:
    rows = {"person": list("abcdef"), "MAT-71": ["2", "1"] * 3}
    with pytest.raises(ResponsesError, match="item MAT-7: no columns for 3"):
        read({**rows, "MAT-7 (1)": ["1"] * 6, "MAT-7 (2)": ["2"] * 6}, parted)
    halves = {f"MAT-7.{o}": [*said] for o, said in zip(PARTED, ("121212", "212121", "112211"), strict=True)}  # 1 yes, 2 no
    with pytest.raises(ResponsesError, match="column MAT-7: 6 of 6 cells cannot be read"):
        read({**rows, **halves}, parted)
    whole = read({**rows, "MAT-7": ["13"] * 6, "MAT-7.1": ["0"] * 6}, parted)
    assert whole.scores[:, 0].tolist() == [1] * 6
    assert "MAT-7.1" in finding(whole, "unknown_items").en


@pytest.mark.parametrize("form", ["{i} [{c}]", "{i}.{c}", "{i}_{c}", "{i} [{t}]", "{i}: {t}"])
@pytest.mark.parametrize("answers", [("2", "1"), ("Павел", "Пётр"), ("2) Павел", "1) Пётр")])
def test_a_column_for_each_line_to_be_matched_is_the_item(parted: ItemBank, form: str, answers: tuple[str, str]) -> None:
    heads = [form.format(i="MAT-8", c=c, t=t) for c, t in PAIRED.items()]
    right, other = answers
    found = read({"person": list("abc"), heads[0]: [right, other, right], heads[1]: [other, right, None]}, parted)
    assert (found.items, found.scores[:, 0].tolist()) == (("MAT-8",), [1, 0, 0])


def test_the_text_of_an_item_is_a_heading(parted: ItemBank) -> None:
    text = parted.item("MAT-9").stem
    for head in (text, f"MAT-9. {text}", f"MAT-9 {text}", f"МАТ-9: {text.upper()}"):
        assert read({"person": ["a", "b"], head: ["2", "1"]}, parted).scores.T.tolist() == [[1, 0]]
    with pytest.raises(ResponsesError, match="all name item MAT-9"):
        read({"person": ["a", "b"], text: ["2", "1"], f"MAT-9. {text}": ["2", "1"]}, parted)
    kept = read({"person": ["a", "b"], "MAT-9": ["2", "1"], f"MAT-9. {text}": ["1", "2"]}, parted)
    assert kept.scores.T.tolist() == [[1, 0]]


@pytest.mark.parametrize("form", ["Задание {} (макс. 1)", "Задача {}", "В. {} /1,00", "Q. {}", "{}\n1 балл", "{} 1 балл", "Item {}"])
def test_a_word_before_an_id_and_a_maximum_behind_it(parted: ItemBank, form: str) -> None:
    found = read({"person": ["a", "b"], form.format("MAT-9"): ["2", "1"], form.format("MAT-71"): ["1", "2"]}, parted)
    assert (found.items, found.scores.tolist()) == (("MAT-9", "MAT-71"), [[1, 0], [0, 1]])


@pytest.mark.parametrize("behind", ["_time", " время, с", "_rt", " ответ", "_max", " [Feedback]"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_second_column_of_each_item_is_no_item(behind: str, *, whole: bool) -> None:
    items = {f"Q{j}": [(k * j) % 3 % 2 for k in range(12)] for j in range(1, 6)}
    further = {f"{q}{behind}": [(k * 7) % 5 + (0 if whole else 0.25) for k in range(12)] for q in items}
    found = read({"person": [f"т-{k}" for k in range(12)], **items, **further}, None)
    assert found.items == tuple(items)
    assert set(finding(found, "not_items").scope) == {*further}


@pytest.mark.parametrize("behind", ["_score", "_correct", " [Score]", " балл", " Верно"])
def test_the_points_beside_answers_are_the_items_without_a_bank(behind: str) -> None:
    points = {f"Q{j}{behind}": [(k * j) % 3 % 2 for k in range(12)] for j in range(1, 6)}
    answers = {f"Q{j}": [(k * j) % 4 + 1 for k in range(12)] for j in range(1, 6)}
    found = read({"person": [f"т-{k}" for k in range(12)], **answers, **points}, None)
    assert found.items == tuple(points)
    assert set(finding(found, "not_items").scope) == {*answers}


@pytest.mark.parametrize("head", ["n", "Проценты", "Total", "Вес"])
def test_a_column_called_an_amount_that_is_none_is_told(head: str) -> None:
    items = {name: [(k * j) % 3 % 2 for k in range(12)] for j, name in enumerate(["Корни", "Ряды", "Дроби", "m"], start=1)}
    found = read({"person": [f"т-{k}" for k in range(12)], **items, head: [0, 1] * 6}, None)
    assert finding(found, "not_items").scope == (head,)
    amounts = read({"person": [f"т-{k}" for k in range(12)], **items, head: [k % 5 for k in range(12)]}, None)
    assert "responses.not_items" not in {f.code for f in amounts.findings}


@pytest.mark.parametrize("label", ["Школа № 1", "6 класс", "г. Тула, лицей"])
def test_the_heading_of_a_group_of_rows_is_no_person(label: str) -> None:
    rows = [[f"т-{k:02}", *"ABCA"] for k in range(12)]
    table = pd.DataFrame(
        [[label] + [None] * 4, *rows[:6], [f"{label}а"] + [None] * 4, *rows[6:]], columns=["код", "Q1", "Q2", "Q3", "Q4"]
    )
    assert read(table, BANK).persons.tolist() == [row[0] for row in rows]
    absent = pd.DataFrame([*rows, ["т-99"] + [None] * 4, ["новый"] + [None] * 4], columns=table.columns)
    assert read(absent, BANK).persons.tolist() == [*(row[0] for row in rows), "т-99", "новый"]


@pytest.mark.parametrize("first", [1, 2])
def test_a_row_of_the_numbers_of_columns_is_no_person(first: int) -> None:
    rows = [[f"т-{k:02}", *"ABCAB"] for k in range(8)]
    table = pd.DataFrame([[first - 1, *range(first, first + 5)], *rows], columns=["код", *(f"Q{k}" for k in range(1, 6))])
    assert read(table, BANK).persons.tolist() == [row[0] for row in rows]


@pytest.mark.parametrize("first", [[3, 0, 2, 1], [1, 0, 3, 2], [2, 1, 3, 0]])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "frame"])
@pytest.mark.parametrize("ids", [False, True])
def test_answers_in_place_of_headings_lose_no_person(tmp_path: Path, first: list[int], kind: str, *, ids: bool) -> None:
    rows = [first, *([(row * k + row) % 4 for k in range(4)] for row in range(1, 25))]
    table = pd.DataFrame([[*([f"T{k}"] if ids else []), *row] for k, row in enumerate(rows)])
    path = tmp_path / f"t.{kind}"
    if kind == "xlsx":
        table.to_excel(path, index=False, header=False)
    else:
        table.to_csv(tmp_path / "t.csv", index=False, header=False)
    with pytest.raises(ResponsesError) as refusal:
        read(pd.read_csv(tmp_path / "t.csv") if kind == "frame" else path, None)
    assert refusal.value.code == "responses.no_header"
    in_order = table.set_axis([*(["code"] if ids else []), "1", "2", "3", "4"], axis=1)
    assert len(read(in_order, None).persons) == 25  # numbers of items are headings


@pytest.mark.parametrize("heads", [("uid2", "qid2", "correct"), ("Кто", "Что", "Балл за ответ"), ("a", "b", "c")])
def test_a_row_for_each_answer_under_unknown_headings_makes_no_persons(heads: tuple[str, str, str]) -> None:
    rows = [(f"u{p % 3}{p}", f"q{k}", (p * k) % 2) for p in range(8) for k in range(5)]
    with pytest.raises(ResponsesError) as refusal:
        read(pd.DataFrame(rows, columns=list(heads)), None)
    assert refusal.value.code in {"responses.long_roles", "responses.no_points"}


@pytest.mark.parametrize("apart", [True, False])
def test_a_table_exported_twice_without_ids_is_told_of(apart: bool) -> None:
    once = pd.DataFrame(np.random.default_rng(3).integers(0, 3, (24, 6)), columns=[f"Q{k}" for k in range(1, 7)])
    twice = pd.concat([once, once], ignore_index=True) if apart else once.loc[once.index.repeat(2)].reset_index(drop=True)
    told = [any(f.code == "responses.rows_twice" for f in read(t, None).findings) for t in (twice, once)]
    named = read(twice.assign(person=[f"T{k}" for k in range(48)]), None)
    assert (told, any(f.code == "responses.rows_twice" for f in named.findings)) == ([True, False], False)


@pytest.mark.parametrize("cut", ["1.00012E+11", "1,00012E+11", "1.2e+15"])
def test_ids_that_a_spreadsheet_shortened_are_refused(cut: str) -> None:
    for ids in ([cut] * 12, [f"{k}{cut[1:]}" for k in range(1, 10)] + ["7", "8", "9"]):
        with pytest.raises(ResponsesError, match="shortened"):
            read(pd.DataFrame({"Код участника": ids, "Q1": 1, "Q2": [0, 1] * 6}), None)


@pytest.mark.parametrize("order", [("Вопрос", "Код вопроса"), ("Код вопроса", "Вопрос"), ("Номер вопроса", "Код вопроса")])
def test_of_several_columns_of_items_the_one_with_their_ids_counts(order: tuple[str, str]) -> None:
    rows = [(f"T{p}", f"Q{k}", "ABC"[(p + k) % 3]) for p in range(9) for k in range(1, 6)]
    ids = pd.DataFrame(rows, columns=["Участник", "Код вопроса", "Ответ"])
    other = next(name for name in order if name != "Код вопроса")
    ids[other] = [f"{q[1:]}" if other.startswith("Номер") else f"О чём сказано в пункте {q}, и почему?" for q in ids["Код вопроса"]]
    found = read(ids[["Участник", *order, "Ответ"]], BANK)
    assert found.scores.tolist() == [[int((p + k) % 3 == 0) for k in range(1, 6)] for p in range(9)]


def test_numbers_that_a_workbook_shows_as_dates_are_numbers(tmp_path: Path) -> None:
    points = pd.DataFrame({"Код": [f"T{k}" for k in range(20)], **{f"Q{j}": [(k * j) % 3 for k in range(20)] for j in range(1, 5)}})
    with pd.ExcelWriter(tmp_path / "t.xlsx", engine="openpyxl") as book:
        points.to_excel(book, index=False)
        for row in next(iter(book.sheets.values())).iter_rows(min_row=2, min_col=3, max_col=4):
            for cell in row:
                cell.number_format = "dd.mm.yyyy"
    found = read(tmp_path / "t.xlsx", None)
    assert (found.items, found.scores.tolist()) == (("Q1", "Q2", "Q3", "Q4"), points.iloc[:, 1:].to_numpy().tolist())
    dates = pd.DataFrame(
        {"Код": ["a", "b", "c"], "Q1": [1, 0, 1], "когда": [dt.date(1, 1, 1), dt.date(1899, 12, 31), dt.date(1900, 3, 1)]}
    )
    assert read(dates, None).background["когда"].tolist() == ["0001-01-01", "1899-12-31", "1900-03-01"]


@pytest.mark.parametrize(
    "extra",
    [
        {
            "record_id": [f"T{k}" for k in range(12)],
            "demographics_complete": 2,
            "redcap_repeat_instance": 1,
            "test_complete": [0, 2] * 6,
        },
        {"Respondent ID": [f"T{k}" for k in range(12)], "Collector ID": 423423423, "Finished": 1, "Q_RecaptchaScore": 0.9},
        {"uid": [f"T{k}" for k in range(12)], "lastpage": 5, "seed": range(10**6, 10**6 + 12), "Версия": 2, "completed": 1},
    ],
)
def test_columns_of_survey_programs_are_no_items(extra: dict[str, Any]) -> None:
    found = read(pd.DataFrame({**extra, **{f"Q{j}": [(k * j) % 2 for k in range(12)] for j in range(1, 5)}}), None)
    assert (found.items, found.persons.tolist()) == (("Q1", "Q2", "Q3", "Q4"), [f"T{k}" for k in range(12)])


@pytest.mark.parametrize("heading", ["-" * 250_000, "a_" * 125_000, "a" + "_" * 249_999, "1 -" * 80_000 + "_"])
def test_the_last_word_of_a_long_heading_is_found_at_once(heading: str) -> None:
    """A pattern that tried every place anew would take hours for one heading."""
    from competency_dx.responses.reading.roles import _without_last_word

    assert heading.startswith(_without_last_word(heading))
    assert [_without_last_word(name) for name in ("Q1 (a)", "Q1_1", "Q1", "#1", "Q1_a_", "")] == ["Q1", "Q1", "Q1", "", "Q1_a_", ""]
