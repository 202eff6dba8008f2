"""Whose alerts a person sees."""

from __future__ import annotations

from collections.abc import Sequence

from libs.events.reading import Reader
from libs.service.auth import Person
from libs.service.organisation import visible_people
from services.alerting.alerts.projections import ALERTS

VISIBLE = "($2::text[] is null or owner_id = any($2) or reached ? $3)"
"""Alerts that were told to the person ($3), or are about people whose work the person may see ($2)."""


async def visible_alerts(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those that were told to the person or are about people whose work the person may see."""
    rows = await read(ALERTS).fetch(
        f"select alert_id from alerts where tenant = $1 and {VISIBLE} and alert_id = any($4)",
        await visible_people(read, who),
        who.person_id,
        list(ids),
    )
    return {row["alert_id"] for row in rows}
