"""The application of FastAPI: routes, limit of the body, faults. FastAPI reads annotations at run time, so none is postponed."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from competency_dx.errors import CompetencyDxError, RequestError, needing
from competency_dx.provenance import library_version
from competency_dx.service.description import body, described, replies
from competency_dx.service.operations import Operations
from competency_dx.service.problems import language_of, problem

LOG = logging.getLogger(__name__)
MOST_BYTES = 1 << 20
LANGUAGE = "accept-language"
ANSWERING = ("/profiles", "/scores", "/next-items")
"""Paths that take a document of answers."""


def create_app(*, registry: str | Path | None = None, most_bytes: int = MOST_BYTES) -> Any:  # noqa: ANN401 - of FastAPI
    """Return the application: it keeps nothing between requests and opens no connection.

    Parameters
    ----------
    registry : str or Path, optional
        Folder of published banks; without it the shipped banks are served.
    most_bytes : int, default 1 MiB
        Larger bodies are refused before they are read.

    Raises
    ------
    MissingDependencyError
        Without the extra ``service``.
    """
    with needing("fastapi", "service", "competency_dx.service"):
        from fastapi import FastAPI
    app = FastAPI(title="competency_dx", version=library_version())
    work = Operations(registry=None if registry is None else Path(registry))
    for path, endpoint in _endpoints(work, most_bytes).items():
        sent = {"methods": ["POST"], "openapi_extra": body()} if path in ANSWERING else {"methods": ["GET"]}
        app.add_api_route(path, endpoint, responses=replies(path), **sent)
    _refuse_in_problems(app)
    vars(app)["openapi"] = lambda: described(FastAPI.openapi(app))
    return app


def _endpoints(work: Operations, most_bytes: int) -> dict[str, Callable[..., Any]]:
    """Return the endpoints by path; a computation holds its thread to the end, so there are as many of them as cores."""
    from anyio import CapacityLimiter, to_thread
    from fastapi import Query, Request, Response
    from fastapi.responses import JSONResponse

    cores = CapacityLimiter(os.cpu_count() or 1)

    async def reply(operation: Callable[[], str], language: str | None = None) -> Response:
        text = await to_thread.run_sync(operation, limiter=cores)
        spoken = {} if language is None else {"Content-Language": language}
        return Response(text, media_type="application/json", headers={"Vary": "Accept-Language", **spoken})

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
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or request.headers.get("content-encoding", "identity") != "identity":
        raise RequestError("service.media_type")
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        if (size := size + len(part)) > most_bytes:
            raise RequestError("service.too_large", most=most_bytes)
    return b"".join(parts)


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
            LOG.error("%s %s failed", request.method, request.url.path, exc_info=fault)
        headers = {"Content-Language": language, "Vary": "Accept-Language", **(getattr(fault, "headers", None) or {})}
        return JSONResponse(out, out["status"], headers, media_type="application/problem+json")

    for kind in (Exception, CompetencyDxError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refused)
