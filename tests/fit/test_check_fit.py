"""Fit: items that do not hold are named, those that do are kept, whatever the order, the design and the population."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import competency_dx as cdx
from competency_dx.errors import FitError
from competency_dx.fit.api import tied_items
from competency_dx.fit.whole_model import Left
from competency_dx.kernels.item_fit import adjusted, cells, given_sum, item_misfit, pearson
from competency_dx.kernels.residual_fit import alike, chance_components, components, detect

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
    assert np.isfinite(fit.s_p).all() == np.isfinite(fit.c2).all() == (not booklets)
    assert abs(fit.infit_z[3]) > 3


def test_items_that_follow_the_model_are_kept_and_p_is_uniform() -> None:
    fits = [checked(answers(seed, booklets=bool(seed % 2)), tried=0) for seed in range(4)]
    assert np.mean([[v == "keep" for v in fit.verdicts] for fit in fits]) > 0.9
    p = np.concatenate([fit.p for fit in fits])
    assert kstest(p, "uniform").pvalue > 0.001
    z = np.concatenate([[fit.infit_z, fit.outfit_z] for fit in fits], axis=1)
    assert np.abs(z.mean()) < 0.25
    assert 0.8 < z.std() < 1.2


def test_dependent_items_are_a_testlet_and_the_calibration_follows() -> None:
    data = answers(odd="text")
    fit = checked(data)
    assert ("i7", "i8") in fit.testlets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = cdx.calibrate(data, dimensions=fit.testlet_matrix(), method=cdx.MarginalML(integration="bifactor"))
    assert again.certificate.integration == "dimension reduction"
    second = checked(data, again, tried=2)
    assert second.q3[7, 8] < fit.q3[7, 8] - 0.2
    assert second.c2[0] < fit.c2[0]
    assert np.isnan(second.lz_star).all()
    assert np.isfinite(second.p).all()
    plain = cdx.fit.compare({"testlet": again, "one": cdx.calibrate(data)})
    assert plain["model"].tolist() == ["one", "testlet"]
    assert plain["p"][1] < 1e-3


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
    assert alike(codes, np.ones((4, 40), dtype=np.bool_), prob, 4.0) == [(1, 3)]


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


def test_small_tools() -> None:
    assert adjusted(np.array([0.01, 0.04, np.nan, 0.03])) == pytest.approx([0.03, 0.04, np.nan, 0.04], nan_ok=True)
    q3 = np.eye(4) + 0.5 * (np.add.outer(np.arange(4), np.arange(4)) == 1)
    left = Left(q3, 20 * (q3 - np.eye(4)), 3.0, 0.0, np.zeros((4, 4)))
    assert tied_items(left, [None] * 4) == [(0, 1)]
    assert tied_items(replace_z(left), ["text", "text", None, "text"]) == [(0, 1)]
    chance = chance_components(5, 400, 60, np.random.default_rng(1))
    drawn = [components(np.asarray(np.corrcoef(np.random.default_rng(k).normal(size=(400, 5)).T))) for k in range(60)]
    np.testing.assert_allclose(chance.mean(axis=0), np.mean(drawn, axis=0), atol=0.02)
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(3000, 2))
    x = (rng.random((3000, 12)) < 1 / (1 + np.exp(-1.5 * np.repeat(theta, 6, axis=1)))).astype(np.int8)
    assert detect(x, np.arange(12) // 6)[0] > 1
    one = (rng.random((3000, 12)) < 1 / (1 + np.exp(-1.5 * theta[:, :1]))).astype(np.int8)
    assert abs(detect(one, np.arange(12) // 6)[0]) < 0.1


def replace_z(left: Left) -> Left:
    z = left.q3_z.copy()
    z[1, 3] = 2.0
    return left._replace(q3_z=z)


def test_refusals() -> None:
    data = answers()
    c = cdx.calibrate(data)
    with pytest.raises(FitError, match="30 persons"):
        checked(data.iloc[:20], c)
    with pytest.raises(FitError, match="two calibrations"):
        cdx.fit.compare({"a": c, "b": cdx.calibrate(answers(2))})
    same = checked(data, c, tried=0)
    assert same.to_json() == checked(data, c, tried=0).to_json()
    assert replace(same, persons=same.persons).to_frame().shape[0] == I
