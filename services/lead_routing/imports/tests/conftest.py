"""Lead routing with its real worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dev.provision import Database
from libs.service.imports.tests.house import House, opened_house
from services.lead_routing.service import SERVICE


@pytest.fixture(scope="module")
async def house(
    database: Callable[[str], Database], servers: Any, topic_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """The service; its imports are children of this process."""
    folder = tmp_path_factory.mktemp("objects")
    async with opened_house(SERVICE, database("lead-routing"), servers.kafka, topic_prefix, folder) as opened:
        yield opened
