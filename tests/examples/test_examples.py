"""The examples run and print what they promise."""

from __future__ import annotations

import re
import runpy
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx

ROOT = Path(__file__).parents[2]
TIMSS = ROOT.parent / "shared" / "reference" / "data" / "timss07_g8_rus"
without_timss = pytest.mark.skipif(not TIMSS.is_dir(), reason="the TIMSS reference data are not beside the project")
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs an example in an empty folder, in this process, and returns what it prints."""

    def call(name: str, *arguments: object) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
            runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return call


def test_quickstart(run: Run) -> None:
    assert "P(deficit)" in run("quickstart.py")


def test_regional_cohort(run: Run, tmp_path: Path) -> None:
    run("regional_cohort.py", tmp_path / "out")
    assert list((tmp_path / "out").rglob("index.html"))


def test_calibrate_a_bank(run: Run) -> None:
    """Without a folder: the pictures of its pages are half of its time, and the other examples write pages."""
    printed = run("calibrate_a_bank.py")
    assert printed.count("girth agrees") == 5
    assert "Together the competencies lend one another strength" in printed


# ---------------------------------------------------------------- TIMSS 2007, grade 8, Russia


@without_timss
def test_timss_2007_russia(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parts of the example on all students, and the pages of 25; the whole of it is run with the simulation studies.

    437 of 442 items, mixed formats, booklets: a certified maximum, with finite correlations and standard errors. No other
    program was run on the eight domains; the approximation's own estimate of its error stands for a comparison.
    """
    of: dict[str, Any] = runpy.run_path(str(ROOT / "examples" / "timss_2007_russia.py"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        items = pd.read_csv(TIMSS / "items.csv")
        bank = of["build_bank"](items)
        responses = cdx.load_responses(TIMSS / "responses_raw.csv.gz", bank=bank, layout=of["LAYOUT"])
        of["compare_scores"](responses, pd.read_csv(TIMSS / "responses_scored.csv.gz", index_col="idstud"))
        mathematics = of["calibrate_subject"](bank, responses, "MAT")
        domains = of["calibrate_domains"](bank, responses)
        some = responses.select(persons=responses.persons[:25])
        rule = cdx.DeficitRule(missing=of["AS_PUBLISHED"])
        profiles = cdx.diagnose(some, bank.with_calibration(domains), rule=rule)
        cdx.report(profiles, tmp_path / "students")
    printed = capsys.readouterr().out
    assert "scored cells equal to the published ones: 1,976,624 of 1,976,624" in printed
    assert mathematics.log_likelihood == pytest.approx(-75475.75487705, abs=1e-3)  # R mirt 1.47
    assert mathematics.n_parameters == 450
    assert len(list((tmp_path / "students" / "persons").iterdir())) == 25
    assert_eight_domains(domains, set(bank.leaves.values()))


def assert_eight_domains(found: cdx.Calibration, leaves: set[str]) -> None:
    names = list(found.population.dimensions)
    assert set(names) == leaves
    assert len(names) == 8
    assert len(found.parameters.items) == 437
    assert found.converged
    assert found.certificate.grid_suits
    assert found.certificate.smallest_eigenvalue > 0
    assert found.certificate.theta_error is not None
    assert found.certificate.theta_error < 1e-3
    V = found.population.covariance
    np.testing.assert_allclose(np.diag(V), 1.0)
    assert np.linalg.eigvalsh(V).min() > 0.01
    off = V[np.triu_indices(8, 1)]
    assert off.min() > 0.5
    assert off.max() < 0.95
    assert np.isfinite(found.standard_errors).all()
    assert found.population_frame()["se"].between(0.001, 0.05).all()
    mathematics = [k for k, name in enumerate(names) if name.startswith("MAT")]
    science = [k for k, name in enumerate(names) if name.startswith("SCI")]
    within = V[np.ix_(mathematics, mathematics)][np.triu_indices(4, 1)]
    assert within.mean() > V[np.ix_(mathematics, science)].mean()


@without_timss
@pytest.mark.recovery  # a minute: both subjects by plain likelihood, all students diagnosed, two reports
def test_the_whole_of_timss_2007_russia(run: Run, tmp_path: Path) -> None:
    printed = run("timss_2007_russia.py", TIMSS, tmp_path / "out")
    assert "scored cells equal to the published ones: 1,976,624 of 1,976,624" in printed
    assert re.search(r"log-likelihood -75475\.7\d+, 450 parameters", printed)
    assert "8 domains calibrated together" in printed
    for domain in ("NUMBER", "ALGEBRA", "GEOMETRY", "DATA", "EARTH", "CHEMISTRY", "PHYSICS"):
        assert re.search(rf"\.{domain}\s+\d+", printed)
    assert (tmp_path / "out" / "cohort.html").is_file()
    assert len(list((tmp_path / "out" / "students" / "persons").iterdir())) == 25
