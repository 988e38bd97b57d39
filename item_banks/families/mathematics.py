"""Families of mathematics: fractions, decimals, percents, equations, areas, probability."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from random import Random

from families.family import Answer, Family, Rule, number

HART = "Hart K. (ed.). Children's Understanding of Mathematics: 11–16. London: John Murray, 1981"
BUGGY = "Brown J. S., Burton R. R. Diagnostic models for procedural bugs in basic mathematical skills. Cognitive Science, 1978, 2"
DECIMALS = "Steinle V., Stacey K. The incidence of misconceptions of decimal notation. MERGA 21, 1998"
LINEAR = "De Bock D., Van Dooren W., Janssens D., Verschaffel L. The Illusion of Linearity. New York: Springer, 2007"
ASHLOCK = "Ashlock R. B. Error Patterns in Computation. 10th ed. Boston: Pearson, 2010"
KIERAN = "Kieran C. The learning and teaching of school algebra. In: Handbook of Research on Mathematics Teaching and Learning, 1992"
FIPI = "ФИПИ. Методические рекомендации для учителей, подготовленные на основе анализа типичных ошибок участников ЕГЭ по математике"


def _mixed(answer: Answer, n: int = 0) -> str:
    """Return a number as a mixed number, of denominator `n` where the pupil does not reduce."""
    value = Fraction(answer)
    n = n or value.denominator
    whole, rest = divmod(abs(value), 1)
    part = f"{int(rest * n)}/{n}" if rest else ""
    return ("−" if value < 0 else "") + " ".join(filter(None, (str(int(whole)) if whole or not part else "", part)))


def _mixed_numbers(random: Random) -> tuple[int, ...]:
    n = random.choice((5, 7, 8, 9, 11))
    b, d = random.randint(1, n - 2), random.randint(2, n - 1)
    a, c = random.randint(5, 12), random.randint(1, 4)
    return a, min(b, d), c, max(b, d), n


def _fraction_pair(random: Random) -> tuple[int, ...]:
    b, d = random.sample((3, 4, 5, 6, 7, 8, 9), 2)
    a, c = random.randint(1, b - 1), random.randint(1, d - 1)
    return (a, b, c, d) if gcd(a, b) == gcd(c, d) == 1 else _fraction_pair(random)


def _decimals(random: Random) -> tuple[str, ...]:
    whole = random.randint(0, 9)
    while True:
        tails = {"".join(str(random.randint(0, 9)) for _ in range(n)) for n in (1, 2, 3)}
        if len(tails) == 3 and all(t[-1] != "0" for t in tails) and any(t[0] == "0" for t in tails):
            return tuple(f"{whole},{t}" for t in random.sample(sorted(tails), 3))


def _largest(*texts: str) -> str:
    return max(texts, key=lambda t: Fraction(t.replace(",", ".")))


def _longest(*texts: str) -> str:
    return max(texts, key=lambda t: int(t.partition(",")[2]))


def _shortest(*texts: str) -> str:
    return max(texts, key=lambda t: (-len(t), Fraction(t.replace(",", "."))))


def _reduced(random: Random) -> tuple[int, ...]:
    return (
        random.choice((800, 1200, 1500, 2000, 2400, 4000)),
        random.choice((10, 20, 25, 30, 40)),
        random.choice((10, 20, 25, 30, 50)),
    )


def _equation(random: Random) -> tuple[int, ...]:
    a, c = random.sample(range(2, 10), 2)
    return max(a, c) + 1, random.randint(2, 15), min(a, c), random.randint(16, 40)


def _similar(random: Random) -> tuple[int, ...]:
    return random.choice((6, 8, 12, 15, 20)), random.choice((2, 3, 4, 5))


def _hits(random: Random) -> tuple[Fraction, ...]:
    return tuple(Fraction(k, 10) for k in random.sample((2, 3, 4, 5, 6, 7), 2))


FAMILIES = (
    Family(
        name="mixed-subtraction",
        subject="MAT.S.01.2",
        methodical="MAT.M.05",
        title="Вычитание смешанных чисел",
        stage="5-9",
        intro="Даны разности смешанных чисел (целая часть, затем дробь).",
        numbers=_mixed_numbers,
        ask=lambda a, b, c, d, n: f"{a} {b}/{n} − {c} {d}/{n} =",
        shown=_mixed,
        truth=Rule("", "вычитает верно", lambda a, b, c, d, n: a + Fraction(b, n) - c - Fraction(d, n)),
        bugs=(
            Rule("smaller-from-larger", "из большей дробной части вычитает меньшую, не глядя на порядок",
                 lambda a, b, c, d, n: a - c + Fraction(d - b, n), BUGGY),
            Rule("borrowed-for-nothing", "занимает единицу, но целую часть не уменьшает",
                 lambda a, b, c, d, n: a - c + Fraction(n + b - d, n), BUGGY),
            Rule("borrowed-ten", "занимает единицу как десять долей, каков бы ни был знаменатель",
                 lambda a, b, c, d, n: a - 1 - c + Fraction(10 + b - d, n), ASHLOCK),
        ),
    ),
    Family(
        name="fraction-sum",
        subject="MAT.S.01.2",
        methodical="MAT.M.05",
        title="Сложение обыкновенных дробей",
        stage="5-9",
        intro="Даны суммы обыкновенных дробей.",
        numbers=_fraction_pair,
        ask=lambda a, b, c, d: f"{a}/{b} + {c}/{d} =",
        shown=_mixed,
        truth=Rule("", "складывает верно", lambda a, b, c, d: Fraction(a, b) + Fraction(c, d)),
        bugs=(
            Rule("tops-and-bottoms", "складывает числители и отдельно знаменатели",
                 lambda a, b, c, d: Fraction(a + c, b + d), HART),
            Rule("numerators-kept", "приводит дроби к общему знаменателю, а числители оставляет прежними",
                 lambda a, b, c, d: Fraction(a + c, b * d), ASHLOCK),
            Rule("larger-denominator", "складывает числители и берёт больший из знаменателей",
                 lambda a, b, c, d: Fraction(a + c, max(b, d)), ASHLOCK),
        ),
    ),
    Family(
        name="largest-decimal",
        subject="MAT.S.01.1",
        methodical="MAT.M.05",
        title="Сравнение десятичных дробей",
        stage="5-9",
        intro="В каждой строке нужно выбрать наибольшую из трёх десятичных дробей.",
        numbers=_decimals,
        ask=lambda *texts: "; ".join(texts) + ": наибольшая",
        shown=str,
        truth=Rule("", "сравнивает верно", _largest),
        bugs=(
            Rule("longer-is-larger", "сравнивает дробные части как целые числа", _longest, DECIMALS),
            Rule("shorter-is-larger", "считает большей дробь с меньшим числом знаков после запятой", _shortest, DECIMALS),
        ),
    ),
    Family(
        name="price-twice",
        subject="MAT.S.01.2",
        methodical="MAT.M.05",
        title="Последовательное изменение цены",
        stage="5-9",
        intro="Цена меняется дважды; второй процент берётся от новой цены.",
        numbers=_reduced,
        ask=lambda x, p, q: f"Было {number(x, 'руб.')}, подорожало на {p}\u00a0%, затем подешевело на {q}\u00a0%; стало",
        shown=lambda a: number(a, "руб."),
        truth=Rule("", "считает верно", lambda x, p, q: Fraction(x * (100 + p) * (100 - q), 10_000)),
        bugs=(
            Rule("percents-added", "складывает проценты со знаком и применяет сумму к начальной цене",
                 lambda x, p, q: Fraction(x * (100 + p - q), 100), FIPI),
            Rule("percent-of-difference", "снижение считает от величины подорожания, а не от новой цены",
                 lambda x, p, q: x + Fraction(x * p, 100) * Fraction(100 - q, 100), FIPI),
            Rule("percents-multiplied", "берёт один процент от другого и применяет результат к начальной цене",
                 lambda x, p, q: x * (1 + Fraction(p * q, 10_000)), FIPI),
        ),
    ),
    Family(
        name="linear-equation",
        subject="MAT.S.03.1",
        methodical="MAT.M.05",
        title="Линейное уравнение",
        stage="5-9",
        intro="Даны линейные уравнения.",
        numbers=_equation,
        ask=lambda a, b, c, d: f"{a}x + {b} = {c}x + {d}; x =",
        shown=number,
        truth=Rule("", "решает верно", lambda a, b, c, d: Fraction(d - b, a - c)),
        bugs=(
            Rule("sign-of-number-kept", "переносит число в другую часть, не меняя знака",
                 lambda a, b, c, d: Fraction(d + b, a - c), KIERAN),
            Rule("sign-of-unknown-kept", "переносит слагаемое с x в другую часть, не меняя знака",
                 lambda a, b, c, d: Fraction(d - b, a + c), KIERAN),
            Rule("both-signs-kept", "переносит и число, и слагаемое с x, не меняя знака",
                 lambda a, b, c, d: Fraction(d + b, a + c), KIERAN),
            Rule("coefficient-subtracted", "вместо деления на коэффициент вычитает его",
                 lambda a, b, c, d: d - b - (a - c), KIERAN),
        ),
    ),
    Family(
        name="similar-area",
        subject="MAT.S.06.3",
        methodical="MAT.M.05",
        title="Площадь подобной фигуры",
        stage="5-9",
        intro="Все размеры фигуры увеличивают в одно и то же число раз.",
        numbers=_similar,
        ask=lambda s, k: f"Площадь {number(s, 'см²')}, размеры увеличили в {k} раз{'' if k > 4 else 'а'}; новая площадь",
        shown=lambda a: number(a, "см²"),
        truth=Rule("", "считает верно", lambda s, k: s * k * k),
        bugs=(
            Rule("area-linear", "умножает площадь на то же число, что и длины", lambda s, k: s * k, LINEAR),
            Rule("area-cubed", "умножает площадь на куб этого числа, как объём", lambda s, k: s * k**3, LINEAR),
            Rule("area-doubled-factor", "умножает площадь на удвоенное число", lambda s, k: s * 2 * k, LINEAR),
        ),
    ),
    Family(
        name="at-least-one-hit",
        subject="MAT.S.08.3",
        methodical="MAT.M.05",
        title="Вероятность хотя бы одного попадания",
        stage="5-9",
        intro="Два стрелка независимо делают по одному выстрелу; даны вероятности их попаданий. Ищут вероятность хотя бы одного попадания.",
        numbers=_hits,
        ask=lambda p, q: f"{number(p)} и {number(q)}:",
        shown=number,
        truth=Rule("", "считает верно", lambda p, q: p + q - p * q),
        bugs=(
            Rule("probabilities-added", "складывает вероятности", lambda p, q: p + q, FIPI),
            Rule("both-for-one", "находит вероятность двух попаданий", lambda p, q: p * q, FIPI),
            Rule("not-both", "вычитает из единицы вероятность двух попаданий", lambda p, q: 1 - p * q, FIPI),
            Rule("exactly-one", "находит вероятность ровно одного попадания", lambda p, q: p + q - 2 * p * q, FIPI),
        ),
    ),
)  # fmt: skip
