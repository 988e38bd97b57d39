"""Families of physics: mean speed, resistors, heat exchange, springs, units."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from families.family import Family, Rule, number

MCDERMOTT = "McDermott L. C., Shaffer P. S. Research as a guide for curriculum development: an example from introductory electricity. American Journal of Physics, 1992, 60"
COHEN = "Cohen R., Eylon B., Ganiel U. Potential difference and current in simple electric circuits. American Journal of Physics, 1983, 51"
STAVY = "Stavy R., Berkovitz B. Cognitive conflict as a basis for teaching quantitative aspects of the concept of temperature. Science Education, 1980, 64"
REED = "Reed S. K. Estimating answers to algebra word problems. Journal of Experimental Psychology: Learning, Memory, and Cognition, 1984, 10"
FIPI = "ФИПИ. Методические рекомендации для учителей, подготовленные на основе анализа типичных ошибок участников ЕГЭ по физике"


def _speeds(random: Random) -> tuple[int, ...]:
    return random.choice(((40, 60), (30, 60), (60, 90), (20, 30), (60, 120), (45, 90), (12, 24), (40, 120), (36, 72), (15, 60)))


def _resistors(random: Random) -> tuple[int, ...]:
    return random.choice(((3, 6), (4, 12), (6, 12), (10, 15), (20, 30), (12, 24), (20, 80), (30, 60), (10, 40), (15, 30)))


def _water(random: Random) -> tuple[int, ...]:
    m1, m2 = random.sample((1, 2, 3, 4, 5), 2)
    return m1, random.choice((10, 15, 20, 25)), m2, random.choice((60, 70, 75, 80, 90))


def _lengths(random: Random) -> tuple[int, ...]:
    return (random.choice((2, 3, 5, 12, 25, 40, 75)) * random.choice((10, 100)),)


def _mean_temperature(m1: int, t1: int, m2: int, t2: int) -> Fraction:
    return Fraction(m1 * t1 + m2 * t2, m1 + m2)


FAMILIES = (
    Family(
        name="mean-speed-halves",
        subject="PHY.S.02.1",
        methodical="PHY.M.05",
        title="Средняя скорость на двух равных половинах пути",
        stage="5-9",
        intro="Первую половину пути тело проходит с одной скоростью, вторую — с другой. Ищут среднюю скорость на всём пути.",
        numbers=_speeds,
        ask=lambda v, w: f"{v} км/ч и {number(w, 'км/ч')}:",
        shown=lambda a: number(a, "км/ч"),
        truth=Rule("", "считает верно", lambda v, w: Fraction(2 * v * w, v + w)),
        bugs=(
            Rule("speeds-averaged", "берёт среднее арифметическое скоростей", lambda v, w: Fraction(v + w, 2), REED),
            Rule("harmonic-not-doubled", "делит путь на сумму времён, но путь считает равным одной половине",
                 lambda v, w: Fraction(v * w, v + w), FIPI),
            Rule("speeds-added", "складывает скорости", lambda v, w: v + w, REED),
        ),
    ),
    Family(
        name="parallel-resistors",
        subject="PHY.S.04.2",
        methodical="PHY.M.05",
        title="Параллельное соединение резисторов",
        stage="5-9",
        intro="Два резистора соединены параллельно. Ищут общее сопротивление.",
        numbers=_resistors,
        ask=lambda r, s: f"{r} Ом и {number(s, 'Ом')}:",
        shown=lambda a: number(a, "Ом"),
        truth=Rule("", "считает верно", lambda r, s: Fraction(r * s, r + s)),
        bugs=(
            Rule("resistances-added", "складывает сопротивления, как при последовательном соединении", lambda r, s: r + s, COHEN),
            Rule("resistances-averaged", "берёт половину суммы сопротивлений", lambda r, s: Fraction(r + s, 2), COHEN),
            Rule("reciprocal-not-turned", "складывает обратные величины, но не переворачивает сумму",
                 lambda r, s: Fraction(1, r) + Fraction(1, s), MCDERMOTT),
            Rule("difference-taken", "вычитает меньшее сопротивление из большего", lambda r, s: abs(r - s), MCDERMOTT),
        ),
    ),
    Family(
        name="water-mixed",
        subject="PHY.S.03.2",
        methodical="PHY.M.05",
        title="Смешивание воды разной температуры",
        stage="5-9",
        intro="Смешивают две порции воды; потерями тепла пренебрегают. Ищут установившуюся температуру.",
        numbers=_water,
        ask=lambda m, t, n, u: f"{m} кг при {t} °C и {n} кг при {u} °C:",
        shown=lambda a: number(Fraction(round(Fraction(a) * 10), 10) if not isinstance(a, str) else a, "°C"),
        truth=Rule("", "считает верно", _mean_temperature),
        bugs=(
            Rule("temperatures-averaged", "берёт среднее арифметическое температур", lambda m, t, n, u: Fraction(t + u, 2), STAVY),
            Rule("temperatures-added", "складывает температуры", lambda m, t, n, u: t + u, STAVY),
            Rule("masses-exchanged", "умножает каждую температуру на массу другой порции",
                 lambda m, t, n, u: Fraction(n * t + m * u, m + n), FIPI),
            Rule("temperatures-subtracted", "вычитает меньшую температуру из большей", lambda m, t, n, u: u - t, STAVY),
        ),
    ),
    Family(
        name="springs-in-series",
        subject="PHY.S.02.2",
        methodical="PHY.M.05",
        title="Последовательное соединение пружин",
        stage="10-11",
        intro="Две лёгкие пружины соединены последовательно. Ищут жёсткость составной пружины.",
        numbers=_resistors,
        ask=lambda k, q: f"{10 * k} Н/м и {number(10 * q, 'Н/м')}:",
        shown=lambda a: number(a, "Н/м"),
        truth=Rule("", "считает верно", lambda k, q: Fraction(10 * k * q, k + q)),
        bugs=(
            Rule("stiffness-added", "складывает жёсткости, как при параллельном соединении", lambda k, q: 10 * (k + q), FIPI),
            Rule("stiffness-averaged", "берёт половину суммы жёсткостей", lambda k, q: 5 * (k + q), FIPI),
            Rule("weaker-only", "берёт жёсткость более мягкой пружины", lambda k, q: 10 * min(k, q), FIPI),
        ),
    ),
    Family(
        name="area-units",
        subject="PHY.S.01.1",
        methodical="PHY.M.05",
        title="Перевод единиц площади",
        stage="5-9",
        intro="Площадь переводят из квадратных сантиметров в квадратные метры.",
        numbers=_lengths,
        ask=lambda s: f"{number(s, 'см²')} =",
        shown=lambda a: number(a, "м²"),
        truth=Rule("", "переводит верно", lambda s: Fraction(s, 10_000)),
        bugs=(
            Rule("linear-factor", "делит на 100, как при переводе длины", lambda s: Fraction(s, 100), FIPI),
            Rule("cubic-factor", "делит на 1 000 000, как при переводе объёма", lambda s: Fraction(s, 1_000_000), FIPI),
            Rule("factor-of-metre", "делит на 1000, как при переводе граммов в килограммы", lambda s: Fraction(s, 1000), FIPI),
        ),
    ),
)  # fmt: skip
