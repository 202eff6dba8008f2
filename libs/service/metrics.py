"""What an API process measures of its requests; every name is listed in docs/operations.md."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REQUEST_SECONDS = Histogram(
    "salesloom_http_request_seconds",
    "Seconds of a request until its answer is sent, by route",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SHED = Counter("salesloom_requests_shed_total", "Requests that were told to come again at once", ("kind", "code"))
