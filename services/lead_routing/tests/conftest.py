"""The lead-routing service in an office, where nobody is registered yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dev.provision import Database
from libs.events.testing.instants import shanghai
from libs.service.testing.office import Office, open_office
from services.lead_routing.service import SERVICE

ROLES = {
    "owner-he": ["process-owner", "operator"],
    "director-sun": ["director"],
    "manager-zhou": ["manager"],
    "connector": ["integration"],
}


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """On Monday 2026-03-02 at 10:00 in Shanghai."""
    made = database(SERVICE.name)
    async with open_office(SERVICE, made, servers.kafka, topic_prefix, shanghai("2026-03-02 10:00"), ROLES) as running:
        yield running
