"""The life cycle of alert rules over HTTP."""

from __future__ import annotations

from libs.service.rules import rule_router
from services.alerting.alert_rules.domain import ALERT_RULE

router = rule_router("alert-rules", ALERT_RULE)
