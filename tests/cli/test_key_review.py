"""A planted wrong key is suspected, its right key suggested, and the corrected bank is the original one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from competency_dx.bank import ItemBank
from competency_dx.calibration import suspected_keys
from competency_dx.responses import load_responses
from competency_dx_demo.region import make_cohort, plant_wrong_key, with_key, write_cohort


@pytest.mark.parametrize("seed", [1, 20])
def test_a_planted_wrong_key_is_found(seed: int, shipped: Callable[[str], ItemBank], tmp_path: Path) -> None:
    bank = shipped("history")
    cohort = make_cohort(bank, 240, np.random.default_rng(seed))
    wrong, planted = plant_wrong_key(cohort)
    assert wrong.item(planted).key != bank.item(planted).key
    assert wrong.digest != bank.digest
    suspected = suspected_keys(load_responses(write_cohort(cohort, tmp_path / "history.csv", "ru"), bank=wrong))
    assert [s.item for s in suspected] == [planted]
    assert suspected[0].p < 0.01
    assert suspected[0].suggestion == bank.item(planted).key
    assert {use.code for use in suspected[0].options} == set(bank.item(planted).options)
    assert sum(use.share for use in suspected[0].options) == pytest.approx(1.0)
    assert max(suspected[0].options, key=lambda use: use.rest).code == suspected[0].suggestion
    assert with_key(wrong, planted, suspected[0].suggestion).digest == bank.digest
