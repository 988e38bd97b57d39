"""No suppressed number can be computed from what all tables of a report show, tried by linear programming."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from attack import fewest_persons
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.suppression import NARROWEST, SMALLEST, shown_groups, suppressed
from competency_dx.reports.cohort import groups


class Attack(NamedTuple):
    """All combinations of groups that may have persons: their groups by table, and the equations of what is shown."""

    atoms: Ints
    shown: list[Bools]


def attack_on(codes: Ints, tree: int, hidden: Sequence[Bools]) -> Attack:
    """The attacker knows which school lies where (the first `tree` tables) and nothing of how other tables cross it."""
    places = np.unique(codes[:, :tree], axis=0)
    others = [np.unique(column) for column in codes[:, tree:].T]
    atoms = np.array([[*place, *rest] for place in places for rest in itertools.product(*others)])
    shown = [np.ones(len(atoms), dtype=bool)]
    for t, which in enumerate(hidden):
        shown.extend(members(atoms, t, g) for g in np.flatnonzero(~which))
    return Attack(atoms, shown)


def span(objective: Floats, equations: Floats, right: Floats, bounds: Floats, limits: Floats) -> float:
    """Return the width of the range of a sum of unknowns from 0 that satisfy the equations and inequalities."""
    ends = []
    for sign in (1, -1):
        found = linprog(sign * objective, A_eq=equations, b_eq=right, A_ub=bounds, b_ub=limits, bounds=(0, None))
        assert found.fun is not None, found.message
        ends.append(sign * found.fun)
    return float(ends[1] - ends[0])


def members(codes: Ints, t: int, g: int | np.integer[Any]) -> Bools:
    return np.asarray(codes[:, t] == g)


def check(codes: Ints, tree: int, percent: Floats) -> None:
    """Check the range of every hidden count and mean that is not hidden with all others."""
    lengths = [int(column.max()) + 1 for column in codes.T]
    none = [np.zeros(n, dtype=bool) for n in lengths]
    hidden = suppressed(codes, percent[:, None], none)
    sizes = [np.bincount(column, minlength=n) for column, n in zip(codes.T, lengths, strict=True)]
    assert all(which[(n > 0) & (n < SMALLEST)].all() for which, n in zip(hidden, sizes, strict=True))
    atoms, shown = attack_on(codes, tree, hidden)
    A = len(atoms)
    people = [np.ones(len(codes), dtype=bool)] + [
        members(codes, t, g) for t, which in enumerate(hidden) for g in np.flatnonzero(~which)
    ]
    count, total = np.array([m.sum() for m in people]), np.array([percent[m].sum() for m in people])
    equal = np.array(shown, dtype=float)
    free = np.zeros((1, A)), np.ones(1)
    telling = spread_of_ten(percent) < NARROWEST
    for t, which in enumerate(hidden):
        for g in np.flatnonzero(which & (sizes[t] > 0)):
            target = (atoms[:, t] == g).astype(float)
            width = span(target, equal, count, *free)
            assert width >= SMALLEST - 1e-6 or which[sizes[t] > 0].all()
            # the same for the sum of percents, when the attacker knows how many persons the group has
            n = sizes[t][g]
            block = np.zeros_like(equal)
            equations = np.block([[equal, block], [block, equal], [target[None], np.zeros((1, A))]])
            right = np.concatenate([count, total, [n]])
            caps = np.hstack([-100 * np.eye(A), np.eye(A)])
            width = span(np.concatenate([np.zeros(A), target]), equations, right, caps, np.zeros(A)) / n
            assert width >= NARROWEST - 1e-6 or which[sizes[t] > 0].all() or telling


def spread_of_ten(percent: Floats) -> float:
    """Return the width of the range of the mean of ten persons when only the mean of all is known."""
    whole, n = percent.sum(), len(percent)
    return float(min(100.0, whole / SMALLEST) - max(0.0, (whole - 100.0 * (n - SMALLEST)) / SMALLEST))


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[Ints, int, Floats]:
    """Schools inside municipalities inside regions, crossed by none or two other divisions, and percents or shares."""
    schools = draw(st.integers(2, 12))
    sizes = draw(st.lists(st.integers(1, 40), min_size=schools, max_size=schools))
    in_place = draw(st.lists(st.integers(0, 3), min_size=schools, max_size=schools))
    in_region = draw(st.lists(st.integers(0, 1), min_size=4, max_size=4))
    school = np.repeat(np.arange(schools), sizes)
    place = np.array(in_place)[school]
    columns: list[Ints] = [school, place, np.array(in_region)[place]]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns += [rng.choice(3, len(school), p=[0.1, 0.3, 0.6]) for _ in range(draw(st.integers(0, 2)))]
    mean = draw(st.sampled_from([0.02, 0.3, 0.5, 0.9, 1.0]))
    shares: Floats = (rng.random(len(school)) < mean).astype(float)
    if not draw(st.booleans()):
        shares = rng.beta(5 * mean + 0.1, 5.1 - 5 * mean, len(school))
    return np.column_stack(columns), 3, 100 * shares


@settings(max_examples=15)
@given(cohorts())
def test_nothing_hidden_can_be_computed(cohort: tuple[Ints, int, Floats]) -> None:
    check(*cohort)


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ([30, 19, 7, 4], [False, False, True, True]),
        ([30, 19, 12, 4], [False, False, True, True]),
        ([30, 19, 3, 4], [False, True, True, True]),
        ([30, 19, 12], [False, False, False]),
        ([30, 3], [True, True]),
        ([5, 3], [True, True]),
    ],
)
def test_one_table(sizes: list[int], hidden: list[bool]) -> None:
    """Seven and four may each be 0 to 11; three and four may be 0 to 7 only."""
    codes = np.repeat(np.arange(len(sizes)), sizes)[:, None]
    found = suppressed(codes, np.zeros((len(codes), 0)), [np.zeros(len(sizes), dtype=bool)])
    assert found[0].tolist() == hidden


def test_tables_protect_each_other() -> None:
    """Two hidden schools in two municipalities that are shown: each is that municipality less its other schools."""
    school = np.repeat(np.arange(6), [4, 26, 15, 6, 24, 30])
    codes = np.column_stack([school, school // 3])
    none = [np.zeros(6, dtype=bool), np.zeros(2, dtype=bool)]
    schools, places = suppressed(codes, np.zeros((len(codes), 0)), none)
    assert schools.tolist() == [True, False, True, True, True, False]
    assert not places.any()
    assert suppressed(codes[:, :1], np.zeros((len(codes), 0)), none[:1])[0].tolist() == [i in {0, 3} for i in range(6)]


def test_equal_divisions_hide_the_same() -> None:
    number = np.repeat(np.arange(3), [4, 20, 30])
    found = suppressed(np.column_stack([number, 2 - number]), np.zeros((54, 0)), [np.zeros(3, dtype=bool)] * 2)
    assert [f.tolist() for f in found] == [[True, True, False], [False, True, True]]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(12, 150), st.sampled_from([0.03, 0.3, 1.0]), st.sampled_from([3, 10]))
def test_tables_that_cross_tell_of_no_few_persons(seed: int, persons: int, moved: float, smallest: int) -> None:
    """Columns that are the same but for a few persons: these are no difference of a group of one and a group of the other."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 5, persons)
    second = np.where(rng.random(persons) < moved, rng.integers(0, 5, persons), first)
    columns = {"first": np.array([f"a{k}" for k in first]), "second": np.array([f"b{k}" if k else "" for k in second])}
    tables = []
    for by in columns:
        names, codes, shown = shown_groups(columns, by, smallest, nowhere="")
        assert (np.bincount(codes)[shown] >= smallest)[names[shown] != ""].all()
        tables.append((codes, shown & (names != "")))
    assert fewest_persons(tables, smallest) >= smallest - 1e-6


@pytest.mark.parametrize("moved", [1, 9, 10, 0])
def test_groups_that_are_nearly_the_same_are_shown_once_where_few_make_the_difference(moved: int) -> None:
    first = np.repeat(["a", "b", "c"], 30)
    columns = {"first": first, "second": np.r_[["b"] * moved, first[moved:]]}
    shown = {by: shown_groups(columns, by)[2].sum() for by in columns}
    assert (shown["first"] + shown["second"] == 6) == (moved in {0, 10})
    assert all(shown_groups({by: columns[by]}, by)[2].all() for by in columns)


@pytest.mark.parametrize("seed", range(6))
def test_columns_of_a_page_tell_together_of_no_few_persons(seed: int) -> None:
    """Means and shares of groups by several columns of the background, of each competency over those who answered it."""
    rng = np.random.default_rng(seed)
    school = np.sort(rng.integers(0, 6, 150))
    building = np.where(rng.random(150) < 0.03, rng.integers(0, 6, 150), school)
    labels = [[f"{name}{k}" for k in column.tolist()] for name, column in (("s", school), ("b", building), ("d", school // 2))]
    percent = np.where(rng.random((150, 3)) < [0.0, 0.05, 0.4], np.nan, 100 * rng.beta(4, 4, (150, 3)))
    tables = groups(labels, percent, percent < 45, np.zeros(3, dtype=bool))
    for c, x in enumerate(percent.T):
        for number in ("percent", "share"):
            told = [
                (np.unique(column, return_inverse=True)[1][np.isfinite(x)], np.isfinite([g.cells[c][number] for g in members]))
                for column, members in zip(labels, tables, strict=True)
            ]
            assert fewest_persons(told) >= 10 - 1e-6


def test_divisions_of_thousands_of_persons_that_cross_take_no_time() -> None:
    rng = np.random.default_rng(2)
    place = rng.integers(0, 26, 2217)
    codes = np.column_stack([place, place * 4 + rng.integers(0, 4, 2217), *(rng.integers(0, n, 2217) for n in (4, 2))])
    hidden = suppressed(codes, 100 * rng.random((2217, 2)), [np.zeros(column.max() + 1, dtype=bool) for column in codes.T])
    assert sum(which.sum() for which in hidden) == (np.bincount(codes[:, 1]) < 10).sum()
