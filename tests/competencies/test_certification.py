"""Certification: the rule is kept, probabilities are true, alone as in a table; indices of Rudner and Lee beside R cacIRT."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.competencies import OUTCOMES, STATES, CertificationRule, Decisions, own_evidence
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


def test_a_minimum_at_a_cut_is_the_probability_of_the_profile() -> None:
    """Of every competency: P(below the lowest cut) and P(above the highest) are the numbers of the profile itself."""
    of = profiles()
    for cut, p in ((of.standards.cuts[0], 1 - of.p_deficit), (of.standards.cuts[-1], of.p_strength)):
        found = decided(CertificationRule(minimum=dict.fromkeys([c.code for c in of.competencies], cut)))
        np.testing.assert_allclose(found.p_each, p, atol=1e-11)
        for c, competency in enumerate(of.competencies):
            alone = decided(CertificationRule(minimum={competency.code: cut}), of.select(of.persons[:50].tolist()))
            np.testing.assert_allclose(alone.p_reached, p[:50, c], atol=1e-11)


@pytest.mark.parametrize("least", [50, 55, 61, 70, 75])
def test_a_minimum_between_the_cuts_is_that_of_a_diagnosis_with_this_cut(least: float) -> None:
    few = profiles().select(profiles().persons[:80].tolist())
    standards = replace(few.standards, cuts=(float(least), *few.standards.cuts[1:]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        exact = 1 - cdx.diagnose(few.answers(), cdx.load_bank("chemistry"), standards=standards).p_deficit
    found = decided(CertificationRule(minimum=dict.fromkeys([c.code for c in few.competencies], least)), few)
    off = np.abs(found.p_each - exact)
    assert off.mean() < 0.005
    assert off.max() < 0.035
    assert off[:, 0].max() < 0.015


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


def test_sections_compensate_each_other_within_the_limit_and_never_the_whole() -> None:
    """The more may be missed the likelier all is reached, up to what the lowest allowed give; what holds sections is reached itself."""
    some, sections = profiles().select(profiles().persons[:60].tolist()), {"CHE.S": 60, "CHE.M": 55}
    p = [decided(CertificationRule(minimum=sections, compensation=d), some).p_reached for d in (0, 1e-9, 4, 12, 54)]
    np.testing.assert_allclose(p[1], p[0], atol=0.01)
    for less, more in pairwise(p[1:]):
        assert (more >= less - 2 / 512).all()  # a draw or two that quantiles of other percents put beyond a minimum
    assert (p[3] - p[0]).max() > 0.05
    for d, reached in ((4, p[2]), (12, p[3])):
        lowest = decided(CertificationRule(minimum={code: x - d for code, x in sections.items()}), some)
        assert (reached <= lowest.p_reached + 1e-12).all()
    for minimum in ({"CHE": 60}, {"CHE": 60, "CHE.S": 50}, {"CHE": 60, "CHE.S": 50, "CHE.S.06": 50}):  # nothing to compensate with
        plain, alone = (decided(CertificationRule(minimum=minimum, compensation=d), some).p_reached for d in (0, 9))
        np.testing.assert_array_equal(plain, alone)
    held = decided(CertificationRule(minimum=sections | {"CHE": 60}, compensation=12), some)
    assert (held.p_reached <= held.p_each[:, 2] + 1e-12).all()
    assert Decisions.from_json(held.to_json()).rule.compensation == 12
    assert "up to 12 points" in "\n".join(held.summary("en"))


@pytest.mark.parametrize(("minimum", "compensation"), [({"CHE": 55, "CHE.M": 50}, 0), ({"CHE.S": 55, "CHE.M": 62}, 5)])
def test_decisions_are_as_often_right_as_they_say(minimum: dict[str, float], compensation: float) -> None:
    """True percents drawn for each person from the population: the expected confusion is that of the truth."""
    bank = cdx.load_bank("chemistry")
    theta = np.random.default_rng(11).standard_normal(1500)
    drawn = cdx.simulate(bank, theta, rng=np.random.default_rng(12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        of = cdx.diagnose(drawn, bank)
    found, sites = decided(CertificationRule(minimum=minimum, compensation=compensation), of), own_evidence(of)
    codes = [c.code for c in of.competencies]
    percent = sites.percents(np.repeat(theta[:, None], len(sites.mean), axis=1))
    beyond = percent[:, [codes.index(code) for code in minimum]] - [*minimum.values()]
    truth = (beyond >= -compensation).all(axis=1) & ((beyond.sum(axis=1) >= 0) | (compensation == 0))
    right = np.where(found.outcome == 0, truth, ~truth)[found.outcome < 2].mean()
    assert abs(right - found.accuracy) < 0.02
    assert abs(truth.mean() - found.p_reached.mean()) < 0.03
    np.testing.assert_allclose(found.confusion.sum(), len(found))


def test_two_tests_agree_as_often_as_is_said() -> None:
    """Two independent answer sets of the same persons: three outcomes, and plain verdicts of each minimum."""
    bank, model = cdx.load_bank("chemistry"), own_evidence(profiles())
    theta = np.random.default_rng(5).multivariate_normal(model.mean, model.covariance, 700, method="cholesky")
    leaves, rule = profiles().population.leaves, CertificationRule(minimum={"CHE": 60, "CHE.S": 50, "CHE.M": 50})
    two = []
    for seed in (11, 12):
        rng = np.random.default_rng(seed)
        drawn = {leaf: cdx.simulate(bank, theta[:, d], rng=rng).to_frame() for d, leaf in enumerate(leaves)}
        within = {fact.item: next(leaf for leaf in leaves if leaf in fact.competencies) for fact in profiles().items}
        table = pd.DataFrame({item: drawn[within[item]][item] for item in bank.forms[0].items})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            two.append(decided(rule, cdx.diagnose(cdx.load_responses(table, layout=cdx.Layout(cells="scored")), bank)))
    first, second = two
    fit = np.isfinite(first.p_same + second.p_same)
    same = (first.outcome == second.outcome)[fit]
    assert fit.mean() > 0.95
    assert abs(same.mean() - np.mean([first.consistency, second.consistency])) < 0.03
    sure = first.p_same[fit] > 0.75
    assert abs(same[sure].mean() - first.p_same[fit][sure].mean()) < 0.04
    assert abs(same[~sure].mean() - first.p_same[fit][~sure].mean()) < 0.05
    plain = ((first.p_each > 0.5) == (second.p_each > 0.5))[fit].mean(axis=0)
    np.testing.assert_allclose(plain, (first.consistency_two_way + second.consistency_two_way) / 2, atol=0.04)


def barely(given: dict[str, int]) -> cdx.DeficitProfiles:
    """Return the profile of somebody who answered these items alone, beside one who answered nothing."""
    bank = cdx.load_bank("chemistry")
    table = pd.DataFrame(np.nan, index=["a", "nobody"], columns=[item.id for item in bank.items]).rename_axis("person")
    table.loc["a", [*given]] = [*given.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.diagnose(cdx.load_responses(table.reset_index(), layout=cdx.Layout(cells="scored")), bank)


@given(st.data())
def test_where_a_profile_concludes_nothing_nothing_is_decided(data: st.DataObject) -> None:
    """Whatever was answered, whatever the rule: a verdict stands on minima the profile concludes on, and else the log says why."""
    items = [item.id for item in cdx.load_bank("chemistry").items if item.max_score == 1]
    given = data.draw(st.dictionaries(st.sampled_from(items), st.integers(0, 1), min_size=1, max_size=30))
    of = barely(given)
    codes = data.draw(st.lists(st.sampled_from([c.code for c in of.competencies]), min_size=1, max_size=3, unique=True))
    rule = CertificationRule(minimum=dict.fromkeys(codes, data.draw(st.integers(5, 95))))
    found = decided(rule, of)
    assert OUTCOMES[found.outcome[1]] == "no_responses"
    assert [f.scope for f in found.findings if f.code == "competencies.unanswered"] == [("nobody",)]
    rows = found.to_frame().iloc[: len(codes)]
    concluded = of.state[0, [of.index(code) for code in codes]] != STATES.index("insufficient_data")
    assert ((rows["status"] == "reported") == concluded).all()
    if not concluded.all():
        assert set(rows["outcome"]) == {"more_evidence"}
        assert set(rows["reason"]) == {"flagged" if set(rows["status"]) & {"misfit", "low_effort"} else "evidence"}
    else:
        assert (rows["reason"] == "zone").all() == (rows["outcome"] == "more_evidence").all()
    assert np.isnan(rows["p_right"]).all() == (rows["outcome"] == "more_evidence").all()


def test_summary_of_nothing_decided_tells_no_share(tmp_path: Path) -> None:
    found = decided(CertificationRule(minimum={"CHE": 60}), barely({"CHE-001": 0}))
    for language, none in (("ru", "— %"), ("en", "nan")):
        assert none not in "\n".join(found.summary(language))
    cdx.report(found, tmp_path, language="ru")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Ни одного решения не вынесено" in page
    assert "верных ожидается" not in page
    assert not re.search(
        r">\d+.%<", (tmp_path / "persons" / "nobody.html").read_text(encoding="utf-8").split('id="minima"')[1].replace("60\u00a0%", "")
    )


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
    assert ("CHE=" in str(caught.value)) == bool(wrong["minimum"])
    for missed in (-1, 50, np.nan):
        with pytest.raises(DiagnosisError, match="compensation"):
            CertificationRule(minimum={"CHE": 60, "CHE.S": 50}, compensation=missed)


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


@pytest.mark.parametrize("cut", [-0.5, 0.3, 1.2])
def test_plain_verdicts_are_as_accurate_as_the_indices_of_the_test(cut: float, scored_bank: Callable[..., Any]) -> None:
    """Of a test of one competency, over a cohort from its population: beside Lee's and Rudner's indices of the test itself."""
    rng = np.random.default_rng(3)
    bank = scored_bank(
        [(f"i{k}", a, [b], "S.1.1") for k, (a, b) in enumerate(zip(rng.uniform(0.8, 1.8, 30), rng.normal(0, 1, 30), strict=True))]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        of = cdx.diagnose(cdx.simulate(bank, 1500, rng=rng), bank)
    sites = own_evidence(of)
    least = float(sites.percents(np.full(len(sites.mean), cut))[0])
    found = decided(CertificationRule(minimum={of.competencies[0].code: least}), of)
    for by in ("sum", "theta"):
        index = cut_accuracy(bank, [cut], by=by)
        assert abs(found.accuracy_two_way[0] - index.accuracy[0]) < 0.01
        assert abs(found.consistency_two_way[0] - index.consistency[0]) < 0.01


def test_cuts_rise() -> None:
    items = {"item": ["a", "b", "c"], "a": [1, 1.2, 0.8], "b": [-1, 0, 1], "g": [0, 0, 0]}
    with pytest.raises(ScoringError) as caught:
        cut_accuracy(three_parameters(items), [0.5, 0.5])
    assert caught.value.code == "scoring.cuts"
