"""Routing over HTTP: why a lead went to whom; the life of routing policies and tier rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter

from libs.service.callers import Anybody
from libs.service.http import Page, PageQuery, Read, View, problems
from libs.service.rules import rule_router
from services.lead_routing.leads.queries import find_unmasked
from services.lead_routing.leads.tiers import TIER_POLICY
from services.lead_routing.paths import LeadPath
from services.lead_routing.routing.policy import ROUTING_POLICY
from services.lead_routing.routing.projections import ROUTING_EXPLANATIONS
from services.lead_routing.routing.simulation import simulate

router = APIRouter(tags=["leads"])
policies = rule_router("routing-policies", ROUTING_POLICY, simulate=simulate)
tiers = rule_router("tier-policies", TIER_POLICY)


class ExplanationView(View):
    """One look at everybody: the filters that said no, or the parts of the score (fits, match, headroom, fairness)."""

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
async def explain_routing(lead_id: LeadPath, who: Anybody, read: Read, page: PageQuery) -> Page[ExplanationView]:
    """Why the lead went to whom, or to nobody; one entry for every routing."""
    await find_unmasked(read, who, lead_id)
    rows = await read(ROUTING_EXPLANATIONS).fetch(
        "select * from routing_explanations where tenant = $1 and lead_id = $2 and version > $3"
        " order by version limit $4",
        lead_id,
        int(page.after[0]) if page.after else 0,
        page.limit + 1,
    )
    return page.cut(rows, ExplanationView.of, by=("version",))
