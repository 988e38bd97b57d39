"""What a calibration of a bank's leaves leaves in the bank: parameters, populations, correlations with their errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.bank import CorrelationMatrix, Correlations, Item, ItemBank
from competency_dx.errors import BankError, CalibrationError

MakeBank = Callable[..., ItemBank]
LEAVES = ("S.1.1", "S.1.2", "S.1.3")
TRUE = np.array([[1.0, 0.8, 0.4], [0.8, 1.0, 0.6], [0.4, 0.6, 1.0]])
N_ITEMS = 10


def answers(persons: int, spread: float = 1.0) -> pd.DataFrame:
    """Draw answers to ten items of each leaf."""
    rng = np.random.default_rng(8)
    theta = spread * rng.normal(size=(persons, 3)) @ np.linalg.cholesky(TRUE).T
    b = np.tile(np.linspace(-1.5, 1.5, N_ITEMS), 3)
    right = rng.random((persons, 3 * N_ITEMS)) < expit(1.3 * (np.repeat(theta, N_ITEMS, axis=1) - b))
    return pd.DataFrame(right.astype(int), columns=[f"i{k:02}" for k in range(3 * N_ITEMS)])


@pytest.fixture(scope="module")
def bare(make_bank: MakeBank) -> ItemBank:
    scored = {"type": "scored", "scoring": {"rule": "given", "points": 1}}
    rows = [{"id": f"i{k:02}", "competencies": {LEAVES[k // N_ITEMS]: 1}} for k in range(3 * N_ITEMS)]
    return make_bank([Item.model_validate(row | scored) for row in rows])


@pytest.fixture(scope="module")
def calibrated(bare: ItemBank) -> cdx.Calibration:
    return cdx.calibrate(answers(1500), dimensions=bare.leaves)


@pytest.fixture(scope="module")
def bank(bare: ItemBank, calibrated: cdx.Calibration) -> ItemBank:
    return bare.with_calibration(calibrated)


def matrix(bank: ItemBank) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower triangle of the correlations and of their standard errors."""
    stated = bank.header.population.correlations
    assert isinstance(stated, CorrelationMatrix)
    assert stated.leaves == LEAVES
    return np.array(stated.values), np.array(stated.se)


def test_parameters_and_population_are_those_of_the_calibration(bank: ItemBank, calibrated: cdx.Calibration) -> None:
    frame = calibrated.to_frame()
    np.testing.assert_allclose([r.a for r in bank.parameters], frame["a"], rtol=1e-12)
    np.testing.assert_allclose([r.se_b[0] or np.nan for r in bank.parameters], frame["se_b"], rtol=1e-12)
    population = bank.header.population
    assert (population.status, population.n) == ("estimated", 1500)
    assert {code: (leaf.mean, leaf.sd) for code, leaf in population.leaves.items()} == dict.fromkeys(LEAVES, (0.0, 1.0))
    np.testing.assert_allclose(matrix(bank)[0], calibrated.population.covariance[np.tril_indices(3, -1)], rtol=1e-12)
    assert population.mean_se == pytest.approx(1 / np.sqrt(1500))


def test_errors_of_correlations_are_those_of_fishers_z(bank: ItemBank, calibrated: cdx.Calibration) -> None:
    """The interval in the frame of the population is 1.96 of them to both sides of artanh r."""
    frame = calibrated.population_frame().set_index("parameter")
    pairs = [f"correlation.{a}.{b}" for a, b in (LEAVES[:2], (LEAVES[0], LEAVES[2]), LEAVES[1:])]
    half = np.diff(np.arctanh(frame.loc[pairs, ["ci_low", "ci_high"]].to_numpy()), axis=1)[:, 0] / 2
    np.testing.assert_allclose(matrix(bank)[1], half / 1.959964, rtol=1e-5)


def test_correlations_of_free_variances_have_errors_by_the_delta_method(bare: ItemBank) -> None:
    """Rasch estimates covariances: correlations within three errors of the truth, errors near those of the 2PL form."""
    table = answers(800, spread=1.3)
    found = bare.with_calibration(cdx.calibrate(table, model="Rasch", dimensions=bare.leaves))
    values, se = matrix(found)
    z = (np.arctanh(values) - np.arctanh(TRUE[np.tril_indices(3, -1)])) / se
    assert np.abs(z).max() < 3
    other = matrix(bare.with_calibration(cdx.calibrate(table, dimensions=bare.leaves)))[1]
    np.testing.assert_allclose(se, other, rtol=0.15)
    leaves = found.header.population.leaves
    assert np.mean([leaf.sd for leaf in leaves.values()]) == pytest.approx(1.3 * 1.3, rel=0.1)


def test_correlations_come_through_to_the_profiles(bank: ItemBank) -> None:
    """Who answered the items of one leaf alone has r times its θ on the others."""
    table = answers(40).iloc[:, :N_ITEMS]
    found = cdx.diagnose(table, bank)
    first, second, third = (found.theta[:, found.index(code)] for code in LEAVES)
    values = matrix(bank)[0]
    assert np.ptp(first) > 1.5
    np.testing.assert_allclose(second, values[0] * first, atol=0.03)
    np.testing.assert_allclose(third, values[1] * first, atol=0.03)
    nothing = found.to_frame().query("competency == 'S.1.3'")
    assert set(nothing["status"]) == {"no_items"}
    assert set(nothing["reported_at"]) <= {"S.1", "S", ""}


def test_one_competency_brings_mean_and_variance_alone(bare: ItemBank) -> None:
    found = bare.with_calibration(cdx.calibrate(answers(300), model="Rasch")).header.population
    assert (found.status, found.n, found.leaves) == ("scale", 300, {})
    assert isinstance(found.correlations, Correlations)
    assert found.variance != 1.0


@pytest.mark.parametrize("persons", [15, 30])
def test_a_small_sample_that_says_nothing_of_the_spread_is_brought_too(bare: ItemBank, persons: int, quiet: Callable[..., Any]) -> None:
    """One in seven used to be refused: the relative error of an SD near 0 is more than a bank can state."""
    stated = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        right = rng.random((persons, 3 * N_ITEMS)) < expit(0.1 * rng.normal(size=(persons, 1)) - rng.normal(size=3 * N_ITEMS))
        with quiet():
            table = pd.DataFrame(right.astype(int), columns=[f"i{k:02}" for k in range(3 * N_ITEMS)])
            population = bare.with_calibration(cdx.calibrate(table, model="Rasch")).header.population
        stated.add(population.sd_se)
    assert max(stated) == 1.0
    assert min(stated) > 1 / np.sqrt(2 * persons + 1)


def test_competencies_that_are_not_the_leaves_are_refused(bare: ItemBank) -> None:
    table = answers(300)
    whole = dict.fromkeys(table.columns, "S.1.1") | dict.fromkeys(table.columns[15:], "S.1.2")
    with pytest.raises(BankError, match=r"other competencies than the leaves of the items i10.*dimensions=bank\.leaves"):
        bare.with_calibration(cdx.calibrate(table, dimensions=whole))
    some = {item: bare.leaves[item] for item in table.columns[:20]}
    with pytest.raises(BankError, match=r"population\.correlations\.leaves: S\.1\.3 own items and are missing"):
        bare.with_calibration(cdx.calibrate(table.iloc[:, :20], dimensions=some))


def test_items_that_measure_several_competencies_are_refused(bare: ItemBank) -> None:
    table = answers(300).iloc[:, :12]
    q = pd.DataFrame(0, index=table.columns, columns=["S.1.1", "S.1.2"])
    q.iloc[:7, 0] = q.iloc[5:, 1] = 1
    with pytest.raises(CalibrationError, match="items of this calibration measure several"):
        bare.with_calibration(cdx.calibrate(table, dimensions=q))
