"""The marginal likelihood of items and normal competencies, whatever takes the integral over them.

Person p of group g comes from N(γᵀ w_p, Σ_g); w are indicators of groups or covariates. φ holds the free parameters of the items, then
those of the populations. An `Integral` takes the E-step and Louis' missing information; what is free, priors, M-steps, gradient and
steps that stay inside the parameter space are here, once. In the M-step variances that are fixed at one are set free and slopes
rescaled afterwards (parameter expansion: Liu, Rubin & Wu 1998, doi:10.1093/biomet/85.4.755), which spares EM its slowest direction.
"""

from abc import ABC, abstractmethod
from concurrent.futures import Executor
from dataclasses import field, replace
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from competency_dx.arrays import Bools, Floats, Ints, value
from competency_dx.engine import items as of_items
from competency_dx.engine import populations as of_population
from competency_dx.engine.items import Items
from competency_dx.engine.populations import Persons, Populations, Pull, populations_over
from competency_dx.findings import Finding, Template
from competency_dx.kernels import families
from competency_dx.kernels.grid import Answers
from competency_dx.kernels.grid.louis import Depth, Moments, population_gradient, population_information
from competency_dx.kernels.grid.product import ItemTables
from competency_dx.models import NormalPopulation

Precision = Literal["single", "double"]


class Information(NamedTuple):
    """Observed information (F, F) of the free parameters with its inverse; None where it is not positive definite."""

    matrix: Floats
    covariance: Floats | None

    @property
    def smallest_eigenvalue(self) -> float:
        """Return the smallest eigenvalue, NaN where the matrix has numbers that are not finite."""
        known = np.isfinite(self.matrix).all()
        return float(np.linalg.eigvalsh(self.matrix).min(initial=np.inf)) if known else float("nan")


def inverted(matrix: Floats) -> Information:
    """Return information with its inverse."""
    matrix = 0.5 * (matrix + matrix.T)
    if not len(matrix):
        return Information(matrix, matrix)
    try:
        return Information(matrix, cho_solve(cho_factor(matrix, lower=True), np.eye(len(matrix))))
    except (LinAlgError, ValueError):
        return Information(matrix, None)


class Accuracy(NamedTuple):
    """How the integral over competencies was taken; where it is approximate, what corrects it, and the errors.

    `correction` is added to the log-likelihood; `log_likelihood` is its mean absolute value per person, `theta` the RMS error
    of posterior means.
    """

    integration: str
    correction: float = 0.0
    log_likelihood: float | None = None
    theta: float | None = None


class EStep(NamedTuple):
    """An E-step at points θ (Q,) or (Q, D).

    Log-likelihood, counts above the lowest category (C, Q), totals (I, Q), curves log P (I, K, Q), distance of the points and
    SD of the narrowest posterior in SD of the narrowest population, and what the integral itself keeps.
    """

    log_likelihood: float
    upper: Floats
    totals: Floats
    theta: Floats
    log_prob: Floats
    spacing: float
    narrowest: float
    kept: Any


class Evaluation(NamedTuple):
    """A likelihood at the free parameters φ (F,): an E-step, and expected counts (I, K, Q).

    `objective` is the log-likelihood plus log prior. `spacing` and `narrowest` are the distance of support points and the SD of
    the narrowest posterior, in units of the population's standard deviation.
    """

    phi: Floats
    objective: float
    log_likelihood: float
    spacing: float
    narrowest: float
    step: EStep
    counts: Floats


@value
class Integral(ABC):
    """A way of taking the integral over competencies, named `integration`: populations of persons, and where blocks are mapped."""

    integration: ClassVar[str]
    by_design: ClassVar[bool] = False
    persons: Persons
    executor: Executor | None = None

    @property
    def weights(self) -> Floats:
        """Return points and weights (2, Q) of an empirical population; Q is 0 where populations are normal."""
        return np.zeros((2, 0))

    def projected(self, items: Items) -> Items:
        """Return the items with the slopes that meet the axes of the points."""
        return items

    @abstractmethod
    def e_step(self, of: "Marginal", phi: Floats, points: int, precision: Precision, before: EStep | None) -> EStep:
        """Return the E-step at φ with `points` to ±6 SD on each axis; an E-step nearby may serve as a start."""

    @abstractmethod
    def moments(self, kept: Any) -> Moments:  # noqa: ANN401 - what an E-step of its own keeps
        """Return the moments of the populations."""

    @abstractmethod
    def missing(self, of: "Marginal", now: Evaluation, kept: Any, depth: Depth) -> Floats:  # noqa: ANN401
        """Return Σ_p Cov[S_p | x_p] over parameters item by item, then of populations; over φ, which is smaller, if `by_design`."""

    @abstractmethod
    def scores(self, of: "Marginal", now: Evaluation, kept: Any) -> Floats:  # noqa: ANN401
        """Return E[S_p | x_p] (P, …) of the same parameters, case weights left aside."""

    def accuracy(self, now: Evaluation) -> Accuracy:  # noqa: ARG002 - grids suit the posteriors
        """Return how the integral is taken, and its estimated error: none but that of a grid unless said otherwise."""
        return Accuracy(self.integration)

    def points(self, asked: int, dimensions: int) -> int:  # noqa: ARG002 - some ways of integrating go by it
        """Return the points on each axis to begin with."""
        return asked

    def findings(self, now: Evaluation) -> tuple[Finding, ...]:  # noqa: ARG002
        """Return what is to be said of the integral."""
        return ()


@value
class Marginal:
    """Marginal likelihood of items and competencies.

    `dimension` (I,) is the competency of each item where items have one slope column for several competencies; `projected` are
    the items as the integral sees them.
    """

    items: Items
    answers: Answers
    population: Populations
    integral: Integral
    dimension: Ints | None = None
    projected: Items = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "projected", self.integral.projected(self.items))

    @property
    def start(self) -> Floats:
        """Return starting values φ (F,)."""
        return np.concatenate([self.items.start, self.population.start[self.population.free]])

    def psi(self, phi: Floats) -> Floats:
        """Return all parameters of the populations (N,)."""
        out = self.population.start.copy()
        out[self.population.free] = phi[self.items.size :]
        return out

    def normals(self, phi: Floats) -> tuple[Floats, Floats]:
        """Return coefficients γ (R, D) and covariances (G, D, D)."""
        return of_population.unpacked(self.population, self.psi(phi))

    def populations(self, phi: Floats) -> tuple[NormalPopulation, ...]:
        """Return the population of each group, over its persons' covariates where there are any."""
        of = self.population
        out = populations_over(of.dimensions, self.normals(phi), self.integral.persons, of.reference)
        return tuple(replace(one, histogram=self.integral.weights) for one in out)

    def feasible(self, phi: Floats) -> bool:
        """Return whether φ lies inside the parameter space."""
        inside = of_population.proper(self.normals(phi)[1]) and not of_items.crossing(self.items, phi).any()
        return inside and bool(np.isfinite(self.items.prior.value(of_items.beta_of(self.items, phi))))

    def evaluate(self, phi: Floats, points: int, *, precision: Precision = "double", before: Evaluation | None = None) -> Evaluation:
        """Return the likelihood at φ: one E-step."""
        step = self.integral.e_step(self, phi, points, precision, None if before is None else before.step)
        counts = np.zeros_like(step.log_prob)
        counts[self.answers.item, self.answers.category] = step.upper
        counts[:, 0] = step.totals - counts.sum(axis=1)
        prior = self.items.prior.value(of_items.beta_of(self.items, phi))
        prior += of_population.prior(self.population, self.psi(phi)).value
        ll = step.log_likelihood
        return Evaluation(phi, ll + prior, ll, step.spacing, step.narrowest, step, counts)

    def curves(self, phi: Floats, theta: Floats) -> Floats:
        """Return log P (I, K, Q) at points θ."""
        return families.log_probabilities(self.projected.groups, of_items.beta_of(self.projected, phi), theta, self.projected.allowed)

    def tables(self, phi: Floats, theta: Floats) -> ItemTables:
        """Return curves with derivatives by the free parameters of the items, one by one."""
        of, log_prob = self.projected, self.curves(phi, theta)
        by_beta = families.derivatives(of.groups, of_items.beta_of(of, phi), log_prob, theta, of.allowed)
        return ItemTables(log_prob, by_beta[of.free].transpose(1, 0, 2), np.nonzero(of.free)[0])

    def em_step(self, now: Evaluation) -> Floats:
        """Return φ (F,) after an M-step of items and populations, scales of expanded competencies restored."""
        step = now.step
        phi = of_items.m_step(self.projected, now.phi, now.counts, step.log_prob, step.theta)
        _, _, loose = pull = self._pull(phi)
        psi = of_population.m_step(self.population, self.psi(now.phi), self.integral.moments(step.kept), pull)
        gamma, sigma = of_population.unpacked(self.population, psi)
        scale = np.where(loose, np.sqrt(np.diagonal(sigma[0])), 1.0)
        for d in np.flatnonzero(scale != 1.0):
            place = np.unique(self._slopes(self.items.place, -1)[:, d])
            phi[place[place >= 0]] *= scale[d]
        psi = of_population.packed(gamma / scale, sigma / (scale[:, None] * scale))
        return np.concatenate([phi, psi[self.population.free]])

    def _slopes(self, table: Floats | Ints, blank: int = 0) -> Any:  # noqa: ANN401 - floats or whole numbers
        """Return the slope columns of a table of parameters (I, F), one for each competency (I, D)."""
        if self.dimension is None:
            return table[:, : self.items.n_slopes]
        out = np.full((len(table), len(self.population.dimensions)), blank, dtype=table.dtype)
        out[np.arange(len(table)), self.dimension] = table[:, 0]
        return out

    def _pull(self, phi: Floats) -> Pull:
        """Return whose scale may expand among unit variances (D,), no single competency's, and what priors of slopes say of it."""
        if len(self.population.dimensions) == 1:
            return np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.bool_)
        beta, prior = of_items.beta_of(self.items, phi), self.items.prior
        a, gradient = self._slopes(beta), self._slopes(prior.gradient(beta))
        bend = np.maximum(self._slopes(np.einsum("iff->if", prior.curvature(beta))), 0.0)
        return (a * gradient).sum(axis=0) / 2, (a**2 * bend).sum(axis=0) / 4, self._loose() & self.population.unit

    def _loose(self) -> Bools:
        """Return the competencies (D,) whose slopes alone carry their scale: all free, shared with no other competency."""
        place, first = self._slopes(self.items.place, -1), self.items.n_slopes + self.items.allowed.shape[1] - 1
        measured = (place >= 0) | (self._slopes(self.items.base) != 0)
        extras = np.asarray((self.items.place[:, first:] >= 0).any(axis=1))
        entries = [set(place[on, d].tolist()) for d, on in enumerate(measured.T)]
        alone = [
            -1 not in mine and not any(mine & other for j, other in enumerate(entries) if j != d) and not extras[measured[:, d]].any()
            for d, mine in enumerate(entries)
        ]
        return np.array(alone)

    def gradient(self, now: Evaluation) -> Floats:
        """Return the gradient (F,) of the objective by Fisher's identity."""
        step, beta = now.step, of_items.beta_of(self.projected, now.phi)
        items = of_items.gradient(self.projected, beta, now.counts, step.log_prob, step.theta)
        population = population_gradient(self.integral.moments(step.kept), self.normals(now.phi)[1])
        population += of_population.prior(self.population, self.psi(now.phi)).gradient
        return np.concatenate([items, population[self.population.free]])

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information of the objective (Louis 1982), prior curvature included."""
        T, missing = self.collector(), self.integral.missing(self, now, now.step.kept, depth)
        if self.items.linked:
            over_phi = self.integral.by_design and self.items.design is not None
            return inverted(self._complete(now) - (missing if over_phi else T.T @ missing @ T))
        at = T.argmax(axis=0)
        return inverted(self._complete(now) - missing[np.ix_(at, at)])

    def collector(self) -> Floats:
        """Return the matrix that adds parameters one by one up to φ: equal ones share an entry, fixed ones vanish."""
        place, free = self.projected.place[self.projected.free], np.flatnonzero(self.population.free)
        T = np.zeros((len(place) + len(self.population.free), self.items.size + len(free)))
        T[: len(place), : self.items.size] = (np.eye(self.items.size) if self.items.design is None else self.items.design)[place]
        T[len(place) + free, self.items.size + np.arange(len(free))] = 1.0
        return T

    def _complete(self, now: Evaluation) -> Floats:
        """Return the penalised complete-data information (F, F): items, then populations."""
        step, n, free = now.step, self.items.size, self.population.free
        beta = of_items.beta_of(self.projected, now.phi)
        out = np.zeros((len(now.phi),) * 2)
        out[:n, :n] = of_items.complete_information(self.projected, beta, now.counts, step.log_prob, step.theta)
        population = population_information(self.integral.moments(step.kept), self.normals(now.phi)[1])
        population += of_population.prior(self.population, self.psi(now.phi)).curvature
        out[n:, n:] = population[np.ix_(free, free)]
        return out

    def person_scores(self, now: Evaluation) -> Floats:
        """Return the gradient of each person's log-likelihood (P, F), case weights and priors left aside."""
        return np.asarray(self.integral.scores(self, now, now.step.kept) @ self.collector())

    def findings(self, now: Evaluation) -> tuple[Finding, ...]:
        """Return what is to be said of the integral, and of competencies that the data do not tell apart."""
        pairs = of_population.inseparable(self.population, self.psi(now.phi))
        alike = Template("engine.inseparable").about((name for a, b, _ in pairs for name in (a, b)), pairs=pairs)
        return self.integral.findings(now) + alike

    def moved(self, phi: Floats, step: Floats) -> Floats:
        """Return φ after a step; boundaries stay in order and covariance matrices positive definite."""
        n, free = self.items.size, self.population.free
        items = of_items.in_order(self.items, phi[:n], step[:n])
        full = np.zeros(len(free))
        full[free] = step[n:]
        (gamma, sigma), (by_gamma, by_sigma) = self.normals(phi), of_population.unpacked(self.population, full)
        new = np.stack([of_population.stepped(s, b) for s, b in zip(sigma, by_sigma, strict=True)])
        return np.concatenate([items, of_population.packed(gamma + by_gamma, new)[free]])
