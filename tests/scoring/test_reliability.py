"""Information and reliability against R mirt 1.47 at its own item parameters, and against exact sums over patterns."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline

import competency_dx as cdx
from competency_dx.bank import BankPopulation, Item, ItemBank, ParameterRecord
from competency_dx.errors import ScoringError
from competency_dx.models import ItemParameters, NormalPopulation, bank_parameters, log_probabilities, score_information
from competency_dx.persons import match, posterior_of
from competency_dx.scoring import reliability
from competency_dx.scoring.score_reliability import _measured

MakeBank = Callable[..., ItemBank]
SharedFile = Callable[[str], Path]
DIGITS = 5e-6  # mirt's parameters are given with eight decimals
KINDS = {"graded": "GRM", "gpcm": "GPCM", "Rasch": "PCM", "m2PL": "GPCM"}
CASES = [
    ("lsat6", "m2PL"),
    ("lsat6", "Rasch"),
    ("lsat7", "m2PL"),
    ("lsat7", "Rasch"),
    ("science", "graded"),
    ("science", "gpcm"),
    ("science", "Rasch"),
    ("sat12", "m2PL"),
    ("verbagg", "dichotomous_Rasch"),
    ("verbagg", "graded"),
    ("verbagg", "PCM"),
    ("bfi", "graded_N"),
]


def bank_of(make_bank: MakeBank, records: list[ParameterRecord], variance: float = 1.0) -> ItemBank:
    items = [
        Item.model_validate(
            {"id": r.item, "type": "scored", "scoring": {"rule": "given", "points": len(r.b)}, "competencies": {"S.1.1": 1}}
        )
        for r in records
    ]
    return make_bank(items, records, population=BankPopulation(mean=0, variance=variance))


def record(item: str, model: str, a: float, b: list[float]) -> ParameterRecord:
    names = {"GRM": "2PL", "GPCM": "2PL", "PCM": "Rasch"}
    return ParameterRecord(item=item, model=names[model] if len(b) == 1 else model, a=a, b=tuple(b), status="calibrated")


def mirt_bank(make_bank: MakeBank, found: dict[str, Any], model: str) -> ItemBank:
    """Return a bank with mirt's parameters: d of `graded` are boundaries, those of `gpcm` category intercepts."""
    columns, records = found["items"], []
    for i, item in enumerate(columns["item"]):
        a = columns["a1"][i]
        d = [columns[f"d{k}"][i] for k in range(1, 6) if f"d{k}" in columns] or [columns["d"][i]]
        steps = d if model == "GRM" else np.diff([0.0, *d])
        records.append(record(item, model, a, [-float(x) / a for x in steps]))
    return bank_of(make_bank, records, found["group"]["COV_11"])


def mirt_result(shared: SharedFile, name: str, model: str) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(shared(f"{name}.json").read_text(encoding="utf-8"))[model]
    return out


def kind(model: str) -> str:
    return next(ours for theirs, ours in {**KINDS, "dichotomous_Rasch": "PCM", "PCM": "PCM"}.items() if theirs in model)


def test_guessing_costs_information_as_in_mirt(make_bank: MakeBank, shared: SharedFile) -> None:
    """3PL of sat12 (with mirt's prior on c): testinfo and marginal_rxx at mirt's parameters."""
    expected = mirt_result(shared, "sat12", "m3PL_prior")
    columns = pd.DataFrame(expected["items"]).set_index("item")
    records = [
        ParameterRecord(item=str(item), model="3PL", a=x["a1"], b=(-x["d"] / x["a1"],), c=x["g"], status="calibrated")
        for item, x in columns.iterrows()
    ]
    bank = bank_of(make_bank, records)
    theirs = expected["testinfo"]
    info = score_information(bank_parameters(bank), np.array(theirs["theta"], dtype=float)).sum(axis=0)
    np.testing.assert_allclose(info, theirs["info"], rtol=DIGITS)
    assert reliability(bank).marginal == pytest.approx(expected["marginal_rxx"], abs=DIGITS)


@pytest.mark.parametrize(("name", "model"), CASES, ids=str)
def test_information_and_marginal_reliability_agree_with_mirt(name: str, model: str, make_bank: MakeBank, shared: SharedFile) -> None:
    """mirt's marginal_rxx is E[I / (I + σ²)] over N(0, 1): ours where σ² = 1, another thing where it is not."""
    expected = mirt_result(shared, name, model)
    bank = mirt_bank(make_bank, expected, kind(model))
    found = reliability(bank)
    theirs = expected["testinfo"]
    np.testing.assert_allclose(
        score_information(bank_parameters(bank), np.array(theirs["theta"], dtype=float)).sum(axis=0), theirs["info"], rtol=DIGITS
    )
    curve = CubicSpline(found.theta, found.test_information)(theirs["theta"])
    np.testing.assert_allclose(curve, theirs["info"], rtol=1e-4)
    variance = expected["group"]["COV_11"]
    theta = np.linspace(-8, 8, 1601)
    total = score_information(bank_parameters(bank), theta).sum(axis=0)
    normal = np.exp(-0.5 * theta**2) / np.exp(-0.5 * theta**2).sum()
    assert normal @ (total / (total + variance)) == pytest.approx(expected["marginal_rxx"], abs=DIGITS)
    if variance == 1:
        assert found.marginal == pytest.approx(expected["marginal_rxx"], abs=DIGITS)
    elif abs(variance - 1) > 0.01:
        assert abs(found.marginal - expected["marginal_rxx"]) > 0.005


def test_marginal_reliability_does_not_depend_on_the_unit_of_the_scale(make_bank: MakeBank) -> None:
    """Slopes a and variance σ² are the test with slopes aσ and variance 1: E[I / (I + σ²)] would change."""
    difficulties, s = [-1.0, -0.2, 0.4, 1.1], 1.7
    wide = bank_of(make_bank, [record(f"i{k}", "GPCM", 1.0, [s * b]) for k, b in enumerate(difficulties)], s**2)
    unit = bank_of(make_bank, [record(f"i{k}", "GPCM", s, [b]) for k, b in enumerate(difficulties)])
    here, there = reliability(wide), reliability(unit)
    for name in ("marginal", "likelihood", "sum_score"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), abs=1e-9)
    assert here.posterior == pytest.approx(there.posterior, abs=1e-9)


@pytest.mark.parametrize("model", ["m2PL", "Rasch"])
@pytest.mark.parametrize("name", ["lsat6", "lsat7"])
def test_empirical_reliability_agrees_with_mirt(
    name: str, model: str, make_bank: MakeBank, shared: SharedFile, lsat: Callable[[str], pd.DataFrame]
) -> None:
    expected = mirt_result(shared, name, model)
    bank, data = mirt_bank(make_bank, expected, kind(model)), lsat(name)
    found = reliability(bank, responses=data)
    assert found.empirical_eap == pytest.approx(expected["empirical_rxx_EAP"], abs=1e-5)
    warm = cdx.score(data, bank, method=cdx.WLE())
    assert found.empirical_wle == pytest.approx(1 - (warm.se**2).mean() / warm.theta.var(ddof=1), abs=1e-12)


def exact_error(bank: ItemBank, *, sums: bool) -> float:
    """Return E[Var(θ | answers)] or E[Var(θ | sum)] by adding over all patterns on a grid of 2001 points."""
    known = bank_parameters(bank)
    theta = np.linspace(-9, 9, 2001) * np.sqrt(known.variance)
    prior = np.exp(-0.5 * theta**2 / known.variance)
    prior /= prior.sum()
    table = np.exp(log_probabilities(known, theta))
    patterns = list(product(*(range(int(K)) for K in known.n_categories)))
    likelihood = np.array([np.prod([table[i, k] for i, k in enumerate(p)], axis=0) for p in patterns])
    if sums:
        total = np.array([sum(p) for p in patterns])
        likelihood = np.array([likelihood[total == s].sum(axis=0) for s in range(int(total.max()) + 1)])
    joint = likelihood * prior
    mass = joint.sum(axis=1)
    mean = joint @ theta / mass
    return float((joint @ theta**2 / mass - mean**2) @ mass)


@pytest.fixture(scope="module")
def small(make_bank: MakeBank) -> ItemBank:
    records = [
        record("u", "GRM", 1.4, [-0.8, 0.6, 1.5]),
        record("v", "GPCM", 0.9, [0.3, -0.4]),
        record("w", "GPCM", 1.8, [0.2]),
        record("x", "GPCM", 0.7, [-1.2]),
    ]
    return bank_of(make_bank, records, 1.6)


def test_posterior_reliability_is_that_of_all_patterns(small: ItemBank) -> None:
    found = reliability(small)
    exact = 1 - exact_error(small, sums=False) / 1.6
    assert found.posterior_se < 0.002
    assert np.less(np.abs(found.posterior - exact), 4 * np.asarray(found.posterior_se))


def test_sum_score_reliability_is_that_of_all_patterns(small: ItemBank) -> None:
    found = reliability(small)
    assert found.sum_score == pytest.approx(1 - exact_error(small, sums=True) / 1.6, abs=1e-6)
    assert np.less(found.sum_score, found.posterior)  # the sum leaves out what the slopes say


def test_sums_say_all_there_is_under_the_rasch_model(make_bank: MakeBank) -> None:
    bank = bank_of(make_bank, [record(f"i{k}", "PCM", 1.0, [0.4 * k - 1.2]) for k in range(7)], 1.3)
    found = reliability(bank)
    assert found.sum_score == pytest.approx(1 - exact_error(bank, sums=False) / 1.3, abs=1e-6)


def test_item_uncertainty_costs_information(small: ItemBank, make_bank: MakeBank) -> None:
    unsure = [r.model_copy(update={"se_b": (0.7,) * len(r.b), "status": "provisional"}) for r in small.parameters]
    judged = bank_of(make_bank, unsure, 1.6)
    assert reliability(judged).marginal < reliability(small).marginal
    off = reliability(judged, method=cdx.EAP(item_uncertainty="none"))
    assert off.marginal == pytest.approx(reliability(small).marginal, abs=1e-12)


def test_table_and_refusals(small: ItemBank) -> None:
    found = reliability(small)
    frame = found.to_frame()
    assert list(frame) == ["dimension", "theta", "information", "se", "posterior_sd", "reliability"]
    np.testing.assert_allclose(frame["theta"].iloc[[0, -1]], [-4 * 1.6**0.5, 4 * 1.6**0.5])
    np.testing.assert_allclose(frame["posterior_sd"] ** -2, frame["se"] ** -2 + 1 / 1.6)
    assert found.information.shape == (4, len(frame))
    with pytest.raises(ScoringError, match="method= takes EAP, got WLE"):
        reliability(small, method=cdx.WLE())  # type: ignore[arg-type]


def of_several(*, within: bool) -> ItemParameters:
    """Return items of two correlated competencies; `within`: some measure both."""
    a = np.where(np.arange(24)[:, None] % 2 == np.arange(2), 1.3, 0.0)
    a[:4] = np.where(within, 0.8, a[:4])
    return ItemParameters(
        items=tuple(f"q{i}" for i in range(24)),
        families=("2PL",) * 24,
        statuses=("calibrated",) * 24,
        n_categories=np.full(24, 2),
        slopes=a,
        intercepts=np.stack([np.zeros(24), np.linspace(-1.5, 1.5, 24)], axis=1),
        extras=np.zeros((24, 0)),
        covariance=np.zeros((24, 3, 3)),
        population=NormalPopulation(dimensions=("x", "y"), mean=np.array([0.2, -0.3]), covariance=np.array([[1.0, 0.7], [0.7, 1.4]])),
    )


@pytest.mark.parametrize("within", [False, True])
def test_several_competencies_reach_what_simulated_persons_show(within: bool) -> None:
    """1 - E(θ̂ - θ)²/σ² of 2,000 persons, whose Monte Carlo error is .009, for each competency by the joint posterior."""
    known, rng = of_several(within=within), np.random.default_rng(5)
    V = known.population.covariance
    theta = rng.multivariate_normal(known.population.mean, V, 2000, method="cholesky")
    data = cdx.simulate(known, theta, rng=rng)
    estimate = posterior_of(match(data, known, cdx.MissingPolicy()), known).moments().mean
    reached = 1 - ((estimate - theta) ** 2).mean(axis=0) / np.diag(V)
    found = _measured(known, cdx.EAP(), np.ones((1, len(known.items)), dtype=bool))
    np.testing.assert_allclose(found["posterior"], reached, atol=0.02)
    np.testing.assert_allclose(found["marginal"], reached, atol=0.035)
    assert (found["likelihood"] < found["marginal"]).all()
    if not within:
        parts = [known.take(np.flatnonzero(known.loads[:, d])).single(d) for d in range(2)]
        alone = [_measured(part, cdx.EAP(), np.ones((1, len(part.items)), dtype=bool)) for part in parts]
        assert (found["posterior"] > [x["posterior"][0] + 0.01 for x in alone]).all()  # the other competency tells of it
        np.testing.assert_allclose(found["likelihood"], [x["likelihood"][0] for x in alone], atol=0.02)
        for d in range(2):
            items = np.flatnonzero(known.loads[:, d])
            np.testing.assert_allclose(found["theta"][d], alone[d]["theta"][0], atol=1e-9)
            np.testing.assert_allclose(found["information"][d][items], alone[d]["information"][0], rtol=1e-5, atol=1e-8)


def test_a_calibration_of_several_has_a_row_for_each(quiet: Callable[[], Any]) -> None:
    known = of_several(within=False)
    data = cdx.simulate(known, 500, rng=np.random.default_rng(1))
    with quiet():
        calibration = cdx.calibrate(data, model="Rasch", dimensions={q: "xy"[i % 2] for i, q in enumerate(known.items)})
    found = reliability(calibration, responses=data)
    scores = cdx.score(data, calibration)
    np.testing.assert_array_equal(found.empirical_eap, scores.reliability)
    assert np.asarray(found.marginal).shape == np.asarray(found.empirical_wle).shape == (2,)
    assert set(found.to_frame()["dimension"]) == {"x", "y"}
    again = type(found).from_json(found.to_json())
    np.testing.assert_array_equal(again.posterior, found.posterior)
    assert "x: patterns" in str(found)
    found.plot("standard_error")


def test_booklets_have_the_reliability_of_the_items_that_persons_got() -> None:
    """Ten booklets of 24 of 120 items: far from the pool's, near what EAP shows; the order of persons says nothing."""
    rng = np.random.default_rng(1)
    theta, b = rng.normal(size=600), rng.normal(size=120)
    points = (rng.random((600, 120)) < 1 / (1 + np.exp(b - theta[:, None]))).astype(float)
    block = np.arange(600)[:, None] % 10
    points[~np.isin(np.arange(120) // 12 - block, (0, 1, -9))] = np.nan
    table = pd.DataFrame(points, columns=[f"i{k}" for k in range(120)])
    calibration = cdx.calibrate(table, model="Rasch")
    whole, booklets = cdx.reliability(calibration), cdx.reliability(calibration, responses=table)
    assert whole.posterior > 0.94
    for name in ("posterior", "sum_score", "marginal"):
        assert getattr(booklets, name) == pytest.approx(booklets.empirical_eap, abs=0.02)
    again = cdx.reliability(calibration, responses=table.iloc[::-1])
    assert again.marginal == pytest.approx(booklets.marginal, abs=1e-12)
