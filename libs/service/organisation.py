"""Who reports to whom, who stands in for whom, and whose work a person may see or touch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from libs.events.deciding import Command
from libs.events.reading import Reader
from libs.events.running import Request
from libs.rules.remembering import Remembered, marker_of
from libs.service.auth import Person
from libs.service.chart import Chart
from libs.service.people import (
    PEOPLE,
    DepartmentRow,
    LeaveRow,
    MembershipRow,
    PersonRow,
    ReportingRow,
    TeamRow,
)
from libs.service.surroundings import around

__all__ = ["PEOPLE", "Organisation", "PersonRow", "Reach", "load_organisation", "reach_provider", "visible_people"]

SEES_ALL = frozenset({"process-owner", "operator", "auditor", "integration"})
AT_LAST = datetime(9999, 1, 1, tzinfo=UTC)


class Organisation:
    """All people, teams and departments of one tenant with their histories. Immutable; answers hold at an instant."""

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        """`rows` are rows of `PEOPLE`, in any order."""
        rows = list(rows)
        self.people: Mapping[str, PersonRow] = {row.person_id: row for row in rows if isinstance(row, PersonRow)}
        self.teams = {row.team_id: row for row in rows if isinstance(row, TeamRow)}
        self.departments = {row.department_id: row for row in rows if isinstance(row, DepartmentRow)}
        self.reporting = _by_time(row for row in rows if isinstance(row, ReportingRow))
        self.memberships = _by_time(row for row in rows if isinstance(row, MembershipRow))
        self.leaves: dict[str, list[LeaveRow]] = {}
        for row in rows:
            if isinstance(row, LeaveRow):
                self.leaves.setdefault(row.person_id, []).append(row)
        self._instants = sorted({row.effective_from for row in (*self.reporting, *self.memberships)})
        self._last: tuple[int, Chart] | None = None

    def chart(self, at: datetime) -> Chart:
        """Who is where at an instant."""
        index = bisect_right(self._instants, at)
        if self._last is None or self._last[0] != index:
            self._last = (index, Chart(self.reporting, self.memberships, self.teams, at))
        return self._last[1]

    def active(self, person_id: str | None, at: datetime) -> bool:
        """Known, and not deactivated by then."""
        person = self.people.get(person_id or "")
        return person is not None and (person.active or (person.deactivated_at or at) > at)

    def process_owner(self, at: datetime) -> str | None:
        """The active process owner of longest standing."""
        owners = [
            (person.registered_at or at, person.person_id)
            for person in self.people.values()
            if "process-owner" in person.roles and self.active(person.person_id, at)
        ]
        return min(owners)[1] if owners else None

    def on_leave(self, person_id: str, at: datetime) -> LeaveRow | None:
        """The leave a person is on at an instant; of several, the one that began last."""
        running = [leave for leave in self.leaves.get(person_id, ()) if leave.starts_at <= at < leave.ends_at]
        return max(running, key=lambda leave: (leave.starts_at, leave.leave_id), default=None)

    def stands_in_for(self, person_id: str, at: datetime) -> frozenset[str]:
        """Everybody who is away at an instant and has named this person as delegate."""
        return frozenset(
            absent
            for absent in self.leaves
            if (leave := self.on_leave(absent, at)) is not None and leave.delegate_id == person_id
        )

    def visible_to(self, person_id: str, roles: frozenset[str], at: datetime) -> frozenset[str] | None:
        """Whose work a person sees: their own and that of those they stand in for; a manager the whole line below,
        a director the department too. None means everybody's."""
        if roles & SEES_ALL:
            return None
        chart = self.chart(at)
        found = {person_id} | self.stands_in_for(person_id, at)
        if roles & {"manager", "director"}:
            found |= chart.under(person_id)
        if "director" in roles:
            headed = [one.department_id for one in self.departments.values() if one.head_id == person_id]
            for department_id in (chart.department_of.get(person_id), *headed):
                found |= chart.department(department_id)
        return frozenset(found)


def _by_time(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=lambda row: (row.effective_from, row.person_id))


@dataclass(frozen=True, slots=True)
class Reach:
    """What a decision knows of people: whose work the actor may touch (`covers`), and who is who at `at` (now)."""

    person_id: str = ""
    roles: frozenset[str] = frozenset()
    organisation: Organisation = field(default_factory=Organisation)
    at: datetime = AT_LAST
    everything: bool = False
    """Timers, rules, imports and connectors act for the tenant; so do process owners and operators."""

    def covers(self, person_id: str | None) -> bool:
        """Whether the actor may act on what belongs to this person; nobody's things only with `everything`."""
        if self.everything or (person_id is not None and person_id == self.person_id):
            return True
        seen = self.organisation.visible_to(self.person_id, self.roles, self.at)
        return seen is None or person_id in seen

    def people(self) -> Mapping[str, PersonRow]:
        """Everybody who was ever registered, by id."""
        return self.organisation.people

    def exists(self, person_id: str | None) -> bool:
        """Whether a person was ever registered."""
        return person_id in self.organisation.people

    def active(self, person_id: str | None) -> bool:
        """Whether a person works here now."""
        return self.organisation.active(person_id, self.at)

    def name_of(self, person_id: str) -> str:
        """A person's name, the id for an unknown one."""
        person = self.organisation.people.get(person_id)
        return person.name if person else person_id

    def roles_of(self, person_id: str) -> frozenset[str]:
        """The roles a person was registered with."""
        person = self.organisation.people.get(person_id)
        return frozenset(person.roles if person else ())

    def manager_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """Whom a person reports to, now or at an instant."""
        return self.organisation.chart(at or self.at).manager_of.get(person_id)

    def team_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """The team of a person, now or at an instant."""
        return self.organisation.chart(at or self.at).team_of.get(person_id)

    def department_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """The department of a person, by their team where they have none of their own."""
        return self.organisation.chart(at or self.at).department_of.get(person_id)

    def head_of_department_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """Who heads the department of a person."""
        department = self.organisation.departments.get(self.department_of(person_id, at) or "")
        return department.head_id if department else None

    def process_owner(self) -> str | None:
        """The tenant's process owner."""
        return self.organisation.process_owner(self.at)

    def superior_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """The manager, else the head of the department, else the process owner: the first who still works here."""
        at = at or self.at
        for superior in (
            self.manager_of(person_id, at),
            self.head_of_department_of(person_id, at),
            self.organisation.process_owner(at),
        ):
            if superior and superior != person_id and self.organisation.active(superior, at):
                return superior
        return None

    def delegate_of(self, person_id: str, at: datetime | None = None) -> str | None:
        """Who stands in for a person; None unless they are on leave and have named somebody."""
        leave = self.organisation.on_leave(person_id, at or self.at)
        return leave.delegate_id if leave else None

    def on_leave(self, person_id: str, at: datetime | None = None) -> bool:
        """Whether a person is away, now or at an instant."""
        return self.organisation.on_leave(person_id, at or self.at) is not None


async def load_organisation(reader: Reader) -> Organisation:
    """The organisation of the reader's tenant, from memory unless something has changed."""
    return await _ORGANISATIONS(reader)


async def reach_provider(reader: Reader, request: Request, command: Command, now: datetime) -> Reach:
    """The provider of `given[Reach]`: persons reach as far as their roles, all others everything."""
    everything = request.actor.kind != "user" or bool(request.roles & SEES_ALL)
    return Reach(request.actor.id, request.roles, await load_organisation(reader), now, everything)


async def visible_people(read: Reader, who: Person, at: datetime | None = None) -> list[str] | None:
    """Whose work a person may see at `at` (now), sorted; None means everybody's."""
    at = at or around(read).clock.now()
    seen = (await load_organisation(read)).visible_to(who.person_id, who.roles, at)
    return None if seen is None else sorted(seen)


async def _organisation(reader: Reader) -> Organisation:
    view, rows = reader(PEOPLE), list[Any]()
    for table in PEOPLE.tables[:-1]:
        columns = ", ".join(f'"{name}"' for name in table.fields)
        rows += [table.row(*row) for row in await view.fetch(f"select {columns} from {table.name} where tenant = $1")]
    return Organisation(rows)


_ORGANISATIONS = Remembered(
    marker_of(PEOPLE, "select sum(version)::text from people_changes where tenant = $1"), _organisation
)
