"""Notifications: one message to one person over one channel about all alerts of a group (3.4.4-2, 3.4.8-6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field

from libs.events.contracts.alerting import AlertingFact, NotificationFailed, NotificationRequested, NotificationSent
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf, Text
from libs.events.errors import NotFound
from libs.rules.documents import RuleBook
from services.alerting.alert_rules.domain import SHIPPED, AlertRule, rule_in_force
from services.alerting.alerts.domain import ALERT

NOTIFICATIONS = UUID("b2f3a4fd-2b07-5a2f-9d6d-0b8f6a1d5e02")
CONSOLE, WEBHOOK = "console", "webhook"
MOST_ALERTS = 1_000
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Channels:
    """Where messages go: recipients by webhook, an empty list meaning everybody."""

    webhooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, person_id: str) -> tuple[str, ...]:
        """The channels of a person: the webhooks that take their messages, else the console."""
        taking = sorted(one for one, recipients in self.webhooks.items() if not recipients or person_id in recipients)
        return tuple(f"{WEBHOOK}:{one}" for one in taking) or (CONSOLE,)


@dataclass(frozen=True, slots=True)
class Notification:
    """What decisions need of one message."""

    channel: str | None = None
    settled: bool = False


def evolve(notification: Notification, fact: Any) -> Notification:
    """What a fact changes."""
    match fact:
        case NotificationRequested():
            return Notification(fact.channel)
        case NotificationSent() | NotificationFailed():
            return replace(notification, settled=True)
        case _:
            return notification


NOTIFICATION = StreamKind("notification", Notification(), evolve)


class RequestNotification(Command):
    """Tell a person about the alerts that gathered in a group."""

    recipient: Id
    group: Line
    rule_code: Id
    step: Line
    alerts: Annotated[tuple[Id, ...], Field(min_length=1, max_length=MOST_ALERTS)]
    due_at: AwareDatetime


class NoteSent(Command):
    """The channel took the message."""

    notification_id: Id


class NoteFailed(Command):
    """The channel refused the message for good."""

    notification_id: Id
    why: Annotated[Text, Field(max_length=500)]


def notification_id(tenant: str, recipient: str, group: str, channel: str) -> str:
    """Asking twice for the same group, person and channel means the same message."""
    return str(uuid5(NOTIFICATIONS, f"{tenant}\n{recipient}\n{group}\n{channel}"))


def _messages(command: RequestNotification, given: Given) -> dict[str, str]:
    channels = given[Channels].of(command.recipient)
    return {channel: notification_id(given.tenant, command.recipient, command.group, channel) for channel in channels}


def request_streams(states: States, command: RequestNotification, given: Given) -> list[StreamOf[Any]]:
    """The messages, one per channel, and the alerts they are about."""
    return [*map(NOTIFICATION.of, _messages(command, given).values()), *map(ALERT.of, command.alerts)]


def request(states: States, command: RequestNotification, given: Given) -> list[AlertingFact]:
    """One message per channel with a line for each alert that is still open; none if none is."""
    standing = {one: states[ALERT.of(one)] for one in command.alerts if not states[ALERT.of(one)].resolved}
    if not standing:
        return []
    lines = sorted(alert.summary for alert in standing.values())
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"… and {len(lines) - MOST_LINES + 1} more"]
    return [
        NotificationRequested(
            notification_id=identity,
            recipient=command.recipient,
            channel=channel,
            alerts=list(standing),
            step=command.step,
            group=command.group,
            title=f"{command.rule_code} {_title(given[RuleBook], command.rule_code)} ({len(standing)})",
            lines=lines,
            requested_at=given.now,
        )
        for channel, identity in _messages(command, given).items()
        if states[NOTIFICATION.of(identity)].channel is None
    ]


def _title(book: RuleBook, code: str) -> str:
    rule = rule_in_force(book, code)
    if rule is not None:
        return rule.parsed(AlertRule).title
    return SHIPPED[code].title if code in SHIPPED else "alert"


def _one(states: States, command: NoteSent | NoteFailed, given: Given) -> list[StreamOf[Any]]:
    return [NOTIFICATION.of(command.notification_id)]


def _waiting(states: States, command: NoteSent | NoteFailed) -> str | None:
    notification = states[NOTIFICATION.of(command.notification_id)]
    if notification.channel is None:
        raise NotFound("notification", command.notification_id)
    return None if notification.settled else notification.channel


def note_sent(states: States, command: NoteSent, given: Given) -> list[AlertingFact]:
    """Recorded once."""
    channel = _waiting(states, command)
    if channel is None:
        return []
    return [NotificationSent(notification_id=command.notification_id, channel=channel, sent_at=given.now)]


def note_failed(states: States, command: NoteFailed, given: Given) -> list[AlertingFact]:
    """Recorded once; a message that was taken did not fail."""
    channel = _waiting(states, command)
    if channel is None:
        return []
    return [
        NotificationFailed(
            notification_id=command.notification_id, channel=channel, why=command.why, failed_at=given.now
        )
    ]


REQUEST_NOTIFICATION = Decider("request-notification", request_streams, request, consults=(Channels, RuleBook))
NOTE_SENT = Decider("note-notification-sent", _one, note_sent)
NOTE_FAILED = Decider("note-notification-failed", _one, note_failed)
