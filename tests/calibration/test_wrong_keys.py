"""A probable wrong key is an error that right keys hardly ever raise and that wrong ones do raise."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.calibration import suspected_keys
from competency_dx.responses import RawAnswers, chance_of

Quiet = Callable[[], AbstractContextManager[None]]


def drawn(
    rng: np.random.Generator, persons: int, items: int, *, missing: float = 0.0, flat: int = 0
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return Rasch answers, of which the first `flat` items measure nothing."""
    slope = np.where(np.arange(items) < flat, 0.0, 1.0)
    logit = slope * (rng.normal(size=(persons, 1)) - rng.normal(size=items))
    x = (rng.random(logit.shape) < 1 / (1 + np.exp(-logit))).astype(float)
    x[rng.random(x.shape) < missing] = np.nan
    return x


@pytest.mark.filterwarnings("ignore::competency_dx.errors.CompetencyDxWarning")
@pytest.mark.parametrize(
    ("persons", "items", "missing", "flat"),
    [(20, 25, 0.0, 0), (60, 25, 0.0, 12), (60, 80, 0.92, 0), (200, 40, 0.8, 20), (500, 20, 0.0, 20)],
)
def test_right_keys_are_hardly_ever_suspected(persons: int, items: int, missing: float, flat: int) -> None:
    """At most one test in a hundred (18 of 1,500 with 20 flat items, none of 700 without any): 3 of 30 would be p = .004."""
    rng = np.random.default_rng(7)
    tables = [drawn(rng, persons, items, missing=missing, flat=flat) for _ in range(30)]
    assert sum(bool(suspected_keys(cdx.load_responses(x))) for x in tables) <= 2


def test_a_calibration_of_sparse_answers_with_right_keys_raises_no_error(quiet: Quiet) -> None:
    rng = np.random.default_rng(7)
    for persons, items, missing in ((25, 10, 0.0), (60, 60, 0.9), (60, 60, 0.9), (100, 40, 0.8)):
        with quiet():
            found = cdx.calibrate(drawn(rng, persons, items, missing=missing), model="Rasch")
        assert "calibration.probable_wrong_key" not in {f.code for f in found.findings}


def test_a_flat_item_is_flat_and_no_error(quiet: Quiet) -> None:
    """Estimates of a slope of 0 lie below 0 as often as above; neither says that a key is wrong."""
    rng = np.random.default_rng(0)
    signs = []
    for _ in range(6):
        with quiet():
            found = cdx.calibrate(drawn(rng, 300, 8, flat=1), model="2PL")
        assert not [f for f in found.findings if f.severity == "error"]
        signs.append(bool(found.to_frame()["a"][0] < 0))
    assert set(signs) == {False, True}


def test_chances_are_those_of_the_t_distribution() -> None:
    from scipy.stats import t

    for n in (10, 30, 400, 20_000):
        for r in (-0.5, 0.0, 0.05, 0.2, 0.5):
            expected = t.sf(r * np.sqrt((n - 2) / (1 - r * r)), n - 2)
            assert chance_of(r, n) == pytest.approx(expected, rel=1e-5, abs=1e-300)
    assert chance_of(np.nan, 50) == chance_of(0.9, 2) == 1.0


def with_options(rng: np.random.Generator, persons: int) -> cdx.Responses:
    """Return answers A-D to 20 items with the key A; the first item is keyed B."""
    right = drawn(rng, persons, 20) == 1
    chosen = np.where(right, 0, rng.integers(1, 4, size=right.shape))
    points = np.where(np.arange(20) == 0, chosen == 1, chosen == 0).astype(int)
    answers = RawAnswers(codes=chosen.astype(np.int32), vocabulary=(tuple("ABCD"),) * 20, kinds=(("text",) * 4,) * 20)
    return replace(cdx.load_responses(points), answers=answers)


def test_wrong_keys_are_found_and_the_right_one_named() -> None:
    """Power with 240 persons: 58 of 60 (one of three distractors keyed); here at least 17 of 20, all named rightly."""
    rng = np.random.default_rng(3)
    found = [suspected_keys(with_options(rng, 240)) for _ in range(20)]
    first = [s for suspected in found for s in suspected if s.item == "item1"]
    assert len(first) >= 17
    assert {s.suggestion for s in first} == {"A"}
    assert sum(len(suspected) for suspected in found) == len(first)
    assert [use.code for use in first[0].options] == ["A", "B", "C", "D"]
    assert sum(use.share for use in first[0].options) == pytest.approx(1.0)
    assert max(first[0].options, key=lambda use: use.rest).code == "A"


def test_booklets_of_unequal_difficulty_do_not_turn_an_item_round(quiet: Quiet) -> None:
    """Strong persons with a hard booklet earn less on it than weak ones with an easy one; the common items stay sound."""
    rng = np.random.default_rng(5)
    strong = np.repeat([False, True], 300)
    b = np.r_[np.full(8, -3.0), np.zeros(4), np.full(8, 3.5)]
    theta = rng.normal(size=600) * 0.5 + np.where(strong, 1.0, -1.0)
    x = (rng.random((600, 20)) < 1 / (1 + np.exp(-(theta[:, None] - b)))).astype(float)
    x[np.ix_(strong, np.arange(8))] = np.nan
    x[np.ix_(~strong, np.arange(12, 20))] = np.nan
    table = pd.DataFrame(x, columns=[f"i{k}" for k in range(20)])
    with quiet():
        found = cdx.calibrate(table, model="Rasch")
    assert (found.item_rest[8:12] > 0.2).all()
    assert "calibration.probable_wrong_key" not in {f.code for f in found.findings}
