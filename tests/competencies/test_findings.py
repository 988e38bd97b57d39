"""What a diagnosis remarks of the persons as a whole, and that it changes nobody's profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.competencies.plan import plan
from competency_dx.quality import local_dependence

pytestmark = pytest.mark.filterwarnings("ignore::competency_dx.CompetencyDxWarning")


@pytest.fixture(scope="module")
def bank() -> cdx.ItemBank:
    return cdx.load_bank("physics")


def answers(bank: cdx.ItemBank, n: int, *, shift: float = 0.0, testlets: int = 0, omitted: float = 0.0) -> cdx.Responses:
    """Draw persons with correlations of .8; items differ from what the bank says as far as it says they may."""
    rng, made = np.random.default_rng(7), plan(bank, cdx.R201())
    D, I = len(made.units.leaves), len(bank.parameters)
    theta = np.sqrt(0.8) * rng.normal(size=(n, 1)) + np.sqrt(0.2) * rng.normal(size=(n, D)) + shift
    shared = rng.normal(size=(n, I // testlets + 1)) if testlets else np.zeros((n, 1))
    block = rng.permutation(I) // testlets if testlets else np.zeros(I, dtype=int)
    table: dict[str, Any] = {"person": [f"p{k}" for k in range(n)]}
    for i, record in enumerate(bank.parameters):
        a, se_b = abs(record.a + (record.se_a or 0) * rng.normal()), np.array(record.se_b, dtype=float)
        steps = a * ((theta[:, made.units.leaf[i]] + shared[:, block[i]])[:, None] - record.b - se_b * rng.normal(size=len(se_b)))
        weight = np.exp(np.cumsum(np.column_stack([np.zeros(n), steps]), axis=1))
        cumulative = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
        points = (rng.random((n, 1)) > cumulative).sum(axis=1).astype(object)
        points[rng.random(n) < omitted] = "-"
        table[record.item] = points
    return cdx.load_responses(pd.DataFrame(table))


def codes(profiles: cdx.DeficitProfiles) -> Mapping[str, Any]:
    return {f.code.removeprefix("competencies."): f for f in profiles.findings if f.code.startswith("competencies.")}


@pytest.fixture(scope="module")
def plain(bank: cdx.ItemBank) -> cdx.DeficitProfiles:
    return cdx.diagnose(answers(bank, 300), bank)


def test_persons_as_the_bank_says_are_no_remark(plain: cdx.DeficitProfiles) -> None:
    assert not codes(plain)


def test_another_population_is_noticed_and_answered_by_a_cohort(bank: cdx.ItemBank) -> None:
    data = answers(bank, 200, shift=-1.0)
    remark = codes(cdx.diagnose(data, bank))["population_differs"]
    assert remark.facts["shift"] == pytest.approx(-1.0, abs=0.3)
    assert "population_differs" not in codes(cdx.diagnose(data, bank, population=cdx.Cohort()))


@pytest.mark.parametrize(("n", "shift", "said"), [(60, -2.0, True), (20, -2.0, True), (19, -2.0, False), (60, 0.0, False)])
def test_few_persons_of_another_population_are_told_of_their_mean(bank: cdx.ItemBank, n: int, shift: float, said: bool) -> None:
    remarks = codes(cdx.diagnose(answers(bank, n, shift=shift), bank))
    assert ("few_differ" in remarks) == said
    if said:
        assert remarks["few_differ"].facts["shift"] == pytest.approx(shift, abs=1.0)


@pytest.mark.parametrize("n", [1, 19, 40])
def test_persons_who_omit_much_are_named_whatever_their_number(bank: cdx.ItemBank, n: int) -> None:
    profiles = cdx.diagnose(answers(bank, n, omitted=0.5), bank)
    assert codes(profiles)["omitting"].scope[0] == "p0"
    assert codes(profiles)["omitting"].severity == ("warning" if n < 20 else "info")
    assert {f.code for profile in profiles for f in profile.findings} == {"competencies.omitted"}
    few = cdx.diagnose(answers(bank, n, omitted=0.01), bank)
    assert "omitting" not in codes(few)
    assert not any(profile.findings for profile in few)


def test_testlets_are_noticed_and_named(bank: cdx.ItemBank) -> None:
    remark = codes(cdx.diagnose(answers(bank, 300, testlets=4), bank))["local_dependence"]
    assert remark.facts["high"] > 2 * remark.facts["chance"]
    assert len(remark.scope) == 3


def test_omissions_say_what_the_treatment_decides(bank: cdx.ItemBank) -> None:
    profiles = cdx.diagnose(answers(bank, 40, omitted=0.15), bank)
    facts = codes(profiles)["omissions"].facts
    assert facts["omitted"] == pytest.approx(15, abs=3)
    assert facts["incorrect"] < facts["modelled"]
    assert facts["incorrect"] == pytest.approx(profiles.percent[:, 0].mean(), abs=1.0)


def test_answers_that_contradict_each_other_stop_a_profile(bank: cdx.ItemBank, plain: cdx.DeficitProfiles) -> None:
    hard = np.argsort([r.b[0] for r in bank.parameters])
    top = np.array([len(r.b) for r in bank.parameters])
    backwards = np.where(np.arange(len(hard)) < len(hard) // 2, 0, top[hard])
    data = cdx.load_responses(pd.DataFrame([dict(zip([bank.parameters[i].item for i in hard], backwards, strict=True))]))
    profiles = cdx.diagnose(data, bank)
    assert set(profiles.to_frame()["status"]) <= {"misfit", "no_items"}
    assert codes(profiles)["misfit"].scope == tuple(profiles.persons)
    assert "misfit" not in set(plain.to_frame()["status"])


def test_findings_of_many_change_nobody(bank: cdx.ItemBank, plain: cdx.DeficitProfiles) -> None:
    data = answers(bank, 300)
    alone = cdx.diagnose(data.select(persons=[data.persons[11]]), bank)
    np.testing.assert_array_equal(alone.p_deficit[0], plain.p_deficit[11])
    assert not codes(alone)


def test_dependence_of_pairs_that_few_answered_is_unknown() -> None:
    rng = np.random.default_rng(1)
    codes, observed = rng.integers(0, 2, (80, 4)).astype(np.int8), np.ones((80, 4), dtype=bool)
    observed[:40, 3] = False
    found = local_dependence(codes, observed, 0.05 * np.ones((4, 4)), np.zeros(4, dtype=np.int64))
    assert np.isnan(found.excess[0, 3])
    assert np.isfinite(found.excess[0, 1])
    assert not found.evident


def test_misconceptions_join_the_profiles_of_the_same_persons() -> None:
    bank, rng = cdx.load_bank("mathematics"), np.random.default_rng(6)
    single = [item for item in bank.items if item.type == "single"]
    table = {i.id: [list(i.options)[k] for k in rng.integers(0, len(i.options), 60)] for i in single}
    data = cdx.load_responses(pd.DataFrame(table), bank=bank)
    found, profiles = cdx.find_misconceptions(data, bank), cdx.diagnose(data, bank)
    joined = profiles.with_misconceptions(found)
    np.testing.assert_array_equal(joined.p_misconception, found.probability[: len(joined)])
    np.testing.assert_array_equal(joined.p_deficit, profiles.p_deficit[: len(joined)])
    assert type(joined).from_json(joined.to_json()).to_json() == joined.to_json()
    held = joined[data.persons[0]].misconceptions
    assert len(held) == np.isfinite(found.probability[0]).sum()
    with pytest.raises(cdx.CompetencyDxError, match="other persons"):
        cdx.diagnose(cdx.simulate(bank, 2, rng=rng), bank).with_misconceptions(
            cdx.find_misconceptions(data.select(persons=data.persons[40:]), bank)
        )


def test_a_cohort_whose_competencies_are_one_has_a_population_within_reason() -> None:
    """Correlations of 1 lie beyond the edge of what the pattern can be; there the data's curvature says nothing."""
    bank = cdx.load_bank("mathematics")
    table = cdx.simulate(bank, 3000, rng=np.random.default_rng(1)).to_frame().head(200)
    data = cdx.load_responses(table, bank=bank, layout=cdx.Layout(cells="scored"))
    found = cdx.diagnose(data, bank, population=cdx.Cohort())
    assert np.abs(np.sqrt(np.diag(found.population.central)) - 1.0).max() < 0.3
    decided = (np.abs(found.p_deficit - 0.5) >= 0.3).mean()
    assert decided >= (np.abs(cdx.diagnose(data, bank).p_deficit - 0.5) >= 0.3).mean() - 0.05


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 3.0), (-4.0, 1.5), (5.0, 3.0)])
def test_the_grid_follows_a_cohort_far_from_the_population_of_the_bank(mean: float, sd: float) -> None:
    physics = cdx.load_bank("physics")
    sure = tuple(r.model_copy(update={"status": "calibrated", "se_a": 0.05, "se_b": (0.05,) * len(r.b)}) for r in physics.parameters)
    bank, rng = replace(physics, parameters=sure), np.random.default_rng(4)
    theta = mean + sd * rng.standard_normal(300)
    found = cdx.diagnose(cdx.simulate(bank, theta, rng=rng), bank, population=cdx.Cohort()).population
    assert found.mean.mean() == pytest.approx(theta.mean(), abs=0.25)
    assert np.sqrt(np.diag(found.central)).mean() == pytest.approx(theta.std(), rel=0.14)


def test_unreadable_cells_are_no_evidence_and_stand_in_the_profile_of_the_person(bank: cdx.ItemBank) -> None:
    table = answers(bank, 12).to_frame().astype({"person": object} | {r.item: object for r in bank.parameters})
    gone, spoilt = [r.item for r in bank.parameters][3:6], table.copy()
    table.loc[2, gone] = None
    spoilt.loc[2, gone] = ["X", "1,5", "'1"]
    blank, read = (cdx.diagnose(cdx.load_responses(t, bank=bank), bank) for t in (table, spoilt))
    pd.testing.assert_frame_equal(read.to_frame(), blank.to_frame())
    again = cdx.DeficitProfiles.from_json(read.to_json())
    for profiles in (read, again):
        (remark,) = profiles["p2"].findings
        assert (remark.code, remark.scope) == ("competencies.unreadable", tuple(gone))
        assert gone[0] in str(profiles["p2"])
        assert not {e.item for c in profiles["p2"].conclusions for e in c.evidence} & set(gone)
        assert profiles["p1"].findings == blank["p2"].findings == ()
    spoilt.loc[2, spoilt.columns[1:]] = "2 / 9"
    nothing = cdx.diagnose(cdx.load_responses(spoilt, bank=bank), bank)["p2"]
    assert nothing.status == "no_responses"
    assert {c.state for c in nothing.conclusions} == {"insufficient_data"}
