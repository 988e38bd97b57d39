"""The keys of the history bank against dated facts stated here, independently of the bank."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Mapping

BANK = Path(__file__).parents[2] / "item_banks" / "history"

Moment = tuple[int, int]  # year and month; month 0 where the year alone is meant
Span = tuple[int, int]

# Dates before 14 February 1918 in the Old Style.
ORDERED: Mapping[str, Mapping[str, Moment]] = {
    "HIS-006": {
        "битва на реке Калке": (1223, 5),
        "княжеский съезд в Любече": (1097, 0),
        "Липицкая битва": (1216, 4),
        "Невская битва": (1240, 7),
        "взятие Киева войсками, посланными Андреем Боголюбским": (1169, 3),
    },
    "HIS-010": {
        "начало осады Смоленска войском Сигизмунда III": (1609, 9),
        "воцарение Василия Шуйского": (1606, 5),
        "гибель Прокопия Ляпунова": (1611, 7),
        "Клушинская битва": (1610, 6),
        "вступление Лжедмитрия I в Москву": (1605, 6),
    },
    "HIS-016": {
        "сражение при Гангуте": (1714, 7),
        "Прутский поход": (1711, 6),
        "сражение при Гренгаме": (1720, 7),
        "взятие Азова Петром I": (1696, 7),
        "Полтавская битва": (1709, 6),
    },
    "HIS-021": {
        "вступление СССР в Лигу Наций": (1934, 9),
        "решение X съезда РКП(б) о замене продразвёрстки натуральным налогом": (1921, 3),
        "решение XV съезда ВКП(б) о развёртывании коллективизации": (1927, 12),
        "утверждение первой Конституции СССР съездом Советов": (1924, 1),
        "принятие Конституции СССР, упразднившей съезды Советов": (1936, 12),
    },
    "HIS-025": {
        "деноминация рубля (1000 : 1)": (1998, 1),
        "отпуск большинства цен (либерализация)": (1992, 1),
        "всенародное голосование, принявшее Конституцию Российской Федерации": (1993, 12),
        "залоговые аукционы": (1995, 11),
        "начало выдачи населению приватизационных чеков": (1992, 10),
    },
}

# Words the stem must contain and the year of the event; HIS-002 is computed.
YEARS: Mapping[str, tuple[str, int]] = {
    "HIS-013": ("отменено местничество", 1682),
    "HIS-027": ("Всемирной торговой организации", 2012),
}

# Items whose keyed options are those dated within a span of years (both ends included). Of what existed long before
# the span a year is given in which it is sure to have existed.
DATED: Mapping[str, tuple[Span, Mapping[str, int]]] = {
    "HIS-003": (
        (1481, 1700),  # what appeared only after 1480
        {
            "среди свидетелей назван губной староста": 1539,
            "грамота написана на бумаге, а не на пергамене": 1350,
            "упомянут наместник, собирающий с населения корм": 1300,
            "сделка записана дьяком Посольского приказа": 1549,
            "в самом тексте жалование подтверждено патриархом Московским": 1589,
            "великий князь назван Иваном Васильевичем": 1462,
        },
    ),
    "HIS-004": (
        (1801, 1855),  # before the defeat in the Crimean War
        {
            "рескрипт виленскому генерал-губернатору В. И. Назимову": 1857,
            "учреждение Редакционных комиссий под началом Я. И. Ростовцева": 1859,
            "речь императора перед предводителями московского дворянства": 1856,
            "указ об обязанных крестьянах, подготовленный П. Д. Киселёвым": 1842,
        },
    ),
    "HIS-009": (
        (1462, 1505),
        {"Псков": 1510, "Новгород": 1478, "Рязань": 1521, "Тверь": 1485, "Вятка": 1489, "Смоленск": 1514},
    ),
    "HIS-011": (
        (1549, 1560),
        {
            "создание постоянного стрелецкого войска": 1550,
            "принятие Уложения о службе": 1556,
            "введение заповедных лет": 1581,
            "унификация денежной системы с чеканкой копейки": 1535,
            "отмена кормлений": 1556,
            "деление страны на земщину и опричнину": 1565,
        },
    ),
    "HIS-023": (
        (1965, 1965),
        {
            "сокращение числа директивных показателей для предприятий": 1965,
            "передача управления промышленностью совнархозам": 1957,
            "разрешение кооперативам нанимать работников по договору": 1988,
            "свободное установление цен предприятиями по договору с покупателем": 1992,
        },
    ),
    "HIS-024": (
        (1985, 1991),
        {
            "Договор о ликвидации ракет средней и меньшей дальности": 1987,
            "Заключительный акт Совещания по безопасности и сотрудничеству в Европе": 1975,
            "Договор СНВ-1": 1991,
            "Договор об ограничении систем противоракетной обороны": 1972,
            "Договор СНВ-2": 1993,
            "Договор об обычных вооружённых силах в Европе": 1990,
        },
    ),
    "HIS-028": (
        (2008, 2008),
        {
            "Высший Арбитражный Суд был упразднён": 2014,
            "Государственный Совет стал конституционным органом": 2020,
            "Председателя Правительства стала утверждать Государственная Дума": 2020,
            "срок полномочий Государственной Думы стал пятилетним": 2008,
        },
    ),
    "HIS-029": (
        (-508, -507),
        {
            "отмена долгового рабства граждан": -594,
            "деление граждан на десять территориальных фил": -508,
            "деление граждан на четыре имущественных разряда": -594,
            "введение платы за исполнение обязанностей судей": -450,
        },
    ),
    "HIS-034": (
        (1101, 1200),
        {
            "Дмитриевский собор во Владимире": 1194,
            "Георгиевский собор в Юрьеве-Польском, дошедший до наших дней": 1230,
            "церковь Покрова на Нерли": 1165,
            "Золотые ворота во Владимире": 1158,
            "Успенский собор Московского Кремля, дошедший до наших дней": 1475,
            "Троицкий собор Троице-Сергиева монастыря": 1422,
        },
    ),
    "HIS-035": (
        (1722, 1800),  # joined later than the treaty of 1721: shaded wrongly
        {"Эстляндия": 1721, "Лифляндия": 1721, "Курляндия": 1795, "Ингерманландия": 1721},
    ),
    "HIS-045": (
        (1381, 2000),  # what did not exist in 1380
        {
            "купец расплачивается серебряными деньгами с ордынским гостем": 1300,
            "у стен Кремля купец любуется красным кирпичом новых башен": 1485,
            "воин крестится двумя перстами перед дорогой": 1200,
            "по колокольне Ивана Великого он узнаёт дорогу домой": 1508,
            "князь Дмитрий помнит, как ездил в Орду за ярлыком": 1371,
            "дома хозяйка подаёт печёный картофель": 1765,
        },
    ),
}

# Matching: when the event was, and who ruled (headed the government) when.
EVENTS: Mapping[str, Mapping[str, date]] = {
    "HIS-007": {
        "установление уроков и погостов": date(947, 1, 1),
        "взятие хазарской крепости Саркел": date(965, 1, 1),
        "решающее поражение печенегов под Киевом": date(1036, 1, 1),
        "Устав, ограничивший проценты по долгам после киевского восстания": date(1113, 6, 1),
    },
    "HIS-015": {
        "Манифест о вольности дворянства": date(1762, 2, 18),
        "Жалованная грамота дворянству": date(1785, 4, 21),
        "Манифест о трёхдневной барщине": date(1797, 4, 5),
        "Указ о вольных хлебопашцах": date(1803, 2, 20),
    },
    "HIS-026": {
        "начало выдачи приватизационных чеков": date(1992, 10, 1),
        "залоговые аукционы": date(1995, 11, 17),
        "приостановка выплат по ГКО и отказ от поддержки прежнего курса рубля": date(1998, 8, 17),
        "разворот над Атлантикой самолёта, на котором глава правительства летел с визитом в США": date(1999, 3, 24),
    },
}
TENURES: Mapping[str, Mapping[str, tuple[date, date]]] = {
    "HIS-007": {
        "Ольга": (date(945, 6, 1), date(962, 1, 1)),
        "Святослав Игоревич": (date(962, 1, 2), date(972, 3, 1)),
        "Владимир Святославич": (date(978, 6, 11), date(1015, 7, 15)),
        "Ярослав Мудрый": (date(1019, 1, 1), date(1054, 2, 20)),
        "Владимир Мономах": (date(1113, 4, 20), date(1125, 5, 19)),
    },
    "HIS-015": {
        "Пётр III": (date(1761, 12, 25), date(1762, 6, 28)),
        "Екатерина II": (date(1762, 6, 28), date(1796, 11, 6)),
        "Павел I": (date(1796, 11, 6), date(1801, 3, 11)),
        "Александр I": (date(1801, 3, 12), date(1825, 11, 19)),
        "Николай I": (date(1825, 12, 14), date(1855, 2, 18)),
    },
    "HIS-026": {
        "Е. Т. Гайдар": (date(1992, 6, 15), date(1992, 12, 14)),
        "В. С. Черномырдин": (date(1992, 12, 14), date(1998, 3, 23)),
        "С. В. Кириенко": (date(1998, 3, 23), date(1998, 8, 23)),
        "Е. М. Примаков": (date(1998, 9, 11), date(1999, 5, 12)),
        "С. В. Степашин": (date(1999, 5, 12), date(1999, 8, 9)),
    },
}
PAIRS: Mapping[str, Mapping[str, str]] = {
    "HIS-022": {
        "«Искра»": "прорыв блокады Ленинграда",
        "«Уран»": "окружение 6-й немецкой армии под Сталинградом",
        "«Кутузов»": "освобождение Орла",
        "«Багратион»": "освобождение Минска",
    },
    "HIS-031": {
        "Нантский эдикт": "1598 г.",
        "Аугсбургский религиозный мир": "1555 г.",
        "Вестфальский мир": "1648 г.",
        "Акт о супрематии Генриха VIII": "1534 г.",
    },
    "HIS-033": {
        "церковь Покрова в Филях (Москва)": "нарышкинское (московское) барокко",
        "Зимний дворец (Санкт-Петербург)": "елизаветинское барокко",
        "здание Исторического музея (Москва)": "русский (псевдорусский) стиль",
        "особняк С. П. Рябушинского на Малой Никитской (Москва)": "модерн",
    },
}
# Years before Christ are negative.
ANTIQUITY: Mapping[str, int] = {
    "Марафонская битва": -490,
    "сражение у Фермопил": -480,
    "битва при Акции": -31,
    "падение Западной Римской империи": 476,
    "Миланский эдикт": 313,
    "основание Константинополя": 330,
    "установление республики в Риме": -509,
    "убийство Цезаря": -44,
    "раздел Римской империи": 395,
    "начало Второй Пунической войны": -218,
    "битва при Заме": -202,
}


def _items() -> dict[str, dict[str, Any]]:
    text = (BANK / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")  # typography has gates of its own
    document = YAML(typ="safe", pure=True).load(text)
    return {item["id"]: item for item in document["items"]}


ITEMS = _items()


def _is_subject(item: Mapping[str, Any]) -> bool:
    return any(code.startswith("HIS.S.") for code in item["competencies"])


def _key_codes(item: Mapping[str, Any]) -> set[str]:
    key = item["key"]
    return {key} if isinstance(key, str) else set(key)


def _old_to_new_style(year: int, month: int, day: int) -> date:
    """Convert a Julian calendar date through the Julian day number."""
    shift = (14 - month) // 12
    y, m = year + 4800 - shift, month + 12 * shift - 3
    day_number = day + (153 * m + 2) // 5 + 365 * y + y // 4 - 32083
    return date.fromordinal(day_number - 1721425)


def _matched(item: Mapping[str, Any]) -> dict[str, str]:
    return {item["left"][left]: item["options"][code] for left, code in item["key"].items()}


@pytest.mark.parametrize("name", [name for name, item in ITEMS.items() if _is_subject(item)])
def test_subject_item_cites_the_fact_that_settles_it(name: str) -> None:
    source = ITEMS[name]["source"]
    assert "Авторское задание" not in source
    assert re.search(r"\d{3,4}|\b[XVI]+ в", source), f"{name}: no date in the source {source!r}"


def test_every_item_has_a_source_and_a_solution() -> None:
    assert [name for name, item in ITEMS.items() if not item.get("source") or not item.get("solution")] == []


def test_every_chronological_and_matching_item_has_facts_here() -> None:
    covered = {*ORDERED, *YEARS, *EVENTS, *PAIRS, "HIS-001", "HIS-002"}
    wanted = {
        name for name, item in ITEMS.items() if item["type"] in {"ordering", "number", "digits", "matching"} and _is_subject(item)
    }
    assert wanted == covered


@pytest.mark.parametrize("name", ORDERED)
def test_order_of_events_follows_their_dates(name: str) -> None:
    item, dates = ITEMS[name], ORDERED[name]
    assert set(item["options"].values()) == set(dates)
    assert len(set(dates.values())) == len(dates)
    codes = sorted(item["options"], key=lambda code: dates[item["options"][code]])
    assert item["key"] == codes


@pytest.mark.parametrize("name", ORDERED)
def test_source_and_solution_state_the_year_of_every_ordered_event(name: str) -> None:
    item = ITEMS[name]
    missing = {year for year, _ in ORDERED[name].values() if str(year) not in item["source"] + item["solution"]}
    assert missing == set()


@pytest.mark.parametrize("name", YEARS)
def test_year_item_agrees_with_the_table(name: str) -> None:
    words, year = YEARS[name]
    assert words in ITEMS[name]["stem"]
    assert ITEMS[name]["key"] == str(year)
    assert str(year) in ITEMS[name]["source"]


def test_year_since_the_creation() -> None:
    item = ITEMS["HIS-002"]
    found = re.search(r"лета (\d{4}) октября", item["stem"])
    assert found is not None
    assert item["key"] == str(int(found[1]) - 5509)  # September to December; 5508 for the other months


def test_dates_in_the_new_style() -> None:
    item = ITEMS["HIS-001"]
    assert "19 февраля 1861 г." in item["stem"]
    assert "9 января 1905 г." in item["stem"]
    assert _old_to_new_style(1917, 10, 25) == date(1917, 11, 7)
    converted = [_old_to_new_style(1861, 2, 19), _old_to_new_style(1905, 1, 9)]
    assert item["key"] == "".join(f"{d:%d%m}" for d in converted)


@pytest.mark.parametrize("name", DATED)
def test_keyed_options_are_those_of_the_period(name: str) -> None:
    item, ((first, last), dates) = ITEMS[name], DATED[name]
    assert set(item["options"].values()) == set(dates)
    inside = {code for code, text in item["options"].items() if first <= dates[text] <= last}
    assert _key_codes(item) == inside


@pytest.mark.parametrize("name", EVENTS)
def test_event_falls_into_the_tenure_of_the_keyed_ruler(name: str) -> None:
    item = ITEMS[name]
    assert set(item["options"].values()) == set(TENURES[name])
    ruling = {
        event: [who for who, (first, last) in TENURES[name].items() if first <= day <= last]
        for event, day in EVENTS[name].items()
    }
    assert {event: [who] for event, who in _matched(item).items()} == ruling


@pytest.mark.parametrize("name", PAIRS)
def test_matched_pairs_agree_with_the_table(name: str) -> None:
    assert _matched(ITEMS[name]) == PAIRS[name]


def test_pairs_that_reveal_a_pupil_who_ignores_the_era() -> None:
    item = ITEMS["HIS-039"]
    revealing = set()
    for code, text in item["options"].items():
        stated = re.findall(r"([А-Яа-яё -]+) \((\d+) г\.( до н\. э\.)?\)", text)
        pair = [(event.strip().removeprefix("и "), -int(n) if era else int(n)) for event, n, era in stated]
        assert [ANTIQUITY[event] for event, _ in pair] == [year for _, year in pair]
        (_, one), (_, other) = pair
        if (one < other) != (abs(one) < abs(other)):
            revealing.add(code)
    assert _key_codes(item) == revealing
