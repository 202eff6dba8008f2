"""Erasing over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Line
from libs.service.http import Accepted, Body, Person, Run, allowed, problems
from services.lead_routing.erasure.domain import ERASE, EraseLead
from services.lead_routing.paths import LeadPath

router = APIRouter(tags=["leads"])


class ErasureBody(Body, json_schema_extra={"examples": [{"reason_code": "requested_by_the_person"}]}):
    """Why the people are erased; a code, without anything personal."""

    reason_code: Annotated[Line, Field(min_length=1)]


@router.post(
    "/leads/{lead_id}/erase",
    operation_id="eraseLead",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def erase_lead(
    lead_id: LeadPath, who: Annotated[Person, allowed("process-owner")], run: Run, body: ErasureBody
) -> Response:
    """Erase the people of a lead for ever: nobody can read their names, numbers and notes in any copy. Figures stay."""
    return await run(ERASE, EraseLead(lead_id=lead_id, reason_code=body.reason_code), id=lead_id)
