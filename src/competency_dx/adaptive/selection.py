"""Choosing items for the least expected loss of undecided competencies, one step ahead for the whole set.

Let D be the percent of a competency, z the normal quantile of P(D below the cut), and r the share of the variance of D that answers
to a set of items will take away, which is known before they are given. The normal approximation makes the later quantile z' = (z +
√r ε) / √(1 - r) with ε standard normal (preposterior analysis: Raiffa & Schlaifer 1961, ch. 5). A conclusion costs its probability
of being false, leaving it open costs a fixed amount h (Chow 1970, doi:10.1109/TIT.1970.1054406), so the loss is min(P, 1 - P, h),
and its expectation a function of z and r alone. Answers to several items act together: θ of all leaves, percents and points are
taken as jointly normal, and each item takes away what the ones before it left. A conclusion needs answers to the leaf's own items:
enough of them, and a share τ V of the variance given the others that their precision τ takes away. While items are chosen the
others are taken as they are, so that no item makes a loss greater; what is expected to be decided counts all.
"""

from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.competencies import DeficitRule, LeafOutlook

HIGHEST_Z, Z_STEPS, R_STEPS = 4.0, 80, 64  # the table of expected loss by |z| and √r
NODES, REACH = 601, 6.0
MOST = 0.999  # share of variance
ROUNDS, LEAST_GAIN, SMALLEST = 2, 1e-9, 1e-9


def chance_decided(confirmed: float, z: Floats, r: Floats) -> Floats:
    """Return the probability that |z'| reaches the quantile of `confirmed`; with r = 0 nothing changes, and it is 0 or 1."""
    least, root = ndtri(confirmed) * np.sqrt(1 - r), np.sqrt(np.maximum(r, SMALLEST))
    return np.asarray(np.where(r > 0, ndtr((np.abs(z) - least) / root) + ndtr((-np.abs(z) - least) / root), np.abs(z) >= least))


@lru_cache(maxsize=16)
def prospect(confirmed: float) -> Floats:
    """Return the expected loss by |z| and √r (Z, R) where conclusions are drawn from a probability of `confirmed`."""
    z = np.linspace(0.0, HIGHEST_Z, Z_STEPS + 1)[:, None, None]
    root = np.minimum(np.linspace(0.0, 1.0, R_STEPS + 1), np.sqrt(MOST))[:, None]
    error = np.linspace(-REACH, REACH, NODES)
    weight = np.exp(-0.5 * error**2)
    return np.asarray(np.minimum(ndtr(-np.abs(z + root * error) / np.sqrt(1 - root**2)), 1 - confirmed) @ (weight / weight.sum()))


def look_up(table: Floats, z: Floats, r: Floats) -> Floats:
    """Return the table's values at quantiles z and shares r of variance, bilinear in |z| and √r."""
    x = np.minimum(np.abs(z) * (Z_STEPS / HIGHEST_Z), Z_STEPS - 1e-9)
    y = np.sqrt(r) * (R_STEPS - 1e-9)
    i, j = x.astype(np.int64), y.astype(np.int64)
    x, y, flat = x - i, y - j, table.ravel()
    at = i * (R_STEPS + 1) + j
    low, high = (flat[k] + y * (flat[k + 1] - flat[k]) for k in (at, at + R_STEPS + 1))
    return np.asarray(low + x * (high - low))


class Remaining(NamedTuple):
    """What items leave open: Cov(θ, θ), Cov(percent, θ) (P, D, D); by leaf (P, D) variance taken away, answers, precision of θ."""

    theta: Floats
    percent: Floats
    taken: Floats
    answered: Floats
    precision: Floats


class Problem(NamedTuple):
    """Who may be asked what, and what is to be decided.

    The outlook of P persons; the leaf of each item (I,); answered items by leaf (P, D); leaves to decide (P, D); the rule of
    conclusions; items that may be asked (P, I) and that exclude each other (I, I); `weight` (T, D) of leaves in what is decided, leaves
    themselves or T sums of their percents: then p_deficit, variance, `answered` and `open` are of these (P, T).
    """

    outlook: LeafOutlook
    leaf: Ints
    answered: Ints
    open: Bools
    rule: DeficitRule
    allowed: Bools
    excluded: Bools
    weight: Floats

    @property
    def _inside(self) -> Floats:
        """Return 1 where a leaf counts for what is decided, else 0 (T, D)."""
        return (self.weight > 0).astype(float)

    def start(self) -> Remaining:
        """Return what is open before."""
        V, percent = self.outlook.covariance, np.matmul(self.weight, self.outlook.slope[:, :, None] * self.outlook.covariance)
        return Remaining(V, percent, np.zeros(self.open.shape), self.answered.astype(float), self.outlook.precision @ self._inside.T)

    def rows(self, persons: Ints) -> "Problem":
        """Return the problem of some of the persons."""
        outlook = LeafOutlook(*(column[persons] for column in self.outlook))
        return self._replace(outlook=outlook, answered=self.answered[persons], open=self.open[persons], allowed=self.allowed[persons])

    def within_reach(self) -> "Problem":
        """Return the problem without the leaves for which the items of the bank cannot do enough, were they all asked."""
        on_leaf = self._inside[:, self.leaf].T
        more = np.where(self.allowed, self.outlook.item_slope**2 / self.outlook.item_noise, 0.0) @ on_leaf
        whole = self._part(self.answered + self.allowed @ on_leaf, self.start().precision + more, self._given_others)
        return self._replace(open=self.open & (whole >= 1))

    def absorb(self, left: Remaining, items: Ints) -> Remaining:
        """Return what is open after one more item for each person (P,), -1 for none."""
        rows, asked, out = np.arange(len(items)), items >= 0, self.outlook
        d = self.leaf[items]
        s, noise = out.item_slope[rows, items] * asked, out.item_noise[rows, items]
        shared = out.item_shared[rows, items] * asked
        with_theta = s[:, None] * left.theta[rows, d]
        with_percent = s[:, None] * left.percent[rows, :, d]
        with_percent += self.weight[:, d].T * shared[:, None]
        total = s * with_theta[rows, d] + noise
        on = self._inside[:, d].T
        answered, precision = left.answered + on * asked[:, None], left.precision + on * (s**2 / noise)[:, None]
        known = (with_theta / total[:, None])[:, None]
        theta, percent = left.theta - with_theta[:, :, None] * known, left.percent - with_percent[:, :, None] * known
        return Remaining(theta, percent, left.taken + with_percent**2 / total[:, None], answered, precision)

    def after(self, items: Ints) -> Remaining:
        """Return what is open after items (P, n)."""
        return reduce(self.absorb, items.T, self.start())

    def loss(self, left: Remaining) -> Floats:
        """Return the expected loss of each leaf to decide (P, D), 0 elsewhere; a part of it while its own answers are too few."""
        expected = look_up(prospect(self.rule.confirmed), self._z, np.minimum(left.taken / self.outlook.variance, MOST))
        return np.asarray(self.open * self._weighed(expected, self._part(left.answered, left.precision, self._given_others)))

    def cost(self, left: Remaining) -> Floats:
        """Return the expected loss (P, D) where too few answers of its own leave a conclusion out."""
        supported = self._part(left.answered, left.precision, self._given_others) >= 1
        return np.where(supported, self.loss(left), self.open * (1 - self.rule.confirmed))

    def decided(self, left: Remaining) -> Floats:
        """Return the probability that each leaf will have a conclusion (P, D)."""
        share = np.minimum(left.taken / self.outlook.variance, MOST)
        own = left.precision / ((1 / np.diagonal(left.theta, axis1=1, axis2=2)) @ self._inside.T)
        supported = (left.answered >= self.rule.min_items) & (own >= self.rule.own_share)
        return np.where(supported, chance_decided(self.rule.confirmed, self._z, share), 0.0)

    def after_each(self, left: Remaining) -> Floats:
        """Return the expected loss (P, I) after one item more, for every item."""
        out, z, s = self.outlook, self._z, self.outlook.item_slope
        total = s**2 * np.diagonal(left.theta, axis1=1, axis2=2)[:, self.leaf] + out.item_noise
        loss, others = np.zeros(s.shape), self._given_others
        for c in range(z.shape[1]):
            who = np.flatnonzero(self.open[:, c])
            if not len(who):
                continue
            on = self._inside[c, self.leaf]
            covariance = s[who] * left.percent[who, c][:, self.leaf] + out.item_shared[who] * self.weight[c, self.leaf]
            share = np.minimum((left.taken[who, c, None] + covariance**2 / total[who]) / out.variance[who, c, None], MOST)
            expected = look_up(prospect(self.rule.confirmed), z[who, c, None], share)
            precision = left.precision[who, c, None] + on * s[who] ** 2 / out.item_noise[who]
            loss[who] += self._weighed(expected, self._part(left.answered[who, c, None] + on, precision, others[who, c, None]))
        return loss

    @property
    def _z(self) -> Floats:
        return np.asarray(ndtri(np.clip(self.outlook.p_deficit, 1e-5, 1 - 1e-5)))

    @property
    def _given_others(self) -> Floats:
        """Return the precision of θ of each leaf that population and the answers to all other items give so far (P, D)."""
        return np.asarray((1 / np.diagonal(self.outlook.covariance, axis1=1, axis2=2) - self.outlook.precision) @ self._inside.T)

    def _part(self, answered: Floats, precision: Floats, others: Floats) -> Floats:
        """Return how far the answers to a leaf's own items are on the way to what a conclusion asks of them, 1 at the end."""
        share = precision / np.maximum(others + precision, SMALLEST) / max(self.rule.own_share, SMALLEST)
        return np.asarray(np.minimum(np.minimum(answered / self.rule.min_items, share + SMALLEST), 1.0))

    def _weighed(self, expected: Floats, part: Floats) -> Floats:
        """Return the loss where too few answers of its own leave a conclusion out: on the way there, a part of it."""
        return np.asarray((1 - self.rule.confirmed) * (1 - part) + expected * part)


def select(problem: Problem, n: int, *, together: bool) -> Ints:
    """Return at most n items for each person (P, n), the most useful first, -1 where no further one helps; n is at most I.

    Greedy, then exchanges: each item in turn is put back and the best one taken for it, until nothing changes. If `together`,
    all persons get the items that are best for the sum of their losses.
    """
    n = min(n, len(problem.leaf))
    chosen = _greedy(problem, n, together=together)
    chosen = chosen[:, (chosen >= 0).any(axis=0)]
    for _ in range(ROUNDS):
        before = chosen.copy()
        for k in range(chosen.shape[1]):
            others = np.delete(chosen, k, axis=1)
            left = problem.after(others)
            now = problem.loss(problem.absorb(left, chosen[:, k])).sum(axis=1)
            best, loss = _best(problem, left, others, together=together)
            helps = ((now.sum() if together else now) - loss > LEAST_GAIN) & (chosen[:, k] >= 0)
            chosen[:, k] = np.where(helps, best, chosen[:, k])
        if (chosen == before).all():
            break
    return _greedy(problem._replace(allowed=(chosen[:, :, None] == np.arange(len(problem.leaf))).any(axis=1)), n, together=together)


def _greedy(problem: Problem, n: int, *, together: bool) -> Ints:
    chosen, left = np.full((len(problem.allowed), n), -1), problem.start()
    for k in range(n):
        before = problem.loss(left).sum(axis=1)
        best, loss = _best(problem, left, chosen[:, :k], together=together)
        chosen[:, k] = np.where((before.sum() if together else before) - loss > LEAST_GAIN, best, -1)
        if not (chosen[:, k] >= 0).any():
            break
        left = problem.absorb(left, chosen[:, k])
    return chosen


def _best(problem: Problem, left: Remaining, chosen: Ints, *, together: bool) -> tuple[Ints, Floats]:
    """Return the best further item of each person (P,) and the expected loss with it (P,), or of all persons."""
    P, barred = len(chosen), np.pad(problem.excluded, ((0, 1), (0, 0)))  # nothing by -1
    free = problem.allowed & ~barred[chosen].any(axis=1)
    loss = problem.after_each(left)
    if together:
        whole = np.where(free.all(axis=0), loss.sum(axis=0), np.inf)
        at = int(whole.argmin())
        return np.full(P, at), np.full(P, whole[at])
    loss = np.where(free, loss, np.inf)
    each = loss.argmin(axis=1)
    return each, loss[np.arange(P), each]
