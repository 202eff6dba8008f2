"""Writing and checking the documents: one step makes them fresh, and nothing that was promised is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from libs.events.contracts.__main__ import main
from libs.events.contracts.documents.asyncapi import asyncapi
from libs.events.contracts.documents.catalog import fact_types
from libs.events.contracts.documents.files import FOLDER
from libs.events.contracts.documents.schemas import resolve, schema_documents
from libs.events.facts import SERVICES
from libs.events.wire import LOG_PARTITIONS

WIRE = "lead-pooled.v1"


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Documents, freshly written."""
    assert main(["write"], tmp_path) == 0
    capsys.readouterr()
    return tmp_path


def content(path: Path) -> Any:
    """The JSON of a file."""
    return json.loads(path.read_text())


def change(path: Path, **members: Any) -> None:
    """Set members of a JSON object in a file."""
    path.write_text(json.dumps(content(path) | members))


def test_what_was_written_passes_the_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"], folder) == 0
    assert main(["write"], folder) == 0
    assert capsys.readouterr() == ("", "")


def test_a_stale_document_is_named_with_what_to_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "envelope.md").write_text("old")
    (folder / "schemas" / f"{WIRE}.json").unlink()
    assert main(["check"], folder) == 1
    said = capsys.readouterr().err
    assert f"{folder}/envelope.md is not what the contracts say: run make contracts" in said
    assert f"{folder}/schemas/{WIRE}.json is not what the contracts say: run make contracts" in said


def test_a_broken_promise_is_neither_checked_in_nor_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "schemas" / f"{WIRE}.json"
    promised = content(path)["properties"] | {"shelf": {"type": "string"}}
    change(path, properties=promised)
    for step in ("check", "write"):
        assert main([step], folder) == 1
        assert f"contracts: {WIRE}: field `shelf` was removed. Declare lead-pooled.v2" in capsys.readouterr().err
    assert content(path)["properties"] == promised


def test_a_type_that_was_never_deployed_can_begin_anew(folder: Path) -> None:
    path = folder / "schemas" / f"{WIRE}.json"
    change(path, **{"x-partners": False})
    assert main(["write"], folder) == 1
    path.unlink()
    assert main(["write"], folder) == 0
    assert content(path)["x-partners"] is True


def test_examples_are_only_added(folder: Path) -> None:
    path = folder / "examples" / f"{WIRE}.json"
    today = content(path)
    of_old = {"lead_id": "l1", "pool_id": "p1", "cause": "declined", "pooled_at": "2020-01-01T00:00:00Z", "gone": 1}
    path.write_text(json.dumps([of_old]))
    assert main(["check"], folder) == 1
    assert main(["write"], folder) == 0
    assert content(path) == [of_old, *today]
    assert main(["check"], folder) == 0


def test_an_example_that_today_cannot_read_stops_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "examples" / f"{WIRE}.json"
    path.write_text(json.dumps([{"lead_id": "l1"}]))
    assert main(["check"], folder) == 1
    assert main(["write"], folder) == 1
    assert capsys.readouterr().err.count(f"example 1 of {WIRE} cannot be read any more") == 2


def test_anything_else_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish"]) == 2
    assert "usage" in capsys.readouterr().err


def test_every_fact_is_on_its_owners_log_and_only_marked_ones_on_the_feed() -> None:
    """Promise 9: what partners may read is written down."""
    document, types = asyncapi({}), fact_types()
    for service in SERVICES:
        owned = {wire for wire, model in types.items() if model.owner in {None, service}}
        log, feed = document["channels"][f"{service}.log"], document["channels"][f"{service}.feed"]
        assert set(log["messages"]) == owned
        assert set(feed["messages"]) == {wire for wire in owned if types[wire].partners}
        assert log["address"] == f"{service}.log.v1"
        assert feed["address"] == f"partner.{{tenant}}.{service}.v1"
        assert log["bindings"]["kafka"]["partitions"] == LOG_PARTITIONS
        assert log["bindings"]["kafka"]["topicConfiguration"] == {"cleanup.policy": ["delete"], "retention.ms": -1}


def test_the_partners_partitions_are_those_a_feed_is_turned_on_with() -> None:
    partitions = fact_types()["feed-turned-on.v1"].model_fields["partitions"].default
    assert {
        name: channel["bindings"]["kafka"]["partitions"]
        for name, channel in asyncapi({})["channels"].items()
        if "{tenant}" in channel["address"]
    } == dict.fromkeys(
        [*(f"{service}.feed" for service in SERVICES), "partners.signals", "partners.rejected"], partitions
    )


def test_every_reference_leads_somewhere(folder: Path) -> None:
    document = content(folder / "asyncapi.json")

    def follow(part: Any) -> None:
        if isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                target = document
                for name in reference.removeprefix("#/").split("/"):
                    target = target[name]
            elif isinstance(reference, str):
                assert (folder / reference).exists()
            for value in part.values():
                follow(value)
        elif isinstance(part, list):
            for value in part:
                follow(value)

    follow(document | {"components": {**document["components"], "messages": {}}})
    for message in document["components"]["messages"].values():
        follow({name: value for name, value in message.items() if name != "examples"})


def test_the_schemas_to_serve_stand_on_their_own(folder: Path) -> None:
    """`ce_dataschema`: what a service answers is what is committed, and every reference is inside it."""
    for wire, schema in schema_documents().items():
        assert content(folder / "schemas" / f"{wire}.json") == schema
        for name in schema.get("$defs", {}):
            assert resolve(schema, {"$ref": f"#/$defs/{name}"})


def test_the_schemas_can_be_served_without_what_only_development_has() -> None:
    module = "libs.events.contracts.documents.schemas"
    code = f"import sys, {module} as schemas; schemas.schema_documents(); print('jsonschema' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_the_document_of_the_repository_shows_examples() -> None:
    messages = content(FOLDER / "asyncapi.json")["components"]["messages"]
    assert all(messages[wire]["examples"] for wire in fact_types())
