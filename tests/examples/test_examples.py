"""The examples run and print what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMSS = ROOT.parent / "shared" / "reference" / "data" / "timss07_g8_rus"


def run(name: str, *arguments: object, cwd: Path) -> str:
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart(tmp_path: Path) -> None:
    assert "P(deficit)" in run("quickstart.py", cwd=tmp_path)


def test_regional_cohort(tmp_path: Path) -> None:
    run("regional_cohort.py", tmp_path / "out", cwd=tmp_path)
    assert list((tmp_path / "out").rglob("index.html"))


def test_calibrate_a_bank(tmp_path: Path) -> None:
    """Without a folder: the pictures of its pages are half of its time, and the other examples write pages."""
    printed = run("calibrate_a_bank.py", cwd=tmp_path)
    assert printed.count("girth agrees") == 5
    assert "Together the competencies lend one another strength" in printed


@pytest.mark.skipif(not TIMSS.is_dir(), reason="the TIMSS reference data are not beside the project")
def test_timss_2007_russia(tmp_path: Path) -> None:
    printed = run("timss_2007_russia.py", TIMSS, tmp_path / "out", cwd=tmp_path)
    assert "scored cells equal to the published ones: 1,976,624 of 1,976,624" in printed
    found = re.search(r"log-likelihood (-[\d.]+), 450 parameters", printed)
    assert found is not None
    assert (
        abs(float(found.group(1)) + 75475.75487705) < 0.01
    )  # R mirt 1.47; the data support 1e-5, the printout three digits
    assert "8 domains calibrated together" in printed
    for domain in ("NUMBER", "ALGEBRA", "GEOMETRY", "DATA", "EARTH", "CHEMISTRY", "PHYSICS"):
        assert re.search(rf"\.{domain}\s+\d+", printed)
    assert (tmp_path / "out" / "cohort.html").is_file()
    assert len(list((tmp_path / "out" / "students" / "persons").iterdir())) == 25
