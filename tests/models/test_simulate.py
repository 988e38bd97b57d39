"""Simulated answers follow the model they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

import competency_dx as cdx
from competency_dx.errors import ModelError
from competency_dx.models import bank_parameters, log_probabilities


@pytest.fixture(scope="module")
def bank() -> cdx.ItemBank:
    return cdx.load_bank("mathematics")


def test_shares_of_categories_are_the_probabilities(bank: cdx.ItemBank) -> None:
    """20 000 persons at one θ: the largest of some hundred binomial errors is below 5 SE = 5 · 0.5 / √20000."""
    known = bank_parameters(bank)
    codes = cdx.simulate(bank, np.full(20_000, 0.4), rng=np.random.default_rng(1)).scores
    prob = np.exp(log_probabilities(known, np.array([0.4])))[:, :, 0]
    for k in range(prob.shape[1]):
        np.testing.assert_allclose((codes == k).mean(axis=0), prob[:, k], atol=0.018)


def test_answers_to_different_items_are_independent_given_ability(bank: cdx.ItemBank) -> None:
    codes = cdx.simulate(bank, np.zeros(20_000), rng=np.random.default_rng(2)).scores
    varied = codes[:, codes.std(axis=0) > 0.1].astype(float)
    r = np.corrcoef(varied.T)
    assert np.abs(r[np.triu_indices(len(r), 1)]).max() < 5.5 / np.sqrt(20_000)


def test_the_same_state_gives_the_same_answers_and_persons_keep_their_order(bank: cdx.ItemBank) -> None:
    first, second = (cdx.simulate(bank, 50, rng=np.random.default_rng(3)) for _ in range(2))
    assert first.to_json() == second.to_json()
    theta = np.repeat([-4.0, 4.0], 40)
    sums = cdx.simulate(bank, theta, rng=np.random.default_rng(4)).scores.sum(axis=1)
    assert sums[:40].max() < sums[40:].min()


def test_abilities_of_one_competency_may_stand_in_a_column(bank: cdx.ItemBank) -> None:
    theta = np.linspace(-1, 1, 7)
    flat, column = (cdx.simulate(bank, t, rng=np.random.default_rng(5)) for t in (theta, theta[:, None]))
    np.testing.assert_array_equal(flat.scores, column.scores)


@pytest.mark.parametrize("theta", [np.zeros((3, 2)), np.array([0.0, np.nan])])
def test_abilities_of_the_wrong_shape_or_not_finite_are_refused(bank: cdx.ItemBank, theta: np.ndarray) -> None:
    with pytest.raises(ModelError, match="must be a number or finite abilities"):
        cdx.simulate(bank, theta, rng=np.random.default_rng(6))
