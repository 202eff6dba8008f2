"""A database that is lost, older than what it published, or elsewhere: nothing is written over, and all comes back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import asyncpg
import httpx2
import pytest

from dev.clients import Clients
from dev.processes import Child, Trouble, call, until
from dev.provision import drop, provision
from dev.stack import Stack, run_line
from dev.timeline import Timeline
from tests.integration.conftest import started
from tests.integration.databases import rows, value
from tests.integration.organisations import CONNECTOR, HE, LI, WANG, build_organisation, lead
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


def _capture(clients: Clients, name: str, key: str | None = None) -> httpx2.Response:
    headers = {"Idempotency-Key": f"{clients.tenant}-{key}"} if key else {}
    return clients.ask(CONNECTOR, "POST", SERVICE, "/v1/leads", lead(name), headers=headers)


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


def test_a_database_older_than_what_it_published_takes_no_commands_until_it_is_restored(
    pair: Stack, office: Clients, servers: Any
) -> None:
    """Promises 7, 8: nothing is written under numbers that others know; from Kafka it gets back what it had relayed."""
    timeline = Timeline(pair)
    timeline.drain()
    pair.stop(SERVICE)
    call(lambda: _copy(servers.postgres_dsn, pair.members[SERVICE].database.name, "earlier"))
    pair.start_again(SERVICE)
    answers = {key: _capture(office, key, key=key) for key in (f"badge-{number}" for number in range(5))}
    assert {answer.status_code for answer in answers.values()} == {201}
    timeline.drain()
    published = len(read_topic(pair.kafka, f"{pair.prefix}{SERVICE}.log.v1"))

    pair.stop(SERVICE)
    call(lambda: _put_back(servers.postgres_dsn, pair, "earlier"))
    pair.start_again(SERVICE, mode="api")
    worker = pair.start_worker(SERVICE)
    until("the relay has found out", lambda: _verdict(pair) == "restoring", within_s=30)
    with Clients(pair, tenant=office.tenant) as late:  # who has not seen what is lost
        refused = _capture(late, "badge-7")
    assert (refused.status_code, refused.json()["code"]) == (503, "RESTORING")
    health = f"http://127.0.0.1:{pair.members[SERVICE].environment['SALESLOOM_HEALTH_PORT']}"
    assert httpx2.get(f"{health}/readyz").json()["problems"]["verdict"] == "the log is restoring"
    assert len(read_topic(pair.kafka, f"{pair.prefix}{SERVICE}.log.v1")) == published
    assert value(pair.members["kpi"].database.owner_url, "select max(own_seq) from log.ingested") == published

    with pytest.raises(Trouble, match="stop the workers of lead-routing first"):
        run_line(pair.members[SERVICE], "restore", "--from", "kafka")
    worker.process.terminate()
    worker.process.wait()
    with pytest.raises(Trouble, match="restore --from kafka"):
        run_line(pair.members[SERVICE], "doctor", "--json")
    said = run_line(pair.members[SERVICE], "restore", "--from", "kafka")
    assert f"the log goes to own_seq {published:,}" in said, said
    pair.stop(SERVICE)
    pair.start_again(SERVICE)
    until("the relay has compared them", lambda: _verdict(pair) == "ok", within_s=30)
    for key, before in answers.items():
        again = _capture(office, key, key=key)
        assert (again.status_code, again.json()["id"]) == (201, before.json()["id"])
        assert again.headers["Idempotency-Replayed"] == "true"
    assert _capture(office, "badge-8").status_code == 201
    timeline.drain()
    timeline.close()
    assert len(read_topic(pair.kafka, f"{pair.prefix}{SERVICE}.log.v1")) > published
    assert _findings(pair, SERVICE) == _findings(pair, "kpi") == {"sources"}


def test_a_dropped_database_answers_every_query_as_before(servers: Any) -> None:
    """Promise 7: kpi's database is dropped, made anew and filled from Kafka."""
    with started(servers.postgres_dsn, servers.kafka, SERVICE, "pipeline", "kpi") as three, Clients(three) as clients:
        timeline = Timeline(three)
        build_organisation(clients)
        deals = [_deal(clients, timeline, number) for number in range(3)]
        timeline.drain()
        before = _all_answers(clients, deals)
        assert sum(row["opened"] for row in before["/v1/reports/funnel?by=owner"]["rows"]) == len(deals)

        three.stop("kpi")
        kpi = three.members["kpi"]
        call(lambda: _made_anew(servers.postgres_dsn, three, "kpi"))
        run_line(kpi, "migrate")
        run_line(kpi, "restore", "--from", "kafka")
        three.start_again("kpi")
        timeline.drain()
        timeline.close()
        assert _all_answers(clients, deals) == before
        assert _findings(three, "kpi") == {"sources"}


def _findings(running: Stack, service: str) -> set[str]:
    """The checks in which the doctor finds something; `sources` are the services that do not run here."""
    with pytest.raises(Trouble) as trouble:
        run_line(running.members[service], "doctor", "--full", "--json")
    return {json.loads(line)["check"] for line in str(trouble.value).splitlines() if line.startswith("{")}


def _deal(clients: Clients, timeline: Timeline, number: int) -> str:
    """A lead that became a deal; each is a stage further than the one before, as far as no gate says no."""
    lead_id = str(clients.post(CONNECTOR, SERVICE, "/v1/leads", lead(f"deal-{number}"))["id"])
    timeline.drain()
    path = f"/v1/leads/{lead_id}"
    owner = clients.get(HE, SERVICE, path)["owner_id"]
    clients.post(owner, SERVICE, f"{path}/accept")
    body = {"amount": "300000", "currency": "CNY", "expected_close": "2026-04-30"}
    deal = str(clients.post(owner, SERVICE, f"{path}/convert", body)["id"])
    timeline.drain()
    steps = ("first_contact", "demand_diagnosis", "solution_design")
    for here, there in list(pairwise(steps))[:number]:
        clients.ask(owner, "POST", "pipeline", f"/v1/opportunities/{deal}/advance", {"from": here, "to": there})
    return deal


def _all_answers(clients: Clients, deals: list[str]) -> dict[str, Any]:
    """What the process owner is told by every query of kpi."""
    month, window = "2026-02", "from=2026-01-01&to=2026-12-31"
    figures = ("opened", "undated", "won", "lost", "reopened", "open", "win_rate", "won_value", "peak_open")
    codes = (
        "action_completion_raw",
        "action_completion_effective",
        "dwell_deviation",
        "jump_frequency",
        "process_health",
    )
    paths = [f"/v1/reports/funnel?by={by}" for by in ("owner", "manager", "region", "product")]
    paths += [f"/v1/reports/funnel?by=owner&{window}"]
    paths += [f"/v1/reports/funnel/lineage?figure={figure}&by=owner" for figure in figures]
    paths += [f"/v1/opportunities/{deal}/stage-history" for deal in deals]
    paths += [f"/v1/reports/process-health?month={month}", "/v1/reports/gate-friction"]
    for person in (LI, WANG):
        paths += [f"/v1/people/{person}/process-health?month={month}"]
        paths += [f"/v1/metrics/{code}?subject={person}&period={month}" for code in codes]
        paths += [f"/v1/metrics/{code}/lineage?subject={person}&period={month}" for code in codes]
    return {path: clients.get(HE, "kpi", path) for path in paths}


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
    name = pair.members[SERVICE].database.name
    await drop(dsn, name)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'alter database "{name}_{suffix}" rename to "{name}"')
    finally:
        await connection.close()
    await _provisioned(dsn, pair, SERVICE)


async def _made_anew(dsn: str, running: Stack, service: str) -> None:
    """Drop a service's database and make an empty one."""
    await drop(dsn, running.members[service].database.name)
    await _provisioned(dsn, running, service)


async def _provisioned(dsn: str, running: Stack, service: str) -> None:
    prefix = running.prefix.removesuffix(".").replace("-", "_")
    await provision(dsn, service, lambda role: running.places.secret(f"postgres-{role}"), prefix=f"{prefix}_")
