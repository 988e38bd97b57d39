"""Models that must coincide, data that must not matter, maxima that other optimisers cannot improve."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import LinearConstraint, minimize
from scipy.special import expit

from competency_dx.classification import ClassCalibration, ClassificationML, classify
from competency_dx.kernels.classes import Kind
from competency_dx.responses import load_responses

Simulate = Callable[..., Any]
Quiet = Callable[[], Any]


@pytest.fixture(autouse=True)
def _silent(quiet: Quiet) -> Any:
    with quiet():
        yield


def _p(found: ClassCalibration) -> np.ndarray:
    return np.nan_to_num(found.parameters.probabilities)


@pytest.mark.parametrize("model", ["DINA", "DINO", "ACDM", "LLM"])
def test_with_one_attribute_per_item_all_families_are_the_same(simulate: Simulate, model: str) -> None:
    data = simulate(rows=("100", "010", "001") * 5)
    one, other = classify(data.frame, data.q, model="GDINA"), classify(data.frame, data.q, model=model)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(_p(one), _p(other), atol=1e-5)
    se_one, se_other = (f.to_frame()[["se_p_0", "se_p_1"]] for f in (one, other))
    np.testing.assert_allclose(se_one, se_other, rtol=1e-4)


def test_dino_is_dina_of_wrong_answers_and_lacking_attributes(simulate: Simulate) -> None:
    """Any suffices for a right answer: lacking all leads to a wrong one (Templin & Henson 2006)."""
    data = simulate("DINO")
    dino, dina = classify(data.frame, data.q, model="DINO"), classify(1 - data.frame, data.q, model="DINA")
    assert dino.log_likelihood == pytest.approx(dina.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(dino.prevalence, 1 - dina.prevalence, atol=1e-5)
    np.testing.assert_allclose(dino.to_frame()["guessing"], dina.to_frame()["slip"], atol=1e-5)
    np.testing.assert_allclose(dino.prevalence_se, dina.prevalence_se, rtol=1e-3)


def test_families_are_nested_in_gdina(simulate: Simulate) -> None:
    data = simulate(missing=0.1)
    found = {m: classify(data.frame, data.q, model=m) for m in ("GDINA", "ACDM", "LLM", "DINA", "DINO")}
    for model in ("ACDM", "LLM", "DINA", "DINO"):
        assert found[model].log_likelihood < found["GDINA"].log_likelihood
        assert found[model].n_parameters < found["GDINA"].n_parameters


def test_a_mixture_of_families_lies_between(simulate: Simulate) -> None:
    data = simulate()
    families = dict.fromkeys(data.q.index, "GDINA") | dict.fromkeys(data.q.index[:8], "DINA")
    mixed = classify(data.frame, data.q, model=families)
    assert mixed.model == "mixed"
    low, high = (classify(data.frame, data.q, model=m).log_likelihood for m in ("DINA", "GDINA"))
    assert low < mixed.log_likelihood < high


def test_distributions_are_nested(simulate: Simulate) -> None:
    data = simulate("DINA", persons=1000)
    kinds: tuple[Kind, ...] = ("saturated", "higher_order", "higher_order_1pl", "independent")
    found = [classify(data.frame, data.q, model="DINA", method=ClassificationML(attribute_distribution=k)) for k in kinds]
    ll = [f.log_likelihood for f in found]
    assert ll == sorted(ll, reverse=True)
    assert [f.n_parameters - 30 for f in found] == [7, 6, 4, 3]


def test_a_hierarchy_is_a_saturated_distribution_without_the_forbidden_profiles(simulate: Simulate) -> None:
    """Persons drawn from the permissible profiles: both estimates are the same where the data are clear enough."""
    rng = np.random.default_rng(3)
    profiles = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])[rng.integers(0, 4, 800)]
    data = simulate("DINA", profiles=profiles, persons=800)
    chain = ClassificationML(hierarchy=(("A1", "A2"), ("A2", "A3")))
    found = classify(data.frame, data.q, model="DINA", method=chain)
    free = classify(data.frame, data.q, model="DINA")
    assert found.profile_names == ("000", "100", "110", "111")
    assert found.n_parameters == free.n_parameters - 4
    assert free.log_likelihood - 8 < found.log_likelihood < free.log_likelihood
    np.testing.assert_allclose(found.prevalence, profiles.mean(axis=0), atol=0.06)


def test_groups_that_a_hierarchy_forbids_are_not_estimated(simulate: Simulate) -> None:
    data = simulate()
    found = classify(data.frame, data.q, method=ClassificationML(hierarchy=(("A1", "A2"),)))
    frame = found.to_frame()
    assert frame["p_01"][frame["dimension"] == "A1+A2"].isna().all()
    assert frame["p_01"][frame["dimension"] == "A1+A3"].notna().all()
    assert not any(".d3" in name for name in found.parameter_names if name.startswith("i03"))


def test_order_of_persons_items_and_attributes_does_not_matter(simulate: Simulate) -> None:
    data = simulate(missing=0.1)
    rng = np.random.default_rng(9)
    one = classify(data.frame, data.q)
    items, attributes = rng.permutation(data.frame.columns), list(rng.permutation(data.q.columns))
    two = classify(data.frame.sample(frac=1, random_state=1)[items], data.q[attributes])
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(two.prevalence, one.prevalence[[one.attributes.index(a) for a in attributes]], atol=1e-5)
    frames = [f.to_frame().set_index("item")[["guessing", "slip", "se_slip"]] for f in (one, two)]
    np.testing.assert_allclose(frames[0], frames[1].loc[frames[0].index], atol=1e-4)


def test_repeating_every_person_doubles_the_information(simulate: Simulate) -> None:
    data = simulate()
    one, two = classify(data.frame, data.q), classify(pd.concat([data.frame] * 2, ignore_index=True), data.q)
    assert two.log_likelihood == pytest.approx(2 * one.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(two.covariance, one.covariance / 2, atol=1e-6)


def test_persons_without_answers_change_nothing(simulate: Simulate) -> None:
    data = simulate()
    more = pd.concat([data.frame, data.frame.iloc[:5] * np.nan], ignore_index=True)
    one, two = classify(data.frame, data.q), classify(more, data.q)
    np.testing.assert_array_equal(one.estimates, two.estimates)
    assert two.n_persons == one.n_persons


def test_bytes_do_not_depend_on_the_number_of_workers(simulate: Simulate) -> None:
    data = simulate(persons=1500, missing=0.1)
    out = []
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as pool:
            out.append(classify(data.frame, data.q, method=ClassificationML(executor=pool)).to_json())
    assert out[0] == out[1] == classify(data.frame, data.q).to_json()


def test_processes_estimate_to_the_same_bytes(simulate: Simulate) -> None:
    data = simulate(persons=1500, seed=2)
    assert len(np.unique(data.frame.to_numpy(), axis=0)) > 512  # more than one block of patterns
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = classify(data.frame, data.q, method=ClassificationML(executor=pool))
    assert found.to_json() == classify(data.frame, data.q).to_json()


@pytest.mark.parametrize("model", ["GDINA", "ACDM", "LLM", "DINA"])
def test_a_monotone_model_keeps_the_order_and_the_maximum_where_it_is_ordered(simulate: Simulate, model: str) -> None:
    data = simulate(persons=200, seed=4)
    free = classify(data.frame, data.q, model=model)
    kept = classify(data.frame, data.q, model=model, method=ClassificationML(monotone="monotone"))
    assert kept.log_likelihood <= free.log_likelihood + 1e-7
    for found in (free, kept):
        worst = min(_smallest_rise(found, i) for i in range(len(found.parameters.items)))
        if found is kept:
            assert worst > -1e-9
        elif worst > 0:
            assert kept.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-6)


def _smallest_rise(found: ClassCalibration, i: int) -> float:
    patterns, p = found.parameters.patterns(i), found.parameters.probabilities[i]
    pairs = [(a, b) for a in range(len(patterns)) for b in range(len(patterns)) if (patterns[a] <= patterns[b]).all()]
    return min(float(p[b] - p[a]) for a, b in pairs)


def test_monotone_ends_where_slsqp_ends(simulate: Simulate) -> None:
    """One item out of order on purpose: the constrained maximum of an independent optimiser, from another start."""
    data = simulate(rows=("10", "01", "10", "01", "11"), persons=300)
    frame = data.frame.copy()
    only_first = (data.profiles == [1, 0]).all(axis=1)
    frame.loc[only_first, "i04"] = 0.0
    method = ClassificationML(monotone="monotone", attribute_distribution="independent")
    found = classify(frame, data.q, method=method)
    x = frame.to_numpy()

    def objective(v: np.ndarray) -> float:
        return -_two_attributes(v, x)

    start = np.concatenate([np.tile([0.25, 0.7], 4), [0.2, 0.4, 0.4, 0.7], [0.5, 0.5]])
    rises = np.zeros((4, 14))
    rises[[0, 1, 2, 3], [8, 8, 9, 10]], rises[[0, 1, 2, 3], [9, 10, 11, 11]] = -1, 1
    other = minimize(
        objective,
        start,
        bounds=[(1e-4, 1 - 1e-4)] * 14,
        constraints=LinearConstraint(rises, 0, np.inf),
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    assert found.log_likelihood == pytest.approx(-other.fun, abs=1e-4)
    np.testing.assert_allclose(found.parameters.probabilities[4], other.x[8:12], atol=2e-3)


def _two_attributes(v: np.ndarray, x: np.ndarray) -> float:
    """Return the log-likelihood of items 10, 01, 10, 01, 11 with independent attributes of two probabilities."""
    profiles = [(0, 0), (1, 0), (0, 1), (1, 1)]
    total = np.zeros(len(x))
    for c, (a, b) in enumerate(profiles):
        p = np.array([v[a], v[2 + b], v[4 + a], v[6 + b], v[8 + c]])
        weight = (v[12] if a else 1 - v[12]) * (v[13] if b else 1 - v[13])
        total += weight * np.prod(np.where(x > 0, p, 1 - p), axis=1)
    return float(np.log(total).sum())


def test_higher_order_log_likelihood_by_hand_and_not_to_be_improved(simulate: Simulate) -> None:
    """The likelihood written out by numerical integration over the ability; random steps never raise it."""
    data = simulate("DINA", persons=500)
    found = classify(data.frame, data.q, model="DINA", method=ClassificationML(attribute_distribution="higher_order"))
    theta = np.linspace(-7, 7, 401)
    weight = np.exp(-(theta**2) / 2) / np.exp(-(theta**2) / 2).sum()
    Q, x = data.q.to_numpy(), data.frame.to_numpy()

    def log_likelihood(v: np.ndarray) -> float:
        p, total = expit(v[30:33, None] + v[33:36, None] * theta), np.zeros(len(x))
        for profile in found.profiles:
            share = weight @ np.prod(np.where(profile[:, None] > 0, p, 1 - p), axis=0)
            right = v[0:30:2] + v[1:30:2] * (profile >= Q).all(axis=1)
            total += share * np.prod(np.where(x > 0, right, 1 - right), axis=1)
        return float(np.log(total).sum())

    best = log_likelihood(found.estimates)
    assert found.log_likelihood == pytest.approx(best, abs=1e-4)
    rng = np.random.default_rng(1)
    for _ in range(40):
        assert log_likelihood(found.estimates + found.standard_errors * rng.normal(0, 0.02, 36)) <= best + 1e-6


def test_standard_errors_are_those_of_the_numerical_hessian(simulate: Simulate) -> None:
    data = simulate(rows=("10", "01", "10", "01", "11"), persons=400)
    found = classify(data.frame, data.q, method=ClassificationML(attribute_distribution="independent"))
    x, p = data.frame.to_numpy(), found.parameters.probabilities
    v, h = np.concatenate([p[:4, :2].ravel(), p[4], found.prevalence]), 1e-4
    E = np.eye(14) * h
    hessian = [
        [
            (
                _two_attributes(v + a + b, x)
                - _two_attributes(v + a - b, x)
                - _two_attributes(v - a + b, x)
                + _two_attributes(v - a - b, x)
            )
            / (4 * h * h)
            for b in E
        ]
        for a in E
    ]
    se = np.sqrt(np.diag(np.linalg.inv(-np.array(hessian))))
    ours = np.sqrt(np.einsum("iww->iw", found.parameters.probability_covariance))
    np.testing.assert_allclose(np.concatenate([ours[:4, :2].ravel(), ours[4]]), se[:12], rtol=1e-3)
    np.testing.assert_allclose(found.prevalence_se, se[12:], rtol=1e-3)


def test_more_starts_are_never_worse_and_are_reported(simulate: Simulate) -> None:
    data = simulate(persons=300)
    one = classify(data.frame, data.q)
    many = classify(data.frame, data.q, method=ClassificationML(starts=4))
    assert many.log_likelihood >= one.log_likelihood - 1e-6
    assert many.certificate.starts.shape == (4,)
    assert many.certificate.starts.max() == pytest.approx(many.log_likelihood, abs=1e-6)
    assert any(f.code == "classification.local_maxima" for f in many.findings)


def test_answers_scored_zero_by_policy_equal_zeros(simulate: Simulate) -> None:
    data = simulate(missing=0.1)
    one = classify(load_responses(data.frame.fillna(0)), data.q)
    assert classify(data.frame, data.q).log_likelihood != one.log_likelihood
    assert one.n_answers.sum() == data.frame.size


FAMILIES = ("DINA", "DINO", "ACDM", "LLM", "GDINA")
KINDS: tuple[Kind, ...] = ("saturated", "independent", "higher_order_1pl")


@pytest.mark.parametrize("seed", range(15))
def test_random_designs_end_in_certified_maxima(seed: int) -> None:
    """Random Q-matrices, mixed families, hierarchies, missing answers: every result holds what it promises."""
    rng = np.random.default_rng(seed)
    A, I = int(rng.integers(2, 5)), int(rng.integers(8, 20))
    Q = (rng.random((I, A)) < 0.4).astype(int)
    Q[np.arange(I) % 2 == 0] = np.eye(A, dtype=int)[np.arange((I + 1) // 2) % A]
    Q[Q.sum(axis=1) == 0, 0] = 1
    q = pd.DataFrame(Q, index=[f"i{j}" for j in range(I)], columns=[f"A{k}" for k in range(A)])
    profiles = (rng.normal(size=(300, 1)) + rng.normal(size=(300, A)) > 0).astype(int)
    x = (rng.random((300, I)) < 0.1 + 0.8 * profiles @ Q.T / Q.sum(axis=1)).astype(float)
    x[rng.random(x.shape) < 0.15] = np.nan
    method = ClassificationML(
        attribute_distribution=KINDS[seed % 3],
        hierarchy=(("A0", "A1"),) if seed % 2 else (),
        monotone="monotone" if seed % 5 == 0 else "free",
    )
    families = dict(zip(q.index, rng.choice(FAMILIES, I), strict=True))
    found = classify(pd.DataFrame(x, columns=q.index), q, model=families, method=method)
    assert found.profile_probabilities.sum() == pytest.approx(1, abs=1e-9)
    assert found.certificate.promised_gain <= 1e-7
    assert found.certificate.smallest_eigenvalue > -1e-7
    p = found.parameters.probabilities
    assert ((p >= 1e-4 - 1e-12) & (p <= 1 - 1e-4 + 1e-12))[np.isfinite(p)].all()
    table, pi, seen = found.parameters.table(), found.profile_probabilities, np.isfinite(x)[:, :, None]
    likelihood = np.prod(np.where(seen, np.where(x[:, :, None] > 0, table, 1 - table), 1.0), axis=1)
    assert found.log_likelihood == pytest.approx(float(np.log(likelihood @ pi).sum()), abs=1e-8)
