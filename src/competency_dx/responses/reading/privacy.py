"""Finding columns that name or reach a person, by header words and by what the cells look like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from competency_dx.responses.reading.table import Column

Personal = Literal["name", "e-mail", "phone", "СНИЛС", "passport"]

SAMPLE = 2000
"""Distinct contents looked at per column."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]{2,}")
_SNILS = re.compile(r"\d{3}-\d{3}-\d{3}[ -]\d{2}")
_PHONE = re.compile(
    r"\+\d[\d\s().-]{8,16}|8[\s(-]+\d{3}[\s).-]+\d{3}[\s.-]?\d{2}[\s.-]?\d{2}|8\s?\(\d{3,5}\)[\d\s-]{5,9}"
)
_BARE_PHONE = re.compile(r"[78]9\d{9}")
_CONTACT_HEADER = re.compile(r"\b(?:контакт|связь|contact)")
_DIGITS = re.compile(r"\D*(?:\d\D*){10,11}")
_WORD = r"[A-ZА-ЯЁ][a-zа-яё]+(?:-[A-ZА-ЯЁ][a-zа-яё]+)?"
_INITIALS = re.compile(rf"{_WORD}\s+[А-ЯЁA-Z]\.\s*[А-ЯЁA-Z]\.?|[А-ЯЁA-Z]\.\s*[А-ЯЁA-Z]\.\s*{_WORD}")
_PATRONYMIC = re.compile(
    r"(?i)[а-яё-]+\s+[а-яё-]+\s+[а-яё]+(?:вич|вна|ична|инична|ильич|кузьмич)|[а-яё-]+\s+[а-яё-]+\s+[а-яё]+\s+(?:оглы|кызы)"
)
_FULL_NAME = re.compile(rf"{_WORD}\s+{_WORD}(?:\s+{_WORD})?")
_LETTERS = re.compile(r"[^\W\d_]{2,}\D*")

_NAME_HEADER = re.compile(
    r"\b(?:фио|фамилия|имя|отчество|ф и о|surname|first ?name|last ?name|full ?name|middle ?name|patronymic"
    r"|(?:student|teacher|person|user|participant) name)\b|^name$"
)
_PHONE_HEADER = re.compile(r"\b(?:тел|телефон|моб|мобильный|phone|mobile|whatsapp)\b")
_SNILS_HEADER = re.compile(r"снилс|snils|страховой номер")
_PERSON_HEADER = re.compile(r"участник|учител|педагог|ученик|студент|person|student|teacher|participant")
_PASSPORT_HEADER = re.compile(r"\bпаспорт|passport")


def personal_columns(columns: Iterable[Column]) -> tuple[tuple[str, Personal], ...]:
    """Return the columns with personal data and what they hold."""
    return tuple((c.name, what) for c in columns if (what := _verdict(c)) is not None)


def _verdict(column: Column) -> Personal | None:  # noqa: PLR0911 - one return a kind
    header, cells = column.header, column.vocabulary[:SAMPLE]
    if not cells:
        return None
    if any(_EMAIL.search(c) for c in cells):
        return "e-mail"
    if any(_SNILS.fullmatch(c) for c in cells) or (_SNILS_HEADER.search(header) and _share(cells, _DIGITS) > 0.5):
        return "СНИЛС"
    contact = _PHONE_HEADER.search(header) or _CONTACT_HEADER.search(header)
    if _share(cells, _PHONE) > 0.3 or _share(cells, _BARE_PHONE) > 0.5 or (contact and _share(cells, _DIGITS) > 0.3):
        return "phone"
    if _PASSPORT_HEADER.search(header) and _share(cells, _DIGITS) > 0.3:
        return "passport"
    named = _NAME_HEADER.search(header) is not None
    if _share(cells, _INITIALS) > 0.3 or _share(cells, _PATRONYMIC) > 0.3 or (named and _share(cells, _LETTERS) > 0.5):
        return "name"
    return "name" if _PERSON_HEADER.search(header) and _share(cells, _FULL_NAME) > 0.5 else None


def _share(cells: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(c) is not None for c in cells) / len(cells)
