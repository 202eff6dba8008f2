"""The read model of people, teams, departments and reporting lines that every service keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.lead_routing import (
    DepartmentRegistered,
    RepDeactivated,
    RepLeaveCancelled,
    RepLeavePlanned,
    RepManagerChanged,
    RepRegistered,
    RepTransferred,
    TeamRegistered,
)
from libs.events.facts import Fact, Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as last known: team, department and manager are the newest by effective date, planned ones included."""

    person_id: str
    name: str
    roles: list[str]
    team_id: str | None = None
    department_id: str | None = None
    manager_id: str | None = None
    active: bool = True
    registered_at: datetime | None = None
    deactivated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportingRow:
    """Whom a person reports to from an instant on."""

    person_id: str
    effective_from: datetime
    manager_id: str | None


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """The team a person belongs to from an instant on; without a department of its own it is the team's."""

    person_id: str
    effective_from: datetime
    team_id: str | None
    department_id: str | None


@dataclass(frozen=True, slots=True)
class LeaveRow:
    """When a person is away, and who stands in; a cancelled leave ends when it was cancelled."""

    person_id: str
    leave_id: str
    starts_at: datetime
    ends_at: datetime
    delegate_id: str | None


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team of a department."""

    team_id: str
    name: str
    department_id: str | None
    region: str | None
    lead_id: str | None


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """A department and who heads it."""

    department_id: str
    name: str
    head_id: str | None


@dataclass(frozen=True, slots=True)
class PeopleChange:
    """The last version of a stream that this read model has folded."""

    stream: str
    version: int


def keys(fact: Fact) -> list[str]:
    """Every stream is a key of its own."""
    return [fact.stream()]


def fold(group: Group, recorded: Recorded[Any]) -> list[Any]:
    """The rows of a person, a team or a department after one more fact of it."""
    rows = [row for row in group.rows if not isinstance(row, PeopleChange)]
    return [*_fold(rows, recorded.fact), PeopleChange(recorded.stream, recorded.version)]


def _fold(rows: list[Any], fact: Fact) -> list[Any]:
    match fact:
        case DepartmentRegistered():
            return [DepartmentRow(fact.department_id, fact.name, fact.head_id)]
        case TeamRegistered():
            return [TeamRow(fact.team_id, fact.name, fact.department_id, fact.region, fact.lead_id)]
        case RepRegistered():
            since = fact.effective_from
            rows = [row for row in rows if not isinstance(row, PersonRow)]
            rows.append(PersonRow(fact.rep_id, fact.name, list(fact.roles), registered_at=since))
            rows = _dated(rows, MembershipRow(fact.rep_id, since, fact.team_id, fact.department_id))
            return _newest(_dated(rows, ReportingRow(fact.rep_id, since, fact.manager_id)))
        case RepTransferred():
            row = MembershipRow(fact.rep_id, fact.effective_from, fact.team_id, fact.department_id)
            return _newest(_dated(rows, row))
        case RepManagerChanged():
            return _newest(_dated(rows, ReportingRow(fact.rep_id, fact.effective_from, fact.manager_id)))
        case RepLeavePlanned():
            leave = LeaveRow(fact.rep_id, fact.leave_id, fact.starts_at, fact.ends_at, fact.delegate_id)
            return [*(row for row in rows if getattr(row, "leave_id", None) != leave.leave_id), leave]
        case RepLeaveCancelled():
            return _cancelled(rows, fact)
        case RepDeactivated():
            return [
                replace(row, active=False, deactivated_at=fact.deactivated_at) if isinstance(row, PersonRow) else row
                for row in rows
            ]
        case _:
            return rows


def _dated(rows: Sequence[Any], new: ReportingRow | MembershipRow) -> list[Any]:
    kept = [row for row in rows if type(row) is not type(new) or row.effective_from != new.effective_from]
    return [*kept, new]


def _newest(rows: list[Any]) -> list[Any]:
    manager_id, team_id, department_id = None, None, None
    for row in sorted((row for row in rows if isinstance(row, ReportingRow | MembershipRow)), key=_since):
        if isinstance(row, ReportingRow):
            manager_id = row.manager_id
        else:
            team_id, department_id = row.team_id, row.department_id
    return [
        replace(row, manager_id=manager_id, team_id=team_id, department_id=department_id)
        if isinstance(row, PersonRow)
        else row
        for row in rows
    ]


def _since(row: ReportingRow | MembershipRow) -> datetime:
    return row.effective_from


def _cancelled(rows: list[Any], fact: RepLeaveCancelled) -> list[Any]:
    result = []
    for row in rows:
        if isinstance(row, LeaveRow) and row.leave_id == fact.leave_id:
            if fact.cancelled_at <= row.starts_at:
                continue
            row = replace(row, ends_at=min(row.ends_at, fact.cancelled_at))
        result.append(row)
    return result


PEOPLE = Projection(
    name="people",
    version=1,
    reads=(
        DepartmentRegistered,
        TeamRegistered,
        RepRegistered,
        RepTransferred,
        RepManagerChanged,
        RepLeavePlanned,
        RepLeaveCancelled,
        RepDeactivated,
    ),
    tables=(
        Table("people", PersonRow, indexes=(("person_id",), ("team_id",), ("department_id",))),
        Table(
            "people_reporting", ReportingRow, identity=("effective_from",), indexes=(("person_id",), ("manager_id",))
        ),
        Table("people_teams", MembershipRow, identity=("effective_from",), indexes=(("person_id",), ("team_id",))),
        Table("people_leaves", LeaveRow, identity=("leave_id",), indexes=(("person_id",),)),
        Table("teams", TeamRow, indexes=(("team_id",),)),
        Table("departments", DepartmentRow, indexes=(("department_id",),)),
        Table("people_changes", PeopleChange, indexes=(("version",),)),
    ),
    keys=keys,
    fold=fold,
)
