"""Points that need no reading: numbers under the ids of calibrated items, of one person or of many with plain ids.

A table goes through every question that `load_responses` has for it; a service scoring one person after the other asks
none of them. What is taken here is what those questions leave alone, so the digits are the same either way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from competency_dx.arrays import names
from competency_dx.responses import Layout, Responses, load_responses

if TYPE_CHECKING:
    import pandas as pd

PERSON = "person"
PLAIN_ID = re.compile(r"[A-Za-z]{0,4}[-_]?\d{1,9}")  # no name, telephone, document or label of totals looks like this


def plain_points(source: Any, items: frozenset[str]) -> Responses | None:  # noqa: ANN401 - any table
    """Return a mapping or a pandas frame of numbers as responses; None when it has to be read as any other table."""
    if isinstance(source, Mapping):
        return _record(source, items)
    import pandas as pd

    return _frame(source, items) if isinstance(source, pd.DataFrame) else None


def _record(cells: Mapping[Any, Any], items: frozenset[str]) -> Responses | None:
    numbers = cells and all(x is None or isinstance(x, int | float | np.number) for x in cells.values())
    if not numbers or not cells.keys() <= items:
        return None
    row = [np.nan if x is None else x for x in cells.values()]
    return load_responses(np.array([row], dtype=np.float64), layout=Layout(items=tuple(cells)))


def _frame(frame: pd.DataFrame, items: frozenset[str]) -> Responses | None:
    named = PERSON in frame.columns and PERSON not in items
    points = frame.drop(columns=PERSON) if named else frame
    plain = points.size and points.columns.is_unique and items.issuperset(points.columns)
    if not plain or not all(dtype.kind in "biuf" for dtype in points.dtypes):
        return None
    index = frame.index if frame.index.nlevels == 1 and frame.index.name in {None, PERSON} else frame.index[:0]
    ids = (frame[PERSON] if named else index).tolist()
    texts = [str(i) for i in ids if isinstance(i, str | int) and not isinstance(i, bool)]
    if not texts or not len(texts) == len(ids) == len(set(texts)) or not all(map(PLAIN_ID.fullmatch, texts)):
        return None
    table = points.to_numpy(dtype=np.float64, na_value=np.nan)
    out = load_responses(table, layout=Layout(items=tuple(points.columns)))
    return replace(out, persons=names(texts))
