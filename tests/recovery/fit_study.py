"""How often items, pairs and models that follow the model are said not to: what `docs/quality.md` quotes.

Run: python tests/recovery/fit_study.py     (a quarter of an hour)
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

import competency_dx as cdx
from competency_dx.findings import in_results_only
from competency_dx.fit.api import tied_items
from competency_dx.fit.residuals import Part, free_columns, item_statistics
from competency_dx.fit.whole_model import Left, left_over, limited, of_sums, pairs_of
from competency_dx.persons import match
from competency_dx.responses import MissingPolicy

LEVEL = 0.05
HEADS = ("persons × items", "model", "X²", "S-X²", "infit", "outfit", "C2", "any pair", "any set")


class Condition(NamedTuple):
    """Persons and items, the model, whether a third of the items is missing by design, replicates, testlets with their SD in logits."""

    persons: int
    items: int
    model: str = "2PL"
    booklets: bool = False
    replicates: int = 20
    testlets: tuple[tuple[int, ...], ...] = ()
    sd: float = 1.0


CONDITIONS = (
    *(Condition(P, I, replicates=R) for P, I, R in ((300, 20, 240), (300, 60, 75), (1000, 20, 240), (1000, 60, 75), (5000, 20, 180))),
    Condition(5000, 60, replicates=60),
    *(Condition(P, I, booklets=True, replicates=R) for P, I, R in ((300, 30, 150), (1000, 60, 75), (5000, 60, 45))),
    *(Condition(1000, 20, model, replicates=120) for model in ("Rasch", "GPCM", "GRM")),
    Condition(1000, 30, "GPCM", booklets=True, replicates=75),
)
TESTLETS = (
    *(
        Condition(P, I, replicates=50, testlets=((3, 4, 5, 6, 7),))
        for P, I in ((300, 24), (300, 40), (1000, 24), (1000, 40), (5000, 40))
    ),
    Condition(1000, 30, booklets=True, replicates=50, testlets=((1, 2, 3, 4, 5),)),
    Condition(1000, 40, replicates=50, testlets=((3, 4, 5), (10, 11, 12))),
    Condition(600, 30, replicates=50, testlets=tuple(tuple(range(k, k + 5)) for k in range(0, 30, 5))),
    Condition(1000, 24, replicates=50, testlets=((3, 4, 5, 6, 7),), sd=0.5),
)


def drawn(c: Condition, rng: np.random.Generator) -> cdx.Responses:
    """Return answers that follow the model; items of several scores have four."""
    theta, b = rng.normal(size=c.persons), rng.normal(size=c.items)
    a = np.ones(c.items) if c.model == "Rasch" else rng.lognormal(0, 0.3, c.items)
    if c.model in {"GPCM", "GRM"}:
        steps = np.sort(b[:, None] + np.array([-1.0, 0.0, 1.0]) + rng.normal(0, 0.2, (c.items, 3)), axis=1)
        logit = a[:, None] * (theta[:, None, None] - steps)
        if c.model == "GRM":
            above = 1 / (1 + np.exp(-logit))
        else:
            weight = np.exp(np.concatenate([np.zeros((*logit.shape[:2], 1)), np.cumsum(logit, axis=2)], axis=2))
            above = 1 - np.cumsum(weight / weight.sum(axis=2, keepdims=True), axis=2)[:, :, :-1]
        x = (rng.random((c.persons, c.items))[:, :, None] < above).sum(axis=2).astype(float)
    else:
        logit = a * (theta[:, None] - b)
        for tied in c.testlets:
            logit[:, tied] += c.sd * rng.normal(size=(c.persons, 1))
        x = (rng.random((c.persons, c.items)) < 1 / (1 + np.exp(-logit))).astype(float)
    if c.booklets:
        x[(np.arange(c.items) * 3 // c.items)[None] == (np.arange(c.persons) % 3)[:, None]] = np.nan
    return cdx.load_responses(x, layout=cdx.Layout(items=tuple(f"i{k}" for k in range(c.items))))


def rates(c: Condition, seed: int = 2) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the shares (7,) of items or tests below .05: X², S-X², infit, outfit, C2, any pair, any set; NaN where there is none."""
    by_item, by_test = [], []
    for replicate in range(c.replicates):
        data = drawn(c, np.random.default_rng([seed, replicate]))
        with warnings.catch_warnings(), in_results_only():
            warnings.simplefilter("ignore")
            fitted = cdx.calibrate(data, model=c.model)
            known = fitted.parameters
            part = Part.of(np.arange(c.persons), match(data, known, MissingPolicy()), known)
            free = free_columns(fitted, known)
            found = item_statistics([part], free)[0]
            sums = np.full(c.items, np.nan) if c.booklets else of_sums(part, [len(at) for at in free])[2]
            p = limited(fitted, part, pairs_of(known.items, part.matched.observed))[1, 2]
            left = left_over([part])
        z = [np.abs(found[name]) > 1.96 for name in ("infit_z", "outfit_z")]
        below = np.where(np.isnan(sums), np.nan, sums < LEVEL)
        by_item.append(np.stack([found["p"] < LEVEL, below, *z]))
        tied = np.nan_to_num(left.q3_z[np.triu_indices(c.items, 1)]) > left.q3_bound
        by_test.append([np.nan if np.isnan(p) else float(p < LEVEL), float(tied.any()), float(bool(sets_of(left)))])
    whole = np.concatenate(by_item, axis=1)
    missing = np.isnan(whole).all(axis=1)
    return np.concatenate(
        [np.where(missing, np.nan, np.nanmean(np.where(missing[:, None], 0.0, whole), axis=1)), np.mean(by_test, axis=0)]
    )


def sets_of(left: Left) -> list[tuple[int, ...]]:
    """Return the sets of items that would be suggested as testlets where no item has a stimulus."""
    return tied_items(left, [None] * len(left.q3), float(np.nanmedian(left.q3[np.triu_indices(len(left.q3), 1)])))


def found_sets(c: Condition, seed: int = 3) -> tuple[float, float, float, float]:
    """Return how often any set is suggested, all testlets whole and nothing else, an item of none, and the share of items found."""
    told = []
    for replicate in range(c.replicates):
        data = drawn(c, np.random.default_rng([seed, replicate]))
        with warnings.catch_warnings(), in_results_only():
            warnings.simplefilter("ignore")
            known = cdx.calibrate(data).parameters
            sets = {*sets_of(left_over([Part.of(np.arange(c.persons), match(data, known, MissingPolicy()), known)]))}
        tied, items = {i for s in sets for i in s}, {i for s in c.testlets for i in s}
        told.append([bool(sets), sets == {*c.testlets}, bool(tied - items), len(tied & items) / len(items)])
    return tuple(np.mean(told, axis=0).tolist())


def row(c: Condition) -> str:
    """Return a row of the table."""
    cells = ["–" if np.isnan(x) else f"{100 * x:.1f}" for x in rates(c)]
    return f"| {c.persons:,} × {c.items}{', booklets' if c.booklets else ''} | {c.model} | {' | '.join(cells)} |"


if __name__ == "__main__":
    print(f"| {' | '.join(HEADS)} |")
    print("| --- " * len(HEADS) + "|")
    for condition in CONDITIONS:
        print(row(condition), flush=True)
    print("| persons × items | testlets | any set, % | whole, % | foreign items, % | items found, % |")
    print("| --- " * 6 + "|")
    for c in TESTLETS:
        shown = " | ".join(f"{100 * x:.0f}" for x in found_sets(c))
        kind = f"{len(c.testlets)} of {len(c.testlets[0])}, SD {c.sd:g}"
        print(f"| {c.persons:,} × {c.items}{', booklets' if c.booklets else ''} | {kind} | {shown} |", flush=True)
