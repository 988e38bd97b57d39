"""The cohort as an analyst would have it: a workbook with a title and totals, a CSV of the old code page, a parquet."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from pathlib import Path
from typing import Any

from competency_dx.cli.demo.raw_answers import words
from competency_dx.cli.demo.region import RegionCohort
from competency_dx.errors import needing
from competency_dx.result import DataFrame

EXPERIENCE_CUTS = (5, 21)
CREATED = datetime(2026, 11, 20)  # fixed: same seed, same bytes; a workbook knows no zones


def cohort_frame(cohort: RegionCohort, language: str) -> DataFrame:
    """Return the table that the analyst gets: background, then one column of raw answers per item."""
    import pandas as pd

    t = words(language)
    forms = [f.title.text(language) if f.title else f.id for f in cohort.bank.forms]
    background = (
        cohort.persons,
        [t["municipalities"][m] for m in cohort.municipality],
        [forms[f] for f in cohort.form],
        [t["experience"][bisect_right(EXPERIENCE_CUTS, years)] for years in cohort.experience],
    )
    frame = pd.DataFrame(dict(zip(t["columns"], background, strict=True)), dtype=object)
    return frame.join(pd.DataFrame(cohort.answers, columns=[item.id for item in cohort.bank.items], dtype=object))


def write_cohort(cohort: RegionCohort, path: Path, language: str) -> Path:
    """Write the table in the form that the ending of the path asks for: .xlsx, .csv or .parquet."""
    t, frame = words(language), cohort_frame(cohort, language)
    title = f"{t['synthetic']}. {cohort.bank.title.text(language)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with needing("pyarrow and xlsxwriter", "io", path.name):
        if path.suffix == ".xlsx":
            _write_workbook(frame, cohort, path, title, t["total"])
        elif path.suffix == ".csv":
            text = frame.to_csv(None, sep=";", index=False, lineterminator="\r\n")
            head = title + ";" * (frame.shape[1] - 1) + "\r\n"
            path.write_bytes((head + text).encode("cp1251", errors="replace"))
        else:
            frame.attrs["title"] = title
            frame.replace({"": None}).to_parquet(path, index=False)
    return path


def _write_workbook(frame: DataFrame, cohort: RegionCohort, path: Path, title: str, total: str) -> None:
    """Write a title above the header, a row of totals below the persons, whole numbers as numbers.

    The column of the first item whose key begins with a zero is stored as numbers too, as happens in spreadsheets:
    "013" becomes 13.
    """
    import pandas as pd

    items = cohort.bank.items
    zeros = [item.id for item in items if item.type == "digits" and str(item.key).startswith("0")]
    numeric = {item.id for item in items if item.type in {"single", "number"}} | {*zeros[:1]}
    cells = frame.copy()
    for name in numeric:
        cells[name] = pd.Series([int(text) if text.isdigit() else text for text in frame[name]], dtype=object)
    totals = (frame.iloc[:, -len(items) :] != "").sum().tolist()
    cells.loc[len(cells)] = [total, *[""] * (frame.shape[1] - len(items) - 1), *totals]
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        cells.to_excel(writer, startrow=2, index=False, freeze_panes=(3, 1))
        book: Any = writer.book
        book.set_properties({"title": title, "created": CREATED})
        page = book.worksheets()[0]
        page.merge_range(0, 0, 0, cells.shape[1] - 1, title, book.add_format({"bold": True, "font_size": 13}))
        page.set_column(0, 1, 24)
