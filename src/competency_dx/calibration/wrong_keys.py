"""Suspected wrong keys: items credited the less often, the better a person does on the other items."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from competency_dx.arrays import Bools, Codes, Floats, Ints, value
from competency_dx.kernels.blocks import map_blocks
from competency_dx.responses import MissingPolicy, Responses

FALSE_ALARM = 0.01  # probability that any key of a test is suspected although all of them are right
LEAST_ANSWERS, LEAST_APART = 30, 5  # answers to an item, and of these other than the most frequent, to suspect anything
LEAST_CHOSEN = 0.05  # share of the answers below which an option is not compared with the key
ROUNDS = 20
NO_VARIANCE = 1e-10  # variance of shares that is rounding


@value
class OptionUse:
    """How often an option was chosen, and the mean share of points (0-1) of those persons on the other items."""

    code: str
    share: float
    rest: float


@value
class SuspectedKey:
    """An item whose key the data speak against.

    Attributes
    ----------
    item : str
    p : float
        Probability of such evidence against any item of the test while all keys are right.
    suggestion : str
        The answer that behaves like the key; "" when none clearly does, or when raw answers were not kept.
    options : tuple of OptionUse
        The distinct answers in the order of their labels; empty when raw answers were not kept.
    """

    item: str
    p: float
    suggestion: str = ""
    options: tuple[OptionUse, ...] = ()


def suspected_keys(
    responses: Responses, *, policy: MissingPolicy | None = None, rest: Floats | None = None
) -> tuple[SuspectedKey, ...]:
    """Return the items with a probable wrong key.

    An item is tested when at least 30 answers to it enter and its correlation r with the other items is negative. Two
    one-sided tests by t = r √((n - 2)/(1 - r²)): that the credit falls with the points on the other items, and, where
    raw answers were kept, that one of the answers without credit rises with them. Half of the error goes to each of the
    two, the second half in equal parts to the answers, and over the items of the test it is held by Holm's procedure
    (1979): however many items measure nothing at all, a false alarm in any of them has the probability .01 at most.

    Parameters
    ----------
    policy : MissingPolicy, optional
        Which missing answers count as wrong, as in `calibrate`.
    rest : ndarray, shape (I,), optional
        `item_rest` of the same answers where it is known already.
    """
    codes, observed = responses.effective(policy)
    r = item_rest(codes, observed, responses.max_scores) if rest is None else rest
    tested = np.isfinite(r) & (observed.sum(axis=0) >= LEAST_ANSWERS)
    places = np.flatnonzero(tested & (r < 0)).tolist()
    if not places:
        return ()
    others = Others.of(codes, observed, responses.max_scores)
    evidence = [_evidence(responses, i, others, float(r[i])) for i in places]
    suspected, adjusted = [], 0.0
    for k, one in enumerate(sorted(evidence, key=lambda e: e.p)):
        adjusted = max(adjusted, (int(tested.sum()) - k) * one.p)
        if adjusted <= FALSE_ALARM:
            suspected.append(replace(one, p=adjusted))
    return tuple(sorted(suspected, key=lambda e: responses.items.index(e.item)))


class Others(NamedTuple):
    """What the other items say of the persons who answered an item, comparable between booklets.

    The share of points x of person p on item i is taken as u_p + v_i, both by least squares over the answers given:
    whoever answered harder items is not the weaker for it. `points`, `expected` and `count` (P,) are sums of x, of v and of
    1 over the answers of a person, `difficulty` (I,) is v.
    """

    table: tuple[Codes, Bools, Ints]
    points: Floats
    expected: Floats
    count: Ints
    difficulty: Floats

    @classmethod
    def of(cls, codes: Codes, observed: Bools, max_scores: Ints) -> Self:
        """Return what shares of points (P, I) say; v by a few rounds on the sums (I, I) that a pass over persons leaves."""
        count, table = observed.sum(axis=1), (codes, observed, max_scores)
        points = np.empty(len(codes))

        def sums(block: slice) -> tuple[Floats, Floats, Floats]:
            x, seen = _shares(table, block)
            points[block] = x.sum(axis=1, dtype=np.float64)
            per = seen / np.maximum(count[block, None], 1).astype(np.float32)
            return x.sum(axis=0, dtype=np.float64), points[block] @ per, (per.T @ seen).astype(np.float64)

        total, drawn, meeting = (sum(part) for part in zip(*map_blocks(sums, len(codes)), strict=True))
        n = np.maximum(observed.sum(axis=0), 1)
        mean = v = total / n
        for _ in range(0 if observed.all() else ROUNDS):
            v = mean - (drawn - meeting @ v) / n
        return cls(table, points, observed @ v, count, v)

    def without(self, i: int) -> tuple[Ints, Floats, Floats, Floats]:
        """Return who answered item i and others, of these persons u without item i, their mean share there, and x."""
        codes, observed, top = self.table
        who = np.flatnonzero(observed[:, i] & (self.count > 1))
        x, others = codes[who, i] / max(int(top[i]), 1), self.count[who] - 1
        mean = (self.points[who] - x) / others
        return who, mean - (self.expected[who] - self.difficulty[i]) / others, mean, x

    def correlations(self) -> Floats:
        """Return the correlation (I,) of x with u without the item, NaN where either does not vary.

        The latter is u - w (x - v) with w = 1/(count - 1), so that sums over persons of x, x² and 1 times a few columns
        say it for all items at once.
        """
        w = (self.count > 1) / np.maximum(self.count - 1, 1)
        u = (self.points - self.expected) * w
        u -= u.mean()
        some = np.stack([self.count > 1, u, u * u, w, u * w, w * w], axis=1)

        def sums(block: slice) -> Floats:
            x, seen = _shares(self.table, block)
            return np.stack([part.T.astype(np.float64) @ some[block] for part in (seen, x, x * x)])

        (n, u, uu, w, uw, ww), (x, xu, _, xw, xuw, xww), (xx, _, _, xxw, _, xxww) = np.moveaxis(
            sum(map_blocks(sums, len(self.count))), 2, 1
        )
        v = self.difficulty
        a, ax = u - xw + v * w, xu - xxw + v * xw
        aa = uu - 2 * (xuw - v * uw) + xxww - 2 * v * xww + v * v * ww
        with np.errstate(divide="ignore", invalid="ignore"):
            of_x, of_a = xx - x * x / n, aa - a * a / n
            out = (ax - a * x / n) / np.sqrt(of_x * of_a)
        return np.where((n > 2) & (of_x > NO_VARIANCE * n) & (of_a > NO_VARIANCE * n), out, np.nan)


def _shares(table: tuple[Codes, Bools, Ints], block: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return shares of points (p, I) of a block of persons, zero where there is no answer, and the mask."""
    codes, observed, top = table
    seen = observed[block].astype(np.float32)
    return codes[block] / np.maximum(top, 1).astype(np.float32) * seen, seen


def _evidence(responses: Responses, i: int, others: Others, r: float) -> SuspectedKey:
    """Return the evidence against the key of one item, p for this item alone."""
    who, ability, mean, credit = others.without(i)
    enough = len(credit) - np.unique(credit, return_counts=True)[1].max() >= LEAST_APART
    p = _chance(-r, len(credit)) if enough else 1.0
    if responses.answers is None:
        return SuspectedKey(item=responses.items[i], p=p)
    labels, chosen = responses.answers.spelled(i)
    given = responses.observed[who, i] & (chosen[who] >= 0)
    uses, risen = [], {}
    for k, label in enumerate(labels):
        took = chosen[who][given] == k
        if took.any():
            uses.append(OptionUse(code=label, share=float(took.mean()), rest=float(mean[given][took].mean())))
        if max(LEAST_CHOSEN * took.size, LEAST_APART) <= took.sum() < took.size and not credit[given][took].any():
            risen[label] = _chance(float(np.corrcoef(took, ability[given])[0, 1]), took.size)
    best = min(risen, key=lambda label: risen[label], default="")
    p_answer = min(1.0, len(risen) * risen[best]) if best else 1.0
    return SuspectedKey(
        item=responses.items[i],
        p=min(1.0, 2 * p, 2 * p_answer),
        suggestion=best if p_answer <= FALSE_ALARM else "",
        options=tuple(uses),
    )


def _chance(r: float, n: int) -> float:
    """Return the probability of a correlation of r or more among n independent pairs."""
    return float(stdtr(n - 2, -r * np.sqrt((n - 2) / max(1 - r * r, 1e-12)))) if n > 2 and np.isfinite(r) else 1.0


def item_rest(codes: Codes, observed: Bools, max_scores: Ints) -> Floats:
    """Return the correlation (I,) of the share of points on each item with the person's level on the other items.

    Of complete data the level is the mean share of points; of booklets see `Others`. NaN where an item or the rest has
    no variance, and below 3 persons.
    """
    if observed.all():
        return _complete_item_rest(np.divide(codes, np.maximum(max_scores, 1), dtype=np.float32))
    return Others.of(codes, observed, max_scores).correlations()


def _complete_item_rest(share: NDArray[np.float32]) -> Floats:
    """Return the same for complete data from the covariances of items with their sum."""
    off = share - share.mean(axis=0, dtype=np.float64).astype(np.float32)
    total = off @ np.ones(off.shape[1], dtype=np.float32)
    own, shared = np.einsum("pi,pi->i", off, off).astype(float), (total @ off).astype(float)
    rest = float(total @ total) + own - 2 * shared
    usable = (own > 0) & (rest > 0)
    out: Floats = np.full(share.shape[1], np.nan)
    np.divide(shared - own, np.sqrt(own * rest), out=out, where=usable)
    return out
