"""Rooms are entered by their front door, sizes stay readable."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import grimp
import pytest

PACKAGE = "competency_dx"
OPEN_ROOMS = {"kernels", "display"}  # function libraries: their modules are the front doors
SOURCE = Path(__file__).parents[2] / "src" / PACKAGE
LONGEST_MODULE, LONGEST_FUNCTION = 400, 60


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_rooms_are_entered_by_the_front_door() -> None:
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    edges = [(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)]
    deep = [f"{a} -> {b}" for a, b in edges if room(a) not in {"", room(b)} and b.count(".") > 1 and room(b) not in OPEN_ROOMS]
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


def test_every_module_imports_on_its_own() -> None:
    for path in modules():
        name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__"):
            assert importlib.import_module(name)


def test_posteriors_of_persons_are_integrated_in_the_room_of_persons() -> None:
    """Their kernels serve `persons`, the maxima of `scoring` and `fit`, and `linking` with the distribution of points, of no person."""
    name = f"{PACKAGE}.kernels.persons"
    users = {p.relative_to(SOURCE).parts[0] for p in modules() if name in p.read_text(encoding="utf-8")}
    assert users <= {"fit", "kernels", "linking", "persons", "scoring"}


def test_no_module_is_called_like_what_its_room_exports() -> None:
    """Importing such a module would put it in the place of the function."""
    for door in sorted((SOURCE).glob("*/__init__.py")):
        imported = {
            a.asname or a.name
            for n in ast.parse(door.read_text(encoding="utf-8")).body
            if isinstance(n, ast.ImportFrom)
            for a in n.names
        }
        exported = set(getattr(importlib.import_module(f"competency_dx.{door.parent.name}"), "__all__", imported))
        assert not exported & {p.stem for p in door.parent.glob("*.py")}, door.parent.name
