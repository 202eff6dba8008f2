"""Handoffs as people look at them: rows of the board with their clocks, reckoned when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.reading import Reader
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.rules.reference import load_calendars, load_rulebook
from libs.service.auth import Person
from libs.service.http import View
from libs.service.organisation import Organisation, load_organisation, visible_people
from libs.service.surroundings import around
from services.collaboration.deliverables.domain import missing, template_at
from services.collaboration.handoffs.clocks import pause_left, silent_for
from services.collaboration.handoffs.course import Side
from services.collaboration.handoffs.projections import HANDOFF_ROWS, HANDOFFS, HandoffRow
from services.collaboration.handoffs.stalls import next_stall

COLUMNS = ", ".join(f"h.{name}" for name in HANDOFF_ROWS.fields)
MINE = "($2::text[] is null or h.from_person = any($2) or h.to_person = any($2) or h.stand_in = any($2))"
"""Handoffs that involve people whose work the person may see ($2)."""


class PersonView(View):
    """A person of one side."""

    id: str
    name: str | None
    department_id: str | None = None


class ClockView(View):
    """Whose turn it is and for how long nothing has happened (seconds of the stall limit's clock, pauses left out).

    `stalls_at` is when the silence is reported next, at `level` + 1; `resumes_at` when the person works again.
    """

    waiting_for: Side
    person: PersonView
    since: datetime
    clock: str
    silent_for: int
    level: int
    stalls_at: datetime | None
    resumes_at: datetime
    pause_left: int


class HandoffView(View):
    """A handoff on the board. `step` is its state without pauses; `clock` is null while nobody is waited for."""

    handoff_id: str
    scene: str
    subject_type: str
    subject_id: str
    template_id: str
    template_version: int
    state: str
    step: str
    sender: PersonView
    receiver: PersonView
    stand_in: PersonView | None
    note: str | None
    completeness: str
    missing: list[str]
    open_questions: int
    pauses: int
    pause_reason: str | None
    returns: int
    stalls: int
    stalled: bool
    rating: int | None
    drafted_at: datetime
    submitted_at: datetime | None
    accept_by: datetime | None
    accepted_at: datetime | None
    delivered_at: datetime | None
    closed_at: datetime | None
    clock: ClockView | None
    version: int


@dataclass(frozen=True, slots=True)
class Now:
    """What views rest on beside rows: the instant, calendars, templates, people."""

    at: datetime
    calendars: Calendars
    rules: RuleBook
    organisation: Organisation

    @classmethod
    async def of(cls, read: Reader) -> Now:
        """As it is for the reader's tenant."""
        at = around(read).clock.now()
        return cls(at, await load_calendars(read, at), await load_rulebook(read), await load_organisation(read))

    def person(self, person_id: str, department_id: str | None = None) -> PersonView:
        """A person by name."""
        known = self.organisation.people.get(person_id)
        return PersonView(id=person_id, name=known.name if known else None, department_id=department_id)


async def visible_handoffs(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those that involve people whose work the person may see."""
    rows = await read(HANDOFFS).fetch(
        f"select h.handoff_id from handoffs h where h.tenant = $1 and {MINE} and h.handoff_id = any($3)",
        await visible_people(read, who),
        list(ids),
    )
    return {row["handoff_id"] for row in rows}


def row_of(record: Any) -> HandoffRow:
    """The row of a record that holds its columns."""
    return HandoffRow(**{name: record[name] for name in HANDOFF_ROWS.fields})


def view_of(row: HandoffRow, now: Now) -> HandoffView:
    """A row as the board shows it."""
    lacking, completeness = _completeness(row, now.rules)
    return HandoffView(
        handoff_id=row.handoff_id,
        scene=row.scene,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        template_id=row.template_id,
        template_version=row.template_version,
        state=row.state,
        step=row.step,
        sender=now.person(row.from_person, row.from_department),
        receiver=now.person(row.to_person, row.to_department),
        stand_in=now.person(row.stand_in) if row.stand_in else None,
        note=row.note,
        completeness=completeness,
        missing=row.missing or lacking,
        open_questions=len(row.questions),
        pauses=len(row.pauses),
        pause_reason=row.pause_reason,
        returns=row.returns,
        stalls=row.stalls,
        stalled=row.level > 0,
        rating=row.rating,
        drafted_at=row.drafted_at or now.at,
        submitted_at=row.submitted_at,
        accept_by=row.accept_by,
        accepted_at=row.accepted_at,
        delivered_at=row.delivered_at,
        closed_at=row.closed_at,
        clock=_clock(row, now),
        version=row.version,
    )


def _completeness(row: HandoffRow, rules: RuleBook) -> tuple[list[str], str]:
    """The required items that are missing, and how many of them are there: `2/3`."""
    template = template_at(row.template_id, row.template_version, rules)
    if template is None:
        return [], ""
    lacking = missing(template.document, {item["code"]: item["value"] for item in row.items})
    required = sum(item.required for item in template.document.items)
    return lacking, f"{required - len(lacking)}/{required}"


def _clock(row: HandoffRow, now: Now) -> ClockView | None:
    side, template = row.waiting_for, template_at(row.template_id, row.template_version, now.rules)
    if side is None or row.since is None or template is None:
        return None
    person = row.person(side)
    calendar = now.calendars.of(person)
    return ClockView(
        waiting_for=side,
        person=now.person(person),
        since=row.since,
        clock=template.document.stall.clock,
        silent_for=int(silent_for(row, template.document, calendar, now.at).total_seconds()),
        level=row.level,
        stalls_at=next_stall(row, now.calendars, now.rules),
        resumes_at=calendar.next_opening(now.at).at,
        pause_left=int(pause_left(row, template.document, calendar, now.at).total_seconds()),
    )
