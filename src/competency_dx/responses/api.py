"""The verb of this room: a table of answers in any usual form becomes `Responses`; what files alone need is imported late."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Codes, Ints, blocks
from competency_dx.bank import ItemBank, ledger_of, refuse_self_report
from competency_dx.errors import ResponsesError, checked
from competency_dx.findings import announce
from competency_dx.responses.explanation import RawAnswers
from competency_dx.responses.missing import ABSENT, BLANK, Reason, Reasons
from competency_dx.responses.reading import rows as of_persons
from competency_dx.responses.reading.answers import answer_roles, is_answers, refuse_impossible
from competency_dx.responses.reading.layout import Layout, id_form, refuse_results
from competency_dx.responses.reading.roles import Roles, find_roles, refuse_personal
from competency_dx.responses.reading.rows import best_rows, blanks, forms_of, long_columns, numbered, pivot, resolve_blanks, single_rows
from competency_dx.responses.reading.scoring import is_numeric, score_columns
from competency_dx.responses.reading.table import Table, in_memory, table
from competency_dx.responses.reading.unreadable import only_right, strange_values
from competency_dx.responses.responses import Responses, emptiness
from competency_dx.responses.rules import judge_of
from competency_dx.result import SELF_REPORT, Provenance, digest_arrays, provenance
from competency_dx.storage import limits_in_force, reading

DEFAULT = Layout()
ROWS_AT_ONCE = 1 << 15


@checked(ResponsesError)
def load_responses(source: object, *, bank: ItemBank | None = None, layout: Layout | None = None) -> Responses:
    """Read answers or points and return them scored, with the reason for every missing one.

    There is a finding for everything surprising; those of severity warning are Python warnings too.
    Raises `ResponsesError` when the table cannot be read without guessing: ids twice, personal data, answers or points unclear. Raises
    `DocumentError` when a document of answers is not as its schema says, or an answer cannot be one to its item; with the path. Raises
    `LimitError` or `StorageError` when it is larger than the `Limits` in force, or the system does not hand the file out.

    Parameters
    ----------
    source : path, data frame, list of records, document of answers, 2-D array, or Responses. ``.csv .tsv .xlsx .parquet .json .jsonl``;
        pandas, polars, pyarrow; one row per person or per answer. In an array persons are "1", "2" …, items those of the bank in order,
        or "item1" … Responses are returned as they are. A document of answers, a mapping or a file, is ``{"persons": [{"person": "a",
        "answers": {"M-1": ["1", "3"]}}]}``.
    bank : Scores raw answers by the keys of its items; columns are matched by item id. Without it the table must hold points.
    layout : What is to be known about the table; what is not said is found out.

    Examples
    --------
    >>> load_responses([{"person": "a", "x": 1, "y": 0}, {"person": "b", "x": 1, "y": None}]).scores.tolist()
    [[1, 0], [1, 0]]
    """
    if isinstance(source, Responses):
        return source
    plan = layout if layout is not None else DEFAULT
    with reading(source if isinstance(source, str | Path) else type(source).__name__, ResponsesError):
        out = _read(source, bank, plan)
    announce(out.findings)
    return out


def answers_to_tests(source: object, bank: ItemBank | None = None) -> Responses:
    """Return answers as they are, or load them; refuse what persons say of themselves by a `ModelError`."""
    data = load_responses(source, bank=bank)
    refuse_self_report(data)
    return data


def settle_layout(source: object, *, bank: ItemBank | None = None, layout: Layout | None = None) -> Layout:
    """Return the layout that `load_responses` finds in a table in memory, with nothing left to be found out.

    Further blocks of rows of the same source are then read by the same decisions: which column is the person, which are items,
    whether the cells hold answers or points, which numbers stand for no answer. Their unreadable cells are left out, however many.
    Raises `ResponsesError` when the table cannot be read without guessing, or has one row per answer.
    """
    table, plan = in_memory(source), layout or Layout()
    if long_columns(table, bank, plan) is not None:
        raise ResponsesError("responses.long_in_blocks", origin=table.origin)
    plan = replace(plan, kind="wide")
    roles = find_roles(table, bank, plan)
    scored, stated = score_columns(roles, bank, plan), plan.missing_codes or {}
    said = {text: "blank" if code == BLANK else Reason(code).name.lower() for text, code in scored.codes.items()}
    numeric = [i for i in bank.items if i.id in roles.items and is_numeric(i)] if bank and said else []
    coded = {i.id: {t: name for t, name in said.items() if not judge_of(i)(t).points} | dict(stated.get(i.id, {})) for i in numeric}
    settled: dict[str, Any] = {"cells": scored.mode, "unreadable": "leave_out", "missing_codes": {**stated, **coded} or None}
    return replace(plan, person=roles.person, form=roles.form, items=tuple(roles.items), **settled)


def read_table(source: object, *, public: bool = False) -> Table:
    """Read a table as it stands; raises `ResponsesError` when it cannot be read or holds personal data, which no `public` one does."""
    with reading(source if isinstance(source, str | Path) else type(source).__name__, ResponsesError):
        content = _content(source, None, DEFAULT)
        out = content if isinstance(content, Table) else in_memory(content, numbered=False)
        refuse_personal(out, {*out.columns} if public else set(), None, DEFAULT)
    return out


def _content(source: object, bank: ItemBank | None, layout: Layout) -> object:
    """Return what a path leads to, anything else as it is."""
    from competency_dx.responses.reading.files import read_file

    ids = frozenset(id_form(i.id) for i in bank.items) if bank and isinstance(source, str | Path) else frozenset()
    return read_file(Path(source), sheet=layout.sheet, ids=ids) if isinstance(source, str | Path) else source


def _read(source: object, bank: ItemBank | None, layout: Layout) -> Responses:
    if isinstance(source, np.ndarray):
        return _read_array(source, bank, layout)
    content = _content(source, bank, layout)
    if is_answers(content):
        return from_answers(cast("Mapping[str, Any]", content), bank, layout)
    if isinstance(content, str):
        return Responses.from_json(content)
    return from_table(content if isinstance(content, Table) else in_memory(content), bank, layout)


def _read_array(array: NDArray[Any], bank: ItemBank | None, layout: Layout) -> Responses:
    if isinstance(array, np.ma.MaskedArray):  # what is masked is missing
        array = np.ma.filled(array.astype(float if array.dtype.kind in "biuf" else object), np.nan)
    if array.ndim != 2 or not array.shape[1]:
        raise ResponsesError("responses.array_shape", shape=array.shape)
    limits_in_force().check_table("array", *array.shape)
    ids = [i.id for i in bank.items] if bank else [f"item{k + 1}" for k in range(array.shape[1])]
    names = tuple(ids) if layout.items is None else layout.items
    if len(names) != array.shape[1]:
        raise ResponsesError("responses.array_columns", shape=array.shape[1], n_names=len(names))
    numbers = bank is None and array.dtype.kind in "biuf" and not layout.missing_tokens and not layout.missing_codes
    if numbers and len(array) and (points := _points(array)) is not None:
        return _from_points(*points, names, layout)
    plan = replace(layout, kind="wide", items=names if bank is None else layout.items)
    columns = ((name, np.ascontiguousarray(array[:, k])) for k, name in enumerate(names))
    return from_table(table(columns, "array"), bank, plan)


def from_table(table: Table, bank: ItemBank | None, layout: Layout) -> Responses:
    """Make responses of a table, wide or long."""
    refuse_results(table.columns, table.origin)
    long, plan = long_columns(table, bank, layout), layout
    if long is not None:
        if layout.cells == "auto" and of_persons.says_right(table.columns[long[2]]):
            layout = replace(layout, cells="scored")  # whether an answer is right is no answer
        answers, codes = table.columns[long[2]], (layout.missing_codes or {}).values()
        if "" in {*(layout.missing_tokens or {}), *chain.from_iterable(codes)}:  # said to mean something, as no missing row does
            table = replace(table, columns={**table.columns, long[2]: answers.marked(answers.codes < 0)})
        table, items = pivot(table, long, bank, layout)
        plan = replace(layout, person=long[0], items=items if bank is None and layout.items is None else layout.items)
    return _scored(find_roles(table, bank, plan), bank, layout, pivoted=long is not None)


def from_answers(document: Mapping[str, Any], bank: ItemBank | None, layout: Layout) -> Responses:
    """Make responses of a JSON document of answers."""
    if bank is None:
        raise ResponsesError("responses.answers_without_bank")
    tokens = {"": "omitted", **(layout.missing_tokens or {})}
    plan = replace(layout, kind="wide", cells="raw", unreadable="leave_out", missing_tokens=tokens)
    out = _scored(answer_roles(document, bank, plan), bank, plan, pivoted=True)
    refuse_impossible(out, bank)
    return out


def _scored(roles: Roles, bank: ItemBank | None, layout: Layout, *, pivoted: bool) -> Responses:
    """Score the columns of items; where a table is `pivoted` its empty cells had no row and are no blanks."""
    roles, ids, row = single_rows(roles, layout)
    if not roles.table.rows:
        raise ResponsesError("responses.no_rows", origin=roles.table.origin)
    known = [*roles.items, *(i.id for i in (bank.items if bank else ()) if i.id not in roles.items)]
    if absent := [item for item in layout.missing_codes or () if item not in {"*", *known}]:
        where = {"origin": roles.table.origin, "setting": "missing_codes", "columns": known}
        raise ResponsesError("responses.setting_absent", absent=absent, **where)
    scored = score_columns(roles, bank, layout)
    status, stated, forms = scored.status, scored.blanks, forms_of(roles, bank)
    if pivoted:  # what has no row is no blank cell
        rows = np.stack([c.codes for c in scored.columns.values()], axis=1) >= 0
        status, stated = np.where((status == BLANK) & rows, stated, status), np.full_like(stated, BLANK)
    status[of_persons.away(roles) & (scored.scores == 0).all(axis=1)] = ABSENT
    status, notes = resolve_blanks(ids[row], list(roles.items), status, stated, forms)
    source = best_rows(row, scored.scores, status, each=pivoted) if len(ids) < len(row) else None
    reasons, items = picked(status, source), tuple(roles.items)
    scores = picked(scored.scores, source) * (reasons == Reason.ANSWERED)
    answers = None
    if scored.mode == "raw":
        codes, vocabulary, kinds = zip(*((c.codes, c.vocabulary, c.kinds) for c in scored.columns.values()), strict=True)
        answers = RawAnswers(codes=picked(np.stack(codes).T, source), vocabulary=vocabulary, kinds=kinds)
    suspicious = strange_values(items, scores, reasons) if bank is None else ()
    suspicious += only_right(items, scores, reasons, scored.max_scores) if scored.mode == "scored" else ()
    at = None if source is None else source.min(axis=1)
    background = {name: picked(roles.table.columns[name].texts(), at) for name in roles.background}
    background |= {} if forms is None else {forms.column.name: picked(forms.ids, at)}
    return Responses(
        persons=ids,
        items=items,
        scores=scores,
        reasons=reasons,
        max_scores=scored.max_scores,
        background=background,
        answers=answers,
        findings=(*roles.table.findings, *scored.findings, *suspicious, *notes, *emptiness(ids, items, reasons)),
        provenance=_loaded_from(roles.table.origin, bank, layout, scored.mode, (scores, reasons)),
    )


def picked(array: NDArray[Any], source: Ints | None) -> NDArray[Any]:
    """Return the rows of all columns, or of each, that count; everything when `source` is None."""
    return array if source is None else np.take_along_axis(array, source, axis=0)


def _points(array: NDArray[Any]) -> tuple[Codes, Reasons] | None:
    """Return whole points of an array (P, I), NaN as not administered; None where it holds anything else, say codes."""
    scores, reasons = np.empty(array.shape, dtype=np.int8), np.zeros(array.shape, dtype=np.uint8)
    for rows in blocks(len(array), ROWS_AT_ONCE):
        part, points = array[rows], scores[rows]
        with np.errstate(invalid="ignore"):
            np.copyto(points, part, casting="unsafe")
        same = points == part
        if array.dtype.kind == "f" and not same.all():
            reasons[rows] = empty = np.isnan(part)
            points[empty], same[empty] = 0, True
        if points.min() < 0 or not same.all():
            return None
    scores.flags.writeable = reasons.flags.writeable = False
    return scores, reasons


def _from_points(scores: Codes, reasons: Reasons, items: tuple[str, ...], layout: Layout) -> Responses:
    """Make responses of points (P, I) of persons who have no ids."""
    ids, tops = numbered(len(scores)), np.maximum(scores.max(axis=0), 1).astype(np.int64)
    left = np.zeros(len(Reason), dtype=np.int64)
    left[Reason.NOT_ADMINISTERED] = np.count_nonzero(reasons)
    further = (*only_right(items, scores, reasons, tops), *emptiness(ids, items, reasons)) if reasons.any() else ()
    return Responses(
        persons=ids,
        items=items,
        scores=scores,
        reasons=reasons,
        max_scores=tops,
        findings=(*blanks(left), *strange_values(items, scores, reasons), *further),
        provenance=_loaded_from("array", None, layout, "scored", (scores, reasons)),
    )


def _loaded_from(origin: str, bank: ItemBank | None, layout: Layout, cells: str, data: tuple[Codes, Reasons]) -> Provenance:
    """Return how scores and reasons came about; `cells` is "raw" or "scored"."""
    inputs = {"source": origin, "data": digest_arrays(data[0] - data[1].astype(np.int8))}
    if bank is not None:
        inputs["bank"] = f"{bank.id} {bank.version} {bank.digest}"
        inputs |= {"keys": ledger_of(bank).digest("key")} if cells == "raw" else {}
        inputs |= {SELF_REPORT: bank.id} if any(item.part == SELF_REPORT for item in bank.items) else {}
    return provenance("load_responses", inputs, layout.settings() | {"cells": cells})
