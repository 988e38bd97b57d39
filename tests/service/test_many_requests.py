"""A process that answers requests for weeks: 100,000 profiles leave its memory as it was, threads and processes its bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import competency_dx as cdx

REQUESTS, DIFFERENT, SETTLED, MOST_MB = 100_000, 2_000, 20_000, 4.0


@cache
def mathematics() -> cdx.ItemBank:
    return cdx.load_bank("mathematics")


def document(seed: int) -> str:
    """Return a person's answers to 30 items: keys, other options, texts of one's own, blanks."""
    rng, answers = np.random.default_rng(seed), dict[str, Any]()
    for item in mathematics().items[:30]:
        key = item.key[0] if item.type == "text" and isinstance(item.key, tuple) else item.key
        others = [code for code in item.options if code != item.key] or [f"{rng.integers(1000)}"]
        wrong = str(rng.choice(others)) if item.type in {"single", "text"} else None
        answers[item.id] = int(rng.integers(item.max_score + 1)) if item.type == "open" else key if rng.random() < 0.6 else wrong
    return json.dumps({"kind": "answers", "persons": [{"person": f"p-{seed}", "answers": answers}]}, ensure_ascii=False)


def profile(text: str, person: str = "") -> str:
    bank, request = mathematics(), json.loads(text)
    request["persons"][0]["person"] = person or request["persons"][0]["person"]
    [found] = cdx.diagnose(cdx.load_responses(request, bank=bank), bank)
    return found.to_json()


def resident() -> float:
    """Return the megabytes of memory that the process holds."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.recovery
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read as Linux tells it")
def test_memory_and_bytes_of_a_hundred_thousand_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings.simplefilter("default")
    monkeypatch.setattr(warnings, "showwarning", lambda *_, **__: None)  # pytest would keep them all
    texts = [document(seed) for seed in range(DIFFERENT)]
    alone = [profile(text) for text in texts]
    held = []
    for k in range(REQUESTS):  # each of them another person
        assert len(profile(texts[k % DIFFERENT], f"q-{k}")) > len(alone[k % DIFFERENT]) - 100
        if k % SETTLED == SETTLED - 1:
            held.append(resident())
    print("MB after each 20,000 requests:", [round(mb, 1) for mb in held])
    assert held[-1] - held[0] < MOST_MB
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(profile, texts)) == alone
    processes = [subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in processes] == [digest(alone)] * 2


def digest(profiles: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(profiles).encode()).hexdigest()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(digest(profile(document(seed)) for seed in range(DIFFERENT)))
