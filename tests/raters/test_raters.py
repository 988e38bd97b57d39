"""Protocols of experts: what is read and refused, agreement, the third expert."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning, RatersError
from competency_dx.raters import Ratings, ThirdExpert, check_agreement, load_ratings

Quiet = Callable[[], AbstractContextManager[None]]
STEPS = np.array([-1.2, 0.0, 1.2])


def drawn(
    P: int = 300,
    C: int = 4,
    R: int = 8,
    *,
    seed: int = 1,
    experts: Callable[[int, np.random.Generator], Any] | None = None,
    **changed: Any,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a protocol of works that two experts marked, and the severities; `changed` are the habits of the first expert."""
    rng = np.random.default_rng(seed)
    theta, severity, place = rng.normal(0, 1.2, P), np.linspace(-1, 1, R), np.linspace(-0.5, 0.5, C)
    rows = []
    for p in range(P):
        for r in rng.choice(R, 2, replace=False) if experts is None else experts(p, rng):
            day, odd = int(rng.integers(1, 29)), r == 0
            shift = odd * rng.normal(0, changed.get("halo", 0)) - odd * changed.get("drift", 0) * ((day - 1) / 27 - 0.5)
            for c in range(C):
                b = place[c] + severity[r] + STEPS * (changed.get("stretch", 1) if odd else 1)
                log_p = np.concatenate([[0], np.cumsum(theta[p] + shift - b)])
                mark = int((rng.random() > np.cumsum(np.exp(log_p) / np.exp(log_p).sum())).sum())
                rows.append((f"w{p}", "T1", f"k{c + 1}", f"e{r + 1}", mark, f"{day:02d}.03.2026"))
    columns = ["Шифр работы", "Задание", "Критерий", "Эксперт", "Балл", "Дата проверки"]
    return pd.DataFrame(rows, columns=columns), severity


@cache
def study() -> tuple[Ratings, np.ndarray]:
    table, severity = drawn()
    ratings = load_ratings(table, maximum=3)
    return ratings, severity


def test_headings_are_known_and_every_mark_is_kept() -> None:
    ratings = study()[0]
    assert (len(ratings), len(ratings.persons), ratings.items, len(ratings.experts)) == (
        2400,
        300,
        ("T1/k1", "T1/k2", "T1/k3", "T1/k4"),
        8,
    )
    assert ratings.persons[:3] == ("w0", "w1", "w2")
    assert np.ptp(ratings.day) == 27
    frame = ratings.to_frame()
    assert list(frame.columns) == ["person", "task", "criterion", "expert", "mark", "written", "status", "day"]
    assert (frame["status"] == "used").all()


BAD = pd.DataFrame(
    [
        ("a", "k", "e1", "2"), ("a", "k", "e2", "2,0"), ("b", "k", "e1", "хорошо"), ("b", "k", "e2", "9"), ("c", "k", "e1", "1"),
        ("c", "k", "e1", "3"), ("c", "k", "e2", "1"), ("d", "k", "", "1"), ("d", "k", "e9", "1"), ("e", "k", "e2", None),
        ("e", "k", "e1", "1,5"),
    ],
    columns=["person", "criterion", "expert", "mark"],
)  # fmt: skip


def test_bad_marks_get_a_sentence_each_and_stay_in_the_table() -> None:
    with pytest.warns(CompetencyDxWarning) as told:
        ratings = load_ratings(BAD, maximum=3, experts=["e1", "e2"])
    status = ratings.to_frame()["status"].tolist()
    assert status == ["used", "used", "unreadable", "above", "used", "used", "used", "unknown", "unknown", "blank", "unreadable"]
    assert ratings.to_frame()["written"].tolist()[2:4] == ["хорошо", "9"]
    codes = {f.code: f for f in ratings.findings}
    assert set(codes) == {"raters.unreadable", "raters.above_maximum", "raters.unknown", "raters.marked_twice"}
    assert len(told) == 4
    assert "b, k, e1: хорошо" in codes["raters.unreadable"].ru
    assert "b, k, e2: 9" in codes["raters.above_maximum"].en
    assert codes["raters.marked_twice"].scope == ("c",)
    assert ratings.answers()[ratings.persons.index("c"), 0] == {0: 3, 1: 1}  # the last word of an expert
    assert "не учтено" in "\n".join(ratings.summary("ru"))


def test_the_bank_tells_the_highest_marks() -> None:
    bank = cdx.load_bank("mathematics")
    item = next(i for i in bank.items if i.rubric)
    rows = [("a", item.id, c.id, "e1", c.max_score) for c in item.rubric] + [("a", item.id, item.rubric[0].id, "e2", 99)]
    with pytest.warns(CompetencyDxWarning, match="above the maximum"):
        ratings = load_ratings(pd.DataFrame(rows, columns=["person", "task", "criterion", "expert", "mark"]), bank=bank)
    assert dict(zip(ratings.criteria, ratings.max_marks.tolist(), strict=True)) == {c.id: c.max_score for c in item.rubric}


def test_what_cannot_be_used_is_refused(quiet: Quiet) -> None:
    with pytest.raises(RatersError, match="has no columns expert"):
        load_ratings(BAD.drop(columns="expert"))
    with pytest.raises(RatersError, match="none of the 1 rows has a mark"), quiet():
        load_ratings(BAD.iloc[2:3])
    with pytest.raises(RatersError, match="marks of one expert only"):
        check_agreement(load_ratings(BAD.iloc[[0, 4]]))
    with pytest.raises(RatersError, match="from 1 to 100"):
        load_ratings(BAD.iloc[:1], maximum=1000)


def test_names_of_experts_are_personal_data() -> None:
    with pytest.raises(cdx.errors.ResponsesError, match="personal data"):
        load_ratings(BAD.assign(expert=["Иванов Пётр Сергеевич", "Петрова Анна Ивановна"] * 5 + ["e1"]))


def test_blocks_without_common_works_are_named_with_the_works_that_would_join_them(quiet: Quiet) -> None:
    def apart(p: int, rng: np.random.Generator) -> Any:
        return rng.choice(4, 2, replace=False) + 4 * (p % 3 == 0)

    table = drawn(120, experts=apart)[0]
    ratings = load_ratings(table)
    with quiet():
        agreement = check_agreement(ratings)
    assert agreement.blocks == (("e1", "e2", "e3", "e4"), ("e5", "e6", "e7", "e8"))
    assert len(agreement.links) == 10
    assert {link.second for link in agreement.links} <= set(agreement.blocks[0])
    mended = [(link.person, "T1", f"k{c}", link.second, 1, "01.03.2026") for link in agreement.links for c in range(1, 5)]
    with quiet():
        joined = load_ratings(pd.concat([table, pd.DataFrame(mended, columns=table.columns)]))
        assert len(check_agreement(joined).blocks) == 1


def test_agreement_of_a_small_table_by_hand() -> None:
    marks = {"a": (1, 1), "b": (2, 3), "c": (0, 3), "d": (3, 3), "e": (1, 1)}
    rows = [(p, "k", f"e{k}", x) for p, both in marks.items() for k, x in enumerate(both)]
    rows += [("c", "k", "e3", 2), ("f", "k", "e1", 2)]
    ratings = load_ratings(pd.DataFrame(rows, columns=["person", "criterion", "expert", "mark"]))
    agreement = check_agreement(ratings)
    pair = agreement.to_frame().query("first == 'e0' and second == 'e1'")
    assert pair[["works", "exact", "adjacent"]].to_numpy().tolist() == [[5, 0.6, 0.8]]
    third = agreement.third_expert().set_index("difference")
    assert third["readings"].tolist() == [2, 1, 1, 0]
    assert third["called"].tolist() == [0.4, 0.2, 0.2, 0]
    final = agreement.final_marks().set_index("person")
    assert final["mark"].to_dict() == {"a": 1, "b": 2.5, "c": 2, "d": 3, "e": 1, "f": 2}
    assert final["state"].to_dict() == {"a": "agreed", "b": "agreed", "c": "third", "d": "agreed", "e": "agreed", "f": "single"}
    nearest = check_agreement(ratings, rule=ThirdExpert(final="nearest")).final_marks().set_index("person")
    assert nearest.loc["c", "mark"] == 2.5
    due = check_agreement(load_ratings(pd.DataFrame(rows[:-2], columns=["person", "criterion", "expert", "mark"])))
    assert [f.code for f in due.findings] == ["raters.third_due"]
    assert due.final_marks().query("state == 'open'")["mark"].isna().tolist() == [True]


@given(st.permutations(range(6)))
def test_the_order_of_rows_and_names_of_experts_change_no_coefficient(order: list[int]) -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        [(f"p{k}", "k", e, int(rng.integers(0, 4))) for k in range(6) for e in "xy"], columns=["person", "task", "expert", "mark"]
    )
    first, names = check_agreement(load_ratings(table)), {"x": "z", "y": "y"}
    moved = table.iloc[[2 * k + side for k in order for side in (0, 1)]].assign(expert=lambda t: t["expert"].map(names))
    np.testing.assert_allclose(check_agreement(load_ratings(moved)).table[[0, -1]], first.table[[0, -1]], atol=1e-12)
