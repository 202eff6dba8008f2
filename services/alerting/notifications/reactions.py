"""A message that was asked for goes out by its channel."""

from __future__ import annotations

from typing import Any

from libs.events.contracts.alerting import NotificationRequested
from libs.events.facts import Recorded
from libs.events.projecting import Group
from libs.events.reacting import Effect, Reaction


def react(recorded: Recorded[Any], group: Group) -> list[Effect]:
    """One effect; the kind of the channel is who sends it: `console`, or `webhook` of `webhook:<id>`."""
    fact: NotificationRequested = recorded.fact
    kind, _, address = fact.channel.partition(":")
    payload = {
        "notification_id": fact.notification_id,
        "recipient": fact.recipient,
        "address": address,
        "alerts": fact.alerts,
        "step": fact.step,
        "title": fact.title,
        "lines": fact.lines,
        "requested_at": fact.requested_at.isoformat(),
    }
    return [Effect(kind, payload, target=fact.notification_id)]


DELIVERY = Reaction("notification-delivery", (NotificationRequested,), react)
