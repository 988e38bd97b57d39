"""A table of answers while it is read: columns of distinct texts and codes, from frames, records and arrays."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Ints, Names, value
from competency_dx.errors import ResponsesError, repeated
from competency_dx.findings import Finding, Template
from competency_dx.responses.missing import Reasons
from competency_dx.responses.normalise import LIKE, WORDS, header_form, unwrapped, visible
from competency_dx.result import DataFrame
from competency_dx.storage import check_time, limits_in_force

Kind = Literal["text", "number", "date"]
Labels = Literal["own", "default"]
Mode = Literal["raw", "scored"]
TEXT: Kind = "text"
LISTS = (list, tuple, set, frozenset)
FEW = 64  # cells
SINGLE = frozenset({str, int, float, bool, type(None)})
PLAIN = frozenset({str, int, float, bool, type(None), list, dict})
KEPT_CELLS, SHORT_TEXT = 1 << 12, 64  # columns of one cell, and signs of it
LEAST_DATE = date(1900, 2, 28)
NESTED, OWNERS = WORDS["nested"], frozenset((*WORDS["columns"]["person"], *WORDS["columns"]["item"]))
LONGEST_NUMBER = 1000  # bits; Python does not write numbers of thousands of digits


@value
class Column:
    """One column of R rows as codes (R,) into its distinct texts, -1 for an empty cell; `kinds` is how the source stored each."""

    name: str
    codes: NDArray[np.int32]
    vocabulary: tuple[str, ...]
    kinds: tuple[Kind, ...]
    counted: list[Ints] = field(default_factory=list, init=False, repr=False)  # once asked for

    @property
    def header(self) -> str:
        """Return the name in the form in which column names are compared."""
        return header_form(self.name)

    def texts(self) -> Names:
        """Return the contents row by row, "" where empty."""
        return np.asarray(np.array([*self.vocabulary, ""], dtype=object)[self.codes])

    def marked(self, rows: Bools) -> Self:
        """Return the column with an empty text as the content of these rows."""
        if not rows.any():
            return self
        codes = np.where(rows, np.int32(len(self.vocabulary)), self.codes)
        return replace(self, codes=codes, vocabulary=(*self.vocabulary, ""), kinds=(*self.kinds, "text"))

    def counts(self) -> Ints:
        """Return how often each content occurs."""
        if not self.counted:
            self.counted.append(np.bincount(self.codes + 1, minlength=len(self.vocabulary) + 1)[1:])
        return self.counted[0]

    def take(self, rows: NDArray[np.generic]) -> Self:
        """Return the chosen rows; contents that no longer occur are forgotten."""
        codes = self.codes[rows]
        used = np.unique(codes[codes >= 0])
        place = np.full(len(self.vocabulary) + 1, -1, dtype=np.int32)
        place[used] = np.arange(len(used), dtype=np.int32)
        vocabulary, kinds = (tuple(of[k] for k in used.tolist()) for of in (self.vocabulary, self.kinds))
        return replace(self, codes=place[codes], vocabulary=vocabulary, kinds=kinds)


class Verdicts(NamedTuple):
    """Points and status of each distinct content; `tokens` are missing answers, `several` too many options, `maximum` as cells say."""

    points: Ints
    status: Reasons
    tokens: Bools
    several: Bools
    maximum: int | None = None


@value
class Table:
    """Columns by name, all of R rows; `index` holds the row labels of a frame: somebody's "own", or the "default" numbers of pandas.

    `lines` (R,) are the numbers of the rows in a sheet, and in a file whose every line is a row.
    """

    columns: Mapping[str, Column]
    rows: int
    origin: str
    index: Column | None = None
    labels: Labels = "own"
    findings: tuple[Finding, ...] = ()
    lines: Ints | None = None

    def headers(self) -> dict[str, str]:
        """Return the columns by header; of several with the same header the first."""
        return {c.header: name for name, c in reversed(list(self.columns.items()))}

    def take(self, rows: NDArray[np.generic], *findings: Finding) -> Self:
        """Return the chosen rows (a mask or places) with further findings."""
        chosen = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        if np.array_equal(chosen, np.arange(self.rows)):
            return replace(self, findings=(*self.findings, *findings)) if findings else self
        return replace(
            self,
            columns={name: c.take(chosen) for name, c in self.columns.items()},
            rows=len(chosen),
            index=None if self.index is None else self.index.take(chosen),
            lines=None if self.lines is None else self.lines[chosen],
            findings=(*self.findings, *findings),
        )


def cell_text(cell: object) -> tuple[str, Kind]:  # noqa: PLR0911 - one return a kind
    """Return a cell as text and the way it was stored; whole floats lose their ``.0``, lists are joined by ``"; "``."""
    if isinstance(cell, str):
        return visible(cell), "text"
    if isinstance(cell, Mapping):
        return "; ".join(f"{cell_text(k)[0]}={cell_text(v)[0]}" for k, v in cell.items() if v is not None), "text"
    if isinstance(cell, LISTS):
        parts = [cell_text(p)[0] for p in cell if not (p is None or (isinstance(p, float) and np.isnan(p)))]
        return "; ".join(sorted(parts) if isinstance(cell, set | frozenset) else parts), "text"
    if isinstance(cell, bool | np.bool_):
        return str(cell).upper(), "text"  # no 1 of more points
    if isinstance(cell, int | np.integer):
        number = int(cell)
        return (str(number) if number.bit_length() < LONGEST_NUMBER else "∞"), "number"
    if isinstance(cell, float | np.floating):
        real = float(f"{float(str(cell)):.15g}")  # 0.1 of single precision is 0.1, and 0.1 + 0.2 are 0.3
        return (str(int(real)) if real.is_integer() and abs(real) < 1e15 else repr(real)), "number"
    if (type(cell) is date and cell.year == LEAST_DATE.year and cell < LEAST_DATE) or (
        type(cell) is time and cell == time()
    ):  # a number that is shown as a date
        return str(cell.timetuple().tm_yday if isinstance(cell, date) else 0), "number"
    if isinstance(cell, date | datetime | time | timedelta | np.datetime64 | np.timedelta64):
        return str(cell), "date"
    return cell_text(cell.tolist()) if hasattr(cell, "tolist") else (visible(str(cell)), "text")  # an array, a series in a cell


def column(name: str, cells: Any) -> Column:  # noqa: ANN401 - an array or a pandas series of anything
    """Factorise cells; empty texts, None, NaN and NA are empty cells."""
    cell = cells[0] if isinstance(cells, list) and len(cells) == 1 else cells
    size = len(cell) if isinstance(cell, str) else cell.bit_length() if isinstance(cell, int) else 0
    if type(cell) in SINGLE and size <= SHORT_TEXT:
        limits_in_force().check(name, cell_length=len(str(cell)))
        return _one_cell(name, cell)
    return fresh_column(name, cells)


_one_cell = lru_cache(maxsize=KEPT_CELLS, typed=True)(lambda name, cell: fresh_column(name, [cell]))


def fresh_column(name: str, cells: Any) -> Column:  # noqa: ANN401 - as above
    """Factorise cells as `column` does, and remember none."""
    codes, unique = cells if isinstance(cells, tuple) else (_few if isinstance(cells, list) else _factorised)(cells)
    contents: list[Any] = [*unique]
    if {*map(type, contents)} <= {str}:
        texts, kinds = [*map(str.strip if "".join(contents).isascii() else visible, contents)], [TEXT] * len(contents)
    else:
        texts, kinds = map(list, zip(*map(cell_text, contents), strict=True))
    figures = (t for t, kind in zip(texts, kinds, strict=True) if kind == "text" and any(map(str.isdigit, t)) and t[0] != "#")
    if all(text.endswith(".0") and text[:-2].isdigit() for text in figures):  # so a column of whole floats is written
        for k in (k for k, text in enumerate(texts) if kinds[k] == "text" and text.endswith(".0") and text[0] != "#"):
            texts[k], kinds[k] = texts[k][:-2], "number"
    limits_in_force().check(name, cell_length=max(map(len, texts), default=0))
    every = "\n".join((name, *texts))
    if not every.isascii() and (twice := LIKE["encoded twice"].search(every)):
        raise ResponsesError("responses.encoded_twice", column=name, shown=twice[0])
    try:
        every.encode()
    except UnicodeEncodeError:  # half of a sign beyond U+FFFF, which no file can hold
        raise ResponsesError("responses.broken_text", column=repr(name)) from None
    check_time()
    if len({*texts, ""}) > len(texts):  # all distinct, none empty
        return Column(name=name, codes=np.asarray(codes, dtype=np.int32), vocabulary=tuple(texts), kinds=tuple(kinds))
    pairs = [*zip(texts, kinds, strict=True)]
    kept = {c: k for k, c in enumerate(dict.fromkeys(c for c in pairs if c[0]))}
    place = np.array([*(kept.get(c, -1) for c in pairs), -1], dtype=np.int32)
    return Column(name=name, codes=place[codes], vocabulary=tuple(c[0] for c in kept), kinds=tuple(c[1] for c in kept))


def _factorised(cells: Any) -> tuple[NDArray[np.intp], Iterable[object]]:  # noqa: ANN401 - as above
    import pandas as pd

    try:
        return pd.factorize(pd.Series(cells, dtype=object) if isinstance(cells, list) else cells)
    except (TypeError, ValueError, NotImplementedError):  # lists and the like, which cannot be compared
        return pd.factorize(pd.Series(comparable(cells), dtype=object))


def comparable(cells: Iterable[object]) -> list[object]:
    """Return cells with texts in place of lists and mappings."""
    odd = (Mapping, *LISTS)
    return [cell_text(c)[0] if isinstance(c, odd) or (hasattr(c, "tolist") and not isinstance(c, np.generic)) else c for c in cells]


def _few(cells: list[object]) -> tuple[NDArray[np.intp], Iterable[object]]:
    """Factorise cells; a few of plain Python here, where setting up pandas would take longer."""
    if len(cells) > FEW or not {type(cell) for cell in cells} <= PLAIN:
        return _factorised(cells)
    plain = comparable(cells)
    place = {cell: k for k, cell in enumerate(dict.fromkeys(c for c in plain if c is not None and c == c))}  # noqa: PLR0124 - NaN
    return np.array([place.get(c, -1) for c in plain], dtype=np.intp), place


def table(named: Iterable[tuple[str, Any]], origin: str, **rest: Any) -> Table:  # noqa: ANN401
    """Make a table of named columns of equal length; raises `ResponsesError` when a name occurs twice."""
    pairs = [(" ".join(visible(name).split()), cells) for name, cells in named]
    if twice := repeated(name for name, _ in pairs):
        raise ResponsesError("responses.columns_twice", origin=origin, twice=twice)
    columns = {name: column(name, cells) for name, cells in pairs}
    rows = len(next(iter(columns.values())).codes) if columns else 0
    doubtful = [(n, c) for n, c in columns.items() if any(map("".join(c.vocabulary).__contains__, "<&{"))]
    inside = {n: texts for n, c in doubtful if (texts := tuple(map(unwrapped, c.vocabulary))) != c.vocabulary}
    columns |= {name: fresh_column(name, (columns[name].codes, texts)) for name, texts in inside.items()}
    return Table(columns=columns, rows=rows, origin=origin, findings=tuple(Template("responses.markup").about(inside)), **rest)


def from_frame(frame: object, *, numbered: bool = True) -> Table:
    """Read a pandas, polars or pyarrow table, or any other eager frame that narwhals knows; `numbered`: keep default labels of rows."""
    import narwhals.stable.v2 as nw
    import pandas as pd

    native = nw.to_native(frame, pass_through=True)
    if isinstance(native, pd.DataFrame):
        return _from_pandas(native, numbered=numbered)
    try:
        data = nw.from_native(cast("Any", frame), eager_only=True)
    except TypeError:
        raise ResponsesError("responses.source_type", given=type(frame).__name__) from None
    limits_in_force().check_table("frame", *data.shape)
    columns = ((name, data[name]) for name in data.columns)
    return table(((n, c.to_numpy() if c.dtype.is_numeric() else pd.Series(c.to_list(), dtype=object)) for n, c in columns), "frame")


def _from_pandas(frame: DataFrame, *, numbered: bool) -> Table:
    import pandas as pd

    limits_in_force().check_table("frame", *frame.shape)
    unnamed = frame.index.name is None
    default, n = unnamed and isinstance(frame.index, pd.RangeIndex), len(frame)
    labels: Column | None = None
    if default and numbered:
        kind: Kind = "number"
        labels = Column(name="index", codes=np.arange(n, dtype=np.int32), vocabulary=tuple(map(str, frame.index)), kinds=(kind,) * n)
    elif not default:
        named = ("/".join(map(str, label)) if isinstance(label, tuple) else label for label in frame.index)
        labels = column("index" if unnamed else str(frame.index.name), np.fromiter(named, dtype=object, count=n))
    levels = ([p for p in map(str, n) if p[:9] != "Unnamed: "] if isinstance(n, tuple) else [str(n)] for n in frame.columns)
    pairs = ((" ".join(name), frame.iloc[:, k]) for k, name in enumerate(levels))
    columns = ((n, s.astype(object) if s.dtype.kind == "M" else s) for n, s in pairs)
    return table(columns, "frame", index=labels, labels="default" if default else "own")


def in_memory(source: object, *, numbered: bool = True) -> Table:
    """Read a data frame, a mapping of columns or a list of records; without `numbered` labels that nobody gave rows are left out."""
    if isinstance(source, Mapping):
        import pandas as pd

        try:
            frame = pd.DataFrame(dict(source))
        except (TypeError, ValueError) as fault:
            raise ResponsesError("responses.columns", fault=fault) from None
        return _from_pandas(frame, numbered=False)
    if isinstance(source, Sequence) and not isinstance(source, bytes | bytearray):
        if not source:
            raise ResponsesError("responses.no_records")
        return from_records(source)
    return from_frame(source, numbered=numbered)


def from_records(records: Sequence[Mapping[str, Any]], origin: str = "records") -> Table:
    """Read a list of mappings; a key that a record lacks is an empty cell."""
    if not all(isinstance(r, Mapping) for r in records):
        raise ResponsesError("responses.records", origin=origin)
    for key in NESTED if records else ():  # the answers of a person in an object or a list below
        if all(isinstance(r.get(key), Mapping) for r in records):
            records = [{k: v for k, v in r.items() if k != key} | r[key] for r in records]
        elif all(isinstance(r.get(key), list) and all(isinstance(a, Mapping) for a in r[key]) for r in records):
            records = [{k: v for k, v in r.items() if k != key} | a for r in records for a in r[key] or [{}]]
    plain = [dict(_parted(r)) for r in records]
    names = dict.fromkeys(k for r in plain for k in r)
    limits_in_force().check_table(origin, len(records), len(names), 16 * sum(map(len, records)))
    return table(((n, [r.get(n) for r in plain]) for n in names), origin)


def _parted(record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the cells of a record; what is told of its person or item in an object below has columns of its own: "user.id"."""
    for key, cell in record.items():
        if isinstance(cell, Mapping) and header_form(str(key)) in OWNERS:
            yield from ((f"{key}.{part}", content) for part, content in cell.items())
        else:
            yield str(key), cell
