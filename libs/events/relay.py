"""The relay: publishes a service's own facts for the other services, and how far they are complete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson
import structlog
from aiokafka import AIOKafkaProducer

from libs.events import metrics
from libs.events.broker import Broker
from libs.events.clients import producing
from libs.events.clock import Clock
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.leases import Fenced, Lease
from libs.events.publishing import ACK_SECONDS, BATCH, Publisher, Row, Standstill
from libs.events.topics import ensure_topics
from libs.events.waking import Wake
from libs.events.wire import LOG_PARTITIONS, Topics

WATERMARK_SECONDS = 0.25
IDLE_SECONDS = 0.1
RECHECK_SECONDS = 5.0

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OwnFacts:
    """All own facts of a service; their numbers are `own_seq`."""

    service: str
    topic: str
    partitions: int = LOG_PARTITIONS
    cursor_name: str = "relay"

    async def rows(self, connection: asyncpg.Connection, after: int) -> Sequence[tuple[int, Row]]:
        """The next facts."""
        rows = await connection.fetch(
            "select own_seq, tenant, stream, version, event_id, type, data::text as data, meta, occurred_at,"
            " recorded_at from log.events where own_seq > $1 order by own_seq limit $2",
            after,
            BATCH,
        )
        return [(row["own_seq"], row) for row in rows]

    async def event_ids(self, connection: asyncpg.Connection, numbers: Sequence[int]) -> Mapping[int, UUID]:
        """By own_seq."""
        rows = await connection.fetch("select own_seq, event_id from log.events where own_seq = any($1)", numbers)
        return {row["own_seq"]: row["event_id"] for row in rows}

    async def head(self, connection: asyncpg.Connection) -> int:
        """The last own_seq."""
        own_seq: int = await connection.fetchval("select own_seq from log.head()")
        return own_seq


class Relay:
    """Publishes one service's log; run by the holder of the lease `relay`."""

    def __init__(
        self, service: str, pool: asyncpg.Pool, wake: Wake, clock: Clock, broker: Broker, topics: Topics
    ) -> None:
        self.pool = pool
        self.wake = wake
        self.clock = clock
        self.broker = broker
        self.publisher = Publisher(OwnFacts(service, topics.log(service)), pool, broker, topics.schemas)
        self.watermarks = topics.watermarks(service)
        self._ticked: tuple[datetime, int] | None = None
        self._last_tick: tuple[datetime, float] | None = None

    async def run(self, lease: Lease) -> None:
        """Publish until cancelled. Any error of a producer ends it; the next one starts from the stored position."""
        while True:
            topic = self.publisher.source.topic
            await ensure_topics(self.broker, {topic: LOG_PARTITIONS}, watermarks={self.watermarks})
            try:
                async with producing(self.broker, "zstd") as producer:
                    await self.publisher.compare(lease)
                    await self._judge(lease, "ok", "")
                    metrics.ALARM.labels("relay").set(0)
                    await self._publish(lease, producer)
            except Standstill as standstill:
                logger.error("relay stands still", verdict=standstill.verdict, detail=standstill.detail)
                metrics.ALARM.labels("relay").set(1)
                await self._judge(lease, standstill.verdict, standstill.detail)
                await asyncio.sleep(RECHECK_SECONDS)

    async def _judge(self, lease: Lease, verdict: str, detail: str) -> None:
        """Say what was found, unless another holder says so by now."""
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction():
            held = await connection.fetchval(
                "select 1 from log.leases where role = $1 and epoch = $2 for key share", lease.role, lease.epoch
            )
            if held is None:
                raise Fenced(lease.role)
            await connection.execute("select log.judge($1, $2)", verdict, detail)

    async def _publish(self, lease: Lease, producer: AIOKafkaProducer) -> None:
        while True:
            facts = await self.publisher.publish(lease, producer)
            await self._watermark(producer)
            if not facts:
                await self.wake.wait(IDLE_SECONDS)

    async def _watermark(self, producer: AIOKafkaProducer) -> None:
        """Say how far the published facts are complete: every 250 ms, and at once when the clock was moved."""
        now = self.clock.now()
        if self._ticked is None and self._due(now):
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                row = await connection.fetchrow("select t, own_seq from log.tick($1)", now)
            self._ticked = (row["t"], row["own_seq"])
            self._last_tick = (now, time.monotonic())
        position = self.publisher.position
        if self._ticked is not None and position.cursor >= self._ticked[1]:
            vector = {str(partition): own_seq for partition, (own_seq, _) in position.partitions.items()}
            mark = orjson.dumps({"t": self._ticked[0].isoformat(), "vector": vector})
            self._ticked = None
            async with asyncio.timeout(ACK_SECONDS):
                await producer.send_and_wait(self.watermarks, mark, partition=0)

    def _due(self, now: datetime) -> bool:
        if self._last_tick is None:
            return True
        moved = (now - self._last_tick[0]).total_seconds()
        return moved > 0 and (moved >= 1 or time.monotonic() - self._last_tick[1] >= WATERMARK_SECONDS)
