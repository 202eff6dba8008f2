"""What a rep wrote last, for the check of new texts."""

from __future__ import annotations

from datetime import datetime

from libs.events.deciding import Command
from libs.events.reading import Reader
from libs.events.running import Request
from libs.service.sealing import opener
from services.lead_routing.followup.domain import RecentNotes
from services.lead_routing.followup.projections import REP_NOTES

COMPARED = 20


async def recent_notes(reader: Reader, request: Request, command: Command, now: datetime) -> RecentNotes:
    """The provider of `given[RecentNotes]`: the last 20 notes of whoever asks, as far as they can be opened."""
    rows = await reader(REP_NOTES).fetch(
        "select note from rep_notes where tenant = $1 and rep_id = $2 order by happened_at desc, activity_id limit $3",
        request.actor.id,
        COMPARED,
    )
    texts = await opener(reader).open_all([note for (note,) in rows])
    return RecentNotes(tuple(text for text in texts if text is not None))
