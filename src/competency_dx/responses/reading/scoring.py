"""Columns of answers as points and reasons: distinct answers are scored once and spread over the persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from competency_dx.bank import CodeMap, Given, Item, ItemBank, Rubric
from competency_dx.errors import ResponsesError, listed
from competency_dx.findings import Finding, Template
from competency_dx.responses import findings as catalogue
from competency_dx.responses.missing import BLANK, NEGATIVE_CODES, Reason, Reasons, builtin_token
from competency_dx.responses.normalise import fold_text, read_integer, tidy
from competency_dx.responses.reading.table import Column
from competency_dx.responses.rules import in_codes, padded, score_answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from competency_dx.arrays import Bools, Codes, Ints
    from competency_dx.responses.reading.layout import Layout
    from competency_dx.responses.reading.roles import Roles

Mode = Literal["raw", "scored"]

HIGHEST = 127
CLEARLY = 2
"""Cells that speak for a reading must be this many times as many as those that speak against it."""
MANY = 5
"""So many cells that look like points, none of them a right answer, are worth a remark."""


class ItemColumn(NamedTuple):
    """An item with its column."""

    id: str
    item: Item | None
    column: Column


class Remark(NamedTuple):
    """What happened in a column or item: with content `what`, `times` times."""

    template: Template
    item: str
    what: str = ""
    times: int = 1


class Verdicts(NamedTuple):
    """Points and status of each distinct content of a column; `tokens` marks those that stand for a missing answer."""

    points: Ints
    status: Reasons
    tokens: Bools


class Scored(NamedTuple):
    """Matrices (P, I) of points and status (with `BLANK` and `ABSENT` still to be resolved)."""

    mode: Mode
    scores: Codes
    status: Reasons
    max_scores: Ints
    findings: tuple[Finding, ...]


def cells_of(roles: Roles, bank: ItemBank | None, layout: Layout) -> tuple[ItemColumn, ...]:
    """Return the items with their columns, in the order of the bank or of the table; criteria are joined."""
    known = {i.id: i for i in bank.items} if bank else {}
    return tuple(
        ItemColumn(name, known.get(name), joined(known[name], [roles.table.columns[c] for c in columns], layout))
        if len(columns) > 1
        else ItemColumn(name, known.get(name), roles.table.columns[columns[0]])
        for name, columns in roles.items.items()
    )


def joined(item: Item, columns: Sequence[Column], layout: Layout) -> Column:
    """Join the columns of an item's criteria into one of contents like ``"К1=2; К2=1"``."""
    codes = np.stack([c.codes for c in columns], axis=1)
    rows, inverse = np.unique(codes, axis=0, return_inverse=True)
    own = layout.user_reasons(item.id)
    texts = [
        _joined_text(item, own, [c.vocabulary[k] if k >= 0 else "" for c, k in zip(columns, r, strict=True)])
        for r in rows
    ]
    kept = {t: k for k, t in enumerate(dict.fromkeys(filter(None, texts)))}
    place = np.array([kept.get(t, -1) for t in texts], dtype=np.int32)
    return Column(name=item.id, codes=place[inverse.ravel()], vocabulary=tuple(kept), kinds=tuple("text" for _ in kept))


def _joined_text(item: Item, own: Mapping[str, int], parts: Sequence[str]) -> str:
    present = list(dict.fromkeys(filter(None, parts)))
    if not present:
        return ""
    if len(present) == 1 and (tidy(present[0]) in own or builtin_token(present[0]) is not None):
        return present[0]
    return "; ".join(f"{c.id}={p}" for c, p in zip(item.rubric, parts, strict=True))


def score_cells(cells: Sequence[ItemColumn], layout: Layout) -> Scored:
    """Score every column, after it is clear whether the cells hold answers or points."""
    has_bank = any(c.item is not None for c in cells)
    raw = [raw_verdicts(c, layout) for c in cells] if has_bank and layout.cells != "scored" else []
    points = [point_verdicts(c, layout) for c in cells] if not has_bank or layout.cells != "raw" else []
    mode, found = decide(cells, raw, points)
    verdicts = raw if mode == "raw" else points
    shape = (len(cells[0].column.codes), len(cells))
    scores, status = np.zeros(shape, dtype=np.int8), np.empty(shape, dtype=np.uint8)
    for k, (cell, v) in enumerate(zip(cells, verdicts, strict=True)):
        scores[:, k] = np.append(v.points, 0)[cell.column.codes]
        status[:, k] = np.append(v.status, np.uint8(BLANK))[cell.column.codes]
    tops = [
        c.item.max_score if c.item else max(1, int(v.points.max(initial=0)))
        for c, v in zip(cells, verdicts, strict=True)
    ]
    remarks = [r for c, v in zip(cells, verdicts, strict=True) for r in remarks_of(c, v, mode)]
    return Scored(mode, scores, status, np.array(tops, dtype=np.int64), (*found, *gather(remarks)))


def gather(remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Gather remarks into one finding per template, in the order in which they first appear."""
    groups: dict[Template, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark.template, []).append(remark)
    return tuple(
        template.of(
            (r.item for r in group),
            where=[f"{r.item} {r.what} ({r.times})" for r in group],
            cells=sum(r.times for r in group),
        )
        for template, group in groups.items()
    )


def _tokens(cell: ItemColumn, layout: Layout, verdict: tuple[Ints, Reasons], mode: Mode) -> Verdicts:
    """Replace the status of contents that stand for a missing answer; an answer of the item is never a token."""
    points, status = verdict
    own = layout.user_reasons(cell.id)
    tokens = np.zeros(len(status), dtype=np.bool_)
    for k, text in enumerate(cell.column.vocabulary):
        reason = own.get(tidy(text), own.get(fold_text(text) or tidy(text)))
        if reason is None and not _is_answer(cell, mode, points=int(points[k]), status=int(status[k])):
            measured = mode == "raw" and cell.item is not None and cell.item.type in {"number", "text"}
            reason = BLANK if text in NEGATIVE_CODES and not measured else builtin_token(text)
        if reason is not None:
            points[k], status[k], tokens[k] = 0, reason, True
        elif cell.column.kinds[k] == "date":
            points[k], status[k] = 0, Reason.INVALID
    return Verdicts(points, status, tokens)


def _is_answer(cell: ItemColumn, mode: Mode, *, points: int, status: int) -> bool:
    item = cell.item
    if mode == "scored" or item is None or status != Reason.ANSWERED:
        return False
    return points > 0 or bool(item.options) or isinstance(item.rule, CodeMap | Given | Rubric)


def raw_verdicts(cell: ItemColumn, layout: Layout) -> Verdicts:
    """Score the distinct contents of a column as raw answers with the item's key and rule."""
    assert cell.item is not None
    answers, _ = in_codes(cell.item, padded(cell.item, cell.column.vocabulary, cell.column.kinds))
    return _tokens(cell, layout, score_answers(cell.item, answers), "raw")


def point_verdicts(cell: ItemColumn, layout: Layout) -> Verdicts:
    """Read the distinct contents of a column as points from 0 to the maximum of the item."""
    top = cell.item.max_score if cell.item else HIGHEST
    numbers = [read_integer(v) for v in cell.column.vocabulary]
    fits = np.array([n is not None and 0 <= n <= top for n in numbers], dtype=np.bool_)
    points = np.array([n if f else 0 for n, f in zip(numbers, fits, strict=True)], dtype=np.int64)
    out = _tokens(cell, layout, (points, np.where(fits, Reason.ANSWERED, Reason.INVALID).astype(np.uint8)), "scored")
    high = [n for n, t in zip(numbers, out.tokens, strict=True) if n is not None and n > HIGHEST and not t]
    if cell.item is None and len(fits) and not fits.any() and not out.tokens.all():
        raise ResponsesError(
            f"column {cell.id} holds no points but {listed(map(repr, cell.column.vocabulary))}; give the bank to "
            "score raw answers, or leave the column out of Layout(items=…)"
        )
    if high and cell.item is None:
        raise ResponsesError(
            f"column {cell.id} holds {listed(high)}, more than the highest score of {HIGHEST}; if it is no item, "
            "name the item columns with Layout(items=…) or the person column with Layout(person=…)"
        )
    return out


def decide(
    cells: Sequence[ItemColumn], raw: Sequence[Verdicts], points: Sequence[Verdicts]
) -> tuple[Mode, list[Finding]]:
    """Tell answers from points by the cells that can only be one of them; raises where both readings are possible."""
    if not raw or not points:
        return ("raw" if raw else "scored"), []
    if all(c.item is not None and c.item.type == "scored" for c in cells):
        return "scored", []
    no_points = no_answers = differ = 0
    strange: list[str] = []
    for cell, r, p in zip(cells, raw, points, strict=True):
        counts = np.where(r.tokens | p.tokens, 0, cell.column.counts())
        bad = (r.status == Reason.INVALID) | (p.status == Reason.ANSWERED) & _strange(cell)
        high = p.status == Reason.INVALID
        no_points += int(counts[high & ~bad].sum())
        no_answers += int(counts[bad & ~high].sum())
        differ += int(counts[(r.points != p.points) | (high != bad)].sum())
        strange += [cell.id] if counts[bad & ~high].any() else []
    if no_answers > CLEARLY * no_points:
        return "scored", [catalogue.SCORED_CELLS.of(strange)]
    if no_points > CLEARLY * no_answers or differ == 0:
        return "raw", [*catalogue.POINTS_AMONG_ANSWERS.about(_like_points(cells, raw, points))]
    raise ResponsesError(
        f"The cells can be read as answers and as points, with different results ({differ} cells); say which they are "
        "with Layout(cells='raw') or Layout(cells='scored')"
    )


def _like_points(cells: Sequence[ItemColumn], raw: Sequence[Verdicts], points: Sequence[Verdicts]) -> list[str]:
    """Return columns of a table of answers that hold nothing but points: several of them, none a right answer."""
    found = []
    for cell, r, p in zip(cells, raw, points, strict=True):
        real = ~(r.tokens | p.tokens)
        several = np.unique(p.points[real]).size > 1 and cell.column.counts()[real].sum() >= MANY
        if several and not (p.status[real] == Reason.INVALID).any() and not r.points[real].any():
            found.append(cell.id)
    return found


def _strange(cell: ItemColumn) -> Bools:
    """Mark contents that are readable but hardly an answer: "0" where options are not listed, one sign of several."""
    item = cell.item
    assert item is not None
    size = 0 if item.key is None else len(item.key)
    row = item.type in {"matching", "ordering", "digits"} and size > 1
    nothing = item.type in {"single", "multiple"} and not item.options and size > 0 and "0" not in (item.key or ())
    return np.array([(row and len(v) == 1) or (nothing and v == "0") for v in cell.column.vocabulary], dtype=np.bool_)


def remarks_of(cell: ItemColumn, verdicts: Verdicts, mode: Mode) -> list[Remark]:
    """Return what is remarkable about the contents of a column: tokens, unreadable answers, dates, leading zeros."""
    out: list[Remark] = []
    column, counts = cell.column, cell.column.counts().tolist()
    if mode == "raw" and cell.item is not None and in_codes(cell.item, column.vocabulary)[1]:
        out.append(Remark(catalogue.AMBIGUOUS_OPTIONS, cell.id))
    for k, (text, kind) in enumerate(zip(column.vocabulary, column.kinds, strict=True)):
        shown = repr(text if len(text) < 40 else text[:39] + "…")
        if verdicts.tokens[k]:
            out.append(Remark(catalogue.MISSING_TOKENS, cell.id, shown, counts[k]))
        elif verdicts.status[k] == Reason.INVALID:
            out.append(Remark(catalogue.DATE if kind == "date" else catalogue.INVALID, cell.id, shown, counts[k]))
        elif mode == "raw" and cell.item is not None and cell.item.type == "digits":
            template = _zeros(cell.item, text, kind)
            out += [Remark(template, cell.id, shown, counts[k])] if template else []
    return out


def _zeros(item: Item, text: str, kind: str) -> Template | None:
    key = str(item.key)
    if not (key.startswith("0") and text.isdigit() and len(text) < len(key)):
        return None
    if kind == "number":
        return catalogue.ZEROS_RESTORED
    return catalogue.ZEROS_LOST if text.zfill(len(key)) == key else None
