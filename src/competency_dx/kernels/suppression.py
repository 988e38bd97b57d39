"""Which groups of persons are not shown, so that nothing about a few of them can be computed from what all tables show."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import orth

from competency_dx.arrays import Bools, Floats, Ints, Names

SMALLEST = 10
"""Groups of fewer persons are not shown, and a count that is not shown may be any of a range at least so wide."""
NARROWEST = 10.0
"""A mean or a share that is not shown may be any of a range at least so many percentage points wide."""


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

    With a `weight` (P,) means are weighted, and persons count by Kish's effective number (Σw)² / Σw² (Survey Sampling, 1965). Where
    tables cross, or divisions are `published` already, each with its codes (P,) and what it shows (G,), who knows the groups of all
    persons may take the persons of one group away from those of another: groups of the tables are hidden until linear programming
    over all of them together leaves these ranges for every set of persons that is told apart and has fewer than `smallest` (of
    `published` divisions for every one), and no sum over sums that are shown is of fewer than `smallest` persons.
    """
    hidden = [before.copy() for before in closed]
    weight = np.ones(len(codes)) if weight is None else weight * len(codes) / weight.sum()
    whole = (values * weight[:, None]).sum(axis=0)
    kept = _width(np.array(smallest), len(codes), whole) >= NARROWEST  # of others the totals say too much
    tables = _tables(codes, values[:, kept], weight, [len(before) for before in closed])
    for t, n in enumerate(tables.sizes):
        hidden[t] |= (n > 0) & (effective(tables.weights[t]) < smallest)
    crossed = any({(t, u), (u, t)}.isdisjoint(tables.inside) for t, u in combinations(range(len(closed)), 2))
    told = True
    while told:
        while (more := next(_more(tables, hidden, smallest), None)) is not None:
            t, group = more
            hidden[t][group] = True
        told = bool(published or crossed) and _attacked(codes, values[:, kept], hidden, published, smallest)
    return tuple(hidden)


def shown_groups(
    columns: Mapping[str, Names], by: str, smallest: int = SMALLEST, *, values: Floats | None = None, nowhere: str | None = None
) -> tuple[Names, Ints, Bools]:
    """Return the groups of the column `by` (G,), the group of each person (P,), and which are shown beside tables by all `columns`.

    Nothing is shown of persons with the label `nowhere`, who hide what few others would tell. `values` are as in `suppressed`.
    """
    order = sorted(columns)  # the same whichever of them is asked for
    labels, codes = zip(*(np.unique(columns[name], return_inverse=True) for name in order), strict=True)
    closed = []
    for names, code in zip(labels, codes, strict=True):
        blank, n = names == nowhere, np.bincount(code)
        closed.append(blank & bool((n[~blank] < smallest).any()))
    values = np.zeros((len(codes[0]), 0)) if values is None else values
    at = order.index(by)
    return labels[at], codes[at], ~suppressed(np.column_stack(codes), values, closed, smallest)[at]


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
            weights, sums = (of[t][here & hidden[t]] for of in (tables.weights, tables.sums))
            total, size = weights.sum(axis=0), weights[:, :1]
            if len(size) < 2 or effective(total) < smallest or (_width(size, total[0], sums.sum(axis=0)) < NARROWEST).any():
                yield from _partners(tables, hidden, t, place, here)


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


def _attacked(codes: Ints, values: Floats, hidden: Sequence[Bools], published: Sequence[tuple[Ints, Bools]], smallest: int) -> bool:
    """Hide groups, the smallest first, until a range is left of every set of persons told apart and of every hidden group.

    Return whether any was hidden. Let v be what a sum over sums takes of each set of n persons, 1 of set a and of no other more. Then
    it is of at least Σ n |v| ≥ Σ n v² ≥ n_a / h_a persons, h being the diagonal of the projection on the sums, weighted by n.
    """
    atoms, at = np.unique(np.column_stack([codes, *(of for of, _ in published)]), axis=0, return_inverse=True)
    n = np.bincount(at.ravel()).astype(np.float64)
    sums = np.array([np.bincount(at.ravel(), v) for v in values.T]).reshape(-1, len(n)) / 100
    own = [(int(n[atoms[:, t] == g].sum()), t, int(g)) for t, which in enumerate(hidden) for g in np.flatnonzero(~which)]
    own = [one for one in sorted(own) if one[0]]
    divisions = [~which for which in hidden] + [shown for _, shown in published]
    fixed = [atoms[:, t] == g for t in range(len(hidden), len(divisions)) for g in np.flatnonzero(divisions[t])]
    rows = np.array([np.ones(len(n)), *fixed, *(atoms[:, t] == g for _, t, g in own)], dtype=np.float64)
    each, told = np.eye(len(n))[(n < smallest) | bool(published)], False
    targets = [*each, *((atoms[:, t] == g) * 1.0 for t, shown in enumerate(divisions) for g in np.flatnonzero(~shown))]
    by_person, by_change = orth((rows * np.sqrt(n)).T), orth(rows.T)
    few = (by_person**2).sum(axis=1) * (smallest - 1) >= n * (1 - 1e-9)
    for target in targets:
        change, asked = target - by_change @ (by_change.T @ target), smallest * bool(few @ target)
        while (k := _telling(rows, len(own), target, change, n, sums, asked)) is not None:
            place = len(rows) - len(own) + k
            targets += [rows[place], *each[each @ rows[place] > 0]]  # again: what the group told by itself was no matter before
            rows, (_, t, g) = np.delete(rows, place, axis=0), own.pop(k)
            hidden[t][g] = told = True
    return told


def _ranges(change: Floats, target: Floats, n: Floats, sums: Floats) -> Floats:
    """Return how wide the range of the sum of each value (K, A) over a target (A,) is at least, by a change that no sum shows."""
    step = np.abs(change)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = [np.where(step > 1e-9, np.where(way > 0, n - sums, sums) / step, np.inf).min(axis=1) for way in (change, -change)]
    return np.asarray(np.nan_to_num(far[0] + far[1], posinf=0.0) * (change @ target))


def _telling(rows: Floats, own: int, target: Floats, change: Floats, n: Floats, sums: Floats, smallest: int) -> int | None:
    """Return the first of our sums, the last `own` of the rows (R, A), that narrows the count or a value (K, A) of a target (A,).

    Values are tried where a `change` that no sum shows is not enough. By the duality of linear programming a sum over sums that holds
    the target is of at least as many persons as the target can have where no other set has more than twice its own.
    """
    from scipy.optimize import linprog

    def least(goal: Floats, shown: Floats, most: Any) -> Any:  # noqa: ANN401 - a solution of scipy
        limits: Any = np.column_stack([0 * n, n + most])
        return linprog(goal, A_eq=rows, b_eq=rows @ shown, bounds=limits, options={"presolve": False})

    def ours(*found: Any) -> Ints:  # noqa: ANN401 - solutions of scipy
        return np.flatnonzero(np.any([np.abs(one.eqlin.marginals[len(rows) - own :]) > 1e-9 for one in found], axis=0))

    size = float(n @ target)
    if size < smallest:
        found = least(-target, n, np.where(target > 0, np.inf, n))
        if -found.fun < smallest - 1e-6 and (some := ours(found)).size:
            return int(some[0])
    wanted = NARROWEST / 100 * size
    if (_ranges(change, target, n, sums) >= wanted).all():
        return None
    around = rows[(rows >= target).all(axis=1)]
    alone = _width(size, (around @ n)[:, None], 100 * around @ sums.T) < NARROWEST
    near = _ranges(least(-target, n / 2, 0.0).x - n / 2, target, n, sums) < wanted
    for k in np.flatnonzero(near & ~alone.any(axis=0)):
        left, ends = wanted - 1e-6, []
        for way in (target, -target):
            ends.append(least(way, sums[k], 0.0))
            left -= way @ sums[k] - ends[-1].fun
            if left <= 0:
                break
        if left > 0 and (some := ours(*ends)).size:  # otherwise what is published already tells it alone
            return int(some[0])
    return None
