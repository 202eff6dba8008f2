"""Routing a lead: the best fit gets it, or it waits, or it goes to a pool; every step leaves its reasons (3.1.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from libs.events.contracts.lead_routing import (
    LeadAssigned,
    LeadPooled,
    LeadReassigned,
    RoutingEvaluated,
    RoutingExhausted,
    RoutingHeld,
    RoutingSettled,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import PublishedRule, RuleBook
from services.lead_routing.assignment.handing_over import Terms, hand_over, taken_off
from services.lead_routing.leads.lead import LEAD, Lead, existing
from services.lead_routing.organisation.rep import REP
from services.lead_routing.routing.candidates import (
    FORMER_OWNER,
    MANAGER,
    Candidates,
    Plan,
    known,
    plan,
    receiver,
    why_nobody,
)
from services.lead_routing.routing.ledger import ROUTING
from services.lead_routing.routing.policy import POLICY_KIND, RoutingPolicy
from services.lead_routing.routing.scoring import settle
from services.lead_routing.workload.domain import WORKLOAD

ENRICHMENT, ABSENT, EXHAUSTED = "ENRICHMENT", "ABSENT", "EXHAUSTED"
Next = Literal["nothing", "pool", "enrich", "evaluate"]


class Cause(Command):
    """The fact that led to a command: what is consulted must have been told everything up to it."""

    stream: Annotated[str, Field(max_length=300)]
    version: int


class RouteLead(Command):
    """Find a rep for a lead that waits for one; `company` is the lead's, where the caller has it at hand."""

    lead_id: Id
    company: Line | None = None
    cause: Cause | None = None


class RetryHeld(Command):
    """Somebody has room again: find a rep for the first lead on hold that anybody can take."""

    cause: Cause | None = None


def what_next(lead: Lead, policy: RoutingPolicy, now: datetime) -> Next:
    """What routing has to do with a lead as it stands."""
    if not lead.waits_for_routing:
        return "nothing"
    first_time = lead.reroute is None
    if first_time and lead.source is not None and policy.goes_to_pool(lead.source.channel):
        return "pool"
    if first_time and len(known(lead)) < policy.known_dimensions:
        if lead.held_until is None:
            return "enrich"
        if lead.held_reason == ENRICHMENT and now < lead.held_until:
            return "nothing"
    return "evaluate"


def streams(states: States, command: RouteLead, given: Given) -> list[StreamOf[Any]]:
    """The lead, what the policy remembers, and of all reps only those who come out best."""
    main = LEAD.of(command.lead_id)
    lead = states[main]
    rule = given[RuleBook].only(POLICY_KIND)
    if main not in states or what_next(lead, rule.parsed(RoutingPolicy), given.now) != "evaluate":
        return [main]
    ledger = ROUTING.of(rule.rule_id)
    named: list[StreamOf[Any]] = [main, ledger, *([WORKLOAD.of(lead.owner_id)] if lead.owner_id else [])]
    if ledger in states:
        winner = plan(states, command.lead_id, lead, rule, states[ledger], given).evaluation.winner
        named += [REP.of(winner), WORKLOAD.of(winner)] if winner else []
    return named


def decide(states: States, command: RouteLead, given: Given) -> list[Fact]:
    """Assigned, held, pooled or exhausted; nothing if the lead needs no rep or still waits."""
    lead = existing(states[LEAD.of(command.lead_id)], command.lead_id)
    rule = given[RuleBook].only(POLICY_KIND)
    policy = rule.parsed(RoutingPolicy)
    match what_next(lead, policy, given.now):
        case "nothing":
            return []
        case "pool":
            return _pooled(states, command, lead, policy, "channel", given)
        case "enrich":
            wait = timedelta(minutes=policy.enrichment_minutes)
            until = given[Calendars].of(None).add(given.now, wait, "business").at
            return [_held(command, ENRICHMENT, until, given)]
        case "evaluate":
            found = plan(states, command.lead_id, lead, rule, states[ROUTING.of(rule.rule_id)], given)
            if found.evaluation.winner is None:
                return _nobody(states, command, lead, rule, found, given)
            return _assigned(states, command, lead, rule, found, found.evaluation.winner, given)


def _assigned(
    states: States, command: RouteLead, lead: Lead, rule: PublishedRule, found: Plan, winner: str, given: Given
) -> list[Fact]:
    by_right = found.step.name == FORMER_OWNER
    settled = RoutingSettled(
        policy_id=rule.rule_id,
        lead_id=command.lead_id,
        winner=winner,
        credits=settle(found.evaluation.candidates, winner),
        settled_at=given.now,
    )
    reason = "overflow" if found.step.name == MANAGER else None
    terms = Terms(rule, "ownership" if by_right else "auto", reason)
    to = receiver(states, given[Candidates], winner)
    return [
        _evaluated(command, lead, rule, found, given),
        *([] if by_right or found.step.name == MANAGER else [settled]),
        *hand_over(states, command.lead_id, lead, to, terms, given),
    ]


def _nobody(
    states: States, command: RouteLead, lead: Lead, rule: PublishedRule, found: Plan, given: Given
) -> list[Fact]:
    policy = rule.parsed(RoutingPolicy)
    calendar = given[Calendars].of(None)
    tomorrow = calendar.next_opening(calendar.local_midnight_after(given.now)).at
    evaluated = _evaluated(command, lead, rule, found, given)
    if lead.held_until is None or lead.held_reason == ENRICHMENT:
        why = why_nobody(found.evaluation)
        window = calendar.add(given.now, policy.hold_minutes.of(lead.tier), "business").at
        return [evaluated, _held(command, why, tomorrow if why == ABSENT else window, given)]
    if given.now < lead.held_until:
        return []
    exhausted = RoutingExhausted(lead_id=command.lead_id, chain=list(found.chain), exhausted_at=given.now)
    if policy.pool_id is None:
        return [evaluated, exhausted, _held(command, EXHAUSTED, tomorrow, given)]
    return [evaluated, exhausted, *_pooled(states, command, lead, policy, "exhausted", given)]


def _evaluated(command: RouteLead, lead: Lead, rule: PublishedRule, found: Plan, given: Given) -> RoutingEvaluated:
    return RoutingEvaluated(
        lead_id=command.lead_id,
        policy_id=rule.rule_id,
        policy_version=rule.version,
        tier=lead.tier,
        tags=known(lead),
        candidates=list(found.evaluation.candidates),
        winner=found.evaluation.winner,
        tie_break=found.evaluation.tie_break,
        evaluated_at=given.now,
        rule_refs=[rule.ref],
    )


def _held(command: RouteLead, reason: str, until: datetime, given: Given) -> RoutingHeld:
    return RoutingHeld(lead_id=command.lead_id, reason=reason, held_at=given.now, until=until)


def _pooled(
    states: States, command: RouteLead, lead: Lead, policy: RoutingPolicy, cause: str, given: Given
) -> list[Fact]:
    pooled = LeadPooled(lead_id=command.lead_id, pool_id=policy.pool_id or "", cause=cause, pooled_at=given.now)
    return [pooled, *taken_off(states, command.lead_id, lead.owner_id)]


def retry_streams(states: States, command: RetryHeld, given: Given) -> list[StreamOf[Any]]:
    """Those of the leads on hold, up to the first one that somebody can take."""
    named: list[StreamOf[Any]] = []
    for held in given[Candidates].held:
        route = RouteLead(lead_id=held.lead_id, company=held.company)
        own = streams(states, route, given)
        named += own
        if any(stream not in states for stream in own) or _is_assigned(decide(states, route, given)):
            break
    return named


def retry_decide(states: States, command: RetryHeld, given: Given) -> list[Fact]:
    """The first lead on hold that somebody can take is assigned; what the others wait for has not changed."""
    for held in given[Candidates].held:
        facts = decide(states, RouteLead(lead_id=held.lead_id, company=held.company), given)
        if _is_assigned(facts):
            return facts
    return []


def _is_assigned(facts: list[Fact]) -> bool:
    return any(isinstance(fact, LeadAssigned | LeadReassigned) for fact in facts)


CONSULTED = (Candidates, Calendars, RuleBook)
"""Candidates first: looking them up waits for the read models of all three."""
ROUTE = Decider("route-lead", streams, decide, consults=CONSULTED)
RETRY_HELD = Decider("retry-held-leads", retry_streams, retry_decide, consults=CONSULTED)
