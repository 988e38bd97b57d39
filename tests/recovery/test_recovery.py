"""Standard errors and intervals mean what they say (slow: ``pytest -m recovery``); docs/validation.md has the whole study."""

from __future__ import annotations

import importlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

ERRORS = 3.0  # Monte-Carlo errors a figure may lie beyond its goal
CHECKED = (
    ("families", "Rasch", 500, None),
    ("families", "2PL", 500, None),
    ("families", "GRM", 500, None),
    ("families", "NRM", 2000, None),
    ("families", "2PLNRM", 2000, None),
    ("families", "2PL + GPCM + GRM + NRM", 500, None),
    ("asymptotes", "3PL, asymptotes from the prior", 2000, "weak"),
    ("booklets", "GPCM, three booklets", 500, None),
    ("correlations", "3 competencies × 8, 2PL, a quarter missing by design", 1000, None),
    ("regression", "Rasch on two covariates", 500, None),
    ("groups", "2PL, two groups", 500, None),
    ("survey", "2PL, informative weights", 1000, None),
    ("survey", "40 schools, clusters", 1000, None),
)
REPLICATIONS = 60


class Parts(NamedTuple):
    """The modules of the study."""

    run: ModuleType
    report: ModuleType
    studies: ModuleType


@pytest.fixture(scope="module")
def study() -> Parts:
    here = str(Path(__file__).parent)
    if here not in sys.path:
        sys.path.insert(0, here)
    return Parts(*(importlib.import_module(f"recovery_study.{name}") for name in Parts._fields))


def _design(study: Parts, name: str, label: str, persons: int, priors: str | None) -> Any:
    designs = study.studies.studies()[name].designs
    (found,) = [d for d in designs if (d.label, d.persons, d.priors) == (label, persons, priors)]
    return found


@pytest.mark.recovery
@pytest.mark.parametrize("cell", CHECKED, ids=lambda cell: f"{cell[1]} {cell[2]}")
def test_standard_errors_and_intervals_mean_what_they_say(study: Parts, cell: tuple[str, str, int, str | None]) -> None:
    """Mean SE within 5 % of the SD of the estimates and coverage within 93 to 97 %, but for Monte-Carlo error."""
    design = _design(study, *cell)
    done = [study.run.replicate(design, r) for r in range(REPLICATIONS)]
    assert [r.status for r in done] == ["converged"] * REPLICATIONS
    for row in study.run.pooled(design, done):
        ratio, coverage = row.ratio, row.coverage
        assert 0.93 - ERRORS * coverage[1] <= coverage[0] <= 0.97 + ERRORS * coverage[1], (row.kind, coverage)
        if row.kind != study.run.ABILITY:
            assert abs(ratio[0] - 1) <= 0.05 + ERRORS * ratio[1], (row.kind, ratio)


def test_verdicts_take_the_error_into_account(study: Parts) -> None:
    design = _design(study, "families", "2PL", 500, None)
    row = study.run.pooled(design, [study.run.replicate(design, r) for r in range(4)])[0]

    def said(ratio: float, coverage: float) -> str:
        """Errors are 0.02 and 1 point."""
        figures = row.__class__.__dataclass_fields__
        values = {name: getattr(row, name) for name in figures} | {"ratio": (ratio, 0.02), "coverage": (coverage, 0.01)}
        return str(study.report.verdict(row.__class__(**values)))

    assert said(1.0, 0.95) == "met"
    assert said(0.92, 0.95) == said(1.0, 0.98) == "met within error"
    assert said(0.90, 0.95) == said(1.0, 0.90) == "too narrow"
    assert said(1.10, 0.95) == said(1.0, 1.0) == "too wide"


@pytest.mark.recovery
def test_every_parameter_of_every_design_has_a_truth(study: Parts, quiet: Callable[[], Any]) -> None:
    """The names a calibration gives its parameters are those of the truths, none missing and none too many."""
    from recovery_study.design import calibrated

    for one in study.studies.studies().values():
        for design in one.designs:
            if design.persons > 1000 or one.name == "long":
                continue
            data = design.draw(design.generator(0), design.persons)
            with quiet():
                found = calibrated(design, data)
            assert sorted(found.parameter_names) == sorted(data.truth), design.label


@pytest.mark.recovery
def test_figures_do_not_depend_on_the_number_of_workers(study: Parts) -> None:
    one, two = (
        study.report.table([row for _, rows in study.run.run(["booklets"], divisor=50, workers=n) for row in rows]) for n in (0, 2)
    )
    assert one == two


def test_the_study_itself_runs(study: Parts) -> None:
    """Four replications of 200 persons: a row for each kind of parameter, every figure finite, and a page around them."""
    design = _design(study, "families", "RSM", 200, None)
    rows = study.run.pooled(design, [study.run.replicate(design, r) for r in range(4)])
    assert [row.kind for row in rows] == ["d", "t", "variance", study.run.ABILITY]
    for row in rows:
        assert all(map(math.isfinite, (row.bias, row.rmse, *row.ratio, *row.coverage)))
    text = study.report.page(study.studies.studies(), {"families": rows}, "0")
    assert text.count("| RSM | 200 |") == 4


def test_runs_that_fail_stay_in_the_tables(study: Parts) -> None:
    """A replication without a result counts as not converged and leaves the figures of the others as they are."""
    design = _design(study, "families", "Rasch", 200, None)
    done = [study.run.replicate(design, r) for r in range(4)]
    lost = done[0]._replace(status="not converged", estimates=done[0].estimates * np.nan, ability=done[0].ability * np.nan)
    with_lost, without = study.run.pooled(design, [*done, lost]), study.run.pooled(design, done)
    assert [row.unconverged for row in with_lost] == [1] * len(without)
    assert [row.coverage for row in with_lost] == [row.coverage for row in without]
    assert [row.ratio for row in with_lost] == [row.ratio for row in without]


def test_every_study_can_be_started_by_itself() -> None:
    program = """\
import runpy, sys
for study in sys.argv[1:]:
    before, known = [*sys.path], {*sys.modules}
    sys.path.insert(0, study.rpartition("/")[0])
    runpy.run_path(study, run_name="imported")
    for name in {*sys.modules} - known:
        if "/tests/" in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    sys.path[:] = before
"""
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": str(here.parents[1] / "examples")}
    studies = [path.as_posix() for path in sorted(here.glob("*study.py")) if not path.name.startswith("test_")]
    done = subprocess.run([sys.executable, "-c", program, *studies], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
