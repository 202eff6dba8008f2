"""The handoff board over HTTP: lists with clocks, and one handoff with its trace, questions and stalls."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from libs.events.deciding import Id
from libs.events.errors import NotFound
from libs.service.callers import Anybody
from libs.service.http import Page, PageQuery, Read, View, problems, versioned
from libs.service.organisation import visible_people
from services.collaboration.handoffs.projections import HANDOFFS
from services.collaboration.handoffs.queries import COLUMNS, MINE, HandoffView, Now, row_of, view_of
from services.collaboration.paths import HandoffPath

router = APIRouter(tags=["handoffs"])
State = Literal[
    "drafted",
    "awaiting_acceptance",
    "returned",
    "accepted",
    "in_progress",
    "delivered",
    "confirmed",
    "cancelled",
    "paused",
]


class StepView(View):
    """One entry of the trace."""

    version: int
    kind: str
    actor: str
    at: datetime
    data: dict[str, Any]


class QuestionView(View):
    """A question with its answer; `business_s` is how long that took on the answering side's business clock."""

    clarification_id: str
    side: Literal["sender", "receiver"]
    item: str | None
    question: str
    asked_by: str
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    business_s: int | None


class HandoffDetail(HandoffView):
    """A handoff with everything that was said and done; `briefs` are those of its stalls."""

    items: list[dict[str, str]]
    deliverables: list[dict[str, str]]
    clarifications: list[QuestionView]
    trace: list[StepView]
    briefs: list[dict[str, Any]]


@router.get("/handoffs", operation_id="listHandoffs", responses=problems(400, 403))
async def list_handoffs(
    who: Anybody,
    read: Read,
    page: PageQuery,
    state: State | None = None,
    dept: Annotated[Id | None, Query(description="The department of either side")] = None,
    stalled: Annotated[bool | None, Query(description="Whether its present silence was reported")] = None,
    person: Annotated[Id | None, Query(description="Either side, or who stands in")] = None,
    subject_id: Annotated[Id | None, Query(description="What is handed over")] = None,
) -> Page[HandoffView]:
    """Handoffs that involve people you may see, newest first, with their clocks as of now."""
    visible = await visible_people(read, who)
    after_at, after_id = page.after or (None, None)
    records = await read(HANDOFFS).fetch(
        f"select {COLUMNS} from handoffs h where h.tenant = $1 and {MINE}"
        " and ($3::text is null or h.state = $3)"
        " and ($4::text is null or h.from_department = $4 or h.to_department = $4)"
        " and ($5::boolean is null or (h.level > 0) = $5)"
        " and ($6::text is null or $6 in (h.from_person, h.to_person, h.stand_in))"
        " and ($7::text is null or h.subject_id = $7)"
        " and ($8::text is null or (h.drafted_at, h.handoff_id) < ($8::text::timestamptz, $9::text))"
        " order by h.drafted_at desc, h.handoff_id desc limit $10",
        visible,
        state,
        dept,
        stalled,
        person,
        subject_id,
        after_at,
        after_id,
        page.limit + 1,
    )
    now = await Now.of(read)
    return page.cut(records, lambda record: view_of(row_of(record), now), by=("drafted_at", "handoff_id"))


@router.get(
    "/handoffs/{handoff_id}",
    operation_id="getHandoff",
    response_model=HandoffDetail,
    responses=problems(403, 404),
)
async def get_handoff(handoff_id: HandoffPath, who: Anybody, read: Read) -> Response:
    """One handoff; 404 for people whom neither side reports to."""
    visible = await visible_people(read, who)
    view = read(HANDOFFS)
    record = await view.one(
        f"select {COLUMNS} from handoffs h where h.tenant = $1 and {MINE} and h.handoff_id = $3", visible, handoff_id
    )
    if record is None:
        raise NotFound("handoff", handoff_id)
    row = row_of(record)
    steps = await view.fetch("select * from handoff_steps where tenant = $1 and key = $2 order by version", handoff_id)
    questions = await view.fetch(
        "select * from clarifications where tenant = $1 and key = $2 order by asked_at, clarification_id", handoff_id
    )
    detail = HandoffDetail(
        **view_of(row, await Now.of(read)).model_dump(),
        items=row.items,
        deliverables=row.deliverables,
        clarifications=[QuestionView.of(question) for question in questions],
        trace=[StepView.of(step) for step in steps],
        briefs=[step["data"]["brief"] for step in steps if step["kind"] == "handoff-stalled"],
    )
    return versioned(detail, row.version)
