"""Which column is what: the person, the form, the items, and what is kept as background or refused as personal."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from competency_dx.bank import Item, ItemBank, Rubric
from competency_dx.errors import ResponsesError, listed
from competency_dx.findings import Finding
from competency_dx.responses.findings import BACKGROUND, HEADER_MATCHED, PERSONAL_DATA, ROW_NUMBERS, UNKNOWN_ITEMS
from competency_dx.responses.missing import NEGATIVE_CODES, token_code
from competency_dx.responses.normalise import fold_code, read_integer, read_number
from competency_dx.responses.reading.footers import without_footers
from competency_dx.responses.reading.layout import BACKGROUND_NAMES, FORM_NAMES, PERSON_NAMES, Layout
from competency_dx.responses.reading.privacy import personal_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from competency_dx.responses.reading.table import Column, Table

PERSON_SHARE = 0.1
"""A person column has at least this share of distinct ids; several attempts lower it, and are asked about."""
NUMERIC_SHARE = 0.5
"""Without a bank a column of which most cells are whole numbers is an item."""


UNNAMED = frozenset({"column 1", "unnamed 0", "index", "level 0"})
"""What an index becomes that was written to a file without a name."""


class Roles(NamedTuple):
    """The columns of a wide table by role; an item has one column, or one per criterion of its rubric."""

    table: Table
    person: str | None
    form: str | None
    items: Mapping[str, tuple[str, ...]]
    background: tuple[str, ...]


def find_roles(table: Table, bank: ItemBank | None, layout: Layout) -> Roles:
    """Find the role of every column of a wide table; findings are added to the table in the result."""
    if bank is None:
        _present(table, layout.items or (), "items")
    items, notes = _bank_items(table, bank, layout) if bank else ({name: (name,) for name in layout.items or ()}, [])
    used = {name for names in items.values() for name in names}
    table, privacy = _without_personal(table, used, layout)
    table, person = _person(table, used, layout)
    form = _form(table, bank, layout, used)
    rest = [name for name in table.columns if name not in used and name not in {person, form}]
    if bank is None and layout.items is None:
        items = {name: (name,) for name in rest if _looks_scored(table.columns[name], layout)}
        rest = [name for name in rest if name not in items]
    if not items:
        raise ResponsesError(_no_items(table, bank))
    shapes = {_shape(fold_code(i.id)) for i in bank.items} if bank else set()
    unknown = [
        n for n in rest if _shape(table.columns[n].code) in shapes and table.columns[n].header not in BACKGROUND_NAMES
    ]
    background = tuple(name for name in rest if name not in unknown)
    notes += [*privacy, *BACKGROUND.about([*background, *([form] if form else [])]), *UNKNOWN_ITEMS.about(unknown)]
    table = replace(table, findings=(*table.findings, *notes))
    return Roles(without_footers(table, person, used | set(items)), person, form, items, background)


def _no_items(table: Table, bank: ItemBank | None) -> str:
    found = listed(table.columns) or "none"
    if bank is not None:
        return (
            f"{table.origin}: no column is an item of bank {bank.id} (items {listed(i.id for i in bank.items)}; "
            f"columns {found}); name the columns by item ids"
        )
    return (
        f"{table.origin}: no column holds points (columns {found}); give the bank to score raw answers, or name the "
        "item columns with Layout(items=…)"
    )


def _present(table: Table, names: Iterable[str], setting: str) -> None:
    absent = [n for n in names if n not in table.columns]
    if absent:
        raise ResponsesError(
            f"{table.origin}: Layout({setting}=…) names {listed(absent)}, which the table has not; its columns are "
            f"{listed(table.columns)}"
        )


def _bank_items(table: Table, bank: ItemBank, layout: Layout) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Match columns to items by id: exactly, then with look-alike letters unified, then criterion by criterion."""
    folded: dict[str, list[str]] = {}
    bare: dict[str, list[str]] = {}
    for name, column in table.columns.items():
        folded.setdefault(column.code, []).append(name)
        bare.setdefault(_bare(column.code), []).append(name)
    items: dict[str, tuple[str, ...]] = {}
    loose: list[str] = []
    for item in _wanted(bank, layout):
        match = [item.id] if item.id in table.columns else folded.get(fold_code(item.id), [])
        match = match or bare.get(_bare(fold_code(item.id)), [])
        if len(match) > 1:
            raise ResponsesError(f"{table.origin}: columns {listed(match)} all name item {item.id}; keep one of them")
        if match:
            items[item.id] = (match[0],)
            loose += [match[0]] if match[0] != item.id else []
        elif columns := _criteria(item, folded):
            items[item.id] = columns
    return items, [*HEADER_MATCHED.about(loose)]


def _bare(code: str) -> str:
    """Return an id as letters and digits only: ``"MAT 004"`` and ``"MAT_004"`` are one."""
    return re.sub(r"[\W_]+", "", code)


def _wanted(bank: ItemBank, layout: Layout) -> Sequence[Item]:
    if layout.items is None:
        return bank.items
    known = {i.id: i for i in bank.items}
    absent = [i for i in layout.items if i not in known]
    if absent:
        raise ResponsesError(f"Layout(items=…) names {listed(absent)}, which bank {bank.id} has not; correct the ids")
    return [known[i] for i in layout.items]


def _criteria(item: Item, folded: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if not isinstance(item.rule, Rubric):
        return ()
    found = [
        next((folded[f][0] for mark in "._-/ :" if (f := fold_code(f"{item.id}{mark}{c.id}")) in folded), "")
        for c in item.rubric
    ]
    if any(found) and not all(found):
        absent = [c.id for c, name in zip(item.rubric, found, strict=True) if not name]
        raise ResponsesError(f"item {item.id}: no columns for the criteria {listed(absent)}; every criterion needs one")
    return tuple(found) if all(found) else ()


def _without_personal(table: Table, used: set[str], layout: Layout) -> tuple[Table, list[Finding]]:
    named = dict(table.columns) if table.index is None else {**table.columns, table.index.name: table.index}
    personal = personal_columns(c for name, c in named.items() if name not in used)
    if not personal:
        return table, []
    shown = [f"{name} ({what})" for name, what in personal]
    if layout.pii == "refuse":
        raise ResponsesError(
            f"{table.origin}: columns hold personal data: {listed(shown)}; work with pseudonyms only: remove the "
            "columns, or pass Layout(pii='drop') to leave them out"
        )
    gone = {name for name, _ in personal}
    columns = {name: c for name, c in table.columns.items() if name not in gone}
    if layout.person in gone and layout.person in table.columns:
        ids = table.columns[layout.person]  # numbers in the order of the first row stand for them
        numbers = replace(ids, vocabulary=tuple(str(k + 1) for k in range(len(ids.vocabulary))))
        columns = {layout.person: numbers, **columns}
    index = table.index if table.index is not None and table.index.name not in gone else None
    return replace(table, columns=columns, index=index), [
        PERSONAL_DATA.of(sorted(gone), kinds=[list(pair) for pair in personal])
    ]


def _person(table: Table, used: set[str], layout: Layout) -> tuple[Table, str | None]:
    if layout.person is not None:
        if table.index is not None and table.index.name == layout.person and layout.person not in table.columns:
            return _index_as_column(table)
        _present(table, [layout.person], "person")
        return table, layout.person
    headers = replace(table, columns={n: c for n, c in table.columns.items() if n not in used}).headers()
    for candidate in PERSON_NAMES:
        name = headers.get(candidate)
        if name is not None and len(table.columns[name].vocabulary) >= PERSON_SHARE * _filled(table.columns[name]):
            return table, name
    first = next(iter(table.columns), None)
    if (
        first is not None
        and (table.index is None or table.labels == "default")
        and first not in used
        and table.columns[first].header in UNNAMED
        and _filled(table.columns[first]) == table.rows == len(table.columns[first].vocabulary) > 1
    ):  # every row has a content of its own, as ids do
        return table, first
    if table.origin != "array" and (table.index is None or table.labels == "default"):
        table = replace(table, findings=(*table.findings, ROW_NUMBERS.of()))
    return _index_as_column(table) if table.index is not None else (table, None)


def _filled(column: Column) -> int:
    return int((column.codes >= 0).sum())


def _index_as_column(table: Table) -> tuple[Table, str]:
    assert table.index is not None
    name = table.index.name if table.index.name not in table.columns else f"{table.index.name} (row label)"
    return replace(table, columns={name: replace(table.index, name=name), **table.columns}, index=None), name


def _form(table: Table, bank: ItemBank | None, layout: Layout, used: set[str]) -> str | None:
    if layout.form is not None:
        _present(table, [layout.form], "form")
        if bank is None or not bank.forms:
            raise ResponsesError("Layout(form=…) needs a bank with forms, which tell the items of each form; give one")
        return layout.form
    if bank is None or not bank.forms:
        return None
    named = (n for n, c in table.columns.items() if n not in used and c.header in FORM_NAMES and c.vocabulary)
    return next(named, None)


def _looks_scored(column: Column, layout: Layout) -> bool:
    """Tell whether a column of a table without a bank holds points; fractions among them are an error."""
    if column.header in BACKGROUND_NAMES:
        return False
    own = layout.user_reasons(column.name)
    counts = column.counts()
    whole = broken = rest = 0
    for text, n in zip(column.vocabulary, counts.tolist(), strict=True):
        if text in NEGATIVE_CODES or token_code(text, own) is not None:
            continue
        if read_integer(text) is not None:
            whole += n
        elif "/" not in text and read_number(text) is not None:
            broken += n
        else:
            rest += n
    if broken and broken + whole > rest:
        raise ResponsesError(
            f"column {column.name} holds numbers that are no whole points; name the item columns with Layout(items=…), "
            "or round the points"
        )
    return whole >= NUMERIC_SHARE * (whole + rest) if whole + rest else True


def _shape(code: str) -> str:
    return re.sub(r"\d+", "9", _bare(code)) if any(c.isdigit() for c in code) else "\0" + code
