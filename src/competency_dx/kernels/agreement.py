"""Agreement of marks: shares and weighted kappa of pairs with jackknife errors over works, intraclass correlations with F intervals.

Weighted kappa: Cohen (1968, doi:10.1037/h0026256). ICC: McGraw & Wong (1996, doi:10.1037/1082-989X.1.1.30).
"""

import numpy as np

from competency_dx.arrays import Z95, Floats, Ints


def wilson(p: Floats, n: Floats, z: float = Z95) -> Floats:
    """Return the interval (2, …) of shares of n cases (Wilson 1927), of 95 % or by another normal quantile."""
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return np.asarray(np.stack([centre - half, centre + half]) / (1 + z**2 / n))


def pair_statistics(marks: Ints, work: Ints, *, ordered: bool = True) -> Floats:
    """Return exact share, share within one mark and kappa with their 95 % intervals (3, 3) of pairs of marks (2, N) of works (N,).

    Kappa has quadratic weights and follows from moments, however many marks there may be; where pairs are not `ordered`, each counts
    both ways round. Errors leave out one work at a time; intervals of shares are Wilson's at the number of marks that have this
    error. NaN where there are no pairs, kappa also where chance alone agrees, its interval where leaving works out changes nothing.
    """
    off, W = np.abs(marks[0] - marks[1]), int(work.max(initial=-1)) + 1
    linear = marks if ordered else np.tile(marks.mean(axis=0), (2, 1))
    weights = (None, off == 0, off <= 1, off**2, *linear, (marks**2).sum(axis=0))
    sums = np.stack([np.bincount(work, weights=w, minlength=W).astype(np.float64) for w in weights])

    def statistics(of: Floats) -> Floats:
        n, exact, near, square, x, y, squares = of
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([exact / n, near / n, 1 - square / (squares - 2 * x * y / n)], axis=-1)

    total = sums.sum(axis=1)
    value = statistics(total)
    if W < 2:
        return np.column_stack([value, np.full((3, 2), np.nan)])
    without = statistics(total[:, None] - sums)
    variance = (W - 1) / W * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    out = np.column_stack([value, value - Z95 * np.sqrt(variance), value + Z95 * np.sqrt(variance)])
    p, n = value[:2], np.full(2, float(W))
    np.divide(p * (1 - p), variance[:2], out=n, where=variance[:2] > 0)
    out[:2, 1:] = wilson(p, n).T
    out[2, 1:] = np.where(variance[2] > 0 or value[2] == 1, out[2, 1:], np.nan)
    return np.asarray(np.clip(out, -1, 1))


def icc_one_way(marks: Floats, work: Ints) -> Floats:
    """Return ICC(1) with its 95 % interval (3,) of marks (M,) of works (M,), any number of them a work."""
    from scipy.special import fdtri  # here: shares and kappa do without it

    _, work, size = np.unique(work, return_inverse=True, return_counts=True)
    n, N = len(size), len(marks)
    if n < 2 or n == N or np.ptp(marks) < 1e-12:
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
    from scipy.special import fdtri

    n, k = x.shape
    if n < 3 or np.ptp(x) < 1e-12:
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
