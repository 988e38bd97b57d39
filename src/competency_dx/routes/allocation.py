"""The routes that close most of an expected shortfall within limits, as a mixed integer program.

A route gives each competency one programme at most, so that several for one competency are never added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betainc

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.routes.catalogue import Programme

HOUR = 1e-4  # points: of what closes the same the shorter is taken
SMALL = 1500  # pairs of programmes and competencies up to which a program is solved to the end
EXACT, ROUGH = {"mip_rel_gap": 1e-7, "node_limit": 5000}, {"mip_rel_gap": 0.005, "node_limit": 1}
Cut = tuple[int, list[tuple[int, int]]]  # the place of a person, and pairs that no order allows together

Pairs = list[tuple[int, int, int]]


class RouteProblem(NamedTuple):
    """P persons, K programmes, D competencies; `hours` and `price` are limits of each person, `budget` of all together.

    `closes` (P, K, D) are the points that count, 0 for what does not; `open` (P, D) are the deficits; `before` and `hard` (D, D)
    say which competency is learnt before which, and which has to be.
    """

    programmes: tuple[Programme, ...]
    closes: Floats
    open: Bools
    before: Bools
    hard: Bools
    hours: float
    price: float
    budget: float

    def left(self, chosen: Ints) -> tuple[Floats, float]:
        """Return the seats (K,) and the budget that programmes chosen for competencies (P, D) leave."""
        seats = np.array([np.inf if one.seats is None else one.seats for one in self.programmes])
        taken = [k for row in chosen for k in {*row.tolist()} - {-1}]
        counts = np.bincount(np.array(taken, dtype=np.int64), minlength=len(seats))
        return seats - counts, self.budget - float(sum(self.programmes[k].price for k in taken))


def expected_below(upper: Floats, percent: Floats, sd: Floats) -> Floats:
    """Return E[max(0, upper − X)] where X has a beta distribution on 0 … 100 with this mean and SD."""
    m, u = np.clip(percent / 100, 0.005, 0.995), np.clip(upper / 100, 0.0, 1.0)
    size = np.maximum(m * (1 - m) / np.maximum(sd / 100, 1e-3) ** 2 - 1, 0.1)
    return np.asarray(100 * (u * betainc(m * size, (1 - m) * size, u) - m * betainc(m * size + 1, (1 - m) * size, u)))


def ordered(problem: RouteProblem, row: Ints) -> tuple[list[int], set[int]]:
    """Return the programmes of a person in an order that prerequisites and dates allow, and those that no order allows."""
    held = {k: np.flatnonzero(row == k) for k in row[row >= 0].tolist()}
    of = problem.programmes
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
        rows.append(_limit({at: every[k].price for (_, k), at in x.items()}, problem.budget))
    value = np.array([*(problem.closes[persons[i], k, d] for i, k, d in pairs), *(-HOUR * every[k].hours for _, k in x)])
    columns, cells = [c for row, _ in rows for c in row], [v for row, _ in rows for v in row.values()]
    ends = np.cumsum([0, *(len(row) for row, _ in rows)])
    matrix = csr_array((np.array(cells), np.array(columns, dtype=np.int32), ends), shape=(len(rows), len(value)))
    return value, matrix, np.array([limit for _, limit in rows]), pairs


def _limit(row: dict[int, float], limit: float) -> tuple[dict[int, float], float]:
    """Return a row with a limit of at most 1000: in larger numbers rounding passes the tolerance of the solver, which prints so."""
    size = max(limit / 1000, 1.0)
    return ({}, 1.0) if np.isinf(limit) else ({at: x / size for at, x in row.items()}, limit / size)
