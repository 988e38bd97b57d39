"""Steps that several commands share. Rooms that take long to import are imported where they are used: short commands start fast."""

import json
import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from competency_dx.cli.arguments import Estimation
from competency_dx.cli.terminal import MARKS, Terminal, folded, heard, table_lines
from competency_dx.display import code_word, column_title, decimal
from competency_dx.errors import CommandError, DocumentError, phrase, repeated
from competency_dx.findings import Finding
from competency_dx.storage import read_bytes, reading
from competency_dx.wording import toml_content

if TYPE_CHECKING:
    from competency_dx.bank import BankRegistry, ItemBank
    from competency_dx.calibration import Calibration
    from competency_dx.competencies import DeficitProfiles
    from competency_dx.quality import ItemAnalysis
    from competency_dx.responses import Layout, Responses
    from competency_dx.result import DataFrame, Result

R = TypeVar("R", bound="Result")
ONE_SCALE = Estimation()
HALF_A_SIGN = re.compile(r"\\u[dD][89a-fA-F]")
FEW_PERSONS = 300  # below this number slopes are not estimated freely (the sample-size adviser)
WIDTH, TITLE, INDENT = 80, 36, 4
MONEY, ANY = r"\d+(?:[.,]\d+)?", ".+"  # forms of cells


def bank_of(name: str) -> "ItemBank":
    """Load a shipped bank by name or one of a folder."""
    from competency_dx.bank import load_bank

    return load_bank(name)


def registry_of(folder: Path) -> "BankRegistry":
    """Return the published banks of a folder."""
    from competency_dx.bank import BankRegistry

    return BankRegistry(folder=folder)


def reported(result: "Result", out: Path, terminal: Terminal, *, aggregates_only: bool = False) -> Path:
    """Write the report of a result and return what to open."""
    from competency_dx.reports import report

    return report(result, out, language=terminal.language, show="aggregates" if aggregates_only else "persons")


def summarised(terminal: Terminal, out: Path, verb: Callable[[], "Result"], known: Sequence[Finding] = ()) -> None:
    """Run a verb and tell its findings, write the report of the result, print what it says and name what to open."""
    page = reported(result := heard(terminal, verb, known=known), out, terminal)
    print("\n".join(line for text in result.summary(terminal.language) for line in folded(text, hang=2)))
    terminal.result(page)


def print_table(rows: "DataFrame", terminal: Terminal) -> None:
    """Print a table, its numbers with two decimal places, or that there is nothing to print."""
    language = terminal.language
    for name in rows.columns:
        code = name.removesuffix("_after")
        rows[name] = [decimal(x, 2, language) if isinstance(x, float) else code_word(code, str(x), language) for x in rows[name]]
    heads = [column_title(name, language) for name in rows.columns]
    print("\n".join(table_lines(heads, rows.to_numpy().tolist(), len(heads))) if len(rows) else terminal.words("nothing_changed"))


def read_answers(terminal: Terminal, path: Path, bank: "ItemBank | None", layout: "Layout", *, row_numbers: bool = True) -> "Responses":
    """Read a table of answers and tell what was in it; without `row_numbers` refuse persons whom nobody could find again."""
    from competency_dx.responses import load_responses

    data = heard(terminal, lambda: load_responses(path, bank=bank, layout=layout))
    counts = {"persons": len(data.persons), "items": len(data.items), "answers": int(data.observed.sum())}
    terminal.say(terminal.words("read", **counts))
    terminal.remarks([f for f in data.findings if f.severity == "info"])
    if not row_numbers and any(f.code == "responses.row_numbers" for f in data.findings):
        raise CommandError("cli.no_person_column", path=path)
    return data


def advised_model(data: "Responses") -> str:
    """Return the model that the number of persons with answers allows."""
    return "PCM" if int(data.observed.any(axis=1).sum()) < FEW_PERSONS else "GPCM"


def calibrated(
    terminal: Terminal,
    data: "Responses",
    bank: "ItemBank",
    *,
    model: str,
    priors: str | None,
    estimation: Estimation = ONE_SCALE,
    known: Sequence[Finding] = (),
) -> "Calibration":
    """Calibrate and tell how it goes, and the findings that are not in `known`."""
    from competency_dx.calibration import MarginalML, calibrate

    def verb() -> "Calibration":
        with terminal.stage(terminal.words("calibration", model=model, persons=int(data.observed.any(axis=1).sum()))) as show:
            method = MarginalML(progress=lambda step, value, _: show(f"{step}, log L {value:.1f}"), **estimation.limits)
            held: dict[str, Any] = {"dimensions": estimation.dimensions, "anchors": bank if estimation.anchors else None}
            return calibrate(data, model=model, bank=bank, priors=priors, method=method, **held)

    return heard(terminal, verb, known=[*data.findings, *known])


def read_result(path: Path) -> "Result":
    """Read any document written by `to_json`; raises `DocumentError` naming a file that is none."""
    if not path.exists():
        raise DocumentError("cli.no_such_file", path=path)
    with reading(path, DocumentError):
        try:
            text = read_bytes(path).decode("utf-8-sig")
            document = json.loads(text)
        except (json.JSONDecodeError, UnicodeDecodeError) as fault:
            raise DocumentError("cli.not_json", path=path, fault=fault) from None
        if HALF_A_SIGN.search(text):
            json.dumps(document, ensure_ascii=False).encode()  # raises where a half is alone
    kind, classes = document.get("kind") if isinstance(document, dict) else None, toml_content("cli", "classes")
    if not isinstance(kind, str) or kind not in classes:
        raise DocumentError("cli.no_result", path=path, kind=kind, classes=classes)
    room, name = classes[kind]
    return cast("Result", getattr(import_module(f"competency_dx.{room}"), name).from_json(text))


def profiles_of(path: Path) -> "DeficitProfiles":
    """Read profiles.json; raises `DocumentError` where it is another document."""
    from competency_dx.competencies import DeficitProfiles

    return result_of(path, DeficitProfiles)


def result_of(path: Path, wanted: type[R]) -> R:
    """Read a document of one kind; raises `DocumentError` where it is another."""
    found = read_result(path)
    if not isinstance(found, wanted):
        raise DocumentError("result.kind", found=found.kind, kind=wanted.kind)
    return found


def pairs_of(path: Path, expected: Mapping[str, str], form: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the heading of the first column of a table, and its rows of two cells, the second of some form without its blanks."""
    from competency_dx.responses import read_table

    table = read_table(path).columns
    cells = zip(*[c.texts().tolist() for c in table.values()][:2], strict=True) if len(table) > 1 else ()
    rows = [(a.strip(), b.strip() if form == ANY else "".join(b.split())) for a, b in cells]
    strange = [name for name, x in rows if not re.fullmatch(form, x)]
    if not rows or strange:
        raise CommandError("cli.pairs", path=path, expected=expected, strange=strange)
    if twice := repeated(f"{name}: {x}" if form == ANY else name for name, x in rows):
        raise CommandError("cli.twice", twice=twice)
    return next(iter(table)), rows


def budget_of(text: str) -> float | dict[str, dict[str, float]]:
    """Return the budget that an option says: a number, or a table of places, headed by their column, and numbers."""
    if re.fullmatch(MONEY, number := "".join(text.split())):
        return float(number.replace(",", "."))
    by, rows = pairs_of(Path(text), phrase("cli.budgets"), MONEY)
    return {by: {place: float(x.replace(",", ".")) for place, x in rows}}


def wishes_of(path: Path) -> dict[str, list[str]]:
    """Return the programmes that persons ask for, by a table with a row for each wish."""
    rows = pairs_of(path, phrase("cli.wishes"), ANY)[1]
    return {person: [programme for of, programme in rows if of == person] for person, _ in rows}


def columns_of(text: str) -> list[str]:
    """Return the columns that an option names, divided by commas, none of them twice."""
    out = [name for part in text.split(",") if (name := part.strip())]
    if twice := repeated(out):
        raise CommandError("cli.twice", twice=twice)
    return out


def minima_of(texts: Sequence[str]) -> dict[str, float]:
    """Return the minima of competencies that options like ``MAT=60`` say."""
    found = [re.fullmatch(r"\s*(\S+?)\s*=\s*(\d+(?:[.,]\d+)?)\s*%?\s*", text) for text in texts]
    if strange := [text for text, m in zip(texts, found, strict=True) if m is None]:
        raise CommandError("cli.minimum", strange=strange)
    if twice := repeated(m[1] for m in found if m):
        raise CommandError("cli.twice", twice=twice)
    return {m[1]: float(m[2].replace(",", ".")) for m in found if m}


def refuse_ambiguous(bank: "ItemBank") -> None:
    """Refuse a bank with options whose words are the code of another option: whoever answers in words is misread."""
    from competency_dx.responses import ambiguous_options

    pairs = ((i, code) for i in bank.items for code in ambiguous_options(i))
    if places := [f"{i.id} {code}: {i.options[code]!r}" for i, code in pairs]:
        raise CommandError("cli.texts_are_codes", id=bank.id, places=places)


def bank_lines(bank: "ItemBank", terminal: Terminal) -> list[str]:
    """Return the whole report as lines of at most 80 characters."""
    say, language = terminal.words, terminal.language
    common = len(set.intersection(*(set(f.items) for f in bank.forms))) if len(bank.forms) > 1 else 0
    texts = [
        f"{bank.id} {bank.version}: {bank.title.text(language)}",
        say("size", items=len(bank.items), points=sum(i.max_score for i in bank.items)),
        ", ".join(_counts("type", (i.type for i in bank.items), language)),
        say("forms", forms=tuple(f"{f.id} ({len(f.items)})" for f in bank.forms)) + say("common", n=common) * (common > 0),
        say("framework", id=bank.framework.id, version=bank.framework.version),
        say("parameters", states=_counts("status", (r.status for r in bank.parameters), language)),
        bank.digest[:23] + "…",
        *([f"{MARKS[f.severity].strip() or '-'} {f.text(language)}" for f in bank.findings()] or [say("no_findings")]),
    ]
    return [*(line for text in texts for line in folded(text, hang=2)), "", *_coverage(bank, terminal)]


def _counts(column: str, codes: Iterable[str], language: str) -> tuple[str, ...]:
    return tuple(f"{code_word(column, code, language)} {n}" for code, n in Counter(codes).items())


def _coverage(bank: "ItemBank", terminal: Terminal) -> list[str]:
    """Return a line for each node of the framework with items: how many, their points, how many in each form."""
    *heads, title = terminal.words("coverage_heads").split("|")
    forms, titles, rows = bank.forms[:3], [title], []
    for code, items in bank.coverage.items():
        numbers = [len(items), sum(i.max_score for i in items), *(len({i.id for i in items} & {*f.items}) for f in forms)]
        rows.append([code, *map(str, numbers)])
        titles.append(bank.framework.node(code).title.text(terminal.language))
    lines = table_lines([*heads, *(f.id[:6] for f in forms)], rows, texts=1)
    width = min(TITLE, WIDTH - len(lines[0]) - 2)
    told = [f"{line}  {textwrap.shorten(s, width, placeholder='…')}" for line, s in zip(lines, titles, strict=True)]
    return [*told, "", *folded(terminal.words("coverage_note"))]


def analysis_lines(analysis: "ItemAnalysis", terminal: Terminal) -> list[str]:
    """Return the whole report as lines that fit the terminal; only items to repair show who chose which answer."""
    from competency_dx.quality import VERDICTS

    language, order = terminal.language, analysis.by_trouble.tolist()
    heads = terminal.words("items_heads").split("|")
    words = [VERDICTS[verdict].text(language) for verdict in analysis.verdicts]
    shares = [decimal(100 * x, 0, language) for x in analysis.share.tolist()]
    related = [decimal(r, 2, language) for r in analysis.item_rest.tolist()]
    rows = [[analysis.items[i], words[i], shares[i], related[i], str(analysis.n[i])] for i in order]
    out, (head, *lines) = [""], table_lines(heads, rows, texts=2)
    for i, line in zip(order, lines, strict=True):
        out.append(line)
        if analysis.verdicts[i] in {"keep", "undecided"}:
            continue
        named = [o for o in analysis.options if o.item == analysis.items[i] and analysis.verdicts[i] == "repair"]
        out += folded(analysis.reason(analysis.items[i], language), INDENT, 0)
        for o in named:  # "A*: 40 %; weakest 60, middle 40, strongest 20 %"
            part = {name: decimal(100 * getattr(o, name), 0, language) for name in ("share", "low", "middle", "high")}
            said = f"{o.option}{'*' * o.credited}: {part['share']} %; {terminal.words('thirds', **part)}"
            out += folded(said, INDENT, 2)
        out.append("")
    whole, given = (decimal(x, 2, language) for x in (analysis.alpha, analysis.alpha_given))
    alpha = terminal.words("alpha", whole=whole)
    if not math.isfinite(analysis.alpha_low):  # of booklets also for the number of items that a person got
        alpha += terminal.words("alpha_given", given=given, n=decimal(analysis.n_given, 0, language))
    return [head, *out[1:], "", *folded(f"{alpha}.")]
