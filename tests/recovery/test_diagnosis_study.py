"""The joint diagnosis decides enough and its probabilities come true; docs/validation.md has the whole study."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

ERRORS = 3.0  # Monte-Carlo errors a figure may lie beyond its goal


class Parts(NamedTuple):
    """The modules of the study."""

    diagnosis_run: ModuleType
    diagnosis_figures: ModuleType
    diagnosis_conditions: ModuleType
    diagnosis_page: ModuleType


@pytest.fixture(scope="module")
def study() -> Parts:
    here = str(Path(__file__).parent)
    if here not in sys.path:
        sys.path.insert(0, here)
    return Parts(*(importlib.import_module(f"recovery_study.{name}") for name in Parts._fields))


@pytest.mark.recovery
@pytest.mark.parametrize("label", ["48 items", "form of 32", "correlations .5", "two clusters, .8 and .4"])
def test_conclusions_are_as_sure_as_they_say(study: Parts, label: str) -> None:
    """Every goal of the condition is met, but for Monte-Carlo error and the chance part of the ECE of a few persons."""
    (condition,) = [c for c in study.diagnosis_conditions.CONDITIONS if c.label == label]
    run, conditions = study.diagnosis_run, study.diagnosis_conditions
    found = study.diagnosis_figures.figures(run.joined([run.said(condition, name, 40, 25) for name in run.BANKS]))
    goals = dict(conditions.GOALS[condition.kind]) | dict(conditions.DECISIONS.get(label, {}))
    for name, (low, high) in goals.items():
        slack = ERRORS * found[name].error + (0.01 if name in {"ece_clusters", "ece_total"} else 0.0)
        assert low - slack <= found[name].value <= high + slack, (name, found[name])


def test_the_study_of_diagnosis_itself_runs(study: Parts) -> None:
    """Two replicates of five persons on one bank: every figure finite, a row for the condition and one for the bank."""
    run = study.diagnosis_run
    condition = run.Condition(label="a few")
    entries = run.said(condition, "mathematics", 2, 5)
    found = study.diagnosis_figures.figures(entries)
    assert all(np.isfinite(x.value) for name, x in found.items() if name not in {"false", "stated", "excess"})
    assert len(entries.p) == 2 * 5 * 19
    one = found | {"persons": study.diagnosis_figures.Figure(10, 0)}
    text = study.diagnosis_page.section({condition: one}, {"mathematics": found}, "0")
    assert text.count("| a few") == 3
    page = study.diagnosis_page.with_section("# Validation\n\n## Other\n\ntext\n", text)
    assert study.diagnosis_page.section_of(page) == text
    assert study.diagnosis_page.with_section(page, text) == page


def test_a_probability_that_comes_true_has_no_calibration_error(study: Parts) -> None:
    p, deficit = np.array([0.25] * 4 + [0.75] * 4), np.array([1, 0, 0, 0, 1, 1, 1, 0], dtype=bool)
    assert study.diagnosis_figures.calibration_error(p, deficit) == 0
    assert study.diagnosis_figures.calibration_error(p, ~deficit) == pytest.approx(0.5)
    assert study.diagnosis_figures.decided_at(p, deficit, 0.25) == 1.0
    assert study.diagnosis_figures.decided_at(p[3:], deficit[3:], 0.0) == 4 / 5
