"""Routing over HTTP: why a lead went to whom; the life of routing policies and tier rules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from libs.service.http import Page, PageQuery, Person, Read, allowed, problems
from libs.service.rules import rule_router
from services.lead_routing.leads.queries import find_unmasked
from services.lead_routing.leads.tiers import TIER_POLICY
from services.lead_routing.paths import EVERYBODY, LeadPath
from services.lead_routing.routing.policy import ROUTING_POLICY
from services.lead_routing.routing.projections import ROUTING_EXPLANATIONS
from services.lead_routing.routing.simulation import simulate

router = APIRouter(tags=["leads"])
policies = rule_router("routing-policies", ROUTING_POLICY, simulate=simulate)
tiers = rule_router("tier-policies", TIER_POLICY)


class ExplanationView(BaseModel):
    """One look at everybody: the filters that said no, or the parts of the score (fits, match, headroom, fairness)."""

    model_config = ConfigDict(frozen=True)

    version: int
    evaluated_at: datetime
    policy_id: str
    policy_version: int
    tier: str | None
    tags: dict[str, str]
    winner: str | None
    tie_break: str | None
    candidates: list[dict[str, Any]]


@router.get("/leads/{lead_id}/routing-explanations", operation_id="explainRouting", responses=problems(400, 403, 404))
async def explain_routing(
    lead_id: LeadPath, who: Annotated[Person, allowed(*EVERYBODY)], read: Read, page: PageQuery
) -> Page[ExplanationView]:
    """Why the lead went to whom, or to nobody; one entry for every routing."""
    await find_unmasked(read, who, lead_id)
    rows = await read(ROUTING_EXPLANATIONS).fetch(
        "select * from routing_explanations where tenant = $1 and lead_id = $2 and version > $3"
        " order by version limit $4",
        lead_id,
        int(page.after[0]) if page.after else 0,
        page.limit + 1,
    )
    items = [
        ExplanationView(**{name: row[name] for name in ExplanationView.model_fields}) for row in rows[: page.limit]
    ]
    return page.page(items, last=(items[-1].version,) if items else (), more=len(rows) > page.limit)
