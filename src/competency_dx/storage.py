"""Files that appear whole under their name or not at all, whatever stops the process that writes them.

A file is written beside its name and renamed. A folder is filled beside its name and exchanged with the old one in one step
where the system can do that (Linux, macOS); elsewhere the old one is renamed away first. Who writes a folder holds a lock; what
a killed process left behind is removed by the next writer.
"""

import ctypes
import errno
import glob
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from competency_dx.errors import StorageError, Verbatim, has_sentence, phrase

LOG = logging.getLogger(__name__)
PARTIAL = ".partial-"  # in the names of what is not finished
WRITING = {"ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "EFBIG", "ENAMETOOLONG", "ENOTDIR", "EISDIR", "EXDEV", "EBUSY"}
PATIENCE = 10.0  # seconds to wait for another writer
SETTLED = 3600.0  # seconds after which an unfinished file has no writer any more


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield the name of what becomes the file when the block ends, not when it fails; raises `StorageError` if it is not written."""
    target = _named(path)
    draft = target.with_name(f".{target.name}{PARTIAL}{uuid4().hex[:12]}")
    with _as_storage_error(target):
        target.parent.mkdir(parents=True, exist_ok=True)
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
    try:
        if b"\0" not in os.fsencode(path) and (Path(path).name or folder):
            return Path(path)
    except UnicodeEncodeError:
        pass
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
        elsewhere = isinstance(fault.filename, str | Path) and target.parent not in Path(fault.filename).parents
        if fault.errno is None or errno.errorcode.get(fault.errno) not in WRITING or elsewhere:
            raise
        raise StorageError("storage.cannot_write", target=target, why=why_of(fault)) from fault


def why_of(fault: OSError) -> dict[str, str]:
    """Return in both languages what the system says of a file."""
    code = f"storage.why_{errno.errorcode.get(fault.errno or 0, 'other')}"
    return phrase(code) if has_sentence(code) else phrase("storage.why_other", words=Verbatim(fault.strerror or str(fault)))
