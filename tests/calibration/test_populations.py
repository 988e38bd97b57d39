"""Groups, latent regression and survey designs: equivalences, simulated truth, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.errors import CalibrationError

Floats = NDArray[np.float64]
Quiet = Callable[[], AbstractContextManager[None]]
P, I = 1500, 16


def answers(theta: Floats, seed: int, items: int = I) -> pd.DataFrame:
    """Return 2PL answers of persons at θ; the items depend on the seed alone."""
    rng = np.random.default_rng(seed)
    a, d = rng.uniform(0.8, 1.8, items), rng.normal(0, 1, items)
    right = rng.random((len(theta), items)) < expit(a * theta[:, None] + d)
    return pd.DataFrame(right.astype(int), columns=[f"i{k}" for k in range(items)])


def fitted(data: pd.DataFrame, **choices: object) -> cdx.Calibration:
    return cdx.calibrate(data, model="2PL", priors=None, method=cdx.MarginalML(**choices))  # type: ignore[arg-type]


def estimate(found: cdx.Calibration, name: str) -> tuple[float, float]:
    """Return the estimate of a population parameter with its standard error."""
    row = found.population_frame().set_index("parameter").loc[name]
    return float(row["estimate"]), float(row["se"])  # type: ignore[arg-type]  # a row, not a table


def test_two_groups_recover_mean_and_variance() -> None:
    rng = np.random.default_rng(1)
    label = np.repeat(["a", "b"], P)
    theta = rng.normal(size=2 * P) * np.where(label == "b", 1.3, 1.0) + np.where(label == "b", 0.6, 0.0)
    found = fitted(answers(theta, 2), population=cdx.calibration.Population(by=label.tolist()))
    for name, truth in (("mean.b", 0.6), ("variance.b", 1.69)):
        x, se = estimate(found, name)
        assert abs(x - truth) < 3 * se < 0.4
    assert found.groups == ("a", "b")
    assert found.populations[1].mean[0] == estimate(found, "mean.b")[0]


def test_the_reference_group_is_a_choice_of_scale() -> None:
    """Slopes scale with the SD of the reference group and the likelihood is one and the same."""
    rng = np.random.default_rng(3)
    label = np.where(rng.random(P) < 0.5, "a", "b")
    data = answers(rng.normal(size=P) + (label == "b"), 4)
    one, other = (fitted(data, population=cdx.calibration.Population(by=label.tolist(), reference=r)) for r in "ab")
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-4)
    sd = np.sqrt(one.populations[1].covariance[0, 0])
    np.testing.assert_allclose(other.parameters.slope, sd * one.parameters.slope, rtol=2e-3)


def test_groups_with_all_items_free_are_separate_calibrations() -> None:
    rng = np.random.default_rng(5)
    label = np.repeat(["a", "b"], 500)
    data = answers(rng.normal(size=1000), 6)
    both = fitted(data, population=cdx.calibration.Population(by=label.tolist(), free_items="all"))
    alone = [fitted(data[label == g].reset_index(drop=True)) for g in "ab"]
    assert both.log_likelihood == pytest.approx(sum(c.log_likelihood for c in alone), abs=1e-5)
    frame = both.to_frame().set_index("item")
    for g, single in zip("ab", alone, strict=True):
        own = single.to_frame()
        for name in ("a", "d", "se_a", "se_d"):
            found = frame.loc[frame["group"] == g, name].loc[list(own["item"])]
            np.testing.assert_allclose(found, own[name], rtol=2e-3, atol=2e-4)


def test_an_item_that_differs_between_groups_is_found() -> None:
    rng = np.random.default_rng(7)
    label = np.repeat(["a", "b"], P)
    data = answers(rng.normal(size=2 * P), 8)
    easier = (label == "b") & (rng.random(2 * P) < 0.4)
    data.loc[easier, "i3"] = 1
    equal = fitted(data, population=cdx.calibration.Population(by=label.tolist()))
    gains = [
        2
        * (
            fitted(data, population=cdx.calibration.Population(by=label.tolist(), free_items=(item,))).log_likelihood
            - equal.log_likelihood
        )
        for item in ("i3", "i4")
    ]
    assert gains[0] > 50
    assert -1e-3 < gains[1] < 15  # χ² with two degrees of freedom


def test_latent_regression_is_one_stage() -> None:
    """Regression on EAP estimates would be attenuated to about the reliability (peers: .51 for .70); this is not."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=(P, 2))
    theta = 0.7 * x[:, 0] - 0.4 * x[:, 1] + rng.normal(size=P)
    data = answers(theta, 10)
    found = fitted(data, population=cdx.calibration.Population(on=pd.DataFrame(x, columns=["x", "y"])))
    for name, truth in (("x", 0.7), ("y", -0.4)):
        b, se = estimate(found, name)
        assert abs(b - truth) < 3 * se < 0.15
    eap = cdx.score(data, fitted(data)).theta[:, 0]
    attenuated = np.linalg.lstsq(np.column_stack([x, np.ones(P)]), eap, rcond=None)[0][0]
    assert attenuated < 0.6 < estimate(found, "x")[0]


def test_an_indicator_covariate_is_a_group_with_the_same_variance() -> None:
    rng = np.random.default_rng(11)
    label = np.where(rng.random(P) < 0.4, "b", "a")
    data = answers(rng.normal(size=P) + 0.5 * (label == "b"), 12)
    by_text = fitted(data, population=cdx.calibration.Population(on=pd.DataFrame({"g": label})))
    by_number = fitted(data, population=cdx.calibration.Population(on=pd.DataFrame({"g": (label == "b").astype(float)})))
    assert by_text.log_likelihood == by_number.log_likelihood
    assert "g=b" in by_text.parameter_names
    groups = fitted(data, population=cdx.calibration.Population(by=label.tolist()))
    assert groups.log_likelihood >= by_text.log_likelihood - 1e-6
    assert groups.n_parameters == by_text.n_parameters + 1
    assert estimate(by_text, "g=b")[0] == pytest.approx(estimate(groups, "mean.b")[0], abs=0.1)


def test_whole_number_weights_are_repeated_rows() -> None:
    rng = np.random.default_rng(13)
    data = answers(rng.normal(size=400), 14, items=8)
    times = rng.integers(1, 4, 400)
    weighted = fitted(data, survey=cdx.calibration.SurveyDesign(weights=times.tolist()))
    repeated = fitted(data.loc[data.index.repeat(times)].reset_index(drop=True))
    np.testing.assert_allclose(weighted.parameters.beta, repeated.parameters.beta, atol=2e-5)
    ratio = times.mean()
    assert weighted.log_likelihood * ratio == pytest.approx(repeated.log_likelihood, rel=1e-8)


def test_weights_of_equal_size_change_nothing_and_the_sandwich_is_near_the_information() -> None:
    rng = np.random.default_rng(15)
    data = answers(rng.normal(size=P), 16)
    plain, even = fitted(data), fitted(data, survey=cdx.calibration.SurveyDesign(weights=[7.0] * P))
    np.testing.assert_allclose(even.parameters.beta, plain.parameters.beta, atol=1e-6)
    robust = fitted(data, standard_errors="sandwich")
    np.testing.assert_allclose(even.covariance, robust.covariance * P / (P - 1), rtol=2e-2, atol=1e-6)
    ratio = robust.standard_errors / plain.standard_errors
    assert 0.9 < ratio.min() < ratio.max() < 1.1
    assert robust.provenance.settings["standard errors"] == "sandwich"


def test_lognormal_weights_widen_errors_by_the_design_effect() -> None:
    """Kish's design effect of lognormal(0, 1) weights is about e, so errors grow by about √e = 1.65."""
    rng = np.random.default_rng(17)
    data, weights = answers(rng.normal(size=P), 18), rng.lognormal(size=P)
    effect = np.sqrt(P * (weights**2).sum()) / weights.sum()
    ratio = fitted(data, survey=cdx.calibration.SurveyDesign(weights=weights)).standard_errors / fitted(data).standard_errors
    assert ratio.mean() == pytest.approx(effect, rel=0.12)


def test_clusters_widen_errors_and_clusters_of_one_do_not() -> None:
    rng = np.random.default_rng(19)
    school = np.repeat(np.arange(60), 25)
    theta = rng.normal(size=60)[school] * 0.7 + rng.normal(size=P) * 0.7
    data = answers(theta, 20)
    alone = fitted(data, survey=cdx.calibration.SurveyDesign(clusters=np.arange(P).tolist()))
    robust = fitted(data, standard_errors="sandwich")
    np.testing.assert_allclose(alone.standard_errors, robust.standard_errors, rtol=1e-3)
    clustered = fitted(data, survey=cdx.calibration.SurveyDesign(clusters=school.tolist(), strata=(school % 2).tolist()))
    steps = np.array([name.endswith(".d") for name in clustered.parameter_names])
    assert (clustered.standard_errors / robust.standard_errors)[steps].mean() > 1.5


def test_jackknife_replicates_agree_with_clusters() -> None:
    """Delete-one-cluster weights are the linearised variance over clusters, up to terms of order 1 / clusters."""
    rng = np.random.default_rng(21)
    school = np.repeat(np.arange(40), 30)
    theta = rng.normal(size=40)[school] * 0.6 + rng.normal(size=1200) * 0.8
    data = answers(theta, 22, items=8)
    replicates = np.where(school[:, None] == np.arange(40), 0.0, 40 / 39)
    jackknife = cdx.calibration.SurveyDesign(weights=[1.0] * 1200, replicates=replicates, replicate_factor=39 / 40)
    one = fitted(data, survey=jackknife)
    other = fitted(data, survey=cdx.calibration.SurveyDesign(clusters=school.tolist()))
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=0.02)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"population": cdx.calibration.Population(by="region")}, "no background column 'region'"),
        ({"population": cdx.calibration.Population(by=["a"] * 10)}, "has 10 values for 400 persons"),
        ({"population": cdx.calibration.Population(by=["a"] * 395 + ["b"] * 5)}, "b have fewer than 10 persons"),
        (
            {"population": cdx.calibration.Population(by=["a", "b"] * 200, reference="c")},
            "none of the groups a and b|none of the groups",
        ),
        ({"population": cdx.calibration.Population(on=pd.DataFrame({"x": [1.0] * 400}))}, "same for everybody"),
        ({"population": cdx.calibration.Population(on=pd.DataFrame({"x": [None, *range(399)]}))}, "is empty for persons 0"),
        ({"survey": cdx.calibration.SurveyDesign(weights=[0.0, *[1.0] * 399])}, "Weights must be positive"),
        ({"survey": cdx.calibration.SurveyDesign(weights=["heavy"] * 400)}, "which are not numbers"),
        ({"constraints": cdx.calibration.Constraints(fixed={"i0.x": 1.0})}, "name 'i0.x', which is no parameter"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(choices: dict[str, object], message: str) -> None:
    data = answers(np.random.default_rng(23).normal(size=400), 24, items=5)
    with pytest.raises(CalibrationError, match=message):
        fitted(data, **choices)


def test_persons_are_scored_with_the_population_of_their_group() -> None:
    rng = np.random.default_rng(25)
    label = np.repeat(["a", "b"], 400)
    table = answers(rng.normal(size=800) + 1.5 * (label == "b"), 26).assign(region=label)
    data = cdx.load_responses(table)
    found = fitted_on(data, cdx.calibration.Population(by="region"))
    scores = cdx.score(data, found)
    alone = cdx.score(data.select(persons=data.persons[400:]), found)
    np.testing.assert_array_equal(scores.theta[400:], alone.theta)
    nobody = cdx.load_responses(pd.DataFrame({"i0": [None, None], "region": ["a", "b"]}), layout=cdx.Layout(items=("i0",)))
    empty = cdx.score(nobody, found)
    np.testing.assert_allclose(empty.theta[:, 0], [p.mean[0] for p in found.populations], atol=1e-6)


def fitted_on(data: cdx.Responses, population: cdx.calibration.Population) -> cdx.Calibration:
    return cdx.calibrate(data, model="2PL", priors=None, method=cdx.MarginalML(population=population))


def test_results_do_not_depend_on_the_executor(quiet: Quiet) -> None:
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    from multiprocessing import get_context

    data = answers(np.random.default_rng(27).normal(size=5000), 28, items=6)
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        found = [fitted(data, executor=executor) for executor in (None, threads, processes)]
    for other in found[1:]:
        assert other.to_json() == found[0].to_json()


def two_humps(seed: int) -> Floats:
    """Return standardised abilities of a mixture of two normals."""
    rng = np.random.default_rng(seed)
    theta = np.where(rng.random(2 * P) < 0.75, rng.normal(-0.6, 0.5, 2 * P), rng.normal(1.8, 0.6, 2 * P))
    return np.asarray((theta - theta.mean()) / theta.std())


def test_an_empirical_histogram_fits_a_population_with_two_humps() -> None:
    """The items of `answers` are known: their error falls by a third where the population is not forced to be normal."""
    data = answers(two_humps(29), 30, items=24)
    truth = np.random.default_rng(30).uniform(0.8, 1.8, 24)
    normal = fitted(data)
    shaped = fitted(data, population=cdx.calibration.Population(shape="empirical"))
    assert shaped.log_likelihood > normal.log_likelihood + 50
    errors = [np.sqrt(np.mean((c.parameters.slope - truth) ** 2)) for c in (normal, shaped)]
    assert errors[1] < 0.67 * errors[0]
    assert "engine.empirical_histogram" in {f.code for f in shaped.findings}
    assert shaped.population.mean[0] == pytest.approx(0, abs=1e-9)
    assert shaped.population.covariance[0, 0] == pytest.approx(1, abs=1e-9)
    usual, scores = (cdx.score(data, c) for c in (normal, shaped))
    theta, variance = scores.theta[:, 0], scores.covariance[:, 0, 0]
    assert theta.mean() == pytest.approx(0, abs=0.01)  # persons' posteriors add up to the histogram
    assert theta.var() + variance.mean() == pytest.approx(1, abs=0.02)
    miss = [np.sqrt(np.mean((x - two_humps(29)) ** 2)) for x in (usual.theta[:, 0], theta)]
    assert miss[1] < 0.95 * miss[0]
    again = cdx.Calibration.from_json(shaped.to_json())
    assert again.digest == shaped.digest
    np.testing.assert_array_equal(cdx.score(data, again).theta, scores.theta)


def test_an_empirical_histogram_of_normal_persons_is_near_the_normal() -> None:
    data = answers(np.random.default_rng(31).normal(size=P), 32)
    normal, shaped = fitted(data), fitted(data, population=cdx.calibration.Population(shape="empirical"))
    assert 0 <= shaped.log_likelihood - normal.log_likelihood < 15
    np.testing.assert_allclose(shaped.parameters.slope, normal.parameters.slope, rtol=0.12)
    steps = (data.iloc[:, :8].to_numpy() + data.iloc[:, 8:].to_numpy()).astype(int)
    with pytest.raises(CalibrationError, match="is for families with a predictor a θ"):
        cdx.calibrate(steps, model="NRM", method=cdx.MarginalML(population=cdx.calibration.Population(shape="empirical")))


def test_persons_without_known_covariates_are_scored_with_the_whole_population() -> None:
    """Residual variance 1 and explained variance γᵀ Cov(x) γ: intervals of the scores cover the truth."""
    rng = np.random.default_rng(33)
    x = rng.normal(size=3000)
    theta = 1.2 * x + rng.normal(size=3000)
    data = answers(theta, 34)
    found = fitted(data, population=cdx.calibration.Population(on=pd.DataFrame({"x": x})))
    b, _ = estimate(found, "x")
    assert found.population.covariance[0, 0] == pytest.approx(1 + b**2 * x.var(), rel=1e-9)
    scores = cdx.score(data, found)
    covered = np.abs(scores.theta[:, 0] - theta) < 1.96 * scores.se[:, 0]
    assert 0.935 < covered.mean() < 0.965


def test_a_stratum_of_one_cluster_is_refused() -> None:
    data = answers(np.random.default_rng(35).normal(size=400), 36, items=5)
    school, stratum = np.arange(400) // 20, np.where(np.arange(400) < 20, "alone", "rest")
    with pytest.raises(CalibrationError, match="Strata alone have a single cluster"):
        fitted(data, survey=cdx.calibration.SurveyDesign(strata=stratum.tolist(), clusters=school.tolist()))
