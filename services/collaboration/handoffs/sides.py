"""The two sides of a handoff: who may act for which, and whose to-do the next step is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.events.contracts.collaboration import HandoffLedgerMoved, TodoCreated
from libs.events.contracts.common import Elapsed, Subject
from libs.events.deciding import Given, States, StreamOf
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendar
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.deliverables.domain import Template, template_at
from services.collaboration.handoffs.commands import OnHandoff
from services.collaboration.handoffs.course import HANDOFF, LEDGER, OWNERLESS, Course, Side
from services.collaboration.todos.domain import TODO, completed

NAMESPACE = UUID("2b5f3d44-6c0b-5a86-9f1d-3f0a9a7b6e10")


def streams(states: States, command: OnHandoff, given: Given) -> list[StreamOf[Any]]:
    """The handoff; once it is known, the ledger of its scene and subject and the to-dos of this and the next turn."""
    handoff = HANDOFF.of(command.handoff_id)
    course = states[handoff]
    if not course.scene:
        return [handoff]
    return [
        handoff,
        LEDGER.of(course.scene, course.subject_type, course.subject_id),
        OWNERLESS.of(command.handoff_id),
        *(TODO.of(turn_todo(command.handoff_id, course.turn + ahead)) for ahead in (0, 1)),
    ]


def turn_todo(handoff_id: str, turn: int) -> str:
    """The id of the to-do of one turn."""
    return str(uuid5(NAMESPACE, f"{handoff_id} turn {turn}"))


def course_for(states: States, command: OnHandoff, given: Given, *sides: Side) -> Course:
    """The course, if the one who asks may act for one of `sides` (none named: for either).

    Raises NotFound for somebody of neither side, Rejected NOT_PERMITTED for somebody of the wrong one.
    """
    course = states[HANDOFF.of(command.handoff_id)]
    mine = sides_of(course, given)
    if not course.scene or not mine:
        raise NotFound("handoff", command.handoff_id)
    if sides and mine.isdisjoint(sides):
        raise Rejected("NOT_PERMITTED", f"only the {' or the '.join(sides)} can do this")
    return course


def sides_of(course: Course, given: Given) -> set[Side]:
    """The sides that the one who asks may act for."""
    people: dict[Side, set[str]] = {"sender": {course.from_person, course.sender}, "receiver": {course.to_person}}
    reach = given[Reach]
    return {side for side, ids in people.items() if any(map(reach.covers, ids))}


def in_step(course: Course, *steps: str) -> None:
    """Refuses a handoff that is in another step, or paused."""
    if course.step not in steps:
        raise Rejected("CONFLICT_STATE", f"the handoff is {course.step.replace('_', ' ')}", state=course.step)
    if course.paused:
        raise Rejected("CONFLICT_STATE", "the handoff is paused: resume it first", state="paused")


def pinned(course: Course, given: Given) -> Template:
    """The template in the version the handoff was drafted with."""
    template = template_at(course.template_id, course.template_version, given[RuleBook])
    if template is None:
        raise NotFound("deliverable template", course.template_id)
    return template


def turned(
    states: States, command: OnHandoff, given: Given, fact: Fact, todo: TodoCreated | None = None
) -> Sequence[Fact]:
    """The fact that moves the handoff on, with the to-do of this turn done and that of the next created."""
    course = states[HANDOFF.of(command.handoff_id)]
    old = turn_todo(command.handoff_id, course.turn)
    done = [completed(old, fact.wire.split(".")[0], given)] if states[TODO.of(old)].waits else []
    return [fact, *done, *([todo] if todo else [])]


def todo_for(
    course: Course, command: OnHandoff, given: Given, side: Side, assignee: str, title: str, due_at: datetime | None
) -> TodoCreated:
    """The to-do of the next turn."""
    return TodoCreated(
        todo_id=turn_todo(command.handoff_id, course.turn + 1),
        role=side,
        assignee=assignee,
        title=f"{title}: {course.scene.replace('_', ' ')}",
        subject=Subject(type=course.subject_type, id=course.subject_id),
        source=f"handoff-{command.handoff_id}",
        due_at=due_at,
        created_at=given.now,
    )


def elapsed(calendar: Calendar, start: datetime, end: datetime) -> Elapsed:
    """A duration in the three clocks, in whole seconds."""
    return Elapsed(
        wall=int(calendar.elapsed(start, end, "wall").total_seconds()),
        workday=int(calendar.elapsed(start, end, "workday").total_seconds()),
        business=int(calendar.elapsed(start, end, "business").total_seconds()),
    )


def known_codes(template: Template, codes: list[str]) -> None:
    """Raises Rejected for codes that the template does not have or that stand there twice."""
    known = [item.code for item in template.document.items]
    if unknown := sorted({code for code in codes if code not in known or codes.count(code) > 1}):
        raise Rejected("VALIDATION", f"not items of the template, or named twice: {', '.join(unknown)}", items=known)


def ledger_moved(scene: str, subject: Subject, open_handoff: str | None) -> HandoffLedgerMoved:
    """Which handoff of a scene is open for a subject from now on."""
    return HandoffLedgerMoved(scene=scene, subject_type=subject.type, subject_id=subject.id, open_handoff=open_handoff)
