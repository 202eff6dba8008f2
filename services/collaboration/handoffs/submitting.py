"""A handoff until the other side has it: drafted for one accountable receiver, complete when it is submitted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from libs.events.contracts.collaboration import (
    Deliverable,
    HandoffDrafted,
    HandoffRefusedIncomplete,
    HandoffSubmitted,
)
from libs.events.contracts.common import Subject
from libs.events.deciding import Decider, Given, States, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.accountability import Accountable, Wanted, detected, nobody, resolve
from services.collaboration.deliverables.domain import Template, missing, template_of
from services.collaboration.handoffs.commands import DraftHandoff, SubmitHandoff
from services.collaboration.handoffs.course import HANDOFF, LEDGER, OWNERLESS, Course
from services.collaboration.handoffs.sides import (
    course_for,
    in_step,
    known_codes,
    ledger_moved,
    pinned,
    streams,
    todo_for,
    turned,
)


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
    return [drafted, ledger_moved(command.scene, subject, command.handoff_id), *facts]


def submit(states: States, command: SubmitHandoff, given: Given) -> Sequence[Fact]:
    """Complete by the template, or refused and recorded (3.3.3-1); the receiver's clock starts."""
    course = course_for(states, command, given, "sender")
    in_step(course, "drafted", "returned")
    template = pinned(course, given)
    known_codes(template, [item.code for item in command.items])
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


DRAFT = Decider("draft-handoff", draft_streams, draft, consults=(Reach, RuleBook))
SUBMIT = Decider("submit-handoff", streams, submit, consults=(Reach, RuleBook, Calendars))
