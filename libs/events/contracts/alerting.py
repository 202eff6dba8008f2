"""Facts the alerting service writes: silence, alerts, escalations, notifications, boards."""

from __future__ import annotations

from typing import Any, Literal

from libs.events.contracts.common import Identity, Label, Note, Subject
from libs.events.facts import Fact, Instant, RuleRef, Value

Severity = Literal["info", "warning", "high", "critical"]


class AlertingFact(Fact, owner="alerting"):
    """A fact of this service."""


class SilenceEpisodeOpened(
    AlertingFact, type="silence-episode-opened.v1", stream="silence-{lead_id}-{rule_code}", partners=True
):
    """A lead has been silent for longer than a rule allows (S-50, S-52)."""

    lead_id: Identity
    rep_id: Identity
    rule_code: Identity
    episode: int
    since: Instant
    due_at: Instant
    fired_at: Instant
    late_by: int = 0
    rule_refs: list[RuleRef] = []
    calendar_version: Label | None = None


class SilenceEpisodeClosed(
    AlertingFact, type="silence-episode-closed.v1", stream="silence-{lead_id}-{rule_code}", partners=True
):
    """The silence is over."""

    lead_id: Identity
    rule_code: Identity
    episode: int
    cause: Label
    closed_at: Instant


class AlertRaised(AlertingFact, type="alert-raised.v1", stream="alert-{alert_id}", partners=True):
    """A rule was broken. One alert is open per `dedup_key`; a later violation is the next `episode`.

    All alerts of one `group` that go to one person become one message, sent at `notify_at`; a person in `deferred` is
    told no earlier than then. `since` is when the condition began.
    """

    alert_id: Identity
    dedup_key: Label
    episode: int
    rule_code: Identity
    severity: Severity
    subject: Subject
    owner_id: Identity | None = None
    recipients: list[Identity]
    evidence: list[Identity] = []
    summary: Label
    group: Label
    boards: list[Label] = []
    since: Instant | None = None
    due_at: Instant | None = None
    raised_at: Instant
    late_by: int = 0
    notify_at: Instant | None = None
    deferred: dict[Identity, Instant] = {}
    rule_refs: list[RuleRef] = []
    calendar_version: Label | None = None


class AlertOpened(AlertingFact, type="alert-opened.v1", stream="alert-key-{key_hash}"):
    """The alert that is open for a dedup key; `key_hash` is the key's SHA-256."""

    key_hash: Identity
    alert_id: Identity
    episode: int


class AlertSettled(AlertingFact, type="alert-settled.v1", stream="alert-key-{key_hash}"):
    """No alert is open for the dedup key any more."""

    key_hash: Identity
    alert_id: Identity


class NotificationRequested(AlertingFact, type="notification-requested.v1", stream="notification-{notification_id}"):
    """One message to one person over one channel about one or more alerts (a group has many).

    `channel` is `console`, or the kind and id of what takes it: `webhook:<id>`.
    """

    notification_id: Identity
    recipient: Identity
    channel: Label
    alerts: list[Identity]
    step: Label
    group: Label | None = None
    title: Label
    lines: list[Label]
    requested_at: Instant


class NotificationSent(AlertingFact, type="notification-sent.v1", stream="notification-{notification_id}"):
    """The channel took the message."""

    notification_id: Identity
    channel: Label
    sent_at: Instant


class NotificationFailed(AlertingFact, type="notification-failed.v1", stream="notification-{notification_id}"):
    """The channel refused the message for good."""

    notification_id: Identity
    channel: Label
    why: Note
    failed_at: Instant


class AlertAcknowledged(AlertingFact, type="alert-acknowledged.v1", stream="alert-{alert_id}", partners=True):
    """Somebody takes care of it until then."""

    alert_id: Identity
    by: Identity
    until: Instant
    next_action: Note
    acknowledged_at: Instant


class AckExpired(AlertingFact, type="ack-expired.v1", stream="alert-{alert_id}"):
    """The acknowledgement passed and the condition still holds; the alert fires again, one level higher."""

    alert_id: Identity
    due_at: Instant
    fired_at: Instant
    late_by: int = 0


class AlertEscalated(AlertingFact, type="alert-escalated.v1", stream="alert-{alert_id}", partners=True):
    """The alert went up the reporting line."""

    alert_id: Identity
    level: int
    to: list[Identity]
    reason: Label
    rule_code: Identity | None = None
    summary: Label | None = None
    group: Label | None = None
    notify_at: Instant | None = None
    due_at: Instant | None = None
    escalated_at: Instant
    late_by: int = 0


class AlertResolved(AlertingFact, type="alert-resolved.v1", stream="alert-{alert_id}", partners=True):
    """The condition no longer holds, or a person said so."""

    alert_id: Identity
    dedup_key: Label
    by: Literal["condition", "person"]
    person_id: Identity | None = None
    cause: Note
    resolved_at: Instant


class AlertFeedbackGiven(AlertingFact, type="alert-feedback-given.v1", stream="alert-{alert_id}"):
    """Was the alert of use?"""

    alert_id: Identity
    verdict: Literal["useful", "false", "late"]
    by: Identity
    comment: Note = ""
    given_at: Instant


class BoardItem(Value):
    """One line of a board."""

    alert_id: Identity
    rule_code: Identity
    subject: Subject
    owner_id: Identity | None = None
    band: Label
    since: Instant
    weeks: int = 0


class BoardSnapshotTaken(AlertingFact, type="board-snapshot-taken.v1", stream="board-{board}-{week}"):
    """The board as the meeting sees it (S-51); `week` is an ISO week such as 2026-W10."""

    board: Identity
    week: Identity
    items: list[BoardItem]
    figures: dict[str, Any] = {}
    due_at: Instant
    fired_at: Instant
    late_by: int = 0
    calendar_version: Label | None = None


class WebhookRegistered(AlertingFact, type="webhook-registered.v1", stream="webhook-{webhook_id}"):
    """Notifications of these kinds also go to this address, signed; the secret stays in the service's database."""

    webhook_id: Identity
    url: Label
    recipients: list[Identity] = []
    registered_by: Identity


class WebhookRemoved(AlertingFact, type="webhook-removed.v1", stream="webhook-{webhook_id}"):
    """Nothing more goes to that address."""

    webhook_id: Identity
    removed_by: Identity


class SignalReceived(AlertingFact, type="signal-received.v1", stream="signal-{signal_id}"):
    """A partner told us something: logistics, production, a survey; `signal_id` derives from tenant, source and id."""

    signal_id: Identity
    source: Label
    external_id: Label
    kind: Label
    subject: Subject | None = None
    payload: dict[str, Any]
    happened_at: Instant
    received_at: Instant


class SignalRefused(AlertingFact, type="signal-refused.v1", stream="signal-{signal_id}"):
    """A partner's signal could not be used, and why."""

    signal_id: Identity
    source: Label
    external_id: Label
    code: Label
    why: Note
    received_at: Instant
