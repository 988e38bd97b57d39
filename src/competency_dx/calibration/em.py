"""One EM cycle: tables at a state, expected counts, the M-step for all items at once, SQUAREM extrapolation."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.calibration.problem import Problem, State
from competency_dx.kernels import partial_credit, support
from competency_dx.kernels.marginal import Expected, e_step

INNER_STEPS = 3
LONGEST_STEP = 1.0
LONGEST_EXTRAPOLATION = 32.0


class Tables(NamedTuple):
    """Item response tables of a state: points (Q,), log weights (Q,), log-probabilities (I, K, Q)."""

    theta: Floats
    log_weight: Floats
    log_prob: Floats


class Evaluation(NamedTuple):
    """A state with its objective (penalised log-likelihood), log-likelihood, tables and expected counts (I, K, Q)."""

    state: State
    objective: float
    log_likelihood: float
    tables: Tables
    expected: Expected
    counts: Floats


def tables_at(problem: Problem, state: State, points: int) -> Tables:
    """Return the item response tables on the support points of the state's population."""
    z, log_weight = support.standard_nodes(points)
    theta = state.mean + np.sqrt(state.variance) * z
    log_prob = partial_credit.log_probabilities(state.beta[:, 0], intercepts(state.beta), theta, problem.allowed)
    return Tables(theta, log_weight, log_prob)


def intercepts(beta: Floats) -> Floats:
    """Return category intercepts (I, K) with e_0 = 0 from parameters (a, e_1 …)."""
    e = beta.copy()
    e[:, 0] = 0.0
    return e


def evaluate(problem: Problem, state: State, points: int, executor: Executor | None) -> Evaluation:
    """Return objective and expected counts at a state: one E-step."""
    tables = tables_at(problem, state, points)
    answers = problem.answers
    base, upper = tables.log_prob[:, 0], tables.log_prob[answers.item, answers.category]
    expected = e_step(answers, base, upper, tables.theta, tables.log_weight, executor)
    counts = np.zeros_like(tables.log_prob)
    counts[answers.item, answers.category] = expected.upper
    counts[:, 0] = expected.totals - counts.sum(axis=1)
    off = state.beta - problem.centre
    penalty = 0.5 * float(np.einsum("ik,ikl,il->", off, problem.precision, off))
    return Evaluation(state, expected.log_likelihood - penalty, expected.log_likelihood, tables, expected, counts)


def item_gradient(problem: Problem, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats) -> Floats:
    """Return the penalised gradient (I, K) of the item parameters, zero where fixed."""
    out = partial_credit.gradient(counts, np.exp(log_prob), theta)
    out -= np.einsum("ikl,il->ik", problem.precision, beta - problem.centre)
    return np.where(problem.free, out, 0.0)


def item_information(problem: Problem, totals: Floats, log_prob: Floats, theta: Floats) -> Floats:
    """Return the penalised complete-data information (I, K, K), the identity for fixed parameters."""
    out = partial_credit.information(totals, np.exp(log_prob), theta) + problem.precision
    both = problem.free[:, :, None] & problem.free[:, None, :]
    out = np.where(both, out, 0.0)
    k = np.arange(out.shape[1])
    out[:, k, k] += np.where(problem.free, 1e-10, 1.0)
    return out


def m_step(problem: Problem, now: Evaluation) -> State:
    """Return the state that maximises the expected complete-data log-likelihood (a few Newton steps for all items)."""
    beta, theta = now.state.beta.copy(), now.tables.theta
    log_prob, totals = now.tables.log_prob, now.counts.sum(axis=1)
    for step in range(INNER_STEPS):
        if step:
            log_prob = partial_credit.log_probabilities(beta[:, 0], intercepts(beta), theta, problem.allowed)
        gradient = item_gradient(problem, beta, now.counts, log_prob, theta)
        information = item_information(problem, totals, log_prob, theta)
        move = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        beta += np.clip(move, -LONGEST_STEP, LONGEST_STEP)
    mean, variance = population_moments(problem, now)
    return State(beta, mean, variance)


def population_moments(problem: Problem, now: Evaluation) -> tuple[float, float]:
    """Return the population moments that maximise the expected log density, fixed ones unchanged."""
    nodes, theta = now.expected.nodes, now.tables.theta
    P = nodes.sum()
    mean = float(nodes @ theta / P) if problem.free_mean else now.state.mean
    variance = float(nodes @ (theta - mean) ** 2 / P) if problem.free_variance else now.state.variance
    return mean, variance


def difference(problem: Problem, new: State, old: State) -> Floats:
    """Return the change of the free parameters as a vector: items, then mean and log variance."""
    population = [new.mean - old.mean, np.log(new.variance / old.variance)]
    return np.concatenate([(new.beta - old.beta)[problem.free], population])


def extrapolate(problem: Problem, zero: State, one: State, two: State) -> State | None:
    """Return the SQUAREM point of three successive states, None where the step length is that of EM itself."""
    r = difference(problem, one, zero)
    v = difference(problem, two, one) - r
    curvature = float(v @ v)
    if curvature == 0:
        return None
    alpha = -min(np.sqrt(float(r @ r) / curvature), LONGEST_EXTRAPOLATION)
    if alpha >= -1:
        return None
    move = -2 * alpha * r + alpha**2 * v
    beta = zero.beta.copy()
    beta[problem.free] += move[:-2]
    return State(beta, zero.mean + move[-2], zero.variance * float(np.exp(move[-1])))
