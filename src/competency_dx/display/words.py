"""Numbers, nouns and sentences as a reader of Russian or English expects them: plurals, decimal comma, bilingual files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from competency_dx.wording import NBSP, NONE, count, number, plural, toml_content, worded


def counted(n: int, forms: Sequence[str], language: str) -> str:
    """Return number and noun that no line break parts: ``"21 задание"``."""
    return f"{count(n, language)}{NBSP}{plural(n, forms, language)}"


def decimal(x: float, digits: int, language: str) -> str:
    """Return a number with fixed decimals as `number` writes it, a dash for what is not finite."""
    return number(x, f".{digits}f", language) if math.isfinite(x) else NONE


def percent(x: float, language: str, digits: int = 0) -> str:
    """Return a percent with a non-breaking space before its sign; `x` is already on the 0-100 scale."""
    return f"{decimal(x, digits, language)}{NBSP}%" if math.isfinite(x) else NONE


def interval(low: float, high: float, language: str, digits: int = 0) -> str:
    """Return the bounds of a percent interval: ``"58–75 %"``."""
    whole = math.isfinite(low) and math.isfinite(high)
    return f"{decimal(low, digits, language)}–{decimal(high, digits, language)}{NBSP}%" if whole else NONE


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
def sentences(room: str, name: str, language: str) -> Mapping[str, Any]:
    """Return what a TOML file of tables ``[key]`` with ``ru`` and ``en`` says in a language."""
    return MappingProxyType({key: both[language] for key, both in toml_content(room, name).items()})


def result_words(room: str, language: str) -> Callable[..., str]:
    """Return what words the results of a room: ``say("head", n=3)`` fills the sentence ``[head]`` of its ``results.toml``."""
    texts = sentences(room, "results", language)
    return lambda key, /, **facts: worded(texts[key], facts, language)


def column_title(name: str, language: str) -> str:
    """Return how a page names a column of a table: English ones by its own name, Russian ones by ``columns.toml``."""
    stem = name.removeprefix("se_")
    title: str = toml_content("display", "columns").get(stem, {}).get("title", stem) if language == "ru" else name
    return title if language != "ru" or stem == name else f"SE {title}"


def code_word(column: str, code: str, language: str) -> str:
    """Return how a page shows a code that stands in a column: in Russian by ``columns.toml``."""
    if language != "ru":
        return code
    return str(toml_content("display", "columns").get(column, {}).get(code, {"True": "да", "False": "нет"}.get(code, code)))


def setting_name(name: str, language: str, kind: str = "names") -> str:
    """Return what a page calls an input or a setting of a provenance; its verb with ``kind="verbs"``."""
    return str(toml_content("display", "settings")[kind].get(name, name)) if language == "ru" else name


def setting_word(text: str, language: str) -> str:
    """Return the words of a setting, which documents hold in English, in a language."""
    for english, russian in toml_content("display", "settings")["words"].items() if language == "ru" else ():
        text = re.sub(english, russian, text)
    return text
