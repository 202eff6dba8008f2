"""Collaboration events: recorded once, and each linked role gets its to-do in the same breath (S-39, S-40)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field

from libs.events.contracts.collaboration import CollabEventRecorded, TodoCreated
from libs.events.contracts.common import Subject
from libs.events.deciding import Command, Decider, Given, Id, States, StreamKind, StreamOf, Text
from libs.events.errors import Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.collaboration.accountability import detected, nobody, resolve
from services.collaboration.collab_events.flows import FlowStep, Following, following
from services.collaboration.deliverables.domain import Code
from services.collaboration.handoffs.course import OWNERLESS
from services.collaboration.todos.domain import TODO

NAMESPACE = UUID("7f0c1f0e-9a55-5d0b-8a7e-5b1f6f0c2d31")
AHEAD = timedelta(minutes=5)
Detail = Text | int | bool | Annotated[tuple[Text, ...], Field(max_length=100)] | None


class RecordCollabEvent(Command):
    """Something happened that several departments must know of; `people` are those it names for roles of the flow."""

    event_id: Id
    kind: Code
    subject_type: Code
    subject_id: Id
    payload: Annotated[dict[Code, Detail], Field(max_length=50)] = Field(default_factory=dict)
    people: Annotated[dict[Code, Id], Field(max_length=30)] = Field(default_factory=dict)
    happened_at: AwareDatetime | None = None


def _recorded(already: bool, fact: Any) -> bool:
    return already or isinstance(fact, CollabEventRecorded)


COLLAB_EVENT = StreamKind("collab-event", initial=False, evolve=_recorded)


def streams(states: States, command: RecordCollabEvent, given: Given) -> list[StreamOf[Any]]:
    """The event and, for each step that follows, its to-do and whether somebody could be found."""
    steps = following(command.kind, given[RuleBook]).steps
    ids = [_todo_id(command, index) for index in range(len(steps))]
    return [COLLAB_EVENT.of(command.event_id), *map(TODO.of, ids), *map(OWNERLESS.of, ids)]


def decide(states: States, command: RecordCollabEvent, given: Given) -> Sequence[Fact]:
    """The event and one to-do for each role of the flow; a role of nobody falls to the process owner."""
    if states[COLLAB_EVENT.of(command.event_id)]:
        return []
    happened_at = command.happened_at or given.now
    if happened_at > given.now + AHEAD:
        raise Rejected("VALIDATION", "happened_at lies in the future")
    flow = following(command.kind, given[RuleBook])
    recorded = CollabEventRecorded(
        event_id=command.event_id,
        kind=command.kind,
        subject=Subject(type=command.subject_type, id=command.subject_id),
        payload=command.model_dump(mode="json")["payload"],
        happened_at=happened_at,
        rule_refs=list(flow.refs),
    )
    facts: list[Fact] = [recorded]
    for index, step in enumerate(flow.steps):
        facts += _assigned(command, flow, step, _todo_id(command, index), given)
    return facts


def _assigned(
    command: RecordCollabEvent, flow: Following, step: FlowStep, todo_id: str, given: Given
) -> Iterator[Fact]:
    subject = Subject(type=command.subject_type, id=command.subject_id)
    found = resolve(given[Reach], flow.wanted(step, command.people.get(step.role)), given.now)
    fell_to = found.person_id if found else None
    detection = detected(given, todo_id, subject, step.title, step.role, fell_to, *flow.refs)
    if found is None:
        raise nobody(detection)
    yield TodoCreated(
        todo_id=todo_id,
        role=step.role,
        assignee=found.person_id,
        title=step.title,
        subject=subject,
        source=f"collab-event-{command.event_id}",
        due_at=_due(step, found.person_id, given),
        created_at=given.now,
    )
    if found.ownerless:
        yield detection


def _due(step: FlowStep, person_id: str, given: Given) -> datetime | None:
    if step.due_h is None:
        return None
    return given[Calendars].of(person_id).add(given.now, timedelta(hours=float(step.due_h)), step.clock).at


def _todo_id(command: RecordCollabEvent, index: int) -> str:
    return str(uuid5(NAMESPACE, f"{command.event_id} {index}"))


RECORD = Decider("record-collab-event", streams, decide, consults=(Reach, RuleBook, Calendars))
