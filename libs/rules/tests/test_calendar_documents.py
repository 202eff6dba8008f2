"""Calendars as data: what a document may say, and which calendar a person goes by."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from libs.rules.calendars import Calendar, CalendarDocument, Calendars, DatedRange, shipped_calendar
from libs.rules.tests.examples import CHINA, at

PLAIN: dict[str, Any] = {"calendar_id": "plain", "version": "1", "zone": "Asia/Shanghai"}


def document(**changes: Any) -> CalendarDocument:
    return CalendarDocument.model_validate({**PLAIN, **changes})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"zone": "Mars/Olympus"}, "not a time zone"),
        ({"zone": "localtime"}, "not a time zone"),
        ({"zone": "../etc/passwd"}, "not a time zone"),
        ({"calendar_id": ""}, "at least 1 character"),
        ({"colour": "red"}, "Extra inputs"),
        ({"weekly": {"monday": [{"start": "12:00", "end": "09:00"}]}}, "ends after it starts"),
        ({"weekly": {"monday": [{"start": "09:00+08:00", "end": "12:00"}]}}, "without an offset"),
        (
            {"weekly": {"monday": [{"start": "09:00", "end": "12:00"}, {"start": "11:00", "end": "13:00"}]}},
            "do not overlap",
        ),
        ({"weekly": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), ())}, "at least one"),
        ({"ranges": [{"first": "2026-02-15", "last": "2026-02-14", "kind": "working"}]}, "before it begins"),
        ({"ranges": [{"first": "2026-02-15", "last": "2028-02-14", "kind": "working"}]}, "at most a year"),
        ({"ranges": [{"first": "0001-01-01", "last": "0001-01-01", "kind": "working"}]}, "1970 to 2199"),
        ({"ranges": [{"first": "2026-02-15", "last": "2026-02-15", "kind": "half"}]}, "'working' or 'non_working'"),
        ({"ranges": [{"first": "2026-02-15", "last": "2026-02-15", "kind": "working"}] * 1001}, "at most 1000"),
        ({"arranged_years": [12026]}, "less than or equal to 2199"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused_with_the_reason(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        document(**changes)


def test_a_document_survives_json() -> None:
    assert CalendarDocument.model_validate_json(CHINA.document.model_dump_json()) == CHINA.document


def test_a_later_range_wins_so_that_a_tenant_can_work_through_the_festival() -> None:
    """1.7: the fixture's manufacturer works from 02-15 on"""
    through = DatedRange(first=date(2026, 2, 15), last=date(2026, 2, 23), kind="working", name="排产")
    ours = Calendar(CHINA.document.model_copy(update={"version": "2", "ranges": (*CHINA.document.ranges, through)}))
    assert ours.workdays(date(2026, 2, 15), date(2026, 2, 23)) == 9
    assert ours.add(at("02-14 17:00"), timedelta(hours=2), "business").at == at("02-15 10:00")


def test_a_working_weekend_has_the_hours_of_a_working_day_of_that_calendar() -> None:
    """3.1.7: Urumqi works two hours later"""
    shifted = [{"start": "11:00", "end": "14:00"}, {"start": "15:30", "end": "20:00"}]
    week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), shifted)
    urumqi = Calendar(CHINA.document.model_validate({**CHINA.document.model_dump(), "weekly": week}))
    assert urumqi.closes_at(date(2026, 2, 28)) == at("02-28 20:00")
    assert urumqi.next_opening(at("02-28 09:00")).at == at("02-28 11:00")


def test_a_person_goes_by_the_own_calendar_then_the_teams_then_the_tenants_then_ours() -> None:
    known = {name: Calendar(document(calendar_id=name)) for name in ("own", "team", "tenant")}
    calendars = Calendars(
        documents=known,
        tenant_default="tenant",
        of_team={"north": "team", "south": "retired"},
        of_person={"li": "own"},
        team_of={"li": "north", "wang": "north", "zhao": "south"},
    )
    assert calendars.of("li") is known["own"]
    assert calendars.of("wang") is known["team"]
    assert calendars.of("chen") is known["tenant"]
    assert calendars.of("chen", "north") is known["team"]
    assert calendars.of(None, "north") is known["team"]
    assert calendars.of("zhao") is known["tenant"], "a calendar that is gone is passed over"
    assert calendars.of(None) is known["tenant"]
    assert Calendars({}, "none").of("li") is shipped_calendar()
    assert Calendars.default().of("li", "north") is shipped_calendar()


def test_calendars_of_the_same_data_are_equal_and_hash_alike() -> None:
    assert Calendar(document()) == Calendar(document())
    assert len({Calendar(document()), Calendar(document()), Calendar(document(version="2"))}) == 2
    assert Calendar(document()) != Calendar(document(zone="Europe/Berlin"))


def test_what_no_calendar_covers_is_refused() -> None:
    calendar = Calendar(document())
    with pytest.raises(ValueError, match="not negative"):
        calendar.add(at("02-13 17:00"), -timedelta(hours=1), "business")
    with pytest.raises(ValueError, match="1970 to 2199"):
        calendar.elapsed(datetime.fromisoformat("1900-01-01T00:00:00+08:00"), at("02-13 17:00"), "business")
    with pytest.raises(ValueError, match="1970 to 2199"):
        calendar.add(at("2199-12-31 17:00"), timedelta(hours=24), "business")
