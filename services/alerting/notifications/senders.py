"""Messages as structured lines in the log of the process: the channel of everybody who has no other."""

from __future__ import annotations

import structlog

from libs.events.effects import EffectRow, EffectTools
from services.alerting.notifications.domain import NOTE_SENT, NoteSent

logger = structlog.get_logger("notifications")


async def send_to_console(effect: EffectRow, tools: EffectTools) -> None:
    """Write the message and record that it went out."""
    message = effect.payload
    logger.info(
        "notification",
        tenant=effect.tenant,
        notification_id=message["notification_id"],
        recipient=message["recipient"],
        title=message["title"],
        lines=message["lines"],
    )
    await tools.runner.run(NOTE_SENT, NoteSent(notification_id=message["notification_id"]), tools.request)
