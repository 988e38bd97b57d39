"""The keys of the bank of common competencies, found again from the tables, the protocol and the wording of the items.

Rules of law stand here as functions of what an option says (age, class, place, document); keys that rest on a study or an
argument are not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML
from scipy.stats import norm

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "common"


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def rows(item: Item) -> dict[str, list[str]]:
    """Return the rows of the table by their first cell, without the heading."""
    return {row[0]: row[1:] for row in item["stimulus"]["table"][1:]}


def figures(text: str) -> list[float]:
    return [float(n.replace(",", ".")) for n in re.findall(r"\d+(?:,\d+)?", text)]


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [code for code, text in item["options"].items() if holds(text)]


def option(item: Item, part: str) -> str:
    """Return the code of the only option that holds these words."""
    (found,) = options(item, lambda text: part in text)
    return found


def zone_of_proximal_development(item: Item) -> Answer:
    width = {name: int(cells[1]) - int(cells[0]) for name, cells in rows(item).items()}
    assert len(set(width.values())) == len(width)
    return sorted(item["options"], key=lambda code: width[item["options"][code]])


def truly_among_selected(item: Item) -> Answer:
    children, base, hit, false = figures(item["stem"])
    true = children * base * hit
    return f"{100 * true / (true + children * (100 - base) * false):g}"


def scales(item: Item) -> Answer:
    def deviations(text: str) -> float:
        first, *rest = figures(text)
        if "процентиль" in text:
            return float(norm.ppf(first / 100))
        if "T-балл" in text:
            return (first - 50) / 10
        return (first - rest[0]) / rest[1] if rest else first

    return sorted(item["options"], key=lambda code: deviations(item["options"][code]))


def word_problems(item: Item) -> Answer:
    def difficulty(alone: int, longer: int, heard: int, bare: int) -> str:
        if bare - alone <= 10:
            return "вычисления"
        if longer - alone > 10:
            return "темп работы"
        return "чтение" if heard - longer > 10 else "понимание условия"

    found = {name: difficulty(*map(int, cells)) for name, cells in rows(item).items()}
    return {name: option(item, found[name]) for name in item["left"]}


def chosen_but_not_mutual(item: Item) -> Answer:
    chosen = {name: set(cells[0].split(", ")) for name, cells in rows(item).items()}
    assert all(len(c) == 2 and c <= chosen.keys() for c in chosen.values())
    seen = set.union(*chosen.values())
    return str(sum(name in seen and not any(name in chosen[other] for other in mine) for name, mine in chosen.items()))


def profiles(item: Item) -> Answer:
    def supposition(spoken: int, homework: int, hard: int, marked: int, unmarked: int, writing: int) -> str:
        if max(spoken, hard) < 90:
            return "прилежании"
        if writing < 25:
            return "трудностями письма"
        return "тревога" if unmarked - marked > 25 else "не считает нужным" if homework < 50 <= marked else ""

    found = {name: supposition(*map(int, cells)) for name, cells in rows(item).items()}
    return {name: option(item, found[name]) for name in item["left"]}


def agreement(item: Item) -> Answer:
    (a, b), (c, d) = ([int(cell) for cell in cells] for cells in rows(item).values())
    n = a + b + c + d
    by_chance = ((a + b) * (a + c) + (c + d) * (b + d)) / n**2
    assert b == c, "one is stricter"
    return option(item, "не меньше совпадений") if (a + d) / n <= by_chance else option(item, "Согласие хорошее")


def effects_of_experts(item: Item) -> Answer:
    marks = {name: [int(cell) for cell in cells] for name, cells in rows(item).items()}
    standard = marks.pop("эталон")

    def effect(given: list[int]) -> str:
        off = [g - s for g, s in zip(given, standard, strict=True)]
        fits = {
            "ореола": given[0::2] == given[1::2],
            "к середине": all(2 <= g <= 3 for g in given),
            "постоянная строгость": set(off) == {-1},
            "нарастание строгости": sum(off[:4]) == 0 and off[:4] == [0] * 4 and sum(off[6:]) < sum(off[4:6]) < 0,
            "снисходительность": min(off) > 0,
        }
        (name,) = [name for name, holds in fits.items() if holds]
        return name

    return {letter: option(item, effect(marks[f"эксперт {letter}"])) for letter in item["left"]}


def protocol(item: Item) -> Answer:
    text = item["stimulus"]["text"]
    whole, pupils = map(int, re.findall(r"Урок (\d+) минут, в классе (\d+)", text)[0])
    spans = {line: int(b) - int(a) for a, b, line in re.findall(r"(\d+)–(\d+) мин: (.+)", text)}
    assert sum(spans.values()) == whole
    alone = sum(n for line, n in spans.items() if line.startswith("учитель"))
    itself = sum(n for line, n in spans.items() if line.startswith("самопроверка"))
    asked, most = map(int, re.findall(r"(\d+) вопросов.*?(\d+) раз", text)[0])
    spoke, visited = 4 * ("отвечали четверо" in text), 6 * ("к шести ученикам" in text)
    true = {
        "Больше половины": alone > whole / 2,
        "Большинство ответов": most > asked / 2,
        "Пять шестых": 6 * (pupils - spoke) == 5 * pupils,
        "к каждому четвёртому": 4 * visited == pupils,
        "восьмая часть": 8 * itself == whole,
    }
    return options(item, lambda text: any(part in text and holds for part, holds in true.items()))


def disabilities(item: Item) -> Answer:
    return options(item, lambda text: "заключение ПМПК" in text)


def no_reprimand_now(item: Item) -> Answer:
    spared = ("четверокл", "третьекл", "задержкой психического", "умственной отсталостью", "болеет", "каникулы")
    return options(item, lambda text: any(part in text for part in spared))


def liability(item: Item) -> Answer:
    def who(case: str) -> str:
        (age,) = map(int, re.findall(r"(\d+) лет", case))
        if age < 14:
            return "школа, если" if "на уроке" in case or "на перемене" in case else "родители, если не докажут, что"
        return "недостающее" if "ни доходов" in case else "в полном объёме"

    return {letter: option(item, who(case)) for letter, case in item["left"].items()}


def timetable(item: Item) -> Answer:
    def broken(text: str) -> bool:
        (year,) = map(int, re.findall(r"^(\d+) класс", text))
        lessons = [int(n) for n in re.findall(r"(\d+) урок", text)]
        minutes = [int(n) for n in re.findall(r"по (\d+) минут", text)]
        if year == 1:
            most, long = {"октябрь": (3, 35), "ноябрь": (4, 35)}[re.findall(r", (\w+):", text)[0]]
        else:
            most, long = {2: 5, 3: 5, 4: 5, 5: 6, 6: 6}.get(year, 7), 45
        late = [h * 60 + m for h, m in (map(int, t) for t in re.findall(r"(\d+):(\d\d)", text))]
        second = "вторая смена" in text and year in {1, 5, 9, 10, 11}
        return second or max(lessons, default=0) > most or max(minutes, default=0) > long or max(late, default=0) > 19 * 60

    return options(item, broken)


COMPUTED: dict[str, Callable[[Item], Answer]] = {
    "GEN-002": zone_of_proximal_development,
    "GEN-007": truly_among_selected,
    "GEN-008": scales,
    "GEN-009": word_problems,
    "GEN-010": chosen_but_not_mutual,
    "GEN-018": disabilities,
    "GEN-020": profiles,
    "GEN-027": agreement,
    "GEN-028": effects_of_experts,
    "GEN-029": protocol,
    "GEN-039": no_reprimand_now,
    "GEN-044": liability,
    "GEN-045": timetable,
}


@pytest.mark.parametrize("name", COMPUTED)
def test_the_key_is_found_again(name: str) -> None:
    item = bank()[name]
    assert COMPUTED[name](item) == item["key"]


def test_the_mother_can_check_the_mark() -> None:
    """Points of the sheet add up and belong to the mark; one point more is a better one."""
    text = bank()["GEN-026"]["stimulus"]["text"]
    points = [int(n) for n in re.findall(r"— (\d) из 3", text)]
    total, most, low, high = map(int, re.findall(r"Всего (\d+) из (\d+): «3» \((\d+)–(\d+)", text)[0])
    assert (sum(points), 3 * len(points)) == (total, most)
    assert total + 1 == low < high


def test_the_data_of_the_pupil_contradict_her_conclusion() -> None:
    counts = [int(n) for n in re.findall(r"(\d+) человек", bank()["GEN-024"]["stimulus"]["text"])]
    music, good, silence, good_in_silence = counts
    assert music + silence == 20
    assert good / music < good_in_silence / silence


@pytest.mark.parametrize("name", ["GEN-024", "GEN-026"])
def test_two_samples_for_every_total(name: str) -> None:
    totals = sorted(sum(sample["marks"].values()) for sample in bank()[name]["samples"])
    assert totals == [0, 0, 1, 1, 2, 2, 3, 3]


def test_legal_items_cite_article_and_part() -> None:
    for item in (i for i in bank().values() if i["part"] == "legal"):
        assert re.search(r"(?i)(?:част\w+|пункт\w*) \d", item["solution"]), item["id"]
        for source in (s for sources in item["facts"].values() for s in sources):
            assert re.search(r"статья \d+(?:\.\d+)?, (?:част|пункт)|пункт\w* \d", source), source
