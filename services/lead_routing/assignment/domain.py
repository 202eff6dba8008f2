"""Assigning by hand, accepting, declining, and the acceptance window that passes (domain.md 3.1.2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from libs.events.contracts.lead_routing import AcceptanceExpired, LeadAccepted, LeadDeclined, RoutingSettled
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.lead_routing.assignment.handing_over import CAPACITY, Receiver, Terms, hand_over, obstacles, taken_off
from services.lead_routing.leads.lead import LEAD, OPEN, Lead, existing, within_reach
from services.lead_routing.organisation.rep import REP
from services.lead_routing.routing.ledger import ROUTING
from services.lead_routing.routing.policy import POLICY_KIND, RoutingPolicy
from services.lead_routing.routing.scoring import returned
from services.lead_routing.workload.domain import WORKLOAD

Obstacle = Literal["ON_LEAVE", "CAPACITY", "DAILY_CAP", "COOL_DOWN"]


class AssignLead(Command):
    """Give a lead to a rep by hand. `override` names the conditions that are knowingly broken (3.1.3-4)."""

    lead_id: Id
    rep_id: Id
    reason: Annotated[Text, Field(min_length=1)]
    override: Annotated[tuple[Obstacle, ...], Field(max_length=4)] = ()


class AcceptLead(Command):
    """The owner takes the lead on."""

    lead_id: Id
    rep_id: str


class DeclineLead(Command):
    """The owner gives the lead back before working on it."""

    lead_id: Id
    rep_id: str
    reason_code: Line


class ExpireAcceptance(Command):
    """The window in which a rep should have accepted has passed."""

    lead_id: Id
    rep_id: Id
    due_at: AwareDatetime


def _with_workload(states: States, command: AssignLead | DeclineLead, given: Given) -> list[StreamOf[Any]]:
    lead = LEAD.of(command.lead_id)
    owner = states[lead].owner_id
    return [lead, *([WORKLOAD.of(owner)] if owner else [])]


def _assign_streams(states: States, command: AssignLead, given: Given) -> list[StreamOf[Any]]:
    return [*_with_workload(states, command, given), REP.of(command.rep_id), WORKLOAD.of(command.rep_id)]


def _assign(states: States, command: AssignLead, given: Given) -> list[Fact]:
    lead = within_reach(states[LEAD.of(command.lead_id)], command.lead_id, given)
    to = Receiver(command.rep_id, states[REP.of(command.rep_id)], states[WORKLOAD.of(command.rep_id)])
    if not to.rep.known or not given[Reach].covers(command.rep_id):
        raise NotFound("rep", command.rep_id)
    if lead.state not in OPEN:
        raise Rejected("CONFLICT_STATE", "the lead is closed")
    if lead.owner_id == command.rep_id:
        return []
    rule = given[RuleBook].only(POLICY_KIND)
    broken = obstacles(lead, to, rule.parsed(RoutingPolicy), given)
    if not_overridden := [name for name in broken if name not in command.override]:
        code = CAPACITY if CAPACITY in not_overridden else "CONFLICT_STATE"
        why = "the rep does not meet the conditions of an assignment; name them in `override` to assign nevertheless"
        raise Rejected(code, why, broken=not_overridden)
    terms = Terms(rule, "manual", command.reason, [name for name in broken if name in command.override])
    return hand_over(states, command.lead_id, lead, to, terms, given)


def _owned_by(states: States, lead_id: str, rep_id: str) -> Lead:
    """The lead, if the rep owns it; for others it is not there."""
    lead = existing(states[LEAD.of(lead_id)], lead_id)
    if lead.owner_id != rep_id:
        raise NotFound("lead", lead_id)
    return lead


def _accept(states: States, command: AcceptLead, given: Given) -> list[Fact]:
    lead = _owned_by(states, command.lead_id, command.rep_id)
    if lead.state == "working":
        return []
    if lead.state != "assigned":
        raise Rejected("CONFLICT_STATE", "the lead is closed")
    return [LeadAccepted(lead_id=command.lead_id, rep_id=command.rep_id, accepted_at=given.now)]


def _decline_streams(states: States, command: DeclineLead, given: Given) -> list[StreamOf[Any]]:
    rule = given[RuleBook].only(POLICY_KIND)
    return [*_with_workload(states, command, given), ROUTING.of(rule.rule_id)]


def _decline(states: States, command: DeclineLead, given: Given) -> list[Fact]:
    lead = existing(states[LEAD.of(command.lead_id)], command.lead_id)
    if lead.owner_id is None and lead.reroute == "declined" and lead.former_owner == command.rep_id:
        return []
    lead = _owned_by(states, command.lead_id, command.rep_id)
    if lead.state != "assigned":
        raise Rejected("CONFLICT_STATE", "the lead has been accepted: release it instead")
    declined = LeadDeclined(
        lead_id=command.lead_id,
        rep_id=command.rep_id,
        reason_code=command.reason_code,
        declined_at=given.now,
    )
    return [declined, *taken_off(states, command.lead_id, lead.owner_id), *_credit_back(states, command, lead, given)]


def _credit_back(states: States, command: DeclineLead, lead: Lead, given: Given) -> list[Fact]:
    """What an automatic assignment had cost, for the reasons on the policy's list."""
    rule = given[RuleBook].only(POLICY_KIND)
    known = states[ROUTING.of(rule.rule_id)].credits
    listed = command.reason_code in rule.parsed(RoutingPolicy).credit_back_reasons
    if not (lead.automatic and listed and command.rep_id in known):
        return []
    return [
        RoutingSettled(
            policy_id=rule.rule_id,
            lead_id=command.lead_id,
            winner=command.rep_id,
            credits={command.rep_id: returned(known[command.rep_id])},
            cause="returned",
            settled_at=given.now,
        )
    ]


def _expire(states: States, command: ExpireAcceptance, given: Given) -> list[Fact]:
    lead = existing(states[LEAD.of(command.lead_id)], command.lead_id)
    if (lead.owner_id, lead.state, lead.accept_by) != (command.rep_id, "assigned", command.due_at):
        return []
    return [
        AcceptanceExpired(
            lead_id=command.lead_id,
            rep_id=command.rep_id,
            due_at=command.due_at,
            fired_at=given.now,
            late_by=int((given.now - command.due_at).total_seconds()),
        )
    ]


def _lead_only(states: States, command: AcceptLead | ExpireAcceptance, given: Given) -> list[StreamOf[Any]]:
    return [LEAD.of(command.lead_id)]


ASSIGN = Decider("assign-lead", _assign_streams, _assign, consults=(Calendars, RuleBook, Reach))
ACCEPT = Decider("accept-lead", _lead_only, _accept)
DECLINE = Decider("decline-lead", _decline_streams, _decline, consults=(RuleBook,))
EXPIRE_ACCEPTANCE = Decider("expire-acceptance", _lead_only, _expire)
