"""Many-facet models of R TAM 4.4-2 and coefficients of R irr 0.84.1."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.arrays import Floats, value
from competency_dx.engine import Control
from competency_dx.engine.one_dimension import OneDimension
from competency_dx.kernels.agreement import icc_one_way, icc_two_way, pair_statistics
from competency_dx.raters import Facets, Ratings
from competency_dx.raters.estimates import effects_of, persons_of
from competency_dx.raters.facets import facet_model, fitted

Quiet = Callable[[], AbstractContextManager[None]]
Results = Callable[[str], dict[str, Any]]
Shared = Callable[[str], Path]
MODELS = {
    "ex10_item_rater": ("ex10", Facets(), 1e-6),
    "ratings1_item_rater_rsm": ("ratings1", Facets(model="RSM"), 2e-4),
    "ratings1_item_step_rater": ("ratings1", Facets(), 2e-4),
    "ratings2_item_step_rater": ("ratings2", Facets(), 1e-3),
    "ratings1_item_step_rater_item": ("ratings1", Facets(severity="criterion"), 1e-5),
}
"""Data, model, and how far from the maximum TAM leaves the severities: it moves them one by one, while the criteria have settled."""


@value
class TamGrid(OneDimension):
    """The grid of TAM: 81 points on ±8 whatever the variance, which cut off a population of SD 2 at four of them."""

    def _support(self, mean: Floats, variance: Floats, points: int) -> tuple[Floats, Floats]:  # noqa: ARG002 - as in the engine
        theta = np.linspace(-8, 8, 81)
        return theta, -(theta**2) / (2 * variance[0]) - 0.5 * np.log(2 * np.pi * variance[0]) + np.log(0.2)


def load(name: str, shared: Shared) -> Ratings:
    return cdx.raters.load_ratings(shared(f"data/{name}_long.csv"))


@pytest.mark.parametrize("name", MODELS)
def test_models_are_those_of_tam(name: str, shared: Shared, results: Results) -> None:
    data, facets, slack = MODELS[name]
    theirs, ratings = results("raters")[name], load(data, shared)
    model = facet_model(ratings, None, facets)
    integral = model.likelihood.integral
    assert isinstance(integral, OneDimension)
    grid = TamGrid(answers=integral.answers, persons=integral.persons, order=integral.order)
    model = model._replace(likelihood=replace(model.likelihood, integral=grid))
    fit = fitted(model, Control())
    likelihood, found = fit.model.likelihood, fit.at
    assert len(found.phi) == theirs["n_par"]
    effects = effects_of(fit, ratings, facets)
    x = dict(zip(theirs["xsi_facets"]["parameter"], theirs["xsi_facets"]["xsi"], strict=True))
    assert 0 <= found.log_likelihood - theirs["loglik"] < 1e-4  # on their grid, at a maximum no lower than theirs
    np.testing.assert_allclose(likelihood.normals(found.phi)[1].item(), theirs["variance"], atol=2e-5)
    np.testing.assert_allclose(effects["severity"][:, 0], [x[f"rater{expert}"] for expert in ratings.experts], atol=slack)
    np.testing.assert_allclose(np.nanmean(effects["parameters"].difficulties, axis=1), [x[i] for i in ratings.items], atol=1e-5)
    steps = effects["parameters"].difficulties - np.nanmean(effects["parameters"].difficulties, axis=1, keepdims=True)
    for k in range(steps.shape[1] if steps.shape[1] > 1 else 0):
        of_items = [x.get(f"{i}:step{k + 1}", x.get(f"step{k + 1}")) for i in ratings.items]
        np.testing.assert_allclose(steps[:, k], np.array(of_items, dtype=np.float64), atol=3e-5)
    for i, item in enumerate(ratings.items if facets.severity == "criterion" else ()):
        own = [x[f"{item}:rater{expert}"] + x[f"rater{expert}"] for expert in ratings.experts]
        np.testing.assert_allclose(effects["by_item"][:, i, 0], own, atol=2e-3)


@pytest.mark.parametrize("name", ["ex10_item_rater", "ratings2_item_step_rater"])
def test_persons_are_those_of_tam(name: str, shared: Shared, results: Results, quiet: Quiet) -> None:
    """On a grid that holds the whole population; where theirs cuts it off they differ in the fourth decimal."""
    data, facets, _ = MODELS[name]
    theirs = results("raters")[name]["persons"]
    with quiet():
        out = cdx.raters.calibrate_raters(load(data, shared), facets=facets)
    frame = out.person_frame().set_index("person").loc[theirs["pid"]]
    slack = 1e-6 if data == "ex10" else 1e-3
    np.testing.assert_allclose(frame["theta"], theirs["EAP"], atol=slack)
    np.testing.assert_allclose(frame["se_known"], theirs["SD_EAP"], atol=slack)
    assert (frame["se"] > frame["se_known"]).all()


def test_errors_of_tam_are_those_of_one_parameter_with_all_else_and_the_persons_known(shared: Shared, results: Results) -> None:
    """The errors reported here are larger: they follow from the whole observed information."""
    theirs, ratings = results("raters")["ex10_item_rater"], load("ex10", shared)
    model = facet_model(ratings, None, Facets())
    fit = fitted(model, Control())
    at = model.place["s"][:, 0].tolist()
    held = at.index(-1)
    zero_sum = np.vstack([np.eye(2), [-1, -1]])  # the last expert is minus the sum of the others
    A = np.zeros((len(fit.at.phi), 2))
    for r in range(3):
        if r != held:
            A[at[r]] = zero_sum[r] - zero_sum[held]
    for i in range(5):
        A[model.common[i, 1].argmax()] = -zero_sum[held]
    complete = np.diag(A.T @ model.likelihood._complete(fit.at.at) @ A)
    xsi = dict(zip(theirs["xsi"]["parameter"], theirs["xsi"]["se.xsi"], strict=True))
    np.testing.assert_allclose(1 / np.sqrt(complete), [xsi["rater1"], xsi["rater2"]], rtol=1e-5)
    assert (effects_of(fit, ratings, Facets())["severity"][:2, 1] > 1.2 / np.sqrt(complete)).all()
    assert persons_of(fit, ratings, effects_of(fit, ratings, Facets())["parameters"])[1].shape == (398, 10)


@pytest.mark.parametrize("name", ["anxiety", "video", "diagnoses"])
def test_coefficients_are_those_of_irr(name: str, results: Results) -> None:
    theirs = results("raters")["agreement"][name]
    marks = np.array([*theirs["data"].values()])
    for pair in theirs.get("kappa_pairs", []):
        both = marks[[r - 1 for r in pair["raters"]]]
        pairs = pair_statistics(np.unique(both, return_inverse=True)[1].reshape(both.shape), np.arange(both.shape[1]))[:, 0]
        np.testing.assert_allclose(pairs[2], pair["quadratic"]["value"], atol=1e-9)
        np.testing.assert_allclose(100 * pairs[0], pair["agreement_percent"], atol=1e-9)
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
