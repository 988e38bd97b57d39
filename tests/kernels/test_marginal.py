"""The E-step as matrix products against explicit loops over persons, items and points."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from competency_dx.kernels import blocks
from competency_dx.kernels.grid import Answers, Expected, Tables, e_step, prepare

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
