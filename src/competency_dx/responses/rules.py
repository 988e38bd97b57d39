"""From a raw answer to points: one pure reader per scoring rule, applied to the distinct answers of an item."""

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from itertools import zip_longest
from typing import NamedTuple, cast

import numpy as np

from competency_dx.arrays import Ints
from competency_dx.bank import CodeMap, Given, Item, OneError, PerElement, Rubric, Synonyms, Tolerance
from competency_dx.errors import ResponsesError, checked
from competency_dx.responses import normalise
from competency_dx.responses.missing import Reason, Reasons
from competency_dx.responses.normalise import LIKE, WORDS


class Element(NamedTuple):
    """One part of an answer that earns points of its own."""

    label: str
    given: str
    points: int
    maximum: int


class Judgement(NamedTuple):
    """What an answer is worth; not `readable` when the rule cannot say what was meant, `several` options where one is asked: wrong."""

    points: int
    readable: bool
    normalised: str
    elements: tuple[Element, ...] = ()
    several: bool = False


Judge = Callable[[str], Judgement]
KEPT = 1 << 14  # items
UNREADABLE = Judgement(points=0, readable=False, normalised="")
_NO_ANSWER = {kind: text.replace("{date}", WORDS["spreadsheet_date"]) for kind, text in WORDS["no_answer"].items()}
NOISE = Fraction(1, 10**7)  # how far, at most, a number may be off its key because a program stored it in binary
PAIR = 2  # digits of a key for which "1,0" may be the answer


@checked(ResponsesError)
def score_answers(item: Item, answers: Sequence[str]) -> tuple[Ints, Reasons]:
    """Return points (V,) and status (V,) of the distinct raw answers to one item, none empty: answered, or invalid where it is none."""
    verdicts = list(map(judge_of(item), answers))
    status = np.where([v.readable for v in verdicts], Reason.ANSWERED, Reason.INVALID)
    return np.array([v.points for v in verdicts], dtype=np.int64), status.astype(np.uint8)


def written(item: Item, answers: Sequence[str], kinds: Sequence[str]) -> tuple[str, ...]:
    """Return answers as they were typed: not ``'13``, ``="13"``, ``13,0`` of spreadsheets, with zeros that numbers ("1 013") lose."""
    if isinstance(item.rule, Given | Rubric):
        return tuple(answers)
    size, codes = size_with_zeros(item), item.type not in {"number", "text"} and "0" not in item.options
    least = len("10,0") if item.type == "digits" and len(str(item.key)) <= PAIR else 0
    typed = [LIKE["marked"].sub(r"\1\2", a) for a in answers]
    typed = [LIKE["no fraction"].sub(r"\1", t) if codes and len(t) >= least else t for t in typed]
    typed = [re.sub(r"\D", "", t) if LIKE["grouped"].fullmatch(t) else t for t in typed] if size else typed
    numbers = [kind == "number" or t != a for t, a, kind in zip(typed, answers, kinds, strict=True)]
    return tuple(t.zfill(size) if number and t.isdigit() else t for t, number in zip(typed, numbers, strict=True))


@lru_cache(maxsize=KEPT)
def size_with_zeros(item: Item) -> int:
    """Return of how many digits an answer is that may begin with 0, and loses it where it is stored as a number; 0 for others."""
    if item.type == "digits":
        return len(str(item.key)) if str(item.key).startswith("0") else 0
    key = tuple(item.key.values() if isinstance(item.key, dict) else item.key or ()) if item.type in {"matching", "ordering"} else ()
    codes = _codes(item, key) if key else ()
    return len(key) if "0" in codes and all(c.isdigit() and len(c) == 1 for c in codes) else 0


@lru_cache(maxsize=KEPT)
def ambiguous_options(item: Item) -> tuple[str, ...]:
    """Return the options whose words can be taken for the code of another option (for the codes of others in a set)."""
    book, codes_alone = normalise.code_book(item.options, item.options), normalise.code_book(item.options)
    read = ((code, codes_alone.split(words)) for words, code in book.texts.items())
    most = len(item.options) if item.type == "multiple" else 1
    return tuple(code for code, meant in read if meant not in {None, (code,)} and len(meant or ()) <= most)


@lru_cache(maxsize=KEPT)
def judge_of(item: Item) -> Judge:
    """Return the function that judges raw answers to this item."""
    rule = item.rule
    if isinstance(rule, CodeMap):
        words = {c: t for c, t in item.options.items() if c in rule.scores}
        return partial(_one_code, normalise.code_book([*rule.scores, *rule.zero], words), rule.scores, choice=item.type == "single")
    if isinstance(rule, Given):
        return partial(_given, rule.points)
    if isinstance(rule, Tolerance | Synonyms):
        return _typed(item, _measured(item, rule) if isinstance(rule, Tolerance) else _worded(item, rule))
    if item.type == "single":
        key = str(item.key)
        return partial(_one_code, normalise.code_book(_codes(item, (key,)), item.options), {key: item.max_score})
    if item.type == "digits":
        return _typed(item, partial(_digits, item))
    return _rated(item) if isinstance(rule, Rubric) else _multiple(item) if item.type == "multiple" else _sequence(item)


def _amount(item: Item, *, hits: int, extras: int, errors: int, size: int) -> int:
    """Return the points of an answer of several elements under the item's rule."""
    if isinstance(item.rule, PerElement):
        return max(0, hits - extras)
    if isinstance(item.rule, OneError):
        return max(0, item.rule.points - errors)
    return item.max_score if errors == 0 and hits == size else 0


def _codes(item: Item, key: Sequence[str]) -> tuple[str, ...]:
    """Return the codes of the options; where the bank does not list them all signs of the kind that the key is written in."""
    if item.options:
        return tuple(item.options)
    signs = "123456789" if all(map(str.isdigit, key)) else WORDS["option letters"] if all(map(str.isalpha, key)) else ""
    known = set(map(normalise.fold_code, key))
    return (*dict.fromkeys(key), *(s for s in signs if normalise.fold_code(s) not in known))


def _one_code(book: normalise.CodeBook, points: Mapping[str, int], raw: str, *, choice: bool = True) -> Judgement:
    """Judge an answer of one code; where it is a `choice`, several codes are an answer too."""
    if code := book.find(raw):
        return Judgement(points.get(code, 0), readable=True, normalised=code)
    codes = dict.fromkeys(c for c in (book.split(raw) if choice else None) or () if c is not None)
    return Judgement(0, readable=True, normalised=" ".join(codes), several=True) if len(codes) > 1 else UNREADABLE


def _multiple(item: Item) -> Judge:
    key = tuple(cast("tuple[str, ...]", item.key))
    book, parts_count = normalise.code_book(_codes(item, key), item.options), isinstance(item.rule, PerElement)

    def judge(raw: str) -> Judgement:
        if (codes := book.split(normalise.unnumbered(raw, book.codes))) is None:
            return UNREADABLE
        chosen = [c for c in dict.fromkeys(codes) if c is not None]
        hits = sum(c in key for c in chosen)
        extras = len(chosen) - hits
        points = _amount(item, hits=hits, extras=extras, errors=max(extras, len(key) - hits), size=len(key))
        elements = tuple(Element(c, c, 1 if c in key else -1, int(c in key)) for c in chosen) if parts_count else ()
        return Judgement(points, readable=True, normalised=" ".join(chosen), elements=elements)

    return judge


def _sequence(item: Item) -> Judge:
    """Judge matching (one option per left entry) and ordering (codes in order)."""
    pairs = item.key if isinstance(item.key, dict) else {str(k): code for k, code in enumerate(item.key or (), start=1)}
    labels, key, parts_count = tuple(pairs), tuple(pairs.values()), isinstance(item.rule, PerElement)
    options = normalise.code_book(_codes(item, key), item.options)
    left = normalise.code_book(labels, item.left) if isinstance(item.key, dict) else None

    def judge(raw: str) -> Judgement:
        listed = normalise.unnumbered(raw, options.codes) if left is None else raw
        row = options.split(listed, order="kept") if left is None else normalise.read_pairs(raw, left, options)
        if row is None or not any(row):
            return UNREADABLE
        given = tuple(filter(None, row)) if left is None else ()
        row = given if len(given) >= len(key) else row  # where nothing is left out "_" and "?" only part the codes
        right = [a == k for a, k in zip(row, key, strict=False)]
        errors = edit_distance(row, key) if left is None else len(key) - sum(right)
        points = _amount(item, hits=sum(right), extras=max(0, len(row) - len(key)), errors=errors, size=len(key))
        pairs_given = zip_longest(labels, row[: len(key)], key) if parts_count else ()
        elements = tuple(Element(label, a or "_", int(a == k), 1) for label, a, k in pairs_given)
        return Judgement(points, readable=True, normalised=" ".join(a or "_" for a in row), elements=elements)

    return judge


def edit_distance(row: Sequence[str | None], key: Sequence[str]) -> int:
    """Return the least number of elements missing, put in, exchanged or swapped with a neighbour that turn the key into `row`."""
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


def _typed(item: Item, judge: Judge) -> Judge:
    """Take what programs and people write in place of a typed answer as unreadable, unless an accepted answer looks like it."""
    keys = [str(k) for k in (item.key if isinstance(item.key, tuple) else (item.key,))]
    numeric = item.type != "digits" and any(map(str.isdigit, "".join(keys)))
    fitting = {kind for kind, text in _NO_ANSWER.items() for k in keys if re.fullmatch(text, k, re.IGNORECASE | re.DOTALL)}
    shapes = [f"(?:{text})" for kind, text in _NO_ANSWER.items() if kind not in fitting | ({"code", "date"} if numeric else set())]
    nothing = re.compile("|".join(shapes), re.IGNORECASE | re.DOTALL)

    def typed(raw: str) -> Judgement:
        verdict = judge(raw)
        fits = verdict.points or (item.type == "digits" and len(verdict.normalised) == len(keys[0]))
        return verdict if fits or not nothing.fullmatch(normalise.tidy(raw)) else UNREADABLE

    return typed


def _digits(item: Item, raw: str) -> Judgement:
    key, digits = str(item.key), re.sub(r"[\s;,.\-/|]+", "", normalise.tidy(normalise.unnumbered(raw)))
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 100:
        return UNREADABLE
    errors = edit_distance(digits, key)
    points = _amount(item, hits=len(key) - min(errors, len(key)), extras=0, errors=errors, size=len(key))
    return Judgement(points, readable=True, normalised=digits)


def _measured(item: Item, rule: Tolerance) -> Judge:
    units, form = ("%", *filter(None, (item.unit.ru, item.unit.en) if item.unit else ())), item.answer_format

    def numbers(raw: str) -> tuple[Fraction, ...] | None:
        if form is not None and (parts := normalise.read_parts(raw, form, units)) is not None:
            return parts
        number = normalise.read_number(raw, units)  # where two are asked it is an answer too, not a right one
        return None if number is None else (number,)

    key = numbers(str(item.key))
    distances = [normalise.read_number(rule.absolute), normalise.read_number(rule.relative)]
    if key is None or len(key) != (1 if form is None else 2) or None in distances:
        raise ResponsesError("responses.key_number", item=item.id, key=item.key)
    absolute, relative = cast("list[Fraction]", distances)
    allowed = [max(absolute, relative * abs(k)) for k in key]

    def judge(raw: str) -> Judgement:
        if (given := numbers(raw)) is None:
            return UNREADABLE
        errors = (abs(g - k) - (g.denominator > 1000 * k.denominator) * NOISE * abs(k) for g, k in zip(given, key, strict=False))
        right = len(given) == len(key) and all(error <= a for error, a in zip(errors, allowed, strict=False))
        text = (" ± " if form == "uncertainty" else "–").join(map(normalise.plain, given))
        return Judgement(rule.points if right else 0, readable=True, normalised=text)

    return judge


def _worded(item: Item, rule: Synonyms) -> Judge:
    fold = normalise.fold_isotope if item.answer_format == "isotope" else normalise.fold_look
    right = {fold(form) for k in cast("tuple[str, ...]", item.key) for form in (k, normalise.unwrapped(k))}
    try:
        pattern = re.compile(rule.pattern.replace("ё", "е"), re.IGNORECASE) if rule.pattern else None
    except re.error as fault:
        raise ResponsesError("responses.pattern", item=item.id, pattern=rule.pattern, fault=fault) from None

    def judge(raw: str) -> Judgement:
        text, said = normalise.fold_text(raw), normalise.LIKE["before words"].sub("", normalise.tidy(raw))
        fits = pattern is not None and any(len(t) <= rule.longest and pattern.fullmatch(t) for t in (text, normalise.fold_text(said)))
        points = rule.points if fits or fold(raw) in right or fold(said) in right else 0
        return Judgement(points, readable=True, normalised=text) if text else UNREADABLE

    return judge


def _given(maximum: int, raw: str) -> Judgement:
    points = normalise.points_within(raw, maximum)
    return UNREADABLE if points is None else Judgement(points, readable=True, normalised=str(points))


def _rated(item: Item) -> Judge:
    criteria = {normalise.fold_code(c.id): c.max_score for c in item.rubric}

    def judge(raw: str) -> Judgement:
        whole, (points, top) = _given(item.max_score, raw), normalise.read_points(raw) or (0, None)
        if (whole.readable and len(criteria) > 1) or (top is not None and top >= points):
            return whole  # "1 / 1" is more likely 1 of 1 than two marks
        marks = _marks(normalise.tidy(raw), list(criteria))
        levels = [normalise.points_within(mark, top) for mark, top in zip(marks, criteria.values(), strict=False)]
        if not len(levels) == len(marks) == len(criteria) or None in levels:
            return UNREADABLE
        elements = tuple(Element(c.id, str(x), x or 0, c.max_score) for c, x in zip(item.rubric, levels, strict=True))
        written = "; ".join(f"{e.label}={e.given}" for e in elements)
        return Judgement(sum(e.points for e in elements), readable=True, normalised=written, elements=elements)

    return judge


def _marks(text: str, criteria: Sequence[str]) -> list[str]:
    """Cut ``"К1=2; К2=1"`` or ``"2;1"`` into a mark a criterion; nothing where the names are not those of the criteria."""
    if re.search(r"[=:]", text):
        head, *parts = re.split(r"(?:^|(?<=[\s;,]))([^\s=:;,]+)\s*[=:]", text)
        marks = dict(zip(map(normalise.fold_code, parts[::2]), (p.strip(" ;,") for p in parts[1::2]), strict=True))
        return [marks[c] for c in criteria] if not head and len(marks) == len(parts) // 2 and set(marks) == set(criteria) else []
    return [text] if len(criteria) == 1 else re.split(r"\s*;\s*" if ";" in text else r"\s*[/|+]\s*|,\s+|\s+", text)
