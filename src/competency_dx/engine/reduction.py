"""The marginal likelihood of one general and several specific competencies by dimension reduction (kernels/grid/bifactor.py).

The first competency is the general one, which every item measures; an item measures at most one of the others (its testlet).
All are independent and normal, N(γᵀ w_p, σ²_g) for the general one and N(0, σ²_gs) for the specific ones. Items are seen with
two slopes, that of the general competency and that of their own specific one, on one plane of points.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.engine import items as of_items
from competency_dx.engine import populations as of_population
from competency_dx.engine.items import Items
from competency_dx.engine.likelihood import Evaluation, Information, Precision, inverted
from competency_dx.engine.populations import Populations, populations_over
from competency_dx.engine.product_grid import rescale, slope_pull
from competency_dx.errors import CalibrationError, listed
from competency_dx.kernels.families import dispatch
from competency_dx.kernels.grid import bifactor as kernel
from competency_dx.kernels.grid.bifactor import Axes, BifactorExpected, bifactor_e_step
from competency_dx.kernels.grid.bifactor_information import bifactor_missing_information, bifactor_person_scores
from competency_dx.kernels.grid.by_dimension import Design, by_dimension
from competency_dx.kernels.grid.e_step import Answers
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.grid.product_information import ItemTables
from competency_dx.kernels.normal_population import Moments, pairs, population_gradient, population_information
from competency_dx.models import NormalPopulation

USUAL, POINTS, ON_THE_WAY, MOST_POINTS = 61, 31, 21, 121


def bifactor_points(points: int) -> int:
    """Return the points on either axis to begin with: as asked, but 31 for the 61 of a calibration that does not say."""
    return POINTS if points == USUAL else min(points, MOST_POINTS)


class _Detail(NamedTuple):
    """What an evaluation keeps: axes and curves, populations, the E-step, counts (I, K, Q A) and ψ (N,)."""

    axes: Axes
    log_prob: Floats
    normals: kernel.Populations
    expected: BifactorExpected
    counts: Floats
    psi: Floats


@value
class Bifactor:
    """Marginal likelihood of items on a general and specific competencies; see `Likelihood`.

    Attributes
    ----------
    items : Items
        With D = 1 + S slopes a row, the general competency first.
    plane : Items
        The same items with two slopes a row: general, own specific.
    design : Design
        Answers taken apart by specific competency; the last part measures the general one alone.
    column_items, column_categories : ndarray of int, shape (C,)
        The answer each indicator column stands for.
    population : Populations
        Without free covariances.
    single : bool
        Whether all persons come from one population.
    """

    items: Items
    plane: Items
    design: Design
    column_items: Ints
    column_categories: Ints
    population: Populations
    single: bool
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
        persons = (self.design.regressors, self.design.group, self.design.weight)
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
        """Return the likelihood at φ with `points` on either axis: one E-step, coarser and in single precision on the way."""
        double, normals = precision == "double", self._normals(phi)
        axes = kernel.axes(min(points, MOST_POINTS if double else ON_THE_WAY), normals)
        beta = of_items.beta_of(self.plane, phi)
        log_prob = dispatch.log_probabilities(self.plane.groups, beta, axes.points, self.plane.allowed)
        seen = log_prob if double else log_prob.astype(np.float32)
        expected = bifactor_e_step(self.design, axes, seen, normals, executor=self.executor)  # type: ignore[arg-type]
        counts = np.zeros_like(log_prob)
        counts[self.column_items, self.column_categories] = expected.upper
        counts[:, 0] = expected.totals - counts.sum(axis=1)
        return Evaluation(
            phi=phi,
            objective=expected.log_likelihood + self.items.prior.value(of_items.beta_of(self.items, phi)),
            log_likelihood=expected.log_likelihood,
            spacing=axes.spacing,
            narrowest=expected.narrowest,
            detail=_Detail(axes, log_prob, normals, expected, counts, self.psi(phi)),
        )

    def _normals(self, phi: Floats) -> kernel.Populations:
        gamma, sigma = of_population.unpacked(self.population, self.psi(phi))
        variance = np.diagonal(sigma, axis1=1, axis2=2)
        if self.single:
            return kernel.Populations((self.design.regressors[:1] @ gamma)[:, 0], variance, np.zeros(1, dtype=np.int64))
        return kernel.Populations((self.design.regressors @ gamma)[:, 0], variance, self.design.group)

    def _moments(self, d: _Detail) -> Moments:
        """Return the moments of each group; covariances, which are not free, are left at zero."""
        weight = np.ones(self.design.persons) if self.design.weight is None else self.design.weight
        gamma, sigma = of_population.unpacked(self.population, d.psi)
        w = self.design.regressors
        off = d.expected.mean - w @ gamma
        parts = []
        for g in range(len(sigma)):
            own = weight * (self.design.group == g)
            scaled = w.T * own
            parts.append((own.sum(), scaled @ w, scaled @ off, np.diag(own @ (off**2 + d.expected.variance))))
        return Moments(*(np.stack([np.asarray(x) for x in each]) for each in zip(*parts, strict=True)))

    def em_step(self, now: Evaluation) -> Floats:
        """Return φ (F,) after an M-step of items and populations, scales of expanded competencies restored."""
        d: _Detail = now.detail
        phi = of_items.m_step(self.plane, now.phi, d.counts, d.log_prob, d.axes.points)
        pull = slope_pull(self.items, phi, self.population.unit)
        psi = of_population.m_step(self.population, d.psi, self._moments(d), pull)
        gamma, sigma = of_population.unpacked(self.population, psi)
        scale = np.where(pull.loose, np.sqrt(np.diagonal(sigma[0])), 1.0)
        rescale(self.items, phi, scale)
        psi = of_population.packed(gamma / scale, sigma / (scale[:, None] * scale))
        return np.concatenate([phi, psi[self.population.free]])

    def gradient(self, now: Evaluation) -> Floats:
        """Return the gradient (F,) of the objective by Fisher's identity."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.plane, now.phi)
        items = of_items.gradient(self.plane, beta, d.counts, d.log_prob, d.axes.points)
        _, sigma = of_population.unpacked(self.population, d.psi)
        return np.concatenate([items, population_gradient(self._moments(d), sigma)[self.population.free]])

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information of the objective (Louis 1982), prior curvature included."""
        d: _Detail = now.detail
        missing = bifactor_missing_information(
            self.design, d.axes, self._tables(now), d.normals, depth=depth, executor=self.executor
        )
        T = self._collector()
        return inverted(self._complete(now) - T.T @ missing @ T)

    def _tables(self, now: Evaluation) -> ItemTables:
        """Return curves with derivatives by the free parameters of the items, one by one."""
        d: _Detail = now.detail
        beta, free = of_items.beta_of(self.plane, now.phi), self.plane.free
        by_beta = dispatch.derivatives(self.plane.groups, beta, d.log_prob, d.axes.points, self.plane.allowed)
        return ItemTables(d.log_prob, by_beta[free].transpose(1, 0, 2), np.nonzero(free)[0])

    def _collector(self) -> Floats:
        """Return the matrix that adds parameters one by one up to φ: equal ones share an entry, fixed ones vanish."""
        place, free = self.plane.place[self.plane.free], np.flatnonzero(self.population.free)
        T = np.zeros((len(place) + len(self.population.free), self.items.size + len(free)))
        T[np.arange(len(place)), place] = 1.0
        T[len(place) + free, self.items.size + np.arange(len(free))] = 1.0
        return T

    def _complete(self, now: Evaluation) -> Floats:
        """Return the penalised complete-data information (F, F): items, then populations."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.plane, now.phi)
        n, free = self.items.size, self.population.free
        _, sigma = of_population.unpacked(self.population, d.psi)
        out = np.zeros((len(now.phi),) * 2)
        out[:n, :n] = of_items.complete_information(self.plane, beta, d.counts, d.log_prob, d.axes.points)
        out[n:, n:] = population_information(self._moments(d), sigma)[np.ix_(free, free)]
        return out

    def person_scores(self, now: Evaluation) -> Floats:
        """Return the gradient of each person's log-likelihood (P, F), case weights and priors left aside."""
        d: _Detail = now.detail
        own = bifactor_person_scores(self.design, d.axes, self._tables(now), d.normals, executor=self.executor)
        return np.asarray(own @ self._collector())

    def moved(self, phi: Floats, step: Floats) -> Floats:
        """Return φ after a step; boundaries stay in order and variances positive."""
        n, free = self.items.size, self.population.free
        items = of_items.in_order(self.items, phi[:n], step[:n])
        full = np.zeros(len(free))
        full[free] = step[n:]
        gamma, sigma = of_population.unpacked(self.population, self.psi(phi))
        by_gamma, by_sigma = of_population.unpacked(self.population, full)
        new = np.stack([of_population.stepped(s, b) for s, b in zip(sigma, by_sigma, strict=True)])
        return np.concatenate([items, of_population.packed(gamma + by_gamma, new)[free]])


def orthogonal(of: Populations) -> Populations:
    """Return populations with independent competencies; regressors move the mean of the first one alone."""
    R, G, D = of.shape
    a, b = pairs(D)
    across = np.concatenate([np.zeros(R * D, dtype=np.bool_), np.tile(a != b, G)])
    specific = np.concatenate([np.tile(np.arange(D) > 0, R), np.zeros(G * len(a), dtype=np.bool_)])
    return of._replace(
        free=of.free & ~across & ~specific, start=np.where(across | specific, 0.0, of.start), concentration=0.0
    )


def bifactor_likelihood(
    items: Items,
    answers: Answers,
    *,
    population: Populations,
    group: Ints | None = None,
    regressors: Floats | None = None,
    executor: Executor | None = None,
) -> Bifactor:
    """Return the likelihood of answers to items on a general and specific competencies, independent of one another.

    Parameters
    ----------
    items : Items
        With D slopes a row; all items measure the first competency, each at most one of the others.
    population : Populations
        Covariances in it are set to zero and kept there.
    group : ndarray of int, shape (P,), optional
    regressors : ndarray, shape (P, R) or (1, R), optional
        Indicators of groups whose mean is free, and covariates: what moves the mean of the general competency.

    Raises
    ------
    CalibrationError
        When an item does not measure the first competency, or measures several of the others.
    """
    D, P = items.n_slopes, len(answers.codes)
    loads = (items.place[:, :D] >= 0) | (items.base[:, :D] != 0)
    wrong = np.flatnonzero(~loads[:, 0] | (loads[:, 1:].sum(axis=1) > 1))
    if D < 2 or len(wrong):
        raise CalibrationError(
            f"Dimension reduction needs items that measure the first of {D} competencies and at most one other; those in rows "
            f'{listed([str(i + 1) for i in wrong])} of the Q-matrix do not: correct them, or use integration="quadrature"'
        )
    testlet = np.where(loads[:, 1:].any(axis=1), loads[:, 1:].argmax(axis=1), D - 1)
    w = np.zeros((1, 0)) if regressors is None else regressors
    design = _taken_apart(answers, testlet, D, group)._replace(regressors=np.broadcast_to(w, (P, w.shape[1])))
    return Bifactor(
        items=items,
        plane=_plane(items, testlet),
        design=design,
        column_items=answers.item,
        column_categories=answers.category,
        population=orthogonal(population),
        single=group is None and (len(w) == 1 or not w.shape[1]),
        executor=executor,
    )


def _taken_apart(answers: Answers, testlet: Ints, D: int, group: Ints | None) -> Design:
    """Return answers by testlet; the last part, of items without one, may be empty."""
    design = by_dimension(answers, testlet, group=group)
    if len(design.items) == D:
        return design
    none = answers.codes[:, :0]
    empty = Answers(none, None, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    nothing = np.zeros(0, dtype=np.int64)
    return design._replace(
        answers=(*design.answers, empty), items=(*design.items, nothing), columns=(*design.columns, nothing)
    )


def _plane(items: Items, testlet: Ints) -> Items:
    """Return the items with two slopes a row: general, and that of their own testlet (0 where they have none)."""
    D = items.n_slopes
    own = np.where(testlet < D - 1, testlet + 1, -1)
    F = items.place.shape[1]
    kept = np.concatenate(
        [np.zeros((len(own), 1), dtype=np.int64), own[:, None], np.tile(np.arange(D, F), (len(own), 1))], axis=1
    )
    there, at = kept >= 0, np.maximum(kept, 0)
    prior = items.prior
    precision = np.take_along_axis(np.take_along_axis(prior.precision, at[:, :, None], axis=1), at[:, None, :], axis=2)

    def taken(table: Floats) -> Floats:
        return np.where(there, np.take_along_axis(table, at, axis=1), 0.0)

    return items._replace(
        place=np.where(there, np.take_along_axis(items.place, at, axis=1), -1),
        base=taken(items.base),
        prior=prior._replace(
            precision=precision * (there[:, :, None] & there[:, None, :]),
            centre=taken(prior.centre),
            log_normal=_moved_columns(prior.log_normal, D),
            beta=_moved_columns(prior.beta, D),
            pools=tuple(pool._replace(weights=taken(pool.weights)) for pool in prior.pools),
        ),
        n_slopes=2,
    )


def _moved_columns(positions: Ints, D: int) -> Ints:
    """Return positions (N, 2) of parameters of items by the columns of the plane."""
    if not len(positions):
        return positions
    column = positions[:, 1]
    return np.stack([positions[:, 0], np.where(column >= D, column - D + 2, np.minimum(column, 1))], axis=1)
