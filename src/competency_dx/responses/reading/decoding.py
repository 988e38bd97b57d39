"""Bytes as text: which encoding a file is written in, and what it is when its name says something else."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

_FREQUENCIES = (
    "о109 е85 а80 и74 н67 т63 с55 р47 в45 л44 к35 м32 д30 п28 у26 я20 ы19 ь17 г17 з16 б16 ч14 й12 х10 ж9 ш7 ю6 ц5 щ4 э3 ф3 ъ1 ё1"
)
_PER_MILLE = {pair[0]: int(pair[1:]) for pair in _FREQUENCIES.split()}
"""How often each letter stands in a thousand of Russian text, rounded."""
_SIGNS = frozenset("№«»—–…“”„’°±·\u00a0")
"""Signs beyond ASCII that Russian texts have besides letters."""
_CODE_PAGES = ("cp1251", "koi8-r", "cp866")
ENOUGH = 1 << 16
"""Bytes that are enough to tell a code page."""
_CASE, _SIGN, _FOREIGN = -3.0, -4.0, -9.0

_KINDS: Mapping[bytes, str] = {
    b"PK\x03\x04": "responses.is_workbook",
    b"\xd0\xcf\x11\xe0": "responses.is_old_excel",
    b"PAR1": "responses.is_parquet",
    b"%PDF": "responses.is_pdf",
    b"\x1f\x8b": "responses.is_gzip",
}


def decode(data: bytes) -> tuple[str, str]:
    """Return the text of a file and its encoding: by byte order mark, UTF-8, or the likeliest Cyrillic code page.

    UTF-16 that breaks off in the middle of a sign raises `UnicodeDecodeError`; the code pages have a sign for every byte.
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16"), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        page = max(_CODE_PAGES, key=lambda name: russian(data[:ENOUGH].decode(name, errors="replace")))
        return data.decode(page, errors="replace"), page


def russian(text: str) -> float:
    """Return how much a text looks like Russian: the log-likelihood of its letters and signs beyond ASCII."""
    score = 0.0
    for sign, n in Counter(c for c in text if c > "\x7f").items():
        often = _PER_MILLE.get(sign.lower())
        score += n * (_SIGN if sign in _SIGNS else _FOREIGN if often is None else math.log(often / 1000))
    return score + _CASE * len(re.findall(r"[а-яё][А-ЯЁ]", text))


def disguise(data: bytes) -> str | None:
    """Return the phrase for what the bytes are when they are no table in plain text, None when they may be one."""
    for start, what in _KINDS.items():
        if data.startswith(start):
            return what
    head = data[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if re.match(rb"<(?:!doctype html|html|head|body|table|meta|style|div)", head) or b"<html" in head:
        return "responses.is_html"
    return "responses.is_xml" if head.startswith((b"<?xml", b"<workbook")) else None
