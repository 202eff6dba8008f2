"""A handoff once it was submitted: accepted or returned, delivered, confirmed and rated, or cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from libs.events.contracts.collaboration import (
    Deliverable,
    HandoffAccepted,
    HandoffCancelled,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffLedgerMoved,
    HandoffReturned,
)
from libs.events.contracts.common import Subject
from libs.events.deciding import Decider, Given, States
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.accountability import present
from services.collaboration.handoffs.commands import (
    AcceptHandoff,
    CancelHandoff,
    ConfirmHandoff,
    DeliverHandoff,
    Items,
    ReturnHandoff,
)
from services.collaboration.handoffs.course import Course
from services.collaboration.handoffs.sides import (
    course_for,
    elapsed,
    in_step,
    known_codes,
    ledger_moved,
    pinned,
    streams,
    todo_for,
    turned,
)

POOR = 2
"""A rating up to this needs a reason (domain.md 3.3.7)."""


def accept(states: States, command: AcceptHandoff, given: Given) -> Sequence[Fact]:
    """The receiver takes it on; how long that took is recorded."""
    course = course_for(states, command, given, "receiver")
    if course.step in {"accepted", "in_progress"}:
        return []
    in_step(course, "awaiting_acceptance")
    since = course.submitted_at or given.now
    accepted = HandoffAccepted(
        handoff_id=command.handoff_id,
        accepted_by=given.actor.id,
        accepted_at=given.now,
        elapsed=elapsed(given[Calendars].of(course.to_person), since, given.now),
    )
    todo = todo_for(course, command, given, "receiver", course.to_person, "Deliver what was handed over", None)
    return turned(states, command, given, accepted, todo)


def give_back(states: States, command: ReturnHandoff, given: Given) -> Sequence[Fact]:
    """The receiver sends it back; the clock is the sender's now (3.3.3-5), or that of whoever stands in."""
    course = course_for(states, command, given, "receiver")
    in_step(course, "awaiting_acceptance", "accepted", "in_progress")
    template = pinned(course, given)
    if command.reason_code not in template.document.return_reasons:
        reasons = list(template.document.return_reasons)
        raise Rejected("VALIDATION", f"{command.reason_code} is no reason of this template", reasons=reasons)
    known_codes(template, list(command.missing))
    sender = present(given[Reach], course.from_person, given.now)
    returned = HandoffReturned(
        handoff_id=command.handoff_id,
        reason_code=command.reason_code,
        missing=list(command.missing),
        note=command.note,
        stand_in=None if sender == course.from_person else sender,
        returned_by=given.actor.id,
        returned_at=given.now,
    )
    todo = todo_for(
        course, command, given, "sender", sender or course.from_person, "Complete the returned handoff", None
    )
    return turned(states, command, given, returned, todo)


def deliver(states: States, command: DeliverHandoff, given: Given) -> Sequence[Fact]:
    """The receiver has done the work; it is the sender's turn to confirm."""
    course = course_for(states, command, given, "receiver")
    if course.step == "delivered":
        return []
    in_step(course, "accepted", "in_progress")
    delivered = HandoffDelivered(
        handoff_id=command.handoff_id,
        deliverables=_deliverables(command.items),
        delivered_by=given.actor.id,
        delivered_at=given.now,
    )
    todo = todo_for(course, command, given, "sender", course.sender, "Confirm and rate the delivery", None)
    return turned(states, command, given, delivered, todo)


def confirm(states: States, command: ConfirmHandoff, given: Given) -> Sequence[Fact]:
    """The sender has what was needed, by name and with a rating."""
    course = course_for(states, command, given, "sender")
    if course.step == "confirmed":
        return []
    in_step(course, "delivered")
    if command.rating <= POOR and not (command.reason or "").strip():
        raise Rejected("VALIDATION", f"a rating of {POOR} or less needs a reason")
    confirmed = HandoffConfirmed(
        handoff_id=command.handoff_id,
        rating=command.rating,
        reason=command.reason,
        confirmed_by=given.actor.id,
        confirmed_at=given.now,
    )
    return [*turned(states, command, given, confirmed), _closed(course)]


def cancel(states: States, command: CancelHandoff, given: Given) -> Sequence[Fact]:
    """The sender no longer needs it, or its subject is gone."""
    course = course_for(states, command, given, "sender")
    if course.step == "cancelled":
        return []
    if not course.open:
        raise Rejected("CONFLICT_STATE", "the handoff is confirmed", state=course.step)
    cancelled = HandoffCancelled(
        handoff_id=command.handoff_id, cause=command.cause, cancelled_by=given.actor.id, cancelled_at=given.now
    )
    return [*turned(states, command, given, cancelled), _closed(course)]


def _deliverables(items: Items) -> list[Deliverable]:
    return [Deliverable(code=item.code, value=item.value) for item in items]


def _closed(course: Course) -> HandoffLedgerMoved:
    return ledger_moved(course.scene, Subject(type=course.subject_type, id=course.subject_id), None)


ACCEPT = Decider("accept-handoff", streams, accept, consults=(Reach, Calendars))
RETURN = Decider("return-handoff", streams, give_back, consults=(Reach, RuleBook))
DELIVER = Decider("deliver-handoff", streams, deliver, consults=(Reach,))
CONFIRM = Decider("confirm-handoff", streams, confirm, consults=(Reach,))
CANCEL = Decider("cancel-handoff", streams, cancel, consults=(Reach,))
