"""What is read from outside: how much of it, for how long, and what is said when a file cannot be read."""

import csv
import errno
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path
from typing import Self

from competency_dx.arrays import choice
from competency_dx.errors import CompetencyDxError, LimitError, StorageError, phrase
from competency_dx.storage import why_of

PIECE = 1 << 20  # bytes decompressed at once
SMALL_BYTES, SMALL_CELLS = 1 << 25, 1 << 22  # what nobody needs to ask whether it is in proportion
DAMAGED = (csv.Error, zipfile.BadZipFile, zlib.error)
UNREADABLE = (ArithmeticError, EOFError, MemoryError, NotImplementedError, RecursionError, UnicodeError, *DAMAGED)
"""What damaged and hostile files make the readers of Python raise."""
PANIC = "PanicException"  # what readers written in Rust raise, which is no `Exception`


@choice(LimitError)
class Limits:
    """How much is read from one source at most; what is larger is refused before it is parsed.

    In a ``with`` block the limits hold for everything that is read in it, in this thread: ``with Limits(rows=50_000_000): …``.

    Attributes
    ----------
    bytes : Size of a file, or of a JSON text.
    decompressed_bytes : Size of the content of a gzip file or a workbook.
    expansion : Times its size that a file may grow when it is decompressed, beyond 32 MiB.
    rows, columns, cells : Of a table; cells are rows × columns, and no more than four million and the bytes of the text.
    cell_length : Signs of a cell, or of a text in a bank.
    depth : Levels of lists and mappings inside each other.
    items : Items of a bank, nodes of a framework, and entries of any list or mapping in YAML.
    categories : Scores that one item can have, 0 included; 128 is the most that there is.
    seconds : Time for reading one source, looked at between its parts.
    """

    bytes: int = 1 << 30
    decompressed_bytes: int = 1 << 30
    expansion: int = 100
    rows: int = 10_000_000
    columns: int = 20_000
    cells: int = 200_000_000
    cell_length: int = 250_000
    depth: int = 64
    items: int = 20_000
    categories: int = 128
    seconds: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            if not given > 0:
                raise LimitError("limits.argument", name=field.name, given=given)

    def __enter__(self) -> Self:
        _IN_FORCE.set((*_IN_FORCE.get(), self))
        return self

    def __exit__(self, *_: object) -> None:
        _IN_FORCE.set(_IN_FORCE.get()[:-1])

    def check(self, source: object, **amounts: float) -> None:
        """Raise `LimitError` when one of the amounts, by the name of its limit, is larger than that."""
        for name, amount in amounts.items():
            if amount > (most := getattr(self, name)):
                raise LimitError("limits.exceeded", source=source, most=most, name=name, what=phrase(f"limits.of_{name}"))

    def check_table(self, source: object, rows: int, columns: int, size: float = float("inf")) -> None:
        """Raise `LimitError` for a table that is too large, or much larger than the `size` in bytes of what it is read from."""
        self.check(source, rows=rows, columns=columns, cells=rows * columns)
        if rows * columns > SMALL_CELLS + size:
            raise LimitError("limits.sparse", source=source, rows=rows, columns=columns)


_IN_FORCE: ContextVar[tuple[Limits, ...]] = ContextVar("limits", default=(Limits(),))
_DEADLINE: ContextVar[tuple[object, float] | None] = ContextVar("deadline", default=None)


def limits_in_force() -> Limits:
    """Return the limits of the innermost ``with`` block, or the standard ones."""
    return _IN_FORCE.get()[-1]


@contextmanager
def reading(source: object, error: type[CompetencyDxError]) -> Iterator[None]:
    """Read a source in the time there is; raises `StorageError` where the system hands none out, for other faults the error given."""
    before = _DEADLINE.set(_DEADLINE.get() or (source, time.monotonic() + limits_in_force().seconds))
    try:
        yield
    except CompetencyDxError:
        raise
    except OSError as fault:
        raise StorageError("storage.cannot_read", target=fault.filename or source, why=why_of(fault)) from fault
    except UNREADABLE as fault:
        raise error("limits.unreadable", source=source, fault=fault) from fault
    except BaseException as fault:
        if type(fault).__name__ != PANIC:
            raise
        raise error("limits.unreadable", source=source, fault=str(fault)) from None
    finally:
        _DEADLINE.reset(before)


def check_time() -> None:
    """Raise `LimitError` when the source that is being read has taken too long."""
    if (due := _DEADLINE.get()) is not None and time.monotonic() > due[1]:
        limits_in_force().check(due[0], seconds=float("inf"))


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file that is not too large."""
    limits, about = limits_in_force(), path.stat()
    if not stat.S_ISREG(about.st_mode):  # a device or a pipe may never end
        code = errno.EISDIR if stat.S_ISDIR(about.st_mode) else errno.EINVAL
        raise OSError(code, os.strerror(code), str(path))
    limits.check(path, bytes=about.st_size)
    with path.open("rb") as file:
        data = file.read(min(limits.bytes, max(about.st_size, PIECE)) + 1)
    limits.check(path, bytes=len(data))
    return data


def decompressed(source: object, read: Callable[[int], bytes], used: Callable[[], int]) -> Iterator[bytes]:
    """Yield the content that `read` decompresses, piece by piece, as long as it is not too much for the bytes `used` so far."""
    limits, total = limits_in_force(), 0
    while piece := read(PIECE):
        total += len(piece)
        limits.check(source, decompressed_bytes=total)
        if total > SMALL_BYTES:
            limits.check(source, expansion=total / max(used(), 1))
        check_time()
        yield piece


def check_nesting(source: object, document: object) -> None:
    """Raise `LimitError` when lists and mappings lie too deep inside each other, or are repeated too often by references."""
    levels: list[dict[int, list[object] | dict[object, object]]] = []
    level = {id(part): part for part in [document] if isinstance(part, list | dict)}
    while level:
        levels.append(level)
        limits_in_force().check(source, depth=len(levels))
        inner = (i for part in level.values() for i in (part.values() if isinstance(part, dict) else part))
        level = {id(part): part for part in inner if isinstance(part, list | dict)}
    sizes: dict[int, int] = {}
    for level in reversed(levels):
        for key, part in level.items():
            parts = part.values() if isinstance(part, dict) else part
            sizes[key] = 1 + sum(sizes.get(id(p), 1) if isinstance(p, list | dict) else 1 for p in parts)
    if max(sizes.values(), default=0) > SMALL_CELLS + 10 * sum(len(part) for level in levels for part in level.values()):
        raise LimitError("limits.references", source=source)
