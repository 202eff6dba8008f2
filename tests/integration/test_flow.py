"""A lead goes through all five services, as a frontend team would do it over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dev.clients import Clients
from dev.stack import Stack, run_line
from dev.timeline import Timeline
from libs.events.contracts.lead_routing import Candidate
from services.lead_routing.routing.policy import RoutingPolicy
from services.lead_routing.routing.scoring import evaluate
from tests.integration.databases import rows, value
from tests.integration.organisations import (
    CONNECTOR,
    HE,
    LI,
    QIAN,
    SUN,
    WANG,
    WU,
    ZHOU,
    build_organisation,
    lead,
    shanghai,
)

FILES = {
    "meeting_minutes": ("会议纪要.txt", "会议纪要：".encode()),
    "competitor_comparison_table": ("对比.pdf", b"%PDF-1.7\n"),
    "budget_confirmation_screenshot": ("预算.png", b"\x89PNG\r\n\x1a\n"),
}
TO_DESIGN = {"from": "demand_diagnosis", "to": "solution_design"}


def test_a_lead_becomes_a_deal_that_is_handed_over_and_counted(clients: Clients, timeline: Timeline) -> None:
    """3.2.9-1, 3.3.8-1, 3.3.8-2"""
    timeline.advance(shanghai("02-27 09:00"))
    build_organisation(clients)
    lead_id = _captured_and_routed(clients, timeline)
    deal = _worked_on_and_converted(clients, timeline, lead_id)
    _through_its_gate(clients, deal)
    _handed_over(clients, timeline, deal)
    _counted(clients, timeline, deal)


def _captured_and_routed(clients: Clients, timeline: Timeline) -> str:
    """The best rep gets it, and what was recorded of all candidates names the same winner again."""
    lead_id = str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead("badge-1"))["id"])
    timeline.drain()
    seen = clients.get(WANG, "lead-routing", f"/v1/leads/{lead_id}")
    assert (seen["state"], seen["owner_id"], seen["company"]) == ("assigned", WANG, "苏州精工制造有限公司")
    assert seen["tags"]["region"] == "jiangsu/suzhou"
    (explained,) = clients.get(WANG, "lead-routing", f"/v1/leads/{lead_id}/routing-explanations")["items"]
    candidates = [Candidate.model_validate(one) for one in explained["candidates"]]
    assert {one.rep_id for one in candidates} >= {LI, WANG}
    unscored = [one.model_copy(update={"match": None, "score": None}) for one in candidates]
    assert evaluate(unscored, lead_id, explained["tier"], RoutingPolicy()).winner == explained["winner"] == WANG
    return lead_id


def _worked_on_and_converted(clients: Clients, timeline: Timeline, lead_id: str) -> str:
    """Accepted, called, converted: the pipeline opens the deal by itself."""
    path = f"/v1/leads/{lead_id}"
    clients.post(WANG, "lead-routing", f"{path}/accept")
    call_made = {"kind": "call", "direction": "out", "duration_s": 320, "text": "客户确认三月底前需要报价"}
    clients.post(WANG, "lead-routing", f"{path}/activities", call_made)
    assert clients.get(WANG, "lead-routing", path)["first_responded_at"] is not None
    body = {"amount": "300000", "currency": "CNY", "expected_close": "2026-04-30"}
    deal = str(clients.post(WANG, "lead-routing", f"{path}/convert", body)["id"])
    timeline.drain()
    opened = clients.get(WANG, "pipeline", f"/v1/opportunities/{deal}")
    assert (opened["owner_id"], opened["source_lead"], opened["stage"]) == (WANG, lead_id, "first_contact")
    assert (Decimal(opened["amount"]), opened["account_name"]) == (Decimal(300_000), "苏州精工制造有限公司")
    return deal


def _through_its_gate(clients: Clients, deal: str) -> None:
    """One piece of evidence is missing, and exactly that is said; with it, the gate opens."""
    path = f"/v1/opportunities/{deal}"
    clients.post(WANG, "pipeline", f"{path}/advance", {"from": "first_contact", "to": "demand_diagnosis"})
    for kind in ("meeting_minutes", "competitor_comparison_table"):
        _upload(clients, path, kind)
    refused = clients.refused(WANG, "pipeline", f"{path}/advance", TO_DESIGN)
    assert (refused["status"], refused["code"]) == (422, "RULE_VIOLATION")
    assert [rule["requirement"] for rule in refused["rules"]] == ["budget_confirmation_screenshot"]
    assert clients.get(WANG, "pipeline", path)["stage"] == "demand_diagnosis"
    _upload(clients, path, "budget_confirmation_screenshot")
    clients.post(WANG, "pipeline", f"{path}/advance", TO_DESIGN)
    visits = {one["stage"]: one for one in clients.get(WANG, "pipeline", f"{path}/history")["visits"]}
    package = visits["demand_diagnosis"]["package"]
    assert (package["required"], package["on_time"]) == (3, 3)
    assert visits["solution_design"]["left_at"] is None


def _upload(clients: Clients, path: str, kind: str) -> None:
    name, head = FILES[kind]
    file = (name, head + f"{path}{kind}".encode() + b" " * 2_000, "application/octet-stream")
    form = {"kind": kind, "created_on": "2026-02-26"}
    clients.post(WANG, "pipeline", f"{path}/evidence", files={"file": file}, data=form)


def _handed_over(clients: Clients, timeline: Timeline, deal: str) -> None:
    """Complete or not at all; when it stands still, the superiors of both sides hear of it at the very second."""
    body = {"scene": "marketing_lead_handoff", "subject_type": "opportunity", "subject_id": deal, "to_person": QIAN}
    handoff = str(clients.post(WANG, "collaboration", "/v1/handoffs", body)["id"])
    path = f"/v1/handoffs/{handoff}"
    items = [{"code": code, "value": "有"} for code in ("customer_profile", "touch_records", "initial_intent_grade")]
    timeline.advance(shanghai("02-27 17:00"))
    refused = clients.refused(WANG, "collaboration", f"{path}/submit", {"items": [items[0], items[2]]})
    assert (refused["code"], refused["missing"]) == ("RULE_VIOLATION", ["touch_records"])
    clients.post(WANG, "collaboration", f"{path}/submit", {"items": items})
    assert clients.get(QIAN, "collaboration", path)["state"] == "awaiting_acceptance"

    timeline.advance(shanghai("02-28 10:00:00"))
    assert clients.get(WU, "collaboration", path)["briefs"] == []
    timeline.advance(shanghai("02-28 10:00:01"))
    (brief,) = clients.get(WU, "collaboration", path)["briefs"]
    assert brief["notified"] == [WU, ZHOU]
    timeline.advance(shanghai("02-28 10:03"))
    (alert,) = clients.get(ZHOU, "alerting", f"/v1/alerts?rule=A08&subject={handoff}")["items"]
    assert (alert["due_at"], alert["late_by"], alert["level"]) == ("2026-02-28T02:00:01Z", 0, 0)
    told = clients.get(HE, "alerting", f"/v1/notifications?alert={alert['alert_id']}")["items"]
    assert sorted((one["recipient"], one["state"]) for one in told) == [(WU, "sent"), (ZHOU, "sent")]

    clients.post(QIAN, "collaboration", f"{path}/accept")
    timeline.drain()
    assert clients.get(ZHOU, "alerting", f"/v1/alerts/{alert['alert_id']}")["state"] == "resolved"


def _counted(clients: Clients, timeline: Timeline, deal: str) -> None:
    """The funnel and the process health know the deal, and name the facts of the pipeline's log they rest on."""
    funnel = clients.get(SUN, "kpi", "/v1/reports/funnel?by=owner")
    by_owner = {row["group"]: row for row in funnel["rows"]}
    assert (by_owner[WANG]["opened"], by_owner[WANG]["open"], by_owner[LI]["opened"]) == (1, 1, 0)
    behind = clients.get(SUN, "kpi", f"/v1/reports/funnel/lineage?figure=opened&by=owner&group={WANG}")["items"]
    assert [(one["type"], one["opportunity_id"]) for one in behind] == [("opportunity-opened.v1", deal)]

    health = clients.get(WANG, "kpi", f"/v1/people/{WANG}/process-health?month=2026-02")
    assert (health["action"]["required"], health["action"]["on_time"]) == (3, 3)
    query = f"subject={WANG}&period=2026-02"
    metric = clients.get(WANG, "kpi", f"/v1/metrics/action_completion_raw?{query}")
    used = clients.get(WANG, "kpi", f"/v1/metrics/action_completion_raw/lineage?{query}")["items"]
    assert (metric["n"], [one["part"] for one in used]) == (3, ["on_time"] * 3)
    ids = {one["event_id"] for one in (*behind, *used)}
    assert _own_facts(timeline.stack, "pipeline", ids) == ids


def test_a_silent_lead_is_told_of_once_and_a_rebuild_sends_nothing(clients: Clients, timeline: Timeline) -> None:
    """3.4.8-1, 3.4.8-4"""
    build_organisation(clients)
    timeline.advance(shanghai("03-06 16:00"))
    lead_id = str(clients.post(CONNECTOR, "lead-routing", "/v1/leads", lead("badge-2"))["id"])
    timeline.advance(shanghai("03-06 17:00"))
    act = {"kind": "call", "direction": "out", "duration_s": 90, "text": "客户要求下周一之后再联系"}
    clients.post(WANG, "lead-routing", f"/v1/leads/{lead_id}/activities", act)

    about = f"/v1/alerts?rule=A01&subject={lead_id}"
    timeline.advance(shanghai("03-09 17:00:00"))
    assert clients.get(HE, "alerting", about)["items"] == []
    timeline.advance(shanghai("03-09 17:00:01"))
    (alert,) = clients.get(WANG, "alerting", about)["items"]
    assert (alert["due_at"], alert["raised_at"]) == ("2026-03-09T09:00:01Z", "2026-03-09T09:00:01Z")
    timeline.advance(shanghai("03-09 17:03"))
    before = _all_that_was_told(clients, alert["alert_id"])
    assert sorted((one["recipient"], one["state"]) for one in before[0]) == [(ZHOU, "sent"), (WANG, "sent")]
    assert [(one["rule_code"], one["owner_id"]) for one in before[1]] == [("A01", WANG)]

    positions = _positions(timeline)
    for name in ("alerts", "notification-groups", "boards"):
        said = run_line(timeline.stack.members["alerting"], "projections", "rebuild", name)
        assert "the new build serves" in said, said
    timeline.drain()
    assert _positions(timeline) == positions
    assert _all_that_was_told(clients, alert["alert_id"]) == before


def _all_that_was_told(clients: Clients, alert_id: str) -> tuple[list[Any], list[Any], Any]:
    """The messages about an alert, its marks on the board, and the alert itself."""
    told = clients.get(HE, "alerting", f"/v1/notifications?alert={alert_id}")["items"]
    board = clients.get(HE, "alerting", "/v1/boards/weekly?week=2026-W11")["items"]
    marks = [item for item in board if item["alert_id"] == alert_id]
    return told, marks, clients.get(HE, "alerting", f"/v1/alerts/{alert_id}")


def _positions(timeline: Timeline) -> dict[str, int]:
    """How many facts each service has written."""
    members = timeline.stack.members.values()
    return {one.name: value(one.database.owner_url, "select own_seq from log.head()") for one in members}


def _own_facts(stack: Stack, service: str, ids: set[str]) -> set[str]:
    """Which of these facts a service has written itself."""
    sql = "select event_id from log.events where own_seq is not null and event_id = any($1::text[]::uuid[])"
    return {str(event_id) for (event_id,) in rows(stack.members[service].database.owner_url, sql, list(ids))}
