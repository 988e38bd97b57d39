"""The keys of the geography bank, found again: times, latitudes, balances are worked out, wrong rules of pupils are carried out.

Every function reads tables, works and figures out of the text of the item; the stored key takes no part in it.
Items that rest on facts (015, 031) and the open ones are not here; 003, 005, 008, 016 and 024 rest on rules stated here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from math import acos, degrees, radians, tan
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "geography"


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def words(text: str) -> str:
    return " ".join(text.split())


def figures(text: str) -> list[Fraction]:
    joined = re.sub(r"(?<=\d) (?=\d{3}\b)", "", text)
    return [Fraction(n.replace(",", ".").replace("−", "-")) for n in re.findall(r"−?\d+(?:,\d+)?", joined)]


def stem(item: Item) -> list[Fraction]:
    return figures(words(item["stem"]))


def rows(item: Item) -> list[list[Fraction]]:
    """Return the numbers of a table, without its head and its first column."""
    return [figures(";".join(row[1:])) for row in item["stimulus"]["table"][1:]]


def only(item: Item, holds: Callable[[str], bool]) -> str:
    (code,) = (str(c) for c, text in item["options"].items() if holds(words(text)))
    return code


def option(item: Item, right: str) -> str:
    return only(item, lambda text: text == right)


def meant(item: Item, value: Fraction) -> Answer:
    """Return the key where it is this number to its last place."""
    places = len(item["key"].partition(".")[2])
    return item["key"] if abs(Fraction(item["key"]) - value) * 10**places <= Fraction(1, 2) else f"{float(value):.{places}f}"


def by_letter(item: Item, answer: Callable[[str], str]) -> Answer:
    return {letter: option(item, answer(words(text))) for letter, text in item["left"].items()}


def by_row(item: Item, answer: Callable[[list[Fraction]], str]) -> Answer:
    letters = [row[0] for row in item["stimulus"]["table"][1:]]
    return {letter: option(item, answer(row)) for letter, row in zip(letters, rows(item), strict=True)}


# maps, the globe, time


def reduced_copy(item: Item) -> Answer:
    _, scale, percent, one, other = stem(item)
    metres = scale / 100 / (percent / 100)
    return meant(item, one * metres * other * metres / 10_000)


def flights(item: Item) -> Answer:
    there, back = ([int(h) + Fraction(int(m), 60) for h, m in re.findall(r"(\d+):(\d\d)", part)] for part in item["stem"].split(";"))
    out, home = there[1] - there[0], back[1] + 24 - back[0]
    (moscow,), (longitude,) = re.findall(r"UTC\+(\d+)", item["stem"]), re.findall(r"(\d+)° в\. д\.", item["stem"])
    return meant(item, (int(moscow) + (out - home) / 2 - Fraction(int(longitude), 15)) * 60)


def surfaces(item: Item) -> Answer:
    """Vegetation by its red edge, snow against clouds by the middle infrared, water by its darkness, soil by its rise."""

    def answer(row: list[Fraction]) -> str:
        green, red, near, middle = row
        if (near - red) / (near + red) > Fraction(1, 2):
            return "луг в разгар лета"
        if green > 50:
            return "снежный покров" if (green - middle) / (green + middle) > Fraction(2, 5) else "плотные облака из капель воды"
        return "сухая вспаханная почва" if green < red < near < middle else "глубокая чистая вода"

    return by_row(item, answer)


def noon(item: Item) -> Answer:
    (height,) = (Fraction(n) for n in re.findall(r"одинаковой, (\d+)°", words(item["stem"])))
    tilt = Fraction(47, 2)
    assert "23,5°" in item["stem"]

    def answer(text: str) -> str:
        declination = {"июня": tilt, "сентября": Fraction(0), "декабря": -tilt}[text.split()[1].strip(",")]
        latitude = declination + (90 - height) * (1 if "на юге" in text else -1)
        return f"{float(abs(latitude)):g}° {'с' if latitude > 0 else 'ю'}. ш.".replace(".5", ",5")

    return by_letter(item, answer)


def antipodes(item: Item) -> Answer:
    boxes = {
        "Южная Америка": (-20, 5, -75, -50),
        "Антарктида": (-90, -72, -180, 180),
        "Индийский океан": (-50, -30, 60, 100),
        "Евразия": (25, 60, 30, 120),
        "Тихий океан": (-30, -10, -145, -120),
    }  # south, north, west, east: inner parts only

    def answer(text: str) -> str:
        (latitude, north), (longitude, east) = re.findall(r"(\d+)°(?: (?:([сю]|[вз])\. [шд]\.)| широты)", text)
        lat = -int(latitude) if north == "с" else int(latitude)
        lon = int(longitude) - 180 if east == "в" else 180 - int(longitude)
        (found,) = (name for name, (s, n, w, e) in boxes.items() if s <= lat <= n and w <= lon <= e)
        return found

    return by_letter(item, answer)


def works_on_a_flight(item: Item) -> Answer:
    """A work is right when the hour is and it neither takes zones from longitudes nor counts the difference twice."""
    text = words(item["stimulus"]["text"])
    (there, hour, here, long) = (
        int(n) for n in re.findall(r"\(UTC\+(\d+)\) в (\d+):00 .* \(UTC\+(\d+)\) (\d+) ч", text.split("Работы")[0])[0]
    )
    right = f"Ответ: {(hour - there + here + long) % 24}:00."
    works = re.findall(r"(\d)\) (.+?)(?= \d\) |$)", text.split("Работы:")[1])
    assert len(works) == len(item["options"])
    return [n for n, work in works if work.strip().endswith(right) and "Долготы" not in work]


def equator(item: Item) -> Answer:
    def first_alone_errs(text: str) -> bool:
        (a, east_a), (b, east_b) = re.findall(r"(\d+)° ([вз])", text)
        one, other = int(a), int(b)
        second = abs((one if east_a == "в" else -one) - (other if east_b == "в" else -other))
        return abs(one - other) != min(second, 360 - second) == second

    return only(item, first_alone_errs)


def globe(item: Item) -> Answer:
    (latitude,) = (int(n) for n in re.findall(r"\((\d+)° с\. ш\.\)", item["stem"]))

    def hours(declination: float) -> str:
        if abs(declination) + latitude >= 90:
            return "24 ч" if declination > 0 else "0 ч"
        return f"{round(2 * degrees(acos(-tan(radians(latitude)) * tan(radians(declination)))) / 15)} ч"

    def answer(text: str) -> str:
        tilt = 0.0 if "перпендикулярна" in text else 23.5 if "23,5°" in text else 90.0
        return f"{hours(tilt)} и {hours(tilt if 'всегда' in text else -tilt)}"

    return by_letter(item, answer)


def profile(item: Item) -> Answer:
    _, across, _, up, rise, run = stem(item)
    return meant(item, 100 * rise * up / (run * across))


def stations(item: Item) -> Answer:
    """By the map: А, Г lie by an ocean, the rest inland."""
    table = {row[0]: row for row in item["stimulus"]["table"][1:]}
    by_ocean = {letter for letter, row in table.items() if row[2] in ("6° з. д.", "159° в. д.")}
    assert len(by_ocean) == 2

    def fits(text: str) -> bool:
        pair = re.findall(r"\b[А-Е]\b", text.removeprefix("станции"))
        (lat, other), (high, higher) = (figures(";".join(table[p][k] for p in pair)) for k in (1, 3))
        return abs(lat - other) <= 1 and abs(high - higher) <= 100 and len(by_ocean & set(pair)) == 1

    return only(item, fits)


# nature


def climates(item: Item) -> Answer:
    def answer(row: list[Fraction]) -> str:
        january, july, rain, rain_july = row
        if min(january, july) > 24 and min(rain, rain_july) >= 100:
            return "экваториальный"
        south = january > july
        summer, winter = (rain, rain_july) if south else (rain_july, rain)
        kind = (
            "средиземноморский" if winter > summer else "субэкваториальный" if min(january, july) >= 20 else "субтропический муссонный"
        )
        return f"{kind}, {'южное' if south else 'северное'} полушарие"

    return by_row(item, answer)


def found(item: Item, *patterns: str) -> list[Fraction]:
    """Return the one number that each pattern finds in the stem."""
    return [figures(n)[0] for pattern in patterns for (n,) in [re.findall(pattern, words(item["stem"]))]]


def foehn(item: Item) -> Answer:
    start, humidity, top, end = found(item, r"температурой (\d+)", r"влажностью (\d+)", r"перевала \((\d+)", r"высоте (\d+) м")
    dry, wet = found(item, r"температуру на (\d+) °C на каждые 100 м", r"поднимающийся — на (\d,\d) °C")
    temperatures, held = (figures(";".join(row[1:])) for row in item["stimulus"]["table"])
    vapour = humidity / 100 * held[temperatures.index(start)]
    dew = min(temperatures, key=lambda t: abs(held[temperatures.index(t)] - vapour))
    height = (start - dew) / dry * 100
    return meant(item, dew - (top - height) / 100 * wet + (top - end) / 100 * dry)


def lake(item: Item) -> Answer:
    inflow, rain, evaporated, taken = stem(item)
    return meant(item, inflow * (100 - taken) / 100 / ((evaporated - rain) / 1_000_000))


def zones(item: Item) -> Answer:
    def answer(row: list[Fraction]) -> str:
        rain, could_evaporate, warmth = row
        ratio = rain / could_evaporate
        wet = "тундра" if warmth < 600 else "тайга" if warmth < 1800 else "широколиственный лес"
        return next(n for n, least in ((wet, 1.0), ("лесостепь", 0.6), ("степь", 0.3), ("полупустыня", 0.0)) if ratio >= least)

    return by_row(item, answer)


def rivers(item: Item) -> Answer:
    def answer(row: list[Fraction]) -> str:
        assert sum(row) == 100
        if max(row) < 2 * min(row):
            return "Нева"
        peak, winter = row.index(max(row)) + 1, sum(row[:3]) + row[11]
        if peak == 6 and winter < 6:
            return "Лена"
        return {5: "Северная Двина", 7: "Терек", 8: "Амур"}[peak]

    return by_row(item, answer)


def garden(item: Item) -> Answer:
    """Work the garden out as written and with one thing left out, then look each pupil's answer up."""
    roof, share, tank = found(item, r"площадью (\d+) м²", r"собирают (\d+) %", r"баке на (\d+) м³")

    def bought(part: Fraction, room: Fraction, *, rain_in_august: int = 1, water_in_august: int = 1) -> Fraction:
        stored = total = Fraction(0)
        for (rain, needed), last in zip(rows(item), (False, False, False, True), strict=True):
            collected = rain / 1000 * roof * part / 100 * (rain_in_august if last else 1)
            left = stored + collected - needed * (water_in_august if last else 1)
            total += max(-left, Fraction(0))
            stored = min(max(left, Fraction(0)), room)
        return total

    causes = {
        "бак считали неограниченным": bought(share, Fraction(1000)),
        "собирали весь дождь": bought(Fraction(100), tank),
        "решено верно": bought(share, tank),
        "ничего не оставляли": bought(share, Fraction(0)),
        "сад не поливали": bought(share, tank, water_in_august=0),
        "дождь не собирали": bought(share, tank, rain_in_august=0),
    }
    assert len(set(causes.values())) == len(causes)
    text = words(item["stem"])
    listed = {
        bought_by: code
        for code, cause in re.findall(r"(\d) — ([а-я][^;.]+)", text)
        for name, bought_by in causes.items()
        if name in cause
    }
    assert len(listed) == len(causes)
    pupils = re.findall(r"(Аня|Боря|Вера|Гена) — (\d+(?:,\d+)?)", text)
    return "".join(listed[figures(said)[0]] for _, said in pupils)


def marks_of_slopes(item: Item) -> Answer:
    signs = (r"западных ветров|с запада|Западные ветры", r"поднимается[^.]*(?:остывает|охлаждается)", r"опускается")
    marks = {}
    for letter, text in re.findall(r"^([А-Г])\) (.+)$", item["stimulus"]["text"], re.MULTILINE):
        there = sum(bool(re.search(sign, text)) for sign in signs)
        marks[letter] = "2" if there == 3 and "пассаты" not in text else "1" if there >= 2 else "0"
    return marks


def warmer(item: Item) -> Answer:
    def pairs(text: str) -> list[tuple[int, int, str]]:
        place = r"(\d+)°(?: ([сю])\. ш\.)?"
        written = re.findall(rf"{place} или {place}(?: — (?:в|во) (перв|втор)ом)?", text)
        return [(int(a) * (-1 if b == "ю" else 1), int(c) * (-1 if d == "ю" else 1), said) for a, b, c, d, said in written]

    seen, asked = (pairs(part) for part in words(item["stem"]).split("Предскажите"))
    said = ["1" if word == "перв" else "2" for *_, word in seen]
    assert len(seen) == 4
    assert len(asked) == 6

    def says(rule: Callable[[int], int], some: list[tuple[int, int, str]]) -> list[str]:
        return ["1" if rule(a) > rule(b) else "2" for a, b, _ in some]

    assert says(lambda latitude: -latitude, seen) == said
    assert all(says(rule, seen) != said for rule in (lambda x: -abs(x), abs, lambda x: x))
    return "".join(says(lambda latitude: -latitude, asked))


# population, economy, resources


def mortality(item: Item) -> Answer:
    return meant(item, sum((a * dying / 100 for a, _, _, dying in (row[-4:] for row in rows(item))), Fraction(0)))


def townspeople(item: Item) -> Answer:
    start, born, died, end = (row[0] for row in rows(item))
    (village,) = found(item, r"населением (\d+) тыс")
    return meant(item, end - start - born + died - village)


def plants(item: Item) -> Answer:
    mine_pit, mine_market, pit_market = stem(item)[:3]

    def answer(text: str) -> str:
        (ore,), (coal,) = (figures(";".join(re.findall(rf"{what} (\d+(?:,\d+)?)", text))) for what in ("руды", "угля"))
        costs = {
            "у рудника": coal * mine_pit + mine_market,
            "у шахты": ore * mine_pit + pit_market,
            "у рынка": ore * mine_market + coal * pit_market,
        }
        assert list(costs.values()).count(min(costs.values())) == 1
        return min(costs, key=lambda place: costs[place])

    return by_letter(item, answer)


def parity(item: Item) -> Answer:
    gdp, people, basket_there, basket, theirs = found(
        item, r"— (\d+) млрд талеров", r"население (\d+) млн", r"США стоит (\d+)", r"стоит (\d+) талеров", r"\((\d+) тыс\."
    )
    return meant(item, theirs / (gdp / (basket / basket_there) / people))


def reserves(item: Item) -> Answer:
    years, before, after, taken = found(item, r"— (\d+) лет", r"с (\d,\d) до", r"до (\d,\d) млрд", r"извлекли (\d+) млрд")
    return meant(item, years * (after - before) + taken)


def power(item: Item) -> Answer:
    table = rows(item)
    (east, west), hours = (int(re.findall(r"UTC\+(\d)", item["stimulus"]["table"][n][0])[0]) for n in (2, 1)), 4
    moved = (east - west) // hours
    one, other = table
    both = [a + other[(k + moved) % len(other)] for k, a in enumerate(one)]
    return meant(item, max(one) + max(other) - max(both))


def density(item: Item) -> Answer:
    def districts(text: str) -> list[tuple[Fraction, Fraction]]:
        return [(Fraction(a), Fraction(b)) for a, b in re.findall(r"(\d+) и (\d+)", text)]

    def mean(region: list[tuple[Fraction, Fraction]]) -> Fraction:
        return sum((people / area for people, area in region), Fraction(0)) / len(region)

    work = [(districts(line), figures(line)[-1]) for line in item["stimulus"]["text"].splitlines() if ";" in line and " и " in line]
    assert len(work) == 4
    others: list[Callable[[list[tuple[Fraction, Fraction]]], Fraction]] = [
        lambda region: Fraction(sum(p for p, _ in region), sum(a for _, a in region)),
        lambda region: Fraction(sum(p * p / a for p, a in region), sum(p for p, _ in region)),
        lambda region: median(p / a for p, a in region),
        lambda region: (max(p / a for p, a in region) + min(p / a for p, a in region)) / 2,
    ]
    assert all(mean(region) == said for region, said in work)
    assert all(any(rule(region) != said for region, said in work) for rule in others)
    asked = districts(item["stem"])
    assert len({mean(asked), *(rule(asked) for rule in others)}) == 5
    return meant(item, mean(asked))


def lists(item: Item) -> Answer:
    rules: dict[str, Callable[[Fraction, Fraction, Fraction], Fraction]] = {
        "запасы": lambda r, _p, _n: r,
        "добыча": lambda _r, p, _n: p,
        "запасы на душу населения": lambda r, _p, n: r / n,
        "добыча на душу населения": lambda _r, p, n: p / n,
        "отношение запасов к добыче": lambda r, p, _n: r / p,
        "отношение добычи к запасам": lambda r, p, _n: p / r,
    }
    table = {row[0]: tuple(figures(";".join(row[1:]))) for row in item["stimulus"]["table"][1:]}
    order = {", ".join(sorted(table, key=lambda c: -rule(*table[c]))): name for name, rule in rules.items()}
    assert len(order) == 6
    return by_letter(item, order.__getitem__)


def shares(item: Item) -> Answer:
    (growth,) = found(item, r"вырос в (\d,\d) раза")
    table = rows(item)
    assert [sum(column) for column in zip(*table, strict=True)] == [100, 100]
    return [str(n) for n, (a, b) in enumerate(table[:-1], start=1) if (b > a) != (b * growth > a)]


def marks_of_population(item: Item) -> Answer:
    task, *works = re.split(r"^\d\)$", item["stimulus"]["text"], flags=re.MULTILINE)
    people, born, died, came = (figures(n)[0] for n in re.findall(r"(?:области|родилось|умерло|прирост) (\d+)(?: тыс)", words(task)))

    def mark(work: str) -> str:
        said = {line.strip()[0]: figures(line.rpartition("=")[2])[0] for line in work.strip().splitlines()}
        first = next(iter(said))
        natural = born - died
        wanted = {"E": natural, "O": said["E"] + came, "K": (said["E"] if first == "E" else natural) * 1000 / people}
        if first == "K":
            wanted["E"] = said["K"] * people / 1000
        return str(max(0, 2 - sum(said[line] != value for line, value in wanted.items())))

    assert len(works) == 4
    return "".join(mark(work) for work in works)


def urbanisation(item: Item) -> Answer:
    return [str(n) for n, (a, total, b, total_now) in enumerate(rows(item), start=1) if (b > a) != (b / total_now > a / total)]


def zone_cards(item: Item) -> Answer:
    right = ["тундра", "лесотундра", "тайга", "смешанные леса", "лесостепь", "степь", "полупустыня"]
    cards = {"лесотундра": "лес и тундра", "лесостепь": "лес и степь", "полупустыня": "степь и пустыня"}

    def card(work: str) -> str:
        line = work.split(" → ")
        line = line if line[0] == right[0] else line[::-1]
        (name,) = (cards[zone] for zone, at in zip(line, right, strict=True) if zone != at and zone in cards)
        return name

    works = re.findall(r"^ +(\w+): (.+)$", item["stimulus"]["text"], re.MULTILINE)
    return option(item, ", ".join(f"{who} — {card(work)}" for who, work in works))


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "GEO-001": reduced_copy,
    "GEO-002": flights,
    "GEO-003": surfaces,
    "GEO-004": noon,
    "GEO-005": climates,
    "GEO-006": foehn,
    "GEO-007": lake,
    "GEO-008": zones,
    "GEO-009": mortality,
    "GEO-010": townspeople,
    "GEO-011": plants,
    "GEO-012": parity,
    "GEO-013": reserves,
    "GEO-014": antipodes,
    "GEO-016": rivers,
    "GEO-017": power,
    "GEO-018": density,
    "GEO-019": warmer,
    "GEO-020": works_on_a_flight,
    "GEO-021": lists,
    "GEO-022": shares,
    "GEO-023": marks_of_population,
    "GEO-024": marks_of_slopes,
    "GEO-027": urbanisation,
    "GEO-028": equator,
    "GEO-029": globe,
    "GEO-030": profile,
    "GEO-032": stations,
    "GEO-033": zone_cards,
    "GEO-034": garden,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_key_is_what_the_item_gives(name: str) -> None:
    assert ANSWERS[name](bank()[name]) == bank()[name]["key"]


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert len(opened) == 2
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
