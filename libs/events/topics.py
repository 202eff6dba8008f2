"""Topics on the broker: made where they are missing, and their last records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from libs.events.broker import Broker
from libs.events.clients import consuming, managing

T = TypeVar("T")

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
    async with managing(broker) as admin:
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


async def existing_topics(broker: Broker) -> set[str]:
    """The names of all topics."""
    async with managing(broker) as admin:
        return set(await admin.list_topics())


async def last_records(broker: Broker, topic: str, read: Callable[[Any], T | None]) -> dict[int, T]:
    """By partition, the last record that `read` makes something of; those after it are passed over."""
    async with consuming(broker, auto_offset_reset="earliest") as consumer, asyncio.timeout(READ_SECONDS):
        partitions = sorted(await partitions_of(consumer, topic))
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        ends = await consumer.end_offsets(consumer.assignment())
        starts = await consumer.beginning_offsets(consumer.assignment())
        found: dict[int, T] = {}
        back = 1
        while wanted := {tp for tp in ends if tp.partition not in found and ends[tp] > starts[tp]}:
            begins = {tp: max(starts[tp], ends[tp] - back) for tp in wanted}
            found |= await _last_between(consumer, begins, {tp: ends[tp] for tp in wanted}, read)
            ends |= begins
            back *= 16
        return found


async def _last_between(
    consumer: AIOKafkaConsumer,
    begins: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    read: Callable[[Any], T | None],
) -> dict[int, T]:
    """The last from `begins` up to `ends`, by partition."""
    found: dict[int, T] = {}
    for tp, offset in begins.items():
        consumer.seek(tp, offset)
    waiting = set(begins)
    while waiting:
        for tp, messages in (await consumer.getmany(*waiting, timeout_ms=500)).items():
            for message in messages:
                made = read(message) if message.offset < ends[tp] else None
                if made is not None:
                    found[tp.partition] = made
            if messages[-1].offset >= ends[tp] - 1:
                waiting.discard(tp)
    return found


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """The partitions of a topic, asked until the broker's metadata has it. Raises TimeoutError."""
    async with asyncio.timeout(READ_SECONDS):
        while True:
            await consumer._client.force_metadata_update()  # noqa: SLF001 - there is no public way to ask again
            partitions = consumer._client.cluster.partitions_for_topic(topic)  # noqa: SLF001
            if partitions:
                return set(partitions)
            await consumer._client.add_topic(topic)  # noqa: SLF001
            await asyncio.sleep(0.05)
