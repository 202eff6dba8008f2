"""What is on the weekly board at an instant: for the snapshot and for people who look before it."""

from __future__ import annotations

from datetime import datetime

from libs.events.deciding import Command
from libs.events.reading import Reader
from libs.events.running import Request
from libs.rules.calendars import Calendar
from libs.rules.reference import load_calendars
from services.alerting.boards.domain import Mark, Marks, TakeBoard
from services.alerting.boards.projections import BOARDS
from services.alerting.boards.weeks import begins, week_of

COLUMNS = "alert_id, rule_code, subject_type, subject_id, owner_id, since, raised_at, summary, cleared_at"


async def load_marks(reader: Reader, calendar: Calendar, week: str, until: datetime) -> Marks:
    """The marks that are open at `until` or were cleared since the last board, else since the week began."""
    view = reader(BOARDS)
    earlier = await view.fetch(
        "select closed_at from board_snapshots where tenant = $1 and week < $2 order by closed_at", week
    )
    closed = [row["closed_at"] for row in earlier]
    begun = closed[-1] if closed else begins(calendar, week)
    rows = await view.fetch(
        f"select {COLUMNS} from board_marks where tenant = $1 and raised_at <= $2"
        " and (cleared_at is null or cleared_at > $3)",
        until,
        begun,
    )
    return Marks(tuple(Mark(*row) for row in rows), begun, tuple(closed))


async def marks(reader: Reader, request: Request, command: Command, now: datetime) -> Marks:
    """The provider of `given[Marks]`; nothing for commands that take no board."""
    if not isinstance(command, TakeBoard):
        return Marks()
    calendar = (await load_calendars(reader, now)).of(None)
    week = week_of(calendar.local_date(command.due_at))
    return await load_marks(reader, calendar, week, command.due_at)
