"""The stage history of one deal, as known and as it stood at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.events.contracts.common import Elapsed
from libs.events.contracts.pipeline import Package
from libs.events.reading import View
from libs.rules.calendars import CLOCKS, Calendar

PACKAGE = ("required", "on_time", "backfilled", "waived", "deferred")

_VISITS = """
select v.*,
  v.left_at is not null and ($3::timestamptz is null or v.left_recorded_at <= $3)
    and ($4::timestamptz is null or v.left_at <= $4) as is_over
from stage_visits v
where v.tenant = $1 and v.key = $2
  and ($3 is null or v.entered_recorded_at <= $3) and ($4 is null or v.entered_at <= $4)
order by v.entered_version
"""

_REJECTIONS = """
select stage, to_stage, visit, requested_by, missing, seconds_since_open, rejected_at, event_id
from gate_rejections
where tenant = $1 and key = $2
  and ($3::timestamptz is null or recorded_at <= $3) and ($4::timestamptz is null or rejected_at <= $4)
order by version
"""


@dataclass(frozen=True, slots=True)
class StageVisit:
    """One visit with its dwell in seconds of three clocks; for an open one so far, `provisional` until its end.

    `package` is what the gate counted at the exit; the event ids are those of the facts that began and ended it.
    """

    stage: str
    visit: int
    owner_id: str
    definition_id: str
    definition_version: int
    entered_how: str
    entered_at: datetime
    entered_event_id: UUID
    left_how: str | None
    left_at: datetime | None
    left_event_id: UUID | None
    to_stage: str | None
    dwell: Elapsed
    provisional: bool
    calendar_version: str | None
    package: Package | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A gate said no; `missing` are the requirements that were open."""

    stage: str
    to_stage: str
    visit: int
    requested_by: str
    missing: list[str]
    seconds_since_open: int
    rejected_at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True)
class StageHistory:
    """All visits of a deal in their order, and what its gates refused."""

    opportunity_id: str
    at: datetime
    visits: list[StageVisit]
    refusals: list[Refusal]


async def owner_of(view: View, opportunity_id: str) -> str | None:
    """Who has the deal, or had it when it was closed; None for an unknown deal. `view` is on STAGES."""
    owner: str | None = await view.value(
        "select owner_id from stage_visits where tenant = $1 and key = $2 order by entered_version desc limit 1",
        opportunity_id,
    )
    return owner


async def stage_history(
    view: View,
    opportunity_id: str,
    calendar: Calendar,
    now: datetime,
    *,
    as_of: datetime | None = None,
    effective_at: datetime | None = None,
) -> StageHistory:
    """What was recorded by `as_of` of what had happened by `effective_at`; open visits dwell until then, or `now`."""
    at = min(effective_at or now, now)
    visits = [
        StageVisit(
            stage=row["stage"],
            visit=row["visit"],
            owner_id=row["owner_id"],
            definition_id=row["definition_id"],
            definition_version=row["definition_version"],
            entered_how=row["entered_how"],
            entered_at=row["entered_at"],
            entered_event_id=row["entered_event_id"],
            left_how=row["left_how"] if row["is_over"] else None,
            left_at=row["left_at"] if row["is_over"] else None,
            left_event_id=row["left_event_id"] if row["is_over"] else None,
            to_stage=row["to_stage"] if row["is_over"] else None,
            dwell=Elapsed(wall=row["dwell_wall"], workday=row["dwell_workday"], business=row["dwell_business"])
            if row["is_over"]
            else dwell_so_far(calendar, row["entered_at"], max(at, row["entered_at"])),
            provisional=not row["is_over"],
            calendar_version=row["calendar_version"] if row["is_over"] else calendar.version,
            package=Package(**{name: row[name] for name in PACKAGE}) if row["is_over"] else None,
        )
        for row in await view.fetch(_VISITS, opportunity_id, as_of, effective_at)
    ]
    refusals = [Refusal(**row) for row in await view.fetch(_REJECTIONS, opportunity_id, as_of, effective_at)]
    return StageHistory(opportunity_id, at, visits, refusals)


def dwell_so_far(calendar: Calendar, entered_at: datetime, at: datetime) -> Elapsed:
    """How long an open visit has lasted, in whole seconds."""
    ran = {clock: int(calendar.elapsed(entered_at, at, clock).total_seconds()) for clock in CLOCKS}
    return Elapsed.model_validate(ran)
