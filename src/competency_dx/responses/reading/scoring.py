"""Columns of answers as points and reasons: distinct answers are scored once and spread over the persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from competency_dx.bank import CodeMap, Given, Item, ItemBank, Rubric
from competency_dx.errors import ResponsesError, listed
from competency_dx.findings import Finding, Template
from competency_dx.responses import findings as catalogue
from competency_dx.responses.missing import BLANK, NEGATIVE_CODES, Reason, Reasons, token_code
from competency_dx.responses.normalise import read_integer
from competency_dx.responses.reading.table import Column
from competency_dx.responses.rules import score_answers, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from competency_dx.arrays import Bools, Codes, Ints
    from competency_dx.responses.reading.layout import Layout
    from competency_dx.responses.reading.roles import Roles

Mode = Literal["raw", "scored"]
Remark = tuple[Template, str, str, int]
"""What happened in a column or item: with which content, and how often."""

HIGHEST = 127
CLEARLY = 2
"""Cells that speak for a reading must be this many times as many as those that speak against it."""
MANY = 5
"""So many cells that look like points, none of them a right answer, are worth a remark."""


class Verdicts(NamedTuple):
    """Points and status of each distinct content of a column; `tokens` marks those that stand for a missing answer.

    `unclear` tells that words of options stand beside codes of others, and were read as codes.
    """

    points: Ints
    status: Reasons
    tokens: Bools
    unclear: bool = False


class Scored(NamedTuple):
    """Columns by item id, and matrices (P, I) of points and status (with `BLANK` and `ABSENT` still to be resolved)."""

    columns: Mapping[str, Column]
    mode: Mode
    scores: Codes
    status: Reasons
    max_scores: Ints
    findings: tuple[Finding, ...]


def joined(item: Item, columns: Sequence[Column], own: Mapping[str, int]) -> Column:
    """Join the columns of an item's criteria into one of contents like ``"К1=2; К2=1"``; `own` are the user's tokens."""
    codes = np.stack([c.codes for c in columns], axis=1)
    rows, inverse = np.unique(codes, axis=0, return_inverse=True)
    texts = []
    for row in rows:
        parts = [c.vocabulary[k] if k >= 0 else "" for c, k in zip(columns, row, strict=True)]
        present = list(dict.fromkeys(filter(None, parts)))
        alone = len(present) == 1 and token_code(present[0], own) is not None
        marked = "; ".join(f"{c.id}={part}" for c, part in zip(item.rubric, parts, strict=True))
        texts.append(present[0] if alone else marked if present else "")
    kept = {t: k for k, t in enumerate(dict.fromkeys(filter(None, texts)))}
    place = np.array([kept.get(t, -1) for t in texts], dtype=np.int32)
    return Column(name=item.id, codes=place[inverse.ravel()], vocabulary=tuple(kept), kinds=tuple("text" for _ in kept))


def score_columns(roles: Roles, bank: ItemBank | None, layout: Layout) -> Scored:
    """Score the columns of all items, after it is clear whether the cells hold answers or points."""
    items = {i.id: i for i in bank.items} if bank else {}
    columns: dict[str, Column] = {}
    for name, parts in roles.items.items():
        several = [roles.table.columns[part] for part in parts]
        columns[name] = joined(items[name], several, layout.user_reasons(name)) if len(several) > 1 else several[0]
    own = [layout.user_reasons(name) for name in columns]
    raw, points = [], []
    if items and layout.cells != "scored":
        raw = [raw_verdicts(items[name], c, u) for (name, c), u in zip(columns.items(), own, strict=True)]
    if not items or layout.cells != "raw":
        tops = [items[name].max_score if items else None for name in columns]
        points = [point_verdicts(top, c, u) for top, c, u in zip(tops, columns.values(), own, strict=True)]
    mode, found = decide(columns, items, raw, points)
    verdicts = raw if mode == "raw" else points
    shape = (len(next(iter(columns.values())).codes), len(columns))
    scores, status = np.zeros(shape, dtype=np.int8), np.empty(shape, dtype=np.uint8)
    highest, remarks = np.ones(len(columns), dtype=np.int64), []
    for k, ((name, column), v) in enumerate(zip(columns.items(), verdicts, strict=True)):
        scores[:, k] = np.append(v.points, 0)[column.codes]
        status[:, k] = np.append(v.status, np.uint8(BLANK))[column.codes]
        highest[k] = items[name].max_score if items else max(1, int(v.points.max(initial=0)))
        remarks += remarks_of(name, column, v, items[name] if mode == "raw" else None)
    return Scored(columns, mode, scores, status, highest, (*found, *gather(remarks)))


def gather(remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Gather remarks into one finding per template, in the order in which they first appear."""
    groups: dict[Template, list[tuple[str, str, int]]] = {}
    for template, item, what, times in remarks:
        groups.setdefault(template, []).append((item, what, times))
    return tuple(
        template.of(
            (item for item, _, _ in group),
            where=[f"{item} {what} ({times})" for item, what, times in group],
            cells=sum(times for _, _, times in group),
        )
        for template, group in groups.items()
    )


def raw_verdicts(item: Item, column: Column, own: Mapping[str, int]) -> Verdicts:
    """Score the distinct contents of a column as raw answers with the item's key and rule.

    A readable answer that earns points, or is one of those that the item lists, is never a token for a missing one.
    """
    answers, unclear = written(item, column.vocabulary, column.kinds)
    points, status = score_answers(item, answers)
    listed_answer = bool(item.options) or isinstance(item.rule, CodeMap | Given | Rubric)
    certain = (status == Reason.ANSWERED) & ((points > 0) | listed_answer)
    negative = frozenset() if item.type in {"number", "text"} else NEGATIVE_CODES
    return _settled(column, Verdicts(points, status, certain, unclear), own, negative)


def point_verdicts(top: int | None, column: Column, own: Mapping[str, int]) -> Verdicts:
    """Read the distinct contents of a column as points from 0 to the maximum of the item, None where it is not known."""
    numbers = [read_integer(v) for v in column.vocabulary]
    fits = np.array([n is not None and 0 <= n <= (HIGHEST if top is None else top) for n in numbers], dtype=np.bool_)
    points = np.array([n if f else 0 for n, f in zip(numbers, fits, strict=True)], dtype=np.int64)
    status = np.where(fits, Reason.ANSWERED, Reason.INVALID).astype(np.uint8)
    out = _settled(column, Verdicts(points, status, np.zeros(len(fits), dtype=np.bool_)), own, NEGATIVE_CODES)
    if top is not None:
        return out
    if len(fits) and not fits.any() and not out.tokens.all():
        raise ResponsesError(
            f"column {column.name} holds no points but {listed(map(repr, column.vocabulary))}; give the bank to score raw "
            "answers, or leave the column out of Layout(items=…)"
        )
    if high := [n for n, t in zip(numbers, out.tokens, strict=True) if n is not None and n > HIGHEST and not t]:
        raise ResponsesError(
            f"column {column.name} holds {listed(high)}, more than the highest score of {HIGHEST}; if it is no item, name "
            "the item columns with Layout(items=…) or the person column with Layout(person=…)"
        )
    return out


def _settled(column: Column, read: Verdicts, own: Mapping[str, int], negative: frozenset[str]) -> Verdicts:
    """Return verdicts with tokens for missing answers and dates taken out; `read.tokens` marks what cannot be a token."""
    tokens = np.zeros(len(read.status), dtype=np.bool_)
    for k, (text, kind) in enumerate(zip(column.vocabulary, column.kinds, strict=True)):
        reason = token_code(text, own, usual=not read.tokens[k])
        if reason is None and text in negative and not read.tokens[k]:
            reason = BLANK
        if reason is not None:
            read.points[k], read.status[k], tokens[k] = 0, reason, True
        elif kind == "date":
            read.points[k], read.status[k] = 0, Reason.INVALID
    return read._replace(tokens=tokens)


def decide(
    columns: Mapping[str, Column], items: Mapping[str, Item], raw: Sequence[Verdicts], points: Sequence[Verdicts]
) -> tuple[Mode, list[Finding]]:
    """Tell answers from points by the cells that can only be one of them; raises where both readings are possible."""
    if not raw or not points:
        return ("raw" if raw else "scored"), []
    if all(items[name].type == "scored" for name in columns):
        return "scored", []
    no_points = no_answers = differ = 0
    strange: list[str] = []
    alike: list[str] = []
    for (name, column), r, p in zip(columns.items(), raw, points, strict=True):
        real, occurs, high = ~(r.tokens | p.tokens), column.counts(), p.status == Reason.INVALID
        counts = np.where(real, occurs, 0)
        bad = (r.status == Reason.INVALID) | (p.status == Reason.ANSWERED) & _strange(items[name], column.vocabulary)
        no_points += int(counts[high & ~bad].sum())
        no_answers += int(counts[bad & ~high].sum())
        differ += int(counts[(r.points != p.points) | (high != bad)].sum())
        strange += [name] if counts[bad & ~high].any() else []
        several = np.unique(p.points[real]).size > 1 and counts.sum() >= MANY
        alike += [name] if several and not high[real].any() and not r.points[real].any() else []
    if no_answers > CLEARLY * no_points:
        return "scored", [catalogue.SCORED_CELLS.of(strange)]
    if no_points > CLEARLY * no_answers or differ == 0:
        return "raw", [*catalogue.POINTS_AMONG_ANSWERS.about(alike)]
    raise ResponsesError(
        f"The cells can be read as answers and as points, with different results ({differ} cells); say which they are "
        "with Layout(cells='raw') or Layout(cells='scored')"
    )


def _strange(item: Item, contents: Sequence[str]) -> Bools:
    """Mark contents that are readable but hardly an answer: "0" where options are not listed, one sign of several."""
    size = 0 if item.key is None else len(item.key)
    row = item.type in {"matching", "ordering", "digits"} and size > 1
    nothing = item.type in {"single", "multiple"} and not item.options and size > 0 and "0" not in (item.key or ())
    return np.array([(row and len(v) == 1) or (nothing and v == "0") for v in contents], dtype=np.bool_)


def remarks_of(name: str, column: Column, verdicts: Verdicts, item: Item | None) -> list[Remark]:
    """Return what is remarkable about a column: tokens, unreadable answers, dates and, in answers to `item`, leading zeros."""
    out: list[Remark] = [(catalogue.AMBIGUOUS_OPTIONS, name, "", 1)] if verdicts.unclear else []
    key = str(item.key) if item is not None and item.type == "digits" else ""
    counts = column.counts().tolist()
    for k, (text, kind) in enumerate(zip(column.vocabulary, column.kinds, strict=True)):
        template = None
        if verdicts.tokens[k]:
            template = catalogue.MISSING_TOKENS
        elif verdicts.status[k] == Reason.INVALID:
            template = catalogue.DATE if kind == "date" else catalogue.INVALID
        elif key.startswith("0") and text.isdigit() and len(text) < len(key):
            lost = catalogue.ZEROS_LOST if text.zfill(len(key)) == key else None
            template = catalogue.ZEROS_RESTORED if kind == "number" else lost
        if template is not None:
            out.append((template, name, repr(text if len(text) < 40 else text[:39] + "…"), counts[k]))
    return out
