"""Collaboration events and flows over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id, Moment
from libs.rules.documents import RuleKind, register_kind
from libs.service.callers import Anybody, Seller
from libs.service.http import Accepted, Body, Page, PageQuery, Read, Run, View, problems
from libs.service.rules import rule_router
from services.collaboration.collab_events.domain import RECORD, Detail, RecordCollabEvent
from services.collaboration.collab_events.flows import KIND, SHIPPED, SHIPPED_ID, Flow, lint
from services.collaboration.collab_events.projections import COLLAB_EVENTS
from services.collaboration.deliverables.domain import Code

FLOWS = register_kind(
    RuleKind(
        kind=KIND,
        model=Flow,
        default_id=SHIPPED_ID,
        default_document=SHIPPED.model_dump(mode="json"),
        default_name="Collaboration flow",
        lint=lint,
    )
)

router = APIRouter(tags=["collab-events"])
flows = rule_router("flows", FLOWS)


class CollabEventBody(
    Body,
    json_schema_extra={
        "examples": [{"kind": "legal_review_done", "subject_type": "opportunity", "subject_id": "0190f3c2"}]
    },
):
    """What happened; `people` names who fills roles of the flow, if that is known."""

    kind: Code
    subject_type: Code
    subject_id: Id
    payload: Annotated[dict[Code, Detail], Field(max_length=50)] = Field(default_factory=dict)
    people: Annotated[dict[Code, Id], Field(max_length=30)] = Field(default_factory=dict)
    happened_at: Moment | None = None


class CollabEventView(View):
    """A recorded event."""

    event_id: str
    kind: str
    subject_type: str
    subject_id: str
    payload: dict[str, Any]
    happened_at: datetime
    recorded_at: datetime
    recorded_by: str


@router.post(
    "/collab-events",
    operation_id="recordCollabEvent",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 409, 413, 422),
)
async def record_collab_event(
    who: Seller,
    run: Run,
    body: CollabEventBody,
) -> Response:
    """Record a standard event; each linked role of its flow gets a to-do."""
    event_id = run.derive("collab-event")
    return await run(RECORD, RecordCollabEvent(event_id=event_id, **body.model_dump()), id=event_id)


@router.get("/collab-events", operation_id="listCollabEvents", responses=problems(400, 403))
async def list_collab_events(
    who: Anybody,
    read: Read,
    page: PageQuery,
    kind: Code | None = None,
    subject_id: Annotated[Id | None, Query(description="What the event is about")] = None,
) -> Page[CollabEventView]:
    """The event centre, newest first; everybody of the tenant sees it."""
    after_at, after_id = page.after or (None, None)
    rows = await read(COLLAB_EVENTS).fetch(
        "select event_id, kind, subject_type, subject_id, payload, happened_at, recorded_at, recorded_by"
        " from collab_events where tenant = $1 and ($2::text is null or kind = $2)"
        " and ($3::text is null or subject_id = $3)"
        " and ($4::text is null or (happened_at, event_id) < ($4::text::timestamptz, $5::text))"
        " order by happened_at desc, event_id desc limit $6",
        kind,
        subject_id,
        after_at,
        after_id,
        page.limit + 1,
    )
    return page.cut(rows, CollabEventView.of, by=("happened_at", "event_id"))
