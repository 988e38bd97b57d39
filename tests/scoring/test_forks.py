"""Threads and processes give the same bytes; a process forked amid a computation says that it cannot; nothing hangs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COMMON = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np
import competency_dx as cdx
from competency_dx.kernels import blocks
rng = np.random.default_rng(1)
answers = (rng.random((9000, 12)) < rng.random(12)).astype(np.int8)
calibration = cdx.calibrate(answers[:3000])

def scored(_=None):
    return cdx.score(answers, calibration).theta.tobytes()

before = scored()
assert blocks.default_executor.cache_info().currsize, "the pool of threads was used"
"""

AFTER = """
child = os.fork()
if child == 0:
    os._exit(0 if scored() == before else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

POOL = """
from multiprocessing import get_context

with get_context("fork").Pool(2) as pool:
    print(0 if pool.map(scored, range(4)) == [before] * 4 else 1)
"""

AMID = """
inside, leave = threading.Event(), threading.Event()

def compute():
    with blocks.one_blas_thread():
        inside.set()
        leave.wait()

threading.Thread(target=compute).start()
inside.wait()
child = os.fork()
if child == 0:
    try:
        scored()
    except cdx.errors.ForkError as error:
        os._exit(0 if "spawn" in error.text("ru") else 1)
    os._exit(2)
leave.set()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert scored() == before
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("program", [AFTER, POOL, AMID], ids=["after", "pool", "amid"])
def test_a_fork_after_threads(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", COMMON + program], capture_output=True, text=True, check=False, timeout=240)
    assert (done.stdout.strip(), done.returncode) == ("0", 0), done.stderr


PROFILES = """
import hashlib, json, warnings
from concurrent.futures import ThreadPoolExecutor
warnings.simplefilter("ignore")
import competency_dx as cdx
bank = cdx.load_bank("physics")
chosen = [item for item in bank.items if item.type == "single"]

def profile_of(person):
    answers = {item.id: [*item.options][(person + k) % len(item.options)] for k, item in enumerate(chosen)}
    request = json.dumps({"persons": [{"person": f"T-{person}", "answers": answers}]})
    profiles = cdx.diagnose(cdx.load_responses(cdx.responses.parse_answers(request), bank=bank), bank)
    return profiles[f"T-{person}"].to_json()

alone = [profile_of(person) for person in range(12)]
assert len(set(alone)) == 12
with ThreadPoolExecutor(8) as pool:
    assert list(pool.map(profile_of, [*range(12)] * 2)) == alone * 2
print(hashlib.sha256("".join(alone).encode()).hexdigest())
"""


def test_eight_threads_and_two_processes_give_the_same_bytes() -> None:
    """In a process eight threads give the profiles of one after the other; two processes at once give the same."""
    program = [sys.executable, "-c", PROFILES]
    both = [subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outcomes = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], outcomes
    assert len({out for out, _ in outcomes}) == 1
