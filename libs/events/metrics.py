"""What the runtime measures; every name is listed in docs/operations.md."""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge, Histogram

BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)

WAIT = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2)

APPEND_BATCH = Histogram("salesloom_append_batch_commands", "Commands in one append of a process", buckets=BATCH)
APPEND_SECONDS = Histogram("salesloom_append_seconds", "Seconds of one append, its wait for the log's lock included")
LOCK_WAIT = Histogram("salesloom_append_lock_wait_seconds", "Seconds an append waited for the log's lock", buckets=WAIT)
APPEND_CONFLICTS = Counter("salesloom_append_conflicts_total", "Commands decided again because a stream moved on")
UNKNOWN_TYPES = Counter("salesloom_unknown_facts_total", "Facts of a type this code does not know", ("type",))
LAG_FACTS = Gauge("salesloom_lag_facts", "Facts between a reader and the head of the log", ("reader",))
LAG_SECONDS = Gauge("salesloom_lag_seconds", "Seconds since a reader was last at the head of the log", ("reader",))
_AT_HEAD: dict[str, float] = {}


def lag(reader: str, facts: int) -> None:
    """Note how many facts a reader is behind; the seconds are those since it last was at the head."""
    now = time.monotonic()
    if facts <= 0:
        _AT_HEAD[reader] = now
    LAG_FACTS.labels(reader).set(max(0, facts))
    LAG_SECONDS.labels(reader).set(now - _AT_HEAD.setdefault(reader, now))


FOLDED = Counter("salesloom_folded_facts_total", "Facts a reader has folded", ("reader",))
FOLD_BATCH = Histogram("salesloom_fold_batch_facts", "Facts in one batch of a reader", ("reader",), buckets=BATCH)
PARKED_KEYS = Gauge("salesloom_parked_keys", "Keys that wait for an operator", ("reader",))
RELAYED = Counter("salesloom_relayed_facts_total", "Facts published", ("topic",))
INGESTED = Counter("salesloom_ingested_facts_total", "Facts received", ("source",))
REPEATED = Counter("salesloom_repeated_facts_total", "Received facts that were known already", ("source",))
REBUILD_RATE = Gauge("salesloom_rebuild_facts_per_second", "Speed of the running or last rebuild", ("projection",))
LEASE_EPOCH = Gauge("salesloom_lease_epoch", "Epoch of a lease this process holds (0: not held)", ("role",))
EFFECTS = Counter("salesloom_effects_total", "Effects by outcome", ("kind", "outcome"))
DEADLINES_FIRED = Counter("salesloom_deadlines_fired_total", "Deadlines that fired", ("deadline",))
LATE = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 21_600)
DEADLINE_LATE = Histogram(
    "salesloom_deadline_late_seconds", "Business seconds between due and fired", ("deadline",), buckets=LATE
)
TOKEN_WAIT = Histogram("salesloom_consistency_wait_seconds", "Seconds a query waited for its consistency token")
ALARM = Gauge("salesloom_alarm", "1 while a reader or relay stands still for an operator", ("what",))
