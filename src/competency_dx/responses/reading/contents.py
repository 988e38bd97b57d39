"""What the bytes of a file are: text in which encoding, a workbook whose sheets are of bounded size, or something else."""

import io
import math
import re
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from functools import reduce
from pathlib import Path
from string import ascii_uppercase, digits
from typing import Any, Literal
from xml.parsers import expat

from competency_dx.errors import CompetencyDxError, ResponsesError, needing, phrase
from competency_dx.responses.normalise import LIKE, WORDS
from competency_dx.storage import PIECE, check_time, decompressed, limits_in_force, read_bytes

_PER_MILLE = {pair[0]: int(pair[1:]) for pair in WORDS["letters"].split()}
_CODE_PAGES, _RARE = ("cp1251", "koi8-r", "cp866", "iso8859-5"), 15.0
"""How much better a text must read in the last than in the first, which Russian spreadsheets write."""
ENOUGH = 1 << 16  # bytes that are enough to tell a code page
_CASE, _SIGN, _FOREIGN = -3.0, -4.0, -9.0
_KINDS: dict[bytes, str] = {bytes.fromhex(start): what for start, what in WORDS["first bytes"].items()}
ADDRESS_SPACE = 1 << 31  # bytes that a reader may take for a format which is not looked into here
_LETTERS, _DIGITS = ascii_uppercase.encode(), digits.encode()
_PLAIN_CELL = re.compile(rb'<c r="([A-Z]{1,3}[0-9]{1,7})"')
_HIDDEN = re.compile(rb'<(?:\w+:)?row [^>]*\bhidden="(?:1|true)"')
_NOT_PLAIN = (b"<f", b't="e"', b":c ", b"<!", b"\0")
"""Formulas, errors, prefixed names, comments and wide characters: only a parser sees where such cells lie."""
Fault = Literal["responses.formulas", "responses.sheet_errors"]


def decode(data: bytes) -> tuple[str, str]:
    """Return the text of a file and its encoding: by byte order mark or zero bytes, UTF-8, or the likeliest Cyrillic code page.

    UTF-16 that breaks off in the middle of a sign raises `UnicodeDecodeError`; the code pages have a sign for every byte. Raises
    `ResponsesError` where UTF-8 and another encoding stand side by side.
    """
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16"), "utf-16"
    for at, name in enumerate(("utf-16-be", "utf-16-le")):  # without a mark: the higher byte of digits and delimiters is zero
        higher, lower = data[at:ENOUGH:2], data[1 - at : ENOUGH : 2]
        if 10 * higher.count(0) > len(higher) and not lower.count(0) and not len(data) % 2:
            return data.decode(name), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        rest = data.decode("utf-8", errors="replace")
        if len(LIKE["cyrillic"].findall(rest)) >= rest.count("\ufffd"):
            raise ResponsesError("responses.mixed_encodings", line=rest.count("\n", 0, rest.index("\ufffd")) + 1) from None
        scores = {name: russian(data[:ENOUGH].decode(name, errors="replace")) for name in _CODE_PAGES}
        page = max(_CODE_PAGES, key=scores.__getitem__)
        page = _CODE_PAGES[0] if page == _CODE_PAGES[-1] and scores[page] - scores[_CODE_PAGES[0]] < _RARE else page
        return data.decode(page, errors="replace"), page


def russian(text: str) -> float:
    """Return how much a text looks like Russian: the log-likelihood of letters and signs beyond ASCII, of a word once.

    Options are letters that stand in a file a thousand times, in any order, and say nothing of the language.
    """
    score, words = 0.0, "\n".join({frozenset(word): word for word in re.findall(r"[^\x00-\x7f]+", text)}.values())
    for sign, n in Counter(c for c in words if c > "\x7f").items():
        often = _PER_MILLE.get(sign.lower())
        score += n * (_SIGN if sign in WORDS["signs"] else _FOREIGN if often is None else math.log(often / 1000))
    return score + _CASE * len(re.findall(r"[а-яё][А-ЯЁ]", words))


def disguise(data: bytes) -> str | None:
    """Return the phrase for what the bytes are when they are no table in plain text, None when they may be one."""
    if what := next((what for start, what in _KINDS.items() if data.startswith(start)), None):
        return what
    head = data[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if re.match(rb"<(?:!doctype html|html|head|body|table|meta|style|div)", head) or b"<html" in head:
        return "responses.is_html"
    return "responses.is_xml" if head.startswith((b"<?xml", b"<workbook")) else None


def open_workbook(path: Path) -> tuple[Any, int]:  # a workbook of a library that is loaded here only
    """Return a workbook that can be read without stopping the process, and how many of its rows are hidden, as far as that is known.

    Raises `ResponsesError` when it is no workbook, or cells hold formulas without a value or spreadsheet errors: they would be
    read as empty. ``#N/A`` is left to be read as a missing answer. Raises `LimitError` when it, or a sheet of it, is too large.
    """
    with needing("python-calamine", "io", path.name):
        from python_calamine import CalamineError, CalamineWorkbook
    data, hidden = read_bytes(path), 0
    content = data
    try:
        if content.startswith(b"PK"):
            content, hidden = _repacked(path, content)
        elif content.startswith(b"\xd0\xcf\x11\xe0"):
            _read_alone(path, content)
        return CalamineWorkbook.from_filelike(io.BytesIO(content)), hidden
    except CompetencyDxError:
        raise
    except (CalamineError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, expat.ExpatError) as fault:
        raise _no_workbook(path, data, fault) from None


def grid_of(book: Any, name: str, path: Path) -> list[list[object]]:  # noqa: ANN401 - as above
    """Return the cells of a sheet from its first row and column on."""
    from python_calamine import CalamineError

    try:
        sheet = book.get_sheet_by_name(name)
        limits_in_force().check_table(path.name, sheet.total_height, sheet.total_width)
        grid: list[list[object]] = sheet.to_python(skip_empty_area=False)
    except CalamineError as fault:  # a sheet that the list of sheets has and the file has not
        raise _no_workbook(path, read_bytes(path), fault) from None
    return grid


def _no_workbook(path: Path, data: bytes, fault: Exception) -> ResponsesError:
    kind = disguise(data) or ("responses.is_text" if not data[:ENOUGH].count(0) and data.strip() else None)
    if kind is None or kind == "responses.is_workbook":
        return ResponsesError("responses.not_workbook", path=path, fault=fault)
    return ResponsesError("responses.no_workbook_but", path=path, what=phrase(kind))


def _repacked(path: Path, data: bytes) -> tuple[bytes, int]:
    """Return the parts that hold tables in an archive of their true sizes, which every reader sees as they were here; hidden rows."""
    packed, out, total, hidden = io.BytesIO(data), io.BytesIO(), 0, 0
    with zipfile.ZipFile(packed) as archive, zipfile.ZipFile(out, "w") as copy:
        names = dict.fromkeys(archive.namelist())
        ours = "xl/workbook.xml" in names
        kept = (".xml", ".rels") if ours else (".xml", ".rels", ".bin", "mimetype")
        for name in (n for n in names if n.lower().endswith(kept) and not (ours and n == "content.xml")):
            start = archive.getinfo(name).header_offset
            with archive.open(name) as file:
                part = b"".join(decompressed(path, file.read, lambda start=start: packed.tell() - start))  # type: ignore[misc]
            total += len(part)
            limits_in_force().check(path, decompressed_bytes=total)
            if b"sheetData" in part:
                _refuse_sheet(path, part)
                hidden += len(_HIDDEN.findall(part)) if b"hidden=" in part else 0
            copy.writestr(name, part)
    if not ours:
        _read_alone(path, out.getvalue())
    return out.getvalue(), hidden


def _refuse_sheet(path: Path, part: bytes) -> None:
    """Refuse a sheet whose cells reach too far or hold no values; one as programs write it needs no parser for that."""
    places = _PLAIN_CELL.findall(part)
    if len(places) == part.count(b"<c") - part.count(b"<col") and not any(mark in part for mark in _NOT_PLAIN):
        rows = max((int(number) for number in {place.lstrip(_LETTERS) for place in places}), default=0)
        columns = max((_column(letters.decode()) for letters in {place.rstrip(_DIGITS) for place in places}), default=0)
        limits_in_force().check_table(path.name, rows, columns, len(part))
        return
    sheet, parser = _FilledCells(), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = sheet.start, sheet.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = sheet.text, sheet.declaration
    for start in range(0, len(part), PIECE):
        check_time()
        parser.Parse(part[start : start + PIECE])
    parser.Parse(b"", True)  # noqa: FBT003 - the signature of expat
    limits_in_force().check_table(path.name, sheet.rows, sheet.columns, len(part))
    for fault, cells in sheet.broken.items():
        if cells:
            facts = {"n": len(cells), "cells": cells, "what": phrase(fault), "remedy": phrase(f"{fault}_remedy")}
            raise ResponsesError("responses.broken_cells", path=path, **facts)


class _FilledCells:
    """What the XML of a sheet says of its cells: how far they reach, and which hold no value that can be read."""

    def __init__(self) -> None:
        self.rows = self.columns = self._row = self._column = 0  # the latter of the cell last begun, from 1
        self.broken: dict[Fault, list[str]] = {"responses.formulas": [], "responses.sheet_errors": []}
        self._cell: dict[str, str] | None = None
        self._parts, self._value = set[str](), ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if tag == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0
        elif tag == "c":
            self._cell, self._value = attributes, ""
            self._parts.clear()
            self._column += 1
            if "r" in attributes:
                if (place := LIKE["reference"].fullmatch(attributes["r"])) is None:
                    raise zipfile.BadZipFile(attributes["r"])
                self._row, self._column = int(place[2]), _column(place[1].upper())
        elif self._cell is not None:
            self._parts.add(tag)
            if tag in {"v", "is"}:
                self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._column)

    def text(self, words: str) -> None:
        if "v" in self._parts and len(self._value) < len("#N/A"):
            self._value += words[: len("#N/A")]

    def end(self, name: str) -> None:
        if self._cell is None or name.rpartition(":")[2] != "c":
            return
        where, wrong = self._cell.get("r", ""), self._cell.get("t") == "e" and "v" in self._parts
        if wrong and not self._value.startswith("#N/A"):
            self.broken["responses.sheet_errors"].append(where)
        elif "f" in self._parts and not self._value and "is" not in self._parts and self._cell.get("t") != "str":  # "" is a value
            self.broken["responses.formulas"].append(where)
        self._cell = None

    def declaration(self, *_: object) -> None:
        raise zipfile.BadZipFile("a document type in a sheet")


def _column(letters: str) -> int:
    return reduce(lambda column, letter: 26 * column + ord(letter) - ord("A") + 1, letters, 0)


def _read_alone(path: Path, data: bytes) -> None:
    """Read a workbook in a process of its own with bounded memory, and refuse it when that process does not survive."""
    command = [sys.executable, "-c", WORDS["alone"], str(ADDRESS_SPACE), *sys.path]
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=limits_in_force().seconds)
    except subprocess.TimeoutExpired:
        limits_in_force().check(path, seconds=float("inf"))
    else:
        if done.returncode:
            raise ResponsesError("responses.workbook_stops", path=path)
