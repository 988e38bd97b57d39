"""The service keeps what its OpenAPI says: generated requests, valid and not, find no fault of the server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import competency_dx as cdx

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytest.importorskip("fastapi", reason="the extra service is not installed")

OPERATIONS = ["POST /profiles", "POST /scores", "POST /next-items", "GET /banks", "GET /schemas", "GET /health"]
FEW = settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def description(address: str) -> Any:
    return schemathesis.openapi.from_url(f"http://{address}/openapi.json")


def test_every_path_is_described(description: Any) -> None:
    assert [f"{r.ok().method.upper()} {r.ok().path}" for r in description.get_all_operations()] == OPERATIONS
    assert description.raw_schema["openapi"].startswith("3.1")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_generated_requests_keep_to_the_description(description: Any, operation: str) -> None:
    method, path = operation.split()
    part = description[path][method]
    checks = schemathesis.checks
    # which items a bank has, and whether a person is named twice, no schema says: such requests are refused by right
    left_out = [checks.CHECKS.get_one("positive_data_acceptance")]

    @FEW
    @given(case=part.as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(excluded_checks=left_out)

    check()


@pytest.mark.parametrize("path", ["/profiles", "/scores", "/next-items"])
def test_generated_answers_to_a_bank_keep_to_the_description(description: Any, path: str) -> None:
    """Answers of all forms, valid by the schema, to items of every type: scored or refused, never a fault of the server."""
    bank = cdx.load_bank("mathematics")
    by_type = {item.type: item.id for item in bank.items}
    replies = []

    @FEW
    @given(case=description[path]["POST"].as_strategy())
    def check(case: Any) -> None:
        case.body["bank"] = bank.id
        for k, person in enumerate(case.body["persons"]):
            person["person"] = f"T-{k}"
            person.pop("form", None)
            sent = dict(zip(by_type.values(), person["answers"].values(), strict=False))
            person["answers"] = sent or dict.fromkeys(by_type.values())
        case.body |= {"kind": "answers", "schema_version": 1}
        reply = case.call()
        replies.append(reply.status_code)
        assert reply.status_code in {200, 422}, reply.text
        case.validate_response(reply, excluded_checks=[schemathesis.checks.CHECKS.get_one("positive_data_acceptance")])

    check()
    assert 200 in replies
