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

from typing import Any, NamedTuple, TypeVar

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.blocks import ROWS, at_least_two
from competency_dx.kernels.grid import NOTHING

N = TypeVar("N", bound=tuple[Any, ...])
LEAST_STEP = 0.125
FEW = 0.75  # share of persons still moving from which they go on by themselves
NEGATIVE = 0.5  # negative precision of a site, in units of the smallest eigenvalue of Σ⁻¹: cavities stay proper
LEAST_SD = 0.1  # of a tilted marginal, in spacings of the grid: fewer points tell nothing, and there is dividing by it
LOG_2PI = float(np.log(2 * np.pi))


def _taken(held: N, persons: Ints | slice) -> N:
    """Return a tuple of arrays that run over persons last, for some of the persons."""
    return type(held)(*(_taken(x, persons) if isinstance(x, tuple) else x[..., persons] for x in held))


class Sites(NamedTuple):
    """Gaussian sites: precision τ and precision times mean ν, both (D, P)."""

    tau: Floats
    nu: Floats

    def take(self, persons: Ints | slice) -> "Sites":
        """Return the sites of some of the persons."""
        return _taken(self, persons)


class SweepControl(NamedTuple):
    """When sites have settled: a sweep moves no mean by more than `tolerance` posterior SD, no variance by that share.

    With `even`, persons have the same digits in any company: products of matrices take `ROWS` persons at a time, and the tilted
    marginals are those at the settled sites, whatever sweeps others needed.
    """

    tolerance: float = 1e-9
    sweeps: int = 60
    even: bool = False


class Block(NamedTuple):
    """Some persons: log L (D, Q, p) on a uniform grid (Q,), prior mean (D, p), covariance (D, D, p), sites' `floor` (p,).

    `answered` (D, p) says where L_k is not constant; elsewhere the site is zero. The likelihoods may be those of fewer persons
    who come several times, in this order.
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

    def take(self, persons: Ints) -> "Block":
        """Return some of the persons."""
        log_likelihood = self.log_likelihood[..., persons % self.log_likelihood.shape[-1]]
        mean, covariance, floor = (x[..., persons] for x in (self.mean, self.covariance, self.floor))
        return Block(self.theta, log_likelihood, mean, covariance, floor, self.answered[:, persons])


class Settled(NamedTuple):
    """Persons after their sweeps: tilted marginals (D, Q, p), mean (D, p), covariance (D, D, p), sites, log Z, variances, settled."""

    tilted: Floats
    mean: Floats
    covariance: Floats
    sites: Sites
    evidence: Floats
    variance: Floats
    settled: Bools

    def take(self, persons: slice) -> "Settled":
        """Return some of the persons."""
        return _taken(self, persons)

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

    def take(self, persons: Ints) -> "_Work":
        """Return some of the persons, their weights to be written anew."""
        tilted = np.empty((*self.tilted.shape[:2], len(persons)), dtype=self.tilted.dtype)
        log_total, mean, covariance, variance = (x[..., persons] for x in (self.log_total, self.mean, self.covariance, self.variance))
        return _Work(tilted, log_total, mean, covariance, self.sites.take(persons), variance)


class _Powers(NamedTuple):
    """(θ, -θ²/2) as columns (Q, 2) and (1, θ, θ²) as rows (3, Q); whether products are even; the least variance."""

    columns: Floats
    rows: Floats
    even: bool
    least: float


def lowest_precision(covariance: Floats) -> Floats:
    """Return the least precision of a site (G,) that keeps every cavity proper under covariances (G, D, D)."""
    return np.asarray(-NEGATIVE / np.linalg.eigvalsh(covariance)[:, -1])


def settle(block: Block, sites: Sites, control: SweepControl) -> Settled:
    """Sweep until the sites of every person stop moving; a person whose changes grow goes on by half steps."""
    work = _started(block, sites)
    return _finished(block, work, _swept(block, work, _powers(block, even=control.even), control), even=control.even)


def single_sites(block: Block, *, even: bool) -> Sites:
    """Return the sites that are right where competencies do not correlate: a start all at once."""
    k = np.arange(len(block.mean))
    precision = 1 / block.covariance[k, k]
    shift, powers, tilted = block.mean * precision, _powers(block, even=even), np.empty_like(block.log_likelihood)
    _, mean, variance = _tilt(tilted, block.log_likelihood, np.stack([shift, precision], axis=1), powers)
    tau = np.maximum(1 / variance - precision, block.floor)
    return Sites(tau * block.answered, (mean * (precision + tau) - shift) * block.answered)


def _swept(block: Block, work: _Work, powers: _Powers, control: SweepControl) -> Bools:
    """Renew the sites in place until they stop moving; return who settled (p,). Where few go on, they do so by themselves."""
    D, p = block.shape
    settled, persons, sites = np.zeros(p, dtype=np.bool_), np.arange(p), work.sites
    step, before = np.ones(p), np.full(p, np.inf)
    visited = np.flatnonzero(block.answered.any(axis=1)).tolist() if control.even else range(D)
    for _ in range(control.sweeps):
        change = np.zeros(p)
        for k in visited:
            np.maximum(change, _visit(block, work, k, powers, step), out=change)
        step = np.where(change > before, np.maximum(step / 2, LEAST_STEP), step) * (change > control.tolerance)
        before, moving = change, np.flatnonzero(step)
        if not moving.size:
            break
        if control.even and len(moving) <= FEW * p:
            settled[persons], sites.tau[:, persons], sites.nu[:, persons] = step == 0, *work.sites
            some = at_least_two(moving)
            block, work, persons, step, before = (block.take(some), work.take(some), persons[some], step[some], before[some])
            p = len(some)
    settled[persons], sites.tau[:, persons], sites.nu[:, persons] = step == 0, *work.sites
    return settled


def _powers(block: Block, *, even: bool) -> _Powers:
    theta, kind = block.theta, block.log_likelihood.dtype
    columns, rows = np.stack([theta, -0.5 * theta**2], axis=1), np.stack([np.ones_like(theta), theta, theta**2])
    return _Powers(columns.astype(kind), rows.astype(kind), even, float(LEAST_SD * (theta[1] - theta[0])) ** 2)


def _started(block: Block, sites: Sites) -> _Work:
    """Return posterior moments under the given sites and room for the rest."""
    tau, nu = np.where(block.answered, sites.tau, 0.0), np.where(block.answered, sites.nu, 0.0)
    mean, covariance = block.mean.copy(), block.covariance.copy()
    for k in np.flatnonzero(tau.any(axis=1) | nu.any(axis=1)).tolist():
        _absorb(mean, covariance, k, tau[k], nu[k])
    tilted = np.empty((*block.log_likelihood.shape[:2], tau.shape[1]), dtype=block.log_likelihood.dtype)
    return _Work(tilted, np.empty_like(tau), mean, covariance, Sites(tau, nu), np.empty_like(tau))


def _absorb(mean: Floats, covariance: Floats, k: int, tau: Floats, nu: Floats) -> None:
    """Multiply Gaussians in place by exp(ν θ_k - τ θ_k²/2) (Sherman-Morrison)."""
    row = covariance[k].copy()
    gain = 1 / (1 + tau * row[k])
    mean += row * ((nu - tau * mean[k]) * gain)
    covariance -= (row * (tau * gain))[:, None] * row


def _visit(block: Block, work: _Work, k: int, powers: _Powers, step: Floats) -> Floats:
    """Renew site k of all persons; return how far it wanted to move (p,), in posterior SD and as a share of variance."""
    tau, nu = work.sites.tau[k], work.sites.nu[k]
    m, v = work.mean[k], work.covariance[k, k]
    cavity = np.empty((2, len(step)))
    shift, precision = cavity
    np.subtract(m / v, nu, out=shift)
    np.subtract(1 / v, tau, out=precision)
    work.log_total[k], mean, work.variance[k] = _tilt(work.tilted[k], block.log_likelihood[k], cavity, powers)
    new_tau = np.maximum(1 / work.variance[k] - precision, block.floor)
    new_nu = mean * (precision + new_tau) - shift
    active = block.answered[k]
    d_tau, d_nu = (new_tau - tau) * active, (new_nu - nu) * active
    change = np.maximum(np.abs(d_tau) * v, np.abs(d_nu - d_tau * m) * np.sqrt(v))
    d_tau *= step
    d_nu *= step
    _absorb(work.mean, work.covariance, k, d_tau, d_nu)
    tau += d_tau
    nu += d_nu
    return change  # type: ignore[no-any-return]


def _tilt(weight: Floats, log_likelihood: Floats, cavity: Floats, powers: _Powers) -> tuple[Floats, Floats, Floats]:
    """Write tilted weights (..., Q, p) under cavities (ν, τ) (..., 2, p); return their log total, mean and variance (..., p)."""
    _product(powers.columns, cavity.astype(weight.dtype, copy=False), even=powers.even, out=weight)
    several = weight.reshape(*log_likelihood.shape[:-1], -1, log_likelihood.shape[-1])
    several += log_likelihood[..., None, :]
    top = weight.max(axis=-2)
    weight -= top[..., None, :]
    if weight.dtype == np.float32:
        np.maximum(weight, NOTHING, out=weight)
    np.exp(weight, out=weight)
    moments = _product(powers.rows, weight, even=powers.even).astype(np.float64, copy=False)
    total = moments[..., 0, :]
    mean = moments[..., 1, :] / total
    return np.log(total) + top, mean, np.maximum(moments[..., 2, :] / total - mean**2, powers.least)


def _product(matrix: Floats, columns: Floats, *, even: bool, out: Floats | None = None) -> Floats:
    """Return matrix (m, n) @ columns (..., n, p); even products are of `ROWS` columns each, the last ones filled up."""
    p = columns.shape[-1]
    if not even or p == ROWS:
        return np.asarray(np.matmul(matrix, columns, out=out))
    if p % ROWS:
        filled = np.empty((*columns.shape[:-1], -(-p // ROWS) * ROWS), dtype=columns.dtype)
        filled[..., :p], filled[..., p:] = columns, columns[..., -1:]
        found = _product(matrix, filled, even=True)[..., :p]
        if out is not None:
            out[...] = found
        return found
    some = columns.reshape(*columns.shape[:-1], -1, ROWS).swapaxes(-3, -2)
    room = None if out is None else out.reshape(*out.shape[:-1], -1, ROWS).swapaxes(-3, -2)
    each = np.matmul(matrix, some, out=room).swapaxes(-3, -2)
    return np.asarray(each.reshape(*each.shape[:-2], -1))


def _finished(block: Block, work: _Work, settled: Bools, *, even: bool) -> Settled:
    """Return the block with moments and evidence afresh from its sites; even tilted marginals are, too: sweeps may be others'."""
    (tau, nu), k = work.sites, np.arange(len(work.mean))
    mean, covariance = block.mean.copy(), block.covariance.copy()
    evidence = np.zeros(len(settled))
    for d in np.flatnonzero(tau.any(axis=1) | nu.any(axis=1)).tolist():
        m, grown = mean[d], 1 + tau[d] * covariance[d, d]  # log ∫ N(θ; m, v) exp(ν θ - τ θ²/2) dθ
        evidence += 0.5 * ((nu[d] * (nu[d] * covariance[d, d] + 2 * m) - tau[d] * m**2) / grown - np.log(grown))
        _absorb(mean, covariance, d, tau[d], nu[d])
    variance, log_total, spread = covariance[k, k], work.log_total, work.variance
    if even:
        cavity = np.stack([mean / variance - nu, 1 / variance - tau], axis=1)
        log_total, _, spread = _tilt(work.tilted, block.log_likelihood, cavity, _powers(block, even=True))
    log_spacing = float(np.log(block.theta[1] - block.theta[0]))
    log_gauss = 0.5 * (mean**2 / variance + np.log(variance) + LOG_2PI)
    evidence += np.where(block.answered, log_total + log_spacing - log_gauss, 0.0).sum(axis=0)
    work.tilted[...] /= work.tilted.sum(axis=1)[:, None, :]
    return Settled(work.tilted, mean, covariance, work.sites, evidence, spread, settled)


def hermite_coefficients(found: Settled, theta: Floats, highest: int) -> Floats:
    """Return E[He_r(z)] / √r! of tilted marginals (R, D, p), z in posterior units, r = 0 …; orders 1 and 2 are 0: moments match."""
    z = (theta[:, None] - found.mean[:, None, :]) / found.deviations[:, None, :]
    previous, current = np.ones_like(z), z
    out = np.zeros((highest + 1, *found.mean.shape))
    out[0] = 1.0
    for r in range(2, highest + 1):
        previous, current = current, (z * current - np.sqrt(r - 1) * previous) / np.sqrt(r)
        if r > 2:
            out[r] = (found.tilted * current).sum(axis=1)
    return out
