"""Result documents on disk: the kind inside decides what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from competency_dx.errors import DocumentError
from competency_dx.result import Result

CLASSES: Mapping[str, tuple[str, str]] = {
    "item_bank": ("bank", "ItemBank"),
    "responses": ("responses", "Responses"),
    "calibration": ("calibration", "Calibration"),
    "scores": ("scoring", "Scores"),
    "deficit_profiles": ("competencies", "DeficitProfiles"),
}
"""Room and class of each kind of document."""


def read_result(path: Path) -> Result:
    """Read any document written by `to_json`.

    Raises
    ------
    DocumentError
        When the file is no such document; the file is named.
    """
    if not path.is_file():
        raise DocumentError(f"{path}: there is no such file; expected a result written as JSON")
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise DocumentError(f"{path}: the text is not JSON ({fault}); expected a result written as JSON") from None
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in CLASSES:
        raise DocumentError(f"{path}: no result of this library (kind {kind!r}); expected one of {', '.join(CLASSES)}")
    room, name = CLASSES[kind]
    found = getattr(import_module(f"competency_dx.{room}"), name)
    return cast("Result", found.from_json(text))


def write_result(result: Result, path: Path) -> Path:
    """Write the document of a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result.to_json(), encoding="utf-8")
    return path
