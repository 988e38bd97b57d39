"""The house stays small: rooms, modules too short for one; a name means one thing."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "competency_dx"
ROLES = {"api", "choices", "checks", "findings", "__init__", "__main__"}  # the same part in every room
LARGEST_SHARE = 0.18
SHORT, MOST_SHORT, MOST_REPEATED_MODULES = 40, 2, 3


def lines() -> dict[Path, int]:
    """Return the lines of each module."""
    return {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted(SOURCE.rglob("*.py"))}


def test_no_room_outgrows_the_house() -> None:
    sizes: Counter[str] = Counter()
    for path, n in lines().items():
        sizes[path.relative_to(SOURCE).parts[0]] += n
    shares = {room: n / sizes.total() for room, n in sizes.items()}
    assert not {room: round(share, 3) for room, share in shares.items() if share > LARGEST_SHARE}


def test_few_modules_are_too_short_for_one() -> None:
    """Fronts of rooms are as short as what they hand out."""
    short = [str(path.relative_to(SOURCE)) for path, n in lines().items() if n < SHORT and path.stem != "__init__"]
    assert len(short) <= MOST_SHORT, short


def test_no_class_name_is_used_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in lines():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not twice, twice


def test_few_module_names_are_used_twice() -> None:
    names = Counter(path.stem for path in lines() if path.stem not in ROLES)
    repeated = sorted(name for name, n in names.items() if n > 1)
    assert len(repeated) <= MOST_REPEATED_MODULES, repeated
