"""Calendars over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id
from libs.rules.calendar_documents import CalendarDocument
from libs.rules.reference import REFERENCE
from libs.service.callers import Administrator, Anybody
from libs.service.http import Accepted, Body, Page, PageQuery, Read, Run, View, problems
from services.lead_routing.calendars.domain import (
    ASSIGN_CALENDAR,
    PUBLISH_CALENDAR,
    AssignCalendar,
    PublishCalendar,
    Scope,
)
from services.lead_routing.paths import CalendarPath

router = APIRouter(tags=["calendars"])


class CalendarView(View):
    """A calendar's newest data, and who goes by it as `scope:id`."""

    calendar_id: str
    version: str
    document: dict[str, Any]
    assigned_to: list[str]


class CalendarAssignmentBody(Body, json_schema_extra={"examples": [{"scope": "person", "subject_id": "rep-li"}]}):
    """Who goes by the calendar; `subject_id` is a team or a person, and not needed for the tenant."""

    scope: Scope
    subject_id: Annotated[Id | None, Field(description="The team's or person's id")] = None


@router.get("/calendars", operation_id="listCalendars", responses=problems(400, 403))
async def list_calendars(who: Anybody, read: Read, page: PageQuery) -> Page[CalendarView]:
    """All calendars by id."""
    rows = await read(REFERENCE).fetch(
        "select c.calendar_id, c.version, c.document,"
        " array(select a.scope || ':' || a.subject_id from calendar_assignments a where a.tenant = c.tenant"
        " and a.calendar_id = c.calendar_id and a.scope <> 'default' order by 1) as assigned_to"
        " from calendars c where c.tenant = $1 and c.calendar_id > $2 order by c.calendar_id limit $3",
        page.after[0] if page.after else "",
        page.limit + 1,
    )
    return page.cut(rows, CalendarView.of, by=("calendar_id",))


@router.post(
    "/calendars",
    operation_id="publishCalendar",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 409, 422),
)
async def publish_calendar(who: Administrator, run: Run, body: CalendarDocument) -> Response:
    """Publish a calendar, or new data of one under a new version; open deadlines move with it."""
    command = PublishCalendar(calendar_id=body.calendar_id, document=body)
    return await run(PUBLISH_CALENDAR, command, id=body.calendar_id, location="/v1/calendars")


@router.post(
    "/calendars/{calendar_id}/assign",
    operation_id="assignCalendar",
    response_model=Accepted,
    responses=problems(403, 404, 412, 422),
)
async def assign_calendar(
    calendar_id: CalendarPath, who: Administrator, run: Run, body: CalendarAssignmentBody
) -> Response:
    """Let the tenant, a team or a person go by a calendar."""
    subject_id = body.subject_id or who.tenant
    command = AssignCalendar(calendar_id=calendar_id, scope=body.scope, subject_id=subject_id)
    return await run(ASSIGN_CALENDAR, command, id=calendar_id)
