"""What must be true of the clocks for any instants: the property tests of Appendix B."""

from __future__ import annotations

import time as process_time
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.rules.calendars import CLOCKS, Calendar, CalendarDocument, ClockName, Slot
from libs.rules.tests.examples import BERLIN, CHINA, at

INSTANTS = st.datetimes(datetime(2025, 6, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001
AROUND_BERLIN_CHANGES = st.one_of(
    st.datetimes(datetime(2026, 3, 27), datetime(2026, 3, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.datetimes(datetime(2026, 10, 23), datetime(2026, 10, 27), timezones=st.just(UTC)),  # noqa: DTZ001
)
TIMES = st.one_of(INSTANTS, AROUND_BERLIN_CHANGES)
CALENDARS = st.sampled_from([CHINA, BERLIN])
DURATIONS = st.timedeltas(timedelta(), timedelta(days=40))
ANY_CLOCK = st.sampled_from(CLOCKS)
TICK = timedelta(microseconds=1)
HOLIDAY_BORDERS = [
    CHINA.instant(day, time(0))
    for dated in CHINA.document.ranges
    for day in (dated.first, dated.last + timedelta(days=1))
]


def counted(calendar: Calendar, start: datetime, end: datetime, clock: ClockName) -> timedelta:
    """The same as `elapsed`, day by day from the definition: the overlap with what each day works."""
    if clock == "wall":
        return end - start
    total, day = timedelta(), calendar.local_date(start)
    while day <= calendar.local_date(end):
        for opens, closes in worked(calendar, day, clock):
            total += max(timedelta(), min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return total


def worked(calendar: Calendar, day: date, clock: ClockName) -> list[tuple[datetime, datetime]]:
    slots = calendar.document.slots_of_year(day.year).get(day, ())
    midnight, next_midnight = calendar.instant(day, time(0)), calendar.end_of_day(day)
    if clock == "workday":
        return [(midnight, next_midnight)] if slots else []
    return [
        (calendar.instant(day, slot.start), next_midnight if slot.end == time(0) else calendar.instant(day, slot.end))
        for slot in slots
    ]


@settings(max_examples=60, deadline=None)
@given(CALENDARS, TIMES, st.timedeltas(timedelta(), timedelta(days=12)), ANY_CLOCK)
def test_elapsed_is_the_sum_of_what_each_day_works(
    calendar: Calendar, start: datetime, later: timedelta, clock: ClockName
) -> None:
    """Appendix B"""
    assert calendar.elapsed(start, start + later, clock) == counted(calendar, start, start + later, clock)


@settings(max_examples=300, deadline=None)
@given(CALENDARS, TIMES, DURATIONS, ANY_CLOCK)
def test_add_gives_the_first_instant_with_that_elapsed_time(
    calendar: Calendar, start: datetime, duration: timedelta, clock: ClockName
) -> None:
    """Appendix B"""
    end = calendar.add(start, duration, clock).at
    assert end.tzinfo is UTC
    assert calendar.elapsed(start, end, clock) == duration
    assert end == start or calendar.elapsed(start, end - TICK, clock) < duration


@settings(max_examples=300, deadline=None)
@given(CALENDARS, TIMES, TIMES, ANY_CLOCK)
def test_add_undoes_elapsed_up_to_time_in_which_the_clock_stood_still(
    calendar: Calendar, one: datetime, other: datetime, clock: ClockName
) -> None:
    """Appendix B"""
    start, end = sorted((one, other))
    elapsed = calendar.elapsed(start, end, clock)
    first = calendar.add(start, elapsed, clock).at
    assert start <= first <= end
    assert calendar.elapsed(first, end, clock) == timedelta()
    assert calendar.elapsed(end, start, clock) == -elapsed


@settings(max_examples=300, deadline=None)
@given(CALENDARS, st.tuples(TIMES, TIMES, TIMES), ANY_CLOCK)
def test_elapsed_is_additive(calendar: Calendar, times: tuple[datetime, datetime, datetime], clock: ClockName) -> None:
    """Appendix B; it holds in any order, because elapsed is signed"""
    a, b, c = times
    assert calendar.elapsed(a, b, clock) + calendar.elapsed(b, c, clock) == calendar.elapsed(a, c, clock)


@settings(max_examples=300, deadline=None)
@given(CALENDARS, TIMES, TIMES, DURATIONS, DURATIONS, ANY_CLOCK)
def test_add_is_monotonic_and_can_be_done_in_steps(
    calendar: Calendar, one: datetime, other: datetime, little: timedelta, more: timedelta, clock: ClockName
) -> None:
    """Appendix B"""
    start, later = sorted((one, other))
    assert calendar.add(start, little, clock).at <= calendar.add(later, little, clock).at
    end = calendar.add(start, little + more, clock).at
    assert calendar.add(start, little, clock).at <= end
    assert calendar.add(calendar.add(start, little, clock).at, more, clock).at == end


@settings(max_examples=200, deadline=None)
@given(INSTANTS, INSTANTS, ANY_CLOCK)
def test_splitting_at_every_holiday_border_changes_nothing(one: datetime, other: datetime, clock: ClockName) -> None:
    """Appendix B"""
    start, end = sorted((one, other))
    stops = [start, *sorted(border for border in HOLIDAY_BORDERS if start < border < end), end]
    pieces = [CHINA.elapsed(a, b, clock) for a, b in pairwise(stops)]
    assert sum(pieces, timedelta()) == CHINA.elapsed(start, end, clock)


@settings(max_examples=200, deadline=None)
@given(CALENDARS, TIMES)
def test_the_next_opening_is_the_first_instant_from_which_the_business_clock_runs(
    calendar: Calendar, instant: datetime
) -> None:
    opening = calendar.next_opening(instant).at
    assert opening >= instant
    assert calendar.elapsed(instant, opening, "business") == timedelta()
    assert calendar.elapsed(opening, opening + TICK, "business") == TICK


@settings(max_examples=200, deadline=None)
@given(CALENDARS, st.dates(date(2025, 1, 1), date(2028, 1, 1)), st.integers(1, 600))
def test_workdays_before_and_after_a_day_agree_with_their_count(calendar: Calendar, day: date, nth: int) -> None:
    after, before = calendar.workday_after(day, nth), calendar.workday_before(day, nth)
    assert calendar.is_workday(after)
    assert calendar.is_workday(before)
    assert calendar.workdays(day + timedelta(days=1), after) == nth
    assert calendar.workdays(before, day - timedelta(days=1)) == nth


@pytest.fixture(params=["America/Los_Angeles", "Pacific/Kiritimati", "Europe/Berlin"])
def _process_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    process_time.tzset()
    yield
    monkeypatch.undo()
    process_time.tzset()


@pytest.mark.usefixtures("_process_zone")
def test_the_zone_of_the_process_does_not_matter() -> None:
    """Appendix B"""
    fresh = Calendar(CHINA.document)
    assert fresh.add(at("02-13 17:00"), timedelta(hours=72), "business").at == at("03-05 14:00")
    assert fresh.add(at("02-13 17:00"), timedelta(hours=72), "workday").at == at("02-25 17:00")
    assert fresh.local_date(at("02-13 23:59")) == date(2026, 2, 13)
    with pytest.raises(ValueError, match="no offset"):
        fresh.elapsed(datetime(2026, 2, 13, 17), at("02-14 17:00"), "wall")  # noqa: DTZ001


def test_a_workday_on_which_the_clocks_change_has_its_real_length() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    for day, hours in ((spring, 23), (autumn, 25)):
        midnight = BERLIN.instant(day, time(0))
        assert BERLIN.elapsed(midnight, BERLIN.end_of_day(day), "workday") == timedelta(hours=hours)
        assert BERLIN.elapsed(midnight, BERLIN.end_of_day(day), "business") == timedelta(hours=hours - 18)


def test_a_skipped_local_time_is_the_moment_the_clocks_jump_and_a_doubled_one_the_first() -> None:
    assert BERLIN.instant(date(2026, 3, 29), time(2, 30)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert BERLIN.instant(date(2026, 10, 25), time(2, 30)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_wall_time_is_real_time_for_instants_given_in_a_zone_with_two_offsets() -> None:
    start = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN.zone)
    end = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN.zone, fold=1)
    assert BERLIN.elapsed(start, end, "wall") == timedelta(hours=1)
    assert BERLIN.elapsed(end, start, "workday") == -timedelta(hours=1)


def test_a_day_whose_midnight_is_skipped_starts_when_the_clocks_jump() -> None:
    cairo = Calendar(CalendarDocument(calendar_id="cairo", version="1", zone="Africa/Cairo"))
    friday = date(2026, 4, 24)
    start = cairo.end_of_day(friday - timedelta(days=1))
    assert start.astimezone(cairo.zone).time() == time(1)
    assert cairo.elapsed(start, cairo.end_of_day(friday), "workday") == timedelta(hours=23)


def test_a_shop_that_never_closes_has_a_business_clock_like_the_wall() -> None:
    always = (Slot(start=time(0), end=time(0)),)
    week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), always)
    document = CalendarDocument.model_validate(
        {"calendar_id": "always", "version": "1", "zone": "Asia/Shanghai", "weekly": week}
    )
    shop, start = Calendar(document), at("02-13 17:00")
    assert shop.add(start, timedelta(days=400), "business").at == start + timedelta(days=400)
