"""Plausible values and pooling: draws are from the posterior, regressions on them are unbiased, pooling is Rubin's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest, norm

import competency_dx as cdx
from competency_dx.bank import BankPopulation, Item, ItemBank, ParameterRecord
from competency_dx.errors import DocumentError, ScoringError
from competency_dx.models import bank_parameters, log_probabilities
from competency_dx.persons import inverse_cdf, uniforms
from competency_dx.scoring import PlausibleValues, Pooled, plausible_values, pool

Quiet = Callable[[], AbstractContextManager[None]]
MakeBank = Callable[..., ItemBank]
Array = NDArray[np.float64]
GAMMA = np.array([0.2, 0.7, -0.5])  # constant, x, group b
RESIDUAL = 0.64


def bank_with(make_bank: MakeBank, I: int, population: BankPopulation | None = None) -> ItemBank:
    rng = np.random.default_rng(8)
    records = [
        ParameterRecord(item=f"i{k}", model="2PL", a=float(rng.uniform(0.8, 1.6)), b=(float(rng.normal()),), status="calibrated")
        for k in range(I)
    ]
    items = [
        Item.model_validate({"id": r.item, "type": "scored", "scoring": {"rule": "given", "points": 1}, "competencies": {"S.1.1": 1}})
        for r in records
    ]
    return make_bank(items, records, population=population or BankPopulation())


class Sample(NamedTuple):
    """Answers of simulated persons with what is known of them."""

    responses: cdx.Responses
    covariates: pd.DataFrame
    design: Array


def sample(bank: ItemBank, P: int, seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    x, b = rng.normal(size=P), rng.integers(0, 2, P)
    design = np.column_stack([np.ones(P), x, b])
    theta = design @ GAMMA + np.sqrt(RESIDUAL) * rng.normal(size=P)
    responses = cdx.simulate(bank, theta, rng=rng)
    return Sample(responses, pd.DataFrame({"person": responses.persons, "x": x, "g": np.array(["a", "b"])[b]}), design)


@pytest.fixture(scope="module")
def bank(make_bank: MakeBank) -> ItemBank:
    return bank_with(make_bank, 12)


@pytest.fixture(scope="module")
def data(bank: ItemBank) -> Sample:
    return sample(bank, 2500, 3)


def regress(y: Array, X: Array) -> tuple[Array, Array]:
    """Return least-squares coefficients and their sampling variances."""
    inverse = np.linalg.inv(X.T @ X)
    coefficients = inverse @ X.T @ y
    residual = y - X @ coefficients
    return coefficients, np.diagonal(inverse) * (residual @ residual) / (len(y) - X.shape[1])


def pooled(values: PlausibleValues, X: Array) -> Pooled:
    found = [regress(values.values[:, m, 0], X) for m in range(values.n)]
    return pool([f[0] for f in found], [f[1] for f in found], df=len(X) - X.shape[1])


def test_pooled_regression_recovers_the_truth_where_eap_shrink(bank: ItemBank, data: Sample) -> None:
    """The fault of regressing EAP on covariates: slopes shrink by about the reliability, far outside their interval."""
    drawn = plausible_values(data.responses, bank, rng=np.random.default_rng(1), conditioning=data.covariates)
    found = pooled(drawn, data.design)
    assert (np.abs(found.estimate - GAMMA) < 3 * found.se).all()
    scores = cdx.score(data.responses, bank)
    shrunk, variance = regress(scores.theta[:, 0], data.design)
    reliability = float(scores.reliability[0])
    np.testing.assert_allclose(shrunk[1:] / GAMMA[1:], reliability, atol=0.1)
    assert (np.abs(shrunk[1:] - GAMMA[1:]) > 4 * np.sqrt(variance[1:])).all()


def test_coverage_of_pooled_slopes(bank: ItemBank, quiet: Quiet) -> None:
    """120 samples of 150 persons: 95 % intervals hold the truth in 106 to 120 (binomial, 99.9 %)."""
    hits = np.zeros(3, dtype=int)
    for r in range(120):
        one = sample(bank, 150, 1000 + r)
        with quiet():  # a person without any right answer may reach the end of the scale
            drawn = plausible_values(one.responses, bank, rng=np.random.default_rng(r), conditioning=one.covariates)
        low, high = pooled(drawn, one.design).interval.T
        hits += (low < GAMMA) & (high > GAMMA)
    assert (hits >= 106).all()


def log_likelihood(at: Array, bank: ItemBank, data: Sample) -> float:
    """Return the marginal log-likelihood of (γ, log σ²) by 401 points on ±8."""
    theta = np.linspace(-8, 8, 401)
    table = log_probabilities(bank_parameters(bank), theta)
    codes = data.responses.scores
    likelihood = np.exp(np.where(codes[:, :, None] == 1, table[None, :, 1], table[None, :, 0]).sum(axis=1))
    density = norm.pdf(theta, (data.design @ at[:-1])[:, None], np.exp(at[-1] / 2))
    return float(np.log((likelihood * density).sum(axis=1) * (theta[1] - theta[0])).sum())


def test_one_stage_regression_is_the_maximum_of_the_marginal_likelihood(bank: ItemBank) -> None:
    one = sample(bank, 300, 17)
    model = plausible_values(one.responses, bank, rng=np.random.default_rng(1), conditioning=one.covariates).regression
    assert model is not None
    assert model.names == ("constant", "x", "g=b")
    here = np.append(model.coefficients, np.log(model.residual_variance))
    assert model.log_likelihood == pytest.approx(log_likelihood(here, bank, one), abs=1e-5)
    h = 1e-3
    steps = np.eye(4) * h
    slope = np.array([log_likelihood(here + s, bank, one) - log_likelihood(here - s, bank, one) for s in steps])
    se = np.sqrt(np.diagonal(model.covariance))
    np.testing.assert_allclose(slope / (2 * h) * se, 0, atol=1e-4)  # gradient in units of 1 / SE
    hessian = [
        [sum(s * t * log_likelihood(here + s * a + t * b, bank, one) for s in (-1, 1) for t in (-1, 1)) / (4 * h * h) for b in steps]
        for a in steps
    ]
    np.testing.assert_allclose(np.linalg.inv(-np.array(hessian)), model.covariance, rtol=2e-3, atol=1e-6)


def test_uncertainty_of_the_conditioning_model_is_between_the_sets(bank: ItemBank) -> None:
    """Variance within plus between 200 sets is that of the observed information (Monte Carlo error of the SE 5 %)."""
    one = sample(bank, 200, 5)
    drawn = plausible_values(one.responses, bank, n=200, rng=np.random.default_rng(2), conditioning=one.covariates)
    assert drawn.regression is not None
    slopes = np.array([regress(drawn.values[:, m, 0], one.design)[0] for m in range(200)])
    variances = regress(drawn.values[:, 0, 0], one.design)[1]
    total = slopes.var(axis=0, ddof=1) + variances
    np.testing.assert_allclose(np.sqrt(total), drawn.regression.se, rtol=0.15)


def test_draws_have_the_moments_of_the_posterior(bank: ItemBank, data: Sample) -> None:
    """4000 draws of each of six persons: mean within 4 Monte Carlo errors of EAP, SD within 6 % (4 errors)."""
    some = data.responses.select(persons=[str(p) for p in data.responses.persons[:6]])
    drawn = plausible_values(some, bank, n=4000, rng=np.random.default_rng(3)).values[:, :, 0]
    eap = cdx.score(some, bank)
    np.testing.assert_array_less(np.abs(drawn.mean(axis=1) - eap.theta[:, 0]), 4 * eap.se[:, 0] / np.sqrt(4000))
    np.testing.assert_allclose(drawn.std(axis=1), eap.se[:, 0], rtol=0.06)
    assert len(np.unique(drawn)) == drawn.size  # continuous: no two draws fall on one point


def test_draws_follow_the_exact_posterior_distribution(bank: ItemBank, data: Sample) -> None:
    one = data.responses.select(persons=[str(data.responses.persons[0])])
    drawn = plausible_values(one, bank, n=5000, rng=np.random.default_rng(4)).values[0, :, 0]
    theta = np.linspace(-8, 8, 4001)
    table = log_probabilities(bank_parameters(bank), theta)
    log = sum(table[i, k] for i, k in enumerate(one.scores[0])) - 0.5 * theta**2
    cdf = np.cumsum(np.exp(log)) / np.exp(log).sum()
    assert kstest(drawn, lambda x: np.interp(x, theta, cdf)).pvalue > 0.001


def test_a_person_without_answers_is_drawn_from_the_population(make_bank: MakeBank) -> None:
    bank = bank_with(make_bank, 5, BankPopulation(mean=0.4, variance=1.7))
    rows = pd.DataFrame({f"i{k}": [1.0, np.nan] for k in range(5)})
    drawn = plausible_values(rows, bank, n=5000, rng=np.random.default_rng(5)).values[1, :, 0]
    assert kstest(drawn, norm(0.4, np.sqrt(1.7)).cdf).pvalue > 0.001


@given(sd=st.floats(0.3, 3.0), centre=st.floats(-1.5, 1.5), uniform=st.floats(1e-6, 1 - 1e-6))
def test_quantiles_of_a_normal_density(sd: float, centre: float, uniform: float) -> None:
    """Spacing 0.1 is at most a third of the SD: interpolation is within h²/(8 s²) of the density, 2 % at worst."""
    theta = np.linspace(-20, 20, 401)
    level = -0.5 * ((theta - centre) / sd) ** 2
    found = inverse_cdf(level[None], theta, np.array([uniform]))[0]
    assert norm.cdf(found, centre, sd) == pytest.approx(uniform, abs=1e-3)


def test_quantiles_are_monotone_and_reach_steep_and_flat_cells() -> None:
    theta = np.linspace(-1, 1, 5)
    uniform = np.linspace(1e-6, 1 - 1e-6, 999)
    for level in ([0, 0, 0, 0, 0], [-690, 0, -690, -690, -690], [0, -700, -700, -700, 0], [0, -5, -10, -15, -20]):
        found = inverse_cdf(np.tile(np.array(level, dtype=float), (999, 1)), theta, uniform)
        assert (np.diff(found) >= 0).all()
        assert found.min() >= -1
        assert found.max() <= 1
    np.testing.assert_allclose(inverse_cdf(np.zeros((999, 5)), theta, uniform), 2 * uniform - 1, atol=1e-12)


def test_same_seed_same_bytes_and_draws_do_not_depend_on_the_others(bank: ItemBank, data: Sample) -> None:
    few = data.responses.select(persons=[str(p) for p in data.responses.persons[:700]])
    whole = plausible_values(few, bank, rng=np.random.default_rng(9))
    assert whole.to_json() == plausible_values(few, bank, rng=np.random.default_rng(9)).to_json()
    assert not np.array_equal(whole.values, plausible_values(few, bank, rng=np.random.default_rng(10)).values)
    who = [str(few.persons[p]) for p in (699, 3, 512)]
    part = plausible_values(few.select(persons=who), bank, rng=np.random.default_rng(9))
    np.testing.assert_array_equal(part.values, whole.values[[699, 3, 512]])
    more = plausible_values(few, bank, n=25, rng=np.random.default_rng(9))
    np.testing.assert_array_equal(more.values[:, :10], whole.values)


def test_uniforms_are_uniform_and_independent_of_each_other() -> None:
    ids = np.array([str(k) for k in range(4000)], dtype=object)
    found = uniforms(b"k" * 16, ids, 5)
    assert kstest(found.ravel(), "uniform").pvalue > 0.001
    correlation = np.atleast_2d(np.corrcoef(np.vstack([found.T, np.roll(found[:, 0], 1)])))
    assert np.abs(correlation[np.triu_indices(6, 1)]).max() < 4 / np.sqrt(4000)


def test_covariates_are_matched_by_person(bank: ItemBank, data: Sample) -> None:
    few = data.responses.select(persons=[str(p) for p in data.responses.persons[:300]])
    shuffled = data.covariates.sample(frac=1, random_state=1)
    one = plausible_values(few, bank, rng=np.random.default_rng(1), conditioning=data.covariates)
    two = plausible_values(few, bank, rng=np.random.default_rng(1), conditioning=shuffled.set_index("person"))
    np.testing.assert_array_equal(one.values, two.values)


def test_background_of_the_responses_serves_as_covariates(bank: ItemBank, data: Sample) -> None:
    table = data.responses.to_frame().merge(data.covariates.rename(columns={"g": "region"})[["person", "region"]])
    responses = cdx.load_responses(table.head(300), bank=bank)
    from_background = plausible_values(responses, bank, rng=np.random.default_rng(1), conditioning=["region"])
    frame = data.covariates[["person", "g"]].rename(columns={"g": "region"})
    from_frame = plausible_values(responses, bank, rng=np.random.default_rng(1), conditioning=frame)
    np.testing.assert_array_equal(from_background.values, from_frame.values)


def test_frames_and_document(bank: ItemBank, data: Sample) -> None:
    few = data.responses.select(persons=["1", "2", "3"] + [str(k) for k in range(20, 60)])
    drawn = plausible_values(few, bank, n=3, rng=np.random.default_rng(1), conditioning=data.covariates)
    long, wide = drawn.to_frame(), drawn.to_frame(shape="wide")
    assert list(long) == ["person", "set", "dimension", "value"]
    assert list(wide) == ["person", "theta_pv1", "theta_pv2", "theta_pv3"]
    assert len(long) == 3 * len(wide) == 129
    second = long[long["set"] == 2].set_index("person")["value"]
    np.testing.assert_array_equal(second.to_numpy(), wide["theta_pv2"].to_numpy())
    again = PlausibleValues.from_json(drawn.to_json())
    assert again.to_json() == drawn.to_json()
    with pytest.raises(DocumentError):
        PlausibleValues.from_json(cdx.score(few, bank).to_json())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [None, *[0.1] * 9]}, "x has no value for persons 1;"),
        ({"x": [2.0] * 10}, "x follow from the others"),
        ({"y": list(range(10)), "z": [2 * k + 1 for k in range(10)]}, "z follow from the others"),
        ({"person": [*map(str, range(2, 11)), "other"]}, "no row for persons 1;"),
        ({"person": ["1"] * 10}, "several rows for one person"),
    ],
)
def test_covariates_that_cannot_be_used_are_named(
    bank: ItemBank, data: Sample, change: dict[str, Sequence[object]], message: str
) -> None:
    few = data.responses.select(persons=[str(k) for k in range(1, 11)])
    frame = pd.DataFrame({"person": [str(k) for k in range(1, 11)], "w": np.arange(10) ** 2} | change)
    with pytest.raises(ScoringError, match=message):
        plausible_values(few, bank, rng=np.random.default_rng(1), conditioning=frame)


def test_outliers_among_the_covariates_are_named(bank: ItemBank, data: Sample) -> None:
    best = int(data.responses.scores.sum(axis=1).argmax())
    x = data.covariates["x"].to_numpy().copy()
    x[best] = 15.0
    with pytest.warns(cdx.CompetencyDxWarning, match="press against the end of the scale"):
        drawn = plausible_values(data.responses, bank, rng=np.random.default_rng(1), conditioning=data.covariates.assign(x=x))
    assert [f.scope for f in drawn.findings] == [(str(data.responses.persons[best]),)]
    assert np.isfinite(drawn.values).all()


def test_other_faults_are_named(bank: ItemBank, data: Sample) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ScoringError, match="names region, which the responses have not"):
        plausible_values(data.responses, bank, rng=rng, conditioning=["region"])
    with pytest.raises(ScoringError, match="is one text"):
        plausible_values(data.responses, bank, rng=rng, conditioning="region")
    with pytest.raises(ScoringError, match="n=0 is not a number of sets"):
        plausible_values(data.responses, bank, n=0, rng=rng)
    with pytest.raises(ScoringError, match="rng= takes Generator, got 7"):
        plausible_values(data.responses, bank, rng=7)  # type: ignore[arg-type]
    with pytest.raises(ScoringError, match="method= takes EAP, got WLE"):
        plausible_values(data.responses, bank, rng=rng, method=cdx.WLE())  # type: ignore[arg-type]


def test_pooling_by_hand() -> None:
    """Three sets, W = 4, B = 1: T = 4 + 4/3, λ = 1/4, ν = 2/λ² = 32; Rubin (1987) eq. 3.1.2-3.1.10."""
    found = pool([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])
    assert found.estimate[0] == 2
    assert found.within[0] == 4
    assert found.between[0] == 1
    assert found.total[0] == pytest.approx(16 / 3)
    assert found.df[0] == pytest.approx(32)
    assert found.fmi[0] == pytest.approx((1 / 3 + 2 / 35) / (4 / 3))
    low, high = found.interval[0]
    assert high - low == pytest.approx(2 * 2.0369333434601 * np.sqrt(16 / 3), rel=1e-9)  # t(0.975, 32), R qt
    small = pool([1.0, 2.0, 3.0], [3.0, 4.0, 5.0], df=20)
    observed = 21 / 23 * 20 * 0.75
    assert small.df[0] == pytest.approx(1 / (1 / 32 + 1 / observed))


def test_pooling_without_disagreement_is_the_single_analysis() -> None:
    found = pool([[0.3, 1.0]] * 4, [[0.04, 0.25]] * 4, names=["slope", "constant"])
    np.testing.assert_allclose(found.se, [0.2, 0.5])
    np.testing.assert_allclose(found.fmi, 0, atol=1e-9)
    np.testing.assert_allclose(found.interval[0], [0.3 - 1.959963985 * 0.2, 0.3 + 1.959963985 * 0.2], rtol=1e-6)
    assert list(found.to_frame()["quantity"]) == ["slope", "constant"]
    assert Pooled.from_json(found.to_json()).to_json() == found.to_json()


@given(q=st.lists(st.floats(-5, 5), min_size=2, max_size=12), u=st.floats(0.01, 4.0), df=st.floats(3, 1e6), scale=st.floats(0.1, 10))
def test_pooling_properties(q: list[float], u: float, df: float, scale: float) -> None:
    """Total variance is at least the sampling variance, df at most that of one analysis; units carry through."""
    found = pool(q, [u] * len(q), df=df)
    assert found.total[0] >= found.within[0]
    assert found.df[0] <= df
    assert 0 <= found.fmi[0] <= 1
    scaled = pool(np.array(q) * scale, [u * scale**2] * len(q), df=df)
    np.testing.assert_allclose(scaled.interval, found.interval * scale, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(pool(q[::-1], [u] * len(q), df=df).df.round(6), found.df.round(6))


def test_pooling_faults_are_named() -> None:
    with pytest.raises(ScoringError, match="at least two sets"):
        pool([1.0], [1.0])
    with pytest.raises(ScoringError, match=r"shape \(2, 1\) and variances \(3, 1\)"):
        pool([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ScoringError, match="1 names were given for 2"):
        pool([[1.0, 2.0]] * 2, [[1.0, 2.0]] * 2, names=["a"])
    with pytest.raises(ScoringError, match="variances at least 0"):
        pool([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(ScoringError, match="positive number"):
        pool([1.0, 2.0], [1.0, 1.0], df=0)
