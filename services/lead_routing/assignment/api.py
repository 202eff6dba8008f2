"""Leads and their reps over HTTP: assigning by hand, accepting, declining."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id, Line, Text
from libs.service.callers import Holder, Leader
from libs.service.http import Accepted, Body, Run, problems
from services.lead_routing.assignment.domain import (
    ACCEPT,
    ASSIGN,
    DECLINE,
    AcceptLead,
    AssignLead,
    DeclineLead,
    Obstacle,
)
from services.lead_routing.paths import LeadPath

router = APIRouter(tags=["leads"])


class AssignmentBody(
    Body, json_schema_extra={"examples": [{"rep_id": "rep-li", "reason": "老客户", "override": ["CAPACITY"]}]}
):
    """Who gets the lead and why; `override` names the conditions that are knowingly broken."""

    rep_id: Id
    reason: Annotated[Text, Field(min_length=1)]
    override: Annotated[tuple[Obstacle, ...], Field(max_length=4)] = ()


class DeclineBody(Body, json_schema_extra={"examples": [{"reason_code": "conflict_of_interest"}]}):
    """Why the lead is given back."""

    reason_code: Line


@router.post(
    "/leads/{lead_id}/assign",
    operation_id="assignLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def assign_lead(lead_id: LeadPath, who: Leader, run: Run, body: AssignmentBody) -> Response:
    """Give a lead to a rep by hand, from whoever has it. The rep has to accept it like any other."""
    return await run(ASSIGN, AssignLead(lead_id=lead_id, **body.model_dump()), id=lead_id)


@router.post(
    "/leads/{lead_id}/accept",
    operation_id="acceptLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412),
)
async def accept_lead(lead_id: LeadPath, who: Holder, run: Run) -> Response:
    """Take on a lead that was assigned to you."""
    return await run(ACCEPT, AcceptLead(lead_id=lead_id, rep_id=who.person_id), id=lead_id)


@router.post(
    "/leads/{lead_id}/decline",
    operation_id="declineLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def decline_lead(lead_id: LeadPath, who: Holder, run: Run, body: DeclineBody) -> Response:
    """Give back a lead that you have not accepted; another rep is found for it."""
    command = DeclineLead(lead_id=lead_id, rep_id=who.person_id, reason_code=body.reason_code)
    return await run(DECLINE, command, id=lead_id)
