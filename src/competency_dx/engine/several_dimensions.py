"""Integration over several competencies: product grid, dimension reduction, expectation propagation.

The exact sum over a product grid of up to four competencies (kernels/grid/product.py) is a check of the others. Dimension reduction
(kernels/grid/bifactor.py) is for one general and several specific competencies. The first is the general one, which every item
measures; an item measures at most one of the others (its testlet). All are independent and normal, N(γᵀ w_p, σ²_g) for the general one
and N(0, σ²_gs) for the specific ones. Items are seen with two slopes, that of the general competency and that of their own specific
one, on one plane of points. Expectation propagation is for correlated competencies, each item measuring one: the E-step is that of
kernels/propagation/ep_likelihood.py; the gradient is exact at its fixed point, the information that of the same module.
"""

from concurrent.futures import Executor
from typing import ClassVar

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.engine.items import Items
from competency_dx.engine.marginal import Accuracy, EStep, Evaluation, Integral, Marginal, Precision
from competency_dx.engine.populations import ALIKE, Origin, Populations, persons_of
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding, Template
from competency_dx.kernels.grid import REACH, Answers, Design, Expected, bifactor, by_dimension, points_needed, product
from competency_dx.kernels.grid.louis import Depth, Moments, moments_of_groups, pairs
from competency_dx.kernels.propagation import SweepControl, ep_likelihood
from competency_dx.kernels.propagation.ep_likelihood import EPError, Model, PropagatedExpected, ep_e_step

USUAL = 61  # points of a calibration that does not say otherwise: a grid then takes its own number
POINTS = {1: 61, 2: 31, 3: 21, 4: 17}
ON_THE_WAY = {1: 31, 2: 21, 3: 15, 4: 11}
MOST_POINTS = {1: 1201, 2: 161, 3: 45, 4: 17}
COARSE = 1.0  # spacing of the grid for information in units of the narrowest posterior SD
FINE = 1.1  # it is made anew where that saves more than this factor
MOST_ON_PLANE = 121
LEAST_POINTS, MOST_ON_LINE = 45, 4001
FIRST, SWEEPS, SETTLED = SweepControl(1e-3, 12), SweepControl(1e-3, 3), SweepControl(1e-8)
OnGrid = tuple[product.Grid, product.Normals, Expected]  # grid, populations of persons, the E-step
OnAxes = tuple[bifactor.Axes, bifactor.IndependentNormals, Floats, Expected]  # axes, populations, their means γ (R, D), the E-step
Propagated = tuple[Model, PropagatedExpected]  # curves and populations, the E-step


@value
class ProductGrid(Integral):
    """A product grid with the same number of points on each axis."""

    integration: ClassVar[str] = "product grid"
    answers: Answers

    def e_step(self, of: Marginal, phi: Floats, points: int, precision: Precision, before: EStep | None) -> EStep:  # noqa: ARG002
        """Return the E-step at φ with `points` on each axis, coarser and in single precision on the way."""
        D, double = of.items.n_slopes, precision == "double"
        grid, normals = self._grid(of.normals(phi), min(points, (MOST_POINTS if double else ON_THE_WAY)[D]))
        curves = of.curves(phi, grid.theta)
        table = curves if double else curves.astype(np.float32)
        x = product.grid_e_step(self.answers, grid, table, normals, executor=self.executor)  # type: ignore[arg-type]
        spacing, narrowest = grid.spacing / grid.unit, x.narrowest / grid.unit
        return EStep(x.log_likelihood, x.upper, x.totals, grid.theta, curves, spacing, narrowest, (grid, normals, x))

    def _grid(self, populations: tuple[Floats, Floats], points: int) -> tuple[product.Grid, product.Normals]:
        """Return a grid that spans all populations, and the populations of persons."""
        (gamma, sigma), (regressors, group, _) = populations, self.persons
        means = regressors @ gamma
        by_group = [means if self.persons.shared else means[group == g] for g in range(len(sigma))]
        low, high = (np.stack([f(m, axis=0) for m in by_group]) for f in (np.min, np.max))
        return product.product_grid(points, (low, high), sigma), product.Normals(group, regressors, means, sigma)

    def moments(self, kept: OnGrid) -> Moments:
        """Return the moments of the populations."""
        _, (group, w, mean, covariance), found = kept
        off = found.mean - mean
        square = product.posterior_covariance(found.mean, found.second) + off[:, :, None] * off[:, None, :]
        G, weight = len(covariance), self.answers.weight
        return moments_of_groups(off, square, groups=G, group=group, regressors=w, weight=weight)

    def missing(self, of: Marginal, now: Evaluation, kept: OnGrid, depth: Depth) -> Floats:
        """Return the missing information, on a grid of `COARSE` times the narrowest posterior where that is coarser."""
        grid, normals, _ = kept
        if now.spacing < COARSE * now.narrowest / FINE:
            grid, _ = self._grid(of.normals(now.phi), points_needed(COARSE * now.narrowest))
        curves = of.tables(now.phi, grid.theta)
        return product.grid_missing_information(self.answers, grid, curves, normals, depth=depth, executor=self.executor)

    def scores(self, of: Marginal, now: Evaluation, kept: OnGrid) -> Floats:
        """Return the expected scores of persons."""
        grid, normals, _ = kept
        return product.grid_person_scores(self.answers, grid, of.tables(now.phi, grid.theta), normals, executor=self.executor)

    def points(self, asked: int, dimensions: int) -> int:
        """Return the points as asked, but 31, 21 and 17 on each axis with two, three and four dimensions for 61."""
        return min(POINTS[dimensions] if asked == USUAL else asked, MOST_POINTS[dimensions])


def refuse_confounded(items: Items, population: Populations) -> None:
    """Raise where slopes of a competency can be traded for those of a correlated one under plain maximum likelihood.

    Adding a multiple of the slopes of d to those of e, and turning θ and its covariance to match, leaves every probability as it
    is. Only an item that measures d and not e, or whose slope of e is fixed, tells the two apart.
    """
    prior, D, (R, _, _) = items.prior, items.n_slopes, population.shape
    if len(prior.log_normal) or np.einsum("iff->if", prior.precision)[:, :D].any():
        return
    a, b = pairs(D)
    place = items.place[:, :D]
    loads = (place >= 0) | (items.base[:, :D] != 0)
    free = population.free[R * D : R * D + len(a)]
    correlated = [one for one, moves in zip(zip(a, b, strict=True), free, strict=True) if moves and one[0] != one[1]]
    for d, e in (pair for one in correlated for pair in (one, one[::-1])):
        if not (loads[:, d] & (place[:, e] < 0)).any():
            raise CalibrationError("engine.not_identified", first=population.dimensions[d], second=population.dimensions[e])


def product_grid_likelihood(
    items: Items, answers: Answers, *, population: Populations, origin: Origin = ALIKE, executor: Executor | None = None
) -> Marginal:
    """Return the likelihood of answers to items with D ≤ 4 slopes a row, on a product grid, as `one_dimension_likelihood`.

    Raises `CalibrationError` with more than four dimensions, or where the Q-matrix leaves slopes unidentified.
    """
    if (D := items.n_slopes) not in POINTS:
        raise CalibrationError("engine.grid_dimensions", points=max(POINTS), d=D)
    refuse_confounded(items, population)
    integral = ProductGrid(answers=answers, persons=persons_of(answers, origin), executor=executor)
    return Marginal(items=items, answers=answers, population=population, integral=integral)


@value
class Reduction(Integral):
    """Dimension reduction.

    `design` are answers taken apart by specific competency, whose last part measures the general one alone; `testlet` (I,) is the
    specific competency of each item, the number of these for items without one.
    """

    integration: ClassVar[str] = "dimension reduction"
    design: Design
    testlet: Ints

    def projected(self, items: Items) -> Items:
        """Return the items with two slopes a row: general, and that of their own testlet."""
        D = items.n_slopes
        own = np.where(self.testlet < D - 1, self.testlet + 1, -1)[:, None]  # 0 where they have none
        kept = np.concatenate([np.zeros_like(own), own, np.tile(np.arange(D, items.place.shape[1]), (len(own), 1))], axis=1)
        there, at, prior = kept >= 0, np.maximum(kept, 0), items.prior
        precision = np.take_along_axis(np.take_along_axis(prior.precision, at[:, :, None], axis=1), at[:, None, :], axis=2)

        def taken(table: Floats) -> Floats:
            return np.where(there, np.take_along_axis(table, at, axis=1), 0.0)

        def moved(positions: Ints) -> Ints:
            item, column = positions.reshape(-1, 2).T
            return np.stack([item, np.where(column >= D, column - D + 2, np.minimum(column, 1))], axis=1)

        pools = tuple(pool._replace(weights=taken(pool.weights)) for pool in prior.pools)
        prior = prior._replace(centre=taken(prior.centre), log_normal=moved(prior.log_normal), beta=moved(prior.beta), pools=pools)
        prior = prior._replace(precision=precision * (there[:, :, None] & there[:, None, :]))
        place = np.where(there, np.take_along_axis(items.place, at, axis=1), -1)
        return items._replace(place=place, base=taken(items.base), prior=prior, n_slopes=2)

    def e_step(self, of: Marginal, phi: Floats, points: int, precision: Precision, before: EStep | None) -> EStep:  # noqa: ARG002
        """Return the E-step at φ with `points` on either axis, coarser and in single precision on the way."""
        double, (gamma, sigma) = precision == "double", of.normals(phi)
        w, group, _ = self.persons
        normals = bifactor.IndependentNormals((w @ gamma)[:, 0], np.diagonal(sigma, axis1=1, axis2=2), group)
        axes = bifactor.axes(min(points, MOST_ON_PLANE if double else ON_THE_WAY[2]), normals)
        curves = of.curves(phi, axes.points)
        table = curves if double else curves.astype(np.float32)
        x = bifactor.bifactor_e_step(self.design, axes, table, normals, executor=self.executor)  # type: ignore[arg-type]
        return EStep(x.log_likelihood, x.upper, x.totals, axes.points, curves, axes.spacing, x.narrowest, (axes, normals, gamma, x))

    def moments(self, kept: OnAxes) -> Moments:
        """Return the moments of each group; covariances, which are not free, are left at zero."""
        (_, normals, gamma, expected), of = kept, self.design
        off, G = expected.mean - of.regressors @ gamma, len(normals.variance)
        square = (off**2 + expected.second)[:, :, None] * np.eye(off.shape[1])
        return moments_of_groups(off, square, groups=G, group=of.group, regressors=of.regressors, weight=of.weight)

    def missing(self, of: Marginal, now: Evaluation, kept: OnAxes, depth: Depth) -> Floats:
        """Return the missing information."""
        axes, normals, *_ = kept
        tables = of.tables(now.phi, axes.points)
        return bifactor.bifactor_missing_information(self.design, axes, tables, normals, depth=depth, executor=self.executor)

    def scores(self, of: Marginal, now: Evaluation, kept: OnAxes) -> Floats:
        """Return the expected scores of persons."""
        axes, normals, *_ = kept
        return bifactor.bifactor_person_scores(self.design, axes, of.tables(now.phi, axes.points), normals, executor=self.executor)

    def points(self, asked: int, dimensions: int) -> int:  # noqa: ARG002
        """Return the points as asked, but 31 for the 61 of a calibration that does not say."""
        return POINTS[2] if asked == USUAL else min(asked, MOST_ON_PLANE)


def orthogonal(of: Populations) -> Populations:
    """Return populations with independent competencies; regressors move the mean of the first one alone."""
    R, G, D = of.shape
    a, b = pairs(D)
    across = np.concatenate([np.zeros(R * D, dtype=np.bool_), np.tile(a != b, G)])
    specific = np.concatenate([np.tile(np.arange(D) > 0, R), np.zeros(G * len(a), dtype=np.bool_)])
    return of._replace(free=of.free & ~across & ~specific, start=np.where(across | specific, 0.0, of.start), correlation_sd=None)


def reduction_likelihood(
    items: Items, answers: Answers, *, population: Populations, origin: Origin = ALIKE, executor: Executor | None = None
) -> Marginal:
    """Return the likelihood of answers to items on a general and specific competencies, independent of one another.

    Items have D slopes a row; all measure the first competency, each at most one of the others. Covariances of the population
    are set to zero and kept there. The rest is as for `one_dimension_likelihood`.
    Raises `CalibrationError` when an item does not measure the first competency, or measures several of the others.
    """
    D = items.n_slopes
    loads = (items.place[:, :D] >= 0) | (items.base[:, :D] != 0)
    wrong = np.flatnonzero(~loads[:, 0] | (loads[:, 1:].sum(axis=1) > 1))
    if D < 2 or len(wrong):
        raise CalibrationError("engine.reduction_rows", d=D, wrong=[str(i + 1) for i in wrong])
    testlet = np.where(loads[:, 1:].any(axis=1), loads[:, 1:].argmax(axis=1), D - 1)
    persons = persons_of(answers, origin)  # in the design items without a testlet come last
    design = by_dimension(answers, testlet, parts=D, group=origin[0], regressors=persons.regressors)
    integral = Reduction(design=design, persons=persons, testlet=testlet, executor=executor)
    return Marginal(items=items, answers=answers, population=orthogonal(population), integral=integral)


@value
class Propagation(Integral):
    """Expectation propagation over answers taken apart by competency."""

    integration: ClassVar[str] = "propagation"
    design: Design

    def e_step(self, of: Marginal, phi: Floats, points: int, precision: Precision, before: EStep | None) -> EStep:
        """Return the E-step at φ, from the sites of an E-step before."""
        model = self._model(of, phi, points)
        sites = ep_likelihood.no_sites(self.design) if before is None else before.kept[1].sites
        control = SETTLED if precision == "double" else FIRST if before is None else SWEEPS
        x = ep_e_step(self.design, model if precision == "double" else model.single(), sites, control=control, executor=self.executor)
        sd = _least_sd(model.covariance)
        fine = float(model.theta[1] - model.theta[0]) / sd, x.narrowest / sd
        return EStep(x.log_likelihood, x.upper, x.totals, model.theta, model.log_prob, *fine, (model, x))

    def _model(self, of: Marginal, phi: Floats, points: int) -> Model:
        """Return curves on one grid for all competencies, `points` to ±6 SD of the narrowest population."""
        gamma, sigma = of.normals(phi)
        means, sd = self.design.regressors @ gamma, np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
        reach = REACH * float(sd.max())
        low, high = means.min(initial=0.0) - reach, means.max(initial=0.0) + reach
        spacing = 2 * REACH * _least_sd(sigma) / (points - 1)
        theta = np.linspace(low, high, min(round((high - low) / spacing) + 1, MOST_ON_LINE))
        return Model(theta, of.curves(phi, theta), gamma, sigma)

    def moments(self, kept: Propagated) -> Moments:
        """Return the moments of the populations."""
        return kept[1].moments

    def missing(self, of: Marginal, now: Evaluation, kept: Propagated, depth: Depth) -> Floats:
        """Return the missing information, on a grid as coarse as the narrowest posterior allows."""
        model, x = kept
        needed = max(LEAST_POINTS, points_needed(now.narrowest))
        if now.spacing < 2 * REACH / (needed - 1):
            model = self._model(of, now.phi, needed)
        tables = of.tables(now.phi, model.theta)
        return ep_likelihood.ep_missing_information(self.design, model, tables, sites=x.sites, depth=depth, executor=self.executor)

    def scores(self, of: Marginal, now: Evaluation, kept: Propagated) -> Floats:
        """Return the expected scores of persons."""
        model, x = kept
        return ep_likelihood.ep_person_scores(
            self.design, model, of.tables(now.phi, model.theta), sites=x.sites, executor=self.executor
        )

    def accuracy(self, now: Evaluation) -> Accuracy:
        """Return the correction of the log-likelihood and the errors of propagation."""
        error = self.error(now)
        weight = np.ones(len(error.log_likelihood)) if self.design.weight is None else self.design.weight
        each = float(np.abs(error.log_likelihood).mean())
        return Accuracy(self.integration, float(weight @ error.log_likelihood), each, error.rms_mean)

    def findings(self, now: Evaluation) -> tuple[Finding, ...]:
        """Return what is to be said of persons whose sites did not settle."""
        persons = now.step.kept[1].unsettled
        return (Template("engine.unsettled").of(persons=persons),) if persons else ()

    def error(self, now: Evaluation) -> EPError:
        """Return the estimated error of expectation propagation for every person."""
        model, x = now.step.kept
        return ep_likelihood.ep_error(self.design, model, x.sites, executor=self.executor)


def propagation_likelihood(
    items: Items,
    answers: Answers,
    *,
    dimension: Ints,
    population: Populations,
    origin: Origin = ALIKE,
    executor: Executor | None = None,
) -> Marginal:
    """Return the likelihood of answers to items of one competency each, `dimension` (I,); else as `one_dimension_likelihood`."""
    persons = persons_of(answers, origin)
    design = by_dimension(answers, dimension, group=origin[0], regressors=persons.regressors)
    integral = Propagation(design=design, persons=persons, executor=executor)
    return Marginal(items=items, answers=answers, population=population, dimension=dimension, integral=integral)


def _least_sd(covariance: Floats) -> float:
    """Return the least standard deviation of a competency in any group."""
    return float(np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).min()))
