"""A lead, as far as decisions need it, and what each of its facts changes (domain.md 3.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from libs.events.contracts.common import Tier
from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    LeadAccepted,
    LeadActivityRecorded,
    LeadAssigned,
    LeadCaptured,
    LeadClaimed,
    LeadConverted,
    LeadDeclined,
    LeadDisqualified,
    LeadErased,
    LeadFirstResponded,
    LeadPooled,
    LeadReassigned,
    LeadReleased,
    LeadReopened,
    LeadSource,
    LeadTagCorrected,
    LeadTagged,
    LeadTiered,
    RoutingHeld,
)
from libs.events.deciding import Given, StreamKind
from libs.events.errors import NotFound
from libs.service.organisation import Reach

LeadState = Literal["unknown", "captured", "pooled", "assigned", "working", "converted", "disqualified", "erased"]
OPEN: frozenset[LeadState] = frozenset({"captured", "pooled", "assigned", "working"})
LEADERS = frozenset({"manager", "director"})


@dataclass(frozen=True, slots=True)
class Lead:
    """`captured` waits to be routed; an owner whose window passed keeps the lead until `reroute` finds another one.

    `lost` says when reps lost it, `turned_down` who declined it or let it wait. `owned_since` is when the protection
    of the present owner began; `claimed_from` the pool whose rules it follows (None: those of the routing policy).
    """

    state: LeadState = "unknown"
    source: LeadSource | None = None
    company: str = ""
    captured_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    tier: Tier | None = None
    owner_id: str | None = None
    former_owner: str | None = None
    pool_id: str | None = None
    claimed_at: datetime | None = None
    claimed_from: str | None = None
    owned_since: datetime | None = None
    accept_by: datetime | None = None
    automatic: bool = False
    protected_until: datetime | None = None
    responded: bool = False
    messages: frozenset[str] = frozenset()
    reroute: Literal["sla", "declined"] | None = None
    turned_down: frozenset[str] = frozenset()
    lost: Mapping[str, datetime] = field(default_factory=dict)
    held_reason: str | None = None
    held_until: datetime | None = None
    ended_at: datetime | None = None
    contacts: tuple[str, ...] = ()

    @property
    def waits_for_routing(self) -> bool:
        """Whether a rep is to be found for it."""
        return self.state == "captured" or self.reroute is not None

    def cooling_down(self, rep_id: str, now: datetime, days: int) -> datetime | None:
        """Until when a rep who lost the lead may not have it again (3.1.3-6); None if the rep may."""
        lost = self.lost.get(rep_id)
        until = lost + timedelta(days=days) if lost else None
        return until if until and now < until else None


def evolve(lead: Lead, fact: Any) -> Lead:
    """What a fact changes of a lead."""
    match fact:
        case LeadCaptured():
            return replace(
                lead,
                state="captured",
                source=fact.source,
                company=fact.company,
                captured_at=fact.captured_at,
                contacts=tuple(contact.contact_id for contact in fact.contacts),
            )
        case LeadTagged():
            return replace(lead, tags={**lead.tags, fact.dimension: fact.value})
        case LeadTagCorrected():
            return replace(lead, tags={**lead.tags, fact.dimension: fact.new})
        case LeadTiered():
            return replace(lead, tier=fact.tier)
        case RoutingHeld():
            return replace(lead, held_reason=fact.reason, held_until=fact.until)
        case LeadActivityRecorded():
            return _after_activity(lead, fact)
        case LeadFirstResponded():
            return replace(lead, responded=True)
        case LeadConverted():
            return replace(lead, state="converted", accept_by=None, reroute=None)
        case LeadDisqualified():
            ended = _without_owner(lead, "disqualified", fact.disqualified_at)
            return replace(ended, ended_at=fact.disqualified_at, lost=lead.lost)
        case LeadErased():
            return replace(lead, state="erased", ended_at=fact.erased_at)
        case LeadReopened():
            return replace(lead, state="captured", ended_at=None, turned_down=frozenset())
        case _:
            return _owned(lead, fact)


def _owned(lead: Lead, fact: Any) -> Lead:
    """Facts by which a lead finds an owner or loses one."""
    match fact:
        case LeadAssigned():
            owned = _with_owner(lead, fact.rep_id, fact.assigned_at, fact.accept_by, fact.protected_until)
            return replace(owned, automatic=fact.mode == "auto")
        case LeadReassigned():
            given_up = _without_owner(lead, "captured", fact.reassigned_at)
            owned = _with_owner(given_up, fact.to_rep, fact.reassigned_at, fact.accept_by, fact.protected_until)
            return replace(owned, automatic=fact.cause in {"sla", "declined"})
        case LeadClaimed():
            owned = _with_owner(lead, fact.rep_id, fact.claimed_at, None, fact.protected_until)
            return replace(owned, state="working", claimed_at=fact.claimed_at, claimed_from=fact.pool_id)
        case LeadAccepted():
            return replace(lead, state="working", accept_by=None, reroute=None, held_until=None, held_reason=None)
        case LeadDeclined():
            given_up = _without_owner(lead, "captured", fact.declined_at)
            return replace(given_up, reroute="declined", turned_down=lead.turned_down | {fact.rep_id})
        case AcceptanceExpired():
            return replace(lead, reroute="sla", accept_by=None, turned_down=lead.turned_down | {fact.rep_id})
        case LeadReleased():
            return _without_owner(lead, "captured", fact.released_at)
        case LeadPooled():
            return replace(_without_owner(lead, "pooled", fact.pooled_at), pool_id=fact.pool_id)
        case _:
            return lead


def _with_owner(
    lead: Lead, rep_id: str, since: datetime, accept_by: datetime | None, protected_until: datetime | None
) -> Lead:
    return replace(
        lead,
        state="assigned",
        owner_id=rep_id,
        pool_id=None,
        claimed_from=None,
        owned_since=since,
        accept_by=accept_by,
        protected_until=protected_until,
        messages=frozenset(),
        reroute=None,
        held_reason=None,
        held_until=None,
    )


def _without_owner(lead: Lead, state: LeadState, at: datetime) -> Lead:
    """Nobody's any more; the owner lost it at this moment, whoever caused it (3.1.3-6)."""
    lost = {**lead.lost, lead.owner_id: at} if lead.owner_id else lead.lost
    return replace(
        lead,
        state=state,
        owner_id=None,
        former_owner=lead.owner_id or lead.former_owner,
        pool_id=None,
        accept_by=None,
        protected_until=None,
        reroute=None,
        held_reason=None,
        held_until=None,
        lost=lost,
    )


def _after_activity(lead: Lead, fact: LeadActivityRecorded) -> Lead:
    messages = lead.messages | {fact.direction} if fact.kind == "message" and fact.direction else lead.messages
    return replace(lead, messages=messages, protected_until=fact.protected_until or lead.protected_until)


LEAD = StreamKind("lead", Lead(), evolve)


def existing(lead: Lead, lead_id: str) -> Lead:
    """The lead, or NotFound."""
    if lead.state == "unknown":
        raise NotFound("lead", lead_id)
    return lead


def within_reach(lead: Lead, lead_id: str, given: Given) -> Lead:
    """The lead if the actor may work on it: its owner, those above, and leaders for leads that nobody owns."""
    reach = given[Reach]
    unowned = lead.owner_id is None and bool(reach.roles & LEADERS)
    if not (reach.covers(lead.owner_id) or unowned):
        raise NotFound("lead", lead_id)
    return existing(lead, lead_id)
