"""Integration over correlated competencies, each item measuring one, by expectation propagation.

The E-step is that of kernels/propagation/ep_e_step.py; the gradient is exact at its fixed point, the information that of
ep_information.py there.
"""

from concurrent.futures import Executor
from typing import ClassVar, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.engine.items import Items
from competency_dx.engine.marginal import Accuracy, EStep, Evaluation, Integral, Marginal, Precision
from competency_dx.engine.populations import ALIKE, Origin, Populations, persons_of
from competency_dx.findings import Finding, Template
from competency_dx.kernels.grid import REACH, Answers, Design, by_dimension, points_needed
from competency_dx.kernels.grid.louis import Depth
from competency_dx.kernels.normal_population import Moments
from competency_dx.kernels.propagation import SweepControl
from competency_dx.kernels.propagation.ep_e_step import EPError, Model, PropagatedExpected, ep_e_step, ep_error, no_sites
from competency_dx.kernels.propagation.ep_information import ep_missing_information, ep_person_scores

LEAST_POINTS = 45
MOST_POINTS = 4001
FIRST, ON_THE_WAY, SETTLED = SweepControl(1e-3, 12), SweepControl(1e-3, 3), SweepControl(1e-8)


class _Propagated(NamedTuple):
    """Curves and populations, and the E-step."""

    model: Model
    expected: PropagatedExpected


@value
class Propagation(Integral):
    """Expectation propagation over answers taken apart by competency."""

    integration: ClassVar[str] = "propagation"
    design: Design

    def e_step(self, of: Marginal, phi: Floats, points: int, precision: Precision, before: EStep | None) -> EStep:
        """Return the E-step at φ, from the sites of an E-step before."""
        model = self._model(of, phi, points)
        sites = no_sites(self.design) if before is None else before.kept.expected.sites
        control = SETTLED if precision == "double" else FIRST if before is None else ON_THE_WAY
        x = ep_e_step(self.design, model if precision == "double" else model.single(), sites, control=control, executor=self.executor)
        sd, h = _least_sd(model.covariance), float(model.theta[1] - model.theta[0])
        fine = h / sd, x.narrowest / sd
        return EStep(x.log_likelihood, x.upper, x.totals, model.theta, model.log_prob, *fine, _Propagated(model, x))

    def _model(self, of: Marginal, phi: Floats, points: int) -> Model:
        """Return curves on one grid for all competencies, `points` to ±6 SD of the narrowest population."""
        gamma, sigma = of.normals(phi)
        means, sd = self.design.regressors @ gamma, np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
        reach = REACH * float(sd.max())
        low, high = means.min(initial=0.0) - reach, means.max(initial=0.0) + reach
        spacing = 2 * REACH * _least_sd(sigma) / (points - 1)
        theta = np.linspace(low, high, min(round((high - low) / spacing) + 1, MOST_POINTS))
        return Model(theta, of.curves(phi, theta), gamma, sigma)

    def moments(self, kept: _Propagated) -> Moments:
        """Return the moments of the populations."""
        return kept.expected.moments

    def missing(self, of: Marginal, now: Evaluation, kept: _Propagated, depth: Depth) -> Floats:
        """Return the missing information, on a grid as coarse as the narrowest posterior allows."""
        needed = max(LEAST_POINTS, points_needed(now.narrowest))
        model = self._model(of, now.phi, needed) if now.spacing < 2 * REACH / (needed - 1) else kept.model
        tables, sites = of.tables(now.phi, model.theta), kept.expected.sites
        return ep_missing_information(self.design, model, tables, sites=sites, depth=depth, executor=self.executor)

    def scores(self, of: Marginal, now: Evaluation, kept: _Propagated) -> Floats:
        """Return the expected scores of persons."""
        tables = of.tables(now.phi, kept.model.theta)
        return ep_person_scores(self.design, kept.model, tables, sites=kept.expected.sites, executor=self.executor)

    def accuracy(self, now: Evaluation) -> Accuracy:
        """Return the correction of the log-likelihood and the errors of propagation."""
        error = self.error(now)
        weight = np.ones(len(error.log_likelihood)) if self.design.weight is None else self.design.weight
        each = float(np.abs(error.log_likelihood).mean())
        return Accuracy(self.integration, float(weight @ error.log_likelihood), each, error.rms_mean)

    def findings(self, now: Evaluation) -> tuple[Finding, ...]:
        """Return what is to be said of persons whose sites did not settle."""
        persons = now.step.kept.expected.unsettled
        return (Template("engine.unsettled").of(persons=persons),) if persons else ()

    def error(self, now: Evaluation) -> EPError:
        """Return the estimated error of expectation propagation for every person."""
        model, x = now.step.kept
        return ep_error(self.design, model, x.sites, executor=self.executor)


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
