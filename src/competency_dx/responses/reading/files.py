"""Files as tables: CSV in any of the usual encodings, workbooks with untidy headers, parquet, JSON."""

import csv
import gzip
import io
import json
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from competency_dx.errors import LimitError, ResponsesError, needing, phrase
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import hidden_text
from competency_dx.responses.normalise import LIKE, header_form, read_number
from competency_dx.responses.reading.answers import is_answers
from competency_dx.responses.reading.contents import decode, disguise, grid_of, open_workbook
from competency_dx.responses.reading.layout import ANSWER_NAMES, BACKGROUND_NAMES, ITEM_NAMES, PERSON_NAMES, is_id, refuse_results
from competency_dx.responses.reading.not_answers import strength_of_label
from competency_dx.responses.reading.table import Table, cell_text, from_frame, from_records, table
from competency_dx.result import DataFrame, named_once, parse_json
from competency_dx.storage import check_nesting, decompressed, limits_in_force, read_bytes
from competency_dx.wording import cut

HEAD = 40  # rows in which the header is looked for
DELIMITERS = (";", "\t", ",", "|")
_ROLE_NAMES = frozenset((*PERSON_NAMES, *ITEM_NAMES, *ANSWER_NAMES)) | BACKGROUND_NAMES


def read_file(path: Path, *, sheet: str | None, ids: frozenset[str]) -> Table | str | Mapping[str, Any]:
    """Read a file; a document of responses comes back as its text, one of answers as it is; item `ids` tell the header row."""
    if not path.is_file() and not path.is_dir():  # of a folder the system says what it is
        raise ResponsesError("responses.no_such_file", path=path)
    suffix = Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if suffix in {".csv", ".tsv", ".txt"}:
        return _csv(path, ids)
    if suffix in {".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"}:
        return _workbook(path, sheet, ids)
    if suffix in {".parquet", ".pq"}:
        return _parquet(path)
    if suffix in {".json", ".jsonl", ".ndjson"}:
        return _json(path, lines=suffix != ".json")
    raise ResponsesError("responses.file_type", path=path, suffix=suffix)


def _bytes(path: Path) -> bytes:
    data = read_bytes(path)
    if path.suffix.lower() != ".gz":
        return data
    try:
        with io.BytesIO(data) as file, gzip.GzipFile(fileobj=file) as archive:
            return b"".join(decompressed(path, archive.read, file.tell))
    except (OSError, EOFError, zlib.error) as fault:
        raise ResponsesError("responses.not_gzip", path=path, fault=fault) from None


def unguarded(cell: str) -> str:
    """Return a cell without the apostrophe that keeps a spreadsheet from running it as a formula."""
    return cell[1:] if LIKE["guarded"].match(cell) else cell


def delimiter_of(lines: Sequence[str]) -> str:
    """Return the delimiter under which most lines have the same number of cells; decimal commas do not confuse it."""
    best, chosen = (0.0, 0), ","
    for candidate in (*DELIMITERS, " "):  # a space only where nothing else divides the lines
        try:
            together = [len(row) for row in csv.reader(lines, delimiter=candidate) if row]
            alone = [len(row) for line in lines for row in csv.reader([line], delimiter=candidate) if row]
        except csv.Error:  # a long line without it
            continue
        for sizes in (together, alone):
            common = max(set(sizes), key=lambda s: (sizes.count(s), s), default=1)
            merit = (sizes.count(common) / len(sizes) if common > 1 else 0.0, common)
            even = set(sizes[1:]) == {common} and sizes[0] in {common - 1, common}
            if merit > best and (candidate != " " or (even and not best[0])):
                best, chosen = merit, candidate
    return chosen


def _csv(path: Path, ids: frozenset[str]) -> Table:
    data = _bytes(path)
    if (what := disguise(data)) is not None:
        raise ResponsesError("responses.disguised", path=path, what=phrase(what))
    most = limits_in_force().cell_length
    for cell in (c for line in io.BytesIO(data) if len(line) > most for c in re.split(rb"[;\t,|]", line) if len(c) > most):
        limits_in_force().check(path.name, cell_length=len(decode(cell)[0]))
    text, encoding = decode(data)
    del data
    first = text[: text.find("\n") + 1 or None]
    text = text.removeprefix(first if first.strip().lower().startswith("sep=") else "").rstrip("\x1a")  # which DOS wrote at the end
    lines = [match[0] for _, match in zip(range(HEAD), LIKE["line"].finditer(text), strict=False) if match[0]]
    if "\0" in text:
        raise ResponsesError("responses.not_text", path=path)
    if not any(line.strip() for line in lines):
        raise ResponsesError("responses.empty", path=path)
    mark = delimiter_of([line for line in lines if line.strip()])
    reader = csv.reader(lines, delimiter=mark)
    head, ends = map(list, zip(*(([*map(unguarded, row)], reader.line_num) for row in reader), strict=True))
    limits_in_force().check(path.name, columns=max(map(len, head)))
    at = header_of(head, ids)
    quoted = all(lines[k].startswith('"') for k in [0, *ends][at : at + 2] if k < len(lines))
    alike = len({re.sub(r"\d+", "0", name) for name in head[at][:2]}) == 1  # so the first column is one of items too
    if (quoted or alike or is_id(head[at][0], ids)) and _names_rows(head[at:]):
        head[at].insert(0, "")
    columns = len(head[at])
    for before, row in zip([0, *ends][at:], head[at:], strict=False):
        _refuse_swallowed(path, row, mark, columns, before + 1)
        if any(cell.strip() for cell in row[columns:]):
            sizes = phrase("responses.line_cells", line=before + 1, cells=len(row), header=columns)
            raise ResponsesError("responses.row_too_long", path=path, sizes=sizes, shown=_shown_mark(mark))
    width = max(len(row) for row in head[at:])
    limits_in_force().check_table(path.name, max(map(text.count, "\r\n")), width, len(text))
    body = text[sum(map(len, lines[: ends[at]])) :]
    frame = _csv_body(path, body, skip=ends[at], mark=mark, width=width)
    if text.count("\n", 0, -1) > ends[at] + len(frame):  # cells of several lines, or empty lines
        for k, cells in enumerate(frame.to_numpy()):
            _refuse_swallowed(path, [c for c in cells if isinstance(c, str)], mark, columns, k + 1 + ends[at])
    short = _short_rows(body, frame, mark, columns)
    for line, cell in ((ends[at] + n, row[0]) for n, row in short if not any(row[1:])):
        if other := next((d for d in DELIMITERS if d != mark and cell.count(d) == columns - 1), None):
            facts = {"line": line, "found": _shown_mark(other), "shown": _shown_mark(mark)}
            raise ResponsesError("responses.other_delimiter", path=path, **facts)
    frame = frame.map(unguarded) if "'" in text and LIKE["guarded"].search(text) else frame
    notes = [] if encoding == "utf-8" else [Template("responses.encoding").of([encoding])]
    told = (ends[at] + line for line, row in short if len(row) > 1 and not strength_of_label(row[0]))
    notes += Template("responses.short_rows").about(map(str, told))
    numbered = text.count("\n", 0, -1) == ends[at] - 1 + len(frame)
    return _with_header(path.name, head[: at + 1], [frame.iloc[:, k] for k in range(width)], notes, first=numbered * (ends[at] + 1))


def _names_rows(head: Sequence[Sequence[str]]) -> bool:
    """Tell whether each row begins with a name of its own under no heading, a cell more than the header has: so R writes them."""
    rows = [row for row in head[1:] if any(row)]
    longer, names = all(len(row) == len(head[0]) + 1 for row in rows) and any(row[-1].strip() for row in rows), [row[0] for row in rows]
    called = names == [*map(str, range(1, len(rows) + 1))] or None in map(read_number, names)
    return longer and called and len({*names}) == len(rows) > 1 and {*map(header_form, head[0])}.isdisjoint(PERSON_NAMES)


def _csv_body(path: Path, text: str, *, skip: int, mark: str, width: int) -> DataFrame:
    import pandas as pd

    if not text:
        return pd.DataFrame(columns=range(width), dtype=object)
    shape: dict[str, Any] = {"header": None, "names": range(width), "index_col": False, "dtype": object}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: DataFrame = pd.read_csv(io.BytesIO(text.encode()), sep=mark, keep_default_na=False, na_filter=False, **shape)
    except (pd.errors.ParserError, pd.errors.ParserWarning) as fault:
        words, sizes = str(fault), phrase("responses.a_row_longer")
        if opened := re.search(r"EOF inside string starting at row (\d+)", words):
            raise ResponsesError("responses.quote_open", path=path, line=skip + 1 + int(opened[1])) from None
        if longer := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", words):
            line = skip + int(longer[2])
            if text.splitlines()[int(longer[2]) - 1].count('"') % 2:
                raise ResponsesError("responses.quote_open", path=path, line=line) from None
            sizes = phrase("responses.line_cells", line=line, cells=longer[3], header=longer[1])
        raise ResponsesError("responses.row_too_long", path=path, sizes=sizes, shown=_shown_mark(mark)) from None
    return frame


def _short_rows(text: str, frame: DataFrame, mark: str, columns: int) -> list[tuple[int, list[str]]]:
    """Return the rows with fewer cells than the header, whose last cell is empty, and the numbers of their lines."""
    empty = np.flatnonzero(frame[columns - 1].to_numpy() == "").tolist() if columns > 2 else []
    lines = text.split("\n") if empty else []
    if not empty or len(frame) == len(lines) - (not lines[-1]):  # a line a row: the delimiters outside quotes count its cells
        bare = ((k, LIKE["quoted"].sub("", lines[k]) if '"' in lines[k] else lines[k]) for k in empty)
        doubtful = (k for k, line in bare if line.count(mark) < columns - 1)
        numbered = ((k + 1, next(csv.reader([lines[k]], delimiter=mark))) for k in doubtful)
    else:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
        numbered = ((rows.line_num, row) for row in rows)
    return [(number, row) for number, row in numbered if 0 < len(row) < columns]


def _shown_mark(mark: str) -> Mapping[str, str] | str:
    return phrase("responses.tab") if mark == "\t" else repr(mark)


def _refuse_swallowed(path: Path, row: Sequence[str], mark: str, columns: int, line: int) -> None:
    """Raise when a cell of several lines holds whole rows of the table."""
    for cell in row:
        rows = sum(inner.count(mark) >= columns - 1 for inner in cell.splitlines()[1:]) if "\n" in cell else 0
        if columns > 1 and rows >= (1 if columns > 2 else 2):
            raise ResponsesError("responses.quote_open", path=path, line=line)


def header_of(rows: list[list[Any]], ids: frozenset[str]) -> int:
    """Return the place of the header among the first rows; where two rows make it, the lower is written anew as the names of both."""
    at = header_row(rows[:HEAD], ids)
    asked = len([*filter(LIKE["response"].fullmatch, map(header_form, _texts(rows[at])))]) > 1  # a row of "Response" is the lower one
    for place in (at - asked, at):
        if 0 <= place < len(rows) - 1 and (names := _of_two_rows(*map(_texts, rows[place : place + 2]))) is not None:
            rows[place + 1] = names
            return place + 1
    return at


def _of_two_rows(top: Sequence[str], below: Sequence[str]) -> list[str] | None:
    """Return questions with the options, criteria or the word "Response" that stand below them, None where a person stands there.

    So survey programs write, and merged cells are read: the first column of a question has its name, the others the same or none.
    """
    below, last = [*below, *[""] * (len(top) - len(below))], ""
    of = [last := name or last for name in (*top, *[""] * (len(below) - len(top)))]
    pairs, counts = [*zip(of, below, map(LIKE["response"].fullmatch, map(header_form, below)), strict=True)], Counter(of)
    parts = {name: {text for other, text, _ in pairs if other == name} for name in counts if name and counts[name] > 1}
    free = [not (name and text) and header_form(name or text) in {"", *_ROLE_NAMES} for name, text, _ in pairs]  # of whom, and the like
    alone = all(not text or asked or here or name in parts for (name, text, asked), here in zip(pairs, free, strict=True))
    if not (alone and any(free)) or any(len(texts) < counts[name] for name, texts in parts.items()) or not (parts or any(below)):
        return None
    return [f"{name} [{text}]" if name and text and not asked else name or text for name, text, asked in pairs]


def header_row(head: Sequence[Sequence[object]], ids: frozenset[str]) -> int:
    """Return the place of the header: most item ids and known names, else the first row that is nearly full."""
    rows = [*map(_texts, head)]
    if not (texts := [[*filter(None, row)] for row in rows]):
        return 0
    named = {text for text in {text for row in texts for text in row} if is_id(text, ids)}
    known = [sum(text in named for text in row) for row in texts]
    roles = [len({*map(header_form, row)} & _ROLE_NAMES) for row in texts]
    if max(known) > 1 or (sum(known) == 1 and max(roles) <= 1):  # ids one below the other are in rows
        return known.index(max(known))
    filled, richest = [*map(len, texts)], roles.index(max(roles))
    indexed = (len(row) == len({*row}) > 2 and not row[0] and not any(map(read_number, row)) for row in rows)  # without a name
    full = [n >= 0.8 * max(filled) or names for n, names in zip(filled, indexed, strict=True)]
    return richest if roles[richest] > 1 and full[richest] else full.index(True)


def _texts(row: Sequence[object]) -> list[str]:
    return [cell_text(c)[0] if c is not None else "" for c in row]


def _with_header(origin: str, head: Sequence[Sequence[object]], cells: Sequence[Any], notes: Sequence[Finding], *, first: int) -> Table:
    """Name the columns by the last row of `head`; a cell merged downwards stands above. `first` is the number of the row below."""
    texts, named, headless = [*map(_texts, head)], [], []
    for row in texts:
        refuse_results(row, origin)
    for k, content in enumerate(cells):
        name = next(filter(None, (row[k] for row in reversed(texts) if k < len(row))), "")
        if name or any(cell_text(c)[0] for c in content):
            named.append((name or f"column {k + 1}", content))
            headless += [f"column {k + 1}"] if not name and k else []
    raw, findings = table(named, origin), [*notes]
    raw = replace(raw, lines=np.arange(first, first + raw.rows)) if first else raw
    if shown := [cut(hidden_text(s), 60) for row in texts[:-1] if (s := " ".join(filter(None, row)))]:
        findings.append(Template("responses.header_rows").of(where=shown, rows=len(shown)))
    findings += Template("responses.no_heading").about(headless)
    blank = np.all([c.codes < 0 for c in raw.columns.values()], axis=0) if raw.rows else np.zeros(0, dtype=np.bool_)
    between = blank & ~np.logical_and.accumulate(blank[::-1])[::-1]
    if between.any():
        findings.append(Template("responses.empty_rows").of(rows=int(between.sum())))
    return raw.take(~blank, *findings) if blank.any() or findings else raw


def _workbook(path: Path, sheet: str | None, ids: frozenset[str]) -> Table:
    import pandas as pd

    book, unseen = open_workbook(path)
    from python_calamine import SheetVisibleEnum

    if sheet is not None and sheet not in book.sheet_names:
        raise ResponsesError("responses.no_sheet", path=path, sheet=sheet, sheet_names=book.sheet_names)
    hidden = {m.name for m in book.sheets_metadata if m.visible != SheetVisibleEnum.Visible}
    names = [sheet] if sheet is not None else book.sheet_names
    grids = {n: grid for n in names if (grid := grid_of(book, n, path))}
    if not (filled := {n: g for n, g in grids.items() if any(c not in {None, ""} for row in g for c in row)}):
        raise ResponsesError("responses.empty_book", path=path)
    at = {n: header_of(g, ids) for n, g in filled.items()}
    heads = {n: [text for text in _texts(g[at[n]]) if text] for n, g in filled.items()}
    fits = {n: 2 * sum(is_id(c, ids) for c in row) + sum(header_form(c) in _ROLE_NAMES for c in row) for n, row in heads.items()}
    seen = {n for n in filled if n not in hidden and fits[n]} or set(filled)  # a hidden sheet only where no other fits
    chosen = max(seen, key=lambda n: (fits[n], n not in hidden, -names.index(n)))
    grid, body = filled[chosen], {n: g[at[n] + 1 :] for n, g in filled.items()}
    cells = [pd.Series([None if row[k] == "" else row[k] for row in body[chosen]], dtype=object) for k in range(len(grid[0]))]
    notes = [Template("responses.sheet").of(where=[hidden_text(chosen)], sheet=chosen)] if len(filled) > 1 else []
    rows = {n: sum(any(c not in {None, ""} for c in row) for row in part) for n, part in body.items()}
    same = {n: {*map(header_form, row)} & {*map(header_form, heads[chosen])} for n, row in heads.items()}
    enough, wide = max(3, fits[chosen] // 2), len(same[chosen])  # what looks as if it held answers and was not read
    alike = [n for n in filled if n != chosen and rows[n] and (fits[n] >= enough or 2 * len(same[n]) >= wide > 1)]
    notes += Template("responses.hidden_rows").about([path.name] if unseen else [], rows=unseen)
    notes += Template("responses.more_sheets").about(n for n in alike if n not in hidden)
    covered = [(n, rows[n]) for n in alike if n in hidden]
    facts = {"counts": covered, "sheet": chosen, "rows": rows[chosen]}
    notes += Template("responses.hidden_sheets").about((n for n, _ in covered), **facts)
    return _with_header(path.name, grid[: at[chosen] + 1], cells, notes, first=at[chosen] + 2)


def _parquet(path: Path) -> Table:
    with needing("pyarrow", "io", path.name):
        import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
        from pyarrow import parquet
    source = io.BytesIO(read_bytes(path))
    try:
        file = parquet.ParquetFile(source)
        groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
        rows, columns = max(file.metadata.num_rows, sum(group.num_rows for group in groups)), file.metadata.num_columns
        limits_in_force().check_table(path.name, rows, columns)
        lists = [c for c in range(columns) if file.schema.column(c).max_repetition_level]  # others may end the process
        cells = rows * columns + sum(group.column(c).num_values for group in groups for c in lists)
        limits_in_force().check(path.name, cells=cells)
        texts = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_binary(f.type)]
        frame = parquet.read_table(source, read_dictionary=texts).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as fault:
        if isinstance(fault, LimitError):
            raise
        raise ResponsesError("responses.not_parquet", path=path, fault=fault) from None
    return replace(from_frame(frame, numbered=False), origin=path.name)


def _json(path: Path, *, lines: bool) -> Table | str | Mapping[str, Any]:
    (text, _), read = decode(_bytes(path)), json.JSONDecoder(object_pairs_hook=named_once).decode
    try:  # texts in JSON have signs at which lines of other texts end
        document = [read(line) for line in re.split("[\r\n]", text) if line.strip()] if lines else read(text)
    except (ValueError, RecursionError) as fault:  # numbers of thousands of digits are refused too
        if not lines and text.lstrip().startswith("{") and "Extra data" in str(fault):
            return _json(path, lines=True)
        raise ResponsesError("responses.json_lines" if lines else "responses.json_list", path=path, fault=fault) from None
    if isinstance(document, dict) and document.get("kind") == "responses":
        return text
    check_nesting(path.name, document)
    if is_answers(document):
        return dict(parse_json(text))
    if isinstance(document, list) and document:
        return from_records(document, path.name)
    raise ResponsesError("responses.json_shape", path=path)
