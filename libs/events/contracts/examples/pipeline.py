"""The deals of the story: one is won by the gate after a refusal and a step back, one is lost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from libs.events.contracts.common import Elapsed
from libs.events.contracts.examples.ids import (
    ACCOUNT_1,
    DEFINITION,
    EVIDENCE_1,
    LEAD_1,
    MANAGER_ZHOU,
    OPPORTUNITY_1,
    OPPORTUNITY_2,
    PRODUCT_1,
    REP_LI,
    REP_WANG,
    at,
)
from libs.events.contracts.pipeline import (
    AccountRegistered,
    EvidenceAttached,
    EvidenceRejected,
    EvidenceUsed,
    MissingRequirement,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    Package,
    ProductRegistered,
    RequirementInvalidated,
    RequirementSatisfied,
    StageAdvanced,
    StageAdvanceRejected,
    StageRegressed,
)
from libs.events.facts import Fact, Money, RuleRef

CALENDAR_VERSION = "china-2026.1"
RULE = RuleRef(rule_id=DEFINITION, version=0)
NOTHING_REQUIRED = Package(required=0, on_time=0)
ALL_THREE = Package(required=3, on_time=3)
MINUTES_KEY, SHEET_KEY = "6b1f0a4c2d9e", "0c7d5be19a33"


def advanced(
    hours: tuple[float, float],
    stages: tuple[str, str],
    visits: tuple[int, int],
    dwell: tuple[int, int, int],
    package: Package = NOTHING_REQUIRED,
) -> tuple[Fact, datetime]:
    """The first deal left one stage for the next; `dwell` is wall, workday and business in seconds."""
    entered, left = (at(hour) for hour in hours)
    fact = StageAdvanced(
        opportunity_id=OPPORTUNITY_1,
        owner_id=REP_LI,
        from_stage=stages[0],
        to_stage=stages[1],
        visit=visits[0],
        next_visit=visits[1],
        entered_at=entered,
        advanced_at=left,
        dwell=Elapsed(wall=dwell[0], workday=dwell[1], business=dwell[2]),
        package=package,
        definition_version=0,
        rule_refs=[RULE],
        calendar_version=CALENDAR_VERSION,
    )
    return fact, left


def satisfied(
    hour: float, requirement: str, visit: int = 1, evidence: tuple[str, ...] = (), *, carried: bool = False
) -> tuple[Fact, datetime]:
    """A requirement of the first deal's demand diagnosis was fulfilled."""
    fact = RequirementSatisfied(
        opportunity_id=OPPORTUNITY_1,
        owner_id=REP_LI,
        stage="demand_diagnosis",
        visit=visit,
        requirement=requirement,
        mode="carried-over" if carried else "normal",
        evidence=list(evidence),
        text=None if evidence else "客户确认预算由采购总监审批，金额与方案一致",
        satisfied_by=REP_LI,
        satisfied_at=at(hour),
    )
    return fact, at(hour)


def won(entered: float, left: float, visit: int, dwell: tuple[int, int, int]) -> tuple[Fact, datetime]:
    """The first deal was won."""
    fact = OpportunityWon(
        opportunity_id=OPPORTUNITY_1,
        owner_id=REP_LI,
        stage="contract_signing",
        visit=visit,
        amount=Money(amount=Decimal(286000), currency="CNY"),
        contract_id="contract-2026-0017",
        entered_at=at(entered),
        won_at=at(left),
        dwell=Elapsed(wall=dwell[0], workday=dwell[1], business=dwell[2]),
        package=NOTHING_REQUIRED,
        definition_version=0,
        calendar_version=CALENDAR_VERSION,
    )
    return fact, at(left)


CATALOGUE: list[tuple[Fact, datetime]] = [
    (
        AccountRegistered(
            account_id=ACCOUNT_1,
            name="海尔智家华东分公司",
            sector="manufacturing",
            region="east",
            attributes={"employees": "2400"},
        ),
        at(0),
    ),
    (
        ProductRegistered(
            product_id=PRODUCT_1, name="GTX Pro", series="GTX", list_price=Money(amount=Decimal(4821), currency="CNY")
        ),
        at(0),
    ),
]

OPENING: list[tuple[Fact, datetime]] = [
    (
        OpportunityOpened(
            opportunity_id=OPPORTUNITY_1,
            name="海尔智家华东分公司",
            owner_id=REP_LI,
            account_id=ACCOUNT_1,
            product_id=PRODUCT_1,
            definition_id=DEFINITION,
            definition_version=0,
            stage="first_contact",
            amount=Money(amount=Decimal(300000), currency="CNY"),
            expected_close=date(2026, 4, 30),
            source_lead=LEAD_1,
            source_channel="expo",
            campaign_id="expo-2026-spring",
            tier="A",
            tags={"industry": "manufacturing", "region": "east"},
            opened_at=at(1),
        ),
        at(1),
    ),
    (
        OpportunityOpened(
            opportunity_id=OPPORTUNITY_2,
            name="二期扩容",
            owner_id=REP_LI,
            account_id=ACCOUNT_1,
            definition_id=DEFINITION,
            definition_version=0,
            stage="first_contact",
            opened_at=at(2),
        ),
        at(2),
    ),
    (
        OpportunityTransferred(
            opportunity_id=OPPORTUNITY_2,
            from_owner=REP_LI,
            to_owner=REP_WANG,
            handover="客户希望三月底前看到二期方案",
            transferred_at=at(25),
        ),
        at(25),
    ),
]

EVIDENCE: list[tuple[Fact, datetime]] = [
    (
        EvidenceAttached(
            opportunity_id=OPPORTUNITY_1,
            evidence_id=EVIDENCE_1,
            requirement="meeting_minutes",
            kind="meeting_minutes",
            file_name="minutes.pdf",
            mime="application/pdf",
            size=48_213,
            content_key=MINUTES_KEY,
            object_key=f"evidence/{OPPORTUNITY_1}/{EVIDENCE_1}",
            uploaded_by=REP_LI,
            created_on=date(2026, 3, 3),
            attached_at=at(27),
        ),
        at(27),
    ),
    (EvidenceUsed(rep_id=REP_LI, content_key=MINUTES_KEY, opportunity_id=OPPORTUNITY_1), at(27)),
    satisfied(27, "meeting_minutes", evidence=(EVIDENCE_1,)),
    (
        EvidenceRejected(
            opportunity_id=OPPORTUNITY_1,
            evidence_id="01906a00-0000-7000-8000-000000000302",
            requirement="competitor_comparison_table",
            check="EVIDENCE_REUSED",
            explain="该文件已用于同一销售的另一商机",
            content_key=SHEET_KEY,
            uploaded_by=REP_LI,
            rejected_at=at(27.5),
        ),
        at(27.5),
    ),
    satisfied(28, "competitor_comparison_table"),
    (
        StageAdvanceRejected(
            opportunity_id=OPPORTUNITY_1,
            owner_id=REP_LI,
            stage="demand_diagnosis",
            to_stage="solution_design",
            visit=1,
            missing=[
                MissingRequirement(
                    requirement="budget_confirmation_screenshot",
                    explain="进入方案设计前需要预算确认截图",
                    how_to_fix="上传客户确认预算的聊天或邮件截图（PNG、JPG 或 PDF）",
                )
            ],
            seconds_since_open=10_800,
            requested_by=REP_LI,
            rejected_at=at(29),
            rule_refs=[RULE],
        ),
        at(29),
    ),
    satisfied(30, "budget_confirmation_screenshot"),
    (
        RequirementInvalidated(
            opportunity_id=OPPORTUNITY_1,
            stage="demand_diagnosis",
            visit=1,
            requirement="budget_confirmation_screenshot",
            cause="unreadable",
            invalidated_at=at(31),
        ),
        at(31),
    ),
    satisfied(48, "budget_confirmation_screenshot"),
]

BACK_AND_ON: list[tuple[Fact, datetime]] = [
    (
        StageRegressed(
            opportunity_id=OPPORTUNITY_1,
            owner_id=REP_LI,
            from_stage="solution_design",
            to_stage="demand_diagnosis",
            visit=1,
            next_visit=2,
            steps=1,
            reason_code="customer_changed_need",
            entered_at=at(49),
            regressed_at=at(72),
            dwell=Elapsed(wall=82_800, workday=82_800, business=23_400),
            package=NOTHING_REQUIRED,
            definition_version=0,
            calendar_version=CALENDAR_VERSION,
        ),
        at(72),
    ),
    satisfied(72, "competitor_comparison_table", visit=2, evidence=(EVIDENCE_1,), carried=True),
    satisfied(73, "meeting_minutes", visit=2, evidence=(EVIDENCE_1,)),
    satisfied(73, "budget_confirmation_screenshot", visit=2),
]

CLOSING: list[tuple[Fact, datetime]] = [
    won(98, 100, 1, (7200, 7200, 3600)),
    (
        OpportunityReopened(
            opportunity_id=OPPORTUNITY_1,
            owner_id=REP_LI,
            stage="contract_signing",
            next_visit=2,
            was="won",
            reason="合同附件缺少售后条款，需要重新签署",
            approver=MANAGER_ZHOU,
            reopened_at=at(102),
            definition_version=0,
        ),
        at(102),
    ),
    won(102, 103, 2, (3600, 3600, 3600)),
    (
        OpportunityLost(
            opportunity_id=OPPORTUNITY_2,
            owner_id=REP_WANG,
            stage="first_contact",
            visit=1,
            reason_code="no_budget",
            competitor="某竞品",
            entered_at=at(2),
            lost_at=at(50),
            dwell=Elapsed(wall=172_800, workday=172_800, business=54_000),
            package=NOTHING_REQUIRED,
            calendar_version=CALENDAR_VERSION,
        ),
        at(50),
    ),
]

CATALOGUE_GROWS: list[tuple[Fact, datetime]] = [
    (AccountRegistered(account_id="account-hengda", name="苏州恒达电子", sector="electronics", region="east"), at(104)),
    (
        ProductRegistered(
            product_id="product-gtk-500",
            name="GTK 500",
            series="GTK",
            list_price=Money(amount=Decimal(26768), currency="CNY"),
        ),
        at(104),
    ),
]

EXAMPLES: list[tuple[Fact, datetime]] = [
    *CATALOGUE,
    *OPENING,
    advanced((1, 26), ("first_contact", "demand_diagnosis"), (1, 1), (90_000, 90_000, 30_600)),
    *EVIDENCE,
    advanced((26, 49), ("demand_diagnosis", "solution_design"), (1, 1), (82_800, 82_800, 23_400), ALL_THREE),
    *BACK_AND_ON,
    advanced((72, 74), ("demand_diagnosis", "solution_design"), (2, 2), (7200, 7200, 7200), ALL_THREE),
    advanced((74, 76), ("solution_design", "quotation"), (2, 1), (7200, 7200, 3600)),
    advanced((76, 98), ("quotation", "contract_signing"), (1, 1), (79_200, 79_200, 23_400)),
    *CLOSING,
    *CATALOGUE_GROWS,
]
