"""Growth of 300 simulated persons, half of whom were sent to a programme by their first result: what `docs/growth.md` quotes.

Run: python tests/recovery/growth_study.py     (five minutes)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import competency_dx as cdx

sys.path.insert(0, str(Path(__file__).parents[1] / "result"))
sys.path.insert(0, str(Path(__file__).parents[1] / "growth"))
import test_measure_growth as waves

CONDITIONS: tuple[tuple[str, float, float, Any], ...] = (
    ("no growth", 0.0, 1.0, None),
    ("+.8 by the programme", 0.8, 1.0, None),
    ("no growth, SD .75", 0.0, 0.75, None),
    ("no growth, SD .75, `Cohort()`", 0.0, 0.75, cdx.Cohort()),
    ("no growth, SD 1.3", 0.0, 1.3, None),
    ("no growth, SD 1.3, `Cohort()`", 0.0, 1.3, cdx.Cohort()),
)
SEEDS = range(1, 11)


def row(name: str, gain: float, sd: float, population: Any) -> str:
    """Return a row of the table."""
    rows = []
    for seed in SEEDS:
        first, second, one, two = waves.study.__wrapped__(gain, seed, sd, population)
        growth = waves.grown(first, second, by="programme", draws=400)
        truth = waves.true_percents(first, two) - waves.true_percents(first, one)
        g = growth.groups.index("курс")
        low, asked, told = growth.group == g, np.isfinite(growth.change), np.isfinite(growth.mean_change[g])
        own = ((growth.change_low <= truth) & (truth <= growth.change_high))[asked]
        raw = (second.percent - first.percent)[low, 0].mean()
        mean = truth[low].mean(axis=0)
        held = ((growth.mean_low[g] <= mean) & (mean <= growth.mean_high[g]))[told]
        gains = growth.p_gain >= 0.95
        wrong = (truth[gains] <= 0).mean() if gains.any() else 0.0
        rows.append([growth.mean_change[g, 0] - mean[0], held.mean(), own.mean(), wrong, growth.regression[0], raw - mean[0]])
    bias, held, own, wrong, regression, naive = np.mean(rows, axis=0)
    return f"| {name} | {bias:+.1f} | {held:.2f} | {own:.3f} | {wrong:.3f} | {regression:+.1f} | {naive:+.1f} |"


if __name__ == "__main__":
    heads = ("condition", "bias, points", "means covered", "persons covered", "gains that are none", "return to the mean")
    print("|", *(f"{head} |" for head in heads), "bias of differences of EAP |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for condition in CONDITIONS:
        print(row(*condition), flush=True)
