"""Errors of item parameters carried into scores: against draws of the parameters from their whole covariance."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.errors import ScoringError
from competency_dx.persons.grids import ItemUncertainty
from competency_dx.scoring.estimation import shared_errors

Floats = NDArray[np.float64]
Quiet = Callable[[], AbstractContextManager[None]]


def table(persons: int, items: int, seed: int) -> tuple[pd.DataFrame, Floats]:
    """Return graded answers (0, 1, 2) of persons and their θ."""
    rng = np.random.default_rng(seed)
    theta, a = rng.normal(size=persons), rng.uniform(0.8, 1.8, items)
    b = np.sort(rng.normal(0, 1, (items, 2)), axis=1)
    star = expit(a[:, None] * (theta[:, None, None] - b))
    codes = (rng.random((persons, items, 1)) < star).sum(axis=2)
    return pd.DataFrame(codes, columns=[f"q{k}" for k in range(items)]), theta


@pytest.mark.parametrize("model", ["GPCM", "GRM"])
def test_variances_are_those_of_draws(model: str, quiet: Quiet) -> None:
    """Mean posterior variance plus variance of posterior means over 150 draws of all parameters.

    The second part is a twentieth of the whole, so that its Monte-Carlo error of 12 % is .006 of it."""
    data, _ = table(300, 40, 1)
    with quiet():
        found = cdx.calibrate(data, model=model, priors=None)
    shared = shared_errors(found)
    assert shared is not None
    own = found.parameters
    full = shared.covariance.copy()
    for i in range(40):
        at = np.flatnonzero(shared.item == i)
        full[np.ix_(at, at)] = own.covariance[i][np.ix_(shared.column[at], shared.column[at])]
    assert np.linalg.eigvalsh(full)[0] > 0
    rng = np.random.default_rng(2)
    few = data.iloc[:40]
    means, variances = [], []
    for move in rng.multivariate_normal(np.zeros(len(full)), full, 150, method="cholesky"):
        delta = np.zeros(own.beta.shape)
        delta[shared.item, shared.column] = move
        e = own.intercepts + np.concatenate([np.zeros((40, 1)), delta[:, 1:3]], axis=1)
        e[:, 1:] = -np.sort(-e[:, 1:], axis=1) if model == "GRM" else e[:, 1:]  # boundaries do not cross
        other = replace(own, slopes=own.slopes + delta[:, :1], intercepts=e)
        scores = cdx.score(few, replace(found, parameters=other))
        means.append(scores.theta[:, 0])
        variances.append(scores.se[:, 0] ** 2)
    expected = np.mean(variances, axis=0) + np.var(means, axis=0)
    carried = cdx.score(few, found, method=cdx.EAP(item_uncertainty="all")).se[:, 0] ** 2
    bare = cdx.score(few, found, method=cdx.EAP(item_uncertainty="none")).se[:, 0] ** 2
    assert (expected / bare).mean() > 1.04
    assert (carried / expected).mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(carried, expected, rtol=0.2)


def of_two(persons: int, *, within: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return answers to 12 items of two correlated competencies and their Q-matrix; `within`: two items measure both."""
    rng = np.random.default_rng(8)
    loads = np.arange(12)[:, None] % 2 == np.arange(2)
    loads[:2] |= within
    theta = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], persons, method="cholesky")
    right = rng.random((persons, 12)) < expit(1.3 * theta @ loads.T + rng.normal(0, 0.7, 12))
    items = [f"q{k}" for k in range(12)]
    return pd.DataFrame(right.astype(float), columns=items), pd.DataFrame(loads.astype(int), items, ["x", "y"])


@pytest.mark.parametrize("within", [False, True])
def test_covariances_of_two_competencies_are_those_of_draws(within: bool, quiet: Quiet) -> None:
    """As above over 80 draws; the determinants and the single variances."""
    data, Q = of_two(300, within=within)
    with quiet():
        found = cdx.calibrate(data, model="2PL", dimensions=Q, priors=None)
    shared = shared_errors(found)
    assert shared is not None
    own, few = found.parameters, data.iloc[:8]
    full = shared.covariance.copy()
    for i in range(12):
        at = np.flatnonzero(shared.item == i)
        full[np.ix_(at, at)] = own.covariance[i][np.ix_(shared.column[at], shared.column[at])]
    means, variances = [], []
    for move in np.random.default_rng(2).multivariate_normal(np.zeros(len(full)), full, 80, method="cholesky"):
        delta = np.zeros(own.beta.shape)
        delta[shared.item, shared.column] = move
        moved = replace(
            own,
            slopes=own.slopes + delta[:, :2],
            intercepts=own.intercepts + np.concatenate([np.zeros((12, 1)), delta[:, 2:3]], axis=1),
        )
        scores = cdx.score(few, replace(found, parameters=moved))
        means.append(scores.theta)
        variances.append(scores.covariance)
    off = np.array(means) - np.mean(means, axis=0)
    expected = np.mean(variances, axis=0) + np.einsum("npd,npe->pde", off, off) / len(off)
    carried, bare = (cdx.score(few, found, method=cdx.EAP(item_uncertainty=x)).covariance for x in ("all", "none"))
    d = np.arange(2)
    assert (expected / bare)[:, d, d].mean() > 1.02
    assert (carried / expected)[:, d, d].mean() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(carried[:, d, d], expected[:, d, d], rtol=0.2)
    np.testing.assert_allclose(carried[:, 0, 1], expected[:, 0, 1], atol=0.05)
    alone = cdx.score(few.iloc[[5]], found, method=cdx.EAP(item_uncertainty="all"))
    assert alone.covariance[0].tobytes() == carried[5].tobytes()


def test_intervals_of_a_long_test_on_few_persons_cover(quiet: Quiet) -> None:
    """300 persons × 120 items: without item errors 95 % intervals cover clearly less."""
    data, theta = table(300, 120, 3)
    with quiet():
        found = cdx.calibrate(data, model="GRM", priors=None)
    covered = {}
    for choice in get_args(ItemUncertainty)[1:]:
        scores = cdx.score(data, found, method=cdx.EAP(item_uncertainty=choice))
        covered[choice] = float((np.abs(scores.theta[:, 0] - theta) < 1.96 * scores.se[:, 0]).mean())
    assert covered["none"] < covered["all"]
    assert 0.92 < covered["all"] < 0.985


def test_one_person_and_all_have_the_same_bytes(quiet: Quiet) -> None:
    data, _ = table(300, 20, 4)
    with quiet():
        found = cdx.calibrate(data, model="GRM")
    method = cdx.EAP(item_uncertainty="all")
    whole = cdx.score(data, found, method=method)
    part = cdx.score(data.iloc[[250]], found, method=method)
    assert part.covariance[0, 0, 0] == whole.covariance[250, 0, 0]


def test_nothing_is_shared_where_parameters_are_equal_by_constraint() -> None:
    data, _ = table(300, 6, 5)
    assert shared_errors(cdx.calibrate((data > 0).astype(int), model="1PL")) is None


def test_scores_on_an_older_scale_carry_the_error_of_the_link(quiet: Quiet) -> None:
    data, _ = table(300, 20, 4)
    with quiet():
        new, old = cdx.calibrate(data, model="GRM"), cdx.calibrate(data.iloc[:200], model="GRM")
        link = cdx.link(new, old)
        scores = cdx.score(data, new)
    moved = scores.linked(link)
    np.testing.assert_allclose(moved.theta, link.theta(scores.theta))
    x = scores.theta[:, 0]
    of_link = link.covariance[0, 0] * x**2 + 2 * link.covariance[0, 1] * x + link.covariance[1, 1]
    np.testing.assert_allclose(moved.se[:, 0] ** 2, (link.slope * scores.se[:, 0]) ** 2 + of_link)
    with pytest.raises(ScoringError) as caught:
        cdx.score(data, old).linked(link)
    assert caught.value.code == "scoring.other_link"
