"""Alerts as they are looked up, and when somebody must have taken care of one."""

from __future__ import annotations

from libs.events.contracts.alerting import AlertAcknowledged, AlertFeedbackGiven
from libs.events.contracts.examples.ids import ALERT_1, DIRECTOR_SUN, MANAGER_ZHOU, REP_LI, TENANT
from libs.events.deciding import Given
from libs.events.facts import Actor, Fact
from libs.events.testing.folding import fold_all, recorded
from libs.rules.calendars import Calendars
from libs.rules.documents import PublishedRule, RuleBook
from services.alerting.alert_rules.domain import SHIPPED, SILENT, STALE
from services.alerting.alerts.projections import ALERTS, AlertRow, ack_due, escalation_due
from services.alerting.escalations.tests.test_domain import RAISED, RESOLVED, TEN, acknowledged, escalated
from services.alerting.tests.story import CALENDARS, RULES, at

STALE_RAISED = RAISED.model_copy(update={"rule_code": STALE})


def given_rules(rules: RuleBook = RULES) -> Given:
    return Given(TEN, TENANT, Actor(id="timer"), consulted={Calendars: CALENDARS, RuleBook: rules})


def after(*facts: Fact) -> AlertRow:
    ((_, _, row),) = fold_all(ALERTS, recorded(*facts))
    assert isinstance(row, AlertRow)
    return row


def test_an_alert_goes_from_firing_to_acknowledged_to_resolved() -> None:
    assert after(RAISED).state == "firing"
    cared_for = after(RAISED, acknowledged(TEN))
    assert (cared_for.state, cared_for.ack_by, cared_for.ack_until) == ("acknowledged", REP_LI, TEN)
    done = after(RAISED, acknowledged(TEN), RESOLVED)
    assert (done.state, done.cause, done.version) == ("resolved", "activity", 3)


def test_everybody_who_was_told_can_find_it() -> None:
    assert after(RAISED, escalated(1, DIRECTOR_SUN)).reached == [REP_LI, MANAGER_ZHOU, DIRECTOR_SUN]


def test_the_last_verdict_of_each_person_stands() -> None:
    verdicts = [
        AlertFeedbackGiven(alert_id=ALERT_1, verdict=verdict, by=REP_LI, given_at=TEN) for verdict in ("late", "useful")
    ]
    assert [one["verdict"] for one in after(RAISED, *verdicts).verdicts or []] == ["useful"]


def test_an_acknowledgement_passes_when_it_said_so() -> None:
    """3.4.8-10"""
    due = ack_due((SILENT,))
    assert due(after(RAISED, acknowledged(TEN)), given_rules()) == TEN
    assert due(after(RAISED), given_rules()) is None
    assert due(after(RAISED, acknowledged(TEN), RESOLVED), given_rules()) is None
    renewed = AlertAcknowledged(
        alert_id=ALERT_1, by=REP_LI, until=at("03-11 10:00"), next_action="visit", acknowledged_at=at("03-10 09:00")
    )
    assert due(after(RAISED, acknowledged(TEN), renewed), given_rules()) == at("03-11 10:00")


def test_a_stale_lead_that_nobody_answers_for_goes_up_after_a_workday() -> None:
    due = escalation_due((SILENT, STALE))
    assert due(after(STALE_RAISED), given_rules()) == at("03-10 17:00:01")
    assert due(after(STALE_RAISED, escalated(1, DIRECTOR_SUN)), given_rules()) is None
    assert due(after(STALE_RAISED, acknowledged(TEN)), given_rules()) is None
    assert due(after(RAISED), given_rules()) is None


def test_an_alert_keeps_the_version_it_was_raised_under() -> None:
    """3.4.7"""
    slower = SHIPPED[STALE].model_copy(update={"escalation": ()})
    book = RuleBook([PublishedRule("alert-a02", 1, "alert-rule", document=slower.model_dump(mode="json"))])
    due = escalation_due((STALE,))
    assert due(after(STALE_RAISED), given_rules(book)) == at("03-10 17:00:01")
