"""Self-report: the shipped statements, groups of ten and more, and no path from an answer about oneself to a person's result."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.competencies import DeficitProfiles
from competency_dx.errors import CompetencyDxError, CompetencyDxWarning, GroupError
from competency_dx.groups import GroupReport, compare_self_reports, load_self_report
from competency_dx.quality import check_content

MEANS = {"север": -0.6, "юг": 0.6}


def plain() -> cdx.ItemBank:
    """Return the statements as if they were ordinary items, to draw answers to them."""
    bank = load_self_report()
    items = tuple(i.model_copy(update={"part": None}) for i in bank.items)
    return replace(bank, items=items, header=bank.header.model_copy(update={"forms": ()}))


@cache
def answers() -> cdx.Responses:
    """Return answers of two parts of a region that differ, each with ten schools, and of a school of four persons."""
    rng = np.random.default_rng(8)
    part = np.repeat(["север", "юг"], 300)
    school = np.array([f"{p}-{k % 10}" for k, p in enumerate(part)])
    school[:4] = "малая"
    theta = np.array([MEANS[p] for p in part])[:, None] + rng.standard_normal((600, 1))
    drawn = cdx.simulate(plain(), theta, rng=rng)
    persons = np.array([f"teacher-{k}" for k in range(600)])
    return replace(drawn, persons=persons, background={"part": part.astype(object), "school": school.astype(object)})


@cache
def report() -> GroupReport:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        out = compare_self_reports(answers(), ["part", "school"])
    assert not [w for w in seen if "teacher-" in str(w.message)], "a warning names a person"
    return out


def test_twelve_statements_pass_the_gates_and_half_of_each_scale_is_reversed_or_direct() -> None:
    bank = load_self_report()
    assert len(bank.items) == 12
    assert not check_content(bank)
    assert {i.part for i in bank.items} == {"self_report"}
    assert {len(i.options) for i in bank.items} == {4}
    assert bank.id not in cdx.bank.shipped_banks()
    for scale in ("W.M", "W.L"):
        statements = [i for i in bank.items if scale in i.competencies]
        assert len(statements) == 6
        scores = [i.rule.model_dump()["scores"]["4"] for i in statements]
        assert set(scores) == {0, 3}


def test_groups_differ_as_they_were_drawn_and_nothing_counts_needs() -> None:
    table = report().of("север"), report().of("юг")
    assert (table[1]["percent_low"] > table[0]["percent_high"]).all()
    assert not {"deficit", "need_low"} & set(table[0].columns)
    assert {c.code for c in report().competencies} == {"W.M", "W.L"}
    for language, word in (("ru", "дефицит"), ("en", "deficit")):
        assert word not in "\n".join(report().summary(language)).lower()
    assert GroupReport.from_json(report().to_json()).to_json() == report().to_json()


def test_mean_percents_are_those_of_the_answers() -> None:
    """A group of 300 is drawn towards the mean of all by little: its percents are near its mean share of points."""
    scores = answers().scores
    for part in MEANS:
        rows = answers().background["part"] == part
        for scale, estimated in zip(("W.M", "W.L"), report().of(part)["percent"], strict=True):
            columns = [k for k, i in enumerate(load_self_report().items) if scale in i.competencies]
            assert estimated == pytest.approx(100 * scores[rows][:, columns].mean() / 3, abs=2.0)


def test_small_groups_are_suppressed_and_cannot_be_asked_for() -> None:
    small = report().of("север / малая")
    assert small["percent"].isna().all()
    assert (small["n"] == 0).all()
    with pytest.raises(GroupError, match="10"):
        compare_self_reports(answers(), "part", smallest=9)


def test_no_verb_says_anything_of_a_person() -> None:
    """Every verb that takes a bank and gives results of persons refuses the statements, read from the folder or from JSON too."""
    bank, data = load_self_report(), answers()
    same = cdx.ItemBank.from_json(bank.to_json())
    draws = partial(cdx.plausible_values, rng=np.random.default_rng(1))
    for source in (bank, same):
        for verb in (cdx.diagnose, cdx.score, draws, cdx.find_misconceptions, lambda _, of: cdx.reliability(of)):
            with pytest.raises(CompetencyDxError):
                verb(data, source)
    with pytest.raises(CompetencyDxError):
        cdx.simulate(bank, 5, rng=np.random.default_rng(1))
    assert not any(isinstance(getattr(report(), name), DeficitProfiles) for name in dir(report()) if not name.startswith("_"))
    assert "teacher-" not in report().to_json()


FOREIGN = {
    "ru": ("дефицит", "компетенц", "поддержк", "муниципалитет", "сильн", "задани", "диагностик", "уровни", "нужн"),
    "en": ("deficit", "competenc", "support", "municipality", "strength", "item", "assessed", " need", "zone"),
}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("by", ["school", "part"])
def test_pages_and_tables_speak_of_scales_alone(tmp_path: Path, language: Literal["ru", "en"], by: str) -> None:
    """Neither a page nor a heading of the workbook has words of a test; nothing counts needs, the document included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        found = compare_self_reports(answers(), by)
    cdx.report(found, tmp_path / "out", language=language)
    for page in (tmp_path / "out").rglob("*.html"):
        body = re.sub(
            r"<(script|style).*?</\1>|<section id=.methods.*?</section>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        assert [word for word in FOREIGN[language] if word in body.lower()] == [], page.name
        for scale in found.competencies:
            assert scale.title.text(language) in body
    heads = " ".join(pd.read_excel(tmp_path / "out" / "table.xlsx", engine="openpyxl").columns).lower()
    assert [word for word in FOREIGN[language] if word in heads] == []
    document = json.loads(found.to_json())
    needs = [name for name in document if name.startswith("need")]
    assert needs
    for name in needs:
        assert {x for row in document[name] for x in row} == {None}


@pytest.mark.parametrize("heavy", [1, 3])
def test_weights_do_not_lead_to_a_person(heavy: int) -> None:
    """With nearly all of the weight at one person or a few, the mean of a group is theirs: it is not shown."""
    weight = np.full(600, "0,001", dtype=object)
    weight[:heavy] = "1000000"
    data = replace(answers(), background={**answers().background, "вес": weight})
    with pytest.warns(CompetencyDxWarning, match="weight"):
        found = compare_self_reports(data, "part", weights="вес")
    assert not found.shown[[0, 1]].any()
    assert {f.code for f in found.findings} >= {"groups.dominated"}


def test_ordinary_items_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        with pytest.raises(GroupError, match="no statements"):
            compare_self_reports(answers(), "part", bank=cdx.load_bank("mathematics"))
