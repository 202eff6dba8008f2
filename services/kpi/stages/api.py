"""The stage history of a deal over HTTP (3.2.5, S-62)."""

from __future__ import annotations

from fastapi import APIRouter

from libs.events.errors import NotFound
from libs.rules.reference import load_calendars
from libs.service.callers import Employee
from libs.service.http import Read, problems
from libs.service.organisation import visible_people
from services.kpi.asking import AsOf, EffectiveAt, now_of
from services.kpi.paths import OpportunityPath
from services.kpi.stages.projections import STAGES
from services.kpi.stages.queries import StageHistory, owner_of, stage_history

router = APIRouter(tags=["stages"])


@router.get(
    "/opportunities/{opportunity_id}/stage-history", operation_id="getStageHistory", responses=problems(403, 404)
)
async def get_stage_history(
    opportunity_id: OpportunityPath,
    who: Employee,
    read: Read,
    as_of: AsOf = None,
    effective_at: EffectiveAt = None,
) -> StageHistory:
    """Every stage visit in three clocks; an open one with its dwell so far, by its owner's calendar."""
    view = read(STAGES)
    owner = await owner_of(view, opportunity_id)
    seen = await visible_people(read, who)
    if owner is None or (seen is not None and owner not in seen):
        raise NotFound("opportunity", opportunity_id)
    now = now_of(read)
    calendar = (await load_calendars(read, now)).of(owner)
    return await stage_history(view, opportunity_id, calendar, now, as_of=as_of, effective_at=effective_at)
