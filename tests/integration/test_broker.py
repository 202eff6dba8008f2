"""The broker goes away and comes back: commands are taken all the while, and everything arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiokafka.errors import KafkaError

from dev import kafka
from dev.clients import Clients
from dev.places import Places
from dev.ports import free_ports
from dev.processes import until
from dev.stack import Stack
from dev.timeline import Timeline
from libs.events.broker import Broker as At
from libs.events.clients import producing
from tests.integration.databases import rows
from tests.integration.organisations import CONNECTOR, HE, build_organisation, lead
from tests.integration.topics import read_topic
from tests.product import started


class Broker:
    """A broker of its own, which can be killed and started again on its data."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self._more = more
        self._places = Places(folder).make()
        self._port, self._controller_port = free_ports(2)
        self.running = self.start()

    def start(self) -> kafka.Kafka:
        """Start it on the same data and port as before."""
        places = self._places
        self.running = kafka.launch(
            places.kafka,
            port=self._port,
            controller_port=self._controller_port,
            logs=places.logs,
            pids=places.pids,
            more=self._more,
        )
        kafka.wait_ready(self.running)
        return self.running

    def stop(self) -> None:
        """Gracefully."""
        self.running.child.ask_to_stop()
        self.running.child.gone_by(time.monotonic() + 20)

    def kill(self) -> None:
        """As a machine that loses its power."""
        self.running.child.process.kill()
        self.running.child.process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Started, and stopped at the end."""
    found = Broker(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def pair(servers: Any, broker: Broker) -> Iterator[Stack]:
    """Lead-routing and kpi, who talk over that broker."""
    with started(servers.postgres_dsn, broker.running.bootstrap, "lead-routing", "kpi") as running:
        yield running


def test_commands_are_taken_while_the_broker_is_down_and_arrive_when_it_is_back(pair: Stack, broker: Broker) -> None:
    timeline = Timeline(pair)
    with Clients(pair) as clients:
        build_organisation(clients)
        timeline.drain()
        before = _leads_known_to(pair, "kpi", clients.tenant)
        broker.kill()
        made = [_capture(clients, number) for number in range(10)]
        pair.kill("lead-routing")
        pair.start_again("lead-routing")
        made += [_capture(clients, number) for number in range(10, 20)]
        assert httpx2.get(f"{pair.members['lead-routing'].health}/readyz").status_code == 200
        listed = clients.get(HE, "lead-routing", "/v1/leads?limit=50")["items"]
        assert {one["lead_id"] for one in listed} == set(made)
        assert _leads_known_to(pair, "kpi", clients.tenant) == before == []
        broker.start()
        timeline.drain()
        assert _leads_known_to(pair, "kpi", clients.tenant) == made
        captured = [
            one for one in read_topic(pair.kafka, f"{pair.prefix}lead-routing.log.v1") if _is_capture(one.headers)
        ]
        assert len(captured) == len({one.headers["ce_id"] for one in captured}) == len(made)
    timeline.close()


def test_a_client_that_cannot_start_is_given_up_so_that_the_next_one_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I-12: a broker that tells its controller every 15 s that it lives is taken for dead from the third second on.

    It answers then, but names no broker of the cluster; the library's producer would ask again for ever.
    """
    monkeypatch.setattr("libs.events.clients.START_SECONDS", 2.0)
    forgetful = Broker(tmp_path, "broker.heartbeat.interval.ms=15000\n")
    try:
        where = At(forgetful.running.bootstrap)
        until("the broker is taken for dead", lambda: not kafka.ready(where.servers), within_s=60)
        with pytest.raises(TimeoutError, match="Kafka let no client start within 2 s"):
            asyncio.run(_started_producer(where))
        until("a producer starts", lambda: _starts(where), within_s=60)
    finally:
        forgetful.stop()


async def _started_producer(broker: At) -> None:
    async with producing(broker, "gzip"):
        pass


def _starts(broker: At) -> bool:
    try:
        asyncio.run(_started_producer(broker))
    except (TimeoutError, KafkaError):
        return False
    return True


def _capture(clients: Clients, number: int) -> str:
    return str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead(f"badge-{number}"))["id"])


def _is_capture(headers: dict[str, str]) -> bool:
    return headers["ce_type"] == "lead-captured.v1"


def _leads_known_to(pair: Stack, service: str, tenant: str) -> list[str]:
    """The leads that a service has heard of, in the order in which they came in."""
    sql = (
        "select data->>'lead_id' from log.events where tenant = $1 and type = 'lead-captured.v1'"
        " order by recorded_at, (data->>'captured_at')::timestamptz, event_id"
    )
    return [lead_id for (lead_id,) in rows(pair.members[service].database.owner_url, sql, tenant)]
