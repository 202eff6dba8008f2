"""Silence: a lead that nobody worked on for longer than a rule allows (S-50, S-52), and what ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime

from libs.events.contracts.alerting import AlertingFact, SilenceEpisodeClosed, SilenceEpisodeOpened
from libs.events.contracts.common import Subject
from libs.events.deciding import Command, Decider, Given, Id, States, StreamKind, StreamOf, Text
from libs.rules.calendars import Calendars
from libs.rules.documents import RuleBook
from libs.service.organisation import Reach
from services.alerting.alert_rules.domain import AlertRule, addressed, rule_in_force, stand_in
from services.alerting.alerts.domain import (
    Violation,
    alert_streams,
    dedup_key,
    key_stream,
    late_by,
    raising,
    settling,
)

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Silence:
    """The last episode of a lead under a rule."""

    episode: int = 0
    open: bool = False
    since: datetime | None = None
    due_at: datetime | None = None


def evolve(silence: Silence, fact: Any) -> Silence:
    """What a fact changes."""
    match fact:
        case SilenceEpisodeOpened():
            return Silence(fact.episode, open=True, since=fact.since, due_at=fact.due_at)
        case SilenceEpisodeClosed():
            return replace(silence, open=False)
        case _:
            return silence


SILENCE = StreamKind("silence", Silence(), evolve)


class OpenSilence(Command):
    """Nobody has worked on the lead since `since`; `rep_id` has it since `owned_since`."""

    lead_id: Id
    rule_code: Id
    company: Text
    rep_id: Id
    owned_since: AwareDatetime
    since: AwareDatetime
    due_at: AwareDatetime


class CloseSilence(Command):
    """The lead was worked on at `ended_at`, or left its owner or the field then."""

    lead_id: Id
    rule_code: Id
    ended_at: AwareDatetime
    cause: Literal["activity", "pooled", "closed"]


def silence_due(
    rule: AlertRule, calendars: Calendars, owner_id: str, since: datetime, planned: datetime | None
) -> datetime | None:
    """When a lead of this owner is silent too long: a planned next step counts until the end of its local day."""
    if rule.limit is None:
        return None
    calendar = calendars.of(owner_id)
    if planned is not None:
        since = max(since, calendar.end_of_day(calendar.local_date(planned)))
    return rule.limit.due(calendar, since)


def streams(states: States, command: OpenSilence | CloseSilence, given: Given) -> list[StreamOf[Any]]:
    """The silence of this lead under this rule, and the alert about it."""
    key = dedup_key(given.tenant, command.rule_code, "lead", command.lead_id)
    return [SILENCE.of(command.lead_id, command.rule_code), *alert_streams(states, key)]


def open_silence(states: States, command: OpenSilence, given: Given) -> list[AlertingFact]:
    """The episode and its alert in one append; once for each silence."""
    silence = states[SILENCE.of(command.lead_id, command.rule_code)]
    rule = rule_in_force(given[RuleBook], command.rule_code)
    if rule is None or silence.since == command.since:
        return []
    calendar = given[Calendars].of(command.rep_id)
    opened = SilenceEpisodeOpened(
        lead_id=command.lead_id,
        rep_id=command.rep_id,
        rule_code=command.rule_code,
        episode=silence.episode + 1,
        since=command.since,
        due_at=command.due_at,
        fired_at=given.now,
        late_by=late_by(command.due_at, given.now),
        rule_refs=[rule.ref],
        calendar_version=calendar.version,
    )
    earlier = _closing(states, given, command.lead_id, command.rule_code, command.since, "activity")
    key = dedup_key(given.tenant, command.rule_code, "lead", command.lead_id)
    if states[key_stream(key)].alert_id is not None and not earlier:
        return [opened]
    return [*earlier, opened, *raising(states, given, rule, _violation(command, given, rule.parsed(AlertRule)))]


def _violation(command: OpenSilence, given: Given, rule: AlertRule) -> Violation:
    reach, calendar = given[Reach], given[Calendars].of(command.rep_id)
    since = f"{command.since.astimezone(calendar.zone):%Y-%m-%d %H:%M}"
    graced = calendar.add(command.owned_since, timedelta(hours=float(rule.grace_hours)), "business").at
    rep = stand_in(reach, command.rep_id, given.now)
    return Violation(
        subject=Subject(type="lead", id=command.lead_id),
        owner_id=command.rep_id,
        recipients=addressed(rule, reach, given.now, command.rep_id),
        summary=f"{command.company[:LONGEST_NAME] or command.lead_id}: no substantive activity since {since}",
        since=command.since,
        due_at=command.due_at,
        deferred={rep: graced} if graced > given.now else {},
        calendar_version=calendar.version,
    )


def close_silence(states: States, command: CloseSilence, given: Given) -> list[AlertingFact]:
    """Ends an open episode and its alert; what happened before it began, or was heard of already, changes nothing.

    An activity that was entered late, into the silent time, resolves the alert but never undoes it (3.4.7).
    """
    silence = states[SILENCE.of(command.lead_id, command.rule_code)]
    if command.cause != "activity":
        return _closing(states, given, command.lead_id, command.rule_code, command.ended_at, command.cause)
    if silence.since is None or silence.due_at is None or command.ended_at <= silence.since:
        return []
    cause = "late_entry" if command.ended_at < silence.due_at else "activity"
    return _closing(states, given, command.lead_id, command.rule_code, command.ended_at, cause)


def _closing(
    states: States, given: Given, lead_id: str, rule_code: str, ended_at: datetime, cause: str
) -> list[AlertingFact]:
    silence = states[SILENCE.of(lead_id, rule_code)]
    if not silence.open:
        return []
    closed = SilenceEpisodeClosed(
        lead_id=lead_id, rule_code=rule_code, episode=silence.episode, cause=cause, closed_at=ended_at
    )
    key = dedup_key(given.tenant, rule_code, "lead", lead_id)
    return [closed, *settling(states, key, cause, given.now)]


OPEN_SILENCE = Decider("open-silence", streams, open_silence, consults=(Calendars, RuleBook, Reach))
CLOSE_SILENCE = Decider("close-silence", streams, close_silence)
