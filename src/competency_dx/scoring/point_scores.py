"""Point estimates (ML, WLE, MAP) with the error of carried item parameters added by the delta method."""

from __future__ import annotations

from typing import cast

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, blocks
from competency_dx.kernels import families
from competency_dx.kernels.persons import filled_table
from competency_dx.kernels.persons import point_estimates as kernel
from competency_dx.models import ItemParameters
from competency_dx.persons import Matched

BLOCK = 64
GRID = 241
REACH = 6.0
WIDE = 12.0  # WLE is finite for every pattern: its bound is there for safety alone
LEAST_INFORMATION = 1e-3


def point_estimates(matched: Matched, known: ItemParameters, name: str, uncertain: Bools) -> tuple[Floats, Floats]:
    """Return estimates and standard errors (P,) within 6 population SD of the mean, 12 for WLE."""
    sd = float(np.sqrt(known.variance))
    reach = reach_of(name) * sd
    bounds = (known.mean - reach, known.mean + reach)
    groups, beta, allowed = known.groups, known.beta, known.allowed
    steep = None
    if uncertain.any():
        at = np.linspace(*bounds, GRID)
        log_prob = families.log_probabilities(groups, beta, at, allowed)
        steep = at, np.gradient(families.derivatives(groups, beta, log_prob, at, allowed), at, axis=3)

    def curves(at: Floats) -> tuple[Floats, Floats, Floats]:
        return families.person_curves(groups, beta, at, allowed)

    theta, variance = np.empty(len(matched.codes)), np.empty(len(matched.codes))
    for block in blocks(len(theta), BLOCK):
        n = block.stop - block.start
        codes, observed = filled_table(matched.codes[block], BLOCK), filled_table(matched.observed[block], BLOCK)
        target = cast("kernel.Target", name)
        x, information = kernel.solve(target, curves, codes, observed, (known.mean, known.variance), bounds)
        prior = 1 / known.variance if name == "MAP" else 0.0
        precision = np.maximum(information + prior, LEAST_INFORMATION)
        carried = 0.0 if steep is None else _carried(known, codes, observed & uncertain, x, steep)
        theta[block], variance[block] = x[:n], (1 / precision + carried / precision**2)[:n]
    empty = ~matched.observed.any(axis=1)
    theta[empty], variance[empty] = known.mean, known.variance
    return theta, np.sqrt(variance)


def reach_of(name: str) -> float:
    """Return how many population SD from the mean estimates of a method may lie."""
    return WIDE if name == "WLE" else REACH


def _carried(known: ItemParameters, codes: Codes, counted: Bools, theta: Floats, steep: tuple[Floats, Floats]) -> Floats:
    """Return Σ_i g_iᵀ V_i g_i (P,) with g_i = ∂ l'(θ) / ∂ beta_i: the variance that item errors add to l'.

    `steep` are points (Q,) and ∂² log P(X = k) / ∂θ ∂beta_f (I, F, K, Q) there.
    """
    (grid, tables), out = steep, np.zeros(len(theta))
    at = np.clip(np.searchsorted(grid, theta) - 1, 0, len(grid) - 2)
    share = (theta - grid[at]) / (grid[1] - grid[0])
    for i in np.flatnonzero(counted.any(axis=0)):
        x, table = codes[:, i].astype(np.int64), tables[i]
        g = (1 - share) * table[:, x, at] + share * table[:, x, at + 1]
        out += np.where(counted[:, i], np.einsum("fp,fg,gp->p", g, known.covariance[i], g), 0.0)
    return out
