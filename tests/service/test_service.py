"""The service answers as the library does; every fault is a problem document that tells client and server apart."""

from __future__ import annotations

import copy
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import competency_dx as cdx
from competency_dx import errors
from competency_dx.bank import BankRegistry
from competency_dx.service.application import Operations, language_of, problem, schemas

Call = Callable[..., Any]
BANK = cdx.load_bank("physics")
ROOT = Path(__file__).parents[2]


def person(name: str = "T-01", shift: int = 0) -> dict[str, Any]:
    items = [i for i in BANK.items if i.type == "single"][:14]
    answers = {i.id: list(i.options)[(k + shift) % 2] for k, i in enumerate(items)}
    return {"person": name, "answers": answers}


REQUEST: dict[str, Any] = {"kind": "answers", "schema_version": 1, "bank": "physics", "persons": [person()]}
SEVERAL: dict[str, Any] = REQUEST | {"persons": [person(f"T-{k:02d}", k) for k in range(5)]}


def test_profiles_are_those_of_the_library(call: Call) -> None:
    reply = call("POST", "/profiles", SEVERAL)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    profiles = cdx.diagnose(cdx.load_responses(SEVERAL, bank=BANK), BANK)
    assert reply.content == {"profiles": [json.loads(profile.to_json()) for profile in profiles]}
    for document in reply.content["profiles"]:
        assert cdx.Profile.from_json(json.dumps(document)).person == document["person"]


def test_scores_and_next_items_are_those_of_the_library(call: Call) -> None:
    responses = cdx.load_responses(SEVERAL, bank=BANK)
    assert call("POST", "/scores", SEVERAL).body.decode() == cdx.score(responses, BANK).to_json()
    profiles = cdx.diagnose(responses, BANK)
    for query, options in (("", {}), ("?n=3&form=group", {"n": 3, "form": "group"})):
        reply = call("POST", f"/next-items{query}", SEVERAL)
        assert reply.body.decode() == cdx.next_items(profiles, BANK, **options).to_json()  # type: ignore[arg-type]


def test_a_person_has_the_same_bytes_alone_among_others_and_at_once(call: Call) -> None:
    together = call("POST", "/profiles", SEVERAL).content["profiles"]
    alone = [REQUEST | {"persons": [p]} for p in SEVERAL["persons"]]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda body: call("POST", "/profiles", body), alone * 2))
    assert [r.content["profiles"][0] for r in replies] == together * 2
    assert len({r.body for r in replies}) == len(together)


def test_language_follows_the_header(call: Call) -> None:
    titles = {}
    for header, language in (("ru", "ru"), ("de, en-GB;q=0.8, ru;q=0.5", "en"), ("fr", BANK.header.language)):
        reply = call("POST", "/profiles", REQUEST, Accept_Language=header)
        (profile,) = reply.content["profiles"]
        titles[language] = profile["conclusions"]["PHY"]["title"]
        assert profile["language"] == language
    assert len(set(titles.values())) == 2
    russian = call("POST", "/profiles", b"{", Accept_Language="ru-RU").content["detail"]
    assert russian != call("POST", "/profiles", b"{").content["detail"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("ru", "ru"),
        ("EN-us", "en"),
        ("en;q=0.3, ru;q=0.9", "ru"),
        ("ru;q=0", None),
        ("ru;q=x, en", "en"),
        (";;,,=;q=", None),
        ("rup, eng", None),
        ("en, ru", "en"),
        ("ru;level=1;q=0.2, en;q=0.3", "en"),
    ],
)
def test_languages_of_a_header(header: str | None, language: str | None) -> None:
    assert language_of(header) == language


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    out = copy.deepcopy(REQUEST)
    change(out)
    return out


SINGLE = next(iter(person()["answers"]))
FAULTS: dict[str, tuple[int, str, Any]] = {
    "no JSON": (400, "result.not_json", b"{"),
    "nothing": (400, "result.not_json", b""),
    "no text": (400, "result.not_json", b"\xff\xff\xff"),
    "deep": (400, "result.not_json", b"[" * 9000 + b"]" * 9000),
    "deep in place": (400, "result.not_json", b'{"bank": "physics", "persons": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "half a letter": (400, "result.not_json", b'{"bank": "physics", "persons": [{"person": "\\ud800", "answers": {}}]}'),
    "no number": (400, "result.no_number", b'{"bank": "physics", "persons": NaN}'),
    "named twice": (400, "result.names_twice", b'{"bank": "physics", "bank": "history"}'),
    "a list": (422, "service.bank_missing", []),
    "no bank": (422, "service.bank_missing", {"persons": [person()]}),
    "bank of no text": (422, "service.bank_missing", REQUEST | {"bank": 7}),
    "unknown bank": (404, "service.no_bank", REQUEST | {"bank": "alchemy"}),
    "unknown version": (404, "service.no_bank", REQUEST | {"bank": "physics@0.0.1"}),
    "path": (404, "service.no_bank", REQUEST | {"bank": str(ROOT / "item_banks" / "physics")}),
    "relative path": (404, "service.no_bank", REQUEST | {"bank": "item_banks/physics"}),
    "persons are a column": (422, "responses.answers_value", REQUEST | {"persons": ["a"]}),
    "persons are no list": (422, "responses.answers_value", REQUEST | {"persons": "a"}),
    "nobody": (422, "responses.no_answers", REQUEST | {"persons": []}),
    "further field": (422, "responses.answers_fields", REQUEST | {"rule": {}}),
    "unknown item": (422, "responses.answers_fields", changed(lambda d: d["persons"][0]["answers"].update(X="1"))),
    "unknown option": (422, "responses.no_such_answers", changed(lambda d: d["persons"][0]["answers"].update({SINGLE: 99}))),
    "person twice": (422, "responses.persons_of_answers", REQUEST | {"persons": [person(), person()]}),
    "person by name": (422, "responses.personal_data", REQUEST | {"persons": [person("Петров Пётр Петрович")]}),
    "too many": (413, "service.too_many", REQUEST | {"persons": [0] * 1001}),
    "too large": (413, "service.too_large", b" " * 20_001),
}  # fmt: skip
READ_DEEPER = {"deep": (422, "service.bank_missing"), "deep in place": (422, "responses.answers_value")}  # by Python 3.12 and later


@pytest.mark.parametrize("name", list(FAULTS))
@pytest.mark.parametrize("path", ["/profiles", "/scores", "/next-items"])
def test_a_fault_of_the_client_is_a_problem_document(call: Call, path: str, name: str) -> None:
    status, code, body = FAULTS[name]
    reply = call("POST", path, body, Accept_Language="en")
    assert (reply.status, reply.content["code"]) in {(status, code), READ_DEEPER.get(name)}
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["content-language"] == "en"
    assert set(reply.content) - {"where"} == {"type", "title", "status", "detail", "code"}
    assert reply.content["status"] == reply.status
    assert "Петров" not in reply.body.decode()
    assert str(ROOT) not in reply.content["detail"] or name == "path"  # which the client sent


def test_faults_of_requests_are_problem_documents(call: Call) -> None:
    for method, path, body, headers, status, code in (
        ("GET", "/nope", None, {}, 404, "service.no_place"),
        ("GET", "/profiles", None, {}, 405, "service.method"),
        ("PUT", "/profiles", REQUEST, {}, 405, "service.method"),
        ("POST", "/profiles", REQUEST, {"Content_Type": "text/plain"}, 415, "service.media_type"),
        ("POST", "/profiles", REQUEST, {"Content_Encoding": "gzip"}, 415, "service.media_type"),
        *(
            (method, path, body, {"Accept": kinds}, 406, "service.not_acceptable")
            for method, path, body in (("POST", "/profiles", REQUEST), ("GET", "/banks", None))
            for kinds in ("text/html", "application/xml, text/*;q=0.5", "application/json;q=0, */*", "application/problem+json")
        ),
        *(
            ("POST", "/profiles", REQUEST, {"Content_Type": f"application/json; {rest}"}, 415, "service.media_type")
            for rest in ("charset=windows-1251", 'charset="utf-16"', "version=2", "charset=utf-8; charset=latin-1")
        ),
        *(
            ("POST", f"{path}?{query}", REQUEST, {}, 422, "service.parameter")
            for path, query in (
                ("/next-items", "nn=5"),
                ("/next-items", "n=12&n=3"),
                ("/profiles", "n=5"),
                ("/scores", "a=&a="),
                ("/next-items", "N=3"),
            )
        ),
        ("GET", "/banks?registry=x", None, {}, 422, "service.parameter"),
        ("GET", "/schemas?bank=physics&bank=history", None, {}, 422, "service.parameter"),
        ("GET", "/health?x", None, {}, 422, "service.parameter"),
        ("POST", "/next-items?n=0", REQUEST, {}, 422, "service.parameter"),
        ("POST", "/next-items?form=x", REQUEST, {}, 422, "service.parameter"),
        ("GET", "/schemas?bank=alchemy", None, {}, 404, "service.no_bank"),
        ("GET", "/schemas?bank=physics@", None, {}, 404, "service.no_bank"),
        ("POST", "/profiles", REQUEST | {"bank": "physics@"}, {}, 404, "service.no_bank"),
        ("POST", "/profiles", REQUEST | {"persons": [{"person": "a", "answers": {"": "1"}}]}, {}, 422, "responses.answers_fields"),
    ):
        reply = call(method, path, body, **headers)
        assert (reply.status, reply.content["code"]) == (status, code), path
        assert reply.headers["content-type"] == "application/problem+json"
    assert call("GET", "/profiles").headers["allow"] == "POST"
    for kinds in ("text/html, */*;q=0.1", "application/*", "TEXT/html, APPLICATION/JSON;v=1", "", "application/json;q=x"):
        assert call("POST", "/profiles", REQUEST, Accept=kinds).status == 200
    for kind in ("application/json;", "application/json;charset=UTF-8", 'Application/JSON ; charset="utf-8"'):
        assert call("POST", "/profiles", REQUEST, Content_Type=kind).status == 200


def test_a_fault_of_the_server_is_told_apart_and_tells_nothing_of_it(
    published: Call, registry: BankRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    table = Path(registry.folder) / "physics" / "3.0.0" / "parameters.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("provisional", "pilot"), encoding="utf-8")
    reply = published("POST", "/profiles", REQUEST | {"bank": "physics@3.0.0"})
    table.write_text(text, encoding="utf-8")
    assert (reply.status, reply.content["code"]) == (500, "bank.not_as_published")
    assert str(registry.folder) not in reply.body.decode()
    assert "not as it was published" in caplog.text
    assert "bank.not_as_published" in caplog.text
    assert "Traceback" not in caplog.text
    assert problem(ZeroDivisionError("secret"), "en")["code"] == "service.fault"
    assert "secret" not in str(problem(ZeroDivisionError("secret"), "ru"))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("parameters.csv", ",2PL,", ",XPL,"), ("items.yaml", "key: '", "key: 2026-13-45 #"), ("items.yaml", "items:", "items: *a\nx:")],
)
def test_a_published_bank_that_cannot_be_read_is_no_fault_of_the_request(file: str, old: str, new: str, tmp_path: Path) -> None:
    cdx.bank.BankRegistry(folder=tmp_path).publish(BANK)
    path = tmp_path / "physics" / BANK.version / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    for limits in (cdx.Limits(), cdx.Limits(items=5)):
        with limits, pytest.raises(errors.BankError) as fault:
            Operations(registry=tmp_path).profiles(json.dumps(REQUEST).encode(), None)
        found = problem(fault.value, "ru")
        assert (found["status"], "Traceback" in str(found)) == (500, False)


def test_banks_of_a_registry_are_named_by_version_and_alias(published: Call, registry: BankRegistry) -> None:
    assert [(b["id"], b["version"], b["aliases"]) for b in published("GET", "/banks").content["banks"]] == [
        ("physics", BANK.version, ["latest"]),
        ("physics", "3.0.0", ["trial"]),
    ]
    known = published("GET", "/schemas?bank=physics@trial").content["answers-1"]["properties"]["persons"]["items"]
    names = list(known["properties"]["answers"]["properties"])
    request = {"bank": "physics@trial", "persons": [{"person": "a", "answers": dict.fromkeys(names)}]}
    reply = published("POST", "/profiles", request)
    assert reply.status == 200
    assert reply.content["profiles"][0]["provenance"]["inputs"]["bank"].startswith("physics 3.0.0 sha256:")
    request["bank"] = "physics@9"
    assert published("POST", "/profiles", request).status == 404


def test_health_banks_and_schemas(call: Call) -> None:
    assert call("GET", "/health").content == {"status": "ok", "library": cdx.__version__}
    assert [b["id"] for b in call("GET", "/banks").content["banks"]] == list(cdx.bank.shipped_banks())
    told = call("GET", "/schemas").content
    assert told == json.loads(json.dumps(schemas()))
    for schema in told.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    exact = call("GET", "/schemas?bank=physics").content["answers-1"]
    jsonschema.validate(SEVERAL, exact, jsonschema.Draft202012Validator)
    jsonschema.validate(call("POST", "/scores", SEVERAL).content, told[f"scores-{cdx.Scores.schema_version}"])


def test_the_head_of_a_reply_is_that_of_the_reply(call: Call) -> None:
    for path in ("/health", "/banks", "/schemas?bank=physics"):
        whole, head = call("GET", path), call("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
    assert call("GET", "/docs").status == 404  # a page that loads its script from elsewhere


@pytest.mark.parametrize("announced", [b"Content-Length: 99999999", b"Content-Length: 300", b"Transfer-Encoding: chunked"])
def test_a_body_that_does_not_come_is_no_fault_of_the_server(
    address: str, call: Call, announced: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"POST /profiles HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + announced + b"\r\n\r\n")
        if announced.endswith(b"9"):  # refused before anything is sent
            assert b" 413 " in line.recv(100)
    assert call("GET", "/health").status == 200
    assert not caplog.records


def test_what_the_description_refers_to_is_in_it(call: Call) -> None:
    document = call("GET", "/openapi.json").content
    names = set(re.findall(r"#/[\w/.-]+", json.dumps(document)))
    assert names == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    for path, body in (("/profiles", SEVERAL), ("/scores", SEVERAL), ("/next-items", SEVERAL), ("/banks", None)):
        method = "GET" if body is None else "POST"
        part = document["paths"][path][method.lower()]["responses"]
        of_reply = part["200"]["content"]["application/json"]["schema"] | {"components": document["components"]}
        jsonschema.Draft202012Validator(of_reply).validate(call(method, path, body).content)
        of_fault = part["4XX"]["content"]["application/problem+json"]["schema"] | {"components": document["components"]}
        jsonschema.Draft202012Validator(of_fault).validate(call("POST", "/profiles", b"{").content)


def test_nothing_is_kept_between_requests(tmp_path: Path) -> None:
    """A bank that is published later is there, and one operation leaves the next as it was."""
    work = Operations(registry=tmp_path)
    assert json.loads(work.banks()) == {"banks": []}
    BankRegistry(folder=tmp_path).publish(BANK)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "index.json").write_text('{"id": "broken", "versions": {', encoding="utf-8")
    assert [bank["id"] for bank in json.loads(work.banks())["banks"]] == [BANK.id]  # the index of another bank is broken
    body = json.dumps(REQUEST).encode()
    first = work.profiles(body, None)
    work.profiles(json.dumps(SEVERAL).encode(), "en")
    assert work.profiles(body, None) == first


def test_the_room_is_imported_without_the_extra() -> None:
    program = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from competency_dx.service import create_app\n"
        "from competency_dx.errors import MissingDependencyError\n"
        "try: create_app()\n"
        "except MissingDependencyError as fault: print(fault)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "competency-dx[service]" in done.stdout


def test_the_application_takes_its_registry_from_the_environment(registry: BankRegistry) -> None:
    pytest.importorskip("fastapi", reason="the extra service is not installed")
    program = "import competency_dx.service as s; print([r.path for r in s.app.routes if r.path == '/profiles'])"
    environment = {**os.environ, "COMPETENCY_DX_REGISTRY": str(registry.folder)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "['/profiles']\n"


@pytest.mark.parametrize(("page", "language"), [("service.md", "en"), ("ru/service.md", "ru")])
def test_the_page_shows_what_is_sent_and_what_comes_back(call: Call, page: str, language: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    request, profiles, fault = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    reply = call("POST", "/profiles", request, Accept_Language=language)
    assert reply.status == 200
    for shown, came in zip(profiles["profiles"], reply.content["profiles"], strict=True):
        assert shown.items() <= came.items()
    request["persons"][0]["answers"]["MAT-003"] = "9"
    assert call("POST", "/profiles", request, Accept_Language=language).content == fault


def test_the_container_starts_what_is_there() -> None:
    folder = ROOT / "examples" / "service"
    commands = [
        json.loads(found)
        for name in ("Dockerfile", "compose.yaml")
        for found in re.findall(r"(?:^CMD|command:) (\[.*\])$", (folder / name).read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert [c[:2] for c in commands] == [["uvicorn", "competency_dx.service:app"]] * 2
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (folder / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
    assert "COMPETENCY_DX_REGISTRY" in (folder / "compose.yaml").read_text(encoding="utf-8")
