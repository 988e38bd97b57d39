"""The OpenAPI description: bodies and replies by the schemas of the types that read and write them."""

from __future__ import annotations

import json
import re
from typing import Any

from competency_dx.adaptive import NextItems
from competency_dx.competencies import Profile
from competency_dx.documents import JsonDocument
from competency_dx.schemas import schema
from competency_dx.scoring import Scores
from competency_dx.service.operations import MOST_PERSONS, ServedBank, named, schemas
from competency_dx.service.problems import ProblemDocument

JSON = "application/json"
EXAMPLE = {"bank": "mathematics", "persons": [{"person": "T-01", "answers": {"MAT-003": "2", "MAT-007": 76}}]}


def _of(kind: type[JsonDocument] | str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{kind if isinstance(kind, str) else named(kind)}"}


def _holding(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - schemas
    return {"type": "object", "properties": fields, "required": list(fields)}


REPLIES: dict[str, Any] = {
    "/profiles": _holding(profiles={"type": "array", "items": _of(Profile)}),
    "/scores": _of(Scores),
    "/next-items": _of(NextItems),
    "/banks": _holding(banks={"type": "array", "items": _of("ServedBank")}),
    "/schemas": {"type": "object", "additionalProperties": {"type": "object"}},
    "/health": _holding(status={"const": "ok"}, library={"type": "string"}),
}


def replies(path: str) -> dict[int | str, dict[str, Any]]:
    """Return what a path replies, and that every fault is a problem document."""
    fault = {"description": "ProblemDocument", "content": {"application/problem+json": {"schema": _of("ProblemDocument")}}}
    return {200: {"content": {JSON: {"schema": REPLIES[path]}}}, "4XX": fault, "5XX": fault}


def body() -> dict[str, Any]:
    """Return that a document of answers is sent."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": _of("answers-1"), "example": EXAMPLE}}}}


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Return a description of FastAPI with the schemas of the documents."""
    parts: dict[str, Any] = {}
    for kind in (ProblemDocument, ServedBank):
        schema(kind, parts)
    for name, whole in schemas().items():
        parts |= whole.pop("$defs", {}) | {name: {k: v for k, v in whole.items() if k not in {"$schema", "$id"}}}
    parts["answers-1"]["required"] = ["bank", "persons"]
    parts["answers-1"]["properties"]["persons"]["maxItems"] = MOST_PERSONS
    components = {"schemas": {name.replace(" ", "_"): part for name, part in parts.items()}}
    text = json.dumps(document | {"components": components}, ensure_ascii=False)
    place = re.compile(r'"#/\$defs/([^"]+)"')
    return dict(json.loads(place.sub(lambda ref: f'"#/components/schemas/{ref[1].replace(" ", "_")}"', text)))
