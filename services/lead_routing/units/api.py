"""Teams and departments over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from libs.events.deciding import Id, Line
from libs.service.http import Accepted, Body, Page, PageQuery, Person, Read, Run, allowed, problems
from libs.service.organisation import PEOPLE
from services.lead_routing.paths import ADMINISTRATORS, EVERYBODY
from services.lead_routing.units.domain import (
    REGISTER_DEPARTMENT,
    REGISTER_TEAM,
    RegisterDepartment,
    RegisterTeam,
)

router = APIRouter(tags=["people"])
Administrator = Annotated[Person, allowed(*ADMINISTRATORS)]


class TeamView(BaseModel):
    """A team: its department, where it sells, who leads it."""

    model_config = ConfigDict(frozen=True)

    team_id: str
    name: str
    department_id: str | None
    region: str | None
    lead_id: str | None


class DepartmentView(BaseModel):
    """A department and who heads it."""

    model_config = ConfigDict(frozen=True)

    department_id: str
    name: str
    head_id: str | None


class TeamBody(Body):
    """A team; sent again with the same id it changes the team."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"team_id": "team-east", "name": "华东一组", "department_id": "sales", "region": "east"}]
        }
    )

    team_id: Id | None = None
    name: Line
    department_id: Id | None = None
    region: Line | None = None
    lead_id: Id | None = None


class DepartmentBody(Body):
    """A department; sent again with the same id it changes the department."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"department_id": "sales", "name": "销售部", "head_id": "director-sun"}]}
    )

    department_id: Id | None = None
    name: Line
    head_id: Id | None = None


@router.get("/teams", operation_id="listTeams", responses=problems(400, 403))
async def list_teams(who: Annotated[Person, allowed(*EVERYBODY)], read: Read, page: PageQuery) -> Page[TeamView]:
    """All teams by id."""
    rows = await read(PEOPLE).fetch(
        "select team_id, name, department_id, region, lead_id from teams"
        " where tenant = $1 and team_id > $2 order by team_id limit $3",
        page.after[0] if page.after else "",
        page.limit + 1,
    )
    items = [TeamView(**dict(row)) for row in rows[: page.limit]]
    return page.page(items, last=(items[-1].team_id,) if items else (), more=len(rows) > page.limit)


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
async def list_departments(
    who: Annotated[Person, allowed(*EVERYBODY)], read: Read, page: PageQuery
) -> Page[DepartmentView]:
    """All departments by id."""
    rows = await read(PEOPLE).fetch(
        "select department_id, name, head_id from departments"
        " where tenant = $1 and department_id > $2 order by department_id limit $3",
        page.after[0] if page.after else "",
        page.limit + 1,
    )
    items = [DepartmentView(**dict(row)) for row in rows[: page.limit]]
    return page.page(items, last=(items[-1].department_id,) if items else (), more=len(rows) > page.limit)


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
