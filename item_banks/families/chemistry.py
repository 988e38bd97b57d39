"""Families of chemistry: dilution, amounts by an equation, oxidation states, formula by mass."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from families.family import Answer, Family, Rule, number

NAKHLEH = "Nakhleh M. B. Why some students don't learn chemistry. Journal of Chemical Education, 1992, 69"
ARASASINGHAM = "Arasasingham R. D. et al. Using knowledge space theory to assess student understanding of stoichiometry. Journal of Chemical Education, 2004, 81"
SCHMIDT = "Schmidt H.-J. Secondary school students' strategies in stoichiometry. International Journal of Science Education, 1990, 12"
FIPI = "ФИПИ. Методические рекомендации для учителей, подготовленные на основе анализа типичных ошибок участников ЕГЭ по химии"


def _solution(random: Random) -> tuple[int, ...]:
    return (random.choice((100, 150, 200, 250, 300)), random.choice((5, 8, 10, 12, 20, 24)), random.choice((50, 100, 150, 200, 300)))


def _amounts(random: Random) -> tuple[int, ...]:
    a, b = random.choice(((2, 1), (1, 2), (4, 3), (3, 1), (4, 5), (2, 3), (3, 2)))
    return random.choice((2, 3, 4, 6, 9, 12)), a, b


def _ion(random: Random) -> tuple[str, int, int, int]:
    """Return an anion: element, its atoms, atoms of oxygen, charge."""
    return random.choice((
        ("S", 2, 3, 2), ("S", 2, 7, 2), ("Cr", 2, 7, 2), ("P", 2, 7, 4), ("S", 1, 4, 2), ("Mn", 1, 4, 2), ("P", 1, 4, 3),
        ("B", 4, 7, 2), ("Si", 2, 5, 2), ("As", 2, 7, 4), ("V", 2, 7, 4), ("Mo", 2, 7, 2), ("Si", 2, 7, 6), ("Cr", 1, 4, 2),
    ))  # fmt: skip


def _state(answer: Answer) -> str:
    return ("+" if not isinstance(answer, str) and answer > 0 else "") + number(answer)


_SUPER, _SUB = str.maketrans("1234567", "¹²³⁴⁵⁶⁷"), str.maketrans("1234567", "₁₂₃₄₅₆₇")


def _formula(e: str, n: int, o: int, charge: int) -> str:
    few = (str(n).translate(_SUB) if n > 1 else "", str(o).translate(_SUB) if o > 1 else "")
    return f"[{e}{few[0]}O{few[1]}]{str(charge).translate(_SUPER) if charge > 1 else ''}⁻: {e}"


FAMILIES = (
    Family(
        name="dilution",
        subject="CHE.S.06.2",
        methodical="CHE.M.05",
        title="Разбавление раствора",
        stage="5-9",
        intro="К раствору соли добавляют воду. Ищут новую массовую долю соли.",
        numbers=_solution,
        ask=lambda m, w, v: f"{m}\u00a0г раствора с массовой долей {w}\u00a0% и {v}\u00a0г воды:",
        shown=lambda a: number(Fraction(round(Fraction(a) * 100), 100) if not isinstance(a, str) else a, "%"),
        truth=Rule("", "считает верно", lambda m, w, v: Fraction(m * w, m + v)),
        bugs=(
            Rule("part-of-water", "делит массу соли на массу добавленной воды", lambda m, w, v: Fraction(m * w, v), FIPI),
            Rule("water-for-solution", "умножает массовую долю на массу воды вместо массы раствора",
                 lambda m, w, v: Fraction(w * v, m + v), FIPI),
            Rule("salt-counted-twice", "к массе нового раствора прибавляет ещё и массу соли",
                 lambda m, w, v: Fraction(m * w, 1) / (m + v + Fraction(m * w, 100)), NAKHLEH),
            Rule("dilution-unseen", "считает, что от воды массовая доля не меняется", lambda m, w, v: w, NAKHLEH),
        ),
    ),
    Family(
        name="amounts-by-equation",
        subject="CHE.S.06.1",
        methodical="CHE.M.05",
        title="Количество вещества по уравнению реакции",
        stage="5-9",
        intro="В схеме aA → bB известно количество вещества A. Ищут количество вещества B.",
        numbers=_amounts,
        ask=lambda n, a, b: f"{a if a > 1 else ''}A → {b if b > 1 else ''}B, n(A) = {number(n, 'моль')}; n(B) =",
        shown=lambda x: number(x, "моль"),
        truth=Rule("", "считает верно", lambda n, a, b: Fraction(n * b, a)),
        bugs=(
            Rule("coefficients-unseen", "считает количества равными", lambda n, a, b: n, SCHMIDT),
            Rule("ratio-inverted", "переворачивает отношение коэффициентов", lambda n, a, b: Fraction(n * a, b), ARASASINGHAM),
            Rule("coefficient-only", "умножает на коэффициент продукта и не делит на коэффициент реагента",
                 lambda n, a, b: n * b, SCHMIDT),
        ),
    ),
    Family(
        name="oxidation-state",
        subject="CHE.S.02.2",
        methodical="CHE.M.05",
        title="Степень окисления в ионе",
        stage="5-9",
        intro="Даны формулы ионов; степень окисления кислорода −2. Ищут степень окисления названного элемента.",
        numbers=_ion,
        ask=_formula,
        shown=_state,
        truth=Rule("", "считает верно", lambda e, n, o, z: Fraction(2 * o - z, n)),
        bugs=(
            Rule("charge-unseen", "не учитывает заряд иона", lambda e, n, o, z: Fraction(2 * o, n), FIPI),
            Rule("atoms-unseen", "не делит на число атомов элемента", lambda e, n, o, z: 2 * o - z, FIPI),
            Rule("charge-added", "прибавляет заряд иона вместо вычитания", lambda e, n, o, z: Fraction(2 * o + z, n), FIPI),
        ),
    ),
)  # fmt: skip
