"""A two-level model of groups: θ of a person is N(μ_g, W), μ_g of a group is N(μ, B); what the answers say of θ is a normal site.

μ is free; W and B are taken from lists of candidates and integrated over, weighed by the marginal likelihood of all answers.
Small groups are drawn towards the mean of all as far as the data say that groups are alike (Raudenbush & Bryk 2002, ch. 3, 13).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints

AT_ONCE = 2_000  # persons


class _Information(NamedTuple):
    """Under one W: covariance of a person given μ_g, its factor (P, D, D), precision, what groups tell."""

    covariance: Floats
    factor: Floats
    inverse: Floats
    precision: Floats
    shift: Floats
    log_likelihood: float


class Drawn(NamedTuple):
    """One draw: places of W and B among the candidates, means of groups (G, D), W⁻¹, covariances of persons and factors."""

    within: int
    between: int
    means: Floats
    inverse: Floats
    covariance: Floats
    factor: Floats


def group_draws(
    tau: Floats,
    nu: Floats,
    group: Ints,
    within: Sequence[Floats],
    between: Sequence[Floats],
    draws: int,
    rng: np.random.Generator,
) -> Iterator[Drawn]:
    """Yield draws of the means of G groups from their posterior.

    `tau`, `nu` (P, D) are precision and shift of the sites, `group` (P,) is 0 … G - 1, candidates are (D, D); under a B of zeros
    all groups have one mean.
    """
    D, G = tau.shape[1], int(group.max()) + 1
    known = [_information(tau, nu, group, G, covariance) for covariance in within]
    cells = list(product(range(len(within)), range(len(between))))
    overall = [_overall(known[w], between[b]) for w, b in cells]
    likelihood = np.array([found[2] for found in overall])
    weight = np.exp(likelihood - likelihood.max())

    @cache
    def given(k: int) -> tuple[Floats, Floats, Floats]:
        """Return the precision between groups and, of the means of groups, covariance and factor under a cell of the grid."""
        w, b = cells[k]
        inverse = np.asarray(np.linalg.inv(between[b]), dtype=np.float64)
        spread = np.asarray(np.linalg.inv(inverse + known[w].precision), dtype=np.float64)
        return inverse, spread, np.asarray(np.linalg.cholesky(spread), dtype=np.float64)

    for k in rng.choice(len(cells), draws, p=weight / weight.sum()).tolist():
        (w, b), (mean, covariance, _) = cells[k], overall[k]
        mu = mean + np.linalg.cholesky(covariance) @ rng.standard_normal(D)
        means = np.tile(mu, (G, 1))
        if between[b].any():
            inverse, spread, factor = given(k)
            centre = np.matmul(spread, (known[w].shift + inverse @ mu)[:, :, None])[:, :, 0]
            means = centre + np.matmul(factor, rng.standard_normal((G, D, 1)))[:, :, 0]
        yield Drawn(w, b, means, known[w].inverse, known[w].covariance, known[w].factor)


def _information(tau: Floats, nu: Floats, group: Ints, G: int, within: Floats) -> _Information:
    """Return what the persons of each group say of its mean when θ is N(μ_g, W)."""
    P, D = tau.shape
    inverse = np.linalg.inv(within)
    covariance = np.linalg.inv(inverse + tau[:, :, None] * np.eye(D))
    precision, shift = np.zeros((G, D, D)), np.zeros((G, D))
    pulled = np.matmul(covariance, nu[:, :, None])[:, :, 0]
    np.add.at(precision, group, inverse - inverse @ covariance @ inverse)
    np.add.at(shift, group, pulled @ inverse)
    value = 0.5 * (np.linalg.slogdet(covariance)[1].sum() - P * np.linalg.slogdet(within)[1] + (nu * pulled).sum())
    factor = np.linalg.cholesky(covariance)
    return _Information(np.asarray(covariance), factor, np.asarray(inverse), precision, shift, float(value))


def _overall(known: _Information, between: Floats) -> tuple[Floats, Floats, float]:
    """Return mean and covariance of μ, flat before, and the log marginal likelihood of a covariance between groups."""
    held = np.linalg.inv(np.eye(known.shift.shape[1]) + np.matmul(known.precision, between))
    precision = np.matmul(held, known.precision).sum(axis=0)
    shift = np.matmul(held, known.shift[:, :, None])[:, :, 0]
    explained = (known.shift * (shift @ between)).sum()
    covariance = np.linalg.inv(precision)
    covariance = (covariance + covariance.T) / 2
    total = shift.sum(axis=0)
    mean = covariance @ total
    value = known.log_likelihood + 0.5 * (
        np.linalg.slogdet(held)[1].sum() + explained + total @ mean + np.linalg.slogdet(covariance)[1]
    )
    return mean, covariance, float(value)


def person_draws(nu: Floats, drawn: Drawn, group: Ints, rng: np.random.Generator) -> Floats:
    """Return a draw of θ of all persons (P, D), given the means of their groups."""
    out = np.empty(nu.shape)
    for start in range(0, len(group), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        covariance = drawn.covariance[rows]
        centre = np.matmul(covariance, (nu[rows] + drawn.means[group[rows]] @ drawn.inverse)[:, :, None])
        noise = rng.standard_normal((len(covariance), covariance.shape[1], 1))
        out[rows] = (centre + np.matmul(drawn.factor[rows], noise))[:, :, 0]
    return out


def newcomers(drawn: Drawn, n: int, wanted: Bools, rng: np.random.Generator) -> Floats:
    """Return a draw of θ of `n` persons without answers, of each of W groups that are wanted (W, n, D)."""
    G, D = drawn.means.shape
    noise = rng.standard_normal((G, n, D))[wanted]
    return np.asarray(drawn.means[wanted, None] + noise @ np.linalg.cholesky(np.linalg.inv(drawn.inverse)).T)
