"""A document of each kind and schema version that was ever written is read and works, or is refused with both versions named."""

from __future__ import annotations

import json
import warnings
from functools import reduce
from pathlib import Path

import pytest
import small_documents as small
from test_mutations import use

from competency_dx.errors import CompetencyDxWarning, DocumentError
from competency_dx.reports import report
from competency_dx.result import JsonDocument, Result, _lists_of

FILES = sorted(small.FOLDER.glob("*.json.gz"), key=lambda file: file.name)
LOST = {
    ("calibration", 1),
    ("deficit_profiles", 1),
    ("decisions", 1),
    ("decisions", 2),
    *(("routes", n) for n in (1, 2, 3)),
    *(("group_report", n) for n in (1, 2)),
}
"""Kinds and versions that do not hold what today's fields need."""


def of_file(file: Path) -> tuple[type[JsonDocument], int, str]:
    """Return class, version and text of a golden document."""
    text = small.read(file)
    head = json.loads(text)
    return small.kinds()[head["kind"]], head["schema_version"], text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.partition(".")[0])
def test_golden_documents_are_read_or_refused_with_both_versions(file: Path, tmp_path: Path) -> None:
    kind, version, text = of_file(file)
    assert file.name.startswith(kind.kind)
    assert file.name.endswith(f"-{version}.json.gz")
    if (kind.kind, version) in LOST:
        with pytest.raises(DocumentError, match=f"schema_version {version}; this library reads {kind.schema_version}"):
            kind.from_json(text)
        return
    document = kind.from_json(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        use(document)
        if version < kind.schema_version and isinstance(document, Result):  # pages lean on what earlier documents do not tell
            report(document, tmp_path / "report", language="en")
    today = json.loads(document.to_json())
    assert today["schema_version"] == kind.schema_version
    for name, part in json.loads(text).items():
        if name in {"theta", "estimates", "loadings", "probability", "items", "persons", "provenance", "covariance"}:
            assert today[name] == part


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.partition(".")[0])
def test_lists_of_earlier_documents_may_be_moved_as_those_of_today(file: Path) -> None:
    """A document that tells the order its arrays go by is read by it, whatever its version."""
    kind, version, text = of_file(file)
    document = json.loads(text)
    if (kind.kind, version) in LOST or "order" not in document:
        return
    for name, (path, key) in _lists_of(kind).items():
        rows = reduce(lambda part, step: part[step], path, document)
        assert document["order"][name] == [row[key] for row in rows]
        rows.reverse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        assert kind.from_json(json.dumps(document)).to_json() == kind.from_json(text).to_json()


def test_there_is_one_of_each_kind_and_version() -> None:
    there = {(kind.kind, version) for kind, version, _ in map(of_file, FILES)}
    ever = {(name, v) for name, kind in small.kinds().items() for v in range(1, kind.schema_version + 1)}
    assert there == ever
    for name, kind in small.kinds().items():
        read = {*range(kind.oldest, kind.schema_version + 1)}
        assert read | {v for k, v in LOST if k == name} == set(range(1, kind.schema_version + 1))


@pytest.mark.parametrize("name", small.MAKERS)
def test_todays_documents_come_back_to_the_same_bytes(name: str) -> None:
    result = small.made(name)
    text = small.read(small.golden(name, result.schema_version))
    assert type(result).from_json(text).to_json() == text
    assert json.loads(result.to_json()).keys() == json.loads(text).keys(), "a new field asks for a new version"
