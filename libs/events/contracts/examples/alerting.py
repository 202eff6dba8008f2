"""A lead goes silent and its alert goes up until somebody calls; a handoff stalls; the week's board; a signal."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from libs.events.contracts.alerting import (
    AckExpired,
    AlertAcknowledged,
    AlertEscalated,
    AlertFeedbackGiven,
    AlertOpened,
    AlertRaised,
    AlertResolved,
    AlertSettled,
    BoardItem,
    BoardSnapshotTaken,
    NotificationFailed,
    NotificationRequested,
    NotificationSent,
    SignalReceived,
    SignalRefused,
    SilenceEpisodeClosed,
    SilenceEpisodeOpened,
    WebhookRegistered,
    WebhookRemoved,
)
from libs.events.contracts.common import Subject
from libs.events.contracts.examples.ids import (
    ALERT_1,
    ALERT_2,
    DELIVERY_HEAD_WU,
    DELIVERY_QIAN,
    DIRECTOR_SUN,
    HANDOFF_2,
    MANAGER_ZHOU,
    OWNER_HE,
    REP_WANG,
    TENANT,
    at,
)
from libs.events.facts import Fact, RuleRef

LEAD_QUIET = "01906a00-0000-7000-8000-000000000610"
WEBHOOK_1 = "01906a00-0000-7000-8000-000000000620"
NOTIFICATION_REP, NOTIFICATION_MANAGER, NOTIFICATION_DIRECTOR = (
    f"01906a00-0000-7000-8000-00000000063{n}" for n in (1, 2, 3)
)
SIGNAL_1, SIGNAL_2 = (f"01906a00-0000-7000-8000-00000000064{n}" for n in (1, 2))
CALENDAR_VERSION = "2026.1"
SILENT_KEY = f"{TENANT}:A01:lead:{LEAD_QUIET}"
STALLED_KEY = f"{TENANT}:A08:handoff:{HANDOFF_2}"
SILENT_RULE, STALLED_RULE = RuleRef(rule_id="alert-a01", version=0), RuleRef(rule_id="alert-a08", version=0)

SINCE, SILENT_AT = at(0), at(24) + timedelta(seconds=1)
STALLED_AT = at(55) + timedelta(seconds=1)
RAISED_GROUP = "A01 raised 2026-03-03T01:00:00+00:00"
ESCALATED_GROUP = "A01 escalated-1 2026-03-03T03:00:00+00:00"
SUMMARY = "无锡天启机械: no substantive activity since 2026-03-02 09:00"


def key_hash(dedup_key: str) -> str:
    """The name of a dedup key's ledger."""
    return hashlib.sha256(dedup_key.encode()).hexdigest()


def requested(notification_id: str, recipient: str, step: str, group: str, instant: datetime) -> tuple[Fact, datetime]:
    """One message about the silent lead."""
    message = NotificationRequested(
        notification_id=notification_id,
        recipient=recipient,
        channel="console" if recipient != DIRECTOR_SUN else f"webhook:{WEBHOOK_1}",
        alerts=[ALERT_1],
        step=step,
        group=group,
        title="A01 Silent lead (1)",
        lines=[SUMMARY],
        requested_at=instant,
    )
    return message, instant


def sent(notification_id: str, instant: datetime) -> tuple[Fact, datetime]:
    """The console took it."""
    return NotificationSent(notification_id=notification_id, channel="console", sent_at=instant), instant


SILENCE: list[tuple[Fact, datetime]] = [
    (
        SilenceEpisodeOpened(
            lead_id=LEAD_QUIET,
            rep_id=REP_WANG,
            rule_code="A01",
            episode=1,
            since=SINCE,
            due_at=SILENT_AT,
            fired_at=SILENT_AT,
            rule_refs=[SILENT_RULE],
            calendar_version=CALENDAR_VERSION,
        ),
        SILENT_AT,
    ),
    (
        AlertRaised(
            alert_id=ALERT_1,
            dedup_key=SILENT_KEY,
            episode=1,
            rule_code="A01",
            severity="warning",
            subject=Subject(type="lead", id=LEAD_QUIET),
            owner_id=REP_WANG,
            recipients=[REP_WANG, MANAGER_ZHOU],
            summary=SUMMARY,
            group=RAISED_GROUP,
            boards=["weekly"],
            since=SINCE,
            due_at=SILENT_AT,
            raised_at=SILENT_AT,
            notify_at=at(24) + timedelta(minutes=2),
            rule_refs=[SILENT_RULE],
            calendar_version=CALENDAR_VERSION,
        ),
        SILENT_AT,
    ),
    (AlertOpened(key_hash=key_hash(SILENT_KEY), alert_id=ALERT_1, episode=1), SILENT_AT),
    requested(NOTIFICATION_REP, REP_WANG, "raised", RAISED_GROUP, at(24.1)),
    requested(NOTIFICATION_MANAGER, MANAGER_ZHOU, "raised", RAISED_GROUP, at(24.1)),
    sent(NOTIFICATION_REP, at(24.1)),
    sent(NOTIFICATION_MANAGER, at(24.1)),
    (
        AlertAcknowledged(
            alert_id=ALERT_1, by=REP_WANG, until=at(26), next_action="11点前打电话", acknowledged_at=at(24.5)
        ),
        at(24.5),
    ),
    (
        WebhookRegistered(
            webhook_id=WEBHOOK_1,
            url="https://hooks.example.com/salesloom",
            recipients=[DIRECTOR_SUN],
            registered_by=OWNER_HE,
        ),
        at(25),
    ),
    (AckExpired(alert_id=ALERT_1, due_at=at(26), fired_at=at(26)), at(26)),
    (
        AlertEscalated(
            alert_id=ALERT_1,
            level=1,
            to=[DIRECTOR_SUN],
            reason="ack-expired",
            rule_code="A01",
            summary=SUMMARY,
            group=ESCALATED_GROUP,
            notify_at=at(26) + timedelta(minutes=2),
            due_at=at(26),
            escalated_at=at(26),
        ),
        at(26),
    ),
    requested(NOTIFICATION_DIRECTOR, DIRECTOR_SUN, "escalated-1", ESCALATED_GROUP, at(26.1)),
    (
        NotificationFailed(
            notification_id=NOTIFICATION_DIRECTOR,
            channel=f"webhook:{WEBHOOK_1}",
            why="the webhook answered 404",
            failed_at=at(26.1),
        ),
        at(26.1),
    ),
    (WebhookRemoved(webhook_id=WEBHOOK_1, removed_by=OWNER_HE), at(26.5)),
    (
        SilenceEpisodeClosed(lead_id=LEAD_QUIET, rule_code="A01", episode=1, cause="activity", closed_at=at(27)),
        at(27),
    ),
    (
        AlertResolved(alert_id=ALERT_1, dedup_key=SILENT_KEY, by="condition", cause="activity", resolved_at=at(27)),
        at(27),
    ),
    (AlertSettled(key_hash=key_hash(SILENT_KEY), alert_id=ALERT_1), at(27)),
    (
        AlertFeedbackGiven(
            alert_id=ALERT_1, verdict="useful", by=MANAGER_ZHOU, comment="客户正要找竞争对手", given_at=at(28)
        ),
        at(28),
    ),
]

STALLED: list[tuple[Fact, datetime]] = [
    (
        AlertRaised(
            alert_id=ALERT_2,
            dedup_key=STALLED_KEY,
            episode=1,
            rule_code="A08",
            severity="high",
            subject=Subject(type="handoff", id=HANDOFF_2),
            owner_id=DELIVERY_QIAN,
            recipients=[DELIVERY_HEAD_WU, MANAGER_ZHOU],
            summary="Handoff delivery_lock stands still since 2026-03-04 14:00",
            group="A08 raised 2026-03-04T08:00:00+00:00",
            since=at(53),
            due_at=STALLED_AT,
            raised_at=STALLED_AT,
            notify_at=at(55) + timedelta(minutes=2),
            rule_refs=[STALLED_RULE],
            calendar_version=CALENDAR_VERSION,
        ),
        STALLED_AT,
    ),
    (AlertOpened(key_hash=key_hash(STALLED_KEY), alert_id=ALERT_2, episode=1), STALLED_AT),
    (
        AlertResolved(
            alert_id=ALERT_2,
            dedup_key=STALLED_KEY,
            by="person",
            person_id=MANAGER_ZHOU,
            cause="双方已电话沟通",
            resolved_at=at(56),
        ),
        at(56),
    ),
    (AlertSettled(key_hash=key_hash(STALLED_KEY), alert_id=ALERT_2), at(56)),
]

OTHERS: list[tuple[Fact, datetime]] = [
    (
        SignalReceived(
            signal_id=SIGNAL_1,
            source="logistics.example",
            external_id="waybill-7",
            kind="shipment.delayed",
            subject=Subject(type="order", id="order-7"),
            payload={"days": 1},
            happened_at=at(60),
            received_at=at(60),
        ),
        at(60),
    ),
    (
        SignalRefused(
            signal_id=SIGNAL_2,
            source="logistics.example",
            external_id="waybill-8",
            code="VALIDATION",
            why="time is missing",
            received_at=at(61),
        ),
        at(61),
    ),
    (
        BoardSnapshotTaken(
            board="weekly",
            week="2026-W10",
            items=[
                BoardItem(
                    alert_id=ALERT_1,
                    rule_code="A01",
                    subject=Subject(type="lead", id=LEAD_QUIET),
                    owner_id=REP_WANG,
                    band="cleared",
                    since=SINCE,
                )
            ],
            figures={
                "silent": 0,
                "stale": 0,
                "cleared": 1,
                "carried_over": 0,
                "per_rep": {REP_WANG: {"cleared": 1, "carried_over": 0}},
            },
            due_at=at(105),
            fired_at=at(105),
            calendar_version=CALENDAR_VERSION,
        ),
        at(105),
    ),
]

SECOND_WEBHOOK: list[tuple[Fact, datetime]] = [
    (
        WebhookRegistered(
            webhook_id="01906a00-0000-7000-8000-000000000621",
            url="https://hooks.example.com/delivery",
            recipients=[DELIVERY_HEAD_WU],
            registered_by=OWNER_HE,
        ),
        at(26),
    ),
]

EXAMPLES: list[tuple[Fact, datetime]] = [*SILENCE, *STALLED, *OTHERS, *SECOND_WEBHOOK]
