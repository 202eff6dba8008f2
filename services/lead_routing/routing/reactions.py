"""When leads are routed: when they come in or come back, and when somebody has room again (3.1.4).

No room is missed: a lead is looked at once more with all that had happened when its hold began, and whoever gets room
later finds it among the leads on hold.
"""

from __future__ import annotations

from typing import Any

from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    LeadCaptured,
    LeadDeclined,
    LeadReopened,
    LeadTagCorrected,
    RepCapacitySet,
    RepLeaveCancelled,
    RepRegistered,
    RepSkillSet,
    RoutingHeld,
    WorkloadChanged,
)
from libs.events.contracts.rules import RulePublished, RuleRolledBack
from libs.events.facts import Recorded
from libs.events.projecting import Group
from libs.events.reacting import Attempt, Reaction
from services.lead_routing.routing.domain import ENRICHMENT, RETRY_HELD, ROUTE, Cause, RetryHeld, RouteLead
from services.lead_routing.routing.policy import POLICY_KIND

AT_A_TIME = 10


def route(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """A lead came in, was given back, waited too long, was reopened, is better known, or was put on hold.

    One that waits until more is known of it is looked at when it is, not when that hold begins.
    """
    fact = recorded.fact
    if isinstance(fact, RoutingHeld) and fact.reason == ENRICHMENT:
        return []
    company = fact.company if isinstance(fact, LeadCaptured) else None
    return [Attempt(ROUTE, RouteLead(lead_id=fact.lead_id, company=company, cause=_cause(recorded)))]


def retry(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """One item less makes room for one lead on hold; a person or policy that changed perhaps for several."""
    match recorded.fact:
        case WorkloadChanged(weight=weight):
            leads = 0 if weight else 1
        case RulePublished(kind=kind) | RuleRolledBack(kind=kind):
            leads = AT_A_TIME if kind == POLICY_KIND else 0
        case _:
            leads = AT_A_TIME
    return [Attempt(RETRY_HELD, RetryHeld(cause=_cause(recorded)), target=str(number)) for number in range(leads)]


def _cause(recorded: Recorded[Any]) -> Cause:
    return Cause(stream=recorded.stream, version=recorded.version)


ROUTE_LEADS = Reaction(
    "route-leads", (LeadCaptured, LeadDeclined, AcceptanceExpired, LeadReopened, LeadTagCorrected, RoutingHeld), route
)
RETRY_HELD_LEADS = Reaction(
    "retry-held-leads",
    (
        WorkloadChanged,
        RepCapacitySet,
        RepLeaveCancelled,
        RepRegistered,
        RepSkillSet,
        RulePublished,
        RuleRolledBack,
    ),
    retry,
)
