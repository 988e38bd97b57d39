"""Sentences, titles and codes as a reader of Russian or English expects them, out of bilingual files."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from competency_dx.wording import NBSP, toml_content, worded


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
