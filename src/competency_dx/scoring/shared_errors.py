"""The error that items share, carried into scores: what their own errors, integrated out one by one, leave out.

Averaging the curve of each item over its own parameters is exact where errors of items are independent. In a calibration they
are not: with g_f = Cov(θ, ∂ log P(x | θ) / ∂ ξ_f | x), the change of a person's mean with parameter ξ_f, errors shared by
items i ≠ j add Σ g_f C_fg g_g to the posterior variance, with several competencies G C Gᵀ to the
covariance (delta method; Lewis 2001; Yang, Hansen & Cai 2012, doi:10.1177/0146621612449069).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from competency_dx.arrays import Floats, Ints, blocks
from competency_dx.kernels import families
from competency_dx.models import ItemParameters
from competency_dx.persons import ExactPosterior, MarginalDensity, Matched, Posterior, filled_table

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration
    from competency_dx.engine import ItemErrors

BLOCK = 256
SOME = 16  # persons whose draws are evaluated at once
DRAWS = 256
KEPT = 8


@lru_cache(maxsize=KEPT)
def shared_errors(calibration: Calibration) -> ItemErrors | None:
    """Return what the errors of different items share, those of one item being 0; None where `ItemErrors` says nothing."""
    found = calibration.table.item_errors(calibration.covariance)
    return found and found._replace(covariance=np.where(found.item[:, None] == found.item, 0.0, found.covariance))


def shared_covariance(posterior: Posterior, covariance: Floats, matched: Matched, known: ItemParameters, shared: ItemErrors) -> Floats:
    """Return what errors shared by items add to the posterior covariances (P, D, D) of the persons."""
    P, D, N = len(matched.codes), len(known.dimensions), len(shared.item)
    out = np.empty((P, D, D))

    def add(block: slice, G: Floats) -> None:
        """Write G C Gᵀ for gradients G (BLOCK, D, N) of a block, of which rows beyond it are filling."""
        half = (G.reshape(-1, N) @ shared.covariance).reshape(G.shape)
        out[block] = (half[:, :, None] * G[:, None]).sum(axis=3)[: block.stop - block.start]

    if not known.between:
        _by_draws(posterior, matched, known, shared, add)
    elif isinstance(posterior, ExactPosterior):
        theta = posterior.tables.theta
        slopes = _slopes(known, theta, shared)
        posterior.each(lambda rows, weight, _: add(rows, _gradients(theta, weight, slopes, matched, shared, rows)[:, None]), size=BLOCK)
    else:
        _by_marginals(posterior, covariance, matched, known, shared, add)
    if D == 1:
        return np.maximum(out, 0.0)
    values, vectors = np.linalg.eigh(out)
    return np.asarray(np.einsum("pdk,pk,pek->pde", vectors, np.maximum(values, 0.0), vectors))


Add = Callable[[slice, Floats], None]


def _slopes(known: ItemParameters, theta: Floats, shared: ItemErrors) -> Floats:
    """Return ∂ log P / ∂ξ_f (K, Q, N) along the competency of the item, at its points (Q,)."""
    single, D = known.single() if len(known.dimensions) > 1 else known, len(known.dimensions)
    sharp = families.log_probabilities(single.groups, single.beta, theta, single.allowed)
    by_beta = families.derivatives(single.groups, single.beta, sharp, theta, single.allowed)
    return np.ascontiguousarray(by_beta[shared.item, np.where(shared.column < D, 0, shared.column - D + 1)].transpose(1, 2, 0))


def _gradients(theta: Floats, weight: Floats, slopes: Floats, matched: Matched, shared: ItemErrors, block: slice) -> Floats:
    """Return Cov(θ, ∂ log P / ∂ξ_f | x) (p, N) for weights (p, Q) up to a factor, filled up beyond the block."""
    weight = weight / weight.sum(axis=1)[:, None]
    weight *= theta - (weight @ theta)[:, None]
    codes, observed = (filled_table(x[block], len(weight))[:, shared.item] for x in (matched.codes, matched.observed))
    g = np.zeros(codes.shape)
    for k, table in enumerate(slopes):
        g += ((codes == k) & observed) * (weight @ table)
    return g


def _by_marginals(posterior: Posterior, V: Floats, matched: Matched, known: ItemParameters, shared: ItemErrors, add: Add) -> None:
    """Add by the marginals of propagation, where E[θ_d | θ_e] is linear: Cov(θ_d, s(θ_e)) = V_de / V_ee Cov(θ_e, s(θ_e))."""
    dimension = known.dimension_index[shared.item]
    g = np.empty((len(V), len(dimension)))
    for e in range(len(known.dimensions)):
        at = np.flatnonzero(dimension == e)
        part = shared._replace(item=shared.item[at], column=shared.column[at])

        def one(block: slice, marginal: MarginalDensity, at: Ints = at, part: ItemErrors = part) -> None:
            theta = marginal.theta[0]
            slopes, density = _slopes(known, theta, part), np.exp(marginal.log_density)
            for cut in blocks(len(density), BLOCK):
                rows = slice(block.start + cut.start, block.start + cut.stop)
                weight = np.concatenate([density[cut], np.ones((BLOCK - cut.stop + cut.start, len(theta)))])
                g[rows, at] = _gradients(theta, weight, slopes, matched, part, rows)[: cut.stop - cut.start]

        posterior.marginals(e, one)
    for block in blocks(len(g), BLOCK):
        add(block, filled_table((V[block] / np.einsum("pee->pe", V[block])[:, None])[:, :, dimension] * g[block, None], BLOCK))


def _by_draws(posterior: Posterior, matched: Matched, known: ItemParameters, shared: ItemErrors, add: Add) -> None:
    """Add by draws of the posterior, where items measure several competencies."""
    draws, N = posterior.draws(DRAWS), len(shared.item)
    for block in blocks(len(draws), SOME):
        theta, n = filled_table(draws[block], SOME), block.stop - block.start
        at = theta.reshape(-1, theta.shape[2])
        sharp = families.log_probabilities(known.groups, known.beta, at, known.allowed)
        by_beta = families.derivatives(known.groups, known.beta, sharp, at, known.allowed)[shared.item, shared.column]
        codes, observed = (filled_table(x[block], SOME)[:, shared.item].T for x in (matched.codes, matched.observed))
        table = by_beta.reshape(N, -1, SOME, DRAWS)
        slope = np.take_along_axis(table, codes.astype(np.int64)[:, None, :, None], axis=1)[:, 0] * observed[:, :, None]
        add(block, filled_table((np.einsum("pnd,fpn->pdf", theta - theta.mean(axis=1, keepdims=True), slope) / DRAWS)[:n], SOME))
