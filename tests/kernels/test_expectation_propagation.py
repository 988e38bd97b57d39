"""Expectation propagation against product quadrature, the one-dimensional kernel, and finite differences of log Z."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp

from competency_dx.kernels import grid as marginal
from competency_dx.kernels.grid import Answers, Design, by_dimension, prepare
from competency_dx.kernels.grid.louis import pairs, population_gradient, population_information
from competency_dx.kernels.grid.product import ItemTables
from competency_dx.kernels.propagation import Sites, SweepControl
from competency_dx.kernels.propagation import ep_likelihood as of_step
from competency_dx.kernels.propagation.ep_likelihood import (
    Model,
    ep_e_step,
    ep_error,
    ep_missing_information,
    ep_person_scores,
    no_sites,
)
from competency_dx.kernels.propagation.settled_persons import EVEN, Mixture, even_model, settled_blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
THETA = np.linspace(-6, 6, 61)
TIGHT = SweepControl(1e-12, 200)


def curves(a: Floats, d: Floats, theta: Floats = THETA) -> Floats:
    """Return log P (I, 2, Q) of 2PL items."""
    eta = a[:, None] * theta + d[:, None]
    return np.stack([log_expit(-eta), log_expit(eta)], axis=1)


class PropagatedPosterior(NamedTuple):
    """Posterior means (P, D) and covariances (P, D, D) of persons, and their sites."""

    mean: Floats
    covariance: Floats
    sites: Sites


class Case(NamedTuple):
    """Simulated 2PL answers, a part of them missing, with the parameters they come from."""

    answers: Answers
    dimension: Ints
    a: Floats
    d: Floats
    covariance: Floats

    @property
    def design(self) -> Design:
        return by_dimension(self.answers, self.dimension)

    @property
    def model(self) -> Model:
        D = len(self.covariance)
        return Model(THETA, curves(self.a, self.d), np.zeros((0, D)), self.covariance[None])

    def posterior(self, model: Model | None = None) -> PropagatedPosterior:
        """Return the posterior of all persons, settled from scratch."""
        of, codes, observed = model or self.model, self.answers.codes, self.answers.observed
        items, population = (np.full(len(self.a), 2), self.dimension), (np.zeros(len(self.covariance)), of.covariance)
        known = even_model(items, (of.theta, of.log_prob), (*population, np.zeros(1)))
        answered = codes, np.ones(codes.shape, dtype=bool) if observed is None else observed
        parts = list(settled_blocks(known, answered, Mixture.joined, control=EVEN, executor=None))
        tau, nu = (np.concatenate(x, axis=1)[:, : len(codes)] for x in zip(*(part.sites for part in parts), strict=True))
        mean = np.concatenate([part.mean.T for part in parts])[: len(codes)]
        covariance = np.concatenate([part.covariance.transpose(2, 0, 1) for part in parts])[: len(codes)]
        return PropagatedPosterior(mean, covariance, Sites(tau, nu))


def simulated(P: int, D: int, *, per: int = 6, seed: int = 3, missing: float = 0.2, rho: float = 0.6) -> Case:
    rng = np.random.default_rng(seed)
    covariance = np.full((D, D), rho) + (1 - rho) * np.eye(D)
    dimension = np.tile(np.arange(D), per)
    a, d = rng.lognormal(0.2, 0.3, D * per), rng.normal(size=D * per)
    theta = rng.multivariate_normal(np.zeros(D), covariance, size=P, method="cholesky")
    codes = (rng.random((P, D * per)) < expit(a * theta[:, dimension] + d)).astype(np.int8)
    observed = rng.random(codes.shape) >= missing
    answers = prepare(np.where(observed, codes, np.int8(0)), observed, np.full(D * per, 2))
    return Case(answers, dimension, a, d, covariance)


class Exact(NamedTuple):
    """Log-likelihood (P,) and posterior means (P, D) by product quadrature."""

    log_likelihood: Floats
    mean: Floats


def product_quadrature(case: Case, log_prob: Floats, theta: Floats) -> Exact:
    D, Q = len(case.covariance), len(theta)
    grid = np.stack(np.meshgrid(*[theta] * D, indexing="ij"), axis=-1).reshape(-1, D)
    inverse = np.linalg.inv(case.covariance)
    log_prior = -0.5 * np.einsum("qd,de,qe->q", grid, inverse, grid)
    log_prior += D * np.log(theta[1] - theta[0]) - 0.5 * D * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(case.covariance)[1]
    codes = case.answers.codes
    seen = np.ones(codes.shape, bool) if case.answers.observed is None else case.answers.observed
    log_likelihood, mean = np.empty(len(codes)), np.empty((len(codes), D))
    for p in range(len(codes)):
        joint = log_prior.reshape([Q] * D).copy()
        for k in range(D):
            items = np.flatnonzero((case.dimension == k) & seen[p])
            one = log_prob[items, codes[p, items]].sum(axis=0)
            joint += one.reshape([-1 if j == k else 1 for j in range(D)])
        flat = joint.ravel()
        log_likelihood[p] = logsumexp(flat)
        mean[p] = np.exp(flat - log_likelihood[p]) @ grid
    return Exact(log_likelihood, mean)


def test_one_dimension_is_exact() -> None:
    case = simulated(40, 1, per=9)
    log_weight = -0.5 * THETA**2 - 0.5 * np.log(2 * np.pi) + np.log(THETA[1] - THETA[0])
    known = marginal.e_step(case.answers, marginal.Tables(THETA, log_weight, curves(case.a, case.d)))
    found = ep_e_step(case.design, case.model, no_sites(case.design))
    assert found.log_likelihood == pytest.approx(known.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(found.upper, known.upper, atol=1e-9)
    np.testing.assert_allclose(found.totals, known.totals, atol=1e-9)
    assert found.narrowest == pytest.approx(known.narrowest, rel=1e-9)


def test_uncorrelated_competencies_are_as_many_tests_of_one_dimension() -> None:
    case = simulated(40, 3, rho=0.0)
    log_weight = -0.5 * THETA**2 - 0.5 * np.log(2 * np.pi) + np.log(THETA[1] - THETA[0])
    expected = 0.0
    for k in range(3):
        own = np.flatnonzero(case.dimension == k)
        assert case.answers.observed is not None
        answers = prepare(case.answers.codes[:, own], case.answers.observed[:, own], np.full(len(own), 2))
        tables = marginal.Tables(THETA, log_weight, curves(case.a[own], case.d[own]))
        expected += marginal.e_step(answers, tables).log_likelihood
    assert ep_e_step(case.design, case.model, no_sites(case.design)).log_likelihood == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("D", [2, 3])
def test_error_is_small_and_its_estimate_leaves_a_tenth_of_it(D: int) -> None:
    case = simulated(60, D, per=5, rho=0.7)
    exact = product_quadrature(case, curves(case.a, case.d, theta := np.linspace(-6, 6, 49)), theta)
    design, model = case.design, case.model
    posterior = case.posterior()
    error = ep_error(design, model, posterior.sites)
    off = exact.log_likelihood.sum() - ep_e_step(design, model, posterior.sites).log_likelihood
    assert abs(off) < 1e-3 * len(exact.mean)
    assert abs(off - error.log_likelihood.sum()) < 0.1 * abs(off)
    rms = np.sqrt(np.mean((exact.mean - posterior.mean) ** 2))
    assert rms < 1e-3
    assert error.rms_mean == pytest.approx(rms, rel=0.25)
    assert np.sqrt(np.mean((exact.mean - posterior.mean - error.mean) ** 2)) < 0.3 * rms


def test_guessing_makes_likelihoods_that_are_not_log_concave_and_sites_still_settle() -> None:
    case = simulated(60, 2, per=5, rho=0.7)
    without = curves(case.a * 2, case.d - 1)
    guessed = np.stack([np.log(0.75) + without[:, 0], np.log(0.25 + 0.75 * np.exp(without[:, 1]))], axis=1)
    model = case.model._replace(log_prob=guessed)
    found = ep_e_step(case.design, model, no_sites(case.design))
    assert found.unsettled == 0
    assert found.sites.tau.min() < 0
    exact = product_quadrature(case, model.log_prob, THETA)
    error = ep_error(case.design, model, found.sites)
    assert found.log_likelihood + error.log_likelihood.sum() == pytest.approx(exact.log_likelihood.sum(), abs=2e-3)
    np.testing.assert_allclose(case.posterior(model).mean, exact.mean, atol=0.02)


def test_long_tests_with_likelihoods_far_narrower_than_the_population() -> None:
    case = simulated(6, 2, per=250, missing=0.0)
    theta = np.linspace(-6, 6, 301)
    model = case.model._replace(theta=theta, log_prob=curves(case.a, case.d, theta))
    exact = product_quadrature(case, model.log_prob, theta)
    found = ep_e_step(case.design, model, no_sites(case.design))
    assert found.narrowest < 0.15
    assert found.unsettled == 0
    assert found.log_likelihood == pytest.approx(exact.log_likelihood.sum(), abs=1e-4)
    np.testing.assert_allclose(case.posterior(model).mean, exact.mean, atol=1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_grid_too_coarse_for_the_test_says_so_by_its_narrowest_marginal(kind: type) -> None:
    case = simulated(20, 2, per=250, missing=0.0)
    theta = np.linspace(-6, 6, 13)
    model = case.model._replace(theta=theta, log_prob=curves(case.a, case.d, theta).astype(kind))
    found = ep_e_step(case.design, model, no_sites(case.design))
    assert np.isfinite(found.log_likelihood)
    assert np.isfinite(found.upper).all()
    assert found.narrowest < 0.3


def test_persons_without_answers_stay_with_what_the_others_say() -> None:
    case = simulated(8, 3, missing=0.0)
    observed = np.ones(case.answers.codes.shape, dtype=bool)
    observed[0] = False
    observed[1, case.dimension == 2] = False
    case = case._replace(answers=prepare(case.answers.codes, observed, np.full(len(case.a), 2)))
    posterior = case.posterior()
    np.testing.assert_array_equal(posterior.sites.tau[:, 0], 0.0)
    np.testing.assert_allclose(posterior.mean[0], 0.0, atol=1e-12)
    np.testing.assert_allclose(posterior.covariance[0], case.covariance, atol=1e-12)
    assert posterior.sites.tau[2, 1] == 0.0
    known = case.covariance[:2, :2]
    np.testing.assert_allclose(posterior.mean[1, 2], case.covariance[2, :2] @ np.linalg.solve(known, posterior.mean[1, :2]), atol=1e-10)
    alone = by_dimension(case.answers.take(np.array([0])), case.dimension)
    assert ep_e_step(alone, case.model, no_sites(alone)).log_likelihood == pytest.approx(0.0, abs=1e-12)


class Full(NamedTuple):
    """Two groups, a covariate, case weights: everything that a gradient has to know of."""

    case: Case
    design: Design

    def model(self, x: Floats) -> Model:
        I, D = len(self.case.a), len(self.case.covariance)
        a, b = pairs(D)
        sigma = np.empty((2, D, D))
        sigma[:, a, b] = sigma[:, b, a] = x[2 * I + 2 * D :].reshape(2, -1)
        gamma = x[2 * I : 2 * I + 2 * D].reshape(2, D)
        return Model(THETA, curves(x[:I], x[I : 2 * I]), gamma, sigma)

    @property
    def at(self) -> Floats:
        D = len(self.case.covariance)
        a, b = pairs(D)
        sigma = [self.case.covariance[a, b], (1.3 * self.case.covariance + 0.2 * np.eye(D))[a, b]]
        return np.concatenate([self.case.a, self.case.d, np.linspace(-0.4, 0.5, 2 * D), *sigma])

    def tables(self, model: Model) -> ItemTables:
        """Return derivatives of log P by all a, then all d."""
        I = len(self.case.a)
        prob = np.exp(model.log_prob[:, 1])
        by_d = np.stack([-prob, 1 - prob])
        return ItemTables(model.log_prob, np.concatenate([by_d * THETA, by_d], axis=1), np.tile(np.arange(I), 2))

    def gradient(self, x: Floats) -> Floats:
        model = self.model(x)
        found = ep_e_step(self.design, model, no_sites(self.design), control=TIGHT)
        off = found.upper - found.totals * np.exp(model.log_prob[:, 1])
        return np.concatenate([off @ THETA, off.sum(axis=1), population_gradient(found.moments, model.covariance)])

    def log_z(self, x: Floats) -> float:
        return ep_e_step(self.design, self.model(x), no_sites(self.design), control=TIGHT).log_likelihood


@pytest.fixture(scope="module")
def full() -> Full:
    case = simulated(300, 3, per=4)
    rng = np.random.default_rng(8)
    group = np.arange(300) % 2
    regressors = np.stack([group.astype(float), rng.normal(size=300)], axis=1)
    answers = case.answers._replace(weight=rng.uniform(0.5, 1.5, 300))
    return Full(case, by_dimension(answers, case.dimension, group=group, regressors=regressors))


def test_gradient_is_that_of_log_z(full: Full) -> None:
    x, h = full.at, 1e-4
    numeric = [(full.log_z(x + h * e) - full.log_z(x - h * e)) / (2 * h) for e in np.eye(len(x))]
    np.testing.assert_allclose(full.gradient(x), numeric, atol=2e-6 * 300, rtol=1e-5)


def test_person_scores_add_up_to_the_gradient(full: Full) -> None:
    model = full.model(full.at)
    sites = ep_e_step(full.design, model, no_sites(full.design), control=TIGHT).sites
    own = ep_person_scores(full.design, model, full.tables(model), sites=sites)
    assert full.design.weight is not None
    np.testing.assert_allclose(full.design.weight @ own, full.gradient(full.at), atol=1e-7)


def test_information_is_within_a_per_cent_of_the_hessian_of_log_z(full: Full) -> None:
    x, h, I = full.at, 1e-4, len(full.case.a)
    hessian = np.array([(full.gradient(x - h * e) - full.gradient(x + h * e)) / (2 * h) for e in np.eye(len(x))])
    model = full.model(x)
    found = ep_e_step(full.design, model, no_sites(full.design), control=TIGHT)
    missing = ep_missing_information(full.design, model, full.tables(model), sites=found.sites)
    prob = np.exp(model.log_prob[:, 1])
    weight = found.totals * prob * (1 - prob)
    complete = np.zeros_like(missing)
    i = np.arange(I)
    complete[i, i], complete[I + i, I + i] = weight @ THETA**2, weight.sum(axis=1)
    complete[i, I + i] = complete[I + i, i] = weight @ THETA
    complete[2 * I :, 2 * I :] = population_information(found.moments, model.covariance)
    scale = np.sqrt(np.diag(complete))
    np.testing.assert_allclose((complete - missing) / np.outer(scale, scale), hessian / np.outer(scale, scale), atol=0.01)


def test_blocks_need_not_hold_every_group(full: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    in_order = full._replace(design=full.design.take(np.argsort(full.design.group, kind="stable")))
    model = full.model(full.at)
    found = []
    for size in (16, 1024):
        monkeypatch.setattr(of_step, "LEAST_BLOCK", size)
        monkeypatch.setattr(of_step, "BLOCK", size)
        found.append(ep_missing_information(in_order.design, model, in_order.tables(model), sites=no_sites(full.design)))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5 * np.abs(found[1]).max())


def test_integer_weights_are_repeated_rows() -> None:
    case = simulated(30, 2)
    times = np.arange(30) % 3
    weighted = by_dimension(case.answers._replace(weight=times.astype(float)), case.dimension)
    repeated = by_dimension(case.answers.take(np.repeat(np.arange(30), times)), case.dimension)
    one, two = (ep_e_step(d, case.model, no_sites(d)) for d in (weighted, repeated))
    assert one.log_likelihood == pytest.approx(two.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(one.upper, two.upper, atol=1e-10)
    np.testing.assert_allclose(one.moments.scatter, two.moments.scatter, atol=1e-9)


def test_same_bytes_for_any_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_step, "LEAST_BLOCK", 16)
    monkeypatch.setattr(of_step, "BLOCK", 16)
    case = simulated(100, 3)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(3) as three:
        a, b = (ep_e_step(case.design, case.model, no_sites(case.design), executor=e) for e in (one, three))
    assert a.log_likelihood == b.log_likelihood
    np.testing.assert_array_equal(a.upper, b.upper)
    np.testing.assert_array_equal(a.moments.scatter, b.moments.scatter)
    np.testing.assert_array_equal(a.sites.tau, b.sites.tau)


def test_a_person_is_scored_to_the_same_bytes_in_any_company() -> None:
    case = simulated(300, 3)
    whole = case.posterior()
    some = np.array([299, 7, 131])
    part = case._replace(answers=case.answers.take(some)).posterior()
    np.testing.assert_array_equal(part.mean, whole.mean[some])
    np.testing.assert_array_equal(part.covariance, whole.covariance[some])


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    case = simulated(50, 4)
    cold = ep_e_step(case.design, case.model, no_sites(case.design))
    near = case.model._replace(log_prob=curves(case.a * 1.1, case.d))
    warm = ep_e_step(case.design, case.model, ep_e_step(case.design, near, cold.sites).sites)
    assert warm.log_likelihood == pytest.approx(cold.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(warm.upper, cold.upper, atol=1e-6)


@given(answers=st.lists(st.booleans(), min_size=12, max_size=12), place=st.integers(0, 11))
def test_a_right_answer_in_place_of_a_wrong_one_lowers_no_competency(answers: list[bool], place: int) -> None:
    case = simulated(1, 3, per=4)
    lower, higher = np.array(answers, dtype=np.int8), np.array(answers, dtype=np.int8)
    lower[place], higher[place] = 0, 1
    both = prepare(np.stack([lower, higher]), np.ones((2, 12), dtype=bool), np.full(12, 2))
    low, high = case._replace(answers=both).posterior().mean
    assert (high > low).all()
