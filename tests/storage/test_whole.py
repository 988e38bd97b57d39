"""Files and folders appear whole or not at all: killed processes, full disks, two writers and a reader at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import competency_dx as cdx
from competency_dx.errors import BankError, StorageError
from competency_dx.storage import whole_file, whole_folder, write_whole

KILL = """
import os, signal, sys
from pathlib import Path
calls, last = [0], int(sys.argv[2])
def hook(event, arguments):
    name = str(arguments[0]) if arguments else ""
    if event == "ctypes.dlsym" or (event in ("open", "os.rename", "os.mkdir", "os.link", "os.remove") and "kept" in name):
        calls[0] += 1
        if calls[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)
from competency_dx.storage import whole_folder
import ctypes, fcntl, shutil
sys.addaudithook(hook)
with whole_folder(sys.argv[1], replaced=lambda path: path.startswith("part")) as new:
    for k in range(3):
        (new / f"part{k}").write_text("new")
print(calls[0])
"""


def contents(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


OLD = {"part0": "old", "part1": "old", "part9": "old", "notes/mine": "mine"}
NEW = {"part0": "new", "part1": "new", "part2": "new", "notes/mine": "mine"}


def old_folder(folder: Path) -> Path:
    for name, text in OLD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="exchanges folders in one step")
def test_a_killed_writer_leaves_the_old_folder_or_the_new_one(tmp_path: Path) -> None:
    def run(at: int) -> tuple[int, dict[str, str]]:
        folder = old_folder(tmp_path / f"kept{at}")
        done = subprocess.run([sys.executable, "-c", KILL, str(folder), str(at)], capture_output=True, text=True, check=False)
        assert done.returncode in {0, -signal.SIGKILL}, done.stderr
        after = contents(folder)
        with whole_folder(folder, replaced=lambda path: path.startswith("part")) as new:
            (new / "part0").write_text("next")
        assert contents(folder) == {"part0": "next", "notes/mine": "mine"}
        assert [p.name for p in tmp_path.iterdir()] == [folder.name], "what the killed process left is removed"
        (folder / "part0").unlink()
        (folder / "notes/mine").unlink()
        (folder / "notes").rmdir()
        folder.rmdir()
        return done.returncode, after

    outcomes = [run(at) for at in (1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 99)]
    assert all(after in (OLD, NEW) for _, after in outcomes)
    assert {code for code, _ in outcomes} == {0, -signal.SIGKILL}
    assert OLD in [after for _, after in outcomes]
    assert outcomes[-1] == (0, NEW)


@pytest.mark.parametrize("fixed", [False, True])
def test_a_folder_is_exchanged_and_keeps_what_else_is_in_it(fixed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = old_folder(tmp_path / "kept")
    monkeypatch.setattr(Path, "is_mount", lambda self: fixed and self == folder)
    with whole_folder(folder, replaced=lambda path: path.startswith("part")) as new:
        for k in range(3):
            (new / f"part{k}").write_text("new")
    assert contents(folder) == NEW
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept"]


def test_a_failure_changes_nothing(tmp_path: Path) -> None:
    folder = old_folder(tmp_path / "kept")

    def half(draft: Path) -> None:
        draft.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), whole_folder(folder, replaced=lambda _: True) as new:
        half(new / "part0")
    assert contents(folder) == OLD
    file = write_whole(tmp_path / "file", b"old")
    with pytest.raises(ZeroDivisionError), whole_file(file) as draft:
        half(draft)
    assert file.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "kept"]


def test_a_folder_that_cannot_be_exchanged_in_one_step_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = old_folder(tmp_path / "kept")
    monkeypatch.setattr("competency_dx.storage._swapped", lambda *_: False)
    with whole_folder(folder, replaced=lambda path: path.startswith("part")) as new:
        for k in range(3):
            (new / f"part{k}").write_text("new")
    assert contents(folder) == NEW
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_whole(tmp_path / "file", b"old")
    bank = cdx.load_bank("history")
    cdx.save_bank(bank, tmp_path / "bank")

    def full(*_: object, **__: object) -> None:
        with Path("/dev/full").open("wb", buffering=0) as device:
            device.write(b"x")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match=r"No space left on device.*nothing was changed"):
        write_whole(file, b"new")
    with pytest.raises(StorageError, match="No space left"):
        cdx.save_bank(cdx.load_bank("physics"), tmp_path / "bank")
    monkeypatch.undo()
    assert file.read_text() == "old"
    assert cdx.load_bank(tmp_path / "bank").digest == bank.digest


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot be written"):
        cdx.save_bank(cdx.load_bank("history"), tmp_path / "bank")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    write_whole(tmp_path / "bank", b"")
    with pytest.raises(StorageError, match="bank cannot be written"):
        cdx.save_bank(cdx.load_bank("history"), tmp_path / "bank")


def test_a_link_is_followed_and_what_is_no_file_stays(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(write_whole(tmp_path / "file", b"old"))
    write_whole(tmp_path / "latest", b"new")
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"
    (tmp_path / "first").symlink_to(tmp_path / "second")
    (tmp_path / "second").symlink_to(tmp_path / "first")
    os.mkfifo(tmp_path / "pipe")
    for place in ("pipe", "first/x", "file/x", "file/x/y"):
        with pytest.raises(StorageError, match=f"{place} cannot be written") as told:
            write_whole(tmp_path / place, b"x")
        assert told.value.text("ru")
        with pytest.raises(StorageError, match="cannot be written"), whole_folder(tmp_path / place, replaced=lambda _: True):
            pass
    assert (tmp_path / "pipe").is_fifo()


def test_two_writers_and_a_reader_never_see_a_mixed_bank(tmp_path: Path) -> None:
    banks, folder, stop, seen = {}, tmp_path / "bank", threading.Event(), set[str]()
    for name in ("history", "physics"):
        banks[name] = cdx.load_bank(cdx.save_bank(cdx.load_bank(name), tmp_path / name)).digest
    cdx.save_bank(cdx.load_bank("history"), folder)

    def write(name: str) -> None:
        while not stop.is_set():
            with whole_folder(folder, replaced=lambda _: True) as new:
                shutil.copytree(tmp_path / name, new, dirs_exist_ok=True)
            time.sleep(0.1)

    writers = [threading.Thread(target=write, args=[name]) for name in banks]
    for writer in writers:
        writer.start()
    end = time.monotonic() + 120  # for the slowest machine; it ends when both were seen
    reads = 0
    while time.monotonic() < end and not (reads >= 30 and len(seen) == 2):
        try:
            seen.add(cdx.load_bank(folder).digest)
            reads += 1
        except BankError as error:  # on a busy machine the writers were faster than the reader, on every try
            if error.code != "bank.keeps_changing":
                raise
    stop.set()
    for writer in writers:
        writer.join()
    assert seen == set(banks.values())


def test_a_bank_that_changed_is_read_again_whatever_its_times_say(tmp_path: Path) -> None:
    """Copies keep the times of their originals, and the system gives the number of a folder that is gone to a new one."""
    folder = cdx.save_bank(cdx.load_bank("history"), tmp_path / "bank")
    before, table = cdx.load_bank(folder), folder / "parameters.csv"
    times = table.stat()
    with table.open("r+", encoding="utf-8") as file:  # in its place: the folder and the file keep their numbers
        text = file.read()
        file.seek(0)
        file.write(text[: text.rindex("\n", 0, -1) + 1])
        file.truncate()
    os.utime(table, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(cdx.load_bank(folder).parameters) == len(before.parameters) - 1


def test_a_writer_waits_and_then_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("competency_dx.storage.PATIENCE", 0.1)
    pytest.importorskip("fcntl")
    with whole_folder(tmp_path / "bank", replaced=lambda _: True) as new:
        (new / "x").write_text("x")
        with pytest.raises(StorageError, match="another process is writing this folder"):
            cdx.save_bank(cdx.load_bank("history"), tmp_path / "bank")
    assert contents(tmp_path / "bank") == {"x": "x"}
