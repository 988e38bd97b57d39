"""Rows that are no persons: totals, maxima, keys, signatures, the header once more."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from competency_dx.arrays import Names
from competency_dx.findings import Template
from competency_dx.personal_data import hidden_text
from competency_dx.responses.normalise import header_form
from competency_dx.responses.reading.layout import is_total
from competency_dx.responses.reading.table import Column, Table
from competency_dx.wording import toml_content

_ROWS = toml_content("responses.reading", "words")["rows"]
LABEL = 400
"""A text as long as this is no label."""
_WORD = re.compile(r"[^\W\d_]{3}|%")
"""What every label has."""


def is_signature(text: str) -> bool:
    """Tell whether a text starts a line of signatures."""
    words = header_form(text).replace(",", " ").split() if len(text) < LABEL else []
    return bool(words) and words[0].rstrip(":") in _ROWS["signed"]


def strength_of_label(text: str) -> int:
    """Return 2 for a label that no person has as an id, 1 for one that only means something at the ends, 0 for others."""
    if len(text) >= LABEL or not _WORD.search(text):
        return 0
    form, numbered = header_form(text), any(c.isdigit() for c in text)
    if not numbered and (form in _ROWS["key"] or form.partition(" ")[0] in _ROWS["certain"]):
        return 2
    counted = form.startswith(tuple(_ROWS["count"])) and not numbered
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
        if not _WORD.search("\n".join(column.vocabulary)):
            continue
        own = name == person or (person is None and place == 0)
        strength = np.array([*map(strength_of_label, column.vocabulary), 0])[column.codes]
        certain |= (strength == 2) & (blank | own)
        here = (strength == 2) | ((strength == 1) & (blank | own))
        ends |= here
        for row in np.flatnonzero(here & (shown == "")):
            shown[row] = _shown(column.vocabulary[column.codes[row]])
    if id_column is not None and person is not None:
        letters = set(id_column.header) - {" "}  # a quick look spares most ids the slow one
        header = id_column.where(
            lambda text: (
                len(letters) <= len(text) < LABEL
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
    return table.take(~gone, Template("responses.total_rows").of(where=rows, rows=len(rows)))


def _shown(text: str) -> str:
    """Return a content as it may be shown: of a signature the first word only."""
    return text.split(maxsplit=1)[0].rstrip(":,") if is_signature(text) else hidden_text(text)[:60]
