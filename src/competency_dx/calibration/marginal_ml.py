"""Marginal maximum likelihood by accelerated EM, finished by Newton steps on the observed information.

EM (Bock & Aitkin 1981, doi:10.1007/BF02293801) with SQUAREM acceleration (Varadhan & Roland 2008,
doi:10.1111/j.1467-9469.2007.00585.x, scheme S3) brings the parameters near the maximum; Newton steps with the
information of Louis' identity take them to it and leave the certificate: a vanishing gradient and a positive definite
information, both at the reported estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.calibration.em import Evaluation, difference, evaluate, extrapolate, m_step
from competency_dx.calibration.newton import Information, gradient, moved, observed_information
from competency_dx.calibration.problem import Problem, State
from competency_dx.errors import CalibrationError
from competency_dx.kernels import support
from competency_dx.responses import MissingPolicy

Progress = Callable[[int, float, float], None]

NEWTON_GATE = 5e-3  # EM hands over to Newton when a whole cycle moves no parameter by more
SE_DRIFT = 2e-3  # information is taken again when Newton has moved a parameter by more
MAX_NEWTON = 30
MAX_POINTS = 1201


@value
class MarginalML:
    """How to calibrate by marginal maximum likelihood.

    Attributes
    ----------
    points : int
        Support points of the population on ±6 SD to begin with; refined by itself when a posterior is narrower.
    tolerance : float
        The last Newton step must move every parameter by less than this share of its standard error.
    max_iterations : int
        E-steps before giving up.
    executor : concurrent.futures.Executor or None
        Where blocks of persons are processed; None is a thread pool over the cores.
    missing : MissingPolicy
        Which missing answers count as wrong and which are left out.
    progress : callable or None
        Called as ``progress(iteration, log_likelihood, change)`` after each E-step.
    """

    points: int = 61
    tolerance: float = 1e-4
    max_iterations: int = 500
    executor: Executor | None = None
    missing: MissingPolicy = MissingPolicy()
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.points < 11:
            raise CalibrationError(f"MarginalML needs at least 11 support points, found {self.points}")


class Fit(NamedTuple):
    """Where an estimation ended, with its certificate.

    `covariance` (F, F) is that of the free parameters: items row by row (a, e_1 …), then mean and variance. `gradient`
    is the largest component in units of the parameter's standard error, `step` the largest last move in those units.
    """

    state: State
    log_likelihood: float
    iterations: int
    points: int
    spacing: float
    narrowest: float
    gradient: float
    step: float
    information: Information
    converged: bool


class _Counter:
    """Counts E-steps and reports progress."""

    __slots__ = ("done", "last", "limit", "progress")

    def __init__(self, method: MarginalML) -> None:
        self.done, self.limit, self.progress, self.last = 0, method.max_iterations, method.progress, np.nan

    def tick(self, now: Evaluation) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, now.log_likelihood, abs(now.objective - self.last))
        self.last = now.objective

    @property
    def left(self) -> bool:
        return self.done < self.limit


def fit(problem: Problem, method: MarginalML) -> Fit:
    """Maximise the (penalised) marginal likelihood; the grid is refined until it suits the narrowest posterior."""
    counter = _Counter(method)
    state, points = problem.start, method.points
    while True:
        out = _maximise(problem, state, points, method, counter)
        needed = support.points_needed(out.narrowest / np.sqrt(out.state.variance))
        if out.spacing <= out.narrowest or needed <= points or not counter.left:
            return out
        state, points = out.state, min(needed, MAX_POINTS)


def _maximise(problem: Problem, state: State, points: int, method: MarginalML, counter: _Counter) -> Fit:
    now = _accelerated_em(problem, state, points, method.executor, counter)
    return _newton(problem, now, points, method, counter)


def _accelerated_em(
    problem: Problem, state: State, points: int, executor: Executor | None, counter: _Counter
) -> Evaluation:
    """Return an evaluation near the maximum: SQUAREM cycles of two EM steps and one guarded extrapolation."""
    now = evaluate(problem, state, points, executor)
    counter.tick(now)
    while counter.left:
        one = evaluate(problem, m_step(problem, now), points, executor)
        counter.tick(one)
        two = m_step(problem, one)
        if np.abs(difference(problem, two, one.state)).max() < NEWTON_GATE:
            return evaluate(problem, two, points, executor)
        further = extrapolate(problem, now.state, one.state, two)
        after = evaluate(problem, further or two, points, executor)
        counter.tick(after)
        if further is not None and not after.objective >= one.objective:
            after = evaluate(problem, two, points, executor)
            counter.tick(after)
        now = after
    return now


def _newton(problem: Problem, now: Evaluation, points: int, method: MarginalML, counter: _Counter) -> Fit:
    """Take Newton steps to the maximum and certify it; steps that lower the objective are halved."""
    information = observed_information(problem, now, method.executor)
    drift, step_size, gradient_size, converged = 0.0, np.inf, np.inf, False
    for _ in range(MAX_NEWTON):
        slope = gradient(problem, now)
        if information.covariance is None:
            break
        step, se = information.covariance @ slope, np.sqrt(np.diag(information.covariance))
        step_size, gradient_size = _largest(step / se), _largest(slope * se)
        if step_size < method.tolerance:
            converged = drift < SE_DRIFT
            if converged:
                break
            information, drift = observed_information(problem, now, method.executor), 0.0
            continue
        now, taken = _guarded(problem, now, step, points, method.executor, counter)
        drift += taken * _largest(step)
        if drift > NEWTON_GATE * 4:
            information, drift = observed_information(problem, now, method.executor), 0.0
    return Fit(
        state=now.state,
        log_likelihood=now.log_likelihood,
        iterations=counter.done,
        points=points,
        spacing=float(now.tables.theta[1] - now.tables.theta[0]),
        narrowest=now.expected.narrowest,
        gradient=gradient_size,
        step=step_size,
        information=information,
        converged=converged,
    )


def _guarded(
    problem: Problem, now: Evaluation, step: Floats, points: int, executor: Executor | None, counter: _Counter
) -> tuple[Evaluation, float]:
    """Return the evaluation after the longest of the step, its half … that does not lower the objective."""
    share = 1.0
    for _ in range(6):
        after = evaluate(problem, moved(problem, now.state, share * step), points, executor)
        counter.tick(after)
        if after.objective >= now.objective - 1e-9 * abs(now.objective):
            return after, share
        share /= 2
    return now, 0.0


def _largest(x: Floats) -> float:
    return float(np.abs(x).max()) if x.size else 0.0
