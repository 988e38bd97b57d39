"""The technical passport of a bank, and the page of any other result: summary, findings, pictures, table, and how it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from competency_dx.bank import Item, ItemBank
from competency_dx.display import chart_svg, code_word, column_title, count, number
from competency_dx.findings import findings_of, in_results_only
from competency_dx.quality import items_of
from competency_dx.reports.files import frame_sheet
from competency_dx.reports.items_page import items_view
from competency_dx.reports.pages import Language, Written, about, finding_lines, made_by, render, several, strings
from competency_dx.result import Result
from competency_dx.scoring import reliability

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

MOST_ROWS = 500


def result_report(result: Result, language: Language) -> Written:
    """Return how any result is written: one page, and its table as the only sheet."""
    table = strings(language)["sheet_table"]
    return Written(
        page=lambda _: render("result.html", language, {"v": result_view(result, language)}),
        sheets=lambda: ([frame_sheet(table, result.to_table(language), language)], result.summary(language)[0]),
    )


def result_view(result: Result, language: Language) -> dict[str, Any]:
    """Return what the template shows; `findings` is None for results that carry none, `analysis` for all but calibrations."""
    head, *rest = result.summary(language)
    frame = result.to_table(language)
    shown = frame.head(MOST_ROWS)
    cells = [_texts(str(name), shown[name].tolist(), language) for name in shown.columns]
    cut = strings(language)["shown_rows"].format(shown=count(MOST_ROWS, language), total=count(len(frame), language))
    analysis = items_of(cast("Calibration", result)) if result.kind == "calibration" else None
    return {
        "head": head,
        "summary": "\n".join(rest),
        "findings": finding_lines(findings_of(result), language) if hasattr(result, "findings") else None,
        "charts": [chart_svg(result.chart(kind, language), f"c{k}", language) for k, kind in enumerate(result.chart_kinds())],
        "columns": [(column_title(str(name), language), frame[name].dtype.kind in "fiu") for name in frame.columns],
        "rows": tuple(zip(*cells, strict=True)),
        "note": several(len(frame), "row", language) if len(frame) <= MOST_ROWS else cut,
        "methods": made_by(result, language),
        "analysis": analysis and items_view(analysis, language),
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
    t, of = strings(language), dict[str, list[Item]]()
    for item in bank.items:
        of.setdefault(bank.leaves.get(item.id, ""), []).append(item)
    with in_results_only():
        found = reliability(bank) if bank.parameters else None
    values = about(bank, language) | {
        "of": of,
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
