"""Cells that cannot be read, which are left out one by one or refused, and values that are hardly scores where no bank tells."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import compress, pairwise
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Codes, Ints
from competency_dx.bank import CodeMap, Item
from competency_dx.errors import ResponsesError, phrase
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import masked
from competency_dx.responses.missing import Reason, Reasons, token_code
from competency_dx.responses.normalise import WORDS, fold_text, read_number, read_points
from competency_dx.responses.reading.layout import Layout
from competency_dx.responses.reading.table import Column, Mode, Verdicts
from competency_dx.responses.responses import HIGHEST

MOST_UNREADABLE = {"points": 0.1, "answers": 0.5}
"""Share of the filled cells of a column that may be unreadable, one cell always: people write what they like, raters do not."""
SHORT = MANY = 5  # columns with fewer filled cells are judged together; points are told from answers by so many
LIKELY = 10  # cells that look like points beside answers refuse the table
SCALES, MARKS = (2, 3, 4, 5, 10, 12, 20, 100), 5  # what a right answer is worth where it is not worth the points of the bank
CODES, ITEMS, BEYOND, ENDS = 10, 3, 0.05, 0.02  # for a shift of codes: least answers, items, share beyond options; most of the last
ENOUGH = 5  # so many marks without a zero say that a scale starts at 1
USUAL_CODES = frozenset({7, 8, 9, *range(77, 80), *range(87, 90), *range(95, 100)})
"""What questionnaires write for refused, not applicable, missing."""
WIDE, FAR = 3, 4  # so far above the other values are usual codes of missing answers, any values
FEWEST, SEVERAL = 5, 50  # cells from which codes are doubtful; answers from which a score that nobody has is, where others have it
MANY_ANSWERS, FEW_ITEMS, SLIPS = 20, 5, 2  # where one or two persons alone have a second point on one of so many items, it is a slip
MINUS_SHARE = 0.1  # of the cells, from which -1 beside 0 and 1 may be a score
PAIR = 12  # most distinct contents of a column of words for right and wrong
CLEARLY = 2  # what speaks for a reading must be so many times as much as what speaks against it
Tally = Counter[str]  # how many cells of a column, or of several, have a sign of answers or of points


class Unread(NamedTuple):
    """How many of the filled cells of a column have no reading, which contents they are, and signs where it is of answers."""

    content: Literal["points", "answers"]
    name: str
    cells: int
    filled: int
    contents: tuple[str, ...]
    item: Item | None
    signs: Tally


def as_points(column: Column, own: Mapping[str, int]) -> list[str]:
    """Return the contents of a column, where all are right and wrong in words of one pair ("верно", "неверно") as points of 1."""
    forms = {fold_text(v) for v in column.vocabulary if token_code(v, own) is None} if len(column.vocabulary) <= PAIR else set()
    said = next(({right: "1/1", wrong: "0/1"} for right, wrong in WORDS["truth"]["pairs"] if forms and forms <= {right, wrong}), {})
    return [said.get(fold_text(v), v) for v in column.vocabulary] if said else list(column.vocabulary)


def odd_cells(cells: int) -> float:
    """Return how many cells of a column may be of another kind than the others."""
    return max(1.0, MOST_UNREADABLE["points"] * cells)


def like_points(t: Tally) -> Literal["points", "of_maximum"] | None:
    """Return which points cells look like that can be read as answers: hardly any of them would be right."""
    cells, odd, most = t["cells"], odd_cells(t["cells"]), max((n for sign, n in t.items() if sign[0] == "/"), default=0)
    if most >= cells - odd and most and (cells >= MANY or t["none or all"] == cells):
        return "of_maximum" if t["none or all"] > odd or not t["right of"] else None
    bulk = t["within"] >= cells - odd and 2 * t["whole"] >= cells and t["above"] and t["hardly"]
    return "points" if bulk and cells >= MANY and t["right"] <= cells // 20 else None


def _of_one_scale(columns: Sequence[Unread]) -> bool:
    """Tell whether typed answers, of which none is right, are shares or marks: 0 and 100, or several columns of marks up to 5."""
    signs, several = sum((u.signs for u in columns), Tally()), len(columns) >= ITEMS
    values, cells = {Fraction(sign[1:]): n for sign, n in signs.items() if sign[0] == "="}, signs["cells"]
    top, odd = max(values, default=Fraction(0)), odd_cells(cells) if several else 0
    if cells < (MANY if several else LIKELY) or top not in SCALES or min(values) < 0 or sum(values.values()) < cells - odd:
        return False
    ends, marks = values[top] + values.get(Fraction(0), 0), top <= MARKS and cells >= CLEARLY * LIKELY
    whole, percent = all(v.denominator == 1 for v in values), top == max(SCALES)
    alone = percent or values[top] < cells  # the same answer of everybody to one item is a mistake that many make
    return (ends == cells and (several or alone)) or (several and ((marks and whole) or (percent and CLEARLY * ends >= cells)))


def doubtful_answers(judged: Sequence[Unread], layout: Layout) -> tuple[Finding, ...]:
    """Refuse answers that look like points or like codes counted from another number; name them where the user wants them so."""
    short = [u for u in judged if u.item and u.item.type in {"number", "digits", "text"} and u.signs["cells"] < MANY]
    several = short if like_points(sum((u.signs for u in short), Tally())) else ()
    like = [u for u in judged if like_points(u.signs) or u in several]
    typed = [u for u in judged if u not in like and u.signs["cells"] and u.signs["right"] <= u.signs["cells"] // 20]
    scaled = typed if _of_one_scale(typed) else [u for u in typed if _of_one_scale([u])]
    if layout.cells == "auto" and sum(u.signs["cells"] for u in scaled) >= LIKELY:
        values = sorted({sign[1:] for u in scaled for sign in u.signs if sign[0] == "="}, key=Fraction)
        raise ResponsesError("responses.other_scale", columns=[u.name for u in scaled], values=values)
    like += scaled
    found, coded = list[Finding](), [u for u in judged if u.signs["coded"]]
    signs = sum((u.signs for u in coded), Tally())
    for first, step in ((0, 1), (2, -1)):
        columns = [u.name for u in coded if u.signs[f"right {step}"] > u.signs["right"]]
        n, right, would = signs["coded"], signs["right"], signs[f"right {step}"]
        far = (would > CLEARLY * right and 2 * would >= n) or (would > right and signs[f"beyond {step}"] >= BEYOND * n)
        if n >= CODES and len(columns) >= max(ITEMS, len(coded) / 2) and signs[f"end {step}"] <= ENDS * n and far:
            if layout.unreadable == "refuse":
                raise ResponsesError("responses.codes_shifted", columns=columns, first=first, right=right, would=would, cells=n)
            found.append(Template("responses.codes_shifted").of(columns, first=first, right=right, would=would, cells=n))
    if layout.cells == "auto" and sum(u.signs["cells"] + u.signs["no_answers"] for u in like) >= LIKELY:
        raise ResponsesError("responses.answers_and_points", columns=[u.name for u in like])
    return *found, *Template("responses.points_among_answers").about(u.name for u in like)


def refuse_unreadable(judged: Sequence[Unread], layout: Layout, told: Callable[[Mode], Sequence[Unread]]) -> None:
    """Refuse a table with a column that has no reading or more unreadable cells than single ones; advise what helps as it is `told`."""
    if layout.unreadable != "refuse" or not (guilty := list(_guilty(judged))):
        return
    worst, *others = guilty
    facts: dict[str, Any] = {"column": worst.name, "shown": [repr(masked(text)) for text in worst.contents]}
    if worst.item is None and worst.cells == worst.filled:
        raise ResponsesError("responses.points_only_texts", **facts)
    other = ""
    for mode in (m for m in get_args(Mode) if worst.item is not None and m != layout.cells):
        with suppress(ResponsesError):
            read = told(mode)
            doubt = [*map(like_points, (*(u.signs for u in read), sum((u.signs for u in read), Tally())))]
            other = other if any(_guilty(read)) or any(doubt) else mode
    facts["others"] = phrase("responses.likewise", columns=[u.name for u in others]) if others else ""
    facts["expected"] = _expected(worst.item, points=worst.content == "points")
    facts["say"] = phrase("responses.say_cells", other=other) if other else ""
    raise ResponsesError("responses.unreadable_column", cells=worst.cells, filled=worst.filled, **facts)


def _guilty(judged: Sequence[Unread]) -> Iterator[Unread]:
    """Yield the columns without any reading, and with too many unreadable cells: each by itself, short ones together."""
    filled, cells = (sum(getattr(u, name) for u in judged if u.filled < SHORT) for name in ("filled", "cells"))
    together = filled >= SHORT and cells > MOST_UNREADABLE["answers"] * filled
    for u in judged:
        nothing = u.cells == u.filled > 1 and u.content == "points"
        alone = u.filled >= SHORT and u.cells > max(1.0, MOST_UNREADABLE[u.content] * u.filled)
        if nothing or alone or (together and u.cells and u.filled < SHORT):
            yield u


def _expected(item: Item | None, *, points: bool) -> Mapping[str, str]:
    if item is None:
        return phrase("responses.expected_points")
    if points:
        return phrase("responses.expected_range", top=item.max_score)
    if isinstance(item.rule, CodeMap) or item.type in {"number", "digits", "text"}:
        return phrase("responses.expected_map" if isinstance(item.rule, CodeMap) else f"responses.expected_{item.type}")
    one_of = "responses.expected_option" if item.type == "single" else "responses.expected_options"
    return phrase(one_of, options=item.options) if item.options else phrase("responses.expected_codes")


def refuse_scale(item: Item | None, column: Column, v: Verdicts) -> None:
    """Refuse a scale that starts at 1; negative and very high scores where no bank says what is possible."""
    texts = list(compress(column.vocabulary, ~v.tokens))
    if item is None:
        numbers = [int(n) for n in map(read_number, texts) if n is not None and n.denominator == 1]
        if low := sorted(n for n in numbers if n < 0):
            raise ResponsesError("responses.negative", column=column.name, low=low)
        if high := [n for n in numbers if n > HIGHEST]:
            raise ResponsesError("responses.too_high", column=column.name, high=high, highest=HIGHEST)
        return
    values, top = {m[0] for m in map(read_points, texts) if m is not None and m[1] is None}, item.max_score
    if min(values, default=0) == 1 and max(values) == top + 1 and int(column.counts()[~v.tokens].sum()) >= ENOUGH:
        raise ResponsesError("responses.marks_from_one", column=column.name, value=top + 1, item=item.id, top=top)


def only_right(items: Sequence[str], scores: Codes, reasons: Reasons, tops: Ints) -> tuple[Finding, ...]:
    """Return the finding about points (P, I) that are all the highest (I,): zeros may be empty cells, or told by a colour alone."""
    answered = reasons == Reason.ANSWERED
    empty = int((reasons == Reason.NOT_ADMINISTERED)[answered.any(axis=1)].sum())
    highest = len(items) >= ITEMS and answered.sum() >= LIKELY and (scores == tops)[answered].all()
    said = Template("responses.only_right") if empty >= LIKELY else Template("responses.all_right")
    doubtful = empty >= LIKELY or (len(scores) >= LIKELY and answered.all())  # of many persons: one may know all
    return (said.of(items, cells=empty),) if highest and doubtful else ()


def strange_values(items: Sequence[str], scores: Codes, reasons: Reasons) -> tuple[Finding, ...]:
    """Return findings about values after a gap and about items without a zero, items of more than one point only."""
    if not (several := np.flatnonzero(scores.max(axis=0, initial=0) > 1).tolist()):
        return ()
    codes, gaps, shifted, where = list[str](), dict[str, str](), list[str](), list[str]()
    answered = reasons == Reason.ANSWERED
    values: list[int] = np.unique(scores[answered]).tolist()
    if len(items) >= ITEMS and len(values) <= CLEARLY and values[-1] - values[0] != 1 and answered.sum() >= LIKELY:
        return tuple(Template("responses.two_values").about(items, values=values, top=values[-1]))
    nowhere, above = not (answered & (scores == 0)).any(), int((scores > 1).sum())
    for k in several:
        counts = np.bincount(scores[answered[:, k], k])
        values, n = np.flatnonzero(counts).tolist(), int(counts.sum())
        breaks = [(before, v) for before, v in pairwise(values) if v - before > 1]
        start = next((v for before, v in reversed(breaks) if v - before >= WIDE), values[-1] + 1)
        far = next((v for before, v in breaks if 0 < CLEARLY * before < v - before >= FAR), values[-1] + 1)
        lone = n >= MANY_ANSWERS and counts[-1] <= SLIPS and (FEW_ITEMS * len(several) <= len(items) or above <= SLIPS < len(items) / 2)
        if after := [v for v in values if (v >= start and v in USUAL_CODES) or v >= far or (lone and v == values[-1])] * (n >= FEWEST):
            codes.append(items[k])
            where += [f"{items[k]} {v} ({counts[v]})" for v in after]
        elif breaks and n >= SEVERAL:
            gaps[items[k]] = f"{items[k]}: {', '.join(map(str, values))}"
        if values[0] == 1 and len(values) > 1 and n >= (FEWEST if nowhere else SEVERAL):
            shifted.append(items[k])
    return (
        *Template("responses.codes_among_scores").about(codes, where=where),
        *Template("responses.gaps").about(gaps, where=gaps.values()),
        *Template("responses.starts_at_one").about(shifted),
    )
