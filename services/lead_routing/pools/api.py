"""Public pools over HTTP: the pools, their rules, their leads (masked), claiming and releasing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id, Line, Text
from libs.events.errors import NotFound
from libs.rules.calendar_documents import ZoneName
from libs.service.callers import Administrator, Anybody, Holder
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, View, allowed, problems
from libs.service.problems import register
from services.lead_routing.leads.projections import LEAD_BOARD
from services.lead_routing.leads.queries import shortened
from services.lead_routing.paths import LeadPath, PoolPath
from services.lead_routing.pools.domain import (
    CLAIM,
    CREATE_POOL,
    PUBLISH_POOL_RULES,
    RELEASE,
    ClaimLead,
    CreatePool,
    Days,
    PublishPoolRules,
    ReleaseLead,
)
from services.lead_routing.pools.projections import POOLS

register(
    "LEAD_ALREADY_CLAIMED", 409, "Somebody has claimed the lead", zh="该线索已被认领",
    fix="Choose another lead from the pool; your quota is unchanged.",
    fix_zh="请选择公海中的其他线索，您的额度未被占用。",
)  # fmt: skip
register(
    "COOL_DOWN", 409, "You lost this lead not long ago", zh="该线索处于冷却期",
    fix="Choose another lead, or wait until `until`.", fix_zh="请选择其他线索，或等到 until 所示时间。",
)  # fmt: skip

router = APIRouter(tags=["pools"])


class PoolView(View):
    """A pool with its rules; `rules_version` 0 are the shipped ones. Without members everybody may claim."""

    pool_id: str
    version: int
    name: str
    zone: str
    members: list[str]
    rules_version: int
    claims_per_day: int
    cool_down_days: int
    protection_days: int
    protection_extension_days: int
    protection_max_days: int


class PooledLeadView(View):
    """A lead in a pool: the company is shortened and contacts are only counted until somebody has claimed it."""

    lead_id: str
    version: int
    company: str
    channel: str
    campaign_id: str | None
    tier: str | None
    tags: dict[str, str]
    contacts: int
    captured_at: datetime
    pooled_at: datetime


class PoolBody(Body, json_schema_extra={"examples": [{"pool_id": "pool-east", "name": "华东公海"}]}):
    """A pool; `zone` is where its days begin, `members` may claim from it (none: everybody)."""

    pool_id: Id | None = None
    name: Line
    zone: ZoneName = "Asia/Shanghai"
    members: Annotated[tuple[Id, ...], Field(max_length=1_000)] = ()


class PoolRulesBody(Body, json_schema_extra={"examples": [{"claims_per_day": 5, "cool_down_days": 30}]}):
    """How leads may be claimed. Days are natural days; the protection is that of the domain text's 3.1.3-7."""

    claims_per_day: Annotated[int, Field(ge=0, le=1_000)] = 5
    cool_down_days: Days = 30
    protection_days: Days = 10
    protection_extension_days: Days = 3
    protection_max_days: Days = 20


class ReleaseBody(Body, json_schema_extra={"examples": [{"reason": "客户要求北方团队跟进"}]}):
    """Why the lead is put back, and into which pool if not the one it came from."""

    reason: Annotated[Text, Field(min_length=1)]
    pool_id: Id | None = None


@router.get("/pools", operation_id="listPools", responses=problems(400, 403))
async def list_pools(who: Anybody, read: Read, page: PageQuery) -> Page[PoolView]:
    """All pools by id."""
    rows = await read(POOLS).fetch(
        "select * from pools where tenant = $1 and pool_id > $2 order by pool_id limit $3",
        page.after[0] if page.after else "",
        page.limit + 1,
    )
    return page.cut(rows, PoolView.of, by=("pool_id",))


@router.post(
    "/pools", operation_id="createPool", status_code=201, response_model=Accepted, responses=problems(403, 409, 422)
)
async def create_pool(who: Administrator, run: Run, body: PoolBody) -> Response:
    """Create a pool."""
    pool_id = body.pool_id or run.derive("pool")
    command = CreatePool(pool_id=pool_id, name=body.name, zone=body.zone, members=body.members)
    return await run(CREATE_POOL, command, id=pool_id, location="/v1/pools")


@router.post(
    "/pools/{pool_id}/rules",
    operation_id="publishPoolRules",
    response_model=Accepted,
    responses=problems(403, 404, 412, 422),
)
async def publish_pool_rules(pool_id: PoolPath, who: Administrator, run: Run, body: PoolRulesBody) -> Response:
    """Publish how leads may be claimed from now on."""
    return await run(PUBLISH_POOL_RULES, PublishPoolRules(pool_id=pool_id, **body.model_dump()), id=pool_id)


@router.get("/pools/{pool_id}/leads", operation_id="listPoolLeads", responses=problems(400, 403, 404))
async def list_pool_leads(pool_id: PoolPath, who: Anybody, read: Read, page: PageQuery) -> Page[PooledLeadView]:
    """The leads of a pool, those that wait longest first."""
    pool = await read(POOLS).one("select members from pools where tenant = $1 and pool_id = $2", pool_id)
    if pool is None or (pool["members"] and who.roles == {"rep"} and who.person_id not in pool["members"]):
        raise NotFound("pool", pool_id)
    pooled_at, lead_id = page.after or (None, None)
    rows = await read(LEAD_BOARD).fetch(
        "select *, jsonb_array_length(contacts) as contacts_known from leads"
        " where tenant = $1 and pool_id = $2 and state = 'pooled'"
        " and ($3::text is null or (pooled_at, lead_id) > ($3::text::timestamptz, $4::text))"
        " order by pooled_at, lead_id limit $5",
        pool_id,
        pooled_at,
        lead_id,
        page.limit + 1,
    )
    return page.cut(rows, _masked, by=("pooled_at", "lead_id"))


@router.post(
    "/leads/{lead_id}/claim",
    operation_id="claimLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 429),
)
async def claim_lead(lead_id: LeadPath, who: Annotated[Person, allowed("rep", "manager")], run: Run) -> Response:
    """Claim a lead from its pool. Exactly one caller wins; asking twice is harmless; a lost claim costs no quota."""
    return await run(CLAIM, ClaimLead(lead_id=lead_id, rep_id=who.person_id), id=lead_id)


@router.post(
    "/leads/{lead_id}/release",
    operation_id="releaseLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def release_lead(lead_id: LeadPath, who: Holder, run: Run, body: ReleaseBody) -> Response:
    """Put a lead back into a pool. Its owner cannot claim it again for the pool's cool-down."""
    return await run(RELEASE, ReleaseLead(lead_id=lead_id, reason=body.reason, pool_id=body.pool_id), id=lead_id)


def _masked(row: Any) -> PooledLeadView:
    """A lead of a pool, without what only its owner sees."""
    return PooledLeadView.of({**row, "company": shortened(row["company"]), "contacts": row["contacts_known"]})
