"""The pipeline with its real worker, where the people of two exports are known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from dev.provision import Database
from libs.events.contracts.lead_routing import RepRegistered
from libs.service.imports.tests.house import House, opened_house
from services.pipeline.service import SERVICE

PEOPLE = {
    "ann-lee": "Ann Lee",
    "bo-chen": "Bo Chen",
    "moses-frase": "Moses Frase",
    "darcel-schlecht": "Darcel Schlecht",
}
LONG_AGO = datetime(2016, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
async def house(
    database: Callable[[str], Database], servers: Any, topic_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """The service; its imports are children of this process."""
    folder = tmp_path_factory.mktemp("objects")
    async with opened_house(SERVICE, database("pipeline"), servers.kafka, topic_prefix, folder) as opened:
        people = [
            RepRegistered(rep_id=person, name=name, roles=["rep"], effective_from=LONG_AGO)
            for person, name in PEOPLE.items()
        ]
        await opened.receive("lead-routing", *people)
        yield opened
