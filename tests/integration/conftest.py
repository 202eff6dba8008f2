"""The five services as processes of their own, and clients that talk to them as a frontend would."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from dev.clients import Clients
from dev.places import Places
from dev.ports import SERVICES, free_ports
from dev.stack import Stack, stack
from dev.timeline import Timeline
from libs.events.clock import FileClock

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday 2026-03-02 09:00 in Shanghai."""


@pytest.fixture(scope="session")
def product(servers: Any) -> Iterator[Stack]:
    """All five services, one process each, on databases and topics of their own."""
    with tempfile.TemporaryDirectory(prefix="salesloom-product-") as folder:
        places = Places(Path(folder)).make()
        FileClock(places.clock).set(MONDAY)
        numbers = iter(free_ports(11))
        ports = {name: (next(numbers), next(numbers)) for name in SERVICES}
        prefix = f"p{uuid7().hex[-8:]}"
        with stack(places, servers.postgres_dsn, servers.kafka, ports, next(numbers), print, prefix=prefix) as running:
            yield running


@pytest.fixture
def timeline(product: Stack) -> Timeline:
    """The product's time."""
    return Timeline(product)


@pytest.fixture
def clients(product: Stack) -> Iterator[Clients]:
    """People of a fresh tenant; commands wait for nothing, reads carry the token of the last command."""
    with Clients(product) as found:
        yield found
