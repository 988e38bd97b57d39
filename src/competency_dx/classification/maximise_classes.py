"""Maximising the marginal likelihood: accelerated EM, Newton steps at the end, a certificate, several starts.

The certificate has three parts: the gain that the gradient and the observed information still promise is below the
tolerance, the information is positive definite along the free directions, and no profile left out would raise the
likelihood (the general mixture maximum likelihood theorem, Lindsay 1983, doi:10.1214/aos/1176346059).
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.classification.choices import ClassificationML
from competency_dx.classification.curvature import Curved, curved, moved, newton_step, promised_gain
from competency_dx.classification.em import Evaluation, accelerated, evaluate, m_step
from competency_dx.classification.problem import Problem, State, start
from competency_dx.kernels.classes.item_classes import class_gradient, log_evidence

HANDOVER = 1e-4  # EM hands over to Newton when a cycle gains less
NARROWEST_GATE = 1e-12
MAX_ROUNDS = 60
HALVINGS = 8
MISSED = 1e-4  # excess of the derivative by the share of a class, over the persons, from which it is missed
ADDED = 1e-2  # persons given to a class that was missed
VANISHING, SHRINKING = 3e-2, 1e-3
INDEFINITE = 1e-7  # scaled eigenvalues below minus this show that EM has not reached the hill of a maximum


class Fit(NamedTuple):
    """Where an estimation ended.

    `promised` is the gain in log-likelihood still promised by the quadratic model, `missed` the largest relative excess
    of the likelihood of a class left out, `starts` the log-likelihood reached from each starting point.
    """

    now: Evaluation
    at: Curved
    iterations: int
    promised: float
    missed: float
    starts: tuple[float, ...]
    converged: bool

    @property
    def state(self) -> State:
        """Return the state."""
        return self.now.state


def fit(problem: Problem, families: list[str], method: ClassificationML) -> Fit:
    """Return the best maximum over the starts; the first of equals wins."""
    found = [_from(problem, start(problem, families, k), method) for k in range(method.starts)]
    reached = tuple(f.now.log_likelihood for f in found)
    best = next(f for f in found if f.now.log_likelihood >= max(reached) - 1e-6)
    return best._replace(starts=reached, iterations=sum(f.iterations for f in found))


def _from(problem: Problem, state: State, method: ClassificationML) -> Fit:
    """Return the maximum reached from one starting point.

    Rounds of EM and a Newton step; where a Newton step does not help, EM goes on to a gain ten times smaller.
    """
    now, done, gate = evaluate(problem, state, method.executor), 1, HANDOVER
    kept = np.zeros(len(problem.place.T), dtype=np.bool_)
    for rounds in count(1):
        now, steps = _climbed(problem, now, gate, method, method.max_iterations - done)
        now = evaluate(problem, _without_vanishing(problem, now, kept), method.executor)
        done += steps + 1
        exhausted = done >= method.max_iterations or gate < NARROWEST_GATE or rounds >= MAX_ROUNDS
        missed, state = _with_missed(problem, now, method)
        if missed > MISSED and not exhausted:
            kept |= (state.distribution > 0) & (now.state.distribution == 0)
            now, done, gate = evaluate(problem, state, method.executor), done + 1, HANDOVER
            continue
        at = curved(problem, now, method.executor)
        promised, concave = promised_gain(at), at.smallest_eigenvalue > -INDEFINITE
        converged = promised <= method.tolerance and concave and missed <= MISSED
        if converged or exhausted:
            break
        after, steps = _stepped(problem, now, at, method)
        done += steps
        if after is None:
            gate /= 10
        else:
            now = after
    return Fit(now, at, done, promised, missed, (now.log_likelihood,), converged)


def _climbed(
    problem: Problem, now: Evaluation, gate: float, method: ClassificationML, left: int
) -> tuple[Evaluation, int]:
    """Return the evaluation where a SQUAREM cycle gains less than `gate`, and the E-steps it took."""
    done = 0
    while done < left:
        _, further, steps = accelerated(problem, now, method.executor)
        gain, now, done = further.log_likelihood - now.log_likelihood, further, done + steps
        if gain < gate:
            break
    return now, done


def _without_vanishing(problem: Problem, now: Evaluation, kept: Bools) -> State:
    """Return the state an EM step on, which puts parameters at their restrictions exactly.

    Classes of a saturated distribution that EM is emptying are left out, but for those `kept`; the certificate checks them.
    """
    state = m_step(problem, now)
    if problem.distribution.kind != "saturated":
        return state
    before = now.state.distribution[now.active] * problem.persons
    vanishing = (now.expected.nodes < VANISHING) & (now.expected.nodes < before * (1 - SHRINKING))
    share = state.distribution.copy()
    share[now.active[vanishing & ~kept[now.active]]] = 0.0
    return State(state.items, share / share.sum())


def _stepped(problem: Problem, now: Evaluation, at: Curved, method: ClassificationML) -> tuple[Evaluation | None, int]:
    """Return the evaluation after a Newton step and an EM step, None where no share of the step raises the likelihood."""
    step, share = newton_step(problem, now, at), 1.0
    for k in range(HALVINGS):
        after = evaluate(problem, moved(problem, now.state, at, step, share), method.executor)
        if after.log_likelihood > now.log_likelihood:
            return evaluate(problem, m_step(problem, after), method.executor), k + 2
        share /= 2
    return None, HALVINGS


def _with_missed(problem: Problem, now: Evaluation, method: ClassificationML) -> tuple[float, State]:
    """Return the largest relative excess of a class left out, and the state with such classes let in."""
    out = np.setdiff1d(np.arange(problem.place.shape[1]), now.active)
    if not len(out):
        return 0.0, now.state
    p, probability = problem.probabilities(now.state), problem.class_probabilities(now.state)
    evidence: Floats = log_evidence(problem.patterns, p[problem.place[:, now.active]], probability[now.active])
    slope = class_gradient(problem.patterns, p[problem.place[:, out]], evidence, method.executor)
    excess = slope / problem.persons - 1
    share = now.state.distribution.copy()
    share[out[excess > MISSED]] += ADDED / problem.persons
    return max(float(excess.max()), 0.0), State(now.state.items, share / share.sum())
