"""Erased people cannot be read anywhere: databases, topics, logs, answers; and read models still equal a replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.clients import Clients
from dev.provision import Database
from dev.stack import Stack, run_line
from dev.timeline import Timeline
from tests.integration.databases import rows, value
from tests.integration.organisations import CONNECTOR, HE, LI, build_organisation, lead
from tests.integration.topics import read_topic

NAME, PHONE, EMAIL, NOTE = (
    "Canaria Zephyrine",
    "13977755533",
    "zephyrine@canaria.example",
    "Zephyrine is on leave in May",
)
CANARIES = (NAME, PHONE, EMAIL, NOTE, "Zephyrine", "canaria")


@pytest.fixture
def erased(clients: Clients, timeline: Timeline) -> Iterator[str]:
    """A lead with people and notes, read by its owner while that was allowed; then erased."""
    build_organisation(clients)
    body = lead("badge-1") | {"contacts": [{"name": NAME, "role": "buyer", "phone": PHONE, "email": EMAIL}]}
    key = {"Idempotency-Key": f"{clients.tenant}-capture"}
    lead_id = str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", body, headers=key)["id"])
    path = f"/v1/leads/{lead_id}"
    clients.post(HE, "lead-routing", f"{path}/assign", {"rep_id": LI, "reason": "老客户"})
    clients.post(
        LI, "lead-routing", f"{path}/activities", {"kind": "call", "direction": "out", "duration_s": 9, "text": NOTE}
    )
    timeline.drain()
    (contact,) = clients.get(LI, "lead-routing", path)["contacts"]
    assert (contact["name"], contact["phone"], contact["email"]) == (NAME, PHONE, EMAIL)
    assert _keys(timeline.stack, clients, lead_id) == {"there"}
    reason = {"reason_code": "requested_by_the_person"}
    clients.post(HE, "lead-routing", f"{path}/erase", reason)
    timeline.drain()
    yield lead_id
    again: Any = clients.ask(CONNECTOR, "POST", "lead-routing", "/v1/leads", body, headers=key)
    assert (again.status_code, again.headers["Idempotency-Replayed"], again.json()["id"]) == (201, "true", lead_id)
    assert not _found(again.text)


def _keys(stack: Stack, clients: Clients, lead_id: str) -> set[str]:
    sql = "select case when key = '' then 'destroyed' else 'there' end from log.subject_keys where tenant = $1"
    found = rows(stack.members["lead-routing"].database.owner_url, sql, clients.tenant)
    assert len(found) == 2, lead_id  # one of the contact, one of the notes
    return {row[0] for row in found}


def _found(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary.lower() in text.lower()]


def test_an_erased_person_is_read_by_nobody(erased: str, clients: Clients, timeline: Timeline) -> None:
    """Promise 10; I-41: byte by byte, in every table of all five databases, every topic, every log, every answer."""
    stack = timeline.stack
    assert _keys(stack, clients, erased) == {"destroyed"}
    for person in (LI, HE):
        seen = clients.get(person, "lead-routing", f"/v1/leads/{erased}")
        assert (seen["state"], seen["company"]) == ("erased", "苏州精工制造有限公司")
        assert not _found(str(seen))
        assert not _found(str(clients.get(person, "lead-routing", f"/v1/leads/{erased}/history")))
    for member in stack.members.values():
        for url, table in _tables(member.database):
            sql = f"select t::text from {table} t where t::text ~* 'zephyrine|canaria|{PHONE}'"
            assert rows(url, sql) == [], (member.name, table)
        for record in read_topic(stack.kafka, f"{stack.prefix}{member.name}.log.v1"):
            assert not _found(record.value.decode() + str(record.headers)), record
    for log in Path(stack.places.logs).glob("*.log*"):
        assert not _found(log.read_text(errors="replace")), log


def test_figures_and_read_models_stay_as_they_are(erased: str, clients: Clients, timeline: Timeline) -> None:
    """I-41: read models equal a replay after the keys are gone, and the lead is counted as before."""
    member = timeline.stack.members["lead-routing"]
    for name in ("leads", "lead-board", "lead-history", "rep-notes", "company-contacts"):
        if name in run_line(member, "projections", "list"):
            assert "the live build is what the log says" in run_line(member, "projections", "verify", name)
    listed = clients.get(HE, "lead-routing", "/v1/leads?state=erased")["items"]
    assert [one["lead_id"] for one in listed] == [erased]


def test_an_older_backup_of_the_keys_brings_nobody_back(erased: str, clients: Clients, timeline: Timeline) -> None:
    """The log is the journal of erasures: a worker that begins anew destroys the keys again."""
    stack = timeline.stack
    url = stack.members["lead-routing"].database.owner_url
    stack.stop("lead-routing")
    rows(url, "update log.subject_keys set key = 'as it was in the backup' where tenant = $1", clients.tenant)
    rows(url, "update log.cursors set seq = 0 where name = 'forget'")
    stack.start_again("lead-routing")
    timeline.drain()
    assert _keys(stack, clients, erased) == {"destroyed"}
    said = run_line(stack.members["lead-routing"], "keys", "status")
    assert "destroyed" in said
    assert value(url, "select count(*) from log.subject_keys where key = ''") >= 2


def _tables(database: Database) -> Iterator[tuple[str, str]]:
    """Every table, with the address of whoever may read it: read models are the worker's."""
    sql = (
        "select schemaname, quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    for schema, table in rows(database.owner_url, sql):
        yield database.owner_url if schema in {"log", "public"} else database.worker_url, table
