"""Since when a lead is quiet, and when that is too long."""

from __future__ import annotations

import itertools
from datetime import datetime

from libs.events.contracts.alerting import SilenceEpisodeOpened
from libs.events.contracts.examples.ids import LEAD_1, POOL, REP_LI, REP_WANG, TENANT
from libs.events.contracts.lead_routing import (
    LeadActivityRecorded,
    LeadAssigned,
    LeadClaimed,
    LeadDisqualified,
    LeadPooled,
    LeadReassigned,
    LeadReopened,
)
from libs.events.deciding import Given
from libs.events.facts import Actor, Channel, Fact
from libs.events.projecting import Group
from libs.events.testing.folding import fold_all, recorded
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from services.alerting.alert_rules.domain import SILENT
from services.alerting.silence.domain import OpenSilence
from services.alerting.silence.projections import SILENCES, LeadSilence, due_of, fire_of
from services.alerting.silence.reactions import LAST_ENDINGS, react
from services.alerting.tests.story import CALENDARS, RULES, TIMER, at

GIVEN = Given(at("03-09 17:00"), TENANT, Actor(id=TIMER.id), consulted={Calendars: CALENDARS, RuleBook: RULES})


def assigned(local: str, rep: str = REP_LI) -> LeadAssigned:
    return LeadAssigned(lead_id=LEAD_1, rep_id=rep, mode="auto", assigned_at=at(local))


def activity(local: str, *, substantive: bool = True, planned: str | None = None) -> LeadActivityRecorded:
    return LeadActivityRecorded(
        lead_id=LEAD_1,
        rep_id=REP_LI,
        activity_id=f"activity-{local}",
        kind="call",
        substantive=substantive,
        next_step_due=at(planned) if planned else None,
        happened_at=at(local),
    )


def handed_over(local: str) -> LeadReassigned:
    return LeadReassigned(lead_id=LEAD_1, from_rep=REP_LI, to_rep=REP_WANG, cause="manual", reassigned_at=at(local))


def opened(since: str) -> SilenceEpisodeOpened:
    return SilenceEpisodeOpened(
        lead_id=LEAD_1,
        rep_id=REP_LI,
        rule_code=SILENT,
        episode=1,
        since=at(since),
        due_at=at("03-09 17:00:01"),
        fired_at=at("03-09 17:00:01"),
    )


def lead_after(*facts: Fact, channel: Channel = "api") -> LeadSilence:
    ((_, _, row),) = fold_all(SILENCES, recorded(*facts, channel=channel))
    assert isinstance(row, LeadSilence)
    return row


def silent_at(*facts: Fact, channel: Channel = "api") -> datetime | None:
    return due_of(SILENT)(lead_after(*facts, channel=channel), GIVEN)


def test_the_last_substantive_activity_counts() -> None:
    """3.4.8-1, S-50"""
    assert silent_at(assigned("03-05 09:00"), activity("03-06 17:00")) == at("03-09 17:00:01")
    idle = activity("03-07 09:00", substantive=False)
    assert silent_at(assigned("03-05 09:00"), activity("03-06 17:00"), idle) == at("03-09 17:00:01")


def test_a_lead_that_was_never_worked_on_is_quiet_since_a_rep_has_it() -> None:
    assert silent_at(assigned("03-06 17:00")) == at("03-09 17:00:01")


def test_a_planned_next_step_postpones_the_alert() -> None:
    """3.4.8-5"""
    assert silent_at(assigned("03-05 09:00"), activity("03-06 17:00", planned="03-12 10:00")) == at("03-16 00:00:01")


def test_the_customers_clock_runs_on_when_the_owner_changes() -> None:
    """3.4.7: at hour 23"""
    facts = (assigned("03-05 09:00"), activity("03-06 17:00"), handed_over("03-09 16:00"))
    assert silent_at(*facts) == at("03-09 17:00:01")
    command = fire_of(SILENT)(lead_after(*facts), at("03-09 17:00:01")).command
    assert isinstance(command, OpenSilence)
    assert (command.rep_id, command.owned_since, command.since) == (REP_WANG, at("03-09 16:00"), at("03-06 17:00"))


def test_a_claim_from_a_pool_starts_the_clock_anew() -> None:
    pooled = LeadPooled(lead_id=LEAD_1, pool_id=POOL, cause="recycled", pooled_at=at("03-02 09:00"))
    claimed = LeadClaimed(lead_id=LEAD_1, rep_id=REP_WANG, pool_id=POOL, claimed_at=at("03-06 17:00"), quota_after=1)
    assert silent_at(assigned("02-26 09:00"), pooled) is None
    assert silent_at(assigned("02-26 09:00"), pooled, claimed) == at("03-09 17:00:01")


def test_a_closed_lead_is_not_watched_until_somebody_has_it_again() -> None:
    closed = LeadDisqualified(lead_id=LEAD_1, reason_code="no budget", disqualified_at=at("03-03 09:00"))
    reopened = LeadReopened(lead_id=LEAD_1, reason="budget found", reopened_at=at("03-06 16:00"))
    assert silent_at(assigned("03-02 09:00"), closed) is None
    assert silent_at(assigned("03-02 09:00"), closed, reopened) is None
    assert silent_at(assigned("03-02 09:00"), closed, reopened, assigned("03-06 17:00")) == at("03-09 17:00:01")


def test_history_that_was_imported_raises_no_alert() -> None:
    """3.4.7: channel migration"""
    assert silent_at(assigned("03-05 09:00"), activity("03-06 17:00"), channel="migration") is None


def test_one_silence_fires_once_and_the_next_one_again() -> None:
    """3.4.4-1"""
    facts = (assigned("03-05 09:00"), activity("03-06 17:00"), opened("03-06 17:00"))
    assert silent_at(*facts) is None
    assert silent_at(*facts, activity("03-09 18:00")) == at("03-10 18:00:01")


def test_facts_of_other_streams_may_come_in_any_order() -> None:
    own = [assigned("03-05 09:00"), activity("03-06 17:00")]
    stale = opened("03-06 17:00").model_copy(update={"rule_code": "A02"})
    results = [
        fold_all(SILENCES, recorded(*order))
        for order in itertools.permutations([*own, opened("03-06 17:00"), stale])
        if order.index(own[0]) < order.index(own[1])
    ]
    assert all(result == results[0] for result in results)


def test_work_on_a_lead_closes_its_episodes_of_both_rules() -> None:
    (one,) = recorded(activity("03-09 18:00"))
    assert [attempt.target for attempt in react(one, Group(LEAD_1))] == ["A01", "A02"]
    (idle,) = recorded(activity("03-09 18:00", substantive=False))
    assert react(idle, Group(LEAD_1)) == []


def test_an_episode_that_opens_after_its_end_is_closed_at_once() -> None:
    ((_, _, ending),) = fold_all(LAST_ENDINGS, recorded(activity("03-09 17:00:01")))
    (one,) = recorded(opened("03-06 17:00"))
    assert [attempt.target for attempt in react(one, Group(LEAD_1, (ending,)))] == [SILENT]
    (later,) = recorded(opened("03-10 09:00"))
    assert react(later, Group(LEAD_1, (ending,))) == []
