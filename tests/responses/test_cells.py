"""A cell that cannot be read is never a score; what has one meaning is read, blanks and codes are what the user says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competency_dx.bank import Form, Item, ItemBank
from competency_dx.errors import CompetencyDxWarning, ResponsesError
from competency_dx.responses import Layout, MissingPolicy, Reason, Responses, load_responses

A, NA, OM, NR, INV = (int(r) for r in Reason)
SCORED, LEFT_OUT = Layout(cells="scored"), Layout(cells="scored", unreadable="leave_out")
RUBRIC = [
    {"id": "К1", "title": {"ru": "а"}, "levels": {"0": "", "1": "", "2": ""}},
    {"id": "К2", "title": {"ru": "б"}, "levels": {"0": "", "1": "", "2": ""}},
]
GARBAGE = ["2,1", "'3", "X", "1 / 1", "3 из 5", "5 / 3", "01.02.2026", "1-Feb", "-2", "5", "1,5", "50 %", "зачёт", "1 2 3", "+/-"]


@pytest.fixture(scope="module")
def small(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> ItemBank:
    letters = {code: f"вариант {code}" for code in "ABCD"}
    items = [
        make_item("S1", "single", options=letters, key="A"),
        make_item("S2", "single", options=letters, key="B"),
        make_item("N1", "number", key="0.5"),
        make_item("D1", "digits", key="0000"),
        make_item("G1", "scored", scoring={"rule": "given", "points": 4}),
        make_item("O1", "open", rubric=RUBRIC),
    ]
    return make_bank(items, [Form(id="F", items=("S1", "S2", "G1"))])


def read(table: Any, bank: ItemBank | None = None, layout: Layout | None = None) -> Responses:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return load_responses(table, bank=bank, layout=layout)


def codes(responses: Responses) -> set[str]:
    return {f.code.removeprefix("responses.") for f in responses.findings}


def wide(**columns: list[Any]) -> dict[str, list[Any]]:
    n = len(next(iter(columns.values())))
    return {"person": [f"p{k}" for k in range(n)], **columns}


@pytest.mark.parametrize("cell", GARBAGE)
@pytest.mark.parametrize("item", ["G1", "O1"])
@pytest.mark.parametrize("layout", [None, SCORED])
def test_one_unreadable_cell_is_left_out_of_every_estimate(small: ItemBank, cell: str, item: str, layout: Layout | None) -> None:
    points = ["0", "1", "2", "3", "4"] * 4
    table = wide(S1=["A", "B"] * 10 if layout is None else ["1", "0"] * 10, **{item: [cell, *points]})
    table = {name: column[:20] for name, column in table.items()}
    found = read(table, small, layout)
    assert found.reasons[:, 1].tolist() == [INV] + [A] * 19
    assert found.effective()[1][:, 1].tolist() == [False] + [True] * 19
    assert found.scores[1:, 1].tolist() == [int(p) for p in points[:19]]
    assert codes(found) & {"invalid", "date"}
    long = pd.DataFrame(table).melt(id_vars="person", var_name="item", value_name="answer")
    same = read(long, small, layout)
    assert same.reasons.tolist() == found.reasons.tolist()
    assert same.scores.tolist() == found.scores.tolist()


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=12) | st.text("0123456789.,-/'+e٠² XхбК=:;", max_size=6))
def test_whatever_stands_in_a_cell_of_points_it_is_points_or_no_answer(small: ItemBank, text: str) -> None:
    for item in ("G1", "O1"):
        found = read(wide(S1=["A", "B"] * 5, **{item: [text, *"123412340"]}), small)
        if int(found.reasons[0, 1]) == A:
            assert set(text) & set("0123456789")
            assert int(found.scores[0, 1]) in {int(c) for c in range(5)}
        else:
            assert found.reasons[0, 1] in {INV, NA, OM, NR}
            assert found.reasons[0, 1] != OM or not text.strip(" \t\n\r").isalnum()


@settings(deadline=None, max_examples=20)
@given(
    points=st.lists(st.integers(0, 4), min_size=6, max_size=12),
    form=st.sampled_from(["{} / {}", "{}/{}", "{} из {}", "{} of {}", "{},0/{},00", "{} балла из {}", "{}.0 out of {}"]),
)
def test_points_of_a_maximum_read_like_the_points(small: ItemBank, points: list[int], form: str) -> None:
    of_maximum = [form.format(p, 4) for p in points]
    ones = [form.format(min(p, 1), 1) for p in points]
    plain = read(wide(S1=[min(p, 1) for p in points], G1=points), small, SCORED)
    for layout in (None, SCORED):
        found = read(wide(S1=ones, G1=of_maximum), small, layout)
        assert found.scores.tolist() == plain.scores.tolist()
        assert found.reasons.tolist() == plain.reasons.tolist()
    without = read(wide(x=of_maximum, y=ones))
    assert without.scores.tolist() == plain.scores[:, ::-1].tolist()
    assert without.max_scores.tolist() == [4, 1]


def test_a_file_of_points_of_a_maximum_is_no_file_of_answers(small: ItemBank) -> None:
    table = wide(S1=["1 / 1"] * 20, S2=["1 / 1"] * 20, N1=["1 / 1", "0 / 1"] * 10, G1=["4 / 4"] * 20)
    found = read(table, small)
    assert found.scores.tolist() == [[1, 1, 1, 4], [1, 1, 0, 4]] * 10
    wrong = {**table, "G1": ["5 / 5"] * 20}
    with pytest.raises(ResponsesError, match=r"column G1: 20 of 20 cells cannot be read \('5 / 5'\); expected whole points from 0"):
        load_responses(wrong, bank=small)


def test_points_of_another_maximum_are_no_codes_of_options(make_item: Any, make_bank: Any) -> None:
    options = {str(k): f"вариант {k}" for k in range(1, 6)}
    several = [make_item(f"T{k}", "multiple", options=options, key=["1", "2"]) for k in range(3)]
    bank = make_bank([*several, make_item("N", "number", key="1/2")])
    with pytest.raises(ResponsesError, match=r"column T0 \(likewise T1, T2\): 20 of 20 .* expected whole points from 0 to 1"):
        load_responses(wide(**{f"T{k}": ["1 / 2", "2 / 2"] * 10 for k in range(3)}), bank=bank)
    answers = read(wide(T0=["1/2", "1/3", "2/5", "1/2/3"] * 5, N=["1/2", "1/3", "0,5", "3/6"] * 5), bank)
    assert answers.scores[:4].tolist() == [[1, 1], [0, 0], [0, 1], [0, 1]]
    assert read(wide(N=["1/2"] * 8), bank).scores.sum() == 8


@pytest.mark.parametrize("cells", [["X"] * 20, ["1", "2", "3", "X"] * 5, ["2,1", "1", "0", "Иванова Мария"] * 5])
def test_more_than_single_cells_refuse_the_table(small: ItemBank, cells: list[str]) -> None:
    table = wide(S1=["A", "B"] * 10, G1=cells)
    with pytest.raises(ResponsesError, match=r"column G1: \d+ of 20 cells .* --missing, .* --unreadable leave_out") as caught:
        load_responses(table, bank=small)
    assert "Иванова" not in str(caught.value)
    found = read(table, small, Layout(unreadable="leave_out"))
    assert [r == INV for r in found.reasons[:, 1]] == [not c.isdigit() for c in cells]
    assert not found.effective()[1][found.reasons == INV].any()


def test_marks_from_one_are_refused_where_points_start_at_zero(small: ItemBank) -> None:
    with pytest.raises(ResponsesError, match=r"marks from 1 to 5 and no 0.*subtract 1"):
        load_responses(wide(S1=["A"] * 30, G1=["1", "2", "3", "4", "4", "5"] * 5), bank=small)


def test_answers_of_several_options_are_wrong_and_options_that_are_none_are_no_answers(small: ItemBank) -> None:
    cells = ["A", "B", "AB", "A;C", "E", "см. приложение", "не знаю", "*", "1 / 1", "2"] + ["A"] * 10
    found = read(wide(S1=cells), small)
    assert found.reasons[:10, 0].tolist() == [A, A, A, A, INV, INV, OM, INV, INV, INV]
    assert found.scores[:4, 0].tolist() == [1, 0, 0, 0]
    text = {f.code: f.en for f in found.findings}
    assert "2 answers of several options" in text["responses.several_options"]
    assert "S1 'A;C' (1)" in text["responses.several_options"]
    assert "приложение" not in text["responses.invalid"]
    with pytest.raises(ResponsesError, match=r"column S1: 20 of 20 .* expected the code of option A, B, C, D"):
        load_responses(wide(S1=["1", "2"] * 10, S2=["A", "B"] * 10), bank=small, layout=Layout(cells="raw"))


def test_letters_decide_against_numbers_beside_them(small: ItemBank) -> None:
    found = read(wide(S1=list("ABCD") * 50, S2=list("BCDA") * 50, D1=[0, 1] * 100), small)
    assert found.scores[:2].tolist() == [[1, 1, 1], [0, 0, 0]]
    found = read(wide(S1=list("ABCD") * 50, D1=[0, 1] * 100), small)
    assert found.scores[:, 1].tolist() == [1, 0] * 100


BLANK = {"S1": ["A", "", "B", ""], "S2": ["B", "B", "", ""], "G1": ["4", "н/д", "0", ""]}


def test_blank_cells_are_what_the_finding_says_and_the_user_wants(small: ItemBank) -> None:
    found = read(wide(**BLANK), small)
    assert found.reasons.tolist() == [[A, A, A], [NA, A, NA], [A, NA, A], [NA, NA, NA]]
    blanks = next(f for f in found.findings if f.code == "responses.blanks")
    assert (blanks.facts["cells"], blanks.facts["not_administered"]) == (6, 6)
    for reason in ("omitted", "not_reached", "invalid", "not_administered"):
        code = int(Reason[reason.upper()])
        found = read(wide(**BLANK), small, Layout(missing_tokens={"": reason}))
        assert found.reasons.tolist() == [[A, A, A], [code, A, code], [A, code, A], [NA, NA, NA]]
    one = read(wide(**BLANK), small, Layout(missing_codes={"S1": {"": "omitted"}}))
    assert one.reasons[:3].tolist() == [[A, A, A], [OM, A, NA], [A, NA, A]]


def test_stated_blanks_stay_inside_the_form_and_inside_the_rows_of_a_long_table(small: ItemBank) -> None:
    plan = Layout(missing_tokens={"": "omitted", "77": "blank"})
    table = wide(form=["F", "F"], S1=["A", "77"], S2=["B", ""], G1=["", "1"], N1=["", ""])
    assert read(table, small, plan).reasons.tolist() == [[A, A, NA, OM], [OM, OM, NA, A]]
    long = {"person": ["a", "a", "b", "b"], "item": ["S1", "S2", "S1", "G1"], "answer": ["A", "", "77", "2"]}
    found = read(long, small, plan)
    assert found.items == ("S1", "S2", "G1")
    assert found.reasons.tolist() == [[A, OM, NA], [OM, NA, A]]


def scores(*values: int) -> dict[str, list[int]]:
    rng = np.random.default_rng(3)
    table: dict[str, list[int]] = {f"I{k}": rng.integers(0, 2, 60).tolist() for k in range(3)}
    return wide(**table, J=(list(values) * 60)[:60])


@pytest.mark.parametrize(
    ("table", "code", "scope"),
    [
        (scores(0, 1, 9), "codes_among_scores", ("J",)),
        (scores(0, 1, 0, 1, 99), "codes_among_scores", ("J",)),
        (scores(0, 1, 2, 3, 8, 9), "codes_among_scores", ("J",)),
        (scores(0, 2), "gaps", ("J",)),
        (scores(0, 1, 3), "gaps", ("J",)),
        (scores(1, 2, 3, 4, 5), "starts_at_one", ("J",)),
        (wide(x=[1, 2] * 10, y=[2, 1] * 10), "starts_at_one", ("x", "y")),
        (scores(-1, 0, 1), "minus_one", ("J",)),
    ],
)
def test_values_that_are_hardly_scores_are_named_with_the_remedy(
    table: dict[str, list[Any]], code: str, scope: tuple[str, ...]
) -> None:
    frame = pd.DataFrame(table).set_index("person")
    for source in (table, frame.to_numpy()):
        found = read(source)
        names = scope if source is table else tuple(f"item{list(frame.columns).index(s) + 1}" for s in scope)
        assert [f.scope for f in found.findings if f.code == f"responses.{code}"] == [names]
    ordinary = codes(read(scores(0, 1, 2)))
    assert not ordinary & {"codes_among_scores", "gaps", "starts_at_one", "minus_one"}


def test_stated_codes_are_missing_and_no_longer_doubtful() -> None:
    plan = Layout(missing_tokens={"9": "not_reached", "-1": "omitted"})
    found = read(scores(0, 1, 9, -1), layout=plan)
    assert set(found.reasons[:, 3].tolist()) == {A, NR, OM}
    assert found.max_scores.tolist() == [1, 1, 1, 1]
    assert not codes(found) & {"codes_among_scores", "minus_one"}


@pytest.mark.parametrize("values", [(-3, -2, -1, 0, 1, 2, 3), (-2, 0, 2), (0, 1, -5)])
def test_negative_scores_are_refused(values: tuple[int, ...]) -> None:
    frame = pd.DataFrame(scores(*values)).set_index("person")
    for source in (frame, frame.to_numpy(), frame.to_numpy().astype(float)):
        with pytest.raises(ResponsesError, match="negative scores"):
            load_responses(source)


def test_the_policy_may_still_score_what_cannot_be_read(small: ItemBank) -> None:
    found = read(wide(S1=["A", "E", "A"]), small, Layout(cells="raw"))
    assert found.effective()[1][:, 0].tolist() == [True, False, True]
    assert found.effective(MissingPolicy(invalid="incorrect"))[1].all()


def test_two_first_options_in_most_columns_may_be_scores_that_start_at_one(make_item: Any, make_bank: Any) -> None:
    options = {str(k): f"вариант {k}" for k in range(1, 5)}
    bank = make_bank([make_item(f"T{k}", "single", options=options, key=f"{k + 1}") for k in range(3)])
    coded = {f"T{k}": ["1", "2"] * 30 for k in range(3)}
    assert "starts_at_one" in codes(read(wide(**coded), bank))
    assert "starts_at_one" not in codes(read(wide(**coded | {"T0": list("1234") * 15, "T1": list("1234") * 15}), bank))


def test_truth_values_written_as_text_are_points(small: ItemBank, make_item: Any, make_bank: Any) -> None:
    options = {"true": "верно", "false": "неверно"}
    bank = make_bank([make_item("T1", "single", options=options, key="false"), make_item("T2", "text", key=["ложь"])])
    assert read(wide(T1=["TRUE", "FALSE"] * 10, T2=["истина", "ложь"] * 10), bank).scores.tolist() == [[0, 0], [1, 1]] * 10
    assert read(wide(S1=["A", "B"] * 10, G1=["FALSE", *"1234123412341234123"]), small).reasons[0].tolist() == [A, INV]
    for cells in (["TRUE", "FALSE"] * 10, ["истина", "ложь"] * 10, [True, False] * 10):
        assert read(wide(S1=cells, S2=cells), small).scores.tolist() == [[1, 1], [0, 0]] * 10
        assert read(wide(S1=cells, S2=cells)).scores.tolist() == [[1, 1], [0, 0]] * 10


def test_a_half_point_among_whole_ones_is_left_out_without_a_bank_too() -> None:
    found = read(wide(x=["1", "0"] * 10, y=["1", "0"] * 9 + ["1,5", "1"]))
    assert found.reasons[18].tolist() == [A, INV]
    with pytest.raises(ResponsesError, match="no whole points"):
        load_responses(wide(x=["1", "0"] * 10, y=["1,5", "0"] * 10))


NO_ANSWER = (
    """
#REF!|#ЗНАЧ!|#ДЕЛ/0!|Err:502|(пусто)|[Нет ответа]|Требуется оценивание|ещё не оценено|Not yet graded|skipped|undefined|…|???
пусто|прочерк|+|https://a.b/c|работа.docx|01.02.2024|2024-02-01|-9|-99|<td>да</td>|0 / 5
""".strip()
    .replace("\n", "|")
    .split("|")
)
KEYED: dict[str, dict[str, Any]] = {
    "single": {"options": {str(k): f"вариант {k}" for k in range(1, 5)}, "key": "3"},
    "multiple": {"options": {str(k): f"вариант {k}" for k in range(1, 6)}, "key": ["1", "4"]},
    "matching": {"options": {str(k): f"вариант {k}" for k in range(1, 5)}, "left": {"А": "а", "Б": "б"}, "key": {"А": "3", "Б": "4"}},
    "ordering": {"options": {c: c for c in "ABCD"}, "key": ["D", "A", "C", "B"]},
    "number": {"key": "18"},
    "digits": {"key": "01314"},
    "text": {"key": ["окружность", "эллипс"]},
}
RIGHT = {
    "single": "3",
    "multiple": "14",
    "matching": "34",
    "ordering": "DACB",
    "number": "18",
    "digits": "01314",
    "text": "эллипс",
}  # what earns the points


@pytest.fixture(scope="module")
def keyed(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> ItemBank:
    return make_bank([make_item(f"{kind}{k}", kind, **fields) for kind, fields in KEYED.items() for k in (1, 2)])


def of(kinds: Any, cells: list[Any]) -> dict[str, list[Any]]:
    return {f"{kind}{k}": cells for kind in kinds for k in (1, 2)}


def refused(table: Any, bank: ItemBank, layout: Layout | None = None) -> ResponsesError:
    with pytest.raises(ResponsesError) as caught:
        read(table, bank, layout)
    return caught.value


@pytest.mark.parametrize("kind", KEYED)
@pytest.mark.parametrize("form", ["{} / {}", "{} из {}", "{}/{}"])
@pytest.mark.parametrize("top", [1, 2, 5, 10])
@pytest.mark.parametrize("n", [1, 3, 20])
def test_points_of_any_maximum_are_points_or_refused_in_items_of_any_type(
    keyed: ItemBank, kind: str, form: str, top: int, n: int
) -> None:
    for points in (top, 0):
        table = wide(**of([kind], [form.format(points, top)] * n))
        if top == 1:
            assert read(table, keyed).scores.tolist() == [[points, points]] * n
        elif n > 1:
            assert refused(table, keyed).code == "responses.unreadable_column"
        else:
            assert (read(table, keyed).reasons == INV).all()
    if n == 20:
        assert refused(wide(**of(KEYED, ["7 / 10", "3 / 10"] * 10)), keyed).code == "responses.unreadable_column"


def test_fractions_that_are_the_key_are_answers(make_item: Any, make_bank: Any) -> None:
    bank = make_bank([make_item("N1", "number", key="3/10"), make_item("N2", "number", key="0.7"), make_item("T", "text", key=["1/2"])])
    found = read(wide(N1=["3/10", "7/10"] * 10, N2=["3/10", "7/10"] * 10, T=["1/2", "1/3"] * 10), bank)
    assert found.scores[:2].tolist() == [[1, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("odd", ["0.5", "2", "7", "?", "3 / 4"])
@pytest.mark.parametrize("n", [6, 20, 60])
def test_a_few_odd_cells_tip_no_table(keyed: ItemBank, odd: str, n: int) -> None:
    for kinds in (["number"], ["number", "text"]):
        points = of(kinds, ["1", "1", "0"] * (n // 3))
        assert refused(wide(**points), keyed).code == "responses.raw_or_scored"
        one = {
            name: [odd if k == place else cell for k, cell in enumerate(cells)] for place, (name, cells) in enumerate(points.items())
        }
        assert refused(wide(**one), keyed).code == "responses.raw_or_scored"
    honest = read(wide(**of(["number"], ["18", "1", "0", "17", "20", odd] * (n // 6))), keyed)
    assert honest.scores[:, 0].tolist() == [1, 0, 0, 0, 0, 0] * (n // 6)


@pytest.mark.parametrize("kind", ["single", "number", "digits", "text", "matching"])
@pytest.mark.parametrize("cells", [[1, 0], ["1", "0"], ["1 / 1", "0 / 1"], [True, False], ["1", "0", "0.5", "1"], ["100%", "0%"]])
def test_points_beside_answers_are_never_wrong_answers(keyed: ItemBank, kind: str, cells: list[Any]) -> None:
    answers = of([other for other in KEYED if other != kind], [])
    table = {name: [RIGHT[name[:-1]]] * 15 + ["2" if name[:-1] == "single" else RIGHT[name[:-1]]] * 5 for name in answers}
    table |= of([kind], (cells * 20)[:20])
    error = refused(wide(**table), keyed)
    assert error.code == "responses.answers_and_points"
    assert {f"{kind}1", f"{kind}2"} == set(error.facts["columns"])
    if kind in {"number", "text"} and cells == ["1", "0"]:
        found = read(wide(**table), keyed, Layout(cells="raw"))
        assert {f.scope for f in found.findings if f.code == "responses.points_among_answers"} == {(f"{kind}1", f"{kind}2")}


@pytest.mark.parametrize(("step", "first"), [(-1, 0), (1, 2)])
@pytest.mark.parametrize("share", [1.0, 0.8, 0.5])
@pytest.mark.parametrize("keys", ["2323", "2332", "1234"])
def test_codes_counted_from_another_number_are_refused(
    make_item: Any, make_bank: Any, step: int, first: int, share: float, keys: str
) -> None:
    options, rng = {str(k): f"вариант {k}" for k in range(1, 5)}, np.random.default_rng(5)
    bank = make_bank([make_item(f"S{k}", "single", options=options, key=key) for k, key in enumerate(keys)])
    codes_ = {f"S{k}": np.where(rng.random(30) < share, int(key), rng.integers(1, 5, 30)) for k, key in enumerate(keys)}
    assert read(wide(**{name: c.tolist() for name, c in codes_.items()}), bank).scores.mean() > share - 0.1
    moved = wide(**{name: (c + step).tolist() for name, c in codes_.items()})
    error = refused(moved, bank)
    assert error.code == "responses.codes_shifted"
    assert error.facts["first"] == first
    assert "codes_shifted" in codes(read(moved, bank, Layout(cells="raw", unreadable="leave_out")))


@pytest.mark.parametrize("cell", NO_ANSWER)
@pytest.mark.parametrize("kind", ["text", "digits", "number"])
def test_what_stands_in_place_of_a_typed_answer_is_no_answer(keyed: ItemBank, cell: str, kind: str) -> None:
    found = read(wide(**of([kind], [cell] + [RIGHT[kind]] * 19)), keyed, Layout(cells="raw"))
    if kind != "number" or cell != "-9":
        assert found.reasons[0, 0] in {INV, NA}
    assert found.scores[1:].all()
    assert codes(found) & {"invalid", "date", "missing_tokens"} or cell == "-9"


def test_an_accepted_answer_makes_others_like_it_answers(make_item: Any, make_bank: Any) -> None:
    cells = {"A": ["<td>", "<tr>"], "B": ["март", "май"], "C": ["~", "_"], "D": ["5", "-5"], "E": ["Маркс", "декабристы"]}
    bank = make_bank([make_item(name, "text", key=[given[0]]) for name, given in cells.items()])
    found = read(wide(**{name: given * 10 for name, given in cells.items()}), bank)
    assert (found.reasons == A).all()
    assert found.scores[:2].tolist() == [[1] * 5, [0] * 5]


def test_texts_that_equal_no_accepted_answer_are_counted_and_shown(keyed: ItemBank) -> None:
    texts = ["круг"] * 9 + ["Иванова Мария Петровна"] * 4 + ["эллипс"] * 7
    finding = next(f for f in read(wide(text1=texts, text2=["эллипс", "круг"] * 10), keyed).findings if f.code == "responses.unmatched")
    assert (finding.scope, finding.facts["cells"]) == (("text1",), 13)
    assert "text1 'круг', 'И…' (13)" in finding.en


@pytest.mark.parametrize("pair", ["верно неверно", "да нет", "yes no", "+ -", "✓ ✗", "✔️ ✖️", "Правильно Неправильно", "right wrong"])
def test_words_for_right_and_wrong_are_points_once_that_is_said(keyed: ItemBank, small: ItemBank, pair: str) -> None:
    words = [*pair.split()]
    table = wide(**of(["single", "number"], words * 10))
    assert "--cells scored" in str(refused(table, keyed))
    assert read(table, keyed, SCORED).scores.tolist() == [[1] * 4, [0] * 4] * 10
    assert refused(wide(**of(["single"], [*words, "2"] * 10)), keyed, SCORED).code == "responses.unreadable_column"
    assert refused(wide(S1=words * 10, G1=words * 10), small, SCORED).code == "responses.unreadable_column"


@pytest.mark.parametrize("cells", [["100%", "0%"], ["10 / 10"], ["Вариант 2"], ["хорошо", "плохо"], ["5 / 5", "2"], ["верно", "1"]])
@pytest.mark.parametrize("kind", KEYED)
def test_what_an_error_advises_helps(keyed: ItemBank, kind: str, cells: list[str]) -> None:
    table = wide(**of([kind], (cells * 20)[:20]))
    for layout in (None, SCORED, Layout(cells="raw")):
        try:
            read(table, keyed, layout)
        except ResponsesError as error:
            for mode in ("raw", "scored"):
                if error.code == "responses.unreadable_column" and f"--cells {mode}" in str(error):
                    found = read(table, keyed, Layout(cells=mode))
                    assert not codes(found) & {"points_among_answers"}


def test_truth_values_are_points_of_one_only(small: ItemBank) -> None:
    for cells in ([True, False] * 10, pd.array([True, None] * 10, dtype="boolean"), np.array([True, False] * 10)):
        error = refused({**wide(S1=["A"] * 20), "G1": cells}, small)
        assert error.code == "responses.unreadable_column"
        assert error.facts["column"] == "G1"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((0, 1, 1, 6, 0), "6"),
        ((0, 1, 1, 11, 0), "11"),
        ((0, 1, 2, 10), "10"),
        ((0, 1, 2, 4), ""),
        ((0, 1, 4), ""),
        ((0, 5), ""),
        ((0, 5, 10), ""),
    ],
)
@pytest.mark.parametrize("n", [15, 20, 30, 60])
def test_values_far_above_the_others_are_named_in_small_tables_too(values: tuple[int, ...], named: str, n: int) -> None:
    many = wide(I=[0, 1] * (n // 2) + [0] * (n % 2), J=(list(values) * n)[:n])
    lone = wide(I=many["I"], J=[*values, *[0, 1] * n][:n])
    for table in (many, lone) if 1 in values else (many,):
        where = [f.en for f in read(table).findings if f.code == "responses.codes_among_scores"]
        assert [f"J {named} (" in text for text in where] == [True] * bool(named)


@pytest.fixture(scope="module")
def typed(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> ItemBank:
    """Numbers beside choices, and answers of digits that may begin with 0."""
    zeros = {str(k): f"вариант {k}" for k in range(4)}
    items = [make_item(f"N{k}", "number", key=key) for k, key in enumerate(["18", "76", "52.5", "-7"])]
    items += [make_item(f"S{k}", "single", options={c: f"вариант {c}" for c in "1234"}, key="2") for k in range(4)]
    items += [
        make_item("M", "matching", options=zeros, left={c: c for c in "АБВ"}, key={"А": "0", "Б": "2", "В": "1"}),
        make_item("O", "ordering", options=zeros, key=["0", "3", "1", "2"]),
        make_item("L", "number", key="12500", scoring={"rule": "tolerance", "absolute": "10"}),
        make_item("D", "digits", key="2141"),
    ]
    return make_bank(items)


@pytest.mark.parametrize("cells", [["100"], ["100,00", "0,00"], ["10", "0"], ["20"], ["12", "12", "0"], ["100", "50", "0", "100"]])
@pytest.mark.parametrize("beside", [{}, {"S0": ["2", "3"]}, {"S1": ["1", "2"], "S2": ["2", "4"]}])
@pytest.mark.parametrize("n", [6, 20])
def test_shares_and_marks_are_no_wrong_numbers(typed: ItemBank, cells: list[str], beside: dict[str, list[str]], n: int) -> None:
    numbers = {f"N{k}": (cells * n)[:n] for k in range(4)}
    error = refused(wide(**numbers, **{name: (given * n)[:n] for name, given in beside.items()}), typed)
    assert (error.code, error.facts["columns"]) == ("responses.other_scale", tuple(numbers))
    found = read(wide(**numbers), typed, Layout(cells="raw"))
    assert "points_among_answers" in codes(found)


def test_one_wrong_answer_of_all_to_one_item_is_an_answer(typed: ItemBank) -> None:
    assert read(wide(N0=["20"] * 20, S0=["2", "3"] * 10), typed).scores[:, 0].tolist() == [0] * 20
    assert refused(wide(N0=["20", "0"] * 10, S0=["2", "3"] * 10), typed).code == "responses.other_scale"


def test_marks_up_to_five_are_no_wrong_numbers_and_wrong_numbers_are(typed: ItemBank) -> None:
    assert refused(wide(**{f"N{k}": ["5", "4", "3", "5", "2"] * 4 for k in range(4)}), typed).code == "responses.other_scale"
    wrong = {"N0": ["17", "18", "81", "9", "-18"] * 4, "N1": ["67", "7,6", "76", "13", "5"] * 4}
    assert read(wide(**wrong), typed).reasons.tolist() == [[A, A]] * 20


@pytest.mark.parametrize("code", ["-9", "-1", "-99", "99", "999", "9999", "9"])
@pytest.mark.parametrize("alone", [False, True])
def test_a_code_of_missing_answers_has_one_reading_in_a_table(typed: ItemBank, code: str, *, alone: bool) -> None:
    columns = {f"N{k}": [code, right] * 10 for k, right in enumerate(["18", "76", "52,5", "-7"])}
    choices = {} if alone else {f"S{k}": [code, *"21213"] * 3 + ["2", "2"] for k in range(4)}
    found = read(wide(**columns, **choices), typed)
    answered = found.reasons == A
    assert (answered[:, :4] == np.array([[False], [True]] * 10)).all()
    assert found.scores[:, :4][answered[:, :4]].all()
    assert codes(found) & {"invalid", "missing_tokens"}
    named = " ".join(f.en for f in found.findings)
    assert all(name in named for name in ("N0", "N1"))


def test_a_number_among_many_others_is_an_answer(typed: ItemBank) -> None:
    found = read(wide(**{f"N{k}": [str((row * (k + 3)) % 12) for row in range(60)] for k in range(4)}), typed)
    assert (found.reasons == A).all()


def test_a_number_that_is_right_somewhere_is_no_code(typed: ItemBank) -> None:
    found = read(wide(**{f"N{k}": ["-7", "1"] * 10 for k in range(4)}), typed)
    assert (found.reasons == A).all()
    assert found.scores[:, 3].tolist() == [1, 0] * 10


@pytest.mark.parametrize(("item", "right", "stored", "wrong"), [("M", "021", 21, "120"), ("O", "0312", 312, "3012")])
def test_zeros_before_codes_are_restored_as_before_digits(typed: ItemBank, item: str, right: str, stored: int, wrong: str) -> None:
    found = read(wide(**{item: [stored, int(wrong), right, wrong, f"{stored},0"]}), typed)
    assert found.scores[:, 0].astype(bool).tolist() == [True, False, True, False, False] or item == "M"
    assert found.scores[0, 0] == found.scores[2, 0] == found.max_scores[0]
    assert "zeros_restored" in codes(found)
    lost = read(wide(**{item: [str(stored), wrong] * 3}), typed)
    assert "zeros_lost" in codes(lost)


@pytest.mark.parametrize("text", ["12,500", "12.500", "12,505", "12 500", "12'500", "12,500.0"])
def test_one_mark_of_thousands_is_told(typed: ItemBank, text: str) -> None:
    found = read(wide(L=[text, "12500", "12,5", "11,500"] * 3), typed)
    one_mark = text[2] in ",." and len(text) == 6
    assert found.scores[:4, 0].tolist() == [int(not one_mark), 1, 0, 0]
    assert ("thousands" in codes(found)) == one_mark


TWOS = [
    "2,0",
    "2.0",
    "2,00",
    "'2",
    '="2"',
    "№2",
    "[2] вариант 2",
    "2 = вариант 2",
    "2 вариант 2",
    "A2",
    "AO02",
    "вариант 2",
    "Option 2",
]


@pytest.mark.parametrize("text", [*TWOS, "Option 2", "②", "\u20682\u2069"])
def test_codes_as_programs_write_them(typed: ItemBank, text: str) -> None:
    found = read(wide(S0=[text, "2", "3", text] * 3), typed, Layout(cells="raw"))
    assert found.scores[:, 0].tolist() == [1, 1, 0, 1] * 3
    assert read(wide(D=["2141,0", "'2141", '="2141"', "\u202a2141\u202c"]), typed).scores[:, 0].tolist() == [1] * 4


def test_one_wrong_answer_of_nearly_all_is_told(typed: ItemBank) -> None:
    finding = next(
        f for f in read(wide(N0=["180"] * 9 + ["17"], N1=["76", "7"] * 5), typed).findings if f.code == "responses.none_right"
    )
    assert (finding.severity, finding.scope) == ("warning", ("N0",))
    assert "'180'" in finding.en


@pytest.mark.parametrize("wrap", [np.array, lambda v: pd.Series([v]), lambda v: np.array([v]), lambda v: [v], lambda v: pd.Index([v])])
def test_cells_that_hold_an_array_are_what_is_in_it(typed: ItemBank, wrap: Callable[[str], Any]) -> None:
    cells = pd.Series([wrap(v) for v in ["2", "3"] * 4], dtype=object)
    assert read(pd.DataFrame(wide(S0=["2"] * 8)).assign(S0=cells), typed).scores[:, 0].tolist() == [1, 0] * 4


@pytest.mark.parametrize("values", [(0, 100), (0, 5), (2, 5), (0, 2), ("5/5", "0/5")])
def test_two_values_in_all_items_are_told_without_a_bank(values: tuple[Any, ...]) -> None:
    found = read(wide(**{f"I{k}": [values[(row * (k + 2) // 3) % 2] for row in range(15)] for k in range(5)}))
    assert "two_values" in codes(found)
    assert "two_values" not in codes(read(wide(**{f"I{k}": [0, 1, 1] * 5 for k in range(5)})))


def test_points_of_ones_and_blanks_are_told() -> None:
    ones = {f"I{k}": [1 if (row + k) % 3 else None for row in range(15)] for k in range(1, 6)}
    array = np.array(list(ones.values()), dtype=np.float64).T
    for source in (wide(**ones), array):
        found = read(source)
        finding = next(f for f in found.findings if f.code == "responses.only_right")
        assert (finding.severity, f"{(found.reasons == NA).sum()} cells" in finding.en) == ("warning", True)
    zeros = {name: [0 if k == 3 else v for k, v in enumerate(cells)] for name, cells in ones.items()}
    everybody = codes(read(wide(I1=[1] * 15, I2=[1] * 15, I3=[1] * 15)))  # as where a colour tells right from wrong
    assert ("only_right" in codes(read(wide(**zeros))) | everybody, "all_right" in everybody) == (False, True)
    assert "only_right" not in codes(read(wide(**ones), None, Layout(missing_tokens={"": "omitted"})))


def test_ones_and_twos_are_no_wrong_numbers(typed: ItemBank) -> None:
    assert refused(wide(**{f"N{k}": ["1", "2"] * 15 for k in range(4)}), typed).code == "responses.other_scale"


@pytest.mark.parametrize(
    ("right", "wrong"), [("+", "-"), ("да", "нет"), ("Верно", "Неверно"), ("зачет", "незачёт"), ("pass", "FAIL"), ("✓", "✗")]
)
def test_words_for_right_and_wrong_without_a_bank(right: str, wrong: str) -> None:
    said = {f"I{k}": [right if (row * k) % 3 else wrong for row in range(15)] for k in range(1, 6)}
    with pytest.raises(ResponsesError, match="read with Layout"):
        read(wide(**said))
    found = read(wide(**said), None, Layout(cells="scored"))
    assert found.scores.T.tolist() == [[int(bool((row * k) % 3)) for row in range(15)] for k in range(1, 6)]


@pytest.mark.parametrize(("slip", "items"), [(2, 5), (2, 9), (3, 5), (11, 5)])
def test_a_second_point_of_one_or_two_persons_is_a_slip(slip: int, items: int) -> None:
    cells = {f"I{k}": [(row * k) % 3 % 2 for row in range(30)] for k in range(1, items + 1)}
    once = {**cells, "I2": [slip, *cells["I2"][1:]]}
    twice, apart = {**cells, "I2": [2, 2, *cells["I2"][2:]]}, {**once, "I3": [slip, *cells["I3"][1:]]}
    for table, named in ((once, f"I2 {slip} (1)"), (twice, "I2 2 (2)"), (apart, f"I2 {slip} (1), I3 {slip} (1)")):
        assert [named in f.en for f in read(wide(**table)).findings if f.code == "responses.codes_among_scores"] == [True]
    assert "codes_among_scores" not in codes(read(wide(**{**cells, "I2": [2, 2, 2, *cells["I2"][3:]]})))
    assert "codes_among_scores" not in codes(read(wide(**{name: [2, *of[1:]] for name, of in cells.items()})))


@pytest.mark.parametrize("cells", ["ABCD" * 6, "ABBA" * 5 + "C"])
def test_latin_letters_in_their_own_order_are_no_cyrillic_ones(
    make_item: Callable[..., Item], make_bank: Callable[..., ItemBank], cells: str
) -> None:
    """B is В beside Б and Г, the second letter beside C and D, and there no cell is read as another option."""
    bank = make_bank([make_item("X", "single", options=dict.fromkeys("АБВГ", ""), key="Б")])
    assert refused(wide(X=list(cells)), bank).code == "responses.unreadable_column"
    mixed = read(wide(X=list("AБBГ" * 6)), bank)
    assert (mixed.scores[:, 0].tolist(), codes(mixed)) == ([0, 1, 0, 0] * 6, set())


@pytest.mark.parametrize("mark", ["0{}", "00{}"])
def test_codes_with_zeros_before_them_are_codes(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank], mark: str) -> None:
    bank = make_bank([make_item(f"X{k}", "single", options=dict.fromkeys("1234", ""), key="3") for k in range(3)])
    found = read(wide(**{f"X{k}": [mark.format(c) for c in "3124" * 5] for k in range(3)}), bank)
    assert found.scores.T.tolist() == [[1, 0, 0, 0] * 5] * 3


@pytest.mark.parametrize("dtype", ["float32", "float64", "Float32"])
def test_decimal_answers_are_read_in_any_precision(
    make_item: Callable[..., Item], make_bank: Callable[..., ItemBank], dtype: Any
) -> None:
    bank = make_bank([make_item("N", "number", key="0.3"), make_item("M", "number", key="2.5")])
    frame = pd.DataFrame({"N": [0.3, 0.7, 0.1 + 0.2, 3.6] * 4, "M": [2.5, 1.1, 5.0 / 2, 7.9] * 4}).astype(dtype)
    assert read(frame, bank).scores.tolist() == [[1, 1], [0, 0]] * 8


@pytest.mark.parametrize("key", ["25", "2.5", "135"])
def test_percents_that_a_workbook_stores_as_shares_are_told_of(
    make_item: Callable[..., Item], make_bank: Callable[..., ItemBank], key: str
) -> None:
    unit = {"ru": "%", "en": "%"}
    bank = make_bank([make_item("N", "number", key=key, unit=unit), make_item("M", "number", key=key)])
    share = float(key) / 100
    found = read(wide(N=[share, float(key), 7.0, share] * 5, M=[share, float(key), 7.0, share] * 5), bank)
    assert [f.facts["cells"] for f in found.findings if f.code == "responses.percent_stored"] == [10]
    assert found.scores[:4].tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]
