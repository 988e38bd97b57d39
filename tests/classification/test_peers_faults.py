"""Faults of other libraries that this one must not have (W9 of the peers' list), and its own refusals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from competency_dx.classification import ClassCalibration, ClassificationML, attribute_posteriors, classify, profile_posteriors
from competency_dx.errors import CalibrationError, ConvergenceError, ScoringError
from competency_dx.responses import load_responses

Simulate = Callable[..., Any]
Quiet = Callable[[], Any]


@pytest.fixture(autouse=True)
def _silent(quiet: Quiet) -> Any:
    with quiet():
        yield


def test_persons_have_posteriors_and_classes_have_proportions(simulate: Simulate) -> None:
    """A peer calls the class proportions profile posteriors, and its G-DINA has no posteriors of persons."""
    data = simulate(persons=500)
    found = classify(data.frame, data.q)
    posterior = profile_posteriors(data.responses, found)
    assert found.profile_probabilities.shape == (8,)
    assert posterior.shape == (500, 8)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    np.testing.assert_allclose(posterior.mean(axis=0), found.profile_probabilities, atol=1e-6)
    hits = (attribute_posteriors(data.responses, found).modes == data.profiles).mean()
    assert hits > 0.85


def test_missing_answers_are_accepted_as_nan(simulate: Simulate) -> None:
    """A peer refuses NaN. A quarter missing costs precision, not correctness."""
    full, less = simulate(persons=1500), simulate(persons=1500, missing=0.25)
    one, two = classify(full.frame, full.q), classify(less.frame, less.q)
    gap = np.abs(one.to_frame()["slip"] - two.to_frame()["slip"]) / two.to_frame()["se_slip"]
    assert gap.max() < 4
    assert (two.to_frame()["se_slip"] > one.to_frame()["se_slip"]).mean() > 0.9


def test_what_did_not_converge_says_so_and_carries_its_state(simulate: Simulate) -> None:
    """A peer stops after 100 iterations without a flag."""
    data = simulate()
    with pytest.raises(ConvergenceError, match="did not reach a certified maximum after") as fault:
        classify(data.frame, data.q, method=ClassificationML(max_iterations=4))
    state = fault.value.state
    assert isinstance(state, ClassCalibration)
    assert not state.converged
    assert state.certificate.promised_gain > 1e-7


def test_the_certificate_holds(simulate: Simulate) -> None:
    found = classify(simulate().frame, simulate().q)
    c = found.certificate
    assert found.converged
    assert c.promised_gain <= 1e-7
    assert c.missed_profile <= 1e-4
    assert c.smallest_eigenvalue > 0


def test_twenty_attributes_with_a_hierarchy(simulate: Simulate) -> None:
    """Peers enumerate 2^K profiles even when few are permissible: here 2^20 against four chains of five."""
    chains = [[f"A{5 * c + k + 1}" for k in range(5)] for c in range(4)]
    pairs = tuple((a, b) for chain in chains for a, b in pairwise(chain))
    rng = np.random.default_rng(2)
    reached = rng.integers(0, 6, (400, 4))
    profiles = np.concatenate([(reached[:, [c]] > np.arange(5)).astype(int) for c in range(4)], axis=1)
    rows = ["".join("1" if a == k else "0" for a in range(20)) for k in range(20)] * 2
    data = simulate("DINA", rows=rows, profiles=profiles, persons=400)
    method = ClassificationML(hierarchy=pairs, attribute_distribution="independent")
    found = classify(data.frame, data.q, model="DINA", method=method)
    assert found.profiles.shape == (6**4, 20)
    assert found.n_parameters == 2 * 40 + 20
    np.testing.assert_allclose(found.prevalence, profiles.mean(axis=0), atol=0.12)


def test_too_many_profiles_are_refused_with_a_way_out(simulate: Simulate) -> None:
    rows = ["".join("1" if a == k else "0" for a in range(20)) for k in range(20)] * 2
    data = simulate("DINA", rows=rows, persons=50)
    with pytest.raises(CalibrationError, match=r"more than 65536 permissible profiles; state the prerequisites"):
        classify(data.frame, data.q)


def test_items_are_matched_by_id_not_by_position(simulate: Simulate) -> None:
    data = simulate(persons=200)
    found = classify(data.frame, data.q)
    one = attribute_posteriors(data.responses, found)
    mixed = load_responses(data.frame[list(data.frame.columns[::-1])])
    np.testing.assert_allclose(attribute_posteriors(mixed, found).theta, one.theta, atol=1e-12)
    fewer = load_responses(data.frame[list(data.frame.columns[:6])])
    assert (attribute_posteriors(fewer, found).n_items == 6).all()
    strange = load_responses(data.frame.rename(columns={"i00": "x9"}))
    with pytest.raises(ScoringError, match="does not know x9"):
        attribute_posteriors(strange, found)


REFUSED: dict[str, tuple[Callable[[pd.DataFrame, pd.DataFrame], Any], str]] = {
    "entries": (lambda x, q: classify(x, q * 2), "has the entries 2; expected 0 and 1"),
    "empty row": (lambda x, q: classify(x, q * (q.index != "i01")[:, None]), "says that i01 measure nothing"),
    "no row": (lambda x, q: classify(x, q.drop(index="i02")), "has no row for i02"),
    "positions": (lambda x, q: classify(x, q.reset_index(drop=True)), "name the rows by item ids"),
    "twice": (lambda x, q: classify(x, pd.concat([q, q.iloc[:1]])), "i00 occur twice"),
    "polytomous": (lambda x, q: classify(x * 2, q), "have scores above 1"),
    "constant": (lambda x, q: classify(x.assign(i03=1.0), q), "All answers to i03 earned the same score"),
    "family": (lambda x, q: classify(x, q, model="RRUM"), "not families of a classification model"),
    "no family": (lambda x, q: classify(x, q, model={"i00": "DINA"}), "names no family for i01"),
    "unknown": (lambda x, q: classify(x, q, method=ClassificationML(hierarchy=(("A1", "B"),))), "names B, which"),
    "circle": (
        lambda x, q: classify(x, q, method=ClassificationML(hierarchy=(("A1", "A2"), ("A2", "A1")))),
        "A1, A2 prerequisites of one another",
    ),
    "bare": (lambda x, q: classify(x, q.assign(A9=0)), "No item with answers measures A9"),
    "few": (
        lambda x, q: classify(x.iloc[:, :2], q.iloc[:2, :2], method=ClassificationML(attribute_distribution="higher_order")),
        "needs at least 3 attributes, found 2",
    ),
    "choice": (lambda _x, _q: ClassificationML(monotone="up"), "monotone= takes .* got 'up'"),  # type: ignore[arg-type]
    "starts": (lambda _x, _q: ClassificationML(starts=0), "starts and max_iterations of at least 1"),
}


@pytest.mark.parametrize("fault", list(REFUSED))
def test_refusals_name_the_fault(simulate: Simulate, fault: str) -> None:
    data, (call, message) = simulate(persons=100), REFUSED[fault]
    with pytest.raises(CalibrationError, match=message):
        call(data.frame, data.q)


def test_names_may_have_a_hyphen_and_rows_to_spare(simulate: Simulate) -> None:
    data = simulate(persons=200)
    q = pd.concat([data.q, pd.DataFrame([[1, 1, 1]], index=["later"], columns=data.q.columns)])
    found = classify(data.frame, q.reset_index(names="item"), model="G-DINA")
    assert found.parameters.families == ("GDINA",) * 15
    assert found.to_frame()["item"].tolist() == list(data.q.index)
