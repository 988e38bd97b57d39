"""Follow-up items: what is chosen, that it helps, that answers join, and that the form comes back."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import ndtri
from scipy.stats import norm

import competency_dx as cdx
from competency_dx.adaptive.follow_up import excluding
from competency_dx.adaptive.selection import chance_decided, look_up, prospect
from competency_dx.bank import Item, Stimulus
from competency_dx.competencies import STATUSES, CertificationRule, Decisions, LeafOutlook, leaf_outlook, plan_of
from competency_dx.errors import BankError, CompetencyDxWarning, DiagnosisError, ModelError, ResponsesError
from competency_dx.responses import Reason

openpyxl = pytest.importorskip("openpyxl")


@cache
def bank() -> cdx.ItemBank:
    return cdx.load_bank("physics")


@cache
def answers(persons: int = 12) -> cdx.Responses:
    return cdx.simulate(bank(), persons, rng=np.random.default_rng(4))


@cache
def first() -> cdx.Responses:
    return answers().select(items=bank().forms[0].items)


@cache
def profiles() -> cdx.DeficitProfiles:
    return cdx.diagnose(first(), bank())


@cache
def follow_up() -> cdx.NextItems:
    return cdx.next_items(profiles(), bank(), n=6)


def leaves() -> list[int]:
    return [profiles().index(c.code) for c in follow_up().competencies]


@pytest.mark.parametrize("form", ["person", "group"])
def test_items_are_new_to_everyone_and_asked_once(form: str) -> None:
    chosen = cdx.next_items(profiles(), bank(), n=6, form=form)  # type: ignore[arg-type]
    for _, asked in chosen.to_frame().groupby("person"):
        assert asked["item"].is_unique
        assert not set(asked["item"]) & set(first().items)
        assert len(asked) <= 6
    if form == "group":
        assert len({tuple(q.item for q in chosen[person]) for person in chosen.persons}) == 1


def test_the_loss_falls_with_every_item() -> None:
    assert (np.diff(follow_up().expected_loss, axis=1) <= 1e-9).all()
    np.testing.assert_allclose(follow_up().expected_loss[:, -1], follow_up().loss_after.sum(axis=1))
    asked = follow_up().undecided
    assert np.isnan(follow_up().p_decided[~asked]).all()
    assert ((follow_up().p_decided[asked] >= 0) & (follow_up().p_decided[asked] <= 1)).all()


def test_a_person_has_the_same_items_in_any_company() -> None:
    alone = cdx.next_items(cdx.diagnose(first().select(persons=["7"]), bank()), bank(), n=6)
    assert alone["7"] == follow_up()["7"] or [q.item for q in alone["7"]] == [q.item for q in follow_up()["7"]]


def test_items_of_a_competency_asked_for_alone_serve_it() -> None:
    chosen = cdx.next_items(profiles(), bank(), n=2, competencies="PHY.S.02")
    codes = np.array([c.code for c in chosen.competencies])
    assert not chosen.undecided[:, codes != "PHY.S.02"].any()
    own = chosen.to_frame()
    assert (own[own["place"] == 1]["competency"] == "PHY.S.02").mean() > 0.5


def decide(of: cdx.DeficitProfiles, rule: CertificationRule) -> Decisions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.certify(of, rule)


@cache
def certified(least: float, *codes: str) -> tuple[cdx.DeficitProfiles, cdx.Responses, Decisions]:
    """Return profiles of many by a form, all their answers to the bank, and decisions by minima."""
    drawn = cdx.simulate(bank(), 700, rng=np.random.default_rng(12))
    of = cdx.diagnose(drawn.select(items=bank().forms[0].items), bank())
    return of, drawn, decide(of, CertificationRule(minimum=dict.fromkeys(codes, least), purpose="certification"))


def decided_with(more: pd.DataFrame, of: cdx.DeficitProfiles, drawn: cdx.Responses, rule: CertificationRule) -> float:
    """Return the share of persons who are decided after answers to more items, named by person and item."""
    place = {item: k for k, item in enumerate(drawn.items)}
    kept = np.isin(drawn.items, bank().forms[0].items) & np.ones((len(drawn.persons), 1), dtype=bool)
    rows = {str(person): k for k, person in enumerate(drawn.persons)}
    for person, item in more[["person", "item"]].itertuples(index=False):
        kept[rows[person], place[item]] = True
    reasons = np.where(kept, drawn.reasons, np.uint8(Reason.NOT_ADMINISTERED))
    known = replace(drawn, reasons=reasons, answers=None).select(persons=of.persons.tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        after = cdx.diagnose(known, bank())
    return float((decide(after, rule).outcome < 2).mean())


def test_items_for_a_rule_decide_more_of_its_minima_than_random_ones() -> None:
    of, drawn, decisions = certified(75, "PHY")
    open_, rng = of.select(decisions.undecided.tolist()), np.random.default_rng(0)
    found = cdx.next_items(open_, bank(), n=8, decisions=decisions)
    rest = [item for item in drawn.items if item not in bank().forms[0].items]
    lots = [{"person": person, "item": item} for person in open_.persons for item in rng.choice(rest, 8, replace=False)]
    by_rule, by_lot = (decided_with(x, open_, drawn, decisions.rule) for x in (found.to_frame(), pd.DataFrame(lots)))
    assert by_rule > by_lot + 0.08
    assert abs(np.nansum(found.p_decided) / len(open_) - by_rule) < 0.1


@pytest.mark.parametrize("codes", [("PHY",), ("PHY.S", "PHY.M"), ("PHY.S.02",), ("PHY", "PHY.S.02")])
def test_items_for_a_rule_are_of_its_competencies_and_its_undecided(codes: tuple[str, ...]) -> None:
    of, _, decisions = certified(65, *codes)
    some = of.select(of.persons[:60].tolist())
    found = cdx.next_items(some, bank(), n=3, decisions=decisions)
    told = [c.code for c in found.competencies]
    assert set(codes) == {told[c] for c in np.flatnonzero(found.undecided.any(axis=0))}
    undecided = np.isin(some.persons, decisions.undecided)
    assert (found.undecided.any(axis=1) == undecided).all()
    assert not (found.chosen[~undecided] >= 0).any()
    asked = {code for q in found.questions if (code := q.competency)}
    assert all(any(bank().framework.within(code, of_rule) for of_rule in codes) for code in asked) or len(codes) > 1
    places = [told.index(code) for code in codes]
    np.testing.assert_allclose(found.p_deficit[:, places], 1 - decisions.p_each[:60])
    assert cdx.NextItems.from_json(found.to_json()).to_json() == found.to_json()
    part = cdx.next_items(some, bank(), n=1, decisions=decisions, competencies="PHY.S")
    below = {code for code in codes if bank().framework.within(code, "PHY.S")}
    assert below == {told[c] for c in np.flatnonzero(part.undecided.any(axis=0))}


def test_decisions_on_others_are_refused() -> None:
    decisions = certified(65, "PHY")[2]
    with pytest.raises(DiagnosisError) as caught:
        cdx.next_items(cdx.diagnose(replace(first(), persons=first().persons + "x"), bank()), bank(), decisions=decisions)
    assert caught.value.code == "adaptive.not_decided"


def test_expected_loss_is_the_average_over_what_the_answers_may_say() -> None:
    """By adaptive quadrature over the later posterior mean, which is normal."""
    table = prospect(0.8)
    for z, r in ((0.2, 0.3), (-0.7, 0.6), (1.4, 0.1)):

        def loss(error: float, z: float = z, r: float = r) -> float:
            p = norm.cdf((z + np.sqrt(r) * error) / np.sqrt(1 - r))
            return float(min(p, 1 - p, 0.2) * norm.pdf(error))

        bounds = [(side * ndtri(0.8) * np.sqrt(1 - r) - z) / np.sqrt(r) for side in (-1, 0, 1)]
        expected = quad(loss, -8, 8, points=bounds)[0]
        decided = 1 - (norm.cdf(bounds[2]) - norm.cdf(bounds[0]))
        at = (np.array([z]), np.array([r]))
        assert look_up(table, *at)[0] == pytest.approx(expected, abs=1e-3)
        assert chance_decided(0.8, *at)[0] == pytest.approx(decided, abs=1e-9)


def test_an_item_takes_as_much_variance_as_it_does_on_average_over_its_answers() -> None:
    made = plan_of(bank(), cdx.R201())
    k = made.parameters.items.index("PHY-006")
    d, one = made.units.leaf[k], answers().select(items=made.parameters.items, persons=["1"])

    def outlook(points: int | None) -> LeafOutlook:
        asked = np.isin(one.items, first().items)
        asked[k] = points is not None
        scores = np.where(asked, one.scores, 0)
        scores[0, k] = points or 0
        reasons = np.where(asked, Reason.ANSWERED, Reason.NOT_ADMINISTERED)[None]
        return leaf_outlook(replace(one, scores=scores, reasons=reasons), made, cdx.DeficitRule(), made.populations)

    before, wrong, right = (outlook(points) for points in (None, 0, 1))
    total = before.item_slope[0, k] ** 2 * before.covariance[0, d, d] + before.item_noise[0, k]
    p = (before.mean[0, d] - wrong.mean[0, d]) / (right.mean[0, d] - wrong.mean[0, d])
    assert total == pytest.approx(p * (1 - p), abs=2e-3)
    later = (1 - p) * wrong.covariance[0, d, d] + p * right.covariance[0, d, d]
    taken = (before.item_slope[0, k] * before.covariance[0, d, d]) ** 2 / total
    assert before.covariance[0, d, d] - later == pytest.approx(taken, rel=0.05)


def test_enemies_and_shared_passages_do_not_meet() -> None:
    free = [i for i in bank().items if i.id not in first().items]
    named = tuple(
        i.model_copy(update={"enemies": tuple(x.id for x in free if x.id != i.id)}) if i.id == free[0].id else i for i in bank().items
    )
    hostile = replace(bank(), items=named)
    chosen = cdx.next_items(cdx.diagnose(first(), hostile), hostile, n=18)
    for person in chosen.persons:
        ids = [q.item for q in chosen[person]]
        assert free[0].id not in ids or len(ids) == 1
    with pytest.raises(BankError, match=r"enemies .* is no other item of the bank"):
        replace(bank(), items=(bank().items[0].model_copy(update={"enemies": ("nothing",)}), *bank().items[1:]))


def test_an_instruction_that_many_items_have_is_not_one_question() -> None:
    """Items of one short stem exclude each other where the words to answer with, or the stimulus, do not tell them apart."""
    one, two, *_ = [i for i in bank().items if i.type == "matching"]
    options = {code: f"иное {code}" for code in one.options}
    table: dict[str, Any] = {"stem": "Установите соответствие.", "stimulus": None}
    passage: dict[str, Any] = {"stem": 20 * "Условие опыта. "}
    same = table | {"options": dict(one.options), "left": dict(one.left)}
    other = table | {"options": options, "left": {code: f"другое {code}" for code in one.left}}
    cases = [(table, other, False), (same, same, True), (same, other | {"left": dict(one.left)}, True), (same, other | passage, False)]
    cases += [(same | passage, other | passage, True), (same, same | {"stimulus": Stimulus(text="опыт")}, False)]
    for first_has, second_has, apart in cases:
        pair = tuple(
            Item.model_validate(i.model_dump() | {"key": one.key} | has)
            for i, has in ((one, same | first_has), (two, same | second_has))
        )
        items = tuple({i.id: i for i in (*bank().items, *pair)}.values())
        assert excluding(replace(bank(), items=items), [one.id, two.id])[0, 1] == apart


def with_items(**changes: Any) -> cdx.ItemBank:
    """Return the bank with all items that form A leaves changed."""
    free = {i.id for i in bank().items} - set(first().items)
    items = (Item.model_validate(i.model_dump() | (changes if i.id in free else {})) for i in bank().items)
    return replace(bank(), items=tuple(items))


STIMULI: list[dict[str, Any]] = [
    {"text": "Условие опыта: <b> & тележка\nвторая строка"},
    {"table": (("Класс", "Число"), ("7А", "12 < 13"))},
    {
        "svg": "<svg xmlns='http://www.w3.org/2000/svg' width='300px' height='80'><rect width='200' height='50'/></svg>",
        "alt": {"ru": "Прямоугольник «А»", "en": 'A "box"'},
    },
]


@pytest.mark.parametrize("stimulus", STIMULI)
def test_a_stimulus_is_met_once_and_shown_wherever_the_question_is(stimulus: dict[str, Any], tmp_path: Path) -> None:
    shown = with_items(stimulus=stimulus)
    found = cdx.next_items(cdx.diagnose(first().select(persons=["1", "2"]), shown), shown, n=6)
    assert [len(found[person]) for person in found.persons] == [1, 1]
    simulated = cdx.adaptive.simulate_adaptive(shown, 3, rng=np.random.default_rng(1), most=40, least_gain=0.0)
    assert simulated.length.max() <= len(first().items) + 1
    assert cdx.NextItems.from_json(found.to_json())["1"][0].stimulus == Stimulus.model_validate(stimulus)
    words = ["12 < 13"] if "table" in stimulus else ["Прямоугольник «А»"] if "svg" in stimulus else ["<b> & тележка", "вторая строка"]
    book = openpyxl.load_workbook(cdx.report(found, tmp_path / "form.xlsx", language="ru"))
    cells = " ".join(str(cell) for row in book.worksheets[1].iter_rows(values_only=True) for cell in row)
    page = cdx.report(found, tmp_path / "form.html", language="ru").read_text(encoding="utf-8")
    for word in words:
        assert word in cells
        assert escape(word, quote=False) in page
    assert page.count('class="stimulus"') == len(found.forms())
    pytest.importorskip("docx")
    if "svg" not in stimulus:
        document = ZipFile(cdx.report(found, tmp_path / "form.docx", language="ru")).read("word/document.xml").decode()
        assert all(escape(word, quote=False) in document for word in words)


def test_retired_items_are_asked_of_nobody() -> None:
    kept = with_items(status="retired")
    profiles = cdx.diagnose(first(), kept)
    assert not cdx.next_items(profiles, kept).questions
    simulated = cdx.adaptive.simulate_adaptive(kept, 5, rng=np.random.default_rng(1), most=64, least_gain=0.0)
    assert simulated.length.max() <= len(first().items)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["person", "group"])
@pytest.mark.parametrize("status", ["misfit", "low_effort"])
def test_stopped_profiles_are_asked_nothing_and_others_as_without_them(form: Any, status: str) -> None:
    others, code = first(), STATUSES.index(status)
    diagnosed = cdx.diagnose(others, bank())
    halted = diagnosed.status.copy()
    halted[[0, 3]] = code
    state = np.where(halted == code, np.int8(4), diagnosed.state)
    found = cdx.next_items(replace(diagnosed, status=halted, state=state), bank(), n=4, form=form)
    assert not found["1"]
    assert not found.undecided[[0, 3]].any()
    assert set(found.decisions_frame()["person"]) == {str(p) for p in found.persons} - {"1", "4"}
    assert [f.scope for f in found.findings if f.code == "adaptive.stopped"] == [("1", "4")]
    rest = cdx.next_items(diagnosed.select(persons=[str(p) for p in found.persons if p not in {"1", "4"}]), bank(), n=4, form=form)
    assert [q.item for q in found["2"]] == [q.item for q in rest["2"]]
    assert [q.item for q in found.forms()[0][1]] == [q.item for q in rest.forms()[0][1]]


def test_nothing_asked_decides_nothing_and_says_what_was_wanted() -> None:
    common = cdx.load_bank("common")
    everything = cdx.diagnose(cdx.simulate(common, 60, rng=np.random.default_rng(1)), common)
    for form in ("person", "group"):
        found = cdx.next_items(everything, common, n=5, form=form)
        assert not found.questions
        assert np.nansum(found.p_decided) == 0
        np.testing.assert_array_equal(found.loss_before, found.loss_after)
        for language in ("ru", "en"):
            said = found.summary(language)
            assert " 5" in said[0]
            assert said[-1] == found.findings[-1].text(language)
    reasons = np.full((2, len(bank().items)), Reason.NOT_ADMINISTERED, dtype=np.uint8)
    reasons[0, ::2] = reasons[1, 1::2] = Reason.ANSWERED
    whole = answers().select(persons=["1", "2"])
    profiles = cdx.diagnose(replace(whole, reasons=reasons, scores=np.where(reasons == 0, whole.scores, 0)), bank())
    assert [f.code for f in cdx.next_items(profiles, bank(), form="group").findings] == ["adaptive.no_common_items"]
    assert cdx.next_items(profiles, bank()).questions


def test_more_than_there_is_costs_and_changes_nothing() -> None:
    few, many = (cdx.next_items(profiles(), bank(), n=n) for n in (len(bank().items), 10**6))
    assert many.chosen.shape == few.chosen.shape
    np.testing.assert_array_equal(many.chosen, few.chosen)
    assert (few.most, many.most) == (len(bank().items), 10**6)


def test_profiles_of_another_bank_are_refused_and_their_population_is_kept() -> None:
    with pytest.raises(DiagnosisError, match="not with mathematics"):
        cdx.next_items(profiles(), cdx.load_bank("mathematics"))
    lower = bank().header.population.model_copy(update={"mean": -1.0})
    moved = cdx.diagnose(first(), bank(), population=lower)
    np.testing.assert_allclose(cdx.next_items(moved, bank(), n=1).p_deficit, moved.p_deficit[:, leaves()])


def test_answers_join_and_update_the_profile() -> None:
    asked = {q.item for q in follow_up().questions}
    later = answers().select(items=sorted(asked), persons=["3", "1"])
    joined = first().joined(later)
    assert joined.items[: len(first().items)] == first().items
    assert set(joined.items) == {*first().items, *asked}
    before, after = cdx.diagnose(first(), bank()), cdx.diagnose(joined, bank())
    assert (after.n_items[[0, 2]] >= before.n_items[[0, 2]]).all()
    np.testing.assert_array_equal(after.p_deficit[1], before.p_deficit[1])
    whole = answers().select(items=[*first().items, *sorted(asked)], persons=["1"])
    np.testing.assert_array_equal(cdx.diagnose(whole, bank()).p_deficit[0], after.p_deficit[0])


def test_joining_refuses_strangers_and_contradictions() -> None:
    later = answers().select(items=["PHY-004"])
    with pytest.raises(ResponsesError, match=r"has the persons X, who are not"):
        first().joined(replace(later, persons=np.array(["X", *map(str, range(2, 13))], dtype=object)))
    again = answers().select(items=["PHY-001"])
    assert first().joined(again).items == first().items
    with pytest.raises(ResponsesError, match=r"not the same one, of 1 on PHY-001.*leave those columns out"):
        first().joined(replace(again, scores=1 - again.scores))
    for strange in (None, later.to_frame(), "follow_up.csv"):
        with pytest.raises(ResponsesError, match="follow_up="):
            first().joined(strange)  # type: ignore[arg-type]


def test_who_gave_no_answer_in_the_follow_up_keeps_the_profile() -> None:
    """A row of dashes is nobody's omissions: whoever was not there was not given the items."""
    asked = [item.id for item in bank().items if item.id not in first().items][:9]
    table = pd.DataFrame([["1", *["-"] * 9], ["2", *["3"] * 9]], columns=["person", *asked])
    later = cdx.load_responses(table, bank=bank())
    before, after = (cdx.diagnose(x, bank()) for x in (first(), first().joined(later)))
    np.testing.assert_array_equal(before.select(["1"]).p_deficit, after.select(["1"]).p_deficit)
    assert (before.select(["2"]).p_deficit != after.select(["2"]).p_deficit).any()


def test_raw_answers_join_too() -> None:
    raw = cdx.Layout(cells="raw")
    one = cdx.load_responses(pd.DataFrame({"person": ["a", "b"], "PHY-005": ["1", "2"]}), bank=bank(), layout=raw)
    two = cdx.load_responses(pd.DataFrame({"person": ["b"], "PHY-003": ["3"]}), bank=bank(), layout=raw)
    joined = one.joined(two)
    assert joined.answers is not None
    assert joined.explain("b", "PHY-003", bank()).raw == "3"
    assert joined.explain("b", "PHY-005", bank()).raw == "2"
    assert joined.explain("a", "PHY-003", bank()).state == "not_administered"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_workbook_is_filled_in_and_read_again(language: str, tmp_path: Path) -> None:
    path = cdx.report(follow_up(), tmp_path / "form.xlsx", language=language)  # type: ignore[arg-type]
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    for row in sheet.iter_rows(min_row=2):
        item = bank().item(row[1].value)
        row[2].value = next(iter(item.options), "17") * max(len(item.left), 1) if item.type != "open" else "0"
    book.save(path)
    with pytest.warns(CompetencyDxWarning, match=r"\[responses.none_right\]"):  # everybody filled in the same
        read = cdx.load_responses(path, bank=bank())
    assert sorted(read.persons) == sorted(set(follow_up().to_frame()["person"]))
    assert set(read.items) == {q.item for q in follow_up().questions}
    assert len(first().joined(read).items) == len(first().items) + len(read.items)


def test_forms_tell_no_key(tmp_path: Path) -> None:
    solutions = [bank().item(q.item).solution for q in follow_up().questions]
    page = cdx.report(follow_up(), tmp_path / "form.html").read_text(encoding="utf-8")
    assert follow_up().questions[0].stem.split("\n")[0][:30] in page
    for text in (page, follow_up().to_json()):
        assert not any(solution and solution in text for solution in solutions)
    assert not {"key", "solution", "rubric", "misconceptions"} & set(cdx.adaptive.Question.__dataclass_fields__)


@pytest.mark.parametrize("form", ["person", "group"])
@pytest.mark.parametrize("omitted", ["incorrect", "modelled", "ignore"])
def test_omitted_items_are_not_asked_again(omitted: str, form: str) -> None:
    rule = cdx.DeficitRule(missing=cdx.MissingPolicy(omitted=omitted))  # type: ignore[arg-type]
    one = first().select(persons=["1", "2"])
    reasons = one.reasons.copy()
    reasons[:, :3] = Reason.OMITTED
    some = replace(one, reasons=reasons, scores=np.where(reasons == 0, one.scores, 0))
    profiles = cdx.diagnose(some, bank(), rule=rule)
    found = cdx.next_items(cdx.DeficitProfiles.from_json(profiles.to_json()), bank(), n=3, form=form)  # type: ignore[arg-type]
    assert found.questions
    assert not {q.item for q in found.questions} & set(first().items)
    told = {e.item for c in profiles["1"].conclusions for e in c.evidence if e.treated_as == "omitted"}
    assert bool(told) == (omitted != "ignore")


def test_what_rests_on_others_alone_is_still_open() -> None:
    borrowed = cdx.diagnose(first().select(persons=["1"]), bank(), rule=cdx.DeficitRule(own_share=0.9))
    found = cdx.next_items(borrowed, bank(), n=3)
    assert found.undecided.all()


def test_sequential_testing_by_expected_loss_decides_more_than_random() -> None:
    found = cdx.adaptive.simulate_adaptive(bank(), 40, rng=np.random.default_rng(2), most=8)
    decided = dict(zip(found.strategies, found.decided[:, -1], strict=True))
    assert decided["expected_loss"] > 1.2 * decided["random"]
    assert found.length.max() <= 8
    few, again = (cdx.adaptive.simulate_adaptive(bank(), 8, rng=np.random.default_rng(2), most=2) for _ in range(2))
    assert again.to_json() == few.to_json()


@pytest.mark.parametrize("persons", [0, -1, "many", np.zeros(3), np.zeros((3, 1)), np.full((2, 13), np.nan)])
def test_simulated_persons_are_a_number_or_their_abilities(persons: Any) -> None:
    with pytest.raises(ModelError, match="persons="):
        cdx.adaptive.simulate_adaptive(bank(), persons, rng=np.random.default_rng(2), most=2)


def test_support_by_own_answers_is_part_of_what_is_expected() -> None:
    """Conclusions that ask for more of their own answers than a form can give are promised to nobody, and nothing is asked."""
    given = [
        cdx.next_items(cdx.diagnose(first(), bank(), rule=cdx.DeficitRule(own_share=share)), bank(), n=6) for share in (0.0, 0.3, 0.97)
    ]
    promised = [np.nansum(found.p_decided) / found.undecided.sum() for found in given]
    assert promised[0] > promised[1] > promised[2] == 0
    assert (given[-1].chosen < 0).all()


def test_profiles_carry_what_to_ask_next(tmp_path: Path) -> None:
    carrying = profiles().with_next_items(follow_up())
    person = str(profiles().persons[0])
    assert [fact.item for fact in carrying[person].ask_next] == [q.item for q in follow_up()[person]]
    again = cdx.DeficitProfiles.from_json(carrying.to_json())
    assert again.to_json() == carrying.to_json()
    assert again[person].ask_next[0].item == follow_up()[person][0].item
    assert not profiles()[person].ask_next
    cdx.report(carrying, tmp_path, language="en")
    pages = [page.read_text(encoding="utf-8") for page in (tmp_path / "persons").glob("*.html")]
    assert any(f"({follow_up()[person][0].item})" in page and "Ask next" in page for page in pages)
    with pytest.raises(DiagnosisError, match="next_items"):
        cdx.diagnose(first().select(persons=["2", "3"]), bank()).with_next_items(follow_up())
