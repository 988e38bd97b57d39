"""Classical numbers of items, options, pairs and test, of whatever part of the items each person got: shares, alpha, thirds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Z95, Bools, Codes, Count, Floats, Ints, Probability, blocks, value
from competency_dx.bank import ItemBank
from competency_dx.kernels.agreement import wilson
from competency_dx.responses import FALSE_ALARM, Reason, Responses, RestScores, chance_of, fold_code, zero_tails

ROWS = 1 << 12
SHOWN = 8  # answers of an item without options
SHORTEST, MOST_CODES = 3, 12  # where no bank says so: answers this short and few are options
FREE = {"text", "open", "scored"}  # types whose answers are words of persons, which may name somebody, or no answers
LEAST_CHOSEN, LEAST_PERSONS = 0.05, 10
LEAST_TRACED = 9  # persons, for thirds
SWEEPS = 20
HIGH = 2.5  # standard errors
MANY = 3.5  # standard deviations of the number of high pairs
LEAST_COMMON = 50  # persons who answered both
MAD_TO_SD = 1.4826


class PairMoments(NamedTuple):
    """Means (I,) and covariances (I, I) of points by those who answered both items, NaN without, or without two of them."""

    mean: Floats
    covariance: Floats
    complete: bool

    @property
    def correlation(self) -> Floats:
        """Return the correlations (I, I), NaN of items that all answered alike."""
        sd = np.sqrt(np.diag(self.covariance))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.covariance / np.outer(sd, sd))

    @classmethod
    def of(cls, codes: Codes | Floats, observed: Bools) -> "PairMoments":
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
            return cls(np.diag(first) / np.diag(n), np.where(n > 1, (product - first * first.T / n) / (n - 1), np.nan), complete)


def alphas(moments: PairMoments, persons: int, n_given: float) -> dict[str, Any]:
    """Return alpha of all items, of as many as a person got on average, without each item (I,), and 95 % limits of the first.

    Of k items α = k c / (v + (k - 1) c), with c the mean covariance of two items and v the mean variance: Cronbach (1951,
    doi:10.1007/BF02310555), eq. 2, where all pairs met; pairs of items that nobody got together are left out of the mean. Limits,
    of complete data alone: log(1 - α) has the variance 2 k / ((k - 1) (n - 2)) (Bonett 2002, doi:10.3102/10769986027004335).
    """
    C, variance = moments.covariance, np.diag(moments.covariance)
    there = np.isfinite(variance)
    pairs = np.isfinite(C) & ~np.eye(len(C), dtype=np.bool_)
    row = np.where(pairs, C, 0.0).sum(axis=1)
    total, n = row.sum(), pairs.sum()
    v, k = np.where(there, variance, 0.0), int(there.sum())

    def stepped(items: float | Floats, covariance: float | Floats, mean_variance: float | Floats) -> Floats:
        return np.asarray(items * covariance / (mean_variance + (items - 1) * covariance))

    with np.errstate(divide="ignore", invalid="ignore"):
        c, mean = np.divide(total, n), np.divide(v.sum(), k)
        without = stepped(k - 1, (total - 2 * row) / (n - 2 * pairs.sum(axis=1)), (v.sum() - v) / (k - 1))
        out = {name: float(stepped(items, c, mean)) for name, items in (("alpha", k), ("alpha_given", min(n_given, k)))}
    whole, low, high = out["alpha"], np.nan, np.nan
    if moments.complete and np.isfinite(whole) and persons > 2 and k > 1:
        half = Z95 * np.sqrt(2 * k / ((k - 1) * (persons - 2)))
        low, high = (float(1 - (1 - whole) * np.exp(sign * half)) for sign in (1, -1))
    return out | {"alpha_without": np.where(there & np.isfinite(without), without, np.nan), "alpha_low": low, "alpha_high": high}


def mean_limits(mean: Floats, variance: Floats, highest: Floats, n: Ints) -> dict[str, Floats]:
    """Return 95 % limits (I,) of the mean share of points, by Wilson (1927, doi:10.1080/01621459.1927.10502953), eq. 4.

    Points of several steps vary less than right and wrong with the same mean: n counts for n p (1 - p) / variance answers. Mean and
    variance, with divisor n, are of the points.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        p = mean / highest
        several = variance / (highest**2 * p * (1 - p))
        low, high = wilson(p, n / np.where(np.isfinite(several) & (several > 0), np.minimum(several, 1.0), 1.0))
    return {"share_low": np.maximum(low, 0.0), "share_high": np.minimum(high, 1.0)}


def thirds(level: Floats) -> Ints:
    """Return 0, 1 or 2 for each person (P,): lower, middle or upper third; persons of one level stay together."""
    out, n, rounded = np.zeros(len(level), dtype=np.int64), len(level), np.round(level, 9)
    for k in (1, 2):
        cut = np.partition(rounded, k * n // 3)[k * n // 3]
        below, at = int((rounded < cut).sum()), int((rounded == cut).sum())
        out += rounded > cut if below + at / 2 < k * n / 3 else rounded >= cut
    return out


@value
class OptionTrace:
    """One answer to one item.

    It is the `option` as the table of answers has it, in one spelling; `text` are its words in the bank, "" where there are none. It is
    `credited` if it earns points; `n` chose it, a `share` of those who answered. `rest` is the mean share of points of these persons on
    the other items, NaN where nobody chose it, `r` the correlation of choosing it with the level on these; `low`, `middle`, `high` are
    shares that chose it in the thirds by that level.
    """

    item: str
    option: str
    text: str
    credited: bool
    n: Count
    share: Probability
    rest: float
    r: float
    low: Probability
    middle: Probability
    high: Probability


def traced(data: Responses, others: RestScores, bank: ItemBank | None) -> tuple[Floats, tuple[OptionTrace, ...]]:
    """Return the mean share of points by thirds (I, 3), and who chose which answer."""
    by_third, options = np.full((len(data.items), 3), np.nan), list[OptionTrace]()
    for i in range(len(data.items)):
        who, level, _, points = found = others.without(i)
        if len(who) >= LEAST_TRACED:
            third = thirds(level)
            size = np.maximum(np.bincount(third, minlength=3), 1)
            by_third[i] = np.bincount(third, weights=points, minlength=3) / size / others.highest[i]
            options += _traces(data, i, found, third, bank)
    return by_third, tuple(options)


def _traces(
    data: Responses, i: int, found: tuple[Ints, Floats, Floats, Codes], third: Ints, bank: ItemBank | None
) -> tuple[OptionTrace, ...]:
    """Return the answers to item i, at most eight; `found` are persons (P,) who answered it and others, level, mean share, points."""
    item = None if bank is None or data.items[i] not in {x.id for x in bank.items} else bank.item(data.items[i])
    if data.answers is None or (item is not None and item.type in FREE):
        return ()
    labels, chosen = data.answers.spelled(i, item)
    code = chosen[found[0]]
    given = data.observed[found[0], i] & (code >= 0)
    words_of_persons = item is None and (len(labels) > MOST_CODES or max(map(len, labels), default=0) > SHORTEST)
    if words_of_persons or not given.any():  # such words may name somebody
        return ()
    code, level, mean, points, third = (a[given] for a in (code, *found[1:], third))
    size, K = len(code), len(labels)
    n = np.bincount(code, minlength=K)
    by_third = np.bincount(code * 3 + third, minlength=3 * K).reshape(K, 3) / np.maximum(np.bincount(third, minlength=3), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest, earned = (np.bincount(code, weights=x, minlength=K) / n for x in (mean, points))
        covariance = np.bincount(code, weights=level - level.mean(), minlength=K) / size
        p = n / size
        r = covariance / np.sqrt(p * (1 - p)) / level.std() if level.std() > 0 else np.full(K, np.nan)
    words = item.options if item is not None and item.type == "single" else {}
    spelled = {fold_code(text): option for option, text in words.items()} | {fold_code(option): option for option in words}
    names = [spelled.get(label, label) for label in labels]  # answers are given as code or in words
    order = [k for k in range(K) if n[k]] if words or item is None else np.argsort(-n, kind="stable")[:SHOWN].tolist()
    rows: list[tuple[Any, ...]] = [(names[k], earned[k] > 0, n[k], p[k], rest[k], r[k], *by_third[k]) for k in order if n[k]]
    rows += [(o, item is not None and o == item.key, 0, 0.0, np.nan, np.nan, 0.0, 0.0, 0.0) for o in words if o not in names]
    kinds = {"option": str, "credited": bool, "n": int} | dict.fromkeys(("share", "rest", "r", "low", "middle", "high"), float)
    facts = [{name: of(x) for (name, of), x in zip(kinds.items(), row, strict=True)} for row in rows]
    return tuple(OptionTrace(item=data.items[i], text=words.get(of["option"], ""), **of) for of in facts)


def rivals(options: Sequence[OptionTrace]) -> dict[str, OptionTrace]:
    """Return for each item the answer without credit that goes with a higher level on the other items beyond chance.

    By the t test of its correlation; .01 in equal parts for all answers without credit of all items, and at least 5 % and 10
    persons who chose it.
    """
    wrong = [o for o in options if not o.credited and o.n >= LEAST_PERSONS and o.share >= LEAST_CHOSEN]
    limit, out = FALSE_ALARM / max(len(wrong), 1), dict[str, OptionTrace]()
    for o in sorted(wrong, key=lambda o: -np.nan_to_num(o.r)):
        if o.r > 0 and chance_of(o.r, round(o.n / o.share)) < limit:
            out.setdefault(o.item, o)
    return out


def left_out(data: Responses, codes: Codes, observed: Bools) -> dict[str, Any]:
    """Return the shares (I,) of those given an item who left it out, did not reach it, or seem not to have; NaN without any.

    With them `n_given`, the number of items that persons with answers were given on average.
    """
    given, reasons = data.reasons != Reason.NOT_ADMINISTERED, {"omitted": Reason.OMITTED, "not_reached": Reason.NOT_REACHED}
    n, counts = given.sum(axis=0), {name: (data.reasons == reason).sum(axis=0) for name, reason in reasons.items()}
    shares = {name: np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0) for name, count in counts.items()}
    answered = observed.any(axis=1)
    n_given = float(given.sum(axis=1)[answered].mean()) if answered.any() else 0.0
    return shares | {"in_tail": zero_tails(codes, observed), "n_given": n_given}


class Dependence(NamedTuple):
    """Excess of pairs in SE (I, I), NaN of few answers; how many are high, and by chance; `stretch`: how far SEs were widened."""

    excess: Floats
    high: int
    by_chance: float
    stretch: float = 1.0

    @property
    def evident(self) -> bool:
        """Return whether there are more high pairs than chance makes."""
        return bool(self.high > self.by_chance + MANY * np.sqrt(self.by_chance + 1))

    def strongest(self, n: int) -> list[tuple[int, int]]:
        """Return the n pairs with the highest excess."""
        pairs = np.argwhere(np.triu(np.ones_like(self.excess), 1))
        order = np.argsort(-np.nan_to_num(self.excess[tuple(pairs.T)], nan=-np.inf), kind="stable")[:n]
        return [(i, j) for i, j in pairs[order].tolist()]


def local_dependence(codes: Codes, observed: Bools, implied: Floats, cluster: Ints) -> Dependence:
    """Return which pairs of items depend on each other beyond their competencies (Yen 1984, doi:10.1177/014662168400800201).

    The points of two items covary because of what they measure. What is left over is local dependence: a shared text, a picture,
    one item giving away another. Covariances of pairs are compared with g_i g_j C_ij, C the ones implied by items and population,
    g factors by least squares: wrong slopes and spreads are no dependence. A median above or below 0 between two clusters is a
    wrong level of correlation and no dependence either. Where dependence is, the upper tail is heavy.

    `codes` and `observed` (P, I) are points and whether they count, `implied` (I, I) covariances of the points under the model,
    `cluster` (I,) clusters of the items' competencies: pairs of one cluster, or of the same two, share the level of correlation.
    """
    from scipy.special import ndtr

    seen = observed.astype(np.float64)
    n = seen.T @ seen
    points = np.where(observed, codes, 0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = np.where(observed, points - points.sum(axis=0) / seen.sum(axis=0), 0.0)
        covariance = centred.T @ centred / n
        spread = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        weight = np.where((n >= LEAST_COMMON) & ~np.eye(len(n), dtype=np.bool_) & (spread > 0), n / spread**2, 0.0)
    weight, known = np.nan_to_num(weight), np.nan_to_num(covariance)
    g = np.ones(len(n))
    for _ in range(SWEEPS):
        for i in range(len(n)):
            line = g * implied[i]
            below = float(weight[i] @ line**2)
            g[i] = float(weight[i] @ (line * known[i])) / below if below > 0 else g[i]
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(weight > 0, (covariance - np.outer(g, g) * implied) / spread * np.sqrt(n), np.nan)
    first, second = np.triu_indices(len(n), 1)
    first, second = (x[np.isfinite(excess[first, second])] for x in (first, second))
    if not first.size:
        return Dependence(excess, 0, 0.0)
    low, high = np.minimum(cluster[first], cluster[second]), np.maximum(cluster[first], cluster[second])
    kinds = low * (cluster.max() + 1) + high
    for kind in np.unique(kinds):
        i, j = first[kinds == kind], second[kinds == kind]
        excess[i, j] -= np.median(excess[i, j])
    pairs = excess[first, second]
    scale = max(1.0, MAD_TO_SD * float(np.median(np.abs(pairs))))
    excess[first, second] = excess[second, first] = pairs / scale
    return Dependence(excess, int((pairs / scale > HIGH).sum()), float(pairs.size * ndtr(-HIGH)), scale)
