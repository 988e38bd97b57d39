"""Columns that name or reach a person are refused or dropped, and others are not taken for them."""

from __future__ import annotations

import pickle
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.bank import shipped_banks
from competency_dx.errors import ResponsesError
from competency_dx.personal_data import personal_in
from competency_dx.provenance import provenance
from competency_dx.responses import Layout, load_responses

PEOPLE = ["т-1", "т-2", "т-3", "т-4"]


def table_of(header: str, cells: list[str]) -> dict[str, list[object]]:
    return {"код": [*PEOPLE[: len(cells)]], "x": [*[1, 0, 1, 1][: len(cells)]], header: [*cells]}


@pytest.mark.parametrize(
    ("header", "cells", "what"),
    [
        ("Дата рождения", ["12.03.1978", "01.02.1985", "30.11.1969"], "birth date"),
        ("дата", ["1978-03-12", "1985-02-01", "1969-11-30"], "birth date"),
        ("date of birth", ["12 марта 1978", "1 мая 1985", "2 июня 1969"], "birth date"),
        ("Д.Р.", ["1978-03-12 00:00:00", "1985-02-01 00:00:00", "1969-11-30 00:00:00"], "birth date"),
        ("ИНН", ["7707083893", "500100732259", "7707083893"], "ИНН"),
        ("номер", ["500100732259", "526317984689", "500100732259"], "ИНН"),
        ("IP", ["192.168.0.1", "10.0.0.7", "95.24.1.200"], "IP address"),
        ("откуда", ["2001:db8:0:1:1:1:1:1", "fe80:0:0:0:1:2:3:4", "10.0.0.7"], "IP address"),
        ("Ваш телеграм", ["anna_77", "petr.ivanov", "нет"], "account"),
        ("как найти", ["@anna_77", "https://t.me/petr", "vk.com/id1"], "account"),
        ("прим", ["да", "пишите @anna_teacher", "нет"], "account"),
        ("номер", ["11223344595", "08765430300", "11223344595"], "СНИЛС"),
        ("Отзыв", ["хорошо", "мне помогала Иванова Анна Петровна из школы", "нет"], "name in a comment"),
        ("Отзыв", ["спасибо Марии Ивановне!", "да", "нет"], "name in a comment"),
        ("Отзыв", ["да", "нет", "проверял Сидоров Пётр"], "name in a comment"),
        ("Отзыв", ["да", "эксперт Кузнецова О. И. снизила балл", "нет"], "name in a comment"),
        ("comment", ["fine", "thanks to John Smith", "no"], "name in a comment"),
        ("Отзыв", ["да", "Проверила Иванова Мария Петровна", "нет"], "name in a comment"),
        ("Отзыв", ["да", "учитель петрова анна ивановна мешала", "нет"], "name in a comment"),
        ("Отзыв", ["да", "писал ИВАНОВ ИВАН ИВАНОВИЧ сам", "нет"], "name in a comment"),
        ("Отзыв", ["да", "Школа № 5 им. А. С. Пушкина, учитель Иванова Анна Петровна", "нет"], "name in a comment"),
        ("Отзыв", ["да", "звоните +7 912 345-67-89 вечером", "нет"], "phone"),
        ("Отзыв", ["да", "мой снилс 112-233-445 95", "нет"], "СНИЛС"),
        ("дата рожд.", ["12.03.78", "01.02.85", "30.11.69"], "birth date"),
        ("born", ["May 15, 1988", "June 1st, 1971", "12-Dec-1979"], "birth date"),
        ("date", ["15 May 1988", "Jan. 3 1971", "2 декабря 1969"], "birth date"),
        ("Отзыв", ["да", "born on May 15, 1988", "нет"], "birth date"),
        ("ФИО", ["Сидоров14", "Сидоров15", "Сидоров16"], "name"),
        ("Фамилия", ["Ким7", "Шмидт8", "Дзюба9"], "name"),
        ("Мессенджер", ["anna_p (тг)", "petr.ivanov", "нет"], "account"),
    ],
)
def test_what_names_or_reaches_a_person(header: str, cells: list[str], what: str) -> None:
    table = table_of(header, cells)
    with pytest.raises(ResponsesError, match=rf"personal data: {re.escape(header)} \({what}\); .*Layout\(pii='drop'\)") as told:
        load_responses(table, layout=Layout(items=("x",)))
    kept = load_responses(table, layout=Layout(items=("x",), pii="drop"))
    assert header not in kept.background
    for text in (str(told.value), kept.to_json()):
        assert not any(c in text for c in cells if len(c) > 5)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("дата тестирования", ["12.03.2026", "13.03.2026", "14.03.2026"]),
        ("дата", ["2009-03-12", "2009-03-13", "2009-03-14"]),
        ("дата приёма", ["2009-03-12", "1999-03-13", "1985-03-14"]),
        ("школа", ["Гимназия А. С. Пушкина", "МБОУ СОШ № 5", "Лицей № 1"]),
        ("год рождения", ["1978", "1985", "1969"]),
        ("номер бланка", ["12345678901", "12345678902", "12345678903"]),
        ("код ОО", ["500100732250", "526317984680", "500100732251"]),
        ("школа", ["МБОУ СОШ им. А. С. Пушкина", "Лицей имени Ломоносова", "Школа имени Героя Иванова Петра Ильича"]),
        ("адрес", ["ул. Ю. А. Гагарина, 5", "ул. Ленина, 7", "проспект А. Д. Сахарова"]),
        ("муниципалитет", ["Великий Новгород", "Нижний Тагил", "Усть-Кут"]),
        ("отзыв", ["Всё понятно", "Великая Отечественная война", "Задание 4 @ 5"]),
        ("ИНН школы", ["7707083893", "5001007322", "7707083893"]),
        ("ИНН организации", ["7707083893", "5001007322", "7707083894"]),
        ("ФИО", ["Участник 7", "Участник 8", "Участник 9"]),
        ("раздел", ["Тест 15, 1988", "Глава 3, 1971", "Мир 2 1969"]),
        ("версия", ["1.2.3", "1.2.4", "2.0.0"]),
        ("время", ["10:00:00", "11:30:00", "12:45:10"]),
    ],
)
def test_what_does_not(header: str, cells: list[str]) -> None:
    found = load_responses(table_of(header, cells), layout=Layout(items=("x",)))
    assert found.background[header].tolist() == cells


@given(st.lists(st.from_regex(r"[0-9]{9,13}", fullmatch=True), min_size=4, max_size=4, unique=True))
def test_numbers_of_any_kind_never_crash(cells: list[str]) -> None:
    found = load_responses(table_of("номер", cells), layout=Layout(items=("x",), pii="drop"))
    assert found.scores[:, 0].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("unit", ["а", "Иван ", "1.", "@", "a@", "-"])
def test_the_time_is_linear(unit: str) -> None:
    """A text 32 times as long takes about 32 times as long; 1,024 times where every sign is compared with every other."""

    def seconds(signs: int) -> float:
        cell = unit * (signs // len(unit))
        table = {"код": ["a", "b"], "x": [1, 0], "отзыв": [cell, f"{cell[:-1]}7"]}
        start = time.process_time()
        load_responses(table, layout=Layout(pii="drop"))
        return time.process_time() - start

    seconds(1000)  # what is compiled and imported with the first text
    short, long = (min(seconds(signs) for _ in range(2)) for signs in (2_000, 64_000))
    assert long < 200 * short


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("звоните 8–912–345–67–89", "phone"),
        ("８９１２ ３４５ ６７ ８９", "phone"),
        ("+7(912)345-67-89", "phone"),
        ("мой номер 11223344595 вот", "СНИЛС"),
        ("112 233 445 95", "СНИЛС"),
        ("65 04 № 123456", "passport"),
        ("12.03.1978 г.р.", "birth date"),
        ("г. Тюмень, ул. Ленина, д. 5, кв. 12", "address"),
        ("ivanova_m_i", "name"),
        ("IvanovaMI", "name"),
        ("эксперт Шмидт А. К. снизила", "name"),
        ("Ким Елена Викторовна", "name"),
    ],
)
def test_spellings_in_a_text_and_in_ids(text: str, what: str) -> None:
    shown = "name in a comment" if what == "name" and " " in text else what
    with pytest.raises(ResponsesError, match=rf"прим \({shown}\)|прим \(name\)"):
        load_responses(table_of("прим", [text, "да", "нет"]), layout=Layout(items=("x",)))
    with pytest.raises(ResponsesError, match="personal data") as refused:
        load_responses({"код": [text, "т-2"], "x": [1, 0]}, layout=Layout(items=("x",)))
    assert text not in repr(refused.value.facts) + str(refused.value)


ANSWERS = ["Губкина Мария", "8 (912) 345-67-89", "ivanova_m_i", "Шмидт Анна Карловна", "a.b@mail.ru"]


def test_texts_of_answers_and_headings_are_nowhere(tmp_path: Path) -> None:
    bank = cdx.load_bank("mathematics")
    text, choice = (next(i for i in bank.items if i.type == kind) for kind in ("number", "single"))
    n = len(ANSWERS)
    table = {"код": [f"т-{k}" for k in range(n + 6)], choice.id: [*choice.options][:1] * 6 + ANSWERS, text.id: ["1"] * 6 + ANSWERS}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = load_responses(table, bank=bank, layout=Layout(cells="raw", unreadable="leave_out"))
    cdx.report(found, tmp_path / "r")
    assert "responses.personal_answers" in {f.code for f in found.findings}
    files = [p.read_bytes().decode(errors="replace") for p in (tmp_path / "r").rglob("*") if p.is_file()]
    said_all = [str(w.message) for w in said] + [f.ru + repr(f) for f in found.findings]
    everything = "\n".join([*files, *said_all, repr(found.provenance), repr(pickle.dumps(found.findings))])
    assert not [a for a in ANSWERS if a in everything]
    assert cdx.responses.Responses.from_json(found.to_json()).to_json() == found.to_json()


def test_answers_of_the_shipped_banks_are_no_personal_data() -> None:
    """Keys, codes of options and simulated answers: none is taken for personal data."""
    for name in shipped_banks():
        bank = cdx.load_bank(name)
        drawn = cdx.simulate(bank, 40, rng=np.random.default_rng(2)).answers
        keys = [str(part) for i in bank.items for part in (i.key if isinstance(i.key, tuple) else [i.key]) if part]
        given = keys + [text for item in (drawn.vocabulary if drawn else ()) for text in item]
        assert not [text for text in given if personal_in(text)]


def test_digits_inside_a_digest_are_nobodys() -> None:
    telephone = "89161234567"
    digest = "sha256:" + telephone.rjust(30, "a").ljust(64, "b")
    kept = provenance("score", {"bank": f"b 1.0 {digest}", "call": f"{digest} {telephone}"}, {}).inputs
    assert kept["bank"] == f"b 1.0 {digest}"
    assert kept["call"] == "s…"
