from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from competency_dx.bank import Item
from competency_dx.responses import Reason, score_answers
from competency_dx.responses.normalise import segment
from competency_dx.responses.rules import edit_distance, judge_of, written

if TYPE_CHECKING:
    from collections.abc import Callable

BAD = -1
"""In the tables below: an answer that the rule cannot read."""

FOUR = {str(k): f"слово {k}" for k in range(1, 5)}
LETTERS = {"А": "синий", "Б": "белый, чистый", "В": "красный", "Г": "чёрный"}
FIVE = {str(k): "" for k in range(1, 6)}
TWELVE = {str(k): "" for k in range(1, 13)}
LEFT = {"А": "", "Б": "", "В": ""}
ONE_ERROR = {"rule": "one_error", "points": 2}
PARTS = {"rule": "per_element"}
RUBRIC = [
    {"id": "К1", "title": {"ru": "а"}, "levels": {"0": "", "1": "", "2": ""}},
    {"id": "К2", "title": {"ru": "б"}, "levels": {"0": "", "1": ""}},
]

Table = dict[str, int]

CASES: dict[str, tuple[str, dict[str, Any], Table]] = {
    "single digits": (
        "single",
        {"options": FOUR, "key": "3"},
        {"3": 1, " 3 ": 1, "3)": 1, "(3)": 1, "3.": 1, "слово 3": 1, "Слово  3.": 1, "3) слово 3": 1}
        | {"2": 0, "слово 4": 0, "13": 0, "3; 4": 0, "7": BAD, "0": BAD, "33": BAD, "3 или 4": BAD, "?": BAD, "3) слово 4": BAD},
    ),
    "single look-alikes": (
        "single",
        {"options": LETTERS, "key": "В"},
        {"В": 1, "B": 1, "в": 1, "b": 1, "В)": 1, "Красный": 1, "В. красный": 1}
        | {"A": 0, "а": 0, "Б": 0, "ЧЕРНЫЙ": 0, "D": BAD, "V": BAD},
    ),
    "single Latin": ("single", {"options": dict.fromkeys("ABCDE", ""), "key": "C"}, {"С": 1, "с": 1, "c": 1, "В": 0}),
    "single without options": (
        "single",
        {"key": "D"},
        {"D": 1, "d": 1, "E": 0, "В": 0, "..": BAD, "1": BAD, "1 / 1": BAD, "см. файл": BAD},
    ),
    "matching without options": (
        "matching",
        {"left": LEFT, "key": {"А": "3", "Б": "1", "В": "4"}},
        {"314": 1, "325": 0, "А3Б9В4": 0, "слова": BAD, "12.03.2026": BAD},
    ),
    "multiple without options": ("multiple", {"key": ["1", "3"]}, {"13": 1, "14": 0, "15.0": BAD, "АБ": BAD}),
    "single map": (
        "single",
        {"options": FOUR, "scoring": {"rule": "map", "scores": {"1": 0, "2": 1, "3": 3}, "zero": ["4"]}},
        {"1": 0, "2": 1, "3": 3, "4": 0, "5": BAD},
    ),
    "multiple exact": (
        "multiple",
        {"options": FIVE, "key": ["1", "3"]},
        {"13": 1, "31": 1, "1;3": 1, "3, 1": 1, "1 3": 1, "1.3": 1, "[1, 3]": 1, "1,1,3": 1, "1) 3)": 1}
        | {"1": 0, "134": 0, "12": 0, "17": BAD, "1-3": BAD, "abc": BAD}
        | dict.fromkeys(["1 и 3", "1 AND 3", "A1; A3", "①③", "１, ３", "№1, №3"], 1),
    ),
    "multiple words": (
        "multiple",
        {"options": LETTERS, "key": ["А", "Б"]},
        dict.fromkeys(['["синий", "белый, чистый"]', "синий\nбелый, чистый", "А) синий; Б) белый, чистый"], 1)
        | {"А) белый, чистый": 0, "синий -> зелёный": BAD}
        | {"AБ": 1, "а, б": 1, "синий, белый, чистый": 1, "Белый, чистый; синий": 1, "красный": 0, "синий, зелёный": BAD},
    ),
    "multiple many options": ("multiple", {"options": TWELVE, "key": ["1", "2"]}, {"1,2": 1, "2 1": 1, "12": 0, "112": BAD, "1 12": 0}),
    "multiple one error": (
        "multiple",
        {"options": FIVE, "key": ["1", "3", "4"], "scoring": ONE_ERROR},
        {"134": 2, "13": 1, "1345": 1, "135": 1, "1": 0, "12345": 0, "25": 0},
    ),
    "multiple per element": (
        "multiple",
        {"options": FIVE, "key": ["1", "3", "4"], "scoring": PARTS},
        {"134": 3, "13": 2, "1345": 2, "15": 0, "2": 0, "25": 0, "12345": 1},
    ),
    "matching exact": (
        "matching",
        {"options": FOUR, "left": LEFT, "key": {"А": "3", "Б": "1", "В": "4"}},
        {"314": 1, "3 1 4": 1, "3;1;4": 1, "А3Б1В4": 1, "A3Б1B4": 1, "А-3; Б-1; В-4": 1, "В=4, А=3, Б=1": 1}
        | {"А) 3 Б) 1 В) 4": 1, "а:3 б:1 в:4": 1, "3-1-4": 1, "3,1,4": 1}
        | {"341": 0, "31": 0, "А3Б1": 0, "3_4": 0, "3144": BAD, "319": BAD, "А3А1": BAD, "текст": BAD},
    ),
    "matching words": (
        "matching",
        {
            "options": {"1": "1242 год", "2": "1380 год", "3": "1552 год (2 октября)"},
            "left": {"А": "Ледовое побоище", "Б": "взятие «Казани»", "В": "Где бились на Дону?"},
            "key": {"А": "1", "Б": "3", "В": "2"},
        },
        dict.fromkeys(
            (
                "Ледовое побоище -> 1242 год; взятие «Казани» -> 1552 год (2 октября); Где бились на Дону? -> 1380 год",
                "взятие «Казани»: 3, где бились на дону?: 2, ледовое побоище: 1",
                "А -> 1242 год; Б -> 1552 год (2 октября); В -> 1380 год",
                "А. Ледовое побоище -> 1. 1242 год; Б. взятие «Казани» -> 3. 1552 год (2 октября); В. Где бились на Дону? -> 2",
                "1242 год; 1552 год (2 октября); 1380 год",
                "Ледовое побоище - 1\nвзятие «Казани» - 3\nГде бились на Дону? - 2",
            ),
            1,
        )
        | {"Ледовое побоище -> 1380 год; взятие «Казани» -> 1552 год (2 октября); Где бились на Дону? -> 1242 год": 0}
        | {"Ледовое побоище -> 1241 год": BAD, "побоище -> 1242 год": BAD},
    ),
    "ordering words": (
        "ordering",
        {"options": {"1": "«Слово»", "2": "Пушкин, поэт", "3": "Гоголь"}, "key": ["1", "2", "3"]},
        dict.fromkeys(
            [
                "«Слово»; Пушкин, поэт; Гоголь",
                "«Слово» -> Пушкин, поэт -> Гоголь",
                "«Слово»\nПушкин, поэт\nГоголь",
                "1: «Слово»; 2: Пушкин, поэт; 3: Гоголь",
                "«Слово» > Пушкин, поэт > Гоголь",
            ],
            1,
        )
        | {"Гоголь; Пушкин, поэт; «Слово»": 0, "1) Гоголь; 2) Пушкин, поэт; 3) «Слово»": 0, "«Слово»; Толстой; Гоголь": BAD},
    ),
    "matching per element": (
        "matching",
        {"options": FOUR, "left": LEFT, "key": {"А": "3", "Б": "1", "В": "4"}, "scoring": PARTS},
        {"314": 3, "311": 2, "В4": 1, "3": 1, "_14": 2, "143": 0},
    ),
    "matching one error": (
        "matching",
        {"options": FOUR, "left": LEFT, "key": {"А": "3", "Б": "1", "В": "4"}, "scoring": ONE_ERROR},
        {"314": 2, "312": 1, "А3 В4": 1, "324": 1, "341": 0},
    ),
    "matching digits on both sides": (
        "matching",
        {"options": FOUR, "left": {"1": "", "2": ""}, "key": {"1": "3", "2": "1"}},
        {"31": 1, "1-3; 2-1": 1, "2-1, 1-3": 1, "1-1; 2-3": 0, "3 1": 1},
    ),
    "ordering exact": (
        "ordering",
        {"options": dict.fromkeys("АБВ", ""), "key": ["В", "А", "Б"]},
        {"ВАБ": 1, "BAБ": 1, "в а б": 1, "В-А-Б": 1, "В → А → Б": 1, "В,А,Б": 1, "АБВ": 0, "ВА": 0, "ВАД": BAD},
    ),
    "ordering one error": (
        "ordering",
        {"options": FOUR, "key": ["4", "2", "1", "3"], "scoring": ONE_ERROR},
        {"4213": 2, "421": 1, "213": 1, "4_13": 1, "4231": 1, "2413": 1, "4312": 0, "3124": 0},
    ),
    "ordering per element": (
        "ordering",
        {"options": FOUR, "key": ["4", "2", "1", "3"], "scoring": PARTS},
        {"4213": 4, "4231": 2, "42": 2, "3124": 0, "2143": 1},
    ),
    "number exact": (
        "number",
        {"key": "0,125"},
        {"0.125": 1, "0,125": 1, ",125": 1, ".125": 1, "1/8": 1, "0.1250": 1, "x = 0,125": 1, "Ответ: 0,125": 1}
        | {"12,5%": 0, "0,12": 0, "-0.125": 0, "−0,125": 0, "1 5": BAD, "около 1": BAD, "1/0": BAD},
    ),
    "number large": (
        "number",
        {"key": "1234567.5", "unit": {"ru": "см", "en": "cm"}},
        {"1 234 567,5": 1, "1\u00a0234\u00a0567,5": 1, "1234567,5 см": 1, "1,234,567.5": 1, "1234567.5cm": 1}
        | {"1234567": 0, "1e999999": BAD, "12 34": BAD},
    ),
    "number tolerance": (
        "number",
        {"key": "3.14", "scoring": {"rule": "tolerance", "absolute": "0.01"}},
        {"3.14": 1, "3.15": 1, "3,13": 1, "3.1501": 0, "3.1299": 0, "22/7": 1, "3": 0},
    ),
    "number relative": (
        "number",
        {"key": "-200", "scoring": {"rule": "tolerance", "relative": "0.05", "points": 2}},
        {"-200": 2, "−190": 2, "-210": 2, "-189.99": 0, "200": 0},
    ),
    "digits": ("digits", {"key": "013"}, {"013": 1, "0 1 3": 1, "0,1,3": 1, "0-1-3": 1, "13": 0, "31": 0, "О13": BAD}),
    "digits one error": (
        "digits",
        {"key": "3142", "scoring": ONE_ERROR},
        {"3142": 2, "3143": 1, "314": 1, "31422": 1, "1342": 1, "1324": 0, "9": 0},
    ),
    "text": (
        "text",
        {"key": ["ёж", "дикобраз"], "scoring": {"rule": "synonyms", "pattern": "игл(а|ы) ёлки"}},
        {"еж": 1, "ЁЖ.": 1, "«Ёж»": 1, " Дикобраз ": 1, "Игла   елки": 1, "иглы ёлки!": 1}
        | {"ежик": 0, "игла елки зелёная": 0, "нет": 0, "...": BAD},
    ),
    "text led in": (
        "text",
        {"key": ["байт"]},
        {"Ответ: байт": 1, "ответ - байт": 1, "1) байт": 1, "answer=байт": 1, "ответ байт": 0, "1) бит": 0, "1 байт": 0},
    ),
    "text mixed alphabets": ("text", {"key": ["sin x"]}, {"sin x": 1, "sin х": 1, "SIN X": 1, "sinx": 0}),
    "text roman": ("text", {"key": ["XII"]}, {"XII": 1, "ХII": 1, "xii": 1, "12": 0}),
    "text map": (
        "text",
        {"scoring": {"rule": "map", "scores": {"полный": 2, "краткий": 1}, "zero": ["неверный"]}},
        {"Полный": 2, "краткий": 1, "неверный": 0, "другой": BAD},
    ),
    "rubric": (
        "open",
        {"rubric": RUBRIC},
        {"2;1": 3, "2 1": 3, "2/1": 3, "К1=2; К2=1": 3, "K1=2, K2=0": 2, "к2:1 к1:1": 2, "3": 3, "0": 0, "3.0": 3}
        | {"1;2": BAD, "4": BAD, "2.5": BAD, "2,1": BAD, "К1=2": BAD, "К3=1; К1=0; К2=0": BAD, "2;1;0": BAD, "-1": BAD}
        | {"2 / 3": 2, "3 из 3": 3, "К1=1 / 2; К2=1 из 1": 2, "2 / 4": BAD, "1 / 1": BAD, "К1=2,1; К2=0": BAD, "12:30": BAD},
    ),
    "open map": (
        "open",
        {"scoring": {"rule": "map", "scores": {"10": 1, "20": 2}, "zero": ["70", "79"]}},
        {"10": 1, "20": 2, "79": 0, "99": BAD, "1": BAD, "1020": BAD, "10 20": BAD},
    ),
    "with uncertainty": (
        "number",
        {"key": "0.80 ± 0.05", "answer_format": "uncertainty"},
        {"0,80 ± 0,05": 1, "(0,8 +- 0,05)": 1, "0,80 ± 0,5": 0, "0,8": 0, "080005": 0, "около 1": BAD, "0,8 0,05": BAD},
    ),
    "range": ("number", {"key": "10–12", "answer_format": "range"}, {"12-10": 1, "10…12": 1, "10": 0, "10–13": 0, "x": BAD}),
    "given": (
        "scored",
        {"scoring": {"rule": "given", "points": 3}},
        {"0": 0, "3": 3, "2.0": 2, "2,0": 2, "3 / 3": 3, "2 из 3": 2, "1 of 3": 1, "2 балла": 2, "4": BAD, "1.5": BAD}
        | {"2,1": BAD, "'3": BAD, "X": BAD, "1 / 1": BAD, "3 / 4": BAD, "4 / 3": BAD, "-1": BAD, "2026-03-01": BAD}
        | {"01.мар": BAD, "1/0": BAD, "100%": BAD, "": BAD},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_table_of_cases(name: str, make_item: Callable[..., Item]) -> None:
    kind, fields, table = CASES[name]
    points, status = score_answers(make_item("X", kind, **fields), list(table))
    found = {a: (int(p) if s == Reason.ANSWERED else BAD) for a, p, s in zip(table, points, status, strict=True)}
    assert found == table


def test_elements_say_what_each_part_earned(make_item: Callable[..., Item]) -> None:
    item = make_item("X", "matching", options=FOUR, left=LEFT, key={"А": "3", "Б": "1", "В": "4"}, scoring=PARTS)
    assert [tuple(e) for e in judge_of(item)("А3Б2").elements] == [("А", "3", 1, 1), ("Б", "2", 0, 1), ("В", "_", 0, 1)]


def test_segment_refuses_two_ways() -> None:
    assert segment("13", ["1", "3"]) == ("1", "3")
    assert segment("112", ["1", "2", "12", "11"]) is None
    assert segment("15", ["1", "3"]) is None


def test_edit_distance_of_known_words() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("", "abc") == 3
    assert edit_distance("acb", "abc") == 1
    assert edit_distance("cba", "abc") == 2
    assert edit_distance("bca", "abc") == 2


subsets = st.sets(st.sampled_from("12345"), min_size=1)


@settings(deadline=None)
@given(chosen=subsets, key=subsets)
def test_set_rules_agree_with_their_definition(chosen: set[str], key: set[str]) -> None:
    def points(rule: dict[str, Any]) -> int:
        fields = {"id": "X", "type": "multiple", "competencies": {"S": 1}, "options": FIVE, "scoring": rule}
        item = Item.model_validate({**fields, "key": sorted(key)})
        return int(score_answers(item, [";".join(chosen)])[0][0])

    assert points({"rule": "exact"}) == int(chosen == key)
    assert points({"rule": "per_element"}) == max(0, len(chosen & key) - len(chosen - key))
    errors = max(len(chosen - key), len(key - chosen))
    assert points({"rule": "one_error", "points": 2}) == max(0, 2 - errors)


@settings(deadline=None)
@given(row=st.permutations("ABCDE"), key=st.permutations("ABCDE"))
def test_sequence_rules_are_bounded_and_full_only_for_the_key(row: list[str], key: list[str]) -> None:
    for rule in ({"rule": "exact"}, {"rule": "per_element"}, {"rule": "one_error", "points": 2}):
        fields = {"id": "X", "type": "ordering", "competencies": {"S": 1}, "options": dict.fromkeys("ABCDE", "")}
        item = Item.model_validate({**fields, "key": key, "scoring": rule})
        points = int(score_answers(item, ["".join(row)])[0][0])
        assert 0 <= points <= item.max_score
        assert (points == item.max_score) == (row == key)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_text_breaks_a_rule(text: str) -> None:
    for kind, fields, _ in CASES.values():
        item = Item.model_validate({"id": "X", "type": kind, "competencies": {"S": 1}, **fields})
        points, status = score_answers(item, [text])
        assert 0 <= points[0] <= item.max_score
        assert status[0] in {Reason.ANSWERED, Reason.INVALID}


@pytest.mark.parametrize("mark", [")", ") ", ". ", ":", ": ", "=", " = "])
@pytest.mark.parametrize("between", [" ", ", ", "; "])
def test_a_numbered_list_is_its_answers(mark: str, between: str) -> None:
    """Numbers of a list are no answers: the list is read, or, where they may be either, is none."""
    digits: dict[str, Any] = {"type": "digits", "key": "30214"}
    kinds: list[tuple[dict[str, Any], str]] = [
        ({"type": "ordering", "options": FIVE, "key": list("31524")}, "31524"),
        (digits, "30214"),
    ]
    kinds += [({"type": "multiple", "options": FIVE, "key": ["2", "4"], "scoring": rule}, "24") for rule in (ONE_ERROR, PARTS)]
    for fields, answers in kinds:
        item = Item.model_validate({"id": "X", "competencies": {"S": 1}, **fields})
        assert judge_of(item)(between.join(f"{k}{mark}{a}" for k, a in enumerate(answers, start=1))).points == item.max_score
        dashed = judge_of(item)(between.join(f"{k}-{a}" for k, a in enumerate(answers, start=1)))
        assert dashed.points == item.max_score if fields is digits else not dashed.readable
        backwards = judge_of(item)(between.join(f"{k}{mark}{a}" for k, a in enumerate(reversed(answers), start=1)))
        assert (backwards.readable, backwards.points == item.max_score) == (True, item.type == "multiple")
    item = Item.model_validate({"id": "X", "competencies": {"S": 1}, "type": "ordering", "options": FIVE, "key": list("31524")})
    units = {"type": "multiple", "options": {"1": "км", "2": "кг", "3": "см"}, "key": ["1", "2"]}
    assert judge_of(Item.model_validate({"id": "X", "competencies": {"S": 1}, **units}))("1) км, 2) кг").points == 1
    assert [judge_of(item)(t).points for t in ("3_1_5_2_4", "31524?", "1. 3. 5. 2. 4.", "_1524", "3 _ 5 2 4")] == [1, 1, 0, 0, 0]


@pytest.mark.parametrize("key", ["0.3", "3.2", "1/3", "0.163", "16777217", "200.5"])
def test_a_number_is_itself_however_programs_store_it(key: str) -> None:
    item = Item.model_validate({"id": "X", "type": "number", "key": key, "competencies": {"S": 1}})
    judge, x = judge_of(item), float(Fraction(key))
    stored = [f"{x:.17g}", repr(x * 3 / 3 + x / 10 - x / 10), repr(x)]
    stored += [repr(float(np.float32(x)))] if x < 2**24 else []
    assert [judge(text).points for text in stored] == [1] * len(stored)
    assert [judge(text).points for text in (repr(x * 1.0001), repr(x + 1), f"{x * 1.00001:.9g}")] == [0] * 3
    large = Item.model_validate({"id": "X", "type": "number", "key": "1234567.8", "competencies": {"S": 1}})
    assert [judge_of(large)(text).points for text in ("1234567.8", "1234567.9", "1234567.7")] == [1, 0, 0]


@pytest.mark.parametrize("mark", [" ", "\u00a0", "\u202f", ",", ".", "'"])
def test_leading_zeros_that_a_number_in_thousands_lost_come_back(mark: str) -> None:
    for key in ("01101", "010100", "03032201"):
        item = Item.model_validate({"id": "X", "type": "digits", "key": key, "competencies": {"S": 1}})
        cell = f"{int(key):,}".replace(",", mark)
        assert judge_of(item)(*written(item, (cell,), ("text",))).points == 1
    two = Item.model_validate({"id": "X", "type": "digits", "key": "64", "competencies": {"S": 1}})
    assert [judge_of(two)(*written(two, (t,), ("text",))).normalised for t in ("64,0", "1,0", "64.0")] == ["64", "10", "64"]
