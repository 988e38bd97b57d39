"""EAP estimates that depend on the answers through the sum of points alone."""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.grid.e_step import Tables
from competency_dx.kernels.persons.sum_scores import sum_score_likelihood
from competency_dx.models import ItemParameters
from competency_dx.persons import Matched


def sum_score_estimates(matched: Matched, known: ItemParameters, grid: Tables) -> tuple[Floats, Floats]:
    """Return EAP and SD given the sum score (P,), one table for every set of items that was answered."""
    theta, sd = np.empty(len(matched.codes)), np.empty(len(matched.codes))
    patterns, group = np.unique(matched.observed, axis=0, return_inverse=True)
    sums = matched.codes.sum(axis=1, dtype=np.int64)
    for g, pattern in enumerate(patterns):
        mean, spread = sum_score_table(known, grid, np.flatnonzero(pattern))
        who = group.ravel() == g
        theta[who], sd[who] = mean[sums[who]], spread[sums[who]]
    return theta, sd


def sum_score_table(known: ItemParameters, grid: Tables, items: Ints) -> tuple[Floats, Floats]:
    """Return EAP and SD (S + 1,) for every sum score on the items with these positions."""
    likelihood = sum_score_likelihood(np.exp(grid.log_prob[items]), known.n_categories[items])
    weight = likelihood * np.exp(grid.log_weight)
    weight /= weight.sum(axis=1, keepdims=True)
    mean = weight @ grid.theta
    return mean, np.sqrt(np.maximum(weight @ grid.theta**2 - mean**2, 0.0))


def sum_score_variance(known: ItemParameters, grid: Tables) -> float:
    """Return E[Var(θ | sum of points on all items)]."""
    likelihood = sum_score_likelihood(np.exp(grid.log_prob), known.n_categories)
    probability = likelihood @ np.exp(grid.log_weight)
    _, sd = sum_score_table(known, grid, np.arange(len(known.items)))
    return float(probability @ sd**2 / probability.sum())
