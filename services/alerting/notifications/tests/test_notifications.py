"""Alerts that fire together are one message a person; a message is asked for once and noted once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from libs.events.contracts.alerting import (
    AlertRaised,
    AlertResolved,
    NotificationFailed,
    NotificationRequested,
    NotificationSent,
)
from libs.events.contracts.examples.ids import DIRECTOR_SUN, MANAGER_ZHOU, REP_LI, TENANT
from libs.events.deciding import Given
from libs.events.errors import NotFound
from libs.events.facts import Actor, Fact
from libs.events.projecting import Group
from libs.events.reacting import Effect
from libs.events.testing.decisions import Outcome, given
from libs.events.testing.folding import fold_all, recorded
from services.alerting.escalations.tests.test_domain import escalated
from services.alerting.notifications.domain import (
    MOST_LINES,
    NOTE_FAILED,
    NOTE_SENT,
    REQUEST_NOTIFICATION,
    Channels,
    NoteFailed,
    NoteSent,
    RequestNotification,
)
from services.alerting.notifications.projections import NOTIFICATION_GROUPS, NotificationGroup, due, fire
from services.alerting.notifications.reactions import react
from services.alerting.silence.domain import OPEN_SILENCE, OpenSilence
from services.alerting.tests.story import CALENDARS, EVERYTHING, RULES, at

SINCE, DUE = at("04-30 17:00"), at("05-06 17:00:01")
SEND = at("05-06 17:02")
GIVEN = Given(SEND, TENANT, Actor(kind="timer", id="notification"))


def silent(number: int, *, owned_since: datetime = SINCE) -> AlertRaised:
    """The alert of one of Li's leads, fired so many tenths of a second after it was due."""
    command = OpenSilence(
        lead_id=f"lead-{number}",
        rule_code="A01",
        company=f"company {number}",
        rep_id=REP_LI,
        owned_since=owned_since,
        since=SINCE,
        due_at=DUE,
    )
    now = DUE + timedelta(seconds=number / 10)
    alert: AlertRaised = given(OPEN_SILENCE).when(command, now, CALENDARS, RULES, EVERYTHING).fact(AlertRaised)
    return alert


def groups_of(*facts: Fact) -> list[NotificationGroup]:
    return [row for _, _, row in fold_all(NOTIFICATION_GROUPS, recorded(*facts))]


def told(group: NotificationGroup, *before: Fact, channels: Channels | None = None) -> Outcome:
    command = fire(group, SEND).command
    return given(REQUEST_NOTIFICATION, *before).when(command, SEND, RULES, channels or Channels())


def test_one_silent_lead_is_two_messages() -> None:
    """3.4.8-4"""
    alert = silent(1)
    messages = [told(group, alert).fact(NotificationRequested) for group in groups_of(alert)]
    assert [message.recipient for message in messages] == [MANAGER_ZHOU, REP_LI]
    assert {message.channel for message in messages} == {"console"}
    assert [message.title for message in messages] == ["A01 Silent lead (1)"] * 2


def test_fifty_leads_of_one_rep_in_one_minute_are_one_message_of_fifty_lines_to_each() -> None:
    """3.4.8-6: although the fifty commands fired one after another"""
    alerts = [silent(number) for number in range(50)]
    groups = groups_of(*alerts)
    assert [(group.recipient, due(group, GIVEN)) for group in groups] == [(MANAGER_ZHOU, SEND), (REP_LI, SEND)]
    for group in groups:
        message = told(group, *alerts).fact(NotificationRequested)
        assert len(message.lines) == len(message.alerts) == 50


def test_a_message_that_was_asked_for_is_not_asked_for_again() -> None:
    """3.4.4-2, 3.4.4-3"""
    alert = silent(1)
    requests = [told(group, alert).fact(NotificationRequested) for group in groups_of(alert)]
    assert [due(group, GIVEN) for group in groups_of(alert, *requests)] == [None, None]
    for group in groups_of(alert):
        told(group, alert, *requests).then()


def test_an_alert_that_was_resolved_before_its_message_is_left_out() -> None:
    first, second = silent(1), silent(2)
    resolved = AlertResolved(
        alert_id=first.alert_id, dedup_key=first.dedup_key, by="condition", cause="late_entry", resolved_at=SEND
    )
    (group, _) = groups_of(first, second)
    assert told(group, first, second, resolved).fact(NotificationRequested).alerts == [second.alert_id]
    (alone, _) = groups_of(first)
    told(alone, first, resolved).then()


def test_a_new_owner_is_told_later_than_the_supervisor() -> None:
    """3.4.7"""
    alert = silent(1, owned_since=at("05-06 16:00"))
    sending = {group.recipient: due(group, GIVEN) for group in groups_of(alert)}
    assert sending == {MANAGER_ZHOU: SEND, REP_LI: at("05-07 11:00")}


def test_an_escalation_is_a_message_of_its_own() -> None:
    higher = escalated(1, DIRECTOR_SUN).model_copy(
        update={"rule_code": "A01", "group": "A01 escalated-1 2026-03-10T02:00:00+00:00", "notify_at": SEND}
    )
    (group,) = groups_of(higher)
    assert (group.recipient, group.step, due(group, GIVEN)) == (DIRECTOR_SUN, "escalated-1", SEND)


def test_each_webhook_that_takes_a_persons_messages_gets_one() -> None:
    alert = silent(1)
    channels = Channels({"hook-b": (), "hook-a": (REP_LI,), "hook-c": (DIRECTOR_SUN,)})
    manager, rep = (told(group, alert, channels=channels) for group in groups_of(alert))
    assert [fact.channel for fact in manager.facts if isinstance(fact, NotificationRequested)] == ["webhook:hook-b"]
    assert [fact.channel for fact in rep.facts if isinstance(fact, NotificationRequested)] == [
        "webhook:hook-a",
        "webhook:hook-b",
    ]


def test_a_very_long_message_says_how_much_it_leaves_out() -> None:
    alert = silent(1)
    alerts = [alert.model_copy(update={"alert_id": f"alert-{number}"}) for number in range(MOST_LINES + 5)]
    message = told(groups_of(*alerts)[0], *alerts).fact(NotificationRequested)
    assert (len(message.lines), message.lines[-1]) == (MOST_LINES, "… and 6 more")
    assert len(message.alerts) == MOST_LINES + 5


def asked_for() -> NotificationRequested:
    alert = silent(1)
    message: NotificationRequested = told(groups_of(alert)[0], alert).fact(NotificationRequested)
    return message


def test_a_message_goes_out_by_the_kind_of_its_channel() -> None:
    message = asked_for()
    for channel, kind, address in (("console", "console", ""), ("webhook:hook-a", "webhook", "hook-a")):
        (one,) = recorded(message.model_copy(update={"channel": channel}))
        (effect,) = react(one, Group(message.notification_id))
        assert isinstance(effect, Effect)
        assert (effect.kind, effect.payload["address"], effect.payload["lines"]) == (kind, address, message.lines)


def test_what_became_of_a_message_is_noted_once() -> None:
    message = asked_for()
    sent = NotificationSent(notification_id=message.notification_id, channel="console", sent_at=SEND)
    failed = NotificationFailed(notification_id=message.notification_id, channel="console", why="gone", failed_at=SEND)
    note = NoteSent(notification_id=message.notification_id)
    given(NOTE_SENT, message).when(note, SEND).then(sent)
    given(NOTE_SENT, message, sent).when(note, SEND).then()
    fail = NoteFailed(notification_id=message.notification_id, why="gone")
    given(NOTE_FAILED, message).when(fail, SEND).then(failed)
    given(NOTE_FAILED, message, sent).when(fail, SEND).then()
    with pytest.raises(NotFound):
        given(NOTE_SENT).when(note, SEND)


def test_the_command_of_a_group_names_it_and_its_alerts() -> None:
    alert = silent(1)
    command = fire(groups_of(alert)[0], SEND).command
    assert isinstance(command, RequestNotification)
    assert (command.group, command.alerts) == (alert.group, (alert.alert_id,))
