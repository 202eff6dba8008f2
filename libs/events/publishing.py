"""Publishing facts in order, with proof: a publisher compares itself with the broker whenever its producer starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer

from libs.events import metrics
from libs.events.broker import Broker
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.failpoints import failpoint
from libs.events.leases import Fenced, Lease
from libs.events.topics import last_records
from libs.events.tracing import batch_span
from libs.events.wire import fact_of, key_of, partition_of, record

BATCH = 2_000
ACK_SECONDS = 15.0

_SAVE = """
    with held as (select 1 from log.leases where role = $1 and epoch = $2 for key share),
         moved as (update log.cursors set seq = $5 where name = $3 and seq = $4 and exists (select from held)
                   returning 1),
         gone as (delete from log.published where topic = $6 and partition <> all($7::int[])
                  and exists (select from moved)),
         kept as (insert into log.published select $6, n.* from unnest($8::int[], $9::bigint[], $10::uuid[]) n
                   where exists (select from moved)
                  on conflict (topic, partition) do update set own_seq = excluded.own_seq, event_id = excluded.event_id)
    select exists (select from moved)"""
"""Moves the cursor, fenced by the lease, and with it what is published of each partition: all of it or nothing."""

Row = Mapping[str, Any]
"""A stored fact: the columns of log.events, its data as JSON text."""

logger = structlog.get_logger()


class Standstill(Exception):
    """The log and the broker do not fit together; an operator must look. `verdict` is forked or restoring."""

    def __init__(self, verdict: str, detail: str) -> None:
        super().__init__(f"{verdict}: {detail}")
        self.verdict = verdict
        self.detail = detail


@dataclass(slots=True)
class Position:
    """How far a topic is published: up to `cursor` in all, and the last number and event id of each partition."""

    cursor: int = 0
    partitions: dict[int, tuple[int, UUID]] = field(default_factory=dict)

    def last(self, partition: int) -> int:
        """The number last published on a partition; 0 for none."""
        return self.partitions.get(partition, (0, None))[0]


def settled(
    topic: str,
    stored: Position,
    broker: Mapping[int, tuple[int, UUID]],
    *,
    head: int,
    known: Mapping[int, UUID],
    partitions: int,
    again_to: int = 0,
) -> Position:
    """Where to go on, by what is stored and by the last records of the broker; the worst finding wins.

    `head` is the log's own last number, `known` the event ids it has under the broker's numbers. Raises Standstill.
    """
    for partition, (number, event_id) in broker.items():
        if number <= head and known.get(number) != event_id:
            raise Standstill("forked", f"{topic}/{partition}: number {number} is another fact on the broker")
    if ahead := [number for number, _ in broker.values() if number > head]:
        raise Standstill("restoring", f"{topic} goes on to number {max(ahead)}, this log to {head}")
    if stored.cursor < again_to:
        return stored
    position = Position(stored.cursor, dict(stored.partitions))
    for partition in range(partitions):
        last = broker[partition][0] if partition in broker else 0
        if last < position.last(partition):
            logger.warning("the broker lost facts; publishing again", topic=topic, partition=partition, after=last)
            position.cursor = min(position.cursor, last)
        if last:
            position.partitions[partition] = broker[partition]
        else:
            position.partitions.pop(partition, None)
    return position


def chained(
    facts: Iterable[tuple[int, int, tuple[bytes, Row]]], after: Position
) -> Iterator[tuple[int, int, int, tuple[bytes, Row]]]:
    """Those of (number, partition, fact) that are to be sent, each with the number before it; `after` moves along."""
    for number, partition, fact in facts:
        previous = after.last(partition)
        if number <= previous:
            continue  # published before the position was stored, or before another partition lost its tail
        after.partitions[partition] = (number, fact[1]["event_id"])
        yield number, partition, previous, fact


class Source(Protocol):
    """Own facts that go to one topic, numbered densely from 1 in an order that never changes."""

    @property
    def service(self) -> str:
        """Whose facts they are."""
        ...

    @property
    def topic(self) -> str:
        """Where they go."""
        ...

    @property
    def partitions(self) -> int:
        """How many partitions the topic has, for ever."""
        ...

    @property
    def cursor_name(self) -> str:
        """The name of its row in log.cursors."""
        ...

    async def rows(self, connection: asyncpg.Connection, after: int) -> Sequence[tuple[int, Row]]:
        """The next facts with their numbers, at most BATCH; `data` as JSON text."""
        ...

    async def event_ids(self, connection: asyncpg.Connection, numbers: Sequence[int]) -> Mapping[int, UUID]:
        """The event ids of these numbers, where there are such."""
        ...

    async def head(self, connection: asyncpg.Connection) -> int:
        """The last number."""
        ...


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch on its way to the broker, and the position once it has arrived."""

    acknowledged: asyncio.Future[Any]
    after: Position
    facts: int


class Publisher:
    """Publishes one source; its position is moved only past what the broker has acknowledged."""

    def __init__(self, source: Source, pool: asyncpg.Pool, broker: Broker, schemas: str) -> None:
        self.source = source
        self.pool = pool
        self.broker = broker
        self.schemas = schemas
        self.position = Position()
        self._flight: _Flight | None = None

    async def compare(self, lease: Lease) -> None:
        """Settle where to go on: the stored position against the last records of the broker; the worst finding wins.

        Equal: go on. The broker is ahead with the same fact: go on from there. It is behind or empty: publish again.
        While an operator has it published again, the stored position counts, whatever the broker has.

        Raises Standstill when it holds another fact under a number (forked) or more than this log has (restoring).
        """
        name, topic = self.source.cursor_name, self.source.topic
        if self._flight:  # of a producer that was thrown away
            self._flight.acknowledged.cancel()
            self._flight = None
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute("insert into log.cursors (name) values ($1) on conflict do nothing", name)
            cursor, again_to = await connection.fetchrow("select seq, again_to from log.cursors where name = $1", name)
            rows = await connection.fetch("select * from log.published where topic = $1", topic)
        broker = await last_records(self.broker, topic, fact_of)
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            # After the broker: what another holder published meanwhile was committed before, so this log has it.
            head = await self.source.head(connection)
            known = await self.source.event_ids(connection, [found.own_seq for found in broker.values()])
        stored = Position(cursor, {row["partition"]: (row["own_seq"], row["event_id"]) for row in rows})
        last = {partition: (found.own_seq, UUID(found.fact["event_id"])) for partition, found in broker.items()}
        position = settled(
            topic, stored, last, head=head, known=known, partitions=self.source.partitions, again_to=again_to
        )
        await self._save(lease, position, cursor)

    async def publish(self, lease: Lease, producer: AIOKafkaProducer) -> int:
        """Send a batch, each partition in order, and move past it once all of it is acknowledged; how many facts.

        While more wait, a batch is left on its way until the next one is made and sent.
        """
        before, self._flight = self._flight, None
        sent = before.after if before else self.position
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await self.source.rows(connection, sent.cursor)
        if rows:
            after = Position(rows[-1][0], dict(sent.partitions))
            traces = [row["meta"].get("traceparent") for _, row in rows]
            with batch_span(f"send {self.source.topic}", traces, facts=len(rows)):
                async with asyncio.timeout(ACK_SECONDS):
                    self._flight = _Flight(asyncio.gather(*await self._send(producer, rows, after)), after, len(rows))
        if before:
            await self._arrive(lease, before)
        if self._flight and len(rows) < BATCH:
            await self._arrive(lease, self._flight)
            self._flight = None
        return len(rows)

    async def _arrive(self, lease: Lease, flight: _Flight) -> None:
        async with asyncio.timeout(ACK_SECONDS):
            await flight.acknowledged
        failpoint("relay.sent")
        await self._save(lease, flight.after, self.position.cursor)
        metrics.RELAYED.labels(self.source.topic).inc(flight.facts)

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[tuple[int, Row]], after: Position) -> list[Any]:
        """Hand the records to the producer in batches a partition; `after` is moved along. The acknowledgements."""
        topic = self.source.topic
        now_ms = int(time.time() * 1000)
        builders: dict[int, Any] = {}
        sent: list[Any] = []
        count = self.source.partitions
        placed = (
            (number, partition_of(key := key_of(row["tenant"], row["stream"]), count), (key, row))
            for number, row in rows
        )
        for number, partition, previous, (key, row) in chained(placed, after):
            value, headers = record(row, self.source.service, number, previous, self.schemas)
            builder = builders.get(partition)
            if builder is None or not builder.append(key=key, value=value, timestamp=now_ms, headers=headers):
                if builder is not None:
                    sent.append(await producer.send_batch(builder, topic, partition=partition))
                builder = builders[partition] = producer.create_batch()
                builder.append(key=key, value=value, timestamp=now_ms, headers=headers)
        for partition, builder in builders.items():
            sent.append(await producer.send_batch(builder, topic, partition=partition))
        return sent

    async def _save(self, lease: Lease, position: Position, before: int) -> None:
        changed = {p: last for p, last in position.partitions.items() if self.position.partitions.get(p) != last}
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            moved = await connection.fetchval(
                _SAVE,
                lease.role,
                lease.epoch,
                self.source.cursor_name,
                before,
                position.cursor,
                self.source.topic,
                list(position.partitions),
                list(changed),
                [number for number, _ in changed.values()],
                [event_id for _, event_id in changed.values()],
            )
        if not moved:
            raise Fenced(f"{lease.role} in epoch {lease.epoch}")
        self.position = position


async def republish(pool: asyncpg.Pool, role: str, cursor_name: str, topic: str) -> int:
    """Have a topic published again up to where it is now, by the running worker or the next; that number.

    The lease `role` is taken from its holder, so that whoever gets it next begins anew. Raises LookupError where
    nothing was published yet.
    """
    async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
        upto: int | None = await connection.fetchval(
            "update log.cursors set again_to = greatest(seq, again_to), seq = 0 where name = $1 and seq + again_to > 0"
            " returning again_to",
            cursor_name,
        )
        if upto is None:
            raise LookupError(f"nothing was published on {topic} yet")
        await connection.execute("delete from log.published where topic = $1", topic)
        await connection.execute("update log.leases set holder = '', expires_at = '-infinity' where role = $1", role)
    return upto
