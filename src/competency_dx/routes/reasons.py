"""Why a deficit or a wish has no step in a route: each thing that may keep a programme out is looked at by itself."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.competencies import STATES
from competency_dx.routes.allocation import HOUR, RouteProblem

Why = Literal[  # why a deficit or a wish has no step: the one limit that binds, several of them, or another reason
    "", "hours", "price", "dates", "seats", "budget", "several", "prerequisite", "closes_less", "not_needed",
    "reversible_first", "no_programme", "ask_again", "no_conclusion", "begun", "other_category", "closes_nothing", "no_weight",
    "place_budget",
]  # fmt: skip
WHY: tuple[Why, ...] = get_args(Why)
ASK_AGAIN, NO_CONCLUSION = WHY.index("ask_again"), WHY.index("no_conclusion")
CONFIRMED, LIKELY, UNDECIDED, _, UNTOLD = range(len(STATES))
FIRST = (*WHY[1:6], "place_budget", "prerequisite", "several", "no_weight", "reversible_first", "begun", "closes_nothing")
"""Of several programmes for a deficit the one is told whose reason stands first here."""
LEAST = 0.1  # points of percent: what closes less of a deficit is not for it


class RouteReasons(NamedTuple):
    """What was chosen (P, D), in which steps, what is `left`, and what the choice was made of: why something is not in a route."""

    problem: RouteProblem
    chosen: Ints
    steps: Sequence[Sequence[int]]
    left: tuple[Floats, Floats]
    points: Floats
    state: Ints
    brings: Bools
    barred: Sequence[Why]
    weight: Floats
    purse: Why = "budget"  # what is said where a budget binds: that of all, or of the person's place

    def of_deficits(self) -> tuple[Ints, Ints]:
        """Return two other programmes for each deficit (P, D, 2), and why there is none (P, D)."""
        instead, why = np.full((*self.chosen.shape, 2), -1), np.zeros(self.chosen.shape, dtype=np.int64)
        for p, d in zip(*np.nonzero(self.problem.open), strict=True):
            closes, here = self.problem.closes[p, :, d], np.arange(len(self.weight)) == d
            able = [k for k in np.argsort(-closes, kind="stable") if closes[k] > 0]
            others = [k for k in able if k != self.chosen[p, d]][:2]
            instead[p, d, : len(others)] = others
            if self.chosen[p, d] < 0:
                found = {self._limit(p, k, here) for k in able}
                found |= set() if able else {self._useless(p, int(k), here) for k in np.flatnonzero(self.brings[:, d])}
                why[p, d] = WHY.index(next((x for x in FIRST if x in found), "no_programme"))
        return instead, why

    def of_wish(self, p: int, k: int) -> Why:
        """Return why a programme that a person asked for is not in the route."""
        counts = self.problem.closes[p, k] > 0
        return self._limit(p, k, counts) if counts.any() else self._useless(p, k, self.brings[k])

    def _limit(self, p: int, k: int, of: Bools) -> Why:
        """Return what keeps a programme that counts for some competencies out of a route, "several" where more than one thing does."""
        problem, row, steps = self.problem, self.chosen[p], self.steps[p]
        one, taken = problem.programmes[k], [problem.programmes[m] for m in steps]
        more = problem.closes[p, k] - np.where(row >= 0, problem.closes[p, row, np.arange(len(row))], 0.0)
        better, new = of & (more > 0), k not in steps
        if more[better].sum() <= new * HOUR * one.hours:
            return "closes_less" if (row[of] >= 0).any() else "closes_nothing"
        binds = {
            "hours": new and one.hours + sum(x.hours for x in taken) > problem.hours,
            "price": new and one.price + sum(x.price for x in taken) > problem.price,
            "dates": new and any(map(one.overlaps, taken)),
            "seats": new and self.left[0][k] < 1,
            self.purse: new and self.left[1][problem.payer[p]] < one.price,
            "prerequisite": (problem.hard[problem.open[p] & (row < 0) & (problem.closes[p, k] == 0)].any(axis=0) | ~better).all(),
        }
        found = [x for x in WHY if binds.get(x)]
        return found[0] if len(found) == 1 else "several" if found else "prerequisite"  # no order allows it

    def _useless(self, p: int, k: int, of: Bools) -> Why:
        """Return why a programme counts for none of some competencies."""
        if self.barred[k]:
            return self.barred[k]
        if (needed := of & self.problem.open[p]).any():
            able = needed & (self.weight > 0)
            useful = able & (self.points[p, k] >= LEAST)
            return "no_weight" if not able.any() else "reversible_first" if useful.any() else "closes_nothing"
        if (self.state[p, of] == UNDECIDED).any():
            return "ask_again"
        return "not_needed" if of.any() and (self.state[p, of] != UNTOLD).all() else "no_conclusion"
