"""Which groups of persons are not shown, so that nothing about a few of them can be computed from what all tables show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints

SMALLEST = 10
"""Groups of fewer persons are not shown, and a count that is not shown may be any of a range at least so wide."""
NARROWEST = 10.0
"""A mean or a share that is not shown may be any of a range at least so many percentage points wide."""


class _Tables(NamedTuple):
    """What all tables together show: persons and sums by table and group, and which groups lie inside which.

    `inside[t, u]` is for each group of table t the group of table u in which all of its persons are, for every such pair of
    tables; `coarser[t]` are those u that are not the same division of persons.
    """

    sizes: list[Ints]
    sums: list[Floats]
    inside: dict[tuple[int, int], Ints]
    coarser: list[list[int]]


def suppressed(codes: Ints, values: Floats, closed: Sequence[Bools], smallest: int = SMALLEST) -> tuple[Bools, ...]:
    """Return for each table which of its groups (G,) must not be shown.

    Every table divides the same persons into groups, `codes` (P, T) from 0, and shows of each group how many persons it has and the
    means of the `values` (P, K), percents from 0 to 100; some groups are `closed`, T arrays (G,), already. Hidden are groups of 1 to
    `smallest` - 1 persons (primary suppression) and as many more (complementary), smallest first, that all tables and the totals
    together leave for each hidden group a range of at least `smallest` for its count, and of `NARROWEST` for its means even where its
    count is known. Where a table divides the groups of another one (schools inside municipalities), hidden groups inside one group that
    is shown protect each other; what lies inside a hidden group is hidden. No more can be done where all groups are hidden, and where
    the mean of all persons alone says more of ten of them.
    """
    hidden = [before.copy() for before in closed]
    kept = _width(np.array(smallest), len(codes), values.sum(axis=0)) >= NARROWEST  # of others the totals say too much
    tables = _tables(codes, values[:, kept], [len(before) for before in closed])
    for t, n in enumerate(tables.sizes):
        hidden[t] |= (n > 0) & (n < smallest)
    while (more := next(_more(tables, hidden, smallest), None)) is not None:
        t, group = more
        hidden[t][group] = True
    return tuple(hidden)


def _tables(codes: Ints, values: Floats, lengths: Sequence[int]) -> _Tables:
    inside, T = {}, codes.shape[1]
    for t, u in permutations(range(T), 2):
        pairs = np.unique(codes[:, [t, u]], axis=0)
        if len(np.unique(pairs[:, 0])) == len(pairs):
            inside[t, u] = np.full(lengths[t], -1, dtype=np.int64)
            inside[t, u][pairs[:, 0]] = pairs[:, 1]
    weights = [(codes[:, t], lengths[t]) for t in range(T)]
    return _Tables(
        sizes=[np.bincount(code, minlength=G) for code, G in weights],
        sums=[np.array([np.bincount(c, v, minlength=G) for v in values.T]).reshape(-1, G).T for c, G in weights],
        inside=inside,
        coarser=[[u for u in range(T) if (t, u) in inside and (u, t) not in inside] for t in range(T)],
    )


def _more(tables: _Tables, hidden: Sequence[Bools], smallest: int) -> Iterator[tuple[int, int]]:
    """Yield table and place of groups to hide as well: those inside hidden ones, then what protects the first open one."""
    for (t, u), place in tables.inside.items():
        yield from ((t, int(g)) for g in np.flatnonzero((tables.sizes[t] > 0) & hidden[u][place] & ~hidden[t]))
    for t, n in enumerate(tables.sizes):
        around = [np.where(hidden[u][tables.inside[t, u]], -1, tables.inside[t, u]) for u in tables.coarser[t]]
        where = np.column_stack([*around, np.zeros(len(n), dtype=np.int64)])
        for place in np.unique(where[hidden[t] & (n > 0)], axis=0):
            here = (where == place).all(axis=1) & (n > 0)
            members = np.flatnonzero(here & hidden[t])
            if _open(n[members], tables.sums[t][members], smallest):
                yield from _partners(tables, hidden, t, place, here)


def _open(n: Ints, sums: Floats, smallest: int) -> bool:
    """Tell whether the total of hidden groups says too much of one of them."""
    total, whole = int(n.sum()), sums.sum(axis=0)
    return len(n) < 2 or total < smallest or bool((_width(n[:, None], total, whole) < NARROWEST).any())


def _width(size: Ints, total: int, whole: Floats) -> Floats:
    """Return how wide the range is of the mean of `size` of `total` persons with this sum, in percentage points."""
    return np.minimum(100.0, whole / size) - np.maximum(0.0, (whole - 100.0 * (total - size)) / size)


def _partners(tables: _Tables, hidden: Sequence[Bools], t: int, place: Ints, here: Bools) -> Iterator[tuple[int, int]]:
    """Yield what can be hidden to protect the hidden groups at a place of a table, the best first."""
    coarser = tables.coarser[t]
    siblings = {t: here & ~hidden[t]}
    around = {u: np.arange(len(hidden[u])) == label for u, label in zip(coarser, place, strict=False) if label >= 0}
    for choice in (siblings, around, {u: ~hidden[u] & (tables.sizes[u] > 0) for u in coarser}):
        if found := [(int(tables.sizes[u][g]), u, int(g)) for u, which in choice.items() for g in np.flatnonzero(which)]:
            _, u, g = min(found)
            yield u, g
            return
