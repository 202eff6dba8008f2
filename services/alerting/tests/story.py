"""The people, calendars and rules of the tests, and the notation of Chinese local times of 2026."""

from __future__ import annotations

from datetime import UTC, datetime

from libs.events.contracts.examples.ids import (
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    DEPARTMENT_DELIVERY,
    DEPARTMENT_SALES,
    DIRECTOR_SUN,
    MANAGER_ZHOU,
    OWNER_HE,
    REP_LI,
    REP_WANG,
)
from libs.events.facts import Actor
from libs.events.testing.instants import shanghai
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Organisation, Reach
from libs.service.people import DepartmentRow, LeaveRow, MembershipRow, PersonRow, ReportingRow

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
CALENDARS = Calendars.default()
RULES = RuleBook()
TIMER = Actor(kind="timer", id="deadlines")

REPORTS_TO = {
    REP_LI: (MANAGER_ZHOU, DEPARTMENT_SALES, "rep"),
    REP_WANG: (MANAGER_ZHOU, DEPARTMENT_SALES, "rep"),
    MANAGER_ZHOU: (None, DEPARTMENT_SALES, "manager"),
    DIRECTOR_SUN: (None, DEPARTMENT_SALES, "director"),
    DELIVERY_QIAN: (DELIVERY_HEAD_WU, DEPARTMENT_DELIVERY, "rep"),
    DELIVERY_HEAD_WU: (None, DEPARTMENT_DELIVERY, "director"),
    OWNER_HE: (None, None, "process-owner"),
}


def organisation(*leaves: LeaveRow) -> Organisation:
    """Two departments: sales under director Sun, delivery under Wu; He owns the process."""
    people = [PersonRow(one, one, [role], registered_at=LONG_AGO) for one, (_, _, role) in REPORTS_TO.items()]
    lines = [ReportingRow(one, LONG_AGO, manager) for one, (manager, _, _) in REPORTS_TO.items()]
    places = [MembershipRow(one, LONG_AGO, None, department) for one, (_, department, _) in REPORTS_TO.items()]
    departments = [
        DepartmentRow(DEPARTMENT_SALES, "Sales", DIRECTOR_SUN),
        DepartmentRow(DEPARTMENT_DELIVERY, "Delivery", DELIVERY_HEAD_WU),
    ]
    return Organisation([*people, *lines, *places, *departments, *leaves])


EVERYTHING = Reach("deadlines", organisation=organisation(), everything=True)


def reach_of(person_id: str) -> Reach:
    """What a person of the story may touch."""
    return Reach(person_id, frozenset({REPORTS_TO[person_id][2]}), organisation())


def at(local: str) -> datetime:
    """`03-06 17:00` or `03-09 17:00:01` of 2026 in Shanghai, as an instant in UTC."""
    return shanghai(f"2026-{local}")
