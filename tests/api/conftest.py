"""One tenant for all tests of the APIs, whose people have used every operation."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from dev.clients import Clients
from dev.stack import Stack
from dev.timeline import Timeline
from tests.api.firm import EVERYTHING, ROLES, Firm
from tests.api.stories import alerting, collaboration, lead_routing, pipeline
from tests.integration.organisations import LI, build_organisation

NAMED = {
    "problems code": "CAPACITY",
    "metrics code": "process_health",
    "wire": "lead-captured.v1",
    "figure": "opened",
    "month": "2026-02",
    "period": "2026-02",
    "subject": LI,
    "person_id": LI,
    "requirement": "meeting_minutes",
    "lead-routing resource": "lead",
    "pipeline resource": "opportunity",
    "collaboration resource": "handoff",
    "alerting resource": "alert",
}
"""What parameters may be that nobody has to make first."""


@pytest.fixture(scope="session")
def firm(product: Stack) -> Iterator[Firm]:
    """Everything has happened, and all services have dealt with it."""
    documents = {name: httpx2.get(f"{member.api}/openapi.json").json() for name, member in product.members.items()}
    timeline = Timeline(product)
    with Clients(product) as clients:
        found = Firm(product, clients, timeline, documents, dict(NAMED))
        clients.http.event_hooks = {"response": [found.keep]}
        clients.sign_up(EVERYTHING, "全能", list(ROLES))
        build_organisation(clients)
        for service in (lead_routing, pipeline, collaboration, alerting):
            service.tell(found)
        timeline.drain()
        for operation in found.operations():
            if operation.method == "GET":
                found.look(operation)
        yield found
    timeline.close()
