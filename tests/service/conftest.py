"""A service over HTTP on a port of its own, and a client that is none of its libraries."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import competency_dx as cdx
from competency_dx.bank import BankRegistry
from competency_dx.service import create_app

EXTRA = "the extra service is not installed"


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


Call = Callable[..., Reply]


def serve(app: Any) -> Iterator[str]:
    """Yield the address of a server of the application while it runs."""
    uvicorn = pytest.importorskip("uvicorn", reason=EXTRA)
    place = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"127.0.0.1:{place.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def client(address: str) -> Call:
    """Return a function that sends a request and reads the reply; documents are sent as JSON."""

    def call(method: str, path: str, body: Any = None, **headers: str) -> Reply:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        connection = http.client.HTTPConnection(address, timeout=60)
        try:
            connection.request(method, path, data, named)
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    return call


@pytest.fixture(scope="package")
def address() -> Iterator[str]:
    """Return the address of a service of the shipped banks."""
    pytest.importorskip("fastapi", reason=EXTRA)
    yield from serve(create_app(most_bytes=20_000))


@pytest.fixture(scope="package")
def call(address: str) -> Call:
    return client(address)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> BankRegistry:
    """Return a registry with two versions of a small bank."""
    full = cdx.load_bank("physics")
    ids = set(full.form("A").items[:12])
    items = tuple(item.model_copy(update={"enemies": ()}) for item in full.items if item.id in ids)
    header = full.header.model_copy(update={"forms": ()})
    bank = replace(full, header=header, items=items, parameters=tuple(r for r in full.parameters if r.item in ids))
    out = BankRegistry(folder=tmp_path_factory.mktemp("published"))
    out.publish(bank)
    out.publish(replace(bank, header=header.model_copy(update={"version": "3.0.0"})), alias="trial")
    return out


@pytest.fixture(scope="module")
def published(registry: BankRegistry) -> Iterator[Call]:
    """Return the client of a service of the registry."""
    pytest.importorskip("fastapi", reason=EXTRA)
    for place in serve(create_app(registry=Path(registry.folder))):
        yield client(place)
