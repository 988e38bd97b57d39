"""Curves as data: probabilities, expected scores and information of every family; pictures that say what they show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.special import expit

import competency_dx as cdx
from competency_dx.errors import CalibrationError


@pytest.fixture(scope="module")
def found() -> cdx.Calibration:
    rng = np.random.default_rng(1)
    theta, a = rng.normal(size=(900, 1, 1)), rng.uniform(0.9, 1.6, (6, 1))
    steps = (rng.random((900, 6, 1)) < expit(a * (theta - np.array([-0.6, 0.7])))).sum(axis=2)
    data = pd.DataFrame(steps, columns=[f"s{k}" for k in range(6)])
    data["s6"] = (rng.random(900) < 0.2 + 0.8 * expit(theta[:, 0, 0])).astype(int)
    model = dict.fromkeys(data.columns, "GPCM") | {"s1": "GRM", "s2": "NRM", "s6": "3PL"}
    return cdx.calibrate(data, model=model)


def test_curves_are_probabilities_with_expected_scores_and_information(found: cdx.Calibration) -> None:
    """Information is Σ_k P_k'² / P_k: here by central differences of the probabilities in the frame."""
    h = 1e-4
    at = np.array([-1.5, 0.0, 0.8])
    grid = np.sort(np.concatenate([at - h, at, at + h]))
    frame = found.curves(theta=grid)
    for item, own in frame.groupby("item"):
        wide = own.pivot_table(index="theta", columns="category", values="probability").to_numpy()
        np.testing.assert_allclose(wide.sum(axis=1), 1, atol=1e-12)
        each = own.drop_duplicates("theta").sort_values("theta")
        np.testing.assert_allclose(each["expected"], wide @ np.arange(wide.shape[1]), atol=1e-12)
        slope = (wide[2::3] - wide[0::3]) / (2 * h)
        np.testing.assert_allclose(
            each["information"].to_numpy()[1::3], (slope**2 / wide[1::3]).sum(axis=1), rtol=1e-5, err_msg=str(item)
        )


def test_some_items_can_be_chosen_and_unknown_ones_are_named(found: cdx.Calibration) -> None:
    assert set(found.curves(items=["s6", "s1"])["item"]) == {"s6", "s1"}
    with pytest.raises(CalibrationError, match="nobody"):
        found.curves(items=["nobody"])


@pytest.mark.parametrize("kind", ["difficulty", "curves", "categories", "information", "item_information", "wright"])
def test_every_picture_has_a_title_and_named_axes(kind: str, found: cdx.Calibration) -> None:
    figure = found.plot(kind)
    text = " ".join(t.get_text() for t in figure.findobj(Text) if isinstance(t, Text))
    assert "θ" in text or "logits" in text
    assert len(text) > 20
