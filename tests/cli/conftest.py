"""Small synthetic cohorts and the files an analyst would have of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from competency_dx.__main__ import main
from competency_dx.bank import load_bank
from competency_dx.cli.demo.cohort import Cohort, make_cohort
from competency_dx.cli.demo.cohort_files import write_cohort


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
def cohort() -> Cohort:
    return make_cohort(load_bank("physics"), 60, np.random.default_rng(5))


@pytest.fixture(scope="session")
def answers(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(cohort, tmp_path_factory.mktemp("answers") / "physics.csv", "ru")
