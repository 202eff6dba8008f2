"""Topics on the broker: made where they are missing, and their last records."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from libs.events.broker import Broker

FOREVER = {"retention.ms": "-1", "cleanup.policy": "delete"}
A_DAY = {"retention.ms": "86400000", "cleanup.policy": "delete"}
FROM_PARTNERS = {
    "retention.ms": "604800000",
    "cleanup.policy": "delete",
    "compression.type": "uncompressed",
    "message.timestamp.type": "LogAppendTime",
}
"""A week; the broker unpacks what partners packed, within its own size limit, and says itself when a record came."""
READ_SECONDS = 20.0


async def ensure_topics(
    broker: Broker, logs: Mapping[str, int], watermarks: Collection[str] = (), *, settings: Mapping[str, str] = FOREVER
) -> None:
    """Create what is missing: `logs` by name and partition count, kept for ever; `watermarks` kept a day."""
    admin = AIOKafkaAdminClient(**broker.options(), request_timeout_ms=10_000)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        replicas = min(3, len((await admin.describe_cluster())["brokers"]))
        missing = [
            NewTopic(name, partitions, replicas, topic_configs=dict(settings))
            for name, partitions in logs.items()
            if name not in existing
        ]
        missing += [
            NewTopic(name, 1, replicas, topic_configs=dict(A_DAY)) for name in watermarks if name not in existing
        ]
        if missing:
            answer = await admin.create_topics(missing)
            for _, code, *message in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise for_code(code)(*message)
    finally:
        await admin.close()


async def existing_topics(broker: Broker) -> set[str]:
    """The names of all topics."""
    admin = AIOKafkaAdminClient(**broker.options(), request_timeout_ms=10_000)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def last_records(broker: Broker, topic: str) -> dict[int, Any]:
    """The last record of each partition that has one."""
    consumer = AIOKafkaConsumer(
        **broker.options(), enable_auto_commit=False, auto_offset_reset="earliest", request_timeout_ms=10_000
    )
    await consumer.start()
    try:
        async with asyncio.timeout(READ_SECONDS):
            partitions = sorted(await partitions_of(consumer, topic))
            consumer.assign([TopicPartition(topic, partition) for partition in partitions])
            ends = await consumer.end_offsets(consumer.assignment())
            starts = await consumer.beginning_offsets(consumer.assignment())
            wanted = {tp for tp in consumer.assignment() if ends[tp] > starts[tp]}
            for tp in consumer.assignment():
                consumer.seek(tp, ends[tp] - 1 if tp in wanted else ends[tp])
            found: dict[int, Any] = {}
            while len(found) < len(wanted):
                for tp, messages in (await consumer.getmany(timeout_ms=500)).items():
                    found[tp.partition] = messages[-1]
            return found
    finally:
        await consumer.stop()


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """The partitions of a topic, asked until the broker's metadata has it."""
    while True:
        await consumer._client.force_metadata_update()  # noqa: SLF001 - there is no public way to ask again
        partitions = consumer._client.cluster.partitions_for_topic(topic)  # noqa: SLF001
        if partitions:
            return set(partitions)
        await consumer._client.add_topic(topic)  # noqa: SLF001
        await asyncio.sleep(0.05)
