"""Banks, registries, results, reports and Parquet files: killed, on a full or closed disk, by two writers, each is old or new."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, audit hooks and limits of Linux")

PROGRAM = r"""
import os, resource, shutil, signal, sys, time, warnings
from dataclasses import replace
from pathlib import Path
warnings.simplefilter("ignore")
import numpy as np
import competency_dx as cdx
from competency_dx.bank import BankRegistry
from competency_dx.errors import BankError, StorageError

kind, task, place, aside = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
one, two = cdx.load_bank("physics"), cdx.load_bank("history")
drawn = [cdx.simulate(one, n, rng=np.random.default_rng(n)) for n in (12, 17)]
profiles = [cdx.diagnose(data, one) for data in drawn]
for k, data in enumerate(drawn):
    data.to_frame().to_parquet(aside / f"{k}.parquet")
if kind in ("bank with a framework", "registry"):  # of its own, which is saved beside the bank
    own = one.header.framework.model_copy(update={"id": "own"})
    header = one.header.model_copy(update={"framework": own})
    one = replace(one, header=header, framework=one.framework.model_copy(update={"id": "own"}))
if kind == "registry":
    two = replace(one, header=header.model_copy(update={"version": "9.9.9"}))

def bank(k):
    cdx.save_bank((one, two)[k], place / "bank")

def registry(k):
    if not k:
        shutil.rmtree(place / "registry", ignore_errors=True)
    BankRegistry(folder=place / "registry").publish((one, two)[k])

WRITE = {
    "bank": bank, "bank with a framework": bank, "registry": registry,
    "report": lambda k: cdx.report(profiles[k], place / "report"),
    "aggregates": lambda k: cdx.report(profiles[k], place / "report", show="aggregates"),
    "result": lambda k: cdx.report(profiles[k], place / "result.json"),
    "workbook": lambda k: cdx.report(profiles[k], place / "result.xlsx"),
    "lines": lambda k: profiles[k].to_jsonl(place / "lines.jsonl"),
    "scores": lambda k: cdx.scoring.score_file(aside / f"{k}.parquet", place / "s.parquet", one),
    "profiles": lambda k: cdx.diagnose_file(aside / f"{k}.parquet", place / "p.parquet", one),
}
write = WRITE[kind]

def state():
    if kind == "registry":  # what can be loaded from it, with the framework that was published
        names = [f"{b.id}@{v}" for b in BankRegistry(folder=place / "registry").banks() for v in (*b.versions, *b.aliases)]
        loaded = {name: cdx.load_bank(name, registry=place / "registry") for name in names}
        assert all(b.framework.id == "own" for b in loaded.values())
        return {name: b.digest for name, b in loaded.items()}
    files = [p for p in place.rglob("*") if p.is_file() and ".partial-" not in str(p) and not p.name.endswith(".lock")]
    return {str(p.relative_to(place)): p.read_bytes() for p in files}

def left():
    return [p.name for p in place.rglob("*") if ".partial-" in p.name or p.name.endswith(".lock")]

def in_child(action):
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except StorageError as error:
            os._exit(3 if error.text("ru") else 4)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

write(0); OLD = state()
write(1); NEW = state()
assert OLD != NEW
assert not any("framework" in name and kind == "bank with a framework" for name in NEW), "no stale framework.yaml"

def killed(at, with_signal):
    def action():
        calls = [0]
        def hook(event, arguments):
            if event in ("open", "os.rename", "os.mkdir", "os.link", "os.remove", "ctypes.dlsym"):
                if event == "ctypes.dlsym" or any(str(place) in str(a) for a in arguments):
                    calls[0] += 1
                    if calls[0] == at:
                        os.kill(os.getpid(), with_signal)
        sys.addaudithook(hook)
        write(1)
    return in_child(action)

if task == "kill":
    codes, states = set(), []
    for at in (1, 4, 12, 21, 1000):
        with_signal = (signal.SIGKILL, signal.SIGTERM)[at % 2]
        write(0)
        assert state() == OLD
        codes.add(killed(at, with_signal))
        states.append(state())
        assert states[-1] in (OLD, NEW), (at, sorted(set(states[-1]) ^ set(NEW)))
        for path in place.rglob(".*.partial-*"):
            os.utime(path, (1, 1))  # as if it were left long ago
        write(0); write(1)
        assert state() == NEW
        assert not left(), left()
    assert codes <= {0, -signal.SIGKILL, -signal.SIGTERM} and 0 in codes and len(codes) > 1, codes
    assert OLD in states and NEW in states
elif task == "full":
    write(0)
    largest = max(map(len, NEW.values()))
    def action():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest // 2, largest // 2))
        write(1)
    assert in_child(action) == 3
    assert state() == OLD and not left(), left()
elif task == "disk":  # a disk that is nearly full, then one that cannot be written
    write(0)
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    before = state()
    assert in_child(lambda: write(1)) == 3
    assert state() == before
    filler.unlink()
    os.system(f"mount -o remount,ro {place}")
    assert in_child(lambda: write(1)) == 3
    os.system(f"mount -o remount,rw {place}")
    assert state() == OLD and not left(), left()
elif task == "race":
    def again():
        for k in range(3):
            try:
                write(k % 2)
            except StorageError:
                time.sleep(0.02)
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            again()
            os._exit(0)
        children.append(child)
    seen, open_children = 0, set(children)
    whole = {content for files in (OLD, NEW) for content in files.values()}
    banks = {b.digest for b in (one, two)}
    while open_children:
        for child in list(open_children):
            if os.waitpid(child, os.WNOHANG)[0]:
                open_children.discard(child)
        if kind.startswith("bank"):
            try:
                assert cdx.load_bank(place / "bank").digest in banks
                seen += 1
            except BankError as error:  # the writers were faster than the reader, on every try
                assert error.code == "bank.keeps_changing", error
            time.sleep(0.05)
            continue
        for name in NEW:
            try:
                content = (place / name).read_bytes()
            except FileNotFoundError:
                continue
            assert content in whole, name
            seen += 1
    assert seen > 0
    write(1)
    assert state() == NEW and not left(), left()
print("done")
"""

KINDS = ["bank", "bank with a framework", "registry", "report", "aggregates", "result", "workbook", "lines", "scores", "profiles"]


def some(kinds: list[str], ordinary: str) -> list[object]:
    """Return the kinds as cases: one in the ordinary run, the others with the slow studies."""
    return [kind if kind == ordinary else pytest.param(kind, marks=pytest.mark.recovery) for kind in kinds]


def run(kind: str, task: str, place: Path, aside: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, task, str(place), str(aside)], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("done", 0), done.stderr[-2000:]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "place").mkdir()
    (tmp_path / "aside").mkdir()
    return tmp_path / "place", tmp_path / "aside"


@pytest.mark.parametrize("kind", some(KINDS, "report"))
def test_a_killed_writer_leaves_the_old_or_the_new(kind: str, places: tuple[Path, Path]) -> None:
    run(kind, "kill", *places)


@pytest.mark.parametrize("kind", some([k for k in KINDS if k != "registry"], "profiles"))
def test_a_file_that_may_not_grow_changes_nothing(kind: str, places: tuple[Path, Path]) -> None:
    run(kind, "full", *places)


@pytest.mark.parametrize("kind", some(["bank", "report", "result", "scores"], "bank"))
def test_two_writers_and_a_reader(kind: str, places: tuple[Path, Path]) -> None:
    run(kind, "race", *places)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk in memory, where this machine lets us."""
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no program to mount a disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a disk in memory is not permitted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("kind", some(["bank", "report", "result", "scores"], "result"))
def test_a_full_disk_and_a_read_only_one(kind: str, small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "aside").mkdir()
    run(kind, "disk", small_disk, tmp_path / "aside")
