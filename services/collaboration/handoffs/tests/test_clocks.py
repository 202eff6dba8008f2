"""When a handoff stalls, in the shipped Chinese calendar and in one without public holidays."""

from datetime import timedelta
from typing import Any

import pytest

from libs.events.testing.instants import shanghai
from libs.rules.calendars import Calendar, CalendarDocument, shipped_calendar
from services.collaboration.deliverables.domain import SHIPPED
from services.collaboration.handoffs.clocks import pause_left, silent_for, stalls_at
from services.collaboration.handoffs.course import Course

CHINA = shipped_calendar()
PLAIN = Calendar(CalendarDocument(calendar_id="plain", version="1", zone="Asia/Shanghai"))
TEMPLATE = SHIPPED["marketing_lead_handoff"].document


def waiting(since: str, **more: Any) -> Course:
    return Course(step="awaiting_acceptance", since=shanghai(since), to_person="rep-li", **more)


def paused(*spans: tuple[str, str | None]) -> list[dict[str, Any]]:
    return [{"from": shanghai(begin).isoformat(), "to": end and shanghai(end).isoformat()} for begin, end in spans]


@pytest.mark.parametrize(
    ("submitted", "stalls"),
    [
        ("2026-02-27 17:00", "2026-02-28 10:00:01"),
        ("2026-02-14 17:00", "2026-02-24 10:00:01"),
        ("2026-09-18 17:30", "2026-09-20 10:30:01"),
        ("2026-03-02 12:30", "2026-03-02 15:30:01"),
        ("2026-05-08 17:30", "2026-05-09 10:30:01"),
        ("2026-10-09 17:30", "2026-10-10 10:30:01"),
    ],
)
def test_two_business_hours_are_counted_in_the_chinese_working_year(submitted: str, stalls: str) -> None:
    """3.3.8-2 to 3.3.8-5, Appendix B"""
    assert stalls_at(waiting(submitted), TEMPLATE, CHINA) == shanghai(stalls)


def test_a_calendar_without_working_weekends_would_say_monday() -> None:
    """3.3.8-2"""
    assert stalls_at(waiting("2026-02-27 17:00"), TEMPLATE, PLAIN) == shanghai("2026-03-02 10:00:01")


def test_the_further_levels_follow_after_four_business_hours_and_one_workday() -> None:
    """3.3.4"""
    assert stalls_at(waiting("2026-03-02 09:00", level=1), TEMPLATE, CHINA) == shanghai("2026-03-02 16:30:01")
    assert stalls_at(waiting("2026-03-02 09:00", level=2), TEMPLATE, CHINA) == shanghai("2026-03-03 16:30:01")
    assert stalls_at(waiting("2026-03-02 09:00", level=3), TEMPLATE, CHINA) is None


def test_nobody_is_waited_for_before_the_submission_and_after_the_end() -> None:
    for step in ("", "drafted", "confirmed", "cancelled"):
        assert stalls_at(Course(step=step, since=shanghai("2026-03-02 09:00")), TEMPLATE, CHINA) is None


def test_a_pause_stops_the_clock_and_what_ran_before_it_counts() -> None:
    """3.3.3-4"""
    course = waiting("2026-03-02 09:00", pauses=paused(("2026-03-02 10:00", "2026-03-02 16:00")))
    assert stalls_at(course, TEMPLATE, CHINA) == shanghai("2026-03-02 17:00:01")
    assert silent_for(course, TEMPLATE, CHINA, shanghai("2026-03-02 16:30")) == timedelta(hours=1.5)


def test_after_five_workdays_of_pauses_the_clock_runs_again() -> None:
    """3.3.3-4"""
    course = waiting("2026-03-02 09:00", pauses=paused(("2026-03-02 10:00", None)))
    assert stalls_at(course, TEMPLATE, CHINA) == shanghai("2026-03-09 11:00:01")
    assert pause_left(course, TEMPLATE, CHINA, shanghai("2026-03-05 10:00")) == timedelta(days=2)
    assert pause_left(course, TEMPLATE, CHINA, shanghai("2026-03-20 10:00")) == timedelta(0)


def test_the_allowance_covers_all_pauses_together() -> None:
    """3.3.3-4"""
    spent = paused(("2026-03-02 10:00", "2026-03-06 10:00"), ("2026-03-09 10:00", None))
    assert stalls_at(waiting("2026-03-09 09:00", pauses=spent), TEMPLATE, CHINA) == shanghai("2026-03-10 11:00:01")


def test_a_pause_before_the_last_progress_no_longer_matters_for_the_silence() -> None:
    earlier = paused(("2026-03-02 10:00", "2026-03-02 12:00"))
    assert stalls_at(waiting("2026-03-02 13:30", pauses=earlier), TEMPLATE, CHINA) == shanghai("2026-03-02 15:30:01")
