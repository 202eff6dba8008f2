"""When leads are routed."""

from __future__ import annotations

from decimal import Decimal

from libs.events.contracts.examples.ids import POLICY
from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    LeadTagCorrected,
    RepCapacitySet,
    RoutingHeld,
    WorkloadChanged,
)
from libs.events.contracts.rules import RulePublished
from libs.events.facts import Fact
from libs.events.projecting import Group
from libs.events.reacting import Attempt
from libs.events.testing import recorded
from services.lead_routing.routing.domain import ENRICHMENT, ROUTE
from services.lead_routing.routing.reactions import RETRY_HELD_LEADS, ROUTE_LEADS
from services.lead_routing.tests.scenes import NOON, captured


def attempts(fact: Fact, reaction: object = RETRY_HELD_LEADS) -> list[Attempt]:
    (one,) = recorded(fact)
    return list(reaction.react(one, Group("")))  # type: ignore[attr-defined]


def test_a_captured_lead_and_one_that_waited_too_long_are_routed() -> None:
    """F2"""
    (first,) = attempts(captured()[0], ROUTE_LEADS)
    assert first.decider is ROUTE
    assert first.command.model_dump() == {
        "lead_id": "lead-1",
        "company": "华东精工",
        "cause": {"stream": "lead-routing/lead-lead-1", "version": 1},
    }
    expired = AcceptanceExpired(lead_id="lead-1", rep_id="li", due_at=NOON, fired_at=NOON)
    (again,) = attempts(expired, ROUTE_LEADS)
    assert again.command.model_dump(exclude={"cause"}) == {"lead_id": "lead-1", "company": None}


def test_a_lead_put_on_hold_is_looked_at_once_more_unless_it_waits_to_be_better_known() -> None:
    """3.1.4: room that came meanwhile is not missed; what is learnt of a lead routes it by itself."""
    held = RoutingHeld(lead_id="lead-1", reason="FULL", held_at=NOON, until=NOON)
    (again,) = attempts(held, ROUTE_LEADS)
    assert again.decider is ROUTE
    assert attempts(held.model_copy(update={"reason": ENRICHMENT}), ROUTE_LEADS) == []
    corrected = LeadTagCorrected(lead_id="lead-1", dimension="region", old="north", new="east", reason="moved")
    assert len(attempts(corrected, ROUTE_LEADS)) == 1


def test_room_that_comes_free_is_offered_to_a_held_lead() -> None:
    """3.1.7"""
    assert len(attempts(WorkloadChanged(rep_id="li", item="deal", weight=Decimal(0)))) == 1
    assert attempts(WorkloadChanged(rep_id="li", item="deal", weight=Decimal(1))) == []
    assert len(attempts(RepCapacitySet(rep_id="li", max_weighted_load=Decimal(40), daily_new_cap=9))) == 10


def test_a_policy_published_mid_flight_looks_at_held_leads_again() -> None:
    """3.1.7"""
    policy = RulePublished(
        rule_id=POLICY,
        kind="routing-policy",
        name="x",
        version=2,
        document={},
        document_hash="",
        by="he",
        published_at=NOON,
    )
    assert len(attempts(policy)) == 10
    assert attempts(policy.model_copy(update={"kind": "tier-policy"})) == []
