"""Processes are killed in the middle of their work: nothing that was acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

import httpx2
import pytest
from uuid_utils.compat import uuid7

from dev.clients import Clients
from dev.processes import Child, until
from dev.stack import Stack
from dev.timeline import Timeline
from libs.service.asking import command_id
from libs.service.auth import Person
from tests.integration.databases import rows, value
from tests.integration.organisations import CONNECTOR, HE, build_organisation
from tests.integration.topics import Record, read_topic

CAPTURES, AT_ONCE, TAKEOVER_S = 90, 6, 10.0


@dataclass(slots=True)
class Load:
    """Captures over HTTP: what became of each, by idempotency key. An acknowledged one has its lead's id."""

    clients: Clients
    acknowledged: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    some: threading.Event = field(default_factory=threading.Event)

    def capture(self, key: str) -> None:
        """Send one; what is not answered is unknown until it is sent again with the same key."""
        url, token = self.clients.stack.url("lead-routing"), self.clients.token(CONNECTOR)
        body = {"source": {"channel": "form"}, "company": f"公司 {key}"}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        try:
            answer = self.clients.http.post(f"{url}/v1/leads", json=body, headers=headers, timeout=10)
        except httpx2.HTTPError:
            self.unknown.add(key)
            until("somebody answers again", lambda: _answers(url), within_s=60)
            return
        if answer.status_code == 503:
            self.unknown.add(key)
            return
        assert answer.status_code == 201, answer.text
        self.unknown.discard(key)
        self.acknowledged[key] = answer.json()["id"]
        if len(self.acknowledged) > CAPTURES // 3:
            self.some.set()

    def settle(self) -> None:
        """Send the unknown ones until each is acknowledged."""
        while self.unknown:
            self.capture(min(self.unknown))

    def command_ids(self) -> dict[str, str]:
        """The ids of the acknowledged commands with the leads they made."""
        connector = Person(CONNECTOR, self.clients.tenant, frozenset())
        return {str(command_id(connector, key)): lead_id for key, lead_id in self.acknowledged.items()}


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/v1/leads", timeout=5).status_code == 401
    except httpx2.HTTPError:
        return False


@pytest.fixture
def load(clients: Clients) -> Load:
    """Captures of a tenant with an organisation."""
    build_organisation(clients)
    clients.token(CONNECTOR)
    return Load(clients)


def _arrived_once(load: Load, timeline: Timeline) -> None:
    """Each acknowledged command is once in the log, on the topic and in the read model; nothing else is."""
    timeline.drain()
    wanted = load.command_ids()
    member = timeline.stack.members["lead-routing"]
    of_the_tenant = (load.clients.tenant, "lead-captured.v1")
    sql = "select meta->>'command_id', data->>'lead_id' from log.events where tenant = $1 and type = $2"
    logged = rows(member.database.owner_url, sql, *of_the_tenant)
    assert (len(logged), dict(map(tuple, logged))) == (len(wanted), wanted)
    published = _published(timeline.stack, load.clients.tenant)
    captured = [one for one in published if one.headers["ce_type"] == "lead-captured.v1"]
    assert Counter(one.headers["ce_commandid"] for one in captured) == Counter(wanted.keys())
    assert _listed(load.clients) == set(wanted.values())
    heard = "select count(*) from log.events where tenant = $1 and type = $2"
    for service in ("pipeline", "collaboration", "alerting", "kpi"):
        url = timeline.stack.members[service].database.owner_url
        assert value(url, heard, *of_the_tenant) == len(wanted)


def _published(stack: Stack, tenant: str) -> list[Record]:
    found = read_topic(stack.kafka, f"{stack.prefix}lead-routing.log.v1")
    numbers = [one.number("ce_ownseq") for one in found]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    return [one for one in found if one.headers["ce_tenantid"] == tenant]


def _listed(clients: Clients) -> set[str]:
    page = clients.get(HE, "lead-routing", f"/v1/leads?limit={CAPTURES + 1}")
    return {one["lead_id"] for one in page["items"]}


def test_a_killed_service_loses_no_acknowledged_command(load: Load, product: Stack, timeline: Timeline) -> None:
    with ThreadPoolExecutor(AT_ONCE) as senders:
        sent = [senders.submit(load.capture, str(uuid7())) for _ in range(CAPTURES)]
        assert load.some.wait(60)
        product.kill("lead-routing")
        product.start_again("lead-routing")
        for one in sent:
            one.result()
    assert load.unknown
    load.settle()
    assert len(load.acknowledged) == CAPTURES
    _arrived_once(load, timeline)


@pytest.fixture
def apart(product: Stack) -> Iterator[list[Child]]:
    """Lead-routing's API alone, and two workers: one works, the other stands by."""
    product.stop("lead-routing")
    product.start_again("lead-routing", mode="api")
    workers = [product.start_worker("lead-routing"), product.start_worker("lead-routing")]
    yield workers
    for child in workers:
        child.ask_to_stop()
        child.gone_by(monotonic() + 20)
    product.stop("lead-routing")
    product.start_again("lead-routing")


def test_a_standby_takes_over_from_a_killed_worker(apart: list[Child], load: Load, timeline: Timeline) -> None:
    with ThreadPoolExecutor(AT_ONCE) as senders:
        sent = [senders.submit(load.capture, str(uuid7())) for _ in range(CAPTURES)]
        assert load.some.wait(60)
        worker, standby = sorted(apart, key=lambda child: child.process.pid != _holder(timeline.stack))
        worker.process.kill()
        worker.process.wait()
        killed = monotonic()
        until("the standby works", lambda: _holder(timeline.stack) == standby.process.pid, within_s=TAKEOVER_S)
        took_s = monotonic() - killed
        for one in sent:
            one.result()
    assert took_s < TAKEOVER_S
    load.settle()
    _arrived_once(load, timeline)


def _holder(stack: Stack) -> int:
    """The process that publishes lead-routing's facts."""
    sql = "select holder from log.leases where role = 'relay'"
    holder = str(value(stack.members["lead-routing"].database.owner_url, sql))
    return int(holder.rsplit("-", 2)[1])
