"""Classical numbers of items and test, of whatever part of the items each person got: shares, alpha, thirds of the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Z95, Bools, Codes, Floats, Ints, blocks

ROWS = 1 << 12


class PairMoments(NamedTuple):
    """Means (I,) of the points, and covariances (I, I) of pairs of items among the persons who answered both.

    NaN without answers, and without two persons who answered both.
    """

    mean: Floats
    covariance: Floats
    complete: bool

    @classmethod
    def of(cls, codes: Codes, observed: Bools) -> PairMoments:
        """Return the covariances with divisor n - 1; those of complete data are the usual ones."""
        I, complete = codes.shape[1], bool(observed.all())
        n, first, product = np.zeros((I, I)), np.zeros((I, I)), np.zeros((I, I))
        for rows in blocks(len(codes), ROWS):
            seen = observed[rows].astype(np.float64)
            x = codes[rows] * seen
            product += x.T @ x
            if complete:
                n, first = n + len(x), first + x.sum(axis=0)[:, None]
            else:
                n += seen.T @ seen
                first += x.T @ seen  # of item i among those who answered j too
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = np.where(n > 1, (product - first * first.T / n) / (n - 1), np.nan)
            return cls(np.diag(first) / np.diag(n), covariance, complete)


def alpha(moments: PairMoments, persons: int, n_given: float) -> tuple[float, float, Floats, tuple[float, float]]:
    """Return alpha of all items, of as many as a person got on average, without each item (I,), and 95 % limits of the first.

    Of k items α = k c / (v + (k - 1) c), with c the mean covariance of two items and v the mean variance: Cronbach (1951,
    doi:10.1007/BF02310555), eq. 2, where all pairs met; pairs of items that nobody got together are left out of the mean. Limits,
    of complete data alone: log(1 - α) has the variance 2 k / ((k - 1) (n - 2)) (Bonett 2002, doi:10.3102/10769986027004335).
    """
    C, I = moments.covariance, len(moments.covariance)
    variance = np.diag(C)
    there = np.isfinite(variance)
    pairs = np.isfinite(C) & ~np.eye(I, dtype=np.bool_)
    row = np.where(pairs, C, 0.0).sum(axis=1)
    total, n = row.sum(), pairs.sum()
    v, k = np.where(there, variance, 0.0), int(there.sum())

    def stepped(items: float | Floats, covariance: float | Floats, mean_variance: float | Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(items * covariance / (mean_variance + (items - 1) * covariance))

    with np.errstate(divide="ignore", invalid="ignore"):
        c, mean = np.divide(total, n), np.divide(v.sum(), k)
        without = stepped(k - 1, (total - 2 * row) / (n - 2 * pairs.sum(axis=1)), (v.sum() - v) / (k - 1))
    whole, low, high = float(stepped(k, c, mean)), np.nan, np.nan
    if moments.complete and np.isfinite(whole) and persons > 2 and k > 1:
        half = Z95 * np.sqrt(2 * k / ((k - 1) * (persons - 2)))
        low, high = (float(1 - (1 - whole) * np.exp(sign * half)) for sign in (1, -1))
    out = np.where(there & np.isfinite(without), without, np.nan)
    return whole, float(stepped(min(n_given, k), c, mean)), out, (low, high)


def mean_limits(mean: Floats, variance: Floats, highest: Floats, n: Ints) -> tuple[Floats, Floats]:
    """Return 95 % limits of the mean share of points, by Wilson (1927, doi:10.1080/01621459.1927.10502953), eq. 4.

    Points of several steps vary less than right and wrong with the same mean: n counts for n p (1 - p) / variance answers.

    Parameters
    ----------
    mean, variance : ndarray, shape (I,)
        Of the points, the variance with divisor n.
    highest, n : ndarray, shape (I,)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = mean / highest
        spread = p * (1 - p)
        several = variance / (highest**2 * spread)
        size = n / np.where(np.isfinite(several) & (several > 0), np.minimum(several, 1.0), 1.0)
        centre = (p + Z95**2 / (2 * size)) / (1 + Z95**2 / size)
        half = Z95 * np.sqrt(spread / size + Z95**2 / (4 * size**2)) / (1 + Z95**2 / size)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def correlation_limits(r: Floats, n: Ints) -> tuple[Floats, Floats]:
    """Return 95 % limits of correlations by Fisher's z (1921), NaN below 4 persons."""
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    half = Z95 / np.sqrt(np.where(n > 3, n - 3, np.nan))
    return np.tanh(z - half), np.tanh(z + half)


def thirds(level: Floats) -> Ints:
    """Return 0, 1 or 2 for each person (P,): lower, middle or upper third; persons of one level stay together."""
    out, n = np.zeros(len(level), dtype=np.int64), len(level)
    rounded = np.round(level, 9)
    for k in (1, 2):
        cut = np.partition(rounded, k * n // 3)[k * n // 3]
        below, at = int((rounded < cut).sum()), int((rounded == cut).sum())
        out += rounded > cut if below + at / 2 < k * n / 3 else rounded >= cut
    return out
