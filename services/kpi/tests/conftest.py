"""The kpi service in an office, with the people of the example story."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dev.provision import Database
from libs.events.testing.instants import shanghai
from libs.service.testing.office import PEOPLE, Office, open_office
from services.kpi.service import SERVICE


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """On Wednesday 2026-03-11 at noon in Shanghai."""
    made = database(SERVICE.name)
    async with open_office(SERVICE, made, servers.kafka, topic_prefix, shanghai("2026-03-11 12:00")) as running:
        await running.hear(*PEOPLE)
        yield running
