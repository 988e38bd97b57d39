"""Expectation propagation for persons whose likelihood is a product of functions of one competency each.

The posterior of a person is N(θ; μ, Σ) Π_k L_k(θ_k) with every L_k known on one grid. Each L_k is replaced by a Gaussian
site exp(ν_k θ_k - τ_k θ_k²/2); the site is right when the posterior and the tilted distribution (posterior without the
site, times L_k) share mean and variance of θ_k (Minka 2001, arXiv:1301.2294; Rasmussen & Williams 2006, sec. 3.6,
doi:10.7551/mitpress/3206.001.0001).

Sites are visited one after another. A change enters mean and covariance at once as a rank-one update, so that a sweep
costs as much as one inversion and two or three sweeps settle a warm start. The evidence is

log Z = log ∫ prior Π_k site_k + Σ_k [log ∫ cavity_k L_k - log ∫ cavity_k site_k]        (R & W eq. 3.65)

and is stationary in the sites: its gradient is that of the complete-data log-likelihood under the tilted marginals.
Arrays run over persons last, so that every operation is one over contiguous persons.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.grid import NOTHING

LEAST_STEP = 0.125
NEGATIVE = 0.5  # negative precision of a site, in units of the smallest eigenvalue of Σ⁻¹: cavities stay proper
LEAST_SD = 0.1  # of a tilted marginal, in spacings of the grid: fewer points tell nothing, and there is dividing by it
LOG_2PI = float(np.log(2 * np.pi))


class Sites(NamedTuple):
    """Gaussian sites: precision τ and precision times mean ν, both (D, P)."""

    tau: Floats
    nu: Floats

    def take(self, persons: Ints | slice) -> Sites:
        """Return the sites of some of the persons."""
        return Sites(self.tau[:, persons], self.nu[:, persons])


class SweepControl(NamedTuple):
    """When sites have settled: a sweep moves no mean by more than `tolerance` posterior SD, no variance by that share.

    With `even`, persons have the same digits in any company: nothing is a product of matrices over persons, and the tilted
    marginals are those at the settled sites, whatever sweeps others needed.
    """

    tolerance: float = 1e-9
    sweeps: int = 60
    even: bool = False


class Block(NamedTuple):
    """Some persons: log L (D, Q, p) on a uniform grid (Q,), prior mean (D, p), covariance (D, D, p), sites' `floor` (p,).

    `answered` (D, p) says where L_k is not constant; elsewhere the site is zero.
    """

    theta: Floats
    log_likelihood: Floats
    mean: Floats
    covariance: Floats
    floor: Floats
    answered: Bools

    @property
    def shape(self) -> tuple[int, int]:
        """Return numbers of dimensions and persons."""
        D, p = self.answered.shape
        return D, p


class Settled(NamedTuple):
    """Persons after their sweeps.

    Tilted marginals (D, Q, p) summing to one, posterior mean (D, p) and covariance (D, D, p), sites, log Z (p,), tilted
    variances (D, p) and who settled (p,).
    """

    tilted: Floats
    mean: Floats
    covariance: Floats
    sites: Sites
    evidence: Floats
    variance: Floats
    settled: Bools

    def take(self, persons: slice) -> Settled:
        """Return some of the persons."""
        return Settled(
            self.tilted[..., persons],
            self.mean[:, persons],
            self.covariance[..., persons],
            self.sites.take(persons),
            self.evidence[persons],
            self.variance[:, persons],
            self.settled[persons],
        )

    @property
    def deviations(self) -> Floats:
        """Return posterior standard deviations (D, p)."""
        k = np.arange(len(self.mean))
        return np.asarray(np.sqrt(self.covariance[k, k]))

    @property
    def correlations(self) -> Floats:
        """Return posterior correlations (D, D, p)."""
        sd = self.deviations
        return np.asarray(self.covariance / (sd[:, None] * sd))


class _Work(NamedTuple):
    """What sweeps write in place: tilted weights (D, Q, p), their log total, posterior, sites and tilted moments (D, p)."""

    tilted: Floats
    log_total: Floats
    mean: Floats
    covariance: Floats
    sites: Sites
    variance: Floats


def lowest_precision(covariance: Floats) -> Floats:
    """Return the least precision of a site (G,) that keeps every cavity proper under covariances (G, D, D)."""
    return np.asarray(-NEGATIVE / np.linalg.eigvalsh(covariance)[:, -1])


def settle(block: Block, sites: Sites, control: SweepControl) -> Settled:
    """Sweep until the sites of every person stop moving; a person whose changes grow goes on by half steps."""
    D, p = block.shape
    work = _started(block, sites)
    powers = None if control.even else _powers(block.theta, block.log_likelihood.dtype)
    step, before = np.ones(p), np.full(p, np.inf)
    for _ in range(control.sweeps):
        change = np.zeros(p)
        for k in range(D):
            np.maximum(change, _visit(block, work, k, powers, step), out=change)
        step = np.where(change > before, np.maximum(step / 2, LEAST_STEP), step) * (change > control.tolerance)
        before = change
        if not step.any():
            break
    if control.even:
        for k in range(D):
            tau, v = work.sites.tau[k], work.covariance[k, k]
            _tilt(block, work, k, powers, np.stack([work.mean[k] / v - work.sites.nu[k], 1 / v - tau]))
    return _finished(block, work, step == 0)


def _powers(theta: Floats, kind: DTypeLike) -> tuple[Floats, Floats]:
    """Return (θ, -θ²/2) as columns (Q, 2) and (1, θ, θ²) as rows (3, Q)."""
    columns, rows = np.stack([theta, -0.5 * theta**2], axis=1), np.stack([np.ones_like(theta), theta, theta**2])
    return columns.astype(kind), rows.astype(kind)


def _started(block: Block, sites: Sites) -> _Work:
    """Return posterior moments under the given sites and room for the rest."""
    tau, nu = np.where(block.answered, sites.tau, 0.0), np.where(block.answered, sites.nu, 0.0)
    mean, covariance = block.mean.copy(), block.covariance.copy()
    for k in range(len(tau)):
        _absorb(mean, covariance, k, tau[k], nu[k])
    return _Work(
        np.empty_like(block.log_likelihood), np.empty_like(tau), mean, covariance, Sites(tau, nu), np.empty_like(tau)
    )


def _absorb(mean: Floats, covariance: Floats, k: int, tau: Floats, nu: Floats) -> None:
    """Multiply Gaussians in place by exp(ν θ_k - τ θ_k²/2) (Sherman-Morrison)."""
    row = covariance[k].copy()
    gain = 1 / (1 + tau * row[k])
    mean += row * ((nu - tau * mean[k]) * gain)
    covariance -= (row * (tau * gain))[:, None] * row


def _visit(block: Block, work: _Work, k: int, powers: tuple[Floats, Floats] | None, step: Floats) -> Floats:
    """Renew site k of all persons; return how far it wanted to move (p,), in posterior SD and as a share of variance."""
    tau, nu = work.sites.tau[k], work.sites.nu[k]
    m, v = work.mean[k], work.covariance[k, k]
    precision, shift = 1 / v - tau, m / v - nu
    mean = _tilt(block, work, k, powers, np.stack([shift, precision]))
    new_tau = np.maximum(1 / work.variance[k] - precision, block.floor)
    new_nu = mean * (precision + new_tau) - shift
    active = block.answered[k]
    d_tau, d_nu = (new_tau - tau) * active, (new_nu - nu) * active
    change = np.asarray(np.maximum(np.abs(d_tau) * v, np.abs(d_nu - d_tau * m) * np.sqrt(v)))
    d_tau *= step
    d_nu *= step
    _absorb(work.mean, work.covariance, k, d_tau, d_nu)
    tau += d_tau
    nu += d_nu
    return change


def _tilt(block: Block, work: _Work, k: int, powers: tuple[Floats, Floats] | None, cavity: Floats) -> Floats:
    """Write tilted weights under cavities (ν, τ) (2, p), their log total and variance; return their mean (p,).

    Sums over the grid are products of matrices with `powers`, and sums of rows without.
    """
    weight, theta = work.tilted[k], block.theta
    if powers is None:
        np.multiply(theta[:, None], cavity[0] - 0.5 * theta[:, None] * cavity[1], out=weight)
    else:
        np.matmul(powers[0], cavity.astype(weight.dtype, copy=False), out=weight)
    weight += block.log_likelihood[k]
    top = weight.max(axis=0)
    weight -= top
    if weight.dtype == np.float32:
        np.maximum(weight, NOTHING, out=weight)
    np.exp(weight, out=weight)
    if powers is None:
        moment = weight * theta[:, None]
        total, first = weight.sum(axis=0), moment.sum(axis=0)
        moment *= theta[:, None]
        second = moment.sum(axis=0)
    else:
        total, first, second = (powers[1] @ weight).astype(np.float64, copy=False)
    mean = first / total
    least = LEAST_SD * (theta[1] - theta[0])
    work.variance[k] = np.maximum(second / total - mean**2, least**2)
    work.log_total[k] = np.log(total) + top
    return np.asarray(mean)


def _finished(block: Block, work: _Work, settled: Bools) -> Settled:
    """Return the settled block with posterior moments and evidence computed afresh from the sites."""
    tau, nu = work.sites
    mean, covariance = block.mean.copy(), block.covariance.copy()
    evidence = np.zeros(len(settled))
    for k in range(len(tau)):
        evidence += _log_absorbed(mean[k], covariance[k, k], tau[k], nu[k])
        _absorb(mean, covariance, k, tau[k], nu[k])
    variance = covariance[np.arange(len(tau)), np.arange(len(tau))]
    log_spacing = float(np.log(block.theta[1] - block.theta[0]))
    log_gauss = 0.5 * (mean**2 / variance + np.log(variance) + LOG_2PI)
    evidence += np.where(block.answered, work.log_total + log_spacing - log_gauss, 0.0).sum(axis=0)
    tilted = work.tilted
    tilted /= tilted.sum(axis=1)[:, None, :]
    return Settled(tilted, mean, covariance, work.sites, evidence, work.variance, settled)


def _log_absorbed(m: Floats, v: Floats, tau: Floats, nu: Floats) -> Floats:
    """Return log ∫ N(θ; m, v) exp(ν θ - τ θ²/2) dθ (p,)."""
    grown = 1 + tau * v
    return np.asarray(0.5 * ((nu * (nu * v + 2 * m) - tau * m**2) / grown - np.log(grown)))


def hermite_coefficients(found: Settled, theta: Floats, highest: int) -> Floats:
    """Return E[He_r(z)] / √r! of the tilted marginals, z in posterior units, for r = 0 … highest (R, D, p).

    Orders one and two are zero because moments are matched.
    """
    z = (theta[:, None] - found.mean[:, None, :]) / found.deviations[:, None, :]
    previous, current = np.ones_like(z), z
    out = np.zeros((highest + 1, *found.mean.shape))
    out[0] = 1.0
    for r in range(2, highest + 1):
        previous, current = current, (z * current - np.sqrt(r - 1) * previous) / np.sqrt(r)
        if r > 2:
            out[r] = (found.tilted * current).sum(axis=1)
    return out
