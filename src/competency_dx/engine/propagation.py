"""The marginal likelihood of correlated competencies, each item measuring one, by expectation propagation.

Person p of group g comes from N(γᵀ w_p, Σ_g); w are indicators of groups or covariates. The E-step is that of
kernels/propagation/ep_e_step.py; the gradient is exact at its fixed point, the information that of ep_information.py there.
In the M-step variances that are fixed at one are set free and slopes rescaled afterwards (parameter expansion: Liu, Rubin & Wu
1998, doi:10.1093/biomet/85.4.755), which spares EM its slowest direction.
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
from competency_dx.kernels.families import dispatch
from competency_dx.kernels.grid import support
from competency_dx.kernels.grid.by_dimension import Design, by_dimension
from competency_dx.kernels.grid.e_step import Answers, with_indicators
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.normal_population import population_gradient, population_information
from competency_dx.kernels.propagation.ep_e_step import Expected, Model, ep_e_step, no_sites
from competency_dx.kernels.propagation.ep_error import EPError, ep_error
from competency_dx.kernels.propagation.ep_information import ItemDerivatives, ep_missing_information, item_derivatives
from competency_dx.kernels.propagation.ep_person_scores import ep_person_scores
from competency_dx.kernels.propagation.expectation_propagation import Control
from competency_dx.models import NormalPopulation

LEAST_POINTS = 45
MOST_POINTS = 4001
FIRST, ON_THE_WAY, SETTLED = Control(1e-3, 12), Control(1e-3, 3), Control(1e-8)


class _Detail(NamedTuple):
    """What an evaluation keeps: curves and populations, the E-step, counts (I, K, Q) and ψ (N,)."""

    model: Model
    expected: Expected
    counts: Floats
    psi: Floats


@value
class Between:
    """Marginal likelihood of items that measure one competency each; see `Likelihood`.

    Attributes
    ----------
    items : Items
        With one slope a row, that of the competency of the item.
    design : Design
        Answers taken apart by competency, groups and regressors.
    column_items, column_categories : ndarray of int, shape (C,)
        The answer each indicator column stands for.
    population : Populations
    """

    items: Items
    design: Design
    column_items: Ints
    column_categories: Ints
    population: Populations
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
        self, phi: Floats, points: int, *, precision: Precision = "double", before: Evaluation | None = None
    ) -> Evaluation:
        """Return the likelihood at φ: one E-step that starts from the sites of an evaluation before."""
        model = self._model(phi, self._grid(phi, points))
        sites = no_sites(self.design) if before is None else before.detail.expected.sites
        control = SETTLED if precision == "double" else FIRST if before is None else ON_THE_WAY
        seen = model if precision == "double" else model.single()
        expected = ep_e_step(self.design, seen, sites, control=control, executor=self.executor)
        counts = np.zeros_like(model.log_prob)
        counts[self.column_items, self.column_categories] = expected.upper
        counts[:, 0] = expected.totals - counts.sum(axis=1)
        sd = _least_sd(model.covariance)
        return Evaluation(
            phi=phi,
            objective=expected.log_likelihood + self._log_prior(phi),
            log_likelihood=expected.log_likelihood,
            spacing=float(model.theta[1] - model.theta[0]) / sd,
            narrowest=expected.narrowest / sd,
            detail=_Detail(model, expected, counts, self.psi(phi)),
        )

    def _log_prior(self, phi: Floats) -> float:
        """Return the log prior density of items and populations."""
        items = self.items.prior.value(of_items.beta_of(self.items, phi))
        return items + of_population.prior(self.population, self.psi(phi)).value

    def _grid(self, phi: Floats, points: int) -> Floats:
        """Return one grid (Q,) for all competencies, `points` to ±6 SD of the narrowest population."""
        gamma, sigma = of_population.unpacked(self.population, self.psi(phi))
        means, sd = self.design.regressors @ gamma, np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
        reach = support.REACH * float(sd.max())
        low, high = means.min(initial=0.0) - reach, means.max(initial=0.0) + reach
        spacing = 2 * support.REACH * _least_sd(sigma) / (points - 1)
        return np.linspace(low, high, min(round((high - low) / spacing) + 1, MOST_POINTS))

    def _model(self, phi: Floats, theta: Floats) -> Model:
        """Return curves on a grid, and populations."""
        gamma, sigma = of_population.unpacked(self.population, self.psi(phi))
        beta = of_items.beta_of(self.items, phi)
        table = dispatch.log_probabilities(self.items.groups, beta, theta, self.items.allowed)
        return Model(theta, table, gamma, sigma)

    def em_step(self, now: Evaluation) -> Floats:
        """Return φ (F,) after an M-step of items and populations, scales of expanded competencies restored."""
        d: _Detail = now.detail
        phi = of_items.m_step(self.items, now.phi, d.counts, d.model.log_prob, d.model.theta)
        pull = self._pull(phi)
        psi = of_population.m_step(self.population, d.psi, d.expected.moments, pull)
        gamma, sigma = of_population.unpacked(self.population, psi)
        scale = np.where(pull.loose, np.sqrt(np.diagonal(sigma[0])), 1.0)
        for k, items in enumerate(self.design.items):
            if pull.loose[k]:
                phi[np.unique(self.items.place[items, 0])] *= scale[k]
        psi = of_population.packed(gamma / scale, sigma / (scale[:, None] * scale))
        return np.concatenate([phi, psi[self.population.free]])

    def _pull(self, phi: Floats) -> Pull:
        """Return whose scale may expand, and what priors of slopes say of it."""
        beta = of_items.beta_of(self.items, phi)
        slope = beta[:, 0]
        gradient = slope * self.items.prior.gradient(beta)[:, 0]
        curvature = slope**2 * np.maximum(self.items.prior.curvature(beta)[:, 0, 0], 0.0)
        by_gradient = np.array([gradient[i].sum() / 2 for i in self.design.items])
        by_curvature = np.array([curvature[i].sum() / 4 for i in self.design.items])
        return Pull(by_gradient, by_curvature, self._loose())

    def _loose(self) -> Bools:
        """Return the competencies (D,) whose slopes alone carry their scale: all free, and shared with no other competency."""
        place, K = self.items.place, self.items.allowed.shape[1]
        entries = [set(place[items, 0].tolist()) for items in self.design.items]
        own = [
            -1 not in mine
            and not any(mine & other for j, other in enumerate(entries) if j != k)
            and bool((place[self.design.items[k], K:] < 0).all())
            for k, mine in enumerate(entries)
        ]
        return np.array(own) & self.population.unit

    def gradient(self, now: Evaluation) -> Floats:
        """Return the gradient (F,) of the objective, exact at the fixed point of EP."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.items, now.phi)
        items = of_items.gradient(self.items, beta, d.counts, d.model.log_prob, d.model.theta)
        population = population_gradient(d.expected.moments, d.model.covariance)
        population += of_population.prior(self.population, d.psi).gradient
        return np.concatenate([items, population[self.population.free]])

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information of the objective, prior curvature included.

        Expectations over posteriors use a grid as coarse as the narrowest of them allows.
        """
        d: _Detail = now.detail
        needed = max(LEAST_POINTS, support.points_needed(now.narrowest))
        coarser = now.spacing < 2 * support.REACH / (needed - 1)
        model = self._model(now.phi, self._grid(now.phi, needed)) if coarser else d.model
        missing = ep_missing_information(
            self.design,
            model,
            sites=d.expected.sites,
            derivatives=self._derivatives(now.phi, model),
            jacobian=np.eye(len(d.psi))[:, self.population.free],
            depth=depth,
            executor=self.executor,
        )
        T = self._collector()
        return inverted(self._complete(now) - T.T @ missing @ T)

    def _derivatives(self, phi: Floats, model: Model) -> ItemDerivatives:
        """Return derivatives of log P by the free parameters of the items, one by one."""
        beta, free = of_items.beta_of(self.items, phi), self.items.free
        by_beta = dispatch.derivatives(self.items.groups, beta, model.log_prob, model.theta, self.items.allowed)
        return item_derivatives(self.design, by_beta[free].transpose(1, 0, 2), np.nonzero(free)[0])

    def _collector(self) -> Floats:
        """Return the matrix that adds parameters one by one up to φ: equal ones share an entry."""
        place, H = self.items.place[self.items.free], int(self.population.free.sum())
        T = np.zeros((len(place) + H, self.items.size + H))
        T[np.arange(len(T)), np.concatenate([place, self.items.size + np.arange(H)])] = 1.0
        return T

    def _complete(self, now: Evaluation) -> Floats:
        """Return the penalised complete-data information (F, F): items, then populations."""
        d: _Detail = now.detail
        beta = of_items.beta_of(self.items, now.phi)
        n, free = self.items.size, self.population.free
        out = np.zeros((len(now.phi),) * 2)
        out[:n, :n] = of_items.complete_information(self.items, beta, d.counts, d.model.log_prob, d.model.theta)
        population = population_information(d.expected.moments, d.model.covariance)
        population += of_population.prior(self.population, d.psi).curvature
        out[n:, n:] = population[np.ix_(free, free)]
        return out

    def person_scores(self, now: Evaluation) -> Floats:
        """Return the gradient of each person's log-likelihood (P, F), case weights and priors left aside."""
        d: _Detail = now.detail
        derivatives = self._derivatives(now.phi, d.model)
        own = ep_person_scores(
            self.design, d.model, sites=d.expected.sites, derivatives=derivatives, executor=self.executor
        )
        free = np.concatenate([np.ones(derivatives.size, dtype=np.bool_), self.population.free])
        return np.asarray(own[:, free] @ self._collector())

    def unsettled(self, now: Evaluation) -> int:
        """Return how many persons' sites did not settle."""
        d: _Detail = now.detail
        return d.expected.unsettled

    def error(self, now: Evaluation) -> EPError:
        """Return the estimated error of expectation propagation for every person."""
        d: _Detail = now.detail
        return ep_error(self.design, d.model, d.expected.sites, executor=self.executor)

    def inseparable(self, phi: Floats) -> tuple[tuple[str, str, float], ...]:
        """Return pairs of competencies with a correlation so high that data hardly tell them apart."""
        return of_population.inseparable(self.population, self.psi(phi))

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


def between(
    items: Items,
    answers: Answers,
    *,
    dimension: Ints,
    population: Populations,
    group: Ints | None = None,
    regressors: Floats | None = None,
    executor: Executor | None = None,
) -> Between:
    """Return the likelihood of answers to items that measure the competency `dimension` (I,) each.

    Parameters
    ----------
    group : ndarray of int, shape (P,), optional
    regressors : ndarray, shape (P, R), optional
        Indicators of groups whose mean is free, and covariates.
    """
    design = by_dimension(answers, dimension, group=group, regressors=regressors)
    if executor is None:
        design = design._replace(answers=tuple(with_indicators(part) for part in design.answers))
    return Between(
        items=items,
        design=design,
        column_items=answers.item,
        column_categories=answers.category,
        population=population,
        executor=executor,
    )


def _least_sd(covariance: Floats) -> float:
    """Return the least standard deviation of a competency in any group."""
    return float(np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).min()))
