"""Diagnosis from the joint posterior of all leaves: against brute force, and what must hold of any person's profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.arrays import Floats
from competency_dx.bank import BankPopulation, ItemBank
from competency_dx.competencies import STATES, STATUSES
from competency_dx.models import NormalPopulation

MakeBank = Callable[..., ItemBank]
Quiet = Callable[[], AbstractContextManager[None]]

ROWS = [
    ("A1", 1.0, (-1.0,), "S.1.1.1"),
    ("A2", 1.3, (0.0,), "S.1.1"),
    ("A3", 0.8, (-0.6, 0.9), "S.1.1"),
    ("B1", 1.2, (-0.5,), "S.1.2"),
    ("B2", 0.9, (0.3,), "S.1.2"),
    ("B3", 1.1, (1.0,), "S.1.2"),
    ("C1", 1.4, (-0.2,), "S.2.1"),
    ("C2", 1.0, (-0.9, -0.3, 0.8), "S.2.1"),
    ("C3", 1.0, (0.6,), "S.2.1"),
]
LEAVES = ("S.1.1", "S.1.2", "S.2.1")
CORRELATED = np.array([[1.0, 0.8, 0.7], [0.8, 1.0, 0.7], [0.7, 0.7, 1.0]])
RULE = cdx.DeficitRule()
ARRAYS = ("state", "strength", "level", "p_deficit", "p_strength", "percent", "percent_low", "percent_high", "theta", "se")
MORE = ("n_items", "own_share", "leans_on", "prmse", "reported_at", "status", "influence", "level_probability")


@pytest.fixture(scope="module")
def sure(scored_bank: MakeBank) -> ItemBank:
    return scored_bank(ROWS)


@pytest.fixture(scope="module")
def loose(scored_bank: MakeBank) -> ItemBank:
    return scored_bank(ROWS, se=0.8)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    """Return twelve persons from the weakest to the strongest, some with blanks."""
    rng = np.random.default_rng(8)
    top = np.array([len(b) for _, _, b, _ in ROWS])
    drawn = np.minimum(rng.integers(0, 4, (10, len(top))), top).astype(float)
    frame = pd.DataFrame(np.vstack([np.zeros(len(top)), drawn, top]), columns=[item for item, *_ in ROWS])
    frame.iloc[3, 1] = frame.iloc[4, 6:] = frame.iloc[5, :3] = np.nan
    return frame


def profiles(
    answers: pd.DataFrame, bank: ItemBank, *, rule: cdx.DeficitRule = RULE, population: BankPopulation | NormalPopulation | None = None
) -> cdx.DeficitProfiles:
    layout = cdx.Layout(items=tuple(answers.columns), cells="scored")
    return cdx.diagnose(cdx.load_responses(answers, layout=layout, bank=bank), bank, rule=rule, population=population)


class BruteForce:
    """The posterior (P, n) of persons on a product grid of n points, and percent (D + 1, n): of leaves, then of all."""

    def __init__(
        self, answers: pd.DataFrame, leaves: Sequence[str], populations: Sequence[tuple[Floats, float]], points: int, reach: float = 5
    ) -> None:
        theta, D = np.linspace(-reach, reach, points), len(leaves)
        self.shape = (points,) * D
        place = np.indices(self.shape).reshape(D, -1)
        grid = theta[place]
        like, score, top = np.zeros((len(answers), grid.shape[1])), np.zeros((D, grid.shape[1])), np.zeros(D)
        for item, a, b, code in (row for row in ROWS if row[0] in answers):
            d = next(d for d, leaf in enumerate(leaves) if code.startswith(leaf))
            logit = np.cumsum([0 * theta, *(a * (theta - step) for step in b)], axis=0)
            p = (np.exp(logit) / np.exp(logit).sum(axis=0))[:, place[d]]
            x = answers[item].to_numpy()
            like += np.where(np.isnan(x)[:, None], 0.0, np.log(p[np.nan_to_num(x).astype(int)]))
            score[d] += np.arange(len(p)) @ p
            top[d] += len(b)
        prior = sum(
            share * np.exp(-0.5 * np.einsum("in,ij,jn->n", grid, np.linalg.inv(S), grid)) / np.sqrt(np.linalg.det(S))
            for S, share in populations
        )
        self.weight = np.exp(like) * prior
        self.weight /= self.weight.sum(axis=1, keepdims=True)
        self.percent = 100 * np.vstack([score / top[:, None], score.sum(axis=0) / top.sum()])

    def below(self, cuts: Floats) -> Floats:
        """Return P(percent < cut) for cuts (P, D + 1); of a cell on the cut its share."""
        out = np.empty_like(cuts)
        for u, percent in enumerate(self.percent):
            slopes = np.gradient(percent.reshape(self.shape))
            width = np.abs(slopes if len(self.shape) > 1 else [slopes]).sum(axis=0).ravel()
            share = np.clip((cuts[:, u, None] - percent) / width + 0.5, 0, 1)
            out[:, u] = (self.weight * share).sum(axis=1)
        return out


def compared(found: cdx.DeficitProfiles, codes: Sequence[str], exact: BruteForce, tails: float = 0.01) -> None:
    """Hold percent, P(deficit) and the tails beyond the interval against brute force."""
    at = [found.index(code) for code in codes]
    np.testing.assert_allclose(found.percent[:, at], exact.weight @ exact.percent.T, atol=0.3)
    np.testing.assert_allclose(found.p_deficit[:, at], exact.below(np.full((len(found), len(at)), 60.0)), atol=0.015)
    np.testing.assert_allclose(exact.below(found.percent_low[:, at]), 0.025, atol=tails)
    np.testing.assert_allclose(exact.below(found.percent_high[:, at]), 0.975, atol=tails)


def test_two_leaves_agree_with_integration_on_a_product_grid(scored_bank: MakeBank, answers: pd.DataFrame) -> None:
    bank, given = scored_bank(ROWS[:6]), answers.iloc[:, :6]
    R = np.array([[1.0, 0.8], [0.8, 1.0]])
    population = NormalPopulation(dimensions=("S.1.1", "S.1.2"), mean=np.zeros(2), covariance=R)
    found = profiles(given, bank, population=population)
    compared(found, ("S.1.1", "S.1.2", "S.1"), BruteForce(given, ("S.1.1", "S.1.2"), [(R, 1.0)], 161))


@pytest.mark.parametrize("sd_se", [0.1, 0.3])
def test_uncertain_populations_agree_with_integration_over_all_of_them(
    sd_se: float, scored_bank: MakeBank, answers: pd.DataFrame
) -> None:
    """Fisher's z normal with an SE of .25, log SD with one of .1 or .3, means with one of .1: products of eleven points each."""
    bank, given = scored_bank(ROWS[:6]), answers.iloc[:, :6]
    z, weight = np.polynomial.hermite_e.hermegauss(11)
    r, sd, w = np.tanh(np.arctanh(0.8) + 0.25 * z), np.exp(sd_se * z), weight / weight.sum()
    populations = [
        (sd[j] ** 2 * np.array([[1, r[i]], [r[i], 1]]) + 0.01 * np.eye(2), w[i] * w[j]) for i in range(11) for j in range(11)
    ]
    found = profiles(given, bank, population=BankPopulation(sd_se=sd_se))
    exact = BruteForce(given, ("S.1.1", "S.1.2"), populations, 161, 5 + 30 * (sd_se - 0.1))
    compared(found, ("S.1.1", "S.1.2", "S.1"), exact, 0.01 if sd_se < 0.3 else 0.013)


def test_three_leaves_agree_with_integration_on_a_product_grid(sure: ItemBank, answers: pd.DataFrame) -> None:
    population = NormalPopulation(dimensions=LEAVES, mean=np.zeros(3), covariance=CORRELATED)
    given = answers.iloc[:6]
    found = profiles(given, sure, population=population)
    compared(found, (*LEAVES, "S"), BruteForce(given, LEAVES, [(CORRELATED, 1.0)], 61))


@pytest.mark.parametrize("name", ["sure", "loose"])
def test_percent_of_a_parent_is_the_sum_of_its_leaves_by_points(
    name: str, request: pytest.FixtureRequest, answers: pd.DataFrame, quiet: Quiet
) -> None:
    with quiet():
        found = profiles(answers, request.getfixturevalue(name))
    points = np.array([c.reference_points for c in found.competencies])
    leaves = [found.index(code) for code in LEAVES]
    for parent, below in (("S", leaves), ("S.1", leaves[:2]), ("S.2", leaves[2:])):
        expected = found.percent[:, below] @ points[below] / points[below].sum()
        np.testing.assert_allclose(found.percent[:, found.index(parent)], expected, rtol=1e-10)


def test_a_person_has_the_same_profile_in_any_company(loose: ItemBank, answers: pd.DataFrame, quiet: Quiet) -> None:
    shuffled = answers.iloc[::-1]
    crowd = pd.concat([answers.assign(A1=np.nan, B1=np.nan)] * 30 + [answers], ignore_index=True)  # more than a block
    with quiet():
        together = profiles(answers, loose)
        others = [(profiles(answers.iloc[[p]], loose), [0], [p]) for p in (0, 4, 7)] + [
            (profiles(shuffled, loose), np.arange(len(answers))[::-1], np.arange(len(answers))),
            (profiles(crowd, loose), np.arange(len(crowd) - len(answers), len(crowd)), np.arange(len(answers))),
        ]
    for found, here, there in others:
        for name in ARRAYS + MORE:
            np.testing.assert_array_equal(getattr(found, name)[here], getattr(together, name)[there], err_msg=name)


@pytest.mark.parametrize("name", ["sure", "loose"])
def test_own_share_is_what_leaving_out_the_own_answers_costs(
    name: str, request: pytest.FixtureRequest, answers: pd.DataFrame, quiet: Quiet
) -> None:
    bank = request.getfixturevalue(name)
    stated = NormalPopulation(dimensions=LEAVES, mean=np.zeros(3), covariance=CORRELATED)
    for population, tolerance in ((stated, 0.04), (None, 0.04)):
        with quiet():
            found = profiles(answers, bank, population=population)
            for code, own in (("S.1.1", ["A1", "A2", "A3"]), ("S.2.1", ["C1", "C2", "C3"])):
                c = found.index(code)
                without = profiles(answers.assign(**dict.fromkeys(own, np.nan)), bank, population=population)
                share = 1 - found.se[:, c] ** 2 / without.se[:, c] ** 2
                assert np.all(without.own_share[:, c] < 1e-12)
                np.testing.assert_allclose(found.own_share[:, c], np.maximum(share, 0), atol=tolerance)


def test_answers_that_many_give_are_no_misfit(scored_bank: MakeBank) -> None:
    """Of four items 1 in 1000 has the one pattern that lies far out; weighed by how often it comes, misfit is of 1 in 2000 at most."""
    bank = scored_bank(
        [("A", 0.9, (0.33,), "S.1.1"), ("B", 0.95, (-1.6, -0.6), "S.1.1"), ("C", 0.9, (-2.99,), "S.1.1"), ("D", 1.0, (0.29,), "S.1.1")]
    )
    patterns = np.array(list(product(range(2), range(3), range(2), range(2))))
    drawn = cdx.simulate(bank, 40000, rng=np.random.default_rng(1)).scores.astype(int)
    share = (drawn[:, None] == patterns).all(axis=2).mean(axis=0)
    found = profiles(pd.DataFrame(patterns, columns=["A", "B", "C", "D"]), bank)
    misfit = (np.array(STATUSES)[found.status] == "misfit").any(axis=1)
    assert share[misfit].sum() <= 1 / 2000


def left_out(answers: pd.DataFrame, bank: ItemBank) -> dict[str, cdx.DeficitProfiles]:
    """Return the profiles without the answers to each item."""
    return {item: profiles(answers.assign(**{item: np.nan}), bank) for item, *_ in ROWS}


@pytest.mark.parametrize(("name", "tolerance"), [("sure", 0.01), ("loose", 0.01)])
def test_influence_is_what_leaving_out_an_answer_changes(
    name: str, tolerance: float, request: pytest.FixtureRequest, answers: pd.DataFrame, quiet: Quiet
) -> None:
    bank = request.getfixturevalue(name)
    with quiet():
        found = profiles(answers, bank)
        without = left_out(answers, bank)
    for i, (item, _, _, code) in enumerate(ROWS):
        c = found.index(code[:5])
        moved = found.p_deficit[:, c] - without[item].p_deficit[:, c]
        np.testing.assert_allclose(found.influence[:, i], moved, atol=tolerance, err_msg=item)


@pytest.mark.parametrize(("name", "tolerance"), [("sure", 0.03), ("loose", 0.03)])
def test_carriers_are_the_answers_whose_leaving_out_changes_a_sum_of_leaves_most(
    name: str, tolerance: float, request: pytest.FixtureRequest, answers: pd.DataFrame, quiet: Quiet
) -> None:
    """Of the whole and of a cluster: no answer left out of the list moves P(deficit) more than one that is in it."""
    bank = request.getfixturevalue(name)
    with quiet():
        found = profiles(answers, bank)
        without = left_out(answers, bank)
    named = 0
    for code in ("S", "S.1"):
        c = found.index(code)
        for p, person in enumerate(found):
            moved = {item: found.p_deficit[p, c] - one.p_deficit[p, c] for item, one in without.items()}
            inside = {e.item for e in person[code].evidence}
            towards, carriers = (1 if found.p_deficit[p, c] >= 0.5 else -1), dict(person[code].carriers)
            assert carriers.keys() <= inside
            assert all(towards * x >= 0.01 for x in carriers.values())
            assert all(abs(moved[item] - x) < tolerance for item, x in carriers.items())
            weakest = min((towards * x for x in carriers.values()), default=0.0) if len(carriers) == 3 else 0.01
            assert all(towards * moved[item] < weakest + tolerance for item in inside - carriers.keys())
            named += len(carriers)
    assert named > 20
    again = type(found).from_json(found.to_json())
    assert [c.carriers for one in again for c in one.conclusions] == [c.carriers for one in found for c in one.conclusions]


def test_levels_never_contradict_states(loose: ItemBank, answers: pd.DataFrame, quiet: Quiet) -> None:
    with quiet():
        found = profiles(answers, loose)
    state = np.array(STATES)[found.state]
    assert set(state.ravel()) >= {"confirmed", "not_found", "insufficient_data"}
    assert np.all(found.level[np.isin(state, ["confirmed", "likely"])] == 0)
    assert np.all(found.level[state == "not_found"] > 0)
    assert np.all((found.level == -1) == (state == "insufficient_data"))
    assert np.all(np.isnan(found.level_probability) == (found.level == -1))


def test_the_stated_false_share_is_kept(loose: ItemBank, answers: pd.DataFrame, quiet: Quiet) -> None:
    with quiet():
        free = profiles(answers, loose)
        bound = profiles(answers, loose, rule=replace(RULE, false_share=0.05))
    assert free.expected_false_share > 0.05
    for state, p, before in ((bound.state, bound.p_deficit, free.state), (bound.strength, bound.p_strength, free.strength)):
        confirmed = state == 0
        share = np.where(confirmed, 1 - p, 0).sum(axis=1) / np.maximum(confirmed.sum(axis=1), 1)
        assert np.all(share <= 0.05)
        assert np.all(before[confirmed] == 0)
        assert np.all(state[(before == 0) & ~confirmed] == 1)


def test_a_leaf_without_answers_is_left_to_its_parent(loose: ItemBank, answers: pd.DataFrame, quiet: Quiet) -> None:
    with quiet():
        found = profiles(answers.assign(B1=np.nan, B2=np.nan, B3=np.nan).iloc[[11]], loose)
    one = found[found.persons[0]]
    leaf, parent = one["S.1.2"], one["S.1"]
    assert (leaf.state, leaf.status, leaf.level, leaf.reported_at) == ("insufficient_data", "no_items", "", "S.1")
    assert parent.state != "insufficient_data"
    assert np.isfinite(leaf.p_deficit)


@pytest.mark.parametrize("name", ["sure", "loose"])
def test_a_better_answer_never_makes_a_deficit_likelier(
    name: str, request: pytest.FixtureRequest, answers: pd.DataFrame, quiet: Quiet
) -> None:
    bank = request.getfixturevalue(name)
    with quiet():
        before = profiles(answers, bank)
        for item, _, b, _ in ROWS:
            after = profiles(answers.assign(**{item: np.minimum(answers[item] + 1, len(b))}), bank)
            assert np.all(after.p_deficit <= before.p_deficit + 1e-9), item


def test_one_option_throughout_is_no_effort_unless_it_was_mostly_right(quiet: Quiet) -> None:
    """Form A of history has ten items with options; a person may also have left them out."""
    bank = cdx.load_bank("history")
    closed = [item for item in bank.items if item.type == "single" and item.id in bank.form("A").items]
    key = {item.id: str(item.key) for item in closed}
    rows = [dict.fromkeys(key, "1"), key, dict.fromkeys(key, "-"), {**key, closed[0].id: "1"}]
    with quiet():
        found = cdx.diagnose(cdx.load_responses(pd.DataFrame(rows), bank=bank), bank)
    stopped = np.array(STATUSES)[found.status] == "low_effort"
    assert stopped.any(axis=1).tolist() == [True, False, False, False]
    assert np.all(found.state[0] == STATES.index("insufficient_data"))
