"""Columns of answers as points and reasons: distinct answers are scored once and spread over the persons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, compress
from typing import NamedTuple, TypeVar

import numpy as np

from competency_dx.arrays import Codes, Ints, value
from competency_dx.bank import CodeMap, Given, Item, ItemBank, Rubric
from competency_dx.errors import ResponsesError
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import masked, personal_in
from competency_dx.responses.missing import BLANK, NEGATIVE_CODES, Reason, Reasons, token_code
from competency_dx.responses.normalise import read_points
from competency_dx.responses.reading.layout import Cells, Layout
from competency_dx.responses.reading.roles import Roles
from competency_dx.responses.reading.table import KEPT_CELLS, SHORT_TEXT, Column, Mode, Verdicts
from competency_dx.responses.reading.unreadable import SEVERAL, Unread, minus_is_doubtful, refuse_unreadable, unread_of
from competency_dx.responses.responses import HIGHEST
from competency_dx.responses.rules import ambiguous_options, judge_of, written
from competency_dx.wording import toml_content

T = TypeVar("T")
Remark = tuple[str, str, str, int]  # code of a finding, the column or item it is about, with which content, and how often

CLEARLY = 2  # cells that speak for a reading must be this many times as many as those that speak against it
DATE = re.compile(toml_content("responses.reading", "words")["spreadsheet_date"], re.IGNORECASE)
MANY = 5  # so many cells that look like points, none of them a right answer, are worth a remark


class Scored(NamedTuple):
    """Columns by item id, and matrices (P, I) of points and status (with `BLANK` and `ABSENT` still to be resolved).

    `blanks` (I,) is what an empty cell stands for where the user says so, else `BLANK`.
    """

    columns: Mapping[str, Column]
    mode: Mode
    scores: Codes
    status: Reasons
    blanks: Ints
    max_scores: Ints
    findings: tuple[Finding, ...]


def joined(item: Item, columns: Sequence[Column], own: Mapping[str, int]) -> Column:
    """Join the columns of an item's criteria into one of contents like ``"К1=2; К2=1"``; `own` are the user's tokens."""
    rows, inverse = np.unique(np.stack([c.codes for c in columns], axis=1), axis=0, return_inverse=True)
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


@value
class ReadColumn:
    """The contents of a column as answers and as points, None where they are not asked for; both as counts (`tally`)."""

    raw: Verdicts | None
    points: Verdicts | None
    tally: tuple[int, ...] | None


def score_columns(roles: Roles, bank: ItemBank | None, layout: Layout) -> Scored:
    """Score the columns of all items, after it is clear whether the cells hold answers or points."""
    items = {i.id: i for i in bank.items} if bank else {}
    asked, stated = [], layout.user_reasons("")
    for name, parts in roles.items.items():
        own, several = layout.user_reasons(name) if layout.missing_codes else stated, [roles.table.columns[part] for part in parts]
        asked.append((joined(items[name], several, own) if len(several) > 1 else several[0], name, items.get(name), own))
    read = [_once(_read, *one, layout.cells) for one in asked]
    mode, found = decide(items, dict(zip(roles.items, read, strict=True)))
    judged = [_once(_judged, *one, mode, r) for one, r in zip(asked, read, strict=True)]
    kept, points, status, highest, unread, remarks = zip(*judged, strict=True)
    refuse_unreadable(unread, mode, layout, known=bool(items))
    return Scored(
        columns=dict(zip(roles.items, kept, strict=True)),
        mode=mode,
        scores=np.stack([of_contents[c.codes] for of_contents, c in zip(points, kept, strict=True)], axis=1),
        status=np.stack([of_contents[c.codes] for of_contents, c in zip(status, kept, strict=True)], axis=1),
        blanks=np.array([own.get("", BLANK) for *_, own in asked], dtype=np.int64),
        max_scores=np.array(highest, dtype=np.int64),
        findings=(*found, *gather(chain.from_iterable(remarks))),
    )


def _once(function: Callable[..., T], column: Column, *rest: object) -> T:
    """Return what a function says of a column; of one short cell, which is the same values again, it is asked once."""
    short = len(column.codes) <= 1 and sum(map(len, column.vocabulary)) <= SHORT_TEXT
    return _known(function, column, *rest) if short else function(column, *rest)


_known = lru_cache(maxsize=KEPT_CELLS)(lambda function, *about: function(*about))


def _read(column: Column, _: str, item: Item | None, own: Mapping[str, int], cells: Cells) -> ReadColumn:
    raw = raw_verdicts(item, column, own) if item and cells != "scored" else None
    points = point_verdicts(item.max_score if item else None, column, own) if not item or cells != "raw" else None
    return ReadColumn(raw=raw, points=points, tally=tally(item, column, raw, points) if item and raw and points else None)


def _judged(
    column: Column, name: str, item: Item | None, own: Mapping[str, int], mode: Mode, read: ReadColumn
) -> tuple[Column, Codes, Reasons, int, Unread, list[Remark]]:
    """Return a column as it is kept, points and status of its contents (of an empty cell last), its maximum, what is to be said."""
    v = read.raw if mode == "raw" else read.points
    assert v is not None
    answered = item if mode == "raw" else None
    remarks = remarks_of(name, column, v, answered, own)
    kept, hidden = _without_texts(column, v, answered) if answered else (column, 0)
    remarks += [("responses.personal_answers", name, "", hidden)] if hidden else []
    highest = item.max_score if item else v.maximum or max(1, int(v.points.max(initial=0)))
    unread = unread_of(name, item, column, v, points=item is None or mode == "scored" or isinstance(item.rule, Given | Rubric))
    return kept, np.append(v.points, 0).astype(np.int8), np.append(v.status, np.uint8(BLANK)), highest, unread, remarks


def _without_texts(column: Column, v: Verdicts, item: Item) -> tuple[Column, int]:
    """Return a column as it is kept, of unreadable and of wrong personal answers their beginning, and how many cells were personal."""
    unread = (v.status == Reason.INVALID) & ~v.tokens
    free = (v.points == 0) & ~v.tokens & (not item.options)
    texts = list(column.vocabulary)
    personal = [k for k in np.flatnonzero(unread | free).tolist() if personal_in(texts[k])]
    for k in {*np.flatnonzero(unread).tolist(), *personal}:
        texts[k] = masked(texts[k])
    return replace(column, vocabulary=tuple(texts)), int(column.counts()[personal].sum())


def gather(remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Gather remarks into one finding per code, in the order in which they first appear."""
    groups: dict[str, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark[0], []).append(remark)
    parts = ((Template(code), group, [f"{item} {what} ({n})" for _, item, what, n in group]) for code, group in groups.items())
    return tuple(about.of((r[1] for r in group), where=where, cells=sum(r[3] for r in group)) for about, group, where in parts)


def raw_verdicts(item: Item, column: Column, own: Mapping[str, int]) -> Verdicts:
    """Score the distinct contents of a column as raw answers with the item's key and rule.

    A readable answer that earns points, or is one of those that the item lists, is never a token for a missing one.
    """
    judge = judge_of(item)
    read = [judge(answer) for answer in written(item, column.vocabulary, column.kinds)]
    points = np.array([r.points for r in read], dtype=np.int64)
    status = np.array([Reason.ANSWERED if r.readable else Reason.INVALID for r in read], dtype=np.uint8)
    several = np.array([r.several for r in read], dtype=np.bool_)
    listed_answer = bool(item.options) or isinstance(item.rule, CodeMap | Given | Rubric)
    certain = (status == Reason.ANSWERED) & ((points > 0) | listed_answer)
    negative = frozenset() if item.type in {"number", "text"} else NEGATIVE_CODES
    return _settled(column, Verdicts(points, status, certain, several), own, negative)


def point_verdicts(top: int | None, column: Column, own: Mapping[str, int]) -> Verdicts:
    """Read the distinct contents of a column as points from 0 to the maximum of the item, None where it is not known.

    A maximum that the cells state themselves counts where it is that of the item, or one and the same where that is not known.
    """
    read = [read_points(v) or (-1, None) for v in column.vocabulary]
    tops = {maximum for _, maximum in read if maximum is not None}
    stated = next(iter(tops)) if len(tops) == 1 and top is None else None
    highest = top or stated or HIGHEST
    fits = np.array([0 <= n <= highest and m in {None, top or stated} for n, m in read], dtype=np.bool_)
    points = np.where(fits, [n for n, _ in read], 0).astype(np.int64)
    status = np.where(fits, Reason.ANSWERED, Reason.INVALID).astype(np.uint8)
    nothing = np.zeros(len(fits), dtype=np.bool_)
    return _settled(column, Verdicts(points, status, nothing, nothing, stated), own, NEGATIVE_CODES)


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


def decide(items: Mapping[str, Item], read: Mapping[str, ReadColumn]) -> tuple[Mode, list[Finding]]:
    """Tell answers from points by the cells that can only be one of them; raises where both readings are possible.

    Points of a maximum (``"1 / 1"``) in nearly all cells are points, of the maximum of the item or of one in a column. Where a
    column is of answers and none is of points that cannot be answers, cells that are hardly answers do not count.
    """
    tallies = [r.tally for r in read.values() if r.tally is not None]
    if len(tallies) < len(read):
        return ("raw" if all(r.raw for r in read.values()) else "scored"), []
    if all(items[name].type == "scored" for name in read):
        return "scored", []
    cells, no_points, no_answers, unread, differ, of_maximum, alike, twos = zip(*tallies, strict=True)
    if sum(of_maximum) > CLEARLY * (sum(cells) - sum(of_maximum)):
        return "scored", [Template("responses.scored_cells").of(read)]
    letters = any(2 * n > of for n, of in zip(no_points, cells, strict=True))
    alone = letters and not any(2 * n > of for n, of in zip(unread, cells, strict=True))
    if sum(no_answers) > CLEARLY * sum(no_points) and not alone:
        return "scored", [Template("responses.scored_cells").of(compress(read, no_answers))]
    if sum(no_points) > CLEARLY * sum(no_answers) or not any(differ) or letters:
        shifted = Template("responses.starts_at_one").about(compress(read, twos)) if 2 * sum(twos) > len(twos) else ()
        return "raw", [*Template("responses.points_among_answers").about(compress(read, alike)), *shifted]
    raise ResponsesError("responses.raw_or_scored", differ=sum(differ))


def tally(item: Item, column: Column, r: Verdicts, p: Verdicts) -> tuple[int, ...]:
    """Count the cells of a column, read as answers (`r`) and as points (`p`).

    All; those that cannot be points, cannot be answers, can be neither; worth different points; points of a stated maximum. Then
    whether the column looks like points among answers, and whether it has the first two of several options only.
    """
    real = ~(r.tokens | p.tokens)
    counts = np.where(real, column.counts(), 0)
    earned, given = (np.where(v.status == Reason.INVALID, -1, v.points).tolist() for v in (r, p))
    every = [_signs(item, *cell) for cell in zip(column.vocabulary, earned, given, strict=True)]
    high, no_points, no_answers, unread, differ = np.array(every, dtype=np.bool_).reshape(-1, 5).T
    tops = np.array([(read_points(text) or (0, None))[1] or 0 for text in column.vocabulary], dtype=np.int64)
    one_top = tops[real].any() and np.unique(tops[real]).size == 1 and item.type not in {"number", "text"}
    whole = bool(one_top) and counts.sum() >= MANY
    no_answer = r.several | (r.status == Reason.INVALID) | (item.type not in {"single", "text"})
    parts = np.ones_like(real), no_points, no_answers, unread, differ, no_answer & (tops > 0) & (~high | whole)
    alike = np.unique(p.points[real]).size > 1 and counts.sum() >= MANY and not high[real].any() and not r.points[real].any()
    twos = set(compress(column.vocabulary, real)) == {"1", "2"} and len(item.options) > 2 and counts.sum() >= SEVERAL
    return *(int(counts[part].sum()) for part in parts), int(alike), int(twos)


def _signs(item: Item, text: str, earned: int, given: int) -> tuple[bool, bool, bool, bool, bool]:
    """Return whether a content is above any points, can be no points, can be no answer, has no reading, is worth unlike points.

    It is judged by what it earns as an answer and by the points it gives, -1 where it is no such thing. One sign where several
    are asked for is readable but hardly an answer.
    """
    high = given < 0 or (earned >= 0 and text.isalpha())
    hardly = len(text) == 1 and item.type in {"matching", "ordering", "digits"} and len(item.key or ()) > 1
    bad = earned < 0 or (not high and hardly)
    return high, high and not bad, bad and not high, earned < 0 and not high, earned != given or high != bad


def remarks_of(name: str, column: Column, verdicts: Verdicts, item: Item | None, own: Mapping[str, int]) -> list[Remark]:
    """Return what is remarkable about a column: tokens, unreadable cells, dates, in answers to `item` leading zeros too."""
    out: list[Remark] = [("responses.ambiguous_options", name, "", 1)] if item and ambiguous_options(item) else []
    key = str(item.key) if item is not None and item.type == "digits" else ""
    counts = column.counts().tolist()
    given = sum(compress(counts, ~verdicts.tokens))
    for k, (text, kind) in enumerate(zip(column.vocabulary, column.kinds, strict=True)):
        code, shown = "", masked(text)
        if verdicts.tokens[k]:
            code, shown = "responses.missing_tokens", text[:40]
            if text == "-1" and item is None and minus_is_doubtful(counts[k], given, int(verdicts.points.max())) and text not in own:
                out.append(("responses.minus_one", name, repr(text), counts[k]))
        elif verdicts.status[k] == Reason.INVALID:
            code = "responses.date" if kind == "date" or DATE.fullmatch(text) else "responses.invalid"
        elif verdicts.several[k]:
            code = "responses.several_options"
        elif key.startswith("0") and text.isdigit() and len(text) < len(key):
            lost = "responses.zeros_lost" if text.zfill(len(key)) == key else ""
            code = "responses.zeros_restored" if kind == "number" else lost
        if code:
            out.append((code, name, repr(shown), counts[k]))
    return out
