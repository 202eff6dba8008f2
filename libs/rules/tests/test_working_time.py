"""The worked deadlines of the product text: three clocks on the Chinese calendar of 2026."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import pytest

from libs.rules.calendars import ClockName
from libs.rules.tests.examples import CHINA, MONDAY_TO_FRIDAY, at

APPENDIX_B = [
    ("02-13 17:00", 24, "02-14 17:00", "02-14 17:00", "02-26 09:30"),
    ("02-14 17:00", 24, "02-15 17:00", "02-24 17:00", "02-27 09:30"),
    ("02-12 10:00", 72, "02-15 10:00", "02-24 10:00", "03-03 16:00"),
    ("02-13 17:00", 72, "02-16 17:00", "02-25 17:00", "03-05 14:00"),
    ("03-06 17:00", 24, "03-07 17:00", "03-09 17:00", "03-12 09:30"),
    ("04-30 17:00", 24, "05-01 17:00", "05-06 17:00", "05-09 09:30"),
    ("09-30 18:00", 24, "10-01 18:00", "10-08 18:00", "10-12 10:30"),
    ("02-27 17:00", 2, None, None, "02-28 10:00"),
    ("02-14 17:00", 2, None, None, "02-24 10:00"),
    ("05-08 17:30", 2, None, None, "05-09 10:30"),
    ("09-18 17:30", 2, None, None, "09-20 10:30"),
    ("10-09 17:30", 2, None, None, "10-10 10:30"),
    ("03-02 12:30", 2, None, None, "03-02 15:30"),
]

ROWS = [
    pytest.param(clock, start, hours, end, id=f"{start} + {hours} h {clock}")
    for start, hours, wall, workday, business in APPENDIX_B
    for clock, end in (("wall", wall), ("workday", workday), ("business", business))
    if end is not None
]


@pytest.mark.parametrize(("clock", "start", "hours", "end"), ROWS)
def test_a_deadline_falls_where_the_product_text_says(clock: ClockName, start: str, hours: int, end: str) -> None:
    """Appendix B"""
    moment = CHINA.add(at(start), timedelta(hours=hours), clock)
    assert moment.at == at(end)
    assert moment.at.tzinfo is UTC
    assert not moment.provisional
    assert CHINA.elapsed(at(start), at(end), clock) == timedelta(hours=hours)


def test_the_workdays_of_2026_are_counted_with_working_weekends() -> None:
    """Appendix B; 3.5.7-2: February has 16 workdays"""
    assert CHINA.workdays(date(2026, 1, 1), date(2026, 12, 31)) == 248
    assert CHINA.workdays(date(2026, 2, 1), date(2026, 2, 28)) == 16
    assert [CHINA.workdays(date(2026, 2, day), date(2026, 2, day) + timedelta(days=6)) for day in (9, 16, 23)] == [
        6,
        0,
        5,
    ]


def test_a_leave_of_nine_of_sixteen_workdays_is_more_than_half_the_month() -> None:
    """3.5.7-2"""
    leave = CHINA.workdays(date(2026, 2, 2), date(2026, 2, 12))
    assert (leave, CHINA.workdays(date(2026, 2, 1), date(2026, 2, 28))) == (9, 16)


def test_the_year_2025_is_arranged_too() -> None:
    assert CHINA.workdays(date(2025, 1, 1), date(2025, 12, 31)) == 248
    assert CHINA.workdays(date(2025, 1, 26), date(2025, 2, 8)) == 6
    assert CHINA.workdays(date(2025, 12, 29), date(2026, 1, 4)) == 4
    assert not CHINA.add(at("2025-12-31 17:00"), timedelta(hours=24), "workday").provisional


@pytest.mark.parametrize(
    ("touched", "hours", "clock", "silent"),
    [
        ("03-06 17:00", 24, "workday", "03-09 17:00:01"),
        ("03-06 17:00", 24, "wall", "03-07 17:00:01"),
        ("02-13 17:00", 24, "workday", "02-14 17:00:01"),
        ("02-14 17:00", 24, "workday", "02-24 17:00:01"),
        ("02-12 10:00", 72, "workday", "02-24 10:00:01"),
        ("04-30 17:00", 24, "workday", "05-06 17:00:01"),
        ("09-30 18:00", 24, "workday", "10-08 18:00:01"),
    ],
)
def test_a_lead_is_silent_one_second_after_its_limit(touched: str, hours: int, clock: ClockName, silent: str) -> None:
    """3.4.8-1, 3.4.8-2, 3.4.8-3"""
    limit = timedelta(hours=hours)
    assert CHINA.due(at(touched), limit, clock, strict=True).at == at(silent)
    assert CHINA.elapsed(at(touched), at(silent) - timedelta(seconds=1), clock) == limit


@pytest.mark.parametrize(
    ("submitted", "fires"),
    [
        ("02-27 17:00", "02-28 10:00:01"),
        ("02-14 17:00", "02-24 10:00:01"),
        ("09-18 17:30", "09-20 10:30:01"),
        ("03-02 12:30", "03-02 15:30:01"),
    ],
)
def test_a_handoff_stalls_after_more_than_two_business_hours(submitted: str, fires: str) -> None:
    """3.3.8-2, 3.3.8-3, 3.3.8-4, 3.3.8-5"""
    assert CHINA.due(at(submitted), timedelta(hours=2), "business", strict=True).at == at(fires)


def test_a_monday_to_friday_calendar_misses_the_working_weekends() -> None:
    """3.3.8-2, 3.1.8-6: what the Chinese arrangement is for"""
    two_hours = timedelta(hours=2)
    assert MONDAY_TO_FRIDAY.add(at("02-27 17:00"), two_hours, "business").at == at("03-02 10:00")
    assert MONDAY_TO_FRIDAY.add(at("02-28 10:00"), two_hours, "business").at == at("03-02 11:00")


def test_an_acceptance_window_skips_lunch_on_a_working_saturday() -> None:
    """3.1.8-6"""
    window = timedelta(hours=2)
    assert CHINA.due(at("02-28 10:00"), window, "business", strict=False).at == at("02-28 12:00")
    assert CHINA.due(at("02-28 11:00"), window, "business", strict=False).at == at("02-28 14:30")


def test_a_strict_limit_that_ends_with_the_day_is_passed_at_the_next_opening() -> None:
    friday = at("03-06 16:00")
    assert CHINA.due(friday, timedelta(hours=2), "business", strict=False).at == at("03-06 18:00")
    assert CHINA.due(friday, timedelta(hours=2), "business", strict=True).at == at("03-09 09:00:01")


def test_the_last_workday_before_the_return_from_the_festival_is_the_working_saturday() -> None:
    """3.5.7-10"""
    assert CHINA.workday_before(date(2026, 2, 24)) == date(2026, 2, 14)
    assert CHINA.workday_after(date(2026, 2, 14)) == date(2026, 2, 24)
    assert CHINA.workday_before(date(2026, 1, 4), 3) == date(2025, 12, 29)
    assert CHINA.workday_after(date(2025, 12, 31), 2) == date(2026, 1, 5)


def test_a_recycle_due_in_the_festival_waits_for_the_next_opening() -> None:
    """3.1.8-5"""
    assert CHINA.next_opening(at("02-18 11:00")).at == at("02-24 09:00")
    assert CHINA.next_opening(at("02-24 12:00")).at == at("02-24 13:30")
    assert CHINA.next_opening(at("02-24 10:00")).at == at("02-24 10:00")


def test_a_quota_starts_anew_at_the_next_local_midnight() -> None:
    """3.1.8-3"""
    assert CHINA.local_midnight_after(at("03-02 15:00")) == at("03-03 00:00")
    assert CHINA.local_midnight_after(at("03-03 00:00")) == at("03-04 00:00")
    assert CHINA.local_date(at("03-03 00:00")) == date(2026, 3, 3)


def test_a_day_ends_at_midnight_and_closes_with_its_last_slot() -> None:
    assert CHINA.end_of_day(date(2026, 2, 28)) == at("03-01 00:00")
    assert CHINA.closes_at(date(2026, 2, 28)) == at("02-28 18:00")
    assert CHINA.closes_at(date(2026, 2, 16)) is None
    assert CHINA.is_workday(date(2026, 9, 20))
    assert not CHINA.is_workday(date(2026, 9, 25))


def test_a_deadline_beyond_the_arranged_years_is_provisional() -> None:
    """Appendix B; architecture 5"""
    day = timedelta(hours=24)
    assert not CHINA.add(at("12-30 10:00"), day, "workday").provisional
    assert CHINA.add(at("12-31 10:00"), day, "workday").provisional
    assert CHINA.add(at("2027-03-01 10:00"), timedelta(), "business").provisional
    assert CHINA.next_opening(at("12-31 19:00")).provisional
    assert not CHINA.add(at("12-31 10:00"), day, "wall").provisional
