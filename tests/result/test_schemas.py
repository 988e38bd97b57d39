"""One JSON Schema for each kind of document, published under its version, and what the types say stands in it.

``python tests/result/test_schemas.py`` writes the published files anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import small_documents as small

import competency_dx as cdx
from competency_dx.errors import DocumentError
from competency_dx.responses import answers_schema

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of today by the name of the published file."""
    of_kinds = {f"{k.kind}-{k.schema_version}": k.json_schema() for k in small.kinds().values()}
    return of_kinds | {"answers-1": answers_schema(), "framework-2": cdx.bank.CompetencyFramework.json_schema()}


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_published_schema_is_the_one_of_the_types(name: str) -> None:
    published = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(schemas()[name])), "run: make golden"
    jsonschema.Draft202012Validator.check_schema(published)
    kind, version = name.split("-")
    assert published["$id"] == f"urn:competency-dx:{kind}:{version}"


def test_no_other_schema_is_published() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(schemas())


@pytest.mark.parametrize("name", sorted(small.kinds()))
def test_every_array_of_numbers_has_axes(name: str) -> None:
    def outer(part: Any, inside: bool) -> Iterator[dict[str, Any]]:
        numbers = isinstance(part, dict) and part.get("type") == "array" and "axes" not in part and not inside
        cell = part.get("items") if numbers else None
        if isinstance(cell, dict) and "number" in str(cell.get("type")):
            yield part
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from outer(inner, inside or (isinstance(part, dict) and "axes" in part))

    kind = small.kinds()[name]
    document = kind._document_type()
    assert not list(outer(kind.json_schema(), inside=False)) or document is not kind  # pydantic has no axes


@pytest.mark.parametrize("name", small.MAKERS)
def test_documents_satisfy_the_schema_for_other_programs_too(name: str) -> None:
    result = small.made(name)
    jsonschema.validate(json.loads(result.to_json()), type(result).json_schema(), jsonschema.Draft202012Validator)


def changed(name: str, *path: Any, to: Any) -> str:
    """Return the text of a golden document with one value in it replaced; a function makes it of the one there."""
    kind = small.kinds()[name.removesuffix("_several")]
    document = json.loads(small.read(small.golden(name, kind.schema_version)))
    holder: Any = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = to(holder[path[-1]]) if callable(to) else to
    return json.dumps(document)


DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
FIRST = ("profiles", 0, "conclusions", 0)
REFUSED: list[tuple[str, tuple[Any, ...], Any, str]] = [
    ("deficit_profiles", (*FIRST, "p_deficit"), 99, r"profiles\[0\]\.conclusions\[0\]\.p_deficit is 99: expected .* from 0 to 1"),
    ("deficit_profiles", (*FIRST, "percent"), -5, r"percent is -5: expected .* from 0 to 100"),
    ("deficit_profiles", (*FIRST, "se"), -0.1, r"\.se is -0\.1"),
    ("deficit_profiles", (*FIRST, "percent_high"), 0, r"no less than percent_low"),
    ("deficit_profiles", (*FIRST, "competency"), "XX", r"conclusions: unknown fields: XX, missing fields"),
    ("deficit_profiles", (*FIRST, "reported_at"), "XX", r"one of the ids in competencies\.code"),
    ("deficit_profiles", (*FIRST[:3], 1), lambda _: None, r"conclusions\[1\] is None"),
    ("deficit_profiles", FIRST[:3], lambda rows: [*rows, rows[0]], r"conclusions: named twice"),
    ("deficit_profiles", (*FIRST[:2], "answers", "points"), lambda x: x[1:], r"points is \[…\]: expected .* as items has it"),
    ("deficit_profiles", ("profiles",), lambda rows: [rows[0], rows[0]], r"profiles: named twice: 1"),
    ("deficit_profiles", ("population", "covariances"), lambda x: x[0], r"population\.covariances\[0\]\[0\]"),
    ("deficit_profiles", ("population", "central", 0, 0), -1, r"population\.central is \[…\]: expected a symmetric matrix"),
    ("deficit_profiles", ("curves", "expected"), lambda x: x[:3], r"curves\.expected is \[…\]"),
    ("deficit_profiles", ("surprise",), 1, r"unknown fields: surprise"),
    ("calibration_several", ("table", "dimension", -1), 7, r"table\.dimension\[\d+\] is 7: expected a number below 2"),
    ("calibration_several", ("population", "mean"), [0.0], r"population\.mean is \[…\]: expected a list of 2 entries"),
    ("calibration", ("findings",), [{"code": "a.b", "severity": "info", "ru": "", "en": "", "scope": [], "facts": {"x": DEEP}}],
     r"facts\.x is \[…\]: expected at most"),
    ("scores", ("covariance", 0, 0, 0), -1, r"covariance is \[…\]: expected a symmetric matrix"),
    ("scores", ("persons",), lambda x: [x[0], *x[:-1]], r"persons: named twice"),
    ("class_calibration", ("profile_probabilities", 0), 0.999, r"expected numbers that add up to 1"),
    ("misconception_evidence", ("marked_code", 0), "XX", r"marked_code\[0\] is 'XX': expected one of the ids in misconceptions"),
    ("profile", ("conclusions",), lambda rows: list(rows.values()), r"profile\.conclusions is \[…\]: expected an object"),
    ("responses", ("reasons", 0, 0), 9, r"reasons\[0\]\[0\] is 9: expected .* from 0 to 4"),
    ("item_analysis", ("share_high", 0), 0.0, r"share_high\[0\] is 0\.0: expected no less than share_low"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "to", "told"), REFUSED, ids=[f"{row[0]}-{k}" for k, row in enumerate(REFUSED)])
def test_what_cannot_be_is_refused_with_its_path(name: str, path: tuple[Any, ...], to: Any, told: str) -> None:
    kind = small.kinds()[name.removesuffix("_several")]
    with pytest.raises(DocumentError, match=told) as caught:
        kind.from_json(changed(name, *path, to=to))
    assert str(caught.value).startswith(kind.kind)


def test_the_order_of_a_list_with_a_key_says_nothing() -> None:
    text = small.read(small.golden("deficit_profiles", cdx.DeficitProfiles.schema_version))
    document = json.loads(text)
    for person in document["profiles"]:
        person["conclusions"].sort(key=lambda row: -row["p_deficit"])
    assert cdx.DeficitProfiles.from_json(json.dumps(document)).to_json() == text


if __name__ == "__main__":
    for name, schema in schemas().items():
        text = json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
