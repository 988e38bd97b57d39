"""The marginal likelihood of one dimension: a uniform grid, one normal population, several groups, or a latent regression.

Person p comes from N(μ_p, σ²_g(p)) with μ_p = w_pᵀ γ; the columns of w are indicators of groups whose mean is free and the
covariates of a latent regression, estimated in one stage with the items (Mislevy 1984, doi:10.1007/BF02306026).
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, value
from competency_dx.engine import items as of_items
from competency_dx.engine.items import Items
from competency_dx.engine.likelihood import Evaluation, Information, Precision, inverted
from competency_dx.engine.parameter_table import Parameter
from competency_dx.engine.populations import coefficients, populations_over
from competency_dx.kernels.families import dispatch
from competency_dx.kernels.grid import louis, support
from competency_dx.kernels.grid.e_step import Answers, Expected, Tables, e_step
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.grid.person_scores import item_scores, person_moments
from competency_dx.models import NormalPopulation

LEAST_POINTS = 45
MOST_POINTS = 4001


class PopulationDesign(NamedTuple):
    """What is free in the population of one dimension.

    `names` (R,) are the coefficients γ of the columns `design` (P, R), or (1, R) when they are the same for everybody; `group`
    (P,) is the group of each person, None for one group; `free_variance` (G,) says whose variance is estimated; `groups` are
    their names; `start` holds the starting values of γ and the variances (R + G,).
    """

    names: tuple[str, ...]
    design: Floats
    group: Ints | None
    free_variance: Bools
    groups: tuple[str, ...]
    start: Floats
    reference: Floats  # (G, R) the design row of the middle of each group

    @property
    def individual(self) -> bool:
        """Return whether persons have priors of their own."""
        return self.group is not None or len(self.design) > 1

    def held(self) -> PopulationDesign:
        """Return the design with nothing free, for a population given otherwise."""
        return self._replace(free_variance=np.zeros_like(self.free_variance))


class Histogram(NamedTuple):
    """Support points (Q,) and log weights (Q,) of an empirical population."""

    theta: Floats
    log_weight: Floats


class _Detail(NamedTuple):
    """What an evaluation keeps: tables, statistics, counts (I, K, Q), γ (R,) and variances (G,)."""

    tables: Tables
    expected: Expected
    counts: Floats
    gamma: Floats
    variance: Floats


class _Points(NamedTuple):
    """Weighted support of the population's sufficient statistics: persons, or nodes of the grid."""

    design: Floats
    off: Floats
    square: Floats
    weight: Floats
    group: Ints


@value
class Univariate:
    """Marginal likelihood of items on one dimension; see `Likelihood`."""

    items: Items
    answers: Answers
    design: PopulationDesign
    executor: Executor | None = None
    histogram: Histogram | None = None

    @property
    def start(self) -> Floats:
        """Return starting values φ (F,)."""
        R = len(self.design.names)
        variances = self.design.start[R:][self.design.free_variance]
        return np.concatenate([self.items.start, self.design.start[:R], variances])

    @property
    def population_parameters(self) -> tuple[Parameter, ...]:
        """Return the free population parameters."""
        means = [one._replace(dimension=0) for one in coefficients(self.design.names, self.design.reference)]
        free = np.flatnonzero(self.design.free_variance)
        return (*means, *(Parameter("variance", group=int(g), dimension=0) for g in free))

    def split(self, phi: Floats) -> tuple[Floats, Floats]:
        """Return γ (R,) and the variances of the groups (G,)."""
        n, R = self.items.size, len(self.design.names)
        variance = self.design.start[R:].copy()
        variance[self.design.free_variance] = phi[n + R :]
        return phi[n : n + R], variance

    def populations(self, phi: Floats) -> tuple[NormalPopulation, ...]:
        """Return the population of each group, over its persons' covariates where there are any."""
        if self.histogram is not None:
            weight = np.exp(self.histogram.log_weight)
            weight = weight / weight.sum()
            m = float(weight @ self.histogram.theta)
            v = float(weight @ (self.histogram.theta - m) ** 2)
            return (NormalPopulation(dimensions=("theta",), mean=np.array([m]), covariance=np.array([[v]])),)
        gamma, variance = self.split(phi)
        group = self._group(len(self.answers.codes))
        persons = (np.broadcast_to(self.design.design, (len(group), len(gamma))), group, self.answers.weight)
        residual = (gamma[:, None], variance[:, None, None])
        return populations_over(("theta",), residual, persons, self.design.reference)

    def feasible(self, phi: Floats) -> bool:
        """Return whether φ lies inside the parameter space."""
        inside = bool((self.split(phi)[1] > 0).all()) and not of_items.crossing(self.items, phi).any()
        return inside and np.isfinite(self.items.prior.value(of_items.beta_of(self.items, phi)))

    def evaluate(
        self,
        phi: Floats,
        points: int,
        *,
        precision: Precision = "double",
        before: Evaluation | None = None,  # noqa: ARG002 - protocol
    ) -> Evaluation:
        """Return the likelihood at φ: one E-step, in single precision on the way to the maximum."""
        gamma, variance = self.split(phi)
        tables, answers = self._tables(phi, points), self._placed(gamma, variance)
        expected = e_step(answers, tables if precision == "double" else tables.single(), self.executor)
        counts = np.zeros_like(tables.log_prob)
        counts[answers.item, answers.category] = expected.upper
        counts[:, 0] = expected.totals - counts.sum(axis=1)
        sd = float(np.sqrt(variance.min()))
        return Evaluation(
            phi=phi,
            objective=expected.log_likelihood + self.items.prior.value(of_items.beta_of(self.items, phi)),
            log_likelihood=expected.log_likelihood,
            spacing=float(tables.theta[1] - tables.theta[0]) / sd,
            narrowest=expected.narrowest / sd,
            detail=_Detail(tables, expected, counts, gamma, variance),
        )

    def _tables(self, phi: Floats, points: int) -> Tables:
        """Return the item response tables on a grid that spans the population."""
        gamma, variance = self.split(phi)
        if self.histogram is not None:
            theta, log_weight = self.histogram
        elif not self.design.individual:
            z, log_weight = support.standard_nodes(points)
            theta = float((self.design.design @ gamma).sum()) + np.sqrt(variance[0]) * z
        else:
            means, sd = self.design.design @ gamma, np.sqrt(variance)
            low, high = means.min() - support.REACH * sd.max(), means.max() + support.REACH * sd.max()
            h = 2 * support.REACH * sd.min() / (points - 1)
            count = min(int(np.ceil((high - low) / h)) + 1, MOST_POINTS)
            theta = np.linspace(low, high, count)
            log_weight = np.full(count, np.log(theta[1] - theta[0]))
        beta = of_items.beta_of(self.items, phi)
        return Tables(theta, log_weight, dispatch.log_probabilities(self.items.groups, beta, theta, self.items.allowed))

    def _placed(self, gamma: Floats, variance: Floats) -> Answers:
        """Return the answers with each person's own prior, where persons have one."""
        if not self.design.individual:
            return self.answers
        group = self._group(len(self.answers.codes))
        means = np.broadcast_to(self.design.design @ gamma, (len(group),))
        return self.answers._replace(normal=np.stack([means, np.sqrt(variance)[group]], axis=1))

    def _group(self, n: int) -> Ints:
        return np.zeros(n, dtype=np.int64) if self.design.group is None else self.design.group

    def _points(self, now: Evaluation) -> _Points:
        """Return what the population's sufficient statistics are sums over."""
        d: _Detail = now.detail
        if d.expected.moments is None:
            theta, nodes = d.tables.theta, d.expected.nodes
            design = np.broadcast_to(self.design.design, (len(theta), len(d.gamma)))
            off = theta - design @ d.gamma
            return _Points(design, off, off**2, nodes, np.zeros(len(theta), dtype=np.int64))
        mean, spread = d.expected.moments.T
        weight = np.ones(len(mean)) if self.answers.weight is None else self.answers.weight
        design = np.broadcast_to(self.design.design, (len(mean), len(d.gamma)))
        off = mean - design @ d.gamma
        return _Points(design, off, off**2 + spread, weight, self._group(len(mean)))

    def em_step(self, now: Evaluation) -> Floats:
        """Return φ (F,) after an M-step of items and population."""
        d: _Detail = now.detail
        items = of_items.m_step(self.items, now.phi, d.counts, d.tables.log_prob, d.tables.theta)
        at = self._points(now)
        gamma, variance = d.gamma.copy(), d.variance.copy()
        change = np.zeros(len(at.off))
        if len(gamma):
            scaled = at.design * (at.weight / variance[at.group])[:, None]
            step = np.linalg.solve(scaled.T @ at.design, scaled.T @ at.off)
            gamma, change = gamma + step, at.design @ step
        square = at.square - 2 * at.off * change + change**2
        for g in np.flatnonzero(self.design.free_variance):
            own = at.group == g
            variance[g] = at.weight[own] @ square[own] / at.weight[own].sum()
        return np.concatenate([items, gamma, variance[self.design.free_variance]])

    def gradient(self, now: Evaluation) -> Floats:
        """Return the gradient (F,) of the objective by Fisher's identity."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.items, now.phi)
        items = of_items.gradient(self.items, beta, d.counts, d.tables.log_prob, d.tables.theta)
        at = self._points(now)
        v = d.variance[at.group]
        by_variance = np.bincount(
            at.group, weights=at.weight * (at.square / v - 1) / (2 * v), minlength=len(d.variance)
        )
        return np.concatenate([items, at.design.T @ (at.weight * at.off / v), by_variance[self.design.free_variance]])

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information of the objective (Louis 1982), prior curvature included.

        Expectations over posteriors use a grid as coarse as the narrowest of them allows, and no coarser than item curves of
        usual slopes bear (they have poles at a distance of π/a from the real line).
        """
        d: _Detail = now.detail
        needed = max(LEAST_POINTS, support.points_needed(now.narrowest))
        coarser = self.histogram is None and now.spacing < 2 * support.REACH / (needed - 1)
        tables = self._tables(now.phi, needed) if coarser else d.tables
        beta, free = of_items.beta_of(self.items, now.phi), self.items.free
        by_beta = dispatch.derivatives(self.items.groups, beta, tables.log_prob, tables.theta, self.items.allowed)
        scores = louis.split_scores(
            by_beta[free].transpose(1, 0, 2), np.nonzero(free)[0], self._population_scores(d), tables.theta
        )
        answers = self._placed(d.gamma, d.variance)
        missing = louis.missing_information(answers, tables, scores, depth=depth, executor=self.executor)
        return inverted(self._complete(now, beta) - self._collected(missing))

    def _collected(self, matrix: Floats) -> Floats:
        """Return a matrix of single free parameters and population as one of φ: rows of equal parameters are added."""
        if not self.items.linked:
            place = self.items.place[self.items.free]
            order = np.argsort(np.concatenate([place, np.arange(self.items.size, len(matrix))]))
            return matrix if (np.diff(order) == 1).all() else matrix[np.ix_(order, order)]
        place = self.items.place[self.items.free]
        rest = np.arange(len(matrix) - len(place)) + self.items.size
        T = np.zeros((len(matrix), self.items.size + len(rest)))
        T[np.arange(len(matrix)), np.concatenate([place, rest])] = 1.0
        return T.T @ matrix @ T

    def _population_scores(self, d: _Detail) -> Floats:
        """Return coefficients of θ and θ² in the scores of γ and the free variances (P or 1, R + V, 2)."""
        chosen = np.flatnonzero(self.design.free_variance)
        P = len(self.answers.codes) if self.design.individual else 1
        group, R = self._group(P), len(d.gamma)
        v = d.variance[group]
        design = np.broadcast_to(self.design.design, (P, R))
        out = np.zeros((P, R + len(chosen), 2))
        out[:, :R, 0] = design / v[:, None]
        own = (group[:, None] == chosen) / (v**2)[:, None]
        out[:, R:, 0], out[:, R:, 1] = -own * (design @ d.gamma)[:, None], own / 2
        return out

    def _complete(self, now: Evaluation, beta: Floats) -> Floats:
        """Return the penalised complete-data information (F, F): items, then population."""
        d: _Detail = now.detail
        items = of_items.complete_information(self.items, beta, d.counts, d.tables.log_prob, d.tables.theta)
        at, chosen, R, n = self._points(now), np.flatnonzero(self.design.free_variance), len(d.gamma), self.items.size
        v = d.variance[at.group]
        own = (at.group[:, None] == chosen) * at.weight[:, None]
        out = np.zeros((n + R + len(chosen),) * 2)
        out[:n, :n] = items
        out[n : n + R, n : n + R] = (at.design * (at.weight / v)[:, None]).T @ at.design
        cross = (at.design * (at.off / v**2)[:, None]).T @ own
        out[n : n + R, n + R :], out[n + R :, n : n + R] = cross, cross.T
        bend = (own * (at.square / v**3 - 0.5 / v**2)[:, None]).sum(axis=0)
        out[n + R :, n + R :] = np.diag(bend)
        return out

    def person_scores(self, now: Evaluation) -> Floats:
        """Return the gradient of each person's log-likelihood (P, F), case weights and priors left aside."""
        d: _Detail = now.detail
        beta, free = of_items.beta_of(self.items, now.phi), self.items.free
        by_beta = dispatch.derivatives(self.items.groups, beta, d.tables.log_prob, d.tables.theta, self.items.allowed)
        answers = self._placed(d.gamma, d.variance)
        owner = np.nonzero(free)[0]
        own = item_scores(answers, d.tables, by_beta[free].transpose(1, 0, 2), owner, executor=self.executor)
        T = np.zeros((own.shape[1], self.items.size))
        T[np.arange(len(T)), self.items.place[free]] = 1.0
        mean, spread = person_moments(answers, d.tables, executor=self.executor).T
        group, P = self._group(len(mean)), len(mean)
        v, design = d.variance[group], np.broadcast_to(self.design.design, (P, len(d.gamma)))
        off = mean - design @ d.gamma
        chosen = np.flatnonzero(self.design.free_variance)
        by_variance = (group[:, None] == chosen) * (((off**2 + spread) / v - 1) / (2 * v))[:, None]
        return np.concatenate([own @ T, design * (off / v)[:, None], by_variance], axis=1)

    def moved(self, phi: Floats, step: Floats) -> Floats:
        """Return φ after a step; boundaries stay in order and variances positive."""
        n, R = self.items.size, len(self.design.names)
        items = of_items.in_order(self.items, phi[:n], step[:n])
        variance = np.maximum(phi[n + R :] + step[n + R :], 0.2 * phi[n + R :])
        return np.concatenate([items, phi[n : n + R] + step[n : n + R], variance])
