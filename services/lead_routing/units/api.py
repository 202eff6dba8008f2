"""Teams and departments over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from libs.events.deciding import Id, Line
from libs.service.callers import Administrator, Anybody
from libs.service.http import Accepted, Body, Page, PageQuery, Read, Run, View, problems
from libs.service.organisation import PEOPLE
from services.lead_routing.units.domain import (
    REGISTER_DEPARTMENT,
    REGISTER_TEAM,
    RegisterDepartment,
    RegisterTeam,
)

router = APIRouter(tags=["people"])


class TeamView(View):
    """A team: its department, where it sells, who leads it."""

    team_id: str
    name: str
    department_id: str | None
    region: str | None
    lead_id: str | None


class DepartmentView(View):
    """A department and who heads it."""

    department_id: str
    name: str
    head_id: str | None


class TeamBody(
    Body,
    json_schema_extra={
        "examples": [{"team_id": "team-east", "name": "华东一组", "department_id": "sales", "region": "east"}]
    },
):
    """A team; sent again with the same id it changes the team."""

    team_id: Id | None = None
    name: Line
    department_id: Id | None = None
    region: Line | None = None
    lead_id: Id | None = None


class DepartmentBody(
    Body, json_schema_extra={"examples": [{"department_id": "sales", "name": "销售部", "head_id": "director-sun"}]}
):
    """A department; sent again with the same id it changes the department."""

    department_id: Id | None = None
    name: Line
    head_id: Id | None = None


@router.get("/teams", operation_id="listTeams", responses=problems(400, 403))
async def list_teams(who: Anybody, read: Read, page: PageQuery) -> Page[TeamView]:
    """All teams by id."""
    rows = await read(PEOPLE).fetch(
        "select team_id, name, department_id, region, lead_id from teams"
        " where tenant = $1 and team_id > $2 order by team_id limit $3",
        page.after[0] if page.after else "",
        page.limit + 1,
    )
    return page.cut(rows, TeamView.of, by=("team_id",))


@router.post(
    "/teams", operation_id="registerTeam", status_code=201, response_model=Accepted, responses=problems(403, 422)
)
async def register_team(who: Administrator, run: Run, body: TeamBody) -> Response:
    """Register a team, or change one."""
    team_id = body.team_id or run.derive("team")
    command = RegisterTeam(
        team_id=team_id,
        name=body.name,
        department_id=body.department_id,
        region=body.region,
        lead_id=body.lead_id,
    )
    return await run(REGISTER_TEAM, command, id=team_id, location="/v1/teams")


@router.get("/departments", operation_id="listDepartments", responses=problems(400, 403))
async def list_departments(who: Anybody, read: Read, page: PageQuery) -> Page[DepartmentView]:
    """All departments by id."""
    rows = await read(PEOPLE).fetch(
        "select department_id, name, head_id from departments"
        " where tenant = $1 and department_id > $2 order by department_id limit $3",
        page.after[0] if page.after else "",
        page.limit + 1,
    )
    return page.cut(rows, DepartmentView.of, by=("department_id",))


@router.post(
    "/departments",
    operation_id="registerDepartment",
    status_code=201,
    response_model=Accepted,
    responses=problems(403, 422),
)
async def register_department(who: Administrator, run: Run, body: DepartmentBody) -> Response:
    """Register a department, or change one."""
    department_id = body.department_id or run.derive("department")
    command = RegisterDepartment(department_id=department_id, name=body.name, head_id=body.head_id)
    return await run(REGISTER_DEPARTMENT, command, id=department_id, location="/v1/departments")
