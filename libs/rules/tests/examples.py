"""The calendars and the notation of local times that the tests share."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from libs.rules.calendars import Calendar, CalendarDocument, DatedRange, Slot, Week, shipped_calendar

CHINA = shipped_calendar()

MONDAY_TO_FRIDAY = Calendar(
    CalendarDocument(calendar_id="plain", version="1", zone="Asia/Shanghai", arranged_years=(2025, 2026))
)

BERLIN = Calendar(
    CalendarDocument(
        calendar_id="berlin",
        version="1",
        zone="Europe/Berlin",
        weekly=Week(
            saturday=(Slot(start=time(22), end=time(0)),),
            sunday=(Slot(start=time(0), end=time(2, 30)), Slot(start=time(2, 30), end=time(6))),
        ),
        ranges=(
            DatedRange(first=date(2026, 4, 3), last=date(2026, 4, 6), kind="non_working", name="Ostern"),
            DatedRange(first=date(2026, 12, 24), last=date(2027, 1, 1), kind="non_working"),
        ),
        arranged_years=(2025, 2026),
    )
)


def at(local: str, zone: str = "Asia/Shanghai") -> datetime:
    """`02-13 17:00` of 2026, or with its year, in a zone; as an instant in UTC."""
    text = local if local[4] == "-" else f"2026-{local}"
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
