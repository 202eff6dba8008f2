"""The alerting service in an office, with the people of the example story and a partner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dev.provision import Database
from libs.service.testing.office import PEOPLE, ROLES, Office, open_office
from services.alerting.service import SERVICE
from services.alerting.tests.story import at

INTEGRATION = "logistics-partner"
EVERYBODY = {**ROLES, INTEGRATION: ["integration"]}


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """On Friday 2026-03-06 at 17:00 in Shanghai."""
    made = database(SERVICE.name)
    async with open_office(
        SERVICE, made, servers.kafka, topic_prefix, at("03-06 17:00"), {**ROLES, INTEGRATION: ["integration"]}
    ) as running:
        await running.hear(*PEOPLE)
        yield running
