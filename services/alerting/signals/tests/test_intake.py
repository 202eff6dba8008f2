"""Signals from Kafka: a plain producer writes them, a plain consumer reads why some were refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.contracts.lead_routing import FeedTurnedOn
from libs.events.facts import Actor, Meta
from libs.events.leases import Fenced, Lease
from libs.events.log import Log
from libs.events.running import Runner
from libs.events.topics import ensure_topics
from libs.events.wire import LOG_PARTITIONS, key_of, partition_of, record
from libs.service.jobs import Tools
from libs.service.objects import Objects
from libs.service.settings import Settings
from libs.service.working import opened_worker
from services.alerting.service import SERVICE
from services.alerting.signals.intake import Intake

TENANT, OTHER = "signalstenant", "othertenant"
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> Settings:
    """The alerting service on real servers."""
    made = database("alerting")
    return Settings(
        service="alerting",
        environment="development",
        owner_url=SecretStr(made.owner_url),
        worker_url=SecretStr(made.worker_url),
        kafka=servers.kafka,
        topic_prefix=topic_prefix,
    )


@pytest.fixture(scope="module")
async def database_owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Looks into the database."""
    connection = await asyncpg.connect(settings.owner_url.get_secret_value())
    yield connection
    await connection.close()


async def turn_on(settings: Settings, *tenants: str) -> None:
    """lead-routing tells that the feeds of these tenants are on."""
    topic, last = settings.topics.log("lead-routing"), dict[int, int]()
    await ensure_topics(settings.broker, {topic: LOG_PARTITIONS})
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, acks="all")
    await producer.start()
    for number, tenant in enumerate(tenants, 1):
        fact = FeedTurnedOn(tenant_id=tenant)
        row = {
            "tenant": tenant,
            "stream": f"lead-routing/{fact.stream()}",
            "version": 1,
            "event_id": uuid7(),
            "type": fact.wire,
            "data": orjson.dumps(fact.data()).decode(),
            "meta": Meta(actor=Actor(id="test")).model_dump(mode="json", exclude_none=True),
            "occurred_at": NOW,
            "recorded_at": NOW,
        }
        key = key_of(tenant, row["stream"])
        partition = partition_of(key)
        value, headers = record(row, "lead-routing", number, last.get(partition, 0))
        await producer.send_and_wait(topic, value, key, partition, headers=headers)
        last[partition] = number
    await producer.stop()


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """The service's worker with what signals need of it, until the block ends."""
    service = replace(SERVICE, listens=("lead-routing",), projections=(), reactions=(), effects={})
    async with opened_worker(service, settings, clock=FixedClock(NOW)) as worker:
        task = asyncio.create_task(worker.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def told(owner: asyncpg.Connection, count: int, tenant: str = TENANT) -> list[Any]:
    """The signals that were taken in or refused, once there are so many of them."""
    async with asyncio.timeout(120):
        while True:
            rows = await owner.fetch(
                "select type, data from log.events where tenant = $1 and type like 'signal-%' order by seq", tenant
            )
            if len(rows) >= count:
                return [(row["type"], json.loads(row["data"])) for row in rows]
            await asyncio.sleep(0.05)


def producing(settings: Settings, **more: str) -> Producer:
    """What a partner has."""
    return Producer({"bootstrap.servers": settings.kafka, **more})


def send(producer: Producer, topic: str, identity: str, value: bytes | None, **changes: str) -> None:
    """One record in binary mode, all with one key, so that they stay in order."""
    headers = {"ce_specversion": "1.0", "ce_id": identity, "ce_source": "erp", "ce_type": "order.late"} | changes
    producer.produce(topic, value, b"order-7", headers=list(headers.items()))
    assert producer.flush(30) == 0


async def until_behind_nothing(owner: asyncpg.Connection, settings: Settings) -> None:
    """Until the stored positions are the ends of the topic."""
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": f"look.{uuid7().hex}"})
    topic = settings.topics.signals(TENANT)
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number))[1] for number in partitions}
    consumer.close()
    async with asyncio.timeout(120):
        while True:
            rows = await owner.fetch(
                "select name, seq from log.cursors where name like 'signals:' || $1 || ':%'", TENANT
            )
            if {int(row["name"].rsplit(":", 1)[1]): row["seq"] for row in rows} == ends:
                return
            await asyncio.sleep(0.05)


async def test_partners_signals_are_taken_once_and_refused_ones_come_back_with_the_reason(
    settings: Settings, database_owner: asyncpg.Connection
) -> None:
    """S-49: good, in structured mode, again, garbage, null, of another tenant by its own account, put right."""
    await turn_on(settings, TENANT, OTHER)
    topic, partner = settings.topics.signals(TENANT), producing(settings, **{"compression.type": "gzip"})
    structured = {"specversion": "1.0", "id": "2", "source": "erp", "type": "order.late", "data": {"days": 2}}
    async with working(settings):
        async with asyncio.timeout(120):
            while topic not in partner.list_topics(timeout=30).topics:  # noqa: ASYNC110 - the broker knows, nobody tells
                await asyncio.sleep(0.05)
        send(partner, topic, "1", b'{"days": 1}')
        partner.produce(
            topic, json.dumps(structured), b"order-7", headers=[("content-type", b"application/cloudevents+json")]
        )
        send(partner, topic, "1", b'{"days": 1}')
        send(partner, topic, "3", b"garbage")
        send(partner, topic, "4", None)
        send(partner, topic, "5", b'{"tenant": "othertenant"}', ce_tenantid=OTHER)
        send(partner, topic, "3", b'{"days": 3}')
        facts = await told(database_owner, 6)
        await until_behind_nothing(database_owner, settings)
        refused = await asyncio.to_thread(rejections, settings, 2)
    assert [(kind, data["external_id"], data.get("code")) for kind, data in facts] == [
        ("signal-received.v1", "1", None),
        ("signal-received.v1", "2", None),
        ("signal-refused.v1", "3", "MALFORMED"),
        ("signal-refused.v1", "4", "MALFORMED"),
        ("signal-received.v1", "5", None),
        ("signal-received.v1", "3", None),
    ]
    assert await told(database_owner, 0, OTHER) == []
    assert [(one["external_id"], one["code"]) for one in refused] == [("3", "MALFORMED"), ("4", "MALFORMED")]
    assert refused[1]["why"] == "the record has no value"


def rejections(settings: Settings, count: int) -> list[dict[str, Any]]:
    """The first so many values of the topic of refused signals, in the order they were refused in."""
    consumer = Consumer(
        {"bootstrap.servers": settings.kafka, "group.id": f"partner.{uuid7().hex}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([settings.topics.rejected(TENANT)])
    found = []
    while len(found) < count:
        found += [one for one in consumer.consume(1, timeout=30) if one.error() is None]
    consumer.close()
    found.sort(key=lambda one: int(dict(one.headers())["ce_ownseq"]))
    assert all(dict(one.headers())["ce_type"] == b"signal-refused.v1" for one in found)
    return [json.loads(one.value()) for one in found]


async def test_reading_everything_again_changes_nothing(settings: Settings, database_owner: asyncpg.Connection) -> None:
    """Promise 4: positions are lost, ids are not."""
    before = await told(database_owner, 6)
    await database_owner.execute("update log.cursors set seq = 0 where name like 'signals:%'")
    async with working(settings):
        await until_behind_nothing(database_owner, settings)
    assert await told(database_owner, 6) == before


async def test_the_broker_unpacks_signals_and_says_when_they_came(settings: Settings) -> None:
    """A small record must not become 300 MB in our memory, nor come from the year 1970."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, settings.topics.signals(TENANT))
    admin = AdminClient({"bootstrap.servers": settings.kafka})
    found = admin.describe_configs([resource])[resource].result(30)
    assert found["compression.type"].value == "uncompressed"
    assert found["message.timestamp.type"].value == "LogAppendTime"


async def test_a_worker_that_lost_its_lease_moves_no_position(
    settings: Settings, database_owner: asyncpg.Connection
) -> None:
    """The fence: whoever works on with an old epoch has written nothing."""
    name = f"signals:{TENANT}:0"
    before = await database_owner.fetchval("select seq from log.cursors where name = $1", name)
    epoch = await database_owner.fetchval("select epoch from log.leases where role = 'signals'")
    pool = await open_pool(settings.worker_url.get_secret_value(), size=1)
    log, clock = Log("alerting", pool), FixedClock(NOW)
    tools = Tools(settings, log, Runner(log, clock), Objects.at(""), clock)
    with pytest.raises(Fenced):
        await Intake(tools)._move(Lease("signals", epoch - 1), TENANT, {0: before}, {0: before + 9})
    await pool.close()
    assert await database_owner.fetchval("select seq from log.cursors where name = $1", name) == before
