"""One person, a batch, any order of columns, extra columns, incomplete neighbours: the same digits, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.scoring import Method

Quiet = Callable[[], AbstractContextManager[None]]
Batch = Callable[[Method], cdx.Scores]
METHODS: list[Method] = [cdx.EAP(), cdx.MAP(), cdx.ML(), cdx.WLE(), cdx.SumScore()]
EVERY_METHOD = pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
PERSONS = 530  # more than one block of 512


@pytest.fixture(scope="module", params=["provisional", "calibrated"])
def source(request: pytest.FixtureRequest) -> cdx.ItemBank | cdx.Calibration:
    """A bank whose item errors are carried, and a calibration of mixed families whose errors are not."""
    bank = cdx.load_bank("physics")
    if request.param == "provisional":
        return bank
    data = cdx.simulate(bank, 300, rng=np.random.default_rng(1))
    return cdx.calibrate(data.to_frame().set_index("person"), model="GPCM")


@pytest.fixture(scope="module")
def data(source: cdx.ItemBank | cdx.Calibration) -> pd.DataFrame:
    complete = cdx.simulate(source, PERSONS, rng=np.random.default_rng(2)).to_frame().set_index("person")
    missing = np.random.default_rng(3).random(complete.shape) < 0.25
    missing[::2] = False
    missing[1] = True
    missing[1, :3] = False
    return complete.mask(missing)


@pytest.fixture(scope="module")
def batch(source: cdx.ItemBank | cdx.Calibration, data: pd.DataFrame) -> Batch:
    """Return the scores of all persons by a method; each is computed once."""
    return cache(lambda method: cdx.score(data, source, method=method))


def digits(scores: cdx.Scores) -> NDArray[np.float64]:
    return np.column_stack([scores.theta[:, 0], scores.se[:, 0], scores.n_items[:, 0], scores.status[:, 0]])


@EVERY_METHOD
def test_one_person_gets_the_digits_of_the_batch(
    source: cdx.ItemBank | cdx.Calibration, data: pd.DataFrame, batch: Batch, method: Method
) -> None:
    responses, all_of_them = cdx.load_responses(data), digits(batch(method))
    for p in (0, 1, 511, 512, 529):
        one = cdx.score(responses.select(persons=[str(responses.persons[p])]), source, method=method)
        np.testing.assert_array_equal(digits(one)[0], all_of_them[p])


@EVERY_METHOD
def test_reversed_columns_and_rows_change_nothing(
    source: cdx.ItemBank | cdx.Calibration, data: pd.DataFrame, batch: Batch, method: Method
) -> None:
    here = batch(method)
    there = cdx.score(data.iloc[::-1, ::-1], source, method=method)
    np.testing.assert_array_equal(digits(there)[::-1], digits(here))
    assert list(there.persons) == list(here.persons)[::-1]


@EVERY_METHOD
def test_items_left_out_are_items_missing(source: cdx.ItemBank | cdx.Calibration, data: pd.DataFrame, method: Method) -> None:
    some, data = list(data.columns[5:25]), data.iloc[:60]  # one person after the other: a few of them show it
    without = cdx.score(data[some], source, method=method)
    blanked = data.copy()
    blanked.loc[:, [c for c in data.columns if c not in some]] = np.nan
    np.testing.assert_array_equal(digits(without), digits(cdx.score(blanked, source, method=method)))


def test_columns_without_parameters_change_nothing_and_are_named(data: pd.DataFrame, quiet: Quiet) -> None:
    with quiet():
        calibration = cdx.calibrate(data.iloc[:, :20], model="GPCM")
        found = cdx.score(data, calibration)
    plain = cdx.score(data.iloc[:, :20], calibration)
    np.testing.assert_array_equal(digits(found), digits(plain))
    finding = next(f for f in found.findings if f.code == "persons.no_parameters")
    assert set(finding.scope) == set(data.columns[20:])


@EVERY_METHOD
def test_complete_persons_keep_their_digits_among_incomplete_ones(
    source: cdx.ItemBank | cdx.Calibration, data: pd.DataFrame, batch: Batch, method: Method
) -> None:
    complete = data.iloc[::2]
    alone = cdx.score(complete, source, method=method)
    np.testing.assert_array_equal(digits(alone), digits(batch(method))[::2])


def test_any_number_of_workers_gives_the_same_bytes(source: cdx.ItemBank | cdx.Calibration, data: pd.DataFrame) -> None:
    texts = []
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as executor:
            texts.append(cdx.score(data, source, method=cdx.EAP(executor=executor)).to_json())
    assert texts[0] == texts[1] == cdx.score(data, source).to_json()
