"""The rows of a workbook as its author typed them: headings found, cells read as what their columns hold, faults by cell.

The cells of the XLSX file are read as its author sees them. A reader of tables gives the value of a formula, of a merged block and of
a hidden row like any other; whoever writes a bank means none of them, so they are told apart here.
"""

import io
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError, fromstring

from competency_dx.arrays import value
from competency_dx.bank.workbook.sheet_plan import EMPTY, NUMBERED, SheetColumn, SheetPlan, sheet_plans
from competency_dx.display import toml_content
from competency_dx.errors import LANGUAGES, BankError, CompetencyDxError, phrase
from competency_dx.storage import decompressed, limits_in_force, read_bytes
from competency_dx.wording import LOOKALIKES

CellKind = Literal["text", "number", "date", "formula", "error", "boolean"]
EPOCH = datetime(1899, 12, 30)
_KINDS: Mapping[str, CellKind] = {"n": "number", "d": "date", "e": "error", "b": "boolean"}
_SAID = toml_content("bank", "workbook")
_LIKE: Mapping[str, re.Pattern[str]] = {name: re.compile(text) for name, text in _SAID["patterns"].items()}
MOST_DIGITS = 3
"""Of the number in a heading: a list has as many parts."""
_UNREADABLE = {"formula": "bank.cell_formula", "error": "bank.cell_error", "boolean": "bank.cell_boolean", "date": "bank.cell_date"}
_EXPECTED = {"choice": "bank.cell_choice", "integer": "bank.cell_whole"}


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
    """Return the sheets of an XLSX file in order; raises `BankError` when it is none, `LimitError` when it is too large."""
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
    styles = part("xl/styles.xml") if "xl/styles.xml" in parts else Element("styleSheet")
    own = {f.get("numFmtId"): f.get("formatCode", "") for f in styles.iter("numFmt")}
    formats = [x.get("numFmtId", "0") for block in styles.iter("cellXfs") for x in block]
    shown = {code for code, pattern in own.items() if re.search("[dmyhs]", _LIKE["unread"].sub("", pattern.lower()))}
    dates = frozenset(k for k, code in enumerate(formats) if code in shown or (code not in own and int(code) in _SAID["dates"]))
    for sheet in part("xl/workbook.xml").iter("sheet"):
        link = next((v for k, v in sheet.attrib.items() if k.endswith("}id")), "")
        yield _grid(sheet, part(str(PurePosixPath("xl") / targets[link]).removeprefix("/")), texts, dates)


def _grid(sheet: Element, tree: Element, texts: list[str], dates: frozenset[int]) -> SheetGrid:
    cells, hidden, at = dict[tuple[int, int], SheetCell](), set[int](), 0
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
    name, visible = sheet.get("name", ""), sheet.get("state", "visible") == "visible"
    merged = tuple(m.get("ref", "") for m in tree.iter("mergeCell"))
    return SheetGrid(name=name, visible=visible, cells=cells, hidden=frozenset(hidden), merged=merged)


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
    return SheetCell(kind="date", content=(EPOCH + timedelta(days=number)).isoformat(timespec="minutes").removesuffix("T00:00"))


def _text(element: Element) -> str:
    """Return a text, whose letters may stand in several runs."""
    return _unescaped("".join(t.text or "" for part in element if part.tag in {"t", "r"} for t in part.iter("t")))


def _unescaped(text: str) -> str:
    return _LIKE["escaped"].sub(lambda sign: chr(int(sign[1], 16)), text)


@value
class TypedCell:
    """What a cell says, None where it is empty, where it stands, how it is stored, and its column."""

    content: Any
    place: str
    kind: CellKind
    column: SheetColumn


TypedRow = Mapping[str, TypedCell]
"""The cells of a row by the path of their column, empty ones too: a fault may point to them."""


def said(row: TypedRow, path: str) -> Any:  # noqa: ANN401 - by the column
    """Return what a cell of a row says, None where it is empty or there is no such column."""
    return row[path].content if path in row else None


class CellFaults:
    """The faults of a workbook by cell."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, str]] = {}

    def add(self, code: str, at: TypedCell | str | Mapping[str, str], **facts: object) -> None:
        """Note what is wrong with a cell, once; the first fault of a cell is the one that explains the others."""
        place = at.place if isinstance(at, TypedCell) else at
        heading = {"heading": at.column.headings} if isinstance(at, TypedCell) else {}
        self.said.setdefault(str(place), phrase(code, place=place, **heading, **facts))

    def text(self, language: str) -> str:
        """Return one line a fault."""
        return "\n".join(both[language] for both in self.said.values())


def folded(text: str) -> str:
    """Return the form in which headings, words and codes are compared: blanks, case, dashes, look-alikes do not count."""
    return " ".join(text.upper().replace("Ё", "Е").replace("–", "-").split()).translate(LOOKALIKES)


def meant(text: str, known: Iterable[str]) -> str | None:
    """Return the one code that a text means; None where there is none, or several differ in what does not count."""
    codes = list(known)
    alike = [text] if text in codes else [code for code in codes if folded(code) == folded(text)]
    return alike[0] if len(alike) == 1 else None


def typed_rows(grids: Iterable[SheetGrid], faults: CellFaults) -> dict[str, list[TypedRow]]:
    """Return the rows of each sheet by the path of their columns; what cannot be read is noted and left out."""
    names = {folded(plan.words[at]): plan for plan in sheet_plans() for at in LANGUAGES}
    aside = {folded(both[at]) for both in _SAID["aside"].values() for at in LANGUAGES}
    out: dict[str, list[TypedRow]] = {plan.id: [] for plan in sheet_plans()}
    for grid in grids:
        if (plan := names.get(folded(grid.name))) is not None:
            for ref in grid.merged:
                faults.add("bank.cell_merged", f"{grid.name}!{ref}")
            out[plan.id] += _rows(plan, across(grid) if plan.layout == "facts" else grid, faults)
        elif folded(grid.name) not in aside and not grid.name.startswith("#"):
            sheets = {at: ", ".join(p.words[at] for p in sheet_plans()) for at in LANGUAGES}
            faults.add("bank.sheet_unknown", f"{grid.name}!A1", sheets=sheets)
    return out


def _rows(plan: SheetPlan, grid: SheetGrid, faults: CellFaults) -> Iterator[TypedRow]:
    headings, owner = _headings(plan, grid, faults), plan.columns[0]
    first = next((at for at, column in headings.items() if column.path == owner.path), None)
    if first is None and grid.cells and not grid.turned:
        faults.add("bank.heading_missing", f"{grid.name}!A1", heading=owner.headings)
        return
    examples = tuple(_SAID["examples"].values())
    for row in sorted({at for at, _ in grid.cells if at > 1}):
        code, place = grid.cells.get((row, first or 1)), grid.place(row, first or 1)
        if code is not None and str(code.content).startswith(examples):
            continue
        if row in grid.hidden or not grid.visible:
            faults.add("bank.cell_hidden", place)
        out = {column.path: _cell(grid, (row, at), column, faults) for at, column in headings.items()}
        if said(out, owner.path) is not None or grid.turned:
            yield out
        elif any(cell.content is not None for cell in out.values()):
            faults.add("bank.cell_no_owner", place, heading=owner.headings)


def _headings(plan: SheetPlan, grid: SheetGrid, faults: CellFaults) -> dict[int, SheetColumn]:
    """Return the column of each place of the first row."""
    plain = {folded(heading): c for c in plan.columns for heading in c.headings.values()}
    numbered = [(c, k, part) for c in plan.columns if c.kind in NUMBERED for k, part in enumerate(c.numbered(0))]
    ends = {folded(h.rpartition(" ")[0]): (c, k) for c, k, part in numbered for h in part.headings.values()}
    out: dict[int, SheetColumn] = {}
    for at, cell in sorted((column, cell) for (row, column), cell in grid.cells.items() if row == 1):
        text, place = folded(str(cell.content)), grid.place(1, at)
        stem, _, number = text.rpartition(" ")
        column = plain.get(text)
        if column is None and stem in ends and number.isdecimal() and len(number) <= MOST_DIGITS:
            wide, part = ends[stem]
            column = wide.numbered(int(number))[part]
        if column is None:
            headings = {language: ", ".join(c.heading(language) for c in plan.columns) for language in LANGUAGES}
            faults.add("bank.heading_unknown", place, given=cell.content, headings=headings)
        elif column.path in {c.path for c in out.values()}:
            faults.add("bank.heading_twice", place, heading=column.headings)
        else:
            out[at] = column
    return out


def _cell(grid: SheetGrid, at: tuple[int, int], column: SheetColumn, faults: CellFaults) -> TypedCell:
    """Return what a cell says, or nothing with a fault that tells why."""
    cell, fault = grid.cells.get(at), ""
    if cell is None or (isinstance(cell.content, str) and not cell.content.strip()):
        return TypedCell(content=None, place=grid.place(*at), kind="text", column=column)
    content = None
    if cell.kind in _UNREADABLE and (cell.kind, column.name) != ("date", "date"):
        fault = _UNREADABLE[cell.kind]
    elif (content := _typed(cell, column)) is None:
        fault = _EXPECTED.get(column.kind, "bank.cell_number")
    out = TypedCell(content=content, place=grid.place(*at), kind=cell.kind, column=column)
    if fault:
        words = {language: ", ".join(column.word(c, language) for c in column.choices) for language in LANGUAGES}
        faults.add(fault, out, given=cell.content, words=words)
    return out


def _typed(cell: SheetCell, column: SheetColumn) -> Any:  # noqa: ANN401, PLR0911 - by the column
    """Return what a cell holds as its column has it, None where it holds no such thing."""
    text = cell.content if isinstance(cell.content, str) else format(cell.content, ".15g")
    if column.kind == "text":
        return "" if text == EMPTY else text
    text = text.strip()
    if column.kind == "code":
        return text.partition(" — ")[0].strip() if column.refers == "competency" else text
    if column.kind in {"integer", "number"}:
        number = cell.content if isinstance(cell.content, float) else _number(text)
        if number is None and column.name == "b":
            words = _SAID["difficulty"]["words"]
            return next((name for name, both in words.items() if meant(text, (both[at] for at in LANGUAGES))), None)
        if number is None or column.kind == "number":
            return number
        return int(number) if number == int(number) else None
    words = {folded(w): c for c in column.choices for w in (c, *(column.word(c, at) for at in LANGUAGES))}
    if column.kind == "choice" or folded(text) in words:
        return words.get(folded(text))
    if column.kind == "numbers":
        numbers = [_number(part) for part in text.split(";") if part.strip()]
        return None if None in numbers else numbers
    return [part for part in _LIKE["separator"].split(text) if part]


def _number(text: str) -> float | None:
    plain = text.strip().replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return float(plain) if _LIKE["number"].fullmatch(plain) and math.isfinite(float(plain)) else None
