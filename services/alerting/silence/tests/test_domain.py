"""When a lead is silent too long, what that records, and what ends it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from libs.events.contracts.alerting import (
    AlertOpened,
    AlertRaised,
    AlertResolved,
    AlertSettled,
    SilenceEpisodeClosed,
    SilenceEpisodeOpened,
)
from libs.events.contracts.examples.ids import DIRECTOR_SUN, LEAD_1, MANAGER_ZHOU, REP_LI, REP_WANG, TENANT
from libs.events.facts import Fact
from libs.events.testing.decisions import given
from libs.rules.documents import PublishedRule, RuleBook
from libs.service.organisation import Reach
from libs.service.people import LeaveRow
from services.alerting.alert_rules.domain import SHIPPED, SILENT, STALE, AlertRule, Limit
from services.alerting.silence.domain import CLOSE_SILENCE, OPEN_SILENCE, CloseSilence, OpenSilence, silence_due
from services.alerting.tests.story import CALENDARS, EVERYTHING, RULES, at, organisation

FRIDAY, MONDAY = at("03-06 17:00"), at("03-09 17:00:01")
SILENT_SINCE_FRIDAY = OpenSilence(
    lead_id=LEAD_1, rule_code=SILENT, company="海尔智家", rep_id=REP_LI, owned_since=FRIDAY, since=FRIDAY, due_at=MONDAY
)


def due(code: str, since: str, planned: str | None = None) -> datetime | None:
    return silence_due(SHIPPED[code], CALENDARS, REP_LI, at(since), at(planned) if planned else None)


@pytest.mark.parametrize(
    ("code", "since", "limit"),
    [
        (SILENT, "03-06 17:00", "03-09 17:00"),
        (SILENT, "02-13 17:00", "02-14 17:00"),
        (SILENT, "02-14 17:00", "02-24 17:00"),
        (STALE, "02-12 10:00", "02-24 10:00"),
        (SILENT, "04-30 17:00", "05-06 17:00"),
        (SILENT, "09-30 18:00", "10-08 18:00"),
    ],
)
def test_a_lead_is_silent_one_second_after_its_limit_on_the_workday_clock(code: str, since: str, limit: str) -> None:
    """3.4.8-1, 3.4.8-2, 3.4.8-3: at exactly the limit there is nothing yet."""
    assert due(code, since) == at(limit) + timedelta(seconds=1)


def test_a_tenant_may_count_natural_hours() -> None:
    """3.4.8-1"""
    rule = SHIPPED[SILENT].model_copy(update={"limit": Limit(hours=24, clock="wall")})
    assert silence_due(rule, CALENDARS, REP_LI, FRIDAY, None) == at("03-07 17:00:01")


def test_a_planned_next_step_counts_until_the_end_of_its_day() -> None:
    """3.4.8-5: the 12th is a Thursday, so its 24 hours are over at the end of Friday; the next second is Monday's."""
    assert due(SILENT, "03-05 09:00", planned="03-12 10:00") == at("03-16 00:00:01")


def test_a_next_step_of_the_past_postpones_nothing() -> None:
    assert due(SILENT, "03-06 17:00", planned="03-05 10:00") == MONDAY


def raised(*before: Fact, command: OpenSilence = SILENT_SINCE_FRIDAY, reach: Reach = EVERYTHING) -> AlertRaised:
    alert: AlertRaised = (
        given(OPEN_SILENCE, *before).when(command, command.due_at, CALENDARS, RULES, reach).fact(AlertRaised)
    )
    return alert


def episode() -> list[Fact]:
    facts = given(OPEN_SILENCE).when(SILENT_SINCE_FRIDAY, MONDAY, CALENDARS, RULES, EVERYTHING).facts
    return [fact for fact in facts if isinstance(fact, Fact)]


def test_a_silence_and_its_alert_are_recorded_together() -> None:
    """3.4.8-4: told to the rep and the direct supervisor at once, and marked on one board."""
    opened, alert, ledger = episode()
    assert isinstance(opened, SilenceEpisodeOpened)
    assert isinstance(alert, AlertRaised)
    assert isinstance(ledger, AlertOpened)
    assert (opened.episode, opened.since, opened.due_at, opened.late_by) == (1, FRIDAY, MONDAY, 0)
    assert alert.dedup_key == f"{TENANT}:A01:lead:{LEAD_1}"
    assert alert.recipients == [REP_LI, MANAGER_ZHOU]
    assert alert.boards == ["weekly"]
    assert alert.summary == "海尔智家: no substantive activity since 2026-03-06 17:00"
    assert ledger.alert_id == alert.alert_id


def test_the_same_silence_opens_one_episode() -> None:
    """3.4.4-1"""
    given(OPEN_SILENCE, *episode()).when(SILENT_SINCE_FRIDAY, MONDAY, CALENDARS, RULES, EVERYTHING).then()


def test_a_suspended_rule_opens_nothing() -> None:
    suspended = RuleBook(
        [PublishedRule("alert-a01", 1, "alert-rule", document=SHIPPED[SILENT].model_dump(mode="json"), suspended=True)]
    )
    given(OPEN_SILENCE).when(SILENT_SINCE_FRIDAY, MONDAY, CALENDARS, suspended, EVERYTHING).then()


def test_a_rule_of_the_tenant_replaces_the_shipped_one() -> None:
    document = SHIPPED[SILENT].model_copy(update={"recipients": ("supervisor",), "severity": "critical"})
    own = RuleBook([PublishedRule("alert-a01", 3, "alert-rule", document=document.model_dump(mode="json"))])
    alert = given(OPEN_SILENCE).when(SILENT_SINCE_FRIDAY, MONDAY, CALENDARS, own, EVERYTHING).fact(AlertRaised)
    assert (alert.recipients, alert.severity, alert.rule_refs[0].version) == ([MANAGER_ZHOU], "critical", 3)


def test_who_is_rep_and_supervisor_hears_of_it_once() -> None:
    """3.4.7: the manager's own leads go to him and, as his superior, to the head of the department."""
    own = SILENT_SINCE_FRIDAY.model_copy(update={"rep_id": DIRECTOR_SUN})
    assert raised(command=own).recipients == [DIRECTOR_SUN, "owner-he"]


def test_a_rep_on_leave_is_stood_in_for() -> None:
    """3.4.4-7"""
    leave = LeaveRow(REP_LI, "leave-1", at("03-09 00:00"), at("03-11 00:00"), REP_WANG)
    reach = Reach("deadlines", organisation=organisation(leave), at=MONDAY, everything=True)
    assert raised(reach=reach).recipients == [REP_WANG, MANAGER_ZHOU]


def test_a_new_owner_is_told_after_four_business_hours_and_the_supervisor_at_once() -> None:
    """3.4.7: the customer's clock ran on; from Monday 16:00 there are two hours left that day."""
    handed_over = SILENT_SINCE_FRIDAY.model_copy(update={"rep_id": REP_WANG, "owned_since": at("03-09 16:00")})
    alert = raised(command=handed_over)
    assert alert.recipients == [REP_WANG, MANAGER_ZHOU]
    assert alert.deferred == {REP_WANG: at("03-10 11:00")}


def closing(cause: str, ended: str, *, code: str = SILENT) -> CloseSilence:
    return CloseSilence.model_validate({"lead_id": LEAD_1, "rule_code": code, "ended_at": at(ended), "cause": cause})


def test_work_on_the_lead_ends_the_silence_and_resolves_its_alert() -> None:
    facts = given(CLOSE_SILENCE, *episode()).when(closing("activity", "03-09 18:00"), at("03-09 18:01")).facts
    closed, resolved, settled = facts
    assert isinstance(closed, SilenceEpisodeClosed)
    assert isinstance(resolved, AlertResolved)
    assert isinstance(settled, AlertSettled)
    assert (closed.cause, closed.closed_at, resolved.by, resolved.cause) == (
        "activity",
        at("03-09 18:00"),
        "condition",
        "activity",
    )


def test_work_that_was_entered_late_resolves_with_that_cause() -> None:
    """3.4.7: the episode stays on record."""
    outcome = given(CLOSE_SILENCE, *episode()).when(closing("activity", "03-09 10:00"), at("03-10 09:00"))
    assert outcome.fact(AlertResolved).cause == "late_entry"


def test_work_from_before_the_silence_ends_nothing() -> None:
    given(CLOSE_SILENCE, *episode()).when(closing("activity", "03-06 16:00"), at("03-10 09:00")).then()


def test_a_lead_that_is_closed_or_pooled_is_silent_no_longer() -> None:
    """3.4.7"""
    for cause in ("closed", "pooled"):
        outcome = given(CLOSE_SILENCE, *episode()).when(closing(cause, "03-09 18:00"), at("03-09 18:01"))
        assert outcome.fact(AlertResolved).cause == cause


def test_what_is_not_silent_cannot_be_closed() -> None:
    given(CLOSE_SILENCE).when(closing("activity", "03-09 18:00"), at("03-09 18:01")).then()
    given(CLOSE_SILENCE, *episode()).when(closing("activity", "03-09 18:00", code=STALE), at("03-09 18:01")).then()


def test_the_next_silence_is_the_next_episode() -> None:
    """3.4.4-1"""
    ended = given(CLOSE_SILENCE, *episode()).when(closing("activity", "03-09 18:00"), at("03-09 18:01")).facts
    again = SILENT_SINCE_FRIDAY.model_copy(update={"since": at("03-09 18:00"), "due_at": at("03-10 18:00:01")})
    alert = raised(*episode(), *[fact for fact in ended if isinstance(fact, Fact)], command=again)
    assert alert.episode == 2
    assert alert.alert_id != raised().alert_id


def test_a_new_silence_settles_one_whose_end_was_not_heard_of_yet() -> None:
    """3.4.4-1: never two open alerts for one lead and rule."""
    again = SILENT_SINCE_FRIDAY.model_copy(update={"since": at("03-09 18:00"), "due_at": at("03-10 18:00:01")})
    outcome = given(OPEN_SILENCE, *episode()).when(again, again.due_at, CALENDARS, RULES, EVERYTHING)
    kinds = [type(fact) for fact in outcome.facts]
    assert kinds == [
        SilenceEpisodeClosed,
        AlertResolved,
        AlertSettled,
        SilenceEpisodeOpened,
        AlertRaised,
        AlertOpened,
    ]


def test_alerts_that_were_due_in_one_minute_are_one_group() -> None:
    """3.4.8-6: fifty commands fire one after another and still make one message."""
    rule: AlertRule = SHIPPED[SILENT]
    due_at = at("05-06 17:00:01")
    groups = {rule.window("raised", due_at, due_at + timedelta(seconds=second)) for second in range(50)}
    assert groups == {("A01 raised 2026-05-06T09:00:00+00:00", at("05-06 17:02"))}
