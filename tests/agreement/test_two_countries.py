"""Two groups: FIMS mathematics, Australia and Japan, 6371 × 14, against R TAM 4.4-2 (Rasch) and R mirt 1.47 (2PL and DIF).

Both programs differ from the maximum likelihood estimates by more than rounding, and both differences are explained by
giving their numbers back:

- TAM stops when a step changes less than 1e-4. Its standard errors leave out what is lost by not observing θ.
- mirt's grid ends at ±6 logits, at 3.2 SD of the second group, and its M-step takes the moments of the cut posterior for those of
  a whole normal distribution. The point where such an EM stands still is not the maximum of anything.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar, root
from scipy.special import expit

import competency_dx as cdx

Results = Callable[[str], dict[str, Any]]
Table = Callable[[str], pd.DataFrame]
Quiet = Callable[[], AbstractContextManager[None]]
Floats = NDArray[np.float64]
I = 14
MIRT_POINTS, MIRT_DIF_POINTS = 81, 61


class Fims(NamedTuple):
    """Answers (P, I), the country of each person, and patterns (N, I) with their numbers (N,) in each country."""

    answers: pd.DataFrame
    country: list[str]
    patterns: tuple[tuple[Floats, Floats], ...]

    def calibrated(self, model: str, free: tuple[str, ...] = ()) -> cdx.Calibration:
        population = cdx.calibration.Population(by=self.country, free_items=free)
        return cdx.calibrate(self.answers, model=model, priors=None, method=cdx.MarginalML(population=population))


@pytest.fixture(scope="module")
def fims(table: Table) -> Fims:
    found = table("fims_aus_jpn")
    answers, country = found.filter(like="M1P"), [str(x) for x in found["country"]]
    patterns = []
    for name in ("1", "2"):
        rows, n = np.unique(answers.to_numpy(float)[np.array(country) == name], axis=0, return_counts=True)
        patterns.append((rows, n.astype(float)))
    return Fims(answers, country, tuple(patterns))


@pytest.fixture(scope="module")
def rasch(fims: Fims) -> cdx.Calibration:
    return fims.calibrated("Rasch")


@pytest.fixture(scope="module")
def two_slopes(fims: Fims, quiet: Quiet) -> cdx.Calibration:
    with quiet():
        return fims.calibrated("2PL")


@pytest.fixture(scope="module")
def tam(results: Results) -> dict[str, Any]:
    found: dict[str, Any] = results("fims_aus_jpn")["tam_rasch_multigroup"]
    return found


@pytest.fixture(scope="module")
def mirt(results: Results) -> dict[str, Any]:
    return results("fims_aus_jpn_dif")


class Cut(NamedTuple):
    """Posterior on a grid that is cut off: log-likelihood, expected right answers less the model's (Q, I), nodes (Q,)."""

    log_likelihood: float
    excess: Floats
    nodes: Floats


def on_grid(rows: tuple[Floats, Floats], items: tuple[Floats, Floats], normal: tuple[float, float], theta: Floats) -> Cut:
    """Return one group's E-step by the plainest means; `items` are a and d (I,), `normal` mean and variance."""
    (x, n), (a, d), (mean, variance) = rows, items, normal
    weight = np.exp(-0.5 * (theta - mean) ** 2 / variance)
    right = expit(np.outer(theta, a) + d)
    joint = np.exp(x @ np.log(right).T + (1 - x) @ np.log1p(-right).T) * (weight / weight.sum())
    person = joint.sum(axis=1)
    posterior = joint * (n / person)[:, None]
    nodes = posterior.sum(axis=0)
    return Cut(float(n @ np.log(person)), posterior.T @ x - nodes[:, None] * right, nodes)


# ---------------------------------------------------------------- Rasch, R TAM


def test_rasch_agrees_with_tam(rasch: cdx.Calibration, tam: dict[str, Any]) -> None:
    """Difficulties differ by 1.6e-4 to 2.3e-4, all one way, as the group mean does; TAM stops at changes of 1e-4."""
    np.testing.assert_allclose(rasch.to_frame()["b"], tam["xsi"]["xsi"], atol=4e-4)
    variances = [p.covariance[0, 0] for p in rasch.populations]
    np.testing.assert_allclose(variances, tam["variance"], atol=4e-4)
    assert -2 * rasch.log_likelihood == pytest.approx(tam["deviance"], abs=0.01)


def test_weighted_likelihood_agrees_with_tam(fims: Fims, rasch: cdx.Calibration, tam: dict[str, Any]) -> None:
    ours = cdx.score(fims.answers, rasch, method=cdx.WLE())
    np.testing.assert_allclose(ours.theta[:40, 0], tam["wle"]["theta"], atol=4e-4)
    np.testing.assert_allclose(ours.se[:40, 0], tam["wle"]["se"], atol=1e-4)
    assert ours.reliability[0] == pytest.approx(tam["wle_rel"], abs=1e-5)


def test_tam_stopped_short_of_the_maximum(fims: Fims, rasch: cdx.Calibration, tam: dict[str, Any]) -> None:
    """At TAM's parameters the deviance is above ours. The mean of group 2 is not in the file; the best one is taken."""
    items = (np.ones(I), -np.array(tam["xsi"]["xsi"], dtype=float))
    theta = np.linspace(-8, 8, 161)

    def deviance(mean: float) -> float:
        normals = ((0.0, tam["variance"][0]), (mean, tam["variance"][1]))
        both = zip(fims.patterns, normals, strict=True)
        return -2 * sum(on_grid(rows, items, normal, theta).log_likelihood for rows, normal in both)

    best = minimize_scalar(deviance, bounds=(0.5, 1.5), options={"xatol": 1e-7})
    assert best.x == pytest.approx(rasch.populations[1].mean[0], abs=4e-4)
    assert -2 * rasch.log_likelihood < best.fun < tam["deviance"]


def test_standard_errors_of_tam_leave_out_the_missing_information(fims: Fims, rasch: cdx.Calibration, tam: dict[str, Any]) -> None:
    """TAM's are 1 / √(Σ_p E[P Q]), as if θ were observed and no parameter depended on another: 6 to 10 % below ours."""
    theta, d = np.linspace(-8, 8, 161), rasch.to_frame()["d"].to_numpy(float)
    complete = np.zeros(I)
    for rows, population in zip(fims.patterns, rasch.populations, strict=True):
        normal = (float(population.mean[0]), float(population.covariance[0, 0]))
        right = expit(theta[:, None] + d)
        complete += on_grid(rows, (np.ones(I), d), normal, theta).nodes @ (right * (1 - right))
    theirs = np.array(tam["xsi"]["se"], dtype=float)
    np.testing.assert_allclose(1 / np.sqrt(complete), theirs, rtol=1e-4)
    ratio = rasch.to_frame()["se_b"] / theirs
    assert ratio.between(1.06, 1.13).all()


# ---------------------------------------------------------------- 2PL, R mirt


def at_rest(fims: Fims, phi: Floats, theta: Floats, item: int | None = None) -> tuple[Floats, float]:
    """Return what vanishes where mirt's EM stands still, and the log-likelihood on its grid.

    φ holds a, d, mean and variance of group 2, then a and d in group 2 of `item`, which are free there: the gradient by
    slopes and intercepts, and the posterior moments of group 2 less those of φ.
    """
    a, d, mean, variance = phi[:I], phi[I : 2 * I], float(phi[2 * I]), float(phi[2 * I + 1])
    out, total = np.zeros(len(phi)), 0.0
    for g, normal in enumerate([(0.0, 1.0), (mean, variance)]):
        own = (a.copy(), d.copy())
        if g == 1 and item is not None:
            own[0][item], own[1][item] = phi[-2:]
        now = on_grid(fims.patterns[g], own, normal, theta)
        by_a, by_d, total = theta @ now.excess, now.excess.sum(axis=0), total + now.log_likelihood
        if g == 1 and item is not None:
            out[-2:] = by_a[item], by_d[item]
            by_a[item] = by_d[item] = 0.0
        out[:I] += by_a
        out[I : 2 * I] += by_d
        if g == 1:
            out[2 * I : 2 * I + 2] = now.nodes @ (theta - mean), now.nodes @ ((theta - mean) ** 2 - variance)
    return out, total


def standstill(fims: Fims, start: Floats, points: int, item: int | None = None) -> tuple[Floats, float]:
    """Return where an EM like mirt's stands still, and the log-likelihood on its grid there."""
    theta = np.linspace(-6, 6, points)

    def vanishing(phi: Floats) -> Floats:
        return at_rest(fims, phi, theta, item)[0]

    found = root(vanishing, start)
    assert np.abs(found.fun).max() < 1e-4
    return found.x, at_rest(fims, found.x, theta, item)[1]


@pytest.fixture(scope="module")
def mirts_point(mirt: dict[str, Any]) -> Floats:
    found = mirt["items"]
    return np.array([*found["a1"], *found["d"], mirt["means"]["2"], mirt["vars"]["2"]], dtype=float)


def test_two_group_2pl_has_a_higher_maximum_than_mirt(
    fims: Fims, two_slopes: cdx.Calibration, mirt: dict[str, Any], mirts_point: Floats
) -> None:
    """0.480 higher; 0.05 of it at mirt's own parameters, the rest by moving slopes by up to .019 and the variance by .063."""
    assert two_slopes.log_likelihood == pytest.approx(mirt["loglik"] + 0.480, abs=1e-3)
    assert two_slopes.n_parameters == 2 * I + 2
    ample = at_rest(fims, mirts_point, np.linspace(-12, 15, 541))[1]
    assert two_slopes.log_likelihood > ample
    frame = two_slopes.to_frame()
    np.testing.assert_allclose(frame["a"], mirts_point[:I], atol=0.02)
    np.testing.assert_allclose(frame["d"], mirts_point[I : 2 * I], atol=0.01)
    assert two_slopes.populations[1].mean[0] == pytest.approx(mirts_point[2 * I], abs=0.015)
    assert two_slopes.populations[1].covariance[0, 0] == pytest.approx(mirts_point[2 * I + 1], abs=0.065)


def test_our_maximum_is_the_one_of_a_plain_likelihood(fims: Fims, two_slopes: cdx.Calibration) -> None:
    """On an ample grid the same equations vanish at our estimates, and the log-likelihood is ours."""
    frame, second = two_slopes.to_frame(), two_slopes.populations[1]
    phi = np.array([*frame["a"], *frame["d"], second.mean[0], second.covariance[0, 0]])
    out, total = at_rest(fims, phi, np.linspace(-12, 15, 541))
    assert np.abs(out).max() < 1e-3
    assert two_slopes.log_likelihood == pytest.approx(total, abs=1e-5)  # ours ends at 6 SD of either group


def test_mirts_grid_gives_mirts_log_likelihood(fims: Fims, mirt: dict[str, Any], mirts_point: Floats) -> None:
    """81 points on ±6: 8 digits behind the point."""
    theta = np.linspace(-6, 6, MIRT_POINTS)
    assert at_rest(fims, mirts_point, theta)[1] == pytest.approx(mirt["loglik"], abs=1e-7)


def test_an_em_like_mirts_stands_still_at_mirts_estimates(fims: Fims, mirt: dict[str, Any], mirts_point: Floats) -> None:
    found, total = standstill(fims, mirts_point, MIRT_POINTS)
    np.testing.assert_allclose(found, mirts_point, atol=5e-5)
    assert total == pytest.approx(mirt["loglik"], abs=2e-4)


@pytest.fixture(scope="module")
def ratios(fims: Fims, two_slopes: cdx.Calibration, mirt: dict[str, Any], quiet: Quiet) -> Floats:
    """Likelihood ratios of every second item, each free in both groups in its turn."""
    out = []
    for item in mirt["DIF"]["item"][::2]:
        with quiet():
            free = fims.calibrated("2PL", (item,))
        assert list(free.to_frame().query("item == @item")["group"]) == ["1", "2"]
        assert free.n_parameters - two_slopes.n_parameters == 2
        out.append(2 * (free.log_likelihood - two_slopes.log_likelihood))
    return np.array(out)


def test_likelihood_ratios_of_items_that_differ(ratios: Floats, mirt: dict[str, Any]) -> None:
    """X2 of 11 to 226 with 2 degrees of freedom: within 0.9, in the same order."""
    assert set(mirt["DIF"]["df"]) == {2}
    np.testing.assert_allclose(ratios, mirt["DIF"]["X2"][::2], atol=0.9)
    assert np.argsort(ratios).tolist() == np.argsort(mirt["DIF"]["X2"][::2]).tolist()


@pytest.mark.parametrize("item", ["M1PTI6", "M1PTI22"])
def test_the_rest_of_a_likelihood_ratio_is_mirts_grids(item: str, fims: Fims, mirt: dict[str, Any], mirts_point: Floats) -> None:
    """mirt's X2 compares a model on 61 cut points with one on 81: doing likewise gives it back within 0.02."""
    i = mirt["DIF"]["item"].index(item)
    start = np.concatenate([mirts_point, [mirts_point[i], mirts_point[I + i]]])
    freed = standstill(fims, start, MIRT_DIF_POINTS, i)[1]
    assert 2 * (freed - mirt["loglik"]) == pytest.approx(mirt["DIF"]["X2"][i], abs=0.02)
