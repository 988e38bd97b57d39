"""The cells of an XLSX file as its author sees them: contents, and what a table reader would pass over in silence.

A reader of tables gives the value of a formula, of a merged block and of a hidden row like any other. Whoever writes a bank
means none of them, so they are told apart here.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Literal
from xml.etree.ElementTree import Element, ParseError, fromstring

from competency_dx.arrays import value
from competency_dx.errors import BankError, CompetencyDxError
from competency_dx.limits import decompressed, limits_in_force, read_bytes

CellKind = Literal["text", "number", "date", "formula", "error", "boolean"]
EPOCH = datetime(1899, 12, 30)
_KINDS: Mapping[str, CellKind] = {"n": "number", "d": "date", "e": "error", "b": "boolean"}
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_UNREAD = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Formats of dates and times that every spreadsheet program has by number."""


@value
class SheetCell:
    """A filled cell: what is in it, as text unless it is a number."""

    kind: CellKind
    content: str | float


@value
class SheetGrid:
    """The filled cells of a sheet by row and column from 1, its hidden rows, its merged blocks."""

    name: str
    visible: bool
    cells: Mapping[tuple[int, int], SheetCell]
    hidden: frozenset[int]
    merged: tuple[str, ...]
    turned: bool = False

    def place(self, row: int, column: int) -> str:
        """Return what a spreadsheet calls a cell: ``Items!F12``."""
        return f"{self.name}!{address(column, row) if self.turned else address(row, column)}"


def across(grid: SheetGrid) -> SheetGrid:
    """Return a sheet of headings and values in two columns as one of headings and values in two rows."""
    cells = {(column, row): cell for (row, column), cell in grid.cells.items() if column < 3 and row > 1}
    hidden = frozenset({2} if grid.hidden & {row for row, column in grid.cells if column == 2} else ())
    return replace(grid, cells=cells, hidden=hidden, turned=True)


def address(row: int, column: int) -> str:
    """Return what a spreadsheet calls a cell: ``F12``."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def read_grids(path: Path) -> tuple[SheetGrid, ...]:
    """Return the sheets of an XLSX file in their order.

    Raises `BankError` when it is no such file. Raises `LimitError` when it is too large.
    """
    data = read_bytes(path)

    def part(name: str) -> Element:
        """Return a part of the archive without the namespaces of its elements."""
        with archive.open(name) as file:
            text = b"".join(decompressed(path, file.read, lambda: len(data)))
        if b"<!DOCTYPE" in text:
            raise zipfile.BadZipFile(name)
        root = fromstring(text)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return tuple(_grids(archive.namelist(), part))
    except CompetencyDxError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, RuntimeError, ParseError) as fault:
        raise BankError("bank.workbook_unreadable", path=path, fault=fault) from None


def _grids(parts: list[str], part: Callable[[str], Element]) -> Iterator[SheetGrid]:
    targets = {r.get("Id"): r.get("Target", "") for r in part("xl/_rels/workbook.xml.rels")}
    texts = [_text(s) for s in part("xl/sharedStrings.xml")] if "xl/sharedStrings.xml" in parts else []
    dates = _date_styles(part("xl/styles.xml")) if "xl/styles.xml" in parts else frozenset()
    for sheet in part("xl/workbook.xml").iter("sheet"):
        link = next((v for k, v in sheet.attrib.items() if k.endswith("}id")), "")
        yield _grid(sheet, part(str(PurePosixPath("xl") / targets[link]).removeprefix("/")), texts, dates)


def _grid(sheet: Element, tree: Element, texts: list[str], dates: frozenset[int]) -> SheetGrid:
    cells: dict[tuple[int, int], SheetCell] = {}
    hidden: set[int] = set()
    at = 0
    for row in tree.iter("row"):
        at, column = int(row.get("r", at + 1)), 0
        if row.get("hidden") in {"1", "true"}:
            hidden.add(at)
        for cell in row.iter("c"):
            letters = re.match("[A-Z]*", cell.get("r", ""))[0]  # type: ignore[index]  # it always matches
            column = reduce(lambda number, letter: 26 * number + ord(letter) - ord("A") + 1, letters, 0) or column + 1
            if (found := _content(cell, texts, dates)) is not None:
                cells[at, column] = found
    limits_in_force().check(sheet.get("name"), rows=at, cells=len(cells))
    return SheetGrid(
        name=sheet.get("name", ""),
        visible=sheet.get("state", "visible") == "visible",
        cells=cells,
        hidden=frozenset(hidden),
        merged=tuple(m.get("ref", "") for m in tree.iter("mergeCell")),
    )


def _content(cell: Element, texts: list[str], dates: frozenset[int]) -> SheetCell | None:
    """Return what is in a cell, None where it is empty."""
    shown, formula, inline = cell.findtext("v"), cell.find("f"), cell.find("is")
    kind: CellKind = _KINDS.get(cell.get("t", "n"), "text")
    if formula is not None:
        return SheetCell(kind="formula", content=f"={formula.text or ''}")
    if shown is None:
        return None if inline is None else SheetCell(kind="text", content=_text(inline))
    if kind != "number":
        return SheetCell(kind=kind, content=texts[int(shown)] if cell.get("t") == "s" else _unescaped(shown))
    if not math.isfinite(number := float(shown)):
        return SheetCell(kind="error", content=shown)
    if int(cell.get("s", 0)) not in dates:
        return SheetCell(kind=kind, content=number)
    day = EPOCH + timedelta(days=number)
    return SheetCell(kind="date", content=day.isoformat(timespec="minutes").removesuffix("T00:00"))


def _text(element: Element) -> str:
    """Return a text, whose letters may stand in several runs."""
    runs = [t for part in element if part.tag in {"t", "r"} for t in part.iter("t")]
    return _unescaped("".join(t.text or "" for t in runs))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda sign: chr(int(sign[1], 16)), text)


def _date_styles(styles: Element) -> frozenset[int]:
    own = {f.get("numFmtId"): f.get("formatCode", "") for f in styles.iter("numFmt")}
    formats = [x.get("numFmtId", "0") for block in styles.iter("cellXfs") for x in block]
    shown = {code for code, pattern in own.items() if re.search("[dmyhs]", _UNREAD.sub("", pattern.lower()))}
    return frozenset(k for k, code in enumerate(formats) if code in shown or (code not in own and int(code) in _DATES))
