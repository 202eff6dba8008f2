"""Every refusal of a gate asks whether it is one of many (F4)."""

from __future__ import annotations

from libs.events.contracts.pipeline import StageAdvanceRejected
from libs.events.facts import Recorded
from libs.events.projecting import Group
from libs.events.reacting import Attempt, Reaction
from services.kpi.gate_friction.domain import FIND_GATE_FRICTION, MAX_SEEN, FindGateFriction, Seen
from services.kpi.gate_friction.projections import RECENT_REJECTIONS, RecentRejection


def react(recorded: Recorded[StageAdvanceRejected], group: Group) -> list[Attempt]:
    """The gate with its refusals of the last two days, this one among them."""
    fact = recorded.fact
    rows = sorted(group.all(RecentRejection), key=lambda row: (row.rejected_at, str(row.event_id)))
    seen = [
        Seen(
            event_id=str(row.event_id),
            requested_by=row.requested_by,
            missing=row.missing,
            rejected_at=row.rejected_at,
        )
        for row in rows[-MAX_SEEN:]
    ]
    command = FindGateFriction(stage=fact.stage, rejected_at=fact.rejected_at, seen=seen)
    return [Attempt(FIND_GATE_FRICTION, command, target=fact.stage)]


GATE_FRICTION_FINDER = Reaction(
    name="find-gate-friction", reads=(StageAdvanceRejected,), react=react, state=RECENT_REJECTIONS
)
