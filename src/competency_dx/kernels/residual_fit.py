"""What is left when the model has said its part: in items, between items, in the answers of single persons, in the whole model.

Given the other answers x_-i of a person, the answer to item i has the probabilities π_k = E[P_k(θ) | x_-i]. Sums d of answers less
these have mean 0 and known variances V under the model, whichever items each person got. Parameters φ of the item estimated from the
same answers take their score S = Σ_p Σ_k (1{x = k} / π_k) ∂π_k/∂φ out of it: with H the variance of S and J its covariance with d,
d - J H⁻¹ S has the variance V - J H⁻¹ Jᵀ, and priors have no part in it (Neyman's C(α), 1959). Parameters from elsewhere with
covariance C add J C Jᵀ to the variance of d.

The whole model is judged by the moments of items and pairs of items: M2, M2* and C2, with RMSEA. e are observed less expected
moments, Ξ the covariance of √N e at known parameters, Δ the derivatives of the expected ones. With
C = Ξ⁻¹ - Ξ⁻¹ Δ (Δᵀ Ξ⁻¹ Δ)⁻¹ Δᵀ Ξ⁻¹, N eᵀ C e is χ² (Maydeu-Olivares & Joe 2006, doi:10.1007/s11336-005-1295-9, eq. 15; ordered
categories: Cai & Hansen 2013, doi:10.1111/j.2044-8317.2012.02050.x; C2: Cai & Monroe 2014, CRESST 839). This holds for any
set of moments (Joe & Maydeu-Olivares 2010, doi:10.1007/s11336-010-9165-5) and for moments of whoever gave the answers, where
what persons were asked does not depend on them: moments r and s of n_r and n_s persons, n_rs of them in both, covary by
n_rs / (n_r n_s) times the covariance of one person's.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import chdtrc, chndtr, chndtrinc, ndtri

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, evenly
from competency_dx.kernels.persons import Curves, sum_score_likelihood

LEAST, FULL = 1.0, 5.0  # expected answers of a cell given the sum, and of one of a group
LEAST_CHANCE = 1e-12
TINY, BLOCK = 1e-300, 512
MOST, SAMPLE, DRAWS, LEVEL = 8, 400, 300, 0.05  # items in a set before it is completed, persons and samples drawn for chance
STAYS, BARRED, ROUNDS = 2.5, -99.0, 5
SLACK = 0.8  # for the first look at pairs of persons
RANK = 1e-9
SETS = 4000


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


def item_misfit(prob: Floats, slope: Floats, codes: Ints, points: Floats, group: Ints, other: Floats | None) -> tuple[Floats, Floats]:
    """Return X², df, p, RMSD, infit and outfit with z and standard error (10,), and of groups (4, G) what `Fit` says.

    `prob` (n, K) are π and `slope` (n, K, F) their derivatives, `points` (K,) those of categories, `group` (n,) persons of like
    expectation, `other` (F, F) the covariance of parameters that these answers did not give. X² = dᵀ V⁻¹ d is a weighted sum of
    χ²: it is scaled to mean and variance of one (Satterthwaite 1946). Infit (w = 1) and outfit (w = 1 / V) are Σ w d² / Σ w V,
    the score taken out, with the standard error √(Σ w² Var d² + J B Jᵀ) / Σ w V under the model: z is what they differ from 1 by it.
    """
    (n, K), G, x, P = prob.shape, int(group.max()) + 1, points[codes], np.maximum(prob, LEAST_CHANCE)
    mean = P @ points
    off = points - mean[:, None]
    variance, fourth = (P * off**2).sum(axis=1), (P * off**4).sum(axis=1)
    score = (slope[np.arange(n), codes] / P[np.arange(n), codes][:, None]).sum(axis=0)
    information = np.einsum("nkf,nkg->fg", slope / P[:, :, None], slope)
    B = -np.linalg.pinv(information, rcond=1e-9, hermitian=True) if other is None else other
    shift, hot, rows = B @ score * (other is None), np.eye(K)[codes], (group == np.arange(G)[:, None]).astype(np.float64)
    chi2, square, degrees = 0.0, np.zeros_like(B), 0
    for who in group == np.arange(G)[:, None]:
        e = P[who].sum(axis=0)
        cell = cells(e, FULL)
        pick = np.eye(cell.max() + 1)[cell].T[1:]
        root = np.linalg.cholesky(pick @ (np.diag(e) - P[who].T @ P[who]) @ pick.T + LEAST_CHANCE * np.eye(len(pick)))
        J = np.linalg.solve(root, pick @ slope[who].sum(axis=0))
        d = np.linalg.solve(root, pick @ (hot[who].sum(axis=0) - e)) + J @ shift
        chi2, degrees, square = chi2 + float(d @ d), degrees + len(d), square + J.T @ J
    W = square @ B
    expected, half = degrees + np.trace(W), degrees + 2 * np.trace(W) + np.trace(W @ W)
    chi2, df = (chi2 * expected / half, expected**2 / half) if expected > 0 else (np.nan, np.nan)
    size = rows.sum(axis=1)
    gap, noise = rows @ (x - mean) / size, rows @ variance / size**2
    out = [chi2, df, chdtrc(df, chi2), np.sqrt(max(float((size / n) @ (gap**2 - noise)), 0.0)) / np.ptp(points)]
    for weight in (np.ones(n), 1 / np.maximum(variance, LEAST_CHANCE)):
        J = np.einsum("n,nk,nkf->f", weight, off**2, slope)
        spread, excess = weight**2 @ (fourth - variance**2) + J @ B @ J, weight @ ((x - mean) ** 2 - variance)
        excess, error, all_ = excess + J @ shift, np.sqrt(spread) if spread > LEAST_CHANCE * n else np.nan, weight @ variance
        out += [1 + excess / all_, np.nan_to_num(excess / error), error / all_]
    return np.array(out), np.stack([size, rows @ mean / size, rows @ x / size, np.sqrt(noise)])


def adjusted(p: Floats) -> Floats:
    """Return p of I tests such that of those below a level at most this share is false (Benjamini & Hochberg 1995); NaN stays."""
    from scipy.stats import false_discovery_control  # slow to import

    out, known = np.full(len(p), np.nan), np.isfinite(p)
    out[known] = false_discovery_control(p[known]) if known.any() else np.nan
    return out


def components(correlations: Floats) -> Floats:
    """Return the eigenvalues (I,) of correlations, the largest first."""
    return np.asarray(np.linalg.eigvalsh(correlations)[::-1])


def chance_components(I: int, n: int, draws: int, rng: np.random.Generator) -> Floats:
    """Return eigenvalues (draws, I) of correlations of independent normal variables of n persons (Horn 1965).

    The triangular root of their covariance is drawn itself (Bartlett 1933): χ of n - 1, n - 2 … and normal numbers below.
    """
    out = np.empty((draws, I))
    for k in range(draws):
        root = np.tril(rng.standard_normal((I, I)), -1) + np.diag(np.sqrt(rng.chisquare(np.maximum(n - 1 - np.arange(I), 1))))
        root /= np.sqrt((root**2).sum(axis=1, keepdims=True))
        out[k] = components(root @ root.T)
    return out


def grown(z: Floats) -> tuple[Floats, Ints]:
    """Return the evidence (R, I, M - 1) of sets of 2 to M items grown from each item by z (R, I, I), and their items (R, I, M).

    A set takes the item whose z with its items have the largest sum. Evidence is the sum over pairs over the root of their number.
    """
    (R, I, _), gain, total = z.shape, z.copy(), np.zeros(z.shape[:2])
    rows, start, M = np.arange(R)[:, None], np.arange(I), min(MOST, I)
    gain[:, start, start], evidence, order = -np.inf, np.empty((R, I, M - 1)), np.tile(start[:, None], (R, 1, M))
    for m in range(1, M):
        order[:, :, m], total = gain.argmax(axis=2), total + gain.max(axis=2)
        evidence[:, :, m - 1] = total / np.sqrt(m * (m + 1) / 2)
        gain += z[rows, order[:, :, m]]
        gain[rows, start, order[:, :, m]] = -np.inf
    return evidence, order


def chance_sets(seen: Bools, curves: tuple[Floats, Floats, Floats], implied: Floats, scale: Floats, rng: np.random.Generator) -> Floats:
    """Return the strongest evidence (draws, M - 1) of sets of each size by chance.

    Answers follow the `curves`, probabilities (I, K, Q), points (I, K) and weights (Q,) of θ, with covariances `implied`, missing
    where some of the persons (P, I) have none; the factors of `local_dependence` are fitted in their linear form, and z are in
    units of `scale` (I, I). Normal answers would be too tame: a few rare ones make the covariances of short tests.
    """
    prob, points, weight = curves
    here = seen[np.lexsort(seen.T)][evenly(len(seen), SAMPLE)].astype(np.float64)  # of each booklet its share
    below, rise, apart = prob.cumsum(axis=1)[:, :-1], np.diff(points, axis=1)[:, :, None], ~np.eye(len(prob), dtype=np.bool_)
    n, total, C, out = here.T @ here * apart, np.maximum(here.sum(axis=0), 1), implied / np.sqrt(np.outer(*[np.diag(implied)] * 2)), []
    solve = np.linalg.pinv(np.diag((n * C**2).sum(axis=1)) + n * C**2)
    for _ in range(DRAWS):
        at = rng.choice(len(weight), len(here), p=weight)
        x = here * (rise * (rng.random((len(prob), 1, len(here))) > below[:, :, at])).sum(axis=1).T
        y = x - here * (x.sum(axis=0) / total)
        y /= np.sqrt(np.maximum((y**2).sum(axis=0) / total, TINY))
        excess = y.T @ y / np.maximum(n, 1) - C
        slope = solve @ (n * C * excess).sum(axis=1)
        z = np.sqrt(n) * (excess - C * (slope[:, None] + slope)) / scale
        out.append(grown(((z - np.median(z[apart])) * (n > 0))[None])[0][0].max(axis=0))
    return np.array(out)


def tied_sets(z: Floats, chance: Floats) -> list[Ints]:
    """Return sets of items whose z (I, I), 0 on the diagonal, are jointly beyond chance (draws, M - 1), in one test of 20 any."""
    I, sets, free = len(z), list[Ints](), np.ones(len(z), dtype=np.bool_)
    mean, sd = chance.mean(axis=0), np.maximum(chance.std(axis=0), TINY)
    bound, joins = np.quantile(((chance - mean) / sd).max(axis=1), 1 - LEVEL), ndtri(1 - LEVEL / I)
    while free.sum() > 2:
        level = np.median(z[np.ix_(free, free)][np.triu_indices(free.sum(), 1)]) if 2 * free.sum() > I else 0.0
        within = np.where(np.outer(free, free), z - max(level, 0.0), BARRED) * ~np.eye(I, dtype=np.bool_)
        evidence, order = grown(within[None])
        beyond = (evidence[0] - mean) / sd
        first, size = np.unravel_index(beyond.argmax(), beyond.shape)
        if beyond[first, size] <= bound:
            break
        member = np.isin(np.arange(I), order[0, first, : size + 2])
        for _ in range(ROUNDS):
            fits = within @ member / np.sqrt(np.maximum(member.sum() - member, 1)) > np.where(member, STAYS, joins)
            member = fits if fits.sum() > 1 else member
        sets.append(np.flatnonzero(member))
        free &= ~member
    return sets


def detect(codes: Codes, cluster: Ints, *, corrected: bool = True) -> tuple[float, float, float]:
    """Return DETECT, ASSI and RATIO of a clustering of complete answers (P, I) (Zhang & Stout 1999, doi:10.1007/BF02294536).

    100 times the mean of covariances given the sum of points, those between clusters with the other sign. Given the sum of all
    points pairs covary less than given θ, given that of the other items more: corrected is their mean.
    """
    x, sums, (i, j) = codes.astype(np.float64), codes.sum(axis=1, dtype=np.int64), np.triu_indices(codes.shape[1], 1)
    covariance = np.zeros(len(i))
    for pair, (a, b) in enumerate(zip(x.T[i], x.T[j], strict=True)):
        levels = [sums, sums - codes[:, i[pair]] - codes[:, j[pair]]] if corrected else [sums]
        for level in levels:
            n = np.maximum(np.bincount(level), 1)
            of_a, of_b, both = (np.bincount(level, v) for v in (a, b, a * b))
            covariance[pair] += (both - of_a * of_b / n).sum() / len(x) / len(levels)
    signed = np.where(cluster[i] == cluster[j], covariance, -covariance)
    return 100 * float(signed.mean()), float(np.sign(signed).mean()), float(signed.sum() / np.abs(covariance).sum())


def standardised_parts(curves: Curves, codes: Codes, observed: Bools, theta: Floats, added: Floats) -> Floats:
    """Return numerator and variance of lz* and of lz (4, P) at estimates θ (P,); they add up over competencies.

    W = Σ_i (log P_x - Σ_k P_k log P_k) is too narrow at an estimate. With c the regression of its terms on those of the score and
    r_0 (`added`) what the estimating equation adds to the score, 0 for ML and (m - θ) / v for MAP, the weights log P_k - c P'_k / P_k
    and c r_0 set it right (Snijders 2001, doi:10.1007/BF02294437; any categories: Sinharay 2016, doi:10.3102/1076998615621297).
    """
    prob, first, _ = curves(theta)
    log_prob, score = np.log(np.maximum(prob, TINY)), first / np.maximum(prob, TINY)
    at, seen = codes.astype(np.int64)[:, :, None], observed[:, :, None]
    below = np.maximum(np.where(seen, first * score, 0.0).sum(axis=(1, 2)), TINY)
    c = np.where(seen, first * log_prob, 0.0).sum(axis=(1, 2)) / below
    out = []
    for weight in (log_prob - c[:, None, None] * score, log_prob):
        mean = (prob * weight).sum(axis=2, keepdims=True)
        chosen, spread = np.take_along_axis(weight, at, axis=2) - mean, (prob * (weight - mean) ** 2).sum(axis=2, keepdims=True)
        out += [np.where(seen, x, 0.0).sum(axis=(1, 2)) for x in (chosen, spread)]
    out[0] += c * (added + np.where(seen, np.take_along_axis(score, at, axis=2), 0.0).sum(axis=(1, 2)))
    return np.stack(out)


def alike(codes: Codes, observed: Bools, prob: Floats, least: float) -> list[tuple[int, int]]:
    """Return pairs with the same answers so often that as many or more have a probability below `least`.

    Items agree with the model's Σ_k P_k P'_k and independently: the generalised binomial test (van der Linden & Sotaridona 2006,
    doi:10.3102/10769986031003283). Numbers that rare lie √(-log `least`) SE or little less above the mean, and only these are tested.
    """
    (P, I, K), found = prob.shape, list[tuple[int, int]]()
    chances = np.where(observed[:, :, None], prob, 0.0).reshape(P, I * K)
    answers = (np.eye(K)[codes] * observed[:, :, None]).reshape(P, I * K)
    for rows in blocks(P, BLOCK):
        expected, same = chances[rows] @ chances.T, answers[rows] @ answers.T
        far = same - expected > SLACK * np.sqrt(np.maximum(-np.log(least) * expected * (1 - expected / I), TINY))
        near = np.argwhere(far & (np.arange(P) > np.arange(P)[rows, None]))
        for some in np.array_split(near, len(near) // SETS + 1):
            p, q = some[:, 0] + rows.start, some[:, 1]
            m = np.einsum("pik,pik->ip", chances.reshape(prob.shape)[p], chances.reshape(prob.shape)[q])
            sums = sum_score_likelihood(np.stack([1 - m, m], axis=1), np.full(I, 2))
            tail = np.where(np.arange(I + 1)[:, None] >= same[some[:, 0], q], sums, 0.0).sum(axis=0)
            found += zip(p[tail < least].tolist(), q[tail < least].tolist(), strict=True)
    return found


class LimitedMoments(NamedTuple):
    """E[f_u] of functions f (U, K) of the items `item` (U,), and E[X_i X_j] of pairs of the I items."""

    item: Ints
    value: Floats
    first: Ints
    second: Ints

    @classmethod
    def of(cls, n_categories: Ints, pairs: tuple[Ints, Ints], *, categories: bool) -> "LimitedMoments":
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
