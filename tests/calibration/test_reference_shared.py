"""Calibrations against R mirt and R TAM on data that may not be copied into this repository (../shared/reference)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx

SharedFile = Callable[[str], Path]
MATHEMATICS = ("Number", "Algebra", "Geometry", "Data and Chance")


class Timss(NamedTuple):
    """Answers of the Russian sample of TIMSS 2007, grade 8, to the mathematics items, with what R found."""

    scores: pd.DataFrame
    mirt: dict[str, Any]


@pytest.fixture(scope="module")
def timss(shared: SharedFile) -> Timss:
    folder = shared("data/timss07_g8_rus")
    items = pd.read_csv(folder / "items.csv")
    table = pd.read_csv(folder / "responses_scored.csv.gz")
    found = json.loads(shared("timss07_g8_rus_math.json").read_text(encoding="utf-8"))
    scores = table[list(items["item"][items["content"].isin(MATHEMATICS)])]
    varied = scores.loc[:, scores.nunique() > 1]  # one item was answered alike by all and left out in R too
    return Timss(varied.set_axis(table["idstud"].astype(str), axis=0), found["mirt_2PL_GPCM"])


@pytest.fixture(scope="module")
def gpcm(timss: Timss) -> cdx.Calibration:
    return cdx.calibrate(timss.scores, model="GPCM", priors=None)


def _expected(timss: Timss) -> pd.DataFrame:
    return pd.DataFrame(timss.mirt["items"]).set_index("item")


def test_science_agrees_with_mirt(shared: SharedFile) -> None:
    """Four items, graded; mirt's own SE of the slope of Future is loose by 5e-4, it has the flattest likelihood."""
    expected = json.loads(shared("science.json").read_text(encoding="utf-8"))["graded"]
    data = pd.read_csv(shared("data/science.csv")) - 1
    found = cdx.calibrate(data, model="GRM", priors=None)
    frame = found.to_frame()
    assert found.log_likelihood == pytest.approx(expected["loglik"], abs=1e-4)
    for name, at in (("a", "a1"), ("d1", "d1"), ("d2", "d2"), ("d3", "d3")):
        np.testing.assert_allclose(frame[name], expected["items"][at], atol=3e-5)
        se = [expected["se"][item][at] for item in frame["item"]]
        np.testing.assert_allclose(frame[f"se_{name}"], se, rtol=1e-3)
    for method in (cdx.EAP(), cdx.MAP(), cdx.ML(), cdx.WLE()):
        theirs = np.array(expected[f"scores_{type(method).__name__}"]["theta"], dtype=float)
        finite = np.isfinite(theirs)
        ours = cdx.score(data, found, method=method).theta[: len(theirs), 0]
        np.testing.assert_allclose(ours[finite], theirs[finite], atol=2e-5)


def test_timss_log_likelihood_and_parameters_agree_with_mirt(timss: Timss, gpcm: cdx.Calibration) -> None:
    """214 items in booklets, 4471 persons, 450 parameters; mirt stopped at TOL 1e-5 on 61 points."""
    expected = _expected(timss)
    frame = gpcm.to_frame().set_index("item").loc[expected.index]
    binary = expected["d"].notna().to_numpy()
    assert gpcm.log_likelihood == pytest.approx(-75475.75487705, abs=0.01)
    assert gpcm.n_parameters == timss.mirt["n_par"] == 450
    np.testing.assert_allclose(frame["a"], expected["a1"].astype(float), atol=1e-3)
    np.testing.assert_allclose(frame["d"][binary], expected["d"][binary].astype(float), atol=1e-3)
    steps = np.cumsum(frame[["d1", "d2"]][~binary].to_numpy(), axis=1)
    np.testing.assert_allclose(steps, expected[["d1", "d2"]][~binary].astype(float), atol=2e-3)


def test_timss_standard_errors_agree_with_mirt(timss: Timss, gpcm: cdx.Calibration) -> None:
    expected = pd.DataFrame(timss.mirt["se"]).T.astype(float)
    frame = gpcm.to_frame().set_index("item").loc[expected.index]
    binary = expected["d"].notna().to_numpy()
    np.testing.assert_allclose(frame["se_a"], expected["a1"], rtol=0.01)
    np.testing.assert_allclose(frame["se_d"][binary], expected["d"][binary], rtol=0.01)


def test_timss_scores_agree_with_mirt(timss: Timss, gpcm: cdx.Calibration) -> None:
    expected = timss.mirt["EAP"]
    scores = cdx.score(timss.scores, gpcm)
    frame = scores.to_frame().set_index("person").loc[[str(i) for i in expected["idstud"]]]
    np.testing.assert_allclose(frame["theta"], expected["theta"], atol=1e-3)
    np.testing.assert_allclose(frame["se"], expected["se"], atol=1e-3)
    assert scores.reliability[0] == pytest.approx(timss.mirt["empirical_rxx"], abs=1e-5)
