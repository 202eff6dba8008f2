"""What operators look at and do: builds, parked facts, the log's tail and figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.builds import Build, Builds
from libs.events.projecting import Projection
from libs.events.waking import Head

TAIL = 500


@dataclass(frozen=True, slots=True)
class ParkedKey:
    """A key that waits: its facts in order, the first one's error. `waits`: for a subject, it tries again by itself."""

    consumer: str
    tenant: str
    key: str
    facts: int
    first_seq: int
    error: str
    waits: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class ParkedFact:
    """One fact of a parked key."""

    seq: int
    type: str
    stream: str
    version: int
    event_id: UUID
    error: str


@dataclass(frozen=True, slots=True)
class StuckEffect:
    """An effect that waits for a decision: `held` after a restore, or `failed` after all its tries."""

    effect_id: UUID
    state: str
    tenant: str
    kind: str
    created_at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Stats:
    """The log in figures."""

    seq: int
    own_seq: int
    streams: int
    last_recorded_at: datetime | None
    bytes: int
    types: tuple[tuple[str, int], ...]
    readers: tuple[tuple[str, int], ...]
    ingested: tuple[tuple[str, int, str], ...]
    leases: tuple[tuple[str, int, str], ...]
    verdict: str


async def builds(pool: asyncpg.Pool, projections: Sequence[Projection]) -> list[tuple[Projection, Build]]:
    """All builds of all read models, the newest first."""
    return [(projection, build) for projection in projections for build in await Builds(pool, projection).all()]


async def parked(pool: asyncpg.Pool, consumer: str | None = None) -> list[ParkedKey]:
    """The keys that wait, the oldest first."""
    rows = await pool.fetch(
        "select consumer, tenant, key, count(*), min(seq), (array_agg(error order by seq))[1], bool_or(waits),"
        " min(parked_at) from log.parked where consumer !~ '#' and ($1::text is null or consumer = $1)"
        " group by consumer, tenant, key order by min(parked_at)",
        consumer,
    )
    return [ParkedKey(*row) for row in rows]


async def parked_facts(pool: asyncpg.Pool, consumer: str, tenant: str, key: str) -> list[ParkedFact]:
    """The facts of a parked key, in order."""
    rows = await pool.fetch(
        "select e.seq, e.type, e.stream, e.version, e.event_id, p.error from log.parked p join log.events e using (seq)"
        " where p.consumer = $1 and p.tenant = $2 and p.key = $3 order by seq",
        consumer,
        tenant,
        key,
    )
    return [ParkedFact(*row) for row in rows]


async def retry(pool: asyncpg.Pool, consumer: str, tenant: str, key: str) -> int:
    """Have the worker try a parked key again; how many facts wait there. It folds all of them in order, or none."""
    done = await pool.execute(
        "update log.parked set retry = true where consumer = $1 and tenant = $2 and key = $3", consumer, tenant, key
    )
    return int(done.split()[-1])


async def skip(pool: asyncpg.Pool, consumer: str, tenant: str, key: str, *, reason: str, by: str) -> int | None:
    """Leave out the first parked fact of a key for good, in rebuilds too, and try the rest; its position."""
    async with pool.acquire() as connection, connection.transaction():
        seq: int | None = await connection.fetchval(
            "select min(seq) from log.parked where consumer = $1 and tenant = $2 and key = $3", consumer, tenant, key
        )
        if seq is None:
            return None
        await connection.execute(
            "insert into log.skips (consumer, tenant, key, seq, reason, by) values ($1, $2, $3, $4, $5, $6)",
            consumer,
            tenant,
            key,
            seq,
            reason,
            by,
        )
        await connection.execute(
            "update log.parked set retry = true where consumer = $1 and tenant = $2 and key = $3", consumer, tenant, key
        )
    return seq


async def effects(pool: asyncpg.Pool) -> list[StuckEffect]:
    """The effects that wait for a decision, the oldest first; at most 1,000."""
    rows = await pool.fetch(
        "select effect_id, state, tenant, kind, created_at, detail from log.effects where state in ('held', 'failed')"
        " order by created_at, effect_id limit 1000"
    )
    return [StuckEffect(*row) for row in rows]


async def send_effects(pool: asyncpg.Pool, state: str, ids: Sequence[UUID] | None = None) -> int:
    """Have held or failed effects delivered, those named or all; how many."""
    return await _decide(pool, "state = 'waiting', tries = 0, next_try = clock_timestamp()", state, ids)


async def drop_effects(pool: asyncpg.Pool, state: str, ids: Sequence[UUID] | None = None) -> int:
    """Leave held or failed effects undelivered for good, those named or all; how many."""
    return await _decide(pool, "state = 'done', detail = 'dropped by an operator'", state, ids)


async def _decide(pool: asyncpg.Pool, change: str, state: str, ids: Sequence[UUID] | None) -> int:
    if state not in {"held", "failed"}:
        raise LookupError(f"--state {state}: only effects that are held or failed wait for a decision")
    done = await pool.execute(
        f"update log.effects set {change} where state = $1 and ($2::uuid[] is null or effect_id = any($2))",
        state,
        list(ids) if ids else None,
    )
    return int(done.split()[-1])


async def tail(
    pool: asyncpg.Pool,
    head: Head,
    *,
    tenant: str | None = None,
    stream: str | None = None,
    last: int = 20,
    follow: bool,
) -> AsyncIterator[asyncpg.Record]:
    """The last facts of the log, and with `follow` those that come, until cancelled."""
    seq = max(0, await head.now() - last)
    while True:
        rows = await pool.fetch(
            "select seq, own_seq, tenant, stream, version, type, data, meta, occurred_at, recorded_at from log.events"
            " where seq > $1 and ($2::text is null or tenant = $2) and ($3::text is null or stream like $3 || '%')"
            " order by seq limit $4",
            seq,
            tenant,
            stream,
            TAIL,
        )
        for row in rows:
            yield row
        seq = rows[-1]["seq"] if len(rows) == TAIL else max(seq, await head.now())
        if not follow and len(rows) < TAIL:
            return
        if len(rows) < TAIL:
            await head.beyond(seq, 1.0)


async def stats(pool: asyncpg.Pool) -> Stats:
    """The log in figures; type counts are of the last 100,000 facts."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        head = await connection.fetchrow("select seq, own_seq from log.head()")
        types = await connection.fetch(
            "select type, count(*) from log.events where seq > $1 group by type order by 2 desc", head["seq"] - 100_000
        )
        return Stats(
            seq=head["seq"],
            own_seq=head["own_seq"],
            streams=await connection.fetchval("select count(*) from log.streams"),
            last_recorded_at=await connection.fetchval(
                "select recorded_at from log.events where seq = $1", head["seq"]
            ),
            bytes=await connection.fetchval("select pg_total_relation_size('log.events')"),
            types=_pairs(types),
            readers=_pairs(
                await connection.fetch(
                    "select projection || ':' || version, cursor from log.builds where state = 'serving'"
                    " union all select name, seq from log.cursors where name !~ '^(feed|signals):' order by 1"
                )
            ),
            ingested=_pairs(
                await connection.fetch(
                    "select source, sum(own_seq)::bigint, string_agg(distinct state, ',') from log.ingested"
                    " group by source"
                )
            ),
            leases=_pairs(await connection.fetch("select role, epoch, holder from log.leases order by role")),
            verdict=await connection.fetchval("select verdict || ' ' || detail from log.verdict"),
        )


def _pairs(rows: Sequence[asyncpg.Record]) -> Any:
    return tuple(tuple(row) for row in rows)
