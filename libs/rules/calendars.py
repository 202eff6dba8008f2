"""Calendars and their three clocks: when a duration has passed, and how much time has passed (Appendix B)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import get_args
from zoneinfo import ZoneInfo

from libs.rules.arrangements.china import china_calendar
from libs.rules.calendar_documents import FIRST_YEAR, LAST_YEAR, CalendarDocument, DatedRange, Slot, Week
from libs.rules.working_years import (
    DAY,
    EPOCH,
    MICROSECOND,
    ClockName,
    Track,
    WorkingYear,
    instant,
    micros,
    slot_end,
    working_year,
)

__all__ = [
    "CLOCKS",
    "Calendar",
    "CalendarDocument",
    "Calendars",
    "ClockName",
    "DatedRange",
    "Moment",
    "Slot",
    "Week",
    "shipped_calendar",
]

CLOCKS: tuple[ClockName, ...] = get_args(ClockName)
NOTHING = timedelta()
ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in UTC; provisional when it rests on a year whose public arrangement is not loaded yet."""

    at: datetime
    provisional: bool


class Calendar:
    """A compiled calendar. Immutable; a year is laid out when first touched, after that every answer is a bisection.

    Instants may have any offset and come back in UTC. ValueError: an instant without an offset, or outside the years
    1970 to 2199. The wall clock needs no calendar: it has no such limit and is never provisional.
    """

    __slots__ = ("_arranged", "_years", "document", "zone")

    def __init__(self, document: CalendarDocument) -> None:
        self.document = document
        self.zone = ZoneInfo(document.zone)
        self._arranged = frozenset(document.arranged_years)
        self._years: dict[int, WorkingYear] = {}

    @property
    def calendar_id(self) -> str:
        """The id of the document."""
        return self.document.calendar_id

    @property
    def version(self) -> str:
        """The version of the data, as facts record it."""
        return self.document.version

    def __hash__(self) -> int:
        return hash((self.document.calendar_id, self.document.version))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Calendar) and self.document == other.document)

    def __repr__(self) -> str:
        return f"Calendar({self.calendar_id!r}, {self.version!r})"

    def elapsed(self, start: datetime, end: datetime, clock: ClockName) -> timedelta:
        """How long the clock ran from `start` to `end`; negative when `end` is earlier."""
        start, end = _utc(start), _utc(end)
        if clock == "wall":
            return end - start
        if end < start:
            return -self.elapsed(end, start, clock)
        first, last = self._year_of(start), self._year_of(end)
        ran = self._track(last, clock).ran(micros(end)) - self._track(first, clock).ran(micros(start))
        for year in range(first, last):
            ran += self._track(year, clock).total
        return timedelta(microseconds=ran)

    def add(self, start: datetime, duration: timedelta, clock: ClockName) -> Moment:
        """The first instant from `start` on at which the clock has run for `duration`; ValueError when negative."""
        if duration < NOTHING:
            raise ValueError("a duration is not negative")
        start = _utc(start)
        if clock == "wall":
            return Moment(start + duration, provisional=False)
        first = year = self._year_of(start)
        if duration == NOTHING:
            return Moment(start, self._provisional(first, first))
        track = self._track(year, clock)
        amount = track.ran(micros(start)) + duration // MICROSECOND
        while amount > track.total:
            amount -= track.total
            year += 1
            track = self._track(year, clock)
        return Moment(_from_micros(track.reaches(amount)), self._provisional(first, year))

    def due(self, start: datetime, limit: timedelta, clock: ClockName, *, strict: bool) -> Moment:
        """When a limit is hit: after `limit`, or when strict ("more than") one second of the same clock later."""
        return self.add(start, limit + ONE_SECOND if strict else limit, clock)

    def next_opening(self, at: datetime) -> Moment:
        """`at` itself within a working slot, otherwise the start of the next one."""
        at = _utc(at)
        first = year = self._year_of(at)
        opening = self._year(year).business.running_from(micros(at))
        while opening is None:
            year += 1
            opening = self._year(year).business.running_from(micros(at))
        return Moment(_from_micros(opening), self._provisional(first, year))

    def local_date(self, at: datetime) -> date:
        """The day it is in the calendar's zone."""
        return _utc(at).astimezone(self.zone).date()

    def instant(self, day: date, at: time) -> datetime:
        """A local time of a day; the first of two, and for a time the clocks skip, the moment they jump."""
        return instant(self.zone, day, at)

    def local_midnight_after(self, at: datetime) -> datetime:
        """The next local midnight, later than `at`: when daily quotas start anew."""
        return self.end_of_day(self.local_date(at))

    def end_of_day(self, day: date) -> datetime:
        """The local midnight that ends a day."""
        return instant(self.zone, day + DAY)

    def closes_at(self, day: date) -> datetime | None:
        """When the last slot of a workday ends; None on a day off."""
        slots = self._year(day.year).slots.get(day)
        return slot_end(self.zone, day, slots[-1]) if slots else None

    def is_workday(self, day: date) -> bool:
        """Whether there is working time on a local day."""
        return day in self._year(day.year).slots

    def workdays(self, first: date, last: date) -> int:
        """The number of workdays from `first` to `last`, both included; 0 when `last` is earlier."""
        if last < first:
            return 0
        count = bisect_right(self._year(last.year).days, last) - bisect_left(self._year(first.year).days, first)
        return count + sum(len(self._year(year).days) for year in range(first.year, last.year))

    def workday_before(self, day: date, nth: int = 1) -> date:
        """The `nth` workday earlier than `day` (nth ≥ 1): for 1, the last workday."""
        year = day.year
        index = bisect_left(self._year(year).days, day) - nth
        while index < 0:
            year -= 1
            index += len(self._year(year).days)
        return self._year(year).days[index]

    def workday_after(self, day: date, nth: int = 1) -> date:
        """The `nth` workday later than `day` (nth ≥ 1): for 1, the next workday."""
        year = day.year
        index = bisect_right(self._year(year).days, day) + nth - 1
        while index >= len(self._year(year).days):
            index -= len(self._year(year).days)
            year += 1
        return self._year(year).days[index]

    def _provisional(self, first: int, last: int) -> bool:
        return any(year not in self._arranged for year in range(first, last + 1))

    def _year_of(self, at: datetime) -> int:
        return at.astimezone(self.zone).year

    def _track(self, year: int, clock: ClockName) -> Track:
        working = self._year(year)
        return working.business if clock == "business" else working.workday

    def _year(self, year: int) -> WorkingYear:
        known = self._years.get(year)
        if known is None:
            if not FIRST_YEAR <= year <= LAST_YEAR:
                raise ValueError(f"calendars cover the years {FIRST_YEAR} to {LAST_YEAR}, not {year}")
            known = self._years[year] = working_year(self.document, year)
        return known


@cache
def shipped_calendar() -> Calendar:
    """The calendar of a tenant that has none: Chinese public holidays and working weekends."""
    return Calendar(china_calendar())


@dataclass(frozen=True, slots=True)
class Calendars:
    """All calendars of one tenant by id, and who goes by which."""

    documents: Mapping[str, Calendar]
    tenant_default: str
    of_team: Mapping[str, str] = field(default_factory=dict)
    of_person: Mapping[str, str] = field(default_factory=dict)
    team_of: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def default(cls) -> Calendars:
        """What a tenant has before it sets anything: the shipped calendar for everybody."""
        shipped = shipped_calendar()
        return cls({shipped.calendar_id: shipped}, shipped.calendar_id)

    def of(self, person_id: str | None, team_id: str | None = None) -> Calendar:
        """A person's own calendar, else that of the team (the person's, if not given), else the tenant's, else ours."""
        team = team_id or self.team_of.get(person_id or "")
        for calendar_id in (self.of_person.get(person_id or ""), self.of_team.get(team or ""), self.tenant_default):
            if calendar_id is not None and (found := self.documents.get(calendar_id)):
                return found
        return shipped_calendar()


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no offset: it is not an instant")
    return at.astimezone(UTC)


def _from_micros(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)
