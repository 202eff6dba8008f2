"""Takes signals from the topics partners write to; the topic says whose they are. Run behind the lease `signals`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from prometheus_client import Counter, Gauge

from libs.events.clients import consuming
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.errors import Conflict, FactTooLarge, Rejected
from libs.events.facts import Actor
from libs.events.feed_switch import FeedSwitch
from libs.events.leases import INFRASTRUCTURE, Lease
from libs.events.running import Request
from libs.events.topics import FROM_PARTNERS, ensure_topics, partitions_of
from libs.service.jobs import Tools
from services.alerting.signals.domain import RECEIVE, REFUSE, ReceiveSignal, RefuseSignal, signal_id
from services.alerting.signals.records import read_signal

BATCH = 200
AGAIN_SECONDS = 5.0
APPENDED_BY_BROKER = 1
ACTOR = Actor(kind="connector", id="partner-signals")
SIGNALS = Counter("salesloom_signals_total", "Records of partners by what became of them", ("outcome",))
BEHIND = Gauge("salesloom_signals_behind_records", "Records of partners that were not looked at yet", ("tenant",))

logger = structlog.get_logger()


class Intake:
    """Makes commands of partners' records; how far it is stands in `log.cursors`, moved by whoever holds the lease."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.pool: asyncpg.Pool = tools.log.pool
        self.switch = FeedSwitch(self.pool)

    async def run(self, lease: Lease) -> None:
        """Take signals of all tenants whose feed is on until cancelled; one that is held up stops nobody else."""

        async def follow(tenant: str, partitions: int) -> None:
            while True:
                try:
                    await self._follow(lease, tenant, partitions)
                except (*INFRASTRUCTURE, Conflict) as error:
                    logger.warning("signals held up", tenant=tenant, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(AGAIN_SECONDS)

        await self.switch.while_on(follow)

    async def _follow(self, lease: Lease, tenant: str, partitions: int) -> None:
        broker, topic = self.tools.settings.broker, self.tools.settings.topics.signals(tenant)
        await ensure_topics(broker, {topic: partitions}, settings=FROM_PARTNERS)
        async with consuming(broker, auto_offset_reset="none", max_partition_fetch_bytes=1024 * 1024) as consumer:
            positions = await self._assign(consumer, tenant, topic)
            while True:
                try:
                    batch = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
                except OffsetOutOfRangeError as error:  # older than a week: gone
                    for tp, start in (await consumer.beginning_offsets(list(error.args[0]))).items():
                        logger.warning("signals were not read in time", topic=tp.topic, partition=tp.partition)
                        consumer.seek(tp, start)
                    continue
                await asyncio.gather(*(self._take(tenant, messages) for messages in batch.values()))
                await self._move(lease, tenant, positions, {tp.partition: m[-1].offset + 1 for tp, m in batch.items()})
                behind = [(consumer.highwater(tp) or 0) - await consumer.position(tp) for tp in consumer.assignment()]
                BEHIND.labels(tenant).set(max(0, sum(behind)))

    async def _assign(self, consumer: AIOKafkaConsumer, tenant: str, topic: str) -> dict[int, int]:
        """Go on where the cursors say; the stored position of each partition."""
        numbers = await partitions_of(consumer, topic)
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(
                "insert into log.cursors (name) select unnest($1::text[]) on conflict (name)"
                " do update set seq = cursors.seq returning name, seq",
                [_cursor(tenant, number) for number in numbers],
            )
        stored = {row["name"]: row["seq"] for row in rows}
        positions = {number: stored[_cursor(tenant, number)] for number in numbers}
        assigned = [TopicPartition(topic, number) for number in positions]
        consumer.assign(assigned)
        starts, ends = await consumer.beginning_offsets(assigned), await consumer.end_offsets(assigned)
        for tp in assigned:  # outside what the broker has, read everything: ids make a second time harmless
            position = positions[tp.partition]
            consumer.seek(tp, position if starts[tp] <= position <= ends[tp] else starts[tp])
        return positions

    async def _take(self, tenant: str, messages: Sequence[Any]) -> None:
        """Deal with records of one partition: those with one key in their order, the others beside each other."""
        lanes: dict[bytes | int, list[Any]] = {}
        for message in messages:
            lanes.setdefault(message.offset if message.key is None else message.key, []).append(message)

        async def one_after_another(lane: Sequence[Any]) -> None:
            for message in lane:
                await self._one(tenant, message)

        await asyncio.gather(*map(one_after_another, lanes.values()))

    async def _one(self, tenant: str, message: Any) -> None:
        now = self.tools.clock.now()
        by_broker = message.timestamp_type == APPENDED_BY_BROKER
        came_at = min(now, datetime.fromtimestamp(message.timestamp / 1000, UTC)) if by_broker else now
        place = f"{message.partition}/{message.offset}"
        command = read_signal(message.value, message.headers, came_at=came_at, place=place)
        request = _request(tenant, command, message)
        try:
            if isinstance(command, RefuseSignal):
                await self.tools.runner.run(REFUSE, command, request)
                SIGNALS.labels("refused").inc()
            else:
                outcome = await self.tools.runner.run(RECEIVE, command, request)
                SIGNALS.labels("received" if outcome.facts and not outcome.replayed else "repeated").inc()
        except Rejected:
            SIGNALS.labels("refused").inc()
        except FactTooLarge:
            why = "the signal is too large to be kept"
            refusal = RefuseSignal(source=command.source, external_id=command.external_id, code="TOO_LARGE", why=why)
            await self.tools.runner.run(REFUSE, refusal, request)
            SIGNALS.labels("refused").inc()

    async def _move(self, lease: Lease, tenant: str, positions: dict[int, int], reached: Mapping[int, int]) -> None:
        """Store how far the partitions are dealt with. Raises Fenced if somebody else does this now."""
        for number, offset in reached.items():
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                await lease.fence(
                    connection,
                    "update log.cursors set seq = $3 where name = $4 and seq = $5 and exists (select from held)",
                    offset,
                    _cursor(tenant, number),
                    positions[number],
                )
            positions[number] = offset


def _cursor(tenant: str, partition: int) -> str:
    return f"signals:{tenant}:{partition}"


def _request(tenant: str, command: ReceiveSignal | RefuseSignal, message: Any) -> Request:
    """The same record has the same command id whenever it is read; one that was put right has another."""
    content = hashlib.sha256(repr((message.value, message.headers)).encode()).hexdigest()
    identity = UUID(signal_id(tenant, command.source, command.external_id))
    return Request(tenant, ACTOR, uuid5(identity, content), roles=frozenset({"integration"}), channel="connector")
