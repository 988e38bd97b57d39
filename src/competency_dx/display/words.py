"""Numbers, nouns and sentences as a reader of Russian or English expects them: plurals, decimal comma, bilingual files."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from competency_dx.wording import NBSP, count, plural

MINUS = "\u2212"
NONE = "—"


def counted(n: int, forms: Sequence[str], language: str) -> str:
    """Return number and noun that no line break parts: ``"21 задание"``."""
    return f"{count(n, language)}{NBSP}{plural(n, forms, language)}"


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


@cache
def toml_content(room: str, name: str) -> Mapping[str, Any]:
    """Return the TOML file of that name in a room."""
    text = files(f"competency_dx.{room}").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


@cache
def sentences(room: str, name: str, language: str) -> Mapping[str, Any]:
    """Return what a TOML file of tables ``[key]`` with ``ru`` and ``en`` says in a language."""
    return MappingProxyType({key: both[language] for key, both in toml_content(room, name).items()})
