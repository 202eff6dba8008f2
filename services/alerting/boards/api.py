"""The weekly board over HTTP: frozen once it is closed, live before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from libs.events.contracts.alerting import BoardItem
from libs.events.contracts.common import Subject
from libs.events.reading import Reader
from libs.rules.reference import load_calendars
from libs.service.callers import Employee
from libs.service.http import Problem, Read, View, problems
from libs.service.organisation import Reach, load_organisation, visible_people
from libs.service.surroundings import around
from services.alerting.boards.domain import WEEKLY, figures
from services.alerting.boards.projections import BOARDS
from services.alerting.boards.queries import load_marks
from services.alerting.boards.weeks import PATTERN, closing, monday_of, week_of

router = APIRouter(tags=["boards"])


class ItemView(View):
    """One line: `band` is stale, silent or cleared; `weeks` on how many earlier boards it was."""

    alert_id: str
    rule_code: str
    subject: Subject
    owner_id: str | None
    band: str
    since: datetime
    weeks: int
    summary: str | None


class BoardView(View):
    """The board of an ISO week as of `as_of`; frozen: as the meeting sees it. `closes_at` is null without workdays."""

    board: str
    week: str
    frozen: bool
    as_of: datetime
    closes_at: datetime | None
    late_by: int
    items: list[ItemView]
    figures: dict[str, Any]


@router.get("/boards/weekly", operation_id="getWeeklyBoard", responses=problems(400, 403))
async def weekly_board(
    who: Employee,
    read: Read,
    week: Annotated[
        str | None, Query(pattern=PATTERN, description="An ISO week such as 2026-W10; now, if none")
    ] = None,
    live: Annotated[bool, Query(description="As it is now although it is frozen, to see the difference")] = False,
) -> BoardView:
    """Silent and stale leads of the people I am responsible for, what was cleared, and what is carried over."""
    now = around(read).clock.now()
    calendar = (await load_calendars(read, now)).of(None)
    week = week or week_of(calendar.local_date(now))
    try:
        ends = calendar.end_of_day(monday_of(week) + timedelta(days=6))
        closes = closing(calendar, week)
    except ValueError as error:
        raise Problem("MALFORMED", f"there is no week {week}") from error
    frozen = await read(BOARDS).one("select * from board_snapshots where tenant = $1 and week = $2", week)
    if frozen is not None and not live:
        items, as_of = [BoardItem.model_validate(item) for item in frozen["items"]], frozen["closed_at"]
    else:
        as_of = now if live else min(now, ends)
        items = (await load_marks(read, calendar, week, as_of)).items(as_of)
    visible = await visible_people(read, who)
    mine = [item for item in items if visible is None or item.owner_id in visible]
    whole = frozen is not None and not live and visible is None
    team_of = Reach(organisation=await load_organisation(read), at=as_of).team_of
    return BoardView(
        board=WEEKLY,
        week=week,
        frozen=frozen is not None and not live,
        as_of=as_of,
        closes_at=closes,
        late_by=frozen["late_by"] if frozen is not None else 0,
        items=await _with_summaries(read, mine),
        figures=frozen["figures"] if frozen is not None and whole else figures(mine, team_of),
    )


async def _with_summaries(read: Reader, items: list[BoardItem]) -> list[ItemView]:
    rows = await read(BOARDS).fetch(
        "select alert_id, summary from board_marks where tenant = $1 and alert_id = any($2::text[])",
        [item.alert_id for item in items],
    )
    summaries = {row["alert_id"]: row["summary"] for row in rows}
    return [ItemView(**dict(item), summary=summaries.get(item.alert_id)) for item in items]
