"""The webhooks of a tenant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from libs.events.contracts.alerting import WebhookRegistered, WebhookRemoved
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """An address that takes notifications; recipients: whose (none: everybody's)."""

    webhook_id: str
    version: int
    url: str
    recipients: list[str]
    registered_by: str
    registered_at: datetime
    removed_at: datetime | None = None


def keys(fact: Any) -> list[str]:
    """One group per webhook."""
    return [fact.webhook_id]


def fold(group: Group, recorded: Recorded[Any]) -> list[WebhookRow]:
    """The webhook after one more fact of its stream."""
    fact = recorded.fact
    match fact:
        case WebhookRegistered():
            return [
                WebhookRow(
                    webhook_id=fact.webhook_id,
                    version=recorded.version,
                    url=fact.url,
                    recipients=list(fact.recipients),
                    registered_by=fact.registered_by,
                    registered_at=recorded.recorded_at,
                )
            ]
        case WebhookRemoved():
            rows = group.all(WebhookRow)
            return [replace(row, version=recorded.version, removed_at=recorded.recorded_at) for row in rows]
        case _:
            return group.all(WebhookRow)


WEBHOOKS = Projection(
    name="webhooks",
    version=1,
    reads=(WebhookRegistered, WebhookRemoved),
    tables=(Table("webhooks", WebhookRow),),
    keys=keys,
    fold=fold,
)
