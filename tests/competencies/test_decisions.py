"""States, levels, the reporting gate and the roll-up: from numbers to what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.bank import ItemBank, Text
from competency_dx.competencies import STATES, gate
from competency_dx.errors import DiagnosisError

MakeBank = Callable[..., ItemBank]
Quiet = Callable[[], AbstractContextManager[None]]

COLUMNS = [
    *("person", "competency", "title", "state", "level", "p_deficit", "percent", "percent_low", "percent_high"),
    *("theta", "se", "n_items", "reliability", "prmse", "reported_at", "status"),
]


@pytest.mark.parametrize(
    ("probability", "state"),
    [
        (1.0, "confirmed"),
        (0.80, "confirmed"),
        (0.7999, "likely"),
        (0.60, "likely"),
        (0.5999, "indeterminate"),
        (0.40, "indeterminate"),
        (0.3999, "not_found"),
        (0.0, "not_found"),
        (np.nan, "not_found"),
    ],
)
def test_states_by_probability(probability: float, state: str) -> None:
    p = np.array([[probability, probability]])
    found = cdx.DeficitRule().state_index(p, np.array([[True, False]]))
    assert [STATES[k] for k in found[0]] == [state, "insufficient_data"]


@pytest.mark.parametrize(
    ("boundaries", "levels"),
    [
        (("upper", "lower"), ["high", "medium", "medium", "medium", "medium", "minimal"]),
        (("lower", "lower"), ["high", "high", "medium", "medium", "medium", "minimal"]),
        (("upper", "upper"), ["high", "medium", "medium", "medium", "minimal", "minimal"]),
        (("lower", "upper"), ["high", "high", "medium", "medium", "minimal", "minimal"]),
    ],
)
def test_a_percent_on_the_boundary_belongs_to_its_owner(boundaries: tuple[str, str], levels: list[str]) -> None:
    standards = cdx.R201(boundaries=boundaries)
    found = standards.level_index(np.array([59.999, 60.0, 60.001, 79.999, 80.0, 80.001]))
    assert [standards.levels[k].code for k in found] == levels


def test_the_boundary_policy_is_said_in_both_languages() -> None:
    assert cdx.R201().policy("en") == "A value exactly on a boundary: 60 % → medium deficit; 80 % → medium deficit"
    lower = cdx.R201(boundaries=("lower", "lower")).policy("ru")
    assert lower.startswith("Значение ровно на границе: 60 % → высокий уровень дефицита")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cuts": (80.0, 60.0)}, "cuts must ascend within 0-100"),
        ({"cuts": (60.0, 60.0)}, "cuts must ascend"),
        ({"cuts": (0.0, 60.0)}, "cuts must ascend"),
        ({"cuts": (60.0,)}, "1 cuts need 2 levels and 1 boundaries, found 3 and 2"),
    ],
)
def test_standards_that_do_not_fit_together_are_refused(changed: dict[str, object], message: str) -> None:
    from dataclasses import replace

    with pytest.raises(DiagnosisError, match=message):
        replace(cdx.R201(), **changed)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    "changed", [{"confirmed": 0.5}, {"indeterminate": 0.0}, {"likely": 0.9}, {"reliability": 1.0}, {"interval": 0.0}]
)
def test_rules_out_of_order_are_refused(changed: dict[str, float]) -> None:
    with pytest.raises(DiagnosisError, match="DeficitRule needs"):
        cdx.DeficitRule(**changed)  # type: ignore[arg-type]  # a float for every field


def test_the_first_reason_not_to_report_is_given() -> None:
    found = gate.statuses(
        np.array([[0, 2, 3, 3, 3, 3]]),
        np.array([[0.9, 0.9, 0.59, 0.6, 0.9, np.nan]]),
        np.array([[np.nan, np.nan, np.nan, 0.0, np.nan, 0.2]]),
        min_items=3,
        least=0.6,
        added=0.0,
    )
    expected = [
        gate.NO_ITEMS,
        gate.TOO_FEW,
        gate.LOW_RELIABILITY,
        gate.NO_ADDED_VALUE,
        gate.REPORTED,
        gate.LOW_RELIABILITY,
    ]
    assert found[0].tolist() == expected


def test_conclusions_roll_up_to_the_nearest_reported_ancestor() -> None:
    """Units 0 ← 1 ← 2, 0 ← 3; rows: all reported, 1 and 2 not, 2 alone not, nothing at all."""
    bad = gate.LOW_RELIABILITY
    status = np.array([[0, 0, 0, 0], [0, bad, bad, 0], [0, 0, bad, bad], [bad] * 4], dtype=np.int8)
    found = gate.roll_up(status, (-1, 0, 1, 0))
    assert found.tolist() == [[0, 1, 2, 3], [0, 0, 0, 3], [0, 1, 1, 0], [-1] * 4]


def test_marginal_reliability_of_constant_information() -> None:
    """With information I everywhere and variance v: 1 - 1 / (1 + I v), by hand."""
    theta = np.linspace(-12, 12, 601)
    weight = np.exp(-0.5 * theta**2 / 2.0)
    weight /= weight.sum()
    found = gate.marginal_reliability(np.full((1, 601), 3.0), theta, weight)
    assert found[0] == pytest.approx(1 - 1 / (1 + 3.0 * 2.0), rel=1e-6)


FOUR = [(f"i{k}", 1.0, [-1.5 + 3 * (k % 7) / 6], f"S.1.{1 + min(k // 6, 3)}") for k in range(25)]


def four_blocks(persons: int, correlation: float, seed: int = 31) -> pd.DataFrame:
    """Draw answers to 25 items in blocks of 6, 6, 6 and 7 whose abilities correlate."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(persons, 1)), rng.normal(size=(persons, 4))
    theta = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    b = np.array([row[2][0] for row in FOUR])
    block = np.minimum(np.arange(25) // 6, 3)
    right = 1 / (1 + np.exp(-(theta[:, block] - b)))
    return pd.DataFrame((rng.random(right.shape) < right).astype(int), columns=[row[0] for row in FOUR])


@pytest.fixture(scope="module")
def blocks(scored_bank: MakeBank) -> cdx.DeficitProfiles:
    """25 items in four domains correlated .75, 500 persons: the design of many real tests."""
    return cdx.diagnose(four_blocks(500, 0.75), scored_bank(FOUR))


def test_short_blocks_are_not_reported_but_the_total_is(blocks: cdx.DeficitProfiles) -> None:
    frame = blocks.to_frame()
    domains = frame[frame["competency"].str.match(r"S\.1\.\d")]
    assert (domains["status"] == "low_reliability").all()
    assert (domains["state"] == "insufficient_data").all()
    assert (domains["level"] == "").all()
    assert (domains["reliability"] < 0.6).all()
    assert (domains["reported_at"] == "S").all()
    total = frame[frame["competency"] == "S"]
    assert (total["status"] == "reported").all()
    assert (total["reported_at"] == "S").all()
    assert set(total["state"]) <= {"confirmed", "likely", "indeterminate", "not_found"}


def test_reliability_says_what_an_estimate_is_worth(blocks: cdx.DeficitProfiles) -> None:
    """Marginal reliability of the total near .8 is the model's; α of the same 25 Rasch items agrees within .05."""
    alpha = gate.haberman(np.cov(four_blocks(500, 1.0).to_numpy(float).T), np.ones(25, dtype=bool))[0]
    assert blocks.reliability[:, blocks.index("S")].mean() == pytest.approx(alpha, abs=0.05)


def test_a_rolled_up_conclusion_says_why_and_where(blocks: cdx.DeficitProfiles) -> None:
    conclusion = blocks["0"]["S.1.2"]
    assert conclusion.status == "low_reliability"
    assert conclusion.reported_at == "S"
    assert conclusion.reason.text("en") == (
        "reliability below 0.60: too few items for a conclusion of its own; see the conclusion on “Competency S”"
    )
    assert "надёжность ниже 0,60" in conclusion.reason.ru
    assert "«Компетенция S»" in conclusion.reason.ru
    assert blocks["0"]["S"].reason == Text(ru="", en="")


def test_a_unit_with_the_same_items_as_its_parent_adds_nothing(blocks: cdx.DeficitProfiles) -> None:
    """S.1 has the very items of S: its PRMSE equals that of the total."""
    assert set(blocks.to_frame().query("competency == 'S.1'")["status"]) == {"no_added_value"}


def test_the_whole_test_gains_nothing_over_itself() -> None:
    """Exactly, whatever the data: rounding would decide what is reported, and differently on another machine."""
    for seed in range(200):
        points = np.random.default_rng(seed).integers(0, 2, (40, 7)) * np.arange(1, 8) / 7
        own, total = gate.haberman(np.cov(points.T), np.ones(7, dtype=np.bool_))
        assert own == total or (own <= 0 and np.isnan(total))


def test_prmse_in_the_profiles_is_that_of_haberman(blocks: cdx.DeficitProfiles, scored_bank: MakeBank) -> None:
    points = four_blocks(500, 0.75).to_numpy(float)
    own, _ = gate.haberman(np.cov(points.T), np.arange(25) // 6 == 0)
    np.testing.assert_allclose(blocks.prmse[:, blocks.index("S.1.1")], own, rtol=1e-12)


def test_a_distinct_reliable_competency_is_reported(scored_bank: MakeBank) -> None:
    """Two domains of 15 items, correlation 0: own scores say more than the total."""
    rows = [(f"i{k}", 1.5, [-1.4 + 0.2 * (k % 15)], f"S.1.{1 + k // 15}") for k in range(30)]
    rng = np.random.default_rng(33)
    theta = rng.normal(size=(300, 2))[:, np.arange(30) // 15]
    right = 1 / (1 + np.exp(-1.5 * (theta - np.array([r[2][0] for r in rows]))))
    answers = pd.DataFrame((rng.random(right.shape) < right).astype(int), columns=[r[0] for r in rows])
    frame = cdx.diagnose(answers, scored_bank(rows)).to_frame()
    domains = frame[frame["competency"].isin(["S.1.1", "S.1.2"])]
    assert (domains["status"] == "reported").all()
    assert (domains["reported_at"] == domains["competency"]).all()


def test_a_small_group_is_decided_by_reliability_alone(scored_bank: MakeBank) -> None:
    found = cdx.diagnose(four_blocks(99, 0.75), scored_bank(FOUR))
    assert np.isnan(found.prmse).all()
    assert "competencies.no_cohort" in {f.code for f in found.findings}
    assert set(found.to_frame().query("competency == 'S.1'")["status"]) == {"reported"}


@st.composite
def blanked(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return answers of a cohort to one form or two, and the same answers with some cells blank."""
    seed, persons = draw(st.integers(0, 2**31)), draw(st.integers(95, 180))
    rng = np.random.default_rng(seed)
    full = four_blocks(persons, draw(st.floats(0.2, 0.9)), seed).astype("Int64")
    if draw(st.booleans()):
        full = full.loc[:, [f"i{k}" for k in (*range(12), *range(18, 25))]]
    share = draw(st.sampled_from([0.0, 0.0, 0.02, 0.2, 0.6]))
    holes = rng.random(full.shape) < share * (rng.random(persons) < draw(st.floats(0, 1)))[:, None]
    for _ in range(draw(st.integers(1, 4))):
        holes[rng.integers(persons), rng.integers(full.shape[1])] = True
    holes[rng.integers(persons)] |= draw(st.booleans())
    return full, full.mask(pd.DataFrame(holes, index=full.index, columns=full.columns))


@pytest.fixture(scope="module")
def steep(scored_bank: MakeBank) -> ItemBank:
    """Return a bank whose blocks are reliable, so that only the added value stands against a conclusion."""
    return scored_bank([(item, 2.0, b, code) for item, _, b, code in FOUR])


@settings(max_examples=15, deadline=None, derandomize=True)
@given(tables=blanked())
def test_fewer_answers_never_give_more_conclusions(
    tables: tuple[pd.DataFrame, pd.DataFrame], steep: ItemBank, quiet: Quiet
) -> None:
    """Blank cells may take conclusions away; they give none, neither to the person nor to anybody else."""
    with quiet():
        before, after = (cdx.diagnose(table, steep) for table in tables)
    nothing = STATES.index("insufficient_data")
    assert (after.state[before.state == nothing] == nothing).all()


def test_few_items_are_too_few(scored_bank: MakeBank) -> None:
    rows = [("x", 2.0, [0.0], "S.1.1"), ("y", 2.0, [0.3], "S.1.1"), *FOUR[6:]]
    data = four_blocks(120, 0.75).rename(columns={"i0": "x", "i1": "y"}).drop(columns=[f"i{k}" for k in range(2, 6)])
    found = cdx.diagnose(data, scored_bank(rows))["5"]["S.1.1"]
    assert (found.status, found.n_items, found.reported_at) == ("too_few_items", 2, "S")
    assert found.reason.text("en").startswith("fewer than 3 items were answered")


@pytest.fixture(scope="module")
def with_blank(scored_bank: MakeBank, quiet: Quiet) -> cdx.DeficitProfiles:
    data = four_blocks(120, 0.75).astype("Int64")
    data.iloc[7, :] = pd.NA
    with quiet():
        return cdx.diagnose(data, scored_bank(FOUR))


def test_a_blank_person_keeps_a_row_and_no_conclusion(with_blank: cdx.DeficitProfiles) -> None:
    profile = with_blank["7"]
    assert profile.status == "no_responses"
    assert len(with_blank) == 120
    assert not profile.deficits
    assert not profile.strengths
    for conclusion in profile.conclusions:
        assert (conclusion.status, conclusion.state, conclusion.reported_at) == ("no_items", "insufficient_data", "")
        assert conclusion.level == ""
        assert conclusion.theta == pytest.approx(0, abs=1e-9)
        assert conclusion.se == pytest.approx(1, rel=1e-4)
        assert conclusion.reason.text("en") == "no items of this competency were answered; no conclusion can be drawn"
        assert conclusion.evidence == ()


def test_a_blank_person_changes_nobody_else(with_blank: cdx.DeficitProfiles, scored_bank: MakeBank) -> None:
    others = [p for p in range(120) if p != 7]
    alone = cdx.diagnose(four_blocks(120, 0.75).iloc[others], scored_bank(FOUR))
    for name in ("theta", "se", "percent", "percent_low", "percent_high", "p_deficit"):
        np.testing.assert_array_equal(getattr(with_blank, name)[others], getattr(alone, name))


def test_one_person_gets_the_digits_of_the_cohort(scored_bank: MakeBank) -> None:
    data, bank = four_blocks(300, 0.75), scored_bank(FOUR)
    cohort = cdx.diagnose(data, bank)
    for p in (0, 127, 128, 299):
        one = cdx.diagnose(data.iloc[[p], ::-1], bank)
        for name in ("theta", "se", "percent", "percent_low", "percent_high", "p_deficit", "p_strength", "reliability"):
            np.testing.assert_array_equal(getattr(one, name)[0], getattr(cohort, name)[p])


def test_the_frame_has_the_columns_of_the_contract_in_input_order(with_blank: cdx.DeficitProfiles) -> None:
    frame = with_blank.to_frame()
    assert list(frame.columns) == COLUMNS
    assert len(frame) == 120 * 6
    assert list(dict.fromkeys(frame["person"])) == [str(p) for p in range(120)]
    assert frame["competency"][:6].tolist() == ["S", "S.1", "S.1.1", "S.1.2", "S.1.3", "S.1.4"]


def test_json_comes_back_to_the_same_bytes(with_blank: cdx.DeficitProfiles) -> None:
    text = with_blank.to_json()
    again = cdx.DeficitProfiles.from_json(text)
    assert again.to_json() == text
    pd.testing.assert_frame_equal(again.to_frame(), with_blank.to_frame())
    document = json.loads(text)
    assert len(document["profiles"]) == 120
    assert document["profiles"][7]["conclusions"][0]["reported_at"] is None


def test_evidence_gives_points_and_what_was_expected(with_blank: cdx.DeficitProfiles) -> None:
    conclusion = with_blank["3"]["S.1.1"]
    assert [e.item for e in conclusion.evidence] == [f"i{k}" for k in range(6)]
    for evidence, (_, a, b, _) in zip(conclusion.evidence, FOUR[:6], strict=True):
        expected = 1 / (1 + np.exp(-a * (conclusion.theta - b[0])))
        assert evidence.expected == pytest.approx(expected, abs=2e-3)  # read off a grid of spacing .2
        assert evidence.treated_as == "answered"


def test_deficits_come_the_surest_first(blocks: cdx.DeficitProfiles) -> None:
    for profile in list(blocks)[:50]:
        p = [c.p_deficit for c in profile.deficits]
        assert p == sorted(p, reverse=True)
        assert all(x >= 0.6 for x in p)


def test_strengths_are_deficits_seen_from_the_other_end(scored_bank: MakeBank) -> None:
    """Turning answers and difficulties round turns D into 100 - D: with cuts 40 and 60 the two swap."""
    from dataclasses import replace

    standards = replace(cdx.R201(), id="symmetrical", cuts=(40.0, 60.0))
    data = four_blocks(200, 0.9)
    turned_bank = scored_bank([(item, a, [-b[0]], code) for item, a, b, code in FOUR])
    here = cdx.diagnose(data, scored_bank(FOUR), standards=standards)
    there = cdx.diagnose(1 - data, turned_bank, standards=standards)
    np.testing.assert_allclose(here.p_strength, there.p_deficit, atol=1e-9)
    np.testing.assert_allclose(here.p_deficit, there.p_strength, atol=1e-9)
    np.testing.assert_array_equal(here.strength, there.state)
    np.testing.assert_allclose(here.percent, 100 - there.percent, atol=1e-8)
    np.testing.assert_allclose(here.percent_low, 100 - there.percent_high, atol=1e-6)


def test_omitted_answers_count_as_wrong_unless_told_otherwise(scored_bank: MakeBank) -> None:
    from competency_dx.responses import Reason

    full = cdx.load_responses(four_blocks(1, 0.75))
    from dataclasses import replace

    reasons = full.reasons.copy()
    reasons[0, :10] = Reason.OMITTED
    data = replace(full, reasons=reasons, scores=np.where(reasons == 0, full.scores, 0))
    bank = scored_bank(FOUR)
    wrong = cdx.diagnose(data, bank)
    left_out = cdx.diagnose(data, bank, rule=cdx.DeficitRule(missing=cdx.MissingPolicy(omitted="ignore")))
    c = wrong.index("S")
    assert wrong.n_items[0, c] == 25
    assert left_out.n_items[0, c] == 15
    assert wrong.p_deficit[0, c] > left_out.p_deficit[0, c]
    assert {e.treated_as for e in wrong["0"]["S.1.1"].evidence} == {"omitted"}


def test_a_calibration_is_no_bank() -> None:
    with pytest.raises(DiagnosisError, match="diagnose needs an ItemBank, got str"):
        cdx.diagnose(np.array([[1]]), "mathematics")  # type: ignore[arg-type]  # wrong on purpose


def test_unknown_persons_and_competencies_are_named(blocks: cdx.DeficitProfiles) -> None:
    with pytest.raises(DiagnosisError, match="no person 'nobody' among the 500 profiles"):
        blocks["nobody"]
    with pytest.raises(DiagnosisError, match=r"no competency 'S\.9'; it has S, S\.1"):
        blocks["0"]["S.9"]
    with pytest.raises(DiagnosisError, match=r"'S\.9' is not among S, S\.1"):
        blocks.index("S.9")


def test_topics_are_no_reporting_units(scored_bank: MakeBank) -> None:
    rows = [(item, a, b, "S.1.1.1" if code == "S.1.1" else code) for item, a, b, code in FOUR]
    found = cdx.diagnose(four_blocks(3, 0.75), scored_bank(rows))
    assert [c.code for c in found.competencies] == ["S", "S.1", "S.1.1", "S.1.2", "S.1.3", "S.1.4"]
    assert found["0"]["S.1.1"].evidence[0].topics == ("S.1.1.1",)
