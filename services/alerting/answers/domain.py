"""What people answer to an alert: that they take care of it, that it is dealt with, whether it was of use."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from libs.events.contracts.alerting import AlertAcknowledged, AlertFeedbackGiven, AlertingFact
from libs.events.deciding import Command, Decider, Given, Id, States, StreamOf, Text
from libs.events.errors import NotFound, Rejected
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.alerting.alert_rules.domain import rule_as_of
from services.alerting.alerts.domain import ALERT, Alert, key_stream, settling

Verdict = Literal["useful", "false", "late"]
Sentence = Annotated[Text, Field(min_length=1, max_length=2_000)]


class OnAlert(Command):
    """Names the alert."""

    alert_id: Id


class AcknowledgeAlert(OnAlert):
    """Take care of an alert: it stays silent until then."""

    until: AwareDatetime
    next_action: Sentence


class ResolveAlert(OnAlert):
    """Say that an alert is dealt with, and how."""

    cause: Sentence


class GiveFeedback(OnAlert):
    """Say whether an alert was of use."""

    verdict: Verdict
    comment: Annotated[Text, Field(max_length=2_000)] = ""


def on_alert(states: States, command: OnAlert, given: Given) -> list[StreamOf[Any]]:
    """The alert alone."""
    return [ALERT.of(command.alert_id)]


def on_alert_and_key(states: States, command: OnAlert, given: Given) -> list[StreamOf[Any]]:
    """The alert, and once it is known, the ledger of its dedup key."""
    alert = states[ALERT.of(command.alert_id)]
    return [ALERT.of(command.alert_id), *([key_stream(alert.dedup_key)] if alert.dedup_key else [])]


def concerned(states: States, command: OnAlert, given: Given) -> Alert:
    """The alert, for somebody whom it was told to or whose people it is about; NotFound for anybody else."""
    alert = states[ALERT.of(command.alert_id)]
    reach = given[Reach]
    owned = alert.owner_id is not None and reach.covers(alert.owner_id)
    if not alert.rule_code or not (owned or reach.everything or given.actor.id in alert.reached):
        raise NotFound("alert", command.alert_id)
    return alert


def acknowledge(states: States, command: AcknowledgeAlert, given: Given) -> list[AlertingFact]:
    """Only with a next action and an end within the rule's workdays of whoever acknowledges (3.4.4-5)."""
    alert = concerned(states, command, given)
    by = given.actor.id
    if alert.resolved:
        raise Rejected("CONFLICT_STATE", "the alert is resolved")
    if alert.ack == (by, command.until, command.next_action):
        return []
    if not command.next_action.strip():
        raise Rejected("VALIDATION", "say what will be done next")
    workdays = rule_as_of(given[RuleBook], alert.rule_code, alert.rule).ack_max_workdays
    latest = given[Calendars].of(by).add(given.now, timedelta(days=workdays), "workday").at
    if not given.now < command.until <= latest:
        raise Rejected(
            "VALIDATION", f"an alert is acknowledged for at most {workdays} workdays", latest=latest.isoformat()
        )
    return [
        AlertAcknowledged(
            alert_id=command.alert_id,
            by=by,
            until=command.until,
            next_action=command.next_action,
            acknowledged_at=given.now,
        )
    ]


def resolve(states: States, command: ResolveAlert, given: Given) -> list[AlertingFact]:
    """By a person; the next violation opens the next episode."""
    alert = concerned(states, command, given)
    if alert.resolved:
        return []
    return settling(states, alert.dedup_key, command.cause, given.now, given.actor.id)


def give_feedback(states: States, command: GiveFeedback, given: Given) -> list[AlertingFact]:
    """The last word of each person counts."""
    alert = concerned(states, command, given)
    by = given.actor.id
    if alert.verdicts.get(by) == (command.verdict, command.comment):
        return []
    return [
        AlertFeedbackGiven(
            alert_id=command.alert_id, verdict=command.verdict, by=by, comment=command.comment, given_at=given.now
        )
    ]


ACKNOWLEDGE = Decider("acknowledge-alert", on_alert, acknowledge, consults=(Reach, RuleBook, Calendars))
RESOLVE = Decider("resolve-alert", on_alert_and_key, resolve, consults=(Reach,))
GIVE_FEEDBACK = Decider("give-feedback-on-alert", on_alert, give_feedback, consults=(Reach,))
