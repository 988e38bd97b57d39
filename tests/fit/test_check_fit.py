"""Fit: items that do not hold are named, those that do are kept, whatever the order, the design and the population."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import competency_dx as cdx
from competency_dx.errors import FitError
from competency_dx.fit.api import tied_items
from competency_dx.fit.residuals import Part
from competency_dx.fit.whole_model import MOST_PAIRS, SEED, Left, limited, pairs_of
from competency_dx.kernels.residual_fit import (
    adjusted,
    alike,
    cells,
    chance_components,
    chance_sets,
    components,
    detect,
    given_sum,
    item_misfit,
    pearson,
    tied_sets,
)
from competency_dx.persons import match
from competency_dx.quality import local_dependence
from competency_dx.responses import MissingPolicy

N, I = 800, 16


def answers(seed: int = 1, persons: int = N, *, booklets: bool = False, odd: str = "") -> pd.DataFrame:
    """Return 2PL answers; item i3 has a curve that is no logistic one, items i7 and i8 share a text, or one person copies."""
    rng = np.random.default_rng(seed)
    a, b, theta = rng.lognormal(0, 0.25, I), np.linspace(-1.5, 1.5, I), rng.normal(size=persons)
    logit = a * (theta[:, None] - b)
    if odd == "curve":
        logit[:, 3] = np.where(np.abs(theta) < 0.8, 2.2, -1.0)
    if odd == "text":
        logit[:, 7:9] += 1.8 * rng.normal(size=(persons, 1))
    x = (rng.random((persons, I)) < 1 / (1 + np.exp(-logit))).astype(float)
    if odd == "copy":
        x[5] = x[4] = rng.permutation(np.arange(I) % 2)
    if booklets:
        x[(np.arange(I) * 3 // I)[None] == (np.arange(persons) % 3)[:, None]] = np.nan
    return pd.DataFrame(x, columns=[f"i{k}" for k in range(I)]).astype("Int64")


def checked(data: Any, parameters: Any = None, **how: Any) -> cdx.fit.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cdx.check_fit(data, cdx.calibrate(data) if parameters is None else parameters, **how)


@pytest.mark.parametrize("booklets", [False, True])
def test_an_item_with_another_curve_is_named_and_its_effect_shown(booklets: bool) -> None:
    fit = checked(answers(booklets=booklets, odd="curve", persons=1500))
    assert fit.by_trouble[0] == 3
    assert fit.verdicts[3] in {"repair", "drop"}
    assert fit.p_adjusted[3] < 1e-6
    assert fit.rmsd[3] > 0.1
    assert 0 < fit.states_changed[3] < 0.5
    assert "i3" in fit.named("repair", "drop")
    assert np.isfinite(fit.s_p).all() == (not booklets)
    assert np.isfinite(fit.c2).all()
    assert abs(fit.infit_z[3]) > 3


def test_items_that_follow_the_model_are_kept_and_p_is_uniform() -> None:
    fits = [checked(answers(seed, booklets=bool(seed % 2)), tried=0) for seed in range(4)]
    assert np.mean([[v == "keep" for v in fit.verdicts] for fit in fits]) > 0.9
    p = np.concatenate([fit.p for fit in fits])
    assert kstest(p, "uniform").pvalue > 0.001
    z = np.concatenate([[fit.infit_z, fit.outfit_z] for fit in fits], axis=1)
    assert np.abs(z.mean()) < 0.25
    assert 0.8 < z.std() < 1.2
    for fit in fits:
        for x, far, se in ((fit.infit, fit.infit_z, fit.se_infit), (fit.outfit, fit.outfit_z, fit.se_outfit)):
            assert (x - 1) / se == pytest.approx(far, abs=1e-6)
        lines, rows = fit.chart("infit").series[0], fit.by_trouble[::-1]
        assert np.array(lines.high) - np.array(lines.low) == pytest.approx(
            2 * 1.96 * fit.se_infit[rows], rel=1e-3
        )  # however near 1 the infit is


def test_earlier_documents_have_no_errors_of_infit_and_show_no_intervals() -> None:
    fit = checked(answers(), tried=0)
    document = {k: x for k, x in json.loads(fit.to_json()).items() if not k.startswith("se_")} | {"schema_version": 2}
    before = cdx.fit.Fit.from_json(json.dumps(document))
    assert np.isnan(np.array(before.chart("infit").series[0].low)).all()
    assert before.to_frame()["se_infit"].isna().all()


def test_dependent_items_are_a_testlet_and_the_calibration_follows() -> None:
    data = answers(odd="text")
    fit = checked(data)
    assert ("i7", "i8") in fit.testlets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = cdx.calibrate(data, dimensions=fit.testlets)
    assert again.certificate.integration == "dimension reduction"
    assert "dimensions=fit.testlets" in next(f for f in fit.findings if f.code == "fit.testlets").en
    named = {f"testlet{k + 1}": [int(i in s) for i in fit.items] for k, s in enumerate(fit.testlets)}
    matrix = pd.DataFrame({"theta": 1, **named}, index=pd.Index(fit.items, name="item"))
    assert cdx.calibrate(data, dimensions=matrix, method=cdx.MarginalML(integration="bifactor")).digest == again.digest
    second = checked(data, again, tried=2)
    assert second.q3[7, 8] < fit.q3[7, 8] - 0.2
    assert second.c2[0] < fit.c2[0]
    assert np.isnan(second.lz_star).all()
    assert np.isfinite(second.p).all()
    plain = cdx.fit.compare({"testlet": again, "one": cdx.calibrate(data)})
    assert plain["model"].tolist() == ["one", "testlet"]
    assert plain["p"][1] < 1e-3


@pytest.mark.parametrize("wrong", [(("i1", "i99"),), ("i1", "i2"), (("i1", "i2"), ("i2", "i3")), (("i4",),)])
def test_sets_of_items_that_cannot_be_testlets_are_refused(wrong: Any) -> None:
    with pytest.raises(cdx.errors.CalibrationError, match=r"take fit\.testlets"):
        cdx.calibrate(answers(), dimensions=wrong)
    assert cdx.calibrate(answers(), dimensions=()).population.dimensions == ("theta",)


def tied(seed: int, size: tuple[int, int], sets: tuple[tuple[int, ...], ...], *, booklets: bool = False) -> pd.DataFrame:
    """Return 2PL answers of persons x items; the items of each set share a normal variable of 1 logit."""
    rng = np.random.default_rng([seed, *size])
    logit = rng.lognormal(0, 0.25, size[1]) * (rng.normal(size=(size[0], 1)) - rng.normal(size=size[1]))
    for of in sets:
        logit[:, of] += rng.normal(size=(size[0], 1))
    x = (rng.random(size) < 1 / (1 + np.exp(-logit))).astype(float)
    if booklets:
        x[(np.arange(size[1]) * 3 // size[1])[None] == (np.arange(size[0]) % 3)[:, None]] = np.nan
    return pd.DataFrame(x, columns=[f"i{k}" for k in range(size[1])]).astype("Int64")


@pytest.mark.parametrize("sets", [((3, 4, 5, 6, 7),), ((1, 2, 3), (10, 11, 12, 13))])
@pytest.mark.parametrize("booklets", [False, True])
def test_a_testlet_is_found_by_the_joint_evidence_of_its_items(sets: tuple[tuple[int, ...], ...], booklets: bool) -> None:
    right, foreign, n = 0, 0, 4
    for seed in range(n):
        found = checked(tied(seed, (2500 if booklets else 1000, 24), sets, booklets=booklets), tried=0)
        names = {tuple(f"i{k}" for k in of) for of in sets}
        right += {*found.testlets} == names
        foreign += len({i for of in found.testlets for i in of} - {i for of in names for i in of})
        assert found.testlets
        first = next(iter(found.testlets))
        assert all(found.verdicts[found.items.index(i)] != "keep" for i in first)
        assert set(first) - {first[0]} <= set(found.reason(first[0]).replace(",", " ").split())
    assert right >= n // 2
    assert foreign <= 2


@pytest.mark.parametrize(("size", "booklets"), [((300, 20), False), ((1000, 30), False), ((600, 30), True)])
def test_without_dependence_sets_are_rarely_suggested(size: tuple[int, int], booklets: bool) -> None:
    assert sum(bool(checked(tied(seed, size, (), booklets=booklets), tried=0).testlets) for seed in range(6)) <= 2


@pytest.mark.parametrize("model", ["2PL", "Rasch"])
@pytest.mark.parametrize("at", [(7, 12), (18, 19)])
def test_a_repeated_item_is_named_first_and_innocents_are_left_alone(model: str, at: tuple[int, int]) -> None:
    for seed in range(2):
        data = tied(seed, (800, 20), ())
        data[f"i{at[1]}"] = data[f"i{at[0]}"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = cdx.check_fit(data, cdx.calibrate(data, model=model), tried=0)
        assert fit.testlets[0] == (f"i{at[0]}", f"i{at[1]}")
        assert {fit.items[k] for k in fit.by_trouble[:2]} == {f"i{at[1]}", f"i{at[0]}"}
        assert f"i{at[1]}" in fit.named("drop", "repair")
        assert f"i{at[0]}" in fit.reason(f"i{at[1]}")
        others = [i for i in fit.named("repair", "drop", "look") if i not in fit.testlets[0]]
        assert len([i for i in others if any(r.code.startswith("fit.") and i in r.scope for r in fit.reasons)]) <= (
            1 if model == "2PL" else 4
        )


def test_the_model_is_judged_by_whoever_answered_each_pair() -> None:
    """Answers missing by design: nothing of the model that holds, much the same RMSEA as of all answers of one that does not."""
    p = [checked(answers(seed, booklets=True), tried=0).c2[2] for seed in range(8)]
    assert kstest(p, "uniform").pvalue > 0.01
    whole, some = (checked(answers(3, 3000, booklets=booklets, odd="text"), tried=0) for booklets in (False, True))
    assert max(whole.c2[2], some.c2[2]) < 1e-3
    assert some.c2[3] == pytest.approx(whole.c2[3], rel=0.35)
    assert not [f for f in some.findings if f.code == "fit.by_ability"]


def test_where_ability_decides_who_is_asked_the_model_is_not_judged_by_pairs() -> None:
    data = answers(2, 1500)
    low = data.iloc[:, :8].sum(axis=1) < 5
    data.loc[low, [f"i{k}" for k in range(12, 16)]] = pd.NA
    fit = checked(data, tried=0)
    assert np.isnan(fit.m2).all()
    assert [set(f.scope) for f in fit.findings if f.code == "fit.by_ability"] == [{"i12", "i13", "i14", "i15"}]
    assert (fit.p_adjusted > 0.01).all()  # the rest holds


def test_of_very_many_items_some_pairs_tell_of_the_model_whatever_the_order() -> None:
    rng, names = np.random.default_rng(4), [f"i{k}" for k in range(95)]
    logit = rng.normal(size=(500, 1)) - rng.normal(size=95)
    data = pd.DataFrame((rng.random((500, 95)) < 1 / (1 + np.exp(-logit))).astype(int), columns=names)
    c = cdx.calibrate(data, model="Rasch")
    known = c.parameters
    found = []
    for order in (np.arange(95), rng.permutation(95)):
        matched = match(cdx.load_responses(data.iloc[:, order]), known, MissingPolicy())
        first, second = pairs_of(known.items, matched.observed)
        found.append({*zip(first.tolist(), second.tolist(), strict=True)})
    assert found[0] == found[1]
    assert len(found[0]) == MOST_PAIRS
    assert np.ptp(np.bincount(np.ravel([*found[0]]))) <= 2  # as many of each item
    m2 = limited(c, Part.of(np.arange(500), matched, known), (first, second))[0]
    assert m2[1] == 95 + MOST_PAIRS - 96
    assert m2[2] > 1e-3


def test_the_same_persons_in_another_order_are_the_same_answers() -> None:
    data = answers(odd="text")
    data.index = [f"p{k}" for k in range(N)]
    c, order = cdx.calibrate(data), np.random.default_rng(3).permutation(N)
    one, other = (checked(table, c, tried=0) for table in (data, data.iloc[order, ::-1]))
    assert not [f for f in other.findings if f.code == "fit.other_sample"]
    np.testing.assert_allclose(other.m2, one.m2, rtol=1e-8)
    np.testing.assert_allclose(other.lz_star, one.lz_star[order], rtol=1e-6)
    assert list(other.persons) == list(one.persons[order])
    assert other.testlets == one.testlets
    changed = data.copy()
    changed["i0"] = 1 - changed["i0"]
    assert [f for f in checked(changed, c, tried=0).findings if f.code == "fit.other_sample"]


def test_order_of_persons_and_items_changes_nothing() -> None:
    data = answers(odd="text")
    c = cdx.calibrate(data)
    one, rng = checked(data, c, tried=0), np.random.default_rng(2)
    columns = rng.permutation(I)
    other = checked(data.iloc[:, columns], c, tried=0)
    np.testing.assert_allclose(other.p, one.p, rtol=1e-6)
    mixed = data.iloc[rng.permutation(N)]
    again = checked(mixed, cdx.calibrate(mixed), tried=0)
    np.testing.assert_allclose(again.s_x2, one.s_x2, rtol=1e-5)
    np.testing.assert_allclose(again.outfit, one.outfit, rtol=1e-5)
    np.testing.assert_allclose(again.c2, one.c2, rtol=1e-4)


def test_another_sample_and_a_bank_have_the_errors_of_their_parameters() -> None:
    c = cdx.calibrate(answers(1))
    fit = checked(answers(2), c)
    assert np.isnan(fit.c2).all()
    assert any(f.code == "fit.other_sample" for f in fit.findings)
    assert (fit.p_adjusted > 0.01).all()
    bank = cdx.load_bank("mathematics")
    drawn = cdx.simulate(bank, 200, rng=np.random.default_rng(1))
    found = checked(drawn, bank, tried=1)
    assert np.isfinite(found.detect).all()
    assert found.verdicts.count("keep") > 0.9 * len(found.items)


def test_items_of_a_bank_are_set_aside_with_one_argument() -> None:
    bank = cdx.load_bank("mathematics")
    first = bank.items[0].id
    fewer = bank.without([first])
    assert fewer.version != bank.version
    assert first not in {r.item for r in fewer.parameters}
    assert len(fewer.items) == len(bank.items)
    person = cdx.simulate(bank, 5, rng=np.random.default_rng(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not np.array_equal(cdx.diagnose(person, fewer).percent, cdx.diagnose(person, bank).percent)
    with pytest.raises(cdx.errors.BankError):
        bank.without(["nothing"])


def test_groups_and_several_competencies() -> None:
    data = answers(3)
    method = cdx.MarginalML(population=cdx.calibration.Population(by=["a", "b"] * (N // 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        two = cdx.calibrate(data, dimensions={c: "xy"[k % 2] for k, c in enumerate(data.columns)})
        grouped = cdx.calibrate(data, method=method)
    fit = checked(data, two)
    assert fit.c2[2] > 1e-3
    assert np.isfinite(fit.lz_star).all()
    assert np.abs(fit.lz_star.mean()) < 0.25
    assert set(fit.clusters) == {"x", "y"}
    assert (checked(data, grouped, tried=0).p_adjusted > 1e-3).all()


def test_persons_who_contradict_themselves_copy_or_stop() -> None:
    data = answers(odd="copy").to_numpy(dtype=float)
    data[10] = np.arange(I) >= I // 2  # the easy ones wrong, the hard ones right
    data[11] = np.arange(I) < 6
    frame = pd.DataFrame(data.astype(int), columns=[f"i{k}" for k in range(I)])
    fit = checked(frame, tried=0)
    assert "misfit" in fit.flags[10]
    assert fit.person_infit[10] > 1.5
    assert np.mean([bool(f) for f in fit.flags]) < 0.03
    prob = np.full((4, 40, 2), 0.5)
    codes = np.random.default_rng(1).integers(0, 2, (4, 40)).astype(np.int8)
    codes[3] = codes[1]
    assert [with_ != "" for with_ in fit.alike_with] == ["alike" in f for f in fit.flags]
    whole = np.ones((4, 40), dtype=np.bool_)
    assert alike(codes, whole, prob, 1e-4) == [(1, 3)]
    for n in (20, 30):  # chance makes all answers the same in one of 2^n pairs
        some = (codes[:, :n], np.where(codes[:, :n, None] == np.arange(2), 0.95, 0.05))
        assert alike(codes[:, :n], whole[:, :n], prob[:, :n], 1.01 * 0.5**n) == [(1, 3)]
        assert alike(codes[:, :n], whole[:, :n], prob[:, :n], 0.99 * 0.5**n) == []
        assert alike(some[0], whole[:, :n], some[1], 0.9 * (0.95**2 + 0.05**2) ** n) == []


def test_one_answer_to_a_rating_scale_is_straight_lining_and_no_copy() -> None:
    rng = np.random.default_rng(5)
    step, theta = np.sort(rng.normal(size=(20, 4)), axis=1), rng.normal(size=(500, 1, 1))
    p = np.exp(np.cumsum(np.concatenate([np.zeros((500, 20, 1)), theta - step], axis=2), axis=2))
    x = (rng.random((500, 20, 1)) > (p / p.sum(axis=2, keepdims=True)).cumsum(axis=2)).sum(axis=2).clip(0, 4)
    x[5:8], x[8:10, :16], x[8:10, 16:] = 2, 2, [0, 4, 1, 3]
    x[20] = x[21]
    data = pd.DataFrame(x, columns=[f"i{k}" for k in range(20)])
    fit = checked(data, cdx.calibrate(data, model="GPCM"), tried=0)
    assert [k for k in range(500) if "one_option" in fit.flags[k]] == [5, 6, 7]
    assert [k for k in range(500) if "alike" in fit.flags[k]] == [20, 21]
    assert [w for w in fit.alike_with if w] == [str(fit.persons[21]), str(fit.persons[20])]
    assert fit.persons_frame()["alike_with"][20] == str(fit.persons[21])
    pairs = next(f for f in fit.findings if f.code == "fit.alike").facts["pairs"]
    assert [list(pair) for pair in pairs] == [[str(fit.persons[20]), str(fit.persons[21])]]


def test_options_of_one_answer_are_flagged() -> None:
    bank = cdx.load_bank("mathematics")
    single = [item for item in bank.items if item.type == "single"][:14]
    rng = np.random.default_rng(3)
    rows = {i.id: [i.key if rng.random() < 0.6 else str(rng.choice(list(i.options))) for _ in range(59)] + ["3"] for i in single}
    fit = checked(cdx.load_responses(pd.DataFrame(rows), bank=bank), bank, tried=0)
    assert "one_option" in fit.flags[-1]


def test_expected_given_the_sum_adds_up() -> None:
    rng = np.random.default_rng(4)
    prob, weight, K = rng.dirichlet(np.ones(3), (4, 5)).transpose(0, 2, 1), np.full(5, 0.2), np.array([3, 3, 2, 3])
    prob[2, :2] /= prob[2, :2].sum(axis=0)
    tables = [given_sum(prob, weight, K, i) for i in range(4)]
    for s in range(1, 7):
        assert sum(np.nansum(t[s] * np.arange(t.shape[1])) for t in tables) == pytest.approx(s)


def test_cells_are_merged_until_each_expects_enough() -> None:
    assert cells(np.array([0.2, 0.9, 3.0, 0.1])).tolist() == [0, 0, 1, 1]
    assert cells(np.array([0.2, 0.3])).tolist() == [0, 0]
    table = np.array([[0.5, 0.2], [4.0, 6.0], [5.0, 5.0], [1.0, 0.3]])
    assert pearson(table, table) == (0.0, 2)


def test_what_the_item_itself_was_fitted_to_is_taken_out() -> None:
    """Estimated or not, and with any prior: after the correction the parameters of the item have no part in its statistic."""
    rng = np.random.default_rng(5)
    level = rng.normal(size=2000)
    p = 1 / (1 + np.exp(-level))
    x = (rng.random(2000) < p).astype(int)
    found = []
    for shift in (0.0, 0.05):
        q = 1 / (1 + np.exp(-level - shift))
        prob = np.stack([1 - q, q], axis=1)
        slope = (q * (1 - q))[:, None, None] * np.array([-1.0, 1.0])[:, None] * np.ones((1, 1, 1))
        rank = np.argsort(np.argsort(level)) * 10 // 2000
        found.append(item_misfit(prob, slope, x, np.arange(2.0), rank, None)[0])
    assert found[0][0] == pytest.approx(found[1][0], rel=0.05)
    assert found[0][1] == pytest.approx(9, abs=0.05)


def by_chance(persons: int, b: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
    """Return chance of Rasch items of these difficulties, and what draws z of pairs of their answers."""
    theta, weight = (
        np.linspace(-6, 6, 61),
        np.exp(-(np.linspace(-6, 6, 61) ** 2) / 2) / np.exp(-(np.linspace(-6, 6, 61) ** 2) / 2).sum(),
    )
    p = 1 / (1 + np.exp(b[:, None] - theta))
    implied = (p * weight) @ p.T - np.outer(p @ weight, p @ weight)
    np.fill_diagonal(implied, (p @ weight) * (1 - p @ weight))
    spread, whole = np.sqrt(np.diag(implied)), np.ones((persons, len(b)), dtype=np.bool_)
    scale = np.sqrt((p * (1 - p) * weight) @ (p * (1 - p)).T) / np.outer(spread, spread)
    curves = np.stack([1 - p, p], axis=1), np.tile(np.arange(2.0), (len(b), 1)), weight

    def drawn() -> np.ndarray:
        answers = (rng.random((persons, len(b))) < 1 / (1 + np.exp(b - rng.normal(size=(persons, 1))))).astype(np.int8)
        of = local_dependence(answers, whole, implied, np.zeros(len(b), dtype=np.int64))
        return np.asarray(np.nan_to_num(of.excess * of.stretch / scale) * ~np.eye(len(b), dtype=np.bool_))

    return chance_sets(whole, curves, implied, scale, rng), drawn


@pytest.mark.parametrize(("persons", "items"), [(300, 6), (1000, 8)])
def test_any_set_of_a_short_test_without_dependence_is_one_in_twenty(persons: int, items: int) -> None:
    """Covariances of few answers to easy and hard items are skew: by normal ones there were sets in up to one test in seven."""
    told = []
    for seed in (7, 8, 9):
        chance, drawn = by_chance(persons, np.linspace(-1.8, 1.8, items), np.random.default_rng(seed))
        told += [len(tied_sets(drawn(), chance)) > 0 for _ in range(200)]
    assert 0.03 < np.mean(told) < 0.08  # a standard error is .01, with that of the bounds


def test_small_tools() -> None:
    assert adjusted(np.array([0.01, 0.04, np.nan, 0.03])) == pytest.approx([0.03, 0.04, np.nan, 0.04], nan_ok=True)
    bare, _ = by_chance(500, np.linspace(-1, 1, 9), np.random.default_rng(SEED))
    q3 = np.eye(9)
    q3[:4, :4] += 0.5 * (np.add.outer(np.arange(4), np.arange(4)) == 1)
    left = Left(q3, 20 * (q3 - np.eye(9)), 3.0, 0.0, np.zeros((4, 9)), bare)
    assert tied_items(left, [None] * 9, 0.0) == [(0, 1)]
    z = left.q3_z.copy()
    z[2, 3] = z[3, 2] = 2.0
    assert tied_items(left._replace(q3_z=z), ["text", "text", "other", "other", *[None] * 5], 0.0) == [(0, 1), (2, 3)]
    chance = chance_components(5, 400, 60, np.random.default_rng(1))
    drawn = [components(np.asarray(np.corrcoef(np.random.default_rng(k).normal(size=(400, 5)).T))) for k in range(60)]
    np.testing.assert_allclose(chance.mean(axis=0), np.mean(drawn, axis=0), atol=0.02)
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(3000, 2))
    x = (rng.random((3000, 12)) < 1 / (1 + np.exp(-1.5 * np.repeat(theta, 6, axis=1)))).astype(np.int8)
    assert detect(x, np.arange(12) // 6)[0] > 1
    one = (rng.random((3000, 12)) < 1 / (1 + np.exp(-1.5 * theta[:, :1]))).astype(np.int8)
    assert abs(detect(one, np.arange(12) // 6)[0]) < 0.1


def test_refusals() -> None:
    data = answers()
    c = cdx.calibrate(data)
    with pytest.raises(FitError, match="30 persons"):
        checked(data.iloc[:20], c)
    with pytest.raises(FitError, match="two calibrations"):
        cdx.fit.compare({"a": c, "b": cdx.calibrate(answers(2))})
    same = checked(data, c, tried=0)
    with pytest.raises(FitError, match="no item zz"):
        same.reason("zz")
    with pytest.raises(FitError, match="no verdicts foo"):
        same.named("keep", "foo")  # type: ignore[arg-type]
    assert same.to_json() == checked(data, c, tried=0).to_json()
    assert replace(same, persons=same.persons).to_frame().shape[0] == I


def test_an_item_that_all_answer_alike_stops_nothing() -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((400, 10)) < 1 / (1 + np.exp(rng.normal(0, 1, 10) - 1.2 * rng.normal(0, 1, (400, 1))))).astype(int)
    table = pd.DataFrame(x, columns=[f"q{i}" for i in range(10)])
    old = cdx.calibrate(table)
    assert len(cdx.check_fit(table.assign(q5=1), old).to_frame()) == 10


def test_unknown_names_are_told_and_reasons_are_true() -> None:
    data = answers()
    c = cdx.calibrate(data)
    found = checked(data.rename(columns={data.columns[0]: "zz"}), c, tried=0)
    assert next(f.scope for f in found.findings if f.code == "persons.no_parameters") == ("zz",)
    for how, message in (({"clusters": {"zz": "x"}}, "zz"), ({"tried": -1}, "0 or more")):
        with pytest.raises(FitError, match=message):
            cdx.check_fit(data, c, **how)
    rng = np.random.default_rng(5)
    x = (rng.random((400, 8)) < 1 / (1 + np.exp(-rng.normal(0, 1.2, (400, 1))))).astype(int)
    x[:, 3] = np.arange(400) > 0
    table = pd.DataFrame(x, columns=[f"q{i}" for i in range(8)])
    alike = checked(table, tried=0)
    assert "Nearly all answers are alike" in alike.reason("q3", "en")


@pytest.mark.parametrize("model", ["Rasch", "2PL"])
def test_few_clean_items_have_no_testlets(model: str) -> None:
    """What is left between three items is rounding, for their factors take up everything; of five hardly more."""
    for I, seed in [(3, 0), (3, 1), (3, 2), (3, 3), (4, 0), (5, 0), (5, 1), (5, 2)]:
        rng = np.random.default_rng(seed)
        x = rng.random((500, I)) < 1 / (1 + np.exp(rng.normal(0, 1, I) - 1.1 * rng.normal(0, 1, (500, 1))))
        table = pd.DataFrame(x.astype(int), columns=[f"q{i}" for i in range(I)])
        assert not checked(table, cdx.calibrate(table, model=model), tried=0).testlets
