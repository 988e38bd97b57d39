"""Commands beside the import of pandas, and reading tables of raw answers beside pandas reading the same file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from memory import measured

import competency_dx as cdx
from competency_dx_demo.region import make_cohort

InTurn = Callable[..., list[float]]


def raw_answers(bank: cdx.ItemBank, persons: int) -> pd.DataFrame:
    """Return a table of raw answers: those of 200 persons of the demo again and again, under ids of their own."""
    answers = make_cohort(bank, 200, np.random.default_rng(3)).answers
    table = pd.DataFrame(answers[np.arange(persons) % len(answers)], columns=[item.id for item in bank.items])
    table.insert(0, "person", [f"T{k:05d}" for k in range(persons)])
    return table


def commands(in_turn: InTurn) -> list[str]:
    """Return a row for each short command on 300 x 25 answers."""
    bank = cdx.load_bank("mathematics")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw_answers(bank, 300).iloc[:, :26].to_csv(folder / "answers.csv", index=False)
        answers, out = str(folder / "answers.csv"), str(folder / "out.csv")
        calls = {
            "validate": ["validate", "mathematics"],
            "items": ["items", answers, "--bank", "mathematics", "--out", out],
            "score": ["score", answers, "--bank", "mathematics", "--out", out],
        }

        def run(*arguments: str) -> Callable[[], object]:
            return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

        base, *taken = in_turn(run("-c", "import pandas"), *(run("-m", "competency_dx", *call) for call in calls.values()))
    return [
        f"| `competency-dx {name}`, 300 × 25 answers | {seconds:.2f} s | {seconds / base:.1f} times "
        f'`python -c "import pandas"` ({base:.2f} s) |'
        for name, seconds in zip(calls, taken, strict=True)
    ]


def reading(in_turn: InTurn) -> list[str]:
    """Return rows for reading and scoring 25,000 persons' raw answers from CSV and XLSX."""
    bank, rows = cdx.load_bank("mathematics"), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = raw_answers(bank, 25_000)
        table.to_csv(folder / "answers.csv", index=False)
        table.to_excel(folder / "answers.xlsx", index=False)
        readers: dict[str, tuple[Path, Callable[[Path], object]]] = {
            "CSV, beside `pd.read_csv`": (folder / "answers.csv", pd.read_csv),
            "CSV, beside `pd.read_csv(dtype=str)`": (folder / "answers.csv", lambda p: pd.read_csv(p, dtype=str)),
            'XLSX, beside `pd.read_excel(engine="calamine")`': (folder / "answers.xlsx", lambda p: pd.read_excel(p, engine="calamine")),
        }
        for what, (path, peer) in readers.items():
            ours, theirs = in_turn(
                lambda path=path: cdx.load_responses(path, bank=bank), lambda path=path, peer=peer: peer(path), runs=3
            )
            rows.append(
                f"| 25,000 × {len(table.columns) - 1} raw answers read and scored from {what} | {ours:.2f} s | "
                f"{ours / theirs:.1f} times its {theirs:.2f} s |"
            )
    return rows


REPORT = """
from memory import peak
import json, sys, tempfile, time, warnings
from concurrent.futures import ProcessPoolExecutor
warnings.simplefilter("ignore")
import numpy as np
import competency_dx as cdx
from competency_dx.reports.profile_report import profile_report
bank = cdx.load_bank("mathematics")
drawn = cdx.simulate(bank, int(sys.argv[1]), rng=np.random.default_rng(1)).select(items=bank.forms[0].items)
profiles = cdx.diagnose(drawn, bank)
with tempfile.TemporaryDirectory() as folder:
    cdx.report(profiles.select(profiles.persons[:5]), folder + "/warm")
    before = peak()
    start = time.process_time()
    cdx.report(profiles, folder + "/report")
    taken = time.process_time() - start
    more = peak() - before
    start = time.process_time()
    for _ in profile_report(profiles, "ru").further():
        pass
    pages = time.process_time() - start
    alone, spread = [], []
    with ProcessPoolExecutor(2) as executor:
        cdx.report(profiles.select(profiles.persons[:200]), folder + "/started", executor=executor)
        for _ in range(3):
            start = time.perf_counter()
            cdx.report(profiles, folder + "/report")
            middle = time.perf_counter()
            cdx.report(profiles, folder + "/report", executor=executor)
            alone.append(middle - start)
            spread.append(time.perf_counter() - middle)
print(json.dumps({"taken": taken, "more": more, "pages": pages, "alone": sorted(alone)[1], "spread": sorted(spread)[1]}))
"""


def reports() -> list[str]:
    """Return rows for the report of a cohort: pages alone, then with all tables, memory beyond the profiles, and by two processes."""
    rows = []
    for persons in (300, 3000):
        found = measured(REPORT, str(persons))
        rows += [
            f"| pages of {persons:,} persons | {found['pages']:.1f} s of CPU | **{persons / found['pages']:.0f} pages a second** |",
            f"| report of {persons:,} persons: pages, CSV, workbook, JSON | {found['taken']:.1f} s of CPU | "
            f"{persons / found['taken']:.0f} pages a second, {found['more']:.0f} MB beyond the profiles |",
            f"| the same, pages by two processes | {found['spread']:.1f} s | "
            f"{found['alone'] / found['spread']:.1f} times as fast as by one |",
        ]
    return rows
