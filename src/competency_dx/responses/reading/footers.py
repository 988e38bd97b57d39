"""What is no person and no item: rows of totals, keys and signatures, the header once more, columns that sum up others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from competency_dx.responses.findings import TOTAL_ROWS
from competency_dx.responses.normalise import header_form, read_number
from competency_dx.responses.reading.layout import is_total

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from competency_dx.arrays import Floats, Names
    from competency_dx.responses.reading.table import Column, Table

_CERTAIN = ("итого", "всего", "ключ", "ключи", "key", "keys", "total", "totals")
_KEYS = (
    "верный ответ", "верные ответы", "правильный ответ", "правильные ответы", "эталон", "эталонный ответ", "answer key",
    "correct answer", "correct answers", "right answer", "right answers",
)  # fmt: skip
_SIGNED = (
    "исполнитель", "подпись", "подписи", "руководитель", "директор", "ответственный", "составил", "составила",
    "проверил", "проверила", "заполнил", "заполнила", "председатель", "signature", "signed",
)  # fmt: skip
_COUNTS = (
    "кол во", "количество", "процент", "%", "доля", "решаемость", "выполнили", "выполняемость", "трудность", "сложность",
    "балл макс", "число", "ско", "стандартное отклонение", "standard deviation", "std", "percent", "difficulty", "p value",
)  # fmt: skip

LABEL = 400
"""A text as long as this is no label."""
_WORD = re.compile(r"[^\W\d_]{3}|%")
"""What every label has."""

FEW, SOME, ENOUGH = 3, 6, 20
"""Rows in which a column must be the sum of all others, of the columns beside it, of any run of columns: the more runs may
be meant, the easier it is by chance."""
ROUNDED = 10
"""A column that is a multiple of the sum, rounded to whole numbers, reaches this at least."""
SAMPLE = 200
"""So many rows are enough to see that a column is no sum."""
FAR = 1e6
"""More than any sum of points."""


def is_certain(text: str) -> bool:
    """Tell whether a label is that of totals or of the key wherever it stands: no person has this id."""
    form = header_form(text) if len(text) < LABEL else ""
    words = form.split()
    return bool(words) and (words[0] in _CERTAIN or form in _KEYS) and not any(c.isdigit() for c in text)


def is_signature(text: str) -> bool:
    """Tell whether a text starts a line of signatures."""
    words = header_form(text).replace(",", " ").split() if len(text) < LABEL else []
    return bool(words) and words[0].rstrip(":") in _SIGNED


def _strength(text: str) -> int:
    """Return 2 for a label that no person has as an id, 1 for one that only means something at the ends, 0 for others."""
    if len(text) >= LABEL or not _WORD.search(text):
        return 0
    if is_certain(text):
        return 2
    counted = header_form(text).startswith(_COUNTS) and not any(c.isdigit() for c in text)
    return int(is_total(text) or is_signature(text) or counted)


def without_footers(table: Table, person: str | None, answers: Collection[str], labels: Mapping[str, Column]) -> Table:
    """Drop the rows that are no persons and say so.

    A row is dropped where the label of totals or of the key stands as the person's id or beside an empty id; at the top
    and the bottom of the table, weaker labels and signatures do too, and what follows the totals without any answer. Labels
    are looked for outside the columns of `answers`.
    """
    if not table.rows:
        return table
    id_column = labels.get(person) if person is not None else None
    blank = id_column.codes < 0 if id_column is not None else np.zeros(table.rows, dtype=np.bool_)
    cells = [c for name, c in table.columns.items() if (name in answers if answers else name != person)]
    bare = np.all([c.codes < 0 for c in cells], axis=0) if cells else np.zeros(table.rows, dtype=np.bool_)
    certain, ends = np.zeros((2, table.rows), dtype=np.bool_)
    shown: Names = np.full(table.rows, "", dtype=object)
    for place, (name, column) in enumerate(labels.items()):
        if name in answers:
            continue
        own = name == person or (person is None and place == 0)
        strength = np.array([*map(_strength, column.vocabulary), 0])[column.codes]
        certain |= (strength == 2) & (blank | own)
        here = (strength == 2) | ((strength == 1) & (blank | own))
        ends |= here
        for row in np.flatnonzero(here & (shown == "")):
            shown[row] = _shown(column.vocabulary[column.codes[row]])
    if id_column is not None and person is not None:
        letters = set(id_column.header) - {" "}  # a quick look spares most ids the slow one
        header = id_column.where(
            lambda text: (
                len(text) < LABEL
                and letters <= set(text.casefold().replace("ё", "е"))
                and header_form(text) == id_column.header
            )
        )
        certain |= header
        shown[header] = id_column.texts()[header]
    lost = blank & bare if id_column is not None else np.zeros(table.rows, dtype=np.bool_)
    flags = certain | ends | lost
    top, tail = np.logical_and.accumulate(flags), np.logical_and.accumulate((flags | bare)[::-1])[::-1]
    first = np.flatnonzero(tail & flags)
    tail &= np.arange(table.rows) >= (first[0] if len(first) else table.rows)
    gone = certain | lost | top | tail
    if not gone.any():
        return table
    rows = [str(shown[k]) or f"#{k + 1}" for k in np.flatnonzero(gone).tolist()]
    return table.take(~gone, TOTAL_ROWS.of(where=rows, rows=len(rows)))


def sum_columns(columns: Sequence[Column]) -> list[int]:
    """Return the places of the columns that are the sum of others, or its percent or mean, whatever they are called."""
    if len(columns) < FEW or not len(columns[0].codes):
        return []
    numbers = [[np.nan if (x := read_number(v)) is None else float(x) for v in c.vocabulary] for c in columns]
    cells = np.stack([np.array([*n, np.nan])[c.codes] for n, c in zip(numbers, columns, strict=True)], axis=1)
    some = cells[:: max(1, len(cells) // SAMPLE)]
    out: list[int] = []
    while True:
        rest = [k for k in range(cells.shape[1]) if k not in out]
        order = sorted(rest, key=lambda k: -np.nanmax(cells[:, k], initial=-np.inf))
        place = next((k for k in order if _is_sum(some, k, rest) and _is_sum(cells, k, rest)), None)
        if place is None:
            return sorted(out)
        out.append(place)


def _is_sum(cells: Floats, place: int, rest: Sequence[int]) -> bool:
    """Tell whether a column says nothing that the others in `rest` do not: it reaches more than any column it sums up."""
    rows = ~np.isnan(cells[:, place])
    total, parts = cells[rows, place], np.nan_to_num(cells[rows][:, rest])
    others = (parts != total[:, None]).any(axis=0)
    if len(total) < FEW or others.sum() < 2 or len(np.unique(total)) < 2:
        return False
    tops, highest = parts.max(axis=0), total.max()
    whole = parts[:, others].sum(axis=1)
    if _is_multiple(total, whole, tops[others].max()):
        return True
    parts[:, ~others] = FAR  # so that no run holds the column itself
    here = rest.index(place)
    for beside in (parts[:, :here][:, ::-1], parts[:, here + 1 :]) if len(total) >= SOME else ():
        runs = (np.cumsum(beside, axis=1) == total[:, None]).all(axis=0)
        if any(n > 0 and beside[:, : n + 1].max() < highest for n in np.flatnonzero(runs)):
            return True
    if len(total) < ENOUGH:
        return False
    sums = np.cumsum(np.concatenate([np.zeros((len(total), 1)), parts], axis=1), axis=1).T
    ends = {column.tobytes(): k for k, column in enumerate(sums)}
    runs_of = [(k, ends.get((column + total).tobytes(), 0)) for k, column in enumerate(sums)]
    return any(end > start + 1 and tops[start:end].max() < highest for start, end in runs_of)


def _is_multiple(total: Floats, whole: Floats, top: float) -> bool:
    """Tell whether numbers are the sum, or the sum times a constant rounded to as many digits as they show."""
    at = int(whole.argmax())
    digits = next((d for d in (0, 1, 2) if np.array_equal(np.round(total, d), total)), 9)
    if whole[at] <= 0 or (digits == 0 and total.max() <= top):
        return False
    if np.array_equal(total, whole):
        return True
    factor = total[at] / whole[at]
    if len(np.unique(total)) < FEW or (digits == 0 and (factor < 1 or total.max() < ROUNDED or len(total) < SOME)):
        return False
    return bool((np.abs(total - factor * whole) <= 0.51 * 10.0**-digits * (1 + whole / whole[at])).all())


def _shown(text: str) -> str:
    """Return a content as it may be shown: of a signature the first word only."""
    return text.split(maxsplit=1)[0].rstrip(":,") if is_signature(text) else text[:60]
