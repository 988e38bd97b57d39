"""The keys of the life safety bank, found again: routes are calculated, wrong rules of pupils carried out, works marked.

Every function reads figures, tables and works out of the text of the item; the stored key takes no part in it.
Where a rule of law or of first aid settles the key, the rule is written here a second time, as limits or as an order.
Items that rest on facts alone (005, 006, 013, 015, 016, 029, 032) and the open one on shelter are not here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "life_safety"
TURN = 360


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def words(text: str) -> str:
    return " ".join(text.split())


def figures(text: str) -> list[Fraction]:
    """Return the numbers of a text; blanks may part thousands."""
    joined = re.sub(r"(?<=\d) (?=000\b)", "", words(text))
    return [Fraction(n.replace(",", ".")) for n in re.findall(r"\d+(?:,\d+)?", joined)]


def option(item: Item, part: str) -> str:
    (found,) = options(item, lambda text: part in text)
    return found


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [c for c, t in item["options"].items() if holds(words(t))]


def matched(item: Item, part: Callable[[str], str]) -> dict[str, str]:
    """Return the option that holds the words found for every left side."""
    return {code: option(item, part(words(text))) for code, text in item["left"].items()}


def rows(item: Item) -> list[list[str]]:
    return [list(row) for row in item["stimulus"]["table"][1:]]


def works(item: Item) -> list[str]:
    return [words(w) for w in re.findall(r"^\d\) (.+)$", item["stimulus"]["text"], re.MULTILINE)]


def tail(item: Item) -> list[str]:
    """Return what stands behind 1), 2) … of the stem."""
    stem = words(item["stem"])
    return [t.strip(" ;.") for t in re.findall(r"(?<=\d\) )[^;]+?(?=;|\. Ответ)", stem)]


def plain(value: Fraction) -> str:
    return f"{float(value):g}"


# law, civil defence


def age(item: Item) -> Answer:
    """Criminal law: 14 for the list of article 20, part 2, 18 for drawing in a minor, else 16; administrative 16; civil 14."""

    def since(text: str) -> str:
        kind, deed = text.split(" — ")
        if "имущественная" in kind:
            return "четырнадцать"
        if "вовлечение" in deed:
            return "восемнадцать"
        return "четырнадцать" if "уголовная" in kind and "сообщение об акте терроризма" in deed else "шестнадцать"

    return matched(item, since)


def scale(item: Item) -> Answer:
    def name(text: str) -> str:
        place, people, damage = text.split("; ")
        (n,), (money,) = figures(people), figures(damage)
        thousands = money * (1 if "тыс" in damage else 1000 if "млн" in damage else 1_000_000)
        several_regions, several_towns = place.startswith("две области"), place.startswith("два муниципальных района")
        level = sum(n > limit for limit in (10, 50, 500))
        for growth in (1, Fraction(3, 2), 3):  # the limits of 2019; yearly higher since 2024
            assert level == sum(thousands > growth * limit for limit in (240, 12_000, 1_200_000)), text
        if level == 3:
            return "федерального"
        if level == 2:
            return "межрегионального" if several_regions else "регионального"
        if level == 0 and "завода" in place:
            return "локального"
        return "межмуниципального" if several_towns else "муниципального"

    def code(text: str) -> str:
        (found,) = options(item, lambda t: t.split()[0] == name(text))
        return found

    return {left: code(words(text)) for left, text in item["left"].items()}


# compass, map, dose


def compass(item: Item) -> Answer:
    grid, west, east = figures(item["stem"])[:3]
    assert "сближение меридианов западное" in words(item["stem"])
    assert "склонение восточное" in words(item["stem"])
    return plain((grid - (east - -west)) % TURN)


def decay(item: Item) -> Answer:
    since, rate, wanted = figures(item["stem"])
    assert "в семь раз" in words(item["stem"])
    tenths = round(math.log10(rate / wanted))
    assert rate / wanted == 10**tenths
    return plain(since * 7**tenths - since)


def shadow(item: Item) -> Answer:
    stem = words(item["stem"])
    noon, now = (Fraction(int(h)) + Fraction(int(m), 60) for h, m in re.findall(r"(\d+):(\d\d)", stem))
    (speed,) = (int(n) for n in re.findall(r"на (\d+)° за час", stem))
    return plain((180 + (now - noon) * speed + 180) % TURN)


def formation(item: Item) -> Answer:
    stem = words(item["stem"])
    (facing,) = (int(n) for n in re.findall(r"азимуту (\d+)°", stem))
    turns = {"Пол-оборота нале-ВО": -45, "Кру-ГОМ": 180, "Напра-ВО": 90}
    return str((facing + sum(turns[c] for c in re.findall("«(.+?)»", stem))) % TURN)


def two_angles(item: Item) -> Answer:
    rules: list[Callable[[int], int]] = [lambda a: TURN - a, lambda a: a + 180, lambda a: max(a, 180) - min(a, 180)]

    def exposes(text: str) -> bool:
        angles = [int(n) for n in re.findall(r"\d+", text)]
        return all(any(rule(a) != (a + 180) % TURN for a in angles) for rule in rules)

    return options(item, exposes)


def map_readers(item: Item) -> Answer:
    table = [[figures(cell) for cell in row] for row in item["stimulus"]["table"]]
    heads = item["stimulus"]["table"][0]
    denominator = table[0][0][1]
    lengths = [row[0][0] for row in table[2:]]
    straight = [row[0][-1] for row in table[2:]]
    cards = {
        "кривую": [s * denominator / 100 for s in straight],
        "сантиметров в метре": [x * denominator / 10 for x in lengths],
        "множат": [denominator / x for x in lengths],
        "найти масштаб": [x * 50000 / 100 for x in lengths],
    }
    answers = {who: [row[k][0] for row in table[2:]] for k, who in enumerate(heads) if k}
    fitting = {who: [name for name, found in cards.items() if found == seen] for who, seen in answers.items()}
    return {who: option(item, name) for who, (name,) in fitting.items()}


# risks, time


def alarm(item: Item) -> Answer:
    hit, false, days = figures(item["stem"])
    assert "в один день из" in words(item["stem"])
    fires, others = hit / 100, (days - 1) * false / 100
    return str(round(100 * fires / (fires + others)))


def evacuation(item: Item) -> Answer:
    """Second by second: who has reached the stairs, and who has stepped on them."""
    people, door, corridor, stairs, out = figures(item["stem"])
    assert "две двери" in words(item["stem"])
    passed, second = Fraction(0), 0
    while passed < people:
        second += 1
        arrived = min(people, 2 * door * second / 60)
        passed += min(arrived - passed, stairs / 60)
    return plain(corridor + (second + out) / 60)


def tsunami(item: Item) -> Answer:
    stem = words(item["stem"])
    (ten,) = (int(n) for n in re.findall(r"произведения (\d+) и глубины", stem))
    legs = [(int(s) * 1000, int(h)) for s, h in re.findall(r"(\d+) км при глубине (\d+) м", stem)]
    arrival = sum(s / math.sqrt(ten * h) for s, h in legs) / 60
    signal, climb = (int(n) for n in re.findall(r"(\d+) мин\b", stem))
    return f"{arrival - signal - climb:g}"


def password(item: Item) -> Answer:
    letters, alphabet = (int(n) for n in re.findall(r"\d+", item["stem"])[:2])
    return str(next(n for n in count(1) if 10**n >= alphabet**letters))


def belts(item: Item) -> Answer:
    hurt, share, died, died_without = figures(item["stem"])[:4]
    belted = hurt * share / 100
    return plain(died_without / (hurt - belted) / (died / belted))


def queue_for_manikin(item: Item) -> Answer:
    breaths, wipe, pupils = figures(item["stem"])[:3]
    assert "пять циклов" in words(item["stem"])
    return plain(pupils * (5 * (Fraction(30 * 60, 100) + breaths) + wipe) / 60)


def storm(item: Item) -> Answer:
    """The answer is right, and it was not the way of the sound that was calculated."""
    text = words(item["stimulus"]["text"])
    first, apart, second = (int(n) for n in re.findall(r"через (\d+) с|на (\d+) мин|через (\d+) с", text)[0:3] for n in n if n)
    right = Fraction(second * apart, first - second)
    answers = {str(k): (work, int(re.findall(r"Ответ: (\d+) мин", work)[0])) for k, work in enumerate(works(item), start=1)}
    return [k for k, (work, answer) in answers.items() if answer == right and "Звук проходит его за" not in work]


# road


def road(item: Item) -> Answer:
    def allowed(text: str) -> bool:
        if text.startswith("учитель"):
            return "днём" in text and "ночью" not in text
        if text.startswith("велосипедист"):
            (years,) = (int(n) for n in re.findall(r"(\d+) лет", text))
            return not (7 <= years < 14 and "проезжей части" in text) and "по пешеходному переходу" not in text
        return "ведёт велосипед" in text and "по ходу движения" in text

    return options(item, allowed)


def seats(item: Item) -> Answer:
    def answers(text: str) -> list[tuple[bool, ...]]:
        cases = [(*(int(n) for n in re.findall(r"\d+", case)), int("впереди" in case)) for case in text.split("; ")]
        by_height = tuple(height < 150 for _, height, _ in cases)
        by_age = tuple(years < 12 for years, _, _ in cases)
        return [by_height, by_age, tuple(years < 7 or (years < 12 and front == 1) for years, _, front in cases)]

    (found,) = options(item, lambda text: len(set(answers(text))) == 3)
    return found


# first aid


def order(item: Item) -> Answer:
    signs = ["перчатки", "нет ли кровотечения", "окликнуть", "дыханию", "подробно осмотреть"]
    return [option(item, sign) for sign in signs]


def attempts(item: Item) -> Answer:
    def advice(presses: Fraction, seconds: Fraction, depth: Fraction, breaths: Fraction) -> str:
        wrong = {
            "чаще": presses * 60 / seconds < 100,
            "реже": presses * 60 / seconds > 120,
            "глубже": depth < 5,
            "мельче": depth > 6,
            "соотношение": presses != 30 or breaths != 2,
        }
        (found,) = [name for name, is_wrong in wrong.items() if is_wrong] or ["ничего"]
        return found

    return {row[0]: option(item, advice(*(f for cell in row[1:] for f in figures(cell)))) for row in rows(item)}


def burn(item: Item) -> Answer:
    elements = (r"прохладной", r"[Зз]акрою|[Зз]абинтую", r"103|112|[Вв]ызову")
    harmful = r"маслом|кремом|[Пп]роколю|оторву"
    return "".join(str(max(sum(bool(re.search(e, w)) for e in elements) - bool(re.search(harmful, w)), 0)) for w in works(item))


def find(item: Item) -> Answer:
    elements = (
        r"не трогаю|не беру|не прикасаюсь|никто не открывал",
        r"отойти|выйти из вагона|Отправляю|уходят",
        r"112|сообщаю|вызвать",
    )
    marks = []
    for work in works(item):
        present = sum(bool(re.search(e, work)) for e in elements)
        danger = bool(re.search("[Нн]акрываю|переношу", work))
        marks.append(2 if present == 3 and not danger else 1 if present == 3 or (present == 2 and not danger) else 0)
    return "".join(map(str, marks))


# wrong rules of pupils


def water(item: Item) -> Answer:
    liquid = {"бензин", "подсолнечное масло", "керосин", "дизельное топливо"}
    assert all((said == "нет") == (what in liquid) for what, said in rows(item))
    return "".join(str(int(what not in liquid)) for what in tail(item))


def addresses(item: Item) -> Answer:
    def trusted(address: str) -> bool:
        return urlsplit(address.strip("`")).netloc.startswith("bank.example")

    assert all((said == "да") == trusted(address) for address, said in rows(item))
    wrong = [trusted(a) for a in re.findall(r"`(http.+?)`", item["stem"])]
    right = [urlsplit(a).netloc.endswith("bank.example") for a in re.findall(r"`(http.+?)`", item["stem"])]
    assert any(a != b for a, b in zip(wrong, right, strict=True))
    return "".join(str(int(w)) for w in wrong)


def cloud(item: Item) -> Answer:
    names = ["север", "северо-восток", "восток", "юго-восток", "юг", "юго-запад", "запад", "северо-запад"]
    assert "юго-западный ветер" in words(item["stem"])

    def way(text: str) -> str:
        source = names.index("юго-запад")
        towards = source if "дует к юго-западу" in text else (source + 4) % 8
        if "поперёк" in text:
            return " или на ".join(names[(towards + k) % 8] for k in (2, -2))
        return names[towards if "куда движется воздух" in text else (towards + 4) % 8]

    def code(text: str) -> str:
        wanted = set(way(text).split(" или на "))
        (found,) = options(item, lambda t: set(t.removeprefix("на ").split(" или на ")) == wanted)
        return found

    return {left: code(words(text)) for left, text in item["left"].items()}


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "LSF-001": age,
    "LSF-002": scale,
    "LSF-003": compass,
    "LSF-004": decay,
    "LSF-007": alarm,
    "LSF-008": road,
    "LSF-009": evacuation,
    "LSF-010": shadow,
    "LSF-011": tsunami,
    "LSF-012": order,
    "LSF-014": password,
    "LSF-017": water,
    "LSF-018": attempts,
    "LSF-019": storm,
    "LSF-020": cloud,
    "LSF-021": find,
    "LSF-022": burn,
    "LSF-025": two_angles,
    "LSF-026": seats,
    "LSF-027": addresses,
    "LSF-028": queue_for_manikin,
    "LSF-030": map_readers,
    "LSF-031": belts,
    "LSF-033": formation,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_key_is_what_the_item_gives(name: str) -> None:
    assert ANSWERS[name](bank()[name]) == bank()[name]["key"]


def test_the_mark_and_the_bearing_of_the_open_item_on_a_route() -> None:
    """Two of three lines earn a mark: the pupil's own bearing is turned round rightly and the distance is right."""
    item = bank()["LSF-023"]
    task, work = item["stimulus"]["text"].split("Работа ученика:")
    (north, _), (east, _) = re.findall(r"(\d+) м по азимуту (\d+)°", words(task))
    bearing = math.degrees(math.atan2(int(east), int(north)))
    own, back, distance = (int(n) for n in re.findall(r"= (\d+)", work))
    earned = [abs(own - bearing) <= 2, (back - own) % TURN == 180, distance == math.hypot(int(north), int(east))]
    assert earned == [False, True, True]
    assert f"Поставлены {sum(earned)} балла" in item["rubric"][1]["levels"]["1"]
    assert f"{bearing:.0f}°" in item["rubric"][0]["levels"]["2"]
    assert f"{bearing + 180:.0f}°" in item["rubric"][0]["levels"]["2"]


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert len(opened) == 2
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
