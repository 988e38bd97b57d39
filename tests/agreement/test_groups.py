"""Means and SDs of groups by plausible values that are conditioned on the group: R TAM 4.4-2, latent regression on a dummy.

TAM draws its values at 2,000 abilities that are simulated once, for all persons and all sets: what these miss is in no variance between
sets. In FIMS its values of Australia lie .031 above 0, where its own regression has their mean, and so does the exact posterior at
its own parameters. Ours are held to that posterior within the error of the draws, R's values to ours within R's standard errors.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import log_expit, softmax

import competency_dx as cdx
from competency_dx.scoring import PlausibleValues, plausible_values

Results = Callable[[str], dict[str, Any]]
Table = Callable[[str], pd.DataFrame]
Quiet = Callable[[], AbstractContextManager[None]]
Floats = NDArray[np.float64]
SETS = 20
GROUPS = {
    "fims": ("fims_aus_jpn", "M1P", "country", {1: "AUS", 2: "JPN"}),
    "timss07_g4": ("timss07_g4", "M0", "girl", {0: "boy", 1: "girl"}),
}


class Drawn(NamedTuple):
    """What R found; ours, and the answers (P, I) with the group of each person."""

    theirs: dict[str, Any]
    ours: PlausibleValues
    answers: Floats
    group: NDArray[np.str_]


@pytest.fixture(scope="module", params=GROUPS)
def drawn(request: pytest.FixtureRequest, results: Results, table: Table, quiet: Quiet) -> Drawn:
    file, start, column, names = GROUPS[request.param]
    found = table(file)
    group = found[column].map(names)
    responses = cdx.load_responses(found.filter(regex=f"^{start}"), layout=cdx.Layout(cells="scored"))
    method = cdx.MarginalML(population=cdx.calibration.Population(by=list(group)))
    calibration = cdx.calibrate(responses, model="Rasch", priors=None, method=method)
    covariate = pd.DataFrame({"group": group.to_numpy()}, index=responses.persons)
    with quiet():
        ours = plausible_values(responses, calibration, conditioning=covariate, n=SETS, rng=np.random.default_rng(1))
    answers = found.filter(regex=f"^{start}").to_numpy(float)
    return Drawn(results("groups")[request.param], ours, answers, group.to_numpy(str))


def by_group(drawn: Drawn) -> dict[str, Floats]:
    """Return mean and SD in each of our sets (2, M)."""
    values = drawn.ours.values[:, :, 0]
    return {g: np.stack([f(values[drawn.group == g], axis=0) for f in (np.mean, np.std)]) for g in np.unique(drawn.group)}


def exact(drawn: Drawn) -> dict[str, tuple[float, float]]:
    """Return mean and SD of each group under R's parameters, its posteriors integrated on an ample grid."""
    theta, found = np.linspace(-9, 10, 400), drawn.theirs["latent_regression"]
    right = theta[:, None] - np.array(drawn.theirs["xsi"]["xsi"])
    x = np.nan_to_num(drawn.answers)
    log_likelihood = x @ log_expit(right).T + (np.isfinite(drawn.answers) - x) @ log_expit(-right).T
    out = {}
    for k, g in enumerate(drawn.theirs["groups"]):
        prior = -0.5 * (theta - k * found["slope"]) ** 2 / found["residual_variance"]
        weight = softmax(log_likelihood[drawn.group == g] + prior, axis=1).mean(axis=0)
        mean = weight @ theta
        out[g] = (float(mean), float(np.sqrt(weight @ (theta - mean) ** 2)))
    return out


def test_the_regression_on_the_group_agrees(drawn: Drawn) -> None:
    """Slopes differ by less than a twentieth of their standard errors, the residual variance by less than .01."""
    found, ours = drawn.theirs["latent_regression"], drawn.ours.regression
    assert ours is not None
    assert abs(ours.coefficients[1]) == pytest.approx(abs(found["slope"]), abs=0.05 * found["se_beta"][1])
    assert ours.residual_variance == pytest.approx(found["residual_variance"], abs=0.01)
    assert [mean for mean, _ in exact(drawn).values()] == pytest.approx([0.0, found["slope"]], abs=1e-4)


def test_means_and_deviations_of_groups_agree_within_the_error_of_the_draws(drawn: Drawn) -> None:
    for g, expected in exact(drawn).items():
        sets = by_group(drawn)[g]
        error = sets.std(axis=1, ddof=1) / np.sqrt(SETS)
        assert (np.abs(sets.mean(axis=1) - expected) < 4 * error).all(), (g, sets.mean(axis=1), expected, error)


def test_plausible_values_of_r_agree_within_their_standard_errors(drawn: Drawn) -> None:
    for theirs in drawn.theirs["group_statistics"]:
        mean, deviation = by_group(drawn)[theirs["group"]].mean(axis=1)
        assert abs(mean - theirs["mean"]["estimate"]) < 2.6 * theirs["mean"]["se"]
        assert abs(deviation - theirs["sd"]["estimate"]) < 2.6 * theirs["sd"]["se"]
    first, second = (by_group(drawn)[g][0].mean() for g in drawn.theirs["groups"])
    found = drawn.theirs["difference"]
    assert second - first == pytest.approx(found["estimate"], abs=1.3 * found["se"])
