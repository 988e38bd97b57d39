"""Follow-up items: what is chosen, that it helps, that answers join, and that the form comes back."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook
from scipy.special import ndtri
from scipy.stats import multivariate_normal, norm

import competency_dx as cdx
from competency_dx.adaptive.selection import look_up, prospect
from competency_dx.errors import BankError, DiagnosisError, ResponsesError


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


def test_expected_loss_is_that_of_the_bivariate_normal() -> None:
    """P(deficit and later P <= h), P(no deficit and later P >= 1 - h) and h otherwise, by scipy's bivariate normal."""
    tau = ndtri(0.8)
    for z, r in ((0.2, 0.3), (-0.7, 0.6), (1.4, 0.1)):
        later = multivariate_normal([0, 0], [[1, -np.sqrt(r)], [-np.sqrt(r), 1]])
        low, high = (-tau * np.sqrt(1 - r) - z) / np.sqrt(r), (tau * np.sqrt(1 - r) - z) / np.sqrt(r)
        false = later.cdf([z, low]) + norm.sf(high) - (norm.cdf(z) - later.cdf([z, high]))
        open_ = norm.cdf(high) - norm.cdf(low)
        table = prospect(0.8)
        at = (np.array([z]), np.array([r]))
        assert look_up(table.loss, *at)[0] == pytest.approx(false + 0.2 * open_, abs=2e-3)
        assert look_up(table.decided, *at)[0] == pytest.approx(1 - open_, abs=5e-3)


def test_joint_normal_moments_are_those_of_the_posterior_after_the_answer() -> None:
    """Averaged over its answers, one two-category item takes as much variance off θ as the outlook says."""
    from competency_dx.competencies import leaf_outlook, plan_of
    from competency_dx.persons import match

    made = plan_of(bank(), cdx.R201())
    item = "PHY-006"
    k = made.parameters.items.index(item)
    d = made.units.leaf[k]
    one = first().select(persons=["1"])

    def outlook(points: int | None) -> object:
        data = one
        if points is not None:
            further = answers().select(persons=["1"], items=[item])
            data = one.joined(replace(further, scores=np.array([[points]])))
        return leaf_outlook(match(data, made.parameters, cdx.MissingPolicy()), made)

    before, wrong, right = (outlook(x) for x in (None, 0, 1))
    total = before.item_slope[0, k] ** 2 * before.covariance[0, d, d] + before.item_noise[0, k]  # type: ignore[attr-defined]
    p = (before.mean[0, d] - wrong.mean[0, d]) / (right.mean[0, d] - wrong.mean[0, d])  # type: ignore[attr-defined]
    assert total == pytest.approx(p * (1 - p), abs=2e-3)
    later = (1 - p) * wrong.covariance[0, d, d] + p * right.covariance[0, d, d]  # type: ignore[attr-defined]
    taken = (before.item_slope[0, k] * before.covariance[0, d, d]) ** 2 / total  # type: ignore[attr-defined]
    assert before.covariance[0, d, d] - later == pytest.approx(taken, rel=0.05)  # type: ignore[attr-defined]


def test_enemies_and_shared_passages_do_not_meet() -> None:
    free = [i for i in bank().items if i.id not in first().items]
    named = tuple(
        i.model_copy(update={"enemies": tuple(x.id for x in free if x.id != i.id)}) if i.id == free[0].id else i
        for i in bank().items
    )
    hostile = replace(bank(), items=named)
    chosen = cdx.next_items(cdx.diagnose(first(), hostile), hostile, n=18)
    for person in chosen.persons:
        ids = [q.item for q in chosen[person]]
        assert free[0].id not in ids or len(ids) == 1
    with pytest.raises(BankError, match=r"enemies .* is no other item of the bank"):
        replace(bank(), items=(bank().items[0].model_copy(update={"enemies": ("nothing",)}), *bank().items[1:]))


def test_profiles_of_another_bank_or_population_are_refused() -> None:
    with pytest.raises(DiagnosisError, match="not with mathematics"):
        cdx.next_items(profiles(), cdx.load_bank("mathematics"))
    stated = bank().header.population.model_copy(update={"mean": 1.0})
    with pytest.raises(DiagnosisError, match="another population"):
        cdx.next_items(profiles(), bank(), population=stated)


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


def test_raw_answers_join_too() -> None:
    raw = cdx.Layout(cells="raw")
    one = cdx.load_responses(pd.DataFrame({"person": ["a", "b"], "PHY-001": ["1", "2"]}), bank=bank(), layout=raw)
    two = cdx.load_responses(pd.DataFrame({"person": ["b"], "PHY-003": ["3"]}), bank=bank(), layout=raw)
    joined = one.joined(two)
    assert joined.answers is not None
    assert joined.explain("b", "PHY-003", bank()).raw == "3"
    assert joined.explain("b", "PHY-001", bank()).raw == "2"
    assert joined.explain("a", "PHY-003", bank()).state == "not_administered"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_workbook_is_filled_in_and_read_again(language: str, tmp_path: Path) -> None:
    path = cdx.report(follow_up(), tmp_path / "form.xlsx", language=language)  # type: ignore[arg-type]
    book = load_workbook(path)
    sheet = book.worksheets[0]
    for row in sheet.iter_rows(min_row=2):
        item = bank().item(row[1].value)
        row[2].value = next(iter(item.options), "1") if item.type != "open" else "0"
    book.save(path)
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


def test_sequential_testing_by_expected_loss_decides_more_than_random() -> None:
    found = cdx.adaptive.simulate_adaptive(bank(), 60, rng=np.random.default_rng(2), most=10)
    decided = dict(zip(found.strategies, found.decided[:, -1], strict=True))
    assert decided["expected_loss"] > 1.2 * decided["random"]
    assert found.length.max() <= 10
    again = cdx.adaptive.simulate_adaptive(bank(), 60, rng=np.random.default_rng(2), most=10)
    assert again.to_json() == found.to_json()
