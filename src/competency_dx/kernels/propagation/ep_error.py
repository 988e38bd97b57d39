"""How far expectation propagation is from the exact posterior: the leading correction, for every person at once.

With q = N(m, V) the EP posterior and w_k = 1 + ε_k the ratio of tilted to EP marginal of θ_k, the exact evidence is
Z / Z_EP = E_q[Π_k (1 + ε_k)]. Moments are matched, so ε_k has Hermite coefficients e_3, e_4 … only, and by Mehler's formula

log Z - log Z_EP ≈ Σ_{k<l} Σ_{r>=3} e_r^k e_r^l ρ_kl^r                 (Opper, Paquet & Winther 2013, JMLR 14, sec. 3)

with ρ_kl the posterior correlation. The posterior mean moves, in posterior SD and by Stein's lemma, by
Σ_j ρ_kj Σ_{l≠j} Σ_{r>=3} √(r + 1) e_{r+1}^j e_r^l ρ_jl^r. Both vanish for one dimension, where EP is exact.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid.by_dimension import Design
from competency_dx.kernels.grid.e_step import JointTerms
from competency_dx.kernels.propagation.ep_e_step import DEFAULT, Model, block_of, likelihood_terms, pieces
from competency_dx.kernels.propagation.expectation_propagation import Settled, Sites, hermite_coefficients, settle

LOWEST, HIGHEST = 3, 7


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
    one = partial(_block_error, model, likelihood_terms(design, model))
    parts = list(map_pieces(one, pieces(design, sites), executor=executor))
    return EPError(np.concatenate([p.log_likelihood for p in parts]), np.concatenate([p.mean for p in parts]))


def _block_error(model: Model, terms: tuple[JointTerms, ...], piece: tuple[Design, Sites]) -> EPError:
    design, sites = piece
    return correction(settle(block_of(design, model, terms), sites, DEFAULT), model.theta)


def correction(found: Settled, theta: Floats) -> EPError:
    """Return the leading correction for a block of persons."""
    D = len(found.mean)
    k, sd, correlation = np.arange(D), found.deviations, found.correlations
    correlation[k, k] = 0.0
    e = hermite_coefficients(found, theta, HIGHEST)
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
