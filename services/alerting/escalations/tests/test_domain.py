"""When an alert goes up, and to whom."""

from __future__ import annotations

from datetime import datetime

from libs.events.contracts.alerting import AckExpired, AlertAcknowledged, AlertEscalated, AlertRaised, AlertResolved
from libs.events.contracts.common import Subject
from libs.events.contracts.examples.ids import (
    ALERT_1,
    DIRECTOR_SUN,
    LEAD_1,
    MANAGER_ZHOU,
    OWNER_HE,
    REP_LI,
)
from libs.events.testing.decisions import given
from services.alerting.escalations.domain import ESCALATE, EXPIRE_ACK, EscalateAlert, ExpireAck
from services.alerting.tests.story import EVERYTHING, RULES, at

RAISED = AlertRaised(
    alert_id=ALERT_1,
    dedup_key=f"demotenant:A01:lead:{LEAD_1}",
    episode=1,
    rule_code="A01",
    severity="warning",
    subject=Subject(type="lead", id=LEAD_1),
    owner_id=REP_LI,
    recipients=[REP_LI, MANAGER_ZHOU],
    summary="a company: no substantive activity since 2026-03-06 17:00",
    group="A01 raised 2026-03-09T09:00:00+00:00",
    raised_at=at("03-09 17:00:01"),
)
RESOLVED = AlertResolved(
    alert_id=ALERT_1,
    dedup_key=RAISED.dedup_key,
    by="condition",
    cause="activity",
    resolved_at=at("03-10 09:30"),
)
TEN = at("03-10 10:00")


def acknowledged(until: datetime) -> AlertAcknowledged:
    return AlertAcknowledged(
        alert_id=ALERT_1,
        by=REP_LI,
        until=until,
        next_action="will call tomorrow 10:00",
        acknowledged_at=at("03-09 17:05"),
    )


def escalated(level: int, *to: str) -> AlertEscalated:
    return AlertEscalated(alert_id=ALERT_1, level=level, to=list(to), reason="unacknowledged", escalated_at=TEN)


def test_an_acknowledgement_that_passes_without_work_fires_again_one_level_higher() -> None:
    """3.4.8-10: rep and supervisor knew, so it is the head of the department who hears of it."""
    facts = given(EXPIRE_ACK, RAISED, acknowledged(TEN)).when(
        ExpireAck(alert_id=ALERT_1, due_at=TEN), TEN, EVERYTHING, RULES
    )
    assert facts.fact(AckExpired).due_at == TEN
    higher = facts.fact(AlertEscalated)
    assert (higher.level, higher.to, higher.reason) == (1, [DIRECTOR_SUN], "ack-expired")
    assert (higher.group, higher.notify_at) == ("A01 escalated-1 2026-03-10T02:00:00+00:00", at("03-10 10:02"))


def test_an_acknowledgement_that_was_renewed_does_not_expire() -> None:
    scene = given(EXPIRE_ACK, RAISED, acknowledged(TEN), acknowledged(at("03-11 10:00")))
    scene.when(ExpireAck(alert_id=ALERT_1, due_at=TEN), TEN, EVERYTHING, RULES).then()


def test_a_resolved_alert_stays_where_it_is() -> None:
    scene = given(EXPIRE_ACK, RAISED, acknowledged(TEN), RESOLVED)
    scene.when(ExpireAck(alert_id=ALERT_1, due_at=TEN), TEN, EVERYTHING, RULES).then()
    scene = given(ESCALATE, RAISED, RESOLVED)
    scene.when(EscalateAlert(alert_id=ALERT_1, level=0, due_at=TEN), TEN, EVERYTHING, RULES).then()


def test_an_alert_nobody_answers_goes_up_the_line_until_its_end() -> None:
    command = EscalateAlert(alert_id=ALERT_1, level=1, due_at=TEN)
    scene = given(ESCALATE, RAISED, escalated(1, DIRECTOR_SUN))
    assert scene.when(command, TEN, EVERYTHING, RULES).fact(AlertEscalated).to == [OWNER_HE]
    scene = given(ESCALATE, RAISED, escalated(1, DIRECTOR_SUN), escalated(2, OWNER_HE))
    assert scene.when(command.model_copy(update={"level": 2}), TEN, EVERYTHING, RULES).fact(AlertEscalated).to == [
        OWNER_HE
    ]


def test_an_alert_that_somebody_takes_care_of_does_not_escalate() -> None:
    command = EscalateAlert(alert_id=ALERT_1, level=0, due_at=TEN)
    given(ESCALATE, RAISED, acknowledged(at("03-11 10:00"))).when(command, TEN, EVERYTHING, RULES).then()


def test_a_level_is_left_once() -> None:
    command = EscalateAlert(alert_id=ALERT_1, level=0, due_at=TEN)
    given(ESCALATE, RAISED, escalated(1, DIRECTOR_SUN)).when(command, TEN, EVERYTHING, RULES).then()
