"""Requests to every operation of the five APIs, made from what their documents say: fitting ones and others."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.hooks import unregister
from uuid_utils.compat import uuid7

from dev.ports import SERVICES
from tests.api.firm import EVERYTHING, Firm, Operation
from tests.integration.organisations import LI

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
]
REFUSALS = ["400", "401", "403", "404", "409", "410", "412", "413", "414", "415", "422", "428", "429", "431", "503"]
EXAMPLES = 8
WAITED_FOR = ("Consistency-Token", "If-Match", "Occurred-At")
"""Headers that nothing made up can satisfy."""


@pytest.fixture
def asked(firm: Firm) -> Iterator[None]:
    """Let somebody ask who may do everything, now and then a rep; nothing is refused for its headers alone."""
    people = itertools.cycle((EVERYTHING, EVERYTHING, EVERYTHING, LI))

    @schemathesis.hook
    def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
        case.headers["Authorization"] = f"Bearer {firm.clients.token(next(people))}"
        if _headers_fit(case):
            for name in WAITED_FOR:
                case.headers.pop(name, None)
            if "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = str(uuid7())

    yield
    unregister(before_call)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("service", SERVICES)
def test_generated_requests_are_answered_as_the_document_says(firm: Firm, service: str) -> None:
    schema = _schema(firm, service)
    tried, failures = set[str](), dict[str, Failure]()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                tried.add(event.recorder.label)
                failures |= _failures(event)
            case events.NonFatalError():
                raise event.value
            case events.FatalError():
                raise event.exception
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)
    assert len(tried) == sum(len(methods) for methods in schema.raw_schema["paths"].values())


def _failures(event: events.ScenarioFinished) -> dict[str, Failure]:
    """What was not as it should be, by operation, kind and how to see it again."""
    found = {}
    for case_id, checks in event.recorder.checks.items():
        for failure in (check.failure_info for check in checks if check.failure_info is not None):
            case = event.recorder.cases[case_id].value
            told = f"{event.recorder.label}: {failure.failure.title}: {failure.failure.message[:300]}"
            found[f"{told}\n    {case.as_curl_command()[:600]}"] = failure.failure
    return found


def _schema(firm: Firm, service: str) -> Any:
    """The document of a service, in which path parameters may be ids of the firm's things."""
    document = copy.deepcopy(dict(firm.documents[service]))
    document["paths"].pop("/v1/stream", None)  # never ends
    for operation in firm.operations():
        if operation.service == service and operation.path in document["paths"]:
            _name_what_exists(firm, document, operation)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=firm.stack.url(service))
    schema.config.generation.update(deterministic=True, max_examples=EXAMPLES, with_security_parameters=False)
    schema.config.checks.update(included_check_names=CHECKS)
    schema.config.checks.negative_data_rejection.expected_statuses = REFUSALS
    schema.config.phases.update(phases=["examples", "coverage", "fuzzing"])
    return schema


def _headers_fit(case: schemathesis.Case) -> bool:
    about = case.meta.components.get(ParameterLocation.HEADER) if case.meta else None
    return about is None or about.mode.is_positive


def _name_what_exists(firm: Firm, document: dict[str, Any], operation: Operation) -> None:
    """Let a path parameter be the id of something that is there, as well as anything that its schema allows."""
    for parameter in document["paths"][operation.path][operation.method.lower()].get("parameters", []):
        if parameter.get("in") == "path":
            known = {"const": firm.id_for(operation, parameter["name"])}
            parameter["schema"] = {"anyOf": [known, parameter["schema"]]}
