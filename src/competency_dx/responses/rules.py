"""From a raw answer to points: one pure reader per scoring rule, applied to the distinct answers of an item."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from competency_dx.bank import CodeMap, Given, Item, OneError, PerElement, Rubric, Synonyms, Tolerance
from competency_dx.errors import ResponsesError
from competency_dx.responses.codes import CodeBook, code_book, read_pairs
from competency_dx.responses.missing import Reason, Reasons
from competency_dx.responses.normalise import fold_code, fold_look, fold_text, plain, read_integer, read_number, tidy

if TYPE_CHECKING:
    from fractions import Fraction

    from competency_dx.arrays import Ints


class Element(NamedTuple):
    """One part of an answer that earns points of its own."""

    label: str
    given: str
    points: int
    maximum: int


class Judgement(NamedTuple):
    """What an answer is worth; `readable` is False when the rule cannot say what was meant."""

    points: int
    readable: bool
    normalised: str
    elements: tuple[Element, ...] = ()


Judge = Callable[[str], Judgement]

UNREADABLE = Judgement(points=0, readable=False, normalised="")


def score_answers(item: Item, answers: Sequence[str]) -> tuple[Ints, Reasons]:
    """Return points (V,) and status (V,) of the distinct raw answers to one item, none of them empty.

    The status is `Reason.ANSWERED`, or `Reason.INVALID` where the answer cannot be one to this item.
    """
    judge = judge_of(item)
    verdicts = [judge(a) for a in answers]
    points = np.array([v.points for v in verdicts], dtype=np.int64)
    status = np.array([Reason.ANSWERED if v.readable else Reason.INVALID for v in verdicts], dtype=np.uint8)
    return points, status


def written(item: Item, answers: Sequence[str], kinds: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return all distinct answers to an item as its judge reads them, and whether words of options stand beside codes.

    Leading zeros of digit strings that were stored as numbers are restored. Where words of options can be taken for codes of
    others the column decides: when some answers can only be words and none only codes, all are words; when both kinds occur
    they are left as they are.
    """
    key = str(item.key)
    if item.type == "digits" and key.startswith("0"):
        stored = zip(answers, kinds, strict=True)
        return tuple(a.zfill(len(key)) if kind == "number" and a.isdigit() else a for a, kind in stored), False
    if item.type not in {"single", "multiple"} or not item.options:
        return tuple(answers), False
    book = code_book(item.options, item.options)
    if not book.clashes:
        return tuple(answers), False
    written = [book.by_code(a) for a in answers]
    worded = [book.by_text(a) for a in answers]
    if item.type == "single":
        written = [w if w is not None and len(w) == 1 else None for w in written]
        worded = [w if w is not None and len(w) == 1 else None for w in worded]
    words_only = any(w is not None and c is None for c, w in zip(written, worded, strict=True))
    codes_only = any(c is not None and w is None for c, w in zip(written, worded, strict=True))
    if not words_only or codes_only:
        return tuple(answers), words_only
    return tuple(a if w is None else " ".join(w) for a, w in zip(answers, worded, strict=True)), False


def judge_of(item: Item) -> Judge:
    """Return the function that judges raw answers to this item."""
    rule = item.rule
    if isinstance(rule, CodeMap):
        words = {c: t for c, t in item.options.items() if c in rule.scores}
        return _one_code(code_book([*rule.scores, *rule.zero], words), rule.scores, listed=True)
    if isinstance(rule, Given):
        return _given(rule.points)
    if isinstance(rule, Rubric):
        return _rated(item)
    if isinstance(rule, Tolerance):
        return _measured(item, rule)
    if isinstance(rule, Synonyms):
        return _worded(item, rule)
    return {"single": _single, "multiple": _multiple, "digits": _digits}.get(item.type, _sequence)(item)


def _amount(item: Item, *, hits: int, extras: int, errors: int, size: int) -> int:
    """Return the points of an answer of several elements under the item's rule."""
    rule = item.rule
    if isinstance(rule, PerElement):
        return max(0, hits - extras)
    if isinstance(rule, OneError):
        return max(0, rule.points - errors)
    return item.max_score if errors == 0 and hits == size else 0


def _one_code(book: CodeBook, points: Mapping[str, int], *, listed: bool) -> Judge:
    """Judge an answer of one code; where the codes are not `listed` any other is a readable answer without points."""

    def judge(raw: str) -> Judgement:
        code = book.find(raw) or (None if listed else fold_code(raw))
        return UNREADABLE if not code else Judgement(points.get(code, 0), readable=True, normalised=code)

    return judge


def _single(item: Item) -> Judge:
    key = str(item.key)
    return _one_code(code_book(item.options or (key,), item.options), {key: item.max_score}, listed=bool(item.options))


def _multiple(item: Item) -> Judge:
    key = tuple(cast("tuple[str, ...]", item.key))
    book = code_book(item.options or key, item.options)

    def judge(raw: str) -> Judgement:
        codes = book.split(raw)
        if codes is None and not item.options:
            codes = tuple(filter(None, map(fold_code, re.split(r"[;,.\s/|]+", raw)))) or None
        if codes is None:
            return UNREADABLE
        chosen = [c for c in dict.fromkeys(codes) if c is not None]
        hits = sum(c in key for c in chosen)
        extras, missed = len(chosen) - hits, len(key) - hits
        points = _amount(item, hits=hits, extras=extras, errors=max(extras, missed), size=len(key))
        elements = tuple(Element(c, c, 1 if c in key else -1, int(c in key)) for c in chosen)
        return _judgement(item, points, " ".join(chosen), elements)

    return judge


def _sequence(item: Item) -> Judge:
    """Judge matching (one option per left entry) and ordering (codes in order)."""
    if isinstance(item.key, dict):
        labels, key = tuple(item.key), tuple(item.key.values())
    else:
        key = tuple(cast("tuple[str, ...]", item.key))
        labels = tuple(str(k + 1) for k in range(len(key)))
    options = code_book(item.options or dict.fromkeys(key), item.options)
    left = code_book(labels, item.left) if isinstance(item.key, dict) else None

    def judge(raw: str) -> Judgement:
        row = options.split(raw, order="kept") if left is None else read_pairs(raw, left, options)
        if row is None or not any(row):
            return UNREADABLE
        right = [a == k for a, k in zip(row, key, strict=False)]
        errors = edit_distance(row, key) if left is None else len(key) - sum(right)
        extras = max(0, len(row) - len(key))
        points = _amount(item, hits=sum(right), extras=extras, errors=errors, size=len(key))
        given = zip_longest(labels, row[: len(key)], key)
        elements = tuple(Element(label, a or "_", int(a == k), 1) for label, a, k in given)
        return _judgement(item, points, " ".join(a or "_" for a in row), elements)

    return judge


def _judgement(item: Item, points: int, normalised: str, elements: tuple[Element, ...]) -> Judgement:
    """Return a readable answer; its elements earn points of their own only where the rule says so."""
    kept = elements if isinstance(item.rule, PerElement) else ()
    return Judgement(points, readable=True, normalised=normalised, elements=kept)


def edit_distance(row: Sequence[str | None], key: Sequence[str]) -> int:
    """Return the least number of errors that turn the key into `row`.

    An error is an element missing, put in, exchanged, or swapped with its neighbour (optimal string alignment): without the
    last, no complete order could ever have a single error.
    """
    before: list[int] = []
    line = list(range(len(key) + 1))
    for i, a in enumerate(row, start=1):
        last, before, line = before, line, [i]
        for j, k in enumerate(key, start=1):
            cost = min(before[j] + 1, line[j - 1] + 1, before[j - 1] + (a != k))
            if i > 1 and j > 1 and a == key[j - 2] and row[i - 2] == k:
                cost = min(cost, last[j - 2] + 1)
            line.append(cost)
    return line[-1]


def _digits(item: Item) -> Judge:
    key = str(item.key)

    def judge(raw: str) -> Judgement:
        digits = re.sub(r"[\s;,.\-/|]+", "", tidy(raw))
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 100:
            return UNREADABLE
        errors = edit_distance(digits, key)
        points = _amount(item, hits=len(key) - min(errors, len(key)), extras=0, errors=errors, size=len(key))
        return Judgement(points, readable=True, normalised=digits)

    return judge


def _measured(item: Item, rule: Tolerance) -> Judge:
    key = read_number(str(item.key))
    distances = [read_number(rule.absolute), read_number(rule.relative)]
    if key is None or None in distances:
        raise ResponsesError(f"item {item.id}: key {item.key!r} or its tolerance is not a number; correct the bank")
    absolute, relative = cast("list[Fraction]", distances)
    allowed = max(absolute, relative * abs(key))
    units = ("%", *filter(None, (item.unit.ru, item.unit.en))) if item.unit else ("%",)

    def judge(raw: str) -> Judgement:
        number = read_number(raw, units)
        if number is None:
            return UNREADABLE
        return Judgement(rule.points if abs(number - key) <= allowed else 0, readable=True, normalised=plain(number))

    return judge


def _worded(item: Item, rule: Synonyms) -> Judge:
    right = {fold_look(k) for k in cast("tuple[str, ...]", item.key)}
    try:
        pattern = re.compile(rule.pattern.replace("ё", "е"), re.IGNORECASE) if rule.pattern else None
    except re.error as fault:
        raise ResponsesError(f"item {item.id}: pattern {rule.pattern!r} is no regular expression ({fault})") from None

    def judge(raw: str) -> Judgement:
        text = fold_text(raw)
        if not text:
            return UNREADABLE
        hit = fold_look(raw) in right or (pattern is not None and pattern.fullmatch(text) is not None)
        return Judgement(rule.points if hit else 0, readable=True, normalised=text)

    return judge


def _given(maximum: int) -> Judge:
    def judge(raw: str) -> Judgement:
        points = read_integer(raw)
        if points is None or not 0 <= points <= maximum:
            return UNREADABLE
        return Judgement(points, readable=True, normalised=str(points))

    return judge


def _rated(item: Item) -> Judge:
    criteria = {fold_code(c.id): c.max_score for c in item.rubric}
    names = [c.id for c in item.rubric]
    total = _given(item.max_score)

    def judge(raw: str) -> Judgement:
        levels = _levels(fold_look(raw), list(criteria))
        if levels is None:
            return total(raw)
        if any(x is None or not 0 <= x <= top for x, top in zip(levels, criteria.values(), strict=True)):
            return UNREADABLE
        found = [x for x in levels if x is not None]
        parts = zip(names, found, criteria.values(), strict=True)
        elements = tuple(Element(name, str(x), x, top) for name, x, top in parts)
        written = "; ".join(f"{e.label}={e.given}" for e in elements)
        return Judgement(sum(found), readable=True, normalised=written, elements=elements)

    return judge


def _levels(text: str, criteria: Sequence[str]) -> list[int | None] | None:
    """Read ``"К1=2; К2=1"`` or ``"2;1"``; None when the text is one number, the total."""
    if re.search(r"[=:]", text):
        pairs = {fold_code(n): read_integer(x) for n, x in re.findall(r"([^\s=:;,]+)\s*[=:]\s*([^\s;,]*)", text)}
        return [pairs.get(c) for c in criteria] if set(pairs) <= set(criteria) else [None] * len(criteria)
    numbers = [n for n in re.split(r"\s*[;/|+]\s*|,\s+|\s+", text) if n]
    if len(numbers) < 2 and len(criteria) > 1:
        return None
    return [read_integer(n) for n in numbers] if len(numbers) == len(criteria) else [None] * len(criteria)
