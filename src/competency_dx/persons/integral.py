"""What every way of integrating over the posterior of persons answers; `Posterior` asks one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from competency_dx.arrays import Floats


class PosteriorMoments(NamedTuple):
    """Mean (P, D), covariance (P, D, D), log marginal probability of the answers (P,), mass on the end points (P,)."""

    mean: Floats
    covariance: Floats
    log_evidence: Floats
    end_mass: Floats


class MarginalDensity(NamedTuple):
    """Log densities (p, Q) of one competency up to constants, at uniform points θ (p, Q) of each person."""

    theta: Floats
    log_density: Floats


class PersonIntegral(Protocol):
    """A way of integrating: one grid, propagation, a lattice for each person, or dimension reduction.

    What it says of a person depends on this person's answers, the items and the population alone.
    """

    def moments(self) -> PosteriorMoments:
        """Return the moments of all persons."""

    def marginals(self, dimension: int, function: Callable[[slice, MarginalDensity], None]) -> None:
        """Call ``function(block, marginal)`` with the marginal posteriors of a competency, block by block of persons."""

    def transformed(self, uniform: Floats) -> Floats:
        """Return points of the posterior (P, n, D) for uniforms (P, n, D): equally distributed uniforms give such draws."""
