"""A process forked after threads computes the same, and one forked in the middle of a computation says so; nothing hangs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

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


@pytest.mark.parametrize("program", [AFTER, POOL, AMID], ids=["after", "pool", "amid"])
def test_a_fork_after_threads(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMON + program], capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.stdout.strip(), done.returncode) == ("0", 0), done.stderr
