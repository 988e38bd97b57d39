"""Finding columns that name or reach a person, by header words and by what the cells look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from competency_dx.personal_data import HEADINGS, Personal, is_snils, is_tax_number, may_be_a_name, names_a_person, personal_in, spelled
from competency_dx.responses.reading.layout import PERSON_NAMES
from competency_dx.responses.reading.table import Column
from competency_dx.responses.reading.totals import is_signature

SAMPLE = 2000
"""Distinct contents looked at per column where a share of them decides."""
LONGEST_NAME = 40
"""A heading as long as this is a question, in which persons of history may be named."""
YEARS, ADULT = 5, 2000
"""Dates that lie so many years apart, most of them before this year, are birth dates."""

_SHORT = re.compile(r"(?:[^\W\d_]{0,2}\d{0,5}(?:\n|\Z))*+")  # cells in which nothing personal has room
_BARE_PHONE = re.compile(r"[78]?9\d{9}")
_DIGITS = re.compile(r"\D*+(?:\d\D*+){10,12}")
_WORD = r"[A-ZА-ЯЁ][a-zа-яё]+(?:-[A-ZА-ЯЁ][a-zа-яё]+)?"
_INITIALS = re.compile(rf"{_WORD}\s+[А-ЯЁA-Z]\.\s*[А-ЯЁA-Z]\.?|[А-ЯЁA-Z]\.\s*[А-ЯЁA-Z]\.\s*{_WORD}")
_FULL_NAME = re.compile(rf"{_WORD}\s+{_WORD}(?:\s+{_WORD})?")
_LETTERS = re.compile(r"[^\W\d_]{2,}\D*")
_DATE = re.compile(
    r"(?:(?P<y1>\d{4})[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?P<y2>\d{4}))(?:[ T]\d{1,2}:\d{2}.{0,12})?(?:\s*г\.?)?"
    r"|\d{1,2}\s[а-яёa-z]{3,9}\s(?P<y3>\d{4})(?:\s*г\.?)?"
)
_IP = re.compile(
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d+)?|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}"
    r"|(?=.*::)[0-9a-f:]{3,39}",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"@?[\w.]{4,}|[^\s/]*/\S+")

_ANY_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[ T].{0,20})?")

ColumnKind = Personal | Literal["name in a comment"]


def personal_columns(columns: Mapping[str, Column]) -> dict[str, ColumnKind]:
    """Return the columns with personal data and what they hold."""
    return {name: what for name, c in columns.items() if (what := _verdict(c)) is not None}


def _verdict(column: Column) -> ColumnKind | None:
    header, cells = column.header, column.vocabulary[:SAMPLE]
    if not cells:
        return None
    of_persons = header in PERSON_NAMES or HEADINGS["person"].search(header)
    tests: tuple[tuple[ColumnKind, Callable[[], object]], ...] = (
        ("СНИЛС", lambda: _share(cells, _may_be_snils) > (0 if HEADINGS["СНИЛС"].search(header) else 0.5)),
        ("ИНН", lambda: _share(cells, is_tax_number) > 0.5),
        ("ИНН", lambda: HEADINGS["ИНН"].search(header) and _share(cells, _DIGITS.fullmatch) > 0.5),
        ("phone", lambda: _share(cells, _BARE_PHONE.fullmatch) > 0.5),
        ("phone", lambda: HEADINGS["phone"].search(header) and _share(cells, _DIGITS.fullmatch) > 0.3),
        ("passport", lambda: HEADINGS["passport"].search(header) and _share(cells, _DIGITS.fullmatch) > 0.3),
        ("IP address", lambda: _share(cells, _IP.fullmatch) > (0.1 if HEADINGS["IP address"].search(header) else 0.5)),
        ("account", lambda: HEADINGS["account"].search(header) and _share(cells, _HANDLE.match) > 0.3),
        ("birth date", lambda: HEADINGS["birth date"].search(header) and _share(cells, _full_date) > 0.3),
        ("birth date", lambda: not HEADINGS["other date"].search(header) and _are_births(cells)),
        ("name", lambda: _share(cells, _INITIALS.fullmatch) > 0.3),
        ("name", lambda: HEADINGS["name"].search(header) and _share(cells, _LETTERS.fullmatch) > 0.5),
        ("name", lambda: of_persons and _share(cells, _FULL_NAME.fullmatch) > 0.5),
        ("name", lambda: of_persons and _share(cells, may_be_a_name) > 0.5),
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


def signed_columns(columns: Iterable[Column]) -> tuple[tuple[str, ColumnKind], ...]:
    """Return the columns with a name in what starts like a line of signatures, once such lines are off the table."""
    signed = [c for c in columns if any(is_signature(v) and names_a_person(v) for v in c.vocabulary)]
    return tuple((c.name, "name in a comment") for c in signed)


def _may_be_snils(cell: str) -> bool:
    """Tell whether a cell is a СНИЛС; a spreadsheet takes a leading zero away."""
    digits = re.sub(r"[\s-]", "", spelled(cell)) if len(cell) < 16 else ""
    return digits.isdecimal() and len(digits) in {10, 11} and is_snils(digits.zfill(11))


def _full_date(cell: str) -> bool:
    """Tell whether a cell is a full date, also one that a spreadsheet keeps as a number of days."""
    days = len(cell) == 5 and cell.isascii() and cell.isdigit()
    return days or _ANY_DATE.fullmatch(cell) is not None or _DATE.fullmatch(cell) is not None


def _are_births(cells: Sequence[str]) -> bool:
    years = sorted(int(m["y1"] or m["y2"] or m["y3"]) for c in cells if (m := _DATE.fullmatch(c)))
    past = sum(1920 < y < ADULT for y in years)
    return len(years) > len(cells) / 2 and past > len(years) / 2 and years[-1] - years[0] >= YEARS
