"""Bodies that no parser should have to bear: every command refuses them, says what to do, and writes no fact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.api.firm import Firm, Operation
from tests.api.refusing import JSON, ask, nothing_written, refused

FEWEST_COMMANDS = 80


class Member(NamedTuple):
    """A member of a body that is added to a fitting one, as it is written in JSON, and how it is refused."""

    written: str
    status: int
    code: str


MEMBERS = {
    "an unknown field": Member('"unheard_of": 1', 422, "VALIDATION"),
    "not a number": Member('"x": NaN', 400, "MALFORMED"),
    "infinity": Member('"x": Infinity', 400, "MALFORMED"),
    "minus infinity": Member('"x": -Infinity', 400, "MALFORMED"),
    "a number that is infinite when it is read": Member('"x": 1e400', 400, "MALFORMED"),
    "one more than 64 bits hold": Member(f'"x": {1 << 63}', 400, "MALFORMED"),
    "one less than 64 bits hold": Member(f'"x": {-(1 << 63) - 1}', 400, "MALFORMED"),
    "a number of 5,000 digits": Member(f'"x": {"9" * 5_000}', 400, "MALFORMED"),
    "NUL": Member('"x": "a\\u0000b"', 400, "MALFORMED"),
    "NUL in a name": Member('"a\\u0000b": 1', 400, "MALFORMED"),
    "half of a surrogate pair": Member('"x": "\\ud800"', 400, "MALFORMED"),
    "a name that stands twice": Member('"x": 1, "x": 2', 400, "MALFORMED"),
    "1,000 levels": Member(f'"x": {"[" * 1_000}{"]" * 1_000}', 400, "MALFORMED"),
    "1,000 levels of objects": Member('"x": ' + '{"a": ' * 1_000 + "1" + "}" * 1_000, 400, "MALFORMED"),
    "100,000 items": Member(f'"x": [{"0," * 99_999}0]', 413, "TOO_LARGE"),
    "more than a megabyte": Member(f'"x": "{"a" * (1 << 20)}"', 413, "TOO_LARGE"),
}
TEXTS = {
    "half an object": b'{"x":',
    "two objects": b"{}{}",
    "bytes that are no UTF-8": b'{"x": "\xff"}',
    "UTF-16": '{"x": 1}'.encode("utf-16"),
    "a raw NUL": b'{"x": "\x00"}',
    "a comment": b'{"x": 1} // y',
}
NO_OBJECTS = (b"[]", b"7", b'"text"', b"true", b"[{}]")
LETTERS = {"a": 1}
"""What stands for something else in a field."""


def commands(firm: Firm) -> Iterator[tuple[Operation, str, dict[str, Any]]]:
    """Every operation that takes a JSON body, with its path and a body that fits."""
    for operation in firm.operations():
        content = operation.described.get("requestBody", {}).get("content", {})
        if JSON in content:
            schemas = firm.documents[operation.service]["components"]["schemas"]
            example = schemas[content[JSON]["schema"]["$ref"].rpartition("/")[2]]["examples"][0]
            yield operation, firm.place(operation)[0], example


def send(firm: Firm, operation: Operation, path: str, content: bytes, media_type: str | None = JSON) -> Any:
    """A command with this body."""
    return ask(firm, "POST", operation.service, path, {"Content-Type": media_type}, content=content)


def test_there_are_commands_to_try(firm: Firm) -> None:
    assert len(list(commands(firm))) > FEWEST_COMMANDS
    assert {operation.service for operation, _, _ in commands(firm)} == firm.documents.keys() - {"kpi"}


@pytest.mark.parametrize("kind", MEMBERS)
def test_a_body_with_a_bad_member_is_refused(firm: Firm, kind: str) -> None:
    member = MEMBERS[kind]
    with nothing_written(firm):
        for operation, path, example in commands(firm):
            members = json.dumps(example)[1:-1]
            body = f"{{{members}{', ' if members else ''}{member.written}}}".encode()
            refused(send(firm, operation, path, body), member.status, member.code)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_body_that_is_no_json_is_refused(firm: Firm, kind: str) -> None:
    with nothing_written(firm):
        for operation, path, _ in commands(firm):
            refused(send(firm, operation, path, TEXTS[kind]), 400, "MALFORMED")


@pytest.mark.parametrize("body", NO_OBJECTS)
def test_a_body_that_is_no_object_is_refused(firm: Firm, body: bytes) -> None:
    with nothing_written(firm):
        for operation, path, _ in commands(firm):
            told = refused(send(firm, operation, path, body), 422, "VALIDATION")
            assert told["errors"][0]["in"] == "body"


def test_a_missing_body_is_refused_where_one_is_needed(firm: Firm) -> None:
    with nothing_written(firm):
        for operation, path, _ in commands(firm):
            if operation.described["requestBody"].get("required"):
                refused(send(firm, operation, path, b""), 422, "VALIDATION")
                refused(send(firm, operation, path, b"", None), 422, "VALIDATION")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"]
)
def test_a_body_of_another_type_is_refused(firm: Firm, media_type: str) -> None:
    with nothing_written(firm):
        for operation, path, example in commands(firm):
            body = json.dumps(example).encode()
            refused(send(firm, operation, path, body, media_type), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_field_of_another_kind_is_pointed_at(firm: Firm) -> None:
    tried = 0
    with nothing_written(firm):
        for operation, path, example in commands(firm):
            for name in (name for name, given in example.items() if not isinstance(given, dict)):
                body = json.dumps({**example, name: LETTERS}).encode()
                told = refused(send(firm, operation, path, body), 422, "VALIDATION")
                assert any(one["pointer"].startswith(f"/{name}") for one in told["errors"]), told
                tried += 1
    assert tried > FEWEST_COMMANDS


@pytest.mark.parametrize("written", [0, 1_700_000_000, "0", "1700000000.5"])
def test_a_number_is_no_date(firm: Firm, written: object) -> None:
    with nothing_written(firm):
        for operation, path, example in commands(firm):
            for name in ("expected_close", "starts_at", "until", "time"):
                if name in example:
                    body = json.dumps({**example, name: written}).encode()
                    refused(send(firm, operation, path, body), 422, "VALIDATION")
