"""The people, leads and rules that decisions are tested with."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from libs.events.contracts.lead_routing import (
    LeadAssigned,
    LeadCaptured,
    LeadPooled,
    LeadSource,
    LeadTagged,
    LeadTiered,
    PoolCreated,
    RepCapacitySet,
    RepLeavePlanned,
    RepRegistered,
    RepSkillSet,
    RoutingSettled,
    WorkloadChanged,
)
from libs.events.facts import Fact
from libs.rules.calendars import Calendars
from libs.rules.documents import PublishedRule, RuleBook
from libs.service.organisation import Reach
from libs.service.sealing import Sealer
from services.lead_routing.organisation.rep import Rep, evolve
from services.lead_routing.routing.candidates import Candidates
from services.lead_routing.routing.policy import DEFAULT_POLICY_ID, POLICY_KIND, RoutingPolicy
from services.lead_routing.workload.domain import Workload

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
"""Monday 2026-03-02 12:00 in Shanghai."""
CALENDARS, RULES, SEALER = Calendars.default(), RuleBook(), Sealer.for_tests()
EVERYTHING = Reach(person_id="owner-he", roles=frozenset({"process-owner"}), everything=True)
LONG_HERE = datetime(2025, 1, 1, tzinfo=UTC)
TAGS = {
    "industry": "manufacturing/auto",
    "budget": "500k-2m",
    "interaction": "warm",
    "region": "jiangsu/suzhou",
    "product": "gtx-pro",
}


def reach(person_id: str, *roles: str) -> Reach:
    """Somebody who reaches nobody else."""
    return Reach(person_id=person_id, roles=frozenset(roles or {"rep"}))


def rules(**policy: Any) -> RuleBook:
    """A rule book with a routing policy of version 1 that differs from the default in these fields."""
    document = RoutingPolicy.model_validate(policy).model_dump(mode="json")
    return RuleBook([PublishedRule(DEFAULT_POLICY_ID, 1, POLICY_KIND, document=document)])


def rep(skills: dict[str, dict[str, str]] | None = None, *facts: Fact, team_id: str | None = None) -> Rep:
    """A rep who has been here for long, as the read model knows them."""
    known = Rep(
        known=True,
        active=True,
        roles=("rep",),
        team_id=team_id,
        since=LONG_HERE,
        max_weighted_load=Decimal(30),
        daily_new_cap=10,
        skills={
            dimension: {value: Decimal(strength) for value, strength in values.items()}
            for dimension, values in (skills or {}).items()
        },
    )
    for fact in facts:
        known = evolve(known, fact)
    return known


def loaded(load: str) -> Workload:
    """A workload of so much weight."""
    return Workload({"elsewhere": Decimal(load)} if Decimal(load) else {})


def registered(rep_id: str, one: Rep | None = None, load: str | Decimal = "0") -> list[Fact]:
    """The facts of a rep's two streams."""
    one = one or rep()
    skills = [
        RepSkillSet.model_validate(
            {
                "rep_id": rep_id,
                "dimension": dimension,
                "skills": [{"value": value, "strength": strength} for value, strength in values.items()],
            }
        )
        for dimension, values in one.skills.items()
    ]
    leaves = [
        RepLeavePlanned(rep_id=rep_id, leave_id=leave_id, starts_at=leave.starts_at, ends_at=leave.ends_at)
        for leave_id, leave in one.leaves.items()
    ]
    return [
        RepRegistered.model_validate(
            {"rep_id": rep_id, "name": rep_id, "roles": one.roles, "team_id": one.team_id, "effective_from": LONG_HERE}
        ),
        RepCapacitySet(rep_id=rep_id, max_weighted_load=Decimal(30), daily_new_cap=10),
        *skills,
        *leaves,
        *([WorkloadChanged(rep_id=rep_id, item="elsewhere", weight=Decimal(load))] if Decimal(load) else []),
    ]


def facts_of(people: Candidates) -> list[Fact]:
    """The facts from which the read model knows these people."""
    return [
        fact
        for rep_id, one in people.reps.items()
        for fact in registered(rep_id, one, people.workloads.get(rep_id, Workload()).load)
    ]


def captured(
    lead_id: str = "lead-1", at: datetime = NOON, tags: dict[str, str] = TAGS, tier: str | None = "A"
) -> list[Fact]:
    """A lead that came in with tags."""
    return [
        LeadCaptured(
            lead_id=lead_id, source=LeadSource(channel="expo"), company="华东精工", raw_hash="x", captured_at=at
        ),
        *(
            LeadTagged.model_validate({"lead_id": lead_id, "dimension": name, "value": value, "provenance": "capture"})
            for name, value in tags.items()
        ),
        *([LeadTiered.model_validate({"lead_id": lead_id, "tier": tier})] if tier else []),
    ]


def assigned(
    rep_id: str, lead_id: str = "lead-1", at: datetime = NOON, accept_by: datetime | None = None
) -> list[Fact]:
    """A lead that was assigned to a rep automatically."""
    return [
        *captured(lead_id, at),
        LeadAssigned(lead_id=lead_id, rep_id=rep_id, mode="auto", assigned_at=at, accept_by=accept_by),
        WorkloadChanged(rep_id=rep_id, item=lead_id, weight=Decimal(1)),
    ]


def pooled(lead_id: str = "lead-1") -> list[Fact]:
    """A lead that waits in a pool of Shanghai."""
    return [
        PoolCreated(pool_id="pool-1", name="华东公海"),
        *captured(lead_id),
        LeadPooled(lead_id=lead_id, pool_id="pool-1", cause="channel", pooled_at=NOON),
    ]


def credits_are(**known: str) -> RoutingSettled:
    """The credits of reps under the default policy, from a settlement long ago whose winner is nobody here."""
    return RoutingSettled(
        policy_id=DEFAULT_POLICY_ID,
        lead_id="earlier",
        winner="somebody",
        credits={rep_id.replace("_", "-"): Decimal(credit) for rep_id, credit in known.items()},
        settled_at=LONG_HERE,
    )


def candidates(workloads: dict[str, str] | None = None, **reps: Rep) -> Candidates:
    """What the read model says: reps by id, and their loads."""
    return Candidates(
        {rep_id.replace("_", "-"): one for rep_id, one in reps.items()},
        {rep_id: loaded(load) for rep_id, load in (workloads or {}).items()},
    )
