"""Alerts about a lead that is silent, what people answer to them, webhooks, partners' signals."""

from __future__ import annotations

from datetime import timedelta

from tests.api.firm import Firm, tell_of_rules
from tests.integration.organisations import CONNECTOR, HE, LI, SUN

SERVICE = "alerting"


def tell(firm: Firm) -> None:
    """Everything of alerting."""
    clients = firm.clients
    tell_of_rules(firm, SERVICE, "alert-rules")
    first, second = _alerts(firm)
    until = (firm.timeline.now + timedelta(hours=20)).isoformat()
    clients.post(HE, SERVICE, f"/v1/alerts/{first}/ack", {"until": until, "next_action": "今天下午上门"})
    clients.post(HE, SERVICE, f"/v1/alerts/{first}/feedback", {"verdict": "useful", "comment": "及时"})
    clients.post(HE, SERVICE, f"/v1/alerts/{second}/resolve", {"cause": "已电话联系"})
    firm.ids["alert_id"] = first
    hook = {"url": "https://hooks.example.com/one", "recipients": [SUN]}
    removed = clients.post(HE, SERVICE, "/v1/webhooks", hook)["id"]
    clients.post(HE, SERVICE, f"/v1/webhooks/{removed}/remove")
    firm.found("webhook_id", clients.post(HE, SERVICE, "/v1/webhooks", {**hook, "recipients": []}))
    signal = {
        "specversion": "1.0",
        "id": "wms-4711",
        "source": "/partners/wms",
        "type": "shipment.delayed",
        "time": "2026-02-24T09:00:00+08:00",
        "subject": "order/7",
        "data": {"days": 3},
    }
    clients.post(CONNECTOR, SERVICE, "/v1/signals", signal)


def _alerts(firm: Firm) -> tuple[str, str]:
    """Two alerts about leads of Li's that are silent for a minute, which is too long by the tenant's own rule."""
    clients = firm.clients
    rule = {
        **clients.get(HE, SERVICE, "/v1/alert-rules/alert-a01")["document"],
        "limit": {"hours": "0.01", "clock": "wall"},
    }
    clients.post(HE, SERVICE, "/v1/alert-rules", {"rule_id": "alert-a01", "name": "沉默", "document": rule})
    clients.post(HE, SERVICE, "/v1/alert-rules/alert-a01/publish", {"override": "试运行"})
    firm.timeline.advance(firm.timeline.now + timedelta(minutes=1))
    first, second, *_ = clients.get(LI, SERVICE, "/v1/alerts?rule=A01&state=firing")["items"]
    return first["alert_id"], second["alert_id"]
