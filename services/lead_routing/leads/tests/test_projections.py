"""The board and the history of a lead, from the story's facts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from libs.events.contracts.examples.ids import LEAD_1, LEAD_2, LEAD_3, POOL, REP_LI, at
from libs.events.contracts.examples.lead_routing import EXAMPLES
from libs.events.contracts.lead_routing import LeadAccepted, LeadAssigned, RoutingHeld
from libs.events.deciding import Given
from libs.events.facts import Actor
from libs.events.testing import fold_all, recorded
from services.lead_routing.leads.history import LEAD_HISTORY, HistoryEntry
from services.lead_routing.leads.projections import LEAD_BOARD, LeadRow
from services.lead_routing.tests.scenes import NOON, captured

STORY = recorded(*EXAMPLES)
KNOWN = Given(NOON, "demotenant", Actor(id="timer"))


def rows(*facts: Any) -> list[LeadRow]:
    return [row for _, _, row in fold_all(LEAD_BOARD, recorded(*facts))]


def test_the_board_shows_where_every_lead_of_the_story_ended() -> None:
    """3.1.5"""
    board = {row.lead_id: row for _, _, row in fold_all(LEAD_BOARD, STORY)}
    assert (board[LEAD_1].state, board[LEAD_1].owner_id, board[LEAD_1].captures) == ("converted", REP_LI, 2)
    assert board[LEAD_1].tags["region"] == "east"
    assert board[LEAD_1].first_responded_at == at(0.75)
    assert (board[LEAD_2].state, board[LEAD_2].pool_id) == ("pooled", POOL)
    assert (board[LEAD_3].state, board[LEAD_3].owner_id) == ("erased", None)


def test_the_versions_of_the_board_are_those_of_the_streams() -> None:
    board = {row.lead_id: row.version for _, _, row in fold_all(LEAD_BOARD, STORY)}
    assert board[LEAD_1] == max(one.version for one in STORY if one.stream.endswith(LEAD_1) and "/lead-" in one.stream)


def test_a_window_is_due_until_the_lead_is_accepted() -> None:
    """3.1.2"""
    due_at = NOON + timedelta(hours=2)
    assigned = LeadAssigned(lead_id="lead-1", rep_id="li", mode="auto", assigned_at=NOON, accept_by=due_at)
    acceptance = LEAD_BOARD.deadlines[0]
    (row,) = rows(*captured(), assigned)
    assert acceptance.due(row, KNOWN) == due_at
    assert acceptance.fire(row, due_at).command.model_dump() == {"lead_id": "lead-1", "rep_id": "li", "due_at": due_at}
    (row,) = rows(*captured(), assigned, LeadAccepted(lead_id="lead-1", rep_id="li", accepted_at=NOON))
    assert acceptance.due(row, KNOWN) is None


def test_a_hold_is_due_until_somebody_has_the_lead() -> None:
    """3.1.7"""
    until = NOON + timedelta(hours=1)
    held = RoutingHeld(lead_id="lead-1", reason="FULL", held_at=NOON, until=until)
    hold = LEAD_BOARD.deadlines[1]
    (row,) = rows(*captured(), held)
    assert hold.due(row, KNOWN) == until
    (row,) = rows(*captured(), held, LeadAssigned(lead_id="lead-1", rep_id="li", mode="auto", assigned_at=NOON))
    assert hold.due(row, KNOWN) is None


def test_the_history_tells_everything_but_what_is_sealed() -> None:
    """3.1.6"""
    entries = [row for _, _, row in fold_all(LEAD_HISTORY, STORY) if isinstance(row, HistoryEntry)]
    of_the_first = sorted((one.version, one.type) for one in entries if one.lead_id == LEAD_1)
    assert [version for version, _ in of_the_first] == list(range(1, len(of_the_first) + 1))
    assert of_the_first[0][1] == "lead-captured.v1"
    assert "c2VhbGVk" not in str([one.data for one in entries])
