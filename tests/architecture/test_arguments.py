"""Arguments of a wrong type: every public verb and choice refuses them in one sentence that names the argument."""

from __future__ import annotations

import dataclasses
import inspect
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
import pandas as pd
import polars as pl
import pytest
import small_documents as small
from numpy.typing import NDArray
from typing_extensions import TypeAliasType

import competency_dx as cdx
from competency_dx.arrays import value
from competency_dx.errors import CompetencyDxError, CompetencyDxWarning, ResponsesError, checked, fits, type_text
from competency_dx.result import JsonDocument, decode
from competency_dx.schemas import schema

PAGES = "\n".join(page.read_text(encoding="utf-8") for page in (Path(__file__).parents[2] / "docs").rglob("*.md"))
ROOMS = [name for name in dir(cdx) if inspect.ismodule(getattr(cdx, name)) and name not in {"errors", "service"}]
HOSTILE: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "number": lambda: 5,
    "negative": lambda: -1,
    "zero": lambda: 0,
    "huge": lambda: 10**400,
    "decimal": lambda: 2.5,
    "nan": lambda: float("nan"),
    "infinite": lambda: float("inf"),
    "truth": lambda: True,
    "complex": lambda: 1j,
    "numpy number": lambda: np.int64(3),
    "numpy nan": lambda: np.float64("nan"),
    "pandas gap": lambda: pd.NA,
    "no text": lambda: "",
    "text": lambda: "xyz",
    "zero byte": lambda: "a\0b",
    "half a sign": lambda: "\ud800",
    "bytes": lambda: b"x",
    "path": lambda: Path("nowhere"),
    "empty list": list,
    "empty tuple": tuple,
    "empty mapping": dict,
    "list of numbers": lambda: [1],
    "list of texts": lambda: ["a"],
    "list of nothing": lambda: [None],
    "mixed list": lambda: [1, "a", None],
    "uneven lists": lambda: [[1, 2], [3]],
    "pair": lambda: (1, 2),
    "pair of texts": lambda: ("a", "b"),
    "list of pairs": lambda: [("a", "b")],
    "range": lambda: range(3),
    "set": lambda: {1},
    "generator": lambda: (x for x in [1]),
    "mapping to number": lambda: {"a": 1},
    "mapping to nan": lambda: {"a": float("nan")},
    "mapping to text": lambda: {"a": "b"},
    "mapping to list": lambda: {"a": ["b"]},
    "mapping to mapping": lambda: {"a": {"b": "c"}},
    "mapping of numbers": lambda: {1: 2},
    "mapping of nothing": lambda: {None: None},
    "array": lambda: np.array([1.0, np.nan]),
    "array of texts": lambda: np.array(["a"], dtype=object),
    "array without axes": lambda: np.array(5),
    "masked array": lambda: np.ma.masked_array([1, 2], mask=[False, True]),
    "masked table": lambda: np.ma.masked_array([[1, 0], [0, 1]], mask=[[False, True], [False, False]]),
    "empty frame": pd.DataFrame,
    "frame": lambda: pd.DataFrame({"a": [1, 2]}),
    "polars frame": lambda: pl.DataFrame({"a": [1, 2]}),
    "series": lambda: pd.Series([1, 2]),
    "function": lambda: len,
    "class": lambda: int,
    "date": lambda: date(2020, 1, 1),
    "object": object,
}


def in_pages(name: str) -> bool:
    return f"{name}(" in PAGES


@cache
def public() -> dict[str, Any]:
    """Return what users call: the names of the root, and what the pages call in a room."""
    doors = [cdx, *(getattr(cdx, room) for room in ROOMS), import_module("competency_dx.reports")]
    named = {name: (door, getattr(door, name)) for door in doors for name in door.__all__ if door is cdx or in_pages(name)}
    return {name: what for name, (_, what) in named.items() if inspect.isfunction(what) or is_choice(what)}


def is_choice(what: object) -> bool:
    return inspect.isclass(what) and dataclasses.is_dataclass(what) and not issubclass(what, JsonDocument)


@cache
def usual_and_further() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return arguments by their names, and those of single verbs and classes where theirs are others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        return _usual_and_further()


def _usual_and_further() -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    table, bank, one = small.answers(), small.bank(), cdx.calibrate(small.answers())
    responses, classes, standards = cdx.load_responses(table), small.classes(), cdx.R201()
    schools = small._of_schools()
    usual = {"bank": bank, "data": responses, "responses": small.responses(), "parameters": bank, "calibration": one, "n": 2}
    usual |= {"profiles": schools, "before": schools, "after": schools, "by": "school", "new": one, "old": one, "persons": 3}
    usual |= {"rule": cdx.competencies.CertificationRule(minimum={bank.header.subject: 55}), "ratings": small.ratings()}
    usual |= {"catalogue": cdx.routes.load_catalogue("synthetic"), "result": one, "folder_or_file": "page.html", "folder": "bank"}
    usual |= {"reports": [cdx.compare_groups(schools, "school")]}
    usual |= {"source": table, "path": "bank.xlsx", "rng": np.random.default_rng(1), "cuts": [5.0], "name_or_path": "mathematics"}
    usual |= {"text": "{}", "estimates": [1.0, 1.2], "variances": [0.1, 0.2], "target": "out.parquet", "data": responses}
    q = pd.DataFrame({"A": [1, 1, 1, 0, 0, 1], "B": [0, 0, 0, 1, 1, 1]}, index=table.columns)
    further: dict[str, dict[str, Any]] = {
        "calibrate": {"responses": table},
        "classify": {"responses": table, "q_matrix": q},
        "check_dif": {"responses": table, "by": ["a", "b"] * 30, "model": "Rasch"},
        "check_fit": {"responses": table, "parameters": one},
        "cross_check": {"responses": table},
        "diagnose_file": {"source": "answers.parquet"},
        "score_file": {"source": "answers.parquet"},
        "load_framework": {"name_or_path": "teacher"},
        "save_framework": {"framework": bank.framework, "path": "framework.yaml"},
        "load_catalogue": {"name_or_path": "synthetic"},
        "load_self_report": {"name_or_path": "wellbeing"},
        "load_ratings": {"source": pd.DataFrame({"person": ["a", "b"], "criterion": "k", "expert": ["x", "y"], "mark": [1, 2]})},
        "adjust_marks": {"calibration": cdx.raters.calibrate_raters(small.ratings())},
        "find_misconceptions": {"responses": small.chosen(), "rule": cdx.misconceptions.MisconceptionRule()},
        "check_items": {"responses": small.chosen()},
        "suspected_keys": {"responses": small.chosen()},
        "rotated": {"calibration": cdx.calibrate(table, dimensions=cdx.calibration.Exploratory(n=2))},
        "compare": {"calibrations": {"a": one, "b": one}},
        "score_answers": {"item": bank.items[0], "answers": ["A"]},
        "simulate_adaptive": {"rule": cdx.DeficitRule(), "most": 3},
        "diagnose": {"rule": cdx.DeficitRule()},
        "check_agreement": {"rule": cdx.raters.ThirdExpert()},
        **{
            key: {"calibration": classes}
            for key in ("attribute_posteriors", "classification_accuracy", "validate_q_matrix", "compare_types")
        },
        **{key: {"mean": 0.0, "sd": 1.0} for key in ("Normal", "LogNormal", "LogitNormal", "PooledNormal")},
        "Beta": {"alpha": 1.0, "beta": 1.0},
        "CertificationRule": {"minimum": {"a": 1.0}},
        "BankRegistry": {"folder": "x"},
        "Standards": {f.name: getattr(standards, f.name) for f in dataclasses.fields(standards)},
        "Level": {f.name: getattr(standards.levels[0], f.name) for f in dataclasses.fields(standards.levels[0])},
    }
    return usual, further


def sound(name: str) -> dict[str, Any]:
    """Return arguments with which a verb works, or a class is made, by name."""
    usual, further = usual_and_further()
    needed = {
        n for n, p in inspect.signature(public()[name]).parameters.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }
    of_name = further.get(name, {})
    return {n: of_name[n] if n in of_name else usual[n] for n in needed | of_name.keys()}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with files to read; it is not what a verb writes to the current folder."""
    (place := tmp_path / "place").mkdir()
    monkeypatch.chdir(place)
    small.responses().to_frame().to_parquet("answers.parquet")
    yield place
    assert Path.cwd().samefile(place)
    assert os.listdir(place)  # noqa: PTH208 - of the folder that is worked in, which nothing may have replaced


def made(name: str, **arguments: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        public()[name](**arguments)


NOT_MADE = {"Finding", "ItemParameters", "LeafPopulations", "Misconception", "Question"}
"""Results and parts of them, which verbs make."""
NAMES = sorted(name for name in public() if name not in NOT_MADE)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_of_its_type_is_not_refused(name: str, workplace: Path) -> None:
    try:
        made(name, **sound(name))
    except CompetencyDxError as fault:  # of the content: banks and answers that do not belong together
        if fault.code == "errors.argument":
            raise


@pytest.mark.parametrize("name", NAMES)
def test_what_is_of_a_wrong_type_is_refused_by_name(name: str, workplace: Path) -> None:
    told: list[tuple[CompetencyDxError, str, str]] = []
    for argument in inspect.signature(public()[name]).parameters:
        for kind, hostile in HOSTILE.items():
            try:
                made(name, **{**sound(name), argument: hostile()})
            except CompetencyDxError as fault:
                told.append((fault, argument, kind))
            except Exception as fault:  # noqa: BLE001 - the very thing
                pytest.fail(f"{name}({argument}= {kind}): {type(fault).__name__}: {fault}")
    for said, argument, kind in told:
        sentences, name_of = [said.text("ru"), str(said)], said.facts.get("name")
        assert not any("\n" in text for text in sentences), (argument, kind)
        assert said.code != "errors.argument" or all(f"{name_of}=" in text for text in sentences)


@pytest.mark.parametrize(
    ("hint", "right", "wrong"),
    [
        (int, [0, -3, np.int64(2)], [True, 2.0, float("nan"), "2", None, 10**400]),
        (float, [0, 2.5, np.float32(1), float("inf")], [float("nan"), np.float64("nan"), True, "2", 10**400, 1j]),
        (str | None, ["", "a", None], [1, b"a", Path("a")]),
        (str | Path, ["a", Path("a")], ["a\0", "\ud800", Path("a\0"), None]),
        (Literal["a", "b"], ["a", np.str_("b")], ["c", ["a"], None]),
        (
            tuple[str, ...],
            [(), ["a"], ("a",), np.array(["a"]), pd.Series(["a"]), pd.Index(["a"])],
            ["a", {"a"}, {"a": 1}, [1], iter("a")],
        ),
        (Iterable[str], [["a"], iter(["a"]), pd.Series(["a"])], ["a", [1], {"a": 1}]),
        (tuple[int, str], [(1, "a"), [1, "a"]], [(1,), ("a", 1), (1, "a", 2)]),
        (Mapping[str, float], [{}, {"a": 1}], [[], {"a": "1"}, {1: 1}, {"a": float("nan")}, pd.Series({"a": 1})]),
        (Callable[[int], int], [len], [1]),
        (Any, [None, object()], []),
    ],
)
def test_types(hint: Any, right: list[object], wrong: list[object]) -> None:
    assert all(fits(one, hint) for one in right)
    assert not any(fits(one, hint) for one in wrong)


def test_arrays_are_known_by_an_alias_too() -> None:
    """NDArray is an alias since numpy 2.5: what is annotated so must still be frozen, checked, described and read."""
    scalar: Any = TypeVar("scalar", bound=np.generic)  # type: ignore[misc]
    alias: Any = TypeAliasType("alias", np.ndarray[tuple[Any, ...], np.dtype[scalar]], type_params=(scalar,))

    def held(self: Any) -> None:
        assert self.x.dtype == np.float64
        assert not self.x.flags.writeable

    fields = {"x": alias[np.float64], "y": alias[np.int64] | None}
    held_value: Any = value(type("Held", (), {"__annotations__": fields, "__post_init__": held}))
    for hint in (alias[np.float64], alias[np.float64] | None):
        assert fits([1, 2], hint)
        assert not fits("text", hint)
        assert type_text(hint).startswith("array")
        np.testing.assert_array_equal(decode(hint, [1.5], "x"), [1.5])
    assert held_value(x=[1, 2], y=None).y is None
    assert schema(alias[np.float64], {}) == schema(NDArray[np.float64], {}) == {"type": "array", "items": {"type": ["number", "null"]}}


def test_what_can_be_read_once_is_not_read() -> None:
    once = iter(["a", "b"])
    assert fits(once, Iterable[str])
    assert list(once) == ["a", "b"]


def test_types_in_words() -> None:
    hints = [
        int,
        str | None,
        Literal["a", "b"],
        tuple[str, ...],
        Mapping[str, tuple[int, float]],
        cdx.ItemBank | None,
        Callable[[int], int],
    ]
    words = ["int", "str | None", "'a' | 'b'", "tuple[str, ...]", "Mapping[str, tuple[int, float]]", "ItemBank | None", "Callable"]
    assert list(map(type_text, hints)) == words


def test_the_sentence() -> None:
    with pytest.raises(ResponsesError) as told:
        cdx.Layout(missing_tokens=cast("Any", {99: "omitted"}))
    assert str(told.value) == "missing_tokens= takes Mapping[str, str] | None, got {99: 'omitted'} (dict); give one of these"
    with pytest.raises(CompetencyDxError, match=r"bank= takes ItemBank . None, got DataFrame"):
        cdx.load_responses([[1, 0]], bank=cast("Any", pd.DataFrame({"a": [1]})))
    with pytest.raises(CompetencyDxError) as hidden:
        cdx.Layout(items=cast("Any", "Иванова Анна Петровна"))
    assert "Иванова" not in hidden.value.text("ru")


def test_a_function_stays_what_it_was() -> None:
    assert cdx.score is cdx.scoring.score
    assert inspect.signature(cdx.diagnose).parameters["bank"].annotation is cdx.ItemBank
    with pytest.raises(TypeError, match="unexpected keyword"):
        cdx.load_responses([[1]], sheet="a")  # type: ignore[call-arg]

    @checked(ResponsesError)
    def verb(n: int, *rest: int, name: str = "") -> int:
        """Add."""
        return n + len(rest) + len(name)

    assert verb(1, 2, name="a") == 3
    assert verb.__doc__ == "Add."


def test_a_masked_cell_is_missing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        for table in (np.ma.masked_array([[1, 0], [1, 1]], mask=[[False, True], [False, False]]), np.array([[1.0, np.nan], [1, 1]])):
            found = cdx.load_responses(table)
            assert found.observed.tolist() == [[True, False], [True, True]]
            assert found.scores.tolist() == [[1, 0], [1, 1]]


def test_findings_point_at_the_line_of_the_caller() -> None:
    with pytest.warns(CompetencyDxWarning) as heard:
        cdx.load_responses({"person": ["a", "b"] * 20, "x": [0, 9, 1, 1] * 10}, layout=cdx.Layout(attempts="first"))
    assert {Path(one.filename).name for one in heard} == {Path(__file__).name}


@pytest.mark.parametrize("verb", ["with_next_items", "with_misconceptions"])
@pytest.mark.parametrize("given", [None, 5, "x", {}])
def test_profiles_take_what_other_rooms_found_and_nothing_else(verb: str, given: object) -> None:
    with pytest.raises(CompetencyDxError, match="found= takes"):
        getattr(small._of_schools(), verb)(given)
