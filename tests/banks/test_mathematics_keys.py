"""Recompute the keys of mathematics items from their own text, independently of the stored key."""

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
        code for code, text in item["options"].items() if 0 <= evaluate(text) < divisor and (dividend - evaluate(text)) % divisor == 0
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


# --------------------------------------------------------------------------------------------- expressions


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

    truth = {text: all(holds(left, right, x) for x in sample_points() if defined(left, x)) for text, (left, right) in sides.items()}
    return choose(item, truth)


# -------------------------------------------------------------------------------------- equations, inequalities


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
        ("(x² − 9)/(x + 3) = 0 → x² − 9 = 0", (lambda x: (x * x - 9) / (x + 3), zero), (lambda x: x * x - 9, zero)),
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


# ----------------------------------------------------------------------------------------------- functions


def increasing(function: Function, xs: Sequence[float]) -> bool:
    return all(function(a) < function(b) for a, b in itertools.pairwise(xs))


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
        "описанной около любого треугольника, — точка пересечения его биссектрис": distance(incentre, circumcircle(a, b, c)[0]) < 1e-9,
        "Вписанный угол, опирающийся на диаметр, прямой": all(math.isclose(angle(p, (-1.0, 0.0), (1.0, 0.0)), 90) for p in on_circle),
        "Ромб, около которого можно описать окружность, является квадратом": [d for d in range(1, 180) if cyclic(rhombus(d))] == [90],
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


# -------------------------------------------------------------------------------------------- solid geometry


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


# ------------------------------------------------------------------------------------------- methodical items


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
        "lg(x²) = 2 → 2 lg x = 2": ((lambda x: math.log10(x * x), lambda _: 2.0), (lambda x: 2 * math.log10(x), lambda _: 2.0)),
        "log₃ x + log₃(x − 2) = 1 → log₃(x² − 2x) = 1": (
            (lambda x: math.log(x, 3) + math.log(x - 2, 3), lambda _: 1.0),
            (lambda x: math.log(x * x - 2 * x, 3), lambda _: 1.0),
        ),
        "sin 2x = cos x → 2 sin x = 1": ((lambda x: math.sin(2 * x), math.cos), (lambda x: 2 * math.sin(x), lambda _: 1.0)),
    }
    truth = {}
    for text, (original, written) in pairs.items():
        before, after = solutions(*original, grid), solutions(*written, grid)
        assert before
        assert before != after, "every step changes the set of roots, so the question is a real one"
        truth[text] = bool(before - after)
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


# ------------------------------------------------------------------------------ new subject items of version 2.0.0


def mat_049(item: Item) -> Answer:
    plane = [complex(a, b) for a in range(-3, 4) for b in range(-3, 4)]
    unit = [complex(math.cos(t), math.sin(t)) for t in (0.3, 1.7, 2.9, 4.4)]

    def real(z: complex) -> bool:
        return abs(z.imag) < 1e-9

    def square_roots(w: complex) -> int:
        found = np.roots([1, 0, -w])
        assert np.allclose(found**2, w)
        return 1 if abs(found[0] - found[1]) < 1e-9 else 2

    pairs = [(z, w) for z in plane for w in plane if real(z + w) and real(z * w)]
    return choose(
        item,
        {
            "Если |z| = 1, то 1/z = z̄.": all(abs(1 / z - z.conjugate()) < 1e-9 for z in unit),
            "Число z − z̄ действительное.": all(real(z - z.conjugate()) for z in plane),
            "Справедливо равенство |z²| = |z|².": all(math.isclose(abs(z * z), abs(z) ** 2) for z in plane),
            "Если z + w и zw действительные, то z и w действительные.": all(real(z) and real(w) for z, w in pairs),
            "Если w ≠ 0, то уравнение z² = w имеет ровно два корня.": all(square_roots(w) == 2 for w in plane if w),
            "Справедливо равенство z² = |z|².": all(abs(z * z - abs(z) ** 2) < 1e-9 for z in plane),
        },
    )


def mat_050(item: Item) -> Answer:
    first, second = numbers(item["stem"])
    (met,) = [t for t in range(1, 100) if t * t == first * second]  # speeds are as second : t and as t : first
    return Fraction(met)


def mat_051(item: Item) -> Answer:
    xs = [n / 4 for n in range(-20, 21)]
    falling: list[Function] = [lambda x: -x, lambda x: 1 - x**3, lambda x: math.exp(-x)]
    even: list[Function] = [abs, math.cos, lambda x: x * x]
    jump = {x: float(np.sign(x)) * (abs(x) - 1) for x in xs}  # odd, grows where x > 0
    swap = {x: -x if x == int(x) else x for x in xs}  # takes every value once
    assert all(jump[-x] == -jump[x] for x in xs)
    assert increasing(jump.__getitem__, [x for x in xs if x > 0])
    assert sorted(swap.values()) == xs
    # cos x + cos √2x = 2 at 0; another such x = 2πm = √2πn would make √2 rational
    common_period = any(m * m * 2 == n * n for m in range(1, 500) for n in range(1, 800))

    def after(f: Function, g: Function) -> Function:
        return lambda x: f(g(x))

    down = [(f, g) for f in falling for g in falling]
    return choose(
        item,
        {
            "Если f и g периодические, то f + g — периодическая функция.": common_period,
            "Если g чётная, то функция y = f(g(x)) чётная.": all(f(g(x)) == f(g(-x)) for f in falling for g in even for x in xs),
            "Если f нечётная и возрастает при x > 0, то f возрастает при всех x.": increasing(jump.__getitem__, xs),
            "Если f и g убывают, то функция y = f(g(x)) возрастает.": all(increasing(after(f, g), xs[8:33]) for f, g in down),
            "Если функция y = f(g(x)) возрастает, то f и g возрастают.": all(
                increasing(f, xs) and increasing(g, xs) for f, g in down if increasing(after(f, g), xs[8:33])
            ),
            "Если f принимает каждое действительное значение ровно один раз, то f монотонна.": increasing(swap.__getitem__, xs)
            or increasing(lambda x: -swap[x], xs),
        },
    )


def mat_052(item: Item) -> Answer:
    xs = [n / 50 for n in range(-300, 301)]
    smooth = [np.poly1d(c) for c in ([1, 0, 0, 0, 0], [1, 0, 1, 3], [1, 0, 5, 0, 2], [2, 1], [1, -6, 5])]

    def parity(f: np.poly1d, sign: int) -> bool:
        return all(math.isclose(f(-x), sign * f(x), abs_tol=1e-9) for x in xs)

    level = [f - float(f(1)) for f in (np.poly1d([1, -6, 5]), np.poly1d([1, -9, 24, -16]) * np.poly1d([1, -5]) * np.poly1d([1, -1]))]
    rolle = [f for f in level if abs(f(5) - f(1)) < 1e-9]
    assert len(rolle) == len(level)
    fourth = smooth[0]
    assert fourth.deriv()(0) == fourth.deriv(2)(0) == 0
    slopes = [x * math.cos(x * x) for x in (math.sqrt(2 * math.pi * n) for n in range(1, 5000))]  # of 0,5 sin x²
    period = 2 * math.pi  # 1 + cos x has it, x + sin x has none
    return choose(
        item,
        {
            "Если f(1) = f(5), то f′(c) = 0 хотя бы при одном c между 1 и 5.": all(
                any(1 < c < 5 for c in real_roots(list(f.deriv().coeffs))) for f in rolle
            ),
            "Если f′(0) = f″(0) = 0, то в нуле у f нет ни минимума, ни максимума.": not all(fourth(x) > 0 for x in xs if x),
            "Если |f(x)| < 1 при всех x, то существует число M, для которого |f′(x)| < M при всех x.": max(slopes) < 100,
            "Если f′ периодическая, то f периодическая.": math.isclose(period + math.sin(period), 0, abs_tol=1e-9),
            "Если f чётная, то f′ нечётная.": all(parity(f.deriv(), -1) for f in smooth if parity(f, 1)),
            "Если f′ чётная, то f нечётная.": all(parity(f, -1) for f in smooth if parity(f.deriv(), 1)),
        },
    )


def mat_053(item: Item) -> Answer:
    def count(text: str) -> int:
        given = {name: int(value) for name, value in re.findall(r"(AB|BC|AC|∠[ABC]) = (\d+)", text)}
        if len(given) == 3 and all(name.startswith("∠") for name in given):
            return 3 if sum(given.values()) == 180 else 0
        if set(given) == {"AB", "BC", "AC"}:
            return int(2 * max(given.values()) < sum(given.values()))
        ab, bc, a = given["AB"], given["BC"], math.radians(given["∠A"])
        # AC = t: t² − 2·AB·t·cos A + AB² = BC²
        return sum(t > 1e-9 for t in real_roots([1, -2 * ab * math.cos(a), ab * ab - bc * bc]))

    return {letter: str(count(text)) for letter, text in item["left"].items()}


def mat_054(item: Item) -> Answer:
    vectors = [v for v in itertools.product((-1, 0, 1), repeat=3) if any(v)]

    def dot(u: Sequence[int], v: Sequence[int]) -> int:
        return sum(a * b for a, b in zip(u, v, strict=True))

    def cross(u: Sequence[int], v: Sequence[int]) -> tuple[int, int, int]:
        return (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])

    def parallel(u: Sequence[int], v: Sequence[int]) -> bool:
        return not any(cross(u, v))

    def meets(p: Sequence[int], u: Sequence[int], n: Sequence[int], c: int) -> bool:
        """The line p + tu and the plane n·x = c have one common point."""
        slope, start = dot(n, u), dot(n, p) - c
        points = list(np.roots([slope, start])) if slope else []
        return len(points) == 1

    def inside(n: Sequence[int]) -> list[tuple[int, ...]]:
        return [v for v in vectors if dot(v, n) == 0]

    skew = [(u, v, p) for u, v, p in itertools.product(vectors, repeat=3) if dot(p, cross(u, v))]
    truth = [
        all(meets(p, u, n, 0) == meets(p, u, n, 5) for p, u, n in itertools.product(vectors, repeat=3)),
        all(any(not parallel(v, w) for v in inside(u) for w in inside(u)) for u in vectors),
        all(parallel(u, v) for n in vectors for u in inside(n) for v in inside(n)),
        all(parallel(cross(u, v), n) for n in vectors for u in inside(n) for v in inside(n) if not parallel(u, v)),
        all(parallel(u, n) for n in vectors for m in inside(n) for u in inside(m)),
        not any(dot(n, u) and not dot(n, v) for u, v, _ in skew for n in vectors),
        all(any(cross(u, v)) and dot(p, cross(u, v)) != 0 for u, v, p in skew),
    ]
    starts = [
        "Если прямая пересекает одну из двух параллельных плоскостей, то",
        "Через любую точку прямой проходит бесконечно много прямых, перпендикулярных",
        "Если две прямые параллельны одной плоскости, то они параллельны",
        "Если две пересекающиеся плоскости перпендикулярны третьей, то их общая прямая перпендикулярна",
        "Если плоскости перпендикулярны, то каждая прямая одной перпендикулярна другой",
        "Если плоскость пересекает одну из двух скрещивающихся прямых, то она не может быть параллельна",
        "Через любые две скрещивающиеся прямые можно провести две параллельные плоскости",
    ]
    assert all(text.startswith(start) for text, start in zip(item["options"].values(), starts, strict=True))
    return [code for code, holds_ in zip(item["options"], truth, strict=True) if holds_]


def mat_055(item: Item) -> Answer:
    p, q = numbers(item["stem"])
    hit = sum((p if a else 1 - p) * (q if b else 1 - q) for a, b in itertools.product((True, False), repeat=2) if a or b)
    return equal_to(item, hit)


def mat_057(item: Item) -> Answer:
    cube = [(a, b) for a, b in itertools.combinations(range(8), 2) if (a ^ b).bit_count() == 1]
    octahedron = [(a, b) for a, b in itertools.combinations(range(6), 2) if a // 2 != b // 2]
    base = [(0, 1), (1, 2), (0, 2)]
    prism = [*base, *((a + 3, b + 3) for a, b in base), *((k, k + 3) for k in range(3))]
    pyramid = [*((k, (k + 1) % 4) for k in range(4)), *((k, 4) for k in range(4))]
    solids = {"куб": cube, "октаэдр": octahedron, "треугольная призма": prism, "четырёхугольная пирамида": pyramid}

    def trails(edges: Sequence[tuple[int, int]]) -> int:
        degrees = [sum(v in edge for edge in edges) for v in {v for edge in edges for v in edge}]
        return max(1, sum(d % 2 for d in degrees) // 2)

    words = {1: "одной", 2: "двух", 3: "трёх", 4: "четырёх", 5: "пяти"}
    return {letter: code_of(item, words[trails(solids[name])]) for letter, name in item["left"].items()}


# ------------------------------------------------------------------------------- wrong rules of pupils, from their works


def mixed(text: str) -> Fraction:
    return sum((Fraction(part.replace(",", ".").replace("−", "-")) for part in text.split()), Fraction())


def next_answer(item: Item, task: str, rules: Sequence[Callable[..., Any]], read: Callable[[str], Any]) -> list[str]:
    """Answer to the last task by the only rule that fits the pupil's work; no rule is the right one."""
    work = [
        (re.search(task, line), re.split(r"= |наибольшая |стало |площадь ", line)[-1]) for line in item["stimulus"]["text"].split("\n")
    ]
    work = [(found, answer) for found, answer in work if found]
    assert len(work) == 2
    fitting = [rule for rule in rules if all(rule(*found.groups()) == read(answer) for found, answer in work if found)]
    (rule,) = fitting
    asked = re.search(task, item["stem"])
    assert asked is not None
    return [code for code, text in item["options"].items() if read(text) == rule(*asked.groups())]


def mat_058(item: Item) -> Answer:
    def of(change: Callable[[int, int, int, int, int], Fraction]) -> Callable[..., Fraction]:
        return lambda *texts: change(*map(int, texts))

    rules = [
        of(lambda a, b, c, d, n: a - c + Fraction(b - d, n)),
        of(lambda a, b, c, d, n: a - c + Fraction(abs(b - d), n)),
        of(lambda a, b, c, d, n: a - c + Fraction(n + b - d, n)),
        of(lambda a, b, c, d, n: a - 1 - c + Fraction(10 + b - d, n)),
    ]
    task = r"(\d+) (\d+)/\d+ − (\d+) (\d+)/(\d+)"
    return next_answer(item, task, rules, mixed)


def mat_059(item: Item) -> Answer:
    def value(text: str) -> Fraction:
        return Fraction(text.replace(",", "."))

    rules = [
        lambda *texts: max(map(value, texts)),
        lambda *texts: value(max(texts, key=lambda t: int(t.split(",")[1]))),
        lambda *texts: value(min(texts, key=lambda t: (len(t), -value(t)))),
    ]
    return next_answer(item, r"(\d+,\d+); (\d+,\d+); (\d+,\d+)", rules, mixed)


def mat_060(item: Item) -> Answer:
    def of(change: Callable[[int, int, int, int], Fraction | int]) -> Callable[..., Fraction | int]:
        return lambda *texts: change(*map(int, texts))

    rules = [
        of(lambda a, b, c, d: Fraction(d - b, a - c)),
        of(lambda a, b, c, d: Fraction(d + b, a - c)),
        of(lambda a, b, c, d: Fraction(d - b, a + c)),
        of(lambda a, b, c, d: Fraction(d + b, a + c)),
        of(lambda a, b, c, d: d - b - (a - c)),
    ]
    return next_answer(item, r"(\d+)x \+ (\d+) = (\d+)x \+ (\d+)", rules, mixed)


def mat_061(item: Item) -> Answer:
    def of(change: Callable[[Fraction, Fraction, Fraction], Fraction]) -> Callable[..., Fraction]:
        return lambda x, p, q: change(Fraction(x), Fraction(int(p), 100), Fraction(int(q), 100))

    rules = [
        of(lambda x, p, q: x * (1 + p) * (1 - q)),
        of(lambda x, p, q: x * (1 + p - q)),
        of(lambda x, p, q: x + x * p * (1 - q)),
        of(lambda x, p, q: x * (1 + p * q)),
    ]
    task = r"Было (\d+)\sруб\., подорожало на (\d+)\s%, затем подешевело на (\d+)\s%"
    return next_answer(item, task, rules, lambda text: numbers(text)[0])


def mat_062(item: Item) -> Answer:
    rules: list[Callable[[str, str], int]] = [
        lambda s, k: int(s) * int(k) ** 2,
        lambda s, k: int(s) * int(k),
        lambda s, k: int(s) * int(k) ** 3,
        lambda s, k: int(s) * 2 * int(k),
    ]
    return next_answer(item, r"Площадь (\d+)\sсм², размеры увеличили в (\d+) раз", rules, lambda text: numbers(text)[0])


def mat_064(item: Item) -> Answer:
    grid = list(itertools.product(range(1, 9), repeat=4))
    proper = [(Fraction(a, b), b - a) for b in range(2, 12) for a in range(1, b)]

    def between(a: int, b: int, c: int, d: int) -> bool:
        low, high = sorted((Fraction(a, b), Fraction(c, d)))
        return low <= Fraction(a + c, b + d) <= high

    truth = {
        "разделить a на c, b на d": all(Fraction(a, b) / Fraction(c, d) == Fraction(a, c) / Fraction(b, d) for a, b, c, d in grid),
        "разность знаменателя и числителя меньше": all(x > y for x, m in proper for y, n in proper if m < n),
        "можно найти q % от числа p": all(Fraction(p, 100) * q == Fraction(q, 100) * p for p, q, *_ in grid),
        "Дробь (a + c)/(b + d) никогда": all(between(*row) for row in grid),
        "сумма цифр числа делится на 27": all(n % 27 == 0 for n in range(1, 100_000) if sum(map(int, str(n))) % 27 == 0),
    }
    text = item["stimulus"]["text"].replace("\u00a0", " ")
    order = sorted(truth, key=text.index)
    assert [re.findall(r"(\d)\) [^\n]*" + re.escape(start), text) for start in order] == [[d] for d in "12345"]
    return "".join(str(int(truth[start])) for start in order)


# -------------------------------------------------------------------------------------------- marks, from the criteria


def works(item: Item) -> dict[str, list[str]]:
    """Lines of each work of the stimulus, without its label."""
    parts = re.split(r"^ *([А-Г\d])\) ", item["stimulus"]["text"].replace("\u00a0", " "), flags=re.MULTILINE)
    return {k: [" ".join(line.split()) for line in v.strip().split("\n")] for k, v in zip(parts[1::2], parts[2::2], strict=True)}


def mat_065(item: Item) -> Answer:
    squared = {int(whole(x)) for x in real_roots([1, 2, -3])}  # 2x + 7 = (x + 2)²
    true = {x for x in squared if holds(lambda t: math.sqrt(2 * t + 7), lambda t: t + 2, x)}
    assert true < squared

    def mark(lines: list[str]) -> int:
        answer = {int(n) for n in numbers(lines[-1].split("Ответ:")[1])}
        if lines[0].startswith("t = √(2x + 7)"):
            ts = real_roots([1, -2, -3])
            assert all(math.isclose(t, (t * t - 7) / 2 + 2) for t in ts)
            return 2 if answer == {int(whole((t * t - 7) / 2)) for t in ts if t >= 0} == true else 0
        right = lines[0].removeprefix("2x + 7 = ")
        if any(evaluate(right, x=Fraction(x)) != (x + 2) ** 2 for x in range(-3, 4)):
            return 0  # the formula of the square of a sum is wrong
        if answer in (true, squared):
            return 2 if answer == true else 1
        moved, written = (coefficients(line.split(" = 0")[0], 2) for line in lines[1:3])
        assert moved == [1, 2, -3]  # terms are moved rightly, so what is wrong is the sum
        slips = sum(a != b for a, b in zip(written, [1, 2, -3], strict=True))
        return 1 if slips == 1 and {int(whole(x)) for x in real_roots(written)} == answer else 0

    return {letter: str(mark(lines)) for letter, lines in works(item).items()}


def mat_066(item: Item) -> Answer:
    xs = [Fraction(n, 4) for n in range(-20, 21)]
    true = {x for x in xs if 4 ** float(x) - 5 * 2 ** float(x) + 4 >= 0}

    def read(text: str) -> set[Fraction]:
        """Solutions that a text like «x ≤ 0 или x ≥ 2» or «0 ≤ x ≤ 2» names."""
        parts = [p.replace("≤", "<=").replace("≥", ">=") for p in text.removeprefix("Ответ: ").rstrip(".").split(" или ")]
        return {x for x in xs if any(eval(p, {"x": x}) for p in parts)}

    def slips(lines: list[str]) -> int:
        sums = [s for line in lines for s in re.findall(r"(?:^|, )(?:D|t[₁₂]) = ([^,=]*) = (\d+)", line)]
        return sum(evaluate(left) != Fraction(right) for left, right in sums)

    marks = {}
    for code, lines in works(item).items():
        found = read(lines[-1])
        if found == true:
            marks[code] = 2
        elif found < true and true - found == {Fraction(0), Fraction(2)}:
            marks[code] = 1
        elif slips(lines) == 1:
            roots = [math.log2(int(t)) for t in re.findall(r"t[₁₂] = [^=]*= (\d+)", " ".join(lines))]
            marks[code] = int(found == {x for x in xs if x <= min(roots) or x >= max(roots)})
        else:
            marks[code] = 0
    return [code for code, text in item["options"].items() if marks[text.removeprefix("работа ")] == 1]


def mat_067(item: Item) -> Answer:
    every = [p for p in itertools.permutations("01234", 3) if p[0] != "0"]

    def among(*last: str) -> int:
        return sum(p[2] in last for p in every)

    # numbers that each work says it has counted, in the order of its text
    says_counted = {
        "1": [len(every), among("1", "3")],
        "2": [among("0"), among("2", "4")],
        "3": [len(every)],
        "4": [among("0"), among("2"), among("4")],
    }
    sums = ""
    for code, lines in works(item).items():
        counted = [int(n) for line in lines[:-1] for n in re.findall(r"(?:· ?\d|·\d|всего|так же) ?=? ?(\d+)\.", line)]
        result = numbers(lines[-1])[-1]
        true = says_counted[code]
        sums += str(int(counted[: len(true)] == true) + int(result == among("0", "2", "4")))
    return sums


def mat_068(item: Item) -> Answer:
    def root(text: str) -> Fraction:
        text = re.sub(r"(?<=[\d)])\(", "·(", text)
        sides = text.split(" = ")
        at = [Fraction(evaluate(sides[0], x=Fraction(x)) - evaluate(sides[1], x=Fraction(x))) for x in (0, 1, 2)]
        assert at[2] - at[1] == at[1] - at[0], "linear"
        return -at[0] / (at[1] - at[0])

    (given,) = re.findall("уравнение (.*)»", item["stimulus"]["text"])
    lines = re.findall(r"строка \d: +(.*)", item["stimulus"]["text"])
    roots = [root(line) for line in (given, *lines)]
    (answer,) = re.findall(r"Ответ: (\S+)", item["stimulus"]["text"])
    says(item, "— 1 балл", "ещё 2 балла")
    return Fraction(sum(a == b for a, b in itertools.pairwise(roots)) + 2 * (Fraction(answer) == roots[0]))


# --------------------------------------------------------------------------------- tasks, explanations, plans, literacy


def mat_073(item: Item) -> Answer:
    says(item, "u′·v′", "u′·v (второй")
    known: dict[str, tuple[Function, Function]] = {
        "7": (lambda _: 7.0, zero),
        "2": (lambda _: 2.0, zero),
        "sin x": (math.sin, math.cos),
        "x³": (lambda x: x**3, lambda x: 3 * x * x),
        "eˣ": (math.exp, math.exp),
    }

    def parts(text: str) -> bool:
        (_, du), (v, dv) = (known[name] for name in text.removeprefix("y = ").split("·"))
        return any(not math.isclose(du(x) * v(x), du(x) * dv(x)) for x in (0.5, 1.5, 2.5))

    return choose(item, {text: parts(text) for text in item["options"].values()})


def mat_074(item: Item) -> Answer:
    says(item, "√(x + a) = x − 1", "два различных целых корня", "ровно один")
    right = []
    for code, text in item["options"].items():
        (a,) = (int(n) for n in numbers(text))
        roots = [x for x in range(-50, 51) if x + a == (x - 1) ** 2]
        if len(roots) == 2 and sum(x >= 1 for x in roots) == 1:
            right.append(code)
    return right


def mat_075(item: Item) -> Answer:
    xs = [n / 20 for n in range(-160, 61)]

    def function(text: str) -> Function:
        plain = text.split(" = ")[1].replace("eˣ", f"{math.e}**x").replace("ˣ", "**x").replace("²", "**2").replace("³", "**3")
        return lambda x: float(eval(plain, {"x": x}))

    right = []
    for code, text in item["options"].items():
        f, g = map(function, text.split(", "))
        if increasing(f, xs) and increasing(g, xs) and not increasing({x: f(x) * g(x) for x in xs}.__getitem__, xs):
            right.append(code)
    return right


def mat_076(item: Item) -> Answer:
    digits = ""
    for base, a, b in re.findall(r"\d\) +(log[₂₃₄]|lg) \((\d+)·(\d+)\)", item["stimulus"]["text"]):
        n = {"lg": 10, "log₂": 2, "log₃": 3, "log₄": 4}[base]
        first, second = math.log(int(a), n), math.log(int(b), n)
        digits += str(int(not math.isclose(first + second, first * second)))
    return digits


def mat_078(item: Item) -> Answer:
    def share(rows: int, columns: int, row: int, column: int) -> Fraction:
        cells = list(itertools.product(range(rows), range(columns)))
        painted = [(r < row) + (c < column) for r, c in cells]
        return Fraction(painted.count(2), sum(p > 0 for p in painted))

    says(item, "2/3 · 4/5", "8/14", "3/4 · 1/3", "из 4 строк и 3 столбцов")
    assert share(3, 5, 2, 4) == Fraction(8, 14)
    return share(4, 3, 3, 1)


def mat_083(item: Item) -> Answer:
    right = []
    for code, text in item["options"].items():
        c, b, a = (coefficients(text.removesuffix(" = 0"), 2)[k] for k in (2, 1, 0))
        d = b * b - 4 * a * c
        if d >= 0 and math.isqrt(int(d)) ** 2 != d:
            right.append(code)
    return right


def mat_084(item: Item) -> Answer:
    xs = [Fraction(n, 8) for n in range(-40, 81)]
    four = Fraction(1, 2) ** -2
    answers = {
        "не изменён знак неравенства при основании, меньшем единицы": {x for x in xs if x > 1 and x - 1 >= four},
        "область определения найдена из нестрогого неравенства": {x for x in xs if x >= 1 and x - 1 <= four},
        "неверно вычислена степень с отрицательным показателем": {x for x in xs if x > 1 and x - 1 <= Fraction(1, 2) ** 2},
        "область определения не учтена совсем": {x for x in xs if x - 1 <= four},
        "граничная точка нестрогого неравенства не включена в ответ": {x for x in xs if x > 1 and x - 1 < four},
        "слагаемое перенесено в другую часть без изменения знака": {x for x in xs if x > 1 and x <= four - 1},
    }

    def interval(text: str) -> set[Fraction]:
        low, high = text[1:-1].split("; ")
        ends = [Fraction(-99 if "∞" in low else low), Fraction(99 if "∞" in high else high)]
        closed = [text[0] == "[", text[-1] == "]"]
        return {x for x in xs if ends[0] < x < ends[1] or (closed[0] and x == ends[0]) or (closed[1] and x == ends[1])}

    key = {}
    for letter, text in item["left"].items():
        (error,) = [error for error, found in answers.items() if found == interval(text)]
        key[letter] = code_of(item, error)
    return key


def mat_085(item: Item) -> Answer:
    right = []
    for code, text in item["options"].items():
        first, second, third = text.replace("\u00a0", " ").split(". ")
        a = numbers(first)[0]
        b = a * 3 if "в 3 раза больше, чем в первом" in second else a / 3
        c = a + 6 if "на 6 кг больше, чем в первом" in third else a - 6
        if a == 24 == 3 * b and a == c - 6:  # the original text: 24, three times the second, 6 less than the third
            right.append(code)
    return right


def mat_086(item: Item) -> Answer:
    says(item, "каждый третий", "скидка 30 %", "делится на 3")
    return Fraction(next(n for n in range(1, 100) if n % 3 and n - n // 3 < Fraction(7, 10) * n))


def mat_087(item: Item) -> Answer:
    """Sets of marks that fit the data, drawn at random: a conclusion holds in all of them, in none, or in some."""
    rng = np.random.default_rng(1)
    seen: list[set[bool]] = [set() for _ in range(5)]
    for _ in range(4000):
        flat = rng.random() < 0.5
        low = rng.integers(20, 71, 12) if flat else np.minimum(rng.integers(35, 72, 12), 70)
        high = [70, *(rng.integers(70, 73, 11) if flat else rng.integers(70, 95, 11)), 95]
        marks = sorted([*map(int, low), *map(int, high)])
        marks[0] += 25 * 62 - sum(marks)
        marks.sort()
        if not (marks[0] >= 0 and marks[12] == statistics.median(marks) == 70 and marks[-1] == 95 > marks[-2]):
            continue
        modes = statistics.multimode(marks)
        for k, holds_ in enumerate(
            (
                sum(m > 62 for m in marks) > 12,
                sum(m < 70 for m in marks) == 12,
                Fraction(sum(marks) - 95, 24) < 60,
                min(marks) < 62,
                modes == [70],
            )
        ):
            seen[k].add(holds_)
    kinds = {frozenset({True}): "1", frozenset({False}): "2", frozenset({True, False}): "3"}
    return "".join(kinds[frozenset(s)] for s in seen)


RECOMPUTE: dict[str, Callable[[Item], Answer]] = {
    name.upper().replace("_", "-"): function for name, function in sorted(globals().items()) if re.fullmatch(r"mat_\d{3}", name)
}


# ------------------------------------------------------------------------------------------------- the tests


def test_every_keyed_item_is_recomputed() -> None:
    """What rests on an argument or on a document, not on figures, is named."""
    argued = {"MAT-056", "MAT-063", "MAT-077", "MAT-079", "MAT-080", "MAT-081", "MAT-082"}
    assert set(RECOMPUTE) | argued == set(KEYED)
    assert not set(RECOMPUTE) & argued


@pytest.mark.parametrize("identifier", sorted(RECOMPUTE))
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
    "MAT-036": {"2": Fraction(math.comb(6, 3)), "3": Fraction(math.perm(6, 3)), "4": Fraction(math.factorial(6))},
}


@pytest.mark.parametrize("identifier", sorted(DISTRACTORS))
def test_distractors_follow_from_their_misconceptions(identifier: str) -> None:
    item = ITEMS[identifier]
    assert set(DISTRACTORS[identifier]) == set(item["misconceptions"]) == set(item["options"]) - {item["key"]}
    for code, value in DISTRACTORS[identifier].items():
        assert equal_to(item, value) == [code]


# ------------------------------------------------------------------- facts on which the open items' rubrics rest


def test_dice_of_the_open_item() -> None:
    """MAT-069: the pupil counts sums, the right answer counts pairs."""
    pairs = list(itertools.product(range(1, 7), repeat=2))
    sums = {a + b for a, b in pairs}
    assert Fraction(sum(s >= 10 for s in sums), len(sums)) == Fraction(3, 11)
    right = Fraction(sum(a + b >= 10 for a, b in pairs), len(pairs))
    assert f"ответ {right}" in ITEMS["MAT-069"]["rubric"][1]["levels"]["1"]
    assert [sum(a + b == s for a, b in pairs) for s in (2, 3, 7, 10, 11, 12)] == [1, 2, 6, 3, 2, 1]


def test_cubic_of_the_open_item() -> None:
    """MAT-070: the answer is right, the point 3 and the ends are the gaps, other segments show the difference."""
    f = np.poly1d([1, -3, -9, 5])
    critical = [int(whole(x)) for x in real_roots([3, -6, -9])]
    assert critical == [-1, 3]
    assert f"f(−1) = {f(-1):.0f}, f(3) = −{-f(3):.0f}" in ITEMS["MAT-070"]["stimulus"]["text"]
    pupil = max(int(f(x)) for x in critical)
    greatest = {s: max(f(x) for x in np.linspace(*s, 801)) for s in ((-2, 2), (-2, 6), (0, 2), (0, 1))}
    assert pupil == 10 == round(greatest[-2, 2], 6)
    assert [round(greatest[s], 6) for s in ((-2, 6), (0, 2), (0, 1))] == [59, 5, 5]


def test_counterexamples_of_the_open_item() -> None:
    """MAT-071: halves of the diagonals named in samples and solution give sides that are not all equal."""
    texts = [ITEMS["MAT-071"]["solution"], *(s["answer"] for s in ITEMS["MAT-071"]["samples"] if s["marks"]["К2"])]
    named = [re.findall(r"AO = (?:OC = )?(\d+), BO = (\d+), DO = (\d+)", text) for text in texts]
    halves = [tuple(map(int, found[0])) for found in named if found]
    assert len(halves) >= 4
    assert all(math.hypot(a, b) != math.hypot(a, d) for a, b, d in halves)


def test_inequality_of_the_open_item() -> None:
    """MAT-072: numbers that samples call wrong are below 2 and no solutions."""
    xs = [Fraction(n, 4) for n in range(-40, 41)]
    true = {x for x in xs if x != 2 and 3 / (x - 2) >= 1}
    assert true == {x for x in xs if 2 < x <= 5}
    named = {Fraction(1), Fraction(0), Fraction(-1), Fraction(3, 2)}
    assert not named & true
    assert all("(2; 5]" in text for text in (ITEMS["MAT-072"]["solution"], ITEMS["MAT-072"]["rubric"][1]["levels"]["1"]))
