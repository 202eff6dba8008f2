"""The parts of a simulated day that need no services: who works here, what comes in, when it begins."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dev.attached import attached
from dev.day import diary
from dev.day.cast import DEPARTMENTS, MANAGERS, PEOPLE, REPS, TEAMS
from dev.day.checks import Checks
from dev.day.dates import FIRST_MONDAY, ZONE, later, next_monday
from dev.day.plan import plan
from dev.places import Places
from dev.processes import Trouble


def shanghai(text: str) -> datetime:
    """`03-02 09:00` of 2026 in Shanghai."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZONE)


def test_the_same_seed_gives_the_same_day() -> None:
    assert plan(42) == plan(42)
    assert plan(42) != plan(43)


@pytest.mark.parametrize("seed", [0, 1, 42, 999_999])
def test_a_day_has_24_leads_of_different_companies(seed: int) -> None:
    leads = plan(seed).leads
    assert len(leads) == len({lead.company for lead in leads}) == len({lead.external_id for lead in leads}) == 24
    courses = Counter(lead.course for lead in leads)
    assert courses.pop("worked") == 11
    assert set(courses.values()) == {1}
    assert {lead.suits for lead in leads} <= {rep.person_id for rep in REPS}
    assert all(lead.company.endswith("有限公司") and len(lead.note) >= 10 for lead in leads)


def test_a_vague_lead_says_only_what_it_is_about() -> None:
    bodies = {lead.course: lead.body for lead in plan(42).leads}
    assert [tag["dimension"] for tag in bodies["vague"]["tags"]] == ["industry", "product"]
    assert len(bodies["won"]["tags"]) == 5


def test_everybody_has_a_place() -> None:
    known, teams = {person.person_id for person in PEOPLE}, {team_id for team_id, *_ in TEAMS}
    assert {manager for manager in MANAGERS.values() if manager} <= known
    assert {head for *_, head in DEPARTMENTS} <= known
    assert {person.team for person in PEOPLE if person.team} <= teams
    assert len({person.skills["industry"] for person in REPS}) == len(REPS)


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        ("01-01 00:00", "01-05 09:00"),  # the Sunday before it is worked, but it is no part of its week
        ("03-02 09:00", "03-02 09:00"),
        ("03-02 09:01", "03-09 09:00"),
        ("03-09 17:04", "03-16 09:00"),
        ("03-28 12:00", "04-13 09:00"),  # the Monday after 03-30 is Qingming
        ("04-20 10:00", "05-11 09:00"),  # the Labour Day weeks: one has days off, the other a working Saturday
    ],
)
def test_a_day_begins_on_an_ordinary_monday(now: str, monday: str) -> None:
    assert next_monday(shanghai(now)) == shanghai(monday)


def test_the_first_day_is_the_2nd_of_march() -> None:
    assert next_monday(FIRST_MONDAY) == FIRST_MONDAY == datetime(2026, 3, 2, 1, tzinfo=UTC)


def test_a_time_is_the_next_one() -> None:
    now = shanghai("03-09 17:04")
    assert later("18:00", now) == shanghai("03-09 18:00")
    assert later("09:00", now) == shanghai("03-10 09:00")
    assert later("2026-03-13T18:00", now) == shanghai("03-13 18:00")
    with pytest.raises(Trouble, match="no time"):
        later("tomorrow", now)


def test_every_day_has_a_tenant_of_its_own(tmp_path: Path) -> None:
    places = Places(tmp_path)
    assert diary.last(places) is None
    days = [diary.begin(places, seed) for seed in (42, 42, 7)]
    assert [day.tenant for day in days] == ["demo42day1", "demo42day2", "demo7day3"]
    assert diary.last(places) == days[-1]


def test_checks_say_what_was_expected_and_found() -> None:
    checks = Checks()
    checks.equal("the right one", ["a", 1], ["a", 1])
    checks.equal("another one", [], None)
    assert [(one.expected, one.found, one.held) for one in checks] == [("a, 1", "a, 1", True), ("none", "none", False)]
    assert [one.name for one in checks.failed] == ["another one"]


def test_where_nothing_runs_one_is_told_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="make run"):
        attached(Places(tmp_path))
