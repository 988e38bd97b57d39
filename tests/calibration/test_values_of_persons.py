"""Values of persons, groups, covariates and weights, are found by id wherever they have ids, and refused where these do not fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.calibration import Population, SurveyDesign
from competency_dx.errors import CompetencyDxWarning, ResponsesError

P = 240
RNG = np.random.default_rng(4)
THETA = RNG.normal(size=P)
CHANCE = 1 / (1 + np.exp(np.linspace(-1, 1, 8) - THETA[:, None]))
ANSWERS = pd.DataFrame((RNG.random((P, 8)) < CHANCE).astype(int), columns=list("abcdefgh"))
NAMED = ANSWERS.set_axis([f"p{k}" for k in range(P)])
VALUES = pd.Series(np.where(THETA + RNG.normal(size=P) > 0, 2.0, 1.0))
KINDS: dict[str, Callable[[Any], cdx.MarginalML]] = {
    "groups": lambda x: cdx.MarginalML(population=Population(by=x)),
    "covariates": lambda x: cdx.MarginalML(population=Population(on=x.to_frame("x") if hasattr(x, "to_frame") else {"x": x})),
    "weights": lambda x: cdx.MarginalML(survey=SurveyDesign(weights=x)),
    "strata": lambda x: cdx.MarginalML(survey=SurveyDesign(strata=x)),
    "clusters": lambda x: cdx.MarginalML(survey=SurveyDesign(clusters=[*range(P)] if x is None else x)),
    "replicates": lambda x: cdx.MarginalML(survey=SurveyDesign(replicates=pd.DataFrame({"r0": x, "r1": 3 - x}))),
}


def numbers(table: pd.DataFrame, method: cdx.MarginalML) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        found = cdx.calibrate(table, model="Rasch", method=method)
    return np.concatenate([found.estimates, np.diag(found.covariance)])


@pytest.mark.parametrize("table", [ANSWERS, NAMED], ids=["numbered", "named"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_shuffled_series_says_the_same(kind: str, table: pd.DataFrame) -> None:
    values = VALUES.set_axis(table.index)
    before = numbers(table, KINDS[kind](values))
    np.testing.assert_array_equal(numbers(table, KINDS[kind](values.sample(frac=1, random_state=1))), before)
    np.testing.assert_array_equal(numbers(NAMED, KINDS[kind](values.reset_index(drop=True))), before)  # numbered values have no ids


@pytest.mark.parametrize("kind", KINDS)
def test_ids_that_do_not_fit_are_refused(kind: str) -> None:
    values = VALUES.set_axis(NAMED.index)
    for other in (values.rename({"p3": "q3"}), values.iloc[1:], pd.concat([values, values.iloc[:1]])):
        with pytest.raises(ResponsesError) as caught:
            numbers(NAMED, KINDS[kind](other))
        assert caught.value.code == "responses.ids_of_values"


def test_a_mapping_and_a_column_of_persons_are_ways_of_naming_too() -> None:
    values = VALUES.set_axis(NAMED.index)
    before = numbers(NAMED, KINDS["groups"](values.tolist()))
    np.testing.assert_array_equal(numbers(NAMED, KINDS["groups"](dict(values.sample(frac=1, random_state=1)))), before)
    np.testing.assert_array_equal(numbers(ANSWERS, KINDS["groups"](dict(enumerate(values)))), before)
    covariates = values.rename_axis("person").rename("x").reset_index().sample(frac=1, random_state=2)
    on = cdx.MarginalML(population=Population(on=covariates))
    np.testing.assert_array_equal(numbers(NAMED, on), numbers(NAMED, KINDS["covariates"](values)))
    with pytest.raises(ResponsesError):
        numbers(NAMED, KINDS["groups"]({"x": 1, "y": 2}))
