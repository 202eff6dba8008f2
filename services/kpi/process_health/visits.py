"""The stage visits that a month's process health looks at, as they were known at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.events.reading import View
from libs.rules.documents import RuleBook
from services.kpi.asking import Span

REFERENCE_DAYS = timedelta(days=90)
PATH_KINDS = ("open", "delivery")

# `$2` begins the reference, `$3` the month, `$4` ends both; `$5` is as of when.
_VISITS = """
select v.opportunity_id, v.stage, v.visit, v.definition_id, v.definition_version, v.owner_id, v.entered_at,
  v.entered_how, v.entered_event_id, v.entered_version, v.entered_occurred_at,
  k.is_over, v.left_at, v.left_how, v.left_event_id, v.left_version, v.left_occurred_at, v.to_stage,
  coalesce(v.dwell_business, 0) as dwell, v.required, v.on_time, v.waived, v.deferred,
  v.backfilled + case when k.is_over and v.left_at >= $3 then (
    select count(distinct m.requirement) from requirement_marks m
    where m.tenant = $1 and m.key = v.key and m.stage = v.stage and m.visit = v.visit and m.mode = 'backfill'
      and m.version > v.left_version and ($5::timestamptz is null or m.recorded_at <= $5)
  ) else 0 end as backfilled
from stage_visits v
cross join lateral (
  select v.left_at is not null and v.left_at < $4 and ($5::timestamptz is null or v.left_recorded_at <= $5) as is_over
) k
where v.tenant = $1 and v.entered_at < $4 and (v.left_at is null or v.left_at >= $2)
  and ($5::timestamptz is null or v.entered_recorded_at <= $5)
order by v.opportunity_id, v.entered_version
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that was closed within the reference or the month, or is open at its end (`left_at` None).

    `dwell` is business time in seconds, only of a closed one; `event_id` is the fact that closed it, else opened it.
    """

    opportunity_id: str
    stage: str
    visit: int
    definition_id: str
    definition_version: int
    owner_id: str
    entered_how: str
    entered_at: datetime
    left_at: datetime | None
    left_how: str | None
    to_stage: str | None
    dwell: int
    required: int
    on_time: int
    backfilled: int
    waived: int
    deferred: int
    event_id: UUID
    version: int
    occurred_at: datetime
    is_skip: bool = False

    @property
    def pool(self) -> tuple[str, str]:
        """Visits that may be compared: the same stage of the same pipeline."""
        return self.definition_id, self.stage

    @property
    def is_full(self) -> bool:
        """Everything that was due was there on time."""
        return self.on_time >= self.required - self.waived - self.deferred


async def visits_of(view: View, span: Span, rules: RuleBook, as_of: datetime | None = None) -> list[Visit]:
    """All visits closed in the 90 days up to the month's end, and those open then. `view` is on STAGES."""
    rows = await view.fetch(_VISITS, span.end - REFERENCE_DAYS, span.start, span.end, as_of)
    places: dict[tuple[str, int], dict[str, int]] = {}
    visits = []
    for row in rows:
        definition = (row["definition_id"], row["definition_version"])
        if definition not in places:
            places[definition] = path_places(rules, *definition)
        over = row["is_over"]
        which = "left" if over else "entered"
        visits.append(
            Visit(
                opportunity_id=row["opportunity_id"],
                stage=row["stage"],
                visit=row["visit"],
                definition_id=row["definition_id"],
                definition_version=row["definition_version"],
                owner_id=row["owner_id"],
                entered_how=row["entered_how"],
                entered_at=row["entered_at"],
                left_at=row["left_at"] if over else None,
                left_how=row["left_how"] if over else None,
                to_stage=row["to_stage"] if over else None,
                dwell=row["dwell"] if over else 0,
                required=row["required"] if over else 0,
                on_time=row["on_time"] if over else 0,
                backfilled=row["backfilled"] if over else 0,
                waived=row["waived"] if over else 0,
                deferred=row["deferred"] if over else 0,
                event_id=row[f"{which}_event_id"],
                version=row[f"{which}_version"],
                occurred_at=row[f"{which}_occurred_at"],
                is_skip=over
                and row["left_how"] == "advanced"
                and skips(places[definition], row["stage"], row["to_stage"]),
            )
        )
    return visits


def path_places(rules: RuleBook, definition_id: str, version: int) -> dict[str, int]:
    """Where each stage stands on the path of a published definition; empty for one that is not known here.

    The shipped definition (version 0) is not published: it lets a deal only into the next stage.
    """
    rule = rules.version(definition_id, version)
    stages = rule.document.get("stages", []) if rule else []
    path = sorted((stage for stage in stages if stage.get("kind", "open") in PATH_KINDS), key=lambda one: one["order"])
    return {stage["code"]: place for place, stage in enumerate(path)}


def skips(places: dict[str, int], from_stage: str, to_stage: str) -> bool:
    """Whether a move leaves out a stage of the path."""
    return from_stage in places and to_stage in places and places[to_stage] - places[from_stage] > 1
