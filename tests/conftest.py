"""One running product for all tests that need it, and clients that talk to it as a frontend would."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from dev.clients import Clients
from dev.stack import Stack
from dev.timeline import Timeline
from tests.integration.collector import Collector, collecting
from tests.product import started

LAST_WORDS = 5


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
