"""What the posterior of persons answers, however it is integrated; densities on a grid, and draws from them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Floats, Names, T, readonly, value

DRAWS = 1024  # a power of two, as Sobol points like it
WORD = 8  # bytes
FLAT = 1e-9  # rise of the log density within a cell that counts as none
NOTHING = 1e-300  # density relative to the highest one below which it is taken for this


class PosteriorMoments(NamedTuple):
    """Mean (P, D), covariance (P, D, D), log marginal probability of the answers (P,), mass on the end points (P,)."""

    mean: Floats
    covariance: Floats
    log_evidence: Floats
    end_mass: Floats

    @classmethod
    def of_blocks(cls, parts: Iterable[tuple[Floats, Floats, Floats]], P: int) -> "PosteriorMoments":
        """Return the moments of P persons from those of blocks, of which the last may be filled up; nothing is at any end."""
        mean, covariance, evidence = (np.ascontiguousarray(np.concatenate(x)[:P]) for x in zip(*parts, strict=True))
        return cls(mean, covariance, evidence, np.zeros(P))  # contiguous: sums keep their order


class MarginalDensity(NamedTuple):
    """Log densities (p, Q) of one competency up to constants, at uniform points θ (p, Q) of each person."""

    theta: Floats
    log_density: Floats

    @classmethod
    def of(cls, theta: Floats, weight: Floats) -> "MarginalDensity":
        """Return the densities that weights (p, Q) of points θ (Q,) stand for."""
        log_density = np.log(np.maximum(weight, NOTHING))
        return cls(np.broadcast_to(theta, log_density.shape), log_density)


@value
class Posterior(ABC):
    """Posterior of P persons on D competencies, taken on one grid, by propagation, on a lattice for each person, or by reduction.

    What it says of a person depends on this person's answers, the items and the population alone. `executor` is where blocks of persons
    are processed; None is a thread pool over the cores.
    """

    persons: Names
    dimensions: tuple[str, ...]
    executor: Executor | None = None

    @abstractmethod
    def moments(self) -> PosteriorMoments:
        """Return mean (P, D), covariance (P, D, D), log marginal probability of the answers (P,), mass at the ends (P,)."""

    @abstractmethod
    def marginals(self, dimension: int, function: Callable[[slice, MarginalDensity], None]) -> None:
        """Call ``function(block, marginal)`` with the marginal posteriors of a competency, block by block of persons."""

    @abstractmethod
    def transformed(self, uniform: Floats) -> Floats:
        """Return points of the posterior (P, n, D) for uniforms (P, n, D): equally distributed uniforms give such draws."""

    def below(self, cuts: ArrayLike) -> Floats:
        """Return P(θ_d < cut) (P, D) for cuts of the competencies (D,), or of each person (P, D)."""
        P, D = len(self.persons), len(self.dimensions)
        at, out = np.broadcast_to(np.asarray(cuts, dtype=np.float64), (P, D)), np.empty((P, D))

        def one(d: int, block: slice, marginal: MarginalDensity) -> None:
            out[block, d] = cdf(marginal.log_density, marginal.theta, at[block, d])

        for d in range(D):
            self.marginals(d, partial(one, d))
        return out

    def draws(self, n: int = DRAWS, *, key: bytes = b"") -> Floats:
        """Return n draws of every person (P, n, D), evenly spread (best for powers of two), by key, id and answers alone."""
        return self.transformed(even_uniforms(key, self.persons, n, len(self.dimensions)))


def as_it_is(_: object, found: T) -> T:
    """Return what was found of a block as it is, where a function of the frame and of this is asked for."""
    return found


def uniforms(key: bytes, persons: Names, n: int) -> Floats:
    """Return n uniform numbers in (0, 1) for every person (P, n), decided by the key and the person's id alone."""
    words = b"".join(hashlib.shake_128(key + str(p).encode()).digest(WORD * n) for p in persons)
    bits = np.frombuffer(words, dtype="<u8").reshape(len(persons), n)
    return np.asarray(((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)


def even_uniforms(key: bytes, persons: Names, n: int, D: int) -> Floats:
    """Return evenly spread uniforms (P, n, D): Sobol points, moved modulo one by a shift for each person.

    The shift (Cranley & Patterson 1976, doi:10.1137/0713071) follows from the key and the person's id alone.
    """
    return np.clip((sobol(n, D) + uniforms(key, persons, D)[:, None]) % 1.0, 2.0**-54, 1 - 2.0**-53)


@lru_cache(maxsize=8)
def sobol(n: int, D: int) -> Floats:
    """Return n Sobol points (n, D)."""
    from scipy.stats import qmc

    return readonly(qmc.Sobol(D, scramble=False).random(2 ** int(np.ceil(np.log2(n))))[:n])


def inverse_cdf(log_density: Floats, theta: Floats, uniform: Floats) -> Floats:
    """Return quantiles (p,) or (p, n) of densities given by their logarithms (p, Q) on a uniform grid θ (Q,) or (p, Q).

    Between points the log density is linear, so cells have their masses and inverses in closed form. A normal density
    so interpolated differs by a factor that repeats from cell to cell: with spacing h below half its SD s it is within
    h²/8s² = 3 % of the truth everywhere, and its mean and variance are exact to exp(-2π²s²/h²).
    """
    rise, mass = _cells(log_density)
    cumulative, at, quantiles = np.cumsum(mass, axis=1), np.arange(len(mass)), []
    for level in uniform.reshape(len(mass), -1).T:
        target = level * cumulative[:, -1]
        cell = np.minimum((cumulative < target[:, None]).sum(axis=1), mass.shape[1] - 1)
        share = np.clip((target - cumulative[at, cell]) / mass[at, cell] + 1.0, 0.0, 1.0)
        flat = np.abs(rise[at, cell]) < FLAT
        slope = np.where(flat, 1.0, rise[at, cell])
        falling = np.log1p(share * np.expm1(np.minimum(slope, 0.0))) / np.where(slope < 0, slope, 1.0)
        rising = 1 + np.log(share + (1 - share) * np.exp(-np.maximum(slope, 0.0))) / np.where(slope > 0, slope, 1.0)
        inside = np.where(flat, share, np.where(slope < 0, falling, rising))
        left = theta[cell] if theta.ndim == 1 else theta[at, cell]
        quantiles.append(left + (theta[..., 1] - theta[..., 0]) * inside)
    return np.stack(quantiles, axis=1).reshape(uniform.shape)


def cdf(log_density: Floats, theta: Floats, point: Floats) -> Floats:
    """Return P(θ < point) (p,) under densities as in `inverse_cdf`, at uniform points θ (p, Q)."""
    rise, mass = _cells(log_density)
    at = np.arange(len(point))
    place = (point - theta[:, 0]) / (theta[:, 1] - theta[:, 0])
    cell = np.clip(np.floor(place).astype(np.int64), 0, mass.shape[1] - 1)
    inside, slope = np.clip(place - cell, 0.0, 1.0), rise[at, cell]
    down, up = np.where(slope < 0, slope, -1.0), np.where(slope > 0, slope, 1.0)
    falling = np.expm1(down * inside) / np.expm1(down)
    rising = (np.exp(-up * (1 - inside)) - np.exp(-up)) / -np.expm1(-up)
    share = np.where(np.abs(slope) < FLAT, inside, np.where(slope < 0, falling, rising))
    return np.asarray((np.cumsum(mass, axis=1)[at, cell] - mass[at, cell] * (1 - share)) / mass.sum(axis=1))


def _cells(log_density: Floats) -> tuple[Floats, Floats]:
    """Return the rise of the log density within each cell and the cells' masses (p, Q - 1), the highest density being 1."""
    level = log_density - log_density.max(axis=1)[:, None]
    density = np.exp(level)
    rise = np.diff(level, axis=1)
    flat = np.abs(rise) < FLAT
    return rise, np.where(flat, density[:, :-1], np.diff(density, axis=1) / np.where(flat, 1.0, rise))
