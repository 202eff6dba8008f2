"""The five services as processes of their own, for a test run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from uuid_utils.compat import uuid7

from dev.places import Places
from dev.ports import SERVICES, free_ports
from dev.stack import Stack, stack
from libs.events.clock import FileClock

WEDNESDAY = datetime(2026, 2, 25, 1, 0, tzinfo=UTC)
"""2026-02-25 09:00 in Shanghai, when the product's time begins; only tests of time move it, none of them back."""


@contextmanager
def started(postgres_dsn: str, kafka: str, *services: str) -> Iterator[Stack]:
    """Services (all five if none is named), one process each, on databases and topics of their own."""
    services = services or SERVICES
    with tempfile.TemporaryDirectory(prefix="salesloom-product-") as folder:
        places = Places(Path(folder)).make()
        FileClock(places.clock).set(WEDNESDAY)
        numbers = iter(free_ports(2 * len(services) + 1))
        ports = {name: (next(numbers), next(numbers)) for name in services}
        prefix = f"p{uuid7().hex[-8:]}"
        with stack(
            places, postgres_dsn, kafka, ports, next(numbers), print, prefix=prefix, services=services
        ) as running:
            yield running
