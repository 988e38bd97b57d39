"""A two-level model of groups: θ of a person is N(μ_g, W), μ_g of a group is N(μ, B); what the answers say of θ is a normal site.

μ is free; W and B are taken from lists of candidates and integrated over, weighed by the marginal likelihood of all answers.
Small groups are drawn towards the mean of all as far as the data say that groups are alike (Raudenbush & Bryk 2002, ch. 3, 13).
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, blocks

AT_ONCE = 2_000  # persons


class _Information(NamedTuple):
    """Under one W: what the persons of each group say of its mean (G, D, D), (G, D), and the log-likelihood at a mean of 0."""

    precision: Floats
    shift: Floats
    log_likelihood: float


class Drawn(NamedTuple):
    """One draw: means of groups (G, D), W⁻¹ (D, D), and covariances of persons given the mean with their factors (P, D, D)."""

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
    overall: tuple[Floats, Floats],
    draws: tuple[int, np.random.Generator],
) -> Iterator[Drawn]:
    """Yield draws of the means of G groups from their posterior, those under one W after those under another.

    `tau`, `nu` (P, D) are precision and shift of the sites, `group` (P,) is 0 … G - 1, candidates are (D, D); under a B of zeros
    all groups have one mean. `overall` are mean and covariance of μ before the answers, `draws` their number and the generator.
    """
    D, G = tau.shape[1], int(group.max()) + 1
    known = [_information(tau, nu, group, G, covariance) for covariance in within]
    cells = list(product(range(len(within)), range(len(between))))
    before = np.asarray(np.linalg.inv(overall[1]), dtype=np.float64)
    means = [_overall(known[w], between[b], before, before @ overall[0]) for w, b in cells]
    likelihood = np.array([found[2] for found in means])
    weight = np.exp(likelihood - likelihood.max())
    last = (-1, -1)
    n, rng = draws
    for k in np.sort(rng.choice(len(cells), n, p=weight / weight.sum())).tolist():
        (w, b), (mean, covariance, _) = cells[k], means[k]
        if w != last[0]:
            persons = _given_mean(tau, within[w])
            at = (*persons, np.asarray(np.linalg.cholesky(persons[1]), dtype=np.float64))
        if (w, b) != last and between[b].any():
            inverse = np.linalg.inv(between[b])
            spread = np.linalg.inv(inverse + known[w].precision)
            factor = np.linalg.cholesky(spread)
        last = (w, b)
        mu = mean + np.linalg.cholesky(covariance) @ rng.standard_normal(D)
        of_groups = np.tile(mu, (G, 1))
        if between[b].any():
            centre = np.matmul(spread, (known[w].shift + inverse @ mu)[:, :, None])[:, :, 0]
            of_groups = centre + np.matmul(factor, rng.standard_normal((G, D, 1)))[:, :, 0]
        yield Drawn(of_groups, *at)


def _given_mean(tau: Floats, within: Floats) -> tuple[Floats, Floats]:
    """Return W⁻¹ and the covariances of persons (P, D, D) given the mean of their group."""
    inverse = np.asarray(np.linalg.inv(within))
    return inverse, np.asarray(np.linalg.inv(inverse + tau[:, :, None] * np.eye(len(within))))


def _information(tau: Floats, nu: Floats, group: Ints, G: int, within: Floats) -> _Information:
    """Return what the persons of each group say of its mean when θ is N(μ_g, W)."""
    P, D = tau.shape
    inverse, covariance = _given_mean(tau, within)
    precision, shift = np.zeros((G, D, D)), np.zeros((G, D))
    pulled = np.matmul(covariance, nu[:, :, None])[:, :, 0]
    np.add.at(precision, group, inverse - inverse @ covariance @ inverse)
    np.add.at(shift, group, pulled @ inverse)
    value = 0.5 * (np.linalg.slogdet(covariance)[1].sum() - P * np.linalg.slogdet(within)[1] + (nu * pulled).sum())
    return _Information(precision, shift, float(value))


def _overall(known: _Information, between: Floats, before: Floats, pull: Floats) -> tuple[Floats, Floats, float]:
    """Return mean and covariance of μ, of precision and shift `before` and `pull`, and the log marginal likelihood of a B."""
    held = np.linalg.inv(np.eye(known.shift.shape[1]) + np.matmul(known.precision, between))
    precision = np.matmul(held, known.precision).sum(axis=0)
    shift = np.matmul(held, known.shift[:, :, None])[:, :, 0]
    covariance = np.linalg.inv((precision + precision.T) / 2 + before)
    covariance = (covariance + covariance.T) / 2
    total = shift.sum(axis=0) + pull
    mean = covariance @ total
    value = known.log_likelihood + 0.5 * (
        np.linalg.slogdet(held)[1].sum() + (known.shift * (shift @ between)).sum() + total @ mean + np.linalg.slogdet(covariance)[1]
    )
    return mean, covariance, float(value)


def person_draws(nu: Floats, drawn: Drawn, group: Ints, rng: np.random.Generator) -> Floats:
    """Return a draw of θ of all persons (P, D), given the means of their groups."""
    out = np.empty(nu.shape)
    for rows in blocks(len(group), AT_ONCE):
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
