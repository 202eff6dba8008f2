"""Who comes into question for a lead, step by step of the overflow chain, and how each one is seen (3.1.7, 4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from libs.events.contracts.lead_routing import Candidate
from libs.events.deciding import Given, States
from libs.rules.documents import PublishedRule
from services.lead_routing.assignment.handing_over import CAPACITY, COOL_DOWN, DAILY_CAP, Receiver, capacity, obstacles
from services.lead_routing.leads.company import company_key
from services.lead_routing.leads.lead import Lead
from services.lead_routing.organisation.rep import REP, Rep
from services.lead_routing.routing.fits import Wanted, fits
from services.lead_routing.routing.ledger import Ledger
from services.lead_routing.routing.policy import RoutingPolicy
from services.lead_routing.routing.scoring import Evaluation, evaluate, newcomers_credit
from services.lead_routing.workload.domain import WORKLOAD, Workload

DIMENSIONS = ("industry", "budget", "interaction", "region", "product")
TERRITORY, DECLINED = "TERRITORY", "DECLINED"
FORMER_OWNER, MANAGER = "former owner", "manager"
WAIVED = {FORMER_OWNER: frozenset({COOL_DOWN}), MANAGER: frozenset({CAPACITY, DAILY_CAP, COOL_DOWN, TERRITORY})}


@dataclass(frozen=True, slots=True)
class Held:
    """A lead that waits until somebody can take it."""

    lead_id: str
    company: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """Consulted: everybody who works here, what weighs on them, which reps know which company (by `company_key`).

    `held` are the leads on hold that come next, where a command asks for them.
    """

    reps: Mapping[str, Rep]
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    companies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Some people who are asked together; `teams` empty means all reps."""

    name: str
    teams: tuple[str, ...] = ()
    person_id: str | None = None

    def asks(self, rep_id: str, rep: Rep) -> bool:
        """Whether a person belongs to the step."""
        if self.person_id is not None:
            return rep_id == self.person_id
        return "rep" in rep.roles and (not self.teams or rep.team_id in self.teams)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look at everybody has shown: the first step with a winner, or the first step of all without any."""

    step: Step
    evaluation: Evaluation
    chain: tuple[str, ...]


def steps(lead: Lead, policy: RoutingPolicy, now: datetime) -> Iterator[Step]:
    """Who is asked, in order: the former owner of a reopened lead, the teams, after a hold those who take over."""
    if lead.former_owner and lead.reroute is None:
        yield Step(FORMER_OWNER, person_id=lead.former_owner)
    yield Step("team", policy.teams)
    if lead.held_until is not None and lead.held_until <= now and lead.held_reason != "ENRICHMENT":
        yield from (Step(f"team {team_id}", (team_id,)) for team_id in policy.overflow.teams)
        if policy.overflow.manager_id:
            yield Step(MANAGER, person_id=policy.overflow.manager_id)


def plan(states: States, lead_id: str, lead: Lead, rule: PublishedRule, ledger: Ledger, given: Given) -> Plan:
    """The best rep by what is known now: of reps whose streams are loaded their state, of others the read model."""
    policy = rule.parsed(RoutingPolicy)
    wanted = Wanted(lead_id, lead.tier, known(lead))
    first: Plan | None = None
    chain: list[str] = []
    for step in steps(lead, policy, given.now):
        receivers = [one for one in _everybody(states, given[Candidates]) if step.asks(one.rep_id, one.rep)]
        credit = newcomers_credit(ledger.credits, [one.rep_id for one in receivers])
        seen = [_seen(one, credit, step, lead, wanted, policy, ledger, given) for one in receivers]
        evaluation = evaluate(seen, lead_id, lead.tier, policy)
        if evaluation.winner is not None:
            return Plan(step, evaluation, tuple(chain))
        chain.append(f"{step.name}: {why_nobody(evaluation)}")
        if first is None or first.step.name == FORMER_OWNER:
            first = Plan(step, evaluation, ())
    if first is None:
        raise AssertionError("there is always a step")
    return Plan(first.step, first.evaluation, tuple(chain))


def why_nobody(evaluation: Evaluation) -> str:
    """Why no candidate could take the lead: all full, all away, or nobody suits."""
    filters = [set(one.filters) for one in evaluation.candidates]
    if any(one <= {CAPACITY, DAILY_CAP} for one in filters):
        return "FULL"
    return "ABSENT" if any("ON_LEAVE" in one for one in filters) else "NOBODY"


def known(lead: Lead) -> dict[str, str]:
    """The tags of a lead in the five dimensions."""
    return {dimension: lead.tags[dimension] for dimension in DIMENSIONS if lead.tags.get(dimension)}


def receiver(states: States, candidates: Candidates, rep_id: str) -> Receiver:
    """A person as last known: by the stream where it is loaded, else by the read model."""
    rep, workload = REP.of(rep_id), WORKLOAD.of(rep_id)
    return Receiver(
        rep_id,
        states[rep] if rep in states else candidates.reps.get(rep_id, Rep()),
        states[workload] if workload in states else candidates.workloads.get(rep_id, Workload()),
    )


def _everybody(states: States, candidates: Candidates) -> list[Receiver]:
    return [receiver(states, candidates, rep_id) for rep_id in sorted(candidates.reps)]


def _seen(
    one: Receiver,
    newcomers: Decimal,
    step: Step,
    lead: Lead,
    wanted: Wanted,
    policy: RoutingPolicy,
    ledger: Ledger,
    given: Given,
) -> Candidate:
    """One rep before scoring: with the filters that say no, or the fits."""
    filters = obstacles(lead, one, policy, given)
    territory = policy.exclusive_territories.get(wanted.tags.get("region", ""))
    if territory is not None and one.rep_id not in territory:
        filters.append(TERRITORY)
    if one.rep_id in lead.turned_down:
        filters.append(DECLINED)
    filters = [name for name in filters if name not in WAIVED.get(step.name, ())]
    knows = one.rep_id in given[Candidates].companies.get(company_key(lead.company), ())
    return Candidate(
        rep_id=one.rep_id,
        filters=filters,
        fits={} if filters else fits(wanted, one.rep.skills, knows_company=knows, policy=policy),
        load=one.workload.load,
        capacity=capacity(one.rep, policy),
        credit=ledger.credits.get(one.rep_id, newcomers),
        weight=one.rep.weight * _ramp(one.rep, policy, given.now),
        share=ledger.share(one.rep_id),
        last_assigned_at=ledger.last_assigned.get(one.rep_id),
    )


def _ramp(rep: Rep, policy: RoutingPolicy, now: datetime) -> Decimal:
    """A new rep's part of the full weight, week by week."""
    weeks = max((now - rep.since).days // 7, 0) if rep.since else len(policy.ramp)
    return policy.ramp[weeks] if weeks < len(policy.ramp) else Decimal(1)
