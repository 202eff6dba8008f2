"""Reading a log topic from its beginning to its present end, in the order of `own_seq` across its partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from libs.events.broker import Broker
from libs.events.clients import consuming
from libs.events.topics import partitions_of
from libs.events.wire import Received, fact_of

RECORDS = 2_000
MOST_WAITING = 20_000
"""Records of one partition that wait for those of another before that partition is paused."""


class Hole(Exception):
    """The topic lacks a fact that others follow. `number` is the first own_seq that is missing."""

    def __init__(self, topic: str, number: int) -> None:
        super().__init__(f"{topic} has no fact with own_seq {number}, but facts that follow it")
        self.number = number


@dataclass(slots=True)
class Chain:
    """One partition: what continues the chain is taken, what is known or lies behind a hole is left.

    `last` begins with the last number that is known already. Copies that were published again fill a hole later.
    """

    last: int
    behind_a_hole: int = 0
    waiting: deque[Received] = field(default_factory=deque)

    def take(self, received: Received) -> None:
        """Take a record, or leave it."""
        if received.own_seq <= self.last:
            return
        if received.previous > self.last:
            self.behind_a_hole = max(self.behind_a_hole, received.own_seq)
            return
        self.last = received.own_seq
        self.waiting.append(received)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one round brought: ids of facts that are known already, the next facts in order; records read of `total`."""

    known: Mapping[int, str]
    facts: Sequence[Received]
    done: int
    total: int


async def in_order(broker: Broker, topic: str, after: int) -> AsyncIterator[Reading]:
    """Everything the topic has by now; facts after `after` come gapless and in order. Raises Hole at the end."""
    async with consuming(broker, auto_offset_reset="earliest") as consumer:
        tps = [TopicPartition(topic, partition) for partition in sorted(await partitions_of(consumer, topic))]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        starts = await consumer.beginning_offsets(tps)
        places = dict(starts)
        for tp in tps:
            consumer.seek(tp, starts[tp])
        chains = {tp: Chain(after) for tp in tps}
        total = sum(ends[tp] - starts[tp] for tp in tps)
        position = after
        while any(places[tp] < ends[tp] for tp in tps):
            known: dict[int, str] = {}
            for tp, messages in (await consumer.getmany(timeout_ms=500, max_records=RECORDS)).items():
                known |= _take(chains[tp], [message for message in messages if message.offset < ends[tp]], after)
                places[tp] = messages[-1].offset + 1
            facts = _next(chains, position)
            position += len(facts)
            _keep_pace(consumer, chains, ends, places)
            yield Reading(known, facts, sum(min(places[tp], ends[tp]) - starts[tp] for tp in tps), total)
        if any(chain.waiting or chain.behind_a_hole > chain.last for chain in chains.values()):
            raise Hole(topic, position + 1)


def _take(chain: Chain, messages: Sequence[Any], after: int) -> dict[int, str]:
    """Put the records of one partition on its chain; the ids of those that are known already."""
    known: dict[int, str] = {}
    for message in messages:
        received = fact_of(message)
        if received is None:
            continue
        if received.own_seq <= after:
            known[received.own_seq] = received.fact["event_id"]
        chain.take(received)
    return known


def _next(chains: Mapping[TopicPartition, Chain], position: int) -> list[Received]:
    """The facts that follow `position` without a gap, taken off the chains."""
    first = {chain.waiting[0].own_seq: chain for chain in chains.values() if chain.waiting}
    facts: list[Received] = []
    while chain := first.pop(position + 1, None):
        facts.append(chain.waiting.popleft())
        position += 1
        if chain.waiting:
            first[chain.waiting[0].own_seq] = chain
    return facts


def _keep_pace(
    consumer: AIOKafkaConsumer,
    chains: Mapping[TopicPartition, Chain],
    ends: Mapping[TopicPartition, int],
    places: Mapping[TopicPartition, int],
) -> None:
    """Pause partitions that are read, or far ahead of the others; memory stays bounded whatever the topic's size."""
    for tp, chain in chains.items():
        if places[tp] >= ends[tp] or len(chain.waiting) > MOST_WAITING:
            consumer.pause(tp)
        elif tp in consumer.paused():
            consumer.resume(tp)
