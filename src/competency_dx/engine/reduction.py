"""Integration over one general and several specific competencies by dimension reduction (kernels/grid/bifactor.py).

The first competency is the general one, which every item measures; an item measures at most one of the others (its testlet).
All are independent and normal, N(γᵀ w_p, σ²_g) for the general one and N(0, σ²_gs) for the specific ones. Items are seen with
two slopes, that of the general competency and that of their own specific one, on one plane of points.
"""

from concurrent.futures import Executor
from typing import ClassVar, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.engine.items import Items
from competency_dx.engine.marginal import EStep, Evaluation, Integral, Marginal, Precision
from competency_dx.engine.populations import ALIKE, Origin, Populations, persons_of
from competency_dx.errors import CalibrationError
from competency_dx.kernels.grid import Answers, Design, Expected, by_dimension
from competency_dx.kernels.grid import bifactor as kernel
from competency_dx.kernels.grid.bifactor import Axes, bifactor_e_step, bifactor_missing_information, bifactor_person_scores
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.normal_population import Moments, moments_of_groups, pairs

USUAL, POINTS, ON_THE_WAY, MOST_POINTS = 61, 31, 21, 121


class _OnAxes(NamedTuple):
    """Axes, populations with their means γ (R, D), and the E-step."""

    axes: Axes
    normals: kernel.IndependentNormals
    gamma: Floats
    expected: Expected


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
        normals = kernel.IndependentNormals((w @ gamma)[:, 0], np.diagonal(sigma, axis1=1, axis2=2), group)
        axes = kernel.axes(min(points, MOST_POINTS if double else ON_THE_WAY), normals)
        curves = of.curves(phi, axes.points)
        table = curves if double else curves.astype(np.float32)
        x = bifactor_e_step(self.design, axes, table, normals, executor=self.executor)  # type: ignore[arg-type]
        kept = _OnAxes(axes, normals, gamma, x)
        return EStep(x.log_likelihood, x.upper, x.totals, axes.points, curves, axes.spacing, x.narrowest, kept)

    def moments(self, kept: _OnAxes) -> Moments:
        """Return the moments of each group; covariances, which are not free, are left at zero."""
        expected, off = kept.expected, kept.expected.mean - self.design.regressors @ kept.gamma
        square, of = (off**2 + expected.second)[:, :, None] * np.eye(off.shape[1]), self.design
        G = len(kept.normals.variance)
        return moments_of_groups(off, square, groups=G, group=of.group, regressors=of.regressors, weight=of.weight)

    def missing(self, of: Marginal, now: Evaluation, kept: _OnAxes, depth: Depth) -> Floats:
        """Return the missing information."""
        tables = of.tables(now.phi, kept.axes.points)
        return bifactor_missing_information(self.design, kept.axes, tables, kept.normals, depth=depth, executor=self.executor)

    def scores(self, of: Marginal, now: Evaluation, kept: _OnAxes) -> Floats:
        """Return the expected scores of persons."""
        tables = of.tables(now.phi, kept.axes.points)
        return bifactor_person_scores(self.design, kept.axes, tables, kept.normals, executor=self.executor)

    def points(self, asked: int, dimensions: int) -> int:  # noqa: ARG002
        """Return the points as asked, but 31 for the 61 of a calibration that does not say."""
        return POINTS if asked == USUAL else min(asked, MOST_POINTS)


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
