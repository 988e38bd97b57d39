"""One general and several specific competencies by dimension reduction: equality with the product grid, derivatives, recovery."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import competency_dx as cdx
from competency_dx.arrays import Bools, Codes, Floats
from competency_dx.calibration.choices import MarginalML, Population
from competency_dx.engine import Constraints, Control
from competency_dx.engine.items import beta_of
from competency_dx.engine.items_setup import Known, build_items, category_counts
from competency_dx.engine.marginal import Marginal
from competency_dx.engine.maximise import fit
from competency_dx.engine.one_dimension import one_dimension_likelihood
from competency_dx.engine.populations import populations_of
from competency_dx.engine.priors import LogNormal
from competency_dx.engine.several_dimensions import orthogonal, product_grid_likelihood, reduction_likelihood
from competency_dx.errors import CalibrationError
from competency_dx.kernels.grid import prepare

RNG = np.random.default_rng


class Case(NamedTuple):
    """Answers, what is known of the items, their slopes (I, 1 + S) and first intercepts (I,)."""

    codes: Codes
    observed: Bools
    known: Known
    slopes: Floats
    intercepts: Floats


def in_testlets(S: int, per: int, alone: int = 0) -> Bools:
    """Return the Q-matrix of S testlets of `per` items and of items that measure the general competency alone."""
    own = np.concatenate([np.repeat(np.eye(S, dtype=np.bool_), per, axis=0), np.zeros((alone, S), dtype=np.bool_)])
    return np.concatenate([np.ones((len(own), 1), dtype=np.bool_), own], axis=1)


def made(loads: Bools, theta: Floats, seed: int, *, graded: bool = False, missing: float = 0.1) -> Case:
    """Return answers of persons θ (P, 1 + S); every third item graded with three categories if so wanted."""
    rng, I = RNG(seed), len(loads)
    a, d = loads * rng.uniform(0.8, 1.8, loads.shape), rng.normal(size=I)
    m = np.where((np.arange(I) % 3 == 0) & graded, 3, 2)
    u = rng.random((len(theta), I))
    eta = theta @ a.T + d
    codes = (u < expit(eta)).astype(np.int8) + ((u < expit(eta - 1.3)) & (m == 3))
    seen = rng.random(codes.shape) >= missing
    codes = np.where(seen, codes, 0).astype(np.int8)
    families = ["GRM" if k == 3 else "2PL" for k in m]
    ids = tuple(f"i{k + 1}" for k in range(I))
    return Case(codes, seen, Known(ids, families, m, category_counts(codes, seen, int(m.max())), loads), a, d)


def likelihoods(case: Case, *, priors: Any = None, groups: bool = False) -> tuple[Marginal, Marginal]:
    """Return dimension reduction and the product grid of the same model."""
    P, D = len(case.codes), case.known.loads.shape[1]
    names = tuple(f"c{k}" for k in range(D))
    kind: dict[str, Any] = {}
    population = populations_of(names)
    if groups:
        group = np.arange(P) % 2
        population = populations_of(names, groups=("a", "b"), regressors=("mean.b",), reference=np.array([[0.0], [1.0]]))
        kind = {"origin": (group, group[:, None].astype(float))}
    items = build_items(case.known, priors=priors, constraints=Constraints())
    weight = RNG(1).uniform(0.5, 1.5, P) if groups else None
    answers = prepare(case.codes, case.observed, case.known.n_categories)._replace(weight=weight)
    return (
        reduction_likelihood(items, answers, population=population, **kind),
        product_grid_likelihood(items, answers, population=orthogonal(population), **kind),
    )


def phi_near(likelihood: Marginal, seed: int) -> Floats:
    """Return parameters off the start."""
    out = likelihood.em_step(likelihood.evaluate(likelihood.start, 21))
    return np.asarray(out * RNG(seed).uniform(0.95, 1.05, len(out)))


WEAK = cdx.calibration.Priors()
POSITIVE = cdx.calibration.Priors(slope=LogNormal(mean=0.0, sd=0.5))


@pytest.mark.parametrize("S", [1, 2])
@pytest.mark.parametrize(("groups", "priors"), [(False, None), (True, WEAK), (False, POSITIVE)])
def test_product_grid_gives_the_same(S: int, groups: bool, priors: Any) -> None:
    """The likelihood, its gradient, an EM step, information and scores of persons; points past 6 SD apart."""
    case = made(in_testlets(S, 4, 3), RNG(S).normal(size=(150, S + 1)), 3, graded=True)
    reduced, whole = likelihoods(case, groups=groups, priors=priors)
    phi = phi_near(reduced, 4)
    one, two = reduced.evaluate(phi, 31), whole.evaluate(phi, 31)
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=3e-5)
    assert one.objective == pytest.approx(two.objective, abs=3e-5)
    np.testing.assert_allclose(reduced.gradient(one), whole.gradient(two), atol=1e-4)
    np.testing.assert_allclose(reduced.em_step(one), whole.em_step(two), atol=1e-5)
    np.testing.assert_allclose(reduced.person_scores(one), whole.person_scores(two), atol=5e-5)
    i, j = (x.information(e).matrix for x, e in ((reduced, one), (whole, two)))
    scale = np.sqrt(np.outer(np.diag(j), np.diag(j)))
    np.testing.assert_allclose(i / scale, j / scale, atol=3e-4)
    assert reduced.population.parameters == whole.population.parameters


@pytest.fixture(scope="module")
def four() -> tuple[Marginal, Floats]:
    """Four testlets of three items, two items without, two weighted groups: no product grid reaches so far."""
    case = made(in_testlets(4, 3, 2), RNG(5).normal(size=(120, 5)), 6, graded=True)
    group = np.arange(120) % 2
    population = populations_of(tuple(f"c{k}" for k in range(5)), groups=("a", "b"), regressors=("mean.b",))
    items = build_items(case.known, priors=WEAK, constraints=Constraints())
    answers = prepare(case.codes, case.observed, case.known.n_categories)
    likelihood = reduction_likelihood(
        items,
        answers._replace(weight=RNG(1).uniform(0.5, 1.5, 120)),
        population=population,
        origin=(group, group[:, None].astype(float)),
    )
    return likelihood, phi_near(likelihood, 7)


def test_gradient_is_the_difference_quotient(four: tuple[Marginal, Floats]) -> None:
    likelihood, phi = four
    step, slope = 1e-5, likelihood.gradient(likelihood.evaluate(phi, 25))
    for f, unit in enumerate(np.eye(len(phi)) * step):
        ends = [likelihood.evaluate(phi + s * unit, 25).objective for s in (1, -1)]
        assert slope[f] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=3e-5)


def test_information_is_the_difference_quotient_of_the_gradient(four: tuple[Marginal, Floats]) -> None:
    likelihood, phi = four
    step, found = 1e-4, likelihood.information(likelihood.evaluate(phi, 25)).matrix
    ends = [[likelihood.gradient(likelihood.evaluate(phi + s * unit, 25)) for unit in np.eye(len(phi)) * step] for s in (1, -1)]
    expected = -(np.array(ends[0]) - np.array(ends[1])) / (2 * step)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found / scale, expected / scale, atol=3e-4)


def test_person_scores_add_up_to_the_gradient() -> None:
    case = made(in_testlets(3, 3, 1), RNG(8).normal(size=(90, 4)), 9)
    reduced = bifactor_of(case)
    now = reduced.evaluate(phi_near(reduced, 10), 25)
    np.testing.assert_allclose(reduced.person_scores(now).sum(axis=0), reduced.gradient(now), atol=2e-5)


def bifactor_of(case: Case) -> Marginal:
    names = tuple(f"c{k}" for k in range(case.known.loads.shape[1]))
    items = build_items(case.known, priors=None, constraints=Constraints())
    answers = prepare(case.codes, case.observed, case.known.n_categories)
    return reduction_likelihood(items, answers, population=populations_of(names))


def test_a_peer_finds_the_same_with_the_same_errors() -> None:
    """PyPI mirt 1.2.0: Gauss-Hermite points, EM stopped at a change of 1e-8, standard errors by Oakes' identity."""
    mirt = pytest.importorskip("mirt")
    case = made(in_testlets(3, 4), RNG(31).normal(size=(700, 4)), 32, missing=0.0)
    likelihood = bifactor_of(case)
    found = fit(likelihood, Control(points=31))
    assert found.information.covariance is not None
    model = mirt.BifactorModel(12, [0] * 4 + [1] * 4 + [2] * 4)
    theirs = mirt.BifactorEMEstimator(n_quadpts=25, tol=1e-8, max_iter=3000).fit(model, case.codes.astype(int))
    assert found.log_likelihood == pytest.approx(theirs.log_likelihood, abs=1e-3)
    beta, se = found.phi.reshape(12, 3), np.sqrt(np.diag(found.information.covariance)).reshape(12, 3)
    for column, name in enumerate(("general_loadings", "specific_loadings", "intercepts")):
        np.testing.assert_allclose(beta[:, column], theirs.model.parameters[name], atol=3e-3, err_msg=name)
        np.testing.assert_allclose(se[:, column], theirs.standard_errors[name], rtol=0.01, err_msg=name)


def test_six_testlets_are_recovered() -> None:
    """1000 persons, 36 items: the maximum is certified and estimates lie within their standard errors of the truth."""
    case = made(in_testlets(6, 6), RNG(11).normal(size=(1000, 7)), 12)
    likelihood = bifactor_of(case)
    found = fit(likelihood, Control(points=likelihood.integral.points(61, 3)))
    assert found.converged
    assert found.at.spacing <= found.at.narrowest
    assert found.information.covariance is not None
    beta, free = beta_of(likelihood.items, found.phi), likelihood.items.free
    se = np.zeros(beta.shape)
    se[free] = np.sqrt(np.diag(found.information.covariance))[likelihood.items.place[free]]
    truth = np.concatenate([case.slopes, case.intercepts[:, None]], axis=1)
    z = ((beta - truth)[free]) / se[free]
    assert np.abs(z).max() < 4
    assert 0.75 < float((z**2).mean()) < 1.3


def test_order_of_testlets_is_of_no_account() -> None:
    case = made(in_testlets(3, 4), RNG(13).normal(size=(200, 4)), 14)
    turned = case._replace(known=case.known._replace(loads=case.known.loads[:, [0, 3, 1, 2]]))
    one, two = bifactor_of(case), bifactor_of(turned)
    a, b = one.evaluate(one.start, 25), two.evaluate(two.start, 25)
    assert a.log_likelihood == pytest.approx(b.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(np.sort(one.gradient(a)), np.sort(two.gradient(b)), atol=1e-8)


def test_without_specific_slopes_it_is_one_competency() -> None:
    """Specific slopes fixed at zero leave a test of the general competency alone."""
    case = made(in_testlets(2, 4), RNG(15).normal(size=(200, 3)), 16)
    testlet = bifactor_of(case)
    phi = testlet.start.copy()
    phi[testlet.projected.place[:, 1]] = 0.0
    one = case._replace(known=case.known._replace(loads=case.known.loads[:, :1]))
    items = build_items(one.known, priors=None, constraints=Constraints())
    answers = prepare(one.codes, one.observed, one.known.n_categories)
    alone = one_dimension_likelihood(items, answers, population=populations_of(("g",)))
    expected = alone.evaluate(alone.start, 61).log_likelihood
    assert testlet.evaluate(phi, 41).log_likelihood == pytest.approx(expected, abs=1e-6)


def test_an_item_of_two_testlets_is_refused() -> None:
    loads = in_testlets(2, 4)
    loads[1, 2] = True
    case = made(loads, RNG(17).normal(size=(60, 3)), 18)
    with pytest.raises(CalibrationError, match="rows 2 of the Q-matrix"):
        bifactor_of(case)


def test_calibrate_reduces_dimensions(quiet: Callable[[], AbstractContextManager[None]]) -> None:
    """The verb, with the sandwich and two groups: independent competencies, the general mean of the second group free."""
    case = made(in_testlets(3, 4), RNG(19).normal(size=(500, 4)), 20)
    frame = pd.DataFrame(np.where(case.observed, case.codes, np.nan), columns=list(case.known.ids))
    loads = pd.DataFrame(case.known.loads.astype(int), index=list(case.known.ids), columns=["G", "A", "B", "C"])
    method = MarginalML(
        points=25, integration="bifactor", standard_errors="sandwich", population=Population(by=["ab"[k % 2] for k in range(500)])
    )
    with quiet():
        found = cdx.calibrate(frame, dimensions=loads, method=method)
    assert found.converged
    names = [name for name in found.parameter_names if not name.startswith("i")]
    assert names == ["mean.b.G", *(f"variance.{d}.b" for d in "GABC")]
    second = found.populations[1]
    np.testing.assert_allclose(second.covariance, np.diag(np.diag(second.covariance)))
    np.testing.assert_array_equal(second.mean[1:], 0.0)
    assert (found.standard_errors > 0).all()
