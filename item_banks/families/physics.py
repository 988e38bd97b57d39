"""Families of physics: mean speed, resistors, heat exchange, springs, units, braking, half-lives, photoelectrons, lenses."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from families.family import Family, Rule, number

MCDERMOTT = "McDermott L. C., Shaffer P. S. Research as a guide for curriculum development: an example from introductory electricity. American Journal of Physics, 1992, 60"
COHEN = (
    "Cohen R., Eylon B., Ganiel U. Potential difference and current in simple electric circuits. American Journal of Physics, 1983, 51"
)
STAVY = "Stavy R., Berkovitz B. Cognitive conflict as a basis for teaching quantitative aspects of the concept of temperature. Science Education, 1980, 64"
REED = "Reed S. K. Estimating answers to algebra word problems. Journal of Experimental Psychology: Learning, Memory, and Cognition, 1984, 10"
DE_BOCK = (
    "De Bock D., Van Dooren W., Janssens D., Verschaffel L. The Illusion of Linearity: From Analysis to Improvement. Springer, 2007"
)
VAN_DOOREN = "Van Dooren W., De Bock D., Verschaffel L. From addition to multiplication … and back. Cognition and Instruction, 2010, 28"
PRATHER = "Prather E. E. Students' beliefs about the role of atoms in radioactive decay and half-life. Journal of Geoscience Education, 2005, 53"
STEINBERG = "Steinberg R. N., Oberem G. E., McDermott L. C. Development of a computer-based tutorial on the photoelectric effect. American Journal of Physics, 1996, 64"
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


def _braking(random: Random) -> tuple[int, ...]:
    v, s = random.choice(((20, 4), (30, 8), (30, 9), (40, 12), (40, 16), (20, 5)))
    return v, s, random.choice((v * 3 // 2, v * 2, v * 3))


def _decay(random: Random) -> tuple[int, ...]:
    return random.choice((48, 96, 240, 480, 720, 960)), random.choice((3, 5, 8, 12)), random.choice((2, 3, 4))


def _photons(random: Random) -> tuple[int, ...]:
    return random.choice((4, 5, 6, 7)), random.choice((2, 3, 4, 5)), random.choice((2, 3))


def _lens(random: Random) -> tuple[int, ...]:
    return random.choice(
        ((10, 15), (10, 30), (12, 20), (12, 36), (20, 30), (20, 60), (12, 18), (15, 60), (8, 24), (24, 40), (18, 27), (30, 45))
    )


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
        ask=lambda v, w: f"{v} км/ч и {number(w, 'км/ч')}:",
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
        ask=lambda r, s: f"{r} Ом и {number(s, 'Ом')}:",
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
        ask=lambda m, t, n, u: f"{m} кг при {t} °C и {n} кг при {u} °C:",
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
        ask=lambda k, q: f"{10 * k} Н/м и {number(10 * q, 'Н/м')}:",
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
    Family(
        name="braking-distance",
        subject="PHY.S.02.3",
        methodical="PHY.M.05",
        title="Тормозной путь и скорость",
        stage="5-9",
        intro="Автомобиль тормозит с заблокированными колёсами на одном и том же участке дороги. Ищут тормозной путь с другой начальной скорости.",
        numbers=_braking,
        ask=lambda v, s, w: f"с {v} км/ч — {number(s, 'м')}, с {number(w, 'км/ч')}:",
        shown=lambda a: number(a, "м"),
        truth=Rule("", "считает верно", lambda v, s, w: Fraction(s * w * w, v * v)),
        bugs=(
            Rule("path-proportional", "считает тормозной путь пропорциональным скорости", lambda v, s, w: Fraction(s * w, v), DE_BOCK),
            Rule("difference-added", "прибавляет к пути столько метров, на сколько км/ч больше скорость",
                 lambda v, s, w: s + w - v, VAN_DOOREN),
            Rule("exponent-as-factor", "умножает путь на удвоенное отношение скоростей вместо его квадрата",
                 lambda v, s, w: Fraction(2 * s * w, v), FIPI),
        ),
    ),
    Family(
        name="half-lives",
        subject="PHY.S.07.3",
        methodical="PHY.M.05",
        title="Сколько осталось через несколько периодов полураспада",
        stage="5-9",
        intro="В образце есть радиоактивный изотоп с известным периодом полураспада. Ищут массу этого изотопа через некоторое время.",
        numbers=_decay,
        ask=lambda m, t, n: f"{m} мг, период {t} сут, через {number(n * t, 'сут')}:",
        shown=lambda a: number(a, "мг"),
        truth=Rule("", "считает верно", lambda m, t, n: Fraction(m, 2**n)),
        bugs=(
            Rule("all-after-two", "считает, что за каждый период распадается половина начальной массы",
                 lambda m, t, n: max(Fraction(0), Fraction(m * (2 - n), 2)), PRATHER),
            Rule("divided-by-periods", "делит начальную массу на число периодов", lambda m, t, n: Fraction(m, n), FIPI),
            Rule("halves-added", "делит начальную массу на удвоенное число периодов", lambda m, t, n: Fraction(m, 2 * n), FIPI),
        ),
    ),
    Family(
        name="photoelectron-energy",
        subject="PHY.S.07.1",
        methodical="PHY.M.05",
        title="Энергия фотоэлектронов и частота света",
        stage="10-11",
        intro="Металл освещают светом, затем частоту света увеличивают. Ищут новую наибольшую кинетическую энергию фотоэлектронов.",
        numbers=_photons,
        ask=lambda e, a, k: f"сначала энергия фотоэлектронов {e} эВ, работа выхода {a} эВ, частоту увеличили в {k} раза:",
        shown=lambda a: number(a, "эВ"),
        truth=Rule("", "считает верно", lambda e, a, k: k * (e + a) - a),
        bugs=(
            Rule("energy-as-frequency", "считает энергию фотоэлектронов пропорциональной частоте света",
                 lambda e, a, k: k * e, STEINBERG),
            Rule("work-not-subtracted", "находит новую энергию фотона и не вычитает работу выхода", lambda e, a, k: k * (e + a), FIPI),
            Rule("electron-as-photon", "принимает прежнюю энергию электрона за энергию фотона", lambda e, a, k: k * e - a, STEINBERG),
        ),
    ),
    Family(
        name="lens-image",
        subject="PHY.S.05.3",
        methodical="PHY.M.05",
        title="Расстояние от линзы до изображения",
        stage="10-11",
        intro="Предмет стоит перед тонкой собирающей линзой дальше фокуса. Ищут расстояние от линзы до изображения.",
        numbers=_lens,
        ask=lambda f, d: f"фокусное расстояние {f} см, до предмета {number(d, 'см')}:",
        shown=lambda a: number(a, "см"),
        truth=Rule("", "считает верно", lambda f, d: Fraction(d * f, d - f)),
        bugs=(
            Rule("sign-lost", "складывает обратные величины вместо того, чтобы вычитать", lambda f, d: Fraction(d * f, d + f), FIPI),
            Rule("distances-subtracted", "вычитает сами расстояния вместо обратных величин", lambda f, d: d - f, FIPI),
            Rule("reciprocal-left", "вычитает обратные величины, но не переворачивает разность",
                 lambda f, d: Fraction(1, f) - Fraction(1, d), FIPI),
        ),
    ),
)  # fmt: skip
