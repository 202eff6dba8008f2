"""Tenants: adding one with its calendar and first administrator, suspending it, its partners' feed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from libs.events.contracts.lead_routing import (
    CalendarAssigned,
    CalendarPublished,
    FeedTurnedOff,
    FeedTurnedOn,
    RepRegistered,
    TenantAdded,
    TenantSuspended,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf, Text
from libs.events.errors import NotFound, Rejected
from libs.events.facts import TENANT_PATTERN, Fact
from libs.rules.calendars import shipped_calendar
from services.lead_routing.calendars.domain import CALENDAR, CALENDAR_OF
from services.lead_routing.organisation.rep import REP

TenantId = Annotated[str, Field(pattern=TENANT_PATTERN)]


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whether a tenant is there, is suspended, and has a feed."""

    known: bool = False
    suspended: bool = False
    feed: bool = False


def evolve(tenant: Organisation, fact: Any) -> Organisation:
    """What a fact changes of a tenant."""
    match fact:
        case TenantAdded():
            return replace(tenant, known=True)
        case TenantSuspended():
            return replace(tenant, suspended=True)
        case FeedTurnedOn():
            return replace(tenant, feed=True)
        case FeedTurnedOff():
            return replace(tenant, feed=False)
        case _:
            return tenant


TENANT = StreamKind("tenant", Organisation(), evolve)


class AddTenant(Command):
    """An organisation begins, with the shipped calendar and its first administrator."""

    tenant_id: TenantId
    name: Line
    locale: Literal["zh", "en"] = "zh"
    admin_id: Id
    admin_name: Line


class SuspendTenant(Command):
    """Commands of the organisation are refused from now on."""

    tenant_id: TenantId
    reason: Annotated[Text, Field(min_length=1)]


class TurnFeed(Command):
    """Let the organisation's partners read its topics, or no longer."""

    tenant_id: TenantId
    on: bool
    partitions: Annotated[int, Field(ge=1, le=100)] = 3


def _add_streams(states: States, command: AddTenant, given: Given) -> list[StreamOf[Any]]:
    return [
        TENANT.of(command.tenant_id),
        CALENDAR.of(shipped_calendar().calendar_id),
        CALENDAR_OF.of("tenant", command.tenant_id),
        REP.of(command.admin_id),
    ]


def _add(states: States, command: AddTenant, given: Given) -> list[Fact]:
    if command.tenant_id != given.tenant:
        raise Rejected("VALIDATION", "a tenant is added under its own id")
    if states[TENANT.of(command.tenant_id)].known:
        return []
    calendar = shipped_calendar()
    return [
        TenantAdded(
            tenant_id=command.tenant_id,
            name=command.name,
            locale=command.locale,
            calendar_id=calendar.calendar_id,
            admin_id=command.admin_id,
        ),
        CalendarPublished(
            calendar_id=calendar.calendar_id,
            version=calendar.version,
            document=calendar.document.model_dump(mode="json"),
        ),
        CalendarAssigned(scope="tenant", subject_id=command.tenant_id, calendar_id=calendar.calendar_id),
        RepRegistered(
            rep_id=command.admin_id,
            name=command.admin_name,
            roles=["process-owner", "operator"],
            effective_from=given.now,
        ),
    ]


def _only_tenant(states: States, command: SuspendTenant | TurnFeed, given: Given) -> list[StreamOf[Any]]:
    return [TENANT.of(command.tenant_id)]


def _existing(states: States, command: SuspendTenant | TurnFeed) -> Organisation:
    tenant = states[TENANT.of(command.tenant_id)]
    if not tenant.known:
        raise NotFound("tenant", command.tenant_id)
    return tenant


def _suspend(states: States, command: SuspendTenant, given: Given) -> list[Fact]:
    if _existing(states, command).suspended:
        return []
    return [TenantSuspended(tenant_id=command.tenant_id, reason=command.reason)]


def _turn_feed(states: States, command: TurnFeed, given: Given) -> list[Fact]:
    if _existing(states, command).feed == command.on:
        return []
    if command.on:
        return [FeedTurnedOn(tenant_id=command.tenant_id, partitions=command.partitions)]
    return [FeedTurnedOff(tenant_id=command.tenant_id)]


ADD_TENANT = Decider("add-tenant", _add_streams, _add)
SUSPEND_TENANT = Decider("suspend-tenant", _only_tenant, _suspend)
TURN_FEED = Decider("turn-feed", _only_tenant, _turn_feed)
