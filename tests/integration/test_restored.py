"""A database older than what it has published, or on another server, takes no commands until that is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx2
import pytest

from dev.clients import Clients
from dev.processes import Child, call, until
from dev.provision import drop, provision
from dev.stack import Stack
from dev.timeline import Timeline
from tests.integration.conftest import started
from tests.integration.databases import rows, value
from tests.integration.organisations import CONNECTOR, HE, build_organisation, lead
from tests.integration.topics import read_topic

SERVICE = "lead-routing"


@pytest.fixture(scope="module")
def pair(servers: Any) -> Iterator[Stack]:
    """Lead-routing, whose database is exchanged, and kpi."""
    with started(servers.postgres_dsn, servers.kafka, SERVICE, "kpi") as running:
        yield running


@pytest.fixture
def office(pair: Stack) -> Iterator[Clients]:
    """A tenant with an organisation."""
    with Clients(pair) as clients:
        build_organisation(clients)
        yield clients


def _capture(clients: Clients, name: str) -> httpx2.Response:
    return clients.ask(CONNECTOR, "POST", SERVICE, "/v1/leads", lead(name))


def _verdict(pair: Stack) -> str:
    return str(value(pair.members[SERVICE].database.owner_url, "select verdict from log.verdict"))


def test_a_database_on_another_server_waits_until_the_relay_has_compared_it(pair: Stack, office: Clients) -> None:
    """Promise 8: only the cluster on which the log was compared with the broker may write."""
    pair.stop(SERVICE)
    rows(pair.members[SERVICE].database.owner_url, "update log.verdict set system_identifier = system_identifier + 1")
    pair.start_again(SERVICE, mode="api")
    refused = _capture(office, "badge-1")
    assert (refused.status_code, refused.json()["code"]) == (503, "RESTORING")
    assert int(refused.headers["Retry-After"]) > 0
    assert office.get(HE, SERVICE, "/v1/leads")["items"] == []
    worker = pair.start_worker(SERVICE)
    until("the relay has compared them", lambda: _capture(office, "badge-1").status_code == 201, within_s=30)
    _one_process_again(pair, worker)


def test_a_database_older_than_what_it_published_takes_no_commands(pair: Stack, office: Clients, servers: Any) -> None:
    """Promise 8: nothing is written under numbers that others know already."""
    timeline = Timeline(pair)
    timeline.drain()
    pair.stop(SERVICE)
    call(lambda: _copy(servers.postgres_dsn, pair.members[SERVICE].database.name, "earlier"))
    pair.start_again(SERVICE)
    for number in range(5):
        assert _capture(office, f"badge-{number}").status_code == 201
    timeline.drain()
    timeline.close()
    published = len(read_topic(pair.kafka, f"{pair.prefix}{SERVICE}.log.v1"))

    pair.stop(SERVICE)
    call(lambda: _put_back(servers.postgres_dsn, pair, "earlier"))
    pair.start_again(SERVICE, mode="api")
    pair.start_worker(SERVICE)
    until("the relay has found out", lambda: _verdict(pair) == "restoring", within_s=30)
    with Clients(pair, tenant=office.tenant) as late:  # who has not seen what is lost
        refused = _capture(late, "badge-7")
    assert (refused.status_code, refused.json()["code"]) == (503, "RESTORING")
    health = f"http://127.0.0.1:{pair.members[SERVICE].environment['SALESLOOM_HEALTH_PORT']}"
    assert httpx2.get(f"{health}/readyz").json()["problems"]["verdict"] == "the log is restoring"
    assert len(read_topic(pair.kafka, f"{pair.prefix}{SERVICE}.log.v1")) == published
    assert value(pair.members["kpi"].database.owner_url, "select max(own_seq) from log.ingested") == published


def _one_process_again(pair: Stack, worker: Child) -> None:
    worker.process.kill()
    worker.process.wait()
    pair.stop(SERVICE)
    pair.start_again(SERVICE)


async def _copy(dsn: str, name: str, suffix: str) -> None:
    """Copy a database that nobody uses, as a backup would."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'create database "{name}_{suffix}" template "{name}"')
    finally:
        await connection.close()


async def _put_back(dsn: str, pair: Stack, suffix: str) -> None:
    """Put the copy in the place of the database, with the rights that a copy does not have."""
    name, prefix = pair.members[SERVICE].database.name, pair.prefix.removesuffix(".")
    await drop(dsn, name)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'alter database "{name}_{suffix}" rename to "{name}"')
    finally:
        await connection.close()
    await provision(dsn, SERVICE, lambda role: pair.places.secret(f"postgres-{role}"), prefix=f"{prefix}_")
