"""A long table (person, item, answer) as a wide one; who the rows belong to, and which counts when a person has several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from competency_dx.arrays import Ints
from competency_dx.errors import ResponsesError, listed
from competency_dx.responses.findings import ATTEMPTS, UNKNOWN_ITEMS, VARYING
from competency_dx.responses.missing import Reason, Reasons
from competency_dx.responses.normalise import fold_code
from competency_dx.responses.reading.layout import ANSWER_NAMES, ITEM_NAMES, PERSON_NAMES, Layout
from competency_dx.responses.reading.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from competency_dx.arrays import Codes, Names
    from competency_dx.bank import ItemBank
    from competency_dx.responses.reading.roles import Roles


class LongColumns(NamedTuple):
    """The three columns that make a table long."""

    person: str
    item: str
    answer: str


def long_columns(table: Table, bank: ItemBank | None, layout: Layout) -> LongColumns | None:
    """Return the columns of a long table, None when the table is wide; raises `ResponsesError` if one is missing."""
    if layout.kind == "wide":
        return None
    headers = table.headers()
    person, item, answer = (
        given or next((headers[n] for n in names if n in headers), None)
        for given, names in ((layout.person, PERSON_NAMES), (layout.item, ITEM_NAMES), (layout.answer, ANSWER_NAMES))
    )
    for name in filter(None, (layout.item, layout.answer, layout.person)):
        if name not in table.columns:
            raise ResponsesError(
                f"{table.origin}: there is no column {name!r}; its columns are {listed(table.columns)}"
            )
    if person and item and answer:
        certain = layout.kind == "long" or layout.item is not None
        return LongColumns(person, item, answer) if certain or _holds_ids(table, item, bank) else None
    if layout.kind == "long":
        raise ResponsesError(
            f"{table.origin}: a long table needs columns of persons, items and answers; found {listed(table.columns)}; "
            "name them with Layout(person=…, item=…, answer=…)"
        )
    return None


def _holds_ids(table: Table, item: str, bank: ItemBank | None) -> bool:
    if bank is None:
        return True
    ids = {fold_code(i.id) for i in bank.items}
    return ids.isdisjoint(c.code for c in table.columns.values()) and any(
        fold_code(v) in ids for v in table.columns[item].vocabulary
    )


def pivot(table: Table, roles: LongColumns, bank: ItemBank | None, layout: Layout) -> tuple[Table, tuple[str, ...]]:
    """Make a wide table with one row per person (and attempt, under the policy "best") and the items it holds.

    The person column comes first, then items, then what is constant within a person. Items are those of the bank, or all when
    there is no bank, in the order of their first appearance.
    """
    import pandas as pd

    table = _known_items(table, roles.item, bank)
    person, item, answer = (table.columns[n] for n in (roles.person, roles.item, roles.answer))
    if (person.codes < 0).any() or (item.codes < 0).any():
        rows = np.flatnonzero((person.codes < 0) | (item.codes < 0)) + 1
        raise ResponsesError(
            f"{table.origin}: rows {listed(rows.tolist())} have no person or no item; fill the cells or remove the rows"
        )
    cell = pd.Series(person.codes.astype(np.int64) * len(item.vocabulary) + item.codes)
    attempt = cell.groupby(cell).cumcount().to_numpy()  # how many earlier rows have the same person and item
    if attempt.any() and layout.attempts == "error":
        twice = np.flatnonzero(attempt)
        shown = [f"{person.vocabulary[person.codes[r]]}/{item.vocabulary[item.codes[r]]}" for r in twice]
        raise ResponsesError(
            f"{table.origin}: answers given twice (person/item): {listed(dict.fromkeys(shown))}; remove some, or "
            "choose with Layout(attempts='first'), 'last' or 'best'"
        )
    layer = attempt if layout.attempts == "best" else np.zeros_like(attempt)
    ids, first, row = np.unique(layer * len(person.vocabulary) + person.codes, return_index=True, return_inverse=True)
    chosen = np.flatnonzero(attempt == 0) if layout.attempts == "first" else np.arange(table.rows)
    codes = np.full((len(ids), len(item.vocabulary)), -1, dtype=np.int32)
    codes[row.ravel()[chosen], item.codes[chosen]] = answer.codes[chosen]  # of several in one cell the last stays
    rest = {name: c for name, c in table.columns.items() if name not in roles}
    varying = [name for name, c in rest.items() if (c.codes[first][row.ravel()] != c.codes).any()]
    notes = ATTEMPTS.about(person.vocabulary[k] for k in np.unique(person.codes[attempt > 0])) + VARYING.about(varying)
    columns = {name: c.take(first) for name, c in rest.items()}
    columns[person.name] = replace(person, codes=(ids % len(person.vocabulary)).astype(np.int32))
    for k, name in enumerate(item.vocabulary):
        columns[name] = replace(answer, name=name, codes=codes[:, k]).take(np.arange(len(ids)))
    return replace(
        table, columns=columns, rows=len(ids), index=None, findings=(*table.findings, *notes)
    ), item.vocabulary


def _known_items(table: Table, name: str, bank: ItemBank | None) -> Table:
    column = table.columns[name]
    if bank is None:
        return table
    ids = {fold_code(i.id) for i in bank.items}
    strange = [v for v in column.vocabulary if fold_code(v) not in ids]
    return table.take(~column.where(set(strange).__contains__), UNKNOWN_ITEMS.of(strange)) if strange else table


def numbered(n: int) -> Names:
    """Return the ids "1" … "n"."""
    out: Names = np.array(list(map(str, range(1, n + 1))), dtype=object)
    return out


def owners(roles: Roles) -> tuple[Names, Ints]:
    """Return the ids (P,) of persons in the order of their first row, and the place of its person per row of the table (R,).

    An id is never empty.
    """
    import pandas as pd

    if roles.person is None:
        return numbered(roles.table.rows), np.arange(roles.table.rows)
    column = roles.table.columns[roles.person]
    bare = np.flatnonzero(column.codes < 0)
    if len(bare):
        raise ResponsesError(
            f"{roles.table.origin}: rows {listed((bare + 1).tolist())} have no id in column {column.name}; fill the "
            "cells or remove the rows"
        )
    row, present = pd.factorize(column.codes)
    ids: Names = np.array(column.vocabulary, dtype=object)[present]
    return ids, row


def single_rows(roles: Roles, layout: Layout) -> Roles:
    """Keep one row per person under the policies "first" and "last"; "error" raises, "best" waits for the points."""
    ids, row = owners(roles)
    counts = np.bincount(row, minlength=len(ids))
    twice = ids[counts > 1].tolist()
    if not twice:
        return roles
    if layout.attempts == "error":
        raise ResponsesError(
            f"{roles.table.origin}: persons {listed(twice)} have several rows; remove some, or choose with "
            "Layout(attempts='first'), 'last' or 'best'"
        )
    finding = ATTEMPTS.of(twice)
    if layout.attempts == "best":
        return roles._replace(table=roles.table.take(np.arange(len(row)), finding))
    chosen = np.zeros(len(ids), dtype=np.int64)
    order = np.arange(len(row)) if layout.attempts == "last" else np.arange(len(row))[::-1]
    chosen[row[order]] = order
    return roles._replace(table=roles.table.take(chosen, finding))


def best_rows(row: Ints, scores: Codes, status: Reasons) -> Ints:
    """Return for each person the row with the most points, the first of equals, shape (P,)."""
    answered = status == Reason.ANSWERED
    merit = np.where(answered.any(axis=1), np.where(answered, scores, 0).sum(axis=1, dtype=np.int64), -1)
    return _highest(row, merit[:, None])[:, 0]


def best_cells(row: Ints, scores: Codes, status: Reasons) -> Ints:
    """Return for each person and item the row with the most points for that item, the first of equals (P, I)."""
    return _highest(row, np.where(status == Reason.ANSWERED, scores, np.int8(-1)))


def _highest(row: Ints, merit: NDArray[np.integer]) -> Ints:
    """Return for each person and column of merit (R, M) the place of the highest, the first of equals (P, M)."""
    order = np.lexsort((-merit, np.broadcast_to(row[:, None], merit.shape)), axis=0)
    return order[np.unique(np.sort(row), return_index=True)[1]]
