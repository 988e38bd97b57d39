"""Every result is frozen, tabulates, draws, prints, and writes a document that reads back to the same bytes."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pandas as pd
import pytest

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning, DocumentError
from competency_dx.result import MAX_LINES, Result, decode, encode


def _bank() -> cdx.ItemBank:
    return cdx.load_bank("physics")


def _responses() -> cdx.Responses:
    data = cdx.simulate(_bank(), 130, rng=np.random.default_rng(1)).to_frame().set_index("person")
    data = data.mask(np.random.default_rng(2).random(data.shape) < 0.1)
    data.iloc[3] = np.nan
    return cdx.load_responses(data)


def _quietly(make: Callable[[], Result]) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return make()


def _gap() -> cdx.Calibration:
    """Calibrate with a score nobody earned, so that parameters and errors are NaN."""
    rng = np.random.default_rng(3)
    scores = (rng.random((400, 4, 3)) < 1 / (1 + np.exp(-rng.normal(size=(400, 1, 1))))).sum(axis=2)
    scores[:, 1] = np.where(scores[:, 1] == 2, 3, scores[:, 1])
    return cdx.calibrate(scores, model="GPCM", priors=None)


MAKERS: dict[str, Callable[[], Result]] = {
    "ItemBank": _bank,
    "Responses": _responses,
    "Calibration": lambda: cdx.calibrate(_responses(), model="GPCM"),
    "Calibration with NaN": _gap,
    "Scores": lambda: cdx.score(_responses(), _bank()),
    "Scores of one person": lambda: cdx.score(_responses().select(persons=["1"]), _bank()),
    "DeficitProfiles": lambda: cdx.diagnose(_responses(), _bank()),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def result(request: pytest.FixtureRequest) -> Result:
    return _quietly(MAKERS[request.param])


def test_fields_cannot_be_set(result: Result) -> None:
    for field in fields(result):  # type: ignore[arg-type]  # every result is a dataclass
        with pytest.raises(FrozenInstanceError):
            setattr(result, field.name, None)
    with pytest.raises((AttributeError, TypeError)):
        result.surprise = 1  # type: ignore[attr-defined]  # slots leave no room for it


def _arrays(item: object) -> list[np.ndarray]:
    """Return every array in a value, however deep."""
    if isinstance(item, np.ndarray):
        return [item]
    if is_dataclass(item) and not isinstance(item, type):
        return [a for f in fields(item) for a in _arrays(getattr(item, f.name))]
    if isinstance(item, tuple | list):
        return [a for v in item for a in _arrays(v)]
    if isinstance(item, dict):
        return [a for v in item.values() for a in _arrays(v)]
    return []


def test_arrays_are_read_only(result: Result) -> None:
    arrays = _arrays(result)
    assert arrays or isinstance(result, cdx.ItemBank)
    for array in arrays:
        assert not array.flags.writeable
        assert array.base is None or not array.base.flags.writeable


def test_frame_has_one_row_per_unit_and_is_a_copy(result: Result) -> None:
    frame = result.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) > 0
    assert frame.columns.is_unique
    frame.iloc[:, 0] = "changed"
    assert not result.to_frame().equals(frame)


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


def test_json_comes_back_to_the_same_bytes(result: Result) -> None:
    text = result.to_json()
    document = json.loads(text, parse_constant=_refuse)
    assert document["kind"] == result.kind
    assert document["schema_version"] == result.schema_version
    again = type(result).from_json(text)
    assert again.to_json() == text
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())


def test_json_carries_how_it_was_made(result: Result) -> None:
    document = json.loads(result.to_json())
    if isinstance(result, cdx.ItemBank):
        assert document["digest"] == result.digest
    else:
        assert set(document["provenance"]) == {"verb", "library", "inputs", "settings"}
        assert document["provenance"]["library"] == cdx.__version__


def test_making_it_again_gives_the_same_bytes(request: pytest.FixtureRequest, result: Result) -> None:
    name = request.node.callspec.params["result"]
    assert _quietly(MAKERS[name]).to_json() == result.to_json()


def test_documents_of_another_kind_version_or_no_json_are_refused(result: Result) -> None:
    document = json.loads(result.to_json())
    with pytest.raises(DocumentError, match="is of kind 'recipe'; expected"):
        type(result).from_json(json.dumps(document | {"kind": "recipe"}))
    with pytest.raises(DocumentError, match="has schema_version 99; this library reads 1"):
        type(result).from_json(json.dumps(document | {"schema_version": 99}))
    with pytest.raises(DocumentError, match="is not JSON"):
        type(result).from_json(result.to_json()[:-2])
    with pytest.raises(DocumentError, match="is of kind None"):
        type(result).from_json("[1, 2]")


def test_text_is_short_and_says_something(result: Result) -> None:
    lines = str(result).splitlines()
    assert 1 <= len(lines) <= MAX_LINES
    assert all(line.strip() for line in lines)
    assert repr(result) == str(result)


def test_html_is_a_table_without_scripts(result: Result) -> None:
    html = result._repr_html_()
    assert "<table" in html
    assert "<script" not in html.lower()
    assert "onclick" not in html.lower()


def test_every_kind_of_picture_draws(result: Result) -> None:
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure

    assert result.chart_kinds()
    for kind in (None, *result.chart_kinds()):
        figure = result.plot(kind)
        assert isinstance(figure, Figure)
        assert figure.axes
        assert figure.axes[0].has_data()
        figure.canvas.draw()
        plt.close(figure)


def test_unknown_pictures_say_what_there_is(result: Result) -> None:
    with pytest.raises(ValueError, match=rf"has no plot 'pie'; choose one of: {result.chart_kinds()[0]}"):
        result.plot("pie")


def test_markup_in_ids_is_escaped() -> None:
    frame = pd.DataFrame({"<script>alert(1)</script>": [0, 1], "b": [1, 1]})
    html = cdx.load_responses(frame)._repr_html_()
    assert "<script" not in html


def test_an_array_given_to_a_result_may_be_changed_afterwards() -> None:
    theta = np.zeros((1, 1))
    found = cdx.score(_responses().select(persons=["1"]), _bank())
    from dataclasses import replace

    copy = replace(found, theta=theta)
    theta[0, 0] = 5.0
    assert copy.theta[0, 0] == 0.0


def test_encode_turns_what_is_not_finite_into_null() -> None:
    assert encode({"a": np.nan, "b": np.array([1.0, np.inf]), "c": (np.float64(2.5), np.int8(3))}) == {
        "a": None,
        "b": [1.0, None],
        "c": [2.5, 3],
    }


def test_decode_names_the_place_of_a_fault() -> None:
    text = cdx.score(_responses().select(persons=["1"]), _bank()).to_json()
    document = json.loads(text)
    del document["provenance"]["verb"]
    with pytest.raises(
        DocumentError, match=r"scores\.provenance does not match Provenance: .*missing fields \['verb'\]"
    ):
        cdx.Scores.from_json(json.dumps(document))
    assert np.isnan(decode(float, None, "x"))


def test_what_is_not_a_number_is_null_in_the_document() -> None:
    found = _quietly(_gap)
    assert isinstance(found, cdx.Calibration)
    assert np.isnan(found.parameters.intercepts[1, 2])
    assert json.loads(found.to_json())["parameters"]["intercepts"][1][2] is None
