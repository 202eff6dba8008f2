"""The handoff board: one row per handoff with the ingredients of its clocks, its trace, questions and stalls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    HandoffAccepted,
    HandoffCancelled,
    HandoffCommented,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffDrafted,
    HandoffItemDelivered,
    HandoffPaused,
    HandoffRefusedIncomplete,
    HandoffResumed,
    HandoffReturned,
    HandoffStalled,
    HandoffSubmitted,
)
from libs.events.facts import Recorded
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from services.collaboration.handoffs.course import Course, evolve
from services.collaboration.handoffs.stalls import attempt, due


@dataclass(frozen=True, slots=True)
class HandoffRow(Course):
    """A handoff. `state` is its step, or `paused`; `waiting_person` who must act now; `version` that of its stream."""

    handoff_id: str = ""
    state: str = ""
    from_department: str | None = None
    to_department: str | None = None
    waiting_person: str | None = None
    note: str | None = None
    pause_reason: str | None = None
    drafted_at: datetime | None = None
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    closed_at: datetime | None = None
    rating: int | None = None
    returns: int = 0
    refusals: int = 0
    stalls: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class HandoffStep:
    """One entry of the trace: what was recorded, by whom, when."""

    handoff_id: str
    version: int
    kind: str
    actor: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clarification:
    """A question and its answer; `business_s` is how long the answer took."""

    handoff_id: str
    clarification_id: str
    side: str
    item: str | None
    question: str
    asked_by: str
    asked_at: datetime
    answer: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    business_s: int | None = None


FACTS = (
    HandoffDrafted,
    HandoffSubmitted,
    HandoffRefusedIncomplete,
    HandoffAccepted,
    HandoffReturned,
    HandoffPaused,
    HandoffResumed,
    HandoffItemDelivered,
    HandoffCommented,
    HandoffDelivered,
    HandoffConfirmed,
    HandoffCancelled,
    ClarificationAsked,
    ClarificationAnswered,
    HandoffStalled,
)


def keys(fact: Any) -> list[str]:
    """Each handoff is a key of its own; all its facts are of one stream."""
    return [fact.handoff_id]


def fold(group: Group, recorded: Recorded[Any]) -> Sequence[Any]:
    """The rows of a handoff after one more of its facts."""
    fact = recorded.fact
    row = _row(evolve(group.one(HandoffRow) or HandoffRow(handoff_id=group.key), fact), fact)
    side = row.waiting_for
    row = replace(
        row,
        state="paused" if row.open and row.paused else row.step,
        waiting_person=None if side is None else row.person(side),
        version=recorded.version,
    )
    step = HandoffStep(
        handoff_id=fact.handoff_id,
        version=recorded.version,
        kind=fact.wire.rsplit(".", 1)[0],
        actor=recorded.meta.actor.id,
        at=recorded.occurred_at,
        data=fact.data(),
    )
    return [row, *group.all(HandoffStep), step, *_clarifications(group.all(Clarification), fact)]


def _row(row: HandoffRow, fact: Any) -> HandoffRow:
    match fact:
        case HandoffDrafted():
            return replace(
                row,
                from_department=fact.from_department,
                to_department=fact.to_department,
                note=fact.note,
                drafted_at=fact.drafted_at,
            )
        case HandoffAccepted():
            return replace(row, accepted_at=fact.accepted_at)
        case HandoffReturned():
            return replace(row, returns=row.returns + 1)
        case HandoffRefusedIncomplete():
            return replace(row, refusals=row.refusals + 1)
        case HandoffPaused():
            return replace(row, pause_reason=fact.reason_code)
        case HandoffResumed():
            return replace(row, pause_reason=None)
        case HandoffDelivered():
            return replace(row, delivered_at=fact.delivered_at)
        case HandoffConfirmed():
            return replace(row, closed_at=fact.confirmed_at, rating=fact.rating)
        case HandoffCancelled():
            return replace(row, closed_at=fact.cancelled_at)
        case HandoffStalled():
            return replace(row, stalls=row.stalls + 1)
        case _:
            return row


def _clarifications(known: list[Clarification], fact: Any) -> list[Clarification]:
    match fact:
        case ClarificationAsked():
            asked = Clarification(
                handoff_id=fact.handoff_id,
                clarification_id=fact.clarification_id,
                side=fact.side,
                item=fact.item,
                question=fact.question,
                asked_by=fact.asked_by,
                asked_at=fact.asked_at,
            )
            return [*known, asked]
        case ClarificationAnswered():
            return [
                replace(
                    one,
                    answer=fact.answer,
                    answered_by=fact.answered_by,
                    answered_at=fact.answered_at,
                    business_s=fact.elapsed.business,
                )
                if one.clarification_id == fact.clarification_id
                else one
                for one in known
            ]
        case _:
            return known


HANDOFF_ROWS = Table(
    "handoffs",
    HandoffRow,
    indexes=(("handoff_id",), ("drafted_at", "handoff_id"), ("state",), ("from_person",), ("to_person",)),
)

HANDOFFS = Projection(
    name="handoffs",
    version=1,
    reads=FACTS,
    tables=(
        HANDOFF_ROWS,
        Table("handoff_steps", HandoffStep, identity=("version",)),
        Table("clarifications", Clarification, identity=("clarification_id",)),
    ),
    keys=keys,
    fold=fold,
    deadlines=(
        Deadline(
            "handoff-stalls",
            HANDOFF_ROWS,
            due=due,
            fire=lambda row, due_at: attempt(row.handoff_id, row, due_at),
            consults=(Calendars, RuleBook),
            sources=("lead-routing",),
        ),
    ),
)
