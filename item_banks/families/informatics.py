"""Families of informatics: bounds of loops, precedence, bits for a code, bases, compound conditions. The truth is executed."""

from __future__ import annotations

from random import Random

from families.family import Family, Rule, number

PEA = "Pea R. D. Language-independent conceptual 'bugs' in novice programming. Journal of Educational Computing Research, 1986, 2"
DU_BOULAY = "du Boulay B. Some difficulties of learning to program. Journal of Educational Computing Research, 1986, 2"
HERMAN = "Herman G. L., Loui M. C., Kaczmarczyk L., Zilles C. Describing the what and why of students' difficulties in Boolean logic. ACM Transactions on Computing Education, 2012, 12"
FIPI = "ФИПИ. Методические рекомендации для учителей, подготовленные на основе анализа типичных ошибок участников ЕГЭ по информатике"


def _bounds(random: Random) -> tuple[int, ...]:
    start, step = random.randint(2, 6), random.choice((2, 3))
    return start, start + step * random.randint(2, 4), step


def _division(random: Random) -> tuple[int, ...]:
    return random.randint(20, 60), random.randint(10, 40), random.randint(3, 7), random.randint(2, 4)


def _alphabet(random: Random) -> tuple[int, ...]:
    return random.choice((20, 26, 33, 40, 50, 60, 70, 100)), random.choice((10, 12, 16, 20, 24, 30))


def _binary(random: Random) -> tuple[str, ...]:
    return ("1" + "".join(random.choice("01") for _ in range(random.choice((3, 4, 5)))),)


def _interval(random: Random) -> tuple[int, ...]:
    low = random.randint(2, 8)
    return low, low + random.randint(4, 8), random.choice((15, 20, 25))


def _least_bits(n: int) -> int:
    return (n - 1).bit_length()


FAMILIES = (
    Family(
        name="range-bounds",
        subject="INF.S.05.1",
        methodical="INF.M.05",
        title="Границы цикла",
        stage="5-9",
        intro="Даны циклы на Python; ищут значение s после цикла, если до него s = 0.",
        numbers=_bounds,
        ask=lambda a, b, c: f"`for i in range({a}, {b}, {c}): s += i`; s =",
        shown=number,
        truth=Rule("", "исполняет верно", lambda a, b, c: sum(range(a, b, c))),
        bugs=(
            Rule("end-included", "считает, что правая граница входит в диапазон", lambda a, b, c: sum(range(a, b + 1, c)), DU_BOULAY),
            Rule("start-skipped", "считает, что первое значение уже сдвинуто на шаг", lambda a, b, c: sum(range(a + c, b, c)), PEA),
            Rule("step-unseen", "не учитывает шаг", lambda a, b, c: sum(range(a, b)), DU_BOULAY),
            Rule("times-counted", "находит число повторений вместо суммы", lambda a, b, c: len(range(a, b, c)), PEA),
        ),
    ),
    Family(
        name="whole-division",
        subject="INF.S.05.1",
        methodical="INF.M.05",
        title="Порядок операций и деление нацело",
        stage="5-9",
        intro="Даны выражения на Python.",
        numbers=_division,
        ask=lambda a, b, c, d: f"`{a} + {b} // {c} * {d}` =",
        shown=number,
        truth=Rule("", "вычисляет верно", lambda a, b, c, d: a + b // c * d),
        bugs=(
            Rule("left-to-right", "выполняет все операции подряд слева направо", lambda a, b, c, d: (a + b) // c * d, DU_BOULAY),
            Rule("product-first", "сначала выполняет умножение, затем деление нацело", lambda a, b, c, d: a + b // (c * d), FIPI),
            Rule("remainder-taken", "вместо неполного частного берёт остаток", lambda a, b, c, d: a + b % c * d, FIPI),
            Rule("quotient-rounded", "округляет частное вверх", lambda a, b, c, d: a + -(-b // c) * d, FIPI),
        ),
    ),
    Family(
        name="bits-of-a-code",
        subject="INF.S.02.1",
        methodical="INF.M.05",
        title="Объём закодированного сообщения",
        stage="5-9",
        intro="Каждый символ кодируют одинаковым наименьшим возможным числом бит. Ищут объём сообщения в битах.",
        numbers=_alphabet,
        ask=lambda n, k: f"В алфавите {n} символов, в сообщении {k}:",
        shown=lambda a: number(a, "бит"),
        truth=Rule("", "считает верно", lambda n, k: k * _least_bits(n)),
        bugs=(
            Rule("bits-rounded-down", "округляет число бит на символ вниз", lambda n, k: k * (n.bit_length() - 1), FIPI),
            Rule("symbols-for-bits", "умножает длину сообщения на число символов алфавита", lambda n, k: k * n, FIPI),
            Rule("bytes-for-bits", "отводит на символ байт, каков бы ни был алфавит", lambda n, k: k * 8, FIPI),
            Rule("bits-of-one", "находит только число бит на символ", lambda n, k: _least_bits(n), FIPI),
        ),
    ),
    Family(
        name="binary-to-decimal",
        subject="INF.S.02.2",
        methodical="INF.M.05",
        title="Перевод из двоичной системы",
        stage="5-9",
        intro="Двоичные числа переводят в десятичную систему.",
        numbers=_binary,
        ask=lambda t: f"{t}₂ =",
        shown=number,
        truth=Rule("", "переводит верно", lambda t: int(t, 2)),
        bugs=(
            Rule("weights-from-two", "считает вес последнего разряда равным двум", lambda t: 2 * int(t, 2), FIPI),
            Rule("read-backwards", "читает разряды в обратном порядке", lambda t: int(t[::-1], 2), FIPI),
            Rule("ones-counted", "складывает единицы", lambda t: t.count("1"), FIPI),
            Rule("weights-multiples", "берёт веса 1, 2, 4, 6, 8 вместо степеней двойки",
                 lambda t: sum((2 * k if k else 1) * int(d) for k, d in enumerate(t[::-1])), FIPI),
        ),
    ),
    Family(
        name="negated-condition",
        subject="INF.S.03.1",
        methodical="INF.M.05",
        title="Отрицание составного условия",
        stage="5-9",
        intro="Ищут, сколько целых чисел от 1 до N удовлетворяет условию.",
        numbers=_interval,
        ask=lambda a, b, n: f"N = {n}; `not (x > {a} and x < {b})`:",
        shown=number,
        truth=Rule("", "считает верно", lambda a, b, n: sum(not (a < x < b) for x in range(1, n + 1))),
        bugs=(
            Rule("and-kept", "отрицает части условия, а «и» оставляет", lambda a, b, n: sum(x <= a and x >= b for x in range(1, n + 1)), HERMAN),
            Rule("bounds-lost", "отрицает строгое неравенство строгим: границы не входят",
                 lambda a, b, n: sum(x < a or x > b for x in range(1, n + 1)), HERMAN),
            Rule("first-part-only", "отрицает только первую часть условия",
                 lambda a, b, n: sum(x <= a and x < b for x in range(1, n + 1)), HERMAN),
            Rule("negation-unseen", "отрицания не замечает", lambda a, b, n: sum(a < x < b for x in range(1, n + 1)), HERMAN),
        ),
    ),
)  # fmt: skip
