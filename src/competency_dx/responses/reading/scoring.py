"""Columns of answers as points and reasons: distinct answers are scored once and spread over the persons."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, compress
from typing import NamedTuple, cast

import numpy as np

from competency_dx.arrays import Codes, Ints, T, value
from competency_dx.bank import CodeMap, Given, Item, ItemBank, Rubric
from competency_dx.errors import ResponsesError
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import OwnWords, masked, personal_in
from competency_dx.responses.missing import BLANK, NEGATIVE_CODES, Reason, Reasons, token_code
from competency_dx.responses.normalise import LIKE, WORDS, fold_text, read_number, read_points
from competency_dx.responses.reading import unreadable
from competency_dx.responses.reading.layout import Cells, Layout, parts_of
from competency_dx.responses.reading.roles import Roles
from competency_dx.responses.reading.table import KEPT_CELLS, SHORT_TEXT, Column, Mode, Verdicts
from competency_dx.responses.reading.unreadable import Tally, Unread, as_points, like_points, odd_cells
from competency_dx.responses.responses import HIGHEST
from competency_dx.responses.rules import ambiguous_options, judge_of, size_with_zeros, written
from competency_dx.wording import cut

Asked = tuple[Column, str, Item | None, Mapping[str, int]]  # a column, the item it answers, the user's own tokens
Remark = tuple[str, str, str, int]  # code of a finding, the column or item it is about, with which content, and how often
MOST, POINTS, LEAST = 5, 128, 0.01  # texts shown; most distinct contents of points; least share of points
_TICKS, DATE = WORDS["ticks"], re.compile(WORDS["spreadsheet_date"], re.IGNORECASE)
TYPED = frozenset({"number", "digits", "text"})  # which may be anything; other answers come from a form or a rater
CELLS, COLUMNS, OFTEN = 3, 3, 0.05  # in so many cells of others, or in so many columns of numbers and so often, it is no answer
MANY_WRONG = 10  # answers to an item, most of them the same and none right, that are worth a look


class Scored(NamedTuple):
    """Columns by item id, points and status (P, I), `blanks` (I,) of empty cells, `BLANK` unresolved, `codes` of missing numbers."""

    columns: Mapping[str, Column]
    mode: Mode
    scores: Codes
    status: Reasons
    blanks: Ints
    max_scores: Ints
    findings: tuple[Finding, ...]
    codes: Mapping[str, int]


def joined(item: Item, columns: Sequence[Column], own: Mapping[str, int]) -> Column:
    """Join the columns of an item's parts into one of contents like ``"К1=2; К2=1"``, or of options ticked; `own` are tokens."""
    if item.type in {"single", "multiple"}:
        columns = [_ticked(c, *option, own) for c, option in zip(columns, item.options.items(), strict=True)]
    rows, inverse = np.unique(np.stack([c.codes for c in columns], axis=1), axis=0, return_inverse=True)
    texts = []
    for row in rows:
        parts = [c.vocabulary[k] if k >= 0 else "" for c, k in zip(columns, row, strict=True)]
        present = list(dict.fromkeys(filter(None, parts)))
        alone = len(present) == 1 and token_code(present[0], own) is not None
        marked = [f"{c}={part}" for c, part in zip(parts_of(item), parts, strict=True) if part or item.rubric]
        chosen = [part for part in present if token_code(part, own) is None] if item.options and not item.left else marked
        texts.append(present[0] if alone else "; ".join(chosen) if present else "")
    kept = {t: k for k, t in enumerate(dict.fromkeys(filter(None, texts)))}
    place = np.array([kept.get(t, -1) for t in texts], dtype=np.int32)
    return Column(name=item.id, codes=place[inverse.ravel()], vocabulary=tuple(kept), kinds=tuple("text" for _ in kept))


def _ticked(column: Column, option: str, words: str, own: Mapping[str, int]) -> Column:
    """Return a column that tells who ticked an option with the option in place of ticks, its own code or words, and "" of none."""
    read = {v: fold_text(v) for v in column.vocabulary}
    alone = {*read.values()} - {*_TICKS["no"]} == {code := fold_text(option)}  # its code, where no other says that it was chosen
    ticks = {*_TICKS["yes"], fold_text(words), *([code] if alone else ())}
    said = {v: option if form in ticks else "" if form in _TICKS["no"] else f"{option}={v}" for v, form in read.items()}
    return replace(column, vocabulary=tuple(said[v] if token_code(v, own) is None or not said[v] else v for v in read))


@value
class ReadColumn:
    """The contents of a column as answers and as points, None where they are not asked for; both as counts (`tally`)."""

    raw: Verdicts | None
    points: Verdicts | None
    tally: Tally | None


def score_columns(roles: Roles, bank: ItemBank | None, layout: Layout) -> Scored:
    """Score the columns of all items, after it is clear whether the cells hold answers or points."""
    items = {i.id: i for i in bank.items} if bank else {}
    asked, stated = list[Asked](), layout.user_reasons("")
    for name, parts in roles.items.items():
        own, several = layout.user_reasons(name) if layout.missing_codes else stated, [roles.table.columns[part] for part in parts]
        asked.append((joined(items[name], several, own) if len(several) > 1 else several[0], name, items.get(name), own))
    read = [_once(_read, *one, layout.cells) for one in asked]
    mode, found = decide(items, dict(zip(roles.items, read, strict=True)))
    settled = layout.cells == "raw" and layout.unreadable == "leave_out"  # by another block of the same table, or by the user
    codes = codes_of_missing(asked, read) if mode == "raw" and len(asked) > 1 and not settled else {}
    read = [_coded(c, r, codes) if codes and item and is_numeric(item) else r for (c, _, item, _), r in zip(asked, read, strict=True)]
    judged = [_once(_judged, *one, mode, r) for one, r in zip(asked, read, strict=True)]
    kept, points, status, highest, unread, remarks = zip(*judged, strict=True)
    found += unreadable.doubtful_answers(_moved(asked, unread), layout)
    unreadable.refuse_unreadable(unread, layout, lambda cells: [_judged(*one, cells, _read(*one, cells))[4] for one in asked])
    return Scored(
        columns=dict(zip(roles.items, kept, strict=True)),
        mode=mode,
        scores=np.stack([of_contents[c.codes] for of_contents, c in zip(points, kept, strict=True)]).T,
        status=np.stack([of_contents[c.codes] for of_contents, c in zip(status, kept, strict=True)]).T,
        blanks=np.array([own.get("", BLANK) for *_, own in asked], dtype=np.int64),
        max_scores=np.array(highest, dtype=np.int64),
        findings=(*found, *gather(r for r in chain.from_iterable(remarks) if not settled or r[0] != "responses.none_right")),
        codes=codes,
    )


def _once(function: Callable[..., T], column: Column, *rest: object) -> T:
    """Return what a function says of a column; of one short cell, which is the same values again, it is asked once."""
    short = len(column.codes) <= 1 and sum(map(len, column.vocabulary)) <= SHORT_TEXT
    return _known(function, column, *rest) if short else function(column, *rest)


_known = lru_cache(maxsize=KEPT_CELLS)(lambda function, *about: function(*about))


def _read(column: Column, _: str, item: Item | None, own: Mapping[str, int], cells: Cells) -> ReadColumn:
    raw = raw_verdicts(item, column, own) if item and cells != "scored" else None
    points = point_verdicts(item.max_score if item else None, column, own, words=cells == "scored")
    signs = tally(item, column, raw, points) if item and raw else None
    return ReadColumn(raw=raw, points=points if not item or cells != "raw" else None, tally=signs)


def is_numeric(item: Item) -> bool:
    """Tell whether a negative number can be an answer."""
    return item.type == "number" or (item.type == "text" and any(map(str.isdigit, str(item.key))))


def codes_of_missing(asked: Sequence[Asked], read: Sequence[ReadColumn]) -> dict[str, int]:
    """Return how a code like -9 or 99 is read where answers are numbers: as among options, or unreadable if most such columns have it.

    The latter holds of a number that is one of the two most frequent answers without points in each of these columns.
    """
    numeric = [item is not None and is_numeric(item) for _, _, item, _ in asked]
    reasons, right = dict[str, int](), set[str]()
    columns, filled = defaultdict[tuple[bool, str], list[int]](list), 0
    for (column, *_), number, r in zip(asked, numeric, read, strict=True):
        verdicts, counts = cast("Verdicts", r.raw), column.counts().tolist()
        often = sorted(compress(counts, (verdicts.points == 0) & ~verdicts.tokens), reverse=True)[:2]
        filled += sum(counts) * number
        for k, text in ((k, text) for k, text in enumerate(column.vocabulary) if LIKE["code"].fullmatch(text)):
            if verdicts.points[k]:
                right.add(text)
            elif verdicts.tokens[k] and not number:
                reasons[text] = int(verdicts.status[k])
            elif counts[k] in often if number else verdicts.status[k] == Reason.INVALID:
                columns[number, text].append(counts[k])
    for (number, text), cells in columns.items():
        least = (max(COLUMNS, 2 * sum(numeric) / 3), OFTEN * filled) if number else (2, CELLS)
        if len(cells) >= least[0] and sum(cells) >= least[1] and text not in right:
            reasons.setdefault(text, int(Reason.INVALID))
    return reasons


def _coded(column: Column, read: ReadColumn, reasons: Mapping[str, int]) -> ReadColumn:
    """Return a column in which these contents are no answers, unless they are right ones."""
    v = cast("Verdicts", read.raw)
    at = np.array([text in reasons for text in column.vocabulary], dtype=np.bool_) & (v.points == 0) & ~v.tokens
    status = np.where(at, [reasons.get(text, 0) for text in column.vocabulary], v.status).astype(np.uint8)
    return replace(read, raw=v._replace(status=status, tokens=v.tokens | (at & (status != Reason.INVALID))))


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
    points = answered is None or isinstance(answered.rule, Given | Rubric)
    if points:
        unreadable.refuse_scale(item, column, v)
    bad, counts, signs = ~v.tokens & ((v.status == Reason.INVALID) | v.several), column.counts(), (answered and read.tally) or Tally()
    cells, filled = (int(counts[some].sum()) for some in (bad, ~v.tokens))
    texts = tuple(compress(column.vocabulary, bad))
    unread = Unread("points" if points else "answers", name, cells, filled, texts, item, signs)
    return kept, np.append(v.points, 0).astype(np.int8), np.append(v.status, np.uint8(BLANK)), highest, unread, remarks


def _without_texts(column: Column, v: Verdicts, item: Item) -> tuple[Column, int]:
    """Return a column as it is kept, of unreadable and of wrong personal answers the beginning, and how many cells were personal."""
    unread = (v.status == Reason.INVALID) & ~v.tokens
    free = (v.points == 0) & ~v.tokens & (not item.options)
    texts = list(column.vocabulary)
    personal = [k for k in np.flatnonzero(unread | free).tolist() if personal_in(texts[k])]
    for k in {*np.flatnonzero(unread).tolist(), *personal}:
        texts[k] = OwnWords(masked(texts[k]))
    typed = ~(unread | v.tokens) & (item.type in TYPED and not isinstance(item.rule, CodeMap))
    for k in np.flatnonzero(typed).tolist():
        texts[k] = OwnWords(texts[k]) if v.points[k] == 0 or personal_in(texts[k]) else texts[k]
    return replace(column, vocabulary=tuple(texts)), int(column.counts()[personal].sum())


def gather(remarks: Iterable[Remark]) -> tuple[Finding, ...]:
    """Gather remarks into one finding per code, in the order in which they first appear."""
    groups: dict[str, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark[0], []).append(remark)
    parts = ((Template(code), group, [f"{item} {what} ({n})" for _, item, what, n in group]) for code, group in groups.items())
    return tuple(about.of((r[1] for r in group), where=where, cells=sum(r[3] for r in group)) for about, group, where in parts)


def raw_verdicts(item: Item, column: Column, own: Mapping[str, int]) -> Verdicts:
    """Score the distinct contents of a column as raw answers; what earns points or is listed by the item is never a token."""
    judge = judge_of(item)
    read = [judge(answer) for answer in written(item, column.vocabulary, column.kinds)]
    points = np.array([r.points for r in read], dtype=np.int64)
    status = np.where([r.readable for r in read], Reason.ANSWERED, Reason.INVALID).astype(np.uint8)
    several = np.array([r.several for r in read], dtype=np.bool_)
    if item.options and not any(map(str.isascii, item.options)):  # of A to D, B is no В
        latin = np.array([len(v) == 1 and v.isascii() and v.isalpha() for v in column.vocabulary], dtype=np.bool_)
        latin &= (status[latin] > 0).any()
        status[latin], points[latin] = Reason.INVALID, 0
    listed_answer = bool(item.options) or isinstance(item.rule, CodeMap | Given | Rubric)
    certain = (status == Reason.ANSWERED) & ((points > 0) | listed_answer)
    return _settled(column, Verdicts(points, status, certain, several), own, frozenset() if is_numeric(item) else NEGATIVE_CODES)


def point_verdicts(top: int | None, column: Column, own: Mapping[str, int], *, words: bool = False) -> Verdicts:
    """Read the distinct contents of a column, `words` too, as points from 0 to the maximum of the item, None where it is not known."""
    texts = as_points(column, own) if words else column.vocabulary
    read = [read_points(v) or (-1, None) for v in texts]
    tops = {maximum for _, maximum in read if maximum is not None}
    stated = next(iter(tops)) if len(tops) == 1 and top is None else None
    highest = top or stated or HIGHEST
    fits = np.array([0 <= n <= highest and m in {None, top or stated} for n, m in read], dtype=np.bool_)
    points = np.where(fits, [n for n, _ in read], 0).astype(np.int64)
    status = np.where(fits, Reason.ANSWERED, Reason.INVALID).astype(np.uint8)
    said = np.array([text != v for text, v in zip(texts, column.vocabulary, strict=True)], dtype=np.bool_)
    return _settled(column, Verdicts(points, status, said, np.zeros(len(fits), dtype=np.bool_), stated), own, NEGATIVE_CODES)


def _settled(column: Column, read: Verdicts, own: Mapping[str, int], negative: frozenset[str]) -> Verdicts:
    """Return verdicts with tokens for missing answers and dates taken out; `read.tokens` marks what cannot be a token."""
    tokens = np.zeros(len(read.status), dtype=np.bool_)
    for k, (text, kind, certain) in enumerate(zip(column.vocabulary, column.kinds, read.tokens.tolist(), strict=True)):
        reason = token_code(text, own, usual=not certain)
        if reason is None and text in negative and not certain:
            reason = BLANK
        if reason is not None:
            read.points[k], read.status[k], tokens[k] = 0, reason, True
        elif kind == "date":
            read.points[k], read.status[k] = 0, Reason.INVALID
    return read._replace(tokens=tokens)


def decide(items: Mapping[str, Item], read: Mapping[str, ReadColumn]) -> tuple[Mode, list[Finding]]:
    """Tell answers from points by the bulk of each column (short ones together); raises where both readings are possible."""
    if not all(r.raw and r.points for r in read.values()):
        return ("raw" if all(r.raw for r in read.values()) else "scored"), []
    if all(items[name].type == "scored" for name in read):
        return "scored", []
    tallies = [r.tally or Tally() for r in read.values()]
    together = sum((t for t in tallies if t["cells"] < unreadable.MANY), Tally())
    votes = [_votes(t, together if t["cells"] < unreadable.MANY <= together["cells"] else t) for t in tallies]
    (no_points, no_answers, unread), cells = zip(*votes, strict=True), [t["cells"] for t in tallies]
    letters = any(2 * n > of for n, of in zip(no_points, cells, strict=True))
    alone = letters and not any(2 * n > of for n, of in zip(unread, cells, strict=True))
    if sum(no_answers) > max(unreadable.CLEARLY * sum(no_points), LEAST * sum(cells)) and not alone:
        return "scored", [Template("responses.scored_cells").of(compress(read, no_answers))]
    if sum(no_points) > unreadable.CLEARLY * sum(no_answers) or not any(t["differ"] for t in tallies) or letters:
        twos = [t["twos"] for t in tallies]
        return "raw", list(Template("responses.starts_at_one").about(compress(read, twos)) if 2 * sum(twos) > len(twos) else ())
    raise ResponsesError("responses.raw_or_scored", differ=sum(t["differ"] for t in tallies))


def _votes(column: Tally, judged: Tally) -> tuple[int, int, int]:
    """Return how many cells of a column count as no points, no answers, neither, as it is `judged`: single odd ones do not."""
    if (like := like_points(judged)) == "of_maximum":
        return 0, column["cells"], 0
    odd = like or judged["no_points"] <= odd_cells(judged["cells"]) * (judged["cells"] >= unreadable.MANY)
    return 0 if odd else column["no_points"], column["no_answers"], column["unread"]


def tally(item: Item, column: Column, r: Verdicts, p: Verdicts) -> Tally:
    """Count the cells of a column, read as answers (`r`) and as points (`p`), by their signs."""
    counts, codes = np.where(r.tokens | p.tokens, 0, column.counts()).tolist(), [*item.options]
    texts = [""] * len(counts) if isinstance(item.rule, Given | Rubric) or len(counts) > POINTS else as_points(column, {})
    coded = codes == [*"12345678"[: len(codes)]] and {*item.left}.isdisjoint(codes) and not isinstance(item.rule, CodeMap)
    out, ends = Tally(), ((1, len(codes), 0), (-1, 1, len(codes) + 1)) if coded and codes else ()
    worth = (np.where(v.status == Reason.INVALID, -1, v.points).tolist() for v in (r, p))
    for n, *cell in zip(counts, column.vocabulary, texts, r.several.tolist(), *worth, strict=True):
        signs = {*_signs(item, *cell)}
        for step, end, beyond in ends:  # as codes were lower, or higher, by 1
            found = str(end) in cell[0], str(beyond) in cell[0]
            signs |= {"coded", *compress((f"end {step}", f"beyond {step}"), found)}
        for sign in signs:
            out[sign] += n
    few = set(compress(column.vocabulary, counts)) == {"1", "2"} and len(codes) > 2 and out["cells"] >= unreadable.SEVERAL
    return out + Tally(twos=int(few))


def _moved(asked: Sequence[Asked], judged: Sequence[Unread]) -> Sequence[Unread]:
    """Return columns with how many answers would be right with codes a step higher or lower, where hardly any is the last code."""
    cells, out = sum(u.signs["coded"] for u in judged), list[Unread]()
    steps = [step for step in (1, -1) if cells and sum(u.signs[f"end {step}"] for u in judged) <= unreadable.ENDS * cells]
    if not steps:
        return judged
    for (column, _, item, _), u in zip(asked, judged, strict=True):
        signs = Tally()
        for step in steps if item and u.signs["coded"] else ():
            judge, texts = judge_of(item), ("".join(chr(ord(c) + step) if c.isdigit() else c for c in v) for v in column.vocabulary)
            signs[f"right {step}"] = sum(compress(column.counts().tolist(), (judge(text).points > 0 for text in texts)))
        out.append(u._replace(signs=u.signs + signs))
    return out


def _signs(item: Item, cell: str, text: str, *judged: int) -> Iterator[str]:
    """Yield signs of a cell, by its `text` as points, several options, what it earns as an answer and gives as points (-1: nothing)."""
    (several, earned, given), (points, top) = judged, (text and read_points(text.replace("%", "/100"))) or (-1, None)
    high, digits = given < 0 or (earned >= 0 and cell.isalpha()), any(map(str.isdigit, cell))
    hardly = len(cell) == 1 and item.type in {"matching", "ordering", "digits"} and len(item.key or ()) > 1
    bad = earned < 0 or (not high and hardly)
    of = top is not None and 0 <= points <= top and (digits or earned < 0 or not item.options)
    whole = 0 <= points <= item.max_score and (top is None or (of and top == item.max_score))
    part = None if whole or not text else read_number(text)
    odd = whole and (earned < 0 or several or item.type not in {"single", "multiple"})
    yield from compress(("cells", "no_points", "no_answers"), (True, high and not bad, bad and not high))
    yield from compress(("unread", "differ", "right"), (earned < 0 and not high, not high and not bad and earned != given, earned > 0))
    yield from compress(("whole", "above", "hardly", f"/{top}"), (whole, whole and points > 0, odd, of))
    yield from compress(("within", "right of"), (whole or (part is not None and 0 < part < item.max_score), of and earned > 0))
    yield from ["none or all"] if of and digits and points in {0, top} else ()
    yield from [f"={number}"] if item.type in TYPED and (number := read_number(cell)) is not None else ()


def remarks_of(name: str, column: Column, verdicts: Verdicts, item: Item | None, own: Mapping[str, int]) -> list[Remark]:
    """Return what is remarkable about a column: tokens, unreadable cells, dates, in answers to `item` leading zeros too."""
    out: list[Remark] = [("responses.ambiguous_options", name, "", 1)] if item and ambiguous_options(item) else []
    size, judge = (size_with_zeros(item), judge_of(item)) if item is not None else (0, None)
    counts, invalid = column.counts().tolist(), int(Reason.INVALID)
    given = sum(compress(counts, ~verdicts.tokens))
    missed = np.where(verdicts.tokens | (verdicts.points > 0) | (verdicts.status > 0), 0, counts)
    same = missed.sum() == given >= MANY_WRONG and 2 * missed.max() > given
    if item is not None and (same or (item.type == "text" and 2 * missed.sum() > given >= unreadable.MANY)):
        most = [repr(masked(column.vocabulary[at])) for at in np.argsort(-missed, kind="stable")[:MOST].tolist() if missed[at]]
        out.append(("responses.none_right" if same else "responses.unmatched", name, ", ".join(most), int(missed.sum())))
    points, status, tokens, several = (of_contents.tolist() for of_contents in verdicts[:4])
    for k, (text, kind) in enumerate(zip(column.vocabulary, column.kinds, strict=True)):
        code = "responses.missing_tokens" if tokens[k] else ""
        if code:
            many = counts[k] >= max(unreadable.FEWEST, unreadable.MINUS_SHARE * (counts[k] + given))
            if text == "-1" and item is None and many and max(points) <= 1 and text not in own:  # it may be a score
                out.append(("responses.minus_one", name, repr(text), counts[k]))
        elif status[k] == invalid:
            code = "responses.date" if kind == "date" or DATE.fullmatch(text) else "responses.invalid"
        elif several[k]:
            code = "responses.several_options"
        elif judge and item and size and written(item, (text,), (kind,))[0].startswith("0") > text.startswith("0"):
            code = "responses.zeros_restored"
        elif judge and text.isdigit() and len(text) < size:
            code = "responses.zeros_lost" if judge(text.zfill(size)).points > points[k] else ""
        elif judge and item and kind == "number" and item.unit and "%" in {item.unit.ru, item.unit.en} and not points[k]:
            code = "responses.percent_stored" if judge(f"{float(text) * 100:.12g}").points else ""
        elif judge and item and item.type == "number" and not points[k] and (whole := LIKE["triple"].sub(r"\1", text)) != text:
            code = "responses.thousands" if judge(whole).points else ""
        if code:
            out.append((code, name, repr(cut(text, 40) if tokens[k] else masked(text)), counts[k]))
    return out
