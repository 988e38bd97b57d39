"""The routes that close most of an expected shortfall within limits: of one person, and of many, who share seats and budget.

A route gives each competency one programme at most, so that several for one are never added up. Routes are looked up among sets of
programmes within the hours, the price and the dates of a person: all that there are or, where they are too many, those of a search. The
points that a set closes, each competency by its best programme, bound those of any route with it: the best set is looked at, and made
exact where its programmes cannot be put in order. Under scarce seats and budget the linear program over routes is solved by column
generation (Dantzig & Wolfe 1960): it sets prices, the best set of each person at these prices joins it, and what all persons reach at
any prices bounds what they can reach. An integer program chooses among these sets and those that are nearly as good.
"""

from collections.abc import Collection, Sequence
from functools import cache, partial
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from itertools import count, pairwise
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.routes.catalogue import Programme
from competency_dx.routes.search import balanced, grown

HOUR = 1e-4  # points: of what closes the same the shorter is taken
FEW, MOST = 64, 4096  # programmes, and sets of them, all of which are tried
STATES, LEAST, KEPT, AT_ONCE = 1 << 16, 16, 24, 16  # sets of all persons in a search, of each at least, at its end; persons at once
TURNS = 300, 8  # in search of the best route of a set whose programmes wait for each other; where the bound is not that of sets
ROUNDS, CLOSE, NEAR = 100, 1e-5, 4096  # of prices, the part of the bound at which they end, sets nearly as good as the best
SEARCHES, ENOUGH, NEARER, NARROWER = (0, 6, 12), 0.15, 0.8, 4  # rounds that begin with a narrower one, until the gap is so small
EXACT: Any = {"mip_rel_gap": 1e-7, "node_limit": 5000}
WHOLE: Any = {"mip_rel_gap": 1e-4, "node_limit": 200}
Column = tuple[int, int]  # a person and a set


class RouteProblem(NamedTuple):
    """P persons, K programmes, D competencies; `hours` and `price` are limits of each person, `budget` (B,) of those who share one.

    `closes` (P, K, D) are the points that count, 0 for what does not; `open` (P, D) are the deficits; `before` and `hard` (D, D)
    say which competency is learnt before which, and which has to be; `payer` (P,) is the place of the budget that pays for a person.
    """

    programmes: tuple[Programme, ...]
    closes: Floats
    open: Bools
    before: Bools
    hard: Bools
    hours: float
    price: float
    budget: Floats
    payer: Ints

    def left(self, chosen: Ints) -> tuple[Floats, Floats]:
        """Return the seats (K,) and the budgets (B,) that programmes chosen for competencies (P, D) leave."""
        seats = np.array([np.inf if one.seats is None else one.seats for one in self.programmes])
        taken = np.stack([(chosen == k).any(axis=1) for k in range(len(seats))], axis=1)
        spent = np.bincount(self.payer, weights=taken @ [one.price for one in self.programmes], minlength=len(self.budget))
        return seats - taken.sum(axis=0), self.budget - spent


def allocate(problem: RouteProblem, order: Sequence[int] = ()) -> tuple[Ints, Ints, float]:
    """Return the programme for each competency (P, D), that of everybody alone, -1 for none, and by what share it may fall short.

    Where seats and budget suffice for everybody, everybody has the route of one who is alone. Of equally good routes those are taken
    that come first with the persons in an order.
    """
    first = np.array(order or range(len(problem.open)))
    problem = problem._replace(closes=problem.closes[first], open=problem.open[first], payer=problem.payer[first])
    sets, back = Bundles(problem), np.argsort(first)
    columns, bound = sets.best(*sets.search(np.full(len(sets.seats) + len(problem.budget), np.inf)))
    alone, reached = sets.routes_of(columns)
    chosen, (seats, budget) = alone, problem.left(alone)
    if seats.min() < 0 or budget.min() < 0:
        chosen, reached, bound = sets.divided(columns, bound)
    return chosen[back], alone[back], max(0.0, 1 - reached / bound) if bound > 0 else 0.0


def ordered(problem: RouteProblem, row: Ints) -> list[int]:
    """Return the programmes of a person in an order that prerequisites and dates allow, as many of them as it does."""
    waits, of, out = _waits(problem, row.tolist()), problem.programmes, list[int]()
    while free := [k for k in waits if k not in out and waits[k] <= {*out}]:
        out.append(min(free, key=lambda k: (not of[k].reversible, of[k].hours, k)))
    return out


def _waits(problem: RouteProblem, row: Sequence[int]) -> dict[int, set[int]]:
    """Return which programmes of a route come before each by their dates and competencies."""
    of, held = problem.programmes, {*row} - {-1}
    waits = {k: {m for m in held if of[m].precedes(of[k])} for k in sorted(held)}
    for a, b in np.argwhere(problem.before).tolist():
        if row[a] != row[b] and min(row[a], row[b]) >= 0:
            waits[row[b]].add(row[a])
    return waits


def _circle(problem: RouteProblem, row: Sequence[int]) -> list[Column]:
    """Return competencies and their programmes of which one at least has to go, as they wait for each other; none where an order is."""
    pairs = list[Column]()
    try:
        TopologicalSorter(_waits(problem, row)).prepare()
    except CycleError as circle:
        for m, k in pairwise(circle.args[1]):
            if not problem.programmes[m].precedes(problem.programmes[k]):
                pairs += next([(a, m), (b, k)] for a, b in np.argwhere(problem.before).tolist() if (row[a], row[b]) == (m, k))
    return pairs


class Bundles:
    """Sets of programmes (P, S, L), and what each is worth to a person at most (P, S); `routes` are those of the sets looked at.

    Sets are filled up with a programme K that is none; where they are `all` that there are, persons have the same ones (1, S, L).
    """

    def __init__(self, problem: RouteProblem) -> None:
        (P, K, D), every = problem.closes.shape, problem.programmes
        self.problem, self.closes = problem, np.concatenate([problem.closes, np.zeros((P, 1, D))], axis=1)
        self.hours, self.price = (np.array([*(getattr(one, x) for one in every), 0.0]) for x in ("hours", "price"))
        self.seats = np.array([np.inf if one.seats is None else one.seats for one in every])
        limits = (self.hours, problem.hours), (self.price, problem.price)
        with np.errstate(divide="ignore", invalid="ignore"):  # something or nothing of nothing
            parts = [np.minimum(np.nan_to_num(x[:-1] / most), 2.0) for x, most in limits]
        days = sorted({one.start for one in every if one.start})
        self.size = np.array([*parts, *([bool(x.start and x.end and x.start <= day <= x.end) for x in every] for day in days)]).T
        self.earlier = np.pad([[one.precedes(other) for other in every] for one in every], (0, 1))
        self.routes, self.circle = dict[Column, tuple[Ints, float]](), cache(partial(_circle, problem))
        used, sets, rest = np.flatnonzero(problem.closes.any(axis=(0, 2))), np.zeros((1, 0, 1), dtype=np.int64), np.zeros(1)
        if (n := len(used)) <= FEW:  # each for a competency of its own, so that none stands for another
            free = np.zeros((1, n)), self.size[used], np.zeros((1, n + self.size.shape[1]))
            sets, rest, _ = grown(np.eye(n)[None], *free, MOST, MOST)
        self.all, sets = bool(rest[0] == -np.inf), np.unique(sets[0], axis=0)
        longest = max(int((sets < n).sum(axis=1).max(initial=0)), 1)
        alone = np.pad(np.where((self.size <= 1).all(axis=1), np.arange(K), K)[:, None], ((0, 1), (0, D - 1)), constant_values=K)
        self.held = np.append(used, K)[None, sets[:, :longest]] if self.all else np.tile(alone, (P, 1, 1))
        self.worth = self._most(self.held)

    def _most(self, sets: Ints) -> Floats:
        """Return what sets of all persons or of each (1 or P, S, L) are worth to them at most (P, S)."""
        problem, worth = self.problem, np.empty((len(self.closes), sets.shape[1]))
        for s, held in enumerate(sets[:, :, : max(int((sets < len(self.seats)).sum(axis=2).max()), 1)].transpose(1, 0, 2)):
            closes = self.closes[np.arange(len(worth))[:, None], held]
            points, without = closes.max(axis=1), ~closes.any(axis=1)
            while (drop := ((problem.open & without).astype(float) @ problem.hard > 0) & ~without).any():
                without |= drop  # a hard prerequisite with a deficit has no programme
            points[without], second = 0.0, np.sort(np.pad(closes, ((0, 0), (1, 0), (0, 0))), axis=1)[:, -2]
            worth[:, s], spare = points.sum(axis=1) - HOUR * self.hours[held].sum(axis=1), np.maximum(points - second, 0.0)
            place = np.take_along_axis(np.broadcast_to(held, closes.shape[:2]), closes.argmax(axis=1), axis=1)
            for a, b in np.argwhere(problem.before).tolist():  # what dates put in the wrong order has another programme or none
                lost = np.where(self.earlier[place[:, b], place[:, a]], np.minimum(spare[:, a], spare[:, b]), 0.0)
                spare[:, [a, b]] -= lost[:, None]
                worth[:, s] -= lost
        return worth

    def search(self, there: Floats, known: Floats | float = 0.0) -> tuple[Floats, Floats]:
        """Return prices of seats and budgets of which so much is `there` (K + B,), or the `known`, and what sets are worth at most.

        Where not all sets are here, those that are good at these prices join, and what is told is the worth in any order.
        """
        problem, P = self.problem, len(self.closes)
        if self.all:
            return np.zeros(len(there)), np.full(P, -np.inf)
        usable, hours, price = problem.closes * np.all(self.size <= 1, axis=1, keepdims=True), HOUR * self.hours[:-1], self.price[:-1]
        prices, shared = balanced(usable, self.size, hours, there, price, problem.payer, np.zeros(len(there)) + known)
        cost = hours + shared[: len(hours)] + shared[len(hours) :][problem.payer, None] * price
        width = -(-int(np.clip(STATES // P, LEAST, MOST)) // (1 if np.isinf(there).all() else NARROWER))
        parts = [slice(at, at + AT_ONCE) for at in range(0, P, AT_ONCE)]
        found = [grown(usable[x], cost[x], self.size, prices[x], width, max(width // 4, KEPT)) for x in parts]
        held = np.concatenate([sets for sets, *_ in found])
        self.held, self.worth = (np.concatenate(pair, axis=1) for pair in ((self.held, held), (self.worth, self._most(held))))
        return shared, np.concatenate([np.maximum(rest, top) for _, rest, top in found])

    def best(self, prices: Floats, rest: Floats | float = -np.inf) -> tuple[list[Column], float]:
        """Return the best set of each person at prices of seats and budgets (K + B,), and what is reached at most, or `rest` (P,)."""
        charge, here = self._charge(prices), np.arange(len(self.worth))
        place, late = np.zeros(len(here), dtype=np.int64), here
        while late.size:
            place[late] = (self.worth[late] - charge[late]).argmax(axis=1)
            late = np.array([p for p in late.tolist() if (p, int(place[p])) not in self.routes], dtype=np.int64)
            for p in late.tolist():
                self._look(p, int(place[p]))
        return list(enumerate(place.tolist())), float(np.maximum((self.worth - charge)[here, place], rest).sum())

    def _charge(self, prices: Floats) -> Floats:
        """Return what sets cost persons (P, S) at prices of seats and budgets (K + B,)."""
        seats, money = np.split(prices, [len(self.seats)])
        paid = money[self.problem.payer, None] * self.price[self.held].sum(axis=2)
        return np.asarray(np.append(seats, 0.0)[self.held].sum(axis=2) + paid)

    def _look(self, p: int, s: int) -> None:
        """Find the best route of a person with a set: of programmes that no order allows one competency after another goes."""
        if (p, s) in self.routes:
            return
        problem, held = self.problem, self.held[p % len(self.held), s]
        lacking, hard = problem.open[p].tolist(), np.argwhere(problem.hard).tolist()
        able = [sorted((-x, k) for x, k in zip(of, held.tolist(), strict=True) if x) for of in self.closes[p, held].T.tolist()]

        def route(gone: frozenset[Column]) -> tuple[float, list[int]]:
            row = [next((one for one in of if (d, one[1]) not in gone), (0.0, -1)) for d, of in enumerate(able)]
            while drop := [b for a, b in hard if lacking[a] and row[a][1] < 0 <= row[b][1]]:
                row = [(0.0, -1) if d in drop else one for d, one in enumerate(row)]
            return sum(x for x, _ in row), [k for _, k in row]

        heap, seen, bound = [(*route(frozenset()), frozenset[Column]())], set[frozenset[Column]](), 0.0
        most = TURNS[not self.all]
        for turn in count():
            points, row, gone = heappop(heap)
            bound = points if turn <= most or not self.all else bound
            if not (pairs := self.circle((*row,))):
                break
            if turn < most:
                fewer = [less for pair in pairs if (less := gone | {pair}) not in seen]
            else:  # a good one then
                heap, fewer = [], [gone | {*pairs}]
            seen |= {*fewer}
            for less in fewer:
                heappush(heap, (*route(less), less))
        if not self.all:
            used = [*dict.fromkeys(k for k in row if k >= 0)]
            self.held[p, s] = used + [len(self.hours) - 1] * (len(held) - len(used))
        cost = HOUR * self.hours[self.held[p % len(self.held), s]].sum()
        self.worth[p, s], self.routes[p, s] = -bound - cost, (np.array(row), -points - cost)

    def routes_of(self, columns: Collection[Column]) -> tuple[Ints, float]:
        """Return the programmes of routes for the competencies (P, D), and what the routes are worth together."""
        chosen = np.full(self.problem.open.shape, -1)
        for p, s in columns:
            chosen[p] = self.routes[p, s][0]
        return chosen, float(sum(self.routes[c][1] for c in columns))

    def divided(self, columns: Sequence[Column], bound: float) -> tuple[Ints, float, float]:
        """Return programmes under seats and budgets (P, D), what they are worth and what any could be worth at most."""
        from scipy.optimize import LinearConstraint, linprog, milp

        P, K = len(self.worth), len(self.seats)
        budget = np.minimum(self.problem.budget, self.price.sum() * P + 1.0)  # a limit that no solver takes for infinite
        size = np.maximum(budget / 10, 1.0)  # of larger numbers rounding passes the tolerance of the solver, which prints so
        there, unit = np.array([*np.minimum(self.seats, P), *budget]), np.array([*np.ones(K), *size])
        upper, taken = np.concatenate([np.ones(P), there / unit]), dict.fromkeys(columns)  # one route for a person, seats, budgets
        known, prices, reached, at = np.zeros(len(there)), np.zeros(len(there)), 0.0, () if self.all else SEARCHES
        for turn in range(ROUNDS):
            if turn in at and reached < (1 - ENOUGH) * bound:
                known = NEARER * known + (1 - NEARER) * prices  # at first none
                known, rest = self.search(np.array([*self.seats, *self.problem.budget]), known)
                new, most = self.best(known, rest)
                bound, taken = min(bound, most + float(there @ known)), taken | dict.fromkeys(new)
            value, rows = self._program([*taken], size)
            part: Any = linprog(-value, A_ub=rows, b_ub=upper, method="highs" if self.all else "highs-ipm")
            prices, reached = np.maximum(-part.ineqlin.marginals[P:], 0.0) / unit, -float(part.fun)
            new, most = self.best(prices)
            most += float(there @ prices)
            bound, taken = min(bound, most) if self.all else bound, taken | dict.fromkeys(new)
            if most - reached <= CLOSE * most and (turn >= max(at, default=0) or reached >= (1 - ENOUGH) * bound):
                break
        net = self.worth - self._charge(prices)
        loss = (net.max(axis=1, keepdims=True) - net).ravel()
        order = np.argsort(loss, kind="stable")
        for near in (0, NEAR):  # what has no part in the linear program may have one in whole numbers
            for p, s in zip(*(x.tolist() for x in np.divmod(order[:near], net.shape[1])), strict=True):
                self._look(p, s)
                taken[p, s] = None
            value, rows = self._program([*taken], size)
            limits, whole = LinearConstraint(rows, -np.inf, upper), np.ones(len(value), dtype=np.int64)
            found: Any = milp(-value, integrality=whole, constraints=limits, options=EXACT if len(value) <= 2 * NEAR else WHOLE)
            chosen, reached = self.routes_of([c for c, x in zip(taken, found.x, strict=True) if round(x)])
            if self.all and loss[order[near:]].min(initial=np.inf) > most - reached:  # the others are in no better routes
                bound = min(bound, max(reached, -float(found.mip_dual_bound)))
            if bound - reached <= CLOSE * bound or not self.all:
                break
        return chosen, reached, bound

    def _program(self, columns: Sequence[Column], size: Floats) -> tuple[Floats, Any]:
        """Return what routes are worth, and what they take of persons, seats and budgets, these in units of `size`."""
        from scipy.sparse import csr_array

        (p, s), P, K = np.array(columns).T, len(self.worth), len(self.seats)
        held, payer, each = self.held[p % len(self.held), s], self.problem.payer[p], np.arange(len(p))
        at, k = np.nonzero(held < K)
        places = np.concatenate([p, P + held[at, k], P + K + payer]), np.concatenate([each, at, each])
        cells = np.concatenate([np.ones(len(p) + len(at)), self.price[held].sum(axis=1) / size[payer]])
        return np.array([self.routes[c][1] for c in columns]), csr_array((cells, places), shape=(P + K + len(size), len(p)))
