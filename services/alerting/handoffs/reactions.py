"""What collaboration says of handoffs, turned into alerts and their end."""

from __future__ import annotations

from typing import Any

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    HandoffAccepted,
    HandoffCancelled,
    HandoffCommented,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffItemDelivered,
    HandoffPaused,
    HandoffReturned,
    HandoffStalled,
)
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Group
from libs.events.reacting import Attempt, Reaction
from services.alerting.handoffs.domain import (
    RAISE_STALLED,
    SETTLE_STALLED,
    RaiseStalledHandoff,
    SettleStalledHandoff,
)

PROGRESS: dict[type[Fact], str] = {
    HandoffAccepted: "accepted",
    HandoffReturned: "returned",
    HandoffPaused: "paused",
    HandoffItemDelivered: "item delivered",
    HandoffDelivered: "delivered",
    HandoffConfirmed: "confirmed",
    HandoffCancelled: "cancelled",
    HandoffCommented: "commented",
    ClarificationAsked: "clarification asked",
    ClarificationAnswered: "clarification answered",
}
"""Whatever moves a handoff on, in the words an alert is resolved with."""


def react(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """A standstill raises; progress settles."""
    fact = recorded.fact
    if isinstance(fact, HandoffCommented) and not fact.content:
        return []
    if not isinstance(fact, HandoffStalled):
        command = SettleStalledHandoff(handoff_id=fact.handoff_id, cause=PROGRESS[type(fact)])
        return [Attempt(SETTLE_STALLED, command)]
    raised = RaiseStalledHandoff(
        handoff_id=fact.handoff_id,
        scene=fact.scene,
        waiting_person=fact.waiting_person,
        other_person=fact.other_person,
        waiting_superior=fact.waiting_superior,
        other_superior=fact.other_superior,
        evidence=str(recorded.event_id),
        since=fact.since,
        due_at=fact.due_at,
    )
    return [Attempt(RAISE_STALLED, raised)]


STALLED_HANDOFFS = Reaction("stalled-handoffs", (HandoffStalled, *PROGRESS), react)
