"""Spans of the runtime: what a relay, an ingest, a fold or a reaction does, and which command it goes back to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

MOST_PARENTS = 64
Attribute = str | int | float | bool
_PROPAGATOR = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("salesloom")


@contextmanager
def span(
    name: str,
    parent: str | None = None,
    links: Iterable[str | None] = (),
    kind: trace.SpanKind = trace.SpanKind.INTERNAL,
    **attributes: Attribute,
) -> Iterator[Span]:
    """A span around a piece of work, under `parent` and with `links` to others (traceparents).

    Live work has the command's traceparent as its parent; a batch or a replay only links to it. An underscore in an
    attribute's name is written as a dot. An error marks the span with its type, never with its text.
    """
    context = _context(parent) if parent else None
    linked = [Link(found) for found in map(_span_context, links) if found is not None]
    named: dict[str, Attribute] = {key.replace("_", "."): value for key, value in attributes.items()}
    with _tracer.start_as_current_span(
        name,
        context,
        kind=kind,
        attributes=named,
        links=linked,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(Status(StatusCode.ERROR))
            raise


@contextmanager
def batch_span(name: str, traceparents: Iterable[str | None], **attributes: Attribute) -> Iterator[Span]:
    """A span around a batch of live work that links to every trace in it, with a part of its own in each of them."""
    parents = [parent for parent in dict.fromkeys(traceparents) if parent][:MOST_PARENTS]
    begun = time.time_ns()
    with span(name, None, parents, trace.SpanKind.INTERNAL, **attributes) as current:
        yield current
    if current.get_span_context().trace_flags.sampled:
        for parent in parents:
            _tracer.start_span(name, _context(parent), start_time=begun, links=[Link(current.get_span_context())]).end()


def traceparent() -> str | None:
    """The present span as W3C writes it; None without one."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def _context(traceparent: str) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent})


def _span_context(traceparent: str | None) -> SpanContext | None:
    if not traceparent:
        return None
    found = trace.get_current_span(_context(traceparent)).get_span_context()
    return found if found.is_valid else None
