"""The groups that gather alerts for one person, and the log of all messages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.alerting import (
    AlertEscalated,
    AlertRaised,
    NotificationFailed,
    NotificationRequested,
    NotificationSent,
)
from libs.events.deciding import Given
from libs.events.facts import Recorded
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.events.reacting import Attempt
from services.alerting.notifications.domain import MOST_ALERTS, REQUEST_NOTIFICATION, RequestNotification


@dataclass(frozen=True, slots=True)
class NotificationGroup:
    """The alerts that one person hears of in one message at `send_at`, in order of ids."""

    recipient: str
    gathering: str
    rule_code: str | None = None
    step: str | None = None
    send_at: datetime | None = None
    alerts: list[str] | None = None
    requested: bool = False


@dataclass(frozen=True, slots=True)
class _Telling:
    """One alert for one person."""

    recipient: str
    gathering: str
    rule_code: str
    step: str
    send_at: datetime
    alert_id: str

    @property
    def key(self) -> str:
        return f"{self.gathering}|{self.recipient}"


def tellings(fact: AlertRaised | AlertEscalated) -> list[_Telling]:
    """Who is told what, when and with which others; somebody who is told later gathers alerts of that instant."""
    if isinstance(fact, AlertEscalated):
        if fact.group is None or fact.rule_code is None:
            return []
        step, send_at = f"escalated-{fact.level}", fact.notify_at or fact.escalated_at
        return [_Telling(one, fact.group, fact.rule_code, step, send_at, fact.alert_id) for one in fact.to]
    told = []
    for one in fact.recipients:
        group, send_at = fact.group, fact.notify_at or fact.raised_at
        deferred = fact.deferred.get(one)
        if deferred is not None and deferred > send_at:
            group, send_at = f"{fact.rule_code} deferred {deferred.isoformat()}", deferred
        told.append(_Telling(one, group, fact.rule_code, "raised", send_at, fact.alert_id))
    return told


def group_keys(fact: Any) -> list[str]:
    """One group per gathering and person."""
    if isinstance(fact, NotificationRequested):
        return [] if fact.group is None else [f"{fact.group}|{fact.recipient}"]
    return [telling.key for telling in tellings(fact)]


def fold_group(group: Group, recorded: Recorded[Any]) -> list[NotificationGroup]:
    """The group after one more alert, or after its message was asked for."""
    fact = recorded.fact
    gathering, _, recipient = group.key.partition("|")
    gathered = group.one(NotificationGroup) or NotificationGroup(recipient, gathering)
    if isinstance(fact, NotificationRequested):
        return [replace(gathered, requested=True)]
    (telling,) = (one for one in tellings(fact) if one.key == group.key)
    return [
        replace(
            gathered,
            rule_code=telling.rule_code,
            step=telling.step,
            send_at=max(gathered.send_at or telling.send_at, telling.send_at),
            alerts=sorted({*(gathered.alerts or ()), telling.alert_id}),
        )
    ]


GROUPS = Table("notification_groups", NotificationGroup)


def due(group: NotificationGroup, given: Given) -> datetime | None:
    """When the message of a group is asked for."""
    return None if group.requested or not group.alerts else group.send_at


def fire(group: NotificationGroup, due_at: datetime) -> Attempt:
    """Ask for the message."""
    command = RequestNotification(
        recipient=group.recipient,
        group=group.gathering,
        rule_code=group.rule_code or "",
        step=group.step or "",
        alerts=tuple((group.alerts or [])[:MOST_ALERTS]),
        due_at=due_at,
    )
    return Attempt(REQUEST_NOTIFICATION, command, target=f"{group.gathering} {group.recipient}")


NOTIFICATION_GROUPS = Projection(
    name="notification-groups",
    version=1,
    reads=(AlertRaised, AlertEscalated, NotificationRequested),
    tables=(GROUPS,),
    keys=group_keys,
    fold=fold_group,
    deadlines=(Deadline("notification", GROUPS, due, fire),),
)


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One message and what became of it."""

    notification_id: str
    recipient: str
    channel: str
    step: str
    title: str
    lines: list[str]
    alerts: list[str]
    state: str
    requested_at: datetime
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    why: str | None = None


def message_keys(fact: Any) -> list[str]:
    """One group per message."""
    return [fact.notification_id]


def fold_message(group: Group, recorded: Recorded[Any]) -> list[NotificationRow]:
    """The message after one more fact of its stream."""
    fact = recorded.fact
    if isinstance(fact, NotificationRequested):
        return [
            NotificationRow(
                notification_id=fact.notification_id,
                recipient=fact.recipient,
                channel=fact.channel,
                step=fact.step,
                title=fact.title,
                lines=list(fact.lines),
                alerts=list(fact.alerts),
                state="requested",
                requested_at=fact.requested_at,
            )
        ]
    row = group.one(NotificationRow)
    match fact:
        case NotificationSent() if row is not None:
            return [replace(row, state="sent", sent_at=fact.sent_at)]
        case NotificationFailed() if row is not None:
            return [replace(row, state="failed", failed_at=fact.failed_at, why=fact.why)]
        case _:
            return group.all(NotificationRow)


NOTIFICATION_LOG = Projection(
    name="notifications",
    version=1,
    reads=(NotificationRequested, NotificationSent, NotificationFailed),
    tables=(
        Table(
            "notifications",
            NotificationRow,
            indexes=(("requested_at", "notification_id"), ("recipient", "requested_at")),
        ),
    ),
    keys=message_keys,
    fold=fold_message,
)
