"""The keys of the bank of physical education, found again: loads are reckoned, rules are carried out, works are marked.

Every function reads tables, works and figures out of the text of the item; the stored key takes no part in it.
Items that rest on knowledge alone (006, 011, 013 to 017, 028, 030) and the open ones are not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "physical_education"


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def words(text: str) -> str:
    return " ".join(text.split())


def figures(text: str) -> list[Fraction]:
    return [Fraction(n.replace(",", ".").replace("−", "-")) for n in re.findall(r"−?\d+(?:,\d+)?", text)]


def rows(item: Item) -> list[list[str]]:
    table: list[list[str]] = item["stimulus"]["table"]
    return table[1:]


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [c for c, t in item["options"].items() if holds(words(t))]


def option(item: Item, part: str) -> str:
    (found,) = options(item, lambda text: part in text)
    return found


def meant(item: Item, value: Fraction) -> str:
    """Return the value rounded to the last place of the key."""
    return f"{float(value):.{len(item['key'].partition('.')[2])}f}"


# load


def density(item: Item) -> Answer:
    spent = {name: Fraction(n) for name, n in rows(item)}
    assert "втрое меньше" in words(item["stem"])
    freed = spent["ждёт очереди к снаряду"] * Fraction(2, 3)
    return meant(item, 100 * (spent["выполняет упражнения"] + freed) / sum(spent.values()))


def reserve(item: Item) -> Answer:
    rest, highest, beats, seconds = figures(item["stem"])[:4]
    reached = beats * 60 / seconds
    values = {
        "1": (reached - rest) / highest,
        "2": (reached - rest) / reached,
        "3": (reached - rest) / (highest - rest),
        "4": reached / highest,
    }
    assert [f"{round(100 * float(values[c]) + 1e-9)} %" for c in item["options"]] == list(item["options"].values())
    return option(item, f"{round(100 * (reached - rest) / (highest - rest))} %")


def water(item: Item) -> Answer:
    before, after, drunk = figures(item["stem"])[:3]
    return meant(item, 100 * (before - after + drunk / 1000) / before)


def boys(item: Item) -> Answer:
    grown = {name: [Fraction(n) for n in row] for name, *row in rows(item)}
    strength = {k: v[3] / v[2] for k, v in grown.items()}
    jump = {k: v[4] / v[0] for k, v in grown.items()}
    right = {
        "у Б больше, чем у А": strength["Б"] > strength["А"],
        "у В наибольшая": strength["В"] == max(strength.values()),
        "временное ухудшение": grown["А"][1] == max(v[1] for v in grown.values()),
        "Биологический возраст": False,
        "Г впереди": jump["Г"] > max(jump["А"], jump["В"]),
        "сердце выросло": False,
    }
    return options(item, lambda text: next(v for k, v in right.items() if k in text))


def speed(item: Item) -> Answer:
    """Full speed, some seconds of work, nearly full rest, nothing tiring before."""

    def serves(text: str) -> bool:
        metres, effort, rest, unit = re.findall(r"× (\d+) м .*\((\d+) %\), отдых (\d+) (мин|с)", text)[0]
        return int(metres) <= 60 and effort == "100" and (unit == "мин" and int(rest) >= 2) and "кросс" not in text

    return options(item, serves)


def bar(item: Item) -> Answer:
    def advice(height: str, place: str) -> str:
        if figures(height)[0] < 0:
            return "усилить отталкивание"
        return "дальше от" if "за планкой" in place else "ближе к" if "перед планкой" in place else "толчковую"

    return {name: option(item, advice(height, place)) for name, height, place, _ in rows(item)}


def laps(item: Item) -> Answer:
    whole, minutes, seconds, lap, gone, pace_minutes, pace_seconds = (int(n) for n in re.findall(r"\d+", item["stem"]))
    left = minutes * 60 + seconds - Fraction(gone, 1000) * (pace_minutes * 60 + pace_seconds)
    return meant(item, left / Fraction(whole - gone, lap))


def rotation(item: Item) -> Answer:
    zones, players = item["stimulus"]["table"]
    stands = dict(zip(zones[1:], players[1:], strict=True))
    (won,) = re.findall(r"по порядку: ([АБ, ]+)\.", item["stem"])
    serves = "Б"
    for winner in won.split(", "):
        if winner == "А" != serves:
            stands = {z: stands[str(int(z) % 6 + 1)] for z in stands}
        serves = winner
    return "".join(stands[z] for z in re.findall(r"\d", item["stem"].partition("в зонах")[2]))


def tournament(item: Item) -> Answer:
    assert "Одиннадцать" in item["stem"]
    assert "Площадок две" in item["stem"]
    teams, slots, size = 11, 0, 16
    while size > 2:
        matches = teams - size // 2
        slots += -(-matches // 2)
        teams = size = size // 2
    return str((slots + 1) * int(figures(item["stem"])[0]))


def allowed(item: Item) -> Answer:
    """For each exercise: what the recommendations forbid in it."""
    load = {
        "кувырок": {"вниз", "опора на руки"},
        "скакалку": {"прыжки"},
        "до отказа": {"натуживание", "статические", "опора на руки"},
        "на лыжах": {"на холоде"},
        "четвереньках": {"опора на руки"},
        "приседаний": set[str](),
    }
    exercises = re.findall(r"\d\) ([^;]+?)(?:;|\. Ответ)", words(item["stem"]))
    assert len(exercises) == 6
    signs = [next(v for k, v in load.items() if k in text) for text in exercises]
    return "".join(str(sum(not any(sign in banned for sign in of) for _, banned in rows(item))) for of in signs)


# pupils' errors


def beats(item: Item) -> Answer:
    (seconds,) = re.findall(r"показал (\d,\d) с", item["stimulus"]["text"])
    assert "сказал «один»" in item["stimulus"]["text"]
    assert "На ударе «десять»" in item["stimulus"]["text"]
    return meant(item, 9 * 60 / figures(seconds)[0])


def throws(item: Item) -> Answer:
    *pupils, (_, mates) = [(row[0], [figures(cell)[0] for cell in row[1:]]) for row in rows(item)]
    gain = mates[1] - mates[0]

    def error(stand: Fraction, run: Fraction, angle: Fraction) -> str:
        if abs(angle - mates[2]) > 15:
            return "слишком рано" if angle > mates[2] else "слишком поздно"
        return "останавливается" if run - stand < gain / 2 else "не отводит"

    return {name: option(item, error(*rest)) for name, rest in pupils}


def jumps(item: Item) -> Answer:
    tries = []
    for _, short, heels, hand, said in rows(item):
        tries.append((int(short), int(heels), int(hand) if hand.isdigit() else None, said))
    rules: dict[str, Callable[[int, int, int | None], int]] = {
        "from the foot to the heels": lambda s, h, _: h + s,
        "from the foot to the nearest": lambda s, h, a: min(h, a or h) + s,
        "from the foot to the farthest": lambda s, h, a: max(h, a or h) + s,
        "from the line to the heels": lambda _, h, __: h,
        "from the line to the nearest": lambda _, h, a: min(h, a or h),
    }
    fits = [name for name, rule in rules.items() if all(rule(s, h, a) == int(said) for s, h, a, said in tries[:3])]
    assert fits == ["from the foot to the heels"]
    foot, far, near, _ = tries[3]
    return str(far + foot - rules["from the line to the nearest"](foot, far, near))


def sections(item: Item) -> Answer:
    def advice(times: Sequence[int]) -> str:
        assert sum(times) == 225
        steps = [b - a for a, b in pairwise(times)]
        if max(times) - min(times) <= 3:
            return "раскладку не менять"
        if all(s >= 0 for s in steps):
            return "сдержать начало"
        return "в средней части" if all(s <= 0 for s in steps) else "рывок"

    return {name: option(item, advice([int(t) for t in times])) for name, *times, _ in rows(item)}


def turns(item: Item) -> Answer:
    """The straight run is the same, the shuttle run is faster by more than the error of the watch."""

    def shows(run: str, shuttle: str) -> bool:
        (a, b), (c, d) = figures(run), figures(shuttle)
        return abs(a - b) <= Fraction(1, 10) < c - d

    (found,) = (name for name, *pair in rows(item) if shows(*pair))
    return option(item, f"ученика {found}")


# marks


def warm_ups(item: Item) -> Answer:
    parts = {"arms": r"рук|плечами", "trunk": r"туловищ", "legs": r"^(?:махи ногами|выпады|шпагат)"}

    def mark(work: str) -> int:
        lines = [line.strip() for line in work.strip().splitlines()]
        assert len(lines) == 5
        first = bool(re.match("ходьба|лёгкий бег", lines[0]))
        last = bool(re.match("бег|многоскоки", lines[-1]))
        counted = [line for line in lines if not re.match("ходьба|лёгкий бег|бег", line)]
        return first + last + all(any(re.search(p, line) for line in counted) for p in parts.values())

    works = re.findall(r"^\d\)\n((?: {4}.+\n?){5})", item["stimulus"]["text"], re.MULTILINE)
    return "".join(str(mark(work)) for work in works)


def repetitions(item: Item) -> Answer:
    def bad(text: str) -> bool:
        pause = re.search(r"пауза вверху (\d+(?:,\d)?) с", text)
        signs = ("раньше левой", "грудь в 3 см", "тело углом", "таз провис", "разогнуть руки не смог")
        return any(s in text for s in signs) or (pause is not None and figures(pause[1])[0] < Fraction(1, 2))

    noted = re.findall(r"повторение (\d+): (.+)", item["stimulus"]["text"])
    assert len(noted) == 9
    assert "было пятнадцать" in item["stem"]
    return str(15 - sum(bad(text) for _, text in noted))


def acrobatics(item: Item) -> Answer:
    cost = {
        "стопы под прямым углом": 1,
        "сидит две секунды": 1,
        "между стопами ширина": 1,
        "голени опущены назад": 2,
        "угол в локтях": 2,
        "переваливается через край лопатки": 4,
        "упал на спину": 4,
    }
    text = item["stimulus"]["text"]
    limits = [(int(n), mark) for n, mark in re.findall(r"–(\d)(?: — отметка)? ?(?:— )?«(\d)»", text)]
    assert limits == [(1, "5"), (3, "4"), (5, "3")]

    def mark(work: str) -> str:
        lost = sum(c for sign, c in cost.items() if sign in work)
        return next((m for limit, m in limits if lost <= limit), "2")

    return {name: mark(work) for name, work in re.findall(r"^([А-Г])\) (.+)$", text, re.MULTILINE)}


# lessons


def apparatus(item: Item) -> Answer:
    text = words(item["stem"])
    length, *others = (int(n) for n in re.findall(r"(\d+) (?:минут|мин)\b", text))
    (pupils,) = (int(n) for n in re.findall(r"(\d+) человек", text))
    (every,) = (int(n) for n in re.findall(r"через (\d+) с", text))
    assert len(others) == 5
    assert "двое освобождены" in text
    assert "не менее шести раз" in text
    jumps_each = (length - sum(others)) * 60 // every
    return str(-(-(pupils - 2) * 6 // jumps_each))


def admitted(item: Item) -> Answer:
    (day,) = (int(n) for n in re.findall(r"(\d+) октября класс", item["stem"]))
    (rest,) = (int(n) for n in re.findall(r"первые (\d+) дней", words(item["stimulus"]["text"])))

    def task(text: str) -> str:
        back = re.findall(r"справка: заниматься с (\d+) октября", text)
        if back and day < int(back[0]):
            return "нагрузки не получает"
        if "специальная «А»" in text:
            return "в отдельной группе"
        waits = back and day < int(back[0]) + rest
        return "зачёт не бежит" if waits or ("подготовительная" in text and "допущена к испытаниям" not in text) else "бежит зачёт"

    people = re.findall(r"^ +([А-Е])\) (.+)$", item["stimulus"]["text"], re.MULTILINE)
    assert len(people) == 6

    def code(said: str) -> str:
        (found,) = options(item, lambda t: t.startswith(said) or t.endswith(said))
        return found

    return {name: code(task(text)) for name, text in people}


def drink(item: Item) -> Answer:
    volume, grams, of, _, mass = figures(item["stem"])[:5]
    (energy,) = (int(n) for n in re.findall(r"Примите (\d+) ккал", item["stem"]))
    return meant(item, volume * grams / of * energy / mass)


def observed(item: Item) -> Answer:
    spans, work, pulse = [], [], []
    for _, minutes, active, beats_ in rows(item):
        a, b = (int(n) for n in minutes.split("–"))
        spans.append(b - a)
        work.append(int(active))
        pulse.append([int(n) for n in beats_.split("; ")])
    share = [Fraction(w, s) for w, s in zip(work, spans, strict=True)]
    main = pulse[1]
    in_zone = [130 <= n <= 150 for n in main]
    top = main.index(max(n for part in pulse for n in part)) + 1
    right = {
        "Доля рабочего времени": share[1] < min(share[0], share[2]),
        "Наибольшая ЧСС": 5 * top <= Fraction(spans[1], 3),
        "План по нагрузке": any(all(in_zone[k : k + 3]) for k in range(len(main) - 2)),
        "В середине": max(main[1:4]) < pulse[0][-1],
        "Моторная плотность": 2 * sum(work) > sum(spans),
        "К началу следующего": False,
    }
    return options(item, lambda text: next(v for k, v in right.items() if k in text))


def cones(item: Item) -> Answer:
    first, second = (int(n) for n in re.findall(r"(?:преодолела|Боря —) (\d+) м", words(item["stem"])))
    (seconds,) = (int(n) for n in re.findall(r"оба (\d+) с бегут", words(item["stem"])))
    (percent,) = (int(n) for n in re.findall(r"(\d+) %", item["stem"]))
    return meant(item, Fraction(first - second, 360) * seconds * percent / 100)


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "PHE-001": density,
    "PHE-002": reserve,
    "PHE-003": water,
    "PHE-004": boys,
    "PHE-005": speed,
    "PHE-007": bar,
    "PHE-008": laps,
    "PHE-009": rotation,
    "PHE-010": tournament,
    "PHE-012": allowed,
    "PHE-018": beats,
    "PHE-019": throws,
    "PHE-020": jumps,
    "PHE-021": sections,
    "PHE-022": warm_ups,
    "PHE-023": repetitions,
    "PHE-024": acrobatics,
    "PHE-027": turns,
    "PHE-029": apparatus,
    "PHE-031": admitted,
    "PHE-032": drink,
    "PHE-033": observed,
    "PHE-034": cones,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_key_is_what_the_item_gives(name: str) -> None:
    assert ANSWERS[name](bank()[name]) == bank()[name]["key"]


def test_the_plan_to_be_marked_breaks_one_element() -> None:
    """The time of one lesson grows by a fifth at most, as the pupil says; the minutes of the third week double."""
    item = bank()["PHE-025"]
    weeks = [(int(a), int(b)) for a, b in re.findall(r"неделя: (\d) раза по (\d+) мин", item["stimulus"]["text"])]
    assert len(weeks) == 4
    assert all(5 * b <= 6 * a for (_, a), (_, b) in pairwise(weeks))
    minutes = [n * t for n, t in weeks]
    assert [4 * b > 5 * a for a, b in pairwise(minutes)] == [False, True, False]


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert len(opened) == 2
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
