"""Deals through their gates to both ends."""

from __future__ import annotations

import json
from typing import Any

from tests.api.firm import Firm, tell_of_rules
from tests.integration.organisations import HE, LI, SUN, WANG, ZHOU

SERVICE = "pipeline"
FILES = {
    "meeting_minutes": ("会议纪要.txt", "会议纪要：".encode()),
    "competitor_comparison_table": ("对比.pdf", b"%PDF-1.7\n"),
    "budget_confirmation_screenshot": ("预算.png", b"\x89PNG\r\n\x1a\n"),
}
STAGES = ("first_contact", "demand_diagnosis", "solution_design", "quotation", "contract_signing")
MAPPING = {
    "source": "old-crm",
    "zone": "Asia/Shanghai",
    "files": {"accounts.csv": {"entity": "accounts", "columns": {"account": "name"}}},
}


def tell(firm: Firm) -> None:
    """Everything of the pipeline."""
    clients = firm.clients
    account = firm.found("account_id", clients.post(LI, SERVICE, "/v1/accounts", {"name": "兰花精工"}))
    product = firm.found("product_id", clients.post(HE, SERVICE, "/v1/products", {"name": "GTX Pro"}))
    body = {"name": "兰花产线", "account_id": account, "product_id": product}
    _won(firm, clients.post(LI, SERVICE, "/v1/opportunities", body)["id"])
    _lost(firm, clients.post(LI, SERVICE, "/v1/opportunities", body)["id"])
    deal = firm.found("opportunity_id", clients.post(LI, SERVICE, "/v1/opportunities", body))
    clients.post(LI, SERVICE, f"/v1/opportunities/{deal}/advance", {"from": STAGES[0], "to": STAGES[1]})
    files = {"mapping": ("m.json", json.dumps(MAPPING).encode()), "files": ("accounts.csv", "account\n翠竹\n".encode())}
    firm.found("imports import_id", clients.post(HE, SERVICE, "/v1/imports", files=files))
    tell_of_rules(firm, SERVICE, "pipeline-definitions")


def _won(firm: Firm, deal: str) -> None:
    """A file is invalidated and named again, a stage is left backwards and forwards again."""
    clients, path = firm.clients, f"/v1/opportunities/{deal}"
    clients.post(LI, SERVICE, f"{path}/advance", {"from": STAGES[0], "to": STAGES[1]})
    uploaded = {kind: _upload(firm, path, kind) for kind in FILES}
    requirement = f"{path}/requirements/meeting_minutes"
    clients.post(ZHOU, SERVICE, f"{requirement}/invalidate", {"cause": "没有客户签字"})
    clients.post(LI, SERVICE, f"{requirement}/complete", {"evidence": [uploaded["meeting_minutes"]]})
    clients.post(LI, SERVICE, f"{path}/advance", {"from": STAGES[1], "to": STAGES[2]})
    clients.post(LI, SERVICE, f"{path}/advance", {"from": STAGES[2], "to": STAGES[3]})
    clients.post(LI, SERVICE, f"{path}/regress", {"to": STAGES[2], "reason_code": "customer_changed_need"})
    for before, after in ((2, 3), (3, 4)):
        clients.post(LI, SERVICE, f"{path}/advance", {"from": STAGES[before], "to": STAGES[after]})
    win = {"amount": {"amount": "300000", "currency": "CNY"}, "contract_id": "HT-2026-0007"}
    clients.post(LI, SERVICE, f"{path}/win", win)


def _lost(firm: Firm, deal: str) -> None:
    """Lost, reopened with another's consent, given to somebody else."""
    clients, path = firm.clients, f"/v1/opportunities/{deal}"
    clients.post(LI, SERVICE, f"{path}/lose", {"reason_code": "price", "competitor": "老对手"})
    clients.post(ZHOU, SERVICE, f"{path}/reopen", {"reason": "客户回来了", "approver": SUN})
    clients.post(ZHOU, SERVICE, f"{path}/transfer", {"to_owner": WANG, "handover": "客户偏好线下拜访"})


def _upload(firm: Firm, path: str, kind: str) -> Any:
    name, head = FILES[kind]
    file = (name, head + f"{path}{kind}".encode() + b" " * 2_000, "application/octet-stream")
    form = {"kind": kind, "created_on": "2026-02-25"}
    return firm.clients.post(LI, SERVICE, f"{path}/evidence", files={"file": file}, data=form)["id"]
