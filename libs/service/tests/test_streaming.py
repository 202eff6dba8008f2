"""Following changes: in order, only what one may see, from where one was, and never in the way of stopping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import orjson
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey

from libs.service.equipment import Equipment
from libs.service.server import server
from libs.service.streaming import opened_position, sealed_position
from libs.service.testing.tokens import bearer
from libs.service.tests.conftest import REP, STRANGER, Folded

KEY = b"k" * 32


class Event(NamedTuple):
    """An event as it came over the wire."""

    name: str
    id: str
    data: Any


class Stream:
    """An open connection that follows changes."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.lines = response.aiter_lines()
        self.retry: int | None = None

    async def next(self) -> Event | None:
        """The next event; None at the end."""
        fields: dict[str, str] = {}
        async for line in self.lines:
            if not line and "event" in fields:
                return Event(fields["event"], fields["id"], orjson.loads(fields["data"]))
            name, _, value = line.partition(": ")
            fields[name] = value
            if name == "retry":
                self.retry = int(value)
        return None


@pytest.fixture(scope="module")
async def address(app: FastAPI, equipment: Equipment) -> AsyncIterator[str]:
    """The service on a port, since a stream never ends in memory."""
    running = server(app, "127.0.0.1", 0)
    task = asyncio.create_task(running.serve())
    await running.begun.wait()
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    equipment.draining.set()
    running.stop()
    await task


@pytest.fixture
async def client(address: str, key: ECKey) -> AsyncIterator[httpx2.AsyncClient]:
    """A rep over the network."""
    headers = {"Authorization": bearer(key, REP)}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=10) as made:
        yield made


async def thrown(client: httpx2.AsyncClient, pool_id: str = "watched", **headers: str) -> str:
    """A new stone."""
    sent = {"Idempotency-Key": str(uuid4()), **headers}
    answer = await client.post("/v1/stones", json={"pool_id": pool_id}, headers=sent)
    return str(answer.json()["id"])


async def test_changes_come_in_order_once_they_are_folded(client: httpx2.AsyncClient, folded: Folded) -> None:
    async with client.stream("GET", "/v1/stream?resource=lead") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        ready = await stream.next()
        assert ready
        assert (ready.name, ready.data) == ("ready", {})
        stones = [await thrown(client) for _ in range(3)]
        await folded()
        events = [await stream.next() for _ in stones]
    assert [event and event.data for event in events] == [
        {"resource": "lead", "id": stone, "version": 1} for stone in stones
    ]


async def test_nobody_sees_hidden_things_or_another_tenants(
    client: httpx2.AsyncClient, key: ECKey, folded: Folded
) -> None:
    async with client.stream("GET", "/v1/stream?resource=lead") as response:
        stream = Stream(response)
        await stream.next()
        await thrown(client, "hidden")
        await thrown(client, "watched", Authorization=bearer(key, STRANGER))
        seen = await thrown(client)
        await folded()
        event = await stream.next()
    assert event is not None
    assert event.data["id"] == seen


async def test_a_client_goes_on_where_it_was(client: httpx2.AsyncClient, folded: Folded) -> None:
    async with client.stream("GET", "/v1/stream?resource=lead") as response:
        stream = Stream(response)
        await stream.next()
        await thrown(client)
        await folded()
        last = await stream.next()
    assert last is not None
    missed = await thrown(client)
    await folded()
    async with client.stream("GET", "/v1/stream?resource=lead", headers={"Last-Event-ID": last.id}) as response:
        stream = Stream(response)
        await stream.next()
        event = await stream.next()
    assert event is not None
    assert event.data["id"] == missed


@pytest.mark.parametrize(
    "unknown", ["", "nonsense", sealed_position(KEY, "tenantalpha", 3)], ids=["empty", "nonsense", "another tenant"]
)
async def test_a_client_whose_place_is_unknown_is_told_to_read_anew(
    client: httpx2.AsyncClient, folded: Folded, unknown: str
) -> None:
    async with client.stream("GET", "/v1/stream?resource=lead", headers={"Last-Event-ID": unknown}) as response:
        event = await Stream(response).next()
    assert event is not None
    assert event.name == "reset"


def test_a_place_belongs_to_one_tenant_and_says_nothing() -> None:
    sealed = sealed_position(KEY, "tenantalpha", 12345)
    assert opened_position(KEY, "tenantalpha", sealed) == 12345
    assert opened_position(KEY, "tenantbeta0", sealed) is None
    assert opened_position(b"x" * 32, "tenantalpha", sealed) is None
    assert sealed != sealed_position(KEY, "tenantalpha", 12345)


async def test_an_unknown_resource_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/stream?resource=lead&resource=weather")
    assert (answer.status_code, answer.json()["unknown"]) == (400, ["weather"])
    assert (await client.get("/v1/stream")).status_code == 422


async def test_streams_end_at_once_when_the_process_stops(
    client: httpx2.AsyncClient, equipment: Equipment, folded: Folded
) -> None:
    async with client.stream("GET", "/v1/stream?resource=lead") as response:
        stream = Stream(response)
        await stream.next()
        assert equipment.streams == 1
        equipment.draining.set()
        assert await asyncio.wait_for(stream.next(), 2) is None
        assert stream.retry == 1000
    equipment.draining.clear()
