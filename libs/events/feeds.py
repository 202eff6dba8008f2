"""Partner feeds: a tenant's facts that are marked for partners, without sealed fields, in an order of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog

from libs.events import metrics
from libs.events.broker import Broker
from libs.events.clients import producing
from libs.events.contracts.alerting import SignalRefused
from libs.events.facts import REGISTRY
from libs.events.feed_switch import FeedSwitch
from libs.events.leases import INFRASTRUCTURE, Fenced, Lease
from libs.events.publishing import BATCH, Publisher, Standstill
from libs.events.topics import ensure_topics
from libs.events.waking import Wake
from libs.events.wire import Topics

SEALED = {"subject", "nonce", "text"}
AGAIN_SECONDS = 5.0

logger = structlog.get_logger()


def partner_types(service: str) -> list[str]:
    """The wire names of a service's facts that partners may read; a type's mark never changes."""
    return sorted(wire for wire, kind in REGISTRY.types.items() if kind.partners and kind.owner in {None, service})


def without_sealed(value: Any) -> Any:
    """A payload without its sealed parts."""
    if isinstance(value, dict):
        return {name: without_sealed(part) for name, part in value.items() if not _is_sealed(part)}
    if isinstance(value, list):
        return [without_sealed(part) for part in value if not _is_sealed(part)]
    return value


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == SEALED


class FeedFacts:
    """A tenant's facts for partners; their numbers are their rank, so that they tell nothing of other facts."""

    def __init__(
        self, service: str, tenant: str, topic: str, partitions: int, cursor_name: str, types: Sequence[str]
    ) -> None:
        self.service = service
        self.tenant = tenant
        self.topic = topic
        self.partitions = partitions
        self.cursor_name = cursor_name
        self._types = list(types)
        self._place = (0, 0)

    async def rows(self, connection: asyncpg.Connection, after: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """The next facts, sealed parts taken out."""
        if self._place[0] != after:
            self._place = (after, await self._own_seq(connection, after))
        rows = await connection.fetch(
            "select own_seq, tenant, stream, version, event_id, type, data, meta, occurred_at, recorded_at"
            " from log.events where own_seq > $1 and tenant = $2 and type = any($3) order by own_seq limit $4",
            self._place[1],
            self.tenant,
            self._types,
            BATCH,
        )
        if rows:
            self._place = (after + len(rows), rows[-1]["own_seq"])
        return [
            (number, {**row, "data": orjson.dumps(without_sealed(row["data"])).decode()})
            for number, row in enumerate(rows, after + 1)
        ]

    async def event_ids(self, connection: asyncpg.Connection, numbers: Sequence[int]) -> Mapping[int, UUID]:
        """By rank."""
        rows = await connection.fetch(
            "select n, event_id from (select row_number() over (order by own_seq) as n, event_id from log.events"
            " where own_seq is not null and tenant = $1 and type = any($2)) r where n = any($3)",
            self.tenant,
            self._types,
            numbers,
        )
        return {row["n"]: row["event_id"] for row in rows}

    async def head(self, connection: asyncpg.Connection) -> int:
        """How many there are."""
        count: int = await connection.fetchval(
            "select count(*) from log.events where own_seq is not null and tenant = $1 and type = any($2)",
            self.tenant,
            self._types,
        )
        return count

    async def _own_seq(self, connection: asyncpg.Connection, rank: int) -> int:
        if rank == 0:
            return 0
        own_seq: int = await connection.fetchval(
            "select own_seq from log.events where own_seq is not null and tenant = $1 and type = any($2)"
            " order by own_seq offset $3 limit 1",
            self.tenant,
            self._types,
            rank - 1,
        )
        return own_seq


class Feeds:
    """Publishes the feeds of all tenants that have one; run by the holder of the lease `feeds`."""

    def __init__(self, service: str, pool: asyncpg.Pool, wake: Wake, broker: Broker, topics: Topics) -> None:
        self.service = service
        self.pool = pool
        self.wake = wake
        self.broker = broker
        self.topics = topics
        self.switch = FeedSwitch(pool)

    async def run(self, lease: Lease) -> None:
        """Publish until cancelled; a feed that cannot be published stops nobody else."""

        async def shared(tenant: str, partitions: int) -> None:
            topic = self.topics.feed(tenant, self.service)
            await self._feed(
                lease, FeedFacts(self.service, tenant, topic, partitions, f"feed:{tenant}", partner_types(self.service))
            )

        async def rejected(tenant: str, partitions: int) -> None:
            topic, types = self.topics.rejected(tenant), [SignalRefused.wire]
            await self._feed(
                lease, FeedFacts(self.service, tenant, topic, partitions, f"feed:{tenant}:rejected", types)
            )

        works = (shared, rejected) if self.service == SignalRefused.owner else (shared,)
        await self.switch.while_on(*works)

    async def _feed(self, lease: Lease, facts: FeedFacts) -> None:
        publisher = Publisher(facts, self.pool, self.broker, self.topics.schemas)
        while True:
            try:
                await ensure_topics(self.broker, {facts.topic: facts.partitions})
                async with producing(self.broker, "gzip") as producer:
                    await publisher.compare(lease)
                    metrics.ALARM.labels(facts.cursor_name).set(0)
                    while True:
                        if not await publisher.publish(lease, producer):
                            await self.wake.wait(1.0)
            except Fenced:
                raise
            except Standstill as standstill:
                logger.error(
                    "a feed stands still", feed=facts.topic, verdict=standstill.verdict, detail=standstill.detail
                )
                metrics.ALARM.labels(facts.cursor_name).set(1)
            except INFRASTRUCTURE as error:
                logger.warning("a feed is held up", feed=facts.topic, error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(AGAIN_SECONDS)
