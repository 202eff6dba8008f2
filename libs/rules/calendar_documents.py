"""A calendar as data: weekly pattern, dated exceptions, zone, and the years whose public arrangement is loaded."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from libs.events.deciding import Day as WrittenDay

FIRST_YEAR = 1970
LAST_YEAR = 2199
MIDNIGHT = time(0)
# not `localtime`, which depends on the machine, nor `right/...`, which counts leap seconds
AREA_AND_CITY = re.compile(r"UTC|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)+")

CLOCK = re.compile(r"\d\d:\d\d")


def _known_zone(name: str) -> str:
    try:
        if not AREA_AND_CITY.fullmatch(name):
            raise ValueError(name)
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Asia/Shanghai or UTC") from error
    return name


def _covered(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"calendars cover the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _written_out(at: object) -> object:
    if isinstance(at, int | float) or (isinstance(at, str) and not CLOCK.match(at)):
        raise ValueError("a time is written like 13:30")
    return at


def _local(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("a slot has local times of the calendar's zone, without an offset")
    return at


def _in_order(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    for earlier, later in pairwise(slots):
        if earlier.end == MIDNIGHT or later.start < earlier.end:
            raise ValueError("the slots of a day are in order and do not overlap")
    return slots


Identifier = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9._:-]+$")]
Label = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
Day = Annotated[WrittenDay, AfterValidator(_covered)]
LocalTime = Annotated[time, BeforeValidator(_written_out), AfterValidator(_local)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Slot(_Document):
    """Working time of one day, local, from `start` to `end`; an `end` of 00:00 is the midnight that ends the day."""

    start: LocalTime
    end: LocalTime

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end != MIDNIGHT and self.end <= self.start:
            raise ValueError("a slot ends after it starts, on the same day; cut one that crosses midnight in two")
        return self


DaySlots = Annotated[tuple[Slot, ...], Field(max_length=8), AfterValidator(_in_order)]

WORKING_DAY = (Slot(start=time(9), end=time(12)), Slot(start=time(13, 30), end=time(18)))


class Week(_Document):
    """The slots of each weekday; a weekday without slots is off."""

    monday: DaySlots = WORKING_DAY
    tuesday: DaySlots = WORKING_DAY
    wednesday: DaySlots = WORKING_DAY
    thursday: DaySlots = WORKING_DAY
    friday: DaySlots = WORKING_DAY
    saturday: DaySlots = ()
    sunday: DaySlots = ()

    @model_validator(mode="after")
    def _works(self) -> Self:
        if not any(self.days):
            raise ValueError("a week has at least one working slot")
        return self

    @property
    def days(self) -> tuple[tuple[Slot, ...], ...]:
        """Slots by weekday, Monday first."""
        return (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday)


class DatedRange(_Document):
    """Days, both ends included, that are working or off whatever the weekly pattern says."""

    first: Day
    last: Day
    kind: Literal["working", "non_working"]
    name: Label = ""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"the range ends on {self.last} before it begins on {self.first}")
        if self.last - self.first > timedelta(days=366):
            raise ValueError("a dated range is at most a year long")
        return self


EXAMPLE = {
    "calendar_id": "cn-2026",
    "version": "1",
    "zone": "Asia/Shanghai",
    "ranges": [
        {"first": "2026-10-01", "last": "2026-10-07", "kind": "non_working", "name": "国庆节"},
        {"first": "2026-10-10", "last": "2026-10-10", "kind": "working", "name": "国庆节调休"},
    ],
    "arranged_years": [2026],
}


class CalendarDocument(_Document, json_schema_extra={"examples": [EXAMPLE]}):
    """A calendar of one zone. Of two ranges over the same day the later in the list wins, so an override is appended.

    `version` names the state of the data; `arranged_years` are the years whose public arrangement the ranges contain:
    what is computed with other years is provisional.
    """

    calendar_id: Identifier
    version: Identifier
    zone: ZoneName
    weekly: Week = Week()
    ranges: Annotated[tuple[DatedRange, ...], Field(max_length=1000)] = ()
    arranged_years: Annotated[
        tuple[Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)], ...],
        Field(max_length=LAST_YEAR - FIRST_YEAR + 1),
        AfterValidator(lambda years: tuple(sorted(set(years)))),
    ] = ()

    def slots_of_year(self, year: int) -> dict[date, tuple[Slot, ...]]:
        """The slots of every workday of `year`, in order of the days.

        A dated working day has the slots of its weekday, or, where that is off, those of the first working weekday.
        """
        days = self.weekly.days
        make_up_day = next(filter(None, days))
        first, last = date(year, 1, 1), date(year, 12, 31)
        slots = {day: days[day.weekday()] for day in _each(first, last)}
        for dated in self.ranges:
            for day in _each(max(first, dated.first), min(last, dated.last)):
                working = days[day.weekday()] or make_up_day
                slots[day] = working if dated.kind == "working" else ()
        return {day: of_day for day, of_day in slots.items() if of_day}


def _each(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
