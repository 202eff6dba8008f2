"""An operator proves that a read model is what the log says, or learns which keys are not."""

from __future__ import annotations

import pytest

from dev.clients import Clients
from dev.processes import Trouble
from dev.stack import run_line
from dev.timeline import Timeline
from tests.integration.databases import rows, value
from tests.integration.organisations import CONNECTOR, HE, build_organisation, lead

NAME = "lead-board"


def test_a_row_changed_by_hand_is_named_and_put_right_by_a_rebuild_that_may(
    clients: Clients, timeline: Timeline
) -> None:
    """Promise 5"""
    build_organisation(clients)
    changed, left = (
        str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead(name))["id"]) for name in ("badge-1", "badge-2")
    )
    timeline.drain()
    member = timeline.stack.members["lead-routing"]
    assert "the live build is what the log says" in run_line(member, "projections", "verify", NAME)

    worker = member.database.worker_url
    serving = "select schema_name from log.builds where projection = $1 and state = 'serving'"
    schema = value(worker, serving, NAME)
    rows(worker, f'update "{schema}".leads set company = $1 where lead_id = $2', "别的公司", changed)
    assert clients.get(HE, "lead-routing", f"/v1/leads/{changed}")["company"] == "别的公司"
    with pytest.raises(Trouble) as found:
        run_line(member, "projections", "verify", NAME)
    said = str(found.value)
    assert "ended with code 1" in said
    assert changed in said
    assert left not in said
    with pytest.raises(Trouble, match="ended with code 1"):
        run_line(member, "projections", "rebuild", NAME)
    assert value(worker, serving, NAME) == schema
    said = run_line(member, "projections", "rebuild", NAME, "--repair")
    assert changed in said
    assert "the new build serves" in said
    assert clients.get(HE, "lead-routing", f"/v1/leads/{changed}")["company"] == lead("badge-1")["company"]
    assert "the live build is what the log says" in run_line(member, "projections", "verify", NAME)
