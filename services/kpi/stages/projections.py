"""How the facts of a deal become visits to stages, refusals of gates and marks of requirements."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import (
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityTransferred,
    OpportunityWon,
    Package,
    RequirementInvalidated,
    RequirementSatisfied,
    StageAdvanced,
    StageAdvanceRejected,
    StageRegressed,
)
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from services.kpi.stages.rows import MarkRow, RejectionRow, VisitRow


def keys(fact: Any) -> list[str]:
    """A deal is a key; all of its facts are on one stream."""
    return [fact.opportunity_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[Any]:
    """Open a visit, close the one before, or note what happened in it."""
    match recorded.fact:
        case OpportunityOpened() as fact:
            definition = (fact.definition_id, fact.definition_version)
            return [
                *group.rows,
                _entered(recorded, "opened", fact.stage, fact.visit, fact.owner_id, fact.opened_at, definition),
            ]
        case OpportunityReopened() as fact:
            definition = _definition(group, fact.definition_version)
            visit = _entered(
                recorded, "reopened", fact.stage, fact.next_visit, fact.owner_id, fact.reopened_at, definition
            )
            return [*group.rows, visit]
        case StageAdvanced() as fact:
            return _moved(group, recorded, "advanced", fact.advanced_at)
        case StageRegressed() as fact:
            return _moved(group, recorded, "regressed", fact.regressed_at)
        case OpportunityWon() as fact:
            return _left(group, recorded, "won", fact.stage, fact.won_at)
        case OpportunityLost() as fact:
            return _left(group, recorded, "lost", fact.stage, fact.lost_at)
        case OpportunityTransferred(to_owner=owner_id):
            return [
                replace(row, owner_id=owner_id) if isinstance(row, VisitRow) and row.left_at is None else row
                for row in group.rows
            ]
        case StageAdvanceRejected():
            return [*group.rows, _rejected(recorded)]
        case _:
            return [*group.rows, _marked(recorded)]


def _definition(group: Group, version: int | None) -> tuple[str, int]:
    last = max(group.all(VisitRow), key=lambda row: row.entered_version)
    return last.definition_id, last.definition_version if version is None else version


def _entered(
    recorded: Recorded[Any],
    how: str,
    stage: str,
    visit: int,
    owner_id: str,
    at: datetime,
    definition: tuple[str, int],
) -> VisitRow:
    return VisitRow(
        opportunity_id=recorded.fact.opportunity_id,
        stage=stage,
        visit=visit,
        definition_id=definition[0],
        definition_version=definition[1],
        owner_id=owner_id,
        entered_how=how,
        entered_at=at,
        entered_version=recorded.version,
        entered_event_id=recorded.event_id,
        entered_occurred_at=recorded.occurred_at,
        entered_recorded_at=recorded.recorded_at,
    )


def _moved(group: Group, recorded: Recorded[StageAdvanced | StageRegressed], how: str, at: datetime) -> list[Any]:
    fact = recorded.fact
    definition = _definition(group, fact.definition_version)
    opened = _entered(recorded, how, fact.to_stage, fact.next_visit, fact.owner_id, at, definition)
    return [*_left(group, recorded, how, fact.from_stage, at, to_stage=fact.to_stage), opened]


def _left(
    group: Group, recorded: Recorded[Any], how: str, stage: str, at: datetime, *, to_stage: str | None = None
) -> list[Any]:
    fact = recorded.fact
    dwell: Elapsed = fact.dwell
    package: Package = fact.package
    return [
        replace(
            row,
            owner_id=fact.owner_id,
            left_how=how,
            left_at=at,
            left_version=recorded.version,
            left_event_id=recorded.event_id,
            left_occurred_at=recorded.occurred_at,
            left_recorded_at=recorded.recorded_at,
            to_stage=to_stage,
            steps_back=fact.steps if isinstance(fact, StageRegressed) else 0,
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
        if isinstance(row, VisitRow) and (row.stage, row.visit) == (stage, fact.visit)
        else row
        for row in group.rows
    ]


def _rejected(recorded: Recorded[StageAdvanceRejected]) -> RejectionRow:
    fact = recorded.fact
    return RejectionRow(
        opportunity_id=fact.opportunity_id,
        version=recorded.version,
        stage=fact.stage,
        to_stage=fact.to_stage,
        visit=fact.visit,
        owner_id=fact.owner_id,
        requested_by=fact.requested_by,
        missing=[one.requirement for one in fact.missing],
        seconds_since_open=fact.seconds_since_open,
        rejected_at=fact.rejected_at,
        occurred_at=recorded.occurred_at,
        recorded_at=recorded.recorded_at,
        event_id=recorded.event_id,
    )


def _marked(recorded: Recorded[RequirementSatisfied | RequirementInvalidated]) -> MarkRow:
    match recorded.fact:
        case RequirementSatisfied() as fact:
            mode, happened_at = str(fact.mode), fact.satisfied_at
        case fact:
            mode, happened_at = "invalidated", fact.invalidated_at
    return MarkRow(
        opportunity_id=fact.opportunity_id,
        version=recorded.version,
        stage=fact.stage,
        visit=fact.visit,
        requirement=fact.requirement,
        mode=mode,
        happened_at=happened_at,
        occurred_at=recorded.occurred_at,
        recorded_at=recorded.recorded_at,
        event_id=recorded.event_id,
    )


STAGES = Projection(
    name="stages",
    version=1,
    reads=(
        OpportunityOpened,
        OpportunityReopened,
        OpportunityTransferred,
        OpportunityWon,
        OpportunityLost,
        StageAdvanced,
        StageAdvanceRejected,
        StageRegressed,
        RequirementSatisfied,
        RequirementInvalidated,
    ),
    tables=(
        Table("stage_visits", VisitRow, identity=("stage", "visit"), indexes=(("left_at",), ("owner_id", "left_at"))),
        Table("gate_rejections", RejectionRow, identity=("version",), indexes=(("rejected_at",),)),
        Table("requirement_marks", MarkRow, identity=("version",)),
    ),
    keys=keys,
    fold=fold,
)
