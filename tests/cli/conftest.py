"""Small synthetic cohorts and the files an analyst would have of them; banks are read once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import competency_dx_demo as demo_run
from competency_dx import reports
from competency_dx.__main__ import main
from competency_dx.bank import ItemBank, load_bank, save_bank
from competency_dx.result import Result
from competency_dx_demo.region import RegionCohort, asked_items, make_cohort, write_cohort

Shipped = Callable[[str], ItemBank]


@pytest.fixture(scope="session")
def shipped() -> Shipped:
    """Return a bank by name or folder; each is read once."""
    return cache(load_bank)


def plain_report(result: Result, folder: Path, *, language: str, show: str = "persons") -> Path:
    """Write the document and no pages."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("profiles.json" if result.kind == "deficit_profiles" else "result.json")).write_bytes(result.to_json().encode())
    return folder


@pytest.fixture
def without_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands and demo write documents instead of reports, whose pages take most of the time."""
    monkeypatch.setattr(reports, "report", plain_report)
    monkeypatch.setattr(demo_run, "report", plain_report)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the program in this process and return exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture(scope="session")
def cohort(shipped: Shipped) -> RegionCohort:
    return make_cohort(shipped("physics"), 40, np.random.default_rng(5))


@pytest.fixture(scope="session")
def asked(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bank whose items are all in a form: a reserve has no answers and cannot be calibrated."""
    return save_bank(asked_items(shipped("physics")), tmp_path_factory.mktemp("banks") / "physics")


@pytest.fixture(scope="session")
def answers(cohort: RegionCohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(cohort, tmp_path_factory.mktemp("answers") / "physics.csv", "ru")
