"""The ledger: what changed is named part by part, a scale keeps its name, keys and scales of two versions are not mixed in silence."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import competency_dx as cdx
from competency_dx.bank import ledger_of
from competency_dx.display import code_word
from competency_dx.errors import CompetencyDxWarning

BANK = cdx.load_bank("physics")


def quietly(verb: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return verb()


def changed(item: str, **fields: object) -> cdx.ItemBank:
    items = tuple(i.model_copy(update=fields) if i.id == item else i for i in BANK.items)
    return replace(BANK, items=items)


def harder() -> cdx.ItemBank:
    first = BANK.parameters[0]
    other = first.model_copy(update={"b": tuple(b + 1 for b in first.b)})
    return replace(BANK, parameters=(other, *BANK.parameters[1:]))


def parts(new: cdx.ItemBank) -> set[tuple[str, str]]:
    table = ledger_of(new).changes(ledger_of(BANK))
    assert (table["before"] != table["after"]).all()
    return set(zip(table["item"], table["part"], strict=True))


SINGLE = next(i for i in BANK.items if i.type == "single")


def test_each_change_is_of_its_part() -> None:
    other_key = next(code for code in SINGLE.options if code != SINGLE.key and code not in SINGLE.misconception_codes)
    assert len(ledger_of(BANK).changes(ledger_of(BANK))) == 0
    assert parts(changed(SINGLE.id, stem="…")) == {(SINGLE.id, "content")}
    assert (SINGLE.id, "key") in parts(changed(SINGLE.id, key=other_key, misconceptions={}, misconception_codes={}))
    assert parts(changed(SINGLE.id, source="…")) == {(SINGLE.id, "notes")}
    assert parts(harder()) == {("", "epoch"), (BANK.parameters[0].item, "parameters")}
    header = BANK.header.model_copy(update={"version": "99.0"})
    assert parts(replace(BANK, header=header)) == {("", "bank")}


def test_a_ledger_is_told_in_one_line_and_its_parts_have_russian_names() -> None:
    assert len(str(ledger_of(BANK))) < 120
    every = {"bank", "framework", "epoch", *next(iter(ledger_of(BANK).items.values()))}
    assert not [part for part in every if code_word("part", part, "ru") == part]


def test_a_calibration_that_holds_items_keeps_the_scale_and_one_that_holds_none_begins_another() -> None:
    items = [r.item for r in BANK.parameters if len(r.b) == 1][:20]
    whole = replace(BANK, parameters=tuple(r for r in BANK.parameters if r.item in items))
    answers = quietly(lambda: cdx.simulate(whole, 400, rng=np.random.default_rng(3)).select(items=items))
    anchors = replace(whole, parameters=whole.parameters[:10])
    held = quietly(lambda: whole.with_calibration(cdx.calibrate(answers, model="2PL", bank=BANK, anchors=anchors), date="2026-01-01"))
    fresh = quietly(lambda: whole.with_calibration(cdx.calibrate(answers, model="2PL", bank=BANK), date="2026-01-01"))
    assert held.epoch == whole.epoch != fresh.epoch
    assert cdx.ItemBank.from_json(held.to_json()).epoch == held.epoch
    assert BANK.digest == cdx.load_bank("physics").digest  # a bank whose header names no scale has the digest it had


def test_answers_scored_with_other_keys_are_said_to_be() -> None:
    other_key = next(code for code in SINGLE.options if code != SINGLE.key)
    corrected = changed(SINGLE.id, key=other_key, misconceptions={}, misconception_codes={})
    ids = [i.id for i in BANK.items if i.type == "single"]
    table = [{"person": "a"} | {i: next(iter(BANK.item(i).options)) for i in ids}]
    data = quietly(lambda: cdx.load_responses(table, bank=BANK, layout=cdx.Layout(cells="raw")))
    with pytest.warns(CompetencyDxWarning, match="scored with the keys"):
        scores = cdx.score(data, corrected)
    assert "persons.other_keys" in {f.code for f in scores.findings}
    assert "persons.other_keys" not in {f.code for f in quietly(lambda: cdx.score(data, BANK)).findings}
    assert "persons.other_keys" not in {f.code for f in quietly(lambda: cdx.score(data.select(items=ids[:5]), harder())).findings}


def test_a_population_of_another_scale_is_said_to_be() -> None:
    data = quietly(lambda: cdx.simulate(BANK, 30, rng=np.random.default_rng(3)))
    profiles = quietly(lambda: cdx.diagnose(data, BANK))
    again = quietly(lambda: cdx.diagnose(data, BANK, population=profiles.population))
    other = quietly(lambda: cdx.diagnose(data, harder(), population=profiles.population))
    assert profiles.population.epoch == profiles.provenance.inputs["epoch"] == BANK.epoch
    assert "competencies.other_epoch" not in {f.code for f in again.findings}
    assert "competencies.other_epoch" in {f.code for f in other.findings}
    restored = cdx.DeficitProfiles.from_json(profiles.to_json())
    assert restored.population.epoch == BANK.epoch
    np.testing.assert_array_equal(restored.answers().scores, profiles.points)
