"""The relay: publishes own facts in order, and compares itself with the broker whenever a producer starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog
from aiokafka import AIOKafkaProducer

from libs.events import metrics
from libs.events.clock import Clock
from libs.events.leases import Lease
from libs.events.log import ACQUIRE_SECONDS, Wake
from libs.events.topics import ensure_topics, last_records
from libs.events.tracing import batch_span
from libs.events.wire import LOG_PARTITIONS, Topics, key_of, partition_of, read_record, record

BATCH = 2_000
ACK_SECONDS = 15.0
WATERMARK_SECONDS = 0.25
RECHECK_SECONDS = 5.0

logger = structlog.get_logger()


class Standstill(Exception):
    """The log and the broker do not fit together; an operator must look. `verdict` is forked or restoring."""

    def __init__(self, verdict: str, detail: str) -> None:
        super().__init__(f"{verdict}: {detail}")
        self.verdict = verdict
        self.detail = detail


@dataclass(slots=True)
class Position:
    """How far own facts are published: up to `cursor` in all, and the last own_seq and event id of each partition."""

    cursor: int = 0
    partitions: dict[int, tuple[int, UUID]] = field(default_factory=dict)

    def last(self, partition: int) -> int:
        """The own_seq last published on a partition; 0 for none."""
        return self.partitions.get(partition, (0, None))[0]


class Relay:
    """Publishes one service's log; run by the holder of the lease `relay`."""

    def __init__(
        self, service: str, pool: asyncpg.Pool, wake: Wake, clock: Clock, bootstrap: str, topics: Topics
    ) -> None:
        self.service = service
        self.pool = pool
        self.wake = wake
        self.clock = clock
        self.bootstrap = bootstrap
        self.topic = topics.log(service)
        self.watermarks = topics.watermarks(service)
        self.position = Position()
        self._ticked: tuple[datetime, int] | None = None
        self._ticked_at = 0.0

    async def run(self, lease: Lease) -> None:
        """Publish until cancelled. Any error of a producer ends it; the next one starts from the stored cursor."""
        while True:
            await ensure_topics(self.bootstrap, {self.topic: LOG_PARTITIONS}, watermarks={self.watermarks})
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap,
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_batch_size=512 * 1024,
                max_request_size=4 * 1024 * 1024,
                compression_type="zstd",
                request_timeout_ms=10_000,
            )
            await producer.start()
            try:
                await self._compare(lease)
                metrics.ALARM.labels("relay").set(0)
                await self._publish(lease, producer)
            except Standstill as standstill:
                logger.error("relay stands still", verdict=standstill.verdict, detail=standstill.detail)
                metrics.ALARM.labels("relay").set(1)
                async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                    await connection.execute("select log.judge($1, $2)", standstill.verdict, standstill.detail)
                await asyncio.sleep(RECHECK_SECONDS)
            finally:
                await _discard(producer)

    async def _compare(self, lease: Lease) -> None:
        """Settle where to go on: the stored position against the last records of the broker; the worst finding wins."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute("insert into log.cursors (name) values ('relay') on conflict do nothing")
            cursor = await connection.fetchval("select seq from log.cursors where name = 'relay'")
            rows = await connection.fetch("select * from log.published where topic = $1", self.topic)
            head = await connection.fetchval("select own_seq from log.head()")
        stored = {row["partition"]: (row["own_seq"], row["event_id"]) for row in rows}
        broker = {
            partition: found
            for partition, message in (await last_records(self.bootstrap, self.topic)).items()
            if (found := read_record(message.value, message.headers)) is not None
        }
        known = await self._event_ids([found.own_seq for found in broker.values()])
        position = Position(cursor, dict(stored))
        ahead = [found.own_seq for found in broker.values() if found.own_seq > head]
        for partition, found in broker.items():
            if found.own_seq <= head and str(known.get(found.own_seq)) != found.fact["event_id"]:
                raise Standstill(
                    "forked", f"partition {partition}: own_seq {found.own_seq} is another fact on the broker"
                )
        if ahead:
            raise Standstill("restoring", f"the broker has own_seq {max(ahead)}, this log ends at {head}")
        for partition in range(LOG_PARTITIONS):
            last = broker[partition].own_seq if partition in broker else 0
            if last < position.last(partition):
                logger.warning("the broker lost facts; publishing them again", partition=partition, after=last)
                position.cursor = min(position.cursor, last)
            if last:
                position.partitions[partition] = (last, UUID(str(broker[partition].fact["event_id"])))
            else:
                position.partitions.pop(partition, None)
        await self._save(lease, position, cursor)
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute("select log.judge('ok', '')")

    async def _event_ids(self, own_seqs: Sequence[int]) -> Mapping[int, UUID]:
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch("select own_seq, event_id from log.events where own_seq = any($1)", own_seqs)
        return {row["own_seq"]: row["event_id"] for row in rows}

    async def _publish(self, lease: Lease, producer: AIOKafkaProducer) -> None:
        while True:
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                rows = await connection.fetch(
                    "select own_seq, tenant, stream, version, event_id, type, data::text as data, meta, occurred_at,"
                    " recorded_at from log.events where own_seq > $1 order by own_seq limit $2",
                    self.position.cursor,
                    BATCH,
                )
            if rows:
                await self._send(lease, producer, rows)
            await self._watermark(producer)
            metrics.LAG_FACTS.labels("relay").set(len(rows) if len(rows) == BATCH else 0)
            if not rows:
                await self.wake.wait(0.1)

    async def _send(self, lease: Lease, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> None:
        """Publish a batch, each partition in order, and advance past it once all of it is acknowledged."""
        before = self.position
        after = Position(rows[-1]["own_seq"], dict(before.partitions))
        now_ms = int(time.time() * 1000)
        builders: dict[int, Any] = {}
        sent: list[asyncio.Future[Any]] = []
        with batch_span(f"send {self.topic}", [row["meta"].get("traceparent") for row in rows], facts=len(rows)):
            for row in rows:
                key = key_of(row["tenant"], row["stream"])
                partition = partition_of(key)
                own_seq = row["own_seq"]
                if own_seq <= after.last(partition):
                    continue  # published before the cursor was stored, or before another partition lost its tail
                value, headers = record(row, self.service, own_seq, after.last(partition))
                builder = builders.get(partition)
                if builder is None or not builder.append(key=key, value=value, timestamp=now_ms, headers=headers):
                    if builder is not None:
                        sent.append(await producer.send_batch(builder, self.topic, partition=partition))
                    builder = builders[partition] = producer.create_batch()
                    builder.append(key=key, value=value, timestamp=now_ms, headers=headers)
                after.partitions[partition] = (own_seq, row["event_id"])
            for partition, builder in builders.items():
                sent.append(await producer.send_batch(builder, self.topic, partition=partition))
            async with asyncio.timeout(ACK_SECONDS):
                await asyncio.gather(*sent)
        await self._save(lease, after, before.cursor)
        metrics.RELAYED.labels(self.topic).inc(len(rows))

    async def _save(self, lease: Lease, position: Position, before: int) -> None:
        changed = {p: last for p, last in position.partitions.items() if self.position.partitions.get(p) != last}
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            await connection.execute(
                "delete from log.published where topic = $1 and partition <> all($2)",
                self.topic,
                list(position.partitions),
            )
            await connection.execute(
                "insert into log.published select $1, * from unnest($2::int[], $3::bigint[], $4::uuid[])"
                " on conflict (topic, partition)"
                " do update set own_seq = excluded.own_seq, event_id = excluded.event_id",
                self.topic,
                list(changed),
                [own_seq for own_seq, _ in changed.values()],
                [event_id for _, event_id in changed.values()],
            )
            await lease.fence(
                connection,
                "update log.cursors set seq = $3 where name = 'relay' and seq = $4 and exists (select from held)",
                position.cursor,
                before,
            )
        self.position = position

    async def _watermark(self, producer: AIOKafkaProducer) -> None:
        """Say how far the published facts are complete: every 250 ms, and at once when the clock was moved."""
        now = self.clock.now()
        if self._ticked is None and self._due(now):
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                row = await connection.fetchrow("select t, own_seq from log.tick($1)", now)
            self._ticked = (row["t"], row["own_seq"])
            self._last_tick = now
            self._ticked_at = time.monotonic()
        if self._ticked is not None and self.position.cursor >= self._ticked[1]:
            vector = {str(partition): own_seq for partition, (own_seq, _) in self.position.partitions.items()}
            mark = orjson.dumps({"t": self._ticked[0].isoformat(), "vector": vector})
            self._ticked = None
            async with asyncio.timeout(ACK_SECONDS):
                await producer.send_and_wait(self.watermarks, mark, partition=0)

    _last_tick: datetime | None = None

    def _due(self, now: datetime) -> bool:
        if self._last_tick is None:
            return True
        moved = (now - self._last_tick).total_seconds()
        return moved > 0 and (moved >= 1 or time.monotonic() - self._ticked_at >= WATERMARK_SECONDS)


async def _discard(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()
    except Exception as error:
        logger.warning("a producer was thrown away", error=f"{type(error).__name__}: {error}")
