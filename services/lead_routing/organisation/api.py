"""People over HTTP: registering, place, skills, capacity, leave."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from libs.events.contracts.common import Role
from libs.events.contracts.lead_routing import Dimension
from libs.events.deciding import Decider, Id, Line, Moment, Text
from libs.events.errors import NotFound
from libs.service.callers import Anybody
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, allowed, problems, versioned
from libs.service.organisation import visible_people
from services.lead_routing.organisation.domain import (
    CANCEL_LEAVE,
    DEACTIVATE,
    PLAN_LEAVE,
    REGISTER,
    SET_CAPACITY,
    SET_MANAGER,
    SET_SKILLS,
    SET_TEAM,
    CancelLeave,
    DeactivateRep,
    Load,
    OnRep,
    PlanLeave,
    RegisterRep,
    SetCapacity,
    SetManager,
    SetSkills,
    SetTeam,
    SkillOf,
)
from services.lead_routing.organisation.queries import RepView, people, person
from services.lead_routing.paths import LeavePath, RepPath

router = APIRouter(tags=["people"])
Registrar = Annotated[Person, allowed("director", "process-owner", "operator")]
Superior = Annotated[Person, allowed("manager", "director", "process-owner", "operator")]
Colleague = Annotated[Person, allowed("rep", "manager", "director", "process-owner", "operator")]
REFUSALS: Any = problems(403, 404, 409, 412, 422)


class RepBody(
    Body,
    json_schema_extra={
        "examples": [
            {
                "rep_id": "rep-li",
                "name": "李销售",
                "roles": ["rep"],
                "team_id": "team-east",
                "manager_id": "manager-zhou",
            }
        ]
    },
):
    """A person with their place; `weight` 1 is a fully ramped-up rep."""

    rep_id: Annotated[Id, Field(description="As the person's access token names them")]
    name: Line
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=7)]
    team_id: Id | None = None
    department_id: Id | None = None
    manager_id: Id | None = None
    weight: Annotated[Decimal, Field(gt=0, le=1, decimal_places=4)] = Decimal(1)
    effective_from: Annotated[Moment | None, Field(description="Now if not given")] = None


class ManagerBody(Body, json_schema_extra={"examples": [{"manager_id": "manager-zhou"}]}):
    """Whom the person reports to from now on; null for nobody."""

    manager_id: Id | None


class TeamOfBody(Body, json_schema_extra={"examples": [{"team_id": "team-east"}]}):
    """The person's team from now on."""

    team_id: Id
    department_id: Id | None = None


class SkillsBody(
    Body,
    json_schema_extra={
        "examples": [
            {"dimension": "industry", "skills": [{"value": "manufacturing/appliances", "strength": "0.9"}]},
            {"dimension": "interaction", "skills": [{"value": "hunter"}]},
        ]
    },
):
    """What the person is good at in one dimension; replaces what was known of it."""

    dimension: Dimension
    skills: Annotated[tuple[SkillOf, ...], Field(max_length=100)]


class CapacityBody(Body, json_schema_extra={"examples": [{"max_weighted_load": "30", "daily_new_cap": 10}]}):
    """How much the person can carry in weighted items, and how many new leads a day."""

    max_weighted_load: Load
    daily_new_cap: Annotated[int, Field(ge=0, le=1_000)]


class LeaveBody(
    Body,
    json_schema_extra={
        "examples": [
            {
                "starts_at": "2026-03-09T09:00:00+08:00",
                "ends_at": "2026-03-14T00:00:00+08:00",
                "delegate_id": "rep-wang",
            }
        ]
    },
):
    """When the person is away, and who stands in."""

    starts_at: Moment
    ends_at: Moment
    delegate_id: Id | None = None


class DeactivationBody(Body, json_schema_extra={"examples": [{"reason": "离职"}]}):
    """Why the person no longer works here."""

    reason: Annotated[Text, Field(min_length=1)]


@router.get("/reps", operation_id="listReps", responses=problems(400, 403))
async def list_reps(
    who: Anybody,
    read: Read,
    page: PageQuery,
    team: Annotated[Id | None, Query(description="Only people of this team")] = None,
    active: Annotated[bool | None, Query(description="true: only people who work here")] = None,
) -> Page[RepView]:
    """The people you may see, by id."""
    after = page.after[0] if page.after else ""
    found = await people(read, await visible_people(read, who), team, active, after, page.limit + 1)
    shown = found[: page.limit]
    return page.page(shown, last=(shown[-1].rep_id,) if shown else (), more=len(found) > page.limit)


@router.get("/reps/{rep_id}", operation_id="getRep", response_model=RepView, responses=problems(403, 404))
async def get_rep(rep_id: RepPath, who: Anybody, read: Read) -> Response:
    """One person with skills, capacity, load and leaves."""
    visible = await visible_people(read, who)
    found = await person(read, rep_id) if visible is None or rep_id in visible else None
    if found is None:
        raise NotFound("rep", rep_id)
    return versioned(found, found.version)


@router.post(
    "/reps", operation_id="registerRep", status_code=201, response_model=Accepted, responses=problems(403, 409, 422)
)
async def register_rep(who: Registrar, run: Run, body: RepBody) -> Response:
    """Register a person, also one who comes back."""
    command = RegisterRep(**body.model_dump())
    return await run(REGISTER, command, id=body.rep_id, location=f"/v1/reps/{body.rep_id}")


@router.post("/reps/{rep_id}/manager", operation_id="setManager", response_model=Accepted, responses=REFUSALS)
async def set_manager(rep_id: RepPath, who: Registrar, run: Run, body: ManagerBody) -> Response:
    """Let a person report to another one."""
    return await _run(run, SET_MANAGER, SetManager(rep_id=rep_id, manager_id=body.manager_id))


@router.post("/reps/{rep_id}/team", operation_id="setTeam", response_model=Accepted, responses=REFUSALS)
async def set_team(rep_id: RepPath, who: Registrar, run: Run, body: TeamOfBody) -> Response:
    """Move a person to a team."""
    return await _run(run, SET_TEAM, SetTeam(rep_id=rep_id, **body.model_dump()))


@router.post("/reps/{rep_id}/skills", operation_id="setSkills", response_model=Accepted, responses=REFUSALS)
async def set_skills(rep_id: RepPath, who: Superior, run: Run, body: SkillsBody) -> Response:
    """Say what a person is good at in one dimension."""
    return await _run(run, SET_SKILLS, SetSkills(rep_id=rep_id, dimension=body.dimension, skills=body.skills))


@router.post("/reps/{rep_id}/capacity", operation_id="setCapacity", response_model=Accepted, responses=REFUSALS)
async def set_capacity(rep_id: RepPath, who: Superior, run: Run, body: CapacityBody) -> Response:
    """Say how much a person can carry. Leads on hold are routed again."""
    return await _run(run, SET_CAPACITY, SetCapacity(rep_id=rep_id, **body.model_dump()))


@router.post(
    "/reps/{rep_id}/leave", operation_id="planLeave", status_code=201, response_model=Accepted, responses=REFUSALS
)
async def plan_leave(rep_id: RepPath, who: Colleague, run: Run, body: LeaveBody) -> Response:
    """Plan a leave, your own or one of your people. No new leads come from four business hours before it."""
    leave_id = run.derive("leave")
    command = PlanLeave(rep_id=rep_id, leave_id=leave_id, **body.model_dump())
    return await run(PLAN_LEAVE, command, id=leave_id)


@router.post(
    "/reps/{rep_id}/leave/{leave_id}/cancel", operation_id="cancelLeave", response_model=Accepted, responses=REFUSALS
)
async def cancel_leave(rep_id: RepPath, leave_id: LeavePath, who: Colleague, run: Run) -> Response:
    """Cancel a planned leave, or end it now."""
    return await _run(run, CANCEL_LEAVE, CancelLeave(rep_id=rep_id, leave_id=leave_id))


@router.post("/reps/{rep_id}/deactivate", operation_id="deactivateRep", response_model=Accepted, responses=REFUSALS)
async def deactivate_rep(rep_id: RepPath, who: Registrar, run: Run, body: DeactivationBody) -> Response:
    """Say that a person no longer works here."""
    return await _run(run, DEACTIVATE, DeactivateRep(rep_id=rep_id, reason=body.reason))


async def _run(run: Run, decider: Decider[Any], command: OnRep) -> Response:
    return await run(decider, command, id=command.rep_id)
