"""Recovery study: do estimates find the truth, and do standard errors and intervals mean what they say.

``python tests/recovery/study.py`` writes docs/validation.md; the tests beside this file assert its figures.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning

Floats = NDArray[np.float64]
MODELS = ("Rasch", "2PL", "PCM", "GPCM", "GRM")
PERSONS, ITEMS, REPLICATIONS = 500, 12, 100
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Parameters of the items: slopes (I,), difficulties (I, K - 1) in the metric of the model."""

    model: str
    a: Floats
    b: Floats

    @property
    def parameters(self) -> Floats:
        """Return the free item parameters in the order of a calibration: (a,) d_1 … of each item."""
        d = -self.a[:, None] * self.b
        free = self.model in {"2PL", "GPCM", "GRM"}
        return np.concatenate([self.a[:, None], d], axis=1).ravel() if free else d.ravel()

    @property
    def is_slope(self) -> NDArray[np.bool_]:
        """Return which of `parameters` are slopes."""
        steps = self.b.shape[1]
        free = self.model in {"2PL", "GPCM", "GRM"}
        return np.tile(np.arange(steps + free) < free, len(self.a))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the replications of one model came to.

    `ratio` is mean SE over the SD of the estimates, `coverage` the share of 95 % intervals that hold the truth, both for
    slopes and for steps; `scores` the coverage of the intervals of EAP estimates.
    """

    model: str
    bias: tuple[float, float]
    rmse: tuple[float, float]
    ratio: tuple[float, float]
    coverage: tuple[float, float]
    scores: float
    failures: int
    seconds: float


def truth(model: str) -> Truth:
    """Return parameters as in real tests: difficulties on ±1.5, slopes 0.7 to 1.6, steps 1.2 apart."""
    free = model in {"2PL", "GPCM", "GRM"}
    a = np.linspace(0.7, 1.6, ITEMS)[np.argsort(np.arange(ITEMS) * 5 % ITEMS)] if free else np.ones(ITEMS)
    centre = np.linspace(-1.5, 1.5, ITEMS)[:, None]
    return Truth(model=model, a=a, b=centre if model in {"Rasch", "2PL"} else 0.6 * centre + np.array([-0.6, 0.6]))


def draw(true: Truth, theta: Floats, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return answers (P, I), written without the package's own simulate()."""
    logit = true.a[:, None] * (theta[:, None, None] - true.b)
    u = rng.random((len(theta), len(true.a), 1))
    if true.model == "GRM" or true.b.shape[1] == 1:
        return np.asarray((u < 1 / (1 + np.exp(-logit))).sum(axis=2))
    weight = np.exp(np.concatenate([np.zeros((*logit.shape[:2], 1)), np.cumsum(logit, axis=2)], axis=2))
    cumulative = np.cumsum(weight, axis=2) / weight.sum(axis=2, keepdims=True)
    return np.asarray((u > cumulative[:, :, :-1]).sum(axis=2))


def replicate(model: str, replications: int = REPLICATIONS, persons: int = PERSONS, seed: int = 2026) -> Outcome:
    """Draw, calibrate and score `replications` times."""
    true, started = truth(model), time.perf_counter()
    estimates, errors, inside, failures = [], [], [], 0
    for r in range(replications):
        rng = np.random.default_rng([seed, MODELS.index(model), r])
        theta = rng.normal(size=persons)
        answers = draw(true, theta, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            try:
                found = cdx.calibrate(answers, model=model, priors=None)
            except cdx.CompetencyDxError:
                failures += 1
                continue
            scores = cdx.score(answers, found, method=cdx.EAP(item_uncertainty="all"))
        n = len(true.parameters)
        steps = found.parameters.steps
        free = np.concatenate([found.parameters.slope[:, None], steps], axis=1)
        estimates.append((free if true.is_slope.any() else steps).ravel())
        errors.append(np.sqrt(np.diag(found.covariance))[:n])
        inside.append(np.abs(scores.theta[:, 0] - theta) < NORMAL_95 * scores.se[:, 0])
    return _outcome(true, np.array(estimates), np.array(errors), inside, failures, time.perf_counter() - started)


def _outcome(
    true: Truth, x: Floats, se: Floats, inside: Sequence[NDArray[np.bool_]], failures: int, seconds: float
) -> Outcome:
    slope, off = true.is_slope, x - true.parameters
    covered = np.abs(off) < NORMAL_95 * se

    def by_kind(value: Floats) -> tuple[float, float]:
        return (float(value[slope].mean()) if slope.any() else float("nan"), float(value[~slope].mean()))

    return Outcome(
        model=true.model,
        bias=by_kind(off.mean(axis=0)),
        rmse=by_kind(np.sqrt((off**2).mean(axis=0))),
        ratio=by_kind(se.mean(axis=0) / x.std(axis=0, ddof=1)),
        coverage=by_kind(covered.mean(axis=0)),
        scores=float(np.mean(inside)),
        failures=failures,
        seconds=seconds,
    )


def table(outcomes: Iterable[Outcome], replications: int = REPLICATIONS, persons: int = PERSONS) -> str:
    """Return the outcomes as a Markdown table."""
    rows = [
        f"{replications} replications, {persons} persons, {ITEMS} items, maximum likelihood (priors=None).",
        "",
        "| model | bias a / d | RMSE a / d | mean SE ÷ SD, a / d | 95 % coverage a / d | 95 % coverage θ (EAP) | failed | s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for o in outcomes:
        cells = [_pair(o.bias, "+.3f"), _pair(o.rmse, ".3f"), _pair(o.ratio, ".3f"), _pair(o.coverage, ".3f")]
        rows.append(f"| {o.model} | {' | '.join(cells)} | {o.scores:.3f} | {o.failures} | {o.seconds:.0f} |")
    return "\n".join(rows)


def _pair(values: tuple[float, float], form: str) -> str:
    return " / ".join("–" if np.isnan(v) else format(v, form) for v in values)


HEAD = """# Validation

Do estimates find the truth, and do standard errors and intervals mean what they say? Written by
`python tests/recovery/study.py`, never by hand; `pytest -m recovery` asserts the same figures. Bias and RMSE are in logits,
averaged over items; the Monte-Carlo error of a coverage over all items and replications is about half a percentage point.

"""
PAGE = Path(__file__).parents[2] / "docs" / "validation.md"


def main() -> None:
    """Run the study and write the page."""
    text = table(replicate(model) for model in MODELS)
    PAGE.write_text(HEAD + text.strip() + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
