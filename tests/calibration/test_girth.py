"""A second opinion from girth (its default quadrature has 41 points on ±4.5): 2PL and GRM on simulated data.

girth stops when slopes move by less than 1e-3, so estimates may differ by a hundredth: a fifth of an SE.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import competency_dx as cdx

Floats = NDArray[np.float64]
SHARE_OF_SE = 0.2


def girth(function: str, answers: NDArray[np.int64]) -> dict[str, Any]:
    """Call a function of girth, whose own warnings are not the matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import girth as library

        found: dict[str, Any] = getattr(library, function)(answers)
    return found


@pytest.fixture(scope="module")
def theta() -> Floats:
    return np.random.default_rng(40).normal(size=1500)


def test_two_parameter_model_agrees_with_girth(theta: Floats) -> None:
    rng = np.random.default_rng(41)
    a, b = rng.uniform(0.7, 1.6, 10), np.linspace(-1.5, 1.5, 10)
    answers = (rng.random((1500, 10)) < 1 / (1 + np.exp(-a * (theta[:, None] - b)))).astype(np.int64)
    expected = girth("twopl_mml", answers.T)
    found = cdx.calibrate(answers, model="2PL", priors=None).to_frame()
    assert (np.abs(found["a"] - expected["Discrimination"]) / found["se_a"]).max() < SHARE_OF_SE
    assert (np.abs(found["b"] - expected["Difficulty"]) / found["se_b"]).max() < SHARE_OF_SE


def test_graded_model_agrees_with_girth(theta: Floats) -> None:
    rng = np.random.default_rng(42)
    a, b = rng.uniform(0.9, 1.8, (6, 1)), np.linspace(-1, 1, 3) + rng.uniform(-0.4, 0.4, (6, 1))
    star = 1 / (1 + np.exp(-a * (theta[:, None, None] - b)))
    answers = (rng.random((1500, 6, 1)) < star).sum(axis=2)
    expected = girth("grm_mml", answers.T + 1)
    found = cdx.calibrate(answers, model="GRM", priors=None).to_frame()
    assert (np.abs(found["a"] - expected["Discrimination"]) / found["se_a"]).max() < SHARE_OF_SE
    for k in range(3):
        difference = np.abs(found[f"b{k + 1}"] - expected["Difficulty"][:, k]) / found[f"se_b{k + 1}"]
        assert difference.max() < SHARE_OF_SE
