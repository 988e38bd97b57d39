"""The cohort as an analyst would have it: a workbook with a title and totals, a CSV of the old code page, a parquet."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from competency_dx.arrays import value
from competency_dx.bank import Item
from competency_dx.errors import require

if TYPE_CHECKING:
    from competency_dx.cli.demo.cohort import Cohort

SYNTHETIC: Mapping[str, str] = {"ru": "СИНТЕТИЧЕСКИЕ ДАННЫЕ", "en": "SYNTHETIC DATA"}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "ru": ("Код участника", "Муниципалитет", "Вариант", "Стаж"),
    "en": ("Person", "Municipality", "Form", "Experience"),
}
MUNICIPALITIES: Mapping[str, tuple[str, ...]] = {
    "ru": (
        "Тридевятый район",
        "Лукоморский район",
        "Буянский район",
        "Берендеевский район",
        "Китежский округ",
        "Изумрудный городской округ",
    ),
    "en": (
        "Far-Far-Away District",
        "Lukomorye District",
        "Buyan District",
        "Berendey District",
        "Kitezh County",
        "Emerald City",
    ),
}
EXPERIENCE: Mapping[str, tuple[str, ...]] = {
    "ru": ("до 5 лет", "5–20 лет", "более 20 лет"),
    "en": ("under 5 years", "5–20 years", "over 20 years"),
}
EXPERIENCE_CUTS = (5, 21)
TOTAL: Mapping[str, str] = {"ru": "Итого", "en": "Total"}
MADE = datetime(2026, 11, 20)  # fixed: same seed, same bytes; a workbook knows no zones


@value
class Sheet:
    """The table of one subject: a title, the header, one row per person."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheet_of(cohort: Cohort, language: str) -> Sheet:
    """Return the table that the analyst gets: background, then one column of raw answers per item."""
    forms = [f.title.text(language) if f.title else f.id for f in cohort.bank.forms]
    places, bands = MUNICIPALITIES[language], EXPERIENCE[language]
    rows = tuple(
        (str(person), places[m], forms[f], bands[bisect_right(EXPERIENCE_CUTS, years)], *answers)
        for person, m, f, years, answers in zip(
            cohort.persons.tolist(),
            cohort.municipality.tolist(),
            cohort.form.tolist(),
            cohort.experience.tolist(),
            cohort.answers,
            strict=True,
        )
    )
    return Sheet(
        title=f"{SYNTHETIC[language]}. {cohort.bank.title.text(language)}",
        header=(*COLUMNS[language], *(item.id for item in cohort.bank.items)),
        rows=rows,
    )


def write_cohort(cohort: Cohort, path: Path, language: str) -> Path:
    """Write the table in the form that the ending of the path asks for: .xlsx, .csv or .parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = sheet_of(cohort, language)
    if path.suffix == ".xlsx":
        path.write_bytes(workbook(sheet, cohort.bank.items, TOTAL[language]))
    elif path.suffix == ".csv":
        path.write_bytes(old_csv(sheet))
    else:
        _parquet(sheet, path)
    return path


def old_csv(sheet: Sheet) -> bytes:
    """Return the CSV that a Russian spreadsheet program saves: semicolons, code page 1251, a title in the first row."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([sheet.title] + [""] * (len(sheet.header) - 1))
    writer.writerows([sheet.header, *sheet.rows])
    return out.getvalue().encode("cp1251", errors="replace")


def _parquet(sheet: Sheet, path: Path) -> None:
    import pandas as pd

    cells = {name: [row[k] or None for row in sheet.rows] for k, name in enumerate(sheet.header)}
    frame = pd.DataFrame(cells, dtype=object)
    frame.attrs["title"] = sheet.title
    try:
        frame.to_parquet(path, index=False)
    except ImportError:
        raise require("pyarrow", "io", f"Writing {path.name}") from None


def workbook(sheet: Sheet, items: Sequence[Item], total: str) -> bytes:
    """Return the workbook: a merged title above the header, a row of totals below the persons, numbers as numbers.

    The column of the first item whose key begins with a zero is stored as numbers, as happens in spreadsheets: "013"
    becomes 13.
    """
    try:
        library: Any = import_module("xlsxwriter")
    except ImportError:
        raise require("xlsxwriter", "io", "Writing a workbook") from None
    out = io.BytesIO()
    with library.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"title": sheet.title, "created": MADE})
        _fill(book, sheet, _numeric(items), total)
    return out.getvalue()


def _numeric(items: Sequence[Item]) -> frozenset[str]:
    """Return the items whose whole-number answers a spreadsheet stores as numbers."""
    kinds = {item.id for item in items if item.type in {"single", "number"}}
    zeros = [item.id for item in items if item.type == "digits" and str(item.key).startswith("0")]
    return frozenset({*kinds, *zeros[:1]})


def _fill(book: Any, sheet: Sheet, numeric: frozenset[str], total: str) -> None:  # noqa: ANN401 - without types
    page = book.add_worksheet()
    bold, title = book.add_format({"bold": True, "border": 1}), book.add_format({"bold": True, "font_size": 13})
    width, background = len(sheet.header), len(sheet.header) - len([h for h in sheet.header if "-" in h])
    page.merge_range(0, 0, 0, width - 1, sheet.title, title)
    page.write_row(2, 0, sheet.header, bold)
    for r, row in enumerate(sheet.rows, start=3):
        for k, (name, text) in enumerate(zip(sheet.header, row, strict=True)):
            if text.isdigit() and (name in numeric or k < background):
                page.write_number(r, k, int(text))
            elif text:
                page.write_string(r, k, text)
    below = len(sheet.rows) + 3
    page.write_string(below, 0, total, bold)
    for k in range(background, width):
        page.write_number(below, k, sum(bool(row[k]) for row in sheet.rows), bold)
    page.set_column(0, 1, 24)
    page.freeze_panes(3, 1)
