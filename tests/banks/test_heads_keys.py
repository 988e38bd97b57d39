"""The keys of the bank for school heads, found again from the tables and figures of the items.

Keys that rest on an article of law, a definition or an argument are not here, but for the limits of weekly hours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "heads"
LIMITS = {5: [21, 23, 23, 23, 29, 30, 32, 33, 33, 34, 34], 6: [0, 26, 26, 26, 32, 33, 35, 36, 36, 37, 37]}


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def rows(item: Item) -> dict[str, list[str]]:
    """Return the rows of the table by their first cell, without the heading."""
    return {row[0]: row[1:] for row in item["stimulus"]["table"][1:]}


def figures(text: str) -> list[float]:
    return [float(n.replace(",", ".")) for n in re.findall(r"\d+(?:,\d+)?", text)]


def option(item: Item, text: str) -> str:
    """Return the code of the only option with exactly this text."""
    (found,) = [str(code) for code, words in item["options"].items() if words == text]
    return found


def options(item: Item, holds: Mapping[str, bool]) -> list[str]:
    """Return the codes of the options that hold; each is named by words only it has."""
    assert all(sum(words in text for text in item["options"].values()) == 1 for words in holds)
    return [code for code, text in item["options"].items() if any(words in text and true for words, true in holds.items())]


def mean_at_old_shares(item: Item) -> Answer:
    table = [[float(cell) for cell in cells] for cells in rows(item).values()]
    shares = [row[0] for row in table]
    old, new = ([sum(row[k] * row[k + 1] for row in table) / sum(row[k] for row in table)] for k in (0, 2))
    assert (old, new) == ([62], [60])
    return f"{sum(s * row[3] for s, row in zip(shares, table, strict=True)) / sum(shares):g}"


def marks_against_standard(item: Item) -> Answer:
    def finding(quarter: float, own: float, standard: float) -> str:
        high = [x - standard > 0.21 for x in (quarter, own)]
        low = [standard - x > 0.21 for x in (quarter, own)]
        words = {
            (True, False): "завышена только четверть",
            (False, True): "завышена только проверка работы",
            (True, True): "завышены и четверть, и проверка работы",
        }
        return "занижена только четверть" if low == [True, False] else words[high[0], high[1]]

    found = {name: finding(*(figures(cell)[0] for cell in cells)) for name, cells in rows(item).items()}
    return {letter: option(item, found[name]) for letter, name in item["left"].items()}


def report(item: Item) -> Answer:
    table = {name: [int(cell) for cell in cells] for name, cells in rows(item).items()}
    size, _, before, wrote, after = table["5 «А»"]
    (_, all_b, good_b, _, later_b), (_, all_c, good_c, wrote_c, later_c) = table["5 «Б»"], table["5 «В»"]
    down_b, down_c = min(good_b, all_b - later_b), min(good_c, all_c - later_c)  # as many as could have fallen
    true = {
        "никого из учеников": down_b == 0,
        "не стала бы меньше": after / size >= before / size,
        "доля учеников класса": after / size == 0.8,
        "не меньше трёх учеников": wrote_c == all_c and later_c - good_c >= 3,
        "никто не опустился": down_c == 0,
        "в трёх классах вместе": sum(r[4] for r in table.values()) / sum(r[3] for r in table.values()) > 0.6,
    }
    assert wrote < size
    return options(item, true)


def difference_of_gains(item: Item) -> Answer:
    def gain(words: str) -> float:
        cells = [[int(c) for c in row] for name, row in rows(item).items() if words in name]
        return sum(n * (b - a) for n, a, b in cells) / sum(n for n, _, _ in cells)

    return f"{gain('с тьютором') - gain('без тьютора'):.1f}"


def bounds(item: Item) -> Answer:
    families, answered, content = figures(item["stem"])[:3]
    low, high = content / families, (content + families - answered) / families
    return option(item, f"довольны от {100 * low:.0f} % до {100 * high:.0f} % семей")


def over_the_limit(item: Item) -> Answer:
    def over(text: str) -> bool:
        year, hours = map(int, re.findall(r"\d+", text))
        return hours > LIMITS[6 if "шестидневная" in text else 5][year - 1]

    return [code for code, text in item["options"].items() if over(text)]


def single_supplier(item: Item) -> Answer:
    stem = re.sub(r"№ 44-ФЗ|[Пп]ункт\w* \d|част\w+ \d|статьи \d+", "", item["stem"])
    _, fixed, share, most, whole, spent, *_ = figures(stem)
    limit = max(fixed, min(share / 100 * whole, most))
    return f"{1000 * (limit - spent):.0f}"


def starting_price(item: Item) -> Answer:
    fit = [float(price) for price, remark in rows(item).values() if remark == "соответствует описанию"]
    (pieces,) = re.findall(r"закупает (\d+)", item["stem"])
    return option(item, f"{sum(fit) / len(fit) * int(pieces):g} тыс. руб.")


def second_shift(item: Item) -> Answer:
    (hour, minute), lesson = re.findall(r"начинается в (\d+):(\d+)", item["stem"])[0], 40
    assert f"по {lesson} минут" in item["stem"]
    free = 19 * 60 - int(hour) * 60 - int(minute)
    ends = {n: lesson * n + 10 * (n - 1) + 10 * (n > 2) for n in range(1, 9)}  # the long break is ten minutes longer
    return str(max(n for n, end in ends.items() if end <= free))


def vacant_hours(item: Item) -> Answer:
    sizes = [int(n) for (cell,) in rows(item).values() for n in cell.split(", ")]
    least, first, second = map(int, re.findall(r"где (\d+) .* берёт (\d+) .* на (\d+)", item["stem"].replace("\n", " "))[0])
    return str(3 * sum(1 + (size >= least) for size in sizes) - first - second)


def contribution(item: Item) -> Answer:
    ((rate, constant),) = [[float(n.replace(",", ".")) for n in pair] for pair in re.findall(r"([\d,]+)x \+ (\d+)", item["stem"])]
    left = {name: round(int(after) - rate * int(before) - constant, 6) for name, (before, after) in rows(item).items()}
    assert len(set(left.values())) == len(left)
    return sorted(item["options"], key=lambda code: left[item["options"][code]])


def latest_end(item: Item) -> Answer:
    table = rows(item)
    assert "на три недели больше" in item["stem"]

    @cache
    def end(work: str) -> int:
        weeks, after = table[work]
        before = [end(name) for name in after.split("; ")] if after != "—" else [0]
        return max(before) + int(weeks) + 3 * (work == "закупка станков")

    return str(end("приёмка"))


def classes_in_three_years(item: Item) -> Answer:
    share, most = map(int, re.findall(r"приходит (\d+) %.* не больше (\d+)", item["stem"])[0])
    return str(sum(math.ceil(int(cell) * share / 100 / most) for (cell,) in rows(item).values()))


def break_even(item: Item) -> Answer:
    price, loss = (float(n) for n in re.findall(r"(\d+) (?:тыс|млн)", item["stem"]))
    assert "вчетверо" in item["stem"]
    return f"{100 * price / (1000 * loss * 3 / 4):g}"


def second_line(item: Item) -> Answer:
    pause, rate, meal, seats = figures(item["stem"])
    served = rate * (pause - meal)
    return f"{min(2 * served, seats) - min(served, seats):g}"


COMPUTED: dict[str, Callable[[Item], Answer]] = {
    "HED-001": mean_at_old_shares,
    "HED-002": marks_against_standard,
    "HED-003": report,
    "HED-005": difference_of_gains,
    "HED-006": bounds,
    "HED-007": over_the_limit,
    "HED-009": single_supplier,
    "HED-010": starting_price,
    "HED-014": second_shift,
    "HED-016": vacant_hours,
    "HED-021": contribution,
    "HED-023": latest_end,
    "HED-026": classes_in_three_years,
    "HED-032": break_even,
    "HED-035": second_line,
}


@pytest.mark.parametrize("name", COMPUTED)
def test_the_key_is_found_again(name: str) -> None:
    item = bank()[name]
    assert COMPUTED[name](item) == item["key"]


@pytest.mark.parametrize("name", ["HED-008", "HED-029", "HED-036"])
def test_two_samples_for_every_total(name: str) -> None:
    totals = sorted(sum(sample["marks"].values()) for sample in bank()[name]["samples"])
    assert totals == [0, 0, 1, 1, 2, 2, 3, 3]


def test_acts_are_cited_by_article() -> None:
    sources = [s for item in bank().values() for named in item.get("facts", {}).values() for s in named]
    acts = [s for s in sources if re.match(r"(?:Федеральный закон|\w+ кодекс)", s)]
    assert len(acts) > 15
    assert [s for s in acts if not re.search(r"стать[яи] \d+", s)] == []
