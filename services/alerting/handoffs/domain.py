"""A handoff that stands still becomes an alert to the superiors of both sides, and any progress resolves it (S-43)."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime

from libs.events.contracts.alerting import AlertingFact
from libs.events.contracts.common import Subject
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamOf
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.alerting.alert_rules.domain import (
    HANDOFF_STALLED,
    AlertRule,
    addressed,
    rule_in_force,
    stand_in,
    unique,
)
from services.alerting.alerts.domain import (
    ALERT,
    Violation,
    alert_streams,
    dedup_key,
    key_stream,
    raising,
    settling,
)
from services.alerting.escalations.domain import escalated


class RaiseStalledHandoff(Command):
    """Nobody moved the handoff since `since`; collaboration found who waits, who the other is, and their superiors."""

    handoff_id: Id
    scene: Line
    waiting_person: Id
    other_person: Id
    waiting_superior: Id | None
    other_superior: Id | None
    evidence: Id
    since: AwareDatetime
    due_at: AwareDatetime


class SettleStalledHandoff(Command):
    """The handoff moved on."""

    handoff_id: Id
    cause: Line


def streams(states: States, command: RaiseStalledHandoff | SettleStalledHandoff, given: Given) -> list[StreamOf[Any]]:
    """The alert about this handoff."""
    return alert_streams(states, _key(given, command.handoff_id))


def raise_stalled(states: States, command: RaiseStalledHandoff, given: Given) -> list[AlertingFact]:
    """A new alert; while one is open, a higher level of the same standstill goes to the people of that level."""
    rule = rule_in_force(given[RuleBook], HANDOFF_STALLED)
    if rule is None:
        return []
    open_alert = states[key_stream(_key(given, command.handoff_id))].alert_id
    if open_alert is not None:
        return _escalation(states, command, given, open_alert)
    calendar = given[Calendars].of(command.waiting_person)
    local = command.since.astimezone(calendar.zone)
    violation = Violation(
        subject=Subject(type="handoff", id=command.handoff_id),
        owner_id=command.waiting_person,
        recipients=_superiors(command, given, rule.parsed(AlertRule)),
        evidence=[command.evidence],
        summary=f"Handoff {command.scene} stands still since {local:%Y-%m-%d %H:%M}",
        since=command.since,
        due_at=command.due_at,
        calendar_version=calendar.version,
    )
    return list(raising(states, given, rule, violation))


def _superiors(command: RaiseStalledHandoff, given: Given, rule: AlertRule) -> list[str]:
    """As collaboration found them when the limit passed; the rule decides where it found none or the rule differs."""
    found = unique([command.waiting_superior, command.other_superior])
    if "both_superiors" not in rule.recipients or not found:
        return addressed(rule, given[Reach], given.now, command.waiting_person, command.other_person)
    return unique(stand_in(given[Reach], person, given.now) for person in found)


def _escalation(states: States, command: RaiseStalledHandoff, given: Given, alert_id: str) -> list[AlertingFact]:
    alert = states[ALERT.of(alert_id)]
    to = [
        stand_in(given[Reach], person, given.now)
        for person in unique([command.waiting_superior, command.other_superior])
        if person not in alert.reached
    ]
    if not to:
        return []
    return [escalated(alert, alert_id, to, "handoff-still-stalled", command.due_at, given)]


def settle_stalled(states: States, command: SettleStalledHandoff, given: Given) -> list[AlertingFact]:
    """Resolves the open alert, if there is one."""
    return settling(states, _key(given, command.handoff_id), command.cause, given.now)


def _key(given: Given, handoff_id: str) -> str:
    return dedup_key(given.tenant, HANDOFF_STALLED, "handoff", handoff_id)


RAISE_STALLED = Decider("raise-stalled-handoff", streams, raise_stalled, consults=(Reach, RuleBook, Calendars))
SETTLE_STALLED = Decider("settle-stalled-handoff", streams, settle_stalled)
