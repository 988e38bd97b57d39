"""Protocols of experts: what is read and refused, agreement, severity, and marks as answers of a diagnosis."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.engine import Control
from competency_dx.errors import CompetencyDxWarning, RatersError
from competency_dx.kernels.grid import points_needed
from competency_dx.raters import Facets, RaterCalibration, Ratings, ThirdExpert, calibrate_raters, check_agreement, load_ratings
from competency_dx.raters.facets import facet_model, fitted

Quiet = Callable[[], AbstractContextManager[None]]
STEPS = np.array([-1.2, 0.0, 1.2])


def drawn(
    P: int = 300,
    C: int = 4,
    R: int = 8,
    *,
    seed: int = 1,
    experts: Callable[[int, np.random.Generator], Any] | None = None,
    **changed: Any,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a protocol of works that two experts marked, and the severities; `changed` are the habits of the first expert."""
    rng = np.random.default_rng(seed)
    theta, severity, place = rng.normal(0, 1.2, P), np.linspace(-1, 1, R), np.linspace(-0.5, 0.5, C)
    rows = []
    for p in range(P):
        for r in rng.choice(R, 2, replace=False) if experts is None else experts(p, rng):
            day, odd = int(rng.integers(1, 29)), r == 0
            shift = odd * rng.normal(0, changed.get("halo", 0)) - odd * changed.get("drift", 0) * ((day - 1) / 27 - 0.5)
            for c in range(C):
                b = place[c] + severity[r] + STEPS * (changed.get("stretch", 1) if odd else 1)
                log_p = np.concatenate([[0], np.cumsum(theta[p] + shift - b)])
                mark = int((rng.random() > np.cumsum(np.exp(log_p) / np.exp(log_p).sum())).sum())
                rows.append((f"w{p}", "T1", f"k{c + 1}", f"e{r + 1}", mark, f"{day:02d}.03.2026"))
    columns = ["Шифр работы", "Задание", "Критерий", "Эксперт", "Балл", "Дата проверки"]
    return pd.DataFrame(rows, columns=columns), severity


def rated(severity: np.ndarray, seed: int, works: int = 60) -> pd.DataFrame:
    """Return a protocol of works with two criteria that two experts of these severities marked."""
    rng, rows = np.random.default_rng(seed), []
    for work in range(works):
        theta = rng.normal(0, 1.2)
        for expert in rng.choice(len(severity), 2, replace=False):
            for k in range(2):
                z = np.concatenate([[0], np.cumsum(theta - severity[expert] - STEPS + 0.3 * k)])
                mark = rng.choice(4, p=np.exp(z) / np.exp(z).sum())
                rows.append((f"w{work}", f"c{k}", f"E{expert}", mark))
    return pd.DataFrame(rows, columns=["person", "criterion", "expert", "mark"])


@cache
def study() -> tuple[Ratings, np.ndarray, RaterCalibration]:
    table, severity = drawn()
    ratings = load_ratings(table, maximum=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return ratings, severity, calibrate_raters(ratings)


def test_headings_are_known_and_every_mark_is_kept() -> None:
    ratings = study()[0]
    assert (len(ratings), len(ratings.persons), ratings.items, len(ratings.experts)) == (
        2400,
        300,
        ("T1/k1", "T1/k2", "T1/k3", "T1/k4"),
        8,
    )
    assert ratings.persons[:3] == ("w0", "w1", "w2")
    assert np.ptp(ratings.day) == 27
    frame = ratings.to_frame()
    assert list(frame.columns) == ["person", "task", "criterion", "expert", "mark", "written", "status", "day"]
    assert (frame["status"] == "used").all()


BAD = pd.DataFrame(
    [
        ("a", "k", "e1", "2"), ("a", "k", "e2", "2,0"), ("b", "k", "e1", "хорошо"), ("b", "k", "e2", "9"), ("c", "k", "e1", "1"),
        ("c", "k", "e1", "3"), ("c", "k", "e2", "1"), ("d", "k", "", "1"), ("d", "k", "e9", "1"), ("e", "k", "e2", None),
        ("e", "k", "e1", "1,5"),
    ],
    columns=["person", "criterion", "expert", "mark"],
)  # fmt: skip


def test_bad_marks_get_a_sentence_each_and_stay_in_the_table() -> None:
    with pytest.warns(CompetencyDxWarning) as told:
        ratings = load_ratings(BAD, maximum=3, experts=["e1", "e2"])
    status = ratings.to_frame()["status"].tolist()
    assert status == ["used", "used", "unreadable", "above", "used", "used", "used", "unknown", "unknown", "blank", "unreadable"]
    assert ratings.to_frame()["written"].tolist()[2:4] == ["хорошо", "9"]
    codes = {f.code: f for f in ratings.findings}
    assert set(codes) == {"raters.unreadable", "raters.above_maximum", "raters.unknown", "raters.marked_twice"}
    assert len(told) == 4
    assert "b, k, e1: хорошо" in codes["raters.unreadable"].ru
    assert "b, k, e2: 9" in codes["raters.above_maximum"].en
    assert codes["raters.marked_twice"].scope == ("c",)
    assert ratings.answers()[ratings.persons.index("c"), 0] == {0: 3, 1: 1}  # the last word of an expert
    assert "не учтено" in "\n".join(ratings.summary("ru"))


def test_the_bank_tells_the_highest_marks() -> None:
    bank = cdx.load_bank("mathematics")
    item = next(i for i in bank.items if i.rubric)
    rows = [("a", item.id, c.id, "e1", c.max_score) for c in item.rubric] + [("a", item.id, item.rubric[0].id, "e2", 99)]
    with pytest.warns(CompetencyDxWarning, match="above the maximum"):
        ratings = load_ratings(pd.DataFrame(rows, columns=["person", "task", "criterion", "expert", "mark"]), bank=bank)
    assert dict(zip(ratings.criteria, ratings.max_marks.tolist(), strict=True)) == {c.id: c.max_score for c in item.rubric}


@pytest.mark.parametrize(
    ("value", "top", "said", "highest"),
    [(99, None, "codes", 3), (98, None, "codes", 3), (9, None, "codes", 3), (7, None, "codes", 3), (33, None, "codes", 3),
     (5, None, "doubtful", 5), (4, None, "doubtful", 4), (-1, None, "unreadable", 3), (99, 3, "above_maximum", 3), (5, 5, "", 5)],
)  # fmt: skip
def test_marks_far_beyond_the_others_are_named_and_codes_are_no_marks(
    value: int, top: int | None, said: str, highest: int, quiet: Quiet
) -> None:
    table = drawn(100)[0]
    table.loc[7, "Балл"] = value
    with quiet():
        ratings = load_ratings(table, maximum=top)
    assert [f.code for f in ratings.findings] == [f"raters.{said}"] * bool(said)
    row = table.iloc[7]
    assert all(f"{row['Шифр работы']}, T1/k4, {row['Эксперт']}: {value}" in f.ru for f in ratings.findings)
    assert ratings.max_marks[3] == highest
    assert (ratings.status[7] == 0) == (said in {"doubtful", ""})


def test_frequent_codes_are_no_marks_and_whole_scales_have_none(quiet: Quiet) -> None:
    table, rng = drawn(100)[0], np.random.default_rng(3)
    code = rng.choice([0, 9, 99], len(table), p=[0.7, 0.2, 0.1])
    with quiet():
        ratings = load_ratings(table.assign(Балл=np.where(code > 0, code, table["Балл"])))
    assert ratings.used.tolist() == (code == 0).tolist()
    for top, n in ((1, 60), (3, 20), (6, 30), (10, 60), (20, 150), (100, 400)):
        marks = rng.binomial(top, rng.beta(2, 2, len(table[:n])))
        with quiet():
            works: dict[str, Any] = {"Шифр работы": range(len(marks)), "Балл": marks, "Критерий": "k1"}
            found = load_ratings(table[:n].assign(**works))
        assert found.used.all(), top


def test_marks_of_very_many_steps_are_compared_but_have_no_severity(quiet: Quiet) -> None:
    table = drawn(40)[0].assign(Балл=lambda t: 30 * t["Балл"])
    ratings = load_ratings(table, maximum=100)
    plain = check_agreement(load_ratings(drawn(40)[0], maximum=3))
    with quiet():
        np.testing.assert_allclose(check_agreement(ratings).table[:, 8], plain.table[:, 8])  # kappa, whatever the unit of marks
    with pytest.raises(RatersError, match="at most 20 points, found T1/k1 \\(100\\)"):
        calibrate_raters(ratings)


def test_agreement_of_nothing_is_no_number(quiet: Quiet) -> None:
    with quiet():
        nothing = check_agreement(load_ratings(drawn(20, experts=lambda p, _: [p % 8])[0]))
    assert np.isnan(nothing.table[0, 2:]).all()
    assert nothing.third_expert()["called"].isna().all()
    assert not any("0%" in line for line in nothing.summary("en"))
    table, _ = drawn(20, 2, 4)
    with quiet():
        few = check_agreement(load_ratings(table[table["Шифр работы"].isin(["w0", "w1"])], maximum=3)).to_frame()
    alike = check_agreement(load_ratings(table.assign(Балл=2), maximum=3)).to_frame()  # marks that never vary tell no share of works
    assert (alike["exact"] == 1).all()
    assert alike[["icc", "icc_low", "kappa", "kappa_low"]].isna().all(axis=None)
    assert few.query("first != ''")[["icc", "icc_low", "icc_high"]].isna().all(axis=None)
    e1 = check_agreement(load_ratings(table.assign(Балл=table["Балл"].where(table["Эксперт"] != "e1", 2)), maximum=3))
    assert e1.to_frame().query("first == 'e1'")["kappa_low"].isna().all()
    assert "e1 and" not in e1.summary("en")[3]


def test_a_row_that_stands_twice_counts_once(quiet: Quiet) -> None:
    """An export repeated is no second reading; another day or mark is."""
    table, _ = drawn(40, 2, 4)
    with quiet():
        once = load_ratings(table, maximum=3)
        twice = load_ratings(pd.concat([table, table.sample(frac=0.5, random_state=1)]), maximum=3)
        again = load_ratings(pd.concat([table, table.assign(**{"Дата проверки": "30.04.2026"})]), maximum=3)
    assert np.sort(twice.rows, axis=1).tolist() == np.sort(once.rows, axis=1).tolist()
    (found,) = [f for f in twice.findings if f.code == "raters.copies"]
    assert found.facts["rows"] == len(table) / 2
    assert Ratings.from_json(twice.to_json()).to_frame().equals(twice.to_frame())
    assert again.used.sum() == 2 * len(table)


@pytest.mark.parametrize("sd", [0.0, 0.5])
def test_intervals_of_random_experts_hold_with_few_marks(sd: float, quiet: Quiet) -> None:
    """The SD of severities is hardly known and can look like 0: intervals that take it for that would hold four times in five."""
    held, width = [], []
    for seed in range(8):
        truth = np.random.default_rng(seed).normal(0, sd, 12)
        table = rated(truth, seed)
        with quiet():
            out = calibrate_raters(load_ratings(table), facets=Facets(experts="random")).to_frame().set_index("expert")
        at = [int(name[1:]) for name in out.index]
        held.append(np.abs(out["severity"] - (truth - truth.mean())[at]) < 1.96 * out["se_severity"])
        width.append(out["se_severity"].mean())
    assert np.mean(held) > 0.9
    assert min(width) > 0.08
    with quiet():
        two = calibrate_raters(load_ratings(rated(np.zeros(2), 1)), facets=Facets(experts="random"))
    assert two.spread[0] < 0.6


def test_what_cannot_be_used_is_refused(quiet: Quiet) -> None:
    with pytest.raises(RatersError, match="has no columns expert"):
        load_ratings(BAD.drop(columns="expert"))
    with pytest.raises(RatersError, match="none of the 1 rows has a mark"), quiet():
        load_ratings(BAD.iloc[2:3])
    with pytest.raises(RatersError, match="none of the 8 rows has a mark"), quiet():
        load_ratings(drawn(1)[0].assign(Задание="", Критерий=None))
    with pytest.raises(RatersError, match="marks of one expert only"):
        check_agreement(load_ratings(BAD.iloc[[0, 4]]))
    with pytest.raises(RatersError, match="from 1 to 100"):
        load_ratings(BAD.iloc[:1], maximum=1000)
    with pytest.raises(RatersError, match="model= takes 'PCM'"):
        Facets(model="2PL")  # type: ignore[arg-type]
    with pytest.raises(RatersError, match="All marks are the same on"), quiet():
        calibrate_raters(load_ratings(drawn(20)[0].assign(Балл=1)))
    with pytest.raises(RatersError, match="two different days"):
        calibrate_raters(load_ratings(drawn(20)[0].drop(columns="Дата проверки")), facets=Facets(drift="linear"))
    table = drawn(60)[0]
    bare = load_ratings(table[(table["Эксперт"] != "e1") | (table["Критерий"] != "k1")])
    with pytest.raises(RatersError, match="on every criterion"):
        calibrate_raters(bare, facets=Facets(severity="criterion"))
    some = load_ratings(table.assign(Балл=table["Балл"].where(table["Эксперт"] != "e2", table["Балл"].clip(0, 2))), maximum=3)
    with pytest.raises(RatersError, match=r"never given were: e2 \(3\); take random"):
        calibrate_raters(some, facets=Facets(thresholds="expert"))


def test_names_of_experts_are_personal_data() -> None:
    with pytest.raises(cdx.errors.ResponsesError, match="personal data"):
        load_ratings(BAD.assign(expert=["Иванов Пётр Сергеевич", "Петрова Анна Ивановна"] * 5 + ["e1"]))


def test_blocks_without_common_works_are_named_with_the_works_that_would_join_them(quiet: Quiet) -> None:
    def apart(p: int, rng: np.random.Generator) -> Any:
        return rng.choice(4, 2, replace=False) + 4 * (p % 3 == 0)

    table = drawn(120, experts=apart)[0]
    ratings = load_ratings(table)
    with quiet():
        agreement = check_agreement(ratings)
    assert agreement.blocks == (("e1", "e2", "e3", "e4"), ("e5", "e6", "e7", "e8"))
    assert len({link.person for link in agreement.links}) == len(agreement.links) == 10
    assert type(agreement).from_json(agreement.to_json()).second_readings().equals(agreement.second_readings())
    assert {link.second for link in agreement.links} <= set(agreement.blocks[0])
    with pytest.raises(RatersError, match="2 blocks without common works") as fault:
        calibrate_raters(ratings)
    assert agreement.links[0].person in fault.value.text("ru")
    with quiet():
        loose = calibrate_raters(ratings, facets=Facets(experts="random"))
    assert "raters.disconnected" in {f.code for f in loose.findings}
    mended = [(link.person, "T1", f"k{c}", link.second, 1, "01.03.2026") for link in agreement.links for c in range(1, 5)]
    with quiet():
        joined = load_ratings(pd.concat([table, pd.DataFrame(mended, columns=table.columns)]))
        assert len(check_agreement(joined).blocks) == 1
        calibrate_raters(joined)


def test_agreement_of_a_small_table_by_hand() -> None:
    marks = {"a": (1, 1), "b": (2, 3), "c": (0, 3), "d": (3, 3), "e": (1, 1)}
    rows = [(p, "k", f"e{k}", x) for p, both in marks.items() for k, x in enumerate(both)]
    rows += [("c", "k", "e3", 2), ("f", "k", "e1", 2)]
    ratings = load_ratings(pd.DataFrame(rows, columns=["person", "criterion", "expert", "mark"]))
    agreement = check_agreement(ratings)
    pair = agreement.to_frame().query("first == 'e0' and second == 'e1'")
    assert pair[["works", "exact", "adjacent"]].to_numpy().tolist() == [[5, 0.6, 0.8]]
    third = agreement.third_expert().set_index("difference")
    assert third["readings"].tolist() == [2, 1, 1, 0]
    assert third["called"].tolist() == [0.4, 0.2, 0.2, 0]
    np.testing.assert_allclose(third["cost"], [200 / 11, 100 / 11, 100 / 11, 0])  # on top of eleven marks without the third one
    final = agreement.final_marks().set_index("person")
    assert final["mark"].to_dict() == {"a": 1, "b": 2.5, "c": 2, "d": 3, "e": 1, "f": 2}
    assert final["state"].to_dict() == {"a": "agreed", "b": "agreed", "c": "third", "d": "agreed", "e": "agreed", "f": "single"}
    nearest = check_agreement(ratings, rule=ThirdExpert(final="nearest")).final_marks().set_index("person")
    assert nearest.loc["c", "mark"] == 2.5
    due = check_agreement(load_ratings(pd.DataFrame(rows[:-2], columns=["person", "criterion", "expert", "mark"])))
    assert [f.code for f in due.findings] == ["raters.third_due"]
    assert due.final_marks().query("state == 'open'")["mark"].isna().tolist() == [True]


@given(st.permutations(range(6)))
def test_the_order_of_rows_and_names_of_experts_change_no_coefficient(order: list[int]) -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        [(f"p{k}", "k", e, int(rng.integers(0, 4))) for k in range(6) for e in "xy"], columns=["person", "task", "expert", "mark"]
    )
    first, names = check_agreement(load_ratings(table)), {"x": "z", "y": "y"}
    moved = table.iloc[[2 * k + side for k in order for side in (0, 1)]].assign(expert=lambda t: t["expert"].map(names))
    np.testing.assert_allclose(check_agreement(load_ratings(moved)).table[[0, -1]], first.table[[0, -1]], atol=1e-12)


def test_severities_are_found_again_and_persons_are_adjusted() -> None:
    ratings, severity, out = study()
    frame = out.to_frame()
    assert abs(out.severity.sum()) < 1e-9
    assert (np.abs(out.severity - severity) < 3.2 * frame["se_severity"]).all()
    assert np.corrcoef(out.severity, severity)[0, 1] > 0.97
    persons = out.person_frame().set_index("person")
    by_expert = pd.Series(
        {p: out.severity[list(experts)].mean() for p, experts in zip(ratings.persons, _experts(ratings), strict=True)}
    )
    moved = persons["percent_fair"] - persons["percent_unadjusted"]
    assert np.corrcoef(moved, by_expert[persons.index])[0, 1] > 0.95  # who met severe experts gains
    assert (persons["se"] > persons["se_known"]).all()
    assert (persons["percent_low"] < persons["percent_fair"]).all()
    assert persons["percent_raw"].between(0, 100).all()


def _experts(ratings: Ratings) -> list[set[int]]:
    out: list[set[int]] = [set() for _ in ratings.persons]
    for p, _, r, _ in zip(*ratings.rows, strict=True):
        out[p].add(r)
    return out


def test_one_likelihood_whatever_the_parameters_are_called() -> None:
    """Thresholds by expert contain common ones; severity by criterion contains that of experts; equal experts are one item."""
    ratings = study()[0]
    models = {"PCM": Facets(), "RSM": Facets(model="RSM"), "GPCM": Facets(model="GPCM")}
    models |= {"criterion": Facets(severity="criterion"), "thresholds": Facets(thresholds="expert")}
    found = {name: fitted(facet_model(ratings, None, facets), Control()).at for name, facets in models.items()}
    ll = {name: one.log_likelihood for name, one in found.items()}
    assert ll["RSM"] < ll["PCM"] < min(ll["criterion"], ll["thresholds"], ll["GPCM"])
    extra = {name: len(one.phi) - len(found["PCM"].phi) for name, one in found.items()}
    assert extra == {"PCM": 0, "RSM": -6, "GPCM": 3, "criterion": 21, "thresholds": 14}
    assert ll["criterion"] - ll["PCM"] < 25  # 21 parameters that say nothing: half a chi-square


def test_one_expert_leaves_the_partial_credit_model() -> None:
    """And two who mark alike, half of the works each, change nothing but the error."""
    table = drawn(400, experts=lambda p, _: [4 + p % 2])[0]
    one = cdx.calibrate(table.pivot_table(index="Шифр работы", columns="Критерий", values="Балл").astype(int), model="PCM", priors=None)
    alone = fitted(facet_model(load_ratings(table.assign(Эксперт="x")), None, Facets()), Control()).at
    assert abs(alone.log_likelihood - one.log_likelihood) < 1e-6
    np.testing.assert_allclose(alone.phi[-1], one.population.covariance[0, 0], atol=1e-5)


def test_gradient_and_information_of_a_design_are_finite_differences() -> None:
    model = facet_model(load_ratings(drawn(40, 3, 4)[0]), None, Facets(severity="criterion", experts="random", drift="linear"))
    of, rng = model.likelihood, np.random.default_rng(3)
    phi = of.start + rng.normal(0, 0.1, len(of.start))
    phi[-1] = 1.3
    now, h = of.evaluate(phi, 121), 1e-5
    ends = [[of.evaluate(phi + s * h * e, 121) for s in (1, -1)] for e in np.eye(len(phi))]
    np.testing.assert_allclose(of.gradient(now), [(a.objective - b.objective) / (2 * h) for a, b in ends], atol=2e-5)
    second = np.array([(of.gradient(a) - of.gradient(b)) / (2 * h) for a, b in ends])
    np.testing.assert_allclose(of.information(now).matrix, -second, atol=2e-4)


def test_an_expert_without_a_mark_that_counts_changes_nothing(quiet: Quiet) -> None:
    ratings, _, fixed = study()
    bad = ratings.to_frame().iloc[:3].assign(expert="e0", written="?")
    with quiet():
        out = calibrate_raters(
            load_ratings(pd.concat([ratings.to_frame(), bad]).drop(columns="mark").rename(columns={"written": "mark"}))
        )
    assert out.experts[0] == "e0"
    assert np.isnan(out.severity[0])
    np.testing.assert_allclose(out.severity[1:], fixed.severity, atol=1e-6)
    assert "e1" in out.summary()[2]


@pytest.mark.parametrize("top", [0, 3])
@pytest.mark.parametrize("facets", [Facets(), Facets(severity="criterion"), Facets(model="GRM")])
def test_an_expert_with_extreme_marks_only_is_left_out_and_named(top: int, facets: Facets, quiet: Quiet) -> None:
    table, _ = drawn(80, 3, 6)
    new = table[table["Шифр работы"].isin(["w0", "w1"])].assign(Эксперт="new", Балл=top)
    with quiet():
        before = calibrate_raters(load_ratings(table, maximum=3), facets=facets)
        after = calibrate_raters(load_ratings(pd.concat([table, new]), maximum=3), facets=facets)
    np.testing.assert_allclose(after.severity, [*before.severity, np.nan])
    np.testing.assert_allclose(after.of_persons, before.of_persons)
    assert next(f.scope for f in after.findings if f.code == "raters.extreme_only") == ("new",)
    with pytest.raises(RatersError, match="e1, e2, e3, e4, e5, e6"):
        calibrate_raters(load_ratings(table.assign(Балл=np.where(table["Эксперт"] < "e4", top, 3 - top)), maximum=3), facets=facets)


def test_random_experts_are_pulled_to_the_mean_by_few_marks(quiet: Quiet) -> None:
    ratings, severity, fixed = study()
    with quiet():
        out = calibrate_raters(ratings, facets=Facets(experts="random"))
    assert abs(out.spread[0] - severity.std(ddof=1)) < 0.25
    assert np.isnan(fixed.spread).all()
    assert np.abs(out.severity).sum() < np.abs(fixed.severity).sum()
    assert "raters.few_experts" in {f.code for f in out.findings}


@pytest.mark.parametrize(
    ("habit", "column", "finding"), [({"halo": 2.0}, "z_halo", "halo"), ({"stretch": 2.2}, "z_spread", "central"), ({}, "", "")]
)
def test_habits_of_an_expert_are_named(habit: dict[str, Any], column: str, finding: str, quiet: Quiet) -> None:
    with quiet():
        out = calibrate_raters(load_ratings(drawn(400, **habit)[0]))
    named = {f.code: f.scope for f in out.findings if f.code in {"raters.halo", "raters.central"}}
    assert bool(named) == bool(finding)
    if finding:
        assert "e1" in named[f"raters.{finding}"]
        assert np.abs(out.to_frame()[column]).idxmax() == 0


@pytest.mark.parametrize("habit", ["halo", "careless", "both"])
def test_habits_of_one_expert_are_not_those_of_others(habit: str, quiet: Quiet) -> None:
    """Whose marks of a work say one thing only, or nothing, leaves the others what the model says of them."""
    for seed in (3, 4):
        table, rng = drawn(400, seed=seed)[0], np.random.default_rng(seed)
        lot, same = (table["Эксперт"] == e for e in ("e5", "e4"))
        if habit != "halo":
            table.loc[lot, "Балл"] = rng.integers(0, 4, int(lot.sum()))
        if habit != "careless":
            table.loc[same, "Балл"] = table.groupby(["Шифр работы", "Эксперт"])["Балл"].transform("first")[same]
        with quiet():
            out = calibrate_raters(load_ratings(table))
        named: dict[str, set[Any]] = {f.code: {*f.scope} for f in out.findings}
        assert named.get("raters.halo", set()) == (set() if habit == "careless" else {"e4"})
        assert named.get("raters.misfit", set()) == (set() if habit == "halo" else {"e5"})


def test_few_marks_that_follow_the_model_are_not_erratic(quiet: Quiet) -> None:
    """A mean square of 12 marks is above 1.5 for one expert in ten by chance."""
    named, high = list[str](), 0
    for seed in range(6):
        with quiet():
            out = calibrate_raters(load_ratings(rated(np.random.default_rng(seed).normal(0, 0.5, 20), seed)))
        high += int((out.to_frame()[["infit", "outfit"]] > 1.5).any(axis=1).sum())
        named += [expert for f in out.findings if f.code == "raters.misfit" for expert in f.scope]
    assert high > 6
    assert not named


def test_the_grid_is_as_fine_as_the_surest_work_asks_for_and_no_finer(quiet: Quiet) -> None:
    """On few points a posterior looks like one of them; five times too many were taken for works that forty experts marked."""
    table, _ = drawn(60, 5, 40, experts=lambda _, __: range(40))
    with quiet():
        found = fitted(facet_model(load_ratings(table), None, Facets()), Control()).at.at
    assert found.spacing <= found.narrowest
    assert len(found.step.theta) < 1.5 * points_needed(found.narrowest)


def test_the_report_on_severity_has_a_table_of_persons(tmp_path: Path) -> None:
    out = study()[2]
    page = cdx.report(out, tmp_path / "severity").read_text(encoding="utf-8")
    assert "процент с поправкой на строгость" in page
    written = pd.read_csv(tmp_path / "severity" / "table-persons.csv", sep=";", decimal=",")
    np.testing.assert_allclose(written["percent_fair"], out.person_frame()["percent_fair"])
    sheets = pd.read_excel(tmp_path / "severity" / "table.xlsx", sheet_name=None, engine="openpyxl")
    assert list(sheets) == ["Таблица", "Участники"]
    assert not [head for head in map(str, sheets["Участники"]) if "_" in head]
    cdx.report(out, tmp_path / "severity.docx")


@pytest.mark.parametrize("top", [1, 3])
def test_marks_by_lot_are_named_whatever_the_scale(top: int, quiet: Quiet) -> None:
    """Mean squares of marks 0 and 1 stay under 1.5 however erratic they are."""
    table, rng = drawn(400)[0], np.random.default_rng(8)
    table["Балл"] = np.minimum(table["Балл"] >= 2, 1).astype(int) if top == 1 else table["Балл"]
    lot = table["Эксперт"] == "e5"
    table.loc[lot, "Балл"] = rng.integers(0, top + 1, int(lot.sum()))
    with quiet():
        out = calibrate_raters(load_ratings(table))
    assert [f.scope for f in out.findings if f.code == "raters.misfit"] == [("e5",)]
    assert (out.to_frame()["infit"].max() < 1.5) == (top == 1)


def test_drift_is_found(quiet: Quiet) -> None:
    with quiet():
        out = calibrate_raters(load_ratings(drawn(400, drift=2.5)[0]), facets=Facets(drift="linear"))
    frame = out.to_frame()
    assert [f.scope for f in out.findings if f.code == "raters.drift"] == [("e1",)]
    change, error = frame[["severity_change", "se_severity_change"]].to_numpy()[0]
    assert abs(change - 2.5 * 7 / 8) < 3 * error
    assert out.chart_kinds() == ("severity", "persons", "drift")


def test_keyed_items_place_persons_and_join_experts(quiet: Quiet) -> None:
    """Each expert marked other works: the keyed items that all answered put them on one scale."""
    table, severity = drawn(400, experts=lambda p, _: [p % 8])
    with quiet():
        alone = calibrate_raters(load_ratings(table), facets=Facets(experts="random"))
        rng, marks = np.random.default_rng(4), table.groupby("Шифр работы")["Балл"].mean()
        ability = marks.to_numpy() - marks.mean() + severity[[int(w[1:]) % 8 for w in marks.index]] * 0.6
        keyed = (rng.random((400, 15)) < 1 / (1 + np.exp(-2 * ability[:, None] - np.linspace(-1, 1, 15)))).astype(int)
        answers = cdx.load_responses(pd.DataFrame(keyed, index=marks.index).add_prefix("q").rename_axis("person").reset_index())
        out = calibrate_raters(load_ratings(table), answers)
    assert out.parameters.items[4:] == answers.items
    assert not any(f.code == "raters.disconnected" for f in out.findings)
    assert np.corrcoef(out.severity, severity)[0, 1] > max(0.9, np.corrcoef(alone.severity, severity)[0, 1])


def test_a_teacher_of_a_severe_expert_gets_the_profile_of_one_of_a_mild_one(quiet: Quiet) -> None:
    """Acceptance example 4: a point lower by an expert as much more severe, the same profile; wider than if that were known."""
    bank = cdx.load_bank("mathematics")
    open_items = [i for i in bank.items if i.rubric][:3]
    points = [(i.id, c.id, c.max_score) for i in open_items for c in i.rubric]
    rng, rows = np.random.default_rng(6), []
    severity = {"mild": -0.9, "even": 0.0, "severe": 0.9}
    for p in range(240):
        theta, pair = rng.normal(), [list(severity)[k] for k in rng.choice(3, 2, replace=False)]
        for item, criterion, top in points:
            for e in pair:
                log_p = np.arange(top + 1) * (theta - severity[e])
                mark = int((rng.random() > np.cumsum(np.exp(log_p) / np.exp(log_p).sum())).sum())
                rows.append((f"t{p}", item, criterion, e, mark))
    table = pd.DataFrame(rows, columns=["person", "task", "criterion", "expert", "mark"])
    with quiet():
        calibration = calibrate_raters(load_ratings(table, bank=bank))
        found = dict(zip(calibration.experts, calibration.severity, strict=True))
        assert found["mild"] < -0.6 < 0.6 < found["severe"]
        half = [(p, i, c, e, max(0, min(t, t // 2 + (t % 2) * (e == "mild"))))
                for p, e in (("of severe", "severe"), ("of mild", "mild")) for i, c, t in points]  # fmt: skip
        ratings = load_ratings(pd.DataFrame(half, columns=table.columns), bank=bank)
        marked = cdx.raters.adjust_marks(ratings, calibration, bank=bank)
        assert marked.responses.items == tuple(sorted(f"{i.id}@{e}" for i in open_items for e in ("mild", "severe")))
        assert marked.bank.reference_set == bank.reference_set
        profiles = cdx.diagnose(marked.responses, marked.bank)
        plain = ratings.to_frame().groupby(["person", "task"])["mark"].sum().unstack().astype(int)
        before = cdx.diagnose(cdx.load_responses(plain, bank=bank, layout=cdx.Layout(cells="scored")), bank)
    subject = [c.code for c in profiles.competencies].index(bank.header.subject)
    place = {p: k for k, p in enumerate(profiles.persons)}
    gap = profiles.percent[place["of severe"], subject] - profiles.percent[place["of mild"], subject]
    raw = (
        before.percent[list(before.persons).index("of severe"), subject]
        - before.percent[list(before.persons).index("of mild"), subject]
    )
    assert gap > raw
    record = {r.item: r for r in marked.bank.parameters}
    for one in open_items:
        severe, mild, own = (record[name] for name in (f"{one.id}@severe", f"{one.id}@mild", one.id))
        np.testing.assert_allclose(np.array(severe.b) - np.array(mild.b), (found["severe"] - found["mild"]) / own.a, atol=1e-9)
        assert all((new or 0.0) > (old or 0.0) for new, old in zip(severe.se_b, own.se_b, strict=True))
        assert severe.status == "provisional"


def test_protocols_of_another_calibration_or_bank_are_refused() -> None:
    ratings, _, calibration = study()
    with pytest.raises(RatersError, match="No task of the protocol"):
        cdx.raters.adjust_marks(ratings, calibration, bank=cdx.load_bank("mathematics"))
    other = load_ratings(drawn(5, R=9)[0].replace("e9", "new"), maximum=3)
    with pytest.raises(RatersError, match="not one of the calibration"):
        cdx.raters.adjust_marks(other, calibration, bank=cdx.load_bank("mathematics"))


@pytest.mark.parametrize(("experts", "works", "keyed"), [(3, 150, True), (3, 150, False), (24, 200, False)])
def test_the_likelihood_of_works_that_say_the_same_is_that_of_each_by_itself(
    experts: int, works: int, keyed: bool, quiet: Quiet
) -> None:
    """Works with equal sums of equal columns stand in one row, and works of few experts in sparse tables: both change no digit."""
    every = (lambda *_: range(experts)) if experts == 3 else None
    table = drawn(works, 2, experts, seed=3, experts=every)[0]
    ratings, rng = load_ratings(table, maximum=3), np.random.default_rng(2)
    known = pd.DataFrame(rng.integers(0, 2, (works, 3)), columns=["k1", "k2", "k3"]).assign(person=ratings.persons)
    with quiet():
        answers = cdx.load_responses(known, layout=cdx.Layout(cells="scored")) if keyed else None
        fit = calibrate_raters(ratings, answers)
    row = facet_model(ratings, answers, Facets()).row
    assert (len(set(row)) < works / 2) == (experts == 3)
    theta = np.linspace(-6, 6, 601) * np.sqrt(fit.parameters.variance)
    joint = np.tile(-(theta**2) / (2 * fit.parameters.variance), (works, 1))
    joint -= np.log(np.exp(joint[0]).sum())
    k = np.arange(4)[:, None]
    for person, item, expert, mark in zip(*ratings.rows, strict=True):
        logits = k * (theta - fit.severity[expert]) + fit.parameters.intercepts[item][:, None]
        joint[person] += logits[mark] - np.log(np.exp(logits).sum(axis=0))
    for j in range(3 * keyed):
        logit = theta + fit.parameters.intercepts[2 + j][1]
        joint += np.where(known.iloc[:, [j]] == 1, logit, 0.0) - np.log1p(np.exp(logit))
    evidence = np.log(np.exp(joint - joint.max(axis=1)[:, None]).sum(axis=1)) + joint.max(axis=1)
    assert fit.log_likelihood == pytest.approx(evidence.sum(), abs=1e-6)
    posterior = np.exp(joint - evidence[:, None])
    np.testing.assert_allclose(fit.person_frame()["theta"], posterior @ theta, atol=1e-6)


@pytest.mark.parametrize("model", ["PCM", "RSM", "GRM"])
def test_a_scale_may_begin_at_any_mark_and_one_criterion_has_no_halo(model: Any, quiet: Quiet) -> None:
    """A mark more for everybody changes nothing but the lowest category, which does not occur."""
    table = drawn(80, 1, 4)[0]
    with quiet():
        low, high = (
            calibrate_raters(load_ratings(table.assign(Балл=table["Балл"] + more), maximum=3 + more), facets=Facets(model=model))
            for more in (0, 1)
        )
    assert high.log_likelihood == pytest.approx(low.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(high.of_experts, low.of_experts, atol=1e-5)
    assert low.to_frame()[["halo", "z_halo"]].isna().all(axis=None)
