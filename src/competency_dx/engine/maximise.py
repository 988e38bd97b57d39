"""Marginal maximum likelihood by accelerated EM, finished by Newton steps on the observed information.

EM (Bock & Aitkin 1981, doi:10.1007/BF02293801) with SQUAREM acceleration (Varadhan & Roland 2008, doi:10.1111/j.1467-9469.2007.00585.x,
scheme S3) brings the parameters near the maximum; Newton steps with the information of Louis' identity take them to it and leave the
certificate: a vanishing gradient and a positive definite information, both at the reported estimates. Asymptotes that run to 0 or 1,
and variances that run to 0, are held there and named, and the rest is estimated.
"""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.engine.items import beta_of, holding
from competency_dx.engine.items_setup import Known
from competency_dx.engine.marginal import Evaluation, Information, Marginal, Precision
from competency_dx.engine.populations import holding_variances, vanishing
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding, Template, gathered
from competency_dx.kernels.grid import points_needed
from competency_dx.models import extras_of

NEWTON_GATE = 3e-2  # EM hands over to Newton when an EM step moves no parameter by more
NARROWEST_GATE = 1e-6
PATIENCE = 60  # E-steps after which a gate wider by the factor HURRIED will do
HURRIED = 3.0
MAX_ROUNDS = 6
MAX_STEPS = 12
SAME_POINT, SAME_SHARE = 8e-5, 2e-4  # a step twice as long, in either unit, moves standard errors by less than 1e-4 of their size
NEAR = 0.03  # share of the tolerance at which steps end
NEARER = 0.003  # where steps with a guide end so near, one with the exact information is not needed
SLOW = 0.4  # steps that shrink by less are at the noise of the precision
HALVINGS = 6
MAX_POINTS = 1201
COARSE_POINTS = 31
NOISE = 1e-7  # relative error of a log-likelihood added up from single precision
ROUGH = 1e-3  # in standard errors: the last step in single precision
ROUNDING = 1e-9
COARSE = 1.4  # spacing of the grid of EM in units of the narrowest posterior SD
LONGEST_EXTRAPOLATION = 32.0
FAR = 5.5  # logit beyond which an asymptote is on its bound: c < .004
BOUND = 30.0
ROUNDS = 4
FIRST_ITERATIONS = 150
LEAST_VARIANCE = 0.01
SPREAD = 0.5
SAME = 0.01
SEED = 20_071_969
Progress = Callable[[int, float, float], None]


class Control(NamedTuple):
    """How to maximise: points of the grid, tolerance in standard errors, most E-steps, starting points, telling of progress."""

    points: int = 61
    tolerance: float = 1e-4
    max_iterations: int = 500
    starts: int = 1
    progress: Progress | Literal["bar"] | None = None


class Maximised(NamedTuple):
    """Where an estimation ended, with its certificate.

    `information` is that of φ. `gradient` is the largest component in units of one over the parameter's standard error,
    `step` the largest last move in units of the standard error.
    """

    phi: Floats
    at: Evaluation
    iterations: int
    points: int
    gradient: float
    step: float
    information: Information
    converged: bool

    @property
    def log_likelihood(self) -> float:
        """Return the marginal log-likelihood, priors not included."""
        return self.at.log_likelihood


class _Run:
    """One estimation: the likelihood, the method, and the count of E-steps done."""

    __slots__ = ("done", "last", "likelihood", "method", "recent", "tell")

    def __init__(self, likelihood: Marginal, method: Control, tell: Progress) -> None:
        self.likelihood, self.method, self.done, self.last = likelihood, method, 0, np.nan
        self.recent: Evaluation | None = None
        self.tell = tell

    def evaluate(self, phi: Floats, points: int, precision: Precision = "double") -> Evaluation:
        """Return an evaluation at φ and report progress."""
        now = self.likelihood.evaluate(phi, points, precision=precision, before=self.recent)
        self.done += 1
        self.recent = now
        self.tell(self.done, now.log_likelihood, abs(now.objective - self.last))
        self.last = now.objective
        return now

    @property
    def left(self) -> bool:
        """Return whether E-steps are left."""
        return self.done < self.method.max_iterations


def fit(likelihood: Marginal, method: Control, start: Floats | None = None) -> Maximised:
    """Maximise the (penalised) likelihood, the grid refined to suit it; where Newton certifies no maximum EM goes on, more narrowly."""
    phi, points = likelihood.start if start is None else start, method.points
    gate, near = NEWTON_GATE, likelihood.answers.tally is not None  # with all slopes one Newton mostly gets on without EM
    with telling(method) as tell:
        run = _Run(likelihood, method, tell)
        while True:
            out = _newton(run, *((phi, points) if near else _accelerated_em(run, phi, points, gate)), points)
            needed = points_needed(out.at.narrowest)
            phi = out.phi
            if out.at.spacing > out.at.narrowest and needed > points and run.left:
                points = min(needed, MAX_POINTS)
            elif out.converged or not run.left or gate < NARROWEST_GATE:
                return out
            else:
                gate, near = gate if near else gate / 10, False


def _accelerated_em(run: _Run, phi: Floats, points: int, gate: float) -> tuple[Floats, int]:
    """Return φ near the maximum, by SQUAREM on a grid as coarse as will do and in single precision, and the points of the grid."""
    likelihood, coarse = run.likelihood, min(points, COARSE_POINTS)
    now = run.evaluate(phi, coarse, "single")
    while run.left:
        one = run.evaluate(likelihood.em_step(now), coarse, "single")
        two = likelihood.em_step(one)
        change = _largest(two - one.phi)
        if change < gate or (run.done > PATIENCE and change < HURRIED * gate):
            return two, coarse
        further = _extrapolated(likelihood, now.phi, one.phi, two)
        needed = points_needed(COARSE * one.narrowest)
        finer, coarse = needed > coarse, max(coarse, min(points, needed))
        now = run.evaluate(two if further is None else further, coarse, "single")
        if further is not None and not finer and not now.objective >= one.objective - NOISE * abs(one.objective):
            now = run.evaluate(two, coarse, "single")
    return now.phi, coarse


def _extrapolated(likelihood: Marginal, zero: Floats, one: Floats, two: Floats) -> Floats | None:
    """Return the SQUAREM point of three successive φ, None where the step is that of EM itself or leads outside."""
    r, v = one - zero, two - 2 * one + zero
    if (curvature := float(v @ v)) == 0:
        return None
    alpha = -min(np.sqrt(float(r @ r) / curvature), LONGEST_EXTRAPOLATION)
    if alpha >= -1:
        return None
    out = zero - 2 * alpha * r + alpha**2 * v
    return out if likelihood.feasible(out) else None


def _newton(run: _Run, phi: Floats, coarse: int, points: int) -> Maximised:
    """Take Newton steps to the maximum, certified by the exact information within 5e-5 or 2e-4 standard errors of the estimates."""
    now = _led(run, phi, coarse, points)
    for _ in range(MAX_ROUNDS):
        information = run.likelihood.information(now)
        found = _certified(run, now, information, points)
        if information.covariance is None or found.step <= run.method.tolerance * NEARER or not run.left:
            return found
        step = information.covariance @ run.likelihood.gradient(now)
        last = _moves(step, information.covariance) <= 2
        now, taken = _guarded(run, now, step, points)
        if taken == 0:
            return found
        found = _certified(run, now, information, points)
        if last and found.step <= run.method.tolerance * NEAR:
            return found
    return found


def _led(run: _Run, phi: Floats, coarse: int, points: int) -> Evaluation:
    """Return the evaluation where steps with a cheap guide (F, F) nearly vanish; BFGS improves it (Nocedal & Wright 2006, eq. 6.17)."""
    now, rough, size = run.evaluate(phi, coarse, "single"), True, np.inf
    if (guide := run.likelihood.information(now, "guide").covariance) is None:
        return run.evaluate(phi, points)
    slope = run.likelihood.gradient(now)
    for _ in range(MAX_STEPS):
        step = guide @ slope
        before, size = size, _largest(step / np.sqrt(np.diag(guide)))
        stuck = size > SLOW * before or not run.left
        if rough and (stuck or size <= ROUGH):
            now = run.evaluate(now.phi if stuck else run.likelihood.moved(now.phi, step), points)
            slope, rough, size = run.likelihood.gradient(now), False, np.inf
            continue
        if stuck or size <= run.method.tolerance * NEAR or _moves(step, guide) <= 1:
            return now
        after, taken = _guarded(run, now, step, *((coarse, "single") if rough else (points, "double")))
        further = run.likelihood.gradient(after)
        guide = _after_step(guide, after.phi - now.phi, slope - further)
        now, slope, size = after, further, size if taken else 0.0  # the next step is then stuck
    return run.evaluate(now.phi, points) if rough else now


def _moves(step: Floats, covariance: Floats) -> float:
    """Return the length of a step in units of `SAME_POINT` or `SAME_SHARE`, whichever is longer."""
    return _largest(step / np.maximum(SAME_POINT, SAME_SHARE * np.sqrt(np.diag(covariance))))


def _after_step(covariance: Floats, s: Floats, y: Floats) -> Floats:
    """Return an inverse Hessian (F, F) that takes the change y of the gradient along a step s back to that step."""
    if (bend := float(s @ y)) <= 0:
        return covariance
    v = covariance @ y
    out = covariance - np.outer(s, v / bend)
    out -= np.outer(v / bend, s)
    out += np.outer(s, s * ((1 + float(y @ v) / bend) / bend))
    return out


def _certified(run: _Run, now: Evaluation, information: Information, points: int) -> Maximised:
    """Return the fit at an evaluation: converged where gradient and Newton step vanish and the information is definite."""
    step_size, gradient_size = np.inf, np.inf
    if information.covariance is not None:
        slope, se = run.likelihood.gradient(now), np.sqrt(np.diag(information.covariance))
        step_size, gradient_size = _largest(information.covariance @ slope / se), _largest(slope * se)
    return Maximised(now.phi, now, run.done, points, gradient_size, step_size, information, step_size <= run.method.tolerance)


def _guarded(run: _Run, now: Evaluation, step: Floats, points: int, precision: Precision = "double") -> tuple[Evaluation, float]:
    """Return the evaluation after the longest of the step, its half … that does not lower the objective."""
    # in single precision whole or not at all: where a step lowers the objective, rounding is what it sees
    share, noise, tries = 1.0, *((NOISE, 1) if precision == "single" else (ROUNDING, HALVINGS))
    for _ in range(tries):
        after = run.evaluate(run.likelihood.moved(now.phi, share * step), points, precision)
        if after.objective >= now.objective - noise * abs(now.objective):
            return after, share
        share /= 2
    return now, 0.0


def _largest(x: Floats) -> float:
    return float(np.abs(x).max()) if x.size else 0.0


def best_of(likelihood: Marginal, method: Control) -> tuple[Maximised, tuple[Finding, ...]]:
    """Return the fit with the highest objective over `method.starts` starts around the usual one, always the same, and remarks."""
    fits = [fit(likelihood, method)]
    rng = np.random.default_rng(SEED)
    for _ in range(method.starts - 1):
        start = likelihood.start
        n = likelihood.items.size
        moved = likelihood.moved(start, np.concatenate([SPREAD * rng.normal(size=n), np.zeros(len(start) - n)]))
        fits.append(fit(likelihood, method, moved))
    best = max([f for f in fits if f.converged] or fits, key=lambda f: f.at.objective)
    if method.starts == 1:
        return best, ()
    lower = [f for f in fits if f.converged and f.at.objective < best.at.objective - SAME]
    failed = sum(not f.converged for f in fits)
    gap = max((best.at.objective - f.at.objective for f in lower), default=0.0)
    template, alike = Template("engine.lower_maxima") if lower else Template("engine.starts"), len(fits) - len(lower) - failed
    return best, (template.of(starts=len(fits), best=alike, lower=len(lower), failed=failed, gap=gap),)


@contextmanager
def telling(method: Control) -> Iterator[Progress]:
    """Give the function to call after each E-step: number, log L, change; raises `CalibrationError` for a bar without tqdm."""
    if method.progress != "bar":
        yield method.progress or (lambda *_: None)
        return
    if importlib.util.find_spec("tqdm") is None:
        raise CalibrationError("engine.progress_bar")
    bar = import_module("tqdm").tqdm(total=method.max_iterations, unit="E-step", leave=False)

    def tell(iteration: int, log_likelihood: float, change: float) -> None:
        bar.n = iteration
        bar.set_postfix_str(f"log-likelihood {log_likelihood:.3f}, change {change:.1e}")

    try:
        yield tell
    finally:
        bar.close()


def within_bounds(likelihood: Marginal, known: Known, method: Control) -> tuple[Marginal, Maximised, tuple[Finding, ...]]:
    """Return likelihood, fit and findings, with what runs to its bound held there.

    Where few persons differ no more than chance has it, the likelihood falls with the variance of the population all the way
    to 0, and there is no maximum inside: variances below `LEAST_VARIANCE` are then held there.
    """
    population, budgets = likelihood.population, {method.max_iterations}
    if not population.held.all():
        budgets.add(min(method.max_iterations, FIRST_ITERATIONS))
    for most in sorted(budgets):
        likelihood, found, notes = _asymptotes_held(likelihood, known, method._replace(max_iterations=most))
        low = vanishing(population, likelihood.psi(found.phi), LEAST_VARIANCE)
        if found.converged:
            return likelihood, found, notes
        if low.any():
            break
    else:
        return likelihood, found, notes
    likelihood = replace(likelihood, population=holding_variances(population, low, LEAST_VARIANCE))
    likelihood, found, more = _asymptotes_held(likelihood, known, method)
    several = len(population.groups) > 1
    names = [population.groups[g] if several else population.dimensions[d] for g, d in np.argwhere(low).tolist()]
    return likelihood, found, gathered(notes, more, Template("engine.vanished_variance").about(names, least=np.sqrt(LEAST_VARIANCE)))


def _asymptotes_held(likelihood: Marginal, known: Known, method: Control) -> tuple[Marginal, Maximised, tuple[Finding, ...]]:
    """Return likelihood, fit and findings, with asymptotes without a prior held at 0 or 1 where they run there."""
    items = likelihood.items
    loose, first = np.zeros(items.place.shape, dtype=np.bool_), items.n_slopes + items.allowed.shape[1] - 1
    by_beta = {tuple(at) for at in items.prior.beta.tolist()}
    for i, j, extra in extras_of(known.families, known.n_categories):
        penalised = items.prior.precision[i, first + j, first + j] > 0 or (i, first + j) in by_beta
        loose[i, first + j] = extra.kind in {"c", "u"} and items.place[i, first + j] >= 0 and not penalised
    if not loose.any():
        return likelihood, *best_of(likelihood, method)
    held = np.zeros_like(loose)
    short = method._replace(max_iterations=min(method.max_iterations, FIRST_ITERATIONS))
    for _ in range(ROUNDS):
        found, notes = best_of(likelihood, short)
        beta = beta_of(likelihood.items, found.phi)
        far = loose & ~held & (np.abs(beta) > FAR) & (likelihood.items.place >= 0)
        if not far.any():
            break
        held |= far
        likelihood = replace(likelihood, items=holding(likelihood.items, far, np.where(far, np.sign(beta) * BOUND, beta)))
    if not found.converged:
        found, notes = best_of(likelihood, method)
    ids = [item for item, row in zip(known.ids, held, strict=True) if row.any()]
    return likelihood, found, notes + Template("engine.boundary").about(ids)
