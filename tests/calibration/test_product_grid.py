"""Several competencies on a product grid: agreement with R mirt, derivatives, equivalences, recovery."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import competency_dx as cdx
from competency_dx.arrays import Bools, Codes, Floats
from competency_dx.calibration.choices import Population
from competency_dx.engine import Constraints, Control
from competency_dx.engine.items_setup import Known, build_items, category_counts
from competency_dx.engine.marginal import Marginal
from competency_dx.engine.maximise import fit
from competency_dx.engine.one_dimension import one_dimension_likelihood
from competency_dx.engine.populations import Populations, populations_of
from competency_dx.engine.several_dimensions import orthogonal, product_grid_likelihood
from competency_dx.errors import CalibrationError
from competency_dx.kernels.grid import prepare
from competency_dx.kernels.grid.product import dual_directions, product_grid

SharedFile = Callable[[str], Path]
RNG = np.random.default_rng


class Data(NamedTuple):
    """Answers with what is known of the items."""

    codes: Codes
    observed: Bools
    known: Known

    def likelihood(self, population: Populations, **kind: Any) -> Marginal:
        items = build_items(self.known, priors=None, constraints=Constraints())
        answers = prepare(self.codes, self.observed, self.known.n_categories)
        return product_grid_likelihood(items, answers, population=population, **kind)


def made(loads: Bools, families: list[str], theta: Floats, seed: int, missing: float = 0.1) -> tuple[Data, Floats]:
    """Return answers of persons θ (P, D) to items with random slopes and steps, and the slopes and intercepts (I, D + K - 1)."""
    rng, (I, D) = RNG(seed), loads.shape
    m = np.array([2 if f in {"2PL", "Rasch"} else 4 for f in families])
    a = loads * (np.ones((I, D)) if families[0] == "Rasch" else rng.uniform(0.7, 1.6, (I, D)))
    eta, codes = theta @ a.T, np.zeros((len(theta), I), dtype=np.int8)
    truth = np.full((I, D + 3), np.nan)
    truth[:, :D] = a
    for i, (f, k) in enumerate(zip(families, m, strict=True)):
        d = np.sort(rng.normal(0, 1.2, k - 1))[::-1] + (np.linspace(0.4, -0.4, k - 1) if k > 2 else 0.0)
        truth[i, D : D + k - 1] = d
        if f == "GPCM":
            e = np.concatenate([[0.0], np.cumsum(d)])
            p = np.exp(np.arange(k) * eta[:, [i]] + e)
            upper = np.cumsum((p / p.sum(axis=1, keepdims=True))[:, ::-1], axis=1)[:, ::-1][:, 1:]
            truth[i, D : D + k - 1] = e[1:]
        else:
            upper = expit(eta[:, [i]] + d)
        codes[:, i] = (rng.random((len(theta), 1)) < upper).sum(axis=1)
    seen = rng.random(codes.shape) >= missing
    codes = np.where(seen, codes, np.int8(0))
    ids = tuple(f"i{k + 1}" for k in range(I))
    return Data(codes, seen, Known(ids, families, m, category_counts(codes, seen, int(m.max())), loads)), truth


def within(I: int, D: int) -> Bools:
    """Return a Q-matrix: every item measures one competency, every fourth one the next one too."""
    out = np.zeros((I, D), dtype=np.bool_)
    out[np.arange(I), np.arange(I) % D] = True
    out[np.arange(0, I, 4), (np.arange(0, I, 4) + 1) % D] = True
    return out


@pytest.fixture(scope="module")
def mixed() -> tuple[Marginal, Floats]:
    """Two groups and a covariate, three families, items measuring one or two of two competencies, weights."""
    rng = RNG(3)
    group, x = np.arange(160) % 2, rng.normal(size=160)
    theta = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=160, method="cholesky") + 0.4 * group[:, None]
    families = ["2PL", "GRM", "GPCM", "2PL", "GPCM", "GRM", "2PL", "2PL"]
    data, _ = made(within(8, 2), families, theta, 4)
    population = populations_of(("X", "Y"), groups=("a", "b"), regressors=("mean.b", "x"), correlation_sd=0.3)
    items = build_items(data.known, priors=cdx.calibration.Priors(), constraints=Constraints())
    answers = prepare(data.codes, data.observed, data.known.n_categories)._replace(weight=rng.uniform(0.5, 1.5, 160))
    likelihood = product_grid_likelihood(
        items, answers, population=population, origin=(group, np.stack([group, x], axis=1).astype(float))
    )
    start = likelihood.em_step(likelihood.evaluate(likelihood.start, 21))
    return likelihood, start


def test_gradient_is_the_difference_quotient(mixed: tuple[Marginal, Floats]) -> None:
    likelihood, phi = mixed
    step, slope = 1e-5, likelihood.gradient(likelihood.evaluate(phi, 31))
    for f, unit in enumerate(np.eye(len(phi)) * step):
        ends = [likelihood.evaluate(phi + s * unit, 31).objective for s in (1, -1)]
        assert slope[f] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=2e-5), likelihood.population.parameters


def test_information_is_the_difference_quotient_of_the_gradient(mixed: tuple[Marginal, Floats]) -> None:
    likelihood, phi = mixed
    step, found = 1e-4, likelihood.information(likelihood.evaluate(phi, 31)).matrix
    ends = [[likelihood.gradient(likelihood.evaluate(phi + s * unit, 31)) for unit in np.eye(len(phi)) * step] for s in (1, -1)]
    expected = -(np.array(ends[0]) - np.array(ends[1])) / (2 * step)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-4)


def test_person_scores_add_up_to_the_gradient(mixed: tuple[Marginal, Floats]) -> None:
    likelihood, phi = mixed
    persons = likelihood.integral.persons
    plain = product_grid_likelihood(
        likelihood.items._replace(prior=build_no_prior(likelihood)),
        likelihood.answers,
        population=likelihood.population._replace(correlation_sd=None),
        origin=(persons.group, persons.regressors),
    )
    now = plain.evaluate(phi, 25)
    assert plain.answers.weight is not None
    np.testing.assert_allclose(plain.answers.weight @ plain.person_scores(now), plain.gradient(now), atol=1e-9)


def build_no_prior(likelihood: Marginal) -> Any:
    prior = likelihood.items.prior
    return prior._replace(precision=np.zeros_like(prior.precision), centre=np.zeros_like(prior.centre), pools=())


def test_independent_competencies_are_so_many_calibrations_of_one() -> None:
    """With correlations at zero the log-likelihood is the sum of those of the competencies by themselves."""
    loads = np.eye(3, dtype=np.bool_)[np.arange(12) % 3]
    data, _ = made(loads, ["2PL"] * 12, RNG(5).normal(size=(200, 3)), 6)
    whole = data.likelihood(orthogonal(populations_of(("X", "Y", "Z"))))
    alone = 0.0
    for d in range(3):
        at = np.flatnonzero(loads[:, d])
        known = data.known
        part = Known(tuple(known.ids[i] for i in at), ["2PL"] * 4, known.n_categories[at], known.counts[at], loads[at][:, [d]])
        answers = prepare(data.codes[:, at], data.observed[:, at], part.n_categories)
        items = build_items(part, priors=None, constraints=Constraints())
        own = one_dimension_likelihood(items, answers, population=populations_of(("X",)))
        alone += own.evaluate(own.start, 61).log_likelihood
    assert whole.evaluate(whole.start, 41).log_likelihood == pytest.approx(alone, abs=1e-5)


def test_weights_are_repeated_rows() -> None:
    data, _ = made(within(9, 2), ["2PL"] * 9, RNG(7).normal(size=(100, 2)), 8)
    times = RNG(9).integers(1, 4, 100)
    weighted = data.likelihood(populations_of(("X", "Y")))
    answers = weighted.answers._replace(weight=times.astype(float))
    weighted = product_grid_likelihood(weighted.items, answers, population=weighted.population)
    again = np.repeat(np.arange(100), times)
    repeated = data._replace(codes=data.codes[again], observed=data.observed[again]).likelihood(populations_of(("X", "Y")))
    repeated = product_grid_likelihood(weighted.items, repeated.answers, population=weighted.population)
    one, other = (x.evaluate(weighted.start, 21) for x in (weighted, repeated))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(weighted.gradient(one), repeated.gradient(other), atol=1e-8)
    np.testing.assert_allclose(weighted.information(one).matrix, repeated.information(other).matrix, atol=1e-3)
    np.testing.assert_allclose(weighted.em_step(one), repeated.em_step(other), atol=1e-9)


def test_any_number_of_workers_gives_the_same_bytes() -> None:
    data, _ = made(within(9, 2), ["2PL"] * 9, RNG(10).normal(size=(700, 2)), 11)
    out = []
    for workers in (1, 4):
        with ThreadPoolExecutor(workers) as executor:
            likelihood = data.likelihood(populations_of(("X", "Y")), executor=executor)
            now = likelihood.evaluate(likelihood.start, 21)
            out.append((now.log_likelihood, likelihood.em_step(now).tobytes(), likelihood.information(now).matrix.tobytes()))
    assert out[0] == out[1]


@pytest.mark.parametrize("D", [2, 3, 4])
def test_grid_gives_moments_of_a_narrow_oblique_population(D: int) -> None:
    """Points and cells reproduce mean and covariance whatever the correlations; the dual of the lattice is its dual."""
    sigma = np.full((D, D), 0.98) + 0.02 * np.eye(D)
    mean = np.linspace(-1, 1, D)[None]
    grid = product_grid(17, (mean, mean), sigma[None])
    off = grid.theta - mean
    log_weight = grid.log_cell - 0.5 * np.einsum("qa,ab,qb->q", off, np.linalg.inv(sigma), off)
    weight = np.exp(log_weight - 0.5 * np.linalg.slogdet(2 * np.pi * sigma)[1])
    assert weight.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(off.T @ (off * weight[:, None]), sigma, atol=1e-5)
    u = off @ np.linalg.inv(grid.root) / grid.spacing
    whole = (u - u[:1]) @ dual_directions(D).T
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-8)


def test_points_of_an_axis(mixed: tuple[Marginal, Floats]) -> None:
    points = mixed[0].integral.points
    assert [points(61, D) for D in (2, 3)] == [31, 21]
    assert points(25, 3) == 25


def test_items_measuring_two_of_three_competencies_are_recovered() -> None:
    """Three families, answers missing: 400 persons; estimates lie within their standard errors of the truth."""
    R = np.array([[1, 0.5, 0.3], [0.5, 1, 0.6], [0.3, 0.6, 1]])
    families = ["2PL", "GRM", "GPCM", "GRM"] * 6
    data, truth = made(within(24, 3), families, RNG(12).multivariate_normal(np.zeros(3), R, size=400, method="cholesky"), 13)
    likelihood = data.likelihood(populations_of(("X", "Y", "Z")))
    found = fit(likelihood, Control(points=15))
    assert found.converged
    assert found.information.covariance is not None
    true = np.full(likelihood.items.place.shape, np.nan)
    true[:, :6] = truth
    free = likelihood.items.free
    target = np.empty(likelihood.items.size)
    target[likelihood.items.place[free]] = true[free]
    z = (found.phi - np.concatenate([target, R[np.triu_indices(3, 1)]])) / np.sqrt(np.diag(found.information.covariance))
    assert np.abs(z).max() < 4
    assert 0.75 < float((z**2).mean()) < 1.3


def test_rasch_items_have_a_free_covariance_and_groups_free_means() -> None:
    rng = RNG(14)
    group = np.arange(1600) % 2
    sigma = [np.array([[1.5, 0.6], [0.6, 0.8]]), np.array([[0.7, 0.2], [0.2, 1.0]])]
    theta = np.stack([rng.multivariate_normal([0, 0] if g == 0 else [0.5, -0.3], sigma[g], method="cholesky") for g in group])
    loads = np.eye(2, dtype=np.bool_)[np.arange(16) % 2]
    data, _ = made(loads, ["Rasch"] * 16, theta, 15)
    frame = pd.DataFrame(np.where(data.observed, data.codes, np.nan), columns=list(data.known.ids))
    dims = {item: "XY"[k % 2] for k, item in enumerate(frame)}
    by = Population(by=["ab"[g] for g in group])
    method = cdx.MarginalML(points=21, integration="quadrature", population=by)
    found = cdx.calibrate(frame, model="Rasch", dimensions=dims, priors=None, method=method)
    names = [*found.population_frame()["parameter"]]
    estimates, se = found.estimates[-len(names) :], found.standard_errors[-len(names) :]
    truth = {"mean.b.X": 0.5, "mean.b.Y": -0.3, "covariance.X.Y.a": 0.6, "variance.X.a": 1.5, "variance.Y.b": 1.0}
    for name, x in truth.items():
        at = names.index(name)
        assert abs(estimates[at] - x) < 3 * se[at], name
    np.testing.assert_allclose(found.populations[1].mean, estimates[: len(names)][:2])


def test_order_of_competencies_is_of_no_account() -> None:
    rng = RNG(16)
    data, _ = made(within(9, 3), ["2PL"] * 9, rng.normal(size=(150, 3)), 17)
    turned = [2, 0, 1]
    other = data._replace(known=data.known._replace(loads=data.known.loads[:, turned]))
    one, two = (x.likelihood(populations_of(("X", "Y", "Z"))) for x in (data, other))
    a, b = one.evaluate(one.start, 15), two.evaluate(two.start, 15)
    assert a.log_likelihood == pytest.approx(b.log_likelihood, abs=1e-9)
    i, j = (x.gradient(e)[-3:] for x, e in ((one, a), (two, b)))
    of, at = ([(q.dimension, q.other) for q in x.population.parameters] for x in (one, two))
    assert i[of.index((0, 2))] == pytest.approx(j[at.index((0, 1))], abs=1e-9)


def test_more_than_four_competencies_are_refused() -> None:
    data, _ = made(within(15, 5), ["2PL"] * 15, RNG(18).normal(size=(60, 5)), 19)
    with pytest.raises(CalibrationError, match="up to 4 competencies"):
        data.likelihood(populations_of(tuple("ABCDE")))


def test_a_competency_never_measured_without_another_is_refused() -> None:
    """Slopes can then be traded without changing the likelihood, which the second half shows."""
    loads = np.ones((8, 2), dtype=np.bool_)
    loads[4:, 0] = False
    data, _ = made(loads, ["2PL"] * 8, RNG(20).normal(size=(120, 2)), 21)
    with pytest.raises(CalibrationError, match="Every item that measures X measures Y too"):
        data.likelihood(populations_of(("X", "Y")))
    likelihood = data.likelihood(orthogonal(populations_of(("X", "Y"))))
    items = likelihood.items
    free = replace(likelihood, population=populations_of(("X", "Y")))
    phi = free.start
    phi[-1] = 0.0
    other, c = phi.copy(), 0.4
    turned = np.array([[1 + c**2, -c], [-c, 1]])  # covariance of (X, Y - c X) seen as (X - c Y, Y)
    sd = np.sqrt(turned[0, 0])
    other[-1] = turned[0, 1] / sd
    other[items.place[:4, 1]] += c * phi[items.place[:4, 0]]
    other[items.place[:4, 0]] *= sd
    one, two = (free.evaluate(x, 41).log_likelihood for x in (phi, other))
    assert one == pytest.approx(two, abs=1e-5)
    assert other[-1] != 0
