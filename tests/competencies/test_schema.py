"""The published JSON Schema is the one the code has, and real documents satisfy it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import competency_dx as cdx

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "deficit_profiles-1.json"


def test_published_schema_is_current() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == cdx.DeficitProfiles.json_schema()


@pytest.mark.parametrize("name", ["mathematics", "history", "physics"])
def test_documents_satisfy_the_schema(name: str) -> None:
    bank = cdx.load_bank(name)
    profiles = cdx.diagnose(cdx.simulate(bank, 3, rng=np.random.default_rng(5)), bank)
    document = json.loads(profiles.to_json())
    jsonschema.validate(document, cdx.DeficitProfiles.json_schema())
    document["profiles"][0]["conclusions"][0]["state"] = "failed"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, cdx.DeficitProfiles.json_schema())
