"""The published JSON Schema of banks is the one of the types, and real documents satisfy it.

``python tests/bank/test_schema.py`` writes the published file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import competency_dx as cdx

PUBLISHED = Path(__file__).parents[2] / "docs" / "schemas" / "item_bank-1.json"


def test_published_schema_is_current() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == cdx.ItemBank.json_schema()


@pytest.mark.parametrize("name", ["mathematics", "history", "physics"])
def test_shipped_banks_satisfy_the_schema(name: str) -> None:
    document = json.loads(cdx.load_bank(name).to_json())
    jsonschema.validate(document, cdx.ItemBank.json_schema())
    document["header"]["population"]["correlations"]["within"] = 1.0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, cdx.ItemBank.json_schema())


if __name__ == "__main__":
    PUBLISHED.write_text(json.dumps(cdx.ItemBank.json_schema(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
