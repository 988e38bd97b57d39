"""Sentences with places for ids and facts, titles and codes out of bilingual files, as a reader of Russian or English expects them."""

import math
import re
import string
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

LOOKALIKES = str.maketrans("АВЕНКМОРСТХУ", "ABEHKMOPCTXY")
"""Capital Cyrillic letters that look like Latin ones; both sides of a comparison are brought to Latin."""
SHOWN_IDS = 5
LONGEST, LONGEST_TEXT = 120, 300  # signs shown of a name or a value, and of a text
SPELLING: ContextVar[Callable[[str], str]] = ContextVar("SPELLING", default=str)
"""How a sentence names arguments: as Python does, unless a program with switches says otherwise."""
NBSP, THIN = "\u00a0", "\u202f"  # spaces at which no line is broken
MINUS = "\u2212"
NONE = "—"
_FIXED = [f".{digits}f" for digits in range(18)]
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # what would break a sentence into lines or command a terminal


@cache
def toml_content(room: str, name: str) -> Mapping[str, Any]:
    """Return the TOML file of that name in the folder of a room, or in the root where the room is ``""``."""
    path = files("competency_dx").joinpath(*room.split("."), f"{name}.toml")
    return MappingProxyType(tomllib.loads(path.read_text(encoding="utf-8")))


def cut(text: str, most: int = LONGEST_TEXT) -> str:
    """Return the beginning of a text of others, up to a whole word, where it is long."""
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0].rstrip(' ,;:')} …"


def listed(ids: Iterable[object], shown: int = SHOWN_IDS, *, language: str = "en") -> str:
    """Name at most `shown` ids and count the rest: ``"a, b, c and 12 more"``, ``"a, b, c и ещё 12"``."""
    names = [str(i) for i in ids]
    head, rest = ", ".join(names[:shown]), len(names) - shown
    return head + (f" и ещё {rest}" if language == "ru" else f" and {rest} more") * (rest > 0)


def plural(n: int, forms: Sequence[str], language: str) -> str:
    """Return the noun after a whole number: Russian ``задание, задания, заданий`` as after 1, 2, 5, English one and many."""
    if language != "ru":
        return forms[0] if abs(n) == 1 else forms[-1]
    ones = 5 if 11 <= abs(n) % 100 <= 14 else abs(n) % 10
    return forms[0] if ones == 1 else forms[1] if 2 <= ones <= 4 else forms[2]


def count(n: int, language: str) -> str:
    """Return a whole number, grouped in threes: by thin spaces from five digits in Russian, by commas from four in English."""
    text = f"{n:,}" if language != "ru" or abs(n) >= 10_000 else str(n)
    return text.replace("-", MINUS).replace(",", THIN if language == "ru" else ",")


def number(x: float, form: str, language: str) -> str:
    """Return a number in a usual format: with a true minus sign, a decimal comma in Russian, a dash for what is missing."""
    if not math.isfinite(x):
        return NONE if math.isnan(x) else f"{MINUS * (x < 0)}∞"
    grouped = language == "ru" and abs(x) >= 10_000 and form.endswith("f")  # as `count` does
    text = format(x, form.replace(".", ",.") if grouped else form)
    if "-" in text:
        text = text.replace("-", "" if not text.strip(" -0.") else MINUS)
    text = text.replace(",", THIN).replace(".", ",") if language == "ru" else text
    return text.replace("%", f"{NBSP}%") if text[-1] == "%" else text


def counted(n: int, forms: Sequence[str], language: str) -> str:
    """Return number and noun that no line break parts: ``"21 задание"``."""
    return f"{count(n, language)}{NBSP}{plural(n, forms, language)}"


def decimal(x: float, digits: int, language: str) -> str:
    """Return a number with fixed decimals as `number` writes it, a dash for what is not finite."""
    return number(x, _FIXED[digits], language) if math.isfinite(x) else NONE


def percent(x: float, language: str, digits: int = 0) -> str:
    """Return a percent with a non-breaking space before its sign; `x` is already on the 0-100 scale."""
    return f"{decimal(x, digits, language)}{NBSP}%" if math.isfinite(x) else NONE


def interval(low: float, high: float, language: str) -> str:
    """Return the bounds of a percent interval: ``"58–75 %"``, with a decimal where they would be the same: ``"48,9–49,4 %"``."""
    digits = int(f"{low:.0f}" == f"{high:.0f}")
    whole = math.isfinite(low) and math.isfinite(high)
    return f"{decimal(low, digits, language)}–{decimal(high, digits, language)}{NBSP}%" if whole else NONE


def chance(p: float, language: str) -> str:
    """Return a probability in percent; what would round to certainty is told as a bound."""
    if not math.isfinite(p):
        return NONE
    if p > 0.99:
        return f">{NBSP}99{NBSP}%"
    return f"<{NBSP}1{NBSP}%" if p < 0.01 else percent(100 * p, language)


def worded(template: str, facts: Mapping[str, Any], language: str) -> str:
    """Return a template of `language` with its facts in place.

    A tuple names at most five ids, or the number after the colon, and counts the rest. A whole number takes its noun from the
    forms after the colon (``{n:задание|задания|заданий}``), and after a tilde only the form is written; other numbers take a
    usual format, a true minus sign and, in Russian, a decimal comma; with a comma for the format they are whole and grouped in threes.
    A mapping holds the texts of both languages.
    """
    return _Wording(language).vformat(template, (), facts)


class _Wording(string.Formatter):
    """Writes ids and facts as one language wants them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def convert_field(self, value: Any, conversion: Any) -> Any:  # noqa: ANN401 - signature of string.Formatter
        """Return what a conversion makes of a value, cut off where it is long."""
        out = super().convert_field(value, conversion)
        return cut(out, LONGEST) if conversion == "r" else out

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - a JSON value
        if "|" in format_spec:
            form = plural(value, format_spec.removeprefix("~").split("|"), self.language)
            return form if format_spec.startswith("~") else f"{count(value, self.language)} {form}"
        if format_spec == ",":
            return count(round(value), self.language)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return number(value, format_spec or ("g" if isinstance(value, float) else "d"), self.language)
        if isinstance(value, tuple):
            text = listed(map(self._part, value), int(format_spec or SHOWN_IDS), language=self.language)
            return text or ("нет" if self.language == "ru" else "none")
        if isinstance(value, Mapping):
            return str(value[self.language])
        return "—" if value is None else _CONTROLS.sub(" ", cut(format(value, format_spec)))

    def _part(self, part: Any) -> str:  # noqa: ANN401 - a JSON value
        """Return an id, or ids that belong together with their number: ``"a + b (0.987)"``."""
        if not isinstance(part, tuple):
            text = _CONTROLS.sub(" ", cut(str(part), LONGEST)) if isinstance(part, str | bool) else self.format_field(part, "")
            return text if text.strip() else repr(text)
        numbers = ", ".join(self.format_field(x, ".3f" if isinstance(x, float) else "") for x in part if not isinstance(x, str))
        names = _CONTROLS.sub(" ", " + ".join(x for x in part if isinstance(x, str)))
        return f"{names} ({numbers})" if numbers else names


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
    return title if language != "ru" or stem == name else f"{title}, ст. ошибка"


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
