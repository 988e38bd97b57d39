"""Maximum likelihood, weighted likelihood and maximum a posteriori estimates of θ for divide-by-total items.

With E_i, V_i and M_i the mean, variance and third central moment of the item score at θ,

    l'(θ) = Σ a_i (x_i - E_i)      I(θ) = Σ a_i² V_i      I'(θ) = Σ a_i³ M_i

ML solves l' = 0; WLE solves l' + I'/(2 I) = 0 (Warm 1989, doi:10.1007/BF02294627, eq. 12, with J = I' for this family);
MAP solves l' - (θ - m)/v = 0. Each is found by Newton steps kept inside a bracket that shrinks around the root.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats

Target = Literal["ML", "WLE", "MAP"]

STEPS = 60
CLOSE = 1e-10


class Moments(NamedTuple):
    """Σ over a person's answered items (P,): score residual, information and its derivative."""

    slope: Floats
    information: Floats
    skew: Floats


def item_moments(a: Floats, e: Floats, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return E, V and M (P, I) of each item's score at each person's θ (P,); intercepts `e` (I, K), -inf where absent."""
    k = np.arange(e.shape[1], dtype=float)
    logits = theta[:, None, None] * (a[:, None] * k) + e
    logits -= logits.max(axis=2, keepdims=True)
    prob = np.exp(logits)
    prob /= prob.sum(axis=2, keepdims=True)
    mean = prob @ k
    off = k - mean[:, :, None]
    variance = np.einsum("pik,pik,pik->pi", prob, off, off)
    return mean, variance, np.einsum("pik,pik,pik,pik->pi", prob, off, off, off)


def moments(a: Floats, e: Floats, codes: Codes, observed: Bools, theta: Floats) -> Moments:
    """Return the sums that the estimating equations are made of."""
    mean, variance, third = item_moments(a, e, theta)
    return Moments(
        np.where(observed, codes - mean, 0.0) @ a,
        np.where(observed, variance, 0.0) @ a**2,
        np.where(observed, third, 0.0) @ a**3,
    )


def solve(
    target: Target,
    a: Floats,
    e: Floats,
    codes: Codes,
    observed: Bools,
    prior: tuple[float, float],
    bounds: tuple[float, float],
) -> tuple[Floats, Floats]:
    """Return estimates (P,) within `bounds` and the information (P,) at them.

    `prior` is mean and variance of the normal prior of MAP. A root outside the bounds ends on the bound.
    """
    P = len(codes)
    low, high = np.full(P, bounds[0]), np.full(P, bounds[1])
    theta = np.full(P, np.clip(prior[0], *bounds))
    for _ in range(STEPS):
        value, step = _equation(target, moments(a, e, codes, observed, theta), theta, prior)
        low, high = np.where(value > 0, theta, low), np.where(value > 0, high, theta)
        newton = theta + step
        inside = (newton > low) & (newton < high)
        following = np.where(inside, newton, (low + high) / 2)
        if np.abs(following - theta).max() < CLOSE:
            return following, moments(a, e, codes, observed, following).information
        theta = following
    return theta, moments(a, e, codes, observed, theta).information


def _equation(target: Target, m: Moments, theta: Floats, prior: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the value of the estimating equation and the Newton step."""
    information = np.maximum(m.information, 1e-12)
    if target == "MAP":
        mean, variance = prior
        value = m.slope - (theta - mean) / variance
        return value, value / (information + 1 / variance)
    value = m.slope + (m.skew / (2 * information) if target == "WLE" else 0.0)
    return value, np.clip(value / information, -2.0, 2.0)
