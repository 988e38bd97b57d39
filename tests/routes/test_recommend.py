"""Routes: the best of all possible ones, limits that hold, nothing counted twice, the likely tried first, what binds told."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import chain, pairwise, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attack import fewest_persons
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from openpyxl import load_workbook  # type: ignore[import-untyped]  # it ships no types
from scipy.optimize import LinearConstraint, milp
from scipy.stats import beta

import competency_dx as cdx
from competency_dx.arrays import names
from competency_dx.bank import Text
from competency_dx.competencies import STATES
from competency_dx.errors import BankError, CompetencyDxWarning, DocumentError, RouteError
from competency_dx.routes import NOT_OFFERED, WHY, Catalogue, Effect, Programme, allocation, load_catalogue, save_catalogue_workbook
from competency_dx.routes.allocation import HOUR, RouteProblem, allocate, ordered
from competency_dx.routes.api import expected_below
from competency_dx.routes.mentors import NEAR, offered
from competency_dx.routes.reasons import RouteReasons

Array = NDArray[np.float64]
FIRST = date(2027, 1, 1)


def programme(name: str, *brings: tuple[str, float], hours: float = 10, kind: Any = "programme", **options: Any) -> Programme:
    effects = tuple(Effect(competency=code, gain=gain) for code, gain in brings)
    return Programme(id=name, title=Text(ru=name), kind=kind, hours=hours, brings=effects, **options)


def catalogue(*programmes: Programme, framework: str = "teacher") -> Catalogue:
    return Catalogue(id="small", version="1", title=Text(ru="малый"), framework=framework, programmes=programmes)


@cache
def diagnosed(name: str, persons: int) -> cdx.DeficitProfiles:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        bank = cdx.load_bank(name)
        return cdx.diagnose(cdx.simulate(bank, persons, rng=np.random.default_rng(3)), bank)


def profiles(name: str = "physics", **states: list[str]) -> cdx.DeficitProfiles:
    """Return profiles with these states of the leaves named (dots as underscores), 40 percent where there is a deficit.

    Every other competency has no deficit.
    """
    made = diagnosed(name, len(next(iter(states.values()))))
    codes = [c.code for c in made.competencies]
    state, percent = np.full(made.state.shape, STATES.index("not_found")), np.full(made.state.shape, 90.0)
    for code, column in states.items():
        c = codes.index(code.replace("_", "."))
        state[:, c] = [STATES.index(x) for x in column]
        percent[:, c] = np.where(state[:, c] < 2, 40.0, 90.0)
    p_deficit = np.array([0.95, 0.7, 0.5, 0.02, 0.5])[state]
    return replace(made, state=state, percent=percent, percent_low=percent - 5, percent_high=percent + 5, p_deficit=p_deficit)


def chosen(routes: cdx.routes.Routes, person: str = "1") -> list[str]:
    table = routes.to_frame()
    return list(table[table["person"] == person]["programme"])


def why(routes: cdx.routes.Routes, person: str = "1") -> dict[str, str]:
    table = routes.reasons_frame()
    return {row["competency"]: row["why"] for row in table[table["person"] == person].to_dict("records") if row["why"]}


def test_the_expected_shortfall_is_the_integral_over_the_distribution() -> None:
    percent, sd = np.array([20.0, 55.0, 70.0, 95.0]), np.array([8.0, 12.0, 6.0, 3.0])
    m = percent / 100
    size = m * (1 - m) / (sd / 100) ** 2 - 1
    x = (np.arange(200_000) + 0.5) / 200_000
    density = beta.pdf(x[:, None], m * size, (1 - m) * size)
    for upper in (35.0, 60.0):
        sums = (np.maximum(upper - 100 * x, 0)[:, None] * density).mean(axis=0)
        np.testing.assert_allclose(expected_below(np.array(upper), percent, sd), sums, atol=1e-3)
    assert (expected_below(np.array(-5.0), percent, sd) == 0).all()


def drawn_problem(seed: int, P: int, K: int, D: int, purses: int = 1) -> RouteProblem:
    rng = np.random.default_rng(seed)
    made = []
    for k in range(K):
        a, b = int(rng.integers(0, 12)), int(rng.integers(0, 5))
        when: dict[str, Any] = {"start": FIRST + timedelta(a), "end": FIRST + timedelta(a + b)} if rng.random() < 0.6 else {}
        seats = {"seats": int(rng.integers(0, P + 1))} if rng.random() < 0.5 else {}
        kind = ("programme", "self_study")[rng.integers(2)]
        numbers = {"hours": float(rng.integers(1, 9)), "price": float(rng.integers(0, 9))}
        made.append(programme(f"p{k}", ("PHY.S", 1), kind=kind, **numbers, **when, **seats))
    closes = np.where(rng.random((P, K, D)) < 0.7, rng.gamma(2, 3, (P, K, D)), 0.0)
    before = np.triu(rng.random((D, D)) < 0.5, 1)[np.ix_(order := rng.permutation(D), order)]
    hard, limits = before & (rng.random((D, D)) < 0.5), (float(rng.integers(4, 20)), float(rng.integers(2, 20)))
    open_, (budget, payer) = rng.random((P, D)) < 0.8, (rng.integers(2, 30, purses).astype(float), rng.integers(0, purses, P))
    return RouteProblem(tuple(made), closes, open_, before, hard, *limits, budget, payer)


def possible(problem: RouteProblem, p: int, row: tuple[int, ...]) -> bool:
    """Tell whether a person may have these programmes for the competencies, by the definitions."""
    held = {k: [d for d, m in enumerate(row) if m == k] for k in row if k >= 0}
    every = problem.programmes
    if any(problem.closes[p, k, d] == 0 for k, ds in held.items() for d in ds):
        return False
    if sum(every[k].hours for k in held) > problem.hours or sum(every[k].price for k in held) > problem.price:
        return False
    dated = [(one.start, one.end) for k in held if (one := every[k]).start and one.end]
    if any(a[0] <= b[1] and b[0] <= a[1] for n, a in enumerate(dated) for b in dated[:n]):
        return False
    pairs = list(zip(*np.nonzero(problem.hard), strict=True))
    if any(row[b] >= 0 and row[a] < 0 and problem.open[p, a] for a, b in pairs):
        return False

    def allowed(order: tuple[int, ...]) -> bool:
        place = {k: n for n, k in enumerate(order)}
        edges = zip(*np.nonzero(problem.before), strict=True)
        learnt = all(row[a] < 0 or row[b] < 0 or place[row[a]] <= place[row[b]] for a, b in edges)
        days = [every[k].start for k in order if every[k].start]
        return learnt and days == sorted(days)  # type: ignore[type-var]

    return any(allowed(order) for order in permutations(held))


def worth(problem: RouteProblem, p: int, row: tuple[int, ...]) -> float:
    points = sum(problem.closes[p, k, d] for d, k in enumerate(row) if k >= 0)
    return float(points - HOUR * sum(problem.programmes[k].hours for k in {*row} - {-1}))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_possible_route_closes_more(seed: int) -> None:
    problem = drawn_problem(seed, 1, 5, 3)._replace(budget=np.array([1e9]))
    problem = problem._replace(programmes=tuple(one.model_copy(update={"seats": None}) for one in problem.programmes))
    found, _, gap = allocate(problem)
    row = tuple(found[0].tolist())
    assert possible(problem, 0, row)
    best = max(worth(problem, 0, r) for r in product(range(-1, 5), repeat=3) if possible(problem, 0, r))
    assert worth(problem, 0, row) == pytest.approx(best, abs=1e-6)
    assert 0 <= gap < 1e-6


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), purses=st.integers(1, 2))
def test_no_possible_routes_of_two_persons_close_more_together(seed: int, purses: int) -> None:
    problem = drawn_problem(seed, 2, 4, 2, purses)
    found, alone, gap = allocate(problem)
    rows = [[r for r in product(range(-1, 4), repeat=2) if possible(problem, p, r)] for p in (0, 1)]
    value = {(p, r): worth(problem, p, r) for p in (0, 1) for r in rows[p]}

    def shared(both: tuple[tuple[int, ...], ...]) -> bool:
        taken = [k for row in both for k in {*row} - {-1}]
        seats = all(one.seats is None or taken.count(k) <= one.seats for k, one in enumerate(problem.programmes))
        spent = np.zeros(purses)
        for row, purse in zip(both, problem.payer, strict=True):
            spent[purse] += sum(problem.programmes[k].price for k in {*row} - {-1})
        return seats and bool((spent <= problem.budget).all())

    both = tuple(tuple(row.tolist()) for row in found)
    assert shared(both)
    reached = sum(value[p, row] for p, row in enumerate(both))
    assert reached == pytest.approx(max(value[0, a] + value[1, b] for a in rows[0] for b in rows[1] if shared((a, b))), abs=1e-6)
    assert gap < 1e-6
    for p in (0, 1):
        assert value[p, tuple(alone[p].tolist())] == pytest.approx(max(value[p, r] for r in rows[p]), abs=1e-6)


@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(hours=st.floats(0, 120), price=st.floats(0, 15000), budget=st.floats(0, 60000), seats=st.integers(0, 4))
def test_limits_dates_and_prerequisites_hold(hours: float, price: float, budget: float, seats: int) -> None:
    whole = load_catalogue("synthetic")
    few = tuple(p.model_copy(update={"seats": None if p.seats is None else seats}) for p in whole.programmes)
    made = diagnosed("mathematics", 12)
    routes = cdx.recommend(made, whole.model_copy(update={"programmes": few}), hours=hours, price=price, budget=budget)
    table = routes.to_frame()
    sums = table.groupby("person")[["hours", "price"]].sum()
    assert (sums["hours"] <= hours + 1e-9).all()
    assert (sums["price"] <= price + 1e-9).all()
    assert table["price"].sum() <= budget + 1e-9
    limited = [p.id for p in few if p.seats is not None]
    assert (table["programme"].value_counts().reindex(limited).fillna(0) <= seats).all()
    framework = cdx.load_framework("teacher")
    for _, steps in table.groupby("person"):
        days = [(row["start"], row["end"]) for row in steps.to_dict("records") if row["start"]]
        assert all(a[1] < b[0] for a, b in pairwise(days))
        treated = [codes.split(", ") for codes in steps["competencies"]]
        for edge in framework.prerequisites:
            late = [n for n, codes in enumerate(treated) if any(framework.within(c, edge.origin) for c in codes)]
            early = [n for n, codes in enumerate(treated) if any(framework.within(c, edge.destination) for c in codes)]
            assert not late or not early or max(late) <= min(early)
    assert (routes.closes <= np.nan_to_num(routes.shortfall) + 1e-9).all()
    assert ((routes.chosen >= 0) == (routes.closes > 0)).all()
    assert routes.gap <= 0.006


def test_route_mat_m_05_is_not_placed_before_mat_s_when_the_subject_deficit_is_confirmed() -> None:
    """Acceptance example 9 of the domain."""
    confirmed = ["confirmed"]
    found = profiles("mathematics", MAT_S_01=confirmed, MAT_S_02=confirmed, MAT_M_05=confirmed)
    subject = programme("subject", ("MAT.S", 20), hours=36)
    both = programme("both", ("MAT.M.05", 15), ("MAT.S.01", 5), hours=8)
    routes = cdx.recommend(found, catalogue(programme("errors", ("MAT.M.05", 15), hours=8), subject))
    assert chosen(routes) == ["subject", "errors"]
    late = {"start": FIRST, "end": FIRST + timedelta(30)}
    early = programme("early", ("MAT.M.05", 15), hours=8, start=FIRST - timedelta(9), end=FIRST - timedelta(2))
    routes = cdx.recommend(found, catalogue(early, subject.model_copy(update=late)))
    assert chosen(routes) == ["subject"]
    assert why(routes) == {"MAT.M.05": "prerequisite"}
    part = programme("part", ("MAT.S.02", 20), hours=20)
    table = cdx.recommend(found, catalogue(both, part), hours=30).to_frame()
    closed = dict(zip(table["programme"], table["competencies"], strict=True))
    assert "MAT.M.05" not in closed["both"] or list(closed) == ["both"] or closed["both"] == "MAT.M.05"


def test_hard_prerequisites_come_first_or_the_rest_is_left(tmp_path: Path) -> None:
    whole = cdx.load_framework("teacher").model_dump(mode="json", exclude_none=True)
    whole["prerequisites"] = [{"origin": "PHY.S.01", "destination": "PHY.S.02", "strength": "hard"}]
    (tmp_path / "own.json").write_text(json.dumps(whole), encoding="utf-8")
    found = profiles(PHY_S_01=["confirmed"], PHY_S_02=["confirmed"])
    one, two = programme("one", ("PHY.S.01", 5), hours=10), programme("two", ("PHY.S.02", 9), hours=10)
    own = str(tmp_path / "own.json")
    assert chosen(cdx.recommend(found, catalogue(two, one, framework=own), hours=20)) == ["one", "two"]
    narrow = cdx.recommend(found, catalogue(two, one, framework=own), hours=10)
    assert (chosen(narrow), why(narrow)) == (["one"], {"PHY.S.02": "hours"})
    lone = cdx.recommend(found, catalogue(two, framework=own))
    assert (chosen(lone), why(lone)) == ([], {"PHY.S.01": "no_programme", "PHY.S.02": "prerequisite"})
    assert chosen(cdx.recommend(profiles(PHY_S_02=["confirmed"]), catalogue(two, framework=own))) == ["two"]


def test_several_programmes_for_one_competency_are_not_added_up() -> None:
    found = profiles(PHY_S_01=["confirmed"])
    weak, strong = programme("weak", ("PHY.S.01", 8)), programme("strong", ("PHY.S.01", 90))
    routes = cdx.recommend(found, catalogue(weak, strong, programme("other", ("PHY.S", 6))))
    assert chosen(routes) == ["strong"]
    assert routes.closes.sum() == pytest.approx(routes.shortfall[routes.chosen >= 0].sum())  # all of it, and no more
    assert list(routes.reasons_frame()["instead"]) == ["weak, other"]
    target = catalogue(strong.model_copy(update={"brings": (Effect(competency="PHY.S.01", gain=90, target=50),)}))
    assert cdx.recommend(found, target).closes.sum() == pytest.approx(10, abs=0.2)  # from 40 to 50
    assert routes.shortfall.max() == pytest.approx(20, abs=0.2)  # from 40 to 60


def test_a_likely_deficit_gets_what_can_be_left_at_any_time() -> None:
    long, short = programme("long", ("PHY.S.01", 15), hours=36), programme("short", ("PHY.S.01", 4), kind="self_study", hours=8)
    likely, sure = profiles(PHY_S_01=["likely"]), profiles(PHY_S_01=["confirmed"])
    assert chosen(cdx.recommend(likely, catalogue(long, short))) == ["short"]
    assert chosen(cdx.recommend(sure, catalogue(long, short))) == ["long"]
    alone = cdx.recommend(likely, catalogue(long))
    assert (chosen(alone), why(alone)) == ([], {"PHY.S.01": "reversible_first"})
    both = cdx.recommend(
        profiles(PHY_S_01=["confirmed"], PHY_M_05=["likely"]), catalogue(long, programme("m", ("PHY.M.05", 4), kind="community"))
    )
    assert chosen(both)[0] == "long"  # the subject comes before the errors of pupils, by the framework
    free = cdx.recommend(
        profiles(PHY_S_01=["confirmed"], PHY_S_08=["likely"]), catalogue(long, programme("m", ("PHY.S.08", 4), kind="community"))
    )
    assert chosen(free) == ["m", "long"]


def test_what_is_undecided_is_asked_about_again() -> None:
    states = ["indeterminate", "insufficient_data", "not_found"]
    found = profiles(PHY_S_01=states)
    routes = cdx.recommend(found, catalogue(programme("all", ("PHY.S", 20))))
    assert routes.to_frame().empty
    assert [why(routes, person) for person in found.persons] == [{"PHY.S.01": "ask_again"}, {"PHY.S.01": "no_conclusion"}, {}]
    some = found.reasons.copy()
    some[:, [k for k, fact in enumerate(found.items) if "PHY.S.01" in fact.competencies][:2]] = 1
    again = cdx.recommend(replace(found, reasons=some), catalogue(programme("all", ("PHY.S", 20))))
    assert set(again.reasons_frame()["unseen"]) == {2}


@pytest.mark.parametrize(
    ("limit", "one", "options"),
    [
        ("hours", {"hours": 80}, {}),
        ("price", {"price": 80}, {"price": 50}),
        ("budget", {"price": 80}, {"budget": 50}),
        ("seats", {"seats": 0}, {}),
        ("several", {"seats": 0, "hours": 80}, {}),
        ("begun", {"start": FIRST, "end": FIRST + timedelta(9)}, {"since": FIRST + timedelta(1)}),
        ("dates", {"start": FIRST, "end": FIRST + timedelta(3)}, {}),
    ],
)
def test_what_binds_is_told(limit: str, one: dict[str, Any], options: dict[str, Any]) -> None:
    days: dict[str, Any] = {"start": FIRST + timedelta(2), "end": FIRST + timedelta(9)} if limit == "dates" else {}
    good = programme("good", ("PHY.S.01", 15), **days)
    bad = programme("bad", ("PHY.S.02", 5), **({"hours": 10} | one))
    found = profiles(PHY_S_01=["confirmed"], PHY_S_02=["confirmed"])
    offered = catalogue(good, bad).model_copy(update={"since": options.get("since")})
    limits = {name: x for name, x in options.items() if name != "since"}
    routes = cdx.recommend(found, offered, wishes={"1": ["bad"]}, **limits)
    assert (chosen(routes), why(routes)) == (["good"], {"PHY.S.02": limit})
    assert routes.unmet == {"1": {"bad": limit}}
    assert any(str(1) in line for line in routes.summary("ru")[2:])


@pytest.mark.parametrize(
    ("state", "brings", "options", "told"),
    [
        ("likely", ("PHY.S.02", 9), {}, "reversible_first"),
        ("indeterminate", ("PHY.S.02", 9), {}, "ask_again"),
        ("insufficient_data", ("PHY.S.02", 9), {}, "no_conclusion"),
        ("not_found", ("PHY.S.02", 9), {}, "not_needed"),
        ("confirmed", ("PHY.S.02", 9), {"categories": ("MAT",)}, "other_category"),
        ("likely", ("PHY.S.02", 9), {"categories": ("MAT",)}, "other_category"),
        ("confirmed", ("PHY.S.02", 0.01), {}, "closes_nothing"),
        ("confirmed", ("MAT.S.02", 9), {}, "no_conclusion"),  # a competency that was not diagnosed
        ("confirmed", ("PHY.S.02", 9), {"weights": {"PHY.S.02": 0}}, "no_weight"),
        ("likely", ("PHY.S.02", 9), {"kind": "self_study", "weights": {"PHY.S.02": 0}}, "no_weight"),
        ("confirmed", ("PHY.S.02", 9), {"hours": 80}, "hours"),
        ("confirmed", ("PHY.S.02", 9), {"start": FIRST, "end": FIRST, "since": FIRST + timedelta(1)}, "begun"),
    ],
)
def test_a_wish_is_refused_for_what_is_so(state: str, brings: tuple[str, float], options: dict[str, Any], told: str) -> None:
    of_verb = {name: options[name] for name in ("weights", "since") if name in options}
    one = programme("one", brings, **{name: x for name, x in options.items() if name not in of_verb})
    offered = catalogue(one).model_copy(update={"since": of_verb.pop("since", None)})
    routes = cdx.recommend(profiles(PHY_S_02=[state]), offered, wishes={"1": ["one"]}, **of_verb)
    assert (chosen(routes), routes.unmet) == ([], {"1": {"one": told}})
    if state in {"confirmed", "likely"}:
        assert why(routes) == {"PHY.S.02": "no_programme" if told in {"other_category", "no_conclusion"} else told}


def test_a_hard_prerequisite_without_a_programme_is_why_a_wish_is_not_met(tmp_path: Path) -> None:
    whole = cdx.load_framework("teacher").model_dump(mode="json", exclude_none=True)
    whole["prerequisites"] = [{"origin": "PHY.S.01", "destination": "PHY.S.02", "strength": "hard"}]
    (tmp_path / "own.json").write_text(json.dumps(whole), encoding="utf-8")
    found, two = profiles(PHY_S_01=["confirmed"], PHY_S_02=["confirmed"]), programme("two", ("PHY.S.02", 9))
    for hours, told in ((10, "prerequisite"), (5, "several")):
        of = catalogue(two, framework=str(tmp_path / "own.json"))
        assert cdx.recommend(found, of, hours=hours, wishes={"1": ["two"]}).unmet == {"1": {"two": told}}


def test_what_closes_less_is_not_said_to_want_hours() -> None:
    found, one, two = profiles(PHY_S_02=["confirmed"]), programme("one", ("PHY.S.02", 9)), programme("two", ("PHY.S.02", 5), hours=70)
    assert cdx.recommend(found, catalogue(one, two), wishes={"1": ["two"]}).unmet == {"1": {"two": "closes_less"}}


@pytest.mark.parametrize("seed", range(6))
def test_with_its_one_reason_taken_away_a_programme_fits(seed: int) -> None:
    """Of routes drawn at random: without the one limit that is told nothing keeps the programme out of the route as it stands."""
    problem = drawn_problem(seed, 1, 5, 3)
    row, _, _ = allocate(problem)
    steps = [ordered(problem, row[0])]
    state = np.where(problem.open, 0, 3)
    brings, none = np.ones((5, 3), dtype=bool), np.zeros((3, 3), dtype=bool)
    because = RouteReasons(problem, row, steps, problem.left(row), problem.closes, state, brings, [""] * 5, np.ones(3))
    free: dict[str, Any] = {"hours": {"hours": 1e9}, "price": {"price": 1e9}, "prerequisite": {"hard": none, "before": none}}
    for k in set(range(5)) - {*row[0].tolist()}:
        told = because.of_wish(0, k)
        assert told in WHY
        if told in free:
            again = because._replace(problem=problem._replace(**free[told]))
            assert again.of_wish(0, k) != told or told == "prerequisite"
        if told == "closes_less":
            now = [problem.closes[0, m, d] if m >= 0 else 0 for d, m in enumerate(row[0])]
            gain = np.maximum(problem.closes[0, k] - now, 0).sum()
            assert gain <= HOUR * problem.programmes[k].hours


@pytest.mark.parametrize("absent", [1, 3])
def test_where_a_profile_concludes_nothing_a_route_says_nothing(absent: int, tmp_path: Path) -> None:
    bank = cdx.load_bank("physics")
    answers = cdx.simulate(bank, 6, rng=np.random.default_rng(3)).to_frame()
    ids = [item.id for item in bank.items]
    answers.loc[answers.index[:absent], ids] = np.nan
    answers.loc[answers.index[absent:], ids[:40]] = np.nan
    made = cdx.diagnose(cdx.load_responses(answers, bank=bank, layout=cdx.Layout(cells="scored")), bank)
    routes = cdx.recommend(made, load_catalogue("synthetic"))
    untold = made.state[:, [made.index(c.code) for c in routes.competencies]] == STATES.index("insufficient_data")
    assert untold[:absent].all()
    assert (np.isnan(routes.p_deficit) == untold).all()
    assert (np.isnan(routes.shortfall) == untold).all()
    assert ((routes.why == WHY.index("no_conclusion")) == untold).all()
    assert not (routes.closes[untold] > 0).any()
    assert ((routes.answered == 0) == (np.arange(6) < absent)).all()
    n, expected = routes.needs()[:, :2].T
    assert (n == (~untold).sum(axis=0)).all()
    np.testing.assert_allclose(expected, np.nansum(routes.p_deficit, axis=0))
    cdx.report(routes, tmp_path, language="en")
    pages = {p.stem: p.read_text(encoding="utf-8") for p in (tmp_path / "persons").iterdir()}
    for p, person in enumerate(map(str, routes.persons)):
        assert ("There are no answers" in pages[person]) == (p < absent)
        assert pages[person].count("Probability of a deficit") == (~untold[p] & ((routes.chosen[p] >= 0) | (routes.why[p] > 0))).sum()
    for line in map(str.strip, routes.summary("ru")):
        assert "nan" not in line
    assert type(routes).from_json(routes.to_json()).to_json() == routes.to_json()


def test_programmes_that_began_earlier_are_left_out_and_the_day_is_told(tmp_path: Path) -> None:
    old, new = (programme(f"{n}", ("PHY.S.01", n), start=day, end=day) for n, day in ((9, FIRST), (5, date(2030, 1, 1))))
    found = profiles(PHY_S_01=["confirmed"])
    (tmp_path / "own.json").write_text(catalogue(old, new).model_dump_json(exclude_none=True), encoding="utf-8")
    of_any_day, of_later = load_catalogue(tmp_path / "own.json"), load_catalogue(tmp_path / "own.json", since=date(2029, 1, 1))
    assert of_any_day.digest == catalogue(old, new).digest
    any_day, later = cdx.recommend(found, of_any_day), cdx.recommend(found, of_later)
    assert (chosen(any_day), chosen(later)) == (["9"], ["5"])
    assert (any_day.since, later.since) == ("", "2029-01-01")
    assert any("01.01.2029" in line for line in later.summary("ru"))
    assert "since" not in any_day.provenance.settings
    assert any_day.to_json() == cdx.recommend(found, catalogue(old, new)).to_json()


def test_wishes_decide_between_equals_and_are_answered() -> None:
    found = profiles(PHY_S_01=["confirmed"])
    two = programme("a", ("PHY.S.01", 10)), programme("b", ("PHY.S.01", 9.5)), programme("c", ("PHY.S.02", 9))
    asked = cdx.recommend(found, catalogue(*two), wishes={"1": ["b", "c"]})
    assert chosen(asked) == ["b"]
    assert asked.unmet == {"1": {"c": "not_needed"}}
    assert asked.closes.max() == pytest.approx(9.5, abs=0.01)
    weak = cdx.recommend(found, catalogue(two[0], programme("d", ("PHY.S.01", 3))), wishes={"1": ["d"]})
    assert (chosen(weak), weak.unmet) == (["a"], {"1": {"d": "closes_less"}})
    both = profiles(PHY_S_01=["confirmed"], PHY_S_02=["confirmed"])
    heavy = cdx.recommend(both, catalogue(two[0], two[2]), hours=10, weights={"PHY.S.02": 3})
    assert chosen(heavy) == ["c"]


def test_seats_go_where_they_close_most_and_the_rest_wait_in_order_of_need() -> None:
    found = profiles(PHY_S_01=["confirmed"] * 4)
    percent = found.percent.copy()
    percent[:, [c.code for c in found.competencies].index("PHY.S.01")] = [55, 30, 58, 45]
    found = replace(found, percent=percent, percent_low=percent - 5, percent_high=percent + 5)
    routes = cdx.recommend(found, catalogue(programme("one", ("PHY.S.01", 60), seats=1)))
    assert routes.to_frame()["person"].tolist() == ["2"]
    assert routes.waiting == {"one": ("4", "1", "3")}
    limited = catalogue(programme("one", ("PHY.S.01", 60), price=10, seats=3))
    assert cdx.recommend(found, limited, budget=25).waiting == {}  # of three seats two are taken
    poor = cdx.recommend(found, catalogue(programme("one", ("PHY.S.01", 60), price=10)), budget=25)
    assert sorted(poor.to_frame()["person"]) == ["2", "4"]
    assert poor.waiting == {}
    same = replace(found, percent=np.full_like(percent, 40.0), percent_low=percent * 0 + 35, percent_high=percent * 0 + 45)
    tied = [
        cdx.recommend(one, catalogue(programme("one", ("PHY.S.01", 60), seats=0))).waiting["one"]
        for one in (same, same.select(["3", "1", "4", "2"]))
    ]
    assert tied[0] == tied[1]  # by the person's id alone


def test_a_person_alone_has_the_route_of_the_table_and_twice_the_same_bytes() -> None:
    whole = load_catalogue("synthetic")
    free = whole.model_copy(update={"programmes": tuple(p.model_copy(update={"seats": None}) for p in whole.programmes)})
    made = diagnosed("mathematics", 12)
    together = cdx.recommend(made, free)
    assert together.to_json() == cdx.recommend(made, free).to_json()
    for person in made.persons[:6]:
        alone = cdx.recommend(made.select([person]), free).to_frame()
        table = together.to_frame()
        assert alone.values.tolist() == table[table["person"] == person].values.tolist()


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    cdx.recommend(diagnosed("mathematics", 60), load_catalogue("synthetic"), budget=200_000)
    assert capfd.readouterr() == ("", "")


def test_findings_say_what_the_numbers_rest_on() -> None:
    routes = cdx.recommend(diagnosed("mathematics", 12), load_catalogue("synthetic"))
    assert [f.code for f in routes.findings] == ["routes.synthetic", "routes.assumed", "routes.nothing_unseen"]
    effect = Effect(competency="PHY.S.01", gain=9, status="measured")
    measured = programme("m", ("PHY.S.01", 9)).model_copy(update={"brings": (effect,)})
    assert not cdx.recommend(replace(profiles(PHY_S_01=["not_found"])), catalogue(measured)).findings


def test_the_shipped_catalogue_is_synthetic_and_serves_every_category() -> None:
    whole = load_catalogue("synthetic")
    framework = cdx.load_framework("teacher")
    assert whole.synthetic
    assert len(whole.programmes) >= 120
    live = {n.code for n in framework.nodes if n.kind == "category" and not n.replaced_by} - {"GEN"}
    served = {c for one in whole.programmes for c in one.categories}
    assert served == live
    assert len(served) >= 13
    assert {one.kind for one in whole.programmes} == {"programme", "internship", "mentoring", "community", "self_study"}
    for code in served:
        mine = {e.competency for one in whole.programmes if code in one.categories for e in one.brings}
        leaves = {n.code for n in framework.nodes if n.kind == "domain" and framework.within(n.code, code)}
        assert mine == leaves, code
    assert all(e.status == "assumed" for one in whole.programmes for e in one.brings)


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    found = profiles(PHY_S_01=["confirmed"])
    good = programme("a", ("PHY.S.01", 5))
    calls: list[tuple[str, Any]] = [
        ("routes.unknown", lambda: cdx.recommend(found, catalogue(programme("a", ("PHY.X", 5))))),
        ("routes.unknown", lambda: cdx.recommend(found, catalogue(programme("a", ("PEO.S.01", 5))))),
        ("routes.unknown", lambda: cdx.recommend(found, catalogue(good), weights={"PHY.X": 1})),
        ("routes.unknown", lambda: cdx.recommend(found, catalogue(good), wishes={"nobody": ["a"]})),
        ("routes.unknown", lambda: cdx.recommend(found, catalogue(good), wishes={"1": ["b"]})),
        ("routes.negative", lambda: cdx.recommend(found, catalogue(good), hours=-1)),
        ("routes.nobody", lambda: cdx.recommend(found.select([]), catalogue(good))),
        ("errors.argument", lambda: cdx.recommend(found, catalogue(good), weights={"PHY.S.01": float("nan")})),
        ("routes.negative", lambda: cdx.recommend(found, catalogue(good), weights={"PHY.S.01": -1.0})),
        ("errors.argument", lambda: cdx.recommend(found, {"programmes": []})),  # type: ignore[arg-type]
    ]
    for code, call in calls:
        with pytest.raises(RouteError) as caught:
            call()
        assert caught.value.code == code
    document = catalogue(good).model_dump(mode="json", exclude_none=True)
    for change, told in (
        ({"programmes": [document["programmes"][0]] * 2}, "named twice: a"),
        ({"programmes": [document["programmes"][0] | {"start": "2027-01-05"}]}, "starts 2027-01-05 and ends None"),
        ({"programmes": [document["programmes"][0] | {"brings": document["programmes"][0]["brings"] * 2}]}, "PHY.S.01"),
        ({"programmes": [document["programmes"][0] | {"hours": -1}]}, r"programmes\[0\]\.hours"),
        ({"surprise": 1}, "surprise"),
    ):
        (tmp_path / "own.json").write_text(json.dumps(document | change), encoding="utf-8")
        with pytest.raises(BankError, match=told):
            load_catalogue(tmp_path / "own.json")
    (tmp_path / "own.json").write_text(json.dumps(document), encoding="utf-8")
    assert load_catalogue(str(tmp_path / "own.json")).digest == catalogue(good).digest
    with pytest.raises(BankError, match="no catalogue of programmes 'none'"):
        load_catalogue("none")
    assert {*WHY} >= {"hours", "seats", "ask_again"}


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_a_catalogue_from_a_table_is_that_of_the_document(tmp_path: Path, ending: str) -> None:
    whole, path = load_catalogue("synthetic"), tmp_path / f"region{ending}"
    rows = []
    for one in whole.programmes:
        titles, groups = {"title_ru": one.title.ru, "title_en": one.title.en}, {"categories": ", ".join(one.categories)}
        said = one.model_dump(exclude={"title", "categories", "brings"})
        rows += [{**said, **titles, **groups, **effect.model_dump()} for effect in one.brings]
    table = pd.DataFrame(rows)
    if ending == ".csv":
        table.to_csv(path, index=False, sep=";", decimal=",", encoding="cp1251")
    else:
        table.to_excel(path, index=False)
    found = load_catalogue(path)
    assert found.programmes == whole.programmes
    assert found.id == "region"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_workbook_of_the_shipped_catalogue_is_read_as_the_same(tmp_path: Path, language: Any) -> None:
    whole = load_catalogue("synthetic")
    path = save_catalogue_workbook(whole, tmp_path / "to_fill_in.xlsx", language=language)
    again = load_catalogue(path)
    assert again == whole
    assert again.digest == whole.digest
    assert path.read_bytes() == save_catalogue_workbook(whole, tmp_path / "b.xlsx", language=language).read_bytes()
    heads = [str(c) for c in pd.read_excel(path, engine="openpyxl").columns]
    assert all(re.search("[а-я]", head) for head in heads) == (language == "ru")
    dated = whole.model_copy(update={"since": date(2027, 2, 1)})
    assert load_catalogue(save_catalogue_workbook(dated, path, language=language)) == dated


WORDS = st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяABCDEFxyz ,.;:—-«»()/", min_size=1, max_size=20).map(lambda s: "К" + s.strip())
CODES = st.sampled_from(["MAT.S.01", "MAT.S.02", "MAT.M", "PHY.S.01", "GEN"])
SIZE = st.floats(0.001, 100, allow_nan=False) | st.just(4.406639019893031)  # of more figures than a spreadsheet keeps


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    made = []
    for k in range(draw(st.integers(1, 4))):
        brings = tuple(
            Effect(competency=code, gain=draw(SIZE), target=draw(SIZE), status=draw(st.sampled_from(["assumed", "measured"])))
            for code in draw(st.lists(CODES, min_size=1, unique=True))
        )
        day = draw(st.none() | st.dates(date(2000, 1, 1), date(2090, 1, 1)))
        when: dict[str, Any] = {"start": day, "end": day + timedelta(draw(st.integers(0, 90)))} if day else {}
        numbers: dict[str, Any] = {
            "hours": draw(SIZE),
            "price": draw(st.floats(0, 1e6)),
            "seats": draw(st.none() | st.integers(0, 500)),
        }
        words: dict[str, Any] = {
            "kind": draw(st.sampled_from(["programme", "internship", "mentoring", "community", "self_study"])),
            "format": draw(st.sampled_from(["in_person", "online", "mixed"])),
            "layer": draw(st.sampled_from(["core", "typical", "regional"])),
            "registry_id": draw(st.sampled_from(["", "007", "77-ПК/1", "1e5"])),
            "categories": tuple(draw(st.lists(st.sampled_from(["MAT", "PHY"]), unique=True))),
        }
        title = Text(ru=draw(WORDS), en=draw(st.none() | WORDS))
        made.append(Programme(id=f"{k:03}", title=title, brings=brings, **numbers, **when, **words))
    facts: dict[str, Any] = {"note": draw(st.none() | WORDS.map(lambda s: Text(ru=s))), "synthetic": draw(st.booleans())}
    return Catalogue(
        id="own",
        version=draw(st.sampled_from(["1", "1.0", "2027.10", "0.10"])),
        title=Text(ru=draw(WORDS)),
        programmes=tuple(made),
        **facts,
    )


@settings(max_examples=25, deadline=None)
@given(made=catalogues(), language=st.sampled_from(["ru", "en"]))
def test_a_workbook_of_any_catalogue_is_read_as_the_same(made: Catalogue, language: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("made") / "own.xlsx"
    assert load_catalogue(save_catalogue_workbook(made, path, language=language)) == made


def test_what_a_workbook_cannot_hold_is_named_and_not_written(tmp_path: Path) -> None:
    long = catalogue(programme("a", ("PHY.S.01", 5)).model_copy(update={"title": Text(ru="я" * 40_000)}))
    edges = catalogue(programme("b ", ("PHY.S.01", 5)))
    for made, path, code in (
        (long, "own.xlsx", "workbook_loses"),
        (edges, "own.xlsx", "workbook_loses"),
        (catalogue(programme("c", ("PHY.S.01", 5))), "own.csv", "workbook_name"),
    ):
        with pytest.raises(BankError) as caught:
            save_catalogue_workbook(made, tmp_path / path)
        assert caught.value.code == f"routes.{code}"
        assert not (tmp_path / path).exists()


HEAD = "id,title_ru,kind,hours,price,seats,categories,competency,gain"
RUSSIAN = 'Код программы,Название,Вид,Часы,"Цена, руб.",Мест,Категории,Компетенция,Прибавляет,Начало,Конец'


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([HEAD, "p,П,programme,8,0,,MAT,MAT.S.01,много"], "row 2, programme p, column gain is 'много'"),
        ([HEAD, "p,П,programme,8,0,,MAT,MAT.S.01,5", "q,К,programme,x,0,,MAT,MAT.S.02,5"], "row 3, programme q, column hours is 'x'"),
        ([HEAD, "p,П,programme,8,0,,MAT,MAT.S.01,5", "p,П,programme,8,0,,MAT,MAT.S.02,0"], "row 3, programme p, column gain"),
        ([f"{HEAD},start", "p,П,programme,8,0,,MAT,MAT.S.01,5,2027-01-01"], "row 2, programme p: Programme p starts"),
        ([HEAD, "p,П,прогулка,8,0,,MAT,MAT.S.01,5"], "row 2, programme p, column kind: 'прогулка'; expected programme; internship"),
        ([HEAD, "p,П,programme,8,0,,MATH,MAT.S.01,5"], "no such codes: row 2, programme p, column categories: MATH"),
        ([HEAD, "p,П,programme,8,0,,MAT,MAT.S.99,5"], r"no such codes: row 2, programme p, column competency: MAT\.S\.99"),
        (["когда,title_ru", "1,П"], "columns that no catalogue has: когда"),
        (["id,код,title_ru", "1,1,П"], "named twice: id"),
        *(
            ([HEAD, "p,П,programme,8,0,3,MAT,MAT.S.01,5", f"p,{row},MAT.S.02,5"], f"row 3, programme p, column {name}")
            for name, row in {
                "hours": "П,programme,72,0,3,MAT",
                "price": "П,programme,8,1,3,MAT",
                "seats": "П,programme,8,0,25,MAT",
                "kind": "П,internship,8,0,3,MAT",
                "categories": "П,programme,8,0,3,PHY",
                "title_ru": "К,programme,8,0,3,MAT",
            }.items()
        ),
    ],
)
def test_a_table_says_which_cell_is_wrong(tmp_path: Path, rows: list[str], told: str) -> None:
    path = tmp_path / "region.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(BankError, match=told) as caught:
        load_catalogue(path)
    assert "at least 1, found 0" not in str(caught.value)
    assert "строка" in caught.value.text("ru") or "строка" not in told
    assert not re.search("programmes|brings|expected", caught.value.text("ru"))


@pytest.mark.parametrize(("above", "between"), [(0, 0), (0, 2), (3, 1)])
def test_rows_are_those_of_the_sheet_and_headings_as_they_are_typed(tmp_path: Path, above: int, between: int) -> None:
    path, heads = tmp_path / "region.xlsx", ["Код", "Название", "Вид", "Объём", "Компетенция", "Прибавляет"]
    good, wrong = (["p", "Курс Иванова Ивана Ивановича", "курс", hours, "MAT.S.01", 5] for hours in (36, "много"))
    none = [[None] * 6]
    rows = none * above + [heads, good] + none * between + [["q", *wrong[1:]]]
    pd.DataFrame(rows).to_excel(path, index=False, header=False)
    with pytest.raises(BankError, match=f"row {above + between + 3}, programme q, column Объём") as caught:
        load_catalogue(path)
    assert f"строка {above + between + 3}, программа q, столбец «Объём»" in caught.value.text("ru")


def test_a_table_of_russian_words_dates_and_numbers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "region.csv"
    said = 'П-1,Курс,Курс,36,6 500,25,MAT,{},"12,5",01.02.2027,3.3.2027'
    path.write_text("\n".join([RUSSIAN, said.format("MAT.S.01"), "П-1,,,,,,,MAT.S.02,3,,"]), encoding="utf-8")
    [one] = load_catalogue(path).programmes
    assert (one.id, one.title.ru, one.kind, one.hours, one.price, one.seats) == ("П-1", "Курс", "programme", 36, 6500, 25)
    assert (one.start, one.end, one.categories) == (date(2027, 2, 1), date(2027, 3, 3), ("MAT",))
    assert [(e.competency, e.gain) for e in one.brings] == [("MAT.S.01", 12.5), ("MAT.S.02", 3)]


@pytest.mark.parametrize(("field", "code"), [("categories", "MATH"), ("categories", "MAT.S"), ("competency", "MAT.S.99")])
def test_codes_of_a_catalogue_are_those_of_its_framework(tmp_path: Path, field: str, code: str) -> None:
    document = catalogue(programme("a", ("PHY.S.01", 5))).model_dump(mode="json", exclude_none=True)
    document["programmes"][0] |= {"categories": [code]} if field == "categories" else {"brings": [{"competency": code, "gain": 5}]}
    (tmp_path / "own.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(BankError, match=f"a: {code}") as caught:
        load_catalogue(tmp_path / "own.json")
    assert caught.value.code == "routes.codes"
    with pytest.raises(RouteError, match=f"a: {code}"):
        cdx.recommend(profiles(PHY_S_01=["confirmed"]), Catalogue.model_validate(document))


def best_of_all(problem: RouteProblem) -> float:
    """Return what all persons reach at most: one integer program over all possible routes of each, by the definitions."""
    K, D = problem.closes.shape[1:]
    columns = [(p, r) for p in range(len(problem.open)) for r in product(range(-1, K), repeat=D) if possible(problem, p, r)]
    seats, prices = [one.seats for one in problem.programmes], [one.price for one in problem.programmes]
    of = [[float(p == q) for p, _ in columns] for q in range(len(problem.open))]
    of += [[float(k in r) for _, r in columns] for k in range(K) if seats[k] is not None]
    of += [[(problem.payer[p] == b) * sum(prices[k] for k in {*r} - {-1}) for p, r in columns] for b in range(len(problem.budget))]
    upper = [*[1.0] * len(problem.open), *(n for n in seats if n is not None), *np.minimum(problem.budget, 1e6)]
    value = np.array([worth(problem, p, r) for p, r in columns])
    exact: Any = {"mip_rel_gap": 1e-9}
    whole = np.ones(len(value), dtype=np.int64)
    found: Any = milp(-value, integrality=whole, constraints=LinearConstraint(of, -np.inf, upper), options=exact)
    return -float(found.fun)


def held_to_limits(problem: RouteProblem, chosen: NDArray[np.int64], gap: float) -> float:
    """Return what routes reach that are all possible and within what is shared."""
    reached = sum(worth(problem, p, tuple(row)) for p, row in enumerate(chosen.tolist()))
    assert all(possible(problem, p, tuple(row)) for p, row in enumerate(chosen.tolist()))
    assert all((left >= -1e-9).all() for left in problem.left(chosen))
    assert 0 <= gap <= 1
    return reached


@pytest.mark.parametrize(("seed", "purses"), [(0, 1), (1, 1), (2, 3), (3, 5)])
def test_prices_divide_seats_and_budgets_as_well_as_one_program_over_all(seed: int, purses: int) -> None:
    problem = drawn_problem(seed, 12, 5, 3, purses)
    problem = problem._replace(budget=np.array([60.0, 20.0, np.inf, 0.0, 10.0])[:purses])
    chosen, _, gap = allocate(problem)
    assert held_to_limits(problem, chosen, gap) == pytest.approx(best_of_all(problem), abs=1e-5)
    assert gap < 1e-5


@pytest.mark.parametrize("seed", range(12))
def test_where_not_all_sets_are_tried_the_gap_says_what_may_be_missed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The widths are those of few sets, so that most of them are never looked at."""
    monkeypatch.setattr(allocation, "FEW", 0)
    monkeypatch.setattr(allocation, "KEPT", 1 + seed % 3)
    monkeypatch.setattr(allocation, "LEAST", 1 + seed % 3)
    monkeypatch.setattr(allocation, "STATES", 0)
    problem = drawn_problem(seed, 6, 5, 3, 1 + seed % 2)
    chosen, alone, gap = allocate(problem)
    reached, most = held_to_limits(problem, chosen, gap), best_of_all(problem)
    assert reached <= most + 1e-6
    assert reached >= most * (1 - gap) - 1e-6
    assert reached >= 0.8 * most
    assert all(possible(problem, p, tuple(row)) for p, row in enumerate(alone.tolist()))


def test_more_hours_close_no_less_where_seats_are_scarce(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits into few hours fits into many: prices of seats that are wrong at first must not hide it."""
    monkeypatch.setattr(allocation, "LEAST", 8)
    monkeypatch.setattr(allocation, "STATES", 0)
    rng, P, K, D = np.random.default_rng(5), 60, 66, 8
    seats = [(float(rng.integers(2, 10)), int(rng.integers(1, 4))) for _ in range(K)]
    made = tuple(programme(f"p{k}", ("PHY.S", 1), hours=hours, kind="self_study", seats=n) for k, (hours, n) in enumerate(seats))
    for_ = (rng.integers(D, size=(1, K, 1)) + np.arange(D)) % D < rng.integers(1, 5, (1, K, 1))
    closes = np.where(for_ & (rng.random((P, 1, D)) < 0.7), rng.gamma(2, 3, (P, 1, D)) * rng.random((1, K, 1)), 0.0)
    none, limits = np.zeros((D, D), dtype=np.bool_), (10.0, np.inf, np.array([np.inf]))
    short = RouteProblem(made, closes, np.asarray(closes.any(axis=1)), none, none, *limits, np.zeros(P, dtype=np.int64))
    found = [(problem, *allocate(problem)) for problem in (short, short._replace(hours=np.inf))]
    few, many = (held_to_limits(problem, chosen, gap) for problem, chosen, _, gap in found)
    assert many >= few > 0


@pytest.mark.parametrize("few", [0, 64])
def test_routes_do_not_depend_on_the_order_of_the_persons(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "FEW", few)
    found, whole = diagnosed("mathematics", 24), load_catalogue("synthetic")
    scarce = whole.model_copy(update={"programmes": tuple(p.model_copy(update={"seats": 3}) for p in whole.programmes)})
    shuffled = found.select([str(p) for p in np.random.default_rng(few).permutation(found.persons)])
    one, two = (cdx.recommend(x, scarce, budget=90_000).to_frame().sort_values(["person", "place"]) for x in (found, shuffled))
    assert one.reset_index(drop=True).equals(two.reset_index(drop=True))


@pytest.mark.parametrize("seed", range(4))
def test_each_place_pays_for_its_own_and_what_binds_is_told(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    found, whole = diagnosed("mathematics", 40), load_catalogue("synthetic")
    town = rng.choice(["север", "юг", "", "запад"], 40).astype(object)
    found = replace(found, background={"town": town})
    money = {"север": float(rng.integers(0, 60_000)), "юг": np.inf, "": float(rng.integers(0, 60_000))}
    routes = cdx.recommend(found, whole, hours=60, budget={"town": money}, wishes={str(p): ["MAT-01"] for p in found.persons})
    table, places = routes.to_frame(), routes.places_frame().set_index("group")
    place = dict(zip(map(str, found.persons), town, strict=True))
    spent = table.groupby(table["person"].map(place))["price"].sum().reindex(["север", "юг", "", "запад"]).fillna(0.0)
    assert places["spent"].to_dict() == pytest.approx(spent.to_dict())
    assert all(spent[name] <= money.get(name, 0.0) + 1e-9 for name in spent.index)
    queue = [place[x] for x in {*chain(*routes.waiting.values())}]
    assert places["waiting"].tolist() == [queue.count(name) for name in places.index]
    assert places["waiting"].dtype == np.int64
    np.testing.assert_allclose(places["left"], [money.get(n, 0.0) - spent[n] if n != "юг" else np.nan for n in places.index])
    assert [f.scope for f in routes.findings if f.code == "routes.no_budget"] == [("запад",)]
    prices = {one.id: one.price for one in whole.programmes}
    taken = table["programme"].value_counts()
    full = {one.id for one in whole.programmes if one.seats is not None and taken.get(one.id, 0) >= one.seats}
    for programme, waiting in routes.waiting.items():
        for person in waiting:
            poor = place[person] != "юг" and prices[programme] > money.get(place[person], 0.0) - spent[place[person]]
            assert poor or programme in full
            assert programme not in set(table.loc[table["person"] == person, "programme"])
    for person, refused in routes.unmet.items():
        for programme, told in refused.items():
            if told == "place_budget":
                assert place[person] != "юг"
                assert prices[programme] > money.get(place[person], 0.0) - spent[place[person]]
    assert "budget" not in {*routes.reasons_frame()["why"]}
    assert type(routes).from_json(routes.to_json()).to_json() == routes.to_json()
    cdx.report(routes, tmp_path, language="en")
    page = (tmp_path / "index.html").read_text(encoding="utf-8").replace("\u202f", " ").replace("\u00a0", " ").replace(",", "")
    assert "Budgets of places" in page
    assert all(f"{spent[name]:.0f}" in page for name in routes.demand(routes, "town")["group"] if name)


def test_budgets_of_places_are_those_of_one_budget_where_there_is_one_place_and_mistakes_are_named() -> None:
    found, whole = diagnosed("mathematics", 40), load_catalogue("synthetic")
    found = replace(found, background={"town": np.array(["a"] * 40, dtype=object), "zone": np.array(["x"] * 40, dtype=object)})
    one, of_place = cdx.recommend(found, whole, budget=50_000.0), cdx.recommend(found, whole, budget={"town": {"a": 50_000.0}})
    assert one.to_frame().equals(of_place.to_frame())
    assert one.places_frame().empty
    calls: list[tuple[str, Any]] = [
        ("routes.one_column", {}),
        ("routes.one_column", {"town": {"a": 1.0}, "zone": {"x": 1.0}}),
        ("routes.no_column", {"city": {"a": 1.0}}),
        ("routes.unknown", {"town": {"b": 1.0}}),
        ("routes.negative", {"town": {"a": -1.0}}),
        ("errors.argument", {"a": 1.0}),
    ]
    for code, budget in calls:
        with pytest.raises(RouteError) as caught:
            cdx.recommend(found, whole, budget=budget)
        assert caught.value.code == code


def test_with_more_money_of_the_place_alone_the_one_who_waits_gets_it() -> None:
    found = profiles(PHY_S_01=["confirmed"] * 4)
    found = replace(found, background={"town": np.array(["a", "a", "b", "b"], dtype=object)})
    offered = catalogue(programme("one", ("PHY.S.01", 60), price=10))
    poor = cdx.recommend(found, offered, budget={"town": {"a": 10.0, "b": 20.0}}, wishes={str(p): ["one"] for p in found.persons})
    [waits] = poor.waiting["one"]
    assert poor.unmet[waits] == {"one": "place_budget"}
    assert why(poor, waits) == {"PHY.S.01": "place_budget"}
    assert poor.places_frame()[["group", "spent", "left", "waiting"]].to_numpy().tolist() == [["a", 10.0, 0.0, 1], ["b", 20.0, 0.0, 0]]
    rich = cdx.recommend(found, offered, budget={"town": {"a": 20.0, "b": 20.0}})
    assert rich.waiting == {}
    assert set(rich.to_frame()["person"]) == set(found.persons)


def cohort(n: int = 6) -> tuple[cdx.DeficitProfiles, cdx.routes.Routes]:
    """Return persons of whom every second has a deficit in PHY.S.01 and the others a strength, with routes that have no programme."""
    found = profiles(PHY_S_01=["confirmed", "not_found"] * (n // 2))
    at = found.index("PHY.S.01")
    strength = np.full(found.state.shape, STATES.index("not_found"))
    strength[1::2, at] = STATES.index("confirmed")
    strength[0, found.index("PHY.S.02")] = STATES.index("confirmed")
    town = np.array(["a", "a", "b", "b", "", ""] * (n // 6), dtype=object)
    found = replace(
        found, strength=strength, background={"town": town, "agrees": np.array(["", "да", "нет", "2", "-", "+"] * (n // 6))}
    )
    return found, cdx.recommend(found, catalogue(programme("other", ("PHY.S.02", 5))))


@pytest.mark.parametrize("sizes", [(12, 12, 3), (12, 12, 3, 3, 9), (30,), (9, 9), (12, 14, 20), (15, 3, 2), (10, 9, 11)])
def test_hours_of_places_add_up_and_small_places_cannot_be_computed(sizes: tuple[int, ...]) -> None:
    found = profiles(PHY_S_01=["confirmed", "likely", "not_found"] * 20).select([str(k + 1) for k in range(sum(sizes))])
    place = np.repeat([f"m{k}" for k in range(len(sizes))], sizes).astype(object)
    found = replace(found, background={"place": place})
    routes = cdx.recommend(found, catalogue(programme("a", ("PHY.S.01", 9), kind="self_study", hours=8)))
    table = routes.demand(found, "place")
    assert list(table["group"])[: len(found) >= 10] == [""] * (len(found) >= 10)
    taken = (routes.steps >= 0).sum(axis=1)
    for row in table.to_dict("records"):
        rows = np.flatnonzero(place == row["group"]) if row["group"] else np.arange(len(found))
        assert (row["persons"], row["steps"], row["hours"]) == (len(rows), taken[rows].sum(), 8 * taken[rows].sum())
        assert 0 <= row["hours_low"] <= row["hours_expected"] <= row["hours_high"] <= row["hours"]
        assert row["hours_expected"] == pytest.approx(8 * found.p_deficit[:, found.index("PHY.S.01")][rows][taken[rows] > 0].sum())
    hidden = [n for k, n in enumerate(sizes) if f"m{k}" not in set(table["group"])]
    assert all(n >= 10 or n in hidden for n in sizes)
    assert not hidden or (len(hidden) > 1 and sum(hidden) >= 10) or len(hidden) == len(sizes)
    if min(sizes) >= 10:
        assert not hidden


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("vwxyz ")), min_size=12, max_size=60), st.sampled_from([3, 5, 10]))
@settings(max_examples=15, deadline=None)
def test_tables_of_several_columns_together_tell_of_no_few_persons(places: list[tuple[str, str]], smallest: int) -> None:
    found = profiles(PHY_S_01=["confirmed", "likely", "not_found"] * 20).select([str(k + 1) for k in range(len(places))])
    columns = {name: np.array([place[k].strip() for place in places], dtype=object) for k, name in enumerate(("town", "school"))}
    found = replace(found, background=columns)
    routes = cdx.recommend(found, catalogue(programme("a", ("PHY.S.01", 9), kind="self_study", hours=8)))
    tables = []
    for by, column in columns.items():
        told = routes.demand(found, by, smallest=smallest, beside=["school", "town"])["group"].tolist()[1:]
        names, codes = np.unique(column.astype(str), return_inverse=True)
        tables.append((codes, np.isin(names, told)))
    assert fewest_persons(tables, smallest) >= smallest - 1e-6


@pytest.mark.parametrize("answered", [0, 1, 9, 10, 12])
def test_who_answered_nothing_counts_in_no_size_no_row_and_no_place_of_a_page(answered: int, tmp_path: Path) -> None:
    found = profiles(PHY_S_01=["confirmed", "likely"] * 21)
    place = np.repeat(["a", "b", "c"], [15, 15, 12]).astype(object)
    n_items = np.where((np.arange(42) < 30 + answered)[:, None], found.n_items, 0)  # of c the last have no answer
    found = replace(found, background={"place": place}, n_items=n_items)
    offered = catalogue(programme("a", ("PHY.S.01", 9), kind="self_study", hours=8, price=10))
    routes = cdx.recommend(found, offered, budget={"place": dict.fromkeys("abc", 500.0)})
    here = found.select(found.persons[: 30 + answered].tolist())
    those = cdx.recommend(here, offered)
    assert routes.demand(found, "place").equals(those.demand(here, "place"))
    assert routes.peers(found, "place").equals(those.peers(here, "place"))
    shown = those.demand(here, "place")["group"].tolist()[1:]
    assert ("c" in shown) == (answered >= 10)
    for language, title in (("ru", "Бюджеты территорий"), ("en", "Budgets of places")):
        page = cdx.report(routes, tmp_path / "r.html", language=language).read_text("utf-8")  # type: ignore[arg-type]
        assert re.findall(r'<th scope="row">(\w)', page[page.index('id="places-table"') :].partition("</table>")[0]) == shown
        book = load_workbook(cdx.report(routes, tmp_path / "r.xlsx", language=language))  # type: ignore[arg-type]
        assert [row[0] for row in [*book[title].values][1:]] == shown
    assert routes.places_frame()["persons"].tolist() == [15, 15, answered]


def test_a_missing_column_is_named_with_a_remedy_where_there_is_no_background_either() -> None:
    found, offered = replace(cohort()[0], background={}), catalogue(programme("other", ("PHY.S.02", 5)))
    with pytest.raises(RouteError, match=r"no columns м; those it has: none\. .*diagnose a table"):
        cdx.recommend(found, offered, budget={"м": {"a": 1.0}})


def test_demand_is_of_the_persons_of_the_routes() -> None:
    found, routes = cohort(12)
    with pytest.raises(RouteError, match="no columns school"):
        routes.demand(found, "school")
    with pytest.raises(RouteError, match="other persons"):
        routes.demand(found.select(["1"]), "town")


def test_peers_are_those_of_one_place_with_one_deficit() -> None:
    found, routes = cohort(12)
    table, short = routes.peers(found, "town"), {str(p) for p in found.persons[found.state[:, found.index("PHY.S.01")] < 2]}
    towns = found.background["town"].tolist()
    assert set(table["competency"]) == {"PHY.S.01"}
    for town, n, persons in table[["group", "n", "persons"]].itertuples(index=False):
        alike = [str(p) for p, of in zip(found.persons, towns, strict=True) if of == town and str(p) in short]
        assert (persons.split(", "), n) == (alike, len(alike))
        assert town
    with pytest.raises(RouteError, match="no columns school"):
        routes.peers(found, "school")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_page_and_workbook_tell_demand_and_peers_of_places_kept(tmp_path: Path, language: Any) -> None:
    found, plain = cohort(12)
    routes = plain.with_places(found, "town")
    for table in ("demand", "peers"):
        assert getattr(routes, table)(routes, "town").equals(getattr(plain, table)(found, "town"))
        with pytest.raises(RouteError, match="no columns town"):
            getattr(plain, table)(plain, "town")
    again = type(routes).from_json(routes.to_json())
    assert again.background["town"].tolist() == found.background["town"].tolist()
    without, page = (cdx.report(x, tmp_path / f"{k}.html", language=language).read_text("utf-8") for k, x in enumerate((plain, again)))
    assert 'id="by-1"' in page
    assert 'id="by-1"' not in without
    book = load_workbook(cdx.report(again, tmp_path / "r.xlsx", language=language))
    hours, peers = ([*book[name].values] for name in book.sheetnames if name.endswith(" 1"))
    assert len(hours) == 1 + len(plain.demand(found, "town"))
    assert [row[3] for row in peers[1:]] == plain.peers(found, "town")["persons"].tolist()


def mentors(routes: cdx.routes.Routes) -> dict[str, str]:
    return {person: mentor for person, mentor in routes.mentors_frame()[["person", "mentor"]].values.tolist() if mentor}


def test_a_mentor_is_strong_where_the_person_has_a_deficit_and_agreed_to_it() -> None:
    found, routes = cohort()
    assert routes.mentors_frame().empty
    out = routes.with_mentors(found, ["2", "4"], mentees=1)
    assert mentors(out).keys() <= {"1", "3", "5"}
    assert sorted(mentors(out).values()) == ["2", "4"]
    assert set(out.mentors_frame()["competency"]) == {"PHY.S.01", ""}
    assert mentors(routes.with_mentors(found, [])) == {}
    assert mentors(routes.with_mentors(found, ["1", "3", "5"])) == {}  # strong in what nobody needs, or in nothing
    assert out.to_frame().equals(routes.to_frame())
    assert (out.closes == routes.closes).all()


def test_no_mentor_has_more_mentees_than_agreed_and_neighbours_come_first() -> None:
    found, routes = cohort(12)
    for taken in range(4):
        out = routes.with_mentors(found, {"2": taken, "4": 1})
        counts = pd.Series(mentors(out)).value_counts()
        assert counts.get("2", 0) == min(taken, 5)
        assert counts.get("4", 0) == 1
    near = mentors(cohort()[1].with_mentors(cohort()[0], {"2": 1, "4": 1, "6": 1}, near=["town"]))
    assert near == {"1": "2", "3": "4", "5": "6"}
    for yes in (True, np.True_, "TRUE", "да"):  # a column is read as texts
        said = replace(cohort()[0], background={"agrees": np.array([yes, yes, "", "", "", ""], dtype=object)})
        assert len(mentors(cohort()[1].with_mentors(said, "agrees"))) == 2
    by_column = mentors(cohort()[1].with_mentors(cohort()[0], "agrees", mentees=1))
    assert set(by_column.values()) <= {"2", "4", "6"}
    assert len(by_column) == 3


def test_mentors_do_not_depend_on_the_order_of_the_table() -> None:
    found, _ = cohort(12)
    programmes = catalogue(programme("other", ("PHY.S.02", 5)))
    shuffled = found.select([str(p) for p in np.random.default_rng(0).permutation(found.persons)])
    agreed = {"2": 1, "4": 2, "6": 1}
    one, two = (cdx.recommend(x, programmes).with_mentors(x, agreed, near=["town"]) for x in (found, shuffled))
    assert mentors(one) == mentors(two)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_mentors_could_help_with_more_and_what_keeps_others_out_is_told(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    need, strong = rng.gamma(1, 9, (4, 3)) * (rng.random((4, 3)) < 0.7), rng.random((4, 3)) < 0.4
    room, persons, town = rng.integers(0, 3, 4), names(range(4)), names(rng.integers(0, 2, 4))
    monkeypatch.setattr("competency_dx.routes.mentors.LED", int(rng.integers(1, 3)))  # places are added while they are taken
    methodist = rng.random(4) < 0.4
    elsewhere = methodist & (town[:, None] != town)
    possible = (need @ strong.T) * (1 + NEAR * (town[:, None] == town)) * ~np.eye(4, dtype=bool)
    worth = possible * ~elsewhere

    def total(mentor: tuple[int, ...]) -> float:
        return float(sum(worth[p, m] for p, m in enumerate(mentor) if m >= 0))

    every = [m for m in product(range(-1, 4), repeat=4) if all(m.count(k) <= room[k] for k in range(4))]
    mentor, other, why = offered(need, strong, room, persons, near=[town], methodist=methodist)
    assert total(tuple(mentor.tolist())) == pytest.approx(max(map(total, every)))
    load = np.bincount(mentor[mentor >= 0], minlength=4)
    assert (load <= room).all()
    assert not elsewhere[np.arange(4)[mentor >= 0], mentor[mentor >= 0]].any()
    for p, (m, k) in enumerate(zip(mentor, other, strict=True)):
        able = [q for q in range(4) if q != m and possible[p, q] > 0]
        rest, told = [q for q in able if room[q] > 0], NOT_OFFERED[why[p]]
        if not rest:  # nobody is named who did not agree
            assert (k, told) == (-1, "" if m >= 0 or not need[p].any() else "no_consent" if able else "nobody_strong")
            continue
        facts = {"other_territory": elsewhere[p, k], "no_place_left": load[k] >= room[k]}
        assert k in rest
        assert facts.get(told, load[k] < room[k])
        if m >= 0:
            assert worth[p, k] == max(worth[p, q] for q in rest)
            assert told not in {"helps_less", "farther", "as_good"} or worth[p, k] <= worth[p, m]
        else:  # the reason that binds: with one hindrance less there would be a mentor
            assert told == ("other_territory" if all(elsewhere[p, q] for q in rest) else "no_place_left")


def test_a_pair_says_how_sure_it_is_who_else_could_and_in_what_both_are_alike() -> None:
    found, routes = cohort(12)
    out = routes.with_mentors(found, {"4": 1}, near=["town"], methodists={"2": 9})
    at, frame = found.index("PHY.S.01"), out.mentors_frame()
    place = {str(p): k for k, p in enumerate(found.persons)}
    pairs = frame[frame["mentor"] != ""]
    assert {"methodist", "mentor"} == set(pairs["role"])
    for row in pairs.to_dict("records"):
        p, m = place[row["person"]], place[row["mentor"]]
        assert (row["p_strength"], row["p_deficit"]) == (found.p_strength[m, at], found.p_deficit[p, at])
        town = found.background["town"]
        assert row["near"] == ("town" if town[p] == town[m] != "" else "")
        assert row["role"] != "methodist" or town[p] == town[m] == "a"
    alone = frame[frame["mentor"] == ""].set_index("person")["not_offered"]
    assert set(alone) == {"no_place_left"}

    def asked(routes: cdx.routes.Routes, person: str) -> list[object]:
        rows = routes.candidates_frame()
        return rows.loc[rows["person"] == person, ["role", "territory", "room", "load"]].to_numpy().tolist()[0]

    assert asked(out, "2") == ["methodist", "a", 9, (pairs["mentor"] == "2").sum()]
    assert asked(out, "8")[0::2] == ["", 0]
    assert set(out.candidates_frame()["needed"]) == {0, 6}  # one is strong in what nobody needs
    assert set(routes.with_mentors(found, []).mentors_frame()["not_offered"]) == {"no_consent"}
    both = routes.with_mentors(found, {"2": 1}, near=["town"], methodists=["2"])
    assert asked(both, "2")[0::2] == ["methodist", 10]
    with pytest.raises(RouteError) as caught:
        routes.with_mentors(found, [], methodists=["2"])
    assert caught.value.code == "routes.no_territory"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_page_of_all_explains_pairs_and_that_of_a_person_what_keeps_mentors_away(language: Any, tmp_path: Path) -> None:
    found, routes = cohort(12)
    out = routes.with_mentors(found, [], near=["town"], methodists={"2": 9})
    cdx.report(out, tmp_path, language=language)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert {"ru": "ведёт другую территорию", "en": "other territory"}[language] in page
    assert page.count({"ru": "2 — методист", "en": "2 — methodist"}[language]) == 2
    table = page[page.index('id="mentors-table"') :].partition("</table>")[0]
    order = re.findall(r'<th scope="row">(\d+)', table)
    assert order == [p for p in found.persons.tolist() if p in order]  # of the table of answers, not of ids as texts
    assert {"9", "11"} <= {*order}
    alone = (tmp_path / "persons" / "3.html").read_text(encoding="utf-8")
    assert {"ru": "ведут другие территории", "en": "lead other territories"}[language] in alone
    sheets = pd.read_excel(tmp_path / "table.xlsx", sheet_name=None, engine="openpyxl")
    pairs = sheets[{"ru": "Наставники и методисты", "en": "Mentors and methodists"}[language]]
    others = sheets[{"ru": "Кто мог бы вести других", "en": "Who could lead others"}[language]]
    assert all(bool(re.search("[а-я]", head)) == (language == "ru") for head in [*pairs.columns, *others.columns])
    titled = cdx.report(cdx.recommend(found, load_catalogue("synthetic")), tmp_path / "own.xlsx", language=language)
    steps = pd.read_excel(titled, engine="openpyxl").to_string()
    assert bool(re.search("[а-я]", steps)) == (language == "ru")
    with pytest.raises(DocumentError, match="near"):
        type(out).from_json(json.dumps(json.loads(out.to_json()) | {"near": ["place"]}))


def test_consent_that_cannot_be_read_and_names_are_refused() -> None:
    found, routes = cohort()
    named = replace(found, persons=names(["1", "Мария Ивановна Петрова", "3", "4", "5", "6"]))
    of_named = cdx.recommend(named, catalogue(programme("other", ("PHY.S.02", 5))))
    unsure = replace(found, background={"agrees": np.array(["", "может быть", "", "", "", ""], dtype=object)})
    calls: list[tuple[str, Any]] = [
        ("routes.unknown", lambda: routes.with_mentors(found, ["nobody"])),
        ("routes.agreed", lambda: routes.with_mentors(found, {"2": -1})),
        ("routes.agreed", lambda: routes.with_mentors(unsure, "agrees")),
        ("routes.no_column", lambda: routes.with_mentors(found, "consent")),
        ("routes.no_column", lambda: routes.with_mentors(found, ["2"], near=["school"])),
        ("routes.other_profiles", lambda: routes.with_mentors(found.select(["2"]), ["2"])),
        ("routes.mentor_named", lambda: of_named.with_mentors(named, ["Мария Ивановна Петрова"])),
        ("errors.argument", lambda: routes.with_mentors(routes, ["2"])),  # type: ignore[arg-type]
    ]
    for code, call in calls:
        with pytest.raises(RouteError) as caught:
            call()
        assert caught.value.code == code


def test_a_draft_names_the_mentor_alone_and_the_mentor_how_many(tmp_path: Path) -> None:
    found, routes = cohort()
    ids = names([f"teacher-{p}" for p in "abcdef"])
    found, routes = replace(found, persons=ids), replace(routes, persons=ids, waiting={}, unmet={})
    out = routes.with_mentors(found, ["teacher-b"])
    assert out.findings[-1].facts == {"agreed": 1, "strong": 1, "persons": 2}
    cdx.report(out, tmp_path, language="en")
    pages = {p.stem: p.read_text(encoding="utf-8") for p in (tmp_path / "persons").iterdir()}
    for person in set(ids) - {"teacher-b"}:
        others = {other for other in ids if other != person and other in pages[person]}
        offered = person in mentors(out)
        assert others == ({"teacher-b"} if offered else set())
        assert ("need not say why" in pages[person]) == offered
    assert "is offered to 2 persons" in pages["teacher-b"].replace("\u00a0", " ")
    assert not [other for other in ids if other != "teacher-b" and other in pages["teacher-b"]]
    assert "a mentor is offered to 2 persons" in str(out)
    again = type(out).from_json(out.to_json())
    assert again.to_json() == out.to_json()
