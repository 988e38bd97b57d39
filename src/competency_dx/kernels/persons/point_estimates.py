"""Maximum likelihood, weighted likelihood and maximum a posteriori estimates of θ, for any family.

With P, P', P'' the category probabilities of an item and their derivatives by θ,

    l'(θ) = Σ P'_x / P_x        I(θ) = Σ Σ_k P'_k² / P_k        J(θ) = Σ Σ_k P'_k P''_k / P_k

ML solves l' = 0; WLE solves l' + J / (2 I) = 0 (Warm 1989, doi:10.1007/BF02294627, eq. 12); MAP solves
l' - (θ - m) / v = 0. Each is found by scoring steps kept inside a bracket that shrinks around the root.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats

Target = Literal["ML", "WLE", "MAP"]
Curves = Callable[[Floats], tuple[Floats, Floats, Floats]]

STEPS = 80
CLOSE = 1e-10
LONGEST = 2.0


class ScoreSums(NamedTuple):
    """Sums over a person's answered items (P,): l', expected information I, J, and observed information -l''."""

    slope: Floats
    information: Floats
    bias: Floats
    observed: Floats


def moments(curves: Curves, codes: Codes, observed: Bools, theta: Floats) -> ScoreSums:
    """Return the sums that the estimating equations are made of, at one θ (P,) per person."""
    prob, first, second = curves(theta)
    ratio = first / np.maximum(prob, np.finfo(float).tiny)
    chosen = codes.astype(np.int64)[:, :, None]
    own = np.take_along_axis(ratio, chosen, axis=2)[:, :, 0]
    bend = np.take_along_axis(second / np.maximum(prob, np.finfo(float).tiny), chosen, axis=2)[:, :, 0]
    information, bias = np.einsum("pik,pik->pi", ratio, first), np.einsum("pik,pik->pi", ratio, second)
    return ScoreSums(*(np.where(observed, x, 0.0).sum(axis=1) for x in (own, information, bias, own**2 - bend)))


def solve(
    target: Target, curves: Curves, codes: Codes, observed: Bools, prior: tuple[float, float], bounds: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return estimates (P,) within `bounds` and the information (P,) at them: observed, for WLE expected.

    `prior` is mean and variance of the normal prior of MAP. A root outside the bounds ends on the bound.
    Each person stops at a convergence of its own, so an estimate does not depend on who else is in the table.
    """
    P = len(codes)
    low, high = np.full(P, bounds[0]), np.full(P, bounds[1])
    theta, done = np.full(P, np.clip(prior[0], *bounds)), np.zeros(P, dtype=np.bool_)
    for _ in range(STEPS):
        value, step = _equation(target, moments(curves, codes, observed, theta), theta, prior)
        low, high = np.where(value > 0, theta, low), np.where(value > 0, high, theta)
        newton = theta + step
        inside = (newton > low) & (newton < high)
        following = np.where(inside, newton, (low + high) / 2)
        close = np.abs(following - theta) < CLOSE
        theta, done = np.where(done, theta, following), done | close
        if done.all():
            break
    at = moments(curves, codes, observed, theta)
    return theta, at.information if target == "WLE" else at.observed


def _equation(target: Target, m: ScoreSums, theta: Floats, prior: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the value of the estimating equation and the scoring step."""
    information = np.maximum(m.information, 1e-12)
    if target == "MAP":
        mean, variance = prior
        value = m.slope - (theta - mean) / variance
        return value, value / (information + 1 / variance)
    value = m.slope + (m.bias / (2 * information) if target == "WLE" else 0.0)
    return value, np.clip(value / information, -LONGEST, LONGEST)
