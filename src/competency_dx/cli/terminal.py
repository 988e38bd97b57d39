"""What the command line says and where: messages and progress on stderr, paths of results on stdout."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from competency_dx.arrays import value
from competency_dx.display import decimal
from competency_dx.errors import CompetencyDxWarning
from competency_dx.findings import Finding

R = TypeVar("R")
LanguageCode = Literal["ru", "en"]

WIDEST = 100
TICK_SECONDS = 0.1
MARKS = {"info": " ", "warning": "!", "error": "!!"}


@value
class Terminal:
    """A place to talk: in one language, politely to terminals and to log files.

    Attributes
    ----------
    language : str
        ``"ru"`` or ``"en"``.
    """

    language: LanguageCode

    def pick(self, ru: str, en: str) -> str:
        """Return the text of the language."""
        return ru if self.language == "ru" else en

    def say(self, ru: str = "", en: str = "", *, indent: int = 0) -> None:
        """Write a message on stderr, folded to the width of the terminal."""
        for line in folded(self.pick(ru, en), indent):
            print(line, file=sys.stderr)

    def lines(self, lines: Sequence[str], *, indent: int = 0) -> None:
        """Write lines on stderr as they are: tables."""
        for line in lines:
            print(" " * indent + line, file=sys.stderr)

    def findings(self, findings: Sequence[Finding], *, indent: int = 0) -> None:
        """Write warnings and errors among findings on stderr, each once; see `remarks` for the rest."""
        for finding in dict.fromkeys(findings):
            if finding.severity != "info":
                mark = MARKS[finding.severity].ljust(2)
                for line in folded(f"{mark} {finding.text(self.language)}", indent, hang=3):
                    print(line, file=sys.stderr)

    def remarks(self, findings: Sequence[Finding], *, indent: int = 0) -> None:
        """Write what was noticed and needs no action: rows dropped, sheets unread, columns taken as background."""
        for finding in dict.fromkeys(findings):
            if finding.severity == "info":
                for line in folded(f"·  {finding.text(self.language)}", indent, hang=3):
                    print(line, file=sys.stderr)

    def result(self, path: Path) -> None:
        """Write the path of a result on stdout."""
        print(path)
        sys.stdout.flush()

    @contextmanager
    def stage(self, ru: str, en: str, *, indent: int = 0) -> Iterator[Callable[[str], None]]:
        """Announce a stage while it runs and tell its time when it is done; yields a function to tell what goes on."""
        line = ProgressLine(head=" " * indent + self.pick(ru, en))
        start = time.perf_counter()
        line.show("…")
        try:
            yield line.show
        except BaseException:
            line.clear()
            raise
        line.done(f"{decimal(time.perf_counter() - start, 1, self.language)} {self.pick('с', 's')}")


class ProgressLine:
    """One line that is written over on a terminal; where stderr is a file only its end is written."""

    __slots__ = ("_head", "_last", "_live")

    def __init__(self, *, head: str) -> None:
        self._head, self._last = head, 0.0
        self._live = sys.stderr.isatty()

    def show(self, what: str) -> None:
        """Write the state of things, at most ten times a second."""
        now = time.perf_counter()
        if self._live and now - self._last >= TICK_SECONDS:
            self._last = now
            self._write(f"{self._head}: {what}")

    def done(self, what: str) -> None:
        """Write the end."""
        self.clear()
        print(f"{self._head}: {what}", file=sys.stderr)

    def clear(self) -> None:
        """Take the line away."""
        if self._live:
            self._write("")

    def _write(self, line: str) -> None:
        columns = shutil.get_terminal_size().columns
        print("\r\x1b[K" + line[: max(1, columns - 1)], end="", file=sys.stderr, flush=True)


def folded(text: str, indent: int = 0, hang: int = 0) -> list[str]:
    """Return the text as lines that fit the terminal; the second and later ones hang."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    blank = " " * indent
    return textwrap.wrap(
        text,
        width=max(width, 40),
        initial_indent=blank,
        subsequent_indent=blank + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def heard(terminal: Terminal, verb: Callable[[], R], *, known: Sequence[Finding] = (), indent: int = 0) -> R:
    """Run a verb and tell its findings as short lines instead of Python warnings.

    Parameters
    ----------
    terminal : Terminal
    verb : callable
        Returns a result; its `findings` are told, those in `known` were told before.
    known : sequence of Finding
    indent : int
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CompetencyDxWarning)
        out = verb()
    findings: Sequence[Finding] = getattr(out, "findings", ())
    terminal.findings([f for f in findings if not _told(f, known)], indent=indent)
    _rest(caught, [*findings, *known], indent)
    return out


def _told(finding: Finding, known: Sequence[Finding]) -> bool:
    """Return whether a finding says nothing that was not said before: the same about the same items or fewer."""
    return any(f.code == finding.code and set(finding.scope) <= set(f.scope) for f in known)


def _rest(caught: Sequence[warnings.WarningMessage], findings: Sequence[Finding], indent: int) -> None:
    """Tell the library's warnings that are no finding of the result, once each; pass on those of others."""
    codes = {f"[{f.code}]" for f in findings}
    texts: dict[str, None] = {}
    for item in caught:
        if not issubclass(item.category, CompetencyDxWarning):
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        elif not str(item.message).endswith(tuple(codes)):
            texts[str(item.message)] = None
    for text in texts:
        print("\n".join(folded(f"!  {text}", indent, hang=3)), file=sys.stderr)
