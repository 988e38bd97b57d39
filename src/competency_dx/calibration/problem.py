"""What is estimated from what: the fixed problem of a calibration and the parameters that evolve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.calibration.priors import Priors, penalty
from competency_dx.kernels.dispatch import Groups
from competency_dx.kernels.marginal import Answers, prepare
from competency_dx.models import FAMILIES, kernel_groups

STRETCH = 1.2


class State(NamedTuple):
    """Parameters of one iteration: (a, e_1 …) of each item (I, K), mean and variance of the population."""

    beta: Floats
    mean: float
    variance: float


class Problem(NamedTuple):
    """Everything that stays fixed while parameters evolve.

    `groups` are the kernels with their items, `adjacent` (I,) says whose steps are differences of intercepts. `free` (I, K)
    marks the item parameters to estimate, in the order (a, e_1 …); `allowed` (I, K) the categories the model admits;
    `precision` (I, K, K) and `centre` (I, K) the prior; `free_mean`, `free_variance` the population.
    """

    answers: Answers
    groups: Groups
    adjacent: Bools
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
    families: Sequence[str],
    priors: Priors | None,
    counts: Ints,
    fixed: tuple[Bools, Floats] | None = None,
) -> Problem:
    """Set the problem up: free parameters, admitted categories, priors, starting values.

    A category that was never observed is not admitted under plain maximum likelihood, nor where steps are cumulative (no
    prior keeps neighbouring boundaries apart): its probability is zero and it has no parameter. The population variance is
    free where no slope is; with `fixed` items (mask, values) both moments are.
    """
    K = int(n_categories.max())
    chosen = [FAMILIES[f] for f in families]
    free_slope = np.array([f.free_slope for f in chosen])
    adjacent = np.array([f.steps == "adjacent" for f in chosen])
    exists = np.arange(K) < n_categories[:, None]
    held = adjacent if priors is not None else np.zeros_like(adjacent)
    allowed = exists & (held[:, None] | (counts > 0))
    lowest = allowed.argmax(axis=1)
    free = allowed.copy()
    free[np.arange(len(free)), lowest] = False
    free[:, 0] = free_slope
    precision, centre = np.zeros((len(free), K, K)), np.zeros((len(free), K))
    for i, m in enumerate(n_categories):
        precision[i, :m, :m], centre[i, :m] = penalty(priors, int(m), chosen[i].steps)
    precision[~free_slope, 0, 0] = 0.0
    anchored = fixed is not None and bool(fixed[0].any())
    problem = Problem(
        answers=prepare(codes, observed, n_categories),
        groups=kernel_groups(families),
        adjacent=adjacent,
        n_categories=n_categories,
        allowed=allowed,
        free=free,
        precision=precision,
        centre=centre,
        free_mean=anchored,
        free_variance=anchored or not free_slope.any(),
        start=State(_starting_values(counts, allowed, adjacent), 0.0, 1.0),
    )
    return problem if fixed is None else _with_fixed(problem, *fixed)


def _starting_values(counts: Ints, allowed: Bools, adjacent: Bools) -> Floats:
    """Return slopes of 1 and intercepts from smoothed category shares, stretched as for a unit-variance population."""
    smooth = np.where(allowed, counts + 0.5, 0.0)
    lowest = smooth[np.arange(len(smooth)), allowed.argmax(axis=1)][:, None]
    upwards = np.cumsum(smooth[:, ::-1], axis=1)[:, ::-1]
    below = np.maximum(smooth.sum(axis=1, keepdims=True) - upwards, 0.25)
    with np.errstate(divide="ignore"):
        beta = STRETCH * np.where(adjacent[:, None], np.log(smooth / lowest), np.log(upwards / below))
    beta = np.where(allowed, beta, 0.0)
    beta[:, 0] = 1.0
    return beta


def _with_fixed(problem: Problem, items: Bools, values: Floats) -> Problem:
    beta = np.where(items[:, None], values, problem.start.beta)
    precision = np.where(items[:, None, None], 0.0, problem.precision)
    return problem._replace(
        free=problem.free & ~items[:, None],
        allowed=np.where(items[:, None], np.isfinite(values), problem.allowed),
        precision=precision,
        start=problem.start._replace(beta=np.nan_to_num(beta)),
    )
