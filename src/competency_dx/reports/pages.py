"""What every page of a report needs, whatever it shows: language, sentences, lines of findings, templates."""

import hashlib
import math
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

from competency_dx import display
from competency_dx.arrays import FrozenDict, value
from competency_dx.display import NBSP, NONE, code_word, counted, decimal, interval, percent, sentences, setting_name, setting_word
from competency_dx.errors import needing
from competency_dx.findings import Finding, findings_of
from competency_dx.result import DataFrame, Provenance, Result

if TYPE_CHECKING:
    from jinja2 import Environment


Language = Literal["ru", "en"]
SHOWN_SCOPE = 5
BETWEEN, CALL = re.compile(r"(?<=[.!?…]) +(?=[A-ZА-ЯЁ«\d])"), re.compile(r"\b[A-Za-z_]+\(|--[a-z]|\b[a-z_]+=")
SheetCell = str | float | int | bool | None


@value
class Sheet:
    """One sheet: name, heads, columns of cells, number format of each head, freeze after so many columns.

    A long sheet has its first rows in `columns`; `more` yields the columns of further rows, so many as `further`.
    """

    name: str
    heads: tuple[str, ...]
    columns: tuple[Sequence[SheetCell], ...]
    formats: Mapping[str, str] = FrozenDict()
    frozen: int = 1
    further: int = 0
    more: Callable[[], Iterable[Sequence[Sequence[SheetCell]]]] = tuple


class Written(NamedTuple):
    """How one result is written: page, sheets and title of the workbook, further pages, each made when asked for.

    `table` names the files of tables; `further` yields paths and bytes, and `page` is told whether they stand beside it.
    `frames` yields the table of the CSV file in blocks of rows, `document` the parts of the JSON file, where these are not of the
    result as a whole. Where the page does not lead, text documents and prints have the further ones alone.
    """

    page: Callable[[bool], str]
    sheets: Callable[[], tuple[Sequence[Sheet], str]]
    table: str = "table"
    further: Callable[[], Iterable[tuple[str, bytes]]] = tuple
    frames: Callable[[], Iterable[DataFrame]] = tuple
    document: Callable[[], Iterable[str]] = tuple
    leads: bool = True


@cache
def strings(language: Language) -> Mapping[str, str]:
    """Return the sentences of one language by key, which ``strings.toml`` has in both; points of percent stay on one line."""
    return {key: text.replace("п. п.", f"п.{NBSP}п.") for key, text in sentences("reports", "strings", language).items()}


def several(n: int, noun: str, language: Language) -> str:
    """Return a number with the right form of one of the nouns of ``strings.toml``, kept on one line."""
    return counted(n, strings(language)[f"noun_{noun}"].split("|"), language)


def engine_line(made: Provenance, language: Language) -> tuple[str, str]:
    """Return the first line of a methods note: which version of the library made the result, by which verb."""
    t = strings(language)
    return t["engine"], t["made_by"].format(version=made.library, verb=setting_name(made.verb, language, "verbs"))


def of_input(name: str, language: Language) -> str:
    """Return what a methods note calls an input."""
    return strings(language).get(f"input_{name}", setting_name(name, language))


def made_by(result: Result, language: Language) -> tuple[tuple[str, str], ...]:
    """Return the methods note of a result: its provenance, or its digest where it has none."""
    made = getattr(result, "provenance", None)
    if not isinstance(made, Provenance):
        digest = getattr(result, "digest", "")
        return (("SHA-256", str(digest)),) if digest else ()
    written = (*made.inputs.items(), *made.settings.items())
    return (engine_line(made, language), *((setting_name(name, language), setting_word(text, language)) for name, text in written))


def said_on_page(finding: Finding, language: Language) -> str:
    """Return what a finding says without the sentences that name a call or a switch, which readers of pages do not have."""
    sentences = BETWEEN.split(text := finding.text(language))
    return " ".join(s for s in sentences if not CALL.search(s)) or text


def finding_lines(findings: Sequence[Finding], language: Language) -> tuple[Mapping[str, str], ...]:
    """Return severity, text, scope and code of findings in a language: at most five ids of the scope, the rest counted."""
    t, out = strings(language), []
    for f in findings:
        rest = len(f.scope) - SHOWN_SCOPE
        ids = [*f.scope[:SHOWN_SCOPE], *([t["and_more"].format(n=rest)] if rest > 0 else [])]
        out.append({"severity": t[f.severity], "text": said_on_page(f, language), "scope": ", ".join(ids), "code": f.code})
    return tuple(out)


@cache
def environment() -> "Environment":
    """Return the environment: everything is escaped, an unknown name is an error; it has style, script and content policy."""
    with needing("jinja2", "report", "report()"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    of = PackageLoader("competency_dx.reports", "templates")
    out = Environment(loader=of, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False)
    style, script = (out.get_template(name).render(font=display.FONT) for name in ("style.css", "filter.js"))
    css, js = (b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    content_policy = (  # a browser uses these two and loads nothing
        f"default-src 'none'; style-src-elem 'sha256-{css}'; style-src-attr 'unsafe-inline'; script-src 'sha256-{js}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    out.globals |= {"style": style, "script": script, "content_policy": content_policy, "theme": display.theme}
    # what is drawn by hand has &#x27; and &quot;, which autoescape writes by numbers
    out.filters["quoted"] = lru_cache(maxsize=4096)(lambda text: Markup(escape(text)))
    return out


def coded(column: str, code: str, language: Language) -> str:
    """Return the words of a code that stands in a column."""
    return code_word(column, code, language).replace("_", " ")


def bounded(x: float, low: float, high: float, language: Language) -> str:
    """Return a percent with its interval, a dash where there is none."""
    return f"{percent(x, language)} ({interval(low, high, language)})" if math.isfinite(x) else NONE


def ranged(x: float, low: float, high: float, language: Language) -> str:
    """Return a number of points, which may be negative, with its interval, a dash where there is none."""
    return "{} ({}…{})".format(*(decimal(y, 1, language) for y in (x, low, high))) if math.isfinite(x) else NONE


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """Return a text as it stands in HTML."""
    from markupsafe import escape

    return str(escape(text))


def macro(name: str, *given: object) -> str:
    """Return what a macro of ``parts.html`` writes: a part that many pages share is made once."""
    return str(getattr(environment().get_template("parts.html").module, name)(*given))


def render(template: str, language: Language, values: Mapping[str, object]) -> str:
    """Return a page; `t` holds the sentences of the language."""
    return environment().get_template(template).render(_shared(language) | dict(values))


@cache
def _shared(language: Language) -> dict[str, object]:
    """Return what every template has: sentences, charts, and how numbers and codes are worded in the language."""
    worded = (bounded, display.chance, display.chart_svg, coded, display.count, decimal, interval, percent, ranged, several)
    return {"t": strings(language), "language": language} | {say.__name__: partial(say, language=language) for say in worded}


def pages_of(
    template: str, files: Iterable[str], language: Language, view: Callable[[int], Mapping[str, object]]
) -> Iterator[tuple[str, bytes]]:
    """Yield file and page of each person or group, of which `view` says what the template shows."""
    return ((file, render(template, language, view(k)).encode()) for k, file in enumerate(files))


def about(result: Result, language: Language) -> dict[str, object]:
    """Return what the template of a report shows of any result: the result, its findings, how it was made."""
    return {"v": result, "findings": finding_lines(findings_of(result), language), "methods": made_by(result, language)}
