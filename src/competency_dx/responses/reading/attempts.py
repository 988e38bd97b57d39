"""Who the rows belong to, and which row counts when a person has several."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from competency_dx.errors import ResponsesError, listed
from competency_dx.responses.findings import ATTEMPTS
from competency_dx.responses.missing import Reason, Reasons

if TYPE_CHECKING:
    from competency_dx.arrays import Codes, Ints, Names
    from competency_dx.responses.reading.layout import Layout
    from competency_dx.responses.reading.roles import Roles


class Owners(NamedTuple):
    """Ids of the P persons and, per row of the table, the place of its person."""

    ids: Names
    row: Ints


def numbered(n: int) -> Names:
    """Return the ids "1" … "n"."""
    out: Names = np.array(list(map(str, range(1, n + 1))), dtype=object)
    return out


def owners(roles: Roles) -> Owners:
    """Return the persons in the order of their first row; an id is never empty."""
    if roles.person is None:
        return Owners(numbered(roles.table.rows), np.arange(roles.table.rows))
    column = roles.table.columns[roles.person]
    bare = np.flatnonzero(column.codes < 0)
    if len(bare):
        raise ResponsesError(
            f"{roles.table.origin}: rows {listed((bare + 1).tolist())} have no id in column {column.name}; fill the "
            "cells or remove the rows"
        )
    _, first, inverse = np.unique(column.codes, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    ids: Names = column.texts()[np.sort(first)]
    return Owners(ids, rank[inverse.ravel()])


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
    order = np.lexsort((np.arange(len(row)), -merit, row))
    firsts = np.flatnonzero(np.r_[True, np.diff(row[order]) > 0])
    return order[firsts]


def best_cells(row: Ints, scores: Codes, status: Reasons) -> Ints:
    """Return for each person and item the row with the most points for that item, the first of equals (P, I)."""
    merit = np.where(status == Reason.ANSWERED, scores, np.int8(-1))
    first = np.unique(row, return_index=True)[1]
    out = np.repeat(first[:, None], scores.shape[1], axis=1)
    best = merit[first]
    for k in np.setdiff1d(np.arange(len(row)), first).tolist():
        better = merit[k] > best[row[k]]
        best[row[k]][better], out[row[k]][better] = merit[k][better], k
    return out
