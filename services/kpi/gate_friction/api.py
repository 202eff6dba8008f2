"""Which gates said no, to how many reps, on which day, and where that was a finding (S-65)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from libs.events.deciding import Day
from libs.service.callers import Employee
from libs.service.http import Page, PageQuery, Read, problems
from libs.service.organisation import visible_people
from services.kpi.asking import tenant_calendar
from services.kpi.gate_friction.projections import FRICTIONS
from services.kpi.stages.projections import STAGES

router = APIRouter(tags=["reports"])

_DAYS = """
with known as (
  select stage, (rejected_at at time zone $2)::date as day, requested_by, missing
  from gate_rejections where tenant = $1 and ($6::text[] is null or requested_by = any($6))
), days as (
  select stage, day, count(*) as rejections, count(distinct requested_by) as reps
  from known
  where ($3::date is null or day >= $3) and ($4::date is null or day < $4) and ($5::text is null or stage = $5)
    and ($7::date is null or day < $7 or (day = $7 and stage > $8))
  group by stage, day order by day desc, stage limit $9
)
select d.*, f.found_at, f.event_id, coalesce(m.missing, '{}'::jsonb) as missing
from days d
left join gate_frictions f on f.tenant = $1 and f.day = d.day and f.stage = d.stage
left join lateral (
  select jsonb_object_agg(code, n) as missing
  from (
    select code, count(*) as n from known k, jsonb_array_elements_text(k.missing) as code
    where k.stage = d.stage and k.day = d.day group by code
  ) as counted
) m on true
order by d.day desc, d.stage
"""

From = Annotated[Day | None, Query(alias="from", description="The first day, in the tenant's zone")]
To = Annotated[Day | None, Query(description="The day after the last one, in the tenant's zone")]
Stage = Annotated[str | None, Query(max_length=80, description="Only this gate")]


@dataclass(frozen=True, slots=True)
class GateDay:
    """A gate's refusals on a local day: how many, of how many reps, and how often each requirement was missing.

    `found_at` and `event_id` are those of the finding, if it was one: three or more, of three reps or more.
    """

    stage: str
    day: date
    rejections: int
    reps: int
    missing: dict[str, int]
    found_at: datetime | None
    event_id: UUID | None


@router.get("/reports/gate-friction", operation_id="getGateFriction", responses=problems(400, 403))
async def get_gate_friction(
    who: Employee,
    read: Read,
    page: PageQuery,
    from_: From = None,
    to: To = None,
    stage: Stage = None,
) -> Page[GateDay]:
    """Refusals by gate and day, the latest first; those of people whose figures you may see."""
    zone = (await tenant_calendar(read)).zone.key
    after = (date.fromisoformat(page.after[0]), page.after[1]) if page.after else (None, None)
    people = await visible_people(read, who)
    rows = await read(STAGES, FRICTIONS).fetch(_DAYS, zone, from_, to, stage, people, *after, page.limit + 1)
    return page.cut(rows, lambda row: GateDay(**row), by=("day", "stage"))
