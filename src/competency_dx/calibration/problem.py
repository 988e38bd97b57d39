"""What is estimated from what: the fixed problem of a calibration and the parameters that evolve."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.calibration.priors import Priors, penalty
from competency_dx.kernels.marginal import Answers, prepare


class State(NamedTuple):
    """Parameters of one iteration: (a, e_1 …) of each item (I, K), mean and variance of the population."""

    beta: Floats
    mean: float
    variance: float


class Problem(NamedTuple):
    """Everything that stays fixed while parameters evolve.

    `free` (I, K) marks the item parameters to estimate, in the order (a, e_1 …); `allowed` (I, K) the categories the
    model admits; `precision` (I, K, K) and `centre` (I, K) the prior; `free_mean`, `free_variance` the population.
    """

    answers: Answers
    n_categories: Ints
    allowed: Bools
    free: Bools
    precision: Floats
    centre: Floats
    free_mean: bool
    free_variance: bool
    start: State


def category_counts(codes: Codes, observed: Bools, K: int) -> Ints:
    """Return how often each category of each item was observed (I, K)."""
    return np.stack([((codes == k) & observed).sum(axis=0) for k in range(K)], axis=1)


def build(
    codes: Codes,
    observed: Bools,
    n_categories: Ints,
    *,
    free_slope: Bools,
    priors: Priors | None,
    counts: Ints,
    fixed: tuple[Bools, Floats] | None = None,
) -> Problem:
    """Set the problem up: free parameters, admitted categories, priors, starting values.

    Under plain maximum likelihood a category that was never observed is not admitted: its probability is zero and it has
    no parameter. The population variance is free where no slope is; with `fixed` items (mask, values) both moments are.
    """
    K = int(n_categories.max())
    exists = np.arange(K) < n_categories[:, None]
    allowed = exists if priors is not None else exists & (counts > 0)
    lowest = allowed.argmax(axis=1)
    free = allowed.copy()
    free[np.arange(len(free)), lowest] = False
    free[:, 0] = free_slope
    precision, centre = np.zeros((len(free), K, K)), np.zeros((len(free), K))
    for i, m in enumerate(n_categories):
        precision[i, :m, :m], centre[i, :m] = penalty(priors, int(m))
    precision[~free_slope, 0, 0] = 0.0
    anchored = fixed is not None and bool(fixed[0].any())
    problem = Problem(
        answers=prepare(codes, observed, n_categories),
        n_categories=n_categories,
        allowed=allowed,
        free=free,
        precision=precision,
        centre=centre,
        free_mean=anchored,
        free_variance=anchored or not free_slope.any(),
        start=State(_starting_values(counts, allowed), 0.0, 1.0),
    )
    return problem if fixed is None else _with_fixed(problem, *fixed)


def _starting_values(counts: Ints, allowed: Bools) -> Floats:
    """Return slopes of 1 and intercepts from smoothed category shares, stretched as for a unit-variance population."""
    smooth = np.log(counts + 0.5)
    lowest = allowed.argmax(axis=1)
    beta = 1.2 * (smooth - smooth[np.arange(len(smooth)), lowest][:, None])
    beta = np.where(allowed, beta, 0.0)
    beta[:, 0] = 1.0
    return beta


def _with_fixed(problem: Problem, items: Bools, values: Floats) -> Problem:
    beta = np.where(items[:, None], values, problem.start.beta)
    precision = np.where(items[:, None, None], 0.0, problem.precision)
    return problem._replace(
        free=problem.free & ~items[:, None],
        allowed=np.where(items[:, None], np.isfinite(values) & (problem.allowed | True), problem.allowed),
        precision=precision,
        start=problem.start._replace(beta=np.nan_to_num(beta)),
    )
