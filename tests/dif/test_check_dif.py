"""Items that differ between groups: difR, MASS and mirt on real data, full refits, symmetries, known differences found again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit, ndtr

import competency_dx as cdx
from competency_dx.dif import DIF
from competency_dx.dif.api import association, log_odds, regressions, standardised, strata_of
from competency_dx.dif.item_differences import crossing
from competency_dx.dif.tied_groups import Difference, tied_groups
from competency_dx.errors import CompetencyDxWarning, DIFError

Floats = NDArray[np.float64]
Quiet = Callable[[], AbstractContextManager[None]]


class Reference:
    """Answers, groups and what R says of them."""

    def __init__(self, answers: pd.DataFrame, group: list[str], first: str, theirs: dict[str, Any]) -> None:
        self.answers, self.group, self.first, self.theirs = answers, group, first, theirs

    def differences(self, model: str) -> tuple[cdx.Calibration, list[Difference]]:
        """Return each item freed beside all others held the same, from one calibration."""
        data = cdx.load_responses(self.answers)
        population = cdx.calibration.Population(by=self.group, reference=self.first)
        common = cdx.calibrate(data, model=model, priors=None, method=cdx.MarginalML(population=population))
        of = tied_groups(common, *data.effective(), np.array([common.groups.index(g) for g in self.group]))
        base = of.maximum((), of.start, of.information(of.start))
        assert base is not None
        return common, [of.freed(i, base, (), 60.0) for i in range(len(data.items))]

    def strata(self, matching: NDArray[np.bool_] | None = None) -> list[Any]:
        codes, I = self.answers.to_numpy().astype(np.int8), self.answers.shape[1]
        group = np.array([int(g != self.first) for g in self.group])
        use = np.ones(I, dtype=np.bool_) if matching is None else matching
        return [strata_of(codes, np.ones(codes.shape, dtype=np.bool_), group, i, use) for i in range(I)]


@pytest.fixture(scope="module")
def theirs(shared: Callable[[str], Path]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared("dif.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def verbal(verbagg: pd.DataFrame, theirs: dict[str, Any]) -> Reference:
    return Reference((verbagg > 0).astype(int), theirs["verbagg"]["gender"], "F", theirs["verbagg"])


@pytest.fixture(scope="module")
def fims(shared: Callable[[str], Path], theirs: dict[str, Any]) -> Reference:
    table = pd.read_csv(shared("data/fims_aus_jpn.csv"))
    return Reference(table[theirs["fims"]["difR"]["MH"]["item"]], [str(x) for x in table["country"]], "1", theirs["fims"])


@pytest.mark.parametrize("name", ["verbal", "fims"])
def test_persons_with_as_many_points_compared_as_difr_does(name: str, request: pytest.FixtureRequest) -> None:
    """Mantel-Haenszel without correction, standardisation, logistic regression; purified where difR got there."""
    of = request.getfixturevalue(name)
    r, strata = of.theirs["difR"], of.strata()
    np.testing.assert_allclose([association(s.n)[0] for s in strata], r["MH_no_continuity"]["chi2"], atol=1e-6)
    np.testing.assert_allclose([2.35 * log_odds(s.n)[1] for s in strata], r["MH"]["delta_MH"], atol=1e-8)
    np.testing.assert_allclose([standardised(s.n)[1] for s in strata], r["standardization"]["PDIF"], atol=1e-9)
    fits = np.array([regressions(s) for s in strata])
    for test, (low, high) in {"logistic_udif": (1, 2), "logistic_nudif": (2, 3), "logistic_both": (1, 3)}.items():
        np.testing.assert_allclose(2 * (fits[:, high] - fits[:, low]), r[test]["chi2"], atol=1e-6)
    if name == "verbal":  # of 6371 persons the likelihoods of difR underflow, and everything is flagged
        anchor = ~np.isin(r["MH"]["item"], r["MH_purified"]["flagged"])
        np.testing.assert_allclose([2.35 * log_odds(s.n)[1] for s in of.strata(anchor)], r["MH_purified"]["delta_MH"], atol=1e-8)


def test_several_scores_compared_as_r_does(verbagg: pd.DataFrame, theirs: dict[str, Any]) -> None:
    """The generalised statistic of mantelhaen.test, and proportional odds of polr, which stops earlier."""
    r, of = theirs["verbagg_poly"], Reference(verbagg, theirs["verbagg"]["gender"], "F", theirs)
    strata = of.strata()
    found = [association(s.n) for s in strata]
    np.testing.assert_allclose([chi2 for chi2, _ in found], r["generalized_MH"]["chi2"], atol=1e-7)
    assert {df for _, df in found} == {2}
    fits = np.array([regressions(s) for s in strata])
    for k, name in enumerate(("null", "score", "uniform", "nonuniform")):
        np.testing.assert_allclose(fits[:, k], r["polr"][f"loglik_{name}"], atol=5e-5)


@pytest.mark.parametrize(("model", "near"), [("2PL", 1e-4), ("Rasch", 1e-3)])  # mirt's grid cuts the Rasch population at 4.3 SD
def test_likelihood_ratios_are_those_of_mirt_and_of_full_refits(verbal: Reference, model: str, near: float, quiet: Quiet) -> None:
    with quiet():
        common, found = verbal.differences(model)
        np.testing.assert_allclose([d.lr for d in found], verbal.theirs[f"mirt_LRT_{model}"]["tests"]["X2"], atol=near)
        for item in (3, 20):
            population = cdx.calibration.Population(by=verbal.group, reference="F", free_items=(verbal.answers.columns[item],))
            freed = cdx.calibrate(verbal.answers, model=model, priors=None, method=cdx.MarginalML(population=population))
            assert found[item].lr == pytest.approx(2 * (freed.log_likelihood - common.log_likelihood), abs=1e-6)
            assert found[item].df == freed.n_parameters - common.n_parameters
    assert all(abs(d.wald / d.lr - 1) < 0.3 for d in found if d.lr > 4)


def test_likelihood_ratios_of_two_countries(fims: Reference, shared: Callable[[str], Path], quiet: Quiet) -> None:
    """Within 0.9 of mirt, whose grid ends at 3.2 SD of the second group (tests/agreement/test_two_countries.py)."""
    mirt = json.loads(shared("fims_aus_jpn_dif.json").read_text(encoding="utf-8"))["DIF"]
    with quiet():
        _, found = fims.differences("2PL")
    np.testing.assert_allclose([d.lr for d in found], mirt["X2"], atol=0.9)


def test_separate_calibrations_give_lords_statistic(fims: Reference, quiet: Quiet) -> None:
    """On one scale by mean and sigma as in difR: within 0.1 %."""
    with quiet():
        of_group = [cdx.calibrate(fims.answers[np.equal(fims.group, g)], priors=None) for g in ("1", "2")]
        scales = of_group[0].parameters, cdx.link(of_group[1], of_group[0], method=cdx.linking.MeanSigma()).parameters
    values, errors = [], []
    for p in scales:
        a, d = p.slope, p.intercepts[:, 1]
        change = np.zeros((len(a), 2, 2))
        change[:, 0, 0], change[:, 1, 0], change[:, 1, 1] = 1.0, d / a**2, -1 / a
        values.append(np.stack([a, -d / a], axis=1))
        errors.append(change @ p.covariance @ change.transpose(0, 2, 1))
    gap = values[0] - values[1]
    lord = np.einsum("if,ifg,ig->i", gap, np.linalg.inv(errors[0] + errors[1]), gap)
    np.testing.assert_allclose(lord, fims.theirs["difR"]["Lord_2PL"]["chi2"], rtol=1e-3)


# ---------------------------------------------------------------- simulated groups


def simulated(
    persons: tuple[int, ...], harder: float = 0.0, items: tuple[int, ...] = (3,), I: int = 12, steps: int = 1
) -> tuple[pd.DataFrame, list[str], Floats]:
    """Return answers, groups A, B …, each less able by .4 than the one before, and true deficit rates; items are harder for B."""
    rng = np.random.default_rng(5)
    a, b = (
        np.linspace(0.8, 1.6, I)[rng.permutation(I)],
        np.linspace(-1.5, 1.5, I)[:, None] + np.linspace(-0.6, 0.6, steps) * (steps > 1),
    )
    move = np.isin(np.arange(I), items)[:, None] * harder / 2.35 / a[:, None]
    answers, curves, grid = [], np.zeros(1201), np.linspace(-6, 6, 1201)
    for g, n in enumerate(persons):
        theta = rng.normal(-0.4 * g, 1, n)
        star = expit(a[:, None] * (theta[:, None, None] - b - (g == 1) * move))
        answers.append((rng.random((n, I, 1)) < star).sum(axis=2))  # graded responses
        curves += n * expit(a[:, None] * (grid[:, None, None] - b - (g == 1) * move)).mean(axis=(1, 2)) / sum(persons)
    cut = float(np.interp(0.6, curves, grid))
    table = pd.DataFrame(np.concatenate(answers), columns=[f"i{k}" for k in range(I)])
    rates = 100 * ndtr(cut + 0.4 * np.arange(len(persons)))
    return table, [chr(65 + g) for g, n in enumerate(persons) for _ in range(n)], rates


def checked(table: Any, group: Any, **how: Any) -> DIF:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.check_dif(table, group, **how)


@pytest.mark.parametrize(("steps", "model"), [(1, "2PL"), (2, "GRM"), (2, "GPCM")])
def test_a_known_difference_is_found_and_the_deficit_rates_come_nearer_the_truth(steps: int, model: str) -> None:
    table, group, truth = simulated((700, 700), 2.0, (3, 5, 7), steps=steps)
    found = checked(table, group, model=model, explanations={"i5": "not taught in B"})
    frame = found.to_frame().set_index("item")
    differ = frame.loc[["i3", "i5", "i7"]]
    assert set(differ["ets"]) <= {"B", "C"}
    assert set(frame.drop(index=differ.index)["ets"]) == {"A"}
    assert not differ["anchor"].any()
    moved = -2.0 if model != "GPCM" else -1.4  # the same difference in logits of neighbouring scores
    assert (np.abs(differ["delta"] - moved) < 3.5 * differ["se"]).all()
    assert (differ["rate_change"] < 0).all()  # freed, B is abler
    assert frame["explanation"]["i5"] == "not taught in B"
    assert "easier for B" not in str(found)
    before, after = (rates[1, 0] - rates[0, 0] - (truth[1] - truth[0]) for rates in (found.rate, found.rate_freed))
    assert abs(after) < abs(before)
    assert np.abs(found.rate_freed - found.rate).max() > 2
    assert {f.code for f in found.findings} >= {"dif.rates"}


def test_three_groups_booklets_and_who_is_compared_with_whom() -> None:
    table, group, _ = simulated((350, 300, 250), 2.2)
    booklet = np.arange(len(table)) % 3
    data = table.astype(float)
    for k in range(3):
        data.iloc[booklet == k, [k, k + 4, k + 8]] = np.nan
    found = checked(data, group)
    assert found.groups == ("A", "B", "C")
    assert set(found.df) == {4}
    assert found.ets[3].tolist() == ["A", "C", "A"]
    assert (found.delta[:, 0] == 0).all()
    assert len(found.to_frame()) == 24
    assert len(found.chart("delta").y_names) == 24
    assert found.standardised[3, 1] < -0.1
    assert np.isfinite(found.mh_delta).all()
    turned = checked(data, group, reference="B")
    np.testing.assert_allclose(turned.lr, found.lr, atol=1e-4)
    assert turned.delta[3, 1] == pytest.approx(-found.delta[3, 1], abs=0.3)


def test_order_of_items_and_persons_and_ways_of_naming_groups_do_not_matter() -> None:
    table, group, _ = simulated((300, 300), 1.5)
    found = checked(table, group)
    order, people = np.random.default_rng(1).permutation(12), np.random.default_rng(2).permutation(600)
    data = replace(cdx.load_responses(table), background={"who": np.array(group, dtype=object)})
    named = pd.Series(group, index=table.index).sample(frac=1, random_state=3)
    same = [checked(data, by) for by in ("who", dict(zip(data.persons, group, strict=True)), dict(enumerate(group)), named)]
    same += [checked(table.iloc[people], named), checked(table, pd.Series(group, index=table.index).astype("category"))]
    other = checked(table.iloc[people, order], np.array(group)[people].tolist())
    for one in (*same, other):
        frame = one.to_frame().set_index("item").loc[list(found.items)]
        for name in ("lr", "delta", "mh", "p_uniform", "rate_change"):
            np.testing.assert_allclose(frame[name], found.to_frame()[name], atol=1e-4)


def test_an_item_measures_its_own_competency() -> None:
    """B is weaker in the second competency alone: without dimensions all of its items seem to differ."""
    rng = np.random.default_rng(3)
    theta = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 800, method="cholesky")
    theta[400:, 1] -= 0.8
    answers = rng.random((800, 12)) < expit(1.3 * (np.repeat(theta, 6, axis=1) - np.tile(np.linspace(-1.5, 1.5, 6), 2)))
    table, group = pd.DataFrame(answers.astype(int), columns=[f"{'xy'[k // 6]}{k}" for k in range(12)]), ["A"] * 400 + ["B"] * 400
    found = cdx.check_dif(table, group, dimensions={item: item[0] for item in map(str, table)})
    assert set(found.ets[:, 1]) == {"A"}
    assert found.competencies == ("x", "y")
    np.testing.assert_allclose(found.rate[1] - found.rate[0], [0, 28], atol=8)
    assert (checked(table, group).ets[:, 1] > "A").sum() > 3


def test_groups_that_are_small_and_items_that_nobody_can_compare() -> None:
    table, group, _ = simulated((150, 60))
    labels = [*group[:-9], *["C"] * 5, "", "", None, float("nan")]
    table = table.assign(i0=1, i1=table["i1"].where(np.array(group) == "A"))
    found = checked(table, labels, model="Rasch")
    codes = {f.code: f for f in found.findings}
    assert codes["dif.small_groups"].scope == ("B",)
    assert codes["dif.untested"].scope == ("i0", "i1")
    assert codes["dif.suppressed"].facts["groups"] == 1
    assert codes["dif.blanks"].facts["persons"] == 4
    assert found.n.tolist() == [150, 51]
    assert found.ets[0].tolist() == ["", ""]
    assert np.isnan(found.lr[0])
    assert found.anchor.tolist() == [False] + [True] * 10  # what nobody can compare is nothing to compare by
    assert np.isfinite(found.mh[1:]).all()


@pytest.mark.parametrize("answered", [0, 5])
def test_persons_without_answers_make_no_group(answered: int) -> None:
    table, group, _ = simulated((150, 60, 60))
    table = table.astype(float)
    table.loc[(np.array(group) == "C") & (np.arange(270) >= 210 + answered)] = np.nan
    found = checked(table, group, model="Rasch")
    assert (found.groups, found.n.tolist()) == (("A", "B"), [150, 60])
    assert [f.facts["groups"] for f in found.findings if f.code == "dif.suppressed"] == [1]
    with pytest.raises(DIFError, match="answers of at least"):
        checked(table[150:], group[150:], model="Rasch")


@pytest.mark.parametrize("seed", [1, 505, 509])
def test_rates_change_only_by_items_that_differ(seed: int) -> None:
    """What looked different while other items were held the same, and is not, is an anchor again."""
    for again in range(5):
        rng = np.random.default_rng(seed + 20 * again)
        a, b = rng.lognormal(0, 0.25, 12), rng.normal(0, 1, 12)
        theta = np.append(rng.normal(0, 1, 600), rng.normal(-0.8, 1, 60))
        answers = pd.DataFrame((rng.random((660, 12)) < expit(a * theta[:, None] + b)).astype(int))
        found = checked(answers.rename(columns="i{}".format), ["A"] * 600 + ["B"] * 60, model="2PL")
        differ = (found.ets > "A").any(axis=1) | crossing(found.delta, found.se, found.q, found.gap)
        assert (~found.anchor <= (differ | ~np.isfinite(found.lr))).all()
        if not differ.any():
            np.testing.assert_allclose(found.rate, found.rate_freed, atol=1e-2)
            assert not {"dif.rates"} & {f.code for f in found.findings}


@pytest.mark.parametrize(("persons", "items", "seed"), [(600, 10, 1), (700, 8, 2)])
def test_an_item_of_several_scores_that_differs_much_in_several_groups_is_measured_and_no_anchor(
    persons: int, items: int, seed: int
) -> None:
    """So far from the maximum with all items the same the likelihood is not concave there; that is no lack of a maximum."""
    rng, group = np.random.default_rng(seed), np.arange(persons) % 4
    theta = rng.normal(size=persons) + np.array([0, 0.5, -0.5, 0])[group]
    b, a = 0.8 * rng.normal(size=items), rng.uniform(0.8, 1.5, items)
    harder = np.where(
        np.arange(items) == 3, 0.7 * (group == 2)[:, None], np.where(np.arange(items) == 7, -0.7 * (group > 0)[:, None], 0.0)
    )
    up = (a * (theta[:, None] - b - harder))[:, :, None] - a[:, None] * np.linspace(-0.8, 0.8, 2 if items == 8 else 3)
    p = np.exp(np.concatenate([np.zeros((persons, items, 1)), up.cumsum(axis=2)], axis=2))
    scores = (rng.random((persons, items, 1)) > (p / p.sum(axis=2, keepdims=True)).cumsum(axis=2)).sum(axis=2)
    found = checked(pd.DataFrame(scores).rename(columns="i{}".format), [f"g{g}" for g in group], reference="g0")
    assert np.isfinite(found.lr).all()
    assert (found.ets[7, 1:] > "A").all()
    differ = (found.ets > "A").any(axis=1) | crossing(found.delta, found.se, found.q, found.gap)
    assert not found.anchor[differ].any()
    assert not {"dif.endless", "dif.few_anchors"} & {f.code for f in found.findings}


def test_years_are_cut_into_thirds() -> None:
    table, _, _ = simulated((300,))
    found = checked(table, np.arange(300).tolist(), model="Rasch")
    assert found.n.tolist() == [100, 100, 100]
    assert [f.code for f in found.findings if f.code == "dif.thirds"]


def test_a_score_that_one_group_never_earned_moves_the_item_as_a_whole() -> None:
    table, group, _ = simulated((300, 300), steps=2)
    table["i4"] = table["i4"].mask((np.array(group) == "B") & (table["i4"] == 2), 1)
    found = checked(table, group, model="PCM")
    assert found.df.tolist() == [2] * 4 + [1] + [2] * 7


@cache
def without_i5(sizes: tuple[int, ...]) -> DIF:
    table, of, _ = simulated(sizes)
    return checked(table.drop(columns="i5"), of, reference="A", model="2PL")


@pytest.mark.parametrize(
    ("value", "group", "others", "kept"),
    [
        (1, "B", 0, 0),
        (0, "B", 0, 2),
        (1, "B", 0, 1),
        (1, "A", 0, 0),
        (0, "A", 0, 0),
        *((k % 2, g, 300, 0) for k, g in enumerate("BAC")),
    ],
)
def test_what_everybody_in_a_group_answers_alike_is_judged_without_the_model(value: int, group: str, others: int, kept: int) -> None:
    """Or nearly everybody: named, of class C in the group, no anchor; what is said of the other items is what is said without it."""
    sizes = (300, 300, others)[: 3 if others else 2]
    table, of, _ = simulated(sizes)
    table = table.astype(float)
    table.loc[(np.array(of) == group) & (np.arange(len(of)) % 300 >= kept), "i5"] = value
    found = checked(table, of, reference="A", model="2PL")
    assert not found.anchor[5]
    assert found.ets[5].max() == "C"
    codes = {f.code: f.scope for f in found.findings}
    assert "i5" in codes["dif.large"]
    if not kept:
        assert codes["dif.endless"] == ("i5",)
        alone = without_i5(sizes)
        np.testing.assert_allclose(np.delete(found.delta, 5, axis=0), alone.delta, atol=1e-9)
        np.testing.assert_allclose(found.rate, alone.rate)
        assert sum(found.ets[i].max() > "A" for i in range(12)) == 1
        for language in ("ru", "en"):
            assert "i5 (C)" in "\n".join(found.summary(language))


def test_what_cannot_be_compared_is_refused_in_one_sentence() -> None:
    table, group, _ = simulated((60, 60))
    calls: dict[str, Callable[[], DIF]] = {
        "dif.settings": lambda: cdx.check_dif(table, group, model="3PL"),
        "dif.no_column": lambda: cdx.check_dif(table, "region"),
        "dif.labels": lambda: cdx.check_dif(table, group[:5]),
        "dif.groups": lambda: cdx.check_dif(table, group, reference="D"),
        "dif.explained": lambda: cdx.check_dif(table, group, explanations={"z": "?"}),
        "errors.argument": lambda: cdx.check_dif(table, group, dimensions=cast("Any", "clusters")),
    }
    for code, call in calls.items():
        with pytest.raises(DIFError) as caught:
            call()
        assert caught.value.code == code
