"""Shipped banks satisfy their JSON Schema."""

from __future__ import annotations

import json

import jsonschema
import pytest

import competency_dx as cdx


@pytest.mark.parametrize("name", ["mathematics", "history", "physics"])
def test_shipped_banks_satisfy_the_schema(name: str) -> None:
    document = json.loads(cdx.load_bank(name).to_json())
    jsonschema.validate(document, cdx.ItemBank.json_schema())
    document["header"]["population"]["correlations"]["within"] = 1.0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, cdx.ItemBank.json_schema())
