"""The five API documents are valid, complete, and say nothing that older tools do not know."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from libs.service.app import create_app
from libs.service.auth import unguarded
from tests.services import all_services

SERVICES = {service.name: service for service in all_services()}
DOCUMENTS: Mapping[str, dict[str, Any]] = {name: create_app(service).openapi() for name, service in SERVICES.items()}
METHODS = {"get", "post"}
OF_3_2 = {"itemSchema", "itemEncoding", "prefixEncoding", "additionalOperations", "$self", "deviceAuthorization"}
OPEN = {"listProblems", "showProblem", "showSchema"}
"""What everybody may read without a token."""
every_document = pytest.mark.parametrize("service", DOCUMENTS)


def operations(service: str) -> Iterator[dict[str, Any]]:
    """The operations of a document."""
    return (one for path in DOCUMENTS[service]["paths"].values() for one in path.values())


def bodies(service: str) -> Iterator[tuple[str, dict[str, Any], list[Any]]]:
    """Every body: whose it is, its schema with the document's components, its examples."""
    components = DOCUMENTS[service]["components"]
    for operation in operations(service):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = content["schema"]
            model = components["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            shown = [content["example"]] if "example" in content else model.get("examples", [])
            yield f"{operation['operationId']} {media_type}", {**schema, "components": components}, shown


def words(value: Any) -> Iterator[str]:
    """Every key in a document, and in whatever it holds."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield str(key)
        yield from words(one)


@every_document
def test_a_document_is_valid(service: str) -> None:
    errors = OpenAPIV31SpecValidator(DOCUMENTS[service]).iter_errors()
    assert [f"{list(error.path)}: {error.message[:200]}" for error in errors] == []


@every_document
def test_operations_have_names_of_their_own_and_say_what_they_do(service: str) -> None:
    names = Counter(one["operationId"] for one in operations(service))
    assert [name for name, count in names.items() if count > 1 or not re.fullmatch(r"[a-z][A-Za-z]+", name)] == []
    assert [
        one["operationId"] for one in operations(service) if not (one.get("summary") and one.get("description"))
    ] == []
    assert {method for path in DOCUMENTS[service]["paths"].values() for method in path} <= METHODS


@every_document
def test_every_body_has_an_example_that_fits(service: str) -> None:
    for name, schema, shown in bodies(service):
        assert shown, f"{name} shows no example"
        for one in shown:
            errors = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(one)
            assert [f"{name}: {error.message[:200]}" for error in errors] == []


@every_document
def test_every_operation_says_who_may_use_it_and_how_it_refuses(service: str) -> None:
    assert unguarded(create_app(SERVICES[service])) == []
    for operation in operations(service):
        refusals = {int(status) for status in operation["responses"] if int(status) >= 400}
        if operation["operationId"] in OPEN:
            assert operation["security"] == []
        else:
            assert operation["x-roles"]
            assert {400, 401, 403, 500, 503} <= refusals, operation["operationId"]


@every_document
def test_every_parameter_and_field_of_a_header_is_described(service: str) -> None:
    shared = DOCUMENTS[service]["components"]["parameters"]
    parameters = [one for operation in operations(service) for one in operation.get("parameters", []) if "name" in one]
    assert [one["name"] for one in (*parameters, *shared.values()) if not one.get("description")] == []


@every_document
def test_a_document_has_no_words_of_later_versions(service: str) -> None:
    assert DOCUMENTS[service]["openapi"].startswith("3.1")
    assert OF_3_2.isdisjoint(words(DOCUMENTS[service]))
