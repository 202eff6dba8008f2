"""Every fact type: it has an example that reads as itself, a stream, and a schema that its payloads fit."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from libs.events.contracts.__main__ import check
from libs.events.contracts.documents.catalog import example_payloads, fact_types
from libs.events.contracts.documents.files import FOLDER, collected_examples, unreadable_examples
from libs.events.contracts.documents.schemas import resolve, schema_documents
from libs.events.facts import REGISTRY, SERVICES

TYPES = fact_types()


def told() -> list[Any]:
    """Every example as a fact, with its payload."""
    return [
        pytest.param(wire, payload, id=f"{wire}-{number}")
        for wire, payloads in collected_examples(FOLDER).items()
        for number, payload in enumerate(payloads, 1)
    ]


def test_the_committed_documents_are_what_the_contracts_say() -> None:
    """8-1"""
    assert check(FOLDER) == []


def test_every_type_of_today_is_told_in_the_story() -> None:
    """A type that an upcaster leads from needs only the examples kept from its time."""
    assert {wire for wire in TYPES if REGISTRY.current(wire) == wire} - example_payloads().keys() == set()


@pytest.mark.parametrize(("wire", "payload"), told())
def test_an_example_reads_as_a_fact_and_is_written_as_it_was(wire: str, payload: dict[str, Any]) -> None:
    fact = REGISTRY.read(wire, payload)
    assert fact is not None
    assert fact.wire == REGISTRY.current(wire)
    again = REGISTRY.read(fact.wire, fact.data())
    assert again == fact


@pytest.mark.parametrize(("wire", "payload"), told())
def test_an_example_is_on_a_stream_of_its_own_kind(wire: str, payload: dict[str, Any]) -> None:
    """The owner's prefix is added where it is appended; a stream's name is bounded and has no blank."""
    fact = REGISTRY.read(wire, payload)
    assert fact is not None
    stream = fact.stream()
    assert stream.startswith(fact.template.split("{")[0])
    assert "None" not in stream
    assert "{" not in stream
    assert "/" not in stream.split("-")[0]
    assert not any(character.isspace() for character in stream)
    assert len(stream) <= 250


@pytest.mark.parametrize("wire", TYPES)
def test_a_type_belongs_to_a_service_and_says_what_happened(wire: str) -> None:
    model = TYPES[wire]
    assert model.owner in {None, *SERVICES}
    assert model.__doc__
    Draft202012Validator.check_schema(schema_documents()[wire])


@pytest.mark.parametrize("wire", TYPES)
def test_no_field_that_must_be_there_may_be_none(wire: str) -> None:
    """None is not written, so a required field that is None could not be read again."""
    schema = schema_documents()[wire]
    for part in [schema, *schema.get("$defs", {}).values()]:
        needed = {name: part["properties"][name] for name in part.get("required", ())}
        assert [name for name, field in needed.items() if {"type": "null"} in field.get("anyOf", ())] == []


@pytest.mark.parametrize("wire", [wire for wire, model in TYPES.items() if model.partners])
def test_a_feed_can_leave_out_sealed_fields_and_still_fit_the_schema(wire: str) -> None:
    schema = schema_documents()[wire]
    for path in schema["x-sealed"]:
        holder = schema
        *parents, last = path.replace("[]", ".[]").split(".")
        for name in parents:
            holder = resolve(schema, holder["items"] if name == "[]" else holder["properties"][name])
        assert last not in holder.get("required", ()), path


def test_the_paths_of_sealed_fields_are_known() -> None:
    """Personal text is sealed wherever it is."""
    assert schema_documents()["lead-captured.v1"]["x-sealed"] == [
        "contacts[].email",
        "contacts[].name",
        "contacts[].phone",
        "contacts[].wechat",
    ]


def test_an_example_that_nobody_can_read_any_more_is_named() -> None:
    found = unreadable_examples({"lead-pooled.v1": [{"lead_id": "l"}], "lead-forgotten.v1": [{}]})
    assert any(line.startswith("example 1 of lead-pooled.v1 cannot be read any more") for line in found)
    assert any("'pool_id' is a required property" in line for line in found)
    assert "example 1 of lead-forgotten.v1 is of a type that nobody knows any more" in found
