"""Leads, people, teams, pools, calendars."""

from __future__ import annotations

import json

from tests.api.firm import Firm, tell_of_rules
from tests.integration.organisations import CONNECTOR, HE, LI, POOL, ZHOU, Person, lead, pooled_lead, register

SERVICE = "lead-routing"
MAPPING = {
    "source": "old-crm",
    "zone": "Asia/Shanghai",
    "date_formats": ["%Y-%m-%d"],
    "files": {"people.csv": {"entity": "people", "columns": {"account": "name"}}},
}


def tell(firm: Firm) -> None:
    """Everything of lead-routing."""
    _leads(firm)
    _pools(firm)
    _people(firm)
    _calendars(firm)
    _imports(firm)
    tell_of_rules(firm, SERVICE, "routing-policies")
    tell_of_rules(firm, SERVICE, "tier-policies")


def given_lead(firm: Firm, badge: str) -> str:
    """The id of a lead that came in and that Li was given by hand."""
    lead_id = str(firm.clients.post(CONNECTOR, SERVICE, "/v1/leads", lead(badge))["id"])
    firm.clients.post(HE, SERVICE, f"/v1/leads/{lead_id}/assign", {"rep_id": LI, "reason": "老客户"})
    return lead_id


def _leads(firm: Firm) -> None:
    clients = firm.clients
    lead_id = given_lead(firm, "badge-1")
    path = f"/v1/leads/{lead_id}"
    clients.post(HE, SERVICE, f"{path}/tags", {"dimension": "region", "value": "jiangsu/wuxi", "reason": "名片地址"})
    clients.post(LI, SERVICE, f"{path}/accept")
    activity = {"kind": "call", "direction": "out", "duration_s": 320, "text": "客户确认三月底前需要报价"}
    clients.post(LI, SERVICE, f"{path}/activities", activity)
    body = {"amount": "300000", "currency": "CNY", "expected_close": "2026-04-30"}
    clients.post(LI, SERVICE, f"{path}/convert", body)

    clients.post(LI, SERVICE, f"/v1/leads/{given_lead(firm, 'badge-2')}/decline", {"reason_code": "conflict"})
    useless = given_lead(firm, "badge-3")
    clients.post(LI, SERVICE, f"/v1/leads/{useless}/disqualify", {"reason_code": "no_need"})
    clients.post(HE, SERVICE, f"/v1/leads/{useless}/reopen", {"reason": "客户回电"})
    gone = given_lead(firm, "badge-gone")
    clients.post(HE, SERVICE, f"/v1/leads/{gone}/erase", {"reason_code": "requested_by_the_person"})
    firm.ids["lead_id"] = given_lead(firm, "badge-4")


def _pools(firm: Firm) -> None:
    clients = firm.clients
    register(clients, Person("hong", "洪销售", a_day=0))  # claims leads and is given none, so she has lost none
    pooled = pooled_lead(clients, "badge-5")
    clients.post("hong", SERVICE, f"/v1/leads/{pooled}/claim")
    clients.post("hong", SERVICE, f"/v1/leads/{pooled}/release", {"reason": "客户要求换人"})
    firm.ids["pool_id"] = POOL


def _people(firm: Firm) -> None:
    clients = firm.clients
    clients.post(clients.admin, SERVICE, "/v1/reps", {"rep_id": "temp", "name": "临时工", "roles": ["rep"]})
    clients.post(clients.admin, SERVICE, "/v1/reps/temp/manager", {"manager_id": ZHOU})
    clients.post(clients.admin, SERVICE, "/v1/reps/temp/team", {"team_id": "east"})
    clients.post(clients.admin, SERVICE, "/v1/reps/temp/deactivate", {"reason": "合同到期"})
    leave = {"starts_at": "2027-03-09T09:00:00+08:00", "ends_at": "2027-03-14T00:00:00+08:00"}
    leave_id = firm.found("leave_id", clients.post(LI, SERVICE, f"/v1/reps/{LI}/leave", leave))
    clients.post(LI, SERVICE, f"/v1/reps/{LI}/leave/{leave_id}/cancel")
    later = {"starts_at": "2027-05-03T09:00:00+08:00", "ends_at": "2027-05-08T00:00:00+08:00"}
    firm.found("leave_id", clients.post(LI, SERVICE, f"/v1/reps/{LI}/leave", later))
    firm.ids["rep_id"] = LI


def _calendars(firm: Firm) -> None:
    calendar = {"calendar_id": "urumqi", "version": "1", "zone": "Asia/Urumqi"}
    firm.clients.post(HE, SERVICE, "/v1/calendars", calendar)
    firm.clients.post(HE, SERVICE, "/v1/calendars/urumqi/assign", {"scope": "person", "subject_id": "temp"})
    firm.ids["calendar_id"] = "urumqi"


def _imports(firm: Firm) -> None:
    files = {"mapping": ("m.json", json.dumps(MAPPING).encode()), "files": ("people.csv", "account\n兰花\n".encode())}
    started = firm.clients.post(HE, SERVICE, "/v1/lead-imports", files=files)
    firm.found("lead-imports import_id", started)
