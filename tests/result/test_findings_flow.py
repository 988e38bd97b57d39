"""What is weak in the data is said once, reaches every later result, and travels with errors between processes."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx import errors
from competency_dx.quality import cross_check
from competency_dx.result import decode, encode
from competency_dx.scoring import plausible_values, reliability

Verb = Callable[[cdx.Responses, Any], Any]
VERBS: dict[str, Verb] = {
    "score": cdx.score,
    "plausible_values": lambda data, made: plausible_values(data, made, n=2, rng=np.random.default_rng(1)),
    "reliability": lambda data, made: reliability(made, responses=data),
    "cross_check": lambda data, made: cross_check(made, data),
}


def announced(run: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return a result and the Python warnings of this library on the way there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = run()
    return out, [str(w.message) for w in caught if issubclass(w.category, cdx.CompetencyDxWarning)]


@pytest.fixture(scope="module")
def weak() -> tuple[cdx.Responses, Any, list[str]]:
    """Answers of 150 persons with an unreadable cell and an empty row, their 2PL calibration, and its warnings."""
    rng = np.random.default_rng(3)
    p = 1 / (1 + np.exp(-(rng.normal(size=(150, 1)) - np.linspace(-1.5, 1.5, 8))))
    points = (rng.random(p.shape) < p).astype(float)
    points[3] = np.nan
    table = pd.DataFrame(points, columns=[f"item{k}" for k in range(1, 9)], index=[f"{k}" for k in range(1, 151)])
    table = table.astype(object)
    table.iloc[5, 2] = "X"
    data, said = announced(lambda: cdx.load_responses(table))
    assert len(said) == 1
    made, later = announced(lambda: cdx.calibrate(data, model="2PL"))
    return data, made, [*said, *later]


def keys(result: Any) -> list[tuple[str, tuple[str, ...]]]:
    return [(f.code, f.scope) for f in result.findings]


def test_a_calibration_carries_what_was_said_of_its_responses(weak: tuple[cdx.Responses, Any, list[str]]) -> None:
    data, made, said = weak
    assert data.findings
    assert set(data.findings) < set(made.findings)
    assert len(said) == len(set(said)) == 2


@pytest.mark.parametrize("name", VERBS)
def test_findings_of_inputs_reach_the_result_once(name: str, weak: tuple[cdx.Responses, Any, list[str]]) -> None:
    data, made, said = weak
    found, later = announced(lambda: VERBS[name](data, made))
    assert set(made.findings) <= set(found.findings)
    assert len(keys(found)) == len(set(keys(found)))
    assert not set(later) & set(said)
    assert len(later) == len(set(later))


def test_a_diagnosis_carries_those_of_responses_and_bank() -> None:
    bank = cdx.load_bank("mathematics")
    item = next(i for i in bank.items if i.type == "single")
    data, said = announced(lambda: cdx.load_responses([{"person": "a", item.id: "no such option"}], bank=bank))
    found, later = announced(lambda: cdx.diagnose(data, bank))
    assert {*data.findings, *bank.findings()} <= set(found.findings)
    assert len(keys(found)) == len(set(keys(found)))
    assert len(said) == 1
    assert not later


def test_a_classification_carries_those_of_its_responses() -> None:
    rng = np.random.default_rng(2)
    who = rng.integers(0, 2, (120, 2))
    q = pd.DataFrame({"A": [1, 0] * 3, "B": [0, 1] * 3}, index=[f"i{k}" for k in range(6)])
    points = (rng.random((120, 6)) < np.where(who[:, [0, 1] * 3] > 0, 0.85, 0.2)).astype(float)
    points[0] = np.nan
    data = cdx.load_responses(pd.DataFrame(points, columns=q.index))
    made, _ = announced(lambda: cdx.calibrate(data, model="DINA", dimensions=q))
    found, later = announced(lambda: cdx.score(data, made))
    assert data.findings
    assert set(data.findings) <= set(made.findings) <= set(found.findings)
    assert not later


def test_facts_come_back_from_a_document_and_older_documents_are_read() -> None:
    finding = cdx.Finding(code="room.what", severity="info", ru="Да.", en="Yes.", facts={"pairs": [["a", "b", 0.5]]})
    assert decode(cdx.Finding, encode(finding), "finding") == finding
    older = {k: v for k, v in encode(finding).items() if k != "facts"}
    assert decode(cdx.Finding, older, "finding").facts == {}


def all_errors(cls: type[Exception] = errors.CompetencyDxError) -> Iterator[type[Exception]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from all_errors(sub)


@pytest.mark.parametrize("cls", list(all_errors()), ids=lambda c: c.__name__)
def test_errors_are_pickled_and_copied(cls: type[Exception]) -> None:
    fault = cls("why", state={"theta": 1.5}) if issubclass(cls, errors.ConvergenceError) else cls("why")
    for again in (pickle.loads(pickle.dumps(fault)), copy.copy(fault), copy.deepcopy(fault)):
        assert type(again) is cls
        assert str(again) == "why"
        assert getattr(again, "state", None) == getattr(fault, "state", None)


RAISES = "from competency_dx.errors import ConvergenceError; raise ConvergenceError('did not converge', state={'theta': 1.5})"


def test_an_error_comes_back_from_another_process() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(errors.ConvergenceError, match="did not converge") as caught,
    ):
        pool.submit(exec, RAISES).result()
    assert caught.value.state == {"theta": 1.5}
