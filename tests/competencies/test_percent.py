"""Competency percent and its probabilities against direct integration and brute-force Monte Carlo."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

import competency_dx as cdx
from competency_dx.bank import ItemBank
from competency_dx.models import NormalPopulation

Floats = NDArray[np.float64]
MakeBank = Callable[..., ItemBank]
TWO = [("x", 1.2, [0.3], "S.1.1"), ("y", 0.9, [-0.8, 0.6], "S.1.1")]
STANDARD = NormalPopulation(dimensions=("S.1.1",), mean=np.zeros(1), covariance=np.eye(1))
PATTERNS = [(0, 0), (1, 0), (0, 2), (1, 1), (1, 2)]


def probability_x(theta: float) -> float:
    return float(1 / (1 + np.exp(-1.2 * (theta - 0.3))))


def probabilities_y(theta: float) -> Floats:
    logits = np.array([0.0, 0.9 * (theta + 0.8), 0.9 * (theta + 0.8) + 0.9 * (theta - 0.6)])
    return np.asarray(np.exp(logits) / np.exp(logits).sum())


def percent(theta: float) -> float:
    """Return D(θ): expected points of three, by hand."""
    y = probabilities_y(theta)
    return float(100 * (probability_x(theta) + y[1] + 2 * y[2]) / 3)


class Direct(NamedTuple):
    """What integration over the posterior of one pattern says."""

    percent: float
    below: float
    above: float
    low: float
    high: float


def directly(x: int, y: int) -> Direct:
    """Integrate with scipy; the quantiles of D are D at the quantiles of θ, for D rises with θ."""

    def density(theta: float) -> float:
        p = probability_x(theta)
        return float(np.exp(-0.5 * theta**2) * (p if x else 1 - p) * probabilities_y(theta)[y])

    def mass(low: float, high: float) -> float:
        return float(quad(density, low, high, epsabs=1e-12, limit=200)[0])

    def at(level: float) -> float:
        return float(brentq(lambda t: percent(t) - level, -9, 9))

    whole = mass(-9, 9)

    def quantile(share: float) -> float:
        return percent(brentq(lambda t: mass(-9, t) / whole - share, -6, 6))

    mean = float(quad(lambda t: percent(t) * density(t), -9, 9, epsabs=1e-12, limit=200)[0]) / whole
    return Direct(mean, mass(-9, at(60)) / whole, mass(at(80), 9) / whole, quantile(0.025), quantile(0.975))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame(PATTERNS, columns=["x", "y"])


@pytest.fixture(scope="module")
def sure(scored_bank: MakeBank) -> ItemBank:
    return scored_bank(TWO)


@pytest.mark.parametrize("k", range(len(PATTERNS)), ids=[str(p) for p in PATTERNS])
def test_probabilities_are_integrals_over_the_posterior(k: int, sure: ItemBank, frame: pd.DataFrame) -> None:
    """Between support points, 0.2 apart, D is taken as linear: 2e-3 for probabilities, 0.25 of a percent point for quantiles."""
    found, expected = cdx.diagnose(frame, sure, population=STANDARD)[str(k)]["S.1.1"], directly(*PATTERNS[k])
    assert found.percent == pytest.approx(expected.percent, abs=1e-4)
    assert found.p_deficit == pytest.approx(expected.below, abs=2e-3)
    assert found.p_strength == pytest.approx(expected.above, abs=2e-3)
    assert found.percent_low == pytest.approx(expected.low, abs=0.25)
    assert found.percent_high == pytest.approx(expected.high, abs=0.25)


def test_theta_and_its_error_are_those_of_scoring(sure: ItemBank, frame: pd.DataFrame) -> None:
    found, scores = cdx.diagnose(frame, sure, population=STANDARD), cdx.score(frame, sure)
    c = found.index("S.1.1")
    np.testing.assert_allclose(found.theta[:, c], scores.theta[:, 0], atol=1e-7)
    np.testing.assert_allclose(found.se[:, c], scores.se[:, 0], atol=1e-7)


def test_reference_set_decides_the_percent_and_not_the_evidence(scored_bank: MakeBank, frame: pd.DataFrame) -> None:
    """Percent on item x alone is 100 P(x) integrated over the posterior from both answers."""
    bank = scored_bank(TWO, reference_set=("x",))
    found = cdx.diagnose(frame, bank, population=STANDARD)["3"]["S.1.1"]

    def density(t: float) -> float:
        return float(np.exp(-0.5 * t**2) * probability_x(t) * probabilities_y(t)[1])

    whole = quad(density, -9, 9)[0]
    mean = quad(lambda t: 100 * probability_x(t) * density(t), -9, 9)[0] / whole
    assert found.percent == pytest.approx(mean, abs=1e-4)
    assert found.competency.reference_points == 1
    assert found.n_items == 2


class Draws(NamedTuple):
    """Parameters of the two items at N draws: slopes (N, 2), steps of x (N,), of y (N, 2)."""

    a: Floats
    x: Floats
    y: Floats


def brute_force(pattern: tuple[int, int], se: float, n: int) -> tuple[float, float, float]:
    """Return percent, P(D < 60), P(D > 80) with item parameters drawn, likelihood and D at the same draws."""
    rng = np.random.default_rng(7)
    z = rng.normal(size=(n, 5))
    draws = Draws(np.array([1.2, 0.9]) + se / 2 * z[:, :2], 0.3 + se * z[:, 2], np.array([-0.8, 0.6]) + se * z[:, 3:])
    theta = np.linspace(-6, 6, 241)
    right = 1 / (1 + np.exp(-draws.a[:, :1] * (theta - draws.x[:, None])))
    logits = np.zeros((n, 3, len(theta)))
    for k in range(2):
        logits[:, k + 1] = logits[:, k] + draws.a[:, 1:] * (theta - draws.y[:, k : k + 1])
    steps = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    d = 100 * (right + steps[:, 1] + 2 * steps[:, 2]) / 3
    weight = np.exp(-0.5 * theta**2) * (right if pattern[0] else 1 - right) * steps[:, pattern[1]]
    weight /= weight.sum()
    return float((weight * d).sum()), float(weight[d < 60].sum()), float(weight[d > 80].sum())


@pytest.mark.parametrize("k", range(len(PATTERNS)), ids=[str(p) for p in PATTERNS])
@pytest.mark.parametrize(("se", "tolerance"), [(0.2, 0.01), (0.5, 0.03)])
def test_provisional_parameters_are_integrated_out(
    k: int, se: float, tolerance: float, scored_bank: MakeBank, frame: pd.DataFrame
) -> None:
    """Monte Carlo with 8000 draws errs by .003; the rest is the normal form of D, worst in a test of two items."""
    found = cdx.diagnose(frame, scored_bank(TWO, se=se), population=STANDARD)[str(k)]["S.1.1"]
    mean, below, above = brute_force(PATTERNS[k], se, 8000)
    assert found.percent == pytest.approx(mean, abs=100 * tolerance)
    assert found.p_deficit == pytest.approx(below, abs=tolerance)
    assert found.p_strength == pytest.approx(above, abs=tolerance)


def test_provisional_parameters_widen_the_error_of_theta(scored_bank: MakeBank, frame: pd.DataFrame) -> None:
    widths = []
    for se in (None, 0.3, 0.6):
        found = cdx.diagnose(frame, scored_bank(TWO, se=se), population=STANDARD)
        c = found.index("S.1.1")
        widths.append(found.se[:, c])
    assert (widths[1] > widths[0]).all()
    assert (widths[2] > widths[1]).all()


class Truth(NamedTuple):
    """Persons with their answers and whether their true percent is below 60."""

    answers: pd.DataFrame
    below: NDArray[np.bool_]
    percent: NDArray[np.float64]


ITEMS = [(f"i{k}", 0.7 + 0.07 * k, [-1.2 + 0.2 * k], "S.1.1") for k in range(14)]


def draw_persons(se: float | None, persons: int) -> Truth:
    """Draw persons from the population, items anew from their uncertainty for every person, answers from both."""
    rng = np.random.default_rng(21)
    theta = rng.normal(size=(persons, 1))
    a, b = (np.array([row[1] for row in ITEMS]), np.array([row[2][0] for row in ITEMS]))
    own_a = a + (0 if se is None else se / 2) * rng.normal(size=(persons, 14))
    own_b = b + (0 if se is None else se) * rng.normal(size=(persons, 14))
    right = 1 / (1 + np.exp(-own_a * (theta - own_b)))
    answers, percent = (rng.random(right.shape) < right).astype(int), 100 * right.mean(axis=1)
    return Truth(pd.DataFrame(answers, columns=[row[0] for row in ITEMS]), percent < 60, percent)


@pytest.mark.filterwarnings("ignore:Answers contradict each other")
@pytest.mark.parametrize("se", [None, 0.4, 0.8])
def test_probabilities_of_a_deficit_come_true(se: float | None, scored_bank: MakeBank) -> None:
    """Of persons said to have a deficit with probability p a share p has one: deciles within 3.5 binomial SE."""
    truth = draw_persons(se, 4000)
    found = cdx.diagnose(truth.answers, scored_bank(ITEMS, se=se), population=STANDARD)
    p = found.p_deficit[:, found.index("S.1.1")]
    assert (found.to_frame()["status"] == "misfit").mean() < 0.002  # whose answers fit is not stopped
    order = np.argsort(p, kind="stable")
    for group in np.array_split(order, 10):
        expected = p[group].mean()
        slack = 3.5 * np.sqrt((p[group] * (1 - p[group])).sum()) / len(group) + 0.005  # D is normal given θ but roughly
        assert truth.below[group].mean() == pytest.approx(expected, abs=slack)


@pytest.mark.filterwarnings("ignore:Answers contradict each other")
@pytest.mark.parametrize("se", [None, 0.4, 0.8])
def test_intervals_of_percent_cover_the_true_percent(se: float | None, scored_bank: MakeBank) -> None:
    """95 % intervals of 4000 persons: binomial SE 0.35 %."""
    truth = draw_persons(se, 4000)
    found = cdx.diagnose(truth.answers, scored_bank(ITEMS, se=se), population=STANDARD)
    c, true = found.index("S.1.1"), truth.percent
    inside = (found.percent_low[:, c] <= true) & (true <= found.percent_high[:, c])
    assert inside.mean() == pytest.approx(0.95, abs=0.012)
