"""The application of FastAPI: operations without HTTP, routes, limit of the body, description, faults as problems (RFC 9457).

Bodies and replies are described by the schemas of the types that read and write them. FastAPI reads annotations at run time, so
none is postponed.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from competency_dx import errors
from competency_dx.adaptive import NextItems, next_items
from competency_dx.arrays import value
from competency_dx.bank import BankRegistry, ItemBank, load_bank, shipped_banks
from competency_dx.competencies import DeficitProfiles, Profile, diagnose
from competency_dx.errors import BankError, CompetencyDxError, DocumentError, LimitError, RequestError, needing, phrase, repeated
from competency_dx.findings import in_results_only
from competency_dx.responses import answers_schema, load_responses
from competency_dx.result import JsonDocument, library_version, parse_json
from competency_dx.schemas import schema
from competency_dx.scoring import Scores, score
from competency_dx.wording import toml_content

MOST_PERSONS = 1000  # in one request: their profiles take some seconds and eight megabytes
NOT_THERE = {"bank.not_published", "bank.no_version", "bank.no_name", "bank.not_shipped"}
LOG = logging.getLogger(__name__)
MOST_BYTES, THREADS = 1 << 20, 8
LANGUAGE = "accept-language"
ANSWERING = ("/profiles", "/scores", "/next-items")  # paths that take a document of answers
JSON = "application/json"
EXAMPLE = {"bank": "mathematics", "persons": [{"person": "T-01", "answers": {"MAT-003": "2", "MAT-007": 76}}]}
OF_CLIENTS = (errors.DocumentError, errors.LimitError, errors.ResponsesError, errors.ScoringError, errors.DiagnosisError, RequestError)
STATUS: Mapping[str, int] = toml_content("service", "status")  # of faults of the client that are not 422


class ServedBank(TypedDict):
    """A bank that requests can name: by id, ``id@version`` or ``id@alias``."""

    id: str
    version: str
    digest: str
    aliases: tuple[str, ...]


@value
class Operations:
    """The operations on the banks of a registry, or on the shipped ones. Nothing is kept between two of them."""

    registry: Path | None

    def profiles(self, body: bytes, language: str | None) -> str:
        """Return the profile document of each person; sentences in the language asked for, else in that of the bank."""
        found = self._diagnosed(body)[0]
        spoken = found if language is None else replace(found, language=language)
        return f'{{"profiles":[{",".join(profile.to_json() for profile in spoken)}]}}'

    def scores(self, body: bytes) -> str:
        """Return the estimates of the persons."""
        bank, document = self._read(body)
        return score(load_responses(document, bank=bank), bank).to_json()

    def next_items(self, body: bytes, *, n: int, form: Any) -> str:  # noqa: ANN401 - checked by next_items
        """Return what to ask next, as a form for each person or one for all."""
        profiles, bank = self._diagnosed(body)
        return next_items(profiles, bank, n=n, form=form).to_json()

    def banks(self) -> str:
        """Return the banks that requests can name."""
        if self.registry is None:
            out = [ServedBank(id=b.id, version=b.version, digest=b.digest, aliases=()) for b in map(load_bank, shipped_banks())]
        else:
            broken: list[BankError] = []
            out = [
                ServedBank(id=index.id, version=version, digest=digest, aliases=index.aliases_of(version))
                for index in BankRegistry(folder=self.registry).banks(broken=broken)
                for version, digest in index.versions.items()
            ]
            for fault in broken:  # the others are served all the same
                LOG.error("a bank cannot be served: %s (%s)", fault, fault.code)
        return json.dumps({"banks": out}, ensure_ascii=False)

    def schemas(self, bank: str | None) -> str:
        """Return the schemas of all documents; that of answers with the items of a bank where one is named."""
        return json.dumps(schemas(None if bank is None else self._bank(bank)), ensure_ascii=False)

    def _diagnosed(self, body: bytes) -> tuple[DeficitProfiles, ItemBank]:
        bank, document = self._read(body)
        return diagnose(load_responses(document, bank=bank), bank), bank

    def _read(self, body: bytes) -> tuple[ItemBank, Mapping[str, Any]]:
        document = parse_json(body)
        named = document.get("bank") if isinstance(document, dict) else None
        if not isinstance(named, str):
            raise DocumentError("service.bank_missing", where="answers.bank")
        persons = document.get("persons")
        if isinstance(persons, list) and len(persons) > MOST_PERSONS:
            raise RequestError("service.too_many", most=MOST_PERSONS)
        return self._bank(named), {"kind": "answers"} | document

    def _bank(self, reference: str) -> ItemBank:
        try:
            if self.registry is not None or reference.partition("@")[0] in shipped_banks():  # never a path
                return load_bank(reference, registry=self.registry)
        except BankError as fault:
            if fault.code not in NOT_THERE:
                raise
        except LimitError as fault:  # not by the request
            raise BankError("bank.in_bank", id=reference, fault=fault) from None
        raise RequestError("service.no_bank", reference=reference[:100])


def named(kind: type[JsonDocument]) -> str:
    """Return the name of a document by kind and version, ``profile-1``."""
    return f"{kind.kind}-{kind.schema_version}"


def schemas(bank: ItemBank | None = None) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each document that the service reads or writes, by kind and version."""
    return {"answers-1": answers_schema(bank)} | {named(k): k.json_schema() for k in (Profile, Scores, NextItems)}


def create_app(*, registry: str | Path | None = None, most_bytes: int = MOST_BYTES) -> Any:  # noqa: ANN401 - of FastAPI
    """Return the application: it keeps nothing between requests and opens no connection.

    With a `registry`, a folder of published banks, those are served, without it the shipped ones. Bodies of more than `most_bytes` are
    refused before they are read. Raises `MissingDependencyError` without the extra ``service``.
    """
    with needing("fastapi", "service", "competency_dx.service"):
        from fastapi import Depends, FastAPI, Request
    app = FastAPI(title="competency_dx", version=library_version(), docs_url=None, redoc_url=None)  # whose pages load from elsewhere

    async def described_once(request: Request) -> None:
        """Refuse parameters that the path does not have, which would be passed over, and those given twice; who takes no JSON."""
        asked = weights_of(request.headers.get("accept"))
        if asked and not next((asked[kind] for kind in (JSON, "application/*", "*/*") if kind in asked), 0):
            raise RequestError("service.not_acceptable")
        given, known = [name for name, _ in request.query_params.multi_items()], request.scope["route"].dependant.query_params
        if wrong := sorted({*given} - {one.alias for one in known} | {*repeated(given)}):
            raise RequestError("service.parameter", where=[f"query.{name[:100]}" for name in wrong])

    once = [Depends(described_once)]
    for path, endpoint in _endpoints(Operations(registry=None if registry is None else Path(registry)), most_bytes).items():
        sent: dict[str, Any] = {"methods": ["POST"], "openapi_extra": SENT} if path in ANSWERING else {"methods": ["GET"]}
        replies: Any = {200: {"content": {JSON: {"schema": REPLIES[path]}}}, "4XX": FAULT, "5XX": FAULT}
        app.add_api_route(path, endpoint, responses=replies, dependencies=once, **sent)
        if path not in ANSWERING:
            app.add_api_route(path, endpoint, methods=["HEAD"], dependencies=once, include_in_schema=False)
    _refuse_in_problems(app)
    vars(app)["openapi"] = lambda: described(FastAPI.openapi(app))
    return app


def _endpoints(work: Operations, most_bytes: int) -> dict[str, Callable[..., Any]]:
    """Return the endpoints by path; a computation holds its thread to the end. Profiles that wait for each other are made together."""
    from anyio import CapacityLimiter, to_thread
    from fastapi import Query, Request, Response
    from fastapi.responses import JSONResponse

    threads = CapacityLimiter(max(THREADS, os.cpu_count() or 1))

    async def reply(operation: Callable[[], str], language: str | None = None) -> Response:
        text = await to_thread.run_sync(in_results_only()(operation), limiter=threads)
        spoken = {} if language is None else {"Content-Language": language}
        return Response(text, media_type=JSON, headers={"Vary": "Accept-Language", **spoken})

    async def profiles(request: Request) -> Response:
        """Diagnose: what can be concluded about each person, how surely, and from which answers."""
        sent, language = await _body(request, most_bytes), language_of(request.headers.get(LANGUAGE))
        return await reply(lambda: work.profiles(sent, language), language)

    async def scores(request: Request) -> Response:
        """Estimate the ability of each person with its error."""
        sent = await _body(request, most_bytes)
        return await reply(lambda: work.scores(sent))

    async def next_items(
        request: Request, n: Annotated[int, Query(ge=1, le=100)] = 12, form: Literal["person", "group"] = "person"
    ) -> Response:
        """Choose what to ask next: a form for each person, or one for all of them."""
        sent = await _body(request, most_bytes)
        return await reply(lambda: work.next_items(sent, n=n, form=form))

    async def banks() -> Response:
        """List the banks that requests can name."""
        return await reply(work.banks)

    async def schemas(bank: str | None = None) -> Response:
        """Return the schemas of all documents; that of answers with the items of a bank where one is named."""
        return await reply(lambda: work.schemas(bank))

    async def health() -> Response:
        """Tell that the service answers, and the version of the library."""
        return JSONResponse({"status": "ok", "library": library_version()})

    answering = dict(zip(ANSWERING, (profiles, scores, next_items), strict=True))
    return {**answering, "/banks": banks, "/schemas": schemas, "/health": health}


async def _body(request: Any, most_bytes: int) -> bytes:  # noqa: ANN401 - of Starlette
    """Return the body of a request; it is not read further than the limit."""
    from starlette.requests import ClientDisconnect

    kind, *parameters = (part.strip(' "').lower() for part in re.split("[;=]", request.headers.get("content-type", "").rstrip("; ")))
    encoded = request.headers.get("content-encoding", "identity").lower() != "identity"
    if kind != JSON or encoded or parameters not in ([], ["charset", "utf-8"]):
        raise RequestError("service.media_type")
    too_large, body = RequestError("service.too_large", most=most_bytes), bytearray()
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_large
    try:
        async for part in request.stream():
            body += part
            if len(body) > most_bytes:
                raise too_large
    except ClientDisconnect:
        raise RequestError("service.cut_off") from None
    return bytes(body)


def _refuse_in_problems(app: Any) -> None:  # noqa: ANN401 - of FastAPI
    """Let every fault be a problem document; faults of the server are logged."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    async def refused(request: Request, fault: Exception) -> JSONResponse:
        language = language_of(request.headers.get(LANGUAGE)) or "en"
        out = problem(fault, language, request.url.path)
        if out["status"] >= 500 and isinstance(fault, CompetencyDxError):  # the server logs all else
            LOG.error("%s %s failed: %s (%s)", request.method, request.url.path, fault, fault.code)
        headers = {"Content-Language": language, "Vary": "Accept-Language", **(getattr(fault, "headers", None) or {})}
        return JSONResponse(out, out["status"], headers, media_type="application/problem+json")

    for kind in (Exception, CompetencyDxError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refused)


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
FAULT = {"description": "ProblemDocument", "content": {"application/problem+json": {"schema": _of("ProblemDocument")}}}
SENT = {"requestBody": {"required": True, "content": {JSON: {"schema": _of("answers-1"), "example": EXAMPLE}}}}


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
    return dict(json.loads(re.sub(r'"#/\$defs/([^"]+)"', lambda ref: f'"#/components/schemas/{ref[1].replace(" ", "_")}"', text)))


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
        fault = RequestError("service.method" if status == 405 else "service.no_place", path=path[:100])
    ours = isinstance(fault, OF_CLIENTS)
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


def weights_of(header: str | None) -> dict[str, float]:
    """Return what a header such as ``Accept`` names, in its order, with how much it is wanted: 1 unless it says so."""
    out: dict[str, float] = {}
    for part in (header or "").lower().replace(" ", "").split(","):
        name, *said = part.split(";")
        with suppress(ValueError):
            weight = float(next((one[2:] for one in said if one.startswith("q=")), 1))
            out |= {name: max(weight, out.get(name, 0))} if name else {}
    return out


def language_of(header: str | None) -> str | None:
    """Return the language of a header ``Accept-Language`` that the library has, None where it asks for none of them."""
    had = {tag: weight for tag, weight in weights_of(header).items() if tag.partition("-")[0] in errors.LANGUAGES and weight > 0}
    return max(had, key=lambda tag: had[tag]).partition("-")[0] if had else None
