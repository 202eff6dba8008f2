"""Alerts: what is known of one, and how it is raised and settled; at most one is open for a rule and a subject."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from libs.events.contracts.alerting import (
    AckExpired,
    AlertAcknowledged,
    AlertEscalated,
    AlertFeedbackGiven,
    AlertingFact,
    AlertOpened,
    AlertRaised,
    AlertResolved,
    AlertSettled,
)
from libs.events.contracts.common import Subject
from libs.events.deciding import Given, States, StreamKind, StreamOf
from libs.events.facts import RuleRef
from libs.rules.documents import PublishedRule
from services.alerting.alert_rules.domain import AlertRule, unique

ALERTS = UUID("7a1c53f4-94d5-5d0f-8f0e-6a6f5b1c9e01")


@dataclass(frozen=True, slots=True)
class Alert:
    """What decisions need of one alert. `reached` is everybody who has been told, `told_at` when the last was."""

    rule_code: str = ""
    rule: RuleRef | None = None
    dedup_key: str = ""
    summary: str = ""
    owner_id: str | None = None
    reached: tuple[str, ...] = ()
    last_told: tuple[str, ...] = ()
    told_at: datetime | None = None
    level: int = 0
    ack: tuple[str, datetime, str] | None = None
    resolved: bool = False
    verdicts: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def evolve(alert: Alert, fact: Any) -> Alert:
    """What a fact changes about its alert."""
    match fact:
        case AlertRaised():
            return Alert(
                rule_code=fact.rule_code,
                rule=fact.rule_refs[0] if fact.rule_refs else None,
                dedup_key=fact.dedup_key,
                summary=fact.summary,
                owner_id=fact.owner_id,
                reached=tuple(fact.recipients),
                last_told=tuple(fact.recipients),
                told_at=fact.raised_at,
            )
        case AlertAcknowledged():
            return replace(alert, ack=(fact.by, fact.until, fact.next_action))
        case AckExpired():
            return replace(alert, ack=None)
        case AlertEscalated():
            return replace(
                alert,
                reached=tuple(unique([*alert.reached, *fact.to])),
                last_told=tuple(fact.to),
                told_at=fact.escalated_at,
                level=fact.level,
            )
        case AlertResolved():
            return replace(alert, resolved=True, ack=None)
        case AlertFeedbackGiven():
            return replace(alert, verdicts={**alert.verdicts, fact.by: (fact.verdict, fact.comment)})
        case _:
            return alert


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """The alert that is open for a dedup key, and how many there have been."""

    alert_id: str | None = None
    episode: int = 0


def evolve_open(key: OpenAlert, fact: Any) -> OpenAlert:
    """What a fact changes about a dedup key."""
    match fact:
        case AlertOpened():
            return OpenAlert(fact.alert_id, fact.episode)
        case AlertSettled():
            return replace(key, alert_id=None)
        case _:
            return key


ALERT = StreamKind("alert", Alert(), evolve)
OPEN_ALERT = StreamKind("alert-key", OpenAlert(), evolve_open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What broke a rule, and whom that concerns; `summary` is one line without personal data."""

    subject: Subject
    owner_id: str | None
    recipients: Sequence[str]
    summary: str
    since: datetime
    due_at: datetime
    evidence: Sequence[str] = ()
    deferred: Mapping[str, datetime] = field(default_factory=dict)
    calendar_version: str | None = None


def dedup_key(tenant: str, rule_code: str, subject_type: str, subject_id: str) -> str:
    """What at most one alert is open for (3.4.4-1)."""
    return f"{tenant}:{rule_code}:{subject_type}:{subject_id}"


def key_stream(key: str) -> StreamOf[OpenAlert]:
    """The ledger of a dedup key."""
    return OPEN_ALERT.of(hashlib.sha256(key.encode()).hexdigest())


def alert_streams(states: States, key: str) -> list[StreamOf[Any]]:
    """What raising or settling an alert for a key needs to know: its ledger, then the open and the next alert."""
    ledger = key_stream(key)
    if ledger not in states:
        return [ledger]
    opened = states[ledger]
    alerts = [_next_id(key, opened), *([opened.alert_id] if opened.alert_id else [])]
    return [ledger, *map(ALERT.of, alerts)]


def _next_id(key: str, opened: OpenAlert) -> str:
    return str(uuid5(ALERTS, f"{key}#{opened.episode + 1}"))


def raising(states: States, given: Given, rule: PublishedRule, violation: Violation) -> list[AlertingFact]:
    """A new alert, even where an older one is settled in the same breath: asking whether one is open is the caller's.

    Its group gathers the messages of violations that were due together (3.4.8-6).
    """
    document = rule.parsed(AlertRule)
    key = dedup_key(given.tenant, document.code, violation.subject.type, violation.subject.id)
    ledger = key_stream(key)
    alert_id, episode = _next_id(key, states[ledger]), states[ledger].episode + 1
    group, notify_at = document.window("raised", violation.due_at, given.now)
    return [
        AlertRaised(
            alert_id=alert_id,
            dedup_key=key,
            episode=episode,
            rule_code=document.code,
            severity=document.severity,
            subject=violation.subject,
            owner_id=violation.owner_id,
            recipients=list(violation.recipients),
            evidence=list(violation.evidence),
            summary=violation.summary,
            group=group,
            boards=list(document.boards),
            since=violation.since,
            due_at=violation.due_at,
            raised_at=given.now,
            late_by=late_by(violation.due_at, given.now),
            notify_at=notify_at,
            deferred=dict(violation.deferred),
            rule_refs=[rule.ref],
            calendar_version=violation.calendar_version,
        ),
        AlertOpened(key_hash=ledger.name.removeprefix("alert-key-"), alert_id=alert_id, episode=episode),
    ]


def settling(states: States, key: str, cause: str, at: datetime, person_id: str | None = None) -> list[AlertingFact]:
    """The open alert of a key is resolved, by a person or because its condition no longer holds; none, nothing."""
    ledger = key_stream(key)
    alert_id = states[ledger].alert_id
    if alert_id is None:
        return []
    return [
        AlertResolved(
            alert_id=alert_id,
            dedup_key=key,
            by="condition" if person_id is None else "person",
            person_id=person_id,
            cause=cause,
            resolved_at=at,
        ),
        AlertSettled(key_hash=ledger.name.removeprefix("alert-key-"), alert_id=alert_id),
    ]


def late_by(due_at: datetime, now: datetime) -> int:
    """Whole seconds between what should have been and now."""
    return max(0, int((now - due_at).total_seconds()))
