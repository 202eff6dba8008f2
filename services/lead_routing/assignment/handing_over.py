"""The facts by which a lead gets an owner, whoever decided it: routing, a manager, the former owner's right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from libs.events.contracts.lead_routing import LeadAssigned, LeadReassigned
from libs.events.deciding import Given, States
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import PublishedRule
from services.lead_routing.leads.lead import Lead
from services.lead_routing.organisation.rep import Rep
from services.lead_routing.routing.policy import RoutingPolicy
from services.lead_routing.workload.domain import NOTHING, WORKLOAD, Workload, weigh

CAPACITY, DAILY_CAP, ON_LEAVE, INACTIVE, COOL_DOWN = "CAPACITY", "DAILY_CAP", "ON_LEAVE", "INACTIVE", "COOL_DOWN"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets a lead."""

    rep_id: str
    rep: Rep
    workload: Workload


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which policy, how, and why a lead is handed over."""

    rule: PublishedRule
    mode: Literal["auto", "manual", "ownership"]
    reason: str | None = None
    override: Sequence[str] = ()


def obstacles(lead: Lead, to: Receiver, policy: RoutingPolicy, given: Given) -> list[str]:
    """Which conditions of an assignment a rep does not meet (3.1.3-4, 3.1.3-6)."""
    calendar = given[Calendars].of(to.rep_id, to.rep.team_id)
    notice = timedelta(minutes=policy.leave_notice_minutes)
    new_today = to.workload.new_on(calendar.local_date(given.now))
    checks = {
        INACTIVE: not to.rep.active,
        ON_LEAVE: to.rep.away(given.now, calendar, notice),
        CAPACITY: to.workload.load + policy.lead_weight > capacity(to.rep, policy),
        DAILY_CAP: new_today >= (policy.daily_new_cap if to.rep.daily_new_cap is None else to.rep.daily_new_cap),
        COOL_DOWN: lead.cooling_down(to.rep_id, given.now, policy.cool_down_days) is not None,
    }
    return [name for name, broken in checks.items() if broken]


def capacity(rep: Rep, policy: RoutingPolicy) -> Decimal:
    """How much a rep can carry; the policy's word for one of whom nothing is said."""
    return policy.max_weighted_load if rep.max_weighted_load is None else rep.max_weighted_load


def hand_over(states: States, lead_id: str, lead: Lead, to: Receiver, terms: Terms, given: Given) -> list[Fact]:
    """The lead is the receiver's from now on, weighs on them, and no longer on the owner before.

    The streams of both workloads must have been named.
    """
    policy = terms.rule.parsed(RoutingPolicy)
    day = given[Calendars].of(to.rep_id, to.rep.team_id).local_date(given.now)
    return [
        _handed(lead_id, lead, to, terms, given),
        *weigh(to.workload, to.rep_id, lead_id, policy.lead_weight, new_on=day),
        *taken_off(states, lead_id, lead.owner_id),
    ]


def _handed(lead_id: str, lead: Lead, to: Receiver, terms: Terms, given: Given) -> LeadAssigned | LeadReassigned:
    """Assigned, or reassigned where somebody gives it up; with the time to accept it in and its protection."""
    policy = terms.rule.parsed(RoutingPolicy)
    calendar = given[Calendars].of(to.rep_id, to.rep.team_id)
    accept_by = calendar.add(given.now, policy.accept_minutes.of(lead.tier), "business").at
    protected_until = given.now + timedelta(days=policy.protection.days)
    giver = lead.owner_id or (lead.former_owner if lead.reroute == "declined" else None)
    if giver is not None:
        return LeadReassigned(
            lead_id=lead_id,
            from_rep=giver,
            to_rep=to.rep_id,
            cause="manual" if terms.mode == "manual" else lead.reroute or "transfer",
            reassigned_at=given.now,
            accept_by=accept_by,
            protected_until=protected_until,
            handover_note=terms.reason,
            override=list(terms.override),
            rule_refs=[terms.rule.ref],
            calendar_version=calendar.version,
        )
    return LeadAssigned(
        lead_id=lead_id,
        rep_id=to.rep_id,
        mode=terms.mode,
        assigned_at=given.now,
        accept_by=accept_by,
        protected_until=protected_until,
        reason=terms.reason,
        override=list(terms.override),
        rule_refs=[terms.rule.ref],
        calendar_version=calendar.version,
    )


def taken_off(states: States, lead_id: str, owner_id: str | None) -> list[Fact]:
    """The lead no longer weighs on its owner; the stream of the workload must have been named."""
    return weigh(states[WORKLOAD.of(owner_id)], owner_id, lead_id, NOTHING) if owner_id else []
