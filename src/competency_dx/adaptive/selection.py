"""Choosing items for the least expected loss of undecided competencies, one step ahead for the whole set.

Let D be the percent of a competency, z the normal quantile of P(D below the cut), and r the share of the variance of D that
answers to a set of items will take away, which is known before they are given. The normal approximation makes the later quantile
z' = (z + √r ε) / √(1 - r) with ε standard normal (preposterior analysis: Raiffa & Schlaifer 1961, ch. 5). A conclusion costs its
probability of being false, leaving it open costs a fixed amount h (Chow 1970, doi:10.1109/TIT.1970.1054406), so the loss is
min(P, 1 - P, h), and its expectation a function of z and r alone. Answers to several items act together: θ of all leaves,
percents and points are taken as jointly normal, and each item takes away what the ones before it left.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.competencies import LeafOutlook

HIGHEST_Z, Z_STEPS, R_STEPS = 4.0, 80, 64  # the table of expected loss by |z| and √r
NODES, REACH = 601, 6.0
MOST = 0.999  # share of variance
ROUNDS = 2
LEAST_GAIN = 1e-9


class Prospect(NamedTuple):
    """Expected loss and probability of a conclusion by |z| and √r (Z, R)."""

    loss: Floats
    decided: Floats


@lru_cache(maxsize=16)
def prospect(confirmed: float) -> Prospect:
    """Return the tables for conclusions that are drawn from a probability of `confirmed`."""
    z = np.linspace(0.0, HIGHEST_Z, Z_STEPS + 1)[:, None, None]
    root = np.minimum(np.linspace(0.0, 1.0, R_STEPS + 1), np.sqrt(MOST))[:, None]
    error = np.linspace(-REACH, REACH, NODES)
    weight = np.exp(-0.5 * error**2)
    later = ndtr(-np.abs(z + root * error) / np.sqrt(1 - root**2))
    open_cost = 1 - confirmed
    return Prospect(*(x @ (weight / weight.sum()) for x in (np.minimum(later, open_cost), later <= open_cost)))


def look_up(table: Floats, z: Floats, r: Floats) -> Floats:
    """Return the table's values at quantiles z and shares r of variance, bilinear in |z| and √r."""
    x = np.minimum(np.abs(z) * (Z_STEPS / HIGHEST_Z), Z_STEPS - 1e-9)
    y = np.sqrt(r) * (R_STEPS - 1e-9)
    i, j = x.astype(np.int64), y.astype(np.int64)
    x, y, flat = x - i, y - j, table.ravel()
    at = i * (R_STEPS + 1) + j
    low = flat[at] + y * (flat[at + 1] - flat[at])
    at += R_STEPS + 1
    high = flat[at] + y * (flat[at + 1] - flat[at])
    return np.asarray(low + x * (high - low))


class Remaining(NamedTuple):
    """What a set of items leaves open.

    Cov(θ, θ) and Cov(percent, θ) (P, D, D), the variance of percents taken away and the answered items of each leaf (P, D).
    """

    theta: Floats
    percent: Floats
    taken: Floats
    answered: Floats


class Problem(NamedTuple):
    """Who may be asked what, and what is to be decided.

    The outlook of P persons; the leaf of each item (I,); answered items by leaf (P, D); leaves to decide (P, D); the least number
    of items and the least probability of a conclusion; items that may be asked (P, I) and that exclude each other (I, I).
    """

    outlook: LeafOutlook
    leaf: Ints
    answered: Ints
    open: Bools
    min_items: int
    confirmed: float
    allowed: Bools
    excluded: Bools

    def start(self) -> Remaining:
        """Return what is open before."""
        V, slope = self.outlook.covariance, self.outlook.slope
        return Remaining(V, slope[:, :, None] * V, np.zeros(slope.shape), self.answered.astype(float))

    def rows(self, persons: Ints) -> Problem:
        """Return the problem of some of the persons."""
        outlook = LeafOutlook(*(column[persons] for column in self.outlook))
        return self._replace(
            outlook=outlook, answered=self.answered[persons], open=self.open[persons], allowed=self.allowed[persons]
        )

    def within_reach(self) -> Problem:
        """Return the problem without the leaves that the items of the bank cannot bring to the least number."""
        on_leaf = self.leaf[:, None] == np.arange(self.open.shape[1])
        return self._replace(open=self.open & (self.answered + self.allowed @ on_leaf.astype(float) >= self.min_items))

    def absorb(self, left: Remaining, items: Ints) -> Remaining:
        """Return what is open after one more item for each person (P,), -1 for none."""
        rows, asked, out = np.arange(len(items)), items >= 0, self.outlook
        d = self.leaf[items]
        s, noise = out.item_slope[rows, items] * asked, out.item_noise[rows, items]
        shared = out.item_shared[rows, items] * asked
        with_theta = s[:, None] * left.theta[rows, d]
        with_percent = s[:, None] * left.percent[rows, :, d]
        with_percent[rows, d] += shared
        total = s * with_theta[rows, d] + noise
        answered = left.answered.copy()
        answered[rows, d] += asked
        return Remaining(
            left.theta - with_theta[:, :, None] * (with_theta / total[:, None])[:, None],
            left.percent - with_percent[:, :, None] * (with_theta / total[:, None])[:, None],
            left.taken + with_percent**2 / total[:, None],
            answered,
        )

    def after(self, items: Ints) -> Remaining:
        """Return what is open after items (P, n)."""
        left = self.start()
        for column in items.T:
            left = self.absorb(left, column)
        return left

    def loss(self, left: Remaining) -> Floats:
        """Return the expected loss of each leaf to decide (P, D), 0 elsewhere; a part of it while items are too few."""
        share = np.minimum(left.taken / self.outlook.variance, MOST)
        expected = look_up(prospect(self.confirmed).loss, self._z, share)
        return np.asarray(self.open * self._weighed(expected, left.answered))

    def cost(self, left: Remaining) -> Floats:
        """Return the expected loss (P, D) where fewer than the least number of items leave a conclusion out."""
        return np.where(left.answered >= self.min_items, self.loss(left), self.open * (1 - self.confirmed))

    def decided(self, left: Remaining) -> Floats:
        """Return the probability that each leaf will have a conclusion (P, D)."""
        share = np.minimum(left.taken / self.outlook.variance, MOST)
        return np.where(left.answered >= self.min_items, look_up(prospect(self.confirmed).decided, self._z, share), 0.0)

    def after_each(self, left: Remaining) -> Floats:
        """Return the expected loss (P, I) after one item more, for every item."""
        out, z, s = self.outlook, self._z, self.outlook.item_slope
        total = s**2 * np.diagonal(left.theta, axis1=1, axis2=2)[:, self.leaf] + out.item_noise
        loss = np.zeros(s.shape)
        for c in range(z.shape[1]):
            who = np.flatnonzero(self.open[:, c])
            if not len(who):
                continue
            on = self.leaf == c
            covariance = s[who] * left.percent[who, c][:, self.leaf] + out.item_shared[who] * on
            taken = left.taken[who, c, None] + covariance**2 / total[who]
            share = np.minimum(taken / out.variance[who, c, None], MOST)
            expected = look_up(prospect(self.confirmed).loss, z[who, c, None], share)
            loss[who] += self._weighed(expected, left.answered[who, c, None] + on)
        return loss

    @property
    def _z(self) -> Floats:
        return np.asarray(ndtri(np.clip(self.outlook.p_deficit, 1e-5, 1 - 1e-5)))

    def _weighed(self, expected: Floats, answered: Floats) -> Floats:
        """Return the loss where fewer than the least number of items leave a conclusion out: on the way there, a part of it."""
        part = np.minimum(answered / self.min_items, 1.0)
        return np.asarray((1 - self.confirmed) * (1 - part) + expected * part)


def select(problem: Problem, n: int, *, together: bool) -> Ints:
    """Return at most n items for each person (P, n), the most useful first, -1 where no further one helps.

    Greedy, then exchanges: each item in turn is put back and the best one taken for it, until nothing changes. If `together`,
    all persons get the items that are best for the sum of their losses.
    """
    chosen = _greedy(problem, n, together=together)
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
    among = np.zeros_like(problem.allowed)
    for column in chosen.T:
        among[np.arange(len(column))[column >= 0], column[column >= 0]] = True
    return _greedy(problem._replace(allowed=among), n, together=together)


def _greedy(problem: Problem, n: int, *, together: bool) -> Ints:
    chosen = np.full((len(problem.allowed), n), -1)
    left = problem.start()
    before = problem.loss(left).sum(axis=1)
    for k in range(n):
        best, loss = _best(problem, left, chosen[:, :k], together=together)
        chosen[:, k] = np.where((before.sum() if together else before) - loss > LEAST_GAIN, best, -1)
        if not (chosen[:, k] >= 0).any():
            break
        left = problem.absorb(left, chosen[:, k])
        before = problem.loss(left).sum(axis=1)
    return chosen


def _best(problem: Problem, left: Remaining, chosen: Ints, *, together: bool) -> tuple[Ints, Floats]:
    """Return the best further item of each person (P,) and the expected loss with it (P,), or of all persons."""
    P = len(chosen)
    free = problem.allowed.copy()
    for column in chosen.T:
        who = np.flatnonzero(column >= 0)
        free[who] &= ~problem.excluded[column[who]]
    loss = problem.after_each(left)
    if together:
        whole = np.where(free.all(axis=0), loss.sum(axis=0), np.inf)
        at = int(whole.argmin())
        return np.full(P, at), np.full(P, whole[at])
    loss = np.where(free, loss, np.inf)
    each = loss.argmin(axis=1)
    return each, loss[np.arange(P), each]
