"""China: the State Council's arrangement of public holidays and the weekends worked in exchange (调休)."""

from __future__ import annotations

from datetime import date

from libs.rules.calendar_documents import CalendarDocument, DatedRange

# year: (days off as (name, first, last)), (weekend days worked, with the holiday they make up for)
ARRANGEMENTS: dict[int, tuple[tuple[tuple[str, str, str], ...], tuple[tuple[str, str], ...]]] = {
    2025: (
        (
            ("元旦", "01-01", "01-01"),
            ("春节", "01-28", "02-04"),
            ("清明节", "04-04", "04-06"),
            ("劳动节", "05-01", "05-05"),
            ("端午节", "05-31", "06-02"),
            ("国庆节、中秋节", "10-01", "10-08"),
        ),
        (
            ("春节", "01-26"),
            ("春节", "02-08"),
            ("劳动节", "04-27"),
            ("国庆节、中秋节", "09-28"),
            ("国庆节、中秋节", "10-11"),
        ),
    ),
    2026: (
        (
            ("元旦", "01-01", "01-03"),
            ("春节", "02-15", "02-23"),
            ("清明节", "04-04", "04-06"),
            ("劳动节", "05-01", "05-05"),
            ("端午节", "06-19", "06-21"),
            ("中秋节", "09-25", "09-27"),
            ("国庆节", "10-01", "10-07"),
        ),
        (
            ("元旦", "01-04"),
            ("春节", "02-14"),
            ("春节", "02-28"),
            ("劳动节", "05-09"),
            ("国庆节", "09-20"),
            ("国庆节", "10-10"),
        ),
    ),
}


def china_calendar() -> CalendarDocument:
    """Monday to Friday 09:00-12:00 and 13:30-18:00 in Asia/Shanghai, with the arrangements published so far."""
    return CalendarDocument(
        calendar_id="china",
        version=f"china-{max(ARRANGEMENTS)}.1",
        zone="Asia/Shanghai",
        ranges=tuple(dated for year in ARRANGEMENTS for dated in _ranges(year)),
        arranged_years=tuple(ARRANGEMENTS),
    )


def _ranges(year: int) -> list[DatedRange]:
    holidays, working_weekends = ARRANGEMENTS[year]
    off = [
        DatedRange(first=_day(year, first), last=_day(year, last), kind="non_working", name=name)
        for name, first, last in holidays
    ]
    worked = [
        DatedRange(first=_day(year, day), last=_day(year, day), kind="working", name=f"{name}调休")
        for name, day in working_weekends
    ]
    return off + worked


def _day(year: int, month_and_day: str) -> date:
    return date.fromisoformat(f"{year}-{month_and_day}")
