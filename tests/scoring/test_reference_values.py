"""Person estimates against R mirt 1.47, each method on the first 40 persons of the published data.

Estimates differ by what the item parameters differ by (about 1e-5) and by where mirt's root search stopped (1e-4 in
the standard errors of ML). mirt writes an infinite ML estimate as null; here it ends on the bound, which has tests of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.models import expected_scores, score_information
from competency_dx.scoring import Method

Reference = Callable[[str], dict[str, Any]]
Data = Callable[[str], pd.DataFrame]
Fitted = Callable[[str, str], cdx.Calibration]
THETA, SE = 5e-5, 1.2e-4
SHOWN = 40  # persons in the files of reference
METHODS: dict[str, Method] = {"EAP": cdx.EAP(), "MAP": cdx.MAP(), "ML": cdx.ML(), "WLE": cdx.WLE()}


def assert_same_scores(found: cdx.Scores, expected: dict[str, list[float | None]], *, with_se: bool) -> None:
    theta, se = (np.array(expected[k], dtype=float) for k in ("theta", "se"))
    finite = np.isfinite(theta) & (np.abs(theta) < 6)
    assert finite.sum() >= 25
    n = len(theta)
    np.testing.assert_allclose(found.theta[:n, 0][finite], theta[finite], atol=THETA)
    if with_se:
        np.testing.assert_allclose(found.se[:n, 0][finite], se[finite], atol=SE)


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("model", ["Rasch", "2PL"])
@pytest.mark.parametrize("name", ["lsat6", "lsat7"])
def test_lsat_scores_agree_with_mirt(name: str, model: str, method: str, lsat: Data, fitted: Fitted, reference: Reference) -> None:
    expected = reference(name)[model]
    found = cdx.score(lsat(name), fitted(name, model), method=METHODS[method])
    assert_same_scores(found, expected["scores"][method], with_se=method != "WLE")
    if method == "EAP":
        assert found.reliability[0] == pytest.approx(expected["reliability_EAP"], abs=1e-5)


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("model", ["2PL", "PCM", "GPCM", "GRM"])
def test_verbagg_scores_agree_with_mirt(model: str, method: str, verbagg: pd.DataFrame, fitted: Fitted, reference: Reference) -> None:
    data = (verbagg > 0).astype(int) if model == "2PL" else verbagg
    found = cdx.score(data.head(SHOWN), fitted("verbagg", model), method=METHODS[method])
    assert_same_scores(found, reference("verbagg")[model]["scores"][method], with_se=method != "WLE")


@pytest.mark.parametrize("method", list(METHODS))
def test_bfi_scores_agree_with_mirt(method: str, bfi: Data, fitted: Fitted, reference: Reference) -> None:
    found = cdx.score(bfi("N").head(SHOWN), fitted("N", "GRM"), method=METHODS[method])
    assert_same_scores(found, reference("bfi")["N"]["scores"][method], with_se=method != "WLE")


@pytest.mark.parametrize("name", ["lsat6", "lsat7"])
def test_sum_score_table_agrees_with_mirt(name: str, lsat: Data, fitted: Fitted, reference: Reference) -> None:
    """EAP for sum scores 0 … 5 of the 2PL (mirt: fscores(method = "EAPsum"))."""
    data, expected = lsat(name), reference(name)["EAPsum_2PL"]
    calibration = fitted(name, "2PL")
    ladder = pd.DataFrame(np.tri(6, 5, -1, dtype=int), columns=data.columns)
    found = cdx.score(ladder, calibration, method=cdx.SumScore())
    np.testing.assert_allclose(found.theta[:, 0], expected["theta"], atol=THETA)
    np.testing.assert_allclose(found.se[:, 0], expected["se"], atol=THETA)


def test_wle_error_is_that_of_warm_and_not_of_mirt(verbagg: pd.DataFrame, fitted: Fitted, reference: Reference) -> None:
    """Warm's SE is 1 / sqrt(I); mirt adds the curvature of the bias term, so it differs by up to 0.03 here."""
    calibration = fitted("verbagg", "GPCM")
    found = cdx.score(verbagg, calibration, method=cdx.WLE())
    theta, h = found.theta[:, 0], 1e-4
    information = score_information(calibration.parameters, theta).sum(axis=0)
    slope = (expected_scores(calibration.parameters, theta + h) - expected_scores(calibration.parameters, theta - h)) / (2 * h)
    by_hand = (calibration.parameters.slope[:, None] * slope).sum(axis=0)  # GPCM: I = a² Var X = a ∂E X/∂θ
    np.testing.assert_allclose(information, by_hand, rtol=1e-6)
    np.testing.assert_allclose(found.se[:, 0], 1 / np.sqrt(by_hand), rtol=1e-6)
    theirs = np.array(reference("verbagg")["GPCM"]["scores"]["WLE"]["se"])
    assert 1e-3 < np.abs(found.se[:40, 0] - theirs).max() < 0.05
