"""Observed information, gradient and Newton steps at the end of a calibration: the certificate of the maximum."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from competency_dx.arrays import Bools, Floats
from competency_dx.calibration.em import Evaluation, in_order, item_gradient, penalised, tables_at
from competency_dx.calibration.problem import Problem, State
from competency_dx.kernels import dispatch
from competency_dx.kernels.louis import Depth, missing_information, split_scores
from competency_dx.kernels.marginal import Tables
from competency_dx.kernels.support import points_needed

LEAST_POINTS = 45


class Information(NamedTuple):
    """Observed information (F, F) of the free parameters with its inverse; None where it is not positive definite."""

    matrix: Floats
    covariance: Floats | None
    smallest_eigenvalue: float


def free_population(problem: Problem) -> Bools:
    """Return which of mean and variance are free (2,)."""
    return np.array([problem.free_mean, problem.free_variance])


def population_scores(state: State, theta: Floats) -> Floats:
    """Return ∂ log N(θ; m, v) / ∂ (m, v) at each point (2, Q)."""
    off, v = theta - state.mean, state.variance
    return np.stack([off / v, (off**2 / v - 1) / (2 * v)])


def gradient(problem: Problem, now: Evaluation) -> Floats:
    """Return the gradient (F,) of the objective by Fisher's identity: items row by row, then mean and variance."""
    items = item_gradient(problem, now.state.beta, now.counts, _derivatives(problem, now.state, now.tables))
    population = population_scores(now.state, now.tables.theta) @ now.expected.nodes
    return np.concatenate([items[problem.free], population[free_population(problem)]])


def observed_information(
    problem: Problem, now: Evaluation, executor: Executor | None, depth: Depth = "exact"
) -> Information:
    """Return the observed information of the objective at an evaluation (Louis 1982), prior curvature included.

    Expectations over posteriors use a grid as coarse as the narrowest of them allows, and no coarser than item curves of
    usual slopes bear (they have poles at a distance of π/a from the real line).
    """
    needed = max(LEAST_POINTS, points_needed(now.expected.narrowest / float(np.sqrt(now.state.variance))))
    coarser = needed < len(now.tables.theta)
    tables = tables_at(problem, now.state, needed) if coarser else now.tables
    scores = split_scores(
        _derivatives(problem, now.state, tables)[problem.free].transpose(1, 0, 2),
        np.nonzero(problem.free)[0],
        population_scores(now.state, tables.theta)[free_population(problem)],
        tables.theta,
    )
    covariance = missing_information(problem.answers, tables, scores, depth=depth, executor=executor)
    matrix = _complete(problem, now) - covariance
    return _inverted(0.5 * (matrix + matrix.T))


def _derivatives(problem: Problem, state: State, tables: Tables) -> Floats:
    return dispatch.derivatives(problem.groups, state.beta, tables.log_prob, tables.theta, problem.allowed)


def _complete(problem: Problem, now: Evaluation) -> Floats:
    """Return the penalised complete-data information (F, F): one block an item, one for the population."""
    tables, beta = now.tables, now.state.beta
    exact = dispatch.information(problem.groups, beta, now.counts, tables.log_prob, tables.theta, problem.allowed)
    blocks = penalised(problem, exact)
    chosen = free_population(problem)
    n_items = int(problem.free.sum())
    out = np.zeros((n_items + int(chosen.sum()),) * 2)
    place = np.cumsum(problem.free.ravel()).reshape(problem.free.shape) - 1
    for block, free, at in zip(blocks, problem.free, place, strict=True):
        out[np.ix_(at[free], at[free])] = block[np.ix_(free, free)]
    nodes, v = now.expected.nodes, now.state.variance
    off = now.tables.theta - now.state.mean
    P, first, second = nodes.sum(), float(nodes @ off), float(nodes @ off**2)
    population = np.array([[P / v, first / v**2], [first / v**2, second / v**3 - P / (2 * v**2)]])
    out[n_items:, n_items:] = population[np.ix_(chosen, chosen)]
    return out


def _inverted(matrix: Floats) -> Information:
    if not len(matrix):
        return Information(matrix, matrix, np.inf)
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    try:
        factor = cho_factor(matrix, lower=True)
    except LinAlgError:
        return Information(matrix, None, smallest)
    return Information(matrix, cho_solve(factor, np.eye(len(matrix))), smallest)


def moved(problem: Problem, state: State, step: Floats) -> State:
    """Return the state a step (F,) away; the variance is kept positive."""
    n_items = int(problem.free.sum())
    change = np.zeros_like(state.beta)
    change[problem.free] = step[:n_items]
    beta = in_order(problem, state.beta, change)
    rest = np.zeros(2)
    rest[free_population(problem)] = step[n_items:]
    return State(beta, state.mean + rest[0], max(state.variance + rest[1], 0.2 * state.variance))
