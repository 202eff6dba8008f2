"""Reading topics as a partner does: with another vendor's client, knowing nothing of this code."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from uuid_utils.compat import uuid7

PATIENCE_S, POLL_S = 30.0, 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """A record with its place and its headers as text."""

    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes

    def number(self, header: str) -> int:
        """A header that holds a whole number."""
        return int(self.headers[header])


def read_topic(bootstrap: str, topic: str) -> list[Record]:
    """Everything that is on a topic now, each partition in its order."""
    settings = {"bootstrap.servers": bootstrap, "group.id": f"reader-{uuid7()}", "enable.auto.commit": False}
    consumer = Consumer(settings)
    try:
        return _read(consumer, topic)
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str) -> list[Record]:
    partitions = [
        TopicPartition(topic, one) for one in consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions
    ]
    ends = {one.partition: consumer.get_watermark_offsets(one, PATIENCE_S)[1] for one in partitions}
    consumer.assign([TopicPartition(topic, one.partition, OFFSET_BEGINNING) for one in partitions])
    found: list[Record] = []
    left = {partition for partition, end in ends.items() if end > 0}
    deadline = monotonic() + PATIENCE_S
    while left:
        assert monotonic() < deadline, f"{topic}: partitions {left} were not read to their ends"
        for message in map(_record, consumer.consume(1_000, POLL_S)):
            found.append(message)
            if message.offset + 1 >= ends[message.partition]:
                left.discard(message.partition)
    return found


def _record(message: Message) -> Record:
    assert message.error() is None, message.error()
    given: Any = message
    headers = {name: content.decode(errors="replace") for name, content in given.headers() or []}
    key = (given.key() or b"").decode(errors="replace")
    return Record(given.partition(), given.offset(), key, headers, given.value() or b"")
