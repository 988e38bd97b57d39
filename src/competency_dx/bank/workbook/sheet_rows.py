"""Documents of a bank as rows of sheets and back: flat rows by the path of their columns, nothing of Excel in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from competency_dx.bank.workbook.sheet_plan import CODE, CONTENT, FIELD, ITEM, SheetColumn, SheetPlan

FlatRow = Mapping[str, Any]
EMPTY = '""'
"""How a cell says that a text is there and empty."""
JOINTS = {"codes": ", ", "numbers": "; "}


def rows_of(plan: SheetPlan, content: Mapping[str, Any]) -> Iterator[FlatRow]:
    """Yield the rows of a sheet, the contents of their cells by path."""
    if not plan.of_items:
        yield from _rows(plan, content, plan.at)
        return
    for item in content["items"]:
        yield from ({ITEM: item["id"], **row} for row in _rows(plan, item, plan.at[1:]))


def _rows(plan: SheetPlan, owner: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[FlatRow]:
    if plan.layout == "joined":
        tables = {field: dig(owner, field) or {} for field in plan.fields}
        for code in dict.fromkeys(code for table in tables.values() for code in table):
            yield {CODE: code, **{f: table[code] or EMPTY for f, table in tables.items() if code in table}}
    elif plan.layout == "entries":
        for field in plan.fields:
            for code, content in _elements(dig(owner, field)):
                row = {FIELD: field, CODE: code, CONTENT: EMPTY if content == "" else content}
                yield {path: cell for path, cell in row.items() if cell is not None}
    else:
        documents = dig(owner, ".".join(at))
        if isinstance(documents, Mapping) and any(c.path == CODE for c in plan.columns):
            yield from ({CODE: code, **_flat(plan, document)} for code, document in documents.items())
        else:
            for document in documents if isinstance(documents, list) else [documents] if documents else []:
                yield _flat(plan, {"cells": document} if isinstance(document, list) else document)


def _elements(field: Any) -> Iterator[tuple[str | None, Any]]:  # noqa: ANN401 - plain data
    """Yield code, None in a list, and content of each element; an empty list under a code is a row without content."""
    if isinstance(field, Mapping):
        for code, content in field.items():
            yield from ((code, part) for part in (content or [None] if isinstance(content, list) else [content]))
    elif field is not None:
        yield from ((None, part) for part in (field if isinstance(field, list) else [field]))


def _flat(plan: SheetPlan, document: Mapping[str, Any]) -> FlatRow:
    out: dict[str, Any] = {}
    for column in plan.columns:
        content = dig(document, column.path)
        if content is None or content in ([], {}):
            continue
        if column.kind in {"wide", "levels"}:
            parts = content.items() if isinstance(content, Mapping) else enumerate(content, start=1)
            out |= {f"{column.path}.{n}": EMPTY if part == "" else part for n, part in parts if part is not None}
        elif column.kind == "pairs":
            for n, (code, number) in enumerate(content.items(), start=1):
                out |= {f"{column.path}.{n}": code, f"{column.path}=.{n}": number}
        elif isinstance(content, list):
            out[column.path] = JOINTS[column.kind].join(map(str, content))
        elif content != "" or column.name in {"ru", "en"}:  # any other text is empty where it is not there
            out[column.path] = content if content != "" else EMPTY
    return out


def dig(document: Any, path: str) -> Any:  # noqa: ANN401 - plain data
    """Return what stands at a path, None where there is nothing."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def put(document: dict[str, Any], path: str, content: object) -> None:
    """Put something at a path, in mappings that are made where they are not there."""
    *above, last = path.split(".")
    for name in above:
        document = document.setdefault(name, {})
    document[last] = content


def widths_of(column: SheetColumn, rows: Sequence[FlatRow], least: int) -> range:
    """Return the numbers of the columns that a `wide` field, levels or pairs take."""
    ends = [int(path.rpartition(".")[2]) for row in rows for path in row if path.rpartition(".")[0] == column.path]
    first = 0 if column.kind == "levels" else 1
    return range(first, max([*ends, first + least - 1]) + 1)
