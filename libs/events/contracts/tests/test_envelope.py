"""Facts on Kafka, read by others: the CloudEvents SDK, a plain consumer, and the code of the partners' page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer, Producer

from libs.events.broker import Broker
from libs.events.contracts.documents.files import FOLDER, envelope_page
from libs.events.envelope import ENVELOPE
from libs.events.facts import Meta
from libs.events.topics import ensure_topics
from libs.events.wire import key_of, partition_of, read_record, record

PARTITIONS = 3
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
FULL = {
    "actor": {"kind": "user", "id": "rep-李", "on_behalf_of": "rep-王", "device": "手机"},
    "channel": "mobile",
    "command_id": str(UUID(int=1)),
    "causation_id": str(UUID(int=2)),
    "correlation_id": str(UUID(int=3)),
    "rule_refs": [{"rule_id": "claims", "version": 4}],
    "calendar_version": "cn-2026",
    "reason": '客户要求 100% "今天" 回复',
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


def row(version: int = 7, lead: str = "1", meta: dict[str, Any] | None = None) -> dict[str, Any]:
    """A fact as the log holds it."""
    data = {"lead_id": lead, "pool_id": "pool-east", "cause": "超时", "pooled_at": "2026-03-02T04:00:00Z"}
    return {
        "tenant": "demotenant",
        "stream": f"lead-routing/lead-{lead}",
        "version": version,
        "event_id": UUID(int=version),
        "type": "lead-pooled.v1",
        "data": orjson.dumps(data).decode(),
        "meta": FULL if meta is None else meta,
        "occurred_at": NOON,
        "recorded_at": NOON + timedelta(seconds=1.5),
    }


def test_a_record_has_the_headers_of_the_table_and_no_others() -> None:
    """8-1: one table, in code and in docs/events/envelope.md."""
    _, full = record(row(), "lead-routing", 12, 9)
    _, scarce = record(row(meta={"actor": {"id": "x"}}), "lead-routing", 12, 9)
    assert {name for name, _ in full} == {header.name for header in ENVELOPE}
    assert {name for name, _ in scarce} == {header.name for header in ENVELOPE if header.always}
    assert all(f"`{header.name}`" in envelope_page() for header in ENVELOPE)


def test_the_table_names_every_member_of_the_envelope() -> None:
    named = {header.field.removeprefix("meta.") for header in ENVELOPE if header.field.startswith("meta.")}
    assert named == set(Meta.model_fields)


def test_the_cloudevents_sdk_reads_a_record_as_what_was_meant() -> None:
    """8-1"""
    fact = row()
    value, headers = record(fact, "lead-routing", 12, 9, "https://api.example.com/schemas/")
    event = from_binary_event(KafkaMessage(dict(headers), key_of(fact["tenant"], fact["stream"]), value))
    assert isinstance(event, CloudEvent)
    assert event.get_specversion() == "1.0"
    assert event.get_id() == str(fact["event_id"])
    assert event.get_type() == "lead-pooled.v1"
    assert event.get_source() == "/lead-routing"
    assert event.get_subject() == "lead-routing/lead-1"
    assert event.get_time() == NOON
    assert event.get_datacontenttype() == "application/json"
    assert event.get_dataschema() == "https://api.example.com/schemas/lead-pooled.v1.json"
    assert event.get_data() == orjson.loads(fact["data"])
    extensions = {name: event.get_extension(name) for name in ("tenantid", "streamversion", "ownseq", "prevownseq")}
    assert extensions == {"tenantid": "demotenant", "streamversion": "7", "ownseq": "12", "prevownseq": "9"}
    assert event.get_extension("partitionkey") == "demotenant|lead-routing/lead-1"
    assert event.get_extension("reason") == FULL["reason"]
    assert orjson.loads(event.get_extension("actor")) == FULL["actor"]
    assert orjson.loads(event.get_extension("rulerefs")) == FULL["rule_refs"]


def test_a_record_is_read_back_as_the_fact_it_was_made_from() -> None:
    """8-1: what one service writes is what another one stores."""
    fact = row()
    received = read_record(*record(fact, "lead-routing", 12, 9))
    assert received is not None
    assert (received.own_seq, received.previous) == (12, 9)
    assert received.fact["meta"] == FULL
    assert received.fact["data"] == orjson.loads(fact["data"])
    assert {name: received.fact[name] for name in ("tenant", "stream", "version", "type")} == {
        name: fact[name] for name in ("tenant", "stream", "version", "type")
    }
    assert datetime.fromisoformat(received.fact["recorded_at"]) == fact["recorded_at"]


@pytest.fixture(scope="module")
async def published(servers: Any, topic_prefix: str) -> str:
    """A topic with thirty facts of ten streams as the relay writes them; the fifth of a partition comes twice."""
    topic = f"{topic_prefix}partner.demotenant.lead-routing.v1"
    await ensure_topics(Broker(servers.kafka), {topic: PARTITIONS})
    last = dict.fromkeys(range(PARTITIONS), 0)
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka, acks="all", compression_type="zstd")
    await producer.start()
    try:
        for number in range(1, 31):
            fact = row(version=number, lead=str(number % 10))
            key = key_of(fact["tenant"], fact["stream"])
            partition = partition_of(key, PARTITIONS)
            value, headers = record(fact, "lead-routing", number, last[partition])
            for _ in range(2 if number == 5 else 1):
                await producer.send_and_wait(topic, value, key, partition, headers=headers)
            last[partition] = number
    finally:
        await producer.stop()
    return topic


def settings(servers: Any, group: str) -> dict[str, Any]:
    """Of a plain consumer."""
    return {"bootstrap.servers": servers.kafka, "group.id": group, "auto.offset.reset": "earliest"}


def test_a_plain_consumer_reads_cloudevents_in_the_order_of_their_streams(servers: Any, published: str) -> None:
    """8-1, promise 3"""
    consumer = Consumer(settings(servers, published))
    consumer.subscribe([published])
    found: list[Any] = []
    while len(found) < 31:
        found += consumer.consume(31, timeout=30)
    consumer.close()
    assert all(one.error() is None for one in found)
    streams: dict[str, list[int]] = {}
    for one in found:
        event = from_binary_event(KafkaMessage(dict(one.headers()), one.key(), one.value()))
        assert event.get_extension("partitionkey") == f"demotenant|{event.get_subject()}"
        assert one.partition() == partition_of(one.key(), PARTITIONS)
        streams.setdefault(str(event.get_subject()), []).append(int(event.get_extension("streamversion")))
    assert len(streams) == 10
    assert all(versions == sorted(versions) for versions in streams.values())


def partners_code() -> Any:
    """`facts` as the partners' page has it."""
    page = (FOLDER / "README.md").read_text()
    names: dict[str, Any] = {}
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    exec(compile(code[1], "README.md", "exec"), names)
    return names["facts"]


def test_the_code_of_the_partners_page_takes_each_fact_once_and_goes_on_where_it_was(
    servers: Any, published: str
) -> None:
    """8-1, promise 4"""
    last: dict[int, int] = {}
    reading: Iterator[Any] = partners_code()(settings(servers, f"{published}.first"), published, last)
    seen = [next(reading)[0]["ce_id"] for _ in range(20)]
    reading.close()  # type: ignore[attr-defined] - a generator; the last fact it gave is not applied
    again: Iterator[Any] = partners_code()(settings(servers, f"{published}.second"), published, last)
    seen = seen[:-1] + [next(again)[0]["ce_id"] for _ in range(11)]
    again.close()  # type: ignore[attr-defined]
    assert sorted(seen) == sorted(str(UUID(int=number)) for number in range(1, 31))


def test_the_code_of_the_partners_page_notices_a_loss(servers: Any, published: str) -> None:
    """Promise 3: loss on the way is detected."""
    behind = dict.fromkeys(range(PARTITIONS), -1)
    with pytest.raises(LookupError, match="was the last"):
        next(partners_code()(settings(servers, f"{published}.third"), published, behind))


async def test_librdkafka_puts_a_key_where_the_page_says(servers: Any, topic_prefix: str) -> None:
    """The partitioner is part of the contract."""
    topic, where = f"{topic_prefix}partner.demotenant.signals.v1", dict[bytes, int]()
    await ensure_topics(Broker(servers.kafka), {topic: PARTITIONS})
    producer = Producer({"bootstrap.servers": servers.kafka, "partitioner": "murmur2_random"})

    def note(error: Any, message: Any) -> None:
        assert error is None
        where[message.key()] = message.partition()

    for number in range(40):
        producer.produce(topic, b"{}", key_of("demotenant", f"pipeline/opportunity-{number}"), on_delivery=note)
    assert producer.flush(30) == 0
    assert where == {key: partition_of(key, PARTITIONS) for key in where}
    assert len(where) == 40
