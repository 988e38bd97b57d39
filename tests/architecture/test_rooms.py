"""Rooms are entered by their front door, sizes stay readable, public names are pinned."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import grimp
import pytest

import competency_dx

PACKAGE = "competency_dx"
OPEN_ROOMS = {"kernels", "display"}  # function libraries: their modules are the front doors
SOURCE = Path(__file__).parents[2] / "src" / PACKAGE
LONGEST_MODULE, LONGEST_FUNCTION, MOST_PARAMETERS = 400, 60, 7

PUBLIC_NAMES = [
    "MisconceptionEvidence",
    "MisconceptionRule",
    "find_misconceptions",
    "Exploratory",
    "FactorSolution",
    "rotated",
    "AttributePosteriors",
    "ClassCalibration",
    "ClassificationAccuracy",
    "ClassificationML",
    "QValidation",
    "attribute_posteriors",
    "classification_accuracy",
    "validate_q_matrix",
    "PooledNormal",
    "score_file",
    "reliability",
    "pool",
    "plausible_values",
    "Reliability",
    "Pooled",
    "PlausibleValues",
    "LatentRegression",
    "FileScores",
    "Beta",
    "Constraints",
    "CrossCheck",
    "Girth",
    "LogNormal",
    "LogitNormal",
    "Normal",
    "Population",
    "SurveyDesign",
    "cross_check",
    "CompetencyDxError",
    "CompetencyDxWarning",
    "CompetencyFramework",
    "Calibration",
    "DeficitProfiles",
    "DeficitRule",
    "EAP",
    "Finding",
    "Item",
    "ItemBank",
    "ItemParameters",
    "Layout",
    "Level",
    "MAP",
    "ML",
    "MarginalML",
    "MissingPolicy",
    "Priors",
    "Profile",
    "R201",
    "Responses",
    "Scores",
    "Standards",
    "SumScore",
    "WLE",
    "__version__",
    "calibrate",
    "diagnose",
    "load_bank",
    "load_framework",
    "load_responses",
    "report",
    "save_bank",
    "score",
    "shipped_banks",
    "simulate",
]


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_rooms_are_entered_by_the_front_door() -> None:
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    edges = [(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)]
    deep = [
        f"{a} -> {b}"
        for a, b in edges
        if room(a) not in {"", room(b)} and b.count(".") > 1 and room(b) not in OPEN_ROOMS
    ]
    own = [f"{a} -> {b}" for a, b in edges if a != b and room(a) == room(b) and b.count(".") == 1]
    assert not deep, deep
    assert not own, own


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_modules_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            body = node.body[1:] if docstring else node.body
            length = node.end_lineno - body[0].lineno + 1 if body and node.end_lineno else 0
            assert length <= LONGEST_FUNCTION, f"{node.name}: {length} lines"


def test_public_names_are_pinned() -> None:
    assert sorted(competency_dx.__all__) == sorted(PUBLIC_NAMES)
    assert sorted(dir(competency_dx)) == sorted(PUBLIC_NAMES)


@pytest.mark.parametrize("name", [n for n in PUBLIC_NAMES if n != "__version__"])
def test_public_names_are_documented_and_small(name: str) -> None:
    thing = getattr(competency_dx, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        parameters = inspect.signature(thing).parameters.values()
        assert len(parameters) <= MOST_PARAMETERS
        positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert len(positional) <= 3
        assert not any(p.kind is p.VAR_KEYWORD for p in parameters)


def test_no_booleans_change_a_verb() -> None:
    verbs = ["load_bank", "load_framework", "load_responses", "calibrate", "score", "diagnose", "report", "simulate"]
    for verb in verbs:
        for parameter in inspect.signature(getattr(competency_dx, verb)).parameters.values():
            assert not isinstance(parameter.default, bool), f"{verb}({parameter.name}=)"


def test_every_module_imports_on_its_own() -> None:
    for path in modules():
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__"):
            assert importlib.import_module(name)
