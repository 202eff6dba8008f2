"""Leads over HTTP: capturing, the board, one lead with its history, its tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from libs.events.contracts.common import Tier
from libs.events.contracts.lead_routing import Dimension
from libs.events.deciding import Id, Line
from libs.service.callers import Anybody, Seller
from libs.service.http import Accepted, Body, Page, PageQuery, Read, Run, View, problems, versioned
from libs.service.organisation import PEOPLE
from services.lead_routing.leads.domain import (
    CAPTURE,
    CORRECT_TAG,
    CaptureLead,
    ContactGiven,
    CorrectTag,
    From,
    TagGiven,
    lead_id_of,
)
from services.lead_routing.leads.history import LEAD_HISTORY
from services.lead_routing.leads.projections import LEAD_BOARD
from services.lead_routing.leads.queries import (
    COLUMNS,
    VISIBLE,
    LeadDetail,
    LeadView,
    find_unmasked,
    lead_detail,
    sight,
)
from services.lead_routing.paths import LeadPath

router = APIRouter(tags=["leads"])
State = Literal["captured", "pooled", "assigned", "working", "converted", "disqualified", "erased"]


class LeadBody(
    Body,
    json_schema_extra={
        "examples": [
            {
                "source": {"channel": "expo", "campaign_id": "expo-2026-spring", "external_id": "badge-4711"},
                "company": "海尔智家华东分公司",
                "contacts": [{"name": "王芳", "role": "purchasing head", "phone": "13900000001"}],
                "tags": [
                    {"dimension": "industry", "value": "manufacturing/appliances"},
                    {"dimension": "budget", "value": "500k-2m"},
                    {"dimension": "region", "value": "shandong/qingdao"},
                ],
            }
        ]
    },
):
    """A lead that comes in. The same channel and external id never become two leads."""

    source: From
    company: Line
    uscc: Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$", description="统一社会信用代码")] | None = None
    contacts: Annotated[tuple[ContactGiven, ...], Field(max_length=20)] = ()
    tags: Annotated[tuple[TagGiven, ...], Field(max_length=5)] = ()


class TagBody(
    Body,
    json_schema_extra={"examples": [{"dimension": "region", "value": "jiangsu/suzhou", "reason": "名片地址在苏州"}]},
):
    """What a lead's tag is in truth, and why that is known."""

    dimension: Dimension
    value: Line
    reason: Line


class HistoryView(View):
    """One fact of a lead, without anything personal."""

    version: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor_kind: str
    actor_id: str
    data: dict[str, Any]


@router.post(
    "/leads",
    operation_id="captureLead",
    status_code=201,
    response_model=Accepted,
    responses={200: {"model": Accepted, "description": "It had come in before"}, **problems(403, 409, 422)},
)
async def capture_lead(who: Seller, run: Run, body: LeadBody) -> Response:
    """Take a lead in. It is tagged, tiered and routed; one that came in before is counted, with the first one's id."""
    known = body.source.external_id is not None
    lead_id = lead_id_of(who.tenant, body.source) if known else run.derive("lead")
    command = CaptureLead(
        lead_id=lead_id,
        source=body.source,
        company=body.company,
        uscc=body.uscc,
        contacts=body.contacts,
        tags=body.tags,
    )
    answer = await run(CAPTURE, command, id=lead_id, location=f"/v1/leads/{lead_id}")
    if b'"lead-captured.v1"' not in bytes(answer.body):
        answer.status_code = 200
    return answer


@router.get("/leads", operation_id="listLeads", responses=problems(400, 403))
async def list_leads(
    who: Anybody,
    read: Read,
    page: PageQuery,
    state: State | None = None,
    owner: Annotated[Id | None, Query(description="The owner's id")] = None,
    pool: Annotated[Id | None, Query(description="The pool's id")] = None,
    tier: Tier | None = None,
    held: Annotated[bool | None, Query(description="true: only leads that nobody can take just now")] = None,
) -> Page[LeadView]:
    """The leads you may see, the newest first."""
    people, unowned = await sight(read, who)
    captured_at, lead_id = page.after or (None, None)
    rows = await read(LEAD_BOARD, PEOPLE).fetch(
        f"select {COLUMNS} and {VISIBLE}"
        " and ($4::text is null or l.state = $4) and ($5::text is null or l.owner_id = $5)"
        " and ($6::text is null or l.pool_id = $6) and ($7::text is null or l.tier = $7)"
        " and ($8::bool is null or (l.held_until is not null) = $8)"
        " and ($9::text is null or (l.captured_at, l.lead_id) < ($9::text::timestamptz, $10::text))"
        " order by l.captured_at desc, l.lead_id desc limit $11",
        people,
        unowned,
        state,
        owner,
        pool,
        tier,
        held,
        captured_at,
        lead_id,
        page.limit + 1,
    )
    return page.cut(rows, LeadView.of, by=("captured_at", "lead_id"))


@router.get("/leads/{lead_id}", operation_id="getLead", response_model=LeadDetail, responses=problems(403, 404))
async def get_lead(lead_id: LeadPath, who: Anybody, read: Read) -> Response:
    """One lead. A lead in a pool is masked until you have claimed it."""
    lead = await lead_detail(read, who, lead_id)
    return versioned(lead, lead.version)


@router.get("/leads/{lead_id}/history", operation_id="getLeadHistory", responses=problems(400, 403, 404))
async def get_lead_history(lead_id: LeadPath, who: Anybody, read: Read, page: PageQuery) -> Page[HistoryView]:
    """Everything that happened to a lead, in order."""
    await find_unmasked(read, who, lead_id)
    after = int(page.after[0]) if page.after else 0
    rows = await read(LEAD_HISTORY).fetch(
        "select * from lead_history where tenant = $1 and lead_id = $2 and version > $3 order by version limit $4",
        lead_id,
        after,
        page.limit + 1,
    )
    return page.cut(rows, HistoryView.of, by=("version",))


@router.post(
    "/leads/{lead_id}/tags",
    operation_id="correctLeadTag",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def correct_tag(
    lead_id: LeadPath,
    who: Seller,
    run: Run,
    body: TagBody,
) -> Response:
    """Correct a tag of a lead, or add one. The tier follows; a lead that waits to be better known is routed."""
    return await run(CORRECT_TAG, CorrectTag(lead_id=lead_id, **body.model_dump()), id=lead_id)
