"""For which months figures are asked, and as of when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Query

from libs.events.deciding import Moment
from libs.events.reading import Reader
from libs.rules.calendars import Calendar
from libs.rules.reference import load_calendars
from libs.service.surroundings import around

MONTH = r"^20\d{2}-(0[1-9]|1[0-2])$"
DAY = timedelta(days=1)
FACTS_PER_PAGE = 200

Month = Annotated[str, Query(pattern=MONTH, description="A month in the tenant's zone", examples=["2026-03"])]
PersonId = Annotated[str, Query(min_length=1, max_length=80, description="A person")]
AsOf = Annotated[Moment | None, Query(description="Only what was recorded by then")]
EffectiveAt = Annotated[Moment | None, Query(description="Only what had happened by then")]


@dataclass(frozen=True, slots=True)
class Span:
    """A month: instants from `start` on, before `end`; `now` is when it was asked for."""

    month: str
    start: datetime
    end: datetime
    now: datetime

    @property
    def until(self) -> datetime:
        """How far the month has gone."""
        return min(self.end, self.now)


def month_span(month: str, calendar: Calendar, now: datetime) -> Span:
    """The month `2026-03` in the calendar's zone."""
    first = date.fromisoformat(f"{month}-01")
    following = (first + timedelta(days=31)).replace(day=1)
    return Span(month, calendar.end_of_day(first - DAY), calendar.end_of_day(following - DAY), now)


async def tenant_calendar(read: Reader) -> Calendar:
    """The calendar whose zone the tenant's days and months are in."""
    return (await load_calendars(read)).of(None)


def now_of(read: Reader) -> datetime:
    """Business time."""
    return around(read).clock.now()
