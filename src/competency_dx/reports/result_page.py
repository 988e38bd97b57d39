"""The page of an item analysis, the technical passport of a bank, and the page of any other result with how it was made."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from competency_dx.bank import ItemBank
from competency_dx.display import NONE, chart_svg, code_word, column_title, count, decimal, number, toml_content
from competency_dx.findings import findings_of, in_results_only
from competency_dx.quality import LEAST_ANSWERS, VERDICTS, WEAK, ItemAnalysis, OptionTrace, items_of
from competency_dx.reports.files import csv_parts, findings_sheet, frame_sheet
from competency_dx.reports.pages import Language, Sheet, Written, about, engine_line, finding_lines, of_input, render, several, strings
from competency_dx.result import DataFrame, Result

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

REMARKS = ("repair", "drop", "look")
FIXED, BOUNDS = 5, ("", " ≥", " ≤")
MOST_ROWS, MOST_COLUMNS = 500, 8  # as many as a sheet of paper takes
SHORT = 20  # letters of names that no line break parts


def items_report(items: ItemAnalysis, language: Language) -> Written:
    """Return how an item analysis is written: a page, and a workbook of items and answers."""
    t = strings(language)
    view = about(items, language) | {"x": items_view(items, language), "facts": _facts(items, language)}
    view["methods"] = [
        engine_line(items.provenance, language),
        (t["items_rule"], t["items_how"].format(least=LEAST_ANSWERS)),
        (t["missing_answers"], items.missing.describe(language)),
        *((of_input(name, language), f"{digest[:19]}…") for name, digest in items.provenance.inputs.items()),
    ]
    return Written(page=lambda _: render("items.html", language, view), sheets=lambda: (item_sheets(items, language), t["items_title"]))


def items_view(items: ItemAnalysis, language: Language) -> dict[str, Any]:
    """Return what the templates show: `order` begins with the gravest remarks, `todo` are the items with any."""
    t, order = strings(language), items.by_trouble.tolist()
    others, few = items.verdicts.count("keep"), items.verdicts.count("undecided")
    words = [t["items_few"].format(n=few, total=several(len(items.items), "item_of", language), least=LEAST_ANSWERS)] if few else []
    if others:
        words.append(t["items_none" if others == len(items.items) else "items_sound"].format(items=several(others, "item", language)))
    zero, weak = np.zeros(len(items.items)), np.full(len(items.items), WEAK)
    bars = (items.item_rest, items.item_rest_low, items.item_rest_high, zero, weak)  # on a scale from -.4 to 1
    options: dict[str, list[OptionTrace]] = {}
    for option in items.options:
        options.setdefault(option.item, []).append(option)
    return {
        "analysis": items,
        "order": order,
        "todo": [i for i in order if items.verdicts[i] in REMARKS],
        "others": words,
        "weak": WEAK,
        "bars": 100 * (np.clip(np.stack(bars, axis=1), -0.4, 1.0) + 0.4) / 1.4,
        "verdicts": {code: text.text(language) for code, text in VERDICTS.items()},
        "numbers": _numbers(items, language),
        "options": options,
    }


def _facts(items: ItemAnalysis, language: Language) -> tuple[tuple[str, str], ...]:
    """Return numbers of persons and items, and alpha."""
    t = strings(language)
    facts = [(t["persons_n"], count(items.n_persons, language)), (t["head_n_items"], str(len(items.items)))]
    whole, given, n = (decimal(x, d, language) for x, d in ((items.alpha, 2), (items.alpha_given, 2), (items.n_given, 0)))
    if math.isfinite(items.alpha_low):
        limits = (decimal(x, 2, language) for x in (items.alpha_low, items.alpha_high))
        facts.append((t["items_alpha"], f"{whole} ({'–'.join(limits)})"))
    elif math.isfinite(items.alpha):
        facts.append((t["items_alpha"], t["items_alpha_given"].format(alpha=whole, given=given, n=n)))
    return tuple(facts)


def _numbers(items: ItemAnalysis, language: Language) -> dict[str, list[str]]:
    """Return the columns of further numbers by their heads, without those of which nothing is known."""
    columns = (
        [decimal(float(x), 2, language) for x in items.alpha_without],
        [count(int(n), language) for n in items.n],
        [decimal(100 * float(x), 0, language) for x in items.omitted],
        [decimal(100 * float(x), 0, language) for x in items.not_reached],
    )
    heads = strings(language)["items_heads"].split("|")[FIXED:]
    return {head: column for head, column in zip(heads, columns, strict=True) if set(column) != {NONE}}


def item_sheets(items: ItemAnalysis, language: Language) -> tuple[Sheet, ...]:
    """Return the sheets: items, the gravest remarks first, answers, findings."""
    t, order = strings(language), items.by_trouble
    names = t["items_heads"].split("|")
    columns: dict[str, list[Any]] = {
        t["head_item"]: [items.items[i] for i in order],
        t["head_verdict"]: [VERDICTS[items.verdicts[i]].text(language) for i in order],
        t["head_reason"]: [items.reason(items.items[i], language) for i in order],
        names[6]: items.n[order].tolist(),
    }
    formats: dict[str, str] = {}
    for k, pattern, numbers in (
        (2, "0%", (items.share, items.share_low, items.share_high)),
        (7, "0%", (items.omitted,)),
        (8, "0%", (items.not_reached,)),
        (3, "0.00", (items.item_rest, items.item_rest_low, items.item_rest_high)),
        (5, "0.00", (items.alpha_without,)),
    ):
        columns |= {f"{names[k]}{end}": x[order].tolist() for end, x in zip(BOUNDS, numbers, strict=False)}
        formats |= {f"{names[k]}{end}": pattern for end in BOUNDS}
    first = Sheet(name=t["sheet_items"], heads=tuple(columns), columns=tuple(columns.values()), formats=formats)
    heads = t["options_heads"].split("|")
    answers = Sheet(
        name=t["sheet_options"],
        heads=(t["head_item"], "*", *heads),
        columns=(
            [o.item for o in items.options],
            ["*" * o.credited for o in items.options],
            *([getattr(o, x) for o in items.options] for x in ("option", "text", "n", "share", "low", "middle", "high", "rest", "r")),
        ),
        formats=dict.fromkeys(heads[3:8], "0%") | {heads[8]: "0.00"},
        frozen=3,
    )
    return (first, *((answers,) if items.options else ()), findings_sheet(finding_lines(items.findings, language), language))


def result_report(result: Result, language: Language) -> Written:
    """Return how any result is written: one page, and its tables as sheets; in a folder the further ones are CSV files too."""
    return Written(
        page=lambda _: render("result.html", language, {"v": result_view(result, language)}),
        sheets=lambda: (
            [frame_sheet(strings(language)[f"sheet_{name}"], table, language) for name, table in _tables(result, language).items()],
            result.summary(language)[0],
        ),
        further=lambda: ((f"table-{name}.csv", b"".join(csv_parts([x], language))) for name, x in result.further_tables().items()),
    )


def _tables(result: Result, language: Language) -> dict[str, DataFrame]:
    """Return the table of a result and the further ones by their names."""
    return {"table": result.to_table(language), **result.further_tables()}


def result_view(result: Result, language: Language) -> dict[str, Any]:
    """Return what the template shows; `findings` is None for results that carry none, `analysis` for all but calibrations."""
    (head, *rest), charts = result.summary(language), [result.chart(kind, language) for kind in result.chart_kinds()]
    analysis = items_of(cast("Calibration", result)) if result.kind == "calibration" else None
    return {
        "head": head,
        "summary": "\n".join(rest),
        "findings": finding_lines(findings_of(result), language) if hasattr(result, "findings") else None,
        "charts": [(one.title, chart_svg(one, f"c{k}", language)) for k, one in enumerate(charts)],
        "tables": [_shown(result.kind, *named, language) for named in _tables(result, language).items()],
        "methods": about(result, language)["methods"],
        "analysis": analysis and items_view(analysis, language),
    }


def _shown(kind: str, table: str, frame: DataFrame, language: Language) -> dict[str, Any]:
    """Return title, main columns, first rows and a note of a table; columns without a word or number are left out."""
    t, main = strings(language), toml_content("reports", "shown")
    told = [name for name in frame.columns if not len(frame) or (frame[name].notna() & (frame[name] != "")).any()]
    names = [x for x in main.get(kind if table == "table" else f"{kind}_{table}", told[:MOST_COLUMNS]) if x in told]
    cells = [_texts(str(name), frame[name].head(MOST_ROWS).tolist(), language) for name in names]
    short = ["keep" * (max(map(len, column), default=0) <= SHORT) for column in cells]
    looks = ["n" if frame[name].dtype.kind in "fiu" else look for name, look in zip(names, short, strict=True)]
    note = [several(len(frame), "row", language)]
    if len(frame) > MOST_ROWS:
        note = [t["shown_rows"].format(shown=count(MOST_ROWS, language), total=count(len(frame), language))]
    if len(names) < len(frame.columns):
        note.append(t["shown_columns"].format(shown=len(names), total=count(len(frame.columns), language)))
    return {
        "title": t[f"sheet_{table}"],
        "columns": [(column_title(str(name), language), look) for name, look in zip(names, looks, strict=True)],
        "rows": tuple(zip(*cells, strict=True)),
        "note": "; ".join(note) + ".",
    }


def _texts(column: str, cells: Sequence[object], language: Language) -> list[str]:
    """Return cells as texts: numbers in the notation of the language, counts without decimals, a missing one empty."""
    whole = all(float(x).is_integer() for x in cells if isinstance(x, int | float) and x == x)  # noqa: PLR0124 - NaN

    def text(cell: object) -> str:
        if cell is None or cell != cell:  # noqa: PLR0124 - NaN and NaT
            return ""
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            return code_word(column, str(cell), language)
        if whole:
            return count(int(cell), language)
        return number(cell, ".3f" if 0.001 <= abs(cell) < 1e5 or cell == 0 else ".3g", language)

    return [*map(text, cells)]


def passport_report(bank: ItemBank, language: Language) -> Written:
    """Return how a bank is written: its passport, in which no key stands."""
    from competency_dx.scoring import reliability  # which the page of items does without

    t = strings(language)
    with in_results_only():
        found = reliability(bank) if bank.parameters else None
    values = about(bank, language) | {
        "of": bank.coverage,
        "records": {record.item: record for record in bank.parameters},
        "states": Counter(record.status for record in bank.parameters),
        "kinds": Counter(item.type for item in bank.items),
        "precision": found,
        "coefficients": [*zip(found.dimensions, np.atleast_1d(found.posterior).tolist(), strict=True)] if found else [],
    }
    return Written(
        page=lambda _: render("passport.html", language, values),
        sheets=lambda: ([frame_sheet(t["sheet_items"], bank.to_table(language), language)], t["passport_title"]),
    )
