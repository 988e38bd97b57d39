"""Point estimates (ML, WLE, MAP) with the error of carried item parameters added by the delta method."""

from __future__ import annotations

from typing import cast

import numpy as np

from competency_dx.arrays import Bools, Floats, blocks
from competency_dx.kernels import point_estimates as kernel
from competency_dx.models import ItemParameters
from competency_dx.scoring.matching import Matched

BLOCK = 2048
REACH = 6.0
LEAST_INFORMATION = 1e-3


def point_estimates(matched: Matched, known: ItemParameters, name: str, uncertain: Bools) -> tuple[Floats, Floats]:
    """Return estimates and standard errors (P,) within 6 population SD of the mean."""
    sd = float(np.sqrt(known.variance))
    bounds = (known.mean - REACH * sd, known.mean + REACH * sd)
    a, e = known.slope, np.where(np.isfinite(known.intercepts), known.intercepts, -np.inf)
    theta, variance = np.empty(len(matched.codes)), np.empty(len(matched.codes))
    for block in blocks(len(theta), BLOCK):
        codes, observed = matched.codes[block], matched.observed[block]
        target = cast("kernel.Target", name)
        x, information = kernel.solve(target, a, e, codes, observed, (known.mean, known.variance), bounds)
        prior = 1 / known.variance if name == "MAP" else 0.0
        precision = np.maximum(information + prior, LEAST_INFORMATION)
        carried = _carried(known, codes, observed, x, uncertain) if uncertain.any() else 0.0
        theta[block], variance[block] = x, 1 / precision + carried / precision**2
    empty = ~matched.observed.any(axis=1)
    theta[empty], variance[empty] = known.mean, known.variance
    return theta, np.sqrt(variance)


def _carried(known: ItemParameters, codes: Floats, observed: Bools, theta: Floats, uncertain: Bools) -> Floats:
    """Return Σ_i g_iᵀ V_i g_i (P,) with g_i = ∂ l'(θ) / ∂(a_i, e_i1 …): the variance that item errors add to l'.

    For divide-by-total items ∂l'/∂a = (x - E) - a θ V and ∂l'/∂e_k = -a P_k (k - E).
    """
    chosen = np.flatnonzero(uncertain)
    a, e = known.slope[chosen], known.intercepts[chosen]
    e = np.where(np.isfinite(e), e, -np.inf)
    mean, variance, _ = kernel.item_moments(a, e, theta)
    k = np.arange(e.shape[1], dtype=float)
    logits = theta[:, None, None] * (a[:, None] * k) + e
    prob = np.exp(logits - logits.max(axis=2, keepdims=True))
    prob /= prob.sum(axis=2, keepdims=True)
    g = -a[:, None] * prob * (k - mean[:, :, None])
    g[:, :, 0] = (codes[:, chosen] - mean) - a * theta[:, None] * variance
    g *= observed[:, chosen][:, :, None]
    return np.asarray(np.einsum("pif,ifg,pig->p", g, known.covariance[chosen], g, optimize=True))
