"""ISO weeks such as 2026-W10, and when the board of one is closed: its last workday at 18:00 (3.4.5)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from libs.rules.calendars import Calendar

PATTERN = r"^[0-9]{4}-W[0-9]{2}$"
CLOSING = time(18)
LONGEST_REST = 60
"""Weeks without a workday after which no further board is looked for."""


def week_of(day: date) -> str:
    """The ISO week of a day."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def monday_of(week: str) -> date:
    """The first day of a week; ValueError for a week the year does not have."""
    return date.fromisocalendar(int(week[:4]), int(week[6:]), 1)


def week_after(week: str) -> str:
    """The next week."""
    return week_of(monday_of(week) + timedelta(weeks=1))


def begins(calendar: Calendar, week: str) -> datetime:
    """The local midnight that begins a week."""
    return calendar.instant(monday_of(week), time())


def closing(calendar: Calendar, week: str) -> datetime | None:
    """When the board of a week is closed; None in a week without workdays: its items are carried over."""
    monday = monday_of(week)
    days = [monday + timedelta(days=number) for number in range(6, -1, -1)]
    last = next((day for day in days if calendar.is_workday(day)), None)
    return None if last is None else calendar.instant(last, CLOSING)


def next_closing(calendar: Calendar, last_week: str | None, started: datetime) -> datetime | None:
    """When the board after that of `last_week` is closed; the first one closes after `started`."""
    week = week_after(last_week) if last_week else week_of(calendar.local_date(started))
    for _ in range(LONGEST_REST):
        closes = closing(calendar, week)
        if closes is not None and (last_week or closes >= started):
            return closes
        week = week_after(week)
    return None
