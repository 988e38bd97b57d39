"""Certification: the rule is kept, probabilities are true, alone as in a table; indices of Rudner and Lee beside R cacIRT."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.competencies import OUTCOMES, CertificationRule, Decisions, own_evidence
from competency_dx.errors import CompetencyDxWarning, DiagnosisError, ScoringError
from competency_dx.models import ItemParameters, NormalPopulation
from competency_dx.scoring import cut_accuracy

Array = NDArray[np.float64]


@cache
def profiles() -> cdx.DeficitProfiles:
    bank = cdx.load_bank("chemistry")
    drawn = cdx.simulate(bank, 300, rng=np.random.default_rng(5)).select(items=bank.forms[0].items)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.diagnose(drawn, bank)


def decided(rule: CertificationRule, of: cdx.DeficitProfiles | None = None) -> Decisions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.certify(of or profiles(), rule)


def test_a_person_alone_has_the_decision_of_the_table() -> None:
    rule = CertificationRule(minimum={"CHE": 60, "CHE.S": 50, "CHE.M": 50})
    whole, some = decided(rule), profiles().persons[[7, 2, 250]].tolist()
    few = decided(rule, profiles().select(some))
    assert few.p_reached.tolist() == whole.p_reached[[7, 2, 250]].tolist()
    assert few.outcome.tolist() == whole.outcome[[7, 2, 250]].tolist()


def test_one_minimum_is_the_probability_of_the_profile() -> None:
    """P(below 60) of the profile is integrated over populations and items too: they agree in the middle to a few hundredths."""
    found = decided(CertificationRule(minimum={"CHE": 60}))
    assert np.abs(found.p_each[:, 0] - (1 - profiles().p_deficit[:, 0])).mean() < 0.02
    np.testing.assert_array_equal(found.p_each[:, 0], found.p_reached)


@given(st.lists(st.sampled_from(["CHE", "CHE.S", "CHE.M", "CHE.S.06"]), min_size=1, max_size=4, unique=True), st.integers(30, 80))
def test_more_minima_are_never_easier_and_zones_are_kept(codes: list[str], least: int) -> None:
    some = profiles().select(profiles().persons[:40].tolist())
    found = decided(CertificationRule(minimum=dict.fromkeys(codes, least), certain=0.85), some)
    assert (found.p_reached <= found.p_each.min(axis=1) + 1e-12).all()
    assert (found.p_reached >= 1 - (1 - found.p_each).sum(axis=1) - 1e-12).all()
    for k, ok in enumerate((found.p_reached >= 0.85, found.p_reached <= 0.15)):
        assert ok[found.outcome == k].all()
    higher = decided(CertificationRule(minimum=dict.fromkeys(codes, least + 5), certain=0.85), some)
    assert (higher.p_reached <= found.p_reached).all()


def test_decisions_are_as_often_right_as_they_say() -> None:
    """True percents drawn for each person from the population: the expected confusion is that of the truth."""
    bank = cdx.load_bank("chemistry")
    theta = np.random.default_rng(11).standard_normal(1500)
    drawn = cdx.simulate(bank, theta, rng=np.random.default_rng(12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        of = cdx.diagnose(drawn, bank)
    found, sites = decided(CertificationRule(minimum={"CHE": 55, "CHE.M": 50}), of), own_evidence(of)
    codes = [c.code for c in of.competencies]
    percent = sites.percents(np.repeat(theta[:, None], len(sites.mean), axis=1))
    truth = (percent[:, codes.index("CHE")] >= 55) & (percent[:, codes.index("CHE.M")] >= 50)
    right = np.where(found.outcome == 0, truth, ~truth)[found.outcome < 2].mean()
    assert abs(right - found.accuracy) < 0.02
    assert abs(truth.mean() - found.p_reached.mean()) < 0.03
    np.testing.assert_allclose(found.confusion.sum(), len(found))


def test_who_answered_nothing_of_a_minimum_needs_more_evidence() -> None:
    bank = cdx.load_bank("chemistry")
    subject = [i for i in bank.forms[0].items if bank.item(i).part == "subject"]
    drawn = cdx.simulate(bank, np.full(20, 2.5), rng=np.random.default_rng(5)).select(items=subject)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        found = decided(CertificationRule(minimum={"CHE.S": 50, "CHE.M": 50}), cdx.diagnose(drawn, bank))
    assert {OUTCOMES[k] for k in found.outcome} == {"more_evidence"}
    assert found.undecided.tolist() == found.persons.tolist()


def test_support_is_the_default_and_says_so() -> None:
    codes = [
        [f.code for f in decided(CertificationRule(minimum={"CHE": 60}, purpose=p)).findings] for p in ("support", "certification")
    ]
    assert codes == [["competencies.support_only", "competencies.judged_items"], ["competencies.judged_items"]]


@pytest.mark.parametrize("wrong", [{"minimum": {}}, {"minimum": {"CHE": 100}}, {"minimum": {"CHE": 60}, "certain": 0.5}])
def test_rules_that_decide_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DiagnosisError) as caught:
        CertificationRule(**wrong)
    assert caught.value.code == "competencies.certification_rule"


def test_unknown_competencies_are_refused() -> None:
    with pytest.raises(DiagnosisError) as caught:
        decided(CertificationRule(minimum={"PHY": 60}))
    assert caught.value.code == "competencies.no_competency"


# ---------------------------------------------------------------- indices of a test, R cacIRT 1.4

SETS = ("lsat7_2PL", "lsat7_2PL_onecut", "simulated30_3PL", "sat12_2PL_offgrid")


def three_parameters(items: dict[str, Any]) -> ItemParameters:
    a, b, g = (np.array(items[k], dtype=np.float64) for k in "abg")
    n, guessed = len(a), bool(g.any())
    return ItemParameters(
        items=tuple(items["item"]),
        families=("3PL" if guessed else "2PL",) * n,
        statuses=("calibrated",) * n,
        n_categories=np.full(n, 2),
        slopes=a[:, None],
        intercepts=np.stack([np.zeros(n), -a * b], axis=1),
        extras=np.log(g / (1 - g))[:, None] if guessed else np.zeros((n, 0)),
        covariance=np.zeros((n, 2 + guessed, 2 + guessed)),
        population=NormalPopulation(dimensions=("theta",), mean=np.zeros(1), covariance=np.eye(1)),
    )


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("by", "index"), [("sum", "lee"), ("theta", "rudner")])
def test_indices_are_those_of_cacirt(name: str, by: Any, index: str, shared: Callable[[str], Path]) -> None:
    reference = json.loads(shared("classification.json").read_text(encoding="utf-8"))[name]
    known, cuts = three_parameters(reference["items"]), np.atleast_1d(reference["cuts_theta"]).tolist()
    for whom, theta in (("D", None), ("P", reference.get("persons", {}).get("theta"))):
        if (theirs := reference.get(f"{index}_{whom}")) is None:
            continue
        ours, n = cut_accuracy(known, cuts, by=by, theta=theta), len(np.atleast_1d(theirs["accuracy"]))
        np.testing.assert_allclose(ours.accuracy[:n], theirs["accuracy"], atol=1e-9)
        np.testing.assert_allclose(ours.consistency[:n], theirs["consistency"], atol=1e-9)


def test_cuts_rise() -> None:
    items = {"item": ["a", "b", "c"], "a": [1, 1.2, 0.8], "b": [-1, 0, 1], "g": [0, 0, 0]}
    with pytest.raises(ScoringError) as caught:
        cut_accuracy(three_parameters(items), [0.5, 0.5])
    assert caught.value.code == "scoring.cuts"
