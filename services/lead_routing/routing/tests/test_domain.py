"""Routing a lead: best fit, holds, overflow, the acceptance window, and races for the same rep."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    LeadAssigned,
    LeadDeclined,
    LeadDisqualified,
    LeadPooled,
    LeadReassigned,
    LeadReopened,
    RepLeavePlanned,
    RoutingEvaluated,
    RoutingExhausted,
    RoutingHeld,
    RoutingSettled,
    WorkloadChanged,
)
from libs.events.deciding import Given, States
from libs.events.facts import Actor, Fact
from libs.events.testing import given
from libs.events.testing.decisions import Outcome
from libs.events.testing.instants import shanghai
from libs.rules.documents import RuleBook
from services.lead_routing.leads.lead import LEAD
from services.lead_routing.routing.candidates import Candidates, Held
from services.lead_routing.routing.domain import RETRY_HELD, ROUTE, RetryHeld, RouteLead, streams
from services.lead_routing.routing.policy import RoutingPolicy
from services.lead_routing.routing.scoring import evaluate
from services.lead_routing.tests.scenes import (
    CALENDARS,
    NOON,
    RULES,
    assigned,
    candidates,
    captured,
    credits_are,
    facts_of,
    registered,
    rep,
    rules,
)

ROUTE_IT = RouteLead(lead_id="lead-1", company="华东精工")
SKILLED = {
    "industry": {"manufacturing/auto": "1"},
    "budget": {"500k-2m": "1"},
    "region": {"jiangsu": "1"},
    "product": {"gtx-pro": "1"},
}
LI = rep({**SKILLED, "budget": {"100k-500k": "1"}, "product": {"gtx-pro": "1", "crm": "1"}})
WANG = rep({**SKILLED, "industry": {"manufacturing/tools": "1"}, "product": {"gtx-pro": "1", "crm": "1"}})
CHEN = rep(
    {
        **SKILLED,
        "budget": {"100k-500k": "1"},
        "region": {"jiangsu/nanjing": "1"},
        "product": {"gtx-pro": "1", "crm": "1"},
    }
)
ZHAO = rep(SKILLED)
FOUR = candidates({"li": "18", "wang": "9", "chen": "6", "zhao": "30"}, li=LI, wang=WANG, chen=CHEN, zhao=ZHAO)
KNOWS = replace(FOUR, companies={"华东精工": frozenset({"wang", "zhao"})})


def routed(people: Candidates, *facts: Fact, now: datetime = NOON, policy: RuleBook = RULES) -> Outcome:
    """The lead is routed among these people, whom read model and streams know alike."""
    return given(ROUTE, *facts, *facts_of(people)).when(ROUTE_IT, now, CALENDARS, policy, people)


def test_the_best_fit_gets_the_lead_not_the_simplest() -> None:
    """3.1.8-1"""
    outcome = routed(KNOWS, *captured(), credits_are(li="-0.8", wang="0.6", chen="0.2"))
    evaluated = outcome.fact(RoutingEvaluated)
    seen = {one.rep_id: one for one in evaluated.candidates}
    assert {rep_id: (one.match, one.score) for rep_id, one in seen.items()} == {
        "li": (Decimal("0.7700"), Decimal("0.6255")),
        "wang": (Decimal("0.7750"), Decimal("0.7413")),
        "chen": (Decimal("0.6700"), Decimal("0.6780")),
        "zhao": (None, None),
    }
    assert seen["zhao"].filters == ["CAPACITY"]
    assert evaluated.winner == outcome.fact(LeadAssigned).rep_id == "wang"
    credits_after = outcome.fact(RoutingSettled).credits
    assert {rep_id: round(credit, 3) for rep_id, credit in credits_after.items()} == {
        "li": Decimal("-0.467"),
        "wang": Decimal("-0.067"),
        "chen": Decimal("0.533"),
    }
    assert outcome.fact(WorkloadChanged).weight == 1


def test_evaluating_the_stored_inputs_again_gives_the_same_winner() -> None:
    """3.1.3-5"""
    evaluated = routed(FOUR, *captured()).fact(RoutingEvaluated)
    again = evaluate(evaluated.candidates, evaluated.lead_id, evaluated.tier, RoutingPolicy())
    assert list(again.candidates) == evaluated.candidates
    assert (again.winner, again.tie_break) == (evaluated.winner, evaluated.tie_break)


def test_the_acceptance_window_runs_on_the_working_saturday() -> None:
    """3.1.8-6"""
    for captured_at, expires in (("2026-02-28 10:00", "2026-02-28 12:00"), ("2026-02-28 11:00", "2026-02-28 14:30")):
        now = shanghai(captured_at)
        outcome = routed(FOUR, *captured(at=now), now=now)
        assert outcome.fact(LeadAssigned).accept_by == shanghai(expires)


def test_of_the_reps_only_the_streams_of_the_best_are_loaded() -> None:
    known = Given(
        NOON,
        "demotenant",
        Actor(id="tester"),
        consulted={RuleBook: RULES, Candidates: KNOWS, type(CALENDARS): CALENDARS},
    )
    lead = LEAD.initial
    for fact in captured():
        lead = LEAD.evolve(lead, fact)
    states = States({"lead-lead-1": lead}, {"lead-lead-1": 7, "routing-routing-default": 0})
    named = [stream.name for stream in streams(states, ROUTE_IT, known)]
    assert named == ["lead-lead-1", "routing-routing-default", "rep-wang", "workload-wang"]


def test_a_rep_who_became_full_meanwhile_does_not_get_the_lead() -> None:
    """3.1.3-4: the read model says that Wang has room, his stream says no."""
    facts = [*captured(), *registered("wang", WANG, "30"), *registered("li", LI), *registered("chen", CHEN)]
    outcome = given(ROUTE, *facts).when(ROUTE_IT, NOON, CALENDARS, RULES, KNOWS)
    assert outcome.fact(LeadAssigned).rep_id != "wang"
    seen = {one.rep_id: one.filters for one in outcome.fact(RoutingEvaluated).candidates}
    assert seen["wang"] == ["CAPACITY"]


def test_leave_counts_four_business_hours_before_it_starts() -> None:
    """3.1.3-4"""

    def seen(starts_at: str) -> list[str]:
        leave = RepLeavePlanned(
            rep_id="li", leave_id="1", starts_at=shanghai(starts_at), ends_at=shanghai("2026-03-05 18:00")
        )
        at_ten = shanghai("2026-03-02 10:00")
        outcome = routed(candidates(li=rep({}, leave), wang=rep()), *captured(), now=at_ten)
        return next(one.filters for one in outcome.fact(RoutingEvaluated).candidates if one.rep_id == "li")

    assert seen("2026-03-02 15:30") == ["ON_LEAVE"]
    assert seen("2026-03-02 15:31") == []


def test_the_daily_cap_of_new_leads_holds() -> None:
    """3.1.3-4"""
    workload = [WorkloadChanged(rep_id="li", item=f"l{n}", weight=Decimal(1), new_on=NOON.date()) for n in range(10)]
    assert routed(candidates(li=LI, wang=rep()), *captured(), *workload).fact(LeadAssigned).rep_id == "wang"
    tomorrow = NOON + timedelta(days=1)
    assert routed(candidates(li=LI), *captured(), *workload, now=tomorrow).fact(LeadAssigned).rep_id == "li"


def test_a_lead_of_few_known_dimensions_waits_fifteen_business_minutes() -> None:
    """4.1"""
    poor = captured(tags={"industry": "manufacturing/auto"})
    now = shanghai("2026-03-02 17:50")
    held = RoutingHeld(lead_id="lead-1", reason="ENRICHMENT", held_at=now, until=shanghai("2026-03-03 09:05"))
    given(ROUTE, *poor).when(ROUTE_IT, now, CALENDARS, RULES, FOUR).then(held)
    given(ROUTE, *poor, held).when(ROUTE_IT, now, CALENDARS, RULES, FOUR).then()
    outcome = routed(FOUR, *poor, held, now=held.until)
    assert outcome.fact(LeadAssigned).mode == "auto"


FULL = candidates({"li": "30"}, li=LI)


def test_when_all_are_full_the_lead_is_held_for_the_window_of_its_tier() -> None:
    """3.1.7"""
    for tier, until in (("A", "2026-03-02 11:00"), ("B", "2026-03-02 15:30"), ("C", "2026-03-03 10:30")):
        now = shanghai("2026-03-02 10:00")
        outcome = given(ROUTE, *captured(tier=tier)).when(ROUTE_IT, now, CALENDARS, RULES, FULL)
        held = outcome.fact(RoutingHeld)
        assert (held.reason, held.until) == ("FULL", shanghai(until))


def test_when_all_are_on_leave_the_lead_is_held_until_the_next_workday() -> None:
    """3.1.7"""
    friday = shanghai("2026-03-06 15:00")
    leave = RepLeavePlanned(rep_id="li", leave_id="1", starts_at=friday, ends_at=friday + timedelta(days=1))
    outcome = routed(candidates(li=rep({}, leave)), *captured(), now=friday)
    held = outcome.fact(RoutingHeld)
    assert (held.reason, held.until) == ("ABSENT", shanghai("2026-03-09 09:00"))


HELD = RoutingHeld(lead_id="lead-1", reason="FULL", held_at=NOON, until=NOON + timedelta(hours=2))
OVERFLOW = rules(teams=["east"], pool_id="pool-1", overflow={"teams": ["west"], "manager_id": "zhou"})


def test_after_the_hold_the_next_team_takes_over_then_the_manager_then_the_pool() -> None:
    """3.1.7"""
    full = {"li": "30", "wang": "30"}
    east, west, zhou = rep(team_id="east"), rep(team_id="west"), replace(rep(), roles=("manager",))

    def after_the_hold(people: Candidates, now: datetime = HELD.until) -> Outcome:
        return routed(people, *captured(), HELD, now=now, policy=OVERFLOW)

    li_full = candidates({"li": "30"}, li=east, wang=west, zhou=zhou)
    after_the_hold(li_full, HELD.until - timedelta(minutes=1)).then()
    assert after_the_hold(li_full).fact(LeadAssigned).rep_id == "wang"
    manager = after_the_hold(candidates(full, li=east, wang=west, zhou=zhou)).fact(LeadAssigned)
    assert (manager.rep_id, manager.reason) == ("zhou", "overflow")
    nobody = after_the_hold(candidates(full, li=east, wang=west))
    assert nobody.fact(RoutingExhausted).chain == ["team: FULL", "team west: FULL", "manager: NOBODY"]
    assert nobody.fact(LeadPooled).pool_id == "pool-1"


def test_without_a_pool_an_exhausted_lead_stays_on_hold_until_the_next_workday() -> None:
    """3.1.7"""
    outcome = routed(FULL, *captured(), HELD, now=HELD.until)
    assert outcome.fact(RoutingExhausted).chain == ["team: FULL"]
    assert outcome.fact(RoutingHeld).until == shanghai("2026-03-03 09:00")


def test_leads_of_some_channels_go_to_the_pool() -> None:
    """3.1.4"""
    policy = rules(channels={"expo": "pool"}, pool_id="pool-1")
    given(ROUTE, *captured()).when(ROUTE_IT, NOON, CALENDARS, policy, FOUR).then(
        LeadPooled(lead_id="lead-1", pool_id="pool-1", cause="channel", pooled_at=NOON)
    )


def test_after_the_acceptance_window_another_rep_gets_the_lead_and_the_load_moves() -> None:
    """3.1.2"""
    expired = AcceptanceExpired(lead_id="lead-1", rep_id="wang", due_at=NOON, fired_at=NOON)
    outcome = routed(candidates(li=LI, wang=WANG), *assigned("wang"), expired)
    moved = outcome.fact(LeadReassigned)
    assert (moved.from_rep, moved.to_rep, moved.cause) == ("wang", "li", "sla")
    loads = [fact for fact in outcome.facts if isinstance(fact, WorkloadChanged)]
    assert [(fact.rep_id, fact.weight) for fact in loads] == [("li", 1), ("wang", 0)]
    seen = {one.rep_id: one.filters for one in outcome.fact(RoutingEvaluated).candidates}
    assert seen == {"li": [], "wang": ["DECLINED"]}


def test_a_declined_lead_goes_to_another_rep() -> None:
    """3.1.2"""
    declined = LeadDeclined(lead_id="lead-1", rep_id="wang", reason_code="too_far", declined_at=NOON)
    outcome = routed(candidates(li=LI, wang=WANG), *assigned("wang"), declined)
    moved = outcome.fact(LeadReassigned)
    assert (moved.from_rep, moved.to_rep, moved.cause) == ("wang", "li", "declined")


def test_a_reopened_lead_returns_to_its_former_owner_where_there_is_room() -> None:
    """3.1.7"""
    closed = [
        *assigned("wang"),
        LeadDisqualified(lead_id="lead-1", rep_id="wang", reason_code="no_need", disqualified_at=NOON),
        WorkloadChanged(rep_id="wang", item="lead-1", weight=Decimal(0)),
        LeadReopened(lead_id="lead-1", reason="captured again", reopened_at=NOON),
    ]
    back = routed(candidates(li=LI, wang=rep()), *closed).fact(LeadAssigned)
    assert (back.rep_id, back.mode) == ("wang", "ownership")
    elsewhere = routed(candidates({"wang": "30"}, li=LI, wang=rep()), *closed).fact(LeadAssigned)
    assert (elsewhere.rep_id, elsewhere.mode) == ("li", "auto")


def test_a_lead_that_needs_no_rep_is_left_alone() -> None:
    """3.1.3-1"""
    given(ROUTE, *assigned("li")).when(ROUTE_IT, NOON, CALENDARS, RULES, FOUR).then()


def test_room_that_came_free_goes_to_the_first_held_lead_that_anybody_can_take() -> None:
    """3.1.7"""
    far = captured("lead-0", tags={"industry": "tools", "budget": ">2m", "region": "tibet"})
    held = [HELD.model_copy(update={"lead_id": f"lead-{number}"}) for number in range(3)]
    people = replace(candidates(li=LI), held=tuple(Held(one.lead_id, "华东精工") for one in held))
    policy = rules(exclusive_territories={"tibet": ["somebody-else"]})
    facts = [*far, *captured("lead-1"), *captured("lead-2"), *held, *facts_of(people)]
    outcome = given(RETRY_HELD, *facts).when(RetryHeld(), NOON, CALENDARS, policy, people)
    assert outcome.fact(LeadAssigned).lead_id == "lead-1"
    given(RETRY_HELD, *facts).when(RetryHeld(), NOON, CALENDARS, policy, candidates(li=LI)).then()
