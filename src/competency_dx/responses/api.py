"""The verb of this room: a table of answers in any usual form becomes `Responses`.

What tables alone need is imported when the first one is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from competency_dx.bank import ItemBank, as_bank
from competency_dx.errors import ResponsesError, wrong_type
from competency_dx.findings import announce
from competency_dx.limits import limits_in_force, reading
from competency_dx.responses.from_table import from_answers, from_points, from_table
from competency_dx.responses.reading.answers import is_answers
from competency_dx.responses.reading.headers import id_form
from competency_dx.responses.reading.layout import Layout
from competency_dx.responses.reading.pivot import long_columns
from competency_dx.responses.reading.roles import find_roles
from competency_dx.responses.reading.scoring import score_columns
from competency_dx.responses.reading.table import Table, in_memory, table
from competency_dx.responses.responses import Responses

DEFAULT = Layout()


def load_responses(source: object, *, bank: ItemBank | None = None, layout: Layout | None = None) -> Responses:
    """Read answers or points and return them scored, with the reason for every missing one.

    Parameters
    ----------
    source : path, data frame, list of records, document of answers, 2-D array, or Responses
        ``.csv .tsv .xlsx .parquet .json .jsonl``; pandas, polars, pyarrow; one row per person or per answer. In an array
        persons are "1", "2" …, items those of the bank in order, or "item1" … Responses are returned as they are. A document of
        answers, a mapping or a file, is ``{"persons": [{"person": "a", "answers": {"M-1": ["1", "3"]}}]}``.
    bank : ItemBank, optional
        Scores raw answers by the keys of its items; columns are matched by item id. Without it the table must hold
        points.
    layout : Layout, optional
        What is to be known about the table; what is not said is found out.

    Returns
    -------
    Responses
        With a finding for everything surprising; those of severity warning are Python warnings too.

    Raises
    ------
    ResponsesError
        When the table cannot be read without guessing: ids twice, personal data, answers or points unclear.
    DocumentError
        When a document of answers is not as its schema says, or an answer cannot be one to its item; with the path.
    LimitError, StorageError
        When it is larger than the `Limits` in force, or the system does not hand the file out.

    Examples
    --------
    >>> load_responses([{"person": "a", "x": 1, "y": 0}, {"person": "b", "x": 1, "y": None}]).scores.tolist()
    [[1, 0], [1, 0]]
    """
    if isinstance(source, Responses):
        return source
    plan = layout if layout is not None else DEFAULT
    if not isinstance(plan, Layout):
        raise wrong_type(ResponsesError, "layout", layout, Layout)
    known = None if bank is None else as_bank(bank)
    with reading(source if isinstance(source, str | Path) else type(source).__name__, ResponsesError):
        out = _read(source, known, plan)
    announce(out.findings, stacklevel=3)
    return out


def settle_layout(source: object, *, bank: ItemBank | None = None, layout: Layout | None = None) -> Layout:
    """Return the layout that `load_responses` finds in a table in memory, with nothing left to be found out.

    Further blocks of rows of the same source are then read by the same decisions: which column is the person, which are
    items, whether the cells hold answers or points. Their unreadable cells are left out, however many a block has.

    Raises `ResponsesError` when the table cannot be read without guessing, or has one row per answer.
    """
    known, table, plan = None if bank is None else as_bank(bank), in_memory(source), layout or Layout()
    if long_columns(table, known, plan) is not None:
        raise ResponsesError("responses.long_in_blocks", origin=table.origin)
    plan = replace(plan, kind="wide")
    roles = find_roles(table, known, plan)
    mode = score_columns(roles, known, plan).mode
    return replace(plan, person=roles.person, form=roles.form, items=tuple(roles.items), cells=mode, unreadable="leave_out")


def _read(source: object, bank: ItemBank | None, layout: Layout) -> Responses:
    if isinstance(source, np.ndarray):
        return _read_array(source, bank, layout)
    from competency_dx.responses.reading.files import read_file

    content = source
    if isinstance(source, str | Path):
        ids = frozenset(id_form(i.id) for i in bank.items) if bank else frozenset()
        content = read_file(Path(source), sheet=layout.sheet, ids=ids)
    if is_answers(content):
        return from_answers(cast("Mapping[str, Any]", content), bank, layout)
    if not isinstance(content, str | Table):
        content = in_memory(content)
    return Responses.from_json(content) if isinstance(content, str) else from_table(content, bank, layout)


def _read_array(array: NDArray[Any], bank: ItemBank | None, layout: Layout) -> Responses:
    if array.ndim != 2 or not array.shape[1]:
        raise ResponsesError("responses.array_shape", shape=array.shape)
    limits_in_force().check_table("array", *array.shape)
    if bank is None and array.dtype.kind in "biuf" and not layout.missing_tokens and not layout.missing_codes:
        return from_points(array, layout)
    ids = [i.id for i in bank.items] if bank else [f"item{k + 1}" for k in range(array.shape[1])]
    names = list(layout.items) if layout.items is not None else ids
    if len(names) != array.shape[1]:
        raise ResponsesError("responses.array_columns", shape=array.shape[1], n_names=len(names))
    plan = replace(layout, kind="wide", items=tuple(names) if bank is None else layout.items)
    columns = ((name, np.ascontiguousarray(array[:, k])) for k, name in enumerate(names))
    return from_table(table(columns, "array"), bank, plan)
