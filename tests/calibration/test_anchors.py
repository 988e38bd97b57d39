"""Anchored calibration: fixed items stay fixed, the population is found, new items come onto the old scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.errors import CalibrationError

Draw = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def draw() -> Draw:
    """Draw answers to ten items, every third with three categories, from a population of given mean and SD."""

    def make(persons: int, mean: float, sd: float, seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        theta = rng.normal(mean, sd, (persons, 1))
        columns = {}
        for k in range(10):
            b = np.linspace(-1, 1, 10)[k] + (np.array([-0.4, 0.6]) if k % 3 == 0 else np.array([0.0]))
            star = 1 / (1 + np.exp(-(0.8 + 0.08 * k) * (theta - b)))
            columns[f"i{k}"] = (rng.random((persons, 1)) < star).sum(axis=1)
        return pd.DataFrame(columns)

    return make


def _population(found: cdx.Calibration) -> tuple[float, float, float, float]:
    """Return mean, its SE, variance, its SE."""
    se = dict(zip(found.parameter_names, np.sqrt(np.diag(found.covariance)), strict=True))
    mean, variance = float(found.population.mean[0]), float(found.population.covariance[0, 0])
    return mean, float(se["mean"]), variance, float(se["variance"])


@pytest.mark.parametrize("model", ["GPCM", "GRM"])
def test_own_estimates_as_anchors_give_back_the_standard_population(model: str, draw: Draw) -> None:
    """Mean 0 and variance 1 were fixed for the scale's sake: the likelihood is flat there, so they come out exactly."""
    data = draw(800, 0.0, 1.0, 1)
    free = cdx.calibrate(data, model=model, priors=None)
    fixed = cdx.calibrate(data, model=model, priors=None, anchors=free)
    assert fixed.parameter_names == ("mean", "variance")
    np.testing.assert_array_equal(fixed.parameters.intercepts, free.parameters.intercepts)
    np.testing.assert_array_equal(fixed.parameters.slope, free.parameters.slope)
    mean, _, variance, _ = _population(fixed)
    assert mean == pytest.approx(0, abs=1e-3)
    assert variance == pytest.approx(1, abs=1e-3)
    assert fixed.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-5)
    np.testing.assert_array_equal(fixed.parameters.covariance, free.parameters.covariance)


def test_a_shifted_population_is_found_and_new_items_come_onto_the_scale(draw: Draw) -> None:
    """Second group N(0.8, 1.5²) with half of the items anchored; estimates within 4 of their standard errors."""
    first = cdx.calibrate(draw(4000, 0.0, 1.0, 2), model="GPCM", priors=None)
    common = [f"i{k}" for k in range(0, 10, 2)]
    anchors = cdx.calibrate(draw(4000, 0.0, 1.0, 2)[common], model="GPCM", priors=None)
    data = draw(4000, 0.8, 1.5, 3)
    found = cdx.calibrate(data, model="GPCM", priors=None, anchors=anchors)
    mean, se_mean, variance, se_variance = _population(found)
    assert abs(mean - 0.8) < 4 * max(se_mean, 0.03)  # the anchors have errors of their own, about .03
    assert abs(variance - 2.25) < 4 * (se_variance + 0.1)
    ours, theirs = found.to_frame().set_index("item"), first.to_frame().set_index("item")
    new = [f"i{k}" for k in (1, 5, 7)]
    error = np.hypot(ours.loc[new, "se_b"], theirs.loc[new, "se_b"])
    assert (np.abs(ours.loc[new, "b"] - theirs.loc[new, "b"]) < 4 * error).all()
    fixed = ours.loc[common, ["a", "b", "b1", "b2"]]
    pd.testing.assert_frame_equal(fixed, anchors.to_frame().set_index("item").loc[common, ["a", "b", "b1", "b2"]])


def test_rasch_anchors_find_the_mean_too(draw: Draw) -> None:
    items = [f"i{k}" for k in range(10) if k % 3]
    first = cdx.calibrate(draw(3000, 0.0, 1.0, 4)[items], model="Rasch", priors=None)
    found = cdx.calibrate(draw(3000, -0.5, 1.0, 5)[items], model="Rasch", priors=None, anchors=first)
    mean, se, _, _ = _population(found)
    assert abs(mean + 0.5) < 4 * np.hypot(se, 0.04)


def test_difficulties_that_are_all_fixed_leave_the_mean_free(draw: Draw) -> None:
    """Constraints of every parameter say what anchors say."""
    items = [f"i{k}" for k in range(10) if k % 3]
    data = draw(1000, 0.5, 1.0, 5)[items]
    for model in ("Rasch", "2PL"):
        old = cdx.calibrate(draw(1000, 0.0, 1.0, 4)[items], model=model)
        p = old.parameters
        fixed = {f"{item}.d": float(d) for item, d in zip(items, p.steps[:, 0], strict=True)}
        fixed |= {f"{item}.a": float(a) for item, a in zip(items, p.slope, strict=True)} if model == "2PL" else {}
        method = cdx.MarginalML(constraints=cdx.calibration.Constraints(fixed=fixed))
        found, anchored = cdx.calibrate(data, model=model, method=method), cdx.calibrate(data, model=model, anchors=old)
        assert found.parameter_names == ("mean", "variance")
        np.testing.assert_allclose(found.estimates, anchored.estimates, atol=1e-6)


@pytest.mark.filterwarnings("ignore:The calibration took items of several competencies for one")
def test_what_is_provisional_stays_provisional() -> None:
    """Anchors keep status, standard errors, number of answers and date, in the calibration and in every later bank."""
    bank = cdx.load_bank("mathematics")
    dated = [r.model_copy(update={"date": "2026-01-31"}) for r in bank.parameters]
    bank = replace(bank, parameters=tuple(dated))
    drawn = cdx.simulate(bank, 300, rng=np.random.default_rng(9))
    found = cdx.calibrate(drawn, model="GPCM", anchors=bank)
    assert set(found.parameters.statuses) == {"provisional"}
    later = bank.with_calibration(found)
    assert later.parameters == bank.parameters
    some = replace(bank, parameters=bank.parameters[:40])
    mixed = some.with_calibration(cdx.calibrate(drawn, model="GPCM", anchors=some))
    assert mixed.parameters[:40] == bank.parameters[:40]
    assert {r.status for r in mixed.parameters[40:]} == {"pilot"}, "the scale is that of guesses"
    again = mixed.with_calibration(cdx.calibrate(drawn.select(items=drawn.items[30:]), model="GPCM", anchors=mixed))
    assert again.parameters == mixed.parameters


def test_items_with_one_slope_anchor_several_competencies_by_any_integral(draw: Draw) -> None:
    data = draw(500, 0.0, 1.0, 8)[[f"i{k}" for k in range(10) if k % 3]]
    of = {item: "xy"[k % 2] for k, item in enumerate(data)}
    both = cdx.calibrate(data, dimensions=of)
    one = cdx.calibrate(data)
    for anchors in (both, one):
        found = [
            cdx.calibrate(data, dimensions=of, anchors=anchors, method=cdx.MarginalML(integration=way))
            for way in ("propagation", "quadrature")
        ]
        for each in found:
            np.testing.assert_array_equal(each.parameters.slope, anchors.parameters.slope)
            np.testing.assert_array_equal(each.parameters.difficulties, anchors.parameters.difficulties)
        np.testing.assert_allclose(found[0].estimates, found[1].estimates, atol=0.01)


def test_anchors_that_match_no_item_are_refused(draw: Draw) -> None:
    data = draw(300, 0.0, 1.0, 6)
    other = cdx.calibrate(data.add_prefix("x"), model="GPCM")
    with pytest.raises(CalibrationError, match=r"None of the items i0.* is among the anchors xi0"):
        cdx.calibrate(data, model="GPCM", anchors=other)


def test_anchors_with_another_number_of_categories_are_refused(draw: Draw) -> None:
    data = draw(300, 0.0, 1.0, 6)
    anchors = cdx.calibrate(data, model="GPCM")
    with pytest.raises(CalibrationError, match="Anchor i0 has 3 score categories, the responses have 2"):
        cdx.calibrate(data.clip(upper=1), model="GPCM", anchors=anchors)


def test_difficulties_held_at_given_values_place_the_scale() -> None:
    """Some or all: the population of a Rasch calibration is then where the persons are, as with anchors."""
    rng = np.random.default_rng(3)
    b = np.linspace(-1.5, 1.5, 8)
    theta = rng.normal(0.8, 1.2, size=(600, 1))
    data = pd.DataFrame((rng.random((600, 8)) < 1 / (1 + np.exp(b - theta))).astype(int), columns=list("abcdefgh"))
    for n in (3, 8):
        held = cdx.calibration.Constraints(fixed={f"{item}.d": -x for item, x in zip(data.columns[:n], b, strict=False)})
        found = cdx.calibrate(data, model="Rasch", method=cdx.MarginalML(constraints=held))
        assert "mean" in found.table.kind
        assert found.population.mean[0] == pytest.approx(0.8, abs=0.2)
