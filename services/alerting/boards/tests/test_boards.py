"""When a weekly board is closed, and what is on it."""

from __future__ import annotations

from datetime import datetime

import pytest

from libs.events.contracts.alerting import AlertRaised, AlertResolved, BoardSnapshotTaken
from libs.events.contracts.common import Subject
from libs.events.contracts.examples.ids import MANAGER_ZHOU, REP_LI, REP_WANG, TENANT
from libs.events.deciding import Given
from libs.events.facts import Actor, Fact
from libs.events.testing.decisions import given
from libs.events.testing.folding import fold_all, recorded
from libs.rules.calendars import Calendars
from services.alerting.boards.domain import TAKE_BOARD, Mark, Marks, TakeBoard
from services.alerting.boards.projections import BOARDS, Chain, due
from services.alerting.boards.weeks import closing, monday_of, next_closing, week_after, week_of
from services.alerting.tests.story import CALENDARS, EVERYTHING, at

CHINA = CALENDARS.of(None)
GIVEN = Given(at("03-02 09:00"), TENANT, Actor(kind="timer", id="weekly-board"), consulted={Calendars: CALENDARS})


@pytest.mark.parametrize(
    ("week", "closes"),
    [
        ("2026-W07", "02-14 18:00"),
        ("2026-W08", None),
        ("2026-W09", "02-28 18:00"),
        ("2026-W10", "03-06 18:00"),
        ("2026-W38", "09-20 18:00"),
    ],
)
def test_a_board_is_closed_on_the_last_workday_of_its_week(week: str, closes: str | None) -> None:
    """3.4.5, Appendix B: working weekends count; the week of the Spring Festival has no board."""
    assert closing(CHINA, week) == (at(closes) if closes else None)


def test_weeks_follow_one_another_over_the_new_year() -> None:
    assert week_after("2026-W53") == "2027-W01"
    assert week_of(monday_of("2026-W01")) == "2026-W01"
    with pytest.raises(ValueError, match="Invalid week"):
        monday_of("2027-W53")


def test_a_week_without_workdays_is_skipped() -> None:
    """3.4.5: its items are carried over"""
    assert next_closing(CHINA, "2026-W07", at("02-10 09:00")) == at("02-28 18:00")


def test_the_first_board_closes_after_the_first_alert() -> None:
    assert next_closing(CHINA, None, at("03-04 09:00")) == at("03-06 18:00")
    assert next_closing(CHINA, None, at("03-06 18:30")) == at("03-13 18:00")


def raised(alert_id: str, lead: str, code: str, local: str, owner: str = REP_LI) -> AlertRaised:
    return AlertRaised(
        alert_id=alert_id,
        dedup_key=f"{TENANT}:{code}:lead:{lead}",
        episode=1,
        rule_code=code,
        severity="warning",
        subject=Subject(type="lead", id=lead),
        owner_id=owner,
        recipients=[owner, MANAGER_ZHOU],
        summary=f"{lead}: no substantive activity",
        group=f"{code} raised",
        boards=["weekly"],
        since=at(local),
        raised_at=at(local),
    )


def resolved(alert_id: str, local: str) -> AlertResolved:
    return AlertResolved(alert_id=alert_id, dedup_key="", by="condition", cause="activity", resolved_at=at(local))


def marks(*facts: Fact, begins: datetime | None = None, earlier: tuple[datetime, ...] = ()) -> Marks:
    rows = [row for _, _, row in fold_all(BOARDS, recorded(*facts))]
    return Marks([row for row in rows if isinstance(row, Mark)], begins, earlier)


FACTS = (
    raised("alert-1", "lead-1", "A01", "03-03 10:00"),
    raised("alert-2", "lead-1", "A02", "03-05 10:00"),
    raised("alert-3", "lead-2", "A01", "03-04 10:00", REP_WANG),
    raised("alert-4", "lead-3", "A01", "03-04 11:00"),
    resolved("alert-4", "03-05 09:00"),
    raised("alert-5", "lead-4", "A01", "02-25 10:00"),
    resolved("alert-5", "02-27 10:00"),
)
CLOSES = at("03-06 18:00")


def test_a_board_shows_each_lead_once_with_its_worst() -> None:
    """S-51, S-52"""
    items = marks(*FACTS, begins=at("02-28 18:00")).items(CLOSES)
    assert [(item.subject.id, item.band) for item in items] == [
        ("lead-1", "stale"),
        ("lead-2", "silent"),
        ("lead-3", "cleared"),
    ]


def test_an_item_stays_until_it_is_cleared_and_counts_its_weeks() -> None:
    """3.4.5"""
    later = marks(*FACTS, begins=CLOSES, earlier=(at("02-28 18:00"), CLOSES)).items(at("03-13 18:00"))
    assert [(item.subject.id, item.weeks) for item in later] == [("lead-1", 1), ("lead-2", 1)]


def test_a_board_that_is_closed_late_shows_what_was_so_when_it_was_due() -> None:
    cleared_after = marks(*FACTS, resolved("alert-3", "03-06 18:30"), begins=at("02-28 18:00"))
    taken = (
        given(TAKE_BOARD)
        .when(TakeBoard(due_at=CLOSES), at("03-06 19:00"), CALENDARS, cleared_after, EVERYTHING)
        .fact(BoardSnapshotTaken)
    )
    assert (taken.week, taken.late_by, len(taken.items)) == ("2026-W10", 3600, 3)
    assert {name: taken.figures[name] for name in ("silent", "stale", "cleared", "carried_over")} == {
        "silent": 1,
        "stale": 1,
        "cleared": 1,
        "carried_over": 0,
    }
    assert taken.figures["per_rep"][REP_WANG] == {"silent": 1, "carried_over": 0}


def test_a_board_is_frozen_once() -> None:
    command = TakeBoard(due_at=CLOSES)
    scene = given(TAKE_BOARD).when(command, CLOSES, CALENDARS, marks(*FACTS), EVERYTHING)
    taken = scene.fact(BoardSnapshotTaken)
    given(TAKE_BOARD, taken).when(command, CLOSES, CALENDARS, marks(*FACTS), EVERYTHING).then()


def test_after_a_board_the_next_one_is_due() -> None:
    def chain(*facts: Fact) -> Chain:
        return next(row for _, _, row in fold_all(BOARDS, recorded(*facts)) if isinstance(row, Chain))

    taken = BoardSnapshotTaken(board="weekly", week="2026-W10", items=[], due_at=CLOSES, fired_at=CLOSES)
    assert due(chain(*FACTS), GIVEN) == at("02-28 18:00")
    assert due(chain(*FACTS, taken), GIVEN) == due(chain(taken, *FACTS), GIVEN) == at("03-13 18:00")
    assert due(chain(taken), GIVEN) is None
