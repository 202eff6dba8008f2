"""Logs as JSON lines with trace ids, spans to an OTLP endpoint when one is set; never a payload, a text or a token."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog
from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from libs.service.settings import Settings

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
LONG_LIVED = frozenset({"/v1/stream"})


def configure_logs(service: str, level: str) -> None:
    """Write every log record of this process as one JSON line to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace_ids,
        lambda _logger, _name, event: {"service": service, **event},
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(lambda event, **_: orjson.dumps(event, default=str).decode()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiokafka", "httpx2", "httpcore2", "alembic", "opentelemetry"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def configure_traces(settings: Settings) -> TracerProvider | None:
    """Export the spans of this process; without an endpoint nothing is traced and None is answered."""
    if not settings.otlp_endpoint:
        return None
    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": settings.service,
                "service.namespace": "salesloom",
                "deployment.environment.name": settings.environment,
            }
        )
    )
    provider.add_span_processor(NoQueryValues())
    endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=5)))
    trace.set_tracer_provider(provider)
    return provider


def of_the_framework() -> TelemetryConfig:
    """FastAPI's own telemetry: one server span and the duration of each request, nothing inside, no exception texts."""
    return {
        "operation_spans": False,
        "logs": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in PROBES or scope["path"] in LONG_LIVED,
    }


class NoQueryValues(SpanProcessor):
    """Keeps the values of query parameters, which may name people, out of the spans."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Leave the names of the parameters only."""
        query = (span.attributes or {}).get("url.query")
        if isinstance(query, str):
            span.set_attribute("url.query", "&".join(f"{part.split('=', 1)[0]}=" for part in query.split("&")))


def _trace_ids(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"], event["span_id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return event
