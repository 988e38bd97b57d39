"""The language of a call, and sentences as the command line says them: its switches in place of arguments of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

from competency_dx.wording import toml_content

LanguageCode = Literal["ru", "en"]

_SWITCHES, _RUSSIAN = (toml_content("cli", name) for name in ("switches", "russian"))


def language_of(arguments: Sequence[str]) -> LanguageCode:
    """Return the language that a call asks for: Russian where it does not say."""
    pairs = zip(arguments, [*arguments, ""][1:], strict=True)
    return "en" if any(a == "--language=en" or (a, b) == ("--language", "en") for a, b in pairs) else "ru"


def in_switches(text: str) -> str:
    """Return a sentence with the switches of the command line in place of arguments of Python."""
    for rule in _SWITCHES["spelling"]:
        text = re.sub(rule["python"], rule["switch"], text)
    out = re.sub(r"Layout\(((?:\w+=(?:\{[^{}]*\}|[^(){}])*)+)\)", _layout, text)
    none = _SWITCHES["no_switch"]
    words = none["ru" if re.search("[а-яё]", out) else "en"]
    out = re.sub("|".join(none["python"]), rf"\g<0> {words}", out, count=1)
    return re.sub(r"(--[a-z-]+) +(?= |[,;:)]|\.(?:\s|$)|$)", r"\1", out)


def _layout(match: re.Match[str]) -> str:
    """Return the switches in place of the fields of a layout, with the values that the sentence gives."""
    out = []
    for name, given in re.findall(r"(\w+)=([^,{]*)", match[1]):
        value, switch = given.strip().strip("'"), _SWITCHES["layout"].get(name, f"--{name}")
        plain = name in {"pii", "aliases"} or not value or value == "…"
        out.append(switch if plain else f"{switch} {value}")
    return " ".join(out)


def usage_in(language: LanguageCode, sentence: str) -> str:
    """Return what is wrong with the arguments, said by the library that reads them, in a language."""
    for rule in _RUSSIAN["usage"] if language == "ru" else ():
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
    options = toml_content("cli", "options").values()
    texts = {option["en"]: option["ru"] for option in options} | _RUSSIAN["help"]
    for part in every_command(command) if language == "ru" else ():
        for named in (part, *part.params):
            for name in ("help", "short_help"):
                if text := getattr(named, name, None):
                    setattr(named, name, texts.get(text, text))


def help_page_in(language: LanguageCode, page: str) -> str:
    """Return a page of help with its headings in a language."""
    for english, russian in (_RUSSIAN["headings"] | _RUSSIAN["help"]).items() if language == "ru" else ():
        page = page.replace(cast("str", english), cast("str", russian))
    return page
