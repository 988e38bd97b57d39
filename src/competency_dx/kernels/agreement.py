"""Agreement of marks: shares and weighted kappa of tables with jackknife errors over works, intraclass correlations with F intervals.

A table counts how often one mark met another. Weighted kappa: Cohen (1968, doi:10.1037/h0026256). ICC: McGraw & Wong (1996,
doi:10.1037/1082-989X.1.1.30).
"""

from __future__ import annotations

import numpy as np
from scipy.special import fdtri

from competency_dx.arrays import Z95, Floats, Ints


def kappa(table: Floats, power: int = 2) -> Floats:
    """Return kappa of tables (…, K, K) with disagreement |i - j|^power (0: unweighted), NaN where chance alone agrees."""
    k = np.arange(table.shape[-1])
    off = np.abs(k[:, None] - k) ** float(power) if power else (k[:, None] != k).astype(np.float64)
    n = table.sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.einsum("...i,...j,ij->...", table.sum(axis=-1), table.sum(axis=-2), off) / n
        return np.asarray(1 - (table * off).sum(axis=(-2, -1)) / chance)


def wilson(p: Floats, n: Floats) -> Floats:
    """Return the 95 % interval (2, …) of shares of n cases (Wilson 1927)."""
    centre, half = p + Z95**2 / (2 * n), Z95 * np.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    return np.asarray(np.stack([centre - half, centre + half]) / (1 + Z95**2 / n))


def table_statistics(tables: Floats, power: int = 2) -> Floats:
    """Return exact share, share within one mark and kappa with their 95 % intervals (3, 3) of the tables (W, K, K) of W works.

    Errors leave out one work at a time; intervals of shares are Wilson's at the number of marks that have this error.
    """
    k = np.arange(tables.shape[-1])
    near = [(np.abs(k[:, None] - k) <= d).astype(np.float64) for d in (0, 1)]

    def statistics(of: Floats) -> Floats:
        n = np.maximum(of.sum(axis=(-2, -1)), 1)
        return np.stack([*((of * mask).sum(axis=(-2, -1)) / n for mask in near), kappa(of, power)], axis=-1)

    W, total = len(tables), tables.sum(axis=0)
    value = statistics(total)
    if W < 2:
        return np.column_stack([value, np.full((3, 2), np.nan)])
    without = statistics(total - tables)
    variance = (W - 1) / W * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    out = np.column_stack([value, value - Z95 * np.sqrt(variance), value + Z95 * np.sqrt(variance)])
    p, n = value[:2], np.full(2, float(W))
    np.divide(p * (1 - p), variance[:2], out=n, where=variance[:2] > 0)
    out[:2, 1:] = wilson(p, n).T
    return np.asarray(np.clip(out, -1, 1))


def icc_one_way(marks: Floats, work: Ints) -> Floats:
    """Return ICC(1) with its 95 % interval (3,) of marks (M,) of works (M,), any number of them a work."""
    _, work, size = np.unique(work, return_inverse=True, return_counts=True)
    n, N = len(size), len(marks)
    if n < 2 or n == N:
        return np.full(3, np.nan)
    mean = np.bincount(work, weights=marks) / size
    within = ((marks - mean[work]) ** 2).sum() / (N - n)
    between = (size * (mean - marks.mean()) ** 2).sum() / (n - 1)
    k = (N - (size**2).sum() / N) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        F = between / within
        ends = F / fdtri(n - 1, N - n, 0.975), F * fdtri(N - n, n - 1, 0.975)
        return np.array([(f - 1) / (f + k - 1) if np.isfinite(f) else 1.0 for f in (F, *ends)])


def icc_two_way(x: Floats) -> Floats:
    """Return ICC(A, 1), absolute agreement of single marks, with its 95 % interval (3,) of a table (works, experts)."""
    n, k = x.shape
    if n < 2:
        return np.full(3, np.nan)
    rows, columns, grand = x.mean(axis=1), x.mean(axis=0), x.mean()
    R, C = k * ((rows - grand) ** 2).sum() / (n - 1), n * ((columns - grand) ** 2).sum() / (k - 1)
    E = ((x - rows[:, None] - columns + grand) ** 2).sum() / ((n - 1) * (k - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        icc = (R - E) / (R + (k - 1) * E + k / n * (C - E))
        a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
        v = (a * C + b * E) ** 2 / ((a * C) ** 2 / (k - 1) + (b * E) ** 2 / ((n - 1) * (k - 1)))
        low, high, rest = fdtri(n - 1, v, 0.975), fdtri(v, n - 1, 0.975), k * C + (k * n - k - n) * E
        return np.array([icc, n * (R - low * E) / (low * rest + n * R), n * (high * R - E) / (rest + n * high * R)])
