"""Who chose which option, and suspected wrong keys: items credited the less often, the better a person does on the other items."""

import math
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple, Self

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints, everywhere, value
from competency_dx.errors import ResponsesError, checked
from competency_dx.kernels.blocks import map_blocks
from competency_dx.responses.missing import MissingPolicy
from competency_dx.responses.responses import Responses

FALSE_ALARM = 0.01  # probability that any key of a test is suspected although all of them are right
LEAST_ANSWERS, LEAST_APART = 30, 5  # answers to an item, and of these other than the most frequent, to suspect anything
LEAST_CHOSEN = 0.05  # share of the answers below which an option is not compared with the key
MOST_OPTIONS = 26
SETTLES = NO_VARIANCE = 1e-10  # part of a diagonal; variance that is rounding


@value
class OptionUse:
    """How often an option was chosen, and the mean share of points (0-1) of those persons on the other items."""

    code: str
    share: float
    rest: float


@value
class SuspectedKey:
    """An item whose key the data speak against.

    `p` is the probability of such evidence against any item of the test while all keys are right. `suggestion` is the answer that
    behaves like the key, "" when none clearly does, `options` the distinct answers in the order of their labels; both are empty when
    raw answers were not kept.
    """

    item: str
    p: float
    suggestion: str = ""
    options: tuple[OptionUse, ...] = ()


@checked(ResponsesError)
def suspected_keys(responses: Responses, policy: MissingPolicy | None = None, rest: Floats | None = None) -> tuple[SuspectedKey, ...]:
    """Return the items with a probable wrong key.

    An item is tested when at least 30 answers to it enter and its correlation r with the other items is negative. Two
    one-sided tests by t = r √((n - 2)/(1 - r²)): that the credit falls with the points on the other items, and, where
    raw answers were kept, that one of the answers without credit rises with them. Half of the error goes to each of the
    two, the second half in equal parts to the answers, and over the items of the test it is held by Holm's procedure
    (1979): however many items measure nothing at all, a false alarm in any of them has the probability .01 at most. The policy says
    which missing answers count as wrong, as in `calibrate`; `rest` (I,) is `item_rest` of the same answers where it is known already.
    """
    codes, observed = responses.effective(policy)
    r = item_rest(codes, observed, responses.max_scores) if rest is None else np.asarray(rest, dtype=np.float64)
    if r.shape != (len(responses.items),):
        raise ResponsesError("errors.argument", name="rest", expected=(len(responses.items),), given=r.shape)
    tested = np.isfinite(r) & (observed.sum(axis=0) >= LEAST_ANSWERS)
    if not (places := np.flatnonzero(tested & (r < 0)).tolist()):
        return ()
    others = RestScores.of(codes, observed, responses.max_scores)
    evidence = sorted((_evidence(responses, i, others, float(r[i])) for i in places), key=lambda e: e.p)
    adjusted = accumulate(((int(tested.sum()) - k) * one.p for k, one in enumerate(evidence)), max)
    suspected = [replace(one, p=p) for one, p in zip(evidence, adjusted, strict=True) if p <= FALSE_ALARM]
    return tuple(sorted(suspected, key=lambda e: responses.items.index(e.item)))


class RestScores(NamedTuple):
    """What the other items say of the persons who answered an item, comparable between booklets.

    The share of points x / m of person p on item i, m the highest points, is taken as u_p + v_i, both by least squares weighted with m
    over the answers given. Where all answered all items, u without an item is the sum of the other points but for a constant and a
    factor. `earned`, `possible` and `expected` (P,) are sums of x, of m and of m v over a person's answers, `weight` (I,) is m v.
    """

    codes: Codes
    observed: Bools
    highest: Floats
    earned: Floats
    possible: Floats
    expected: Floats
    weight: Floats

    @classmethod
    def of(cls, codes: Codes, observed: Bools, max_scores: Ints) -> Self:
        """Return the sums over a person's answers, v from the sums (I, I) that a pass over persons leaves."""
        m, complete = np.maximum(max_scores, 1).astype(np.float64), everywhere(observed)
        earned, possible = np.zeros(len(codes)), np.full(len(codes), m.sum())

        def sums(block: slice) -> tuple[Ints, Floats, Floats | float]:
            seen = observed[block]
            x = (codes[block] * seen).astype(np.float64)
            earned[block] = x @ np.ones(len(m))
            if complete:
                return np.full(len(m), len(x)), np.ones(len(x)) @ x, 0.0
            possible[block] = seen @ m
            per = seen / np.maximum(possible[block, None], 1.0)
            return seen.sum(axis=0), x.sum(axis=0) - m * (earned[block] @ per), seen.T @ per

        n, total, meeting = (sum(part) for part in zip(*map_blocks(sums, len(codes)), strict=True))
        filled = np.where(n > 0, m * n, 1.0)
        v = total / filled
        if not complete:  # the level is free: a touch on the diagonal settles it and moves nothing else
            v = np.linalg.solve(np.diag(filled * (1 + SETTLES)) - np.outer(m, m) * meeting, total)
        expected = np.full(len(codes), (m * v).sum()) if complete else observed @ (m * v)
        return cls(codes, observed, m, earned, possible, expected, m * v)

    def without(self, i: int) -> tuple[Ints, Floats, Floats, Codes]:
        """Return who answered item i and others, of these persons u and the share of points without item i, and their points."""
        who = np.flatnonzero(self.observed[:, i] & (self.possible > self.highest[i]))
        x, others = self.codes[who, i], self.possible[who] - self.highest[i]
        share = (self.earned[who] - x) / others
        return who, share - (self.expected[who] - self.weight[i]) / others, share, x

    def correlations(self) -> Floats:
        """Return the correlation (I,) of the points x on each item with u without it, NaN where either is constant.

        Where all answered all items, u without an item is the sum of points e less x, but for a constant and a factor.
        """
        if everywhere(self.observed) and len(self.highest) > 1:
            x, xx, ex = np.sum(list(map_blocks(self._complete_sums, len(self.codes))), axis=0) / len(self.codes)
            of_x, both = xx - x**2, ex - self.earned.mean() * x
            of_u = self.earned.var() - 2 * both + of_x
            there = (np.minimum(of_x, of_u) > NO_VARIANCE) & (len(self.codes) > 2)
            return np.where(there, (both - of_x) / np.sqrt(np.where(there, of_x * of_u, 1.0)), np.nan)
        out = np.full(len(self.highest), np.nan)
        for i in range(len(out)):
            _, u, _, x = self.without(i)
            if len(x) > 2 and x.var() > NO_VARIANCE and u.var() > NO_VARIANCE:
                out[i] = np.corrcoef(x, u)[0, 1]
        return out

    def _complete_sums(self, block: slice) -> Floats:
        x = self.codes[block].astype(np.float64)
        return np.stack([x.sum(axis=0), np.einsum("pi,pi->i", x, x), self.earned[block] @ x])


def _evidence(responses: Responses, i: int, others: RestScores, r: float) -> SuspectedKey:
    """Return the evidence against the key of one item, p for this item alone."""
    who, ability, mean, credit = others.without(i)
    apart = len(credit) - np.unique(credit, return_counts=True)[1].max()
    p = chance_of(-r, len(credit)) if apart >= LEAST_APART else 1.0
    if responses.answers is None:
        return SuspectedKey(item=responses.items[i], p=p)
    labels, chosen = responses.answers.spelled(i)
    given = responses.observed[who, i] & (chosen[who] >= 0)
    uses, risen, chosen, ability, mean, credit = [], {}, chosen[who][given], ability[given], mean[given], credit[given]
    for k, label in enumerate(labels):
        took = chosen == k
        if took.any():
            uses.append(OptionUse(code=label, share=float(took.mean()), rest=float(mean[took].mean())))
        if max(LEAST_CHOSEN * took.size, LEAST_APART) <= took.sum() < took.size and not credit[took].any():
            risen[label] = chance_of(float(np.corrcoef(took, ability)[0, 1]), took.size)
    best = min(risen, key=lambda label: risen[label], default="")
    p_answer = min(1.0, len(risen) * risen[best]) if best else 1.0
    suggestion, p = best if p_answer <= FALSE_ALARM else "", min(1.0, 2 * p, 2 * p_answer)
    return SuspectedKey(item=responses.items[i], p=p, suggestion=suggestion, options=tuple(uses))


def chance_of(r: float, n: int) -> float:
    """Return the probability of a correlation of r or more among n independent pairs, by t and Hill (1970, CACM Algorithm 395)."""
    if n <= 2 or not np.isfinite(r):
        return 1.0
    a = n - 2.5
    y = a * math.log1p(r * r / max(1 - r * r, 1e-12))
    z = (((((-0.4 * y - 3.3) * y - 24) * y - 85.5) / (0.8 * y * y + 100 + 48 * a * a) + y + 3) / (48 * a * a) + 1) * math.sqrt(y)
    return 0.5 * math.erfc(math.copysign(z, r) / math.sqrt(2))


def item_rest(codes: Codes, observed: Bools, max_scores: Ints) -> Floats:
    """Return the correlation (I,) of the points on each item with the person's level on the other items (`RestScores`)."""
    return RestScores.of(codes, observed, max_scores).correlations()


class Options(NamedTuple):
    """Labels of the options of one item, the key last; the option of each person (P,), and where one was chosen (P,)."""

    labels: tuple[str, ...]
    codes: Codes
    chosen: Bools


def chosen_options(data: Responses, item: int, labels: tuple[str, ...] | None = None) -> Options:
    """Return which option each person chose in the item at position `item`.

    Without `labels` they are those that occur; options other than the given ones count as no choice.
    Raises `ResponsesError` when raw answers were not kept, or more than one option or none earns the points.
    """
    name = data.items[item]
    if data.answers is None:
        raise ResponsesError("responses.options_needed", name=name)
    spelled, codes = data.answers.spelled(item)
    given: Ints = np.where(data.observed[:, item], codes, -1).astype(np.int64)
    if labels is None:
        seen = {spelled[k] for k in np.unique(given[given >= 0])}
        right = {spelled[k] for k in np.unique(given[(given >= 0) & (data.scores[:, item] > 0)])}
        if not right:
            raise ResponsesError("responses.no_key", name=name)
        if len(right) > 1:
            raise ResponsesError("responses.several_keys", name=name, options=sorted(right))
        if len(seen) > MOST_OPTIONS:
            raise ResponsesError("responses.options_many", name=name, n_seen=len(seen))
        labels = (*sorted(seen - right), *right)
    place = {label: k for k, label in enumerate(labels)}
    found = np.array([*(place.get(label, -1) for label in spelled), -1])[given]
    return Options(labels, np.maximum(found, 0).astype(np.int8), np.asarray(found >= 0))
