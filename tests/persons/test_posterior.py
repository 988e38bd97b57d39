"""The posterior of persons: every way of integrating against plain sums, and nobody's numbers depend on the others."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.models import ItemParameters, NormalPopulation, log_probabilities
from competency_dx.persons import Posterior, match, posterior_of, scoring_grid

Floats = NDArray[np.float64]
KINDS = ["one", "each one of three", "several of two", "several of three", "general and specific"]


def parameters(loads: NDArray[np.bool_], slope: float, correlation: float = 0.5, seed: int = 1) -> ItemParameters:
    """Return 2PL items with slopes about `slope` where `loads` (I, D), and correlated competencies."""
    rng = np.random.default_rng(seed)
    I, D = loads.shape
    d = rng.normal(0, slope, I)
    V = np.full((D, D), correlation) + (1 - correlation) * np.eye(D)
    return ItemParameters(
        items=tuple(f"q{i}" for i in range(I)),
        families=("2PL",) * I,
        statuses=("calibrated",) * I,
        n_categories=np.full(I, 2),
        slopes=slope * loads * rng.uniform(0.7, 1.2, (I, D)),
        intercepts=np.stack([np.zeros(I), d], axis=1),
        extras=np.zeros((I, 0)),
        covariance=np.zeros((I, D + 1, D + 1)),
        population=NormalPopulation(dimensions=tuple("xyz"[:D]), mean=np.zeros(D), covariance=V),
    )


def of_kind(kind: str, I: int = 9, slope: float = 1.4) -> ItemParameters:
    if kind == "one":
        return parameters(np.ones((I, 1), dtype=np.bool_), slope)
    if kind == "each one of three":
        return parameters(np.arange(I)[:, None] % 3 == np.arange(3), slope)
    if kind == "general and specific":
        return parameters(np.stack([np.arange(I) >= 0, np.arange(I) % 3 == 0, np.arange(I) % 3 == 1], axis=1), slope, 0.0)
    D = 2 if kind.endswith("two") else 3
    return parameters(np.arange(I)[:, None] % D != np.arange(D)[::-1] * (np.arange(I) % 2)[:, None], slope)


def answers(known: ItemParameters, P: int, missing: float = 0.1) -> cdx.Responses:
    rng = np.random.default_rng(3)
    D = len(known.dimensions)
    theta = rng.normal(size=(P, D)) @ np.linalg.cholesky(known.population.covariance).T
    right = rng.random((P, len(known.items))) < expit(theta @ known.slopes.T + known.intercepts[:, 1])
    table = right.astype(float)
    table[rng.random(table.shape) < missing] = np.nan
    frame = pd.DataFrame(table, columns=list(known.items))
    frame.insert(0, "person", [f"p{k}" for k in range(P)])
    return cdx.load_responses(frame)


def posterior(known: ItemParameters, P: int = 5, rows: list[int] | None = None, **changes: object) -> Posterior:
    matched = match(answers(known, P), known, cdx.MissingPolicy())
    some = matched if rows is None else matched.rows(np.array(rows))
    return posterior_of(some, known, cdx.EAP(**changes))  # type: ignore[arg-type]


def plain(known: ItemParameters, row: Floats) -> tuple[Floats, Floats, float]:
    """Return mean, covariance and log evidence by plain sums over a fine grid that follows the posterior."""
    D, precision = len(known.dimensions), np.linalg.inv(known.population.covariance)
    centre, spread = known.population.mean, np.sqrt(np.diag(known.population.covariance))
    for points in (61, 61, 61) if D < 3 else (41, 25, 31):
        axes = [c + s * np.linspace(-6, 6, points) for c, s in zip(centre, spread, strict=True)]
        theta = np.array(list(product(*axes)))
        table = log_probabilities(known, theta[:, 0] if D == 1 else theta)
        off = theta - known.population.mean
        joint = -0.5 * np.einsum("qd,de,qe->q", off, precision, off)
        joint += 0.5 * np.linalg.slogdet(precision / (2 * np.pi))[1] + sum(np.log(a[1] - a[0]) for a in axes)
        joint += sum(table[i, int(x)] for i, x in enumerate(row) if not np.isnan(x))
        weight = np.exp(joint - joint.max())
        evidence = float(np.log(weight.sum()) + joint.max())
        weight /= weight.sum()
        centre = weight @ theta
        covariance = np.einsum("q,qd,qe->de", weight, theta - centre, theta - centre)
        spread = np.sqrt(np.diag(covariance))
    return centre, covariance, evidence


@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_evidence_are_those_of_plain_sums(kind: str) -> None:
    known = of_kind(kind)
    found = posterior(known).moments()
    table = answers(known, 5).to_frame().to_numpy()[:, 1:].astype(float)
    close = 5e-3 if kind.startswith("each") else 2e-4
    for p in range(3):
        mean, covariance, evidence = plain(known, table[p])
        np.testing.assert_allclose(found.mean[p], mean, atol=close)
        np.testing.assert_allclose(found.covariance[p], covariance, atol=2 * close)
        assert found.log_evidence[p] == pytest.approx(evidence, abs=close)


@pytest.mark.parametrize(("I", "slope", "D"), [(60, 1.7, 3), (5, 4.0, 2), (80, 4.0, 2)])
def test_items_of_several_competencies_keep_their_precision_however_long_and_sharp_the_test(I: int, slope: float, D: int) -> None:
    """Means to .002, standard errors to .5 % (a fixed grid of 25 or 41 points was off by .0085 and 4.4 % at 60 items)."""
    known = of_kind("several of two" if D == 2 else "several of three", I, slope)
    found = posterior(known, 2).moments()
    table = answers(known, 2).to_frame().to_numpy()[:, 1:].astype(float)
    for p in range(2):
        mean, covariance, _ = plain(known, table[p])
        np.testing.assert_allclose(found.mean[p], mean, atol=2e-3)
        np.testing.assert_allclose(np.sqrt(np.diag(found.covariance[p])), np.sqrt(np.diag(covariance)), rtol=5e-3)


@pytest.mark.parametrize("status", ["calibrated", "provisional"])
@pytest.mark.parametrize(("I", "slope"), [(5, 0.5), (5, 4.0), (100, 1.0), (100, 4.0)])
def test_twice_the_points_change_nothing(I: int, slope: float, status: str) -> None:
    errors = np.diag([0.09, 0.09]) if status == "provisional" else np.zeros((2, 2))
    for kind in ("one", "each one of three"):
        known = of_kind(kind, I, slope)
        wide = np.zeros((I, len(known.dimensions) + 1, len(known.dimensions) + 1))
        wide[:] = np.eye(wide.shape[1]) * errors[0, 0] * np.concatenate([known.loads, np.ones((I, 1))], axis=1)[:, :, None]
        known = replace(known, statuses=(status,) * I, covariance=wide)
        usual, fine = (posterior(known, 20).moments(), posterior(known, 20, points=1001).moments())
        np.testing.assert_allclose(usual.mean, fine.mean, atol=1e-5)
        np.testing.assert_allclose(usual.covariance, fine.covariance, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("I", "slope"), [(6, 0.5), (6, 4.0), (18, 4.0)])
def test_dimension_reduction_is_fine_enough_for_sharp_items(I: int, slope: float) -> None:
    known = of_kind("general and specific", I, slope)
    intercepts = np.stack([np.zeros(I), np.linspace(-2, 2, I) * slope], axis=1)
    known = replace(known, intercepts=intercepts)
    usual = posterior(known, 4).moments()
    table = answers(known, 4).to_frame().to_numpy()[:, 1:].astype(float)
    for p in range(2):
        mean, covariance, _ = plain(known, table[p])
        np.testing.assert_allclose(usual.mean[p], mean, atol=1e-3)
        np.testing.assert_allclose(usual.covariance[p], covariance, atol=2e-3)


@pytest.mark.parametrize("kind", ["each one of three", "general and specific"])
def test_grids_of_several_competencies_move_their_ends_out_too(kind: str) -> None:
    """Items so hard that who solves them all lies beyond 6 SD: the axes follow."""
    known = of_kind(kind, 30, 3.0)
    hard = replace(known, intercepts=np.stack([np.zeros(30), np.full(30, -21.0)], axis=1))
    right = cdx.load_responses(pd.DataFrame(np.ones((1, 30)), columns=list(hard.items), index=["p1"]))
    integral = posterior_of(match(right, hard, cdx.MissingPolicy()), hard)
    ends: list[float] = []
    for d in range(3):
        integral.marginals(d, lambda _, marginal: ends.append(float(np.exp(marginal.log_density)[0, -1])))
    assert max(ends) < 1e-3


def test_ends_move_out_until_no_pattern_presses_against_them() -> None:
    known = parameters(np.ones((40, 1), dtype=np.bool_), 3.0)
    hard = replace(known, intercepts=np.stack([np.zeros(40), np.full(40, -21.0)], axis=1))
    grid = scoring_grid(hard, 61, "none")
    assert grid.theta[-1] > 6.0
    right = cdx.load_responses(pd.DataFrame(np.ones((1, 40)), columns=list(hard.items), index=["p1"]))
    found = posterior_of(match(right, hard, cdx.MissingPolicy()), hard).moments()
    theta = np.linspace(-6, 20, 20_001)
    joint = log_probabilities(hard, theta)[:, 1].sum(axis=0) - theta**2 / 2
    weight = np.exp(joint - joint.max())
    assert found.mean[0, 0] == pytest.approx(weight @ theta / weight.sum(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_alone_has_the_bytes_of_the_table(kind: str) -> None:
    known = of_kind(kind)
    whole, one = posterior(known, 7), posterior(known, 7, [4])
    for all_, alone in zip(whole.moments(), one.moments(), strict=True):
        assert all_[4:5].tobytes() == alone.tobytes()
    assert whole.draws(16, key=b"k")[4:5].tobytes() == one.draws(16, key=b"k").tobytes()
    assert whole.below(0.2)[4:5].tobytes() == one.below(0.2).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_draws_moments_and_probabilities_agree(kind: str) -> None:
    """Averages over 256 draws are near the moments and near the distribution functions."""
    known = of_kind(kind)
    asked = posterior(known, 3)
    found, draws = asked.moments(), asked.draws(256)
    sd = np.sqrt(np.einsum("pdd->pd", found.covariance))
    np.testing.assert_allclose((draws.mean(axis=1) - found.mean) / sd, 0, atol=0.03)
    np.testing.assert_allclose(draws.std(axis=1) / sd, 1, atol=0.04)
    centred = draws - draws.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(np.einsum("pnd,pne->pde", centred, centred) / 256, found.covariance, atol=0.08)
    np.testing.assert_allclose(asked.below(0.2), (draws < 0.2).mean(axis=1), atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_provisional_items_widen_the_posterior(kind: str) -> None:
    known = of_kind(kind)
    D = len(known.dimensions)
    errors = 0.2 * np.eye(D + 1) * np.concatenate([known.loads, np.ones((9, 1))], axis=1)[:, :, None]
    loose = replace(known, statuses=("provisional",) * 9, covariance=errors)
    certain, uncertain = posterior(known).moments().covariance, posterior(loose).moments().covariance
    assert (np.einsum("pdd->pd", uncertain).mean(axis=0) > np.einsum("pdd->pd", certain).mean(axis=0)).all()
    without = posterior(loose, item_uncertainty="none").moments().covariance
    np.testing.assert_array_equal(without, certain)


def test_plausible_values_of_several_competencies_have_their_correlation() -> None:
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(300, 2)) @ np.array([[1, 0.5], [0, np.sqrt(0.75)]])
    at = np.repeat([0, 1], 6)
    right = rng.random((300, 12)) < expit(1.5 * theta[:, at] - np.linspace(-1, 1, 12))
    frame = pd.DataFrame(right.astype(float), columns=[f"q{k}" for k in range(12)])
    frame.insert(0, "person", [f"p{k}" for k in range(300)])
    found = cdx.calibrate(frame, model="Rasch", dimensions={f"q{k}": "xy"[d] for k, d in enumerate(at)})
    values = cdx.plausible_values(frame, found, n=5, rng=np.random.default_rng(1))
    assert values.values.shape == (300, 5, 2)
    drawn = np.cov(values.values.reshape(-1, 2).T)
    np.testing.assert_allclose(drawn, found.population.covariance, atol=0.25)
    scores = cdx.score(frame, found)
    np.testing.assert_allclose(values.values.mean(axis=(0, 1)), scores.theta.mean(axis=0), atol=0.06)
