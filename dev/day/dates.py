"""On which Monday a day begins: always at 09:00 in Shanghai, with an ordinary week before the Monday after it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dev.processes import Trouble
from libs.rules.arrangements.china import china_calendar
from libs.rules.calendars import Calendar

ZONE = ZoneInfo("Asia/Shanghai")
NINE = time(9)
FIRST_MONDAY = datetime(2026, 3, 2, 9, tzinfo=ZONE).astimezone(UTC)
"""When the time of a fresh stack begins."""
FRIDAY = 4


def next_monday(now: datetime) -> datetime:
    """The first Monday 09:00 at or after `now`, in UTC, whose week has no holiday and no working weekend.

    The Monday after it is a workday, too: what was silent since Friday is noticed then.
    """
    calendar = Calendar(china_calendar())
    day = now.astimezone(ZONE).date()
    while not (_begins(day) >= now and day.weekday() == 0 and _is_ordinary(day, calendar)):
        day += timedelta(days=1)
    return _begins(day)


def later(text: str, now: datetime) -> datetime:
    """`18:00` (the next one) or `2026-03-13T18:00` in Shanghai, in UTC. Raises Trouble for what is neither."""
    local = now.astimezone(ZONE)
    try:
        if "T" in text or "-" in text:
            return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)
        at = datetime.combine(local.date(), time.fromisoformat(text), ZONE)
    except ValueError as error:
        raise Trouble(f"{text!r} is no time: write 18:00 or 2026-03-13T18:00") from error
    return (at if at > local else at + timedelta(days=1)).astimezone(UTC)


def _is_ordinary(monday: date, calendar: Calendar) -> bool:
    week = [monday + timedelta(days=n) for n in range(8)]
    return all(calendar.is_workday(day) == (day.weekday() <= FRIDAY) for day in week)


def _begins(day: date) -> datetime:
    return datetime.combine(day, NINE, ZONE).astimezone(UTC)
