"""One request is one trace, whichever service works on what follows from it."""

from __future__ import annotations

import secrets

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
    until("all services have told of it", lambda: collector.spans(trace_id).keys() == set(SERVICES), within_s=20)
    spans = collector.spans(trace_id)
    assert {"react route-leads", "fold lead-board:1"} <= spans["lead-routing"]
    for service in ("pipeline", "collaboration", "alerting", "kpi"):
        assert f"ingest {service}" in spans[service]
    records = read_topic(product.kafka, f"{product.prefix}lead-routing.log.v1")
    traced = {one.headers["ce_type"] for one in records if trace_id in one.headers.get("traceparent", "")}
    assert {"lead-captured.v1", "routing-evaluated.v1", "lead-assigned.v1"} <= traced
