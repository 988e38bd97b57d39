"""What is left when the model has said its part: between items, and in the answers of single persons."""

import numpy as np
from scipy.special import ndtri

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, evenly
from competency_dx.kernels.persons.point_estimates import Curves

TINY, BLOCK = 1e-300, 512
MOST, SAMPLE, LEVEL = 8, 400, 0.05  # items in a set before it is completed, persons drawn for chance
STAYS, BARRED, ROUNDS = 2.5, -99.0, 5
SLACK = 0.7  # of the standard errors of pairs of persons, for the first look at them


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


def chance_sets(observed: Bools, common: float, draws: int, rng: np.random.Generator) -> Floats:
    """Return the strongest evidence (draws, M - 1) of sets of each size by chance.

    Answers are normal, of one factor with this communality, and missing where some of the persons (P, I) have none; the factors of
    `local_dependence` are fitted in their linear form.
    """
    seen = observed[np.lexsort(observed.T)][evenly(len(observed), SAMPLE)].astype(np.float64)  # of each booklet its share
    n, apart = seen.T @ seen, ~np.eye(seen.shape[1], dtype=np.bool_)
    n, out = n * apart, []
    solve = np.linalg.pinv(np.diag(n.sum(axis=1)) + n)
    for _ in range(draws):
        y = np.sqrt(1 - common) * rng.standard_normal(seen.shape) + np.sqrt(common) * rng.standard_normal((len(seen), 1))
        excess = (y * seen).T @ (y * seen) / np.maximum(n, 1) - common
        slope = solve @ (n * excess).sum(axis=1)
        z = np.sqrt(n) * (excess - slope[:, None] - slope) / (1 - common)
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


def alike(codes: Codes, observed: Bools, prob: Floats, bound: float) -> list[tuple[int, int]]:
    """Return pairs with the same answers more often than `bound` SE above the model's Σ_k P_k P'_k, items being independent."""
    (P, I, K), found = prob.shape, []
    chances = np.where(observed[:, :, None], prob, 0.0).reshape(P, I * K)
    answers = (np.eye(K)[codes] * observed[:, :, None]).reshape(P, I * K)
    for rows in blocks(P, BLOCK):
        expected = chances[rows] @ chances.T
        excess = answers[rows] @ answers.T - expected
        near = np.nonzero(excess > SLACK * bound * np.sqrt(np.maximum(expected * (1 - expected / I), TINY)))
        for p, q in zip((near[0] + rows.start).tolist(), near[1].tolist(), strict=True):
            m = (prob[p] * prob[q]).sum(axis=1)[observed[p] & observed[q]]
            if p < q and excess[p - rows.start, q] > bound * np.sqrt((m * (1 - m)).sum()):
                found.append((p, q))
    return found
