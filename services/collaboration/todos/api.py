"""The work list over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from libs.events.deciding import Id, Moment, Text
from libs.service.callers import Anybody, Worker
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, View, allowed, problems
from libs.service.organisation import PEOPLE, visible_people
from services.collaboration.paths import TodoPath
from services.collaboration.todos.domain import COMPLETE, CompleteTodo
from services.collaboration.todos.projections import OWNERLESS_STEPS, TODOS

NEVER = "9999-12-31T00:00:00+00:00"
"""Where to-dos without a due time stand in the list."""
router = APIRouter(tags=["todos"])


class TodoView(View):
    """A to-do; `source` is the stream that it came from."""

    todo_id: str
    role: str
    assignee: str
    assignee_name: str | None
    title: str
    subject_type: str
    subject_id: str
    source: str
    created_at: datetime
    due_at: datetime | None
    state: Literal["open", "done"]
    outcome: str | None
    completed_by: str | None
    completed_at: datetime | None
    version: int


class OwnerlessView(View):
    """A step whose role resolved to nobody."""

    step_id: str
    handoff_id: str | None
    subject_type: str
    subject_id: str
    step: str
    role: str
    fell_to: str | None
    detected_at: datetime


class CompletionBody(Body, json_schema_extra={"examples": [{"outcome": "报价单已核对，无差异"}]}):
    """What came of it."""

    outcome: Annotated[Text, Field(min_length=1)]


@router.get("/todos", operation_id="listTodos", responses=problems(400, 403))
async def list_todos(
    who: Anybody,
    read: Read,
    page: PageQuery,
    assignee: Annotated[Id | None, Query(description="Whose; without it everybody's you may see")] = None,
    due: Annotated[Moment | None, Query(description="Due at this instant or before")] = None,
    state: Literal["open", "done"] | None = None,
) -> Page[TodoView]:
    """To-dos by due time, those without one last."""
    visible = await visible_people(read, who)
    after_due, after_id = page.after or (None, None)
    rows = await read(TODOS, PEOPLE).fetch(
        f"select t.*, coalesce(t.due_at, '{NEVER}') as place, p.name as assignee_name from todos t left join people p"
        " on p.tenant = t.tenant and p.person_id = t.assignee where t.tenant = $1"
        " and ($2::text[] is null or t.assignee = any($2)) and ($3::text is null or t.assignee = $3)"
        " and ($4::timestamptz is null or t.due_at <= $4) and ($5::text is null or t.state = $5)"
        f" and ($6::text is null or (coalesce(t.due_at, '{NEVER}'), t.todo_id) > ($6::text::timestamptz, $7::text))"
        " order by place, t.todo_id limit $8",
        visible,
        assignee,
        due,
        state,
        after_due,
        after_id,
        page.limit + 1,
    )
    return page.cut(rows, TodoView.of, by=("place", "todo_id"))


@router.post(
    "/todos/{todo_id}/complete",
    operation_id="completeTodo",
    response_model=Accepted,
    responses=problems(403, 404, 409, 412, 422),
)
async def complete_todo(
    todo_id: TodoPath,
    who: Worker,
    run: Run,
    body: CompletionBody,
) -> Response:
    """Say that it is done. Asking twice is harmless."""
    return await run(COMPLETE, CompleteTodo(todo_id=todo_id, outcome=body.outcome), id=todo_id)


@router.get("/ownerless-steps", operation_id="listOwnerlessSteps", responses=problems(400, 403))
async def list_ownerless_steps(
    who: Annotated[Person, allowed("manager", "director", "process-owner", "operator", "auditor")],
    read: Read,
    page: PageQuery,
) -> Page[OwnerlessView]:
    """Steps that fell to the process owner because nobody else had them, newest first."""
    after_at, after_id = page.after or (None, None)
    rows = await read(OWNERLESS_STEPS).fetch(
        "select step_id, handoff_id, subject_type, subject_id, step, role, fell_to, detected_at"
        " from ownerless_steps where tenant = $1"
        " and ($2::text is null or (detected_at, step_id) < ($2::text::timestamptz, $3::text))"
        " order by detected_at desc, step_id desc limit $4",
        after_at,
        after_id,
        page.limit + 1,
    )
    return page.cut(rows, OwnerlessView.of, by=("detected_at", "step_id"))
