"""Handoffs from sales to delivery: complete or not at all, taken on in time, or reported when they stand still."""

from __future__ import annotations

from typing import Any

from dev.day.cast import ANNA, EMMA, HEAD_OF_DELIVERY, NAMES, OWNER, QIAN
from dev.day.hours import Day
from dev.day.plan import PlannedLead

SCENE = "solution_confirmation"
ITEMS = ("requirement_list", "solution_document", "risk_list", "acceptance_criteria")
LEFT_OUT = "risk_list"


def handed_over(day: Day) -> None:
    """14:00: one handoff is refused because something is missing, then complete; the other one is complete."""
    day.come_to("14:00", "two deals are handed to delivery; one handoff is not complete")
    first, second = day.plan.the("handed"), day.plan.the("stalled")
    path = _draft(day, first, QIAN.person_id)
    items = [item for item in _items(first) if item["code"] != LEFT_OUT]
    refused = day.clients.refused(first.suits, "collaboration", f"{path}/submit", {"items": items})
    found = (refused["code"], refused["missing"])
    day.checks.equal("an incomplete handoff is refused by name", ("RULE_VIOLATION", [LEFT_OUT]), found)
    day.clients.post(first.suits, "collaboration", f"{path}/submit", {"items": _items(first)})
    other = _draft(day, second, ANNA.person_id)
    day.clients.post(second.suits, "collaboration", f"{other}/submit", {"items": _items(second)})

    day.come_to("14:40", f"{QIAN.name} takes the first one on")
    day.clients.post(QIAN.person_id, "collaboration", f"{path}/accept")
    day.checks.equal("it is accepted in time, and nobody is told", [], _handoff(day, path)["briefs"])
    day.come_to("15:20", f"{QIAN.name} delivers, {NAMES[first.suits]} confirms with five points")
    _deliver(day, path, QIAN.person_id, first)


def one_stands_still(day: Day) -> None:
    """16:00:01: two business hours without a move; the superiors of both sides get a brief and an alert."""
    lead = day.plan.the("stalled")
    path = _path_of(day, lead)
    day.come_to("16:00:00")
    before = _handoff(day, path)["briefs"]
    day.come_to("16:00:01", f"{ANNA.name} has not moved for two hours: both superiors hear of it")
    briefs = _handoff(day, path)["briefs"]
    found = [NAMES[person] for brief in briefs for person in brief["notified"]]
    expected = [HEAD_OF_DELIVERY.name, EMMA.name]
    day.checks.equal("a handoff that stands still is told to both superiors", expected, [*before, *found])
    day.come_to("16:04")
    handoff_id = path.rsplit("/", 1)[-1]
    alerts = day.clients.get(EMMA.person_id, "alerting", f"/v1/alerts?rule=A08&subject={handoff_id}")["items"]
    found = [f"due {day.local(alert['due_at'])}, {alert['late_by']} s late" for alert in alerts]
    day.checks.equal("its alert was raised on time", ["due Mon 16:00:01, 0 s late"], found)

    day.come_to("16:30", f"{ANNA.name} takes it on and delivers")
    day.clients.post(ANNA.person_id, "collaboration", f"{path}/accept")
    _deliver(day, path, ANNA.person_id, lead)
    day.timeline.drain()
    state = day.clients.get(OWNER.person_id, "alerting", f"/v1/alerts/{alerts[0]['alert_id']}")["state"]
    day.checks.equal("the alert resolves by itself", "resolved", state)


def _draft(day: Day, lead: PlannedLead, to_person: str) -> str:
    body = {"scene": SCENE, "subject_type": "opportunity", "subject_id": day.deal_ids[lead.external_id]}
    answer = day.clients.post(lead.suits, "collaboration", "/v1/handoffs", {**body, "to_person": to_person})
    return f"/v1/handoffs/{answer['id']}"


def _path_of(day: Day, lead: PlannedLead) -> str:
    subject = day.deal_ids[lead.external_id]
    (found,) = day.clients.get(OWNER.person_id, "collaboration", f"/v1/handoffs?subject_id={subject}")["items"]
    return f"/v1/handoffs/{found['handoff_id']}"


def _handoff(day: Day, path: str) -> Any:
    return day.clients.get(OWNER.person_id, "collaboration", path)


def _items(lead: PlannedLead) -> list[dict[str, str]]:
    return [{"code": code, "value": f"{lead.company} {code}"} for code in ITEMS]


def _deliver(day: Day, path: str, by: str, lead: PlannedLead) -> None:
    body = {"items": [{"code": "acceptance_criteria", "value": "已完成，见验收清单"}]}
    day.clients.post(by, "collaboration", f"{path}/deliver", body)
    day.clients.post(lead.suits, "collaboration", f"{path}/confirm", {"rating": 5})
