"""Faults as problem documents (RFC 9457), with a stable code, in the language of the reader; client and server told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from competency_dx.errors import (
    CompetencyDxError,
    DiagnosisError,
    DocumentError,
    LimitError,
    RequestError,
    ResponsesError,
    ScoringError,
    phrase,
)

OF_THE_CLIENT = (DocumentError, LimitError, ResponsesError, ScoringError, DiagnosisError, RequestError)
STATUS: Mapping[str, int] = {
    "result.not_json": 400,
    "result.names_twice": 400,
    "result.no_number": 400,
    "service.no_bank": 404,
    "service.no_place": 404,
    "service.method": 405,
    "limits.exceeded": 413,
    "service.too_large": 413,
    "service.too_many": 413,
    "service.media_type": 415,
}
"""The status of faults of the client that is not 422."""
CODES = {404: "service.no_place", 405: "service.method"}


class ProblemDocument(TypedDict):
    """A fault in a form that programs read: `code` is stable, `detail` is for persons."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    where: NotRequired[tuple[str, ...]]


def problem(fault: Any, language: str, path: str = "") -> ProblemDocument:  # noqa: ANN401 - of the library, FastAPI or anything else
    """Return the problem document of a fault; of one of the server nothing is told that stands on the server."""
    if callable(getattr(fault, "errors", None)):  # of a parameter, as FastAPI has it
        fault = RequestError("service.parameter", where=[".".join(map(str, one["loc"])) for one in fault.errors()])
    elif status := getattr(fault, "status_code", 0):
        code = CODES.get(status, "service.no_place")
        fault = RequestError(code, path=path[:100])
    ours = isinstance(fault, OF_THE_CLIENT)
    code = fault.code if isinstance(fault, CompetencyDxError) else "service.fault"
    out = ProblemDocument(
        type=f"urn:competency-dx:problem:{code}",
        title=phrase("service.of_client" if ours else "service.of_server")[language],
        status=STATUS.get(code, 422) if ours else 500,
        detail=fault.text(language) if ours else phrase("service.fault")[language],
        code=code,
    )
    if ours and (where := fault.facts.get("where")):
        out["where"] = (where,) if isinstance(where, str) else where
    return out


def language_of(header: str | None) -> str | None:
    """Return the language of a header ``Accept-Language`` that the library has, None where it asks for none of them."""
    asked: dict[str, float] = {}
    for part in (header or "").split(","):
        tag, _, quality = part.partition(";")
        try:
            weight = float(quality.partition("=")[2] or 1)
        except ValueError:
            continue
        if (code := tag.strip()[:2].lower()) in {"ru", "en"} and weight > 0:
            asked[code] = max(weight, asked.get(code, 0))
    return max(asked, key=lambda code: asked[code], default=None)
