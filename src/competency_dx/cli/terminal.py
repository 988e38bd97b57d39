"""What the command line says, and where: paths of results on stdout, all else on stderr, switches in place of arguments of Python."""

import re
import shutil
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from competency_dx.arrays import value
from competency_dx.display import decimal, result_words
from competency_dx.errors import CompetencyDxWarning
from competency_dx.findings import Finding
from competency_dx.wording import NBSP, toml_content

LanguageCode = Literal["ru", "en"]
_SWITCHES, _RUSSIAN = (toml_content("cli", name) for name in ("switches", "russian"))
R = TypeVar("R")
Row = Sequence[str]
WIDEST, TICK_SECONDS = 100, 0.1
MARKS = {"info": "·", "warning": "!", "error": "!!"}


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


def in_own_switches(language: LanguageCode, sentence: str, command: Any, arguments: Sequence[str]) -> str:  # noqa: ANN401 - of typer
    """Return a sentence on a call with a word on the switches that it names and the called command has not."""
    for word in arguments:
        command = getattr(command, "commands", {}).get(word, command)
    own = {"--help", *(switch for part in command.params for switch in part.opts)}
    named = re.findall(r"competency-dx(?: [\w-]+)+|(?<![\w-])(--[a-z][a-z-]*)", sentence)
    foreign = tuple(dict.fromkeys(switch for switch in named if switch and switch not in own))
    return sentence + (result_words("cli", language)("foreign", switches=foreign) if foreign else "")


def _layout(match: re.Match[str]) -> str:
    """Return the switches in place of the fields of a layout, with the values that the sentence gives."""
    out = []
    for name, given in re.findall(r"(\w+)=([^,{]*)", match[1]):
        value, switch = given.strip().strip("'"), _SWITCHES["layout"].get(name, f"--{name}")
        out.append(switch if (name in {"pii", "aliases"} or not value or value == "…") else f"{switch} {value}")
    return " ".join(out)


def usage_in(language: LanguageCode, sentence: str) -> str:
    """Return what is wrong with the arguments, said by the library that reads them, in a language."""
    for rule in _RUSSIAN["usage"] if language == "ru" else ():
        if match := re.fullmatch(rule["en"], sentence):
            return _valued(match.expand(rule["ru"]))
    return sentence


def _valued(text: str) -> str:
    """Return a Russian text with kinds and bounds of values in words, as wide as before where a column follows."""
    for english, russian in _RUSSIAN["values"].items():
        for found in reversed([*re.finditer(rf"(?:{english})(?P<gap> {{2,}})?", text)]):
            words = found.expand(russian)
            text = text[: found.start()] + (words.ljust(len(found[0])) if found["gap"] else words) + text[found.end() :]
    return text


def every_command(command: Any) -> Iterator[Any]:  # noqa: ANN401 - of typer, whose types it does not export
    """Yield a command and those below it."""
    yield command
    for part in getattr(command, "commands", {}).values():
        yield from every_command(part)


def help_in(language: LanguageCode, command: Any) -> None:  # noqa: ANN401 - as above
    """Put the texts of a language in the help of a command and of those below it."""
    texts = {option["en"]: option["ru"] for option in toml_content("cli", "options").values()} | _RUSSIAN["help"]
    for part in every_command(command) if language == "ru" else ():
        for named in (part, *part.params):
            for name in ("help", "short_help"):
                if text := getattr(named, name, None):
                    setattr(named, name, texts.get(text, text))


def help_page_in(language: LanguageCode, page: str) -> str:
    """Return a page of help with its headings in a language."""
    for english, russian in (_RUSSIAN["headings"] | _RUSSIAN["help"]).items() if language == "ru" else ():
        page = page.replace(cast("str", english), cast("str", russian))
    return _valued(page) if language == "ru" else page


def pointed(arguments: Sequence[str]) -> list[str]:
    """Return arguments of a call with a point in numbers that are written with a decimal comma."""
    flags = {option["flag"] for option in toml_content("cli", "options").values() if option.get("kind") == "decimal"}
    pairs = zip(["", *arguments], arguments, strict=False)
    return [a.replace(",", ".") if before in flags or a.partition("=")[0] in flags else a for before, a in pairs]


@value
class Terminal:
    """A place to talk: in one language, politely to terminals and to log files, `indent` blanks before lines on stderr."""

    language: LanguageCode
    indent: int = 0

    def words(self, key: str, **facts: object) -> str:
        """Return a sentence of ``results.toml`` with its facts in place."""
        return result_words("cli", self.language)(key, **facts)

    def say(self, text: str = "", *, hang: int = 0) -> None:
        """Write a message on stderr, folded to the width of the terminal; the second and later lines hang."""
        self.lines(folded(text, self.indent, hang))

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines on stderr as they are."""
        for line in lines:
            print(line, file=sys.stderr)

    def findings(self, findings: Sequence[Finding]) -> None:
        """Write warnings and errors among findings on stderr, each once; see `remarks` for the rest."""
        self.remarks([f for f in findings if f.severity != "info"])

    def remarks(self, findings: Sequence[Finding]) -> None:
        """Write findings on stderr, each once and by how grave it is."""
        for finding in dict.fromkeys(findings):
            self.say(f"{MARKS[finding.severity].ljust(2)} {finding.text(self.language)}", hang=3)

    def result(self, path: Path) -> None:
        """Write the path of a result on stdout."""
        print(path)
        sys.stdout.flush()

    @contextmanager
    def stage(self, text: str) -> Iterator[Callable[[str], None]]:
        """Announce a stage while it runs and tell its time when it is done; yields a function to tell what goes on.

        A terminal has one line that is written over, at most ten times a second; a file has only its end.
        """
        head, start, live, last = " " * self.indent + text, time.perf_counter(), sys.stderr.isatty(), 0.0

        def write(line: str) -> None:
            if live:
                print("\r\x1b[K" + line[: max(1, shutil.get_terminal_size().columns - 1)], end="", file=sys.stderr, flush=True)

        def show(what: str) -> None:
            nonlocal last
            if (now := time.perf_counter()) - last >= TICK_SECONDS:
                last = now
                write(f"{head}: {what}")

        show("…")
        try:
            yield show
        finally:
            write("")
        seconds = decimal(time.perf_counter() - start, 1, self.language)
        print(f"{head}: {seconds} {'с' if self.language == 'ru' else 's'}", file=sys.stderr)


def width() -> int:
    """Return how many characters a line has: those of the terminal, between 40 and `WIDEST`."""
    return max(min(shutil.get_terminal_size().columns, WIDEST), 40)


def folded(text: str, indent: int = 0, hang: int = 0) -> list[str]:
    """Return the text as lines that fit the terminal; the second and later ones hang, a number keeps its sign of percent."""
    blank, tied = " " * indent, text.replace(" %", f"{NBSP}%")
    lines = textwrap.TextWrapper(width(), blank, blank + " " * hang, break_long_words=False, break_on_hyphens=False)
    return [line.replace(f"{NBSP}%", " %") for line in lines.wrap(tied)] or [""]


def table_lines(heads: Row, rows: Sequence[Row], texts: int = 0) -> list[str]:
    """Return a table as lines: the first `texts` columns flush left, the others flush right."""
    widths = [max(len(row[k]) for row in (heads, *rows)) for k in range(len(heads))]

    def line(row: Row) -> str:
        cells = (c.ljust(w) if k < texts else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return [line(row) for row in (heads, *rows)]


def heard(terminal: Terminal, verb: Callable[[], R], *, known: Sequence[Finding] = ()) -> R:
    """Run a verb and tell its findings as short lines instead of Python warnings; those in `known` were told before."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CompetencyDxWarning)
        out = verb()
    findings: Sequence[Finding] = getattr(out, "findings", ())
    # a finding says nothing new that was told of the same items or more
    said = [f for f in findings if any(f.code == k.code and set(f.scope) <= set(k.scope) for k in known)]
    terminal.findings([f for f in findings if f not in said])
    codes = {f.code for f in (*findings, *known)}
    inner: list[Finding] = []
    for item in caught:
        finding = getattr(item.message, "finding", None)
        if not isinstance(finding, Finding):
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        elif finding.code not in codes:
            inner.append(finding)
    terminal.findings(inner)
    return out
