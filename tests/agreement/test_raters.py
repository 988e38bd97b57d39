"""Coefficients of agreement of R irr 0.84.1."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.kernels.agreement import icc_one_way, icc_two_way, kappa, table_statistics

Quiet = Callable[[], AbstractContextManager[None]]
Results = Callable[[str], dict[str, Any]]
Shared = Callable[[str], Path]


@pytest.mark.parametrize("name", ["anxiety", "video", "diagnoses"])
def test_coefficients_are_those_of_irr(name: str, results: Results) -> None:
    theirs = results("raters")["agreement"][name]
    marks = np.array([*theirs["data"].values()])
    for pair in theirs.get("kappa_pairs", []):
        both = marks[[r - 1 for r in pair["raters"]]]
        levels = np.unique(both)
        tables = np.zeros((both.shape[1], len(levels), len(levels)))
        tables[(np.arange(both.shape[1]), *np.searchsorted(levels, both))] = 1
        for weights, power in (("unweighted", 0), ("linear", 1), ("quadratic", 2)):
            np.testing.assert_allclose(kappa(tables.sum(axis=0), power), pair[weights]["value"], atol=1e-9)
        np.testing.assert_allclose(100 * table_statistics(tables)[0, 0], pair["agreement_percent"], atol=1e-9)
    for icc in theirs.get("icc", []):
        ours = {"oneway": icc_one_way(marks.ravel() * 1.0, np.tile(np.arange(marks.shape[1]), len(marks)))}
        ours["twoway"] = icc_two_way(marks.T * 1.0)
        if icc["unit"] == "single" and (icc["model"], icc["type"]) != ("twoway", "consistency"):
            np.testing.assert_allclose(ours[icc["model"]], [icc["value"], icc["lower"], icc["upper"]], atol=1e-8)


def test_agreement_by_criterion_is_that_of_irr(shared: Shared, results: Results) -> None:
    """Of the 27 works that two experts marked."""
    theirs, marks = results("raters")["agreement"]["ratings1"], pd.read_csv(shared("data/ratings1_long.csv"))
    twice = marks[marks.groupby("person")["rater"].transform("nunique") == 2]
    agreement = cdx.raters.check_agreement(cdx.raters.load_ratings(twice))
    table = agreement.to_frame().set_index("item")
    for item in agreement.items:
        one, row = theirs[item], table.loc[item]
        assert row["works"] == theirs["n_with_two"]
        single = [one["icc_oneway_single"][end] for end in ("value", "lower", "upper")]
        np.testing.assert_allclose([row["icc"], row["icc_low"], row["icc_high"]], single, atol=1e-8)
        np.testing.assert_allclose(100 * row["exact"], one["agreement_percent"], atol=1e-8)
        np.testing.assert_allclose(100 * row["adjacent"], one["agreement_within_1_percent"], atol=1e-8)
