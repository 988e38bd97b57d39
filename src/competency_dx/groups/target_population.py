"""Of whom the numbers of a group are: who was assessed, by their weights, and who was not, by headcounts of the groups.

Every number of a group is the sum over its narrowest groups, so that a whole never contradicts its parts. The headcount of a group
whose parts all have one is their sum; otherwise the rest belongs to the other parts, shared out by weights of assessed persons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.errors import GroupError, phrase


class TargetPopulation(NamedTuple):
    """Of R groups and the G narrowest of them.

    `assessed`, `weight`, `absent` (G,): persons of each narrowest group with answers, their weights together, how many more it has;
    `inside` (R, G): which lie in a group; `counted` (R, G): of which its numbers hold those absent as well. `missing`, `contradicted`:
    groups without a headcount beside others that have one, and those whose own is not the sum.
    """

    assessed: Floats
    weight: Floats
    absent: Floats
    inside: Bools
    counted: Bools
    missing: tuple[str, ...]
    contradicted: tuple[str, ...]

    @property
    def persons(self) -> Floats:
        """Return how many persons the numbers of each group count (R,)."""
        return self.inside @ self.assessed + self.counted @ self.absent

    @property
    def heads(self) -> Floats:
        """Return the headcounts (R,), NaN where they are not known of all parts."""
        return np.where((self.counted == self.inside).all(axis=1), np.rint(self.persons), np.nan)

    def person_weights(self, group: Ints, weight: Floats) -> Floats:
        """Return how much each assessed person counts in the whole (P,), by narrowest group and survey weight."""
        alone = ~self.counted[0]
        scale = (alone @ self.assessed) / max(float(alone @ self.weight), 1e-300)
        return np.asarray(weight * np.where(alone, scale, (self.assessed + self.absent) / np.maximum(self.weight, 1e-300))[group])

    def totals(self, assessed: Floats, weighted: Floats, absent: Floats) -> tuple[Floats, Floats]:
        """Return means over the persons of all groups (R, F), and sums (R, F) of those counted, each assessed person once.

        Given are sums (G, F): over assessed persons, the same by weights, and over those absent.
        """
        alone = self.inside & ~self.counted
        scale = (alone @ self.assessed) / np.maximum(alone @ self.weight, 1e-300)
        known = self.counted @ (assessed + absent)
        return (known + scale[:, None] * (alone @ weighted)) / np.maximum(self.persons, 1e-300)[:, None], known + alone @ assessed


def target_population(
    names: Sequence[str], level: Ints, inside: Bools, persons: tuple[Ints, Floats], given: Mapping[str, int]
) -> TargetPopulation:
    """Return of whom numbers are, by the headcounts `given` of groups; `persons` are narrowest group and weight of those assessed.

    `inside` (R, G) tells which of the narrowest groups lie in each, the whole first. Raises `GroupError` when a headcount is of no
    group or below the number assessed.
    """
    if strange := [name for name in given if name not in names]:
        raise GroupError("groups.headcount_of", strange=strange, groups=[name for name in names if name])
    count, weight = (np.bincount(persons[0], w, inside.shape[1]).astype(np.float64) for w in (0 * persons[1] + 1, persons[1]))
    heads, n = np.array([float(given.get(name, np.nan)) for name in names]), inside @ count
    if (few := np.flatnonzero(heads < n)).size:
        k = int(few[0])
        raise GroupError("groups.headcount", group=names[k] or phrase("groups.all"), headcount=int(heads[k]), n=int(n[k]))
    kids: list[Ints] = [np.flatnonzero((level == level[r] + 1) & (inside <= inside[r]).all(axis=1)) for r in range(len(names))]
    least, known, wrong = np.where(np.isfinite(heads), heads, n), np.isfinite(heads), np.zeros(len(names), dtype=np.bool_)
    for r in range(len(names) - 1, -1, -1):  # narrow groups stand after wide ones
        if len(kids[r]):
            total, every = least[kids[r]].sum(), bool(known[kids[r]].all())
            wrong[r] = np.isfinite(heads[r]) and (total > heads[r] or (every and total < heads[r]))
            least[r] = heads[r] if np.isfinite(heads[r]) and not wrong[r] else total
            known[r] |= every
    size, missing = least.copy(), list[str]()
    for r, below in enumerate(kids):
        open_: Ints = below[~known[below]]
        size[open_] = _shared_out(size[r] - least[below[known[below]]].sum(), least[open_], inside[open_] @ weight)
        missing += [names[int(k)] for k in open_ if len(open_) < len(below)]
    has = np.isfinite(heads)[:, None] & inside
    counted = inside & np.array([has[level >= depth].any(axis=0) for depth in level])
    last = np.flatnonzero(level == level.max())
    absent = np.zeros(inside.shape[1])
    absent[inside[last].argmax(axis=1)] = size[last] - n[last]
    contradicted = tuple(name for name, is_wrong in zip(names, wrong, strict=True) if is_wrong)
    return TargetPopulation(count, weight, np.maximum(absent, 0.0), inside, counted, tuple(missing), contradicted)


def _shared_out(total: float, least: Floats, weight: Floats) -> Floats:
    """Return `total` in shares by weight, none below its `least`."""
    weight, free = weight if weight.any() else np.ones(len(weight)), np.ones(len(least), dtype=np.bool_)
    for _ in range(len(least) + 1):
        rest = (total - least[~free].sum()) / max(float(weight[free].sum()), 1e-300)
        free &= rest * weight >= least - 1e-9
    return np.where(free, rest * weight, least)
