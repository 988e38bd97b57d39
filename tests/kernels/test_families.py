"""Kernels of item families: derivatives against finite differences over hypothesis-drawn parameters."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from competency_dx.kernels import families
from competency_dx.kernels.families import FLOOR, Groups, KernelGroup, graded, partial_credit

Floats = NDArray[np.float64]
THETA = np.linspace(-3, 3, 9)
H = 1e-5
KERNELS = [partial_credit, graded]
FAMILIES = pytest.mark.parametrize("kernel", KERNELS, ids=["partial_credit", "graded"])


class Items(NamedTuple):
    """Parameters (n, K) of n items and the categories (n, K) their model admits."""

    beta: Floats
    allowed: NDArray[np.bool_]


@st.composite
def items(draw: st.DrawFn, *, descending: bool) -> Items:
    """Draw two to three items of up to four categories, some categories not admitted, at least two admitted."""
    n, K = draw(st.integers(2, 3)), draw(st.integers(2, 4))
    number = st.floats(-2, 2, allow_nan=False)
    beta = np.array([[draw(number) for _ in range(K)] for _ in range(n)])
    beta[:, 0] = [draw(st.floats(0.3, 2.5)) * draw(st.sampled_from([1, 1, -1])) for _ in range(n)]
    if descending:  # boundaries at least .3 apart, so that no category is so rare that differences lose digits
        beta[:, 1:] = 2 - np.cumsum(0.3 + np.abs(beta[:, 1:]), axis=1)
    allowed = np.array([[draw(st.booleans()) for _ in range(K)] for _ in range(n)])
    for row in allowed:
        row[list(draw(st.permutations(range(K))))[:2]] = True
    return Items(np.where(allowed | (np.arange(K) == 0), beta, 0.0), allowed)


def free(some: Items) -> list[tuple[int, int]]:
    """Return positions (item, parameter) that the likelihood depends on."""
    lowest = some.allowed.argmax(axis=1)
    admitted = some.allowed & (np.arange(some.allowed.shape[1]) > lowest[:, None])
    return [(i, 0) for i in range(len(admitted))] + list(zip(*(x.tolist() for x in np.nonzero(admitted)), strict=True))


def shifted(some: Items, at: tuple[int, int], by: float) -> Floats:
    out = some.beta.copy()
    out[at] += by
    return out


def only(kernel: ModuleType, n: int = 1) -> Groups:
    """Return a test of n items of one kernel."""
    return (KernelGroup(kernel, np.arange(n)),)


def draw_items(kernel: ModuleType) -> st.SearchStrategy[Items]:
    return items(descending=kernel is graded)


@FAMILIES
@given(data=st.data())
def test_probabilities_of_admitted_categories_sum_to_one(kernel: ModuleType, data: st.DataObject) -> None:
    some = data.draw(draw_items(kernel))
    log_prob = families.log_probabilities(only(kernel, len(some.beta)), some.beta, THETA, some.allowed)
    prob = np.exp(log_prob)
    np.testing.assert_allclose(prob.sum(axis=1), 1, atol=1e-12)
    assert (log_prob[~some.allowed] <= FLOOR + 1).all()


@FAMILIES
@given(data=st.data())
def test_derivatives_are_finite_differences(kernel: ModuleType, data: st.DataObject) -> None:
    some = data.draw(draw_items(kernel))
    log_prob = families.log_probabilities(only(kernel, len(some.beta)), some.beta, THETA, some.allowed)
    found = families.derivatives(only(kernel, len(some.beta)), some.beta, log_prob, THETA, some.allowed)
    for i, f in free(some):
        up = families.log_probabilities(only(kernel, len(some.beta)), shifted(some, (i, f), H), THETA, some.allowed)
        down = families.log_probabilities(only(kernel, len(some.beta)), shifted(some, (i, f), -H), THETA, some.allowed)
        numeric = (up - down)[i] / (2 * H)
        admitted = some.allowed[i]
        np.testing.assert_allclose(found[i, f][admitted], numeric[admitted], atol=1e-6, rtol=1e-6)


@FAMILIES
@given(data=st.data())
def test_information_is_the_second_difference(kernel: ModuleType, data: st.DataObject) -> None:
    """The Hessian of Σ counts log P is taken as the difference of the analytic gradient, itself tested above."""
    some = data.draw(draw_items(kernel))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    counts = rng.gamma(2.0, size=(*some.beta.shape, len(THETA))) * some.allowed[:, :, None]

    def gradient(beta: Floats) -> Floats:
        log_prob = families.log_probabilities(only(kernel, len(beta)), beta, THETA, some.allowed)
        out: Floats = np.einsum(
            "nkq,nfkq->nf", counts, families.derivatives(only(kernel, len(beta)), beta, log_prob, THETA, some.allowed)
        )
        return out

    log_prob = families.log_probabilities(only(kernel, len(some.beta)), some.beta, THETA, some.allowed)
    found = families.information(only(kernel, len(some.beta)), some.beta, counts, log_prob, THETA, some.allowed)
    places = free(some)
    for i, f in places:
        numeric = -(gradient(shifted(some, (i, f), H)) - gradient(shifted(some, (i, f), -H)))[i] / (2 * H)
        for j, g in places:
            if j == i:
                assert found[i, f, g] == pytest.approx(numeric[g], abs=1e-4, rel=1e-5)


@FAMILIES
@given(data=st.data())
def test_expected_information_is_information_at_expected_counts(kernel: ModuleType, data: st.DataObject) -> None:
    some = data.draw(draw_items(kernel))
    totals = np.random.default_rng(1).gamma(2.0, size=(len(some.beta), len(THETA)))
    log_prob = families.log_probabilities(only(kernel, len(some.beta)), some.beta, THETA, some.allowed)
    prob = np.where(some.allowed[:, :, None], np.exp(log_prob), 0.0)
    at = only(kernel, len(some.beta)), some.beta, totals[:, None] * prob, log_prob, THETA, some.allowed
    expected, observed = families.scoring_step(*at)[1], families.information(*at)
    for i, f in free(some):
        for j, g in free(some):
            if i == j:
                assert observed[i, f, g] == pytest.approx(expected[i, f, g], abs=1e-8)


@FAMILIES
@given(data=st.data())
def test_person_curves_are_probabilities_with_their_derivatives(kernel: ModuleType, data: st.DataObject) -> None:
    some = data.draw(draw_items(kernel))
    prob, first, second = families.person_curves(only(kernel, len(some.beta)), some.beta, THETA, some.allowed)
    log_prob = families.log_probabilities(only(kernel, len(some.beta)), some.beta, THETA, some.allowed)
    np.testing.assert_allclose(prob, np.exp(log_prob).transpose(2, 0, 1), atol=1e-12)
    up, up_first, _ = families.person_curves(only(kernel, len(some.beta)), some.beta, THETA + H, some.allowed)
    down, down_first, _ = families.person_curves(only(kernel, len(some.beta)), some.beta, THETA - H, some.allowed)
    np.testing.assert_allclose(first, (up - down) / (2 * H), atol=1e-8)
    np.testing.assert_allclose(second, (up_first - down_first) / (2 * H), atol=1e-8)


def test_partial_credit_is_the_formula_of_masters() -> None:
    """P(X = 2) = exp(2θ - b1 - b2) / (1 + exp(θ - b1) + exp(2θ - b1 - b2)) with b = (-0.5, 1) at θ = 0.3, by hand."""
    e = np.array([0.0, 0.5, -0.5])
    expected = np.exp(np.array([0.0, 0.3, 0.6]) + e)
    expected /= expected.sum()
    found = families.log_probabilities(only(partial_credit), np.array([[1.0, 0.5, -0.5]]), np.array([0.3]), np.ones((1, 3), bool))
    np.testing.assert_allclose(np.exp(found[0, :, 0]), expected, rtol=1e-14)


def test_graded_is_the_formula_of_samejima() -> None:
    """P(X >= k) = logistic(a(θ - b_k)) with a = 1.5, b = (-1, 0.4) at θ = 0.3, by hand."""
    star = 1 / (1 + np.exp(-1.5 * (0.3 - np.array([-1.0, 0.4]))))
    expected = np.array([1 - star[0], star[0] - star[1], star[1]])
    found = families.log_probabilities(only(graded), np.array([[1.5, 1.5, -0.6]]), np.array([0.3]), np.ones((1, 3), bool))
    np.testing.assert_allclose(np.exp(found[0, :, 0]), expected, rtol=1e-13)


@pytest.mark.parametrize("kernel", KERNELS)
def test_leaving_a_category_out_is_a_model_without_it(kernel: ModuleType) -> None:
    """An item that never sees category 1 of 0, 1, 2 under GRM is a dichotomous one with the boundary d_2."""
    theta, allowed = THETA, np.array([[True, False, True]])
    found = families.log_probabilities(only(kernel), np.array([[1.3, 0.0, -0.7]]), theta, allowed)[0]
    slope = 2.6 if kernel is partial_credit else 1.3  # categories 0 and 2 are two slopes apart in divide-by-total
    right = 1 / (1 + np.exp(-(slope * theta - 0.7)))
    np.testing.assert_allclose(np.exp(found[2]), right, rtol=1e-12)
    np.testing.assert_allclose(np.exp(found[0]), 1 - right, rtol=1e-12)
