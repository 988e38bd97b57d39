"""The keys of the informatics bank, found again: programs and queries are taken out of the items and run.

Every function reads the program, the works of pupils or the figures out of the item, so that a changed text changes the answer;
the stored key takes no part in it. What cannot be run (methodical items that rest on an argument) is not here.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, permutations, product
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias
from urllib.parse import urljoin

import pytest
from ruamel.yaml import YAML

Item: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = str | list[str] | dict[str, str]
FOLDER = Path(__file__).parents[2] / "item_banks" / "informatics"


@cache
def bank() -> dict[str, Item]:
    text = (FOLDER / "items.yaml").read_text(encoding="utf-8").replace("\u00a0", " ")
    return {item["id"]: item for item in YAML(typ="safe", pure=True).load(text)["items"]}


def code(item: Item) -> list[str]:
    """Return the blocks of indented lines of the stimulus, blank lines inside a block kept."""
    blocks = re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", item["stimulus"]["text"] + "\n", re.MULTILINE)
    return [dedent(b).strip("\n") for b in blocks]


def run(program: str, **given: Any) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, dict(given))
    return " ".join(out.getvalue().split())


def option(item: Item, *right: str) -> str:
    """Return the code of the only option that is one of these texts."""
    (found,) = options(item, lambda text: " ".join(text.split()) in right)
    return found


def options(item: Item, holds: Callable[[str], bool]) -> list[str]:
    return [c for c, t in item["options"].items() if holds(t.strip("`"))]


def what_it_prints(item: Item) -> Answer:
    return option(item, run(code(item)[0]))


def ones(item: Item) -> Answer:
    plain = item["stem"].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
    assert "42026 + 22025 − 8300 + 6" in plain
    return str((4**2026 + 2**2025 - 8**300 + 6).bit_count())


def shortest_code(item: Item) -> Answer:
    used = re.findall(r"— ([01]+)", item["stem"])
    words = ["".join(w) for n in range(1, 6) for w in product("01", repeat=n)]

    def prefix_free(code: Iterable[str]) -> bool:
        return not any(a.startswith(b) or b.startswith(a) for a, b in combinations(code, 2))

    return str(min(len("".join(new)) for new in combinations(words, 3) if prefix_free([*used, *new])))


def decodable(item: Item) -> Answer:
    def unique(text: str) -> bool:
        words, ways = text.split(", "), {"": 1}
        for n in range(1, 13):
            for signs in product("01", repeat=n):
                message = "".join(signs)
                ways[message] = sum(ways[message[: -len(w)]] for w in words if message.endswith(w))
        return max(ways.values()) == 1

    return options(item, unique)


def truth_values(item: Item) -> Answer:
    return "".join(str(int(eval(line.split(")", 1)[1].strip()))) for line in code(item)[-1].splitlines())


def formulas(item: Item) -> Answer:
    cases = [{"A": a, "B": b} for a in (False, True) for b in (False, True)]
    signs = {"¬": " not ", "∧": " and ", "∨": " or "}

    def column(text: str) -> list[bool]:
        return [bool(eval("".join(signs.get(c, c) for c in text.strip("`")).strip(), dict(c))) for c in cases]

    return {k: next(c for c, t in item["options"].items() if column(t) == column(text)) for k, text in item["left"].items()}


def columns(item: Item) -> Answer:
    def f(x: int, y: int, z: int, w: int) -> bool:
        return bool((x and not y) or (y == z) or not w)

    rows = [row[:4] for row in item["stimulus"]["table"][1:]]
    zeros = [dict(zip("xyzw", v, strict=True)) for v in product((0, 1), repeat=4) if not f(*v)]
    fits = [
        "".join(order)
        for order in permutations("xyzw")
        if any(
            all(
                cell in ("", str(case[name]))
                for row, case in zip(rows, cases, strict=True)
                for cell, name in zip(row, order, strict=True)
            )
            for cases in permutations(zeros, len(rows))
        )
    ]
    (only,) = fits
    return only


def paths(item: Item) -> Answer:
    roads = {a: b.split(", ") for a, b in item["stimulus"]["table"][1:]}

    def ways(at: str, seen: str) -> list[str]:
        return [seen + at] if at == "К" else [w for to in roads[at] for w in ways(to, seen + at)]

    return str(sum("В" in w and "И" not in w for w in ways("А", "")))


def game(item: Item) -> Answer:
    (goal,) = re.findall(r"не менее (\d+)", item["stem"])

    def moves(s: int) -> tuple[int, ...]:
        return s + 2, s + 5, 2 * s

    def wins(s: int) -> bool:
        return any(m >= int(goal) for m in moves(s))

    return str(sum(not wins(s) and all(wins(m) for m in moves(s)) for s in range(1, int(goal))))


def degrees(item: Item) -> Answer:
    def possible(text: str) -> bool:
        wanted = sorted(int(d) for d in text.split(", "))
        n = len(wanted)
        edges = list(combinations(range(n), 2))
        chosen = (c for k in range(len(edges) + 1) for c in combinations(edges, k) if 2 * k == sum(wanted))
        return any(sorted(sum(v in e for e in c) for v in range(n)) == wanted for c in chosen)

    return options(item, possible)


def growth(item: Item) -> Answer:
    laws: dict[str, Callable[[int], float]] = {
        "log₂ n": math.log2,
        "√n": math.sqrt,
        "n": float,
        "n·log₂ n": lambda n: n * math.log2(n),
        "n²": lambda n: float(n * n),
    }
    small, large = 2**7, 2**10
    out = {}
    for letter, program in zip(item["left"], code(item), strict=True):
        counts = [int(run(program + "\nprint(k)", k=0, n=n)) for n in (small, large)]
        near = min(laws, key=lambda law: abs(math.log(counts[1] / counts[0] / (laws[law](large) / laws[law](small)))))
        out[letter] = option(item, near)
    return out


def calls(item: Item) -> Answer:
    counted = code(item)[0].replace(":\n", ":\n    calls.append(n)\n", 1)
    return run(counted + "\nf(9)\nprint(len(calls))", calls=[])


def programs(item: Item) -> Answer:
    start, goal, via, without = (
        int(n) for n in re.findall(r"число (\d+) в число (\d+).*?содержит (\d+) и не содержит (\d+)", item["stem"], re.DOTALL)[0]
    )

    def ways(x: int, to: int) -> int:
        return 0 if x > to or x == without else 1 if x == to else ways(x + 1, to) + ways(2 * x, to)

    return str(ways(start, via) * ways(via, goal))


def most_steps(item: Item) -> Answer:
    a = list(range(0, 2000, 2))
    return str(max(int(run(code(item)[0] + "\nprint(k)", n=1000, a=a, x=x)) for x in range(-1, 2001, 3)))


def always_true(item: Item) -> Answer:
    cases = [(a, b) for a in range(-40, 41) for b in range(1, 12)]
    return options(item, lambda text: all(eval(text, {"a": a, "b": b}) for a, b in cases))


def not_of_a_stack(item: Item) -> Answer:
    def possible(text: str) -> bool:
        stack: list[int] = []
        coming = iter(range(1, 6))
        for wanted in map(int, text.split()):
            while not stack or stack[-1] != wanted:
                if (new := next(coming, 0)) == 0:
                    return False
                stack.append(new)
            stack.pop()
        return True

    (found,) = options(item, lambda text: not possible(text))
    return found


def copied_formula(item: Item) -> Answer:
    assert "=$A1*B$3-C2" in item["stem"]
    cells = {c + row[0]: int(v) for row in item["stimulus"]["table"][1:] for c, v in zip("ABCD", row[1:], strict=True)}
    return str(cells["A2"] * cells["C3"] - cells["D3"])


def rows_of_queries(item: Item) -> Answer:
    lines = [line.split() for line in code(item)[0].splitlines()[1:]]
    base = sqlite3.connect(":memory:")
    base.execute("create table T (id int, name text, cat text)")
    base.execute("create table C (tid int, course text, hours int)")
    for row in lines:
        base.execute("insert into T values (?, ?, ?)", [v if v != "NULL" else None for v in row[:3]])
        if row[3:]:
            base.execute("insert into C values (?, ?, ?)", row[3:])
    return {letter: str(len(base.execute(query.strip("`")).fetchall())) for letter, query in item["left"].items()}


def address(item: Item) -> Answer:
    page, link = re.findall(r"(https://\S+).*src=\"([^\"]+)\"", item["stem"], re.DOTALL)[0]
    return option(item, urljoin(page, link).removeprefix("https://school.example"))


def quality_of_a_classifier(item: Item) -> Answer:
    found, false, of, all_ = 40, 20, 50, 1000
    assert all(str(n) in item["stem"] for n in (found, false, of, all_))
    values = (found / (found + false), found / of, (all_ - false - (of - found)) / all_)
    return {k: option(item, f"{v:.2f}".replace(".", ",")) for k, v in zip(item["left"], values, strict=True)}


def clusters(item: Item) -> Answer:
    points = [int(n) for n in re.findall(r"прямой ((?:\d+, )+\d+)", item["stem"])[0].split(", ")]
    centres, before = [1.0, 2.0], [0.0]
    while centres != before:
        near: list[list[int]] = [[], []]
        for p in points:
            near[abs(p - centres[0]) > abs(p - centres[1])].append(p)
        before, centres = centres, [sum(c) / len(c) for c in near]
    return f"{max(centres):g}"


def conditions(item: Item) -> Answer:
    names = {frozenset({0, 99}): "1", frozenset(): "2", frozenset({0}): "3", frozenset({99}): "4"}
    stops = {
        k: frozenset(x for x in range(-150, 151) if not eval(t.strip("`").removeprefix("while ").rstrip(":"), {"x": x}))
        for k, t in item["left"].items()
    }
    return {k: names[s] for k, s in stops.items()}


def predicted_range(item: Item) -> Answer:
    for bounds, said in re.findall(r"range\(([\d, ]+)\).*ученик: (\d+)", item["stimulus"]["text"]):
        first, last, *step = [0] * (bounds.count(",") == 0) + [int(b) for b in bounds.split(",")]
        assert sum(range(first, last + 1, *step)) == int(said)
    return str(sum(range(2, 11 + 1, 3)))


def left_to_right(expression: str) -> bool:
    value, operation, negated = None, "or", False
    for word in expression.split():
        if word == "not":
            negated = not negated
        elif word in {"and", "or"}:
            operation = word
        else:
            right, negated = (word == "True") != negated, False
            value = right if value is None else (value and right if operation == "and" else value or right)
    assert value is not None
    return value


def predicted_truth(item: Item) -> Answer:
    seen, asked = code(item)
    assert all(str(left_to_right(e)) == said for e, said in re.findall(r"(.+?) +-> (\w+)", seen))
    return "".join(str(int(left_to_right(line.split(")", 1)[1].strip()))) for line in asked.splitlines())


def leap_years(item: Item) -> Answer:
    program = code(item)[0]
    wrong = [y for y in range(1, 2801) if (run(program, y=y) == "True") != ((y % 4 == 0 and y % 100 != 0) or y % 400 == 0)]
    total = program.replace(" == 1)", ")")
    assert {run(total, y=y) for y in (1900, 2100, 2023, 2026)} == {"0"}
    assert {run(total, y=y) for y in (2000, 2400, 2024)} == {"1"}
    return option(item, f"{'Неверна' if wrong else 'Верна'}: сумма равна 1 у високосных лет и 0 у остальных.")


def why_the_sum_is_equal(item: Item) -> Answer:
    stored = {n: Fraction(float(n)) for n in ("0.1", "0.2", "0.25", "0.3", "0.4", "0.5", "0.6", "0.75", "1.0")}
    off = {n: stored[n] - Fraction(n) for n in stored}
    holds: dict[str, Callable[[str, str, str], bool]] = {
        "противоположны": lambda x, y, z: off[x] == -off[y] != 0 == off[z],
        "округляют": lambda x, y, z: stored[x] + stored[y] != stored[z],
        "вдвое больше": lambda x, y, z: off[z] == 2 * off[x] == 2 * off[y] != 0 and stored[x] + stored[y] == stored[z],
        "Отклонений нет": lambda x, y, z: off[x] == off[y] == off[z] == 0,
    }

    def explains(x: str, y: str, z: str) -> str:
        assert float(x) + float(y) == float(z)
        (word,) = [w for w, rule in holds.items() if rule(x, y, z)]
        (found,) = options(item, lambda t: word in t)
        return found

    elsewhere = re.findall(r"(\d) — для ([\d.]+) \+ ([\d.]+) == (\d+\.\d+)", item["solution"])
    assert [n == explains(*numbers) for n, *numbers in elsewhere] == [True] * 3
    (asked,) = re.findall(r"([\d.]+) \+ ([\d.]+) == ([\d.]+) даёт True", item["stem"])
    return explains(*asked)


def sorting(item: Item) -> Answer:
    works = [list(p) for n in (1, 2, 3, 4, 5) for p in product(range(3), repeat=n)]
    sorted_works = [[int(x) for x in run(code(item)[0] + "\nprint(*a)", a=a[:], n=len(a)).split()] for a in works]
    pairs = list(zip(sorted_works, works, strict=True))
    down = all(done == sorted(a, reverse=True) for done, a in pairs if len(set(a)) == len(a))
    repeated = all(done == sorted(a, reverse=down) for done, a in pairs)
    return option(
        item,
        f"по {'убыванию' if down else 'возрастанию'} — " + ("любой массив из n чисел" if repeated else "только массив без повторений"),
    )


def marks_of_a_picture(item: Item) -> Answer:
    powers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹·:", "0123456789*/")

    def mark(work: str) -> str:
        plain = re.sub(r"([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"**\1", work).translate(powers)
        numbers = r"[\d*/ ]*\d[\d*/ ]*"
        false = sum(
            abs(eval(left) - eval(right)) > 0.001
            for line in plain.splitlines()
            for left, right in pairwise(re.findall(numbers, line.split(",")[0]))
            if "=" in line and "√" not in line
        )
        bits, *_, said = re.findall(r"\d+(?:\*\*\d+)?(?:,\d+)?", plain.splitlines()[-1])
        false += abs(eval(bits) / 8192 - float(said.replace(",", "."))) > 0.1
        return "0" if "√" in work or false > 1 else str(2 - false)

    return "".join(mark(work) for work in code(item))


def the_long_program_is_faster(item: Item) -> Answer:
    """Count the comparisons and steps that a pair costs on lists that know how often they are looked at."""
    looks = 0

    class Looked(list[int]):
        def __iter__(self) -> Iterator[int]:
            nonlocal looks
            for x in list.__iter__(self):
                looks += 1
                yield x

        def __contains__(self, x: object) -> bool:
            return any(y == x for y in self)

    def cost(program: str) -> int:
        nonlocal looks
        looks = 0
        exec(program, {"a": Looked(range(0, 400, 2)), "b": Looked(range(1, 401, 2)), "n": 200})
        return looks

    pairs = zip(code(item)[::2], code(item)[1::2], strict=True)
    (found,) = (letter for letter, (short, long) in zip("АБВГ", pairs, strict=True) if cost(short) > 2 * cost(long))
    return option(item, f"пара {found}")


def what_shows_the_missing_one(item: Item) -> Answer:
    def written(n: int) -> int:
        return n if n >= 0 else ~-n & 0b1111_1111

    def differs(text: str) -> bool:
        one, other = (int(n) for n in text.replace("−", "-").split(" и "))
        return (written(one) + written(other)) & 0b1111_1111 != written(one + other)

    (found,) = options(item, differs)
    return found


def the_short_number_with_another_record_backwards(item: Item) -> Answer:
    (found,) = options(item, lambda t: len(f"{int(t):b}") <= 5 and f"{int(t):b}" != f"{int(t):b}"[::-1])
    return found


def a_program_with_an_error_to_find(item: Item) -> Answer:
    first, last = (int(n) for n in re.findall(r"от (\d+) до (\d+)", item["stem"])[0])
    cases = range(first, last + 1)

    def errs(text: str, numbers: Iterable[int]) -> list[int]:
        return [n for n in numbers if run(text.strip("`"), n=n) != str(len(str(abs(n))))]

    (found,) = options(item, lambda t: bool(errs(t, cases)))
    assert len(errs(item["options"][found], cases)) < len(cases)
    assert all(errs(t, (-5, 0, 1000, 10_000)) for t in item["options"].values())
    return found


def cards(item: Item) -> Answer:
    def answer(program: str, n: int) -> str:
        steps = program.replace("while n > 0:", "while n > 0:\n    steps.append(n)\n    assert len(steps) < 50")
        try:
            return run(steps, n=n, steps=[])
        except AssertionError:
            return "бесконечный цикл"

    def card(program: str) -> str:
        said = {answer(program, n): str(n).count("7") for n in (17, 71, 177, 7, 275)}
        if "бесконечный цикл" in said:
            return "переход к следующей цифре"
        return "начало счёта" if all(int(k) == n + 1 for k, n in said.items()) else "выделение цифры"

    names = ("Аня", "Боря", "Вера")
    return option(item, ", ".join(f"{who} — {card(p)}" for who, p in zip(names, code(item), strict=True)))


def flags(item: Item) -> Answer:
    found, false, of, made = (int(n) for n in re.findall(r"\d+", item["stem"]))
    right, wrong = found * made / 100, false * (of - made) / 100
    return option(item, f"около {100 * wrong / (right + wrong):.0f} %")


def endless(item: Item) -> Answer:
    counted = code(item)[0].replace("    m = ", "    steps.append(l)\n    assert len(steps) < 50\n    m = ")

    def fails(text: str) -> bool:
        x = int(text.removeprefix("x = "))
        try:
            return run(counted, a=[10, 20, 30, 40, 50], n=5, x=x, steps=[]) != str(x in {10, 20, 30, 40, 50})
        except AssertionError:
            return True

    (found,) = options(item, fails)
    return found


def marks_by_tests(item: Item) -> Answer:
    (given,) = re.findall(r"Тесты: (.*)\.", item["stimulus"]["text"])
    tests = [[int(n) for n in t.split(", ")] for t in given.split("; ")]
    out = {}
    for letter, program in zip(item["left"], code(item), strict=True):
        failed = sum(run(program, a=t[:]) != str(min(x for x in t if x % 10 == 4)) for t in tests)
        out[letter] = str(max(0, 2 - failed) if failed < 2 else 0)
    return out


def marks_of_a_table(item: Item) -> Answer:
    rows = [(84, 36), *((int(a), int(b)) for a, b in re.findall(r"^ +\d +(\d+) +(\d+)$", item["stimulus"]["text"], re.MULTILINE))]

    def step(a: int, b: int) -> tuple[int, int]:
        return (a - b, b) if a > b else (a, b - a)

    right = sum(step(*a) == b for a, b in pairwise(rows))
    return str(right + (rows[-1][0] == rows[-1][1]) + (rows[-1][0] == math.gcd(84, 36)))


def one_test_for_both(item: Item) -> Answer:
    lines = [(line[:26].rstrip(), line[26:].rstrip()) for line in code(item)[0].splitlines()[1:]]
    first, second = ("\n".join(part).replace("  ", " ") for part in zip(*lines, strict=True))

    def both_fail(text: str) -> bool:
        a = [int(n.replace("−", "-")) for n in text.split(", ")]
        return all(run(dedent(p) + "\nprint(m)", a=a, n=len(a)) != str(max(a)) for p in (first, second))

    (found,) = options(item, both_fail)
    return found


def mask(item: Item) -> Answer:
    first, second = (int.from_bytes(bytes(int(n) for n in host.split("."))) for host in re.findall(r"\d+(?:\.\d+){3}", item["stem"]))

    def one_subnet(ones: int) -> bool:
        hosts = 2 ** (32 - ones) - 1
        return first >> (32 - ones) == second >> (32 - ones) and all(h & hosts not in (0, hosts) for h in (first, second))

    return str(max(n for n in range(1, 31) if one_subnet(n)))


def passwords(item: Item) -> Answer:
    sizes = {}
    for rule, text in item["options"].items():
        length, signs = int(text.split()[0]), re.findall(r"\d+", text)[1:]
        sizes[rule] = int(signs[0] if signs else 10) ** length
    return sorted(sizes, key=lambda rule: sizes[rule])


def school_language(_: Item) -> Answer:
    a, b, c = 2026, 0, 1
    while a > 0:
        a, b, c = a // 7, b + a % 7 * c, c * 10
    return str(b)


def bytes_of_codes(item: Item) -> Answer:
    wrong = {
        "1": math.ceil(50 * 15 * 6 / 8),
        "2": 50 * math.ceil(15 * 5 / 8),
        "3": 50 * 15,
        "4": 50 * 15 * 6,
        "5": 50 * (15 * 6 // 8),
        "6": math.ceil(15 * 6 / 8),
    }
    return {k: next(c for c, n in wrong.items() if str(n) == text.split()[0]) for k, text in item["left"].items()}


def one_value_for_both(item: Item) -> Answer:
    def both_fail(text: str) -> bool:
        n = int(text.removeprefix("n = "))
        right = n // 3, n // 5
        return (n // 3, n // 5 - n // 15) != right and ((n - 1) // 3, (n - 1) // 5) != right

    (found,) = options(item, both_fail)
    return found


ANSWERS: dict[str, Callable[[Item], Answer]] = {
    "INF-001": mask,
    "INF-003": passwords,
    "INF-005": ones,
    "INF-006": lambda item: option(item, f"{len('ФГОС № 287'.encode())} байт"),
    "INF-007": shortest_code,
    "INF-008": decodable,
    "INF-009": truth_values,
    "INF-010": formulas,
    "INF-011": columns,
    "INF-012": paths,
    "INF-013": game,
    "INF-014": degrees,
    "INF-015": growth,
    "INF-016": calls,
    "INF-017": programs,
    "INF-018": most_steps,
    "INF-019": school_language,
    "INF-020": what_it_prints,
    "INF-021": what_it_prints,
    "INF-022": always_true,
    "INF-023": not_of_a_stack,
    "INF-024": what_it_prints,
    "INF-025": copied_formula,
    "INF-026": rows_of_queries,
    "INF-028": address,
    "INF-029": quality_of_a_classifier,
    "INF-030": clusters,
    "INF-034": predicted_range,
    "INF-035": conditions,
    "INF-036": bytes_of_codes,
    "INF-037": leap_years,
    "INF-038": sorting,
    "INF-039": endless,
    "INF-040": predicted_truth,
    "INF-041": marks_by_tests,
    "INF-043": marks_of_a_picture,
    "INF-044": marks_of_a_table,
    "INF-049": one_test_for_both,
    "INF-050": one_value_for_both,
    "INF-052": the_short_number_with_another_record_backwards,
    "INF-053": the_long_program_is_faster,
    "INF-054": why_the_sum_is_equal,
    "INF-056": what_shows_the_missing_one,
    "INF-057": lambda _: str(max(n for n in range(2, 70_000) if (n - 1).bit_length() == 2 * (256 - 1).bit_length())),
    "INF-059": a_program_with_an_error_to_find,
    "INF-061": cards,
    "INF-063": flags,
    "INF-064": lambda _: str((96 - 90) // (92 - 90)),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_key_is_what_the_item_gives(name: str) -> None:
    item = bank()[name]
    key = item["key"][0] if item["type"] == "text" else item["key"]
    assert ANSWERS[name](item) == key


def test_samples_of_open_items_cover_every_total_twice() -> None:
    opened = [item for item in bank().values() if item["type"] == "open"]
    assert opened
    for item in opened:
        highest = sum(len(c["levels"]) - 1 for c in item["rubric"])
        totals = sorted(sum(sample["marks"].values()) for sample in item["samples"])
        assert totals == sorted([*range(highest + 1)] * 2), item["id"]
