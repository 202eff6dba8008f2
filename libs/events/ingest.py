"""Ingest: copies the facts of the other services into the own log, once each, in the order of each partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from libs.events import metrics
from libs.events.broker import Broker
from libs.events.chain import Partition
from libs.events.clients import consuming
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.failpoints import failpoint
from libs.events.leases import Fenced, Lease
from libs.events.topics import ensure_topics, partitions_of
from libs.events.tracing import batch_span
from libs.events.waking import Wake
from libs.events.wire import LOG_PARTITIONS, Received, Topics, fact_of

BATCH = 1_000
PATIENCE_SECONDS = 1.0
AGAIN_SECONDS = 30.0
COMMIT_SECONDS = 5.0
FENCED, FORKED = "SL003", "SL004"

logger = structlog.get_logger()


@dataclass(slots=True)
class _Part:
    """What one batch brings for one partition."""

    partition: Partition
    number: int
    start: int
    facts: list[Mapping[str, Any]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As `log.ingest` takes it."""
        return {
            "source": self.partition.source,
            "partition": self.number,
            "from": self.start,
            "to": self.partition.own_seq,
            "next_offset": self.partition.offset,
            "facts": self.facts,
            "repeated": self.repeated,
        }


class Ingest:
    """Reads the log topics of other services; run by the holder of the lease `ingest`."""

    def __init__(
        self, service: str, listens: Sequence[str], pool: asyncpg.Pool, wake: Wake, broker: Broker, topics: Topics
    ) -> None:
        self.service = service
        self.listens = tuple(listens)
        self.pool = pool
        self.wake = wake
        self.broker = broker
        self.topics = topics
        self.partitions: dict[TopicPartition, Partition] = {}
        self._marks: dict[str, tuple[datetime, dict[int, int]]] = {}
        self._troubles: list[tuple[str, int, str, str]] = []
        self._sources = {topics.log(source): source for source in listens}
        self._mark_sources = {topics.watermarks(source): source for source in listens}

    async def run(self, lease: Lease) -> None:
        """Ingest until cancelled."""
        logs = {self.topics.log(source): LOG_PARTITIONS for source in self.listens}
        marks = [self.topics.watermarks(source) for source in self.listens]
        await ensure_topics(self.broker, logs, marks)
        client = consuming(
            self.broker,
            group_id=f"{self.topics.prefix}{self.service}.ingest",
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=100,
        )
        async with client as consumer:
            await self._assign(consumer)
            committed = time.monotonic()
            while True:
                await self._round(lease, consumer)
                if time.monotonic() - committed > COMMIT_SECONDS:
                    await self._commit(consumer)
                    committed = time.monotonic()

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        """Tell Kafka how far this reader is, for tools that show lag; nothing of ours depends on it."""
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await consumer.commit({tp: partition.offset for tp, partition in self.partitions.items()})
        except (KafkaError, TimeoutError) as error:
            logger.info("offsets not committed", error=f"{type(error).__name__}: {error}")

    async def _assign(self, consumer: AIOKafkaConsumer) -> None:
        rows = {}
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            for source in self.listens:
                await connection.execute(
                    "insert into log.ingested (source, partition) select $1, generate_series(0, $2 - 1)"
                    " on conflict do nothing",
                    source,
                    LOG_PARTITIONS,
                )
            for row in await connection.fetch("select * from log.ingested"):
                rows[row["source"], row["partition"]] = row
        self.partitions = {}
        for topic, source in self._sources.items():
            for number in await partitions_of(consumer, topic):
                row = rows[source, number]
                self.partitions[TopicPartition(topic, number)] = Partition(source, row["own_seq"], row["next_offset"])
        marks = [TopicPartition(topic, 0) for topic in self._mark_sources]
        for topic in self._mark_sources:
            await partitions_of(consumer, topic)
        consumer.assign([*self.partitions, *marks])
        ends = await consumer.end_offsets([*self.partitions, *marks])
        starts = await consumer.beginning_offsets(list(self.partitions))
        for tp, partition in self.partitions.items():
            # An offset is a hint: outside what the broker has, read everything and let own_seq drop what is known.
            inside = starts[tp] <= partition.offset <= ends[tp]
            consumer.seek(tp, partition.offset if inside else starts[tp])
        for tp in marks:
            consumer.seek(tp, max(0, ends[tp] - 1))

    async def _round(self, lease: Lease, consumer: AIOKafkaConsumer) -> None:
        try:
            batch = await consumer.getmany(timeout_ms=100, max_records=BATCH)
        except OffsetOutOfRangeError as error:
            for tp in error.args[0]:
                logger.warning(
                    "offset outside the topic; reading it from its start", topic=tp.topic, partition=tp.partition
                )
                consumer.seek(tp, (await consumer.beginning_offsets([tp]))[tp])
            return
        parts: list[_Part] = []
        for tp, messages in batch.items():
            if tp.topic in self._mark_sources:
                self._remember(self._mark_sources[tp.topic], messages[-1].value)
                continue
            part = self._chain(consumer, tp, messages)
            if part.facts or part.repeated or part.start != part.partition.own_seq:
                parts.append(part)
        if parts:
            with batch_span(
                f"ingest {self.service}",
                [fact["meta"].get("traceparent") for part in parts for fact in part.facts],
                facts=sum(len(part.facts) for part in parts),
            ):
                await self._apply(lease, consumer, parts)
        await self._note_troubles()
        await self._complete()
        for tp, partition in self.partitions.items():
            await self._nudge(consumer, tp, partition)

    def _chain(self, consumer: AIOKafkaConsumer, tp: TopicPartition, messages: Sequence[Any]) -> _Part:
        """Take the records that continue the partition's chain; a hole in it holds the partition."""
        partition = self.partitions[tp]
        part = _Part(partition, tp.partition, partition.own_seq)
        for message in messages:
            received = fact_of(message)
            partition.offset = message.offset + 1
            if received is None:
                metrics.UNKNOWN_TYPES.labels("no envelope").inc()
                continue
            self._take(part, received)
            if partition.stopped_until is not None:
                break
        if partition.missed:
            self._stop(partition, tp.partition, "gap", partition.gap)
        if partition.stopped_until is not None:
            consumer.pause(tp)
        return part

    def _take(self, part: _Part, received: Received) -> None:
        partition = part.partition
        rereading = partition.reread_to is not None
        match partition.take(received.own_seq, received.previous):
            case "repeated":
                part.repeated.append(received.fact["event_id"])
                metrics.REPEATED.labels(partition.source).inc()
            case "next":
                part.facts.append(received.fact)
                metrics.INGESTED.labels(partition.source).inc()
                if rereading:
                    metrics.ALARM.labels(f"ingest {partition.source}").set(0)
            case "forked":
                detail = f"own_seq {received.own_seq} follows {received.previous}"
                self._stop(partition, part.number, "forked", detail)
            case "gap":
                pass  # applied when what is missing has come

    def _stop(self, partition: Partition, number: int, state: str, detail: str) -> None:
        logger.error(
            "ingest of a partition stands still", source=partition.source, partition=number, state=state, detail=detail
        )
        metrics.ALARM.labels(f"ingest {partition.source}").set(1)
        partition.stop(time.monotonic() + AGAIN_SECONDS)
        self._troubles.append((partition.source, number, state, detail))

    async def _nudge(self, consumer: AIOKafkaConsumer, tp: TopicPartition, partition: Partition) -> None:
        """Read a partition with a hole again from its start: after a moment, and every 30 s while it stands still."""
        if partition.wants_rereading(time.monotonic(), PATIENCE_SECONDS):
            partition.reread((await consumer.end_offsets([tp]))[tp])
            consumer.resume(tp)
            consumer.seek(tp, 0)

    async def _apply(self, lease: Lease, consumer: AIOKafkaConsumer, parts: Sequence[_Part]) -> None:
        try:
            await self._store(lease, parts)
        except asyncpg.PostgresError as error:
            if error.sqlstate == FENCED:
                raise Fenced(lease.role) from error
            if not isinstance(error, asyncpg.UniqueViolationError) and error.sqlstate != FORKED:
                raise
            if len(parts) > 1:  # find the partition that does not fit
                for part in parts:
                    await self._apply(lease, consumer, [part])
                return
            part = parts[0]
            part.partition.own_seq = part.start
            self._stop(part.partition, part.number, "forked", str(error))
            consumer.pause(TopicPartition(self.topics.log(part.partition.source), part.number))

    async def _note_troubles(self) -> None:
        """Keep for operators which partitions stand still; the next facts that fit say `ok` again."""
        if not self._troubles:
            return
        troubles, self._troubles = self._troubles, []
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.executemany(
                "update log.ingested set state = $3, detail = $4 where source = $1 and partition = $2", troubles
            )

    async def _store(self, lease: Lease, parts: Sequence[_Part]) -> None:
        document = orjson.dumps([part.document() for part in parts]).decode()
        failpoint("ingest.before")
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.fetchval("select log.ingest($1, $2, $3::text::jsonb)", lease.role, lease.epoch, document)
        self.wake()

    def _remember(self, source: str, value: bytes) -> None:
        mark = orjson.loads(value)
        vector = {int(partition): own_seq for partition, own_seq in mark["vector"].items()}
        self._marks[source] = (datetime.fromisoformat(mark["t"]), vector)

    async def _complete(self) -> None:
        """Note how far a source is complete, once everything its watermark names has arrived."""
        reached = []
        for source, (t, vector) in self._marks.items():
            topic = self.topics.log(source)
            if all(self.partitions[TopicPartition(topic, p)].own_seq >= own_seq for p, own_seq in vector.items()):
                reached.append((source, t))
        if not reached:
            return
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            await connection.execute(
                "insert into log.watermarks select s, t, (select seq from log.head())"
                " from unnest($1::text[], $2::timestamptz[]) w(s, t)"
                " on conflict (source) do update set t = excluded.t, seq = excluded.seq"
                " where watermarks.t <= excluded.t",
                [source for source, _ in reached],
                [t for _, t in reached],
            )
        for source, _ in reached:
            del self._marks[source]
        self.wake()
