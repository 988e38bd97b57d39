"""Scores on several competencies: against brute force, equivalences with one competency, and every method."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

import competency_dx as cdx
from competency_dx.errors import ScoringError
from competency_dx.models import log_probabilities

Floats = NDArray[np.float64]
P, PER = 600, 5
METHODS = [cdx.EAP(), cdx.MAP(), cdx.ML(), cdx.WLE(), cdx.SumScore()]


def table(correlation: float, missing: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Return answers to five items of each of two competencies."""
    rng = np.random.default_rng(seed)
    theta = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], P, method="cholesky")
    a, d = rng.uniform(0.8, 1.8, 2 * PER), rng.normal(0, 1, 2 * PER)
    at = np.repeat([0, 1], PER)
    out = (rng.random((P, 2 * PER)) < expit(a * theta[:, at] + d)).astype(float)
    out[rng.random(out.shape) < missing] = np.nan
    return pd.DataFrame(out, columns=[f"{'xy'[k // PER]}{k % PER}" for k in range(2 * PER)])


def by_name(data: pd.DataFrame) -> dict[str, str]:
    return {str(item): str(item)[0] for item in data.columns}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return table(0.6, 0.1)


@pytest.fixture(scope="module")
def calibration(data: pd.DataFrame) -> cdx.Calibration:
    return cdx.calibrate(data, model="2PL", dimensions=by_name(data), priors=None)


def brute_force(calibration: cdx.Calibration, row: Floats) -> tuple[Floats, Floats]:
    """Return posterior mean and covariance by the plainest sum over a fine grid."""
    axis = np.linspace(-6, 6, 161)
    theta = np.array(list(product(axis, axis)))
    log_prob = log_probabilities(calibration.parameters, theta)
    joint = -0.5 * np.einsum("qd,de,qe->q", theta, np.linalg.inv(calibration.population.covariance), theta)
    for i, x in enumerate(row):
        if not np.isnan(x):
            joint += log_prob[i, int(x)]
    weight = np.exp(joint - joint.max())
    weight /= weight.sum()
    mean = weight @ theta
    return mean, np.einsum("q,qd,qe->de", weight, theta - mean, theta - mean)


def test_expectations_agree_with_brute_force(data: pd.DataFrame, calibration: cdx.Calibration) -> None:
    """Propagation is approximate: with five items a competency means are right to .005, covariances to .01."""
    scores = cdx.score(data, calibration)
    assert scores.theta.shape == (P, 2)
    assert scores.covariance.shape == (P, 2, 2)
    for p in range(12):
        mean, covariance = brute_force(calibration, data.to_numpy()[p])
        np.testing.assert_allclose(scores.theta[p], mean, atol=5e-3)
        np.testing.assert_allclose(scores.covariance[p], covariance, atol=1e-2)


def test_modes_are_those_of_a_general_optimiser(data: pd.DataFrame, calibration: cdx.Calibration) -> None:
    scores = cdx.score(data, calibration, method=cdx.MAP())
    inverse = np.linalg.inv(calibration.population.covariance)

    def loss(theta: Floats, row: Floats) -> float:
        table = log_probabilities(calibration.parameters, theta[None])[:, :, 0]
        own = sum(table[i, int(x)] for i, x in enumerate(row) if not np.isnan(x))
        return float(0.5 * theta @ inverse @ theta - own)

    for p in range(8):
        found = minimize(loss, np.zeros(2), args=(data.to_numpy()[p],), tol=1e-12)
        np.testing.assert_allclose(scores.theta[p], found.x, atol=1e-4)


@pytest.mark.parametrize("method", [cdx.ML(), cdx.WLE()], ids=["ML", "WLE"])
def test_likelihood_estimates_owe_nothing_to_the_other_competency(
    method: cdx.ML | cdx.WLE, data: pd.DataFrame, calibration: cdx.Calibration
) -> None:
    both = cdx.score(data, calibration, method=method)
    alone = cdx.score(data[[c for c in data.columns if c[0] == "x"]], calibration, method=method)
    np.testing.assert_array_equal(both.theta[:, 0], alone.theta[:, 0])
    assert (both.covariance[:, 0, 1] == 0).all()


def test_sum_scores_are_expectations_where_slopes_are_equal() -> None:
    """With equal slopes the sum of points is sufficient, so the two agree for complete answers."""
    data = table(0.5, seed=3)
    found = cdx.calibrate(data, model="Rasch", dimensions=by_name(data), priors=None)
    sums, full = (cdx.score(data, found, method=m) for m in (cdx.SumScore(), cdx.EAP()))
    np.testing.assert_allclose(sums.theta, full.theta, atol=1e-6)
    np.testing.assert_allclose(sums.covariance, full.covariance, atol=1e-6)


def test_the_other_competency_lends_strength(data: pd.DataFrame, calibration: cdx.Calibration) -> None:
    """A person with answers on one competency only is placed on the other by the correlation."""
    half = data.copy()
    half.loc[:, [c for c in half.columns if c[0] == "y"]] = np.nan
    scores = cdx.score(half, calibration)
    r = calibration.population.covariance[0, 1]
    np.testing.assert_allclose(scores.theta[:, 1], r * scores.theta[:, 0], atol=1e-6)
    frame = scores.to_frame()
    assert (frame.loc[frame["dimension"] == "y", "status"] == "no_responses").all()
    assert (frame.loc[frame["dimension"] == "y", "n_items"] == 0).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_a_person_has_the_same_digits_in_any_company(method: cdx.EAP, data: pd.DataFrame, calibration: cdx.Calibration) -> None:
    whole = cdx.score(data, calibration, method=method)
    some = [3, 77, 301]
    part = cdx.score(data.iloc[some][data.columns[::-1]], calibration, method=method)
    np.testing.assert_array_equal(part.theta, whole.theta[some])
    np.testing.assert_array_equal(part.covariance, whole.covariance[some])
    assert np.isfinite(whole.theta).all()


def test_items_measuring_both_are_scored_on_a_product_grid(data: pd.DataFrame) -> None:
    q = pd.DataFrame({"x": [1] * 5 + [0] * 5, "y": [0] * 4 + [1] * 6}, index=data.columns)
    found = cdx.calibrate(data, model="2PL", dimensions=q, priors="weak")
    assert list(found.to_frame().columns[3:5]) == ["a_x", "a_y"]
    scores = cdx.score(data, found)
    for p in range(5):
        mean, covariance = brute_force(found, data.to_numpy()[p])
        np.testing.assert_allclose(scores.theta[p], mean, atol=1e-4)
        np.testing.assert_allclose(scores.covariance[p], covariance, atol=1e-4)
    with pytest.raises(ScoringError, match="WLE is for items that measure one competency each"):
        cdx.score(data, found, method=cdx.WLE())


def test_simulated_answers_have_the_correlation_they_were_drawn_with(calibration: cdx.Calibration) -> None:
    drawn = cdx.simulate(calibration, 4000, rng=np.random.default_rng(5))
    again = cdx.calibrate(drawn, model="2PL", dimensions={i: i[0] for i in drawn.items}, priors=None)
    name = again.parameter_names[-1]
    se = again.standard_errors[-1]
    assert name == "correlation.x.y"
    assert abs(again.estimates[-1] - calibration.population.covariance[0, 1]) < 3 * se < 0.1
    with pytest.raises(ValueError, match=r"\(P, 2\) for 2 competencies"):
        cdx.simulate(calibration, np.zeros(5), rng=np.random.default_rng(1))
