"""Likelihood of sum scores by the recursion of Lord & Wingersky, for dichotomous and polytomous items.

L_n(s | θ) = Σ_k P(X_n = k | θ) L_{n-1}(s - k | θ)     (Lord & Wingersky 1984, doi:10.1177/014662168400800409)
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.kernels.blocks import map_blocks

BLOCK = 32_768


def row_sums(table: Codes | Bools) -> Ints:
    """Return the sums (P,) of the rows of a table (P, I) of small numbers, in blocks over the cores."""
    out = np.empty(len(table), dtype=np.int64)

    def one(block: slice) -> None:
        out[block] = table[block].sum(axis=1, dtype=np.int32)

    for _ in map_blocks(one, len(table), size=BLOCK):
        pass
    return out


def sum_score_likelihood(prob: Floats, n_categories: Ints) -> Floats:
    """Return L(s | θ) (S + 1, Q) for category probabilities (I, K, Q); S is the highest sum score."""
    out = np.ones((1, prob.shape[2]))
    for table, K in zip(prob, n_categories, strict=True):
        longer = np.zeros((len(out) + K - 1, prob.shape[2]))
        for k in range(K):
            longer[k : k + len(out)] += table[k] * out
        out = longer
    return out
