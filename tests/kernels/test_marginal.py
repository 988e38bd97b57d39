"""The E-step as matrix products against explicit loops over persons, items and points."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from competency_dx.kernels import blocks
from competency_dx.kernels.grid import Answers, Expected, Tables, e_step, prepare
from competency_dx.kernels.grid.louis import missing_information, split_scores

Floats = NDArray[np.float64]
N_CATEGORIES = np.array([2, 3, 4])


class Case(NamedTuple):
    """Answers with their mask, and response tables of three items of two, three and four categories."""

    codes: NDArray[np.int8]
    observed: NDArray[np.bool_]
    tables: Tables

    @property
    def answers(self) -> Answers:
        return prepare(np.where(self.observed, self.codes, np.int8(0)), self.observed, N_CATEGORIES)


@pytest.fixture(params=[1.0, 0.6], ids=["complete", "incomplete"])
def case(request: pytest.FixtureRequest) -> Case:
    rng = np.random.default_rng(5)
    theta = np.linspace(-3, 3, 7)
    logits = rng.normal(size=(3, 4, 7))
    logits[np.arange(4) >= N_CATEGORIES[:, None]] = -np.inf
    log_prob = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    log_weight = np.log(rng.dirichlet(np.ones(7)))
    codes = (rng.random((12, 3)) * N_CATEGORIES).astype(np.int8)
    return Case(codes, rng.random((12, 3)) < request.param, Tables(theta, log_weight, np.maximum(log_prob, -700.0)))


def by_loops(case: Case) -> Expected:
    """Return what `e_step` returns, one person, item and point at a time."""
    tables, answers = case.tables, case.answers
    Q = len(tables.theta)
    ll, upper = 0.0, np.zeros((len(answers.item), Q))
    totals, nodes, moments = np.zeros((3, Q)), np.zeros(Q), []
    for p in range(len(case.codes)):
        joint = np.exp(tables.log_weight)
        for i in range(3):
            if case.observed[p, i]:
                joint = joint * np.exp(tables.log_prob[i, case.codes[p, i]])
        ll += float(np.log(joint.sum()))
        posterior = joint / joint.sum()
        nodes += posterior
        mean = posterior @ tables.theta
        moments.append((mean, posterior @ (tables.theta - mean) ** 2))
        for i in range(3):
            if case.observed[p, i]:
                totals[i] += posterior
                upper[(answers.item == i) & (answers.category == case.codes[p, i])] += posterior
    narrowest = float(np.sqrt(min(variance for _, variance in moments)))
    first, second = np.array(moments).T[:, :, None]
    return Expected(ll, upper, totals, nodes, first, second, narrowest)


def test_e_step_is_what_loops_give(case: Case) -> None:
    found, expected = e_step(case.answers, case.tables), by_loops(case)
    for name in Expected._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-10, atol=1e-12, err_msg=name)


def test_blocks_add_up_to_the_same_bytes_for_any_number_of_workers(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "FEW", 5)
    monkeypatch.setattr(blocks, "EVEN", 5)
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(3) as three:
        first, second = e_step(case.answers, case.tables, one), e_step(case.answers, case.tables, three)
    for name in Expected._fields:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    whole = by_loops(case)
    assert first.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(first.upper, whole.upper, rtol=1e-10, atol=1e-12)


def test_a_fully_observed_table_drops_its_mask() -> None:
    codes = np.zeros((4, 3), dtype=np.int8)
    assert prepare(codes, np.ones((4, 3), bool), N_CATEGORIES).observed is None
    assert prepare(codes, np.zeros((4, 3), bool), N_CATEGORIES).observed is not None


def test_indicator_columns_name_each_answer_above_the_lowest() -> None:
    answers = prepare(np.zeros((1, 3), np.int8), np.ones((1, 3), bool), N_CATEGORIES)
    columns = list(zip(answers.item.tolist(), answers.category.tolist(), strict=True))
    assert columns == [(0, 1), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [(2, 2, 2), (2, 3, 4)], ids=["two categories", "several"])
@pytest.mark.parametrize("shape", ["straight", "bent", "derivatives"])
@pytest.mark.parametrize("share", [1.0, 0.6], ids=["complete", "incomplete"])
def test_missing_information_is_the_sum_over_persons_and_points(n: tuple[int, ...], shape: str, weighted: bool, share: float) -> None:
    """Scores of all shapes that `split_scores` gives, with and without what they are linear in."""
    rng, theta, K = np.random.default_rng(8), np.linspace(-5, 5, 61), max(n)
    at = rng.normal(size=(3, K, 1)) * theta + rng.normal(size=(3, K, 1))
    at[np.arange(K) >= np.array(n)[:, None]] = -700.0
    log_prob = at - np.log(np.exp(at).sum(axis=1, keepdims=True))
    observed = rng.random((40, 3)) < share
    answers = prepare(np.where(observed, rng.random((40, 3)) * n, 0).astype(np.int8), observed, np.array(n))
    answers = answers._replace(weight=rng.uniform(0.5, 2.0, 40)) if weighted else answers
    owner, tables = np.repeat(np.arange(3), 2), Tables(theta, -0.5 * theta**2, np.maximum(log_prob, -700.0))
    slopes, bends = rng.normal(size=(2, K, 6, 1)), rng.normal(size=(6, 1))
    derivatives = np.tanh(theta * bends) + slopes[0] * theta
    if shape == "bent":
        derivatives = derivatives + np.sin(theta + slopes[1])
    if shape == "derivatives":  # of each category its own, few each
        derivatives = np.where(np.arange(K)[:, None, None] == np.arange(6)[:, None] % K, np.tanh(theta * slopes[0]), 0.0)
    scores = split_scores(derivatives, owner, rng.normal(size=(1, 2, 2)), theta)
    T = rng.normal(size=(8, 5))
    expected = np.zeros((8, 8))
    for p, w in enumerate(np.ones(40) if answers.weight is None else answers.weight):
        codes = answers.coded(-1)[p]
        log_joint = tables.log_weight + sum(log_prob[i, k] for i, k in enumerate(codes) if k >= 0)
        posterior = np.exp(log_joint - log_joint.max()) / np.exp(log_joint - log_joint.max()).sum()
        own = [derivatives[codes[i], f] if codes[i] >= 0 else 0 * theta for f, i in enumerate(owner)]
        S = np.array([*own, *(scores.population[0] @ np.stack([theta, theta**2]))])
        off = S - (S @ posterior)[:, None]
        expected += w * (off * posterior) @ off.T
    for design, wanted in ((None, expected), (T, T.T @ expected @ T)):
        found = missing_information(answers, tables, scores, depth="exact", design=design, executor=None)
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-4 * np.abs(wanted).max())
