"""Self-report: the shipped statements, groups of ten and more, and no path from an answer about oneself to a person's result."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

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
    """Acceptance example 7 of the domain, with the refusals of every verb about persons below."""
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
    assert small["n"].isna().all()
    with pytest.raises(GroupError, match="10"):
        compare_self_reports(answers(), "part", smallest=9)


@cache
def read() -> cdx.Responses:
    """Return answers to the statements as they are read with their bank."""
    table = {"person": answers().persons.tolist(), "school": answers().background["school"].tolist()}
    codes = {
        i.id: np.array([key for key, _ in sorted(i.rule.model_dump()["scores"].items(), key=lambda x: x[1])])
        for i in load_self_report().items
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        cells = {item: codes[item][answers().scores[:, k]].tolist() for k, item in enumerate(answers().items)}
        return cdx.load_responses(table | cells, bank=load_self_report())


ALLOWED = {  # what takes a bank or answers and says nothing of a person
    "answer_blocks", "answers_schema", "check_content", "check_design", "compare_self_reports", "complete_file", "load_responses",
    "refuse_self_report", "save_bank", "suspected_keys",
}  # fmt: skip
NOT_OF_PERSONS = {"ItemBank", "Responses", "Calibration", "ClassCalibration", "Explanation", "RawAnswers"}


def verbs() -> list[tuple[str, Any]]:
    """Return all public functions that take answers, a bank or a calibration, of the root and of every room."""
    rooms = [cdx, *(getattr(cdx, name) for name in dir(cdx) if inspect.ismodule(getattr(cdx, name)))]
    found = {}
    for room in rooms:
        for name in getattr(room, "__all__", []):
            thing = getattr(room, name)
            if inspect.isfunction(thing) and {"responses", "bank", "parameters", "calibration", "source", "data"} & set(
                inspect.signature(thing).parameters
            ):
                found[name] = thing
    return sorted(found.items())


def given_to(verb: Any, first: dict[str, Any]) -> dict[str, Any]:
    """Return arguments for all that a verb needs: those given by name, and something for any other."""
    others = {
        "rng": np.random.default_rng(1),
        "by": "school",
        "model": "GRM",
        "q_matrix": pd.DataFrame({"A": [1] * 12}, index=list(read().items)),
    }
    needed = inspect.signature(verb).parameters.values()
    return {
        p.name: first.get(p.name, others.get(p.name))
        for p in needed
        if p.default is p.empty or p.name in {"responses", "bank"} & set(first)
    }


@pytest.mark.parametrize(("name", "verb"), [pytest.param(n, v, id=n) for n, v in verbs() if n not in ALLOWED])
@pytest.mark.parametrize("how", ["answers", "document"])
def test_no_verb_says_anything_of_a_person(name: str, verb: Any, how: str) -> None:
    """Every public verb that takes answers, a bank or a calibration refuses the statements, read from the folder or from JSON too."""
    data, bank = read(), load_self_report()
    if how == "document":
        data, bank = cdx.Responses.from_json(data.to_json()), cdx.ItemBank.from_json(bank.to_json())
    sources = {"responses": data, "data": data, "bank": bank, "parameters": bank, "calibration": bank}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        with pytest.raises((CompetencyDxError, TypeError, AttributeError)) as caught:
            verb(**given_to(verb, sources))
    if name in {
        "calibrate",
        "check_items",
        "check_fit",
        "check_dif",
        "diagnose",
        "plausible_values",
        "reliability",
        "score",
        "simulate",
    }:
        assert caught.value.code == "models.self_report"  # type: ignore[attr-defined]


def test_answers_about_oneself_stand_in_no_frame_and_no_report(tmp_path: Path) -> None:
    """Nor does a mark get lost: in a choice of persons and items, beside other answers, in a document."""
    data = read()
    few = data.select(persons=data.persons[:2].tolist(), items=data.items[:6])
    other = answers().select(items=answers().items[6:])
    for one in (
        data,
        few,
        few.joined(replace(other, persons=answers().persons).select(persons=few.persons)),
        cdx.Responses.from_json(few.to_json()),
    ):
        for told in (one.to_frame, one.to_table, one.to_irw, lambda of=one: of.explain("teacher-1", of.items[0], load_self_report())):
            with pytest.raises(CompetencyDxError, match="statements"):
                told()
        for place in ("folder", "a.html", "a.json", "a.csv", "a.xlsx"):
            with pytest.raises(CompetencyDxError, match="statements"):
                cdx.report(one, tmp_path / place)
        for verb in (
            lambda of: cdx.calibrate(of, model="GRM"),
            cdx.check_items,
            lambda of: cdx.score(of, cdx.load_bank("mathematics")),
        ):
            with pytest.raises(CompetencyDxError, match="statements"):
                verb(one)
        assert "teacher-" not in one._repr_html_() + str(one)
    assert not list(tmp_path.iterdir())


def test_reports_on_groups_hold_no_person() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        found = compare_self_reports(read(), "school")
    assert found.shown.any()
    for result in (found, report()):
        assert not any(isinstance(getattr(result, name), DeficitProfiles) for name in dir(result) if not name.startswith("_"))
        assert "teacher-" not in result.to_json()


FOREIGN = {
    "ru": ("дефицит", "компетенц", "поддержк", "муниципалитет", "сильная", "задани", "диагностик", "уровни", "нужн"),
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
