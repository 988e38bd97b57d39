"""Models that are one and the same must give one and the same result; so must tables that differ in order alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.calibration import Constraints
from competency_dx.kernels import families
from competency_dx.kernels.families import KernelGroup, graded, partial_credit

Floats = NDArray[np.float64]
EXACT = cdx.MarginalML(tolerance=1e-7)


def binary_table(persons: int, items: int, seed: int, spread: float = 1.0) -> pd.DataFrame:
    """Return answers drawn from a 2PL with slopes about one."""
    rng = np.random.default_rng(seed)
    theta, b = spread * rng.normal(size=(persons, 1)), np.linspace(-1.2, 1.2, items)
    a = rng.uniform(0.7, 1.5, items)
    answers = rng.random((persons, items)) < 1 / (1 + np.exp(-a * (theta - b)))
    return pd.DataFrame(answers.astype(int), columns=[f"i{k}" for k in range(items)])


def step_table(persons: int, items: int, seed: int) -> pd.DataFrame:
    """Return answers with three categories drawn from a graded model."""
    rng = np.random.default_rng(seed)
    theta, b = rng.normal(size=(persons, 1, 1)), np.array([-0.6, 0.7]) + rng.uniform(-0.5, 0.5, (items, 1))
    star = 1 / (1 + np.exp(-1.3 * (theta - b)))
    answers = (rng.random((persons, items, 1)) < star).sum(axis=2)
    return pd.DataFrame(answers, columns=[f"i{k}" for k in range(items)])


def test_rasch_is_the_2pl_with_all_slopes_at_the_population_sd() -> None:
    """a θ + d with θ ~ N(0, v) and a = 1 is √v z + d with z ~ N(0, 1): same likelihood, no gradient along all slopes."""
    data = binary_table(400, 6, 1, spread=1.3)
    rasch = cdx.calibrate(data, model="Rasch", priors=None, method=EXACT)
    sd = float(np.sqrt(rasch.population.covariance[0, 0]))
    fixed = {f"i{k}.d": float(d) for k, d in enumerate(rasch.parameters.steps[:, 0])}
    fixed |= {f"i{k}.a": sd for k in range(5)}
    start = cdx.MarginalML(tolerance=1e-7, constraints=Constraints(fixed=fixed, start={"i5.a": sd}))
    one_free = cdx.calibrate(data, model="2PL", priors=None, method=start)
    tied = cdx.calibrate(data, model="1PL", priors=None, method=EXACT)
    assert tied.log_likelihood == pytest.approx(rasch.log_likelihood, abs=1e-9)
    np.testing.assert_allclose(tied.parameters.slope, sd, rtol=1e-6)
    np.testing.assert_allclose(tied.parameters.steps, rasch.parameters.steps, atol=1e-6)
    assert one_free.n_parameters == 1
    assert one_free.log_likelihood > rasch.log_likelihood  # while single slopes would move: the table is not a Rasch table


def test_equal_slopes_by_constraint_are_the_1pl() -> None:
    data = binary_table(400, 6, 1, spread=1.3)
    equal = Constraints(equal=[[f"i{k}.a" for k in range(6)]])
    one = cdx.calibrate(data, model="2PL", priors=None, method=cdx.MarginalML(constraints=equal))
    other = cdx.calibrate(data, model="1PL", priors=None)
    assert one.log_likelihood == other.log_likelihood
    np.testing.assert_array_equal(one.covariance, other.covariance)
    assert one.parameter_names == other.parameter_names


def test_free_slopes_fit_at_least_as_well() -> None:
    data = binary_table(400, 6, 1)
    rasch, free = (cdx.calibrate(data, model=m, priors=None) for m in ("Rasch", "2PL"))
    assert free.log_likelihood > rasch.log_likelihood
    assert free.n_parameters - rasch.n_parameters == 5


@pytest.mark.parametrize(("general", "special"), [("GPCM", "2PL"), ("GRM", "2PL"), ("PCM", "Rasch")])
def test_polytomous_models_of_two_categories_are_the_dichotomous_ones(general: str, special: str) -> None:
    data = binary_table(300, 5, 2)
    one, other = (cdx.calibrate(data, model=m, priors=None) for m in (general, special))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert one.log_likelihood == other.log_likelihood


@given(a=st.floats(0.2, 3), d=st.floats(-4, 4), theta=st.lists(st.floats(-5, 5), min_size=2, max_size=9, unique=True))
def test_graded_kernel_with_two_categories_is_the_divide_by_total_kernel(a: float, d: float, theta: list[float]) -> None:
    beta, allowed, at = np.array([[a, d]]), np.ones((1, 2), bool), np.array(theta)
    first, second = ((KernelGroup(k, np.arange(1)),) for k in (graded, partial_credit))
    one, other = (families.log_probabilities(g, beta, at, allowed) for g in (first, second))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    counts = np.exp(other) * 3.0
    np.testing.assert_allclose(
        families.information(first, beta, counts, one, at, allowed),
        families.information(second, beta, counts, other, at, allowed),
        rtol=1e-7,
        atol=1e-9,
    )


@pytest.mark.parametrize("model", ["Rasch", "GPCM", "GRM"])
def test_twice_the_data_doubles_the_likelihood_and_keeps_the_estimates(model: str) -> None:
    data = binary_table(300, 5, 3) if model == "Rasch" else step_table(300, 4, 3)
    once = cdx.calibrate(data, model=model, priors=None, method=EXACT)
    both = pd.concat([data, data], ignore_index=True)
    both["person"] = [f"p-{k}" for k in range(len(both))]  # without ids it looks exported twice
    twice = cdx.calibrate(both, model=model, priors=None, method=EXACT)
    assert twice.log_likelihood == pytest.approx(2 * once.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(twice.parameters.beta, once.parameters.beta, atol=1e-6)
    np.testing.assert_allclose(twice.covariance, once.covariance / 2, rtol=1e-3, atol=1e-7)


def test_a_person_without_answers_changes_nothing() -> None:
    data = binary_table(300, 5, 4)
    empty = pd.DataFrame([[None] * 5], columns=data.columns)
    with_empty = pd.concat([data.astype("Int64"), empty.astype("Int64")], ignore_index=True)
    full, more = cdx.calibrate(data, priors=None), cdx.calibrate(with_empty, priors=None)
    assert more.n_persons == full.n_persons == 300
    assert more.log_likelihood == pytest.approx(full.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(more.parameters.beta, full.parameters.beta, atol=1e-8)


@given(seed=st.integers(0, 10**6), model=st.sampled_from(["Rasch", "2PL", "GPCM", "GRM"]))
@settings(max_examples=settings().max_examples // 2)  # two calibrations each
def test_permuting_persons_and_items_permutes_the_result(seed: int, model: str) -> None:
    rng = np.random.default_rng(seed)
    data = step_table(350, 5, seed) if model in {"GPCM", "GRM"} else binary_table(350, 6, seed)
    persons, items = rng.permutation(len(data)), rng.permutation(data.shape[1])
    here, there = (cdx.calibrate(cdx.load_responses(t), model=model, method=EXACT) for t in (data, data.iloc[persons, items]))
    assert there.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-10)  # both stop within the tolerance
    np.testing.assert_allclose(there.parameters.beta, here.parameters.beta[items], atol=1e-7)
    covariance = here.parameters.covariance[items]  # the information may stand a little off the estimates
    np.testing.assert_allclose(there.parameters.covariance, covariance, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_any_number_of_workers_gives_the_same_bytes(missing: float) -> None:
    """Blocks are cut by the number of persons alone and added up in order."""
    data = binary_table(3000, 8, 5).astype(float)
    data = data.mask(np.random.default_rng(6).random(data.shape) < missing)
    texts = []
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as executor:
            texts.append(cdx.calibrate(data, method=cdx.MarginalML(executor=executor)).to_json())
    texts.append(cdx.calibrate(data).to_json())
    assert texts[0] == texts[1] == texts[2]


def test_points_of_support_do_not_move_the_estimates() -> None:
    """The rule converges geometrically: 61 points (spacing .2) and 241 agree to the tolerance of the estimates."""
    data = binary_table(500, 8, 7)
    few, many = (cdx.calibrate(data, priors=None, method=cdx.MarginalML(points=p, tolerance=1e-7)) for p in (61, 241))
    assert many.log_likelihood == pytest.approx(few.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(many.parameters.beta, few.parameters.beta, atol=1e-6)


def test_a_model_for_each_item_is_the_model_for_all_when_they_agree() -> None:
    data = step_table(300, 4, 8)
    each = cdx.calibrate(data, model=dict.fromkeys(data.columns, "GRM"), priors=None)
    pd.testing.assert_frame_equal(each.to_frame(), cdx.calibrate(data, model="GRM", priors=None).to_frame())


def test_centred_thresholds_add_up_and_their_errors_are_those_of_draws() -> None:
    """b_k = location + tau_k; the delta method is of first order, so draws of the estimates agree to a few per cent."""
    found = cdx.calibrate(step_table(900, 4, 5), model="GPCM", priors=None)
    table, frame = found.thresholds(), found.to_frame()
    for k in (1, 2):
        np.testing.assert_allclose(table["location"] + table[f"tau{k}"], frame[f"b{k}"])
    np.testing.assert_allclose(table["tau1"] + table["tau2"], 0, atol=1e-12)
    at = [found.parameter_names.index(f"i2.{name}") for name in ("a", "d1", "d2")]
    rng = np.random.default_rng(1)
    a, d1, d2 = rng.multivariate_normal(found.estimates[at], found.covariance[np.ix_(at, at)], 200_000, method="cholesky").T
    np.testing.assert_allclose(table["se_location"][2], (-(d1 + d2) / (2 * a)).std(), rtol=0.05)
    np.testing.assert_allclose(table["se_tau1"][2], ((d2 - d1) / (2 * a)).std(), rtol=0.05)
