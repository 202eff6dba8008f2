"""What the story adds up to: a gate that stopped three reps on one day, and a figure that a late fact changed."""

from __future__ import annotations

from datetime import date, datetime

from libs.events.contracts.examples.ids import DEFINITION, REP_CHEN, REP_LI, REP_WANG, at
from libs.events.contracts.kpi import GateFrictionFound, MetricRestated
from libs.events.contracts.pipeline import (
    EvidenceAttached,
    MissingRequirement,
    OpportunityOpened,
    RequirementSatisfied,
    StageAdvanceRejected,
)
from libs.events.facts import Fact, RuleRef

OPPORTUNITY_3, OPPORTUNITY_4 = (f"01906a00-0000-7000-8000-00000000020{n}" for n in (3, 4))
SCREENSHOT, MINUTES = "budget_confirmation_screenshot", "meeting_minutes"


def stopped(opportunity_id: str, rep: str, missing: list[str], hour: float) -> list[tuple[Fact, datetime]]:
    """A deal that began in demand diagnosis and that its gate did not let out."""
    opened = OpportunityOpened(
        opportunity_id=opportunity_id,
        name="华东区域续约",
        owner_id=rep,
        definition_id=DEFINITION,
        definition_version=1,
        stage="demand_diagnosis",
        opened_at=at(26),
    )
    rejected = StageAdvanceRejected(
        opportunity_id=opportunity_id,
        owner_id=rep,
        stage="demand_diagnosis",
        to_stage="solution_design",
        visit=1,
        missing=[
            MissingRequirement(requirement=one, explain="进入方案设计前需要这份材料", how_to_fix="上传文件")
            for one in missing
        ],
        seconds_since_open=int((hour - 26) * 3600),
        requested_by=rep,
        rejected_at=at(hour),
        rule_refs=[RuleRef(rule_id=DEFINITION, version=1)],
    )
    return [(opened, at(26)), (rejected, at(hour))]


def found(stage: str, day: date, missing: dict[str, int], hour: float) -> tuple[Fact, datetime]:
    """Three refusals of three reps at one gate."""
    fact = GateFrictionFound(
        stage=stage,
        day=day,
        rejections=3,
        reps=[REP_CHEN, REP_LI, REP_WANG],
        missing=missing,
        evidence=[f"01906a00-0000-7000-8000-000000007{day.day:02}{n}" for n in (1, 2, 3)],
        found_at=at(hour),
    )
    return fact, at(hour)


def handed_in(opportunity_id: str, rep: str, requirement: str, hour: float) -> list[tuple[Fact, datetime]]:
    """What the gate asked for came after all."""
    evidence_id = f"01906a00-0000-7000-8000-0000000003{int(hour)}"
    attached = EvidenceAttached(
        opportunity_id=opportunity_id,
        evidence_id=evidence_id,
        requirement=requirement,
        kind=requirement,
        file_name=f"{requirement}.pdf",
        mime="application/pdf",
        size=31_007,
        content_key="e4409b6d1c52",
        object_key=f"evidence/{opportunity_id}/{evidence_id}",
        uploaded_by=rep,
        attached_at=at(hour),
    )
    satisfied = RequirementSatisfied(
        opportunity_id=opportunity_id,
        owner_id=rep,
        stage="demand_diagnosis",
        visit=1,
        requirement=requirement,
        mode="normal",
        evidence=[evidence_id],
        satisfied_by=rep,
        satisfied_at=at(hour),
    )
    return [(attached, at(hour)), (satisfied, at(hour))]


EXAMPLES: list[tuple[Fact, datetime]] = [
    *stopped(OPPORTUNITY_3, REP_WANG, [SCREENSHOT, MINUTES], 28),
    *stopped(OPPORTUNITY_4, REP_CHEN, [SCREENSHOT], 30),
    found("demand_diagnosis", date(2026, 3, 3), {SCREENSHOT: 3, MINUTES: 1}, 30),
    found("quotation", date(2026, 3, 5), {"payment_terms": 3}, 77),
    (
        MetricRestated(
            code="action_completion_effective",
            subject=REP_LI,
            period="2026-02",
            old="0.9250",
            new="0.9275",
            causes=["01906a00-0000-7000-8000-000000000704"],
            restated_at=at(240),
        ),
        at(240),
    ),
    *handed_in(OPPORTUNITY_3, REP_WANG, MINUTES, 31),
]
