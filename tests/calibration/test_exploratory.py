"""Exploratory calibration and rotation: minima of the criteria, invariances, recovery of simulated factors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

import competency_dx as cdx
from competency_dx.arrays import Bools, Codes, Floats, value
from competency_dx.calibration.choices import Sample
from competency_dx.calibration.exploratory import SCALE, Exploratory, exploratory_items, exploratory_likelihood, loadings_of, rotated
from competency_dx.calibration.report import Scene, assembled
from competency_dx.engine import Constraints, Control
from competency_dx.engine.items import beta_of
from competency_dx.engine.items_setup import Known, build_items, category_counts
from competency_dx.engine.marginal import Marginal
from competency_dx.engine.maximise import Maximised, fit
from competency_dx.engine.several_dimensions import product_grid_likelihood
from competency_dx.errors import CalibrationError
from competency_dx.kernels.grid import prepare
from competency_dx.kernels.rotation import Criterion, Method, oblique, orthogonal, quartimin, rotate, rotated_from, varimax
from competency_dx.result import provenance

RNG = np.random.default_rng


def to_target(target: Floats) -> Criterion:
    """Return half the squared distance to a target (I, D), NaN where it says nothing, with its gradient (Browne 1972)."""

    def criterion(loadings: Floats) -> tuple[float, Floats]:
        off = np.where(np.isnan(target), 0.0, loadings - np.nan_to_num(target))
        return 0.5 * float((off**2).sum()), off

    return criterion


def simple(I: int, D: int, seed: int, cross: float = 0.05) -> Floats:
    """Return loadings (I, D) with one large one for each item."""
    rng = RNG(seed)
    out = rng.normal(0, cross, (I, D))
    out[np.arange(I), np.arange(I) % D] += rng.uniform(0.45, 0.8, I)
    return out


def turned(loadings: Floats, seed: int) -> Floats:
    D = loadings.shape[1]
    return np.asarray(loadings @ np.linalg.qr(RNG(seed).normal(size=(D, D)))[0])


def kaiser(loadings: Floats) -> Floats:
    """Return varimax loadings by planar rotations (Kaiser 1958), the textbook algorithm."""
    L = loadings.copy()
    for _ in range(200):
        largest = 0.0
        for i in range(L.shape[1]):
            for j in range(i + 1, L.shape[1]):
                x, y = L[:, i], L[:, j]
                u, v = x**2 - y**2, 2 * x * y
                up = 2 * (u @ v - u.sum() * v.sum() / len(L))
                down = (u**2 - v**2).sum() - (u.sum() ** 2 - v.sum() ** 2) / len(L)
                angle = np.arctan2(up, down) / 4
                turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                L[:, [i, j]] = np.stack([x, y], axis=1) @ turn
                largest = max(largest, abs(float(angle)))
        if largest < 1e-12:
            break
    L = L[:, np.argsort(-(L**2).sum(axis=0))]
    return np.asarray(L * np.where(L.sum(axis=0) < 0, -1.0, 1.0))


@pytest.mark.parametrize("D", [2, 3, 4])
def test_varimax_is_that_of_planar_rotations(D: int) -> None:
    loadings = turned(simple(6 * D, D, D), 1)
    found = rotate(loadings, "varimax")
    np.testing.assert_allclose(found.loadings, kaiser(loadings), atol=1e-7)
    assert found.gradient < 1e-7


@pytest.mark.parametrize("criterion", [varimax, quartimin, to_target(np.where(RNG(0).random((9, 3)) < 0.3, np.nan, 0.2))])
def test_gradients_of_criteria_are_difference_quotients(criterion: Any) -> None:
    loadings, step = simple(9, 3, 2, cross=0.2), 1e-6
    _, slope = criterion(loadings)
    for i, d in np.ndindex(loadings.shape):
        move = np.zeros(loadings.shape)
        move[i, d] = step
        quotient = (criterion(loadings + move)[0] - criterion(loadings - move)[0]) / (2 * step)
        assert slope[i, d] == pytest.approx(quotient, abs=1e-8)


@pytest.mark.parametrize("D", [2, 3, 4])
def test_quartimin_is_a_minimum_among_oblique_rotations(D: int) -> None:
    loadings = turned(simple(6 * D, D, 10 + D, cross=0.1), 3)
    found = rotate(loadings, "oblimin")
    assert found.gradient < 1e-7
    np.testing.assert_allclose(np.diag(found.correlations), 1.0)
    rng = RNG(4)
    for size in (1e-3, 1e-2, 0.1):
        T = found.transformation + size * rng.normal(size=(D, D))
        T /= np.sqrt((T**2).sum(axis=0))
        assert quartimin(loadings @ np.linalg.inv(T).T)[0] > found.criterion


def test_quartimin_finds_a_perfect_simple_structure() -> None:
    pattern = simple(12, 3, 5, cross=0.0)
    phi = np.array([[1, 0.5, 0.3], [0.5, 1, 0.4], [0.3, 0.4, 1]])
    loadings = turned(pattern @ np.linalg.cholesky(phi), 6)
    found = rotate(loadings, "oblimin")
    assert found.criterion < 1e-14
    np.testing.assert_allclose(np.sort(np.abs(found.loadings), axis=1), np.sort(pattern, axis=1), atol=1e-6)
    np.testing.assert_allclose(np.sort(found.correlations[np.triu_indices(3, 1)]), [0.3, 0.4, 0.5], atol=1e-6)


def test_a_target_that_can_be_met_is_met() -> None:
    target = simple(12, 3, 7)
    loadings = turned(target, 8)
    partial = np.where(RNG(9).random(target.shape) < 0.4, np.nan, target)
    best = min(
        (orthogonal(loadings, to_target(partial), np.linalg.qr(RNG(s).normal(size=(3, 3)))[0]) for s in range(10)),
        key=lambda x: x.criterion,
    )
    np.testing.assert_allclose(best.loadings, target, atol=1e-6)
    free = oblique(loadings, to_target(partial), best.transformation)
    np.testing.assert_allclose(free.loadings, target, atol=1e-6)


@given(st.integers(0, 10_000), st.sampled_from(["varimax", "oblimin", "promax"]), st.integers(2, 3))
def test_rotation_keeps_what_loadings_reproduce(seed: int, method: Method, D: int) -> None:
    """Λ Λᵀ, hence communalities, stay; the result does not depend on the rotation it began with."""
    loadings = simple(5 * D, D, seed, cross=0.1)
    found, other = rotate(loadings, method), rotate(turned(loadings, seed + 1), method)
    np.testing.assert_allclose(found.loadings @ found.correlations @ found.loadings.T, loadings @ loadings.T, atol=1e-10)
    np.testing.assert_allclose(found.loadings, loadings @ np.linalg.inv(found.transformation).T, atol=1e-10)
    np.testing.assert_allclose(found.correlations, found.transformation.T @ found.transformation, atol=1e-10)
    np.testing.assert_allclose(found.loadings, other.loadings, atol=1e-5)


@pytest.mark.parametrize("method", ["varimax", "oblimin", "promax", "none"])
def test_rotating_again_finds_the_same(method: Method) -> None:
    loadings = turned(simple(18, 3, 11, cross=0.1), 12)
    found = rotate(loadings, method)
    np.testing.assert_allclose(rotated_from(loadings, method, found.origin).loadings, found.loadings, atol=1e-7)


class Case(NamedTuple):
    """Answers and the slopes (I, D) behind them."""

    codes: Codes
    observed: Bools
    slopes: Floats
    correlations: Floats

    @property
    def known(self) -> Known:
        I, m = self.codes.shape[1], self.codes.max(axis=0).astype(np.int64) + 1
        families = ["GRM" if k > 2 else "2PL" for k in m]
        counts = category_counts(self.codes, self.observed, int(m.max()))
        return Known(tuple(f"i{k + 1}" for k in range(I)), families, m, counts, np.ones(self.slopes.shape, dtype=np.bool_))

    def likelihood(self, priors: Any = None) -> Marginal:
        items = build_items(self.known, priors=priors, constraints=Constraints())
        answers = prepare(self.codes, self.observed, self.known.n_categories)
        return exploratory_likelihood(items, answers, dimensions=Exploratory(n=self.slopes.shape[1]).dimensions, executor=None)


def made(P: int, I: int, phi: Floats, seed: int) -> Case:
    """Return answers to items, some of three categories, with slopes of simple structure on correlated dimensions."""
    rng, D = RNG(seed), len(phi)
    loadings = simple(I, D, seed)
    slopes = SCALE * loadings / np.sqrt(1 - np.einsum("id,de,ie->i", loadings, phi, loadings))[:, None]
    eta = rng.multivariate_normal(np.zeros(D), phi, size=P, method="cholesky") @ slopes.T + rng.normal(0, 0.8, I)
    u = rng.random((P, I))
    codes = (u < expit(eta)).astype(np.int8) + ((u < expit(eta - 1.2)) & (np.arange(I) % 4 == 0))
    seen = rng.random((P, I)) > 0.05
    return Case(np.where(seen, codes, 0).astype(np.int8), seen, slopes, phi)


@value
class Found:
    """A calibration of simulated answers."""

    case: Case
    likelihood: Marginal
    fit: Maximised

    @property
    def slopes(self) -> Floats:
        D = self.case.slopes.shape[1]
        return beta_of(self.likelihood.items, self.fit.phi)[:, :D]


@pytest.fixture(scope="module")
def two() -> Found:
    case = made(1500, 18, np.array([[1.0, 0.4], [0.4, 1.0]]), 13)
    likelihood = case.likelihood()
    return Found(case=case, likelihood=likelihood, fit=fit(likelihood, Control(points=likelihood.integral.points(61, 2))))


def test_two_dimensions_are_recovered(two: Found) -> None:
    assert two.fit.converged
    found = rotate(loadings_of(two.slopes), "oblimin")
    L = two.case.slopes / np.sqrt(SCALE**2 + np.einsum("id,de,ie->i", two.case.slopes, two.case.correlations, two.case.slopes))[:, None]
    best = max((found.loadings[:, order] for order in ([0, 1], [1, 0])), key=lambda x: float((x * L).sum()))
    congruence = (best * L).sum(axis=0) / np.sqrt((best**2).sum(axis=0) * (L**2).sum(axis=0))
    assert congruence.min() > 0.99
    assert np.sqrt(((best - L) ** 2).mean()) < 0.05
    assert found.correlations[0, 1] == pytest.approx(0.4, abs=0.1)


def calibrated(case: Case, likelihood: Marginal, found: Maximised) -> cdx.Calibration:
    """Return the fit as a calibration."""
    sample = Sample(None, ("",), np.zeros((len(case.codes), 0)), ())
    return assembled(
        Scene(case.known, likelihood.population.dimensions, sample, None, None, exploring=True),
        likelihood,
        found,
        found.information.covariance,
        findings=(),
        model="mixed",
        grouping=None,
        item_rest=np.zeros(case.codes.shape[1]),
        penalised=False,
        rotation=None,
        provenance=provenance("calibrate", {}, {"priors": "none"}),
    )


@pytest.fixture(scope="module")
def other_pivot(two: Found) -> Found:
    """The same answers with the zero in another item."""
    likelihood = two.likelihood
    items, D = likelihood.items, 2
    pivot = int(np.flatnonzero((items.place[:, :D] < 0).any(axis=1))[0])
    other = (pivot + 1) % len(items.place)
    a = two.slopes
    turn = np.array([[a[other, 0], -a[other, 1]], [a[other, 1], a[other, 0]]]) / np.hypot(*a[other])
    base = items.base.copy()
    base[:, :D] = a @ turn
    base[other, 1] = 0.0
    place = items.place.copy()
    place[pivot, 1], place[other, 1] = place[other, 1], -1
    again = product_grid_likelihood(items._replace(base=base, place=place), likelihood.answers, population=likelihood.population)
    return Found(case=two.case, likelihood=again, fit=fit(again, Control(points=again.integral.points(61, 2))))


def test_which_items_carry_the_zeros_is_of_no_account(two: Found, other_pivot: Found) -> None:
    """Other pivots: the same log-likelihood, the same communalities."""
    assert other_pivot.fit.log_likelihood == pytest.approx(two.fit.log_likelihood, abs=1e-4)
    np.testing.assert_allclose((other_pivot.slopes**2).sum(axis=1), (two.slopes**2).sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("method", ["varimax", "oblimin", "promax"])
def test_rotated_loadings_and_their_errors_are_those_of_any_identification(two: Found, other_pivot: Found, method: Method) -> None:
    one, other = (rotated(calibrated(x.case, x.likelihood, x.fit), method) for x in (two, other_pivot))
    np.testing.assert_allclose(one.loadings, other.loadings, atol=2e-5)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=2e-3)
    np.testing.assert_allclose(one.correlations, other.correlations, atol=2e-5)
    np.testing.assert_allclose(one.communalities, other.communalities, atol=2e-5)
    products = np.einsum("id,de,ie->i", one.loadings, one.correlations, one.loadings)
    np.testing.assert_allclose(products, one.communalities, atol=1e-10)
    assert (one.standard_errors > 0).all()


def test_errors_of_unrotated_loadings_follow_from_those_of_slopes(two: Found) -> None:
    """λ = a / r with r² = 1.702² + a'a, so ∂λ_d / ∂a_e = (1[d = e] - λ_d λ_e) / r."""
    calibration = calibrated(two.case, two.likelihood, two.fit)
    found = rotated(calibration, "none")
    p = calibration.parameters
    L, r = loadings_of(p.slopes), np.sqrt(SCALE**2 + (p.slopes**2).sum(axis=1))
    J = (np.eye(2) - L[:, :, None] * L[:, None, :]) / r[:, None, None]
    expected = np.sqrt(np.einsum("ide,ief,idf->id", J, p.covariance[:, :2, :2], J))
    np.testing.assert_allclose(found.standard_errors, expected, rtol=1e-5)
    assert list(found.to_frame()) == ["item", "F1", "F2", "se_F1", "se_F2", "communality"]


def test_priors_favour_no_rotation(two: Found) -> None:
    """The weak prior of slopes is centred at zero: turning slopes leaves it as it is."""
    items = two.case.likelihood(cdx.calibration.Priors()).items
    beta = items.base.copy()
    free = (items.place[:, :2] >= 0).all(axis=1)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    other = beta.copy()
    other[free, :2] = beta[free, :2] @ turn
    assert items.prior.value(other) == pytest.approx(items.prior.value(beta), abs=1e-9)


def test_three_dimensions_start_and_converge() -> None:
    case = made(500, 18, np.eye(3), 21)
    likelihood = case.likelihood()
    assert likelihood.start.size == 18 * 3 - 3 + int((case.known.n_categories - 1).sum())
    found = fit(likelihood, Control(points=15))
    assert found.converged
    assert found.information.smallest_eigenvalue > 0


@pytest.mark.parametrize(
    ("n", "rotation", "words"), [(1, "oblimin", "two to 4"), (5, "oblimin", "two to 4"), (2, "quartimax", "rotation= takes")]
)
def test_wrong_wishes_are_refused(n: int, rotation: Any, words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        Exploratory(n=n, rotation=rotation)


def test_fixed_slopes_and_few_items_are_refused() -> None:
    case = made(60, 8, np.eye(2), 15)
    for families, loads, words in ((["Rasch"] * 8, 2, "free slope"), (["2PL"] * 8, 3, "8 items do not show 3")):
        counts = category_counts(np.minimum(case.codes, 1), case.observed, 2)
        known = Known(case.known.ids, families, np.full(8, 2), counts, np.ones((8, loads), dtype=np.bool_))
        items = build_items(known, priors=None, constraints=Constraints())
        with pytest.raises(CalibrationError, match=words):
            exploratory_items(items, case.codes, case.observed)


def test_confirmatory_dimensions_are_not_rotated() -> None:
    case = made(300, 8, np.array([[1.0, 0.5], [0.5, 1.0]]), 16)
    frame = {f"i{k}": np.minimum(case.codes[:, k], 1) for k in range(8)}
    found = cdx.calibrate(pd.DataFrame(frame), model="2PL", dimensions={f"i{k}": "XY"[k % 2] for k in range(8)})
    with pytest.raises(CalibrationError, match="cannot be rotated"):
        rotated(found)


def test_calibrate_explores(two: Found) -> None:
    """The verb leads to the same fit; the dimensions can be scored and rotated."""
    case = two.case
    frame = pd.DataFrame(np.where(case.observed, case.codes, np.nan), columns=list(case.known.ids))
    found = cdx.calibrate(frame, model="GRM", dimensions=Exploratory(n=2), priors=None)
    assert found.log_likelihood == pytest.approx(two.fit.log_likelihood, abs=1e-4)
    assert found.n_parameters == len(two.fit.phi)
    np.testing.assert_allclose(found.population.covariance, np.eye(2))
    np.testing.assert_allclose(rotated(found).loadings, rotated(calibrated(case, two.likelihood, two.fit)).loadings, atol=1e-4)
    assert cdx.score(frame, found).theta.shape == (len(frame), 2)
