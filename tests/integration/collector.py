"""A collector of traces, as small as one can be: OTLP over HTTP, spans kept in memory."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(slots=True)
class Collector:
    """What services have exported so far, undecoded; `endpoint` is where they send it."""

    endpoint: str = ""
    exports: list[bytes] = field(default_factory=list)

    def spans(self, trace_id: str) -> dict[str, set[str]]:
        """The names of a trace's spans by service."""
        found: dict[str, set[str]] = {}
        for export in map(ExportTraceServiceRequest.FromString, list(self.exports)):
            for group in export.resource_spans:
                named = {one.key: one.value.string_value for one in group.resource.attributes}
                for span in (span for scope in group.scope_spans for span in scope.spans):
                    if span.trace_id.hex() == trace_id:
                        found.setdefault(named["service.name"], set()).add(span.name)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, in a thread of this process."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.exports.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is overridden
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.endpoint = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield collector
        server.shutdown()
