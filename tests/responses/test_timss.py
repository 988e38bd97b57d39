"""4472 students, 442 items, raw codes: our scores must be those that were published beside them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from competency_dx.responses import Layout, MissingPolicy, Reason, Responses, load_responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from competency_dx.bank import Item, ItemBank

DATA = Path(__file__).parents[2].parent / "shared" / "reference" / "data" / "timss07_g8_rus"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"reference data are not at {DATA}")

MISSING = Layout(person="idstud", missing_codes={"*": {"9": "omitted", "99": "omitted", "6": "not_reached", "96": "not_reached"}})


def _definition(row: dict[str, str], make_item: Callable[..., Item]) -> Item:
    if row["item.type"] == "MC":
        letters = "ABCDE"[: int(row["N.options"])]
        options = {str(k + 1): letter for k, letter in enumerate("ABCDE")}
        assert row["key"] in letters
        return make_item(row["item"], "single", options=options, key=str("ABCDE".index(row["key"]) + 1))
    full = [str(c) for c in range(20, 30)] if row["max.points"] == "2" else []
    scores = {str(c): 1 for c in range(10, 20)} | dict.fromkeys(full, 2)
    rule = {"rule": "map", "scores": scores, "zero": [str(c) for c in range(70, 80)]}
    return make_item(row["item"], "open", scoring=rule)


@pytest.fixture(scope="module")
def timss_bank(make_item: Callable[..., Item], make_bank: Callable[..., ItemBank]) -> ItemBank:
    with (DATA / "items.csv").open(encoding="utf-8") as file:
        return make_bank([_definition(row, make_item) for row in csv.DictReader(file)])


@pytest.fixture(scope="module")
def timss(timss_bank: ItemBank) -> Responses:
    return load_responses(DATA / "responses_raw.csv.gz", bank=timss_bank, layout=MISSING)


def test_every_cell_is_scored_as_published(timss: Responses) -> None:
    published = pd.read_csv(DATA / "responses_scored.csv.gz", index_col="idstud")
    assert timss.persons.tolist() == [str(i) for i in published.index]
    assert list(timss.items) == list(published.columns)
    scores, observed = timss.effective(MissingPolicy(omitted="incorrect", not_reached="incorrect"))
    ours = np.where(observed, scores, np.nan)
    assert ours.size == 1_976_624
    differs = ~((ours == published.to_numpy()) | (np.isnan(ours) & published.isna().to_numpy()))
    assert {i: int(n) for i, n in zip(timss.items, differs.sum(axis=0), strict=True) if n} == {}


def test_reasons_are_those_of_the_codes(timss: Responses) -> None:
    raw = pd.read_csv(DATA / "responses_raw.csv.gz", index_col="idstud", dtype=str).to_numpy()
    assert int((timss.reasons == Reason.OMITTED).sum()) == 3512 + 18344 + 4666
    assert int((timss.reasons == Reason.NOT_REACHED).sum()) == 1112 + 2218 + 481
    assert int((timss.reasons == Reason.NOT_ADMINISTERED).sum()) == int(pd.isna(raw).sum())
    assert int((timss.reasons == Reason.INVALID).sum()) == 0


def test_float_columns_of_a_frame_give_the_same(timss: Responses, timss_bank: ItemBank) -> None:
    frame = pd.read_csv(DATA / "responses_raw.csv.gz", index_col="idstud")
    again = load_responses(frame, bank=timss_bank, layout=Layout(missing_codes=MISSING.missing_codes))
    np.testing.assert_array_equal(again.scores, timss.scores)
    np.testing.assert_array_equal(again.reasons, timss.reasons)
    assert again.persons.tolist() == timss.persons.tolist()
