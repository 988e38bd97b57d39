"""Fit of items: answers beside what the sum of points, or the other answers of each person, let expect.

Given the other answers x_-i of a person, the answer to item i has the probabilities π_k = E[P_k(θ) | x_-i]. Sums d of answers less
these have mean 0 and known variances V under the model, whichever items each person got. Parameters φ of the item estimated from the
same answers take their score S = Σ_p Σ_k (1{x = k} / π_k) ∂π_k/∂φ out of it: with H the variance of S and J its covariance with d,
d - J H⁻¹ S has the variance V - J H⁻¹ Jᵀ, and priors have no part in it (Neyman's C(α), 1959). Parameters from elsewhere with
covariance C add J C Jᵀ to the variance of d.
"""

import numpy as np
from scipy.special import chdtrc

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.persons import sum_score_likelihood

LEAST, FULL = 1.0, 5.0  # expected answers of a cell given the sum, and of one of a group
TINY = 1e-12


def given_sum(prob: Floats, weight: Floats, n_categories: Ints, item: int) -> Floats:
    """Return P(X_i = k | sum of points) (S + 1, K) for probabilities (I, K, Q) under weights (Q,) of the population.

    Orlando & Thissen (2000, doi:10.1177/01466216000241003), eq. 7; NaN where the sum cannot be.
    """
    others, K = np.arange(len(prob)) != item, int(n_categories[item])
    joint = sum_score_likelihood(prob[others], n_categories[others]) @ (weight * prob[item, :K]).T
    out = np.zeros((len(joint) + K - 1, K))
    for k in range(K):
        out[k : k + len(joint), k] = joint[:, k]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(out / out.sum(axis=1, keepdims=True))


def cells(expected: Floats, least: float = LEAST) -> Ints:
    """Return the cell (K,) of each category: neighbours are merged, the lowest first, until each expects `least`."""
    out, cell, held = np.empty(len(expected), dtype=np.int64), 0, 0.0
    for k, amount in enumerate(expected):
        out[k], held = cell, held + amount
        if held >= least:
            cell, held = cell + 1, 0.0
    return np.minimum(out, max(cell - 1, 0))


def pearson(observed: Floats, expected: Floats) -> tuple[float, int]:
    """Return X² = Σ (O - E)² / E of tables (R, K) and Σ (cells of a row - 1).

    A row without two cells of an expected answer is added to its neighbour with fewer answers, one of a single answer first of all
    to the next.
    """
    rows = [np.nan_to_num(pair) for pair in zip(observed, expected, strict=True) if np.nansum(pair[1]) > 0]
    while len(rows) > 1:
        size = [round(float(e.sum())) for _, e in rows]
        if not (sparse := [r for r, (_, e) in enumerate(rows) if cells(e).max() < 1]):
            break
        alone = 1 in size
        at, last = size.index(1) if alone else sparse[0], len(rows) - 1
        to = at - 1 if at == last or (at > 0 and not alone and size[at - 1] <= size[at + 1]) else at + 1
        rows[to] = rows[to] + rows[at]
        del rows[at]
    merged = [(np.bincount(cells(e), o), np.bincount(cells(e), e)) for o, e in rows]
    return float(sum(((o - e) ** 2 / e).sum() for o, e in merged)), sum(len(e) - 1 for _, e in merged)


def s_x2(codes: Ints, prob: Floats, weight: Floats, n_categories: Ints, n_free: Ints) -> Floats:
    """Return S-X² of complete answers (P, I), degrees of freedom and p (3, I), for `n_free` parameters of each item alone (I,)."""
    sums, out = codes.sum(axis=1), np.full((3, len(prob)), np.nan)
    for item, own in enumerate(n_free.tolist()):
        expected = given_sum(prob, weight, n_categories, item)
        shape, cell = expected.shape, sums * expected.shape[1] + codes[:, item]
        observed = np.bincount(cell, minlength=expected.size).reshape(shape).astype(np.float64)
        expected = expected * observed.sum(axis=1, keepdims=True)
        statistic, df = pearson(observed[1:-1], expected[1:-1])  # all or no points: all the same
        out[:, item] = statistic, df - own, chdtrc(df - own, statistic) if df > own else np.nan
    return out


def item_misfit(
    prob: Floats, slope: Floats, codes: Ints, points: Floats, group: Ints, elsewhere: Floats | None
) -> tuple[Floats, Floats]:
    """Return X², df, p, RMSD, infit and outfit with z and standard error (10,), and of groups (4, G) what `Fit` says.

    `prob` (n, K) are π and `slope` (n, K, F) their derivatives, `points` (K,) those of categories, `group` (n,) persons of like
    expectation, `elsewhere` (F, F) the covariance of parameters that these answers did not give. X² = dᵀ V⁻¹ d is a weighted sum of
    χ²: it is scaled to mean and variance of one (Satterthwaite 1946). Infit (w = 1) and outfit (w = 1 / V) are Σ w d² / Σ w V,
    the score taken out, with the standard error √(Σ w² Var d² + J B Jᵀ) / Σ w V under the model: z is what they differ from 1 by it.
    """
    (n, K), G, x, P = prob.shape, int(group.max()) + 1, points[codes], np.maximum(prob, TINY)
    mean = P @ points
    off = points - mean[:, None]
    variance, fourth = (P * off**2).sum(axis=1), (P * off**4).sum(axis=1)
    score = (slope[np.arange(n), codes] / P[np.arange(n), codes][:, None]).sum(axis=0)
    information = np.einsum("nkf,nkg->fg", slope / P[:, :, None], slope)
    B = -np.linalg.pinv(information, rcond=1e-9, hermitian=True) if elsewhere is None else elsewhere
    shift, hot, rows = B @ score * (elsewhere is None), np.eye(K)[codes], (group == np.arange(G)[:, None]).astype(np.float64)
    chi2, square, degrees = 0.0, np.zeros_like(B), 0
    for who in group == np.arange(G)[:, None]:
        e = P[who].sum(axis=0)
        cell = cells(e, FULL)
        pick = np.eye(cell.max() + 1)[cell].T[1:]
        root = np.linalg.cholesky(pick @ (np.diag(e) - P[who].T @ P[who]) @ pick.T + TINY * np.eye(len(pick)))
        J = np.linalg.solve(root, pick @ slope[who].sum(axis=0))
        d = np.linalg.solve(root, pick @ (hot[who].sum(axis=0) - e)) + J @ shift
        chi2, degrees, square = chi2 + float(d @ d), degrees + len(d), square + J.T @ J
    W = square @ B
    expected, half = degrees + np.trace(W), degrees + 2 * np.trace(W) + np.trace(W @ W)
    chi2, df = (chi2 * expected / half, expected**2 / half) if expected > 0 else (np.nan, np.nan)
    size = rows.sum(axis=1)
    gap, noise = rows @ (x - mean) / size, rows @ variance / size**2
    out = [chi2, df, chdtrc(df, chi2), np.sqrt(max(float((size / n) @ (gap**2 - noise)), 0.0)) / np.ptp(points)]
    for weight in (np.ones(n), 1 / np.maximum(variance, TINY)):
        J = np.einsum("n,nk,nkf->f", weight, off**2, slope)
        spread, excess = weight**2 @ (fourth - variance**2) + J @ B @ J, weight @ ((x - mean) ** 2 - variance)
        excess, error, all_ = excess + J @ shift, np.sqrt(spread) if spread > TINY * n else np.nan, weight @ variance
        out += [1 + excess / all_, np.nan_to_num(excess / error), error / all_]
    return np.array(out), np.stack([size, rows @ mean / size, rows @ x / size, np.sqrt(noise)])


def adjusted(p: Floats) -> Floats:
    """Return p of I tests such that of those below a level at most this share is false (Benjamini & Hochberg 1995); NaN stays."""
    from scipy.stats import false_discovery_control  # slow to import

    out, known = np.full(len(p), np.nan), np.isfinite(p)
    out[known] = false_discovery_control(p[known]) if known.any() else np.nan
    return out
