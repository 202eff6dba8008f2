"""Relay and ingest against a plain producer and consumer with the same bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from uuid_utils.compat import uuid7

from bench.frame import Figure, Ground, against, alternately
from bench.history import fill
from dev.provision import Database
from libs.events.broker import Broker
from libs.events.clients import producing
from libs.events.connections import open_pool
from libs.events.ingest import Ingest
from libs.events.leases import Lease
from libs.events.publishing import Publisher
from libs.events.relay import OwnFacts
from libs.events.topics import ensure_topics, partitions_of
from libs.events.waking import Wake
from libs.events.wire import LOG_PARTITIONS, Topics, key_of, partition_of, record

AT_ONCE = 2_000


async def figures(ground: Ground) -> list[Figure]:
    """Facts a second, there and back."""
    database, count = ground.database("lead-routing"), ground.scale.facts
    await fill(database, count)
    pool = await open_pool(database.worker_url, size=4, keep_state=True)
    try:
        async with pool.acquire() as connection:
            rows = await OwnFacts("lead-routing", "").rows(connection, 0)
        relayed, sent = await alternately(
            ground.scale.repeats, lambda: _relay(ground, pool, count), lambda: _produce(ground, rows, count)
        )
        topics = await _published(ground, pool, count)
        taken, copied = await alternately(
            ground.scale.repeats, lambda: _ingest(ground, topics, count), lambda: _consume(ground, topics, count)
        )
    finally:
        await pool.close()
    return [
        against("relay, of aiokafka send_batch with the same bytes", relayed, sent, "facts/s", 0.5),
        against("ingest, of aiokafka consuming plus COPY", taken, copied, "facts/s", 0.3),
    ]


async def _lease(pool: asyncpg.Pool, role: str) -> Lease:
    rows = await pool.fetch("select epoch from log.hold('bench', array[$1], '1 hour')", role)
    return Lease(role, rows[0]["epoch"])


async def _publish(ground: Ground, pool: asyncpg.Pool, topics: Topics, count: int) -> float:
    topic = topics.log("lead-routing")
    await ensure_topics(Broker(ground.kafka), {topic: LOG_PARTITIONS})
    await pool.execute("delete from log.cursors where name = 'relay'")
    lease = await _lease(pool, "relay")
    publisher = Publisher(OwnFacts("lead-routing", topic), pool, Broker(ground.kafka), topics.schemas)
    async with producing(Broker(ground.kafka), "zstd") as producer:
        await publisher.compare(lease)
        begun = time.perf_counter()
        while publisher.position.cursor < count:
            await publisher.publish(lease, producer)
        return count / (time.perf_counter() - begun)


async def _relay(ground: Ground, pool: asyncpg.Pool, count: int) -> float:
    return await _publish(ground, pool, Topics(f"bench-{uuid7().hex[-8:]}."), count)


async def _published(ground: Ground, pool: asyncpg.Pool, count: int) -> Topics:
    topics = Topics(f"bench-{uuid7().hex[-8:]}.")
    await _publish(ground, pool, topics, count)
    return topics


async def _produce(ground: Ground, rows: Sequence[tuple[int, Any]], count: int) -> float:
    """The records of 2,000 facts, made before, in batches a partition, as often as needed."""
    topic = f"bench-raw-{uuid7().hex[-8:]}"
    await ensure_topics(Broker(ground.kafka), {topic: LOG_PARTITIONS})
    ready: dict[int, list[tuple[bytes, bytes, Any]]] = {}
    for number, row in rows:
        key = key_of(row["tenant"], row["stream"])
        value, headers = record(row, "lead-routing", number, number - 1)
        ready.setdefault(partition_of(key), []).append((key, value, headers))
    async with producing(Broker(ground.kafka), "zstd") as producer:
        begun = time.perf_counter()
        for _ in range(-(-count // len(rows))):
            futures = []
            for partition, records in ready.items():
                builder = producer.create_batch()
                for key, value, headers in records:
                    if builder.append(key=key, value=value, timestamp=None, headers=headers) is None:
                        futures.append(await producer.send_batch(builder, topic, partition=partition))
                        builder = producer.create_batch()
                        builder.append(key=key, value=value, timestamp=None, headers=headers)
                futures.append(await producer.send_batch(builder, topic, partition=partition))
            await asyncio.gather(*futures)
        return -(-count // len(rows)) * len(rows) / (time.perf_counter() - begun)


async def _ingest(ground: Ground, topics: Topics, count: int) -> float:
    database: Database = ground.database("kpi")
    pool = await open_pool(database.worker_url, size=4, keep_state=True)
    lease = await _lease(pool, "ingest")
    reading = Ingest("kpi", ("lead-routing",), pool, Wake(), Broker(ground.kafka), topics)
    task = asyncio.create_task(reading.run(lease))
    try:
        begun = time.perf_counter()
        while await pool.fetchval("select seq from log.head()") < count:
            await asyncio.sleep(0.02)
        return count / (time.perf_counter() - begun)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pool.close()


async def _consume(ground: Ground, topics: Topics, count: int) -> float:
    """Read the same topic and COPY what it holds into a table without a key."""
    database: Database = ground.database("kpi")
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("create table raw (partition int, number bigint, key bytea, value bytea, headers text)")
    topic = topics.log("lead-routing")
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        begun, found = time.perf_counter(), 0
        tps = [TopicPartition(topic, partition) for partition in await partitions_of(consumer, topic)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        while found < count:
            for tp, messages in (await consumer.getmany(timeout_ms=200, max_records=AT_ONCE)).items():
                rows = [(tp.partition, one.offset, one.key, one.value, str(one.headers)) for one in messages]
                await connection.copy_records_to_table("raw", records=rows)
                found += len(rows)
        return found / (time.perf_counter() - begun)
    finally:
        await consumer.stop()
        await connection.close()
