"""The organisation of the tests: that of the example story, seen by whoever asks, at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from libs.events.contracts.examples.ids import DELIVERY_HEAD_WU, DELIVERY_QIAN, MANAGER_ZHOU, OWNER_HE, REP_LI
from libs.events.deciding import Command
from libs.events.facts import Actor, Fact
from libs.events.testing.decisions import Outcome, Scene
from libs.events.testing.instants import shanghai
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Organisation, Reach
from libs.service.people import DepartmentRow, LeaveRow, MembershipRow, PersonRow, ReportingRow

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DIRECTOR_SUN = "director-sun"
EVERYBODY = (
    (REP_LI, ["rep"], "sales", MANAGER_ZHOU),
    (MANAGER_ZHOU, ["manager"], "sales", DIRECTOR_SUN),
    (DIRECTOR_SUN, ["director"], "sales", None),
    ("rep-chen", ["rep"], "sales", MANAGER_ZHOU),
    (DELIVERY_QIAN, ["rep"], "delivery", DELIVERY_HEAD_WU),
    (DELIVERY_HEAD_WU, ["director"], "delivery", None),
    (OWNER_HE, ["process-owner"], None, None),
)
ORGANISATION: list[object] = [
    DepartmentRow("sales", "Sales", DIRECTOR_SUN),
    DepartmentRow("delivery", "Delivery", DELIVERY_HEAD_WU),
]
for person_id, roles, department_id, manager_id in EVERYBODY:
    ORGANISATION += [
        PersonRow(person_id, person_id, roles, None, department_id, manager_id, registered_at=LONG_AGO),
        MembershipRow(person_id, LONG_AGO, None, department_id),
        ReportingRow(person_id, LONG_AGO, manager_id),
    ]


NOON = shanghai("2026-03-02 12:00")


def leave(person_id: str, delegate_id: str, starts: datetime, ends: datetime) -> LeaveRow:
    """A person is away."""
    return LeaveRow(person_id, "leave-1", starts, ends, delegate_id)


def without(*gone: str) -> list[object]:
    """The organisation after some people have left it."""
    return [
        replace(row, active=False, deactivated_at=LONG_AGO)
        if isinstance(row, PersonRow) and row.person_id in gone
        else row
        for row in ORGANISATION
    ]


def reach(person_id: str, now: datetime = NOON, rows: Sequence[object] = ORGANISATION) -> Reach:
    """How far a person reaches; `timer` reaches everything."""
    roles = {one: frozenset(roles) for one, roles, _, _ in EVERYBODY}.get(person_id, frozenset[str]())
    everything = person_id == "timer" or "process-owner" in roles
    return Reach(person_id, roles, Organisation(rows), now, everything)


def asks(
    scene: Scene,
    person_id: str,
    command: Command,
    now: datetime = NOON,
    rows: Sequence[object] = ORGANISATION,
    rules: RuleBook | None = None,
    calendars: Calendars | None = None,
) -> Outcome:
    """The person asks, with the shipped calendar and rules unless others are given."""
    consulted = (reach(person_id, now, rows), rules or RuleBook(), calendars or Calendars.default())
    return scene.when(command, now, *consulted, actor=Actor(id=person_id))


def plain(outcome: Outcome) -> list[type[Fact]]:
    """The kinds of facts that a command led to, in order."""
    assert outcome.refusal is None, outcome.refusal
    return [type(fact) for fact in outcome.facts]  # type: ignore[misc]
