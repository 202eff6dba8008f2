"""Appending: 32 commands in flight against plain INSERTs, with little and with much history."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import orjson
from uuid_utils.compat import uuid7

from bench.frame import TENANT, Figure, Ground, against, alternately, rate
from bench.history import fill
from libs.events.connections import open_pool
from libs.events.log import Append, Log, NewFact, close_log, open_log

IN_FLIGHT = 32
DATA = {"counter_id": "x" * 20, "by": 1, "at": "2026-03-02T01:00:00Z", "note": "n" * 200}
META = {"actor": {"id": "somebody", "kind": "user"}, "channel": "api"}
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


async def figures(ground: Ground) -> list[Figure]:
    """Against grouped INSERTs of the same batch size without order, and against one INSERT a command."""
    database, count = ground.database("lead-routing"), ground.scale.commands
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(
        "create table log.raw (like log.events including all);"
        " create sequence log.raw_seq; create sequence log.raw_own_seq;"
        " grant all on log.raw to public; grant usage on sequence log.raw_seq, log.raw_own_seq to public"
    )
    await owner.close()
    log = await open_log("lead-routing", database.worker_url)
    raw = await open_pool(database.worker_url, size=IN_FLIGHT, keep_state=True)
    try:
        await _append(log, count // 4)
        ours = lambda: rate(count, lambda: _append(log, count))
        batch = IN_FLIGHT
        grouped = lambda: rate(count, lambda: _grouped(raw, count, batch))
        single = lambda: rate(count, lambda: _single(raw, count))
        value, baseline = await alternately(ground.scale.repeats, ours, grouped)
        first = against("append, 32 in flight, of grouped raw INSERTs", value, baseline, "commands/s", 0.7)
        value, baseline = await alternately(ground.scale.repeats, ours, single)
        second = against("append, 32 in flight, of one raw INSERT a command", value, baseline, "commands/s", 1.0)
    finally:
        await raw.close()
        await close_log(log)
    return [first, second, await _with_history(ground)]


async def _with_history(ground: Ground) -> Figure:
    """The same with much stored as with little."""
    speeds = []
    for stored in (ground.scale.stored // 20, ground.scale.stored):
        database = ground.database("lead-routing")
        await fill(database, stored)
        log = await open_log("lead-routing", database.worker_url)
        try:
            await _append(log, ground.scale.commands // 4)
            speeds.append(await rate(ground.scale.commands, lambda log=log: _append(log, ground.scale.commands)))  # type: ignore[misc]
        finally:
            await close_log(log)
    name = f"append with {ground.scale.stored:,} facts stored, of that with {ground.scale.stored // 20:,}"
    return against(name, speeds[1], speeds[0], "commands/s", 0.8)


async def _in_flight(count: int, one: Callable[[int], Awaitable[object]]) -> None:
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))


async def _append(log: Log, count: int) -> None:
    async def one(number: int) -> None:
        stream = f"lead-routing/counter-{uuid4().hex}"
        fact = NewFact(TENANT, stream, 1, uuid7(), "test-counted.v1", DATA, META, NOW)
        answer = {"main": [stream, ""], "facts": [], "streams": {stream: 1}, "ids": {}}
        result = await log.append(Append(uuid7(), "", TENANT, {stream: 0}, [fact], answer), NOW)
        assert result.status == "appended"

    await _in_flight(count, one)


async def _grouped(pool: asyncpg.Pool, count: int, batch: int) -> None:
    """What a group commit costs without order, versions, commands: one INSERT of a batch after another."""
    sql = (
        "insert into log.raw select nextval('log.raw_seq'), nextval('log.raw_own_seq'), tenant, stream, 1, event_id,"
        " type, data, meta, occurred_at, occurred_at from jsonb_to_recordset($1::text::jsonb)"
        " as f(tenant text, stream text, event_id uuid, type text, data jsonb, meta jsonb, occurred_at timestamptz)"
    )
    async with pool.acquire() as connection:
        for _ in range(0, count, batch):
            facts = [
                {
                    "tenant": TENANT,
                    "stream": f"lead-routing/counter-{uuid4().hex}",
                    "event_id": uuid7(),
                    "type": "test-counted.v1",
                    "data": DATA,
                    "meta": META,
                    "occurred_at": NOW,
                }
                for _ in range(batch)
            ]
            await connection.execute(sql, orjson.dumps(facts).decode())


async def _single(pool: asyncpg.Pool, count: int) -> None:
    numbers = "nextval('log.raw_seq'), nextval('log.raw_own_seq')"
    sql = f"insert into log.raw values ({numbers}, $1, $2, 1, $3, $4, $5, $6, $7, $7)"

    async def one(number: int) -> None:
        async with pool.acquire() as connection:
            stream = f"lead-routing/counter-{uuid4().hex}"
            await connection.execute(sql, TENANT, stream, uuid7(), "test-counted.v1", DATA, META, NOW)

    await _in_flight(count, one)
