"""Alpha and item-rest correlations agree with R psych 2.2.9."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx


@pytest.mark.parametrize("name", ["lsat7", "science", "sat12"])
def test_alpha_and_item_rest(name: str, table: Callable[[str], pd.DataFrame], results: Callable[[str], dict[str, Any]]) -> None:
    expected = results("dimensionality")[name]["alpha"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        found = cdx.check_items(table(name))
    assert found.alpha == pytest.approx(expected["raw"], abs=1e-9)
    np.testing.assert_allclose(found.alpha_without, expected["alpha_if_dropped"], atol=1e-9)
    np.testing.assert_allclose(found.item_rest, expected["item_rest_r"], atol=1e-9)
