"""The kernels against finite differences, brute force, and other algorithms for the same thing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from competency_dx.kernels import classes as profiles
from competency_dx.kernels.classes import Distribution, Kind, item_classes
from competency_dx.kernels.classes.item_classes import Louis, Patterns, Point, boxed_step, louis, nearest

NO_HIERARCHY: list[tuple[int, int]] = []


@given(st.integers(1, 5), st.data())
def test_permissible_profiles_are_those_a_filter_of_all_leaves(A: int, data: st.DataObject) -> None:
    pairs = [(a, b) for a in range(A) for b in range(a + 1, A) if data.draw(st.booleans())]
    needs = profiles.prerequisite_matrix(A, pairs)
    found = profiles.permissible_profiles(needs, 1 << A)
    assert found is not None
    every = [p for p in product((0, 1), repeat=A) if all(p[a] >= p[b] for a, b in pairs)]
    assert sorted(map(tuple, found.tolist())) == sorted(every)
    assert (np.diff(found.sum(axis=1)) >= 0).all()


def test_a_chain_of_sixty_attributes_has_sixty_one_profiles() -> None:
    needs = profiles.prerequisite_matrix(60, [(a, a + 1) for a in range(59)])
    found = profiles.permissible_profiles(needs, 1000)
    assert found is not None
    assert len(found) == 61
    assert profiles.permissible_profiles(profiles.prerequisite_matrix(60, NO_HIERARCHY), 1000) is None


def test_a_circle_of_prerequisites_has_no_order() -> None:
    assert profiles.mastery_order(profiles.prerequisite_matrix(3, [(0, 1), (1, 2), (2, 0)])) == []


def test_saturated_design_turns_effects_into_probabilities() -> None:
    """de la Torre (2011), eq. 1, written out for three attributes."""
    patterns = profiles.item_groups(_all(3), np.arange(3), "GDINA").patterns
    effects = np.array([0.1, 0.2, 0.05, 0.1, 0.07, 0.03, -0.02, 0.2])
    d0, d1, d2, d3, d12, d13, d23, d123 = effects
    for row, p in zip(patterns, profiles.saturated_design(patterns) @ effects, strict=True):
        a, b, c = (int(x) for x in row)
        by_hand = d0 + d1 * a + d2 * b + d3 * c + d12 * a * b + d13 * a * c + d23 * b * c + d123 * a * b * c
        assert p == pytest.approx(by_hand)


def _all(A: int) -> profiles.Binary:
    found = profiles.permissible_profiles(profiles.prerequisite_matrix(A, NO_HIERARCHY), 1 << A)
    assert found is not None
    return found


def _distribution(kind: Kind, pairs: list[tuple[int, int]]) -> Distribution:
    needs = profiles.prerequisite_matrix(3, pairs)
    found = profiles.permissible_profiles(needs, 8)
    assert found is not None
    return Distribution(kind, found.astype(float), profiles.eligible(found, needs), np.arange(len(found)))


@pytest.mark.parametrize("kind", ["independent", "higher_order", "higher_order_1pl"])
@pytest.mark.parametrize("pairs", [NO_HIERARCHY, [(0, 1)], [(0, 1), (1, 2)]], ids=["none", "pair", "chain"])
def test_profiles_add_up_to_one(kind: Kind, pairs: list[tuple[int, int]]) -> None:
    distribution = _distribution(kind, pairs)
    parameters = profiles.first_parameters(distribution) + np.random.default_rng(3).normal(0, 0.5, 7)[: _size(distribution)]
    assert profiles.profile_probabilities(distribution, parameters).sum() == pytest.approx(1.0, abs=1e-12)


def _size(distribution: Distribution) -> int:
    return len(profiles.first_parameters(distribution))


@pytest.mark.parametrize("kind", ["saturated", "independent", "higher_order", "higher_order_1pl"])
def test_update_maximises_the_expected_log_likelihood_of_profiles(kind: Kind) -> None:
    distribution = _distribution(kind, [(0, 1)])
    counts = np.random.default_rng(4).uniform(5, 50, len(distribution.members))
    found = profiles.first_parameters(distribution)
    for _ in range(60):
        found = profiles.updated_parameters(distribution, found, counts)

    def objective(x: np.ndarray) -> float:
        return float(counts @ np.log(profiles.profile_probabilities(distribution, x)))

    best = objective(found)
    rng = np.random.default_rng(5)
    for _ in range(50):
        trial = found + rng.normal(0, 1e-3, len(found))
        trial = trial / trial.sum() if kind == "saturated" else trial
        assert objective(trial) <= best + 1e-9


class _Small:
    """Eight items, six permissible profiles, a fifth of the answers missing, patterns with weights."""

    def __init__(self, kind: Kind) -> None:
        rng = np.random.default_rng(7)
        self.distribution = _distribution(kind, [(0, 1)])
        found = self.distribution.profiles.astype(np.int8)
        Q = [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], [2]]
        groups = [profiles.item_groups(found, np.array(q), "GDINA") for q in Q]
        starts = np.cumsum([0, *(g.size for g in groups)])
        self.place = np.stack([g.of_pattern[g.of_profile] + s for g, s in zip(groups, starts, strict=False)])
        self.G = int(starts[-1])
        given = (rng.random((60, 8)) < 0.8).astype(float)
        right = rng.integers(0, 2, (60, 8)) * given
        self.patterns = Patterns(right, given, rng.integers(1, 4, 60).astype(float))
        lam = profiles.first_parameters(self.distribution)
        self.at = np.concatenate([rng.uniform(0.2, 0.9, self.G), lam + rng.normal(0, 0.3, len(lam))])

    def log_likelihood(self, x: np.ndarray) -> float:
        pi = profiles.class_probabilities(self.distribution, x[self.G :])
        return item_classes.e_step(self.patterns, x[: self.G][self.place], pi).log_likelihood

    def louis(self, x: np.ndarray) -> Louis:
        pi = profiles.class_probabilities(self.distribution, x[self.G :])
        scores = profiles.class_scores(self.distribution, x[self.G :])
        return louis(self.patterns, Point(x[: self.G], self.place, pi, scores))


@pytest.mark.parametrize("kind", ["independent", "higher_order", "higher_order_1pl"])
def test_gradient_and_information_are_finite_differences(kind: Kind) -> None:
    small, h = _Small(kind), 1e-5
    found = small.louis(small.at)
    steps = np.eye(len(small.at)) * h
    gradient = [(small.log_likelihood(small.at + e) - small.log_likelihood(small.at - e)) / (2 * h) for e in steps]
    np.testing.assert_allclose(found.gradient, gradient, atol=1e-6)
    hessian = np.array([(small.louis(small.at + e).gradient - small.louis(small.at - e).gradient) / (2 * h) for e in steps])
    information = found.information.copy()
    lam = small.at[small.G :]
    information[small.G :, small.G :] -= profiles.distribution_curvature(small.distribution, lam, found.nodes)
    np.testing.assert_allclose(information, -hessian, atol=1e-5)


def test_e_step_is_bayes_by_hand() -> None:
    small = _Small("independent")
    p, pi = small.at[: small.G][small.place], np.full(small.place.shape[1], 1 / small.place.shape[1])
    total, persons = 0.0, np.zeros(len(pi))
    right, given, weight = small.patterns
    assert given is not None
    for x, m, w in zip(right, given, weight, strict=True):
        likelihood = pi * np.prod(np.where(m[:, None] > 0, np.where(x[:, None] > 0, p, 1 - p), 1.0), axis=0)
        total += w * np.log(likelihood.sum())
        persons += w * likelihood / likelihood.sum()
    found = item_classes.e_step(small.patterns, p, pi)
    assert found.log_likelihood == pytest.approx(total, abs=1e-9)
    np.testing.assert_allclose(found.nodes, persons, atol=1e-10)


@given(st.integers(2, 8), st.integers(0, 10_000))
def test_nearest_on_a_chain_is_isotonic_regression(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, w = rng.random(n), 10.0 ** rng.uniform(-4, 0, n)
    G = np.eye(n)[1:] - np.eye(n)[:-1]
    np.testing.assert_allclose(nearest(np.diag(w), y, G, np.zeros(n - 1)), isotonic_regression(y, weights=w).x, atol=1e-8)


@given(st.integers(2, 4), st.integers(0, 10_000))
@example(4, 8069)  # where non-negative least squares stop off the minimum, and beside the restrictions
@example(4, 398)
def test_nearest_on_a_lattice_keeps_the_order_and_no_neighbour_is_nearer(k: int, seed: int) -> None:
    """Ties and bounds, as EM meets them, are what makes an active set turn in circles."""
    rng = np.random.default_rng(seed)
    patterns = profiles.item_groups(_all(k), np.arange(k), "GDINA").patterns
    pairs = profiles.covering_pairs(patterns)
    G = np.zeros((len(pairs), len(patterns)))
    G[np.arange(len(pairs)), pairs[:, 0]] = -1
    G[np.arange(len(pairs)), pairs[:, 1]] = 1
    y, w = np.clip(rng.normal(0.3, 0.5, len(patterns)), 1e-4, 1), rng.uniform(0.01, 1, len(patterns))
    x = nearest(np.diag(w), y, G, np.zeros(len(G)))
    assert (G @ x).min() > -1e-9
    best = w @ (x - y) ** 2
    for _ in range(20):
        other = np.maximum.accumulate(rng.random(k + 1))[patterns.sum(axis=1)]
        assert w @ (x + 1e-3 * (other - x) - y) ** 2 >= best - 1e-12


@given(st.integers(0, 10_000))
def test_nearest_is_the_best_of_all_active_sets(seed: int) -> None:
    """Every set of constraints taken as equalities in turn; the nearest feasible solution of all is the answer."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(4, 4))
    metric, target, G = root @ root.T + np.eye(4), rng.normal(size=4), rng.normal(size=(5, 4))
    h = G @ rng.normal(size=4) - 0.1
    x = nearest(metric, target, G, h)
    best = np.inf
    for chosen in product((False, True), repeat=5):
        A, b = G[list(chosen)], h[list(chosen)]
        if len(A) <= 4:
            back = np.linalg.solve(metric, A.T)
            y = target + back @ np.linalg.solve(A @ back, b - A @ target)
            if (G @ y - h).min() > -1e-9:
                best = min(best, float((y - target) @ metric @ (y - target)))
    assert (G @ x - h).min() > -1e-9
    assert (x - target) @ metric @ (x - target) == pytest.approx(best, rel=1e-7, abs=1e-9)


def test_a_step_in_a_box_solves_for_the_rest() -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(5, 5))
    information, gradient = root @ root.T + np.eye(5), rng.normal(size=5) * 5
    free = np.asarray(np.linalg.solve(information, gradient), dtype=np.float64)
    low, high = np.full(3, -0.05), np.full(3, 0.05)
    step = boxed_step(information, gradient, free, low, high)
    inside = np.abs(step[2:]) < 0.05 - 1e-12
    left = gradient - information @ step
    np.testing.assert_allclose(left[:2], 0, atol=1e-6)
    np.testing.assert_allclose(left[2:][inside], 0, atol=1e-6)
    assert (np.abs(step[2:]) <= 0.05 + 1e-12).all()
