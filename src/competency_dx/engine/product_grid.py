"""The marginal likelihood of two or three competencies on a product grid, items measuring one or several of them.

Person p of group g comes from N(γᵀ w_p, Σ_g); w are indicators of groups or covariates. The integral over competencies is a sum
over the points of kernels/grid/product.py, exact as far as the grid is fine enough; it stands beside the approximations as what
they are checked with. In the M-step variances that are fixed at one are set free and slopes rescaled afterwards (parameter
expansion: Liu, Rubin & Wu 1998, doi:10.1093/biomet/85.4.755).
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, value
from competency_dx.engine import items as of_items
from competency_dx.engine import populations as of_population
from competency_dx.engine.items import Items
from competency_dx.engine.likelihood import Evaluation, Information, Precision, inverted
from competency_dx.engine.populations import Populations, Pull, populations_over
from competency_dx.errors import CalibrationError
from competency_dx.kernels.families import dispatch
from competency_dx.kernels.grid import support
from competency_dx.kernels.grid.e_step import Answers
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.grid.product import (
    Grid,
    GridExpected,
    Normals,
    Regions,
    grid_e_step,
    population_moments,
    product_grid,
)
from competency_dx.kernels.grid.product_information import ItemTables, grid_missing_information, grid_person_scores
from competency_dx.kernels.normal_population import pairs, population_gradient, population_information
from competency_dx.models import NormalPopulation

USUAL = 61  # points of a calibration that does not say otherwise: a product grid then takes its own number
POINTS = {1: 61, 2: 31, 3: 21, 4: 17}
ON_THE_WAY = {1: 31, 2: 21, 3: 15, 4: 11}
MOST_POINTS = {1: 1201, 2: 161, 3: 45, 4: 17}
COARSE = 1.0  # spacing of the grid for information in units of the narrowest posterior SD
FINE = 1.1  # it is made anew where that saves more than this factor


def axis_points(points: int, n_dimensions: int) -> int:
    """Return the points on each axis to begin with: as asked, but 31, 21 and 17 with two, three and four dimensions for 61."""
    own = POINTS[n_dimensions] if points == USUAL else points
    return min(own, MOST_POINTS[n_dimensions])


class _Detail(NamedTuple):
    """What an evaluation keeps: grid and curves, populations of persons, the E-step, counts (I, K, Q) and ψ (N,)."""

    grid: Grid
    log_prob: Floats
    normals: Normals
    expected: GridExpected
    counts: Floats
    psi: Floats


@value
class ProductGrid:
    """Marginal likelihood of items that measure one or several of D ≤ 4 competencies; see `Likelihood`.

    Attributes
    ----------
    items : Items
        With D slopes a row.
    answers : Answers
    population : Populations
    group : ndarray of int, shape (P,) or (1,)
        Group of each person; a single entry where persons come from one population.
    regressors : ndarray, shape (P, R)
        Indicators of groups whose mean is free, and covariates.
    """

    items: Items
    answers: Answers
    population: Populations
    group: Ints
    regressors: Floats
    executor: Executor | None = None

    @property
    def start(self) -> Floats:
        """Return starting values φ (F,)."""
        return np.concatenate([self.items.start, self.population.start[self.population.free]])

    @property
    def population_names(self) -> tuple[str, ...]:
        """Return the names of the free population parameters."""
        return self.population.names

    def psi(self, phi: Floats) -> Floats:
        """Return all parameters of the populations (N,)."""
        out = self.population.start.copy()
        out[self.population.free] = phi[self.items.size :]
        return out

    def populations(self, phi: Floats) -> tuple[NormalPopulation, ...]:
        """Return the population of each group, over its persons' covariates where there are any."""
        residual = of_population.unpacked(self.population, self.psi(phi))
        persons = (self.regressors, self.group, self.answers.weight)
        return populations_over(self.population.dimensions, residual, persons, self.population.reference)

    def feasible(self, phi: Floats) -> bool:
        """Return whether φ lies inside the parameter space."""
        _, sigma = of_population.unpacked(self.population, self.psi(phi))
        inside = of_population.proper(sigma) and not of_items.crossing(self.items, phi).any()
        return inside and bool(np.isfinite(self.items.prior.value(of_items.beta_of(self.items, phi))))

    def evaluate(
        self,
        phi: Floats,
        points: int,
        *,
        precision: Precision = "double",
        before: Evaluation | None = None,  # noqa: ARG002 - protocol
    ) -> Evaluation:
        """Return the likelihood at φ with `points` on each axis: one E-step, coarser and in single precision on the way."""
        D, double = self.items.n_slopes, precision == "double"
        grid, normals = self._grid(phi, min(points, (MOST_POINTS if double else ON_THE_WAY)[D]))
        log_prob = self._curves(phi, grid)
        seen = log_prob if double else log_prob.astype(np.float32)
        expected = grid_e_step(self.answers, grid, seen, normals, executor=self.executor)  # type: ignore[arg-type]
        counts = np.zeros_like(log_prob)
        counts[self.answers.item, self.answers.category] = expected.upper
        counts[:, 0] = expected.totals - counts.sum(axis=1)
        return Evaluation(
            phi=phi,
            objective=expected.log_likelihood + self._log_prior(phi),
            log_likelihood=expected.log_likelihood,
            spacing=grid.spacing / grid.unit,
            narrowest=expected.narrowest / grid.unit,
            detail=_Detail(grid, log_prob, normals, expected, counts, self.psi(phi)),
        )

    def _log_prior(self, phi: Floats) -> float:
        """Return the log prior density of items and populations."""
        items = self.items.prior.value(of_items.beta_of(self.items, phi))
        return items + of_population.prior(self.population, self.psi(phi)).value

    def _grid(self, phi: Floats, points: int) -> tuple[Grid, Normals]:
        """Return a grid that spans all populations, and the populations of persons."""
        gamma, sigma = of_population.unpacked(self.population, self.psi(phi))
        if len(self.group) == 1:
            means = self.regressors @ gamma
            return product_grid(points, Regions(means, means, sigma)), Normals(self.group, means, sigma)
        means = self.regressors @ gamma
        own = [means[self.group == g] for g in range(len(sigma))]
        low, high = (np.stack([f(m, axis=0) for m in own]) for f in (np.min, np.max))
        return product_grid(points, Regions(low, high, sigma)), Normals(self.group, means, sigma)

    def _curves(self, phi: Floats, grid: Grid) -> Floats:
        """Return log P (I, K, Q)."""
        beta = of_items.beta_of(self.items, phi)
        return dispatch.log_probabilities(self.items.groups, beta, grid.theta, self.items.allowed)

    def em_step(self, now: Evaluation) -> Floats:
        """Return φ (F,) after an M-step of items and populations, scales of expanded competencies restored."""
        d: _Detail = now.detail
        phi = of_items.m_step(self.items, now.phi, d.counts, d.log_prob, d.grid.theta)
        pull = slope_pull(self.items, phi, self.population.unit)
        moments = population_moments(d.expected, d.normals, self._regressors, self.answers.weight)
        psi = of_population.m_step(self.population, d.psi, moments, pull)
        gamma, sigma = of_population.unpacked(self.population, psi)
        scale = np.where(pull.loose, np.sqrt(np.diagonal(sigma[0])), 1.0)
        rescale(self.items, phi, scale)
        psi = of_population.packed(gamma / scale, sigma / (scale[:, None] * scale))
        return np.concatenate([phi, psi[self.population.free]])

    @property
    def _regressors(self) -> Floats:
        """Return the regressors of all persons (P, R)."""
        return np.broadcast_to(self.regressors, (len(self.answers.codes), self.regressors.shape[1]))

    def gradient(self, now: Evaluation) -> Floats:
        """Return the gradient (F,) of the objective by Fisher's identity."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.items, now.phi)
        items = of_items.gradient(self.items, beta, d.counts, d.log_prob, d.grid.theta)
        moments = population_moments(d.expected, d.normals, self._regressors, self.answers.weight)
        population = population_gradient(moments, d.normals.covariance)
        population += of_population.prior(self.population, d.psi).gradient
        return np.concatenate([items, population[self.population.free]])

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information of the objective (Louis 1982), prior curvature included.

        Expectations over posteriors use a grid with a spacing of `COARSE` times the narrowest of them where that is coarser.
        """
        d: _Detail = now.detail
        grid = d.grid
        if now.spacing < COARSE * now.narrowest / FINE:
            grid, _ = self._grid(now.phi, support.points_needed(COARSE * now.narrowest))
        missing = grid_missing_information(
            self.answers,
            grid,
            self._tables(now.phi, grid),
            d.normals,
            regressors=self._regressors,
            depth=depth,
            executor=self.executor,
        )
        T = self._collector()
        return inverted(self._complete(now) - T.T @ missing @ T)

    def _tables(self, phi: Floats, grid: Grid) -> ItemTables:
        """Return curves with derivatives by the free parameters of the items, one by one."""
        beta, free, log_prob = of_items.beta_of(self.items, phi), self.items.free, self._curves(phi, grid)
        by_beta = dispatch.derivatives(self.items.groups, beta, log_prob, grid.theta, self.items.allowed)
        return ItemTables(log_prob, by_beta[free].transpose(1, 0, 2), np.nonzero(free)[0])

    def _collector(self) -> Floats:
        """Return the matrix that adds parameters one by one up to φ: equal ones share an entry, fixed ones vanish."""
        place, free = self.items.place[self.items.free], np.flatnonzero(self.population.free)
        T = np.zeros((len(place) + len(self.population.free), self.items.size + len(free)))
        T[np.arange(len(place)), place] = 1.0
        T[len(place) + free, self.items.size + np.arange(len(free))] = 1.0
        return T

    def _complete(self, now: Evaluation) -> Floats:
        """Return the penalised complete-data information (F, F): items, then populations."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.items, now.phi)
        n, free = self.items.size, self.population.free
        moments = population_moments(d.expected, d.normals, self._regressors, self.answers.weight)
        out = np.zeros((len(now.phi),) * 2)
        out[:n, :n] = of_items.complete_information(self.items, beta, d.counts, d.log_prob, d.grid.theta)
        population = population_information(moments, d.normals.covariance)
        population += of_population.prior(self.population, d.psi).curvature
        out[n:, n:] = population[np.ix_(free, free)]
        return out

    def person_scores(self, now: Evaluation) -> Floats:
        """Return the gradient of each person's log-likelihood (P, F), case weights and priors left aside."""
        d: _Detail = now.detail
        own = grid_person_scores(
            self.answers,
            d.grid,
            self._tables(now.phi, d.grid),
            d.normals,
            regressors=self._regressors,
            executor=self.executor,
        )
        return np.asarray(own @ self._collector())

    def moved(self, phi: Floats, step: Floats) -> Floats:
        """Return φ after a step; boundaries stay in order and covariance matrices positive definite."""
        n, free = self.items.size, self.population.free
        items = of_items.in_order(self.items, phi[:n], step[:n])
        full = np.zeros(len(free))
        full[free] = step[n:]
        gamma, sigma = of_population.unpacked(self.population, self.psi(phi))
        by_gamma, by_sigma = of_population.unpacked(self.population, full)
        new = np.stack([of_population.stepped(s, b) for s, b in zip(sigma, by_sigma, strict=True)])
        return np.concatenate([items, of_population.packed(gamma + by_gamma, new)[free]])


def slope_pull(items: Items, phi: Floats, unit: Bools) -> Pull:
    """Return whose scale may expand among unit variances (D,), and what priors of slopes say of it."""
    beta, D = of_items.beta_of(items, phi), items.n_slopes
    a = beta[:, :D]
    gradient = (a * items.prior.gradient(beta)[:, :D]).sum(axis=0)
    bend = np.maximum(np.einsum("iff->if", items.prior.curvature(beta))[:, :D], 0.0)
    return Pull(gradient / 2, (a**2 * bend).sum(axis=0) / 4, loose_scales(items) & unit)


def loose_scales(items: Items) -> Bools:
    """Return the competencies (D,) whose slopes alone carry their scale: all free, and shared with no other competency."""
    D, K = items.n_slopes, items.allowed.shape[1]
    place = items.place[:, :D]
    measured = (place >= 0) | (items.base[:, :D] != 0)
    extras = np.asarray((items.place[:, D + K - 1 :] >= 0).any(axis=1))
    entries = [set(place[measured[:, d], d].tolist()) for d in range(D)]
    own = [
        -1 not in mine
        and not any(mine & other for j, other in enumerate(entries) if j != d)
        and not extras[measured[:, d]].any()
        for d, mine in enumerate(entries)
    ]
    return np.array(own)


def rescale(items: Items, phi: Floats, scale: Floats) -> None:
    """Multiply the free slopes of φ by the scale (D,) of their competency, in place; each entry once."""
    for d in np.flatnonzero(scale != 1.0):
        place = np.unique(items.place[:, d])
        phi[place[place >= 0]] *= scale[d]


def confounded(items: Items, population: Populations) -> tuple[tuple[str, str], ...]:
    """Return pairs of correlated competencies of which slopes of the second can be traded for those of the first.

    Adding a multiple of the slopes of d to those of e, and turning θ and its covariance to match, leaves every probability as it
    is. Only an item that measures d and not e, or whose slope of e is fixed, tells the two apart.
    """
    D, (R, _, _) = items.n_slopes, population.shape
    a, b = pairs(D)
    place = items.place[:, :D]
    loads = (place >= 0) | (items.base[:, :D] != 0)
    free = population.free[R * D : R * D + len(a)]
    correlated = [(d, e) for d, e, moves in zip(a, b, free, strict=True) if moves and d != e]
    names = population.dimensions
    return tuple(
        (names[d], names[e])
        for one in correlated
        for d, e in (one, one[::-1])
        if not (loads[:, d] & (place[:, e] < 0)).any()
    )


def refuse_confounded(items: Items, population: Populations) -> None:
    """Raise where the Q-matrix and plain maximum likelihood do not identify the slopes."""
    prior = items.prior
    if len(prior.log_normal) or np.einsum("iff->if", prior.precision)[:, : items.n_slopes].any():
        return
    found = confounded(items, population)
    if found:
        d, e = found[0]
        raise CalibrationError(
            f"Every item that measures {d} measures {e} too, so their slopes and correlation are not identified; add items that "
            f'measure {d} without {e}, merge the two, or use priors="weak"'
        )


def product_grid_likelihood(
    items: Items,
    answers: Answers,
    *,
    population: Populations,
    group: Ints | None = None,
    regressors: Floats | None = None,
    executor: Executor | None = None,
) -> ProductGrid:
    """Return the likelihood of answers to items with D ≤ 4 slopes a row, on a product grid.

    Parameters
    ----------
    group : ndarray of int, shape (P,), optional
    regressors : ndarray, shape (P, R) or (1, R), optional
        Indicators of groups whose mean is free, and covariates; one row where they are the same for everybody.

    Raises
    ------
    CalibrationError
        With more than four dimensions, or where the Q-matrix leaves slopes unidentified.
    """
    D, P = items.n_slopes, len(answers.codes)
    if D not in POINTS:
        raise CalibrationError(
            f"A product grid takes up to {max(POINTS)} competencies, there are {D}; use "
            'MarginalML(integration="propagation"), or "bifactor" for one general and several specific ones'
        )
    refuse_confounded(items, population)
    w = np.zeros((1, 0)) if regressors is None else regressors
    single = group is None and (len(w) == 1 or not w.shape[1])
    of = np.zeros(1 if single else P, dtype=np.int64) if group is None else group
    return ProductGrid(
        items=items,
        answers=answers,
        population=population,
        group=of,
        regressors=w[:1] if single else np.broadcast_to(w, (P, w.shape[1])),
        executor=executor,
    )
