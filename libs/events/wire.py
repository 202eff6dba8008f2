"""Facts on Kafka: topic names, keys and partitions, and the envelope as CloudEvents headers in binary mode."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from aiokafka.partitioner import murmur2

from libs.events.envelope import ENVELOPE

LOG_PARTITIONS = 12
SCHEMAS_URL = "http://localhost:8001/schemas/"
"""Where lead-routing answers with schemas on a laptop."""
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one cell: `prefix` sets cells apart on one broker, `schemas` is the URL that schemas are below."""

    prefix: str = ""
    schemas: str = SCHEMAS_URL

    def log(self, service: str) -> str:
        """All facts of a service, for the other four."""
        return f"{self.prefix}{service}.log.v1"

    def watermarks(self, service: str) -> str:
        """How far a service's facts are complete."""
        return f"{self.prefix}{service}.watermarks.v1"

    def feed(self, tenant: str, service: str) -> str:
        """The facts of a service that a tenant's partners may read."""
        return f"{self.prefix}partner.{tenant}.{service}.v1"

    def signals(self, tenant: str) -> str:
        """What a tenant's partners tell us."""
        return f"{self.prefix}partner.{tenant}.signals.v1"

    def rejected(self, tenant: str) -> str:
        """The signals that were refused, and why."""
        return f"{self.prefix}partner.{tenant}.rejected.v1"


def key_of(tenant: str, stream: str) -> bytes:
    """The record key of a stream; all its facts are on one partition."""
    return f"{tenant}|{stream}".encode()


@lru_cache(maxsize=50_000)
def partition_of(key: bytes, partitions: int = LOG_PARTITIONS) -> int:
    """Murmur2, as Java's and aiokafka's default partitioner. Part of the contract: a partition count never changes.

    Facts of a stream follow each other closely, and the hash is made in Python: it is kept for a while.
    """
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


_META_HEADERS = {
    header.field.removeprefix("meta."): header.name
    for header in ENVELOPE
    if header.field.startswith("meta.") and header.form != "json"
}


def record(
    row: Mapping[str, Any], service: str, position: int, previous: int, schemas: str = SCHEMAS_URL
) -> tuple[bytes, Headers]:
    """The value and headers of a stored fact (`data` as JSON text); `position`, `previous`: its place in the chain."""
    meta: Mapping[str, Any] = row["meta"]
    headers: Headers = [
        *_of_type(row["type"], service, schemas),
        ("ce_id", str(row["event_id"]).encode()),
        ("ce_subject", row["stream"].encode()),
        ("ce_time", _written(row["occurred_at"])),
        ("ce_tenantid", row["tenant"].encode()),
        ("ce_streamversion", b"%d" % row["version"]),
        ("ce_recordedtime", _written(row["recorded_at"])),
        ("ce_actor", orjson.dumps(meta["actor"])),
        ("ce_ownseq", b"%d" % position),
        ("ce_prevownseq", b"%d" % previous),
    ]
    headers += [(_META_HEADERS[name], str(value).encode()) for name, value in meta.items() if name in _META_HEADERS]
    if meta.get("rule_refs"):
        headers.append(("ce_rulerefs", orjson.dumps(meta["rule_refs"])))
    return row["data"].encode(), headers


@lru_cache(maxsize=1_000)
def _of_type(wire: str, service: str, schemas: str) -> Headers:
    """The headers that all facts of a type share."""
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_type", wire.encode()),
        ("ce_source", f"/{service}".encode()),
        ("ce_dataschema", f"{schemas}{wire}.json".encode()),
    ]


def _written(instant: datetime) -> bytes:
    """An instant of UTC as RFC 3339 writes it, with Z."""
    return orjson.dumps(instant, option=orjson.OPT_UTC_Z)[1:-1]


@dataclass(frozen=True, slots=True)
class Received:
    """A record of a log topic: the fact as `log.ingest` takes it, and its place in the chain of its partition."""

    own_seq: int
    previous: int
    fact: Mapping[str, Any]


def fact_of(message: Any) -> Received | None:
    """`read_record` of a record as a consumer gets it."""
    return read_record(message.value, message.headers)


def read_record(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Received | None:
    """A record as a fact of the chain; None for one that is no part of it (its envelope cannot be read or stored)."""
    found = dict(headers)
    try:
        meta: dict[str, Any] = {name: _text(found[header]) for name, header in _META_HEADERS.items() if header in found}
        meta["actor"] = orjson.loads(_text(found["ce_actor"]))
        meta["rule_refs"] = orjson.loads(_text(found.get("ce_rulerefs", b"[]")))
        fact = {
            "tenant": _text(found["ce_tenantid"]),
            "stream": _text(found["ce_subject"]),
            "version": _number(found["ce_streamversion"]),
            "event_id": str(UUID(found["ce_id"].decode())),
            "type": _text(found["ce_type"]),
            "data": _payload(value),
            "meta": meta,
            "occurred_at": _instant(found["ce_time"]),
            "recorded_at": _instant(found["ce_recordedtime"]),
        }
        return Received(_number(found["ce_ownseq"]), _number(found["ce_prevownseq"], least=0), fact)
    except (KeyError, ValueError):
        return None


def _text(value: bytes) -> str:
    if b"\0" in value:
        raise ValueError("PostgreSQL has no NUL")
    return value.decode()


def _number(value: bytes, least: int = 1) -> int:
    number = int(value)
    if not least <= number < 2**63:
        raise ValueError(f"{number}: from {least} to 2^63")
    return number


def _instant(value: bytes) -> str:
    instant = datetime.fromisoformat(value.decode())
    if instant.tzinfo is None:
        raise ValueError(f"{instant} is of no zone")
    return instant.isoformat()


def _payload(value: bytes | None) -> Any:
    """The JSON of a record; what Postgres could not store as JSON is kept raw, for consumers to park."""
    try:
        payload = orjson.loads(value or b"")
    except ValueError:
        payload = None
    if not isinstance(payload, dict) or b"\\u0000" in (value or b""):
        return {"$raw": base64.b64encode(value or b"").decode()}
    return payload
