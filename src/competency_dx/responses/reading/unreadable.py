"""Cells that cannot be read: single ones are left out; where there are more the table, the bank or the layout is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from competency_dx.bank import CodeMap, Item
from competency_dx.errors import ResponsesError, phrase
from competency_dx.personal_data import masked
from competency_dx.responses.missing import Reason
from competency_dx.responses.normalise import read_integer, read_points
from competency_dx.responses.responses import HIGHEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from competency_dx.responses.reading.layout import Layout
    from competency_dx.responses.reading.scoring import Mode, Verdicts
    from competency_dx.responses.reading.table import Column

MOST_UNREADABLE = {"points": 0.1, "answers": 0.5}
"""Share of the filled cells of a column that may be unreadable, one cell always: people write what they like, raters do not."""
SHORT = 5
"""Columns with fewer filled cells are judged together, by the larger share."""
EXAMPLES = 3
ENOUGH = 5
"""So many marks without a zero say that a scale starts at 1."""


class Unread(NamedTuple):
    """How many of the filled cells of a column have no reading, which contents they are, and of which item."""

    content: Literal["points", "answers"]
    name: str
    cells: int
    filled: int
    contents: tuple[str, ...]
    item: Item | None


def unread_of(name: str, item: Item | None, column: Column, v: Verdicts, *, points: bool) -> Unread:
    """Return what cannot be read in a column; refuse points that are negative or very high, and marks that begin at 1."""
    if item is None:
        _check_range(column, v)
    elif points:
        _check_start(item, column, v)
    bad, counts = ~v.tokens & ((v.status == Reason.INVALID) | v.several), column.counts()
    return Unread(
        content="points" if points else "answers",
        name=name,
        cells=int(counts[bad].sum()),
        filled=int(counts[~v.tokens].sum()),
        contents=tuple(text for text, b in zip(column.vocabulary, bad, strict=True) if b),
        item=item,
    )


def refuse_unreadable(judged: Sequence[Unread], mode: Mode, layout: Layout, *, known: bool) -> None:
    """Refuse a table with a column that has no reading or more unreadable cells than single ones."""
    if layout.unreadable == "refuse" and (guilty := list(_guilty(judged))):
        raise _refusal(guilty, mode, known=known)


def _guilty(judged: Sequence[Unread]) -> Iterator[Unread]:
    """Yield the columns without any reading, and with too many unreadable cells: each by itself, short ones together."""
    short = [u for u in judged if u.filled < SHORT]
    filled, cells = sum(u.filled for u in short), sum(u.cells for u in short)
    together = filled >= SHORT and cells > MOST_UNREADABLE["answers"] * filled
    for u in judged:
        nothing = u.cells == u.filled > 1 and u.content == "points"
        alone = u.filled >= SHORT and u.cells > max(1.0, MOST_UNREADABLE[u.content] * u.filled)
        if nothing or alone or (together and u.cells and u.filled < SHORT):
            yield u


def _refusal(guilty: Sequence[Unread], mode: Mode, *, known: bool) -> ResponsesError:
    worst = guilty[0]
    shown = [repr(masked(text)) for text in worst.contents]
    if not known and worst.cells == worst.filled:
        return ResponsesError("responses.points_only_texts", column=worst.name, shown=shown)
    other = "raw" if mode == "scored" else "scored" if worst.content == "answers" else ""
    return ResponsesError(
        "responses.unreadable_column",
        column=worst.name,
        others=phrase("responses.likewise", columns=[u.name for u in guilty[1:]]) if len(guilty) > 1 else "",
        cells=worst.cells,
        filled=worst.filled,
        shown=shown,
        expected=_expected(worst.item, points=worst.content == "points"),
        say=phrase("responses.say_cells", other=other) if known and other else "",
    )


def _expected(item: Item | None, *, points: bool) -> Mapping[str, str]:
    if item is None:
        return phrase("responses.expected_points")
    if points:
        return phrase("responses.expected_range", top=item.max_score)
    if isinstance(item.rule, CodeMap):
        return phrase("responses.expected_map")
    if item.type in {"number", "digits", "text"}:
        return phrase(f"responses.expected_{item.type}")
    if not item.options:
        return phrase("responses.expected_codes")
    code = "responses.expected_option" if item.type == "single" else "responses.expected_options"
    return phrase(code, options=item.options)


def _check_start(item: Item, column: Column, v: Verdicts) -> None:
    """Refuse marks from 1 to one more than the maximum: a scale that starts at 1."""
    marks = [read_points(text) for text, token in zip(column.vocabulary, v.tokens, strict=True) if not token]
    values = {m[0] for m in marks if m is not None and m[1] is None}
    top = item.max_score
    if min(values, default=0) == 1 and max(values) == top + 1 and int(column.counts()[~v.tokens].sum()) >= ENOUGH:
        raise ResponsesError("responses.marks_from_one", column=column.name, value=top + 1, item=item.id, top=top)


def _check_range(column: Column, v: Verdicts) -> None:
    """Refuse negative and very high scores where no bank says what is possible."""
    numbers = [read_integer(text) for text, token in zip(column.vocabulary, v.tokens, strict=True) if not token]
    if low := sorted(n for n in numbers if n is not None and n < 0):
        raise ResponsesError("responses.negative", column=column.name, low=low)
    if high := [n for n in numbers if n is not None and n > HIGHEST]:
        raise ResponsesError("responses.too_high", column=column.name, high=high, highest=HIGHEST)
