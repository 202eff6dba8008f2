"""Silent-timeout escalation (S-43): a handoff that stands still is reported to the superiors of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.contracts.collaboration import HandoffStalled
from libs.events.contracts.common import Subject
from libs.events.deciding import Decider, Given, States, StreamOf
from libs.events.errors import NotFound
from libs.events.facts import Fact
from libs.events.reacting import Attempt
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.deliverables.domain import template_at
from services.collaboration.handoffs.clocks import silent_for, stalls_at
from services.collaboration.handoffs.commands import RecordStall
from services.collaboration.handoffs.course import HANDOFF, Course, Side
from services.collaboration.handoffs.sides import pinned

OTHER: dict[Side, Side] = {"sender": "receiver", "receiver": "sender"}
WAITS_FOR = {
    "awaiting_acceptance": "acceptance",
    "returned": "submission",
    "accepted": "delivery",
    "in_progress": "delivery",
    "delivered": "confirmation",
}


@dataclass(frozen=True, slots=True)
class Addressees:
    """Who is told about a stall, for the side that is waited for and for the other one."""

    waiting: str | None
    other: str | None

    @property
    def people(self) -> list[str]:
        """Each of them once."""
        return list(dict.fromkeys(person for person in (self.waiting, self.other) if person))

    @property
    def both_sides(self) -> bool:
        """One person is above both."""
        return self.waiting is not None and self.waiting == self.other


def due(course: Course, given: Given) -> datetime | None:
    """When the next level of the silence is reached; None while nobody is waited for."""
    return next_stall(course, given[Calendars], given[RuleBook])


def next_stall(course: Course, calendars: Calendars, rules: RuleBook) -> datetime | None:
    """The same for a query: by the calendar of whoever must act and the template of the draft."""
    template = template_at(course.template_id, course.template_version, rules)
    if course.waiting_for is None or template is None:
        return None
    return stalls_at(course, template.document, calendars.of(course.person(course.waiting_for)))


def attempt(handoff_id: str, course: Course, due_at: datetime) -> Attempt:
    """What the deadline leads to."""
    level = course.level + 1
    command = RecordStall(handoff_id=handoff_id, episode=course.episode, level=level, due_at=due_at)
    return Attempt(STALL, command, target=f"{handoff_id} {course.episode} {level}")


def streams(states: States, command: RecordStall, given: Given) -> list[StreamOf[Any]]:
    """The handoff."""
    return [HANDOFF.of(command.handoff_id)]


def decide(states: States, command: RecordStall, given: Given) -> list[Fact]:
    """Once for each level of an episode, with a brief; nothing if there was progress or a pause in the meantime.

    Alerting brings the brief to those it names.
    """
    course = states[HANDOFF.of(command.handoff_id)]
    if not course.scene:
        raise NotFound("handoff", command.handoff_id)
    side = course.waiting_for
    at = due(course, given)
    if side is None or at is None or (course.episode, course.level + 1) != (command.episode, command.level):
        return []
    if at > given.now:
        return []
    return [_stalled(course, side, command, _addressees(course, side, command.level, given[Reach]), given)]


def _stalled(course: Course, side: Side, command: RecordStall, told: Addressees, given: Given) -> HandoffStalled:
    template = pinned(course, given)
    calendar = given[Calendars].of(course.person(side))
    return HandoffStalled(
        handoff_id=command.handoff_id,
        scene=course.scene,
        subject=Subject(type=course.subject_type, id=course.subject_id),
        episode=command.episode,
        level=command.level,
        since=course.since or command.due_at,
        clock=template.document.stall.clock,
        silent_for=int(silent_for(course, template.document, calendar, given.now).total_seconds()),
        waiting_person=course.person(side),
        other_person=course.person(OTHER[side]),
        waiting_superior=told.waiting,
        other_superior=told.other,
        brief=_brief(course, side, command, told),
        due_at=command.due_at,
        fired_at=given.now,
        late_by=max(0, int((given.now - command.due_at).total_seconds())),
        rule_refs=[template.ref],
        calendar_version=calendar.version,
    )


def _brief(course: Course, side: Side, command: RecordStall, told: Addressees) -> dict[str, Any]:
    """What stands still, since when, who is waited for, what is missing, both people, where to look."""
    handoff = f"/v1/handoffs/{command.handoff_id}"
    return {
        "what": {"scene": course.scene, "subject": {"type": course.subject_type, "id": course.subject_id}},
        "state": course.step,
        "since": course.since.isoformat() if course.since else None,
        "waiting": {"side": side, "person": course.person(side)},
        "other": {"side": OTHER[side], "person": course.person(OTHER[side])},
        "missing": _missing(course),
        "notified": told.people,
        "both_sides": told.both_sides,
        "links": {"handoff": handoff, "comment": f"{handoff}/comments"},
    }


def _missing(course: Course) -> list[str]:
    """What would end the silence: answers first, then the items sent back, then the step's own event."""
    answers = [f"answer:{question['item'] or question['id']}" for question in course.questions]
    return [*answers, *course.missing, WAITS_FOR[course.step]]


def _addressees(course: Course, side: Side, level: int, reach: Reach) -> Addressees:
    """Level 1: the direct superiors of both people; 2: the heads of their departments; 3: the process owner."""
    waiting, other = course.person(side), course.person(OTHER[side])
    match level:
        case 1:
            return Addressees(reach.superior_of(waiting), reach.superior_of(other))
        case 2:
            heads = [reach.head_of_department_of(person) or reach.superior_of(person) for person in (waiting, other)]
            return Addressees(*heads)
        case _:
            return Addressees(reach.process_owner(), reach.process_owner())


STALL = Decider("record-stall", streams, decide, consults=(Reach, RuleBook, Calendars))
