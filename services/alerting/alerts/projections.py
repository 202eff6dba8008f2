"""All alerts as people look them up, and the deadlines by which somebody must have taken care of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.alerting import (
    AckExpired,
    AlertAcknowledged,
    AlertEscalated,
    AlertFeedbackGiven,
    AlertRaised,
    AlertResolved,
)
from libs.events.deciding import Given
from libs.events.facts import Recorded, RuleRef
from libs.events.projecting import Deadline, Group, Projection, Table
from libs.events.reacting import Attempt
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from services.alerting.alert_rules.domain import HANDOFF_STALLED, SILENCE_RULES, rule_as_of, unique
from services.alerting.escalations.domain import ESCALATE, EXPIRE_ACK, EscalateAlert, ExpireAck

WATCHED = {"lead-routing": SILENCE_RULES, "collaboration": (HANDOFF_STALLED,)}
"""Whose facts may resolve alerts of which rules; these must be complete before one of them goes up."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert; `reached` is everybody who was told, `verdicts` are what people said of its use."""

    alert_id: str
    version: int
    state: str
    rule_code: str
    rule_id: str | None
    rule_version: int
    severity: str
    episode: int
    subject_type: str
    subject_id: str
    owner_id: str | None
    reached: list[str]
    summary: str
    evidence: list[str]
    boards: list[str]
    since: datetime | None
    due_at: datetime | None
    raised_at: datetime
    late_by: int
    told_at: datetime
    level: int = 0
    ack_by: str | None = None
    ack_until: datetime | None = None
    next_action: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    person_id: str | None = None
    cause: str | None = None
    verdicts: list[dict[str, str]] | None = None


def keys(fact: Any) -> list[str]:
    """One group per alert: all its facts are on its own stream."""
    return [fact.alert_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[AlertRow]:
    """The alert after one more fact."""
    fact = recorded.fact
    if isinstance(fact, AlertRaised):
        return [_raised(fact, recorded.version)]
    alert = group.one(AlertRow)
    return [] if alert is None else [replace(_after(alert, fact), version=recorded.version)]


def _raised(fact: AlertRaised, version: int) -> AlertRow:
    rule = fact.rule_refs[0] if fact.rule_refs else None
    return AlertRow(
        alert_id=fact.alert_id,
        version=version,
        state="firing",
        rule_code=fact.rule_code,
        rule_id=rule.rule_id if rule else None,
        rule_version=rule.version if rule else 0,
        severity=fact.severity,
        episode=fact.episode,
        subject_type=fact.subject.type,
        subject_id=fact.subject.id,
        owner_id=fact.owner_id,
        reached=list(fact.recipients),
        summary=fact.summary,
        evidence=list(fact.evidence),
        boards=list(fact.boards),
        since=fact.since,
        due_at=fact.due_at,
        raised_at=fact.raised_at,
        late_by=fact.late_by,
        told_at=fact.raised_at,
    )


def _after(alert: AlertRow, fact: Any) -> AlertRow:
    match fact:
        case AlertAcknowledged():
            return replace(
                alert, state="acknowledged", ack_by=fact.by, ack_until=fact.until, next_action=fact.next_action
            )
        case AckExpired():
            return replace(alert, state="firing", ack_by=None, ack_until=None, next_action=None)
        case AlertEscalated():
            reached = unique([*alert.reached, *fact.to])
            return replace(alert, reached=reached, level=fact.level, told_at=fact.escalated_at)
        case AlertResolved():
            return replace(
                alert,
                state="resolved",
                ack_until=None,
                resolved_at=fact.resolved_at,
                resolved_by=fact.by,
                person_id=fact.person_id,
                cause=fact.cause,
            )
        case AlertFeedbackGiven():
            others = [one for one in alert.verdicts or [] if one["by"] != fact.by]
            verdict = {
                "by": fact.by,
                "verdict": fact.verdict,
                "comment": fact.comment,
                "at": fact.given_at.isoformat(),
            }
            return replace(alert, verdicts=[*others, verdict])
        case _:
            return alert


ALERT_ROWS = Table(
    "alerts",
    AlertRow,
    indexes=(("raised_at", "alert_id"), ("state", "raised_at"), ("owner_id", "raised_at"), ("subject_id",)),
)
Due = Callable[[AlertRow, Given], datetime | None]


def ack_due(codes: tuple[str, ...]) -> Due:
    """When an acknowledgement passes."""

    def due(alert: AlertRow, given: Given) -> datetime | None:
        return alert.ack_until if alert.state == "acknowledged" and alert.rule_code in codes else None

    return due


def escalation_due(codes: tuple[str, ...]) -> Due:
    """When the next superior hears of an alert that nobody acknowledged, by the version it was raised under."""

    def due(alert: AlertRow, given: Given) -> datetime | None:
        if alert.state != "firing" or alert.rule_code not in codes:
            return None
        ref = RuleRef(rule_id=alert.rule_id, version=alert.rule_version) if alert.rule_id else None
        steps = rule_as_of(given[RuleBook], alert.rule_code, ref).escalation
        if alert.level >= len(steps):
            return None
        waiting = alert.reached[-1] if alert.reached else alert.owner_id
        return steps[alert.level].after.due(given[Calendars].of(waiting), alert.told_at)

    return due


def expire_ack(alert: AlertRow, due_at: datetime) -> Attempt:
    """Record that an acknowledgement passed."""
    return Attempt(EXPIRE_ACK, ExpireAck(alert_id=alert.alert_id, due_at=due_at), target=alert.alert_id)


def escalate(alert: AlertRow, due_at: datetime) -> Attempt:
    """Take the alert one level up."""
    command = EscalateAlert(alert_id=alert.alert_id, level=alert.level, due_at=due_at)
    return Attempt(ESCALATE, command, target=f"{alert.alert_id} {alert.level}")


ALERTS = Projection(
    name="alerts",
    version=1,
    reads=(AlertRaised, AlertAcknowledged, AckExpired, AlertEscalated, AlertResolved, AlertFeedbackGiven),
    tables=(ALERT_ROWS,),
    keys=keys,
    fold=fold,
    deadlines=tuple(
        deadline
        for source, codes in WATCHED.items()
        for deadline in (
            Deadline(f"ack-expires-{source}", ALERT_ROWS, ack_due(codes), expire_ack, sources=(source,)),
            Deadline(
                f"alert-escalates-{source}",
                ALERT_ROWS,
                escalation_due(codes),
                escalate,
                consults=(Calendars, RuleBook),
                sources=(source,),
            ),
        )
    ),
)
