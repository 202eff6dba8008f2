"""What is wrong between a service's database and the broker."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from libs.events.broker import Broker
from libs.events.clients import consuming, managing
from libs.events.connections import ACQUIRE_SECONDS
from libs.events.doctor import Check, Finding, Patient
from libs.events.topics import FOREVER, existing_topics, last_records, partitions_of
from libs.events.wire import LOG_PARTITIONS, fact_of, key_of, partition_of

REPUBLISH = "run `republish`: everything is published again under the same numbers (docs/operations.md#gap)"

MISPLACED = "another producer writes there, or the number of partitions was changed: find it, then delete the topic"


async def settings(patient: Patient) -> list[Finding]:
    """The topics exist with their number of partitions and are kept for ever."""
    existing = await existing_topics(patient.broker)
    own = patient.topics.log(patient.service)
    found = []
    for topic in [own, *(patient.topics.log(source) for source in patient.listens)]:
        if topic not in existing:
            remedy = "start its owner's worker: it makes the topic and publishes everything again"
            found.append(Finding("topics", f"{topic} does not exist", remedy))
    if own not in existing:
        return found
    for name, value in (await _configured(patient.broker, own)).items():
        if FOREVER.get(name, value) != value:
            remedy = f"kafka-configs.sh --alter --topic {own} --add-config {name}={FOREVER[name]}"
            found.append(Finding("topics", f"{own} has {name}={value}: facts will be lost", remedy))
    return found


async def last_published(patient: Patient) -> list[Finding]:
    """The last record of each partition is a fact of this log and where its key belongs; nothing was lost behind it."""
    topic = patient.topics.log(patient.service)
    if topic not in await existing_topics(patient.broker):
        return []
    last = await last_records(patient.broker, topic, fact_of)
    async with patient.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
        head = await connection.fetchval("select own_seq from log.head()")
        relayed = await connection.fetchval("select seq from log.cursors where name = 'relay'") or 0
        rows = await connection.fetch("select partition, own_seq from log.published where topic = $1", topic)
        ids = await connection.fetch(
            "select own_seq, event_id from log.events where own_seq = any($1::bigint[])",
            [one.own_seq for one in last.values()],
        )
    known = {row["own_seq"]: str(row["event_id"]) for row in ids}
    found = []
    for partition, one in sorted(last.items()):
        if one.own_seq > head:
            what = f"{topic}/{partition} goes on to {one.own_seq}, this log to {head}"
            found.append(Finding("broker", what, "restore (docs/operations.md#restoring)"))
        elif known.get(one.own_seq) != one.fact["event_id"]:
            what = f"{topic}/{partition}: number {one.own_seq} is another fact than in this log"
            found.append(Finding("broker", what, "see docs/operations.md#forked"))
        elif partition_of(key_of(one.fact["tenant"], one.fact["stream"])) != partition:
            what = f"{topic}/{partition}: the stream {one.fact['stream']} does not belong on this partition"
            found.append(Finding("broker", what, "was the topic's number of partitions changed? It must never be"))
    for row in rows:
        if row["own_seq"] > (last[row["partition"]].own_seq if row["partition"] in last else 0):
            what = f"{topic}/{row['partition']} ends before number {row['own_seq']}, which was published"
            found.append(Finding("broker", what, "restart the worker: it compares them and publishes again"))
    if head > relayed:
        found.append(Finding("relay", f"{head - relayed} facts are not published yet", "see docs/operations.md#lag"))
    return found


async def whole_topic(patient: Patient) -> list[Finding]:
    """Every record of the own topic is where its key belongs, and its chain has no hole."""
    topic = patient.topics.log(patient.service)
    if topic not in await existing_topics(patient.broker):
        return []
    async with consuming(patient.broker, auto_offset_reset="earliest") as consumer:
        tps = [TopicPartition(topic, partition) for partition in await partitions_of(consumer, topic)]
        if len(tps) != LOG_PARTITIONS:
            what = f"{topic} has {len(tps)} partitions, not {LOG_PARTITIONS}"
            return [Finding("topics", what, "a partition count is for ever: delete the topic and restart the worker")]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        places = await consumer.beginning_offsets(tps)
        for tp in tps:
            consumer.seek(tp, places[tp])
        last, misplaced, holes = dict.fromkeys(tps, 0), dict.fromkeys(tps, 0), dict.fromkeys(tps, 0)
        while any(places[tp] < ends[tp] for tp in tps):
            for tp, messages in (await consumer.getmany(timeout_ms=500)).items():
                places[tp] = messages[-1].offset + 1
                for received in map(fact_of, messages):
                    if received is None:
                        continue
                    key = key_of(received.fact["tenant"], received.fact["stream"])
                    misplaced[tp] += partition_of(key) != tp.partition
                    if received.previous > last[tp]:
                        holes[tp] = holes[tp] or last[tp] + 1
                    elif received.own_seq > last[tp]:
                        last[tp], holes[tp] = received.own_seq, 0
    found = [
        Finding("broker", f"{topic}/{tp.partition} has a hole: facts after number {number - 1} are missing", REPUBLISH)
        for tp, number in holes.items()
        if number
    ]
    return found + [
        Finding("broker", f"{topic}/{tp.partition} has {number} records of streams that do not belong there", MISPLACED)
        for tp, number in misplaced.items()
        if number
    ]


async def _configured(broker: Broker, topic: str) -> Mapping[str, str]:
    async with managing(broker) as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]}


QUICK: tuple[Check, ...] = (settings, last_published)
THOROUGH: tuple[Check, ...] = (whole_topic,)
