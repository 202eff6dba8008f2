"""Records on a log topic that are no facts of its chain, whoever put them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from libs.events.wire import LOG_PARTITIONS

MARK = "x-stranger"
NOBODY = "00000000-0000-7000-8000-000000000000"
_GOOD: Mapping[str, bytes] = {
    "ce_id": NOBODY.encode(),
    "ce_type": b"lead-captured.v1",
    "ce_subject": b"lead-routing/lead-none",
    "ce_time": b"2026-03-04T01:00:00Z",
    "ce_recordedtime": b"2026-03-04T01:00:00Z",
    "ce_tenantid": b"nobody",
    "ce_streamversion": b"1",
    "ce_actor": b'{"kind":"system","id":"nobody"}',
    "ce_ownseq": b"999999",
    "ce_prevownseq": b"999998",
}


@dataclass(frozen=True, slots=True)
class Stranger:
    """What is wrong with it, and the record."""

    name: str
    value: bytes | None = b"{}"
    key: bytes | None = b"nobody|lead-routing/lead-none"
    headers: Sequence[tuple[str, bytes]] = ()


def _but(name: str, without: str = "", **changed: bytes) -> Stranger:
    headers = {**_GOOD, MARK: name.encode(), **changed}
    headers.pop(without, None)
    return Stranger(name, headers=tuple(headers.items()))


STRANGERS: Sequence[Stranger] = (
    Stranger("no headers"),
    Stranger("nothing in it", value=None),
    Stranger("a key that is no text", key=b"\xff\xfe\x00"),
    Stranger("half a megabyte of anything", value=bytes(range(256)) * 2048),
    _but("no id", without="ce_id"),
    _but("an id that is none", ce_id=b"17"),
    _but("no number", without="ce_ownseq"),
    _but("a number that is none", ce_ownseq=b"next"),
    _but("a number below one", ce_ownseq=b"-1"),
    _but("a number beyond all numbers", ce_ownseq=b"9" * 40),
    _but("a version below one", ce_streamversion=b"0"),
    _but("no instant", ce_time=b"yesterday"),
    _but("an instant without a zone", ce_time=b"2026-03-04T01:00:00"),
    _but("an actor that is no document", ce_actor=b"{"),
    _but("a tenant that is no text", ce_tenantid=b"\xff"),
    _but("a tenant that PostgreSQL cannot store", ce_tenantid=b"a\x00b"),
)


async def send_strangers(servers: str, topic: str) -> None:
    """Put each kind on each partition of a log topic."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        for partition in range(LOG_PARTITIONS):
            for one in STRANGERS:
                await producer.send(topic, one.value, one.key, partition, headers=list(one.headers))
        await producer.flush()
    finally:
        await producer.stop()
