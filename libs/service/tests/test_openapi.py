"""The API document is complete, valid, and says nothing the service does not do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from libs.service.app import create_app
from libs.service.tests.pond import POND

DOCUMENT: dict[str, Any] = create_app(POND).openapi()
OPERATIONS = {one["operationId"]: one for path in DOCUMENT["paths"].values() for one in path.values()}


def test_it_is_valid_openapi_3_1() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"] == "3.1.0"


def test_nothing_of_3_2_and_nothing_of_the_framework_is_left() -> None:
    text = json.dumps(DOCUMENT)
    for word in ("itemSchema", "HTTPValidationError", '"ValidationError"'):
        assert word not in text


def test_refusals_are_problem_documents_only() -> None:
    for name, response in DOCUMENT["components"]["responses"].items():
        assert list(response["content"]) == ["application/problem+json"], name
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            assert status.startswith("2") or response.keys() == {"$ref"}


def test_commands_tell_their_headers_and_both_answers() -> None:
    throw, take = OPERATIONS["throwStone"], OPERATIONS["takeStone"]
    named = {one.get("$ref", one.get("name")).split("/")[-1] for one in throw["parameters"]}
    assert {"IdempotencyKey", "IfMatch", "DryRun", "ConsistencyToken"} <= named
    assert throw["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/Accepted")
    assert throw["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Foreseen")
    assert len(take["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]) == 2
    assert "ETag" in take["responses"]["200"]["headers"]


def test_every_operation_says_who_may_call_it() -> None:
    assert OPERATIONS["throwStone"]["x-roles"] == ["manager", "rep"]
    assert OPERATIONS["throwStone"]["security"] == [{"bearer": []}]
    assert OPERATIONS["listProblems"]["security"] == []


def test_every_operation_and_parameter_is_described() -> None:
    for name, operation in OPERATIONS.items():
        assert operation["description"], name
        for parameter in operation.get("parameters", []):
            assert parameter.get("$ref") or parameter["description"], name


def test_the_stream_is_plain_text_of_events() -> None:
    content = OPERATIONS["followChanges"]["responses"]["200"]["content"]
    assert list(content) == ["text/event-stream"]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_references_lead_somewhere(name: str) -> None:
    def walk(value: Any) -> None:
        match value:
            case {"$ref": str(target)}:
                found: Any = DOCUMENT
                for step in target.removeprefix("#/").split("/"):
                    found = found[step]
            case dict():
                for one in value.values():
                    walk(one)
            case list():
                for one in value:
                    walk(one)

    walk(OPERATIONS[name])
