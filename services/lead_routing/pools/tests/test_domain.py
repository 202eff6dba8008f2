"""Claiming: one winner, the daily limit, who may; releasing."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from libs.events.contracts.lead_routing import (
    ClaimCounted,
    LeadClaimed,
    LeadPooled,
    LeadReleased,
    PoolCreated,
    PoolRulesPublished,
    RepDeactivated,
    WorkloadChanged,
)
from libs.events.errors import NotFound
from libs.events.facts import Fact
from libs.events.testing import given
from libs.events.testing.instants import shanghai
from services.lead_routing.pools.domain import (
    CLAIM,
    CREATE_POOL,
    PUBLISH_POOL_RULES,
    RELEASE,
    ClaimLead,
    CreatePool,
    PublishPoolRules,
    ReleaseLead,
)
from services.lead_routing.tests.scenes import CALENDARS, NOON, RULES, pooled, reach, registered

MONDAY = date(2026, 3, 2)
LI_CLAIMS = ClaimLead(lead_id="lead-1", rep_id="li")
CLAIMED = LeadClaimed(
    lead_id="lead-1",
    rep_id="li",
    pool_id="pool-1",
    claimed_at=NOON,
    quota_after=4,
    protected_until=NOON + timedelta(days=10),
)
COUNTED = ClaimCounted(rep_id="li", pool_id="pool-1", day=MONDAY, lead_id="lead-1")
CARRIED = WorkloadChanged(rep_id="li", item="lead-1", weight=Decimal(1), new_on=MONDAY)
FIVE_COUNTED: list[Fact] = [COUNTED.model_copy(update={"lead_id": f"other-{n}"}) for n in range(5)]


def test_a_pooled_lead_can_be_claimed_within_the_daily_limit() -> None:
    """3.1.3-3"""
    given(CLAIM, *pooled(), *registered("li")).when(LI_CLAIMS, NOON, CALENDARS, RULES).then(CLAIMED, COUNTED, CARRIED)


def test_asking_twice_is_harmless() -> None:
    """3.1.3-2"""
    given(CLAIM, *pooled(), *registered("li"), CLAIMED).when(LI_CLAIMS, NOON, CALENDARS, RULES).then()


def test_whoever_comes_second_is_told_when_it_was_claimed_and_loses_no_quota() -> None:
    """3.1.8-2"""
    scene = given(CLAIM, *pooled(), *registered("li"), *registered("wang"), CLAIMED, COUNTED)
    refusal = scene.when(ClaimLead(lead_id="lead-1", rep_id="wang"), NOON, CALENDARS, RULES).then_rejected(
        "LEAD_ALREADY_CLAIMED"
    )
    assert refusal.record == ()
    assert refusal.details == {"claimed_at": NOON.isoformat()}


def test_the_sixth_claim_of_a_day_is_refused_until_the_pools_midnight() -> None:
    """3.1.8-3"""
    scene = given(CLAIM, *pooled(), *registered("li"), *FIVE_COUNTED)
    refusal = scene.when(LI_CLAIMS, NOON, CALENDARS, RULES).then_rejected("QUOTA")
    assert refusal.details == {"resets_at": "2026-03-03T00:00:00+08:00"}
    after_midnight = scene.when(LI_CLAIMS, shanghai("2026-03-03 00:00"), CALENDARS, RULES)
    assert after_midnight.fact(LeadClaimed).quota_after == 4


def test_the_day_of_the_quota_is_that_of_the_pools_zone() -> None:
    """3.1.7"""
    utc = PoolCreated(pool_id="pool-1", name="华东公海", zone="UTC")
    at_seven = shanghai("2026-03-03 07:00")
    scene = given(CLAIM, *pooled(), utc, *registered("li"), *FIVE_COUNTED)
    refusal = scene.when(LI_CLAIMS, at_seven, CALENDARS, RULES).then_rejected("QUOTA")
    assert refusal.details == {"resets_at": "2026-03-03T00:00:00+00:00"}


def test_who_lost_the_lead_waits_for_the_cool_down_counted_from_the_loss() -> None:
    """3.1.3-6"""
    released = LeadReleased(lead_id="lead-1", rep_id="li", reason="x", released_at=NOON)
    again = LeadPooled(lead_id="lead-1", pool_id="pool-1", cause="released", pooled_at=NOON + timedelta(hours=5))
    scene = given(CLAIM, *pooled(), *registered("li"), CLAIMED, released, again)
    almost = NOON + timedelta(days=30, seconds=-1)
    refusal = scene.when(LI_CLAIMS, almost, CALENDARS, RULES).then_rejected("COOL_DOWN")
    assert refusal.details == {"until": (NOON + timedelta(days=30)).isoformat()}
    scene.when(LI_CLAIMS, NOON + timedelta(days=30), CALENDARS, RULES).fact(LeadClaimed)


def test_only_active_members_with_room_can_claim() -> None:
    """3.1.3-4"""
    scene = [*pooled(), *registered("li")]
    gone = RepDeactivated(rep_id="li", reason="x", deactivated_at=NOON)
    given(CLAIM, *pooled()).when(LI_CLAIMS, NOON, CALENDARS, RULES).then_rejected("NOT_PERMITTED")
    given(CLAIM, *scene, gone).when(LI_CLAIMS, NOON, CALENDARS, RULES).then_rejected("NOT_PERMITTED")
    closed = PoolCreated(pool_id="pool-1", name="华东公海", members=["wang"])
    given(CLAIM, *scene, closed).when(LI_CLAIMS, NOON, CALENDARS, RULES).then_rejected("NOT_PERMITTED")
    full = WorkloadChanged(rep_id="li", item="deal", weight=Decimal("29.5"))
    given(CLAIM, *scene, full).when(LI_CLAIMS, NOON, CALENDARS, RULES).then_rejected("CAPACITY")


def test_a_lead_that_does_not_exist_cannot_be_claimed() -> None:
    with pytest.raises(NotFound):
        given(CLAIM, *registered("li")).when(LI_CLAIMS, NOON, CALENDARS, RULES)


def test_a_released_lead_returns_to_its_pool_and_weighs_nothing() -> None:
    """3.1.2"""
    facts = [*pooled(), *registered("li"), CLAIMED, CARRIED]
    release = ReleaseLead(lead_id="lead-1", reason="客户在北方")
    given(RELEASE, *facts).when(release, NOON, RULES, reach("li")).then(
        LeadReleased(lead_id="lead-1", rep_id="li", reason="客户在北方", released_at=NOON),
        LeadPooled(lead_id="lead-1", pool_id="pool-1", cause="released", pooled_at=NOON),
        WorkloadChanged(rep_id="li", item="lead-1", weight=Decimal(0)),
    )
    with pytest.raises(NotFound):
        given(RELEASE, *facts).when(release, NOON, RULES, reach("wang"))


def test_pool_rules_get_the_next_version_and_the_same_rules_nothing() -> None:
    created = PoolCreated(pool_id="p", name="P")
    first = PublishPoolRules(pool_id="p", claims_per_day=3)
    published = PoolRulesPublished(
        pool_id="p",
        version=1,
        claims_per_day=3,
        cool_down_days=30,
        protection_days=10,
        protection_extension_days=3,
        protection_max_days=20,
    )
    given(PUBLISH_POOL_RULES, created).when(first, NOON).then(published)
    given(PUBLISH_POOL_RULES, created, published).when(first, NOON).then()
    with pytest.raises(NotFound):
        given(PUBLISH_POOL_RULES).when(first, NOON)


def test_a_pool_is_created_once() -> None:
    created = PoolCreated(pool_id="p", name="P")
    given(CREATE_POOL).when(CreatePool(pool_id="p", name="P"), NOON).then(created)
    given(CREATE_POOL, created).when(CreatePool(pool_id="p", name="P"), NOON).then()
    given(CREATE_POOL, created).when(CreatePool(pool_id="p", name="Q"), NOON).then_rejected("CONFLICT_STATE")
