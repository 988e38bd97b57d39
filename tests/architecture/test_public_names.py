"""The names of the package root: pinned, documented, the same for type checkers; the light import; names that moved."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import competency_dx as cdx

MOST_PARAMETERS = 7
VERBS = [
    "calibrate",
    "certify",
    "check_dif",
    "check_fit",
    "check_items",
    "compare_groups",
    "diagnose",
    "diagnose_file",
    "find_misconceptions",
    "link",
    "load_bank",
    "load_framework",
    "load_responses",
    "measure_growth",
    "next_items",
    "plausible_values",
    "recommend",
    "reliability",
    "report",
    "save_bank",
    "score",
    "simulate",
]
TYPES = [
    "Calibration",
    "ClassCalibration",
    "Cohort",
    "CompetencyDxError",
    "CompetencyDxWarning",
    "CompetencyFramework",
    "DeficitProfiles",
    "DeficitRule",
    "EAP",
    "Finding",
    "ItemBank",
    "ItemParameters",
    "Layout",
    "Limits",
    "MAP",
    "ML",
    "MarginalML",
    "MissingPolicy",
    "NextItems",
    "Profile",
    "R201",
    "Responses",
    "Scores",
    "Standards",
    "StockingLord",
    "SumScore",
    "WLE",
]
ROOMS = [
    "adaptive",
    "bank",
    "calibration",
    "classification",
    "competencies",
    "dif",
    "errors",
    "fit",
    "groups",
    "growth",
    "linking",
    "misconceptions",
    "quality",
    "raters",
    "responses",
    "routes",
    "scoring",
    "service",
]
MOVED = {
    "Priors": "calibration",
    "PlausibleValues": "scoring",
    "ClassificationML": "classification",
    "MisconceptionRule": "misconceptions",
    "CrossCheck": "quality",
    "cross_check": "quality",
    "score_file": "scoring",
}


def test_names_of_the_root_are_pinned() -> None:
    assert sorted(cdx.__all__) == sorted([*VERBS, *TYPES, "__version__"])
    assert sorted(dir(cdx)) == sorted([*cdx.__all__, *ROOMS])
    assert len(cdx.__all__) <= 50


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(cdx.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    seen = {(str(n.module), a.name) for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert sorted(name for _, name in seen) == sorted([*VERBS, *TYPES, *ROOMS])
    for module, name in seen:
        thing = import_module(f"{module}.{name}") if name in ROOMS else getattr(import_module(module), name)
        assert getattr(cdx, name) is thing


@pytest.mark.parametrize("name", VERBS + TYPES)
def test_public_names_are_documented_and_small(name: str) -> None:
    thing = getattr(cdx, name)
    assert inspect.getdoc(thing)
    if inspect.isfunction(thing):
        parameters = inspect.signature(thing).parameters.values()
        assert len(parameters) <= MOST_PARAMETERS
        positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert len(positional) <= 3
        assert not any(p.kind is p.VAR_KEYWORD or isinstance(p.default, bool) for p in parameters)


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_exports_is_there_and_documented(room: str) -> None:
    door = getattr(cdx, room)
    assert inspect.ismodule(door)
    for name in getattr(door, "__all__", []):
        thing = getattr(door, name)
        assert not (inspect.isclass(thing) or inspect.isfunction(thing)) or inspect.getdoc(thing), f"{room}.{name}"
        assert not inspect.ismodule(getattr(door, name)), f"{room}.{name} is hidden by a module of the same name"


@pytest.mark.parametrize(("name", "room"), MOVED.items())
def test_a_name_that_moved_says_where_it_is(name: str, room: str) -> None:
    with pytest.raises(AttributeError, match=rf"cdx\.{name} is now cdx\.{room}\.{name}"):
        getattr(cdx, name)
    assert getattr(getattr(cdx, room), name)


def test_every_error_can_be_caught_by_its_name() -> None:
    errors = [e for e in vars(cdx.errors).values() if inspect.isclass(e) and issubclass(e, cdx.CompetencyDxError)]
    assert {e.__name__ for e in errors} >= {"BankError", "ResponsesError", "ModelError", "ScoringError"}
    for error in errors:
        assert inspect.getdoc(error)
        assert error.__module__ == "competency_dx.errors"


def test_importing_the_root_loads_no_heavy_library() -> None:
    code = (
        "import sys, competency_dx as cdx; dir(cdx); cdx.errors; "
        "print([m for m in ('pandas', 'scipy', 'pydantic', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert out.stdout.strip() == "[]"


FIRST_PROFILE = """
import json, sys, warnings
warnings.simplefilter("ignore")
import competency_dx as cdx
bank = cdx.load_bank("physics")
record = {"person": "t-1", **{item.id: item.max_score for item in bank.items}}
cdx.diagnose(cdx.load_responses([record], bank=bank), bank).to_json()
print(json.dumps([name for name in sys.modules]))
"""
OF_SPECIAL = "import sys, scipy.special; print(*sys.modules)"
HEAVY = {"pandas", "narwhals", "pyarrow", "matplotlib", "ruamel", "girth", "dask"}
HEAVY_SCIPY = {"scipy.optimize", "scipy.stats", "scipy.sparse", "scipy.linalg", "scipy.interpolate", "scipy.spatial"}
NOT_NEEDED = {"adaptive", "assembly", "calibration", "classification", "cli", "engine", "fit", "groups", "growth", "interop"}
NOT_NEEDED |= {"linking", "misconceptions", "quality", "raters", "reports", "routes", "scoring", "service"}


def test_a_first_profile_loads_what_it_needs_and_nothing_else() -> None:
    out = subprocess.run([sys.executable, "-c", FIRST_PROFILE], check=True, capture_output=True, text=True)
    loaded = set(json.loads(out.stdout))
    assert "competency_dx.competencies.api" in loaded
    special = subprocess.run([sys.executable, "-c", OF_SPECIAL], check=True, capture_output=True, text=True)  # scipy 1.18 brings linalg
    not_needed = HEAVY | (HEAVY_SCIPY - set(special.stdout.split())) | {f"competency_dx.{room}" for room in NOT_NEEDED}
    assert not loaded & not_needed


def test_the_page_of_items_needs_no_scoring() -> None:
    code = "import sys, competency_dx.reports.result_page; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not set(out.stdout.split()) & {"competency_dx.scoring", "competency_dx.calibration", "competency_dx.engine", "matplotlib"}
