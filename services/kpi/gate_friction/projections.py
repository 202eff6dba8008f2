"""Findings as the report shows them, and the refusals of the last days that the reaction looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.events.contracts.kpi import GateFrictionFound
from libs.events.contracts.pipeline import StageAdvanceRejected
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table

KEPT = timedelta(days=2)
"""Longer than any local day."""


@dataclass(frozen=True, slots=True)
class FrictionRow:
    """A gate stopped many on that day."""

    stage: str
    day: date
    rejections: int
    reps: list[str]
    evidence: list[str]
    found_at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True)
class RecentRejection:
    """A refusal of a gate within two days of its last one."""

    stage: str
    event_id: UUID
    requested_by: str
    missing: list[str]
    rejected_at: datetime


def friction_keys(fact: GateFrictionFound) -> list[str]:
    """A gate's day is a key."""
    return [fact.stream()]


def fold_friction(group: Group, recorded: Recorded[GateFrictionFound]) -> list[FrictionRow]:
    """Found once."""
    fact = recorded.fact
    return [
        FrictionRow(fact.stage, fact.day, fact.rejections, fact.reps, fact.evidence, fact.found_at, recorded.event_id)
    ]


def rejection_keys(fact: StageAdvanceRejected) -> list[str]:
    """A gate is a key."""
    return [fact.stage]


def fold_rejections(group: Group, recorded: Recorded[StageAdvanceRejected]) -> list[Any]:
    """Those within two days of the last: in whatever order they come, the same ones stay."""
    fact = recorded.fact
    missing = [one.requirement for one in fact.missing]
    new = RecentRejection(fact.stage, recorded.event_id, fact.requested_by, missing, fact.rejected_at)
    rows = [*group.all(RecentRejection), new]
    last = max(row.rejected_at for row in rows)
    return [row for row in rows if last - row.rejected_at < KEPT]


FRICTIONS = Projection(
    name="gate-frictions",
    version=1,
    reads=(GateFrictionFound,),
    tables=(Table("gate_frictions", FrictionRow, indexes=(("day", "stage"),)),),
    keys=friction_keys,
    fold=fold_friction,
)

RECENT_REJECTIONS = Projection(
    name="recent-rejections",
    version=1,
    reads=(StageAdvanceRejected,),
    tables=(Table("recent_rejections", RecentRejection, identity=("event_id",)),),
    keys=rejection_keys,
    fold=fold_rejections,
)
