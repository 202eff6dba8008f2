"""The working time of one local year of a calendar, as sorted spans with prefix sums (microseconds since 1970, UTC)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from libs.rules.calendar_documents import MIDNIGHT, CalendarDocument, Slot

ClockName = Literal["wall", "workday", "business"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Track:
    """One clock in one year: it runs from each of `opens` to its `closes`; `before` is what ran before that span."""

    opens: tuple[int, ...]
    closes: tuple[int, ...]
    before: tuple[int, ...]
    total: int

    @classmethod
    def over(cls, spans: Iterable[tuple[int, int]]) -> Track:
        """A track over spans in order; spans that touch become one, spans without length vanish."""
        opens: list[int] = []
        closes: list[int] = []
        for start, end in spans:
            if end <= start:
                continue
            if closes and closes[-1] == start:
                closes[-1] = end
            else:
                opens.append(start)
                closes.append(end)
        before = [0]
        for start, end in zip(opens, closes, strict=True):
            before.append(before[-1] + end - start)
        return cls(tuple(opens), tuple(closes), tuple(before[:-1]), before[-1])

    def ran(self, at: int) -> int:
        """How long the clock ran from the start of the year to `at`."""
        i = bisect_right(self.opens, at) - 1
        return self.before[i] + min(at, self.closes[i]) - self.opens[i] if i >= 0 else 0

    def reaches(self, amount: int) -> int:
        """The first moment at which the clock ran for `amount`, with 0 < amount ≤ total."""
        i = bisect_left(self.before, amount) - 1
        return self.opens[i] + amount - self.before[i]

    def running_from(self, at: int) -> int | None:
        """The first moment from `at` on at which the clock runs; None when it does not in the rest of the year."""
        i = bisect_right(self.closes, at)
        return max(at, self.opens[i]) if i < len(self.opens) else None


@dataclass(frozen=True, slots=True)
class WorkingYear:
    """The workdays of a year in order, the slots of each, and the tracks of the two clocks that can stand still."""

    days: tuple[date, ...]
    slots: Mapping[date, tuple[Slot, ...]]
    workday: Track
    business: Track


def working_year(document: CalendarDocument, year: int) -> WorkingYear:
    """Lay out one local year of a calendar: a few milliseconds."""
    zone = ZoneInfo(document.zone)
    slots = document.slots_of_year(year)
    workday = Track.over((micros(instant(zone, day)), micros(instant(zone, day + DAY))) for day in slots)
    business = Track.over(
        (micros(instant(zone, day, slot.start)), micros(slot_end(zone, day, slot)))
        for day, of_day in slots.items()
        for slot in of_day
    )
    return WorkingYear(tuple(slots), slots, workday, business)


def slot_end(zone: ZoneInfo, day: date, slot: Slot) -> datetime:
    """When a slot of a day ends."""
    return instant(zone, day + DAY) if slot.end == MIDNIGHT else instant(zone, day, slot.end)


def instant(zone: ZoneInfo, day: date, at: time = MIDNIGHT) -> datetime:
    """A local time as an instant in UTC: the first of two, and for a time the clocks skip, the moment they jump."""
    local = datetime.combine(day, at, zone)
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    before, after = local.replace(fold=1).astimezone(UTC), found
    offset = after.astimezone(zone).utcoffset()
    while after - before > MICROSECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND
