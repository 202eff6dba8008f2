"""The pipeline service in an office, where nobody is known yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dev.provision import Database
from libs.service.testing.office import Office, open_office
from services.pipeline.service import SERVICE
from services.pipeline.tests.samples import MONDAY

ROLES = {"owner-he": ["process-owner", "operator", "integration"], "manager-zhou": ["manager"]}


@pytest.fixture(scope="module")
async def office(database: Callable[[str], Database], servers: Any, topic_prefix: str) -> AsyncIterator[Office]:
    """On Monday 2026-03-02 at 09:00 in Shanghai."""
    made = database(SERVICE.name)
    async with open_office(SERVICE, made, servers.kafka, topic_prefix, MONDAY, ROLES) as running:
        yield running
