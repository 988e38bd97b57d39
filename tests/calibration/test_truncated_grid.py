"""Why the Rasch log-likelihood of VerbAgg differs from R mirt's by 0.0048: mirt's grid ends at ±6 logits.

The population variance is 1.92, so ±6 logits is ±4.3 SD, and mirt normalises the weights on the truncated grid. A plain
implementation of the marginal likelihood gives both values back, each on its own grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import competency_dx as cdx

Floats = NDArray[np.float64]
THEIRS, WIDE = np.linspace(-6, 6, 121), np.linspace(-14, 14, 561)


def log_likelihood(answers: Floats, d: Floats, variance: float, theta: Floats) -> float:
    """Return the marginal log-likelihood of a Rasch model by the plainest means, weights normalised on the grid."""
    weight = np.exp(-0.5 * theta**2 / variance)
    right = 1 / (1 + np.exp(-(theta[:, None] + d)))
    person = np.exp(answers @ np.log(right).T + (1 - answers) @ np.log(1 - right).T)
    return float(np.log(person @ (weight / weight.sum())).sum())


@pytest.fixture(scope="module")
def answers(verbagg: pd.DataFrame) -> Floats:
    return (verbagg.to_numpy() > 0).astype(float)


@pytest.fixture(scope="module")
def theirs(reference: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = reference("verbagg")["Rasch"]
    return found


@pytest.fixture(scope="module")
def ours(answers: Floats) -> cdx.Calibration:
    return cdx.calibrate(answers, model="Rasch", priors=None)


def test_ours_is_higher_by_what_the_truncation_costs(ours: cdx.Calibration, theirs: dict[str, Any]) -> None:
    assert ours.log_likelihood - theirs["loglik"] == pytest.approx(0.0048, abs=2e-4)


def test_each_program_reports_the_likelihood_on_its_own_grid(answers: Floats, ours: cdx.Calibration, theirs: dict[str, Any]) -> None:
    own = ours.to_frame()["d"].to_numpy(), float(ours.population.covariance[0, 0])
    their = np.array(theirs["d"][0]), theirs["variance"]
    assert log_likelihood(answers, *their, THEIRS) == pytest.approx(theirs["loglik"], abs=1e-5)
    assert log_likelihood(answers, *own, WIDE) == pytest.approx(ours.log_likelihood, abs=1e-5)


def test_the_grids_alone_make_the_difference(answers: Floats, ours: cdx.Calibration, theirs: dict[str, Any]) -> None:
    """Our estimates have mirt's likelihood on mirt's grid; mirt's estimates have ours on the wide grid, less 2e-5."""
    own = ours.to_frame()["d"].to_numpy(), float(ours.population.covariance[0, 0])
    their = np.array(theirs["d"][0]), theirs["variance"]
    assert log_likelihood(answers, *own, THEIRS) == pytest.approx(theirs["loglik"], abs=1e-5)
    assert 0 <= log_likelihood(answers, *own, WIDE) - log_likelihood(answers, *their, WIDE) < 5e-5


def test_parameters_and_scores_stay_within_the_effect_of_the_truncation(
    answers: Floats, ours: cdx.Calibration, theirs: dict[str, Any]
) -> None:
    np.testing.assert_allclose(ours.to_frame()["d"], theirs["d"][0], atol=5e-4)
    assert ours.population.covariance[0, 0] == pytest.approx(theirs["variance"], abs=2e-3)
    np.testing.assert_allclose(ours.to_frame()["se_d"], theirs["se_d"][0], rtol=1e-3)
    found = cdx.score(answers, ours).theta[:40, 0]
    np.testing.assert_allclose(found, theirs["scores"]["EAP"]["theta"], atol=4e-3)
