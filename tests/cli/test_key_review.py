"""A planted wrong key is suspected, its right key suggested, and the corrected bank is the original one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from competency_dx.bank import load_bank
from competency_dx.calibration import calibrate
from competency_dx.cli.demo.cohort import make_cohort
from competency_dx.cli.demo.cohort_files import write_cohort
from competency_dx.cli.demo.key_review import key_doubts, plant_wrong_key, with_key
from competency_dx.errors import CompetencyDxWarning
from competency_dx.responses import load_responses


@pytest.mark.parametrize("seed", [0, 1, 20])
def test_a_planted_wrong_key_is_found(seed: int, tmp_path: Path) -> None:
    bank = load_bank("history")
    cohort = make_cohort(bank, 240, np.random.default_rng(seed))
    path = write_cohort(cohort, tmp_path / "history.csv", "ru")
    wrong, planted = plant_wrong_key(cohort)
    assert wrong.item(planted).key != bank.item(planted).key
    assert wrong.digest != bank.digest
    data = load_responses(path, bank=wrong)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        found = calibrate(data, model="PCM", bank=wrong)
    doubt = next(d for d in key_doubts(found.findings, data, wrong) if d.item == planted)
    assert doubt.key == wrong.item(planted).key
    assert doubt.suggestion == bank.item(planted).key
    assert sum(use.share for use in doubt.options) == pytest.approx(1.0)
    best = max(doubt.options, key=lambda use: use.rest)
    assert best.code == doubt.suggestion
    assert with_key(wrong, planted, doubt.suggestion).digest == bank.digest
