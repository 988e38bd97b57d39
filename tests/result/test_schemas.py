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
from test_mutations import of_kind

import competency_dx as cdx
from competency_dx.errors import LANGUAGES, DocumentError
from competency_dx.responses import answers_schema
from competency_dx.result import JsonDocument, Result

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
    ("deficit_profiles", ("competencies", 0, "parent"), "x", r"\[0\]\.parent is 'x': expected what stands in the same list"),
    ("group_report", ("competencies",), lambda rows: [x | {"parent": x["code"]} for x in rows], r"\[0\]\.parent is .* in no circle"),
    ("group_report", ("competencies", 1, "code"), "", r"code is '': expected a text that is not empty"),
    ("group_report", ("by",), [], r"by is \[\]: expected a list of at least 1 entry"),
    ("group_report", ("level", 1), 9, r"level\[1\] is 9: expected a number below 2"),
    ("next_items", ("questions", 1, "competency"), "ZZZ", r"competency is 'ZZZ': expected one of the ids in competencies\.code"),
    ("next_items", ("questions", 0, "type"), "OPEN", r"questions\[0\]\.type is 'OPEN': expected single"),
    ("decisions", ("persons",), lambda x: [x[0]] * len(x), r"persons: named twice"),
    ("decisions", ("titles",), lambda x: {"x": next(iter(x.values()))}, r"titles: unknown fields: x"),
    ("calibration", ("parameters", "items"), lambda x: [x[0], x[0], *x[2:]], r"parameters\.items: named twice"),
    ("calibration", ("table", "column", 2), 2000, r"table\.column\[2\] is 2000: expected a number below"),
    ("calibration", ("parameters", "population", "covariance", 0, 0), 0, r"expected a matrix with variances above 0"),
    ("responses", ("answers", "codes", 1, 1), 99, r"the codes of answers do not fit"),
    ("ratings", ("item", 3), -1, r"Rows 4: a mark that is used"),
    ("growth", ("order", "competencies"), lambda ids: [*ids[:-1], "XX"], r"competencies: unknown fields: .*, missing fields: XX"),
    ("item_analysis", ("share_high", 0), 0.0, r"share_high\[0\] is 0\.0: expected no less than share_low"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "to", "told"), REFUSED, ids=[f"{row[0]}-{k}" for k, row in enumerate(REFUSED)])
def test_what_cannot_be_is_refused_with_its_path(name: str, path: tuple[Any, ...], to: Any, told: str) -> None:
    kind = small.kinds()[name.removesuffix("_several")]
    with pytest.raises(DocumentError, match=told) as caught:
        kind.from_json(changed(name, *path, to=to))
    assert kind.kind in str(caught.value)


def lists_of_objects(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the lists of several objects in a document."""
    if isinstance(part, list) and len(part) > 1 and isinstance(part[0], dict):
        yield path
    for step, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from lists_of_objects(inner, (*path, step))


def faces(kind: type[JsonDocument], text: str) -> Any:
    """Return what a document says: its table and summaries, or all of it where it has none."""
    result = kind.from_json(text)
    if not isinstance(result, Result):
        return result.to_json()
    return (
        result.to_frame().to_csv(index=False).splitlines(),
        [result.summary(language) for language in LANGUAGES],
        result.to_table("ru").to_csv(),
    )


@pytest.mark.parametrize("name", small.MAKERS)
def test_the_order_of_a_list_of_objects_says_nothing(name: str) -> None:
    kind, text = of_kind(name)
    before = faces(kind, text)
    for path in lists_of_objects(json.loads(text)):
        for turned in (lambda rows: rows[::-1], lambda rows: [*rows[1:], rows[0]]):
            try:
                after = faces(kind, changed(name, *path, to=turned))
            except DocumentError:
                continue
            assert after == before or path[-1] in {"findings", "reasons", "profiles"}, path  # these are told in their order
            assert sorted(after[0]) == sorted(before[0]), path


def axes(part: Any) -> set[str]:
    """Return the names of the lists that arrays of a schema are as long as."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    own = part.get("axes", ()) if isinstance(part, dict) else ()
    terms = {term.split(".")[-1] for axis in own for term in str(axis).removesuffix("?").split("+")}
    return terms.union(*map(axes, inner)) - {"kind", "first", "marked"}  # rows, not ids


def lists_of_ids(part: Any, named: set[str], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the axes of ids, and of the ids of lists of objects, in a document."""
    ids = part if isinstance(part, list) and len(part) > 1 else [None]
    if isinstance(ids[0], str) and len({*ids}) == len(ids) and path[-1] in named:
        yield path
    for step, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from lists_of_ids(inner, named, (*path, step))


@pytest.mark.parametrize("name", small.MAKERS)
def test_an_id_stands_in_an_axis_once(name: str) -> None:
    kind, text = of_kind(name)
    for path in lists_of_ids(json.loads(text), axes(kind.json_schema()) | {"topics", "leaves", "blocks"}):
        if kind.kind != "cross_check":  # which has a row for each parameter of an item
            with pytest.raises(DocumentError):
                print(path, kind.from_json(changed(name, *path, to=lambda ids: [ids[0], ids[0], *ids[2:]])))


if __name__ == "__main__":
    for name, schema in schemas().items():
        text = json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
