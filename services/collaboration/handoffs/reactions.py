"""What happens elsewhere to the subject of a handoff: a lost deal needs none any more (domain.md 3.3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from libs.events.contracts.collaboration import HandoffLedgerMoved
from libs.events.contracts.pipeline import OpportunityLost
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from libs.events.reacting import Attempt, Reaction
from services.collaboration.handoffs.commands import CancelHandoff
from services.collaboration.handoffs.domain import CANCEL


@dataclass(frozen=True, slots=True)
class OpenHandoff:
    """The handoff of a scene that is open for an opportunity."""

    scene: str
    handoff_id: str


def keys(fact: Any) -> list[str]:
    """Opportunities only."""
    match fact:
        case OpportunityLost():
            return [fact.opportunity_id]
        case HandoffLedgerMoved(subject_type="opportunity"):
            return [fact.subject_id]
        case _:
            return []


def fold(group: Group, recorded: Recorded[Any]) -> Sequence[OpenHandoff]:
    """The handoffs open for an opportunity."""
    fact = recorded.fact
    if not isinstance(fact, HandoffLedgerMoved):
        return group.rows
    others = [row for row in group.all(OpenHandoff) if row.scene != fact.scene]
    return others if fact.open_handoff is None else [*others, OpenHandoff(fact.scene, fact.open_handoff)]


def react(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """Cancel what is open for a lost deal."""
    if not isinstance(recorded.fact, OpportunityLost):
        return []
    cause = f"the deal was lost: {recorded.fact.reason_code}"
    return [
        Attempt(CANCEL, CancelHandoff(handoff_id=row.handoff_id, cause=cause), target=row.handoff_id)
        for row in group.all(OpenHandoff)
    ]


LOST_DEALS = Reaction(
    name="cancel-handoffs-of-lost-deals",
    reads=(OpportunityLost,),
    react=react,
    state=Projection(
        name="open-handoffs",
        version=1,
        reads=(HandoffLedgerMoved, OpportunityLost),
        tables=(Table("open_handoffs", OpenHandoff, identity=("scene",)),),
        keys=keys,
        fold=fold,
    ),
)
