"""Which sheets and columns a workbook of a bank has: read off the types of the documents, named by ``workbook.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from competency_dx.arrays import value
from competency_dx.bank.document import Document
from competency_dx.bank.item_bank import BankRecord
from competency_dx.display import code_word, toml_content

Kind = Literal["text", "code", "choice", "integer", "number", "codes", "numbers", "wide", "levels", "pairs", "sheet"]
"""What a cell holds; `wide` lists, `levels` from 0 and `pairs` take several columns, `sheet` rows of another sheet."""
NUMBERED = frozenset({"wide", "levels", "pairs"})
Layout = Literal["facts", "rows", "entries", "joined"]
ITEM, CODE, FIELD, CONTENT = "@item", "@code", "@field", "@content"
"""Columns that are no fields: the item a row belongs to, the key of a mapping, the field that a row fills, and with what."""


@value
class SheetColumn:
    """A column: the field by its path in the document of a row, what its cells hold, and which of the codes they may name.

    `refers` says whose ids a cell names: those of items, competencies or misconceptions.
    """

    path: str
    kind: Kind
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
        said: Mapping[str, Any] = next((named[end] for end in ends if end in named), {})
        return said

    @property
    def refers(self) -> str:
        """Return whose ids a cell names, an empty text where it names none."""
        return str(self.words.get("refers", ""))

    def heading(self, language: str) -> str:
        """Return the heading."""
        number = [p for p in self.path.split(".") if p.isdigit()]
        return " ".join([str(self.words.get(language, self.path)), *number])

    def note(self, language: str) -> str:
        """Return what is expected, with an example."""
        return str(self.words.get(f"note_{language}", ""))

    def numbered(self, n: int) -> tuple[SheetColumn, ...]:
        """Return the columns of the n-th part of a `wide` field or of `pairs`: a code and its number."""
        if self.kind in {"wide", "levels"}:
            return (SheetColumn(sheet=self.sheet, path=f"{self.path}.{n}", kind=self.of),)
        code = SheetColumn(sheet=self.sheet, path=f"{self.path}.{n}", kind="code")
        return code, SheetColumn(sheet=self.sheet, path=f"{self.path}=.{n}", kind=self.of)


@value
class SheetPlan:
    """A sheet: where its rows stand in the document of a bank, and its columns.

    `facts` has a row for each field of one document, `rows` a row for each document, `joined` one for each code of several
    mappings, and `entries` one for each element of several lists and mappings. `holder` is what the documents of `rows` stand in.
    """

    id: str
    at: tuple[str, ...]
    layout: Layout
    columns: tuple[SheetColumn, ...]
    fields: tuple[str, ...] = ()
    holder: Literal["one", "list", "mapping"] = "list"

    @property
    def of_items(self) -> bool:
        """Return whether a row belongs to an item that stands on the sheet of items."""
        return self.columns[0].path == ITEM

    def title(self, language: str) -> str:
        """Return the name of the sheet."""
        return str(_sheets()[self.id][language])

    def note(self, language: str) -> str:
        """Return what the sheet is for."""
        return str(_sheets()[self.id][f"note_{language}"])


def _sheets() -> Mapping[str, Any]:
    sheets: Mapping[str, Any] = toml_content("bank", "workbook")["sheets"]
    return sheets


def word(column: SheetColumn, code: str, language: str) -> str:
    """Return how a cell shows a code of a choice."""
    if language != "ru":
        return code
    words = toml_content("bank", "workbook")["words"]
    return str(words.get(code) or code_word(column.name, code, language))


def difficulty(name: str, most: int) -> dict[str, Any]:
    """Return the provisional parameters that a difficulty in words stands for, of an item with so many points."""
    judged = toml_content("bank", "workbook")["difficulty"]
    centre = judged["words"][name]["b"]
    steps = [centre + judged["between_steps"] * (k - (most - 1) / 2) for k in range(most)]
    usual = {name: judged[name] for name in ("a", "se_a", "status", "calibration")}
    return {**usual, "model": "2PL" if most == 1 else "GPCM", "b": steps, "se_b": [judged["se_b"]] * most}


@cache
def sheet_plans() -> tuple[SheetPlan, ...]:
    """Return the sheets of a workbook in their order."""
    return tuple(_plan(name, spec) for name, spec in _sheets().items())


@cache
def _elsewhere() -> frozenset[str]:
    """Return the fields that have rows on a sheet of their own."""
    places = ((spec["at"], spec.get("fields", ("",))) for spec in _sheets().values())
    return frozenset(f"{at}.{field}".rstrip(".") for at, fields in places for field in fields)


def _plan(name: str, spec: Mapping[str, Any]) -> SheetPlan:
    at, fields, layout = tuple(spec["at"].split(".")), tuple(spec.get("fields", ())), spec.get("layout", "rows")
    found: list[SheetColumn] = [SheetColumn(path=ITEM, kind="code", needed=True)] * (
        at[0] == "items" and len(at) + len(fields) > 1
    )
    if layout == "entries":
        shapes = {shape_of(at, f) for f in fields}
        found += [SheetColumn(path=FIELD, kind="choice", choices=fields, needed=True)] * (len(fields) > 1)
        found += [SheetColumn(path=CODE, kind="text" if shapes == {"lists"} else "code")] * (shapes != {"list"})
        found.append(SheetColumn(path=CONTENT, kind="text"))
    elif layout == "joined":
        found += [SheetColumn(path=CODE, kind="code", needed=True), *(SheetColumn(path=f, kind="text") for f in fields)]
    else:
        inner = _row_type(_type_at(at))
        found += [SheetColumn(path=CODE, kind="code", needed=True)] * (get_origin(_type_at(at)) is dict)
        if isinstance(inner, type) and issubclass(inner, Document):
            taken = {p.removeprefix(f"{spec['at']}.") for p in _elsewhere() if p.startswith(f"{spec['at']}.")}
            found += [c for c in _fields(inner, "") if not {c.path, *_above(c.path)} & taken]
        else:  # a table: rows of cells
            found.append(SheetColumn(path="cells", kind="wide"))
    columns = tuple(replace(column, sheet=name) for column in found)
    holder: Any = {tuple: "list", dict: "mapping"}.get(get_origin(_type_at(at)), "one")
    return SheetPlan(id=name, at=at, layout=layout, columns=columns, fields=fields, holder=holder)


def shape_of(at: tuple[str, ...], field: str) -> Literal["key", "list", "mapping", "lists"]:
    """Return what the rows of a field make: a list, a mapping, a mapping of lists, or any of them by the type of the item."""
    kinds = _parts(_type_at((*at, *field.split("."))))
    if len(kinds) > 1:
        return "key"
    if get_origin(kinds[0]) is not dict:
        return "list"
    return "lists" if get_origin(get_args(kinds[0])[1]) is tuple else "mapping"


def _above(path: str) -> Iterator[str]:
    """Yield the paths that a path goes through."""
    while path := path.rpartition(".")[0]:
        yield path


def _type_at(at: tuple[str, ...]) -> Any:  # noqa: ANN401 - an annotation
    kind: Any = get_type_hints(BankRecord)[at[0]]
    for name in at[1:]:
        (document,) = (d for d in _parts(_row_type(kind)) if name in d.model_fields)
        kind = document.model_fields[name].annotation
    return kind


def _row_type(kind: Any) -> Any:  # noqa: ANN401 - an annotation
    """Return of what a list or a mapping consists; any other type itself, without None."""
    if get_origin(kind) in {tuple, dict}:
        args = get_args(kind)
        return args[1] if get_origin(kind) is dict else args[0]
    parts = _parts(kind)
    return parts[0] if len(parts) == 1 else kind


def _parts(kind: Any) -> list[Any]:  # noqa: ANN401 - an annotation
    """Return the members of a union without None, whatever is said about them left out."""
    if get_origin(kind) is Annotated:
        return _parts(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [p for arg in get_args(kind) if arg is not NoneType for p in _parts(arg)]
    return [kind]


def _fields(document: type[Document], prefix: str) -> Iterator[SheetColumn]:
    """Yield the columns of a document; members of a union share the columns of the same field."""
    for name, field in document.model_fields.items():
        path = f"{prefix}{name}"
        out: dict[str, SheetColumn] = {}
        for part in _parts(field.annotation):
            for column in _columns(part, path):
                before = out.get(column.path, column)
                choices = tuple(dict.fromkeys((*before.choices, *column.choices)))
                kind = column.kind if before.kind == "choice" else before.kind
                needed = field.is_required() and (column.path == path or column.needed)
                out[column.path] = replace(column, kind=kind, choices=choices, needed=needed)
        yield from out.values()


def _columns(kind: Any, path: str) -> Iterator[SheetColumn]:  # noqa: ANN401 - an annotation
    spec = toml_content("bank", "workbook")
    name = path.rpartition(".")[2]
    if kind is str:
        yield SheetColumn(path=path, kind="code" if name in spec["codes"] else "text")
    elif kind in {int, float}:
        yield SheetColumn(path=path, kind="integer" if kind is int else "number")
    elif get_origin(kind) is Literal:
        whole = all(isinstance(c, int) for c in get_args(kind))
        yield SheetColumn(path=path, kind="integer" if whole else "choice", choices=() if whole else get_args(kind))
    elif isinstance(kind, type) and issubclass(kind, Document):
        yield from _fields(kind, f"{path}.")
    elif get_origin(kind) is tuple:
        inner = _parts(get_args(kind)[0])[0]
        if inner not in (str, float):
            yield SheetColumn(path=path, kind="sheet")
        elif name in spec["wide"]:
            yield SheetColumn(path=path, kind="wide", of="number")
        else:
            yield SheetColumn(path=path, kind="codes" if inner is str else "numbers")
    else:
        yield from _of_mapping(kind, path, name in spec["wide"])


def _of_mapping(kind: Any, path: str, wide: object) -> Iterator[SheetColumn]:  # noqa: ANN401 - an annotation
    key, inner = (_parts(arg)[0] for arg in get_args(kind))
    if get_origin(key) is Literal:
        for choice in get_args(key):
            yield from _columns(inner, f"{path}.{choice}")
    elif inner in {int, float}:
        yield SheetColumn(path=path, kind="pairs", of="integer" if inner is int else "number")
    elif wide:
        yield SheetColumn(path=path, kind="levels")
    else:
        yield SheetColumn(path=path, kind="sheet")
