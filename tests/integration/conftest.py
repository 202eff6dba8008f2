"""The five services as processes of their own, and clients that talk to them as a frontend would."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
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
from tests.integration.collector import Collector, collecting

LAST_WORDS = 5
WEDNESDAY = datetime(2026, 2, 25, 1, 0, tzinfo=UTC)
"""2026-02-25 09:00 in Shanghai, when the product's time begins; only tests of time move it, none of them back."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Show with a failed test what its services said last."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        stacks = [one for one in item.funcargs.values() if isinstance(one, Stack)]
        for child in (child for one in stacks for child in one.children):
            said = [line for line in child.last_words(1000).splitlines() if '"level":"info"' not in line]
            report.sections.append((f"log of {child.name}", "\n".join(said[-LAST_WORDS:])))
    return report


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


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the product's traces go."""
    with collecting() as found:
        yield found


@pytest.fixture(scope="session")
def product(servers: Any, collector: Collector) -> Iterator[Stack]:
    """All five services."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("SALESLOOM_OTLP_ENDPOINT", collector.endpoint)
        settings.setenv("OTEL_BSP_SCHEDULE_DELAY", "500")
        with started(servers.postgres_dsn, servers.kafka) as running:
            yield running


@pytest.fixture
def timeline(product: Stack) -> Iterator[Timeline]:
    """The product's time."""
    found = Timeline(product)
    yield found
    found.close()


@pytest.fixture
def clients(product: Stack) -> Iterator[Clients]:
    """People of a fresh tenant; commands wait for nothing, reads carry the token of the last command."""
    with Clients(product) as found:
        yield found
