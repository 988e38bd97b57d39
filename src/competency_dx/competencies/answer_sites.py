"""What the answers alone said of each leaf: the likelihood that a profile was made of, taken back from the profile.

A diagnosis propagates normal sites: the posterior of a person's leaves is N(V(Σ⁻¹μ + ν), V) with V = (Σ⁻¹ + diag τ)⁻¹, where
N(μ, Σ) is the population and (τ, ν) what the own items of each leaf say (Minka 2001; `competency_dx.persons`). A profile keeps
the means of θ, their SDs and `own_share` = τ_d V_dd, and from these the sites follow. With them a person can be put into
another population, that of the group, without being diagnosed anew.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.competencies.profile import DeficitProfiles

SUREST = 1 - 1e-6


class OwnEvidence(NamedTuple):
    """Of P persons and D leaves: sites τ and ν (P, D), the population's mean (D,) and covariance (D, D).

    `curves` (D, Q) are the percents of the leaves at the points of `grid` (Q,); `share` (C, D) is the part of the reference
    points of each unit that lies on each leaf.
    """

    tau: Floats
    nu: Floats
    mean: Floats
    covariance: Floats
    grid: Floats
    curves: Floats
    share: Floats

    def percents(self, theta: Floats) -> Floats:
        """Return the true percents of all units (…, C) of persons at θ (…, D)."""
        leaves = [np.interp(theta[..., d], self.grid, curve) for d, curve in enumerate(self.curves)]
        return np.asarray(np.stack(leaves, axis=-1) @ self.share.T)


def own_evidence(profiles: DeficitProfiles) -> OwnEvidence:
    """Return what the answers alone said of each person in the profiles."""
    codes = [c.code for c in profiles.competencies]
    leaves = [leaf for leaf in profiles.population.leaves if leaf in codes]  # a propensity to omit is none
    at, D = [codes.index(leaf) for leaf in leaves], len(leaves)
    population = profiles.population.of(tuple(leaves))
    inverse = np.linalg.inv(population.central)
    tau = np.clip(np.nan_to_num(profiles.own_share[:, at]), 0.0, SUREST) / profiles.se[:, at] ** 2
    precision = inverse + tau[:, :, None] * np.eye(D)
    nu = np.matmul(precision, profiles.theta[:, at, None])[:, :, 0] - inverse @ population.mean
    nu[tau == 0] = 0.0
    inside = [[k for k, fact in enumerate(profiles.items) if leaf in fact.competencies] for leaf in leaves]
    points = [sum(profiles.items[k].max_score for k in held) for held in inside]
    curves = np.stack([100 * profiles.curves[held].sum(axis=0) / p for held, p in zip(inside, points, strict=True)])
    above = {c.code: c.parent for c in profiles.competencies}
    weight = np.array([profiles.competencies[c].reference_points for c in at], dtype=np.float64)
    below = np.zeros((len(codes), D))
    for d, leaf in enumerate(leaves):
        code: str | None = leaf
        while code is not None:
            below[codes.index(code), d] = weight[d]
            code = above[code]
    share = below / below.sum(axis=1, keepdims=True)
    return OwnEvidence(tau, nu, population.mean, population.central, profiles.grid, curves, share)
