"""The published JSON Schema is the one of the types, and real documents satisfy it.

``python tests/competencies/test_schema.py`` writes the published file anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import competency_dx as cdx

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
PUBLISHED = {FOLDER / f"{kind.kind}-{kind.schema_version}.json": kind for kind in (cdx.DeficitProfiles, cdx.Profile)}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(cdx.DeficitProfiles.json_schema())


@pytest.fixture(scope="module")
def small() -> str:
    """Return the document of one person."""
    bank = cdx.load_bank("physics")
    return cdx.diagnose(cdx.simulate(bank, 1, rng=np.random.default_rng(5)), bank).to_json()


def test_published_schema_is_current(validator: jsonschema.Draft202012Validator) -> None:
    validator.check_schema(validator.schema)
    for file, kind in PUBLISHED.items():
        assert json.loads(file.read_text(encoding="utf-8")) == kind.json_schema()


@pytest.mark.parametrize("name", ["mathematics", "history", "physics"])
def test_documents_satisfy_the_schema(name: str, validator: jsonschema.Draft202012Validator) -> None:
    bank = cdx.load_bank(name)
    profiles = cdx.diagnose(cdx.simulate(bank, 2, rng=np.random.default_rng(5)), bank)
    document = json.loads(profiles.to_json())
    validator.validate(document)
    document["profiles"][0]["conclusions"][0]["state"] = "failed"
    assert not validator.is_valid(document)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("language",), "de"),
        (("standards", "cuts", 0), None),
        (("rule", "likely"), "0.6"),
        (("rule", "missing", "omitted"), "wrong"),
        (("items", 0, "title", "ru"), None),
        (("profiles", 0, "conclusions", 0, "n_items"), 1.5),
        (("profiles", 0, "conclusions", 0, "invented"), 1),
        (("profiles", 0, "answers", "points", 0), None),
        (("curves", "expected", 0, 0), None),
    ],
)
def test_what_no_document_holds_is_refused(
    small: str, validator: jsonschema.Draft202012Validator, place: tuple[str | int, ...], wrong: object
) -> None:
    document: Any = json.loads(small)
    spot = document
    for step in place[:-1]:
        spot = spot[step]
    spot[place[-1]] = wrong
    assert not validator.is_valid(document)


if __name__ == "__main__":
    for path, written in PUBLISHED.items():
        path.write_text(json.dumps(written.json_schema(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
