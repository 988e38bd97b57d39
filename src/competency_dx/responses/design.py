"""Whether a design can carry a common scale, and whether zeros at the end mean "not reached" although every item has a score.

For the latter persons are a mixture of a few classes, which stands for any competency and any difficulty; whoever ran out of time after
item I - d has zeros on the last d (the HYBRID model of Yamamoto 1989, ETS RR-89-41). The likelihoods with and without running out of
time are compared. The last items as a block of their own, on which many earn nothing, look the same.
"""

from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, evenly
from competency_dx.errors import ResponsesError, checked
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import hidden_ids
from competency_dx.responses.missing import MissingPolicy
from competency_dx.responses.responses import Responses

PERSONS_AT_ONCE = 1 << 12
LEAST_LINK = 10  # persons who link a block of items with the others
CLASSES = 4
PERSONS, LEAST_PERSONS, LEAST_ITEMS = 1_000, 60, 8
MOST_DROPPED = 15
STEPS, FEW_STEPS, TOLERANCE = 60, 6, 0.05
LIMIT = 20.0  # of 2 Δ log L; no alarm in 800 simulated tests that nobody ran out of time in
LEAST_SHARE, LEAST_NAMED = 0.05, 0.075
HARDLY_ANY = 0.03  # dropped after a few steps: no alarm came of fewer than 0.04 in 300 simulated tests, with or without tails
MOST_BOOKLETS = 12


@checked(ResponsesError)
def check_design(responses: Responses, policy: MissingPolicy | None = None) -> tuple[Finding, ...]:
    """Return what stands against a calibration of these responses on one scale, where the cells count that the policy says.

    Severity "error" when no answer connects some blocks of items, "warning" where fewer than ten persons do.
    """
    scores, seen = responses.effective(policy)
    top = np.where(seen, scores, -1).max(axis=0, initial=-1)
    low = np.where(seen, scores, np.int8(127)).min(axis=0, initial=127)
    together, names, silent = meetings(seen), np.array(responses.items, dtype=object), np.flatnonzero(~seen.any(axis=1))
    block = components(together)
    parts = [names[block == k].tolist() for k in range(int(block.max(initial=0)) + 1)]
    blocks = [(part[0], len(part)) for part in parts if part]
    apart = Template("responses.disconnected").about(names[block > 0], parts=len(parts), blocks=blocks)
    block = components(together, least=LEAST_LINK)  # each linked firmly within
    inner = [inside for k in range(int(block.max(initial=0)) + 1) if 2 <= (inside := block == k).sum() <= len(block) / 2]
    persons = [int((seen[:, inside].any(axis=1) & seen[:, ~inside].any(axis=1)).sum()) for inside in inner]
    loose = [(names[inside], n) for inside, n in zip(inner, persons, strict=True) if n < LEAST_LINK]
    joints = [(part[0], len(part), n) for part, n in loose]
    weak = Template("responses.weakly_linked").about((i for part, _ in loose for i in part), least=LEAST_LINK, blocks=joints)
    return (
        *Template("responses.empty_items").about(names[top < 0], severity="warning"),
        *Template("responses.constant_items").about(names[(top >= 0) & (top == low)]),
        *Template("responses.empty_persons").about(hidden_ids(responses.persons, silent), severity="warning"),
        *(apart or weak),
    )


def meetings(seen: Bools) -> Floats:
    """Return how many persons answered both of two items (I, I), of so many persons as link all items with answers firmly."""
    out, answered = np.zeros((seen.shape[1], seen.shape[1])), seen.any(axis=0)
    for rows in blocks(len(seen), PERSONS_AT_ONCE):
        weights = seen[rows].astype(np.float32)
        out += weights.T @ weights
        if not components(out, least=LEAST_LINK)[answered].any():
            break
    return out


def components(together: Floats, least: int = 1) -> Ints:
    """Return the block of each item that has answers (-1 without), in the order of first items: `least` persons link neighbours."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(csr_array((together >= least).astype(np.int8)), directed=False)
    out, answered = np.full(len(together), -1, dtype=np.int64), np.diag(together) > 0
    out[answered] = np.unique(labels[answered], return_inverse=True)[1]  # labels are numbered by the first of each block
    return out


def zero_tails(codes: Codes, observed: Bools) -> Floats:
    """Return the share (I,) of persons who seem to have run out of time before each item, 0 where that is not evident.

    The order is that of the columns; at least 60 persons who were given the same 8 items or more are looked at together.
    """
    dropped, weights, groups = np.zeros(codes.shape[1]), np.zeros(codes.shape[1]), [np.arange(len(observed))]
    if not observed.all():  # the largest groups that got the same items
        packed = np.packbits(observed, axis=1)
        _, place, counts = np.unique(packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_inverse=True, return_counts=True)
        groups = [np.flatnonzero(place == k) for k in np.argsort(-counts, kind="stable")[:MOST_BOOKLETS]]
    for rows in groups:
        if len(rows) < LEAST_PERSONS or len(items := np.flatnonzero(observed[rows[0]])) < LEAST_ITEMS:
            continue
        some = rows[evenly(len(rows), PERSONS)]
        gain, left = _compared((codes[np.ix_(some, items)] > 0).astype(np.float64))
        if gain > LIMIT and left[0] < 1 - LEAST_SHARE:
            after = np.cumsum(left[:0:-1])[::-1]  # P(at least d dropped), d = 1 …
            dropped[items[::-1][: len(after)]] += after * len(rows)
        weights[items] += len(rows)
    return np.asarray(dropped / np.maximum(weights, 1.0))


def tail_findings(items: tuple[str, ...], dropped: Floats) -> tuple[Finding, ...]:
    """Return the finding about zeros at the end, with the items that many seem not to have reached."""
    if not dropped.any():
        return ()
    late = [*compress(items, dropped > LEAST_NAMED)] or [items[int(dropped.argmax())]]
    return Template("responses.zero_tails").about(late, share=100 * dropped.max())


def _compared(x: Floats) -> tuple[float, Floats]:
    """Return 2 Δ log L of answers (P, I), and the shares of persons who dropped 0, 1 … items."""
    P, I = x.shape
    most = min(I // 2, MOST_DROPPED)
    tail = np.minimum(np.where(x.any(axis=1), x[:, ::-1].argmax(axis=1), I), most)
    place = np.empty(P, dtype=np.int64)
    place[np.argsort(x.sum(axis=1), kind="stable")] = np.arange(P) * CLASSES // P
    start: NDArray[Any] = (np.eye(CLASSES)[:, place] * 0.8 + 0.2 / CLASSES).astype(np.float32)
    x = np.ascontiguousarray(x.T, dtype=np.float32)  # single precision moves log L by thousandths
    none, some = np.r_[1.0, np.zeros(most)], np.r_[0.9, np.full(most, 0.1 / most)]
    _, early, _ = _fitted(x, tail, start, none, FEW_STEPS)
    _, _, left = _fitted(x, tail, early, some, FEW_STEPS)
    if left[0] > 1 - HARDLY_ANY:
        return 0.0, left
    first, posterior, _ = _fitted(x, tail, early, none, STEPS - FEW_STEPS)
    speeded, posterior, left = _fitted(x, tail, posterior, some)
    if 2 * (speeded - first) > LIMIT:  # further steps must not count for the longer model alone
        first = max(first, _fitted(x, tail, posterior, none)[0])
    return 2 * (speeded - first), left


def _fitted(x: Floats, tail: Ints, posterior: Floats, left: Floats, steps: int = STEPS) -> tuple[float, Floats, Floats]:
    """Return log-likelihood of answers (I, P), classes of persons (C, P) and shares of items dropped (most + 1,) by EM."""
    I, P = x.shape
    most, old, value = len(left) - 1, -np.inf, -np.inf
    by_tail = np.eye(most + 1, dtype=x.dtype)[tail]  # given the class, all that tells how many items a person dropped
    gone = np.zeros((len(posterior), most + 1))  # expected numbers of persons who dropped d items, by class
    for _ in range(steps):
        size = posterior.sum(axis=1, dtype=np.float64)
        reached = np.repeat(size[:, None], I, axis=1)
        reached[:, I - most :] -= np.cumsum(gone[:, :0:-1], axis=1)  # whoever dropped d or more misses item I - d + 1
        p = (posterior @ x.T + 0.5) / (reached + 1.0)
        wrong = np.log1p(-p)
        each = np.repeat(left[None], len(size), axis=0)  # (C, d)
        each[:, 1:] *= np.exp(-np.cumsum(wrong[:, ::-1][:, :most], axis=1))
        upto = np.cumsum(each, axis=1)
        of_class = wrong.sum(axis=1) + np.log(size / P)
        joint = (np.log(p) - wrong).astype(x.dtype) @ x
        joint += (of_class[:, None] + np.log(upto)).astype(x.dtype)[:, tail]
        top = joint.max(axis=0)
        posterior = np.exp(joint - top)
        total = posterior.sum(axis=0)
        posterior /= total
        value = float((top + np.log(total)).sum(dtype=np.float64))
        share = (posterior @ by_tail) / upto  # persons by length of tail and class, over what they could have dropped
        gone = each * np.cumsum(share[:, ::-1], axis=1)[:, ::-1]
        left = gone.sum(axis=0) / P
        if value - old < TOLERANCE:
            break
        old = value
    return value, posterior, left
