"""The rows of a workbook as its author typed them: headings found, cells read as what their columns hold, faults by cell."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from competency_dx.arrays import value
from competency_dx.bank.workbook.sheet_plan import EMPTY, NUMBERED, SheetColumn, SheetPlan, sheet_plans
from competency_dx.bank.workbook.xlsx_cells import CellKind, SheetCell, SheetGrid, across
from competency_dx.display import toml_content
from competency_dx.errors import LANGUAGES, phrase
from competency_dx.wording import LOOKALIKES

MOST_DIGITS = 3
"""Of the number in a heading: a list has as many parts."""
_SEPARATOR = re.compile(r"[\s;,]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_UNREADABLE = {"formula": "bank.cell_formula", "error": "bank.cell_error", "boolean": "bank.cell_boolean", "date": "bank.cell_date"}
_EXPECTED = {"choice": "bank.cell_choice", "integer": "bank.cell_whole"}


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
    aside = {folded(both[at]) for both in toml_content("bank", "workbook")["aside"].values() for at in LANGUAGES}
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
    examples = tuple(toml_content("bank", "workbook")["examples"].values())
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
            words = toml_content("bank", "workbook")["difficulty"]["words"]
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
    return [part for part in _SEPARATOR.split(text) if part]


def _number(text: str) -> float | None:
    plain = text.strip().replace("\N{MINUS SIGN}", "-").replace(",", ".")
    return float(plain) if _NUMBER.fullmatch(plain) and math.isfinite(float(plain)) else None
