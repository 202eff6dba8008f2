"""The alerting service on one page: what it serves, projects and reacts to."""

from __future__ import annotations

from libs.rules.reference import REFERENCE
from libs.service.organisation import PEOPLE
from libs.service.service import Resource, Service
from services.alerting.alert_rules import api as alert_rules
from services.alerting.alerts import api as alerts
from services.alerting.alerts.projections import ALERTS
from services.alerting.alerts.queries import visible_alerts
from services.alerting.answers import api as answers
from services.alerting.boards import api as boards
from services.alerting.boards.domain import Marks
from services.alerting.boards.projections import BOARDS
from services.alerting.boards.queries import marks
from services.alerting.handoffs.reactions import STALLED_HANDOFFS
from services.alerting.notifications import api as notifications
from services.alerting.notifications.domain import CONSOLE, WEBHOOK, Channels
from services.alerting.notifications.projections import NOTIFICATION_GROUPS, NOTIFICATION_LOG
from services.alerting.notifications.queries import visible_notifications
from services.alerting.notifications.reactions import DELIVERY
from services.alerting.notifications.senders import send_to_console
from services.alerting.signals import api as signals
from services.alerting.signals.intake import Intake
from services.alerting.signals.projections import SIGNAL_LOG
from services.alerting.silence.projections import SILENCES
from services.alerting.silence.reactions import SILENCE_ENDS
from services.alerting.webhooks import api as webhooks
from services.alerting.webhooks.projections import WEBHOOKS
from services.alerting.webhooks.queries import channels
from services.alerting.webhooks.sender import send_to_webhook

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
    providers={Channels: channels, Marks: marks},
    effects={CONSOLE: send_to_console, WEBHOOK: send_to_webhook},
    roles={"signals": lambda tools: Intake(tools).run},
    resources={
        "alert": Resource((ALERTS,), visible_alerts),
        "notification": Resource((NOTIFICATION_LOG,), visible_notifications),
    },
)
