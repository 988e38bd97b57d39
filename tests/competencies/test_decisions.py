"""States, levels, what a conclusion is supported by and the roll-up: from numbers to what is said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

import competency_dx as cdx
from competency_dx.bank import ItemBank, Text
from competency_dx.competencies import STATES
from competency_dx.competencies.conclusion import NUMBERS, STATUSES, levels, roll_up, statuses
from competency_dx.errors import CompetencyDxWarning, DiagnosisError
from competency_dx.models import NormalPopulation
from competency_dx.responses import Reason

Floats = NDArray[np.float64]
MakeBank = Callable[..., ItemBank]
Quiet = Callable[[], AbstractContextManager[None]]

COLUMNS = [
    *("person", "competency", "title", "state", "level", "p_deficit", "percent", "percent_low", "percent_high"),
    *("theta", "se", "n_items", "reliability", "prmse", "reported_at", "status"),
    *("level_probability", "own_share", "leans_on"),
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
    ("boundaries", "owners"),
    [
        (("upper", "lower"), ("medium", "medium")),
        (("lower", "lower"), ("high", "medium")),
        (("upper", "upper"), ("medium", "minimal")),
        (("lower", "upper"), ("high", "minimal")),
    ],
)
def test_a_percent_on_the_boundary_belongs_to_its_owner(boundaries: tuple[str, str], owners: tuple[str, str]) -> None:
    standards = cdx.R201(boundaries=boundaries)
    titles = {level.code: level.title.text("en") for level in standards.levels}
    assert standards.policy("en").endswith(f"60 % → {titles[owners[0]]}; 80 % → {titles[owners[1]]}")


def test_the_boundary_policy_is_said_in_both_languages() -> None:
    """Acceptance example 3 of the domain, with who owns a boundary above."""
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
    "changed", [{"confirmed": 0.5}, {"indeterminate": 0.0}, {"likely": 0.9}, {"own_share": 1.0}, {"interval": 0.0}]
)
def test_rules_out_of_order_are_refused(changed: dict[str, float]) -> None:
    with pytest.raises(DiagnosisError, match="DeficitRule needs"):
        cdx.DeficitRule(**changed)  # type: ignore[arg-type]  # a float for every field


def test_the_first_reason_not_to_conclude_is_given() -> None:
    """Rows: a person whose answers fit, one whose answers do not, one who filled in one option."""
    n_items, share = np.array([0, 1, 2, 2, 2]), np.array([0.9, 0.9, 0.099, 0.1, 0.9])
    misfit, effortless = np.array([-2.7, -2.9, -9.0]), np.array([False, False, True])
    covered = np.array([0.0, 0.2, 0.5, 0.5, 0.49])
    items, shares, tested = np.tile(n_items, (3, 1)), np.tile(share, (3, 1)), np.tile(covered, (3, 1))
    found = statuses(items, shares, tested, (misfit, effortless), cdx.DeficitRule())
    assert [[STATUSES[k] for k in row] for row in found] == [
        ["no_items", "too_few_items", "borrowed", "reported", "partly_tested"],
        ["no_items", *["misfit"] * 4],
        ["no_items", *["low_effort"] * 4],
    ]


def test_conclusions_roll_up_to_the_nearest_reported_ancestor() -> None:
    """Units 0 ← 1 ← 2, 0 ← 3; rows: all reported, 1 and 2 not, 2 alone not, nothing at all."""
    bad = STATUSES.index("borrowed")
    status = np.array([[0, 0, 0, 0], [0, bad, bad, 0], [0, 0, bad, bad], [bad] * 4], dtype=np.int8)
    found = roll_up(status, (-1, 0, 1, 0))
    assert found.tolist() == [[0, 1, 2, 3], [0, 0, 0, 3], [0, 1, 1, 0], [-1] * 4]


@given(
    below=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4),
    states=st.lists(st.integers(0, 4), min_size=4, max_size=4),
)
def test_no_level_contradicts_the_state(below: list[tuple[float, float]], states: list[int]) -> None:
    """The lowest level goes with a deficit, never with one not found; the probability is that of the level."""
    cuts, state = np.sort(np.array([below])), np.array([states[: len(below)]], dtype=np.int8)
    found, probability = levels(cuts, state)
    of_levels = np.diff(np.pad(cuts[0], ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))), axis=1)
    for k, (name, level) in enumerate(zip(state[0], found[0], strict=True)):
        match STATES[name]:
            case "confirmed" | "likely":
                assert level == 0
            case "not_found":
                assert level > 0
            case "insufficient_data":
                assert level == -1
                assert np.isnan(probability[0, k])
            case _:
                assert of_levels[k, level] == of_levels[k].max()
        if level >= 0:
            assert probability[0, k] == pytest.approx(of_levels[k, level])


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12), bound=st.floats(0.01, 0.5))
def test_confirmed_deficits_hold_the_expected_share_of_false_ones(p: list[float], bound: float) -> None:
    """The surest stay confirmed; one more would exceed the bound; the others are likely and nothing else changes."""
    at, every = np.array([p]), np.ones((1, len(p)), dtype=bool)
    plain, bounded = (cdx.DeficitRule(false_share=x).state_index(at, every)[0] for x in (None, bound))
    kept, dropped = at[0][bounded == 0], at[0][(plain == 0) & (bounded != 0)]
    assert (bounded[(plain == 0) & (bounded != 0)] == 1).all()
    assert (bounded[plain > 0] == plain[plain > 0]).all()
    if kept.size:
        assert np.mean(1 - kept) <= bound + 1e-12
    if dropped.size:
        assert dropped.max() <= kept.min(initial=1.0)
        assert np.mean(1 - np.append(kept, dropped.max())) > bound - 1e-12


FOUR = [(f"i{k}", 1.0, [-1.5 + 3 * (k % 7) / 6], f"S.1.{1 + min(k // 6, 3)}") for k in range(25)]


def drawn(persons: int, correlation: float, seed: int = 31) -> tuple[Floats, pd.DataFrame]:
    """Draw abilities that correlate, and answers to 25 items in blocks of 6, 6, 6 and 7."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(persons, 1)), rng.normal(size=(persons, 4))
    theta = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    b, block = np.array([row[2][0] for row in FOUR]), np.minimum(np.arange(25) // 6, 3)
    right = rng.random((persons, 25)) < expit(theta[:, block] - b)
    return theta, pd.DataFrame(right.astype(int), columns=[row[0] for row in FOUR])


def four_blocks(persons: int, correlation: float, seed: int = 31) -> pd.DataFrame:
    """Return the answers alone."""
    return drawn(persons, correlation, seed)[1]


@pytest.fixture(scope="module")
def four(scored_bank: MakeBank) -> ItemBank:
    return scored_bank(FOUR)


@pytest.fixture(scope="module")
def blocks(scored_bank: MakeBank) -> cdx.DeficitProfiles:
    """25 items in four domains correlated .75, 500 persons: the design of many real tests."""
    return cdx.diagnose(four_blocks(500, 0.75), scored_bank(FOUR))


def test_short_blocks_get_a_state_of_their_own(blocks: cdx.DeficitProfiles) -> None:
    """Six items of a domain support a conclusion in spite of low reliability: what matters is what the answers add."""
    frame = blocks.to_frame()
    assert (frame["status"] == "reported").all()
    assert (frame["reported_at"] == frame["competency"]).all()
    assert set(frame["state"]) <= {"confirmed", "likely", "indeterminate", "not_found"}
    domains = frame[frame["competency"].str.match(r"S\.1\.\d")]
    assert (domains["reliability"] < 0.6).all()
    assert (domains["prmse"] > domains["reliability"]).all()
    assert (domains["own_share"] > 0.1).all()
    assert (domains["leans_on"] != domains["competency"]).all()


def test_probabilities_of_a_deficit_come_true_in_every_unit(scored_bank: MakeBank, quiet: Quiet) -> None:
    """Drawn from the stated population: of persons with P(deficit) p a share p has one, quintiles within 3.5 binomial SE."""
    theta, table = drawn(4000, 0.75)
    b, block = np.array([row[2][0] for row in FOUR]), np.minimum(np.arange(25) // 6, 3)
    right = expit(theta[:, block] - b)
    codes = tuple(f"S.1.{k}" for k in range(1, 5))
    population = NormalPopulation(dimensions=codes, mean=np.zeros(4), covariance=0.75 + 0.25 * np.eye(4))
    with quiet():  # a few in thousands answer against expectation by chance
        found = cdx.diagnose(table, scored_bank(FOUR), population=population)
    for c, items in enumerate([block >= 0, block >= 0, *(block == k for k in range(4))]):
        p, deficit = found.p_deficit[:, c], right[:, items].mean(axis=1) < 0.6
        for group in np.array_split(np.argsort(p, kind="stable"), 5):
            slack = 3.5 * np.sqrt((p[group] * (1 - p[group])).sum()) / len(group) + 0.005
            assert deficit[group].mean() == pytest.approx(p[group].mean(), abs=slack), c


def test_a_parent_is_the_sum_of_its_leaves(blocks: cdx.DeficitProfiles) -> None:
    """In percent, by their points; a unit with the very items of its parent gets its very numbers."""
    percent = blocks.percent
    np.testing.assert_allclose(percent[:, 1], percent[:, 2:] @ np.array([6, 6, 6, 7]) / 25, rtol=1e-9)
    for name in ("percent", "percent_low", "percent_high", "p_deficit", "theta", "se", "own_share", "prmse"):
        np.testing.assert_array_equal(getattr(blocks, name)[:, 0], getattr(blocks, name)[:, 1])


def test_a_rolled_up_conclusion_says_why_and_where(scored_bank: MakeBank) -> None:
    found = cdx.diagnose(four_blocks(1, 0.75), scored_bank(FOUR), rule=cdx.DeficitRule(min_items=7))
    conclusion = found["0"]["S.1.2"]
    assert (conclusion.status, conclusion.state, conclusion.level) == ("too_few_items", "insufficient_data", "")
    assert conclusion.reported_at == "S.1"
    assert conclusion.reason.text("en") == "fewer than 7 items were answered; see the conclusion on “Competency S.1”"
    assert conclusion.reason.ru.startswith("выполнено меньше 7 заданий; смотрите")
    assert "«Компетенция S.1»" in conclusion.reason.ru
    assert found["0"]["S.1.4"].status == "reported"
    assert found["0"]["S"].reason == Text(ru="", en="")


def test_what_rests_on_the_others_alone_is_no_conclusion(scored_bank: MakeBank) -> None:
    """Two items that every one solves say nothing of S.1.1, however much the other nineteen say."""
    easy = [(f"i{k}", 1.0, [-6.0], "S.1.1") for k in range(2)]
    table = four_blocks(20, 0.75).drop(columns=["i2", "i3", "i4", "i5"]).assign(i0=1, i1=1)
    frame = cdx.diagnose(table, scored_bank([*easy, *FOUR[6:]])).to_frame().query("competency == 'S.1.1'")
    assert (frame["own_share"] < 0.02).all()
    assert set(frame["status"]) == {"borrowed"}
    assert set(frame["state"]) == {"insufficient_data"}
    assert set(frame["reported_at"]) == {"S.1"}


def test_answers_against_all_expectation_stop_the_profile(scored_bank: MakeBank) -> None:
    """Who fails the easy half and solves the hard half gets no conclusion; half at random does."""
    b = np.array([row[2][0] for row in FOUR])
    bank = scored_bank([(item, 2.0, steps, code) for item, _, steps, code in FOUR])
    table = pd.DataFrame([b > 0, b < 0], columns=[row[0] for row in FOUR]).astype(int)
    with pytest.warns(CompetencyDxWarning, match="contradict each other .*: 0"):
        found = cdx.diagnose(table, bank)
    assert set(found.to_frame().query("person == '0'")["status"]) == {"misfit"}
    assert set(found.to_frame().query("person == '1'")["status"]) == {"reported"}
    assert found["0"]["S"].reason.text("en").startswith("the answers contradict each other")


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


@settings(max_examples=settings().max_examples // 2)  # two diagnoses each
@given(tables=blanked())
def test_fewer_answers_never_give_more_conclusions(tables: tuple[pd.DataFrame, pd.DataFrame], four: ItemBank, quiet: Quiet) -> None:
    """Blank cells may take conclusions away for want of items; they give none, neither to the person nor to anybody else."""
    with quiet():
        before, after = (cdx.diagnose(table, four, rule=cdx.DeficitRule(own_share=0.0, misfit=-99)) for table in tables)
    nothing = STATES.index("insufficient_data")
    assert (after.state[before.state == nothing] == nothing).all()
    untouched = (before.reasons == after.reasons).all(axis=1)
    for name in NUMBERS:
        np.testing.assert_array_equal(getattr(before, name)[untouched], getattr(after, name)[untouched])


def test_each_answer_more_adds_to_the_share_of_the_leafs_items(four: ItemBank, quiet: Quiet) -> None:
    """On average: one answer may move θ to where the others tell less."""
    table = four_blocks(200, 0.75).astype("Int64")
    shares = []
    for n in range(7):
        with quiet():
            found = cdx.diagnose(table.drop(columns=[f"i{k}" for k in range(n, 6)]), four)
        shares.append(found.own_share[:, found.index("S.1.1")].mean())
    assert shares[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(shares) > 0).all()


def test_one_item_is_too_few(scored_bank: MakeBank) -> None:
    data = four_blocks(5, 0.75).drop(columns=[f"i{k}" for k in range(1, 6)])
    found = cdx.diagnose(data, scored_bank(FOUR))["3"]["S.1.1"]
    assert (found.status, found.n_items, found.reported_at) == ("too_few_items", 1, "S.1")


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
        assert conclusion.se < 1.02
        assert conclusion.reason.text("en") == "no items of this competency were answered; no conclusion can be drawn"
        assert conclusion.evidence == ()


def test_a_blank_person_changes_nobody_else(with_blank: cdx.DeficitProfiles, scored_bank: MakeBank) -> None:
    others = [p for p in range(120) if p != 7]
    alone = cdx.diagnose(four_blocks(120, 0.75).iloc[others], scored_bank(FOUR))
    for name in (*NUMBERS, "state", "strength", "level", "status", "reported_at", "leans_on", "influence"):
        np.testing.assert_array_equal(getattr(with_blank, name)[others], getattr(alone, name))


def test_one_person_gets_the_digits_of_the_cohort(scored_bank: MakeBank, quiet: Quiet) -> None:
    data, bank = four_blocks(300, 0.75), scored_bank(FOUR)
    with quiet():
        cohort = cdx.diagnose(data, bank)
    for p in (0, 127, 128, 299):
        one = cdx.diagnose(data.iloc[[p], ::-1], bank)
        for name in (*NUMBERS, "state", "strength", "level", "status", "reported_at", "leans_on"):
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
    np.testing.assert_allclose(here.p_strength, there.p_deficit, atol=1e-4)  # sweeps end some 1e-5 before they settle
    np.testing.assert_allclose(here.p_deficit, there.p_strength, atol=1e-4)
    np.testing.assert_array_equal(here.strength, there.state)
    np.testing.assert_allclose(here.percent, 100 - there.percent, atol=1e-4)
    np.testing.assert_allclose(here.percent_low, 100 - there.percent_high, atol=1e-2)


@pytest.mark.filterwarnings("ignore:A tenth of the items or more")
def test_omitted_answers_count_as_wrong_unless_told_otherwise(scored_bank: MakeBank) -> None:
    """They move what is estimated, and are none of the answers that a conclusion needs."""
    full, bank = cdx.load_responses(four_blocks(1, 0.75)), scored_bank(FOUR)
    reasons = full.reasons.copy()
    reasons[0, :10] = Reason.OMITTED
    data = replace(full, reasons=reasons, scores=np.where(reasons == 0, full.scores, 0))
    wrong = cdx.diagnose(data, bank)
    left_out = cdx.diagnose(data, bank, rule=cdx.DeficitRule(missing=cdx.MissingPolicy(omitted="ignore")))
    c = wrong.index("S")
    assert wrong.n_items[0, c] == left_out.n_items[0, c] == 15
    assert wrong.p_deficit[0, c] > left_out.p_deficit[0, c]
    assert {e.treated_as for e in wrong["0"]["S.1.1"].evidence} == {"omitted"}
    assert wrong["0"]["S.1.1"].status == "no_items"
    reasons[0, 5:20] = Reason.OMITTED  # of the whole five answers among 25 items that count are left
    few = cdx.diagnose(replace(full, reasons=reasons, scores=np.where(reasons == 0, full.scores, 0)), bank)
    assert (few.n_items[0, c], few["0"]["S"].status) == (5, "partly_tested")
    (said,) = (f for f in wrong["0"].findings if f.code == "competencies.omitted")
    assert said.facts == {"omitted": 10, "given": 25}
    assert not left_out["0"].findings


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("token", ["-", "\N{EM DASH}", "omitted", "пропуск", "нет ответа", "not reached", ""])
@pytest.mark.parametrize("missing", [{}, {"omitted": "modelled"}, {"omitted": "ignore"}, {"not_reached": "incorrect"}])
def test_whoever_gave_no_answer_is_concluded_nothing_of(token: str, missing: dict[str, Any], tmp_path: Path) -> None:
    """Whatever fills the cells, and the same alone as among others; one answer among omissions decides nothing either."""
    bank = cdx.load_bank("mathematics")
    form = list(bank.forms[0].items)
    table = cdx.simulate(bank, 5, rng=np.random.default_rng(1)).select(items=form).to_frame().astype(object)
    table.loc[4, form] = table.loc[3, form[1:]] = token
    table.to_csv(tmp_path / "absent.csv", index=False)
    layout = cdx.Layout(missing_tokens={"": "omitted"}) if not token else None
    data = cdx.load_responses(tmp_path / "absent.csv", bank=bank, layout=layout)
    rule = cdx.DeficitRule(missing=cdx.MissingPolicy(**missing))
    profiles = cdx.diagnose(data, bank, rule=rule)
    assert profiles["5"].status == "no_responses"
    assert (profiles.state[3:] == STATES.index("insufficient_data")).all()
    assert profiles.n_items[4].max() == 0
    assert profiles.n_items[3].max() == 1
    assert not any(c.evidence for c in profiles["5"].conclusions)
    for person in ("4", "5"):
        assert cdx.diagnose(data.select(persons=[person]), bank, rule=rule)[person].to_json() == profiles[person].to_json()
    assert not cdx.score(data, bank).n_items[4:].any()


def test_a_calibration_is_no_bank() -> None:
    with pytest.raises(DiagnosisError, match="bank= takes ItemBank, got 'mathematics'"):
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


def test_nothing_is_concluded_on_what_is_mostly_untested(quiet: Quiet) -> None:
    """Three answers in two of twelve domains say something of these two and of no whole above them."""
    physics = cdx.load_bank("physics")
    domains = [code for code, n in Counter(physics.leaves.values()).items() if n >= 3][:2]
    some = [[i for i, leaf in physics.leaves.items() if leaf == d][:2] for d in domains]
    asked = [*some[0], some[1][0]]
    answers = cdx.simulate(physics, 20, rng=np.random.default_rng(2))
    with quiet():
        few = cdx.diagnose(answers.select(items=asked), physics)
        all_the_same = cdx.diagnose(answers.select(items=asked), physics, rule=cdx.DeficitRule(coverage=0.0))
        whole = cdx.diagnose(answers, physics)
    root = whole.index(whole.competencies[0].code)
    assert {STATUSES[k] for k in few.status[:, root]} <= {"partly_tested", "misfit"}
    assert (few.state[:, root] == STATES.index("insufficient_data")).all()
    assert "the answers cover less than 50 % of it" in str(next(iter(few)).conclusions[root].reason.en)
    assert (all_the_same.status[:, root] == STATUSES.index("reported")).any()
    assert (whole.status[:, root] == STATUSES.index("reported")).mean() > 0.8
    np.testing.assert_array_equal(few.p_deficit, all_the_same.p_deficit)
