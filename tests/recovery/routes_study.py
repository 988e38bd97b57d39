"""What routes close of true shortfalls, and how long it takes: ``python tests/recovery/routes_study.py`` prints the table."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from recovery_study.diagnosis_run import _calibrated, diagnosed
from recovery_study.diagnosis_truth import _pattern, drawn_items, drawn_persons, layout

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning
from competency_dx.routes import Catalogue, Programme, load_catalogue

PERSONS, HOURS, CUT, PLACES = 2217, 72.0, 60.0, 26
Array = NDArray[np.float64]


def closed(true: Array, leaves: Sequence[str], taken: Sequence[Programme]) -> Array:
    """Return the points below the cut (D,) that programmes close of true percents (D,), by what the catalogue assumes."""
    out = np.zeros(len(true))
    for one in taken:
        for effect in one.brings:
            if effect.competency in leaves:
                d, top = leaves.index(effect.competency), min(effect.target, CUT)
                out[d] = max(out[d], min(top, true[d] + effect.gain) - true[d])
    return out


def drawn(catalogue: Catalogue, rng: np.random.Generator) -> list[Programme]:
    """Return programmes of mathematics at random as long as there are hours, none at the same time."""
    out: list[Programme] = []
    able = [one for one in catalogue.programmes if "MAT" in one.categories]
    for k in rng.permutation(len(able)):
        if sum(one.hours for one in (*out, able[k])) <= HOURS and not any(map(able[k].overlaps, out)):
            out.append(able[k])
    return out


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(7)
    bank, whole = cdx.load_bank("mathematics"), load_catalogue("synthetic")
    of, items = layout(bank), drawn_items(bank, rng, "bank")
    D = len(of.leaves)
    truth = drawn_persons(of, items, (np.full(D, -0.3), _pattern(np.zeros(D), 0.8, 0.8)), [True] * len(bank.items), PERSONS, rng)
    profiles = diagnosed(_calibrated(bank, items), truth.answers, None, cdx.DeficitRule())
    towns = np.array([f"m{k:02}" for k in rng.choice(PLACES, PERSONS, p=np.arange(1, PLACES + 1) / (PLACES * (PLACES + 1) / 2))])
    profiles = replace(profiles, background={"municipality": towns.astype(object)})
    of_towns = {name: 3e6 * n / PERSONS for name, n in zip(*np.unique(towns, return_counts=True), strict=True)}
    free = whole.model_copy(update={"programmes": tuple(p.model_copy(update={"seats": None}) for p in whole.programmes)})
    course = {one.id: one for one in whole.programmes}["MAT-01"]
    for label, catalogue, budget in (
        ("seats for all", free, np.inf),
        ("seats of the catalogue", whole, np.inf),
        ("seats, budget of 300 000", whole, 3e5),
        ("seats for all, budget of 3 000 000", free, 3e6),
        ("seats for all, 3 000 000 by place", free, {"municipality": of_towns}),
        ("seats, 300 000 by place", whole, {"municipality": {name: x / 10 for name, x in of_towns.items()}}),
    ):
        begin, cpu = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            routes = cdx.recommend(profiles, catalogue, hours=HOURS, budget=budget)
        took, worked = time.perf_counter() - begin, time.process_time() - cpu
        leaves = [c.code for c in routes.competencies]
        true = truth.percent[:, [of.units.index(leaf) for leaf in leaves]]
        taken = [[routes.programmes[k] for k in row if k >= 0] for row in routes.steps]
        real = np.array([closed(true[p], leaves, one) for p, one in enumerate(taken)])
        hours = sum(one.hours for row in taken for one in row)
        counted = real[routes.chosen >= 0].sum()
        sys.stdout.write(
            f"| {label} | {took:.0f} ({worked:.0f}) | {100 * routes.gap:.2f} | {routes.closes.sum():.0f} | {counted:.0f} | "
            f"{real.sum():.0f} | {100 * real.sum() / hours:.1f} |\n"
        )
        sys.stdout.flush()
    others = {"programmes at random": [drawn(whole, rng) for _ in range(PERSONS)], "MAT-01 for all": [[course]] * PERSONS}
    for label, rows in others.items():
        real = np.array([closed(true[p], leaves, row) for p, row in enumerate(rows)])
        hours = sum(one.hours for row in rows for one in row)
        sys.stdout.write(f"| {label} | | | | | {real.sum():.0f} | {100 * real.sum() / hours:.1f} |\n")
    sys.stdout.write(f"true shortfall: {np.maximum(CUT - true, 0).sum():.0f}\n")


if __name__ == "__main__":
    main()
