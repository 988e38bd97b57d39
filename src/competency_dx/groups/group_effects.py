"""A two-level model of groups: θ of a person is N(μ_g, s²Σ), μ_g of a group is N(μ, b²(ρ 11ᵀ + (1 - ρ) I)).

Σ is the pattern of the bank's population; μ is free for every leaf; the scale s within groups, the SD b between them and the
part ρ of it that all leaves share are integrated over a grid, weighed by the marginal likelihood of all answers. Small groups
are drawn towards the mean of all as far as the data say that groups are alike (Raudenbush & Bryk 2002, ch. 3 and 13).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.groups.own_evidence import OwnEvidence

WITHIN = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35)
BETWEEN = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1)
SHARED = (0.5, 0.8, 0.95)
AT_ONCE = 2_000  # persons


class _Information(NamedTuple):
    """Under one scale within groups: covariance of a person given μ_g, its factor (P, D, D), precision, what groups tell."""

    covariance: Floats
    factor: Floats
    inverse: Floats
    precision: Floats
    shift: Floats
    log_likelihood: float


class Drawn(NamedTuple):
    """One draw: means of the groups (G, D), precision within groups (D, D), covariances of persons and factors (P, D, D)."""

    means: Floats
    inverse: Floats
    covariance: Floats
    factor: Floats


def group_draws(evidence: OwnEvidence, group: Ints, draws: int, rng: np.random.Generator) -> Iterator[Drawn]:
    """Yield draws of the means of G groups from their posterior; `group` (P,) is 0 … G - 1."""
    D, G = len(evidence.mean), int(group.max()) + 1
    known = {s: _information(evidence, group, G, s) for s in WITHIN}
    cells = [(s, b, r) for s, b, r in product(WITHIN, BETWEEN, SHARED) if b > 0 or r == SHARED[0]]
    patterns = {(b, r): b * b * (r * np.ones((D, D)) + (1 - r) * np.eye(D)) for _, b, r in cells}
    overall = [_overall(known[s], patterns[b, r]) for s, b, r in cells]
    likelihood = np.array([found[2] for found in overall])
    weight = np.exp(likelihood - likelihood.max())

    @cache
    def given(k: int) -> tuple[Floats, Floats, Floats]:
        """Return the precision between groups and, of the means of groups, covariance and factor under a cell of the grid."""
        s, b, r = cells[k]
        inverse = np.asarray(np.linalg.inv(patterns[b, r]), dtype=np.float64)
        spread = np.asarray(np.linalg.inv(inverse + known[s].precision), dtype=np.float64)
        return inverse, spread, np.asarray(np.linalg.cholesky(spread), dtype=np.float64)

    for k in rng.choice(len(cells), draws, p=weight / weight.sum()).tolist():
        (s, b, _), (mean, covariance, _) = cells[k], overall[k]
        mu = mean + np.linalg.cholesky(covariance) @ rng.standard_normal(D)
        means = np.tile(mu, (G, 1))
        if b > 0:
            inverse, spread, factor = given(k)
            centre = np.matmul(spread, (known[s].shift + inverse @ mu)[:, :, None])[:, :, 0]
            means = centre + np.matmul(factor, rng.standard_normal((G, D, 1)))[:, :, 0]
        yield Drawn(means, known[s].inverse, known[s].covariance, known[s].factor)


def _information(evidence: OwnEvidence, group: Ints, G: int, scale: float) -> _Information:
    """Return what the persons of each group say of its mean when θ is N(μ_g, scale² Σ)."""
    D, P = len(evidence.mean), len(evidence.tau)
    within = scale**2 * evidence.covariance
    inverse = np.linalg.inv(within)
    covariance = np.linalg.inv(inverse + evidence.tau[:, :, None] * np.eye(D))
    precision, shift = np.zeros((G, D, D)), np.zeros((G, D))
    pulled = np.matmul(covariance, evidence.nu[:, :, None])[:, :, 0]
    np.add.at(precision, group, inverse - inverse @ covariance @ inverse)
    np.add.at(shift, group, pulled @ inverse)
    value = 0.5 * (np.linalg.slogdet(covariance)[1].sum() - P * np.linalg.slogdet(within)[1] + (evidence.nu * pulled).sum())
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


def percents(evidence: OwnEvidence, drawn: Drawn, group: Ints, rng: np.random.Generator) -> Floats:
    """Return a draw of the true percents of all persons in all units (P, C), given the means of their groups."""
    out = np.empty((len(group), len(evidence.share)))
    for start in range(0, len(group), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        covariance = drawn.covariance[rows]
        centre = np.matmul(covariance, (evidence.nu[rows] + drawn.means[group[rows]] @ drawn.inverse)[:, :, None])
        noise = rng.standard_normal((len(covariance), covariance.shape[1], 1))
        theta = (centre + np.matmul(drawn.factor[rows], noise))[:, :, 0]
        out[rows] = _percent(evidence, theta)
    return out


def newcomers(evidence: OwnEvidence, drawn: Drawn, n: int, wanted: Bools, rng: np.random.Generator) -> Floats:
    """Return a draw of the true percents of `n` persons who were not assessed, of each of W groups that are wanted (W, n, C)."""
    G, D = drawn.means.shape
    noise = rng.standard_normal((G, n, D))[wanted]
    theta = drawn.means[wanted, None] + noise @ np.linalg.cholesky(np.linalg.inv(drawn.inverse)).T
    return _percent(evidence, theta.reshape(-1, D)).reshape(-1, n, len(evidence.share))


def _percent(evidence: OwnEvidence, theta: Floats) -> Floats:
    leaves = [np.interp(theta[:, d], evidence.grid, curve) for d, curve in enumerate(evidence.curves)]
    return np.stack(leaves, axis=1) @ evidence.share.T
