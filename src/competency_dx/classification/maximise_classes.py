"""Maximising the marginal likelihood: accelerated EM, Newton steps at the end, a certificate, several starts.

The certificate has three parts: the gain that the gradient and the observed information still promise is below the
tolerance, the information is positive definite along the free directions, and no profile left out would raise the
likelihood (the general mixture maximum likelihood theorem, Lindsay 1983, doi:10.1214/aos/1176346059).
"""

from itertools import count
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.classification.choices import ClassificationML
from competency_dx.classification.curvature import Curved, curved, moved, newton_step
from competency_dx.classification.problem import ClassEvaluation, ClassProblem, State, start
from competency_dx.kernels.classes.item_classes import BOUND, class_gradient, log_evidence, restrictions

HANDOVER = 1e-4  # EM hands over to Newton when a cycle gains less
NARROWEST_GATE = 1e-12
MAX_ROUNDS = 60
HALVINGS = 8
LONGEST, LEAST_SHARE = 64.0, 0.1  # of a SQUAREM step: its length, and the share of a class that it leaves
MISSED = 1e-4  # excess of the derivative by the share of a class, over the persons, from which it is missed
ADDED = 1e-2  # persons given to a class that was missed
VANISHING, SHRINKING = 3e-2, 1e-3
INDEFINITE = 1e-7  # scaled eigenvalues below minus this show that EM has not reached the hill of a maximum


class ClassFit(NamedTuple):
    """Where an estimation ended; `missed`: largest excess of the likelihood of a class left out, `starts`: log L reached from each."""

    now: ClassEvaluation
    at: Curved
    iterations: int
    missed: float
    starts: tuple[float, ...]
    converged: bool


def fit(problem: ClassProblem, method: ClassificationML) -> ClassFit:
    """Return the best maximum over the starts; the first of equals wins."""
    found = [_from(problem, start(problem, k), method) for k in range(method.starts)]
    reached = tuple(f.now.log_likelihood for f in found)
    best = next(f for f in found if f.now.log_likelihood >= max(reached) - 1e-6)
    return best._replace(starts=reached, iterations=sum(f.iterations for f in found))


def _from(problem: ClassProblem, state: State, method: ClassificationML) -> ClassFit:
    """Return the maximum reached from one starting point, by rounds of EM and a Newton step."""
    now, done, gate = problem.evaluate(state), 1, HANDOVER
    kept = np.zeros(len(problem.place.T), dtype=np.bool_)
    for rounds in count(1):
        now, steps = _climbed(problem, now, gate, method.max_iterations - done)
        now = problem.evaluate(_without_vanishing(problem, now, kept))
        done += steps + 1
        exhausted = done >= method.max_iterations or gate < NARROWEST_GATE or rounds >= MAX_ROUNDS
        missed, state = _with_missed(problem, now)
        if missed > MISSED and not exhausted:
            kept |= (state.distribution > 0) & (now.state.distribution == 0)
            now, done, gate = problem.evaluate(state), done + 1, HANDOVER
            continue
        at = curved(problem, now)
        concave = at.smallest_eigenvalue > -INDEFINITE
        converged = at.promised_gain <= method.tolerance and concave and missed <= MISSED
        if converged or exhausted:
            break
        after, steps = _stepped(problem, now, at)
        done += steps
        now, gate = (now, gate / 10) if after is None else (after, gate)  # EM goes on to smaller gains
    return ClassFit(now, at, done, missed, (now.log_likelihood,), converged)


def _climbed(problem: ClassProblem, now: ClassEvaluation, gate: float, left: int) -> tuple[ClassEvaluation, int]:
    """Return the evaluation where a SQUAREM cycle gains less than `gate`, and the E-steps it took."""
    done = 0
    while done < left:
        one = problem.evaluate(problem.m_step(now))
        two = problem.m_step(one)
        further, steps = problem.evaluate(extrapolate(problem, now.state, one.state, two)), 2
        if not further.log_likelihood >= one.log_likelihood:  # lower, or no number
            further, steps = problem.evaluate(two), 3
        gain, now, done = further.log_likelihood - now.log_likelihood, further, done + steps
        if gain < gate:
            break
    return now, done


def extrapolate(problem: ClassProblem, zero: State, one: State, two: State) -> State:
    """Return the SQUAREM point of three successive EM states (Varadhan & Roland 2008, S3, doi:10.1111/j.1467-9469.2007.00585.x).

    Shares of classes stay positive; items that would leave the range of probabilities keep the last EM step.
    """
    flat = [np.concatenate(state) for state in (zero, one, two)]
    r, v = flat[1] - flat[0], flat[2] - 2 * flat[1] + flat[0]
    alpha = -min(max(float(np.linalg.norm(r)) / max(float(np.linalg.norm(v)), 1e-300), 1.0), LONGEST)
    items, distribution = np.split(flat[0] - 2 * alpha * r + alpha**2 * v, [problem.n_item_parameters])
    for item in problem.items:
        if item.saturated:
            items[item.at] = np.clip(items[item.at], BOUND, 1 - BOUND)
            continue
        G, h = restrictions(item)
        if (G @ items[item.at] < h).any():
            items[item.at] = two.items[item.at]
    return problem.within(items, distribution, LEAST_SHARE * two.distribution)


def _without_vanishing(problem: ClassProblem, now: ClassEvaluation, kept: Bools) -> State:
    """Return the state an EM step on, exactly at its restrictions, without classes that EM is emptying but for those `kept`."""
    state = problem.m_step(now)
    if not problem.distribution.saturated:
        return state
    before = now.state.distribution[now.active] * problem.persons
    vanishing = (now.expected.nodes < VANISHING) & (now.expected.nodes < before * (1 - SHRINKING))
    share = state.distribution.copy()
    share[now.active[vanishing & ~kept[now.active]]] = 0.0
    return State(state.items, share / share.sum())


def _stepped(problem: ClassProblem, now: ClassEvaluation, at: Curved) -> tuple[ClassEvaluation | None, int]:
    """Return the evaluation after a Newton step and an EM step, None where no share of the step raises the likelihood."""
    step, share = newton_step(problem, now, at), 1.0
    for k in range(HALVINGS):
        after = problem.evaluate(moved(problem, now.state, at, step, share))
        if after.log_likelihood > now.log_likelihood:
            return problem.evaluate(problem.m_step(after)), k + 2
        share /= 2
    return None, HALVINGS


def _with_missed(problem: ClassProblem, now: ClassEvaluation) -> tuple[float, State]:
    """Return the largest relative excess of a class left out, and the state with such classes let in."""
    if not len(out := np.setdiff1d(np.arange(problem.place.shape[1]), now.active)):
        return 0.0, now.state
    p, probability = problem.probabilities(now.state), problem.class_probabilities(now.state)
    evidence: Floats = log_evidence(problem.patterns, p[problem.place[:, now.active]], probability[now.active])
    excess = class_gradient(problem.patterns, p[problem.place[:, out]], evidence, problem.executor) / problem.persons - 1
    share = now.state.distribution.copy()
    share[out[excess > MISSED]] += ADDED / problem.persons
    return max(float(excess.max()), 0.0), State(now.state.items, share / share.sum())
