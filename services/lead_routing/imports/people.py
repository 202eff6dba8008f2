"""Importing people: each with team and department, whom they report to, since when, and until when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from libs.events.deciding import Decider
from libs.service.imports.cells import Cells
from libs.service.imports.importing import Importer, Material, Step, ToSteps
from libs.service.imports.values import Known, Refused
from libs.service.organisation import PEOPLE
from services.lead_routing.imports.domain import (
    KEEP_DEPARTMENT,
    KEEP_PERSON,
    KEEP_TEAM,
    RECORD_LEAVING,
    RecordLeaving,
)
from services.lead_routing.organisation.domain import REGISTER, RegisterRep
from services.lead_routing.units.domain import RegisterDepartment, RegisterTeam

Place = tuple[str | None, str | None, str | None]
"""Team, region and department, by name."""


@dataclass(slots=True)
class _Chart:
    """What the whole file says: people by id, who is named as a manager from which places, what teams are like."""

    people: dict[str, str] = field(default_factory=dict)
    managers: dict[str, set[Place]] = field(default_factory=dict)
    teams: dict[str, set[Place]] = field(default_factory=dict)

    def add(self, cells: Cells) -> None:
        """One more row."""
        place = _place(cells)
        self.people[cells.identity("person", "id", "name")] = cells.required("name")
        if manager := cells.line("manager"):
            self.managers.setdefault(manager, set()).add(place)
        if place[0]:
            self.teams.setdefault(place[0], set()).add(place)

    def place_of(self, manager: str) -> Place:
        """Where a manager is who has no row: where all those are who report to them, else nowhere."""
        places = self.managers[manager]
        return next(iter(places)) if len(places) == 1 else (None, None, None)


async def people(material: Material) -> ToSteps:
    """A person is registered once; teams, departments and managers without a row are, where they are not known."""
    chart = _Chart()
    for cells in material.rows():
        if not cells.row.error:
            try:
                chart.add(cells)
            except Refused:
                continue
    rows = await material.reader(PEOPLE).fetch("select person_id, name from people where tenant = $1 order by 1")
    known = Known(material.form.tenant, "person", {row["person_id"]: row["name"] for row in rows} | chart.people)

    def steps(cells: Cells) -> list[Step]:
        rep_id, place = cells.identity("person", "id", "name"), _place(cells)
        found = [*_units(cells, place, chart), *_manager(cells, known, chart)]
        since, left = cells.instant("since"), cells.instant("left_at")
        register: dict[str, Any] = {
            "rep_id": rep_id,
            "name": cells.required("name"),
            "roles": _roles(cells, chart),
            "manager_id": _manager_id(cells, known, chart),
            "effective_from": since,
        }
        command = RegisterRep.model_validate(register | _ids_of(cells, place))
        found.append(_step(cells, REGISTER, command, f"person {rep_id}", occurred_at=since))
        if left is not None:
            found.append(_step(cells, RECORD_LEAVING, RecordLeaving(rep_id=rep_id, left_at=left), f"person {rep_id}"))
        return found

    return steps


def _place(cells: Cells) -> Place:
    return cells.line("team"), cells.line("region"), cells.line("department")


def _ids_of(cells: Cells, place: Place) -> dict[str, str | None]:
    team, _, department = place
    return {
        "team_id": cells.identity("team", "team") if team else None,
        "department_id": cells.identity("department", "department") if department else None,
    }


def _step(cells: Cells, decider: Decider[Any], command: Any, identity: str, **more: Any) -> Step:
    where = "id" if cells.text("id") else "name"
    return Step(decider, command, identity, field=where, fields={"roles": "role", "effective_from": "since"}, **more)


def _units(cells: Cells, place: Place, chart: _Chart) -> list[Step]:
    team, region, department = place
    if team and len(chart.teams[team]) > 1:
        told = sorted(" in ".join(part for part in one[1:] if part) or "nothing" for one in chart.teams[team])
        raise Refused("team", team, f"the rows of this team disagree about its region or department: {', '.join(told)}")
    ids, found = _ids_of(cells, place), list[Step]()
    if department:
        command = RegisterDepartment.model_validate({"department_id": ids["department_id"], "name": department})
        found.append(Step(KEEP_DEPARTMENT, command, f"department {ids['department_id']}", keeps=True))
    if team:
        about = {"team_id": ids["team_id"], "name": team, "region": region, "department_id": ids["department_id"]}
        found.append(Step(KEEP_TEAM, RegisterTeam.model_validate(about), f"team {ids['team_id']}", keeps=True))
    return found


def _manager_id(cells: Cells, known: Known, chart: _Chart) -> str | None:
    name = cells.line("manager")
    if name is None:
        return None
    return known.find("manager", name) if name in known else cells.identity("person", "manager")


def _manager(cells: Cells, known: Known, chart: _Chart) -> list[Step]:
    """The manager, where neither a row nor the organisation knows them."""
    name = cells.line("manager")
    if name is None or name in known:
        return []
    rep_id = cells.identity("person", "manager")
    about = {"rep_id": rep_id, "name": name, "roles": ("manager",), **_ids_of(cells, chart.place_of(name))}
    return [Step(KEEP_PERSON, RegisterRep.model_validate(about), f"person {rep_id}", field="manager", keeps=True)]


def _roles(cells: Cells, chart: _Chart) -> tuple[str, ...]:
    """As the file says; else a rep, and a manager to whom somebody reports."""
    role = cells.text("role")
    if role is not None:
        return (role,)
    return ("rep", "manager") if cells.required("name") in chart.managers else ("rep",)


PEOPLE_IMPORTER = Importer(
    entity="people",
    fields=("id", "name", "manager", "team", "region", "department", "role", "since", "left_at"),
    required=("name",),
    prepare=people,
    reads=(PEOPLE,),
)
