"""Links of simulated forms with 10 of 20 items in common: coverage, drift found, points; what `docs/linking.md` quotes.

Run: python tests/recovery/linking_study.py     (five minutes)
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning
from competency_dx.linking import Haebara, MeanMean, MeanSigma, StockingLord, equate

Array = NDArray[np.float64]
REPLICATES, ITEMS, COMMON = 200, 20, 10
MEAN, SD = 0.5, 1.2
METHODS = (StockingLord(), Haebara(), MeanSigma(), MeanMean())
STEP = ITEMS - COMMON


def truth(rng: np.random.Generator, forms: int, spread: float = 1.0) -> tuple[Array, Array]:
    """Return slopes and difficulties of all items of a row of forms, neighbours sharing the common ones."""
    n = ITEMS + STEP * (forms - 1)
    return rng.uniform(0.7, 1.8, n), rng.normal(0, spread, n)


def sample(a: Array, b: Array, form: int, persons: Array, rng: np.random.Generator) -> cdx.Calibration:
    """Return the calibration of one form on these persons."""
    at = np.arange(form * STEP, form * STEP + ITEMS)
    answers = (rng.random((len(persons), ITEMS)) < expit(a[at] * (persons[:, None] - b[at]))).astype(int)
    return cdx.calibrate(cdx.load_responses(answers, layout=cdx.Layout(items=tuple(f"i{k}" for k in at))))


def coverage(P: int) -> list[str]:
    """Return rows of the table of errors: by method bias, coverage of slope and linked mean, SE beside the SD of estimates."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in (*(type(m).__name__ for m in METHODS), "chain of four")}
    for seed in range(REPLICATES):
        rng = np.random.default_rng(seed)
        a, b = truth(rng, 4)
        means, sds = np.linspace(0, MEAN, 4), np.linspace(1, SD, 4)
        forms = [sample(a, b, k, m + s * rng.standard_normal(P), rng) for k, (m, s) in enumerate(zip(means, sds, strict=True))]
        new = sample(a, b, 1, MEAN + SD * rng.standard_normal(P), rng)
        links = {type(m).__name__: cdx.link(new, forms[0], method=m) for m in METHODS}
        links["chain of four"] = cdx.link(forms[3], forms[0], through=forms[2:0:-1])
        for name, x in links.items():
            se = float(np.sqrt(x.covariance[0, 0]))
            found[name].append((x.slope - SD, se, x.intercept - MEAN, x.error))
    rows = []
    for name, values in found.items():
        slope, se, mean, error = np.array(values).T
        covered = [(np.abs(x) < 1.96 * s).mean() for x, s in ((slope, se), (mean, error))]
        rows.append(
            f"| {P} | {name} | {slope.mean():+.3f} | {mean.mean():+.3f} | {covered[0]:.3f} | {covered[1]:.3f} "
            f"| {se.mean() / slope.std():.2f} | {error.mean() / mean.std():.2f} |"
        )
    return rows


def drift(P: int, spread: float, moved: float, sharp: float = 1.0) -> str:
    """Return a row of the table of drift by SD of the difficulties: found, others taken out of a link, bias.

    One item is easier by `moved`, and its slope is `sharp` times the old one; 0 is an answer by lot.
    """
    rows = []
    for seed in range(REPLICATES):
        rng = np.random.default_rng(seed)
        a, b = truth(rng, 2, spread)
        b[STEP + 3] = rng.uniform(-1, 1) if moved else b[STEP + 3]
        old = sample(a, b, 0, rng.standard_normal(P), rng)
        later = b - moved * (np.arange(len(b)) == STEP + 3)
        new = sample(a * np.where(np.arange(len(a)) == STEP + 3, sharp, 1.0), later, 1, MEAN + SD * rng.standard_normal(P), rng)
        found, clean = cdx.link(new, old), cdx.link(new, old, without="drifted")
        gone, item = {i for i, used in zip(clean.items, clean.used, strict=True) if not used}, f"i{STEP + 3}"
        gone -= {item} if moved or sharp != 1 else set()
        out = not clean.used[clean.items.index(item)]
        rows.append((out, len(gone) > 0, found.intercept - MEAN, clean.intercept - MEAN))
    hit, others, bias, left = np.mean(rows, axis=0)
    shown = f"{hit:.2f}" if moved or sharp != 1 else ""
    return f"| {P} | {spread} | {moved} | {sharp} | {shown} | {others:.3f} | {bias:+.3f} | {left:+.3f} |"


def points(P: int, scores: str) -> str:
    """Return a row of the table of equivalent points: coverage of true equivalents of 5 to 15 points."""
    held = []
    for seed in range(REPLICATES):
        rng = np.random.default_rng(seed)
        a, b = truth(rng, 2)
        calibrations = [sample(a, b, k, m + s * rng.standard_normal(P), rng) for k, (m, s) in enumerate(((0.0, 1.0), (MEAN, SD)))]
        table = equate(calibrations[1], calibrations[0], scores="true" if scores == "true" else "observed").to_frame()
        grid = np.linspace(-6, 6, 4001)
        expected = [expit(a[k : k + ITEMS, None] * (grid - b[k : k + ITEMS, None])).sum(axis=0) for k in (0, STEP)]
        x = np.arange(5, 16)
        y = np.interp(np.interp(x, expected[1], grid), grid, expected[0])
        held.append(np.abs(table["equivalent"].to_numpy()[x] - y) < 1.96 * table["se"].to_numpy()[x])
    return f"| {P} | {scores} | {np.mean(held):.3f} |"


def main() -> None:
    """Print the tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        print("\n".join(row for P in (300, 1000, 3000) for row in coverage(P)))
        kinds = ((0.0, 1.0), (0.5, 1.0), (0.9, 1.0), (0.0, 0.5), (0.0, 0.0))
        print("\n".join(drift(P, spread, *kind) for P in (300, 500, 1000) for spread in (1.0, 1.5) for kind in kinds))
        print("\n".join(points(P, "true") for P in (300, 1000)))


if __name__ == "__main__":
    main()
