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
from competency_dx.calibration.em import Evaluation, Precision, difference, evaluate, extrapolate, m_step
from competency_dx.calibration.newton import Information, gradient, moved, observed_information
from competency_dx.calibration.problem import Problem, State
from competency_dx.errors import CalibrationError
from competency_dx.kernels import support
from competency_dx.kernels.louis import Depth
from competency_dx.responses import MissingPolicy

Progress = Callable[[int, float, float], None]

NEWTON_GATE = 1e-3  # EM hands over to Newton when an EM step moves no parameter by more
NARROWEST_GATE = 1e-6
PATIENCE = 60  # E-steps after which a gate wider by the factor HURRIED will do
HURRIED = 10.0
MAX_ROUNDS = 6
MAX_STEPS = 12
HALVINGS = 6
MAX_POINTS = 1201
COARSE_POINTS = 31
NOISE = 1e-8  # relative error of a log-likelihood added up from single precision
COARSE = 1.4  # spacing of the grid of EM in units of the narrowest posterior SD


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


class _Run:
    """One estimation: the problem, the method, and the count of E-steps done."""

    __slots__ = ("done", "last", "method", "problem")

    def __init__(self, problem: Problem, method: MarginalML) -> None:
        self.problem, self.method, self.done, self.last = problem, method, 0, np.nan

    def evaluate(self, state: State, points: int, precision: Precision = "double") -> Evaluation:
        """Return an evaluation at a state and report progress."""
        now = evaluate(self.problem, state, points, self.method.executor, precision)
        self.done += 1
        if self.method.progress is not None:
            self.method.progress(self.done, now.log_likelihood, abs(now.objective - self.last))
        self.last = now.objective
        return now

    def information(self, now: Evaluation, depth: Depth = "exact") -> Information:
        """Return the observed information at an evaluation."""
        return observed_information(self.problem, now, self.method.executor, depth)

    @property
    def left(self) -> bool:
        """Return whether E-steps are left."""
        return self.done < self.method.max_iterations


def fit(problem: Problem, method: MarginalML) -> Fit:
    """Maximise the (penalised) marginal likelihood; the grid is refined until it suits the narrowest posterior.

    Where Newton does not certify a maximum, EM goes on with a gate ten times narrower.
    """
    run = _Run(problem, method)
    state, points, gate = problem.start, method.points, NEWTON_GATE
    while True:
        out = _newton(run, run.evaluate(_accelerated_em(run, state, points, gate), points), points)
        needed = support.points_needed(_narrowest(out))
        state = out.state
        if out.spacing > out.narrowest and needed > points and run.left:
            points = min(needed, MAX_POINTS)
        elif out.converged or not run.left or gate < NARROWEST_GATE:
            return out
        else:
            gate /= 10


def _narrowest(found: Fit) -> float:
    return found.narrowest / float(np.sqrt(found.state.variance))


def _accelerated_em(run: _Run, state: State, points: int, gate: float) -> State:
    """Return a state near the maximum: SQUAREM cycles of two EM steps and one guarded extrapolation.

    EM works in single precision on a grid just fine enough for the posteriors it meets; double precision and the grid of
    `points` are for the end.
    """
    problem, coarse = run.problem, min(points, COARSE_POINTS)
    now = run.evaluate(state, coarse, "single")
    while run.left:
        one = run.evaluate(m_step(problem, now), coarse, "single")
        two = m_step(problem, one)
        change = _largest(difference(problem, two, one.state))
        if change < gate or (run.done > PATIENCE and change < HURRIED * gate):
            return two
        further = extrapolate(problem, now.state, one.state, two)
        needed = support.points_needed(COARSE * one.expected.narrowest / float(np.sqrt(one.state.variance)))
        finer, coarse = needed > coarse, max(coarse, min(points, needed))
        now = run.evaluate(further or two, coarse, "single")
        if further is not None and not finer and not now.objective >= one.objective - NOISE * abs(one.objective):
            now = run.evaluate(two, coarse, "single")
    return now.state


def _newton(run: _Run, now: Evaluation, points: int) -> Fit:
    """Take Newton steps to the maximum and certify it by the exact information at the point reached.

    Steps use a cheap guide to the information; steps that lower the objective are halved. Where the
    exact information at the end still calls for a step, the steps go on with it.
    """
    guide = run.information(now, "guide")
    for _ in range(MAX_ROUNDS):
        now, moving = _led(run, now, guide, points)
        guide = run.information(now)
        found = _certified(run, now, guide, points)
        if found.converged or guide.covariance is None or not run.left or not moving:
            break
    return found


def _led(run: _Run, now: Evaluation, guide: Information, points: int) -> tuple[Evaluation, bool]:
    """Return the evaluation where Newton steps of one information vanish, and whether any step was taken."""
    moving = False
    for _ in range(MAX_STEPS):
        if guide.covariance is None or not run.left:
            break
        step = guide.covariance @ gradient(run.problem, now)
        size = _largest(step / np.sqrt(np.diag(guide.covariance)))
        if size <= run.method.tolerance / 10:
            break
        now, taken = _guarded(run, now, step, points)
        moving = moving or taken > 0
        if taken == 0:
            break
    return now, moving


def _certified(run: _Run, now: Evaluation, information: Information, points: int) -> Fit:
    """Return the fit at an evaluation: converged where gradient and Newton step vanish and the information is definite."""
    step_size, gradient_size = np.inf, np.inf
    if information.covariance is not None:
        slope, se = gradient(run.problem, now), np.sqrt(np.diag(information.covariance))
        step_size, gradient_size = _largest(information.covariance @ slope / se), _largest(slope * se)
    return Fit(
        state=now.state,
        log_likelihood=now.log_likelihood,
        iterations=run.done,
        points=points,
        spacing=float(now.tables.theta[1] - now.tables.theta[0]),
        narrowest=now.expected.narrowest,
        gradient=gradient_size,
        step=step_size,
        information=information,
        converged=step_size <= run.method.tolerance,
    )


def _guarded(run: _Run, now: Evaluation, step: Floats, points: int) -> tuple[Evaluation, float]:
    """Return the evaluation after the longest of the step, its half … that does not lower the objective."""
    share = 1.0
    for _ in range(HALVINGS):
        after = run.evaluate(moved(run.problem, now.state, share * step), points)
        if after.objective >= now.objective - 1e-9 * abs(now.objective):
            return after, share
        share /= 2
    return now, 0.0


def _largest(x: Floats) -> float:
    return float(np.abs(x).max()) if x.size else 0.0
