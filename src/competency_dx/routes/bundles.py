"""Routes of many persons: the sets of programmes that one may take, and prices that divide seats and budget among all.

Sets within the hours, the price and the dates of one person are few where the programmes for a category are. The points that a set
closes, each competency by its best programme, bound those of any route with it: the best set of a person is looked up, and made
exact where its programmes cannot be put in order. Under scarce seats and budget the linear program over routes is solved by column
generation (Dantzig & Wolfe 1960): it sets prices, the best set of each person at these prices joins it, and what all persons reach
at any prices bounds what they can reach.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.routes.allocation import HOUR, SMALL, RouteProblem, best, ordered

MOST = 4096  # sets of programmes
ROUNDS, CLOSE = 100, 1e-5  # of prices, and the part between the linear program and its bound at which they end
WHOLE: Any = {"mip_rel_gap": 1e-4, "node_limit": 200}
Column = tuple[int, int]  # a person and a set


def allocate(problem: RouteProblem) -> tuple[Ints, Ints, float]:
    """Return the programme for each competency (P, D), that of everybody alone, -1 for none, and by what share it may fall short.

    Where seats and budget suffice for everybody, everybody has the route of one who is alone.
    """
    P, sets = len(problem.open), Bundles.of(problem)
    if sets is None:
        solved = [best(problem, [p], shared=False) for p in range(P)]
        alone, reached, bound = np.concatenate([row for row, *_ in solved]), *(sum(x) for x in list(zip(*solved, strict=True))[1:])
    else:
        alone, reached = sets.routes_of(sets.settled(np.zeros(len(sets.member))))
        bound = reached
    chosen, (seats, budget) = alone, problem.left(alone)
    if seats.min() < 0 or budget < 0:
        together = sets is None or np.count_nonzero(problem.closes) <= SMALL
        chosen, reached, bound = best(problem, range(P), shared=True) if together or sets is None else sets.divided()
    return chosen, alone, max(0.0, 1 - reached / bound) if bound > 0 else 0.0


class Bundles:
    """Sets of programmes (S, K), and what each is worth to a person (P, S): at most, exactly for the pairs in `routes`."""

    def __init__(self, problem: RouteProblem, member: Bools) -> None:
        self.problem, self.member = problem, member
        self.worth = np.stack([self._assigned(np.arange(len(problem.open)), held)[1] for held in member], axis=1)
        self.routes: dict[Column, Ints] = {}

    @classmethod
    def of(cls, problem: RouteProblem) -> Bundles | None:
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
        """Return the best set of each person when sets cost `charge` (S,), all of them exact."""
        place, late = np.zeros(len(self.worth), dtype=np.int64), np.arange(len(self.worth))
        while late.size:
            place[late] = (self.worth[late] - charge).argmax(axis=1)
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
        """Return programmes under seats and budget (P, D), what they are worth and what any could be worth at most."""
        every, limited = self.problem.programmes, np.isfinite(self.problem.budget)
        scarce = [k for k in np.flatnonzero(self.member.any(axis=0)) if every[k].seats is not None]
        size, prices = max(self.problem.budget / 1000, 1.0), self.member @ np.array([one.price for one in every])
        use = np.column_stack([self.member[:, scarce], *([prices / size] if limited else [])])
        limit = np.array([*(every[k].seats or 0 for k in scarce), *([self.problem.budget / size] if limited else [])])
        columns, charge, bound = dict[Column, None](), np.zeros(len(limit)), np.inf
        for _ in range(ROUNDS):
            new = self.settled(use @ charge)
            bound = min(bound, float(sum(self.worth[p, s] - use[s] @ charge for p, s in new) + limit @ charge))
            columns |= dict.fromkeys(new)
            reached, charge = self._priced(columns, use, limit)
            if bound - reached <= CLOSE * bound:
                break
        return *self.routes_of(self._chosen([*columns], use, limit)), bound

    def _program(self, columns: Collection[Column], use: Floats, limit: Floats) -> tuple[Floats, Any, Floats]:
        """Return values of routes, rows (one route for a person, seats, budget) and their upper limits."""
        from scipy.sparse import csr_array, vstack

        p, s = np.array([*columns]).T
        one = csr_array((np.ones(len(p)), (p, np.arange(len(p)))), shape=(len(self.worth), len(p)))
        return self.worth[p, s], vstack([one, csr_array(use[s].T)]).tocsr(), np.concatenate([np.ones(len(self.worth)), limit])

    def _priced(self, columns: Collection[Column], use: Floats, limit: Floats) -> tuple[float, Floats]:
        """Return what parts of routes can reach, and the prices of seats and budget there."""
        from scipy.optimize import linprog

        value, rows, upper = self._program(columns, use, limit)
        found: Any = linprog(-value, A_ub=rows, b_ub=upper, method="highs")
        return -float(found.fun), np.maximum(-found.ineqlin.marginals[len(self.worth) :], 0.0)

    def _chosen(self, columns: Collection[Column], use: Floats, limit: Floats) -> list[Column]:
        """Return the best whole routes."""
        from scipy.optimize import LinearConstraint, milp

        value, rows, upper = self._program(columns, use, limit)
        limits, whole = LinearConstraint(rows, -np.inf, upper), np.ones(len(value), dtype=np.int64)
        found: Any = milp(-value, integrality=whole, constraints=limits, options=WHOLE)
        return [c for c, x in zip(columns, found.x, strict=True) if round(x)]
