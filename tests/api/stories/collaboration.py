"""Handoffs between departments, with what is said on the way; events and the to-dos that follow."""

from __future__ import annotations

from tests.api.firm import Firm, tell_of_rules
from tests.integration.organisations import HE, LI, QIAN

SERVICE = "collaboration"
CODES = ("customer_profile", "touch_records", "initial_intent_grade")
ITEMS = {"items": [{"code": code, "value": "有"} for code in CODES]}


def tell(firm: Firm) -> None:
    """Everything of collaboration."""
    clients = firm.clients
    _confirmed(firm)
    unwanted = _drafted(firm, "deal-2")
    clients.post(LI, SERVICE, f"{unwanted}/cancel", {"cause": "客户改期"})
    open_one = _drafted(firm, "deal-3")
    clients.post(LI, SERVICE, f"{open_one}/submit", ITEMS)
    firm.ids["handoff_id"] = open_one.rpartition("/")[2]
    asked = clients.post(QIAN, SERVICE, f"{open_one}/clarifications", {"question": "预算是多少？"})
    firm.found("clarification_id", asked)
    _events(firm)
    tell_of_rules(firm, SERVICE, "flows")
    tell_of_rules(firm, SERVICE, "deliverable-templates")


def _drafted(firm: Firm, subject: str) -> str:
    """The path of a new handoff from Li to Qian."""
    body = {"scene": "marketing_lead_handoff", "subject_type": "lead", "subject_id": subject, "to_person": QIAN}
    return f"/v1/handoffs/{firm.clients.post(LI, SERVICE, '/v1/handoffs', body)['id']}"


def _confirmed(firm: Firm) -> None:
    """Submitted, sent back, submitted again, asked about, paused, delivered in two parts, confirmed."""
    path = _drafted(firm, "deal-1")
    asked = ""
    for person, verb, body in (
        (LI, "submit", ITEMS),
        (QIAN, "return", {"reason_code": "incomplete", "missing": ["touch_records"], "note": "缺少通话记录"}),
        (LI, "submit", ITEMS),
        (QIAN, "accept", None),
        (QIAN, "clarifications", {"question": "客户预算是多少？", "item": "customer_profile"}),
        (LI, "clarifications/{asked}/answer", {"answer": "三十万"}),
        (QIAN, "pause", {"reason_code": "waiting_for_customer", "evidence": "客户邮件"}),
        (QIAN, "resume", None),
        (LI, "comments", {"text": "客户更希望线下沟通，请提前一天约时间"}),
        (QIAN, "items", {"item": {"code": "first_call", "value": "已完成"}}),
        (QIAN, "deliver", {"items": [{"code": "quotation", "value": "报价单第二版"}]}),
        (LI, "confirm", {"rating": 4}),
    ):
        answer = firm.clients.post(person, SERVICE, f"{path}/{verb.format(asked=asked)}", body)
        asked = answer["id"] if verb == "clarifications" else asked


def _events(firm: Firm) -> None:
    event = {"kind": "legal_review_done", "subject_type": "opportunity", "subject_id": "deal-1"}
    firm.clients.post(LI, SERVICE, "/v1/collab-events", event)
    firm.timeline.drain()
    todos = firm.clients.get(HE, SERVICE, "/v1/todos?state=open")["items"]
    firm.ids["todo_id"] = todos[0]["todo_id"]
    firm.clients.post(HE, SERVICE, f"/v1/todos/{todos[-1]['todo_id']}/complete", {"outcome": "已处理"})
