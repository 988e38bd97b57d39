"""The Q-matrix: reading it from a frame, matched to the items by id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from competency_dx.arrays import Bools, value
from competency_dx.errors import CalibrationError, repeated
from competency_dx.kernels.classes import Binary, mastery_order, prerequisite_matrix
from competency_dx.result import DataFrame


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
        return QMatrix(items=tuple(items), attributes=self.attributes, entries=self.entries[[place[item] for item in items]])


def read_q_matrix(frame: DataFrame) -> QMatrix:
    """Return the Q-matrix of a frame items x attributes of 0 and 1, item ids in the index or in a column `item`.

    Raises `CalibrationError` when entries are not 0 or 1, ids repeat, or an item measures nothing.
    """
    table = frame.set_index("item") if "item" in frame.columns else frame
    items, attributes = [str(i) for i in table.index], [str(a) for a in table.columns]
    numbers = table.to_numpy(dtype=object)
    odd = sorted({str(x) for x in numbers.ravel() if x not in {0, 1}})
    if odd or not attributes:
        raise (CalibrationError("classification.q_entries", odd=odd) if odd else CalibrationError("classification.q_empty"))
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
        raise CalibrationError("classification.hierarchy_unknown", unknown=dict.fromkeys(unknown), attributes=attributes)
    needs = prerequisite_matrix(len(attributes), [(place[a], place[b]) for a, b in hierarchy])
    order = mastery_order(needs)
    if len(order) < len(attributes):
        circle = [a for k, a in enumerate(attributes) if k not in order]
        raise CalibrationError("classification.hierarchy_circle", circle=circle)
    return needs
