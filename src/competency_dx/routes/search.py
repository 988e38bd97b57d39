"""Sets of programmes that grow one by one: where these are too many, the most promising ones, and what no other exceeds.

A set is worth the best of its programmes for each competency, less what these cost. At prices of competencies, hours, money and days
what programmes can add is a sum over them (Lagrangian relaxation; Geoffrion 1974, doi:10.1007/BFb0120690): an upper bound of all sets
that begin with the same programmes. Sets with the highest bounds go on.
"""

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints

STEPS, PACE = 60, 0.2  # towards the prices


def balanced(closes: Floats, size: Floats, cost: Floats, there: Floats, paid: Floats, payer: Ints, kept: Floats) -> tuple[Floats, ...]:
    """Return prices at which what sets are worth at most is low: of competencies and limits (P, D + R), of seats and budgets (K + B,).

    `closes` (P, K, D) and `cost` (K,) are points, `size` (K, R) is the part of each limit that programmes take, `paid` (K,) that of the
    budget of a `payer` (P,). The first prices follow the subgradient; the others are those `kept` (K + B,) or, if these are 0, follow
    what is asked for beyond what is `there` (K + B,).
    """
    (P, K, D), R, single = closes.shape, size.shape[1], closes.astype(np.float32)  # any prices are a bound
    best = price = np.concatenate([closes.max(axis=1) * 0.7, np.zeros((P, R))], axis=1)
    least, pace, unit = np.full(P, np.inf), np.full(P, PACE), np.array([*[1.0] * D, 3.0, 3.0, *[0.5] * (R - 2)])
    shared, late, point = kept, list[Floats](), 0.0 if kept.any() else closes.sum() / max(np.count_nonzero(closes.any(axis=2)), 1)
    scale = np.where(np.arange(len(there)) < K, point, point / max(paid.max(), 1.0))
    for step in range(STEPS):
        above = single - price[:, None, :D].astype(np.float32)
        fee = cost + shared[:K] + shared[K:][payer, None] * paid + price[:, D:] @ size.T
        net = np.maximum(above, 0.0).sum(axis=2) - fee
        taken, bound = net > 0, price.sum(axis=1) + np.maximum(net, 0.0).sum(axis=1)
        pace = np.where(bound < least * (1 - 1e-4), pace, pace * 0.95)
        best, least = np.where((bound < least)[:, None], price, best), np.minimum(bound, least)
        uses = np.concatenate([(1.0 * taken[:, None] @ (above > 0))[:, 0], taken @ size], axis=1)
        slope = np.where((price <= 0) & (uses < 1), 0.0, 1 - uses) * unit
        price = np.maximum(price - (pace * bound / np.maximum((slope**2).sum(axis=1), 1e-9))[:, None] * slope * unit, 0.0)
        asked = np.concatenate([taken.sum(axis=0), np.bincount(payer, weights=taken @ paid, minlength=len(there) - K)])
        with np.errstate(invalid="ignore"):  # where there is no limit, or nothing and nothing is asked for
            shared = np.maximum(shared + scale * np.nan_to_num((asked - there) / (asked + there), nan=-1.0) / (2 + step / 5), 0.0)
        late += [shared] if step >= STEPS // 2 else []
    return best, np.mean(late, axis=0)


def grown(closes: Floats, cost: Floats, size: Floats, price: Floats, width: int, kept: int) -> tuple[Ints, Floats, Floats]:
    """Return the best sets that grew (P, kept, L), filled up with K, which is no programme; what others are worth, and the best.

    `cost` (P, K) are points; of the limits in `size` several programmes share the first two, of the others each takes all. `width` sets
    go on. A set has L programmes at most, as many as there are competencies: the others close nothing.
    """
    (n, K, D), L, days = closes.shape, max(closes.shape[2], 1), size[:, 2:]
    here, per = np.arange(n)[:, None], price[:, None, :D]
    fee, useful = cost + price[:, D:] @ size.T, _useful(closes, cost, size)
    order = np.argsort(np.where(useful, fee - np.maximum(closes - per, 0.0).sum(axis=2), np.inf), axis=1, kind="stable")
    order = order[:, : max(int(useful.sum(axis=1).max()), 1)]  # the most useful first
    closes, cost, size, fee, apart = closes[here, order], cost[here, order], size[order], fee[here, order], (days @ days.T > 0)
    best, left, member = np.zeros((n, 1, D)), np.ones((n, 1, size.shape[2])), np.zeros((n, 1, len(order[0])), dtype=np.bool_)
    value = np.zeros((n, 1))
    able, sets, worth, rest = useful[here, order][:, None], member, value, np.full(n, -np.inf)
    places = np.arange(len(order[0]))
    while True:
        gain = _above(closes, best) - cost[:, None]
        able = able & (gain > 0) & (left[:, :, None, :2] + 1e-9 >= size[:, None, :, :2]).all(axis=3)
        if not able.any() or member.sum(axis=2).max() == L:
            held = np.sort(np.where(sets & (worth > -np.inf)[:, :, None], order[:, None], K), axis=2)[:, :, :L]
            spare = (0, 0), (0, kept - held.shape[1]), (0, L - held.shape[2])
            return np.pad(held, spare, constant_values=K), rest, worth.max(axis=1)
        level = np.maximum(best, per)
        net = np.where(able, _above(closes, level) - fee[:, None], -np.inf)
        more = np.maximum(net, 0.0)  # what this one and those after it add at most
        start = value + level.sum(axis=2) - best.sum(axis=2) + (left @ price[:, D:, None])[:, :, 0]
        bound = (start[:, :, None] + net + more[:, :, ::-1].cumsum(axis=2)[:, :, ::-1] - more).reshape(n, -1)
        reached = np.where(able, value[:, :, None] + gain, -np.inf).reshape(n, -1)
        at, lost = _highest(reached, kept)
        sets, worth = np.concatenate([sets, _with(member, at)], axis=1), np.concatenate([worth, reached[here, at]], axis=1)
        rest, (at, lost) = np.maximum(rest, lost), _highest(worth, kept)
        sets, worth, rest = sets[here, at], worth[here, at], np.maximum(rest, lost)
        at, lost = _highest(bound, width)
        (s, k), rest, value = np.divmod(at, len(places)), np.maximum(rest, lost), np.maximum(reached[here, at], 0.0)
        able = able[here, s] & (places > k[:, :, None]) & (bound[here, at] > -np.inf)[:, :, None]
        able &= ~apart[order[here, k][:, :, None], order[:, None]]
        best, left, member = np.maximum(best[here, s], closes[here, k]), left[here, s] - size[here, k], _with(member, at)


def _useful(closes: Floats, cost: Floats, size: Floats) -> Bools:
    """Return which programmes (P, K) close something and have no other in whose place they close less, or cost or take more."""
    K = closes.shape[1]
    better = (size[:, None] <= size).all(axis=2) & (cost[:, :, None] <= cost[:, None])
    for d in range(closes.shape[2]):
        better &= closes[:, :, None, d] >= closes[:, None, :, d]
    better &= ~better.transpose(0, 2, 1) | (np.arange(K)[:, None] < np.arange(K))  # of equals the first
    return np.asarray(closes.any(axis=2) & (size <= 1).all(axis=1) & ~better.any(axis=1))


def _with(member: Bools, at: Ints) -> Bools:
    """Return sets (P, S, K) with one programme more, at places among all pairs of a set and a programme."""
    s, k = np.divmod(at, member.shape[2])
    return np.asarray(member[np.arange(len(at))[:, None], s] | (np.arange(member.shape[2]) == k[:, :, None]))


def _above(closes: Floats, level: Floats) -> Floats:
    """Return how much programmes (P, K, D) close beyond a level of each competency (P, S, D), together (P, S, K)."""
    out = np.zeros((*level.shape[:2], closes.shape[1]))
    for d in range(closes.shape[2]):
        out += np.maximum(closes[:, None, :, d] - level[:, :, None, d], 0.0)
    return out


def _highest(of: Floats, most: int) -> tuple[Ints, Floats]:
    """Return the places of the highest of each person (P, most), and the highest of the others (P,)."""
    at = np.argpartition(-of, min(most, of.shape[1]) - 1, axis=1)
    return at[:, :most], np.take_along_axis(of, at[:, most:], axis=1).max(axis=1, initial=-np.inf)
