"""Rows about profiles: one person in a warm process, threads, many banks in turn, a cold start, a cohort."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from memory import measured, printed

import competency_dx as cdx

THREADS, REQUESTS, BANKS = 8, 400, 100
COLD = """
import time
import competency_dx as cdx
bank = cdx.load_bank("mathematics")
answers = {"kind": "answers", "persons": [{"person": "p-1", "answers": {"MAT-001": "4", "MAT-002": "18", "MAT-003": "1"}}]}
cdx.diagnose(cdx.load_responses(answers, bank=bank), bank)["p-1"].to_json()
print(time.process_time())
"""
COHORT = """
from memory import peak
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
import competency_dx as cdx
from persons import sixty
bank = sixty(cdx.load_bank("mathematics"))
responses = cdx.simulate(bank, int(sys.argv[1]), rng=np.random.default_rng(0))
cdx.diagnose(responses.select(persons=list(responses.persons[:50])), bank)
wall, cpu = time.perf_counter(), time.process_time()
cdx.diagnose(responses, bank)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
highest = peak()
print(json.dumps({"items": len(bank.items), "wall": wall, "cpu": cpu, "peak": highest}))
"""


def rows() -> list[str]:
    """Return the rows."""
    return [*one_person(), many_banks(), cold_start(), *cohort()]


def cpu_ms(action: Callable[[], object], runs: int = 300) -> list[float]:
    """Return the sorted milliseconds of CPU of an action in a warm process."""
    for _ in range(20):
        action()
    taken = []
    for _ in range(runs):
        start = time.process_time()
        action()
        taken.append(1e3 * (time.process_time() - start))
    return sorted(taken)


def one_person() -> list[str]:
    """Return rows for one person in a warm process: a diagnosis, answers as JSON to a profile as JSON, eight threads."""
    bank = cdx.load_bank("mathematics")
    one = cdx.simulate(bank, 50, rng=np.random.default_rng(3)).select(persons=["7"])
    texts = [answers_of(bank, 30, seed) for seed in range(REQUESTS)]

    def request(text: str) -> str:
        return cdx.diagnose(cdx.load_responses(json.loads(text), bank=bank), bank)["p-1"].to_json()

    diagnosed, whole = cpu_ms(lambda: cdx.diagnose(one, bank)), cpu_ms(lambda: request(texts[0]))
    for text in texts:
        request(text)
    others = sorted(_cpu(partial(request, text)) for text in texts)
    start = time.perf_counter()
    alone = list(map(request, texts))
    middle = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(request, texts)) == alone
    gain = (middle - start) / (time.perf_counter() - middle)
    return [
        f"| one person, 48 answers, 15 competencies, `diagnose`, CPU | {_middle(diagnosed):.1f} ms | least {diagnosed[0]:.1f} ms |",
        f"| one person, 30 answers as JSON in, profile as JSON out, CPU | {_middle(whole):.1f} ms | least {whole[0]:.1f} ms; "
        f"{REQUESTS} other persons: median {_middle(others):.1f} ms, p99 {others[int(0.99 * len(others))]:.1f} ms |",
        f"| the same on {THREADS} threads | | {gain:.2f} times the persons a second of one thread, same bytes |",
    ]


def many_banks() -> str:
    """Return the row for one person of each of many banks in turn beside the same bank as often."""
    bank = cdx.load_bank("mathematics")
    banks = [cdx.ItemBank.from_json(bank.to_json()) for _ in range(BANKS)]
    one = cdx.simulate(bank, 1, rng=np.random.default_rng(1))
    first = _cpu(partial(_each, banks, one)) / BANKS
    turns = [[_cpu(partial(_each, chosen, one)) / BANKS for chosen in ([bank] * BANKS, banks)] for _ in range(5)]
    same, other = (statistics.median(column) for column in zip(*turns, strict=True))
    return (
        f"| {BANKS} banks in turn, one person each, CPU | {other:.1f} ms | {other / same:.2f} times one bank again and again; "
        f"{first:.0f} ms where a bank is met first |"
    )


def _each(banks: list[cdx.ItemBank], one: cdx.Responses) -> None:
    for bank in banks:
        cdx.diagnose(one, bank)


def cold_start() -> str:
    """Return the row for a process that makes one profile."""
    taken = [float(printed(COLD)) for _ in range(5)]
    return f"| from nothing to the first profile as JSON, CPU of the process | {statistics.median(taken):.2f} s | |"


def cohort() -> list[str]:
    """Return the row for a cohort and its memory beside that of a tenth."""
    few, many = (measured(COHORT, str(P)) for P in (2_500, 25_000))
    return [
        f"| 25,000 persons × {many['items']} items × 12 leaves, `diagnose` | {many['wall']:.1f} s | {many['cpu']:.1f} s of CPU; "
        f"peak {many['peak']:.0f} MB, {few['peak']:.0f} MB with a tenth of the persons |"
    ]


def sixty(bank: cdx.ItemBank) -> cdx.ItemBank:
    """Return a bank of the first sixty items."""
    items = tuple(i.model_copy(update={"enemies": ()}) for i in bank.items[:60])
    ids = {item.id for item in items}
    known = tuple(p for p in bank.parameters if p.item in ids)
    return replace(bank, header=bank.header.model_copy(update={"forms": ()}), items=items, parameters=known)


def answers_of(bank: cdx.ItemBank, n: int, seed: int) -> str:
    """Return a document of a person's answers to the first items: right ones, wrong options, blanks."""
    rng, answers = np.random.default_rng(seed), {}
    for item in bank.items[:n]:
        right, others = item.key, [code for code in item.options if code != item.key]
        natural: Any = right[0] if item.type == "text" and isinstance(right, tuple) else right
        answers[item.id] = natural if rng.random() < 0.6 else str(rng.choice(others)) if item.type == "single" else None
        if item.type == "open":
            answers[item.id] = int(rng.integers(item.max_score + 1))
    return json.dumps({"kind": "answers", "persons": [{"person": "p-1", "answers": answers}]}, ensure_ascii=False)


def _cpu(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return 1e3 * (time.process_time() - start)


def _middle(taken: list[float]) -> float:
    return taken[len(taken) // 2]
