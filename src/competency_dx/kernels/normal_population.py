"""Multivariate normal populations: gradient and complete-data information of their parameters.

Person p of group g comes from N(γᵀ w_p, Σ_g). Parameters are γ_rd, r before d, then Σ_ab of each group for a <= b row by row:
N = R D + G D (D + 1)/2 of them. What a calibration estimates are linear functions of these, given by a Jacobian. Formulas:
Magnus & Neudecker 2019, ch. 15, doi:10.1002/9781119541219.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints


class Moments(NamedTuple):
    """Of each group, with e = θ - γᵀ w: number of persons (G,), Σ w wᵀ (G, R, R), Σ w E[e]ᵀ (G, R, D), Σ E[e eᵀ] (G, D, D)."""

    persons: Floats
    gram: Floats
    cross: Floats
    scatter: Floats


def moments_of_groups(off: Floats, square: Floats, *, groups: int, group: Ints, regressors: Floats, weight: Floats | None) -> Moments:
    """Return the moments of groups from those of n persons or points: E[e] (n, D) and E[e eᵀ] (n, D, D).

    `group` and `regressors` have a row for each, or one for all; `weight` is (n,), None for 1 each.
    """
    w = np.broadcast_to(regressors, (len(off), regressors.shape[1]))
    parts = []
    for g in range(groups):
        member = (group == g) * (np.ones(len(off)) if weight is None else weight)
        scaled = w * member[:, None]
        parts.append((member.sum(), scaled.T @ w, scaled.T @ off, np.einsum("p,pab->ab", member, square)))
    return Moments(*(np.stack([np.asarray(x) for x in each]) for each in zip(*parts, strict=True)))


@lru_cache(maxsize=64)
def pairs(D: int) -> tuple[Ints, Ints]:
    """Return the indices a <= b of the elements of a covariance matrix, row by row."""
    a, b = np.triu_indices(D)
    a.flags.writeable = b.flags.writeable = False
    return a, b


def halves(D: int) -> Floats:
    """Return 1/2 for variances and 1 for covariances (T,): a covariance stands twice in its matrix."""
    a, b = pairs(D)
    return np.where(a == b, 0.5, 1.0)


def size(R: int, G: int, D: int) -> int:
    """Return the number N of population parameters."""
    return R * D + G * (D * (D + 1) // 2)


def population_gradient(moments: Moments, covariance: Floats) -> Floats:
    """Return the gradient (N,) of Σ_p E[log N(θ; γᵀ w, Σ)], by the EP identity that of log Z."""
    (a, b), half = pairs(covariance.shape[1]), halves(covariance.shape[1])
    inverse = np.linalg.inv(covariance)
    by_coefficient = (moments.cross @ inverse).sum(axis=0).ravel()
    bent = inverse @ (moments.scatter - moments.persons[:, None, None] * covariance) @ inverse
    return np.concatenate([by_coefficient, (bent[:, a, b] * half).ravel()])


def population_information(moments: Moments, covariance: Floats) -> Floats:
    """Return the complete-data information -∂² Σ_p E[log N(θ; γᵀ w, Σ)] (N, N)."""
    R, D = moments.cross.shape[1:]
    basis = _directions(D)
    T, top = len(basis), R * D
    out = np.zeros((size(R, len(covariance), D),) * 2)
    for g, A in enumerate(np.linalg.inv(covariance)):
        at = slice(top + g * T, top + (g + 1) * T)
        out[:top, :top] += np.kron(moments.gram[g], A)
        out[:top, at] = (moments.cross[g] @ (A @ basis @ A)).reshape(T, top).T
        out[at, :top] = out[:top, at].T
        bent = _traces(basis @ A, basis @ (A @ moments.scatter[g] @ A))
        out[at, at] = 0.5 * (bent + bent.T) - expected_information(moments.persons[g], A)
    return out


def expected_scores(off: Floats, spread: Floats, *, covariance: Floats, group: Ints, regressors: Floats) -> Floats:
    """Return the expected scores (n, N) of persons from the moments of e: E[e] (n, D) and Cov[e] (n, D, D).

    With y = Σ⁻¹ e they are w_r E[y_d] by γ_rd and E[y_a y_b] less Σ⁻¹_ab by Σ_ab (half of it for a = b); `group` is (n,) or (1,).
    """
    D, member = off.shape[1], np.broadcast_to(group, (len(off),))
    (a, b), linear, squares = pairs(D), np.zeros_like(off), []
    for g, A in enumerate(np.linalg.inv(covariance)):
        own, y = (member == g)[:, None], off @ A
        linear += own * y
        squares.append(own * halves(D) * (y[:, a] * y[:, b] + (A @ spread @ A)[:, a, b] - A[a, b]))
    first = (regressors[:, :, None] * linear[:, None]).reshape(len(off), regressors.shape[1] * D)
    return np.concatenate([first, *squares], axis=1)


def expected_information(persons: float, inverse: Floats) -> Floats:
    """Return the Fisher information (T, T) of a covariance matrix with this inverse (D, D)."""
    basis = _directions(len(inverse)) @ inverse
    return 0.5 * persons * _traces(basis, basis)


def _directions(D: int) -> Floats:
    """Return ∂Σ / ∂Σ_ab (T, D, D)."""
    a, b = pairs(D)
    out = np.zeros((len(a), D, D))
    t = np.arange(len(a))
    out[t, a, b] = out[t, b, a] = 1.0
    return out


def _traces(left: Floats, right: Floats) -> Floats:
    """Return tr(L_s R_t) (T, T)."""
    T = len(left)
    return np.asarray(left.reshape(T, -1) @ right.transpose(0, 2, 1).reshape(T, -1).T)
