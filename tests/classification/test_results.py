"""Results of classification: frames, documents, pictures, findings, persons, Q-matrices."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.classification import (
    ClassificationML,
    attribute_posteriors,
    check_q_matrix,
    classification_accuracy,
    classify,
    profile_posteriors,
    read_q_matrix,
    validate_q_matrix,
)
from competency_dx.errors import CalibrationError, ScoringError
from competency_dx.responses import load_responses
from competency_dx.result import Result

Simulate = Callable[..., Any]
Quiet = Callable[[], Any]


@pytest.fixture(autouse=True)
def _silent(quiet: Quiet) -> Any:
    with quiet():
        yield


MAKERS: dict[str, Callable[[Any], Result]] = {
    "calibration": lambda d: classify(d.frame, d.q),
    "higher order": lambda d: classify(d.frame, d.q, model="DINA", method=ClassificationML(attribute_distribution="higher_order")),
    "posteriors": lambda d: attribute_posteriors(d.responses, classify(d.frame, d.q)),
    "accuracy": lambda d: classification_accuracy(d.responses, classify(d.frame, d.q)),
    "validation": lambda d: validate_q_matrix(d.responses, classify(d.frame, d.q)),
}


@pytest.mark.parametrize("maker", list(MAKERS))
def test_results_read_back_to_the_same_bytes_and_draw(simulate: Simulate, maker: str) -> None:
    data = simulate(persons=250, missing=0.05)
    result = MAKERS[maker](data)
    text = result.to_json()
    json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} is no JSON"))
    again = type(result).from_json(text)
    assert again.to_json() == text
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
    assert MAKERS[maker](data).to_json() == text
    assert 1 <= len(str(result).splitlines()) <= 12
    for kind in result.chart_kinds():
        assert result.plot(kind).axes[0].has_data()


def test_a_calibration_is_called_by_its_content(simulate: Simulate) -> None:
    """The digest is the same after reading back and from the same answers; other names of items give another."""
    data = simulate(persons=150, missing=0.05)
    calibration = classify(data.frame, data.q, model="DINA")
    assert type(calibration).from_json(calibration.to_json()).digest == calibration.digest
    assert classify(data.frame, data.q, model="DINA").digest == calibration.digest
    other = classify(data.frame.add_prefix("x"), data.q.rename(index=lambda i: f"x{i}"), model="DINA")
    assert other.digest != calibration.digest
    used = attribute_posteriors(data.responses, calibration).provenance.inputs
    assert used["calibration"] == calibration.digest


def test_frame_is_consistent(simulate: Simulate) -> None:
    data = simulate()
    found = classify(data.frame, data.q)
    row = found.to_frame().set_index("item").loc["i03"]
    assert row["dimension"] == "A1+A2"
    assert row["d0"] == pytest.approx(row["p_00"])
    assert row["d0"] + row["d1"] == pytest.approx(row["p_10"])
    assert row["d0"] + row["d2"] == pytest.approx(row["p_01"])
    assert row["d0"] + row["d1"] + row["d2"] + row["d3"] == pytest.approx(row["p_11"])
    assert row["guessing"] == pytest.approx(row["p_00"])
    assert row["slip"] == pytest.approx(1 - row["p_11"])
    assert row["discrimination"] == pytest.approx(1 - row["slip"] - row["guessing"])
    assert row["se_d0"] == pytest.approx(row["se_guessing"])
    assert len(found.parameter_names) == found.n_parameters == len(found.estimates) == len(found.covariance)
    at = found.parameter_names.index("i03.d3")
    assert found.estimates[at] == pytest.approx(row["d3"])
    assert found.standard_errors[at] == pytest.approx(row["se_d3"])


def test_effects_of_llm_are_logits(simulate: Simulate) -> None:
    data = simulate(persons=1000)
    frame = classify(data.frame, data.q, model="LLM").to_frame().set_index("item")
    for item, top in (("i00", "p_1"), ("i03", "p_11")):
        row = frame.loc[item]
        total = row["d0"] + row["d1"] + (row["d2"] if top == "p_11" else 0)
        assert 1 / (1 + np.exp(-total)) == pytest.approx(row[top])


def test_population_is_that_of_the_profiles(simulate: Simulate) -> None:
    data = simulate()
    found = classify(data.frame, data.q)
    pi, a = found.profile_probabilities, found.profiles.astype(float)
    assert pi.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.population.mean, pi @ a)
    np.testing.assert_allclose(np.diag(found.population.covariance), found.prevalence * (1 - found.prevalence))
    assert found.population.covariance[0, 1] > 0


def test_posterior_of_a_person_is_bayes_by_hand(simulate: Simulate) -> None:
    data = simulate(persons=300, missing=0.2)
    found = classify(data.frame, data.q)
    p, x = found.parameters.table(), data.frame.to_numpy()[17]
    seen = np.isfinite(x)
    likelihood = np.prod(np.where(x[seen, None] > 0, p[seen], 1 - p[seen]), axis=0)
    joint = likelihood * found.profile_probabilities
    expected = joint / joint.sum()
    np.testing.assert_allclose(profile_posteriors(data.responses, found)[17], expected, atol=1e-12)
    persons = attribute_posteriors(data.responses, found)
    np.testing.assert_allclose(persons.theta[17], expected @ found.profiles, atol=1e-12)
    np.testing.assert_array_equal(persons.likeliest[17], found.profiles[likelihood.argmax()])
    np.testing.assert_array_equal(persons.modes[17], found.profiles[expected.argmax()])
    off = expected @ (found.profiles[:, 0] * found.profiles[:, 1]) - persons.theta[17, 0] * persons.theta[17, 1]
    assert persons.covariance[17, 0, 1] == pytest.approx(off, abs=1e-12)


def test_a_person_without_answers_is_the_population(simulate: Simulate) -> None:
    data = simulate(persons=300)
    found = classify(data.frame, data.q)
    frame = data.frame.copy()
    frame.iloc[3] = np.nan
    persons = attribute_posteriors(load_responses(frame), found)
    np.testing.assert_allclose(persons.theta[3], found.prevalence, atol=1e-12)
    assert persons.to_frame()["status"].tolist()[9:12] == ["no_responses"] * 3


def test_accuracy_is_the_share_of_right_classifications(simulate: Simulate) -> None:
    data = simulate(persons=3000)
    found = classify(data.frame, data.q)
    persons = attribute_posteriors(data.responses, found)
    for estimate, hit in (("MAP", persons.modes), ("EAP", (persons.theta > 0.5).astype(int))):
        out = classification_accuracy(data.responses, found, estimate=estimate)  # type: ignore[arg-type]
        right = hit == data.profiles
        assert out.accuracy == pytest.approx(right.all(axis=1).mean(), abs=0.03)
        np.testing.assert_allclose(out.attribute_accuracy, right.mean(axis=0), atol=0.03)
    with pytest.raises(ScoringError, match="estimate= takes 'MAP'"):
        classification_accuracy(data.responses, found, estimate="ML")  # type: ignore[arg-type]


def test_consistency_is_the_agreement_of_two_administrations(simulate: Simulate) -> None:
    """The same persons answer the same items twice, independently, under the true model."""
    data = simulate(persons=3000)
    found = classify(data.frame, data.q)
    again = (np.random.default_rng(77).random(data.probabilities.shape) < data.probabilities).astype(float)
    first = attribute_posteriors(data.responses, found).modes
    second = attribute_posteriors(load_responses(pd.DataFrame(again, columns=data.q.index)), found).modes
    out = classification_accuracy(data.responses, found)
    assert out.consistency == pytest.approx((first == second).all(axis=1).mean(), abs=0.03)
    np.testing.assert_allclose(out.attribute_consistency, (first == second).mean(axis=0), atol=0.03)


def test_planted_faults_of_the_q_matrix_are_found(simulate: Simulate) -> None:
    """Three entries wrong: one attribute too many, one too few, one confused with another."""
    data = simulate(rows=("100", "010", "001", "110", "101", "011") * 4, persons=2000)
    wrong = data.q.copy()
    wrong.loc["i00"] = [1, 1, 0]
    wrong.loc["i03"] = [1, 0, 0]
    wrong.loc["i08"] = [0, 1, 0]
    found = validate_q_matrix(data.responses, classify(data.frame, wrong))
    frame = found.to_frame().set_index("item")
    assert frame.index[frame["changed"]].tolist() == ["i00", "i03", "i08"]
    assert frame.loc[["i00", "i03", "i08"], "suggested"].tolist() == ["100", "110", "001"]
    np.testing.assert_array_equal(found.q_vectors[found.suggested], data.q)
    mesa = found.mesa()
    assert len(mesa) == 24 * 3
    assert (mesa.groupby("item")["pvaf"].diff().dropna() >= -1e-12).all()
    np.testing.assert_allclose(mesa["pvaf"][mesa["n_attributes"] == 3], 1)


def test_discrimination_index_by_hand(simulate: Simulate) -> None:
    """de la Torre & Chiu (2016): the weighted variance of P(right) over the groups of a q-vector."""
    data = simulate(persons=400)
    found = classify(data.frame, data.q)
    out = validate_q_matrix(data.responses, found)
    posterior, x = profile_posteriors(data.responses, found), data.frame.to_numpy()[:, 4]
    weight = posterior.mean(axis=0)
    groups = found.profiles[:, 0] + 2 * found.profiles[:, 2]
    w = np.array([weight[groups == g].sum() for g in range(4)])
    p = np.array([(x @ posterior)[groups == g].sum() for g in range(4)]) / (400 * w)
    v = out.q_vectors.tolist().index([1, 0, 1])
    assert out.discrimination[4, v] == pytest.approx(w @ (p - w @ p) ** 2, abs=1e-9)


def test_validation_refuses_what_it_cannot_do(simulate: Simulate) -> None:
    data = simulate(persons=200)
    with pytest.raises(CalibrationError, match="proportion in"):
        validate_q_matrix(data.responses, classify(data.frame, data.q), cut_off=95)


def _codes(rows: list[str], families: str) -> dict[str, tuple[str, ...]]:
    frame = pd.DataFrame([[int(x) for x in r] for r in rows], columns=["A", "B", "C"][: len(rows[0])])
    q = read_q_matrix(frame)
    return {f.code.removeprefix("classification."): f.scope for f in check_q_matrix(q, [families] * len(rows))}


def test_an_identified_q_matrix_has_no_findings() -> None:
    rows = ["100", "010", "001", "110", "011", "101", "100", "010", "001"]
    assert _codes(rows, "DINA") == {}
    assert _codes(rows, "GDINA") == {}


def test_what_is_not_identified_is_named() -> None:
    """Gu & Xu (2019), example: columns equal beside the identity are not identified, however many items there are."""
    assert _codes(["10", "01", "11", "11", "11"], "DINA") == {"q_equal_columns": ("A", "B")}
    assert _codes(["10", "01", "11", "11", "10"], "DINA") == {}
    assert _codes(["100", "010", "011", "110", "101", "111"], "DINA") == {"q_incomplete": ("C",)}
    assert _codes(["100", "010", "001", "110", "101"], "DINA")["q_few_items"] == ("B", "C")
    assert _codes(["10", "10", "10", "11"], "GDINA") == {"q_few_items": ("B",)}
    assert "q_not_generic" in _codes(["11", "11", "11"], "GDINA")


def test_profiles_that_no_item_tells_apart_have_no_standard_error(simulate: Simulate) -> None:
    data = simulate("DINA", rows=("110", "001", "010") * 5)
    found = classify(data.frame, data.q, model="DINA")
    finding = next(f for f in found.findings if f.code == "classification.inseparable_profiles")
    assert finding.scope == ("A1",)
    assert np.isnan(found.prevalence_se[0])
    assert np.isfinite(found.prevalence_se[1:]).all()
    share = dict(zip(found.profile_names, found.profile_probabilities, strict=True))
    assert share["000"] == pytest.approx(share["100"])


def test_a_hierarchy_identifies_what_no_single_items_measure(simulate: Simulate) -> None:
    rng = np.random.default_rng(3)
    chain = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])[rng.integers(0, 4, 800)]
    data = simulate("DINA", rows=("100", "110", "111") * 4, profiles=chain, persons=800)
    method = ClassificationML(hierarchy=(("A1", "A2"), ("A2", "A3")))
    found = classify(data.frame, data.q, model="DINA", method=method)
    assert not [f for f in found.findings if f.severity != "info"]
    assert np.isfinite(found.prevalence_se).all()
    free = classify(data.frame, data.q, model="DINA")
    assert {"classification.q_incomplete", "classification.inseparable_profiles"} <= {f.code for f in free.findings}


def test_a_wrong_key_is_found(simulate: Simulate) -> None:
    data = simulate()
    found = classify(data.frame.assign(i06=1 - data.frame["i06"]), data.q)
    finding = next(f for f in found.findings if f.code == "classification.negative_discrimination")
    assert finding.scope == ("i06",)
    assert finding.severity == "error"


@pytest.mark.parametrize(("persons", "said"), [(60, True), (110, False)])
def test_more_parameters_than_persons_are_said(persons: int, said: bool) -> None:
    q = pd.DataFrame(np.tile(np.eye(6, dtype=int), (3, 1)), index=[f"i{k}" for k in range(18)], columns=list("abcdef"))
    mastery = np.random.default_rng(3).random((persons, 6)) < 0.5
    right = np.random.default_rng(4).random((persons, 18)) < np.where(np.tile(mastery, 3), 0.8, 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        found = cdx.calibrate(pd.DataFrame(right.astype(int), columns=q.index), model="DINA", dimensions=q)
    assert (found.n_parameters > persons) == said
    assert ("classification.too_many_parameters" in {f.code for f in found.findings}) == said
