"""Haberman's PRMSE: against R sirt 4.3 on real subscales (../shared/reference) and against known true scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from competency_dx.competencies import gate

Floats = NDArray[np.float64]
SUBSCALES = [*(("timss07_g4", d) for d in "NGD"), *(("ecpe", d) for d in ("A1", "A2", "A3"))]


class Case(NamedTuple):
    """Points, the items of one subscale, and sirt's statistics of it by name."""

    points: Floats
    member: NDArray[np.bool_]
    sirt: dict[str, float]


def alpha(points: Floats) -> float:
    """Return Cronbach's α of all items."""
    return gate.haberman(np.cov(points.T), np.ones(points.shape[1], dtype=bool))[0]


@pytest.fixture(params=SUBSCALES, ids="-".join)
def case(request: pytest.FixtureRequest, shared: Callable[[str], Path]) -> Case:
    name, domain = request.param
    found: dict[str, Any] = json.loads(shared("classification_prmse.json").read_text(encoding="utf-8"))["prmse"][name]
    table = pd.read_csv(shared(f"data/{name}.csv")).rename(columns=lambda c: c.replace(" ", "."))
    points = table[found["domain_of_item"]["item"]].dropna().to_numpy(float)
    assert len(points) == found["n"]
    column = dict(zip(found["result"]["statistic"], found["result"][domain], strict=True))
    return Case(points, np.array(found["domain_of_item"]["domain"]) == domain, column)


def test_prmse_of_the_own_score_agrees_with_sirt(case: Case) -> None:
    own, _ = gate.haberman(np.cov(case.points.T), case.member)
    assert own == pytest.approx(case.sirt["prmse.X"], abs=1e-7)


def test_prmse_of_the_total_differs_from_sirt_by_one_factor(case: Case) -> None:
    """sirt takes the error variance times √α of the total out of cov(s, x), Haberman (2008) the error variance itself."""
    own, total = gate.haberman(np.cov(case.points.T), case.member)
    s, x = case.points[:, case.member].sum(axis=1), case.points.sum(axis=1)
    covariance = np.cov(s, x)
    factor = np.sqrt(alpha(case.points))
    shared_part = covariance[0, 1] - factor * (1 - own) * covariance[0, 0]
    as_sirt = shared_part**2 / (own * covariance[0, 0] * covariance[1, 1])
    assert as_sirt == pytest.approx(case.sirt["prmse.Z"], abs=1e-7)
    assert total < as_sirt
    assert own < total  # in neither test a subscale tells more of itself than the whole test does


def test_prmse_is_the_squared_correlation_with_the_true_subscore() -> None:
    """50 000 persons, three subscales of parallel items correlated .8: sampling error of r² is below .004."""
    rng = np.random.default_rng(20)
    correlation = np.full((3, 3), 0.8) + 0.2 * np.eye(3)
    true = rng.multivariate_normal(np.zeros(3), correlation, 50_000, method="cholesky")
    points = np.repeat(true, 5, axis=1) + 1.5 * rng.normal(size=(50_000, 15))
    for k in range(3):
        member = np.arange(15) // 5 == k
        own, total = gate.haberman(np.cov(points.T), member)
        assert own == pytest.approx(np.corrcoef(true[:, k], points[:, member].sum(axis=1))[0, 1] ** 2, abs=0.008)
        assert total == pytest.approx(np.corrcoef(true[:, k], points.sum(axis=1))[0, 1] ** 2, abs=0.008)


def test_alpha_of_two_standardised_items_is_spearman_brown() -> None:
    rng = np.random.default_rng(3)
    raw = rng.normal(size=(60, 1)) + rng.normal(size=(60, 2))
    standard = (raw - raw.mean(axis=0)) / raw.std(axis=0, ddof=1)
    r = np.corrcoef(standard.T)[0, 1]
    assert alpha(standard) == pytest.approx(2 * r / (1 + r), rel=1e-12)


def test_alpha_is_undefined_for_one_item_and_for_a_constant_sum() -> None:
    one = np.array([True, False])
    assert np.isnan(gate.haberman(np.eye(2), one)[0])
    assert np.isnan(alpha(np.array([[1.0, 0.0], [0.0, 1.0]])))
