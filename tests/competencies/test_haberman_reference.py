"""PRMSE of a form: against R sirt 4.3 on real subscales (../shared/reference) and against simulated persons."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.bank import ItemBank
from competency_dx.competencies.plan import prmse
from competency_dx.models import NormalPopulation

Floats = NDArray[np.float64]
SUBSCALES = [*(("timss07_g4", d) for d in "NGD"), *(("ecpe", d) for d in ("A1", "A2", "A3"))]


class Case(NamedTuple):
    """Points, the subscale of each item, the subscale in question, and sirt's statistics of it by name."""

    points: Floats
    domain: NDArray[np.intp]
    of: int
    sirt: dict[str, float]


def alpha(points: Floats) -> float:
    """Return Cronbach's α of all items."""
    I, V = points.shape[1], np.cov(points.T)
    return float(I / (I - 1) * (1 - np.trace(V) / V.sum()))


def predicted(points: Floats, domain: NDArray[np.intp]) -> Floats:
    """Return PRMSE (3, D) of each subscale, the errors of its sum from its α."""
    D = int(domain.max()) + 1
    observed = np.atleast_2d(np.cov([points[:, domain == d].sum(axis=1) for d in range(D)]))
    reliable = np.array([alpha(points[:, domain == d]) for d in range(D)]) * np.diag(observed)
    true = observed.copy()
    np.fill_diagonal(true, reliable)
    return prmse(observed[None], (true / np.sqrt(reliable)[:, None])[None], np.eye(D, dtype=np.bool_))[:, 0]


@pytest.fixture(params=SUBSCALES, ids="-".join)
def case(request: pytest.FixtureRequest, shared: Callable[[str], Path]) -> Case:
    name, domain = request.param
    found: dict[str, Any] = json.loads(shared("classification_prmse.json").read_text(encoding="utf-8"))["prmse"][name]
    table = pd.read_csv(shared(f"data/{name}.csv")).rename(columns=lambda c: c.replace(" ", "."))
    points = table[found["domain_of_item"]["item"]].dropna().to_numpy(float)
    assert len(points) == found["n"]
    column = dict(zip(found["result"]["statistic"], found["result"][domain], strict=True))
    names, domains = np.unique(found["domain_of_item"]["domain"], return_inverse=True)
    return Case(points, domains, names.tolist().index(domain), column)


def test_prmse_of_the_separate_score_agrees_with_sirt(case: Case) -> None:
    separate, _, _ = predicted(case.points, case.domain)[:, case.of]
    assert separate == pytest.approx(case.sirt["prmse.X"], abs=1e-7)


def test_prmse_of_the_total_differs_from_sirt_by_one_factor(case: Case) -> None:
    """sirt takes the error variance times √α of the total out of cov(s, x), Haberman (2008) the error variance itself."""
    separate, total, augmented = predicted(case.points, case.domain)[:, case.of]
    s, x = case.points[:, case.domain == case.of].sum(axis=1), case.points.sum(axis=1)
    covariance = np.cov(s, x)
    factor = np.sqrt(alpha(case.points))
    shared_part = covariance[0, 1] - factor * (1 - separate) * covariance[0, 0]
    as_sirt = shared_part**2 / (separate * covariance[0, 0] * covariance[1, 1])
    assert as_sirt == pytest.approx(case.sirt["prmse.Z"], abs=1e-7)
    assert total < as_sirt
    assert separate < total < augmented  # in neither test a subscale tells more of itself than the whole test does


def test_one_scale_is_its_own_total() -> None:
    points = np.random.default_rng(3).normal(size=(60, 5)) + np.arange(60)[:, None] % 3
    np.testing.assert_allclose(predicted(points, np.zeros(5, dtype=np.intp)), alpha(points), rtol=1e-12)


class Form(NamedTuple):
    """A bank of leaves with 4, 6 and 9 items, the population, and persons drawn from it: percent (P, C), points (P, I)."""

    bank: ItemBank
    population: NormalPopulation
    percent: Floats
    points: NDArray[np.bool_]
    leaf: NDArray[np.intp]


@pytest.fixture(scope="module")
def form(scored_bank: Callable[..., ItemBank]) -> Form:
    leaf = np.repeat(range(3), (4, 6, 9))
    rng = np.random.default_rng(20)
    a, b = rng.uniform(0.7, 1.8, 19), rng.normal(-0.3, 1.0, 19)
    codes = ("S.1.1", "S.1.2", "S.2.1")
    bank = scored_bank([(f"i{k}", a[k], [b[k]], codes[leaf[k]]) for k in range(19)])
    covariance = np.array([[1.0, 0.8, 0.5], [0.8, 1.2, 0.6], [0.5, 0.6, 0.9]])
    population = NormalPopulation(dimensions=codes, mean=np.array([0.2, 0.0, -0.4]), covariance=covariance)
    theta = population.mean + rng.normal(size=(100_000, 3)) @ np.linalg.cholesky(covariance).T
    right = expit(a * (theta[:, leaf] - b))
    units = np.array([leaf >= 0, leaf < 2, leaf == 0, leaf == 1, leaf == 2, leaf == 2])  # S, S.1, its leaves, S.2, its leaf
    return Form(bank, population, right @ units.T / units.sum(axis=1), rng.random(right.shape) < right, leaf)


@pytest.mark.parametrize("answered", [range(19), [0, 1, 5, 6, 7, 12, 13], [2, 3, *range(10, 19)]], ids=len)
def test_prmse_is_the_squared_correlation_with_the_true_percent(answered: Sequence[int], form: Form) -> None:
    """100,000 persons: sampling error of r² is below .0025."""
    answers = pd.DataFrame([[0] * len(answered)], columns=[f"i{k}" for k in answered])
    found = cdx.diagnose(answers, form.bank, population=form.population)
    sums = np.stack([form.points[:, [k for k in answered if form.leaf[k] == d]].sum(axis=1) for d in range(3)], axis=1)
    for c, (unit, own) in enumerate(zip(found.competencies, ([0, 1, 2], [0, 1], [0], [1], [2], [2]), strict=True)):
        percent = form.percent[:, c]
        for name, predictor in (("reliability", sums[:, own].sum(axis=1)), ("prmse_total", sums.sum(axis=1))):
            at = getattr(found, name)[0, c]
            if np.ptp(predictor):
                assert at == pytest.approx(np.corrcoef(percent, predictor)[0, 1] ** 2, abs=0.006), (unit.code, name)
            else:
                assert np.isnan(at), (unit.code, name)
        X = np.column_stack([np.ones(len(sums)), sums])
        left = percent - X @ np.linalg.lstsq(X, percent, rcond=None)[0]
        assert found.prmse[0, c] == pytest.approx(1 - left.var() / percent.var(), abs=0.006), unit.code
