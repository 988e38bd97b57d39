"""Tables and ids as files: CSV and workbooks that open safely in spreadsheets, and names of files for persons."""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from competency_dx.arrays import value
from competency_dx.display import code_word, column_title
from competency_dx.errors import require
from competency_dx.reports.pages import Language

if TYPE_CHECKING:
    import pandas as pd

RISKY = re.compile(r"'* *[=+\-@\t\r\n＝＋－＠]")
SheetCell = str | float | int | bool | None
WIDEST, NARROWEST = 60, 8
SAMPLE = 200
EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # a fixed date: same input, same bytes
LONGEST = 60
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
UNSAFE = re.compile(r"[^0-9A-Za-zА-Яа-яЁё_-]+")


def csv_bytes(frame: pd.DataFrame, language: Language) -> bytes:
    """Return the table as CSV: semicolons and decimal comma in Russian, commas and decimal point in English.

    Numbers are written in full, so that reading the file again gives the same numbers. A text or a heading that a
    spreadsheet would run as a formula gets an apostrophe in front, as spreadsheets do themselves; `load_responses` takes it
    away again. UTF-8 starts with a byte order mark, which Excel needs to recognise Cyrillic.
    """
    separator, comma = (";", ",") if language == "ru" else (",", ".")
    texts = {name: frame[name].map(_guarded) for name in frame.columns if frame[name].dtype.kind not in "fiub"}
    safe = frame.assign(**texts).rename(columns=_guarded)
    out: str = safe.to_csv(None, sep=separator, decimal=comma, index=False, lineterminator="\r\n")
    return out.encode("utf-8-sig")


def _guarded(cell: Any) -> Any:  # noqa: ANN401
    return f"'{cell}" if isinstance(cell, str) and RISKY.match(cell) else cell


@value
class Sheet:
    """One sheet: name, heads, columns of cells, number format of each head, freeze after so many columns."""

    name: str
    heads: tuple[str, ...]
    columns: tuple[Sequence[SheetCell], ...]
    formats: Mapping[str, str]
    frozen: int = 1


def frame_sheet(name: str, frame: pd.DataFrame, language: Language) -> Sheet:
    """Return a table as a sheet, its heads and codes in a language."""
    columns = {str(c): frame[c].tolist() for c in frame.columns}
    return Sheet(
        name=name,
        heads=tuple(column_title(c, language) for c in columns),
        columns=tuple([_in_words(c, x, language) for x in cells] for c, cells in columns.items()),
        formats={},
    )


def _in_words(column: str, cell: SheetCell, language: Language) -> SheetCell:
    coded = isinstance(cell, bool | str) and language != "en"
    return code_word(column, str(cell), language) if coded else cell


def workbook_bytes(sheets: Sequence[Sheet], title: str) -> bytes:
    """Return the workbook as the bytes of an .xlsx file."""
    try:
        import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        raise require("xlsxwriter", "io", ".xlsx") from None
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": title, "created": EPOCH.replace(tzinfo=None)})
        for sheet in sheets:
            _write(book, sheet)
    return out.getvalue()


def _write(book: Any, sheet: Sheet) -> None:  # noqa: ANN401
    page = book.add_worksheet(sheet.name)
    head = book.add_format(
        {"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "text_wrap": True, "valign": "top", "border": 1}
    )
    page.set_row(0, 32)
    for k, (name, cells) in enumerate(zip(sheet.heads, sheet.columns, strict=True)):
        pattern = sheet.formats.get(name)
        width = _width(name, cells)
        style = {"num_format": pattern or "General", "valign": "top", "text_wrap": width >= WIDEST}
        page.set_column(k, k, width)
        page.write_string(0, k, name, head)
        _write_column(page, k, cells, book.add_format(style))
    rows = max((len(c) for c in sheet.columns), default=0)
    page.freeze_panes(1, sheet.frozen)
    if rows and sheet.heads:
        page.autofilter(0, 0, rows, len(sheet.heads) - 1)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)


def _write_column(page: Any, k: int, cells: Sequence[SheetCell], style: Any) -> None:  # noqa: ANN401
    for row, cell in enumerate(cells, start=1):
        if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
            page.write_blank(row, k, None, style)
        elif isinstance(cell, bool) or not isinstance(cell, int | float):
            page.write_string(row, k, str(cell), style)
        else:
            page.write_number(row, k, cell, style)


def _width(name: str, cells: Sequence[SheetCell]) -> int:
    longest = max((len(str(c)) for c in cells[:SAMPLE] if isinstance(c, str)), default=0)
    heading = max((len(word) for word in name.split()), default=0) + 3
    return min(max(longest + 2, heading, NARROWEST), WIDEST)


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """Return a name for every id, unique even where upper and lower case are the same.

    An id of letters, digits, hyphens and underscores is its own name; any other is cleaned and told apart by eight
    digits of its SHA-256.
    """
    taken: set[str] = set()
    out: dict[str, str] = {}
    for person in ids:
        name = UNSAFE.sub("_", person)[:LONGEST].strip("_-") or "person"
        name = f"p_{name}" if RESERVED.fullmatch(name) else name
        if name != person or name.casefold() in taken:
            name = f"{name}-{hashlib.sha256(person.encode()).hexdigest()[:8]}"
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        out[person] = name
    return out
