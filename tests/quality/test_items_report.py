"""The page and the workbook of an item analysis, and the page of a calibration that begins with it."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx


@pytest.fixture(scope="module")
def responses() -> cdx.Responses:
    rng = np.random.default_rng(1)
    logit = 1.3 * (rng.normal(size=(200, 1)) - np.linspace(-1, 1, 9))
    x = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(int)
    x[:, 4] = 1 - x[:, 4]
    table = pd.DataFrame(x, columns=[*(f"q{k}" for k in range(8)), "<b>q8</b>"])
    return cdx.load_responses(table.assign(person=[f"T-{k}" for k in range(200)]))


@pytest.fixture(scope="module")
def analysis(responses: cdx.Responses) -> cdx.quality.ItemAnalysis:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        return cdx.check_items(responses)


@pytest.mark.parametrize(("language", "first"), [("ru", "исправить"), ("en", "repair")])
def test_the_page_begins_with_what_to_do(language: str, first: str, analysis: cdx.quality.ItemAnalysis, tmp_path: Path) -> None:
    page = cdx.report(analysis, tmp_path, language="ru" if language == "ru" else "en")
    text = page.read_text(encoding="utf-8")
    assert f'<li><strong>q4</strong> <span class="verdict repair">{first}</span>' in text
    assert "<b>q8" not in text
    rows = re.findall(r'<tr><td class="keep">(.*?)</td>', text)
    assert rows[:9] == [str(analysis.items[i]).replace("<", "&lt;").replace(">", "&gt;") for i in analysis.by_trouble]
    assert text.count("<svg width") >= 9
    body = re.sub(r"<style>.*?</style>|<[^>]+>|sha256:\w+", " ", text, flags=re.DOTALL)
    if language == "ru":
        assert not set(re.findall(r"[a-z]{4,}", body)) - {"competency", "check", "items"}
    else:
        assert not re.search("[а-яё]", body)
    assert {p.name for p in tmp_path.iterdir()} == {"index.html", "table.csv", "table.xlsx", "result.json"}


def test_the_workbook_has_numbers_in_the_order_of_trouble(analysis: cdx.quality.ItemAnalysis, tmp_path: Path) -> None:
    book = pd.read_excel(cdx.report(analysis, tmp_path / "items.xlsx", language="en"), sheet_name=None, engine="openpyxl")
    assert list(book) == ["Items", "Findings"]
    first = book["Items"]
    assert first["Item"].tolist()[0] == "q4"
    assert first["What to do"].tolist()[0] == "repair"
    np.testing.assert_allclose(first["Relation"], analysis.item_rest[analysis.by_trouble])


def test_the_page_of_a_calibration_begins_with_its_items(responses: cdx.Responses, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        calibration = cdx.calibrate(responses, model="2PL")
        mine = cdx.quality.items_of(calibration)
        whole = cdx.check_items(responses)
    np.testing.assert_allclose(mine.share, whole.share)
    np.testing.assert_allclose(mine.item_rest, whole.item_rest)
    assert mine.verdicts == whole.verdicts
    assert mine.suspected_keys == whole.suspected_keys
    text = cdx.report(calibration, tmp_path / "page.html", language="en").read_text(encoding="utf-8")
    assert text.index("What to do") < text.index("q4</strong>") < text.index("log-likelihood")
    earlier = json.loads(calibration.to_json())
    del earlier["share"]  # which documents of earlier versions do not have
    old = cdx.Calibration.from_json(json.dumps(earlier))
    assert cdx.quality.items_of(old).verdicts == mine.verdicts
