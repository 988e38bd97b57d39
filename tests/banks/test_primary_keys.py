"""Keys of the primary bank that can be computed: arithmetic, a folded net, wrong rules of pupils, criteria."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import competency_dx as cdx

BANK = cdx.load_bank("primary")
Rule = Callable[[int, int], int]


def key(number: int) -> Any:
    return BANK.item(f"PRI-{number:03d}").key


def perimeter(cells: set[tuple[int, int]]) -> int:
    sides = ((1, 0), (-1, 0), (0, 1), (0, -1))
    return sum((x + dx, y + dy) not in cells for x, y in cells for dx, dy in sides)


def purchase(packs: int) -> int:
    """Return how many packs somebody has who paid for so many: every two bring a third."""
    return packs + packs // 2


NUMBERS = {
    11: sum(200 % d == 14 for d in range(1, 201)),
    13: next(a for a in range(39) if (a - 5) - (38 - a + 5) == 4),
    15: perimeter({(x, y) for x in range(9) for y in range(6)} - {(x, y) for x in (3, 4) for y in (0, 1)}),
    20: sum(1 for year in range(-34, 23) if year),  # a year begins in each that is named; none is named 0
    26: 84 * next(p for p in range(1, 99) if 6 * purchase(p) >= 100),
    62: sum(n % 10 > 0 and 10 * (n % 10) + n // 10 - n == 36 for n in range(10, 100)),
    63: len({frozenset((a, 10 - a)) for a in range(1, 10)}),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers(number: int) -> None:
    assert key(number) == str(NUMBERS[number])


def test_properties_of_operations() -> None:
    sides: dict[str, Callable[[float, float, float], tuple[float, float]]] = {
        "1": lambda a, b, c: (a - (b + c), a - b - c),
        "2": lambda a, b, c: (a - (b - c), a - b - c),
        "3": lambda a, b, c: ((a + b) / c, a / c + b / c),
        "4": lambda a, b, c: (c / (a + b), c / a + c / b),
        "5": lambda a, b, c: (a / (b * c), a / b / c),
        "6": lambda a, b, c: ((a + c) * (b - c), a * b),
        "7": lambda a, b, c: ((a + c) - (b + c), a - b),
    }
    triples = list(product(range(1, 13), repeat=3))
    assert key(12) == tuple(k for k, f in sides.items() if all(np.isclose(*f(*t)) for t in triples))


def test_the_folded_net() -> None:
    """Fold the table of the stimulus into a cube; the normals of opposite faces are opposite."""
    item = BANK.item("PRI-023")
    assert item.stimulus
    face = {(y, x): c for y, row in enumerate(item.stimulus.table) for x, c in enumerate(row) if c.isalpha()}
    start = next(iter(face))
    turned = {start: (np.array([0, 0, 1]), np.array([1, 0, 0]), np.array([0, 1, 0]))}
    todo = [start]
    while todo:
        y, x = todo.pop()
        n, right, down = turned[y, x]
        ways = {(0, 1): (right, -n, down), (0, -1): (-right, n, down), (1, 0): (down, right, -n), (-1, 0): (-down, right, n)}
        for (dy, dx), way in ways.items():
            if (place := (y + dy, x + dx)) in face and place not in turned:
                turned[place] = way
                todo.append(place)
    assert len({tuple(n) for n, _, _ in turned.values()}) == 6
    (opposite,) = [face[p] for p, (n, _, _) in turned.items() if (n == -turned[start][0]).all()]
    assert item.options[key(23)] == f"грань {opposite}"


def digits(rule: Callable[[int, int], int]) -> Rule:
    return lambda a, b: int("".join(str(rule(int(x), int(y))) for x, y in zip(f"{a}", f"{b:0{len(f'{a}')}}", strict=True)))


SUBTRACTION: list[Rule] = [
    digits(lambda x, y: abs(x - y)),
    digits(lambda x, y: (x - y) % 10),
    digits(lambda x, y: y if x == 0 else (x - y) % 10),
]
RULER: list[Rule] = [lambda a, b: b - a + 1, max, lambda a, b: max(a, b) + 1, lambda a, b: b - a]


@pytest.mark.parametrize(
    ("number", "rules", "asked"), [(28, SUBTRACTION, (403, 158)), (33, RULER, (2, 11))], ids=["subtraction", "ruler"]
)
def test_every_rule_that_fits_the_evidence_gives_the_key(number: int, rules: list[Rule], asked: tuple[int, int]) -> None:
    item = BANK.item(f"PRI-{number:03d}")
    text = item.stimulus.text if item.stimulus else item.stem
    shown = re.findall(r"(\d+) − (\d+) = (\d+)", text) or re.findall(r"(\d+) и (\d+)\D*«?(\d+)\sсм", text)
    assert len(shown) >= 3
    fitting = [r for r in rules if all(r(int(a), int(b)) == int(c) for a, b, c in shown)]
    assert {str(r(*asked)) for r in fitting} == {key(number)}
    assert len(fitting) < len(rules)


def value(text: str, order: tuple[str, ...]) -> float:
    """Return an expression with operations done in this order: signs of one group from left to right."""
    parts: list[Any] = [float(p) if p.isdigit() else p for p in re.findall(r"\d+|[−+·:]", text)]
    for group in order:
        k = 1
        while k < len(parts):
            a, sign, b = parts[k - 1 : k + 2]
            if sign in group:
                parts[k - 1 : k + 2] = [{"+": a + b, "−": a - b, "·": a * b, ":": a / b}[sign]]
            else:
                k += 2
    return float(parts[0])


def test_the_only_example_that_tells_the_rules_of_two_pupils_and_the_right_one_apart() -> None:
    """In each example two of four orders give one answer; the works in the stem show which orders count."""
    _, olya, petya = rules = [("·:", "+−"), ("+−·:",), ("·:", "+", "−")]
    item = BANK.item("PRI-049")
    ((solved, missed, *said),) = re.findall(r"решили (.*), а в примере (.*) у Оли вышло (\d+), у Пети (\d+)", item.stem)
    assert len({value(solved, order) for order in rules}) == 1
    assert [value(missed, order) for order in (olya, petya)] == [int(n) for n in said]
    assert all(len({value(t, order) for order in [*rules, ("·", ":", "+−")]}) == 3 for t in item.options.values())
    assert [k for k, t in item.options.items() if len({value(t, order) for order in rules}) == 3] == [key(49)]


def test_marks_follow_from_the_criteria() -> None:
    """The works as facts that the criteria name; no combination of them falls under two marks."""

    def problem(plan: bool, slips: int, finished: bool, only_maples: bool) -> set[int]:
        two = plan and not slips and finished
        one = (plan and slips == 1 and finished) or (only_maples and not finished)
        return {m for m, holds in ((2, two), (1, one)) if holds} or {0}

    assert all(len(problem(*c)) == 1 for c in product((False, True), range(3), (False, True), (False, True)))
    works = {"А": (0, 0, 1, 0), "Б": (1, 0, 1, 0), "В": (1, 1, 1, 0), "Г": (0, 0, 0, 1), "Д": (0, 1, 1, 0)}
    assert key(37) == {k: str(*problem(bool(p), s, bool(f), bool(m))) for k, (p, s, f, m) in works.items()}
    answers = {"А": (1, 1), "Б": (1, 0), "В": (0, 0), "Г": (0, 1), "Д": (0, 1)}  # a quality, a detail of the text
    assert key(39) == {k: str(sum(found)) for k, found in answers.items()}


def test_conclusions_that_hold_for_any_overlap_of_the_clubs() -> None:
    """Each sex has as many different children as the largest club at least and as all records at most."""
    item = BANK.item("PRI-016")
    assert item.stimulus
    boys, girls = ([int(row[k]) for row in item.stimulus.table[1:]] for k in (1, 2))
    ranges = [range(max(group), sum(group) + 1) for group in (boys, girls)]
    always = {
        "1": boys[0] + girls[0] > boys[2] + girls[2],
        "2": all(b + g == 50 for b, g in product(*ranges)),
        "3": all(b + g >= 26 for b, g in product(*ranges)),
        "4": all(g > b for b, g in product(*ranges)),
        "5": all(b + g < sum(boys) + sum(girls) for b, g in product(*ranges)),
        "6": girls[1] > girls[2],
    }
    assert key(16) == tuple(k for k, holds in always.items() if holds)


def test_ways_of_computing_are_right_when_their_rule_holds_for_all_numbers() -> None:
    triples = list(product(range(20, 60), range(2, 20), range(1, 10)))
    rules: dict[str, Callable[[int, int, int], bool]] = {
        "1": lambda a, b, c: (a + c) - (b + c) == a - b,
        "2": lambda a, b, c: (a - c) - (b + c) == a - b,
        "3": lambda a, b, c: (a * c) * b == a * (b * c),
        "4": lambda a, b, c: (a + c) * (b - c) == a * b,
        "5": lambda a, b, _: (a // 10 - b // 10) * 10 + (a % 10 - b % 10) == a - b,
        "6": lambda a, b, _: a * b - 1 == (a - 1) * b,
    }
    assert key(35) == tuple(k for k, rule in rules.items() if all(rule(*t) for t in triples))
    assert (12 + 3) * (15 - 3) == 12 * 15  # way 4: a right answer by a wrong rule


def test_the_one_problem_where_the_signal_word_misleads_and_the_verb_does_not() -> None:
    options = {k: t.lower() for k, t in BANK.item("PRI-045").options.items()}  # all of them are solved by 7 − 2

    def subtracts(text: str, add: set[str], take: set[str]) -> bool:
        (word,) = [w for w in add | take if w in text]
        return word in take

    by_word = {k: subtracts(t, {"больше", "всего"}, {"меньше", "осталось"}) for k, t in options.items()}
    by_verb = {k: subtracts(t, {"подарили"}, {"отдала"}) for k, t in options.items()}
    assert len(set(zip(by_word.values(), by_verb.values(), strict=True))) == 4
    assert [k for k in options if by_verb[k] and not by_word[k]] == [key(45)]


def test_the_only_classification_that_lacks_a_group() -> None:
    numbers = {4, 7, 10, 12, 15, 21}
    signs: dict[str, Callable[[int], bool]] = {
        "сумма цифр чётная": lambda n: sum(map(int, str(n))) % 2 == 0,
        "сумма цифр нечётная": lambda n: sum(map(int, str(n))) % 2 == 1,
        "сумма цифр не больше пяти": lambda n: sum(map(int, str(n))) <= 5,
        "больше пяти": lambda n: sum(map(int, str(n))) > 5,
        "меньше десяти": lambda n: n < 10,
        "больше десяти": lambda n: n > 10,
        "однозначные": lambda n: n < 10,
        "чётные": lambda n: n % 2 == 0,
        "нечётные": lambda n: n % 2 == 1,
    }

    def fault(text: str) -> str:
        named = [part.split(": ") for part in text.strip("«»").split("; ")]
        groups = [{int(n) for n in members.split(", ")} for _, members in named]
        if groups != [{n for n in numbers if signs[name](n)} for name, _ in named]:
            return "a number out of its group"
        assert sum(map(len, groups)) == len(set.union(*groups))
        return "" if set.union(*groups) == numbers else "a group is lacking"

    faults = {k: fault(text) for k, text in BANK.item("PRI-060").options.items()}
    assert [k for k, f in faults.items() if f == "a group is lacking"] == [key(60)]
    assert [*faults.values()].count("") == 1


def test_the_one_problem_that_drops_the_remainder() -> None:
    """All four divide 45 by 20; the rule of the pupil adds one to the quotient."""
    quotient, rest = divmod(45, 20)
    answers = {"1": -(-45 // 20), "2": rest, "3": quotient, "4": 20 - rest}
    assert all("45" in t and "20" in t for t in BANK.item("PRI-059").options.values())
    assert [k for k, a in answers.items() if a == quotient] == [key(59)]


def test_the_one_slip_of_the_pupil_is_in_a_computation() -> None:
    sums = re.findall(r"(\d+) ([·−]) (\d+) = (\d+)", BANK.item("PRI-040").stem)
    right = [{"·": int(a) * int(b), "−": int(a) - int(b)}[sign] == int(c) for a, sign, b, c in sums]
    assert right == [False, True, True]


def test_samples_of_open_items_show_every_total_twice() -> None:
    for item in BANK.items:
        if item.type == "open":
            totals = [s.total for s in item.samples]
            assert all(totals.count(t) >= 2 for t in range(item.max_score + 1)), item.id
