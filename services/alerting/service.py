"""The alerting service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from collections.abc import Sequence

from libs.events.reading import Reader
from libs.rules.reference import REFERENCE
from libs.service.auth import Person
from libs.service.organisation import PEOPLE, visible_people
from libs.service.service import Resource, Service
from services.alerting.alert_rules import api as alert_rules
from services.alerting.alerts import api as alerts
from services.alerting.alerts.projections import ALERTS
from services.alerting.answers import api as answers
from services.alerting.boards import api as boards
from services.alerting.boards.domain import Marks
from services.alerting.boards.projections import BOARDS
from services.alerting.boards.queries import marks_provider
from services.alerting.handoffs.reactions import STALLED_HANDOFFS
from services.alerting.notifications import api as notifications
from services.alerting.notifications.domain import CONSOLE, WEBHOOK, Channels
from services.alerting.notifications.projections import NOTIFICATION_GROUPS, NOTIFICATION_LOG
from services.alerting.notifications.reactions import DELIVERY
from services.alerting.notifications.senders import send_to_console
from services.alerting.signals import api as signals
from services.alerting.signals.intake import Intake
from services.alerting.signals.projections import SIGNAL_LOG
from services.alerting.silence.projections import SILENCES
from services.alerting.silence.reactions import SILENCE_ENDS
from services.alerting.webhooks import api as webhooks
from services.alerting.webhooks.projections import WEBHOOKS, channels_provider
from services.alerting.webhooks.sender import send_to_webhook


async def visible_alerts(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those that were told to the person or are about people whose work the person may see."""
    rows = await read(ALERTS).fetch(
        f"select alert_id from alerts where tenant = $1 and {alerts.VISIBLE} and alert_id = any($4)",
        await visible_people(read, who),
        who.person_id,
        list(ids),
    )
    return {row["alert_id"] for row in rows}


async def visible_notifications(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those to people whose work the person may see."""
    rows = await read(NOTIFICATION_LOG).fetch(
        "select notification_id from notifications where tenant = $1"
        " and ($2::text[] is null or recipient = any($2)) and notification_id = any($3)",
        await visible_people(read, who),
        list(ids),
    )
    return {row["notification_id"] for row in rows}


SERVICE = Service(
    name="alerting",
    title="Silence, alerts, escalations, notifications, boards, signals",
    listens=("lead-routing", "pipeline", "collaboration", "kpi"),
    routers=(
        alerts.router,
        answers.router,
        alert_rules.router,
        boards.router,
        notifications.router,
        webhooks.router,
        signals.router,
    ),
    projections=(
        REFERENCE,
        PEOPLE,
        SILENCES,
        ALERTS,
        NOTIFICATION_GROUPS,
        NOTIFICATION_LOG,
        BOARDS,
        WEBHOOKS,
        SIGNAL_LOG,
    ),
    reactions=(SILENCE_ENDS, STALLED_HANDOFFS, DELIVERY),
    providers={Channels: channels_provider, Marks: marks_provider},
    effects={CONSOLE: send_to_console, WEBHOOK: send_to_webhook},
    roles={"signals": lambda tools: Intake(tools).run},
    resources={
        "alert": Resource((ALERTS,), visible_alerts),
        "notification": Resource((NOTIFICATION_LOG,), visible_notifications),
    },
)
