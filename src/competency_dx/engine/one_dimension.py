"""Integration over one competency on a uniform grid.

Persons come from one normal population, from that of their group, or from N(γᵀ w_p, σ²_g) with covariates w_p of a latent
regression, estimated in one stage with the items (Mislevy 1984, doi:10.1007/BF02306026); or from an empirical histogram, the
weights of the support points estimated with the items: EM with the posterior mass at each point as its new weight (Bock & Aitkin
1981; Woods 2007, doi:10.1177/0146621606292228). Location and scale of the histogram are not identified beside free items: it is
standardised at the end, points and items together, which leaves the likelihood as it is.
"""

from concurrent.futures import Executor
from dataclasses import replace
from typing import ClassVar

import numpy as np

from competency_dx.arrays import Floats, Ints, spread_out, value
from competency_dx.engine.items import Items, beta_of
from competency_dx.engine.marginal import EStep, Evaluation, Integral, Marginal, Precision
from competency_dx.engine.maximise import Control, Maximised, fit
from competency_dx.engine.populations import ALIKE, Origin, Populations, persons_of
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding, Template
from competency_dx.kernels.grid import REACH, Answers, Expected, Tables, e_step, louis, points_needed, standard_nodes, with_sparse
from competency_dx.kernels.grid.louis import Depth, Moments, moments_of_groups
from competency_dx.models import FAMILIES

LEAST_POINTS = 45
MOST_POINTS = 4001
CYCLES = 400
SETTLED = 1e-7  # relative change of the log-likelihood
LEAST_MASS = 1e-12
OnLine = tuple[Tables, Floats, Floats, Expected]  # tables, means (P,) or (1,) and variances (G,) of the populations, the E-step


@value
class OneDimension(Integral):
    """A uniform grid over one competency; points and log weights (Q,) of a `histogram` take the place of normal populations.

    In `answers` persons stand in an `order` (P,) in which neighbours have posteriors in like places.
    """

    integration: ClassVar[str] = "grid"
    by_design: ClassVar[bool] = True
    answers: Answers
    order: Ints
    histogram: tuple[Floats, Floats] | None = None

    @property
    def weights(self) -> Floats:
        """Return points and weights (2, Q) of the histogram."""
        if self.histogram is None:
            return np.zeros((2, 0))
        theta, log_weight = self.histogram
        return np.stack([theta, np.exp(log_weight) / np.exp(log_weight).sum()])

    def e_step(self, of: Marginal, phi: Floats, points: int, precision: Precision, before: EStep | None) -> EStep:  # noqa: ARG002
        """Return the E-step at φ, in single precision on the way to the maximum."""
        gamma, sigma = of.normals(phi)
        mean, variance = self.persons.regressors @ gamma[:, 0], sigma[:, 0, 0]
        theta, log_weight = self._support(mean, variance, points)
        tables = Tables(theta, log_weight, of.curves(phi, theta))
        x = e_step(self._placed(mean, variance), tables if precision == "double" else tables.single(), self.executor)
        sd = float(np.sqrt(variance.min()))
        fine = float(theta[1] - theta[0]) / sd, x.narrowest / sd
        return EStep(x.log_likelihood, x.upper, x.totals, theta, tables.log_prob, *fine, (tables, mean, variance, x))

    def _support(self, mean: Floats, variance: Floats, points: int) -> tuple[Floats, Floats]:
        """Return points (Q,) that span the populations, and log weights (Q,)."""
        if self.histogram is not None:
            return self.histogram
        sd = np.sqrt(variance)
        if self.persons.shared:
            z, log_weight = standard_nodes(points)
            return float(mean[0]) + sd[0] * z, log_weight
        low, high = mean.min() - REACH * sd.max(), mean.max() + REACH * sd.max()
        spacing = 2 * REACH * sd.min() / (points - 1)
        theta = np.linspace(low, high, min(int(np.ceil((high - low) / spacing)) + 1, MOST_POINTS))
        return theta, np.full(len(theta), np.log(theta[1] - theta[0]))

    def _placed(self, mean: Floats, variance: Floats) -> Answers:
        """Return the answers with each person's own prior, where persons have one."""
        if self.persons.shared:
            return self.answers
        return self.answers._replace(normal=np.stack([mean, np.sqrt(variance)[self.persons.group]], axis=1)[self.order])

    def moments(self, kept: OnLine) -> Moments:
        """Return the moments of the populations: sums over persons, or over nodes where persons share a population."""
        tables, mean, variance, expected = kept
        if self.persons.shared:
            point, spread, weight = tables.theta, np.zeros(1), expected.nodes
        else:
            point, spread = self._posterior(expected)
            weight = self.persons.weight  # type: ignore[assignment]
        off = (point - mean)[:, None]
        square = (off**2 + spread[:, None])[:, :, None]
        G, (w, group, _) = len(variance), self.persons
        return moments_of_groups(off, square, groups=G, group=group, regressors=w, weight=weight)

    def _posterior(self, expected: Expected) -> tuple[Floats, Floats]:
        """Return posterior means and variances (P,) in the order of the persons."""
        back = np.argsort(self.order)
        return expected.mean[back, 0], expected.second[back, 0]

    def missing(self, of: Marginal, now: Evaluation, kept: OnLine, depth: Depth) -> Floats:
        """Return the missing information.

        Expectations over posteriors use a grid as coarse as the narrowest of them allows, and no coarser than item curves of
        usual slopes bear (they have poles at a distance of π/a from the real line).
        """
        needed = max(LEAST_POINTS, points_needed(now.narrowest))
        (theta, log_weight, _), mean, variance, _ = kept
        if self.histogram is None and now.spacing < 2 * REACH / (needed - 1):
            theta, log_weight = self._support(mean, variance, needed)
        curves, free = of.tables(now.phi, theta), np.flatnonzero(of.population.free)
        w, group = self.persons.regressors, self.persons.group
        v, R, G = variance[group], w.shape[1], len(variance)
        by_power = np.zeros((len(group), R + G, 2))  # coefficients of θ and θ² in the scores of γ and the variances
        by_power[:, :R, 0] = w / v[:, None]
        member = (group[:, None] == np.arange(G)) / (v**2)[:, None]
        by_power[:, R:, 0], by_power[:, R:, 1] = -member * mean[:, None], member / 2
        population = by_power[slice(None) if self.persons.shared else self.order][:, free]
        scores = louis.SplitScores(curves.derivatives[0], np.zeros(curves.derivatives.shape[:2]), None, curves.owner, population)
        if self.answers.tally is None:  # with slopes of one, contrasts are constants, of no account
            scores = louis.split_scores(curves.derivatives, curves.owner, population, theta)
        answers, tables = self._placed(mean, variance), Tables(theta, log_weight, curves.log_prob)
        n = len(curves.owner)
        at = np.concatenate([np.arange(n), n + free])
        design = None if of.items.design is None else of.collector()[at]
        missing = louis.missing_information(answers, tables, scores, depth=depth, design=design, executor=self.executor)
        return missing if design is not None else spread_out(missing, at, n + len(of.population.free))

    def scores(self, of: Marginal, now: Evaluation, kept: OnLine) -> Floats:
        """Return the expected scores of persons."""
        tables, mean, variance, expected = kept
        answers, curves = self._placed(mean, variance), of.tables(now.phi, tables.theta)
        items = louis.item_scores(answers, tables, curves.derivatives, curves.owner, executor=self.executor)
        point, spread = self._posterior(expected)
        items, group, off = items[np.argsort(self.order)], self.persons.group, point - mean
        v = variance[group]
        by_variance = (group[:, None] == np.arange(len(variance))) * (((off**2 + spread) / v - 1) / (2 * v))[:, None]
        return np.concatenate([items, self.persons.regressors * (off / v)[:, None], by_variance], axis=1)


def one_dimension_likelihood(
    items: Items, answers: Answers, *, population: Populations, origin: Origin = ALIKE, executor: Executor | None = None
) -> Marginal:
    """Return the likelihood of answers to items that all measure one competency.

    Persons may have a group and regressors, their `origin`: indicators of groups whose mean is free, and covariates.
    """
    answers = with_sparse(answers)
    seen = answers.codes.shape[1] if answers.observed is None else np.maximum(answers.observed.sum(axis=1), 1)
    order = np.argsort(answers.codes.sum(axis=1) / seen, kind="stable")
    integral = OneDimension(answers=answers.take(order), persons=persons_of(answers, origin), order=order, executor=executor)
    return Marginal(items=items, answers=answers, population=population, integral=integral)


def fit_histogram(start: Marginal, families: list[str], method: Control) -> tuple[Marginal, Maximised, Finding]:
    """Return likelihood with histogram, fit and remarks; raises `CalibrationError` for families without the predictor a θ + d."""
    if strange := sorted({f for f in families if FAMILIES[f].steps in {"category", "location"}}):
        raise CalibrationError("engine.histogram_families", strange=strange)
    z, log_weight = standard_nodes(method.points)
    held = start.population._replace(free=np.zeros_like(start.population.free))
    likelihood = replace(_with(start, (z, log_weight)), population=held)
    phi, before = likelihood.start, -np.inf
    for _ in range(CYCLES):
        now = likelihood.evaluate(phi, method.points)
        *_, expected = now.step.kept
        mass = expected.nodes / expected.nodes.sum()
        phi = likelihood.em_step(now)
        likelihood = _with(likelihood, (z, np.log(np.maximum(mass, LEAST_MASS))))
        if abs(now.log_likelihood - before) <= SETTLED * abs(now.log_likelihood):
            break
        before = now.log_likelihood
    if not held.regressors:  # anchored items set location and scale
        likelihood, phi = _standardised(likelihood, phi, families)
    best = fit(likelihood, method, phi)
    theta, weight = likelihood.integral.weights
    mean = float(weight @ theta)
    variance = float(weight @ (theta - mean) ** 2)
    z = (theta - mean) / np.sqrt(variance)
    note = Template("engine.empirical_histogram").of(points=len(z), skewness=float(weight @ z**3), kurtosis=float(weight @ z**4) - 3)
    return replace(likelihood, population=held._replace(start=np.array([*[mean] * len(held.regressors), variance]))), best, note


def _with(likelihood: Marginal, histogram: tuple[Floats, Floats]) -> Marginal:
    """Return the likelihood with another histogram."""
    assert isinstance(likelihood.integral, OneDimension)
    return replace(likelihood, integral=replace(likelihood.integral, histogram=histogram))


def _standardised(likelihood: Marginal, phi: Floats, families: list[str]) -> tuple[Marginal, Floats]:
    """Return likelihood and φ with the histogram at mean 0, and variance 1 where slopes are free."""
    theta, weight = likelihood.integral.weights
    mean = float(weight @ theta)
    scaled = all(FAMILIES[f].free_slope for f in families)
    sd = float(np.sqrt(weight @ (theta - mean) ** 2)) if scaled else 1.0
    items = likelihood.items
    beta = beta_of(items, phi)
    K = items.allowed.shape[1]
    times = np.where(np.array([FAMILIES[f].steps == "cumulative" for f in families])[:, None], 1.0, np.arange(1, K))
    beta[:, 1:K] += np.where(items.place[:, 1:K] >= 0, times * beta[:, :1] * mean, 0.0)
    beta[:, 0] *= sd
    out = phi.copy()
    out[items.place[items.free]] = beta[items.free]
    return _with(likelihood, ((theta - mean) / sd, np.log(weight))), out
