"""What routes close of true shortfalls, and how long it takes: ``python tests/recovery/routes_study.py`` prints the table.

``python tests/recovery/routes_study.py many`` prints how long it takes with more hours and with 120 programmes for one category.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recovery_study.diagnosis_run import _calibrated, diagnosed
from recovery_study.diagnosis_truth import _pattern, drawn_items, drawn_persons, layout

import competency_dx as cdx
from competency_dx.bank import Text
from competency_dx.errors import CompetencyDxWarning
from competency_dx.routes import Catalogue, Effect, Programme, load_catalogue

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


def crowded(whole: Catalogue, leaves: Sequence[str], rng: np.random.Generator) -> Catalogue:
    """Return 120 programmes for mathematics alone, each for one to five competencies in a row; more hours bring more."""
    every, long, short = [], (8, 12, 16, 18, 24, 36, 72), (4, 8, 12, 16)
    for k in range(120):
        at, n = int(rng.integers(len(leaves))), int(rng.integers(1, 6))
        kind = ("programme", "internship", "mentoring", "community", "self_study")[rng.choice(5, p=[0.5, 0.1, 0.1, 0.1, 0.2])]
        course, open_ = kind in {"programme", "internship"}, kind in {"community", "self_study"}
        hours = float(rng.choice(long if course else short))
        gain = max(float(np.round(min(20, 2 + hours / 4 + rng.normal() * 1.5), 1)), 1.0)
        start = date(2027, 1, 18) + timedelta(int(rng.integers(0, 120))) if course and rng.random() < 0.7 else None
        brings = tuple(Effect(competency=leaves[(at + j) % len(leaves)], gain=gain, target=80) for j in range(n))
        options: dict[str, Any] = {
            "start": start,
            "end": start and start + timedelta(int(hours)),
            "brings": brings,
            "categories": ("MAT",),
        }
        options |= {"seats": None if open_ else int(rng.integers(6, 50)), "price": 0.0 if open_ or kind == "mentoring" else 150 * hours}
        every.append(Programme.model_validate({"id": f"X-{k:03}", "title": Text(ru=f"{k}"), "kind": kind, "hours": hours, **options}))
    return whole.model_copy(update={"id": "crowded", "programmes": tuple(every)})


def without_seats(catalogue: Catalogue) -> Catalogue:
    """Return a catalogue in which everybody finds a place."""
    return catalogue.model_copy(update={"programmes": tuple(p.model_copy(update={"seats": None}) for p in catalogue.programmes)})


def many() -> None:
    """Print the table of times."""
    bank, whole = cdx.load_bank("mathematics"), load_catalogue("synthetic")
    profiles = persons(np.random.default_rng(7), bank)[0]
    leaves = [c.code for c in profiles.competencies if c.code in profiles.population.leaves]
    full = crowded(whole, leaves, np.random.default_rng(11))
    limits = [(one, hours, np.inf) for one in (whole, full) for hours in (HOURS, 144.0, np.inf)]
    for catalogue, hours, budget in [
        *limits,
        (full, HOURS, 3e6),
        (without_seats(full), HOURS, np.inf),
        (without_seats(full), HOURS, 3e6),
    ]:
        cpu = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            routes = cdx.recommend(profiles, catalogue, hours=hours, budget=budget)
        seats = "seats" if catalogue in (whole, full) else "seats for all"
        took = time.process_time() - cpu
        sys.stdout.write(
            f"| {catalogue.id}, {seats} | {hours:g} | {budget:g} | {took:.0f} | {100 * routes.gap:.2f} | {routes.closes.sum():.0f} |\n"
        )
        sys.stdout.flush()


def persons(rng: np.random.Generator, bank: cdx.ItemBank) -> tuple[cdx.DeficitProfiles, Any, Any]:
    """Return the profiles of simulated persons, the truth and its layout."""
    of, items = layout(bank), drawn_items(bank, rng, "bank")
    D = len(of.leaves)
    truth = drawn_persons(of, items, (np.full(D, -0.3), _pattern(np.zeros(D), 0.8, 0.8)), [True] * len(bank.items), PERSONS, rng)
    return diagnosed(_calibrated(bank, items), truth.answers, None, cdx.DeficitRule()), truth, of


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(7)
    bank, whole = cdx.load_bank("mathematics"), load_catalogue("synthetic")
    profiles, truth, of = persons(rng, bank)
    towns = np.array([f"m{k:02}" for k in rng.choice(PLACES, PERSONS, p=np.arange(1, PLACES + 1) / (PLACES * (PLACES + 1) / 2))])
    profiles = replace(profiles, background={"municipality": towns.astype(object)})
    of_towns = {name: 3e6 * n / PERSONS for name, n in zip(*np.unique(towns, return_counts=True), strict=True)}
    free = without_seats(whole)
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
    many() if "many" in sys.argv else main()
