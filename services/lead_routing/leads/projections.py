"""The lead board: one row per lead, with its two deadlines; the acceptance window, and the end of a hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    LeadAccepted,
    LeadActivityRecorded,
    LeadAssigned,
    LeadCaptured,
    LeadCaptureRepeated,
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
    LeadTagCorrected,
    LeadTagged,
    LeadTiered,
    RoutingHeld,
)
from libs.events.deciding import Given
from libs.events.facts import Recorded
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.events.reacting import Attempt
from services.lead_routing.assignment.domain import EXPIRE_ACCEPTANCE, ExpireAcceptance
from services.lead_routing.leads.company import company_key
from services.lead_routing.leads.domain import PERSONAL
from services.lead_routing.routing.domain import ROUTE, RouteLead


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead as the board shows it; `contacts` are sealed, `captures` counts how often it came in."""

    lead_id: str
    version: int
    state: str
    company: str
    company_key: str
    uscc: str | None
    channel: str
    campaign_id: str | None
    external_id: str | None
    contacts: list[dict[str, Any]]
    captured_at: datetime
    captures: int
    tags: dict[str, str]
    tier: str | None = None
    owner_id: str | None = None
    former_owner: str | None = None
    pool_id: str | None = None
    pooled_at: datetime | None = None
    assigned_at: datetime | None = None
    accept_by: datetime | None = None
    accepted_at: datetime | None = None
    protected_until: datetime | None = None
    first_responded_at: datetime | None = None
    last_substantive_at: datetime | None = None
    held_reason: str | None = None
    held_at: datetime | None = None
    held_until: datetime | None = None
    opportunity_id: str | None = None
    reason_code: str | None = None


def keys(fact: Any) -> list[str]:
    """One lead is one key, and one stream."""
    return [fact.lead_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[LeadRow]:
    """The lead after one more fact."""
    fact, row = recorded.fact, group.one(LeadRow)
    if isinstance(fact, LeadCaptured):
        return [_captured(fact, recorded.version)]
    if row is None:
        return []
    return [replace(_after(row, fact), version=recorded.version)]


def _captured(fact: LeadCaptured, version: int) -> LeadRow:
    return LeadRow(
        lead_id=fact.lead_id,
        version=version,
        state="captured",
        company=fact.company,
        company_key=company_key(fact.company),
        uscc=fact.uscc,
        channel=fact.source.channel,
        campaign_id=fact.source.campaign_id,
        external_id=fact.source.external_id,
        contacts=[contact.model_dump(mode="json", exclude_none=True) for contact in fact.contacts],
        captured_at=fact.captured_at,
        captures=1,
        tags={},
    )


def _after(row: LeadRow, fact: Any) -> LeadRow:
    match fact:
        case LeadCaptureRepeated():
            return replace(row, captures=row.captures + 1)
        case LeadTagged(dimension=dimension, value=value) | LeadTagCorrected(dimension=dimension, new=value):
            return replace(row, tags={**row.tags, dimension: value})
        case LeadTiered(tier=tier):
            return replace(row, tier=tier)
        case LeadFirstResponded(responded_at=at):
            return replace(row, first_responded_at=at)
        case LeadActivityRecorded(substantive=True):
            happened = max(row.last_substantive_at or fact.happened_at, fact.happened_at)
            return replace(
                row, last_substantive_at=happened, protected_until=fact.protected_until or row.protected_until
            )
        case RoutingHeld(reason=reason, held_at=at, until=until):
            return replace(row, held_reason=reason, held_at=at, held_until=until)
        case LeadConverted(opportunity_id=opportunity_id):
            return replace(row, state="converted", opportunity_id=opportunity_id, accept_by=None)
        case LeadDisqualified(reason_code=reason_code):
            return replace(_unowned(row, "disqualified"), reason_code=reason_code)
        case LeadErased():
            known = [{name: text for name, text in one.items() if name not in PERSONAL} for one in row.contacts]
            return replace(row, state="erased", contacts=known)
        case LeadReopened():
            return replace(row, state="captured", reason_code=None)
        case _:
            return _owned(row, fact)


def _owned(row: LeadRow, fact: Any) -> LeadRow:
    match fact:
        case LeadAssigned(rep_id=rep_id, assigned_at=at) | LeadReassigned(to_rep=rep_id, reassigned_at=at):
            return replace(
                _unowned(row, "assigned"),
                owner_id=rep_id,
                assigned_at=at,
                accept_by=fact.accept_by,
                protected_until=fact.protected_until,
            )
        case LeadClaimed(rep_id=rep_id, claimed_at=at, protected_until=until):
            taken = _unowned(row, "working")
            return replace(taken, owner_id=rep_id, assigned_at=at, accepted_at=at, protected_until=until)
        case LeadAccepted(accepted_at=at):
            return replace(
                row, state="working", accepted_at=at, accept_by=None, held_reason=None, held_at=None, held_until=None
            )
        case AcceptanceExpired():
            return replace(row, accept_by=None)
        case LeadDeclined() | LeadReleased():
            return _unowned(row, "captured")
        case LeadPooled(pool_id=pool_id, pooled_at=at):
            return replace(_unowned(row, "pooled"), pool_id=pool_id, pooled_at=at)
        case _:
            return row


def _unowned(row: LeadRow, state: str) -> LeadRow:
    return replace(
        row,
        state=state,
        owner_id=None,
        former_owner=row.owner_id or row.former_owner,
        pool_id=None,
        pooled_at=None,
        assigned_at=None,
        accept_by=None,
        accepted_at=None,
        protected_until=None,
        held_reason=None,
        held_at=None,
        held_until=None,
    )


LEADS = Table(
    "leads",
    LeadRow,
    indexes=(
        ("lead_id",),
        ("captured_at", "lead_id"),
        ("owner_id", "captured_at", "lead_id"),
        ("pool_id", "pooled_at", "lead_id"),
        ("company_key",),
        ("held_until",),
    ),
)


def _acceptance_due(row: LeadRow, given: Given) -> datetime | None:
    return row.accept_by if row.state == "assigned" else None


def _expire(row: LeadRow, due_at: datetime) -> Attempt:
    command = ExpireAcceptance(lead_id=row.lead_id, rep_id=row.owner_id or "nobody", due_at=due_at)
    return Attempt(EXPIRE_ACCEPTANCE, command)


def _hold_due(row: LeadRow, given: Given) -> datetime | None:
    return row.held_until if row.state in {"captured", "assigned"} else None


def _route_again(row: LeadRow, due_at: datetime) -> Attempt:
    return Attempt(ROUTE, RouteLead(lead_id=row.lead_id, company=row.company))


LEAD_BOARD = Projection(
    name="lead-board",
    version=1,
    reads=(
        LeadCaptured,
        LeadCaptureRepeated,
        LeadTagged,
        LeadTagCorrected,
        LeadTiered,
        RoutingHeld,
        LeadAssigned,
        LeadReassigned,
        LeadClaimed,
        LeadAccepted,
        LeadDeclined,
        AcceptanceExpired,
        LeadReleased,
        LeadPooled,
        LeadActivityRecorded,
        LeadFirstResponded,
        LeadConverted,
        LeadDisqualified,
        LeadErased,
        LeadReopened,
    ),
    tables=(LEADS,),
    keys=keys,
    fold=fold,
    deadlines=(
        Deadline("acceptance", LEADS, _acceptance_due, _expire),
        Deadline("hold", LEADS, _hold_due, _route_again),
    ),
)
