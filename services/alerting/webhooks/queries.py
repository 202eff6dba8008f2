"""The channels that follow from the webhooks of a tenant."""

from __future__ import annotations

from datetime import datetime

from libs.events.deciding import Command
from libs.events.reading import Reader
from libs.events.running import Request
from services.alerting.notifications.domain import Channels
from services.alerting.webhooks.projections import WEBHOOKS


async def channels(reader: Reader, request: Request, command: Command, now: datetime) -> Channels:
    """The provider of `given[Channels]`."""
    rows = await reader(WEBHOOKS).fetch(
        "select webhook_id, recipients from webhooks where tenant = $1 and removed_at is null"
    )
    return Channels({row["webhook_id"]: tuple(row["recipients"]) for row in rows})
