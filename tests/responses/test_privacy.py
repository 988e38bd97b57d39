"""Columns that name or reach a person are refused or dropped, and others are not taken for them."""

from __future__ import annotations

import pickle
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.bank import Item, shipped_banks
from competency_dx.errors import ResponsesError
from competency_dx.personal_data import personal_in
from competency_dx.responses import Layout, load_responses
from competency_dx.result import provenance

PEOPLE = ["т-1", "т-2", "т-3", "т-4"]


def table_of(header: str, cells: list[str]) -> dict[str, list[object]]:
    return {"код": [*PEOPLE[: len(cells)]], "x": [*[1, 0, 1, 1][: len(cells)]], header: [*cells]}


@pytest.mark.parametrize(
    ("header", "cells", "what"),
    [
        ("Дата рождения", ["12.03.1978", "01.02.1985", "30.11.1969"], "birth date"),
        ("дата", ["1978-03-12", "1985-02-01", "1969-11-30"], "birth date"),
        ("date of birth", ["12 марта 1978", "1 мая 1985", "2 июня 1969"], "birth date"),
        ("г.р.", ["1978-03-12", "", ""], "birth date"),
        ("координаты", ["55.7558, 37.6173", "55,75580; 37,61730", "-33.86 151.21"], "address"),
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
        *(
            ("Примечание", ["да", cell, "нет"], "name in a comment")
            for cell in (
                "сдала вместо Иванова",
                "замена: Кузнецова",
                "писала за Петрову",
                "Мария не пришла",
                "Сидоров болел",
                "проверил Козлов",
                "куратор Петров",
                "вместо Никитиной",
                "Smirnova was absent",
                "replaced by Ivanov",
            )
        ),
        *(("комментарий", ["да", cell, "нет"], "name") for cell in ("Мария", "Аня", "ИВАНОВ", "Шевченко", "Petrova.")),
        ("Отзыв", ["да", "звоните +7 912 345-67-89 вечером", "нет"], "phone"),
        ("Отзыв", ["да", "мой снилс 112-233-445 95", "нет"], "СНИЛС"),
        ("дата рожд.", ["12.03.78", "01.02.85", "30.11.69"], "birth date"),
        ("born", ["May 15, 1988", "June 1st, 1971", "12-Dec-1979"], "birth date"),
        ("date", ["15 May 1988", "Jan. 3 1971", "2 декабря 1969"], "birth date"),
        ("Отзыв", ["да", "born on May 15, 1988", "нет"], "birth date"),
        ("ФИО", ["Сидоров14", "Сидоров15", "Сидоров16"], "name"),
        ("Фамилия", ["Ким7", "Шмидт8", "Дзюба9"], "name"),
        ("FIO", ["Ким", "Шмидт", "Дзюба"], "name"),
        ("fam", ["Ким", "Шмидт", "Дзюба"], "name"),
        ("Прізвище", ["Шевченко", "Коваль", "Бондар"], "name"),
        ("Мессенджер", ["anna_p (тг)", "petr.ivanov", "нет"], "account"),
        ("прим", ["89123456789", "да", "нет"], "phone"),
        ("прим", ["да", "112 233 445 95", "нет"], "СНИЛС"),
        ("связь", ["ivanova_m", "petrov", "нет"], "account"),
        ("Discord", ["ivanova#1", "petrov#2", "sid#3"], "account"),
        ("MAX", ["ivanova", "petrov", "sidorov"], "name"),
        ("Наставник", ["Иванова", "Петров", "Сидоров"], "name"),
        ("Эксперт", ["Иванова", "Петров", "Сидоров"], "name"),
        ("Куратор группы", ["Иванова М", "Петров П", "Сидоров О"], "name"),
        ("Методист", ["Маша Иванова", "Саша Петров", "Дима Сидоров"], "name"),
        ("подпись", ["М. Иванова", "П. Петров", "О. Сидоров"], "name"),
        ("Домашний адрес", ["Ленина 5-12", "Мира 7-3", "Гагарина 1-1"], "address"),
        ("адрес", ["Тюмень, Ленина 5-12", "Тобольск, Мира 7-3", "Ишим, Гагарина 1-1"], "address"),
        ("серия номер", ["6504123456", "6504123457", "6504123458"], "passport"),
        ("полис", ["1234567890123456", "1234567890123457", "1234567890123458"], "card or policy"),
        ("card", ["4276 1234 5678 9010", "4276 1234 5678 9011", "4276 1234 5678 9012"], "card or policy"),
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
        ("регион", ["Республика Марий Эл", "Республика Алтай", "Павел Посад"]),
        ("отзыв", ["Всё понятно", "Великая Отечественная война", "Задание 4 @ 5"]),
        ("ИНН школы", ["7707083893", "5001007322", "7707083893"]),
        ("ИНН организации", ["7707083893", "5001007322", "7707083894"]),
        ("ФИО", ["Участник 7", "Участник 8", "Участник 9"]),
        ("раздел", ["Тест 15, 1988", "Глава 3, 1971", "Мир 2 1969"]),
        ("версия", ["1.2.3", "1.2.4", "2.0.0"]),
        ("время", ["10:00:00", "11:30:00", "12:45:10"]),
        ("эксперт", ["Э-1", "Э-2", "R17"]),
        ("связь", ["хорошая", "плохая", "нет"]),
        ("max", ["10", "12.5", "7"]),
        ("адрес", ["ул. Мира, 5/1", "ул. Ленина, 7, корп. 2", "пр. Победы, 12"]),
        ("номер", ["1027700132195", "1027700132196", "1027700132197"]),
        ("коммент", ["и др. 12.03.2026", "слова и т. д.", "основа т.е. корень"]),
        ("коммент", ["Слева А. Справа Б.", "Термин А. не раскрыт", "Глава 5, стр. 12"]),
        ("коммент", ["тг не работал", "вк закрыт", "макс балл 5, max score 7"]),
        ("коммент", ["числа 8,912,345 и 67,89", "2,3,5,7,11,13", "1.5*2.5*3.5"]),
        ("школа", ["СОШ № 1 Ю. А. Гагарина", "Лицей Александра Невского", "ул. Иванова А. П., школа 2"]),
        ("примечание", ["Городская", "Медицина", "Казань"]),
        ("коммент", ["теорема Петрова", "по учебнику Макарычева", "вместо Синуса косинус"]),
        ("заметки", ["заменил варианты", "Корень не был найден", "Учитель отсутствовал"]),
        ("пособие", ["роза ветров", "Рома и Юля делят", "река Лена"]),
    ],
)
def test_what_does_not(header: str, cells: list[str]) -> None:
    found = load_responses(table_of(header, cells), layout=Layout(items=("x",)))
    assert found.background[header].tolist() == cells


@given(st.lists(st.from_regex(r"[0-9]{9,13}", fullmatch=True), min_size=4, max_size=4, unique=True))
def test_numbers_of_any_kind_never_crash(cells: list[str]) -> None:
    found = load_responses(table_of("номер", cells), layout=Layout(items=("x",), pii="drop"))
    assert found.scores[:, 0].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    "unit", ["а", "Иван ", "1.", "@", "a@", "-", "a @ ", "тг ", "8,912,", "Иванова, ", "ул 5 ", "рожд 12.", "карта 4276 "]
)
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
        *((phone, "phone") for phone in ("8_912_345_67_89", "8,912,345,67,89", "8*912*345*67*89", "+7~912~345~67~89", "912/345/67/89")),
        *((number, "СНИЛС") for number in ("112_233_445_95", "112/233/445/95", "112·233·445 95")),
        *((place, "e-mail") for place in ("ivanova @ mail.ru", "ivanova@mail .ru", "ivanova [at] mail [dot] ru")),
        *((who, "account") for who in ("тг ivanova_m", "вк id1234567", "telegram ivanova_m", "ВКонтакте: ivanova")),
        *((who, "account") for who in ("MAX: ivanova", "Discord: ivanova", "tg://resolve?domain=ivanova", "dzen.ru/ivanova")),
        *((day, "birth date") for day in ("ДР 12.03.1978", "DOB: 12.03.1978", "DOB 1978-03-12", "1978/03/12 дата рождения")),
        *((day, "birth date") for day in ("born on March 12, 1978", "родилась 12-го марта 1978 года", "род. 12.03.1978")),
        *((home, "address") for home in ("пр. Мира, 12, кв. 4", "ул Ленина д 5 кв 12", "5 Lenina st, apt 12")),
        *((card, "card or policy") for card in ("карта 4276 1234 5678 9010", "полис ОМС 1234567890123456")),
        *(
            (who, "name")
            for who in ("иванова мария", "мария иванова", "иванова м.п.", "Маша Иванова", "Семёнова Алёна", "Гюзель Яхина")
        ),
        *((who, "name") for who in ("Мамедова Айгюн", "Yekaterina Sidorova", "Иванова М.", "М. Иванова", "школа 5 Иванова Мария")),
        ("Smith, John", "name"),
        *(
            (who, "name")
            for who in ("Света Соколова", "Петрова Аня", "Вика Цой", "Женя Морозов", "Анна Ли", "Ержан Нурланов", "Аня П.")
        ),
        *((day, "birth date") for day in ("12-03-1978 (д/р)", "рожд. 12.III.1978")),
        *((home, "address") for home in ("ул. Мира, 5 - 12", "Тюмень, Ленина 5, кв.12", "дер. Кукуево дом 5")),
        *((place, "e-mail") for place in ("ivanova at mail dot ru", "ivanova собака mail точка ру", "ivanova@gmail")),
        *((number, "phone") for number in ("т. 345-67-89", "phone no. 8912345678")),
        ("passport no 123456789", "passport"),
        ("ТГ-канал ivanovam", "account"),
    ],
)
def test_spellings_in_a_text_and_in_ids(text: str, what: str) -> None:
    shown = "name in a comment" if what == "name" and " " in text else what
    with pytest.raises(ResponsesError, match=rf"прим \({re.escape(shown)}\)|прим \(name\)"):
        load_responses(table_of("прим", [text, "да", "нет"]), layout=Layout(items=("x",)))
    with pytest.raises(ResponsesError, match="personal data") as refused:
        load_responses({"код": [text, "т-2"], "x": [1, 0]}, layout=Layout(items=("x",)))
    assert text not in repr(refused.value.facts) + str(refused.value)


BARE = [
    ["Мария", "Пётр", "Олег"], ["Maria", "Petr", "Oleg"], ["Маша", "Петя", "Оля"], ["Маша 5А", "Петя 5А", "Оля 5Б"],
    ["maria", "петя2", "к-3"],
    ["Шевченко", "Ткач", "Ким"], ["Шевченко О", "Ткач Ю", "Ким Л"], ["Smith", "Brown", "Taylor"], ["Черных", "Белых", "Цой"],
]  # fmt: skip


@pytest.mark.parametrize("cells", BARE, ids=map(str, BARE))
@pytest.mark.parametrize("heading", ["код", "участник", "ученик", "Учитель", "наставник", "эксперт", "teacher"])
def test_first_names_and_surnames_alone_are_no_ids_of_persons(heading: str, cells: list[str]) -> None:
    table = {"x": [1, 0, 1], heading: cells} if heading in {"код", "участник"} else table_of(heading, cells)
    with pytest.raises(ResponsesError, match="personal data") as told:
        load_responses(table, layout=Layout(items=("x",)))
    assert not any(c in str(told.value) for c in cells)


CODES = [
    ["т-1", "т-2", "т-3"], ["teacher-1", "teacher-2", "teacher-3"], ["A1B2", "C3D4", "E5F6"],
    ["МБОУ-5-01", "МБОУ-5-02", "ГБОУ-7"], ["1", "2", "3"],
    ["альфа", "бета", "гамма"], ["синий", "красный", "белый"], ["Тюмень-1", "Тобольск-2", "Ишим-3"],
    ["физика-1", "химия-2", "биология-3"],
    ["сова", "ёж", "лиса"], ["user01", "user02", "user03"], ["первый", "второй", "третий"], ["7f3a9c", "81bb02", "c0ffee"],
    ["ЭК-1", "ЭК-2", "ОО-1"],
]  # fmt: skip
PLACES = [
    ["Тюмень", "Москва", "Киров"], ["Владимир", "Роман-Кош", "Марьино"], ["СОШ № 1", "Лицей имени Ломоносова", "Гимназия «Вера»"],
    ["Анна", "Мария", "Ольга"], ["Школа имени Марии Ульяновой", "ул. Ю. А. Гагарина", "МБОУ СОШ № 5"], ["Ким", "Ли", "Волк"],
    ["скорость света", "Света мало", "много света"], ["раздел 5 - 12", "с. 5-12", "задания 5-12"], ["т. 1, с. 345", "т. 2", "и т. д."],
    ["mail и gmail", "смотри at home", "dot и точка"], ["инст. 5", "институт", "канал ТГ"],
    ["пос. Мирный", "дер. Ивановка", "с. Покровское"],
]  # fmt: skip


@pytest.mark.parametrize("cells", CODES, ids=map(str, CODES))
def test_ordinary_codes_of_persons_are_kept(cells: list[str]) -> None:
    assert load_responses({"код": cells, "x": [1, 0, 1]}, layout=Layout(items=("x",))).persons.tolist() == cells
    assert load_responses(table_of("эксперт", cells), layout=Layout(items=("x",))).background["эксперт"].tolist() == cells


@pytest.mark.parametrize("cells", PLACES, ids=map(str, PLACES))
def test_towns_schools_and_words_are_kept(cells: list[str]) -> None:
    assert load_responses(table_of("город", cells), layout=Layout(items=("x",))).background["город"].tolist() == cells


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


PERSONS = ["mivanova", "89123456789", "Петрова", "ivanova1978", "Ли Ян"]


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
@pytest.mark.parametrize("who", PERSONS)
def test_no_sentence_of_reading_shows_an_id_that_may_be_a_name(who: str) -> None:
    """Every error and finding of reading and of `Responses` that shows persons shows codes whole, of others the first letter."""
    said: list[str] = []

    def hear(source: object, **choices: Any) -> cdx.responses.Responses | None:
        try:
            out = load_responses(source, layout=Layout(**choices))
        except cdx.CompetencyDxError as error:
            said.append(error.text("ru") + error.text("en") + repr(error.facts))
            return None
        said.extend(f.ru + repr(f) for f in out.findings)
        return out

    codes = [f"т-{k}" for k in range(6)]
    wide = {"код": [*codes, who], "x": [1, 0, 1, 0, 1, 0, None], "y": [0, 1, 1, 0, 0, 1, None]}
    plain = hear(wide)
    hear({**wide, "x": [1, 0, 1, 0, 1, 0, "н/я"], "y": [0, 1, 1, 0, 0, 1, "н/я"]})
    hear({"код": [*codes, who, who], "x": [1, 0] * 4})
    long = {"person": [*codes, who, who], "item": ["x"] * 8, "score": [1, 0] * 4}
    for attempts in ("error", "first", "best"):
        hear(long, attempts=attempts)
        hear({"код": [*codes, who, who], "x": [1, 0] * 4}, attempts=attempts)
    hear({**long, "person": [*codes, who, who.upper() if who.islower() else who.lower()]})
    if plain is not None:
        calls: tuple[Callable[[], object], ...] = (
            lambda: plain.select(persons=["nobody"]),
            lambda: plain.select(persons=[who + "x"]),
            lambda: plain.select(persons=[who, who]),
            lambda: plain.joined(load_responses({"код": [who + "x", "т-1"], "z": [1, 0]})),
            lambda: plain.joined(load_responses({"код": ["т-9", "т-1"], "x": [1, 1]})),
            lambda: cdx.Responses.from_json(plain.to_json().replace("т-1", who)),
        )
        for fails in calls:
            with pytest.raises(cdx.CompetencyDxError) as refused:
                fails()
            said.append(refused.value.text("ru") + str(refused.value) + repr(refused.value.facts))
    assert said
    assert not [sentence for sentence in said if who in sentence or who.upper() in sentence]


TYPED = [
    *("89123456789", "Маша Иванова", "Семёнова Алёна, школа 5", "тг ivanova_m", "Тюмень, Ленина 5-12", "Ли Ян", "ivanova_m"),
    *("4276 1234 5678 9010", "8_912_345_67_89", "Иваныч из пятой школы", "Smith"),
]


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
def test_documents_keep_no_words_of_answers() -> None:
    """In memory answers are whole; what persons typed and is not right reaches documents by first letters only, which are stable."""
    bank = cdx.load_bank("mathematics")
    types = ("text", "number", "digits", "single", "multiple")
    items = list({item.type: item for item in reversed(bank.items) if item.type in types}.values())
    table = {"код": [f"т{k}" for k in range(len(TYPED) + 20)]} | {i.id: [_right(i)] * 20 + TYPED for i in items}
    found = load_responses(table, bank=bank, layout=Layout(cells="raw", unreadable="leave_out"))
    document = found.to_json()
    assert not [text for text in TYPED if text in document]
    again = cdx.Responses.from_json(document)
    assert again.to_json() == document
    assert (again.scores == found.scores).all()
    text = next(i for i in items if i.type == "text")
    assert found.explain("т30", text.id, bank).raw == TYPED[10]
    for item in items:  # what is right, or a code of an option, is kept
        assert again.explain("т0", item.id, bank).raw == found.explain("т0", item.id, bank).raw == _right(item)


def _right(item: Item) -> str:
    key = item.key
    return (" " if item.type == "multiple" else "\n").join(key).split("\n")[0] if isinstance(key, tuple) else str(key)
