"""Whose messages a person sees."""

from __future__ import annotations

from collections.abc import Sequence

from libs.events.reading import Reader
from libs.service.auth import Person
from libs.service.organisation import visible_people
from services.alerting.notifications.projections import NOTIFICATION_LOG


async def visible_notifications(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those to people whose work the person may see."""
    rows = await read(NOTIFICATION_LOG).fetch(
        "select notification_id from notifications where tenant = $1"
        " and ($2::text[] is null or recipient = any($2)) and notification_id = any($3)",
        await visible_people(read, who),
        list(ids),
    )
    return {row["notification_id"] for row in rows}
