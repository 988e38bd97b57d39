"""Fit of a whole model by the moments of items and pairs of items: M2, M2* and C2, with RMSEA.

e are observed less expected moments, Ξ the covariance of √N e at known parameters, Δ the derivatives of the expected ones. With
C = Ξ⁻¹ - Ξ⁻¹ Δ (Δᵀ Ξ⁻¹ Δ)⁻¹ Δᵀ Ξ⁻¹, N eᵀ C e is χ² (Maydeu-Olivares & Joe 2006, doi:10.1007/s11336-005-1295-9, eq. 15; ordered
categories: Cai & Hansen 2013, doi:10.1111/j.2044-8317.2012.02050.x; C2: Cai & Monroe 2014, CRESST 839). This holds for any
set of moments (Joe & Maydeu-Olivares 2010, doi:10.1007/s11336-010-9165-5) and for moments of whoever gave the answers, where
what persons were asked does not depend on them: moments r and s of n_r and n_s persons, n_rs of them in both, covary by
n_rs / (n_r n_s) times the covariance of one person's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import chdtrc, chndtr, chndtrinc

from competency_dx.arrays import Bools, Codes, Floats, Ints, evenly

RANK = 1e-9
SETS = 4000


class LimitedMoments(NamedTuple):
    """E[f_u] of functions f (U, K) of the items `item` (U,), and E[X_i X_j] of pairs of the I items."""

    item: Ints
    value: Floats
    first: Ints
    second: Ints

    @classmethod
    def of(cls, n_categories: Ints, pairs: tuple[Ints, Ints], *, categories: bool) -> LimitedMoments:
        """Return the moments with indicators of all categories but the lowest (C2), or with the points of each item (M2, M2*)."""
        I, K = len(n_categories), int(n_categories.max())
        if not categories:
            return cls(np.arange(I), np.tile(np.arange(float(K)), (I, 1)), *pairs)
        return cls(np.repeat(np.arange(I), n_categories - 1), np.concatenate([np.eye(K)[1:m] for m in n_categories]), *pairs)

    def pairs_of(self, item: int) -> tuple[Ints, Ints]:
        """Return the pairs with an item, and its partner in each."""
        at = np.flatnonzero((self.first == item) | (self.second == item))
        return at, np.where(self.first[at] == item, self.second[at], self.first[at])

    def expected(self, prob: Floats, weight: Floats) -> Floats:
        """Return the moments (U + pairs,) for probabilities (I, K, Q) at points with weights (Q,)."""
        mean = _points(prob)
        alone = np.einsum("uk,ukq,q->u", self.value, prob[self.item], weight)
        return np.concatenate([alone, ((mean * weight) @ mean.T)[self.first, self.second]])

    def observed(self, codes: Codes, seen: Bools) -> Floats:
        """Return those of answers (P, I), each of the persons who gave them."""
        x, n = codes * seen.astype(np.float64), seen.T.astype(np.float64) @ seen
        alone = [of[codes[seen[:, i], i]].mean() for i, of in zip(self.item.tolist(), self.value, strict=True)]
        return np.concatenate([alone, (x.T @ x / np.maximum(n, 1.0))[self.first, self.second]])

    def shared(self, seen: Bools) -> tuple[Floats, float]:
        """Return n n_rs / (n_r n_s) (M, M) of who answered what (P, I), and n, how many answered a pair in the mean.

        Of very many sets of answered items some stand for all.
        """
        sets, count = np.unique(np.packbits(seen, axis=1), axis=0, return_counts=True)
        some = evenly(len(sets), SETS)
        given, weight = np.unpackbits(sets[some], axis=1)[:, : seen.shape[1]] > 0, count[some].astype(np.float32)
        both = np.concatenate([given[:, self.item], given[:, self.first] & given[:, self.second]], axis=1).astype(np.float32)
        common = (both.T * weight) @ both * (len(seen) / weight.sum(dtype=np.float64))
        n = np.maximum(np.diag(common), 1.0)
        typical = float(n[len(self.item) :].mean())
        return typical * common / np.outer(n, n), typical

    def covariance(self, prob: Floats, weight: Floats) -> Floats:
        """Return Ξ (U + pairs, U + pairs); items answer independently given θ, and twice the same item is one answer."""
        step = np.arange(float(prob.shape[1]))
        mean, second, own = _points(prob), np.einsum("k,ikq->iq", step**2, prob), prob[self.item]
        alone, along = (np.einsum("uk,ukq->uq", self.value * by, own) for by in (np.ones_like(step), step))
        pair, U = mean[self.first] * mean[self.second], len(self.item)
        rows = np.concatenate([alone, pair])
        out = (rows * weight) @ rows.T
        same = self.item[:, None] == self.item
        out[:U, :U][same] = np.einsum("uk,vk,ukq,q->uv", self.value, self.value, own, weight)[same]
        for item in range(len(prob)):
            at, partner = self.pairs_of(item)
            out[np.ix_(U + at, U + at)] = (mean[partner] * (weight * second[item])) @ mean[partner].T
            mine = np.flatnonzero(self.item == item)
            out[np.ix_(mine, U + at)] = (along[mine] * weight) @ mean[partner].T
        diagonal = np.arange(U, len(out))
        out[diagonal, diagonal] = (second[self.first] * second[self.second]) @ weight
        out[U:, :U] = out[:U, U:].T
        return np.asarray(out - np.outer(rows @ weight, rows @ weight))

    def derivatives(self, prob: Floats, weight: Floats, slope: Floats) -> Floats:
        """Return the derivatives (I, F, U + pairs) by each item's own parameters, for those of its probabilities (I, F, K, Q)."""
        out, mean = np.zeros((*slope.shape[:2], len(self.item) + len(self.first))), _points(prob)
        for item, own in enumerate(slope):
            mine, (at, partner) = np.flatnonzero(self.item == item), self.pairs_of(item)
            out[item][:, mine] = np.einsum("uk,fkq,q->fu", self.value[mine], own, weight)
            out[item][:, len(self.item) + at] = (_points(own) * weight) @ mean[partner].T
        return out


def _points(prob: Floats) -> Floats:
    return np.asarray(np.einsum("k,ikq->iq", np.arange(float(prob.shape[1])), prob))


def limited_fit(residual: Floats, covariance: Floats, derivatives: Floats, n: float) -> Floats:
    """Return N eᵀ C e of e (M,), Ξ (M, M), Δ (M, F): statistic, df, p, RMSEA with 90 % interval (6,), NaN where df are 0."""
    root = cholesky(covariance + RANK * np.diag(np.diag(covariance)), lower=True)
    y, Z = (solve_triangular(root, x, lower=True) for x in (residual, derivatives))
    left, size, _ = np.linalg.svd(Z, full_matrices=False)
    left = left[:, size > RANK * size.max()]
    df, x = len(y) - left.shape[1], n * float(y @ y - (left.T @ y) @ (left.T @ y))
    if df < 1:
        return np.array([np.nan, df, *[np.nan] * 4])
    ends = [float(chndtrinc(x, df, q)) if chndtr(x, df, 0) > q else 0.0 for q in (0.95, 0.05)]
    return np.array([x, df, chdtrc(df, x), *np.sqrt(np.maximum([x - df, *ends], 0.0) / (df * (n - 1)))])
