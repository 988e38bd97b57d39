"""Severities of simulated experts found again: what `docs/raters.md` quotes.

Run: python tests/recovery/raters_study.py     (some minutes)
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning
from competency_dx.raters import Facets

STEPS = np.array([-1.2, 0.0, 1.2])


class Condition(NamedTuple):
    """Works, criteria, experts, marks of a work, the model, and whether severity drifts."""

    name: str
    works: int
    criteria: int
    experts: int
    marks: int
    facets: Facets
    drift: float = 0.0


CONDITIONS = (
    Condition("300 works × 5 criteria, 10 experts, two of them a work", 300, 5, 10, 2, Facets()),
    Condition("the same, rating scale", 300, 5, 10, 2, Facets(model="RSM")),
    Condition("100 works × 3 criteria, 10 experts", 100, 3, 10, 2, Facets()),
    Condition("400 works × 3 criteria, 40 random experts", 400, 3, 40, 2, Facets(experts="random")),
    Condition("the same, fixed experts", 400, 3, 40, 2, Facets()),
    Condition("300 works × 5 criteria, 10 experts, drift", 300, 5, 10, 2, Facets(drift="linear"), 0.8),
)


def protocol(of: Condition, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Return a protocol with the severities, drifts and abilities behind it."""
    rng = np.random.default_rng(seed)
    theta, severity, drift = rng.normal(0, 1.2, of.works), rng.normal(0, 0.6, of.experts), of.drift * rng.normal(size=of.experts)
    place = np.linspace(-0.5, 0.5, of.criteria)
    expert = np.stack([rng.choice(of.experts, of.marks, replace=False) for _ in range(of.works)])
    day = rng.integers(0, 20, expert.shape)
    shift = severity[expert] + drift[expert] * (day / 19 - 0.5)
    b = place[:, None] + STEPS + shift[:, :, None, None]
    log_p = np.concatenate([np.zeros((*b.shape[:3], 1)), np.cumsum(theta[:, None, None, None] - b, axis=3)], axis=3)
    p = np.exp(log_p - log_p.max(axis=3, keepdims=True))
    marks = (np.cumsum(p / p.sum(axis=3, keepdims=True), axis=3) < rng.random((*b.shape[:3], 1))).sum(axis=3)
    work, turn, criterion = (x.ravel() for x in np.indices(marks.shape))
    names = {"person": work, "criterion": criterion, "expert": expert[work, turn], "mark": marks.ravel(), "day": day[work, turn]}
    return pd.DataFrame(names), severity, drift, theta


def figures(of: Condition, seeds: range) -> dict[str, float]:
    """Return means over replications: RMS error and mean SE of severities, and shares of 95 % intervals that hold the truth."""
    rows = []
    for seed in seeds:
        table, severity, drift, theta = protocol(of, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            out = cdx.raters.calibrate_raters(cdx.raters.load_ratings(table), facets=of.facets)
        frame, persons = out.to_frame(), out.person_frame()
        off, se = frame["severity"] - (severity - severity.mean()), frame["se_severity"]
        change = frame["severity_change"] - (drift - drift.mean())
        truth = theta[persons["person"].astype(int)]
        row = {"rmse": np.mean(off**2), "se": np.mean(se**2), "severity": np.mean(np.abs(off) < 1.96 * se)}
        row["drift"] = np.mean(np.abs(change) < 1.96 * frame["se_severity_change"]) if of.drift else np.nan
        row |= {name: np.mean((persons[name] - truth) ** 2) for name in ("theta_raw", "theta")}
        rows.append(row | {"persons": np.mean(np.abs(persons["theta"] - truth) < 1.96 * persons["se"])})
    mean = pd.DataFrame(rows).mean()
    mean[["rmse", "se", "theta", "theta_raw"]] **= 0.5
    return {str(k): float(v) for k, v in mean.items()}


HABITS = ("none", "severe by 1.6 logits", "careless", "avoids the ends", "halo", "one careless, one with halo", "two with halo")
"""What one expert, or two, do; the table of `docs/raters.md` on who is named for halo."""


def habitual(habit: str, of: Condition, seed: int) -> pd.DataFrame:
    """Return a protocol in which expert 0 has a habit, and expert 1 a halo where two have one: marks of a work are its first mark."""
    table, _, _, theta = protocol(of, seed)
    rng, odd = np.random.default_rng(1000 + seed), (table["expert"] == 0).to_numpy()
    first = table.groupby(["person", "expert"])["mark"].transform("first")
    logits = theta[table["person"]] - np.linspace(-0.5, 0.5, of.criteria)[table["criterion"]]
    steps = {"severe by 1.6 logits": STEPS + 1.6, "avoids the ends": 2.5 * STEPS}.get(habit, STEPS)
    log_p = np.column_stack([np.zeros(len(table)), np.cumsum(logits[:, None] - steps, axis=1)])
    p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    own = (np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1) < rng.random((len(table), 1))).sum(axis=1)
    if habit in {"severe by 1.6 logits", "avoids the ends"}:
        table.loc[odd, "mark"] = own[odd]
    if "careless" in habit:
        table.loc[odd, "mark"] = rng.integers(0, 4, odd.sum())
    halo = odd & habit.startswith(("halo", "two")) | ((table["expert"] == 1) & habit.startswith(("one", "two"))).to_numpy()
    table.loc[halo, "mark"] = first[halo]
    return table


def named_for_halo(habit: str, of: Condition, seeds: range) -> tuple[float, float]:
    """Return the share of experts with a halo who are named for it, and of protocols in which another is."""
    guilty = {"halo": {"0"}, HABITS[5]: {"1"}, HABITS[6]: {"0", "1"}}.get(habit, set())
    found, wrong = 0, 0
    for seed in seeds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            out = cdx.raters.calibrate_raters(cdx.raters.load_ratings(habitual(habit, of, seed), maximum=3))
        named = {who for f in out.findings if f.code == "raters.halo" for who in f.scope}
        found, wrong = found + len(named & guilty), wrong + bool(named - guilty)
    return found / (len(seeds) * len(guilty)) if guilty else np.nan, wrong / len(seeds)


HEADS = {
    "rmse": "RMSE of severity",
    "se": "RMS of its SE",
    "severity": "severities covered",
    "drift": "drifts covered",
    "theta_raw": "RMSE of θ as marks stand",
    "theta": "adjusted",
    "persons": "θ covered",
}

if __name__ == "__main__":
    print("| condition |", *(f"{head} |" for head in HEADS.values()))
    print("|", *("--- |" for _ in range(len(HEADS) + 1)))
    for condition in CONDITIONS:
        found = figures(condition, range(1, 101))
        print(f"| {condition.name} |", *(f"{found[k]:.3f} |" for k in HEADS), flush=True)
    sizes = [CONDITIONS[0]._replace(works=400, criteria=4), CONDITIONS[0]._replace(works=120, criteria=3)]
    print("| habit |", *(f"{of.works} × {of.criteria}: named | others named |" for of in sizes))
    print("|", *("--- |" for _ in range(2 * len(sizes) + 1)))
    for habit in HABITS:
        shares = [share for of in sizes for share in named_for_halo(habit, of, range(1, 61))]
        print(f"| {habit} |", *("– |" if np.isnan(share) else f"{share:.0%} |" for share in shares), flush=True)
