"""False alarms keep their rate, items that differ are found, deficit rates come nearer the truth; docs/dif.md has the study."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def study() -> ModuleType:
    here = str(Path(__file__).parent)
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module("dif_study")


@pytest.mark.recovery
def test_false_alarms_keep_their_rate(study: ModuleType) -> None:
    found = study.counts(study.Condition((500, 500), 1, "2PL", differ=False), 50)
    assert 0.03 < found.significant[:, :, 0].mean() < 0.07
    assert found.moderate.mean() < 0.01


@pytest.mark.recovery
def test_items_that_differ_are_found_and_deficit_rates_come_nearer_the_truth(study: ModuleType) -> None:
    found = study.counts(study.Condition((1000, 1000), 1, "2PL", differ=True), 30)
    assert found.significant[:, study.DIFFERENT, 0].mean() > 0.8
    assert found.moderate[:, ~study.DIFFERENT].mean() < 0.02
    same, freed = np.abs((found.error[:, :, 1] - found.error[:, :, 0]).mean(axis=0))
    assert freed < 0.6 * same


def test_the_study_of_items_that_differ_itself_runs(study: ModuleType) -> None:
    found = study.counts(study.Condition((100, 100), 1, "Rasch", differ=True), 1)
    assert found.significant.shape == (1, study.I, 4)
    assert study.row(study.Condition((100, 100), 1, "Rasch", differ=True), found).startswith("| 100 + 100 | Rasch |")
