"""A bank out of the rows of its workbook: codes looked up, documents put together and checked, every fault at its cell."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import reduce
from typing import Any, TypeVar

from pydantic import ValidationError

from competency_dx.bank.api import load_framework
from competency_dx.bank.bank_file import BankDocument, shipped_frameworks
from competency_dx.bank.document import Document, fault_sentence
from competency_dx.bank.framework import CompetencyFramework
from competency_dx.bank.item import KEY_FORMS, Item
from competency_dx.bank.item_bank import ItemBank
from competency_dx.bank.parameter_record import ParameterRecord
from competency_dx.bank.workbook.sheet_plan import CODE, CONTENT, FIELD, ITEM, NUMBERED, SheetPlan, sheet_plans
from competency_dx.bank.workbook.sheet_reading import CellFaults, TypedCell, TypedRow, meant, said
from competency_dx.display import toml_content
from competency_dx.errors import LANGUAGES, BankError

D = TypeVar("D", bound=Document)
Loc = tuple[str | int, ...]
OF_FRAMEWORK = ("framework", "nodes", "prerequisites")
KEYED = {"items": "id", "parameters": "item"}
"""Lists of the bank whose documents are told apart by an id, so that faults find them."""
NEAREST = 8
WITH_OPTIONS = {"single", "multiple", "matching", "ordering"}
WITHOUT_KEY = {"map", "rubric", "given", "open", "scored"}


def bank_of(rows: Mapping[str, Sequence[TypedRow]], faults: CellFaults) -> ItemBank | None:
    """Return the bank that the rows describe, None where there are faults."""
    build, plans = _Assembly(faults), {plan.id: plan for plan in sheet_plans()}
    for name in OF_FRAMEWORK:
        build.add(plans[name], rows[name])
    framework = build.framework(rows["bank"])
    known = {
        "item": list(dict.fromkeys(said(row, "id") for row in rows["items"])),
        "misconception": [said(row, CODE) for row in rows["misconceptions"]],
        **({"competency": [node.code for node in framework.nodes]} if framework else {}),
    }
    for name in ("items", *(name for name in plans if name not in {"items", *OF_FRAMEWORK})):
        build.add(plans[name], [build.looked_up(row, known) for row in rows[name]])
    build.settle_keys()
    header = build.checked(BankDocument, ("header",))
    items = [build.checked(Item, ("items", name)) for name in build.root.get("items", {})]
    build.judge({item.id: item.max_score for item in items if item})
    records = [build.checked(ParameterRecord, ("parameters", name)) for name in build.root.get("parameters", {})]
    if not items:
        faults.add("bank.no_items", {at: f"{plans['items'].words[at]}!A2" for at in LANGUAGES})
    if "header" not in build.root:
        faults.add("bank.sheet_missing", {at: f"{plans['bank'].words[at]}!A1" for at in LANGUAGES})
    if faults.said or header is None or framework is None:
        return None
    try:
        return ItemBank(header=header, items=tuple(filter(None, items)), framework=framework, parameters=tuple(filter(None, records)))
    except BankError as fault:
        build.blame(fault.state if isinstance(fault.state, tuple) else (fault,))
    return None


class _Assembly:
    """The plain documents of a bank, which grow cell by cell, lists as mappings by number; and the cell of each part."""

    def __init__(self, faults: CellFaults) -> None:
        self.faults = faults
        self.root: dict[Any, Any] = {}
        self.cells: dict[Loc, TypedCell] = {}
        self.keys: Counter[Loc] = Counter()  # rows of the key of each item

    def looked_up(self, row: TypedRow, known: Mapping[str, Sequence[str]]) -> TypedRow:
        """Return a row with the codes that its cells mean; a cell without one is noted."""
        out = dict(row)
        for path, cell in row.items():
            codes, content = known.get(cell.column.refers), cell.content
            if codes is None or content is None or content == "all":
                continue
            found = [self._meant(cell, part, codes) for part in (content if isinstance(content, list) else [content])]
            out[path] = replace(cell, content=None if None in found else found if isinstance(content, list) else found[0])
        return out

    def _meant(self, cell: TypedCell, given: object, known: Iterable[str]) -> str | None:
        known = list(known)
        if (out := meant(str(given), known)) is None:
            near = get_close_matches(str(given), known, NEAREST, cutoff=0.5) or known
            self.faults.add("bank.cell_unknown", cell, given=given, known=near)
        return out

    def _set(self, path: Loc, cell: TypedCell, content: object, code: TypedCell | None = None) -> None:
        """Put what a cell says in its place, under a code that is told once; an empty cell has its place too."""
        self.cells.setdefault(path, cell)
        if content is None:
            return
        node = self.root
        for name in path[:-1]:
            node[name] = node.get(name) or {}
            node = node[name]
        if path[-1] in node:
            self.faults.add("bank.cell_twice", code or cell, given=path[-1])
        node[path[-1]] = content

    def _at(self, path: Loc) -> Any:  # noqa: ANN401 - plain data
        return reduce(lambda node, name: node.get(name, {}), path, self.root)

    def add(self, plan: SheetPlan, rows: Sequence[TypedRow]) -> None:
        """Add the rows of a sheet to the documents that they belong to; a row of an unknown item was noted before."""
        for row in rows:
            at: Loc = (*plan.at[:1], said(row, ITEM), *plan.at[1:]) if plan.of_items else plan.at
            if plan.of_items and at[:2] not in self.cells:
                continue
            if plan.layout == "joined":
                for field in plan.fields:
                    code = row[CODE]
                    self._set((*at, field, code.content or ""), row.get(field, code), said(row, field), code)
            elif plan.layout == "entries":
                self._entry(plan, at, row)
            else:
                self._document(plan, self._place(plan, at, row), row)

    def _place(self, plan: SheetPlan, at: Loc, row: TypedRow) -> Loc:
        """Return where the document of a row stands."""
        first = row[plan.columns[0].path]
        if plan.layout == "facts":
            return at
        if plan.holder == "list" and plan.id not in KEYED:
            return (*at, len(self._at(at)))
        if plan.holder != "one":
            at = (*at, said(row, KEYED.get(plan.id, CODE)))
        if at in self.cells:
            self.faults.add("bank.cell_twice", first, given=first.content)
        return at

    def _document(self, plan: SheetPlan, at: Loc, row: TypedRow) -> None:
        """Add the document of a row."""
        self.cells.setdefault(at, next(iter(row.values())))
        for column in plan.columns:
            path = (*at, *(column.path.split(".") if column.path != "cells" else ()))
            if column.kind not in NUMBERED:
                if column.path in row and not column.path.startswith("@"):
                    self._set(path, row[column.path], said(row, column.path))
                continue
            for n in sorted(int(p.rpartition(".")[2]) for p in row if p.rpartition(".")[0] == column.path):
                cell, number = row[f"{column.path}.{n}"], said(row, f"{column.path}=.{n}")
                if column.kind != "pairs":
                    self._set((*path, n - 1 if column.kind == "wide" else str(n)), cell, cell.content)
                elif cell.content is not None:
                    usual = 1.0 if column.of == "number" else None  # a weight
                    self._set((*path, cell.content), cell, usual if number is None else number)
                elif number is not None:
                    self.faults.add("bank.cell_empty", cell)
                self.cells.setdefault(path, cell)

    def _entry(self, plan: SheetPlan, at: Loc, row: TypedRow) -> None:
        """Add one element of a list, of a mapping or of the key of an item; what it asks stands on sheets before."""
        field = next(iter(plan.fields)) if len(plan.fields) == 1 else said(row, FIELD)
        cell, code = row.get(CONTENT, row[ITEM]), row.get(CODE, row[ITEM])
        shape = plan.fields.get(field or "")
        path = (*at, *(field or "").split("."))
        if not field or (cell.content is None and shape != "lists"):
            self.faults.add("bank.cell_empty", cell if field else row.get(FIELD, row[ITEM]))
        elif shape == "key":
            self._key(at, row)
        elif shape == "list":
            self._superfluous(row)
            self._set((*path, len(self._at(path))), cell, cell.content)
        elif code.content is None:
            self.faults.add("bank.cell_empty", code)
        elif shape == "mapping":
            if not (number := cell.content.strip()).isdecimal():
                self.faults.add("bank.cell_whole", cell, given=number)
            self._set((*path, code.content), code, int(number) if number.isdecimal() else None)
        elif cell.content is None:
            self._set((*path, code.content), code, None if self._at((*path, code.content)) else [])
        else:
            self._set((*path, code.content, len(self._at((*path, code.content)))), cell, cell.content)

    def _superfluous(self, row: TypedRow) -> None:
        if said(row, CODE) is not None:
            self.faults.add("bank.cell_superfluous", row[CODE], given=said(row, CODE))

    def _key(self, at: Loc, row: TypedRow) -> None:
        """Add a row of a key in the form of the type of its item, the codes of options and of the left side looked up."""
        item, cell = self._at(at), row[CONTENT]
        kind, options = item.get("type"), item.get("options", {})
        form, before = KEY_FORMS.get(kind, str), self.keys[at]
        self.keys[at] += 1
        content = cell.content if kind == "text" else cell.content.strip()
        if kind in WITH_OPTIONS and options:
            content = self._meant(cell, content, options)
        if kind == "digits" and cell.kind == "number":
            self.faults.add("bank.cell_digits", cell, given=content)
        if form is dict:
            code = self._meant(row[CODE], said(row, CODE) or "", item.get("left", {}))
            self._set((*at, "key", code or ""), row[CODE], content)
            return
        self._superfluous(row)
        if form is str and before:
            self.faults.add("bank.cell_second_key", cell, given=at[-1])
        else:
            self._set((*at, "key", before) if form is tuple else (*at, "key"), cell, content)

    def settle_keys(self) -> None:
        """Note the items without a key, and put pairs in the order of the left side."""
        for name, item in self.root.get("items", {}).items():
            at, kind, key = ("items", name), item.get("type"), item.get("key")
            if at not in self.keys and kind and not {kind, item.get("scoring", {}).get("rule")} & WITHOUT_KEY:
                self.faults.add("bank.cell_no_key", self.cells[at], given=name)
            if key and KEY_FORMS.get(kind) is dict:
                item["key"] = {code: key[code] for code in item.get("left", {}) if code in key}

    def framework(self, rows: Sequence[TypedRow]) -> CompetencyFramework | None:
        """Return the framework of the workbook, or the shipped one that the bank names."""
        if self.root.get("framework", {}).get("nodes"):
            return self.checked(CompetencyFramework, ("framework",))
        cell = rows[0].get("framework.id") if rows else None
        if cell is None or cell.content in shipped_frameworks():
            return None if cell is None else load_framework(cell.content)
        self.faults.add("bank.cell_unknown", cell, given=cell.content, known=shipped_frameworks())
        return None

    def judge(self, most: Mapping[str, int]) -> None:
        """Make provisional parameters out of difficulties in words, of the items whose most points are given."""
        usual = dict(toml_content("bank", "workbook")["difficulty"])
        words, apart, error = (usual.pop(name) for name in ("words", "between_steps", "se_b"))
        for name, record in list(self.root.get("parameters", {}).items()):
            b, n = record.pop("b", {}), most.get(name, 1)
            if judged := next((part for part in b.values() if isinstance(part, str)), None):
                steps = [words[judged]["b"] + apart * (k - (n - 1) / 2) for k in range(n)]
                usual |= {"model": "2PL" if n == 1 else "GPCM", "b": steps, "se_b": [error] * n}
                self.root["parameters"][name] = usual | record
            elif b:
                errors = record.get("se_b", {})
                record |= {"b": b, "se_b": {step: errors.get(step) for step in range(max({*b, *errors}) + 1)}}

    def checked(self, kind: type[D], at: Loc) -> D | None:
        """Return the document of a place, None where the cells it comes from have faults."""
        try:
            return kind.model_validate(_listed(self._at(at)))
        except ValidationError as error:
            faulty = any(c.place in self.faults.said for path, c in self.cells.items() if path[: len(at)] == at)
            for fault in error.errors(include_url=False):
                cause = fault.get("ctx", {}).get("error")
                cell = self._near((*at, *fault["loc"], *(_field_of(cause.code) if isinstance(cause, BankError) else ())))
                if cell is not None and (fault["loc"] or not faulty):  # else what other cells lack explains it
                    self.faults.add("bank.cell_fault", cell.place, fault=fault_sentence(fault, cell.column.headings))
        return None

    def blame(self, faults: Iterable[BankError]) -> None:
        """Note what does not fit together in a bank whose documents are well formed."""
        for fault in faults:
            field, item, k = _field_of(fault.code), str(fault.facts.get("item")), fault.facts.get("k")
            if field[:2] == ("header", "forms") and isinstance(k, int):
                field = (*field[:2], k, *field[2:])
            elif field[:1] == ("parameters",):
                field = ("parameters", item, *field[1:])
            elif "item" in fault.facts:
                field = ("items", item, *field)
            if (cell := self._near(field or ("header",))) is not None:
                self.faults.add("bank.cell_fault", cell.place, fault=fault)

    def _near(self, loc: Loc) -> TypedCell | None:
        """Return the cell of a place in a document, the first below it, or the one of what it is a part of."""
        below = next((cell for path, cell in self.cells.items() if path[: len(loc)] == loc), None)
        # the parts of such a path stand in the place, in their order
        above = [path for path in self.cells if path[0] == loc[0] and all(part in rest for rest in [iter(loc)] for part in path)]
        return self.cells.get(loc, below or (self.cells[max(above, key=len)] if above else None))


def _listed(node: Any) -> Any:  # noqa: ANN401 - plain data
    """Return plain data with lists where mappings are by number; what is between their numbers is None."""
    if not isinstance(node, Mapping):
        return node
    if node and all(isinstance(k, int) for k in node):
        return [_listed(node.get(k)) for k in range(max(node) + 1)]
    return {k: _listed(part) for k, part in node.items()}


def _field_of(code: str) -> Loc:
    """Return the field that a fault of this code is about."""
    path = toml_content("bank", "workbook")["places"].get(code.partition(".")[2], "")
    return tuple(path.split(".")) if path else ()
