"""A two-level model of groups: θ of a person is N(μ_g, W), μ_g of a group is N(μ, B); what the answers say of θ is a normal site.

μ is free; W and B are taken from lists of candidates and integrated over, weighed by the marginal likelihood of all answers.
Small groups are drawn towards the mean of all as far as the data say that groups are alike (Raudenbush & Bryk 2002, ch. 3, 13).

With a spread of its own for every group W is s_g²Σ and log s_g is N(log s, t²) on a grid (Kasim & Raudenbush 1998): a group of few
persons has nearly the spread that is common, s, and t is 0 where spreads are alike.

Means and spreads are those of this model. Persons are drawn within them by the shape of their distribution: where the data are surer
of it than of a normal one, a mixture of two normals, found by maximum likelihood (Day 1969, doi:10.1093/biomet/56.3.463). All groups
have one shape, that of z, the sum of θ of a person less the mean of the group over its SD; what lies beside this stays normal.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, softmax

from competency_dx.arrays import Floats, Ints

Sites = tuple[Floats, Floats]  # precision and shift (P, D) of persons
Drawn = tuple[Floats, Ints]  # means (draws, G, D) of groups, and which candidate is W of each (draws, G)
SPREADS = np.array([0.4, 0.5, 0.6, 0.7, 0.77, 0.85, 0.92, 1.0, 1.08, 1.17, 1.27, 1.4, 1.55, 1.75, 2.0])
"""Spreads within groups beside that of the population."""
UNLIKE = (0.0, 0.1, 0.2, 0.35, 0.55)
"""SDs of the logarithms of the spreads of groups."""
SWEEPS = 2
NARROWEST, ROUNDS, ADDED = 0.2, 200, 3  # SD of a part of a mixture; steps of EM; numbers that two parts have beyond one
STARTS = ((0.5, 0.8, 0.8), (0.2, 1.5, 0.4), (0.8, 0.4, 1.5), (0.1, 2.5, 0.3), (0.9, 0.3, 2.5))
"""Weight of the lower part, and by how many SDs the parts lie below and above the mean, where EM begins."""
OF_PARTS = 0.6  # SD of both, there


class _Information(NamedTuple):
    """Under each W: what persons of each group say of its mean (S, G, D, D), (S, G, D); log-likelihoods at a mean of 0 (S, G)."""

    precision: Floats
    shift: Floats
    log_likelihood: Floats

    def given_overall(self, between: Floats) -> "_Information":
        """Return the same of μ, means of groups being N(μ, B)."""
        held = np.linalg.inv(np.eye(self.shift.shape[-1]) + np.matmul(self.precision, between))
        shift = np.matmul(held, self.shift[..., None])[..., 0]
        gain = np.linalg.slogdet(held)[1] + (self.shift * (shift @ between)).sum(axis=-1)
        return _Information(np.matmul(held, self.precision), shift, self.log_likelihood + 0.5 * gain)

    def of(self, chosen: Ints) -> "_Information":
        """Return that of each group under the W chosen for it (G,)."""
        return _Information(*(part[chosen, np.arange(len(chosen))] for part in self))

    def at(self, mean: Floats) -> Floats:
        """Return the log-likelihoods at a mean (D,)."""
        product = (self.precision.reshape(-1, len(mean)) @ mean).reshape(self.shift.shape)  # one product, not one for each group
        return np.asarray(self.log_likelihood + (self.shift - 0.5 * product) @ mean)


class _Cell(NamedTuple):
    """A candidate of the common W, of t and of B: log weight, log-probabilities of W before answers (S,), μ and its factor."""

    weight: float
    within: Floats
    between: int
    mean: Floats
    factor: Floats


def group_draws(
    sites: Sites,
    groups: tuple[Ints, int],
    within: Sequence[Floats],
    between: Sequence[Floats],
    overall: tuple[Floats, Floats],
    draws: tuple[int, np.random.Generator],
    *,
    spreads: Floats | None = None,
) -> Drawn:
    """Return draws of the means of G groups (draws, G, D), and which of the S candidates is W of each (draws, G).

    `sites` are precision and shift (P, D) of the persons, `groups` the group of each, 0 … G - 1, and G: a group may have nobody.
    Candidates are (D, D); under a B of zeros all groups have one mean. `overall` are mean and covariance of μ before the answers,
    `draws` their number and the generator. Groups have one W, or with the `spreads` (S,) of the candidates each its own. The weight
    of a cell is exact where t is 0; elsewhere it has the gain that spreads of their own bring at the mean of μ. Spreads given μ
    and μ given spreads are then drawn in turn, twice.
    """
    (group, G), (n, rng), S, D = groups, draws, len(within), sites[0].shape[1]
    own = _Information(*(np.stack(x) for x in zip(*(_information(*sites, group, G, W) for W in within), strict=True)))
    before = np.asarray(np.linalg.inv(overall[1]), dtype=np.float64)
    prior = before, before @ overall[0]
    cells = [cell for b, B in enumerate(between) for cell in _cells(own.given_overall(B), b, prior, spreads)]
    weight = np.array([cell.weight for cell in cells])
    weight = np.exp(weight - weight.max())
    means, places, last, every = np.empty((n, G, D)), np.empty((n, G), dtype=np.int64), -1, np.arange(G)
    for k, c in enumerate(np.sort(rng.choice(len(cells), n, p=weight / weight.sum())).tolist()):
        cell, B = cells[c], between[cells[c].between]
        if cell.between != last:
            some = own.given_overall(B)
            if B.any():
                inverse = np.linalg.inv(B)
                inside = np.linalg.inv(inverse + own.precision)
                factor = np.linalg.cholesky(inside)
            last = cell.between
        mu = cell.mean + cell.factor @ rng.standard_normal(D)
        for _ in range(SWEEPS):
            s = (some.at(mu) + cell.within[:, None] + rng.gumbel(size=(S, G))).argmax(axis=0)
            found = _overall(some.of(s), *prior)
            mu = found[0] + np.linalg.cholesky(found[1]) @ rng.standard_normal(D)
        means[k], places[k] = mu, s
        if B.any():
            centre = np.matmul(inside[s, every], (own.shift[s, every] + inverse @ mu)[:, :, None])
            means[k] = (centre + np.matmul(factor[s, every], rng.standard_normal((G, D, 1))))[:, :, 0]
    return means, places


def _cells(known: _Information, between: int, prior: tuple[Floats, Floats], spreads: Floats | None) -> Iterator[_Cell]:
    """Yield the cells of one B, given what persons say of μ under each W."""
    for w, chosen in enumerate(np.where(np.eye(len(known.shift)) > 0, 0.0, -np.inf)):
        mean, covariance, value = _overall(_Information(*(part[w] for part in known)), *prior)
        factor = np.asarray(np.linalg.cholesky(covariance))
        yield _Cell(value, chosen, between, mean, factor)
        if spreads is not None:
            of_groups, logs = known.at(mean), np.log(spreads)
            for t in UNLIKE[1:]:
                chances = np.log(np.gradient(logs)) - 0.5 * ((logs - logs[w]) / t) ** 2
                chances -= np.logaddexp.reduce(chances)
                gain = np.logaddexp.reduce(of_groups + chances[:, None], axis=0) - of_groups[w]
                yield _Cell(value + float(gain.sum()), chances, between, mean, factor)


def _given_mean(tau: Floats, within: Floats) -> tuple[Floats, Floats]:
    """Return W⁻¹ and the covariances of persons (P, D, D) given the mean of their group."""
    inverse = np.asarray(np.linalg.inv(within))
    return inverse, np.asarray(np.linalg.inv(inverse + tau[:, :, None] * np.eye(len(within))))


def _information(tau: Floats, nu: Floats, group: Ints, G: int, within: Floats) -> _Information:
    """Return what the persons of each group say of its mean when θ is N(μ_g, W)."""
    D = tau.shape[1]
    inverse, covariance = _given_mean(tau, within)
    precision, shift, value = np.zeros((G, D, D)), np.zeros((G, D)), np.zeros(G)
    pulled = np.matmul(covariance, nu[:, :, None])[:, :, 0]
    np.add.at(precision, group, inverse - inverse @ covariance @ inverse)
    np.add.at(shift, group, pulled @ inverse)
    np.add.at(value, group, 0.5 * (np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(within)[1] + (nu * pulled).sum(axis=1)))
    return _Information(precision, shift, value)


def _overall(known: _Information, before: Floats, pull: Floats) -> tuple[Floats, Floats, float]:
    """Return mean and covariance of μ, of precision and shift `before` and `pull`, and the log marginal likelihood."""
    precision = known.precision.sum(axis=0)
    covariance = np.linalg.inv((precision + precision.T) / 2 + before)
    covariance = (covariance + covariance.T) / 2
    total = known.shift.sum(axis=0) + pull
    mean = covariance @ total
    value = known.log_likelihood.sum() + 0.5 * (total @ mean + np.linalg.slogdet(covariance)[1])
    return mean, covariance, float(value)


class Shape(NamedTuple):
    """A mixture of K normals: weights, means and SDs (K,) of z."""

    weight: Floats
    mean: Floats
    sd: Floats

    def middles(self, n: int) -> Floats:
        """Return the middles of n equally likely parts."""
        z = np.linspace(-8.0, 8.0, 3201)
        return np.interp((np.arange(n) + 0.5) / n, ndtr((z[:, None] - self.mean) / self.sd) @ self.weight, z)

    def given(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log evidence, mean and variance of z in each part (P, K), by those of persons (P,) with z N(0, 1) before answers."""
        before, shift = self.sd**-2.0, (mean / variance)[:, None]
        known = np.maximum(1 / variance - 1, 1e-9)[:, None] + before
        middle = (shift + self.mean * before) / known
        return np.log(self.weight) + 0.5 * (np.log(before / known) + middle**2 * known - self.mean**2 * before), middle, 1 / known

    def redrawn(self, mean: Floats, variance: Floats, drawn: tuple[Floats, Floats]) -> Floats:
        """Return draws of z (P,) for what `given` takes, by standard normal and uniform numbers (P,)."""
        log, means, variances = self.given(mean, variance)
        part, every = (softmax(log, axis=1).cumsum(axis=1)[:, :-1] < drawn[1][:, None]).sum(axis=1), np.arange(len(log))
        return np.asarray(means[every, part] + drawn[0] * np.sqrt(variances[every, part]))

    def fitted(self, mean: Floats, variance: Floats) -> "tuple[float, Shape]":
        """Return log-likelihood and shape after EM from this one, by what `given` takes."""
        shape = self
        for _ in range(ROUNDS):
            log, means, variances = shape.given(mean, variance)
            chance = softmax(log, axis=1)
            n = chance.sum(axis=0)
            middle = (chance * means).sum(axis=0) / n
            sd = np.sqrt((chance * (variances + (means - middle) ** 2)).sum(axis=0) / n)
            shape = Shape(n / n.sum(), middle, np.maximum(sd, NARROWEST))
        return float(np.logaddexp.reduce(shape.given(mean, variance)[0], axis=1).sum()), shape


NORMAL = Shape(np.ones(1), np.zeros(1), np.ones(1))


def person_shape(sites: Sites, group: Ints, within: Sequence[Floats], drawn: Drawn) -> Shape:
    """Return the shape that persons have within their groups, which are as their draws are on the whole: means, the commonest W.

    It is a mixture of two where its log-likelihood is above that of one normal by 3/2 log P (Schwarz 1978, doi:10.1214/aos/1176344136).
    """
    (tau, nu), means = sites, drawn[0].mean(axis=0)
    common = np.array([np.bincount(places).argmax() for places in drawn[1].T])[group]
    z, variance = np.empty(len(group)), np.empty(len(group))
    for w in np.unique(common).tolist():
        of, unit = np.flatnonzero(common == w), np.sqrt(within[w].sum())
        inverse, covariance = _given_mean(tau[of], within[w])
        at = means[group[of]]
        centre = np.matmul(covariance, (nu[of] + at @ inverse)[:, :, None])[:, :, 0]
        z[of], variance[of] = (centre - at).sum(axis=1) / unit, covariance.sum(axis=(1, 2)) / unit**2
    value, (_, m, s) = NORMAL.fitted(z, variance)
    starts = (Shape(np.array([w, 1 - w]), m + s * np.array([-low, high]), np.repeat(OF_PARTS * s, 2)) for w, low, high in STARTS)
    best, shape = max((start.fitted(z, variance) for start in starts), key=lambda found: found[0])
    return shape if best - value > ADDED / 2 * np.log(len(z)) else NORMAL


def person_draws(
    sites: Sites, group: Ints, within: Sequence[Floats], drawn: Drawn, rng: np.random.Generator, *, shape: Shape = NORMAL
) -> Iterator[tuple[int, Ints, Floats]]:
    """Yield, for each draw of groups `drawn` and each W in it, the draw, the persons of such groups (N,) and their θ (N, D).

    Of another shape than the normal one a draw differs in the sum of θ, and in the rest as far as this goes with it.
    """
    (tau, nu), (means, places) = sites, drawn
    for w in np.unique(places).tolist():
        has, unit = places == w, np.sqrt(within[w].sum())
        of = np.flatnonzero(has.any(axis=0)[group])
        inverse, covariance = _given_mean(tau[of], within[w])
        factor, along = np.asarray(np.linalg.cholesky(covariance)), covariance.sum(axis=2)
        for k in np.flatnonzero(has[:, group[of]].any(axis=1)).tolist():  # not where nobody was assessed
            now = np.flatnonzero(has[k][group[of]])
            who, noise = of[now], rng.standard_normal((len(now), tau.shape[1], 1))
            mean, off = means[k, group[who]], np.matmul(factor[now], noise)[:, :, 0]
            centre = np.matmul(covariance[now], (nu[who] + mean @ inverse)[:, :, None])[:, :, 0]
            if shape is not NORMAL:
                variance, at, z = along[now].sum(axis=1), (centre - mean).sum(axis=1) / unit, off.sum(axis=1)
                new = shape.redrawn(at, variance / unit**2, (z / np.sqrt(variance), rng.random(len(now))))
                off += along[now] * ((unit * (new - at) - z) / variance)[:, None]
            yield k, who, centre + off


def newcomers(means: Floats, spread: Floats, covariance: Floats, middles: Floats, rng: np.random.Generator) -> Floats:
    """Return a draw of θ of n persons without answers, n even, of each of W groups (W, n, D), by their means and spreads (W, D).

    The sums of their θ are the `middles` (n,) of equally likely parts, not drawn; what is drawn beside stands with both signs: less
    noise. Nothing here takes eigenvectors, whose signs, and in some planes all of them, are as the rounding of a computer makes them.
    """
    n, along = len(middles), covariance.sum(axis=1)
    half = rng.standard_normal((len(means), n // 2, means.shape[1])) @ np.linalg.cholesky(covariance).T
    half -= half.sum(axis=2, keepdims=True) * along / along.sum()
    noise = np.stack([half, -half], axis=2).reshape(len(means), n, -1) + middles[:, None] * along / np.sqrt(along.sum())
    return np.asarray(means[:, None] + spread[:, None] * noise)
