"""Departments and teams: registering one again changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.events.contracts.lead_routing import DepartmentRegistered, TeamRegistered
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.facts import Fact


@dataclass(frozen=True, slots=True)
class Unit:
    """A department or team as it was last registered."""

    registered: DepartmentRegistered | TeamRegistered | None = None


def evolve(unit: Unit, fact: Any) -> Unit:
    """The last registration holds."""
    match fact:
        case DepartmentRegistered() | TeamRegistered():
            return Unit(fact)
        case _:
            return unit


DEPARTMENT = StreamKind("department", Unit(), evolve)
TEAM = StreamKind("team", Unit(), evolve)


class RegisterDepartment(Command):
    """A department with the person who heads it."""

    department_id: Id
    name: Line
    head_id: Id | None = None


class RegisterTeam(Command):
    """A team of a department; `region` is where it sells, `lead_id` the person who leads it."""

    team_id: Id
    name: Line
    department_id: Id | None = None
    region: Line | None = None
    lead_id: Id | None = None


def _department(states: States, command: RegisterDepartment, given: Given) -> list[Fact]:
    fact = DepartmentRegistered(**command.model_dump())
    return [] if states[DEPARTMENT.of(command.department_id)].registered == fact else [fact]


def _team(states: States, command: RegisterTeam, given: Given) -> list[Fact]:
    fact = TeamRegistered(**command.model_dump())
    return [] if states[TEAM.of(command.team_id)].registered == fact else [fact]


def _department_streams(states: States, command: RegisterDepartment, given: Given) -> list[StreamOf[Any]]:
    return [DEPARTMENT.of(command.department_id)]


def _team_streams(states: States, command: RegisterTeam, given: Given) -> list[StreamOf[Any]]:
    return [TEAM.of(command.team_id)]


REGISTER_DEPARTMENT = Decider("register-department", _department_streams, _department)
REGISTER_TEAM = Decider("register-team", _team_streams, _team)
