"""Classification models against R GDINA 2.11.0 on data that may not be copied into this repository (../shared/reference).

R stops when no probability moves by more than 1e-4, this library at a certified maximum: where the two differ, the
log-likelihood here is the higher one. Probabilities in R's output are rounded to four digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from competency_dx.classification import ClassCalibration, attribute_posteriors, classification_accuracy, classify
from competency_dx.responses import Responses, load_responses

SharedFile = Callable[[str], Path]
Quiet = Callable[[], Any]
CASES = [("ecpe", "GDINA"), ("ecpe", "DINA"), ("ecpe", "ACDM"), ("fraction_subtraction", "DINA")]


class Case(NamedTuple):
    """A calibration, its responses, and what R found."""

    name: str
    data: Responses
    found: ClassCalibration
    expected: dict[str, Any]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest, shared: SharedFile, quiet: Quiet) -> Case:
    name, model = request.param
    table = pd.read_csv(shared(f"data/{name}.csv"))
    q = pd.read_csv(shared(f"data/{name}_q.csv")).set_axis(table.columns, axis=0)
    expected = json.loads(shared(f"{name}.json").read_text(encoding="utf-8"))[model]
    data = load_responses(table)
    with quiet():
        return Case(name, data, classify(data, q, model=model), expected)


def test_log_likelihood_and_number_of_parameters(case: Case) -> None:
    assert case.found.log_likelihood == pytest.approx(case.expected["loglik"], abs=1e-2)
    assert case.found.log_likelihood > case.expected["loglik"] - 1e-5
    assert case.found.n_parameters == case.expected["npar"]
    assert case.found.aic == pytest.approx(case.expected["AIC"], abs=0.02)
    assert case.found.bic == pytest.approx(case.expected["BIC"], abs=0.02)
    assert case.found.converged


def test_item_probabilities(case: Case) -> None:
    """All latent groups of all items, those of fraction subtraction too."""
    frame = case.found.to_frame()
    for row, groups in zip(frame.to_dict("records"), case.expected["catprob"].values(), strict=True):
        ours = [row["p_" + label[2:-1]] for label in groups]
        np.testing.assert_allclose(ours, list(groups.values()), atol=3e-4, err_msg=str(row["item"]))
    np.testing.assert_allclose(frame["guessing"], case.expected["gs"]["guessing"], atol=3e-4)
    np.testing.assert_allclose(frame["slip"], case.expected["gs"]["slip"], atol=3e-4)


def test_prevalence(case: Case) -> None:
    """In fraction subtraction 256 profiles fall into 58 classes; R and this library divide a class equally among them."""
    expected = case.expected["attribute_prevalence"]["all"]["Level1"]
    np.testing.assert_allclose(case.found.prevalence, expected, atol=5e-4)
    np.testing.assert_allclose(case.found.population.mean, expected, atol=5e-4)


def test_only_what_is_identified_has_a_standard_error(case: Case) -> None:
    identified = np.isfinite(case.found.prevalence_se)
    if case.name == "ecpe":
        assert identified.all()
    else:
        np.testing.assert_array_equal(identified, [False, True, False, False, False, False, True, False])
        assert any(f.code == "classification.inseparable_profiles" for f in case.found.findings)


def test_classification_accuracy(case: Case) -> None:
    """Attributes of fraction subtraction depend on ties between profiles that no item tells apart: to 2e-3 there."""
    found = classification_accuracy(case.data, case.found)
    assert found.accuracy == pytest.approx(case.expected["CA"]["test"], abs=1e-3)
    np.testing.assert_allclose(found.attribute_accuracy, case.expected["CA"]["attribute"], atol=2e-3)
    if case.name == "ecpe":
        np.testing.assert_allclose(found.profile_accuracy, case.expected["CA"]["pattern"], atol=1e-3)


def test_mastery_probabilities_of_persons(case: Case) -> None:
    expected = np.array(list(case.expected["mp"].values())).T
    ours = attribute_posteriors(case.data, case.found).theta[: len(expected)]
    np.testing.assert_allclose(ours, expected, atol=8e-3)
