"""Groups: what profiles give back, true shares covered, nothing to be computed of few persons, headcounts and weights."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from platform import machine
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.special import expit, softmax
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # it ships no types

import competency_dx as cdx
from competency_dx.bank import BankPopulation, Correlations
from competency_dx.competencies import own_evidence
from competency_dx.errors import CompetencyDxError, CompetencyDxWarning, GroupError, ReportError
from competency_dx.groups import GroupReport, Suppression
from competency_dx.groups.api import NEWCOMERS, _statistics, _sums_absent
from competency_dx.kernels.suppression import suppressed
from competency_dx.kernels.two_level import NORMAL, SPREADS, group_draws, newcomers, person_draws, person_shape

Array = NDArray[np.float64]


@cache
def bank() -> cdx.ItemBank:
    """Return the items of physics with their difficulties taken for certain."""
    shipped = cdx.load_bank("physics")
    sure = {"se_a": None, "se_b": (), "status": "calibrated"}
    return replace(shipped, parameters=tuple(r.model_copy(update=sure) for r in shipped.parameters))


def drawn(theta: Array, rng: np.random.Generator) -> tuple[pd.DataFrame, Array]:
    """Return points of persons with abilities (P, D) in the leaves, and their true percents (P, C) by leaf, then the whole."""
    leaves = list(dict.fromkeys(bank().leaves[i.id] for i in bank().items))
    leaf = np.array([leaves.index(bank().leaves[i.id]) for i in bank().items])
    K = max(len(r.b) for r in bank().parameters)
    b = np.array([[*r.b, *[np.nan] * (K - len(r.b))] for r in bank().parameters])
    a = np.array([r.a for r in bank().parameters])
    steps = a[:, None] * (theta[:, leaf, None] - b)
    logits = np.concatenate([np.zeros((*steps.shape[:2], 1)), steps.cumsum(axis=2)], axis=2)
    p = softmax(np.where(np.isnan(logits), -np.inf, logits), axis=2)
    points = (rng.random((*p.shape[:2], 1)) > p.cumsum(axis=2)[:, :, :-1]).sum(axis=2)
    expected, most = p @ np.arange(K + 1), np.array([i.max_score for i in bank().items])
    inside = np.array([*(leaf == d for d in range(len(leaves))), np.ones(len(leaf), dtype=bool)])
    table = pd.DataFrame(points, columns=[i.id for i in bank().items])
    return table, 100 * (expected @ inside.T) / (inside @ most)


def profiles_of(table: pd.DataFrame, background: Mapping[str, Any], **options: Any) -> cdx.DeficitProfiles:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        items = tuple(i.id for i in bank().items)
        data = cdx.load_responses(table, bank=bank(), layout=cdx.Layout(items=items, cells="scored"))
        found = cdx.diagnose(data, bank(), **options)
    return replace(found, background={k: np.array(v, dtype=object) for k, v in background.items()})


def leaves() -> list[str]:
    return list(dict.fromkeys(bank().leaves[i.id] for i in bank().items))


@cache
def region(seed: int = 1, mean: float = -0.3) -> tuple[cdx.DeficitProfiles, Array, NDArray[np.int64]]:
    """Return 16 groups of 12 to 45 persons whose means differ, true percents and the group of each person."""
    rng = np.random.default_rng(seed)
    D, sizes = len(leaves()), rng.integers(12, 46, 16)
    group = np.repeat(np.arange(16), sizes)
    shift = mean + 0.4 * rng.standard_normal((16, 1)) + 0.15 * rng.standard_normal((16, D))
    pattern = 0.8 + 0.2 * np.eye(D)
    theta = shift[group] + rng.standard_normal((len(group), D)) @ np.linalg.cholesky(pattern).T
    table, true = drawn(theta, rng)
    names = [f"м{g:02d}" for g in group]
    half = [f"{'север' if g < 8 else 'юг'}" for g in group]
    return profiles_of(table, {"municipality": names, "part": half, "weight": ["1"] * len(names)}), true, group


def quiet(*arguments: Any, **options: Any) -> cdx.groups.GroupReport:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.compare_groups(*arguments, **options)


def test_profiles_give_back_what_the_answers_alone_said() -> None:
    """The evidence taken from a profile under one population, put into another, is the diagnosis under that other one."""
    table, _ = drawn(np.random.default_rng(4).standard_normal((30, len(leaves()))), np.random.default_rng(5))
    table.iloc[3, 5:] = np.nan
    pattern = {"variance": 1.0, "correlations": Correlations(within=0.7, between=0.7), "status": "provisional", "source": "test"}
    stated = {name: BankPopulation(mean=mean, **pattern) for name, mean in (("one", 0.0), ("other", -0.8))}
    one, other = (profiles_of(table, {}, population=stated[name]) for name in ("one", "other"))
    given_one, there = own_evidence(one), own_evidence(other)
    inverse = np.linalg.inv(there.covariance)
    V = np.linalg.inv(inverse + given_one.tau[:, :, None] * np.eye(len(inverse)))
    moved = np.matmul(V, (given_one.nu + inverse @ there.mean)[:, :, None])[:, :, 0]
    at = [[c.code for c in other.competencies].index(leaf) for leaf in one.population.leaves]
    assert np.abs(moved - other.theta[:, at]).max() < 0.05
    assert np.abs(moved - other.theta[:, at]).mean() < 0.01
    assert np.abs(moved - one.theta[:, at]).mean() > 0.05
    alone = profiles_of(table.iloc[:2].mask(np.ones((2, table.shape[1]), dtype=bool)).assign(**{table.columns[0]: [1, 0]}), {})
    assert (own_evidence(alone).tau > 0).sum(axis=1).tolist() == [1, 1]


@pytest.mark.parametrize(("seed", "mean"), [(1, -0.3), (2, 0.6)])
def test_true_shares_and_means_are_covered_and_not_biased(seed: int, mean: float) -> None:
    profiles, true, group = region(seed, mean)
    found, n = quiet(profiles, "municipality"), np.bincount(group)
    codes = [c.code for c in found.competencies]
    at = [*(codes.index(leaf) for leaf in leaves()), 0]
    share, percent = (np.stack([np.bincount(group, x) / n for x in table.T], axis=1) for table in (true < 60, true))
    inside = (found.share_low[1:, at, 0] - 1e-9 <= share) & (share <= found.share_high[1:, at, 0] + 1e-9)
    held = (found.percent_low[1:, at] <= percent) & (percent <= found.percent_high[1:, at])
    assert 0.91 < inside.mean() < 0.995
    assert 0.88 < held.mean() < 0.99
    assert abs((found.share[1:, at, 0] - share).mean()) < 0.015
    flags = np.stack([np.bincount(group, profiles.p_deficit[:, c] > 0.8) / n for c in at], axis=1)
    assert np.abs(found.share[1:, at, 0] - share).mean() < 0.7 * np.abs(flags - share).mean()


def test_levels_sum_to_one_and_the_whole_is_the_sum_of_its_parts() -> None:
    profiles, _, group = region()
    found = quiet(profiles, ["part", "municipality"])
    assert found.level.tolist() == [0, 1, 1, *[2] * 16]
    assert found.groups[:4] == ("", "север", "юг", "север / м00")
    np.testing.assert_allclose(found.share.sum(axis=2), 1, atol=1e-9)
    n = np.bincount(group)
    np.testing.assert_allclose((n[:, None] * found.percent[3:]).sum(axis=0) / n.sum(), found.percent[0], atol=1e-9)
    np.testing.assert_allclose(n @ found.share[3:, :, 0] / n.sum(), found.share[0, :, 0], atol=1e-9)
    assert found.to_json() == quiet(profiles, ["part", "municipality"]).to_json()
    assert (found.need_low <= found.share[:, :, 0] * found.n[:, None]).all()
    assert (found.need_high >= found.share[:, :, 0] * found.n[:, None]).all()
    assert set(found.of("юг")["group"]) == {"юг"}


def test_a_headcount_widens_to_those_who_were_not_assessed() -> None:
    profiles, _, group = region()
    n = np.bincount(group)
    alone = quiet(profiles, "municipality", draws=100)
    whole = quiet(profiles, "municipality", population_sizes={"м00": int(4 * n[0]), "м01": int(n[1])}, draws=100)
    wide = whole.percent_high - whole.percent_low, alone.percent_high - alone.percent_low
    assert (wide[0][1] > wide[1][1]).mean() > 0.9
    np.testing.assert_allclose(whole.coverage[1:3], [0.25, 1.0])
    assert np.isnan(whole.coverage[3])
    np.testing.assert_allclose(whole.percent[1], alone.percent[1], atol=5)
    assert whole.need_high[1, 0] > alone.need_high[1, 0]
    with pytest.warns(CompetencyDxWarning) as heard:
        cdx.compare_groups(profiles, "municipality", population_sizes={"м00": int(4 * n[0])}, draws=100)
    half, missing = (next(str(w.message) for w in heard if x in str(w.message)) for x in ("Less than half", "No headcount"))
    assert "м00" in half
    assert "м01" in missing


@pytest.mark.parametrize("absent", [4, 60, 270])
def test_those_absent_err_as_so_many_persons_do(absent: int) -> None:
    """The few who stand for those absent have their mean in many draws, and the sum errs as that of so many does, whatever few err."""
    rng, D, cuts = np.random.default_rng(absent), 6, np.array([60.0, 75.0, 90.0])
    covariance, share = 0.2 * np.eye(D) + 0.8, np.vstack([np.eye(D), np.ones(D) / D])

    def numbers(theta: Array) -> Array:
        return _statistics(100 * expit(theta) @ share.T, cuts)[:2]  # percent, and who has a deficit

    many = numbers(0.3 + rng.standard_normal((100_000, D)) @ np.linalg.cholesky(covariance).T)
    drawn_ = [newcomers(np.full((1, D), 0.3), np.ones((1, 1)), covariance, NORMAL.middles(NEWCOMERS), rng) for _ in range(800)]
    sums = np.array([_sums_absent(numbers(theta), np.array([[absent]]), rng)[:, 0] for theta in drawn_])
    error = many.std(axis=1) * np.sqrt(absent)
    assert (np.abs(sums.mean(axis=0) - absent * many.mean(axis=1)) < 0.2 * error).all()
    assert (np.abs(sums.std(axis=0) / error - 1) < 0.12).all()


def weak(lower: float, camps: int, rng: np.random.Generator) -> tuple[Array, tuple[Array, Array], NDArray[np.int64]]:
    """Return θ (P, 2) of 900 persons in 30 groups, camps in each or not, what the answers say of it, and the group of each person."""
    group = np.repeat(np.arange(30), 30)
    camp = np.where(rng.random(900) < lower, -2.4 * (1 - lower), 2.4 * lower) * (camps - 1)
    theta = (0.4 * rng.standard_normal(30)[group] + camp)[:, None] + (0.5 if camps > 1 else 1.0) * rng.standard_normal((900, 1))
    theta = theta + 0.2 * rng.standard_normal((900, 2))
    tau = np.full((900, 2), 1.5)
    return theta, (tau, tau * theta + np.sqrt(tau) * rng.standard_normal((900, 2))), group


@pytest.mark.parametrize(("lower", "camps"), [(0.5, 2), (0.2, 2), (0.8, 2), (1.0, 1)])
def test_persons_are_drawn_by_the_shape_of_their_groups(lower: float, camps: int) -> None:
    """Two camps are found where there are two, and the share below a point between them is no more off; one is left as it was."""
    rng, D = np.random.default_rng(8), 2
    theta, sites, group = weak(lower, camps, rng)
    covariance = 0.9 + 0.1 * np.eye(D)
    within = [s * s * covariance for s in SPREADS]
    between = [b * b * covariance for b in (0.3, 0.45, 0.6)]
    drawn_ = group_draws(sites, (group, 30), within, between, (np.zeros(D), 25.0 * np.eye(D)), (200, rng), spreads=SPREADS)
    shape = person_shape(sites, group, within, drawn_)
    assert len(shape.weight) == camps
    truth, off = (theta.mean(axis=1) < -0.3).mean(), []
    for kind in (NORMAL, shape):
        share = np.zeros(200)
        for k, _, x in person_draws(sites, group, within, drawn_, np.random.default_rng(9), shape=kind):
            share[k] += (x.mean(axis=1) < -0.3).sum() / 900
        off.append(abs(share.mean() - truth) / share.std())
    assert off[1] < 2.5
    assert off[1] <= off[0]
    np.testing.assert_allclose(shape.weight @ (shape.mean + 1e-9), 0.0, atol=0.1)
    assert np.ptp(np.diff(shape.middles(64))) > 0


CASE = """
import json, warnings
from dataclasses import replace
import numpy as np
import competency_dx as cdx
warnings.simplefilter("ignore")
bank, rng = cdx.load_bank("physics"), np.random.default_rng(3)
waves = [cdx.diagnose(cdx.simulate(bank, 90, rng=rng).select(items=form.items), bank) for form in bank.forms[:2]]
columns = {"part": [f"{k % 3}" for k in range(90)], "weight": [f"{1 + k % 2}" for k in range(90)]}
first, second = (replace(x, background={k: np.array(v, dtype=object) for k, v in columns.items()}) for x in waves)
heads, options = {"0": 30, "1": 40, "2": 400}, {"linking_error": 0.1, "draws": 100}
found = [cdx.compare_groups(first, "part", weights=w, population_sizes=h, **options) for w, h in ((None, None), ("weight", heads))]
grown = cdx.measure_growth(first, second, by="part", **options)
numbers = [getattr(x, f"{of}{end}") for x in found for of in ("percent", "share", "need") for end in ("", "_low", "_high")]
numbers += [grown.change, grown.change_low, grown.p_gain, grown.p_closed, grown.mean_change, grown.mean_low, grown.closed]
print(json.dumps([np.nan_to_num(x).ravel().tolist() for x in numbers]))
"""


def test_another_kernel_of_the_linear_algebra_gives_the_same_numbers() -> None:
    """Draws part ways where something is taken that rounding decides, as the signs of eigenvectors are."""
    kinds = {x["architecture"] for x in threadpool_info() if x.get("internal_api") == "openblas"}
    if not kinds or machine() not in {"x86_64", "AMD64"}:
        pytest.skip("kernels are chosen in OpenBLAS on x86-64 alone")
    runs = [
        subprocess.Popen([sys.executable, "-c", CASE], env=os.environ | {"OPENBLAS_CORETYPE": kind}, stdout=subprocess.PIPE)
        for kind in ("Haswell", "Prescott")
    ]
    one, other = (json.loads(run.communicate()[0]) for run in runs)
    for x, y in zip(one, other, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-6)


def strata(seed: int) -> tuple[cdx.DeficitProfiles, Array, NDArray[np.int64]]:
    """Return a sample of 50 of 100 strong and 50 of 900 weak persons, true percents of all, and which of them were drawn."""
    rng = np.random.default_rng(seed)
    pattern = np.linalg.cholesky(0.8 + 0.2 * np.eye(len(leaves())))
    theta = np.repeat([0.8, -0.6], [100, 900])[:, None] + rng.standard_normal((1000, len(leaves()))) @ pattern.T
    table, true = drawn(theta, rng)
    rows = np.r_[rng.choice(100, 50, replace=False), 100 + rng.choice(900, 50, replace=False)]
    part = {"part": ["север"] * 100, "weight": ["2"] * 50 + ["18"] * 50}
    return profiles_of(table.iloc[rows.tolist()].reset_index(drop=True), part), true, rows


def test_those_absent_are_as_the_weights_say() -> None:
    """With a headcount the weights count as without one; persons are counted whom somebody counted, the headcount or the table."""
    profiles, true, rows = strata(3)
    truth = (true[:, -1] < 60).mean()
    weighed, alone = (quiet(profiles, "part", weights="weight", population_sizes=x) for x in ({"": 1000}, None))
    assert weighed.share_low[0, 0, 0] < truth < weighed.share_high[0, 0, 0]
    assert weighed.share[0, 0, 0] == pytest.approx(alone.share[0, 0, 0], abs=0.12)
    assert weighed.need_low[0, 0] < 1000 * truth < weighed.need_high[0, 0]
    assert alone.need_low[0, 0] <= (true[rows, -1] < 60).sum() <= alone.need_high[0, 0]
    assert alone.need[0, 0] < 0.9 * 100 * alone.share[0, 0, 0]
    sure = quiet(profiles, "part", weights="weight", population_sizes={"": 100})
    assert sure.share[0, 0, 0] == pytest.approx(alone.need[0, 0] / 100, abs=1e-9), "who are all assessed need no weights"


TREE = {"север": 600, "юг": 900, "": 1500}


@pytest.mark.parametrize("given", [TREE, {"север": 600, "юг": 900}, {"": 1500}, {"север": 600}, {"север": 600, "": 1500}, {}])
@pytest.mark.parametrize("weights", ["weight", None])
def test_the_whole_is_the_sum_of_its_parts(given: dict[str, int], weights: str | None) -> None:
    """By any headcounts: means of the whole lie where those of its parts say, and persons add up."""
    every, _, which = region()
    some = np.isin(which, [0, 1, 8, 9])
    profiles, group = every.select([str(p) for p in every.persons[some]]), which[some]
    weight = np.where(group % 2, "3", "1").astype(object)
    profiles = replace(profiles, background={**profiles.background, "weight": weight})
    found = quiet(profiles, ["part", "municipality"], population_sizes=given, weights=weights, draws=100)
    size = np.where(np.isfinite(found.headcount), found.headcount, found.n)[:3]
    if given == {"": 1500}:  # nobody said where they are
        assert found.headcount[0] == 1500
        return
    if "" in given and "юг" not in given:
        size[2] = 900
    elif not given and weights:
        size = np.array([0, *((np.where(group % 2, 3, 1) * x).sum() for x in (group < 8, group >= 8))])
    summed = bool(np.isfinite(found.headcount[1:3]).all())
    tolerance = 1e-9 if summed or not given else 2.5
    np.testing.assert_allclose(size[1:] @ found.percent[1:3] / size[1:].sum(), found.percent[0], atol=tolerance)
    if tolerance < 1:
        np.testing.assert_allclose(found.need[1:3].sum(axis=0), found.need[0], atol=1e-6)
    codes = {f.code for f in found.findings}
    assert ("groups.headcount_missing" in codes) == (len(set(given) - {""}) == 1)


def test_a_headcount_that_is_not_the_sum_of_its_parts_is_said() -> None:
    profiles, *_ = region()
    found = quiet(profiles, ["part", "municipality"], population_sizes={"север": 600, "юг": 900, "": 2000}, draws=100)
    assert found.headcount[0] == 1500
    assert "groups.headcount_sum_all" in {f.code for f in found.findings}
    narrow = {f"юг / м{k:02d}": 100 for k in range(8, 16)}
    found = quiet(profiles, ["part", "municipality"], population_sizes={"юг": 700, **narrow}, draws=100)
    assert found.headcount[2] == 800
    assert [f.scope for f in found.findings if f.code == "groups.headcount_sum"] == [("юг",)]


def test_who_gave_no_answer_is_not_assessed() -> None:
    """Persons without answers change no number of the report, and no group is shown for their sake."""
    table, _ = drawn(np.zeros((30, len(leaves()))), np.random.default_rng(3))
    absent = profiles_of(table.mask(np.broadcast_to(np.arange(30)[:, None] > 0, table.shape)), {"m": ["а"] * 15 + ["б"] * 15})
    with pytest.raises(GroupError, match="Nothing to compare"):
        quiet(absent.select([str(p) for p in absent.persons[1:]]), "m")
    rng = np.random.default_rng(9)
    table, _ = drawn(rng.standard_normal((60, len(leaves()))), rng)
    gone = np.arange(60) % 20 >= np.repeat([14, 20, 8], 20)
    nobody = quiet(
        profiles_of(table.mask(np.broadcast_to(np.arange(60)[:, None] > 39, table.shape)), {"m": ["а"] * 40 + ["б"] * 20}), "m"
    )
    assert nobody.shown.tolist() == [True, True, False]
    names = {"m": [f"м{k // 20}" for k in range(60)]}
    every = quiet(profiles_of(table.mask(np.broadcast_to(gone[:, None], table.shape)), names), "m", draws=100)
    here = quiet(profiles_of(table[~gone].reset_index(drop=True), {"m": np.array(names["m"])[~gone]}), "m", draws=100)
    assert every.n.tolist() == here.n.tolist()
    assert not every.shown[3]
    assert every.unanswered.tolist()[0] == gone.sum()
    np.testing.assert_array_equal(every.share, here.share)
    assert any("18" in line for line in every.summary("ru"))


def test_a_competency_that_nobody_answered_is_not_among_what_is_needed_most() -> None:
    rng = np.random.default_rng(2)
    table, _ = drawn(rng.standard_normal((60, len(leaves()))) - 0.3, rng)
    leaf = leaves()[-1]
    out = [i.id for i in bank().items if bank().leaves[i.id] == leaf]
    table.loc[2:, out] = np.nan
    found = quiet(profiles_of(table, {"m": ["а", "б"] * 30}), "m", draws=100)
    c = [x.code for x in found.competencies].index(leaf)
    assert found.answered[:, c].tolist() == [2, 1, 1]
    assert not found.told[:, c].any()
    assert found.told[:, 0].all()
    assert [f.scope for f in found.findings if f.code == "groups.few_answered"] == [(leaf,)]
    assert not any(line.startswith(leaf) for line in found.summary())
    row = found.of("а").set_index("competency").loc[leaf]
    assert (row["answered"], row["enough_answers"]) == (1, False)
    told = found.indicators().set_index(["indicator", "group", "competency"])
    assert told["value"].isna().loc[("deficit", "а", leaf)]
    assert told.loc[("deficit", "а", found.competencies[0].code), "n"] == 30


def test_groups_of_unlike_spread_are_covered() -> None:
    """Half of the groups have a spread of .5 and half of 1.6: shares of the whole are covered and not biased."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(12), 25)
    spread = np.where(np.arange(12) % 2, 1.6, 0.5)[group, None]
    pattern = np.linalg.cholesky(0.8 + 0.2 * np.eye(len(leaves())))
    theta = -0.2 + 0.4 * rng.standard_normal((12, 1))[group] + spread * (rng.standard_normal((300, len(leaves()))) @ pattern.T)
    table, true = drawn(theta, rng)
    found = quiet(profiles_of(table, {"m": [f"м{g:02d}" for g in group]}), "m")
    codes = [c.code for c in found.competencies]
    at = [*(codes.index(leaf) for leaf in leaves()), 0]
    share = (true < 60).mean(axis=0)
    inside = (found.share_low[0, at, 0] - 1e-9 <= share) & (share <= found.share_high[0, at, 0] + 1e-9)
    assert inside.mean() > 0.85
    assert abs((found.share[0, at, 0] - share).mean()) < 0.02


def test_coverage_has_an_interval_and_indicators_are_one_table() -> None:
    profiles, _, group = region()
    n = np.bincount(group)
    found = quiet(profiles, "municipality", population_sizes={f"м{g:02d}": int(2 * n[g]) for g in range(16)}, draws=100)
    low, high = found.coverage_interval
    assert (low < 0.5).all()
    assert (high > 0.5).all()
    assert high[0] - low[0] < 0.4 * (high - low)[1:].min()
    expected = 0.5 + np.array([-1, 1]) * 0.5 * 1.96 * np.sqrt(1 / (2 * n[0] + 1.96**2))  # Wilson at one half
    np.testing.assert_allclose([low[1], high[1]], expected, atol=1e-4)
    table = found.indicators()
    assert list(table.columns) == ["indicator", "group", "competency", "value", "low", "high", "n"]
    whole = table[(table["group"] == "") & (table["competency"].isin(["", found.competencies[0].code]))].set_index("indicator")
    assert whole.loc["coverage", "value"] == 0.5
    assert whole.loc["need", "low"] == found.need_low[0, 0]
    assert (table["low"] <= table["high"]).all()
    few = profiles.select([str(p) for p in profiles.persons[(group > 2) | (np.arange(len(group)) < 5)]])
    hidden = quiet(few, "municipality", draws=100)
    of = hidden.indicators().query("group == 'м00'")
    assert of[["value", "low", "high", "n"]].isna().all(axis=None)
    assert hidden.to_frame().query("group == 'м00'")[["n", "unanswered", "answered"]].isna().all(axis=None)


def test_both_names_of_an_argument_are_taken_but_not_together() -> None:
    profiles, *_ = region()
    one, other = (quiet(profiles, "part", draws=100, **{name: TREE}) for name in ("headcount", "population_sizes"))
    assert one.to_json() == other.to_json()
    with pytest.raises(GroupError, match="two names of one argument"):
        cdx.compare_groups(profiles, "part", population_sizes=TREE, headcount=TREE)  # type: ignore[call-arg]


def test_weights_count_persons() -> None:
    profiles, _, group = region()
    double = replace(profiles, background={**profiles.background, "weight": np.where(group == 0, "3,0", "1").astype(object)})
    plain, weighted = (quiet(profiles, ["part", "municipality"]), quiet(double, ["part", "municipality"], weights="weight"))
    n = np.bincount(group)
    north = np.array([3 * n[0], *n[1:8]])
    np.testing.assert_allclose(weighted.percent[1], north @ plain.percent[3:11] / north.sum(), atol=1e-9)
    np.testing.assert_allclose(weighted.percent[2], plain.percent[2], atol=1e-9)
    assert np.abs(weighted.percent[1] - plain.percent[1]).max() > 0.3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 25), min_size=1, max_size=5), min_size=1, max_size=5))
def test_no_sum_over_few_persons_can_be_computed(tree: list[list[int]]) -> None:
    """Any combination of shown numbers that is a sum over groups holds ten persons or none: searched by linear programming."""
    from competency_dx.groups.api import _hierarchy, _shown

    wide = [f"w{k}" for k, schools in enumerate(tree) for n in schools for _ in range(n)]
    narrow = [f"s{j}" for schools in tree for j, n in enumerate(schools) for _ in range(n)]
    found, _ = _hierarchy([np.array(wide, dtype=object), np.array(narrow, dtype=object)])
    n = found.member.sum(axis=1)
    shown = _shown(found, np.zeros((len(wide), 0)), np.ones(len(wide)), 10)
    assert (n[shown] >= 10).all()
    last = np.flatnonzero(found.level == 2)
    known = np.array([[found.member[k][found.member[r]].any() and (found.member[k] <= found.member[r]).all() for k in last]
                      for r in np.flatnonzero(shown)], dtype=np.float64).reshape(-1, len(last))  # fmt: skip
    for k in range(len(last)):
        if n[last[k]] >= 10 or not len(known):
            continue
        # the sum of shown groups that holds group k once and any other at most once, with the fewest persons
        constraint = np.vstack([known.T, -known.T])
        upper = np.concatenate([np.ones(len(last)), np.zeros(len(last))])
        exact = known.T[[k]]
        best = linprog(known @ n[last], A_ub=constraint, b_ub=upper, A_eq=exact, b_eq=[1.0], bounds=(None, None))
        assert not best.success or float(best.fun or 0) >= 10 - 1e-6


def ranges(tables: list[tuple[NDArray[np.int64], NDArray[np.bool_]]], values: Array) -> Iterator[tuple[float, Array]]:
    """Attack tables (groups of persons, which are shown) of the same persons by linear programming, sure of who is in each group.

    Yield of every hidden group and of every set that no table divides how many it has and how wide, in percent points, the range of
    each mean value (K,) is, but of those that a group shown by itself makes narrow.
    """
    atoms, at = np.unique(np.stack([codes for codes, _ in tables]), axis=1, return_inverse=True)
    n = np.bincount(at.ravel()).astype(float)
    sums = np.array([np.bincount(at.ravel(), v) for v in values.T])
    groups = [(atoms[t] == g, bool(which[g])) for t, (_, which) in enumerate(tables) for g in range(len(which))]
    rows = np.array([np.ones(len(n)), *(member for member, seen in groups if seen)], dtype=float)
    targets = [member.astype(float) for member, seen in groups if not seen and member.any()]
    for target in [*targets, *(np.eye(len(n)) if len(tables) > 1 else [])]:
        wide, size = np.full(len(sums), np.inf), float(n @ target)
        around = rows[(rows >= target).all(axis=1)]
        for k, of in enumerate(sums):
            total, whole = around @ n, around @ of
            alone = np.minimum(100, whole / size) - np.maximum(0, (whole - 100 * (total - size)) / size)
            if alone.min() >= 10:
                ends: list[Any] = [linprog(w * target, A_eq=rows, b_eq=rows @ of, bounds=[(0, 100 * m) for m in n]) for w in (1, -1)]
                wide[k] = -(ends[1].fun + ends[0].fun) / size
        count: Any = linprog(-target, A_eq=rows, b_eq=rows @ n, bounds=(0, None))
        yield (np.inf if size >= 10 else -count.fun), wide


def few_of_low(sizes: Mapping[str, int], low: int) -> cdx.DeficitProfiles:
    """Return persons of groups of these sizes of whom the last `low` can do nothing."""
    P, rng = sum(sizes.values()), np.random.default_rng(2)
    theta = np.r_[rng.standard_normal(P - low), np.full(low, -3.5)][:, None] + np.zeros((P, len(leaves())))
    names = [name for name, n in sizes.items() for _ in range(n)]
    return profiles_of(drawn(theta, rng)[0], {"municipality": names, "kind": [f"k{p % 3}" for p in range(P)]})


def published(report: cdx.groups.GroupReport, profiles: cdx.DeficitProfiles) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the groups of a report by one column: of each person, and which are shown."""
    names = report.groups[1:]
    return np.array([names.index(x) for x in profiles.background[report.by[0]]]), report.shown[1:]


@pytest.mark.parametrize(("sizes", "low"), [((30, 30, 9, 1), 10), ((60, 40, 30, 7, 5), 12), ((80, 40, 30, 20, 9), 0)])
def test_counts_of_deficits_and_means_of_hidden_groups_cannot_be_computed(sizes: tuple[int, ...], low: int) -> None:
    """What is published of the others leaves each hidden group a range of ten points, though its number of persons is known."""
    profiles = few_of_low({f"м{k}": n for k, n in enumerate(sizes)}, low)
    found = quiet(profiles, "municipality", draws=100)
    codes, shown = published(found, profiles)
    assert not shown[np.bincount(codes) < 10].any()
    n, left = np.bincount(codes), ~shown
    for numbers in (found.percent, 100 * found.share[:, :, 0]):
        known = n[shown] @ numbers[1:][shown]
        rest = len(profiles) * numbers[0] - known  # persons and sums of the hidden groups together
        for size in n[left]:
            wide = np.minimum(100, rest / size) - np.maximum(0, (rest - 100 * (n[left].sum() - size)) / size)
            all_ = len(profiles) * numbers[0]
            alone = np.minimum(100, all_ / 10) - np.maximum(0, (all_ - 100 * (len(profiles) - 10)) / 10)
            assert (wide[alone >= 10] >= 10 - 1e-6).all() or not shown.any()


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 25), min_size=2, max_size=5), st.integers(0, 3), st.sampled_from([0.05, 0.4, 0.97]))
def test_two_reports_together_tell_no_more_than_one(sizes: list[int], crossing: int, mean: float) -> None:
    """Divisions nested or crossing: no set of few is told apart, and no hidden set has a value that is worked out."""
    rng = np.random.default_rng([*sizes, crossing])
    narrow = np.repeat(np.arange(len(sizes)), sizes)
    wide = np.where(rng.random(len(narrow)) < 0.1 * crossing, rng.integers(0, 3, len(narrow)), narrow // 2)
    _, wide = np.unique(wide, return_inverse=True)
    values = 100 * rng.beta(8 * mean, 8 - 8 * mean, (len(narrow), 2))
    first = ~suppressed(wide[:, None], values, [np.zeros(wide.max() + 1, dtype=bool)])[0]
    none = [np.zeros(len(sizes), dtype=bool)]
    second = ~suppressed(narrow[:, None], values, none, published=[(wide, first)])[0]
    alone = list(ranges([(wide, first), (narrow, np.zeros_like(second))], values))
    total = values.sum(axis=0)  # the whole may say too much of ten
    open_ = np.minimum(100, total / 10) - np.maximum(0, (total - 100 * (len(values) - 10)) / 10) >= 10
    if second.any():
        for count, width in ranges([(wide, first), (narrow, second)], values):
            assert (count >= 10 - 1e-6 and (width[open_] >= 10 - 1e-6).all()) or any(c < 10 for c, _ in alone)


def test_an_earlier_report_is_taken_into_account_and_must_be_of_the_same_persons() -> None:
    profiles = few_of_low({"а": 30, "б": 4, "в": 30, "г": 6}, 0)
    wide = np.where(np.arange(70) < 34, "север", "юг").astype(object)
    profiles = replace(profiles, background={**profiles.background, "part": wide})
    parts, alone = quiet(profiles, "part", draws=100), quiet(profiles, "municipality", draws=100)
    assert parts.shown.all()
    assert alone.shown[[1, 3]].all()
    beside = quiet(profiles, "municipality", draws=100, smallest=Suppression(published=[parts]))
    assert not beside.shown[1:].any()  # each is what a part has beside the other
    assert beside.provenance.settings["published"] == "part"
    assert GroupReport.from_json(beside.to_json()).to_json() == beside.to_json()
    for other in (profiles.select(profiles.persons[:69].tolist()), replace(profiles, background={"municipality": wide})):
        with pytest.raises(GroupError, match="other persons"):
            quiet(other, "municipality", smallest=Suppression(published=[parts]))


@pytest.mark.parametrize("heavy", [1, 5])
def test_few_who_have_the_weight_count_as_few(heavy: int) -> None:
    """A group counts (Σw)² / Σw² persons; where few dominate all, nothing is shown; where one group, also what would tell it."""
    profiles, _, group = region()
    first = np.flatnonzero(group == 3)[:heavy]
    weight = np.full(len(group), "1", dtype=object)
    weight[first] = "60"
    found = quiet(replace(profiles, background={**profiles.background, "weight": weight}), "municipality", weights="weight", draws=100)
    at = found.groups.index("м03")
    assert not found.shown[at]
    assert (~found.shown[1:]).sum() > 1
    assert {f.code for f in found.findings} >= {"groups.dominated", "groups.suppressed"}
    weight[first] = "1000000"
    found = quiet(replace(profiles, background={**profiles.background, "weight": weight}), "municipality", weights="weight", draws=100)
    assert not found.shown[0]


def test_groups_have_names_of_their_own_whatever_slashes_stand_in_labels(tmp_path: Path) -> None:
    """No two groups have one name, none is merged, documents and pages are written and read back."""
    wide = ["А"] * 20 + ["А / Б"] * 25 + ["В"] * 15 + ["А /"] * 15 + ["5/7"] * 15
    narrow = ["Б / Г"] * 20 + ["Г"] * 25 + ["Д"] * 15 + ["Е"] * 15 + ["/ Е"] * 15
    rng = np.random.default_rng(3)
    table, _ = drawn(rng.standard_normal((90, len(leaves()))), rng)
    found = quiet(profiles_of(table, {"m": wide, "s": narrow}), ["m", "s"], draws=100)
    assert len(set(found.groups)) == len(found.groups) == 11
    assert sorted(found.n[found.level == 2].tolist()) == [15, 15, 15, 20, 25]
    assert set(found.groups) >= {"А", "А // Б", "А // Б / Г", "А / Б // Г", "5/7 / // Е"}
    assert GroupReport.from_json(found.to_json()).to_json() == found.to_json()
    assert set(found.of("А / Б // Г")["n"]) == {20}
    for language in ("ru", "en"):
        cdx.report(found, tmp_path / language, language=language)
        assert len(list((tmp_path / language / "groups").iterdir())) == 10


def test_persons_without_a_group_are_not_counted_in_words() -> None:
    profiles = few_of_low({"а": 30, "б": 30, "": 3}, 0)
    found = quiet(profiles, "municipality", draws=100)
    said = next(f for f in found.findings if f.code == "groups.blanks")
    assert not found.shown[found.groups.index("—")]
    assert not any(sign.isdigit() for sign in said.ru + said.en)
    assert not said.facts


def test_small_groups_are_hidden_everywhere() -> None:
    """Acceptance example 5 of the domain: a municipality of four, and the cell that would give it away."""
    profiles, _, group = region()
    few = profiles.select([str(p) for p in profiles.persons[(group != 3) | (np.cumsum(group == 3) <= 4)]])
    found = quiet(few, "municipality")
    assert 2 <= (~found.shown).sum() <= 4
    assert not found.shown[found.groups.index("м03")]
    hidden = ~found.shown
    for array in (found.percent, found.share, found.need_high, found.percent_low):
        assert np.isnan(array[hidden]).all()
    assert (found.n[hidden] == 0).all()
    assert {f.code for f in found.findings} == {"groups.suppressed"}
    assert "не показано" in "\n".join(found.summary("ru"))
    assert len(found.plot("groups").axes) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"by": "school"}, r"no columns \['school'\]|no columns school"),
        ({"by": []}, "Nothing to compare"),
        ({"by": "part", "population_sizes": {"восток": 5}}, "groups that do not exist: восток"),
        ({"by": "part", "population_sizes": {"юг": 5}}, "headcount of 5, below"),
        ({"by": "part", "weights": "municipality"}, "positive number"),
        ({"by": "part", "draws": 5}, "draws from 100"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(GroupError, match=sentence):
        cdx.compare_groups(region()[0], **options)
    with pytest.raises(CompetencyDxError, match="profiles"):
        cdx.compare_groups("profiles", "part")  # type: ignore[arg-type]


def test_an_error_of_the_link_is_shared_by_all_groups() -> None:
    """It widens every interval, that of the whole by no less than that of a part, and moves nobody on average."""
    profiles, *_ = region()
    by = next(iter(profiles.background))
    sure, unsure = quiet(profiles, by), quiet(profiles, by, linking_error=0.3)
    assert ((unsure.percent_high - unsure.percent_low)[:, 0] > 1.5 * (sure.percent_high - sure.percent_low)[:, 0]).all()
    assert np.abs(unsure.percent[:, 0] - sure.percent[:, 0]).max() < 2
    assert unsure.provenance.settings["linking_error"] == "0.3"


def category(root: str, seed: int) -> GroupReport:
    """Return a report by the same municipalities on a category with the scale of another bank."""
    profiles, *_ = region(seed)
    some = np.random.default_rng(seed).permutation(len(profiles))[:200]
    found = quiet(profiles.select(profiles.persons[some]), "municipality", draws=100)
    other = tuple(
        replace(c, code=c.code.replace("PHY", root), parent=c.parent and c.parent.replace("PHY", root)) for c in found.competencies
    )
    return replace(found, competencies=other)


def test_demand_of_categories_is_summed_from_what_they_show() -> None:
    """Categories add up place by place, the interval by its squares; what a report hides is in no sum, and stays counted."""
    reports = [category("ABC", 1), category("DEF", 2)]
    tables = [x.to_frame().query("competency in ('ABC', 'DEF') and level < 2").set_index("group") for x in reports]
    hours = {"hours_expected": [9.0, 2.0], "hours_low": [5, 1], "hours_high": [12, 4]}
    demand = [pd.DataFrame({"group": ["", "м01"], **hours})] * 2
    found = cdx.groups.total_demand(reports, demand).set_index("group")
    assert any(not x.shown.all() for x in reports)
    for name, row in found.iterrows():
        seen = [rows.iloc[0] for t in tables if len(rows := t[(t.index == name) & t["n"].notna()])]
        assert (row["shown"], row["n"]) == (len(seen), sum(x["n"] for x in seen))
        assert row["need"] == pytest.approx(sum(x["need"] for x in seen))
        off = np.sqrt(sum((x["need_high"] - x["need"]) ** 2 for x in seen))
        assert row["need_high"] == np.ceil(row["need"] + off)
    assert found.loc["", "hours_expected"] == 18.0
    assert found["hours_expected"].notna().sum() <= 2
    hidden = {x.groups[r] for x in reports for r in np.flatnonzero(~x.shown)}
    assert hidden.isdisjoint(found[found["shown"] == found["categories"]].index)
    half = replace(reports[0], headcount=np.where(np.array(reports[0].groups) == "м01", 99.0, np.nan))
    persons = cdx.groups.total_demand([half, reports[1]]).set_index("group")["persons"]
    assert persons["м01"] == 99 + (reports[1].n[reports[1].groups.index("м01")])
    assert np.isnan(persons[""])  # of some places headcounts, of others those assessed
    assert persons.drop(["", "м01"]).notna().all()  # a narrowest place without one stands for those assessed
    for wrong in ([reports[0], reports[0]], [reports[0], quiet(region()[0], "part", draws=100)]):
        with pytest.raises(GroupError, match="different categories"):
            cdx.groups.total_demand(wrong)
    with pytest.raises(GroupError, match="1 tables"):
        cdx.groups.total_demand(reports, demand[:1])


@pytest.mark.parametrize("name", ["a / b", "a/b", "/ b", "a //", "a // b / c", "a", "7"])
def test_hours_of_a_place_are_found_by_the_name_that_persons_have(name: str) -> None:
    """Groups write a slash that stands apart once more; demand calls places as the table does."""
    profiles, *_ = region()
    places = np.array([name, "x", "y"], dtype=object)[np.arange(len(profiles)) % 3]
    found = quiet(replace(profiles, background={"place": places}), "place", draws=100)
    demand = pd.DataFrame({"group": ["", name, "x", "y"], "hours_expected": [6.0, 1, 2, 3], "hours_low": 0, "hours_high": 9})
    demand["group"] = [int(g) if g == "7" else g for g in demand["group"]]  # as a table read from a file has it
    assert sorted(cdx.groups.total_demand([found], [demand])["hours_expected"]) == [1, 2, 3, 6]


@pytest.mark.parametrize(
    ("sizes", "language"), [(None, "ru"), ({"м01": 300}, "en"), ({f"м{g:02d}": 300 for g in range(16)}, "ru"), ({"м01": 300}, "ru")]
)
def test_whom_the_numbers_of_all_categories_count_is_said(
    tmp_path: Path, language: Literal["ru", "en"], sizes: dict[str, int] | None
) -> None:
    """No need of more persons than a row says it is about, without a word on them."""
    reports = [quiet(region()[0], "municipality", draws=100, population_sizes=sizes), category("DEF", 2)]
    page = cdx.report(reports, tmp_path / "r", language=language).read_text(encoding="utf-8")
    part = {"ru": "численность не везде", "en": "headcounts in part"}[language]
    assert page.split("</table>")[0].count(part) == page.split("</table>")[1].count(part) == (len(sizes or ()) == 1)
    assert not re.search(r"\d\.0\b", re.sub(r"(?s)<style>.*?</style>", "", page))
    if sizes:
        n = int(reports[1].n[reports[1].groups.index("м01")]) + 300
        assert {"ru": f"из {n}<", "en": f"of {n}<"}[language] in page


@pytest.mark.parametrize("language", ["ru", "en"])
def test_categories_stand_on_one_page_and_are_not_compared(tmp_path: Path, language: Literal["ru", "en"]) -> None:
    reports = [category("ABC", 1), category("DEF", 2)]
    page = cdx.report(reports, tmp_path / "r", language=language).read_text(encoding="utf-8")
    assert not re.search(r"\bmean\b|средн", re.sub(r"(?s)<style>.*?</style>", "", page).split("<main>")[1].lower())
    for code, one in (("ABC", reports[0]), ("DEF", reports[1])):
        assert f'href="{code}/index.html"' in page
        assert "../index.html" in (tmp_path / "r" / code / "index.html").read_text(encoding="utf-8")
        assert len([*(tmp_path / "r" / code / "groups").iterdir()]) == one.shown.sum() - 1
    hidden = [name for name in reports[0].groups[1:] if all(name not in x.groups or not x.shown[x.groups.index(name)] for x in reports)]
    assert not [name for name in hidden if f">{name}<" in page]
    assert not (tmp_path / "r" / "result.json").exists()
    for suffix in (".csv", ".xlsx", ".html"):
        assert cdx.report(reports, tmp_path / f"r{suffix}", language=language).is_file()
    with pytest.raises(ReportError, match="several categories"):
        cdx.report(reports, tmp_path / "r.json")
    with pytest.raises(ReportError, match="DeficitProfiles"):
        cdx.report([reports[0], region()[0]], tmp_path / "x")
