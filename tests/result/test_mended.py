"""Faults that a critical reading found, each kept from coming back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.errors import BankError, CompetencyDxError, ConvergenceError, DiagnosisError, DocumentError, ScoringError

MATHEMATICS = cdx.load_bank("mathematics")


def wrong(argument: object) -> Any:
    return argument


def steps(persons: int, seed: int) -> pd.DataFrame:
    bank = cdx.load_bank("physics")
    polytomous = [i.id for i in bank.items if i.max_score == 2]
    drawn = cdx.simulate(bank, persons, rng=np.random.default_rng(seed)).select(items=polytomous)
    return drawn.to_frame().drop(columns="person")


def test_anchors_keep_their_family() -> None:
    data = steps(800, 1)
    graded = cdx.calibrate(data, model="GRM", priors=None)
    again = cdx.calibrate(data, model="GPCM", priors=None, anchors=graded)
    assert set(again.parameters.families) == {"GRM"}
    np.testing.assert_array_equal(again.parameters.difficulties, graded.parameters.difficulties)
    assert again.log_likelihood == pytest.approx(graded.log_likelihood, abs=0.5)


def test_a_bank_gives_responses_their_categories() -> None:
    drawn = cdx.simulate(MATHEMATICS, 400, rng=np.random.default_rng(2))
    top = int(np.flatnonzero(drawn.max_scores == 4)[0])
    scores = drawn.scores.copy()
    scores[scores[:, top] == 4, top] = 3
    bare = cdx.load_responses(pd.DataFrame(scores, columns=list(drawn.items)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        found = cdx.calibrate(bare, model="PCM", bank=MATHEMATICS)
    assert found.parameters.n_categories[top] == 5
    assert MATHEMATICS.with_calibration(found).version != MATHEMATICS.version


def test_a_score_nobody_earned_is_refused_when_it_comes() -> None:
    data = steps(400, 3)
    first = data.columns[0]
    seen = data.assign(**{first: data[first].clip(upper=1)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        calibration = cdx.calibrate(seen, model="GPCM", priors=None, bank=cdx.load_bank("physics"))
        with pytest.raises(ScoringError, match=f"{first}: score 2 of person .* earned by nobody"):
            cdx.score(cdx.load_responses(data), calibration)


def test_asymptotes_are_refused_while_no_family_has_them() -> None:
    record = MATHEMATICS.parameters[0].model_copy(update={"c": 0.25})
    with pytest.raises(BankError, match=r"model 2PL does not go with asymptotes c = 0\.25"):
        cdx.ItemBank(header=MATHEMATICS.header, items=MATHEMATICS.items, framework=MATHEMATICS.framework, parameters=(record,))


def test_an_estimate_on_the_bound_is_extreme() -> None:
    rng = np.random.default_rng(4)
    theta = rng.normal(size=(600, 1))
    right = 1 / (1 + np.exp(-(theta - np.linspace(-1, 1, 6))))
    data = pd.DataFrame((rng.random(right.shape) < right).astype(int), columns=[f"q{k}" for k in range(6)])
    data["q5"] = 1 - data["q5"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        calibration = cdx.calibrate(data)
    assert calibration.parameters.slope[5] < 0
    best = pd.DataFrame([[1, 1, 1, 1, 1, 0]], columns=data.columns)
    assert cdx.score(best, calibration, method=cdx.ML()).to_frame()["status"].tolist() == ["extreme_high"]


def test_a_loaded_bank_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="frozen value"):
        MATHEMATICS.items[0].competencies["MAT.S.02.1"] = 1.0
    with pytest.raises(TypeError, match="frozen value"):
        MATHEMATICS.items[0].options.update({"9": "x"})
    profiles = cdx.diagnose(cdx.simulate(MATHEMATICS, 2, rng=np.random.default_rng(5)), MATHEMATICS)
    with pytest.raises(TypeError, match="frozen value"):
        profiles.background["x"] = profiles.persons  # type: ignore[index]  # that is the point


def test_a_bank_document_that_was_changed_is_refused() -> None:
    document = json.loads(MATHEMATICS.to_json())
    assert document["provenance"]["verb"] == "load_bank"
    document["items"][0]["key"] = "1" if document["items"][0]["key"] != "1" else "2"
    with pytest.raises(DocumentError, match="does not match its digest"):
        cdx.ItemBank.from_json(json.dumps(document))


def test_a_bank_of_two_scales_is_refused() -> None:
    drawn = cdx.simulate(MATHEMATICS, 300, rng=np.random.default_rng(6))
    half = cdx.calibrate(drawn.select(items=drawn.items[:24]), model="PCM")
    with pytest.raises(BankError, match="may lie on another scale; calibrate with anchors=bank"):
        MATHEMATICS.with_calibration(half)


def test_an_item_twice_is_no_division_by_zero() -> None:
    rng = np.random.default_rng(7)
    data = pd.DataFrame((rng.random((120, 5)) < 0.5).astype(int), columns=list("abcde"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
        found = _calibrated_or_state(data.assign(again=data["a"]))
    assert "calibration.steep_slope" in {f.code for f in found.findings}


def _calibrated_or_state(data: pd.DataFrame) -> cdx.Calibration:
    try:
        return cdx.calibrate(data, priors=None)
    except ConvergenceError as error:
        return cast("cdx.Calibration", error.state)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cdx.diagnose([{"person": "a", "MAT-001": "1"}], MATHEMATICS, standards=wrong("R201")),
        lambda: cdx.diagnose([{"person": "a", "MAT-001": "1"}], MATHEMATICS, standards=wrong(cdx.R201)),
        lambda: cdx.diagnose([{"person": "a", "MAT-001": "1"}], MATHEMATICS, rule=wrong(None)),
        lambda: cdx.simulate(MATHEMATICS, 5, rng=wrong(1)),
        lambda: cdx.simulate(MATHEMATICS, -1, rng=np.random.default_rng(1)),
        lambda: MATHEMATICS.with_calibration(wrong(None)),
        lambda: cdx.load_bank(wrong(None)),
        lambda: cdx.EAP(points=0),
        lambda: cdx.EAP(item_uncertainty=wrong("zzz")),
        lambda: cdx.MAP(item_uncertainty=wrong("zzz")),
    ],
)
def test_wrong_arguments_get_a_sentence(call: Callable[[], object]) -> None:
    with pytest.raises(CompetencyDxError, match=r"\w+ \w+ \w+"):
        call()


def test_one_record_is_one_person() -> None:
    calibrated = cdx.calibrate(cdx.simulate(MATHEMATICS, 300, rng=np.random.default_rng(8)), model="PCM")
    assert len(cdx.score({"MAT-001": 1, "MAT-002": 0}, calibrated).theta) == 1


def test_the_error_types_are_still_builtin_ones() -> None:
    assert issubclass(DiagnosisError, ValueError)
