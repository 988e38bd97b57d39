"""Correlated competencies by expectation propagation: one dimension is the usual likelihood, several agree with R mirt."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.engine import Constraints, Control
from competency_dx.engine import populations as of_population
from competency_dx.engine.items import Items
from competency_dx.engine.items_setup import Known, build_items, category_counts
from competency_dx.engine.marginal import Evaluation, Marginal
from competency_dx.engine.maximise import Maximised, fit
from competency_dx.engine.one_dimension import one_dimension_likelihood
from competency_dx.engine.populations import Populations, inseparable, populations_of
from competency_dx.engine.priors import Priors
from competency_dx.engine.several_dimensions import Propagation, propagation_likelihood
from competency_dx.errors import CalibrationError
from competency_dx.kernels.grid import Answers, Design, prepare
from competency_dx.kernels.propagation.ep_likelihood import Model
from competency_dx.kernels.propagation.settled_persons import even_model
from competency_dx.persons import EPPosterior, PosteriorMoments

Floats = NDArray[np.float64]
SharedFile = Callable[[str], Path]
TIGHT = Control(tolerance=1e-6)


def items_of(answers: Answers, model: str = "2PL", priors: Priors | None = None) -> Items:
    I = answers.codes.shape[1]
    seen = np.ones(answers.codes.shape, bool) if answers.observed is None else answers.observed
    n_categories = np.bincount(answers.item, minlength=I) + 1
    counts = category_counts(answers.codes, seen, int(n_categories.max()))
    known = Known(tuple(f"i{i}" for i in range(I)), [model] * I, n_categories, counts, np.ones((I, 1), bool))
    return build_items(known, priors=priors, constraints=Constraints())


class Sample(NamedTuple):
    """Simulated 2PL answers to items of three competencies, from two groups."""

    answers: Answers
    dimension: NDArray[np.int64]
    group: NDArray[np.int64]
    a: Floats
    d: Floats


@pytest.fixture(scope="module")
def sample() -> Sample:
    rng = np.random.default_rng(12)
    P, per = 900, 7
    dimension, group = np.tile(np.arange(3), per), np.arange(P) % 2
    sigma = np.array([[1, 0.5, 0.7], [0.5, 1, 0.4], [0.7, 0.4, 1]])
    theta = rng.multivariate_normal(np.zeros(3), sigma, size=P, method="cholesky")
    theta[group == 1] = theta[group == 1] * 1.2 + [0.5, -0.3, 0.0]
    a, d = rng.lognormal(0.1, 0.3, len(dimension)), rng.normal(size=len(dimension))
    codes = (rng.random((P, len(dimension))) < expit(a * theta[:, dimension] + d)).astype(np.int8)
    observed = rng.random(codes.shape) > 0.15
    return Sample(prepare(np.where(observed, codes, np.int8(0)), observed, np.full(len(dimension), 2)), dimension, group, a, d)


def one_group(sample: Sample, priors: Priors | None = None, **of: Any) -> Marginal:
    return propagation_likelihood(
        items_of(sample.answers, priors=priors),
        sample.answers,
        dimension=sample.dimension,
        population=populations_of(("A", "B", "C"), **of),
    )


def two_groups(sample: Sample) -> Marginal:
    indicator = (sample.group == 1).astype(float)[:, None]
    population = populations_of(("A", "B", "C"), groups=("one", "two"), regressors=("mean.two",), reference=np.array([[0.0], [1.0]]))
    return propagation_likelihood(
        items_of(sample.answers), sample.answers, dimension=sample.dimension, population=population, origin=(sample.group, indicator)
    )


@pytest.mark.parametrize("priors", [None, Priors()], ids=["none", "weak"])
def test_one_competency_is_the_likelihood_of_one_dimension(sample: Sample, priors: Priors | None) -> None:
    own = np.flatnonzero(sample.dimension == 0)
    assert sample.answers.observed is not None
    answers = prepare(sample.answers.codes[:, own], sample.answers.observed[:, own], np.full(len(own), 2))
    items, indicator = items_of(answers, priors=priors), (sample.group == 1).astype(float)[:, None]
    population = populations_of(("A",), groups=("one", "two"), regressors=("mean.two",))
    persons: dict[str, Any] = {"population": population, "origin": (sample.group, indicator)}
    usual = fit(one_dimension_likelihood(items, answers, **persons), TIGHT)
    several = propagation_likelihood(items, answers, dimension=np.zeros(len(own), dtype=np.int64), **persons)
    found = fit(several, TIGHT)
    assert found.converged
    assert found.log_likelihood == pytest.approx(usual.log_likelihood, abs=1e-5)
    np.testing.assert_allclose(found.phi, usual.phi, atol=1e-4)
    assert found.information.covariance is not None
    assert usual.information.covariance is not None
    np.testing.assert_allclose(
        np.sqrt(np.diag(found.information.covariance)), np.sqrt(np.diag(usual.information.covariance)), rtol=0.01
    )


@pytest.mark.parametrize(("model", "priors"), [("GPCM", None), ("GRM", None), ("Rasch", None), ("3PL", Priors())])
def test_families_of_items_are_those_of_one_dimension(model: str, priors: Priors | None) -> None:
    rng = np.random.default_rng(4)
    top = 2 if model in {"GPCM", "GRM"} else 1
    theta, cuts = rng.normal(size=(600, 1, 1)), np.sort(rng.normal(size=(8, top)), axis=1)
    codes = (theta * 1.2 + rng.logistic(size=(600, 8, 1)) > cuts).sum(axis=2).astype(np.int8)
    answers = prepare(codes, np.ones(codes.shape, bool), np.full(8, top + 1))
    items, scaled = items_of(answers, model, priors), model == "Rasch"
    population = populations_of(("A",), free_variance=np.array([scaled]))
    usual = fit(one_dimension_likelihood(items, answers, population=population), TIGHT)
    found = fit(propagation_likelihood(items, answers, dimension=np.zeros(8, dtype=np.int64), population=population), TIGHT)
    assert found.converged
    assert found.log_likelihood == pytest.approx(usual.log_likelihood, abs=1e-4)
    np.testing.assert_allclose(found.phi, usual.phi, atol=2e-4)


@pytest.mark.parametrize("of", ["one", "two", "prior"])
def test_gradient_is_that_of_the_objective(sample: Sample, of: str) -> None:
    likelihood = {
        "one": lambda: one_group(sample),
        "two": lambda: two_groups(sample),
        "prior": lambda: one_group(sample, Priors(), correlation_sd=0.2),
    }[of]()
    rng = np.random.default_rng(1)
    phi = likelihood.start + rng.normal(scale=0.05, size=len(likelihood.start))
    found, h = likelihood.gradient(likelihood.evaluate(phi, 61)), 1e-4
    for f in (0, 5, 20, *range(likelihood.items.size, len(phi))):
        step = h * np.eye(len(phi))[f]
        up, down = (likelihood.evaluate(phi + s, 61).objective for s in (step, -step))
        assert found[f] == pytest.approx((up - down) / (2 * h), abs=2e-3, rel=1e-5)


@pytest.mark.parametrize("priors", [None, Priors()], ids=["none", "weak"])
def test_em_steps_never_lower_the_objective_and_end_where_the_gradient_vanishes(sample: Sample, priors: Priors | None) -> None:
    likelihood = one_group(sample, priors)
    now: Evaluation = likelihood.evaluate(likelihood.start, 45)
    for _ in range(60):
        after = likelihood.evaluate(likelihood.em_step(now), 45, before=now)
        assert after.objective >= now.objective - 1e-6
        now = after
    information = likelihood.information(now)
    assert information.covariance is not None
    se = np.sqrt(np.diag(information.covariance))
    assert np.abs(likelihood.gradient(now) * se).max() < 0.02


def test_two_groups_are_recovered(sample: Sample) -> None:
    likelihood = two_groups(sample)
    found = fit(likelihood, Control())
    assert found.converged
    assert found.information.covariance is not None
    se = np.sqrt(np.diag(found.information.covariance))
    what = [(one.kind, one.group, one.dimension, one.other) for one in likelihood.population.parameters]
    assert what[:3] == [("mean", 1, d, -1) for d in range(3)]
    correlations = [("correlation", 0, d, e) for d, e in ((0, 1), (0, 2), (1, 2))]
    assert what[3:7] == [*correlations, ("variance", 1, 0, -1)]
    truth = [0.5, -0.3, 0.0, 0.5, 0.7, 0.4, 1.44, 0.72, 1.008, 1.44, 0.576, 1.44]
    n = likelihood.items.size
    assert np.abs((found.phi[n:] - truth) / se[n:]).max() < 3.5
    items = np.stack([sample.a, sample.d], axis=1).ravel()
    assert np.sqrt(np.mean(((found.phi[:n] - items) / se[:n]) ** 2)) == pytest.approx(1.0, abs=0.3)
    np.testing.assert_allclose(likelihood.populations(found.phi)[1].mean, found.phi[n : n + 3])


def test_information_is_within_a_per_cent_of_differences_of_the_gradient(sample: Sample) -> None:
    likelihood = two_groups(sample)
    phi = fit(likelihood, Control()).phi
    now, h = likelihood.evaluate(phi, 61), 1e-4
    found = likelihood.information(now).matrix
    scale = np.sqrt(np.diag(found))
    for f in (3, 10, *range(likelihood.items.size, len(phi))):
        step = h * np.eye(len(phi))[f]
        up, down = (likelihood.gradient(likelihood.evaluate(phi + s, 61, before=now)) for s in (step, -step))
        np.testing.assert_allclose(found[f] / (scale * scale[f]), (down - up) / (2 * h) / (scale * scale[f]), atol=0.01)


def test_scores_of_persons_add_up_to_the_gradient(sample: Sample) -> None:
    for likelihood in (one_group(sample), two_groups(sample)):
        now = likelihood.evaluate(likelihood.start, 61)
        np.testing.assert_allclose(likelihood.person_scores(now).sum(axis=0), likelihood.gradient(now), atol=1e-6)


def test_steps_keep_covariance_matrices_positive_definite(sample: Sample) -> None:
    likelihood = one_group(sample)
    wild = np.full(len(likelihood.start), 5.0)
    assert likelihood.feasible(likelihood.moved(likelihood.start, wild))
    assert not likelihood.feasible(likelihood.start + wild)


def test_competencies_that_are_one_are_named(sample: Sample) -> None:
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(1500, 1))
    twins = (rng.random((1500, 14)) < expit(1.5 * theta)).astype(np.int8)
    answers = prepare(twins, np.ones(twins.shape, bool), np.full(14, 2))
    population = populations_of(("north", "south"), correlation_sd=0.3)
    likelihood = propagation_likelihood(items_of(answers), answers, dimension=np.arange(14) % 2, population=population)
    found = fit(likelihood, Control())
    assert found.converged
    (pair,) = inseparable(likelihood.population, likelihood.psi(found.phi))
    assert pair[:2] == ("north", "south")
    usual = one_group(sample)
    assert inseparable(usual.population, usual.psi(usual.start)) == ()


def test_the_prior_of_correlations_has_the_derivatives_it_says(sample: Sample) -> None:
    of: Populations = two_groups(sample).population._replace(correlation_sd=0.3)
    psi = of.start + np.linspace(-0.05, 0.08, len(of.start))
    found, h = of_population.prior(of, psi), 1e-5
    for f, step in enumerate(h * np.eye(len(psi))):
        up, down = of_population.prior(of, psi + step), of_population.prior(of, psi - step)
        assert found.gradient[f] == pytest.approx((up.value - down.value) / (2 * h), abs=1e-7)
        np.testing.assert_allclose(found.curvature[f], (down.gradient - up.gradient) / (2 * h), atol=1e-6)


def test_the_prior_of_correlations_draws_them_to_a_common_value_of_any_size() -> None:
    rng, D = np.random.default_rng(4), 6
    of = populations_of(tuple("abcdef"), correlation_sd=0.15)
    row, column = np.triu_indices(D, 1)

    def density(R: NDArray[np.float64]) -> float:
        return of_population.prior(of, of_population.packed(np.zeros((0, D)), R[None])).value

    for r in (-0.1, 0.0, 0.3, 0.8, 0.95):
        equal = np.full((D, D), r) + (1 - r) * np.eye(D)
        assert density(equal) == pytest.approx(np.log((1 - r) * (1 + (D - 1) * r)))
        off = 0.01 * rng.normal(size=len(row))
        moved = equal.copy()
        moved[row, column] = moved[column, row] = r + off - off.mean()
        assert density(moved) < density(equal)
        order = rng.permutation(D)
        assert density(moved[order][:, order]) == pytest.approx(density(moved))
    two = populations_of(("a", "b"), correlation_sd=0.15)
    for r in (-0.5, 0.7):
        assert of_population.prior(two, np.array([1.0, r, 1.0])).value == pytest.approx(np.log(1 - r**2))


def answers_to(bank: cdx.ItemBank, leaves: dict[str, int]) -> pd.DataFrame:
    """Return answers of 300 persons to some dichotomous items of some leaves, each a competency of its own."""
    rng, table = np.random.default_rng(3), {}
    for leaf, n in leaves.items():
        theta = rng.normal(size=300)
        for item in [i.id for i in bank.items if bank.leaves[i.id] == leaf and i.max_score == 1][:n]:
            table[item] = (rng.random(300) < expit(1.5 * theta)).astype(int)
    return pd.DataFrame(table)


def test_competencies_are_read_from_the_bank() -> None:
    bank = cdx.load_bank("mathematics")
    table = answers_to(bank, {"MAT.S.01": 4, "MAT.M.05": 4})
    for level, of in (
        ("competencies", dict(bank.leaves)),
        ("clusters", {item: leaf.rpartition(".")[0] for item, leaf in bank.leaves.items()}),
    ):
        read, given = (cdx.calibrate(table, model="Rasch", bank=bank, dimensions=d) for d in (level, of))
        assert read.parameters.dimensions == given.parameters.dimensions == tuple(dict.fromkeys(of[str(i)] for i in table))
        np.testing.assert_array_equal(read.estimates, given.estimates)
    with pytest.raises(CalibrationError, match="reads competencies from the bank; give it in bank="):
        cdx.calibrate(table, dimensions="competencies")
    with pytest.raises(CalibrationError, match="dimensions='topics' is not known; choose one of: competencies, clust"):
        cdx.calibrate(table, bank=bank, dimensions="topics")


@pytest.mark.parametrize("model", ["2PL", "Rasch"])
def test_the_only_item_of_a_competency_is_named(model: str) -> None:
    bank = cdx.load_bank("mathematics")
    table = answers_to(bank, {"MAT.S.01": 4, "MAT.M.05": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        found = cdx.calibrate(table, model=model, bank=bank, dimensions="competencies")
    said = [i for f in found.findings if f.code == "calibration.lone_slope" for i in f.scope]
    assert said == ([table.columns[4]] if model == "2PL" else [])


def propagation_of(likelihood: Marginal) -> Propagation:
    assert isinstance(likelihood.integral, Propagation)
    return likelihood.integral


def posterior_at(design: Design, model: Model) -> PosteriorMoments:
    """Return the posterior of the persons of a design, all of one group with mean 0, settled from scratch."""
    I, D = len(model.log_prob), len(design.items)
    codes, observed = np.zeros((design.persons, I), dtype=np.int8), np.ones((design.persons, I), dtype=bool)
    dimension = np.zeros(I, dtype=np.int64)
    for k, (part, items) in enumerate(zip(design.answers, design.items, strict=True)):
        codes[:, items], dimension[items] = part.codes, k
        observed[:, items] = True if part.observed is None else part.observed
    population = np.zeros(D), model.covariance, np.zeros(1)
    known = even_model((np.full(I, 2), dimension), (model.theta, model.log_prob), population)
    persons, names = np.arange(len(codes)).astype(object), tuple("ABCDEF"[:D])
    return EPPosterior(persons=persons, dimensions=names, model=known, given=(codes, observed)).moments()


class Reference(NamedTuple):
    """A fit to shared data beside what R mirt 1.47 finds."""

    likelihood: Marginal
    found: Maximised
    results: dict[str, Any]
    dimension: NDArray[np.int64]


def fitted(shared: SharedFile, name: str, where: str) -> Reference:
    results = json.loads(shared(f"{name}.json").read_text(encoding="utf-8"))
    items, dimension = results[where]["item"], np.unique(results[where]["dimension"], return_inverse=True)[1]
    table = pd.read_csv(shared(f"data/{name}.csv.gz"))[items]
    answers = prepare(table.fillna(0).to_numpy(np.int8), table.notna().to_numpy(), np.full(len(items), 2))
    names = tuple(f"c{k}" for k in range(dimension.max() + 1))
    likelihood = propagation_likelihood(items_of(answers), answers, dimension=dimension, population=populations_of(names))
    return Reference(likelihood, fit(likelihood, Control()), results, dimension)


def test_three_competencies_agree_with_product_quadrature_of_mirt(shared: SharedFile) -> None:
    """R mirt 1.47, 21 points on each axis (59 s); standard errors by Oakes' identity, 15 points."""
    likelihood, found, results, dimension = fitted(shared, "between3", "truth")
    known = results["mirt"]
    I, rows = len(dimension), known["items"]
    slopes = sum(np.array(rows[f"a{k}"]) for k in (1, 2, 3))
    assert found.converged
    np.testing.assert_allclose(found.phi[: 2 * I : 2], slopes, atol=0.005)
    np.testing.assert_allclose(found.phi[1 : 2 * I : 2], rows["d"], atol=0.002)
    np.testing.assert_allclose(likelihood.populations(found.phi)[0].covariance, known["correlation"], atol=0.002)
    error = propagation_of(likelihood).error(found.at)
    assert found.log_likelihood == pytest.approx(known["loglik"], abs=0.6)
    assert found.log_likelihood + error.log_likelihood.sum() == pytest.approx(known["loglik"], abs=0.01)
    assert found.information.covariance is not None
    se = np.sqrt(np.diag(found.information.covariance))
    names = rows["item"]
    np.testing.assert_allclose(se[: 2 * I : 2], [known["se"][n][f"a{dimension[i] + 1}"] for i, n in enumerate(names)], rtol=0.01)
    np.testing.assert_allclose(se[1 : 2 * I : 2], [known["se"][n]["d"] for n in names], rtol=0.01)
    by_name = known["correlation_se"]
    np.testing.assert_allclose(se[2 * I :], [by_name[n] for n in ("COV_21", "COV_31", "COV_32")], rtol=0.01)
    scores = posterior_at(propagation_of(likelihood).design, found.at.step.kept[0])
    for k, name in enumerate("ABC"):
        np.testing.assert_allclose(scores.mean[:40, k], known["EAP"][name], atol=0.004)
        np.testing.assert_allclose(np.sqrt(scores.covariance[:40, k, k]), known["EAP"][f"SE_{name}"], atol=0.003)


def test_six_competencies_agree_with_quasi_monte_carlo_of_mirt(shared: SharedFile) -> None:
    """R mirt 1.47, QMCEM (67.5 s). The RMSE of θ is that which the posterior variances promise: the truth is not stored."""
    likelihood, found, results, dimension = fitted(shared, "between6", "items")
    I = len(dimension)
    assert found.converged
    assert np.sqrt(np.mean((found.phi[: 2 * I : 2] - results["items"]["a_qmcem"]) ** 2)) < 0.006
    correlation = likelihood.populations(found.phi)[0].covariance
    np.testing.assert_allclose(correlation, results["correlation_qmcem"], atol=0.01)
    assert found.log_likelihood > results["loglik_qmcem"]
    assert propagation_of(likelihood).error(found.at).rms_mean < 1e-4
    scores = posterior_at(propagation_of(likelihood).design, found.at.step.kept[0])
    expected = np.sqrt(np.mean(np.diagonal(scores.covariance, axis1=1, axis2=2)))
    assert expected < results["rmse_theta_EAP_qmcem_vs_true"]


def test_groups_without_common_items_keep_scales_of_their_own(sample: Sample) -> None:
    assert sample.answers.observed is not None
    first = sample.group == 0
    seen = np.concatenate([sample.answers.observed & first[:, None], sample.answers.observed & ~first[:, None]], axis=1)
    codes = np.where(seen, np.tile(sample.answers.codes, 2), np.int8(0))
    answers = prepare(codes, seen, np.full(codes.shape[1], 2))
    apart = propagation_likelihood(
        items_of(answers),
        answers,
        dimension=np.tile(sample.dimension, 2),
        population=populations_of(("A", "B", "C"), groups=("one", "two"), free_variance=np.zeros((2, 3), dtype=bool)),
        origin=(sample.group, None),
    )
    found = fit(apart, Control())
    assert found.converged
    assert [(one.kind, one.group) for one in apart.population.parameters[3:]] == [("correlation", 1)] * 3
    alone = 0.0
    for own in (first, ~first):
        part = sample._replace(answers=sample.answers.take(np.flatnonzero(own)))
        alone += fit(one_group(part), Control()).log_likelihood
    assert found.log_likelihood == pytest.approx(alone, abs=1e-4)
