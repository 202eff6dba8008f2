"""One request is one trace, whichever service works on what follows from it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from dev.clients import Clients
from dev.ports import SERVICES
from dev.processes import until
from dev.stack import Stack
from dev.timeline import Timeline
from tests.integration.collector import Collector
from tests.integration.organisations import CONNECTOR, build_organisation, lead
from tests.integration.topics import read_topic


def test_the_trace_of_a_request_is_found_in_all_five_services(
    clients: Clients, product: Stack, timeline: Timeline, collector: Collector
) -> None:
    build_organisation(clients)
    trace_id = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead("badge-1"), headers=headers)
    timeline.drain()
    expected = {service: {f"ingest {service}"} for service in SERVICES if service != "lead-routing"}
    expected["lead-routing"] = {"react route-leads", "fold lead-board:1"}
    until("all services have told what they did", lambda: _told(expected, collector.spans(trace_id)), within_s=20)
    records = read_topic(product.kafka, f"{product.prefix}lead-routing.log.v1")
    traced = {one.headers["ce_type"] for one in records if trace_id in one.headers.get("traceparent", "")}
    assert {"lead-captured.v1", "routing-evaluated.v1", "lead-assigned.v1"} <= traced


def _told(expected: Mapping[str, set[str]], spans: Mapping[str, set[str]]) -> bool:
    return all(names <= spans.get(service, set()) for service, names in expected.items())
