"""Pools and their rules; claiming a lead: one winner, within the rep's daily limit (3.1.3-2, 3.1.3-3); releasing it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from libs.events.contracts.lead_routing import (
    ClaimCounted,
    LeadClaimed,
    LeadPooled,
    LeadReleased,
    PoolCreated,
    PoolRulesPublished,
)
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf, Text
from libs.events.errors import NotFound, Rejected
from libs.events.facts import Fact
from libs.rules.calendar_documents import ZoneName
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.lead_routing.assignment.handing_over import capacity, taken_off
from services.lead_routing.leads.lead import LEAD, Lead, existing, within_reach
from services.lead_routing.organisation.rep import REP
from services.lead_routing.pools.pool import CLAIMS, POOL, Pool
from services.lead_routing.routing.policy import POLICY_KIND, RoutingPolicy
from services.lead_routing.workload.domain import WORKLOAD, weigh

Days = Annotated[int, Field(ge=0, le=365)]


class CreatePool(Command):
    """A public pool; `members` may claim from it (none: everybody), `zone` is where its days begin."""

    pool_id: Id
    name: Line
    zone: ZoneName = "Asia/Shanghai"
    members: Annotated[tuple[Id, ...], Field(max_length=1_000)] = ()


class PublishPoolRules(Command):
    """How leads may be claimed from now on."""

    pool_id: Id
    claims_per_day: Annotated[int, Field(ge=0, le=1_000)] = 5
    cool_down_days: Days = 30
    protection_days: Days = 10
    protection_extension_days: Days = 3
    protection_max_days: Days = 20


class ClaimLead(Command):
    """A rep wants a lead out of its pool."""

    lead_id: Id
    rep_id: str


class ReleaseLead(Command):
    """The owner puts a lead back, into its pool, the policy's pool, or the one named."""

    lead_id: Id
    reason: Annotated[Text, Field(min_length=1)]
    pool_id: Id | None = None


def _pool_streams(states: States, command: CreatePool | PublishPoolRules, given: Given) -> list[StreamOf[Any]]:
    return [POOL.of(command.pool_id)]


def _create(states: States, command: CreatePool, given: Given) -> list[Fact]:
    pool = states[POOL.of(command.pool_id)]
    if (pool.name, pool.zone, pool.members) == (command.name, command.zone, frozenset(command.members)):
        return []
    if pool.name:
        raise Rejected("CONFLICT_STATE", "there is a pool with this id")
    return [
        PoolCreated(pool_id=command.pool_id, name=command.name, zone=command.zone, members=sorted(set(command.members)))
    ]


def _publish_rules(states: States, command: PublishPoolRules, given: Given) -> list[Fact]:
    pool = states[POOL.of(command.pool_id)]
    if not pool.name:
        raise NotFound("pool", command.pool_id)
    if command.protection_max_days < command.protection_days:
        raise Rejected("VALIDATION", "the longest protection is not shorter than the first one")
    published = PoolRulesPublished(version=pool.rules.version + 1, **command.model_dump())
    rules = POOL.evolve(pool, published).rules
    unchanged = pool.rules.version and (rules.claims_per_day, rules.cool_down_days, rules.protection) == (
        pool.rules.claims_per_day,
        pool.rules.cool_down_days,
        pool.rules.protection,
    )
    return [] if unchanged else [published]


def _claim_streams(states: States, command: ClaimLead, given: Given) -> list[StreamOf[Any]]:
    """The lead first; once its pool is known, the pool, the rep, and the ledger of the day in the pool's zone."""
    main = LEAD.of(command.lead_id)
    pool_id = states[main].pool_id
    if pool_id is None:
        return [main]
    pool = POOL.of(pool_id)
    named: list[StreamOf[Any]] = [main, pool, REP.of(command.rep_id), WORKLOAD.of(command.rep_id)]
    return [*named, CLAIMS.of(command.rep_id, pool_id, _today(states[pool], given))] if pool in states else named


def _claim(states: States, command: ClaimLead, given: Given) -> list[Fact]:
    lead = existing(states[LEAD.of(command.lead_id)], command.lead_id)
    if lead.owner_id == command.rep_id and lead.claimed_from:
        return []
    if lead.state != "pooled" or lead.pool_id is None:
        raise _not_in_a_pool(lead)
    pool = states[POOL.of(lead.pool_id)]
    _refuse_who_may_not(states, command, lead, pool, given)
    today = _today(pool, given)
    used = states[CLAIMS.of(command.rep_id, lead.pool_id, today)].used
    if used >= pool.rules.claims_per_day:
        why = f"{used} claims are used today in this pool"
        raise Rejected("QUOTA", why, resets_at=_midnight_after(pool, today).isoformat())
    policy = given[RuleBook].only(POLICY_KIND).parsed(RoutingPolicy)
    local_day = given[Calendars].of(command.rep_id).local_date(given.now)
    return [
        LeadClaimed(
            lead_id=command.lead_id,
            rep_id=command.rep_id,
            pool_id=lead.pool_id,
            claimed_at=given.now,
            quota_after=pool.rules.claims_per_day - used - 1,
            protected_until=given.now + timedelta(days=pool.rules.protection.days),
        ),
        ClaimCounted(rep_id=command.rep_id, pool_id=lead.pool_id, day=today, lead_id=command.lead_id),
        *weigh(
            states[WORKLOAD.of(command.rep_id)], command.rep_id, command.lead_id, policy.lead_weight, new_on=local_day
        ),
    ]


def _not_in_a_pool(lead: Lead) -> Rejected:
    if lead.claimed_at is not None and lead.claimed_from is not None:
        claimed_at = lead.claimed_at.isoformat()
        return Rejected("LEAD_ALREADY_CLAIMED", "somebody was faster", claimed_at=claimed_at)
    return Rejected("CONFLICT_STATE", "the lead is in no pool")


def _refuse_who_may_not(states: States, command: ClaimLead, lead: Lead, pool: Pool, given: Given) -> None:
    rep = states[REP.of(command.rep_id)]
    if not rep.active:
        raise Rejected("NOT_PERMITTED", "only somebody who is registered and works here can claim leads")
    if pool.members and command.rep_id not in pool.members:
        raise Rejected("NOT_PERMITTED", "only members of the pool can claim from it")
    until = lead.cooling_down(command.rep_id, given.now, pool.rules.cool_down_days)
    if until is not None:
        raise Rejected("COOL_DOWN", "whoever lost a lead cannot claim it for a while", until=until.isoformat())
    policy = given[RuleBook].only(POLICY_KIND).parsed(RoutingPolicy)
    load = states[WORKLOAD.of(command.rep_id)].load
    if load + policy.lead_weight > capacity(rep, policy):
        raise Rejected("CAPACITY", "you carry as much as you can", load=str(load), capacity=str(capacity(rep, policy)))


def _today(pool: Pool, given: Given) -> date:
    return given.now.astimezone(ZoneInfo(pool.zone)).date()


def _midnight_after(pool: Pool, day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(pool.zone))


def _release_streams(states: States, command: ReleaseLead, given: Given) -> list[StreamOf[Any]]:
    main = LEAD.of(command.lead_id)
    lead = states[main]
    pool_id = _pool_for(lead, command, given)
    named: list[StreamOf[Any]] = [main, *([POOL.of(pool_id)] if pool_id else [])]
    return [*named, *([WORKLOAD.of(lead.owner_id)] if lead.owner_id else [])]


def _pool_for(lead: Lead, command: ReleaseLead, given: Given) -> str | None:
    policy = given[RuleBook].only(POLICY_KIND).parsed(RoutingPolicy)
    return command.pool_id or lead.claimed_from or policy.pool_id


def _release(states: States, command: ReleaseLead, given: Given) -> list[Fact]:
    lead = within_reach(states[LEAD.of(command.lead_id)], command.lead_id, given)
    if lead.owner_id is None or lead.state not in {"assigned", "working"}:
        raise Rejected("CONFLICT_STATE", "only a lead that somebody works on can be put back")
    pool_id = _pool_for(lead, command, given)
    if pool_id is None or not states[POOL.of(pool_id)].name:
        raise Rejected("CONFLICT_STATE", "name in `pool_id` the pool that the lead goes to")
    return [
        LeadReleased(lead_id=command.lead_id, rep_id=lead.owner_id, reason=command.reason, released_at=given.now),
        LeadPooled(lead_id=command.lead_id, pool_id=pool_id, cause="released", pooled_at=given.now),
        *taken_off(states, command.lead_id, lead.owner_id),
    ]


CREATE_POOL = Decider("create-pool", _pool_streams, _create)
PUBLISH_POOL_RULES = Decider("publish-pool-rules", _pool_streams, _publish_rules)
CLAIM = Decider("claim-lead", _claim_streams, _claim, consults=(Calendars, RuleBook))
RELEASE = Decider("release-lead", _release_streams, _release, consults=(RuleBook, Reach))
