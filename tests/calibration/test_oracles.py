"""Marginal likelihood, gradient and observed information against quadrature and finite differences.

Every case is a small random table at a state that is no maximum, so that nothing vanishes by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from competency_dx.calibration import Priors
from competency_dx.calibration.em import Evaluation, evaluate
from competency_dx.calibration.newton import gradient, observed_information
from competency_dx.calibration.problem import Problem, State, build, category_counts

Floats = NDArray[np.float64]
POINTS = 161
H = 1e-4


class Setup(NamedTuple):
    """What a case varies: family of each item, its categories, missing answers, priors, anchored items."""

    families: tuple[str, ...]
    n_categories: tuple[int, ...]
    missing: float = 0.0
    priors: Priors | None = None
    anchored: tuple[int, ...] = ()


CASES = {
    "Rasch": Setup(("Rasch",) * 4, (2,) * 4),
    "2PL": Setup(("2PL",) * 4, (2,) * 4),
    "PCM with missing answers": Setup(("PCM",) * 3, (3, 4, 3), missing=0.3),
    "GPCM": Setup(("GPCM",) * 3, (3, 4, 3)),
    "GRM": Setup(("GRM",) * 3, (3, 4, 3)),
    "GRM, missing, priors": Setup(("GRM",) * 4, (3, 4, 3, 5), missing=0.3, priors=Priors()),
    "mixed families": Setup(("2PL", "GPCM", "GRM", "Rasch", "PCM"), (2, 3, 4, 2, 3)),
    "mixed, missing, priors": Setup(
        ("2PL", "GRM", "GPCM", "PCM"), (2, 4, 3, 3), 0.25, Priors(slope_sd=0.4, step_sd=1.5)
    ),
    "anchors: population free": Setup(("2PL", "GPCM", "GRM", "2PL"), (2, 3, 3, 2), 0.2, None, (0, 2)),
    "anchors and priors": Setup(("GRM", "GPCM", "2PL"), (4, 3, 2), 0.0, Priors(), (1,)),
}


class Case(NamedTuple):
    """A problem with a state, and the raw table it came from."""

    problem: Problem
    state: State
    codes: NDArray[np.int8]
    observed: NDArray[np.bool_]
    setup: Setup

    def at(self, state: State) -> Evaluation:
        return evaluate(self.problem, state, POINTS, None)


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    setup: Setup = request.param
    rng = np.random.default_rng(11)
    n_categories = np.array(setup.n_categories)
    I, K = len(n_categories), int(n_categories.max())
    codes = (rng.random((40, I)) * n_categories).astype(np.int8)
    observed = rng.random((40, I)) >= setup.missing
    codes = np.where(observed, codes, np.int8(0))
    beta = np.zeros((I, K))
    for i, (family, m) in enumerate(zip(setup.families, setup.n_categories, strict=True)):
        free = family in {"2PL", "GPCM", "GRM"}
        beta[i, 0] = rng.uniform(0.6, 1.8) if free else 1.0
        steps = np.sort(rng.normal(0, 1, m - 1))[::-1] - 0.2 * np.arange(m - 1)
        beta[i, 1:m] = steps if family == "GRM" else np.cumsum(steps)
    fixed = np.isin(np.arange(I), setup.anchored)
    counts = category_counts(codes, observed, K)
    values = np.where(np.arange(K) < n_categories[:, None], beta, np.nan)
    problem = build(
        codes,
        observed,
        n_categories,
        families=setup.families,
        priors=setup.priors,
        counts=counts,
        fixed=(fixed, values) if fixed.any() else None,
    )
    state = State(beta, 0.3 if problem.free_mean else 0.0, 1.4 if problem.free_variance else 1.0)
    return Case(problem, state, codes, observed, setup)


def probability(family: str, beta: Floats, m: int, k: int, theta: float) -> float:
    """Return P(X = k) of one item from the textbook formula."""
    a, steps = beta[0], beta[1:m]
    if family == "GRM":
        star = np.concatenate([[1.0], 1 / (1 + np.exp(-(a * theta + steps))), [0.0]])
        return float(star[k] - star[k + 1])
    logits = np.arange(m) * a * theta + np.concatenate([[0.0], steps])
    return float(np.exp(logits[k]) / np.exp(logits).sum())


def person_likelihood(case: Case, p: int) -> float:
    """Return ∫ Π P(x_i | θ) N(θ; m, v) dθ by adaptive quadrature."""
    _, m, v = case.state

    def integrand(theta: float) -> float:
        out = float(np.exp(-0.5 * (theta - m) ** 2 / v) / np.sqrt(2 * np.pi * v))
        for i in np.flatnonzero(case.observed[p]):
            n = case.setup.n_categories[i]
            out *= probability(case.setup.families[i], case.state.beta[i], n, int(case.codes[p, i]), theta)
        return out

    return float(quad(integrand, m - 9 * np.sqrt(v), m + 9 * np.sqrt(v), epsabs=1e-14, epsrel=1e-11, limit=200)[0])


def free_values(case: Case, state: State) -> Floats:
    """Return the free parameters as a vector, in the order of `gradient`."""
    chosen = [case.problem.free_mean, case.problem.free_variance]
    return np.concatenate([state.beta[case.problem.free], np.array([state.mean, state.variance])[chosen]])


def state_of(case: Case, values: Floats) -> State:
    """Return the state with these free parameters."""
    n = int(case.problem.free.sum())
    beta = case.state.beta.copy()
    beta[case.problem.free] = values[:n]
    rest = iter(values[n:])
    mean = float(next(rest)) if case.problem.free_mean else case.state.mean
    return State(beta, mean, float(next(rest)) if case.problem.free_variance else case.state.variance)


def differences(case: Case, function: Callable[[Evaluation], Floats]) -> Floats:
    """Return central differences of a function by every free parameter, stacked on the first axis."""
    x = free_values(case, case.state)
    rows = []
    for f in range(len(x)):
        step = np.where(np.arange(len(x)) == f, H, 0.0)
        up, down = (function(case.at(state_of(case, x + s * step))) for s in (1, -1))
        rows.append((up - down) / (2 * H))
    return np.array(rows)


def test_log_likelihood_is_the_integral(case: Case) -> None:
    """The grid ends at ±6 SD, which leaves 2e-9 of the mass out; scipy's own error is smaller."""
    expected = sum(np.log(person_likelihood(case, p)) for p in range(len(case.codes)))
    assert case.at(case.state).log_likelihood == pytest.approx(expected, abs=1e-6)


def test_objective_is_log_likelihood_plus_log_prior(case: Case) -> None:
    """Up to a constant log prior is -Σ (a - 1)² / 2 s² - Σ d_k² / 2 t², steps d_k written out, free items only."""
    now = case.at(case.state)
    penalty = 0.0
    if case.setup.priors is not None:
        for i, (family, m) in enumerate(zip(case.setup.families, case.setup.n_categories, strict=True)):
            if i in case.setup.anchored:
                continue
            e = case.state.beta[i, 1:m]
            steps = e if family == "GRM" else np.diff(e, prepend=0.0)
            penalty += float((steps**2).sum()) / (2 * case.setup.priors.step_sd**2)
            if family in {"2PL", "GPCM", "GRM"}:
                penalty += (case.state.beta[i, 0] - case.setup.priors.slope_mean) ** 2 / (
                    2 * case.setup.priors.slope_sd**2
                )
    assert now.objective == pytest.approx(now.log_likelihood - penalty, abs=1e-9)


def test_gradient_is_the_finite_difference_of_the_objective(case: Case) -> None:
    found = gradient(case.problem, case.at(case.state))
    expected = differences(case, lambda now: np.array(now.objective))
    np.testing.assert_allclose(found, expected, atol=2e-6, rtol=1e-6)


def test_observed_information_is_the_finite_difference_of_the_gradient(case: Case) -> None:
    """Louis' identity, summed through orthonormal polynomials up to a share of 1e-6 of the missing information."""
    found = observed_information(case.problem, case.at(case.state), None).matrix
    expected = -differences(case, lambda now: gradient(case.problem, now))
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=2e-5)


def test_number_of_free_parameters(case: Case) -> None:
    """Free slopes and K - 1 steps of every item that is not anchored, and the population where it is free."""
    setup = case.setup
    own = [
        m - 1 + (family in {"2PL", "GPCM", "GRM"})
        for i, (family, m) in enumerate(zip(setup.families, setup.n_categories, strict=True))
        if i not in setup.anchored
    ]
    free_slopes = any(f in {"2PL", "GPCM", "GRM"} for f in setup.families)
    population = 2 if setup.anchored else 0 if free_slopes else 1
    assert len(gradient(case.problem, case.at(case.state))) == sum(own) + population
