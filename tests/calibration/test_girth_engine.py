"""The girth engine and the cross-check: girth 0.8 against R mirt and against this library, and what girth gets wrong, shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.arrays import Floats
from competency_dx.calibration import Normal, Population
from competency_dx.calibration.girth_engine import Girth, estimate_by_girth, evidence, girth_calibration, girth_estimates, girth_family
from competency_dx.calibration.report import Request
from competency_dx.errors import CalibrationError, ConvergenceError, MissingDependencyError
from competency_dx.models import NormalPopulation
from competency_dx.quality.second_opinion import CrossCheck, cross_check

Reference = Callable[[str], dict[str, Any]]
SharedFile = Callable[[str], Path]
Fitted = Callable[[str, str], cdx.Calibration]
Quiet = Callable[[], Any]
HALF = 0.5  # standard errors: the rule of the cross-check


def _girth(data: cdx.Responses, family: str, **options: Any) -> cdx.Calibration:
    return girth_calibration(data, [family] * len(data.items), Girth(**options), model=family)


@pytest.fixture(scope="module")
def by_girth(lsat: Callable[[str], pd.DataFrame]) -> Fitted:
    """girth's estimates of lsat6 or lsat7, each made once."""
    return cache(lambda name, family: _girth(cdx.load_responses(lsat(name)), family))


def _mixed(families: list[str]) -> cdx.Responses:
    """Answers to two dichotomous items and five of four categories."""
    rng = np.random.default_rng(11)
    theta = rng.normal(size=(600, 1, 1))
    a, b = rng.uniform(0.9, 1.7, (7, 1)), np.sort(rng.normal(size=(7, 3)), axis=1)
    scores = (rng.random((600, 7, 1)) < 1 / (1 + np.exp(-a * (theta - b)))).sum(axis=2)
    scores[:, :2] = scores[:, :2] > 1
    assert families[:2] == ["2PL", "2PL"]
    return cdx.load_responses(pd.DataFrame(scores, columns=[f"i{k}" for k in range(7)]))


@pytest.fixture(scope="module")
def routed() -> pd.DataFrame:
    """Twenty 2PL items; the six of the pretest decide whether a person meets the easy or the hard ones."""
    rng = np.random.default_rng(5)
    theta, a = rng.normal(size=(1000, 1)), rng.uniform(0.7, 1.8, 20)
    b = np.sort(rng.normal(size=20))
    scores = (rng.random((1000, 20)) < 1 / (1 + np.exp(-a * (theta - b)))).astype(float)
    weak = scores[:, 7:13].sum(axis=1) < 3
    scores[np.ix_(weak, np.arange(13, 20))] = np.nan
    scores[np.ix_(~weak, np.arange(7))] = np.nan
    return pd.DataFrame(scores, columns=[f"q{k}" for k in range(20)])


def _complete(codes: NDArray[Any]) -> tuple[Any, Any, Any]:
    codes = np.asarray(codes, dtype=np.int8)
    return codes, np.ones(codes.shape, dtype=np.bool_), codes.max(axis=0).astype(np.int64) + 1


# --- girth against R mirt ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lsat6", "lsat7"])
def test_two_parameter_items_agree_with_mirt(name: str, by_girth: Fitted, reference: Reference) -> None:
    """R mirt 1.47, 121 points. girth interpolates thresholds in a table of 500 × 500: hence 2e-3."""
    expected = reference(name)["2PL"]
    found = by_girth(name, "2PL")
    np.testing.assert_allclose(found.to_frame()["a"], expected["a"], atol=2e-3)
    np.testing.assert_allclose(found.to_frame()["d"], expected["d"][0], atol=2e-3)
    assert found.log_likelihood == pytest.approx(expected["loglik"], abs=1e-4)
    assert found.converged
    assert found.n_parameters == expected["n_par"]


@pytest.mark.parametrize("name", ["lsat6", "lsat7"])
def test_rasch_items_agree_with_mirt(name: str, by_girth: Fitted, reference: Reference) -> None:
    expected = reference(name)["Rasch"]
    found = by_girth(name, "Rasch")
    np.testing.assert_allclose(found.to_frame()["d"], expected["d"][0], atol=2e-3)
    assert found.population.covariance[0, 0] == pytest.approx(expected["variance"], abs=1e-3)
    assert found.log_likelihood == pytest.approx(expected["loglik"], abs=1e-4)
    assert found.n_parameters == expected["n_par"]
    assert found.estimates[-1] == found.population.covariance[0, 0]


def test_one_parameter_items_are_the_rasch_items_on_another_scale(by_girth: Fitted) -> None:
    rasch, one = by_girth("lsat7", "Rasch"), by_girth("lsat7", "1PL")
    assert one.to_frame()["a"].nunique() == 1
    assert one.to_frame()["a"][0] ** 2 == pytest.approx(rasch.population.covariance[0, 0], rel=1e-12)
    assert one.log_likelihood == pytest.approx(rasch.log_likelihood, abs=1e-8)
    assert one.n_parameters == rasch.n_parameters


def test_graded_and_generalized_partial_credit_agree_with_mirt(shared: SharedFile) -> None:
    """Science, R mirt: GPCM to 0.01 in a and d. Graded thresholds come from shares, a fifth of a standard error off."""
    found = json.loads(shared("science.json").read_text(encoding="utf-8"))
    data = cdx.load_responses(pd.read_csv(shared("data/science.csv")) - 1)
    graded, gpcm = _girth(data, "GRM"), _girth(data, "GPCM")
    for k in (1, 2, 3):
        se = np.array([found["graded"]["se"][item][f"d{k}"] for item in data.items])
        off = graded.to_frame()[f"d{k}"] - found["graded"]["items"][f"d{k}"]
        assert np.abs(off / se).max() < 0.2
        steps = np.diff([[0.0] * 4, *([found["gpcm"]["items"][f"d{j}"] for j in (1, 2, 3)])], axis=0)
        np.testing.assert_allclose(gpcm.to_frame()[f"d{k}"], steps[k - 1], atol=1e-2)
    np.testing.assert_allclose(gpcm.to_frame()["a"], found["gpcm"]["items"]["a1"], atol=1e-2)
    assert gpcm.log_likelihood == pytest.approx(found["gpcm"]["loglik"], abs=1e-3)
    assert found["graded"]["loglik"] - graded.log_likelihood == pytest.approx(0.05, abs=0.05)


# --- the evidence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["GRM", "GPCM"])
def test_another_scale_leaves_the_likelihood_alone(family: str) -> None:
    families = ["2PL", "2PL", *[family] * 5]
    data = _mixed(families)
    codes, observed = data.effective()
    own = girth_calibration(data, families, Girth()).parameters
    found = girth_estimates(codes, np.array(observed), own.n_categories, girth_family(families))
    moved = NormalPopulation(dimensions=("theta",), mean=np.array([0.7]), covariance=np.array([[2.3]]))
    other = found.placed(replace(own, population=moved))
    here, there = evidence(codes, np.array(observed), own), evidence(codes, np.array(observed), other)
    assert other.slope[0] == pytest.approx(own.slope[0] / np.sqrt(2.3))
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-8)
    assert there.drift == pytest.approx(here.drift, abs=1e-8)


def test_drift_is_the_score_of_the_population_mean(lsat: Callable[[str], pd.DataFrame], by_girth: Fitted) -> None:
    """Against a finite difference of the marginal log-likelihood by the mean, at a mean that does not fit."""
    data = cdx.load_responses(lsat("lsat7"))
    codes, observed = data.effective()
    own = by_girth("lsat7", "2PL").parameters

    def at(mean: float) -> Any:
        population = NormalPopulation(dimensions=("theta",), mean=np.array([mean]), covariance=np.eye(1))
        return evidence(codes, np.array(observed), replace(own, population=population))

    step, mean = 1e-3, 0.2
    low, here, high = at(mean - step), at(mean), at(mean + step)
    score = (high.log_likelihood - low.log_likelihood) / (2 * step)
    information = -(high.log_likelihood - 2 * here.log_likelihood + low.log_likelihood) / step**2
    assert here.drift == pytest.approx(score / np.sqrt(information), rel=1e-3)
    assert abs(at(0.0).drift) < 0.01


# --- what girth gets wrong ---------------------------------------------------------------------------------------------------


def test_missing_answers_do_not_bias_two_parameter_items(routed: pd.DataFrame) -> None:
    """girth's twopl_mml is off by 28 standard errors here; pcm_mml, which the engine takes instead, stays near the maximum."""
    check = cross_check(cdx.calibrate(routed, model="2PL", priors=None), routed)
    assert check.function == "pcm_mml"
    assert check.verdict == "agrees"


def test_shares_of_incomplete_answers_are_told_as_such(routed: pd.DataFrame, quiet: Quiet) -> None:
    with quiet():
        check = cross_check(cdx.calibrate(routed, model="Rasch", priors=None), routed)
    assert check.verdict == "undecided"
    assert np.nanmax(np.abs(check.in_se)) > 5
    assert check.log_likelihood - check.girth_log_likelihood > 100
    assert "calibration.girth_shares" in [f.code for f in check.findings]


def test_unfinished_iterations_deny_convergence(lsat: Callable[[str], pd.DataFrame], by_girth: Fitted) -> None:
    data = cdx.load_responses(lsat("lsat7"))
    short, full = _girth(data, "2PL", max_iterations=2), by_girth("lsat7", "2PL")
    assert not short.converged
    assert "calibration.girth_unsettled" in [f.code for f in short.findings]
    assert full.converged
    assert 2 < full.iterations < 100
    again = _girth(data, "2PL", max_iterations=full.iterations + 1)
    assert again.iterations == full.iterations
    np.testing.assert_array_equal(again.estimates, full.estimates)


@pytest.mark.recovery  # six seconds of girth's own time
def test_a_drifting_location_denies_convergence() -> None:
    """One missing answer sends forty 2PL items to pcm_mml, which stops while their common location is still on its way."""
    rng = np.random.default_rng(6)
    theta, a, b = rng.normal(size=(1000, 1)), rng.uniform(0.8, 1.8, 40), rng.normal(size=40)
    scores = (rng.random((1000, 40)) < 1 / (1 + np.exp(-a * (theta - b)))).astype(float)
    complete = _girth(cdx.load_responses(scores), "2PL")
    scores[0, 0] = np.nan
    drifted = _girth(cdx.load_responses(scores), "2PL")
    assert complete.converged
    assert not drifted.converged
    off = (drifted.to_frame()["b"] - complete.to_frame()["b"]).to_numpy()
    assert abs(off.mean()) > 5 * off.std() / np.sqrt(40)
    assert "calibration.girth_unsettled" in [f.code for f in drifted.findings]


def test_duplicated_items_end_at_the_bound_and_are_named(lsat: Callable[[str], pd.DataFrame]) -> None:
    frame = lsat("lsat7")
    frame["Item3b"] = frame["Item3"]
    found = _girth(cdx.load_responses(frame), "2PL")
    bound = next(f for f in found.findings if f.code == "calibration.girth_at_bound")
    assert set(bound.scope) == {"Item3", "Item3b"}
    assert not found.converged


def test_reversed_items_end_at_the_bound_and_excuse_the_difference(bfi: Callable[[str], pd.DataFrame], quiet: Quiet) -> None:
    """C4 and C5 of bfi are worded the other way round: their slopes are negative, which girth does not allow for."""
    data = bfi("C").iloc[:1200]
    with quiet():
        check = cross_check(cdx.calibrate(data, model="GRM", priors=None), data)
    assert (check.to_frame().query("parameter == 'a'").set_index("item")["ours"][["C4", "C5"]] < -1).all()
    assert {item for item, at in zip(check.items, check.at_bound, strict=True) if at} == {"C4", "C5"}
    assert check.verdict == "undecided"


@pytest.mark.parametrize(
    ("families", "words"),
    [
        (["PCM", "PCM"], "slope of its own"),
        (["3PL", "3PL"], "3PL"),
        (["NRM", "2PL"], "together"),
        (["GRM", "GPCM"], "together"),
        (["Rasch", "2PL"], "together"),
    ],
)
def test_what_girth_cannot_do_is_refused(families: list[str], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        girth_family(families)


def test_items_without_variation_are_refused() -> None:
    codes = np.array([[1, 0, 0], [1, 1, 1], [1, 0, 1], [1, 1, 0]])
    with pytest.raises(CalibrationError, match="alike"):
        girth_estimates(*_complete(codes), "2PL")


def test_scores_nobody_earned_are_refused_where_they_change_the_model() -> None:
    codes = np.random.default_rng(2).integers(0, 3, (200, 4))
    codes[codes[:, 0] == 1, 0] = 2
    with pytest.raises(CalibrationError, match="closes up"):
        girth_estimates(*_complete(codes), "GPCM")
    graded = girth_estimates(*_complete(codes), "GRM")
    assert np.isnan(graded.intercepts[0, 1])
    assert np.isfinite(graded.intercepts[0, 2])


def test_a_girth_that_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "girth", None)
    with pytest.raises(MissingDependencyError, match="girth"):
        girth_estimates(*_complete(np.random.default_rng(1).integers(0, 2, (50, 4))), "2PL")


def test_an_error_inside_girth_becomes_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import girth

    def broken(*_: object, **__: object) -> None:
        raise ValueError("setting an array element with a sequence")

    monkeypatch.setattr(girth, "twopl_mml", broken)
    with pytest.raises(CalibrationError, match="twopl_mml failed"):
        girth_estimates(*_complete(np.random.default_rng(1).integers(0, 2, (50, 4))), "2PL")


# --- the cross-check ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["Rasch", "2PL"])
@pytest.mark.parametrize("name", ["lsat6", "lsat7"])
def test_lsat_agrees(name: str, model: str, lsat: Callable[[str], pd.DataFrame], fitted: Fitted) -> None:
    check = cross_check(fitted(name, model), lsat(name))
    assert check.verdict == "agrees"
    assert np.nanmax(np.abs(check.in_se)) < 0.01
    assert check.girth_log_likelihood == pytest.approx(check.log_likelihood, abs=1e-4)
    assert check.girth_log_likelihood <= check.log_likelihood + 1e-6


@pytest.mark.parametrize("model", ["GRM", "GPCM"])
def test_verbal_aggression_agrees(model: str, verbagg: pd.DataFrame) -> None:
    verbagg = verbagg.iloc[:, ::2]
    check = cross_check(cdx.calibrate(verbagg, model=model, priors=None), verbagg)
    assert check.verdict == "agrees"
    assert (check.to_frame()["verdict"] == "agrees").all()
    assert len(check.items) == 12 * 3


def test_mixed_formats_agree() -> None:
    data = _mixed(["2PL", "2PL"])
    check = cross_check(cdx.calibrate(data, model="GRM", priors=None), data)
    assert check.families[:2] == ("2PL", "2PL")
    assert check.parameters[:4] == ("a", "b", "a", "b")
    assert check.verdict == "agrees"


def test_priors_excuse_a_difference(lsat: Callable[[str], pd.DataFrame], quiet: Quiet) -> None:
    """A prior that holds all slopes near 0.4: girth, which has none, lies higher in likelihood, without blame on either."""
    data = lsat("lsat7")
    with quiet():
        check = cross_check(cdx.calibrate(data, model="2PL", priors=cdx.calibration.Priors(slope=Normal(mean=0.4, sd=0.1))), data)
    assert check.girth_log_likelihood > check.log_likelihood + 1
    assert "quality.priors" in [f.code for f in check.findings]
    assert check.verdict == "undecided"


def test_a_calibration_short_of_its_maximum_is_exposed(lsat: Callable[[str], pd.DataFrame], fitted: Fitted, quiet: Quiet) -> None:
    """Slopes a fifth too low, with the log-likelihood they really have: girth lies higher, and each slope differs."""
    data = lsat("lsat7")
    good = fitted("lsat7", "2PL")
    worse = replace(good.parameters, slopes=0.8 * good.parameters.slopes)
    codes, observed = cdx.load_responses(data).effective()
    ll = evidence(codes, np.array(observed), worse).log_likelihood
    with quiet():
        check = cross_check(replace(good, parameters=worse, log_likelihood=ll), data)
    assert check.verdict == "girth is higher"
    slopes = check.to_frame().query("parameter == 'a'")
    assert (slopes["verdict"] == "differs").any()
    assert check.findings[-1].severity == "error"


def test_other_responses_are_refused(lsat: Callable[[str], pd.DataFrame], fitted: Fitted) -> None:
    with pytest.raises(CalibrationError, match="same responses"):
        cross_check(fitted("lsat6", "2PL"), lsat("lsat7"))


def test_several_groups_are_refused(lsat: Callable[[str], pd.DataFrame]) -> None:
    data = lsat("lsat6")
    method = cdx.MarginalML(population=Population(by=["a", "b"] * (len(data) // 2)))
    found = cdx.calibrate(data, model="2PL", priors=None, method=method)
    with pytest.raises(CalibrationError, match="one population"):
        cross_check(found, data)


def test_a_check_reads_back_and_draws(lsat: Callable[[str], pd.DataFrame], fitted: Fitted) -> None:
    check = cross_check(fitted("lsat6", "Rasch"), lsat("lsat6"))
    text = check.to_json()
    again = CrossCheck.from_json(text)
    assert again.to_json() == text
    pd.testing.assert_frame_equal(again.to_frame(), check.to_frame())
    assert check.items[-1] == "population"
    assert len(check.chart("differences").y_names) == 6
    assert "agrees" in str(check)


def test_a_calibration_by_girth_says_what_it_is(by_girth: Fitted) -> None:
    found = by_girth("lsat6", "2PL")
    frame = found.to_frame()
    assert frame.filter(like="se_").isna().to_numpy().all()
    assert np.isnan(found.covariance).all()
    assert "calibration.second_opinion" in [f.code for f in found.findings]
    assert "twopl_mml" in found.provenance.settings["method"]
    again = cdx.Calibration.from_json(found.to_json())
    assert again.to_json() == found.to_json()


def test_what_calibrate_asks_for_is_done_or_refused(lsat: Callable[[str], pd.DataFrame], quiet: Quiet) -> None:
    names = *(f"Item{k}" for k in range(1, 6)), "Empty"
    data = cdx.load_responses(lsat("lsat7").assign(Empty=np.nan), layout=cdx.Layout(items=names))
    asked = Request("2PL", None, None, None, None)
    with quiet():
        found = estimate_by_girth(data, asked, Girth())
    assert found.parameters.items == tuple(f"Item{k}" for k in range(1, 6))
    assert "calibration.no_answers" in {f.code for f in found.findings}
    with pytest.raises(CalibrationError, match="anchors"):
        estimate_by_girth(data, asked._replace(anchors=found), Girth())
    with pytest.raises(CalibrationError, match="dimensions"):
        estimate_by_girth(data, asked._replace(dimensions={f"Item{k}": f"c{k % 2}" for k in range(1, 6)}), Girth())
    with quiet(), pytest.raises(ConvergenceError) as caught:
        estimate_by_girth(data, asked, Girth(max_iterations=2))
    assert isinstance(caught.value.state, cdx.Calibration)


def test_estimates_do_not_depend_on_the_order_of_persons(routed: pd.DataFrame) -> None:
    routed, order = routed.iloc[:500, 4:16], np.random.default_rng(3).permutation(500)
    ways = [cdx.load_responses(routed), cdx.load_responses(routed.iloc[order].reset_index(drop=True))]
    values: list[Floats] = [_girth(data, "2PL").estimates for data in ways]
    np.testing.assert_allclose(values[0], values[1], atol=1e-3)
