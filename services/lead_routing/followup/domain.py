"""Work on a lead, and its end: activities, conversion, disqualification, reopening (domain.md 3.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Protocol

from pydantic import AwareDatetime, Field

from libs.events.contracts.common import Elapsed
from libs.events.contracts.lead_routing import (
    ActivityKind,
    LeadAccepted,
    LeadActivityRecorded,
    LeadConverted,
    LeadDisqualified,
    LeadFirstResponded,
    LeadReopened,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import Rejected
from libs.events.facts import Dated, Fact
from libs.rules.calendars import Calendar, Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.lead_routing.assignment.handing_over import taken_off
from services.lead_routing.followup.substance import Direction, why_not
from services.lead_routing.leads.lead import LEAD, OPEN, Lead, existing, within_reach
from services.lead_routing.pools.pool import POOL
from services.lead_routing.routing.policy import POLICY_KIND, Protection, RoutingPolicy
from services.lead_routing.workload.domain import WORKLOAD

LATE_BUT_COUNTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RecentNotes:
    """Consulted: the texts of the rep's last 20 notes."""

    texts: tuple[str, ...] = ()


class RecordActivity(Command):
    """Something was done on a lead. `happened_at` is now if not given; late entries need a reason."""

    lead_id: Id
    activity_id: Id
    kind: ActivityKind
    direction: Direction | None = None
    duration_s: Annotated[int, Field(ge=0, le=86_400)] | None = None
    text: Annotated[Text, Field(max_length=4_000)] | None = None
    next_step_due: AwareDatetime | None = None
    happened_at: AwareDatetime | None = None
    late_reason: Line | None = None

    def subjects(self) -> list[str]:
        """The text is sealed for the lead."""
        return [self.lead_id]


class ConvertLead(Command):
    """The lead becomes an opportunity of its owner."""

    lead_id: Id
    opportunity_id: Id
    account_id: Id
    amount: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    expected_close: date | None = None


class DisqualifyLead(Command):
    """The lead leads nowhere."""

    lead_id: Id
    reason_code: Line


class ReopenLead(Command):
    """Work on a disqualified lead again."""

    lead_id: Id
    reason: Annotated[Text, Field(min_length=1)]


def _activity_streams(states: States, command: RecordActivity, given: Given) -> list[StreamOf[Any]]:
    main = LEAD.of(command.lead_id)
    pool_id = states[main].claimed_from
    return [main, *([POOL.of(pool_id)] if pool_id else [])]


def _record_activity(states: States, command: RecordActivity, given: Given) -> list[Fact | Dated]:
    lead = within_reach(states[LEAD.of(command.lead_id)], command.lead_id, given)
    owner = lead.owner_id
    if owner is None or lead.state not in OPEN:
        raise Rejected("CONFLICT_STATE", "nobody works on the lead: it is closed, or waits in a pool or to be routed")
    happened_at = command.happened_at or given.now
    refusal = why_not(
        command.kind,
        direction=command.direction,
        duration_s=command.duration_s,
        text=command.text,
        has_next_step=command.next_step_due is not None and command.next_step_due > given.now,
        messages=lead.messages,
        recent_notes=given[RecentNotes].texts,
    )
    recorded = LeadActivityRecorded(
        lead_id=command.lead_id,
        rep_id=_who(owner, given),
        activity_id=command.activity_id,
        kind=command.kind,
        direction=command.direction,
        duration_s=command.duration_s,
        content_hash=given[Sealer].keyed_hash(command.text) if command.text else None,
        note=given[Sealer].seal(command.lead_id, command.text) if command.text else None,
        substantive=refusal is None,
        why_not=refusal,
        next_step_due=command.next_step_due,
        happened_at=happened_at,
        protected_until=_protection(states, lead, happened_at, given) if refusal is None else None,
    )
    activity = Dated(recorded, happened_at, command.late_reason)
    return [*_accepted(lead, recorded, given), activity, *_responded(lead, recorded, given)]


def _who(owner: str, given: Given) -> str:
    """The person who asks; a connector reports what the owner did."""
    person = given.actor.kind == "user" and "integration" not in given[Reach].roles
    return given.actor.id if person else owner


def _accepted(lead: Lead, activity: LeadActivityRecorded, given: Given) -> list[Fact]:
    """The first substantive act of the owner accepts the lead."""
    if lead.state != "assigned" or not activity.substantive or activity.rep_id != lead.owner_id:
        return []
    return [LeadAccepted(lead_id=activity.lead_id, rep_id=activity.rep_id, accepted_at=given.now)]


def _responded(lead: Lead, activity: LeadActivityRecorded, given: Given) -> list[Fact]:
    """The first substantive act answers the customer, who has waited since the capture, whoever owned it (3.1.3-11)."""
    if lead.responded or lead.captured_at is None or not activity.substantive:
        return []
    calendar = given[Calendars].of(activity.rep_id)
    answered_at = max(activity.happened_at, lead.captured_at)
    return [
        LeadFirstResponded(
            lead_id=activity.lead_id,
            rep_id=activity.rep_id,
            responded_at=answered_at,
            elapsed=elapsed(calendar, lead.captured_at, answered_at),
        )
    ]


def elapsed(calendar: Calendar, start: datetime, end: datetime) -> Elapsed:
    """A duration in the three clocks, in whole seconds."""

    def seconds(duration: timedelta) -> int:
        return int(duration.total_seconds())

    return Elapsed(
        wall=seconds(end - start),
        workday=seconds(calendar.elapsed(start, end, "workday")),
        business=seconds(calendar.elapsed(start, end, "business")),
    )


def _protection(states: States, lead: Lead, happened_at: datetime, given: Given) -> datetime | None:
    """min(max_until, max(default_until, extended_until)) (3.1.3-7); an act recorded late extends nothing (3.1.7)."""
    if lead.owned_since is None or given.now - happened_at > LATE_BUT_COUNTS:
        return lead.protected_until
    terms = _terms(states, lead, given)
    default_until = lead.owned_since + timedelta(days=terms.days)
    max_until = lead.owned_since + timedelta(days=terms.max_days)
    extended_until = happened_at + timedelta(days=terms.extension_days)
    return min(max_until, max(default_until, extended_until, lead.protected_until or default_until))


def _terms(states: States, lead: Lead, given: Given) -> Protection:
    """The pool's rules for a claimed lead, otherwise the routing policy's."""
    if lead.claimed_from:
        return states[POOL.of(lead.claimed_from)].rules.protection
    return given[RuleBook].only(POLICY_KIND).parsed(RoutingPolicy).protection


class OfALead(Protocol):
    """A command about a lead."""

    @property
    def lead_id(self) -> str:
        """The lead's id."""
        ...


def with_workload(states: States, command: OfALead, given: Given) -> list[StreamOf[Any]]:
    """The lead, and the load of whoever has it."""
    main = LEAD.of(command.lead_id)
    owner = states[main].owner_id
    return [main, *([WORKLOAD.of(owner)] if owner else [])]


def _convert(states: States, command: ConvertLead, given: Given) -> list[Fact]:
    lead = within_reach(states[LEAD.of(command.lead_id)], command.lead_id, given)
    if lead.state == "converted":
        raise Rejected("CONFLICT_STATE", "the lead is an opportunity already")
    if lead.owner_id is None or lead.source is None or lead.state not in OPEN:
        raise Rejected("CONFLICT_STATE", "only a lead that somebody works on becomes an opportunity")
    if (command.amount is None) != (command.currency is None):
        raise Rejected("VALIDATION", "an amount and its currency come together")
    converted = LeadConverted(
        rep_id=lead.owner_id,
        company=lead.company,
        tier=lead.tier,
        tags=dict(lead.tags),
        source=lead.source,
        converted_at=given.now,
        **command.model_dump(),
    )
    return [converted, *taken_off(states, command.lead_id, lead.owner_id)]


def _disqualify(states: States, command: DisqualifyLead, given: Given) -> list[Fact]:
    lead = within_reach(states[LEAD.of(command.lead_id)], command.lead_id, given)
    if lead.state == "disqualified":
        return []
    if lead.state not in OPEN:
        raise Rejected("CONFLICT_STATE", "the lead is an opportunity: close that one")
    disqualified = LeadDisqualified(
        lead_id=command.lead_id,
        rep_id=lead.owner_id,
        reason_code=command.reason_code,
        disqualified_at=given.now,
    )
    return [disqualified, *taken_off(states, command.lead_id, lead.owner_id)]


def _reopen(states: States, command: ReopenLead, given: Given) -> list[Fact]:
    lead = existing(states[LEAD.of(command.lead_id)], command.lead_id)
    if not given[Reach].covers(lead.former_owner):
        within_reach(lead, command.lead_id, given)
    if lead.state in OPEN:
        return []
    if lead.state != "disqualified":
        raise Rejected("CONFLICT_STATE", "only a disqualified lead can be reopened")
    return [LeadReopened(lead_id=command.lead_id, reason=command.reason, reopened_at=given.now)]


RECORD_ACTIVITY = Decider(
    "record-activity", _activity_streams, _record_activity, consults=(Calendars, RuleBook, Reach, Sealer, RecentNotes)
)
CONVERT = Decider("convert-lead", with_workload, _convert, consults=(Reach,))
DISQUALIFY = Decider("disqualify-lead", with_workload, _disqualify, consults=(Reach,))
REOPEN = Decider("reopen-lead", lambda states, command, given: [LEAD.of(command.lead_id)], _reopen, consults=(Reach,))
