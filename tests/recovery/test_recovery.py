"""Standard errors and intervals mean what they say (slow: ``pytest -m recovery``)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

MODELS = ("Rasch", "2PL", "PCM", "GPCM", "GRM")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recovery_study", Path(__file__).with_name("study.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study() -> ModuleType:
    return _load()


@pytest.fixture(scope="module", params=MODELS)
def outcome(request: pytest.FixtureRequest, study: ModuleType) -> Any:
    """One hundred replications of 500 persons and 12 items."""
    return study.replicate(request.param)


@pytest.mark.recovery
def test_every_replication_converges(outcome: Any) -> None:
    assert outcome.failures == 0


@pytest.mark.recovery
def test_standard_errors_are_the_spread_of_the_estimates(outcome: Any) -> None:
    """An SD from 100 replications errs by 7 %, the mean ratio over 12 items or more by less than 3 %."""
    for ratio in outcome.ratio:
        assert np.isnan(ratio) or ratio == pytest.approx(1, abs=0.10)


@pytest.mark.recovery
def test_intervals_of_parameters_cover_the_truth(outcome: Any) -> None:
    """1200 intervals or more: binomial SE 0.6 %, more for dependent ones."""
    for coverage in outcome.coverage:
        assert np.isnan(coverage) or 0.92 <= coverage <= 0.98


@pytest.mark.recovery
def test_intervals_of_scores_cover_the_ability(outcome: Any) -> None:
    assert 0.93 <= outcome.scores <= 0.97


@pytest.mark.recovery
def test_estimates_are_nearly_unbiased(outcome: Any) -> None:
    """Bias of maximum likelihood is of order 1 / N: a fifth of the RMSE is generous."""
    for bias, rmse in zip(outcome.bias, outcome.rmse, strict=True):
        assert np.isnan(bias) or abs(bias) < 0.25 * rmse


def test_the_study_itself_runs(study: ModuleType) -> None:
    """Two replications of 200 persons: the table has a row and every number in it is finite."""
    found = study.replicate("GRM", replications=2, persons=200)
    text = study.table([found], 2, 200)
    assert text.count("\n") == 4
    assert "| GRM |" in text
    assert "nan" not in text
