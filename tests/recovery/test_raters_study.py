"""Intervals of severities, drifts and persons hold the truth as often as they say; docs/raters.md has the figures."""

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
    return importlib.import_module("raters_study")


@pytest.mark.recovery
@pytest.mark.parametrize("k", range(6))
def test_intervals_hold_the_truth(study: ModuleType, k: int) -> None:
    condition = study.CONDITIONS[k]
    found = study.figures(condition, range(1, 41))
    error = 3 * np.sqrt(0.95 * 0.05 / (40 * condition.experts))
    for name in ("severity", "drift") if condition.drift else ("severity",):
        assert abs(found[name] - 0.95) < 0.01 + error, (condition.name, name)
    assert abs(found["persons"] - 0.95) < 0.015
    assert abs(found["rmse"] / found["se"] - 1) < 0.15
    assert found["theta"] < found["theta_raw"]


def test_the_study_of_experts_itself_runs(study: ModuleType) -> None:
    found = study.figures(study.CONDITIONS[2], range(1, 2))
    assert found["theta"] < found["theta_raw"]
