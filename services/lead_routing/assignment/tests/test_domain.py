"""Assigning by hand, accepting, declining, and the window that passes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    LeadAccepted,
    LeadAssigned,
    LeadDeclined,
    LeadReassigned,
    RoutingSettled,
    WorkloadChanged,
)
from libs.events.errors import NotFound
from libs.events.testing import given
from services.lead_routing.assignment.domain import (
    ACCEPT,
    ASSIGN,
    DECLINE,
    EXPIRE_ACCEPTANCE,
    AcceptLead,
    AssignLead,
    DeclineLead,
    ExpireAcceptance,
)
from services.lead_routing.tests.scenes import (
    CALENDARS,
    EVERYTHING,
    NOON,
    RULES,
    assigned,
    credits_are,
    pooled,
    reach,
    registered,
)

TO_LI = AssignLead(lead_id="lead-1", rep_id="li", reason="老客户")
DUE = NOON + timedelta(hours=2)


def test_a_pooled_lead_can_be_assigned_by_hand() -> None:
    """3.1.2"""
    outcome = given(ASSIGN, *pooled(), *registered("li")).when(TO_LI, NOON, CALENDARS, RULES, EVERYTHING)
    handed = outcome.fact(LeadAssigned)
    assert (handed.rep_id, handed.mode, handed.reason, handed.override) == ("li", "manual", "老客户", [])


def test_a_broken_condition_must_be_named_to_be_overridden() -> None:
    """3.1.3-4"""
    scene = given(ASSIGN, *pooled(), *registered("li", load="30"))
    refusal = scene.when(TO_LI, NOON, CALENDARS, RULES, EVERYTHING).then_rejected("CAPACITY")
    assert refusal.details == {"broken": ["CAPACITY"]}
    named = TO_LI.model_copy(update={"override": ("CAPACITY", "ON_LEAVE")})
    assert scene.when(named, NOON, CALENDARS, RULES, EVERYTHING).fact(LeadAssigned).override == ["CAPACITY"]


def test_a_lead_that_somebody_has_is_handed_over_with_its_load() -> None:
    """3.1.2"""
    scene = given(ASSIGN, *assigned("wang"), *registered("li"))
    outcome = scene.when(TO_LI, NOON, CALENDARS, RULES, EVERYTHING)
    moved = outcome.fact(LeadReassigned)
    assert (moved.from_rep, moved.to_rep, moved.cause, moved.handover_note) == ("wang", "li", "manual", "老客户")
    loads = [(fact.rep_id, fact.weight) for fact in outcome.facts if isinstance(fact, WorkloadChanged)]
    assert loads == [("li", 1), ("wang", 0)]


def test_a_manager_assigns_only_within_reach() -> None:
    with pytest.raises(NotFound):
        given(ASSIGN, *pooled(), *registered("li")).when(TO_LI, NOON, CALENDARS, RULES, reach("zhou", "manager"))


def test_only_the_owner_accepts_and_twice_is_harmless() -> None:
    """3.1.2"""
    accept = AcceptLead(lead_id="lead-1", rep_id="li")
    accepted = LeadAccepted(lead_id="lead-1", rep_id="li", accepted_at=NOON)
    given(ACCEPT, *assigned("li")).when(accept, NOON).then(accepted)
    given(ACCEPT, *assigned("li"), accepted).when(accept, NOON).then()
    with pytest.raises(NotFound):
        given(ACCEPT, *assigned("wang")).when(accept, NOON)


def test_a_declined_lead_costs_credit_unless_the_reason_is_on_the_policys_list() -> None:
    """3.1.2"""
    scene = given(DECLINE, *assigned("li"), credits_are(li="-0.4667"))
    plain = scene.when(DeclineLead(lead_id="lead-1", rep_id="li", reason_code="too_far"), NOON, RULES)
    plain.then(
        LeadDeclined(lead_id="lead-1", rep_id="li", reason_code="too_far", declined_at=NOON),
        WorkloadChanged(rep_id="li", item="lead-1", weight=Decimal(0)),
    )
    listed = scene.when(DeclineLead(lead_id="lead-1", rep_id="li", reason_code="duplicate"), NOON, RULES)
    settled = listed.fact(RoutingSettled)
    assert (settled.cause, settled.credits) == ("returned", {"li": Decimal("0.533300")})


def test_an_accepted_lead_is_released_not_declined() -> None:
    accepted = LeadAccepted(lead_id="lead-1", rep_id="li", accepted_at=NOON)
    decline = DeclineLead(lead_id="lead-1", rep_id="li", reason_code="too_far")
    given(DECLINE, *assigned("li"), accepted).when(decline, NOON, RULES).then_rejected("CONFLICT_STATE")


def test_a_window_expires_once_and_only_while_nobody_has_accepted() -> None:
    """3.1.2"""
    expire = ExpireAcceptance(lead_id="lead-1", rep_id="li", due_at=DUE)
    facts = assigned("li", accept_by=DUE)
    late = DUE + timedelta(seconds=90)
    expired = AcceptanceExpired(lead_id="lead-1", rep_id="li", due_at=DUE, fired_at=late, late_by=90)
    given(EXPIRE_ACCEPTANCE, *facts).when(expire, late).then(expired)
    given(EXPIRE_ACCEPTANCE, *facts, expired).when(expire, late).then()
    accepted = LeadAccepted(lead_id="lead-1", rep_id="li", accepted_at=NOON)
    given(EXPIRE_ACCEPTANCE, *facts, accepted).when(expire, late).then()
