"""Examples that the domain would check, those that no test of one room tells (the others are named in its tests)."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.competencies import STATUSES
from competency_dx.errors import CompetencyDxWarning


@pytest.fixture(scope="module")
def drawn() -> cdx.Responses:
    return cdx.simulate(cdx.load_bank("mathematics"), 150, rng=np.random.default_rng(4))


def diagnosed(responses: cdx.Responses) -> cdx.DeficitProfiles:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return cdx.diagnose(responses, cdx.load_bank("mathematics"))


def test_variants_of_other_difficulty_give_other_points_and_the_same_percent(drawn: cdx.Responses) -> None:
    """Acceptance example 1: the raw percents differ, percents on the reference set and levels agree within their error."""
    bank = cdx.load_bank("mathematics")
    hard = sorted(drawn.items, key=lambda item: np.nanmean(drawn.scores[:, drawn.items.index(item)]) / bank.item(item).max_score)
    raw, found = [], []
    for items in (hard[: len(hard) // 2], hard[len(hard) // 2 :]):
        some = drawn.select(items=items)
        raw.append(100 * some.scores.sum() / (len(some.persons) * sum(bank.item(i).max_score for i in some.items)))
        found.append(diagnosed(some))
    (low, high), gap = ([p.percent[:, 0] for p in found], abs(raw[0] - raw[1]))
    assert gap > 15
    assert abs(low.mean() - high.mean()) < gap / 4
    se = np.hypot(*((p.percent_high - p.percent_low)[:, 0] / 3.92 for p in found))
    assert (np.abs(low - high) < 1.96 * se).mean() > 0.9


def test_a_short_paper_has_a_whole_and_says_why_its_blocks_are_not_shown_alone(drawn: cdx.Responses) -> None:
    """Acceptance example 2: of 25 items no block with few answers is told by them alone, and the reason is told."""
    found = diagnosed(drawn.select(items=cdx.load_bank("mathematics").forms[0].items[:25]))
    assert (found.status[:, 0] == STATUSES.index("reported")).mean() > 0.9
    frame = found.to_frame()
    few = frame[(frame["n_items"] < found.rule.min_items) & (frame["n_items"] > 0)]
    assert len(few)
    assert set(few["status"]) <= {"too_few_items", "borrowed", "misfit", "low_effort"}
    assert (few["state"] == "insufficient_data").all()


def test_digits_in_a_workbook_keep_their_zeros(tmp_path: Path) -> None:
    """Acceptance example 6: "013" in a workbook is read as "013"."""
    bank = cdx.load_bank("mathematics")
    item = next(i for i in bank.items if i.type == "digits" and str(i.key).startswith("0"))
    table = pd.DataFrame({"person": ["a", "b", "c"], item.id: [str(item.key), f"0{item.key}", "11111"]})
    table.to_excel(tmp_path / "answers.xlsx", index=False)
    assert cdx.load_responses(tmp_path / "answers.xlsx", bank=bank).scores[:, 0].tolist() == [item.max_score, 0, 0]
