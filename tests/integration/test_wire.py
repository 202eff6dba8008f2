"""What partners and data engineers read from the topics, with another vendor's client and the committed schemas."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from dev.clients import Clients
from dev.places import ROOT
from dev.ports import SERVICES
from dev.processes import until
from dev.stack import Stack, run_line
from dev.timeline import Timeline
from tests.integration.organisations import CONNECTOR, WANG, build_organisation, lead
from tests.integration.topics import Record, read_topic

SCHEMAS = ROOT / "docs" / "events" / "schemas"
PERSONAL = ("王芳", "13900000001")
ATTRIBUTES = {"specversion", "id", "type", "source", "subject", "time", "dataschema", "tenantid", "streamversion"}


@cache
def schema(wire: str) -> jsonschema.Draft202012Validator:
    """The committed schema of a type."""
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{wire}.json").read_text()))


def _worked_on(clients: Clients, name: str) -> str:
    """A lead that came in, was called and became an opportunity."""
    lead_id = str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead(name))["id"])
    clients.post("owner-he", "lead-routing", f"/v1/leads/{lead_id}/assign", {"rep_id": WANG, "reason": "老客户"})
    act = {"kind": "call", "direction": "out", "duration_s": 90, "text": "客户确认三月底前需要报价"}
    clients.post(WANG, "lead-routing", f"/v1/leads/{lead_id}/activities", act)
    clients.post(WANG, "lead-routing", f"/v1/leads/{lead_id}/convert", {"amount": "300000", "currency": "CNY"})
    return lead_id


def test_every_record_is_an_event_of_its_schema_and_the_chain_has_no_hole(
    clients: Clients, product: Stack, timeline: Timeline
) -> None:
    """Promises 2 and 3"""
    build_organisation(clients)
    _worked_on(clients, "badge-1")
    timeline.drain()
    for service in SERVICES:
        records = read_topic(product.kafka, f"{product.prefix}{service}.log.v1")
        for record in records:
            _is_an_event(record, service)
        _is_a_whole_chain(records)
        _keeps_the_order_of_streams(records)
        if service in {"lead-routing", "pipeline"}:
            assert clients.tenant in {record.headers["ce_tenantid"] for record in records}


def _is_an_event(record: Record, service: str) -> None:
    headers = record.headers
    assert {f"ce_{name}" for name in ATTRIBUTES} <= headers.keys()
    assert (headers["ce_specversion"], headers["content-type"]) == ("1.0", "application/json")
    assert headers["ce_source"] == f"/{service}"
    assert headers["ce_dataschema"].endswith(f"/{headers['ce_type']}.json")
    assert record.key == f"{headers['ce_tenantid']}|{headers['ce_subject']}"
    schema(headers["ce_type"]).validate(json.loads(record.value))


def _is_a_whole_chain(records: list[Record]) -> None:
    """Each record names the number of the one before it in its partition; together they are 1, 2, 3, …"""
    last: dict[int, int] = defaultdict(int)
    for record in records:
        assert record.number("ce_prevownseq") == last[record.partition]
        last[record.partition] = record.number("ce_ownseq")
    assert sorted(record.number("ce_ownseq") for record in records) == list(range(1, len(records) + 1))


def _keeps_the_order_of_streams(records: list[Record]) -> None:
    versions: dict[str, int] = defaultdict(int)
    for record in records:
        versions[record.key] += 1
        assert record.number("ce_streamversion") == versions[record.key]


@pytest.fixture
def partners(product: Stack) -> Any:
    """Two tenants with an organisation each."""
    with Clients(product) as one, Clients(product) as other:
        build_organisation(one)
        build_organisation(other)
        yield one, other


def test_a_feed_has_a_tenants_facts_for_partners_and_nothing_else(
    partners: tuple[Clients, Clients], product: Stack, timeline: Timeline
) -> None:
    """Promise 9"""
    one, other = partners
    for clients in partners:
        _worked_on(clients, "badge-1")
    member = product.members["lead-routing"]
    said = run_line(member, "tenants", "feed", "on", one.tenant)
    assert f"--topic {product.prefix}partner.{one.tenant}." in said
    timeline.drain()
    wanted = _for_partners(product, one.tenant)
    assert {"lead-captured.v1", "lead-converted.v1"} <= {record.headers["ce_type"] for record in wanted.values()}
    _until_published(product, one.tenant, len(wanted))
    feed = read_topic(product.kafka, _feed(product, one.tenant))
    assert {record.headers["ce_id"] for record in feed} == wanted.keys()
    assert {record.headers["ce_tenantid"] for record in feed} == {one.tenant}
    _is_a_whole_chain(feed)
    for record in feed:
        whole = json.loads(wanted[record.headers["ce_id"]].value)
        assert json.loads(record.value) == _unsealed(whole)
        assert not any(text in record.value.decode() for text in PERSONAL)

    run_line(member, "tenants", "feed", "off", one.tenant)
    run_line(member, "tenants", "feed", "on", other.tenant)
    timeline.drain()
    _until_published(product, other.tenant, len(_for_partners(product, other.tenant)))
    _worked_on(one, "badge-2")
    _worked_on(other, "badge-2")
    timeline.drain()
    _until_published(product, other.tenant, len(_for_partners(product, other.tenant)))
    assert len(_for_partners(product, one.tenant)) > len(wanted)
    assert len(read_topic(product.kafka, _feed(product, one.tenant))) == len(wanted)


def _feed(product: Stack, tenant: str) -> str:
    return f"{product.prefix}partner.{tenant}.lead-routing.v1"


def _for_partners(product: Stack, tenant: str) -> dict[str, Record]:
    """The tenant's facts on the log topic whose schema is marked for partners, by id."""
    records = read_topic(product.kafka, f"{product.prefix}lead-routing.log.v1")
    return {
        record.headers["ce_id"]: record
        for record in records
        if record.headers["ce_tenantid"] == tenant and schema(record.headers["ce_type"]).schema["x-partners"]
    }


def _until_published(product: Stack, tenant: str, count: int) -> None:
    topic = _feed(product, tenant)
    until(f"{topic} has {count} facts", lambda: len(read_topic(product.kafka, topic)) >= count, within_s=30)


def _unsealed(part: Any) -> Any:
    """A payload without what only the subject's owner can open."""
    if isinstance(part, dict):
        return {name: _unsealed(one) for name, one in part.items() if not _is_sealed(one)}
    return [_unsealed(one) for one in part if not _is_sealed(one)] if isinstance(part, list) else part


def _is_sealed(part: Any) -> bool:
    return isinstance(part, dict) and set(part) == {"subject", "nonce", "text"}
