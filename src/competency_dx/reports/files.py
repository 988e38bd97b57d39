"""Tables and ids as files: CSV and workbooks that open safely in spreadsheets, and names of files for persons."""

import hashlib
import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import chain
from typing import IO, Any

import numpy as np

from competency_dx.display import code_word, column_title, toml_content
from competency_dx.errors import needing
from competency_dx.reports.pages import Language, Sheet, SheetCell, strings
from competency_dx.result import DataFrame

RISKY = re.compile(r"'* *[=+\-@\t\r\n＝＋－＠]")
WIDEST, NARROWEST, SAMPLE = 60, 8, 200
SQUEEZE = 1  # the level of compression: the next ones take several times the time and save a fifth
MOST_KEPT = 4096
LONGEST_CELL = 32_767  # signs in a cell of a workbook
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
CODED = re.compile(r"_x[0-9A-Fa-f]{4}_")
EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # a fixed date: same input, same bytes
LONGEST = 60
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
UNSAFE = re.compile(r"[^0-9A-Za-zА-Яа-яЁё_-]+")


def csv_parts(frames: Iterable[DataFrame], language: Language) -> Iterator[bytes]:
    """Yield a table that comes in blocks of rows as CSV: semicolons and decimal comma in Russian, commas and point in English.

    Numbers are written in full, so that reading the file again gives the same numbers. A text or a heading that a
    spreadsheet would run as a formula gets an apostrophe in front, as spreadsheets do themselves; `load_responses` takes it
    away again. UTF-8 starts with a byte order mark, which Excel needs to recognise Cyrillic.
    """
    separator, comma = (";", ",") if language == "ru" else (",", ".")
    for k, frame in enumerate(frames):
        texts: dict[str, Any] = {name: frame[name].map(_guarded) for name in frame.columns if frame[name].dtype.kind not in "fiub"}
        if language == "ru":  # what pandas itself writes, at a third of its time
            numbers = {name: frame[name].tolist() for name in frame.columns if frame[name].dtype == np.float64}
            texts |= {name: ["" if x != x else repr(x).replace(".", ",") for x in column] for name, column in numbers.items()}  # noqa: PLR0124 - NaN
        safe = frame.assign(**texts).rename(columns=lambda name: _guarded(str(name)))
        text = safe.to_csv(sep=separator, decimal=comma, index=False, header=k == 0, lineterminator="\r\n")
        yield text.encode("utf-8-sig" if k == 0 else "utf-8")


def _guarded(cell: Any) -> Any:  # noqa: ANN401
    return f"'{cell}" if isinstance(cell, str) and RISKY.match(cell) else cell


def frame_sheet(name: str, frame: DataFrame, language: Language) -> Sheet:
    """Return a table as a sheet, its heads and codes in a language."""
    columns = {str(c): frame[c].tolist() for c in frame.columns}
    return Sheet(
        name=name,
        heads=tuple(column_title(c, language) for c in columns),
        columns=tuple(
            [code_word(c, str(x), language) if isinstance(x, bool | str) and language != "en" else x for x in cells]
            for c, cells in columns.items()
        ),
    )


def sheet_of(name: str, columns: Mapping[str, Sequence[SheetCell]], language: Language, frozen: int = 1) -> Sheet:
    """Return columns as a sheet, their heads and number formats those of reports: a key ``n`` has the head ``head_n``."""
    heads = {key: strings(language).get(f"head_{key}", key) for key in columns}
    formats = {heads[key]: pattern for pattern, keys in toml_content("reports", "formats").items() for key in keys if key in heads}
    return Sheet(name=name, heads=tuple(heads.values()), columns=tuple(columns.values()), formats=formats, frozen=frozen)


def findings_sheet(lines: Sequence[Mapping[str, str]], language: Language) -> Sheet:
    """Return the findings as a sheet."""
    columns = {key: [line[key] for line in lines] for key in ("severity", "text", "scope", "code")}
    return sheet_of(strings(language)["sheet_findings"], columns, language, 0)


def write_workbook(file: IO[bytes], sheets: Sequence[Sheet], title: str) -> None:
    """Write an .xlsx file row by row: memory does not grow; xlsxwriter writes all else, and one row for the styles of columns."""
    with needing("xlsxwriter", "io", ".xlsx"):
        import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
    outline = io.BytesIO()
    with xlsxwriter.Workbook(outline, {"in_memory": True}) as book:
        book.set_properties({"title": title, "created": EPOCH.replace(tzinfo=None)})
        for sheet in sheets:
            _outline(book, sheet)
    with zipfile.ZipFile(outline) as parts, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=SQUEEZE) as out:
        for part in parts.infolist():
            text, number = parts.read(part), re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", part.filename)
            with out.open(zipfile.ZipInfo(part.filename, part.date_time), "w", force_zip64=True) as member:
                member.writelines(iter([text]) if number is None else _sheet_parts(text.decode(), sheets[int(number[1]) - 1]))


def _outline(book: Any, sheet: Sheet) -> None:  # noqa: ANN401
    """Write heads, widths and settings of a sheet, and one empty row."""
    page = book.add_worksheet(sheet.name)
    bold = {"bold": True, "bg_color": "#1F3A5F", "font_color": "#FFFFFF", "text_wrap": True, "valign": "top", "border": 1}
    head = book.add_format(bold)
    page.set_row(0, 32)
    for k, (name, cells) in enumerate(zip(sheet.heads, sheet.columns, strict=True)):
        longest = max((len(str(c)) for c in cells[:SAMPLE] if isinstance(c, str)), default=0)
        width = min(max(longest + 2, max((len(word) for word in name.split()), default=0) + 3, NARROWEST), WIDEST)
        style = {"num_format": sheet.formats.get(name) or "General", "valign": "top", "text_wrap": width >= WIDEST}
        page.set_column(k, k, width)
        page.write_string(0, k, name, head)
        page.write_blank(1, k, None, book.add_format(style))
    page.freeze_panes(1, sheet.frozen)
    if sheet.heads and (rows := _rows(sheet)):
        page.autofilter(0, 0, rows, len(sheet.heads) - 1)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)


def _rows(sheet: Sheet) -> int:
    return max((len(c) for c in sheet.columns), default=0) + sheet.further


def _sheet_parts(outline: str, sheet: Sheet) -> Iterator[bytes]:
    """Yield the XML of a sheet, its rows in place of the empty one."""
    empty = re.search(r'<row r="2".*?</row>', outline)
    if empty is None:
        yield outline.encode()
        return
    head, tail = outline[: empty.start()], outline[empty.end() :]
    styles = re.findall(r'<c r="([A-Z]+)2" s="(\d+)"', empty[0])
    starts = [f'<c r="{letters}%d" s="{style}"' for letters, style in styles]
    yield re.sub(r'<dimension ref="[^"]*"/>', f'<dimension ref="A1:{styles[-1][0]}{1 + _rows(sheet)}"/>', head).encode()
    at, texts = 2, [dict[SheetCell, str]() for _ in starts]
    for columns in chain([sheet.columns], sheet.more()):
        cells = (_xml_cells(column, start, kept) for column, start, kept in zip(columns, starts, texts, strict=True))
        rows = ['<row r="%d">' + "".join(row) + "</row>" for row in zip(*cells, strict=True)]
        yield "".join(row % ((at + k,) * (1 + len(starts))) for k, row in enumerate(rows)).encode()
        at += len(rows)
    yield tail.encode()


def _xml_cells(column: Sequence[SheetCell], start: str, kept: dict[SheetCell, str]) -> list[str]:
    """Return the cells of a column, with a place for the number of the row in each; texts that come again are `kept`."""
    out = []
    for cell in column:
        if isinstance(cell, float):
            out.append(f"{start}><v>{cell!r}</v></c>" if math.isfinite(cell) else f"{start}/>")
            continue
        if (text := kept.get(cell)) is None:
            text = kept[cell] = f"{start}{_xml_content(cell)}"
            if len(kept) > MOST_KEPT:
                kept.clear()
        out.append(text)
    return out


def _xml_content(cell: SheetCell) -> str:
    if cell is None:
        return "/>"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"><v>{cell}</v></c>"
    text = CODED.sub(lambda found: f"_x005F{found[0]}", str(cell)[:LONGEST_CELL])
    text = UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    space = ' xml:space="preserve"' if text != text.strip() else ""
    return f' t="inlineStr"><is><t{space}>{escape(text, quote=False).replace("%", "%%")}</t></is></c>'


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """Return names of ids, unique in any case: plain ids themselves, others cleaned, with eight digits of their SHA-256."""
    taken, out = set[str](), dict[str, str]()
    for person in ids:
        name = UNSAFE.sub("_", person)[:LONGEST].strip("_-") or "person"
        name = f"p_{name}" if RESERVED.fullmatch(name) else name
        if name != person or name.casefold() in taken:
            name = f"{name}-{hashlib.sha256(person.encode()).hexdigest()[:8]}"
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        out[person] = name
    return out
