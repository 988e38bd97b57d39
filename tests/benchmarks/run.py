"""Measure speed and memory beside a peer in one run and write docs/benchmarks.md.

Run: python tests/benchmarks/run.py [REFERENCE_FOLDER]     (needs the extra `bench`; five to ten minutes)

Times of two programs are taken in turn (A B A B …) so that a drifting machine hits both; medians are quoted and the ratio is
that of the medians. Before each turn there is a pause, in which threads of the one before stop spinning. Memory is the peak of
a process of its own.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import engine
import facets
import numpy as np
import persons
import tables
from memory import measured, printed
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
RUNS = 5
R_LOG_LIKELIHOOD = -688113.3  # R mirt 1.47 on the data of `two_pl_data`


def two_pl_data(P: int = 20_000, I: int = 60) -> NDArray[np.int8]:
    """Return simulated 2PL answers (P, I); seed 1, as in the design's proof of concept."""
    rng = np.random.default_rng(1)
    a, b, theta = rng.lognormal(0, 0.3, I), rng.normal(size=I), rng.normal(size=P)
    return (rng.random((P, I)) < expit(a * (theta[:, None] - b))).astype(np.int8)


PAUSE = 0.3  # threads of BLAS wait for more work for a while after a call, and would take a core of the next program
MANY_RUNS = 20  # of actions too short to start a thread


def seconds(action: Callable[[], object], pause: float = 0.0) -> float:
    """Return the wall time of an action after a pause."""
    time.sleep(pause)
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(*actions: Callable[[], object], runs: int = RUNS) -> list[float]:
    """Return the median seconds of each action, run in turn after one warm-up."""
    for action in actions:
        action()
    pause = PAUSE if len(actions) > 1 and runs < MANY_RUNS else 0.0
    taken = [[seconds(action, pause) for action in actions] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def calibration_beside_peer() -> list[str]:
    """Return rows for 2PL 20,000 x 60 with standard errors: ours and PyPI mirt."""
    import mirt

    X = two_pl_data()
    kept: dict[str, float] = {}

    def ours() -> None:
        kept["ours"] = cdx.calibrate(X, model="2PL", priors=None).log_likelihood

    def peer() -> None:
        kept["peer"] = mirt.fit_mirt(X.astype(np.int64), model="2PL", compute_standard_errors=True).log_likelihood

    def peer_wide() -> None:
        fitted = mirt.fit_mirt(X.astype(np.int64), model="2PL", compute_standard_errors=True, n_quadpts=61)
        kept["wide"] = fitted.log_likelihood

    a, b, c = in_turn(ours, peer, peer_wide)
    return [
        f"| 2PL 20,000 × 60 with SE, competency_dx | {a:.2f} s | log-likelihood {kept['ours']:.3f} "
        f"(R mirt 1.47 on these data: {R_LOG_LIKELIHOOD}) |",
        f"| the same, PyPI mirt {version('mirt')}, default 21 points | {b:.2f} s | log-likelihood {kept['peer']:.3f}; "
        f"**{b / a:.1f} times** our time |",
        f"| the same, PyPI mirt {version('mirt')}, 61 points | {c:.2f} s | log-likelihood {kept['wide']:.3f}; "
        f"{c / a:.1f} times our time |",
    ]


def arrays_beside_peer() -> list[str]:
    """Return rows for EAP of bare arrays of answers to 60 items: ours and PyPI mirt."""
    import mirt

    X = two_pl_data()
    calibration = cdx.calibrate(X[:3_000], model="2PL", priors=None)
    found = mirt.fit_mirt(X[:3_000].astype(np.int64), model="2PL")
    rows = []
    for P in (1_000, 10_000, 20_000):
        x, wide = X[:P], X[:P].astype(np.int64)
        actions = (
            lambda x=x: cdx.score(x, calibration),
            lambda wide=wide: mirt.fscores(found, wide),
            lambda wide=wide: mirt.fscores(found, wide, n_quadpts=61),
        )
        a, b, c = in_turn(*actions, runs=11)
        rows.append(
            f"| EAP of a bare array, {P:,} × 60, `score` | {1e3 * a:.1f} ms | PyPI mirt {version('mirt')} `fscores` "
            f"{1e3 * b:.1f} ms: **{b / a:.1f} times** our time; with 61 points as ours {1e3 * c:.1f} ms: {c / a:.1f} times |"
        )
    return rows


EAP_PROGRAM = """
from memory import peak
import json, time, warnings
import numpy as np
from scipy.special import expit
warnings.simplefilter("ignore")
import competency_dx as cdx
import competency_dx.scoring, competency_dx.calibration
rng = np.random.default_rng(2)
P, I = 1_000_000, 60
a, b = rng.lognormal(0, 0.3, I), rng.normal(size=I)
X = np.empty((P, I), dtype=np.int8)
for start in range(0, P, 50_000):
    theta = rng.normal(size=50_000)[:, None]
    X[start:start + 50_000] = rng.random((50_000, I), dtype=np.float32) < expit(a * (theta - b))
calibration = cdx.calibrate(X[:5_000])
before = peak()
scored, whole = [], []
for _ in range(5):
    start = time.perf_counter()
    responses = cdx.load_responses(X)
    middle = time.perf_counter()
    scores = cdx.score(responses, calibration)
    end = time.perf_counter()
    scored.append(end - middle)
    whole.append(end - start)
    del responses, scores
highest = peak()
print(json.dumps({"score": sorted(scored)[2], "whole": sorted(whole)[2], "beyond": highest - before}))
"""


def million_persons() -> list[str]:
    """Return rows for EAP of 1,000,000 x 60: persons a second, memory beyond the input."""
    out = measured(EAP_PROGRAM)
    return [
        f"| EAP 1,000,000 × 60, `score` on loaded responses | {out['score']:.2f} s | "
        f"**{1e6 / out['score']:,.0f} persons a second**, peak memory {out['beyond']:.0f} MB beyond the input |",
        f"| the same with `load_responses` of the array | {out['whole']:.2f} s | {1e6 / out['whole']:,.0f} persons a second |",
    ]


def one_person() -> list[str]:
    """Return the row for one person in a warm process."""
    bank = cdx.load_bank("mathematics")
    one = cdx.simulate(bank, 50, rng=np.random.default_rng(3)).select(persons=["7"])
    (scoring,) = in_turn(lambda: cdx.score(one, bank), runs=51)
    return [f"| one person, 48 items, `score` in a warm process | {scoring * 1e3:.1f} ms | |"]


def timss(folder: Path) -> list[str]:
    """Return rows for the mathematics items of TIMSS 2007 Russia, where the data are at hand."""
    if not folder.is_dir():
        return ["| TIMSS 2007 mathematics, 4472 × 214 | | not measured: the data folder was not given |"]
    import pandas as pd

    items = pd.read_csv(folder / "items.csv")
    ids = items.loc[items["content"].isin(["Number", "Algebra", "Geometry", "Data and Chance"]), "item"]
    table = pd.read_csv(folder / "responses_scored.csv.gz", index_col="idstud")[list(ids)]
    responses = cdx.load_responses(table.loc[:, table.nunique() > 1])
    kept: dict[str, float] = {}

    def ours() -> None:
        kept["ours"] = cdx.calibrate(responses, model="GPCM", priors=None).log_likelihood

    (taken,) = in_turn(ours)
    return [
        f"| TIMSS 2007 mathematics, 4472 × 214, 2PL/GPCM with SE | {taken:.2f} s | log-likelihood {kept['ours']:.3f}; "
        "R mirt 1.47: 70 s on a like machine, -75475.755 |"
    ]


def imports() -> list[str]:
    """Return rows for the time of the import beyond numpy."""
    bare = [_timed("import numpy") for _ in range(RUNS)]
    ours = [_timed("import numpy, competency_dx") for _ in range(RUNS)]
    verbs = [_timed("import numpy, competency_dx as c; c.load_bank, c.score, c.diagnose") for _ in range(RUNS)]
    base = statistics.median(bare)
    return [
        f"| `import competency_dx` beyond numpy | {statistics.median(ours) - base:.3f} s | |",
        f"| the same and the rooms of load_bank, score and diagnose | {statistics.median(verbs) - base:.2f} s | |",
    ]


def demo() -> list[str]:
    """Return the row for the demo."""
    with tempfile.TemporaryDirectory() as folder:
        taken = seconds(
            lambda: subprocess.run([sys.executable, "-m", "competency_dx", "demo", folder], check=True, capture_output=True)
        )
    return [f"| `competency-dx demo` after installation | {taken:.1f} s | three subjects, reports of all persons |"]


def _timed(program: str) -> float:
    return seconds(lambda: printed(program))


def page(rows: list[str]) -> str:
    """Return the Markdown page."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, CPython {platform.python_version()}, numpy {np.__version__}"
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `python tests/benchmarks/run.py [REFERENCE_FOLDER]` (extra `bench`); never by hand. Times of two",
            "programs are taken in turn in one process, each after a pause, and their medians quoted: judge the ratios, the",
            "machine is shared.",
            "",
            f"Machine: {machine}, competency_dx {cdx.__version__}.",
            "",
            "| what | median | figures |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure everything and write the page."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("-")
    rows: list[str] = []
    parts: list[Callable[[], list[str]]] = [
        calibration_beside_peer,
        lambda: engine.em_beside_products(two_pl_data(), in_turn),
        lambda: engine.families(in_turn),
        lambda: facets.experts_beside_peer(in_turn),
        lambda: timss(folder / "data" / "timss07_g8_rus"),
        lambda: engine.competencies(in_turn, folder),
        engine.sizes,
        engine.fit,
        lambda: engine.profiles(in_turn, folder),
        lambda: engine.links(in_turn),
        engine.differences,
        arrays_beside_peer,
        million_persons,
        lambda: engine.one_person_forty(in_turn),
        one_person,
        persons.rows,
        imports,
        lambda: tables.commands(in_turn),
        lambda: tables.reading(in_turn),
        tables.reports,
        demo,
    ]
    with tempfile.TemporaryDirectory() as compiled:  # sources are compiled once, as an installation compiles them
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = compiled
        for part in parts:
            found = part()
            print("\n".join(found), file=sys.stderr)
            rows += found
    PAGE.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
