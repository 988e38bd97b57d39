"""Rows that are no persons: totals, maxima, keys, signatures, the header once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from competency_dx.responses.findings import TOTAL_ROWS
from competency_dx.responses.normalise import header_form
from competency_dx.responses.reading.layout import is_total

if TYPE_CHECKING:
    from competency_dx.arrays import Names
    from competency_dx.responses.reading.table import Table

_CERTAIN = ("итого", "всего", "ключ", "ключи", "key", "keys", "total", "totals")
_KEYS = ("верный ответ", "верные ответы", "правильный ответ", "правильные ответы", "answer key", "correct answer")
_SIGNED = (
    "исполнитель", "подпись", "подписи", "руководитель", "директор", "ответственный", "составил", "составила",
    "проверил", "проверила", "заполнил", "заполнила", "председатель", "signature", "signed",
)  # fmt: skip
_COUNTS = ("кол во", "количество", "процент", "% выполнения", "% верных", "выполнили", "балл макс")


def is_certain(text: str) -> bool:
    """Tell whether a label is that of totals or of the key wherever it stands: no person has this id."""
    form = header_form(text)
    words = form.split()
    return bool(words) and (words[0] in _CERTAIN or form in _KEYS) and not any(c.isdigit() for c in text)


def is_signature(text: str) -> bool:
    """Tell whether a text starts a line of signatures."""
    words = header_form(text).replace(",", " ").split()
    return len(text) < 400 and bool(words) and words[0].rstrip(":") in _SIGNED


def _is_end(text: str) -> bool:
    return is_total(text) or is_certain(text) or is_signature(text) or header_form(text).startswith(_COUNTS)


def without_footers(table: Table, person: str | None, used: set[str]) -> Table:
    """Drop the rows that are no persons and say so.

    A row is dropped where the label of totals or of the key stands as the person's id or beside an empty id; at the top
    and the bottom of the table, weaker labels and signatures do too, and what follows the totals without any answer.
    """
    if not table.rows:
        return table
    id_column = table.columns.get(person) if person is not None else None
    blank = id_column.codes < 0 if id_column is not None else np.zeros(table.rows, dtype=np.bool_)
    answers = [c for name, c in table.columns.items() if (name in used if used else name != person)]
    bare = np.all([c.codes < 0 for c in answers], axis=0) if answers else np.zeros(table.rows, dtype=np.bool_)
    certain, ends = np.zeros((2, table.rows), dtype=np.bool_)
    shown: Names = np.full(table.rows, "", dtype=object)
    for place, (name, column) in enumerate(table.columns.items()):
        if name in used:
            continue
        own = name == person or (person is None and place == 0)
        sure = column.where(is_certain)
        certain |= sure & (blank | own)
        here = sure | (column.where(_is_end) & (blank | own))
        ends |= here
        shown = np.where(here & (shown == ""), column.spread(map(_shown, column.vocabulary)), shown)
    if id_column is not None and person is not None:
        header = id_column.where(lambda text: header_form(text) == id_column.header)
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


def _shown(text: str) -> str:
    """Return a content as it may be shown: of a signature the first word only."""
    return text.split(maxsplit=1)[0].rstrip(":,") if is_signature(text) else text[:60]
