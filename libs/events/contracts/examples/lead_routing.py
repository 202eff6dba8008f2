"""The organisation of the story and its leads: one is converted, one is claimed and given back, one changes hands."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from libs.events.contracts.common import Elapsed, Role
from libs.events.contracts.examples.ids import (
    ACCOUNT_1,
    CALENDAR,
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    DEPARTMENT_DELIVERY,
    DEPARTMENT_SALES,
    DIRECTOR_SUN,
    LEAD_1,
    LEAD_2,
    LEAD_3,
    MANAGER_ZHOU,
    OPPORTUNITY_1,
    OWNER_HE,
    POLICY,
    POOL,
    REP_CHEN,
    REP_LI,
    REP_WANG,
    TEAM_DELIVERY,
    TEAM_EAST,
    TENANT,
    at,
)
from libs.events.contracts.lead_routing import (
    AcceptanceExpired,
    CalendarAssigned,
    CalendarPublished,
    Candidate,
    ClaimCounted,
    Contact,
    DepartmentRegistered,
    FeedTurnedOff,
    FeedTurnedOn,
    LeadAccepted,
    LeadActivityRecorded,
    LeadAssigned,
    LeadCaptured,
    LeadCaptureRepeated,
    LeadClaimed,
    LeadConverted,
    LeadDeclined,
    LeadDisqualified,
    LeadErased,
    LeadFirstResponded,
    LeadPooled,
    LeadReassigned,
    LeadReleased,
    LeadReopened,
    LeadSource,
    LeadSourceBound,
    LeadTagCorrected,
    LeadTagged,
    LeadTiered,
    PoolCreated,
    PoolRulesPublished,
    RepCapacitySet,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepSkillSet,
    RepTransferred,
    RoutingEvaluated,
    RoutingExhausted,
    RoutingHeld,
    RoutingSettled,
    Skill,
    TeamRegistered,
    TenantAdded,
    TenantSuspended,
    WorkloadChanged,
)
from libs.events.facts import Fact, RuleRef, Sealed

CALENDAR_VERSION = "china-2026.1"
MONDAY = date(2026, 3, 2)
POLICY_REF = RuleRef(rule_id=POLICY, version=1)
EXPO = LeadSource(channel="expo", campaign_id="expo-2026-spring", external_id="badge-4711")
FORM = LeadSource(channel="web-form", external_id="form-88")
HOTLINE = LeadSource(channel="hotline")
TENANT_CALENDAR = {
    "calendar_id": CALENDAR,
    "version": CALENDAR_VERSION,
    "zone": "Asia/Shanghai",
    "ranges": [{"first": "2026-04-04", "last": "2026-04-06", "kind": "non_working", "name": "清明"}],
    "arranged_years": [2026],
}


def person(
    rep_id: str, name: str, roles: list[Role], team_id: str | None, department_id: str | None, manager_id: str | None
) -> tuple[Fact, datetime]:
    """Somebody works here since the morning of the story."""
    fact = RepRegistered(
        rep_id=rep_id,
        name=name,
        roles=roles,
        team_id=team_id,
        department_id=department_id,
        manager_id=manager_id,
        effective_from=at(0),
    )
    return fact, at(0)


def skilled(rep_id: str, industry: str, region: str) -> list[tuple[Fact, datetime]]:
    """What a rep is good at, and how much the rep can carry."""
    return [
        (
            RepSkillSet(rep_id=rep_id, dimension="industry", skills=[Skill(value=industry, strength=Decimal(1))]),
            at(0),
        ),
        (RepSkillSet(rep_id=rep_id, dimension="region", skills=[Skill(value=region, strength=Decimal(1))]), at(0)),
        (RepCapacitySet(rep_id=rep_id, max_weighted_load=Decimal(30), daily_new_cap=10), at(0)),
    ]


def carried(rep_id: str, item: str, weight: str, hours: float, *, new: bool = False) -> tuple[Fact, datetime]:
    """An item weighs on a rep from then on."""
    fact = WorkloadChanged(rep_id=rep_id, item=item, weight=Decimal(weight), new_on=MONDAY if new else None)
    return fact, at(hours)


def captured(lead_id: str, source: LeadSource, company: str, hours: float) -> tuple[Fact, datetime]:
    """A lead came in with one contact."""
    sealed = Sealed(subject=f"contact-of-{lead_id}", nonce="AAAAAAAAAAAAAAAA", text="c2VhbGVk")
    fact = LeadCaptured(
        lead_id=lead_id,
        source=source,
        company=company,
        contacts=[Contact(contact_id=f"contact-of-{lead_id}", role="purchasing head", name=sealed, phone=sealed)],
        raw_hash="5f2b9c",
        captured_at=at(hours),
    )
    return fact, at(hours)


def tagged(lead_id: str, hours: float, **values: str) -> list[tuple[Fact, datetime]]:
    """The tags that came with a lead, and the tier that follows."""
    tags: list[tuple[Fact, datetime]] = [
        (
            LeadTagged.model_validate(
                {"lead_id": lead_id, "dimension": dimension, "value": value, "provenance": "capture"}
            ),
            at(hours),
        )
        for dimension, value in values.items()
    ]
    tiered = LeadTiered(lead_id=lead_id, tier="A", rule_refs=[RuleRef(rule_id="tier-default", version=1)])
    return [*tags, (tiered, at(hours))]


def evaluated(lead_id: str, hours: float, winner: str, *others: str) -> tuple[Fact, datetime]:
    """Two reps were compared; the winner's region fitted better."""
    seen = [
        Candidate(
            rep_id=rep_id,
            fits={"industry": Decimal(1), "region": Decimal(1 if rep_id == winner else 0), "budget": Decimal("0.6")},
            match=Decimal("0.886" if rep_id == winner else "0.6"),
            load=Decimal(0),
            capacity=Decimal(30),
            credit=Decimal(0),
            headroom=Decimal(1),
            fairness=Decimal("0.5"),
            score=Decimal("0.8507" if rep_id == winner else "0.6650"),
        )
        for rep_id in (winner, *others)
    ]
    full = Candidate(rep_id=REP_CHEN, filters=["CAPACITY"], load=Decimal(30), capacity=Decimal(30), credit=Decimal(0))
    fact = RoutingEvaluated(
        lead_id=lead_id,
        policy_id=POLICY,
        policy_version=1,
        tier="A",
        tags={"industry": "manufacturing", "region": "east", "budget": "500k-2m"},
        candidates=[*seen, full],
        winner=winner,
        evaluated_at=at(hours),
        rule_refs=[POLICY_REF],
    )
    return fact, at(hours)


def assigned(lead_id: str, rep_id: str, hours: float) -> tuple[Fact, datetime]:
    """The winner has the lead and two business hours to accept it."""
    fact = LeadAssigned(
        lead_id=lead_id,
        rep_id=rep_id,
        mode="auto",
        assigned_at=at(hours),
        accept_by=at(hours + 2),
        protected_until=at(hours + 240),
        rule_refs=[POLICY_REF],
        calendar_version=CALENDAR_VERSION,
    )
    return fact, at(hours)


ORGANISATION: list[tuple[Fact, datetime]] = [
    (TenantAdded(tenant_id=TENANT, name="华东示范公司", calendar_id=CALENDAR, admin_id=OWNER_HE), at(0)),
    (FeedTurnedOn(tenant_id=TENANT), at(0)),
    (FeedTurnedOff(tenant_id="formertenant"), at(0)),
    (TenantSuspended(tenant_id="formertenant", reason="合同到期"), at(0)),
    (CalendarPublished(calendar_id=CALENDAR, version=CALENDAR_VERSION, document=TENANT_CALENDAR), at(0)),
    (CalendarAssigned(scope="tenant", subject_id=TENANT, calendar_id=CALENDAR), at(0)),
    (DepartmentRegistered(department_id=DEPARTMENT_SALES, name="销售部", head_id=DIRECTOR_SUN), at(0)),
    (DepartmentRegistered(department_id=DEPARTMENT_DELIVERY, name="交付部", head_id=DELIVERY_HEAD_WU), at(0)),
    (
        TeamRegistered(
            team_id=TEAM_EAST, name="华东一组", department_id=DEPARTMENT_SALES, region="east", lead_id=MANAGER_ZHOU
        ),
        at(0),
    ),
    (TeamRegistered(team_id=TEAM_DELIVERY, name="交付一组", department_id=DEPARTMENT_DELIVERY), at(0)),
    person(OWNER_HE, "何流程", ["process-owner", "operator"], None, None, None),
    person(DIRECTOR_SUN, "孙总监", ["director"], None, DEPARTMENT_SALES, None),
    person(MANAGER_ZHOU, "周经理", ["manager"], TEAM_EAST, DEPARTMENT_SALES, DIRECTOR_SUN),
    person(REP_LI, "李销售", ["rep"], TEAM_EAST, DEPARTMENT_SALES, MANAGER_ZHOU),
    person(REP_WANG, "王销售", ["rep"], TEAM_EAST, DEPARTMENT_SALES, MANAGER_ZHOU),
    person(REP_CHEN, "陈销售", ["rep"], TEAM_DELIVERY, DEPARTMENT_DELIVERY, DELIVERY_HEAD_WU),
    person(DELIVERY_HEAD_WU, "吴主管", ["director"], TEAM_DELIVERY, DEPARTMENT_DELIVERY, None),
    person(DELIVERY_QIAN, "钱交付", ["rep"], TEAM_DELIVERY, DEPARTMENT_DELIVERY, DELIVERY_HEAD_WU),
    person("rep-former", "旧同事", ["rep"], TEAM_EAST, DEPARTMENT_SALES, MANAGER_ZHOU),
    *skilled(REP_LI, "manufacturing", "east"),
    *skilled(REP_WANG, "manufacturing", "north"),
    (
        RepTransferred(rep_id=REP_CHEN, team_id=TEAM_EAST, department_id=DEPARTMENT_SALES, effective_from=at(0.2)),
        at(0.2),
    ),
    (RepManagerChanged(rep_id=REP_CHEN, manager_id=MANAGER_ZHOU, effective_from=at(0.2)), at(0.2)),
    (
        RepLeavePlanned(rep_id=REP_CHEN, leave_id="leave-1", starts_at=at(72), ends_at=at(96), delegate_id=REP_WANG),
        at(0.3),
    ),
    (RepLeaveCancelled(rep_id=REP_CHEN, leave_id="leave-1", cancelled_at=at(2)), at(2)),
    (RepDeactivated(rep_id="rep-former", reason="离职", deactivated_at=at(0.3)), at(0.3)),
    (PoolCreated(pool_id=POOL, name="华东公海"), at(0)),
    (
        PoolRulesPublished(
            pool_id=POOL,
            version=1,
            claims_per_day=5,
            cool_down_days=30,
            protection_days=10,
            protection_extension_days=3,
            protection_max_days=20,
        ),
        at(0),
    ),
]

CONVERTED: list[tuple[Fact, datetime]] = [
    (LeadSourceBound(source_key="0b6f1e7a", lead_id=LEAD_1), at(0.25)),
    captured(LEAD_1, EXPO, "海尔智家华东分公司", 0.25),
    *tagged(LEAD_1, 0.25, industry="manufacturing", region="north", budget="500k-2m"),
    (
        LeadTagCorrected(lead_id=LEAD_1, dimension="region", old="north", new="east", reason="名片地址在青岛"),
        at(0.3),
    ),
    evaluated(LEAD_1, 0.3, REP_LI, REP_WANG),
    (
        RoutingSettled(
            policy_id=POLICY,
            lead_id=LEAD_1,
            winner=REP_LI,
            credits={REP_LI: Decimal("-0.5"), REP_WANG: Decimal("0.5")},
            settled_at=at(0.3),
        ),
        at(0.3),
    ),
    assigned(LEAD_1, REP_LI, 0.3),
    carried(REP_LI, LEAD_1, "1", 0.3, new=True),
    (LeadAccepted(lead_id=LEAD_1, rep_id=REP_LI, accepted_at=at(0.5)), at(0.5)),
    (
        LeadActivityRecorded(
            lead_id=LEAD_1,
            rep_id=REP_LI,
            activity_id="activity-1",
            kind="call",
            direction="out",
            duration_s=320,
            content_hash="9c41d0",
            note=Sealed(subject=LEAD_1, nonce="AAAAAAAAAAAAAAAA", text="c2VhbGVk"),
            substantive=True,
            happened_at=at(0.75),
            protected_until=at(240.3),
        ),
        at(0.75),
    ),
    (
        LeadFirstResponded(
            lead_id=LEAD_1,
            rep_id=REP_LI,
            responded_at=at(0.75),
            elapsed=Elapsed(wall=1800, workday=1800, business=1800),
        ),
        at(0.75),
    ),
    (
        LeadConverted(
            lead_id=LEAD_1,
            rep_id=REP_LI,
            opportunity_id=OPPORTUNITY_1,
            account_id=ACCOUNT_1,
            company="海尔智家华东分公司",
            tier="A",
            tags={"industry": "manufacturing", "region": "east"},
            amount=Decimal(300000),
            currency="CNY",
            expected_close=date(2026, 4, 30),
            source=EXPO,
            converted_at=at(1),
        ),
        at(1),
    ),
    carried(REP_LI, LEAD_1, "0", 1),
    (LeadCaptureRepeated(lead_id=LEAD_1, source=EXPO, raw_hash="5f2b9c", repeated_at=at(30)), at(30)),
]

CLAIMED: list[tuple[Fact, datetime]] = [
    (LeadSourceBound(source_key="7d21c0aa", lead_id=LEAD_2), at(1)),
    captured(LEAD_2, FORM, "宁波精密模具厂", 1),
    (
        RoutingHeld(lead_id=LEAD_2, reason="ENRICHMENT", held_at=at(1), until=at(1.25)),
        at(1),
    ),
    (RoutingExhausted(lead_id=LEAD_2, chain=["team: FULL", "manager: none named"], exhausted_at=at(5)), at(5)),
    (LeadPooled(lead_id=LEAD_2, pool_id=POOL, cause="exhausted", pooled_at=at(5)), at(5)),
    (
        LeadClaimed(
            lead_id=LEAD_2, rep_id=REP_WANG, pool_id=POOL, claimed_at=at(6), quota_after=4, protected_until=at(246)
        ),
        at(6),
    ),
    (ClaimCounted(rep_id=REP_WANG, pool_id=POOL, day=MONDAY, lead_id=LEAD_2), at(6)),
    carried(REP_WANG, LEAD_2, "1", 6, new=True),
    (LeadReleased(lead_id=LEAD_2, rep_id=REP_WANG, reason="客户要求北方团队跟进", released_at=at(27)), at(27)),
    (LeadPooled(lead_id=LEAD_2, pool_id=POOL, cause="released", pooled_at=at(27)), at(27)),
    carried(REP_WANG, LEAD_2, "0", 27),
]

CHANGED_HANDS: list[tuple[Fact, datetime]] = [
    captured(LEAD_3, HOTLINE, "苏州恒达电子", 2),
    *tagged(LEAD_3, 2, industry="electronics", region="east", budget="100k-500k"),
    evaluated(LEAD_3, 2, REP_LI, REP_WANG),
    assigned(LEAD_3, REP_LI, 2),
    carried(REP_LI, LEAD_3, "1", 2, new=True),
    (LeadDeclined(lead_id=LEAD_3, rep_id=REP_LI, reason_code="conflict_of_interest", declined_at=at(3)), at(3)),
    carried(REP_LI, LEAD_3, "0", 3),
    evaluated(LEAD_3, 3, REP_WANG),
    (
        LeadReassigned(
            lead_id=LEAD_3,
            from_rep=REP_LI,
            to_rep=REP_WANG,
            cause="declined",
            reassigned_at=at(3),
            accept_by=at(6.5),
            protected_until=at(243),
            rule_refs=[POLICY_REF],
            calendar_version=CALENDAR_VERSION,
        ),
        at(3),
    ),
    carried(REP_WANG, LEAD_3, "1", 3, new=True),
    (
        AcceptanceExpired(lead_id=LEAD_3, rep_id=REP_WANG, due_at=at(6.5), fired_at=at(6.5)),
        at(6.5),
    ),
    (
        LeadDisqualified(lead_id=LEAD_3, rep_id=REP_WANG, reason_code="no_need", disqualified_at=at(7)),
        at(7),
    ),
    carried(REP_WANG, LEAD_3, "0", 7),
    (LeadReopened(lead_id=LEAD_3, reason="客户回电", reopened_at=at(50)), at(50)),
    (LeadDisqualified(lead_id=LEAD_3, reason_code="erased", disqualified_at=at(51)), at(51)),
    (
        LeadErased(
            lead_id=LEAD_3,
            subjects=[LEAD_3, f"contact-of-{LEAD_3}"],
            reason_code="requested_by_the_person",
            erased_at=at(51),
        ),
        at(51),
    ),
]

ANSWERED: list[tuple[Fact, datetime]] = [
    (PoolCreated(pool_id="pool-north", name="华北公海"), at(0.1)),
    (
        LeadActivityRecorded(
            lead_id=LEAD_2,
            rep_id=REP_WANG,
            activity_id="activity-2",
            kind="message",
            direction="out",
            content_hash="51be07",
            note=Sealed(subject=LEAD_2, nonce="AAAAAAAAAAAAAAAA", text="c2VhbGVk"),
            substantive=False,
            why_not="ONE_WAY",
            happened_at=at(8),
        ),
        at(8),
    ),
]

EXAMPLES: list[tuple[Fact, datetime]] = [*ORGANISATION, *CONVERTED, *CLAIMED, *CHANGED_HANDS, *ANSWERED]
