"""Files: how much of them is read, for how long, what is said when one cannot be read; and how they appear whole or not at all.

Whatever stops the process that writes it, a file is written beside its name and renamed. A folder is filled beside its name and
exchanged with the old one in one step where the system can do that (Linux, macOS); elsewhere the old one is renamed away first. Who
writes a folder holds a lock; what a killed process left behind is removed by the next writer.
"""

import csv
import ctypes
import errno
import glob
import logging
import os
import shutil
import stat
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path
from typing import Self
from uuid import uuid4

from competency_dx.arrays import choice
from competency_dx.errors import CompetencyDxError, LimitError, StorageError, Verbatim, has_sentence, phrase

PIECE = 1 << 20  # bytes decompressed at once
SMALL_BYTES, SMALL_CELLS = 1 << 25, 1 << 22  # what nobody needs to ask whether it is in proportion
DAMAGED = (csv.Error, zipfile.BadZipFile, zlib.error)
UNREADABLE = (ArithmeticError, EOFError, MemoryError, NotImplementedError, RecursionError, UnicodeError, *DAMAGED)
"""What damaged and hostile files make the readers of Python raise."""
LOG = logging.getLogger(__name__)
PARTIAL = ".partial-"  # in the names of what is not finished
PATIENCE = 10.0  # seconds to wait for another writer
SETTLED = 3600.0  # seconds after which an unfinished file has no writer any more
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
    except BaseException as fault:
        if not isinstance(fault, UNREADABLE) and type(fault).__name__ != PANIC:
            raise
        raise error("limits.unreadable", source=source, fault=fault) from None
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


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield the name of what becomes the file, or what a link leads to, if the block ends well; raises `StorageError` if it is not."""
    target = Path(os.path.realpath(_named(path)))
    draft = target.with_name(f".{target.name}{PARTIAL}{uuid4().hex[:12]}")
    with _as_storage_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not (target.is_file() or target.is_dir()):  # a folder is not replaced by itself
            raise OSError(errno.EINVAL, "no file", str(target))
        _clear(target, older=SETTLED)
        try:
            yield draft
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file that appears whole or not at all; raises `StorageError` when it cannot be written."""
    with whole_file(path) as draft:
        draft.write_bytes(content)
    return Path(path)


@contextmanager
def whole_folder(folder: str | Path, *, replaced: Callable[[str], bool]) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of `folder` when the block ends, and nothing does when it fails.

    What else stood in the old folder is kept, but for the files that are `replaced` (told by their path inside it).
    Raises `StorageError` when another process keeps writing the same folder, or it cannot be written.
    """
    target = Path(os.path.realpath(_named(folder, folder=True)))
    draft = f".{target.name}{PARTIAL}{uuid4().hex[:12]}"
    with _as_storage_error(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file has this name", str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        # a mounted folder cannot be exchanged, nor one that somebody works in or whose parent is closed: its files are, one by one
        fixed = target.is_dir() and (target.is_mount() or Path.cwd().is_relative_to(target) or not os.access(target.parent, os.W_OK))
        beside = target if fixed else target.parent
        with _locked(beside / f".{target.name}.lock", target):
            _clear(beside / target.name, older=0.0)
            new = beside / draft
            new.mkdir()
            try:
                yield new
                if fixed:
                    _move_files(new, target, replaced)
                else:
                    _keep_others(target, new, replaced)
                    _exchange(new, target)
            finally:
                shutil.rmtree(new, ignore_errors=True)


@contextmanager
def only_writer(folder: str | Path) -> Iterator[None]:
    """Hold the lock of a folder, made if need be, while it is rewritten; raises `StorageError` for another's lock or no access."""
    target = Path(folder)
    with _as_storage_error(target):
        target.mkdir(parents=True, exist_ok=True)
        with _locked(target / ".lock", target):
            yield


def _named(path: str | Path, *, folder: bool = False) -> Path:
    """Return a path that the system can have."""
    with suppress(UnicodeEncodeError):
        if b"\0" not in os.fsencode(path) and (Path(path).name or folder):
            return Path(path)
    raise StorageError("storage.cannot_write", target=repr(str(path)), why=phrase("storage.why_name"))


def _keep_others(old: Path, new: Path, replaced: Callable[[str], bool]) -> None:
    """Bring the other files of the old folder into the new one."""
    for source in sorted(old.rglob("*")) if old.is_dir() else ():
        place = source.relative_to(old)
        copy, folder = new / place, source.is_dir() and not source.is_symlink()
        if not folder and not replaced(place.as_posix()) and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, copy, follow_symlinks=False)
            except OSError:  # another file system, or one without links
                shutil.copy2(source, copy, follow_symlinks=False)


def _move_files(new: Path, old: Path, replaced: Callable[[str], bool]) -> None:
    """Put each file of the new folder in its place in the old one, the page that links to the others last."""
    files = sorted((p for p in new.rglob("*") if p.is_file()), key=lambda p: (p.name == "index.html", p))
    places = {old / file.relative_to(new): file for file in files}
    for place, file in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    for left in [p for p in old.rglob("*") if p.is_file() and new not in p.parents and p not in places]:
        if replaced(left.relative_to(old).as_posix()):
            left.unlink()


def _exchange(new: Path, old: Path) -> None:
    """Put the new folder in the place of the old one; afterwards the old one, where there was one, has the name of the new."""
    if not old.exists():
        new.rename(old)
        return
    shutil.copymode(old, new)
    if not _swapped(new, old):
        aside = old.rename(new.with_name(f"{new.name}-old"))
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
        aside.rename(new)


def _swapped(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system has no such step."""
    a, b = os.fsencode(first), os.fsencode(second)
    try:
        system = ctypes.CDLL(None)
        if sys.platform == "linux":
            return int(system.renameat2(-100, a, -100, b, 2)) == 0  # AT_FDCWD, RENAME_EXCHANGE
        return sys.platform == "darwin" and int(system.renamex_np(a, b, 2)) == 0  # RENAME_SWAP
    except (AttributeError, OSError, TypeError):
        return False


@contextmanager
def _locked(lock: Path, target: Path) -> Iterator[None]:
    """Wait until no other process writes this folder; the system takes the lock back when a process dies."""
    try:
        import fcntl
    except ImportError:  # Windows refuses to rename a folder in use, which serves as well
        yield
        return
    end = time.monotonic() + PATIENCE
    while True:
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                current = lock.exists() and os.path.samestat(lock.stat(), os.fstat(file.fileno()))
            except BlockingIOError:
                current = False
            if current:  # else the file of another writer, who holds it or has removed it meanwhile
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
                return
        if time.monotonic() > end:
            raise StorageError("storage.being_written", target=target)
        time.sleep(0.05)


def _clear(target: Path, *, older: float) -> None:
    """Remove what a killed process left of this name, once it is so many seconds old, and log its name."""
    for left in target.parent.glob(glob.escape(f".{target.name}{PARTIAL}") + "*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime >= older:
                LOG.warning("removing %s, which a stopped process left unfinished", left.name)
                shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def _as_storage_error(target: Path) -> Iterator[None]:
    """Say of a fault of the system that nothing was changed; what concerns other files is passed on."""
    try:
        yield
    except StorageError:
        raise
    except OSError as fault:
        place = Path(fault.filename) if isinstance(fault.filename, str | Path) else target
        elsewhere = target.parent not in place.parents and place not in target.parents
        if fault.errno is None or elsewhere:
            raise
        raise StorageError("storage.cannot_write", target=target, why=why_of(fault)) from fault


def why_of(fault: OSError) -> dict[str, str]:
    """Return in both languages what the system says of a file."""
    code = f"storage.why_{errno.errorcode.get(fault.errno or 0, 'other')}"
    return phrase(code) if has_sentence(code) else phrase("storage.why_other", words=Verbatim(fault.strerror or str(fault)))
