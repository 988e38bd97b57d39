"""Integration over up to four competencies by the exact sum over a product grid (kernels/grid/product.py), a check of the others."""

from concurrent.futures import Executor
from typing import ClassVar, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.engine.items import Items
from competency_dx.engine.marginal import EStep, Evaluation, Integral, Marginal, Precision
from competency_dx.engine.populations import ALIKE, Origin, Populations, persons_of
from competency_dx.errors import CalibrationError
from competency_dx.kernels.grid import Answers, Expected, points_needed
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.grid.product import (
    Grid,
    Normals,
    grid_e_step,
    grid_missing_information,
    grid_person_scores,
    posterior_covariance,
    product_grid,
)
from competency_dx.kernels.normal_population import Moments, moments_of_groups, pairs

USUAL = 61  # points of a calibration that does not say otherwise: a product grid then takes its own number
POINTS = {1: 61, 2: 31, 3: 21, 4: 17}
ON_THE_WAY = {1: 31, 2: 21, 3: 15, 4: 11}
MOST_POINTS = {1: 1201, 2: 161, 3: 45, 4: 17}
COARSE = 1.0  # spacing of the grid for information in units of the narrowest posterior SD
FINE = 1.1  # it is made anew where that saves more than this factor


class _OnGrid(NamedTuple):
    """Grid, populations of persons, and the E-step."""

    grid: Grid
    normals: Normals
    expected: Expected


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
        x = grid_e_step(self.answers, grid, table, normals, executor=self.executor)  # type: ignore[arg-type]
        fine = grid.spacing / grid.unit, x.narrowest / grid.unit
        return EStep(x.log_likelihood, x.upper, x.totals, grid.theta, curves, *fine, _OnGrid(grid, normals, x))

    def _grid(self, populations: tuple[Floats, Floats], points: int) -> tuple[Grid, Normals]:
        """Return a grid that spans all populations, and the populations of persons."""
        (gamma, sigma), (regressors, group, _) = populations, self.persons
        means = regressors @ gamma
        by_group = [means if self.persons.shared else means[group == g] for g in range(len(sigma))]
        low, high = (np.stack([f(m, axis=0) for m in by_group]) for f in (np.min, np.max))
        return product_grid(points, (low, high), sigma), Normals(group, regressors, means, sigma)

    def moments(self, kept: _OnGrid) -> Moments:
        """Return the moments of the populations."""
        found, (group, w, mean, covariance) = kept.expected, kept.normals
        off = found.mean - mean
        square = posterior_covariance(found.mean, found.second) + off[:, :, None] * off[:, None, :]
        G, weight = len(covariance), self.answers.weight
        return moments_of_groups(off, square, groups=G, group=group, regressors=w, weight=weight)

    def missing(self, of: Marginal, now: Evaluation, kept: _OnGrid, depth: Depth) -> Floats:
        """Return the missing information, on a grid of `COARSE` times the narrowest posterior where that is coarser."""
        grid = kept.grid
        if now.spacing < COARSE * now.narrowest / FINE:
            grid, _ = self._grid(of.normals(now.phi), points_needed(COARSE * now.narrowest))
        tables = of.tables(now.phi, grid.theta)
        return grid_missing_information(self.answers, grid, tables, kept.normals, depth=depth, executor=self.executor)

    def scores(self, of: Marginal, now: Evaluation, kept: _OnGrid) -> Floats:
        """Return the expected scores of persons."""
        return grid_person_scores(self.answers, kept.grid, of.tables(now.phi, kept.grid.theta), kept.normals, executor=self.executor)

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
            first, second = population.dimensions[d], population.dimensions[e]
            raise CalibrationError("engine.not_identified", first=first, second=second)


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
