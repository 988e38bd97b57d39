"""Real documents of profiles satisfy their JSON Schema, and what no document holds does not."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest

import competency_dx as cdx


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(cdx.DeficitProfiles.json_schema())


@pytest.fixture(scope="module")
def small() -> str:
    """Return the document of one person."""
    bank = cdx.load_bank("physics")
    return cdx.diagnose(cdx.simulate(bank, 1, rng=np.random.default_rng(5)), bank).to_json()


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
