"""Work on a lead over HTTP: activities, conversion, disqualification, reopening."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.contracts.lead_routing import ActivityKind
from libs.events.deciding import Day, Id, Line, Moment, Text
from libs.service.callers import Holder, Worker
from libs.service.http import Accepted, Body, Person, Run, allowed, problems
from services.lead_routing.followup.domain import (
    CONVERT,
    DISQUALIFY,
    RECORD_ACTIVITY,
    REOPEN,
    ConvertLead,
    DisqualifyLead,
    RecordActivity,
    ReopenLead,
)
from services.lead_routing.followup.substance import Direction
from services.lead_routing.paths import LeadPath

router = APIRouter(tags=["leads"])


class ActivityBody(
    Body,
    json_schema_extra={
        "examples": [
            {"kind": "call", "direction": "out", "duration_s": 320, "text": "客户确认三月底前需要报价"},
            {"kind": "next_step", "next_step_due": "2026-03-05T10:00:00+08:00"},
        ]
    },
):
    """What was done. Whether it counts, and if not why, is in the fact. Entries over 15 minutes late need a reason."""

    kind: ActivityKind
    direction: Direction | None = None
    duration_s: Annotated[int, Field(ge=0, le=86_400, description="Seconds of a call")] | None = None
    text: Annotated[Text, Field(max_length=4_000, description="Kept sealed")] | None = None
    next_step_due: Moment | None = None
    happened_at: Annotated[Moment | None, Field(description="Now if not given")] = None
    late_reason: Line | None = None


class ConversionBody(
    Body, json_schema_extra={"examples": [{"amount": "300000", "currency": "CNY", "expected_close": "2026-04-30"}]}
):
    """What the opportunity begins with; without an account a new one is made."""

    account_id: Id | None = None
    amount: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=4)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    expected_close: Day | None = None


class DisqualificationBody(Body, json_schema_extra={"examples": [{"reason_code": "no_need"}]}):
    """Why the lead leads nowhere."""

    reason_code: Line


class ReopeningBody(Body, json_schema_extra={"examples": [{"reason": "客户回电"}]}):
    """Why the lead is worked on again."""

    reason: Annotated[Text, Field(min_length=1)]


@router.post(
    "/leads/{lead_id}/activities",
    operation_id="recordLeadActivity",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def record_activity(
    lead_id: LeadPath,
    who: Annotated[Person, allowed("rep", "manager", "director", "integration")],
    run: Run,
    body: ActivityBody,
) -> Response:
    """Record something that was done. The first that counts accepts the lead and answers the customer."""
    activity_id = run.derive("activity")
    command = RecordActivity(lead_id=lead_id, activity_id=activity_id, **body.model_dump())
    return await run(RECORD_ACTIVITY, command, id=activity_id)


@router.post(
    "/leads/{lead_id}/convert",
    operation_id="convertLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def convert_lead(lead_id: LeadPath, who: Holder, run: Run, body: ConversionBody) -> Response:
    """Make an opportunity of a lead, which the pipeline opens; the answer's `id` is the opportunity's."""
    opportunity_id = run.derive("opportunity")
    command = ConvertLead(
        lead_id=lead_id,
        opportunity_id=opportunity_id,
        account_id=body.account_id or run.derive("account"),
        amount=body.amount,
        currency=body.currency,
        expected_close=body.expected_close,
    )
    return await run(CONVERT, command, id=opportunity_id)


@router.post(
    "/leads/{lead_id}/disqualify",
    operation_id="disqualifyLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def disqualify_lead(
    lead_id: LeadPath,
    who: Worker,
    run: Run,
    body: DisqualificationBody,
) -> Response:
    """Say that a lead leads nowhere."""
    return await run(DISQUALIFY, DisqualifyLead(lead_id=lead_id, reason_code=body.reason_code), id=lead_id)


@router.post(
    "/leads/{lead_id}/reopen",
    operation_id="reopenLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def reopen_lead(lead_id: LeadPath, who: Worker, run: Run, body: ReopeningBody) -> Response:
    """Work on a disqualified lead again: it goes to its former owner, or is routed."""
    return await run(REOPEN, ReopenLead(lead_id=lead_id, reason=body.reason), id=lead_id)
