"""One EM cycle: tables at a state, expected counts, the M-step for all items at once, SQUAREM extrapolation."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.calibration.problem import Problem, State
from competency_dx.kernels import dispatch, item_kernel, support
from competency_dx.kernels.marginal import Expected, Tables, e_step

Precision = Literal["single", "double"]

INNER_STEPS = 3
LONGEST_STEP = 1.0
LONGEST_EXTRAPOLATION = 32.0
HALVINGS = 20


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
    log_prob = dispatch.log_probabilities(problem.groups, state.beta, theta, problem.allowed)
    return Tables(theta, log_weight, log_prob)


def evaluate(
    problem: Problem, state: State, points: int, executor: Executor | None, precision: Precision = "double"
) -> Evaluation:
    """Return objective and expected counts at a state: one E-step, in single precision on the way to the maximum."""
    tables = tables_at(problem, state, points)
    answers = problem.answers
    expected = e_step(answers, tables if precision == "double" else tables.single(), executor)
    counts = np.zeros_like(tables.log_prob)
    counts[answers.item, answers.category] = expected.upper
    counts[:, 0] = expected.totals - counts.sum(axis=1)
    off = state.beta - problem.centre
    penalty = 0.5 * float(np.einsum("ik,ikl,il->", off, problem.precision, off))
    return Evaluation(state, expected.log_likelihood - penalty, expected.log_likelihood, tables, expected, counts)


def item_gradient(problem: Problem, beta: Floats, counts: Floats, derivatives: Floats) -> Floats:
    """Return the penalised gradient (I, K) of the item parameters, zero where fixed."""
    out = item_kernel.gradient(counts, derivatives)
    out -= np.einsum("ikl,il->ik", problem.precision, beta - problem.centre)
    return np.where(problem.free, out, 0.0)


def penalised(problem: Problem, information: Floats) -> Floats:
    """Return information (I, K, K) with the prior's curvature, the identity for fixed parameters."""
    both = problem.free[:, :, None] & problem.free[:, None, :]
    out = np.where(both, information + problem.precision, 0.0)
    k = np.arange(out.shape[1])
    out[:, k, k] += np.where(problem.free, 1e-10, 1.0)
    return out


def m_step(problem: Problem, now: Evaluation) -> State:
    """Return the state that maximises the expected complete-data log-likelihood (scoring steps for all items at once)."""
    beta, theta = now.state.beta, now.tables.theta
    log_prob, totals = now.tables.log_prob, now.counts.sum(axis=1)
    for step in range(INNER_STEPS):
        if step:
            log_prob = dispatch.log_probabilities(problem.groups, beta, theta, problem.allowed)
        derivatives = dispatch.derivatives(problem.groups, beta, log_prob, theta, problem.allowed)
        gradient = item_gradient(problem, beta, now.counts, derivatives)
        information = penalised(problem, item_kernel.expected_information(totals, np.exp(log_prob), derivatives))
        move = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        beta = in_order(problem, beta, np.clip(move, -LONGEST_STEP, LONGEST_STEP))
    mean, variance = population_moments(problem, now)
    return State(beta, mean, variance)


def in_order(problem: Problem, beta: Floats, move: Floats) -> Floats:
    """Return parameters after a move, halved for items whose cumulative boundaries would cross."""
    out = beta + move
    for _ in range(HALVINGS):
        crossed = _crossed(problem, out)
        if not crossed.any():
            return out
        move = np.where(crossed[:, None], move / 2, move)
        out = beta + move
    return np.where(_crossed(problem, out)[:, None], beta, out)


def _crossed(problem: Problem, beta: Floats) -> Bools:
    """Return which items with cumulative steps have boundaries that do not descend."""
    if problem.adjacent.all():
        return np.zeros(len(beta), dtype=np.bool_)
    d = np.where(problem.free, beta, np.nan)[:, 1:]
    last = np.full(len(d), np.inf)
    out = np.zeros(len(d), dtype=np.bool_)
    for column in d.T:
        out |= np.nan_to_num(column, nan=-np.inf) >= last
        last = np.where(np.isnan(column), last, column)
    return out & ~problem.adjacent


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
    if _crossed(problem, beta).any():
        return None
    return State(beta, zero.mean + move[-2], zero.variance * float(np.exp(move[-1])))
