"""Planted bugs: each scenario finds nothing in the product, and finds its bug once that is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dev.provision import Database
from tests.integration.faults.planted import PLANTED, ground_of


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_bug_is_found(
    name: str, database: Callable[[str], Database], servers: Any, topic_prefix: str
) -> None:
    """A suite that finds no bug proves nothing."""
    scenario = PLANTED[name]
    assert await scenario(ground_of(database, servers.kafka, topic_prefix), False) == []
    assert await scenario(ground_of(database, servers.kafka, topic_prefix), True) != []
