"""Which groups of persons are not shown, so that nothing about a few of them can be computed from what all tables show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, choice
from competency_dx.errors import GroupError
from competency_dx.groups.group_report import GroupReport

SMALLEST = 10
"""Groups of fewer persons are not shown, and a count that is not shown may be any of a range at least so wide."""
NARROWEST = 10.0
"""A mean or a share that is not shown may be any of a range at least so many percentage points wide."""


@choice(GroupError)
class Suppression:
    """What guards groups of few: how many persons one has at least, and what is published of the same persons already.

    Attributes
    ----------
    smallest : Groups of fewer persons are not shown, nor those in which so few have nearly all of the weight.
    published : Earlier reports on the same persons by other columns: nothing may be computed from them and the new one together.
    """

    smallest: int = SMALLEST
    published: Sequence[GroupReport] = ()


class _Tables(NamedTuple):
    """Of each table and group: persons, sums of weights and their squares, of weighted values; what lies inside what.

    `inside[t, u]` is of each group of table t the group of u that holds it; `coarser[t]` are those u that divide persons otherwise.
    """

    sizes: list[Ints]
    weights: list[Floats]
    sums: list[Floats]
    inside: dict[tuple[int, int], Ints]
    coarser: list[list[int]]


def suppressed(
    codes: Ints,
    values: Floats,
    closed: Sequence[Bools],
    smallest: int = SMALLEST,
    *,
    weight: Floats | None = None,
    published: Sequence[tuple[Ints, Bools]] = (),
) -> tuple[Bools, ...]:
    """Return for each table which of its groups (G,) must not be shown.

    Every table divides the same persons into groups, `codes` (P, T) from 0, and shows of each group how many persons it has and the
    means of the `values` (P, K), percents from 0 to 100; some groups are `closed`, T arrays (G,), already. Hidden are groups of 1 to
    `smallest` - 1 persons (primary suppression) and as many more (complementary), smallest first, that all tables and the totals
    together leave for each hidden group a range of at least `smallest` for its count, and of `NARROWEST` for its means even where its
    count is known. Where a table divides the groups of another one (schools inside municipalities), hidden groups inside one group that
    is shown protect each other; what lies inside a hidden group is hidden. No more can be done where all groups are hidden, and where
    the mean of all persons alone says more of ten of them.

    With a `weight` (P,) means are weighted, and persons count by Kish's effective number (Σw)² / Σw² (Survey Sampling, 1965). Divisions
    that are `published` already, each with its codes (P,) and what it shows (G,), stay as they are: groups of the tables are hidden
    until linear programming over all of them together leaves these ranges for every set of persons that they tell apart.
    """
    hidden = [before.copy() for before in closed]
    weight = np.ones(len(codes)) if weight is None else weight * len(codes) / weight.sum()
    whole = (values * weight[:, None]).sum(axis=0)
    kept = _width(np.array(smallest), len(codes), whole) >= NARROWEST  # of others the totals say too much
    tables = _tables(codes, values[:, kept], weight, [len(before) for before in closed])
    for t, n in enumerate(tables.sizes):
        hidden[t] |= (n > 0) & (effective(tables.weights[t]) < smallest)
    for divisions in ((), published) if published else ((),):
        if divisions:
            _attacked(codes, values[:, kept], hidden, divisions, smallest)
        while (more := next(_more(tables, hidden, smallest), None)) is not None:
            t, group = more
            hidden[t][group] = True
    return tuple(hidden)


def effective(weights: Floats) -> Floats:
    """Return Kish's effective number of persons from sums of weights and of their squares (…, 2)."""
    return np.asarray(weights[..., 0] ** 2 / np.maximum(weights[..., 1], 1e-300) + 1e-9)


def _tables(codes: Ints, values: Floats, weight: Floats, lengths: Sequence[int]) -> _Tables:
    inside, T = {}, codes.shape[1]
    for t, u in permutations(range(T), 2):
        pairs = np.unique(codes[:, [t, u]], axis=0)
        if len(np.unique(pairs[:, 0])) == len(pairs):
            inside[t, u] = np.full(lengths[t], -1, dtype=np.int64)
            inside[t, u][pairs[:, 0]] = pairs[:, 1]

    def added(what: Floats) -> list[Floats]:
        return [np.array([np.bincount(codes[:, t], v, G) for v in what.T]).reshape(-1, G).T for t, G in enumerate(lengths)]

    return _Tables(
        sizes=[np.bincount(codes[:, t], minlength=G) for t, G in enumerate(lengths)],
        weights=added(np.column_stack([weight, weight**2])),
        sums=added(values * weight[:, None]),
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
            if _open(tables.weights[t][members], tables.sums[t][members], smallest):
                yield from _partners(tables, hidden, t, place, here)


def _open(weights: Floats, sums: Floats, smallest: int) -> bool:
    """Tell whether the total of hidden groups says too much of one of them."""
    total, whole, size = weights.sum(axis=0), sums.sum(axis=0), weights[:, :1]
    return len(size) < 2 or bool(effective(total) < smallest) or bool((_width(size, total[0], whole) < NARROWEST).any())


def _width(size: Any, total: Any, whole: Floats) -> Floats:  # noqa: ANN401 - numbers or arrays that fit
    """Return how wide the range is of the mean of `size` of `total` persons with this sum, in percentage points."""
    return np.asarray(np.minimum(100.0, whole / size) - np.maximum(0.0, (whole - 100.0 * (total - size)) / size))


def _partners(tables: _Tables, hidden: Sequence[Bools], t: int, place: Ints, here: Bools) -> Iterator[tuple[int, int]]:
    """Yield what can be hidden to protect the hidden groups at a place of a table, the best first."""
    coarser = tables.coarser[t]
    siblings = {t: here & ~hidden[t]}
    around = {u: np.arange(len(hidden[u])) == label for u, label in zip(coarser, place, strict=False) if label >= 0}
    for among in (siblings, around, {u: ~hidden[u] & (tables.sizes[u] > 0) for u in coarser}):
        if found := [(int(tables.sizes[u][g]), u, int(g)) for u, which in among.items() for g in np.flatnonzero(which)]:
            _, u, g = min(found)
            yield u, g
            return


def _attacked(codes: Ints, values: Floats, hidden: Sequence[Bools], published: Sequence[tuple[Ints, Bools]], smallest: int) -> None:
    """Hide groups, the smallest first, until a range is left of every set of persons told apart and of every hidden group."""
    atoms, at = np.unique(np.column_stack([codes, *(of for of, _ in published)]), axis=0, return_inverse=True)
    n = np.bincount(at.ravel()).astype(np.float64)
    sums = np.array([np.bincount(at.ravel(), v) for v in values.T]).reshape(-1, len(n)) / 100
    own = [(int(n[atoms[:, t] == g].sum()), t, int(g)) for t, which in enumerate(hidden) for g in np.flatnonzero(~which)]
    own = [one for one in sorted(own) if one[0]]
    divisions = [~which for which in hidden] + [shown for _, shown in published]
    fixed = [atoms[:, t] == g for t in range(len(hidden), len(divisions)) for g in np.flatnonzero(divisions[t])]
    rows = [np.ones(len(n), dtype=np.bool_), *fixed, *(atoms[:, t] == g for _, t, g in own)]
    targets = [*np.eye(len(n)), *(atoms[:, t] == g for t, shown in enumerate(divisions) for g in np.flatnonzero(~shown))]
    for target in targets:
        while (k := _telling(np.array(rows, dtype=np.float64), len(own), target.astype(np.float64), n, sums, smallest)) is not None:
            inside, (_, t, g) = rows.pop(k - len(own)), own.pop(k)
            targets += [inside, *np.eye(len(n))[inside]]  # again: what the group told by itself was no matter before
            hidden[t][g] = True


def _telling(rows: Floats, own: int, target: Floats, n: Floats, sums: Floats, smallest: int) -> int | None:
    """Return the first of our sums, the last `own` of the rows (R, A), that narrows the count or a value (K, A) of a target (A,)."""
    from scipy.optimize import linprog

    def least(goal: Floats, shown: Floats, most: Any) -> Any:  # noqa: ANN401 - a solution of scipy
        limits: Any = np.column_stack([0 * n, n + most])
        return linprog(goal, A_eq=rows, b_eq=rows @ shown, bounds=limits, options={"presolve": False})

    size = float(n @ target)

    def ours(*found: Any) -> Ints:  # noqa: ANN401 - solutions of scipy
        return np.flatnonzero(np.any([np.abs(one.eqlin.marginals[len(rows) - own :]) > 1e-9 for one in found], axis=0))

    if size < smallest and -(found := least(-target, n, np.inf)).fun < smallest - 1e-6 and (some := ours(found)).size:
        return int(some[0])
    around = rows[(rows >= target).all(axis=1)]
    alone = _width(size, (around @ n)[:, None], 100 * around @ sums.T) < NARROWEST
    move = least(-target, n / 2, 0.0).x - n / 2  # a change that no sum shows
    with np.errstate(divide="ignore", invalid="ignore"):
        far = [
            np.where(np.abs(move) > 1e-9, np.where(way > 0, n - sums, sums) / np.abs(way), np.inf).min(axis=1) for way in (move, -move)
        ]
    near = np.nan_to_num(far[0] + far[1], posinf=0.0) * (move @ target) < NARROWEST / 100 * size
    for k in np.flatnonzero(near & ~alone.any(axis=0)):
        left, ends = NARROWEST / 100 * size - 1e-6, []
        for way in (target, -target):
            ends.append(least(way, sums[k], 0.0))
            left -= way @ sums[k] - ends[-1].fun
            if left <= 0:
                break
        if left > 0 and (some := ours(*ends)).size:  # otherwise what is published already tells it alone
            return int(some[0])
    return None
