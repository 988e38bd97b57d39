"""Estimates against quadrature and by their properties; degenerate persons and items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

import competency_dx as cdx
from competency_dx.bank import BankPopulation, Item, ItemBank, ParameterRecord
from competency_dx.errors import ScoringError
from competency_dx.models import ItemParameters, bank_parameters, log_probabilities
from competency_dx.scoring import Method

MakeBank = Callable[..., ItemBank]
PROPER: list[Method] = [cdx.EAP(), cdx.MAP(), cdx.WLE()]
EVERY: list[Method] = [*PROPER, cdx.ML(), cdx.SumScore()]


def record(item: str, a: float, b: Sequence[float], *, model: str = "GPCM", se: float | None = None) -> ParameterRecord:
    status = "provisional" if se else "calibrated"
    name = "2PL" if len(b) == 1 else model
    return ParameterRecord(item=item, model=name, a=a, b=tuple(b), se_a=se, se_b=(se,) * len(b), status=status)


def bank_of(make_bank: MakeBank, records: Sequence[ParameterRecord], population: BankPopulation | None = None) -> ItemBank:
    items = [
        Item.model_validate(
            {"id": r.item, "type": "scored", "scoring": {"rule": "given", "points": len(r.b)}, "competencies": {"S.1.1": 1}}
        )
        for r in records
    ]
    return make_bank(items, records, population=population or BankPopulation())


RECORDS = (
    record("x", 1.2, [0.4]),
    record("y", 0.8, [-0.5, 0.9]),
    record("z", 1.5, [-1.0, 0.2, 1.1], model="GRM"),
    record("w", 0.6, [-1.3]),
)


@pytest.fixture(scope="module")
def bank(make_bank: MakeBank) -> ItemBank:
    return bank_of(make_bank, RECORDS, BankPopulation(mean=0.4, variance=1.7))


class Moments(NamedTuple):
    mean: float
    sd: float


def posterior(parameters: ItemParameters, pattern: Sequence[int]) -> Moments:
    """Return mean and SD of the posterior by adaptive quadrature."""
    at = [(i, k) for i, k in enumerate(pattern) if k >= 0]

    def density(theta: float, power: int) -> float:
        table = log_probabilities(parameters, np.array([theta]))[:, :, 0]
        weight = np.exp(-0.5 * (theta - parameters.mean) ** 2 / parameters.variance)
        return float(theta**power * weight * np.exp(sum(table[i, k] for i, k in at)))

    zero, one, two = (float(quad(density, -12, 12, args=(p,), epsabs=1e-13, limit=300)[0]) for p in (0, 1, 2))
    return Moments(one / zero, float(np.sqrt(two / zero - (one / zero) ** 2)))


@pytest.mark.parametrize("pattern", [[1, 0, 2, 0], [0, 2, 3, 1], [1, -1, 0, -1], [-1, 1, -1, -1], [0, 0, 0, 0]], ids=str)
def test_eap_is_the_posterior_mean(bank: ItemBank, pattern: list[int]) -> None:
    """Population N(0.4, 1.7), families mixed, answers missing; the grid ends at ±6 SD, which costs 2e-7."""
    row = pd.DataFrame([[k if k >= 0 else np.nan for k in pattern]], columns=["x", "y", "z", "w"])
    found = cdx.score(row, bank)
    expected = posterior(bank_parameters(bank), pattern)
    assert found.theta[0, 0] == pytest.approx(expected.mean, abs=1e-6)
    assert found.se[0, 0] == pytest.approx(expected.sd, abs=1e-6)


def test_sum_score_estimates_average_over_patterns(bank: ItemBank) -> None:
    """EAP given a sum is the mean of the pattern EAPs weighted by their marginal probabilities."""
    patterns = np.array(list(product(range(2), range(3), range(4), range(2))))
    frame = pd.DataFrame(patterns, columns=["x", "y", "z", "w"])
    eap = cdx.score(frame, bank).theta[:, 0]
    sums = cdx.score(frame, bank, method=cdx.SumScore()).theta[:, 0]
    parameters = bank_parameters(bank)
    theta = 0.4 + np.sqrt(1.7) * np.linspace(-6, 6, 401)
    table = log_probabilities(parameters, theta)
    weight = np.exp(-0.5 * (theta - 0.4) ** 2 / 1.7)
    marginal = np.array([(np.exp(sum(table[i, k] for i, k in enumerate(p))) * weight).sum() for p in patterns])
    for total in range(8):
        own = patterns.sum(axis=1) == total
        expected = (eap[own] * marginal[own]).sum() / marginal[own].sum()
        np.testing.assert_allclose(sums[own], expected, atol=1e-8)


@pytest.mark.parametrize("method", EVERY, ids=lambda m: type(m).__name__)
def test_a_person_without_answers_gets_the_population(bank: ItemBank, method: Method) -> None:
    rows = pd.DataFrame({"x": [1, None], "y": [1, None], "z": [2, None], "w": [0, None]}, dtype="Int64")
    found = cdx.score(rows, bank, method=method).to_frame()
    assert found["status"].tolist() == ["ok", "no_responses"]
    assert found["n_items"].tolist() == [4, 0]
    assert found["theta"][1] == pytest.approx(0.4, abs=1e-9)
    assert found["se"][1] == pytest.approx(np.sqrt(1.7), rel=1e-6)


def test_extreme_persons_are_finite_under_ml_and_say_so(bank: ItemBank) -> None:
    rows = pd.DataFrame({"x": [0, 1, 1], "y": [0, 2, 1], "z": [0, 3, 1], "w": [0, 1, 1]})
    found = cdx.score(rows, bank, method=cdx.ML()).to_frame()
    assert found["status"].tolist() == ["extreme_low", "extreme_high", "ok"]
    bound = 6 * np.sqrt(1.7)
    np.testing.assert_allclose(found["theta"][:2], [0.4 - bound, 0.4 + bound], atol=1e-6)
    assert np.isfinite(found["se"]).all()
    assert found["se"][:2].min() > 3 * found["se"][2]
    warm = cdx.score(rows, bank, method=cdx.WLE())
    assert (np.abs(warm.theta[:2, 0] - 0.4) < bound - 1).all()  # inside the bounds, unlike ML


def test_reliability_needs_two_persons(bank: ItemBank) -> None:
    one = pd.DataFrame({"x": [1], "y": [1], "z": [2], "w": [0]})
    assert np.isnan(cdx.score(one, bank).reliability).all()


def test_reliability_is_the_squared_correlation_with_ability() -> None:
    """var(θ̂) / (var(θ̂) + mean SE²) estimates ρ²(θ̂, θ); 4000 persons: sampling error about .005."""
    bank = cdx.load_bank("mathematics")
    theta = np.random.default_rng(1).normal(size=4000)
    records = [r.model_copy(update={"status": "calibrated"}) for r in bank.parameters]
    sure = replace(bank, parameters=tuple(records))
    found = cdx.score(cdx.simulate(sure, theta, rng=np.random.default_rng(2)), sure)
    assert found.reliability[0] == pytest.approx(np.corrcoef(found.theta[:, 0], theta)[0, 1] ** 2, abs=0.02)


@given(
    a=st.lists(st.floats(0.3, 2.5), min_size=5, max_size=5),
    b=st.lists(st.floats(-2.5, 2.5), min_size=5, max_size=5),
    scores=st.lists(st.integers(0, 1), min_size=5, max_size=5),
    raised=st.integers(0, 4),
    uncertain=st.booleans(),
)
def test_more_right_answers_never_lower_the_estimate(
    make_bank: MakeBank, a: list[float], b: list[float], scores: list[int], raised: int, uncertain: bool
) -> None:
    """Slopes are positive, so the likelihood ratio rises with every further point (monotone likelihood ratio)."""
    better = list(scores)
    better[raised] = 1
    records = [record(f"i{k}", a[k], [b[k]], se=0.4 if uncertain else None) for k in range(5)]
    bank = bank_of(make_bank, records)
    rows = pd.DataFrame([scores, better], columns=[f"i{k}" for k in range(5)])
    for method in PROPER:
        low, high = cdx.score(rows, bank, method=method).theta[:, 0]
        assert high >= low - 1e-9


@given(
    steps=st.lists(st.floats(-1.5, 1.5), min_size=4, max_size=4),
    scores=st.lists(st.integers(0, 2), min_size=2, max_size=2),
    model=st.sampled_from(["GPCM", "GRM"]),
)
def test_more_points_never_lower_the_estimate(make_bank: MakeBank, steps: list[float], scores: list[int], model: str) -> None:
    records = [
        record("p", 1.1, sorted([steps[0], steps[1] + 0.01]), model=model),
        record("q", 0.7, sorted([steps[2], steps[3] + 0.01]), model=model),
    ]
    if any(r.b[1] - r.b[0] < 0.05 for r in records):
        return
    bank = bank_of(make_bank, records)
    rows = pd.DataFrame([[scores[0], k] for k in range(3)], columns=["p", "q"])
    for method in (cdx.EAP(), cdx.MAP()):
        found = cdx.score(rows, bank, method=method).theta[:, 0]
        assert (np.diff(found) >= -1e-9).all()


def test_carried_item_errors_widen_the_errors_of_persons(make_bank: MakeBank) -> None:
    rows = pd.DataFrame({"x": [1, 0, 1], "y": [1, 0, 2], "z": [2, 1, 0], "w": [0, 1, 1]})
    sure = bank_of(make_bank, RECORDS)
    judged = bank_of(
        make_bank, [r.model_copy(update={"se_a": 0.3, "se_b": (0.6,) * len(r.b), "status": "provisional"}) for r in RECORDS]
    )
    for method in EVERY:
        assert (cdx.score(rows, judged, method=method).se > cdx.score(rows, sure, method=method).se).all()
    off = cdx.score(rows, judged, method=cdx.EAP(item_uncertainty="none"))
    np.testing.assert_array_equal(off.theta, cdx.score(rows, sure).theta)


def test_carried_errors_of_difficulties_are_those_of_brute_force(make_bank: MakeBank) -> None:
    """EAP under uncertain b equals the EAP of a model whose likelihood is averaged over 4000 draws of each b."""
    records = [record("x", 1.2, [0.4], se=0.0), record("w", 0.6, [-1.3], se=0.0)]
    judged = [r.model_copy(update={"se_a": 1e-6, "se_b": (0.8,), "status": "provisional"}) for r in records]
    rows = pd.DataFrame({"x": [1, 0, 1], "w": [0, 1, 1]})
    found = cdx.score(rows, bank_of(make_bank, judged))
    theta = np.linspace(-7, 7, 401)
    z = np.random.default_rng(5).normal(size=4000)
    right = [(1 / (1 + np.exp(-r.a * (theta[:, None] - r.b[0] - 0.8 * z)))).mean(axis=1) for r in records]
    for p, (x, w) in enumerate(rows.to_numpy()):
        density = np.exp(-0.5 * theta**2) * (right[0] if x else 1 - right[0]) * (right[1] if w else 1 - right[1])
        density /= density.sum()
        mean = density @ theta
        assert found.theta[p, 0] == pytest.approx(mean, abs=0.02)  # Monte Carlo error of the draws
        assert found.se[p, 0] == pytest.approx(np.sqrt(density @ (theta - mean) ** 2), abs=0.02)


def test_a_score_above_the_categories_names_person_and_item(bank: ItemBank) -> None:
    rows = pd.DataFrame({"x": [0, 1], "y": [1, 3], "z": [0, 0], "w": [0, 1]}, index=["Анна", "Борис"])
    with pytest.raises(ScoringError, match="Item y: score 3 of person Борис is above the highest score 2"):
        cdx.score(cdx.load_responses(rows), bank)


def test_no_item_in_common_is_refused(bank: ItemBank) -> None:
    rows = cdx.load_responses(pd.DataFrame({"q1": [0, 1], "q2": [1, 1]}))
    with pytest.raises(ScoringError, match="None of the items q1, q2 has parameters; the parameters are for x, y, z, w"):
        cdx.score(rows, bank)


def test_something_else_than_parameters_is_refused() -> None:
    with pytest.raises(ScoringError, match=r"parameters= takes ItemBank . Calibration . ClassCalibration, got"):
        cdx.score(np.array([[1, 0]]), {"a": 1})  # type: ignore[arg-type]  # wrong on purpose


def test_an_unknown_method_is_refused(bank: ItemBank) -> None:
    with pytest.raises(ScoringError, match="method= takes EAP"):
        cdx.score(np.array([[1, 0, 0, 0]]), bank, method="EAP")  # type: ignore[arg-type]  # wrong on purpose


def test_scores_beyond_the_scale_are_remarked(make_bank: MakeBank) -> None:
    """Forty items all right at b = 70 and slope 3 press the posterior against the end of the grid, which stops at 30 SD."""
    bank = bank_of(make_bank, [record(f"i{k}", 3.0, [70.0]) for k in range(40)])
    odd = pytest.warns(cdx.CompetencyDxWarning, match="odd_parameters")
    with odd, pytest.warns(cdx.CompetencyDxWarning, match="end_of_grid"):
        found = cdx.score(pd.DataFrame(np.ones((1, 40), int), columns=[f"i{k}" for k in range(40)]), bank)
    assert next(f for f in found.findings if f.code == "scoring.end_of_grid").scope == ("0",)
