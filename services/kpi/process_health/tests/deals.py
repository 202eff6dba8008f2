"""Deals in a few words: facts of deals that pass one stage, for the months of a rep."""

from datetime import UTC, datetime, timedelta
from typing import Any

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import (
    MissingRequirement,
    OpportunityOpened,
    Package,
    RequirementInvalidated,
    RequirementSatisfied,
    StageAdvanced,
    StageAdvanceRejected,
    StageRegressed,
)
from libs.events.facts import Fact

HOUR = 3600
Dated = tuple[Fact, datetime]


def day(number: int, hour: float = 12, month: int = 3) -> datetime:
    """An hour in Shanghai on a day of 2026."""
    return datetime(2026, month, number, tzinfo=UTC) + timedelta(hours=hour - 8)


def opened(deal: str, owner: str, on: datetime, stage: str = "demand_diagnosis") -> Dated:
    fact = OpportunityOpened(
        opportunity_id=deal,
        name=deal,
        owner_id=owner,
        definition_id="default-b2b",
        definition_version=1,
        stage=stage,
        opened_at=on,
    )
    return fact, on


def advanced(
    deal: str,
    owner: str,
    on: datetime,
    hours: float = 8,
    package: tuple[int, int, int] = (0, 0, 0),
    to_stage: str = "elsewhere",
) -> Dated:
    """Out of demand diagnosis after so many business hours, to where no other deal stays; `package` is required, on
    time, backfilled."""
    fact = StageAdvanced(
        opportunity_id=deal,
        owner_id=owner,
        from_stage="demand_diagnosis",
        to_stage=to_stage,
        visit=1,
        next_visit=1,
        entered_at=on - timedelta(hours=hours),
        advanced_at=on,
        dwell=dwell(hours),
        package=Package(required=package[0], on_time=package[1], backfilled=package[2]),
        definition_version=1,
    )
    return fact, on


def regressed(deal: str, owner: str, on: datetime, hours: float = 8) -> Dated:
    fact = StageRegressed(
        opportunity_id=deal,
        owner_id=owner,
        from_stage="solution_design",
        to_stage="demand_diagnosis",
        visit=1,
        next_visit=2,
        steps=1,
        reason_code="wrong_stage",
        entered_at=on - timedelta(hours=hours),
        regressed_at=on,
        dwell=dwell(hours),
        package=Package(required=0, on_time=0),
    )
    return fact, on


def dwell(hours: float) -> Elapsed:
    seconds = int(hours * HOUR)
    return Elapsed(wall=seconds, workday=seconds, business=seconds)


def satisfied(deal: str, owner: str, requirement: str, on: datetime, mode: Any = "normal") -> Dated:
    fact = RequirementSatisfied(
        opportunity_id=deal,
        owner_id=owner,
        stage="demand_diagnosis",
        visit=1,
        requirement=requirement,
        mode=mode,
        satisfied_by=owner,
        satisfied_at=on,
    )
    return fact, on


def invalidated(deal: str, requirement: str, on: datetime) -> Dated:
    fact = RequirementInvalidated(
        opportunity_id=deal,
        stage="demand_diagnosis",
        visit=1,
        requirement=requirement,
        cause="unreadable",
        invalidated_at=on,
    )
    return fact, on


def refused(deal: str, owner: str, missing: list[str], on: datetime, stage: str = "demand_diagnosis") -> Dated:
    fact = StageAdvanceRejected(
        opportunity_id=deal,
        owner_id=owner,
        stage=stage,
        to_stage="solution_design",
        visit=1,
        missing=[MissingRequirement(requirement=one, explain=one, how_to_fix=one) for one in missing],
        seconds_since_open=0,
        requested_by=owner,
        rejected_at=on,
    )
    return fact, on
