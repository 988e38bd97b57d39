"""Which sheets and columns a workbook of a bank has, as ``workbook.toml`` tells, and a bank as the rows of its sheets."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal

from competency_dx.arrays import value
from competency_dx.display import code_word, toml_content
from competency_dx.errors import LANGUAGES

Kind = Literal["text", "code", "choice", "integer", "number", "codes", "numbers", "wide", "levels", "pairs"]
"""What a cell holds; `wide` lists, `levels` from 0 and `pairs` take several columns."""
NUMBERED = frozenset({"wide", "levels", "pairs"})
ITEM, CODE, FIELD, CONTENT = "@item", "@code", "@field", "@content"
"""Columns that are no fields: the item a row belongs to, the key of a mapping, the field that a row fills, and with what."""
EMPTY = '""'
"""How a cell says that a text is there and empty."""
JOINTS = {"codes": ", ", "numbers": "; "}
FlatRow = Mapping[str, Any]


@value
class SheetColumn:
    """A column: the field by its path in the document of a row, what its cells hold, and the choices there are."""

    path: str
    kind: Kind = "text"
    sheet: str = ""
    choices: tuple[str, ...] = ()
    of: Kind = "text"
    needed: bool = False

    @property
    def name(self) -> str:
        """Return the last part of the path that is not a number."""
        return [p for p in self.path.split(".") if not p.isdigit()][-1].rstrip("=")

    @property
    def words(self) -> Mapping[str, Any]:
        """Return what ``workbook.toml`` says of the column of this sheet, or of every one whose path ends so."""
        named, parts = toml_content("bank", "workbook")["columns"], [p for p in self.path.split(".") if not p.isdigit()]
        ends = (f"{self.sheet}:{'.'.join(parts)}", *(".".join(parts[k:]) for k in range(len(parts))))
        return dict(next((named[end] for end in ends if end in named), {}))

    @property
    def refers(self) -> str:
        """Return whose ids a cell names (``item``, ``competency``, ``misconception``), an empty text where it names none."""
        return str(self.words.get("refers", ""))

    def heading(self, language: str) -> str:
        """Return the heading."""
        return " ".join([str(self.words.get(language, self.path)), *(p for p in self.path.split(".") if p.isdigit())])

    @property
    def headings(self) -> dict[str, str]:
        """Return the heading in each language."""
        return {at: self.heading(at) for at in LANGUAGES}

    def note(self, language: str) -> str:
        """Return what is expected, with an example."""
        return str(self.words.get(f"note_{language}", ""))

    def word(self, code: str, language: str) -> str:
        """Return how a cell shows a code of a choice."""
        words = toml_content("bank", "workbook")["words"]
        return code if language != "ru" else str(words.get(code) or code_word(self.name, code, language))

    def numbered(self, n: int) -> "tuple[SheetColumn, ...]":
        """Return the columns of the n-th part of a `wide` field or of `pairs`: a code and its number."""
        path, pairs = f"{self.path}.{n}", self.kind == "pairs"
        first = SheetColumn(sheet=self.sheet, path=path, kind="code" if pairs else self.of)
        return (first, SheetColumn(sheet=self.sheet, path=f"{self.path}=.{n}", kind=self.of)) if pairs else (first,)


@value
class SheetPlan:
    """A sheet: where its rows stand in the document of a bank, and its columns.

    `facts` has a row for each field of one document, `rows` a row for each document, `joined` one for each code of several
    mappings, and `entries` one for each element of several lists and mappings. `holder` is what the documents of `rows` stand in.
    `fields` tells what the rows of each field make: a list, a mapping, a mapping of lists, or a key in the form of its item.
    """

    id: str
    at: tuple[str, ...]
    columns: tuple[SheetColumn, ...]
    words: Mapping[str, Any]
    layout: Literal["facts", "rows", "entries", "joined"] = "rows"
    fields: Mapping[str, Literal["key", "list", "mapping", "lists"]]
    holder: Literal["one", "list", "mapping"] = "list"

    @property
    def of_items(self) -> bool:
        """Return whether a row belongs to an item that stands on the sheet of items."""
        return self.columns[0].path == ITEM

    def rows(self, content: Mapping[str, Any]) -> Iterator[FlatRow]:
        """Yield the rows of a bank given as plain data, the contents of their cells by path."""
        if not self.of_items:
            yield from self._rows_of(content, self.at)
            return
        for item in content["items"]:
            yield from ({ITEM: item["id"], **row} for row in self._rows_of(item, self.at[1:]))

    def _rows_of(self, owner: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[FlatRow]:
        documents = _dig(owner, ".".join(at))
        if self.layout == "joined":
            tables = {field: _dig(owner, field) or {} for field in self.fields}
            for code in dict.fromkeys(code for table in tables.values() for code in table):
                yield {CODE: code, **{f: table[code] or EMPTY for f, table in tables.items() if code in table}}
        elif self.layout == "entries":
            for field in self.fields:
                held = _dig(owner, field)
                by_code = held.items() if isinstance(held, Mapping) else () if held in (None, []) else ((None, held),)
                for code, elements in by_code:  # an empty list under a code is a row without content
                    for content in (elements or [None]) if isinstance(elements, list) else [elements]:
                        row = {FIELD: field, CODE: code, CONTENT: EMPTY if content == "" else content}
                        yield {path: cell for path, cell in row.items() if cell is not None}
        elif self.holder == "mapping":
            yield from ({CODE: code, **self._flat(document)} for code, document in (documents or {}).items())
        elif documents:
            for document in [documents] if self.holder == "one" else documents:
                yield self._flat({"cells": document} if isinstance(document, list) else document)

    def _flat(self, document: Mapping[str, Any]) -> FlatRow:
        out: dict[str, Any] = {}
        for column in self.columns:
            content, path = _dig(document, column.path), column.path
            if content is None or content in ([], {}):
                continue
            if column.kind == "pairs":
                for n, (code, number) in enumerate(content.items(), start=1):
                    out |= {f"{path}.{n}": code, f"{path}=.{n}": number}
            elif column.kind in NUMBERED:
                parts = content.items() if isinstance(content, Mapping) else enumerate(content, start=1)
                out |= {f"{path}.{n}": EMPTY if part == "" else part for n, part in parts if part is not None}
            elif isinstance(content, list):
                out[path] = JOINTS[column.kind].join(map(str, content))
            elif content != "" or column.name in {"ru", "en"}:  # any other text is empty where it is not there
                out[path] = content if content != "" else EMPTY
        return out


@cache
def sheet_plans() -> tuple[SheetPlan, ...]:
    """Return the sheets of a workbook in their order."""
    out = []
    for name, spec in toml_content("bank", "workbook")["sheets"].items():
        columns = (SheetColumn(**{**c, "sheet": name, "choices": tuple(c.get("choices", ()))}) for c in spec["columns"])
        made = {"at": tuple(spec["at"].split(".")), "columns": tuple(columns), "fields": spec.get("fields", {})}
        out.append(SheetPlan(id=name, words=spec, **made, **{key: spec[key] for key in ("layout", "holder") if key in spec}))
    return tuple(out)


def _dig(document: Any, path: str) -> Any:  # noqa: ANN401 - plain data
    """Return what stands at a path, None where there is nothing."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document
