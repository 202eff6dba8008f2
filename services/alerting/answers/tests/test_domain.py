"""Acknowledging, resolving and judging an alert."""

from __future__ import annotations

from datetime import datetime

import pytest

from libs.events.contracts.alerting import (
    AlertAcknowledged,
    AlertFeedbackGiven,
    AlertOpened,
    AlertResolved,
    AlertSettled,
)
from libs.events.contracts.examples.ids import ALERT_1, DELIVERY_QIAN, MANAGER_ZHOU, REP_LI, REP_WANG
from libs.events.errors import NotFound
from libs.events.facts import Actor, Fact
from libs.events.testing.decisions import Outcome, given
from services.alerting.alerts.domain import key_stream
from services.alerting.answers.domain import (
    ACKNOWLEDGE,
    GIVE_FEEDBACK,
    RESOLVE,
    AcknowledgeAlert,
    GiveFeedback,
    ResolveAlert,
)
from services.alerting.escalations.tests.test_domain import RAISED, RESOLVED
from services.alerting.tests.story import CALENDARS, RULES, at, reach_of

KEY_HASH = key_stream(RAISED.dedup_key).name.removeprefix("alert-key-")
OPENED = AlertOpened(key_hash=KEY_HASH, alert_id=ALERT_1, episode=1)
FIVE = at("03-09 17:05")


def acknowledging(until: datetime, *before: Fact, by: str = REP_LI, next_action: str = "call tomorrow") -> Outcome:
    command = AcknowledgeAlert(alert_id=ALERT_1, until=until, next_action=next_action)
    return given(ACKNOWLEDGE, RAISED, *before).when(command, FIVE, CALENDARS, RULES, reach_of(by), actor=Actor(id=by))


def test_an_alert_is_acknowledged_with_a_next_action_until_a_time() -> None:
    """3.4.8-10"""
    assert acknowledging(at("03-10 10:00")).fact(AlertAcknowledged) == AlertAcknowledged(
        alert_id=ALERT_1, by=REP_LI, until=at("03-10 10:00"), next_action="call tomorrow", acknowledged_at=FIVE
    )


def test_an_acknowledgement_lasts_three_workdays_at_most() -> None:
    """3.4.4-5"""
    assert acknowledging(at("03-12 17:05")).facts
    refusal = acknowledging(at("03-12 17:05:01")).then_rejected("VALIDATION")
    assert refusal.details["latest"] == at("03-12 17:05").isoformat()
    acknowledging(FIVE).then_rejected("VALIDATION")


def test_an_acknowledgement_says_what_will_be_done() -> None:
    """3.4.4-5"""
    acknowledging(at("03-10 10:00"), next_action="  ").then_rejected("VALIDATION")


def test_what_is_resolved_needs_no_care() -> None:
    acknowledging(at("03-10 10:00"), RESOLVED).then_rejected("CONFLICT_STATE")


def test_the_supervisor_may_answer_and_a_colleague_does_not_see_it() -> None:
    assert acknowledging(at("03-10 10:00"), by=MANAGER_ZHOU).facts
    for stranger in (REP_WANG, DELIVERY_QIAN):
        with pytest.raises(NotFound):
            acknowledging(at("03-10 10:00"), by=stranger)


def test_a_person_resolves_an_alert_and_frees_its_key() -> None:
    command = ResolveAlert(alert_id=ALERT_1, cause="the customer asked us to wait")
    scene = given(RESOLVE, RAISED, OPENED)
    resolved, settled = scene.when(command, FIVE, reach_of(MANAGER_ZHOU), actor=Actor(id=MANAGER_ZHOU)).facts
    assert isinstance(resolved, AlertResolved)
    assert (resolved.by, resolved.person_id) == ("person", MANAGER_ZHOU)
    assert settled == AlertSettled(key_hash=KEY_HASH, alert_id=ALERT_1)
    given(RESOLVE, RAISED, OPENED, resolved, settled).when(command, FIVE, reach_of(MANAGER_ZHOU)).then()


def test_the_same_verdict_is_recorded_once() -> None:
    command = GiveFeedback(alert_id=ALERT_1, verdict="false", comment="we had met them")
    scene = given(GIVE_FEEDBACK, RAISED).when(command, FIVE, reach_of(REP_LI), actor=Actor(id=REP_LI))
    verdict = scene.fact(AlertFeedbackGiven)
    assert (verdict.verdict, verdict.by) == ("false", REP_LI)
    given(GIVE_FEEDBACK, RAISED, verdict).when(command, FIVE, reach_of(REP_LI), actor=Actor(id=REP_LI)).then()
