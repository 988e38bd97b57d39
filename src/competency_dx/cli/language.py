"""The language of a call, and sentences as the command line says them: its switches in place of arguments of Python."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

LanguageCode = Literal["ru", "en"]

OF_LAYOUT: Mapping[str, str] = {
    "pii": "--drop-personal-data",
    "aliases": "--alias NAME=ITEM",
    "missing_tokens": "--missing",
    "missing_codes": "--missing",
    **{n: f"--{n}" for n in ("person", "form", "sheet", "attempts", "cells", "items", "item", "answer", "unreadable")},
}
"""What the command line has for the fields of a layout."""
COLUMNS = {"en": "by removing their columns from the table", "ru": ", удалив их столбцы из таблицы"}
SPELLINGS: Sequence[tuple[str, str]] = (
    (r"Layout\([^()]*\) (?:or|или) (?=--)", ""),
    (r"population=(?:Cohort\(\))?(?!\w)", "--cohort"),
    (r"written by to_json\(\)", "written by this program"),
    (r"записанный to_json\(\)", "записанный этой программой"),
    (r"anchors=bank\b", "--anchors"),
    (r"dimensions=bank\.leaves", "--dimensions competencies"),
    (r"MarginalML\(points=…\)|MarginalML(?= (?:needs|требует) )", "--points"),
    (r"MarginalML\(max_iterations=…\)", "--max-iterations"),
    (r"MissingPolicy\(omitted=…\)", "--omitted"),
    (r"\b(EAP|MAP|ML|WLE|SumScore)\(\)", r"--method \1"),
    (r"load_responses\(…, bank=bank\)|load_bank\(name_or_path\)", "--bank"),
    (r"(?<![\w.(,])(priors|model|method|bank|language|dimensions|anchors)=(?:['\"]([\w.]*)['\"])?", r"--\1 \2"),
    (r"with responses\.select\(items=[^()]*\)", COLUMNS["en"]),
    (r" через responses\.select\(items=[^()]*\)", COLUMNS["ru"]),
)
"""Arguments of Python, and what the command line says instead."""
PYTHON = (
    r"\b(?:Limits|MarginalML|ClassificationML|Population|Exploratory|Priors|DeficitRule|R201)\([^()]*\)|\bbank\.with_calibration\(…\)"
    r"|(?<![\w-])(?:integration|item_uncertainty|standards|rule|omitted|shape|on|by|conditioning|hierarchy)=[\"'\w]*"
)
"""Arguments of Python for which there is no switch."""
NO_SWITCH = {
    "en": "(from Python; the command line has no such switch)",
    "ru": "(из Python; у командной строки такого ключа нет)",
}


def language_of(arguments: Sequence[str]) -> LanguageCode:
    """Return the language that a call asks for: Russian where it does not say."""
    pairs = zip(arguments, [*arguments, ""][1:], strict=True)
    return "en" if any(a == "--language=en" or (a, b) == ("--language", "en") for a, b in pairs) else "ru"


def in_switches(text: str) -> str:
    """Return a sentence with the switches of the command line in place of arguments of Python."""
    for pattern, switch in SPELLINGS:
        text = re.sub(pattern, switch, text)
    out = re.sub(r"Layout\(((?:\w+=(?:\{[^{}]*\}|[^(){}])*)+)\)", _layout, text)
    out = re.sub(PYTHON, rf"\g<0> {NO_SWITCH['ru' if re.search('[а-яё]', out) else 'en']}", out, count=1)
    return re.sub(r"(--[a-z-]+) +(?= |[,;:)]|\.(?:\s|$)|$)", r"\1", out)


def _layout(match: re.Match[str]) -> str:
    """Return the switches in place of the fields of a layout, with the values that the sentence gives."""
    out = []
    for name, given in re.findall(r"(\w+)=([^,{]*)", match[1]):
        value, switch = given.strip().strip("'"), OF_LAYOUT.get(name, f"--{name}")
        plain = name in {"pii", "aliases"} or not value or value == "…"
        out.append(switch if plain else f"{switch} {value}")
    return " ".join(out)


@cache
def _russian() -> Mapping[str, Any]:
    return tomllib.loads(files("competency_dx.cli").joinpath("russian.toml").read_text(encoding="utf-8"))


def usage_in(language: LanguageCode, sentence: str) -> str:
    """Return what is wrong with the arguments, said by the library that reads them, in a language."""
    for rule in _russian()["usage"] if language == "ru" else ():
        if match := re.fullmatch(rule["en"], sentence):
            return match.expand(rule["ru"])
    return sentence


def every_command(command: Any) -> Iterator[Any]:  # noqa: ANN401 - of typer, whose types it does not export
    """Yield a command and those below it."""
    yield command
    for part in getattr(command, "commands", {}).values():
        yield from every_command(part)


def help_in(language: LanguageCode, command: Any) -> None:  # noqa: ANN401 - as above
    """Put the texts of a language in the help of a command and of those below it."""
    texts = _russian()["help"]
    for part in every_command(command) if language == "ru" else ():
        for named in (part, *part.params):
            for name in ("help", "short_help"):
                if text := getattr(named, name, None):
                    setattr(named, name, texts.get(text, text))


def help_page_in(language: LanguageCode, page: str) -> str:
    """Return a page of help with its headings in a language."""
    for english, russian in (_russian()["headings"] | _russian()["help"]).items() if language == "ru" else ():
        page = page.replace(cast("str", english), cast("str", russian))
    return page
