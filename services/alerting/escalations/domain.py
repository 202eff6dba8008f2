"""An alert that nobody took care of, or no longer does, goes up the reporting line (3.4.8-10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime

from libs.events.contracts.alerting import AckExpired, AlertEscalated, AlertingFact
from libs.events.deciding import Command, Decider, Given, Id, States, StreamOf
from libs.events.errors import NotFound
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.alerting.alert_rules.domain import rule_as_of, stand_in, unique
from services.alerting.alerts.domain import ALERT, Alert, late_by


class ExpireAck(Command):
    """The acknowledgement that lasted until `due_at` passed."""

    alert_id: Id
    due_at: AwareDatetime


class EscalateAlert(Command):
    """Nobody has acknowledged the alert since it was told at `level`."""

    alert_id: Id
    level: int
    due_at: AwareDatetime


def streams(states: States, command: ExpireAck | EscalateAlert, given: Given) -> list[StreamOf[Any]]:
    """The alert alone."""
    return [ALERT.of(command.alert_id)]


def expire_ack(states: States, command: ExpireAck, given: Given) -> list[AlertingFact]:
    """The alert fires again one level higher; an acknowledgement that was renewed meanwhile has not expired."""
    alert = _raised(states, command.alert_id)
    if alert.resolved or alert.ack is None or alert.ack[1] != command.due_at:
        return []
    expired = AckExpired(
        alert_id=command.alert_id,
        due_at=command.due_at,
        fired_at=given.now,
        late_by=late_by(command.due_at, given.now),
    )
    return [expired, escalated(alert, command.alert_id, one_higher(alert, given), "ack-expired", command.due_at, given)]


def escalate(states: States, command: EscalateAlert, given: Given) -> list[AlertingFact]:
    """The next superior hears of it, unless somebody takes care of it or there is nobody higher."""
    alert = _raised(states, command.alert_id)
    if alert.resolved or alert.ack is not None or alert.level != command.level:
        return []
    return [escalated(alert, command.alert_id, one_higher(alert, given), "unacknowledged", command.due_at, given)]


def one_higher(alert: Alert, given: Given) -> list[str]:
    """The superiors of all who have been told and have not been told themselves; at the top, those told last."""
    reach = given[Reach]
    above = [reach.superior_of(person) for person in alert.reached]
    new = unique(person for person in above if person not in alert.reached)
    return unique(stand_in(reach, person, given.now) for person in new) or list(alert.last_told)


def escalated(
    alert: Alert, alert_id: str, to: list[str], reason: str, due_at: datetime, given: Given
) -> AlertEscalated:
    """The next level of an alert; those it goes to get it in one message with others that were due with it."""
    level = alert.level + 1
    rule = rule_as_of(given[RuleBook], alert.rule_code, alert.rule)
    group, notify_at = rule.window(f"escalated-{level}", due_at, given.now)
    return AlertEscalated(
        alert_id=alert_id,
        level=level,
        to=to,
        reason=reason,
        rule_code=alert.rule_code,
        summary=alert.summary,
        group=group,
        notify_at=notify_at,
        due_at=due_at,
        escalated_at=given.now,
        late_by=late_by(due_at, given.now),
    )


def _raised(states: States, alert_id: str) -> Alert:
    alert = states[ALERT.of(alert_id)]
    if not alert.rule_code:
        raise NotFound("alert", alert_id)
    return alert


EXPIRE_ACK = Decider("expire-ack", streams, expire_ack, consults=(Reach, RuleBook))
ESCALATE = Decider("escalate-alert", streams, escalate, consults=(Reach, RuleBook))
