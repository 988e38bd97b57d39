"""The Q-matrix: reading it from a frame, matched to the items by id, and what it identifies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from competency_dx.arrays import Bools, value
from competency_dx.classification.findings import Q_EQUAL_COLUMNS, Q_FEW_ITEMS, Q_INCOMPLETE, Q_NOT_GENERIC
from competency_dx.errors import CalibrationError, repeated
from competency_dx.findings import Finding
from competency_dx.kernels.classes import Binary, mastery_order, prerequisite_matrix

if TYPE_CHECKING:
    import pandas as pd

LEAST_ITEMS = 3


@value
class QMatrix:
    """Which item measures which attribute: ids (I,), names (A,), and `entries` (I, A), 1 where the item measures it."""

    items: tuple[str, ...]
    attributes: tuple[str, ...]
    entries: Binary

    def take(self, items: Sequence[str]) -> QMatrix:
        """Return the rows of some items, in their order."""
        place = {item: i for i, item in enumerate(self.items)}
        bare = [item for item in items if item not in place]
        if bare:
            raise CalibrationError("classification.q_rows_missing", bare=bare, items=self.items)
        return QMatrix(
            items=tuple(items), attributes=self.attributes, entries=self.entries[[place[item] for item in items]]
        )


def read_q_matrix(frame: pd.DataFrame) -> QMatrix:
    """Return the Q-matrix of a frame items x attributes of 0 and 1, item ids in the index or in a column `item`.

    Raises
    ------
    CalibrationError
        When entries are not 0 or 1, ids repeat, or an item measures nothing.
    """
    table = frame.set_index("item") if "item" in frame.columns else frame
    items, attributes = [str(i) for i in table.index], [str(a) for a in table.columns]
    numbers = table.to_numpy(dtype=object)
    odd = sorted({str(x) for x in numbers.ravel() if x not in {0, 1}})
    if odd or not attributes:
        raise (
            CalibrationError("classification.q_entries", odd=odd) if odd else CalibrationError("classification.q_empty")
        )
    for code, ids in (("classification.q_items_twice", items), ("classification.q_attributes_twice", attributes)):
        if twice := repeated(ids):
            raise CalibrationError(code, twice=twice)
    entries = numbers.astype(np.int8)
    empty = [item for item, row in zip(items, entries, strict=True) if not row.any()]
    if empty:
        raise CalibrationError("classification.q_row_empty", empty=empty)
    return QMatrix(items=tuple(items), attributes=tuple(attributes), entries=entries)


def prerequisites(attributes: Sequence[str], hierarchy: Sequence[tuple[str, str]]) -> Bools:
    """Return the matrix (A, A) of direct prerequisites, or say which names or circles are in the way."""
    place = {a: k for k, a in enumerate(attributes)}
    unknown = [name for pair in hierarchy for name in pair if name not in place]
    if unknown:
        raise CalibrationError(
            "classification.hierarchy_unknown", unknown=dict.fromkeys(unknown), attributes=attributes
        )
    needs = prerequisite_matrix(len(attributes), [(place[a], place[b]) for a, b in hierarchy])
    order = mastery_order(needs)
    if len(order) < len(attributes):
        circle = [a for k, a in enumerate(attributes) if k not in order]
        raise CalibrationError("classification.hierarchy_circle", circle=circle)
    return needs


def check_q_matrix(q: QMatrix, families: Sequence[str]) -> tuple[Finding, ...]:
    """Return what a Q-matrix leaves unidentified.

    For DINA and DINO the conditions are necessary and sufficient (Gu & Xu 2019, theorem 1,
    doi:10.1007/s11336-018-9619-8): each attribute has an item of its own, at least three items measure it, and without
    one item of its own per attribute the columns still differ. Other families are generically identified when two
    disjoint sets of items can be matched with all attributes and each attribute has one item besides (Gu & Xu 2021,
    doi:10.5705/ss.202018.0410). The conditions are for attributes without a hierarchy.
    """
    conjunctive = all(f in {"DINA", "DINO"} for f in families)
    counts = q.entries.sum(axis=0)
    few = [(a, int(n)) for a, n in zip(q.attributes, counts, strict=True) if n < LEAST_ITEMS]
    found = Q_FEW_ITEMS.about((a for a, _ in few), counts=few, least=LEAST_ITEMS)
    if not conjunctive:
        return found + Q_NOT_GENERIC.about(_unmatched(q))
    single = q.entries[q.entries.sum(axis=1) == 1].any(axis=0)
    bare = [a for a, has in zip(q.attributes, single, strict=True) if not has]
    return found + Q_INCOMPLETE.about(bare) + Q_EQUAL_COLUMNS.about(_equal_columns(q))


def _equal_columns(q: QMatrix) -> list[str]:
    """Return attributes whose columns are equal once an item of its own is taken away from each attribute."""
    rest = q.entries.astype(np.int64).copy()
    for a in range(len(q.attributes)):
        own = np.flatnonzero((q.entries.sum(axis=1) == 1) & (q.entries[:, a] == 1))
        if len(own):
            rest[own[0]] = 0
    columns = [tuple(c) for c in rest.T]
    return [a for a, c in zip(q.attributes, columns, strict=True) if columns.count(c) > 1]


def _unmatched(q: QMatrix) -> list[str]:
    """Return attributes left without an item when two sets of items are matched with the attributes and one is left over."""
    A = len(q.attributes)
    twice = csr_array(np.tile(q.entries.T, (2, 1)))
    match = maximum_bipartite_matching(twice, perm_type="column")
    used = np.zeros(len(q.items), dtype=bool)
    used[match[match >= 0]] = True
    lacking = {k % A for k in np.flatnonzero(match < 0)} | set(np.flatnonzero(~q.entries[~used].any(axis=0)).tolist())
    return [q.attributes[k] for k in sorted(lacking) if q.entries[:, k].sum() >= LEAST_ITEMS]
