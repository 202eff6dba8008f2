"""Every visit of a deal to a stage, every refusal of a gate, every requirement fulfilled: rows with their times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of a deal to a stage: who had it (at its end, or now), how it began and ended, in three clocks.

    Dwell is in seconds; `required` to `deferred` count its action package at the exit (domain.md 4.3). The owner is
    kept as of the exit. `left_…` is None while the visit is open.
    """

    opportunity_id: str
    stage: str
    visit: int
    definition_id: str
    definition_version: int
    owner_id: str
    entered_how: str
    entered_at: datetime
    entered_version: int
    entered_event_id: UUID
    entered_occurred_at: datetime
    entered_recorded_at: datetime
    left_how: str | None = None
    left_at: datetime | None = None
    left_version: int | None = None
    left_event_id: UUID | None = None
    left_occurred_at: datetime | None = None
    left_recorded_at: datetime | None = None
    to_stage: str | None = None
    steps_back: int = 0
    dwell_wall: int | None = None
    dwell_workday: int | None = None
    dwell_business: int | None = None
    calendar_version: str | None = None
    required: int = 0
    on_time: int = 0
    backfilled: int = 0
    waived: int = 0
    deferred: int = 0


@dataclass(frozen=True, slots=True)
class RejectionRow:
    """A gate said no; `missing` are the codes of the requirements that were open."""

    opportunity_id: str
    version: int
    stage: str
    to_stage: str
    visit: int
    owner_id: str
    requested_by: str
    missing: list[str]
    seconds_since_open: int
    rejected_at: datetime
    occurred_at: datetime
    recorded_at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A requirement of a visit was fulfilled, or is open again (`mode` invalidated)."""

    opportunity_id: str
    version: int
    stage: str
    visit: int
    requirement: str
    mode: str
    happened_at: datetime
    occurred_at: datetime
    recorded_at: datetime
    event_id: UUID
