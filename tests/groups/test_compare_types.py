"""Types of persons in groups: shares that are covered, nothing of few persons, types that a test does not tell apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from attack import fewest_persons
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.classification import ClassCalibration, classify
from competency_dx.errors import GroupError
from competency_dx.groups import compare_types

Q = pd.DataFrame(
    [[int(x) for x in row] for row in ["100", "010", "001", "110", "101"] * 2], index=[f"T{k}" for k in range(10)], columns=list("ABC")
)


def drawn(groups: NDArray[np.int64], seed: int) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return answers of persons of groups whose mean ability differs, and what they have mastered."""
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=(len(groups), 1)) + rng.normal(0, 0.7, groups.max() + 1)[groups][:, None]
    mastered = (0.8 * ability + 0.6 * rng.normal(size=(len(groups), 3)) > [-0.4, 0, 0.3]).astype(np.int64)
    right = np.where(mastered @ Q.to_numpy().T == Q.to_numpy().sum(axis=1), 0.75, 0.25)
    table = pd.DataFrame((rng.random(right.shape) < right).astype(int), columns=Q.index)
    return table.assign(district=[f"D{g}" for g in groups]), mastered


@pytest.fixture(scope="module")
def calibration() -> ClassCalibration:
    table, _ = drawn(np.repeat(np.arange(40), 100), 1)
    return classify(cdx.load_responses(table.drop(columns="district")), Q, model="DINA")


def test_true_shares_are_covered_and_sum_to_one(calibration: ClassCalibration) -> None:
    covered = []
    for seed in range(4):
        group = np.repeat(np.arange(6), 50)
        table, mastered = drawn(group, 100 + seed)
        found = compare_types(cdx.load_responses(table), calibration, by="district")
        assert found.groupby("group")["share"].sum().to_numpy() == pytest.approx(1.0)
        is_type = (mastered[:, None, :] == calibration.profiles).all(axis=2)
        for g in range(6):
            rows, true = found[found["group"] == f"D{g}"], is_type[group == g].mean(axis=0)
            covered += [*((rows["share_low"] - 1e-9 <= true) & (true <= rows["share_high"] + 1e-9))]
    assert 0.92 <= np.mean(covered) <= 1.0  # .975 in twelve larger sets
    whole = found[found["group"] == "*"]
    assert np.abs(whole["share"].to_numpy() - is_type.mean(axis=0)).max() < 0.08
    assert found["accuracy"].dropna().between(0, 1).all()


def test_few_persons_are_not_shown_and_the_absent_do_not_count(calibration: ClassCalibration) -> None:
    table, _ = drawn(np.repeat(np.arange(4), [40, 40, 6, 14]), 5)
    table.loc[table.index[:15], list(Q.index)] = np.nan
    found = compare_types(cdx.load_responses(table), calibration, by="district")
    n = found.drop_duplicates("group").set_index("group")["n"]
    assert (n["*"], n["D1"], n["D2"]) == (85, 40, 0)
    hidden = found[found["n"] == 0]
    assert {"D2", "D3"} <= set(hidden["group"])  # 6 alone would be the whole less the others
    assert hidden[["share", "share_low", "share_high"]].isna().all(axis=None)


@pytest.mark.parametrize("moved", [1, 4, 9, 12])
def test_tables_by_two_columns_tell_together_of_no_few_persons(calibration: ClassCalibration, moved: int) -> None:
    """Schools are the districts but for a few persons: the tables less each other would be the types of these."""
    group = np.repeat(np.arange(3), 40)
    table, _ = drawn(group, 8)
    school = [f"S{(g + (p < moved)) % 3}" for p, g in enumerate(group)]
    answers = cdx.load_responses(table.assign(school=school))
    for beside in ([], ["school", "district"]):
        told = []
        for by, column in (("district", table["district"]), ("school", school)):
            found = compare_types(answers, calibration, by, beside=beside).drop_duplicates("group").set_index("group")["n"]
            names, codes = np.unique(np.array(column, dtype=str), return_inverse=True)
            told.append((codes, found[names].to_numpy() > 0))
        assert any(shown.any() for _, shown in told)
        assert (fewest_persons(told) >= 10) == (moved >= 10 or len(beside) > 0)


def test_refusals(calibration: ClassCalibration) -> None:
    table, _ = drawn(np.repeat(np.arange(2), 30), 6)
    with pytest.raises(GroupError, match="no columns school"):
        compare_types(cdx.load_responses(table), calibration, by="school")
