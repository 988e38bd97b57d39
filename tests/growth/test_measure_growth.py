"""Growth: true changes covered, no growth where there is none, programmes beside persons without, what cannot be compared."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from attack import fewest_persons
from numpy.typing import NDArray
from openpyxl import load_workbook  # type: ignore[import-untyped]  # it ships no types
from scipy.special import expit

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning, GrowthError, ReportError
from competency_dx.growth import Growth

Array = NDArray[np.float64]


@cache
def bank() -> cdx.ItemBank:
    """Return items of physics, difficulties taken for certain, one step each: truth is easy to write down."""
    shipped = cdx.load_bank("physics")
    sure = {"se_a": None, "se_b": (), "status": "calibrated"}
    return replace(shipped, parameters=tuple(r.model_copy(update=sure) for r in shipped.parameters if len(r.b) == 1))


def answered(theta: Array, form: slice, rng: np.random.Generator, absent: int = 0, population: Any = None) -> cdx.DeficitProfiles:
    """Diagnose persons with abilities (P, D) on a part of the items; the last ones `absent` gave no answer."""
    records = bank().parameters[form]
    leaf = [leaves().index(bank().leaves[r.item]) for r in records]
    a, b = np.array([r.a for r in records]), np.array([r.b[0] for r in records])
    most = {i.id: i.max_score for i in bank().items}
    points = (rng.random((len(theta), len(records))) < expit(a * (theta[:, leaf] - b))) * [most[r.item] for r in records]
    table = {r.item: column[: len(theta) - absent] + [None] * absent for r, column in zip(records, points.T.tolist(), strict=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        layout = cdx.Layout(items=tuple(table), cells="scored")
        data = cdx.load_responses({"person": [f"t{p}" for p in range(len(theta))], **table}, bank=bank(), layout=layout)
        return cdx.diagnose(data, bank(), population=population)


def leaves() -> list[str]:
    return list(dict.fromkeys(bank().leaves[i.id] for i in bank().items))


def persons(P: int, rng: np.random.Generator) -> Array:
    D = len(leaves())
    return rng.standard_normal((P, D)) @ np.linalg.cholesky(0.8 + 0.2 * np.eye(D)).T


def grown(before: cdx.DeficitProfiles, after: cdx.DeficitProfiles, **options: Any) -> Growth:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.measure_growth(before, after, **{"draws": 150} | options)


def with_programme(profiles: cdx.DeficitProfiles, column: list[str]) -> cdx.DeficitProfiles:
    return replace(profiles, background={"programme": np.array(column, dtype=object)})


@cache
def study(
    gain: float, seed: int = 1, sd: float = 1.0, population: Any = None
) -> tuple[cdx.DeficitProfiles, cdx.DeficitProfiles, Array, Array]:
    """Return two waves of 300 persons; the lower half of the first wave took a programme that adds `gain` to θ."""
    rng = np.random.default_rng(seed)
    one = sd * persons(300, rng)
    first = answered(one, slice(0, None, 2), rng, population=population)
    low = first.percent[:, 0] < np.median(first.percent[:, 0])
    two = 0.9 * one + sd * np.sqrt(1 - 0.81) * persons(300, rng) + gain * low[:, None]
    second = answered(two, slice(1, None, 2), rng, population=population)
    return first, with_programme(second, np.where(low, "курс", "").tolist()), one, two


def true_percents(profiles: cdx.DeficitProfiles, theta: Array) -> Array:
    from competency_dx.competencies import own_evidence

    codes = {c.code for c in profiles.competencies}
    measured = [leaves().index(leaf) for leaf in profiles.population.leaves if leaf in codes]
    return own_evidence(profiles).percents(theta[:, measured])


def test_without_growth_none_is_reported() -> None:
    """The lower half would rise by itself in raw percents: that is the return to the mean and no growth."""
    first, second, one, two = study(0.0)
    growth = grown(first, second, by="programme")
    change = true_percents(first, two) - true_percents(first, one)
    low = np.array(growth.groups)[growth.group] == "курс"
    g = growth.groups.index("курс")
    assert growth.mean_low[g, 0] <= change[low, 0].mean() <= growth.mean_high[g, 0]
    assert growth.difference_low[g, 0] < 0 < growth.difference_high[g, 0]
    assert growth.regression[0] > 1.0
    assert (growth.p_gain[:, 0] >= 0.95).mean() < 0.1


def test_waves_of_cohorts_have_grids_of_their_own_and_one_scale() -> None:
    first, second, one, two = study(0.0, sd=1.3, population=cdx.Cohort())
    assert not np.array_equal(first.grid, second.grid)
    growth = grown(first, second, by="programme")
    change = true_percents(first, two) - true_percents(first, one)
    g = growth.groups.index("курс")
    assert growth.mean_low[g, 0] <= change[growth.group == g, 0].mean() <= growth.mean_high[g, 0]
    with pytest.raises(GrowthError, match=r"48 of 48|48 из 48"):
        grown(first, replace(second, curves=second.curves + 0.02))


def test_growth_is_found_and_attributed_to_no_more_than_a_comparison_carries() -> None:
    first, second, one, two = study(0.8)
    growth = grown(first, second, by="programme")
    g, change = growth.groups.index("курс"), true_percents(first, two) - true_percents(first, one)
    low = growth.group == g
    assert growth.mean_low[g, 0] <= change[low, 0].mean() <= growth.mean_high[g, 0]
    assert growth.difference_low[g, 0] > 0
    inside = (growth.change_low <= change) & (change <= growth.change_high)
    assert inside[np.isfinite(growth.change)].mean() > 0.92
    assert {f.code for f in growth.findings} >= {"growth.no_experiment"}
    closed = (true_percents(first, one) < 60) & (true_percents(first, two) >= 60)
    assert abs((growth.p_closed - closed)[np.isfinite(growth.change)].mean()) < 0.05  # 300 persons: SD .02


def test_an_error_of_the_link_widens_the_means_of_groups() -> None:
    first, second, *_ = study(0.8)
    sure, unsure = grown(first, second), grown(first, second, linking_error=0.2)
    assert (unsure.mean_high - unsure.mean_low)[0, 0] > 2 * (sure.mean_high - sure.mean_low)[0, 0]


def test_order_of_persons_changes_nothing_but_the_order() -> None:
    first, second, *_ = study(0.8)
    turned = grown(first.select(first.persons[::-1].tolist()), second, draws=400)
    straight = grown(first, second, draws=400)
    at = {p: k for k, p in enumerate(turned.persons.tolist())}
    again = turned.change[[at[p] for p in straight.persons.tolist()]]
    assert np.nanmax(np.abs(again - straight.change)) < 5  # draws fall on other persons
    assert np.nanmean(np.abs(again - straight.change)) < 1


def test_who_came_once_is_counted_and_small_programmes_are_not_shown() -> None:
    first, second, *_ = study(0.8)
    programmes = ["курс"] * 100 + ["кружок"] * 4 + [""] * 96
    some = with_programme(second.select([f"t{p}" for p in range(200)]), programmes)
    growth = grown(first, some, by="programme")
    assert (growth.only_before, growth.only_after, len(growth)) == (100, 0, 200)
    assert growth.shown.sum() == 1  # with one hidden alone, the rest would tell
    few = with_programme(second, ["а"] * 150 + ["б"] * 145 + ["в"] * 2 + ["г"] * 3)  # of whom the mean of all would tell
    assert grown(first, few, by="programme", draws=100).shown.tolist() == [True, False, False, False]
    assert np.isnan(growth.mean_change[growth.groups.index("кружок")]).all()
    assert {f.code for f in growth.findings} >= {"growth.attrition", "growth.suppressed"}


def test_growth_by_two_columns_tells_of_no_few_persons() -> None:
    """Schools are the programmes but for four persons: what one table shows less what the other does would be their growth."""
    first, second, *_ = study(0.8)
    programme = np.repeat(["курс", "кружок", ""], 100).astype(object)
    school = np.roll(programme, 4)
    both = replace(second, background={"programme": programme, "school": school})
    for beside in ([], ["programme", "school"]):
        tables = []
        for by, column in (("programme", programme), ("school", school)):
            found = grown(first, both, by=by, beside=beside, draws=100)
            tables.append((np.unique(column.astype(str), return_inverse=True)[1], found.shown))
        assert (fewest_persons(tables) >= 10) == (len(beside) > 0)
    with pytest.raises(GrowthError, match="town"):
        grown(first, both, by="school", beside=["town"])


def test_whoever_gave_no_answer_was_in_no_diagnosis() -> None:
    """A row without answers is as no row: it has no growth, no programme, and is among those who left."""
    rng = np.random.default_rng(3)
    theta = persons(80, rng)
    first = answered(theta, slice(None), rng, absent=5).select([f"t{p}" for p in (*range(40), *range(75, 80), *range(40, 75))])
    second = with_programme(answered(theta + 0.5, slice(None), rng, absent=30), ["курс"] * 40 + ["иной"] * 40)
    with_rows = grown(first, second, by="programme", draws=100)
    without = grown(first.select([f"t{p}" for p in range(75)]), second.select([f"t{p}" for p in range(50)]), by="programme", draws=100)
    assert (len(with_rows), with_rows.only_before, with_rows.only_after) == (50, 25, 0)
    for name in ("persons", "change", "p_gain", "n", "mean_change", "percent_left", "percent_stayed"):
        told, same = (np.asarray(getattr(x, name), dtype=object).astype(str) for x in (with_rows, without))
        assert np.array_equal(told, same), name
    assert "growth.attrition" in {f.code for f in with_rows.findings}
    with pytest.raises(GrowthError, match="both"):
        grown(first.select([f"t{p}" for p in range(75, 80)]), second)


def test_of_a_competency_without_answers_in_both_nothing_is_told(tmp_path: Path) -> None:
    """What follows from answers to other competencies alone is no growth: neither of a person nor of a programme."""
    first, second, *_ = study(0.8)
    growth = grown(first, second, by="programme")
    asked = np.asarray(np.minimum(first.n_items, second.n_items) > 0)
    ever = np.asarray(asked.any(axis=0))
    assert 0 < asked.sum() < asked.size
    for numbers in (growth.change, growth.change_low, growth.p_gain, growth.p_before, growth.p_after, growth.p_closed):
        assert np.array_equal(np.isfinite(numbers), asked)
    silent = [c.code for c, some in zip(growth.competencies, ever.tolist(), strict=True) if not some]
    assert np.array_equal(np.isnan(growth.mean_change[growth.shown]).all(axis=0), ~ever)
    (told,) = [f for f in growth.findings if f.code == "growth.few_answered"]
    assert sorted(told.scope) == sorted(silent)
    assert "nan" not in cdx.report(growth, tmp_path / "page.html").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize(("left", "told"), [(1, False), (9, False), (10, True)])
def test_few_who_did_not_come_again_are_not_told(left: int, told: bool) -> None:
    """Of one who left the mean is a result of a person: no number, no summary, no page has it."""
    first, second, *_ = study(0.8)
    growth = grown(first, second.select([f"t{p}" for p in range(300 - left)]))
    assert growth.only_before == left
    assert np.isfinite(growth.percent_left) == told
    assert Growth.from_json(growth.to_json()).to_json() == growth.to_json()


def test_small_programmes_stand_in_no_summary_and_no_aggregate_of_a_page(tmp_path: Path) -> None:
    first, second, *_ = study(0.8)
    programmes = ["курс"] * 150 + ["кружок"] * 4 + ["мини"] * 6 + [""] * 140
    growth = grown(first, with_programme(second, programmes), by="programme")
    page = cdx.report(growth, tmp_path / "out").read_text(encoding="utf-8")
    for name in ("кружок", "мини"):
        assert name not in page
        assert name not in "\n".join([*growth.summary("ru"), *growth.summary("en")])
        assert growth.programmes().query("programme == @name")["mean_change"].isna().all()
    assert "не для публикации" in page


@pytest.mark.parametrize("language", ["ru", "en"])
def test_without_persons_nobody_and_nothing_of_few_is_written(tmp_path: Path, language: Literal["ru", "en"]) -> None:
    first, second, *_ = study(0.8)
    few = with_programme(second, ["курс"] * 150 + ["малый"] * 5 + ["редкий"] * 6 + [""] * 139)
    found = grown(first, few, by="programme", draws=100)
    cdx.report(found, tmp_path / "r", language=language)
    (tmp_path / "r" / "notes.txt").write_text("mine", encoding="utf-8")
    cdx.report(found, tmp_path / "r", language=language, show="aggregates")
    cdx.report(found, tmp_path / "r.xlsx", language=language, show="aggregates")
    assert {x.name for x in (tmp_path / "r").iterdir()} == {"index.html", "programmes.csv", "programmes.xlsx", "notes.txt"}
    written = (tmp_path / "r" / "index.html").read_text(encoding="utf-8").split("<main>")[1]
    written += (tmp_path / "r" / "programmes.csv").read_text(encoding="utf-8-sig")
    assert not re.search(r">t\d+<|^t\d+|<script", written, re.MULTILINE)
    assert "курс" in written
    lost = int((found.p_gain[:, 0] <= 0.05).sum())
    assert 0 < lost < 10
    assert found.summary(language)[1] not in written  # how many gained or lost: it would tell of the few who lost
    assert found.summary(language)[2] in written.replace("\u202f", " ").replace("\u00a0", " ")
    assert len(load_workbook(tmp_path / "r.xlsx").sheetnames) == 1
    for of in (tmp_path / "r.json", tmp_path / "x"):
        with pytest.raises(ReportError):
            cdx.report(grown(first.select(first.persons[:9]), few) if of.suffix == "" else found, of, show="aggregates")


@pytest.mark.parametrize("flagged", [9, 10])
def test_the_return_to_the_mean_and_what_a_few_closed_is_not_told(flagged: int) -> None:
    """Of one person with a deficit both would be a result of that person."""
    first, second, *_ = study(0.0)
    order = np.argsort(first.p_deficit[:, 0])
    some = first.select(first.persons[[*order[:40], *order[-flagged:]]])
    assert (some.p_deficit[:, 0] >= 0.5).sum() == flagged
    growth = grown(some, second, draws=100)
    assert np.isfinite(growth.regression[0]) == (flagged >= 10)
    assert np.isfinite(growth.closed[0]).tolist() == (growth.p_before.sum(axis=0) >= 10).tolist()
    assert "return to the mean" not in "\n".join(growth.summary("en")) or flagged >= 10


def test_what_is_called_reliable_has_an_interval_without_zero() -> None:
    growth = grown(*study(0.8)[:2])
    low, high = growth.ends_of_rule
    sure, lost, open_ = growth.p_gain >= 0.95, growth.p_gain <= 0.05, (growth.p_gain > 0.05) & (growth.p_gain < 0.95)
    assert sure.any()
    assert (low[sure] >= 0).all()
    assert (low[lost | open_] <= 0).all()
    assert (high[lost] <= 0).all()
    assert (high[sure | open_] >= 0).all()
    assert ((growth.change_low < low + 1e-9) & (high < growth.change_high + 1e-9))[open_].mean() > 0.99
    assert np.nanmean(np.abs((high - low) / (growth.change_high - growth.change_low) - 1.645 / 1.96)) < 0.01


@pytest.mark.parametrize(
    ("was", "then", "said"),
    [
        ("2026-09-01", "2026-03-01", True),
        ("01.09.2026", "1.3.2026", True),
        ("2026-03-01", "2026-09-01", False),
        ("1970-03-01", "1970-03-01", False),
        ("школа 9", "школа 3", False),
        ("", "2026-03-01", False),
    ],
)
def test_waves_in_the_wrong_order_are_noticed_by_their_dates(was: str, then: str, said: bool) -> None:
    first, second, *_ = study(0.8)
    waves = [replace(x, background={"день": np.full(len(x), day, dtype=object)}) for x, day in ((first, was), (second, then))]
    assert ("growth.reversed" in {f.code for f in grown(*waves).findings}) == said


def test_without_any_background_the_error_says_so() -> None:
    first, second, *_ = study(0.8)
    with pytest.raises(GrowthError) as caught:
        cdx.measure_growth(first, replace(second, background={}), by="курс")
    assert caught.value.code == "growth.no_background"
    assert "есть нет" not in caught.value.text("ru")


def test_answering_the_same_items_again_is_said() -> None:
    first, *_ = study(0.8)
    assert "growth.items_again" in [f.code for f in grown(first, first).findings]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"by": "курс"}, "growth.no_column"), ({"draws": 3}, "growth.limits"), ({"linking_error": -1.0}, "growth.limits")],
)
def test_wrong_arguments(change: dict[str, Any], code: str) -> None:
    first, second, *_ = study(0.8)
    with pytest.raises(GrowthError) as caught:
        cdx.measure_growth(first, second, **change)
    assert caught.value.code == code


def test_other_scales_are_refused() -> None:
    first, second, *_ = study(0.8)
    moved = replace(second, curves=second.curves * 0.9)
    for other, code in ((moved, "growth.other_items"), (replace(second, competencies=second.competencies[:-1]), "growth.other_scale")):
        with pytest.raises(GrowthError) as caught:
            cdx.measure_growth(first, other)
        assert caught.value.code == code
    with pytest.raises(GrowthError) as caught:
        cdx.measure_growth(first, replace(second, persons=np.array([f"q{p}" for p in range(300)], dtype=object)))
    assert caught.value.code == "growth.nobody"


def test_waves_scored_with_different_keys_are_said_to_be() -> None:
    first, second, *_ = study(0.8)
    of = [
        replace(x, provenance=replace(x.provenance, inputs={**x.provenance.inputs, "keys": k}))
        for x, k in ((first, "a"), (second, "b"))
    ]
    assert "growth.other_keys" in {f.code for f in grown(of[0], of[1]).findings}
    assert "growth.other_keys" not in {f.code for f in grown(of[0], second).findings}
