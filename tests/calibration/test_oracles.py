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
from scipy.special import expit, logit

from competency_dx.calibration import Beta, Constraints, LogNormal, Normal, Priors
from competency_dx.calibration.choices import Sample, populations_in
from competency_dx.engine.items import beta_of
from competency_dx.engine.items_setup import Fixed, Known, build_items, category_counts, extra_width
from competency_dx.engine.marginal import Evaluation, Marginal
from competency_dx.engine.one_dimension import one_dimension_likelihood
from competency_dx.engine.priors import PooledNormal
from competency_dx.kernels.grid import prepare
from competency_dx.models import FAMILIES

Floats = NDArray[np.float64]
POINTS = 161
H = 1e-4
SLOPED = {"1PL", "2PL", "3PL", "4PL", "GPCM", "GRM"}
P = 40


class Setup(NamedTuple):
    """What a case varies: families, categories, missing answers, priors, anchors, groups, covariates, weights, constraints."""

    families: tuple[str, ...]
    n_categories: tuple[int, ...]
    missing: float = 0.0
    priors: Priors | None = None
    anchored: tuple[int, ...] = ()
    groups: int = 1
    covariates: int = 0
    weighted: bool = False
    constraints: Constraints = Constraints()


OTHER_PRIORS = Priors(slope=LogNormal(mean=0.1, sd=0.4), lower=Beta(alpha=4.0, beta=14.0))
SINGLE_PRIORS = Priors(slope=Normal(mean=1.0, sd=0.75), step=Normal(mean=0.0, sd=3.0))
CASES = {
    "Rasch": Setup(("Rasch",) * 4, (2,) * 4),
    "1PL": Setup(("1PL",) * 4, (2,) * 4),
    "2PL": Setup(("2PL",) * 4, (2,) * 4),
    "3PL": Setup(("3PL",) * 4, (2,) * 4),
    "4PL with priors": Setup(("4PL",) * 3, (2,) * 3, 0.0, Priors()),
    "3PL and 4PL, lognormal and beta priors": Setup(("3PL", "4PL", "2PL"), (2,) * 3, 0.0, OTHER_PRIORS),
    "PCM with missing answers": Setup(("PCM",) * 3, (3, 4, 3), missing=0.3),
    "RSM": Setup(("RSM",) * 4, (4, 4, 3, 4)),
    "GPCM": Setup(("GPCM",) * 3, (3, 4, 3)),
    "GRM": Setup(("GRM",) * 3, (3, 4, 3)),
    "NRM, missing": Setup(("NRM",) * 3, (3, 4, 3), missing=0.2),
    "nested logit": Setup(("2PLNRM", "3PLNRM", "2PL"), (4, 4, 2), priors=Priors()),
    "GRM, missing, priors": Setup(("GRM",) * 4, (3, 4, 3, 5), missing=0.3, priors=Priors()),
    "mixed families": Setup(("2PL", "GPCM", "GRM", "Rasch", "PCM", "NRM", "3PL"), (2, 3, 4, 2, 3, 3, 2)),
    "mixed, missing, priors": Setup(("2PL", "GRM", "GPCM", "PCM"), (2, 4, 3, 3), 0.25, Priors()),
    "mixed, priors that are not pooled": Setup(("2PL", "GRM", "GPCM"), (2, 4, 3), 0.0, SINGLE_PRIORS),
    "anchors: population free": Setup(("2PL", "GPCM", "GRM", "2PL"), (2, 3, 3, 2), 0.2, None, (0, 2)),
    "anchors and priors": Setup(("GRM", "GPCM", "2PL"), (4, 3, 2), 0.0, Priors(), (1,)),
    "three groups": Setup(("2PL", "GPCM", "GRM"), (2, 3, 3), groups=3),
    "two groups of Rasch, missing": Setup(("Rasch",) * 4, (2,) * 4, 0.3, groups=2),
    "latent regression": Setup(("2PL", "2PL", "PCM"), (2, 2, 3), covariates=2),
    "groups, regression, anchors, weights": Setup(("2PL", "GRM", "2PL"), (2, 3, 2), 0.1, None, (1,), 2, 1, True),
    "weights": Setup(("2PL",) * 4, (2,) * 4, weighted=True),
    "equal slopes, a fixed step": Setup(
        ("2PL", "2PL", "GPCM"), (2, 2, 3), constraints=Constraints(equal=[["i0.a", "i2.a"]], fixed={"i1.d": 0.3, "i2.d1": 0.5})
    ),
}


class Case(NamedTuple):
    """A likelihood with φ, and the raw table it came from."""

    likelihood: Marginal
    phi: Floats
    codes: NDArray[np.int8]
    observed: NDArray[np.bool_]
    setup: Setup
    sample: Sample

    def at(self, phi: Floats) -> Evaluation:
        return self.likelihood.evaluate(phi, POINTS)

    @property
    def beta(self) -> Floats:
        return beta_of(self.likelihood.items, self.phi)

    @property
    def weight(self) -> Floats:
        return np.ones(P) if self.sample.weight is None else self.sample.weight

    def normal(self) -> tuple[Floats, Floats]:
        """Return mean and variance of the prior of each person (P,), from φ by hand."""
        of, rest = self.likelihood.population, self.phi[self.likelihood.items.size :]
        R, G, _ = of.shape
        group = np.zeros(P, dtype=int) if self.sample.group is None else self.sample.group
        variance = np.ones(G)
        variance[of.free[R:]] = rest[R:]
        mean = np.broadcast_to(self.likelihood.integral.persons.regressors @ rest[:R], (P,))
        return mean, variance[group]


def random_beta(setup: Setup, rng: np.random.Generator) -> Floats:
    """Return parameters (I, F) of the layout: slope, intercepts, extras."""
    n_categories = np.array(setup.n_categories)
    I, K, E = len(n_categories), int(n_categories.max()), extra_width(setup.families, n_categories)
    beta = np.zeros((I, K + E))
    for i, (family, m) in enumerate(zip(setup.families, setup.n_categories, strict=True)):
        beta[i, 0] = rng.uniform(0.6, 1.8) if family in SLOPED else 1.0
        steps = np.sort(rng.normal(0, 1, m - 1))[::-1] - 0.2 * np.arange(m - 1)
        beta[i, 1:m] = steps if family in {"GRM", "NRM", "2PLNRM", "3PLNRM"} else np.cumsum(steps)
        if family == "RSM":
            beta[i, 2:K] = 0.0
        beta[i, K:] = rng.normal(0, 0.5, E)
        if family in {"3PL", "4PL"}:
            beta[i, K:] = np.inf
            beta[i, K : K + int(family[0]) - 2] = [-1.5, 2.5][: int(family[0]) - 2]
        if family.endswith("LNRM"):
            beta[i, K : K + 3] = [1.2, -1.4 if family[0] == "3" else -np.inf, np.inf]
    return beta


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    setup: Setup = request.param
    rng = np.random.default_rng(11)
    n_categories = np.array(setup.n_categories)
    I, K = len(n_categories), int(n_categories.max())
    codes = (rng.random((P, I)) * n_categories).astype(np.int8)
    observed = rng.random((P, I)) >= setup.missing
    codes = np.where(observed, codes, np.int8(0))
    fixed = np.isin(np.arange(I), setup.anchored)
    counts = category_counts(codes, observed, K)
    ids = tuple(f"i{k}" for k in range(I))
    known = Known(ids, list(setup.families), n_categories, counts, np.ones((I, 1), bool))
    beta = random_beta(setup, rng)
    items = build_items(known, priors=setup.priors, constraints=setup.constraints, fixed=Fixed(fixed, beta) if fixed.any() else None)
    group = np.arange(P) % setup.groups if setup.groups > 1 else None
    weight = rng.lognormal(size=P) if setup.weighted else None
    sample = Sample(
        group=group,
        groups=tuple("ABC"[: setup.groups]) if setup.groups > 1 else ("",),
        covariates=rng.normal(size=(P, setup.covariates)),
        covariate_names=tuple("xy"[: setup.covariates]),
        weight=weight,
        stratum=None,
        cluster=None,
        replicates=None,
        replicate_factor=1.0,
    )
    sloped = np.array([any(FAMILIES[f].free_slope for f in setup.families)])
    population, regressors = populations_in(sample, ("theta",), anchored=np.array([bool(fixed.any())]), sloped=sloped, linked=True)
    answers = prepare(codes, observed, n_categories)._replace(weight=weight)
    likelihood = one_dimension_likelihood(items, answers, population=population, origin=(group, regressors))
    phi = likelihood.start.copy()
    phi[items.place[items.free]] = beta[items.free]
    R = len(population.regressors)
    phi[items.size : items.size + R] = rng.uniform(-0.5, 0.5, R)
    phi[items.size + R :] = rng.uniform(0.7, 1.5, len(phi) - items.size - R)
    return Case(likelihood, phi, codes, observed, setup, sample)


def probability(family: str, beta: Floats, m: int, K: int, theta: float) -> Floats:
    """Return P(X = k) (m,) of one item from the textbook formula."""
    a, steps, extras = beta[0], beta[1:m], beta[K:]
    if family == "GRM":
        star = np.concatenate([[1.0], expit(a * theta + steps), [0.0]])
        return np.asarray(star[:-1] - star[1:])
    if family in {"3PL", "4PL"}:
        c, u = expit(extras[0]), expit(extras[1]) if family == "4PL" else 1.0
        right = c + (u - c) * expit(a * theta + steps[0])
        return np.array([1 - right, right])
    k = np.arange(m)
    if family.endswith("LNRM"):
        c = expit(extras[1])
        right = c + (1 - c) * expit(extras[0] * theta + steps[-1])
        wrong = np.exp(np.concatenate([[0.0], extras[3 : 3 + m - 2] * theta + steps[:-1]]))
        return np.concatenate([(1 - right) * wrong / wrong.sum(), [right]])
    if family == "NRM":
        logits = np.concatenate([[0.0], extras[: m - 1] * theta + steps])
    elif family == "RSM":
        logits = k * (theta + steps[0]) + np.concatenate([[0.0], extras[: m - 2], [0.0]])
    else:
        logits = k * a * theta + np.concatenate([[0.0], steps])
    return np.asarray(np.exp(logits) / np.exp(logits).sum())


def person_likelihood(case: Case, p: int, m: float, v: float) -> float:
    """Return ∫ Π P(x_i | θ) N(θ; m, v) dθ by adaptive quadrature."""
    beta, K = case.beta, max(case.setup.n_categories)

    def integrand(theta: float) -> float:
        out = float(np.exp(-0.5 * (theta - m) ** 2 / v) / np.sqrt(2 * np.pi * v))
        for i in np.flatnonzero(case.observed[p]):
            n = case.setup.n_categories[i]
            out *= probability(case.setup.families[i], beta[i], n, K, theta)[case.codes[p, i]]
        return out

    return float(quad(integrand, m - 9 * np.sqrt(v), m + 9 * np.sqrt(v), epsabs=1e-14, epsrel=1e-11, limit=200)[0])


def differences(case: Case, function: Callable[[Evaluation], Floats]) -> Floats:
    """Return central differences of a function by every free parameter, stacked on the first axis."""
    rows = []
    for f in range(len(case.phi)):
        step = np.where(np.arange(len(case.phi)) == f, H, 0.0)
        up, down = (function(case.at(case.phi + s * step)) for s in (1, -1))
        rows.append((up - down) / (2 * H))
    return np.array(rows)


def test_log_likelihood_is_the_integral(case: Case) -> None:
    """The grid ends at ±6 SD, which leaves 2e-9 of the mass out; scipy's own error is smaller."""
    mean, variance = case.normal()
    single = [np.log(person_likelihood(case, p, mean[p], variance[p])) for p in range(P)]
    assert case.at(case.phi).log_likelihood == pytest.approx(float(case.weight @ single), abs=2e-6)


def normal_log_density(x: list[float], mean: float, covariance: Floats) -> float:
    """Return log N(x; mean 1, covariance) without constants."""
    off = np.array(x) - mean
    return -0.5 * float(off @ np.linalg.solve(covariance, off)) if x else 0.0


def log_prior(case: Case, beta: Floats) -> float:
    """Return the log prior up to a constant, from the densities: pooled parameters have covariance sd² (I + 1 1ᵀ)."""
    priors, out, K = case.setup.priors, 0.0, max(case.setup.n_categories)
    if priors is None:
        return 0.0
    slopes: list[float] = []
    steps: list[float] = []
    for i, (family, m) in enumerate(zip(case.setup.families, case.setup.n_categories, strict=True)):
        if i in case.setup.anchored:
            continue
        e, extras = beta[i, 1:m], beta[i, K:]
        steps += list(e if family == "GRM" or family.endswith("NRM") else np.diff(e, prepend=0.0))
        if family in SLOPED or family.endswith("LNRM"):
            slopes.append(extras[0] if family.endswith("LNRM") else beta[i, 0])
        if family.endswith("LNRM"):
            out -= float((extras[3 : 3 + m - 2] ** 2).sum()) / (2 * 2.0**2)
        c, u = {"3PL": (0, None), "4PL": (0, 1), "3PLNRM": (1, None)}.get(family, (None, None))
        if c is not None:
            x, other = expit(extras[c]), isinstance(priors.lower, Beta)
            out += float(3 * np.log(x) + 13 * np.log(1 - x)) if other else -((float(logit(x)) + 1.4) ** 2) / (2 * 0.49)
        if u is not None:
            out -= (float(extras[u]) - 2.9) ** 2 / (2 * 0.49)
    n = len(steps)
    pooled = isinstance(priors.step, PooledNormal)
    out += normal_log_density(steps, 0.0, 9.0 * (np.eye(n) + pooled * np.ones((n, n))))
    if isinstance(priors.slope, LogNormal):
        return out - float((np.log(slopes) + (np.log(slopes) - 0.1) ** 2 / (2 * 0.4**2)).sum())
    n, pooled = len(slopes), isinstance(priors.slope, PooledNormal)
    return out + normal_log_density(slopes, 1.0, 0.75**2 * (np.eye(n) + pooled * np.ones((n, n))))


def test_objective_is_log_likelihood_plus_log_prior(case: Case) -> None:
    """What the density lacks is a constant, so two states are compared."""
    move = 0.1 * np.cos(np.arange(len(case.phi)))
    here, there = case.at(case.phi), case.at(case.phi + move)
    found = (here.objective - here.log_likelihood) - (there.objective - there.log_likelihood)
    expected = log_prior(case, case.beta) - log_prior(case, beta_of(case.likelihood.items, case.phi + move))
    assert found == pytest.approx(expected, abs=1e-8)


def test_gradient_is_the_finite_difference_of_the_objective(case: Case) -> None:
    found = case.likelihood.gradient(case.at(case.phi))
    expected = differences(case, lambda now: np.array(now.objective))
    np.testing.assert_allclose(found, expected, atol=3e-6, rtol=1e-6)


def test_observed_information_is_the_finite_difference_of_the_gradient(case: Case) -> None:
    """Louis' identity, summed through orthonormal polynomials up to a share of 1e-6 of the missing information."""
    found = case.likelihood.information(case.at(case.phi)).matrix
    expected = -differences(case, case.likelihood.gradient)
    np.testing.assert_allclose(found, expected, atol=4e-5, rtol=3e-5)


def test_scores_of_persons_add_up_to_the_gradient(case: Case) -> None:
    """Weighted, and without priors."""
    now = case.at(case.phi)
    scores = case.likelihood.person_scores(now)
    expected = differences(case, lambda at: np.array(at.log_likelihood))
    np.testing.assert_allclose(case.weight @ scores, expected, atol=3e-6, rtol=1e-6)


def test_an_em_step_raises_the_objective(case: Case) -> None:
    now = case.at(case.phi)
    assert case.at(case.likelihood.em_step(now)).objective > now.objective


def test_number_of_free_parameters(case: Case) -> None:
    """Slopes and K - 1 steps of every item that is not anchored, asymptotes, category slopes, and the population where free."""
    setup = case.setup
    own = 0
    for i, (family, m) in enumerate(zip(setup.families, setup.n_categories, strict=True)):
        if i in setup.anchored:
            continue
        counts = {"RSM": 1, "1PL": 1, "3PL": 3, "4PL": 4, "NRM": 2 * (m - 1), "2PLNRM": 2 * (m - 1), "3PLNRM": 2 * m - 1}
        own += counts.get(family, m - 1 + (family in SLOPED))
    own += "1PL" in setup.families
    own += sum(m - 2 for m in {m for f, m in zip(setup.families, setup.n_categories, strict=True) if f == "RSM"})
    own -= len(setup.constraints.fixed) + sum(len(g) - 1 for g in setup.constraints.equal)
    sloped = any(f in SLOPED or f.endswith("NRM") for f in setup.families)
    anchored = bool(setup.anchored)
    means = setup.groups - 1 + anchored
    variances = setup.groups if anchored or not sloped else setup.groups - 1
    assert len(case.phi) == own + means + variances + setup.covariates
