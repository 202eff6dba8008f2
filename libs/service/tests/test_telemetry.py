"""Spans and logs: one server span a request, the command's trace in its facts, and nobody's data anywhere."""

from __future__ import annotations

import json
import logging
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dev.provision import Database
from libs.events.connections import open_pool
from libs.events.tracing import span, traceparent
from libs.service.telemetry import NoQueryValues, configure_logs
from libs.service.testing.tokens import bearer
from libs.service.tests.conftest import REP

INCOMING = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """Keeps the spans of this process."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(NoQueryValues())
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    return kept


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    """Only those of one test."""
    exporter.clear()
    return exporter


async def test_a_request_is_one_span_and_its_facts_know_it(
    spans: InMemorySpanExporter, app: FastAPI, rep: httpx2.AsyncClient, pond_database: Database
) -> None:
    answer = await rep.post(
        "/v1/stones", json={"pool_id": "traced"}, headers={"Idempotency-Key": str(uuid4()), "traceparent": INCOMING}
    )
    (served,) = [one for one in spans.get_finished_spans() if one.kind is trace.SpanKind.SERVER]
    assert len(spans.get_finished_spans()) == 1
    assert served.attributes
    assert served.attributes["http.route"] == "/v1/stones"
    pool = await open_pool(pond_database.worker_url, size=1)
    meta = await pool.fetchval(
        "select meta from log.events where stream = $1", f"lead-routing/lead-{answer.json()['id']}"
    )
    await pool.close()
    assert meta["traceparent"] == f"00-{INCOMING.split('-')[1]}-{served.context.span_id:016x}-01"


async def test_spans_hold_the_names_of_query_parameters_only(
    spans: InMemorySpanExporter, rep: httpx2.AsyncClient
) -> None:
    await rep.get("/v1/stones/nobody?name=王小明&phone=13800000000")
    (served,) = spans.get_finished_spans()
    assert served.attributes
    assert served.attributes["url.query"] == "name=&phone="


async def test_errors_leave_no_texts_in_spans(
    spans: InMemorySpanExporter, anybody: httpx2.AsyncClient, key: ECKey
) -> None:
    manager = REP.model_copy(update={"roles": ["manager"]})
    answer = await anybody.get("/v1/weather?kind=broken", headers={"Authorization": bearer(key, manager)})
    (served,) = spans.get_finished_spans()
    assert "swordfish" not in served.to_json()
    assert answer.json()["trace_id"] == f"{served.context.trace_id:032x}"


def test_background_work_is_under_or_linked_to_its_command(spans: InMemorySpanExporter) -> None:
    with span("react escalate", parent=INCOMING, facts=1):
        within = traceparent()
    with span("fold leads:1", links=[INCOMING, None, "nonsense"], reader_name="leads:1"):
        pass
    reacted, folded = spans.get_finished_spans()
    assert within
    assert within.split("-")[1] == INCOMING.split("-")[1]
    assert reacted.parent
    assert f"{reacted.parent.span_id:016x}" == INCOMING.split("-")[2]
    assert folded.parent is None
    assert [f"{link.context.trace_id:032x}" for link in folded.links] == [INCOMING.split("-")[1]]
    assert folded.attributes == {"reader.name": "leads:1"}


def test_a_failed_span_has_the_kind_of_the_error_only(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="swordfish"), span("send log"):
        raise ValueError("swordfish")
    (failed,) = spans.get_finished_spans()
    assert "swordfish" not in failed.to_json()
    assert failed.attributes == {"error.type": "ValueError"}


def test_logs_are_json_lines_with_trace_ids(spans: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    try:
        configure_logs("kpi", "info")
        with span("work"):
            logging.getLogger("some.library").warning("hello %s", "there")
        line = json.loads(capsys.readouterr().err.splitlines()[-1])
    finally:
        root.handlers, root.level = before[0], before[1]
    assert (line["event"], line["service"], line["level"]) == ("hello there", "kpi", "warning")
    assert len(line["trace_id"]) == 32
