"""Items on one stimulus: testlets of the bank, the general slopes they leave intact, and fewer false deficits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

import competency_dx as cdx
from competency_dx.arrays import Floats
from competency_dx.bank.item import Stimulus
from competency_dx.errors import CalibrationError

I, CUT, SURE = 32, -0.5, 0.9


@pytest.fixture(scope="module")
def bank() -> cdx.ItemBank:
    """The bank with thirty of its items of one point in six sets of five on a text each; no other items share a stimulus."""
    whole, ids = cdx.load_bank("mathematics"), chosen()
    texts = {item: Stimulus(text=f"Text {k // 5}") for k, item in enumerate(ids[:30])}
    items = (i.model_copy(update={"stimulus": texts[i.id]}) if i.id in texts else i for i in whole.items)
    return replace(whole, items=tuple(items))


def chosen() -> list[str]:
    return [item.id for item in cdx.load_bank("mathematics").items if item.max_score == 1][:I]


def drawn(shared: float, seed: int, persons: int = 800) -> tuple[pd.DataFrame, Floats, Floats]:
    """Return answers, true slopes (I,) and θ (P,) where items on one text share a normal variable of SD `shared`."""
    rng = np.random.default_rng(seed)
    a, b, theta = rng.lognormal(0.1, 0.25, I), rng.normal(size=I), rng.normal(size=persons)
    own = np.where(np.arange(I) < 30, shared * rng.normal(size=(persons, 7))[:, np.arange(I) // 5], 0.0)
    p = 1 / (1 + np.exp(-a * (theta[:, None] + own - b)))
    return pd.DataFrame((rng.random(p.shape) < p).astype(int), columns=chosen()), a, theta


def false_share(answers: pd.DataFrame, calibration: cdx.Calibration, theta: Floats) -> float:
    scores = cdx.score(answers, calibration)
    confirmed = ndtr((CUT - scores.theta[:, 0]) / scores.se[:, 0]) >= SURE
    return float((theta[confirmed] >= CUT).mean())


def test_items_on_one_stimulus_are_a_testlet(bank: cdx.ItemBank) -> None:
    answers, a, _ = drawn(1.0, 1, persons=400)
    plain, tied = (cdx.calibrate(answers, bank=bank, dimensions=d) for d in (None, "testlets"))
    assert tied.population.dimensions == ("theta", *(f"testlet{k}" for k in range(1, 7)))
    assert np.array_equal(tied.parameters.loads.sum(axis=1), np.where(np.arange(32) < 30, 2, 1))
    assert tied.certificate.integration == "dimension reduction"
    finding = next(f for f in tied.findings if f.code == "calibration.testlets")
    assert len(finding.scope) == 30
    assert len(finding.facts["sets"]) == finding.facts["n_sets"] == 6
    slopes = [float(np.mean(x[:30] / a[:30])) for x in (plain.parameters.slope, tied.parameters.slopes[:, 0])]
    assert slopes[0] < 0.95
    assert abs(slopes[1] - 1) < 0.08
    same = cdx.calibrate(
        answers,
        dimensions=pd.DataFrame(
            {"theta": 1} | {f"testlet{k + 1}": np.arange(32) // 5 == k for k in range(6)}, index=answers.columns
        ).astype(int),
        method=cdx.MarginalML(integration="bifactor"),
        bank=bank,
    )
    assert same.digest == tied.digest


def test_order_of_items_and_items_without_answers_change_no_testlet(bank: cdx.ItemBank) -> None:
    answers, _, _ = drawn(1.0, 2, persons=400)
    few = answers[answers.columns[::-1][:12]]  # two without a text, then the last two texts with all their items
    tied = cdx.calibrate(few, bank=bank, dimensions="testlets")
    assert tied.population.dimensions == ("theta", "testlet1", "testlet2")


def test_what_cannot_be_testlets_says_so(bank: cdx.ItemBank) -> None:
    answers, _, _ = drawn(0.0, 3, persons=60)
    with pytest.raises(CalibrationError, match="no two items with answers on one stimulus"):
        cdx.calibrate(answers.iloc[:, ::5], bank=bank, dimensions="testlets")
    with pytest.raises(CalibrationError, match="give it in bank="):
        cdx.calibrate(answers, dimensions="testlets")


def test_a_bank_refuses_testlets_and_takes_one_item_of_each(
    bank: cdx.ItemBank, quiet: Callable[[], AbstractContextManager[None]]
) -> None:
    answers, _, _ = drawn(1.0, 4, persons=400)
    tied = cdx.calibrate(answers, bank=bank, dimensions="testlets")
    with pytest.raises(
        CalibrationError, match=r"keep one item of each set: calibrate the answers without .* and 19 more, then"
    ) as told:
        bank.with_calibration(tied)
    rest = list(told.value.facts["rest"])
    slopes = tied.parameters.slopes[:, 0]
    assert [int(np.argmax(slopes[k : k + 5])) for k in range(0, 30, 5)] == [
        next(j for j in range(5) if chosen()[k + j] not in rest) for k in range(0, 30, 5)
    ]
    kept = cdx.calibrate(answers.drop(columns=rest), bank=bank)
    new = bank.without([i.id for i in bank.items if i.id not in kept.parameters.items]).with_calibration(kept)
    assert {r.item for r in new.parameters} == set(chosen()) - set(rest)
    with quiet():
        assert len(cdx.diagnose(answers.head(20), new)) == 20


@pytest.mark.recovery
def test_false_deficits_go_back_to_where_they_are_without_dependence(bank: cdx.ItemBank) -> None:
    shares: dict[str, list[float]] = {"none": [], "one dimension": [], "testlets": []}
    for seed in range(20, 30):
        answers, _, theta = drawn(0.0, seed)
        shares["none"].append(false_share(answers, cdx.calibrate(answers, bank=bank), theta))
        answers, _, theta = drawn(1.0, seed)
        shares["one dimension"].append(false_share(answers, cdx.calibrate(answers, bank=bank), theta))
        shares["testlets"].append(false_share(answers, cdx.calibrate(answers, bank=bank, dimensions="testlets"), theta))
    none, one, tied = (float(np.mean(x)) for x in shares.values())
    assert one > 1.5 * tied
    assert tied < none + (one - none) / 2
