"""From a table or an array to `Responses`: roles, points, blanks by form, attempts, the ingest report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Codes, Ints, Names, blocks
from competency_dx.bank import ItemBank
from competency_dx.errors import ResponsesError, phrase
from competency_dx.findings import Finding, Template
from competency_dx.responses.explanation import RawAnswers
from competency_dx.responses.missing import BLANK, Reason, Reasons
from competency_dx.responses.reading.answers import answer_roles, refuse_impossible
from competency_dx.responses.reading.forms import FormColumn, blank_cells, forms_of, resolve_blanks
from competency_dx.responses.reading.layout import Layout, refuse_results
from competency_dx.responses.reading.pivot import best_cells, best_rows, long_columns, numbered, owners, pivot, single_rows
from competency_dx.responses.reading.roles import Roles, find_roles
from competency_dx.responses.reading.scoring import score_columns
from competency_dx.responses.reading.table import Table
from competency_dx.responses.reading.unreadable import minus_is_doubtful, strange_values
from competency_dx.responses.responses import HIGHEST, Responses, emptiness, loaded_from

ROWS_AT_ONCE = 1 << 15
MISSING_NUMBERS = (-1, -9, -99, -999)

Cellwise = TypeVar("Cellwise", bound=np.generic)


def from_table(table: Table, bank: ItemBank | None, layout: Layout) -> Responses:
    """Make responses of a table, wide or long."""
    refuse_results(table.columns, table.origin)
    long = long_columns(table, bank, layout)
    plan = layout
    if long is not None:
        table, items = pivot(_with_blank_answers(table, long.answer, layout), long, bank, layout)
        wanted = items if bank is None and layout.items is None else layout.items
        plan = replace(layout, person=long.person, items=wanted)
    return _scored(single_rows(find_roles(table, bank, plan), layout), bank, layout, pivoted=long is not None)


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
    if not roles.table.rows:
        raise ResponsesError("responses.no_rows", origin=roles.table.origin)
    scored = score_columns(roles, bank, layout)
    ids, row = owners(roles)
    status, stated, forms = scored.status, scored.blanks, forms_of(roles, bank)
    if pivoted:  # what has no row is no blank cell
        rows = np.stack([c.codes for c in scored.columns.values()], axis=1) >= 0
        status, stated = np.where((status == BLANK) & rows, stated, status), np.full_like(stated, BLANK)
    status, notes = resolve_blanks(ids[row], list(roles.items), status, stated, forms)
    source = None
    if len(ids) < len(row):
        source = (best_cells if pivoted else best_rows)(row, scored.scores, status)
    reasons = picked(status, source)
    scores = np.where(reasons == Reason.ANSWERED, picked(scored.scores, source), np.int8(0)).astype(np.int8)
    answers = None
    if scored.mode == "raw":
        codes, vocabulary, kinds = zip(*((c.codes, c.vocabulary, c.kinds) for c in scored.columns.values()), strict=True)
        answers = RawAnswers(codes=picked(np.stack(codes, axis=1), source), vocabulary=vocabulary, kinds=kinds)
    suspicious = strange_values(list(roles.items), scores, reasons) if bank is None else ()
    empty = emptiness(ids, list(roles.items), reasons)
    findings = (*roles.table.findings, *scored.findings, *suspicious, *notes, *empty)
    return Responses(
        persons=ids,
        items=tuple(roles.items),
        scores=scores,
        reasons=reasons,
        max_scores=scored.max_scores,
        background=_background(roles, forms, source),
        answers=answers,
        findings=findings,
        provenance=loaded_from(roles.table.origin, bank, layout, scored.mode, (scores, reasons)),
    )


def _with_blank_answers(table: Table, answer: str, layout: Layout) -> Table:
    """Mark the blank cells of a long table as contents where the user says what they are: a missing row is none of them."""
    column = table.columns[answer]
    codes = layout.missing_codes or {}
    if "" not in {*(layout.missing_tokens or {}), *(text for of_item in codes.values() for text in of_item)}:
        return table
    return replace(table, columns={**table.columns, answer: column.marked(column.codes < 0)})


def picked(array: NDArray[Cellwise], source: Ints | None) -> NDArray[Cellwise]:
    """Return the rows (or, cell by cell, the rows of each column) that count; everything when `source` is None."""
    if source is None:
        return array
    return array[source] if source.ndim == 1 else np.take_along_axis(array, source, axis=0)


def _background(roles: Roles, forms: FormColumn | None, source: Ints | None) -> dict[str, Names]:
    rows = None if source is None else source if source.ndim == 1 else source.min(axis=1)
    out = {name: picked(roles.table.columns[name].texts(), rows) for name in roles.background}
    return out if forms is None else out | {forms.column.name: picked(forms.ids, rows)}


def from_points(array: NDArray[Any], layout: Layout) -> Responses:
    """Make responses of a numeric array (P, I) of points; NaN and the usual negative codes are missing."""
    P, I = array.shape
    items = layout.items if layout.items is not None else tuple(f"item{k + 1}" for k in range(I))
    if len(items) != I or not P:
        raise ResponsesError("responses.array_fit", shape=array.shape, n_items=len(items))
    scores, reasons, coded = _points(array, items)
    for part in (scores, reasons):
        part.flags.writeable = False
    ids = numbered(P)
    empty = emptiness(ids, list(items), reasons) if reasons.any() else []
    return Responses(
        persons=ids,
        items=items,
        scores=scores,
        reasons=reasons,
        max_scores=np.maximum(scores.max(axis=0), 1).astype(np.int64),
        background={},
        answers=None,
        findings=(*coded, *strange_values(items, scores, reasons), *empty),
        provenance=loaded_from("array", None, layout, "scored", (scores, reasons)),
    )


def _points(array: NDArray[Any], items: tuple[str, ...]) -> tuple[Codes, Reasons, list[Finding]]:
    reasons = np.zeros(array.shape, dtype=np.uint8)
    if array.dtype.kind != "f" and (array.dtype.kind == "b" or (array.min() >= 0 and array.max() <= HIGHEST)):
        return array.astype(np.int8), reasons, []
    scores = np.empty(array.shape, dtype=np.int8)
    counts = np.zeros((2, len(items)), dtype=np.int64)
    for rows in blocks(len(array), ROWS_AT_ONCE):
        part = array[rows]
        with np.errstate(invalid="ignore"):
            np.copyto(scores[rows], part, casting="unsafe")
        if (scores[rows] == part).all() and scores[rows].min() >= 0:
            continue  # whole points everywhere, as most often
        values = np.where(np.isnan(part), -np.inf, part) if array.dtype.kind == "f" else part
        _refuse(values, items)
        reasons[rows] = np.where(values < 0, Reason.NOT_ADMINISTERED, 0)
        scores[rows] = np.where(values < 0, 0, values)
        counts += np.stack([np.isin(values, MISSING_NUMBERS).sum(axis=0), (values == -1).sum(axis=0)])
    return scores, reasons, _coded(counts, items, scores, reasons)


def _refuse(values: NDArray[Any], items: tuple[str, ...]) -> None:
    finite = np.isfinite(values)
    faults = (
        ((finite & (values != np.floor(values))).any(axis=0), phrase("responses.numbers_not_whole")),
        ((values > HIGHEST).any(axis=0), phrase("responses.numbers_above", highest=HIGHEST)),
        ((finite & (values < 0) & ~np.isin(values, MISSING_NUMBERS)).any(axis=0), phrase("responses.numbers_negative")),
    )
    for bad, what in faults:
        if bad.any():
            named = [items[k] for k in np.flatnonzero(bad).tolist()]
            raise ResponsesError("responses.array_values", what=what, items=named)


def _coded(counts: Ints, items: tuple[str, ...], scores: Codes, reasons: Reasons) -> list[Finding]:
    """Return findings about codes of missing answers and, where -1 is frequent beside 0 and 1, about -1; `counts` (2, I)."""
    coded, minus = counts
    at = np.flatnonzero(coded).tolist()
    where = [f"{items[k]} ({coded[k]})" for k in at]
    doubtful = [items[k] for k in at if minus_is_doubtful(int(minus[k]), int((reasons[:, k] == 0).sum()), int(scores[:, k].max()))]
    tokens = Template("responses.missing_tokens").about([items[k] for k in at], where=where, cells=int(coded.sum()))
    blanks = int((reasons != Reason.ANSWERED).sum() - coded.sum())
    left = np.bincount([Reason.NOT_ADMINISTERED], weights=[blanks], minlength=len(Reason)).astype(np.int64)
    return [*tokens, *Template("responses.minus_one").about(doubtful), *blank_cells(left)]
