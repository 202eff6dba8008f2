"""Every stage visit with its three clocks and the count of its package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    Package,
    PipelineFact,
    StageAdvanced,
    StageRegressed,
)
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from services.pipeline.opportunities.projections import MOVES, keys


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of a stage; open while `left_at` is null. Dwell in seconds of the owner's calendar."""

    opportunity_id: str
    owner_id: str
    stage: str
    visit: int
    entered_at: datetime
    entered_by: str
    definition_version: int
    left_at: datetime | None = None
    left_by: str | None = None
    to_stage: str | None = None
    dwell_wall: int | None = None
    dwell_workday: int | None = None
    dwell_business: int | None = None
    calendar_version: str | None = None
    required: int | None = None
    on_time: int | None = None
    backfilled: int | None = None
    waived: int | None = None
    deferred: int | None = None


def fold(group: Group, recorded: Recorded[PipelineFact]) -> list[VisitRow]:
    """The visits of a deal after one more fact: the open one ends, another begins."""
    rows, fact = group.all(VisitRow), recorded.fact
    version = max(((row.entered_at, row.definition_version) for row in rows), default=(None, 0))[1]
    match fact:
        case OpportunityOpened():
            first = VisitRow(
                fact.opportunity_id,
                fact.owner_id,
                fact.stage,
                fact.visit,
                fact.opened_at,
                "opened",
                fact.definition_version,
            )
            return [*rows, first]
        case StageAdvanced():
            rows = _left(rows, fact, fact.from_stage, "advanced", fact.advanced_at, fact.to_stage)
            return [*rows, _next(fact, fact.to_stage, fact.advanced_at, "advanced", fact.definition_version)]
        case StageRegressed():
            rows = _left(rows, fact, fact.from_stage, "regressed", fact.regressed_at, fact.to_stage)
            version = version if fact.definition_version is None else fact.definition_version
            return [*rows, _next(fact, fact.to_stage, fact.regressed_at, "regressed", version)]
        case OpportunityReopened():
            version = version if fact.definition_version is None else fact.definition_version
            return [*rows, _next(fact, fact.stage, fact.reopened_at, "reopened", version)]
        case OpportunityWon():
            return _left(rows, fact, fact.stage, "won", fact.won_at, None)
        case OpportunityLost():
            return _left(rows, fact, fact.stage, "lost", fact.lost_at, None)
        case OpportunityTransferred():
            return [replace(row, owner_id=fact.to_owner) if row.left_at is None else row for row in rows]
        case _:
            return rows


Entering = StageAdvanced | StageRegressed | OpportunityReopened
Leaving = StageAdvanced | StageRegressed | OpportunityWon | OpportunityLost


def _next(fact: Entering, stage: str, at: datetime, how: str, version: int) -> VisitRow:
    return VisitRow(fact.opportunity_id, fact.owner_id, stage, fact.next_visit, at, how, version)


def _left(
    rows: list[VisitRow], fact: Leaving, stage: str, how: str, at: datetime, to_stage: str | None
) -> list[VisitRow]:
    def ended(row: VisitRow) -> VisitRow:
        dwell: Elapsed = fact.dwell
        package: Package = fact.package
        return replace(
            row,
            left_at=at,
            left_by=how,
            to_stage=to_stage,
            dwell_wall=dwell.wall,
            dwell_workday=dwell.workday,
            dwell_business=dwell.business,
            calendar_version=fact.calendar_version,
            required=package.required,
            on_time=package.on_time,
            backfilled=package.backfilled,
            waived=package.waived,
            deferred=package.deferred,
        )

    return [ended(row) if (row.stage, row.visit) == (stage, fact.visit) else row for row in rows]


VISITS = Projection(
    name="stage-visits",
    version=1,
    reads=MOVES,
    tables=(Table("stage_visits", VisitRow, identity=("stage", "visit"), indexes=(("stage", "left_at"),)),),
    keys=keys,
    fold=fold,
)
