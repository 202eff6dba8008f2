"""The simulated day of `make run` on services of its own: its clock goes on for a week."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from dev.clients import Clients
from dev.day.plan import plan
from dev.day.story import live
from dev.timeline import Timeline
from tests.integration.conftest import started

SEED = 7


@pytest.mark.timeout(900)
def test_a_working_day_goes_as_it_should(servers: Any) -> None:
    """3.2.9-1, 3.3.8-1, 3.3.8-2, 3.4.8-1, 3.4.8-4"""
    told: list[str] = []

    def tell(at: datetime, what: str) -> None:
        told.append(what)

    with started(servers.postgres_dsn, servers.kafka) as stack, Clients(stack) as clients:
        lived = live(clients, Timeline(stack), SEED, tell)
    assert [f"{check.name}: {check.expected}, not {check.found}" for check in lived.checks.failed] == []
    assert len(lived.checks) >= 30
    assert {one.service for one in lived.rebuilt} == set(stack.members)
    assert any(plan(SEED).the("won").company in line for line in told)
