"""The chart of an organisation at one instant: managers, teams, departments, and who is under whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from libs.service.people import MembershipRow, ReportingRow, TeamRow


class Chart:
    """The organisation at one instant: manager, team and department of everybody."""

    def __init__(
        self,
        reporting: Iterable[ReportingRow],
        memberships: Iterable[MembershipRow],
        teams: Mapping[str, TeamRow],
        at: datetime,
    ) -> None:
        """`reporting` and `memberships` in the order of their time."""
        self.manager_of = {row.person_id: row.manager_id for row in reporting if row.effective_from <= at}
        self.team_of: dict[str, str | None] = {}
        self.department_of: dict[str, str | None] = {}
        for row in memberships:
            if row.effective_from <= at:
                team = teams.get(row.team_id or "")
                self.team_of[row.person_id] = row.team_id
                self.department_of[row.person_id] = row.department_id or (team.department_id if team else None)
        self._reports: dict[str, list[str]] = {}
        for person_id, manager_id in self.manager_of.items():
            if manager_id:
                self._reports.setdefault(manager_id, []).append(person_id)
        self._members: dict[str, set[str]] = {}
        for person_id, department_id in self.department_of.items():
            if department_id:
                self._members.setdefault(department_id, set()).add(person_id)
        self._under: dict[str, frozenset[str]] = {}

    def under(self, person_id: str) -> frozenset[str]:
        """The person and everybody who reports to them, directly or not; a circle of managers ends where it began."""
        if person_id not in self._under:
            found, waiting = {person_id}, [person_id]
            while waiting:
                new = [one for one in self._reports.get(waiting.pop(), ()) if one not in found]
                found.update(new)
                waiting.extend(new)
            self._under[person_id] = frozenset(found)
        return self._under[person_id]

    def department(self, department_id: str | None) -> frozenset[str]:
        """Everybody who belongs to a department."""
        return frozenset(self._members.get(department_id or "", ()))
