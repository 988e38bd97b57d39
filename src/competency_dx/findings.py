"""Findings: what a person has to know about a number that could be computed, as data inside a result.

What a room may say stands in its catalogue, `findings.py`: one `Template` a code, Russian and English side by side.
"""

from __future__ import annotations

import string
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from competency_dx.arrays import FrozenDict
from competency_dx.errors import CompetencyDxWarning, listed

Severity = Literal["info", "warning", "error"]
NBSP = "\u00a0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a result, in both languages, with the ids it concerns.

    Attributes
    ----------
    code : str
        Stable identifier, ``room.what``, for example ``"calibration.negative_slope"``.
    severity : {"info", "warning", "error"}
        How far the finding reaches into what may be concluded.
    ru, en : str
        One sentence each: what was found and what to do.
    scope : tuple of str
        Items, persons or columns concerned.
    facts : mapping of str to JSON value
        The numbers and names of the sentence, so that nobody has to read them out of it.
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
        return self.ru if language == "ru" else self.en


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


def count(n: int, language: str) -> str:
    """Return a whole number, grouped in threes: from five digits in Russian, from four in English."""
    if language != "ru":
        return f"{n:,}"
    return f"{n:,}".replace(",", NBSP) if abs(n) >= 10_000 else str(n)


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence of the catalogue of a room, with places for ids and facts in braces.

    ``{scope}`` names at most five ids and counts the rest, ``{n}`` is how many there are; a fact has its own name. A whole
    number takes its noun from the forms after the colon (``{n:задание|задания|заданий}``), and after a tilde only the form is
    written; other numbers take a usual format and, in Russian, a decimal comma.

    Attributes
    ----------
    code : str
        ``room.what``.
    severity : {"info", "warning", "error"}
    ru, en : str
    """

    code: str
    severity: Severity
    ru: str
    en: str

    def of(
        self,
        scope: Iterable[object] = (),
        /,
        *,
        where: Iterable[str] = (),
        severity: Severity | None = None,
        **facts: Any,  # noqa: ANN401 - JSON values
    ) -> Finding:
        """Return the finding with these ids and facts.

        ``{where}`` are places as the sentence names them, a cell with its content; `severity` is given where it depends on the
        facts.
        """
        ids = tuple(dict.fromkeys(str(i) for i in scope))
        shown = {"scope": ids, "n": len(ids), "where": tuple(where)}
        shown |= {name: _plain(fact) for name, fact in facts.items()}
        ru, en = (_Wording(language).vformat(text, (), shown) for language, text in (("ru", self.ru), ("en", self.en)))
        return Finding(code=self.code, severity=severity or self.severity, ru=ru, en=en, scope=ids, facts=facts)

    def about(self, scope: Iterable[object], /, **facts: Any) -> tuple[Finding, ...]:  # noqa: ANN401 - JSON values
        """Return the finding about these ids, each of them once, nothing where there are none."""
        ids = list(dict.fromkeys(scope))
        return (self.of(ids, **facts),) if ids else ()


class _Wording(string.Formatter):
    """Writes ids and facts as one language wants them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - a JSON value
        if "|" in format_spec:
            form = plural(value, format_spec.removeprefix("~").split("|"), self.language)
            return form if format_spec.startswith("~") else f"{count(value, self.language)} {form}"
        if isinstance(value, float):
            text = format(value, format_spec or "g")
            return text.replace(".", ",") if self.language == "ru" else text
        if isinstance(value, tuple):
            return listed((self._part(part) for part in value), language=self.language)
        if isinstance(value, Mapping):
            return str(value[self.language])
        return "—" if value is None else format(value, format_spec)

    def _part(self, part: Any) -> str:  # noqa: ANN401 - a JSON value
        """Return an id, or ids that belong together with their number: ``"a + b (0.987)"``."""
        if not isinstance(part, tuple):
            return str(part)
        numbers = ", ".join(
            self.format_field(x, ".3f" if isinstance(x, float) else "") for x in part if not isinstance(x, str)
        )
        names = " + ".join(x for x in part if isinstance(x, str))
        return f"{names} ({numbers})" if numbers else names


def _plain(fact: Any) -> Any:  # noqa: ANN401 - to a JSON value
    """Return a fact as JSON has it, with tuples for lists, None for what is no number, both texts of a bilingual one."""
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


def findings_of(source: object) -> tuple[Finding, ...]:
    """Return the findings of an input: a field of most results, computed on request by a bank."""
    found = getattr(source, "findings", ())
    return tuple(found() if callable(found) else found)


def worth_a_line(findings: Iterable[Finding], most: int = 5) -> list[str]:
    """Return the first warnings and errors as lines of a summary, and how many more there are."""
    lines = [f"{f.severity}: {f.en}"[:150] for f in findings if f.severity != "info"]
    return lines[:most] + ([f"… {len(lines) - most} more findings"] if len(lines) > most else [])


def announce(findings: Iterable[Finding], *, known: Iterable[Finding] = (), stacklevel: int = 3) -> None:
    """Repeat findings of severity warning or error as Python warnings, but those of the inputs, `known` from there."""
    before = set(known)
    for finding in findings:
        if finding.severity != "info" and finding not in before:
            warnings.warn(f"{finding.en} [{finding.code}]", CompetencyDxWarning, stacklevel=stacklevel)
