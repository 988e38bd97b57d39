"""What is free in a calibration is what the data identify, whichever way the integral is taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.arrays import Floats
from competency_dx.calibration import Population
from competency_dx.engine import Constraints, Known, build_items, category_counts, populations_of, reduction_likelihood
from competency_dx.kernels.grid import prepare

IDS = tuple(f"i{k}" for k in range(12))


def answers(persons: int, slopes: Floats, seed: int, lower: float = 0.0) -> pd.DataFrame:
    """Return answers to twelve items with slopes (12, D) on independent competencies."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal((persons, slopes.shape[1]))
    p = 1 / (1 + np.exp(-(theta @ slopes.T + np.linspace(-1.5, 1.5, len(IDS)))))
    right = rng.random(p.shape) < lower + (1 - lower) * p
    return pd.DataFrame(right.astype(int), columns=list(IDS))


pytestmark = pytest.mark.filterwarnings("ignore::competency_dx.CompetencyDxWarning")


@pytest.mark.parametrize("competencies", [1, 2])
def test_groups_without_a_common_item_are_calibrated_as_alone(competencies: int) -> None:
    slopes = np.eye(competencies)[np.arange(12) % competencies] * 1.3
    data, group = answers(400, slopes, 5), np.arange(400) % 2
    dimensions = None if competencies == 1 else {item: "AB"[k % 2] for k, item in enumerate(IDS)}
    method = cdx.MarginalML(population=Population(by=[str(g) for g in group], free_items="all"))
    both = cdx.calibrate(data, model="2PL", dimensions=dimensions, priors=None, method=method)
    alone = [cdx.calibrate(data[group == g], model="2PL", dimensions=dimensions, priors=None) for g in (0, 1)]
    assert both.log_likelihood == pytest.approx(sum(one.log_likelihood for one in alone), abs=1e-3)


def test_dimension_reduction_estimates_what_the_items_say_is_free() -> None:
    """Items held at a bound on the way (an asymptote at 0) are held in the integral too."""
    loads = np.zeros((12, 3), dtype=np.bool_)
    loads[:, 0] = loads[np.arange(12), 1 + np.arange(12) % 2] = True
    codes = answers(60, loads * np.float64(1.2), 41).to_numpy(np.int8)
    seen = np.ones(codes.shape, dtype=np.bool_)
    counts = category_counts(codes, seen, 2)
    known = Known(IDS, ["3PL"] * 12, np.full(12, 2), counts, loads)
    items = build_items(known, priors=None, constraints=Constraints())
    likelihood = reduction_likelihood(items, prepare(codes, seen, known.n_categories), population=populations_of(("g", "x", "y")))
    place, base = items.place.copy(), items.base.copy()
    guessing = place[0, 4]
    place[0, 4], base[0, 4] = -1, -30.0
    place[place > guessing] -= 1
    held = replace(likelihood, items=items._replace(place=place, base=base))
    now = held.evaluate(held.start, 15)
    gradient, f, h = held.gradient(now), int(place[5, 0]), 1e-4
    ends = [held.evaluate(held.start + s * h * np.eye(len(gradient))[f], 15).objective for s in (1, -1)]
    assert gradient[f] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-4)
    assert len(held.em_step(now)) == len(held.start)


def test_anchored_items_set_the_scale_of_a_histogram() -> None:
    slopes = np.full((12, 1), 1.3)
    anchors = cdx.calibrate(answers(600, slopes, 1)[list(IDS[:6])], model="2PL")
    data = answers(400, slopes * 1.3, 2)  # a population that spreads more
    shaped, normal = (
        cdx.calibrate(data, model="2PL", anchors=anchors, method=cdx.MarginalML(points=25, population=Population(shape=shape)))
        for shape in ("empirical", "normal")
    )
    assert min(shaped.population.covariance[0, 0], normal.population.covariance[0, 0]) > 1.2
    assert shaped.log_likelihood > normal.log_likelihood
