"""Curves, item parameters in both metrics, and the average over uncertain parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.bank import Item, ItemBank, ParameterRecord
from competency_dx.errors import CompetencyDxError, ModelError
from competency_dx.kernels import families
from competency_dx.models import (
    FAMILIES,
    ItemParameters,
    NormalPopulation,
    averaged_log_probabilities,
    bank_parameters,
    curve_information,
    expected_scores,
    family_for,
    log_probabilities,
    score_information,
    uncertain_scores,
)
from competency_dx.models.curves import cubature

Floats = NDArray[np.float64]
MakeBank = Callable[..., ItemBank]
THETA = np.linspace(-3, 3, 13)

RECORDS = (
    ParameterRecord(item="x", model="2PL", a=1.2, b=(0.4,), se_a=0.2, se_b=(0.3,)),
    ParameterRecord(item="y", model="GPCM", a=0.8, b=(-0.5, 0.9), se_a=0.1, se_b=(0.2, 0.4)),
    ParameterRecord(item="z", model="GRM", a=1.5, b=(-1.0, 0.2, 1.1), se_a=0.3, se_b=(0.2, 0.2, 0.3)),
    ParameterRecord(item="w", model="Rasch", a=1.0, b=(0.7,), se_b=(0.5,)),
)


@pytest.fixture(scope="module")
def parameters(make_bank: MakeBank) -> ItemParameters:
    return bank_parameters(_bank(make_bank, RECORDS))


def _bank(make_bank: MakeBank, records: Sequence[ParameterRecord]) -> ItemBank:
    items = [
        Item.model_validate(
            {"id": r.item, "type": "scored", "scoring": {"rule": "given", "points": len(r.b)}, "competencies": {"S.1.1": 1.0}}
        )
        for r in records
    ]
    return make_bank(items, records)


def by_formula(record: ParameterRecord, theta: float) -> Floats:
    """Return category probabilities in the (a, b) metric of the public contract."""
    b = np.array(record.b)
    if record.model == "GRM":
        star = np.concatenate([[1.0], 1 / (1 + np.exp(-record.a * (theta - b))), [0.0]])
        return np.asarray(star[:-1] - star[1:])
    logits = np.concatenate([[0.0], np.cumsum(record.a * (theta - b))])
    return np.asarray(np.exp(logits) / np.exp(logits).sum())


def test_bank_records_are_read_in_the_metric_of_the_contract(parameters: ItemParameters) -> None:
    found = np.exp(log_probabilities(parameters, THETA))
    for i, record in enumerate(RECORDS):
        expected = np.array([by_formula(record, t) for t in THETA]).T
        np.testing.assert_allclose(found[i, : len(record.b) + 1], expected, rtol=1e-10)
        np.testing.assert_allclose(found[i, len(record.b) + 1 :], 0, atol=1e-200)
        np.testing.assert_allclose(parameters.difficulties[i, : len(record.b)], record.b, rtol=1e-12)


def test_standard_errors_of_b_come_back_from_the_covariance_of_intercepts(parameters: ItemParameters) -> None:
    """a and b are independent in a bank file; the way to (a, e) and back by the delta method is linear and exact."""
    se = parameters.difficulty_se()
    for i, record in enumerate(RECORDS):
        np.testing.assert_allclose(se[i, : len(record.b)], np.array(record.se_b, dtype=float), rtol=1e-10)
        assert np.sqrt(parameters.covariance[i, 0, 0]) == pytest.approx(record.se_a or 0.0)


def test_step_covariance_matches_draws(parameters: ItemParameters) -> None:
    """Covariance of the steps d of item y from 200 000 draws of (a, e), within Monte Carlo error."""
    rng = np.random.default_rng(1)
    draws = rng.multivariate_normal(np.zeros(3), parameters.covariance[1, :3, :3], 200_000, method="cholesky")
    steps = np.column_stack([draws[:, 0], draws[:, 1], draws[:, 2] - draws[:, 1]])
    np.testing.assert_allclose(parameters.step_covariance()[1, :3, :3], np.cov(steps.T), atol=2e-3)


def test_information_of_scores_is_that_of_the_tabulated_curves(parameters: ItemParameters) -> None:
    """Σ P'² / P from analytic derivatives and from differences on a fine grid."""
    theta = np.linspace(-3, 3, 2401)
    table = curve_information(log_probabilities(parameters, theta), theta)
    inner = slice(1, -1)  # one-sided differences at the two ends
    np.testing.assert_allclose(score_information(parameters, theta)[:, inner], table[:, inner], rtol=1e-4)


def test_expected_score_of_a_binary_item_is_its_probability(parameters: ItemParameters) -> None:
    expected = 1 / (1 + np.exp(-1.2 * (THETA - 0.4)))
    np.testing.assert_allclose(expected_scores(parameters, THETA)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("F", [2, 3, 4, 5])
def test_cubature_integrates_polynomials_of_its_degree(F: int) -> None:
    """Degree 9 in products up to three dimensions, degree 3 beyond: second moments exact, E z⁴ = 3 where promised."""
    points, weights = cubature(F)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(weights @ points, 0, atol=1e-12)
    np.testing.assert_allclose((points * weights[:, None]).T @ points, np.eye(F), atol=1e-12)
    if F <= 3:
        np.testing.assert_allclose(weights @ points**4, 3, rtol=1e-10)
        np.testing.assert_allclose(weights @ (points[:, 0] ** 2 * points[:, 1] ** 2), 1, rtol=1e-10)


def _draws(parameters: ItemParameters, i: int, n: int) -> Floats:
    """Return E-step tables (n, K, Q) of one item at draws of its parameters."""
    K = int(parameters.n_categories[i])
    rng = np.random.default_rng(3)
    beta = rng.multivariate_normal(parameters.beta[i, :K], parameters.covariance[i, :K, :K], n, method="cholesky")
    groups, every = parameters.take([i]).groups, np.ones((1, K), bool)
    return np.array([np.exp(families.log_probabilities(groups, b[None], THETA, every)[0]) for b in beta])


@pytest.mark.parametrize("i", [0, 1])
def test_averaged_curves_are_monte_carlo_averages(parameters: ItemParameters, i: int) -> None:
    """20 000 draws: the Monte Carlo error of a probability is below 0.004 (0.5 / √20000)."""
    K = int(parameters.n_categories[i])
    draws = _draws(parameters, i, 20_000)
    uncertain = np.arange(4) == i
    found = np.exp(averaged_log_probabilities(parameters, THETA, uncertain))
    np.testing.assert_allclose(found[i, :K], draws.mean(axis=0), atol=0.004)
    np.testing.assert_allclose(found[~uncertain], np.exp(log_probabilities(parameters, THETA))[~uncertain])
    mean, variance = uncertain_scores(parameters, THETA, uncertain)
    scores = np.einsum("k,nkq->nq", np.arange(K), draws)
    np.testing.assert_allclose(mean[i], scores.mean(axis=0), atol=0.006)
    np.testing.assert_allclose(np.sqrt(variance[i]), scores.std(axis=0), atol=0.008)
    assert (variance[~uncertain] == 0).all()


def test_averaged_probabilities_sum_to_one(parameters: ItemParameters) -> None:
    every = np.exp(averaged_log_probabilities(parameters, THETA, np.ones(4, bool)))
    np.testing.assert_allclose(every.sum(axis=1), 1, atol=1e-9)


def _any_family(name: str, D: int, K: int) -> ItemParameters:
    """Return an item of a family beside one of two categories, with errors so wide that asymptotes and boundaries cross."""
    extras = FAMILIES[name].extras(K)
    E, F = max(len(extras), 1), D + K - 1 + max(len(extras), 1)
    intercepts = np.full((2, K), np.nan)
    intercepts[0], intercepts[1, :2] = np.r_[0.0, np.linspace(0.4, -0.4, K - 1)], (0.0, 0.3)
    values = np.array([[extra.start for extra in extras], [np.nan] * len(extras)]).reshape(2, -1)
    covariance = np.zeros((2, F, F))
    covariance[0, : F - E + len(extras), : F - E + len(extras)] = 1.5 * np.eye(F - E + len(extras)) + 0.2
    return ItemParameters(
        items=("x", "y"), families=(name, "2PL"), statuses=("provisional",) * 2, n_categories=np.array([K, 2]),
        slopes=np.full((2, D), 0.9), intercepts=intercepts, extras=values if extras else np.full((2, 1), np.nan), covariance=covariance,
        population=NormalPopulation(dimensions=tuple("ab"[:D]), mean=np.zeros(D), covariance=np.eye(D)),
    )  # fmt: skip


@pytest.mark.parametrize("D", [1, 2])
@pytest.mark.parametrize("name", list(FAMILIES))
def test_averages_over_wide_errors_are_probabilities_in_every_family(name: str, D: int) -> None:
    known = _any_family(name, D, 4 if FAMILIES[name].polytomous else 2)
    theta = THETA if D == 1 else np.stack([THETA, THETA[::-1]], axis=1)
    every = np.exp(averaged_log_probabilities(known, theta, np.ones(2, bool)))
    np.testing.assert_allclose(every.sum(axis=1), 1, atol=1e-9)
    mean, _ = uncertain_scores(known, theta, np.ones(2, bool))
    np.testing.assert_allclose(mean, np.einsum("k,ikq->iq", np.arange(every.shape[1]), every), atol=1e-9)


def test_boundaries_that_errors_make_cross_are_put_in_order(make_bank: MakeBank) -> None:
    """The average over errors of thresholds is that of 20 000 draws of which each has its boundaries sorted."""
    record = ParameterRecord(item="x", model="GRM", a=1.2, b=(-0.3, 0.3), se_a=0.3, se_b=(0.8, 0.8))
    found = np.exp(averaged_log_probabilities(bank_parameters(_bank(make_bank, [record])), THETA, np.ones(1, bool)))[0]
    rng = np.random.default_rng(5)
    draws = rng.normal(0, 1, (20_000, 3))
    a, b = 1.2 + 0.3 * draws[:, 0], np.array(record.b) + 0.8 * draws[:, 1:]
    d = -1.2 * b + (1.2 - a)[:, None] * np.array(record.b)  # (a, d) is linear in (a, b), as the delta method has it
    star = 1 / (1 + np.exp(-(a[:, None, None] * THETA + -np.sort(-d, axis=1)[:, :, None])))
    np.testing.assert_allclose(
        found, [1 - star[:, 0].mean(0), (star[:, 0] - star[:, 1]).mean(0), star[:, 1].mean(0)], atol=0.02
    )  # sorting has an edge


def test_items_whose_categories_have_no_probabilities_are_refused(parameters: ItemParameters) -> None:
    crossed = parameters.intercepts.copy()
    crossed[2, 1:3] = crossed[2, 2:0:-1]
    with pytest.raises(ModelError, match="Item z of the GRM: its boundaries"):
        replace(parameters, intercepts=crossed)
    with pytest.raises(ModelError, match="Item y has scores 0 to 2, but 3PL is for dichotomous items"):
        replace(parameters, families=("2PL", "3PL", "GRM", "Rasch"))


def test_taking_items_takes_their_rows(parameters: ItemParameters) -> None:
    some = parameters.take([2, 0])
    assert some.items == ("z", "x")
    np.testing.assert_array_equal(some.intercepts, parameters.intercepts[[2, 0]])
    np.testing.assert_array_equal(some.covariance, parameters.covariance[[2, 0]])


def test_a_bank_without_parameters_says_what_to_do(make_bank: MakeBank) -> None:
    item = Item(id="x", type="scored", competencies={"S.1.1": 1.0})
    with pytest.raises(ModelError, match="has no item parameters: calibrate responses and use with_calibration"):
        bank_parameters(make_bank([item]))


def test_an_unknown_family_in_a_bank_is_named(make_bank: MakeBank) -> None:
    bank = _bank(make_bank, [ParameterRecord(item="x", model="2PL", a=1.0, b=(0.0,))])
    document = bank.to_json().replace('"2PL"', '"5PL"')
    with pytest.raises(CompetencyDxError, match="5PL"):
        cdx.ItemBank.from_json(document)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_families_say_how_they_treat_two_categories(name: str) -> None:
    two = family_for(name, 2, "x")
    assert two.free_slope == FAMILIES[name].free_slope
    assert two.name in {"Rasch", "1PL", "2PL", "3PL", "4PL"}
    assert not two.options


def test_a_population_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(ModelError, match=r"needs mean \(2,\) and covariance \(2, 2\)"):
        NormalPopulation(dimensions=("a", "b"), mean=np.zeros(2), covariance=np.eye(3))
