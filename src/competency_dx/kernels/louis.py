"""Observed information in closed form by Louis' identity, through orthonormal polynomials of each posterior.

I(β) = Σ_p { E[-∂² ℓ_c | x_p] - Cov[S_p(θ) | x_p] }      (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x)

S_p(θ) is the complete-data score of person p. With polynomials φ_0 = 1, φ_1, φ_2 … orthonormal under the posterior of the
person, Parseval's identity gives Cov[S_p | x_p] = Σ_{r>=1} c_pr c_prᵀ with c_pr = E[φ_r S_p | x_p]. The score is smooth on
the scale of the posterior, so a handful of terms exhausts it; they are added until the last one no longer matters.
One matrix product per term replaces the Q products of the direct sum, for complete and incomplete data alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

import numpy as np

from competency_dx.arrays import Codes, Floats, Ints
from competency_dx.kernels.blocks import map_blocks
from competency_dx.kernels.marginal import Answers, Tables, log_joint, normalise

MAX_TERMS = 20
NEGLIGIBLE = 1e-6
BLOCK = 512


def missing_information(
    answers: Answers,
    tables: Tables,
    derivatives: Floats,
    owner: Ints,
    population: Floats,
    executor: Executor | None = None,
) -> tuple[Floats, Floats]:
    """Return Σ_p Cov[S_p | x_p] (F, F) and Σ_p E[S_p | x_p] E[S_p | x_p]ᵀ (F, F), the cross-product of scores.

    Parameters
    ----------
    derivatives : ndarray, shape (K, F, Q)
        Derivatives of the log-probability of category k by the item parameters, zero where an item has no category k.
    owner : ndarray of int, shape (F,)
        Item of each parameter.
    population : ndarray, shape (G, Q)
        Score of the population parameters at each point; their rows come after the item parameters.
    """
    F = len(owner) + len(population)
    order = by_pattern(answers)

    def one(block: slice) -> tuple[Floats, Floats]:
        some = answers.take(order[block])
        _, posterior = normalise(log_joint(some, slice(None), tables))
        codes = some.codes if some.observed is None else np.where(some.observed, some.codes, np.int8(-1))
        answered = np.asarray((codes >= 0).any(axis=0))
        met = np.flatnonzero(answered[owner])
        scores = _projections(posterior, tables.theta, codes[:, owner[met]], derivatives[:, met], population)
        first = next(scores)
        cross, covariance, total = first.T @ first, np.zeros((first.shape[1],) * 2), 0.0
        for term in scores:
            covariance += term.T @ term
            size = float(np.einsum("pf,pf->", term, term))
            total += size
            if size <= NEGLIGIBLE * total:
                break
        place = np.concatenate([met, np.arange(len(owner), F)])
        return _spread(covariance, place, F), _spread(cross, place, F)

    parts = map_blocks(one, len(answers.codes), size=BLOCK, executor=executor)
    covariance, cross = next(parts)
    for more, other in parts:
        covariance += more
        cross += other
    return covariance, cross


def by_pattern(answers: Answers) -> Ints:
    """Return an order of persons that puts equal sets of answered items together, so that blocks meet few items."""
    if answers.observed is None:
        return np.arange(len(answers.codes))
    return np.lexsort(np.packbits(answers.observed, axis=1).T)


def _spread(matrix: Floats, place: Ints, F: int) -> Floats:
    """Return a matrix (F, F) that holds `matrix` at the rows and columns `place`."""
    if len(place) == F:
        return matrix
    out = np.zeros((F, F))
    out[np.ix_(place, place)] = matrix
    return out


def _projections(
    posterior: Floats, theta: Floats, codes: Codes, tables: Floats, population: Floats
) -> Iterator[Floats]:
    """Yield c_pr (p, F) for r = 0, 1, 2 …: expectations of the score times the r-th polynomial."""
    chosen = [here.astype(float) if here.any() else None for here in (codes == k for k in range(len(tables)))]
    for weighted in _weighted_polynomials(posterior, theta):
        items = np.zeros(codes.shape)
        for table, here in zip(tables, chosen, strict=True):
            if here is not None:
                items += here * (weighted @ table.T)
        yield np.concatenate([items, weighted @ population.T], axis=1) if len(population) else items


def _weighted_polynomials(posterior: Floats, theta: Floats) -> Iterator[Floats]:
    """Yield posterior times φ_r (p, Q) by the three-term recurrence (Stieltjes procedure)."""
    previous, current = np.zeros_like(posterior), np.ones_like(posterior)
    norm = np.zeros((len(posterior), 1))
    for _ in range(min(MAX_TERMS, posterior.shape[1])):
        weighted = posterior * current
        yield weighted
        centre = np.einsum("pq,pq,q->p", weighted, current, theta)[:, None]
        following = (theta - centre) * current - norm * previous
        norm = np.sqrt(np.einsum("pq,pq,pq->p", posterior, following, following))[:, None]
        usable = norm > 1e-12
        previous, current = current, np.where(usable, following / np.where(usable, norm, 1.0), 0.0)
