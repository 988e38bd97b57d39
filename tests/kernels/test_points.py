"""Support points, sum scores and root search against numbers obtained otherwise."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from competency_dx.arrays import Floats
from competency_dx.kernels import families
from competency_dx.kernels.families import KernelGroup, partial_credit
from competency_dx.kernels.grid import points_needed, standard_nodes
from competency_dx.kernels.persons import Target, solve, sum_score_likelihood


def test_nodes_integrate_moments_of_the_normal() -> None:
    z, log_weight = standard_nodes(61)
    weight = np.exp(log_weight)
    assert weight.sum() == pytest.approx(1, abs=1e-14)
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0)):
        assert weight @ z**power == pytest.approx(moment, abs=1e-4)  # ±6 SD cut 2e-9 of mass off, times 6^6


@pytest.mark.parametrize("sd", [0.05, 0.1, 0.33])
def test_points_needed_keep_the_error_of_a_narrow_integral_below_the_stated_bound(sd: float) -> None:
    """∫ φ(z) N(c; z, sd) dz is known; with spacing at most sd the rule errs by about 2 exp(-2π²) relatively."""
    points = points_needed(sd)
    z, log_weight = standard_nodes(points)
    assert points % 2 == 1
    assert z[1] - z[0] <= sd
    for centre in (0.0, 0.037, 1.234):
        narrow = np.exp(-0.5 * ((z - centre) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        exact = np.exp(-0.5 * centre**2 / (1 + sd**2)) / np.sqrt(2 * np.pi * (1 + sd**2))
        assert np.exp(log_weight) @ narrow == pytest.approx(exact, rel=3e-8)


def test_sum_score_likelihood_is_the_sum_over_patterns() -> None:
    rng = np.random.default_rng(2)
    n_categories = np.array([2, 4, 3, 2])
    prob = rng.dirichlet(np.ones(4), size=(4, 5)).transpose(0, 2, 1)
    expected = np.zeros((8, 5))
    for pattern in product(*(range(k) for k in n_categories)):
        expected[sum(pattern)] += np.prod([prob[i, k] for i, k in enumerate(pattern)], axis=0)
    np.testing.assert_allclose(sum_score_likelihood(prob, n_categories), expected, rtol=1e-12)


BETA = np.array([[1.2, 0.4, 0.0], [0.8, -0.6, -1.5], [1.7, 0.9, -0.2], [0.6, -1.0, 0.0]])
ALLOWED = np.array([[True, True, False], [True, True, True], [True, True, True], [True, True, False]])
GROUPS = (KernelGroup(partial_credit, np.arange(4)),)
PATTERNS = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 2, 2, 0], [0, 0, 1, 0], [1, 1, 2, 1]]


def log_likelihood(theta: float, pattern: list[int]) -> float:
    table = families.log_probabilities(GROUPS, BETA, np.array([theta]), ALLOWED)[:, :, 0]
    return float(sum(table[i, k] for i, k in enumerate(pattern)))


def information(theta: float) -> float:
    """Return the test information by finite differences of the probabilities."""
    h = 1e-5
    prob = [np.exp(families.log_probabilities(GROUPS, BETA, np.array([t]), ALLOWED)[:, :, 0]) for t in (theta - h, theta, theta + h)]
    slope = (prob[2] - prob[0]) / (2 * h)
    return float((slope**2 / np.maximum(prob[1], 1e-200))[ALLOWED].sum())


def target_slope(theta: float, pattern: list[int], target: Target) -> float:
    """Return the estimating function; Warm's is l' + ∂ log sqrt(I) / ∂θ for divide-by-total items (eq. 12)."""
    h = 1e-5
    slope = (log_likelihood(theta + h, pattern) - log_likelihood(theta - h, pattern)) / (2 * h)
    if target == "MAP":
        return slope - (theta - 0.3) / 1.44
    if target == "WLE":
        return slope + float(np.log(information(theta + 1e-4) / information(theta - 1e-4))) / 4e-4
    return slope


@pytest.mark.parametrize("target", ["ML", "WLE", "MAP"])
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_roots_are_those_of_scipy(pattern: list[int], target: Target) -> None:
    """Brent's method on the estimating function by finite differences, good to 1e-6."""

    def curves(at: Floats) -> tuple[Floats, Floats, Floats]:
        return families.person_curves(GROUPS, BETA, at, ALLOWED)

    codes: NDArray[np.int8] = np.array([pattern], dtype=np.int8)
    theta, _ = solve(target, curves, codes, np.ones((1, 4), bool), (0.3, 1.44), (-12.0, 12.0))
    expected = brentq(lambda t: target_slope(t, pattern, target), -12, 12, xtol=1e-10)
    assert theta[0] == pytest.approx(expected, abs=1e-5)
