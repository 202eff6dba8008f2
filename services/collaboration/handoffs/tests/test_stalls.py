"""Silent-timeout escalation: both superiors get one brief, once an episode."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from libs.events.contracts.collaboration import (
    ClarificationAnswered,
    ClarificationAsked,
    HandoffCommented,
    HandoffPaused,
    HandoffResumed,
    HandoffStalled,
)
from libs.events.contracts.common import Elapsed
from libs.events.contracts.examples.ids import (
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    HANDOFF_1,
    MANAGER_ZHOU,
    OWNER_HE,
    REP_LI,
)
from libs.events.deciding import Given
from libs.events.facts import Actor, Fact
from libs.events.testing.decisions import Outcome, given
from libs.events.testing.instants import shanghai
from libs.rules.calendars import Calendar, CalendarDocument, Calendars, shipped_calendar
from libs.rules.documents import RuleBook
from libs.service.people import ReportingRow
from services.collaboration.handoffs.commands import PauseHandoff
from services.collaboration.handoffs.course import HANDOFF, Course
from services.collaboration.handoffs.pausing import PAUSE
from services.collaboration.handoffs.stalls import STALL, attempt, due
from services.collaboration.handoffs.tests.story import accepted, delivered, drafted, returned, submitted
from services.collaboration.tests.people import LONG_AGO, NOON, ORGANISATION, asks

MORNING = shanghai("2026-03-02 09:00")
DRAFTED = drafted(MORNING)


def course(*facts: Fact) -> Course:
    state = HANDOFF.initial
    for fact in (DRAFTED[0], *facts):
        state = HANDOFF.evolve(state, fact)
    return state


def stalls(*facts: Fact, calendars: Calendars | None = None) -> datetime | None:
    consulted = {Calendars: calendars or Calendars.default(), RuleBook: RuleBook()}
    return due(course(*facts), Given(NOON, "demotenant", Actor(kind="timer", id="timer"), consulted=consulted))


def fired(*facts: Fact, at: datetime | None = None, rows: Any = ORGANISATION) -> Outcome:
    due_at = stalls(*facts)
    assert due_at is not None
    command = attempt(HANDOFF_1, course(*facts), due_at).command
    return asks(given(STALL, DRAFTED[0], *facts), "timer", command, at or due_at, rows)


def asked(at: datetime, side: Any = "receiver") -> ClarificationAsked:
    person = DELIVERY_QIAN if side == "receiver" else REP_LI
    return ClarificationAsked(
        handoff_id=HANDOFF_1, clarification_id="c1", side=side, question="Which budget?", asked_by=person, asked_at=at
    )


def answered(at: datetime) -> ClarificationAnswered:
    nothing = Elapsed(wall=0, workday=0, business=0)
    return ClarificationAnswered(
        handoff_id=HANDOFF_1,
        clarification_id="c1",
        answer="80,000",
        answered_by=REP_LI,
        answered_at=at,
        elapsed=nothing,
    )


def comment(at: datetime, *, content: bool) -> HandoffCommented:
    return HandoffCommented(
        handoff_id=HANDOFF_1, text="We look at it.", content=content, commented_by=DELIVERY_QIAN, commented_at=at
    )


def paused(at: datetime) -> HandoffPaused:
    return HandoffPaused(handoff_id=HANDOFF_1, reason_code="later_start_agreed", paused_by=REP_LI, paused_at=at)


def resumed(at: datetime) -> HandoffResumed:
    return HandoffResumed(handoff_id=HANDOFF_1, resumed_by=REP_LI, resumed_at=at)


def test_a_submission_on_friday_stalls_on_the_working_saturday_and_both_superiors_get_one_brief() -> None:
    """3.3.8-2"""
    outcome = fired(submitted(shanghai("2026-02-27 17:00")))
    stalled = outcome.fact(HandoffStalled)
    assert stalled.due_at == stalled.fired_at == shanghai("2026-02-28 10:00:01")
    assert (stalled.waiting_person, stalled.other_person) == (DELIVERY_QIAN, REP_LI)
    assert (stalled.waiting_superior, stalled.other_superior) == (DELIVERY_HEAD_WU, MANAGER_ZHOU)
    assert (stalled.silent_for, stalled.late_by, stalled.level) == (7201, 0, 1)
    assert stalled.brief["missing"] == ["acceptance"]
    assert stalled.brief["notified"] == [DELIVERY_HEAD_WU, MANAGER_ZHOU]


def test_a_calendar_without_working_weekends_would_say_monday() -> None:
    """3.3.8-2"""
    plain_week = Calendar(CalendarDocument(calendar_id="plain", version="1", zone="Asia/Shanghai"))
    calendars = Calendars({"plain": plain_week}, "plain")
    assert stalls(submitted(shanghai("2026-02-27 17:00")), calendars=calendars) == shanghai("2026-03-02 10:00:01")


@pytest.mark.parametrize(
    ("at", "due_at"),
    [
        ("2026-02-14 17:00", "2026-02-24 10:00:01"),
        ("2026-09-18 17:30", "2026-09-20 10:30:01"),
        ("2026-03-02 12:30", "2026-03-02 15:30:01"),
    ],
)
def test_festivals_working_sundays_and_lunch_are_reckoned_with(at: str, due_at: str) -> None:
    """3.3.8-3, 3.3.8-4, 3.3.8-5"""
    assert fired(submitted(shanghai(at))).fact(HandoffStalled).fired_at == shanghai(due_at)


def test_at_exactly_two_hours_nothing_fires() -> None:
    """3.3.8-5: strictly more than two hours"""
    fired(submitted(shanghai("2026-03-02 12:30")), at=shanghai("2026-03-02 15:30")).then()


def test_an_acceptance_a_minute_before_leaves_nothing_to_report() -> None:
    """3.3.8-6"""
    facts = submitted(MORNING), accepted(shanghai("2026-03-02 10:59"))
    due_at = stalls(facts[0])
    assert due_at == shanghai("2026-03-02 11:00:01")
    command = attempt(HANDOFF_1, course(facts[0]), due_at).command
    asks(given(STALL, DRAFTED[0], *facts), "timer", command, due_at).then()
    assert stalls(*facts) == shanghai("2026-03-02 14:29:01")


def test_a_return_starts_the_senders_clock_at_zero() -> None:
    """3.3.8-6, 3.3.3-5"""
    facts = submitted(MORNING), returned(shanghai("2026-03-02 10:30"))
    stalled = fired(*facts).fact(HandoffStalled)
    assert stalled.fired_at == shanghai("2026-03-02 14:00:01")
    assert (stalled.waiting_person, stalled.waiting_superior) == (REP_LI, MANAGER_ZHOU)
    assert stalled.brief["missing"] == ["touch_records", "submission"]


def test_the_clock_is_that_of_the_person_whose_turn_it_is() -> None:
    """3.3.3-3, 3.3.7"""
    plain_week = Calendar(CalendarDocument(calendar_id="plain", version="1", zone="Asia/Shanghai"))
    china = shipped_calendar()
    calendars = Calendars(
        {"plain": plain_week, china.calendar_id: china}, china.calendar_id, of_person={DELIVERY_QIAN: "plain"}
    )
    sent = submitted(shanghai("2026-02-27 17:00"))
    assert stalls(sent, calendars=calendars) == shanghai("2026-03-02 10:00:01")
    assert stalls(sent, returned(shanghai("2026-02-27 17:00")), calendars=calendars) == shanghai("2026-02-28 10:00:01")


def test_a_question_hands_the_turn_to_the_side_that_was_asked() -> None:
    """3.3.3-3"""
    facts: list[Fact] = [submitted(MORNING), asked(shanghai("2026-03-02 10:00"))]
    stalled = fired(*facts).fact(HandoffStalled)
    assert (stalled.fired_at, stalled.waiting_person) == (shanghai("2026-03-02 13:30:01"), REP_LI)
    assert stalled.brief["missing"] == ["answer:c1", "acceptance"]
    assert course(*facts, answered(shanghai("2026-03-02 11:00"))).waiting_for == "receiver"
    assert stalls(*facts, answered(shanghai("2026-03-02 11:00"))) == shanghai("2026-03-02 14:30:01")


def test_only_a_comment_with_content_is_progress() -> None:
    """3.3.3-3"""
    at = shanghai("2026-03-02 10:00")
    assert stalls(submitted(MORNING), comment(at, content=False)) == shanghai("2026-03-02 11:00:01")
    assert stalls(submitted(MORNING), comment(at, content=True)) == shanghai("2026-03-02 13:30:01")


def test_each_level_of_an_episode_is_reported_once() -> None:
    """3.3.3-3, 3.3.4"""
    sent = submitted(MORNING)
    first = fired(sent).fact(HandoffStalled)
    command = attempt(HANDOFF_1, course(sent), first.due_at).command
    asks(given(STALL, DRAFTED[0], sent, first), "timer", command, first.due_at + timedelta(minutes=5)).then()
    second = fired(sent, first).fact(HandoffStalled)
    assert (second.level, second.fired_at) == (2, shanghai("2026-03-02 16:30:01"))
    assert (second.waiting_superior, second.other_superior) == (DELIVERY_HEAD_WU, "director-sun")
    third = fired(sent, first, second).fact(HandoffStalled)
    assert (third.level, third.fired_at) == (3, shanghai("2026-03-03 16:30:01"))
    assert third.waiting_superior == third.other_superior == OWNER_HE
    assert stalls(sent, first, second, third) is None


def test_after_progress_a_new_episode_is_reported_again() -> None:
    """3.3.3-3"""
    sent = submitted(MORNING)
    first = fired(sent).fact(HandoffStalled)
    again = fired(sent, first, comment(shanghai("2026-03-02 14:00"), content=True)).fact(HandoffStalled)
    assert (again.level, again.episode, again.fired_at) == (1, 2, shanghai("2026-03-02 16:00:01"))


def test_one_superior_of_both_gets_one_brief_marked_both_sides() -> None:
    """3.3.7"""
    rows = [*ORGANISATION, ReportingRow(DELIVERY_QIAN, LONG_AGO + timedelta(days=1), MANAGER_ZHOU)]
    brief = fired(submitted(MORNING), rows=rows).fact(HandoffStalled).brief
    assert (brief["notified"], brief["both_sides"]) == ([MANAGER_ZHOU], True)


def test_superiors_are_those_of_the_moment_it_fires() -> None:
    """Appendix C 4"""
    rows = [*ORGANISATION, ReportingRow(DELIVERY_QIAN, shanghai("2026-03-02 10:00"), "director-sun")]
    assert fired(submitted(MORNING), rows=rows).fact(HandoffStalled).waiting_superior == "director-sun"


def test_firing_late_is_recorded() -> None:
    late = fired(submitted(MORNING), at=shanghai("2026-03-02 12:00:01")).fact(HandoffStalled)
    assert (late.due_at, late.late_by) == (shanghai("2026-03-02 11:00:01"), 3600)


def test_delivery_hands_the_turn_to_the_sender() -> None:
    facts = submitted(MORNING), accepted(MORNING), delivered(shanghai("2026-03-02 10:00"))
    assert fired(*facts).fact(HandoffStalled).waiting_person == REP_LI


def test_waiting_for_a_customer_needs_evidence() -> None:
    """3.3.3-4"""
    scene = given(PAUSE, *DRAFTED, submitted(MORNING))
    bare = PauseHandoff(handoff_id=HANDOFF_1, reason_code="waiting_for_customer")
    asks(scene, DELIVERY_QIAN, bare, MORNING).then_rejected("VALIDATION")
    shown = bare.model_copy(update={"evidence": "mail of 2 March"})
    asks(scene, DELIVERY_QIAN, shown, MORNING).fact(HandoffPaused)


def test_a_fourth_pause_is_refused() -> None:
    """3.3.3-4"""
    three = [
        fact
        for hour in (9, 10, 11)
        for fact in (paused(shanghai(f"2026-03-02 {hour:02}:00")), resumed(shanghai(f"2026-03-02 {hour:02}:10")))
    ]
    fourth = PauseHandoff(handoff_id=HANDOFF_1, reason_code="later_start_agreed")
    scene = given(PAUSE, *DRAFTED, submitted(MORNING), *three)
    asks(scene, DELIVERY_QIAN, fourth, NOON).then_rejected("CONFLICT_STATE")


def test_a_pause_stops_the_silence_and_its_allowance_of_five_workdays_ends_it() -> None:
    """3.3.3-4"""
    short = paused(shanghai("2026-03-02 10:00")), resumed(shanghai("2026-03-02 11:00"))
    assert stalls(submitted(MORNING), *short) == shanghai("2026-03-02 13:30:01")
    for_ever = paused(shanghai("2026-03-02 10:00"))
    assert stalls(submitted(MORNING), for_ever) == shanghai("2026-03-09 11:00:01")
    asks(
        given(PAUSE, *DRAFTED, submitted(MORNING), for_ever, resumed(shanghai("2026-03-10 09:00"))),
        DELIVERY_QIAN,
        PauseHandoff(handoff_id=HANDOFF_1, reason_code="later_start_agreed"),
        shanghai("2026-03-10 09:30"),
    ).then_rejected("CONFLICT_STATE")
