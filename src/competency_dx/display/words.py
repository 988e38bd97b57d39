"""Numbers and nouns as a reader of Russian or English expects them: plurals, decimal comma, non-breaking percent."""

from __future__ import annotations

import math
from collections.abc import Sequence

NBSP = "\u00a0"
MINUS = "\u2212"
NONE = "—"


def plural(n: int, forms: Sequence[str], language: str) -> str:
    """Return the form of a noun after a whole number.

    Parameters
    ----------
    n : int
        The number; its sign is ignored.
    forms : sequence of str
        Russian: the forms after 1, 2 and 5 (``задание, задания, заданий``); English: singular and plural.
    language : str
        ``"ru"`` or ``"en"``.
    """
    n = abs(n)
    if language != "ru":
        return forms[0] if n == 1 else forms[-1]
    tens, ones = n % 100, n % 10
    if 11 <= tens <= 14:
        return forms[2]
    return forms[0] if ones == 1 else forms[1] if 2 <= ones <= 4 else forms[2]


def counted(n: int, forms: Sequence[str], language: str) -> str:
    """Return number and noun that no line break parts: ``"21 задание"``."""
    return f"{count(n, language)}{NBSP}{plural(n, forms, language)}"


def count(n: int, language: str) -> str:
    """Return a whole number, grouped in threes: from five digits in Russian, from four in English."""
    if language != "ru":
        return f"{n:,}"
    return f"{n:,}".replace(",", NBSP) if abs(n) >= 10_000 else str(n)


def decimal(x: float, digits: int, language: str) -> str:
    """Return a number with fixed decimals: decimal comma in Russian, a true minus sign, a dash for what is missing."""
    if not math.isfinite(x):
        return NONE
    out = f"{x:.{digits}f}"
    if float(out) == 0:
        out = out.removeprefix("-")
    out = out.replace("-", MINUS)
    return out.replace(".", ",") if language == "ru" else out


def percent(x: float, language: str, digits: int = 0) -> str:
    """Return a percent with a non-breaking space before its sign; `x` is already on the 0-100 scale."""
    return f"{decimal(x, digits, language)}{NBSP}%" if math.isfinite(x) else NONE


def interval(low: float, high: float, language: str, digits: int = 0) -> str:
    """Return the bounds of a percent interval: ``"58–75 %"``."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NONE
    return f"{decimal(low, digits, language)}–{decimal(high, digits, language)}{NBSP}%"


def chance(p: float, language: str) -> str:
    """Return a probability in percent; what would round to certainty is told as a bound."""
    if not math.isfinite(p):
        return NONE
    if p > 0.99:
        return f">{NBSP}99{NBSP}%"
    return f"<{NBSP}1{NBSP}%" if p < 0.01 else percent(100 * p, language)


def tied(text: str) -> str:
    """Return the text with the blanks before percent signs made non-breaking."""
    return text.replace(" %", f"{NBSP}%")
