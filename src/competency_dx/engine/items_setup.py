"""What is estimated from what: items with their free parameters, set up from answers, families, priors and constraints."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, FrozenDict, Ints, choice
from competency_dx.engine.items import Items, Kind, Parameter, item_name, shape_kinds
from competency_dx.engine.priors import Priors, prior_terms
from competency_dx.errors import CalibrationError, phrase
from competency_dx.models import FAMILIES, Family, Steps, extras_of, kernel_groups

STRETCH = 1.2


@choice(CalibrationError)
class Constraints:
    """Item parameters by name that are not estimated (`fixed`), share one value (`equal`) or start from one (`start`).

    Parameters are named ``"item.a"``, ``"item.d"`` (``"item.d1"`` … for several steps), ``"item.c"``, ``"item.u"``; with items that
    measure several competencies ``"item.a1"`` …. Steps of GPCM and PCM items are fixed or made equal from the first one upwards.
    """

    fixed: Mapping[str, float] = field(default_factory=FrozenDict)
    equal: Sequence[Sequence[str]] = ()
    start: Mapping[str, float] = field(default_factory=FrozenDict)


class Known(NamedTuple):
    """What the data say of the items: ids, families, numbers of categories and observed counts (I, K), loadings (I, D).

    Where items have parameters of their own in some of the groups, they have a row for each of these, `groups` (I,) says which
    (-1 for all groups) and `group_names` what groups are called.
    """

    ids: tuple[str, ...]
    families: list[str]
    n_categories: Ints
    counts: Ints
    loads: Bools
    options: tuple[tuple[str, ...], ...] = ()
    groups: tuple[int, ...] = ()
    group_names: tuple[str, ...] = ()

    @property
    def dimension(self) -> Ints:
        """Return the competency each item measures, the first of several (I,)."""
        return np.asarray(self.loads.argmax(axis=1))

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the ids of the items for display (I,), with the group where the row is for one."""
        if not self.groups:
            return self.ids
        return tuple(item if g < 0 else f"{item}@{self.group_names[g]}" for item, g in zip(self.ids, self.groups, strict=True))


class Fixed(NamedTuple):
    """Items held fixed (I,) and their parameters (I, F), with a slope for each competency."""

    items: Bools
    values: Floats


def category_counts(codes: Codes, observed: Bools, K: int) -> Ints:
    """Return how often each category of each item was observed (I, K)."""
    return np.stack([((codes == k) & observed).sum(axis=0) for k in range(K)], axis=1)


def extra_width(families: Sequence[str], n_categories: Ints) -> int:
    """Return the number E of extra columns that the families need in a table of as many categories as the longest item has."""
    most = int(n_categories.max())
    return max(len(FAMILIES[f].extras(most)) for f in set(families))


def build_items(
    asked: Known, *, single_slopes: bool = False, priors: Priors | None, constraints: Constraints, fixed: Fixed | None = None
) -> Items:
    """Set the items up: admitted categories, free parameters, ties, priors, starting values.

    With `single_slopes` items that measure one of several competencies each have one slope column.

    A category that was never observed is not admitted under plain maximum likelihood, nor where steps are cumulative (no
    prior keeps neighbouring boundaries apart): its probability is zero and it has no parameter.
    """
    known = asked._replace(loads=np.ones((len(asked.ids), 1), dtype=np.bool_)) if single_slopes else asked
    K, D = int(known.n_categories.max()), known.loads.shape[1]
    E = extra_width(known.families, known.n_categories)
    chosen = [FAMILIES[f] for f in known.families]
    exists = np.arange(K) < known.n_categories[:, None]
    held = (~_stepped(chosen, "cumulative") & (priors is not None)) | _stepped(chosen, "location")
    allowed = exists & (held[:, None] | (known.counts > 0))
    if fixed is not None and single_slopes:
        slope = fixed.values[np.arange(len(asked.ids)), asked.dimension][:, None]
        fixed = fixed._replace(values=np.concatenate([slope, fixed.values[:, asked.loads.shape[1] :]], axis=1))
    if fixed is not None:
        allowed[fixed.items] = exists[fixed.items]
    free, base = _free(chosen, allowed, known, E), _starting_values(chosen, allowed, known, E)
    tie = _family_ties(chosen, known, free, asked.dimension)
    if fixed is not None:
        free[fixed.items], base = False, np.where(fixed.items[:, None], fixed.values, base)
    free, base, tie = _constrained(constraints, known, free, base, tie)
    place, owner, entries = np.full(free.shape, -1, dtype=np.int64), np.zeros_like(free), dict[object, int]()
    for i, f in np.argwhere(free).tolist():
        name = tie[i, f] if tie[i, f] >= 0 else (i, f)
        owner[i, f], place[i, f] = name not in entries, entries.setdefault(name, len(entries))
    prior = prior_terms(priors, (known.ids, known.families), known.n_categories, owner, n_slopes=D, dimension=asked.dimension)
    return Items(kernel_groups(known.families), allowed, known.n_categories, place, base, _stepped(chosen, "cumulative"), prior, D)


def _stepped(chosen: list[Family], steps: Steps) -> Bools:
    """Return which families have such steps (I,)."""
    return np.array([f.steps == steps for f in chosen])


def _free(chosen: list[Family], allowed: Bools, known: Known, E: int) -> Bools:
    """Return which parameters (I, D + K - 1 + E) are estimated before constraints."""
    I, K = allowed.shape
    D = known.loads.shape[1]
    used = allowed.copy()
    used[np.arange(I), allowed.argmax(axis=1)] = False
    sloped = np.array([f.slope != "fixed" for f in chosen])[:, None]
    intercepts = np.where(_stepped(chosen, "location")[:, None], np.arange(K - 1) == 0, used[:, 1:])
    out = np.concatenate([known.loads & sloped, intercepts, np.zeros((I, E), dtype=np.bool_)], axis=1)
    for i, j, extra in extras_of(known.families, known.n_categories):
        answered = chosen[i].steps != "category" or chosen[i].options or used[i, j + 1]
        out[i, D + K - 1 + j] = np.isfinite(extra.start) and answered
    return out


def _starting_values(chosen: list[Family], allowed: Bools, known: Known, E: int) -> Floats:
    """Return slopes of 1 and intercepts from smoothed category shares, stretched as for a unit-variance population."""
    smooth = np.where(allowed, known.counts + 0.5, 0.0)
    lowest = smooth[np.arange(len(smooth)), allowed.argmax(axis=1)][:, None]
    upwards = np.cumsum(smooth[:, ::-1], axis=1)[:, ::-1]
    below = np.maximum(smooth.sum(axis=1, keepdims=True) - upwards, 0.25)
    with np.errstate(divide="ignore"):
        e = STRETCH * np.where(_stepped(chosen, "cumulative")[:, None], np.log(upwards / below), np.log(smooth / lowest))
    e = np.where(allowed, e, 0.0)[:, 1:]
    D, K = known.loads.shape[1], allowed.shape[1]
    out = np.concatenate([known.loads, e, np.zeros((len(chosen), E))], axis=1)
    for i, j, extra in extras_of(known.families, known.n_categories):
        out[i, D + K - 1 + j] = extra.start
    for i, (f, m) in enumerate(zip(chosen, known.n_categories, strict=True)):
        if f.steps == "location":
            out[i, D : D + K - 1] = np.where(np.arange(K - 1) == 0, e[i, m - 2] / (m - 1), 0.0)
        if f.name in {"3PL", "4PL"}:
            out[i, D + K - 1 + len(f.extras(2)) :] = np.inf
            right = upwards[i, 1] / smooth[i].sum()
            c = 0.7 * min(0.2, right)
            out[i, D], out[i, D + K - 1] = STRETCH * np.log((right - c) / (1 - right)), np.log(c / (1 - c))
        if f.options:
            key = m - 1
            out[i, D + key - 1] = STRETCH * np.log(smooth[i, key] / smooth[i, :key].sum())
            out[i, D : D + key - 1] = np.log(smooth[i, 1:key] / smooth[i, 0])
    return out


def _family_ties(chosen: list[Family], known: Known, free: Bools, dimension: Ints) -> Ints:
    """Return labels (I, F), ≥ 0 of parameters that share a value, -1 of others; common slopes are those of one competency."""
    out, first = np.full(free.shape, -1, dtype=np.int64), known.loads.shape[1] + int(known.n_categories.max()) - 1
    labels: dict[tuple[object, ...], int] = {}
    for i, d in np.argwhere(known.loads & np.array([f.slope == "tied" for f in chosen])[:, None]).tolist():
        out[i, d] = labels.setdefault((chosen[i].name, dimension[i], d), len(labels))
    for i, j, extra in extras_of(known.families, known.n_categories):
        if extra.tied:
            out[i, first + j] = labels.setdefault((chosen[i].name, dimension[i], known.n_categories[i], j), len(labels))
    return out


def _constrained(constraints: Constraints, known: Known, free: Bools, base: Floats, tie: Ints) -> tuple[Bools, Floats, Ints]:
    """Return free parameters, values and ties after the user's constraints."""
    if not (constraints.fixed or constraints.equal or constraints.start):
        return free, base, tie
    names = constraint_places(known, free.shape[1])
    free, base, tie = free.copy(), base.copy(), tie.copy()

    def at(name: str) -> tuple[int, int]:
        if len(names.get(name, ())) != 1:
            meant = phrase("engine.two_parameters" if name in names else "engine.no_parameter")
            raise CalibrationError("engine.constraints_name", name=name, meant=meant, names=names)
        return names[name][0]

    for values, stays_free in ((constraints.start, True), (constraints.fixed, False)):
        given = {at(name): (name, float(x)) for name, x in values.items()}
        for i, f in given:
            base[i, f] = _in_kernel_form((i, f), given, known)
            free[i, f] &= stays_free
    for group in constraints.equal:
        own = int(tie.max(initial=-1)) + 1
        places = [at(name) for name in group]
        for i, f in places:
            tie[i, f], base[i, f] = own, base[places[0]]
    return free, base, tie


def constraint_places(known: Known, F: int) -> dict[str, list[tuple[int, int]]]:
    """Return the item and column of every parameter of every item by the name `Constraints` use."""
    D, width = known.loads.shape[1], int(known.n_categories.max()) - 1
    out: dict[str, list[tuple[int, int]]] = {}
    for i, (item, family, m) in enumerate(zip(known.labels, known.families, known.n_categories, strict=True)):
        kinds: dict[int, tuple[Kind, int]] = {int(d): ("a", int(d) + 1 if D > 1 else 0) for d in np.flatnonzero(known.loads[i])}
        kinds |= {D + f: kind for f, kind in shape_kinds(FAMILIES[family], int(m), width).items()}
        for f, (kind, number) in kinds.items():
            if f < F:
                letter = kind if kind in {"c", "u"} else item_name("", kind, number)[1:]
                out.setdefault(f"{item}.{letter}", []).append((i, f))
    return out


def _in_kernel_form(at: tuple[int, int], given: Mapping[tuple[int, int], tuple[str, float]], known: Known) -> float:
    """Return a given value as the kernel has it: logits of asymptotes, cumulated steps."""
    (i, f), (name, x) = at, given[at]
    family, D, width = FAMILIES[known.families[i]], known.loads.shape[1], int(known.n_categories.max()) - 1
    kind, _ = ("a", 0) if f < D else shape_kinds(family, int(known.n_categories[i]), width)[f - D]
    if kind in {"c", "u"}:
        if not 0 < x < 1:
            raise CalibrationError("engine.constraints_asymptote", name=name, x=x)
        return float(np.log(x / (1 - x)))
    if kind != "d" or family.steps != "adjacent":
        return x
    if bare := [item_name(known.labels[i], "d", g - D + 1) for g in range(D, f) if (i, g) not in given]:
        raise CalibrationError("engine.constraints_steps", name=name, bare=bare, family=family.name)
    return x + sum(given[i, g][1] for g in range(D, f))


def parameters_of_items(items: Items, known: Known) -> list[Parameter]:
    """Return the free parameters of the items, of equal ones the first, with columns as `ItemParameters` has them."""
    n, width, D = items.n_slopes, items.allowed.shape[1] - 1, known.loads.shape[1]
    uses = np.bincount(items.place[items.free], minlength=items.size)
    out: dict[int, Parameter] = {}
    for i, f in zip(*np.nonzero(items.free), strict=True):
        if (at := int(items.place[i, f])) in out:
            continue
        family, d = FAMILIES[known.families[i]], int(known.dimension[i])
        one = Parameter("a", item=int(i), group=known.groups[i] if known.groups else -1, dimension=d, shared=bool(uses[at] > 1))
        if f < n:
            column = d if n < D else int(f)
            out[at] = one._replace(column=column, number=column + 1 if n == D > 1 else 0, dimension=column)
            continue
        kind, number = shape_kinds(family, int(known.n_categories[i]), width)[int(f) - n]
        above = kind == "d" and family.steps == "adjacent" and f > n
        below = int(items.place[i, f - 1]) if above else -1
        kind = "e" if above and below < 0 else kind
        one = one._replace(dimension=d if known.loads[i].sum() == 1 else -1)
        out[at] = one._replace(kind=kind, column=int(f) + D - n, number=number, below=below)
    return [out[at] for at in range(items.size)]
