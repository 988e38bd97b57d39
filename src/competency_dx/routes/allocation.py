"""The routes that close most of an expected shortfall within limits: of one person, and of many, who share seats and budget.

A route gives each competency one programme at most, so that several for one competency are never added up. The best one is the solution
of a mixed integer program. Of many persons it is faster to look it up: sets of programmes within the hours, the price and the dates of
one person are few where the programmes for a category are. The points that a set closes, each competency by its best programme, bound
those of any route with it: the best set of a person is looked up, and made exact where its programmes cannot be put in order. Under
scarce seats and budget the linear program over routes is solved by column generation (Dantzig & Wolfe 1960): it sets prices, the best
set of each person at these prices joins it, and what all persons reach at any prices bounds what they can reach.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.routes.catalogue import Programme

HOUR = 1e-4  # points: of what closes the same the shorter is taken
SMALL = 1500  # pairs of programmes and competencies up to which a program is solved to the end
EXACT, ROUGH = {"mip_rel_gap": 1e-7, "node_limit": 5000}, {"mip_rel_gap": 0.005, "node_limit": 1}
MOST = 4096  # sets of programmes
ROUNDS, CLOSE = 100, 1e-5  # of prices, and the part between the linear program and its bound at which they end
WHOLE: Any = {"mip_rel_gap": 1e-4, "node_limit": 200}
Cut = tuple[int, list[tuple[int, int]]]  # the place of a person, and pairs that no order allows together
Column = tuple[int, int]  # a person and a set
Pairs = list[tuple[int, int, int]]


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


def allocate(problem: RouteProblem) -> tuple[Ints, Ints, float]:
    """Return the programme for each competency (P, D), that of everybody alone, -1 for none, and by what share it may fall short.

    Where seats and budget suffice for everybody, everybody has the route of one who is alone.
    """
    P, sets = len(problem.open), Bundles.of(problem)
    if sets is None:
        solved = [best(problem, [p], shared=False) for p in range(P)]
        alone, reached, bound = np.concatenate([row for row, *_ in solved]), *(sum(x) for x in list(zip(*solved, strict=True))[1:])
    else:
        alone, reached = sets.routes_of(sets.settled(np.zeros(sets.worth.shape)))
        bound = reached
    chosen, (seats, budget) = alone, problem.left(alone)
    if seats.min() < 0 or budget.min() < 0:
        together = sets is None or np.count_nonzero(problem.closes) <= SMALL
        chosen, reached, bound = best(problem, range(P), shared=True) if together or sets is None else sets.divided()
    return chosen, alone, max(0.0, 1 - reached / bound) if bound > 0 else 0.0


def ordered(problem: RouteProblem, row: Ints) -> tuple[list[int], set[int]]:
    """Return the programmes of a person in an order that prerequisites and dates allow, and those that no order allows."""
    held, of = {k: np.flatnonzero(row == k) for k in row[row >= 0].tolist()}, problem.programmes
    waits = {k: {m for m in held if m != k and problem.before[np.ix_(held[m], held[k])].any()} for k in held}
    waits = {k: waits[k] | {m for m in held if of[m].precedes(of[k])} for k in held}
    out: list[int] = []
    while free := [k for k in held if k not in out and waits[k] <= {*out}]:
        out.append(min(free, key=lambda k: (not of[k].reversible, of[k].hours, k)))
    return out, set(held) - set(out)


def best(problem: RouteProblem, persons: Sequence[int], *, shared: bool) -> tuple[Ints, float, float]:
    """Return the best programmes of some persons together (n, D), what they are worth and what any could be worth at most."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    cuts: list[Cut] = []
    while True:  # until no solution needs an order that cannot be
        value, matrix, upper, pairs = _program(problem, persons, cuts, shared=shared)
        chosen = np.full((len(persons), len(problem.before)), -1)
        if not pairs:
            return chosen, 0.0, 0.0
        rows, whole = LinearConstraint(matrix, -np.inf, upper), np.ones(len(value), dtype=np.int64)
        options: Any = EXACT if len(pairs) <= SMALL else ROUGH
        found = milp(-value, integrality=whole, bounds=Bounds(0, 1), constraints=rows, options=options)
        x = np.zeros(len(value)) if found.x is None else found.x.round()
        for i, k, d in (pair for pair, taken in zip(pairs, x, strict=False) if taken):
            chosen[i, d] = k
        late = [(i, row, ordered(problem, row)[1]) for i, row in enumerate(chosen)]
        new = [(i, [(int(k), d) for d, k in enumerate(row) if k in stuck]) for i, row, stuck in late if stuck]
        if not new:
            return chosen, float(value @ x), -float(found.mip_dual_bound or 0.0)
        cuts += new


def _program(problem: RouteProblem, persons: Sequence[int], cuts: Sequence[Cut], *, shared: bool) -> tuple[Floats, Any, Floats, Pairs]:
    """Return values, rows, their upper limits, and the pairs (place, programme, competency), the first of the columns."""
    from scipy.sparse import csr_array

    every = problem.programmes
    pairs = [(i, int(k), int(d)) for i, p in enumerate(persons) for k, d in zip(*np.nonzero(problem.closes[p]), strict=True)]
    z = {pair: at for at, pair in enumerate(pairs)}
    x = {pair: len(z) + at for at, pair in enumerate(dict.fromkeys((i, k) for i, k, _ in pairs))}
    edges = [(int(a), int(b)) for a, b in zip(*np.nonzero(problem.before), strict=True)]
    rows = [({at: 1.0, x[i, k]: -1.0}, 0.0) for (i, k, _), at in z.items()]
    for i, p in enumerate(persons):
        mine = {int(k): x[i, int(k)] for k in np.flatnonzero(problem.closes[p].any(axis=1))}
        of = [{z[i, int(k), d]: 1.0 for k in np.flatnonzero(closes)} for d, closes in enumerate(problem.closes[p].T)]
        rows += [(row, 1.0) for row in of]
        rows.append(_limit({at: every[k].hours for k, at in mine.items()}, problem.hours))
        rows.append(_limit({at: every[k].price for k, at in mine.items()}, problem.price))
        rows += [({mine[k]: 1.0, mine[m]: 1.0}, 1.0) for k in mine for m in mine if k < m and every[k].overlaps(every[m])]
        late = [(k, m) for k in mine for m in mine if every[k].precedes(every[m])]  # the second cannot prepare for the first
        held = [(z.get((i, m, a)), z.get((i, k, b))) for k, m in late for a, b in edges]
        rows += [({first: 1.0, second: 1.0}, 1.0) for first, second in held if first is not None and second is not None]
        needed = zip(*np.nonzero(problem.hard & problem.open[p][:, None]), strict=True)
        rows += [(of[b] | dict.fromkeys(of[a], -1.0), 0.0) for a, b in needed]
    rows += [({z[i, k, d]: 1.0 for k, d in held}, len(held) - 1.0) for i, held in cuts]
    if shared:
        seats = {k: one.seats for k, one in enumerate(every) if one.seats is not None}
        rows += [({at: 1.0 for (_, m), at in x.items() if m == k}, float(n)) for k, n in seats.items()]
        payer, spent = problem.payer[[*persons]], [dict[int, float]() for _ in problem.budget]
        for (i, k), at in x.items():
            spent[payer[i]][at] = every[k].price
        rows += map(_limit, spent, problem.budget.tolist())
    value = np.array([*(problem.closes[persons[i], k, d] for i, k, d in pairs), *(-HOUR * every[k].hours for _, k in x)])
    columns, cells = [c for row, _ in rows for c in row], [v for row, _ in rows for v in row.values()]
    ends = np.cumsum([0, *(len(row) for row, _ in rows)])
    matrix = csr_array((np.array(cells), np.array(columns, dtype=np.int32), ends), shape=(len(rows), len(value)))
    return value, matrix, np.array([limit for _, limit in rows]), pairs


def _limit(row: dict[int, float], limit: float) -> tuple[dict[int, float], float]:
    """Return a row with a limit of at most 1000: in larger numbers rounding passes the tolerance of the solver, which prints so."""
    size = max(limit / 1000, 1.0)
    return ({}, 1.0) if np.isinf(limit) else ({at: x / size for at, x in row.items()}, limit / size)


class Bundles:
    """Sets of programmes (S, K), and what each is worth to a person (P, S): at most, exactly for the pairs in `routes`."""

    def __init__(self, problem: RouteProblem, member: Bools) -> None:
        self.problem, self.member = problem, member
        self.worth = np.stack([self._assigned(np.arange(len(problem.open)), held)[1] for held in member], axis=1)
        self.routes: dict[Column, Ints] = {}

    @classmethod
    def of(cls, problem: RouteProblem) -> "Bundles | None":
        """Return the sets that one person may take, None where they are too many."""
        every, sets = problem.programmes, list[tuple[int, ...]]([()])
        for k in np.flatnonzero(problem.closes.any(axis=(0, 2))).tolist():
            for held in [*sets]:
                hours, price = (sum(getattr(every[m], what) for m in (*held, k)) for what in ("hours", "price"))
                if hours <= problem.hours and price <= problem.price and not any(every[k].overlaps(every[m]) for m in held):
                    sets.append((*held, k))
            if len(sets) > MOST:
                return None
        return cls(problem, np.array([np.isin(np.arange(len(every)), held) for held in sets]))

    def _assigned(self, persons: Ints, held: Bools) -> tuple[Ints, Floats]:
        """Return the programmes of a set for the competencies of persons (n, D) in any order, and what they are worth (n,)."""
        problem, k = self.problem, np.flatnonzero(held)
        closes = np.concatenate([problem.closes[np.ix_(persons, k)], np.zeros((len(persons), 1, len(problem.before)))], axis=1)
        place = np.where(closes.max(axis=1) > 0, closes.argmax(axis=1), len(k))
        without = place == len(k)
        while (drop := ((problem.open[persons] & without).astype(float) @ problem.hard > 0) & ~without).any():
            without |= drop  # a hard prerequisite with a deficit has no programme
        points = np.take_along_axis(closes, np.where(without, len(k), place)[:, None], axis=1)[:, 0].sum(axis=1)
        return np.where(without, -1, np.array([*k, -1])[place]), points - HOUR * sum(problem.programmes[m].hours for m in k)

    def settled(self, charge: Floats) -> list[Column]:
        """Return the best set of each person when sets cost `charge` (P, S), all of them exact."""
        place, late = np.zeros(len(self.worth), dtype=np.int64), np.arange(len(self.worth))
        while late.size:
            place[late] = (self.worth[late] - charge[late]).argmax(axis=1)
            late = np.array([p for p in late if not self._exact(int(p), int(place[p]))], dtype=np.int64)
        return list(enumerate(place.tolist()))

    def _exact(self, p: int, s: int) -> bool:
        """Return whether the worth of a set for a person was exact; it is from now on."""
        if (p, s) in self.routes:
            return True
        row = self._assigned(np.array([p]), self.member[s])[0][0]
        if stuck := bool(ordered(self.problem, row)[1]):
            closes = np.where(self.member[s][:, None], self.problem.closes[p], 0.0)[None]
            (row,), self.worth[p, s], _ = best(self.problem._replace(closes=closes, open=self.problem.open[[p]]), [0], shared=False)
        self.routes[p, s] = row
        return not stuck

    def routes_of(self, columns: Collection[Column]) -> tuple[Ints, float]:
        """Return the programmes of routes for the competencies (P, D), and what the routes are worth together."""
        chosen = np.full(self.problem.open.shape, -1)
        for p, s in columns:
            chosen[p] = self.routes[p, s]
        return chosen, float(sum(self.worth[c] for c in columns))

    def divided(self) -> tuple[Ints, float, float]:
        """Return programmes under seats and budgets (P, D), what they are worth and what any could be worth at most."""
        from scipy.optimize import LinearConstraint, linprog, milp
        from scipy.sparse import csr_array, vstack

        every, payer, P = self.problem.programmes, self.problem.payer, len(self.worth)
        scarce = [k for k in np.flatnonzero(self.member.any(axis=0)).tolist() if every[k].seats is not None]
        prices = self.member @ [one.price for one in every]
        budget = np.minimum(self.problem.budget, P * prices.max() + 1.0)  # a limit that no solver takes for infinite
        size = np.maximum(budget / 10, 1.0)  # of larger numbers rounding passes the tolerance of the solver, which prints so
        limit = np.array([*(every[k].seats or 0 for k in scarce), *(budget / size)])
        upper = np.concatenate([np.ones(P), limit])  # one route for a person, seats, budgets
        columns, dual, bound = dict[Column, None](), np.zeros(len(limit)), np.inf
        for _ in range(ROUNDS):
            seats, money = self.member[:, scarce] @ dual[: len(scarce)], dual[len(scarce) :] / size
            charge = seats + np.outer(money[payer], prices)
            new = self.settled(charge)
            bound = min(bound, float(sum(self.worth[c] - charge[c] for c in new) + limit @ dual))
            columns |= dict.fromkeys(new)
            p, s = np.array([*columns]).T
            value, route, paid = self.worth[p, s], (p, np.arange(len(p))), (payer[p], np.arange(len(p)))
            one, cost = csr_array((np.ones(len(p)), route)), csr_array((prices[s] / size[payer[p]], paid), shape=(len(size), len(p)))
            rows: Any = vstack([one, csr_array(self.member[s][:, scarce].T.astype(np.float64)), cost]).tocsr()
            part: Any = linprog(-value, A_ub=rows, b_ub=upper, method="highs")
            dual = np.maximum(-part.ineqlin.marginals[P:], 0.0)
            if bound + part.fun <= CLOSE * bound:
                break
        limits, whole = LinearConstraint(rows, -np.inf, upper), np.ones(len(value), dtype=np.int64)
        found: Any = milp(-value, integrality=whole, constraints=limits, options=WHOLE)
        return *self.routes_of([c for c, x in zip(columns, found.x, strict=True) if round(x)]), bound
