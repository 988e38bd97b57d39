from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from competency_dx.errors import ResponsesError
from competency_dx.responses import Layout, MissingPolicy, Reason, Responses, check_design, load_responses
from competency_dx.responses.design import components, meetings

if TYPE_CHECKING:
    from competency_dx.bank import ItemBank

A, NA, OM, NR, INV = (int(r) for r in Reason)


@pytest.fixture
def found(bank: ItemBank) -> Responses:
    table = {
        "person": ["a", "b", "c"],
        "form": ["A", "A", "A"],
        "город": ["г", "", "с"],
        "M01": ["3", "", "В"],
        "M03": ["А3", "31", "13"],
        "M05": ["2,55", "", "3"],
    }
    with pytest.warns(match="cannot be an"):
        return load_responses(table, bank=bank)


def test_states(found: Responses) -> None:
    assert found.reasons.tolist() == [[A, A, A], [OM, A, NR], [INV, A, A]]
    assert found.scores.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (MissingPolicy(), [[1, 1, 1], [1, 1, 0], [0, 1, 1]]),
        (MissingPolicy(omitted="ignore"), [[1, 1, 1], [0, 1, 0], [0, 1, 1]]),
        (MissingPolicy(not_reached="incorrect"), [[1, 1, 1], [1, 1, 1], [0, 1, 1]]),
        (MissingPolicy(invalid="incorrect"), [[1, 1, 1], [1, 1, 0], [1, 1, 1]]),
    ],
)
def test_policies(found: Responses, policy: MissingPolicy, expected: list[list[int]]) -> None:
    scores, observed = found.effective(policy)
    assert scores.dtype == np.int8
    assert observed.astype(int).tolist() == expected
    assert scores.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_policies_in_words() -> None:
    assert MissingPolicy().describe("en") == "scored 0: omitted; left out: not reached, invalid, not administered"
    assert MissingPolicy().describe("ru").startswith("как неверные: пропущенные; не учитываются: ")
    with pytest.raises(ResponsesError, match=r"omitted= takes 'ignore' . 'incorrect'"):
        MissingPolicy(omitted="wrong")  # type: ignore[arg-type]


def test_round_trip(found: Responses) -> None:
    again = Responses.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    for name in ("persons", "scores", "reasons", "max_scores"):
        ours, theirs = getattr(again, name), getattr(found, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert again.background["город"].tolist() == ["г", "", "с"]
    assert again.findings == found.findings
    assert again.answers is not None
    assert json.loads(found.to_json())["provenance"]["inputs"]["bank"].startswith("small 1.0 sha256:")


def test_a_table_of_nobody_is_read_back(found: Responses) -> None:
    nobody = found.select(persons=[])
    back = Responses.from_json(nobody.to_json())
    assert back.scores.shape == back.reasons.shape == (0, 3)
    assert back.to_json() == nobody.to_json()


def test_values_are_frozen(found: Responses) -> None:
    with pytest.raises(ValueError, match="read-only"):
        found.scores[0, 0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.items = ()  # type: ignore[misc]
    assert not found.background["город"].flags.writeable


def test_frame_and_texts(found: Responses) -> None:
    frame = found.to_frame()
    assert list(frame.columns) == ["person", "M01", "M03", "M05"]
    assert frame["M01"].isna().tolist() == [False, True, True]
    assert len(str(found).splitlines()) <= 12
    assert "answered 6 of 9 cells (66.7 %)" in str(found)
    assert found.chart("scores").series[0].x.tolist() == pytest.approx([0.5, 1 / 3, 1.0])
    assert "<table" in found._repr_html_()


def test_plot(found: Responses) -> None:
    pytest.importorskip("matplotlib")
    assert found.plot().axes


def test_select(found: Responses, bank: ItemBank) -> None:
    part = found.select(items=["M05", "M01"], persons=["c", "a"])
    assert part.persons.tolist() == ["c", "a"]
    assert part.items == ("M05", "M01")
    assert part.scores.tolist() == [[0, 0], [1, 1]]
    assert part.reasons.tolist() == [[A, INV], [A, A]]
    assert part.background["город"].tolist() == ["с", "г"]
    assert part.explain("a", "M05", bank).raw == "2,55"
    with pytest.raises(ResponsesError, match="no items M77"):
        found.select(items=["M77"])


def test_explain(found: Responses, bank: ItemBank) -> None:
    told = found.explain("a", "M05", bank)
    assert (told.raw, told.normalised, told.points, told.max_score) == ("2,55", "2.55", 1, 1)
    assert told.key is None
    assert "2.5" not in told.rule.text("en").replace("0.1", "")
    assert found.explain("a", "M05", bank, key="shown").key == "2.5"
    assert found.explain("c", "M01", bank).state == "invalid"
    assert found.explain("b", "M05", bank).raw is None
    assert "ответ: «2,55» (прочитан как 2.55)" in told.text("ru")
    for item in found.items:
        assert "3 1" not in found.explain("b", item, bank, key="hidden").rule.text("ru")


def test_shapes_are_checked(found: Responses) -> None:
    for fields, sentence in [
        ({"scores": np.zeros((2, 3))}, "scores has the shape"),
        ({"max_scores": np.ones(2)}, "max_scores has the shape"),
        ({"persons": np.array(["a", "a", "c"], dtype=object)}, "person ids occur twice: a"),
        ({"scores": np.full((3, 3), 2)}, "above the maximum of items M01"),
        ({"scores": np.full((3, 3), -1)}, "negative"),
        ({"reasons": np.full((3, 3), 9)}, "reasons has the value 9"),
        ({"max_scores": np.array([1, 1, 128])}, "at most 127 points"),
        ({"scores": np.full((3, 3), 256)}, "at most 127 points"),
    ]:
        with pytest.raises(ResponsesError, match=sentence):
            dataclasses.replace(found, **fields)  # type: ignore[arg-type]


def test_a_connected_design_has_nothing_against_it() -> None:
    rows = [[1, 0, None], [None, 1, 0], [0, 1, 1]]
    assert check_design(load_responses(np.array(rows, dtype=float))) == ()


def test_disconnected_booklets_are_an_error() -> None:
    rows = np.array([[1, 0, None, None], [0, 1, None, None], [None, None, 1, 0], [None, None, 0, 1]], dtype=float)
    (finding,) = check_design(load_responses(rows))
    assert finding.code == "responses.disconnected"
    assert finding.severity == "error"
    assert finding.scope == ("item3", "item4")
    assert finding.facts["blocks"] == (("item1", 2), ("item3", 2))
    assert "item1 (2), item3 (2)" in finding.en
    bridged = np.vstack([rows, [[np.nan, 1, 0, np.nan]]])
    assert check_design(load_responses(bridged)) == ()


def test_booklets_linked_by_few_persons_are_named() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 2, (100, 7)).astype(float)
    rows[:60, 4:] = rows[60:, :4] = np.nan
    for persons, code in ((1, "responses.weakly_linked"), (9, "responses.weakly_linked"), (10, None)):
        linked = rows.copy()
        linked[:persons, 4] = 1.0
        found = check_design(load_responses(linked))
        assert [f.code for f in found] == ([code] if code else [])
        assert all(f.scope == ("item5", "item6", "item7") for f in found)


def test_empty_and_constant_items_and_empty_persons() -> None:
    rows = np.array([[1, 1, np.nan], [1, 0, np.nan], [np.nan] * 3])
    found = {f.code.removeprefix("responses."): f.scope for f in check_design(load_responses(rows))}
    assert found == {"empty_items": ("item3",), "constant_items": ("item1",), "empty_persons": ("3",)}


def test_components() -> None:
    seen = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 1]], dtype=bool)
    assert components(meetings(seen)).tolist() == [0, 1, -1, 0, 0]


def test_same_input_gives_the_same_bytes(bank: ItemBank) -> None:
    table = {"person": ["a"], "M01": ["3"], "M05": ["2"]}
    assert load_responses(table, bank=bank).to_json() == load_responses(table, bank=bank).to_json()
    plan = Layout(cells="raw")
    assert load_responses(table, bank=bank, layout=plan).provenance.settings["cells"] == "raw"
