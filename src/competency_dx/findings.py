"""Findings: what a person has to know about a number that could be computed, as data; ``findings.toml`` of a room has the words."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from inspect import currentframe
from traceback import walk_stack
from typing import Any, Literal

import numpy as np

from competency_dx.arrays import FrozenDict
from competency_dx.errors import CompetencyDxWarning, phrase
from competency_dx.personal_data import hidden_text
from competency_dx.wording import SPELLING, cut, toml_content, worded

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a result, in both languages, with the ids it concerns.

    Attributes
    ----------
    code : Stable identifier, ``room.what``, for example ``"calibration.negative_slope"``.
    severity : How far the finding reaches into what may be concluded.
    ru, en : One sentence each: what was found and what to do.
    scope : Items, persons or columns concerned.
    facts : The numbers and names of the sentence, so that nobody has to read them out of it.
    """

    code: str
    severity: Severity
    ru: str
    en: str
    scope: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", FrozenDict({name: _plain(fact) for name, fact in self.facts.items()}))

    def text(self, language: str) -> str:
        """Return the sentence in the language asked for."""
        return SPELLING.get()(self.ru if language == "ru" else self.en)


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence of the catalogue of a room, found by its code or given, with places for ids and facts in braces.

    ``{scope}`` names at most five ids and counts the rest, ``{n}`` is how many there are; a fact has its own name. A whole
    number takes its noun from the forms after the colon (``{n:задание|задания|заданий}``), and after a tilde only the form is
    written; other numbers take a usual format and, in Russian, a decimal comma. The code is ``room.what``.
    """

    code: str
    severity: Severity = "info"
    ru: str = ""
    en: str = ""

    def __post_init__(self) -> None:
        room, _, what = self.code.partition(".")
        for name, text in {} if self.ru else toml_content(room, "findings")[what].items():
            object.__setattr__(self, name, text)

    def of(
        self, scope: Iterable[object] = (), /, *, where: Iterable[str] = (), severity: Severity | None = None, **facts: object
    ) -> Finding:
        """Return the finding with these ids and facts.

        ``{where}`` are places as the sentence names them, a cell with its content; `severity` is given where it depends on the facts.
        """
        ids = tuple(dict.fromkeys(hidden_text(str(i)) for i in scope))
        shown = {"scope": ids, "n": len(ids), "where": tuple(where)}
        shown |= {name: _plain(fact) for name, fact in facts.items()}
        ru, en = (worded(text, shown, language) for language, text in (("ru", self.ru), ("en", self.en)))
        return Finding(code=self.code, severity=severity or self.severity, ru=ru, en=en, scope=ids, facts=facts)

    def about(self, scope: Iterable[object], /, **facts: Any) -> tuple[Finding, ...]:  # noqa: ANN401 - JSON values
        """Return the finding about these ids, each of them once, nothing where there are none."""
        ids = list(dict.fromkeys(scope))
        return (self.of(ids, **facts),) if ids else ()


def _plain(fact: Any) -> Any:  # noqa: ANN401 - to a JSON value
    """Return a fact as JSON has it, with tuples for lists, None for what is no number, both texts of a bilingual one."""
    if isinstance(fact, str):
        return hidden_text(fact)
    if isinstance(fact, np.generic):
        return _plain(fact.item())
    if isinstance(fact, float):
        return fact if np.isfinite(fact) else None
    if isinstance(fact, list | tuple):
        return tuple(_plain(part) for part in fact)
    if isinstance(fact, Mapping):
        return FrozenDict({str(name): _plain(part) for name, part in fact.items()})
    return FrozenDict({"ru": fact.text("ru"), "en": fact.text("en")}) if hasattr(fact, "text") else fact


def gathered(*sources: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of several inputs and of the result itself, each code once for the same ids."""
    out: dict[tuple[str, tuple[str, ...]], Finding] = {}
    for finding in (f for source in sources for f in source):
        out.setdefault((finding.code, finding.scope), finding)
    return tuple(out.values())


def of_blocks(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings of blocks of persons, one of a code: with the ids of all blocks, counts of cells added up.

    A sentence about places in a table names those of the first block and how many more blocks have some; of other facts too those
    of the first block stand.
    """
    by_code: dict[str, list[Finding]] = {}
    for finding in found:
        by_code.setdefault(finding.code, []).append(finding)
    return tuple(_of_blocks(parts) for parts in by_code.values())


def _of_blocks(parts: Sequence[Finding]) -> Finding:
    first, template, ids = parts[0], Template(parts[0].code), dict.fromkeys(i for f in parts for i in f.scope)
    adds = first.code.startswith("responses.")  # what it counts is in the block
    if len(parts) == 1 or (not adds and len(set(parts)) == 1):
        return first
    whole = {name for name in first.facts if adds and all(isinstance(f.facts.get(name), int) for f in parts)}
    facts = {name: sum(f.facts[name] for f in parts) if name in whole else fact for name, fact in first.facts.items()}
    if "{where" in template.en:
        more = phrase("errors.more_blocks", n=len(parts) - 1)
        return replace(first, ru=first.ru + more["ru"], en=first.en + more["en"], scope=tuple(ids), facts=facts)
    return template.of(ids, severity=max((f.severity for f in parts), key=("info", "warning", "error").index), **facts)


def findings_of(source: object) -> tuple[Finding, ...]:
    """Return the findings of an input: a field of most results, computed on request by a bank."""
    found = getattr(source, "findings", ())
    return tuple(found() if callable(found) else found)


def worth_a_line(findings: Iterable[Finding], most: int = 5, *, language: str = "en") -> list[str]:
    """Return the first warnings and errors as lines of a summary, and how many more there are."""
    words = {"warning": "внимание", "error": "ошибка"} if language == "ru" else {}
    lines = [cut(f"{words.get(f.severity, f.severity)}: {f.text(language)}", 150) for f in findings if f.severity != "info"]
    more = "… ещё {n:замечание|замечания|замечаний}" if language == "ru" else "… {n:more finding|more findings}"
    return lines[:most] + ([worded(more, {"n": len(lines) - most}, language)] if len(lines) > most else [])


_ANNOUNCED = ContextVar("announced", default=True)
_HEARD: dict[str, dict[Any, Any]] = {}
"""Warnings that Python would not repeat, by file of the caller: its own register keeps every text for ever, ids and all."""
MOST_HEARD = 1000


@contextmanager
def in_results_only() -> Iterator[None]:
    """Leave findings to the results in this block, in this thread: nobody reads the warnings of a service."""
    before = _ANNOUNCED.set(False)
    try:
        yield
    finally:
        _ANNOUNCED.reset(before)


def announce(findings: Iterable[Finding], *, known: Iterable[Finding] = ()) -> None:
    """Repeat findings of severity warning or error as Python warnings, but those of the inputs, `known` from there."""
    before = set(known)
    if not (told := [f for f in findings if f.severity != "info" and f not in before] if _ANNOUNCED.get() else []):
        return
    frames = [frame for frame, _ in walk_stack(currentframe())]
    names = ((frame.f_globals.get("__name__", ""), frame) for frame in frames)
    module, caller = next((found for found in names if not found[0].startswith(__package__)), ("", frames[0]))
    file = caller.f_code.co_filename
    if len(heard_before := _HEARD.setdefault(file, {})) > MOST_HEARD:
        heard_before.clear()
    for finding in told:
        heard = CompetencyDxWarning(f"{finding.en} [{finding.code}]")
        heard.finding = finding
        warnings.warn_explicit(heard, None, file, caller.f_lineno, module, heard_before)
