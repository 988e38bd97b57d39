"""What is no answer: rows that are no persons (totals, maxima, keys, signatures, the header again), sums of others, personal data."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal

import numpy as np

from competency_dx.arrays import Floats, Names
from competency_dx.findings import Template
from competency_dx.personal_data import (
    HEADINGS,
    Personal,
    hidden_text,
    is_snils,
    is_tax_number,
    may_be_a_name,
    names_a_person,
    personal_in,
    spelled,
)
from competency_dx.responses.normalise import header_form, read_number
from competency_dx.responses.reading.layout import PERSON_NAMES, is_total
from competency_dx.responses.reading.table import Column, Table
from competency_dx.wording import toml_content

_WORDS = toml_content("responses.reading", "words")
_ROWS = _WORDS["rows"]
LABEL = 400  # a text as long as this is no label
_WORD = re.compile(r"[^\W\d_]{3}|%")  # what every label has
FEW, SOME, ENOUGH = 4, 6, 20
"""Rows in which a column must be the sum of all others, of columns beside it, of any run of columns: the more runs may be
meant, the easier it is by chance."""
ROUNDED = 10  # a column that is a multiple of the sum, rounded to whole numbers, reaches this at least
SAMPLE = 200  # so many rows are enough to see that a column is no sum
CONTENTS = 2000  # distinct contents looked at per column where a share of them decides
LONGEST_NAME = 40  # a heading as long as this is a question, in which persons of history may be named
YEARS, ADULT = 5, 2000  # dates that lie so many years apart, most of them before this year, are birth dates
_SHORT = re.compile(r"(?:[^\W\d_]{0,2}\d{0,5}(?:\n|\Z))*+")  # cells in which nothing personal has room
_CELLS = {kind: re.compile(text.replace("{name}", _WORDS["name"])) for kind, text in _WORDS["cells"].items()}
ColumnKind = Personal | Literal["name in a comment"]


def is_signature(text: str) -> bool:
    """Tell whether a text starts a line of signatures."""
    first = next(iter(header_form(text).replace(",", " ").split()), "") if len(text) < LABEL else ""
    return first.rstrip(":") in _ROWS["signed"]


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
    ids = labels.get(person) if person is not None else None
    nowhere, certain, ends = np.zeros((3, table.rows), dtype=np.bool_)
    blank = ids.codes < 0 if ids is not None else nowhere
    cells = [c for name, c in table.columns.items() if (name in answers if answers else name != person)]
    bare = np.all([c.codes < 0 for c in cells], axis=0) if cells else nowhere
    shown: Names = np.full(table.rows, "", dtype=object)
    for place, (name, column) in enumerate(labels.items()):
        if name in answers or not _WORD.search("\n".join(column.vocabulary)):
            continue
        own = blank | (name == person or (person is None and place == 0))
        strength = np.array([*map(strength_of_label, column.vocabulary), 0])[column.codes]
        certain |= (strength == 2) & own
        ends |= (here := (strength == 2) | ((strength == 1) & own))
        for row in np.flatnonzero(here & (shown == "")):
            text = column.vocabulary[column.codes[row]]  # of a signature the first word only
            shown[row] = text.split(maxsplit=1)[0].rstrip(":,") if is_signature(text) else hidden_text(text)[:60]
    if ids is not None:
        letters = set(ids.header) - {" "}  # a quick look spares most ids the slow one
        likely = (len(letters) <= len(t) < LABEL and letters <= set(t.casefold().replace("ё", "е")) for t in ids.vocabulary)
        heads = [near and header_form(text) == ids.header for near, text in zip(likely, ids.vocabulary, strict=True)]
        certain |= (header := np.array([*heads, False])[ids.codes])
        shown[header] = ids.texts()[header]
    lost = blank & bare
    flags = certain | ends | lost
    top, tail = np.logical_and.accumulate(flags), np.logical_and.accumulate((flags | bare)[::-1])[::-1]
    tail &= np.logical_or.accumulate(tail & flags)  # from the first of them on
    gone = certain | lost | top | tail
    rows = [str(shown[k]) or f"#{k + 1}" for k in np.flatnonzero(gone).tolist()]
    return table.take(~gone, Template("responses.total_rows").of(where=rows, rows=len(rows))) if rows else table


def sum_columns(columns: Sequence[Column]) -> list[int]:
    """Return the places of the columns that are the sum of others, or a multiple of it such as the percent or the mean."""
    if len(columns) <= 2 or len(columns[0].codes) < FEW:
        return []
    numbers = [[np.nan if (x := read_number(v)) is None else float(x) for v in c.vocabulary] for c in columns]
    cells = np.stack([np.array([*n, np.nan])[c.codes] for n, c in zip(numbers, columns, strict=True)], axis=1)
    some = cells[:: max(1, len(cells) // SAMPLE)]
    named = [any(word in c.name.casefold() for word in _ROWS["part"]) for c in columns]
    if 2 * sum(named) >= len(columns):  # where few names have such a word, one is the sum of the run it equals in FEW rows already
        named = [False] * len(columns)
    filled, rest = np.nan_to_num(cells), np.arange(len(columns))
    while True:
        tops, whole = filled[:, rest].max(axis=0), (np.nan_to_num(some[:, rest]) % 1 == 0).all(axis=0)
        least = tops[tops > 0].min(initial=np.inf)
        places = [k for k in np.argsort(-tops, kind="stable").tolist() if not whole[k] or tops[k] > least]
        sums = (k for k in places if _sums_up(some[:, rest], k) and _sums_up(cells[:, rest], k))
        runs = _runs(some[:, rest], places, {k for k in places if named[rest[k]]})
        equal = ((k, filled[:, rest[start:end]].sum(axis=1) == cells[:, rest[k]]) for k, start, end in runs)
        of_runs = (k for k, same in equal if (same | np.isnan(cells[:, rest[k]])).all())
        if (place := next(chain(sums, of_runs), None)) is None:
            return sorted(set(range(len(columns))) - set(rest.tolist()))
        rest = np.delete(rest, place)


def _sums_up(cells: Floats, place: int) -> bool:
    """Tell whether a column is the sum of all others (of equal ones none), or a multiple rounded to the digits it shows."""
    rows = ~np.isnan(cells[:, place])
    total, parts = cells[rows, place], np.nan_to_num(cells[rows])
    others = (parts != total[:, None]).any(axis=0)
    if len(total) < FEW or others.sum() < 2 or len(np.unique(total)) < 2:
        return False
    whole = parts[:, others].sum(axis=1)
    at, digits = int(whole.argmax()), next((d for d in (0, 1, 2) if np.array_equal(np.round(total, d), total)), 9)
    if whole[at] <= 0 or (digits == 0 and total.max() <= parts[:, others].max()):
        return False
    if np.array_equal(total, whole):
        return True
    factor = total[at] / whole[at]
    if len(np.unique(total)) <= 2 or (digits == 0 and (factor < 1 or total.max() < ROUNDED or len(total) < SOME)):
        return False
    return bool((np.abs(total - factor * whole) <= 0.51 * 10.0**-digits * (1 + whole / whole[at])).all())


def _runs(cells: Floats, places: Sequence[int], named: Container[int]) -> Iterator[tuple[int, int, int]]:
    """Yield columns with a run [start, end) of two or more others whose sum they are, reaching more than any of them."""
    weights = np.random.default_rng(1).integers(1, 1 << 20, len(cells)).astype(np.float64)  # a column is found by one weighted sum
    filled, missing = np.nan_to_num(cells), np.isnan(cells)
    seen: dict[bytes, tuple[Floats, dict[float, list[int]]]] = {}
    for place in places:
        rows = ~missing[:, place]
        if rows.sum() < (FEW if place in named else SOME) or filled[rows, place].min() == filled[rows, place].max():
            continue  # a constant is the sum of constants by chance
        if (key := rows.tobytes()) not in seen:
            seen[key] = np.concatenate([[0.0], np.cumsum((weights * rows) @ filled)]), {}
            for end, mark in enumerate(seen[key][0].tolist()):
                seen[key][1].setdefault(mark, []).append(end)
        sums, ends = seen[key]
        tops = filled[rows].max(axis=0)
        for start, mark in enumerate((sums + (sums[place + 1] - sums[place])).tolist()):
            for end in ends.get(mark, ()):
                beside = end == place or start == place + 1
                apart = end > start + 1 and not start <= place < end
                if apart and (beside or place in named or rows.sum() >= ENOUGH) and tops[start:end].max() < tops[place]:
                    yield place, start, end


def personal_kind(column: Column) -> ColumnKind | None:
    """Return which personal data a column holds, None where it holds none."""
    header, cells = column.header, column.vocabulary[:CONTENTS]
    if not cells:
        return None
    bare = [*{c.rstrip("0123456789") for c in cells}] if len(cells) > 1 else cells  # "Smith7", where "Pupil 7" is one word for all
    of_persons = header in PERSON_NAMES or HEADINGS["person"].search(header)
    tests: tuple[tuple[ColumnKind, Callable[[], object]], ...] = (
        ("СНИЛС", lambda: _share(cells, _may_be_snils) > (0 if HEADINGS["СНИЛС"].search(header) else 0.5)),
        ("ИНН", lambda: _share(cells, is_tax_number) > 0.5),
        ("ИНН", lambda: HEADINGS["ИНН"].search(header) and _share(cells, _CELLS["digits"].fullmatch) > 0.5),
        ("phone", lambda: _share(cells, _CELLS["bare phone"].fullmatch) > 0.5),
        ("phone", lambda: HEADINGS["phone"].search(header) and _share(cells, _CELLS["digits"].fullmatch) > 0.3),
        ("passport", lambda: HEADINGS["passport"].search(header) and _share(cells, _CELLS["digits"].fullmatch) > 0.3),
        ("IP address", lambda: _share(cells, _CELLS["IP address"].fullmatch) > (0.1 if HEADINGS["IP address"].search(header) else 0.5)),
        ("account", lambda: HEADINGS["account"].search(header) and _share(cells, _CELLS["handle"].match) > 0.3),
        ("birth date", lambda: HEADINGS["birth date"].search(header) and _share(cells, _full_date) > 0.3),
        ("birth date", lambda: not HEADINGS["other date"].search(header) and _are_births(cells)),
        ("name", lambda: _share(cells, _CELLS["initials"].fullmatch) > 0.3),
        ("name", lambda: HEADINGS["name"].search(header) and 2 * len(bare) * _share(bare, _CELLS["letters"].fullmatch) > len(cells)),
        ("name", lambda: of_persons and _share(cells, _CELLS["full name"].fullmatch) > 0.5),
        ("name", lambda: (of_persons or HEADINGS["name"].search(header)) and _share(cells, may_be_a_name) > 0.5),
    )
    certain = _inside(column)
    if certain is not None and "name" not in certain:
        return certain
    return next((what for what, test in tests if test()), certain)


def _inside(column: Column) -> ColumnKind | None:
    """Return what the heading or any cell holds for certain; a signature is none of the persons'."""
    if (what := personal_in(column.name)) is not None and (what != "name" or len(column.name) < LONGEST_NAME):
        return what
    some = () if _SHORT.fullmatch("\n".join(column.vocabulary)) else column.vocabulary
    kinds = {what: cell for cell in some if (what := personal_in(cell)) and not is_signature(cell)}
    if set(kinds) == {"name"} and " " in kinds["name"] and _share(column.vocabulary, names_a_person) < 0.5:
        return "name in a comment"
    return next((kind for kind in kinds if kind != "name"), "name" if kinds else None)


def _share(cells: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(c)) for c in cells) / len(cells)


def _may_be_snils(cell: str) -> bool:
    """Tell whether a cell is a СНИЛС; a spreadsheet takes a leading zero away."""
    digits = re.sub(r"[\s-]", "", spelled(cell)) if len(cell) < 16 else ""
    return digits.isdecimal() and len(digits) in {10, 11} and is_snils(digits.zfill(11))


def _full_date(cell: str) -> bool:
    """Tell whether a cell is a full date, also one that a spreadsheet keeps as a number of days."""
    days = len(cell) == 5 and cell.isascii() and cell.isdigit()
    return days or _CELLS["any date"].fullmatch(cell) is not None or _CELLS["date"].fullmatch(cell) is not None


def _are_births(cells: Sequence[str]) -> bool:
    years = sorted(int(m["y1"] or m["y2"] or m["y3"]) for c in cells if (m := _CELLS["date"].fullmatch(c)))
    past = sum(1920 < y < ADULT for y in years)
    return len(years) > len(cells) / 2 and past > len(years) / 2 and years[-1] - years[0] >= YEARS
