"""Chosen follow-up items decide more than random ones at the same error; docs/follow_up.md has the whole study."""

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
    return importlib.import_module("follow_up_study")


@pytest.mark.recovery
@pytest.mark.parametrize(("times", "least"), [(1, 1.1), (3, 1.8)])  # shipped banks have little left to choose from
@pytest.mark.parametrize("name", ["mathematics", "physics", "history"])
def test_twelve_chosen_items_decide_more_than_random_ones_at_their_error(
    study: ModuleType, name: str, times: int, least: float
) -> None:
    found = study.counts(name, times, 80)
    chosen, random = found["chosen for each person"], found["random for each person"]
    assert chosen.gained.sum() >= least * random.gained.sum()
    assert chosen.decided.sum() > random.decided.sum()
    share, other = (x.false.sum() / x.decided.sum() for x in (chosen, random))
    assert share - other <= 3 * np.sqrt(other / random.decided.sum())


def test_the_study_of_follow_up_items_itself_runs(study: ModuleType) -> None:
    found = study.counts("history", 1, 1)
    assert all(counts.open.tolist() == found[study.WAYS[0]].open.tolist() for counts in found.values())
    assert all((counts.false <= counts.decided).all() for counts in found.values())
