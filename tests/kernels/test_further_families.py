"""Kernels of asymptotes, nominal, rating scale and nested logit: written-out formulas, finite differences, equivalences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from competency_dx.kernels.families import FLOOR, asymptotes, nested_logit, nominal, rating_scale

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
H = 1e-5
Q = 5


class Items(NamedTuple):
    """Shape parameters (n, S), linear predictors (n, Q), allowed categories (n, K) and expected counts (n, K, Q)."""

    shape: Floats
    eta: Floats
    allowed: Bools
    counts: Floats


# The formulas, one item and one point at a time, with nothing but math.


def softmax(logits: dict[int, float]) -> dict[int, float]:
    total = sum(math.exp(z) for z in logits.values())
    return {k: math.exp(z) / total for k, z in logits.items()}


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def asymptotes_formula(shape: Floats, eta: float, categories: list[int], K: int) -> dict[int, float]:
    if len(categories) == 1:
        return {categories[0]: 1.0}
    c, u = logistic(shape[K - 1]), logistic(shape[K]) if len(shape) > K else 1.0
    right = c + (u - c) * logistic(eta + shape[0])
    return {0: 1 - right, 1: right}


def nominal_formula(shape: Floats, eta: float, categories: list[int], K: int) -> dict[int, float]:
    alpha, e = [0.0, *shape[K - 1 : 2 * K - 2]], [0.0, *shape[: K - 1]]
    return softmax({k: alpha[k] * eta + e[k] for k in categories})


def rating_scale_formula(shape: Floats, eta: float, categories: list[int], K: int) -> dict[int, float]:
    t = [0.0, *shape[K - 1 : 2 * K - 3], 0.0]
    return softmax({k: k * (eta + shape[0]) + (0.0 if k == categories[-1] else t[k]) for k in categories})


def nested_logit_formula(shape: Floats, eta: float, categories: list[int], K: int) -> dict[int, float]:
    *distractors, key = categories
    if not distractors:
        return {key: 1.0}
    slope, c, u = shape[K - 1], logistic(shape[K]), logistic(shape[K + 1])
    right = c + (u - c) * logistic(slope * eta + shape[key - 1])
    lam, e = [0.0, *shape[K + 2 :]], [0.0, *shape[: K - 1]]
    shares = softmax({v: lam[v] * eta + e[v] for v in distractors})
    return {key: right} | {v: (1 - right) * share for v, share in shares.items()}


class Family(NamedTuple):
    """A kernel, its formula, and how many extras it needs for K categories."""

    kernel: ModuleType
    formula: Callable[[Floats, float, list[int], int], dict[int, float]]
    extras: Callable[[int], int]


FAMILIES = {
    "asymptotes": Family(asymptotes, asymptotes_formula, lambda _: 2),
    "three_parameters": Family(asymptotes, asymptotes_formula, lambda _: 1),
    "nominal": Family(nominal, nominal_formula, lambda K: K - 1),
    "rating_scale": Family(rating_scale, rating_scale_formula, lambda K: K - 2),
    "nested_logit": Family(nested_logit, nested_logit_formula, lambda K: K + 1),
}
EVERY = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def table(family: Family, some: Items) -> Floats:
    """Return the formula's P (n, K, Q), zero where a category is not allowed."""
    n, K = some.allowed.shape
    out = np.zeros((n, K, some.eta.shape[1]))
    for i, q in np.ndindex(some.eta.shape):
        categories = np.flatnonzero(some.allowed[i]).tolist()
        for k, p in family.formula(some.shape[i], float(some.eta[i, q]), categories, K).items():
            out[i, k, q] = p
    return out


@st.composite
def items(draw: st.DrawFn, family: Family) -> Items:
    """Draw one to four items of up to five categories, some categories not allowed, asymptotes between .05-.4 and .6-.95."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, K = draw(st.integers(1, 4)), 2 if family.kernel is asymptotes else draw(st.integers(2, 5))
    shape = rng.uniform(-2, 2, (n, K - 1 + family.extras(K)))
    if family.kernel is asymptotes or family.kernel is nested_logit:
        first = K - 1 if family.kernel is asymptotes else K
        shape[:, first] = rng.uniform(-3, -0.4, n)
        shape[:, first + 1 : first + 2] = rng.uniform(0.4, 3, (n, min(1, shape.shape[1] - first - 1)))
    allowed = rng.random((n, K)) < draw(st.sampled_from([0.6, 1.0]))
    allowed[np.arange(n), rng.integers(0, K, n)] = True
    return Items(shape, rng.uniform(-3, 3, (n, Q)), allowed, rng.uniform(0, 20, (n, K, Q)) * allowed[:, :, None])


def varied(some: Items) -> Iterable[tuple[int, Items, Items]]:
    """Yield the number of each parameter (η, shape), and the items with it H higher and lower."""
    yield 0, some._replace(eta=some.eta + H), some._replace(eta=some.eta - H)
    for s in range(some.shape.shape[1]):
        step = np.zeros(some.shape.shape[1])
        step[s] = H
        yield s + 1, some._replace(shape=some.shape + step), some._replace(shape=some.shape - step)


def logs(family: Family, some: Items) -> Floats:
    found: Floats = family.kernel.log_probabilities(some.shape, some.eta, some.allowed)
    return found


def derivatives(family: Family, some: Items) -> Floats:
    found: Floats = family.kernel.derivatives(some.shape, some.eta, logs(family, some), some.allowed)
    return found


def curvature(family: Family, some: Items) -> Floats:
    found: Floats = family.kernel.curvature(some.shape, some.eta, some.counts, logs(family, some), some.allowed)
    return found


@EVERY
@given(data=st.data())
def test_probabilities_are_those_of_the_formula_and_sum_to_one(family: Family, data: st.DataObject) -> None:
    some = data.draw(items(family))
    found = logs(family, some)
    np.testing.assert_allclose(np.exp(found), table(family, some), rtol=1e-11, atol=1e-300)
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-13)
    assert (found[~some.allowed] == FLOOR).all()


@EVERY
@given(data=st.data())
def test_derivatives_are_differences_of_the_formula(family: Family, data: st.DataObject) -> None:
    some = data.draw(items(family))
    found = derivatives(family, some)
    for f, above, below in varied(some):
        gap = table(family, above) - table(family, below)
        expected = np.divide(gap, 2 * H * table(family, some), out=np.zeros_like(gap), where=some.allowed[:, :, None])
        np.testing.assert_allclose(found[:, f], expected, rtol=1e-6, atol=1e-6)


@EVERY
@given(data=st.data())
def test_curvature_is_differences_of_the_gradient(family: Family, data: st.DataObject) -> None:
    some = data.draw(items(family))
    found = curvature(family, some)
    np.testing.assert_array_equal(found, found.transpose(0, 2, 1, 3))
    for f, above, below in varied(some):
        slope = (derivatives(family, above) - derivatives(family, below)) / (2 * H)
        np.testing.assert_allclose(found[:, f], -(slope * some.counts[:, None]).sum(axis=2), rtol=1e-6, atol=1e-6)


@EVERY
@given(data=st.data())
def test_expected_curvature_is_the_fisher_information(family: Family, data: st.DataObject) -> None:
    some = data.draw(items(family))
    prob = table(family, some)
    by = derivatives(family, some)
    expected = np.einsum("nfkq,ngkq,nkq->nfgq", by, by, prob)
    np.testing.assert_allclose(curvature(family, some._replace(counts=prob)), expected, rtol=1e-9, atol=1e-12)


@EVERY
@given(data=st.data())
def test_person_curves_are_the_formula_and_its_differences(family: Family, data: st.DataObject) -> None:
    some = data.draw(items(family))

    def curves(eta: Floats) -> tuple[Floats, Floats, Floats]:
        prob, first, second = family.kernel.person_curves(some.shape, eta.T, some.allowed)
        return prob.transpose(1, 2, 0), first.transpose(1, 2, 0), second.transpose(1, 2, 0)

    prob, first, second = curves(some.eta)
    np.testing.assert_allclose(prob, table(family, some), rtol=1e-11, atol=1e-300)
    above, below = (some._replace(eta=some.eta + step) for step in (H, -H))
    np.testing.assert_allclose(first, (table(family, above) - table(family, below)) / (2 * H), rtol=1e-6, atol=1e-8)
    bend = (curves(above.eta)[1] - curves(below.eta)[1]) / (2 * H)
    np.testing.assert_allclose(second, bend, rtol=1e-6, atol=1e-8)


@EVERY
@given(data=st.data())
def test_further_columns_of_a_shared_table_change_nothing(family: Family, data: st.DataObject) -> None:
    """A mixed test has more extras than one family needs (for the 3PL the next is logit u, +inf)."""
    some = data.draw(items(family))
    n, S = some.shape.shape
    spare = np.full((n, 2), np.inf if some.allowed.shape[1] == S and family.kernel is asymptotes else 0.7)
    wider = some._replace(shape=np.hstack([some.shape, spare]))
    np.testing.assert_array_equal(logs(family, wider), logs(family, some))
    for evaluate, fills in ((derivatives, np.s_[:, : S + 1]), (curvature, np.s_[:, : S + 1, : S + 1])):
        found, expected = evaluate(family, wider), evaluate(family, some)
        np.testing.assert_array_equal(found[fills], expected)
        assert np.count_nonzero(found) == np.count_nonzero(expected)


@pytest.mark.parametrize("name", ["asymptotes", "nominal", "rating_scale", "nested_logit"])
def test_items_with_fewer_categories_share_a_wider_table(name: str) -> None:
    family = FAMILIES[name]
    rng = np.random.default_rng(7)
    for K in (2, 3) if name != "asymptotes" else (2,):
        narrow = Items(
            rng.uniform(-2, 2, (3, K - 1 + family.extras(K))),
            rng.uniform(-2, 2, (3, Q)),
            np.ones((3, K), dtype=bool),
            rng.uniform(0, 9, (3, K, Q)),
        )
        at = wide_columns(name, K, 5)
        shape = rng.uniform(-2, 2, (3, 4 + family.extras(5)))  # columns of absent categories hold anything
        shape[:, at] = narrow.shape
        fill = ((0, 0), (0, 5 - K))
        wide = Items(shape, narrow.eta, np.pad(narrow.allowed, fill), np.pad(narrow.counts, (*fill, (0, 0))))
        np.testing.assert_allclose(logs(family, wide)[:, :K], logs(family, narrow), rtol=1e-13)
        own = np.array([0, *(at + 1)])
        found = curvature(family, wide)
        np.testing.assert_allclose(found[:, own[:, None], own], curvature(family, narrow), rtol=1e-11, atol=1e-12)
        found[:, own[:, None], own] = 0
        np.testing.assert_allclose(found, 0, atol=1e-200)


def wide_columns(name: str, K: int, wide: int) -> NDArray[np.int64]:
    """Return where the shape columns of a table of K categories stand in a wider one."""
    fixed = 3 if name == "nested_logit" else 0
    extras = FAMILIES[name].extras(K)
    first = [*range(K - 1), *(wide - 1 + i for i in range(fixed))]
    return np.array([*first, *(wide - 1 + i for i in range(fixed, extras))])


# Equivalences


def test_asymptotes_of_zero_and_one_are_the_two_parameter_model_in_both_tails() -> None:
    x = np.array([[-650.0, -40.0, -1.3, 0.0, 2.2, 40.0, 650.0]])
    allowed = np.ones((1, 2), dtype=bool)
    shape = np.array([[0.0, -np.inf, np.inf]])
    found = asymptotes.log_probabilities(shape, x, allowed)
    np.testing.assert_allclose(found[:, 1], -np.logaddexp(0, -x), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(found[:, 0], -np.logaddexp(0, x), rtol=1e-13, atol=1e-15)
    by = asymptotes.derivatives(shape, x, found, allowed)
    right = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(by[:, 0, 1], 1 / (1 + np.exp(x)), rtol=1e-13)
    np.testing.assert_allclose(by[:, 0, 0], -right, rtol=1e-13)
    np.testing.assert_array_equal(by[:, 2:], 0)
    counts = np.ones((1, 2, 7)) * 1e6
    bend = asymptotes.curvature(shape, x, counts, found, allowed)
    np.testing.assert_allclose(bend[:, 0, 0], 2e6 * right * (1 - right), atol=1e-9)


@pytest.mark.parametrize("name", ["asymptotes", "nominal", "rating_scale", "nested_logit"])
def test_far_out_everything_stays_finite(name: str) -> None:
    family = FAMILIES[name]
    K = 2 if name == "asymptotes" else 4
    shape = np.full((2, K - 1 + family.extras(K)), 0.4)
    if name in {"asymptotes", "nested_logit"}:
        at = K - 1 if name == "asymptotes" else K
        shape[0, at : at + 2] = -np.inf, np.inf
    far = Items(shape, np.array([[-1e4, -800.0, 800.0, 1e4]] * 2), np.ones((2, K), bool), np.full((2, K, 4), 1e9))
    assert (logs(family, far) >= FLOOR).all()
    assert np.isfinite(derivatives(family, far)).all()
    assert np.isfinite(curvature(family, far)).all()
    for part in family.kernel.person_curves(far.shape, far.eta.T, far.allowed):
        assert np.isfinite(part).all()


def gpcm(a: Floats, e: Floats, eta: Floats) -> Floats:
    """Return P (n, K, Q) of the generalized partial credit model, logits k a η + e_k."""
    k = np.arange(e.shape[1] + 1)
    z = np.exp(k[:, None] * (a[:, None] * eta)[:, None] + np.pad(e, ((0, 0), (1, 0)))[:, :, None])
    return np.asarray(z / z.sum(axis=1, keepdims=True))


def test_nominal_with_equally_spaced_slopes_is_generalized_partial_credit() -> None:
    rng = np.random.default_rng(3)
    a, e, eta = rng.uniform(0.4, 2, 6), rng.normal(size=(6, 3)), rng.normal(size=(6, 11))
    shape = np.hstack([e, a[:, None] * [1, 2, 3]])
    found = nominal.log_probabilities(shape, eta, np.ones((6, 4), dtype=bool))
    np.testing.assert_allclose(np.exp(found), gpcm(a, e, eta), rtol=1e-12)


def test_rating_scale_is_partial_credit_with_thresholds_a_shift_apart() -> None:
    """Item difficulties δ_i and thresholds τ_j (Σ τ = 0) give step difficulties δ_i + τ_j."""
    rng = np.random.default_rng(4)
    difficulty, tau, eta = rng.normal(size=5), np.array([-1.1, 0.3, 0.8]), rng.normal(size=(5, 11))
    steps = difficulty[:, None] + tau
    shape = np.zeros((5, 5))
    shape[:, 0], shape[:, 3:] = -difficulty, -np.cumsum(tau)[:2]
    found = rating_scale.log_probabilities(shape, eta, np.ones((5, 4), dtype=bool))
    np.testing.assert_allclose(np.exp(found), gpcm(np.ones(5), -np.cumsum(steps, axis=1), eta), rtol=1e-12)


def test_nested_logit_without_its_distractors_is_the_model_with_asymptotes() -> None:
    """Categories 0 … K_i - 2 pooled give the wrong answer; given a wrong answer the rest is the nominal model."""
    rng = np.random.default_rng(5)
    shape, eta = rng.normal(size=(3, 10)), rng.normal(size=(3, 11))
    allowed = np.arange(5) < np.array([[5], [4], [3]])
    prob = np.exp(nested_logit.log_probabilities(shape, eta, allowed))
    key = np.array([4, 3, 2])
    slope, rows, two = shape[:, 4, None], np.arange(3), np.ones((3, 2), dtype=bool)
    dichotomous = np.column_stack([shape[rows, key - 1], shape[:, 5:7]])
    binary = np.exp(asymptotes.log_probabilities(dichotomous, slope * eta, two))
    np.testing.assert_allclose(prob[rows, key], binary[:, 1], rtol=1e-12)
    wrong = prob.sum(axis=1) - prob[rows, key]
    np.testing.assert_allclose(wrong, binary[:, 0], rtol=1e-11)
    among = np.exp(nominal.log_probabilities(np.hstack([shape[:, :3], shape[:, 7:]]), eta, np.arange(4) < key[:, None]))
    np.testing.assert_allclose(prob[:, :4] * (np.arange(4) < key[:, None])[:, :, None] / wrong[:, None], among, atol=1e-12)
