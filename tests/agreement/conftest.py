"""Data and results of R for the tests of agreement, read once; tests skip, saying so, where they are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

SharedFile = Callable[[str], Path]


@pytest.fixture(scope="session")
def results(shared: SharedFile) -> Callable[[str], dict[str, Any]]:
    """What R found in a data set, by the name of the data."""

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(shared(f"{name}.json").read_text(encoding="utf-8"))
        return found

    return read


@pytest.fixture(scope="session")
def table(shared: SharedFile, verbagg: pd.DataFrame) -> Callable[[str], pd.DataFrame]:
    """Scored answers, by the name of the data; categories count from 0."""

    def read(name: str) -> pd.DataFrame:
        if name == "verbagg":
            return verbagg
        if name == "science":
            return pd.read_csv(shared("data/science.csv")) - 1
        if name == "sat12":
            return pd.read_csv(shared("data/sat12_scored.csv"))
        ending = "csv.gz" if name.startswith("between") else "csv"
        return pd.read_csv(shared(f"data/{name}.{ending}"))

    return read
