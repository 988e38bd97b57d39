"""The E-step of correlated competencies, each item measuring one: counts under tilted marginals, block by block of persons.

The error of the approximation is estimated by its leading correction. With q = N(m, V) the EP posterior and w_k = 1 + ε_k the
ratio of tilted to EP marginal of θ_k, the exact evidence is Z / Z_EP = E_q[Π_k (1 + ε_k)]. Moments are matched, so ε_k has
Hermite coefficients e_3, e_4 … only, and by Mehler's formula

log Z - log Z_EP ≈ Σ_{k<l} Σ_{r>=3} e_r^k e_r^l ρ_kl^r                 (Opper, Paquet & Winther 2013, JMLR 14, sec. 3)

with ρ_kl the posterior correlation. The posterior mean moves, in posterior SD and by Stein's lemma, by
Σ_j ρ_kj Σ_{l≠j} Σ_{r>=3} √(r + 1) e_{r+1}^j e_r^l ρ_jl^r. Both vanish for one dimension, where EP is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_pieces, summed, taken
from competency_dx.kernels.grid import Design, JointTerms, bare_terms, indicators, joined
from competency_dx.kernels.normal_population import Moments
from competency_dx.kernels.propagation import Block, Settled, Sites, SweepControl, hermite_coefficients, lowest_precision, settle

BLOCK = 1024
LEAST_BLOCK = 128
COVARIANCES = 2**16  # elements of covariance matrices in a block, so that they stay in the cache
LOWEST, HIGHEST = 3, 7  # orders of the correction
DEFAULT = SweepControl()


def pieces(design: Design, sites: Sites) -> Iterator[tuple[Design, Sites]]:
    """Yield blocks of persons with their sites, views of the whole; their size depends on D alone."""
    return taken(design.persons, int(np.clip(COVARIANCES // len(design.answers) ** 2, LEAST_BLOCK, BLOCK)), design, sites)


class Model(NamedTuple):
    """Item curves and populations: log P (I, K, Q) on a uniform grid θ (Q,), coefficients γ (R, D), covariances (G, D, D)."""

    theta: Floats
    log_prob: Floats
    coefficients: Floats
    covariance: Floats

    def single(self) -> Model:
        """Return the model with curves in single precision."""
        return self._replace(log_prob=self.log_prob.astype(np.float32))


class PropagatedExpected(NamedTuple):
    """What an E-step leaves: log Z, counts (C, Q) above base, totals (I, Q), moments, narrowest SD, sites, how many did not settle."""

    log_likelihood: float
    upper: Floats
    totals: Floats
    moments: Moments
    narrowest: float
    sites: Sites
    unsettled: int


def no_sites(design: Design) -> Sites:
    """Return sites that say nothing: a start from the population."""
    return Sites(np.zeros(design.answered.shape), np.zeros(design.answered.shape))


def likelihood_terms(design: Design, model: Model) -> tuple[JointTerms, ...]:
    """Return what log-likelihoods of each dimension are made of."""
    return tuple(bare_terms(part, model.log_prob[items]) for part, items in zip(design.answers, design.items, strict=True))


def block_of(design: Design, model: Model, terms: tuple[JointTerms, ...]) -> Block:
    """Return log-likelihoods and priors of all persons of a (piece of a) design."""
    kind = model.log_prob.dtype
    out = np.empty((len(terms), len(model.theta), design.persons), dtype=kind)
    for k, (part, term) in enumerate(zip(design.answers, terms, strict=True)):
        out[k] = joined(*indicators(part, slice(None), kind), term).T
    mean = np.ascontiguousarray((design.regressors @ model.coefficients).T)
    covariance = np.ascontiguousarray(model.covariance[design.group].transpose(1, 2, 0))
    return Block(model.theta, out, mean, covariance, lowest_precision(model.covariance)[design.group], design.answered)


def ep_e_step(
    design: Design, model: Model, sites: Sites, *, control: SweepControl = DEFAULT, executor: Executor | None = None
) -> PropagatedExpected:
    """Return log Z, counts and moments from given sites; likelihoods have the precision of the curves, moments are in double."""
    one = partial(_block_statistics, model, likelihood_terms(design, model), control)
    rest = []

    def additive() -> Iterator[tuple[Any, ...]]:
        for part in map_pieces(one, pieces(design, sites), executor=executor):
            rest.append((part.narrowest, *part.sites))
            yield part.unsettled, part.log_likelihood, part.upper, part.totals, *part.moments

    unsettled, ll, upper, totals, *moments = summed(additive())
    narrowest, tau, nu = zip(*rest, strict=True)
    new, sd = Sites(np.concatenate(tau, axis=1), np.concatenate(nu, axis=1)), float(np.sqrt(max(min(narrowest), 0.0)))
    return PropagatedExpected(float(ll), upper, totals, Moments(*moments), sd, new, int(unsettled))


def _block_statistics(
    model: Model, terms: tuple[JointTerms, ...], control: SweepControl, piece: tuple[Design, Sites]
) -> PropagatedExpected:
    """Return the statistics of a block; its `narrowest` is a variance."""
    design, sites = piece
    found = settle(block_of(design, model, terms), sites, control)
    evidence, tilted = found.evidence, found.tilted
    if design.weight is not None:
        evidence = evidence * design.weight
        tilted *= design.weight.astype(tilted.dtype)
    upper, totals = _counts(design, tilted)
    ll, least, unsettled = float(evidence.sum()), float(found.variance.min()), int((~found.settled).sum())
    return PropagatedExpected(ll, upper, totals, _moments(design, model, found), least, found.sites, unsettled)


def _counts(design: Design, tilted: Floats) -> tuple[Floats, Floats]:
    """Return expected counts above the lowest category (C, Q) and totals (I, Q) for tilted marginals (D, Q, p)."""
    Q = tilted.shape[1]
    upper = np.empty((sum(map(len, design.columns)), Q))
    totals = np.empty((sum(map(len, design.items)), Q))
    for k, part in enumerate(design.answers):
        Z, absent = indicators(part, slice(None), tilted.dtype)
        upper[design.columns[k]] = (tilted[k] @ Z).T
        nodes = tilted[k].sum(axis=1)
        totals[design.items[k]] = nodes if absent is None else nodes - (tilted[k] @ absent).T
    return upper, totals


def _moments(design: Design, model: Model, found: Settled) -> Moments:
    """Return the moments of each group, weighted."""
    member = (design.group[:, None] == np.arange(len(model.covariance))).astype(np.float64)
    if design.weight is not None:
        member *= design.weight[:, None]
    D, p = found.mean.shape
    w, off = design.regressors, found.mean - (design.regressors @ model.coefficients).T
    spread = (found.covariance.reshape(D * D, p) @ member).T.reshape(-1, D, D)
    own = (((w.T * column) @ w, (w.T * column) @ off.T, (off * column) @ off.T) for column in member.T)
    gram, cross, between = (np.stack(x) for x in zip(*own, strict=True))
    return Moments(member.sum(axis=0), gram, cross, spread + between)


class EPError(NamedTuple):
    """Estimated error of EP: log Z - log Z_EP (P,) and exact less EP posterior means (P, D)."""

    log_likelihood: Floats
    mean: Floats

    @property
    def rms_mean(self) -> float:
        """Return the root mean square error of the posterior means."""
        return float(np.sqrt(np.mean(self.mean**2))) if self.mean.size else 0.0


def ep_error(design: Design, model: Model, sites: Sites, *, executor: Executor | None = None) -> EPError:
    """Return the estimated error of EP for every person, at the given sites or those they settle at."""
    one = partial(_correction, model, likelihood_terms(design, model))
    return EPError(*map(np.concatenate, zip(*map_pieces(one, pieces(design, sites), executor=executor), strict=True)))


def _correction(model: Model, terms: tuple[JointTerms, ...], piece: tuple[Design, Sites]) -> EPError:
    """Return the leading correction for a block of persons."""
    found = settle(block_of(piece[0], model, terms), piece[1], DEFAULT)
    k, sd, correlation = np.arange(len(found.mean)), found.deviations, found.correlations
    correlation[k, k] = 0.0
    e = hermite_coefficients(found, model.theta, HIGHEST)
    power = correlation**LOWEST
    evidence, slope = np.zeros(sd.shape[1]), np.zeros(sd.shape)
    for r in range(LOWEST, HIGHEST + 1):
        heard = np.einsum("jlp,lp->jp", power, e[r])
        evidence += 0.5 * (e[r] * heard).sum(axis=0)
        if r < HIGHEST:
            slope += np.sqrt(r + 1) * e[r + 1] * heard
        power *= correlation
    correlation[k, k] = 1.0
    return EPError(evidence, (sd * np.einsum("kjp,jp->kp", correlation, slope)).T)
