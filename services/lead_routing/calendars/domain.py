"""Calendars: publishing their data, and saying who goes by which (domain.md 3.0)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from libs.events.contracts.lead_routing import CalendarAssigned, CalendarPublished
from libs.events.deciding import Command, Decider, Given, Id, States, StreamKind, StreamOf
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.rules.calendar_documents import CalendarDocument, Identifier

Scope = Literal["tenant", "team", "person"]


@dataclass(frozen=True, slots=True)
class PublishedCalendar:
    """The newest data of a calendar, and every version it ever had."""

    document: CalendarDocument | None = None
    versions: frozenset[str] = frozenset()


def evolve_calendar(calendar: PublishedCalendar, fact: Any) -> PublishedCalendar:
    """The newest data holds."""
    match fact:
        case CalendarPublished():
            document = CalendarDocument.model_validate(fact.document)
            return PublishedCalendar(document, calendar.versions | {fact.version})
        case _:
            return calendar


@dataclass(frozen=True, slots=True)
class Assignment:
    """The calendar that a tenant, team or person goes by."""

    calendar_id: str | None = None


def evolve_assignment(assignment: Assignment, fact: Any) -> Assignment:
    """The last one holds."""
    match fact:
        case CalendarAssigned():
            return replace(assignment, calendar_id=fact.calendar_id)
        case _:
            return assignment


CALENDAR = StreamKind("calendar", PublishedCalendar(), evolve_calendar)
CALENDAR_OF = StreamKind("calendar-of", Assignment(), evolve_assignment)


class PublishCalendar(Command):
    """A calendar's data in a new version."""

    calendar_id: Identifier
    document: CalendarDocument


class AssignCalendar(Command):
    """The tenant, a team or a person goes by this calendar from now on."""

    calendar_id: Id
    scope: Scope
    subject_id: Id


def _publish_streams(states: States, command: PublishCalendar, given: Given) -> list[StreamOf[Any]]:
    return [CALENDAR.of(command.calendar_id)]


def _publish(states: States, command: PublishCalendar, given: Given) -> list[Fact]:
    calendar = states[CALENDAR.of(command.calendar_id)]
    if command.document.calendar_id != command.calendar_id:
        raise Rejected("VALIDATION", "the document is of another calendar")
    if calendar.document == command.document:
        return []
    if command.document.version in calendar.versions:
        raise Rejected("CONFLICT_STATE", "a version never changes: give the new data a new version")
    return [
        CalendarPublished(
            calendar_id=command.calendar_id,
            version=command.document.version,
            document=command.document.model_dump(mode="json"),
        )
    ]


def _assign_streams(states: States, command: AssignCalendar, given: Given) -> list[StreamOf[Any]]:
    return [CALENDAR.of(command.calendar_id), CALENDAR_OF.of(command.scope, command.subject_id)]


def _assign(states: States, command: AssignCalendar, given: Given) -> list[Fact]:
    if states[CALENDAR.of(command.calendar_id)].document is None:
        raise NotFound("calendar", command.calendar_id)
    if command.scope == "tenant" and command.subject_id != given.tenant:
        raise NotFound("tenant", command.subject_id)
    if states[CALENDAR_OF.of(command.scope, command.subject_id)].calendar_id == command.calendar_id:
        return []
    return [CalendarAssigned(scope=command.scope, subject_id=command.subject_id, calendar_id=command.calendar_id)]


PUBLISH_CALENDAR = Decider("publish-calendar", _publish_streams, _publish)
ASSIGN_CALENDAR = Decider("assign-calendar", _assign_streams, _assign)
