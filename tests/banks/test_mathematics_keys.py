"""Recompute the key of every keyed mathematics item from the item's own text, independently of the stored key."""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from ruamel.yaml import YAML

BANK = Path(__file__).parents[2] / "item_banks" / "mathematics"

Item: TypeAlias = dict[str, Any]
Real: TypeAlias = Fraction | float
# single, multiple: codes of all right options; ordering: codes in order; matching: letter -> code;
# number: the exact value; digits, text: the string itself
Answer: TypeAlias = list[str] | dict[str, str] | Real | str
Function: TypeAlias = Callable[[float], float]
Point: TypeAlias = tuple[float, ...]


def _load() -> dict[str, Item]:
    with (BANK / "items.yaml").open(encoding="utf-8") as stream:
        content = YAML(typ="safe", pure=True).load(stream)
    return {item["id"]: item for item in content["items"]}


ITEMS: dict[str, Item] = _load()
KEYED = [identifier for identifier, item in ITEMS.items() if item["type"] != "open"]


# ------------------------------------------------------------------------------------------- reading the texts

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_CALLS: dict[str, Callable[[float], float]] = {"sqrt": math.sqrt, "log2": math.log2}


def _python(text: str) -> str:
    """Translate school notation (2√3, x², 4x, log₂ 10, 13,6) into a Python expression."""
    text = text.removeprefix("r = ").removeprefix("ровно ").replace("−", "-").replace("·", "*").replace("^", "**")
    text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    text = re.sub(r"log₂ (\d+)", r"log2(\1)", text)
    text = re.sub(r"√(\d+)", r"sqrt(\1)", text).replace("√(", "sqrt(")
    text = re.sub(r"[⁻⁰¹²³⁴-⁹]+", lambda found: f"**({found[0].translate(_SUPERSCRIPTS)})", text)
    return re.sub(r"(?<![a-z])(\d)(x|sqrt)", r"\1*\2", text)


def evaluate(text: str, **names: Real) -> Real:
    """Value of an expression in school notation; exact (Fraction) when no root or logarithm occurs."""

    def visit(node: ast.expr) -> Real:
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                value: Real = _OPERATORS[type(op)](visit(left), visit(right))
                return value
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -visit(operand)
            case ast.Constant(value=int() | float() as value):
                return Fraction(str(value))
            case ast.Name(id=name):
                return names[name]
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                return _CALLS[name](float(visit(argument)))
            case _:
                raise ValueError(text)

    return visit(ast.parse(_python(text).strip(), mode="eval").body)


def numbers(text: str) -> list[Fraction]:
    """All numbers of a text in their order; a minus sign counts when it touches the number."""
    found = re.findall(r"−?\d+(?:,\d+)?", text)
    return [Fraction(token.replace("−", "-").replace(",", ".")) for token in found]


def says(item: Item, *fragments: str) -> None:
    """The stem still states the data on which the recomputation rests."""
    stem = " ".join(item["stem"].split())
    for fragment in fragments:
        assert fragment in stem, f"{item['id']}: the stem no longer says {fragment!r}"


def whole(value: float) -> Fraction:
    assert math.isclose(value, round(value), abs_tol=1e-6)
    return Fraction(round(value))


def equal_to(item: Item, value: Real) -> list[str]:
    """Codes of the options whose value is the given one."""
    return [code for code, text in item["options"].items() if math.isclose(evaluate(text), value, abs_tol=1e-9)]


def choose(item: Item, truth: Mapping[str, bool]) -> list[str]:
    """Codes of the options whose text is judged true; every option must be judged."""
    return [code for code, text in item["options"].items() if truth[text]]


def code_of(item: Item, text: str) -> str:
    (code,) = [code for code, option in item["options"].items() if option == text]
    return str(code)


def real_roots(coefficients: Sequence[float]) -> list[float]:
    """Distinct real roots of a polynomial, coefficients from the highest power."""
    distinct: list[float] = []
    for root in np.roots(coefficients):
        if abs(root.imag) < 1e-6 and all(abs(root.real - known) > 1e-5 for known in distinct):
            distinct.append(float(root.real))
    return sorted(distinct)


def coefficients(text: str, degree: int = 4) -> list[float]:
    """Coefficients (highest first) of a polynomial in x given in school notation."""
    xs = np.arange(-4, 5)
    values = [float(evaluate(text, x=Fraction(int(x)))) for x in xs]
    return [float(round(c, 6)) for c in np.polyfit(xs, values, degree)]


def holds(left: Function, right: Function, x: float) -> bool:
    """Both sides make sense at x and are equal."""
    try:
        return math.isclose(left(x), right(x), abs_tol=1e-7)
    except (ValueError, ZeroDivisionError):
        return False


def solutions(left: Function, right: Function, candidates: Iterable[float]) -> set[float]:
    return {round(x, 9) for x in candidates if holds(left, right, x)}


def zero(_: float) -> float:
    return 0.0


def sample_points() -> list[float]:
    return [n / 16 for n in range(-400, 401)]


def distance(p: Point, q: Point) -> float:
    return math.dist(p, q)


def circumcircle(a: Point, b: Point, c: Point) -> tuple[Point, float]:
    matrix = 2 * np.array([[b[0] - a[0], b[1] - a[1]], [c[0] - a[0], c[1] - a[1]]])
    right = np.array([b[0] ** 2 + b[1] ** 2 - a[0] ** 2 - a[1] ** 2, c[0] ** 2 + c[1] ** 2 - a[0] ** 2 - a[1] ** 2])
    x, y = np.linalg.solve(matrix, right)
    centre = (float(x), float(y))
    return centre, distance(centre, a)


def angle(vertex: Point, p: Point, q: Point) -> float:
    """Angle p-vertex-q in degrees."""
    u, v = np.subtract(p, vertex), np.subtract(q, vertex)
    return math.degrees(math.acos(float(u @ v) / float(np.linalg.norm(u) * np.linalg.norm(v))))


def area(*points: tuple[Fraction, Fraction]) -> Fraction:
    pairs = zip(points, points[1:] + points[:1], strict=True)
    return abs(sum((p[0] * q[1] - q[0] * p[1] for p, q in pairs), Fraction())) / 2


# ------------------------------------------------------------------------------------------------ numbers


def mat_001(item: Item) -> Answer:
    dividend, divisor = (int(n) for n in numbers(item["stem"]))
    return [
        code
        for code, text in item["options"].items()
        if 0 <= evaluate(text) < divisor and (dividend - evaluate(text)) % divisor == 0
    ]


def mat_002(item: Item) -> Answer:
    (n,) = (int(n) for n in numbers(item["stem"]))
    return Fraction(sum(1 for d in range(2, n + 1, 2) if n % d == 0))


def mat_003(item: Item) -> Answer:
    before, after = numbers(item["stem"])
    change = {"процент": (after - before) / before * 100, "пункт": after - before}
    right = []
    for code, text in item["options"].items():
        claims = re.findall(r"(\d+(?:,\d+)?) (процент(?:а|ов)\b|процентн\w+ пункт)", text)
        assert len(claims) == 2
        values = [(numbers(n)[0], change["пункт" if "пункт" in unit else "процент"]) for n, unit in claims]
        if all(claimed == round(true, 1) for claimed, true in values):
            right.append(code)
    return right


def mat_004(item: Item) -> Answer:
    values = {code: float(evaluate(text)) for code, text in item["options"].items()}
    order = sorted(values, key=lambda code: values[code])
    assert all(values[b] - values[a] > 0.05 for a, b in itertools.pairwise(order))
    return order


def mat_005(item: Item) -> Answer:
    a, b, error = numbers(item["stem"])[:3]
    largest = max((a + s * error) * (b + t * error) for s, t in itertools.product((-1, 1), repeat=2))
    return (largest / (a * b) - 1) * 100


# --------------------------------------------------------------------------------------------- expressions


def mat_006(item: Item) -> Answer:
    says(item, "(x² − 9)/(x − 3) = x + 3")
    xs = [Fraction(n, 2) for n in range(-20, 21)]

    def true_at(x: Fraction) -> bool:
        return x != 3 and (x * x - 9) / (x - 3) == x + 3

    return [code for code, text in item["options"].items() if all(true_at(x) == (x not in numbers(text)) for x in xs)]


def mat_007(item: Item) -> Answer:
    says(item, "x − 1/x = 4", "x³ − 1/x³")
    values = {whole(x**3 - 1 / x**3) for x in real_roots([1, -4, -1])}
    (value,) = values
    return value


def mat_008(item: Item) -> Answer:
    found = re.search(r"выражения (.+)\.", item["stem"])
    assert found is not None
    return equal_to(item, evaluate(found[1]))


def mat_009(item: Item) -> Answer:
    def lg2(x: float) -> float:
        return math.log2(x)

    sides: dict[str, tuple[Function, Function]] = {
        "log₂(x²) = 2·log₂|x|": (lambda x: lg2(x * x), lambda x: 2 * lg2(abs(x))),
        "log₂(x²) = 2·log₂ x": (lambda x: lg2(x * x), lambda x: 2 * lg2(x)),
        "1 + tg² x = 1/cos² x": (lambda x: 1 + math.tan(x) ** 2, lambda x: 1 / math.cos(x) ** 2),
        "(log₂ x)² = 2·log₂ x": (lambda x: lg2(x) ** 2, lambda x: 2 * lg2(x)),
        "√(1 − sin² x) = cos x": (lambda x: math.sqrt(1 - math.sin(x) ** 2), math.cos),
        "log₃(1/x) = −log₃ x": (lambda x: math.log(1 / x, 3), lambda x: -math.log(x, 3)),
    }

    def defined(function: Function, x: float) -> bool:
        try:
            function(x)
        except (ValueError, ZeroDivisionError):
            return False
        return True

    truth = {
        text: all(holds(left, right, x) for x in sample_points() if defined(left, x)) for text, (left, right) in sides.items()
    }
    return choose(item, truth)


# -------------------------------------------------------------------------------------- equations, inequalities


def mat_010(item: Item) -> Answer:
    right = []
    for code, text in item["options"].items():
        expression, sign = re.split(r" ([<>≥≤]) 0", text)[:2]
        at_zero, at_one, at_minus = (Fraction(evaluate(expression, x=Fraction(x))) for x in (0, 1, -1))
        a = (at_one + at_minus) / 2 - at_zero
        b = (at_one - at_minus) / 2
        vertex = at_zero - b * b / (4 * a)
        compare = {"<": operator.lt, ">": operator.gt, "≥": operator.ge, "≤": operator.le}[sign]
        if (a > 0) == (sign in ">≥") and compare(vertex, 0):
            right.append(code)
    return right


def mat_011(item: Item) -> Answer:
    matrix = np.array([[1.0, 1.0], [2.0, 2.0]])
    augmented = np.column_stack([matrix, [3.0, 5.0]])
    assert np.linalg.matrix_rank(matrix) < np.linalg.matrix_rank(augmented)
    count = {
        "x + y = 5, xy = 6": len(real_roots([1, -5, 6])),
        "x + y = 3, 2x + 2y = 5": 0,
        "x² + y² = 25, xy = 12": len(real_roots([1, 0, -25, 0, 144])),
        "x² + y² = 4, y = 2": len(real_roots([1, 0, 2**2 - 4])),
    }
    words = {0: "решений нет", 1: "одно решение", 2: "два решения", 4: "четыре решения"}
    return {letter: code_of(item, words[count[system]]) for letter, system in item["left"].items()}


def mat_012(item: Item) -> Answer:
    candidates = sorted({n / 4 for n in range(-80, 81)} | set(real_roots([1, -5, 4])))
    steps: list[tuple[str, tuple[Function, Function], tuple[Function, Function]]] = [
        ("√x = x − 2 → x = (x − 2)²", (math.sqrt, lambda x: x - 2), (lambda x: x, lambda x: (x - 2) ** 2)),
        (
            "log₂(x − 1) + log₂(x + 1) = 3 → log₂(x² − 1) = 3",
            (lambda x: math.log2(x - 1) + math.log2(x + 1), lambda _: 3.0),
            (lambda x: math.log2(x * x - 1), lambda _: 3.0),
        ),
        (
            "3^(x²) = 3^(4x) → x² = 4x",
            (lambda x: math.log(3) * x * x, lambda x: math.log(3) * 4 * x),
            (lambda x: x * x, lambda x: 4 * x),
        ),
        (
            "(x² − 9)/(x + 3) = 0 → x² − 9 = 0",
            (lambda x: (x * x - 9) / (x + 3), zero),
            (lambda x: x * x - 9, zero),
        ),
        ("(x² + 4)(x − 1) = 0 → x − 1 = 0", (lambda x: (x * x + 4) * (x - 1), zero), (lambda x: x - 1, zero)),
    ]
    digits = ""
    for number, (text, first, second) in enumerate(steps, 1):
        says(item, f"{number}) {text}")
        found = solutions(*second, candidates)
        assert found, "the second equation has roots among the candidates"
        digits += str(int(solutions(*first, candidates) == found))
    return digits


def mat_013(item: Item) -> Answer:
    says(item, "(x² − 5x + 4)·√(x − a) = 0", "сумму всех целых", "ровно два различных")

    def valid(x: float, a: int) -> bool:
        return holds(lambda t: (t * t - 5 * t + 4) * math.sqrt(t - a), zero, x)

    total = 0
    for a in range(-50, 51):
        candidates = {float(a), *real_roots([1, -5, 4])}
        total += a if len({round(x, 6) for x in candidates if valid(round(x, 6), a)}) == 2 else 0
    return Fraction(total)


def mat_014(item: Item) -> Answer:
    workers, planned, worked = numbers(item["stem"])
    says(item, "двое рабочих ушли")
    rest = workers * planned - workers * worked
    return worked + rest / (workers - 2) - planned


# ----------------------------------------------------------------------------------------------- functions


def increasing(function: Function, xs: Sequence[float]) -> bool:
    return all(function(a) < function(b) for a, b in itertools.pairwise(xs))


def mat_015(item: Item) -> Answer:
    xs = [n / 10 for n in range(-50, 51)]
    rising: list[Function] = [lambda x: x, lambda x: x + 1, lambda x: x**3, math.exp]
    assert all(increasing(f, xs) for f in rising)
    family: list[Function] = [lambda x: x * x, lambda x: x**3, lambda x: x + 1, math.exp]

    def product(f: Function, g: Function) -> Function:
        return lambda x: f(x) * g(x)

    neither = [f for f in family if not all(math.isclose(f(x), f(-x)) for x in xs)]
    period = next(
        j for j in range(1, 481) if all(abs(abs(math.sin(x + math.pi * j / 240)) - abs(math.sin(x))) < 1e-9 for x in xs)
    )
    return choose(
        item,
        {
            "Функция y = 1/x убывает на всей своей области определения.": increasing(lambda x: -1 / x, [x for x in xs if x != 0]),
            "Функция y = x³ + x возрастает на всей числовой прямой.": increasing(lambda x: x**3 + x, xs),
            "Произведение двух функций, возрастающих на всей числовой прямой, возрастает на всей числовой прямой.": all(
                increasing(product(f, g), xs) for f, g in itertools.product(rising, repeat=2)
            ),
            "Наименьший положительный период функции y = |sin x| равен π.": period == 240,
            "Если нечётная функция определена при x = 0, то её значение в этой точке равно 0.": [
                value for value in range(-10, 11) if value == -value
            ]
            == [0],
            "Функция, не являющаяся чётной, является нечётной.": all(
                all(math.isclose(f(-x), -f(x)) for x in xs) for f in neither
            ),
        },
    )


def mat_016(item: Item) -> Answer:
    says(item, "y = 4 sin x cos x + 1")
    values = [4 * math.sin(t) * math.cos(t) + 1 for t in (2 * math.pi * n / 1440 for n in range(1441))]
    ends = (min(values), max(values))
    intervals = {code: [float(n) for n in numbers(text)] for code, text in item["options"].items()}
    return [code for code, interval in intervals.items() if np.allclose(interval, ends, atol=1e-6)]


def mat_017(item: Item) -> Answer:
    def f(t: float) -> float:
        return math.exp(t) + t  # injective, so graphs coincide only when the arguments do

    def right(g: Function) -> Function:
        return lambda x: g(x - 2)

    def squeeze(g: Function) -> Function:
        return lambda x: g(2 * x)

    def mirror(g: Function) -> Function:
        return lambda x: g(-x)

    operations = {
        "сдвиг вправо на 2 единицы": right,
        "сжатие к оси ординат в 2 раза": squeeze,
        "симметрия относительно оси ординат": mirror,
    }
    xs = [Fraction(n, 4) for n in range(-8, 9)]
    key = {}
    for letter, description in item["left"].items():
        g: Function = f
        for name in description.split(", затем "):
            g = operations[name](g)
        same = []
        for code, text in item["options"].items():
            argument = text.removeprefix("y = f(").removesuffix(")")
            if all(math.isclose(f(float(evaluate(argument, x=x))), g(float(x))) for x in xs):
                same.append(code)
        (key[letter],) = same
    return key


def mat_018(item: Item) -> Answer:
    says(item, "3n² − 5n", "десятый член")
    terms: list[int] = []
    for n in range(1, 11):
        terms.append(3 * n * n - 5 * n - sum(terms))
    return Fraction(terms[9])


def mat_019(item: Item) -> Answer:
    says(item, "aₙ = n² − 11n + 5")
    return equal_to(item, Fraction(min(n * n - 11 * n + 5 for n in range(1, 200))))


# ------------------------------------------------------------------------------------------------ calculus


def mat_020(item: Item) -> Answer:
    says(item, "f(x) = √(4x + 1) в точке x = 2")
    step = 1e-5
    slope = (math.sqrt(4 * (2 + step) + 1) - math.sqrt(4 * (2 - step) + 1)) / (2 * step)
    return [code for code, text in item["options"].items() if math.isclose(evaluate(text), slope, abs_tol=1e-6)]


def mat_021(item: Item) -> Answer:
    says(item, "M(1; −3)", "y = x²", "больший")
    px, py = 1, -3
    # a line y = k(x - px) + py touches y = x² when x² - kx + k·px - py = 0 has a double root
    slopes = real_roots([1, -4 * px, 4 * py])
    assert len(slopes) == 2
    assert all(len(real_roots([1, -k, k * px - py])) == 1 for k in slopes)
    return whole(max(slopes))


def mat_022(item: Item) -> Answer:
    polynomials = [np.poly1d(c) for c in ([1, 0], [-1, 2], [1, 0, 0], [-1, 0, 1], [1, 0, 0, 0], [1, 0, 3, 0], [1, 0, -3, 0], [5])]
    xs = [n / 8 for n in range(-24, 25)]
    cases = [(p, p.deriv()) for p in polynomials]

    def strict_extremum(p: np.poly1d, x: float) -> bool:
        near = [float(p(x + s * h)) - float(p(x)) for s in (-1, 1) for h in (0.001, 0.01, 0.05)]
        return all(d > 0 for d in near) or all(d < 0 for d in near)

    def grows(p: np.poly1d) -> bool:
        return increasing(lambda x: float(p(x)), xs)

    def greatest_at_zero_of_derivative(p: np.poly1d, d: np.poly1d) -> bool:
        top = max(float(p(x)) for x in xs)
        return any(abs(float(d(x))) < 1e-9 for x in xs if float(p(x)) > top - 1e-12)

    return choose(
        item,
        {
            "Если f′(x₀) = 0, то x₀ — точка экстремума функции f.": all(
                strict_extremum(p, x) for p, d in cases if p.order > 0 for x in xs if d(x) == 0
            ),
            "Если x₀ — точка экстремума функции f, то f′(x₀) = 0.": all(
                d(x) == 0 for p, d in cases for x in xs if strict_extremum(p, x)
            ),
            "Если f′(x) > 0 при всех x, то функция f возрастает на всей числовой прямой.": all(
                grows(p) for p, d in cases if all(d(x) > 0 for x in xs)
            ),
            "Если функция f возрастает на всей числовой прямой, то f′(x) > 0 при всех x.": all(
                all(d(x) > 0 for x in xs) for p, d in cases if grows(p)
            ),
            "Наибольшее значение функции f на отрезке [a; b] достигается в точке, где f′(x) = 0.": all(
                greatest_at_zero_of_derivative(p, d) for p, d in cases
            ),
            "Если f′(x) = 0 при всех x, то функция f постоянна.": all(
                len({float(p(x)) for x in xs}) == 1 for p, d in cases if all(d(x) == 0 for x in xs)
            ),
        },
    )


def mat_023(item: Item) -> Answer:
    says(item, "y = 12 − x²", "наибольшую возможную площадь")
    areas = [(2 * x * (12 - x * x), x) for x in (math.sqrt(12) * n / 200_000 for n in range(1, 200_000))]
    return whole(round(max(areas)[0], 6))


def integral_of_cube(a: Fraction, b: Fraction) -> Fraction:
    return (b**4 - a**4) / 4


def mat_024(item: Item) -> Answer:
    says(item, "y = x³", "x = −1 и x = 2")
    parts = [integral_of_cube(Fraction(-1), Fraction(0)), integral_of_cube(Fraction(0), Fraction(2))]
    exact = sum((abs(part) for part in parts), Fraction())
    cells = 30_000
    midpoints = (-1 + 3 * (n + 0.5) / cells for n in range(cells))
    assert math.isclose(float(exact), sum(abs(x**3) for x in midpoints) * 3 / cells, abs_tol=1e-6)
    return equal_to(item, exact)


# -------------------------------------------------------------------------------------------- plane geometry


def mat_026(item: Item) -> Answer:
    a, b, c = (0.0, 0.0), (4.0, 0.0), (1.0, 3.0)
    sides = (distance(b, c), distance(a, c), distance(a, b))
    incentre = tuple(sum(s * p[i] for s, p in zip(sides, (a, b, c), strict=True)) / sum(sides) for i in (0, 1))
    on_circle = [(math.cos(t), math.sin(t)) for t in (math.radians(d) for d in range(7, 360, 11))]

    def rhombus(degrees: int) -> list[Point]:
        t = math.radians(degrees)
        u, v = (1.0, 0.0), (math.cos(t), math.sin(t))
        return [(0.0, 0.0), u, (u[0] + v[0], u[1] + v[1]), v]

    def cyclic(p: Sequence[Point]) -> bool:
        centre, radius = circumcircle(p[0], p[1], p[2])
        return math.isclose(distance(centre, p[3]), radius)

    def tangential(p: Sequence[Point]) -> bool:
        s = [distance(p[i], p[(i + 1) % 4]) for i in range(4)]
        return math.isclose(s[0] + s[2], s[1] + s[3])

    def chord_distance(start: int, arc: int) -> float:
        ends = [math.radians(start), math.radians(start + arc)]
        return math.hypot(sum(map(math.cos, ends)) / 2, sum(map(math.sin, ends)) / 2)

    truth = {
        "описанной около любого треугольника, — точка пересечения его биссектрис": distance(incentre, circumcircle(a, b, c)[0])
        < 1e-9,
        "Вписанный угол, опирающийся на диаметр, прямой": all(
            math.isclose(angle(p, (-1.0, 0.0), (1.0, 0.0)), 90) for p in on_circle
        ),
        "Ромб, около которого можно описать окружность, является квадратом": [d for d in range(1, 180) if cyclic(rhombus(d))]
        == [90],
        "Если суммы противоположных сторон выпуклого четырёхугольника равны, то около него можно описать": all(
            cyclic(rhombus(d)) for d in range(30, 150, 10) if tangential(rhombus(d))
        ),
        "Равные хорды одной окружности равноудалены от её центра": all(
            math.isclose(chord_distance(start, arc), chord_distance(0, arc))
            for start in range(0, 360, 17)
            for arc in range(10, 180, 10)
        ),
    }
    digits = {}
    for statement, value in truth.items():
        (number,) = re.findall(rf"(\d)\) [^\n]*{re.escape(statement)}", item["stem"])
        digits[number] = str(int(value))
    return "".join(digits[number] for number in "12345")


def mat_027(item: Item) -> Answer:
    total, am, mb, an, nc = numbers(item["stem"])
    says(item, "AM : MB = 2 : 1", "AN : NC = 1 : 3", "четырёхугольника BMNC")
    a, b, c = (Fraction(), Fraction()), (Fraction(1), Fraction()), (Fraction(), Fraction(1))
    m, n = (am / (am + mb), Fraction()), (Fraction(), an / (an + nc))
    return equal_to(item, total * area(b, m, n, c) / area(a, b, c))


def mat_028(item: Item) -> Answer:
    says(item, "MA = 2·MB", "Какую линию")
    points: list[Point] = []
    for degrees in range(0, 360, 5):  # B is the origin, A = (-3; 0): |M - A| = 2·|M| on every ray from B
        u = (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
        (r,) = [root for root in real_roots([3, -6 * u[0], -9]) if root > 0]
        points.append((r * u[0], r * u[1]))
    assert all(math.isclose(distance(p, (-3.0, 0.0)), 2 * math.hypot(*p)) for p in points)
    centre, radius = circumcircle(points[0], points[20], points[50])
    same = all(math.isclose(distance(p, centre), radius, rel_tol=1e-6) for p in points)
    return "окружность" if same else "не окружность"


def mat_029(item: Item) -> Answer:
    o, a, radius = (0.0, 0.0), (5.0, 1.0), 2.0
    m = (a[0] / 2, a[1] / 2)
    half = distance(o, m)
    # B on both circles: its projection on OA and its height above OA
    along = radius**2 / (2 * half)
    height = math.sqrt(radius**2 - along**2)
    u = (a[0] / distance(o, a), a[1] / distance(o, a))
    b = (along * u[0] - height * u[1], along * u[1] + height * u[0])
    assert math.isclose(distance(b, m), half)
    assert math.isclose(angle(b, o, a), 90)
    needs_gives = {
        "Провести отрезок OA.": ({"O", "A"}, "OA"),
        "Построить середину M отрезка OA.": ({"OA"}, "M"),
        "Провести окружность с центром M и радиусом MO.": ({"M", "O"}, "circle"),
        "Отметить точку B — одну из точек пересечения проведённой окружности с данной.": ({"circle", "given"}, "B"),
        "Провести прямую AB.": ({"A", "B"}, "tangent"),
    }

    def feasible(order: Sequence[str]) -> bool:
        known = {"O", "A", "given"}
        for code in order:
            needs, gives = needs_gives[item["options"][code]]
            if not needs <= known:
                return False
            known.add(gives)
        return True

    (only,) = [order for order in itertools.permutations(item["options"]) if feasible(order)]
    return list(only)


# -------------------------------------------------------------------------------------------- solid geometry


def mat_030(item: Item) -> Answer:
    vectors = [v for v in itertools.product((-1, 0, 1), repeat=3) if any(v)]

    def dot(u: Sequence[int], v: Sequence[int]) -> int:
        return sum(a * b for a, b in zip(u, v, strict=True))

    def cross(u: Sequence[int], v: Sequence[int]) -> tuple[int, int, int]:
        return (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])

    def parallel(u: Sequence[int], v: Sequence[int]) -> bool:
        return not any(cross(u, v))

    def disjoint(p: Sequence[int], u: Sequence[int], v: Sequence[int]) -> bool:
        """Lines through the origin along u and through p along v have no common point."""
        if parallel(u, v):
            return not parallel(p, u)
        return dot(p, cross(u, v)) != 0

    def spanning(n: Sequence[int]) -> list[tuple[int, ...]]:
        return [v for v in vectors if dot(v, n) == 0]

    return choose(
        item,
        {
            "Две различные плоскости, перпендикулярные третьей плоскости, параллельны.": all(
                parallel(u, v) for n in vectors for u, v in itertools.product(spanning(n), repeat=2)
            ),
            "Две различные прямые, перпендикулярные одной плоскости, параллельны.": all(
                parallel(u, v)
                for n in vectors
                for u, v in itertools.product(vectors, repeat=2)
                if all(dot(u, w) == 0 == dot(v, w) for w in spanning(n))
            ),
            "Две прямые, не имеющие общих точек, параллельны.": all(
                parallel(u, v) for p, u, v in itertools.product(vectors, repeat=3) if disjoint(p, u, v)
            ),
            "Прямая, параллельная плоскости, параллельна любой прямой этой плоскости.": all(
                parallel(u, v) for n in vectors for u in spanning(n) for v in spanning(n)
            ),
            "Прямая, перпендикулярная двум пересекающимся прямым плоскости, перпендикулярна этой плоскости.": all(
                all(dot(d, [s * a + t * b for a, b in zip(u, v, strict=True)]) == 0 for s in (-2, 1, 3) for t in (1, 5))
                for u, v, d in itertools.product(vectors, repeat=3)
                if not parallel(u, v) and dot(d, u) == 0 == dot(d, v)
            ),
        },
    )


CUBE = {
    name + level: np.array([x, y, z], dtype=float)
    for name, (x, y) in {"A": (0, 0), "B": (1, 0), "C": (1, 1), "D": (0, 1)}.items()
    for level, z in {"": 0, "₁": 1}.items()
}


def section(points: Sequence[np.ndarray]) -> str:
    """Kind of the section of the unit cube by the plane through three points."""
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    assert np.linalg.norm(normal) > 1e-9
    corners: list[np.ndarray] = []
    for p, q in itertools.combinations(CUBE.values(), 2):
        if not math.isclose(float(np.linalg.norm(p - q)), 1.0):
            continue
        dp, dq = float(normal @ (p - points[0])), float(normal @ (q - points[0]))
        crossing = [p + (q - p) * dp / (dp - dq)] if dp * dq < -1e-12 else []
        crossing += [end for end, d in ((p, dp), (q, dq)) if abs(d) < 1e-9]
        corners += [c for c in crossing if all(np.linalg.norm(c - known) > 1e-9 for known in corners)]
    centre = sum(corners, np.zeros(3)) / len(corners)
    first = corners[0] - centre
    second = np.cross(normal, first)
    corners.sort(key=lambda c: math.atan2(float(second @ (c - centre)), float(first @ (c - centre))))
    if len(corners) == 4:
        s = [corners[(i + 1) % 4] - corners[i] for i in range(4)]
        pairs = sum(float(np.linalg.norm(np.cross(s[i], s[i + 2]))) < 1e-9 for i in (0, 1))
        return {2: "параллелограмм", 1: "трапеция, не являющаяся параллелограммом"}[pairs]
    return {3: "треугольник", 5: "пятиугольник", 6: "шестиугольник"}[len(corners)]


def mat_031(item: Item) -> Answer:
    key = {}
    for letter, text in item["left"].items():
        names = [re.findall("[ABCD]₁?", token) for token in re.findall(r"(?:[ABCD]₁?){1,2}", text)]
        points = [sum((CUBE[n] for n in group), np.zeros(3)) / len(group) for group in names]
        assert len(points) == 3
        key[letter] = code_of(item, section(points))
    return key


def mat_032(item: Item) -> Answer:
    (percent,) = numbers(item["stem"])
    growth = ((1 + percent / 100) ** 3 - 1) * 100
    return [code for code, text in item["options"].items() if numbers(text) == [growth]]


def mat_033(item: Item) -> Answer:
    says(item, "от вершины A до плоскости A₁BD", "Ребро куба ABCDA₁B₁C₁D₁ равно 1")
    origin, b, d = CUBE["A₁"], CUBE["B"], CUBE["D"]
    normal = np.cross(b - origin, d - origin)
    return equal_to(item, abs(float(normal @ (CUBE["A"] - origin))) / float(np.linalg.norm(normal)))


def mat_034(item: Item) -> Answer:
    vertices, edges = numbers(item["stem"])
    faces = 2 - vertices + edges
    names = {(3, 3): "тетраэдр", (4, 3): "куб", (3, 4): "октаэдр", (5, 3): "додекаэдр", (3, 5): "икосаэдр"}
    (found,) = [name for (p, q), name in names.items() if p * faces == 2 * edges and q * vertices == 2 * edges]
    return found


# -------------------------------------------------------------------------------------- probability, logic


def mat_035(item: Item) -> Answer:
    says(item, "«В каждом классе есть ученик, который решил все задачи»")
    forms: dict[str, Callable[[Sequence[Sequence[Sequence[bool]]]], bool]] = {
        "В каждом классе есть ученик, который не решил ни одной задачи.": lambda school: all(
            any(not any(pupil) for pupil in group) for group in school
        ),
        "В некотором классе ни один ученик не решил ни одной задачи.": lambda school: any(
            all(not any(pupil) for pupil in group) for group in school
        ),
        "В некотором классе у каждого ученика есть нерешённая задача.": lambda school: any(
            all(not all(pupil) for pupil in group) for group in school
        ),
        "В некотором классе есть ученик, у которого есть нерешённая задача.": lambda school: any(
            any(not all(pupil) for pupil in group) for group in school
        ),
    }
    pupils = list(itertools.product((False, True), repeat=2))
    groups = list(itertools.product(pupils, repeat=2))
    schools = list(itertools.product(groups, repeat=2))
    said = [all(any(all(pupil) for pupil in group) for group in school) for school in schools]
    return choose(item, {text: all(f(s) != value for s, value in zip(schools, said, strict=True)) for text, f in forms.items()})


def mat_036(item: Item) -> Answer:
    says(item, "Шестерых", "две команды по три", "не имеют названий")
    everyone = frozenset(range(6))
    teams = {frozenset({frozenset(team), everyone - frozenset(team)}) for team in itertools.combinations(everyone, 3)}
    return equal_to(item, Fraction(len(teams)))


def mat_037(item: Item) -> Answer:
    two = list(itertools.product(range(1, 7), repeat=2))
    coins = list(itertools.product("ОР", repeat=3))

    def share(cases: Iterable[bool]) -> Fraction:
        listed = list(cases)
        return Fraction(sum(listed), len(listed))

    probability = {
        "При бросании двух игральных костей сумма очков равна 7.": share(a + b == 7 for a, b in two),
        "При трёх бросках монеты орёл выпал ровно один раз.": share(toss.count("О") == 1 for toss in coins),
        "Из колоды в 36 карт, где 4 туза, наугад вынут туз.": share(card < 4 for card in range(36)),
        "При бросании игральной кости выпало больше четырёх очков.": share(face > 4 for face in range(1, 7)),
        "При двух бросках игральной кости хотя бы раз выпала шестёрка.": share(6 in pair for pair in two),
    }
    assert len(set(probability.values())) == len(probability)
    return sorted(item["options"], key=lambda code: probability[item["options"][code]])


def mat_038(item: Item) -> Answer:
    data = numbers(item["stem"])
    assert len(data) == 5
    assert len(statistics.multimode(data)) == 1
    values = {
        "среднее арифметическое": statistics.mean(data),
        "медиана": statistics.median(data),
        "мода": statistics.mode(data),
        "дисперсия (среднее арифметическое квадратов отклонений от среднего)": statistics.pvariance(data),
    }
    key = {}
    for letter, name in item["left"].items():
        (key[letter],) = equal_to(item, values[name])
    return key


# ------------------------------------------------------------------------------------------- methodical items


def mat_039(item: Item) -> Answer:
    says(item, "3/(x − 2) ≥ 1", "«3 ≥ x − 2; x ≤ 5. Ответ: (−∞; 5]»")
    xs = [Fraction(n, 4) for n in range(-80, 81)]
    true = {x for x in xs if x != 2 and 3 / (x - 2) >= 1}
    claimed = {
        "[5; +∞)": {x for x in xs if x >= 5},
        "(2; 5]": {x for x in xs if 2 < x <= 5},
        "(−∞; 2) ∪ (2; 5]": {x for x in xs if x <= 5 and x != 2},
        "(−∞; 2) ∪ [5; +∞)": {x for x in xs if x < 2 or x >= 5},
    }
    pupil = {x for x in xs if x <= 5}
    # the pupil is wrong exactly where the multiplier x - 2 is not positive: the sign is the reason
    assert pupil ^ true == {x for x in xs if x - 2 <= 0}
    right = []
    for code, text in item["options"].items():
        reason, answer = text.removesuffix(".").split("; ответ: ")
        if claimed[answer] == true and "не зная знака" in reason:
            right.append(code)
    return right


def mat_040(item: Item) -> Answer:
    def smaller_from_larger(a: Fraction, b: Fraction, c: Fraction, d: Fraction) -> Fraction:
        return a - c + abs(b - d)

    def borrow_without_paying(a: Fraction, b: Fraction, c: Fraction, d: Fraction) -> Fraction:
        return a - c + (b + 1 - d if b < d else b - d)

    def correct(a: Fraction, b: Fraction, c: Fraction, d: Fraction) -> Fraction:
        return a + b - c - d

    mixed = r"(\d+) (\d+/\d+)"
    examples = re.findall(rf"{mixed} − {mixed} = {mixed}", item["stem"])
    assert len(examples) == 2
    consistent = []
    for rule in (smaller_from_larger, borrow_without_paying, correct):
        parsed = [[Fraction(token) for token in example] for example in examples]
        if all(rule(e[0], e[1], e[2], e[3]) == e[4] + e[5] for e in parsed):
            consistent.append(rule)
    assert consistent == [smaller_from_larger]
    (question,) = re.findall(rf"в примере {mixed} − {mixed}\?", item["stem"])
    data = [Fraction(token) for token in question]
    answers = {rule(*data) for rule in (smaller_from_larger, borrow_without_paying, correct)}
    assert len(answers) == 3
    return smaller_from_larger(*data)


def mat_041(item: Item) -> Answer:
    says(item, "медиана CM равна половине стороны AB", "Докажите, что угол C прямой")
    says(item, "описанной около прямоугольного треугольника, — середина гипотенузы")
    circle = [(math.cos(math.radians(d)), math.sin(math.radians(d))) for d in range(5, 180, 5)]
    a, b = (-1.0, 0.0), (1.0, 0.0)  # CM = AB/2 puts C on the circle with diameter AB
    diameter_angle_may_differ = any(not math.isclose(angle(c, a, b), 90) for c in circle)
    # the pupil's chain: what each step takes and what it gives
    steps = [
        ({"ABC прямоугольный"}, "M — центр"),
        ({"M — центр"}, "AB — диаметр"),
        ({"AB — диаметр"}, "ABC прямоугольный"),
    ]

    def derived(known: set[str]) -> set[str]:
        for _ in steps:
            known = known | {gives for needs, gives in steps if needs <= known}
        return known

    circular = "ABC прямоугольный" not in derived({"CM = AB/2"}) and "M — центр" in derived({"ABC прямоугольный"})
    mentions_isosceles = "равнобедренн" in item["stem"]
    assert any(not math.isclose(distance(c, a), distance(c, b)) for c in circle)
    return choose(
        item,
        {
            "Доказательство неверно: вписанный угол, опирающийся на диаметр, не обязан быть прямым.": (diameter_angle_may_differ),
            "Доказательство верно: ученик опирается на известные теоремы школьного курса.": not circular,
            "Доказательство неполно: рассмотрен лишь случай равнобедренного треугольника.": mentions_isosceles,
            "Доказательство неверно: вывод о центре окружности опирается на то, что требуется доказать.": circular,
        },
    )


def mat_042(item: Item) -> Answer:
    pi = math.pi
    grid = [n / 2 for n in range(-60, 61)] + [pi * n / 12 for n in range(-24, 25)]
    pairs: dict[str, tuple[tuple[Function, Function], tuple[Function, Function]]] = {
        "x² = 7x → x = 7": ((lambda x: x * x, lambda x: 7 * x), (lambda x: x, lambda _: 7.0)),
        "√(x + 5) = x − 1 → x + 5 = (x − 1)²": (
            (lambda x: math.sqrt(x + 5), lambda x: x - 1),
            (lambda x: x + 5, lambda x: (x - 1) ** 2),
        ),
        "(x² − 4)/(x − 2) = 0 → x² − 4 = 0": ((lambda x: (x * x - 4) / (x - 2), zero), (lambda x: x * x - 4, zero)),
        "lg(x²) = 2 → 2 lg x = 2": (
            (lambda x: math.log10(x * x), lambda _: 2.0),
            (lambda x: 2 * math.log10(x), lambda _: 2.0),
        ),
        "log₃ x + log₃(x − 2) = 1 → log₃(x² − 2x) = 1": (
            (lambda x: math.log(x, 3) + math.log(x - 2, 3), lambda _: 1.0),
            (lambda x: math.log(x * x - 2 * x, 3), lambda _: 1.0),
        ),
        "sin 2x = cos x → 2 sin x = 1": (
            (lambda x: math.sin(2 * x), math.cos),
            (lambda x: 2 * math.sin(x), lambda _: 1.0),
        ),
    }
    truth = {}
    for text, (original, written) in pairs.items():
        before, after = solutions(*original, grid), solutions(*written, grid)
        assert before
        assert before != after, "every step changes the set of roots, so the question is a real one"
        truth[text] = bool(before - after)
    return choose(item, truth)


def mat_044(item: Item) -> Answer:
    says(item, "√(2x + 7) = x + 2", "посторонний корень не отброшен", "одна вычислительная ошибка")
    squared = {int(whole(x)) for x in real_roots([1, 2, -3])}  # 2x + 7 = (x + 2)²
    true = {x for x in squared if holds(lambda t: math.sqrt(2 * t + 7), lambda t: t + 2, x)}
    assert true < squared

    def mark(text: str) -> int:
        work, answer_text = text.removesuffix(".").split(". Ответ: ")
        answer = {int(n) for n in numbers(answer_text)}
        steps = work.split("; ")
        if steps[0].startswith("t = √(2x + 7)"):  # substitution: check every step of it
            ts = real_roots([1, -2, -3])
            assert all(math.isclose(t, (t * t - 7) / 2 + 2) for t in ts)
            kept = {int(whole((t * t - 7) / 2)) for t in ts if t >= 0}
            return 2 if answer == kept == true else 0
        first = steps[0].removeprefix("2x + 7 = ")
        if any(evaluate(first, x=Fraction(x)) != (x + 2) ** 2 for x in range(-3, 4)):
            return 0  # the formula of the square of a sum is wrong: not a slip in computation
        if answer == true:
            return 2
        if answer == squared:
            return 1
        written = coefficients(steps[1].split(" = 0")[0], 2)
        slips = sum(a != b for a, b in zip(written, [1, 2, -3], strict=True))
        return 1 if slips == 1 and {int(whole(x)) for x in real_roots(written)} == answer else 0

    labels = {0: "0 баллов", 1: "1 балл", 2: "2 балла"}
    return {letter: code_of(item, labels[mark(text)]) for letter, text in item["left"].items()}


def mat_045(item: Item) -> Answer:
    says(item, "4^x − 5·2^x + 4 ≥ 0", "Ответ: (−∞; 0] ∪ [2; +∞)", "t ≤ 1 или t ≥ 4")
    says(item, "не повлиявшее на равносильность переходов, ошибкой не считается")
    xs = [n / 8 for n in range(-80, 81)]
    true = {x for x in xs if 4**x - 5 * 2**x + 4 >= 0}
    steps = [
        {x for x in xs if (2**x - 1) * (2**x - 4) >= 0},
        {x for x in xs if 2**x <= 1 or 2**x >= 4},
        {x for x in xs if x <= 0 or x >= 2},
    ]
    equivalent = all(step == true for step in steps)
    open_ends = true - {0.0, 2.0}
    mark = 2 if equivalent else 1 if steps[-1] == open_ends else 0
    return [code for code, text in item["options"].items() if int(text.split(" балл")[0]) == mark]


def mat_047(item: Item) -> Answer:
    says(item, "6 : 3/4", "6 · 4/3")
    dividend, divisor = Fraction(6), Fraction(3, 4)
    quotient = dividend / divisor
    truth = {}
    for text in item["options"].values():
        if "В единице число 3/4 содержится 4/3 раза" in text:
            truth[text] = Fraction(4, 3) * divisor == 1 and dividend * Fraction(4, 3) == quotient
        elif "Разделить на 3/4 — значит взять 3/4 от шести" in text:
            truth[text] = dividend * divisor == quotient
        elif "При делении число уменьшается" in text:
            truth[text] = quotient < dividend
        else:  # the figures agree with the truth, but the rule is confirmed by the rule itself
            assert quotient == 8
            assert "6 · 4/3 = 8" in text
            truth[text] = "по правилу" not in text
    return choose(item, truth)


def mat_048(item: Item) -> Answer:
    revealing = []
    for code, text in item["options"].items():
        derivative = np.polyder(np.poly1d(coefficients(text.removeprefix("y = "))))
        zeros = real_roots(list(np.trim_zeros(derivative.coeffs, "f")))
        assert zeros
        changes = sum(float(derivative(z - 0.05)) * float(derivative(z + 0.05)) < 0 for z in zeros)
        if len(zeros) != changes:  # what the pupil says and what is true
            revealing.append(code)
    return revealing


RECOMPUTE: dict[str, Callable[[Item], Answer]] = {
    name.upper().replace("_", "-"): function for name, function in sorted(globals().items()) if re.fullmatch(r"mat_\d{3}", name)
}


# ------------------------------------------------------------------------------------------------- the tests


def test_every_keyed_item_is_recomputed() -> None:
    assert set(RECOMPUTE) == set(KEYED)


@pytest.mark.parametrize("identifier", KEYED)
def test_key_is_the_recomputed_answer(identifier: str) -> None:
    item = ITEMS[identifier]
    key, answer = item["key"], RECOMPUTE[identifier](item)
    match item["type"]:
        case "single":
            assert answer == [key]
        case "multiple":
            assert isinstance(answer, list)
            assert sorted(key) == sorted(answer)
            assert 0 < len(key) < len(item["options"])
        case "number":
            assert isinstance(answer, Fraction)
            tolerance = Fraction(item.get("scoring", {}).get("absolute", "0"))
            assert abs(Fraction(key) - answer) <= tolerance
        case "text":
            assert answer in key
        case _:
            assert answer == key


# Values to which the named misconceptions lead; each must be the distractor it is attached to.
DISTRACTORS: dict[str, dict[str, Real]] = {
    "MAT-001": {"1": math.fmod(-38, 7), "2": Fraction(-38 // 7), "3": Fraction(38 % 7)},
    "MAT-008": {
        "1": (math.sqrt(3) - 2) + math.sqrt(3),
        "3": (2 + math.sqrt(3)) + math.sqrt(3),
        "4": math.sqrt(7 - 4 * math.sqrt(3) + math.sqrt(3)),
    },
    "MAT-019": {"1": Fraction(5) - Fraction(11**2, 4), "3": Fraction(1 - 11 + 5), "4": Fraction(11**2 - 11 * 11 + 5)},
    "MAT-020": {"1": Fraction(1, 2 * 3), "2": Fraction(4, 3), "3": Fraction(1, 3)},
    "MAT-024": {
        "2": integral_of_cube(Fraction(-1), Fraction(2)),
        "3": Fraction(2**3 - (-1) ** 3),
        "4": integral_of_cube(Fraction(0), Fraction(2)),
    },
    "MAT-027": {
        "1": 60 * Fraction(2, 3) * Fraction(1, 4),
        "3": 60 * Fraction(1, 3) * Fraction(3, 4),
        "4": 60 - 60 * Fraction(1, 3) * Fraction(3, 4),
    },
    "MAT-033": {"1": Fraction(1), "2": math.sqrt(2) / 2, "3": Fraction(1, 1 + 1 + 1)},
    "MAT-036": {
        "2": Fraction(math.comb(6, 3)),
        "3": Fraction(math.perm(6, 3)),
        "4": Fraction(math.factorial(6)),
    },
}


@pytest.mark.parametrize("identifier", sorted(DISTRACTORS))
def test_distractors_follow_from_their_misconceptions(identifier: str) -> None:
    item = ITEMS[identifier]
    assert set(DISTRACTORS[identifier]) == set(item["misconceptions"]) == set(item["options"]) - {item["key"]}
    for code, value in DISTRACTORS[identifier].items():
        assert equal_to(item, value) == [code]


# Answers of frequent wrong ways in the number items: none of them may score.
WRONG_NUMBERS: dict[str, list[Real]] = {
    "MAT-002": [24, 17, 6],  # all divisors; the number itself left out; odd ones
    "MAT-005": [Fraction(45, 4), 10, 5],  # sum of the relative errors; doubled and single percent
    "MAT-007": [64, 52],  # the cube of 4; the wrong sign of the middle term
    "MAT-013": [5, 10, 9],  # a = 1 lost; a = 4 added; both
    "MAT-014": [12, 6, 16],
    "MAT-018": [250, 55],  # the sum itself; the derivative 6n − 5 instead of the difference
    "MAT-021": [2, -2],  # slope at x = 1; the smaller slope
    "MAT-023": [2, 16, 8],  # abscissa; half of the rectangle; the ordinate
    "MAT-040": [Fraction(24, 5), Fraction(29, 5)],  # the right difference; a unit borrowed but not paid
}


@pytest.mark.parametrize("identifier", [i for i in KEYED if ITEMS[i]["type"] == "number"])
def test_wrong_numbers_do_not_score(identifier: str) -> None:
    item = ITEMS[identifier]
    tolerance = Fraction(item.get("scoring", {}).get("absolute", "0"))
    assert all(abs(Fraction(item["key"]) - Fraction(wrong)) > tolerance for wrong in WRONG_NUMBERS[identifier])


# ------------------------------------------------------------------- facts on which the open items' rubrics rest


def test_trapezium_of_the_open_item() -> None:
    """MAT-025: equal side triangles and area 50 for any trapezium with the given areas."""
    for shift in range(-3, 4):
        zero_, h = Fraction(), Fraction(10)  # AD = 6, BC = 4, height 10: areas 18 and 8
        a, d = (zero_, zero_), (Fraction(6), zero_)
        b, c = (Fraction(shift), h), (Fraction(shift + 4), h)
        o = (c[0] * Fraction(3, 5), c[1] * Fraction(3, 5))
        assert (o[0] - d[0]) * (b[1] - d[1]) == (o[1] - d[1]) * (b[0] - d[0])
        assert [area(b, o, c), area(a, o, d)] == [8, 18]
        assert area(a, b, o) == area(c, d, o) == 12
        assert area(a, b, c, d) == 50
    assert "50" in ITEMS["MAT-025"]["rubric"][1]["levels"]["1"]


def test_dice_of_the_open_item() -> None:
    """MAT-043: the pupil counts sums, the right answer counts pairs."""
    pairs = list(itertools.product(range(1, 7), repeat=2))
    sums = {a + b for a, b in pairs}
    assert Fraction(sum(s >= 10 for s in sums), len(sums)) == Fraction(3, 11)
    right = Fraction(sum(a + b >= 10 for a, b in pairs), len(pairs))
    assert f"6/36 = {right}" in ITEMS["MAT-043"]["rubric"][1]["levels"]["1"]
    assert [sum(a + b == s for a, b in pairs) for s in (2, 7, 10, 12)] == [1, 6, 3, 1]


def test_cubic_of_the_open_item() -> None:
    """MAT-046: the answer is right, the point 3 and the ends are the gaps, the counterexample works."""
    f = np.poly1d([1, -3, -9, 5])
    stem = ITEMS["MAT-046"]["stem"]
    critical = [int(whole(x)) for x in real_roots([3, -6, -9])]
    assert critical == [-1, 3]
    assert [x for x in critical if not -2 <= x <= 2] == [3]
    assert (int(f(-1)), int(f(3))) == (10, -22)
    assert "f(−1) = 10, f(3) = −22. Ответ: 10" in stem
    assert max(int(f(x)) for x in (-2, -1, 2)) == 10
    assert (int(f(-2)), int(f(2)), int(f(6))) == (3, -17, 59)
    assert max(int(f(x)) for x in critical) == 10 < int(f(6))
