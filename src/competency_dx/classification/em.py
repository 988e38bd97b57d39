"""EM steps and their SQUAREM extrapolation over item parameters and the distribution of profiles together."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.classification.problem import Problem, State
from competency_dx.kernels.classes import attribute_distributions, item_classes
from competency_dx.kernels.classes.item_classes import Expected, by_group

NOBODY = 1e-9  # expected persons below which a class of a saturated distribution is left out of the E-step
LONGEST = 64.0
SHRINK = 0.1


class Evaluation(NamedTuple):
    """A state with its log-likelihood and expected counts; `active` are the classes that entered it."""

    state: State
    log_likelihood: float
    expected: Expected
    active: Ints


def active_classes(problem: Problem, probability: Floats) -> Ints:
    """Return the classes (of a saturated distribution) that somebody may be in; all classes of other distributions."""
    if problem.distribution.kind != "saturated":
        return np.arange(len(probability))
    return np.flatnonzero(probability * problem.persons > NOBODY)


def evaluate(problem: Problem, state: State, executor: Executor | None) -> Evaluation:
    """Return the evaluation at a state."""
    probability = problem.class_probabilities(state)
    active = active_classes(problem, probability)
    table = problem.probabilities(state)[problem.place[:, active]]
    expected = item_classes.e_step(problem.patterns, table, probability[active], executor)
    return Evaluation(state, expected.log_likelihood, expected, active)


def m_step(problem: Problem, now: Evaluation) -> State:
    """Return the state that maximises the expected complete-data log-likelihood of an evaluation."""
    place, G = problem.place[:, now.active], problem.n_groups
    right, given = by_group(now.expected.right, place, G), by_group(now.expected.given, place, G)
    items = item_classes.m_step(problem.items, now.state.items, right, given)
    persons = np.zeros(problem.distribution.n_classes)
    persons[now.active] = now.expected.nodes
    return State(items, attribute_distributions.update(problem.distribution, now.state.distribution, persons))


def extrapolate(problem: Problem, zero: State, one: State, two: State) -> State:
    """Return the SQUAREM point of three successive EM states (Varadhan & Roland 2008, scheme S3).

    Shares of classes stay positive; items that would leave the range of probabilities keep the last EM step.
    doi:10.1111/j.1467-9469.2007.00585.x
    """
    flat = [np.concatenate(state) for state in (zero, one, two)]
    r, v = flat[1] - flat[0], flat[2] - 2 * flat[1] + flat[0]
    ratio = float(np.linalg.norm(r)) / max(float(np.linalg.norm(v)), 1e-300)
    alpha = -min(max(ratio, 1.0), LONGEST)
    far = flat[0] - 2 * alpha * r + alpha**2 * v
    F = problem.n_item_parameters
    items, distribution = far[:F], far[F:]
    for item in problem.items:
        if item.saturated:
            items[item.at] = np.clip(items[item.at], item_classes.BOUND, 1 - item_classes.BOUND)
        else:
            G, h = item_classes.restrictions(item)
            if (G @ items[item.at] < h).any():
                items[item.at] = two.items[item.at]
    if problem.distribution.kind == "saturated":
        distribution = np.maximum(distribution, SHRINK * two.distribution)
        return State(items, distribution / distribution.sum())
    limit = attribute_distributions.FARTHEST
    return State(items, np.clip(distribution, -limit, limit))


def accelerated(problem: Problem, now: Evaluation, executor: Executor | None) -> tuple[Evaluation, Evaluation, int]:
    """Return the evaluations one EM step and one guarded SQUAREM cycle on, and the E-steps that took."""
    one = evaluate(problem, m_step(problem, now), executor)
    two = m_step(problem, one)
    further = evaluate(problem, extrapolate(problem, now.state, one.state, two), executor)
    if further.log_likelihood >= one.log_likelihood:
        return one, further, 2
    return one, evaluate(problem, two, executor), 3
