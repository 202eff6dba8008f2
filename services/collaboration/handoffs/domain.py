"""A handoff from its draft to its confirmation: complete when submitted, accepted or returned, delivered, rated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from libs.events.contracts.collaboration import (
    Deliverable,
    HandoffAccepted,
    HandoffCancelled,
    HandoffConfirmed,
    HandoffDelivered,
    HandoffDrafted,
    HandoffLedgerMoved,
    HandoffRefusedIncomplete,
    HandoffReturned,
    HandoffSubmitted,
)
from libs.events.contracts.common import Subject
from libs.events.deciding import Decider, Given, States, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.accountability import Accountable, Wanted, detected, nobody, present, resolve
from services.collaboration.deliverables.domain import Template, missing, template_of
from services.collaboration.handoffs.commands import (
    AcceptHandoff,
    CancelHandoff,
    ConfirmHandoff,
    DeliverHandoff,
    DraftHandoff,
    Items,
    ReturnHandoff,
    SubmitHandoff,
)
from services.collaboration.handoffs.course import HANDOFF, LEDGER, OWNERLESS, Course
from services.collaboration.handoffs.sides import course_for, elapsed, in_step, pinned, streams, todo_for, turned

POOR = 2
"""A rating up to this needs a reason (domain.md 3.3.7)."""


def draft_streams(states: States, command: DraftHandoff, given: Given) -> list[StreamOf[Any]]:
    """The handoff, and which one of its scene is open for the subject."""
    ledger = LEDGER.of(command.scene, command.subject_type, command.subject_id)
    return [HANDOFF.of(command.handoff_id), ledger, OWNERLESS.of(command.handoff_id)]


def draft(states: States, command: DraftHandoff, given: Given) -> list[Fact]:
    """One open handoff for a scene and subject; its receiver is one active person, at worst the process owner."""
    if states[HANDOFF.of(command.handoff_id)].scene:
        return []
    reach = given[Reach]
    if not reach.covers(command.from_person):
        raise Rejected("NOT_PERMITTED", "only the sender or somebody above can hand this over")
    template = template_of(command.scene, given[RuleBook])
    if template is None:
        raise Rejected("VALIDATION", f"there is no deliverable template for the scene {command.scene}")
    open_handoff = states[LEDGER.of(command.scene, command.subject_type, command.subject_id)].open_handoff
    if open_handoff is not None:
        raise Rejected("HANDOFF_OPEN", "a handoff of this scene is open for this subject", open_handoff=open_handoff)
    if command.to_person is None and command.to_role is None and command.to_department is None:
        raise Rejected("VALIDATION", "name a receiver: to_person, to_role or to_department")
    subject = Subject(type=command.subject_type, id=command.subject_id)
    receiver, facts = _receiver(_wanted(command), command.handoff_id, subject, given)
    drafted = HandoffDrafted(
        handoff_id=command.handoff_id,
        scene=command.scene,
        template_id=template.rule_id,
        template_version=template.version,
        subject=subject,
        from_person=command.from_person,
        from_department=reach.department_of(command.from_person),
        to_person=receiver.person_id,
        to_department=command.to_department or reach.department_of(receiver.person_id),
        note=command.note,
        drafted_at=given.now,
    )
    return [drafted, _ledger(command.scene, subject, command.handoff_id), *facts]


def submit(states: States, command: SubmitHandoff, given: Given) -> Sequence[Fact]:
    """Complete by the template, or refused and recorded (3.3.3-1); the receiver's clock starts."""
    course = course_for(states, command, given, "sender")
    in_step(course, "drafted", "returned")
    template = pinned(course, given)
    _known_codes(template, [item.code for item in command.items])
    values = {item["code"]: item["value"] for item in course.items} | {item.code: item.value for item in command.items}
    if lacking := missing(template.document, values):
        raise _incomplete(command, course, template, lacking, given)
    subject = Subject(type=course.subject_type, id=course.subject_id)
    receiver, facts = _receiver(Wanted("receiver", course.to_person), command.handoff_id, subject, given)
    limit = template.document.acceptance
    calendar = given[Calendars].of(receiver.person_id)
    hours = timedelta(hours=float(limit.limit_h))
    accept_by = calendar.due(given.now, hours, limit.clock, strict=limit.strict).at
    required = sum(item.required for item in template.document.items)
    submitted = HandoffSubmitted(
        handoff_id=command.handoff_id,
        scene=course.scene,
        subject=subject,
        items=[Deliverable(code=code, value=value) for code, value in values.items()],
        completeness=f"{required}/{required}",
        from_person=course.from_person,
        to_person=receiver.person_id,
        submitted_at=given.now,
        accept_by=accept_by,
        rule_refs=[template.ref],
    )
    todo = todo_for(course, command, given, "receiver", receiver.person_id, "Accept or return the handoff", accept_by)
    return [*turned(states, command, given, submitted, todo), *facts]


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
    _known_codes(template, list(command.missing))
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


def _wanted(command: DraftHandoff) -> Wanted:
    roles = (command.to_role,) if command.to_role else ()
    return Wanted(command.to_role or "receiver", command.to_person, roles, command.to_department)


def _receiver(wanted: Wanted, handoff_id: str, subject: Subject, given: Given) -> tuple[Accountable, list[Fact]]:
    found = resolve(given[Reach], wanted, given.now)
    fell_to = found.person_id if found else None
    detection = detected(given, handoff_id, subject, "handoff receiver", wanted.role, fell_to, handoff_id=handoff_id)
    if found is None:
        raise nobody(detection)
    return found, [detection] if found.ownerless else []


def _incomplete(
    command: SubmitHandoff, course: Course, template: Template, lacking: list[str], given: Given
) -> Rejected:
    names = {item.code: item for item in template.document.items}
    rules = [
        {
            **template.ref.model_dump(),
            "requirement": code,
            "explain": f"{names[code].name} is missing or no {names[code].check}",
            "how_to_fix": f"hand over the item {code}",
        }
        for code in lacking
    ]
    refused = HandoffRefusedIncomplete(
        handoff_id=command.handoff_id,
        scene=course.scene,
        missing=lacking,
        refused_at=given.now,
        rule_refs=[template.ref],
    )
    why = f"{len(lacking)} required items are missing: {', '.join(lacking)}"
    return Rejected("RULE_VIOLATION", why, record=[refused], rules=rules, missing=lacking)


def _known_codes(template: Template, codes: list[str]) -> None:
    known = [item.code for item in template.document.items]
    if unknown := sorted({code for code in codes if code not in known or codes.count(code) > 1}):
        raise Rejected("VALIDATION", f"not items of the template, or named twice: {', '.join(unknown)}", items=known)


def _deliverables(items: Items) -> list[Deliverable]:
    return [Deliverable(code=item.code, value=item.value) for item in items]


def _ledger(scene: str, subject: Subject, open_handoff: str | None) -> HandoffLedgerMoved:
    return HandoffLedgerMoved(scene=scene, subject_type=subject.type, subject_id=subject.id, open_handoff=open_handoff)


def _closed(course: Course) -> HandoffLedgerMoved:
    return _ledger(course.scene, Subject(type=course.subject_type, id=course.subject_id), None)


KNOWS = (Reach, RuleBook, Calendars)
DRAFT = Decider("draft-handoff", draft_streams, draft, consults=(Reach, RuleBook))
SUBMIT = Decider("submit-handoff", streams, submit, consults=KNOWS)
ACCEPT = Decider("accept-handoff", streams, accept, consults=(Reach, Calendars))
RETURN = Decider("return-handoff", streams, give_back, consults=(Reach, RuleBook))
DELIVER = Decider("deliver-handoff", streams, deliver, consults=(Reach,))
CONFIRM = Decider("confirm-handoff", streams, confirm, consults=(Reach,))
CANCEL = Decider("cancel-handoff", streams, cancel, consults=(Reach,))
